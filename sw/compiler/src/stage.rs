// SPDX-License-Identifier: Apache-2.0
//! What the passes hand on: tensors in X, LOAD jobs, and stages.

use crate::add::AddConstants;
use crate::product::ProductConstants;
use crate::report::Warning;
use std::sync::Arc;
use systole_isa::PostDest;
use systole_isa::requant::Param;
use systole_model::graph::Graph;

mod numbers;
mod tensor;

pub use numbers::{Function, Numbers, Under};
pub use tensor::{Frame, LoadJob, Source, Tensor, TensorId};

/// A loop that moves through the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// Iterations.
    pub count: usize,
    /// X words for one iteration.
    pub x: i64,
    /// Rows (bounded index y) for one iteration.
    pub row: i32,
    /// Columns (bounded index x) for one iteration.
    pub col: i32,
}

/// How output pixels lie over the input: the input's row is `y * stride[0] + origin[0]`, plus what the k tile adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Rows and columns of the input, in pixels.
    pub size: [usize; 2],
    /// Input rows and columns from an output pixel to the next.
    pub stride: [usize; 2],
    /// Input row and column of the first output pixel's first tap.
    pub origin: [i32; 2],
}

/// What a k tile reads, relative to an output pixel's first tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tap {
    /// Rows below.
    pub row: i32,
    /// Columns to the right.
    pub col: i32,
    /// X word of the pixel.
    pub word: usize,
}

/// How n tiles move through the words of a pixel: tile n reads from word `n % inner * step + n / inner * outer` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NWalk {
    /// Tiles of the inner loop.
    pub inner: usize,
    /// X words for a tile of the inner loop.
    pub step: usize,
    /// X words for an iteration of the outer loop.
    pub outer: usize,
}

impl NWalk {
    /// All n tiles read the same words.
    pub const SAME: NWalk = NWalk { inner: 1, step: 0, outer: 0 };

    /// First word of tile `n`.
    pub fn word(&self, n: usize) -> usize {
        n % self.inner * self.step + n / self.inner * self.outer
    }
}

/// A rectangle of output pixels whose sums fit the accumulators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// First row.
    pub row: usize,
    /// Rows.
    pub rows: usize,
    /// First column.
    pub col: usize,
    /// Columns.
    pub cols: usize,
    /// Parameter words to skip.
    pub params: usize,
    /// One row of pixels that are read elsewhere than [`Over`] says.
    pub gather: Option<Gather>,
}

/// Where a row of pixels is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gather {
    /// X word of the first pixel, from the input tensor's first.
    pub word: usize,
    /// X words from a pixel to the next.
    pub step: i64,
}

impl Block {
    /// Output pixels: vectors of a visit.
    pub fn pixels(&self) -> usize {
        self.rows * self.cols
    }
}

/// Pixels of a tensor that a stage makes, where it does not make all of them: pixel (y, x) of the stage is row
/// `y * stride[0] + origin[0]`, column `x * stride[1] + origin[1]` of the tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Rows and columns of the tensor from a pixel of the stage to the next.
    pub stride: [usize; 2],
    /// Row and column of the first pixel.
    pub origin: [usize; 2],
    /// Columns of the tensor.
    pub width: usize,
}

impl Spread {
    /// Pixel (row, column) of the stage in the tensor, in raster order.
    pub fn pixel(&self, row: usize, col: usize) -> usize {
        (row * self.stride[0] + self.origin[0]) * self.width + col * self.stride[1] + self.origin[1]
    }
}

/// What meets the requantised value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meeting {
    /// The operand is added.
    Add(AddConstants),
    /// The larger of the two stays.
    Max,
    /// They are multiplied.
    Mul(ProductConstants),
}

