// SPDX-License-Identifier: Apache-2.0
//! Accumulators: sums that are forwarded at every distance, in RTL and as Yosys makes them.

use crate::common::{bench, block, block_netlist};
use harness::verilated::Spec;
use rand::RngExt;

#[test]
fn accumulators_forward_at_every_distance() {
    accumulators::<4>(&block("systole_acc").parameter("COLS", 4).parameter("DEPTH", 16));
}

/// LUTs and their RAM, registers. The whole chip's netlist is in the long suite.
#[test]
fn accumulators_forward_as_yosys_makes_them_for_an_ecp5() {
    accumulators::<2>(&block_netlist("systole_acc", &["COLS=2", "DEPTH=16"]));
}

fn accumulators<const COLS: usize>(spec: &Spec) {
    bench(spec, 3, |sim, clk| async move {
        let [valid, addr, first, last, sum, last_o, total] =
            ["valid_i", "addr_i", "first_i", "last_i", "sum_i", "last_o", "total_o"].map(|s| sim.signal(s));
        let mut random = sim.random("vectors");
        // Control in cycle A, sums in A + 2, totals in A + 3.
        let mut model = [[0i32; COLS]; 16];
        let mut started = [false; 16];
        let mut vectors: Vec<Option<([i32; COLS], Option<[i32; COLS]>)>> = Vec::new();
        let mut finals = 0;
        for t in 0..30_000usize {
            let mut entry = None;
            valid.set(0);
            if random.chance(0.9) {
                // Few addresses, so that every distance occurs.
                let at = if t % 2000 < 1000 { random.below(4) } else { random.below(16) } as usize;
                let begin = !started[at] || random.chance(0.2);
                let end = random.chance(0.3);
                let values: [i32; COLS] = std::array::from_fn(|_| random.random_range(-(1 << 19)..1 << 19));
                for (m, v) in model[at].iter_mut().zip(values) {
                    *m = if begin { v } else { m.wrapping_add(v) };
                }
                started[at] = !end;
                valid.set(1);
                addr.set(at as u64);
                first.set(u64::from(begin));
                last.set(u64::from(end));
                entry = Some((values, end.then_some(model[at])));
            }
            vectors.push(entry);
            if let Some(Some((values, _))) = t.checked_sub(2).map(|t| &vectors[t]) {
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                sum.set_bytes(&bytes);
            }
            clk.rising_edge().await;
            if let Some(before) = t.checked_sub(1) {
                let expected = vectors[before].as_ref().is_some_and(|v| v.1.is_some());
                assert_eq!(last_o.is_high(), expected, "POST's take");
            }
            if let Some(Some((_, Some(expected)))) = t.checked_sub(3).map(|t| &vectors[t]) {
                let mut bytes = vec![0u8; COLS * 4];
                total.get_bytes(&mut bytes);
                let got: Vec<i32> = bytes.chunks(4).map(|b| i32::from_le_bytes(b.try_into().unwrap())).collect();
                assert_eq!(got, expected, "cycle {t}");
                finals += 1;
            }
        }
        assert!(finals > 5000);
    });
}

/// Vectors that are under way at a reset of one cycle are not written: what was summed before stays.
#[test]
fn a_reset_keeps_what_was_summed_and_nothing_of_the_vectors_under_way() {
    bench(&block("systole_acc").parameter("COLS", 4).parameter("DEPTH", 16), 4, |sim, clk| async move {
        let [rst, valid, addr, first, last, sum, last_o, total] =
            ["rst_i", "valid_i", "addr_i", "first_i", "last_i", "sum_i", "last_o", "total_o"].map(|s| sim.signal(s));
        let mut random = sim.random("sums");
        let mut kept = [0i32; 16];
        for (at, kept) in kept.iter_mut().enumerate() {
            *kept = random.random_range(-100_000..100_000);
            [&valid, &first].iter().for_each(|s| s.set(1));
            addr.set(at as u64);
            clk.rising_edge().await;
            [&valid, &first].iter().for_each(|s| s.set(0));
            clk.rising_edge().await;
            sum.set_bytes(&kept.to_le_bytes().repeat(4));
            clk.cycles(3).await;
        }
        for round in 0..60 {
            // 0 to 4 vectors, any sums; the last of them in the cycle of the reset or just before it.
            for _ in 0..random.below(5) {
                valid.set(1);
                addr.set(random.below(16));
                first.set(random.below(2));
                sum.set_bytes(&random.random::<[u8; 16]>());
                clk.rising_edge().await;
                // Three cycles behind its control a vector is written: none gets so far.
                if random.chance(0.3) {
                    break;
                }
                rst.set(1);
                clk.rising_edge().await;
                rst.set(0);
            }
            rst.set(1);
            clk.rising_edge().await;
            rst.set(0);
            valid.set(0);
            sum.set_bytes(&random.random::<[u8; 16]>());
            clk.cycles(1 + random.below(4)).await;
            let at = random.below(16) as usize;
            [&valid, &last].iter().for_each(|s| s.set(1));
            [&addr, &first].iter().zip([at as u64, 0]).for_each(|(s, v)| s.set(v));
            clk.rising_edge().await;
            [&valid, &last].iter().for_each(|s| s.set(0));
            clk.rising_edge().await;
            assert!(last_o.is_high(), "POST's take");
            sum.set_bytes(&[0; 16]);
            clk.cycles(2).await;
            let mut bytes = [0; 16];
            total.get_bytes(&mut bytes);
            assert_eq!(bytes, kept[at].to_le_bytes().repeat(4)[..], "round {round}: the sums at {at}");
        }
    });
}
