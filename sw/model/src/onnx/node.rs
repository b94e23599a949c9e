// SPDX-License-Identifier: Apache-2.0
//! A node with its attributes.

use super::proto::{AttributeProto, NodeProto};
use super::{Array, ImportError};

/// Why a node gives no value.
pub(super) enum Fail {
    /// It contradicts ONNX.
    Wrong(String),
    /// The machine cannot run it: reason, and what would help.
    Unsupported(String, String),
}

/// It contradicts ONNX.
pub(super) fn wrong<T>(what: impl Into<String>) -> Result<T, Fail> {
    Err(Fail::Wrong(what.into()))
}

/// The machine cannot run it.
pub(super) fn unsupported<T>(reason: impl Into<String>, help: &str) -> Result<T, Fail> {
    Err(Fail::Unsupported(reason.into(), help.to_string()))
}

pub(super) struct Node {
    pub proto: NodeProto,
    /// Its name, or that of its first output.
    pub name: String,
}

impl Node {
    pub fn new(proto: NodeProto) -> Node {
        let name = if proto.name.is_empty() { proto.output.first().cloned().unwrap_or_default() } else { proto.name.clone() };
        Node { proto, name }
    }

    pub fn op(&self) -> &str {
        &self.proto.op_type
    }

    /// Names of the inputs that are given.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.proto.input.iter().map(String::as_str).filter(|n| !n.is_empty())
    }

    pub fn wrong(&self, what: String) -> ImportError {
        ImportError::Node { node: self.name.clone(), op: self.op().to_string(), what }
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.proto.attribute.iter().find(|a| a.name == name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.i)
    }

    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |a| a.f)
    }

    pub fn text(&self, name: &str) -> String {
        self.attribute(name).map_or(String::new(), |a| String::from_utf8_lossy(&a.s).into_owned())
    }

    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub fn tensor(&self, name: &str) -> Result<Option<Array>, Fail> {
        let Some(t) = self.attribute(name).and_then(|a| a.t.as_ref()) else { return Ok(None) };
        Array::from_proto(t).map(Some).map_err(|e| match e {
            ImportError::Element { element, .. } => {
                Fail::Unsupported(format!("a constant of {element}"), "int8, uint8, int32, int64 and float32 are read".into())
            }
            e => Fail::Wrong(e.to_string()),
        })
    }

    /// A list of sizes, or `default` for all.
    pub fn sizes<const N: usize>(&self, name: &str, default: usize) -> Result<[usize; N], Fail> {
        let Some(a) = self.attribute(name) else { return Ok([default; N]) };
        let list: Option<Vec<usize>> = a.ints.iter().map(|&v| usize::try_from(v).ok().filter(|&v| v <= 1 << 20)).collect();
        match list.and_then(|l| <[usize; N]>::try_from(l).ok()) {
            Some(sizes) => Ok(sizes),
            None => wrong(format!("attribute {name} is {:?}, not {N} sizes", a.ints)),
        }
    }

    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        self.attribute(name).map(|a| a.floats.as_slice())
    }

    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| a.ints.as_slice())
    }
}
