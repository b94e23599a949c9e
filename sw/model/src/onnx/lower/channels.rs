// SPDX-License-Identifier: Apache-2.0
//! Values by channel and code when they are quantised: each channel becomes a product with one weight, a bias and a scale that give the
//! right code for all 256. They are searched for, and where there are none the layer is refused.

use crate::graph::{Finish, Op, Operand, SumRounding, Window};
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::{ZeroPoints, result_zero};
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::scalar::{Scalar, ScalarOp, Side};
use crate::onnx::fuse::value::{Channels, Eight, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::layout_of;
use crate::onnx::parse::node::Node;
use crate::quantise;

/// Values of a table for every channel of its map, which lies in a layout then.
///
/// # Errors
/// A tensor that lies in none.
pub fn of_table(g: &mut Building, node: &Node, t: &Table, values: [f32; 256]) -> Result<Channels, Fail> {
    let mut t = t.clone();
    let layout = layout_of(g, node, &mut t.eight)?;
    let channels = g.maps[t.eight.map].shape[2];
    let values = vec![values; channels];
    Ok(Channels { table: t, layout, values, fused: None, swapped: false, bent: false, clip: Clip::NONE })
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
pub fn quantised(g: &mut Building, node: &Node, c: &Channels, scale: f32, zero: &ZeroPoints) -> Result<Value, Fail> {
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
