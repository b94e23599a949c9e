// SPDX-License-Identifier: Apache-2.0
//! What each operator means.

use super::broadcast::Bias;
use super::fuse::{Clip, Fuse, Scalar};
use super::import::{Building, describe};
use super::node::{Fail, Node, unsupported, wrong};
use super::product::{conv, gemm, matmul};
use super::value::{Conv, Dequantised, Eight, Pending, PendingKind, Real, Table, TableKind, Value};
use super::{Array, Data, ElementType, edge, float, moves};
use crate::graph::{Codes, Finish, MeanRounding, Op, Operand, SumRounding};
use crate::quantise;
use std::rc::Rc;

pub(super) type Inputs<'a> = &'a [Option<Value>];

/// The first output of a node.
pub(super) fn apply(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    match (node.proto.domain.as_str(), node.op()) {
        ("" | "ai.onnx", op) => standard(g, node, op, inputs),
        ("com.microsoft", op) => microsoft(g, node, op, inputs),
        (domain, _) => {
            unsupported(format!("operators of the domain '{domain}' are not known"), "use operators of ONNX or com.microsoft")
        }
    }
}

fn standard(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Value, Fail> {
    for input in inputs.iter().flatten() {
        match input {
            Value::Outside(x) => return edge::after(g, node, op, inputs, x),
            Value::Real(Real::Input(x)) => {
                if let Some(value) = edge::before(g, node, op, inputs, &x.clone())? {
                    return Ok(value);
                }
            }
            _ => {}
        }
    }
    match op {
        "Constant" => match node.tensor("value")? {
            Some(array) => Ok(Value::Const(Rc::new(array))),
            None => {
                let (shape, data) = match () {
                    () if node.has("value_float") => (vec![], Data::F32(vec![node.float("value_float", 0.0)])),
                    () if node.has("value_int") => (vec![], Data::I64(vec![node.int("value_int", 0)])),
                    () => match (node.floats("value_floats"), node.ints("value_ints")) {
                        (Some(v), _) => (vec![v.len()], Data::F32(v.to_vec())),
                        (None, Some(v)) => (vec![v.len()], Data::I64(v.to_vec())),
                        _ => return unsupported("a constant that is no tensor of numbers", "write it as an initialiser"),
                    },
                };
                Ok(Value::Const(Rc::new(Array { shape, data })))
            }
        },
        "Identity" | "Dropout" => any(inputs, 0).cloned(),
        "QuantizeLinear" => quantize(g, node, inputs),
        "DequantizeLinear" => dequantize(node, inputs),
        "QLinearConv" => {
            let (x, zero_point) = (eight(inputs, 0, "X")?, zero_point(inputs, 2)?);
            let weights = weights(inputs, 3, Some(4), 5, Channels::First)?;
            let bias = bias(inputs, 8)?;
            let x_scale = scale(inputs, 1)?;
            let pending = conv(g, node, &x, zero_point.code(&x)?, x_scale, &weights, bias)?;
            quantize_integers(g, node, pending, scale(inputs, 6)?, &self::zero_point(inputs, 7)?)
        }
        "QLinearMatMul" => {
            let (a, zero_point) = (eight(inputs, 0, "A")?, zero_point(inputs, 2)?);
            let b = weights(inputs, 3, Some(4), 5, Channels::Last)?;
            let pending = matmul(g, &a, zero_point.code(&a)?, scale(inputs, 1)?, &b)?;
            quantize_integers(g, node, pending, scale(inputs, 6)?, &self::zero_point(inputs, 7)?)
        }
        "ConvInteger" => {
            let (x, zero_point) = (eight(inputs, 0, "X")?, zero_point(inputs, 2)?);
            let weights = weights(inputs, 1, None, 3, Channels::First)?;
            let pending = conv(g, node, &x, zero_point.code(&x)?, 1.0, &weights, None)?;
            sums(g, node, &pending)
        }
        "MatMulInteger" => {
            let (a, zero_point) = (eight(inputs, 0, "A")?, zero_point(inputs, 2)?);
            let b = weights(inputs, 1, None, 3, Channels::Last)?;
            let pending = matmul(g, &a, zero_point.code(&a)?, 1.0, &b)?;
            sums(g, node, &pending)
        }
        "Conv" | "MatMul" | "Gemm" => product(g, node, op, inputs),
        "ConvTranspose" => super::convtranspose::apply(g, node, inputs),
        "Add" | "Sub" | "Mul" | "Div" => float::binary(g, node, op, inputs),
        "MaxPool" => max_pool(g, node, inputs),
        "AveragePool" | "GlobalAveragePool" => {
            let x = table(inputs, 0, "X")?;
            super::pool::average(g, node, &x, operand, op == "GlobalAveragePool")
        }
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" => super::layout::apply(node, op, inputs),
        "ArgMax" if matches!(any(inputs, 0)?, Value::Eight(_)) => {
            let Value::Eight(e) = any(inputs, 0)? else { return wrong("no codes") };
            edge::behind(g, node, op, inputs, &codes_as_values(e))
        }
        "Softmax" | "LogSoftmax" | "ArgMax" => edge::behind(g, node, op, inputs, &table(inputs, 0, "X")?),
        "LayerNormalization" => {
            unsupported(format!("{op} has no unit in the machine yet"), "end the graph before it, and compute it on the host")
        }
        "DynamicQuantizeLinear" => unsupported(
            "its scale depends on the data; the machine's program is fixed before it runs",
            "quantise statically (onnxruntime.quantization.quantize_static)",
        ),
        "Cast" => unsupported("types do not change inside the machine", "remove the Cast, or quantise around it"),
        "BatchNormalization" => super::affine::batch_normalization(g, node, inputs),
        "ReduceMax" | "ReduceMean" => moves::reduce(g, node, op, inputs),
        "Concat" => moves::concat(g, node, inputs),
        "Slice" => moves::slice(g, node, inputs),
        "Gather" => moves::gather(g, node, inputs),
        "Pad" => moves::pad(g, node, inputs),
        "Resize" | "Upsample" if node.text("mode") == "linear" => super::bilinear::apply(g, node, inputs),
        "Resize" | "Upsample" => unsupported("moving parts of tensors is not compiled yet", ""),
        op => float::unary(g, node, op, inputs),
    }
}

fn microsoft(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Value, Fail> {
    match op {
        "QuantizeLinear" => quantize(g, node, inputs),
        "DequantizeLinear" => dequantize(node, inputs),
        "QLinearAdd" | "QLinearMul" => {
            let real = |i: usize| dequantize(node, &inputs[i.min(inputs.len())..(i + 3).min(inputs.len())]).map(Some);
            let operands = [real(0)?, real(3)?];
            let (scale, zero) = (scale(inputs, 6)?, zero_point(inputs, 7)?);
            match float::binary(g, node, op.trim_start_matches("QLinear"), &operands)? {
                Value::Real(Real::Pending(p)) => quantize_integers(g, node, Pending::clone(&p), scale, &zero),
                Value::Real(Real::Table(t)) => quantize_table(g, node, &t, scale, &zero),
                Value::Real(Real::Channels(c)) => super::affine::quantised(g, node, &c, scale, &zero),
                other => Ok(other),
            }
        }
        "QLinearGlobalAveragePool" | "QLinearAveragePool" => {
            if node.int("channels_last", 0) != 0 {
                return unsupported("channels_last", "use the layout NCHW");
            }
            let x = linear(eight(inputs, 0, "X")?, scale(inputs, 1)?, zero_point(inputs, 2)?)?;
            let real = super::pool::average(g, node, &x, operand, op == "QLinearGlobalAveragePool")?;
            match real {
                Value::Real(Real::Pending(p)) => {
                    quantize_integers(g, node, Pending::clone(&p), scale(inputs, 3)?, &zero_point(inputs, 4)?)
                }
                other => Ok(other),
            }
        }
        "QLinearConcat" => moves::qlinear_concat(g, node, inputs),
        "QLinearSigmoid" | "QLinearLeakyRelu" => {
            let x = linear(eight(inputs, 0, "X")?, scale(inputs, 1)?, zero_point(inputs, 2)?)?;
            let real = float::table_of(node, op.trim_start_matches("QLinear"), inputs, &x)?;
            quantize_table(g, node, &real, scale(inputs, 3)?, &zero_point(inputs, 4)?)
        }
        "QGemm" => {
            let a = eight(inputs, 0, "A")?;
            let zero = zero_point(inputs, 2)?.code(&a)?;
            let channels = if node.int("transB", 0) != 0 { Channels::First } else { Channels::Last };
            let mut b = weights(inputs, 3, Some(4), 5, channels)?;
            let bias = bias(inputs, 6)?;
            let pending = gemm(g, node, &a, zero, scale(inputs, 1)?, &mut b, bias)?;
            if inputs.get(7).is_none_or(Option::is_none) {
                return unsupported("a float32 result", "give it y_scale and y_zero_point");
            }
            quantize_integers(g, node, pending, scale(inputs, 7)?, &zero_point(inputs, 8)?)
        }
        "Gelu" | "QuickGelu" | "FastGelu" => float::unary(g, node, op, inputs),
        op => unsupported(format!("com.microsoft.{op} is not compiled"), ""),
    }
}

/// Input `i`, which must be given.
pub(super) fn any<'a>(inputs: Inputs<'a>, i: usize) -> Result<&'a Value, Fail> {
    inputs.get(i).and_then(Option::as_ref).ok_or_else(|| Fail::Wrong(format!("input {i} is missing")))
}

