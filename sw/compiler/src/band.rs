// SPDX-License-Identifier: Apache-2.0
//! Bands of rows: networks whose maps have no room in X as wholes.
//!
//! Some consecutive stages (a [`Run`]) are carried out band by band: each band makes some rows of the last map, and of every map
//! before it the rows that these need. Rows at the border of two bands are made twice. Maps that nothing else reads lie in X by
//! bands, and the next band takes their places; other ones are whole, and each band writes its rows there. All parts of a stage
//! have the same weights, parameters, tables and taps.
//!
//! [`lay`] looks for the runs and numbers of bands that take the fewest cycles; where everything fits as it is there are none.

mod cut;
mod rows;

pub use cut::cut;
pub use rows::{Plan, Reads, Rows, Run, plan, window_rows};

use crate::error::CompileError;
use crate::legalise::legalise_for_bands;
use crate::loops::LaneSteps;
use crate::place::{self, Placement};
use crate::schedule;
use crate::stage::{Stage, Staged};
use systole_isa::Config;
use systole_model::graph::Graph;

/// Stages before and behind those that do not fit at which a run may begin and end.
const AROUND: usize = 10;
/// Partial plans that are kept.
const WIDTH: usize = 64;
/// Plans whose timetables are compared, at most.
const COMPARED: usize = 8;
/// Plans that are placed, at most.
const PLACED: usize = 40;
/// Places that are looked at for one plan, above those that its tensors take.
const TRIES: usize = 300;

/// The network with a place for every tensor: as it is, or where that has no room in X, with runs of its stages in bands. A graph of
/// matrices is not cut: it can run with fewer rows at a time.
///
/// # Errors
/// [`CompileError::DoesNotFit`], with the words that the best plan in bands needs.
pub fn lay(graph: &Graph, staged: Staged, config: &Config) -> Result<(Staged, Placement), CompileError> {
    let error = match place::place(&staged, config) {
        Ok(placement) => return Ok((staged, placement)),
        Err(error) => error,
    };
    if graph.rows().is_some() {
        return Err(error);
    }
    let whole = legalise_for_bands(graph, config)?;
    let plans = plans(&whole, config);
    let mut least = None;
    let mut best: Option<(u64, Staged, Placement)> = None;
    let mut compared = 0;
    for runs in plans.iter().take(PLACED) {
        let Some(cut) = cut(&whole, runs, config) else { continue };
        let most = place::alive(&cut).into_iter().max().unwrap_or(0);
        least = Some(least.map_or(most, |l: usize| l.min(most)));
        if most > config.x_depth as usize {
            continue;
        }
        let Ok(placement) = place::place_within(&cut, config, cut.tensors.len() + TRIES) else { continue };
        let schedule = schedule::schedule(&cut, &placement, config);
        if schedule.fits {
            compared += 1;
            if best.as_ref().is_none_or(|b| schedule.end < b.0) {
                best = Some((schedule.end, cut, placement));
            }
        }
        if compared == COMPARED {
            break;
        }
    }
    match best {
        Some((_, staged, placement)) => Ok((staged, placement)),
        None => Err(with_bands(error, least)),
    }
}

/// Says what bands of rows would need.
fn with_bands(error: CompileError, least: Option<usize>) -> CompileError {
    let CompileError::DoesNotFit { what, needed, limit, config, help } = error else { return error };
    let bands = match least {
        Some(words) if words > limit => format!("in bands of rows the network needs {words} words"),
        Some(words) => format!("in bands of rows the network needs {words} words, but finds no places or no room in the timetable"),
        None => "its layers cannot run in bands of rows".into(),
    };
    CompileError::DoesNotFit { what, needed, limit, config, help: format!("{bands}; {help}") }
}

/// Cycles that stages take, about: steps of the array or of the lane engine, and some between stages.
fn cost(stages: &[Stage]) -> u64 {
    let steps = |s: &Stage| match LaneSteps::of(s) {
        Some(steps) => steps.all(),
        None => (s.pixels() * s.k_tiles() * s.n_tiles) as u64,
    };
    stages.iter().map(|s| steps(s) + 32).sum()
}

/// Stretches of stages at which more lives than there is room for, or at which most lives: first and last.
fn too_full(staged: &Staged, limit: usize) -> Vec<[usize; 2]> {
    let alive = place::alive(staged);
    let most = alive.iter().copied().max().unwrap_or(0);
    let limit = limit.min(most.saturating_sub(1));
    let mut all: Vec<[usize; 2]> = vec![];
    for (i, _) in alive.iter().enumerate().filter(|(_, words)| **words > limit) {
        match all.last_mut() {
            Some(last) if last[1] + 1 == i => last[1] = i,
            _ => all.push([i, i]),
        }
    }
    all
}

/// Numbers of bands that are tried.
fn numbers() -> impl Iterator<Item = usize> {
    (2..=8).chain((10..=16).step_by(2)).chain((20..=32).step_by(4)).chain((40..=128).step_by(8))
}

/// Runs that cover the stages `first` to `last`, with what they cost more than whole stages.
fn runs(staged: &Staged, [first, last]: [usize; 2], config: &Config) -> Vec<(u64, Run)> {
    let limit = config.x_depth as usize;
    let mut all = vec![];
    for begin in (first.saturating_sub(AROUND)..=first).rev() {
        for end in last + 1..=(last + 1 + AROUND).min(staged.stages.len()) {
            let mut good = 0;
            for bands in numbers() {
                let run = Run { first: begin, end, bands };
                let Some(cut) = cut(staged, &[run], config) else { break };
                let parts = begin..cut.stages.len() - (staged.stages.len() - end);
                let full = place::alive(&cut)[parts.clone()].iter().any(|&words| words > limit);
                if !full {
                    let more = cost(&cut.stages[parts]).saturating_sub(cost(&staged.stages[begin..end]));
                    all.push((more, run));
                    good += 1;
                }
                // More of them leave more room for places.
                if good == 3 {
                    break;
                }
            }
        }
    }
    all.sort_by_key(|(more, run)| (*more, run.bands, run.end - run.first));
    all
}

/// Plans that have room by their words, the cheapest first.
fn plans(staged: &Staged, config: &Config) -> Vec<Vec<Run>> {
    let mut all: Vec<(u64, Vec<Run>)> = vec![(0, vec![])];
    for full in too_full(staged, config.x_depth as usize) {
        let runs = runs(staged, full, config);
        let mut next = vec![];
        for (cost, plan) in all {
            let end = plan.last().map_or(0, |r: &Run| r.end);
            if plan.last().is_some_and(|r| r.first <= full[0] && full[1] < r.end) {
                next.push((cost, plan));
                continue;
            }
            for (more, run) in runs.iter().filter(|r| r.1.first >= end) {
                next.push((cost + more, [&plan[..], &[*run]].concat()));
            }
        }
        next.sort_by_key(|(cost, plan)| (*cost, plan.iter().map(|r| r.bands).sum::<usize>()));
        next.truncate(WIDTH);
        all = next;
    }
    all.into_iter().map(|p| p.1).collect()
}
