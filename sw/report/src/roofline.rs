// SPDX-License-Identifier: Apache-2.0
//! The roofline: multiplications a cycle over multiplications for each byte that the array reads.
//!
//! In every cycle the array can take a weight word of R C bytes (in D cycles where the banks are slower) and an X word of R bytes, and
//! multiply R C times. IN and OUT bring and take C bytes a cycle.

use crate::numbers::{label, short};
use askama::Template;
use systole_compiler::Compiled;
use systole_compiler::verify::Effects;
use systole_isa::Config;

/// Size of the plot and where it begins.
const PLOT: [f64; 2] = [392.0, 270.0];
const ORIGIN: [f64; 2] = [56.0, 14.0];

/// A layer on the plot.
pub struct Point {
    /// Its number in the graph, from 1 on.
    pub number: usize,
    /// Its name.
    pub name: String,
    /// Bytes of weights and activations that it reads.
    pub bytes: u64,
    /// Multiplications for each byte.
    pub intensity: f64,
    /// Multiplications a cycle that the law of time allows.
    pub law: f64,
    /// Multiplications a cycle that it gets.
    pub achieved: f64,
    /// Colour class.
    pub class: String,
    /// Place on the plot, and that of the law above it.
    pub x: f64,
    /// Place on the plot.
    pub y: f64,
    /// Of the law.
    pub y_law: f64,
}

/// A mark of an axis.
pub struct Tick {
    /// Place.
    pub at: f64,
    /// Text.
    pub text: String,
}

/// Numbers of layers, beside their points.
pub struct Number {
    /// Place.
    pub x: f64,
    /// Place.
    pub y: f64,
    /// Numbers: `2`, `2–5, 8`.
    pub text: String,
    /// Whether it begins there, or has its middle there.
    pub anchor: &'static str,
}

/// The numbers of points; one text for those that lie on each other, above them at the roof, else below them.
fn numbers(points: &[Point], roof: f64) -> Vec<Number> {
    let mut groups: Vec<(f64, f64, f64, Vec<usize>)> = vec![];
    let mut order: Vec<&Point> = points.iter().collect();
    order.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    for p in order {
        let near = groups.iter_mut().find(|g| p.x - g.1 < 22.0 && (p.y - g.2).abs() < 12.0);
        match near {
            Some(g) => {
                g.1 = p.x;
                g.2 = g.2.max(p.y);
                g.3.push(p.number);
            }
            None => groups.push((p.x, p.x, p.y, vec![p.number])),
        }
    }
    let text = |(first, last, y, list): (f64, f64, f64, Vec<usize>)| match list.as_slice() {
        [one] => Number { x: first + 8.0, y: y + 4.0, text: one.to_string(), anchor: "start" },
        many => {
            let y = if y < roof + 12.0 { roof - 10.0 } else { y + 18.0 };
            Number { x: (first + last) / 2.0, y, text: ranges(many), anchor: "mid" }
        }
    };
    groups.into_iter().map(text).collect()
}

/// Numbers as people list them: `2–5, 8`.
fn ranges(list: &[usize]) -> String {
    let mut list = list.to_vec();
    list.sort_unstable();
    let runs = list.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [a, .., b] if b - a > 1 => format!("{a}–{b}"),
        run => run.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    });
    runs.collect::<Vec<_>>().join(", ")
}

/// A roof: its corners, and what it is.
pub struct Roof {
    /// Points of a polyline.
    pub points: String,
    /// What it is.
    pub name: String,
    /// Where that stands.
    pub x: f64,
    /// Where that stands.
    pub y: f64,
    /// Whether it begins or ends there.
    pub anchor: &'static str,
    /// Style class.
    pub class: &'static str,
}

/// Cycles that a path of the machine needs at least.
pub struct Path {
    /// What it is.
    pub name: String,
    /// How fast.
    pub rate: String,
    /// Cycles.
    pub cycles: u64,
    /// Of the run's cycles, in per cent.
    pub share: f64,
}

/// The picture.
#[derive(Template)]
#[template(path = "roofline.svg")]
pub struct Roofline {
    /// Layers that multiply.
    pub points: Vec<Point>,
    /// Their numbers, once for those that lie on each other.
    pub numbers: Vec<Number>,
    /// Layers that do not.
    pub without: usize,
    /// The whole network over the bytes of its frames.
    pub whole: Option<Point>,
    /// Roofs.
    pub roofs: Vec<Roof>,
    /// Marks below.
    pub x_ticks: Vec<Tick>,
    /// Marks at the left.
    pub y_ticks: Vec<Tick>,
    /// What each path needs by itself.
    pub paths: Vec<Path>,
}

/// Decades of an axis.
struct Decades {
    low: i32,
    high: i32,
}

impl Decades {
    fn of(values: impl Iterator<Item = f64>, low: f64, high: f64) -> Decades {
        let (a, b) = values.filter(|v| *v > 0.0).fold((low, high), |(a, b), v| (a.min(v), b.max(v)));
        Decades { low: a.log10().floor() as i32, high: b.log10().ceil() as i32 }
    }

    fn share(&self, value: f64) -> f64 {
        (value.max(1e-12).log10() - f64::from(self.low)) / f64::from((self.high - self.low).max(1))
    }
}

