// SPDX-License-Identifier: Apache-2.0
//! An input of indices that takes rows several times, of several tables or of one, as recommenders have them: its columns, a row and its
//! bias, wide and deep. Rows of one length that are quantised at once, or have codes, become one node before anything is lowered: the host
//! takes them all, and one tensor goes to the machine. Each length, and each table whose rows are computed with before they are quantised,
//! reads the input for itself, as an input of the same tensor ([`Input::tensor`]).

use crate::onnx::array::{Array, Data};
use crate::onnx::element::ElementType;
use crate::onnx::fold::known::Known;
use crate::onnx::fold::places::Places;
use crate::onnx::fuse::indices::{Taker, takers};
use crate::onnx::fuse::norms::NORMS;
use crate::onnx::parse::inputs::Input;
use crate::onnx::parse::live::keep_live;
use crate::onnx::parse::model::Model;
use crate::onnx::parse::node::Node;
use crate::onnx::proto::{AttributeProto, NodeProto};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

/// The operator that they become, of the domain [`NORMS`]. Its inputs are the indices, then a table, a scale
/// and a zero point for each output (neither for a table of codes). Of each output `counts` has its rows, `ranks` the dimensions in front
/// of a row; `places` has the index of each row and `dims` those dimensions, output behind output.
pub const COLUMNS: &str = "GatherColumns";

/// Rows of one table that are codes: indices, length of a row, the table with scale and zero point, the codes.
struct Rows {
    indices: Places,
    width: usize,
    inputs: [String; 3],
    output: String,
    /// The node that makes the codes.
    at: usize,
}

/// What makes codes of the rows that a node takes; `None`: something else reads them, or they are no codes.
fn codes(model: &Model, known: &HashMap<String, Known>, taker: &Taker) -> Option<Vec<Rows>> {
    let node = &model.nodes[taker.node];
    let (table, row) = (node.proto.input.first()?, node.proto.output.first()?);
    let (shape, in_codes) = match known.get(table)? {
        Known::Array(a) => (&a.shape, matches!(a.element(), ElementType::Int8 | ElementType::Uint8)),
        Known::Dequantised(c) => (&c.shape, false),
        Known::Foreign(_) => return None,
    };
    let &[_, width] = shape.as_slice() else { return None };
    let rows = |at: usize, output: &String, scale: &str, zero: &str| Rows {
        indices: taker.indices.clone(),
        width,
        inputs: [table.clone(), scale.into(), zero.into()],
        output: output.clone(),
        at,
    };
    if in_codes {
        return Some(vec![rows(taker.node, row, "", "")]);
    }
    let readers = model.nodes.iter().enumerate().filter(|(_, n)| n.inputs().any(|name| name == row));
    let quantised = readers.map(|(at, n)| {
        let [_, scale, zero] = n.proto.input.as_slice() else { return None };
        let plain = ["block_size", "output_dtype", "precision"].iter().all(|name| !n.has(name));
        let known = known.contains_key(scale) && known.contains_key(zero);
        let sound = n.op() == "QuantizeLinear" && n.is_standard() && plain && known;
        sound.then(|| rows(at, n.proto.output.first().unwrap_or(row), scale, zero))
    });
    let all = quantised.collect::<Option<Vec<Rows>>>()?;
    (!all.is_empty() && !model.outputs.contains(row)).then_some(all)
}

fn ints(name: &str, ints: Vec<i64>) -> AttributeProto {
    AttributeProto { name: name.into(), ints, ..Default::default() }
}

fn numbers(of: &[usize]) -> impl Iterator<Item = i64> {
    of.iter().map(|&n| n as i64)
}

/// The node that takes rows of one length by an input.
fn node_of(input: &str, tensor: &str, all: &[Rows]) -> Node {
    let each = |value: fn(&Rows) -> usize| all.iter().map(|r| value(r) as i64).collect();
    Node::new(NodeProto {
        input: std::iter::once(input).chain(all.iter().flat_map(|r| &r.inputs).map(String::as_str)).map(str::to_string).collect(),
        output: all.iter().map(|r| r.output.clone()).collect(),
        name: format!("rows by {tensor}"),
        op_type: COLUMNS.into(),
        attribute: vec![
            ints("counts", each(|r| r.indices.of.len())),
            ints("ranks", each(|r| r.indices.shape.len())),
            ints("places", all.iter().flat_map(|r| numbers(&r.indices.of)).collect()),
            ints("dims", all.iter().flat_map(|r| numbers(&r.indices.shape)).collect()),
        ],
        domain: NORMS.into(),
    })
}

/// The ways that an input of indices goes: a name for each, its own first.
struct Ways {
    input: Input,
    names: HashSet<String>,
    all: Vec<Input>,
}

