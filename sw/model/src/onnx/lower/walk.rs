// SPDX-License-Identifier: Apache-2.0
//! The walk over a model's nodes: every name gets a value, every machine operation a layer. Each node is judged by itself: behind one
//! that cannot run the walk goes on with a stand-in for its result.

use crate::graph::{Finish, Graph, Layer, Map, Op};
use crate::onnx::array::elements;
use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, ImportError, Unsupported};
use crate::onnx::fold::facts::Facts;
use crate::onnx::fold::known::Known;
use crate::onnx::fuse::tail::in_the_middle;
use crate::onnx::fuse::value::{Eight, Real, Value};
use crate::onnx::lower::building::{Building, Source};
use crate::onnx::lower::edge;
use crate::onnx::lower::operators::{Handler, find};
use crate::onnx::lower::outputs;
use crate::onnx::lower::standin::stand_in;
use crate::onnx::parse::inputs::Input;
use crate::onnx::parse::live::readers;
use crate::onnx::parse::model::Model;
use crate::onnx::parse::node::Node;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// All maps of a graph have no more elements.
const LARGEST_GRAPH: usize = 1 << 25;

/// What became of a model.
pub enum Lowered {
    /// All of it runs.
    Graph(Box<Graph>),
    /// What does not: of each its place among the nodes, `None` for an output of the graph.
    Refused(Vec<(Option<usize>, Unsupported)>),
}

struct Walk<'a> {
    model: &'a Model,
    values: HashMap<String, Value>,
    /// How often each name is read by what leads to an output, the outputs included.
    readers: HashMap<String, usize>,
    graph: Building,
    unsupported: Vec<(Option<usize>, Unsupported)>,
    /// Names that depend on a stand-in.
    tainted: HashSet<String>,
    /// Shapes and element types, from the first stand-in on.
    facts: Option<Facts>,
}

/// Lowers the nodes of a model with these constants.
///
/// # Errors
/// A node that contradicts ONNX; maps of more elements than any configuration holds.
pub fn lower(model: &Model, known: &HashMap<String, Known>) -> Result<Lowered, ImportError> {
    let mut walk = Walk {
        model,
        values: known.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect(),
        readers: readers(&model.nodes, &model.outputs),
        graph: Building {
            opset: model.opset,
            convolves: model.convolves,
            overridable: model.overridable,
            middle: in_the_middle(&model.nodes, |name| known.contains_key(name)),
            ..Building::default()
        },
        unsupported: vec![],
        tainted: HashSet::new(),
        facts: None,
    };
    let several = model.inputs.len() > 1;
    if several {
        walk.graph.maps.push(Map { name: "frame".into(), shape: [0; 3] });
        walk.graph.order.push(Rc::default());
    }
    for input in &model.inputs {
        walk.begin(input, several)?;
    }
    for (at, node) in model.nodes.iter().enumerate() {
        walk.node(at, node, known)?;
    }
    walk.end()
}

