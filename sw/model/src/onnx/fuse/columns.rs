// SPDX-License-Identifier: Apache-2.0
//! Columns of an input of indices, each of which takes rows of a table of its own that is quantised at once or has codes, as recommenders have them,
//! become one node before anything is lowered: the host takes all rows, and one tensor goes to the machine.

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

/// The operator that they become, of the domain [`NORMS`]. Its inputs are the indices, then a table, a scale
/// and a zero point for each output (neither for a table of codes); `places`: the index that each output takes, `ranks`: how many
/// dimensions of 1 it has before its row.
pub const COLUMNS: &str = "GatherColumns";

/// One column: the index it takes, its table with scale and zero point, the codes.
struct Column {
    place: i64,
    rank: i64,
    inputs: [String; 3],
    output: String,
    /// The node that quantises it.
    at: usize,
}

/// What reads a name, where that is one node of this operator.
fn only<'a>(nodes: &'a [Node], name: &str, op: &str) -> Option<(usize, &'a Node)> {
    let mut readers = nodes.iter().enumerate().filter(|(_, n)| n.inputs().any(|i| i == name));
    let (at, node) = readers.next().filter(|(_, n)| n.op() == op && n.is_standard())?;
    readers.next().is_none().then_some((at, node))
}

/// The column that a node which reads the input takes.
fn column(model: &Model, known: &HashMap<String, Known>, input: &Input, picks: &Node) -> Option<Column> {
    let rank = input.shape.len();
    let axis = axis_of(picks.int("axis", 0), rank).ok()?;
    let alone = (0..rank).all(|d| d == axis || input.shape[d] == 1);
    let Some(Known::Array(index)) = picks.proto.input.get(1).and_then(|name| known.get(name)) else { return None };
    let size = input.shape[axis] as i64;
    let ranks = rank - 1 + index.shape.len();
    let index = index.integers().filter(|i| i.len() == 1)?[0];
    let place = if index < 0 { index + size } else { index };
    let picked = picks.proto.output.first()?;
    let (takes, rows) = only(&model.nodes, picked, "Gather")?;
    let [table, of] = rows.proto.input.as_slice() else { return None };
    let row = rows.proto.output.first()?;
    let sound = alone && (0..size).contains(&place) && of == picked && rows.int("axis", 0) == 0;
    let in_codes = matches!(known.get(table)?, Known::Array(a) if matches!(a.element(), ElementType::Int8 | ElementType::Uint8));
    // A table of codes is quantised already.
    let (at, output, quantiser) = if in_codes {
        (takes, row.clone(), [String::new(), String::new()])
    } else {
        let (at, quantize) = only(&model.nodes, row, "QuantizeLinear")?;
        let [_, scale, zero] = quantize.proto.input.as_slice() else { return None };
        let plain = ["block_size", "output_dtype", "precision"].iter().all(|name| !quantize.has(name));
        if !plain || model.outputs.contains(row) || [scale, zero].into_iter().any(|name| !known.contains_key(name)) {
            return None;
        }
        (at, quantize.proto.output.first()?.clone(), [scale.clone(), zero.clone()])
    };
    let [scale, zero] = quantiser;
    (sound && !model.outputs.contains(picked)).then(|| Column {
        place,
        rank: ranks as i64,
        inputs: [table.clone(), scale, zero],
        output,
        at,
    })
}

fn ints(name: &str, ints: Vec<i64>) -> AttributeProto {
    AttributeProto { name: name.into(), ints, ..Default::default() }
}

/// Replaces the columns of each input of indices by one node.
pub fn find(model: &mut Model, known: &HashMap<String, Known>) {
    for input in model.inputs.iter().filter(|i| i.element == ElementType::Int64).cloned().collect::<Vec<Input>>() {
        let readers = model.nodes.iter().filter(|n| n.inputs().any(|name| *name == *input.name));
        let picks = |n: &Node| n.op() == "Gather" && n.is_standard() && n.proto.input.first() == Some(&input.name);
        let columns = readers.map(|n| picks(n).then(|| column(model, known, &input, n)).flatten());
        let Some(columns) = columns.collect::<Option<Vec<Column>>>().filter(|c| !c.is_empty()) else { continue };
        let Some(last) = columns.iter().map(|c| c.at).min() else { continue };
        let node = Node::new(NodeProto {
            input: std::iter::once(&input.name).chain(columns.iter().flat_map(|c| &c.inputs)).cloned().collect(),
            output: columns.iter().map(|c| c.output.clone()).collect(),
            name: format!("rows by {}", input.name),
            op_type: COLUMNS.into(),
            attribute: vec![
                ints("places", columns.iter().map(|c| c.place).collect()),
                ints("ranks", columns.iter().map(|c| c.rank).collect()),
            ],
            domain: NORMS.into(),
        });
        let mut made: Vec<Node> = vec![];
        for (i, n) in std::mem::take(&mut model.nodes).into_iter().enumerate() {
            if i == last {
                made.push(node.clone());
            }
            if columns.iter().all(|c| c.at != i) {
                made.push(n);
            }
        }
        model.nodes = keep_live(made, &model.outputs);
    }
}
