// SPDX-License-Identifier: Apache-2.0
//! What the compiler takes and gives.

use crate::origin::Origins;
use serde::Serialize;
use systole_isa::{Config, Image, Program};
use systole_model::approximation::{Approximation, Form};

/// What the user may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// A residual add or average pool that is not exact is an error, not a warning.
    pub require_exact: bool,
    /// Do not run the checker over the result.
    pub skip_verify: bool,
    /// Lines of RRAM that each run looks at, as far as its windows have room for them: SCRUB rows.
    pub scrub_lines: u32,
}

/// A layer whose codes may differ from ONNX Runtime's by one: a sum or pool for which no constants of the machine follow
/// it on all operands, or a layer that it computes in float32.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Warning {
    /// Layer number.
    pub layer: usize,
    /// Its name.
    pub name: String,
    /// Kind of layer.
    pub what: &'static str,
    /// Operand pairs, sums of a window, or codes of a function whose result may differ, by one. 0 of a float32 layer, where it
    /// depends on the data.
    pub differing: u32,
    /// Of so many.
    pub of: u32,
    /// What the machine computes; `None` of a float32 layer.
    #[serde(skip)]
    pub form: Option<Form>,
}

/// What a product is called whose terms are digits of a function.
pub const OF_FUNCTION: &str = "mean of a function";

/// What a stage is called that makes weights in a run.
pub const IN_RUN: &str = "weights in a run";

/// What a transposed convolution is called.
pub const TRANSPOSED: &str = "transposed convolution";

impl Warning {
    /// For the operator reference.
    pub fn approximation(&self) -> Option<Approximation> {
        self.form.clone().map(|form| Approximation { layer: self.layer, form })
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Warning { layer, name, what, differing, of, form } = self;
        write!(f, "declared: layer {layer} ({name}): ")?;
        let operands = match form {
            Some(Form::Sum { .. } | Form::Product { .. }) => "pairs of codes",
            Some(Form::Mean { .. }) => "sums of a window",
            Some(Form::WholeSteps) => {
                return write!(
                    f,
                    "ONNX Runtime adds the constants of this {what} in float32; in {differing} of {of} channels they are no whole number \
                     of steps of its sums and are rounded to one"
                );
            }
            Some(Form::Softmax | Form::Norm) => {
                return write!(
                    f,
                    "ONNX Runtime computes this {what} in float32, the machine in F24; where a value lies near to halfway between two codes \
                     either may come out"
                );
            }
            None if *of > 0 => {
                return write!(
                    f,
                    "{differing} of {of} codes of this {what} lie so near to halfway between two results that ONNX Runtime's float32 \
                     approximation may give the other one"
                );
            }
            None if *what == OF_FUNCTION => {
                return write!(
                    f,
                    "ONNX Runtime adds up this {what} in float32, the machine in steps of its digits; where the mean lies halfway between \
                     two codes either may come out"
                );
            }
            None => {
                let why = if *what == TRANSPOSED {
                    "it has none on integers"
                } else {
                    "its tensors have several types, or a Relu, Clip or Flatten stays before QuantizeLinear"
                };
                return write!(
                    f,
                    "ONNX Runtime computes this {what} in float32 ({why}); where a value lies halfway between two codes its order of additions decides"
                );
            }
        };
        write!(f, "{differing} of {of} {operands} of this {what} may give another code than ONNX Runtime's float32, by one")
    }
}

/// One pass of the array in the timetable. Times are X times at row 0, in cycles after launch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// Layer number.
    pub layer: usize,
    /// All layers that it carries out: lookups and sums ride on the layer before them.
    pub layers: Vec<usize>,
    /// Their names.
    pub name: String,
    /// What it does.
    pub kind: &'static str,
    /// Output pixels: vectors of a weight tile.
    pub m: usize,
    /// Weight tiles along the sum.
    pub k_tiles: usize,
    /// Of these k tiles so many hold parts of the same weights, which leave int8.
    pub parts: usize,
    /// Weight tiles along the outputs.
    pub n_tiles: usize,
    /// Bands of rows in which it runs; 1: its map lies in X as a whole.
    pub bands: usize,
    /// Rows of the tallest band.
    pub band_rows: usize,
    /// Rows that all bands make.
    pub rows_made: usize,
    /// Rows of these that are made a second time, at the border of two bands.
    pub rows_again: usize,
    /// Blocks that the accumulators force.
    pub blocks: usize,
    /// Loop order in words.
    pub order: String,
    /// MATMUL instructions.
    pub nests: usize,
    /// `max(M,D)` for each tile and block, and not less than POST needs: C / POST_LANES a vector of results.
    pub law: u64,
    /// X time of its first vector.
    pub start: u64,
    /// Cycles from the end of the layer before (of launch for the first) to its own end.
    pub cycles: u64,
    /// Cycles of these in which the array is its.
    pub busy: u64,
    /// The others: the array waits for a dependency, a port, or a timetable row.
    pub bubble: u64,
    /// Multiplications that the network asks for.
    pub macs: u64,
    /// These over the array's in `cycles`.
    pub utilisation: f64,
    /// Why that is not all: the shares of what is lost.
    pub why: String,
    /// First X word of its input.
    pub x_base: u32,
    /// X words of its input.
    pub x_words: u32,
    /// Weight words in RRAM.
    pub w_words: u32,
}

