// SPDX-License-Identifier: Apache-2.0
//! What products by constants have in common: their operands between DequantizeLinear and QuantizeLinear, scales, weights as a graph has
//! them.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::Dequantised;
use crate::onnx::fuse::bias::Bias;
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::mean_product::product_of_mean;
use crate::onnx::fuse::operands::{any, table};
use crate::onnx::fuse::value::{Eight, Inputs, Pending, PendingKind, Real, Value};
use crate::onnx::fuse::weights::Weights;
use crate::onnx::lower::building::Building;
use crate::onnx::lower::requantise::linearised;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// A product of dequantised codes and constant weights (Conv, MatMul, Gemm), not quantised yet; `outputs`: the axis of the output channels
/// in weights of a rank; `made`: the operator on codes with zero point and scale.
///
/// # Errors
/// Operands that are not quantised, or scales along another axis; what the operator says.
pub fn product(
    g: &mut Building,
    node: &Node,
    inputs: Inputs,
    outputs: impl Fn(usize) -> usize,
    made: impl FnOnce(&mut Building, &Eight, i8, f32, &mut Weights, Option<Bias>) -> Result<Pending, Fail>,
) -> Result<Value, Fail> {
    let weights = match any(inputs, 1)? {
        Value::Real(Real::Const(c)) => c.clone(),
        Value::Const(_) => return unsupported("its weights are float32", "quantise them (DequantizeLinear of an int8 constant)"),
        _ if matches!(any(inputs, 0)?, Value::Const(_) | Value::Real(Real::Const(_))) => {
            return unsupported(
                "its first operand is a constant, and not its second",
                "transpose the product: (A B)^T = B^T A^T",
            );
        }
        _ => {
            return unsupported(
                "its weights are computed by the graph",
                "MatMul takes two activations, both dequantised; other products take constant weights",
            );
        }
    };
    let channel = outputs(weights.shape.len());
    if weights.scales.len() > 1 && weights.axis != channel {
        return unsupported(
            format!("weight scales go along axis {}, which is not the output channels'", weights.axis),
            "quantise weights per output channel",
        );
    }
    let Dequantised { shape, ints, scales, element, vector, .. } = weights;
    let mut w = Weights { shape, ints: ints.to_vec(), scales: scales.to_vec(), element, vector };
    let bias = inputs.get(2).and_then(Option::as_ref).map(Bias::of).transpose()?;
    if let Some(product) = product_of_mean(node, node.op(), any(inputs, 0)?, &w, bias.as_ref())? {
        return Ok(Value::Real(Real::Pending(Rc::new(product))));
    }
    let x = linearised(g, node, &table(inputs, 0, "the activation")?)?;
    let Some((x_scale, zero_point)) = x.linear() else { return wrong("no codes") };
    let mut pending = made(g, &x.eight, zero_point, x_scale, &mut w, bias)?;
    if x.apart {
        pending.fuse = Fuse::Never;
    }
    Ok(Value::Real(Real::Pending(Rc::new(pending))))
}

/// Scales of every output channel: `f32(x_scale * w_scale)`.
pub fn combined(x_scale: f32, scales: &[f32], outputs: usize) -> Result<Vec<f32>, Fail> {
    match scales.len() {
        1 => Ok(vec![x_scale * scales[0]; outputs]),
        n if n == outputs => Ok(scales.iter().map(|s| x_scale * s).collect()),
        n => wrong(format!("{n} weight scales, {outputs} output channels")),
    }
}

/// Weights as they are in a graph.
pub fn narrow(ints: impl Iterator<Item = i32>) -> Result<Vec<i16>, Fail> {
    ints.map(|v| i16::try_from(v).ok().filter(|v| (-255..=255).contains(v)))
        .collect::<Option<Vec<i16>>>()
        .ok_or_else(|| Fail::Wrong("weights less their zero point are beyond -255 to 255".into()))
}

/// An operation with nothing behind it yet.
pub fn pending(kind: PendingKind, shape: Vec<usize>, map: [usize; 3], order: Vec<u32>, fuse: Fuse) -> Pending {
    Pending { kind, shape, map, order: Rc::new(order), clip: Clip::NONE, fuse, moved: false }
}
