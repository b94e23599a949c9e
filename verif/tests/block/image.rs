// SPDX-License-Identifier: Apache-2.0
//! Where an image goes: the host's words and a wake's into the upload, and what is there without a controller.

use super::shared::stub::{Unit, play};
use super::shared::wires::Wires;
use crate::common::{bench, block, side_by_side};
use harness::Pause;
use harness::axi::StreamSource;
use harness::verilated::Spec;
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

/// Wires of the upload that have other names at their ends.
const OF_UPLOAD: [(&str, &str); 2] = [("uploading_o", "u_upload.partial_o"), ("data_o", "u_upload.data_o")];

/// Those of the controller.
const OF_RRAM: [(&str, &str); 19] = [
    ("u_upload.rram_ready_i", "u_rram.s_ready_o"),
    ("u_rram.we_i", "rram_we_i"),
    ("u_rram.waddr_i", "rram_waddr_i"),
    ("u_rram.raddr_i", "rram_raddr_i"),
    ("u_rram.run_done_i", "done_i"),
    ("u_rram.s_valid_i", "u_upload.rram_valid_o"),
    ("u_rram.s_record_i", "u_upload.rram_record_o"),
    ("u_rram.s_index_i", "u_upload.rram_index_o"),
    ("u_rram.s_data_i", "u_upload.rram_data_o"),
    ("u_rram.upload_partial_i", "u_upload.partial_o"),
    ("rram_rdata_o", "u_rram.rdata_o"),
    ("rram_budget_o", "u_rram.budget_o"),
    ("rram_inject_o", "u_rram.inject_o"),
    ("rram_slot_o", "u_rram.slot_o"),
    ("awake_o", "u_rram.ready_o"),
    ("rram_busy_o", "u_rram.busy_o"),
    ("rram_error_o", "u_rram.error_o"),
    ("rram_ended_o", "u_rram.ended_o"),
    ("rram_retired_o", "u_rram.retired_o"),
];

/// Those of what loads banks of plain RAM.
const OF_LOAD: [(&str, &str); 10] = [
    ("u_load.we_i", "rram_we_i"),
    ("u_load.waddr_i", "rram_waddr_i"),
    ("u_load.s_valid_i", "u_upload.rram_valid_o"),
    ("u_load.s_record_i", "u_upload.rram_record_o"),
    ("u_load.s_index_i", "u_upload.rram_index_o"),
    ("u_load.s_data_i", "u_upload.rram_data_o"),
    ("prog_load_o", "u_load.we_o"),
    ("pulse_addr_o", "u_load.line_o"),
    ("prog_data_o", "u_load.data_o"),
    ("rram_error_o", "u_load.error_o"),
];

#[test]
fn every_wire_of_the_image_side_is_what_it_should_be_in_every_cycle() {
    side_by_side([1u32, 0], |controller| {
        let second = ["systole_w_load", "systole_rram"][controller as usize];
        let spec = play(spec(controller), &["systole_upload", second]);
        bench(&spec, 2, move |sim, clk| async move {
            let there = controller == 1;
            let units = ["u_upload", if there { "u_rram" } else { "u_load" }];
            let mut pairs = OF_UPLOAD.to_vec();
            pairs.extend(if there { &OF_RRAM[..] } else { &OF_LOAD });
            let mut wires = Wires::of(&sim, "systole_image", &units, &pairs);
            let mut random = sim.random("cycles");
            for _ in 0..600 {
                wires.any(&mut random);
                if there && !wires.is_high("u_rram.upload_hold_o") {
                    // A wake holds the host's stream for as long as it uploads.
                    wires.says("u_rram.upload_valid_o", 0);
                    wires.says("u_rram.upload_we_o", 0);
                }
                clk.rising_edge().await;
                let w = &mut wires;
                let wake = |w: &Wires, name: &str| there && w.is_high(&format!("u_rram.{name}"));
                let [hold, word, chooses] = ["upload_hold_o", "upload_valid_o", "upload_we_o"].map(|name| wake(w, name));
                w.is("s_tready_o", u64::from(w.is_high("u_upload.s_tready_o") && !hold));
                w.is("u_upload.s_tvalid_i", u64::from(word || w.is_high("s_tvalid_i") && !hold));
                w.is_bits("u_upload.s_tdata_i", w.bits(if word { "u_rram.upload_data_o" } else { "s_tdata_i" }).clone());
                w.is("u_upload.busy_i", u64::from(w.is_high("busy_i") && !hold));
                w.is("u_upload.set_target_i", u64::from(chooses || w.is_high("set_target_i")));
                w.is("u_upload.set_data_i", w.at(if chooses { "u_rram.upload_target_o" } else { "wdata_i" }));
                if there {
                    w.is("u_rram.run_wait_i", u64::from(w.is_high("busy_i") && !w.is_high("run_on_i")));
                } else {
                    w.is("u_upload.rram_ready_i", 1);
                    SILENT.iter().for_each(|port| w.is(port, 0));
                }
                w.rest();
            }
            wires.done(600);
        });
    });
}

/// What is 0 without a controller.
const SILENT: [&str; 28] = [
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
];

#[test]
fn without_a_controller_words_go_to_the_banks_and_nothing_else_is_on() {
    bench(&spec(0), 3, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let source = StreamSource::new(&clk, "s_", Pause::random(0.2, sim.random("source")));
        let absent = u64::from(ERRORS.iter().find(|e| e.name == "RRAM_ABSENT").unwrap().bit);
        let [load, line, data, error] = ["prog_load_o", "pulse_addr_o", "prog_data_o", "rram_error_o"].map(s);
        let silent = SILENT.map(s);
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
