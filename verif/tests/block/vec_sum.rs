// SPDX-License-Identifier: Apache-2.0
//! Exact sums in slots (docs/vector.md), systole_vec_sum and systole_vec_add4: values and squares, lanes that count, F24 at the end.

use crate::common::{bench, block};
use rand::RngExt;
use systole_golden::f24::F24;

#[test]
fn sums_in_any_slot_are_exact_until_they_become_a_number() {
    const LANES: usize = 8;
    bench(&block("systole_vec_sum").parameter("LANES", LANES), 2, |sim, clk| async move {
        let [en, value, count, square, slot, first, sum] =
            ["en_i", "value_i", "count_i", "square_i", "slot_i", "first_i", "sum_o"].map(|n| sim.signal(n));
        en.set(0xff);
        let mut random = sim.random("values");
        let mut slots = [None::<i64>; 16];
        // Of each cycle: slot, whether it begins anew, and the sum that it has then, if that is known.
        let mut steps: Vec<(usize, bool, Option<i64>)> = vec![];
        let mut checked = 0;
        for t in 0..20_000usize {
            let squares: bool = random.random();
            let (at, counts) = (random.random_range(0..16usize), random.random::<u8>());
            let anew = random.chance(0.05);
            let edge = random.chance(0.2);
            let values: [i64; LANES] = std::array::from_fn(|_| {
                if edge { [-4096, 4095, 0][random.random_range(0..3)] } else { random.random_range(-4096..4096) }
            });
            let bits = values.iter().rev().fold(0u128, |n, v| n << 13 | (v & 0x1fff) as u128);
            value.set_bytes(&bits.to_le_bytes()[..(LANES * 13).div_ceil(8)]);
            count.set(counts.into());
            square.set(squares.into());
            let added: i64 = (0..LANES)
                .filter(|l| counts >> l & 1 == 1)
                .map(|l| if squares { values[l] * values[l] } else { values[l] })
                .sum();
            let before = if anew { Some(0) } else { slots[at] };
            slots[at] = before.map(|b| b + added);
            steps.push((at, anew, slots[at]));
            if let Some(n) = t.checked_sub(4) {
                slot.set(steps[n].0 as u64);
                first.set(steps[n].1.into());
            }
            clk.rising_edge().await;
            if let Some((_, _, Some(expected))) = t.checked_sub(8).map(|n| steps[n]) {
                assert_eq!(sum.get(), u64::from(F24::from_int(expected).bits()), "cycle {t}");
                checked += 1;
            }
        }
        assert!(checked > 15_000);
    });
}
