// SPDX-License-Identifier: Apache-2.0
//! `systole verify` as a program, with a cargo, a sbatch and a squeue that are scripts: the true ones would run this test again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Answers as cargo-nextest does: of two tests one for each part, and both for a whole run.
const CARGO: &str = r#"#!/bin/sh
here=$(dirname "$0")
case "$1 $2" in
"nextest --version")
    [ -n "$VERSION" ] || { echo "error: no such command: nextest" >&2; exit 101; }
    echo "cargo-nextest $VERSION (0123456 2026-01-01)" ;;
"nextest list")
    echo '{"rust-suites": {"a": {"testcases": {"x": {"filter-match": {"status": "matches"}}, "y": {"filter-match": {"status": "matches"}}}}}}' ;;
"nextest run")
    echo "run $* HARNESS_SEED=$HARNESS_SEED PROPTEST=$PROPTEST_RNG_SEED LONG=$SYSTOLE_LONG OPT=$VERILATED_OPT" >>"$here/log"
    case " $* " in *" --no-run "*) exit 0 ;; esac
    store=$(sed -n 's/^dir = "\(.*\)"/\1/p' "$(printf '%s\n' "$@" | sed -n 's/^systole://p')")
    suite=$(printf '%s\n' "$@" | grep -A1 -x -e --profile | tail -n 1)
    mkdir "$store/$suite"
    x='<testcase name="x" time="0.25"/>' y='<testcase name="y" time="7.5"/>'
    [ "${CODE:-0}" != 100 ] || y='<testcase name="y" time="7.5"><failure type="test failure">no</failure></testcase>'
    case " $* " in *" slice:1/"*) y= ;; *" slice:2/"*) x= ;; esac
    echo "<testsuites name='n'><testsuite name='a'>$x$y</testsuite></testsuites>" >"$store/$suite/junit.xml"
    if [ -n "$HARNESS_HASHES" ]; then
        mkdir -p "$HARNESS_HASHES"
        [ -z "$CHANGES" ] || hash=$(wc -l <"$here/log")
        printf 'a x\t1\t10\tff%s\tpassed\n' "$hash" >"$HARNESS_HASHES/1.tsv"
    fi
    if [ -n "$HARNESS_COVERAGE" ]; then
        mkdir -p "$HARNESS_COVERAGE"
        echo "part $SLURM_ARRAY_TASK_ID" >"$HARNESS_COVERAGE/points-7.txt"
    fi
    exit "${CODE:-0}" ;;
"test --quiet") exit 0 ;;
esac
"#;

