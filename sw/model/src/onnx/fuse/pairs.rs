// SPDX-License-Identifier: Apache-2.0
//! Two pairs of QuantizeLinear and DequantizeLinear behind each other, which ONNX Runtime makes one of before it does anything
//! else (DoubleQDQPairsRemover): its codes reach over what both pairs represent, so they are those of neither.

use crate::onnx::array::{Array, Data};
use crate::onnx::parse::model::{Initialiser, Model};
use crate::onnx::parse::node::Node;
use std::collections::HashMap;
use std::rc::Rc;

/// Scale and zero point of a node; whether its codes are uint8, the least and the greatest.
#[derive(Clone, Copy, PartialEq)]
struct Pair {
    scale: f32,
    zero: i32,
    unsigned: bool,
    least: i32,
    most: i32,
}

struct Walk {
    constants: HashMap<String, Rc<Array>>,
    readers: HashMap<String, Vec<usize>>,
    /// Outputs of the graph.
    outputs: Vec<String>,
}

impl Walk {
    fn pair(&self, node: &Node) -> Option<Pair> {
        let of = |i: usize| node.proto.input.get(i).and_then(|name| self.constants.get(name)).filter(|a| a.len() == 1);
        let (scale, zero) = (of(1)?.floats()?[0], of(2)?);
        let (unsigned, least, most) = match zero.data {
            Data::U8(_) => (true, 0, 255),
            Data::I8(_) => (false, -128, 127),
            _ => return None,
        };
        Some(Pair { scale, zero: zero.integers()?[0] as i32, unsigned, least, most })
    }

    /// The one node that reads a name which is no output.
    fn only_reader(&self, name: &str) -> Option<usize> {
        match self.readers.get(name).map(Vec::as_slice) {
            Some(&[one]) if !self.outputs.iter().any(|o| o == name) => Some(one),
            _ => None,
        }
    }
}

/// The pair that stands for both; `None` where they are equal, so that either does.
fn joint(a: Pair, b: Pair) -> Option<Pair> {
    if a.zero == b.zero && a.scale == b.scale {
        return None;
    }
    let ends = |p: Pair| [(p.least - p.zero) as f32 * p.scale, (p.most - p.zero) as f32 * p.scale];
    let ([low_a, high_a], [low_b, high_b]) = (ends(a), ends(b));
    let (low, high) = (low_a.max(low_b), high_a.min(high_b));
    let scale = (high - low) / (a.most - a.least) as f32;
    let zero = (a.least as f32 - low / scale).round() as i32;
    Some(Pair { scale, zero: zero.clamp(a.least, a.most), ..a })
}

/// Rewrites every such sequence in place. Where a run may replace scales, nothing is.
pub fn merge(model: &mut Model) {
    if model.overridable {
        return;
    }
    let is = |node: &Node, op: &str| node.op() == op && node.is_standard();
    let mut n = 0;
    while n < model.nodes.len() {
        let constants = model.initialisers.iter().filter_map(|(name, value)| match value {
            Initialiser::Array(array) => Some((name.clone(), array.clone())),
            Initialiser::Foreign(_) => None,
        });
        let mut walk = Walk {
            constants: constants.filter(|(_, a)| a.len() == 1).collect(),
            readers: HashMap::new(),
            outputs: model.outputs.clone(),
        };
        for (i, node) in model.nodes.iter().enumerate() {
            node.proto.input.iter().for_each(|name| walk.readers.entry(name.clone()).or_default().push(i));
        }
        // One walk serves until something changes.
        let mut changed = false;
        while n < model.nodes.len() && !changed {
            changed = reduce(model, &walk, n, is);
            n += usize::from(!changed);
        }
    }
}

/// One sequence that begins with node `first`.
fn reduce(model: &mut Model, walk: &Walk, first: usize, is: impl Fn(&Node, &str) -> bool) -> bool {
    let found = || -> Option<(usize, usize, Vec<usize>, Option<Pair>)> {
        let at = |i: usize| &model.nodes[i];
        // As its first input, and nowhere else among its three.
        let reads = |i: usize, name: &str| {
            let inputs = &at(i).proto.input;
            inputs.len() <= 3 && inputs.first().is_some_and(|n| n == name) && inputs.iter().filter(|n| *n == name).count() == 1
        };
        if !is(at(first), "QuantizeLinear") {
            return None;
        }
        let back = walk.only_reader(at(first).proto.output.first()?)?;
        let again = walk.only_reader(at(back).proto.output.first()?)?;
        if !is(at(back), "DequantizeLinear") || !is(at(again), "QuantizeLinear") {
            return None;
        }
        if !reads(back, at(first).proto.output.first()?) || !reads(again, at(back).proto.output.first()?) {
            return None;
        }
        let name = at(again).proto.output.first()?;
        if walk.outputs.contains(name) {
            return None;
        }
        let last = walk.readers.get(name)?.clone();
        let (a, b) = (walk.pair(at(first))?, walk.pair(at(again))?);
        let same = walk.pair(at(back)) == Some(a) && a.unsigned == b.unsigned;
        let all = last.iter().all(|&i| is(at(i), "DequantizeLinear") && reads(i, name) && walk.pair(at(i)) == Some(b));
        (same && all && !last.is_empty()).then(|| (back, again, last, joint(a, b)))
    };
    let Some((back, again, last, pair)) = found() else { return false };
    let output = model.nodes[first].proto.output[0].clone();
    if let Some(pair) = pair {
        let (scale, zero) = (format!("{output} (scale of both)"), format!("{output} (zero point of both)"));
        let codes = |v: i32| if pair.unsigned { Data::U8(vec![v as u8]) } else { Data::I8(vec![v as i8]) };
        let tensor = |data: Data| Initialiser::Array(Rc::new(Array { shape: vec![], data }));
        model.initialisers.insert(scale.clone(), tensor(Data::F32(vec![pair.scale])));
        model.initialisers.insert(zero.clone(), tensor(codes(pair.zero)));
        for &i in std::iter::once(&first).chain(&last) {
            (model.nodes[i].proto.input[1], model.nodes[i].proto.input[2]) = (scale.clone(), zero.clone());
        }
    }
    for &i in &last {
        model.nodes[i].proto.input[0] = output.clone();
    }
    for i in [back.max(again), back.min(again)] {
        model.nodes.remove(i);
    }
    true
}
