// SPDX-License-Identifier: Apache-2.0
//! Weights as codes: those of the file where it has them, float32 quantised.

use super::rows::Weights;
use crate::encoder::host::sums::{along_axis, less_zero};
use crate::encoder::host::tensor::{Kind, Tensor, broadcast, pairs};
use crate::encoder::host::{Inputs, axis_of, optional};
use crate::onnx::parse::node::Node;
use std::collections::HashMap;
use std::sync::Arc;

/// A constant as `(codes - zero) * scale`.
#[derive(Clone)]
pub struct Coded {
    codes: Arc<Tensor>,
    zero: Option<Arc<Tensor>>,
    scale: Arc<Tensor>,
}

/// Constants of which codes are known, by name.
pub type AllCoded = HashMap<String, Coded>;

/// What is to be said of weights that had to be changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Outputs with codes beyond 127, and the largest change of a weight in parts of the largest weight of its output.
    pub beyond: (usize, f64),
    /// Tensors of float32 that were quantised.
    pub floats: usize,
    /// Tensors with scales along the sum, that were quantised anew.
    pub anew: usize,
}

/// Notes what a node of constants makes of codes.
pub fn follow(node: &Node, x: Inputs, all: &mut AllCoded) {
    let [out] = node.proto.output.as_slice() else { return };
    let name = |i: usize| node.proto.input.get(i).map_or("", String::as_str);
    let one = || Arc::new(Tensor::floats(vec![], vec![1.0]));
    let Some(first) = x.first().and_then(Option::as_ref) else { return };
    let made = match node.op() {
        "Cast" if node.int("to", 0) == 1 || node.int("to", 0) == 10 => match first.kind {
            Kind::I8 | Kind::U8 | Kind::I32 if first.shape.len() > 1 => {
                Some(Coded { codes: first.clone(), zero: None, scale: one() })
            }
            _ => None,
        },
        "DequantizeLinear" if first.shape.len() > 1 && node.int("block_size", 0) == 0 => {
            let axis = axis_of(node.int("axis", 1), first.shape.len()).unwrap_or(0);
            let along = |t: &Tensor| Arc::new(t.clone().reshaped(along_axis(t, &first.shape, axis)));
            let zero = optional(x, 2).map(along);
            optional(x, 1).map(|s| Coded { codes: first.clone(), zero, scale: along(s) })
        }
        "Identity" => all.get(name(0)).cloned(),
        "Mul" => {
            let pair = match (all.get(name(0)), all.get(name(1))) {
                (Some(c), None) => optional(x, 1).map(|by| (c, by)),
                (None, Some(c)) => optional(x, 0).map(|by| (c, by)),
                _ => None,
            };
            pair.filter(|(c, by)| broadcast(&[&c.codes.shape, &by.shape]).is_ok_and(|s| s == c.codes.shape)).and_then(
                |(c, by)| {
                    let scale = crate::encoder::host::elementwise::arithmetic("Mul", &c.scale, by).ok()?;
                    Some(Coded { scale: Arc::new(scale), ..c.clone() })
                },
            )
        }
        "Sub" => {
            all.get(name(0)).filter(|c| c.zero.is_none() && c.scale.len() == 1 && c.scale.to_floats() == [1.0]).and_then(|c| {
                let by = optional(x, 1)?;
                let whole = by.to_floats().iter().all(|v| v.fract() == 0.0 && v.abs() <= 255.0);
                let fits = broadcast(&[&c.codes.shape, &by.shape]).is_ok_and(|s| s == c.codes.shape);
                let zero = Tensor::ints(by.shape.clone(), Kind::I32, by.to_floats().iter().map(|&v| v as i64).collect());
                (whole && fits).then(|| Coded { zero: Some(Arc::new(zero)), ..c.clone() })
            })
        }
        "Transpose" => all.get(name(0)).and_then(|c| {
            let rank = c.codes.shape.len();
            let turn = |t: &Arc<Tensor>| -> Option<Arc<Tensor>> {
                if t.len() == 1 {
                    return Some(t.clone());
                }
                let front = vec![1; rank - t.shape.len()];
                let t = Arc::new((**t).clone().reshaped([front.as_slice(), &t.shape].concat()));
                crate::encoder::host::run(node, &[Some(t)], 13).ok()?.pop().map(Arc::new)
            };
            let zero = match &c.zero {
                Some(z) => Some(turn(z)?),
                None => None,
            };
            Some(Coded { codes: turn(&c.codes)?, zero, scale: turn(&c.scale)? })
        }),
        _ => None,
    };
    if let Some(made) = made {
        all.insert(out.clone(), made);
    }
}

/// Of codes, a zero point and a scale as operators of products have them.
pub fn coded(codes: Arc<Tensor>, zero: Option<Arc<Tensor>>, scale: Arc<Tensor>) -> Coded {
    Coded { codes, zero, scale }
}

/// Numbers that broadcast to a matrix `[k, n]`, as `[n][k]`.
fn turned<T: Copy>(values: &[T], shape: &[usize], k: usize, n: usize) -> Option<Vec<T>> {
    if broadcast(&[shape, &[k, n]]).ok()? != [k, n] {
        return None;
    }
    let mut made = vec![*values.first()?; k * n];
    let mut at = 0;
    pairs(shape, &[], &[k, n], |i, _| {
        made[at % n * k + at / n] = values[i];
        at += 1;
    });
    Some(made)
}

