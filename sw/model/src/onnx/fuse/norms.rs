// SPDX-License-Identifier: Apache-2.0
//! A normalisation written as its parts: ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div, and what exporters write for them, become one
//! node before anything is lowered. ONNX Runtime makes LayerNormalization of them too (LayerNormFusion) where nothing is quantised in
//! between; where quantisers stand before and behind the sum with epsilon, as quantize_static leaves it, it computes the parts in float32.

use crate::onnx::array::Array;
use crate::onnx::element::ElementType;
use crate::onnx::fold::facts::{Constants, Facts};
use crate::onnx::fold::known::{Dequantised, Known};
use crate::onnx::fold::scales::{axis_of, list};
use crate::onnx::parse::live::keep_live;
use crate::onnx::parse::model::Model;
use crate::onnx::parse::node::Node;
use crate::onnx::proto::{AttributeProto, NodeProto};
use std::collections::HashMap;
use std::rc::Rc;

/// The domain of the node that they become. Its inputs are the tensor, gain, bias, epsilon, then scale and zero point of the quantiser
/// behind the variance and of that behind the sum with epsilon, or in place
/// of both, the ninth, what stands under the root where it is codes that other nodes make, and of the graph's input four more: scale and zero point of
/// its codes that are squared, and of the squares; its attributes `axes`, and `centered`: the mean is subtracted.
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
    /// That constant, where no node makes float32 of its codes.
    made: Option<Dequantised>,
    /// What stands under the root beside epsilon, where it is what codes stand for.
    root: Option<String>,
    /// Scale and zero point of the codes that are squared, and of the squares, where what is divided is the graph's input.
    squares: Option<[String; 4]>,
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

