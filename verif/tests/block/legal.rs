// SPDX-License-Identifier: Apache-2.0
//! The rules of a configuration: each stops elaboration by its name, and no configuration of the list breaks one.

use std::collections::BTreeSet;
use std::process::Command;
use systole_isa::Config;
use systole_isa::config::CONFIGS;

/// What breaks a rule of `tiny`, and the rule's name.
const BROKEN: [(&[(&str, u32)], &str); 28] = [
    (&[("ROWS", 12)], "ROWS_must_be_COLS_or_twice_COLS"),
    (&[("COLS", 5), ("ROWS", 5)], "COLS_must_be_4_8_16_or_32"),
    (&[("WEIGHT_BEATS", 3)], "WEIGHT_BEATS_must_be_1_2_or_4"),
    (&[("ECC", 2)], "ECC_must_be_0_or_1"),
    (&[("RRAM_CTRL", 2)], "RRAM_CTRL_must_be_0_or_1"),
    (&[("RRAM_DEPTH", 64)], "RRAM_DEPTH_too_small_for_slots_tables_and_records"),
    (&[("ACC_DEPTH", 2)], "a_memory_is_too_small"),
    (&[("RRAM_CTRL", 0), ("ECC", 1)], "ECC_must_be_0_where_RRAM_CTRL_is_0"),
    (&[("WEIGHT_ZERO", 2)], "WEIGHT_ZERO_must_be_0_or_1"),
    (&[("RESIDUAL", 2)], "RESIDUAL_must_be_0_or_1"),
    (&[("PRODUCT", 2)], "PRODUCT_must_be_0_or_1"),
    (&[("PRODUCT", 1), ("RESIDUAL", 0)], "PRODUCT_must_be_0_where_RESIDUAL_is_0"),
    (&[("EVENTS", 2)], "EVENTS_must_be_0_or_1"),
    (&[("POST_LANES", 3), ("LANE_TAPS", 0)], "POST_LANES_must_be_a_power_of_two_up_to_COLS"),
    (&[("POST_LANES", 2)], "POST_LANES_must_be_COLS_with_a_lane_engine"),
    (&[("X_BANKS", 3)], "X_BANKS_must_be_2_or_4"),
    (&[("RRAM_WAYS", 3), ("WEIGHT_BEATS", 2)], "RRAM_WAYS_must_be_1_2_or_4"),
    (&[("RRAM_WAYS", 4)], "RRAM_WAYS_must_be_at_most_2_WEIGHT_BEATS"),
    (&[("X_DEPTH", 1000)], "X_DEPTH_must_be_a_power_of_two"),
    (&[("RRAM_DEPTH", 3000)], "RRAM_DEPTH_must_be_a_power_of_two_up_to_65536"),
    (&[("RRAM_DEPTH", 131_072)], "RRAM_DEPTH_must_be_a_power_of_two_up_to_65536"),
    (&[("W_SRAM_DEPTH", 32_768)], "W_SRAM_DEPTH_times_ROWS_exceeds_65536"),
    (&[("ACC_DEPTH", 8192)], "ACC_DEPTH_exceeds_4096"),
    (&[("VEC_LANES", 3)], "VEC_LANES_must_be_0_or_COLS_or_a_half_or_a_quarter"),
    (&[("LANE_TAPS", 4)], "LANE_TAPS_must_be_0_or_9"),
    (&[("LUT_COUNT", 17)], "LUT_COUNT_exceeds_16"),
    (&[("IN_DEPTH", 65_536)], "IN_DEPTH_times_COLS_exceeds_131072"),
    (&[("TIMETABLE_DEPTH", 8192)], "TIMETABLE_DEPTH_exceeds_twice_DESC_DEPTH"),
];

fn source() -> std::path::PathBuf {
    let (sources, _) = systole_chip::source_list().unwrap();
    sources.into_iter().find(|path| path.ends_with("systole_legal.v")).unwrap()
}

/// What Verilator says of a configuration that differs in these sizes: the rules it breaks.
fn rules(config: &Config, changes: &[(&str, u32)]) -> BTreeSet<String> {
    let text = std::fs::read_to_string(source()).unwrap();
    let mut verilator = Command::new("verilator");
    verilator.args(["--lint-only", "--top-module", "systole_legal"]).arg(source());
    for include in systole_chip::source_list().unwrap().1 {
        verilator.arg(format!("-I{}", include.display()));
    }
    for (name, value, _) in config.parameters().into_iter().filter(|p| text.contains(&format!("parameter {} ", p.0))) {
        let changed = changes.iter().find(|c| c.0 == name).map_or(value.to_string(), |c| c.1.to_string());
        verilator.arg(format!("-G{name}={changed}"));
    }
    let said = verilator.output().unwrap();
    let said_text = String::from_utf8_lossy(&said.stderr).into_owned();
    let found: BTreeSet<String> = names(&said_text);
    assert_eq!(said.status.success(), found.is_empty(), "{changes:?}: {said_text}");
    found
}

/// The rules that a text names.
fn names(text: &str) -> BTreeSet<String> {
    let word = |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_string();
    text.split("systole_error_").skip(1).map(word).collect()
}

#[test]
fn each_rule_stops_elaboration_by_its_name() {
    let tiny = Config::named("tiny").unwrap();
    for (changes, rule) in BROKEN {
        let broken = rules(&tiny, changes);
        assert!(broken.contains(rule), "{changes:?} breaks {broken:?}");
    }
    let all: BTreeSet<String> = BROKEN.iter().map(|b| b.1.to_string()).collect();
    assert_eq!(all, names(&std::fs::read_to_string(source()).unwrap()), "rules that are tried, and those of the module");
}

#[test]
fn every_configuration_of_the_list_keeps_the_rules() {
    for config in CONFIGS {
        assert_eq!(rules(&config, &[]), BTreeSet::new(), "{}", config.name);
    }
}
