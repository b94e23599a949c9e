// SPDX-License-Identifier: Apache-2.0
//! Words under both codes, encoded, read and corrected: SECDED corrects an error in each of a word's codes and flags two in one; DEC-TED corrects two
//! and flags three. Both flag wrong lines.

use crate::common::block;
use harness::verilated::{Model, Port};
use rand::RngExt;
use systole_isa::Config;
use systole_isa::config::CONFIGS;
use systole_isa::ecc::{ADDRESS_BITS, Ecc, Verdict, WordCode};
use systole_workloads::random::generator;

/// A machine's words: encoded, read, corrected (verif/cells/systole_ecc_bench.v).
struct Words {
    model: Model,
    ports: [Port; 9],
    code: WordCode,
    cols: usize,
    fill: u64, // check bits that only fill up the word
}

impl Words {
    fn new(config: &Config) -> Words {
        let spec = block("systole_ecc_bench")
            .source(concat!(env!("CARGO_MANIFEST_DIR"), "/cells/systole_ecc_bench.v"))
            .parameter("ECC", config.ecc as u32)
            .parameter("COLS", config.cols)
            .parameter("WEIGHT_BEATS", config.weight_beats);
        let model = Model::new(&spec.build().unwrap()).unwrap();
        let names = ["data_i", "line_i", "check_o", "read_data_i", "read_check_i", "read_line_i", "data_o", "corrected_o"];
        let port = |name| model.port(name).unwrap();
        let [a, b, c, d, e, f, g, h] = names.map(port);
        let ports = [a, b, c, d, e, f, g, h, port("uncorrectable_o")];
        let code = WordCode::of(config);
        let fill = (1 << (config.word_bits() - 8 * config.cols)) - (1 << (code.bits() - 8 * config.cols));
        Words { ports, code, cols: config.cols as usize, fill, model }
    }

    fn set(&mut self, port: Port, bytes: &[u8]) {
        let words: Vec<u32> = bytes.chunks(4).map(|part| part.iter().rev().fold(0, |n, &b| n << 8 | u32::from(b))).collect();
        self.model.set_words(port, &words);
    }

    /// The word as it is stored.
    fn encode(&mut self, data: &[u8], line: u32) -> Vec<u8> {
        let [d, l, c, ..] = self.ports;
        self.set(d, data);
        self.model.set(l, line.into());
        self.model.eval();
        let mut stored = data.to_vec();
        stored.extend(self.model.get(c).to_le_bytes());
        stored.truncate(self.code.bits().div_ceil(8) as usize);
        stored
    }

    /// The word as it was read; what only fills it up reads as it likes.
    fn decode(&mut self, stored: &[u8], fill: u64, line: u32) -> (Vec<u8>, Verdict) {
        let [_, _, _, d, c, l, out, corrected, bad] = self.ports;
        self.set(d, &stored[..self.cols]);
        let check = stored[self.cols..].iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
        self.model.set(c, check | fill & self.fill);
        self.model.set(l, line.into());
        self.model.eval();
        let verdict = match (self.model.get(corrected), self.model.get(bad)) {
            (0, 0) => Verdict::Clean,
            (1, 0) => Verdict::Corrected,
            // Another code of the word may have been corrected.
            _ => Verdict::Uncorrectable,
        };
        let mut words = vec![0; self.cols / 4];
        self.model.get_words(out, &mut words);
        (words.iter().flat_map(|w| w.to_le_bytes()).collect(), verdict)
    }
}

fn turned(stored: &[u8], bits: &[u32]) -> Vec<u8> {
    let mut word = stored.to_vec();
    bits.iter().for_each(|&b| word[b as usize / 8] ^= 1 << (b % 8));
    word
}

