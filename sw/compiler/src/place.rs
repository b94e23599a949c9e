// SPDX-License-Identifier: Apache-2.0
//! Where tensors lie in X.
//!
//! A tensor lies row after row. Two that live at the same time do not overlap. A residual
//! operand must not share a sub-bank with the input of its stage, and should not share one with
//! what is read or written around it; the scheduler waits where it has to.

use crate::error::CompileError;
use crate::legalise::{Graph, Kind, Source, TensorId};
use crate::tile::blocks;
use systole_isa::{Config, PostDest};

/// A place in X.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First X word.
    pub base: usize,
    /// X words.
    pub words: usize,
    /// Bit b: it has words in sub-bank b.
    pub banks: u32,
}

/// The place of every tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Rows M.
    pub rows: usize,
    /// By tensor.
    pub regions: Vec<Region>,
}

/// Stage in which a tensor begins to live; -1 before all of them.
fn born(graph: &Graph, t: TensorId) -> isize {
    match graph.tensors[t].source {
        // LOAD fills the unwritten groups before the first stage.
        Source::Stage(s) if !graph.tensors[t].fill => s as isize,
        _ => -1,
    }
}

fn alive_together(graph: &Graph, a: TensorId, b: TensorId) -> bool {
    born(graph, a) <= graph.tensors[b].last_use as isize && born(graph, b) <= graph.tensors[a].last_use as isize
}

/// How bad it is for `a` and `b` to share a sub-bank; `None` where it cannot be.
fn sharing(graph: &Graph, a: TensorId, b: TensorId) -> Option<usize> {
    let mut cost = 0;
    for (i, s) in graph.stages.iter().enumerate() {
        let Some(operand) = s.operand else { continue };
        let other = if a == operand {
            b
        } else if b == operand {
            a
        } else {
            continue;
        };
        if other == s.input {
            return None;
        }
        // The next stages read while the last operands are still fetched.
        if Some(other) == s.output {
            cost += 4;
        } else if graph.stages.get(i + 2).is_some_and(|s| s.input == other) {
            cost += 1;
        }
    }
    // LOAD and POST share a sub-bank's write port.
    let loaded = |t: TensorId| graph.tensors[t].source == Source::Input;
    let early = |t: TensorId| graph.tensors[t].source == Source::Stage(0);
    if loaded(a) && early(b) || loaded(b) && early(a) {
        cost += 2;
    }
    Some(cost)
}

fn banks(base: usize, words: usize, config: &Config) -> u32 {
    let depth = config.x_bank_depth() as usize;
    (base / depth..=(base + words - 1) / depth).fold(0, |mask, b| mask | 1 << b)
}

/// Places every tensor for `rows` rows: in order of birth, each where it shares sub-banks with
/// the fewest others that it should not, lowest address first.
///
/// # Errors
/// [`CompileError::DoesNotFit`], naming the tensor.
pub fn place(graph: &Graph, config: &Config, rows: usize) -> Result<Placement, CompileError> {
    let mut regions: Vec<Option<Region>> = vec![None; graph.tensors.len()];
    let mut order: Vec<TensorId> = (0..graph.tensors.len()).collect();
    order.sort_by_key(|&t| (born(graph, t), t));
    let depth = config.x_bank_depth() as usize;
    for t in order {
        let words = graph.tensors[t].words * rows;
        let placed: Vec<(TensorId, Region)> = regions.iter().enumerate().filter_map(|(i, r)| r.map(|r| (i, r))).collect();
        let alive: Vec<Region> = placed.iter().filter(|p| alive_together(graph, p.0, t)).map(|p| p.1).collect();
        let starts = (0..config.x_banks as usize).map(|b| b * depth).chain(alive.iter().map(|r| r.base + r.words));
        let free = |base: usize| {
            base + words <= config.x_depth as usize && alive.iter().all(|r| base + words <= r.base || r.base + r.words <= base)
        };
        let best = starts
            .filter(|&base| free(base))
            .filter_map(|base| {
                let region = Region { base, words, banks: banks(base, words, config) };
                let cost = placed
                    .iter()
                    .filter(|p| p.1.banks & region.banks != 0)
                    .try_fold(0, |sum, p| sharing(graph, p.0, t).map(|c| sum + c))?;
                Some((cost, region.banks.count_ones(), base, region))
            })
            .min_by_key(|c| (c.0, c.1, c.2));
        let Some((_, _, _, region)) = best else {
            let apart = graph.stages.iter().any(|s| s.operand.is_some());
            return Err(CompileError::DoesNotFit {
                what: format!(
                    "X words of activation tensor {t} ({rows} x {} bytes) with what lives at the same time{}",
                    graph.tensors[t].cols,
                    if apart { ", residual operands in sub-banks of their own" } else { "" }
                ),
                needed: words + alive.iter().map(|r| r.words).sum::<usize>(),
                limit: config.x_depth as usize,
                config: config.label(),
                help: "use fewer rows in a run or a larger configuration".into(),
            });
        };
        regions[t] = Some(region);
    }
    Ok(Placement { rows, regions: regions.into_iter().flatten().collect() })
}

/// Whether so many rows fit X, and their row blocks timetable and descriptors in the plainest order.
fn fits(graph: &Graph, config: &Config, rows: usize) -> bool {
    let blocks = blocks(rows, config).len();
    let (mut instructions, mut words) = (0, 0);
    for s in &graph.stages {
        // MATMUL with three loops, POST with two (a copy: three).
        instructions += 2 * blocks;
        words += blocks * (4 + 3 + usize::from(s.operand.is_some() || s.kind == Kind::Copy));
    }
    for t in &graph.tensors {
        let loads = if t.source == Source::Input { blocks } else { usize::from(t.fill) };
        instructions += loads;
        words += 4 * loads;
    }
    instructions < config.timetable_depth as usize && words <= config.desc_depth as usize && place(graph, config, rows).is_ok()
}

/// The most rows that fit IN, OUT, X and the loop counters.
///
/// # Errors
/// [`CompileError::DoesNotFit`] where one row does not.
pub fn max_rows(graph: &Graph, config: &Config) -> Result<usize, CompileError> {
    let cols = config.cols as usize;
    let in_bytes = config.in_depth as usize * cols;
    // The last LOAD step of the last row must begin inside the buffer, padding groups included.
    let last_step = (graph.tensors[0].words * config.groups() as usize - 1) * cols;
    let in_rows = if graph.in_cols > in_bytes || last_step >= in_bytes {
        0
    } else {
        (in_bytes / graph.in_cols).min((in_bytes - 1 - last_step) / graph.in_cols + 1)
    };
    let out_rows = config.out_depth as usize / graph.out_words;
    let raw = graph.stages.last().is_some_and(|s| s.post.dest == PostDest::OutRaw32);
    let out = if raw { "OUT buffer words of one row of int32" } else { "OUT buffer words of one row of int8" };
    for (what, needed, limit, fit) in [
        ("IN buffer bytes of one row", graph.in_cols, in_bytes, in_rows),
        (out, graph.out_words, config.out_depth as usize, out_rows),
    ] {
        if fit == 0 {
            return Err(CompileError::DoesNotFit {
                what: what.into(),
                needed,
                limit,
                config: config.label(),
                help: "split the columns over several networks or use a larger configuration".into(),
            });
        }
    }
    place(graph, config, 1)?;
    // The largest by bisection; a loop counts to 2^14.
    let (mut good, mut bad) = (1, in_rows.min(out_rows).min(1 << 14) + 1);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if fits(graph, config, middle) { good = middle } else { bad = middle }
    }
    Ok(good)
}
