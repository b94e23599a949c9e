// SPDX-License-Identifier: Apache-2.0
//! From data and waivers to figures, a table and an lcov file.

use super::data::{Data, Module};
use super::waivers::{Waived, Waivers};
use super::{functional, states};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// A bit is covered when one instance has changed it this often in one run: it has risen and fallen.
pub const RISES: u64 = 2;
/// Per cent of lines that must be covered.
pub const LINES: f64 = 98.0;
/// Per cent of bits that must be covered.
pub const TOGGLES: f64 = 95.0;

/// Covered, of what is not waived, and waived.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Count {
    /// Covered.
    pub covered: usize,
    /// All that should be.
    pub of: usize,
    /// Left out.
    pub waived: usize,
}

impl Count {
    fn of(items: impl Iterator<Item = (bool, bool)>) -> Count {
        let mut count = Count::default();
        for (covered, waived) in items {
            count.waived += usize::from(waived);
            count.of += usize::from(!waived);
            count.covered += usize::from(!waived && covered);
        }
        count
    }

    /// Per cent; 100 where there is nothing to cover.
    pub fn percent(self) -> f64 {
        if self.of == 0 { 100.0 } else { 100.0 * self.covered as f64 / self.of as f64 }
    }

    fn add(&mut self, other: Count) {
        self.covered += other.covered;
        self.of += other.of;
        self.waived += other.waived;
    }

    fn cell(self) -> String {
        if self.of + self.waived == 0 { "".into() } else { format!("{:.1}", self.percent()) }
    }
}

/// All figures.
#[derive(Debug, Default)]
pub struct Report {
    /// Lines, bits and states with arcs, by file.
    pub modules: BTreeMap<String, [Count; 3]>,
    /// Functional points by group.
    pub groups: BTreeMap<String, Count>,
    /// What is not covered and not waived: lines, bits, points.
    pub holes: [Vec<String>; 3],
    /// What makes the report void: stale waivers, arcs that no table has, modules that nothing measured.
    pub errors: Vec<String>,
}

impl Report {
    /// Makes the figures. `points` are the functional points that were recorded, `root` is the project's folder.
    ///
    /// # Errors
    /// A source that cannot be read.
    pub fn new(data: &Data, points: &BTreeSet<String>, waivers: &Waivers, root: &Path) -> std::io::Result<Report> {
        let mut sources = BTreeMap::new();
        for file in data.keys() {
            sources.insert(file.clone(), std::fs::read_to_string(root.join(file))?);
        }
        let (mut declared, mut hit) = (functional::declared(), points.clone());
        let mut own: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut report = Report::default();
        for (file, _) in states::MACHINES {
            let module = data.get(file).cloned().unwrap_or_default();
            let (known, seen) = states::points(file, &module, sources.get(file).map_or("", |s| s));
            report
                .errors
                .extend(seen.difference(&known).map(|point| format!("{point} was seen, and the table of arcs has none")));
            declared.extend(known.iter().cloned());
            hit.extend(seen);
            own.insert(file, known);
        }
        let lines = |file: &str| sources.get(file).map_or(vec![], |s| s.lines().map(String::from).collect());
        let waived = waivers.apply(data, lines, &declared, &hit, RISES);
        report.errors.extend(waived.stale.iter().map(|s| format!("waiver of {s}")));
        for (file, module) in data {
            let counts = report.module(file, module, &waived, &sources[file], own.get(file.as_str()), &hit);
            report.modules.insert(file.clone(), counts);
        }
        for point in &declared {
            let count = Count::of(std::iter::once((hit.contains(point), waived.points.contains(point))));
            report.groups.entry(functional::group(point)).or_default().add(count);
            if count.covered < count.of {
                report.holes[2].push(point.clone());
            }
        }
        Ok(report)
    }

