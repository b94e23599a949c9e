// SPDX-License-Identifier: Apache-2.0
//! Where the machine ends and the host goes on: a Softmax behind which nothing but the host's operators stand is the host's; one in the
//! middle of a graph is a layer.

use crate::onnx::parse::node::Node;
use std::collections::HashSet;

/// Whether the host computes a node behind the last codes; `constant`: of a name.
fn of_host(node: &Node, constant: &dyn Fn(&str) -> bool) -> bool {
    let alone = node.inputs().filter(|name| !constant(name)).count() <= 1;
    node.is_standard()
        && match node.op() {
            "Add" | "Sub" | "Mul" | "Div" => alone,
            "Identity" | "Dropout" | "Softmax" | "LogSoftmax" | "ArgMax" | "QuantizeLinear" | "DequantizeLinear" | "Reshape"
            | "Flatten" | "Squeeze" | "Unsqueeze" | "Relu" | "Clip" | "LeakyRelu" => true,
            _ => false,
        }
}

/// Names that something behind reads which the host does not compute; `nodes` are sorted.
pub fn in_the_middle(nodes: &[Node], constant: impl Fn(&str) -> bool) -> HashSet<String> {
    let mut middle: HashSet<String> = HashSet::new();
    for node in nodes.iter().rev() {
        if !of_host(node, &constant) || node.proto.output.iter().any(|o| middle.contains(o)) {
            middle.extend(node.inputs().map(str::to_string));
        }
    }
    middle
}
