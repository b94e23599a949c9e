// SPDX-License-Identifier: Apache-2.0
//! Encoders with scales by token on the RTL: every number the golden model's, every cycle as predicted (docs/encoders.md).

use systole_backends::Backend;
use systole_compiler::{CompileError, compile_parts};
use systole_golden::encoder::random::{Limits, Random, random};
use systole_isa::Config;
use systole_workloads::encoder;

/// Runs random encoders on the machine `label`; how many had room.
fn on_rtl(label: &str, seeds: std::ops::Range<u64>) -> usize {
    let config = Config::named(label).unwrap();
    let mut ran = 0;
    for seed in seeds {
        let limits = Limits { cols: config.cols as usize, tokens: 20, width: 40, blocks: 2, wild: seed % 2 == 1 };
        let (model, x, mask) = random(&mut Random(seed), limits);
        let parts = match compile_parts(&model, &config) {
            Ok(parts) => parts,
            Err(CompileError::DoesNotFit { .. } | CompileError::Isa(_) | CompileError::Encoder(_)) => continue,
            Err(e) => panic!("{label}, seed {seed}: {e}"),
        };
        let options = systole_chip::Options { seed: seed + 1, ..Default::default() };
        let out = encoder::run(&parts, &x, &mask, &config, Backend::Rtl, &options).unwrap();
        assert!(out.is_good(), "{label}, seed {seed}: {out:?}");
        ran += 1;
    }
    ran
}

#[test]
fn random_encoders_run_on_base() {
    let seeds = if systole_verif::long() { 64 } else { 4 };
    assert!(on_rtl("base", 0..seeds) as u64 * 8 >= seeds * 5);
}

#[test]
fn a_number_or_a_cycle_that_is_off_is_found() {
    let config = Config::named("base").unwrap();
    let limits = Limits { cols: 16, tokens: 8, width: 32, blocks: 1, wild: false };
    let (model, x, mask) = random(&mut Random(2), limits);
    let mut parts = compile_parts(&model, &config).unwrap();
    let good = encoder::run(&parts, &x, &mask, &config, Backend::Model, &Default::default()).unwrap();
    assert!(good.is_good());
    let (mean, least) = good.cosines(&mask).unwrap();
    assert!(mean > 0.98 && least > 0.95, "{mean}, {least}");
    // A weight's bit in the image only.
    let mut broken = parts.clone();
    let at = broken[0].1.image.weights.iter().rposition(|&w| w != 0).unwrap();
    broken[0].1.image.weights[at] ^= 64;
    let bad = encoder::run(&broken, &x, &mask, &config, Backend::Model, &Default::default()).unwrap();
    assert!(bad.mismatches > 0 && !bad.is_good() && bad.first_mismatch.is_some());
    parts[0].1.cycles += 1;
    assert!(!encoder::run(&parts, &x, &mask, &config, Backend::Model, &Default::default()).unwrap().is_good());
}

#[test]
fn what_is_no_number_or_of_another_length_is_not_near() {
    use systole_model::onnx::{Array, Data};
    let of = |v: &[f32]| Array { shape: vec![1, 2, v.len() / 2], data: Data::F32(v.to_vec()) };
    let (mask, a) = ([true, true], of(&[1.0, 2.0, -1.0, 0.5]));
    let near = |b: &[f32]| encoder::apart(&a, &of(b), &mask).is_some_and(|x| x.is_near());
    assert!(near(&[1.0, 2.0, -1.0, 0.5]) && near(&[1.01, 2.0, -1.0, 0.5]));
    for b in
        [[f32::NAN, 2.0, -1.0, 0.5], [f32::INFINITY, 2.0, -1.0, 0.5], [-1.0, -2.0, 1.0, -0.5], [2.0, 4.0, -2.0, 1.0], [0.0; 4]]
    {
        assert!(!near(&b), "{b:?}");
    }
    assert_eq!(encoder::apart(&a, &of(&[1.0, 2.0]), &mask), None, "another shape");
    // Of tokens that do not count nothing is asked.
    let half = encoder::apart(&a, &of(&[1.0, 2.0, 7.0, 7.0]), &[true, false]).unwrap();
    assert!(half.is_near() && half.largest_difference == 0.0);
}

#[test]
fn stored_cases_of_all_formats_are_near_what_onnx_runtime_gave() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/encoders");
    let cases = systole_workloads::onnx_case::cases(&folder).unwrap();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    let config = Config::named("base,TIMETABLE_DEPTH=4096,DESC_DEPTH=8192").unwrap();
    let mut declared = 0;
    for case in cases {
        let v = systole_workloads::conformance::run_case(&case, &config, Backend::Model, &Default::default()).unwrap();
        println!("{}: {:?}, {}", v.name, v.status, v.reason);
        assert_ne!(v.status, systole_workloads::conformance::Status::Failed, "{}: {}", v.name, v.reason);
        declared += usize::from(v.status == systole_workloads::conformance::Status::Declared);
    }
    assert!(declared >= 18, "{declared} ran");
}
