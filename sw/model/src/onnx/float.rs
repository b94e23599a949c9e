// SPDX-License-Identifier: Apache-2.0
//! float32 operators between DequantizeLinear and QuantizeLinear. What depends on one code only becomes a
//! table; a sum of two tensors becomes an add.

use super::ElementType;
use super::broadcast::Bias;
use super::fuse::{Clip, Fuse, Scalar, ScalarOp, Side};
use super::import::Building;
use super::moves::Joined;
use super::node::{Fail, Node, unsupported, wrong};
use super::ops::{Inputs, any, constant};
use super::quantize::linearised;
use super::value::{Dequantised, Eight, Pending, PendingKind, Real, Table, TableKind, Value};
use crate::graph::{Finish, Op};
use std::rc::Rc;

/// Functions that have one value in float32, however they are computed.
const EXACT: [&str; 13] =
    ["Relu", "LeakyRelu", "Clip", "Abs", "Neg", "Floor", "Ceil", "Round", "Sign", "Sqrt", "HardSigmoid", "HardSwish", "Softsign"];

/// How far from `y` ONNX Runtime's kernel of a function may be: its rational approximations of Tanh, Erf and Exp are off by
/// some units in the last place of 1, and so is what is made of them.
fn error_of(op: &str, x: f32, y: f32, before: f32) -> f32 {
    // Functions that are x times such an approximation have its error x times.
    let times = if matches!(op, "Gelu" | "FastGelu" | "QuickGelu" | "Mish") { x.abs().max(1.0) } else { 1.0 };
    let own = if EXACT.contains(&op) { 0.0 } else { 1e-6 * y.abs() + 3e-7 * times };
    own + 4.0 * before
}

/// A table of the function of an element-wise operator, of every value.
pub(super) fn table_of(node: &Node, op: &str, inputs: Inputs, t: &Table) -> Result<Table, Fail> {
    let made = map(t, |v| function(node, op, inputs, v))?;
    let (x, y) = (t.values().unwrap_or([0.0; 256]), made.values().unwrap_or([0.0; 256]));
    let before = t.errors();
    Ok(made.with_error(std::array::from_fn(|i| error_of(op, x[i], y[i], before[i]))))
}

/// A table of `f` of every value.
pub(super) fn map(t: &Table, f: impl Fn(f32) -> Result<f32, Fail>) -> Result<Table, Fail> {
    let Some(values) = t.values() else {
        return unsupported("codes with a scale for each channel", "quantise activations per tensor");
    };
    let mut made = [0f32; 256];
    for (m, v) in made.iter_mut().zip(values) {
        *m = f(v)?;
    }
    of_values(t, made)
}

