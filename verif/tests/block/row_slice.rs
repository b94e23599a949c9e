// SPDX-License-Identifier: Apache-2.0
//! A row of the array: its byte times the word that it holds, added to what comes from above.

use crate::common::{bench, block, side_by_side};
use rand::RngExt;
use systole_isa::Config;
use systole_isa::ecc::WordCode;

#[test]
fn row_slice_multiplies_its_byte_with_the_held_word() {
    side_by_side([0, 1], row_slice::<4>);
}

/// Columns from 16 on are a cycle later.
#[test]
fn row_slice_multiplies_with_its_far_columns_a_cycle_later() {
    side_by_side([0, 1], row_slice::<32>);
}

/// A sum that comes from the row above in cycle `t`: any of 19 bits, to which a product is added in 20.
fn sum_above(t: usize, c: usize) -> i32 {
    (t as u32).wrapping_mul(0x9e37_79b1).wrapping_add((c as u32).wrapping_mul(0x85eb_ca6b)) as i32 >> 13
}

fn row_slice<const COLS: usize>(weight_zero: u64) {
    let spec = block("systole_row_slice")
        .parameter("COLS", COLS)
        .parameter("WEIGHT_ZERO", weight_zero)
        .parameter("CHECK", if COLS == 4 { 8 } else { 32 })
        .parameter("X_DEPTH", 16)
        .parameter("RRAM_DEPTH", 16)
        .parameter("W_SRAM_DEPTH", 4);
    bench(&spec, 8, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let mut random = sim.random("row");
        let edge = |v: i8| [v, v, v, -128, 127][v as u8 as usize % 5];
        let x: Vec<i8> = (0..16).map(|_| edge(random.random())).collect();
        // 16 words of RRAM, then 4 of SRAM.
        let w: Vec<[i8; COLS]> = (0..20).map(|_| std::array::from_fn(|_| edge(random.random()))).collect();
        let code = WordCode::of(&Config::named(if COLS == 4 { "tiny" } else { "large" }).unwrap());
        s("enable_a_i").set(1);
        s("enable_b_i").set(1);
        for a in 0..16u64 {
            s("load_we_i").set(1);
            s("load_addr_i").set(a);
            s("load_data_i").set((x[a as usize] as u8).into());
            s("prog_data_i").set_bytes(&code.encode(&w[a as usize].map(|v| v as u8), a as u32));
            s("prog_load_i").set(1);
            // Whatever the cells hold, some are SET and some are RESET.
            for reset in [0, 1] {
                s("r_ripple_i").set(1 << 12 | a << 5 | a << 1);
                clk.rising_edge().await;
                s("prog_load_i").set(0);
                s("r_ripple_i").set(0);
                clk.cycles(8).await;
                s("pulse_addr_i").set(a);
                s("pulse_reset_i").set(reset);
                s("pulse_i").set(1);
                clk.rising_edge().await;
                s("pulse_i").set(0);
                clk.cycles(6).await;
            }
        }
        s("load_we_i").set(0);
        // Words of SRAM, in two halves of their bytes.
        for (a, half) in (0..4u64).flat_map(|a| [(a, 0), (a, 1)]) {
            let other: [u8; COLS] = std::array::from_fn(|_| random.random());
            let word: [u8; COLS] =
                std::array::from_fn(|c| if c / (COLS / 2) == half { w[16 + a as usize][c] as u8 } else { other[c] });
            s("sram_we_i").set(((1u64 << (COLS / 2)) - 1) << (half * COLS / 2));
            s("sram_addr_i").set(a);
            s("sram_data_i").set_bytes(&word);
            clk.rising_edge().await;
        }
        s("sram_we_i").set(0);
        // Ripple words: {en, reference[3], line[4], physical line[4], beat}, and {valid, x[4], one-hot, pad, value[8], load, sram, sram addr[2]}.
        let (r, xr, sum_i, sum_o) = (s("r_ripple_i"), s("x_ripple_i"), s("sum_i"), s("sum_o"));
        let (ro, xo) = (s("r_ripple_o"), s("x_ripple_o"));
        let (zi, zo) = (s("w_zero_i"), s("w_zero_o"));
        let lead = 2; // ways 2, one beat
        let zeros: Vec<i8> = (0..3000).map(|_| edge(random.random())).collect();
        // Weight word, whether it is loaded here, x word, a value in its place, whether in one row alone; zero point of the word.
        let steps: Vec<(usize, bool, usize, Option<i8>, bool, i32)> = (0..3000)
            .scan((0, 0, 0), |(w, line, zero), n| {
                let load = n == 0 || random.chance(0.4);
                if load && random.chance(0.3) {
                    (*w, *zero) = (random.random_range(16..20), 0); // words of SRAM have no zero point
                } else if load {
                    *line = (*line + 1) % 16; // consecutive: ways never collide
                    *w = *line;
                    *zero = if weight_zero == 1 { zeros[n].into() } else { 0 };
                }
                let value = random.chance(0.2).then(|| random.random());
                Some((*w, load, random.random_range(0..16), value, value.is_some() && random.chance(0.5), *zero))
            })
            .collect();
        let (mut before_r, mut before_x, mut before_zero) = (0, 0, 0);
        for t in 0..steps.len() + lead + 8 {
            let r_word =
                steps.get(t).filter(|s| s.1 && s.0 < 16).map_or(0, |s| 1u64 << 12 | (s.0 as u64) << 5 | (s.0 as u64) << 1);
            r.set(r_word);
            let x_word = t.checked_sub(lead).and_then(|n| steps.get(n)).map_or(0, |s| {
                1u64 << 18
                    | (s.2 as u64) << 14
                    | u64::from(s.4) << 13
                    | u64::from(s.3.is_some() && !s.4) << 12
                    | u64::from(s.3.unwrap_or(0) as u8) << 4
                    | u64::from(s.1) << 3
                    | if s.1 && s.0 >= 16 { 4 | (s.0 as u64 - 16) } else { 0 }
            });
            xr.set(x_word);
            // A zero point stands beside its word. Where none is loaded another value must not count.
            let zero = t.checked_sub(lead + 3).and_then(|n| steps.get(n)).filter(|s| s.1);
            let zero = u64::from(zero.map_or_else(|| random.random(), |s| s.5 as u8));
            zi.set(zero);
            // The sums of the row above come one cycle before this row's own.
            let above: Vec<u8> = (0..COLS).flat_map(|c| sum_above(t, c).to_le_bytes()).collect();
            sum_i.set_bytes(&above);
            clk.rising_edge().await;
            // One-hot vectors count their row down in the X address.
            let (valid, at, hot) = (before_x >> 18, before_x >> 14 & 15, before_x >> 13 & 1);
            assert_eq!((ro.get() >> 12, xo.get() >> 18), (before_r >> 12, valid), "the ripple leaves a cycle later");
            assert!(valid == 0 || xo.get() >> 14 & 15 == at.wrapping_sub(hot) & 15, "{at} of a vector, one-hot {hot}");
            assert_eq!(zo.get(), before_zero * weight_zero, "and so does the zero point");
            (before_r, before_x, before_zero) = (r_word, x_word, zero);
            for c in 0..COLS {
                if let Some(step) = t.checked_sub(lead + 6 + usize::from(c >= 16)).and_then(|n| steps.get(n)) {
                    let byte = match step {
                        (_, _, row, Some(_), true, _) if row % 8 != 0 => 0,
                        (_, _, row, value, ..) => i32::from(value.unwrap_or(x[*row])),
                    };
                    let mut bytes = vec![0u8; 4 * COLS];
                    sum_o.get_bytes(&mut bytes);
                    let got = i32::from_le_bytes(bytes[4 * c..4 * c + 4].try_into().unwrap());
                    let expected = sum_above(t - 1, c) + byte * (i32::from(w[step.0][c]) - step.5);
                    assert_eq!(got, expected, "sum of column {c} in cycle {t}");
                }
            }
        }
    });
}

