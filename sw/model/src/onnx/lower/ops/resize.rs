// SPDX-License-Identifier: Apache-2.0
//! Resize and Upsample. To the nearest element each element of the result is one of the tensor's, along every dimension by itself.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::resized::sizes;
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::value::{Inputs, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::{layout_of, on_codes};
use crate::onnx::lower::ops::resize_linear;
use crate::onnx::parse::node::Node;

/// Resize and Upsample, by their mode.
pub fn resize(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if node.text("mode") == "linear" { resize_linear::apply(g, node, inputs) } else { nearest_resize(g, node, inputs) }
}

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

/// Resize and Upsample of codes, or of the values that codes stand for.
fn nearest_resize(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let op = node.op();
    match node.text("mode").as_str() {
        "" | "nearest" => {}
        mode => return unsupported(format!("mode '{mode}'"), "mode nearest copies; compute others on the host"),
    }
    let old = op == "Upsample" || g.opset < 11;
    let opset = g.opset;
    on_codes(g, op, any(inputs, 0)?, |g, e, _| {
        let mut e = e.clone();
        let layout = layout_of(g, node, &mut e)?;
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
