// SPDX-License-Identifier: Apache-2.0
//! Nested loops: the one address generator of every unit.
//!
//! A nest visits its steps in the order of nested loops, loop 0 innermost. It carries five
//! addresses; when loop `l` steps, all inner loops return to their start and address `a`
//! gains `loops[l].d[a]` (a jump, not a stride). The step after it comes `1 + gap` cycles
//! later, with the gap of the loop that stepped.

/// One loop of a nest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Loop {
    /// Iterations, 1 to 16,384.
    pub count: u32,
    /// Idle cycles when this loop steps.
    pub gap: u8,
    /// Jumps of the five addresses.
    pub d: [i32; 5],
    /// The loop goes on for LENC more iterations; only the outermost loop may.
    pub len: bool,
}

/// The loops of one instruction, innermost first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Nest {
    /// The loops, innermost first; never empty in a legal instruction.
    pub loops: Vec<Loop>,
}

/// A loop given by strides: what each address gains for one iteration of this loop alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stride {
    /// Iterations.
    pub count: u32,
    /// Idle cycles when this loop steps.
    pub gap: u8,
    /// Strides of the five addresses.
    pub stride: [i32; 5],
}

/// One step of a nest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Cycles since the first step.
    pub time: u64,
    /// What the five addresses have gained since the first step.
    pub offset: [i32; 5],
    /// The loop that stepped to get here; `None` for the first step.
    pub stepped: Option<usize>,
    /// Bit `l`: loop `l` is at its first iteration.
    pub at_first: u8,
    /// Bit `l`: loop `l` is at its last iteration.
    pub at_last: u8,
}

impl Nest {
    /// A nest of jumps from strides, innermost first.
    pub fn from_strides(strides: &[Stride]) -> Nest {
        let mut back = [0i32; 5];
        let loops = strides
            .iter()
            .map(|s| {
                let mut d = [0; 5];
                for a in 0..5 {
                    d[a] = s.stride[a] - back[a];
                    back[a] += (s.count as i32 - 1) * s.stride[a];
                }
                Loop { count: s.count, gap: s.gap, d, len: false }
            })
            .collect();
        Nest { loops }
    }

    /// The nest as it runs where the register LENC is `lenc`: a plain one.
    pub fn at(&self, lenc: u32) -> Nest {
        let loops = self.loops.iter().map(|l| Loop { count: l.count + if l.len { lenc } else { 0 }, len: false, ..*l });
        Nest { loops: loops.collect() }
    }

    /// Steps in all, where LENC is 0.
    pub fn steps(&self) -> u64 {
        self.loops.iter().map(|l| u64::from(l.count)).product()
    }

    /// Cycles from the first step to the last.
    pub fn span(&self) -> u64 {
        let mut inner = 1u64;
        let mut idle = 0u64;
        for l in &self.loops {
            // Loop l steps (count - 1) times in each pass, and there is one pass for
            // every iteration of the loops outside it.
            idle = idle * u64::from(l.count) + u64::from(l.count - 1) * u64::from(l.gap);
            inner *= u64::from(l.count);
        }
        inner - 1 + idle
    }

    /// Every step, in order.
    pub fn iter(&self) -> Steps<'_> {
        Steps { nest: self, index: vec![0; self.loops.len()], next: Some(self.first()) }
    }

    fn first(&self) -> Step {
        let at_last = flags(self.loops.iter().map(|l| l.count == 1));
        Step { time: 0, offset: [0; 5], stepped: None, at_first: flags(self.loops.iter().map(|_| true)), at_last }
    }
}

fn flags(bits: impl Iterator<Item = bool>) -> u8 {
    bits.enumerate().fold(0, |acc, (i, b)| acc | u8::from(b) << i)
}

/// Iterator over the steps of a nest.
pub struct Steps<'a> {
    nest: &'a Nest,
    index: Vec<u32>,
    next: Option<Step>,
}

impl Iterator for Steps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let now = self.next?;
        let loops = &self.nest.loops;
        self.next = (0..loops.len()).find(|&l| self.index[l] + 1 < loops[l].count).map(|l| {
            self.index[..l].fill(0);
            self.index[l] += 1;
            let mut offset = now.offset;
            for (o, d) in offset.iter_mut().zip(loops[l].d) {
                *o = o.wrapping_add(d); // as the adders of the chip do
            }
            Step {
                time: now.time + 1 + u64::from(loops[l].gap),
                offset,
                stepped: Some(l),
                at_first: flags(self.index.iter().map(|&i| i == 0)),
                at_last: flags(self.index.iter().zip(loops).map(|(&i, l)| i + 1 == l.count)),
            }
        });
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn jumps_visit_the_addresses_of_plain_nested_loops(
            counts in proptest::collection::vec((1u32..5, 0u8..4, -20i32..20, -20i32..20), 1..5)
        ) {
            let strides: Vec<Stride> = counts
                .iter()
                .map(|&(count, gap, a, b)| Stride { count, gap, stride: [a, b, 0, 0, 0] })
                .collect();
            let nest = Nest::from_strides(&strides);
            let steps: Vec<Step> = nest.iter().collect();
            prop_assert_eq!(steps.len() as u64, nest.steps());
            prop_assert_eq!(steps.last().unwrap().time, nest.span());
            for (n, step) in steps.iter().enumerate() {
                let (mut rest, mut a, mut b) = (n as i32, 0, 0);
                for s in &strides {
                    let i = rest % s.count as i32;
                    rest /= s.count as i32;
                    a += i * s.stride[0];
                    b += i * s.stride[1];
                }
                prop_assert_eq!(step.offset, [a, b, 0, 0, 0]);
            }
        }
    }
}