/// Input `i` as a constant, if it is given.
pub(super) fn constant<'a>(inputs: Inputs<'a>, i: usize) -> Result<Option<&'a Array>, Fail> {
    match inputs.get(i).and_then(Option::as_ref) {
        None => Ok(None),
        Some(Value::Const(a)) => Ok(Some(a)),
        Some(_) => unsupported(
            format!("input {i} is computed by the graph; the machine needs it when it compiles"),
            "make it an initialiser",
        ),
    }
}

/// Input `i` as an int8 or uint8 tensor.
pub(super) fn eight(inputs: Inputs, i: usize, name: &str) -> Result<Eight, Fail> {
    match any(inputs, i)? {
        Value::Eight(e) => Ok(e.clone()),
        Value::Const(_) => unsupported(format!("{name} is a constant"), "fold it"),
        Value::Sums(_) => unsupported(format!("{name} is int32"), "requantise it with QuantizeLinear or a QLinear operator"),
        Value::Real(_) => wrong(format!("{name} is float32, it must be int8 or uint8")),
        Value::Unknown | Value::Foreign(_) | Value::Outside(_) => wrong(format!("{name} is unknown")),
    }
}

/// Input `i` as float32 values of codes.
pub(super) fn table(inputs: Inputs, i: usize, name: &str) -> Result<Table, Fail> {
    match any(inputs, i)? {
        Value::Real(Real::Table(t)) => Ok(t.clone()),
        Value::Real(Real::Pending(_) | Real::Joined(_) | Real::Channels(_)) => unsupported(
            format!("{name} is the float32 result of another operator"),
            "put QuantizeLinear and DequantizeLinear between them",
        ),
        Value::Real(Real::Input(_)) => {
            unsupported(format!("{name} is the graph's float32 input"), "begin with QuantizeLinear and DequantizeLinear")
        }
        Value::Real(Real::Const(_)) | Value::Const(_) => unsupported(format!("{name} is a constant"), "fold it"),
        Value::Eight(_) | Value::Sums(_) => wrong(format!("{name} is an integer tensor, it must be float32")),
        Value::Unknown | Value::Foreign(_) | Value::Outside(_) => wrong(format!("{name} is unknown")),
    }
}

