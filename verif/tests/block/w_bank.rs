// SPDX-License-Identifier: Apache-2.0
//! A bank of weights in RRAM and SRAM: words programmed by pulses, wrong bits, reads in every legal distance.

use crate::common::{bench, block, side_by_side};
use harness::verilated::Spec;
use rand::RngExt;
use systole_isa::Config;
use systole_isa::ecc::{Ecc, WordCode};
use systole_verif::long;

const COLS: usize = 8;

fn spec(beats: usize, ways: usize, ecc: Ecc) -> Spec {
    block("systole_w_bank")
        .parameter("COLS", COLS)
        .parameter("WEIGHT_BEATS", beats)
        .parameter("ECC", ecc as u32)
        .parameter("RRAM_DEPTH", 32)
        .parameter("RRAM_WAYS", ways)
        .parameter("SRAM_DEPTH", 16)
        .parameter("BW", if beats == 4 { 2 } else { 1 })
}

/// The weight bank for one (D, ways, code): words programmed by pulses, some with wrong bits, then read in every legal
/// distance.
fn w_bank(beats: usize, ways: usize, ecc: Ecc) {
    let config = Config::named("small").unwrap().with_weight_beats(beats as u32).unwrap().with_ecc(ecc);
    bench(&spec(beats, ways, ecc), 6, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let names = [
            "r_en_i",
            "r_addr_i",
            "r_beat_i",
            "s_en_i",
            "s_addr_i",
            "r_line_i",
            "prog_load_i",
            "prog_data_i",
            "pulse_i",
            "pulse_reset_i",
            "pulse_addr_i",
            "pulse_beat_i",
            "pulsing_o",
            "sram_we_i",
            "sram_addr_i",
            "sram_data_i",
            "word_o",
        ];
        let [re, ra, rb, se, sa, rl, pl, pd, pulse, kind, pa, pb, pulsing, sw, swa, sd, word] = names.map(s);
        let (fresh, corrected, bad) = (s("fresh_o"), s("corrected_o"), s("uncorrectable_o"));
        let (need_set, need_reset) = (s("need_set_o"), s("need_reset_o"));
        for enable in ["enable_a_i", "enable_b_i"] {
            s(enable).set(1);
        }
        let mut random = sim.random("words");
        let rram: Vec<u64> = (0..32).map(|_| random.random()).collect();
        // Of each word none to one too many bits are wrong, check bits too; three times, the last two from cells that are known,
        // so that pulses go both ways.
        let code = WordCode::of(&config);
        let corrects = code.code().corrects as usize;
        let mut wrong = [0usize; 32];
        let mut before: [Option<u128>; 32] = [None; 32]; // what the cells hold at first nobody knows
        for _ in 0..3 {
            for (a, w) in rram.iter().enumerate() {
                wrong[a] = random.random_range(0..2 + corrects);
                let mut flips = 0u128;
                while (flips.count_ones() as usize) < wrong[a] {
                    flips |= 1 << random.random_range(0..code.bits());
                }
                let word = code.encode(&w.to_le_bytes(), a as u32);
                let stored = word.iter().rev().fold(0, |n, &b| n << 8 | u128::from(b)) ^ flips;
                // Bits that only fill up the word are not looked at: whatever they should be, they are not pulsed.
                let filled = stored | ((1 << config.word_bits()) - (1 << code.bits()));
                pd.set_bytes(&filled.to_le_bytes()[..config.word_bits().div_ceil(8) as usize]);
                pl.set(1);
                clk.rising_edge().await;
                pl.set(0);
                for reset in [0, 1] {
                    for beat in 0..beats {
                        re.set(1);
                        ra.set(a as u64);
                        rl.set(a as u64);
                        rb.set(beat as u64);
                        clk.rising_edge().await;
                    }
                    re.set(0);
                    clk.cycles(10).await;
                    let need = if reset == 0 { &need_set } else { &need_reset };
                    if let Some(before) = before[a] {
                        let differs: u128 = if reset == 0 { stored & !before } else { before & !stored };
                        assert_eq!(need.is_high(), differs != 0);
                    }
                    for beat in 0..beats {
                        pulse.set(1);
                        kind.set(reset);
                        pa.set(a as u64);
                        pb.set(beat as u64);
                        clk.rising_edge().await;
                        pulse.set(0);
                        clk.rising_edge().await;
                        assert!(pulsing.is_high());
                        clk.cycles(4).await;
                        assert!(!pulsing.is_high());
                    }
                }
                before[a] = Some(stored);
            }
        }
        // SRAM by byte lanes.
        let mut sram = [0u64; 16];
        for (a, w) in sram.iter_mut().enumerate() {
            sw.set(0xff);
            swa.set(a as u64);
            sd.set(0);
            clk.rising_edge().await;
            for _ in 0..3 {
                let (lanes, data): (u8, u64) = (random.random(), random.random());
                sw.set(lanes.into());
                sd.set(data);
                for lane in (0..8).filter(|l| lanes >> l & 1 == 1) {
                    *w = *w & !(0xff << (8 * lane)) | data & 0xff << (8 * lane);
                }
                clk.rising_edge().await;
            }
        }
        sw.set(0);
        // Loads: RRAM in S .. S + D - 1, SRAM in S + WAYS + D - 1; the word stands in S + WAYS + D + 2.
        let lead = ways + beats - 1;
        let words = if long() { 2000 } else { 500 };
        let mut ask = std::collections::HashMap::new();
        let mut ask_sram = std::collections::HashMap::new();
        let mut expected = std::collections::HashMap::new();
        let mut verdict = std::collections::HashMap::new();
        let (mut t, mut a) = (0usize, 0usize);
        for _ in 0..words {
            let from_sram = random.chance(0.3);
            if from_sram {
                let at = random.random_range(0..16usize);
                ask_sram.insert(t + lead, at);
                expected.insert(t + lead + 3, sram[at]);
                t += beats;
                continue;
            }
            // The next word in order, or any other one where the ways have had time.
            if random.chance(0.3) {
                t += ways;
                a = random.random_range(0..32);
            } else {
                a = (a + 1) % 32;
                t += if a == 0 { ways } else { 0 };
            }
            for beat in 0..beats {
                ask.insert(t + beat, (a, beat));
            }
            expected.insert(t + lead + 3, rram[a]);
            verdict.insert(t + lead + 3, wrong[a]);
            t += beats + random.random_range(0..3usize);
        }
        let (mut checked, mut last) = (0, None);
        for now in 0..t + lead + 4 {
            let r = ask.get(&now);
            re.set(r.is_some().into());
            if let Some(&(a, beat)) = r {
                ra.set(a as u64);
                rl.set(a as u64);
                rb.set(beat as u64);
            }
            let m = ask_sram.get(&now);
            se.set(m.is_some().into());
            sa.set(m.map_or(0, |&a| a as u64));
            clk.rising_edge().await;
            let v = verdict.get(&now);
            assert_eq!(fresh.is_high(), v.is_some(), "cycle {now}");
            // The verdict stands with its word until the next word of RRAM.
            last = v.or(last);
            if let Some(&wrong) = last {
                assert_eq!(
                    (corrected.is_high(), bad.is_high()),
                    (wrong > 0 && wrong <= corrects, wrong > corrects),
                    "cycle {now}"
                );
            }
            if let Some(&e) = expected.get(&now).filter(|_| v.is_none_or(|&wrong| wrong <= corrects)) {
                assert_eq!(word.get(), e, "cycle {now}");
                checked += 1;
            }
        }
        assert!(checked >= words / 2);
    });
}

