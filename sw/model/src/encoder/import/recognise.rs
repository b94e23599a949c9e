// SPDX-License-Identifier: Apache-2.0
//! Says what arithmetic is by trying it: exporters write Gelu, SiLU and normalisations in many forms, and every form gives the same
//! numbers.

use super::rows::{Arg, Id, Normalised, Row, Step, leaves, reads, tried};
use crate::encoder::host::elementwise::{gelu, gelu_tanh, sigmoid};
use std::collections::BTreeSet;

/// A function that the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// x itself.
    Same,
    /// max(x, 0).
    Relu,
    /// x Phi(x).
    Gelu,
    /// Its approximation by tanh.
    GeluTanh,
    /// x sigmoid(x).
    Silu,
}

/// What arithmetic is.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// `factor * act(inner * x)`.
    Act {
        /// Of which value.
        x: Id,
        /// The function.
        act: Act,
        /// What x is times.
        inner: f64,
        /// What the function is times.
        factor: f64,
    },
    /// A normalisation.
    Norm(Id, Normalised),
}

/// Numbers between -1 and 1 without a pattern, by Knuth's multiplicative hash.
fn noise(n: usize) -> f64 {
    let h = (n as u32).wrapping_add(17).wrapping_mul(2_654_435_761);
    let h = (h ^ h >> 15).wrapping_mul(2_246_822_519);
    f64::from(h ^ h >> 13) / f64::from(u32::MAX) * 2.0 - 1.0
}

/// What the arithmetic that makes a value is, of the farthest value that explains it: what LayerNormalization does behind the mean alone
/// would be RMSNormalization of it.
pub fn recognise(rows: &[Row], id: Id) -> Option<Form> {
    let leaves = leaves(rows, id).into_iter().rev().filter(|&x| rows[x].width == rows[id].width);
    leaves.into_iter().find_map(|x| act(rows, id, x).or_else(|| norm(rows, id, x)))
}

fn act(rows: &[Row], id: Id, x: Id) -> Option<Form> {
    let width = rows[x].width;
    let count = 64usize.div_ceil(width);
    let mut points = vec![];
    for r in 0..count {
        let row: Vec<f64> = (0..width).map(|i| 9.0 * noise(r * width + i)).collect();
        let made = tried(rows, id, x, &row)?;
        points.extend(row.into_iter().zip(made));
    }
    let largest = points.iter().copied().fold((0.0, 0.0), |m: (f64, f64), p| if p.0 > m.0 { p } else { m });
    let functions: [(Act, f64, fn(f64) -> f64); 6] = [
        (Act::Same, 1.0, |x| x),
        (Act::Relu, 1.0, |x| x.max(0.0)),
        (Act::Gelu, 1.0, gelu),
        (Act::GeluTanh, 1.0, gelu_tanh),
        (Act::Silu, 1.0, |x| x * sigmoid(x)),
        (Act::Silu, 1.702, |x| x * sigmoid(x)),
    ];
    functions.into_iter().find_map(|(act, inner, f)| {
        let factor = largest.1 / f(inner * largest.0);
        let near = |(x, y): &(f64, f64)| (y - factor * f(inner * x)).abs() <= 4e-6 * factor.abs();
        let found = factor.is_finite() && factor != 0.0 && points.iter().all(near);
        // float32's own rounding of one half and the like is no factor.
        let factor = if (factor - 1.0).abs() < 1e-6 { 1.0 } else { factor };
        found.then_some(Form::Act { x, act, inner, factor })
    })
}

/// Numbers of the file that may be an epsilon, between `id` and `x`.
fn epsilons(rows: &[Row], id: Id, x: Id) -> Vec<f64> {
    let (mut seen, mut waiting, mut made) = (BTreeSet::new(), vec![id], vec![0.0]);
    while let Some(at) = waiting.pop() {
        if at == x || !seen.insert(at) {
            continue;
        }
        if let Step::Binary(_, a, b) = &rows[at].step {
            for v in [a, b] {
                if let Arg::Vector(v) = v
                    && v.len() == 1
                    && (0.0..=0.1).contains(&v[0])
                {
                    made.push(v[0]);
                }
            }
        }
        waiting.extend(reads(&rows[at].step));
    }
    let n = rows[x].width as f64;
    let others: Vec<f64> = made.iter().flat_map(|e| [e * e, e / n, e * n]).collect();
    made.extend(others);
    made
}

fn norm(rows: &[Row], id: Id, x: Id) -> Option<Form> {
    let width = rows[x].width;
    if width < 2 {
        return None;
    }
    // Tokens of several sizes: an epsilon counts in small ones.
    let scales = [1.0, 3.0, 1.0, 0.3, 1e-2, 1e-3, 1e-4, 1e-6];
    let tokens: Vec<Vec<f64>> = (scales.iter().enumerate())
        .map(|(r, s)| (0..width).map(|i| s * (noise(r * width + i) + if r % 2 == 1 { 0.4 } else { 0.0 })).collect())
        .collect();
    let made: Vec<Vec<f64>> = tokens.iter().map(|t| tried(rows, id, x, t)).collect::<Option<_>>()?;
    let size = made.iter().flatten().fold(0.0, |m: f64, v| m.max(v.abs()));
    if !size.is_finite() || size == 0.0 {
        return None;
    }
    for epsilon in epsilons(rows, id, x) {
        for mean in [true, false] {
            let normal: Vec<Vec<f64>> = tokens.iter().map(|t| normalised(t, epsilon, mean)).collect();
            let lines: Option<Vec<(f64, f64)>> = (0..width).map(|i| line(&normal, &made, i, 1e-6 * size)).collect();
            if let Some(lines) = lines {
                let gain = lines.iter().map(|l| l.0 as f32).collect();
                let bias = lines.iter().map(|l| if l.1.abs() < 1e-9 * size { 0.0 } else { l.1 as f32 }).collect();
                return Some(Form::Norm(x, Normalised { gain, bias, epsilon: epsilon as f32, mean }));
            }
        }
    }
    None
}

fn normalised(x: &[f64], epsilon: f64, mean: bool) -> Vec<f64> {
    let n = x.len() as f64;
    let mu = if mean { x.iter().sum::<f64>() / n } else { 0.0 };
    let by = 1.0 / (x.iter().map(|v| (v - mu) * (v - mu)).sum::<f64>() / n + epsilon).sqrt();
    x.iter().map(|v| (v - mu) * by).collect()
}

/// The straight line of a channel's results over its normalised numbers, where they lie on one.
fn line(x: &[Vec<f64>], y: &[Vec<f64>], i: usize, near: f64) -> Option<(f64, f64)> {
    let n = x.len() as f64;
    let (mx, my) = (x.iter().map(|r| r[i]).sum::<f64>() / n, y.iter().map(|r| r[i]).sum::<f64>() / n);
    let over: f64 = x.iter().map(|r| (r[i] - mx).powi(2)).sum();
    let gain = x.iter().zip(y).map(|(x, y)| (x[i] - mx) * (y[i] - my)).sum::<f64>() / over;
    let bias = my - gain * mx;
    let on = x.iter().zip(y).all(|(x, y)| (y[i] - gain * x[i] - bias).abs() <= near);
    (on && gain.is_finite()).then_some((gain, bias))
}
