// SPDX-License-Identifier: Apache-2.0
//! Functions of codes that differ from channel to channel: sums and products with a constant for each channel,
//! BatchNormalization. When they are quantised each channel becomes a product with one weight, a bias and a scale that give
//! the right code for all 256: they are searched for, and where there are none the layer is refused.

use super::ElementType;
use super::fuse::{Clip, Fuse, Scalar, ScalarOp, Side};
use super::import::Building;
use super::moves::Layout;
use super::node::{Fail, Node, unsupported, wrong};
use super::ops::{Inputs, ZeroPoints, any, constant};
use super::quantize::result_zero;
use super::value::{Eight, Real, Table, Value};
use crate::graph::{Finish, Op, Operand, SumRounding, Window};
use crate::quantise;
use std::rc::Rc;

/// Values by channel and code.
#[derive(Clone)]
pub(super) struct Channels {
    /// The codes, and how they lie.
    table: Table,
    layout: Layout,
    /// By channel, then by code as u8.
    values: Vec<[f32; 256]>,
    /// One operator with a quantised constant made them: by channel.
    fused: Option<Vec<Scalar>>,
    /// In that the constant is the first operand.
    swapped: bool,
    /// PRelu made them: two lines that meet at zero.
    bent: bool,
    clip: Clip,
}

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

fn compute(op: &str, x: f32, y: f32) -> f32 {
    match op {
        "Add" => x + y,
        "Sub" => x - y,
        "Mul" => x * y,
        "PRelu" if x > 0.0 => x,
        "PRelu" => x * y,
        _ => x / y,
    }
}

