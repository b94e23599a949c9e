// SPDX-License-Identifier: Apache-2.0
//! Shapes and element types that a file states: of the graph's inputs, and of values between its nodes.

use crate::onnx::array::{LARGEST_MAP, elements};
use crate::onnx::element::ElementType;
use crate::onnx::error::ImportError;
use crate::onnx::proto::{DimensionValue, TensorShapeProto, ValueInfoProto};

/// An input of the graph that is no constant.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// The tensor it is of: its name in the file. Inputs of one tensor stand one behind the other.
    pub tensor: String,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// int8, uint8, float32, or int64 or int32 of indices.
    pub element: ElementType,
}

/// Whether it is a tensor of float32.
pub fn is_float32(input: &ValueInfoProto) -> bool {
    input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).is_some_and(|t| t.elem_type == 1)
}

/// The first dimension where it is open (a name, -1 as Paddle writes it, or nothing): the batch.
fn open_batch(shape: &TensorShapeProto) -> Option<String> {
    match &shape.dim.first()?.value {
        Some(DimensionValue::Value(v)) if *v < 0 => Some(v.to_string()),
        Some(DimensionValue::Value(_)) => None,
        Some(DimensionValue::Param(p)) => Some(format!("'{p}'")),
        None => Some("that is open".into()),
    }
}

/// An input of the graph. A note goes to `notes` where its batch is open and becomes 1.
///
/// # Errors
/// [`ImportError::Graph`] of no tensor or a dimension of 0; [`ImportError::Beyond`] of other open dimensions, of element types that the
/// machine does not take, and of more elements than any configuration holds.
pub fn input(input: &ValueInfoProto, notes: &mut Vec<String>) -> Result<Input, ImportError> {
    let wrong = |what: String| Err(ImportError::Graph(format!("input '{}': {what}", input.name)));
    let beyond = |what: String| Err(ImportError::Beyond(format!("input '{}': {what}", input.name)));
    let Some(tensor) = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else {
        return wrong("is no tensor".into());
    };
    let Some(shape) = &tensor.shape else { return beyond("has no shape; give the model static shapes".into()) };
    let batch = open_batch(shape);
    let mut dims = vec![];
    for d in &shape.dim {
        match &d.value {
            _ if dims.is_empty() && batch.is_some() => dims.push(1),
            Some(DimensionValue::Value(v)) if *v > 0 => dims.push(*v as usize),
            Some(DimensionValue::Value(v)) => return wrong(format!("has a dimension of {v}; every dimension is at least 1")),
            Some(DimensionValue::Param(p)) => {
                return beyond(format!("dimension '{p}' is dynamic; fix it (onnxruntime.tools.make_dynamic_shape_fixed)"));
            }
            None => return beyond("has an unknown dimension; give the model static shapes".into()),
        }
    }
    if elements(&dims).is_none_or(|n| n > LARGEST_MAP) {
        return beyond(format!("shape {dims:?} is more than {LARGEST_MAP} elements; no configuration holds so large a map"));
    }
    let element = match ElementType::from_code(tensor.elem_type) {
        Ok(element) => element,
        Err(name) => {
            return beyond(format!(
                "element type {name}; the machine takes int8, uint8 or float32, and int64 or int32 of indices"
            ));
        }
    };
    if let Some(batch) = batch {
        notes.push(format!("input '{}': its first dimension, {batch}, is taken as a batch of 1: shape {dims:?}", input.name));
    }
    Ok(Input { name: input.name.clone(), tensor: input.name.clone(), shape: dims, element })
}

/// What a file states of a value between nodes, an open batch as 1: its shape where every other dimension is a number, its element
/// type where it is one that is read.
pub fn stated(info: &ValueInfoProto) -> (Option<Vec<usize>>, Option<ElementType>) {
    let Some(tensor) = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else { return (None, None) };
    let dims = tensor.shape.as_ref().and_then(|shape| {
        let batch = open_batch(shape).is_some();
        let dim = |(i, d): (usize, &crate::onnx::proto::Dimension)| match &d.value {
            _ if i == 0 && batch => Some(1),
            Some(DimensionValue::Value(v)) => usize::try_from(*v).ok().filter(|&v| v > 0),
            _ => None,
        };
        shape.dim.iter().enumerate().map(dim).collect::<Option<Vec<usize>>>()
    });
    (dims.filter(|d| elements(d).is_some_and(|n| n <= LARGEST_MAP)), ElementType::from_code(tensor.elem_type).ok())
}
