// SPDX-License-Identifier: Apache-2.0
//! DequantizeLinear: where every group begins. ONNX Runtime leaves none behind that an operator on integers reads.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::{Known, computed};
use crate::onnx::fold::quantized::dequantize;
use crate::onnx::fold::scales::{has_dimension, scale_axis, scales, unblocked, zero_point};
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::value::{Inputs, Real, Table, TableKind, Value};
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// The values of codes in input 0, with scales in input 1 and zero points in input 2.
///
/// # Errors
/// A scale that the graph computes, is no normal number above 0 or does not fit the tensor; an input that is no 8-bit tensor.
pub fn values(node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    unblocked(node, inputs)?;
    let scales = scales(inputs, 1)?;
    let zero = zero_point(inputs, 2)?;
    match any(inputs, 0)? {
        Value::Eight(e) => {
            let axis = scale_axis(node, e.shape.len())?;
            if scales.len() > 1 && e.shape.get(axis) != Some(&scales.len()) {
                return wrong(format!("{} scales along axis {axis} of shape {:?}", scales.len(), e.shape));
            }
            let zero_points: Vec<i8> = if zero.values.len() > 1 {
                let off = if e.unsigned { 128 } else { 0 };
                zero.values.iter().map(|v| (v - off) as i8).collect()
            } else {
                vec![zero.code_of(e.unsigned)?; scales.len()]
            };
            if zero_points.len() != scales.len() {
                return wrong(format!("{} zero points, {} scales", zero_points.len(), scales.len()));
            }
            let kind = TableKind::Linear { scales: Rc::new(scales), zero_points: Rc::new(zero_points), axis };
            Ok(Value::Real(Real::Table(Table {
                eight: e.clone(),
                kind,
                scalar: None,
                error: None,
                vector: has_dimension(inputs, [1, 2])?,
                grid: None,
                apart: false,
            })))
        }
        Value::Sums(_) => unsupported("int32 sums as float32", "use a QLinear operator, or QDQ around the float operator"),
        Value::Const(_) => {
            let known = |(i, input): (usize, &Option<Value>)| match input {
                Some(Value::Const(array)) => Ok(Some(Known::Array(array.clone()))),
                Some(_) => computed(i),
                None => Ok(None),
            };
            let known = inputs.iter().enumerate().map(known).collect::<Result<Vec<Option<Known>>, Fail>>()?;
            Ok(dequantize(node, &known)?.into())
        }
        Value::Real(_) => wrong("its input is float32"),
        Value::Unknown | Value::Foreign(_) | Value::Outside(_) => wrong("its input is unknown"),
    }
}
