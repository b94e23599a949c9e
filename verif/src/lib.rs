// SPDX-License-Identifier: Apache-2.0
//! What verification adds: strategies of random graphs and of programs of the vector unit, coverage, the wave that a page shows.
//! Backends, workloads and campaigns, which programs need as well, are crates below this one.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

pub mod coverage;
pub mod random_graph;
pub mod random_vector;
pub mod run_wave;

/// The quick suite's machine for what the others leave out, small so that its model is soon built: fewer lanes than columns in POST and
/// in the vector unit, POST's multiplier in groups of lanes, zero points of weights, no lane engine; with WEIGHT_BEATS 2 in all tests.
pub const MIXED: &str =
    "tiny,LANE_TAPS=0,POST_LANES=2,VEC_LANES=2,PRODUCT=1,WEIGHT_ZERO=1,X_DEPTH=4096,OUT_DEPTH=2048,IN_DEPTH=2048,PARAM_DEPTH=256";

/// The quick suite's machine of more rows than columns, in the place of `wide`, whose model takes longer to build; with WEIGHT_BEATS 4
/// in all tests. What takes columns for rows goes wrong on it.
pub const TALL: &str = "tiny,ROWS=8";

/// Whether the long suite is asked for (SYSTOLE_LONG).
pub fn long() -> bool {
    std::env::var_os("SYSTOLE_LONG").is_some()
}

/// A runner of so many cases, the same on every machine; `SYSTOLE_SEED=N` in the environment gives others.
pub fn runner(cases: u32) -> TestRunner {
    let seed = std::env::var("SYSTOLE_SEED").ok().and_then(|s| s.parse::<u64>().ok()).unwrap_or(1);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}
