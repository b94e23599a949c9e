// SPDX-License-Identifier: Apache-2.0
//! What the host computes of an encoder: ONNX's operators on whole tensors, in float32 and integers, as onnx/docs/Operators.md
//! (ONNX 1.17) has them. It runs in front of the machine's first operator (embeddings, masks) and behind its last (pooling,
//! classifiers), and on constants while a model is read. None of it counts among the machine's cycles.

pub mod elementwise;
pub mod moves;
pub mod sums;
pub mod tensor;

use crate::onnx::parse::node::Node;
use std::sync::Arc;
use tensor::Tensor;

/// Inputs of a node; `None` where one is not given.
pub type Inputs<'a> = &'a [Option<Arc<Tensor>>];

/// Input `i`.
///
/// # Errors
/// It is not given.
pub fn input(x: Inputs<'_>, i: usize) -> Result<&Tensor, String> {
    x.get(i).and_then(Option::as_deref).ok_or_else(|| format!("input {i} is missing"))
}

/// Input `i` where it is given.
pub fn optional(x: Inputs<'_>, i: usize) -> Option<&Tensor> {
    x.get(i).and_then(Option::as_deref)
}

/// A dimension, counted from the end where it is negative.
pub fn axis_of(axis: i64, rank: usize) -> Result<usize, String> {
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(at).ok().filter(|&a| a < rank.max(1)).ok_or_else(|| format!("axis {axis} of a tensor of rank {rank}"))
}

/// Integers of an input, or of an attribute in older opsets.
fn list(node: &Node, x: Inputs, i: usize, name: &str) -> Result<Option<Vec<i64>>, String> {
    match optional(x, i) {
        Some(t) => t.as_ints().map(Some).ok_or_else(|| format!("{name} are not integers")),
        None => Ok(node.ints(name).map(<[i64]>::to_vec)),
    }
}

/// A number of an input, or of an attribute, or `default`.
fn number(node: &Node, x: Inputs, i: usize, name: &str, default: f32) -> f32 {
    optional(x, i).and_then(|t| t.to_floats().first().copied()).unwrap_or_else(|| node.float(name, default))
}

/// The outputs of a node. Outputs beyond the first are there where the operator computes them.
///
/// # Errors
/// Operators that the host does not have; inputs that contradict ONNX.
pub fn run(node: &Node, x: Inputs, opset: i64) -> Result<Vec<Tensor>, String> {
    if !node.is_standard() && node.proto.domain != "com.microsoft" {
        return Err(format!("the domain '{}' is not known", node.proto.domain));
    }
    let mut made = moves::run(node, x, opset)?;
    if made.is_none() {
        made = elementwise::run(node, x)?.map(|t| vec![t]);
    }
    if made.is_none() {
        made = sums::run(node, x, opset)?;
    }
    made.ok_or_else(|| "neither the machine nor the host computes this operator".into())
}
