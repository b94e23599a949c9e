// SPDX-License-Identifier: Apache-2.0
//! Operators of com.microsoft that ONNX Runtime's optimiser for transformers writes in place of two: BiasGelu and FastGelu with a bias are Add and
//! the function, each in float32.

use crate::onnx::parse::model::Model;
use crate::onnx::parse::node::Node;
use crate::onnx::proto::NodeProto;

/// Writes each of them as the two that it is.
pub fn find(model: &mut Model) {
    let both = |node: Node| -> Vec<Node> {
        let [x, bias] = node.proto.input.as_slice() else { return vec![node] };
        let function = match node.op() {
            "BiasGelu" => "Gelu",
            "FastGelu" => "FastGelu",
            _ => return vec![node],
        };
        if node.proto.domain != "com.microsoft" || bias.is_empty() {
            return vec![node];
        }
        let sum = format!("{} (with bias)", node.proto.output.first().map_or("", String::as_str));
        let add = NodeProto {
            input: vec![x.clone(), bias.clone()],
            output: vec![sum.clone()],
            name: format!("{} (bias)", node.name),
            op_type: "Add".into(),
            attribute: vec![],
            domain: String::new(),
        };
        let of = NodeProto { input: vec![sum], op_type: function.into(), ..node.proto.clone() };
        vec![Node::new(add), Node { proto: of, ..node }]
    };
    model.nodes = std::mem::take(&mut model.nodes).into_iter().flat_map(both).collect();
}
