// SPDX-License-Identifier: Apache-2.0
//! Where an image goes: the host's words and a wake's into the upload, and what is there without a controller.

use super::shared::stub::{Unit, play};
use crate::common::{bench, block};
use harness::axi::StreamSource;
use harness::verilated::Spec;
use harness::{Pause, Sim};
use rand::RngExt;
use systole_isa::regs::{ERRORS, UPLOAD_TARGETS, offset};

const COLS: usize = 4;

fn spec(controller: u32) -> Spec {
    block("systole_image")
        .parameter("ROWS", COLS)
        .parameter("COLS", COLS)
        .parameter("RRAM_DEPTH", 128)
        .parameter("RRAM_CTRL", controller)
        .parameter("PARAM_DEPTH", 8)
        .parameter("TIMETABLE_DEPTH", 32)
        .parameter("DESC_DEPTH", 16)
}

fn code(target: &str) -> u64 {
    UPLOAD_TARGETS.iter().position(|t| *t == target).unwrap() as u64
}

#[test]
fn words_and_targets_of_a_wake_go_before_those_of_the_host() {
    let spec = play(spec(1), &["systole_rram", "systole_upload"]);
    bench(&spec, 1, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let (rram, upload) = (Unit::of(&sim, "u_rram"), Unit::of(&sim, "u_upload"));
        let mut random = sim.random("cycles");
        let mut wakes = 0;
        for t in 0..2000 {
            let flags: [bool; 9] = random.random();
            let [valid, target, address, busy, on, ready, hold, wake, chooses] = flags;
            let (wake, chooses) = (wake && hold, chooses && hold && !target);
            let [data, host, word]: [u32; 3] = random.random();
            let which = random.random_range(0..7u64);
            let inputs =
                [("s_tvalid_i", valid), ("set_target_i", target), ("set_address_i", address), ("busy_i", busy), ("run_on_i", on)];
            for (port, value) in inputs {
                s(port).set(value.into());
            }
            s("wdata_i").set(data.into());
            s("s_tdata_i").set(host.into());
            upload.says("s_tready_o", ready.into());
            rram.says("upload_hold_o", hold.into());
            rram.says("upload_valid_o", wake.into());
            rram.says("upload_data_o", word.into());
            rram.says("upload_we_o", chooses.into());
            rram.says("upload_target_o", which);
            clk.rising_edge().await;
            let (ready, hold) = (u64::from(ready), u64::from(hold));
            assert_eq!(s("s_tready_o").get(), ready & (hold ^ 1), "the host's word is taken, cycle {t}");
            assert_eq!(upload.given("s_tvalid_i"), u64::from(wake || valid && hold == 0));
            if wake || valid {
                assert_eq!(upload.given("s_tdata_i"), u64::from(if wake { word } else { host }), "cycle {t}");
            }
            assert_eq!(upload.given("busy_i"), u64::from(busy) & (hold ^ 1), "a wake uploads while a run waits");
            assert_eq!(upload.given("set_target_i"), u64::from(target || chooses));
            assert_eq!(upload.given("set_data_i"), if chooses { which } else { data.into() });
            assert_eq!(rram.given("run_wait_i"), u64::from(busy && !on), "a start waits");
            wakes += u64::from(wake && valid);
        }
        assert!(wakes > 200);
    });
}

/// Ports of the group that are ports of a unit, all of it: the group's without `_i` and `_o`, and the unit's.
const RRAM: [(&str, &str); 46] = [
    ("rram_we", "we"),
    ("rram_waddr", "waddr"),
    ("wdata", "wdata"),
    ("error_clear", "error_clear"),
    ("rram_raddr", "raddr"),
    ("rram_rdata", "rdata"),
    ("rram_budget", "budget"),
    ("rram_inject", "inject"),
    ("rram_slot", "slot"),
    ("awake", "ready"),
    ("run_on", "run_on"),
    ("done", "run_done"),
    ("rram_busy", "busy"),
    ("rram_ended", "ended"),
    ("rram_retired", "retired"),
    ("poison", "poison"),
    ("poisoned", "poisoned"),
    ("rram_error", "error"),
    ("wake_we", "wake_we"),
    ("wake_bytes", "wake_bytes"),
    ("scrub", "scrub"),
    ("scrub_lines", "scrub_lines"),
    ("run_slot", "run_slot"),
    ("c_en", "c_en"),
    ("c_line", "c_line"),
    ("c_ref", "c_ref"),
    ("c_raw", "c_raw"),
    ("table_bad", "table_bad"),
    ("look_line", "look_line"),
    ("look_wear", "look_wear"),
    ("table_we", "table_we"),
    ("table_addr", "table_addr"),
    ("table_line", "table_line"),
    ("table_wear", "table_wear"),
    ("words", "words"),
    ("fresh", "fresh"),
    ("corrected", "corrected"),
    ("uncorrectable", "uncorrectable"),
    ("lines", "lines"),
    ("prog_load", "prog_load"),
    ("prog_data", "prog_data"),
    ("need_set", "need_set"),
    ("need_reset", "need_reset"),
    ("pulse", "pulse"),
    ("pulse_addr", "pulse_addr"),
    ("pulsing", "pulsing"),
];

const UPLOAD: [(&str, &str); 19] = [
    ("target", "target"),
    ("address", "address"),
    ("count", "count"),
    ("uploading", "partial"),
    ("refused_busy", "refused_busy"),
    ("refused_range", "refused_range"),
    ("row_we", "row_we"),
    ("desc_we", "desc_we"),
    ("program_addr", "program_addr"),
    ("param_we", "param_we"),
    ("param_addr", "param_addr"),
    ("data", "data"),
    ("tap_we", "tap_we"),
    ("tap_addr", "tap_addr"),
    ("lut_we", "lut_we"),
    ("lut_addr", "lut_addr"),
    ("lut_data", "lut_data"),
    ("vec_we", "vec_we"),
    ("vec_addr", "vec_addr"),
];