fn legal(scale: f32) -> bool {
    scale.is_normal() && scale > 0.0
}

fn scales(inputs: Inputs, i: usize) -> Result<Vec<f32>, Fail> {
    let Some(array) = constant(inputs, i)? else { return wrong(format!("input {i}, a scale, is missing")) };
    let Some(values) = array.floats() else {
        return wrong(format!("input {i}, a scale, is {}, not float32", describe(&array.data)));
    };
    match values.iter().find(|&&s| !legal(s)) {
        Some(s) => wrong(format!("scale {s:e} (input {i}); a scale is a normal number above 0")),
        None if values.is_empty() => wrong(format!("input {i}, a scale, is empty")),
        None => Ok(values.to_vec()),
    }
}

/// The one scale in input `i`.
pub(super) fn scale(inputs: Inputs, i: usize) -> Result<f32, Fail> {
    match scales(inputs, i)?.as_slice() {
        [s] => Ok(*s),
        more => unsupported(
            format!("{} scales of an activation (input {i}); the machine has one", more.len()),
            "quantise activations per tensor",
        ),
    }
}

/// Zero points as they stand in the model.
pub(super) struct ZeroPoints {
    values: Vec<i32>,
    element: Option<ElementType>,
}

impl ZeroPoints {
    /// The one zero point, as a code of the machine.
    pub fn code(&self, of: &Eight) -> Result<i8, Fail> {
        let expected = if of.unsigned { ElementType::Uint8 } else { ElementType::Int8 };
        match (self.values.as_slice(), self.element) {
            ([], _) => Ok(if of.unsigned { -128 } else { 0 }),
            ([v], Some(e)) if e == expected => Ok((v - if of.unsigned { 128 } else { 0 }) as i8),
            ([_], Some(e)) => wrong(format!("a zero point is {e}, its tensor {expected}")),
            (more, _) => {
                unsupported(format!("{} zero points of an activation; the machine has one", more.len()), "quantise per tensor")
            }
        }
    }
}

