// SPDX-License-Identifier: Apache-2.0
//! A normalisation written as its parts: ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div, and what exporters write for them, become one
//! node before anything is lowered. ONNX Runtime makes LayerNormalization of them too (LayerNormFusion) where nothing is quantised in
//! between; where quantisers stand before and behind the sum with epsilon, as quantize_static leaves it, it computes the parts in float32.

use crate::onnx::array::Array;
use crate::onnx::element::ElementType;
use crate::onnx::fold::facts::{Constants, Facts};
use crate::onnx::fold::known::Known;
use crate::onnx::fold::scales::{axis_of, list};
use crate::onnx::parse::live::keep_live;
use crate::onnx::parse::model::Model;
use crate::onnx::parse::node::Node;
use crate::onnx::proto::{AttributeProto, NodeProto};
use std::collections::HashMap;

/// The domain of the node that they become. Its inputs are the tensor, gain, bias, epsilon, then scale and zero point of the quantiser
/// behind the variance and of that behind the sum with epsilon; its attributes `axes`, and `centered`: the mean is subtracted.
pub const NORMS: &str = "systole";

/// What a normalisation is made of.
struct Norm {
    /// What is normalised, before it is transposed.
    x: String,
    /// Transposes between the deviation and what reads it.
    perm: Vec<usize>,
    /// Dimensions behind them.
    axes: Vec<usize>,
    centered: bool,
    epsilon: String,
    /// Scale and zero point behind the variance, and behind the sum.
    quantisers: [Option<[String; 2]>; 2],
}

/// A tensor less its mean.
#[derive(PartialEq)]
struct Deviation {
    /// The difference.
    name: String,
    perm: Vec<usize>,
    x: String,
    axes: Vec<usize>,
}

struct Walk<'a> {
    nodes: &'a [Node],
    known: &'a HashMap<String, Known>,
    facts: Facts,
    makers: HashMap<&'a str, usize>,
}

