// SPDX-License-Identifier: Apache-2.0
//! Normalisations of the graph's float32 input, each quantised behind it, as a block that normalises first has them where the quantizer leaves
//! the input in float32 (QOperator). With the input's own codes they become one node before anything is lowered: the host computes
//! all of it, and one tensor goes to the machine.

use crate::onnx::element::ElementType;
use crate::onnx::fold::known::Known;
use crate::onnx::fold::scales::axis_of;
use crate::onnx::fuse::norms::NORMS;
use crate::onnx::parse::inputs::Input;
use crate::onnx::parse::live::keep_live;
use crate::onnx::parse::model::Model;
use crate::onnx::parse::node::Node;
use crate::onnx::proto::{AttributeProto, NodeProto};
use std::collections::HashMap;

/// The operator that they become, of the domain [`NORMS`]. Its inputs are the tensor, scale and zero point of its own codes where `plain`
/// is 1, and [`NORM_INPUTS`] for each normalisation, the n-th with the attributes `axes`n, `centered`n, `epsilon`n.
pub const INPUT_NORMS: &str = "InputNorms";
/// Scale and zero point of a normalisation's codes, gain, bias, epsilon, then scale and zero point of the codes of its variance and of those
/// of the sum with epsilon, of the codes that are squared and of the squares; names of what is not there are empty.
pub const NORM_INPUTS: usize = 13;

/// A normalisation of the input.
struct Norm {
    inputs: [String; NORM_INPUTS],
    axes: Vec<i64>,
    centered: bool,
    epsilon: f32,
    output: String,
    /// The node that quantises it.
    at: usize,
}

/// Scale and zero point of a QuantizeLinear whose own are constants.
fn quantiser(node: &Node, known: &HashMap<String, Known>) -> Option<[String; 2]> {
    let [_, scale, zero] = node.proto.input.as_slice() else { return None };
    let plain = ["block_size", "output_dtype", "precision"].iter().all(|name| !node.has(name));
    let constant = [scale, zero].into_iter().all(|name| known.contains_key(name));
    (node.op() == "QuantizeLinear" && node.is_standard() && plain && constant).then(|| [scale.clone(), zero.clone()])
}

/// The normalisation of the input that a node is.
fn norm(model: &Model, known: &HashMap<String, Known>, input: &Input, node: &Node) -> Option<Norm> {
    let own = node.proto.domain == NORMS && node.op() == "LayerNormalization";
    let standard = matches!(node.op(), "LayerNormalization" | "RMSNormalization" | "SimplifiedLayerNormalization");
    let rank = input.shape.len();
    // What other nodes make of the input's codes the host has not.
    let whole = node.proto.input.get(8).is_none_or(String::is_empty);
    if !(own && whole || standard && node.is_standard()) || rank == 0 {
        return None;
    }
    let of = |i: usize| node.proto.input.get(i).cloned().unwrap_or_default();
    let output = node.proto.output.first()?;
    let mut readers = model.nodes.iter().enumerate().filter(|(_, n)| n.inputs().any(|i| i == output));
    let (at, quantize) = readers.next()?;
    let [scale, zero] = quantiser(quantize, known)?;
    let rest = |i: usize| if own { of(i) } else { String::new() };
    let inputs = std::array::from_fn(|i| match i {
        0 => scale.clone(),
        1 => zero.clone(),
        2 | 3 => of(i - 1),
        4..=8 => rest(i - 1),
        _ => rest(i),
    });
    let sound = of(0) == input.name
        && readers.next().is_none()
        && !model.outputs.contains(output)
        && inputs.iter().all(|name| name.is_empty() || known.contains_key(name));
    let axes = match node.ints("axes") {
        Some(axes) if own => axes.to_vec(),
        _ => (axis_of(node.int("axis", -1), rank).ok()? as i64..rank as i64).collect(),
    };
    let centered = if own { node.int("centered", 1) != 0 } else { node.op() == "LayerNormalization" };
    let epsilon = if own { 0.0 } else { node.float("epsilon", 1e-5) };
    sound.then(|| Norm { inputs, axes, centered, epsilon, output: quantize.proto.output[0].clone(), at })
}

/// Replaces the normalisations of each float32 input, and what quantises it, by one node.
pub fn find(model: &mut Model, known: &HashMap<String, Known>) {
    for input in model.inputs.iter().filter(|i| i.element == ElementType::Float32).cloned().collect::<Vec<Input>>() {
        let reads = |n: &&Node| n.inputs().any(|name| *name == *input.name);
        let quantisers: Vec<(usize, [String; 2])> = (model.nodes.iter().enumerate())
            .filter(|(_, n)| reads(n))
            .filter_map(|(at, n)| quantiser(n, known).map(|codes| (at, codes)))
            .collect();
        let all = model.nodes.iter().filter(reads).count();
        let norms: Vec<Norm> = model.nodes.iter().filter(reads).filter_map(|n| norm(model, known, &input, n)).collect();
        if norms.is_empty()
            || quantisers.len() > 1
            || norms.len() + quantisers.len() != all
            || model.outputs.contains(&input.name)
        {
            continue;
        }
        let Some(first) = norms.iter().map(|n| n.at).chain(quantisers.iter().map(|q| q.0)).min() else { continue };
        let plain = quantisers.first();
        let mut inputs = vec![input.name.clone()];
        inputs.extend(plain.iter().flat_map(|(_, codes)| codes.clone()));
        let mut output: Vec<String> = plain.iter().map(|(at, _)| model.nodes[*at].proto.output[0].clone()).collect();
        let mut attribute = vec![AttributeProto { name: "plain".into(), i: i64::from(plain.is_some()), ..Default::default() }];
        for (n, norm) in norms.iter().enumerate() {
            inputs.extend(norm.inputs.iter().cloned());
            output.push(norm.output.clone());
            let i = i64::from(norm.centered);
            attribute.push(AttributeProto { name: format!("axes{n}"), ints: norm.axes.clone(), ..Default::default() });
            attribute.push(AttributeProto { name: format!("centered{n}"), i, ..Default::default() });
            attribute.push(AttributeProto { name: format!("epsilon{n}"), f: norm.epsilon, ..Default::default() });
        }
        let name = format!("normalisations of {}", input.name);
        let node = NodeProto { input: inputs, output, name, op_type: INPUT_NORMS.into(), attribute, domain: NORMS.into() };
        let replaced: Vec<usize> = norms.iter().map(|n| n.at).chain(quantisers.iter().map(|q| q.0)).collect();
        let mut made: Vec<Node> = vec![];
        for (i, n) in std::mem::take(&mut model.nodes).into_iter().enumerate() {
            if i == first {
                made.push(Node::new(node.clone()));
            }
            if !replaced.contains(&i) {
                made.push(n);
            }
        }
        model.nodes = keep_live(made, &model.outputs);
    }
}
