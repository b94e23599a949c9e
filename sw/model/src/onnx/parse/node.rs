// SPDX-License-Identifier: Apache-2.0
//! A node with its attributes.

use crate::onnx::array::Array;
use crate::onnx::error::{Fail, ImportError, wrong};
use crate::onnx::parse::tensors::array;
use crate::onnx::proto::{AttributeProto, NodeProto};

/// A node: operator, names of its inputs and outputs, attributes.
#[derive(Debug, Clone)]
pub struct Node {
    /// As it is in the file.
    pub proto: NodeProto,
    /// Its name, or that of its first output.
    pub name: String,
    /// Why it cannot be computed although all its inputs are constants: reason, and what would help.
    pub refused: Option<(String, String)>,
}

impl Node {
    /// Of a message; named after its first output where it has no name.
    pub fn new(proto: NodeProto) -> Node {
        let name = if proto.name.is_empty() { proto.output.first().cloned().unwrap_or_default() } else { proto.name.clone() };
        Node { proto, name, refused: None }
    }

    /// Whether it is an operator of ONNX itself, of the domain without a name.
    pub fn is_standard(&self) -> bool {
        matches!(self.proto.domain.as_str(), "" | "ai.onnx")
    }

    /// Operator.
    pub fn op(&self) -> &str {
        &self.proto.op_type
    }

    /// Names of the inputs that are given.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.proto.input.iter().map(String::as_str).filter(|n| !n.is_empty())
    }

    /// The error that this node contradicts ONNX or itself.
    pub fn wrong(&self, what: String) -> ImportError {
        ImportError::Node { node: self.name.clone(), op: self.op().to_string(), what }
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.proto.attribute.iter().find(|a| a.name == name)
    }

    /// An attribute, or what it is where it is not given.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.i)
    }

    /// Likewise a float32.
    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |a| a.f)
    }

    /// Likewise a text; empty where it is not given.
    pub fn text(&self, name: &str) -> String {
        self.attribute(name).map_or(String::new(), |a| String::from_utf8_lossy(&a.s).into_owned())
    }

    /// Whether an attribute is given.
    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// A constant tensor, if it is given.
    ///
    /// # Errors
    /// Element types that are not read; data that does not fit its shape.
    pub fn tensor(&self, name: &str) -> Result<Option<Array>, Fail> {
        let Some(t) = self.attribute(name).and_then(|a| a.t.as_ref()) else { return Ok(None) };
        array(t).map(Some).map_err(|e| match e {
            ImportError::Element { element, .. } => {
                Fail::Unsupported(format!("a constant of {element}"), "int8, uint8, int32, int64 and float32 are read".into())
            }
            e => Fail::Wrong(e.to_string()),
        })
    }

    /// A list of sizes, or `default` for all.
    ///
    /// # Errors
    /// Another number of them; sizes below 0 or above 2^20.
    pub fn sizes<const N: usize>(&self, name: &str, default: usize) -> Result<[usize; N], Fail> {
        let Some(a) = self.attribute(name) else { return Ok([default; N]) };
        let list: Option<Vec<usize>> = a.ints.iter().map(|&v| usize::try_from(v).ok().filter(|&v| v <= 1 << 20)).collect();
        match list.and_then(|l| <[usize; N]>::try_from(l).ok()) {
            Some(sizes) => Ok(sizes),
            None => wrong(format!("attribute {name} is {:?}, not {N} sizes", a.ints)),
        }
    }

    /// Numbers, if they are given.
    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        self.attribute(name).map(|a| a.floats.as_slice())
    }

    /// Integers, if they are given.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| a.ints.as_slice())
    }
}
