// SPDX-License-Identifier: Apache-2.0
//! Arithmetic in float32 on the sums of a product that nothing has quantised yet: factors and numbers for each output channel, and
//! BatchNormalization. All of it is linear, so one product remains, with other scales and a bias of real numbers; ONNX Runtime
//! computes it in float32, and fuses nothing of it with QuantizeLinear.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::constant;
use crate::onnx::fuse::bias::Bias;
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::value::{Conv, Inputs, Pending, PendingKind, Real, Value};
use crate::onnx::parse::node::Node;
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
pub fn binary(op: &str, a: &Value, b: &Value) -> Result<Option<Value>, Fail> {
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
pub fn batch_normalization(node: &Node, inputs: Inputs, x: &Value) -> Result<Option<Value>, Fail> {
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
