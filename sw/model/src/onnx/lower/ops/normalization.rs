// SPDX-License-Identifier: Apache-2.0
//! LayerNormalization and RMSNormalization of dequantised codes, and the node that stands for either written as its parts. ONNX Runtime
//! computes them in float32.

use crate::graph::UnderRoot;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::constant;
use crate::onnx::fold::scales::{axis_of, result_zero, scale, zero_point};
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::norms::NORMS;
use crate::onnx::fuse::operands::{any, linear, table};
use crate::onnx::fuse::tables::map;
use crate::onnx::fuse::value::{Eight, Inputs, Norm, PendingKind, Real, Table, Value};
use crate::onnx::fuse::with_constant::{compute, fusible, scalar};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::pixels::pixels;
use crate::onnx::lower::products::pending;
use crate::onnx::lower::requantise::{codes_of, linearised};
use crate::onnx::lower::two::operand;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// A normalisation, not quantised yet.
pub fn layer(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let x = linearised(g, node, &table(inputs, 0, "X")?)?;
    let rank = x.eight.shape.len();
    let parts = node.proto.domain == NORMS;
    let axes: Vec<usize> = match node.ints("axes") {
        Some(axes) if parts => axes.iter().map(|&a| axis_of(a, rank)).collect::<Result<_, _>>()?,
        _ => (axis_of(node.int("axis", -1), rank)?..rank).collect(),
    };
    let centered = if parts { node.int("centered", 1) != 0 } else { node.op() == "LayerNormalization" };
    let under = match (parts, inputs.get(4).and_then(Option::as_ref)) {
        (false, _) => UnderRoot::Epsilon(node.float("epsilon", 1e-5)),
        (true, None) => UnderRoot::Epsilon(scalar(any(inputs, 3)?).unwrap_or(0.0)),
        (true, Some(_)) => codes(g, node, inputs)?,
    };
    let shape = x.eight.shape.clone();
    let (gain, bias) = (by_axes(inputs, 1, &shape, &axes, 1.0)?, by_axes(inputs, 2, &shape, &axes, 0.0)?);
    let lies = pixels(g, &node.name, &x.eight, &axes)?;
    let input = operand(g, &Table { eight: lies.eight, ..x })?;
    let of = |all: &[f32]| lies.along.iter().map(|&a| all[a]).collect();
    let kind = PendingKind::Norm(Rc::new(Norm { input, centered, under, gain: of(&gain), bias: of(&bias) }));
    Ok(Value::Real(Real::Pending(Rc::new(pending(kind, shape, lies.map, lies.order, Fuse::Never)))))
}

/// What stands under the root by the code of the variance: the code dequantised, with epsilon, through the second quantiser if there is
/// one. ONNX Runtime makes QLinearAdd of the sum where all three have one type.
fn codes(g: &mut Building, node: &Node, inputs: Inputs) -> Result<UnderRoot, Fail> {
    let (first, zero) = (scale(inputs, 4)?, zero_point(inputs, 5)?);
    let (code_of_zero, unsigned) = result_zero(node, &zero)?;
    let none = Eight { map: 0, shape: vec![], place: Rc::default(), unsigned, steps: 0 };
    let variance = linear(none, first, zero)?;
    let epsilon = any(inputs, 3)?;
    let constant = scalar(epsilon).unwrap_or(0.0);
    let sum = map(&variance, |v| Ok(compute("Add", v, constant)))?;
    let sum = Table { scalar: fusible("Add", &variance, epsilon, None), ..sum };
    let values = match inputs.get(6).and_then(Option::as_ref) {
        None => sum.values(),
        Some(_) => {
            let (second, zero) = (scale(inputs, 6)?, zero_point(inputs, 7)?);
            let (to, unsigned) = result_zero(node, &zero)?;
            let (codes, _) = codes_of(g, &sum, second, to, unsigned)?;
            Some(std::array::from_fn(|i| (f32::from(codes[i]) - f32::from(to)) * second))
        }
    };
    let Some(values) = values else { return wrong("no codes of the variance") };
    Ok(UnderRoot::Codes { scale: first, zero_point: code_of_zero, values: Box::new(values) })
}

/// A constant by element along some dimensions of a tensor of this shape; `none` where it is not given.
fn by_axes(inputs: Inputs, i: usize, shape: &[usize], axes: &[usize], none: f32) -> Result<Vec<f32>, Fail> {
    let count: usize = axes.iter().map(|&a| shape[a]).product();
    let (of, values) = match inputs.get(i).and_then(Option::as_ref) {
        None => return Ok(vec![none; count]),
        Some(Value::Real(Real::Const(c))) => (c.shape.clone(), c.floats()),
        Some(_) => match constant(inputs, i)?.map(|a| (a.shape.clone(), a.floats())) {
            Some((shape, Some(values))) => (shape, values.to_vec()),
            _ => return wrong(format!("input {i} is not float32")),
        },
    };
    let first = shape.len().checked_sub(of.len());
    let along = |d: usize, size: usize| match first {
        Some(first) => size == 1 || axes.contains(&(first + d)) && size == shape[first + d],
        None => size == 1,
    };
    if !of.iter().enumerate().all(|(d, &size)| along(d, size)) {
        return unsupported(
            format!("a gain or bias of shape {of:?} of a tensor of shape {shape:?} that is normalised along {axes:?}"),
            "give it a number for each element of what is normalised",
        );
    }
    let first = first.unwrap_or(0);
    let at = |mut place: usize| {
        let (mut index, mut step) = (0, 1);
        let mut own = vec![0; shape.len()];
        for &a in axes.iter().rev() {
            own[a] = place % shape[a];
            place /= shape[a];
        }
        for (d, &size) in of.iter().enumerate().rev() {
            index += if size == 1 { 0 } else { own[first + d] * step };
            step *= size;
        }
        values[index]
    };
    Ok((0..count).map(at).collect())
}
