// SPDX-License-Identifier: Apache-2.0
//! Compiled encoders on the instruction-level model, against the golden model of docs/encoders.md: every number, every cycle.

use systole_compiler::{CompileError, EncoderProgram, compile_encoder};
use systole_golden::Machine;
use systole_golden::encoder::random::{Limits, Random, random};
use systole_golden::encoder::run;
use systole_isa::Config;
use systole_model::encoder::{Encoder, frame};

/// Compiles, runs, and compares every number of OUT and the cycles. None where the machine has no room.
fn compare(model: &Encoder, x: &[f32], mask: &[bool], config: &Config, what: &str) -> Option<EncoderProgram> {
    let program = match compile_encoder(model, config) {
        Ok(p) => p,
        Err(CompileError::DoesNotFit { .. } | CompileError::Isa(_)) => return None,
        Err(CompileError::Encoder(why)) if why.contains("share a KV head") => return None,
        Err(e) => panic!("{what}: {e}\n{model:?}"),
    };
    let cols = config.cols as usize;
    let frame = frame(x, model.width, mask, cols);
    let mut machine = Machine::new(config.clone());
    machine.load_image(&program.image).unwrap_or_else(|e| panic!("{what}: {e}"));
    let bytes: Vec<u8> = frame.iter().map(|&b| b as u8).collect();
    let got = machine.run(&bytes).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(got.cycles, program.cycles, "{what}: cycles");
    let want: Vec<u32> = run(model, &frame, cols).iter().map(|f| f.word()).collect();
    let got: Vec<u32> = got.frame.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let lanes = model.width_of(model.output).next_multiple_of(cols);
    if let Some(n) = (0..want.len()).find(|&n| got[n] != want[n]) {
        let (got, want) = (f32::from_bits(got[n]), f32::from_bits(want[n]));
        panic!("{what}: token {}, channel {}: {got} for {want}, chunks {:?}\n{model:?}", n / lanes, n % lanes, program.chunk);
    }
    Some(program)
}

#[test]
fn random_encoders_give_the_same_numbers_on_both_models() {
    let (mut ran, mut none) = (0, 0);
    let seeds = if std::env::var_os("SYSTOLE_LONG").is_some() { 40 } else { 6 };
    for label in ["base", "small,VEC_LANES=8", "small,VEC_LANES=4", "base,VEC_LANES=8,WEIGHT_BEATS=2", "tiny,VEC_LANES=4"] {
        let config = Config::named(label).unwrap();
        let roomy = format!("{label},TIMETABLE_DEPTH=4096,DESC_DEPTH=8192,VEC_PARAM_DEPTH=1024,V_DEPTH=2048,X_DEPTH=8192");
        let roomy = Config::named(&roomy).unwrap_or(config);
        for seed in 0..seeds {
            let wild = seed % 3 == 0;
            let limits = Limits { cols: roomy.cols as usize, tokens: 24, width: 48, blocks: 2, wild };
            let (model, x, mask) = random(&mut Random(seed), limits);
            match compare(&model, &x, &mask, &roomy, &format!("{label}, seed {seed}")) {
                Some(_) => ran += 1,
                None => none += 1,
            }
        }
    }
    println!("{ran} ran, {none} had no room");
    assert!(ran > 3 * none, "{ran} ran, {none} had no room");
}
