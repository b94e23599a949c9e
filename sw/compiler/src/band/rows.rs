// SPDX-License-Identifier: Apache-2.0
//! Which rows a band needs: from rows of a block's last map back to rows of everything before it.

use crate::stage::{Spread, Stage, Staged, TensorId};
use std::collections::HashMap;
use std::ops::Range;

/// Some rows of a map.
pub type Rows = Range<usize>;

/// Consecutive stages that run band by band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// First stage.
    pub first: usize,
    /// Stage behind the last.
    pub end: usize,
    /// Bands.
    pub bands: usize,
}

/// What a stage writes: a tensor, or OUT.
pub type Target = Option<TensorId>;

/// How the rows of a stage's input follow from its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// It reads nothing.
    Nothing,
    /// A window: row `y * stride + origin` is the first tap's, `reach` rows further the last one's, of `rows` rows.
    Window {
        /// Rows of the input for a row of the stage.
        stride: usize,
        /// Row of the first tap of the first row; negative above the map.
        origin: i64,
        /// Rows from the first tap to the last.
        reach: usize,
        /// Rows of the input.
        rows: usize,
    },
    /// Pixel by pixel, in raster order.
    Pixels,
    /// Each pixel as its block says.
    Gathered,
}

/// Rows of an input that rows of a window need, at least one: none but in padding is left out.
pub fn window_rows(own: &Rows, stride: usize, origin: i64, reach: usize, rows: usize) -> Rows {
    let inside = |row: i64| row.clamp(0, rows as i64 - 1) as usize;
    let first = (own.start * stride) as i64 + origin;
    let last = ((own.end - 1) * stride + reach) as i64 + origin;
    inside(first)..inside(last) + 1
}

/// Rows of a stage that lie in some rows of what it writes.
pub fn spread_rows(spread: &Spread, count: usize, rows: &Rows) -> Rows {
    let at = |row: usize| row.saturating_sub(spread.origin[0]).div_ceil(spread.stride[0]).min(count);
    at(rows.start)..at(rows.end)
}

/// The smallest range that has both.
pub fn hull(a: Option<Rows>, b: Rows) -> Rows {
    a.map_or(b.clone(), |a| a.start.min(b.start)..a.end.max(b.end))
}

/// Rows of width `to` that hold those of width `from`, of the same pixels.
fn rewidth(rows: &Rows, from: usize, to: usize) -> Rows {
    rows.start * from / to..(rows.end * from).div_ceil(to)
}

/// Rows and columns of what a stage writes.
pub fn target_size(staged: &Staged, target: Target) -> [usize; 2] {
    let (pixels, width) = target.map_or((staged.output.pixels, staged.output.width), |t| {
        let tensor = &staged.tensors[t];
        (tensor.pixels, tensor.width)
    });
    [pixels / width, width]
}

/// Whether a stage counts its output's pixels in one row.
pub fn is_flat(staged: &Staged, stage: &Stage) -> bool {
    stage.spread.is_none() && stage.out != target_size(staged, stage.output)
}

/// How a stage reads; `None` where it cannot run by rows.
pub fn reads(staged: &Staged, stage: &Stage) -> Option<Reads> {
    if stage.fill.is_some() || stage.is_in_run() || stage.is_rows() || stage.numbers.is_some() || stage.piece.is_some() {
        return None;
    }
    let [rows, width] = target_size(staged, stage.output);
    let flat = is_flat(staged, stage);
    if flat && (stage.out[0] != 1 || stage.out[1] * stage.wide != rows * width || width % stage.wide != 0) {
        return None;
    }
    if !flat && stage.wide != 1 {
        return None;
    }
    let Some(input) = stage.input.filter(|_| stage.over.size != [0, 0]) else { return Some(Reads::Nothing) };
    if stage.blocks.iter().any(|b| b.gather.is_some()) {
        return flat.then_some(Reads::Gathered);
    }
    let tensor = &staged.tensors[input];
    if flat {
        let pixels = stage.over.size == [1, tensor.pixels] && stage.over.stride == [1, 1] && stage.over.origin == [0, 0];
        let alone = stage.wide == 1 && stage.taps.iter().all(|t| (t.row, t.col) == (0, 0)) && stage.pad.is_none();
        return (pixels && alone).then_some(Reads::Pixels);
    }
    if stage.over.size != [tensor.rows(), tensor.width] {
        return None;
    }
    let (low, high) = if stage.is_lane() {
        (0, stage.kernel[0] as i64 - 1)
    } else {
        let row = |t: &crate::stage::Tap| i64::from(t.row);
        (stage.taps.iter().map(row).min()?, stage.taps.iter().map(row).max()?)
    };
    Some(Reads::Window {
        stride: stage.over.stride[0],
        origin: i64::from(stage.over.origin[0]) + low,
        reach: (high - low) as usize,
        rows: tensor.rows(),
    })
}

/// What one band of a run does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Rows of what each stage writes that this band makes; `None`: nothing.
    pub made: Vec<Option<Rows>>,
    /// Rows of a tensor of a band's own that this band has.
    pub held: HashMap<TensorId, Rows>,
}

