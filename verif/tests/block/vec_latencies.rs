// SPDX-License-Identifier: Apache-2.0
//! The assertions that hold the vector unit to its latencies: each agrees with the table of sw/isa, and fails a cycle beside it.

use super::shared::assertions::no_assertion_fails;
use crate::common::block;
use harness::verilated::Library;
use std::sync::Arc;
use systole_isa::{Config, Latency};

/// The vector unit's: what begins it, what ends it, cycles to the first pulse, and how many there are.
fn of_vector(config: &Config) -> Vec<(&'static str, Vec<&'static str>, &'static str, u64, u64)> {
    let (l, groups) = (Latency::of(config), u64::from(config.vec_beats()));
    let step = |more: &[&'static str]| [&["step_i"][..], more].concat();
    let scalar = |op: u64| {
        if op == 1 {
            l.scalar_add
        } else if op >= 3 {
            l.scalar_recip
        } else {
            l.scalar_mul
        }
    };
    let mut all = vec![
        ("vec_read", step(&[]), "read_i", l.vec_read, groups),
        ("vec_scalar", step(&[]), "s_read_i", l.vec_scalar, groups),
        ("vec_write", step(&["to_v_i"]), "v_write_i", l.vec_write, groups),
        ("vec_write", step(&["to_v_i", "fn_i"]), "v_write_i", l.vec_write + l.vec_fn, groups),
        ("vec_code", step(&["to_code_i"]), "result_i", l.vec_code, 1),
        ("vec_code", step(&["to_code_i", "fn_i"]), "result_i", l.vec_code + l.vec_fn, 1),
        ("vec_code", step(&["to_float_i"]), "result_i", l.vec_code, 4),
        // The last group's is the one that counts.
        ("vec_max", step(&["max_i", "fn_i"]), "max_write_i", l.vec_max + 1 - groups as u32, groups),
        ("vec_sum", step(&["sum_i"]), "sum_write_i", l.vec_sum, 1),
        ("vec_sum", step(&["sum_i", "fn_i"]), "sum_write_i", l.vec_sum + l.vec_fn, 1),
        ("scalar_read", vec!["scalar_i"], "scalar_read_i", l.scalar_read, 1),
    ];
    all.extend(["op0", "op1", "op2", "op3", "op4"].map(|op| ("scalar_write", vec!["scalar_i", op], "scalar_write_i", 0, 1)));
    let op = |begin: &[&str]| begin.iter().find_map(|b| b.strip_prefix("op")).and_then(|n| n.parse().ok()).unwrap_or(0);
    all.into_iter()
        .map(|(name, begin, end, cycles, pulses)| {
            let cycles = if name == "scalar_write" { scalar(op(&begin)) } else { cycles };
            (name, begin, end, u64::from(cycles), pulses)
        })
        .collect()
}

/// Whether the vector unit's assertions stay silent where `end` comes from `cycles` after the step on, and the rest in time.
fn vector_silent(
    library: &Arc<Library>,
    config: &Config,
    case: &(&str, Vec<&'static str>, &'static str, u64, u64),
    cycles: u64,
) -> bool {
    let (l, groups) = (Latency::of(config), u64::from(config.vec_beats()));
    let (_, begin, end, _, pulses) = case.clone();
    let mut events: Vec<(u64, &'static str, u64)> = vec![];
    for name in &begin {
        match name.strip_prefix("op") {
            Some(op) => events.push((60, "op_i", op.parse().unwrap())),
            None => events.push((60, name, 1)),
        }
    }
    events.extend((0..pulses).map(|n| (60 + cycles + n, end, 1)));
    let mut also = |name: &'static str, after: u32, count: u64| {
        if name != end {
            events.extend((0..count).map(|n| (60 + u64::from(after) + n, name, 1)));
        }
    };
    if begin[0] == "step_i" {
        also("read_i", l.vec_read, groups);
        also("s_read_i", l.vec_scalar, groups);
    } else {
        also("scalar_read_i", l.scalar_read, 1);
        // Of a product, where only the read is looked at.
        if end == "scalar_read_i" {
            also("scalar_write_i", l.scalar_mul, 1);
        }
    }
    no_assertion_fails(library, events)
}

#[test]
fn each_latency_of_the_vector_unit_holds_in_its_cycle_and_in_no_other() {
    for name in ["base", "small,VEC_LANES=2"] {
        let config = Config::named(name).unwrap();
        let used = ["COLS", "VEC_LANES"];
        let values = config.parameters().into_iter().filter(|p| used.contains(&p.0));
        let spec = values.fold(block("systole_vec_latencies"), |spec, (name, value, _)| spec.parameter(name, value));
        let library = spec.build().unwrap_or_else(|e| panic!("{e}"));
        for case in of_vector(&config) {
            let (what, .., cycles, _) = case.clone();
            assert!(vector_silent(&library, &config, &case, cycles), "{name}: {what} in its cycle");
            for wrong in [cycles - 1, cycles + 1] {
                assert!(!vector_silent(&library, &config, &case, wrong), "{name}: {what} after {wrong} for {cycles}");
            }
        }
    }
}