/// Layers of a compiled network on the plot; `effects` say what each reads.
pub fn roofline(compiled: &Compiled, effects: &Effects, config: &Config) -> Roofline {
    let [r, c, d] = [config.rows, config.cols, config.weight_beats].map(u64::from);
    let array = (r * c) as f64;
    let mut bytes = vec![0; compiled.layers.len()];
    let (mut weights, mut words) = (0, 0);
    for e in &effects.rows {
        weights += e.weights;
        words += e.x_words;
        if let Some(part) = compiled.origins.parts.get(e.row).copied().flatten() {
            bytes[part] += e.weights * r * c + e.x_words * r + e.flat_words * c;
        }
    }
    let layers = compiled.layers.iter().zip(&bytes).enumerate().filter(|(_, (l, b))| l.macs > 0 && **b > 0);
    let mut points: Vec<Point> = layers
        .map(|(n, (l, &bytes))| Point {
            number: l.layer + 1,
            name: l.name.clone(),
            bytes,
            intensity: l.macs as f64 / bytes as f64,
            law: l.macs as f64 / l.law.max(1) as f64,
            achieved: l.macs as f64 / l.cycles.max(l.busy).max(1) as f64,
            class: crate::pane::colour(Some(n)),
            x: 0.0,
            y: 0.0,
            y_law: 0.0,
        })
        .collect();
    let (image, macs) = (&compiled.image, compiled.image.macs);
    let frames = u64::from(image.in_bytes + image.out_bytes);
    let cycles = compiled.cycles.max(1);
    let mut whole = (macs > 0 && frames > 0).then(|| Point {
        number: 0,
        name: "whole network".into(),
        bytes: frames,
        intensity: macs as f64 / frames as f64,
        law: array,
        achieved: macs as f64 / cycles as f64,
        class: "whole".into(),
        x: 0.0,
        y: 0.0,
        y_law: 0.0,
    });
    let all = || points.iter().chain(&whole);
    let across = Decades::of(all().map(|p| p.intensity), 0.1, 10.0);
    let up = Decades::of(all().map(|p| p.achieved), 1.0, array);
    let x = |v: f64| ORIGIN[0] + PLOT[0] * across.share(v);
    let y = |v: f64| ORIGIN[1] + PLOT[1] * (1.0 - up.share(v));
    let (left, right) = (10f64.powi(across.low), 10f64.powi(across.high));
    let roof = |rate: f64, name: String, class: &'static str| {
        let knee = (array / rate).clamp(left, right);
        let floor = 10f64.powi(up.low);
        let first = left.max(floor / rate);
        let mut corners = vec![(first, first * rate), (knee, (knee * rate).min(array))];
        if knee < right {
            corners.push((right, array));
        }
        let text: Vec<String> = corners.iter().map(|c| format!("{:.1},{:.1}", x(c.0), y(c.1))).collect();
        Roof { points: text.join(" "), name, x: x(knee) + 6.0, y: y(array) - 9.0, anchor: "start", class }
    };
    let bandwidth = array / d as f64 + r as f64;
    let roofs = vec![
        roof(c as f64, String::new(), "frames"),
        roof(bandwidth, format!("{} multiplications a cycle", label(array)), "array"),
    ];
    let placed = |p: &mut Point| {
        (p.x, p.y, p.y_law) = (x(p.intensity), y(p.achieved), y(p.law.min(array)));
    };
    points.iter_mut().for_each(placed);
    whole.iter_mut().for_each(placed);
    let numbers = numbers(&points, y(array));
    // The roof's name where no numbers are.
    let left = numbers.iter().filter(|n| n.anchor == "mid").all(|n| n.x < ORIGIN[0] + PLOT[0] / 2.0);
    let mut roofs = roofs;
    if left {
        roofs.iter_mut().for_each(|r| (r.x, r.anchor) = (x(right), "end"));
    }
    let decades = |d: &Decades, at: &dyn Fn(f64) -> f64| {
        (d.low..=d.high).map(|e| Tick { at: at(10f64.powi(e)), text: label(10f64.powi(e)) }).collect()
    };
    let path = |name: &str, rate: String, cycles: u64| Path {
        name: name.into(),
        rate,
        cycles,
        share: 100.0 * cycles as f64 / compiled.cycles.max(1) as f64,
    };
    let each = |bytes: u64| format!("{} bytes a cycle", label(bytes as f64));
    let weight_rate = if d == 1 { each(r * c) } else { format!("{} bytes every {d} cycles", label((r * c) as f64)) };
    let paths = vec![
        path("multiplications", format!("{} a cycle", label(array)), macs.div_ceil(r * c)),
        path("the array's law of time", "a vector a cycle".into(), compiled.law),
        path("weights into the array", weight_rate, weights * d),
        path("X into the array", each(r), words),
        path("IN", each(c), u64::from(image.in_bytes).div_ceil(c)),
        path("OUT", each(c), u64::from(image.out_bytes).div_ceil(c)),
    ];
    Roofline {
        without: compiled.layers.len() - points.len(),
        points,
        numbers,
        whole,
        roofs,
        x_ticks: decades(&across, &x),
        y_ticks: decades(&up, &y),
        paths,
    }
}

impl Roofline {
    /// Corners of the plot: left, top, right, bottom.
    fn corners(&self) -> [f64; 4] {
        [ORIGIN[0], ORIGIN[1], ORIGIN[0] + PLOT[0], ORIGIN[1] + PLOT[1]]
    }

    fn middle(&self) -> [f64; 2] {
        [ORIGIN[0] + PLOT[0] / 2.0, ORIGIN[1] + PLOT[1] / 2.0]
    }

    /// What a point says, in words.
    pub fn tip(&self, p: &Point) -> String {
        let of = if p.number == 0 { String::new() } else { format!(", its law allows {}", short(p.law)) };
        format!("{}: {} multiplications a byte, {} a cycle{of}", p.name, short(p.intensity), short(p.achieved))
    }
}
