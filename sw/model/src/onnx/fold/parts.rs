// SPDX-License-Identifier: Apache-2.0
//! Parts of a tensor along its dimensions, which Slice and Split name by constants.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::Given;
use crate::onnx::fold::scales::{axis_of, list};
use crate::onnx::parse::node::Node;

/// A dimension and the indices along it, in order.
pub type Part = (usize, Vec<usize>);

/// What each output of a Split of a tensor of `shape` has.
///
/// # Errors
/// Parts that are not the whole dimension; sizes that the graph computes.
pub fn split(node: &Node, inputs: &(impl Given + ?Sized), shape: &[usize]) -> Result<Vec<Part>, Fail> {
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
    let part = |&size: &usize| {
        first += size;
        (axis, (first - size..first).collect())
    };
    Ok(sizes.iter().map(part).collect())
}

/// What a Slice takes of a tensor of `shape`, dimension after dimension.
///
/// # Errors
/// Backward steps, empty parts; lists of several lengths, or that the graph computes.
pub fn slice(node: &Node, inputs: &(impl Given + ?Sized), shape: &[usize]) -> Result<Vec<Part>, Fail> {
    let get = |i, name| list(node, inputs, i, name);
    let (Some(starts), Some(ends)) = (get(1, "starts")?, get(2, "ends")?) else { return wrong("starts or ends are missing") };
    let axes = get(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = get(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return wrong("starts, ends, axes and steps are not as many");
    }
    let mut parts: Vec<Part> = vec![];
    for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let axis = axis_of(axis, shape.len())?;
        let left = parts.iter().rev().find(|p| p.0 == axis).map_or(shape[axis], |p| p.1.len());
        let size = left as i64;
        if step < 1 {
            return unsupported(format!("a step of {step}"), "take parts forwards");
        }
        let within = |v: i64| (if v < 0 { v.saturating_add(size) } else { v }).clamp(0, size);
        let indices: Vec<usize> = (within(start)..within(end)).step_by(step as usize).map(|i| i as usize).collect();
        if indices.is_empty() {
            return unsupported(format!("an empty part {start}..{end} of {size}"), "leave it out");
        }
        if indices.len() < left {
            parts.push((axis, indices));
        }
    }
    Ok(parts)
}
