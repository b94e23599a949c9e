// SPDX-License-Identifier: Apache-2.0
//! Functions of one number, and Relu and Clip of codes and of what waits for QuantizeLinear.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::constant;
use crate::onnx::fold::scales::{scale, zero_point};
use crate::onnx::fuse::by_channel::clipped;
use crate::onnx::fuse::functions::limits;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::operands::{any, eight, linear};
use crate::onnx::fuse::scalar::Scalar;
use crate::onnx::fuse::tables::table_of;
use crate::onnx::fuse::value::{Inputs, Pending, Real, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::requantise::{lookup, quantize_table};
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// An element-wise operator with one operand.
pub fn unary(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let op = node.op();
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
            Ok(clipped(c, limits))
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
            Ok(Value::Eight(lookup(g, node, e, table, vec![], e.unsigned)))
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
            Ok(Value::Eight(lookup(g, node, e, table, vec![], e.unsigned)))
        }
        Value::Eight(_) if op == "Relu" => unsupported(
            format!("Relu on integer tensors is in opset 14 and later, this model says {}", g.opset),
            "convert it to opset 14, or put it between DequantizeLinear and QuantizeLinear",
        ),
        Value::Eight(_) | Value::Sums(_) => {
            unsupported(format!("{op} on integer tensors"), "put it between DequantizeLinear and QuantizeLinear")
        }
        Value::Unknown | Value::Foreign(_) | Value::Outside(_) => wrong("its input is unknown"),
    }
}

/// com.microsoft.QLinearSigmoid and QLinearLeakyRelu.
pub fn qlinear(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let x = linear(eight(inputs, 0, "X")?, scale(inputs, 1)?, zero_point(inputs, 2)?)?;
    let real = table_of(node, node.op().trim_start_matches("QLinear"), inputs, &x)?;
    quantize_table(g, node, &real, scale(inputs, 3)?, &zero_point(inputs, 4)?)
}
