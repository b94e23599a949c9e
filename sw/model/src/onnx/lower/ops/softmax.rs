// SPDX-License-Identifier: Apache-2.0
//! Softmax, LogSoftmax, com.microsoft's QLinearSoftmax: at the end of a graph the host's, in the middle of it a layer that goes over the
//! channels of each pixel.

use crate::host::HostOp;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::{axis_of, scale, zero_point};
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::operands::{any, table, table_of_codes};
use crate::onnx::fuse::value::{Inputs, Outside, Pending, PendingKind, Real, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::edge;
use crate::onnx::lower::pixels::pixels;
use crate::onnx::lower::products::pending;
use crate::onnx::lower::requantise::{linearised, quantize_integers};
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// Whether something behind a node is the machine's.
fn in_the_middle(g: &Building, node: &Node) -> bool {
    node.proto.output.first().is_some_and(|name| g.middle.contains(name))
}

/// Softmax and LogSoftmax of dequantised codes.
pub fn softmax(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let x = table(inputs, 0, "X")?;
    if !in_the_middle(g, node) {
        return edge::behind(g, node, node.op(), inputs, &x);
    }
    if node.op() == "LogSoftmax" {
        return unsupported("LogSoftmax in the middle of a graph", "end the graph behind it");
    }
    let x = linearised(g, node, &x)?;
    let old = g.opset < 13;
    let axis = axis_of(node.int("axis", if old { 1 } else { -1 }), x.eight.shape.len())?;
    Ok(Value::Real(Real::Pending(Rc::new(layer(g, node, &x, axis, old)?))))
}

/// Over a dimension, or before opset 13 over all from there on.
fn layer(g: &mut Building, node: &Node, x: &Table, axis: usize, old: bool) -> Result<Pending, Fail> {
    let Some((scale, _)) = x.linear() else { return wrong("no codes") };
    let axes: Vec<usize> = if old { (axis..x.eight.shape.len()).collect() } else { vec![axis] };
    let lies = pixels(g, &node.name, &x.eight, &axes)?;
    let kind = PendingKind::Softmax { input: lies.eight.map, scale };
    let fuse = if x.apart { Fuse::Never } else { Fuse::If { unsigned: x.eight.unsigned } };
    Ok(pending(kind, x.eight.shape.clone(), lies.map, lies.order, fuse))
}

/// com.microsoft.QLinearSoftmax: what ONNX Runtime makes of DequantizeLinear, Softmax, QuantizeLinear.
pub fn qlinear(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if let Value::Outside(x) = any(inputs, 0)? {
        let reason = format!("it follows {}, which the host computes at the end of a graph", x.by);
        return unsupported(reason, "put Softmax behind DequantizeLinear");
    }
    let x_scale = scale(inputs, 1)?;
    let t = table_of_codes(inputs, 0)?;
    let (scale, zero) = (scale(inputs, 3)?, zero_point(inputs, 4)?);
    let (zero_point, unsigned) = zero.in_model(node)?;
    if unsigned != t.eight.unsigned {
        return wrong("X and Y are of different types");
    }
    let old = node.int("opset", 13) < 13;
    let axis = axis_of(node.int("axis", -1), t.eight.shape.len())?;
    if in_the_middle(g, node) {
        let made = layer(g, node, &t, axis, old)?;
        return quantize_integers(g, node, made, scale, &zero);
    }
    let x = edge::outside(&t);
    let softmax = HostOp::QLinearSoftmax { axis, x_scale, scale, zero_point, unsigned };
    // Before opset 13 the dimensions from the axis on are one.
    let flat = [&x.shape[..axis], &[x.shape[axis..].iter().product()]].concat();
    let ops = if old { vec![HostOp::Reshape(flat), softmax, HostOp::Reshape(x.shape.clone())] } else { vec![softmax] };
    Ok(Value::Outside(Outside { ops: Rc::new(ops), by: node.op().to_string(), ..x }))
}
