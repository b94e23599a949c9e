// SPDX-License-Identifier: Apache-2.0
//! The register slice of streams: every word, in order, at full rate.

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
