// SPDX-License-Identifier: Apache-2.0
//! The register slice of streams: every word, in order, at full rate.

use super::shared::slice::Slice;
use crate::common::{bench, block};

#[test]
fn skid_passes_every_word_in_order_at_full_rate() {
    bench(&block("systole_skid").parameter("WIDTH", 16), 5, |sim, clk| async move {
        let [sv, sr, sd, mv, mr, md] =
            ["s_valid_i", "s_ready_o", "s_data_i", "m_valid_o", "m_ready_i", "m_data_o"].map(|n| sim.signal(n));
        let mut random = sim.random("stalls");
        for (give, take) in [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.5, 0.5)] {
            let (mut sent, mut got, mut offered) = (0u64, 0u64, false);
            let start = clk.cycle();
            while got < 500 {
                if !offered && random.chance(give) {
                    offered = true;
                }
                sv.set(offered.into());
                sd.set(sent & 0xffff);
                let ready = random.chance(take);
                mr.set(ready.into());
                clk.rising_edge().await;
                if offered && sr.is_high() {
                    sent += 1;
                    offered = false;
                }
                if mv.is_high() && ready {
                    assert_eq!(md.get(), got & 0xffff);
                    got += 1;
                }
            }
            if give == 1.0 && take == 1.0 {
                assert!(clk.cycle() - start < 510, "full throughput");
            }
            // Drain.
            sv.set(0);
            mr.set(1);
            while got < sent {
                clk.rising_edge().await;
                if mv.is_high() {
                    got += 1;
                }
            }
            clk.cycles(2).await;
        }
    });
}

#[test]
fn skid_is_a_queue_of_two_words_that_a_reset_empties() {
    bench(&block("systole_skid").parameter("WIDTH", 16), 6, |sim, clk| async move {
        let [sv, sr, sd, mv, mr, md, rst] =
            ["s_valid_i", "s_ready_o", "s_data_i", "m_valid_o", "m_ready_i", "m_data_o", "rst_i"].map(|n| sim.signal(n));
        let mut random = sim.random("stimuli");
        let mut model = Slice::new();
        let mut taken = 0;
        for t in 0..6000u32 {
            let rate = [0.2, 0.5, 0.9][t as usize / 100 % 3];
            let offered = random.chance(rate).then(|| random.below(1 << 16));
            let (ready, reset) = (random.chance([0.9, 0.5, 0.2][t as usize / 70 % 3]), random.chance(0.02));
            sv.set(offered.is_some().into());
            sd.set(offered.unwrap_or_else(|| random.below(1 << 16)));
            mr.set(ready.into());
            rst.set(reset.into());
            clk.rising_edge().await;
            assert_eq!(sr.is_high(), model.ready(), "READY in cycle {t}");
            assert_eq!(mv.is_high().then(|| md.get()), model.front().copied(), "the word in cycle {t}");
            taken += u32::from(ready && model.front().is_some());
            if reset {
                model.reset();
            } else {
                model.edge(offered, ready);
            }
        }
        assert!(taken > 1500, "{taken} words");
    });
}

#[test]
fn a_word_that_waits_does_not_change() {
    bench(&block("systole_skid").parameter("WIDTH", 16), 6, |sim, clk| async move {
        let [sv, sd, mv, mr, md] = ["s_valid_i", "s_data_i", "m_valid_o", "m_ready_i", "m_data_o"].map(|n| sim.signal(n));
        mr.set(0);
        sv.set(1);
        sd.set(7);
        clk.until(4, "the word", || mv.is_high()).await.unwrap();
        for other in 0..20 {
            sd.set(100 + other); // what stands at the input meanwhile
            clk.rising_edge().await;
            assert_eq!((mv.is_high(), md.get()), (true, 7));
        }
    });
}
