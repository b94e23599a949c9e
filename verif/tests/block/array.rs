// SPDX-License-Identifier: Apache-2.0
//! The array: rows and columns, what goes to each row, what comes from it, and sums of all columns in one cycle. What a row does by itself is
//! `row_slice`'s bench.

use crate::common::{bench, block};
use harness::verilated::Spec;
use harness::{Clock, Sim};
use rand::RngExt;
use std::collections::HashMap;
use systole_isa::Config;
use systole_isa::ecc::WordCode;

const ROWS: usize = 4;
const COLS: usize = 32;
/// Lines of RRAM, words of X, words of W SRAM.
const LINES: usize = 16;
const SRAM: usize = 4;
/// From a weight's read at row 0 to the X address of its vector: two ways, one beat.
const LEAD: usize = 2;
/// From an X address at row 0 to the sums of all columns, of which those from 16 on are a cycle later.
const SUMS: usize = ROWS + 5 + 1;

fn spec() -> Spec {
    block("systole_array")
        .parameter("ROWS", ROWS)
        .parameter("COLS", COLS)
        .parameter("WEIGHT_ZERO", 1)
        .parameter("X_DEPTH", LINES)
        .parameter("RRAM_DEPTH", LINES)
        .parameter("W_SRAM_DEPTH", SRAM)
        .parameter("CHECK", 32)
}

/// {valid, X address, one-hot, pad, value, load, from W SRAM, its address}.
fn vector(x: usize, hot: bool, pad: bool, value: u8, load: bool, sram: Option<usize>) -> u64 {
    let w = sram.map_or(0, |at| 4 | at as u64);
    1 << 18 | (x as u64) << 14 | u64::from(hot) << 13 | u64::from(pad) << 12 | u64::from(value) << 4 | u64::from(load) << 3 | w
}

/// {enable, reference, line, physical line, beat} of a read as in runs.
fn read(line: usize) -> u64 {
    1 << 12 | (line as u64) << 5 | (line as u64) << 1
}

fn bytes(sim: &Sim, name: &str) -> Vec<u8> {
    let signal = sim.signal(name);
    let mut bytes = vec![0; signal.width().div_ceil(8) as usize];
    signal.get_bytes(&mut bytes);
    bytes
}

