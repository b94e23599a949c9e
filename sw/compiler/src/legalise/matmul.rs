// SPDX-License-Identifier: Apache-2.0
//! Products of two activations. The second operand becomes weights in a run: stages of identity weights whose POST writes W SRAM,
//! by row where a pixel is a row of the matrix, by column where it is a column. The product itself is a stage like that of a
//! convolution, for each map of the batch, with weights from there.
//!
//! The zero point of the second operand is that of the weights. That of the first, za, would be a bias if the weights were known:
//! instead the weights lie there a second time (a third, for -128) and are multiplied with -za, as padding is.

use super::{ONE, PLAIN, Stager, param};
use crate::report::IN_RUN;
use crate::stage::{Fill, NWalk, Over, PostSpec, Spread, Stage, Tap, TensorId, Walk, Weights};
use crate::tile;
use systole_isa::PostDest;
use systole_isa::requant::Param;
use systole_model::graph::{Finish, Op};

/// A product: sizes, and how its weights lie in W SRAM.
struct Product {
    /// Maps of the batch.
    maps: usize,
    /// Rows of the first operand.
    m: usize,
    /// Multiplications of a map.
    macs: u64,
    /// k tiles of the operands, and how often they lie there: once, and for the zero point.
    k_tiles: usize,
    times: usize,
    /// n tiles, and as many as lie there.
    n_tiles: usize,
    lying: usize,
    /// Pixels of the second operand are columns.
    transposed: bool,
}

impl Product {
    /// Words of a map's weights.
    fn words(&self) -> usize {
        self.k_tiles * self.times * self.lying
    }

    /// Words from a k tile to the next, and from an n tile to the next: pixels of the operand lie behind each other.
    fn steps(&self) -> (usize, usize) {
        if self.transposed { (self.lying, 1) } else { (1, self.k_tiles * self.times) }
    }
}

/// The second operand.
struct Operand {
    tensor: TensorId,
    zero: i8,
    /// Pixels of a map, and channels.
    pixels: usize,
    channels: usize,
}

