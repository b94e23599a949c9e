// SPDX-License-Identifier: Apache-2.0
//! Split by constants, with all its outputs.

use crate::onnx::error::{Fail, wrong};
use crate::onnx::fold::scales::{axis_of, list};
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
    let axis = axis_of(node.int("axis", 0), shape.len())?;
    let outputs = node.proto.output.len();
    let sizes: Vec<usize> = match list(node, inputs, 1, "split")? {
        Some(sizes) => sizes.iter().map(|&s| usize::try_from(s).unwrap_or(usize::MAX)).collect(),
        None => {
            // The last one is smaller where they do not come out even.
            let each = shape[axis].div_ceil(outputs);
            (0..outputs).map(|i| each.min(shape[axis].saturating_sub(i * each))).collect()
        }
    };
    if sizes.len() != outputs
        || sizes.contains(&0)
        || sizes.iter().try_fold(0usize, |a, &s| a.checked_add(s)) != Some(shape[axis])
    {
        return wrong(format!("parts of {sizes:?} of dimension {axis} of shape {shape:?} for {outputs} outputs"));
    }
    let mut first = 0;
    sizes
        .iter()
        .map(|&size| {
            let indices: Vec<usize> = (first..first + size).collect();
            first += size;
            on_codes(g, node.op(), value, |g, e, _| pick(g, node, e, axis, &indices))
        })
        .collect()
}
