// SPDX-License-Identifier: Apache-2.0
//! State machines of the RTL: which states follow which. What the cover statements of `SYSTOLE_COVER_STATES` saw must be these
//! arcs, all of them and no other.

use super::data::Module;
use std::collections::{BTreeMap, BTreeSet};

/// A state and those that may follow it, itself left out.
type Arcs = &'static [(&'static str, &'static [&'static str])];

/// The file of a machine and its arcs. A reset, from every state to the first, is no arc.
pub const MACHINES: [(&str, Arcs); 6] = [
    ("rtl/core/systole_sequencer.v", &[("IDLE", &["ARM"]), ("ARM", &["RUN"]), ("RUN", &["IDLE"])]),
    (
        "rtl/rram/systole_rram_program.v",
        &[
            ("IDLE", &["LOOK"]),
            ("LOOK", &["DONE", "SCAN", "READ"]),
            ("READ", &["JUDGE"]),
            ("JUDGE", &["FAIL", "PULSE", "READ", "DONE"]),
            ("PULSE", &["WAIT"]),
            ("WAIT", &["READ", "PULSE"]),
            ("FAIL", &["FILL", "DONE"]),
            ("FILL", &["SPARE", "KEEP"]),
            ("SPARE", &["RETIRE", "DONE"]),
            ("RETIRE", &["READ"]),
            ("SCAN", &["FILL", "READ"]),
            ("KEEP", &["SWAP"]),
            ("SWAP", &["READ"]),
            ("REST", &["LOOK"]),
            ("DONE", &["REST", "IDLE"]),
        ],
    ),
    (
        "rtl/rram/systole_rram_engine.v",
        &[
            ("FETCH", &["REFILL", "STOP"]),
            ("REFILL", &["READ", "STOP"]),
            ("READ", &["EXEC", "STOP"]),
            ("EXEC", &["VERB", "REFILL", "READ", "STOP"]),
            ("VERB", &["READ", "STOP"]),
            ("STOP", &[]),
        ],
    ),
    (
        "rtl/board/systole_boot.v",
        &[
            ("WARM", &["COMMAND"]),
            ("COMMAND", &["MAGIC"]),
            ("MAGIC", &["LENGTH", "OFF"]),
            ("LENGTH", &["OFF", "FRAMES"]),
            ("FRAMES", &["SETTLE", "OFF"]),
            ("SETTLE", &["DONE"]),
            ("DONE", &["OFF", "FRAMES"]),
            ("OFF", &[]),
        ],
    ),
    (
        "rtl/board/systole_bridge.v",
        &[
            ("IDLE", &["HEADER"]),
            ("HEADER", &["DECIDE"]),
            ("DECIDE", &["ANSWER", "SEND", "RESET", "READ", "WRITE", "WAIT", "POP", "FETCH"]),
            ("RESET", &["ANSWER"]),
            ("READ", &["ANSWER"]),
            ("WRITE", &["ANSWER"]),
            ("FETCH", &["PUSH"]),
            ("PUSH", &["ANSWER", "FETCH"]),
            ("POP", &["UNPACK", "ANSWER"]),
            ("UNPACK", &["POP"]),
            ("WAIT", &["ANSWER"]),
            ("ANSWER", &["RESULT"]),
            ("RESULT", &["FLAGS"]),
            ("FLAGS", &["SEND"]),
            ("SEND", &["IDLE"]),
        ],
    ),
    (
        "rtl/board/systole_link_tx.v",
        &[
            ("IDLE", &["FIRST"]),
            ("FIRST", &["READ"]),
            ("READ", &["HOLD"]),
            ("HOLD", &["BYTE"]),
            ("BYTE", &["ESCAPED", "LAST", "READ"]),
            ("ESCAPED", &["LAST", "READ"]),
            ("LAST", &["IDLE"]),
        ],
    ),
];

/// Names of states by number, from `localparam ST_NAME = 3'd5` of a source.
pub fn numbers(source: &str) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    for part in source.split(|c: char| !(c.is_ascii_alphanumeric() || "_'= ".contains(c))) {
        let Some((name, value)) = part.split_once('=') else { continue };
        let Some(name) = name.split_whitespace().last().and_then(|n| n.strip_prefix("ST_")) else { continue };
        let Some(value) = value.trim().split_once("'d").and_then(|(_, v)| v.trim().parse().ok()) else { continue };
        found.insert(value, name.to_string());
    }
    found
}

/// The pair of states of a cover statement.
fn pair(point: &str) -> Option<(u64, u64)> {
    let index = |name: &str| {
        let rest = &point[point.find(name)? + name.len()..];
        let digits: String = rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    Some((index("g_from")?, index("g_to")?))
}

/// Points of a module's states and arcs: those that are declared, and those that were seen.
pub fn points(file: &str, module: &Module, source: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let Some((_, arcs)) = MACHINES.iter().find(|m| m.0 == file) else { return Default::default() };
    let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".v");
    let state = |name: &str| format!("state {stem} {name}");
    let arc = |from: &str, to: &str| format!("arc {stem} {from} -> {to}");
    let names = numbers(source);
    let known = names.values().map(|name| state(name));
    let declared = known.chain(arcs.iter().flat_map(|(from, to)| to.iter().map(|to| arc(from, to)))).collect();
    let mut seen = BTreeSet::new();
    for (from, to) in module.points.iter().filter(|p| *p.1 > 0).filter_map(|p| pair(p.0)) {
        let name = |n: u64| names.get(&n).cloned().unwrap_or_else(|| n.to_string());
        seen.extend([state(&name(from)), state(&name(to))]);
        if from != to {
            seen.insert(arc(&name(from), &name(to)));
        }
    }
    (declared, seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_of_the_table_has_its_states_in_the_rtl() {
        for (file, arcs) in MACHINES {
            let source = std::fs::read_to_string(format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
            let mut names: Vec<String> = numbers(&source).into_values().collect();
            names.sort();
            let mut declared: Vec<&str> = arcs.iter().map(|a| a.0).collect();
            declared.sort();
            assert_eq!(names, declared, "{file}");
            assert!(source.contains("`SYSTOLE_COVER_STATES(cover_state, state_q"), "{file}");
        }
    }

    #[test]
    fn a_cover_statement_gives_its_arc() {
        let mut module = Module::default();
        module.points.insert("cover_state.g_from__BRA__1__KET__.g_to__BRA__2__KET__".into(), 3);
        module.points.insert("cover_state.g_from__BRA__2__KET__.g_to__BRA__0__KET__".into(), 0);
        let source = "localparam ST_IDLE = 2'd0;\n localparam ST_ARM = 2'd1, ST_RUN = 2'd2;";
        let (declared, seen) = points("rtl/core/systole_sequencer.v", &module, source);
        assert_eq!(declared.len(), 6);
        let expected = ["arc systole_sequencer ARM -> RUN", "state systole_sequencer ARM", "state systole_sequencer RUN"];
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
    }
}
