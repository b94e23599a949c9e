// SPDX-License-Identifier: Apache-2.0
//! The multiplier of the requantiser, at its corners and at random.

use super::shared::stages::Stages;
use crate::common::{bench, block_variants};
use harness::verilated::Spec;

#[test]
fn mul24_is_exact_at_its_corners_and_at_random() {
    block_variants("systole_mul24").iter().for_each(check_mul24);
}

fn check_mul24(spec: &Spec) {
    bench(spec, 1, |sim, clk| async move {
        let [en, a, b, p] = ["en_i", "a_i", "b_i", "p_o"].map(|s| sim.signal(s));
        let mut enables = Stages::new(2);
        let mut random = sim.random("operands");
        let corners = [0u64, 1, (1 << 17) - 1, 1 << 17, (1 << 23) + 1, (1 << 24) - 1, 1 << 24];
        let mut cases: Vec<(u64, u64)> = corners.iter().flat_map(|&a| corners[..6].iter().map(move |&b| (a, b))).collect();
        cases.extend((0..5000).map(|_| (random.below((1 << 24) + 1), random.below(1 << 24))));
        let mut due = std::collections::VecDeque::new();
        let mut last = 0; // what stands there until the next product comes
        for (n, (va, vb)) in cases.into_iter().enumerate() {
            a.set(va);
            b.set(vb);
            let there = n < 60 || !random.chance(0.05);
            en.set(enables.cycle(there));
            due.push_back(there.then_some(va * vb));
            clk.rising_edge().await;
            if due.len() == 3 {
                last = due.pop_front().unwrap().unwrap_or(last);
                assert_eq!(p.get(), last);
            }
        }
        // Without its enable the product keeps still, whatever comes.
        en.set(1);
        clk.rising_edge().await;
        clk.rising_edge().await;
        let stands = p.get();
        for _ in 0..20 {
            a.set(random.below(1 << 24));
            b.set(random.below(1 << 24));
            clk.rising_edge().await;
            assert_eq!(p.get(), stands, "the product without en_i[1]");
        }
    });
}