#[test]
fn dected_corrects_singles_and_doubles_and_flags_triples_and_wrong_lines() {
    let mut rng = generator(4);
    // C = 4, 8, 16 and 32 (two codes); with bits that only fill up the word, and without.
    for (config, beats, words) in [(0, 4, 8), (1, 2, 8), (3, 1, 6), (4, 4, 4)] {
        let config = CONFIGS[config].clone().with_weight_beats(beats).unwrap().with_ecc(Ecc::DecTed);
        let (mut rtl, label) = (Words::new(&config), config.label());
        let (code, bits, codes) = (rtl.code.clone(), rtl.code.bits(), rtl.code.codes());
        // Errors are placed in one code: data, then its check bits.
        let (data_bits, each) = (code.code().data, code.code().data + code.code().check);
        let place = |n: u32, bit: u32| {
            if bit < data_bits { n * data_bits + bit } else { codes * data_bits + n * (each - data_bits) + bit - data_bits }
        };
        for n in 0..words {
            let line = [0, 0xffff].get(n).copied().unwrap_or_else(|| rng.random_range(0..1 << ADDRESS_BITS));
            let data: Vec<u8> = (0..config.cols).map(|_| if n < 2 { 255 * n as u8 } else { rng.random() }).collect();
            let stored = rtl.encode(&data, line);
            assert_eq!(stored, code.encode(&data, line), "{label}");
            assert_eq!(rtl.decode(&stored, 0, line), (data.clone(), Verdict::Clean), "{label}");
            let at = n as u32 % codes;
            for i in 0..each {
                let one = turned(&stored, &[place(at, i)]);
                assert_eq!(rtl.decode(&one, rng.random(), line), (data.clone(), Verdict::Corrected), "{label}: bit {i}");
                for j in i + 1..each {
                    let two = turned(&one, &[place(at, j)]);
                    assert_eq!(rtl.decode(&two, 0, line), (data.clone(), Verdict::Corrected), "{label}: bits {i} and {j}");
                }
            }
            let flagged = |rtl: &mut Words, wrong: &[u32], line: u32| {
                let verdict = rtl.decode(&turned(&stored, wrong), 0, line).1;
                assert_eq!(verdict, Verdict::Uncorrectable, "{label}: {data:x?}, bits {wrong:?}, line {line}");
            };
            for _ in 0..20_000 {
                let mut wrong = vec![];
                while wrong.len() < 3 {
                    let bit = place(at, rng.random_range(0..each));
                    if !wrong.contains(&bit) {
                        wrong.push(bit);
                    }
                }
                flagged(&mut rtl, &wrong, line);
            }
            // A line that is wrong in one bit or two, and a bit or two of the word with it.
            for i in 0..ADDRESS_BITS {
                for j in 0..ADDRESS_BITS {
                    let other = if i == j { line ^ 1 << i } else { line ^ 1 << i ^ 1 << j };
                    flagged(&mut rtl, &[], other);
                    flagged(&mut rtl, &[rng.random_range(0..bits)], other);
                }
                for a in 0..each {
                    flagged(&mut rtl, &[place(at, a)], line ^ 1 << i);
                    let b = (a + rng.random_range(1..each)) % each;
                    flagged(&mut rtl, &[place(at, a), place(at, b)], line ^ 1 << i);
                }
            }
            // Whatever else is wrong, RTL and table agree; a word beyond correction has no right data.
            for _ in 0..5_000 {
                let count = rng.random_range(1..9);
                let wrong: Vec<u32> = (0..count).map(|_| rng.random_range(0..bits)).collect();
                let word = turned(&stored, &wrong);
                let (found, want) = (rtl.decode(&word, 0, line), code.decode(&word, line));
                assert_eq!(found.1, want.1, "{label}: {data:x?}, bits {wrong:?}, line {line}");
                assert!(want.1 == Verdict::Uncorrectable || found.0 == want.0, "{label}: {data:x?}, bits {wrong:?}, line {line}");
            }
        }
    }
}

#[test]
fn secded_corrects_one_error_in_each_code_of_a_word_and_flags_two_in_one_and_wrong_lines() {
    let mut rng = generator(5);
    // C = 4 and 32 (four codes).
    for config in [0, 4] {
        let config = CONFIGS[config].clone();
        let (mut rtl, label) = (Words::new(&config), config.label());
        let (code, bits) = (rtl.code.clone(), rtl.code.bits());
        let (data_bits, each) = (code.code().data, code.code().data + code.code().check);
        let check_bits = (bits - code.codes() * data_bits) / code.codes();
        let place = |n: u32, bit: u32| {
            if bit < data_bits { n * data_bits + bit } else { code.codes() * data_bits + n * check_bits + bit - data_bits }
        };
        for n in 0..12 {
            let line = rng.random_range(0..1 << ADDRESS_BITS);
            let data: Vec<u8> = (0..config.cols).map(|_| rng.random()).collect();
            let stored = rtl.encode(&data, line);
            assert_eq!(stored, code.encode(&data, line), "{label}: check bits");
            assert_eq!(rtl.decode(&stored, 0, line), (data.clone(), Verdict::Clean), "{label}: a right word");
            let at = n % code.codes();
            for i in 0..each {
                let one = turned(&stored, &[place(at, i)]);
                assert_eq!(rtl.decode(&one, 0, line), (data.clone(), Verdict::Corrected), "{label}: code {at}, bit {i}");
                let j = (i + rng.random_range(1..each)) % each;
                let two = rtl.decode(&turned(&one, &[place(at, j)]), 0, line).1;
                assert_eq!(two, Verdict::Uncorrectable, "{label}: code {at}, bits {i} and {j}");
            }
            let all: Vec<u32> = (0..code.codes()).map(|c| place(c, rng.random_range(0..each))).collect();
            assert_eq!(rtl.decode(&turned(&stored, &all), 0, line), (data.clone(), Verdict::Corrected), "{label}: bits {all:?}");
            for i in 0..ADDRESS_BITS {
                assert_eq!(rtl.decode(&stored, 0, line ^ 1 << i).1, Verdict::Uncorrectable, "{label}: line bit {i}");
            }
        }
    }
}