/// Ports of the units that meet inside.
const BETWEEN: [(&str, &str); 5] = [
    ("rram_valid_o", "s_valid_i"),
    ("rram_record_o", "s_record_i"),
    ("rram_index_o", "s_index_i"),
    ("rram_data_o", "s_data_i"),
    ("partial_o", "upload_partial_i"),
];

#[test]
fn each_port_is_that_of_its_unit() {
    let spec = play(spec(1), &["systole_rram", "systole_upload"]);
    bench(&spec, 2, |sim, clk| async move {
        let (rram, upload) = (Unit::of(&sim, "u_rram"), Unit::of(&sim, "u_upload"));
        let mut random = sim.random("bytes");
        for _ in 0..60 {
            for (unit, ports) in [(&rram, &RRAM[..]), (&upload, &UPLOAD)] {
                for (outside, inside) in ports {
                    same(&sim, &clk, unit, outside, inside, &mut random).await;
                }
            }
            for (from, to) in BETWEEN {
                let bytes: [u8; 4] = random.random();
                upload.says_bytes(from, &bytes);
                clk.rising_edge().await;
                let mask = u64::MAX >> (64 - rram.width(to));
                assert_eq!(rram.given(to), u64::from(u32::from_le_bytes(bytes)) & mask, "{from}, {to}");
            }
        }
    });
}

/// Any bits of a port reach the other side.
async fn same(sim: &Sim, clk: &harness::Clock, unit: &Unit, outside: &str, inside: &str, random: &mut harness::Stream) {
    let input = sim.has(&format!("{outside}_i"));
    let port = sim.signal(&format!("{outside}_{}", if input { "i" } else { "o" }));
    let mut bytes = vec![0; port.width().div_ceil(8) as usize];
    random.fill(&mut bytes);
    if let Some(last) = bytes.last_mut().filter(|_| !port.width().is_multiple_of(8)) {
        *last &= (1 << (port.width() % 8)) - 1;
    }
    let mut got = vec![0; bytes.len()];
    if input {
        port.set_bytes(&bytes);
        clk.rising_edge().await;
        got = unit.given_bytes(&format!("{inside}_i"));
        port.set_bytes(&vec![0; bytes.len()]);
    } else {
        unit.says_bytes(&format!("{inside}_o"), &bytes);
        clk.rising_edge().await;
        port.get_bytes(&mut got);
    }
    assert_eq!(got, bytes, "{outside} and {inside}");
}

#[test]
fn without_a_controller_words_go_to_the_banks_and_nothing_else_is_on() {
    bench(&spec(0), 3, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let source = StreamSource::new(&clk, "s_", Pause::random(0.2, sim.random("source")));
        let absent = u64::from(ERRORS.iter().find(|e| e.name == "RRAM_ABSENT").unwrap().bit);
        let [load, line, data, error] = ["prog_load_o", "pulse_addr_o", "prog_data_o", "rram_error_o"].map(s);
        let silent = [
            "rram_rdata_o",
            "rram_budget_o",
            "rram_inject_o",
            "rram_slot_o",
            "wake_we_o",
            "wake_bytes_o",
            "awake_o",
            "rram_busy_o",
            "rram_ended_o",
            "rram_retired_o",
            "poison_o",
            "poisoned_o",
            "run_slot_o",
            "c_en_o",
            "c_line_o",
            "c_beat_o",
            "c_ref_o",
            "c_raw_o",
            "table_we_o",
            "table_addr_o",
            "table_line_o",
            "table_wear_o",
            "pulse_o",
            "pulse_reset_o",
            "pulse_level_o",
            "pulse_beat_o",
            "enable_a_o",
            "enable_b_o",
        ]
        .map(s);
        let inputs = [
            "scrub_i",
            "table_bad_i",
            "look_line_i",
            "words_i",
            "fresh_i",
            "corrected_i",
            "uncorrectable_i",
            "need_set_i",
            "pulsing_i",
        ]
        .map(s);
        let mut random = sim.random("banks");
        let mut bytes = vec![0; 128 * COLS * COLS];
        random.fill(&mut bytes);
        for (target, words) in [("RRAM", 128 * COLS), ("RECORD", 0)] {
            s("set_target_i").set(1);
            s("wdata_i").set(code(target));
            clk.rising_edge().await;
            s("set_target_i").set(0);
            source.send(bytes[..if words > 0 { bytes.len() } else { COLS }].to_vec());
            let (mut n, mut errors) = (0, 0);
            for _ in 0..words * 2 + 40 {
                for input in &inputs {
                    input.set_bytes(&random.random::<[u8; 16]>());
                }
                clk.rising_edge().await;
                assert!(silent.iter().all(|o| !o.is_high()));
                if load.is_high() {
                    let expected = u32::from_le_bytes(bytes[n * COLS..][..COLS].try_into().unwrap());
                    let place = (1 << (n % COLS), (n / COLS) as u64, u64::from(expected));
                    assert_eq!((load.get(), line.get(), data.get()), place, "word {n}: its row, its line, no check bits");
                    n += 1;
                }
                errors += u64::from(error.get() == absent);
                assert!(error.get() == 0 || error.get() == absent);
            }
            assert_eq!((n, errors), (words, u64::from(words == 0)), "{target}");
        }
        // A command is for a controller too.
        s("rram_we_i").set(1);
        s("rram_waddr_i").set(offset("RRAM_COMMAND").into());
        clk.rising_edge().await;
        s("rram_we_i").set(0);
        clk.rising_edge().await;
        assert_eq!(error.get(), absent);
    });
}
