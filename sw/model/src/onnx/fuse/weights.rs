// SPDX-License-Identifier: Apache-2.0
//! Constant weights, and the int32 biases of operators on integers.

use crate::onnx::array::{Array, Data};
use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, wrong};
use crate::onnx::fold::known::constant;
use crate::onnx::fold::scales::{scales, zero_point};
use crate::onnx::fuse::bias::Bias;
use crate::onnx::fuse::value::Inputs;

/// Constant weights less their zero points.
pub struct Weights {
    pub shape: Vec<usize>,
    pub ints: Vec<i32>,
    /// One, or one for each output channel.
    pub scales: Vec<f32>,
    /// int8 or uint8 in the model.
    pub element: ElementType,
    /// The scale has a dimension.
    pub vector: bool,
}

/// Where the output channels of weights lie.
#[derive(Clone, Copy, PartialEq)]
pub enum Channels {
    First,
    Last,
}

/// Weights in input `i`, their scales and zero points in others.
pub fn weights(inputs: Inputs, i: usize, scale_at: Option<usize>, zero_at: usize, channels: Channels) -> Result<Weights, Fail> {
    let Some(array) = constant(inputs, i)? else { return wrong(format!("input {i}, the weights, is missing")) };
    if !matches!(array.element(), ElementType::Int8 | ElementType::Uint8) {
        return wrong(format!("input {i}, the weights, is {}, not int8 or uint8", array.element()));
    }
    let zero = zero_point(inputs, zero_at)?;
    if zero.element.is_some_and(|e| e != array.element()) {
        return wrong(format!("the weights are {}, their zero point is not", array.element()));
    }
    let scales = scale_at.map_or(Ok(vec![1.0]), |at| scales(inputs, at))?;
    let ints = subtract(array, &zero.values, channels)?;
    Ok(Weights { shape: array.shape.clone(), ints, scales, element: array.element(), vector: false })
}

fn subtract(array: &Array, zero: &[i32], channels: Channels) -> Result<Vec<i32>, Fail> {
    let values = array.integers().unwrap_or_default();
    if zero.len() <= 1 {
        let z = zero.first().copied().unwrap_or(0);
        return Ok(values.iter().map(|&v| v as i32 - z).collect());
    }
    let (outputs, inner) = match channels {
        Channels::Last => (array.shape.last().copied().unwrap_or(1), 1),
        Channels::First => {
            let outputs = array.shape.first().copied().unwrap_or(1);
            (outputs, values.len() / outputs.max(1))
        }
    };
    if zero.len() != outputs {
        return wrong(format!("{} zero points of weights with {outputs} output channels", zero.len()));
    }
    Ok(values.iter().enumerate().map(|(n, &v)| v as i32 - zero[n / inner % outputs]).collect())
}

/// int32 bias in input `i`.
pub fn bias(inputs: Inputs, i: usize) -> Result<Option<Bias>, Fail> {
    match constant(inputs, i)? {
        None => Ok(None),
        Some(Array { data: Data::I32(v), shape }) => Ok(Some(Bias::plain(shape.clone(), v.clone()))),
        Some(other) => wrong(format!("the bias (input {i}) is {}, not int32", other.element())),
    }
}
