// SPDX-License-Identifier: Apache-2.0
//! The signed multiplier: every product of 8 and 9 bits, also in the multiplier of an ECP5.

use crate::common::{bench, block_variants};

#[test]
fn products_of_8_and_9_bits_are_right_in_a_multiplier_of_the_ecp5_and_without_one() {
    let [plain, ecp5] = block_variants("systole_mul");
    for (spec, bits) in [plain, ecp5.clone(), ecp5.parameter("SOFT", 1)].iter().flat_map(|spec| [(spec, 8), (spec, 9)]) {
        let spec = spec.clone().parameter("A_W", bits).parameter("B_W", 8);
        let checked = bench(&spec, 1, move |sim, clk| async move {
            let [en, a, b, p] = ["en_i", "a_i", "b_i", "p_o"].map(|s| sim.signal(s));
            en.set(1);
            let mask = |value: i32, bits: u32| (value as u32 & ((1 << bits) - 1)).into();
            let (mut due, mut checked) = (std::collections::VecDeque::new(), 0);
            let half = 1i32 << (bits - 1);
            for (n, (x, y)) in (-half..half).flat_map(|x| (-128i32..128).map(move |y| (x, y))).enumerate() {
                if n % 97 == 96 {
                    // A cycle that brings nothing: what it gives is not said, and it does no harm to what came before.
                    en.set(0);
                    a.set(mask(!x, bits));
                    clk.rising_edge().await;
                    assert_eq!(p.get(), mask(due.pop_front().unwrap(), bits + 8));
                    checked += 1;
                    en.set(1);
                }
                a.set(mask(x, bits));
                b.set(mask(y, 8));
                due.push_back(x * y);
                clk.rising_edge().await;
                if due.len() == 2 {
                    assert_eq!(p.get(), mask(due.pop_front().unwrap(), bits + 8));
                    checked += 1;
                }
            }
            checked
        });
        assert_eq!(checked, 256 * (1 << bits) - 1);
    }
}
