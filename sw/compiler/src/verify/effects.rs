// SPDX-License-Identifier: Apache-2.0
//! What a timetable does, for those who look at it: the cycles of each row's effects, what it reads, and what lies where for how long.
//!
//! These are the accesses that the checker looks at, gathered by row.

use super::events::{Accesses, Take, Units, Vector, Written};
use super::{Checker, Report, Sizes, VerifyError};
use std::collections::BTreeMap;
use systole_isa::{Config, Instruction, Latency, Program, Unit};

/// What one row does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Number of the row in the program.
    pub row: usize,
    /// Its unit.
    pub unit: Unit,
    /// Cycle of its first effect: the unit's first step; of what waits for sums, the first that it takes.
    pub first: u64,
    /// Cycle of its last effect: the last write; of MATMUL the cycle in which the last sum stands below the array.
    pub last: u64,
    /// Vectors that it sends through the array.
    pub steps: u64,
    /// Weight words of R x C bytes that it loads into the array.
    pub weights: u64,
    /// X words of R bytes that ripple into the array.
    pub x_words: u64,
    /// Words of C bytes that it reads flat from X.
    pub flat_words: u64,
}

/// A memory that a picture shows over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// X, by X words.
    X,
    /// W SRAM, by weight words.
    WSram,
    /// RRAM, by weight words. It keeps its content: cycles are those in which it is read.
    Rram,
}

/// Words that belong together, and the cycles in which they are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The memory.
    pub store: Store,
    /// A row that writes them, or of RRAM reads them; `None`: they were there before the run.
    pub row: Option<usize>,
    /// First word.
    pub base: u32,
    /// Words.
    pub words: u32,
    /// Cycle of the first write (of RRAM: read).
    pub from: u64,
    /// Cycle of the last read, or of the last write where nothing reads them.
    pub to: u64,
}

/// Everything that a run does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// By row, in order, without WAIT.
    pub rows: Vec<Effect>,
    /// By memory and first word.
    pub lives: Vec<Life>,
    /// Cycle of END.
    pub end: u64,
}

/// The effects of `program` at the position `pos` (0 where it does not depend on one). `group` says of a row what its words
/// belong to: those of one group, memory and neighbourhood are one [`Life`].
///
/// # Errors
/// [`VerifyError`] where the program cannot be expanded: rows that are out of order or do not encode, too many steps.
pub fn effects(
    program: &Program,
    config: &Config,
    sizes: &Sizes,
    pos: u32,
    group: &dyn Fn(usize) -> usize,
) -> Result<Effects, VerifyError> {
    let mut c = Checker { config, lat: Latency::of(config), sizes, report: Report::default(), pos: (pos, pos) };
    let lenc = pos / config.cols;
    if !c.rows(program, lenc) {
        c.report.finish()?;
        return Ok(Effects::default());
    }
    let timed = program.rows.iter().enumerate().filter(|(_, r)| !matches!(r.instruction, Instruction::Wait(_)));
    let numbers: Vec<usize> = timed.map(|(row, _)| row).collect();
    let at = program.at(lenc);
    let units = c.units(&at, &numbers);
    let vectors = c.array(&units.matmuls);
    let mut a = c.load_and_store(&units);
    let lanes = c.lanes(&units.lanes, &mut a);
    let takes = c.takes(&vectors, lanes);
    let (results, taken) = c.results(&units, &takes);
    c.add_results(&results, &mut a);
    // A VECTOR that waits for sums begins with the first one it takes.
    let mut first_take: BTreeMap<usize, u64> = BTreeMap::new();
    let mut note = |row: usize, cycle: u64| {
        let first = first_take.entry(row).or_insert(cycle);
        *first = cycle.min(*first);
    };
    taken.iter().for_each(|t| note(units.vectors[t.index].row, t.take.cycle));
    results.iter().for_each(|r| note(r.row, r.take));
    c.vectors(&units.vectors, taken, &mut a);
    c.scalars(&units.scalars, &mut a);
    let rows = c.by_row(&at, &numbers, &units, (&vectors, &takes, &results, &a), &first_take);
    let lives = c.lives(&vectors, &a, group);
    Ok(Effects { rows, lives, end: units.end })
}

type Seen<'a> = (&'a [Vector], &'a [Take], &'a [Written], &'a Accesses);

