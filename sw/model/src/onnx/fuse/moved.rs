// SPDX-License-Identifier: Apache-2.0
//! Layout operators in a group. QuantizeLinear moves up through Reshape, Squeeze, Unsqueeze and Transpose before anything is fused, and not
//! through Flatten, DepthToSpace and SpaceToDepth (ONNX Runtime, QDQPropagationTransformer; observed). Behind the clips only: what
//! clips a value that was moved keeps it in float32, but for Transpose, which ONNX Runtime moves behind clips itself.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::plan::plan;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::scalar::Scalar;
use crate::onnx::fuse::value::{Eight, Inputs, Pending, Real, Table, Value};
use crate::onnx::parse::node::Node;
use std::rc::Rc;

fn counted(e: &Eight, shape: Vec<usize>, moves: &Option<Vec<u32>>) -> Eight {
    let place = match moves {
        None => e.place.clone(),
        Some(moves) => Rc::new(moves.iter().map(|&from| e.place[from as usize]).collect()),
    };
    Eight { shape, place, ..e.clone() }
}

/// Operators that QuantizeLinear does not move up through, as it does through the other layout operators.
fn stays(op: &str) -> bool {
    matches!(op, "Flatten" | "DepthToSpace" | "SpaceToDepth")
}

/// The tensor, counted otherwise.
pub fn moved(node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let op = node.op();
    let of = |e: &Eight| -> Result<Eight, Fail> {
        let (shape, moves) = plan(node, node.op(), inputs, &e.shape)?;
        Ok(counted(e, shape, &moves))
    };
    match any(inputs, 0)? {
        Value::Eight(e) => Ok(Value::Eight(of(e)?)),
        Value::Sums(e) => Ok(Value::Sums(of(e)?)),
        Value::Real(Real::Input(e)) => Ok(Value::Real(Real::Input(of(e)?))),
        Value::Real(Real::Table(t)) if t.codes().is_none_or(|c| c.scales.len() == 1) => Ok(Value::Real(Real::Table(Table {
            eight: of(&t.eight)?,
            scalar: t.scalar.clone().filter(|_| !stays(op)).map(|s| Scalar { moved: s.moved || op != "Transpose", ..s }),
            apart: t.apart || stays(op),
            ..t.clone()
        }))),
        Value::Real(Real::Joined(_) | Real::Channels(_)) => {
            unsupported("tensors of several scales side by side", "quantise them first")
        }
        Value::Real(Real::Table(_)) => unsupported("a tensor with a scale for each channel", "quantise activations per tensor"),
        Value::Real(Real::Pending(p)) => {
            let (shape, moves) = plan(node, node.op(), inputs, &p.shape)?;
            let mut p = Pending::clone(p);
            if let Some(moves) = moves {
                let mut to = vec![0u32; moves.len()];
                for (after, &before) in moves.iter().enumerate() {
                    to[before as usize] = after as u32;
                }
                p.order = Rc::new(p.order.iter().map(|&place| to[place as usize]).collect());
            }
            p.shape = shape;
            p.moved |= op != "Transpose"; // which ONNX Runtime moves behind clips itself
            if stays(op) {
                p.fuse = Fuse::Never;
            }
            Ok(Value::Real(Real::Pending(Rc::new(p))))
        }
        Value::Const(_) | Value::Real(Real::Const(_)) => unsupported("a constant in an order that the graph computes", "fold it"),
        Value::Unknown | Value::Foreign(_) | Value::Outside(_) => wrong("its input is unknown"),
    }
}
