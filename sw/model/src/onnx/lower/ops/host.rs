// SPDX-License-Identifier: Apache-2.0
//! An operator that only the host computes, behind the last codes: ArgMax.

use crate::onnx::error::Fail;
use crate::onnx::fuse::operands::{any, codes_as_values, table};
use crate::onnx::fuse::value::{Inputs, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::edge;
use crate::onnx::parse::node::Node;

/// ArgMax of codes, or of what they stand for.
pub fn arg_max(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    match any(inputs, 0)? {
        Value::Eight(e) => edge::behind(g, node, node.op(), inputs, &codes_as_values(e)),
        _ => edge::behind(g, node, node.op(), inputs, &table(inputs, 0, "X")?),
    }
}
