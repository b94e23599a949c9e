// SPDX-License-Identifier: Apache-2.0
//! Sizes after Resize and Upsample.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::{Given, constant};
use crate::onnx::fold::scales::axis_of;
use crate::onnx::fold::windows::bounded;
use crate::onnx::parse::node::Node;

/// The shape of the result, and the scale of each dimension.
pub fn sizes(
    node: &Node,
    op: &str,
    inputs: &(impl Given + ?Sized),
    shape: &[usize],
    opset: i64,
) -> Result<(Vec<usize>, Vec<f32>), Fail> {
    let last = if op == "Upsample" || opset < 11 { 1 } else { 2 };
    let scales = match constant(inputs, last)? {
        Some(a) if !a.is_empty() => a.floats().map(<[f32]>::to_vec),
        _ => node.floats("scales").map(<[f32]>::to_vec),
    };
    let wanted = if last == 2 { constant(inputs, 3)?.and_then(|a| a.integers()).filter(|v| !v.is_empty()) } else { None };
    let axes: Vec<usize> = match node.ints("axes") {
        Some(axes) => axes.iter().map(|&a| axis_of(a, shape.len())).collect::<Result<_, _>>()?,
        None => (0..shape.len()).collect(),
    };
    let (mut to, mut factors) = (shape.to_vec(), vec![1.0; shape.len()]);
    match (scales, wanted) {
        (_, Some(wanted)) if wanted.len() == axes.len() => {
            if !matches!(node.text("keep_aspect_ratio_policy").as_str(), "" | "stretch") {
                return unsupported("keep_aspect_ratio_policy", "give it sizes of the aspect ratio");
            }
            for (&axis, &size) in axes.iter().zip(&wanted) {
                to[axis] = usize::try_from(size).unwrap_or(0);
                factors[axis] = to[axis] as f32 / shape[axis] as f32;
            }
        }
        (Some(scales), None) if scales.len() == axes.len() => {
            for (&axis, &scale) in axes.iter().zip(&scales) {
                to[axis] = (shape[axis] as f32 * scale).floor().clamp(0.0, (1 << 22) as f32) as usize;
                factors[axis] = scale;
            }
        }
        _ => return wrong(format!("scales or sizes do not fit shape {shape:?}")),
    }
    if to.contains(&0) || factors.iter().any(|f| f.is_nan() || *f <= 0.0) {
        return wrong(format!("a result of shape {to:?}"));
    }
    bounded(&to)?;
    Ok((to, factors))
}
