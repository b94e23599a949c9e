// SPDX-License-Identifier: Apache-2.0
//! The operand side of the core around an array that the bench plays: who reads, which rows a write goes to, where a line lies.

use super::shared::stub::{Unit, play};
use super::shared::wires::Wires;
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

/// Wires that have other names at their ends, and the array's that have the name of another unit's.
const PAIRS: [(&str, &str); 3] = [
    ("vector_o", "u_matmul.x_valid_o"),
    ("uncorrectable_o", "u_array.uncorrectable_o"),
    ("u_array.w_zero_i", "u_matmul.w_zero_o"),
];

/// Those of the line table.
const OF_TABLE: [(&str, &str); 9] = [
    ("u_lines.slot_i", "run_slot_i"),
    ("u_lines.m_en_i", "u_matmul.r_en_o"),
    ("u_lines.m_line_i", "u_matmul.r_addr_o"),
    ("u_lines.m_beat_i", "u_matmul.r_beat_o"),
    ("u_lines.we_i", "table_we_i"),
    ("u_lines.waddr_i", "table_addr_i"),
    ("u_lines.wline_i", "table_line_i"),
    ("u_lines.wwear_i", "table_wear_i"),
    ("table_bad_o", "u_lines.uncorrectable_o"),
];

#[test]
fn every_wire_of_the_operand_side_is_what_it_should_be_in_every_cycle() {
    let late = u64::from(Latency::of(&Config::own()).line_table) as usize;
    side_by_side([(4usize, 1u32), (8, 1), (4, 0)], |(rows, controller)| {
        bench(&spec(rows, controller), 4, move |sim, clk| async move {
            let mut pairs = PAIRS.to_vec();
            pairs.extend(OF_TABLE.iter().filter(|_| controller == 1));
            pairs.extend([("u_array.r_ripple_i", "u_lines.ripple_o")].iter().filter(|_| controller == 1));
            let units = ["u_array", "u_matmul", "u_lines"];
            let mut wires = Wires::of(&sim, "systole_rows", &units[..2 + controller as usize], &pairs);
            let groups = (rows / COLS) as u64;
            let of_group = |address: u64| ((1u64 << COLS) - 1) << (COLS as u64 * (address % groups));
            let mut random = sim.random("cycles");
            let readers = [("res_read_i", "res_addr_i"), ("store_read_i", "store_addr_i"), ("lane_read_i", "lane_addr_i")];
            // This cycle's first: addresses that were read, words of the array, the reset, what MATMUL read.
            let (mut reads, mut flats, mut resets, mut lines) =
                (VecDeque::new(), VecDeque::new(), VecDeque::new(), VecDeque::new());
            for _ in 0..800 {
                wires.any(&mut random);
                wires.says("post_dest_i", random.below(5));
                // One flat read a cycle.
                let who = random.random_range(0..4usize);
                readers.iter().enumerate().for_each(|(n, (read, _))| wires.says(read, (n == who).into()));
                clk.rising_edge().await;
                let w = &mut wires;
                reads.push_front(readers.get(who).map(|(_, address)| w.at(address)));
                flats.push_front(w.bits("u_array.flat_o").clone());
                resets.push_front(w.is_high("rst_i"));
                lines.push_front(ripple(w.at("u_matmul.r_en_o"), w.at("u_matmul.r_addr_o"), w.at("u_matmul.r_beat_o")));
                // A read is applied a cycle later, and forgotten by a reset; where it goes is not.
                let read = reads.get(1).copied().flatten();
                w.is_if("u_array.flat_valid_i", resets.get(1).map(|reset| u64::from(!reset && read.is_some())));
                w.is_if("u_array.flat_addr_i", read.map(|address| address / groups % X_DEPTH));
                match reads.get(5).copied().flatten() {
                    Some(address) => {
                        w.is_bits("flat_word_o", flats[1][(address % groups) as usize * COLS..][..COLS].to_vec());
                    }
                    None => w.open("flat_word_o"),
                }
                // Writes.
                let (address, load) = (w.at("post_addr_i"), w.at("load_addr_i"));
                let dest_is = |d: PostDest| w.is_high("post_valid_i") && w.at("post_dest_i") == d as u64;
                let [x, column, row] = [PostDest::X, PostDest::WColumn, PostDest::WRow].map(dest_is);
                w.is("x_write_o", x.into());
                w.is("w_write_o", (column || row).into());
                w.is("u_array.post_we_i", if x { of_group(address) } else { 0 });
                w.is("u_array.post_addr_i", address / groups % X_DEPTH);
                let mask = (0..groups).fold(0, |all, g| all | w.at("load_mask_i") << (COLS as u64 * g));
                w.is("u_array.load_we_i", if w.is_high("load_valid_i") { of_group(load) & mask } else { 0 });
                w.is("u_array.load_addr_i", load / groups % X_DEPTH);
                let one_row = if row { 1 << (address % rows as u64) } else { 0 };
                w.is("u_array.sram_we_i", if column { of_group(address) } else { one_row });
                let lanes = if column { 1 << (address / groups % COLS as u64) } else { (1 << COLS) - 1 };
                w.is_if("u_array.sram_lanes_i", (column || row).then_some(lanes));
                w.is_if("u_array.sram_column_i", (column || row).then_some(column.into()));
                w.is("u_array.sram_addr_i", address / rows as u64 % SRAM_DEPTH);
                w.is_bits("u_array.sram_data_i", w.bits("post_data_i").clone());
                // Steps: {valid, address, hot, pad, pad value, load, from SRAM, SRAM address}.
                let step = [
                    ("x_valid_o", 1),
                    ("x_addr_o", 6),
                    ("x_hot_o", 1),
                    ("x_pad_o", 1),
                    ("x_pad_value_o", 8),
                    ("x_load_o", 1),
                    ("x_sram_o", 1),
                    ("x_sram_addr_o", 4),
                ];
                let step = step.into_iter().fold(0, |all, (name, width)| all << width | w.at(&format!("u_matmul.{name}")));
                w.is("u_array.x_ripple_i", step);
                let is = |name: &str| w.at(&format!("u_matmul.{name}"));
                let (first, sram) = (is("r_en_o") & (is("r_beat_o") ^ 1), is("x_valid_o") & is("x_load_o") & is("x_sram_o"));
                w.is("w_rram_o", first);
                w.is("w_sram_o", sram);
                if controller == 0 {
                    // A line lies where its number says, as late as with a table; a reset forgets that it is read.
                    let forgotten = resets.iter().skip(1).take(late).any(|&reset| reset);
                    let line = lines.get(late).map(|line| if forgotten { line & !ripple(1, 0, 0) } else { *line });
                    w.is_if("u_array.r_ripple_i", line);
                    ["table_bad_o", "look_line_o", "look_wear_o"].iter().for_each(|port| w.is(port, 0));
                }
                w.rest();
                reads.truncate(6);
                flats.truncate(2);
                resets.truncate(late + 1);
                lines.truncate(late + 1);
            }
            wires.done(140);
        });
    });
}
