// SPDX-License-Identifier: Apache-2.0
//! Arithmetic in float32 on the sums of a product that nothing has quantised yet: factors and numbers for each output channel,
//! BatchNormalization, and a product of a mean. All of it is linear, so one product remains, with other scales and a bias of real
//! numbers; ONNX Runtime computes it in float32.

use super::broadcast::Bias;
use super::fuse::{Clip, Fuse};
use super::node::{Fail, Node, unsupported, wrong};
use super::ops::{Inputs, Weights, constant};
use super::value::{Conv, Pending, PendingKind, Real, Value};
use crate::graph::Window;
use std::rc::Rc;

/// The sums of a value that is a product, with nothing but its bias behind it.
fn bare(value: &Value) -> Option<(&Pending, &Conv)> {
    let Value::Real(Real::Pending(p)) = value else { return None };
    match &p.kind {
        PendingKind::Conv(c) if p.clip == Clip::NONE => Some((p, c)),
        _ => None,
    }
}

fn in_float32(p: &Pending, c: Conv) -> Value {
    let c = Conv { bare_matmul: false, ..c };
    Value::Real(Real::Pending(Rc::new(Pending { kind: PendingKind::Conv(c), fuse: Fuse::Never, ..p.clone() })))
}

/// Mul, Div or Sub of the sums of a product and a constant for each channel; `None`: other operands.
pub(super) fn binary(op: &str, a: &Value, b: &Value) -> Result<Option<Value>, Fail> {
    let (p, c, other, first) = match (bare(a), bare(b)) {
        (Some((p, c)), None) => (p, c, b, false),
        (None, Some((p, c))) => (p, c, a, true),
        _ => return Ok(None),
    };
    if !matches!(other, Value::Const(_) | Value::Real(Real::Const(_))) {
        return Ok(None);
    }
    let values = Bias::of(other)?.numbers();
    let by = p.by_channel(&values.0, |index, _| values.1[index])?;
    let numbers: Vec<f64> = by.iter().map(|&v| f64::from(v)).collect();
    let negative = vec![-1.0; numbers.len()];
    let c = match (op, first) {
        ("Mul", _) => factors(c, &numbers)?,
        ("Div", false) => factors(c, &numbers.iter().map(|v| 1.0 / v).collect::<Vec<f64>>())?,
        ("Sub", false) => c.shifted(&numbers.iter().map(|v| -v).collect::<Vec<f64>>()),
        ("Sub", true) => c.times(&negative).shifted(&numbers),
        _ => return Ok(None),
    };
    Ok(Some(in_float32(p, c)))
}

fn factors(c: &Conv, factors: &[f64]) -> Result<Conv, Fail> {
    match factors.iter().find(|f| !f.is_finite() || **f == 0.0) {
        Some(f) => unsupported(format!("sums times {f}"), "leave the channel out"),
        None => Ok(c.times(factors)),
    }
}

/// BatchNormalization of the sums of a product; `None`: of something else.
pub(super) fn batch_normalization(node: &Node, inputs: Inputs, x: &Value) -> Result<Option<Value>, Fail> {
    let Some((p, c)) = bare(x) else { return Ok(None) };
    let of = |i: usize| -> Result<Vec<f64>, Fail> {
        let floats = constant(inputs, i)?.and_then(|a| a.floats()).unwrap_or(&[]);
        if p.shape.get(1) != Some(&floats.len()) {
            return wrong(format!("input {i} is not one float32 number a channel"));
        }
        let shape: Vec<usize> = std::iter::once(floats.len()).chain(vec![1; p.shape.len() - 2]).collect();
        p.by_channel(&shape, |index, _| floats[index]).map(|v| v.into_iter().map(f64::from).collect())
    };
    let (scale, bias, mean, var) = (of(1)?, of(2)?, of(3)?, of(4)?);
    let epsilon = f64::from(node.float("epsilon", 1e-5));
    let slopes: Vec<f64> = scale.iter().zip(&var).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
    let moved: Vec<f64> = mean.iter().zip(&slopes).map(|(m, s)| -m * s).collect();
    Ok(Some(in_float32(p, factors(c, &slopes)?.shifted(&moved).shifted(&bias))))
}

