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

/// Reads a trace: lines `SECONDS TABLE ROWS`, times rising, ROWS as `5,7-12`; lines of one time are one update. `#` at the beginning
/// or behind a space begins a remark. Names of tables may have spaces in them. The trace repeats after its last time and as much as lies between its last two updates.
///
/// # Errors
/// The line that is wrong and why; fewer than two updates.
pub fn read(text: &str, image: &Image, config: &Config) -> Result<Trace> {
    let tiles = tiles(image, config);
    let mut found: Vec<(f64, BTreeSet<u32>)> = vec![];
    for (n, line) in text.lines().enumerate() {
        let remark =
            line.char_indices().find(|&(n, c)| c == '#' && line[..n].chars().next_back().is_none_or(char::is_whitespace));
        let line = line[..remark.map_or(line.len(), |(n, _)| n)].trim();
        if line.is_empty() {
            continue;
        }
        let said = || format!("line {}: {line}", n + 1);
        let parts =
            line.split_once(char::is_whitespace).and_then(|(time, rest)| Some((time, rest.rsplit_once(char::is_whitespace)?)));
        let Some((time, (table, text))) = parts else { anyhow::bail!("{}: not SECONDS TABLE ROWS", said()) };
        let table = table.trim();
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

    /// Writes lines, of an image of `image` lines; which lines were written, some twice.
    fn write(&mut self, lines: &BTreeSet<u32>, image: usize, level: bool) -> Vec<usize> {
        let mut written = vec![];
        if self.turn {
            // Neighbours change places, and everything is written once more.
            self.place.chunks_mut(2).for_each(|pair| pair.swap(0, 1));
            (self.floor, self.turn) = (vec![0; self.classes], false);
            for line in (0..image).filter(|&l| !lines.contains(&(l as u32))) {
                self.wear[self.place[line]] += 1;
                written.push(line);
            }
        }
        for &line in lines {
            let line = line as usize;
            if level {
                written.extend(self.level(line));
            }
            self.wear[self.place[line]] += 1;
            written.push(line);
        }
        written
    }

    /// A worn line changes places with the least worn one, which is written too: that one.
    fn level(&mut self, line: usize) -> Option<usize> {
        let (class, threshold) = (line % self.classes, u64::from(WEAR_THRESHOLD));
        let of = |slot: &Slot, l: usize| slot.wear[slot.place[l]];
        if of(self, line) < self.floor[class] + threshold {
            return None;
        }
        let least = (class..self.place.len()).step_by(self.classes).min_by_key(|&l| of(self, l)).unwrap_or(line);
        self.floor[class] = of(self, least);
        let cold = (0..self.usable).filter(|l| l % self.classes != class).map(|l| of(self, l)).min();
        let ahead = u64::from(TURN_THRESHOLD) * if self.hot.is_some_and(|h| h != class) { 3 } else { 1 };
        if cold.is_some_and(|cold| self.floor[class] >= cold + ahead) {
            (self.turn, self.hot) = (true, Some(class));
        }
        if of(self, line) < self.floor[class] + threshold {
            return None;
        }
        self.place.swap(line, least);
        self.wear[self.place[least]] += 1;
        Some(least)
    }
}

/// Most updates that are simulated; a trace that wears slowly is drawn out from there.
const MOST_UPDATES: u64 = 5_000_000;

/// A part under updates: writes of its lines.
struct Part {
    layout: Layout,
    lines_of_image: usize,
    level: bool,
    slots: [Slot; 2],
    copies: [Vec<u64>; 2],
    records: [u64; RECORDS as usize],
    last: Vec<u32>,
    updates: u64,
    written: u64,
}

impl Part {
    fn new(image: &Image, config: &Config, level: bool) -> Part {
        let layout = Layout::of(config);
        let copy = vec![0; layout.table_lines as usize];
        Part {
            layout,
            lines_of_image: slot_bytes(image, config).1.lines as usize,
            level,
            slots: [Slot::new(&layout), Slot::new(&layout)],
            copies: [copy.clone(), copy],
            records: [0; RECORDS as usize],
            last: vec![],
            updates: 0,
            written: 0,
        }
    }

    /// One update that changes these lines, in the slot whose turn it is.
    fn update(&mut self, now: &[u32]) {
        let s = (self.updates & 1) as usize;
        let lines: BTreeSet<u32> = now.iter().chain(&self.last).copied().collect();
        let touched = self.slots[s].write(&lines, self.lines_of_image, self.level);
        self.written += touched.len() as u64;
        // A line of the copy is pulsed where an entry changed, its last one always: flags and CRC.
        let (entries, end) = (self.layout.line_bytes as usize / 4, self.copies[s].len() - 1);
        let changed: BTreeSet<usize> = touched.into_iter().map(|l| l / entries).chain([end]).collect();
        changed.iter().for_each(|&l| self.copies[s][l] += 1);
        self.records[(self.updates % u64::from(RECORDS)) as usize] += 1;
        self.written += changed.len() as u64 + u64::from(self.layout.record_lines);
        self.last = now.to_vec();
        self.updates += 1;
    }

    /// The line of each kind that was written most.
    fn worst(&self) -> [Worst; 3] {
        let top = |lines: &mut dyn Iterator<Item = (u32, u64)>, kind| {
            let (line, writes) = lines.max_by_key(|l| l.1).unwrap_or_default();
            Worst { kind, line, writes }
        };
        let of = |writes: &[u64], first: u32| (first..).zip(writes.to_vec()).collect::<Vec<_>>();
        let half = self.layout.half;
        [
            top(&mut (0..2).flat_map(|s| of(&self.slots[s as usize].wear, s * half)), Kind::Image),
            top(&mut (0..2).flat_map(|s| of(&self.copies[s as usize], self.layout.table(s))), Kind::TableCopy),
            top(&mut (0..RECORDS).map(|p| (self.layout.record(p), self.records[p as usize])), Kind::Record),
        ]
    }
}

/// What a trace does to a part, whose every line survives `endurance` writes.
pub fn life(trace: &Trace, image: &Image, config: &Config, endurance: u64, level: bool) -> TraceLife {
    let mut part = Part::new(image, config, level);
    while part.updates < MOST_UPDATES && (!part.updates.is_multiple_of(1024) || part.worst()[0].writes < endurance) {
        part.update(&trace.changes[(part.updates % trace.changes.len() as u64) as usize].lines);
    }
    let (worst, updates) = (part.worst(), part.updates);
    let per_update = trace.period / trace.changes.len() as f64;
    let years = |writes: u64| updates as f64 * per_update / YEAR * endurance as f64 / writes.max(1) as f64;
    let first = worst.iter().max_by_key(|w| w.writes).copied().unwrap_or(worst[0]);
    TraceLife {
        level,
        years: years(first.writes),
        worst: first,
        years_by_kind: worst.map(|w| (w.kind, years(w.writes))),
        updates,
        lines_per_update: part.written as f64 / updates as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_compiler::compile;

    /// A product whose weights are a table.
    fn image(config: &Config) -> Image {
        let (network, _) = systole_workloads::random::gemm(1, 2, 20 * config.rows as usize, 2 * config.cols as usize, false);
        let mut image = compile(&network.graph().unwrap(), config, &systole_compiler::Options::default()).unwrap().image;
        let lines = image.weights.len() as u32 / (config.rows * config.cols);
        let rows = lines / 2 * config.rows;
        image.tables = vec![Table { name: "e".into(), rows, width: 2 * config.cols, base: 0, stride: lines / 2 }];
        image
    }

    fn small() -> Config {
        Config::named("small").unwrap()
    }

    #[test]
    fn a_trace_says_when_which_rows_change_and_what_is_wrong_with_it() {
        let (config, image) = (small(), image(&small()));
        let tiles = tiles(&image, &config);
        let trace = read("# two updates\n0 e 0,8-9\n0 e 16 # the same one\n\n60 e 1\n", &image, &config).unwrap();
        assert_eq!((trace.changes.len(), trace.period), (2, 120.0));
        let stride = image.tables[0].stride;
        let crcs = |lines: &[u32]| lines.iter().map(|l| tiles + l / 16).collect::<BTreeSet<u32>>();
        let rows = [0, 1, 2, stride, stride + 1, stride + 2];
        assert_eq!(trace.changes[0].lines, rows.into_iter().chain(crcs(&rows)).collect::<Vec<_>>());
        // Names as the program makes them of two scales, and with spaces.
        let mut named = image.clone();
        named.tables[0].name = "e x#1".into();
        let same = read("0 e x#1 0,8-9\n0\te x#1  16 # too\n60 e x#1 1", &named, &config).unwrap();
        assert_eq!(same, trace);
        for (text, why) in [
            ("0 e 1\n", "two at least"),
            ("0 e 1\n1 f 1\n", "no such table"),
            ("0 e 1\n1 e 9-8\n", "rows of e are 0 to"),
            ("0 e 1\n1 e 100000\n", "line 2"),
            ("1 e 1\n0 e 1\n", "an earlier time"),
            ("0 e\n", "not SECONDS TABLE ROWS"),
            ("-1 e 1\n", "seconds from 0 on"),
        ] {
            let error = format!("{:#}", read(text, &image, &config).unwrap_err());
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }

    /// Each second update writes a slot; the copy's last line and a record's place are counted without the simulation.
    #[test]
    fn lines_that_are_not_levelled_wear_by_the_number_of_updates_and_levelling_helps_those_that_are() {
        let (config, image) = (small(), image(&small()));
        let trace = read("0 e 3\n60 e 3\n", &image, &config).unwrap();
        let [with, without] = [true, false].map(|level| life(&trace, &image, &config, 1000, level));
        let minutes = |n: f64| n * 60.0 / YEAR;
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 0.06;
        let of = |life: &TraceLife, kind| life.years_by_kind.iter().find(|k| k.0 == kind).unwrap().1;
        assert!(near(of(&with, Kind::TableCopy), minutes(2000.0)) && near(of(&with, Kind::Record), minutes(8000.0)), "{with:?}");
        assert!(near(of(&without, Kind::Image), minutes(2000.0)), "{without:?}");
        assert!(of(&with, Kind::Image) > 50.0 * of(&without, Kind::Image), "{with:?}");
        assert_eq!(with.worst.kind, Kind::TableCopy);
        // All lines of the slots together bear no more than they bear.
        let lines = 2.0 * f64::from(Layout::of(&config).slot_lines);
        assert!(of(&with, Kind::Image) < minutes(lines * 1000.0 / 3.0), "{with:?}");
    }

    /// Lines that the controller's model pulses, update by update, on cells that switch at once and do not stick.
    #[test]
    fn the_lines_that_wear_are_those_that_the_controller_pulses() {
        use crate::power::machine;
        use rand::RngExt;
        use std::cell::RefCell;
        use std::rc::Rc;
        use systole_backends::rram_model::RramModel;
        use systole_chip::device::{Corner, Device};
        let config = machine(systole_isa::ecc::Ecc::Secded);
        let layout = Layout::of(&config);
        let mut old = image(&config);
        let mut model = RramModel::new(&config, Device::new(&config, Corner { stuck: 0.0, ..Corner::typ22() }, 3));
        let pulsed = Rc::new(RefCell::new(BTreeSet::new()));
        let seen = pulsed.clone();
        model.before_pulse = Some(Box::new(move |_, _, address, _| {
            seen.borrow_mut().insert(address);
            true
        }));
        let mut put = |slot: u32, lines: &BTreeSet<u32>, image: &Image| {
            let (bytes, record) = slot_bytes(image, &config);
            pulsed.borrow_mut().clear();
            for &line in lines {
                let at = (line * layout.line_bytes) as usize;
                model.write_line(slot, line, &bytes[at..at + layout.line_bytes as usize]).unwrap();
            }
            model.commit(slot, &record).unwrap();
            model.wake(true).unwrap();
            pulsed.take()
        };
        let all: BTreeSet<u32> = (0..slot_bytes(&old, &config).1.lines).collect();
        (0..2).for_each(|slot| drop(put(slot, &all, &old)));
        let mut part = Part::new(&old, &config, true);
        let mut counts = vec![0u64; config.rram_depth as usize];
        let mut random = Stream::new(5, "pulsed");
        let (mut last, mut records) = (vec![], BTreeSet::new());
        for n in 0..60 {
            let row = random.below(old.tables[0].rows.into()) as u32;
            let mut new = old.clone();
            // Every code another one: no line stays as it was.
            let codes: Vec<i8> = new.row("e", row, &config).unwrap().iter().map(|c| c ^ random.random_range(1..=127)).collect();
            new.set_rows("e", &[(row, &codes)], &config).unwrap();
            new.follows(&old, &config).unwrap();
            let now = new.before.clone().unwrap().lines;
            let made = with_crcs(old.tables[0].lines_of(row, &config).collect(), tiles(&old, &config), &config);
            assert_eq!(now, made, "the lines of a trace are those that differ");
            part.update(&now);
            let lines = now.iter().chain(&last).copied().collect();
            for line in put(n & 1, &lines, &new) {
                counts[line as usize] += 1;
                if line % layout.half >= layout.slot_lines + layout.table_lines {
                    records.insert(line);
                }
            }
            (old, last) = (new, now);
        }
        for slot in 0..2u32 {
            let (base, table) = ((slot * layout.half) as usize, layout.table(slot) as usize);
            let slot = slot as usize;
            assert_eq!(counts[base..base + layout.slot_lines as usize], part.slots[slot].wear[..]);
            assert_eq!(counts[table..table + layout.table_lines as usize], part.copies[slot][..]);
        }
        let most = records.iter().map(|&l| counts[l as usize]).max();
        assert_eq!(most, part.records.iter().copied().max(), "a record takes the next place");
    }

    #[test]
    fn a_share_of_the_rows_is_so_many_of_each_table() {
        let (config, image) = (small(), image(&small()));
        let trace = even(&image, &config, 0.1, 60.0, 50, 1).unwrap();
        assert_eq!((trace.changes.len(), trace.period), (50, 3000.0));
        assert!(trace.changes.iter().all(|c| c.lines.len() > 2) && trace.changes[0] != trace.changes[1]);
    }
}
