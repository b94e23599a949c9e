// SPDX-License-Identifier: Apache-2.0
//! A picture over the cycles of a run: bars in rows, or words of a memory. All panes of a program share one time axis, which the
//! page's script zooms.

use crate::memory::Map;
use crate::numbers::{clip, grouped, label, ticks};
use crate::timetable::Timetable;
use askama::Template;
use systole_isa::Unit;

/// Width of the whole picture, and of what stands left of its time axis, in its own units.
const WIDTH: f64 = 900.0;
const LEFT: f64 = 64.0;
/// Room behind the last cycle.
const RIGHT: f64 = 8.0;
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
    /// First cycle, and the one behind the last.
    pub a: u64,
    /// The cycle behind the last.
    pub b: u64,
    /// What may stand in it.
    pub name: String,
    /// Whether that has room.
    pub fits: bool,
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
    /// Height of the picture without the axis.
    pub height: f64,
    /// Width of the time axis.
    pub plot: f64,
    /// At the left.
    pub rows: Vec<Mark>,
    /// Lines across, by height.
    pub lines: Vec<f64>,
    /// Below, by place along the axis.
    pub ticks: Vec<Mark>,
    /// What it is all about.
    pub rects: Vec<Rect>,
}

/// Colour class of a part.
pub fn colour(part: Option<usize>) -> String {
    part.map_or("cn".into(), |p| format!("c{}", p % 10))
}

/// Whether a text of `height` fits `width`.
fn fits(text: &str, width: f64) -> bool {
    text.chars().count() as f64 * 6.3 + 8.0 <= width
}

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

    fn rect(&self, (a, b): (u64, u64), (y, h): (f64, f64), class: String, name: &str, tip: String) -> Rect {
        let (x, end) = (self.x(a), self.x(b.min(self.cycles)));
        let w = (end - x).max(0.6);
        // The whole name, or its end.
        let room = ((w - 8.0) / 6.3).floor().max(0.0) as usize;
        let name = clip(name, 40);
        let fits = h >= 11.0 && fits(&name, w);
        let shown = if !fits && h >= 11.0 && room >= 6 { clip(&name, room) } else { name };
        let fits = fits || h >= 11.0 && room >= 6;
        Rect { x, w, y, h, class, a, b, name: shown, fits, tip }
    }
}

/// What a unit is called beside its row.
fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Load => "LOAD",
        other => other.name(),
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
        rows.push(Mark { at: y + height / 2.0 + 4.0, text: unit_name(track.unit).into() });
        for bar in &track.bars {
            let lane = bar.lane.min(lanes - 1) as f64;
            let name = bar.name.as_deref().unwrap_or(track.unit.name());
            let many = if bar.rows > 1 { format!("{} rows from {} on", bar.rows, bar.row) } else { format!("row {}", bar.row) };
            let tip = format!("{name}: {}, cycles {} to {}, {many}", track.unit.name(), grouped(bar.first), grouped(bar.last));
            let place = (y + lane * LINE + 1.5, LINE - 3.0);
            rects.push(axis.rect((bar.first, bar.last + 1), place, colour(bar.part), name, tip));
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
        height: y,
        plot: axis.plot,
        rows,
        lines,
        ticks: axis.ticks(),
        rects,
    }
}

/// The picture of a memory: its words from bottom to top.
pub fn memory(map: &Map, cycles: u64, id: &str, what: &str) -> Pane {
    let axis = Axis::new(cycles);
    let top = 6.0;
    let scale = WORDS / map.shown.max(1) as f64;
    let y = |word: u32| top + WORDS - f64::from(word) * scale;
    let rects = map.places.iter().map(|p| {
        let (low, high) = (y(p.base), y(p.base + p.words));
        let last = p.base + p.words - 1;
        let kind = if p.reads { "read in" } else { "needed in" };
        let tip = format!(
            "{}: words {} to {} of {}, {kind} cycles {} to {}",
            p.name,
            grouped(p.base.into()),
            grouped(last.into()),
            map.name,
            grouped(p.from),
            grouped(p.to)
        );
        axis.rect((p.from, p.to + 1), (high, (low - high).max(0.8)), colour(p.part), &p.name, tip)
    });
    let marks: Vec<f64> = ticks(f64::from(map.shown), 4);
    Pane {
        title: format!("{} over time, {what}", map.name),
        desc: format!("{} of {} words are used", grouped(map.used as u64), grouped(map.size as u64)),
        id: id.into(),
        cycles,
        width: WIDTH,
        left: LEFT,
        height: top + WORDS + 2.0,
        plot: axis.plot,
        rows: marks.iter().map(|&m| Mark { at: y(m as u32) + 4.0, text: label(m) }).collect(),
        lines: marks.iter().map(|&m| y(m as u32)).collect(),
        ticks: axis.ticks(),
        rects: rects.collect(),
    }
}
