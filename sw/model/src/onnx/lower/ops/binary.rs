// SPDX-License-Identifier: Apache-2.0
//! Add, Sub, Mul, Div, PRelu, and com.microsoft's QLinearAdd and QLinearMul.

use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::{scale, zero_point};
use crate::onnx::fuse::bias::Bias;
use crate::onnx::fuse::by_channel::with_constants;
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::dequantized::values;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::on_sums;
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::tables::{map, of_values};
use crate::onnx::fuse::value::{Channels, Inputs, Pending, PendingKind, Real, Table, Value};
use crate::onnx::fuse::with_constant::{broadcast, compute, fusible, same_shape, scalar, scaled};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::channels::{of_table, quantised};
use crate::onnx::lower::requantise::{linearised, quantize_integers, quantize_table};
use crate::onnx::lower::two::{add, common, constant_map, mul, narrow, negated};
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// Between DequantizeLinear and QuantizeLinear.
pub fn float(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    binary(g, node, node.op(), inputs)
}

/// com.microsoft.QLinearAdd and QLinearMul: each operand with scale and zero point behind it, then those of the result.
pub fn qlinear(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let real = |i: usize| values(node, &inputs[i.min(inputs.len())..(i + 3).min(inputs.len())]).map(Some);
    let operands = [real(0)?, real(3)?];
    let (scale, zero) = (scale(inputs, 6)?, zero_point(inputs, 7)?);
    match binary(g, node, node.op().trim_start_matches("QLinear"), &operands)? {
        Value::Real(Real::Pending(p)) => quantize_integers(g, node, Pending::clone(&p), scale, &zero),
        Value::Real(Real::Table(t)) => quantize_table(g, node, &t, scale, &zero),
        Value::Real(Real::Channels(c)) => quantised(g, node, &c, scale, &zero),
        other => Ok(other),
    }
}

