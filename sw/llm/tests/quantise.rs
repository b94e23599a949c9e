// SPDX-License-Identifier: Apache-2.0
//! Codes and scales by docs/language-models.md, Weights.

use crate::common::{sizes, tiny};
use systole_isa::F24;
use systole_llm::{Float, Matrix, Model, Options, Score, quantise, samples, windows, write};

fn options() -> Options {
    Options { context: None, calibration: 60, seed: 3 }
}

/// Every weight lies within half a step (and what rounding the scale adds) of what its code stands for.
fn fits(m: &Matrix, w: impl Fn(usize, usize) -> f64) {
    for n in 0..m.outputs {
        let scale = m.scales[n].to_f64();
        assert!(m.row(n).iter().any(|c| c.abs() == 127), "channel {n} does not use its codes");
        for (k, &code) in m.row(n).iter().enumerate() {
            let error = (f64::from(code) * scale - w(n, k)).abs();
            assert!(error <= scale * (0.5 + 127.0 / 65536.0 + 1e-9), "[{n}][{k}]: {error} beside a step of {scale}");
        }
    }
}

#[test]
fn gains_and_scales_of_k_and_v_are_in_the_weights() {
    let model = samples::model(sizes(), true, 9);
    let q = quantise(&model, &options());
    let (d, e) = (16, 4);
    let at = |w: &[f32], k: usize, n: usize, i: usize| f64::from(w[n * k + i]);
    for (w, q) in model.layers.iter().zip(&q.layers) {
        let (sk, sv) = (&q.key_scales, &q.value_scales);
        // Heads 0, 1 read KV head 0; 2, 3 read 1.
        let met = |n: usize| n / (2 * e) * e + n % e;
        fits(&q.wq, |n, k| at(&w.wq, d, n, k) * f64::from(w.rms_att[k]) * sk[met(n)]);
        fits(&q.wk, |n, k| at(&w.wk, d, n, k) * f64::from(w.rms_att[k]) / sk[n]);
        fits(&q.wv, |n, k| at(&w.wv, d, n, k) * f64::from(w.rms_att[k]) / sv[n]);
        fits(&q.wo, |n, k| at(&w.wo, d, n, k) * sv[met(k)]);
        fits(&q.w1, |n, k| at(&w.w1, d, n, k) * f64::from(w.rms_ffn[k]));
        fits(&q.w3, |n, k| at(&w.w3, d, n, k) * f64::from(w.rms_ffn[k]));
        fits(&q.w2, |n, k| at(&w.w2, 24, n, k));
        assert!(sk.chunks(2).all(|pair| pair[0] == pair[1]));
    }
    let classifier = model.classifier.as_ref().expect("its own");
    fits(&q.classifier, |n, k| at(classifier, d, n, k) * f64::from(model.rms_final[k]));
    for (i, &code) in q.embedding.iter().enumerate() {
        let scale = q.embedding_scales[i % d].to_f64();
        assert!((f64::from(code) * scale - f64::from(model.embedding[i])).abs() <= scale * 0.503);
    }
}

#[test]
fn scales_of_k_and_v_are_the_largest_in_the_models_own_text() {
    let model = tiny();
    let q = quantise(&model, &options());
    let mut most = [0f32; 2];
    for text in write(&model, 3, 60) {
        let mut float = Float::new(&model);
        let inputs: Vec<usize> = std::iter::once(model.start).chain(text).collect();
        for (p, &token) in inputs[..inputs.len() - 1].iter().enumerate() {
            float.step(token, p);
        }
        for row in float.keys(1).chunks(8) {
            most[0] = most[0].max(row[2].abs()).max(row[3].abs());
        }
        for row in float.values(1).chunks(8) {
            most[1] = most[1].max(row[5].abs());
        }
    }
    assert_eq!(q.layers[1].key_scales[2], f64::from(most[0]) / 127.0);
    assert_eq!(q.layers[1].value_scales[5], f64::from(most[1]) / 127.0);
    let other = quantise(&model, &Options { seed: 4, ..options() });
    assert_ne!(q.layers[1].key_scales, other.layers[1].key_scales);
    assert_eq!(q, quantise(&model, &options()));
}

#[test]
fn rows_of_zeros_have_a_scale() {
    let mut model = tiny();
    model.layers[0].wv.fill(0.0);
    model.layers[0].w2[..24].fill(0.0);
    (0..288).for_each(|t| model.embedding[t * 16] = 0.0);
    let q = quantise(&model, &options());
    let unit = F24::from_f64(1.0 / 127.0);
    assert!(q.layers[0].value_scales.iter().all(|&s| s == 1.0 / 127.0));
    assert_eq!((q.layers[0].wv.scales[0], q.layers[0].w2.scales[0], q.embedding_scales[0]), (unit, unit, unit));
    assert!(q.layers[0].wv.codes.iter().all(|&c| c == 0));
}

#[test]
fn rotations_are_two_codes_of_14_bits_of_fraction() {
    let q = quantise(&tiny(), &Options { context: Some(12), ..options() });
    assert_eq!((q.sizes.context, q.cos.len(), q.sin.len()), (12, 24, 24));
    for position in 0..12 {
        for pair in 0..2 {
            let angle = position as f64 * 10_000f64.powf(-0.5 * pair as f64);
            for (r, x) in [(q.cos[position * 2 + pair], angle.cos()), (q.sin[position * 2 + pair], angle.sin())] {
                assert_eq!(256 * i32::from(r.hi) + i32::from(r.lo), (x * 16384.0).round_ties_even() as i32);
            }
        }
    }
    assert_eq!((q.cos[0].hi, q.cos[0].lo), (64, 0));
}

#[test]
fn windows_cover_texts_and_scores_are_as_computed_by_hand() {
    let w = windows(&[vec![5, 6, 7], vec![], vec![8]], 1, 2, 100);
    let of = |inputs: &[usize], targets: &[usize]| systole_llm::Window { inputs: inputs.to_vec(), targets: targets.to_vec() };
    assert_eq!(w, [of(&[1, 5], &[5, 6]), of(&[1], &[7]), of(&[1], &[8])]);
    assert_eq!(windows(&[vec![5, 6, 7]], 1, 9, 2), [of(&[1, 5], &[5, 6])]);

    // p = (1/2, 1/2) against q = (3/4, 1/4), then both alike.
    let (p, q) = ([0.0f32, 0.0], [3f32.ln(), 0.0]);
    let mut score = Score::default();
    score.add(&q, &p, 1);
    let kl = 0.5 * (2.0f64 / 3.0).ln() + 0.5 * 2f64.ln();
    assert!((score.kl() - kl).abs() < 1e-7 && score.same_top() == 1.0);
    assert!((score.perplexity() - 4.0).abs() < 1e-6 && (score.perplexity_float() - 2.0).abs() < 1e-6);
    score.add(&[0.0, 1.0], &[1.0, 0.0], 0);
    assert_eq!((score.tokens, score.same_top()), (2, 0.5));
}

#[test]
fn a_model_without_its_own_classifier_shares_the_table() {
    let model: Model = tiny();
    let q = quantise(&model, &options());
    fits(&q.classifier, |n, k| f64::from(model.embedding[n * 16 + k]) * f64::from(model.rms_final[k]));
}
