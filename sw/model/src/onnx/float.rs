// SPDX-License-Identifier: Apache-2.0
//! float32 operators between DequantizeLinear and QuantizeLinear. What depends on one code only becomes a
//! table; a sum of two tensors becomes an add.

use super::import::Building;
use super::node::{Fail, Node, unsupported, wrong};
use super::ops::{Inputs, any, constant};
use super::value::{Pending, PendingKind, Real, Table, TableKind, Value};
use crate::graph::{Finish, Op};
use std::rc::Rc;

/// A table of `f` of every value.
pub(super) fn map(t: &Table, f: impl Fn(f32) -> Result<f32, Fail>) -> Result<Table, Fail> {
    let Some(values) = t.values() else {
        return unsupported("codes with a scale for each channel", "quantise activations per tensor");
    };
    let mut made = [0f32; 256];
    for (m, v) in made.iter_mut().zip(values) {
        *m = f(v)?;
    }
    if made.iter().any(|v| v.is_nan()) {
        return unsupported("it gives NaN for some codes", "quantise its input to a range where it is defined");
    }
    Ok(Table { eight: t.eight.clone(), kind: TableKind::Values(Rc::new(made)) })
}

/// The function of an element-wise operator with one operand, ONNX 1.17.
pub(super) fn function(node: &Node, op: &str, inputs: Inputs, v: f32) -> Result<f32, Fail> {
    let x = f64::from(v);
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let bound = |i: usize, name: &str, default: f32| -> Result<f32, Fail> {
        match constant(inputs, i)? {
            Some(a) => {
                a.floats().and_then(|f| f.first()).copied().ok_or_else(|| Fail::Wrong(format!("{name} is no float32 scalar")))
            }
            None => Ok(node.float(name, default)),
        }
    };
    let y: f64 = match op {
        "Relu" => return Ok(v.max(0.0)),
        "LeakyRelu" => return Ok(if v < 0.0 { v * node.float("alpha", 0.01) } else { v }),
        "Clip" => return Ok(v.min(bound(2, "max", f32::MAX)?).max(bound(1, "min", f32::MIN)?)),
        "Abs" => return Ok(v.abs()),
        "Neg" => return Ok(-v),
        "Floor" => return Ok(v.floor()),
        "Ceil" => return Ok(v.ceil()),
        "Round" => return Ok(v.round_ties_even()),
        "Sign" => return Ok(if v == 0.0 { 0.0 } else { v.signum() }),
        "HardSigmoid" => return Ok((node.float("alpha", 0.2) * v + node.float("beta", 0.5)).clamp(0.0, 1.0)),
        "HardSwish" => return Ok(v * (v / 6.0 + 0.5).clamp(0.0, 1.0)),
        "Sigmoid" => logistic(x),
        "Tanh" => x.tanh(),
        "Exp" => x.exp(),
        "Log" => x.ln(),
        "Sqrt" => x.sqrt(),
        "Reciprocal" => 1.0 / x,
        "Erf" => libm::erf(x),
        "Elu" => {
            if x < 0.0 {
                f64::from(node.float("alpha", 1.0)) * x.exp_m1()
            } else {
                x
            }
        }
        "Selu" => {
            let (alpha, gamma) = (node.float("alpha", 1.673_263_2), node.float("gamma", 1.050_701));
            f64::from(gamma) * if x <= 0.0 { f64::from(alpha) * x.exp_m1() } else { x }
        }
        "Softplus" => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        "Softsign" => x / (1.0 + x.abs()),
        "Mish" => x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh(),
        "Gelu" if node.text("approximate") != "tanh" => 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        "Gelu" | "FastGelu" => 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh()),
        "QuickGelu" => x * logistic(f64::from(node.float("alpha", 1.702)) * x),
        "Sin" => x.sin(),
        "Cos" => x.cos(),
        "Pow" => {
            let exponent = constant(inputs, 1)?.filter(|a| a.len() == 1).and_then(|a| a.floats().map(|f| f[0]));
            let Some(exponent) = exponent else { return unsupported("an exponent that is no float32 scalar", "") };
            x.powf(exponent.into())
        }
        op => return unsupported(format!("{op} is not compiled"), "end the graph before it, and compute it on the host"),
    };
    Ok(y as f32)
}

