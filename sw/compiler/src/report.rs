// SPDX-License-Identifier: Apache-2.0
//! What the compiler takes and gives.

use serde::Serialize;
use systole_isa::{Image, Program};

/// What the user may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// An inexact residual add is an error, not a warning.
    pub require_exact: bool,
    /// Do not run the checker over the result.
    pub skip_verify: bool,
}

/// A residual add that differs from its reference for some operands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Layer number.
    pub layer: usize,
    /// Operand pairs of 65,536 whose result differs.
    pub differing_codes: u32,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "layer {}: residual add differs from its float32 reference for {} of 65536 operand pairs",
            self.layer, self.differing_codes
        )
    }
}

/// One layer in the timetable. Times are X times at row 0, in cycles after launch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// Layer number; a copy for its residual operand is part of it.
    pub layer: usize,
    /// Rows of the input.
    pub m: usize,
    /// Columns of the input.
    pub k: usize,
    /// Columns of the output.
    pub n: usize,
    /// Weight tiles: ceil(K/R).
    pub k_tiles: usize,
    /// Weight tiles: ceil(N/C).
    pub n_tiles: usize,
    /// Row blocks that the accumulators force.
    pub blocks: usize,
    /// Loop order in words.
    pub order: String,
    /// MATMUL instructions.
    pub nests: usize,
    /// `max(M,D) * ceil(K/R) * ceil(N/C)`.
    pub law: u64,
    /// X time of its first vector.
    pub start: u64,
    /// Cycles from the end of the layer before (of LOAD for the first) to its own end.
    pub cycles: u64,
    /// Cycles of these in which the array waits: for a dependency, a port, or a timetable row.
    pub bubble: u64,
    /// Multiplications of the layer over those of the array in `cycles`.
    pub utilisation: f64,
    /// First X word of its input.
    pub x_base: u32,
    /// X words of its input.
    pub x_words: u32,
    /// Weight words in RRAM.
    pub w_words: u32,
}

/// A memory's use, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemoryUse {
    /// The memory.
    pub memory: &'static str,
    /// Words used.
    pub used: usize,
    /// Words there are.
    pub size: usize,
}

/// A compiled network.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// The image to upload.
    pub image: Image,
    /// The timetable in it.
    pub program: Program,
    /// Predicted cycles, launch to END.
    pub cycles: u64,
    /// Cycles that the law of time demands of the array.
    pub law: u64,
    /// Multiplications of the network over those of the array in `cycles`.
    pub utilisation: f64,
    /// Every layer.
    pub layers: Vec<LayerReport>,
    /// Every memory.
    pub memory: Vec<MemoryUse>,
    /// What is not exact.
    pub warnings: Vec<Warning>,
}
