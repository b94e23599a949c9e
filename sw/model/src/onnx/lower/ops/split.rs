// SPDX-License-Identifier: Apache-2.0
//! Split by constants, with all its outputs.

use crate::onnx::error::Fail;
use crate::onnx::fold::parts;
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::value::{Inputs, Real, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::{on_codes, pick};
use crate::onnx::parse::node::Node;

/// Every output of a Split.
pub fn split(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Vec<Value>, Fail> {
    let value = any(inputs, 0)?;
    let shape = match value {
        Value::Eight(e) | Value::Real(Real::Table(Table { eight: e, .. })) => e.shape.clone(),
        _ => return on_codes(g, node.op(), value, |_, e, _| Ok(e.clone())).map(|v| vec![v]),
    };
    let part = |(axis, indices): parts::Part| on_codes(g, node.op(), value, |g, e, _| pick(g, node, e, axis, &indices));
    parts::split(node, inputs, &shape)?.into_iter().map(part).collect()
}
