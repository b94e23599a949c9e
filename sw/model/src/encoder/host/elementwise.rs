// SPDX-License-Identifier: Apache-2.0
//! Operators element by element. Functions by float64 and rounded.

use super::tensor::{Kind, Tensor, broadcast, pairs};
use super::{Inputs, input, number, optional};
use crate::onnx::parse::node::Node;

/// The result of an operator of these; `None`: another operator.
///
/// # Errors
/// Inputs that contradict ONNX.
pub fn run(node: &Node, x: Inputs) -> Result<Option<Tensor>, String> {
    let op = node.op();
    if let Some(f) = function(node, op) {
        let t = input(x, 0)?;
        let whole = |f: fn(i64) -> i64, v: Vec<i64>| Tensor::ints(t.shape.clone(), t.kind, v.into_iter().map(f).collect());
        return Ok(Some(match (t.as_ints(), op) {
            (Some(v), "Neg") => whole(i64::wrapping_neg, v),
            (Some(v), "Abs") => whole(i64::wrapping_abs, v),
            (Some(v), "Sign") => whole(i64::signum, v),
            (Some(v), "Relu") => whole(|v| v.max(0), v),
            _ => mapped(t, f),
        }));
    }
    match op {
        "Cast" => cast(input(x, 0)?, node.int("to", 1)).map(Some),
        "CastLike" => Ok(Some(to_kind(input(x, 0)?, input(x, 1)?.kind))),
        "Not" => {
            let t = input(x, 0)?;
            let v = t.as_ints().ok_or("Not of float32")?;
            Ok(Some(Tensor::bools(t.shape.clone(), v.iter().map(|&v| v == 0).collect())))
        }
        "IsNaN" | "IsInf" => {
            let t = input(x, 0)?;
            let test = if op == "IsNaN" { f32::is_nan } else { f32::is_infinite };
            Ok(Some(Tensor::bools(t.shape.clone(), t.to_floats().into_iter().map(test).collect())))
        }
        "Clip" => {
            let t = input(x, 0)?;
            if let Some(v) = t.as_ints() {
                let limit =
                    |i: usize, or: i64| optional(x, i).and_then(Tensor::as_ints).and_then(|l| l.first().copied()).unwrap_or(or);
                let (lo, hi) = (limit(1, i64::MIN), limit(2, i64::MAX));
                return Ok(Some(Tensor::ints(t.shape.clone(), t.kind, v.iter().map(|&v| v.max(lo).min(hi)).collect())));
            }
            let (lo, hi) = (number(node, x, 1, "min", f32::MIN), number(node, x, 2, "max", f32::MAX));
            let clip = |v: f32| if v.is_nan() { v } else { v.max(lo).min(hi) };
            Ok(Some(Tensor::floats(t.shape.clone(), t.to_floats().into_iter().map(clip).collect())))
        }
        "Where" => choose(input(x, 0)?, input(x, 1)?, input(x, 2)?).map(Some),
        "BiasGelu" | "FastGelu" => {
            let t = input(x, 0)?;
            let t = match optional(x, 1) {
                Some(bias) => arithmetic("Add", t, bias)?,
                None => t.clone(),
            };
            Ok(Some(mapped(&t, Box::new(if op == "BiasGelu" { gelu } else { gelu_tanh }))))
        }
        "Max" | "Min" | "Sum" | "Mean" => {
            let mut made = input(x, 0)?.clone();
            for i in 1..x.len() {
                made = arithmetic(if op == "Mean" { "Add" } else { op }, &made, input(x, i)?)?;
            }
            if op == "Mean" {
                made = arithmetic("Div", &made, &Tensor::floats(vec![], vec![x.len() as f32]))?;
            }
            Ok(Some(made))
        }
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => compared(op, input(x, 0)?, input(x, 1)?).map(Some),
        "Mod" if node.int("fmod", 0) != 0 => arithmetic("Fmod", input(x, 0)?, input(x, 1)?).map(Some),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "And" | "Or" | "Xor" => {
            arithmetic(op, input(x, 0)?, input(x, 1)?).map(Some)
        }
        _ => Ok(None),
    }
}

