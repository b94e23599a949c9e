// SPDX-License-Identifier: Apache-2.0
//! Slice by constants.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::{axis_of, list};
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::value::{Inputs, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::{on_codes, pick};
use crate::onnx::parse::node::Node;

/// Slice by constant starts, ends, axes and steps, forwards.
pub fn slice(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let get = |i, name| list(node, inputs, i, name);
    let (Some(starts), Some(ends)) = (get(1, "starts")?, get(2, "ends")?) else { return wrong("starts or ends are missing") };
    let axes = get(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = get(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return wrong("starts, ends, axes and steps are not as many");
    }
    on_codes(g, node.op(), any(inputs, 0)?, |g, e, _| {
        let mut e = e.clone();
        for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let axis = axis_of(axis, e.shape.len())?;
            let size = e.shape[axis] as i64;
            if step < 1 {
                return unsupported(format!("a step of {step}"), "take parts forwards");
            }
            let within = |v: i64| (if v < 0 { v + size } else { v }).clamp(0, size);
            let indices: Vec<usize> = (within(start)..within(end)).step_by(step as usize).map(|i| i as usize).collect();
            if indices.is_empty() {
                return unsupported(format!("an empty part {start}..{end} of {size}"), "leave it out");
            }
            if indices.len() < e.shape[axis] {
                e = pick(g, node, &e, axis, &indices)?;
            }
        }
        Ok(e)
    })
}
