// SPDX-License-Identifier: Apache-2.0
//! Where tensors lie in X.
//!
//! A tensor lies pixel after pixel. Two that live at the same time do not overlap. A residual
//! operand must not share a sub-bank with the input of its stage, and should not share one with
//! what is read or written around it; the scheduler waits where it has to.

use crate::error::CompileError;
use crate::stage::{Source, Staged, TensorId};
use std::collections::BTreeSet;
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
        _ if graph.tensors[t].loaded > 0 => graph.tensors[t].loaded as isize,
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
        // The vector unit's comes in by the array, behind its input.
        let Some(operand) = s.operand.filter(|_| s.numbers.is_none()) else { continue };
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
    // What is loaded while stages run should not lie where they write.
    let meets = |a: TensorId, b: TensorId| {
        let (a, by) = (&graph.tensors[a], graph.tensors[b].source);
        a.loaded > 0 && a.source == Source::Input && matches!(by, Source::Stage(s) if (a.loaded..=a.last_use).contains(&s))
    };
    cost += 2 * usize::from(meets(a, b) || meets(b, a));
    Some(cost)
}

/// The operand whose words a tensor may take: POST reads each word of it some cycles before it writes the sum there, where
/// nothing reads it later.
fn replaced(graph: &Staged, t: TensorId) -> Option<TensorId> {
    let Source::Stage(s) = graph.tensors[t].source else { return None };
    let operand = graph.stages[s].operand.filter(|_| graph.stages[s].numbers.is_none())?;
    let size = |t: TensorId| (graph.tensors[t].words, graph.tensors[t].pixels);
    let stage = &graph.stages[s];
    let alike = size(operand) == size(t) && stage.output_at() == stage.operand_at();
    (graph.tensors[operand].last_use == s && !graph.tensors[t].fill && alike).then_some(operand)
}

fn banks(base: usize, words: usize, config: &Config) -> u32 {
    let depth = config.x_bank_depth() as usize;
    (base / depth..=(base + words - 1) / depth).fold(0, |mask, b| mask | 1 << b)
}

/// Why a tensor found no place: too many words live, or, with sub-banks that an operand must not share, no stretch is
/// long enough.
fn no_room(graph: &Staged, config: &Config, t: TensorId, placed: &[(TensorId, Region)]) -> CompileError {
    let tensor = &graph.tensors[t];
    let (words, depth, all) = (tensor.words * tensor.pixels, config.x_bank_depth() as usize, config.x_depth as usize);
    let alive: Vec<&(TensorId, Region)> = placed.iter().filter(|p| alive_together(graph, p.0, t)).collect();
    let needed = words + alive.iter().map(|p| p.1.words).sum::<usize>();
    let what = format!("X words for '{}' ({} pixels of {} channels)", tensor.name, tensor.pixels, tensor.channels);
    let help = "use fewer rows in a run or a larger configuration".to_string();
    if needed > all {
        let what = format!("{what} with what lives at the same time");
        return CompileError::DoesNotFit { what, needed, limit: all, config: config.label(), help };
    }
    // Words that are free and may be used, from the first on.
    let mut usable = vec![true; all];
    for (other, r) in placed {
        if alive_together(graph, *other, t) {
            usable[r.base..r.base + r.words].fill(false);
        }
        if sharing(graph, *other, t).is_none() {
            let banks = (0..config.x_banks as usize).filter(|b| r.banks >> b & 1 == 1);
            banks.for_each(|b| usable[b * depth..(b + 1) * depth].fill(false));
        }
    }
    let longest = usable.split(|free| !free).map(<[bool]>::len).max().unwrap_or(0);
    let what = format!(
        "{what} in one stretch beside what lives at the same time; a residual operand shares no sub-bank of {depth} words with the \
         input of its stage, and the longest stretch that is left"
    );
    CompileError::DoesNotFit { what, needed: words, limit: longest, config: config.label(), help }
}

/// Places that are looked at before a network is given up.
const TRIES: usize = 20_000;

/// The search for places.
struct Search<'a> {
    graph: &'a Staged,
    config: &'a Config,
    order: Vec<TensorId>,
    /// [`sharing`] of each two tensors.
    sharing: Vec<Option<usize>>,
    regions: Vec<Option<Region>>,
    tries: usize,
    /// The first tensor without a place, and why it had none.
    failure: Option<(TensorId, CompileError)>,
}

