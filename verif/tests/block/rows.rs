// SPDX-License-Identifier: Apache-2.0
//! The operand side of the core around an array that the bench plays: who reads, which rows a write goes to, where a line lies.

use super::shared::stub::{Unit, play};
use crate::common::{bench, block, side_by_side};
use harness::Stream;
use harness::verilated::Spec;
use rand::RngExt;
use std::collections::VecDeque;
use systole_isa::program::PostDest;
use systole_isa::{Config, Latency};

const COLS: usize = 4;
const X_DEPTH: u64 = 64;
const SRAM_DEPTH: u64 = 16;

fn spec(rows: usize, controller: u32) -> Spec {
    let spec = block("systole_rows")
        .parameter("ROWS", rows)
        .parameter("COLS", COLS)
        .parameter("X_DEPTH", X_DEPTH)
        .parameter("W_SRAM_DEPTH", SRAM_DEPTH)
        .parameter("RRAM_DEPTH", 128)
        .parameter("WEIGHT_BEATS", 2)
        .parameter("RRAM_CTRL", controller);
    let units = ["systole_array", "systole_matmul_ctrl", "systole_line_table"];
    play(spec, &units[..2 + controller as usize])
}

fn bytes<const N: usize>(random: &mut Stream) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

#[test]
fn results_and_loads_go_to_the_rows_and_lanes_of_their_address() {
    side_by_side([4usize, 8], |rows| {
        bench(&spec(rows, 1), 1, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let array = Unit::of(&sim, "u_array");
            let [valid, dest, addr, data] = ["post_valid_i", "post_dest_i", "post_addr_i", "post_data_i"].map(s);
            let [load, load_addr, mask, load_data] = ["load_valid_i", "load_addr_i", "load_mask_i", "load_data_i"].map(s);
            let [to_x, to_w] = ["x_write_o", "w_write_o"].map(s);
            let groups = (rows / COLS) as u64;
            // Rows of the group that an address is of.
            let of_group = |address: u64| ((1u64 << COLS) - 1) << (COLS as u64 * (address % groups));
            let mut random = sim.random("writes");
            let mut seen = [0; 5];
            for t in 0..3000 {
                let (write, loads) = (random.chance(0.7), random.chance(0.5));
                let (to, a, la, m) = (random.below(5), random.below(1 << 16), random.below(1 << 16), random.below(1 << COLS));
                let (word, load_word): ([u8; COLS], [u8; COLS]) = (bytes(&mut random), bytes(&mut random));
                for (signal, value) in
                    [(&valid, write.into()), (&dest, to), (&addr, a), (&load, loads.into()), (&load_addr, la), (&mask, m)]
                {
                    signal.set(value);
                }
                data.set_bytes(&word);
                load_data.set_bytes(&load_word);
                clk.rising_edge().await;
                let dest_is = |d: PostDest| write && to == d as u64;
                let x = dest_is(PostDest::X);
                let (column, row) = (dest_is(PostDest::WColumn), dest_is(PostDest::WRow));
                seen[to as usize] += u32::from(write);
                assert_eq!(array.given("post_we_i"), if x { of_group(a) } else { 0 }, "rows of a result, cycle {t}");
                assert_eq!(array.given("post_addr_i"), a / groups % X_DEPTH);
                assert_eq!(array.given_bytes("post_data_i"), word);
                let by_mask = (0..groups).map(|g| m << (COLS as u64 * g)).fold(0, |all, g| all | g);
                assert_eq!(array.given("load_we_i"), if loads { of_group(la) & by_mask } else { 0 }, "rows of LOAD, cycle {t}");
                assert_eq!(array.given("load_addr_i"), la / groups % X_DEPTH);
                assert_eq!(array.given_bytes("load_data_i"), load_word);
                // By column {word, column, group}, a byte for each row of the group; by row {word, row}, all of its bytes.
                let sram = if column {
                    of_group(a)
                } else if row {
                    1 << (a % rows as u64)
                } else {
                    0
                };
                assert_eq!(array.given("sram_we_i"), sram, "rows of W SRAM, cycle {t}");
                if column || row {
                    let lanes = if column { 1 << (a / groups % COLS as u64) } else { (1 << COLS) - 1 };
                    assert_eq!((array.given("sram_lanes_i"), array.given("sram_column_i")), (lanes, column.into()));
                    assert_eq!(array.given("sram_addr_i"), a / rows as u64 % SRAM_DEPTH);
                    assert_eq!(array.given_bytes("sram_data_i"), word);
                }
                assert_eq!((to_x.is_high(), to_w.is_high()), (x, column || row), "cycle {t}");
            }
            assert!(seen.iter().all(|&n| n > 200));
        });
    });
}