impl<'a> Walk<'a> {
    fn maker(&self, name: &str, op: &str) -> Option<&'a Node> {
        let node = &self.nodes[*self.makers.get(name)?];
        (node.is_standard() && node.op() == op && node.proto.output.first().is_some_and(|o| o == name)).then_some(node)
    }

    /// A constant of one element.
    fn number(&self, name: &str) -> Option<f32> {
        let of = |a: &Array| a.floats().map(|f| f[0]).or_else(|| a.integers().map(|v| v[0] as f32));
        match self.known.get(name)? {
            Known::Array(a) if a.len() == 1 => of(a),
            Known::Dequantised(c) if c.ints.len() == 1 => Some(c.floats()[0]),
            _ => None,
        }
    }

    /// A zero point with its type.
    fn codes(&self, name: &str) -> Option<(ElementType, Vec<i64>)> {
        match self.known.get(name)? {
            Known::Array(a) => Some((a.element(), a.integers()?)),
            _ => None,
        }
    }

    /// The operands of a node of two, either way round.
    fn either(&self, node: &'a Node) -> [[&'a str; 2]; 2] {
        match node.proto.input.as_slice() {
            [a, b] => [[a, b], [b, a]],
            _ => [["", ""]; 2],
        }
    }

    /// What a name is the mean of, and along which dimensions.
    fn mean(&self, name: &str) -> Option<(&'a str, Vec<usize>)> {
        let node = self.maker(name, "ReduceMean").filter(|n| n.int("keepdims", 1) != 0)?;
        let of = node.proto.input.first()?;
        let rank = self.facts.shape(of)?.len();
        let axes = list(node, &Constants { node, known: self.known }, 1, "axes").ok()??;
        let mut axes = axes.iter().map(|&a| axis_of(a, rank).ok()).collect::<Option<Vec<usize>>>()?;
        axes.sort_unstable();
        axes.dedup();
        (!axes.is_empty()).then_some((of, axes))
    }

    /// A tensor less its mean, behind transposes.
    fn deviation(&self, name: &str) -> Option<Deviation> {
        let mut perm: Vec<usize> = (0..self.facts.shape(name)?.len()).collect();
        let mut at = name;
        while let Some(node) = self.maker(at, "Transpose") {
            let reversed: Vec<i64> = (0..perm.len() as i64).rev().collect();
            let by = node.ints("perm").unwrap_or(&reversed);
            perm = perm.iter().map(|&d| by.get(d).and_then(|&d| usize::try_from(d).ok())).collect::<Option<Vec<usize>>>()?;
            at = node.proto.input.first()?;
        }
        let node = self.maker(at, "Sub")?;
        let [x, mean] = self.either(node)[0];
        let (of, axes) = self.mean(mean)?;
        (of == x).then(|| Deviation { name: at.to_string(), perm, x: x.to_string(), axes })
    }

    /// What stands in front of QuantizeLinear and DequantizeLinear of one scale, and that scale; the name itself without them.
    fn quantised(&self, name: &'a str) -> (&'a str, Option<[String; 2]>) {
        let pair = || {
            let back = self.maker(name, "DequantizeLinear")?;
            let to = self.maker(back.proto.input.first()?, "QuantizeLinear")?;
            let (a, b) = (to.proto.input.get(1..)?, back.proto.input.get(1..)?);
            let ([scale, zero], [own, from]) = (a, b) else { return None };
            let same =
                self.number(scale).is_some() && self.number(scale) == self.number(own) && self.codes(zero) == self.codes(from);
            same.then(|| (to.proto.input[0].as_str(), [scale.clone(), zero.clone()]))
        };
        pair().map_or((name, None), |(inner, codes)| (inner, Some(codes)))
    }

    /// What stands under a root.
    fn root(&self, name: &str) -> Option<&'a str> {
        if let Some(node) = self.maker(name, "Sqrt") {
            return node.proto.input.first().map(String::as_str);
        }
        self.power(name, 0.5)
    }

    fn power(&self, name: &str, exponent: f32) -> Option<&'a str> {
        let node = self.maker(name, "Pow")?;
        let [x, of] = self.either(node)[0];
        (self.number(of) == Some(exponent)).then_some(x)
    }

    /// What stands under a root that something is divided by: a factor.
    fn inverse(&self, name: &str) -> Option<&'a str> {
        if let Some(node) = self.maker(name, "Reciprocal") {
            return self.root(node.proto.input.first()?);
        }
        if let Some(node) = self.maker(name, "Div") {
            let [one, root] = self.either(node)[0];
            return self.root(root).filter(|_| self.number(one) == Some(1.0));
        }
        self.power(name, -0.5)
    }

    /// The square of a name.
    fn square(&self, name: &str) -> Option<&'a str> {
        if let Some(node) = self.maker(name, "Mul") {
            let [a, b] = self.either(node)[0];
            return (a == b).then_some(a);
        }
        self.power(name, 2.0)
    }

    /// The normalisation that a quotient is.
    fn norm(&self, node: &'a Node) -> Option<Norm> {
        let [straight, turned] = self.either(node);
        let (of, under) = match node.op() {
            "Div" => (straight[0], self.root(straight[1])?),
            "Mul" => [straight, turned].into_iter().find_map(|[a, b]| Some((a, self.inverse(b)?)))?,
            _ => return None,
        };
        let (sum, second) = self.quantised(under);
        let (variance, epsilon) =
            self.either(self.maker(sum, "Add")?).into_iter().find(|[_, e]| self.number(e).is_some()).map(|[v, e]| (v, e))?;
        let (variance, first) = self.quantised(variance);
        if second.is_some() && first.is_none() {
            return None;
        }
        let (squares, axes) = self.mean(variance)?;
        let squared = self.square(squares)?;
        let (x, perm, centered) = match (self.deviation(of), self.deviation(squared)) {
            (Some(a), Some(b)) if a == b => {
                let mut own = axes.iter().map(|&d| a.perm.get(d).copied()).collect::<Option<Vec<usize>>>()?;
                own.sort_unstable();
                if own != a.axes {
                    return None;
                }
                (a.x, a.perm, true)
            }
            (None, None) if of == squared => (of.to_string(), (0..self.facts.shape(of)?.len()).collect(), false),
            _ => return None,
        };
        Some(Norm { x, perm, axes, centered, epsilon: epsilon.to_string(), quantisers: [first, second] })
    }
}

