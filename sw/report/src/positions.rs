// SPDX-License-Identifier: Apache-2.0
//! Cycles of a token over its position.

use crate::numbers::{label, ticks};
use askama::Template;
use systole_compiler::Decoder;

const PLOT: [f64; 2] = [396.0, 180.0];
const ORIGIN: [f64; 2] = [56.0, 14.0];

/// A mark of an axis.
pub struct Tick {
    /// Place.
    pub at: f64,
    /// Text.
    pub text: String,
}

/// The picture: steps of cycles, and below them those of the array alone.
#[derive(Template)]
#[template(path = "positions.svg")]
pub struct Positions {
    /// Polyline of the cycles.
    pub cycles: String,
    /// Polyline of the array's steps.
    pub array: String,
    /// Where the lines end, and what they are.
    pub names: [(f64, &'static str); 2],
    /// Marks below.
    pub x_ticks: Vec<Tick>,
    /// Marks at the left.
    pub y_ticks: Vec<Tick>,
    /// The law, in words.
    pub law: String,
}

/// Of a decoder.
pub fn positions(d: &Decoder) -> Positions {
    let last = d.context.saturating_sub(1);
    let most = d.cycles_at(last) as f64;
    let array = |pos: usize| d.law.array.0 + d.law.array.1 * (pos / d.law.cols) as u64;
    let marks = ticks(most, 4);
    let top = marks.last().copied().unwrap_or(0.0).max(most) * 1.04;
    let x = |pos: usize| ORIGIN[0] + PLOT[0] * pos as f64 / d.context.max(1) as f64;
    let y = |cycles: f64| ORIGIN[1] + PLOT[1] * (1.0 - cycles / top);
    let steps = |of: &dyn Fn(usize) -> u64| {
        let each = (0..d.context).step_by(d.law.cols).map(|pos| {
            let at = y(of(pos) as f64);
            format!("{:.1},{at:.1} {:.1},{at:.1}", x(pos), x((pos + d.law.cols).min(d.context)))
        });
        each.collect::<Vec<_>>().join(" ")
    };
    let cycles = |pos: usize| d.cycles_at(pos);
    Positions {
        cycles: steps(&cycles),
        array: steps(&array),
        names: [(y(most) - 7.0, "cycles of a token"), (y(array(last) as f64) - 7.0, "steps of the array")],
        x_ticks: ticks(d.context as f64, 6).into_iter().map(|t| Tick { at: x(t as usize), text: label(t) }).collect(),
        y_ticks: marks.into_iter().map(|t| Tick { at: y(t), text: label(t) }).collect(),
        law: format!("{} + {} ⌊position / {}⌋ cycles", crate::numbers::grouped(d.law.cycles), d.law.each, d.law.cols),
    }
}

impl Positions {
    /// Corners of the plot: left, top, right, bottom.
    fn corners(&self) -> [f64; 4] {
        [ORIGIN[0], ORIGIN[1], ORIGIN[0] + PLOT[0], ORIGIN[1] + PLOT[1]]
    }

    fn middle(&self) -> [f64; 2] {
        [ORIGIN[0] + PLOT[0] / 2.0, ORIGIN[1] + PLOT[1] / 2.0]
    }
}
