// SPDX-License-Identifier: Apache-2.0
//! Faults in stored words: every word of an image as it lies in RRAM, broken, read back through the code and the CRC.
//!
//! P1 and P2 of docs/rram.md: single and double errors are corrected or flagged by the code; what the code cannot see, the
//! CRC of the image does.

use super::{Outcome, Tally};
use harness::Stream;
use rand::RngExt;
use serde::Serialize;
use std::collections::BTreeMap;
use systole_isa::ecc::{Code, Verdict, WordCode};
use systole_isa::rram::{Layout, slot_bytes};
use systole_isa::{Config, Image};

/// Kinds of faults.
pub const KINDS: [&str; 7] = ["single", "double", "triple", "burst", "stuck", "decoder", "mixed"];

/// What a class of faults came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Result {
    /// Kind of fault.
    pub kind: String,
    /// With the CRC of the image checked.
    pub checked: Tally,
    /// With the code alone.
    pub unchecked: Tally,
    /// Up to 1,000 silent faults (code alone): byte of the image and its wrong value.
    #[serde(skip)]
    pub silent: Vec<Vec<(usize, u8)>>,
}

struct Stored {
    code: Code,
    data_bytes: usize,
    codes: usize,
    line: Vec<u32>,
    words: Vec<Raw>, // by code
    bytes: Vec<u8>,
    crc: u32,
}

/// What is stored of a code: data, check bits.
type Raw = (u128, u32);

/// Breaks words of an image `count` times for each kind.
pub fn run(image: &Image, config: &Config, kinds: &[String], count: u64, seed: u64) -> Vec<Result> {
    let (bytes, record) = slot_bytes(image, config);
    let word = WordCode::of(config);
    let code = word.code().clone();
    let data_bytes = code.data as usize / 8;
    let line_bytes = Layout::of(config).line_bytes as usize;
    let line: Vec<u32> = (0..bytes.len() / data_bytes).map(|n| (n * data_bytes / line_bytes) as u32).collect();
    let words = bytes.chunks(data_bytes).zip(&line).map(|(b, &l)| (number(b), code.encode(number(b), l))).collect();
    let stored = Stored { code, data_bytes, codes: word.codes() as usize, line, words, crc: record.image_crc, bytes };
    kinds
        .iter()
        .map(|kind| {
            let mut random = Stream::new(seed, kind);
            let mut result = Result { kind: kind.clone(), ..Result::default() };
            for n in 0..count {
                stored.fault(kind, n, &mut random, &mut result);
            }
            result
        })
        .collect()
}

