// SPDX-License-Identifier: Apache-2.0
//! What each operator means.

use super::broadcast::Bias;
use super::fuse::Fuse;
use super::import::{Building, describe};
use super::node::{Fail, Node, unsupported, wrong};
use super::product::{conv, gemm, matmul};
use super::quantize::{dequantize, linearised, quantize, quantize_integers, quantize_table, result_zero, sums};
use super::value::{Dequantised, Eight, Pending, Real, Table, TableKind, Value};
use super::{Array, Data, ElementType, edge, float, moves};
use crate::graph::Operand;
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
            let pending = matmul(g, node, &a, zero_point.code(&a)?, scale(inputs, 1)?, &b)?;
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
            let pending = matmul(g, node, &a, zero_point.code(&a)?, 1.0, &b)?;
            sums(g, node, &pending)
        }
        "Conv" | "MatMul" | "Gemm" => product(g, node, op, inputs),
        "ConvTranspose" => super::convtranspose::apply(g, node, inputs),
        "Add" | "Sub" | "Mul" | "Div" | "PRelu" => float::binary(g, node, op, inputs),
        "Max" | "Min" => float::extreme(op, inputs),
        "MaxPool" => max_pool(g, node, inputs),
        "AveragePool" | "GlobalAveragePool" => {
            let x = linearised(g, node, &table(inputs, 0, "X")?)?;
            super::pool::average(g, node, &x, operand, op == "GlobalAveragePool")
        }
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "DepthToSpace" | "SpaceToDepth" => {
            super::layout::apply(node, op, inputs)
        }
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
            "quantise statically (quantize_static; docs/quantising.md)",
        ),
        "Cast" => unsupported("types do not change inside the machine", "remove the Cast, or quantise around it"),
        "BatchNormalization" => super::affine::batch_normalization(g, node, inputs),
        "ReduceMax" | "ReduceMean" => moves::reduce(g, node, op, inputs),
        "Concat" => moves::concat(g, node, inputs),
        "Slice" => moves::slice(g, node, inputs),
        "Gather" => moves::gather(g, node, inputs),
        "Pad" => moves::pad(g, node, inputs),
        "Resize" | "Upsample" if node.text("mode") == "linear" => super::bilinear::apply(g, node, inputs),
        "Resize" | "Upsample" => super::resize::resize(g, node, op, inputs),
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

pub(super) fn legal(scale: f32) -> bool {
    scale.is_normal() && scale > 0.0
}

pub(super) fn scales(inputs: Inputs, i: usize) -> Result<Vec<f32>, Fail> {
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
    pub values: Vec<i32>,
    pub element: Option<ElementType>,
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
    Ok(Table { eight, kind, scalar: None, error: None, vector: false, grid: None, apart: false })
}

/// Codes as the values that they are, for what depends on their order alone.
pub(super) fn codes_as_values(e: &Eight) -> Table {
    let kind = TableKind::Linear { scales: Rc::new(vec![1.0]), zero_points: Rc::new(vec![0]), axis: 0 };
    Table { eight: e.clone(), kind, scalar: None, error: None, vector: false, grid: None, apart: false }
}

/// Codes in input `i` with scale and zero point in the two behind it.
pub(super) fn table_of_codes(inputs: Inputs, i: usize) -> Result<Table, Fail> {
    linear(eight(inputs, i, "X")?, scale(inputs, i + 1)?, zero_point(inputs, i + 2)?)
}

/// A table as an operand: its map in its natural layout, one scale.
pub(super) fn operand(g: &mut Building, t: &Table) -> Result<Operand, Fail> {
    let Some((scale, zero_point)) = t.linear() else { return wrong("values of no scale") };
    g.settle(&t.eight);
    Ok(Operand { map: t.eight.map, scale, zero_point })
}

/// Conv, MatMul and Gemm between DequantizeLinear and QuantizeLinear.
fn product(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Value, Fail> {
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
    if let Some(product) = super::sums::product_of_mean(node, op, any(inputs, 0)?, &w, bias.as_ref())? {
        return Ok(Value::Real(Real::Pending(Rc::new(product))));
    }
    let x = linearised(g, node, &table(inputs, 0, "the activation")?)?;
    let Some((x_scale, zero_point)) = x.linear() else { return wrong("no codes") };
    let mut pending = match op {
        "Conv" => conv(g, node, &x.eight, zero_point, x_scale, &w, bias)?,
        "Gemm" => gemm(g, node, &x.eight, zero_point, x_scale, &mut w, bias)?,
        _ => matmul(g, node, &x.eight, zero_point, x_scale, &w)?,
    };
    if x.apart {
        pending.fuse = Fuse::Never;
    }
    Ok(Value::Real(Real::Pending(Rc::new(pending))))
}

fn max_pool(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let codes = match any(inputs, 0)? {
        Value::Eight(e) => Some(codes_as_values(e)),
        _ => None,
    };
    let mut t = match &codes {
        Some(t) => t.clone(),
        None => super::pool::ranked(g, node, &table(inputs, 0, "X")?)?,
    };
    let (window, shape, map, order) = super::pool::window(g, node, &mut t.eight, false)?;
    let made = super::pool::largest(g, node, &t, window, shape, map, order);
    Ok(if codes.is_some() { Value::Eight(made.eight) } else { Value::Real(Real::Table(made)) })
}
