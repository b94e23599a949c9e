// SPDX-License-Identifier: Apache-2.0
//! The float reference beside a second computation: whole sequences in float64, in Hugging Face's layout, without a cache.

use crate::common::{SIZES, tensors, tiny};
use std::collections::HashMap;
use systole_llm::{Float, Model, Sampler, Sizes, argmax, open, samples, write};

/// Logits of every position of a sequence.
fn logits(model: &Model, tokens: &[usize]) -> Vec<Vec<f64>> {
    let t: HashMap<String, Vec<f32>> = tensors(model).into_iter().map(|t| (t.name, t.data)).collect();
    let (d, e) = (model.sizes.dim, model.sizes.head());
    let group = model.sizes.heads / model.sizes.kv_heads;
    let times = |name: &str, x: &[f64]| -> Vec<f64> {
        t[name].chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum()).collect()
    };
    let norm = |name: &str, x: &[f64]| -> Vec<f64> {
        let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        x.iter().zip(&t[name]).map(|(x, g)| x / (mean + model.eps).sqrt() * f64::from(*g)).collect()
    };
    // Channels i and i + e/2 are a complex number that turns.
    let turn = |x: &[f64], position: usize| -> Vec<f64> {
        let mut y = x.to_vec();
        for head in y.chunks_mut(e) {
            for i in 0..e / 2 {
                let angle = position as f64 / 10_000f64.powf(2.0 * i as f64 / e as f64);
                let (re, im) = (head[i], head[i + e / 2]);
                head[i] = re * angle.cos() - im * angle.sin();
                head[i + e / 2] = im * angle.cos() + re * angle.sin();
            }
        }
        y
    };
    let table = &t["model.embed_tokens.weight"];
    let mut x: Vec<Vec<f64>> = tokens.iter().map(|&k| table[k * d..][..d].iter().map(|&v| f64::from(v)).collect()).collect();
    for l in 0..model.sizes.layers {
        let name = |n: &str| format!("model.layers.{l}.{n}.weight");
        let c: Vec<_> = x.iter().map(|x| norm(&name("input_layernorm"), x)).collect();
        let q: Vec<_> = c.iter().enumerate().map(|(p, c)| turn(&times(&name("self_attn.q_proj"), c), p)).collect();
        let k: Vec<_> = c.iter().enumerate().map(|(p, c)| turn(&times(&name("self_attn.k_proj"), c), p)).collect();
        let v: Vec<_> = c.iter().map(|c| times(&name("self_attn.v_proj"), c)).collect();
        for p in 0..x.len() {
            let mut o = vec![];
            for h in 0..model.sizes.heads {
                let at = h / group * e;
                let score = |j: usize| (0..e).map(|i| q[p][h * e + i] * k[j][at + i]).sum::<f64>() / (e as f64).sqrt();
                let weights: Vec<f64> = (0..=p).map(|j| score(j).exp()).collect();
                let sum: f64 = weights.iter().sum();
                o.extend((0..e).map(|i| (0..=p).map(|j| weights[j] / sum * v[j][at + i]).sum::<f64>()));
            }
            let y = times(&name("self_attn.o_proj"), &o);
            x[p].iter_mut().zip(y).for_each(|(x, y)| *x += y);
            let c = norm(&name("post_attention_layernorm"), &x[p]);
            let gate = times(&name("mlp.gate_proj"), &c);
            let up = times(&name("mlp.up_proj"), &c);
            let u: Vec<f64> = gate.iter().zip(&up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
            let y = times(&name("mlp.down_proj"), &u);
            x[p].iter_mut().zip(y).for_each(|(x, y)| *x += y);
        }
    }
    let head = if model.classifier.is_some() { "lm_head.weight" } else { "model.embed_tokens.weight" };
    x.iter().map(|x| times(head, &norm("model.norm.weight", x))).collect()
}

