// SPDX-License-Identifier: Apache-2.0
//! An encoder in float64: weights are codes times scales, activations are not quantised.

use super::{Encoder, Op, Then};
use crate::encoder::host::elementwise::{gelu, sigmoid};

/// The result `[tokens][width of the result]` for an input `[tokens][width]`. `mask`: whether each token counts; where none does the
/// weights of attention are no numbers.
///
/// # Panics
/// Where the input or the mask has another size than the encoder, or [`Encoder::check`] would refuse it.
pub fn float(encoder: &Encoder, x: &[f32], mask: &[bool]) -> Vec<f64> {
    let tokens = encoder.tokens;
    assert_eq!((x.len(), mask.len()), (tokens * encoder.width, tokens), "an input of another size");
    let mut maps: Vec<Vec<f64>> = vec![x.iter().map(|&v| v.into()).collect()];
    for (n, op) in encoder.ops.iter().enumerate() {
        let width = encoder.width_of(n + 1);
        let mut y = vec![0f64; tokens * width];
        match op {
            Op::Linear(l) => {
                for t in 0..tokens {
                    let row = &maps[l.from][t * l.inputs..(t + 1) * l.inputs];
                    for o in 0..l.outputs {
                        let w = &l.codes[o * l.inputs..(o + 1) * l.inputs];
                        let sum: f64 = row.iter().zip(w).map(|(x, &c)| x * f64::from(c)).sum();
                        let v = sum * f64::from(l.scales[o]) + l.bias.as_ref().map_or(0.0, |b| b[o].into());
                        let at = t * width + o;
                        y[at] = match l.then {
                            Then::Nothing => v,
                            Then::Relu => v.max(0.0),
                            Then::Gelu => gelu(v),
                            Then::Silu => v * sigmoid(v),
                            Then::Times(m) => v * maps[m][at],
                            Then::Plus(m) => v + maps[m][at],
                        };
                    }
                }
            }
            Op::Norm(x) => {
                for (row, y) in maps[x.from].chunks(width).zip(y.chunks_mut(width)) {
                    let mu = if x.mean { row.iter().sum::<f64>() / width as f64 } else { 0.0 };
                    let variance = row.iter().map(|v| (v - mu) * (v - mu)).sum::<f64>() / width as f64;
                    let by = 1.0 / (variance + f64::from(x.epsilon)).sqrt();
                    for i in 0..width {
                        y[i] = (row[i] - mu) * by * f64::from(x.gain[i]) + f64::from(x.bias[i]);
                    }
                }
            }
            Op::Attention(a) => {
                let (d, group) = (width / a.heads, a.heads / a.kv_heads);
                let kv = a.kv_heads * d;
                let mut p = vec![0f64; tokens];
                for t in 0..tokens {
                    for h in 0..a.heads {
                        let q = &maps[a.q][t * width + h * d..][..d];
                        let at = |p: usize| p * kv + h / group * d;
                        for (s, p) in p.iter_mut().enumerate() {
                            let dot: f64 = q.iter().zip(&maps[a.k][at(s)..]).map(|(q, k)| q * k).sum();
                            *p = if mask[s] { dot * f64::from(a.scale) } else { f64::NEG_INFINITY };
                        }
                        let most = p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        p.iter_mut().for_each(|p| *p = (*p - most).exp());
                        let sum: f64 = p.iter().sum();
                        for (s, p) in p.iter().enumerate() {
                            for i in 0..d {
                                y[t * width + h * d + i] += p / sum * maps[a.v][at(s) + i];
                            }
                        }
                    }
                }
            }
            Op::Add(a, b) => y.iter_mut().zip(maps[*a].iter().zip(&maps[*b])).for_each(|(y, (a, b))| *y = a + b),
        }
        maps.push(y);
    }
    maps.swap_remove(encoder.output)
}

/// The cosine of the angle between two vectors; 1 where both are zero.
///
/// # Panics
/// Where they differ in length.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "vectors of two lengths");
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let size = (dot(a, a) * dot(b, b)).sqrt();
    if size == 0.0 { f64::from(u8::from(dot(a, a) == dot(b, b))) } else { dot(a, b) / size }
}
