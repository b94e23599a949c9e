// SPDX-License-Identifier: Apache-2.0
//! What a program can do wrong on the instruction-level model.

use systole_isa::IsaError;
use thiserror::Error;

/// Errors of loading and running.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MachineError {
    /// The image is damaged, for another machine, or too large.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// Nothing is loaded.
    #[error("no image is loaded")]
    NoImage,
    /// The input frame has the wrong length.
    #[error("input frame of {actual} bytes, the program takes {expected}")]
    FrameLength {
        /// Bytes the program takes.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// A row breaks a rule of docs/timing.md.
    #[error("cycle {cycle}, row {row} ({unit}): {rule}")]
    Rule {
        /// The cycle.
        cycle: u64,
        /// Row of the timetable.
        row: usize,
        /// Its unit.
        unit: &'static str,
        /// The rule.
        rule: String,
    },
}
