// SPDX-License-Identifier: Apache-2.0
//! Operators that only the host computes, behind the last codes: Softmax, LogSoftmax, ArgMax.

use crate::host::HostOp;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::{axis_of, scale, zero_point};
use crate::onnx::fuse::operands::{any, codes_as_values, eight, linear, table};
use crate::onnx::fuse::value::{Inputs, Outside, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::edge;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// Softmax and LogSoftmax of dequantised codes.
pub fn softmax(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    edge::behind(g, node, node.op(), inputs, &table(inputs, 0, "X")?)
}

/// com.microsoft.QLinearSoftmax: what ONNX Runtime makes of DequantizeLinear, Softmax, QuantizeLinear.
pub fn qlinear_softmax(_: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if let Value::Outside(x) = any(inputs, 0)? {
        let reason = format!("it follows {}, which the host computes at the end of a graph", x.by);
        return unsupported(reason, "put Softmax behind DequantizeLinear");
    }
    let x_scale = scale(inputs, 1)?;
    let x = edge::outside(&linear(eight(inputs, 0, "X")?, x_scale, zero_point(inputs, 2)?)?);
    let (scale, (zero_point, unsigned)) = (scale(inputs, 3)?, zero_point(inputs, 4)?.in_model(node)?);
    if unsigned != x.eight.unsigned {
        return wrong("X and Y are of different types");
    }
    let old = node.int("opset", 13) < 13;
    let axis = axis_of(node.int("axis", -1), x.shape.len())?;
    let softmax = HostOp::QLinearSoftmax { axis, x_scale, scale, zero_point, unsigned };
    // Before opset 13 the dimensions from the axis on are one.
    let flat = [&x.shape[..axis], &[x.shape[axis..].iter().product()]].concat();
    let ops = if old { vec![HostOp::Reshape(flat), softmax, HostOp::Reshape(x.shape.clone())] } else { vec![softmax] };
    Ok(Value::Outside(Outside { ops: Rc::new(ops), by: node.op().to_string(), ..x }))
}

/// ArgMax of codes, or of what they stand for.
pub fn arg_max(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    match any(inputs, 0)? {
        Value::Eight(e) => edge::behind(g, node, node.op(), inputs, &codes_as_values(e)),
        _ => edge::behind(g, node, node.op(), inputs, &table(inputs, 0, "X")?),
    }
}