impl Search<'_> {
    fn sharing(&self, a: TensorId, b: TensorId) -> Option<usize> {
        self.sharing[a * self.regions.len() + b]
    }

    fn placed(&self) -> Vec<(TensorId, Region)> {
        self.regions.iter().enumerate().filter_map(|(i, r)| r.map(|r| (i, r))).collect()
    }

    /// Where a tensor can lie, best first: where it shares sub-banks with the fewest others that it should not, in the
    /// fewest sub-banks, lowest address first; behind the others and at the beginnings of sub-banks before what lies ahead of
    /// others and at ends.
    fn candidates(&self, t: TensorId, placed: &[(TensorId, Region)]) -> Vec<Region> {
        let (graph, config) = (self.graph, self.config);
        let depth = config.x_bank_depth() as usize;
        let words = graph.tensors[t].words * graph.tensors[t].pixels;
        let alive: Vec<Region> = placed.iter().filter(|p| alive_together(graph, p.0, t)).map(|p| p.1).collect();
        let taken = replaced(graph, t).and_then(|operand| self.regions[operand]);
        let free = |base: usize| {
            let clear = |r: &Region| base + words <= r.base || r.base + r.words <= base || taken == Some(*r) && r.base == base;
            base + words <= config.x_depth as usize && alive.iter().all(clear)
        };
        let cost = |region: &Region| {
            let shared = placed.iter().filter(|p| p.1.banks & region.banks != 0);
            shared.map(|p| self.sharing(p.0, t)).try_fold(0, |sum, cost| cost.map(|c| sum + c))
        };
        let bank_ends = (1..=config.x_banks as usize).map(|b| b * depth);
        let begins =
            bank_ends.clone().map(|end| end - depth).chain(alive.iter().map(|r| r.base + r.words)).chain(taken.map(|r| r.base));
        let ends = bank_ends.chain(alive.iter().map(|r| r.base)).filter_map(|end| end.checked_sub(words));
        let mut found: Vec<(bool, usize, u32, usize, Region)> = begins
            .map(|base| (false, base))
            .chain(ends.map(|base| (true, base)))
            .filter(|&(_, base)| free(base))
            .filter_map(|(late, base)| {
                let region = Region { base, words, banks: banks(base, words, config) };
                Some((late, cost(&region)?, region.banks.count_ones(), base, region))
            })
            .collect();
        found.sort_by_key(|c| (c.0, c.1, c.2, c.3));
        found.dedup_by_key(|c| c.3);
        found.into_iter().map(|c| c.4).collect()
    }

    /// Places the tensors from number `n` of the order on. Where one finds no place, the latest of those that are in its way
    /// moves on: `Err` has all that are.
    fn place(&mut self, n: usize) -> Result<(), BTreeSet<TensorId>> {
        let Some(&t) = self.order.get(n) else { return Ok(()) };
        let placed = self.placed();
        let mut in_the_way = BTreeSet::new();
        for region in self.candidates(t, &placed) {
            if self.tries == 0 {
                break;
            }
            self.tries -= 1;
            self.regions[t] = Some(region);
            match self.place(n + 1) {
                Ok(()) => return Ok(()),
                Err(others) => {
                    self.regions[t] = None;
                    if !others.contains(&t) {
                        return Err(others);
                    }
                    in_the_way.extend(others.into_iter().filter(|&o| o != t));
                }
            }
        }
        if self.failure.is_none() {
            self.failure = Some((t, no_room(self.graph, self.config, t, &placed)));
        }
        let matters = |o: TensorId| alive_together(self.graph, o, t) || self.sharing(o, t).is_none();
        in_the_way.extend(placed.iter().map(|p| p.0).filter(|&o| matters(o)));
        Err(in_the_way)
    }
}

/// Places every tensor: in order of birth, each in its best place, or where that leaves a later one none, in the next.
///
/// # Errors
/// [`CompileError::DoesNotFit`], naming the first tensor that found no place.
pub fn place(graph: &Staged, config: &Config) -> Result<Placement, CompileError> {
    place_within(graph, config, TRIES).map_err(|(_, error)| error)
}

/// The same, giving up after so many places.
///
/// # Errors
/// As [`place`], with the tensor.
pub fn place_within(graph: &Staged, config: &Config, tries: usize) -> Result<Placement, (TensorId, CompileError)> {
    let count = graph.tensors.len();
    let mut order: Vec<TensorId> = (0..count).collect();
    order.sort_by_key(|&t| (born(graph, t), t));
    let pairs = (0..count).flat_map(|a| (0..count).map(move |b| (a, b)));
    let sharing = pairs.map(|(a, b)| sharing(graph, a, b)).collect();
    let regions = vec![None; count];
    let mut search = Search { graph, config, order, sharing, regions, tries, failure: None };
    match (search.place(0), search.failure) {
        (Err(_), Some(failure)) => Err(failure),
        _ => Ok(Placement { regions: search.regions.into_iter().flatten().collect() }),
    }
}

/// X words that live at each stage, whatever their places.
pub fn alive(graph: &Staged) -> Vec<usize> {
    let mut change = vec![0isize; graph.stages.len() + 1];
    for (t, tensor) in graph.tensors.iter().enumerate() {
        let words = (tensor.words * tensor.pixels) as isize;
        change[born(graph, t).max(0) as usize] += words;
        change[tensor.last_use + 1] -= words;
    }
    let sum = |sum: &mut isize, c: &isize| {
        *sum += c;
        Some(*sum as usize)
    };
    change[..graph.stages.len()].iter().scan(0, sum).collect()
}