/// The weights `[k, n]` of a product `x W`; `turn`: they are stored `[n, k]`.
///
/// # Errors
/// What they are, where they are no such matrix.
pub fn weights(name: &str, value: &Tensor, coded: Option<&Coded>, turn: bool, changes: &mut Changes) -> Result<Weights, String> {
    let front = value.shape.len().saturating_sub(2);
    let (&[a, b], true) = (&value.shape[front..], value.shape[..front].iter().all(|&d| d == 1)) else {
        return Err(format!("weights of shape {:?}, not a matrix", value.shape));
    };
    let (k, n) = if turn { (b, a) } else { (a, b) };
    if value.len() == 0 {
        return Err("weights of no elements".into());
    }
    if value.to_floats().iter().any(|v| !v.is_finite()) {
        return Err("weights that are no finite numbers".into());
    }
    let flat = |t: &Tensor| if t.len() == 1 { vec![] } else { t.shape[t.shape.len().saturating_sub(2)..].to_vec() };
    // All as [n][k], whichever way they are stored.
    let all = |v: &[f32], shape: &[usize]| -> Option<Vec<f32>> {
        let made = turned(v, shape, a, b)?;
        Some(if turn { turned(&made, &[b, a], b, a)? } else { made })
    };
    let made = coded.and_then(|c| {
        let codes = less_zero(&c.codes, c.zero.as_deref(), None).ok()?;
        let codes = all(&codes.to_floats(), &flat(&codes))?;
        let scales = all(&c.scale.to_floats(), &flat(&c.scale))?;
        Some((codes, scales))
    });
    if let Some((codes, scales)) = made {
        if scales.chunks(k).all(|row| row.iter().all(|s| *s == row[0])) {
            let mut w = Weights { name: name.into(), codes: Vec::with_capacity(k * n), scales: vec![], inputs: k };
            for (row, s) in codes.chunks(k).zip(scales.chunks(k)) {
                push(&mut w, row, s[0], changes);
            }
            return Ok(w);
        }
        changes.anew += 1;
    } else {
        changes.floats += 1;
    }
    let values = all(&value.to_floats(), &flat(value)).ok_or("weights that are no matrix")?;
    let mut w = Weights { name: name.into(), codes: Vec::with_capacity(k * n), scales: vec![], inputs: k };
    for row in values.chunks(k) {
        let largest = row.iter().fold(0f32, |m, v| m.max(v.abs()));
        if !largest.is_finite() {
            return Err("weights that are not finite".into());
        }
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        w.codes.extend(row.iter().map(|v| (v / scale).round_ties_even().clamp(-127.0, 127.0) as i8));
        w.scales.push(scale);
    }
    Ok(w)
}

/// Appends an output of these integers. Codes beyond 127 are cut, or all are divided, whichever changes the weights less.
fn push(w: &mut Weights, row: &[f32], scale: f32, changes: &mut Changes) {
    let sign = if scale < 0.0 { -1.0 } else { 1.0 };
    let largest = row.iter().fold(0f32, |m, v| m.max(v.abs()));
    if scale == 0.0 || !scale.is_finite() {
        w.codes.extend(row.iter().map(|_| 0));
        return w.scales.push(1.0);
    }
    if largest <= 127.0 {
        w.codes.extend(row.iter().map(|&v| (sign * v) as i8));
        return w.scales.push(scale.abs());
    }
    let by = largest / 127.0;
    let cut: Vec<f32> = row.iter().map(|v| v.clamp(-127.0, 127.0)).collect();
    let divided: Vec<f32> = row.iter().map(|v| (v / by).round_ties_even()).collect();
    let far = |made: &[f32], by: f32| made.iter().zip(row).map(|(m, v)| f64::from(m * by - v).powi(2)).sum::<f64>();
    let (made, by) = if far(&cut, 1.0) <= far(&divided, by) { (cut, 1.0) } else { (divided, by) };
    let worst = made.iter().zip(row).map(|(m, v)| f64::from((m * by - v).abs())).fold(0.0, f64::max);
    changes.beyond = (changes.beyond.0 + 1, changes.beyond.1.max(worst / f64::from(largest)));
    w.codes.extend(made.iter().map(|&v| (sign * v) as i8));
    w.scales.push(scale.abs() * by);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_beyond_127_are_divided_where_that_changes_them_less() {
        // Less zero points 100 and 127: 155, -100, -60 and 128, -127, 0, the latter of a negative scale.
        let codes = Arc::new(Tensor::ints(vec![3, 2], Kind::U8, vec![255, 255, 0, 0, 40, 127]));
        let zero = Arc::new(Tensor::ints(vec![2], Kind::U8, vec![100, 127]));
        let scale = Arc::new(Tensor::floats(vec![2], vec![0.5, -0.25]));
        let value = Tensor::floats(vec![3, 2], vec![0.0; 6]);
        let mut changes = Changes::default();
        let w = weights("w", &value, Some(&coded(codes, Some(zero), scale)), false, &mut changes).unwrap();
        assert_eq!(w.codes, [127, -82, -49, -127, 126, 0]);
        assert_eq!(w.scales, [0.5 * (155.0 / 127.0), 0.25 * (128.0 / 127.0)]);
        assert_eq!((changes.beyond.0, changes.floats), (2, 0));
        assert!(changes.beyond.1 <= 0.5 / 127.0, "{}", changes.beyond.1);
    }

    #[test]
    fn float32_takes_a_scale_for_each_output_whichever_way_it_is_stored() {
        let values = vec![1.27, -0.5, 0.0, 2.0, 0.635, 254.0];
        let mut changes = Changes::default();
        let w = weights("w", &Tensor::floats(vec![2, 3], values), None, false, &mut changes).unwrap();
        assert_eq!(w.codes, [81, 127, -100, 127, 0, 127]);
        let turned = vec![1.27, 2.0, -0.5, 0.635, 0.0, 254.0];
        let t = weights("w", &Tensor::floats(vec![3, 2], turned), None, true, &mut changes).unwrap();
        assert_eq!((t, changes.floats), (w, 2));
    }
}