/// Runs the parts of an array at once; with DIES each the first time leaves no result of part 2.
const SBATCH: &str = r#"#!/bin/bash
[ "$1" != --version ] || exit 0
here=$(dirname "$0")
for word in "$@"; do case $word in --array=*) parts=${word#--array=} ;; esac; script=$word; done
echo "sbatch $parts" >>"$here/log"
for part in ${parts//,/ }; do
    if [ "$part" = 2 ] && [ -n "$DIES" ] && mkdir "$here/died" 2>/dev/null; then continue; fi
    SLURM_ARRAY_TASK_ID=$part bash "$script" >>"$here/parts" 2>&1
done
echo 7
"#;

struct Tools(tempfile::TempDir);

impl Tools {
    fn new() -> Tools {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("cargo", CARGO), ("sbatch", SBATCH), ("squeue", "#!/bin/sh\n")] {
            systole_files::write(&folder.path().join(name), text.as_bytes()).expect("written");
            let made = Command::new("chmod").arg("755").arg(folder.path().join(name)).status().expect("chmod");
            assert!(made.success());
        }
        Tools(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// `systole verify` with these arguments; status and all that it says.
    fn verify(&self, args: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_systole"));
        command.arg("verify").args(args).env("PATH", format!("{}:/usr/bin:/bin", self.0.path().display()));
        for name in [
            "HARNESS_SEED",
            "PROPTEST_RNG_SEED",
            "SYSTOLE_SEED",
            "SYSTOLE_LONG",
            "VERILATED_OPT",
            "HARNESS_HASHES",
            "HARNESS_COVERAGE",
        ] {
            command.env_remove(name);
        }
        let out: Output = command.env("VERSION", "0.9.143").envs(variables.iter().copied()).output().expect("starts");
        let text = [out.stdout, out.stderr].map(|s| String::from_utf8_lossy(&s).into_owned()).concat();
        (out.status.code(), text)
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn verify_says_what_came_of_each_test_and_ends_with_it() {
    let tools = Tools::new();
    let junit = tools.path("j.xml");
    let args = ["--junit", junit.to_str().expect("UTF-8")];
    let (status, said) = tools.verify(&args, &[]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("7.50 s  a y\n") && said.contains("3 tests, 0 failed"), "{said}");
    assert!(text(&junit).contains("tests=\"3\"") && text(&junit).contains("cargo test --doc"), "{}", text(&junit));
    let log = tools.log();
    assert!(log.contains("--profile quick") && log.contains("HARNESS_SEED= PROPTEST=1 LONG= OPT=-O1\n"), "{log}");

    let (status, said) = tools.verify(&args, &[("CODE", "100")]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("FAILED a y\n") && text(&junit).contains("failures=\"1\""), "{said}");
    let (status, said) = tools.verify(&[], &[("CODE", "101")]);
    assert!(status == Some(2) && said.contains("systole: error: cargo nextest: "), "{said}");
    let (status, said) = tools.verify(&["--list"], &[]);
    assert_eq!((status, &*said), (Some(0), "a x\na y\ndoc cargo test --doc\n"));
}

#[test]
fn verify_needs_a_nextest_that_is_new_enough() {
    let tools = Tools::new();
    for (version, word) in [("", "needs cargo-nextest, and cargo has none"), ("0.9.99", "0.9.99 is too old")] {
        let (status, said) = tools.verify(&["--list"], &[("VERSION", version)]);
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains(word) && said.contains("scripts/setup.sh --verify installs 0.9.143"), "{said}");
    }
}

#[test]
fn verify_hands_on_suite_seed_and_part() {
    let tools = Tools::new();
    let (status, said) =
        tools.verify(&["--suite", "nightly", "--seed", "5", "--partition", "hash:2/3", "--jobs", "2", "axi"], &[]);
    assert_eq!(status, Some(0), "{said}");
    let log = tools.log();
    for word in
        ["--profile nightly", "--partition hash:2/3", " axi ", "--test-threads 2", "HARNESS_SEED=5 PROPTEST=5 LONG=1 OPT=\n"]
    {
        assert!(log.contains(word), "{word}: {log}");
    }
    for wrong in ["0/2", "3/2", "two"] {
        assert_eq!(tools.verify(&["--partition", wrong], &[]).0, Some(2));
    }
}

#[test]
fn a_test_that_is_not_the_same_each_time_is_found() {
    let tools = Tools::new();
    let table = tools.path("t.tsv");
    let args = ["--repeat", "3", "--table", table.to_str().expect("UTF-8")];
    let (status, said) = tools.verify(&args, &[]);
    assert!(status == Some(0) && said.contains("3 tests 3 times: 0 with failures, 0 that differ"), "{said}");
    let lines: Vec<String> = text(&table).lines().map(str::to_string).collect();
    assert_eq!(lines.len(), 9);
    assert!(lines[0].starts_with("a x\t1\tpassed\t") && lines[3] == "a y\t1\tpassed\t-", "{lines:?}");
    let (status, said) = tools.verify(&args, &[("CHANGES", "1")]);
    assert!(
        status == Some(1) && said.contains("a x  DIFFERS: runs ") && said.contains("0 with failures, 1 that differ"),
        "{said}"
    );
    let (status, said) = tools.verify(&args, &[("CODE", "100")]);
    assert!(status == Some(1) && said.contains("1 with failures, 0 that differ"), "{said}");
}

#[test]
fn a_part_that_left_nothing_is_sent_again_and_every_test_is_there_once() {
    let tools = Tools::new();
    let (junit, folder) = (tools.path("all.xml"), tools.path("runs"));
    let args = ["--slurm", "p", "--parts", "2", "--folder", folder.to_str().expect("UTF-8"), "--junit"];
    let args = [&args[..], &[junit.to_str().expect("UTF-8")]].concat();
    let coverage = tools.path("coverage");
    let (status, said) = tools.verify(&args, &[("DIES", "1"), ("HARNESS_COVERAGE", coverage.to_str().expect("UTF-8"))]);
    assert_eq!(status, Some(0), "{said}");
    for part in [1, 2] {
        assert_eq!(text(&coverage.join(format!("part-{part}-points-7.txt"))), format!("part {part}\n"));
    }
    assert!(said.contains("no result of part 2: sent again") && said.contains("3 tests, 0 failed"), "{said}");
    assert!(tools.log().contains("sbatch 1,2\n") && tools.log().contains("sbatch 2\n"), "{}", tools.log());
    let report = text(&junit);
    for test in ["\"x\"", "\"y\"", "\"cargo test --doc\""] {
        assert_eq!(report.matches(&format!("<testcase name={test}")).count(), 1, "{report}");
    }
    let (status, said) = tools.verify(&args, &[("CODE", "100")]);
    assert!(status == Some(1) && said.contains("FAILED a y\n"), "{said}");
    let (status, said) = tools.verify(&args[..2], &[]);
    assert!(status == Some(2) && said.contains("--parts"), "{said}");
}