    fn module(
        &mut self,
        file: &str,
        module: &Module,
        waived: &Waived,
        source: &str,
        own: Option<&BTreeSet<String>>,
        hit: &BTreeSet<String>,
    ) -> [Count; 3] {
        let (no_lines, no_bits) = (BTreeSet::new(), BTreeSet::new());
        let out_lines = waived.lines.get(file).unwrap_or(&no_lines);
        let out_bits = waived.bits.get(file).unwrap_or(&no_bits);
        let text: Vec<&str> = source.lines().collect();
        for (line, _) in module.lines().into_iter().filter(|(line, count)| *count == 0 && !out_lines.contains(line)) {
            let arms: Vec<&str> = module
                .blocks
                .iter()
                .filter(|(_, b)| b.count == 0 && b.lines.contains(&line))
                .map(|(k, _)| k.kind.split(' ').next_back().unwrap_or(""))
                .collect();
            self.holes[0].push(format!(
                "{file}:{line} ({}) {}",
                arms.join(", "),
                text.get(line as usize - 1).unwrap_or(&"").trim()
            ));
        }
        for (bit, count) in module.bits.iter().filter(|(bit, count)| **count < RISES && !out_bits.contains(bit)) {
            self.holes[1].push(format!("{file}:{} {} ({count})", bit.line, bit.name));
        }
        let points = own.into_iter().flatten().map(|p| (hit.contains(p), waived.points.contains(p)));
        [
            Count::of(module.lines().into_iter().map(|(line, count)| (count > 0, out_lines.contains(&line)))),
            Count::of(module.bits.iter().map(|(bit, count)| (*count >= RISES, out_bits.contains(bit)))),
            Count::of(points),
        ]
    }

    /// All modules, or all groups, together.
    pub fn totals(&self) -> [Count; 3] {
        let mut totals = [Count::default(); 3];
        for module in self.modules.values() {
            totals[0].add(module[0]);
            totals[1].add(module[1]);
        }
        self.groups.values().for_each(|group| totals[2].add(*group));
        totals
    }

    /// Why the goals are not met; empty where they are.
    pub fn failures(&self) -> Vec<String> {
        let [lines, bits, points] = self.totals();
        let mut failures = self.errors.clone();
        for (what, count, goal) in [("lines", lines, LINES), ("bits", bits, TOGGLES), ("functional points", points, 100.0)] {
            if count.percent() < goal {
                failures.push(format!("{:.2} % of {what} are covered, {goal} % is the goal", count.percent()));
            }
        }
        failures
    }

    /// The tables, as Markdown.
    pub fn tables(&self) -> String {
        let mut t = String::from(
            "| module | lines | line % | bits | toggle % | states and arcs | waived |\n|---|---:|---:|---:|---:|---:|---:|\n",
        );
        let row = |t: &mut String, name: &str, [lines, bits, own]: [Count; 3]| {
            let waived = lines.waived + bits.waived + own.waived;
            let own = if own.of + own.waived == 0 { String::new() } else { format!("{} of {}", own.covered, own.of) };
            let waived = if waived == 0 { String::new() } else { waived.to_string() };
            let _ =
                writeln!(t, "| {name} | {} | {} | {} | {} | {own} | {waived} |", lines.of, lines.cell(), bits.of, bits.cell());
        };
        for (file, counts) in &self.modules {
            row(
                &mut t,
                &format!("`{}`", file.trim_start_matches("rtl/").trim_end_matches(".v").replace("systole_", "")),
                *counts,
            );
        }
        let [lines, bits, _] = self.totals();
        row(&mut t, "**all**", [lines, bits, Count::default()]);
        t += "\n| functional points | reached | of | waived |\n|---|---:|---:|---:|\n";
        for (group, count) in self.groups.iter().chain([(&"**all**".to_string(), &self.totals()[2])]) {
            let waived = if count.waived == 0 { String::new() } else { count.waived.to_string() };
            let _ = writeln!(t, "| {group} | {} | {} | {waived} |", count.covered, count.of);
        }
        t
    }
}

/// The data for lcov's programs: lines by the arm that was entered least, bits as branches of the line that declares them. Waivers
/// change nothing in it.
pub fn lcov(data: &Data, root: &Path) -> String {
    let mut t = String::new();
    for (file, module) in data {
        let _ = writeln!(t, "TN:\nSF:{}", root.join(file).display());
        let lines = module.lines();
        for (line, count) in &lines {
            let _ = writeln!(t, "DA:{line},{count}");
        }
        for (n, (bit, count)) in module.bits.iter().enumerate() {
            let _ = writeln!(t, "BRDA:{},0,{n},{}", bit.line, if *count >= RISES { *count } else { 0 });
        }
        let covered = lines.values().filter(|c| **c > 0).count();
        let _ = writeln!(t, "LF:{}\nLH:{covered}", lines.len());
        let covered = module.bits.values().filter(|c| **c >= RISES).count();
        let _ = writeln!(t, "BRF:{}\nBRH:{covered}\nend_of_record", module.bits.len());
    }
    t
}
