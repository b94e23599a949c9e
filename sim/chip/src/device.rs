// SPDX-License-Identifier: Apache-2.0
//! The RRAM cells: resistances, pulses, drift, wear, disturb, stuck cells, cut pulses.
//!
//! A cell is a lognormal resistance; a bit reads 1 where it is below the read reference. Parameters are a fit to published
//! parts (docs/rram.md names them), not a measurement; what they give is tested against the figures they were fitted to.
//! Every random number comes from the seed and the cell's place, so the same seed is the same part.
//!
//! `cell.rs` is the physics of one cell and its parameters. Here are the cells of a chip: born with stuck ones, read, pulsed,
//! aged, with faults put in. `file.rs` keeps a part from run to run.

mod cell;
mod file;
#[cfg(test)]
mod tests;

pub use cell::{CORNERS, Corner, Pulse, REFERENCES, Torn};
use cell::{Cell, chances, decades, reads_one};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use systole_isa::Config;

/// What happened to the cells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Pulses on bits.
    pub bit_pulses: u64,
    /// Bits that changed state.
    pub flips: u64,
    /// Energy in pJ.
    pub energy_pj: f64,
    /// Power cuts in a pulse.
    pub cuts: u64,
}

/// The cells of a chip.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Device {
    /// Parameters.
    pub corner: Corner,
    /// Seed of the part.
    pub seed: u64,
    /// Machine it belongs to: configuration, WEIGHT_BEATS, ECC (`Config::machine`).
    pub machine: u32,
    /// Of one's own sizes a hash of them (`Config::image_id`).
    sizes: u32,
    /// Life in seconds at 85 C.
    pub now: f64,
    /// What happened.
    pub totals: Totals,
    /// What a cut pulse leaves.
    pub torn: Torn,
    rows: u32,
    depth: u32,
    width: u32,
    touched: BTreeMap<u32, Vec<Cell>>,
    #[serde(skip)]
    changed: Vec<u32>,
}

/// How the bits of a sub-word read at each reference; 64 bits a word.
pub type Planes = [Vec<u64>; 5];

/// A sub-word that was kept by [`Device::keep`].
#[derive(Debug, Clone)]
pub struct Kept {
    key: u32,
    cells: Option<Vec<Cell>>,
    totals: Totals,
}

impl Device {
    /// A new part: everything reads 0, but the cells that are stuck.
    pub fn new(config: &Config, corner: Corner, seed: u64) -> Device {
        let width = config.word_bits() / config.weight_beats;
        let depth = config.rram_depth * config.weight_beats;
        let mut device = Device {
            corner,
            seed,
            machine: config.machine(),
            sizes: config.image_id() >> 16,
            now: 0.0,
            totals: Totals::default(),
            torn: Torn::default(),
            rows: config.rows,
            depth,
            width,
            touched: BTreeMap::new(),
            changed: vec![],
        };
        device.birth();
        device
    }

    fn rng(&self, what: u64) -> ChaCha8Rng {
        chances(self.seed, what)
    }

    /// Stuck cells from birth, alone and in clusters of four.
    fn birth(&mut self) {
        let cells = f64::from(self.rows) * f64::from(self.depth) * f64::from(self.width);
        let mut rng = self.rng(1 << 60);
        let mut draw = |mean: f64| if mean > 0.0 { Poisson::new(mean).map_or(0, |p| p.sample(&mut rng) as u64) } else { 0 };
        let alone = draw(cells * self.corner.stuck * 0.9);
        let clusters = draw(cells * self.corner.stuck * 0.1 / 4.0);
        let mut rng = self.rng(2 << 60);
        for n in 0..alone + clusters {
            let key = rng.random_range(0..self.rows) * self.depth + rng.random_range(0..self.depth);
            let bit = rng.random_range(0..self.width);
            let value = rng.random_range(0..6) != 0;
            let size = if n < alone { 1 } else { 4 };
            for i in 0..size {
                let at = ((bit + i) % self.width) as usize;
                self.word(key)[at].stuck = Some(value);
            }
        }
    }

    /// The cells of a sub-word; those never touched are in the high-resistance state.
    fn word(&mut self, key: u32) -> &mut Vec<Cell> {
        let Device { corner, seed, width, touched, .. } = self;
        touched.entry(key).or_insert_with(|| Cell::untouched(corner, *seed, key, *width))
    }

    /// ln R of a cell now.
    fn ln_r(&self, cell: &Cell) -> f64 {
        cell.ln_r_after(&self.corner, decades(self.now - cell.since))
    }

    /// How a sub-word reads at one reference, by its code.
    pub fn plane(&self, row: u32, address: u32, reference: usize) -> Vec<u64> {
        let mut plane = vec![0; self.width.div_ceil(64) as usize];
        let limit = REFERENCES[reference].ln();
        let mut last = (0.0, 0.0); // age of the cell before, and its decades
        for (i, cell) in self.touched.get(&(row * self.depth + address)).into_iter().flatten().enumerate() {
            let age = self.now - cell.since;
            if age != last.0 {
                last = (age, decades(age));
            }
            plane[i / 64] |= u64::from(cell.ln_r_after(&self.corner, last.1) < limit) << (i % 64);
        }
        plane
    }