impl LayerReport {
    /// Works out where the array's multiplications went.
    pub(crate) fn finish(&mut self, config: &Config, raw: bool) {
        let array = u64::from(config.rows * config.cols);
        // A layer may begin beside the lane engine's last: then it is busy for longer than it adds.
        let all = (array * self.cycles.max(self.busy)).max(1) as f64;
        self.utilisation = self.macs as f64 / all;
        let share = |cycles: u64| 100.0 * (array * cycles) as f64 / all;
        let vectors = (self.m * self.k_tiles * self.n_tiles) as u64;
        let mut why: Vec<(f64, &str)> = vec![(share(self.bubble), "waiting")];
        let useful = 100.0 * self.utilisation;
        if self.kind == "depthwise" {
            why.push((share(self.busy) - useful, "lane engine"));
        } else if ["softmax", "norm"].contains(&self.kind) {
            why.push((share(self.busy) - useful, "vector unit"));
        } else {
            let idle = self.busy.saturating_sub(vectors);
            let cause = match (raw && config.post_beats() <= 4, config.post_beats()) {
                (true, _) => "POST: four words a result",
                (_, 1) => "WEIGHT_BEATS",
                _ => "POST_LANES",
            };
            why.push((share(idle), cause));
            let empty = match self.kind {
                "grouped convolution" => "zero weights outside the groups",
                "convolution" | "product" => "ragged tiles",
                "matmul" => "weights in a run, zero points",
                _ => "no multiplications",
            };
            // All parts but one multiply the same activations again.
            let again = vectors.min(self.busy) / self.parts as u64 * (self.parts as u64 - 1);
            let split = match self.parts {
                2 => "weights with a zero point: two parts",
                3 => "weights with a zero point: three parts",
                _ => "weights beyond int8: more than three parts",
            };
            why.push((share(again), split));
            why.push((share(vectors.min(self.busy) - again) - useful, empty));
        }
        why.retain(|w| w.0 >= 0.05);
        let mut why: Vec<String> = why.iter().map(|(s, w)| format!("{s:.1} % {w}")).collect();
        if self.bands > 1 {
            why.insert(0, self.in_bands());
        }
        self.why = why.join(", ");
    }

    /// In how many bands it runs, and what that costs, in words.
    pub fn in_bands(&self) -> String {
        let once = self.rows_made - self.rows_again;
        let again = 100.0 * self.rows_again as f64 / once.max(1) as f64;
        let rows = if self.band_rows == 1 { "1 row".into() } else { format!("{} rows", self.band_rows) };
        format!("{} bands of {rows}, {again:.1} % of rows twice", self.bands)
    }

    /// Adds a further band of the same stage.
    pub(crate) fn join_band(&mut self, other: &LayerReport, config: &Config, raw: bool) {
        self.m += other.m;
        self.blocks += other.blocks;
        self.band_rows = self.band_rows.max(other.band_rows);
        self.rows_made += other.rows_made;
        self.rows_again += other.rows_again;
        self.macs += other.macs;
        self.x_words = self.x_words.max(other.x_words);
        self.add(other);
        self.finish(config, raw);
    }

    fn add(&mut self, other: &LayerReport) {
        self.nests += other.nests;
        self.law += other.law;
        self.cycles += other.cycles;
        self.busy += other.busy;
        self.bubble += other.bubble;
    }

    /// Adds a further stage of the same layers.
    pub(crate) fn join(&mut self, other: &LayerReport, config: &Config) {
        if self.kind == IN_RUN {
            (self.kind, self.m) = (other.kind, 0);
        }
        if other.kind == "matmul" {
            self.m += other.m;
        }
        self.macs += other.macs;
        self.k_tiles += other.k_tiles;
        self.parts = self.parts.max(other.parts);
        self.w_words += other.w_words;
        self.rows_made += other.rows_made;
        self.rows_again += other.rows_again;
        self.add(other);
        self.finish(config, false);
    }
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
    /// What the rows of the timetable are for: parts are those of `layers`.
    pub origins: Origins,
    /// Lines of RRAM that a run's SCRUBs look at.
    pub scrub_lines: u32,
    /// What is not exact.
    pub warnings: Vec<Warning>,
}
