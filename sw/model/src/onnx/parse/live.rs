// SPDX-License-Identifier: Apache-2.0
//! Which nodes count, and in which order: those that lead to an output, each behind what makes its inputs.

use crate::onnx::error::ImportError;
use crate::onnx::parse::node::Node;
use std::collections::{HashMap, HashSet};

/// How often each name is read by what leads to an output, the outputs included.
pub fn readers(nodes: &[Node], outputs: &[String]) -> HashMap<String, usize> {
    let makers: HashMap<&str, usize> =
        nodes.iter().enumerate().flat_map(|(i, n)| n.proto.output.iter().map(move |o| (o.as_str(), i))).collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut seen = vec![false; nodes.len()];
    let mut waiting: Vec<&str> = outputs.iter().map(String::as_str).collect();
    while let Some(name) = waiting.pop() {
        *counts.entry(name.to_string()).or_default() += 1;
        if let Some(&maker) = makers.get(name).filter(|&&m| !seen[m]) {
            seen[maker] = true;
            waiting.extend(nodes[maker].inputs());
        }
    }
    counts
}

/// Leaves out what leads to no output. A graph without outputs keeps all.
pub fn keep_live(nodes: Vec<Node>, outputs: &[String]) -> Vec<Node> {
    if outputs.is_empty() {
        return nodes;
    }
    let counts = readers(&nodes, outputs);
    nodes.into_iter().filter(|n| n.proto.output.iter().any(|o| !o.is_empty() && counts.contains_key(o))).collect()
}

/// Puts each node behind what makes its inputs; `known`: names that no node makes. The order of the file is kept where it is one.
///
/// # Errors
/// Inputs that nothing makes, cycles, names that two nodes or a constant make.
pub fn sorted(mut nodes: Vec<Node>, known: HashSet<String>) -> Result<Vec<Node>, ImportError> {
    let mut known = known;
    let mut order = Vec::with_capacity(nodes.len());
    while !nodes.is_empty() {
        let before = nodes.len();
        let mut waiting = vec![];
        for node in nodes {
            if !node.inputs().all(|name| known.contains(name)) {
                waiting.push(node);
                continue;
            }
            for output in node.proto.output.iter().filter(|o| !o.is_empty()) {
                if !known.insert(output.clone()) {
                    return Err(node.wrong("its output has the name of another value".into()));
                }
            }
            order.push(node);
        }
        if waiting.len() == before {
            let node = &waiting[0];
            let missing = node.inputs().find(|name| !known.contains(*name)).unwrap_or("?");
            return Err(
                node.wrong(format!("input '{missing}' is made by no node before it: the graph is incomplete or has a cycle"))
            );
        }
        nodes = waiting;
    }
    Ok(order)
}