/// A matrix product, or a convolution with one tap, of the mean over a whole map: one convolution whose window is the map, for
/// a mean is a sum too. `None`: something else.
pub(super) fn product_of_mean(
    node: &Node,
    op: &str,
    x: &Value,
    weights: &Weights,
    bias: Option<&Bias>,
) -> Result<Option<Pending>, Fail> {
    let Value::Real(Real::Pending(p)) = x else { return Ok(None) };
    let PendingKind::Average { input, window, global: true, .. } = &p.kind else { return Ok(None) };
    let point = || weights.shape[2..].iter().all(|&k| k == 1) && node.int("group", 1) == 1;
    let plain = || {
        ["pads", "strides"]
            .iter()
            .all(|name| node.ints(name).is_none_or(|v| v.iter().all(|&v| v == i64::from(*name == "strides"))))
    };
    // `[n, c]` instead of `[c, n]`.
    let (turned, fits) = match op {
        "Conv" => {
            (true, weights.shape.len() == p.shape.len() && point() && plain() && !node.text("auto_pad").starts_with("SAME_"))
        }
        "Gemm" => (
            node.int("transB", 0) != 0,
            node.float("alpha", 1.0) == 1.0 && node.float("beta", 1.0) == 1.0 && node.int("transA", 0) == 0,
        ),
        _ => (false, true),
    };
    let &[first, second, ..] = weights.shape.as_slice() else { return wrong("its weights are no matrix") };
    let (channels, outputs) = if turned { (second, first) } else { (first, second) };
    if !fits
        || p.clip != Clip::NONE
        || window.pads != [0; 4]
        || p.map != [1, 1, channels]
        || weights.ints.len() != channels * outputs
    {
        return unsupported("a product of a mean that is not quantised", "put QuantizeLinear and DequantizeLinear between them");
    }
    let at = |ch: usize, n: usize| weights.ints[if turned { n * channels + ch } else { ch * outputs + n }];
    // A channel of the map is an element of the tensor.
    let row = |ch: usize| (0..outputs).map(move |n| at(p.order[ch] as usize, n));
    let one: Vec<i16> = (0..channels).flat_map(row).map(|v| v as i16).collect();
    if weights.ints.iter().any(|v| !(-255..=255).contains(v)) {
        return wrong("weights less their zero point are beyond -255 to 255");
    }
    let taps = window.kernel[0] * window.kernel[1];
    let x_scale = input.scale / taps as f32;
    let scale = |n: usize| x_scale * weights.scales[if weights.scales.len() > 1 { n } else { 0 }];
    let kind = PendingKind::Conv(Conv {
        input: input.map,
        zero_point: input.zero_point,
        window: Window { kernel: window.kernel, ..Window::POINT },
        groups: 1,
        weights: Rc::new(one.repeat(taps)),
        bias: Rc::new(vec![0; outputs]),
        scales: Rc::new((0..outputs).map(scale).collect()),
        float: None,
        bare_matmul: false,
        transposed: false,
        edge: false,
    });
    let mut shape = p.shape.clone();
    let at = if op == "Conv" { 1 } else { shape.len() - 1 };
    shape[at] = outputs;
    let order = Rc::new((0..outputs as u32).collect());
    let product = Pending { kind, shape, map: [1, 1, outputs], order, clip: Clip::NONE, fuse: Fuse::Never, moved: false };
    match (bias, op) {
        (None, _) => Ok(Some(product)),
        (Some(bias), "Conv") => {
            let shape = [&[outputs], &vec![1; p.shape.len() - 2][..]].concat();
            product.plus(&bias.reshaped(shape)).map(Some)
        }
        (Some(bias), _) => product.plus(bias).map(Some),
    }
}