#[test]
fn a_token_at_a_time_equals_the_whole_sequence_in_float64() {
    for (sizes, own) in [
        (SIZES, false),
        (SIZES, true),
        ([8, 9, 1, 4, 4, 5, 6], true),     // a KV head for each query head, pairs as heads
        ([12, 40, 3, 2, 1, 31, 9], false), // one KV head
    ] {
        let model = samples::model(Sizes::new(sizes).expect("sizes"), own, 3);
        let tokens: Vec<usize> = (0..model.sizes.context).map(|i| (i * 7 + 3) % model.sizes.vocab).collect();
        let mut float = Float::new(&model);
        for (position, expected) in logits(&model, &tokens).into_iter().enumerate() {
            let got = float.step(tokens[position], position);
            for (g, e) in got.iter().zip(&expected) {
                assert!((f64::from(*g) - e).abs() < 1e-4 * (1.0 + e.abs()), "{sizes:?}, position {position}: {g} for {e}");
            }
        }
    }
}

#[test]
fn a_step_back_forgets_what_came_behind() {
    let model = tiny();
    let mut float = Float::new(&model);
    let first: Vec<_> = [5, 9, 30].iter().enumerate().map(|(p, &t)| float.step(t, p)).collect();
    float.step(77, 1);
    assert_eq!(float.positions(), 2);
    assert_eq!(float.step(9, 1), first[1]);
    assert_eq!(float.step(30, 2), first[2]);
}

#[test]
fn sampling_follows_temperature_seed_and_top_p() {
    assert_eq!(argmax(&[1.0, 3.0, 3.0, -1.0]), 1);
    let logits: Vec<f32> = [0.5f32, 0.25, 0.125, 0.125].iter().map(|p| p.ln()).collect();
    let count = |temperature, top_p, seed| {
        let mut sampler = Sampler::new(temperature, top_p, seed);
        let mut n = [0usize; 4];
        (0..4000).for_each(|_| n[sampler.sample(&logits)] += 1);
        n
    };
    assert_eq!(count(0.0, 1.0, 1), [4000, 0, 0, 0]);
    let n = count(1.0, 1.0, 1);
    assert_eq!(n, count(1.0, 1.0, 1));
    assert_ne!(n, count(1.0, 1.0, 2));
    for (n, p) in n.iter().zip([0.5, 0.25, 0.125, 0.125]) {
        assert!((*n as f64 / 4000.0 - p).abs() < 0.03, "{n} for {p}");
    }
    // Squared probabilities at half the temperature: 0.25, 0.0625, 0.015625 twice.
    assert!((count(0.5, 1.0, 1)[0] as f64 / 4000.0 - 0.25 / 0.34375).abs() < 0.03);
    let n = count(1.0, 0.7, 1);
    assert!(n[0] > 2400 && n[1] > 1100 && n[2..] == [0, 0], "{n:?}");
    assert_eq!(count(1.0, 0.5, 1), [4000, 0, 0, 0]);
    assert_eq!(count(1.0, 0.0, 1), count(1.0, 1.0, 1));
}

#[test]
fn what_a_model_writes_is_its_seeds() {
    let model = tiny();
    let text = write(&model, 4, 100);
    assert_eq!(text, write(&model, 4, 100));
    assert_ne!(text, write(&model, 5, 100));
    assert_eq!(text.iter().map(Vec::len).sum::<usize>(), 100);
    for t in &text[..text.len() - 1] {
        assert!(t.len() == model.sizes.context || model.ends.contains(&t[t.len() - 1]));
        assert!(t[..t.len() - 1].iter().all(|t| !model.ends.contains(t)));
    }
}

#[test]
fn stories260k_goes_on_as_is_known() {
    let Some(folder) = samples::stories() else { return };
    let (model, tokenizer) = open(&folder, None).expect("a model and its tokenizer");
    let mut tokens = vec![model.start];
    tokens.extend(tokenizer.encode("Once upon a time").expect("tokens"));
    let more = Float::new(&model).greedy(&tokens, 200).expect("text");
    tokens.extend(more);
    let known = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red \
                 ball. She wanted to play with it, but it was too high.";
    let text = tokenizer.decode(&tokens, model.start);
    assert!(text.starts_with(known), "{text}");
}