impl ZeroPoints {
    /// The one zero point as it is in the model, and whether codes are uint8.
    pub fn in_model(&self, node: &Node) -> Result<(i32, bool), Fail> {
        let (code, unsigned) = result_zero(node, self)?;
        Ok((i32::from(code) + if unsigned { 128 } else { 0 }, unsigned))
    }
}

/// The zero points in input `i`; none: 0 of uint8, or of the tensor's type.
pub(super) fn zero_point(inputs: Inputs, i: usize) -> Result<ZeroPoints, Fail> {
    let Some(array) = constant(inputs, i)? else { return Ok(ZeroPoints { values: vec![], element: None }) };
    let element = array.element();
    match array.integers() {
        Some(v) if matches!(element, ElementType::Int8 | ElementType::Uint8 | ElementType::Int32) => {
            Ok(ZeroPoints { values: v.iter().map(|&v| v as i32).collect(), element: Some(element) })
        }
        _ => wrong(format!("input {i}, a zero point, is {element}")),
    }
}

/// Constant weights less their zero points.
pub(super) struct Weights {
    pub shape: Vec<usize>,
    pub ints: Vec<i32>,
    /// One, or one for each output channel.
    pub scales: Vec<f32>,
    /// int8 or uint8 in the model.
    pub element: ElementType,
    /// The scale has a dimension.
    pub vector: bool,
}

/// Where the output channels of weights lie.
#[derive(Clone, Copy, PartialEq)]
enum Channels {
    First,
    Last,
}

/// Weights in input `i`, their scales and zero points in others.
fn weights(inputs: Inputs, i: usize, scale_at: Option<usize>, zero_at: usize, channels: Channels) -> Result<Weights, Fail> {
    let Some(array) = constant(inputs, i)? else { return wrong(format!("input {i}, the weights, is missing")) };
    if !matches!(array.element(), ElementType::Int8 | ElementType::Uint8) {
        return wrong(format!("input {i}, the weights, is {}, not int8 or uint8", array.element()));
    }
    let zero = zero_point(inputs, zero_at)?;
    if zero.element.is_some_and(|e| e != array.element()) {
        return wrong(format!("the weights are {}, their zero point is not", array.element()));
    }
    let scales = scale_at.map_or(Ok(vec![1.0]), |at| scales(inputs, at))?;
    let ints = subtract(array, &zero.values, channels)?;
    Ok(Weights { shape: array.shape.clone(), ints, scales, element: array.element(), vector: false })
}

fn subtract(array: &Array, zero: &[i32], channels: Channels) -> Result<Vec<i32>, Fail> {
    let values = array.integers().unwrap_or_default();
    if zero.len() <= 1 {
        let z = zero.first().copied().unwrap_or(0);
        return Ok(values.iter().map(|&v| v as i32 - z).collect());
    }
    let (outputs, inner) = match channels {
        Channels::Last => (array.shape.last().copied().unwrap_or(1), 1),
        Channels::First => {
            let outputs = array.shape.first().copied().unwrap_or(1);
            (outputs, values.len() / outputs.max(1))
        }
    };
    if zero.len() != outputs {
        return wrong(format!("{} zero points of weights with {outputs} output channels", zero.len()));
    }
    Ok(values.iter().enumerate().map(|(n, &v)| v as i32 - zero[n / inner % outputs]).collect())
}

