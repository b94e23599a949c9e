// SPDX-License-Identifier: Apache-2.0
//! Add, Sub, Mul, Div, PRelu of dequantised codes and one number, and of two functions of one tensor. DequantizeLinear of both operands,
//! Add or Mul, QuantizeLinear is one operator to ONNX Runtime where scales and zero points have no dimension and both operands have one
//! type (QDQ's BinarySelector); everything else stays in float32.

use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported};
use crate::onnx::fold::known::Dequantised;
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::scalar::{Scalar, ScalarOp, Side};
use crate::onnx::fuse::value::{Real, Table, Value};
use std::rc::Rc;

/// One float32 number, where a constant is one.
pub fn scalar(v: &Value) -> Option<f32> {
    match v {
        Value::Const(a) if a.len() == 1 => a.floats().map(|f| f[0]),
        Value::Real(Real::Const(c)) if c.ints.len() == 1 && c.scales.len() == 1 => Some(c.ints[0] as f32 * c.scales[0]),
        _ => None,
    }
}

/// The errors of a table's values, after an operator with a scalar.
pub fn scaled(t: &Table, op: &str, s: f32, first: bool) -> [f32; 256] {
    let (errors, values) = (t.errors(), t.values().unwrap_or([0.0; 256]));
    std::array::from_fn(|i| match op {
        "Add" | "Sub" => errors[i],
        "PRelu" => errors[i] * s.abs().max(1.0),
        "Mul" => errors[i] * s.abs(),
        _ if first => errors[i] / s.abs(),
        _ => errors[i] * s.abs() / (values[i] * values[i]),
    })
}

/// The operator on codes and a scalar, on the same codes twice, or on codes that depend on one as `chains` say, that
/// QuantizeLinear may be fused with.
pub fn fusible(op: &str, t: &Table, other: &Value, chains: Option<[&[i8; 256]; 2]>) -> Option<Scalar> {
    let vector = match other {
        Value::Real(Real::Const(c)) => c.vector,
        Value::Real(Real::Table(u)) => u.vector,
        _ => return None,
    };
    if vector || t.vector || t.apart {
        return None;
    }
    let op = match op {
        "Add" => ScalarOp::Add,
        "Mul" => ScalarOp::Mul,
        _ => return None,
    };
    let unsigned = t.eight.unsigned;
    let side = |t: &Table| t.linear().map(|(scale, zero)| Side { scale, zero: i32::from(zero) + if unsigned { 128 } else { 0 } });
    let element = if unsigned { ElementType::Uint8 } else { ElementType::Int8 };
    let up = if unsigned { 128 } else { 0 };
    let codes = |f: &dyn Fn(usize) -> [i32; 2]| Rc::new(std::array::from_fn(f));
    let own = |table: &[i8; 256], i: usize| i32::from(table[i]) + up;
    let (b, codes) = match (other, chains) {
        (Value::Real(Real::Const(c)), _) if c.element == element => {
            let zero = c.zero?;
            let constant = c.ints[0] + zero;
            (Side { scale: c.scales[0], zero }, codes(&|i| [i32::from(i as u8 as i8) + up, constant]))
        }
        (Value::Real(Real::Table(u)), None) => (side(u)?, codes(&|i| [i32::from(i as u8 as i8) + up; 2])),
        (Value::Real(Real::Table(u)), Some([x, y])) if u.eight.unsigned == unsigned => {
            (side(u)?, codes(&|i| [own(x, i), own(y, i)]))
        }
        _ => return None,
    };
    Some(Scalar { op, unsigned, a: side(t)?, b, codes, clip: Clip::NONE, moved: false })
}

/// A scalar may have more dimensions than the tensor; its result then has them too.
pub fn same_shape(t: &Table, other: &Value) -> Result<(), Fail> {
    let rank = match other {
        Value::Const(a) => a.shape.len(),
        Value::Real(Real::Const(c)) => c.shape.len(),
        _ => 0,
    };
    if rank > t.eight.shape.len() {
        return unsupported(
            format!("a constant of {rank} dimensions gives a tensor of shape {:?} more", t.eight.shape),
            "give the constant no more dimensions than the tensor",
        );
    }
    Ok(())
}

/// A constant of one scale as one of this shape, which it broadcasts to and does not have; whether it is one number along the last
/// dimension of the tensor that has several elements.
pub fn broadcast(c: &Dequantised, shape: &[usize]) -> Option<(Dequantised, bool)> {
    let first = shape.len().checked_sub(c.shape.len())?;
    let fits = c.shape.iter().zip(&shape[first..]).all(|(&d, &size)| d == 1 || d == size);
    if !fits || c.shape == shape || c.scales.len() != 1 {
        return None;
    }
    let own = |d: usize| d.checked_sub(first).map_or(1, |d| c.shape[d]);
    let at = |mut place: usize| {
        let (mut index, mut step) = (0, 1);
        for (d, &size) in shape.iter().enumerate().rev() {
            index += if own(d) == 1 { 0 } else { place % size * step };
            step *= own(d);
            place /= size;
        }
        c.ints[index]
    };
    let ints = Rc::new((0..shape.iter().product()).map(at).collect());
    let single = (0..shape.len()).rev().find(|&d| shape[d] > 1).is_some_and(|d| own(d) == 1);
    Some((Dequantised { shape: shape.to_vec(), ints, ..c.clone() }, single))
}

/// What an operator makes of two numbers in float32.
pub fn compute(op: &str, x: f32, y: f32) -> f32 {
    match op {
        "Add" => x + y,
        "Sub" => x - y,
        "Mul" => x * y,
        "PRelu" if x > 0.0 => x,
        "PRelu" => x * y,
        _ => x / y,
    }
}
