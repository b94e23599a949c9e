// SPDX-License-Identifier: Apache-2.0
//! Integers as F24, against the golden model (docs/arithmetic.md).

use super::shared::stages::Stages;
use crate::common::{bench, block};
use rand::RngExt;
use systole_golden::f24::F24;

#[test]
fn integers_become_numbers() {
    for width in [32u32, 48] {
        bench(&block("systole_f24_int").parameter("WIDTH", i64::from(width)), 1, move |sim, clk| async move {
            let [en, x, f] = ["en_i", "x_i", "f_o"].map(|s| sim.signal(s));
            let mut enables = Stages::new(3);
            let mut random = sim.random("operands");
            let mut due = std::collections::VecDeque::new();
            for n in 0..100_000i64 {
                let bits = random.below(u64::from(width)) as u32;
                let magnitude = if n < 70_000 { n } else { (random.random::<u64>() >> (63 - bits)) as i64 };
                // Ties, and values beside them.
                let tie = (1i64 << bits | 1 << (bits.max(17) - 17)) + random.below(3) as i64 - 1;
                let v = if n % 7 == 0 { tie } else { magnitude };
                let v = if n % 2 == 0 { v } else { -v } << (64 - width) >> (64 - width);
                x.set(v as u64 & ((1 << width) - 1));
                let there = !random.chance(0.05);
                en.set(enables.cycle(there));
                due.push_back(there.then_some(v));
                clk.rising_edge().await;
                if due.len() > 3
                    && let Some(v) = due.pop_front().unwrap()
                {
                    assert_eq!(f.get() as u32, F24::from_int(v).bits(), "of {v}");
                }
            }
        });
    }
}
