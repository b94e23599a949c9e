// SPDX-License-Identifier: Apache-2.0
//! Random programs of the vector unit (`systole_verif::random_vector`) on the instruction-level model: they break no rule, are
//! the same for the same seed, and show what they are to show.

use std::collections::HashMap;
use systole_golden::Machine;
use systole_host::Transport;
use systole_isa::program::{Source, VectorDest};
use systole_isa::regs::offset;
use systole_isa::{Config, Instruction};
use systole_verif::random_vector::program;
use systole_verif::{Backend, on_machine};

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

/// What a run leaves: the frame, its cycles, ARGMAX.
type Left = (Vec<u8>, u64, u32);

/// Of each run of each case, on RTL.
fn on_rtl(config: &Config, seeds: std::ops::Range<u64>) -> Vec<Left> {
    let own = config.clone();
    on_machine(Backend::Rtl, config, &systole_chip::Options::default(), async move |driver| {
        let mut out = Vec::new();
        for seed in seeds {
            let case = program(&own, seed);
            println!("{} seed {seed}", own.label()); // of the last one that began, where the RTL stops
            driver.load(&case.image).await?;
            for run in &case.runs {
                driver.transport().write(offset("POS"), run.pos).await?;
                driver.transport().write(offset("TOK"), run.tok).await?;
                let result = driver.run(&run.frame).await?;
                out.push((result.frame, result.cycles, driver.transport().read(offset("ARGMAX")).await?));
            }
        }
        Ok(out)
    })
    .unwrap_or_else(|e| panic!("{}: {e:#}", config.label()))
}

/// Of each run of each case, on the model; and which bytes of the frame it wrote: the others are not specified.
fn on_model(config: &Config, seeds: std::ops::Range<u64>) -> Vec<(Left, Vec<bool>)> {
    let mut machine = Machine::new(config.clone());
    let mut out = Vec::new();
    for seed in seeds {
        let case = program(config, seed);
        machine.load_image(&case.image).unwrap();
        for run in &case.runs {
            machine.set_registers(run.pos, run.tok);
            machine.record_origins();
            let result = machine.run(&run.frame).unwrap();
            let written = (0..result.frame.len()).map(|b| machine.origin(b).is_some()).collect();
            out.push(((result.frame, result.cycles, machine.argmax()), written));
        }
    }
    out
}

/// On a machine of each kind: groups of a word, weights of several beats, without a lane engine, without RRAM.
#[test]
fn rtl_and_model_agree_on_random_programs() {
    let long = std::env::var_os("SYSTOLE_LONG").is_some();
    let quick = [("tiny,VEC_LANES=4", 80), ("small,VEC_LANES=2,POST_LANES=2", 40), ("base", 16)];
    let all: Vec<(&str, u64)> = if long { CONFIGS[..7].iter().map(|&c| (c, 160)).collect() } else { quick.to_vec() };
    for (n, (name, count)) in all.into_iter().enumerate() {
        let config = Config::named(name).unwrap();
        let seeds = 1000 * n as u64..1000 * n as u64 + count;
        let (rtl, model) = (on_rtl(&config, seeds.clone()), on_model(&config, seeds.clone()));
        assert_eq!(rtl.len(), model.len());
        for (at, (r, (m, written))) in rtl.iter().zip(&model).enumerate() {
            let what = format!("{name}, seed {}, run {}", seeds.start + at as u64 / 3, at % 3);
            assert_eq!(r.1, m.1, "{what}: cycles");
            assert!(written.iter().filter(|w| **w).count() * 2 > written.len(), "{what}: most of it is written");
            let differs = |b: &usize| written[*b] && r.0[*b] != m.0[*b];
            if let Some(byte) = (0..m.0.len()).find(differs) {
                let c = config.cols as usize;
                panic!(
                    "{what}: OUT byte {byte} (word {}, byte {}) is {} on RTL, {} on the model; {} bytes differ",
                    byte / c,
                    byte % c,
                    r.0[byte],
                    m.0[byte],
                    (0..m.0.len()).filter(differs).count()
                );
            }
            assert_eq!(r.2, m.2, "{what}: ARGMAX");
        }
    }
}
