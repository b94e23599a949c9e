// SPDX-License-Identifier: Apache-2.0
//! Max and Min.

use crate::onnx::error::{Fail, unsupported};
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::tables::map;
use crate::onnx::fuse::value::{Inputs, Joined, Real, Value};
use crate::onnx::fuse::with_constant::{same_shape, scalar};
use crate::onnx::lower::building::Building;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// Max and Min of tensors and scalars.
pub fn extreme(_: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let op = node.op();
    let mut value = any(inputs, 0)?.clone();
    for i in 1..inputs.len() {
        let pair = [Some(value), Some(any(inputs, i)?.clone())];
        value = match (any(&pair, 0)?, any(&pair, 1)?) {
            (Value::Real(Real::Table(t)), other) | (other, Value::Real(Real::Table(t))) if scalar(other).is_some() => {
                let s = scalar(other).unwrap_or(0.0);
                same_shape(t, other)?;
                let made = map(t, |v| Ok(if op == "Max" { v.max(s) } else { v.min(s) }))?.with_error(t.errors());
                Value::Real(Real::Table(made))
            }
            (Value::Real(Real::Table(t)), Value::Real(Real::Table(u))) => {
                let parts = vec![t.clone(), u.clone()];
                Value::Real(Real::Joined(Rc::new(Joined::Extreme { parts, least: op == "Min" })))
            }
            (Value::Real(Real::Joined(j)), Value::Real(Real::Table(t))) => match &**j {
                Joined::Extreme { parts, least } if *least == (op == "Min") => {
                    let parts = parts.iter().chain([t]).cloned().collect();
                    Value::Real(Real::Joined(Rc::new(Joined::Extreme { parts, least: *least })))
                }
                _ => return unsupported(format!("{op} of these operands"), "put QuantizeLinear and DequantizeLinear before it"),
            },
            _ => return unsupported(format!("{op} of these operands"), "it takes dequantised tensors, and scalars"),
        };
    }
    Ok(value)
}
