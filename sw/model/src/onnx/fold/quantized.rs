// SPDX-License-Identifier: Apache-2.0
//! QuantizeLinear and DequantizeLinear of constants.

use crate::onnx::array::{Array, Data};
use crate::onnx::error::{Fail, wrong};
use crate::onnx::fold::known::{Dequantised, Known};
use crate::onnx::fold::scales::{along, has_dimension, is_unsigned, scale_axis, scales, unblocked, zero_point};
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// DequantizeLinear: integers with what they stand for.
///
/// # Errors
/// A float32 input; scales or zero points that do not fit their axis.
pub fn dequantize(node: &Node, inputs: &[Option<Known>]) -> Result<Known, Fail> {
    unblocked(node, inputs)?;
    let scales = scales(inputs, 1)?;
    let zero = zero_point(inputs, 2)?;
    let a = match inputs.first() {
        Some(Some(Known::Array(a))) => a,
        Some(Some(_)) => return wrong("its input is float32"),
        _ => return wrong("input 0 is missing"),
    };
    let axis = scale_axis(node, a.shape.len())?;
    let Some(values) = a.integers() else { return wrong("its input is float32") };
    let (dims, inner) = along(&a.shape, axis);
    for (what, count) in [("scales", scales.len()), ("zero points", zero.values.len())] {
        if count > 1 && count != dims {
            return wrong(format!("{count} {what} along an axis of {dims}"));
        }
    }
    let z = |n: usize| {
        if zero.values.len() > 1 { zero.values[n / inner % dims] } else { zero.values.first().copied().unwrap_or(0) }
    };
    let ints = values.iter().enumerate().map(|(n, &v)| (v as i32).wrapping_sub(z(n))).collect();
    let one = match zero.values.as_slice() {
        [] => Some(0),
        [z] => Some(*z),
        _ => None,
    };
    Ok(Known::Dequantised(Dequantised {
        shape: a.shape.clone(),
        ints: Rc::new(ints),
        scales: Rc::new(scales),
        axis,
        element: a.element(),
        zero: one,
        vector: has_dimension(inputs, [1, 2])?,
    }))
}

/// QuantizeLinear: weights that the model holds in float32, as torch's training with fake quantisation leaves them.
///
/// # Errors
/// An integer input; scales or zero points that do not fit their axis.
pub fn quantize(node: &Node, inputs: &[Option<Known>]) -> Result<Known, Fail> {
    unblocked(node, inputs)?;
    let zero = zero_point(inputs, 2)?;
    let (shape, values) = match inputs.first() {
        Some(Some(Known::Array(a))) => match a.floats() {
            Some(values) => (&a.shape, values.to_vec()),
            None => return wrong("its input is an integer tensor"),
        },
        Some(Some(Known::Dequantised(c))) => (&c.shape, c.floats()),
        _ => return wrong("input 0 is missing"),
    };
    let scales = scales(inputs, 1)?;
    let unsigned = is_unsigned(node, &zero)?;
    let axis = scale_axis(node, shape.len())?;
    let (dims, inner) = along(shape, axis);
    for (what, count) in [("scales", scales.len()), ("zero points", zero.values.len())] {
        if count > 1 && count != dims {
            return wrong(format!("{count} {what} along an axis of {dims}"));
        }
    }
    let (low, high) = if unsigned { (0.0, 255.0) } else { (-128.0, 127.0) };
    let pick = |n: usize, count: usize| if count > 1 { n / inner % dims } else { 0 };
    let code = |(n, v): (usize, &f32)| {
        let z = zero.values.get(pick(n, zero.values.len())).copied().unwrap_or(0);
        ((v / scales[pick(n, scales.len())]).round_ties_even() + z as f32).clamp(low, high)
    };
    let codes = values.iter().enumerate().map(code);
    let data = if unsigned { Data::U8(codes.map(|c| c as u8).collect()) } else { Data::I8(codes.map(|c| c as i8).collect()) };
    Ok(Known::Array(Rc::new(Array { shape: shape.clone(), data })))
}
