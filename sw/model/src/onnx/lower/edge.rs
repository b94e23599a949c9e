// SPDX-License-Identifier: Apache-2.0
//! Operators that the host computes at the edges of a graph: on the float32 input before it is quantised, and behind the
//! last codes. What follows them there must be one of them too; in the middle of a graph nothing runs on the host.

use crate::graph::Codes;
use crate::host::{Arithmetic, HostOp, broadcasts};
use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::plan::plan;
use crate::onnx::fold::scales::{axis_of, scale, zero_point};
use crate::onnx::fold::windows::{bounded, pool};
use crate::onnx::fuse::functions::limits;
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::softmax::fused;
use crate::onnx::fuse::value::{Eight, Inputs, Outside, Real, Table, TableKind, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::parse::node::Node;
use crate::tables::plain_name;
use std::rc::Rc;

/// Relu, Clip, LeakyRelu, and Add, Sub, Mul, Div with a constant, of a tensor of this shape; `None`: another operator.
fn pointwise(node: &Node, op: &str, inputs: Inputs, shape: &[usize]) -> Result<Option<HostOp>, Fail> {
    let arithmetic = match op {
        "Add" => Arithmetic::Add,
        "Sub" => Arithmetic::Sub,
        "Mul" => Arithmetic::Mul,
        "Div" => Arithmetic::Div,
        "Relu" => return Ok(Some(HostOp::Leaky { alpha: 0.0 })),
        "Clip" => {
            let limits = limits(node, op, inputs)?;
            return Ok(limits.map(|[lo, hi]| HostOp::Clip { lo, hi }));
        }
        "LeakyRelu" => return Ok(Some(HostOp::Leaky { alpha: node.float("alpha", 0.01) })),
        _ => return Ok(None),
    };
    let first = matches!(any(inputs, 0)?, Value::Const(_));
    let Value::Const(array) = any(inputs, usize::from(!first))? else { return Ok(None) };
    let Some(values) = array.floats() else { return wrong(format!("a constant of {}", array.element())) };
    if !broadcasts(&array.shape, shape) {
        return unsupported(
            format!("shapes {shape:?} and {:?} at the edge of the graph", array.shape),
            "give it a constant that broadcasts to the tensor",
        );
    }
    Ok(Some(HostOp::Arithmetic { op: arithmetic, shape: array.shape.clone(), values: values.to_vec(), first }))
}

/// Gather of the rows of a constant table, by an input that has their indices: an embedding. Of a table of codes the second result says whether
/// they are uint8; the rows are codes then.
fn rows(node: &Node, inputs: Inputs) -> Result<(HostOp, Option<bool>), Fail> {
    let mut codes = None;
    let (shape, values) = match any(inputs, 0)? {
        Value::Const(a) => match a.floats() {
            Some(v) => (a.shape.clone(), v.to_vec()),
            None if matches!(a.element(), ElementType::Int8 | ElementType::Uint8) => {
                let unsigned = a.element() == ElementType::Uint8;
                codes = Some(unsigned);
                let off = if unsigned { 128 } else { 0 };
                (a.shape.clone(), a.integers().unwrap_or_default().iter().map(|v| (v - off) as f32).collect())
            }
            None => return unsupported(format!("a table of {}", a.element()), "dequantise it before Gather"),
        },
        Value::Real(Real::Const(c)) => (c.shape.clone(), c.floats()),
        _ => return unsupported("indices that are an input, of a table that is none", "make the table an initialiser"),
    };
    if shape.is_empty() || values.is_empty() || axis_of(node.int("axis", 0), shape.len())? != 0 {
        return unsupported(format!("rows of shape {shape:?} along axis {}", node.int("axis", 0)), "gather along axis 0");
    }
    let name = node.proto.input.first().map_or("", |name| plain_name(name)).to_string();
    Ok((HostOp::Rows { name, shape: shape[1..].to_vec(), values }, codes))
}

/// An operator on the float32 input that nothing has quantised; `None`: one that the host does not compute.
pub fn before(g: &mut Building, node: &Node, op: &str, inputs: Inputs, x: &Eight) -> Result<Option<Value>, Fail> {
    let global = matches!(op, "GlobalAveragePool" | "GlobalMaxPool");
    let mut codes = None;
    let made = match op {
        "MaxPool" | "GlobalMaxPool" | "AveragePool" | "GlobalAveragePool" => {
            let (window, ..) = pool(node, &x.shape, global)?;
            let count_padding = !global && node.int("count_include_pad", 0) != 0;
            HostOp::Pool { window, max: op.ends_with("MaxPool"), count_padding }
        }
        "Gather" if g.source(x).element.is_index() => {
            let (made, of) = rows(node, inputs)?;
            codes = of;
            made
        }
        _ => match pointwise(node, op, inputs, &x.shape)? {
            Some(made) => made,
            None => return Ok(None),
        },
    };
    if matches!(made, HostOp::Rows { .. }) && !g.source(x).host.is_empty() {
        return unsupported(
            "its indices pick rows of another table already",
            "give each table an input of its own, or a column of one (Gather along axis 1, one index)",
        );
    }
    let integers = g.source(x).element != ElementType::Float32 && g.source(x).host.is_empty();
    if integers != matches!(made, HostOp::Rows { .. }) {
        return unsupported(format!("{op} of an integer input"), "only Gather of a constant table takes indices");
    }
    bounded(&made.shape(&x.shape))?;
    if !x.place.iter().enumerate().all(|(i, &p)| i == p as usize) {
        return unsupported("it follows a Transpose of the float32 input", "transpose behind it");
    }
    if x.steps != g.source(x).host.len() || g.source(x).codes.is_some() {
        return unsupported(
            "the float32 input goes two ways before it is quantised",
            "quantise it first (QuantizeLinear and DequantizeLinear)",
        );
    }
    let shape = made.shape(&x.shape);
    let source = g.source(x);
    source.host.push(made);
    source.inner = shape.clone();
    let count = shape.iter().product::<usize>() as u32;
    let eight = Eight { shape, place: Rc::new((0..count).collect()), steps: source.host.len(), ..x.clone() };
    if let Some(unsigned) = codes {
        source.codes = Some(Codes { scales: vec![1.0], zero_points: vec![0], axis: 0 });
        return Ok(Some(Value::Eight(Eight { unsigned, ..eight })));
    }
    Ok(Some(Value::Real(Real::Input(eight))))
}

/// The codes of a table outside the machine.
pub fn outside(t: &Table) -> Outside {
    let (codes, ops) = match (&t.kind, t.codes()) {
        (TableKind::Values(v), _) => {
            (Codes { scales: vec![1.0], zero_points: vec![0], axis: 0 }, vec![HostOp::Values(Box::new(**v))])
        }
        (_, codes) => (codes.unwrap_or(Codes { scales: vec![1.0], zero_points: vec![0], axis: 0 }), vec![]),
    };
    let shape = t.eight.shape.clone();
    Outside { eight: t.eight.clone(), codes, ops: Rc::new(ops), shape, by: String::new() }
}

/// An operator that only the host computes, on the values of a table.
pub fn behind(g: &Building, node: &Node, op: &str, inputs: Inputs, t: &Table) -> Result<Value, Fail> {
    after(g, node, op, inputs, &Outside { by: op.to_string(), ..outside(t) })
}

/// An operator on what the host computes behind the machine.
pub fn after(g: &Building, node: &Node, op: &str, inputs: Inputs, x: &Outside) -> Result<Value, Fail> {
    let mut made = vec![];
    match op {
        "Identity" | "Dropout" => {}
        "Softmax" | "LogSoftmax" => {
            let old = g.opset < 13;
            let axis = axis_of(node.int("axis", if old { 1 } else { -1 }), x.shape.len())?;
            let log = op == "LogSoftmax";
            if old {
                // Before opset 13 the dimensions from the axis on are one.
                let flat = [&x.shape[..axis], &[x.shape[axis..].iter().product()]].concat();
                made.extend([HostOp::Reshape(flat), HostOp::Softmax { axis, log }, HostOp::Reshape(x.shape.clone())]);
            } else {
                made.push(HostOp::Softmax { axis, log });
            }
        }
        "ArgMax" => {
            if node.int("select_last_index", 0) != 0 {
                return unsupported("select_last_index", "take the first of equal values");
            }
            let axis = axis_of(node.int("axis", 0), x.shape.len())?;
            made.push(HostOp::ArgMax { axis, keep: node.int("keepdims", 1) != 0 });
        }
        "QuantizeLinear" => {
            let (scale, zero) = (scale(inputs, 1)?, zero_point(inputs, 2)?);
            let (zero_point, unsigned) = zero.in_model(node)?;
            if let Some(softmax) = fused(x, scale, zero_point, unsigned) {
                return Ok(Value::Outside(Outside { ops: Rc::new(vec![softmax]), ..x.clone() }));
            }
            made.push(HostOp::Quantize { scale, zero_point, unsigned });
        }
        "DequantizeLinear" => {
            let (scale, zero) = (scale(inputs, 1)?, zero_point(inputs, 2)?);
            made.push(HostOp::Dequantize { scale, zero_point: zero.in_model(node)?.0 });
        }
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {
            made.push(HostOp::Reshape(plan(node, op, inputs, &x.shape)?.0));
        }
        _ => match pointwise(node, op, inputs, &x.shape)? {
            Some(op) => made.push(op),
            None => {
                return unsupported(
                    format!("it follows {}, which the host computes at the end of a graph, and the machine not at all yet", x.by),
                    "",
                );
            }
        },
    }
    let shape = made.iter().fold(x.shape.clone(), |shape, op| op.shape(&shape));
    let ops = Rc::new(x.ops.iter().cloned().chain(made).collect());
    Ok(Value::Outside(Outside { shape, ops, ..x.clone() }))
}
