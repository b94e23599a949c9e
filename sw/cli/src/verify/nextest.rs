// SPDX-License-Identifier: Apache-2.0
//! cargo-nextest, called: which suite, which part, with which seeds; and the doctests, which it does not run.

use super::{Plan, Suite, junit};
use anyhow::{Context, Result, bail, ensure};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The oldest that knows `slice` and tells a test its name.
const OLDEST: [u32; 3] = [0, 9, 143];
/// What nextest says where a test failed, and where there was none to run.
const FAILED: i32 = 100;
const NO_TESTS: i32 = 4;
/// The doctests in reports and lists: one case for all of them.
const DOC: (&str, &str) = ("doc", "cargo test --doc");

/// One suite of one checkout.
pub struct Nextest<'a> {
    plan: &'a Plan<'a>,
    partition: Option<String>,
}

/// The version that `cargo nextest --version` tells.
fn version(text: &str) -> Option<[u32; 3]> {
    let word = text.lines().next()?.split_whitespace().nth(1)?;
    let mut numbers = word.split(['.', '-']).map_while(|n| n.parse().ok());
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

impl<'a> Nextest<'a> {
    /// Looks whether it is there.
    ///
    /// # Errors
    /// It is not, or too old.
    pub fn new(plan: &'a Plan<'a>, partition: Option<String>) -> Result<Self> {
        let [a, b, c] = OLDEST;
        let advice = format!("scripts/setup.sh --verify installs {a}.{b}.{c}");
        let out = Command::new("cargo").args(["nextest", "--version"]).output().context("cargo does not start")?;
        ensure!(out.status.success(), "verify needs cargo-nextest, and cargo has none: {advice}");
        let text = String::from_utf8_lossy(&out.stdout);
        let found = version(&text).with_context(|| format!("what `cargo nextest --version` says is no version: {text}"))?;
        ensure!(found >= OLDEST, "cargo-nextest {} is too old: {advice}", found.map(|n| n.to_string()).join("."));
        Ok(Nextest { plan, partition })
    }

    /// `cargo nextest VERB` with all that list and run share.
    fn command(&self, verb: &str) -> Command {
        let args = self.plan.args;
        let mut command = Command::new("cargo");
        command.current_dir(&self.plan.root).args(["nextest", verb, "--workspace", "--profile", args.suite.name()]);
        if let Some(jobs) = args.jobs {
            command.args(["--build-jobs", &jobs.to_string()]);
        }
        if let Some(partition) = &self.partition {
            command.args(["--partition", partition]);
        }
        if let Some(filter) = &args.filter {
            command.args(["-E", filter]);
        }
        command.args(&args.words);
        self.settings(&mut command);
        command
    }

    /// What the suite and its seeds are to the tests.
    fn settings(&self, command: &mut Command) {
        let (seed, suite) = (self.plan.seed.to_string(), self.plan.args.suite);
        command.env("PROPTEST_RNG_SEED", &seed).env("SYSTOLE_SEED", &seed);
        if self.plan.seeded {
            command.env("HARNESS_SEED", &seed);
        }
        match suite {
            Suite::Quick => command.env_remove("SYSTOLE_LONG"),
            Suite::Full | Suite::Nightly => command.env("SYSTOLE_LONG", "1"),
        };
        // Half of the quick suite from an empty folder is the building of models; the long ones run them for hours.
        if suite == Suite::Quick && std::env::var_os("VERILATED_OPT").is_none() {
            command.env("VERILATED_OPT", "-O1");
        }
    }

    /// Whether this call runs the doctests: with the first part, and where nothing was chosen.
    fn doc(&self) -> bool {
        let args = self.plan.args;
        let first = self.partition.as_ref().is_none_or(|p| p.contains(":1/"));
        first && args.filter.is_none() && args.words.is_empty()
    }

    /// Prints the tests, a line each.
    pub fn list(&self) -> Result<()> {
        for name in self.names()? {
            crate::output::print(&name);
        }
        Ok(())
    }

    /// Program and name of each test, as in reports.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut command = self.command("list");
        let out = command.args(["--message-format", "json"]).stderr(Stdio::inherit()).output().context("cargo nextest")?;
        ensure!(out.status.success(), "cargo nextest list: {}", out.status);
        let mut names = names(&serde_json::from_slice(&out.stdout).context("the list of cargo nextest")?)?;
        if self.doc() {
            names.push(format!("{} {}", DOC.0, DOC.1));
        }
        Ok(names)
    }

    /// Builds the programs of tests.
    pub fn build(&self) -> Result<()> {
        let status = self.command("run").arg("--no-run").status().context("cargo nextest")?;
        ensure!(status.success(), "the tests do not build: {status}");
        Ok(())
    }

    /// Runs; what came of each test, and whether all is well. Event hashes go to that folder.
    pub fn run(&self, hashes: Option<&Path>) -> Result<(Report, bool)> {
        // Runs beside each other have stores of their own.
        let store = tempfile::tempdir().context("a folder for results")?;
        let config = store.path().join("store.toml");
        // JSON's strings are TOML's too.
        let folder = serde_json::to_string(store.path()).context("a temporary folder that is no UTF-8")?;
        std::fs::write(&config, format!("[store]\ndir = {folder}\n")).context("the settings of nextest")?;
        let mut command = self.command("run");
        command.arg("--tool-config-file").arg(format!("systole:{}", config.display()));
        if let Some(jobs) = self.plan.args.jobs {
            command.args(["--test-threads", &jobs.to_string()]);
        }
        if self.partition.is_some() {
            command.args(["--no-tests", "pass"]); // more parts than tests
        }
        if let Some(folder) = hashes {
            command.env("HARNESS_HASHES", folder);
        }
        let status = command.status().context("cargo nextest")?;
        let mut good = match status.code() {
            Some(0) => true,
            Some(FAILED) => false,
            Some(NO_TESTS) => bail!("no test fits"),
            _ => bail!("cargo nextest: {status}"),
        };
        let file: PathBuf = store.path().join(self.plan.args.suite.name()).join("junit.xml");
        let name = format!("systole verify, {} suite, seed {}", self.plan.args.suite.name(), self.plan.seed);
        // Without tests there is no file.
        let read = if file.is_file() { vec![junit::read(&file)?] } else { vec![] };
        let mut report = junit::merge(&name, read);
        if self.doc() {
            good &= self.doctests(&mut report)?;
        }
        Ok((report, good))
    }

    fn doctests(&self, report: &mut Report) -> Result<bool> {
        let mut command = Command::new("cargo");
        command.current_dir(&self.plan.root).args(["test", "--quiet", "--workspace", "--doc"]);
        if let Some(jobs) = self.plan.args.jobs {
            command.args(["--jobs", &jobs.to_string()]);
        }
        self.settings(&mut command);
        let begin = Instant::now();
        // Twenty crates without doctests say so in three lines each: shown where one fails.
        let out = command.output().context("cargo test --doc")?;
        let good = out.status.success();
        let status = if good { TestCaseStatus::success() } else { TestCaseStatus::non_success(NonSuccessKind::Failure) };
        let mut case = TestCase::new(DOC.1, status);
        case.set_classname(DOC.0).set_time(begin.elapsed());
        if !good {
            eprint!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
            case.set_system_out_lossy(&out.stdout).set_system_err_lossy(&out.stderr);
        }
        let mut suite = TestSuite::new(DOC.0);
        suite.add_test_case(case);
        report.add_test_suite(suite);
        Ok(good)
    }
}

