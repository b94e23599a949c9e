// SPDX-License-Identifier: Apache-2.0
//! LayerNormalization and RMSNormalization of dequantised codes, and the node that stands for either written as its parts. ONNX Runtime
//! computes them in float32.

use crate::graph::{Codes, Operand, UnderRoot};
use crate::host::{HostNorm, HostOp, HostSquares};
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::constant;
use crate::onnx::fold::scales::{axis_of, result_zero, scale, zero_point};
use crate::onnx::fold::windows::bounded;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::input_norms::NORM_INPUTS;
use crate::onnx::fuse::layout::natural;
use crate::onnx::fuse::norms::NORMS;
use crate::onnx::fuse::operands::{any, linear, table};
use crate::onnx::fuse::tables::map;
use crate::onnx::fuse::value::{Eight, Inputs, Norm, PendingKind, Real, Table, Value};
use crate::onnx::fuse::with_constant::{compute, fusible, scalar};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::pixels::{Pixels, pixels};
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
    let root = inputs.get(8).and_then(Option::as_ref).filter(|_| parts);
    let mut under = match (parts, inputs.get(4).and_then(Option::as_ref)) {
        (false, _) => UnderRoot::Epsilon(node.float("epsilon", 1e-5)),
        (true, None) => UnderRoot::Epsilon(inputs.get(3).and_then(Option::as_ref).and_then(scalar).unwrap_or(0.0)),
        (true, Some(_)) => codes(g, node, inputs)?,
    };
    let shape = x.eight.shape.clone();
    let (gain, bias) = (by_axes(inputs, 1, &shape, &axes, 1.0)?, by_axes(inputs, 2, &shape, &axes, 0.0)?);
    let lies = pixels(g, &node.name, &x.eight, &axes)?;
    let input = operand(g, &Table { eight: lies.eight.clone(), ..x })?;
    if let (Some(_), UnderRoot::Epsilon(epsilon)) = (root, &under) {
        under = UnderRoot::Map { of: of_pixels(g, node, inputs, &shape, &axes, &lies)?, epsilon: *epsilon };
    }
    let of = |all: &[f32]| lies.along.iter().map(|&a| all[a]).collect();
    let fuse = Fuse::Never;
    let kind = PendingKind::Norm(Rc::new(Norm { input, centered, under, gain: of(&gain), bias: of(&bias) }));
    Ok(Value::Real(Real::Pending(Rc::new(pending(kind, shape, lies.map, lies.order, fuse)))))
}

