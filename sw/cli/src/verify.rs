// SPDX-License-Identifier: Apache-2.0
//! `systole verify`: the project's own tests by cargo-nextest, with seed, parts, JUnit and the slowest of them.

mod junit;
mod nextest;
mod repeat;
mod slurm;

use crate::output;
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use nextest::Nextest;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// How much is tested; each is a profile in `.config/nextest.toml`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// What `make test` runs: a sample of each campaign
    Quick,
    /// Campaigns whole: hours
    Full,
    /// The full suite with the seed of the day
    Nightly,
}

impl Suite {
    fn name(self) -> &'static str {
        match self {
            Suite::Quick => "quick",
            Suite::Full => "full",
            Suite::Nightly => "nightly",
        }
    }
}

/// Run the test suite of a checkout on cargo-nextest (docs/running-the-suite.md).
#[derive(Args)]
pub struct VerifyArgs {
    /// How much
    #[arg(long, value_enum, default_value = "quick")]
    suite: Suite,
    /// Tests at a time, and jobs of the compiler [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<u32>,
    /// Seed of every bench and of all random cases [default: each bench's own, 1 for random cases; nightly: the day]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// One part of n: I/N (in turn), hash:I/N (by name: a test stays in its part when others come)
    #[arg(long, value_name = "I/N")]
    partition: Option<String>,
    /// Write what came of each test, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print the tests and run none
    #[arg(long)]
    list: bool,
    /// So many times over: verdicts and event hashes have to be the same each time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..), conflicts_with_all = ["list", "junit"])]
    repeat: Option<u32>,
    /// Write verdict and hash of each test in each run of --repeat, a line each with tabs between
    #[arg(long, value_name = "FILE", requires = "repeat")]
    table: Option<PathBuf>,
    /// As an array of jobs in this partition of Slurm; --parts of them
    #[arg(long, value_name = "PARTITION", requires = "parts", conflicts_with_all = ["list", "repeat", "partition"])]
    slurm: Option<String>,
    /// Jobs of the array
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    parts: Option<u32>,
    /// Where the jobs of the array leave logs and results; every node has to see it, and the checkout
    #[arg(long, value_name = "DIR", default_value = "build/verify")]
    folder: PathBuf,
    /// Of the tests those that fit: nextest's expressions, as 'package(harness) and test(axi)'
    #[arg(short = 'E', long = "filter", value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Of the tests those with one of these words in their names
    words: Vec<String>,
}

/// What all runs of one call have in common.
struct Plan<'a> {
    args: &'a VerifyArgs,
    root: PathBuf,
    /// Of random cases; of benches too where it was asked for.
    seed: u64,
    seeded: bool,
}

/// The checkout around a folder, or else the one that this program was built from.
fn checkout(here: &Path, built: &Path) -> Result<PathBuf> {
    let is_one = |folder: &&Path| folder.join("rtl/systole.f").is_file() && folder.join(".config/nextest.toml").is_file();
    let found = here.ancestors().find(is_one).or_else(|| Some(built).filter(is_one));
    found.map(Path::to_path_buf).with_context(|| {
        format!(
            "verify runs the tests of a checkout, and {} is in none (no rtl/systole.f, .config/nextest.toml above it): \
             run it in a clone of the project",
            here.display()
        )
    })
}

/// nextest's word for a part: `2/5` is the second of five, tests in turn over all programs.
fn partition(text: &str) -> Result<String> {
    let (kind, part) = text.split_once(':').unwrap_or(("slice", text));
    let numbers = part.split_once('/').and_then(|(i, n)| Some((i.parse::<u32>().ok()?, n.parse::<u32>().ok()?)));
    let whole = numbers.is_some_and(|(i, n)| 1 <= i && i <= n);
    ensure!(
        whole && ["slice", "count", "hash"].contains(&kind),
        "--partition {text}: not I/N, count:I/N or hash:I/N with I from 1 to N"
    );
    Ok(format!("{}:{part}", if kind == "count" { "slice" } else { kind }))
}

/// The suite; true where every test passed.
pub fn verify(args: &VerifyArgs) -> Result<bool> {
    let here = std::env::current_dir().context("the current folder")?;
    let root = checkout(&here, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))?;
    let root = root.canonicalize().with_context(|| root.display().to_string())?;
    output::check_writable(&args.junit)?;
    output::check_writable(&args.table)?;
    let day = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| d.as_secs() / 86_400);
    let seed = args.seed.or_else(|| (args.suite == Suite::Nightly).then(day));
    let plan = Plan { args, root, seed: seed.unwrap_or(1), seeded: seed.is_some() };
    let partition = args.partition.as_deref().map(partition).transpose()?;
    let nextest = Nextest::new(&plan, partition)?;
    if args.list {
        nextest.list()?;
        return Ok(true);
    }
    let seeds = if plan.seeded { "all" } else { "random cases" };
    output::print(&format!("verify: {} suite of {}, seed {} ({seeds})", args.suite.name(), plan.root.display(), plan.seed));
    if let Some(name) = &args.slurm {
        return slurm::run(&plan, &nextest, name, args.parts.unwrap_or(1));
    }
    if let Some(times) = args.repeat {
        return repeat::run(&nextest, times, args.table.as_deref());
    }
    let (report, good) = nextest.run(None)?;
    if let Some(path) = &args.junit {
        output::write_file(path, report.to_string()?.as_bytes())?;
    }
    summary(&report);
    Ok(good)
}

/// Counts, failures by name, and the ten slowest.
fn summary(report: &quick_junit::Report) {
    let cases = junit::cases(report);
    output::print("verify: the slowest");
    let mut slow: Vec<_> = cases.iter().collect();
    slow.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    for case in slow.iter().take(10) {
        output::print(&format!("  {:8.2} s  {}", case.seconds, case.name));
    }
    let failed: Vec<_> = cases.iter().filter(|c| !c.passed).collect();
    for case in &failed {
        output::print(&format!("  {} {}", output::bad("FAILED"), case.name));
    }
    let seconds: f64 = cases.iter().map(|c| c.seconds).sum();
    output::print(&format!("verify: {} tests, {} failed, {seconds:.0} s of tests one after another", cases.len(), failed.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_one_of_n() {
        assert_eq!(partition("2/5").expect("good"), "slice:2/5");
        assert_eq!(partition("count:5/5").expect("good"), "slice:5/5");
        assert_eq!(partition("hash:1/3").expect("good"), "hash:1/3");
        for wrong in ["", "0/3", "4/3", "1", "1/0", "a/b", "size:1/2", "hash:", "1/2/3"] {
            let text = partition(wrong).expect_err(wrong).to_string();
            assert!(text.contains("I from 1 to N"), "{text}");
        }
    }

    #[test]
    fn without_a_checkout_it_says_so() {
        let (empty, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let text = checkout(empty.path(), other.path()).expect_err("none").to_string();
        assert!(text.contains("in a clone of the project"), "{text}");
        for file in ["rtl/systole.f", ".config/nextest.toml"] {
            let path = other.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        std::fs::create_dir(other.path().join("deep")).expect("made");
        assert_eq!(checkout(&other.path().join("deep"), empty.path()).expect("above"), other.path());
        assert_eq!(checkout(empty.path(), other.path()).expect("where it was built"), other.path());
    }
}