/// The tests of nextest's own list that would run.
fn names(list: &serde_json::Value) -> Result<Vec<String>> {
    let suites = list["rust-suites"].as_object().context("a list of cargo nextest has rust-suites")?;
    let sorted: BTreeMap<_, _> = suites.iter().collect();
    let mut names = vec![];
    for (program, suite) in sorted {
        let cases = suite["testcases"].as_object().with_context(|| format!("{program} has no testcases"))?;
        let matching = cases.iter().filter(|(_, case)| case["filter-match"]["status"] == "matches");
        names.extend(matching.map(|(name, _)| format!("{program} {name}")));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_are_compared_by_number() {
        let found = version("cargo-nextest 0.9.143 (60fa45f63 2026-08-04)\nrelease: 0.9.143\n").expect("a version");
        assert!(found >= OLDEST && version("cargo-nextest 0.9.99").expect("a version") < OLDEST);
        assert!(version("cargo-nextest 0.10.0-rc.1").expect("a version") > OLDEST);
        assert_eq!(version("error: no such command"), None);
    }

    #[test]
    fn a_list_gives_the_tests_that_would_run() {
        let case = |status: &str| json!({"filter-match": {"status": status}});
        let list = json!({"rust-suites": {
            "b::all": {"testcases": {"x": case("matches"), "y": case("mismatch")}},
            "a": {"testcases": {"m::z": case("matches")}},
        }});
        assert_eq!(names(&list).expect("a list"), ["a m::z", "b::all x"]);
        assert!(names(&json!({})).is_err());
    }
}
