// SPDX-License-Identifier: Apache-2.0
//! Random programs of the vector unit (`systole_verif::random_vector`) on the instruction-level model: they break no rule, are
//! the same for the same seed, and show what they are to show. On the RTL they give the same, in the same cycles.

use rand::RngExt;
use std::collections::HashMap;
use systole_backends::Backend;
use systole_compiler::verify::{self, Rule, Violation};
use systole_golden::Machine;
use systole_isa::program::{Source, VectorDest};
use systole_isa::{Config, Instruction, Program};
use systole_verif::MIXED;
use systole_verif::random_vector::{Case, Outcome, Run, outcomes, program};

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
fn random_programs_break_no_rule() {
    let count = some(64, 320).end;
    let mut seen: HashMap<String, u32> = HashMap::new();
    let (mut frames, mut cycles) = (0, 0);
    for seed in 0..count {
        let config = Config::named(CONFIGS[seed as usize % CONFIGS.len()]).unwrap();
        let case = program(&config, seed);
        let mut machine = Machine::new(config.clone());
        machine.load_image(&case.image).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let base = case.image.program().unwrap();
        for (n, run) in case.runs.iter().enumerate() {
            machine.set_chunk(run.pos, &run.tokens, 0);
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
            assert!(u64::from(seen[&format!("{src:?} to {dest:?}")]) > count / 16, "{src:?} to {dest:?}");
        }
    }
}

#[test]
fn a_seed_makes_one_program() {
    let config = Config::named("base").unwrap();
    for seed in [1, 77] {
        let [a, b] = [program(&config, seed), program(&config, seed)];
        assert_eq!((a.image, a.runs.len()), (b.image, b.runs.len()));
        assert!(a.runs.iter().zip(&b.runs).all(|(a, b)| (a.pos, a.tokens, &a.frame) == (b.pos, b.tokens, &b.frame)));
    }
    assert_ne!(program(&config, 1).image, program(&config, 2).image);
}

/// What the checker says of a program in one run of a case; meaning apart, where `hard`.
fn checked(case: &Case, config: &Config, program: &Program, run: &Run, hard: bool) -> Vec<Violation> {
    let sizes = verify::Sizes { positions: run.pos + 1, ..verify::Sizes::of(&case.image, config) };
    let found = verify::verify_last(program, config, &sizes).err().map_or(vec![], |e| e.violations);
    found.into_iter().filter(|v| !hard || !v.rule.is_meaning()).collect()
}

/// The compiler's checker takes all of them, but for what they mean: they read numbers before they are what earlier steps
/// make them. With a row moved a little the model takes nothing that the checker refuses to pass by the machine's rules.
#[test]
fn the_checker_takes_what_the_model_takes() {
    let (mut clean, mut runs, mut refused, mut both) = (0, 0, 0, 0);
    let count = some(96, 320).end;
    for seed in 0..count {
        let config = Config::named(CONFIGS[seed as usize % CONFIGS.len()]).unwrap();
        let case = program(&config, seed);
        let program = case.image.program().unwrap();
        for run in &case.runs {
            let found = checked(&case, &config, &program, run, true);
            assert!(found.is_empty(), "{}, seed {seed}, POS {}: {}", config.label(), run.pos, found[0]);
            let all = checked(&case, &config, &program, run, false);
            // No program writes all of its part of OUT, and few have a use for every number in S.
            clean += u64::from(all.iter().all(|v| matches!(v.rule, Rule::OutFrame | Rule::SUnread)));
            runs += 1;
        }
        let mut random = systole_workloads::random::generator(seed);
        for _ in 0..12 {
            let mut moved = program.clone();
            let at = random.random_range(0..moved.rows.len() - 1);
            let mut row = moved.rows.remove(at);
            row.cycle = row.cycle.saturating_add_signed(random.random_range(-12..=12));
            let to = moved.rows.partition_point(|r| r.cycle <= row.cycle).min(moved.rows.len() - 1);
            moved.rows.insert(to, row);
            let mut image = case.image.clone();
            (image.timetable, image.descriptors) = moved.encode().unwrap();
            let mut machine = Machine::new(config.clone());
            let run = &case.runs[0];
            machine.set_chunk(run.pos, &run.tokens, 0);
            // The model looks at rows where LENC is 0 when it loads them.
            let loaded = machine.load_image(&image);
            let found = match &loaded {
                Err(_) => checked(&case, &config, &moved, &Run { pos: 0, ..run.clone() }, true),
                Ok(()) => checked(&case, &config, &moved, run, true),
            };
            let result = loaded.and_then(|()| machine.run(&run.frame));
            let Err(error) = result else { continue };
            refused += 1;
            both += u32::from(!found.is_empty());
            assert!(!found.is_empty(), "{}, seed {seed}: row {at} moved; the model: {error}", config.label());
        }
    }
    println!("{clean} of {runs} runs break no rule at all; {refused} programs refused, {both} by both");
    assert!(clean > if systole_verif::long() { 20 } else { 2 } && refused > count / 2, "{clean} of {count}, {refused}");
}

/// The RTL against the model in every byte, cycle, event and ARGMAX, for programs with these seeds.
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
            let pair = |o: &Outcome| (o.cycles, o.argmax, o.events.clone());
            if !words.is_empty() || pair(got) != pair(expected) {
                let run = (case.runs[n].pos, case.runs[n].tokens);
                bad.push(format!(
                    "{}, seed {seed}, run {n}, POS and TOK {run:?}: cycles, ARGMAX, events {:?} for {:?}; OUT words {words:?} differ",
                    config.label(),
                    pair(got),
                    pair(expected)
                ));
            }
        }
    }
    assert!(bad.is_empty(), "{} runs differ:\n{}", bad.len(), bad.join("\n"));
    // Each event of the vector unit, and POST beside it.
    let count = |event: usize| model.iter().flatten().map(|o| u64::from(o.events[event])).sum::<u64>();
    assert_eq!([6, 9, 10, 11, 12].map(|event| count(event) > 0), [config.events; 5], "{}", config.label());
}

/// So many programs in the quick suite, and in the long one.
fn some(quick: u64, long: u64) -> std::ops::Range<u64> {
    0..if systole_verif::long() { long } else { quick }
}

#[test]
fn the_rtl_agrees_on_tiny() {
    agree("tiny,VEC_LANES=4", some(30, 2000));
}

#[test]
fn the_rtl_agrees_with_fewer_lanes_than_columns_and_weights_that_take_two_beats() {
    agree(&format!("{MIXED},WEIGHT_BEATS=2"), some(30, 1000));
}

/// Models of their own: in the long suite.
#[test]
fn the_rtl_agrees_with_a_quarter_of_the_lanes_and_without_rram() {
    if systole_verif::long() {
        for config in ["small,VEC_LANES=2,POST_LANES=2", "nano,VEC_LANES=4,WEIGHT_BEATS=2"] {
            agree(config, 0..1000);
        }
    }
}

#[test]
fn the_rtl_agrees_on_base() {
    agree("base", some(6, 500));
}
