// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a model, or with a node of it; what the machine cannot run.

use std::fmt;
use thiserror::Error;

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

/// Why a node gives no value.
pub enum Fail {
    /// It contradicts ONNX.
    Wrong(String),
    /// The machine cannot run it: reason, and what would help.
    Unsupported(String, String),
}

/// It contradicts ONNX.
pub fn wrong<T>(what: impl Into<String>) -> Result<T, Fail> {
    Err(Fail::Wrong(what.into()))
}

/// The machine cannot run it.
pub fn unsupported<T>(reason: impl Into<String>, help: &str) -> Result<T, Fail> {
    Err(Fail::Unsupported(reason.into(), help.to_string()))
}
