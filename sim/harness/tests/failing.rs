// SPDX-License-Identifier: Apache-2.0
//! What a run that fails leaves: a message, a line that repeats it, a wave that can be read. The benches here fail in a process that
//! the tests below them start.

use harness::verilated::Spec;
use harness::{Event, Sim, SimError};
use std::process::{Command, Output};
use wellen::simple;

const BREAK: &str = "HARNESS_TESTS_BREAK";

fn breaks() -> bool {
    std::env::var_os(BREAK).is_some()
}

/// Counts, and fails at its 20th edge while two other tasks are alive.
async fn counts(sim: Sim) {
    let clk = sim.clock("clk_i");
    sim.signal("rst_i").set(0);
    sim.signal("en_i").set(1);
    sim.signal("step_i").set(1);
    let waiting = sim.clone();
    sim.spawn("idle", async move { waiting.clock("clk_i").cycles(1_000_000).await });
    let never = Event::new();
    sim.spawn("stuck", async move { never.wait().await });
    clk.cycles(20).await;
    assert!(!breaks(), "count is {}", sim.signal("count_o").get());
}

#[harness::test(top = "counter", sources = ["tests/counter.v"], seed = 9)]
async fn of_the_attribute(sim: Sim) {
    counts(sim).await;
}

mod inner {
    /// The same by hand, on a model that was asked for without tracing.
    #[test]
    fn by_hand() {
        let library = super::counter().build().unwrap();
        let run = harness::run(&library, 9, None, super::counts);
        assert_eq!(run.unwrap().cycles, 19);
    }
}

#[harness::test(top = "counter", sources = ["tests/counter.v"])]
async fn waits_too_long(sim: Sim) {
    let clk = sim.clock("clk_i");
    let waiting = sim.clone();
    sim.spawn("edges", async move {
        let clk = waiting.clock("clk_i");
        loop {
            clk.rising_edge().await;
        }
    });
    clk.cycles(3).await;
    let outcome: Result<u64, SimError> = clk.until(5, "the count to be 77", || sim.signal("count_o").get() == 77).await;
    if breaks() {
        outcome.unwrap();
    }
}

fn counter() -> Spec {
    Spec::new("counter").source(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/counter.v"))
}

/// Runs one of the benches above by itself, failing, with these variables; its output, both streams.
fn broken(name: &str, variables: &[(&str, &str)]) -> (Output, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name]).env(BREAK, "1").env_remove("VERILATED_X").env_remove("HARNESS_SEED");
    let out = command.envs(variables.iter().copied()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    (out, text)
}

/// Of a wave: how many values `count_o` had, and how far it counted.
fn counted(path: &std::path::Path) -> (usize, u32) {
    let mut wave = simple::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let all = wave.hierarchy();
    let var = all.all_vars().find(|&v| all[v].name(all) == "count_o").expect("count_o is in the wave");
    let signal = all[var].signal_ref();
    wave.load_signals(&[signal]);
    let number = |bits: String| u32::from_str_radix(&bits, 2).unwrap();
    let values: Vec<u32> =
        wave.get_signal(signal).unwrap().iter_changes().map(|(_, v)| number(v.to_bit_string().unwrap())).collect();
    (values.len(), values.last().expect("a value").wrapping_sub(values[0]))
}

#[test]
fn a_failed_run_leaves_its_wave_and_the_line_that_repeats_it() {
    for name in ["of_the_attribute", "inner::by_hand"] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().to_str().unwrap();
        let (out, text) = broken(name, &[("HARNESS_TRACE", at)]);
        assert!(!out.status.success() && text.contains("count is"), "{text}");
        let path = folder.path().join(format!("{}.fst", name.replace("::", ".")));
        let (values, far) = counted(&path);
        assert_eq!((values, far), (19, 18), "of the edges up to the one at which it failed");
        // The line names this very test: as it stands it runs one test, and that one fails.
        let line = text.lines().find_map(|l| l.strip_prefix("repeat: ")).unwrap_or_else(|| panic!("{text}"));
        let command = format!("HARNESS_SEED=9 cargo test -p harness --test failing -- --exact {name} ");
        assert!(line.starts_with(&command) && line.contains(&*path.to_string_lossy()), "{line}");
        let (out, text) = broken(name, &[("HARNESS_SEED", "9")]);
        assert!(!out.status.success() && text.contains("running 1 test"), "{text}");
    }
}

#[test]
fn a_window_and_a_good_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_str().unwrap();
    let (_, text) = broken("of_the_attribute", &[("HARNESS_TRACE", at), ("HARNESS_TRACE_WINDOW", "5..9")]);
    assert_eq!(counted(&folder.path().join("of_the_attribute.fst")), (4, 3), "cycles 5, 6, 7, 8\n{text}");
    let (_, text) = broken("of_the_attribute", &[("HARNESS_TRACE", at), ("HARNESS_TRACE_WINDOW", "9..5")]);
    assert!(text.contains("HARNESS_TRACE_WINDOW=9..5: cycles are FROM..TO"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let out =
        command.args(["--exact", "of_the_attribute"]).env("HARNESS_TRACE", folder.path()).env_remove(BREAK).output().unwrap();
    assert!(out.status.success());
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "a good run leaves nothing");
}

#[test]
fn unwrap_shows_a_report_that_can_be_read() {
    let (out, text) = broken("waits_too_long", &[]);
    assert!(!out.status.success());
    assert!(text.contains("timeout after 5 cycles at cycle 7: the count to be 77\n"), "{text}");
    for (task, waits) in [("main", "the count to be 77"), ("edges", "edge 8 of clk_i")] {
        let line = text.lines().find(|l| l.trim_start().starts_with(task)).unwrap_or_else(|| panic!("{text}"));
        assert!(line.ends_with(&format!("waits for {waits}")), "{line}");
    }
    assert!(!text.contains("\\n") && !text.contains("nothing yet"), "{text}");
}

#[test]
fn a_run_leaves_the_same_line_each_time_in_a_file_of_its_process() {
    let line = |nextest: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "inner::by_hand"])
            .env("HARNESS_HASHES", folder.path())
            .env("HARNESS_SEED", "5")
            .env_remove(BREAK);
        command.env_remove("NEXTEST_BINARY_ID").env_remove("NEXTEST_TEST_NAME").envs(nextest.iter().copied());
        assert!(command.output().unwrap().status.success());
        let files: Vec<_> = folder.path().read_dir().unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        std::fs::read_to_string(&files[0]).unwrap()
    };
    let text = line(&[]);
    assert_eq!(text, line(&[]));
    let fields: Vec<&str> = text.strip_suffix('\n').unwrap().split('\t').collect();
    let [name, seed, cycles, hash, verdict] = fields[..] else { panic!("{text}") };
    assert_eq!((name, seed, cycles, verdict), ("-p harness --test failing inner::by_hand", "5", "19", "passed"));
    assert!(u64::from_str_radix(hash, 16).unwrap() != 0);
    let named = line(&[("NEXTEST_BINARY_ID", "harness::failing"), ("NEXTEST_TEST_NAME", "a test")]);
    assert_eq!(named, text.replace(name, "harness::failing a test"));
}
