// SPDX-License-Identifier: Apache-2.0
//! Parts and other orders of a normalisation that nothing has quantised, as a classifier takes its first token and QOperator networks reshape it
//! for each product that reads it: QuantizeLinear behind goes in front, once for all that have the same. It goes element by element, and
//! ONNX Runtime fuses it with no normalisation, so the codes are the same.

use crate::onnx::array::Array;
use crate::onnx::fold::known::Known;
use crate::onnx::fuse::norms::NORMS;
use crate::onnx::parse::model::Model;
use crate::onnx::parse::node::Node;
use crate::onnx::proto::NodeProto;
use std::collections::{HashMap, HashSet};

/// Whether a node makes a normalisation.
fn normalises(node: &Node) -> bool {
    let op = matches!(node.op(), "LayerNormalization" | "RMSNormalization" | "SimplifiedLayerNormalization");
    op && (node.is_standard() || node.proto.domain == NORMS)
}

/// Whether a node only takes parts, or says in which order elements are counted, by constants.
fn moves(node: &Node, known: &HashMap<String, Known>) -> bool {
    let constant = node.inputs().skip(1).all(|name| known.contains_key(name));
    let op = matches!(node.op(), "Gather" | "Slice" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose");
    op && node.is_standard() && constant
}

/// What reads a normalisation and ends in codes.
struct Reader {
    /// What moves its elements, one behind the other; none: it is quantised at once.
    parts: Vec<usize>,
    /// QuantizeLinear.
    quantize: usize,
    /// That one's first scale and zero point with its type.
    codes: [Array; 2],
}

/// Puts QuantizeLinear in front of what moves the elements of a normalisation.
pub fn find(model: &mut Model, known: &HashMap<String, Known>) {
    let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, node) in model.nodes.iter().enumerate() {
        node.inputs().for_each(|name| readers.entry(name).or_default().push(at));
    }
    let leaves: HashSet<&str> = model.outputs.iter().map(String::as_str).collect();
    let codes = |at: usize| -> Option<[Array; 2]> {
        let node = &model.nodes[at];
        let [_, scale, zero] = node.proto.input.as_slice() else { return None };
        let one = |name: &String| match known.get(name) {
            Some(Known::Array(a)) if a.len() == 1 => Some(Array::clone(a)),
            _ => None,
        };
        let plain = ["block_size", "output_dtype", "precision"].iter().all(|name| !node.has(name));
        let quantises = node.op() == "QuantizeLinear" && node.is_standard() && plain;
        quantises.then(|| Some([one(scale)?, one(zero)?])).flatten()
    };
    let reader = |&at: &usize| -> Option<Reader> {
        let (mut at, mut parts) = (at, vec![]);
        loop {
            if let Some(codes) = codes(at) {
                return Some(Reader { parts, quantize: at, codes });
            }
            let node = &model.nodes[at];
            let output = node.proto.output.first().filter(|o| moves(node, known) && !leaves.contains(o.as_str()))?;
            parts.push(at);
            let &[next] = readers.get(output.as_str())?.as_slice() else { return None };
            at = next;
        }
    };
    let (mut ahead, mut changed): (HashMap<usize, Vec<Node>>, HashMap<usize, Option<Node>>) = (HashMap::new(), HashMap::new());
    for (at, norm) in model.nodes.iter().enumerate().filter(|(_, n)| normalises(n)) {
        let Some(output) = norm.proto.output.first() else { continue };
        let mut groups: Vec<Vec<Reader>> = vec![];
        for reader in readers.get(output.as_str()).into_iter().flatten().filter_map(reader) {
            match groups.iter_mut().find(|group| group[0].codes == reader.codes) {
                Some(group) => group.push(reader),
                None => groups.push(vec![reader]),
            }
        }
        for (n, group) in groups.iter().enumerate().filter(|(_, group)| group.iter().any(|r| !r.parts.is_empty())) {
            let whole = format!("{output} (codes {n})");
            let first = &model.nodes[group[0].quantize];
            let with = |of: &Node, input: &str, output: &str| {
                let input = std::iter::once(input.to_string()).chain(of.proto.input.iter().skip(1).cloned()).collect();
                Node { proto: NodeProto { input, output: vec![output.into()], ..of.proto.clone() }, ..of.clone() }
            };
            ahead.entry(at).or_default().push(with(first, output, &whole));
            for reader in group {
                let own = &model.nodes[reader.quantize].proto.output[0];
                let mut input = whole.clone();
                for (n, &part) in reader.parts.iter().enumerate() {
                    let last = n + 1 == reader.parts.len();
                    let output = if last { own.clone() } else { format!("{} (codes)", model.nodes[part].proto.output[0]) };
                    changed.insert(part, Some(with(&model.nodes[part], &input, &output)));
                    input = output;
                }
                let same = || NodeProto {
                    input: vec![whole.clone()],
                    output: vec![own.clone()],
                    name: model.nodes[reader.quantize].name.clone(),
                    op_type: "Identity".into(),
                    attribute: vec![],
                    domain: String::new(),
                };
                changed.insert(reader.quantize, reader.parts.is_empty().then(|| Node::new(same())));
            }
        }
    }
    let mut made = vec![];
    for (at, node) in std::mem::take(&mut model.nodes).into_iter().enumerate() {
        made.extend(changed.remove(&at).unwrap_or(Some(node)));
        made.extend(ahead.remove(&at).unwrap_or_default());
    }
    model.nodes = made;
}