/// What POST does with a stage's sums.
#[derive(Debug, Clone, PartialEq)]
pub struct PostSpec {
    /// X, OUT int8 or OUT RAW32.
    pub dest: PostDest,
    /// Zero point of the requantised value.
    pub zero_point: i8,
    /// Lower clamp.
    pub lo: i8,
    /// Upper clamp.
    pub hi: i8,
    /// Lookup table.
    pub lut: Option<u32>,
    /// What happens with the operand.
    pub meeting: Option<Meeting>,
    /// First parameter word.
    pub param_base: usize,
    /// Parameter words from an n tile to the next: 1, or 0 where all share one.
    pub param_step: usize,
    /// Parameter words from a pixel to the next: 0, but where each has its own constants.
    pub param_pixel: usize,
}

/// What a stage multiplies with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// A tile for each k tile and n tile: `[k][n][R][C]`.
    Tiles(Arc<[i8]>),
    /// One tile for each group of an X word, for all k tiles and words: `[g][R][C]`.
    Shared(Arc<[i8]>),
    /// Words of W SRAM that stages before it write ([`Fill`]): that of k tile k and n tile n is `base + k * k_step + n * n_step`.
    InRun {
        /// First word.
        base: usize,
        /// Words from a k tile to the next.
        k_step: usize,
        /// Words from an n tile to the next.
        n_step: usize,
    },
    /// Rows of tables in RRAM that registers pick, one of them for each block: `(table, register)`, the table's number in
    /// [`Staged::tables`].
    Rows(Arc<[(usize, u8)]>),
    /// The lane engine's taps, for each n tile and line of the window (newest first, the fourth unused): `[n][4][C]`.
    Taps(Arc<[[i16; 3]]>),
}

/// Where a stage's results go in W SRAM, in the units of POST's destination by row or by column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// The first one.
    pub base: usize,
    /// From a pixel to the next in a row of pixels.
    pub pixel: usize,
    /// From a row of pixels to the next.
    pub row: usize,
    /// From an X word to the next.
    pub word: usize,
    /// From a group of an X word to the next.
    pub group: usize,
}

/// A stage that makes some rows of what a whole one would: its part of a band. All parts of one stage have the same weights,
/// parameters, tables and order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// Number of the whole stage.
    pub of: usize,
    /// Number of the band.
    pub number: usize,
    /// Bands that there are.
    pub bands: usize,
    /// Rows of the whole stage.
    pub whole: usize,
    /// First row that it makes, of the whole stage.
    pub first: usize,
    /// Rows that it makes.
    pub rows: usize,
    /// Rows of these that the band before made too.
    pub again: usize,
    /// Pixels of the longest block of all parts.
    pub longest: usize,
    /// Pixel of its output tensor that its first one is, where it has no [`Spread`].
    pub output: usize,
    /// Pixel of the operand that meets its first one.
    pub operand: usize,
}

/// One pass of the array over a tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Layers of the graph that it carries out: the first makes the sums, POST the rest.
    pub layers: Vec<usize>,
    /// What it does, in a word.
    pub kind: &'static str,
    /// Tensor it reads; `None` where all is padding.
    pub input: Option<TensorId>,
    /// Tensor it writes; `None` for OUT, or W SRAM.
    pub output: Option<TensorId>,
    /// Where it writes W SRAM, if it does.
    pub fill: Option<Fill>,
    /// Tensor of the residual operand.
    pub operand: Option<TensorId>,
    /// Rows and columns of the output, in pixels. One row where rows and columns need not be told apart.
    pub out: [usize; 2],
    /// Which pixels of its output it makes; `None`: all, in raster order.
    pub spread: Option<Spread>,
    /// Pixels of the tensor it writes that one of its own is: their words behind each other. 1 but for copies.
    pub wide: usize,
    /// First X word that it writes of each pixel, where other stages write the others.
    pub piece: Option<usize>,
    /// Output over input.
    pub over: Over,
    /// Kernel rows and columns, where the lane engine runs it.
    pub kernel: [usize; 2],
    /// Loops over k tiles, innermost first.
    pub k_loops: Vec<Walk>,
    /// What each k tile reads.
    pub taps: Vec<Tap>,
    /// What n tiles read.
    pub n_walk: NWalk,
    /// n tiles.
    pub n_tiles: usize,
    /// The byte that stands for pixels outside the input, where there are any.
    pub pad: Option<i8>,
    /// Output rectangles, in order.
    pub blocks: Vec<Block>,
    /// Weights, as they are stored.
    pub weights: Weights,
    /// What the array subtracts from each of them as it loads them.
    pub w_zero: i8,
    /// k tiles that each weight is split over, where it does not fit one.
    pub parts: usize,
    /// What follows the sums; of a stage of the vector unit its codes' zero point, clamps and destination.
    pub post: PostSpec,
    /// What the vector unit makes of the codes, where it does.
    pub numbers: Option<Numbers>,
    /// Multiplications that the network asks for.
    pub macs: u64,
    /// Which rows it makes, where it does not make all of them.
    pub band: Option<Band>,
}