/// int32 bias in input `i`.
fn bias(inputs: Inputs, i: usize) -> Result<Option<Bias>, Fail> {
    match constant(inputs, i)? {
        None => Ok(None),
        Some(Array { data: Data::I32(v), shape }) => Ok(Some(Bias::plain(shape.clone(), v.clone()))),
        Some(other) => wrong(format!("the bias (input {i}) is {}, not int32", other.element())),
    }
}

/// Codes with what they stand for.
fn linear(eight: Eight, scale: f32, zero: ZeroPoints) -> Result<Table, Fail> {
    let zero_point = zero.code(&eight)?;
    let kind = TableKind::Linear { scales: Rc::new(vec![scale]), zero_points: Rc::new(vec![zero_point]), axis: 0 };
    Ok(Table { eight, kind, scalar: None, error: None, vector: false })
}

/// Codes as the values that they are, for what depends on their order alone.
pub(super) fn codes_as_values(e: &Eight) -> Table {
    let kind = TableKind::Linear { scales: Rc::new(vec![1.0]), zero_points: Rc::new(vec![0]), axis: 0 };
    Table { eight: e.clone(), kind, scalar: None, error: None, vector: false }
}

/// Codes in input `i` with scale and zero point in the two behind it.
pub(super) fn table_of_codes(inputs: Inputs, i: usize) -> Result<Table, Fail> {
    linear(eight(inputs, i, "X")?, scale(inputs, i + 1)?, zero_point(inputs, i + 2)?)
}

/// A table as an operand: its map in its natural layout, one scale.
pub(super) fn operand(g: &mut Building, t: &Table) -> Result<Operand, Fail> {
    let Some((scale, zero_point)) = t.linear() else {
        return unsupported(
            "its input is not the plain dequantisation of a tensor with one scale",
            "put QuantizeLinear and DequantizeLinear before it",
        );
    };
    g.settle(&t.eight);
    Ok(Operand { map: t.eight.map, scale, zero_point })
}

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

