// SPDX-License-Identifier: Apache-2.0
//! Golden models of Systole, written from the documents.
//!
//! [`operator`] computes networks on plain tensors, in floating point where ONNX Runtime does; [`token`] a token of a language
//! model and [`encoder`] encoders with scales by token, both in the vector unit's arithmetic.
//! [`Machine`] runs an image instruction by instruction, bit-exact and with exact cycles, without
//! Verilog. Where they differ, the compiler is wrong; where the machine and the RTL differ, the
//! hardware is.

pub mod encoder;
mod error;
pub mod f24;
pub mod graph;
mod kernel;
mod machine;
pub mod operator;
mod pixel;
mod post;
pub mod token;
mod transposed;

pub use error::MachineError;
pub use machine::{Machine, RunResult, Written};
