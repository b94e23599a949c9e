// SPDX-License-Identifier: Apache-2.0
//! Loops of instructions: the axes of a segment as counters of a descriptor.

use crate::stage::{Block, Meeting, Stage, Staged};
use crate::tile::{Axis, Segment};

/// A counter of a MATMUL descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The axis it is a part of.
    pub axis: Axis,
    /// Iterations.
    pub count: usize,
    /// Cycles from one iteration to the next.
    pub period: u64,
    /// X words.
    pub x: i64,
    /// Weight words.
    pub weights: usize,
    /// Accumulators.
    pub acc: usize,
    /// Rows (bounded index y).
    pub row: i32,
    /// Columns (bounded index x).
    pub col: i32,
}

/// The counters of a segment, innermost first, and how many of them share a weight word.
pub fn matmul(staged: &Staged, stage: &Stage, block: &Block, segment: &Segment) -> (Vec<Counter>, usize) {
    let pitch = stage.input.map_or(0, |t| staged.tensors[t].words as i64);
    let mut all: Vec<Counter> = Vec::with_capacity(8);
    let mut hold = 0;
    for (i, l) in segment.loops.iter().enumerate() {
        let one = Counter { axis: l.axis, count: l.count, period: l.period, x: 0, weights: l.weights, acc: 0, row: 0, col: 0 };
        match l.axis {
            Axis::M => {
                let [sy, sx] = stage.over.stride;
                let acc = usize::from(segment.acc_step > 0 || segment.k_count() > 1);
                let x = Counter { count: block.cols, x: sx as i64 * pitch, col: sx as i32, acc, ..one };
                let y = Counter {
                    count: block.rows,
                    period: one.period * block.cols as u64,
                    x: (sy * stage.over.size[1]) as i64 * pitch,
                    row: sy as i32,
                    acc: acc * block.cols,
                    ..one
                };
                let joins = stage.pad.is_none() && y.x == x.x * x.count as i64;
                if joins || y.count == 1 || x.count == 1 {
                    let inner = if x.count == 1 && y.count > 1 { y } else { x };
                    all.push(Counter { count: block.pixels(), ..inner });
                } else {
                    all.extend([x, y]);
                }
            }
            Axis::K if l.count == stage.k_tiles() && !stage.k_loops.is_empty() => {
                let mut within = 1;
                for w in &stage.k_loops {
                    let period = one.period * within as u64;
                    let weights = one.weights * within;
                    all.push(Counter { count: w.count, period, x: w.x, weights, row: w.row, col: w.col, ..one });
                    within *= w.count;
                }
            }
            Axis::K => {
                // A part of the k tiles: there is one loop over them at most.
                let part = stage.k_loops.first().map_or(one, |w| Counter { x: w.x, row: w.row, col: w.col, ..one });
                all.push(part);
            }
            Axis::N => {
                // Of shared weights a step is a word, not a tile.
                let walk = if segment.shared {
                    crate::stage::NWalk { inner: 1, step: 0, outer: usize::from(stage.input.is_some()) }
                } else {
                    stage.n_walk
                };
                let inner = Counter { x: walk.step as i64, acc: segment.acc_step, ..one };
                let outer = Counter { x: walk.outer as i64, acc: segment.acc_step, ..one };
                if walk.inner == 1 {
                    all.push(outer);
                } else if walk.inner >= l.count {
                    all.push(inner);
                } else {
                    all.push(Counter { count: walk.inner, ..inner });
                    all.push(Counter {
                        count: l.count / walk.inner,
                        period: one.period * walk.inner as u64,
                        weights: one.weights * walk.inner,
                        acc: segment.acc_step * walk.inner,
                        ..outer
                    });
                }
            }
            Axis::G => all.push(one),
        }
        if i + 1 == segment.hold {
            hold = all.len();
        }
    }
    (all, hold)
}

/// The counters of POST over a block, innermost first: iterations, and what destination, parameter word and
/// operand gain.
pub fn post(staged: &Staged, stage: &Stage, block: &Block, groups: usize) -> Vec<(usize, [usize; 3])> {
    let spec = &stage.post;
    let (pitch, each) = pitch(staged, stage, groups);
    let operand = |words: usize| if stage.operand.is_some() { words } else { 0 };
    let res_pitch = stage.operand.map_or(0, |t| staged.tensors[t].words * groups);
    let pixel = [pitch, spec.param_pixel, res_pitch];
    let mut all = vec![];
    if block.cols == stage.out[1] || block.rows == 1 {
        all.push((block.pixels(), pixel));
    } else {
        all.push((block.cols, pixel));
        all.push((block.rows, pixel.map(|p| p * stage.out[1])));
    }
    if stage.is_shared() {
        all.push((stage.n_tiles / groups, [each * groups, spec.param_step * groups, operand(groups)]));
        all.push((groups, [each, spec.param_step, operand(1)]));
    } else {
        all.push((stage.n_tiles, [each, spec.param_step, operand(1)]));
    }
    let some: Vec<_> = all.iter().copied().filter(|l| l.0 > 1).collect();
    if some.is_empty() { all[..1].to_vec() } else { some }
}

