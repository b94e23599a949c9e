// SPDX-License-Identifier: Apache-2.0
//! Loops of instructions: the axes of a segment as counters of a descriptor.

use crate::stage::{Block, Stage, Staged};
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
                let step = block.gather.map_or(sx as i64 * pitch, |g| g.step);
                let x = Counter { count: block.cols, x: step, col: sx as i32, acc, ..one };
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
    if let Some(fill) = &stage.fill {
        let tiles = if stage.is_shared() { stage.n_tiles / groups } else { stage.n_tiles };
        let mut all = vec![(block.cols, [fill.pixel, 0, 0]), (block.rows, [fill.row, 0, 0]), (tiles, [fill.word, 0, 0])];
        if stage.is_shared() {
            all.push((groups, [fill.group, 0, 0]));
        } else {
            all[2].1[1] = spec.param_step;
        }
        return looping(all);
    }
    let (pitch, each) = pitch(staged, stage, groups);
    let operand = |words: usize| if stage.operand.is_some() { words } else { 0 };
    let res_pitch = operand_pitch(staged, stage, groups);
    let pixel = [pitch, spec.param_pixel, res_pitch];
    let mut all = vec![];
    if let Some(s) = &stage.spread {
        // Neither a second operand nor parameters by pixel come with it.
        all.push((block.cols, [pitch * s.stride[1], 0, 0]));
        all.push((block.rows, [pitch * s.stride[0] * s.width, 0, 0]));
    } else if block.cols == stage.out[1] || block.rows == 1 {
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
    looping(all)
}

/// Those that loop, or one that does not.
fn looping(all: Vec<(usize, [usize; 3])>) -> Vec<(usize, [usize; 3])> {
    let some: Vec<_> = all.iter().copied().filter(|l| l.0 > 1).collect();
    if some.is_empty() { all[..1].to_vec() } else { some }
}

/// C-byte words from a pixel of the operand to the next: none where one pixel meets all.
pub fn operand_pitch(staged: &Staged, stage: &Stage, groups: usize) -> usize {
    let tensor = stage.operand.map(|t| &staged.tensors[t]);
    tensor.filter(|t| t.pixels > 1).map_or(0, |t| t.words * groups)
}

/// C-byte words of a pixel, and of a result, at the destination.
pub fn pitch(staged: &Staged, stage: &Stage, groups: usize) -> (usize, usize) {
    match stage.output {
        Some(t) => (staged.tensors[t].words * groups * stage.wide, 1),
        None => (staged.output.words * stage.wide, if stage.is_raw() { 4 } else { 1 }),
    }
}

/// Descriptor words of POST before its loops.
pub fn post_header(stage: &Stage) -> u64 {
    1 + u64::from(stage.post.meeting.is_some())
}

/// What a loop of the lane engine runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LaneAxis {
    /// Columns between results.
    Column,
    /// Results of a line.
    Result,
    /// Lines between lines of results.
    Line,
    /// Lines of results.
    ResultLine,
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

/// A stage of the lane engine as steps: every pixel of every line goes by once, and what lies between results too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneSteps {
    /// Lines and columns from a result to the next.
    pub stride: [usize; 2],
    /// Lines of results and results of a line, those left out among them.
    pub results: [usize; 2],
    /// Of these left out.
    pub skip: [usize; 2],
    /// C-byte words of a pixel.
    pub tiles: usize,
    /// Line and column of the input that go by first.
    pub first: [i64; 2],
}

impl LaneSteps {
    /// The steps of a window with output `out` whose first place is `origin`, or `None` where more than three results would have to be
    /// left out.
    pub fn new(kernel: [usize; 2], stride: [usize; 2], origin: [i32; 2], out: [usize; 2], tiles: usize) -> Option<LaneSteps> {
        let (mut results, mut skip, mut first) = ([0; 2], [0; 2], [0; 2]);
        for d in 0..2 {
            // What the first window meets has to go by, but for what lies in the padding.
            let (origin, lead) = (i64::from(origin[d]), kernel[d] as i64 - stride[d] as i64);
            skip[d] = ((lead + origin.min(0)).max(0) as usize).div_ceil(stride[d]);
            results[d] = out[d] + skip[d];
            first[d] = lead + origin - (skip[d] * stride[d]) as i64;
        }
        (skip[0] <= 3 && skip[1] <= 3).then_some(LaneSteps { stride, results, skip, tiles, first })
    }

    /// Those of a stage.
    pub fn of(stage: &Stage) -> Option<LaneSteps> {
        LaneSteps::new(stage.kernel, stage.over.stride, stage.over.origin, stage.out, stage.n_tiles).filter(|_| stage.is_lane())
    }

    /// Loops of the instruction, innermost first.
    pub fn loops(&self) -> Vec<LaneLoop> {
        let all = [
            LaneLoop { count: self.stride[1], over: LaneAxis::Column },
            LaneLoop { count: self.results[1], over: LaneAxis::Result },
            LaneLoop { count: self.stride[0], over: LaneAxis::Line },
            LaneLoop { count: self.results[0], over: LaneAxis::ResultLine },
            LaneLoop { count: self.tiles, over: LaneAxis::Tile },
        ];
        let some: Vec<LaneLoop> = all.into_iter().filter(|l| l.count > 1).collect();
        if some.is_empty() { all[..1].to_vec() } else { some }
    }

    /// Columns of a line.
    pub fn line(&self) -> u64 {
        (self.stride[1] * self.results[1]) as u64
    }

    /// Lines of a C-byte word.
    pub fn lines(&self) -> usize {
        self.stride[0] * self.results[0]
    }

    /// Steps of a C-byte word.
    pub fn tile(&self) -> u64 {
        self.line() * self.lines() as u64
    }

    /// Steps in all.
    pub fn all(&self) -> u64 {
        self.tile() * self.tiles as u64
    }

    /// The step that ends a result.
    pub fn end(&self, tile: usize, line: usize, result: usize) -> u64 {
        let lines = (self.stride[0] * (self.skip[0] + line + 1) - 1) as u64;
        self.tile() * tile as u64 + self.line() * lines + (self.stride[1] * (self.skip[1] + result + 1) - 1) as u64
    }
}