impl Checker<'_> {
    fn by_row(
        &self,
        program: &Program,
        numbers: &[usize],
        units: &Units,
        (vectors, takes, results, a): Seen,
        first_take: &BTreeMap<usize, u64>,
    ) -> Vec<Effect> {
        let mut all: BTreeMap<usize, Effect> = BTreeMap::new();
        for (&row, r) in numbers.iter().zip(&program.rows) {
            let step = match &r.instruction {
                Instruction::End => r.cycle,
                i => self.lat.first_step(r.cycle, i.words()),
            };
            let unit = r.instruction.unit();
            let first = first_take.get(&row).copied().unwrap_or(step);
            all.insert(row, Effect { row, unit, first, last: first, steps: 0, weights: 0, x_words: 0, flat_words: 0 });
        }
        let mut last = |row: usize, cycle: u64| {
            if let Some(e) = all.get_mut(&row) {
                e.last = e.last.max(cycle);
            }
        };
        let (rows, take) = (u64::from(self.config.rows), u64::from(self.lat.post_take));
        vectors.iter().for_each(|v| last(v.row, v.t + take));
        takes.iter().for_each(|t| last(t.row, t.cycle));
        results.iter().for_each(|r| last(r.row, r.cycle));
        a.x_writes.iter().for_each(|w| last(w.row, w.cycle));
        a.w_writes.iter().for_each(|w| last(w.row, w.cycle));
        a.outs.iter().for_each(|w| last(w.row, w.cycle));
        a.flats.iter().for_each(|f| last(f.row, f.cycle));
        a.v.iter().chain(&a.s).filter(|t| t.write).for_each(|t| last(t.order.1, t.cycle));
        for s in &units.scrubs {
            let reads = 2 * u64::from(s.what.lines) - 1;
            last(s.row, s.first + u64::from(self.lat.scrub_read) + reads * rows);
        }
        for v in vectors {
            if let Some(e) = all.get_mut(&v.row) {
                e.steps += 1;
                e.weights += u64::from(v.loads);
                e.x_words += u64::from(v.x.is_some());
            }
        }
        for f in &a.flats {
            if let Some(e) = all.get_mut(&f.row) {
                e.flat_words += 1;
            }
        }
        all.into_values().collect()
    }

    fn lives(&self, vectors: &[Vector], a: &Accesses, group: &dyn Fn(usize) -> usize) -> Vec<Life> {
        let (groups, rows) = (self.config.groups(), u64::from(self.config.rows));
        let (sram, lead) = (u64::from(self.lat.w_sram_read), u64::from(self.config.weight_beats) + rows);
        // By memory and word, when what happens: a write by a row, or a read.
        let mut seen: BTreeMap<(Store, u32), Vec<(u64, Option<usize>)>> = BTreeMap::new();
        let mut note = |store, word, cycle, row| seen.entry((store, word)).or_default().push((cycle, row));
        a.x_writes.iter().filter(|w| w.mask != 0).for_each(|w| note(Store::X, w.addr / groups, w.cycle, Some(w.row)));
        a.flats.iter().for_each(|f| note(Store::X, f.addr / groups, f.cycle, None));
        a.w_writes.iter().for_each(|w| note(Store::WSram, w.word, w.cycle, Some(w.row)));
        let mut read: BTreeMap<(usize, u32), (usize, u64, u64)> = BTreeMap::new();
        for v in vectors {
            if let Some(x) = v.x {
                note(Store::X, x, v.t + rows - 1, None);
            }
            match (v.loads, v.sram) {
                (true, true) => note(Store::WSram, v.w, v.step + sram + lead - 1, None),
                (true, false) => {
                    let at = read.entry((group(v.row), v.w)).or_insert((v.row, v.step, v.step));
                    (at.1, at.2) = (at.1.min(v.step), at.2.max(v.step));
                }
                _ => {}
            }
        }
        // Words of one group at one address, one behind the other.
        let mut words: Vec<((Store, usize, usize), u32, Life)> = Vec::new();
        for ((store, word), mut events) in seen {
            events.sort_by_key(|e| e.0);
            let mut now: Option<(usize, Life)> = None;
            let mut turns: BTreeMap<usize, usize> = BTreeMap::new();
            let mut done = |ended: Option<(usize, Life)>| {
                if let Some((g, life)) = ended {
                    let turn = turns.entry(g).or_default();
                    words.push(((store, g, *turn), word, life));
                    *turn += 1;
                }
            };
            for (cycle, row) in events {
                let g = row.map_or(usize::MAX, group);
                match (&mut now, row) {
                    (Some((_, life)), None) => life.to = cycle,
                    (Some((of, life)), Some(_)) if *of == g => life.to = cycle,
                    _ => {
                        let from = if row.is_none() { 0 } else { cycle };
                        done(now.replace((g, Life { store, row, base: word, words: 1, from, to: cycle })));
                    }
                }
            }
            done(now);
        }
        let rram = |((g, word), (row, from, to))| {
            ((Store::Rram, g, 0), word, Life { store: Store::Rram, row: Some(row), base: word, words: 1, from, to })
        };
        words.extend(read.into_iter().map(rram));
        // Neighbours are one.
        words.sort_by_key(|w| (w.0, w.1));
        let mut lives: Vec<((Store, usize, usize), Life)> = Vec::new();
        for (key, word, life) in words {
            match lives.last_mut() {
                Some((of, all)) if *of == key && all.base + all.words == word => {
                    all.words += 1;
                    (all.from, all.to) = (all.from.min(life.from), all.to.max(life.to));
                }
                _ => lives.push((key, life)),
            }
        }
        let mut lives: Vec<Life> = lives.into_iter().map(|l| l.1).collect();
        lives.sort_by_key(|l| (l.store, l.base, l.from));
        lives
    }
}