impl Stored {
    fn fault(&self, kind: &str, n: u64, random: &mut Stream, result: &mut Result) {
        let kind = match kind {
            "mixed" => ["triple", "burst", "decoder", "stuck"][(n % 4) as usize],
            other => other,
        };
        let bits = self.code.data + self.code.check;
        // Codes that read wrong: their raw content.
        let mut read: BTreeMap<usize, Raw> = BTreeMap::new();
        let flip = |read: &mut BTreeMap<usize, Raw>, at: usize, bit: u32| {
            let w = read.entry(at).or_insert(self.words[at]);
            if bit < self.code.data { w.0 ^= 1 << bit } else { w.1 ^= 1 << (bit - self.code.data) }
        };
        match kind {
            "single" | "double" | "triple" => {
                let at = random.random_range(0..self.words.len());
                let flips = match kind {
                    "single" => 1,
                    "double" => 2,
                    // Three and more, in one code.
                    _ => random.random_range(3..=6),
                };
                let mut places: Vec<u32> = vec![];
                while places.len() < flips {
                    let bit = random.random_range(0..bits);
                    if !places.contains(&bit) {
                        places.push(bit);
                        flip(&mut read, at, bit);
                    }
                }
            }
            "burst" => {
                // 2 to 8 neighbours of a row's word, perhaps across its codes.
                let length = random.random_range(2..=8u32);
                let word = random.random_range(0..self.words.len() / self.codes) * self.codes;
                let first = random.random_range(0..bits * self.codes as u32 - length);
                for bit in first..first + length {
                    flip(&mut read, word + (bit / bits) as usize, bit % bits);
                }
            }
            "stuck" => {
                // A cell, a column of a row's bank, or a line's word stuck at a value.
                let one: bool = random.random();
                let (first, step, bit) = match random.random_range(0..3) {
                    0 => (random.random_range(0..self.words.len()), usize::MAX, random.random_range(0..bits)),
                    1 => {
                        let per_line = self.line.iter().filter(|&&l| l == 0).count();
                        (random.random_range(0..per_line), per_line, random.random_range(0..bits))
                    }
                    _ => (random.random_range(0..self.words.len()), usize::MAX, u32::MAX),
                };
                let mut at = first;
                while at < self.words.len() {
                    let (data, check) = self.words[at];
                    for b in (0..bits).filter(|&b| bit == u32::MAX || b == bit) {
                        let now = if b < self.code.data { data >> b & 1 } else { u128::from(check >> (b - self.code.data) & 1) };
                        if (now == 1) != one {
                            flip(&mut read, at, b);
                        }
                    }
                    at = at.saturating_add(step);
                }
            }
            "decoder" => {
                // It selects another line, none, or two.
                let at = random.random_range(0..self.words.len());
                let other = random.random_range(0..self.words.len());
                let raw = match random.random_range(0..4) {
                    0 => self.words[other],
                    1 => (0, 0),
                    2 => (self.words[at].0 | self.words[other].0, self.words[at].1 | self.words[other].1),
                    _ => (self.words[at].0 & self.words[other].0, self.words[at].1 & self.words[other].1),
                };
                read.insert(at, raw);
            }
            other => panic!("{other} is in KINDS and nothing says what it breaks"),
        }
        let (mut corrected, mut flagged, mut wrong) = (false, false, vec![]);
        for (&at, &(data, check)) in read.iter().filter(|(at, raw)| self.words[**at] != **raw) {
            let (value, verdict) = self.code.decode(data, check, self.line[at]);
            corrected |= verdict == Verdict::Corrected;
            flagged |= verdict == Verdict::Uncorrectable;
            let bytes = value.to_le_bytes();
            wrong.extend((0..self.data_bytes).map(|i| (at * self.data_bytes + i, bytes[i])).filter(|&(i, b)| self.bytes[i] != b));
        }
        let unchecked = match (flagged, wrong.is_empty(), corrected) {
            (true, ..) => Outcome::Detected,
            (_, false, _) => Outcome::Silent,
            (_, _, true) => Outcome::Corrected,
            _ => Outcome::Masked,
        };
        let mut checked = unchecked;
        if unchecked == Outcome::Silent {
            let mut image = self.bytes.clone();
            wrong.iter().for_each(|&(i, b)| image[i] = b);
            if crc32fast::hash(&image) != self.crc {
                checked = Outcome::Detected;
            }
            if result.silent.len() < 1000 {
                result.silent.push(wrong);
            }
        }
        result.unchecked.add(unchecked);
        result.checked.add(checked);
    }
}

fn number(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |n, &b| n << 8 | u128::from(b))
}

/// Every single and every double error of every code of an image, exhaustively: how many there were, and how many were not
/// corrected, or flagged if the code only promises that.
pub fn exhaustive(image: &Image, config: &Config, limit: usize) -> (u64, u64) {
    let (bytes, _) = slot_bytes(image, config);
    let code = WordCode::of(config).code().clone();
    let (data_bytes, line_bytes) = (code.data as usize / 8, Layout::of(config).line_bytes as usize);
    let bits = code.data + code.check;
    let (mut tried, mut silent) = (0, 0);
    for (n, part) in bytes.chunks(data_bytes).take(limit).enumerate() {
        let (data, line) = (number(part), (n * data_bytes / line_bytes) as u32);
        let check = code.encode(data, line);
        let flip = |(d, c): Raw, b: u32| if b < code.data { (d ^ 1 << b, c) } else { (d, c ^ 1 << (b - code.data)) };
        for i in 0..bits {
            let one = flip((data, check), i);
            tried += 1;
            silent += u64::from(code.decode(one.0, one.1, line) != (data, Verdict::Corrected));
            for j in i + 1..bits {
                let two = flip(one, j);
                tried += 1;
                let good = match (code.corrects, code.decode(two.0, two.1, line)) {
                    (1, (_, verdict)) => verdict == Verdict::Uncorrectable,
                    (_, decoded) => decoded == (data, Verdict::Corrected),
                };
                silent += u64::from(!good);
            }
        }
    }
    (tried, silent)
}
