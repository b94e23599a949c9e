// SPDX-License-Identifier: Apache-2.0
//! Workloads, backends and comparison: everything that `systole` and the test suites share.

pub mod backend;
pub mod board;
pub mod campaign;
pub mod compare;
pub mod conformance;
pub mod digits;
pub mod encoder;
pub mod energy;
pub mod gemm;
pub mod model_transport;
pub mod npy;
pub mod onnx_case;
pub mod random;
pub mod random_graph;
pub mod random_vector;
pub mod rram_engine;
pub mod rram_hands;
pub mod rram_model;
pub mod tales;
pub mod workloads;

pub use backend::{AnyTransport, Backend, RunSet, on_machine, run_frames};
pub use compare::{FirstMismatch, Report, check_graph};
