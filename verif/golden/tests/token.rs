// SPDX-License-Identifier: Apache-2.0
//! The machine's arithmetic of a token beside the float reference.

use systole_golden::f24::F24;
use systole_golden::token::Decoder;
use systole_llm::{Float, Model, Options, Quantised, Score, Sizes, open, quantise, samples, windows, write};

fn tiny() -> Model {
    samples::model(Sizes::new([16, 24, 2, 4, 2, 288, 20]).expect("sizes"), false, 7)
}

fn options() -> Options {
    Options { context: None, calibration: 200, seed: 2 }
}

/// Both models on the text, in windows of the context.
fn score(model: &Model, q: &Quantised, texts: &[Vec<usize>]) -> Score {
    let mut score = Score::default();
    for w in windows(texts, model.start, model.sizes.context, usize::MAX) {
        let (mut float, mut machine) = (Float::new(model), Decoder::new(q));
        for (position, (&input, &target)) in w.inputs.iter().zip(&w.targets).enumerate() {
            let logits: Vec<f32> = machine.step(input, position).iter().map(|l| l.to_f64() as f32).collect();
            score.add(&logits, &float.step(input, position), target);
        }
    }
    score
}

#[test]
fn random_models_stay_close_to_float() {
    for (sizes, own) in [
        ([32, 48, 2, 4, 2, 40, 24], false),
        ([32, 40, 3, 8, 8, 50, 16], true), // a KV head for each query head
        ([48, 33, 1, 2, 1, 70, 30], true), // one KV head
    ] {
        let model = samples::model(Sizes::new(sizes).expect("sizes"), own, 4);
        let score = score(&model, &quantise(&model, &options()), &write(&model, 77, 300));
        assert!(score.kl() < 0.01, "{sizes:?}: KL {}", score.kl());
        assert!((score.perplexity() / score.perplexity_float() - 1.0).abs() < 0.03, "{sizes:?}: {score:?}");
        assert!(score.same_top() > 0.9, "{sizes:?}: {score:?}");
    }
}

#[test]
fn codes_of_k_and_v_are_those_of_the_float_reference_within_a_few() {
    let model = tiny();
    let q = quantise(&model, &options());
    let (mut float, mut machine) = (Float::new(&model), Decoder::new(&q));
    for position in 0..model.sizes.context {
        float.step(position * 11 % 288, position);
        machine.step(position * 11 % 288, position);
    }
    let mut far = 0;
    for (l, layer) in q.layers.iter().enumerate() {
        for (codes, exact, scales) in
            [(machine.keys(l), float.keys(l), &layer.key_scales), (machine.values(l), float.values(l), &layer.value_scales)]
        {
            assert_eq!(codes.len(), exact.len());
            for (i, (&code, &exact)) in codes.iter().zip(exact).enumerate() {
                let exact = (f64::from(exact) / scales[i % scales.len()]).clamp(-127.0, 127.0);
                assert!((f64::from(code) - exact).abs() < 20.0, "layer {l}, element {i}: {code} for {exact}");
                far += u32::from((f64::from(code) - exact).abs() > 6.0);
            }
        }
    }
    assert!(far < 16, "{far} of {}", 2 * 2 * 20 * 8);
}

#[test]
fn a_step_back_forgets_what_came_behind() {
    let model = tiny();
    let q = quantise(&model, &options());
    let mut machine = Decoder::new(&q);
    let first: Vec<Vec<F24>> = [5, 9, 30].iter().enumerate().map(|(p, &t)| machine.step(t, p)).collect();
    machine.step(77, 1);
    assert_eq!(machine.positions(), 2);
    assert_eq!(machine.step(9, 1), first[1]);
    assert_eq!(machine.step(30, 2), first[2]);
}

#[test]
fn a_token_of_zeros_has_logits() {
    let mut model = tiny();
    model.embedding[3 * 16..4 * 16].fill(0.0);
    let logits = Decoder::new(&quantise(&model, &options())).step(3, 0);
    assert!(logits.iter().all(|&l| l == F24::ZERO));
}

#[test]
fn stories260k_is_as_near_to_float_as_promised() {
    let Some(folder) = samples::stories() else { return };
    let (model, _) = open(&folder, None).expect("a model and its tokenizer");
    let q = quantise(&model, &Options::default());
    let score = score(&model, &q, &write(&model, 1001, 1500));
    assert!(score.kl() <= 0.012, "{score:?}");
    assert!(score.same_top() >= 0.94, "{score:?}");
    assert!(score.perplexity() / score.perplexity_float() <= 1.015, "{score:?}");
}
