// SPDX-License-Identifier: Apache-2.0
//! Resize and Upsample to the nearest element: each element of the result is one of the tensor's, along every dimension by
//! itself.

use super::import::Building;
use super::moves::{Layout, on_codes};
use super::node::{Fail, Node, unsupported, wrong};
use super::ops::{Inputs, any, constant};
use super::product::bounded;
use super::value::Value;

/// The nearest element of a dimension, for each of the result.
fn nearest(node: &Node, size: usize, to: usize, scale: f32, old: bool) -> Result<Vec<usize>, Fail> {
    let text = |name: &str, default: &str| match node.text(name) {
        t if t.is_empty() => default.to_string(),
        t => t,
    };
    let (mode, rounding) = if old {
        ("asymmetric".to_string(), "floor".to_string())
    } else {
        (text("coordinate_transformation_mode", "half_pixel"), text("nearest_mode", "round_prefer_floor"))
    };
    if scale == 1.0 && size == to {
        return Ok((0..size).collect());
    }
    let place = |i: usize| -> Result<f32, Fail> {
        let x = i as f32;
        Ok(match mode.as_str() {
            "asymmetric" => x / scale,
            "half_pixel" => (x + 0.5) / scale - 0.5,
            "pytorch_half_pixel" if to == 1 => 0.0,
            "pytorch_half_pixel" => (x + 0.5) / scale - 0.5,
            "align_corners" if to == 1 => 0.0,
            "align_corners" => x * (size - 1) as f32 / (to - 1) as f32,
            "half_pixel_symmetric" => {
                let whole = scale * size as f32;
                let offset = size as f32 / 2.0 * (1.0 - to as f32 / whole);
                offset + (x + 0.5) / scale - 0.5
            }
            other => return unsupported(format!("coordinate_transformation_mode '{other}'"), "use asymmetric or half_pixel"),
        })
    };
    let round = |v: f32| -> Result<f32, Fail> {
        Ok(match rounding.as_str() {
            "floor" => v.floor(),
            "ceil" => v.ceil(),
            "round_prefer_floor" if v == v.trunc() + 0.5 => v.floor(),
            "round_prefer_floor" | "round_prefer_ceil" => v.round(),
            other => return wrong(format!("nearest_mode '{other}'")),
        })
    };
    (0..to).map(|i| Ok(round(place(i)?)?.clamp(0.0, (size - 1) as f32) as usize)).collect()
}

/// The shape of the result, and the scale of each dimension.
fn sizes(node: &Node, op: &str, inputs: Inputs, shape: &[usize], opset: i64) -> Result<(Vec<usize>, Vec<f32>), Fail> {
    let last = if op == "Upsample" || opset < 11 { 1 } else { 2 };
    let scales = match constant(inputs, last)? {
        Some(a) if !a.is_empty() => a.floats().map(<[f32]>::to_vec),
        _ => node.floats("scales").map(<[f32]>::to_vec),
    };
    let wanted = if last == 2 { constant(inputs, 3)?.and_then(|a| a.integers()).filter(|v| !v.is_empty()) } else { None };
    let axes: Vec<usize> = match node.ints("axes") {
        Some(axes) => axes.iter().map(|&a| super::moves::axis_of(a, shape.len())).collect::<Result<_, _>>()?,
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

/// Resize and Upsample of codes, or of the values that codes stand for.
pub(super) fn resize(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Value, Fail> {
    match node.text("mode").as_str() {
        "" | "nearest" => {}
        mode => return unsupported(format!("mode '{mode}'"), "mode nearest copies; compute others on the host"),
    }
    let old = op == "Upsample" || g.opset < 11;
    let opset = g.opset;
    on_codes(g, op, any(inputs, 0)?, |g, e, _| {
        let mut e = e.clone();
        let layout = Layout::of(g, node, &mut e)?;
        let (shape, scales) = sizes(node, op, inputs, &e.shape, opset)?;
        let along = (0..shape.len())
            .map(|d| nearest(node, e.shape[d], shape[d], scales[d], old))
            .collect::<Result<Vec<Vec<usize>>, Fail>>()?;
        let Some((map, order)) = layout.map(&shape) else { return wrong(format!("a result of shape {shape:?}")) };
        let source = |mut place: usize| {
            let (mut at, mut step) = (0, 1);
            for d in (0..shape.len()).rev() {
                at += along[d][place % shape[d]] * step;
                place /= shape[d];
                step *= e.shape[d];
            }
            at as u32
        };
        let from: Vec<u32> = order.iter().map(|&place| source(place as usize)).collect();
        Ok(g.gathered(&node.name, &e, &from, shape, map, order))
    })
}