fn mapped(t: &Tensor, f: Box<dyn Fn(f64) -> f64>) -> Tensor {
    Tensor::floats(t.shape.clone(), t.to_floats().iter().map(|&v| f(f64::from(v)) as f32).collect())
}

/// x Phi(x), Phi the normal distribution's cumulative function.
pub fn gelu(x: f64) -> f64 {
    x * 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// Gelu's approximation by tanh.
pub fn gelu_tanh(x: f64) -> f64 {
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + inner.tanh())
}

/// 1 / (1 + e^-x).
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A function of one number that an operator computes, its attributes filled in; `None`: it is no such operator.
pub fn function(node: &Node, op: &str) -> Option<Box<dyn Fn(f64) -> f64>> {
    let plain: fn(f64) -> f64 = match op {
        "Abs" => f64::abs,
        "Neg" => |v| -v,
        "Sqrt" => f64::sqrt,
        "Exp" => f64::exp,
        "Log" => f64::ln,
        "Erf" => libm::erf,
        "Tanh" => f64::tanh,
        "Sigmoid" => sigmoid,
        "Relu" => |v| if v < 0.0 { 0.0 } else { v },
        "Reciprocal" => |v| 1.0 / v,
        "Floor" => f64::floor,
        "Ceil" => f64::ceil,
        "Round" => f64::round_ties_even,
        "Sin" => f64::sin,
        "Cos" => f64::cos,
        "Sign" => |v| if v == 0.0 { 0.0 } else { v.signum() },
        "Softplus" => |v| if v > 30.0 { v } else { v.exp().ln_1p() },
        "Softsign" => |v| v / (1.0 + v.abs()),
        "HardSwish" => |v| v * (v / 6.0 + 0.5).clamp(0.0, 1.0),
        "Gelu" if node.text("approximate") == "tanh" => gelu_tanh,
        "Gelu" => gelu,
        _ => {
            let alpha = |default: f32| f64::from(node.float("alpha", default));
            return Some(match op {
                "QuickGelu" | "Swish" => {
                    let a = alpha(if op == "Swish" { 1.0 } else { 1.702 });
                    Box::new(move |v| v * sigmoid(a * v))
                }
                "LeakyRelu" => {
                    let a = alpha(0.01);
                    Box::new(move |v| if v < 0.0 { a * v } else { v })
                }
                "Elu" => {
                    let a = alpha(1.0);
                    Box::new(move |v| if v < 0.0 { a * v.exp_m1() } else { v })
                }
                "HardSigmoid" => {
                    let (a, b) = (alpha(0.2), f64::from(node.float("beta", 0.5)));
                    Box::new(move |v| (a * v + b).clamp(0.0, 1.0))
                }
                _ => return None,
            });
        }
    };
    Some(Box::new(plain))
}

/// A tensor as elements of another kind: float32 is cut towards zero.
fn to_kind(t: &Tensor, kind: Kind) -> Tensor {
    match (t.as_floats(), kind) {
        _ if t.kind == kind => t.clone(),
        (_, Kind::F32) => Tensor::floats(t.shape.clone(), t.to_floats()),
        (Some(v), Kind::Bool) => Tensor::bools(t.shape.clone(), v.iter().map(|&v| v != 0.0).collect()),
        (Some(v), _) => Tensor::ints(t.shape.clone(), kind, v.iter().map(|&v| v as i64).collect()),
        (None, _) => Tensor::ints(t.shape.clone(), kind, t.as_ints().unwrap_or_default()),
    }
}

fn cast(t: &Tensor, to: i64) -> Result<Tensor, String> {
    Ok(to_kind(t, Kind::from_code(to).ok_or_else(|| format!("a cast to element type {to} of onnx.proto"))?))
}