/// An element-wise operator with one operand.
pub(super) fn unary(node: &Node, op: &str, inputs: Inputs) -> Result<Value, Fail> {
    match any(inputs, 0)? {
        Value::Real(Real::Table(t)) => Ok(Value::Real(Real::Table(map(t, |v| function(node, op, inputs, v))?))),
        Value::Real(Real::Pending(p)) if matches!(op, "Relu" | "Clip") => {
            // Both keep order, so they may be applied to the ends of the range.
            let mut p = Pending::clone(p);
            let ends = [p.lo, p.hi].map(|v| v.clamp(f32::MIN, f32::MAX));
            let (lo, hi) = (function(node, op, inputs, ends[0])?, function(node, op, inputs, ends[1])?);
            p.lo = if lo == f32::MIN { f32::NEG_INFINITY } else { lo };
            p.hi = if hi == f32::MAX { f32::INFINITY } else { hi };
            Ok(Value::Real(Real::Pending(Rc::new(p))))
        }
        Value::Real(Real::Pending(_)) => unsupported(
            "its input is a float32 result that is not quantised",
            "put QuantizeLinear and DequantizeLinear before it",
        ),
        Value::Real(Real::Input(_)) => {
            unsupported("its input is the graph's float32 input", "begin with QuantizeLinear and DequantizeLinear")
        }
        Value::Const(_) | Value::Real(Real::Const { .. }) => {
            unsupported("a function of a constant", "fold it (onnxsim, or ONNX Runtime's optimiser)")
        }
        Value::Eight(_) | Value::Sums(_) => {
            unsupported(format!("{op} on integer tensors"), "put it between DequantizeLinear and QuantizeLinear")
        }
        Value::Unknown => wrong("its input is unknown"),
    }
}

/// One float32 number, where a constant is one.
fn scalar(v: &Value) -> Option<f32> {
    match v {
        Value::Const(a) if a.len() == 1 => a.floats().map(|f| f[0]),
        Value::Real(Real::Const { ints, scales, .. }) if ints.len() == 1 && scales.len() == 1 => Some(ints[0] as f32 * scales[0]),
        _ => None,
    }
}