/// Replaces every normalisation written as its parts by one node, with the gain and the bias behind it.
pub fn find(model: &mut Model, known: &HashMap<String, Known>) {
    if !model.nodes.iter().any(|n| n.op() == "ReduceMean") {
        return;
    }
    let walk = Walk {
        nodes: &model.nodes,
        known,
        facts: Facts::of(model, known),
        makers: model.nodes.iter().enumerate().flat_map(|(i, n)| n.proto.output.iter().map(move |o| (o.as_str(), i))).collect(),
    };
    let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, node) in model.nodes.iter().enumerate() {
        node.inputs().for_each(|name| readers.entry(name).or_default().push(i));
    }
    // A constant operand of the one node that reads a name, and what that node makes.
    let behind = |name: &str, op: &str| -> Option<(usize, String)> {
        let &[at] = readers.get(name)?.as_slice() else { return None };
        let node = &model.nodes[at];
        let constant = walk.either(node).into_iter().find(|[a, c]| *a == name && known.contains_key(*c))?[1];
        (node.op() == op && node.is_standard() && !model.outputs.iter().any(|o| o == name)).then(|| (at, constant.to_string()))
    };
    let mut made: HashMap<usize, Vec<Node>> = HashMap::new();
    for (at, node) in model.nodes.iter().enumerate().filter(|(_, n)| n.is_standard()) {
        let Some(norm) = walk.norm(node) else { continue };
        let Some(quotient) = node.proto.output.first() else { continue };
        let (mut last, mut output, mut constants) = (at, quotient.clone(), [String::new(), String::new()]);
        for (constant, op) in constants.iter_mut().zip(["Mul", "Add"]) {
            if let Some((next, name)) = behind(&output, op)
                && let Some(made) = model.nodes[next].proto.output.first()
            {
                (last, output, *constant) = (next, made.clone(), name);
            }
        }
        made.insert(last, nodes(node, norm, constants, output));
    }
    if made.is_empty() {
        return;
    }
    let all = std::mem::take(&mut model.nodes);
    let with = all.into_iter().enumerate().flat_map(|(i, node)| made.remove(&i).unwrap_or_else(|| vec![node])).collect();
    model.nodes = keep_live(with, &model.outputs);
}

fn attribute(name: &str, ints: &[usize], i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), ints: ints.iter().map(|&d| d as i64).collect(), i, ..Default::default() }
}

/// The node that stands for a normalisation, behind a Transpose where one stands in its middle.
fn nodes(quotient: &Node, norm: Norm, [gain, bias]: [String; 2], output: String) -> Vec<Node> {
    let mut made = vec![];
    let mut x = norm.x;
    if norm.perm.iter().enumerate().any(|(i, &d)| i != d) {
        let turned = format!("{} (transposed)", quotient.name);
        made.push(Node::new(NodeProto {
            input: vec![x],
            output: vec![turned.clone()],
            name: turned.clone(),
            op_type: "Transpose".into(),
            attribute: vec![attribute("perm", &norm.perm, 0)],
            domain: String::new(),
        }));
        x = turned;
    }
    let mut input = vec![x, gain, bias, norm.epsilon];
    for codes in norm.quantisers {
        input.extend(codes.unwrap_or_default());
    }
    made.push(Node::new(NodeProto {
        input,
        output: vec![output],
        name: quotient.name.clone(),
        op_type: "LayerNormalization".into(),
        attribute: vec![attribute("axes", &norm.axes, 0), attribute("centered", &[], i64::from(norm.centered))],
        domain: NORMS.into(),
    }));
    made
}