    /// How a sub-word reads at each reference.
    pub fn planes(&self, row: u32, address: u32) -> Planes {
        let mut planes: Planes = std::array::from_fn(|_| vec![0; self.width.div_ceil(64) as usize]);
        if let Some(cells) = self.touched.get(&(row * self.depth + address)) {
            for (i, cell) in cells.iter().enumerate() {
                let ln_r = self.ln_r(cell);
                for (plane, reference) in planes.iter_mut().zip(REFERENCES) {
                    plane[i / 64] |= u64::from(ln_r < reference.ln()) << (i % 64);
                }
            }
        }
        planes
    }

    /// A sub-word as it is, and what happened to the cells so far.
    pub fn keep(&self, row: u32, address: u32) -> Kept {
        let key = row * self.depth + address;
        Kept { key, cells: self.touched.get(&key).cloned(), totals: self.totals.clone() }
    }

    /// Makes a sub-word what it was, as if nothing had happened since.
    pub fn put_back(&mut self, kept: Kept) {
        match kept.cells {
            Some(cells) => _ = self.touched.insert(kept.key, cells),
            None => _ = self.touched.remove(&kept.key),
        }
        self.totals = kept.totals;
    }

    /// A pulse on cells of a sub-word.
    pub fn pulse(&mut self, row: u32, address: u32, pulse: Pulse) {
        let key = row * self.depth + address;
        let Device { corner, seed, now, totals, torn, width, touched, .. } = self;
        let cells = touched.entry(key).or_insert_with(|| Cell::untouched(corner, *seed, key, *width));
        totals.cuts += u64::from(pulse.cut);
        for bit in (0..64).filter(|i| pulse.mask >> i & 1 == 1 && pulse.part * 64 + i < *width) {
            let at = pulse.part * 64 + bit;
            let place = u64::from(key) << 20 ^ u64::from(at) << 2;
            totals.bit_pulses += 1;
            totals.energy_pj += corner.pulse_pj;
            totals.flips += u64::from(cells[at as usize].take(corner, pulse, *torn, (*seed, place), *now));
        }
    }

    /// Lets time pass: every cell drifts. Words that read differently are told by [`Device::take_changed`].
    pub fn age(&mut self, seconds: f64, celsius: f64) {
        self.now += seconds * self.corner.acceleration(celsius);
        self.changed.extend(self.touched.keys().copied());
    }

    /// Reads every touched bit so many times: some move to the wrong state.
    pub fn disturb(&mut self, reads: f64, seed: u64) {
        let p = 1.0 - (1.0 - self.corner.disturb.min(1.0)).powf(reads);
        let mut rng = self.rng(3 << 60 ^ seed);
        let keys: Vec<u32> = self.touched.keys().copied().collect();
        for key in keys {
            for i in 0..self.width as usize {
                if rng.random_range(0.0..1.0) < p {
                    let one = reads_one(self.ln_r(&self.touched[&key][i]));
                    self.set_cell(key, i, !one);
                }
            }
        }
    }

    fn set_cell(&mut self, key: u32, bit: usize, one: bool) {
        let now = self.now;
        let value = if one { self.corner.lrs.0 } else { self.corner.hrs.0 }.ln();
        let cell = &mut self.word(key)[bit];
        (cell.ln_r, cell.since) = (value as f32, now);
        self.changed.push(key);
    }

    /// Turns a bit over, as a fault would.
    pub fn flip(&mut self, row: u32, address: u32, bit: u32) {
        let key = row * self.depth + address;
        let cell = self.word(key)[bit as usize];
        let one = reads_one(self.ln_r(&cell));
        self.set_cell(key, bit as usize, !one);
    }

    /// Makes a cell stuck.
    pub fn stick(&mut self, row: u32, address: u32, bit: u32, one: bool) {
        let key = row * self.depth + address;
        self.word(key)[bit as usize].stuck = Some(one);
        self.changed.push(key);
    }

    /// Every touched sub-word, as (row, address).
    pub fn words(&self) -> Vec<(u32, u32)> {
        self.touched.keys().map(|k| (k / self.depth, k % self.depth)).collect()
    }

    /// Sub-words that changed other than by pulses since the last call.
    pub fn take_changed(&mut self) -> Vec<(u32, u32)> {
        let mut keys = std::mem::take(&mut self.changed);
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().map(|k| (k / self.depth, k % self.depth)).collect()
    }

    /// Bits of a sub-word.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Most pulses that a cell took.
    pub fn most_pulses(&self) -> u32 {
        self.touched.values().flatten().map(|c| c.pulses).max().unwrap_or(0)
    }

    /// Stuck cells.
    pub fn stuck(&self) -> usize {
        self.touched.values().flatten().filter(|c| c.stuck.is_some()).count()
    }
}
