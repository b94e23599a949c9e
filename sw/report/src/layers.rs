// SPDX-License-Identifier: Apache-2.0
//! Cycles by layer, with what they were spent on: the compiler's report as bars.

use systole_compiler::verify::Effects;
use systole_compiler::{Compiled, LayerReport, Origins};

/// A row.
pub struct Row {
    /// Its number in the graph from 1 on; 0 of what is no layer.
    pub number: usize,
    /// Name.
    pub name: String,
    /// Kind of layer, output pixels, tiles.
    pub kind: String,
    /// Cycles from the end of the layer before to its own.
    pub cycles: u64,
    /// Length of the bar, in per cent of the longest.
    pub length: f64,
    /// Parts of the bar in per cent of it: multiplying, waiting; the rest is lost otherwise.
    pub useful: f64,
    /// Of these the array waits.
    pub waiting: f64,
    /// Share of the array's multiplications, in per cent, where the layer multiplies.
    pub used: Option<f64>,
    /// Where the others went.
    pub why: String,
    /// Colour class.
    pub class: String,
}

/// All of them, and what the last results take to leave behind the last layer.
pub fn rows(compiled: &Compiled) -> Vec<Row> {
    let behind = compiled.cycles - compiled.layers.iter().map(|l| l.cycles).sum::<u64>();
    let longest = compiled.layers.iter().map(|l| l.cycles).max().unwrap_or(0).max(behind).max(1) as f64;
    let row = |(n, l): (usize, &LayerReport)| {
        let tiles = if l.n_tiles * l.k_tiles > 0 { format!("{} × {} tiles", l.k_tiles, l.n_tiles) } else { String::new() };
        Row {
            number: l.layer + 1,
            name: l.name.clone(),
            kind: format!(
                "{}, {} pixel{}, {tiles}",
                l.kind,
                crate::numbers::grouped(l.m as u64),
                if l.m == 1 { "" } else { "s" }
            ),
            cycles: l.cycles,
            length: 100.0 * l.cycles as f64 / longest,
            useful: (100.0 * l.utilisation).min(100.0),
            waiting: (100.0 * l.bubble as f64 / l.cycles.max(1) as f64).min(100.0 - (100.0 * l.utilisation).min(100.0)),
            used: Some(100.0 * l.utilisation),
            why: l.why.clone(),
            class: crate::pane::colour(Some(n)),
        }
    };
    let mut rows: Vec<Row> = compiled.layers.iter().enumerate().map(row).collect();
    rows.push(Row {
        number: 0,
        name: "until the last result has left".into(),
        kind: String::new(),
        cycles: behind,
        length: 100.0 * behind as f64 / longest,
        useful: 0.0,
        waiting: 100.0,
        used: None,
        why: String::new(),
        class: "cn".into(),
    });
    rows
}

/// Of a program without a report by layer: the cycles from the end of each part's effects to the end of the next one's.
pub fn of_parts(effects: &Effects, origins: &Origins) -> Vec<Row> {
    let mut ends: Vec<Option<(u64, u64)>> = vec![None; origins.names.len()];
    for e in &effects.rows {
        if let Some(part) = origins.parts.get(e.row).copied().flatten() {
            let at = ends[part].get_or_insert((e.last, e.first));
            *at = (at.0.max(e.last), at.1.min(e.first));
        }
    }
    let mut order: Vec<(usize, u64)> = ends.iter().enumerate().filter_map(|(n, e)| Some((n, (*e)?.0))).collect();
    order.sort_by_key(|o| o.1);
    let mut before = 0;
    let mut rows: Vec<Row> = vec![];
    for (n, end) in order {
        let cycles = (end + 1).saturating_sub(before);
        before = before.max(end + 1);
        rows.push(Row {
            number: origins.numbers[n],
            name: origins.names[n].clone(),
            kind: String::new(),
            cycles,
            length: 0.0,
            useful: 100.0,
            waiting: 0.0,
            used: None,
            why: String::new(),
            class: crate::pane::colour(Some(n)),
        });
    }
    let behind = effects.end.saturating_sub(before);
    if behind > 0 {
        rows.push(Row {
            number: 0,
            name: "until END".into(),
            kind: String::new(),
            cycles: behind,
            length: 0.0,
            useful: 0.0,
            waiting: 100.0,
            used: None,
            why: String::new(),
            class: "cn".into(),
        });
    }
    let longest = rows.iter().map(|r| r.cycles).max().unwrap_or(1).max(1) as f64;
    rows.iter_mut().for_each(|r| r.length = 100.0 * r.cycles as f64 / longest);
    rows
}

/// Of a program whose parts take turns: the steps of the array of each, and the cycles in which it has none.
pub fn steps_of_parts(effects: &Effects, origins: &Origins) -> Vec<Row> {
    let mut steps = vec![0; origins.names.len()];
    for e in &effects.rows {
        if let Some(part) = origins.parts.get(e.row).copied().flatten() {
            steps[part] += e.steps;
        }
    }
    let row = |number: usize, name: String, cycles: u64, class: String| Row {
        number,
        name,
        kind: String::new(),
        cycles,
        length: 0.0,
        useful: if number > 0 { 100.0 } else { 0.0 },
        waiting: if number > 0 { 0.0 } else { 100.0 },
        used: None,
        why: String::new(),
        class,
    };
    let without = effects.end.saturating_sub(steps.iter().sum());
    let parts = steps.iter().enumerate().filter(|(_, s)| **s > 0);
    let mut rows: Vec<Row> =
        parts.map(|(n, &s)| row(origins.numbers[n], origins.names[n].clone(), s, crate::pane::colour(Some(n)))).collect();
    rows.push(row(0, "no step of the array".into(), without, "cn".into()));
    rows
}
