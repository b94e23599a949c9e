// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

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