impl Ways {
    fn next(&mut self) -> String {
        let numbered = |n: usize| if n == 1 { self.input.name.clone() } else { format!("{} ({n})", self.input.name) };
        let first = self.all.is_empty();
        let name = (self.all.len() + 1..).map(numbered).find(|name| first || !self.names.contains(name)).unwrap_or_default();
        self.names.insert(name.clone());
        self.all.push(Input { name: name.clone(), ..self.input.clone() });
        name
    }
}

/// Marks what computes with an input's indices: nothing in the graph does.
fn refuse_arithmetic(model: &mut Model, node: usize, input: &Input) {
    let what = format!("it computes with the indices of '{}'", input.name);
    let help = "a constant table's Gather along axis 0 takes them, and parts and other orders of them; compute indices in front of the model";
    model.nodes[node].refused.get_or_insert((what, help.into()));
}

/// Lets a node take its rows by a way of its own: the input as it is, or counted otherwise by a node that is to stand in front.
fn rewire(model: &mut Model, known: &mut HashMap<String, Known>, taker: &Taker, name: String, same: bool) -> Option<Node> {
    if same {
        model.nodes[taker.node].proto.input[1] = name;
        return None;
    }
    let (shape, indices) = (format!("{name}: shape"), format!("{name}: indices"));
    let data = Data::I64(numbers(&taker.indices.shape).collect());
    known.insert(shape.clone(), Known::Array(Rc::new(Array { shape: vec![taker.indices.shape.len()], data })));
    model.nodes[taker.node].proto.input[1] = indices.clone();
    let proto = NodeProto { input: vec![name, shape], output: vec![indices], op_type: "Reshape".into(), ..Default::default() };
    Some(Node::new(proto))
}

/// Gives each way that an input of indices goes an input, and one node to rows of one length that are codes.
pub fn find(model: &mut Model, known: &mut HashMap<String, Known>) {
    for input in model.inputs.iter().filter(|i| i.element.is_index()).cloned().collect::<Vec<Input>>() {
        match takers(model, known, &input) {
            Ok(takers) => apart(model, known, input, &takers),
            Err(Some(node)) => refuse_arithmetic(model, node, &input),
            Err(None) => {}
        }
    }
}

/// The same for one input, of which these nodes take rows.
fn apart(model: &mut Model, known: &mut HashMap<String, Known>, input: Input, takers: &[Taker]) {
    let (mut groups, mut others) = (BTreeMap::<usize, Vec<Rows>>::new(), vec![]);
    for taker in takers {
        match codes(model, known, taker) {
            Some(all) => all.into_iter().for_each(|rows| groups.entry(rows.width).or_default().push(rows)),
            None => others.push(taker),
        }
    }
    let count = input.shape.iter().product();
    let whole = |places: &Places| places.is_whole(count);
    // One table by the whole input is what the host takes as it is written, but for what stands between.
    if let ([taker], 0..=1) = (takers, groups.values().map(Vec::len).sum::<usize>())
        && whole(&taker.indices)
    {
        if model.nodes[taker.node].proto.input[1] == input.name {
            return;
        }
        groups.clear();
        others = vec![taker];
    }
    if others.is_empty() && groups.is_empty() {
        return;
    }
    for taker in others.iter().filter(|taker| !whole(&taker.indices)) {
        let help = "put QuantizeLinear and DequantizeLinear behind it: Gather is among op_types_to_quantize";
        model.nodes[taker.node].refused = Some(("float32 rows of a table, by some of an input's indices".into(), help.into()));
    }
    let made = model.nodes.iter().flat_map(|n| &n.proto.output);
    let names = made.chain(known.keys()).chain(model.inputs.iter().map(|i| &i.name)).cloned().collect();
    let mut ways = Ways { input, names, all: vec![] };
    let mut before: BTreeMap<usize, Vec<Node>> = BTreeMap::new();
    for taker in others {
        // What is refused is not run: its indices need no shape.
        let same = taker.indices.shape == ways.input.shape || !whole(&taker.indices);
        let node = rewire(model, known, taker, ways.next(), same);
        before.entry(taker.node).or_default().extend(node);
    }
    let mut gone = HashSet::new();
    for all in groups.values() {
        let name = ways.next();
        gone.extend(all.iter().map(|r| r.at));
        if let Some(first) = all.iter().map(|r| r.at).min() {
            before.entry(first).or_default().push(node_of(&name, &ways.input.tensor, all));
        }
    }
    let mut nodes: Vec<Node> = vec![];
    for (at, node) in std::mem::take(&mut model.nodes).into_iter().enumerate() {
        nodes.extend(before.remove(&at).unwrap_or_default());
        if !gone.contains(&at) {
            nodes.push(node);
        }
    }
    model.nodes = keep_live(nodes, &model.outputs);
    if let Some(at) = model.inputs.iter().position(|i| i.name == ways.input.name) {
        model.inputs.splice(at..=at, ways.all);
    }
}