/// What a run does, band by band.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The bands.
    pub steps: Vec<Step>,
    /// Tensors of which each band has some rows of its own; the others lie in X as a whole.
    pub own: Vec<TensorId>,
}

/// Rows of pixels that a stage with gathered blocks reads from `input`, for `pixels` of its own.
fn gathered_rows(staged: &Staged, stage: &Stage, pixels: &Rows, input: TensorId) -> Option<Rows> {
    let tensor = &staged.tensors[input];
    let (row, each) = ((tensor.words * tensor.width) as i64, stage.n_tiles as i64);
    let mut all: Option<Rows> = None;
    for b in &stage.blocks {
        let gather = b.gather?;
        let (from, to) = (b.col.max(pixels.start), (b.col + b.cols).min(pixels.end));
        if from < to {
            let word = |pixel: usize| gather.word as i64 + gather.step * (pixel - b.col) as i64;
            let (first, last) = (word(from).min(word(to - 1)), word(from).max(word(to - 1)));
            let end = ((last + each - 1) / row) as usize + 1;
            all = Some(hull(all, (first / row) as usize..end.min(tensor.rows())));
        }
    }
    all
}

/// Plans a run; `None` where one of its stages cannot run by rows, or where there are more bands than rows.
pub fn plan(staged: &Staged, run: &Run) -> Option<Plan> {
    let stages = &staged.stages[run.first..run.end];
    let all: Vec<Reads> = stages.iter().map(|s| reads(staged, s)).collect::<Option<_>>()?;
    let last = stages.last()?.output;
    let inside = |s: usize| (run.first..run.end).contains(&s);
    // What is made here and read here only, and the frame where only these stages read it, lives by bands.
    let own = |t: TensorId| {
        let read_inside = staged.stages.iter().enumerate().filter(|(_, s)| s.input == Some(t) || s.operand == Some(t));
        let mut readers = read_inside.map(|(i, _)| i).peekable();
        let made = staged.tensors[t].frame.is_some()
            || staged.stages.iter().enumerate().filter(|(_, s)| s.output == Some(t)).all(|(i, _)| inside(i));
        readers.peek().is_some() && readers.all(inside) && made && last != Some(t)
    };
    let own: Vec<TensorId> = (0..staged.tensors.len()).filter(|&t| own(t)).collect();
    let [total, _] = target_size(staged, last);
    if run.bands > total || run.bands < 2 {
        return None;
    }
    let mut done: HashMap<Target, usize> = HashMap::new();
    let mut steps = vec![];
    for band in 0..run.bands {
        let mut need: HashMap<Target, Rows> = HashMap::new();
        let mut to_make: HashMap<Target, Option<Rows>> = HashMap::new();
        let mut made = vec![None; stages.len()];
        for (i, stage) in stages.iter().enumerate().rev() {
            let target = stage.output;
            let rows = to_make
                .entry(target)
                .or_insert_with(|| {
                    if target.is_some_and(|t| own.contains(&t)) {
                        return need.get(&target).cloned();
                    }
                    let [size, _] = target_size(staged, target);
                    let start = done.get(&target).copied().unwrap_or(0);
                    let even = (band + 1) * size / run.bands;
                    let end = match need.get(&target) {
                        _ if band + 1 == run.bands => size,
                        Some(rows) if target != last => rows.end,
                        _ => even,
                    };
                    let end = end.max(start);
                    done.insert(target, end);
                    (start < end).then_some(start..end)
                })
                .clone();
            let Some(rows) = rows else { continue };
            let [_, width] = target_size(staged, target);
            let own_rows = stage.spread.as_ref().map_or(rows.clone(), |s| spread_rows(s, stage.out[0], &rows));
            if own_rows.is_empty() {
                continue;
            }
            if let Some(input) = stage.input {
                let width_in = staged.tensors[input].width;
                let rows_in = match all[i] {
                    Reads::Nothing => None,
                    Reads::Window { stride, origin, reach, rows } => Some(window_rows(&own_rows, stride, origin, reach, rows)),
                    Reads::Pixels => Some(rewidth(&rows, width, width_in)),
                    Reads::Gathered => {
                        let pixels = rows.start * width / stage.wide..rows.end * width / stage.wide;
                        Some(gathered_rows(staged, stage, &pixels, input)?)
                    }
                };
                if let Some(rows_in) = rows_in {
                    let known = need.remove(&Some(input));
                    need.insert(Some(input), hull(known, rows_in));
                }
            }
            if let Some(operand) = stage.operand {
                let tensor = &staged.tensors[operand];
                let rows_in = if tensor.pixels == 1 { 0..1 } else { rewidth(&rows, width, tensor.width) };
                let known = need.remove(&Some(operand));
                need.insert(Some(operand), hull(known, rows_in));
            }
            made[i] = Some(rows);
        }
        let held = own.iter().filter_map(|t| need.get(&Some(*t)).map(|rows| (*t, rows.clone()))).collect();
        steps.push(Step { made, held });
    }
    Some(Plan { steps, own })
}