/// Add, Sub, Mul, Div.
pub(super) fn binary(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Value, Fail> {
    let compute = |x: f32, y: f32| match op {
        "Add" => x + y,
        "Sub" => x - y,
        "Mul" => x * y,
        _ => x / y,
    };
    let (a, b) = (any(inputs, 0)?, any(inputs, 1)?);
    match (a, b) {
        (Value::Real(Real::Table(t)), other) if scalar(other).is_some() => {
            let s = scalar(other).unwrap_or(0.0);
            Ok(Value::Real(Real::Table(map(t, |v| Ok(compute(v, s)))?)))
        }
        (other, Value::Real(Real::Table(t))) if scalar(other).is_some() => {
            let s = scalar(other).unwrap_or(0.0);
            Ok(Value::Real(Real::Table(map(t, |v| Ok(compute(s, v)))?)))
        }
        (Value::Real(Real::Table(t)), Value::Real(Real::Table(u)))
            if t.eight.map == u.eight.map && t.eight.place == u.eight.place && t.eight.shape == u.eight.shape =>
        {
            // Two functions of the same codes.
            let (Some(x), Some(y)) = (t.values(), u.values()) else {
                return unsupported("codes with a scale for each channel", "quantise activations per tensor");
            };
            let made: [f32; 256] = std::array::from_fn(|i| compute(x[i], y[i]));
            if made.iter().any(|v| v.is_nan()) {
                return unsupported("it gives NaN for some codes", "quantise its input to a range where it is defined");
            }
            Ok(Value::Real(Real::Table(Table { eight: t.eight.clone(), kind: TableKind::Values(Rc::new(made)) })))
        }
        (Value::Real(Real::Table(t)), Value::Real(Real::Table(u))) if op == "Add" => {
            Ok(Value::Real(Real::Pending(Rc::new(add(g, t, u)?))))
        }
        (Value::Real(Real::Table(t)), Value::Real(Real::Const { shape, ints, scales, .. }))
        | (Value::Real(Real::Const { shape, ints, scales, .. }), Value::Real(Real::Table(t)))
            if op == "Add" && *shape == t.eight.shape && scales.len() == 1 =>
        {
            let constant = constant_map(g, node, t, ints, scales[0])?;
            Ok(Value::Real(Real::Pending(Rc::new(add(g, t, &constant)?))))
        }
        (Value::Real(Real::Pending(p)), constant) | (constant, Value::Real(Real::Pending(p))) if op == "Add" => {
            let PendingKind::Conv(c) = &p.kind else {
                return unsupported(
                    "one operand is a float32 result that is not quantised",
                    "put QuantizeLinear and DequantizeLinear before it",
                );
            };
            if p.lo != f32::NEG_INFINITY
                || p.hi != f32::INFINITY
                || !matches!(constant, Value::Const(_) | Value::Real(Real::Const { .. }))
            {
                return unsupported(
                    "one operand is a float32 result that is not quantised",
                    "put QuantizeLinear and DequantizeLinear before it",
                );
            }
            let more = bias(constant, 1.0, &c.scales)?;
            let outputs = c.bias.len();
            if more.len() != 1 && more.len() != outputs {
                return unsupported(
                    format!("a constant of {} elements is added to {outputs} channels", more.len()),
                    "add a bias by channel",
                );
            }
            let bias = c.bias.iter().enumerate().map(|(n, b)| b.wrapping_add(more[n % more.len()])).collect();
            let mut c = c.clone();
            c.bias = Rc::new(bias);
            Ok(Value::Real(Real::Pending(Rc::new(Pending { kind: PendingKind::Conv(c), ..Pending::clone(p) }))))
        }
        (Value::Eight(_) | Value::Sums(_), _) | (_, Value::Eight(_) | Value::Sums(_)) => {
            unsupported(format!("{op} on integer tensors"), "put it between DequantizeLinear and QuantizeLinear")
        }
        _ if node.inputs().count() < 2 => wrong("an operand is missing"),
        _ => unsupported(
            format!("{op} of these operands"),
            "an Add takes two dequantised tensors; Sub, Mul and Div a tensor and a scalar",
        ),
    }
}

/// A constant tensor as a map of the layout of `like`. It is made by biases, of which each channel has one: so
/// an input that has no layout yet becomes one pixel.
fn constant_map(g: &mut Building, node: &Node, like: &Table, ints: &[i32], scale: f32) -> Result<Table, Fail> {
    let flat: Vec<u32> = (0..ints.len() as u32).collect();
    let order = if g.view(&like.eight, [1, 1, ints.len()], &flat).is_some() { flat } else { g.places(&like.eight) };
    let (least, most) = (ints.iter().min().copied().unwrap_or(0), ints.iter().max().copied().unwrap_or(0));
    let zero_point = if least < -128 { -128 - least } else { (127 - most).min(0) };
    let codes: Option<Vec<i8>> = order.iter().map(|&place| i8::try_from(ints[place as usize] + zero_point).ok()).collect();
    let (Some(codes), Ok(zero_point)) = (codes, i8::try_from(zero_point)) else {
        return unsupported("the constant is wider than 8 bits", "quantise it to int8 or uint8");
    };
    let map = g.maps[like.eight.map].shape;
    let finish = Finish::Codes { lo: -128, hi: 127 };
    let shape = like.eight.shape.clone();
    let eight = g.push(&format!("{} (constant)", node.name), Op::Constant { codes }, finish, shape, map, order, false);
    Ok(Table { eight, kind: TableKind::Linear { scales: Rc::new(vec![scale]), zero_points: Rc::new(vec![zero_point]), axis: 0 } })
}

/// The sum of two dequantised tensors of one shape.
pub(super) fn add(g: &mut Building, t: &Table, u: &Table) -> Result<Pending, Fail> {
    if t.eight.shape != u.eight.shape {
        return unsupported(format!("shapes {:?} and {:?} are added", t.eight.shape, u.eight.shape), "add tensors of one shape");
    }
    // The one with a layout decides it for an input that has none yet.
    let (first, second) = if t.eight.map == 0 { (u, t) } else { (t, u) };
    g.settle(&first.eight);
    let order = g.places(&first.eight);
    let map = g.maps[first.eight.map].shape;
    if g.view(&second.eight, map, &order).is_none() {
        return unsupported(
            "its operands lie in memory in different orders",
            "remove the Reshape or Transpose before one of them",
        );
    }
    let (a, b) = (super::ops::operand(g, t)?, super::ops::operand(g, u)?);
    Ok(Pending {
        kind: PendingKind::Add { a, b },
        shape: t.eight.shape.clone(),
        map,
        order: Rc::new(order),
        lo: f32::NEG_INFINITY,
        hi: f32::INFINITY,
    })
}

/// A constant as an int32 bias: the scale of DequantizeLinear must be that of the sums.
pub(super) fn bias(value: &Value, x_scale: f32, w_scales: &[f32]) -> Result<Vec<i32>, Fail> {
    let Value::Real(Real::Const { ints, scales, .. }) = value else {
        return match value {
            Value::Const(a) if a.floats().is_some_and(|f| f.iter().all(|&v| v == 0.0)) => Ok(vec![0]),
            Value::Const(_) => unsupported(
                "a float32 bias",
                "quantise it to int32 with the scale x_scale * w_scale, as ONNX Runtime's quantiser does",
            ),
            _ => unsupported("a bias that is computed by the graph", "make it an initialiser"),
        };
    };
    let most = scales.len().max(w_scales.len());
    let same = (0..most).all(|i| {
        let (s, expected) = (scales[i % scales.len()], x_scale * w_scales[i % w_scales.len()]);
        (s - expected).abs() <= 1e-6 * expected
    });
    let lengths = scales.len() == 1 || w_scales.len() == 1 || scales.len() == w_scales.len();
    if !same || !lengths {
        return unsupported("the scale of the bias is not x_scale * w_scale", "quantise the bias with that scale");
    }
    Ok(ints.to_vec())
}
