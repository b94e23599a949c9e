// SPDX-License-Identifier: Apache-2.0
//! The largest of some lanes (docs/vector.md), systole_vec_max and systole_vec_max4: of equal ones the first, magnitudes, none.

use crate::common::{bench, block};
use rand::RngExt;
use std::collections::VecDeque;
use systole_golden::f24::F24;

#[test]
fn the_first_of_the_largest_lanes_leaves_three_cycles_later() {
    const LANES: usize = 8;
    bench(&block("systole_vec_max").parameter("LANES", LANES), 2, |sim, clk| async move {
        let [en, s, count, magnitude, key, lane] =
            ["en_i", "s_i", "count_i", "magnitude_i", "key_o", "lane_o"].map(|n| sim.signal(n));
        en.set(7);
        let mut random = sim.random("numbers");
        let mut due = VecDeque::new();
        let mut none = 0;
        for t in 0..20_000 {
            // Few values, so that equal ones meet; of both signs.
            let few: Vec<u32> =
                (0..3).map(|_| (random.random_range(1..255) << 15 | random.random_range(0..1 << 15)) as u32).collect();
            let numbers: [F24; LANES] = std::array::from_fn(|_| {
                let bits = if random.chance(0.1) { 0 } else { few[random.random_range(0..3)] | random.random_range(0..2) << 23 };
                F24::from_bits(bits)
            });
            let (counts, magnitudes): (u8, bool) = (if random.chance(0.05) { 0 } else { random.random() }, random.random());
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.bits().to_le_bytes()[..3].to_vec()).collect();
            s.set_bytes(&bytes);
            count.set(counts.into());
            magnitude.set(magnitudes.into());
            let candidates = (0..LANES).filter(|l| counts >> l & 1 == 1).map(|l| {
                let n = if magnitudes { numbers[l].abs() } else { numbers[l] };
                (l, n)
            });
            due.push_back(candidates.fold(None::<(usize, F24)>, |best, (l, n)| match best {
                Some(b) if b.1.to_f64() >= n.to_f64() => Some(b),
                _ => Some((l, n)),
            }));
            clk.rising_edge().await;
            if due.len() <= 3 {
                continue;
            }
            match due.pop_front().unwrap() {
                None => {
                    assert_eq!(key.get(), 0, "cycle {t}");
                    none += 1;
                }
                Some((l, n)) => {
                    // A key compares as unsigned: negative numbers inverted, others with the top bit set.
                    let bits = n.bits();
                    let expected = if bits >> 23 == 1 { !bits & 0xff_ffff } else { bits | 1 << 23 };
                    assert_eq!((key.get(), lane.get()), (u64::from(expected), l as u64), "cycle {t}");
                }
            }
        }
        assert!(none > 500);
    });
}