impl Walk<'_> {
    /// An input of the graph; `beside`: with others.
    fn begin(&mut self, input: &Input, beside: bool) -> Result<(), ImportError> {
        let Input { name, tensor, shape, element } = input;
        if beside {
            // What it takes of the frame is known when all inputs have layouts.
            let op = Op::Arrange { input: 0, from: vec![] };
            let finish = Finish::Codes { lo: -128, hi: 127 };
            self.graph.layers.push(Layer { name: format!("{tensor} (of the frame)"), op, finish });
        }
        self.graph.maps.push(Map { name: tensor.clone(), shape: [0; 3] });
        self.graph.order.push(Rc::default());
        self.graph.inputs.push(Source {
            name: tensor.clone(),
            shape: shape.clone(),
            element: *element,
            codes: None,
            host: vec![],
            inner: shape.clone(),
        });
        let Some(count) = elements(shape) else {
            return Err(ImportError::Beyond(format!("input '{name}': shape {shape:?}")));
        };
        let eight = Eight {
            map: self.graph.maps.len() - 1,
            shape: shape.clone(),
            place: Rc::new((0..count as u32).collect()),
            unsigned: *element == ElementType::Uint8,
            steps: 0,
        };
        let value = match element {
            ElementType::Int8 | ElementType::Uint8 => Value::Eight(eight),
            _ => Value::Real(Real::Input(eight)),
        };
        self.values.insert(name.clone(), value);
        Ok(())
    }

    fn node(&mut self, at: usize, node: &Node, known: &HashMap<String, Known>) -> Result<(), ImportError> {
        let tainted = node.inputs().any(|name| self.tainted.contains(name));
        let mut values = match self.outputs(node) {
            Ok(values) => values,
            // What does not fit a stand-in says nothing about the model.
            Err(Fail::Wrong(_)) if tainted => vec![],
            Err(Fail::Wrong(what)) => return Err(node.wrong(what)),
            Err(Fail::Unsupported(reason, help)) => {
                // Arithmetic on constants that stand for what is not known is no matter of this node.
                let constants = node.inputs().all(|name| matches!(self.values.get(name), Some(Value::Const(_))));
                if !(tainted && constants) {
                    let unsupported = Unsupported { node: node.name.clone(), op: node.op().to_string(), reason, help };
                    self.unsupported.push((Some(at), unsupported));
                }
                vec![]
            }
        };
        if values.is_empty() {
            let facts = self.facts.get_or_insert_with(|| Facts::of(self.model, known));
            for name in &node.proto.output {
                values.push(stand_in(&mut self.graph, &node.name, facts.shape(name), facts.element(name)));
                self.tainted.insert(name.clone());
            }
        } else if tainted {
            self.tainted.extend(node.proto.output.iter().cloned());
        }
        if let Some(first) = values.first_mut()
            && node.proto.output.first().and_then(|name| self.readers.get(name)).is_some_and(|&readers| readers > 1)
        {
            *first = first.clone().read_often();
        }
        let elements: usize = self.graph.maps.iter().map(Map::len).sum();
        if elements > LARGEST_GRAPH && self.unsupported.is_empty() {
            return Err(ImportError::Beyond(format!(
                "the feature maps up to {} are more than {LARGEST_GRAPH} elements; no configuration runs so large a network",
                node.name
            )));
        }
        let mut values = values.into_iter();
        for name in &node.proto.output {
            let value = values.next().unwrap_or(Value::Unknown);
            if !name.is_empty() {
                self.values.insert(name.clone(), value);
            }
        }
        Ok(())
    }

    /// The values of a node's outputs.
    fn outputs(&mut self, node: &Node) -> Result<Vec<Value>, Fail> {
        let handler = find(node)?;
        if let Some((reason, help)) = &node.refused {
            return Err(Fail::Unsupported(reason.clone(), help.clone()));
        }
        let value = |name: &String| match self.values.get(name) {
            _ if name.is_empty() => Ok(None),
            Some(value) => Ok(Some(value.clone())),
            None => Err(Fail::Wrong(format!("input '{name}' is made by no node before it"))),
        };
        let inputs: Vec<Option<Value>> = node.proto.input.iter().map(value).collect::<Result<_, _>>()?;
        let (first, all) = match handler {
            Handler::Refused(reason, help) => return Err(Fail::Unsupported(reason.into(), help.into())),
            Handler::First(first) => (Some(first), None),
            Handler::All(all) => (None, Some(all)),
        };
        for (i, (input, name)) in inputs.iter().zip(&node.proto.input).enumerate() {
            match input {
                Some(Value::Foreign(element)) => {
                    let reason = format!("input {i}, '{name}', is {element}");
                    return Err(Fail::Unsupported(reason, "int8, uint8, int32, int64 and float32 are read".into()));
                }
                Some(Value::Unknown) if self.tainted.contains(name) => {
                    return Err(Fail::Wrong(format!("input {i} is not known")));
                }
                Some(Value::Unknown) => {
                    let reason = format!("input {i}, '{name}', is an output of another operator that the machine does not make");
                    return Err(Fail::Unsupported(reason, "use the first output alone".into()));
                }
                _ => {}
            }
        }
        if node.is_standard() {
            for input in inputs.iter().flatten() {
                match input {
                    Value::Outside(x) => return edge::after(&self.graph, node, node.op(), &inputs, x).map(|v| vec![v]),
                    Value::Real(Real::Input(x)) => {
                        if let Some(value) = edge::before(&mut self.graph, node, node.op(), &inputs, x)? {
                            return Ok(vec![value]);
                        }
                    }
                    _ => {}
                }
            }
        }
        match (first, all) {
            (Some(first), _) => first(&mut self.graph, node, &inputs).map(|v| vec![v]),
            (_, Some(all)) => all(&mut self.graph, node, &inputs),
            _ => Ok(vec![]),
        }
    }

    fn end(mut self) -> Result<Lowered, ImportError> {
        if self.model.outputs.is_empty() {
            return Err(ImportError::Graph("the graph has no output".into()));
        }
        let mut leaving = vec![];
        for name in &self.model.outputs {
            let Some(value) = self.values.get(name) else {
                return Err(ImportError::Graph(format!("no node makes the output '{name}'")));
            };
            if matches!(value, Value::Unknown | Value::Const(_)) && self.tainted.contains(name) {
                continue;
            }
            match outputs::leaving(&mut self.graph, name, value.clone()) {
                Ok(out) => leaving.push(out),
                Err(ImportError::Unsupported(list)) => {
                    // A constant for each channel is a matter of the node that has it.
                    let maker = |n: &Node| matches!(value, Value::Real(Real::Channels(_))) && n.proto.output.contains(name);
                    let at = self.model.nodes.iter().position(maker);
                    self.unsupported.extend(list.into_iter().map(|u| match at.map(|at| &self.model.nodes[at]) {
                        Some(node) => (at, Unsupported { node: node.name.clone(), op: node.op().to_string(), ..u }),
                        None => (at, u),
                    }));
                }
                Err(e) => return Err(e),
            }
        }
        if !self.unsupported.is_empty() {
            return Ok(Lowered::Refused(self.unsupported));
        }
        let output = match outputs::output(&mut self.graph, leaving) {
            Ok(output) => output,
            Err(ImportError::Unsupported(list)) => {
                return Ok(Lowered::Refused(list.into_iter().map(|u| (None, u)).collect()));
            }
            Err(e) => return Err(e),
        };
        let mut g = self.graph;
        if g.inputs.len() > 1 {
            outputs::frame(&mut g);
        }
        let input = outputs::input(&g);
        let graph =
            Graph { name: self.model.name.clone(), input, maps: g.maps, layers: g.layers, output, batch: 1, tables: vec![] };
        Ok(Lowered::Graph(Box::new(graph.without_dead_layers())))
    }
}
