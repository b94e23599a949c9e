// SPDX-License-Identifier: Apache-2.0
//! A picture over the cycles of a run: bars in rows, or words of a memory. All panes of a program share one time axis, which the
//! page's script zooms.

use crate::memory::{Map, Place};
use crate::numbers::{grouped, label, on_bar, ticks};
use crate::timetable::Timetable;
use askama::Template;
use systole_isa::Unit;

/// Width of the whole picture, and of what stands left of its time axis, in its own units.
const WIDTH: f64 = 900.0;
const LEFT: f64 = 64.0;
/// Room behind the last cycle, for the mark there.
const RIGHT: f64 = 22.0;
/// Height of a line of bars.
const LINE: f64 = 20.0;
/// Bars of a timetable that are drawn at most.
const BARS: usize = 2_500;
/// Height of a memory's words.
const WORDS: f64 = 220.0;

/// A rectangle of a pane.
pub struct Rect {
    /// Left edge and width, from the time axis on.
    pub x: f64,
    /// Width.
    pub w: f64,
    /// Upper edge.
    pub y: f64,
    /// Height.
    pub h: f64,
    /// Colour class.
    pub class: String,
    /// First cycle.
    pub a: u64,
    /// The cycle behind the last.
    pub b: u64,
    /// Number of its part.
    pub number: Option<usize>,
    /// What has room on it.
    pub name: String,
    /// What it is, in a sentence.
    pub tip: String,
}

/// A text at a line across the picture.
pub struct Mark {
    /// Where.
    pub at: f64,
    /// What.
    pub text: String,
}

/// The picture.
#[derive(Template)]
#[template(path = "pane.svg")]
pub struct Pane {
    /// Name for screen readers.
    pub title: String,
    /// What it shows, in a sentence.
    pub desc: String,
    /// Unique in a page.
    pub id: String,
    /// Cycles of the time axis.
    pub cycles: u64,
    /// Width of the picture.
    pub width: f64,
    /// Where the time axis begins.
    pub left: f64,
    /// Room behind it.
    pub right: f64,
    /// Height of the picture without the axis.
    pub height: f64,
    /// Width of the time axis.
    pub plot: f64,
    /// At the left.
    pub rows: Vec<Mark>,
    /// Lines across, by height.
    pub lines: Vec<f64>,
    /// Where words are left out.
    pub cuts: Vec<f64>,
    /// Below, by place along the axis.
    pub ticks: Vec<Mark>,
    /// What it is all about.
    pub rects: Vec<Rect>,
}

/// Colour class of a part.
pub fn colour(part: Option<usize>) -> String {
    part.map_or("cn".into(), |p| format!("c{}", p % 10))
}

/// Width of a character on a bar.
const CHAR: f64 = 6.3;

struct Axis {
    cycles: u64,
    plot: f64,
}

impl Axis {
    fn new(cycles: u64) -> Axis {
        Axis { cycles: cycles.max(1), plot: WIDTH - LEFT - RIGHT }
    }

    fn x(&self, cycle: u64) -> f64 {
        self.plot * cycle as f64 / self.cycles as f64
    }

    fn ticks(&self) -> Vec<Mark> {
        ticks(self.cycles as f64, 8).into_iter().map(|t| Mark { at: self.x(t as u64), text: label(t) }).collect()
    }

    fn rect(
        &self,
        (a, b): (u64, u64),
        (y, h): (f64, f64),
        (part, number): (Option<usize>, Option<usize>),
        name: &str,
        tip: String,
    ) -> Rect {
        let (x, end) = (self.x(a), self.x(b.min(self.cycles)));
        let w = (end - x).max(0.6);
        let room = if h >= 11.0 { ((w - 7.0) / CHAR).max(0.0) as usize } else { 0 };
        Rect { x, w, y, h, class: colour(part), a, b, number, name: on_bar(number, name, room), tip }
    }
}

/// The picture of a timetable; END is where it ends.
pub fn timetable(whole: &Timetable, id: &str, what: &str) -> Pane {
    let t = whole.condensed(BARS);
    let axis = Axis::new(t.cycles);
    let (mut rows, mut lines, mut rects) = (vec![], vec![], vec![]);
    let mut y = 6.0;
    for track in t.tracks.iter().filter(|t| t.unit != Unit::End) {
        let lanes = track.lanes().min(4);
        let height = lanes as f64 * LINE;
        rows.push(Mark { at: y + height / 2.0 + 4.0, text: track.unit.name().into() });
        for bar in &track.bars {
            let lane = bar.lane.min(lanes - 1) as f64;
            let name = bar.name.as_deref().unwrap_or(track.unit.name());
            let many = if bar.rows > 1 { format!("{} rows from {} on", bar.rows, bar.row) } else { format!("row {}", bar.row) };
            let tip = format!("{name}: {}, cycles {} to {}, {many}", track.unit.name(), grouped(bar.first), grouped(bar.last));
            let place = (y + lane * LINE + 1.5, LINE - 3.0);
            rects.push(axis.rect((bar.first, bar.last + 1), place, (bar.part, bar.number), name, tip));
        }
        y += height + 6.0;
        lines.push(y - 3.0);
    }
    lines.pop();
    let units: Vec<&str> = t.tracks.iter().map(|t| t.unit.name()).collect();
    Pane {
        title: format!("Timetable of {what}"),
        desc: format!("{} rows over {} cycles; units: {}", whole.rows(), grouped(t.cycles), units.join(", ")),
        id: id.into(),
        cycles: t.cycles,
        width: WIDTH,
        left: LEFT,
        right: RIGHT,
        height: y,
        plot: axis.plot,
        rows,
        lines,
        cuts: vec![],
        ticks: axis.ticks(),
        rects,
    }
}

