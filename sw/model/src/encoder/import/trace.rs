// SPDX-License-Identifier: Apache-2.0
//! Follows a graph node by node: what is constant, what the host computes, and what of it is row-wise for the machine.

use super::layout::{Of, View};
use super::net::Net;
use super::rows::{Id, Row, Step};
use super::weights::{AllCoded, Changes, follow};
use crate::encoder::host;
use crate::encoder::host::tensor::{Kind, Tensor};
use crate::onnx::parse::node::Node;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A refusal that another cut may not have.
pub const BY_TOKEN: &str = "a constant that differs from token to token";

/// What is known of a value.
#[derive(Clone)]
pub enum Value {
    /// Its elements.
    Constant(Arc<Tensor>),
    /// The host computes it of the inputs; elements of a run on made-up inputs.
    Host(Arc<Tensor>),
    /// Row-wise, for the machine.
    View(View),
    /// The uint8 codes of a row-wise value, that DynamicQuantizeLinear makes.
    Codes(View),
    /// Their scale.
    Scale(Id),
    /// Their zero point.
    Zero,
    /// The integers of a product with these codes: weights' name, codes and zero point.
    Whole(View, String, Arc<Tensor>, Option<Arc<Tensor>>),
    /// The scale of a value's codes times one of weights.
    Scales(Id, Arc<Tensor>),
    /// Where weighted scores are no number.
    NaN(Id),
    /// Behind the machine, or refused: elements without meaning, in their shape.
    Behind(Arc<Tensor>),
    /// Of unknown shape.
    Unknown,
}

/// What following a graph found.
pub struct Trace<'a> {
    /// The graph.
    pub net: &'a Net,
    /// Tokens.
    pub tokens: usize,
    /// Values by name.
    pub values: HashMap<String, Value>,
    /// Row-wise values.
    pub rows: Vec<Row>,
    /// Codes of constants.
    pub coded: AllCoded,
    /// Nodes that could not be the machine's, and why.
    pub refused: Vec<(usize, String)>,
    /// What is to be said of weights.
    pub changes: Changes,
    /// The node at hand.
    pub at: usize,
}

/// What can be computed without the machine: constants, and what the host makes of the inputs up to the first products and
/// normalisations. Also the values of the host that those read.
pub struct Front {
    /// Values by name.
    pub values: HashMap<String, Value>,
    /// Codes of constants.
    pub coded: AllCoded,
    /// What products and normalisations read.
    pub starts: Vec<String>,
}

/// Computes [`Front`]; `norms`: normalisations count as the machine's.
pub fn front(net: &Net, norms: bool) -> Front {
    let mut values: HashMap<String, Value> = net.constants.iter().map(|(n, t)| (n.clone(), Value::Constant(t.clone()))).collect();
    for input in &net.inputs {
        let count: usize = input.shape.iter().product();
        // Token 0 and a mask of ones are sound inputs of every model; numbers may be any.
        let name = input.name.to_lowercase();
        let one = i64::from(name.contains("mask") || input.kind == Kind::Bool);
        let made = match input.kind {
            Kind::F32 => Tensor::floats(input.shape.clone(), (0..count).map(|i| (i % 7) as f32 * 0.25 - 0.7).collect()),
            kind => Tensor::ints(input.shape.clone(), kind, vec![one; count]),
        };
        values.insert(input.name.clone(), Value::Host(Arc::new(made)));
    }
    let (mut coded, mut starts) = (AllCoded::new(), vec![]);
    for node in &net.nodes {
        if let Some(list) = start(node, &values, norms) {
            starts.extend(list.into_iter().filter(|name| matches!(values.get(name), Some(Value::Host(_)))));
            continue;
        }
        let Some((x, constant)) = elements(node, &values) else { continue };
        if constant {
            follow(node, &x, &mut coded);
        }
        if let Ok(made) = host::run(node, &x, net.opset) {
            let sized = matches!(node.op(), "Shape" | "Size");
            for (name, t) in node.proto.output.iter().zip(made).filter(|(n, _)| !n.is_empty()) {
                let t = Arc::new(t);
                values.insert(name.clone(), if constant || sized { Value::Constant(t) } else { Value::Host(t) });
            }
        }
    }
    starts.sort();
    starts.dedup();
    Front { values, coded, starts }
}

/// What a node reads that begins the machine's part.
fn start(node: &Node, values: &HashMap<String, Value>, norms: bool) -> Option<Vec<String>> {
    let name = |i: usize| node.proto.input.get(i).cloned().unwrap_or_default();
    let constant = |i: usize| matches!(values.get(&name(i)), Some(Value::Constant(_)));
    let hosts = |i: usize| matches!(values.get(&name(i)), Some(Value::Host(_)));
    match node.op() {
        "MatMul" | "Gemm" | "FusedGemm" | "FusedMatMul" if hosts(0) && constant(1) => Some(vec![name(0)]),
        "DynamicQuantizeLinear" | "DynamicQuantizeMatMul" if hosts(0) => Some(vec![name(0)]),
        "LayerNormalization" | "SimplifiedLayerNormalization" | "RMSNormalization" if norms && hosts(0) && constant(1) => {
            Some(vec![name(0)])
        }
        "Attention" if !node.is_standard() && hosts(0) && constant(1) => Some(vec![name(0)]),
        _ => None,
    }
}

