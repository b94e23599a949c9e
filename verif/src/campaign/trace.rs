// SPDX-License-Identifier: Apache-2.0
//! Lifetime of a part whose tables are updated (docs/recommenders.md): a trace of updates, repeated until the first line has
//! had as many writes as it survives. What an update writes is what the controller writes (docs/rram.md): lines whose rows
//! changed now or at the last time, in the other slot, with the CRCs of those lines; the copy of that slot's line table; a
//! record. Lines of a slot are levelled as the controller levels them, the copy and the records lie where they lie.

use anyhow::{Context, Result, ensure};
use harness::Stream;
use serde::Serialize;
use std::collections::BTreeSet;
use systole_isa::rram::{Layout, RECORDS, TURN_THRESHOLD, WEAR_THRESHOLD, slot_bytes};
use systole_isa::{Config, Image, Table};

/// Seconds of a year.
const YEAR: f64 = 365.25 * 86_400.0;

/// One update: when, and the lines of the image that it changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Seconds since the trace began.
    pub at: f64,
    /// Lines, rising: of rows, and of their CRCs.
    pub lines: Vec<u32>,
}

/// Updates that repeat every `period` seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// In order of time; at least one.
    pub changes: Vec<Change>,
    /// Seconds from its beginning to its next.
    pub period: f64,
}

/// Kinds of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Of a slot: rows of tables, CRCs.
    Image,
    /// Of the copy of a slot's line table.
    TableCopy,
    /// Of a place for records.
    Record,
}

/// The line that was written most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Worst {
    /// What it holds.
    pub kind: Kind,
    /// Its physical line.
    pub line: u32,
    /// Writes.
    pub writes: u64,
}

/// What a trace does to a part.
#[derive(Debug, Clone, Serialize)]
pub struct TraceLife {
    /// Wear levelling on.
    pub level: bool,
    /// Years until the first line of any kind has had its writes.
    pub years: f64,
    /// That line.
    pub worst: Worst,
    /// Years until the first line of each kind has, as far as it wears like this: lines of the image, of the copies, of records.
    pub years_by_kind: [(Kind, f64); 3],
    /// Updates that were simulated.
    pub updates: u64,
    /// Lines written in an update on average, levelling, copy and record among them.
    pub lines_per_update: f64,
}

/// Lines of the CRCs of these lines, and the lines themselves.
fn with_crcs(rows: BTreeSet<u32>, tiles: u32, config: &Config) -> Vec<u32> {
    let line_bytes = Layout::of(config).line_bytes;
    let crcs: BTreeSet<u32> = rows.iter().map(|l| tiles + l * 4 / line_bytes).collect();
    rows.into_iter().chain(crcs).collect()
}

/// Lines of an image behind which the CRCs of its lines come.
fn tiles(image: &Image, config: &Config) -> u32 {
    let record = slot_bytes(image, config).1;
    record.lines - record.tile_lines
}

/// Rows by number: `5`, `7-12`, parts by commas.
fn rows(text: &str, table: &Table) -> Option<Vec<u32>> {
    let mut all = vec![];
    for part in text.split(',') {
        let (a, b) = part.split_once('-').unwrap_or((part, part));
        let (a, b) = (a.trim().parse::<u32>().ok()?, b.trim().parse::<u32>().ok()?);
        if a > b || b >= table.rows {
            return None;
        }
        all.extend(a..=b);
    }
    Some(all)
}

