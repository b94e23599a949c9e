// SPDX-License-Identifier: Apache-2.0
//! Operands of the vector unit's arithmetic.

use super::stages::Stages;
use crate::common::{bench, block};
use harness::Stream;
use systole_golden::f24::F24;

/// A number for which something happens: any bits, near the other operand, near one, or at an edge.
fn number(random: &mut Stream, near: F24) -> F24 {
    let bits = match random.below(8) {
        0..=2 => random.below(1 << 24) as u32,
        3 => near.bits() ^ (1 << 23),
        4 => (near.bits() ^ (random.below(2) as u32) << 23).wrapping_add(random.below(9) as u32).wrapping_sub(4) & 0xff_ffff,
        5 => ((111 + random.below(32)) << 15 | random.below(1 << 15) | random.below(2) << 23) as u32,
        6 => [0, 1 << 15, 254 << 15 | 0x7fff, 1 << 23 | 254 << 15, 127 << 15, 1 << 23 | 127 << 15][random.below(6) as usize],
        // Exponents whose sum or difference is an edge of the range.
        _ => {
            let e = u64::from(near.bits() >> 15 & 0xff);
            let edge = [127u64, 128, 381, 380][random.below(4) as usize].saturating_sub(e).clamp(1, 254);
            (edge << 15 | random.below(1 << 15)) as u32
        }
    };
    F24::from_bits(bits)
}

/// Feeds pairs, one in most cycles, and compares what comes `stages` cycles later.
pub fn pairs(top: &'static str, stages: u32, output: &'static str, count: usize, want: fn(F24, F24) -> F24) {
    bench(&block(top), 1, move |sim, clk| async move {
        let [en, a, b, out] = ["en_i", "a_i", "b_i", output].map(|s| sim.signal(s));
        let mut enables = Stages::new(stages);
        let mut random = sim.random("operands");
        let mut due = std::collections::VecDeque::new();
        for _ in 0..count {
            let x = F24::from_bits(random.below(1 << 24) as u32);
            let x = number(&mut random, x);
            let y = number(&mut random, x);
            a.set(x.bits().into());
            b.set(y.bits().into());
            let there = !random.chance(0.05);
            en.set(enables.cycle(there));
            due.push_back(there.then_some((x, y)));
            clk.rising_edge().await;
            if due.len() > stages as usize
                && let Some((x, y)) = due.pop_front().unwrap()
            {
                assert_eq!(out.get() as u32, want(x, y).bits(), "{top} of {:06x} and {:06x}", x.bits(), y.bits());
            }
        }
    });
}
