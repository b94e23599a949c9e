// SPDX-License-Identifier: Apache-2.0
//! A bank of weights without RRAM: the cycles of one with it.

use crate::common::{bench, block, side_by_side};
use rand::RngExt;
use std::collections::VecDeque;

#[test]
fn words_of_ram_come_in_the_cycles_of_an_rram() {
    side_by_side([(1, 1), (1, 2), (2, 1), (4, 4)], |(beats, ways)| {
        let spec = block("systole_w_ram")
            .parameter("COLS", 4)
            .parameter("WEIGHT_BEATS", beats)
            .parameter("RRAM_WAYS", ways)
            .parameter("DEPTH", 64)
            .parameter("SRAM_DEPTH", 16)
            .parameter("BW", if beats == 4 { 2 } else { 1 });
        let seen = bench(&spec, 3, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let [re, line, beat, se, sa, word] = ["r_en_i", "r_line_i", "r_beat_i", "s_en_i", "s_addr_i", "word_o"].map(s);
            let [we, wa, wd, swe, swa, swd] = ["we_i", "waddr_i", "wdata_i", "sram_we_i", "sram_addr_i", "sram_data_i"].map(s);
            let mut random = sim.random("words");
            let (mut weights, mut sram) = (vec![0u64; 64], vec![0u64; 16]);
            for (n, w) in weights.iter_mut().enumerate() {
                *w = u64::from(random.random::<u32>());
                we.set(1);
                wa.set(n as u64);
                wd.set(*w);
                clk.rising_edge().await;
            }
            we.set(0);
            for (n, w) in sram.iter_mut().enumerate() {
                // Byte after byte, each by its enable.
                *w = u64::from(random.random::<u32>());
                for lane in 0..4 {
                    swe.set(1 << lane);
                    swa.set(n as u64);
                    swd.set(*w & 0xff << (8 * lane));
                    clk.rising_edge().await;
                }
            }
            swe.set(0);
            // (cycle in which the word stands, the word): of RRAM S + D + WAYS + 2, of SRAM 3 cycles after its address.
            let mut due: VecDeque<(u64, u64)> = VecDeque::new();
            let (mut stands, mut seen, mut sram_at) = (None, 0, VecDeque::new());
            let mut now = 0u64;
            for _ in 0..600 {
                let from_sram = random.chance(0.3);
                let pick = random.random_range(0..if from_sram { 16 } else { 64u64 });
                let pause = random.below(3);
                let at = now + beats + ways + 2;
                due.push_back((at, if from_sram { sram[pick as usize] } else { weights[pick as usize] }));
                if from_sram {
                    sram_at.push_back((at - 3, pick));
                }
                for b in 0..beats + pause {
                    re.set((b < beats && !from_sram).into());
                    line.set(if b < beats { pick } else { random.random_range(0..64) });
                    beat.set(b.min(beats - 1));
                    let read = sram_at.front().filter(|s| s.0 == now).copied();
                    se.set(read.is_some().into());
                    sa.set(read.map_or_else(|| random.random_range(0..16), |s| s.1));
                    if read.is_some() {
                        sram_at.pop_front();
                    }
                    clk.rising_edge().await;
                    if let Some(d) = due.front().filter(|d| d.0 == now).copied() {
                        stands = Some(d.1);
                        due.pop_front();
                        seen += 1;
                    }
                    if let Some(w) = stands {
                        assert_eq!(word.get(), w, "cycle {now}");
                    }
                    now += 1;
                }
            }
            seen
        });
        assert!(seen > 580);
    });
}

/// A word that is under way at a reset of one cycle does not come; the one that stands stays.
#[test]
fn a_reset_lets_no_word_come_that_was_under_way() {
    let spec = block("systole_w_ram").parameter("COLS", 4).parameter("WEIGHT_BEATS", 1).parameter("RRAM_WAYS", 2);
    let spec = spec.parameter("DEPTH", 64).parameter("SRAM_DEPTH", 16).parameter("BW", 1);
    bench(&spec, 3, move |sim, clk| async move {
        let [rst, re, line, word, we, wa, wd] =
            ["rst_i", "r_en_i", "r_line_i", "word_o", "we_i", "waddr_i", "wdata_i"].map(|n| sim.signal(n));
        for n in 0..16u64 {
            we.set(1);
            wa.set(n);
            wd.set(0x1111_1111 * (n % 8) + n);
            clk.rising_edge().await;
        }
        we.set(0);
        let at = |n: u64| 0x1111_1111 * (n % 8) + n;
        for ahead in 0..16 {
            let (first, second) = (ahead % 16, (ahead + 5) % 16);
            re.set(1);
            line.set(first);
            clk.rising_edge().await;
            re.set(0);
            clk.cycles(12).await;
            assert_eq!(word.get(), at(first), "the word of line {first}");
            // The second word stands 5 cycles behind its read: the reset is in that cycle or in one of the three behind it.
            re.set(1);
            line.set(second);
            for behind in 0..=ahead % 4 {
                rst.set(u64::from(behind == ahead % 4));
                clk.rising_edge().await;
                re.set(0);
            }
            rst.set(0);
            for cycle in 0..12 {
                clk.rising_edge().await;
                assert_eq!(word.get(), at(first), "{cycle} cycles behind a reset, {} behind the read of {second}", ahead % 4);
            }
        }
    });
}