/// Where.
///
/// # Errors
/// Shapes that do not broadcast; two element types.
pub fn choose(when: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor, String> {
    if a.kind != b.kind {
        return Err("Where of two element types".into());
    }
    let to = broadcast(&[&when.shape, &a.shape, &b.shape])?;
    let truth = when.as_ints().ok_or("a condition of float32")?;
    let mut first = Vec::with_capacity(to.iter().product());
    pairs(&when.shape, &[], &to, |i, _| first.push(truth[i] != 0));
    let mut first = first.into_iter();
    if let (Some(x), Some(y)) = (a.as_floats(), b.as_floats()) {
        let mut made = Vec::with_capacity(first.len());
        pairs(&a.shape, &b.shape, &to, |i, j| made.push(if first.next() == Some(true) { x[i] } else { y[j] }));
        return Ok(Tensor::floats(to, made));
    }
    let (x, y) = (a.as_ints().unwrap_or_default(), b.as_ints().unwrap_or_default());
    let mut made = Vec::with_capacity(first.len());
    pairs(&a.shape, &b.shape, &to, |i, j| made.push(if first.next() == Some(true) { x[i] } else { y[j] }));
    Ok(Tensor::ints(to, a.kind, made))
}

fn compared(op: &str, a: &Tensor, b: &Tensor) -> Result<Tensor, String> {
    fn test<T: PartialOrd>(op: &str, a: T, b: T) -> bool {
        match op {
            "Equal" => a == b,
            "Greater" => a > b,
            "GreaterOrEqual" => a >= b,
            "Less" => a < b,
            _ => a <= b,
        }
    }
    let to = broadcast(&[&a.shape, &b.shape])?;
    let mut made = Vec::with_capacity(to.iter().product());
    match (a.as_ints(), b.as_ints()) {
        (Some(x), Some(y)) => pairs(&a.shape, &b.shape, &to, |i, j| made.push(test(op, x[i], y[j]))),
        _ => {
            let (x, y) = (a.to_floats(), b.to_floats());
            pairs(&a.shape, &b.shape, &to, |i, j| made.push(test(op, x[i], y[j])));
        }
    }
    Ok(Tensor::bools(to, made))
}

/// What an operator of two numbers computes; `None`: it is no such operator.
pub fn of_two(op: &str) -> Option<fn(f64, f64) -> f64> {
    Some(match op {
        "Add" | "Sum" => |a, b| a + b,
        "Sub" => |a, b| a - b,
        "Mul" => |a, b| a * b,
        "Div" => |a, b| a / b,
        "Pow" => f64::powf,
        "Max" => |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) },
        "Min" => |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) },
        "Fmod" => |a, b| a % b,
        _ => return None,
    })
}

/// An operator of two tensors that broadcast.
///
/// # Errors
/// Shapes that do not, and integers divided by 0.
pub fn arithmetic(op: &str, a: &Tensor, b: &Tensor) -> Result<Tensor, String> {
    let to = broadcast(&[&a.shape, &b.shape])?;
    let count = to.iter().product();
    if let (Some(x), Some(y)) = (a.as_ints(), b.as_ints()) {
        if matches!(op, "Div" | "Mod" | "Fmod") && y.contains(&0) {
            return Err("an integer divided by 0".into());
        }
        let f: fn(i64, i64) -> i64 = match op {
            "Add" | "Sum" => i64::wrapping_add,
            "Sub" => i64::wrapping_sub,
            "Mul" => i64::wrapping_mul,
            "Div" => i64::wrapping_div,
            "Fmod" => i64::wrapping_rem,
            "Mod" => |a, b| a.wrapping_rem(b).wrapping_add(b).wrapping_rem(b),
            "Pow" => |a, b| (a as f64).powf(b as f64) as i64,
            "Max" => i64::max,
            "Min" => i64::min,
            "And" => |a, b| a & b,
            "Or" => |a, b| a | b,
            "Xor" => |a, b| a ^ b,
            _ => return Err(format!("{op} of integers")),
        };
        let mut made = Vec::with_capacity(count);
        pairs(&a.shape, &b.shape, &to, |i, j| made.push(f(x[i], y[j])));
        return Ok(Tensor::ints(to, a.kind, made));
    }
    // A result by float64 rounded to float32 is float32's own for sums, products and quotients: 53 bits are more than twice 24 and 2.
    let f = of_two(op).ok_or_else(|| format!("{op} of float32"))?;
    let (x, y) = (a.to_floats(), b.to_floats());
    let mut made = Vec::with_capacity(count);
    pairs(&a.shape, &b.shape, &to, |i, j| made.push(f(f64::from(x[i]), f64::from(y[j])) as f32));
    Ok(Tensor::floats(to, made))
}