/// A sum of codes of a variance and of a constant, as codes.
struct Sum<'a> {
    /// The variance, before it is quantised.
    variance: &'a str,
    /// Scale and zero point of its codes.
    first: [String; 2],
    /// The constant's codes.
    epsilon: &'a str,
    /// What they stand for.
    made: Dequantised,
    /// Scale and zero point of the sum.
    second: [String; 2],
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
            let same = self.same([scale, zero], [own, from]);
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
        self.whole(of, under).or_else(|| self.by_root(of, under))
    }

    /// The sum of a tensor and a constant of one element: both.
    fn plus(&self, name: &str) -> Option<[&'a str; 2]> {
        self.either(self.maker(name, "Add")?).into_iter().find(|[_, e]| self.number(e).is_some())
    }

    /// That of codes, by QLinearAdd between QuantizeLinear and DequantizeLinear, as QOperator networks have it.
    fn plus_codes(&self, name: &str) -> Option<Sum<'a>> {
        let back = self.maker(name, "DequantizeLinear")?;
        let add = &self.nodes[*self.makers.get(back.proto.input.first()?.as_str())?];
        let [x, x_scale, x_zero, y, y_scale, y_zero, scale, zero] = add.proto.input.as_slice() else { return None };
        let (of_sum, [_, own @ ..]) = ([scale, zero], back.proto.input.as_slice()) else { return None };
        let [own, own_zero] = own else { return None };
        if add.proto.domain != "com.microsoft" || add.op() != "QLinearAdd" || !self.same(of_sum, [own, own_zero]) {
            return None;
        }
        let one = |[x, x_scale, x_zero]: [&'a String; 3], [e, e_scale, e_zero]: [&'a String; 3]| {
            let to = self.maker(x, "QuantizeLinear")?;
            let [variance, scale, zero] = to.proto.input.as_slice() else { return None };
            let (element, code) = self.codes(e).filter(|c| c.1.len() == 1)?;
            let zero_of = self.codes(e_zero).filter(|c| c.1.len() == 1)?.1[0];
            let made = Dequantised {
                shape: vec![],
                ints: Rc::new(vec![(code[0] - zero_of) as i32]),
                scales: Rc::new(vec![self.number(e_scale)?]),
                axis: 0,
                element,
                zero: i32::try_from(zero_of).ok(),
                vector: false,
            };
            let same = self.same([scale, zero], [x_scale, x_zero]);
            let (first, second) = ([x_scale.clone(), x_zero.clone()], of_sum.map(String::clone));
            same.then_some(Sum { variance, first, epsilon: e, made, second })
        };
        let (x, y) = ([x, x_scale, x_zero], [y, y_scale, y_zero]);
        one(x, y).or_else(|| one(y, x))
    }

    /// Whether two pairs of scale and zero point are the same.
    fn same(&self, [scale, zero]: [&String; 2], [own, from]: [&String; 2]) -> bool {
        self.number(scale).is_some() && self.number(scale) == self.number(own) && self.codes(zero) == self.codes(from)
    }

    /// A quotient by the root of what codes stand for, with or without a constant: whatever made them, other layers do.
    fn by_root(&self, of: &'a str, under: &'a str) -> Option<Norm> {
        let (root, epsilon) = self.plus(under).map_or((under, String::new()), |[v, e]| (v, e.to_string()));
        self.maker(root, "DequantizeLinear").filter(|_| !self.known.contains_key(root))?;
        let (shape, roots) = (self.facts.shape(of)?, self.facts.shape(root)?);
        let first = shape.len().checked_sub(roots.len())?;
        let size = |d: usize| d.checked_sub(first).map_or(1, |d| roots[d]);
        let axes: Vec<usize> = (0..shape.len()).filter(|&d| shape[d] != size(d)).collect();
        if axes.is_empty() || axes.iter().any(|&d| size(d) != 1) {
            return None;
        }
        let (x, perm, centered) = match self.deviation(of) {
            Some(a) if self.along(&a, &axes) => (a.x, a.perm, true),
            Some(_) => return None,
            None => (of.to_string(), (0..shape.len()).collect(), false),
        };
        let none = Norm {
            x,
            perm,
            axes,
            centered,
            epsilon,
            made: None,
            root: Some(root.into()),
            squares: None,
            quantisers: [None, None],
        };
        match self.squares_of(of, under, &none.axes) {
            Some((Sum { first, epsilon, made, second, .. }, squares)) => Some(Norm {
                epsilon: format!("{epsilon} (epsilon)"),
                made: Some(made),
                root: None,
                squares: Some(squares),
                quantisers: [Some(first), Some(second)],
                ..none
            }),
            None => Some(none),
        }
    }

    /// Codes of squares of the graph's input, whose mean and a constant stand under a root: how they become codes. So the host can make
    /// them, which alone has the input in float32.
    fn squares_of(&self, of: &str, under: &str, axes: &[usize]) -> Option<(Sum<'a>, [String; 4])> {
        let sum = self.plus_codes(under).filter(|_| !self.makers.contains_key(of))?;
        let (squares, along) = self.mean(sum.variance)?;
        let back = self.maker(squares, "DequantizeLinear")?;
        let mul = &self.nodes[*self.makers.get(back.proto.input.first()?.as_str())?];
        let [a, scale_a, zero_a, b, scale_b, zero_b, scale, zero] = mul.proto.input.as_slice() else { return None };
        let [_, own, own_zero] = back.proto.input.as_slice() else { return None };
        let to = self.maker(a, "QuantizeLinear")?;
        let [x, x_scale, x_zero] = to.proto.input.as_slice() else { return None };
        let sound = mul.proto.domain == "com.microsoft"
            && mul.op() == "QLinearMul"
            && (a == b && x == of && along == axes)
            && self.same([scale_a, zero_a], [scale_b, zero_b])
            && self.same([scale_a, zero_a], [x_scale, x_zero])
            && self.same([scale, zero], [own, own_zero]);
        sound.then(|| (sum, [scale_a, zero_a, scale, zero].map(String::clone)))
    }

    /// Whether a deviation is from the mean along these dimensions of what reads it.
    fn along(&self, a: &Deviation, axes: &[usize]) -> bool {
        let own = axes.iter().map(|&d| a.perm.get(d).copied()).collect::<Option<Vec<usize>>>();
        own.is_some_and(|mut own| {
            own.sort_unstable();
            own == a.axes
        })
    }

    /// A quotient by the root of the mean of squares and a constant, whose variance is at most quantised.
    fn whole(&self, of: &'a str, under: &'a str) -> Option<Norm> {
        let codes = self.plus_codes(under);
        let (variance, epsilon, made, first, second) = match codes {
            Some(Sum { variance, first, epsilon, made, second }) => (variance, epsilon, Some(made), Some(first), Some(second)),
            None => {
                let (sum, second) = self.quantised(under);
                let [variance, epsilon] = self.plus(sum)?;
                let (variance, first) = self.quantised(variance);
                (variance, epsilon, None, first, second)
            }
        };
        if second.is_some() && first.is_none() {
            return None;
        }
        let (squares, axes) = self.mean(variance)?;
        let squared = self.square(squares)?;
        let (x, perm, centered) = match (self.deviation(of), self.deviation(squared)) {
            (Some(a), Some(b)) if a == b && self.along(&a, &axes) => (a.x, a.perm, true),
            (None, None) if of == squared => (of.to_string(), (0..self.facts.shape(of)?.len()).collect(), false),
            _ => return None,
        };
        let epsilon = if made.is_some() { format!("{epsilon} (epsilon)") } else { epsilon.to_string() };
        Some(Norm { x, perm, axes, centered, epsilon, made, root: None, squares: None, quantisers: [first, second] })
    }
}

/// Replaces every normalisation written as its parts by one node, with the gain and the bias behind it.
pub fn find(model: &mut Model, known: &mut HashMap<String, Known>) {
    if !model.nodes.iter().any(|n| matches!(n.op(), "Sqrt" | "Pow")) {
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
    let mut constants_of = vec![];
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
        constants_of.extend(norm.made.clone().map(|c| (norm.epsilon.clone(), Known::Dequantised(c))));
        made.insert(last, nodes(node, norm, constants, output));
    }
    if made.is_empty() {
        return;
    }
    known.extend(constants_of);
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
    if norm.root.is_some() || norm.squares.is_some() {
        input.resize(8, String::new());
        input.push(norm.root.unwrap_or_default());
        input.extend(norm.squares.into_iter().flatten());
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
