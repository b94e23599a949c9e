// SPDX-License-Identifier: Apache-2.0
//! ONNX models to quantised graphs.
//!
//! Read are quantised networks as ONNX Runtime's tools write them: QLinear operators, integer operators, and
//! groups of DequantizeLinear, float operators, QuantizeLinear. What the machine cannot run is collected and
//! reported at once.

mod affine;
mod bilinear;
mod broadcast;
mod convtranspose;
mod edge;
mod float;
mod functions;
mod fuse;
mod import;
mod layout;
mod moves;
mod mul;
mod node;
mod ops;
mod outputs;
mod pairs;
mod pool;
mod product;
pub mod proto;
mod quantize;
mod resize;
mod sums;
mod tensor;
mod value;

pub use import::{Constants, import};
pub use tensor::{Array, Data};

use std::fmt;
use thiserror::Error;

/// Element types of tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// float32
    Float32,
    /// uint8
    Uint8,
    /// int8
    Int8,
    /// int32
    Int32,
    /// int64
    Int64,
}

impl ElementType {
    /// By its number in onnx.proto; otherwise its name.
    pub(crate) fn from_code(code: i32) -> Result<ElementType, String> {
        const NAMES: [&str; 26] = [
            "undefined",
            "float32",
            "uint8",
            "int8",
            "uint16",
            "int16",
            "int32",
            "int64",
            "string",
            "bool",
            "float16",
            "float64",
            "uint32",
            "uint64",
            "complex64",
            "complex128",
            "bfloat16",
            "float8e4m3fn",
            "float8e4m3fnuz",
            "float8e5m2",
            "float8e5m2fnuz",
            "uint4",
            "int4",
            "float4e2m1",
            "float8e8m0",
            "uint2",
        ];
        match code {
            1 => Ok(ElementType::Float32),
            2 => Ok(ElementType::Uint8),
            3 => Ok(ElementType::Int8),
            6 => Ok(ElementType::Int32),
            7 => Ok(ElementType::Int64),
            other => Err(usize::try_from(other)
                .ok()
                .and_then(|i| NAMES.get(i))
                .map_or(format!("number {other}"), |n| (*n).to_string())),
        }
    }

    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            ElementType::Uint8 | ElementType::Int8 => 1,
            ElementType::Float32 | ElementType::Int32 => 4,
            ElementType::Int64 => 8,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ElementType::Float32 => "float32",
            ElementType::Uint8 => "uint8",
            ElementType::Int8 => "int8",
            ElementType::Int32 => "int32",
            ElementType::Int64 => "int64",
        })
    }
}

/// A node that the machine cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// Name of the node, or of its first output.
    pub node: String,
    /// Operator.
    pub op: String,
    /// Why not.
    pub reason: String,
    /// What would help.
    pub help: String,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.node, self.op, self.reason)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "; {}", self.help) }
    }
}

/// What is wrong with a model.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ImportError {
    /// Not a protobuf message of ONNX.
    #[error("not an ONNX model: {0}")]
    Protobuf(String),
    /// No graph, a cycle and the like.
    #[error("{0}")]
    Graph(String),
    /// A sound model that needs what is not read: several inputs, dynamic shapes, another opset and the like.
    #[error("{0}")]
    Beyond(String),
    /// An element type that is not read.
    #[error("tensor '{name}' is {element}; int8, uint8, int32, int64 and float32 are read")]
    Element {
        /// The tensor.
        name: String,
        /// Its element type.
        element: String,
    },
    /// A tensor of constants.
    #[error("tensor '{name}': {what}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A node that contradicts ONNX or itself.
    #[error("node {node} ({op}): {what}")]
    Node {
        /// Name of the node, or of its first output.
        node: String,
        /// Operator.
        op: String,
        /// What is wrong.
        what: String,
    },
    /// Nodes that the machine cannot run, all of them.
    #[error("{}", list(.0))]
    Unsupported(Vec<Unsupported>),
    /// The same of a float32 model in which nothing is quantised.
    #[error("{}\n  the model is float32, not quantised: docs/quantising.md says how to quantise it", list(.0))]
    NotQuantised(Vec<Unsupported>),
}

fn list(nodes: &[Unsupported]) -> String {
    let count = if nodes.len() == 1 { "1 node".into() } else { format!("{} nodes", nodes.len()) };
    let lines = nodes.iter().map(|u| format!("  {u}")).collect::<Vec<_>>().join("\n");
    format!("{count} of the graph cannot run on the machine:\n{lines}")
}

impl ImportError {
    /// Whether the model is sound and the machine, or this reader, does not take it.
    pub fn is_unsupported(&self) -> bool {
        matches!(
            self,
            ImportError::Unsupported(_) | ImportError::NotQuantised(_) | ImportError::Beyond(_) | ImportError::Element { .. }
        )
    }
}

/// Reads a `TensorProto` file, as ONNX's test data has them.
///
/// # Errors
/// [`ImportError::Protobuf`], [`ImportError::Tensor`].
pub fn read_tensor(bytes: &[u8]) -> Result<(String, Array), ImportError> {
    let p: proto::TensorProto = prost::Message::decode(bytes).map_err(|e| ImportError::Protobuf(e.to_string()))?;
    Ok((p.name.clone(), Array::from_proto(&p)?))
}