/// Reads a trace: lines `SECONDS TABLE ROWS`, times rising, ROWS as `5,7-12`; lines of one time are one update. `#` begins a
/// remark. The trace repeats after its last time and as much as lies between its last two updates.
///
/// # Errors
/// The line that is wrong and why; fewer than two updates.
pub fn read(text: &str, image: &Image, config: &Config) -> Result<Trace> {
    let tiles = tiles(image, config);
    let mut found: Vec<(f64, BTreeSet<u32>)> = vec![];
    for (n, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        let said = || format!("line {}: {line}", n + 1);
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [time, table, text] = parts[..] else { anyhow::bail!("{}: not SECONDS TABLE ROWS", said()) };
        let time = time.parse::<f64>().ok().filter(|t| t.is_finite() && *t >= 0.0);
        let time = time.with_context(|| format!("{}: seconds from 0 on", said()))?;
        let table = image.table(table).with_context(said)?;
        let rows = rows(text, table);
        let rows = rows.with_context(|| format!("{}: rows of {} are 0 to {}", said(), table.name, table.rows - 1))?;
        let lines = rows.into_iter().flat_map(|r| table.lines_of(r, config));
        match found.last_mut() {
            Some((last, all)) if *last == time => all.extend(lines),
            Some((last, _)) if *last > time => anyhow::bail!("{}: an earlier time than before", said()),
            _ => found.push((time, lines.collect())),
        }
    }
    ensure!(found.len() > 1, "{} updates: a trace has two at least, so that it says how often they come", found.len());
    let last = found[found.len() - 1].0;
    let period = last - found[0].0 + (last - found[found.len() - 2].0);
    let begin = found[0].0;
    let change = |(at, lines)| Change { at: at - begin, lines: with_crcs(lines, tiles, config) };
    Ok(Trace { changes: found.into_iter().map(change).collect(), period })
}

/// Updates of a share of all rows of all tables, chosen evenly, `every` so many seconds: `count` of them, then again.
///
/// # Errors
/// An image without tables.
pub fn even(image: &Image, config: &Config, share: f64, every: f64, count: usize, seed: u64) -> Result<Trace> {
    ensure!(!image.tables.is_empty(), "{}: it has no tables in RRAM", image.name);
    let tiles = tiles(image, config);
    let mut random = Stream::new(seed, "trace");
    let changes = (0..count).map(|n| {
        let mut lines = BTreeSet::new();
        for table in &image.tables {
            let wanted = ((f64::from(table.rows) * share).ceil() as usize).max(1).min(table.rows as usize);
            let mut chosen = BTreeSet::new();
            while chosen.len() < wanted {
                chosen.insert(random.below(table.rows.into()) as u32);
            }
            lines.extend(chosen.into_iter().flat_map(|r| table.lines_of(r, config)));
        }
        Change { at: n as f64 * every, lines: with_crcs(lines, tiles, config) }
    });
    Ok(Trace { changes: changes.collect(), period: count as f64 * every })
}

/// A slot's lines: where each lies, what each was written, as the controller keeps it.
struct Slot {
    place: Vec<usize>,
    wear: Vec<u64>,
    floor: Vec<u64>,
    turn: bool,
    hot: Option<usize>,
    usable: usize,
    classes: usize,
}

impl Slot {
    fn new(layout: &Layout) -> Slot {
        let (lines, classes) = (layout.slot_lines as usize, layout.classes as usize);
        Slot {
            place: (0..lines).collect(),
            wear: vec![0; lines],
            floor: vec![0; classes],
            turn: false,
            hot: None,
            usable: layout.usable() as usize,
            classes,
        }
    }

    /// Writes lines; how many writes that were.
    fn write(&mut self, lines: &BTreeSet<u32>, image: usize, level: bool) -> u64 {
        let mut writes = 0;
        if self.turn {
            // Neighbours change places, and everything is written once more.
            self.place.chunks_mut(2).for_each(|pair| pair.swap(0, 1));
            (self.floor, self.turn) = (vec![0; self.classes], false);
            for line in (0..image).filter(|&l| !lines.contains(&(l as u32))) {
                self.wear[self.place[line]] += 1;
                writes += 1;
            }
        }
        for &line in lines {
            let line = line as usize;
            if level {
                writes += self.level(line);
            }
            self.wear[self.place[line]] += 1;
            writes += 1;
        }
        writes
    }

