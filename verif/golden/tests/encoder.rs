// SPDX-License-Identifier: Apache-2.0
//! The golden model of encoders: numbers by hand, properties, and that the order of a formula shows.

use systole_golden::encoder::random::{Limits, Random, random};
use systole_golden::encoder::{maps, run};
use systole_golden::f24::F24;
use systole_model::encoder::{Encoder, Linear, Op, Then, frame, pad};

fn constant(x: f64) -> F24 {
    systole_isa::F24::from_f64(x).into()
}

fn one(l: Linear) -> Encoder {
    Encoder { name: "one".into(), tokens: 1, width: l.inputs, ops: vec![Op::Linear(l)], output: 1 }
}

fn linear(then: Then) -> Linear {
    let (codes, scales) = (vec![127, 64, -127, 0], vec![0.5, 0.25]);
    Linear { name: "l".into(), from: 0, codes, scales, inputs: 2, outputs: 2, bias: None, then }
}

#[test]
fn a_product_by_hand() {
    // x = (127, -64): mx = 127; 1/127 = 0.00787401..; its product with 127 rounds to 1 within two units in the last place, so
    // the codes are 127 and -64, and back is 1 within as much. Sums: 127 * 127 - 64 * 64 = 12,033 and -127 * 127 = -16,129;
    // times 0.5 and 0.25: 6,016.5 and -4,032.25.
    let x = [127.0, -64.0];
    let f = frame(&x, 2, &[true], 8);
    let y = run(&one(linear(Then::Nothing)), &f, 8);
    assert_eq!(y.len(), 64, "eight tokens of eight lanes");
    for (y, expected) in y.iter().zip([6016.5, -4032.25]) {
        assert!((y.to_f64() - expected).abs() < 4.0 * 2f64.powi(-16) * f64::abs(expected), "{} for {expected}", y.to_f64());
    }
    assert!(y[2..].iter().all(|&y| y == F24::ZERO));
}

#[test]
fn random_encoders_are_legal_and_run() {
    for cols in [8, 16] {
        for wild in [false, true] {
            for seed in 0..20 {
                let limits = Limits { cols, tokens: 40, width: 96, blocks: 3, wild };
                let (model, x, mask) = random(&mut Random(seed), limits);
                model.check().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
                let y = run(&model, &frame(&x, model.width, &mask, cols), cols);
                assert_eq!(y.len(), pad(model.tokens, cols) * pad(model.width_of(model.output), cols));
            }
        }
    }
}

#[test]
fn a_bias_is_added_to_the_summand_first() {
    // y + (m + b) is not (y + b) + m in every bit.
    let (mut differ, n) = (0, 64);
    let mut rng = Random(3);
    for _ in 0..n {
        let x = [rng.unit(), rng.unit()];
        let bias: Vec<f32> = vec![rng.unit(), rng.unit()];
        let plain = maps(&one(linear(Then::Nothing)), &frame(&x, 2, &[true], 8), 8);
        let with = maps(&one(Linear { bias: Some(bias.clone()), ..linear(Then::Plus(0)) }), &frame(&x, 2, &[true], 8), 8);
        for (i, &b) in bias.iter().enumerate() {
            let (m, y, b) = (plain[0][i], plain[1][i], constant(b.into()));
            assert_eq!(with[1][i], y.add(m.add(b)));
            differ += usize::from(with[1][i] != y.add(b).add(m));
        }
    }
    assert!(differ > 0, "no order shows in {n} tokens");
}
