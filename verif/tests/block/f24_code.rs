// SPDX-License-Identifier: Apache-2.0
//! Codes and sixteenths of F24, against the golden model (docs/arithmetic.md).

use super::shared::stages::Stages;
use crate::common::{bench, block};
use systole_golden::f24::F24;

#[test]
fn codes_and_sixteenths_of_every_number_that_matters() {
    bench(&block("systole_f24_code"), 1, |sim, clk| async move {
        let [en, f, zp, lo, hi, code, t] =
            ["en_i", "f_i", "zero_point_i", "lo_i", "hi_i", "code_o", "t_o"].map(|s| sim.signal(s));
        let mut enables = Stages::new(2);
        let mut random = sim.random("operands");
        let mut due = std::collections::VecDeque::new();
        // Every number from 2^-9 to 512, both signs; then any.
        let all = (118u32 << 15..136 << 15).flat_map(|b| [b, b | 1 << 23]);
        let any: Vec<u32> = (0..20_000).map(|_| random.below(1 << 24) as u32).collect();
        for bits in all.step_by(3).chain(any) {
            let v = F24::from_bits(bits);
            let z = if random.chance(0.5) { 0 } else { random.below(256) as u8 as i8 };
            let (a, b) = (random.below(256) as u8 as i8, random.below(256) as u8 as i8);
            let (low, high) = if random.chance(0.5) { (-127, 127) } else { (a.min(b), a.max(b)) };
            f.set(v.bits().into());
            let there = !random.chance(0.05);
            en.set(enables.cycle(there));
            due.push_back((v, z, low, high, there));
            if let Some(&(_, z, low, high, _)) = due.len().checked_sub(2).and_then(|n| due.get(n)) {
                zp.set((z as u8).into());
                lo.set((low as u8).into());
                hi.set((high as u8).into());
            }
            clk.rising_edge().await;
            if due.len() > 2
                && let (v, z, low, high, true) = due.pop_front().unwrap()
            {
                assert_eq!(code.get() as u8 as i8, v.code(z, low, high), "code of {:06x}, {z} {low} {high}", v.bits());
                assert_eq!(((t.get() as i32) << 19) >> 19, v.t(), "sixteenths of {:06x}", v.bits());
            }
        }
    });
}
