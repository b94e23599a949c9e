// SPDX-License-Identifier: Apache-2.0
//! Slice by constants.

use crate::onnx::error::Fail;
use crate::onnx::fold::parts;
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::value::{Inputs, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::{on_codes, pick};
use crate::onnx::parse::node::Node;

/// Slice by constant starts, ends, axes and steps, forwards.
pub fn slice(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    on_codes(g, node.op(), any(inputs, 0)?, |g, e, _| {
        let parts = parts::slice(node, inputs, &e.shape)?;
        parts.iter().try_fold(e.clone(), |e, (axis, indices)| pick(g, node, &e, *axis, indices))
    })
}
