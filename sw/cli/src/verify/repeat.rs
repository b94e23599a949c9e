// SPDX-License-Identifier: Apache-2.0
//! The same suite with the same seeds many times: every verdict and every event hash has to come again.

use super::junit;
use super::nextest::Nextest;
use crate::output;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What one run of a test was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    passed: bool,
    /// Of all its simulations, and how many they were; none simulates nothing.
    hash: Option<(u64, usize)>,
}

type Runs = BTreeMap<String, Vec<Option<Outcome>>>;

/// The hash of each test, of what its processes left in a folder. Simulations on threads end in any order, so their order counts
/// for nothing; their seeds, cycles, hashes and verdicts do.
fn hashes(folder: &Path) -> Result<BTreeMap<String, (u64, usize)>> {
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for line in text.lines() {
            let (test, run) = line.split_once('\t').with_context(|| format!("{}: '{line}'", path.display()))?;
            lines.entry(test.to_string()).or_default().push(run.to_string());
        }
    }
    let combine = |mut runs: Vec<String>| {
        runs.sort();
        // FNV-1a: the same in every build of this program.
        let bytes = runs.iter().flat_map(|run| run.bytes().chain([b'\n']));
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        (hash, runs.len())
    };
    Ok(lines.into_iter().map(|(test, runs)| (test, combine(runs))).collect())
}

/// Runs the suite so many times and prints what each test was; true where all passed and none differs.
pub fn run(nextest: &Nextest, times: u32, table: Option<&Path>) -> Result<bool> {
    let mut all = Runs::new();
    for time in 0..times as usize {
        output::print(&format!("verify: run {} of {times}", time + 1));
        let folder = tempfile::tempdir().context("a folder for hashes")?;
        let (report, _) = nextest.run(Some(folder.path()))?;
        let hashes = hashes(folder.path())?;
        for case in junit::cases(&report) {
            let runs = all.entry(case.name.clone()).or_insert_with(|| vec![None; times as usize]);
            runs[time] = Some(Outcome { passed: case.passed, hash: hashes.get(&case.name).copied() });
        }
    }
    if let Some(path) = table {
        output::write_file(path, lines(&all).as_bytes())?;
    }
    let (mut differing, mut failing) = (0, 0);
    output::print(&format!("verify: {times} runs; verdict, event hash of its simulations, how many they are"));
    for (test, runs) in &all {
        let kinds: BTreeSet<_> = runs.iter().collect();
        let good = kinds.iter().all(|k| k.as_ref().is_some_and(|k| k.passed));
        failing += usize::from(!good);
        differing += usize::from(kinds.len() > 1);
        for kind in &kinds {
            let which: Vec<_> = runs.iter().enumerate().filter(|&(_, r)| r == *kind).map(|(i, _)| (i + 1).to_string()).collect();
            let (verdict, hash) = words(kind);
            let when = if kinds.len() > 1 { output::bad(&format!("  DIFFERS: runs {}", which.join(" "))) } else { String::new() };
            output::print(&format!("  {verdict:<7} {hash:<23} {test}{when}"));
        }
    }
    output::print(&format!("verify: {} tests {times} times: {failing} with failures, {differing} that differ", all.len()));
    Ok(failing == 0 && differing == 0)
}

fn words(outcome: &Option<Outcome>) -> (&'static str, String) {
    match outcome {
        None => ("absent", "-".into()),
        Some(o) => {
            let hash = o.hash.map_or_else(|| "-".into(), |(hash, n)| format!("{hash:016x} {n}"));
            (if o.passed { "passed" } else { "failed" }, hash)
        }
    }
}

/// Test, run, verdict, hash and number of simulations, with tabs between.
fn lines(all: &Runs) -> String {
    let rows = all.iter().flat_map(|(test, runs)| runs.iter().enumerate().map(move |(i, run)| (test, i + 1, words(run))));
    rows.map(|(test, run, (verdict, hash))| format!("{test}\t{run}\t{verdict}\t{}\n", hash.replace(' ', "\t"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_all_runs_of_a_test_whatever_their_order_and_process() {
        let of = |files: &[(&str, &str)]| {
            let folder = tempfile::tempdir().expect("a folder");
            for (name, text) in files {
                std::fs::write(folder.path().join(name), text).expect("written");
            }
            hashes(folder.path()).expect("read")
        };
        let (a, b) = ("t x\t1\t10\tff\tpassed\n", "t x\t1\t10\tfe\tpassed\n");
        let both = of(&[("1.tsv", &format!("{a}{b}")), ("2.tsv", "t y\t1\t1\t1\tpassed\n")]);
        assert_eq!((both.len(), both["t x"].1, both["t y"].1), (2, 2, 1));
        assert_eq!(both["t x"], of(&[("1.tsv", b), ("2.tsv", a)])["t x"]);
        for other in [a, &a.repeat(2), &format!("{a}{}", b.replace("passed", "failed")), &format!("{a}{}", b.replace("10", "11"))]
        {
            assert_ne!(both["t x"], of(&[("1.tsv", other)])["t x"], "{other}");
        }
        assert!(of(&[]).is_empty());
    }

    #[test]
    fn a_line_says_what_a_run_was() {
        let outcome = |hash| Some(Outcome { passed: true, hash });
        let all = Runs::from([("t x".to_string(), vec![outcome(Some((255, 2))), outcome(None), None])]);
        assert_eq!(lines(&all), "t x\t1\tpassed\t00000000000000ff\t2\nt x\t2\tpassed\t-\nt x\t3\tabsent\t-\n");
    }
}
