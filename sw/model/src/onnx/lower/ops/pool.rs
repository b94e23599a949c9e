// SPDX-License-Identifier: Apache-2.0
//! MaxPool, GlobalMaxPool, AveragePool, GlobalAveragePool, and com.microsoft's QLinear forms of the means.

use crate::onnx::error::{Fail, unsupported};
use crate::onnx::fold::scales::{scale, zero_point};
use crate::onnx::fuse::operands::{any, codes_as_values, eight, linear, table};
use crate::onnx::fuse::value::{Inputs, Pending, Real, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::pools::{self, average, largest, ranked, window};
use crate::onnx::lower::requantise::quantize_integers;
use crate::onnx::parse::node::Node;

/// MaxPool and GlobalMaxPool of codes, or of what is a function of them: of the ranks of its values then.
pub fn max_pool(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let codes = match any(inputs, 0)? {
        Value::Eight(e) => Some(codes_as_values(e)),
        _ => None,
    };
    let mut t = match &codes {
        Some(t) => t.clone(),
        None => ranked(g, node, &table(inputs, 0, "X")?)?,
    };
    let global = node.op() == "GlobalMaxPool";
    let (window, shape, map, order) = window(g, node, &mut t.eight, global)?;
    let made = largest(g, node, &t, window, shape, map, order);
    // ONNX Runtime leaves the global one in float32, as it does ReduceMax.
    let made = Table { apart: made.apart || global, ..made };
    Ok(if codes.is_some() { Value::Eight(made.eight) } else { Value::Real(Real::Table(made)) })
}

/// AveragePool and GlobalAveragePool between DequantizeLinear and QuantizeLinear.
pub fn mean(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    pools::mean(g, node, any(inputs, 0)?, node.op() == "GlobalAveragePool")
}

/// com.microsoft.QLinearAveragePool and QLinearGlobalAveragePool.
pub fn qlinear(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if node.int("channels_last", 0) != 0 {
        return unsupported("channels_last", "use the layout NCHW");
    }
    let x = linear(eight(inputs, 0, "X")?, scale(inputs, 1)?, zero_point(inputs, 2)?)?;
    match average(g, node, &x, node.op() == "QLinearGlobalAveragePool")? {
        Value::Real(Real::Pending(p)) => {
            quantize_integers(g, node, Pending::clone(&p), scale(inputs, 3)?, &zero_point(inputs, 4)?)
        }
        other => Ok(other),
    }
}
