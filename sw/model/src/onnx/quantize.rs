// SPDX-License-Identifier: Apache-2.0
//! QuantizeLinear and DequantizeLinear: values of codes, and codes of values, of tables, of sums and of constants.

use super::fuse::{Clip, Fuse, Scalar};
use super::import::Building;
use super::node::{Fail, Node, unsupported, wrong};
use super::ops::{Inputs, ZeroPoints, any, constant, legal, scale, scales, zero_point};
use super::value::{Conv, Dequantised, Eight, Pending, PendingKind, Real, Table, TableKind, Value};
use super::{Array, Data, ElementType, moves};
use crate::graph::{Codes, Finish, MeanRounding, Op, Rest, SumRounding};
use crate::quantise;
use std::rc::Rc;

/// Whether a scale or zero point in these inputs has a dimension.
fn has_dimension(inputs: Inputs, at: [usize; 2]) -> Result<bool, Fail> {
    let dimension = |i: usize| constant(inputs, i).map(|a| a.is_some_and(|a| !a.shape.is_empty()));
    Ok(dimension(at[0])? || dimension(at[1])?)
}

/// Refuses scales for blocks of elements along a dimension.
fn unblocked(node: &Node, inputs: Inputs) -> Result<(), Fail> {
    let blocks = node.int("block_size", 0);
    if blocks != 0 {
        return unsupported(
            format!("block_size {blocks}: a scale for each block of elements"),
            "quantise per tensor, or weights per output channel",
        );
    }
    match constant(inputs, 1)? {
        Some(a) if a.shape.len() > 1 && a.len() > 1 => {
            wrong(format!("scales of shape {:?} without block_size; they are a scalar or go along one dimension", a.shape))
        }
        _ => Ok(()),
    }
}