fn dequantize(node: &Node, inputs: Inputs) -> Result<Value, Fail> {
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

fn quantize(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
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
            if e.steps != g.input_host.len() {
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
            if g.input_codes.as_ref().is_some_and(|before| *before != codes) {
                return unsupported("the float32 input is quantised twice, by other scales", "quantise it once");
            }
            g.input_codes = Some(codes);
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
fn quantize_integers(g: &mut Building, node: &Node, p: Pending, scale: f32, zero: &ZeroPoints) -> Result<Value, Fail> {
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
        PendingKind::Conv(c) if c.fused_bias && !fused => {
            return unsupported(
                "a float32 bias of a layer that ONNX Runtime computes in float32",
                "quantise it to int32 with the scale x_scale * w_scale, and the layer to one type",
            );
        }
        PendingKind::Conv(c) => {
            let scales: Vec<f32> = c.scales.iter().map(|s| s / scale).collect();
            if let Some(s) = scales.iter().find(|s| !legal(**s) || **s >= 16_777_216.0) {
                return unsupported(
                    format!("combined scale {s:e}; it must be a normal number below 2^24"),
                    "quantise with scales that fit the values",
                );
            }
            (convolution(c), Finish::Int8 { scales, zero_point, lo, hi, float32: !fused })
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
        PendingKind::Max { input, window, unsigned: of } => {
            // The largest code is that of the largest value; then the codes may change their scale.
            let max = Op::MaxPool { input: input.map, window: *window };
            let all = Finish::Codes { lo: -128, hi: 127 };
            let eight = g.push(&node.name, max, all, p.shape.clone(), p.map, p.order.to_vec(), *of);
            let t = linear(eight, input.scale, ZeroPoints { values: vec![], element: None })?;
            let values: [f32; 256] = std::array::from_fn(|i| {
                ((f32::from(i as u8 as i8) - f32::from(input.zero_point)) * input.scale).max(p.clip.lo).min(p.clip.hi)
            });
            let t = Table { kind: TableKind::Values(Rc::new(values)), ..t };
            return quantize_table(g, node, &t, scale, zero);
        }
    };
    Ok(Value::Eight(g.push(&node.name, op, finish, p.shape.clone(), p.map, p.order.to_vec(), unsigned)))
}

fn convolution(c: &Conv) -> Op {
    let (input, zero_point, window, groups) = (c.input, c.zero_point, c.window, c.groups);
    let (weights, bias) = (c.weights.to_vec(), c.bias.to_vec());
    if c.transposed {
        return Op::ConvTranspose { input, zero_point, window, groups, weights, bias, edge: c.edge };
    }
    Op::Conv { input, zero_point, window, groups, weights, bias }
}

/// A layer that ends in int32.
fn sums(g: &mut Building, node: &Node, p: &Pending) -> Result<Value, Fail> {
    let PendingKind::Conv(c) = &p.kind else { return wrong("no sums") };
    let op = convolution(c);
    Ok(Value::Sums(g.push(&node.name, op, Finish::Raw32, p.shape.clone(), p.map, p.order.to_vec(), false)))
}

/// Conv, MatMul and Gemm between DequantizeLinear and QuantizeLinear.
fn product(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Value, Fail> {
    let x = table(inputs, 0, "the activation")?;
    let Some((x_scale, zero_point)) = x.linear() else {
        return unsupported(
            "its input is not the plain dequantisation of a tensor with one scale",
            "put QuantizeLinear and DequantizeLinear before it",
        );
    };
    let weights = match any(inputs, 1)? {
        Value::Real(Real::Const(c)) => c.clone(),
        Value::Const(_) => return unsupported("its weights are float32", "quantise them (DequantizeLinear of an int8 constant)"),
        _ => {
            return unsupported(
                "both operands are computed by the graph",
                "products of two activations come with run-time weights",
            );
        }
    };
    let transposed = op == "Gemm" && node.int("transB", 0) != 0;
    let channel = match op {
        "Conv" => 0,
        _ if transposed => 0,
        _ => weights.shape.len().saturating_sub(1),
    };
    if weights.scales.len() > 1 && weights.axis != channel {
        return unsupported(
            format!("weight scales go along axis {}, which is not the output channels'", weights.axis),
            "quantise weights per output channel",
        );
    }
    let Dequantised { shape, ints, scales, element, vector, .. } = weights;
    let mut w = Weights { shape, ints: ints.to_vec(), scales: scales.to_vec(), element, vector };
    let bias = inputs.get(2).and_then(Option::as_ref).map(Bias::of).transpose()?;
    let pending = match op {
        "Conv" => conv(g, node, &x.eight, zero_point, x_scale, &w, bias)?,
        "Gemm" => gemm(g, node, &x.eight, zero_point, x_scale, &mut w, bias)?,
        _ => matmul(g, &x.eight, zero_point, x_scale, &w)?,
    };
    Ok(Value::Real(Real::Pending(Rc::new(pending))))
}

fn max_pool(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    match any(inputs, 0)? {
        Value::Eight(e) => {
            let mut e = e.clone();
            let (window, shape, map, order) = super::pool::window(g, node, &mut e, false)?;
            let finish = Finish::Codes { lo: -128, hi: 127 };
            Ok(Value::Eight(g.push(&node.name, Op::MaxPool { input: e.map, window }, finish, shape, map, order, e.unsigned)))
        }
        _ => {
            let mut t = table(inputs, 0, "X")?;
            let (window, shape, map, order) = super::pool::window(g, node, &mut t.eight, false)?;
            let input = operand(g, &t)?;
            let kind = PendingKind::Max { input, window, unsigned: t.eight.unsigned };
            let fuse = Fuse::If { unsigned: t.eight.unsigned };
            Ok(Value::Real(Real::Pending(Rc::new(Pending {
                kind,
                shape,
                map,
                order: Rc::new(order),
                clip: Clip::NONE,
                fuse,
                moved: false,
            }))))
        }
    }
}
