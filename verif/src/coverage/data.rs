// SPDX-License-Identifier: Apache-2.0
//! Coverage data as Verilator writes it, joined over instances, parameters, models and processes.

use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A block or an arm of a branch: where it begins, and Verilator's name for it (`if`, `else`, `case`, ..).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockKey {
    /// Line and column.
    pub at: (u32, u32),
    /// Its kind.
    pub kind: String,
}

/// A block: how often it was entered in the run that did so most often, and the lines that stand in it.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// Times.
    pub count: u64,
    /// Lines.
    pub lines: BTreeSet<u32>,
}

/// A bit of a signal or of a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitKey {
    /// Line of its declaration.
    pub line: u32,
    /// `name` or `name[bit]`.
    pub name: String,
}

/// What is known of one file, which is one module.
#[derive(Debug, Clone, Default)]
pub struct Module {
    /// Blocks of procedural code.
    pub blocks: BTreeMap<BlockKey, Block>,
    /// Bits, and how often each changed in that instance and run in which it did most often: a bit of one instance that
    /// changed twice has risen and fallen.
    pub bits: BTreeMap<BitKey, u64>,
    /// Cover statements, by label and the generated blocks around them.
    pub points: BTreeMap<String, u64>,
}

impl Module {
    /// The lines that have code, and whether each is covered: every block and arm that stands on it was entered.
    pub fn lines(&self) -> BTreeMap<u32, u64> {
        let mut lines = BTreeMap::new();
        for block in self.blocks.values() {
            for &line in &block.lines {
                let count = lines.entry(line).or_insert(u64::MAX);
                *count = block.count.min(*count);
            }
        }
        lines
    }
}

/// Modules by their file's path from the root of the project.
pub type Data = BTreeMap<String, Module>;

/// Numbers `10-12,15` as a set.
fn numbers(text: &str) -> BTreeSet<u32> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<u32>().ok()?..=last.parse().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

/// Takes in a data file. Points of files that do not lie in `rtl/` are left out: cells of FPGAs, models of devices.
pub fn read(data: &mut Data, text: &str) {
    for line in text.lines() {
        let Some((keys, count)) = line.strip_prefix("C '").and_then(|l| l.rsplit_once("' ")) else { continue };
        let keys: BTreeMap<&str, &str> = keys.split('\u{1}').filter_map(|pair| pair.split_once('\u{2}')).collect();
        let get = |key: &str| keys.get(key).copied().unwrap_or("");
        let Some(at) = get("f").find("rtl/") else { continue };
        let module = data.entry(get("f")[at..].to_string()).or_default();
        let count: u64 = count.parse().unwrap_or(0);
        let line: u32 = get("l").parse().unwrap_or(0);
        let column: u32 = get("n").parse().unwrap_or(0);
        match get("page").split('/').next() {
            Some("v_toggle") => {
                let bit = module.bits.entry(BitKey { line, name: get("o").to_string() }).or_default();
                *bit = count.max(*bit);
            }
            Some("v_user") => {
                let inside = get("h").split('.').skip_while(|part| !part.starts_with("cover_")).collect::<Vec<_>>().join(".");
                let point = module.points.entry(inside).or_default();
                *point = count.max(*point);
            }
            Some(kind @ ("v_line" | "v_branch")) => {
                let kind = format!("{} {}", kind.trim_start_matches("v_"), get("o"));
                let block = module.blocks.entry(BlockKey { at: (line, column), kind }).or_default();
                block.count = count.max(block.count);
                block.lines.insert(line);
                block.lines.extend(numbers(get("S")));
            }
            _ => {}
        }
    }
}

/// All data files of a folder, and all functional points that were recorded there.
///
/// # Errors
/// A file that cannot be read; no file at all.
pub fn read_folder(folder: &Path) -> Result<(Data, BTreeSet<String>)> {
    let (mut data, mut points) = (Data::new(), BTreeSet::new());
    for entry in std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        let text = || std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()));
        match path.extension().and_then(|e| e.to_str()) {
            Some("dat") => read(&mut data, &text()?),
            Some("txt") => points.extend(text()?.lines().map(String::from)),
            _ => {}
        }
    }
    anyhow::ensure!(!data.is_empty(), "{}: no coverage data", folder.display());
    Ok((data, points))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(page: &str, line: u32, name: &str, lines: &str, hier: &str, count: u64) -> String {
        let keys = [
            ("f", "/x/rtl/core/m.v"),
            ("l", &line.to_string()),
            ("n", "3"),
            ("page", page),
            ("o", name),
            ("S", lines),
            ("h", hier),
        ];
        let keys: String = keys.iter().map(|(k, v)| format!("\u{1}{k}\u{2}{v}")).collect();
        format!("C '{keys}' {count}\n")
    }

    #[test]
    fn a_line_is_covered_when_every_arm_on_it_was_entered() {
        let mut data = Data::new();
        read(&mut data, &point("v_branch/m", 7, "if", "7-8", "a", 5));
        read(&mut data, &point("v_branch/m__P1", 7, "else", "7,10", "b", 0));
        assert_eq!(data["rtl/core/m.v"].lines(), [(7, 0), (8, 5), (10, 0)].into());
        // Another model with other parameters enters the arm.
        read(&mut data, &point("v_branch/m__P2", 7, "else", "7,10", "c", 2));
        assert_eq!(data["rtl/core/m.v"].lines(), [(7, 2), (8, 5), (10, 2)].into());
    }

    #[test]
    fn changes_of_two_instances_do_not_add_up_to_a_rise_and_a_fall() {
        let mut data = Data::new();
        for instance in ["a", "b"] {
            read(&mut data, &point("v_toggle/m", 4, "x[0]", "", instance, 1));
        }
        assert_eq!(data["rtl/core/m.v"].bits.values().copied().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn files_outside_of_rtl_are_left_out_and_cover_statements_go_by_their_label() {
        let mut data = Data::new();
        read(&mut data, "C '\u{1}f\u{2}/x/verif/cells/a.v\u{1}page\u{2}v_toggle/a\u{1}o\u{2}x' 1\n");
        assert!(data.is_empty());
        read(&mut data, &point("v_user/m", 4, "cover", "", "TOP.m.cover_state.g_from[1].g_to[2]", 3));
        assert_eq!(data["rtl/core/m.v"].points, [("cover_state.g_from[1].g_to[2]".to_string(), 3)].into());
    }
}
