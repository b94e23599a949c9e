// SPDX-License-Identifier: Apache-2.0
//! Operators that only say in which order elements are counted, and those that change nothing.

use crate::onnx::error::Fail;
use crate::onnx::fuse::moved::moved;
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::value::{Inputs, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::parse::node::Node;

/// Reshape, Flatten, Squeeze, Unsqueeze, Transpose, DepthToSpace, SpaceToDepth.
pub fn layout(_: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    moved(node, inputs)
}

/// Identity, Dropout.
pub fn same(_: &mut Building, _: &Node, inputs: Inputs) -> Result<Value, Fail> {
    any(inputs, 0).cloned()
}