/// The elements of a node's inputs, and whether all are constants; `None` where one has none.
fn elements(node: &Node, values: &HashMap<String, Value>) -> Option<(Vec<Option<Arc<Tensor>>>, bool)> {
    let mut constant = true;
    let mut made = vec![];
    for name in &node.proto.input {
        made.push(match values.get(name) {
            _ if name.is_empty() => None,
            Some(Value::Constant(t)) => Some(t.clone()),
            Some(Value::Host(t)) => {
                constant = false;
                Some(t.clone())
            }
            _ => return None,
        });
    }
    Some((made, constant))
}

/// Names through which alone `roots` depend on what `expand` can take apart, the nearest first. `expand`: what a name is computed of;
/// `None` where it is given. `order`: later names are greater.
pub fn dominators(roots: &[String], order: impl Fn(&str) -> usize, expand: impl Fn(&str) -> Option<Vec<String>>) -> Vec<String> {
    let mut front: std::collections::BTreeSet<(usize, String)> = roots.iter().map(|n| (order(n), n.clone())).collect();
    let mut made = vec![];
    while let Some((_, last)) = front.pop_last() {
        if front.is_empty() {
            made.push(last.clone());
        }
        match expand(&last) {
            Some(names) => front.extend(names.into_iter().map(|n| (order(&n), n))),
            None => break,
        }
    }
    made
}

