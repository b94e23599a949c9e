// SPDX-License-Identifier: Apache-2.0
//! Functions that a model defines itself: their nodes take the place of every call before anything else is read.

use crate::onnx::error::ImportError;
use crate::onnx::proto::{AttributeProto, FunctionProto, GraphProto, NodeProto};
use std::collections::HashMap;

/// Calls inside of functions that are called, and nodes of a graph, go no further.
const DEEPEST: usize = 32;

const MOST_NODES: usize = 1 << 16;

/// Replaces every call of one of `functions` by its nodes.
///
/// # Errors
/// Functions that call themselves, or more nodes than any network has.
pub fn inline(graph: &mut GraphProto, functions: &[FunctionProto]) -> Result<(), ImportError> {
    let same = |a: &str, b: &str| a == b || ["", "ai.onnx"].contains(&a) && ["", "ai.onnx"].contains(&b);
    for depth in 0.. {
        let function = |n: &NodeProto| functions.iter().find(|f| f.name == n.op_type && same(&f.domain, &n.domain));
        if graph.node.iter().all(|n| function(n).is_none()) {
            return Ok(());
        }
        if depth == DEEPEST || graph.node.len() > MOST_NODES {
            return Err(ImportError::Beyond(format!("functions call each other more than {DEEPEST} deep")));
        }
        let nodes = std::mem::take(&mut graph.node);
        for (call, node) in nodes.into_iter().enumerate() {
            match function(&node) {
                Some(function) => graph.node.extend(body(function, &node, &format!("{}#{depth}.{call}", node.op_type))),
                None => graph.node.push(node),
            }
        }
    }
    Ok(())
}

/// The nodes of a function with the names and attributes of a call; names of its own begin with `prefix`.
fn body<'a>(function: &'a FunctionProto, call: &'a NodeProto, prefix: &'a str) -> impl Iterator<Item = NodeProto> + 'a {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let given = |list: &'a [String], i: usize| list.get(i).map_or("", String::as_str);
    names.extend(function.input.iter().enumerate().map(|(i, name)| (name.as_str(), given(&call.input, i))));
    for (i, name) in function.output.iter().enumerate().filter(|(i, _)| !given(&call.output, *i).is_empty()) {
        names.insert(name, given(&call.output, i));
    }
    let rename = move |name: &String| match names.get(name.as_str()) {
        Some(outside) => (*outside).to_string(),
        None if name.is_empty() => String::new(),
        None => format!("{prefix}/{name}"),
    };
    function.node.iter().map(move |node| NodeProto {
        input: node.input.iter().map(&rename).collect(),
        output: node.output.iter().map(&rename).collect(),
        name: if node.name.is_empty() { String::new() } else { format!("{prefix}/{}", node.name) },
        attribute: node.attribute.iter().filter_map(|a| attribute(a, function, call)).collect(),
        ..node.clone()
    })
}

/// An attribute that refers to one of the call's, or to what the function has where the call gives none, is that one.
fn attribute(a: &AttributeProto, function: &FunctionProto, call: &NodeProto) -> Option<AttributeProto> {
    if a.ref_attr_name.is_empty() {
        return Some(a.clone());
    }
    let given = call.attribute.iter().chain(&function.attribute_proto).find(|g| g.name == a.ref_attr_name)?;
    Some(AttributeProto { name: a.name.clone(), ..given.clone() })
}
