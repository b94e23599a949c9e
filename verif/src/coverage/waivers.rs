// SPDX-License-Identifier: Apache-2.0
//! What need not be covered, each by name and with a reason (`verif/coverage-waivers.toml`). A waiver that matches nothing, or
//! something that is covered, is an error.

use super::data::{BitKey, Data};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Bits of signals.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toggle {
    /// Path of the file, `*` for any characters.
    pub file: String,
    /// Signal: `name` for all of its bits, `name[7]`, `name[15:8]`; `*` in it for any characters.
    pub signal: String,
    /// Why they need not change.
    pub reason: String,
}

/// Lines of code.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Path of the file.
    pub file: String,
    /// A part of the line's text.
    pub text: String,
    /// Why it need not be reached.
    pub reason: String,
}

/// Functional points.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Its name, `*` for any characters.
    pub name: String,
    /// Why it need not be reached.
    pub reason: String,
}

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waivers {
    /// Of toggles.
    #[serde(default)]
    pub toggle: Vec<Toggle>,
    /// Of lines.
    #[serde(default)]
    pub line: Vec<Line>,
    /// Of functional points.
    #[serde(default)]
    pub point: Vec<Point>,
}

/// What the waivers leave out.
#[derive(Debug, Default)]
pub struct Waived {
    /// Bits by file.
    pub bits: BTreeMap<String, BTreeSet<BitKey>>,
    /// Lines by file.
    pub lines: BTreeMap<String, BTreeSet<u32>>,
    /// Functional points.
    pub points: BTreeSet<String>,
    /// Waivers that are not good any more.
    pub stale: Vec<String>,
}

/// Does a text match a pattern with `*`?
pub fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text
            .strip_prefix(head)
            .is_some_and(|tail| tail.char_indices().map(|(i, _)| i).chain([tail.len()]).any(|i| matches(rest, &tail[i..]))),
    }
}

/// Is the bit `name` or `name[n]` one of a signal's pattern?
fn bit_matches(pattern: &str, bit: &str) -> bool {
    if matches(pattern, bit) {
        return true;
    }
    let Some((signal, index)) = bit.strip_suffix(']').and_then(|b| b.rsplit_once('[')) else { return false };
    match pattern.strip_suffix(']').and_then(|p| p.rsplit_once('[')) {
        None => matches(pattern, signal) || matches(pattern, signal.split('[').next().unwrap_or(signal)),
        Some((name, range)) => {
            let Some((high, low)) = range.split_once(':') else { return false };
            let number = |text: &str| text.parse::<u32>().ok();
            let inside =
                number(low).zip(number(high)).zip(number(index)).is_some_and(|((low, high), n)| (low..=high).contains(&n));
            inside && matches(name, signal)
        }
    }
}

impl Waivers {
    /// Applies the waivers. `source` gives the lines of a file, `declared` are all functional points and `hit` those that were
    /// reached; `rises` says how often a bit must have changed.
    pub fn apply(
        &self,
        data: &Data,
        source: impl Fn(&str) -> Vec<String>,
        declared: &BTreeSet<String>,
        hit: &BTreeSet<String>,
        rises: u64,
    ) -> Waived {
        let mut waived = Waived::default();
        for w in &self.toggle {
            let (mut some, mut covered) = (false, vec![]);
            for (file, module) in data.iter().filter(|(file, _)| matches(&w.file, file)) {
                for (bit, &count) in module.bits.iter().filter(|(bit, _)| bit_matches(&w.signal, &bit.name)) {
                    some = true;
                    if count >= rises {
                        covered.push(format!("{}", bit.name));
                    }
                    waived.bits.entry(file.clone()).or_default().insert(bit.clone());
                }
            }
            stale(&mut waived.stale, &format!("toggle {} {}", w.file, w.signal), some, &covered, &w.reason);
        }
        for w in &self.line {
            let (mut some, mut covered) = (false, vec![]);
            for (file, module) in data.iter().filter(|(file, _)| matches(&w.file, file)) {
                let text = source(file);
                for (line, count) in module.lines() {
                    if text.get(line as usize - 1).is_some_and(|l| l.contains(&w.text)) {
                        some = true;
                        if count > 0 {
                            covered.push(line.to_string());
                        }
                        waived.lines.entry(file.clone()).or_default().insert(line);
                    }
                }
            }
            stale(&mut waived.stale, &format!("line {} '{}'", w.file, w.text), some, &covered, &w.reason);
        }
        for w in &self.point {
            let found: Vec<&String> = declared.iter().filter(|point| matches(&w.name, point)).collect();
            let covered: Vec<String> = found.iter().filter(|p| hit.contains(**p)).map(|p| p.to_string()).collect();
            stale(&mut waived.stale, &format!("point '{}'", w.name), !found.is_empty(), &covered, &w.reason);
            waived.points.extend(found.into_iter().cloned());
        }
        waived
    }
}

fn stale(all: &mut Vec<String>, what: &str, some: bool, covered: &[String], reason: &str) {
    if reason.trim().len() < 10 {
        all.push(format!("{what}: it has no reason"));
    }
    if !some {
        all.push(format!("{what}: it matches nothing"));
    } else if !covered.is_empty() {
        all.push(format!("{what}: covered: {}", covered.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::super::data::Module;
    use super::*;

    #[test]
    fn patterns_name_signals_bits_and_ranges() {
        for (pattern, bit, expected) in [
            ("a", "a", true),
            ("a", "a[3]", true),
            ("a", "ab[3]", false),
            ("a[3]", "a[3]", true),
            ("a[3]", "a[13]", false),
            ("a[7:4]", "a[5]", true),
            ("a[7:4]", "a[3]", false),
            ("*_q[7:4]", "abc_q[7]", true),
            ("a", "a[1][2]", true),
            ("was_*", "was_reset", true),
        ] {
            assert_eq!(bit_matches(pattern, bit), expected, "{pattern} {bit}");
        }
        assert!(matches("rtl/*/m.v", "rtl/core/m.v") && !matches("rtl/*/m.v", "rtl/core/n.v"));
    }

    #[test]
    fn a_waiver_of_nothing_or_of_what_is_covered_is_stale() {
        let module = Module {
            bits: [("a[0]", 2), ("a[1]", 0)].map(|(n, c)| (BitKey { line: 1, name: n.into() }, c)).into(),
            ..Module::default()
        };
        let data = Data::from([("rtl/m.v".to_string(), module)]);
        let stale = |text: &str| {
            let waivers: Waivers = toml::from_str(text).unwrap();
            let points = ["x".to_string(), "y".to_string()].into();
            waivers.apply(&data, |_| vec![], &points, &["x".to_string()].into(), 2).stale
        };
        let toggle = |signal: &str| format!("[[toggle]]\nfile = 'rtl/m.v'\nsignal = '{signal}'\nreason = 'cannot change'");
        assert!(stale(&toggle("a[1]")).is_empty());
        assert!(stale(&toggle("a"))[0].contains("covered: a[0]"));
        assert!(stale(&toggle("b"))[0].contains("matches nothing"));
        let point = |name: &str| format!("[[point]]\nname = '{name}'\nreason = 'cannot be reached'");
        assert!(stale(&point("y")).is_empty());
        assert!(stale(&point("*"))[0].contains("covered: x"));
        assert!(stale("[[point]]\nname = 'y'\nreason = ''")[0].contains("no reason"));
    }
}
