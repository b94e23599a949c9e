// SPDX-License-Identifier: Apache-2.0
//! Constants while a model is read.

use crate::onnx::array::Array;
use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported};
use std::rc::Rc;

/// A named constant.
#[derive(Debug, Clone)]
pub enum Known {
    /// Its elements.
    Array(Rc<Array>),
    /// What DequantizeLinear makes of integers.
    Dequantised(Dequantised),
    /// Of an element type that is not read: its name.
    Foreign(String),
}

/// Constant integers with what they stand for.
#[derive(Debug, Clone)]
pub struct Dequantised {
    pub shape: Vec<usize>,
    /// Less their zero points.
    pub ints: Rc<Vec<i32>>,
    pub scales: Rc<Vec<f32>>,
    /// The dimension that several scales go along.
    pub axis: usize,
    pub element: ElementType,
    /// The zero point, where it is one.
    pub zero: Option<i32>,
    /// Its scale or zero point has a dimension.
    pub vector: bool,
}

impl Dequantised {
    /// Its values.
    pub fn floats(&self) -> Vec<f32> {
        let inner: usize = self.shape.iter().skip(self.axis + 1).product();
        let scale = |n: usize| self.scales[if self.scales.len() > 1 { n / inner.max(1) % self.scales.len() } else { 0 }];
        self.ints.iter().enumerate().map(|(n, &v)| v as f32 * scale(n)).collect()
    }
}

/// Inputs of a node, some of them constants.
pub trait Given {
    /// Input `i` as a constant, if it is given.
    ///
    /// # Errors
    /// An input that the graph computes.
    fn constant(&self, i: usize) -> Result<Option<&Array>, Fail>;
}

/// The refusal of an input that has to be a constant and is computed by the graph.
pub fn computed<T>(i: usize) -> Result<T, Fail> {
    unsupported(format!("input {i} is computed by the graph; the machine needs it when it compiles"), "make it an initialiser")
}

impl Given for [Option<Known>] {
    fn constant(&self, i: usize) -> Result<Option<&Array>, Fail> {
        match self.get(i).and_then(Option::as_ref) {
            None => Ok(None),
            Some(Known::Array(a)) => Ok(Some(a)),
            Some(_) => computed(i),
        }
    }
}

/// Input `i` as a constant, if it is given.
///
/// # Errors
/// An input that the graph computes.
pub fn constant<I: Given + ?Sized>(inputs: &I, i: usize) -> Result<Option<&Array>, Fail> {
    inputs.constant(i)
}
