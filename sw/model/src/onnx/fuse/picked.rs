// SPDX-License-Identifier: Apache-2.0
//! Parts of a normalisation that nothing has quantised, as a classifier takes its first token: QuantizeLinear behind Gather or Slice goes in
//! front of it. It goes element by element, and ONNX Runtime fuses it with no normalisation, so the codes are the same.

use crate::onnx::fold::known::Known;
use crate::onnx::fuse::norms::NORMS;
use crate::onnx::parse::model::Model;
use crate::onnx::parse::node::Node;
use crate::onnx::proto::NodeProto;
use std::collections::HashMap;

/// Whether a node makes a normalisation.
fn normalises(node: &Node) -> bool {
    let op = matches!(node.op(), "LayerNormalization" | "RMSNormalization" | "SimplifiedLayerNormalization");
    op && (node.is_standard() || node.proto.domain == NORMS)
}

/// Whether a node only takes parts, by constants.
fn takes_parts(node: &Node, known: &HashMap<String, Known>) -> bool {
    let constant = node.inputs().skip(1).all(|name| known.contains_key(name));
    matches!(node.op(), "Gather" | "Slice") && node.is_standard() && constant
}

/// Puts QuantizeLinear in front of Gather and Slice behind a normalisation.
pub fn find(model: &mut Model, known: &HashMap<String, Known>) {
    let makers: HashMap<&str, &Node> =
        model.nodes.iter().filter_map(|n| n.proto.output.first().map(|o| (o.as_str(), n))).collect();
    let only = |name: &str| {
        let mut readers = model.nodes.iter().enumerate().filter(|(_, n)| n.inputs().any(|i| i == name));
        readers.next().filter(|_| readers.next().is_none() && !model.outputs.iter().any(|o| o == name))
    };
    let mut swapped = vec![];
    for (at, part) in model.nodes.iter().enumerate().filter(|(_, n)| takes_parts(n, known)) {
        let (Some(of), Some(output)) = (part.proto.input.first(), part.proto.output.first()) else { continue };
        let Some((behind, quantize)) = only(output) else { continue };
        let [_, scale, zero] = quantize.proto.input.as_slice() else { continue };
        let one = |name: &String| matches!(known.get(name), Some(Known::Array(a)) if a.len() == 1);
        if makers.get(of.as_str()).is_some_and(|n| normalises(n))
            && quantize.op() == "QuantizeLinear"
            && quantize.is_standard()
            && one(scale)
            && one(zero)
        {
            swapped.push((at, behind));
        }
    }
    for (at, behind) in swapped {
        let (part, quantize) = (model.nodes[at].clone(), model.nodes[behind].clone());
        let whole = format!("{} (codes)", part.proto.input[0]);
        let with = |of: &Node, input: String, output: String| {
            let rest = of.proto.input.iter().skip(1).cloned();
            let input = std::iter::once(input).chain(rest).collect();
            Node { proto: NodeProto { input, output: vec![output], ..of.proto.clone() }, ..of.clone() }
        };
        model.nodes[at] = with(&quantize, part.proto.input[0].clone(), whole.clone());
        model.nodes[behind] = with(&part, whole, quantize.proto.output[0].clone());
    }
}
