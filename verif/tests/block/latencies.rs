// SPDX-License-Identifier: Apache-2.0
//! The assertions that hold the core to its latencies: each agrees with the table of sw/isa, and fails a cycle beside it.

use super::shared::assertions::no_assertion_fails;
use crate::common::{block, side_by_side};
use harness::verilated::Library;
use std::sync::Arc;
use systole_isa::config::CONFIGS;
use systole_isa::{Config, Latency};

/// A latency: what begins it (`take` with what its instruction says), what ends it, and its cycles.
fn all(config: &Config) -> Vec<(&'static str, Vec<&'static str>, Vec<&'static str>, u64)> {
    let l = Latency::of(config);
    let lead = l.w_lead;
    let write = |lut, residual| l.take_to_write(lut, residual);
    let take = |more: &[&'static str]| [&["take_any_i"][..], more].concat();
    let one = |name| vec![name];
    [
        ("issue", one("row_i"), one("start_i"), 3 + l.issue - 1), // of three words; started the cycle before its first step
        ("line_table", one("line_i"), one("place_i"), l.line_table),
        ("w_lead", one("step_i"), one("x_i"), lead),
        ("w_sram_read", one("step_sram_i"), one("sram_i"), l.w_sram_read),
        ("post_take", one("step_end_i"), one("take_i"), lead + l.post_take),
        ("post_write", take(&[]), one("result_i"), write(false, false)),
        ("post_write", take(&["take_lut_i"]), one("result_i"), write(true, false)),
        ("post_write", take(&["take_res_i"]), one("result_i"), write(false, true)),
        ("post_write", take(&["take_res_i", "take_lut_i"]), one("result_i"), write(true, true)),
        ("flat_read", take(&["take_res_i"]), one("flat_i"), l.residual_read),
        ("flat_read", take(&["take_res_i", "take_lut_i"]), one("flat_i"), l.residual_read + l.lut),
        ("flat_read", one("store_i"), one("flat_i"), l.store_read),
        ("flat_read", one("lane_i"), one("flat_i"), l.lane_read),
        ("load_write", one("load_i"), one("load_write_i"), l.load_write),
        ("store_write", one("store_i"), one("store_write_i"), l.store_write),
        ("lane_take", one("lane_end_i"), one("lane_take_i"), l.lane_take),
    ]
    .into_iter()
    .map(|(name, begin, end, cycles)| (name, begin, end, u64::from(cycles)))
    .collect()
}

/// Whether the block stays silent where `end` comes `cycles` after `begin`. What has two ends has the other one in time.
fn silent(library: &Arc<Library>, config: &Config, begin: &[&'static str], end: &'static str, cycles: u64) -> bool {
    let l = Latency::of(config);
    let mut events: Vec<(u64, &'static str, u64)> = begin.iter().map(|&b| (60, b, 1)).collect();
    events.push((60, "words_i", 3));
    events.push((60 + cycles, end, 1));
    let lut = begin.contains(&"take_lut_i");
    let both = if begin == ["store_i"] {
        vec![("store_write_i", l.store_write), ("flat_i", l.store_read)]
    } else if begin.contains(&"take_res_i") {
        vec![("result_i", l.take_to_write(lut, true)), ("flat_i", l.residual_read + if lut { l.lut } else { 0 })]
    } else {
        vec![]
    };
    events.extend(both.into_iter().filter(|o| o.0 != end).map(|(other, after)| (60 + u64::from(after), other, 1)));
    no_assertion_fails(library, events)
}

#[test]
fn each_latency_holds_in_its_cycle_and_in_no_other() {
    side_by_side(["tiny", "slim", "large"], |name| {
        let config = Config::named(name).unwrap();
        let used = ["ROWS", "COLS", "WEIGHT_BEATS", "RRAM_WAYS", "POST_LANES"];
        let values = config.parameters().into_iter().filter(|p| used.contains(&p.0));
        let spec = values.fold(block("systole_latencies"), |spec, (name, value, _)| spec.parameter(name, value));
        let library = spec.build().unwrap_or_else(|e| panic!("{e}"));
        for (what, begin, end, cycles) in all(&config) {
            assert!(silent(&library, &config, &begin, end[0], cycles), "{name}: {what} in its cycle");
            for wrong in [cycles.saturating_sub(1), cycles + 1] {
                assert!(!silent(&library, &config, &begin, end[0], wrong), "{name}: {what} after {wrong} for {cycles}");
            }
        }
    });
}

#[test]
fn l_is_a_result_and_the_cycle_after_it() {
    for name in CONFIGS.map(|c| c.name).into_iter().chain(["small,POST_LANES=1"]) {
        let l = Latency::of(&Config::named(name).unwrap());
        assert_eq!(l.l, l.post_write + l.write_to_read);
        assert_eq!((l.w_lead, l.post_distance >= l.acc_distance), (l.w_sram_read, true));
    }
}
