// SPDX-License-Identifier: Apache-2.0
//! Memories over time: which tensor or weight lies at which words, in which cycles.

use systole_compiler::Origins;
use systole_compiler::verify::{Effects, Life, Store};
use systole_isa::Config;

/// Words of one tensor, or of one layer's weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// First word.
    pub base: u32,
    /// Words.
    pub words: u32,
    /// First cycle.
    pub from: u64,
    /// Last cycle.
    pub to: u64,
    /// The tensor, or the layer.
    pub name: String,
    /// The part of the network that makes it, or whose weights they are.
    pub part: Option<usize>,
    /// The number by which people know it.
    pub number: Option<usize>,
    /// The words are always there; the cycles are those in which they are read.
    pub reads: bool,
}

/// A memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// Its name.
    pub name: &'static str,
    /// What lies in it.
    pub places: Vec<Place>,
    /// Words that are used.
    pub used: usize,
    /// Words there are.
    pub size: usize,
    /// Words that a picture shows.
    pub shown: u32,
}

/// What words belong to: a tensor, or what a part of the network writes.
pub fn group(origins: &Origins, row: usize) -> usize {
    match (origins.writes.get(row).copied().flatten(), origins.parts.get(row).copied().flatten()) {
        (Some(tensor), _) => tensor,
        (None, Some(part)) => origins.tensors.len() + part,
        _ => origins.tensors.len() + origins.names.len(),
    }
}

fn place(life: &Life, origins: &Origins) -> Place {
    let part = life.row.and_then(|r| origins.parts.get(r).copied().flatten());
    let name = match (life.row, life.store) {
        (None, _) => Some("kept from earlier runs"),
        (Some(row), Store::X) => origins.tensor(row).or_else(|| origins.name(row)),
        (Some(row), _) => origins.name(row),
    };
    Place {
        base: life.base,
        words: life.words,
        from: life.from,
        to: life.to,
        name: name.unwrap_or("frame").to_string(),
        number: part.and_then(|p| origins.numbers.get(p).copied()),
        part,
        reads: life.store == Store::Rram,
    }
}

/// X, RRAM and W SRAM, those that the program uses; `used` says the words of each as the compiler reports them.
pub fn maps(effects: &Effects, origins: &Origins, config: &Config, used: &dyn Fn(&str) -> Option<usize>) -> Vec<Map> {
    let of = |store: Store, name: &'static str, size: u32| {
        let lives = effects.lives.iter().filter(|l| l.store == store);
        let places: Vec<Place> = lives.map(|l| place(l, origins)).collect();
        let top = places.iter().map(|p| p.base + p.words).max()?;
        let used = used(name).unwrap_or(top as usize).max(top as usize);
        Some(Map { name, places, used, size: size as usize, shown: used as u32 })
    };
    [(Store::X, "X", config.x_depth), (Store::Rram, "RRAM", config.rram_depth), (Store::WSram, "W SRAM", config.w_sram_depth)]
        .into_iter()
        .filter_map(|(store, name, size)| of(store, name, size))
        .collect()
}
