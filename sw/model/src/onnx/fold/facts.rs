// SPDX-License-Identifier: Apache-2.0
//! The shape and element type of each value, as far as they follow from constants, from the shapes of the inputs, or from what the file
//! states; and how many multiplications a node is.

use crate::onnx::element::ElementType;
use crate::onnx::error::Fail;
use crate::onnx::fold::known::{Given, Known, computed};
use crate::onnx::fold::shapes::infer;
use crate::onnx::parse::model::Model;
use crate::onnx::parse::node::Node;
use std::collections::HashMap;

#[derive(Debug, Clone, Default)]
struct Fact {
    shape: Option<Vec<usize>>,
    element: Option<ElementType>,
}

/// What is known of each value before anything is computed.
#[derive(Debug)]
pub struct Facts {
    of: HashMap<String, Fact>,
}

/// Inputs of a node, of which constants are known.
pub struct Constants<'a> {
    pub node: &'a Node,
    pub known: &'a HashMap<String, Known>,
}

impl Given for Constants<'_> {
    fn constant(&self, i: usize) -> Result<Option<&crate::onnx::array::Array>, Fail> {
        match self.node.proto.input.get(i).filter(|name| !name.is_empty()).map(|name| self.known.get(name)) {
            None => Ok(None),
            Some(Some(Known::Array(array))) => Ok(Some(array)),
            Some(_) => computed(i),
        }
    }
}

impl Facts {
    /// Of all values of a model with these constants.
    pub fn of(model: &Model, known: &HashMap<String, Known>) -> Facts {
        let mut facts = Facts { of: HashMap::new() };
        for (name, value) in known {
            let (shape, element) = match value {
                Known::Array(array) => (array.shape.clone(), array.element()),
                Known::Dequantised(c) => (c.shape.clone(), ElementType::Float32),
                Known::Foreign(_) => continue,
            };
            facts.of.insert(name.clone(), Fact { shape: Some(shape), element: Some(element) });
        }
        for input in &model.inputs {
            facts.of.insert(input.name.clone(), Fact { shape: Some(input.shape.clone()), element: Some(input.element) });
        }
        for node in &model.nodes {
            let shapes: Vec<Option<&[usize]>> = node.proto.input.iter().map(|name| facts.shape(name)).collect();
            let given = Constants { node, known };
            let made = infer(node, &given, &shapes, model.opset).unwrap_or_default();
            for (i, name) in node.proto.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
                let (stated, kind) = model.stated.get(name).cloned().unwrap_or_default();
                let shape = made.get(i).cloned().or(stated);
                let element = facts.made(node, i, &given).or(kind);
                facts.of.insert(name.clone(), Fact { shape, element });
            }
        }
        facts
    }

    /// The shape of a value, where it is known.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.of.get(name).and_then(|fact| fact.shape.as_deref())
    }

    /// The element type of a value, where it is known and one that is read.
    pub fn element(&self, name: &str) -> Option<ElementType> {
        self.of.get(name).and_then(|fact| fact.element)
    }

    fn shape_of(&self, node: &Node, i: usize) -> Option<&[usize]> {
        node.proto.input.get(i).and_then(|name| self.shape(name))
    }

    /// The element type of output `i` of a node: that of a zero point, of float32, of the first input.
    fn made(&self, node: &Node, i: usize, given: &Constants) -> Option<ElementType> {
        let zero = |i: usize| given.constant(i).ok().flatten().map(|a| a.element()).or(Some(ElementType::Uint8));
        match node.op() {
            "DequantizeLinear" => Some(ElementType::Float32),
            "DynamicQuantizeLinear" => Some(if i == 1 { ElementType::Float32 } else { ElementType::Uint8 }),
            "QuantizeLinear" if node.int("output_dtype", 0) == 3 => Some(ElementType::Int8),
            "QuantizeLinear" => zero(2),
            "QLinearConv" | "QLinearMatMul" | "QLinearAdd" | "QLinearMul" => zero(7),
            "QLinearConcat" => zero(1),
            "QGemm" => zero(8),
            op if op.starts_with("QLinear") => zero(4),
            op if op.ends_with("Integer") => Some(ElementType::Int32),
            "Shape" | "Size" | "ArgMax" | "ArgMin" | "NonZero" => Some(ElementType::Int64),
            "Cast" => i32::try_from(node.int("to", 0)).ok().and_then(|to| ElementType::from_code(to).ok()),
            "Equal" | "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual" | "Not" | "And" | "Or" | "IsNaN" | "IsInf" => None,
            "Where" => node.proto.input.get(1).and_then(|name| self.element(name)),
            _ => node.proto.input.first().and_then(|name| self.element(name)),
        }
    }

    /// Multiplications of a convolution or matrix product: the elements of its result times the length of a sum. `None`: another
    /// operator; `Some(None)`: shapes are not known.
    pub fn macs(&self, node: &Node) -> Option<Option<u64>> {
        let weights = match node.op() {
            "Conv" | "ConvTranspose" | "MatMul" | "Gemm" | "ConvInteger" | "MatMulInteger" => 1,
            "QLinearConv" | "QLinearMatMul" | "QGemm" => 3,
            _ => return None,
        };
        let count = |shape: &[usize]| shape.iter().try_fold(1u64, |a, &d| a.checked_mul(d as u64));
        let of = || -> Option<u64> {
            let x = self.shape_of(node, 0)?;
            let w = self.shape_of(node, weights)?;
            let y = self.shape(node.proto.output.first()?)?;
            match node.op() {
                "ConvTranspose" => count(x)?.checked_mul(count(w.get(1..)?)?),
                "Conv" | "QLinearConv" | "ConvInteger" => count(y)?.checked_mul(count(w.get(1..)?)?),
                "Gemm" if node.int("transA", 0) != 0 => count(y)?.checked_mul(*x.first()? as u64),
                _ => count(y)?.checked_mul(*x.last()? as u64),
            }
        };
        Some(of())
    }
}
