// SPDX-License-Identifier: Apache-2.0
//! Codes of values: of tables, of sums, of pools. Here a group becomes layers, fused or in float32 as it was found to be.

use crate::graph::{Finish, Op, Rest, SumRounding};
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::{ZeroPoints, legal, result_zero};
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::mean::rounding_of;
use crate::onnx::fuse::scalar::Scalar;
use crate::onnx::fuse::value::{Conv, Eight, Norm, Pending, PendingKind, Table, TableKind, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::parse::node::Node;
use crate::quantise;
use std::rc::Rc;

/// Codes of a table's values: a lookup; codes whose value lies within its error from halfway between two are doubtful.
///
/// # Errors
/// Values with several scales; several zero points.
pub fn quantize_table(g: &mut Building, node: &Node, t: &Table, scale: f32, zero: &ZeroPoints) -> Result<Value, Fail> {
    let (zero_point, unsigned) = result_zero(node, zero)?;
    let (table, doubtful) = codes_of(g, t, scale, zero_point, unsigned)?;
    Ok(Value::Eight(lookup(g, node, &t.eight, table, doubtful, unsigned)))
}

/// The code of each value of a table, by the code it is a function of, as u8; and which of these are doubtful.
///
/// # Errors
/// Values with several scales.
pub fn codes_of(g: &Building, t: &Table, scale: f32, zero_point: i8, unsigned: bool) -> Result<(Box<[i8; 256]>, Vec<u8>), Fail> {
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
    Ok((table, doubtful))
}

/// A table whose values are those of codes with one scale: its own, or where all values are codes of the scale that they are a
/// function of (Relu, Clip at a code), behind a lookup.
pub fn linearised(g: &mut Building, node: &Node, t: &Table) -> Result<Table, Fail> {
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
pub fn lookup(g: &mut Building, node: &Node, x: &Eight, table: Box<[i8; 256]>, doubtful: Vec<u8>, unsigned: bool) -> Eight {
    if doubtful.is_empty() && (0..256).all(|i| table[i] == i as u8 as i8) {
        return Eight { unsigned, ..x.clone() };
    }
    let order = g.places(x);
    let map = g.maps[x.map].shape;
    let finish = Finish::Codes { lo: -128, hi: 127 };
    g.push(&node.name, Op::Lookup { input: x.map, table, doubtful }, finish, x.shape.clone(), map, order, unsigned)
}

/// A result of a QLinear operator.
pub fn quantize_integers(g: &mut Building, node: &Node, p: Pending, scale: f32, zero: &ZeroPoints) -> Result<Value, Fail> {
    quantize_pending(g, node, &Pending { fuse: Fuse::Always, ..p }, scale, zero)
}

/// Codes of an operation that waited, fused with QuantizeLinear or not: its layer.
///
/// # Errors
/// A combined scale that is no normal number below 2^24; a bias beyond 2^30 steps; several zero points.
pub fn quantize_pending(g: &mut Building, node: &Node, p: &Pending, scale: f32, zero: &ZeroPoints) -> Result<Value, Fail> {
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
            let scales = c.scales.iter().map(|s| combined(s / scale)).collect::<Result<Vec<f32>, Fail>>()?;
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
            let rounding = rounding_of(fused, *global, unsigned);
            let (input, window, count_padding) = (*input, *window, *count_padding);
            (Op::AveragePool { input, window, count_padding, scale, zero_point, rounding }, codes)
        }
        &PendingKind::MatMul { a, a_zero, b, b_zero, k, transposed, scale: step } => {
            let s = step / scale;
            if !fused {
                return unsupported(
                    "a product of two activations that ONNX Runtime computes in float32",
                    "quantise both and the product to one type, with nothing but QuantizeLinear behind it",
                );
            }
            let finish = Finish::Int8 { scales: vec![combined(s)?; p.map[2]], zero_point, lo, hi, float32: false, rest: vec![] };
            (Op::MatMul { a, a_zero, b, b_zero, k, transposed }, finish)
        }
        &PendingKind::Softmax { input, scale: x_scale } => {
            // ONNX Runtime's kernel counts in whole steps from 0 to 1; in float32 it is any number of them.
            let levels = if fused { (1.0 / scale).floor() } else { 1.0 / scale };
            (Op::Softmax { input, scale: x_scale, levels, zero_point }, codes)
        }
        PendingKind::Norm(norm) => {
            let Norm { input, centered, under, gain, bias } = &**norm;
            let (input, centered, under) = (*input, *centered, under.clone());
            (Op::Norm { input, centered, under, gain: gain.clone(), bias: bias.clone(), scale, zero_point }, codes)
        }
    };
    Ok(Value::Eight(g.push(&node.name, op, finish, p.shape.clone(), p.map, p.order.to_vec(), unsigned)))
}

/// The combined scale of a layer, as the machine takes it.
fn combined(s: f32) -> Result<f32, Fail> {
    if !legal(s) || s >= 16_777_216.0 {
        return unsupported(
            format!("combined scale {s:e}; it must be a normal number below 2^24"),
            "quantise with scales that fit the values",
        );
    }
    Ok(s)
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
            rest.push(Rest { step, size: (float.size[n] / scale) as f32, off: float.off[n] as f32 });
        }
        if rest.iter().all(|r| r.size == 0.0 && r.off == 0.0) {
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
pub fn sums(g: &mut Building, node: &Node, p: &Pending) -> Result<Value, Fail> {
    let PendingKind::Conv(c) = &p.kind else { return wrong("no sums") };
    let (op, _) = convolution(c, true)?;
    Ok(Value::Sums(g.push(&node.name, op, Finish::Raw32, p.shape.clone(), p.map, p.order.to_vec(), false)))
}