    fn level(&mut self, line: usize) -> u64 {
        let (class, threshold) = (line % self.classes, u64::from(WEAR_THRESHOLD));
        let of = |slot: &Slot, l: usize| slot.wear[slot.place[l]];
        if of(self, line) < self.floor[class] + threshold {
            return 0;
        }
        let least = (class..self.place.len()).step_by(self.classes).min_by_key(|&l| of(self, l)).unwrap_or(line);
        self.floor[class] = of(self, least);
        let cold = (0..self.usable).filter(|l| l % self.classes != class).map(|l| of(self, l)).min();
        let ahead = u64::from(TURN_THRESHOLD) * if self.hot.is_some_and(|h| h != class) { 3 } else { 1 };
        if cold.is_some_and(|cold| self.floor[class] >= cold + ahead) {
            (self.turn, self.hot) = (true, Some(class));
        }
        if of(self, line) < self.floor[class] + threshold {
            return 0;
        }
        self.place.swap(line, least);
        self.wear[self.place[least]] += 1;
        1
    }
}

/// Most updates that are simulated; a trace that wears slowly is drawn out from there.
const MOST_UPDATES: u64 = 2_000_000;

/// What a trace does to a part, whose every line survives `endurance` writes.
pub fn life(trace: &Trace, image: &Image, config: &Config, endurance: u64, level: bool) -> TraceLife {
    let layout = Layout::of(config);
    let lines_of_image = slot_bytes(image, config).1.lines as usize;
    let mut slots = [Slot::new(&layout), Slot::new(&layout)];
    let mut copies = [vec![0u64; layout.table_lines as usize], vec![0; layout.table_lines as usize]];
    let mut records = [0u64; RECORDS as usize];
    // Entries of lines in a line of the copy.
    let entries = layout.line_bytes / 4;
    let (mut last, mut updates, mut written) = (&[][..], 0u64, 0u64);
    let most = |slots: &[Slot; 2]| slots.iter().flat_map(|s| &s.wear).copied().max().unwrap_or(0);
    while updates < MOST_UPDATES && (updates % 64 != 0 || most(&slots) < endurance) {
        let now = &trace.changes[(updates % trace.changes.len() as u64) as usize].lines;
        let s = (updates & 1) as usize;
        let lines: BTreeSet<u32> = now.iter().chain(last).copied().collect();
        let before = slots[s].wear.clone();
        written += slots[s].write(&lines, lines_of_image, level);
        // A line of the copy is pulsed where an entry changed, its last one always: flags and CRC.
        let place = &slots[s].place;
        let changed: BTreeSet<usize> = (0..place.len())
            .filter(|&l| slots[s].wear[place[l]] != before[place[l]])
            .map(|l| l / entries as usize)
            .chain([copies[s].len() - 1])
            .collect();
        changed.iter().for_each(|&l| copies[s][l] += 1);
        records[(updates % u64::from(RECORDS)) as usize] += 1;
        written += changed.len() as u64 + u64::from(layout.record_lines);
        last = now;
        updates += 1;
    }
    let per_update = trace.period / trace.changes.len() as f64;
    let years = |writes: u64| updates as f64 * per_update / YEAR * endurance as f64 / writes.max(1) as f64;
    let top = |lines: &mut dyn Iterator<Item = (u32, u64)>, kind| {
        let (line, writes) = lines.max_by_key(|l| l.1).unwrap_or_default();
        Worst { kind, line, writes }
    };
    let half = layout.half;
    let worst = [
        top(&mut (0..2).flat_map(|s| slots[s].wear.iter().zip(s as u32 * half..).map(|(&w, l)| (l, w))), Kind::Image),
        top(
            &mut (0..2).flat_map(|s| copies[s].iter().zip(layout.table(s as u32)..).map(|(&w, l)| (l, w))),
            Kind::TableCopy,
        ),
        top(&mut (0..RECORDS).map(|p| (layout.record(p), records[p as usize])), Kind::Record),
    ];
    let first = worst.iter().max_by_key(|w| w.writes).copied().unwrap_or(worst[0]);
    TraceLife {
        level,
        years: years(first.writes),
        worst: first,
        years_by_kind: worst.map(|w| (w.kind, years(w.writes))),
        updates,
        lines_per_update: written as f64 / updates as f64,
    }
}