pub(super) fn dequantize(node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    unblocked(node, inputs)?;
    let scales = scales(inputs, 1)?;
    let zero = zero_point(inputs, 2)?;
    match any(inputs, 0)? {
        Value::Const(a) => {
            let axis = axis_of(node, a.shape.len())?;
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
            Ok(Value::Real(Real::Const(Dequantised {
                shape: a.shape.clone(),
                ints: Rc::new(ints),
                scales: Rc::new(scales),
                axis,
                element: a.element(),
                zero: one,
                vector: has_dimension(inputs, [1, 2])?,
            })))
        }
        Value::Eight(e) => {
            let axis = axis_of(node, e.shape.len())?;
            if scales.len() > 1 && e.shape.get(axis) != Some(&scales.len()) {
                return wrong(format!("{} scales along axis {axis} of shape {:?}", scales.len(), e.shape));
            }
            let zero_points: Vec<i8> = if zero.values.len() > 1 {
                let off = if e.unsigned { 128 } else { 0 };
                zero.values.iter().map(|v| (v - off) as i8).collect()
            } else {
                vec![zero.code(e)?; scales.len()]
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
        Value::Real(_) => wrong("its input is float32"),
        Value::Unknown | Value::Foreign(_) | Value::Outside(_) => wrong("its input is unknown"),
    }
}

/// Elements along a dimension, and of everything behind it.
fn along(shape: &[usize], axis: usize) -> (usize, usize) {
    (shape.get(axis).copied().unwrap_or(1), shape.iter().skip(axis + 1).product())
}

pub(super) fn quantize(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
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
        Value::Real(Real::Channels(c)) => super::affine::quantised(g, node, &c.clone(), scale(inputs, 1)?, &zero),
        Value::Real(Real::Joined(joined)) => moves::quantise_joined(g, node, inputs, &joined.clone()),
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
        Value::Const(a) if a.floats().is_some() => quantize_constant(node, inputs, &a.shape, a.floats().unwrap_or(&[]), &zero),
        Value::Real(Real::Const(c)) => quantize_constant(node, inputs, &c.shape, &c.floats(), &zero),
        Value::Const(_) => wrong("its input is an integer tensor"),
        Value::Eight(_) | Value::Sums(_) => wrong("its input is an integer tensor"),
        Value::Unknown | Value::Foreign(_) | Value::Outside(_) => wrong("its input is unknown"),
    }
}

/// Weights that the model holds in float32, as torch's training with fake quantisation leaves them.
fn quantize_constant(node: &Node, inputs: Inputs, shape: &[usize], values: &[f32], zero: &ZeroPoints) -> Result<Value, Fail> {
    let scales = scales(inputs, 1)?;
    let unsigned = is_unsigned(node, zero)?;
    let axis = axis_of(node, shape.len())?;
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
    Ok(Value::Const(Rc::new(Array { shape: shape.to_vec(), data })))
}

/// The dimension that scales go along.
fn axis_of(node: &Node, rank: usize) -> Result<usize, Fail> {
    let axis = node.int("axis", 1);
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(at)
        .ok()
        .filter(|&a| a < rank.max(2))
        .ok_or_else(|| Fail::Wrong(format!("axis {axis} of a tensor of rank {rank}")))
}

/// Whether codes of this zero point are uint8: what QuantizeLinear makes without one.
fn is_unsigned(node: &Node, zero: &ZeroPoints) -> Result<bool, Fail> {
    match zero.element {
        Some(ElementType::Int8) => Ok(false),
        Some(ElementType::Uint8) => Ok(true),
        None => match node.int("output_dtype", 2) {
            3 => Ok(false),
            0 | 2 => Ok(true),
            other => unsupported(format!("output_dtype {other}"), "quantise to int8 or uint8"),
        },
        Some(other) => unsupported(format!("codes of {other}"), "quantise to int8 or uint8"),
    }
}

/// The zero point of a result as a code.
pub(super) fn result_zero(node: &Node, zero: &ZeroPoints) -> Result<(i8, bool), Fail> {
    let unsigned = is_unsigned(node, zero)?;
    let code = match zero.values.as_slice() {
        [] => {
            if unsigned {
                -128
            } else {
                0
            }
        }
        [v] => (v - if unsigned { 128 } else { 0 }) as i8,
        more => return unsupported(format!("{} zero points of an activation", more.len()), "quantise per tensor"),
    };
    Ok((code, unsigned))
}

pub(super) fn quantize_table(g: &mut Building, node: &Node, t: &Table, scale: f32, zero: &ZeroPoints) -> Result<Value, Fail> {
    let (zero_point, unsigned) = result_zero(node, zero)?;
    let Some(values) = t.values() else {
        return unsupported("codes with a scale for each channel are requantised", "quantise activations per tensor");
    };
    let constant = |s: &Scalar| !g.overridable || s.clip == Clip::NONE && !s.moved;
    let may = |s: &Scalar| Fuse::If { unsigned: s.unsigned }.fused(unsigned, &s.clip, scale, zero_point);
    let fused = t.scalar.as_ref().filter(|s| constant(s)).filter(|s| may(s));
    let table: Box<[i8; 256]> = Box::new(std::array::from_fn(|i| match &fused {
        Some(s) => s.code(i as u8 as i8, scale, zero_point),
        None => quantise(values[i], scale, zero_point),
    }));
    // Codes whose value lies within its error from halfway between two.
    let errors = if fused.is_some() { [0.0; 256] } else { t.errors() };
    let doubtful: Vec<u8> = (0..=255u8)
        .filter(|&i| {
            let (v, e) = (f64::from(values[usize::from(i)]) / f64::from(scale), f64::from(errors[usize::from(i)] / scale));
            e > 0.0 && (v - v.floor() - 0.5).abs() <= e + v.abs() / f64::from(1 << 23) && v.abs() < 256.0 + e
        })
        .collect();
    Ok(Value::Eight(lookup(g, node, &t.eight, table, doubtful, unsigned)))
}

/// A table whose values are those of codes with one scale: its own, or where all values are codes of the scale that they are a
/// function of (Relu, Clip at a code), behind a lookup.
pub(super) fn linearised(g: &mut Building, node: &Node, t: &Table) -> Result<Table, Fail> {
    if t.linear().is_some() {
        return Ok(t.clone());
    }
    let codes = t.grid.zip(t.values()).filter(|_| t.error.is_none()).and_then(|((scale, zero), values)| {
        let code = |v: f32| {
            let code = (v / scale).round() + f32::from(zero);
            ((code - f32::from(zero)) * scale == v && (-128.0..=127.0).contains(&code)).then_some(code as i8)
        };
        let codes = values.iter().map(|&v| code(v)).collect::<Option<Vec<i8>>>()?;
        Some((scale, zero, Box::<[i8; 256]>::new(std::array::from_fn(|i| codes[i]))))
    });
    let Some((scale, zero, table)) = codes else {
        return unsupported(
            "its input is not the plain dequantisation of a tensor with one scale",
            "put QuantizeLinear and DequantizeLinear before it",
        );
    };
    let eight = lookup(g, node, &t.eight, table, vec![], t.eight.unsigned);
    let kind = TableKind::Linear { scales: Rc::new(vec![scale]), zero_points: Rc::new(vec![zero]), axis: 0 };
    Ok(Table { eight, kind, scalar: None, error: None, vector: t.vector, grid: None, apart: true })
}

/// A function of each code, by `code as u8`; none where it changes no code.
pub(super) fn lookup(
    g: &mut Building,
    node: &Node,
    x: &Eight,
    table: Box<[i8; 256]>,
    doubtful: Vec<u8>,
    unsigned: bool,
) -> Eight {
    if doubtful.is_empty() && (0..256).all(|i| table[i] == i as u8 as i8) {
        return Eight { unsigned, ..x.clone() };
    }
    let order = g.places(x);
    let map = g.maps[x.map].shape;
    let finish = Finish::Codes { lo: -128, hi: 127 };
    g.push(&node.name, Op::Lookup { input: x.map, table, doubtful }, finish, x.shape.clone(), map, order, unsigned)
}

/// A result of a QLinear operator.
pub(super) fn quantize_integers(g: &mut Building, node: &Node, p: Pending, scale: f32, zero: &ZeroPoints) -> Result<Value, Fail> {
    quantize_pending(g, node, &Pending { fuse: Fuse::Always, ..p }, scale, zero)
}

fn quantize_pending(g: &mut Building, node: &Node, p: &Pending, scale: f32, zero: &ZeroPoints) -> Result<Value, Fail> {
    let (zero_point, unsigned) = result_zero(node, zero)?;
    let constant = !g.overridable || p.clip == Clip::NONE && !p.moved || p.fuse == Fuse::Always;
    let fused = constant && p.fuse.fused(unsigned, &p.clip, scale, zero_point);
    // Limits that vanish let every code through.
    let (lo, hi) = if fused {
        (-128, 127)
    } else {
        let code = |v: f32, none: i8| if v.is_infinite() { none } else { quantise(v, scale, zero_point) };
        (code(p.clip.lo, -128), code(p.clip.hi, 127))
    };
    let codes = Finish::Codes { lo, hi };
    let (op, finish) = match &p.kind {
        PendingKind::Conv(c) => {
            let scales: Vec<f32> = c.scales.iter().map(|s| s / scale).collect();
            if let Some(s) = scales.iter().find(|s| !legal(**s) || **s >= 16_777_216.0) {
                return unsupported(
                    format!("combined scale {s:e}; it must be a normal number below 2^24"),
                    "quantise with scales that fit the values",
                );
            }
            let (op, rest) = convolution(c, fused)?;
            (op, Finish::Int8 { scales, zero_point, lo, hi, float32: !fused, rest })
        }
        PendingKind::Add { a, b } => {
            let rounding = if fused { SumRounding::Fused { unsigned } } else { SumRounding::Float32 };
            (Op::Add { a: *a, b: *b, scale, zero_point, rounding }, codes)
        }
        PendingKind::Mul { a, b } => {
            let rounding = if fused { SumRounding::Fused { unsigned } } else { SumRounding::Float32 };
            (Op::Mul { a: *a, b: *b, scale, zero_point, rounding }, codes)
        }
        PendingKind::Average { input, window, count_padding, global } => {
            let rounding = match (fused, global) {
                (false, _) => MeanRounding::Float32,
                (true, true) => MeanRounding::Global,
                (true, false) => MeanRounding::Window { unsigned },
            };
            let (input, window, count_padding) = (*input, *window, *count_padding);
            (Op::AveragePool { input, window, count_padding, scale, zero_point, rounding }, codes)
        }
    };
    Ok(Value::Eight(g.push(&node.name, op, finish, p.shape.clone(), p.map, p.order.to_vec(), unsigned)))
}

/// The layer of a convolution, and what its bias leaves out.
fn convolution(c: &Conv, fused: bool) -> Result<(Op, Vec<Rest>), Fail> {
    let (mut bias, mut rest) = (c.bias.to_vec(), vec![]);
    if let Some(float) = c.float.as_ref().filter(|_| !fused) {
        for (n, bias) in bias.iter_mut().enumerate() {
            let scale = f64::from(c.scales[n]);
            let whole = (float.add[n] / scale).round();
            if whole.is_nan() || whole.abs() >= 1e9 {
                return unsupported("a bias beyond 2^30 steps of its sums", "quantise with scales that fit the values");
            }
            *bias = float.ints[n].wrapping_add(whole as i32);
            let step = (float.add[n] / scale - whole) as f32;
            rest.push(Rest { step, size: (float.size[n] / scale) as f32 });
        }
        if rest.iter().all(|r| r.size == 0.0) {
            rest.clear();
        }
    }
    let (input, zero_point, window, groups) = (c.input, c.zero_point, c.window, c.groups);
    let weights = c.weights.to_vec();
    let op = if c.transposed {
        Op::ConvTranspose { input, zero_point, window, groups, weights, bias, edge: c.edge }
    } else {
        Op::Conv { input, zero_point, window, groups, weights, bias }
    };
    Ok((op, rest))
}

/// A layer that ends in int32.
pub(super) fn sums(g: &mut Building, node: &Node, p: &Pending) -> Result<Value, Fail> {
    let PendingKind::Conv(c) = &p.kind else { return wrong("no sums") };
    let (op, _) = convolution(c, true)?;
    Ok(Value::Sums(g.push(&node.name, op, Finish::Raw32, p.shape.clone(), p.map, p.order.to_vec(), false)))
}
