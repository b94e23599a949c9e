// SPDX-License-Identifier: Apache-2.0
//! Weight tiles in order of use, and the vector unit's parameters, of programs that run on tokens.

use std::collections::HashMap;
use systole_isa::{Config, F24, f24};
use systole_llm::Matrix;

pub(crate) struct Weights {
    c: usize,
    ways: usize,
    /// Tile by tile, rows of C bytes.
    pub tiles: Vec<i8>,
    /// Parameter words, C lanes each, as uploaded.
    pub params: Vec<u64>,
    known: HashMap<Vec<u64>, u32>,
}

impl Weights {
    pub fn new(config: &Config) -> Weights {
        Weights { c: config.cols as usize, ways: config.rram_ways as usize, tiles: vec![], params: vec![], known: HashMap::new() }
    }

    /// Columns C.
    pub fn lanes(&self) -> usize {
        self.c
    }

    /// Weight words so far.
    pub fn words(&self) -> usize {
        self.tiles.len() / (self.c * self.c)
    }

    /// A matrix of `k` by `n` words: for each word of outputs the tiles of its inputs. `row` and `column` say which output and
    /// input of the matrix a channel is; none: zeros. The first word.
    pub fn matrix(
        &mut self,
        m: &Matrix,
        k: usize,
        n: usize,
        row: &dyn Fn(usize) -> Option<usize>,
        column: &dyn Fn(usize) -> Option<usize>,
    ) -> usize {
        self.product(k, n, |input, output| column(input).zip(row(output)).map_or(0, |(i, o)| m.codes[o * m.inputs + i]))
    }

    /// A matrix of `k` by `n` words by what joins an input to an output. The first word.
    pub fn product(&mut self, k: usize, n: usize, value: impl Fn(usize, usize) -> i8) -> usize {
        let base = self.words();
        for (n, k) in (0..n).flat_map(|n| (0..k).map(move |k| (n, k))) {
            for r in 0..self.c {
                self.tiles.extend((0..self.c).map(|c| value(k * self.c + r, n * self.c + c)));
            }
        }
        base
    }

    /// A table of `entries` rows, `n` words each, to be picked by a one-hot vector: for each word the tiles of R entries. The first
    /// word, and how far the next word's tiles lie: so far that neighbours are in different ways.
    pub fn table(&mut self, entries: usize, n: usize, value: impl Fn(usize, usize) -> i8) -> (usize, usize) {
        let base = self.words();
        let blocks = entries.div_ceil(self.c);
        let stride = if self.ways > 1 && blocks.is_multiple_of(2) { blocks + 1 } else { blocks };
        for word in 0..n {
            for entry in 0..stride * self.c {
                let lanes = (0..self.c).map(|c| if entry < entries { value(entry, word * self.c + c) } else { 0 });
                self.tiles.extend(lanes);
            }
        }
        (base, stride)
    }

    /// Parameter words of these scales, 0 where there is none; the first. Equal ones are stored once.
    pub fn scales(&mut self, scales: impl Iterator<Item = Option<F24>>) -> u32 {
        self.lines(scales.map(|s| (s.unwrap_or(F24::ZERO), F24::ZERO)))
    }

    /// Parameter words of these scales and biases; the first. Equal ones are stored once.
    pub fn lines(&mut self, lines: impl Iterator<Item = (F24, F24)>) -> u32 {
        let words: Vec<u64> = lines.map(|(s, b)| f24::encode_param(s, b)).collect();
        *self.known.entry(words.clone()).or_insert_with(|| {
            let at = self.params.len() / self.c;
            self.params.extend(words);
            at as u32
        })
    }

    /// A parameter word of one scale.
    pub fn constant(&mut self, scale: f64) -> u32 {
        self.scales(vec![Some(F24::from_f64(scale)); self.c].into_iter())
    }

    /// For each of `places` heads side by side in a word, a parameter word that chooses its lanes; and how far those of the next
    /// word lie: 0, but where some of the `words` have empty places.
    pub fn masks(&mut self, places: usize, words: usize, taken: &dyn Fn(usize) -> bool) -> (u32, i64) {
        let width = self.c / places;
        let all = (0..words * places).all(taken);
        let slots = if all { places } else { words * places };
        let lanes = (0..slots * self.c).map(|i| {
            let (slot, lane) = (i / self.c, i % self.c);
            (lane / width == slot % places && (all || taken(slot))).then_some(F24::ONE)
        });
        let base = self.scales(lanes.collect::<Vec<_>>().into_iter());
        (base, if all { 0 } else { places as i64 })
    }
}
