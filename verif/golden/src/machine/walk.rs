// SPDX-License-Identifier: Apache-2.0
//! A nest of loops, step by step.

use systole_isa::nest::{Loop, Nest};

/// A nest being stepped: like `Nest::iter`, without allocation for each step.
pub(super) struct Walk<'a> {
    loops: &'a [Loop],
    index: [u32; 8],
    /// Cycle of the present step.
    pub(super) time: u64,
    /// Its addresses.
    pub(super) at: [i32; 5],
    /// Loop that stepped to get here; 99 for the first step.
    pub(super) stepped: usize,
    /// The last step is behind.
    pub(super) done: bool,
}

impl<'a> Walk<'a> {
    /// At the first step, in cycle `first`, with the addresses `base`.
    pub(super) fn new(nest: &'a Nest, first: u64, base: [i32; 5]) -> Walk<'a> {
        Walk { loops: &nest.loops, index: [0; 8], time: first, at: base, stepped: 99, done: false }
    }

    /// Goes on to the next step.
    #[inline]
    pub(super) fn step(&mut self) {
        for (l, lp) in self.loops.iter().enumerate() {
            if self.index[l] + 1 < lp.count {
                self.index[l] += 1;
                for (a, d) in self.at.iter_mut().zip(lp.d) {
                    *a = a.wrapping_add(d);
                }
                self.time += 1 + u64::from(lp.gap);
                self.stepped = l;
                return;
            }
            self.index[l] = 0;
        }
        self.done = true;
    }

    /// Whether all loops of `mask` are at their first iteration, or at their last.
    #[inline]
    pub(super) fn all(&self, mask: u32, last: bool) -> bool {
        self.loops.iter().enumerate().all(|(l, lp)| mask >> l & 1 == 0 || self.index[l] == if last { lp.count - 1 } else { 0 })
    }
}