/// A load that is under way at a reset of one cycle is not made: the multipliers hold the word from before. Words lie in W SRAM.
#[test]
fn a_reset_lets_no_load_happen_that_was_under_way() {
    let spec = block("systole_row_slice").parameter("COLS", 4usize).parameter("WEIGHT_ZERO", 0u64).parameter("CHECK", 8);
    let spec = spec.parameter("X_DEPTH", 16);
    bench(&spec.parameter("RRAM_DEPTH", 16).parameter("W_SRAM_DEPTH", 4), 8, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let words = [[1i8, -2, 3, 4], [-50, 60, 70, -80]];
        for (at, word) in words.iter().enumerate() {
            s("sram_we_i").set(0xf);
            s("sram_addr_i").set(at as u64);
            s("sram_data_i").set_bytes(&word.map(|v| v as u8));
            clk.rising_edge().await;
        }
        s("sram_we_i").set(0);
        // A vector that is 1 in place of X: {valid, x[4], one-hot, pad, value[8], load, sram, sram addr[2]}.
        let vector = |load: Option<u64>| 1u64 << 18 | 1 << 12 | 1 << 4 | load.map_or(0, |at| 3 << 2 | at);
        for reset in 0..6 {
            s("x_ripple_i").set(vector(Some(0)));
            clk.rising_edge().await;
            s("x_ripple_i").set(0);
            clk.cycles(12).await;
            // It is loaded three cycles behind its step: a reset up to two cycles behind the step comes in time.
            s("x_ripple_i").set(vector(Some(1)));
            for cycle in 0..=reset {
                s("rst_i").set(u64::from(cycle == reset));
                clk.rising_edge().await;
                s("x_ripple_i").set(0);
            }
            s("rst_i").set(0);
            clk.cycles(12).await;
            s("x_ripple_i").set(vector(None));
            clk.rising_edge().await;
            s("x_ripple_i").set(0);
            for _ in 0..6 {
                clk.rising_edge().await;
            }
            let mut bytes = [0u8; 16];
            s("sum_o").get_bytes(&mut bytes);
            let sums: Vec<i32> = bytes.chunks(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            let held = words[usize::from(reset > 2)].map(i32::from);
            assert_eq!(sums, held, "the word that is held, reset {reset} cycles behind the step that loads another");
        }
    });
}
