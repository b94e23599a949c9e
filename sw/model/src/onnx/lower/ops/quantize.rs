// SPDX-License-Identifier: Apache-2.0
//! DequantizeLinear; QuantizeLinear of whatever waits for it, and of the graph's float32 input.

use crate::graph::Codes;
use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::{has_dimension, is_unsigned, scale, scales, unblocked, zero_point};
use crate::onnx::fuse::dequantized::values;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::value::{Eight, Inputs, Pending, PendingKind, Real, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::channels::quantised;
use crate::onnx::lower::joined::quantise_joined;
use crate::onnx::lower::requantise::{quantize_pending, quantize_table};
use crate::onnx::parse::node::Node;

/// DequantizeLinear.
pub fn dequantize(_: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    values(node, inputs)
}

/// QuantizeLinear.
pub fn quantize(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    unblocked(node, inputs)?;
    let zero = zero_point(inputs, 2)?;
    match any(inputs, 0)? {
        Value::Real(Real::Table(t)) if has_dimension(inputs, [1, 2])? => {
            quantize_table(g, node, &Table { scalar: None, ..t.clone() }, scale(inputs, 1)?, &zero)
        }
        Value::Real(Real::Table(t)) => quantize_table(g, node, t, scale(inputs, 1)?, &zero),
        Value::Real(Real::Pending(p))
            if matches!(p.kind, PendingKind::Add { .. } | PendingKind::Mul { .. }) && has_dimension(inputs, [1, 2])? =>
        {
            quantize_pending(g, node, &Pending { fuse: Fuse::Never, ..Pending::clone(p) }, scale(inputs, 1)?, &zero)
        }
        Value::Real(Real::Pending(p)) => quantize_pending(g, node, p, scale(inputs, 1)?, &zero),
        Value::Real(Real::Channels(c)) => quantised(g, node, &c.clone(), scale(inputs, 1)?, &zero),
        Value::Real(Real::Joined(joined)) => quantise_joined(g, node, inputs, &joined.clone()),
        Value::Real(Real::Input(e)) => {
            if g.source(e).element != ElementType::Float32 && g.source(e).host.is_empty() {
                return wrong("its input is an integer tensor");
            }
            if e.steps != g.source(e).host.len() {
                return unsupported("the float32 input goes two ways before it is quantised", "quantise it first");
            }
            let scales = scales(inputs, 1)?;
            let unsigned = is_unsigned(node, &zero)?;
            let rank = e.shape.len() as i64;
            let axis = node.int("axis", 1);
            let axis = if axis < 0 { axis + rank } else { axis } as usize;
            if scales.len() > 1 && e.shape.get(axis) != Some(&scales.len()) {
                return wrong(format!("{} scales along axis {axis} of shape {:?}", scales.len(), e.shape));
            }
            let off = if unsigned { 128 } else { 0 };
            let mut zero_points: Vec<i8> = zero.values.iter().map(|v| (v - off) as i8).collect();
            if zero_points.len() <= 1 {
                zero_points = vec![zero_points.first().copied().unwrap_or(if unsigned { -128 } else { 0 }); scales.len()];
            }
            if zero_points.len() != scales.len() {
                return wrong(format!("{} zero points, {} scales", zero_points.len(), scales.len()));
            }
            let codes = Codes { scales, zero_points, axis };
            let before = &mut g.source(e).codes;
            if before.as_ref().is_some_and(|before| *before != codes) {
                return unsupported("the float32 input is quantised twice, by other scales", "quantise it once");
            }
            *before = Some(codes);
            Ok(Value::Eight(Eight { unsigned, ..e.clone() }))
        }
        Value::Const(_) | Value::Real(Real::Const(_)) => unsupported("a constant, by a scale that the graph computes", "fold it"),
        Value::Eight(_) | Value::Sums(_) => wrong("its input is an integer tensor"),
        Value::Unknown | Value::Foreign(_) | Value::Outside(_) => wrong("its input is unknown"),
    }
}