#[test]
fn w_bank_gives_each_word_at_its_cycle_for_every_beats_and_ways() {
    side_by_side([1, 2, 4], |beats| {
        // A model each: in the quick suite all beats and all ways, not each with each.
        for ways in [1, 2, 4].into_iter().filter(|&ways| long() || ways == beats || (beats, ways) == (1, 4)) {
            w_bank(beats, ways, Ecc::Secded);
        }
        if long() || beats == 2 {
            w_bank(beats, 2, Ecc::DecTed);
        }
    });
}

/// A reset of one cycle ends a read and a pulse that are under way: no word comes, and no cell changes.
#[test]
fn a_reset_ends_reads_and_pulses_that_are_under_way() {
    let config = Config::named("small").unwrap();
    bench(&spec(1, 2, Ecc::Secded), 7, move |sim, clk| async move {
        let names =
            ["rst_i", "r_en_i", "r_addr_i", "r_line_i", "prog_load_i", "prog_data_i", "pulse_i", "pulse_reset_i", "pulse_addr_i"];
        let [rst, re, ra, rl, pl, pd, pulse, kind, pa] = names.map(|n| sim.signal(n));
        let [pulsing, need_set, fresh, corrected, bad] =
            ["pulsing_o", "need_set_o", "fresh_o", "corrected_o", "uncorrectable_o"].map(|n| sim.signal(n));
        for name in ["enable_a_i", "enable_b_i"] {
            sim.signal(name).set(1);
        }
        let code = WordCode::of(&config);
        let at = 5u64;
        for address in [&ra, &rl, &pa] {
            address.set(at);
        }
        // Loads what is to be programmed, and reads the word.
        let load = async |stored: u128| {
            pd.set_bytes(&stored.to_le_bytes()[..config.word_bits().div_ceil(8) as usize]);
            pl.set(1);
            clk.rising_edge().await;
            pl.set(0);
            re.set(1);
            clk.rising_edge().await;
            re.set(0);
            clk.cycles(10).await;
        };
        let word = code.encode(&[0; COLS], at as u32).iter().rev().fold(0, |n, &b| n << 8 | u128::from(b));
        for after in 0..8u64 {
            // One wrong bit: the read says that it was corrected.
            for reset in [0, 1] {
                load(word ^ 1).await;
                kind.set(reset);
                pulse.set(1);
                clk.rising_edge().await;
                pulse.set(0);
                clk.cycles(6).await;
            }
            load(word ^ 1).await;
            assert!(corrected.is_high() && !bad.is_high() && !need_set.is_high(), "a word with a wrong bit");
            re.set(1);
            for cycle in 0..=after {
                rst.set((cycle == after).into());
                clk.rising_edge().await;
                re.set(0);
            }
            rst.set(0);
            for cycle in 1..12 {
                clk.rising_edge().await;
                let said = [&fresh, &corrected, &bad].map(|signal| signal.is_high());
                assert_eq!(said, [false; 3], "{cycle} cycles behind a reset {after} cycles behind a read");
            }
            // A pulse is given in its third cycle.
            load(word ^ 0b11_0001).await;
            assert!(need_set.is_high());
            kind.set(0);
            pulse.set(1);
            let before = after.min(1);
            for cycle in 0..=before {
                rst.set((cycle == before).into());
                clk.rising_edge().await;
                pulse.set(0);
            }
            rst.set(0);
            for _ in 0..6 {
                clk.rising_edge().await;
                assert!(!pulsing.is_high(), "a pulse behind a reset {before} cycles behind its begin");
            }
            load(word ^ 0b11_0001).await;
            assert!(
                before == 0 || need_set.is_high(),
                "no cell changes behind a reset {before} cycles behind the begin of a pulse"
            );
        }
    });
}