/// Normalisations of the graph's float32 input, which the host computes, and the input itself where something reads it: the codes of each.
pub fn of_input(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Vec<Value>, Fail> {
    let Value::Real(Real::Input(x)) = any(inputs, 0)? else {
        return unsupported("what it normalises is float32", "put QuantizeLinear and DequantizeLinear before it");
    };
    let x = x.clone();
    if x.steps != 0 || !g.source(&x).host.is_empty() || g.source(&x).codes.is_some() {
        return unsupported("the float32 input goes two ways before it is quantised", "quantise it first");
    }
    let plain = node.int("plain", 0) != 0;
    let count = x.place.len();
    let mut norms = vec![];
    for (n, i) in (1 + 2 * usize::from(plain)..inputs.len()).step_by(NORM_INPUTS).enumerate() {
        let axes: Vec<usize> = node.ints(&format!("axes{n}")).unwrap_or_default().iter().map(|&a| a as usize).collect();
        let own = [&[None][..], &inputs[i + 2..i + NORM_INPUTS]].concat();
        let under = match own.get(4).and_then(Option::as_ref) {
            Some(_) => codes(g, node, &own)?,
            None => UnderRoot::Epsilon(match own[3].as_ref() {
                Some(epsilon) => scalar(epsilon).unwrap_or(0.0),
                None => node.float(&format!("epsilon{n}"), 0.0),
            }),
        };
        let (gain, bias) = (by_axes(&own, 1, &x.shape, &axes, 1.0)?, by_axes(&own, 2, &x.shape, &axes, 0.0)?);
        let groups = groups(&x.shape, &axes);
        let squares = match own.get(8).and_then(Option::as_ref) {
            Some(_) => Some(squares(g, node, &own)?),
            None => None,
        };
        norms.push(HostNorm { groups, squares, centered: node.int(&format!("centered{n}"), 1) != 0, under, gain, bias });
    }
    let parts = usize::from(plain) + norms.len();
    let (mut scales, mut zero_points, mut types) = (vec![], vec![], vec![]);
    for i in (0..parts).map(|p| if plain && p > 0 { 3 + (p - 1) * NORM_INPUTS } else { 1 + p * NORM_INPUTS }) {
        let (zero, unsigned) = result_zero(node, &zero_point(inputs, i + 1)?)?;
        scales.push(scale(inputs, i)?);
        zero_points.push(zero);
        types.push(unsigned);
    }
    let (map, order) = natural(&x.shape, g.convolves);
    let inner = [&[parts], &x.shape[..]].concat();
    bounded(&inner)?;
    let source = g.source(&x);
    source.host.push(HostOp::Norms { plain, norms });
    source.inner = inner.clone();
    source.codes = Some(Codes { scales, zero_points, axis: 0 });
    let all: Vec<u32> = (0..(parts * count) as u32).collect();
    let whole = Eight { shape: inner, place: Rc::new(all), unsigned: false, steps: 1, ..x.clone() };
    let rows: Vec<u32> = (0..parts).flat_map(|p| order.iter().map(move |&o| (p * count) as u32 + o)).collect();
    g.view(&whole, [parts * map[0], map[1], map[2]], &rows);
    let part = |(p, unsigned): (usize, bool)| {
        let from = &rows[p * count..][..count];
        let made = g.gathered(&node.name, &whole, from, x.shape.clone(), map, order.clone());
        Value::Eight(Eight { unsigned, ..made })
    };
    Ok(types.into_iter().enumerate().map(part).collect())
}

/// Squares of codes as codes: how a number becomes a code, and what the square of each stands for.
fn squares(g: &mut Building, node: &Node, inputs: Inputs) -> Result<HostSquares, Fail> {
    let (own, zero) = (scale(inputs, 8)?, zero_point(inputs, 9)?);
    let (zero_of, unsigned) = result_zero(node, &zero)?;
    let none = Eight { map: 0, shape: vec![], place: Rc::default(), unsigned, steps: 0 };
    let x = linear(none, own, zero)?;
    let square = map(&x, |v| Ok(v * v))?;
    let square = Table { scalar: fusible("Mul", &x, &Value::Real(Real::Table(x.clone())), None), ..square };
    let (to, zero) = (scale(inputs, 10)?, zero_point(inputs, 11)?);
    let (zero_to, unsigned) = result_zero(node, &zero)?;
    let (codes, _) = codes_of(g, &square, to, zero_to, unsigned)?;
    let values = std::array::from_fn(|i| (f32::from(codes[i]) - f32::from(zero_to)) * to);
    Ok(HostSquares { scale: own, zero_point: zero_of, values: Box::new(values) })
}

/// Places of a tensor's elements by what is normalised together, along some dimensions.
fn groups(shape: &[usize], axes: &[usize]) -> Vec<u32> {
    let steps: Vec<usize> = (0..shape.len()).map(|d| shape[d + 1..].iter().product()).collect();
    let along = |axes: &[usize]| {
        axes.iter().fold(vec![0usize], |all, &d| {
            all.iter().flat_map(|at| (0..shape[d]).map(|i| at + i * steps[d]).collect::<Vec<usize>>()).collect()
        })
    };
    let left: Vec<usize> = (0..shape.len()).filter(|d| !axes.contains(d)).collect();
    let inner = along(axes);
    along(&left).into_iter().flat_map(|at| inner.iter().map(move |i| (at + i) as u32)).collect()
}

/// What stands under the root where other layers make it: a map of one code for each pixel of the tensor that is normalised.
fn of_pixels(
    g: &mut Building,
    node: &Node,
    inputs: Inputs,
    shape: &[usize],
    axes: &[usize],
    lies: &Pixels,
) -> Result<Operand, Fail> {
    let t = linearised(g, node, &table(inputs, 8, "what stands under the root")?)?;
    let first = shape.len().checked_sub(t.eight.shape.len());
    let own = |d: usize| first.and_then(|first| d.checked_sub(first)).map_or(1, |d| t.eight.shape[d]);
    if first.is_none() || (0..shape.len()).any(|d| own(d) != if axes.contains(&d) { 1 } else { shape[d] }) {
        return unsupported(
            format!("a tensor of shape {shape:?} divided by roots of shape {:?}", t.eight.shape),
            "divide by a number for each element that is left of what is normalised",
        );
    }
    let at = |mut place: usize| {
        let (mut index, mut step) = (0, 1);
        for (d, &size) in shape.iter().enumerate().rev() {
            index += if axes.contains(&d) { 0 } else { place % size * step };
            step *= if axes.contains(&d) { 1 } else { size };
            place /= size;
        }
        index as u32
    };
    let [h, w, c] = lies.map;
    let order: Vec<u32> = lies.order.iter().step_by(c).map(|&place| at(place as usize)).collect();
    let eight = g.arranged(&node.name, &t.eight, [h, w, 1], &order);
    operand(g, &Table { eight, ..t })
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
