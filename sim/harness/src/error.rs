// SPDX-License-Identifier: Apache-2.0
//! How a simulation ends when it does not end well.

use std::fmt;
use thiserror::Error;

/// Errors that end a simulation. Its `Debug` is its `Display`: `unwrap` in a bench shows a report as it is meant to be read.
#[derive(Clone, PartialEq, Eq, Error)]
pub enum SimError {
    /// A wait passed its limit.
    #[error("timeout after {limit} cycles at cycle {cycle}: {what}\n{report}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// The limit in cycles.
        limit: u64,
        /// Cycle of the first clock.
        cycle: u64,
        /// Every task with what it waits for, and the last bus transactions.
        report: String,
    },
    /// No task can ever go on.
    #[error("deadlock at cycle {cycle}: no task waits for a clock\n{report}")]
    Deadlock {
        /// Cycle of the first clock.
        cycle: u64,
        /// Every task with what it waits for.
        report: String,
    },
    /// The design ended itself: `$stop`, a failed check, `$finish`.
    #[error("the design stopped at cycle {cycle}: {text}\n{output}")]
    Stopped {
        /// Cycle of the first clock.
        cycle: u64,
        /// File, line and what was said.
        text: String,
        /// What the design printed.
        output: String,
    },
    /// Two tasks wrote one port in one cycle.
    #[error(
        "port '{port}' was written by task '{first}' and by task '{second}' in cycle {cycle}; the order of tasks must not matter"
    )]
    TwoWriters {
        /// The port.
        port: String,
        /// The task that wrote first.
        first: String,
        /// The other task.
        second: String,
        /// Cycle of the first clock.
        cycle: u64,
    },
    /// A clock that cannot be.
    #[error("clock '{name}': {why}")]
    Clock {
        /// The port.
        name: String,
        /// What is wrong, and where.
        why: String,
    },
    /// Ports that are no bus.
    #[error("{name}: {why}")]
    Bus {
        /// The bus, by its prefix.
        name: String,
        /// What is wrong with which port, and what the protocol allows.
        why: String,
    },
    /// A model that cannot be built or used.
    #[error("{0}")]
    Model(String),
}

impl fmt::Debug for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
