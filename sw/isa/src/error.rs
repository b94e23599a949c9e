// SPDX-License-Identifier: Apache-2.0
//! What can be wrong with an instruction, a program or an image.

use thiserror::Error;

/// Errors of the instruction set: each says what, where, the limit and the actual value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IsaError {
    /// A value does not fit its field.
    #[error("{what}: {value} does not fit; the field takes {min} to {max}")]
    FieldRange {
        /// The format and field, as `matmul.x_base`.
        what: String,
        /// The value that was to be written.
        value: i64,
        /// Smallest legal value.
        min: i64,
        /// Largest legal value.
        max: i64,
    },
    /// A descriptor has too many loops, or none.
    #[error("{unit}: {loops} loops; a descriptor has 1 to {max}")]
    LoopCount {
        /// The unit's name.
        unit: &'static str,
        /// Loops given.
        loops: usize,
        /// Loops possible.
        max: usize,
    },
    /// A word that no encoder writes.
    #[error("{what}: {found:#x} is not a legal encoding ({legal})")]
    BadEncoding {
        /// What was being decoded.
        what: String,
        /// The bits found.
        found: u64,
        /// The legal values.
        legal: String,
    },
    /// A table is longer than its memory.
    #[error("{what}: needs {needed} words, configuration {config} has {limit}; use a larger configuration or split the work")]
    TooLong {
        /// The memory.
        what: &'static str,
        /// Words needed.
        needed: usize,
        /// Words there are.
        limit: usize,
        /// The configuration's name.
        config: String,
    },
    /// The file is not an image, or is damaged.
    #[error("image: {0}")]
    Image(String),
    /// Rows that an image does not have.
    #[error("{0}")]
    Rows(String),
    /// The image was made for other hardware.
    #[error("image is for {image}, the machine is {machine}: compile it again for this machine")]
    WrongMachine {
        /// What the image says.
        image: String,
        /// What the machine says.
        machine: String,
    },
    /// No such configuration.
    #[error("unknown configuration '{name}'; there are {known}")]
    UnknownConfig {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A configuration parameter is illegal.
    #[error("configuration {config}: {parameter} = {value} is illegal: {rule}")]
    BadParameter {
        /// The configuration.
        config: String,
        /// The parameter's name.
        parameter: &'static str,
        /// Its value.
        value: u32,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// No size has that name.
    #[error("there is no parameter '{name}'; there are {known}")]
    UnknownParameter {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// Behind a configuration's name comes no size.
    #[error("'{text}' is no size: a configuration is NAME, or NAME and sizes that differ, as in small,POST_LANES=2 (NAME=VALUE)")]
    BadSize {
        /// What stands there.
        text: String,
    },
}
