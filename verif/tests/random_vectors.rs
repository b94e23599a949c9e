// SPDX-License-Identifier: Apache-2.0
//! Random programs of the vector unit (`systole_verif::random_vector`) on the instruction-level model: they break no rule, are
//! the same for the same seed, and show what they are to show. On the RTL they give the same, in the same cycles.

use std::collections::HashMap;
use systole_golden::Machine;
use systole_isa::program::{Source, VectorDest};
use systole_isa::{Config, Instruction};
use systole_verif::Backend;
use systole_verif::random_vector::{Outcome, outcomes, program};

const CONFIGS: [&str; 8] = [
    "tiny,VEC_LANES=4",
    "small,VEC_LANES=8",
    "base",
    "tiny,VEC_LANES=2,LANE_TAPS=0,POST_LANES=1",
    "small,VEC_LANES=2,POST_LANES=2",
    "small,VEC_LANES=4,WEIGHT_BEATS=4,RRAM_WAYS=4",
    "nano,VEC_LANES=4",
    "large,VEC_LANES=32",
];

#[test]
fn three_hundred_programs_break_no_rule() {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let (mut frames, mut cycles) = (0, 0);
    for seed in 0..320 {
        let config = Config::named(CONFIGS[seed as usize % CONFIGS.len()]).unwrap();
        let case = program(&config, seed);
        let mut machine = Machine::new(config.clone());
        machine.load_image(&case.image).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let base = case.image.program().unwrap();
        for (n, run) in case.runs.iter().enumerate() {
            machine.set_registers(run.pos, run.tok);
            let result = machine.run(&run.frame).unwrap_or_else(|e| panic!("{}, seed {seed}, run {n}: {e}", config.name));
            assert_eq!(result.cycles, base.cycles() + base.each() * u64::from(run.pos / config.cols));
            assert_eq!(result.frame.len(), case.image.out_bytes as usize);
            // X begins with the identity, which nothing overwrites; frames are not mostly zeros.
            frames += 1;
            cycles += result.cycles;
            let zeros = result.frame.iter().filter(|&&b| b == 0).count();
            assert!(zeros * 4 < result.frame.len() * 3, "seed {seed}: {zeros} zeros of {}", result.frame.len());
        }
        for row in &base.rows {
            *seen.entry(row.instruction.unit().name().to_string()).or_default() += 1;
            if let Instruction::Vector(v) = &row.instruction {
                *seen.entry(format!("{:?} to {:?}", v.src, v.dest)).or_default() += 1;
                let len = v.nest.loops.iter().any(|l| l.len);
                let reduction = format!("max {:?}, sum {:?}", v.max, v.sum);
                for what in [format!("len {len}"), format!("append {}", v.append), format!("tail {}", v.tail), reduction] {
                    *seen.entry(what).or_default() += 1;
                }
            }
        }
    }
    let mut list: Vec<_> = seen.iter().collect();
    list.sort();
    println!("{frames} runs, {cycles} cycles; {list:?}");
    for dest in VectorDest::ALL {
        for src in Source::ALL {
            assert!(seen[&format!("{src:?} to {dest:?}")] > 20, "{src:?} to {dest:?}");
        }
    }
}

#[test]
fn a_seed_makes_one_program() {
    let config = Config::named("base").unwrap();
    for seed in [1, 77] {
        let [a, b] = [program(&config, seed), program(&config, seed)];
        assert_eq!((a.image, a.runs.len()), (b.image, b.runs.len()));
        assert!(a.runs.iter().zip(&b.runs).all(|(a, b)| (a.pos, a.tok, &a.frame) == (b.pos, b.tok, &b.frame)));
    }
    assert_ne!(program(&config, 1).image, program(&config, 2).image);
}

/// The RTL against the model in every byte, cycle and ARGMAX, for programs with these seeds.
fn agree(config: &str, seeds: std::ops::Range<u64>) {
    let config = Config::named(config).unwrap();
    let cases: Vec<_> = seeds.clone().map(|seed| program(&config, seed)).collect();
    let options = systole_chip::Options::default();
    let model = outcomes(Backend::Model, &config, cases.clone(), &options).unwrap();
    let rtl = outcomes(Backend::Rtl, &config, cases.clone(), &options).unwrap();
    let mut bad = vec![];
    for ((seed, case), (model, rtl)) in seeds.zip(&cases).zip(model.iter().zip(&rtl)) {
        for (n, (expected, got)) in model.iter().zip(rtl).enumerate() {
            let c = config.cols as usize;
            let words = expected.frame.chunks(c).zip(got.frame.chunks(c)).enumerate().filter(|(_, (a, b))| a != b);
            let words: Vec<usize> = words.map(|(word, _)| word).collect();
            if !words.is_empty() || (got.cycles, got.argmax) != (expected.cycles, expected.argmax) {
                let pair = |o: &Outcome| (o.cycles, o.argmax);
                let run = (case.runs[n].pos, case.runs[n].tok);
                bad.push(format!(
                    "{}, seed {seed}, run {n}, POS and TOK {run:?}: cycles, ARGMAX {:?} for {:?}; OUT words {words:?} differ",
                    config.label(),
                    pair(got),
                    pair(expected)
                ));
            }
        }
    }
    assert!(bad.is_empty(), "{} runs differ:\n{}", bad.len(), bad.join("\n"));
}

/// So many programs in the quick suite, and in the long one.
fn some(quick: u64, long: u64) -> std::ops::Range<u64> {
    0..if std::env::var_os("SYSTOLE_LONG").is_some() { long } else { quick }
}

#[test]
fn the_rtl_agrees_on_tiny() {
    agree("tiny,VEC_LANES=4", some(60, 2000));
}

#[test]
fn the_rtl_agrees_with_fewer_lanes_than_columns() {
    agree("small,VEC_LANES=2,POST_LANES=2", some(30, 1000));
}

#[test]
fn the_rtl_agrees_without_rram_and_with_weights_that_take_two_beats() {
    agree("nano,VEC_LANES=4,WEIGHT_BEATS=2", some(30, 1000));
}

#[test]
fn the_rtl_agrees_on_base() {
    agree("base", some(12, 500));
}