impl Stage {
    /// Names of the layers that it carries out; of a graph without layers, what it does.
    pub fn name(&self, graph: &Graph) -> String {
        let names: Vec<&str> = self.layers.iter().filter_map(|&l| graph.layers.get(l)).map(|l| l.name.as_str()).collect();
        if names.is_empty() { self.kind.into() } else { names.join(" + ") }
    }

    /// k tiles.
    pub fn k_tiles(&self) -> usize {
        self.taps.len()
    }

    /// Whether one weight tile serves every k tile and word.
    pub fn is_shared(&self) -> bool {
        matches!(self.weights, Weights::Shared(_))
    }

    /// Whether the lane engine runs it.
    pub fn is_lane(&self) -> bool {
        matches!(self.weights, Weights::Taps(_))
    }

    /// First X word that it writes of each pixel.
    pub fn word(&self) -> usize {
        self.piece.unwrap_or(0)
    }

    /// Whether registers pick its weights.
    pub fn is_rows(&self) -> bool {
        matches!(self.weights, Weights::Rows(_))
    }

    /// Whether its weights are made in the run.
    pub fn is_in_run(&self) -> bool {
        matches!(self.weights, Weights::InRun { .. })
    }

    /// Whether parts of its k and n ranges can be an instruction of their own.
    pub fn is_divisible(&self) -> bool {
        self.k_loops.len() <= 1 && self.n_walk == NWalk::SAME && !self.is_shared() && !self.is_in_run() && !self.is_rows()
    }

    /// Whether sums leave as int32.
    pub fn is_raw(&self) -> bool {
        self.post.dest == PostDest::OutRaw32
    }

    /// Pixels of the longest block.
    pub fn longest(&self) -> usize {
        self.blocks.iter().map(Block::pixels).max().unwrap_or(1)
    }

    /// Pixels of the longest block of all stages that share its weights: these are read in one order.
    pub fn longest_of_all(&self) -> usize {
        self.band.map_or(self.longest(), |b| b.longest)
    }

    /// Pixel of its output tensor that its first one is.
    pub fn output_at(&self) -> usize {
        self.band.map_or(0, |b| b.output)
    }

    /// Pixel of the operand that meets its first one.
    pub fn operand_at(&self) -> usize {
        self.band.map_or(0, |b| b.operand)
    }

    /// Output pixels.
    pub fn pixels(&self) -> usize {
        self.out[0] * self.out[1]
    }

    /// Pixel of the output of the first pixel of a block.
    pub fn first_pixel(&self, block: &Block) -> usize {
        match &self.spread {
            Some(s) => s.pixel(block.row, block.col),
            None => (block.row * self.out[1] + block.col) * self.wide + self.output_at(),
        }
    }

    /// Pixel of the output behind the last pixel of a block.
    pub fn end_pixel(&self, block: &Block) -> usize {
        let (row, col) = (block.row + block.rows - 1, block.col + block.cols - 1);
        match &self.spread {
            Some(s) => s.pixel(row, col) + 1,
            None => (row * self.out[1] + col + 1) * self.wide + self.output_at(),
        }
    }

    /// Pieces of a block that lie in one line of the output, [`Stage::spacing`] pixels apart: the vector of the first pixel, the pixel, how
    /// many they are.
    pub fn written(&self, block: &Block, line: usize) -> Vec<(usize, usize, usize)> {
        match &self.spread {
            Some(s) => (0..block.rows).map(|r| (r * block.cols, s.pixel(block.row + r, block.col), block.cols)).collect(),
            None => self.runs(block, line, self.output_at()),
        }
    }

