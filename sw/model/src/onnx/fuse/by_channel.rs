// SPDX-License-Identifier: Apache-2.0
//! Functions of codes that differ from channel to channel: sums and products with a constant for each channel, PRelu. Add and Mul of a
//! quantised constant are fused as those of two tensors are (QDQ's BinarySelector); the rest stays in float32.

use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported};
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::layout::Layout;
use crate::onnx::fuse::scalar::{Scalar, ScalarOp, Side};
use crate::onnx::fuse::value::{Channels, Real, Table, Value};
use crate::onnx::fuse::with_constant::compute;
use std::rc::Rc;

/// A constant operand by channel of the map: its values, and what it is where it is quantised.
struct Constant {
    values: Vec<f32>,
    /// Codes, scale and zero point, where it has the tensor's type.
    codes: Option<(Vec<i32>, Side)>,
}

/// A constant that differs along the channels alone.
fn by_channel(layout: Layout, t: &Table, constant: &Value, channels: usize) -> Option<Constant> {
    let (shape, values) = match constant {
        Value::Const(a) => (a.shape.clone(), a.floats()?.to_vec()),
        Value::Real(Real::Const(c)) => (c.shape.clone(), c.floats()),
        _ => return None,
    };
    let of = &t.eight.shape;
    let first = of.len().checked_sub(shape.len())?;
    let along = |d: usize| layout.is_channel(of, first + d);
    let only = shape.iter().enumerate().all(|(d, &n)| n == 1 || along(d) && n == channels);
    if !only || values.len() != channels {
        return None;
    }
    let codes = match constant {
        Value::Real(Real::Const(c)) if !c.vector && !t.vector && c.scales.len() == 1 => {
            let element = if t.eight.unsigned { ElementType::Uint8 } else { ElementType::Int8 };
            let side = c.zero.filter(|_| c.element == element).map(|zero| Side { scale: c.scales[0], zero });
            side.map(|side| (c.ints.iter().map(|v| v + side.zero).collect(), side))
        }
        _ => None,
    };
    Some(Constant { values, codes })
}

/// An operator of values by channel and a constant for each channel; `fresh`: scale and zero point of codes that nothing was computed
/// of; `first`: the constant is the first operand. `None`: another constant.
///
/// # Errors
/// Values that are NaN for some codes.
pub fn with_constants(
    op: &str,
    before: Channels,
    fresh: Option<(f32, i8)>,
    constant: &Value,
    first: bool,
) -> Result<Option<Value>, Fail> {
    let Some(constant) = by_channel(before.layout, &before.table, constant, before.values.len()) else { return Ok(None) };
    let of = |x: f32, y: f32| if first { compute(op, y, x) } else { compute(op, x, y) };
    let limited = |v: f32| v.max(before.clip.lo).min(before.clip.hi);
    let values: Vec<[f32; 256]> =
        before.values.iter().zip(&constant.values).map(|(v, &c)| std::array::from_fn(|i| of(limited(v[i]), c))).collect();
    if values.iter().flatten().any(|v| v.is_nan()) {
        return unsupported("it gives NaN for some codes", "quantise its input to a range where it is defined");
    }
    let unsigned = before.table.eight.unsigned;
    let up = if unsigned { 128 } else { 0 };
    // ONNX Runtime's kernel keeps the order where its inner loop goes along channels; a constant that is one number there is
    // its second operand.
    let of_shape = &before.table.eight.shape;
    let behind = (0..of_shape.len()).rev().take_while(|&d| !before.layout.is_channel(of_shape, d));
    let swapped = first && behind.map(|d| of_shape[d]).product::<usize>() == 1;
    let kind = match op {
        "Add" => Some(ScalarOp::Add),
        "Mul" => Some(ScalarOp::Mul),
        _ => None,
    };
    let fused = match (kind, fresh, constant.codes) {
        (Some(op), Some((scale, zero)), Some((codes, b))) => {
            let a = Side { scale, zero: i32::from(zero) + up };
            let (a, b) = if swapped { (b, a) } else { (a, b) };
            let pair = |x: i32, c: i32| if swapped { [c, x] } else { [x, c] };
            let one = |&c: &i32| Scalar {
                op,
                unsigned,
                a,
                b,
                codes: Rc::new(std::array::from_fn(|i| pair(i32::from(i as u8 as i8) + up, c))),
                clip: Clip::NONE,
                moved: false,
            };
            Some(codes.iter().map(one).collect())
        }
        _ => None,
    };
    Ok(Some(Value::Real(Real::Channels(Rc::new(Channels {
        values,
        fused,
        swapped,
        bent: op == "PRelu" && !first,
        clip: Clip::NONE,
        ..before
    })))))
}

/// Relu or Clip behind them.
pub fn clipped(c: &Channels, [lo, hi]: [f32; 2]) -> Value {
    Value::Real(Real::Channels(Rc::new(Channels { clip: c.clip.then(lo, hi), ..c.clone() })))
}