impl Stager<'_> {
    /// The last of the stages of a product.
    pub(super) fn matmul(&mut self, i: usize) -> Result<usize, String> {
        let graph = self.graph;
        let (layer, map) = (&graph.layers[i], &graph.maps[i + 1]);
        let Op::MatMul { a, a_zero, b, b_zero, k, transposed } = layer.op else { return Err("it is no product".into()) };
        let Finish::Int8 { scales, zero_point, lo, hi, .. } = &layer.finish else {
            return Err("sums of a product of two activations leave as codes only".into());
        };
        if b_zero != 0 && !self.config.weight_zero {
            return Err(format!(
                "its second operand has the zero point {b_zero}: {} has none of weights (WEIGHT_ZERO = 0); take a configuration that has, \
                 or quantise it symmetrically",
                self.config.label()
            ));
        }
        let [maps, m, n] = map.shape;
        // -za in parts that fit int8.
        let parts = i32::from(a_zero).unsigned_abs().div_ceil(127) as usize;
        let p = Product {
            maps,
            m,
            macs: (m * n * k) as u64,
            k_tiles: k.div_ceil(self.rows()),
            times: 1 + parts,
            n_tiles: n.div_ceil(self.cols()),
            // Of a row all lanes of its X words are written.
            lying: if transposed { n.div_ceil(self.cols()) } else { n.div_ceil(self.rows()) * self.groups() },
            transposed,
        };
        let depth = self.config.w_sram_depth as usize;
        let at_once = (depth / p.words()).clamp(1, maps);
        self.staged.w_sram = self.staged.w_sram.max(at_once * p.words());
        let first = self.tensor(a)?;
        let tensor = self.tensor(b)?;
        let (pixels, channels) = if transposed { (n, k) } else { (k, n) };
        let second = Operand { tensor, zero: b_zero, pixels, channels };
        let post = PostSpec {
            zero_point: *zero_point,
            lo: *lo,
            hi: *hi,
            param_base: self.params(|c| param(0, scales[c]), n),
            param_step: 1,
            ..PLAIN
        };
        let mut made = None;
        for from in (0..maps).step_by(at_once) {
            let count = at_once.min(maps - from);
            for time in 0..p.times {
                self.fill_w_sram(i, &p, &second, (from, count), time);
            }
            for number in 0..count {
                let stage = self.by_w_sram(i, &p, (first, a_zero, b_zero), (from + number, number), post.clone());
                made = Some(self.push_part(stage, map.shape, made));
            }
        }
        made.ok_or_else(|| "it has no elements".into())
    }

    /// Adds a stage that makes a part of what stage `made` makes another part of.
    pub(super) fn push_part(&mut self, stage: Stage, shape: [usize; 3], made: Option<usize>) -> usize {
        let Some(made) = made else { return self.push(stage, shape) };
        let output = self.staged.stages[made].output;
        self.staged.stages.push(Stage { output, ..stage });
        self.staged.stages.len() - 1
    }

    /// Writes the second operand's maps `from ..`, `count` of them, into W SRAM.
    fn fill_w_sram(&mut self, i: usize, p: &Product, b: &Operand, (from, count): (usize, usize), time: usize) {
        let (rows, cols, groups) = (self.rows(), self.cols(), self.groups());
        let words = self.staged.tensors[b.tensor].words;
        let (k_step, n_step) = p.steps();
        // Rows and columns beyond those of the operand are padding: weights of zero.
        let pixels = b.pixels.next_multiple_of(if p.transposed { cols } else { rows });
        let (unit, pixel, group) = if p.transposed { (cols * groups, groups, 1) } else { (rows, 1, n_step * rows) };
        let word = if p.transposed { k_step * unit } else { groups * group };
        let fill = Fill { base: time * p.k_tiles * k_step * unit, pixel, row: p.words() * unit, word, group };
        let dest = if p.transposed { PostDest::WColumn } else { PostDest::WRow };
        let out = [count, pixels];
        let over = Over { size: [p.maps, b.pixels], stride: [1, 1], origin: [from as i32, 0] };
        let stage = Stage {
            layers: vec![i],
            kind: IN_RUN,
            input: Some(b.tensor),
            out,
            over,
            pad: (pixels > b.pixels).then_some(b.zero),
            blocks: tile::blocks(out, usize::MAX),
            fill: Some(fill),
            ..self.diagonal(words, PostSpec { dest, ..PLAIN })
        };
        // By column, lanes of the last word that are no channels must become weights of zero.
        let ragged = p.transposed && !b.channels.is_multiple_of(rows);
        let whole = if ragged { words - 1 } else { words };
        if whole > 0 {
            let post = PostSpec { dest, ..self.codes_post() };
            self.push(Stage { n_tiles: whole * groups, post, ..stage.clone() }, [0; 3]);
        }
        if ragged {
            let last = b.channels - (words - 1) * rows;
            let tile = |at: usize| {
                let (g, row, col) = (at / (rows * cols), at / cols % rows, at % cols);
                i8::from(row == g * cols + col && row < last)
            };
            let code = |lane: usize| Param { bias: if lane < last { 0 } else { b.zero.into() }, ..ONE };
            let post = PostSpec { dest, param_base: self.params(code, rows), param_step: 1, ..PLAIN };
            let base = fill.base + (words - 1) * fill.word;
            let stage = Stage {
                taps: vec![Tap { row: 0, col: 0, word: words - 1 }],
                n_walk: NWalk::SAME,
                n_tiles: groups,
                weights: Weights::Tiles((0..groups * rows * cols).map(tile).collect()),
                fill: Some(Fill { base, word: fill.group, ..fill }),
                post,
                ..stage
            };
            self.push(stage, [0; 3]);
        }
    }

    /// The product of map `number` of the batch, whose weights lie in region `region`.
    fn by_w_sram(
        &mut self,
        i: usize,
        p: &Product,
        (first, a_zero, b_zero): (TensorId, i8, i8),
        (number, region): (usize, usize),
        post: PostSpec,
    ) -> Stage {
        let parts = p.times - 1;
        let beyond = -(p.maps as i32);
        let tap = |time: usize, word: usize| Tap { row: beyond * time as i32, col: 0, word };
        let taps: Vec<Tap> = (0..p.times).flat_map(|t| (0..p.k_tiles).map(move |w| tap(t, w))).collect();
        let loops = [Walk { count: p.k_tiles, x: 1, row: 0, col: 0 }, Walk { count: p.times, x: 0, row: beyond, col: 0 }];
        let over = if parts > 0 {
            Over { size: [p.maps, p.m], stride: [1, 1], origin: [number as i32, 0] }
        } else {
            Over { size: [1, p.maps * p.m], stride: [1, 1], origin: [0, (number * p.m) as i32] }
        };
        let (k_step, n_step) = p.steps();
        let acc = if taps.len() == 1 { usize::MAX } else { self.config.acc_depth as usize };
        let out = [1, p.m];
        Stage {
            layers: vec![i],
            kind: "matmul",
            input: Some(first),
            out,
            spread: (p.maps > 1).then_some(Spread { stride: [1, 1], origin: [number, 0], width: p.m }),
            over,
            k_loops: loops.into_iter().filter(|l| l.count > 1).collect(),
            taps,
            n_walk: NWalk::SAME,
            n_tiles: p.n_tiles,
            pad: (parts > 0).then(|| (-i32::from(a_zero) / parts as i32) as i8),
            blocks: tile::blocks(out, acc),
            weights: Weights::InRun { base: region * p.words(), k_step, n_step },
            w_zero: b_zero,
            post,
            macs: p.macs,
            ..self.diagonal(1, PLAIN)
        }
    }
}