/// These values of a table's codes.
fn of_values(t: &Table, made: [f32; 256]) -> Result<Table, Fail> {
    if made.iter().any(|v| v.is_nan()) {
        return unsupported("it gives NaN for some codes", "quantise its input to a range where it is defined");
    }
    Ok(Table {
        eight: t.eight.clone(),
        kind: TableKind::Values(Rc::new(made)),
        scalar: None,
        error: None,
        vector: t.vector,
        grid: t.linear().or(t.grid),
        apart: true,
    })
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
        "Relu" => return Ok(if v < 0.0 { 0.0 } else { v }), // -0 stays
        "LeakyRelu" => return Ok(if v < 0.0 { v * node.float("alpha", 0.01) } else { v }),
        "Clip" => return Ok(v.max(bound(1, "min", f32::MIN)?).min(bound(2, "max", f32::MAX)?)),
        "Abs" => return Ok(v.abs()),
        "Neg" => return Ok(-v),
        "Floor" => return Ok(v.floor()),
        "Ceil" => return Ok(v.ceil()),
        "Round" => return Ok(v.round_ties_even()),
        "Sign" => return Ok(if v == 0.0 { 0.0 } else { v.signum() }),
        "HardSigmoid" => return Ok((node.float("alpha", 0.2) * v + node.float("beta", 0.5)).clamp(0.0, 1.0)),
        "HardSwish" => return Ok(v * (v * (1.0 / 6.0) + 0.5).clamp(0.0, 1.0)),
        "Softsign" => return Ok(v * (1.0 / (1.0 + v.abs()))),
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

/// What Relu and Clip let through.
pub(super) fn limits(node: &Node, op: &str, inputs: Inputs) -> Result<Option<[f32; 2]>, Fail> {
    if !matches!(op, "Relu" | "Clip") {
        return Ok(None);
    }
    // Both keep order, so the ends say it; a missing limit is the largest number.
    let (lo, hi) = (function(node, op, inputs, f32::MIN)?, function(node, op, inputs, f32::MAX)?);
    if lo.is_nan() || hi.is_nan() {
        return wrong("a limit is NaN");
    }
    Ok(Some([if lo == f32::MIN { f32::NEG_INFINITY } else { lo }, if hi == f32::MAX { f32::INFINITY } else { hi }]))
}

/// An element-wise operator with one operand.
pub(super) fn unary(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Value, Fail> {
    match any(inputs, 0)? {
        Value::Real(Real::Table(t)) => {
            let made = table_of(node, op, inputs, t)?;
            let clipped = match (t.scalar.clone().filter(|s| !s.moved), limits(node, op, inputs)?) {
                (Some(s), Some([lo, hi])) => Some(Scalar { clip: s.clip.then(lo, hi), ..s }),
                _ => None,
            };
            Ok(Value::Real(Real::Table(Table { scalar: clipped, ..made })))
        }
        Value::Real(Real::Pending(p)) if matches!(op, "Relu" | "Clip") => {
            let [lo, hi] = limits(node, op, inputs)?.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
            Ok(Value::Real(Real::Pending(Rc::new(Pending {
                clip: p.clip.then(lo, hi),
                fuse: if p.moved { Fuse::Never } else { p.fuse },
                ..Pending::clone(p)
            }))))
        }
        Value::Real(Real::Joined(joined)) => joined.through(|t| table_of(node, op, inputs, t)),
        Value::Real(Real::Channels(c)) if matches!(op, "Relu" | "Clip") => {
            let limits = limits(node, op, inputs)?.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
            Ok(super::affine::clipped(c, limits))
        }
        Value::Real(Real::Pending(_) | Real::Channels(_)) => unsupported(
            "its input is a float32 result that is not quantised",
            "put QuantizeLinear and DequantizeLinear before it",
        ),
        Value::Real(Real::Input(_)) => {
            unsupported("its input is the graph's float32 input", "begin with QuantizeLinear and DequantizeLinear")
        }
        Value::Const(_) | Value::Real(Real::Const(_)) => {
            unsupported("a function of a constant", "fold it (onnxsim, or ONNX Runtime's optimiser)")
        }
        Value::Eight(e) if op == "Relu" && g.opset >= 14 => {
            let zero = if e.unsigned { -128 } else { 0 };
            let table = Box::new(std::array::from_fn(|i| (i as u8 as i8).max(zero)));
            Ok(Value::Eight(super::quantize::lookup(g, node, e, table, vec![], e.unsigned)))
        }
        Value::Eight(e) if op == "Clip" => {
            let off = if e.unsigned { 128 } else { 0 };
            let bound = |i: usize| -> Result<Option<i64>, Fail> {
                Ok(constant(inputs, i)?.and_then(|a| a.integers()).and_then(|v| v.first().copied()))
            };
            let (lo, hi) = (bound(1)?, bound(2)?);
            let code = |i: u8| {
                let v = i64::from(i as i8) + off;
                (v.max(lo.unwrap_or(v)).min(hi.unwrap_or(v.max(lo.unwrap_or(v)))) - off).clamp(-128, 127) as i8
            };
            let table: Box<[i8; 256]> = Box::new(std::array::from_fn(|i| code(i as u8)));
            Ok(Value::Eight(super::quantize::lookup(g, node, e, table, vec![], e.unsigned)))
        }
        Value::Eight(_) | Value::Sums(_) => {
            unsupported(format!("{op} on integer tensors"), "put it between DequantizeLinear and QuantizeLinear")
        }
        Value::Unknown | Value::Foreign(_) | Value::Outside(_) => wrong("its input is unknown"),
    }
}

/// One float32 number, where a constant is one.
fn scalar(v: &Value) -> Option<f32> {
    match v {
        Value::Const(a) if a.len() == 1 => a.floats().map(|f| f[0]),
        Value::Real(Real::Const(c)) if c.ints.len() == 1 && c.scales.len() == 1 => Some(c.ints[0] as f32 * c.scales[0]),
        _ => None,
    }
}

/// The errors of a table's values, after an operator with a scalar.
fn scaled(t: &Table, op: &str, s: f32, first: bool) -> [f32; 256] {
    let (errors, values) = (t.errors(), t.values().unwrap_or([0.0; 256]));
    std::array::from_fn(|i| match op {
        "Add" | "Sub" => errors[i],
        "PRelu" => errors[i] * s.abs().max(1.0),
        "Mul" => errors[i] * s.abs(),
        _ if first => errors[i] / s.abs(),
        _ => errors[i] * s.abs() / (values[i] * values[i]),
    })
}

/// The operator on codes and a scalar, on the same codes twice, or on codes that depend on one as `chains` say, that
/// QuantizeLinear may be fused with.
fn fusible(op: &str, t: &Table, other: &Value, chains: Option<[&[i8; 256]; 2]>) -> Option<Scalar> {
    let vector = match other {
        Value::Real(Real::Const(c)) => c.vector,
        Value::Real(Real::Table(u)) => u.vector,
        _ => return None,
    };
    if vector || t.vector || t.apart {
        return None;
    }
    let op = match op {
        "Add" => ScalarOp::Add,
        "Mul" => ScalarOp::Mul,
        _ => return None,
    };
    let unsigned = t.eight.unsigned;
    let side = |t: &Table| t.linear().map(|(scale, zero)| Side { scale, zero: i32::from(zero) + if unsigned { 128 } else { 0 } });
    let element = if unsigned { ElementType::Uint8 } else { ElementType::Int8 };
    let up = if unsigned { 128 } else { 0 };
    let codes = |f: &dyn Fn(usize) -> [i32; 2]| Rc::new(std::array::from_fn(f));
    let own = |table: &[i8; 256], i: usize| i32::from(table[i]) + up;
    let (b, codes) = match (other, chains) {
        (Value::Real(Real::Const(c)), _) if c.element == element => {
            let zero = c.zero?;
            let constant = c.ints[0] + zero;
            (Side { scale: c.scales[0], zero }, codes(&|i| [i32::from(i as u8 as i8) + up, constant]))
        }
        (Value::Real(Real::Table(u)), None) => (side(u)?, codes(&|i| [i32::from(i as u8 as i8) + up; 2])),
        (Value::Real(Real::Table(u)), Some([x, y])) if u.eight.unsigned == unsigned => {
            (side(u)?, codes(&|i| [own(x, i), own(y, i)]))
        }
        _ => return None,
    };
    Some(Scalar { op, unsigned, a: side(t)?, b, codes, clip: Clip::NONE, moved: false })
}

/// A map as a function of the codes of another one that it was looked up from.
struct Chain {
    table: [i8; 256],
    /// Codes, as u8, of which a look-up on the way may give another result in ONNX Runtime.
    doubtful: Vec<u8>,
}

impl Chain {
    /// The values that a table of these codes has, and how far off they may be, by the code it all depends on.
    fn values(&self, t: &Table) -> Option<[(f32, f32); 256]> {
        let (values, errors) = (t.values()?, t.errors());
        Some(std::array::from_fn(|i| {
            let at = self.table[i];
            let v = values[usize::from(at as u8)];
            let step = |to: i8| (values[usize::from(to as u8)] - v).abs();
            let off = step(at.saturating_add(1)).max(step(at.saturating_sub(1)));
            let doubt = if self.doubtful.contains(&(i as u8)) { off } else { 0.0 };
            (v, errors[usize::from(at as u8)] + doubt)
        }))
    }
}

/// Maps that a map is a function of, code by code: itself, what it was looked up from, and so on.
fn origins(g: &Building, map: usize) -> Vec<(usize, Chain)> {
    let same = std::array::from_fn(|i| i as u8 as i8);
    let mut list = vec![(map, Chain { table: same, doubtful: vec![] })];
    while let Some((at, chain)) = list.last()
        && let Some(layer) = at.checked_sub(1).map(|i| &g.layers[i])
        && let (Op::Lookup { input, table, doubtful }, Finish::Codes { lo: -128, hi: 127 }) = (&layer.op, &layer.finish)
    {
        let through = std::array::from_fn(|i| chain.table[usize::from(table[i] as u8)]);
        let unsure = |i: &u8| doubtful.contains(i) || chain.doubtful.contains(&(table[usize::from(*i)] as u8));
        let next = (*input, Chain { table: through, doubtful: (0..=255).filter(unsure).collect() });
        list.push(next);
    }
    list
}

/// Two tensors whose codes depend on those of one tensor, element by element: that tensor, and how they do.
fn common(g: &mut Building, t: &Table, u: &Table) -> Option<(Eight, Chain, Chain)> {
    if t.eight.map == u.eight.map || t.eight.shape != u.eight.shape {
        return None;
    }
    let (of_t, of_u) = (origins(g, t.eight.map), origins(g, u.eight.map));
    let (map, x, y) = of_t.into_iter().find_map(|(map, x)| {
        of_u.iter().find(|o| o.0 == map).map(|(_, y)| (map, x, Chain { table: y.table, doubtful: y.doubtful.clone() }))
    })?;
    let places = g.places(&t.eight);
    if places != g.places(&u.eight) {
        return None;
    }
    // Element e of the map is element e of all that was looked up from it.
    let order = g.order[map].clone();
    let mut place = vec![0; places.len()];
    places.iter().zip(order.iter()).for_each(|(&tensor, &base)| place[tensor as usize] = base);
    Some((Eight { map, place: Rc::new(place), steps: 0, ..t.eight.clone() }, x, y))
}

/// Add, Sub, Mul, Div.
pub(super) fn binary(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Value, Fail> {
    let compute = |x: f32, y: f32| match op {
        "Add" => x + y,
        "Sub" => x - y,
        "Mul" => x * y,
        "PRelu" if x > 0.0 => x,
        "PRelu" => x * y,
        _ => x / y,
    };
    let (a, b) = (any(inputs, 0)?, any(inputs, 1)?);
    match (a, b) {
        (Value::Real(Real::Table(t)), other) if scalar(other).is_some() => {
            let s = scalar(other).unwrap_or(0.0);
            let made = map(t, |v| Ok(compute(v, s)))?.with_error(scaled(t, op, s, true));
            same_shape(t, other)?;
            Ok(Value::Real(Real::Table(Table { scalar: fusible(op, t, other, None), ..made })))
        }
        (_, Value::Real(Real::Table(_))) if op == "PRelu" => {
            unsupported("a slope that is computed by the graph", "make it an initialiser")
        }
        (other, Value::Real(Real::Table(t))) if scalar(other).is_some() => {
            let s = scalar(other).unwrap_or(0.0);
            let made = map(t, |v| Ok(compute(s, v)))?.with_error(scaled(t, op, s, false));
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
                of_values(t, std::array::from_fn(|i| compute(x[i], y[i])))?.with_error(std::array::from_fn(|i| match op {
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
            let made = std::array::from_fn(|i| compute(of_t[i].0, of_u[i].0));
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
            Ok(Value::Real(Real::Pending(Rc::new(super::mul::mul(g, t, u)?))))
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
        (Value::Real(Real::Pending(_)), _) | (_, Value::Real(Real::Pending(_))) => match super::sums::binary(op, a, b)? {
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
        _ => match super::affine::binary(g, node, op, inputs)? {
            Some(value) => Ok(value),
            None => unsupported(
                format!("{op} of these operands"),
                "an Add takes two dequantised tensors; Sub, Mul and Div one and a constant, or one for each channel",
            ),
        },
    }
}

/// Max and Min of tensors and scalars.
pub(super) fn extreme(op: &str, inputs: Inputs) -> Result<Value, Fail> {
    let mut value = any(inputs, 0)?.clone();
    for i in 1..inputs.len() {
        let pair = [Some(value), Some(any(inputs, i)?.clone())];
        value = match (any(&pair, 0)?, any(&pair, 1)?) {
            (Value::Real(Real::Table(t)), other) | (other, Value::Real(Real::Table(t))) if scalar(other).is_some() => {
                let s = scalar(other).unwrap_or(0.0);
                same_shape(t, other)?;
                let made = map(t, |v| Ok(if op == "Max" { v.max(s) } else { v.min(s) }))?.with_error(t.errors());
                Value::Real(Real::Table(made))
            }
            (Value::Real(Real::Table(t)), Value::Real(Real::Table(u))) => {
                let parts = vec![t.clone(), u.clone()];
                Value::Real(Real::Joined(Rc::new(Joined::Extreme { parts, least: op == "Min" })))
            }
            (Value::Real(Real::Joined(j)), Value::Real(Real::Table(t))) => match &**j {
                Joined::Extreme { parts, least } if *least == (op == "Min") => {
                    let parts = parts.iter().chain([t]).cloned().collect();
                    Value::Real(Real::Joined(Rc::new(Joined::Extreme { parts, least: *least })))
                }
                _ => return unsupported(format!("{op} of these operands"), "put QuantizeLinear and DequantizeLinear before it"),
            },
            _ => return unsupported(format!("{op} of these operands"), "it takes dequantised tensors, and scalars"),
        };
    }
    Ok(value)
}

/// A sum with a constant that is wider than 8 bits in the model is never fused.
fn narrow(c: &Dequantised, fuse: Fuse) -> Fuse {
    if matches!(c.element, ElementType::Int8 | ElementType::Uint8) { fuse } else { Fuse::Never }
}

/// A scalar may have more dimensions than the tensor; its result then has them too.
fn same_shape(t: &Table, other: &Value) -> Result<(), Fail> {
    let rank = match other {
        Value::Const(a) => a.shape.len(),
        Value::Real(Real::Const(c)) => c.shape.len(),
        _ => 0,
    };
    if rank > t.eight.shape.len() {
        return unsupported(
            format!("a constant of {rank} dimensions gives a tensor of shape {:?} more", t.eight.shape),
            "give the constant no more dimensions than the tensor",
        );
    }
    Ok(())
}

/// A constant tensor as a map of the layout of `like`. It is made by biases, of which each channel has one: so
/// an input that has no layout yet becomes one pixel.
fn constant_map(g: &mut Building, node: &Node, like: &Table, c: &Dequantised) -> Result<Table, Fail> {
    let [scale] = c.scales[..] else {
        return unsupported("a constant with a scale for each channel", "quantise it per tensor");
    };
    let ints = &c.ints;
    let flat: Vec<u32> = (0..ints.len() as u32).collect();
    let order = if g.view(&like.eight, [1, 1, ints.len()], &flat).is_some() { flat } else { g.places(&like.eight) };
    let (least, most) = (ints.iter().min().copied().unwrap_or(0), ints.iter().max().copied().unwrap_or(0));
    let unsigned = c.element == ElementType::Uint8;
    // 8-bit codes as they are, wider ones by any zero point with which they have 8 bits.
    let zero_point = match (c.element, c.zero) {
        (ElementType::Int8, Some(z)) => z,
        (ElementType::Uint8, Some(z)) => z - 128,
        _ if least < -128 => -128 - least,
        _ => (127 - most).min(0),
    };
    let codes: Option<Vec<i8>> = order.iter().map(|&place| i8::try_from(ints[place as usize] + zero_point).ok()).collect();
    let (Some(codes), Ok(zero_point)) = (codes, i8::try_from(zero_point)) else {
        return unsupported("the constant is wider than 8 bits", "quantise it to int8 or uint8");
    };
    let map = g.maps[like.eight.map].shape;
    let finish = Finish::Codes { lo: -128, hi: 127 };
    let shape = like.eight.shape.clone();
    let eight = g.push(&format!("{} (constant)", node.name), Op::Constant { codes }, finish, shape, map, order, unsigned);
    let kind = TableKind::Linear { scales: Rc::new(vec![scale]), zero_points: Rc::new(vec![zero_point]), axis: 0 };
    Ok(Table { eight, kind, scalar: None, error: None, vector: c.vector, grid: None, apart: false })
}

/// Codes with one scale that stand for the same numbers on the other side of zero: each code and the zero point turned around. A sum
/// with them is a difference, the same in float32, which ONNX Runtime never fuses.
fn negated(g: &mut Building, node: &Node, t: &Table) -> Table {
    let Some((scale, zero)) = t.linear() else { return t.clone() };
    let turned = Box::new(std::array::from_fn(|i| !(i as u8 as i8)));
    let eight = super::quantize::lookup(g, node, &t.eight, turned, vec![], t.eight.unsigned);
    let kind = TableKind::Linear { scales: Rc::new(vec![scale]), zero_points: Rc::new(vec![!zero]), axis: 0 };
    Table { eight, kind, scalar: None, ..t.clone() }
}

/// The sum of two dequantised tensors of one shape.
pub(super) fn add(g: &mut Building, name: &str, t: &Table, u: &Table) -> Result<Pending, Fail> {
    if t.eight.shape != u.eight.shape {
        return unsupported(format!("shapes {:?} and {:?} are added", t.eight.shape, u.eight.shape), "add tensors of one shape");
    }
    // The one with a layout decides it for an input that has none yet.
    let open = g.is_open(&t.eight);
    let (first, second) = if open { (u, t) } else { (t, u) };
    g.settle(&first.eight);
    let order = g.places(&first.eight);
    let map = g.maps[first.eight.map].shape;
    let moved = Table { eight: g.arranged(name, &second.eight, map, &order), ..second.clone() };
    let (a, b) = if open { (&moved, u) } else { (t, &moved) };
    let (a, b) = (super::ops::operand(g, a)?, super::ops::operand(g, b)?);
    Ok(Pending {
        kind: PendingKind::Add { a, b },
        shape: t.eight.shape.clone(),
        map,
        order: Rc::new(order),
        clip: Clip::NONE,
        fuse: if t.vector || u.vector || t.apart || u.apart {
            Fuse::Never
        } else {
            Fuse::pair(t.eight.unsigned, u.eight.unsigned)
        },
        moved: false,
    })
}