/// Words of a memory from bottom to top: stretches that are used, with those between that are not cut short.
struct Words {
    /// Stretches: first word, the one behind the last, and the heights at which they are drawn, from the bottom.
    stretches: Vec<(u32, u32, f64, f64)>,
}

/// What a stretch that nothing uses is cut down to.
const CUT: f64 = 16.0;

impl Words {
    fn new(map: &Map) -> Words {
        let mut used: Vec<(u32, u32)> = map.places.iter().map(|p| (p.base, p.base + p.words)).collect();
        used.sort_unstable();
        let mut joined: Vec<(u32, u32)> = vec![];
        // Small gaps are drawn as they are.
        let small = map.shown / 25;
        for (a, b) in used {
            match joined.last_mut() {
                Some(last) if a <= last.1 + small => last.1 = last.1.max(b),
                _ => joined.push((a, b)),
            }
        }
        if let Some(first) = joined.first_mut().filter(|f| f.0 <= small) {
            first.0 = 0;
        }
        let words: u32 = joined.iter().map(|j| j.1 - j.0).sum();
        let scale = (WORDS - CUT * joined.len().saturating_sub(1) as f64) / f64::from(words.max(1));
        let mut at = 0.0;
        let stretches = joined.into_iter().map(|(a, b)| {
            let (low, high) = (at, at + f64::from(b - a) * scale);
            at = high + CUT;
            (a, b, low, high)
        });
        Words { stretches: stretches.collect() }
    }

    fn at(&self, word: u32) -> f64 {
        let stretch = self.stretches.iter().find(|s| word <= s.1).or(self.stretches.last());
        stretch
            .map_or(0.0, |&(a, b, low, high)| low + (high - low) * f64::from(word.saturating_sub(a)) / f64::from((b - a).max(1)))
    }
}

/// The picture of a memory: its words from bottom to top.
pub fn memory(map: &Map, cycles: u64, id: &str, what: &str) -> Pane {
    let axis = Axis::new(cycles);
    let top = 8.0;
    let words = Words::new(map);
    let y = |word: u32| top + WORDS - words.at(word);
    let mut rects: Vec<Rect> = vec![];
    let of = |p: &Place| {
        let (low, high) = (y(p.base), y(p.base + p.words));
        (high, (low - high).max(0.8))
    };
    let range = |p: &Place| {
        let (first, last) = (grouped(p.base.into()), grouped((p.base + p.words - 1).into()));
        if p.words == 1 { format!("word {first}") } else { format!("words {first} to {last}") }
    };
    for p in &map.places {
        let kind = if p.reads { "read in" } else { "needed in" };
        let tip = format!("{}: {} of {}, {kind} cycles {} to {}", p.name, range(p), map.name, grouped(p.from), grouped(p.to));
        let mut rect = axis.rect((p.from, p.to + 1), of(p), (p.part, p.number), &p.name, tip);
        if p.reads {
            rect.class += " reads";
            rect.name.clear();
        }
        rects.push(rect);
    }
    // What stays is there all the time, over it its name.
    for p in map.places.iter().filter(|p| p.reads) {
        let tip = format!("{}: {} of {}, which stay there", p.name, range(p), map.name);
        let mut band = axis.rect((0, cycles), of(p), (p.part, p.number), &p.name, tip);
        band.class += " stays";
        rects.push(band);
    }
    // First and last word of each stretch, and round ones between, as far as they have room.
    let mut marks: Vec<u32> = words.stretches.iter().flat_map(|s| [s.0, s.1]).collect();
    let fits = |marks: &[u32], m: u32| marks.iter().all(|&o| (y(o) - y(m)).abs() >= 15.0);
    let mut kept: Vec<u32> = vec![];
    marks.reverse();
    for m in marks {
        if fits(&kept, m) {
            kept.push(m);
        }
    }
    for m in ticks(f64::from(map.shown), 5) {
        let inside = words.stretches.iter().any(|s| (s.0..=s.1).contains(&(m as u32)));
        if inside && fits(&kept, m as u32) {
            kept.push(m as u32);
        }
    }
    let cuts = words.stretches.windows(2).map(|s| top + WORDS - (s[0].3 + s[1].2) / 2.0).collect();
    Pane {
        title: format!("{} over time, {what}", map.name),
        desc: format!("{} of {} words are used", grouped(map.used as u64), grouped(map.size as u64)),
        id: id.into(),
        cycles,
        width: WIDTH,
        left: LEFT,
        right: RIGHT,
        height: top + WORDS + 2.0,
        plot: axis.plot,
        rows: kept.iter().map(|&m| Mark { at: y(m) + 4.0, text: label(f64::from(m)) }).collect(),
        lines: kept.iter().map(|&m| y(m)).collect(),
        cuts,
        ticks: axis.ticks(),
        rects,
    }
}