#[test]
fn one_of_three_reads_flat_and_the_word_of_its_group_comes_back() {
    side_by_side([4usize, 8], |rows| {
        bench(&spec(rows, 1), 2, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let array = Unit::of(&sim, "u_array");
            let readers = [("res_read_i", "res_addr_i"), ("store_read_i", "store_addr_i"), ("lane_read_i", "lane_addr_i")];
            let readers = readers.map(|(read, addr)| (s(read), s(addr)));
            let word = s("flat_word_o");
            let groups = (rows / COLS) as u64;
            let mut random = sim.random("reads");
            // Addresses that were read, and words of the array, by age: the array's word stands 4 cycles behind the read.
            let (mut reads, mut flats) = (VecDeque::new(), VecDeque::new());
            for t in 0..3000 {
                let who = random.random_range(0..4usize);
                let mut address = 0;
                for (n, (read, addr)) in readers.iter().enumerate() {
                    let a = random.below(1 << 16);
                    read.set((n == who).into());
                    addr.set(a);
                    address = if n == who { a } else { address };
                }
                let flat: [u8; 2 * COLS] = bytes(&mut random);
                array.says_bytes("flat_o", &flat[..rows]);
                reads.push_front((who < 3).then_some(address));
                flats.push_front(flat);
                clk.rising_edge().await;
                if let Some(read) = reads.get(1) {
                    assert_eq!(array.given("flat_valid_i"), u64::from(read.is_some()), "cycle {t}");
                    if let Some(a) = read {
                        assert_eq!(array.given("flat_addr_i"), a / groups % X_DEPTH, "cycle {t}");
                    }
                }
                if let Some(Some(a)) = reads.get(5) {
                    let mut got = [0; COLS];
                    word.get_bytes(&mut got);
                    let group = (a % groups) as usize;
                    assert_eq!(got, flats[1][group * COLS..][..COLS], "the word that was read 5 cycles before cycle {t}");
                }
                reads.truncate(6);
                flats.truncate(2);
            }
        });
    });
}

/// `{enable, reference, line, physical line, beat}` of a read.
fn ripple(enable: u64, line: u64, beat: u64) -> u64 {
    enable << 18 | line << 1 | beat
}

#[test]
fn lines_go_through_their_table_or_where_their_number_says_as_late() {
    let late = u64::from(Latency::of(&Config::own()).line_table) as usize;
    side_by_side([0u32, 1], |controller| {
        bench(&spec(4, controller), 3, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let (array, matmul) = (Unit::of(&sim, "u_array"), Unit::of(&sim, "u_matmul"));
            let table = (controller == 1).then(|| Unit::of(&sim, "u_lines"));
            let [vector, rram, sram] = ["vector_o", "w_rram_o", "w_sram_o"].map(s);
            let mut random = sim.random("steps");
            let mut due = VecDeque::new();
            for t in 0..3000 {
                let (enable, line, beat) = (random.below(2), random.below(128), random.below(2));
                let [x, load, from_sram] = [0; 3].map(|_| random.below(2));
                let (said, address, zero) = (random.below(1 << 19), random.below(X_DEPTH), random.below(256));
                for (port, value) in
                    [("r_en_o", enable), ("r_addr_o", line), ("r_beat_o", beat), ("x_valid_o", x), ("x_addr_o", address)]
                {
                    matmul.says(port, value);
                }
                for (port, value) in [("x_load_o", load), ("x_sram_o", from_sram), ("w_zero_o", zero)] {
                    matmul.says(port, value);
                }
                if let Some(table) = &table {
                    table.says("ripple_o", said);
                }
                due.push_back(ripple(enable, line, beat));
                clk.rising_edge().await;
                assert_eq!((vector.get(), sram.get()), (x, x & load & from_sram), "cycle {t}");
                assert_eq!(rram.get(), enable & (beat ^ 1), "the first of a tile's sub-words, cycle {t}");
                assert_eq!(array.given("w_zero_i"), zero);
                let ripple = array.given("x_ripple_i");
                // {valid, address, hot, pad, pad value, load, from SRAM, SRAM address}
                assert_eq!(
                    (ripple >> 22 & 1, ripple >> 16 & 63, ripple >> 5 & 1, ripple >> 4 & 1),
                    (x, address, load, from_sram)
                );
                if let Some(table) = &table {
                    assert_eq!(array.given("r_ripple_i"), said);
                    assert_eq!((table.given("m_en_i"), table.given("m_line_i"), table.given("m_beat_i")), (enable, line, beat));
                } else if due.len() > late {
                    let expected = due.pop_front().unwrap();
                    let got = array.given("r_ripple_i");
                    assert_eq!(got >> 18, expected >> 18, "cycle {t}");
                    assert!(expected >> 18 == 0 || got == expected, "cycle {t}: {got:x} for {expected:x}");
                }
            }
        });
    });
}
