// SPDX-License-Identifier: Apache-2.0
//! Functions of one number, ONNX 1.17: each is a row here, and becomes a table of codes. Between DequantizeLinear and QuantizeLinear
//! ONNX Runtime computes them in float32 and fuses nothing.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::constant;
use crate::onnx::fuse::value::Inputs;
use crate::onnx::parse::node::Node;

/// How far ONNX Runtime's float32 value may be from the right one.
#[derive(Clone, Copy, PartialEq)]
enum Off {
    /// It has one value in float32, however it is computed.
    Nothing,
    /// Its kernel's rational approximation is off by some units in the last place of 1.
    Units,
    /// The same times the operand, which it is multiplied by.
    TimesX,
}
use Off::{Nothing, TimesX, Units};

/// Value of a node's function of a number.
type Function = fn(&Node, Inputs, f32) -> Result<f32, Fail>;

/// A function: its operator, whether com.microsoft has it too, its error, its value.
struct Row(&'static str, bool, Off, Function);

/// Computed in float64, then rounded.
fn wide(v: f32, f: impl Fn(f64) -> f64) -> Result<f32, Fail> {
    Ok(f(f64::from(v)) as f32)
}

const FUNCTIONS: [Row; 28] = [
    Row("Relu", false, Nothing, |_, _, v| Ok(if v < 0.0 { 0.0 } else { v })), // -0 stays
    Row("LeakyRelu", false, Nothing, |n, _, v| Ok(if v < 0.0 { v * n.float("alpha", 0.01) } else { v })),
    Row("Clip", false, Nothing, |n, inputs, v| {
        Ok(v.max(bound(n, inputs, 1, "min", f32::MIN)?).min(bound(n, inputs, 2, "max", f32::MAX)?))
    }),
    Row("Abs", false, Nothing, |_, _, v| Ok(v.abs())),
    Row("Neg", false, Nothing, |_, _, v| Ok(-v)),
    Row("Floor", false, Nothing, |_, _, v| Ok(v.floor())),
    Row("Ceil", false, Nothing, |_, _, v| Ok(v.ceil())),
    Row("Round", false, Nothing, |_, _, v| Ok(v.round_ties_even())),
    Row("Sign", false, Nothing, |_, _, v| Ok(if v == 0.0 { 0.0 } else { v.signum() })),
    Row("HardSigmoid", false, Nothing, |n, _, v| Ok((n.float("alpha", 0.2) * v + n.float("beta", 0.5)).clamp(0.0, 1.0))),
    Row("HardSwish", false, Nothing, |_, _, v| Ok(v * (v * (1.0 / 6.0) + 0.5).clamp(0.0, 1.0))),
    Row("Softsign", false, Nothing, |_, _, v| Ok(v * (1.0 / (1.0 + v.abs())))),
    Row("Sqrt", false, Nothing, |_, _, v| wide(v, f64::sqrt)),
    Row("Sigmoid", false, Units, |_, _, v| wide(v, logistic)),
    Row("Tanh", false, Units, |_, _, v| wide(v, f64::tanh)),
    Row("Exp", false, Units, |_, _, v| wide(v, f64::exp)),
    Row("Log", false, Units, |_, _, v| wide(v, f64::ln)),
    Row("Reciprocal", false, Units, |_, _, v| wide(v, |x| 1.0 / x)),
    Row("Erf", false, Units, |_, _, v| wide(v, libm::erf)),
    Row("Elu", false, Units, |n, _, v| wide(v, |x| if x < 0.0 { f64::from(n.float("alpha", 1.0)) * x.exp_m1() } else { x })),
    Row("Selu", false, Units, |n, _, v| {
        let (alpha, gamma) = (f64::from(n.float("alpha", 1.673_263_2)), f64::from(n.float("gamma", 1.050_701)));
        wide(v, |x| gamma * if x <= 0.0 { alpha * x.exp_m1() } else { x })
    }),
    Row("Softplus", false, Units, |_, _, v| wide(v, |x| x.max(0.0) + (-x.abs()).exp().ln_1p())),
    Row("Mish", false, TimesX, |_, _, v| wide(v, |x| x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh())),
    Row("Gelu", true, TimesX, |n, _, v| {
        let tanh = n.text("approximate") == "tanh";
        wide(v, |x| if tanh { gelu_by_tanh(x) } else { 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)) })
    }),
    Row("FastGelu", true, TimesX, |_, _, v| wide(v, gelu_by_tanh)),
    Row("QuickGelu", true, TimesX, |n, _, v| wide(v, |x| x * logistic(f64::from(n.float("alpha", 1.702)) * x))),
    Row("Sin", false, Units, |_, _, v| wide(v, f64::sin)),
    Row("Cos", false, Units, |_, _, v| wide(v, f64::cos)),
];

