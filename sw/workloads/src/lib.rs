// SPDX-License-Identifier: Apache-2.0
//! Workloads, and what they are compared with: each runs on any backend, and every element and cycle is checked against the golden
//! model. `systole`, the server, and the test suites share them.

pub mod compare;
pub mod conformance;
pub mod digits;
pub mod encoder;
pub mod energy;
pub mod gemm;
pub mod lockstep;
pub mod networks;
pub mod npy;
pub mod onnx_case;
pub mod random;
pub mod tales;

pub use compare::{FirstMismatch, Report, check_graph};
