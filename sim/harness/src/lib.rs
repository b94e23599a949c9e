// SPDX-License-Identifier: Apache-2.0
//! Async test benches for Verilog in Rust, with the vocabulary of cocotb.
//!
//! Tasks wait for clock edges, read ports with the values that the design's flip-flops sample at
//! that edge, and write ports; writes take effect together just after it. docs/harness.md has the
//! semantics with a timing diagram, docs/first-test-bench.md a first bench.

pub mod axi;
mod clock;
pub mod cover;
mod error;
mod exec;
mod pause;
mod place;
mod random;
mod record;
mod scoreboard;
mod signal;
mod sim;
mod sync;
mod test;

pub use clock::Clock;
pub use error::SimError;
pub use harness_macros::test;
pub use pause::Pause;
pub use rand;
pub use random::Stream;
pub use scoreboard::{Mismatch, Scoreboard};
pub use signal::Signal;
pub use sim::{JoinHandle, Origin, Sim, TraceWindow};
pub use sync::{Event, Queue};
pub use test::{Run, Setup, run, run_test, run_with};
pub use verilated;
