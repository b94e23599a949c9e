// SPDX-License-Identifier: Apache-2.0
//! Two pairs of QuantizeLinear and DequantizeLinear behind each other, which ONNX Runtime makes one of before it does anything
//! else: its codes reach over what both pairs represent, so they are those of neither.

use super::proto::{GraphProto, NodeProto, TensorProto};
use super::{Array, Data};
use std::collections::HashMap;

const FLOAT: i32 = 1;

/// Scale and zero point of a node; the second's element type in onnx.proto, and its least and greatest code.
#[derive(Clone, Copy, PartialEq)]
struct Pair {
    scale: f32,
    zero: i32,
    element: i32,
    least: i32,
    most: i32,
}

struct Walk {
    constants: HashMap<String, Array>,
    readers: HashMap<String, Vec<usize>>,
    /// How often a name is an output of the graph.
    outputs: Vec<String>,
}

impl Walk {
    fn pair(&self, node: &NodeProto) -> Option<Pair> {
        let of = |i: usize| node.input.get(i).and_then(|name| self.constants.get(name)).filter(|a| a.len() == 1);
        let (scale, zero) = (of(1)?.floats()?[0], of(2)?);
        let (element, least, most) = match zero.data {
            Data::U8(_) => (2, 0, 255),
            Data::I8(_) => (3, -128, 127),
            _ => return None,
        };
        Some(Pair { scale, zero: zero.integers()?[0] as i32, element, least, most })
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

/// Rewrites every such sequence in place.
pub(super) fn merge(graph: &mut GraphProto) {
    let is = |node: &NodeProto, op: &str| node.op_type == op && matches!(node.domain.as_str(), "" | "ai.onnx");
    let mut n = 0;
    while n < graph.node.len() {
        let constants = graph.initializer.iter().filter_map(|t| Some((t.name.clone(), Array::from_proto(t).ok()?)));
        let mut walk = Walk {
            constants: constants.filter(|(_, a)| a.len() == 1).collect(),
            readers: HashMap::new(),
            outputs: graph.output.iter().map(|o| o.name.clone()).collect(),
        };
        for (i, node) in graph.node.iter().enumerate() {
            node.input.iter().for_each(|name| walk.readers.entry(name.clone()).or_default().push(i));
        }
        // One walk serves until something changes.
        let mut changed = false;
        while n < graph.node.len() && !changed {
            changed = reduce(graph, &walk, n, is);
            n += usize::from(!changed);
        }
    }
}

/// One sequence that begins with node `first`.
fn reduce(graph: &mut GraphProto, walk: &Walk, first: usize, is: impl Fn(&NodeProto, &str) -> bool) -> bool {
    let found = || -> Option<(usize, usize, Vec<usize>, Option<Pair>)> {
        let at = |i: usize| &graph.node[i];
        if !is(at(first), "QuantizeLinear") {
            return None;
        }
        let back = walk.only_reader(at(first).output.first()?)?;
        let again = walk.only_reader(at(back).output.first()?)?;
        if !is(at(back), "DequantizeLinear") || !is(at(again), "QuantizeLinear") {
            return None;
        }
        let name = at(again).output.first()?;
        if walk.outputs.contains(name) {
            return None;
        }
        let last = walk.readers.get(name)?.clone();
        let (a, b) = (walk.pair(at(first))?, walk.pair(at(again))?);
        let same = walk.pair(at(back)) == Some(a) && a.element == b.element;
        let all = last.iter().all(|&i| is(at(i), "DequantizeLinear") && walk.pair(at(i)) == Some(b));
        (same && all && !last.is_empty()).then(|| (back, again, last, joint(a, b)))
    };
    let Some((back, again, last, pair)) = found() else { return false };
    let output = graph.node[first].output[0].clone();
    if let Some(pair) = pair {
        let (scale, zero) = (format!("{output} (scale of both)"), format!("{output} (zero point of both)"));
        let tensor = |name: &str, data_type: i32, raw: Vec<u8>| TensorProto {
            name: name.into(),
            data_type,
            raw_data: Some(raw),
            ..Default::default()
        };
        graph.initializer.push(tensor(&scale, FLOAT, pair.scale.to_le_bytes().to_vec()));
        graph.initializer.push(tensor(&zero, pair.element, vec![pair.zero as u8]));
        for &i in std::iter::once(&first).chain(&last) {
            (graph.node[i].input[1], graph.node[i].input[2]) = (scale.clone(), zero.clone());
        }
    }
    for &i in &last {
        graph.node[i].input[0] = output.clone();
    }
    for i in [back.max(again), back.min(again)] {
        graph.node.remove(i);
    }
    true
}