impl<'a> Trace<'a> {
    /// Follows a graph of which the machine takes `cut`. `None` where that is no vectors of float32.
    pub fn run(net: &'a Net, front: &Front, cut: &str) -> Option<Trace<'a>> {
        let Some(Value::Host(sample)) = front.values.get(cut) else { return None };
        let (&width, outer) = sample.shape.split_last()?;
        let tokens: usize = outer.iter().product();
        if sample.kind != Kind::F32 || width == 0 || tokens == 0 {
            return None;
        }
        let mut trace = Trace {
            net,
            tokens,
            values: front.values.clone(),
            rows: vec![],
            coded: front.coded.clone(),
            refused: vec![],
            changes: Changes::default(),
            at: net.nodes.iter().position(|n| n.proto.output.iter().any(|o| o == cut)).unwrap_or(0),
        };
        let input = trace.push(Step::Input, width);
        trace.values.insert(cut.into(), Value::View(View::whole(input, outer, width)));
        let mut changed: HashSet<&str> = HashSet::from([cut]);
        for (at, node) in net.nodes.iter().enumerate() {
            let outputs = || node.proto.output.iter().filter(|n| !n.is_empty());
            let known = outputs().all(|n| front.values.contains_key(n));
            if outputs().any(|n| n == cut) || known && !node.inputs().any(|n| changed.contains(n)) {
                continue;
            }
            changed.extend(outputs().map(String::as_str));
            trace.at = at;
            trace.node(node);
        }
        Some(trace)
    }

    /// A new row-wise value of the node at hand.
    pub fn push(&mut self, step: Step, width: usize) -> Id {
        self.rows.push(Row { step, width, node: self.at });
        self.rows.len() - 1
    }

    /// Input `i` of a node.
    pub fn value(&self, node: &Node, i: usize) -> Option<&Value> {
        node.proto.input.get(i).filter(|n| !n.is_empty()).and_then(|n| self.values.get(n))
    }

    /// Its elements, where it is a constant.
    pub fn constant(&self, node: &Node, i: usize) -> Option<Arc<Tensor>> {
        match self.value(node, i) {
            Some(Value::Constant(t)) => Some(t.clone()),
            _ => None,
        }
    }

    /// Constants among the inputs of a node, for rules that look at those alone.
    pub fn constants(&self, node: &Node) -> Vec<Option<Arc<Tensor>>> {
        (0..node.proto.input.len()).map(|i| self.constant(node, i)).collect()
    }

    fn node(&mut self, node: &Node) {
        let host =
            |v: Option<&Value>| matches!(v, None | Some(Value::Constant(_) | Value::Host(_) | Value::Behind(_) | Value::Unknown));
        let inputs = 0..node.proto.input.len();
        let ours = inputs.clone().any(|i| !host(self.value(node, i)));
        let lost = inputs.clone().any(|i| matches!(self.value(node, i), Some(Value::Behind(_) | Value::Unknown)));
        let made = match ours && !lost && !matches!(node.op(), "Shape" | "Size") {
            true => self.machine(node).map_err(|why| self.refused.push((self.at, why))).ok(),
            false => None,
        };
        let made = made.unwrap_or_else(|| self.behind(node));
        for (i, name) in node.proto.output.iter().enumerate().filter(|(_, n)| !n.is_empty()) {
            self.values.insert(name.clone(), made.get(i).cloned().unwrap_or(Value::Unknown));
        }
    }

    /// What the host makes of the elements there are, whatever they mean.
    fn behind(&mut self, node: &Node) -> Vec<Value> {
        let mut x = vec![];
        let (mut constant, mut meant) = (true, true);
        for name in &node.proto.input {
            x.push(match self.values.get(name) {
                _ if name.is_empty() => None,
                Some(Value::Constant(t)) => Some(t.clone()),
                Some(Value::Host(t)) => {
                    constant = false;
                    Some(t.clone())
                }
                Some(Value::Behind(t)) => {
                    (constant, meant) = (false, false);
                    Some(t.clone())
                }
                Some(Value::View(v) | Value::Codes(v)) => {
                    (constant, meant) = (false, false);
                    let shape = v.shape();
                    let count = shape.iter().product();
                    Some(Arc::new(Tensor::floats(shape, vec![0.5; count])))
                }
                Some(Value::NaN(_) | Value::Scale(_) | Value::Zero | Value::Scales(..) | Value::Whole(..) | Value::Unknown)
                | None => {
                    return vec![];
                }
            });
        }
        if constant {
            follow(node, &x, &mut self.coded);
        }
        match host::run(node, &x, self.net.opset) {
            Ok(made) => {
                let sized = matches!(node.op(), "Shape" | "Size");
                let of = |t: Tensor| match () {
                    () if constant || sized => Value::Constant(Arc::new(t)),
                    () if meant => Value::Host(Arc::new(t)),
                    () => Value::Behind(Arc::new(t)),
                };
                made.into_iter().map(of).collect()
            }
            Err(why) => {
                if self.refused.last().is_none_or(|(at, _)| *at != self.at) {
                    self.refused.push((self.at, why));
                }
                vec![]
            }
        }
    }

    /// A view whose row has its channels in the order of its dimensions.
    ///
    /// # Errors
    /// Copies among its dimensions.
    pub fn ordered(&mut self, view: &View) -> Result<View, String> {
        let (list, mut made) = view.channels().ok_or("copies of channels are no channels")?;
        if list.len() != self.rows[view.row].width || list.iter().enumerate().any(|(i, &c)| i != c) {
            if !matches!(self.rows[view.row].step, Step::Scores(_) | Step::Weighted(_)) {
                made.row = self.select(view.row, list);
            } else {
                return Err("some heads alone".into());
            }
        }
        Ok(made)
    }

    /// Some channels of a row.
    pub fn select(&mut self, row: Id, list: Vec<usize>) -> Id {
        if list.len() == self.rows[row].width && list.iter().enumerate().all(|(i, &c)| i == c) {
            return row;
        }
        // The same channels are the same value.
        let same = |r: &Row| matches!(&r.step, Step::Select(x, l) if *x == row && **l == list);
        if let Some(at) = self.rows.iter().position(same) {
            return at;
        }
        let width = list.len();
        self.push(Step::Select(row, Arc::new(list)), width)
    }

    /// A constant that broadcasts to a view, by channel; one number where it is one.
    ///
    /// # Errors
    /// It differs from token to token, or makes the tensor larger.
    pub fn by_channel(&self, t: &Tensor, view: &View) -> Result<Vec<f64>, String> {
        let values = t.to_floats();
        if t.len() == 1 && t.shape.len() <= view.axes.len() {
            return Ok(vec![f64::from(values[0])]);
        }
        let shape = view.shape();
        if host::tensor::broadcast(&[&shape, &t.shape]).ok().as_ref() != Some(&shape) {
            return Err(format!("a constant of shape {:?} makes a tensor of {shape:?} larger", t.shape));
        }
        let front = shape.len() - t.shape.len();
        let own = |d: usize| if d < front { 1 } else { t.shape[d - front] };
        // Dimensions of tokens count where the constant has them too.
        let small: Vec<usize> =
            (0..shape.len()).map(|d| if own(d) > 1 || view.offsets(d).is_some() { shape[d] } else { 1 }).collect();
        let mut places = vec![0usize];
        for (d, &n) in small.iter().enumerate() {
            let offsets = view.offsets(d).unwrap_or_else(|| vec![0; n]);
            places = places.iter().flat_map(|at| offsets.iter().map(move |o| at + o)).collect();
        }
        let mut made = vec![None; self.rows[view.row].width];
        let (mut at, mut same) = (0, true);
        host::tensor::pairs(&t.shape, &[], &small, |i, _| {
            let place = &mut made[places[at] + view.base];
            same &= place.is_none_or(|v| v == values[i]);
            *place = Some(values[i]);
            at += 1;
        });
        if !same {
            return Err(BY_TOKEN.into());
        }
        let made: Option<Vec<f64>> = made.into_iter().map(|v| v.map(f64::from)).collect();
        let made = made.ok_or("a constant of some channels")?;
        Ok(if made.iter().all(|v| *v == made[0]) { vec![made[0]] } else { made })
    }

    /// Whether a dimension is all tokens.
    pub fn tokens_in(&self, view: &View, axis: usize, of: Of) -> bool {
        view.is(axis, of, self.tokens, 1)
    }
}
