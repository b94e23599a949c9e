// SPDX-License-Identifier: Apache-2.0
//! What flip-flops without a reset begin with, and that a bench finds them by it.

use harness::verilated::{Initial, Library, Spec};
use harness::{Setup, Sim, run_with};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn design(good: u32) -> Arc<Library> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/unreset.v");
    Spec::new("unreset").source(path).parameter("GOOD", good).build().unwrap()
}

fn first_value(seed: u64, initial: Initial) -> u64 {
    let setup = Setup { seed, initial: Some(initial), ..Setup::default() };
    run_with(&design(0), setup, |sim| async move {
        let (clk, seen) = (sim.clock("clk_i"), sim.signal("seen_o"));
        let first = seen.get();
        clk.cycles(3).await;
        assert_eq!(seen.get(), first, "nothing writes it");
        first
    })
    .unwrap()
    .value
}

#[test]
fn a_flip_flop_without_reset_begins_otherwise_with_another_seed_and_alike_with_the_same() {
    let values: Vec<u64> = (1..=20).map(|seed| first_value(seed, Initial::Random)).collect();
    assert!(values.iter().collect::<BTreeSet<_>>().len() >= 10, "{values:?}");
    assert_eq!(values, (1..=20).map(|seed| first_value(seed, Initial::Random)).collect::<Vec<_>>());
    assert_eq!((first_value(3, Initial::Zeros), first_value(3, Initial::Ones)), (0, 255));
}

/// Reset, a start, and what comes of it.
async fn job(sim: Sim) -> bool {
    let (clk, start, done) = (sim.clock("clk_i"), sim.signal("start_i"), sim.signal("done_o"));
    sim.signal("rst_i").set(1);
    clk.cycles(2).await;
    sim.signal("rst_i").set(0);
    clk.rising_edge().await;
    start.set(1);
    clk.rising_edge().await;
    start.set(0);
    // The start is taken at the next edge, done stands four edges later, and neither before nor twice.
    let mut log = vec![];
    for _ in 0..12 {
        clk.rising_edge().await;
        log.push(done.is_high());
    }
    log == [false, false, false, false, true, false, false, false, false, false, false, false]
}

#[test]
fn a_bench_finds_a_missing_reset_at_random_that_zeros_hide() {
    let passes = |good, seed, initial| {
        run_with(&design(good), Setup { seed, initial: Some(initial), ..Setup::default() }, job).unwrap().value
    };
    assert!(passes(0, 1, Initial::Zeros), "hidden");
    assert!(!passes(0, 1, Initial::Ones));
    let found = (1..=16).filter(|&seed| !passes(0, seed, Initial::Random)).count();
    assert!((2..16).contains(&found), "found by {found} of 16 seeds");
    assert!((1..=16).all(|seed| passes(1, seed, Initial::Random)), "with its reset it works however it begins");
}

/// Says what it begins with: run by the test below with other variables. However it begins, a start is counted.
#[harness::test(top = "unreset", sources = ["tests/unreset.v"], params = [GOOD = 0])]
async fn begins_as_the_environment_says(sim: Sim) {
    let (clk, seen) = (sim.clock("clk_i"), sim.signal("seen_o"));
    let first = seen.get();
    println!("first value {first}.");
    sim.signal("start_i").set(1);
    clk.cycles(4).await;
    assert_eq!(seen.get(), (first + 3) % 256);
}

/// The attribute's setting stands above the variable.
#[harness::test(top = "unreset", sources = ["tests/unreset.v"], params = [GOOD = 0], initial = "ones")]
async fn begins_as_the_test_says(sim: Sim) {
    let (clk, seen) = (sim.clock("clk_i"), sim.signal("seen_o"));
    assert_eq!(seen.get(), 255);
    clk.rising_edge().await;
}

#[test]
fn a_seed_and_a_variable_set_every_test() {
    let child = |name: &str, seed: &str, x: Option<&str>| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--nocapture"]).env("HARNESS_SEED", seed).env_remove("VERILATED_X");
        if let Some(x) = x {
            command.env("VERILATED_X", x);
        }
        command.output().unwrap()
    };
    let value = |seed: &str, x: Option<&str>| -> u32 {
        let out = child("begins_as_the_environment_says", seed, x);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{text}");
        text.split_once("first value ").unwrap().1.split_once('.').unwrap().0.parse().unwrap()
    };
    let seeds: BTreeSet<u32> = (1..=6).map(|n| value(&n.to_string(), None)).collect();
    let numbers: BTreeSet<u32> = (1..=6).map(|n| value("1", Some(&format!("random:{n}")))).collect();
    assert!(seeds.len() >= 4 && numbers.len() >= 4, "{seeds:?} {numbers:?}");
    assert_eq!(value("5", None), value("5", None));
    assert_eq!((value("5", Some("zeros")), value("5", Some("ones"))), (0, 255));
    assert!(child("begins_as_the_test_says", "5", Some("zeros")).status.success());
    let out = child("begins_as_the_environment_says", "five", None);
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(!out.status.success() && text.contains("HARNESS_SEED=five"), "{text}");
}
