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
use std::collections::{BTreeMap, HashMap};
use systole_isa::Config;
use systole_model::graph::Graph;

/// Stages before and behind those that do not fit at which a run may begin and end.
const AROUND: usize = 10;
/// Plans that are kept of those that go up to the same stage.
const WIDTH: usize = 12;
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
    let (plans, mut least) = plans(&whole, config);
    let mut best: Option<(u64, Staged, Placement)> = None;
    let mut compared = 0;
    for runs in plans.iter().take(PLACED) {
        let Some(cut) = cut(&whole, runs, config) else { continue };
        let most = place::alive(&cut).into_iter().max().unwrap_or(0);
        least = Some(least.map_or(most, |l| l.min(most)));
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
        Some(words) => {
            format!("in bands of rows the network needs {words} words, but finds no places or no room in the timetable")
        }
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

/// Stages that runs have to cover: all at which more lives than there is room for; or where that is none, any one of those at
/// which the tensor lives that found no place.
fn too_full(staged: &Staged, config: &Config) -> Vec<Vec<usize>> {
    let alive = place::alive(staged);
    let full: Vec<usize> = (0..alive.len()).filter(|&i| alive[i] > config.x_depth as usize).collect();
    if !full.is_empty() {
        return vec![full];
    }
    let tries = staged.tensors.len() + TRIES;
    let Some((t, _)) = place::place_within(staged, config, tries).err() else { return vec![vec![]] };
    let touches = |s: &Stage| [s.input, s.operand, s.output].contains(&Some(t));
    (0..alive.len()).filter(|&i| touches(&staged.stages[i])).map(|i| vec![i]).collect()
}

/// Numbers of bands that are tried for a map of so many rows.
fn numbers(rows: usize) -> impl Iterator<Item = usize> {
    let all = (2..=8).chain((10..=16).step_by(2)).chain((20..=32).step_by(4)).chain((40..=128).step_by(8));
    all.filter(move |&n| n < rows).chain((2..=128).contains(&rows).then_some(rows))
}

/// Runs over a stage, with what they cost more than whole stages, and the words that the fullest of all runs would need.
fn runs(staged: &Staged, full: usize, config: &Config) -> (Vec<(u64, Run)>, usize) {
    let limit = config.x_depth as usize;
    let (mut all, mut least) = (vec![], usize::MAX);
    for first in full.saturating_sub(AROUND)..=full {
        for end in full + 1..=(full + 1 + AROUND).min(staged.stages.len()) {
            let try_with = |bands: usize| {
                let run = Run { first, end, bands };
                let cut = cut(staged, &[run], config)?;
                let parts = first..cut.stages.len() - (staged.stages.len() - end);
                let most = place::alive(&cut)[parts.clone()].iter().copied().max().unwrap_or(0);
                let more = cost(&cut.stages[parts]).saturating_sub(cost(&staged.stages[first..end]));
                Some((most, more, run))
            };
            let [rows, _] = rows::target_size(staged, staged.stages[end - 1].output);
            // With the most bands the least lives.
            let Some((most, ..)) = numbers(rows).last().and_then(try_with) else { continue };
            least = least.min(most);
            if most > limit {
                continue;
            }
            let fitting = numbers(rows).filter_map(try_with).filter(|t| t.0 <= limit);
            // More of them than are needed leave more room for places.
            all.extend(fitting.take(3).map(|(_, more, run)| (more, run)));
        }
    }
    (all, least)
}

/// Plans that have room by their words, the cheapest first; where there are none, the words that would be needed.
fn plans(staged: &Staged, config: &Config) -> (Vec<Vec<Run>>, Option<usize>) {
    let (mut done, mut needed) = (vec![], None);
    for full in too_full(staged, config) {
        let (plans, least) = plans_over(staged, &full, config);
        done.extend(plans);
        needed = needed.max(least);
    }
    done.sort_by_key(|(cost, plan)| (*cost, plan.iter().map(|r| r.bands).sum::<usize>()));
    done.dedup();
    (done.into_iter().map(|p| p.1).collect(), needed)
}

/// Those over some stages, with what they cost more than whole ones.
fn plans_over(staged: &Staged, full: &[usize], config: &Config) -> (Vec<(u64, Vec<Run>)>, Option<usize>) {
    // By the stage up to which a plan goes, the cheapest ones.
    let mut open: BTreeMap<usize, Vec<(u64, Vec<Run>)>> = BTreeMap::from([(0, vec![(0, vec![])])]);
    let (mut done, mut needed): (Vec<(u64, Vec<Run>)>, Option<usize>) = (vec![], None);
    let mut known: HashMap<usize, Vec<(u64, Run)>> = HashMap::new();
    while let Some((at, mut partial)) = open.pop_first() {
        let bands = |plan: &[Run]| plan.iter().map(|r| r.bands).sum::<usize>();
        partial.sort_by_key(|(cost, plan)| (*cost, bands(plan)));
        partial.truncate(WIDTH);
        let Some(&stage) = full.iter().find(|&&s| s >= at) else {
            done.extend(partial);
            continue;
        };
        let runs = known.entry(stage).or_insert_with(|| {
            let (runs, least) = runs(staged, stage, config);
            if runs.is_empty() {
                needed = needed.max(Some(least));
            }
            runs
        });
        for (more, run) in runs.iter().filter(|r| r.1.first >= at) {
            let extended = partial.iter().map(|(cost, plan)| (cost + more, [&plan[..], &[*run]].concat()));
            open.entry(run.end).or_default().extend(extended);
        }
    }
    (done, needed.filter(|&n| n < usize::MAX))
}