/// C-byte words of a pixel, and of a result, at the destination.
pub fn pitch(staged: &Staged, stage: &Stage, groups: usize) -> (usize, usize) {
    match stage.output {
        Some(t) => (staged.tensors[t].words * groups, 1),
        None => (staged.output.words, if stage.is_raw() { 4 } else { 1 }),
    }
}

/// Descriptor words of POST before its loops.
pub fn post_header(stage: &Stage) -> u64 {
    1 + u64::from(matches!(stage.post.meeting, Some(Meeting::Add(_) | Meeting::Max)))
}

/// What a loop of the lane engine runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LaneAxis {
    /// Kernel rows of a column.
    KernelRow,
    /// Columns of a stride.
    Column,
    /// Results of a row.
    Result,
    /// Rows of results.
    Line,
    /// C-byte words of a pixel.
    Tile,
}

/// A loop of the lane engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneLoop {
    /// Iterations.
    pub count: usize,
    /// What over.
    pub over: LaneAxis,
}

/// A stage of the lane engine as steps: kernel rows, columns of a stride, results, rows, C-byte words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneSteps {
    /// Kernel rows.
    pub rows: usize,
    /// Columns that go by for a result.
    pub stride: usize,
    /// Results of a row, those left out among them.
    pub results: usize,
    /// Results of each row that are left out.
    pub skip: usize,
    /// Rows of results.
    pub lines: usize,
    /// C-byte words of a pixel.
    pub tiles: usize,
    /// Column of the input that goes by first.
    pub first: i64,
}

impl LaneSteps {
    /// The steps of a kernel of `rows` by `cols` with output `out`, or `None` where a row would need more than three results
    /// left out.
    pub fn new([rows, cols]: [usize; 2], stride: usize, left: usize, out: [usize; 2], tiles: usize) -> Option<LaneSteps> {
        // The first window's columns have to go by, but for those in the padding.
        let lead = (cols as i64 - stride as i64 - left as i64).max(0) as usize;
        let skip = lead.div_ceil(stride);
        let first = cols as i64 - stride as i64 - left as i64 - (skip * stride) as i64;
        (skip <= 3).then_some(LaneSteps { rows, stride, results: out[1] + skip, skip, lines: out[0], tiles, first })
    }

    /// Those of a stage.
    pub fn of(stage: &Stage) -> Option<LaneSteps> {
        let left = -stage.over.origin[1] as usize;
        LaneSteps::new(stage.kernel, stage.over.stride[1], left, stage.out, stage.n_tiles).filter(|_| stage.is_lane())
    }

    /// Loops of the instruction, innermost first: iterations, and which masks name them (column, window, row).
    pub fn loops(&self) -> Vec<LaneLoop> {
        let all = [
            LaneLoop { count: self.rows, over: LaneAxis::KernelRow },
            LaneLoop { count: self.stride, over: LaneAxis::Column },
            LaneLoop { count: self.results, over: LaneAxis::Result },
            LaneLoop { count: self.lines, over: LaneAxis::Line },
            LaneLoop { count: self.tiles, over: LaneAxis::Tile },
        ];
        let some: Vec<LaneLoop> = all.into_iter().filter(|l| l.count > 1).collect();
        if some.is_empty() { all[..1].to_vec() } else { some }
    }

    /// Steps of a column's stretch that ends in a result.
    pub fn result(&self) -> u64 {
        (self.rows * self.stride) as u64
    }

    /// Steps of a row of results.
    pub fn line(&self) -> u64 {
        self.result() * self.results as u64
    }

    /// Steps of a C-byte word.
    pub fn tile(&self) -> u64 {
        self.line() * self.lines as u64
    }

    /// Steps in all.
    pub fn all(&self) -> u64 {
        self.tile() * self.tiles as u64
    }

    /// The step that ends a result.
    pub fn end(&self, tile: usize, line: usize, result: usize) -> u64 {
        self.tile() * tile as u64 + self.line() * line as u64 + self.result() * (self.skip + result + 1) as u64 - 1
    }
}
