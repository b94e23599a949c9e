// SPDX-License-Identifier: Apache-2.0
//! Pad with a constant.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::constant;
use crate::onnx::fold::scales::{axis_of, list};
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::value::{Inputs, Joined, Real, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::{on_codes, padded};
use crate::onnx::parse::node::Node;
use crate::quantise;
use std::rc::Rc;

/// Pad of codes or of dequantised codes; by a value that is none of the codes' it waits for QuantizeLinear.
pub fn pad(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if !matches!(node.text("mode").as_str(), "" | "constant") {
        return unsupported(format!("mode '{}'", node.text("mode")), "pad with a constant");
    }
    let Some(pads) = list(node, inputs, 1, "pads")? else { return wrong("its pads are missing") };
    let value = match constant(inputs, 2)? {
        None => node.float("value", 0.0),
        Some(a) => match (a.floats(), a.integers()) {
            (Some(f), _) if f.len() == 1 => f[0],
            (_, Some(v)) if v.len() == 1 => v[0] as f32,
            _ => return wrong("its value is no scalar"),
        },
    };
    let of = any(inputs, 0)?;
    let rank = match of {
        Value::Eight(e) | Value::Real(Real::Table(Table { eight: e, .. })) => e.shape.len(),
        _ => 0,
    };
    let axes = list(node, inputs, 3, "axes")?.unwrap_or_else(|| (0..rank as i64).collect());
    if rank > 0 && pads.len() != 2 * axes.len() {
        return wrong(format!("pads {pads:?} of {} dimensions", axes.len()));
    }
    let by_axis = |(n, &axis): (usize, &i64)| Ok((axis_of(axis, rank)?, pads[n], pads[n + axes.len()]));
    let pads = if rank > 0 { axes.iter().enumerate().map(by_axis).collect::<Result<Vec<_>, Fail>>()? } else { vec![] };
    if let Value::Real(Real::Table(t)) = of
        && t.linear().is_none_or(|(scale, zero)| {
            let code = quantise(value, scale, zero);
            (f32::from(code) - f32::from(zero)) * scale != value
        })
    {
        return Ok(Value::Real(Real::Joined(Rc::new(Joined::Padded { table: t.clone(), pads, value }))));
    }
    on_codes(g, node.op(), of, |g, e, code| padded(g, node, e, &pads, code(value)?))
}
