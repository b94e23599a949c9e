// SPDX-License-Identifier: Apache-2.0
//! Where tensors lie in X.
//!
//! A tensor lies pixel after pixel. Two that live at the same time do not overlap. A residual
//! operand must not share a sub-bank with the input of its stage, and should not share one with
//! what is read or written around it; the scheduler waits where it has to.

use crate::error::CompileError;
use crate::stage::{Source, Staged, TensorId};
use systole_isa::Config;

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
    /// By tensor.
    pub regions: Vec<Region>,
}

/// Stage in which a tensor begins to live; -1 before all of them.
fn born(graph: &Staged, t: TensorId) -> isize {
    match graph.tensors[t].source {
        // LOAD fills the unwritten groups before the first stage.
        Source::Stage(s) if !graph.tensors[t].fill => s as isize,
        _ => -1,
    }
}

fn alive_together(graph: &Staged, a: TensorId, b: TensorId) -> bool {
    born(graph, a) <= graph.tensors[b].last_use as isize && born(graph, b) <= graph.tensors[a].last_use as isize
}

/// How bad it is for `a` and `b` to share a sub-bank; `None` where it cannot be.
fn sharing(graph: &Staged, a: TensorId, b: TensorId) -> Option<usize> {
    let mut cost = 0;
    for (i, s) in graph.stages.iter().enumerate() {
        if s.is_lane() {
            // The array reads its results while it still reads.
            let (input, output) = (s.input, s.output);
            cost += 2 * usize::from((Some(a), Some(b)) == (input, output) || (Some(b), Some(a)) == (input, output));
        }
        let Some(operand) = s.operand else { continue };
        let other = if a == operand {
            b
        } else if b == operand {
            a
        } else {
            continue;
        };
        if Some(other) == s.input {
            return None;
        }
        // The next stages read while the last operands are still fetched.
        if Some(other) == s.output {
            cost += 4;
        } else if graph.stages.get(i + 2).is_some_and(|s| s.input == Some(other)) {
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

/// Places every tensor: in order of birth, each where it shares sub-banks with
/// the fewest others that it should not, lowest address first.
///
/// # Errors
/// [`CompileError::DoesNotFit`], naming the tensor.
pub fn place(graph: &Staged, config: &Config) -> Result<Placement, CompileError> {
    let mut regions: Vec<Option<Region>> = vec![None; graph.tensors.len()];
    let mut order: Vec<TensorId> = (0..graph.tensors.len()).collect();
    order.sort_by_key(|&t| (born(graph, t), t));
    let depth = config.x_bank_depth() as usize;
    for t in order {
        let words = graph.tensors[t].words * graph.tensors[t].pixels;
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
                    "X words for '{}' ({} pixels of {} channels) with what lives at the same time{}",
                    graph.tensors[t].name,
                    graph.tensors[t].pixels,
                    graph.tensors[t].channels,
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
    Ok(Placement { regions: regions.into_iter().flatten().collect() })
}
