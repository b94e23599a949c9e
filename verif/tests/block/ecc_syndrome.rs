// SPDX-License-Identifier: Apache-2.0
//! Check bits and syndromes of whole words, under both codes, with line numbers as wide as a machine's: a right word's syndrome is 0 whatever stands in
//! the bits that only fill it up, and every wrong bit shows.

use crate::common::block;
use harness::verilated::{Model, Port, Spec};
use rand::RngExt;
use systole_isa::Config;
use systole_isa::ecc::{Ecc, WordCode};
use systole_workloads::random::generator;

/// A model with its ports.
struct Block<const N: usize>(Model, [Port; N]);

impl<const N: usize> Block<N> {
    fn new(spec: Spec, ports: [&str; N]) -> Block<N> {
        let model = Model::new(&spec.build().unwrap()).unwrap();
        let ports = ports.map(|p| model.port(p).unwrap());
        Block(model, ports)
    }

    fn set(&mut self, port: usize, bytes: &[u8]) {
        let words: Vec<u32> = bytes.chunks(4).map(|part| part.iter().rev().fold(0, |n, &b| n << 8 | u32::from(b))).collect();
        self.0.set_words(self.1[port], &words);
    }
}

fn spec(top: &str, config: &Config, check: u32, line_bits: u32) -> Spec {
    block(top)
        .parameter("ECC", config.ecc as u32)
        .parameter("COLS", config.cols)
        .parameter("CHECK", check)
        .parameter("AW", line_bits)
}

#[test]
fn a_right_word_s_syndrome_is_0_whatever_fills_it_up_and_every_wrong_bit_shows() {
    let mut rng = generator(6);
    // Under DEC-TED the last of four beats is filled up; a line number has fewer bits than the codes take.
    let line_bits = 11;
    for ecc in [Ecc::Secded, Ecc::DecTed] {
        let config = Config::named("small").unwrap().with_weight_beats(4).unwrap().with_ecc(ecc);
        let (code, label) = (WordCode::of(&config), config.label());
        let check = config.word_bits() - 8 * config.cols;
        let used = code.bits() - 8 * config.cols;
        let mut encode = Block::new(spec("systole_ecc_encode", &config, check, line_bits), ["data_i", "line_i", "check_o"]);
        let ports = ["data_i", "check_i", "line_i", "syndrome_o"];
        let mut syndrome = Block::new(spec("systole_ecc_syndrome", &config, check, line_bits), ports);
        for _ in 0..50 {
            let line = rng.random_range(0..1u32 << line_bits);
            let data: Vec<u8> = (0..config.cols).map(|_| rng.random()).collect();
            let stored = code.encode(&data, line);
            encode.set(0, &data);
            encode.0.set(encode.1[1], line.into());
            encode.0.eval();
            let made = encode.0.get(encode.1[2]);
            let want = (0..used as usize).fold(0u64, |c, b| {
                let at = 8 * config.cols as usize + b;
                c | u64::from(stored[at / 8] >> (at % 8) & 1) << b
            });
            assert_eq!(made, want, "{label}: check bits of {data:x?} at line {line:#x}, and 0 behind them");
            let mut of = |data: &[u8], check: u64, line: u32| {
                syndrome.set(0, data);
                syndrome.0.set(syndrome.1[1], check);
                syndrome.0.set(syndrome.1[2], line.into());
                syndrome.0.eval();
                syndrome.0.get(syndrome.1[3])
            };
            let fill = if check > used { rng.random_range(0..1u64 << (check - used)) << used } else { 0 };
            let shown = if ecc == Ecc::Secded { fill } else { 0 };
            assert_eq!(of(&data, made | fill, line) & !shown, 0, "{label}: syndrome of a right word, filled with {fill:#x}");
            for bit in 0..used {
                assert_ne!(of(&data, made ^ 1 << bit, line), 0, "{label}: check bit {bit} is wrong");
            }
            for bit in 0..8 * config.cols as usize {
                let mut wrong = data.clone();
                wrong[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(of(&wrong, made, line), 0, "{label}: data bit {bit} is wrong");
            }
            for bit in 0..line_bits {
                assert_ne!(of(&data, made, line ^ 1 << bit), 0, "{label}: line bit {bit} is wrong");
            }
        }
    }
}