    /// Pixels of the output from a pixel of a row to the next.
    pub fn spacing(&self) -> usize {
        self.spread.map_or(1, |s| s.stride[1])
    }

    /// Pieces of a block that are contiguous in raster order and in one line of `line` pixels, where the stage's first pixel
    /// is number `at`: the vector of the first pixel, the pixel, and how many they are.
    pub fn runs(&self, block: &Block, line: usize, at: usize) -> Vec<(usize, usize, usize)> {
        let mut runs = Vec::new();
        for row in 0..block.rows {
            let first = (block.row + row) * self.out[1] + block.col + at;
            let mut pixel = first;
            while pixel < first + block.cols {
                let next = ((pixel / line + 1) * line).min(first + block.cols);
                runs.push((row * block.cols + pixel - first, pixel, next - pixel));
                pixel = next;
            }
        }
        runs
    }
}

/// A table in RRAM that registers pick rows of, as it lies there: `[words][stride][R][C]`, of which the lines behind the last row are 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowTable {
    /// Its name in the model.
    pub name: String,
    /// Rows.
    pub rows: usize,
    /// Codes of a row.
    pub width: usize,
    /// RRAM words from C codes of a row to the next C.
    pub stride: usize,
    /// Its bytes.
    pub bytes: Arc<[i8]>,
}

/// The shape of the network's output in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutShape {
    /// Pixels.
    pub pixels: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// C-byte OUT words of a pixel.
    pub words: usize,
}

/// A network as stages on tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Staged {
    /// Pixels and channels of the input frame.
    pub input: [usize; 2],
    /// The output frame.
    pub output: OutShape,
    /// Tensors in X.
    pub tensors: Vec<Tensor>,
    /// What LOAD does, in order.
    pub loads: Vec<LoadJob>,
    /// Stages, in order.
    pub stages: Vec<Stage>,
    /// Parameters, C a word.
    pub params: Vec<Param>,
    /// Parameters of the vector unit, C lanes a word.
    pub numbers: Vec<u64>,
    /// Words of W SRAM that weights made in the run take.
    pub w_sram: usize,
    /// Lookup tables.
    pub luts: Vec<[i8; 256]>,
    /// Tables in RRAM that registers pick rows of.
    pub tables: Vec<RowTable>,
    /// What is not exact.
    pub warnings: Vec<Warning>,
}

impl Staged {
    /// By stage the first one that has its weights.
    pub fn firsts(&self) -> Vec<usize> {
        let mut known = std::collections::HashMap::new();
        let first = |(i, s): (usize, &Stage)| s.band.map_or(i, |b| *known.entry(b.of).or_insert(i));
        self.stages.iter().enumerate().map(first).collect()
    }

    /// Taps of all stages of the lane engine, in order.
    pub fn lane_taps(&self) -> Vec<[i16; 3]> {
        let firsts = self.firsts();
        let taps = |(i, s): (usize, &Stage)| match &s.weights {
            Weights::Taps(taps) if firsts[i] == i => taps.to_vec(),
            _ => vec![],
        };
        self.stages.iter().enumerate().flat_map(taps).collect()
    }

    /// Who reads what last.
    pub fn last_uses(&self) -> Vec<Option<usize>> {
        let mut last = vec![None; self.tensors.len()];
        for (i, s) in self.stages.iter().enumerate() {
            s.input.iter().chain(&s.operand).for_each(|&t| last[t] = Some(i));
        }
        last
    }

    /// Weight words of a stage in RRAM; stages that share them count them each.
    pub fn weight_words(&self, stage: usize, tile: usize) -> usize {
        match &self.stages[stage].weights {
            Weights::Tiles(bytes) | Weights::Shared(bytes) => bytes.len() / tile,
            Weights::Taps(_) | Weights::InRun { .. } | Weights::Rows(_) => 0,
        }
    }
}
