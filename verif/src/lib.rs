// SPDX-License-Identifier: Apache-2.0
//! Workloads, backends and comparison: everything that `systole` and the test suites share.

pub mod backend;
pub mod board;
pub mod campaign;
pub mod compare;
pub mod conformance;
pub mod coverage;
pub mod digits;
pub mod encoder;
pub mod energy;
pub mod gemm;
pub mod lockstep;
pub mod model_transport;
pub mod npy;
pub mod onnx_case;
pub mod random;
pub mod random_graph;
pub mod random_vector;
pub mod rram_engine;
pub mod rram_hands;
pub mod rram_model;
pub mod run_wave;
pub mod script;
pub mod tales;
pub mod workloads;

/// The quick suite's machine for what the others leave out, small so that its model is soon built: fewer lanes than columns in POST and
/// in the vector unit, POST's multiplier in groups of lanes, zero points of weights, no lane engine; with WEIGHT_BEATS 2 in all tests.
pub const MIXED: &str =
    "tiny,LANE_TAPS=0,POST_LANES=2,VEC_LANES=2,PRODUCT=1,WEIGHT_ZERO=1,X_DEPTH=4096,OUT_DEPTH=2048,IN_DEPTH=2048,PARAM_DEPTH=256";

/// Whether the long suite is asked for (SYSTOLE_LONG).
pub fn long() -> bool {
    std::env::var_os("SYSTOLE_LONG").is_some()
}

pub use backend::{AnyTransport, Backend, RunSet, on_machine, run_frames};
pub use compare::{FirstMismatch, Report, check_graph};
