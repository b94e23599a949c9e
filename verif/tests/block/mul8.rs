// SPDX-License-Identifier: Apache-2.0
//! The multiplier of the array: every product of its bytes, and of nine bits where it has a zero point.

use crate::common::{bench, block_variants};
use harness::verilated::Spec;
use rand::RngExt;

#[test]
fn mul8_gives_all_65536_signed_products_and_holds_its_weight() {
    block_variants("systole_mul8").iter().for_each(check_mul8);
}

fn check_mul8(spec: &Spec) {
    let checked = bench(spec, 1, |sim, clk| async move {
        let [load, x, w, p, zero] = ["load_i", "x_i", "w_i", "p_o", "zero_i"].map(|s| sim.signal(s));
        let mut random = sim.random("zero points that do not count");
        let mut due = std::collections::VecDeque::new();
        let mut checked = 0;
        for weight in -128i32..128 {
            for value in -128i32..128 {
                load.set(u64::from(value == -128));
                // A weight that is not loaded must not count.
                w.set(if value == -128 { weight as u8 } else { !weight as u8 }.into());
                zero.set(random.random_range(0..256));
                x.set((value as u8).into());
                due.push_back(weight * value);
                clk.rising_edge().await;
                if due.len() == 3 {
                    assert_eq!(p.get() as u16 as i16, due.pop_front().unwrap() as i16);
                    checked += 1;
                }
            }
        }
        checked
    });
    assert_eq!(checked, 65536 - 2);
}

#[test]
fn mul8_with_zero_points_gives_all_products_of_nine_bits() {
    let specs = block_variants("systole_mul8").map(|spec| spec.parameter("ZERO", 1));
    let soft = specs[1].clone().parameter("SOFT", 1);
    for spec in specs.iter().chain([&soft]) {
        let checked = bench(spec, 1, |sim, clk| async move {
            let [load, x, w, p, zero] = ["load_i", "x_i", "w_i", "p_o", "zero_i"].map(|s| sim.signal(s));
            let mut random = sim.random("bytes");
            // Each weight of nine bits by the lowest and the highest byte that make it, with every x; then every weight with every
            // zero point, with one.
            let held = (-255i32..256).flat_map(|v| [(v - 128).max(-128), (v + 127).min(127)].map(|w| (w, w - v)));
            let mut steps: Vec<(bool, i32, i32, i32)> = vec![];
            for (w, zero) in held {
                steps.extend((-128..128).map(|x| (x == -128, x, w, zero)));
            }
            for (w, zero) in (-128..128).flat_map(|w| (-128..128).map(move |zero| (w, zero))) {
                steps.push((true, if random.chance(0.5) { -128 } else { random.random_range(-128..128) }, w, zero));
            }
            let (mut due, mut checked) = (std::collections::VecDeque::new(), 0u64);
            for &(loads, value, weight, zero_point) in &steps {
                load.set(loads.into());
                // What is not loaded must not count.
                w.set(if loads { weight as u8 } else { random.random() }.into());
                zero.set(if loads { zero_point as u8 } else { random.random() }.into());
                x.set((value as u8).into());
                due.push_back((weight - zero_point) * value);
                clk.rising_edge().await;
                if due.len() == 3 {
                    assert_eq!(i32::from(p.get() as u16 as i16), due.pop_front().unwrap(), "16 bits are enough");
                    checked += 1;
                }
            }
            checked
        });
        assert_eq!(checked, 511 * 2 * 256 + 65536 - 2);
    }
}
