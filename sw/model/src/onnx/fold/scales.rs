// SPDX-License-Identifier: Apache-2.0
//! Scales, zero points and other constants among the inputs of a node.

use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::{Given, constant};
use crate::onnx::parse::node::Node;

/// Whether a float32 is a scale that ONNX Runtime and the machine take: a normal number above 0.
pub fn legal(scale: f32) -> bool {
    scale.is_normal() && scale > 0.0
}

/// The scales in input `i`, at least one.
///
/// # Errors
/// An input that is missing, computed by the graph, or no float32; scales that are no normal numbers above 0.
pub fn scales(inputs: &(impl Given + ?Sized), i: usize) -> Result<Vec<f32>, Fail> {
    let Some(array) = constant(inputs, i)? else { return wrong(format!("input {i}, a scale, is missing")) };
    let Some(values) = array.floats() else {
        return wrong(format!("input {i}, a scale, is {}, not float32", array.element()));
    };
    match values.iter().find(|&&s| !legal(s)) {
        Some(s) => wrong(format!("scale {s:e} (input {i}); a scale is a normal number above 0")),
        None if values.is_empty() => wrong(format!("input {i}, a scale, is empty")),
        None => Ok(values.to_vec()),
    }
}

/// The one scale in input `i`.
pub fn scale(inputs: &(impl Given + ?Sized), i: usize) -> Result<f32, Fail> {
    match scales(inputs, i)?.as_slice() {
        [s] => Ok(*s),
        more => unsupported(
            format!("{} scales of an activation (input {i}); the machine has one", more.len()),
            "quantise activations per tensor",
        ),
    }
}

/// Zero points as they stand in the model.
pub struct ZeroPoints {
    pub values: Vec<i32>,
    pub element: Option<ElementType>,
}

impl ZeroPoints {
    /// The one zero point as it is in the model, and whether codes are uint8.
    pub fn in_model(&self, node: &Node) -> Result<(i32, bool), Fail> {
        let (code, unsigned) = result_zero(node, self)?;
        Ok((i32::from(code) + if unsigned { 128 } else { 0 }, unsigned))
    }

    /// The one zero point as a code of the machine, of a tensor that is uint8 or int8.
    pub fn code_of(&self, of_unsigned: bool) -> Result<i8, Fail> {
        let expected = if of_unsigned { ElementType::Uint8 } else { ElementType::Int8 };
        match (self.values.as_slice(), self.element) {
            ([], _) => Ok(if of_unsigned { -128 } else { 0 }),
            ([v], Some(e)) if e == expected => Ok((v - if of_unsigned { 128 } else { 0 }) as i8),
            ([_], Some(e)) => wrong(format!("a zero point is {e}, its tensor {expected}")),
            (more, _) => {
                unsupported(format!("{} zero points of an activation; the machine has one", more.len()), "quantise per tensor")
            }
        }
    }
}

/// The zero points in input `i`; none: 0 of uint8, or of the tensor's type.
pub fn zero_point(inputs: &(impl Given + ?Sized), i: usize) -> Result<ZeroPoints, Fail> {
    let Some(array) = constant(inputs, i)? else { return Ok(ZeroPoints { values: vec![], element: None }) };
    let element = array.element();
    match array.integers() {
        Some(v) if matches!(element, ElementType::Int8 | ElementType::Uint8 | ElementType::Int32) => {
            Ok(ZeroPoints { values: v.iter().map(|&v| v as i32).collect(), element: Some(element) })
        }
        _ => wrong(format!("input {i}, a zero point, is {element}")),
    }
}

/// Whether codes of this zero point are uint8: what QuantizeLinear makes without one.
pub fn is_unsigned(node: &Node, zero: &ZeroPoints) -> Result<bool, Fail> {
    match zero.element {
        Some(ElementType::Int8) => Ok(false),
        Some(ElementType::Uint8) => Ok(true),
        None => match node.int("output_dtype", 2) {
            3 => Ok(false),
            0 | 2 => Ok(true),
            other => unsupported(format!("output_dtype {other}"), "quantise to int8 or uint8"),
        },
        Some(other) => unsupported(format!("codes of {other}"), "quantise to int8 or uint8"),
    }
}

/// The zero point of a result as a code.
pub fn result_zero(node: &Node, zero: &ZeroPoints) -> Result<(i8, bool), Fail> {
    let unsigned = is_unsigned(node, zero)?;
    let code = match zero.values.as_slice() {
        [] => {
            if unsigned {
                -128
            } else {
                0
            }
        }
        [v] => (v - if unsigned { 128 } else { 0 }) as i8,
        more => return unsupported(format!("{} zero points of an activation", more.len()), "quantise per tensor"),
    };
    Ok((code, unsigned))
}

/// Whether a scale or zero point in these inputs has a dimension.
pub fn has_dimension(inputs: &(impl Given + ?Sized), at: [usize; 2]) -> Result<bool, Fail> {
    let dimension = |i: usize| constant(inputs, i).map(|a| a.is_some_and(|a| !a.shape.is_empty()));
    Ok(dimension(at[0])? || dimension(at[1])?)
}

/// Refuses scales for blocks of elements along a dimension.
pub fn unblocked(node: &Node, inputs: &(impl Given + ?Sized)) -> Result<(), Fail> {
    let blocks = node.int("block_size", 0);
    if blocks != 0 {
        return unsupported(
            format!("block_size {blocks}: a scale for each block of elements"),
            "quantise per tensor, or weights per output channel",
        );
    }
    match constant(inputs, 1)? {
        Some(a) if a.shape.len() > 1 && a.len() > 1 => {
            wrong(format!("scales of shape {:?} without block_size; they are a scalar or go along one dimension", a.shape))
        }
        _ => Ok(()),
    }
}

/// The dimension that scales go along.
pub fn scale_axis(node: &Node, rank: usize) -> Result<usize, Fail> {
    let axis = node.int("axis", 1);
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(at)
        .ok()
        .filter(|&a| a < rank.max(2))
        .ok_or_else(|| Fail::Wrong(format!("axis {axis} of a tensor of rank {rank}")))
}

/// Elements along a dimension, and of everything behind it.
pub fn along(shape: &[usize], axis: usize) -> (usize, usize) {
    (shape.get(axis).copied().unwrap_or(1), shape.iter().skip(axis + 1).product())
}

/// A dimension by its number, counted from the end where that is negative.
pub fn axis_of(axis: i64, rank: usize) -> Result<usize, Fail> {
    usize::try_from(if axis < 0 { axis + rank as i64 } else { axis })
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| Fail::Wrong(format!("axis {axis} of a tensor of rank {rank}")))
}

/// The constant integers of an input, or of an attribute in old opsets.
pub fn list(node: &Node, inputs: &(impl Given + ?Sized), i: usize, name: &str) -> Result<Option<Vec<i64>>, Fail> {
    match constant(inputs, i)? {
        Some(a) => a.integers().map(Some).ok_or_else(|| Fail::Wrong(format!("{name} are not integers"))),
        None => Ok(node.ints(name).map(<[i64]>::to_vec)),
    }
}