/// Add, Sub, Mul, Div or PRelu of dequantised codes, or of what is a function of them by channel, and a constant for each channel;
/// `None`: other operands.
pub(super) fn binary(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Option<Value>, Fail> {
    let (a, b) = (any(inputs, 0)?, any(inputs, 1)?);
    let (value, constant, first) = match (a, b) {
        (Value::Real(Real::Table(_) | Real::Channels(_)), Value::Const(_) | Value::Real(Real::Const(_))) => (a, b, false),
        (Value::Const(_) | Value::Real(Real::Const(_)), Value::Real(Real::Table(_) | Real::Channels(_))) => (b, a, true),
        _ => return Ok(None),
    };
    let (before, fresh) = match value {
        Value::Real(Real::Channels(c)) => (Channels::clone(c), None),
        Value::Real(Real::Table(t)) => {
            let Some(values) = t.values() else { return Ok(None) };
            let mut t = t.clone();
            let layout = Layout::of(g, node, &mut t.eight)?;
            let channels = g.maps[t.eight.map].shape[2];
            let all = Channels {
                table: t.clone(),
                layout,
                values: vec![values; channels],
                fused: None,
                swapped: false,
                bent: false,
                clip: Clip::NONE,
            };
            (all, t.linear())
        }
        _ => return Ok(None),
    };
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

/// BatchNormalization of dequantised codes with constant statistics.
pub(super) fn batch_normalization(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if let Some(value) = super::sums::batch_normalization(node, inputs, any(inputs, 0)?)? {
        return Ok(value);
    }
    let t = super::ops::table(inputs, 0, "X")?;
    let Some(values) = t.values() else {
        return unsupported("codes with a scale for each channel", "quantise activations per tensor");
    };
    let mut t = t;
    let layout = Layout::of(g, node, &mut t.eight)?;
    let channels = g.maps[t.eight.map].shape[2];
    if !layout.is_channel(&t.eight.shape, 1) {
        return unsupported(format!("shape {:?} in this order", t.eight.shape), "remove the Reshape or Transpose before it");
    }
    let of = |i: usize| -> Result<Vec<f32>, Fail> {
        let floats = constant(inputs, i)?.and_then(|a| a.floats()).map(<[f32]>::to_vec);
        floats
            .filter(|f| f.len() == channels)
            .ok_or_else(|| Fail::Wrong(format!("input {i} is not one float32 number a channel")))
    };
    let (scale, bias, mean, var) = (of(1)?, of(2)?, of(3)?, of(4)?);
    let epsilon = node.float("epsilon", 1e-5);
    let by_code = |c: usize| -> [f32; 256] {
        // In the order of ONNX Runtime's kernel.
        let slope = 1.0 / (var[c] + epsilon).sqrt() * scale[c];
        let offset = bias[c] - mean[c] * slope;
        std::array::from_fn(|i| values[i] * slope + offset)
    };
    let values = (0..channels).map(by_code).collect();
    Ok(Value::Real(Real::Channels(Rc::new(Channels {
        table: t,
        layout,
        values,
        fused: None,
        swapped: false,
        bent: false,
        clip: Clip::NONE,
    }))))
}

/// Relu or Clip behind them.
pub(super) fn clipped(c: &Channels, [lo, hi]: [f32; 2]) -> Value {
    Value::Real(Real::Channels(Rc::new(Channels { clip: c.clip.then(lo, hi), ..c.clone() })))
}

/// A weight, a bias and a scale with which `rne((x - zero) w + bias) scale) + y_zero` is each of these codes, limited.
fn constants(target: &[i8; 256], zero: i8, y_zero: i8, limits: [i8; 2], slope: f64, offset: f64) -> Option<(i16, i32, f32)> {
    let right = |w: i16, bias: i32, scale: f32| {
        (0..256).all(|i| {
            let sum = (i32::from(i as u8 as i8) - i32::from(zero)) * i32::from(w) + bias;
            let code = (sum as f32 * scale).round_ties_even() + f32::from(y_zero);
            (code.clamp(-128.0, 127.0) as i8).clamp(limits[0], limits[1]) == target[i]
        })
    };
    if slope == 0.0 || target.iter().all(|&t| t == target[0]) {
        let bias = i32::from(target[0]) - i32::from(y_zero);
        return right(0, bias, 1.0).then_some((0, bias, 1.0));
    }
    // The larger the weight, the finer the bias. Where scales make exact ties their last bit decides.
    (1..=255i16).rev().find_map(|size| {
        let near = (slope.abs() / f64::from(size)) as f32;
        let w = if slope < 0.0 { -size } else { size };
        let bias = (offset / f64::from(near)).round();
        if !near.is_normal() || bias.abs() > 1e9 {
            return None;
        }
        let scales = [near, f32::from_bits(near.to_bits() + 1), f32::from_bits(near.to_bits() - 1)];
        let all = scales.into_iter().flat_map(|s| [0, 1, -1].map(|d| (w, bias as i32 + d, s)));
        all.into_iter().find(|&(w, bias, scale)| right(w, bias, scale))
    })
}

/// A product for each channel by itself.
struct Products {
    weights: Vec<i16>,
    bias: Vec<i32>,
    scales: Vec<f32>,
    zero_point: i8,
    limits: [i8; 2],
}

/// Codes by channel as products, where there are such: of the values of codes -128 and 127 a straight line goes through the
/// others. Otherwise the channel that has none. ONNX Runtime adds an odd zero point before it rounds in a fused layer, which
/// sends ties the other way: then an odd part of it is a bias.
fn products(targets: &[[i8; 256]], lines: &[[f64; 2]], zero: i8, y_zero: i8, limits: [i8; 2]) -> Result<Products, usize> {
    let mut first = 0;
    for (n, moved) in [0i8, 1, -1, 3, -3].into_iter().enumerate() {
        let Some(zero_point) = y_zero.checked_sub(moved) else { continue };
        let mut made = Products { weights: vec![], bias: vec![], scales: vec![], zero_point, limits };
        let failed = targets.iter().zip(lines).position(|(target, [slope, offset])| {
            match constants(target, zero, zero_point, limits, *slope, offset + f64::from(moved)) {
                Some((w, b, s)) => {
                    made.weights.push(w);
                    made.bias.push(b);
                    made.scales.push(s);
                    false
                }
                None => true,
            }
        });
        match failed {
            None => return Ok(made),
            Some(channel) if n == 0 => first = channel,
            Some(_) => {}
        }
    }
    Err(first)
}

/// A sum with a constant that no product gives in every code: a residual add of a constant map, which declares what differs.
fn added(g: &mut Building, node: &Node, c: &Channels, scalars: &[Scalar], scale: f32, zero: &ZeroPoints) -> Result<Value, Fail> {
    let (zero_point, unsigned) = result_zero(node, zero)?;
    let shape = c.table.eight.shape.clone();
    let Some((map, order)) = c.layout.map(&shape) else { return wrong("a shape without a map") };
    let up = if unsigned { 128 } else { 0 };
    let code = |n: usize| (scalars[n % scalars.len()].codes[0][usize::from(!c.swapped)] - up) as i8;
    let codes = (0..order.len()).map(code).collect();
    let all = Finish::Codes { lo: -128, hi: 127 };
    let name = format!("{} (constant)", node.name);
    let constant = g.push(&name, Op::Constant { codes }, all.clone(), shape.clone(), map, order.clone(), unsigned);
    let side = |map: usize, s: &Side| Operand { map, scale: s.scale, zero_point: (s.zero - up) as i8 };
    let maps = if c.swapped { [constant.map, c.table.eight.map] } else { [c.table.eight.map, constant.map] };
    let (a, b) = (side(maps[0], &scalars[0].a), side(maps[1], &scalars[0].b));
    let op = Op::Add { a, b, scale, zero_point, rounding: SumRounding::Fused { unsigned } };
    Ok(Value::Eight(g.push(&node.name, op, all, shape, map, order, unsigned)))
}

/// QuantizeLinear: a product for each channel by itself.
pub(super) fn quantised(g: &mut Building, node: &Node, c: &Channels, scale: f32, zero: &ZeroPoints) -> Result<Value, Fail> {
    let (y_zero, unsigned) = result_zero(node, zero)?;
    let Some((_, x_zero)) = c.table.linear() else {
        return unsupported("a function of a function of codes, by channel", "quantise between them");
    };
    let may = Fuse::If { unsigned: c.table.eight.unsigned }.fused(unsigned, &c.clip, scale, y_zero) && !g.overridable;
    let fused = c.fused.as_ref().filter(|_| may);
    let code = |v: f32, none: i8| if v.is_infinite() { none } else { quantise(v, scale, y_zero) };
    let limits = if fused.is_some() { [-128, 127] } else { [code(c.clip.lo, -128), code(c.clip.hi, 127)] };
    let limited = |v: f32| v.max(c.clip.lo).min(c.clip.hi);
    let code = |n: usize, v: f32, i: usize| match fused {
        Some(scalars) => scalars[n].code(i as u8 as i8, scale, y_zero),
        None => quantise(limited(v), scale, y_zero),
    };
    let targets: Vec<[i8; 256]> =
        c.values.iter().enumerate().map(|(n, values)| std::array::from_fn(|i| code(n, values[i], i))).collect();
    // What a line is without rounding, in steps of the result, for x less its zero point.
    let line = |values: &[f32; 256], from: i8, to: i8| {
        let of = |code: i8| f64::from(values[usize::from(code as u8)]) / f64::from(scale);
        let slope = (of(to) - of(from)) / (f64::from(to) - f64::from(from));
        [slope, of(from) - slope * (f64::from(from) - f64::from(x_zero))]
    };
    let lines: Vec<[f64; 2]> = c.values.iter().map(|values| line(values, -128, 127)).collect();
    let channel = match products(&targets, &lines, x_zero, y_zero, limits) {
        Ok(products) => return pushed(g, &node.name, c, x_zero, products, fused.is_none(), unsigned),
        Err(channel) => channel,
    };
    if let Some(scalars) = fused.filter(|s| s[0].op == ScalarOp::Add) {
        return added(g, node, c, scalars, scale, zero);
    }
    if c.bent && c.clip == Clip::NONE && x_zero > -128 && x_zero < 127 {
        // Two lines that meet at zero: each by itself, no further than the other begins, and their sum.
        let upper: Vec<[f64; 2]> = c.values.iter().map(|values| [line(values, x_zero, 127)[0], 0.0]).collect();
        let lower: Vec<[f64; 2]> = c.values.iter().map(|values| [line(values, -128, x_zero)[0], 0.0]).collect();
        let falls = lower.iter().any(|l| l[0] < 0.0);
        let part = |above: bool| -> Vec<[i8; 256]> {
            let mine = |i: usize| (i as u8 as i8 >= x_zero) == above;
            targets.iter().map(|t| std::array::from_fn(|i| if mine(i) { t[i] } else { y_zero })).collect()
        };
        let ends = if falls { [y_zero, 127] } else { [-128, y_zero] };
        let up = products(&part(true), &upper, x_zero, y_zero, [y_zero, 127]);
        let down = products(&part(false), &lower, x_zero, y_zero, ends);
        if let (Ok(up), Ok(down)) = (up, down) {
            let mut half = |products: Products, what: &str| {
                pushed(g, &format!("{} ({what})", node.name), c, x_zero, products, true, unsigned)
            };
            let (a, b) = (half(up, "above zero")?, half(down, "below zero")?);
            let (Value::Eight(a), Value::Eight(b)) = (a, b) else { return wrong("no codes") };
            let side = |e: &Eight| Operand { map: e.map, scale: 1.0, zero_point: y_zero };
            let op = Op::Add { a: side(&a), b: side(&b), scale: 1.0, zero_point: y_zero, rounding: SumRounding::Float32 };
            let order = g.places(&a);
            let map = g.maps[a.map].shape;
            let all = Finish::Codes { lo: -128, hi: 127 };
            return Ok(Value::Eight(g.push(&node.name, op, all, a.shape.clone(), map, order, unsigned)));
        }
    }
    unsupported(
        format!(
            "channel {channel}: no weight, bias and scale give all 256 codes, as happens where scales are multiples of each other"
        ),
        "give the constant in float32, or fold it into a layer before it",
    )
}

/// The layer of products.
fn pushed(
    g: &mut Building,
    name: &str,
    c: &Channels,
    x_zero: i8,
    p: Products,
    float32: bool,
    unsigned: bool,
) -> Result<Value, Fail> {
    let shape = c.table.eight.shape.clone();
    let Some((map, order)) = c.layout.map(&shape) else { return wrong("a shape without a map") };
    let (groups, window, input) = (p.weights.len(), Window::POINT, c.table.eight.map);
    let op = Op::Conv { input, zero_point: x_zero, window, groups, weights: p.weights, bias: p.bias };
    let [lo, hi] = p.limits;
    let finish = Finish::Int8 { scales: p.scales, zero_point: p.zero_point, lo, hi, float32, rest: vec![] };
    Ok(Value::Eight(g.push(name, op, finish, shape, map, order, unsigned)))
}
