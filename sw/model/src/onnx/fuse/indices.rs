// SPDX-License-Identifier: Apache-2.0
//! Where the indices of tables come from: an input of them goes through operators that pick and order its elements, maybe several ways, to
//! one Gather for each table.

use crate::onnx::fold::facts::Constants;
use crate::onnx::fold::known::Known;
use crate::onnx::fold::places::Places;
use crate::onnx::fold::scales::axis_of;
use crate::onnx::parse::inputs::Input;
use crate::onnx::parse::model::Model;
use std::collections::HashMap;

/// A node that takes rows of a constant table.
#[derive(Debug, Clone)]
pub struct Taker {
    /// Its place among the nodes.
    pub node: usize,
    /// Its indices.
    pub indices: Places,
}

/// The nodes that take rows of constant tables by an input's elements, in their order. `Err`: the place of a node that does something else
/// with them, or no node where they leave the graph.
pub fn takers(model: &Model, known: &HashMap<String, Known>, input: &Input) -> Result<Vec<Taker>, Option<usize>> {
    let mut places: HashMap<&str, Places> = HashMap::from([(input.name.as_str(), Places::whole(&input.shape))]);
    let mut all = vec![];
    for (at, node) in model.nodes.iter().enumerate() {
        let reads: Vec<usize> =
            (0..node.proto.input.len()).filter(|&i| places.contains_key(node.proto.input[i].as_str())).collect();
        let sound = node.is_standard() && node.refused.is_none();
        let rank = |name: &String| match known.get(name) {
            Some(Known::Array(a)) => Some(a.shape.len()),
            Some(Known::Dequantised(c)) => Some(c.shape.len()),
            _ => None,
        };
        match reads.as_slice() {
            [] => {}
            [1] if sound && node.op() == "Gather" && rank(&node.proto.input[0]).is_some() => {
                let rank = rank(&node.proto.input[0]).unwrap_or(0);
                if axis_of(node.int("axis", 0), rank).ok() != Some(0) {
                    return Err(Some(at));
                }
                all.push(Taker { node: at, indices: places[node.proto.input[1].as_str()].clone() });
            }
            [0] if sound => {
                let given = Constants { node, known };
                let made = places[node.proto.input[0].as_str()].through(node, &given).ok_or(Some(at))?;
                places.extend(node.proto.output.iter().map(String::as_str).zip(made));
            }
            _ => return Err(Some(at)),
        }
    }
    if model.outputs.iter().any(|name| places.contains_key(name.as_str())) { Err(None) } else { Ok(all) }
}