/// Add, Sub, Mul, Div.
fn binary(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Value, Fail> {
    let (a, b) = (any(inputs, 0)?, any(inputs, 1)?);
    match (a, b) {
        (Value::Real(Real::Table(t)), other) if scalar(other).is_some() => {
            let s = scalar(other).unwrap_or(0.0);
            let made = map(t, |v| Ok(compute(op, v, s)))?.with_error(scaled(t, op, s, true));
            same_shape(t, other)?;
            Ok(Value::Real(Real::Table(Table { scalar: fusible(op, t, other, None), ..made })))
        }
        (_, Value::Real(Real::Table(_))) if op == "PRelu" => {
            unsupported("a slope that is computed by the graph", "make it an initialiser")
        }
        (other, Value::Real(Real::Table(t))) if scalar(other).is_some() => {
            let s = scalar(other).unwrap_or(0.0);
            let made = map(t, |v| Ok(compute(op, s, v)))?.with_error(scaled(t, op, s, false));
            same_shape(t, other)?;
            Ok(Value::Real(Real::Table(Table { scalar: fusible(op, t, other, None), ..made })))
        }
        (Value::Real(Real::Table(t)), Value::Real(Real::Table(u)))
            if t.eight.map == u.eight.map && t.eight.place == u.eight.place && t.eight.shape == u.eight.shape =>
        {
            // Two functions of the same codes.
            let (Some(x), Some(y)) = (t.values(), u.values()) else {
                return unsupported("codes with a scale for each channel", "quantise activations per tensor");
            };
            let (ex, ey) = (t.errors(), u.errors());
            let made =
                of_values(t, std::array::from_fn(|i| compute(op, x[i], y[i])))?.with_error(std::array::from_fn(|i| match op {
                    "Add" | "Sub" => ex[i] + ey[i],
                    "Mul" => ex[i] * y[i].abs() + ey[i] * x[i].abs(),
                    _ => (ex[i] + (x[i] / y[i]).abs() * ey[i]) / y[i].abs(),
                }));
            Ok(Value::Real(Real::Table(Table { scalar: fusible(op, t, b, None), ..made })))
        }
        (Value::Real(Real::Table(t)), Value::Real(Real::Table(u))) if common(g, t, u).is_some() => {
            let Some((eight, x, y)) = common(g, t, u) else { return wrong("no common codes") };
            let (Some(of_t), Some(of_u)) = (x.values(t), y.values(u)) else {
                return unsupported("codes with a scale for each channel", "quantise activations per tensor");
            };
            let made = std::array::from_fn(|i| compute(op, of_t[i].0, of_u[i].0));
            let errors = std::array::from_fn(|i| match op {
                "Add" | "Sub" => of_t[i].1 + of_u[i].1,
                "Mul" => of_t[i].1 * of_u[i].0.abs() + of_u[i].1 * of_t[i].0.abs(),
                _ => (of_t[i].1 + (of_t[i].0 / of_u[i].0).abs() * of_u[i].1) / of_u[i].0.abs(),
            });
            let base = Table { eight, ..t.clone() };
            let made = of_values(&base, made)?.with_error(errors);
            // A code that may be one off makes the product doubtful, fused or not.
            let sure = errors.iter().all(|&e| e == 0.0);
            let scalar =
                fusible(op, t, b, Some([&x.table, &y.table])).filter(|_| sure || x.doubtful.is_empty() && y.doubtful.is_empty());
            Ok(Value::Real(Real::Table(Table { scalar, ..made })))
        }
        (Value::Real(Real::Table(t)), Value::Real(Real::Table(u))) if op == "Add" => {
            let (t, u) = (linearised(g, node, t)?, linearised(g, node, u)?);
            Ok(Value::Real(Real::Pending(Rc::new(add(g, &node.name, &t, &u)?))))
        }
        (Value::Real(Real::Table(t)), Value::Real(Real::Table(u))) if op == "Mul" => {
            Ok(Value::Real(Real::Pending(Rc::new(mul(g, t, u)?))))
        }
        (Value::Real(Real::Table(t)), Value::Real(Real::Table(u))) if op == "Sub" => {
            let (t, u) = (linearised(g, node, t)?, linearised(g, node, u)?);
            let u = negated(g, node, &u);
            Ok(Value::Real(Real::Pending(Rc::new(Pending { fuse: Fuse::Never, ..add(g, &node.name, &t, &u)? }))))
        }
        (Value::Real(Real::Table(t)), Value::Real(Real::Const(c))) if matches!(op, "Add" | "Sub") && c.shape == t.eight.shape => {
            let constant = constant_map(g, node, t, c)?;
            let t = linearised(g, node, t)?;
            let constant = if op == "Sub" { negated(g, node, &constant) } else { constant };
            let sum = add(g, &node.name, &t, &constant)?;
            let fuse = if op == "Sub" { Fuse::Never } else { narrow(c, sum.fuse) };
            Ok(Value::Real(Real::Pending(Rc::new(Pending { fuse, ..sum }))))
        }
        (Value::Real(Real::Const(c)), Value::Real(Real::Table(t))) if matches!(op, "Add" | "Sub") && c.shape == t.eight.shape => {
            let constant = constant_map(g, node, t, c)?;
            let t = linearised(g, node, t)?;
            let t = if op == "Sub" { negated(g, node, &t) } else { t };
            let sum = add(g, &node.name, &constant, &t)?;
            let fuse = if op == "Sub" { Fuse::Never } else { narrow(c, sum.fuse) };
            Ok(Value::Real(Real::Pending(Rc::new(Pending { fuse, ..sum }))))
        }
        (Value::Real(Real::Pending(p)), constant @ (Value::Const(_) | Value::Real(Real::Const(_))))
        | (constant @ (Value::Const(_) | Value::Real(Real::Const(_))), Value::Real(Real::Pending(p)))
            if op == "Add" && p.clip == Clip::NONE && matches!(p.kind, PendingKind::Conv(_)) =>
        {
            let bias = Bias::of(constant)?;
            // MatMul with an int32 constant is one product with a bias for ONNX Runtime; of a convolution, or a product that
            // has one already, it is a float32 sum.
            let PendingKind::Conv(c) = &p.kind else { return wrong("no sums") };
            let joins = c.bare_matmul && matches!(bias.element, ElementType::Int32 | ElementType::Float32);
            let mut sum = p.plus(&bias)?;
            if let PendingKind::Conv(c) = &mut sum.kind {
                c.bare_matmul = false;
            }
            sum.fuse = if joins { p.fuse } else { Fuse::Never };
            Ok(Value::Real(Real::Pending(Rc::new(sum))))
        }
        (Value::Real(Real::Pending(_)), _) | (_, Value::Real(Real::Pending(_))) => match on_sums::binary(op, a, b)? {
            Some(value) => Ok(value),
            None => unsupported(
                "one operand is a float32 result that is not quantised",
                "put QuantizeLinear and DequantizeLinear before it",
            ),
        },
        (Value::Eight(_) | Value::Sums(_), _) | (_, Value::Eight(_) | Value::Sums(_)) => {
            unsupported(format!("{op} on integer tensors"), "put it between DequantizeLinear and QuantizeLinear")
        }
        _ if node.inputs().count() < 2 => wrong("an operand is missing"),
        _ => match by_channel(g, node, op, inputs)? {
            Some(value) => Ok(value),
            None => match wider(op, a, b) {
                Some(operands) => binary(g, node, op, &operands),
                None => unsupported(
                    format!("{op} of these operands"),
                    match op {
                        "Div" => {
                            "Div takes a constant; a normalisation by its parts divides by the root of the mean of squares and a constant"
                        }
                        _ => "an Add takes two dequantised tensors; Sub, Mul and Div one and a constant, or one for each channel",
                    },
                ),
            },
        },
    }
}

/// The operands of a sum or difference with a constant that broadcasts to the tensor, with all of the constant.
fn wider(op: &str, a: &Value, b: &Value) -> Option<[Option<Value>; 2]> {
    let (t, c, first) = match (a, b) {
        (Value::Real(Real::Table(t)), Value::Real(Real::Const(c))) => (t, c, false),
        (Value::Real(Real::Const(c)), Value::Real(Real::Table(t))) => (t, c, true),
        _ => return None,
    };
    let (full, single) = broadcast(c, &t.eight.shape)?;
    let (t, full) = (Some(Value::Real(Real::Table(t.clone()))), Some(Value::Real(Real::Const(full))));
    match (op, first) {
        // A constant that is one number where ONNX Runtime's inner loop goes is its second operand.
        ("Add", true) if !single => Some([full, t]),
        ("Sub", true) => Some([full, t]),
        ("Add" | "Sub", _) => Some([t, full]),
        _ => None,
    }
}

/// Add, Sub, Mul, Div or PRelu of dequantised codes, or of what is a function of them by channel, and a constant for each channel;
/// `None`: other operands.
fn by_channel(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Option<Value>, Fail> {
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
            (of_table(g, node, t, values)?, t.linear())
        }
        _ => return Ok(None),
    };
    with_constants(op, before, fresh, constant, first)
}
