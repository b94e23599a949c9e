// SPDX-License-Identifier: Apache-2.0
//! The codes of RRAM words in RTL: as many errors corrected as promised, one more flagged, and wrong addresses.

mod common;

use common::block;
use harness::verilated::{Model, Port};
use rand::RngExt;
use systole_isa::Config;
use systole_isa::config::CONFIGS;
use systole_isa::ecc::{ADDRESS_BITS, Code, Ecc, Verdict, WordCode};
use systole_verif::random::generator;

/// One code's blocks as models: check bits, syndrome (SECDED: the XOR of check bits), correction.
struct Rtl {
    check: Model,
    syndrome: Option<Model>,
    correct: Model,
}

/// Every port of a block by its name.
fn ports<const N: usize>(model: &Model, names: [&str; N]) -> [Port; N] {
    names.map(|n| model.port(n).unwrap())
}

fn set_bytes(model: &mut Model, port: Port, bytes: &[u8]) {
    let word = |part: &[u8]| part.iter().rev().fold(0, |n, &b| n << 8 | u32::from(b));
    let mut words: Vec<u32> = bytes.chunks(4).map(word).collect();
    words.resize(model.width(port).div_ceil(32) as usize, 0);
    model.set_words(port, &words);
}

fn get_bytes(model: &Model, port: Port) -> Vec<u8> {
    let mut words = vec![0; model.width(port).div_ceil(32) as usize];
    model.get_words(port, &mut words);
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

fn set(model: &mut Model, port: Port, value: u128) {
    set_bytes(model, port, &value.to_le_bytes()[..model.width(port).div_ceil(8) as usize]);
}

fn get(model: &Model, port: Port) -> u128 {
    get_bytes(model, port).iter().rev().fold(0, |n, &b| n << 8 | u128::from(b))
}

impl Rtl {
    fn new(data: u32, ecc: Ecc) -> Rtl {
        let model = |top: &str| Model::new(&block(top).parameter("DATA", data as usize).build().unwrap()).unwrap();
        match ecc {
            Ecc::Secded => Rtl { check: model("systole_ecc_check"), syndrome: None, correct: model("systole_ecc_correct") },
            Ecc::DecTed => Rtl {
                check: model("systole_bch_check"),
                syndrome: Some(model("systole_bch_syndrome")),
                correct: model("systole_bch_correct"),
            },
        }
    }

    fn check(&mut self, word: u128, address: u32) -> u32 {
        let m = &mut self.check;
        let [data, addr, check] = ports(m, ["data_i", "addr_i", "check_o"]);
        set(m, data, word);
        set(m, addr, address.into());
        m.eval();
        get(m, check) as u32
    }

    /// As the row bank does it.
    fn decode(&mut self, word: u128, check: u32, address: u32) -> (u128, Verdict) {
        let syndrome = match &mut self.syndrome {
            None => self.check(word, address) ^ check,
            Some(m) => {
                let [data, addr, stored, out] = ports(m, ["data_i", "addr_i", "check_i", "syndrome_o"]);
                set(m, data, word);
                set(m, addr, address.into());
                set(m, stored, check.into());
                m.eval();
                get(m, out) as u32
            }
        };
        let m = &mut self.correct;
        let [data, syn, out, corrected, bad] = ports(m, ["data_i", "syndrome_i", "data_o", "corrected_o", "uncorrectable_o"]);
        set(m, data, word);
        set(m, syn, syndrome.into());
        m.eval();
        let verdict = match (m.get(corrected), m.get(bad)) {
            (0, 0) => Verdict::Clean,
            (1, 0) => Verdict::Corrected,
            (0, 1) => Verdict::Uncorrectable,
            both => panic!("corrected and uncorrectable at once: {both:?}"),
        };
        (get(m, out), verdict)
    }
}

fn flip(code: &Code, i: u32, (w, c): (u128, u32)) -> (u128, u32) {
    if i < code.data { (w ^ 1 << i, c) } else { (w, c ^ 1 << (i - code.data)) }
}

#[test]
fn singles_are_corrected_and_doubles_and_wrong_addresses_flagged() {
    let mut rng = generator(3);
    for data in [32u32, 64] {
        let (code, mut rtl) = (Code::new(data), Rtl::new(data, Ecc::Secded));
        let mask = u128::MAX >> (128 - data);
        for n in 0..24 {
            let (word, address) = match n {
                0 => (0, 0),
                1 => (mask, 0xffff),
                _ => (rng.random::<u128>() & mask, rng.random_range(0..1 << ADDRESS_BITS)),
            };
            let check = rtl.check(word, address);
            assert_eq!(check, code.encode(word, address));
            assert_eq!(rtl.decode(word, check, address), (word, Verdict::Clean));
            for i in 0..data + code.check {
                let one = flip(&code, i, (word, check));
                assert_eq!(rtl.decode(one.0, one.1, address), (word, Verdict::Corrected), "{word:#x}, bit {i}");
                for j in i + 1..data + code.check {
                    let two = flip(&code, j, one);
                    assert_eq!(rtl.decode(two.0, two.1, address).1, Verdict::Uncorrectable, "{word:#x}, bits {i} and {j}");
                }
            }
            for i in 0..ADDRESS_BITS {
                assert_eq!(rtl.decode(word, check, address ^ 1 << i).1, Verdict::Uncorrectable, "address bit {i}");
            }
            // Whatever else is wrong, RTL and table agree.
            for _ in 0..500 {
                let (w, c) = (rng.random::<u128>() & mask, rng.random_range(0..=u32::from(u8::MAX >> (8 - code.check))));
                assert_eq!(rtl.decode(w, c, address), code.decode(w, c, address));
            }
        }
    }
}

#[test]
fn dected_corrects_singles_and_doubles_and_flags_triples_and_wrong_addresses() {
    let mut rng = generator(4);
    for data in [32u32, 64, 128] {
        let (code, mut rtl) = (Code::dec_ted(data), Rtl::new(data, Ecc::DecTed));
        let (mask, bits) = (u128::MAX >> (128 - data), data + code.check);
        for n in 0..8 {
            let (word, address) = match n {
                0 => (0, 0),
                1 => (mask, 0xffff),
                _ => (rng.random::<u128>() & mask, rng.random_range(0..1 << ADDRESS_BITS)),
            };
            let check = rtl.check(word, address);
            assert_eq!(check, code.encode(word, address));
            assert_eq!(rtl.decode(word, check, address), (word, Verdict::Clean));
            for i in 0..bits {
                let one = flip(&code, i, (word, check));
                assert_eq!(rtl.decode(one.0, one.1, address), (word, Verdict::Corrected), "{word:#x}, bit {i}");
                for j in i + 1..bits {
                    let two = flip(&code, j, one);
                    assert_eq!(rtl.decode(two.0, two.1, address), (word, Verdict::Corrected), "{word:#x}, bits {i} and {j}");
                }
            }
            let bad = |rtl: &mut Rtl, (w, c): (u128, u32), address: u32, what: &str| {
                assert_eq!(rtl.decode(w, c, address).1, Verdict::Uncorrectable, "{word:#x}: {what}");
            };
            let any = |rng: &mut _, not: &[u32]| loop {
                let bit = RngExt::random_range(rng, 0..bits);
                if !not.contains(&bit) {
                    return bit;
                }
            };
            for _ in 0..15_000 {
                let i = any(&mut rng, &[]);
                let j = any(&mut rng, &[i]);
                let k = any(&mut rng, &[i, j]);
                let three = [i, j, k].into_iter().fold((word, check), |w, b| flip(&code, b, w));
                bad(&mut rtl, three, address, &format!("bits {i}, {j} and {k}"));
            }
            // A wrong line, by one bit and by two, and a wrong bit or two of the word with it.
            for i in 0..ADDRESS_BITS {
                for j in i..ADDRESS_BITS {
                    let wrong = if i == j { address ^ 1 << i } else { address ^ 1 << i ^ 1 << j };
                    bad(&mut rtl, (word, check), wrong, &format!("address bits {i} and {j}"));
                    let a = any(&mut rng, &[]);
                    let one = flip(&code, a, (word, check));
                    bad(&mut rtl, one, wrong, &format!("address bits {i} and {j}, bit {a}"));
                }
                for a in 0..bits {
                    let one = flip(&code, a, (word, check));
                    bad(&mut rtl, one, address ^ 1 << i, &format!("address bit {i}, bit {a}"));
                    let b = any(&mut rng, &[a]);
                    bad(&mut rtl, flip(&code, b, one), address ^ 1 << i, &format!("address bit {i}, bits {a} and {b}"));
                }
            }
            // Whatever else is wrong, RTL and table agree; what is beyond correction has no right data.
            for _ in 0..5000 {
                let (w, c) = (rng.random::<u128>() & mask, rng.random_range(0..1 << code.check));
                let (found, want) = (rtl.decode(w, c, address), code.decode(w, c, address));
                assert_eq!(found.1, want.1, "{w:#x}, {c:#x}, {address:#x}");
                assert!(want.1 == Verdict::Uncorrectable || found.0 == want.0, "{w:#x}, {c:#x}, {address:#x}");
            }
        }
    }
}

#[test]
fn words_of_every_width_and_code_are_stored_as_the_table_says() {
    let mut rng = generator(5);
    // (C, D): 4 and 32 bytes, where a word has no more than one code, and two or four; with bits that only fill it up.
    for (config, beats) in [(&CONFIGS[0], 4), (&CONFIGS[1], 2), (&CONFIGS[4], 4)] {
        for ecc in Ecc::ALL {
            let config: Config = config.clone().with_weight_beats(beats).unwrap().with_ecc(ecc);
            let (cols, stored) = (config.cols, config.word_bits() - 8 * config.cols);
            let model = |top: &str| {
                let spec = block(top).parameter("ECC", ecc as u32).parameter("COLS", cols).parameter("CHECK", stored);
                let spec = if top == "systole_ecc_decode" { spec } else { spec.parameter("AW", 16) };
                Model::new(&spec.build().unwrap()).unwrap()
            };
            let [mut encode, mut syndrome, mut decode] =
                ["systole_ecc_encode", "systole_ecc_syndrome", "systole_ecc_decode"].map(model);
            let code = WordCode::of(&config);
            for n in 0..300 {
                let data: Vec<u8> = (0..cols).map(|_| rng.random()).collect();
                let line = rng.random_range(0..1 << ADDRESS_BITS);
                let [d, l, c] = ports(&encode, ["data_i", "line_i", "check_o"]);
                set_bytes(&mut encode, d, &data);
                encode.set(l, line.into());
                encode.eval();
                let check = get(&encode, c) as u64;
                let mut word = code.encode(&data, line);
                let bytes = cols as usize;
                let check_of = |word: &[u8]| word[bytes..].iter().rev().fold(0u64, |n, &b| n << 8 | u64::from(b));
                assert_eq!(check, check_of(&word), "{} {data:x?}", config.label());
                // None to four wrong bits, anywhere.
                for _ in 0..n % 5 {
                    let bit = rng.random_range(0..code.bits());
                    word[bit as usize / 8] ^= 1 << (bit % 8);
                }
                // What fills up the word reads as it likes.
                let fill = rng.random::<u64>() & ((1 << stored) - (1 << (code.bits() - 8 * cols)));
                let [d, k, l, s] = ports(&syndrome, ["data_i", "check_i", "line_i", "syndrome_o"]);
                set_bytes(&mut syndrome, d, &word[..bytes]);
                set(&mut syndrome, k, (check_of(&word) | fill).into());
                syndrome.set(l, line.into());
                syndrome.eval();
                let sum = get(&syndrome, s);
                let [d, s, o, corrected, bad] =
                    ports(&decode, ["data_i", "syndrome_i", "data_o", "corrected_o", "uncorrectable_o"]);
                set_bytes(&mut decode, d, &word[..bytes]);
                set(&mut decode, s, sum);
                decode.eval();
                let (want, verdict) = code.decode(&word, line);
                let found = (decode.get(corrected) == 1, decode.get(bad) == 1);
                match verdict {
                    Verdict::Clean => assert_eq!(found, (false, false)),
                    Verdict::Corrected => assert_eq!(found, (true, false)),
                    // Another code of the word may have been corrected.
                    Verdict::Uncorrectable => assert!(found.1),
                }
                assert!(verdict == Verdict::Uncorrectable || get_bytes(&decode, o) == want, "{} {word:x?}", config.label());
            }
        }
    }
}