/// Pow by a constant exponent takes two inputs, so it is none of the rows.
fn pow(inputs: Inputs, v: f32) -> Result<f32, Fail> {
    let exponent = constant(inputs, 1)?.filter(|a| a.len() == 1).and_then(|a| a.floats().map(|f| f[0]));
    let Some(exponent) = exponent else { return unsupported("an exponent that is no float32 scalar", "") };
    wide(v, |x| x.powf(exponent.into()))
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn gelu_by_tanh(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())
}

/// A limit of Clip: an input, or an attribute in old opsets.
fn bound(node: &Node, inputs: Inputs, i: usize, name: &str, default: f32) -> Result<f32, Fail> {
    match constant(inputs, i)? {
        Some(a) => a.floats().and_then(|f| f.first()).copied().ok_or_else(|| Fail::Wrong(format!("{name} is no float32 scalar"))),
        None => Ok(node.float(name, default)),
    }
}

fn row(op: &str) -> Option<&'static Row> {
    FUNCTIONS.iter().find(|row| row.0 == op)
}

/// Whether an operator of a domain is a function of one number.
pub fn is_function(domain: &str, op: &str) -> bool {
    match domain {
        "" => op == "Pow" || row(op).is_some(),
        _ => row(op).is_some_and(|row| row.1),
    }
}

/// The function of an operator, of a number.
///
/// # Errors
/// An operator that is none; attributes and constants that are not read.
pub fn value(node: &Node, op: &str, inputs: Inputs, v: f32) -> Result<f32, Fail> {
    match row(op) {
        Some(Row(.., function)) => function(node, inputs, v),
        None if op == "Pow" => pow(inputs, v),
        None => unsupported(format!("{op} is not compiled"), "end the graph before it, and compute it on the host"),
    }
}

/// How far from `y`, the function of `x`, ONNX Runtime's value may be; `before`: how far `x` may be off.
pub fn error_of(op: &str, x: f32, y: f32, before: f32) -> f32 {
    let own = match row(op).map_or(Units, |row| row.2) {
        Nothing => 0.0,
        Units => 1e-6 * y.abs() + 3e-7,
        TimesX => 1e-6 * y.abs() + 3e-7 * x.abs().max(1.0),
    };
    own + 4.0 * before
}

/// What Relu and Clip let through.
///
/// # Errors
/// A limit that is NaN, or computed by the graph.
pub fn limits(node: &Node, op: &str, inputs: Inputs) -> Result<Option<[f32; 2]>, Fail> {
    if !matches!(op, "Relu" | "Clip") {
        return Ok(None);
    }
    // Both keep order, so the ends say it; a missing limit is the largest number.
    let (lo, hi) = (value(node, op, inputs, f32::MIN)?, value(node, op, inputs, f32::MAX)?);
    if lo.is_nan() || hi.is_nan() {
        return wrong("a limit is NaN");
    }
    Ok(Some([if lo == f32::MIN { f32::NEG_INFINITY } else { lo }, if hi == f32::MAX { f32::INFINITY } else { hi }]))
}