fn sums(sim: &Sim) -> Vec<i32> {
    bytes(sim, "sum_o").chunks(4).map(|b| i32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// A word of W SRAM: by column, a byte for each row, or by row.
async fn write_sram(sim: &Sim, clk: &Clock, at: usize, words: &[[i8; COLS]; ROWS], by_column: bool) {
    let set = |name: &str, value: u64| sim.signal(name).set(value);
    set("sram_addr_i", at as u64);
    set("sram_column_i", by_column.into());
    for n in 0..if by_column { COLS } else { ROWS } {
        let (rows, lanes) = if by_column { ((1 << ROWS) - 1, 1 << n) } else { (1 << n, (1 << COLS) - 1) };
        let data: [u8; COLS] = std::array::from_fn(|c| match by_column {
            true => words.get(c).map_or(0x77, |row| row[n] as u8),
            false => words[n][c] as u8,
        });
        set("sram_we_i", rows);
        set("sram_lanes_i", lanes);
        sim.signal("sram_data_i").set_bytes(&data);
        clk.rising_edge().await;
    }
    set("sram_we_i", 0);
}

#[test]
fn sums_of_all_columns_leave_together_and_every_row_has_its_own_words() {
    bench(&spec(), 8, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let set = |name: &str, value: u64| sim.signal(name).set(value);
        let mut random = sim.random("array");
        let edge = |v: i8| [v, v, v, -128, 127][v as u8 as usize % 5];
        // X, by word and row: half of it comes as POST writes, half as LOAD does.
        let x: Vec<[i8; ROWS]> = (0..LINES).map(|_| std::array::from_fn(|_| edge(random.random()))).collect();
        for (at, word) in x.iter().enumerate() {
            for (row, byte) in word.iter().enumerate() {
                let side = if (at + row) % 2 == 0 { "post" } else { "load" };
                let mut data = [0x55; COLS];
                data[row] = *byte as u8;
                set(&format!("{side}_we_i"), 1 << row);
                set(&format!("{side}_addr_i"), at as u64);
                s(&format!("{side}_data_i")).set_bytes(&data);
                clk.rising_edge().await;
                set(&format!("{side}_we_i"), 0);
            }
        }
        for t in 0..LINES + 3 {
            set("flat_valid_i", 1);
            set("flat_addr_i", t as u64 % LINES as u64);
            clk.rising_edge().await;
            if let Some(at) = t.checked_sub(3) {
                assert_eq!(bytes(&sim, "flat_o"), x[at].map(|v| v as u8), "flat read of word {at}");
            }
        }
        set("flat_valid_i", 0);
        // Words of RRAM, then of W SRAM, by row; of some words of RRAM a bit is wrong.
        let w: Vec<[[i8; COLS]; ROWS]> =
            (0..LINES + SRAM).map(|_| std::array::from_fn(|_| std::array::from_fn(|_| edge(random.random())))).collect();
        let wrong: Vec<[bool; ROWS]> = (0..LINES).map(|_| std::array::from_fn(|_| random.chance(0.3))).collect();
        let code = WordCode::of(&Config::named("large").unwrap());
        let all = (1u64 << ROWS) - 1;
        let needs = || [s("need_set_o").get(), s("need_reset_o").get()];
        for line in 0..LINES {
            for row in 0..ROWS {
                let mut word = code.encode(&w[line][row].map(|v| v as u8), line as u32);
                word[row] ^= u8::from(wrong[line][row]) << (line % 8);
                s("prog_data_i").set_bytes(&word);
                set("prog_load_i", 1 << row);
                clk.rising_edge().await;
            }
            set("prog_load_i", 0);
            // Without one of the enables no pulse changes anything; whatever the cells hold, some are SET and some are RESET.
            for (enables, reset) in [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (3, 1), (3, 0)] {
                set("r_ripple_i", read(line));
                clk.rising_edge().await;
                set("r_ripple_i", 0);
                clk.cycles(8 + ROWS as u64).await;
                let before = needs();
                if enables == 1 && line > 0 {
                    assert_eq!(before[reset as usize], all, "every row of a new line needs pulses");
                }
                set("enable_a_i", enables & 1);
                set("enable_b_i", enables >> 1);
                set("pulse_addr_i", line as u64);
                set("pulse_reset_i", reset);
                set("pulse_i", all);
                clk.rising_edge().await;
                set("pulse_i", 0);
                clk.rising_edge().await;
                assert_eq!(s("pulsing_o").is_high(), enables == 3, "a pulse with enables {enables:#b}");
                clk.cycles(6).await;
                assert!(!s("pulsing_o").is_high());
            }
            assert_eq!(needs(), [0, 0], "line {line} is programmed");
        }
        for at in 0..SRAM {
            write_sram(&sim, &clk, at, &w[LINES + at], at % 2 == 0).await;
        }
        // Steps: word, whether it is loaded, its zero point; X word, a value in its place, whether in one row alone.
        type Vector = (usize, bool, i32, usize, Option<i8>, bool);
        let (mut held, mut line, mut zero) = (0, 0, 0);
        let steps: Vec<Vector> = (0..1500)
            .map(|n| {
                let load = n == 0 || random.chance(0.4);
                if load && n > 0 && random.chance(0.3) {
                    (held, zero) = (LINES + random.random_range(0..SRAM), 0);
                } else if load {
                    line = (line + 1) % LINES; // ways never collide
                    (held, zero) = (line, edge(random.random()).into());
                }
                let value = random.chance(0.2).then(|| random.random());
                (held, load, zero, random.random_range(0..LINES), value, value.is_some() && random.chance(0.5))
            })
            .collect();
        // A word of row r is in its register five cycles behind its read at row 0, and r more.
        let mut fresh: HashMap<(usize, usize), usize> = HashMap::new();
        for t in 0..steps.len() + LEAD + SUMS {
            let asked = steps.get(t).filter(|s| s.1 && s.0 < LINES).map(|s| s.0);
            set("r_ripple_i", asked.map_or(0, read));
            if let Some(line) = asked {
                fresh.extend((0..ROWS).map(|row| ((t + 5 + row, row), line)));
            }
            let now = t.checked_sub(LEAD).and_then(|n| steps.get(n));
            set(
                "x_ripple_i",
                now.map_or(0, |&(word, load, _, at, value, hot)| {
                    let sram = (load && word >= LINES).then(|| word - LINES);
                    vector(at, hot, value.is_some() && !hot, value.unwrap_or(0) as u8, load, sram)
                }),
            );
            let loads = t.checked_sub(LEAD + 3).and_then(|n| steps.get(n)).filter(|s| s.1);
            set("w_zero_i", loads.map_or_else(|| random.random(), |s| s.2 as u8).into());
            clk.rising_edge().await;

            let [is_fresh, corrected, bad] = ["fresh_o", "corrected_o", "uncorrectable_o"].map(|n| s(n).get());
            let (words, lines) = (bytes(&sim, "words_o"), s("lines_o").get());
            for row in 0..ROWS {
                let word = fresh.remove(&(t, row));
                assert_eq!(is_fresh >> row & 1 == 1, word.is_some(), "a word of row {row} in cycle {t}");
                if let Some(line) = word {
                    let said = [corrected >> row & 1 == 1, bad >> row & 1 == 1];
                    assert_eq!(said, [wrong[line][row], false], "verdict on line {line}, row {row}");
                    assert_eq!(lines >> (4 * row) & 15, line as u64, "the line of row {row} in cycle {t}");
                    let got = &words[row * COLS..][..COLS];
                    assert_eq!(got, w[line][row].map(|v| v as u8), "line {line}, row {row}");
                }
            }
            if let Some(&(word, _, zero, at, value, hot)) = t.checked_sub(LEAD + SUMS).and_then(|n| steps.get(n)) {
                let byte = |row: usize| match value {
                    Some(value) if hot => i32::from(value) * i32::from(at % ROWS == row),
                    Some(value) => value.into(),
                    None => x[at][row].into(),
                };
                let sum = |c: usize| (0..ROWS).map(|row| byte(row) * (i32::from(w[word][row][c]) - zero)).sum::<i32>();
                assert_eq!(sums(&sim), (0..COLS).map(sum).collect::<Vec<_>>(), "sums in cycle {t}");
            }
        }
    });
}

/// A reset on the way of a vector down the rows: those that it has reached hold the new word, the others the one before.
#[test]
fn a_reset_stops_ripples_in_all_rows() {
    bench(&spec(), 9, |sim, clk| async move {
        let mut random = sim.random("words");
        let words: [[[i8; COLS]; ROWS]; 2] =
            std::array::from_fn(|_| std::array::from_fn(|_| std::array::from_fn(|_| random.random())));
        for (at, word) in words.iter().enumerate() {
            write_sram(&sim, &clk, at, word, false).await;
        }
        let ripple = sim.signal("x_ripple_i");
        sim.signal("w_zero_i").set(0);
        for reset in 0..3 + ROWS {
            ripple.set(vector(0, false, true, 1, true, Some(0)));
            clk.rising_edge().await;
            ripple.set(0);
            clk.cycles(12).await;
            // A row loads three cycles behind its step.
            ripple.set(vector(0, false, true, 1, true, Some(1)));
            for cycle in 0..=reset {
                sim.signal("rst_i").set(u64::from(cycle == reset));
                clk.rising_edge().await;
                ripple.set(0);
            }
            sim.signal("rst_i").set(0);
            clk.cycles(16).await;
            ripple.set(vector(0, false, true, 1, false, None));
            clk.rising_edge().await;
            ripple.set(0);
            for _ in 0..SUMS {
                clk.rising_edge().await;
            }
            let held = |row: usize| &words[usize::from(reset > 2 + row)][row];
            let expected: Vec<i32> = (0..COLS).map(|c| (0..ROWS).map(|row| i32::from(held(row)[c])).sum()).collect();
            assert_eq!(sums(&sim), expected, "words that are held, reset {reset} cycles behind the step that loads others");
        }
    });
}
