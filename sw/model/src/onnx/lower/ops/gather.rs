// SPDX-License-Identifier: Apache-2.0
//! Gather by constant indices.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::constant;
use crate::onnx::fold::scales::axis_of;
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::value::{Inputs, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::{on_codes, pick};
use crate::onnx::parse::node::Node;

/// Gather along a dimension, by a scalar or a list of constant indices.
pub fn gather(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let Some(indices) = constant(inputs, 1)? else { return wrong("its indices are missing") };
    let Some(values) = indices.integers() else { return wrong("its indices are not integers") };
    if indices.shape.len() > 1 {
        return unsupported(format!("indices of shape {:?}", indices.shape), "give it one dimension of indices");
    }
    let scalar = indices.shape.is_empty();
    on_codes(g, node.op(), any(inputs, 0)?, |g, e, _| {
        let axis = axis_of(node.int("axis", 0), e.shape.len())?;
        let size = e.shape[axis] as i64;
        let at = |&v: &i64| usize::try_from(if v < 0 { v + size } else { v }).ok().filter(|&i| (i as i64) < size);
        let Some(picked) = values.iter().map(at).collect::<Option<Vec<usize>>>().filter(|p| !p.is_empty()) else {
            return wrong(format!("indices {values:?} of {size}"));
        };
        let mut made = pick(g, node, e, axis, &picked)?;
        if scalar {
            made.shape.remove(axis);
        }
        Ok(made)
    })
}
