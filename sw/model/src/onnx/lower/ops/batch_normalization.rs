// SPDX-License-Identifier: Apache-2.0
//! BatchNormalization with constant statistics, of dequantised codes and of the sums of a product.

use crate::onnx::error::{Fail, unsupported};
use crate::onnx::fold::known::constant;
use crate::onnx::fuse::on_sums;
use crate::onnx::fuse::operands::{any, table};
use crate::onnx::fuse::value::{Channels, Inputs, Real, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::channels::of_table;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// BatchNormalization of dequantised codes with constant statistics.
pub fn batch_normalization(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if let Some(value) = on_sums::batch_normalization(node, inputs, any(inputs, 0)?)? {
        return Ok(value);
    }
    let t = table(inputs, 0, "X")?;
    let Some(values) = t.values() else {
        return unsupported("codes with a scale for each channel", "quantise activations per tensor");
    };
    let before = of_table(g, node, &t, values)?;
    let (channels, shape) = (before.values.len(), &before.table.eight.shape);
    if !before.layout.is_channel(shape, 1) {
        return unsupported(format!("shape {shape:?} in this order"), "remove the Reshape or Transpose before it");
    }
    let of = |i: usize| -> Result<Vec<f32>, Fail> {
        let floats = match any(inputs, i)? {
            Value::Real(Real::Const(c)) => Some(c.floats()),
            _ => constant(inputs, i)?.and_then(|a| a.floats()).map(<[f32]>::to_vec),
        };
        floats
            .filter(|f| f.len() == channels)
            .ok_or_else(|| Fail::Wrong(format!("input {i} is not one float32 number a channel")))
    };
    let (scale, bias, mean, var) = (of(1)?, of(2)?, of(3)?, of(4)?);
    let epsilon = node.float("epsilon", 1e-5);
    let by_code = |c: usize| -> [f32; 256] {
        // In the order of ONNX Runtime's kernel.
        let slope = 1.0 / (var[c] + epsilon).sqrt() * scale[c];
        let offset = bias[c] - mean[c] * slope;
        std::array::from_fn(|i| values[i] * slope + offset)
    };
    let values = (0..channels).map(by_code).collect();
    Ok(Value::Real(Real::Channels(Rc::new(Channels { values, ..before }))))
}
