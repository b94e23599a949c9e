// SPDX-License-Identifier: Apache-2.0
//! What operators make of row-wise values: layouts, arithmetic, normalisations. Products are in [`super::products`].

use super::layout::{Factor, Of, View, size};
use super::rows::{Arg, Id, Mask, Normalised, Scored, Step};
use super::trace::{Trace, Value};
use crate::encoder::host::elementwise::{function, gelu, gelu_tanh, of_two};
use crate::encoder::host::tensor::Tensor;
use crate::encoder::host::{axis_of, moves, sums};
use crate::onnx::parse::node::Node;
use std::sync::Arc;

/// What an operator makes, or why it is not the machine's.
pub type Made = Result<Vec<Value>, String>;

/// A refusal that another cut may not have.
pub const CUT: &str = "its other operand is a value of the host that is not the machine's input";

const FLOATS: [i64; 4] = [1, 10, 11, 16];

impl Trace<'_> {
    /// A node that reads row-wise values.
    ///
    /// # Errors
    /// Why it is not the machine's.
    pub fn machine(&mut self, node: &Node) -> Made {
        let op = node.op();
        let one = |v: View| Ok(vec![Value::View(v)]);
        if let Some(made) = self.joined(node).or_else(|| self.product(node)) {
            return made;
        }
        match (op, self.value(node, 0).cloned()) {
            ("Cast", Some(Value::View(v))) if FLOATS.contains(&node.int("to", 0)) => one(v),
            ("Identity" | "Dropout", Some(v)) => Ok(vec![v]),
            ("Reshape" | "Flatten" | "Squeeze" | "Unsqueeze", Some(Value::View(v))) => {
                let second = self.constant(node, 1);
                if node.proto.input.len() > 1 && second.is_none() {
                    return Err("its shape, or its dimensions, depend on the inputs".into());
                }
                let (shape, _) = moves::order(node, second.as_deref(), &v.shape())?;
                one(v
                    .reshaped(&shape)
                    .ok_or_else(|| format!("shape {shape:?} of {:?} divides dimensions unevenly", v.shape()))?)
            }
            ("Transpose", Some(Value::View(v))) => {
                let rank = v.axes.len();
                let order = match node.ints("perm") {
                    None => (0..rank).rev().collect(),
                    Some(p) => p.iter().map(|&a| axis_of(a, rank)).collect::<Result<Vec<usize>, _>>()?,
                };
                one(v.permuted(&order))
            }
            ("Expand", Some(Value::View(v))) => {
                let wanted = self.constant(node, 1).and_then(|t| t.as_ints()).ok_or("its shape depends on the inputs")?;
                let wanted: Vec<usize> = wanted.iter().map(|&d| d.max(0) as usize).collect();
                let shape = crate::encoder::host::tensor::broadcast(&[&v.shape(), &wanted])?;
                one(v.copied(&shape).ok_or("a shape that does not broadcast")?)
            }
            ("Tile", Some(Value::View(v))) => {
                let repeats = self.constant(node, 1).and_then(|t| t.as_ints()).ok_or("its repeats depend on the inputs")?;
                let shape: Vec<usize> = v.shape().iter().zip(&repeats).map(|(&d, &r)| d * r.max(0) as usize).collect();
                one(v.copied(&shape).ok_or("repeats of a dimension of more than 1")?)
            }
            ("Split", Some(Value::View(v))) => {
                let (axis, parts) = moves::parts(node, &self.constants(node), &v.shape())?;
                let part = |&(from, count): &(usize, usize)| v.part(axis, from, count).map(Value::View);
                parts.iter().map(part).collect::<Option<Vec<Value>>>().ok_or_else(|| "a split of tokens".into())
            }
            ("Slice", Some(Value::View(mut v))) => {
                for (axis, places) in moves::slices(node, &self.constants(node), &v.shape())? {
                    let from = *places.first().ok_or("a slice of nothing")?;
                    if places.iter().enumerate().any(|(i, &p)| p != from + i) {
                        return Err("a slice with steps".into());
                    }
                    v = v.part(axis, from, places.len()).ok_or("a slice of tokens")?;
                }
                one(v)
            }
            ("Gather", Some(Value::View(v))) => {
                let indices = self.constant(node, 1).ok_or("its indices depend on the inputs")?;
                let axis = axis_of(node.int("axis", 0), v.axes.len())?;
                let list = indices.as_ints().ok_or("indices are not integers")?;
                let ([i], true) = (list.as_slice(), indices.shape.len() < 2) else { return Err("several indices".into()) };
                let v = v.part(axis, moves::index(*i, size(&v.axes[axis]))?, 1).ok_or("a token alone")?;
                one(if indices.shape.is_empty() { v.without(axis) } else { v })
            }
            ("Softmax", Some(Value::View(v))) => self.softmax(node, &v),
            ("IsNaN", Some(Value::View(v))) => match self.rows[v.row].step {
                Step::Weighted(_) => Ok(vec![Value::NaN(v.row)]),
                _ => Err("only weights of attention may be asked whether they are numbers".into()),
            },
            ("Where", _) => self.choice(node),
            ("LayerNormalization" | "SimplifiedLayerNormalization" | "RMSNormalization", Some(Value::View(v))) => {
                let mean = op == "LayerNormalization";
                let y = self.norm(node, &v, 1, if mean { Some(2) } else { None }, mean)?;
                one(y)
            }
            ("SkipLayerNormalization" | "SkipSimplifiedLayerNormalization", _) => {
                let mean = op == "SkipLayerNormalization";
                let mut sum = self.binary("Add", node, 0, 1)?;
                let bias = if mean { 4 } else { 3 };
                if let Some(t) = self.constant(node, bias) {
                    sum = self.with_constant("Add", &sum, &t, false)?;
                }
                let y = self.norm(node, &sum, 2, if mean { Some(3) } else { None }, mean)?;
                Ok(vec![Value::View(y), Value::Unknown, Value::Unknown, Value::View(sum)])
            }
            ("ReduceMean" | "ReduceSum" | "ReduceSumSquare" | "ReduceL2", Some(Value::View(v))) => self.reduced(node, &v),
            ("BiasGelu" | "FastGelu", Some(Value::View(v))) => {
                let v = match self.constant(node, 1) {
                    Some(t) => self.with_constant("Add", &v, &t, false)?,
                    None => self.ordered(&v)?,
                };
                one(self.unary(&v, Arc::new(if op == "BiasGelu" { gelu } else { gelu_tanh })))
            }
            ("Clip", Some(Value::View(v))) => {
                let limit = |i: usize, name: &str, or: f32| match self.constant(node, i) {
                    Some(t) => Ok(f64::from(t.to_floats().first().copied().unwrap_or(or))),
                    None if node.proto.input.get(i).is_some_and(|n| !n.is_empty()) => Err("limits that depend on the inputs"),
                    None => Ok(f64::from(node.float(name, or))),
                };
                let (lo, hi) = (limit(1, "min", f32::MIN)?, limit(2, "max", f32::MAX)?);
                let hi = if hi >= f64::from(f32::MAX) { f64::INFINITY } else { hi };
                let v = self.unordered(&v)?;
                one(self.unary(&v, Arc::new(move |x| x.max(lo).min(hi))))
            }
            ("Sum" | "Max" | "Min", _) if node.proto.input.len() != 2 => Err("other than two operands".into()),
            (_, Some(Value::View(v))) if function(node, op).is_some() => {
                let v = self.unordered(&v)?;
                let f = function(node, op).ok_or("no function")?;
                one(self.unary(&v, Arc::from(f)))
            }
            _ if of_two(op).is_some() => {
                let op = ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"].into_iter().find(|o| *o == op).unwrap_or("Add");
                one(self.binary(op, node, 0, 1)?)
            }
            ("Concat", _) => Err("parts that are put behind each other".into()),
            _ => Err("an operator that the machine does not have".into()),
        }
    }

    fn unary(&mut self, v: &View, f: super::rows::Function) -> View {
        let width = self.rows[v.row].width;
        View { row: self.push(Step::Unary(f, v.row), width), ..v.clone() }
    }

    /// A view in order, of what arithmetic goes on.
    fn arithmetic_on(&mut self, v: &View) -> Result<View, String> {
        match self.rows[v.row].step {
            Step::Scores(_) | Step::Weighted(_) => Err("attention with this between its products".into()),
            _ => self.ordered(v),
        }
    }

    /// A view of what arithmetic goes on; copies stay copies where all numbers are treated alike.
    fn unordered(&mut self, v: &View) -> Result<View, String> {
        match self.rows[v.row].step {
            Step::Scores(_) | Step::Weighted(_) => self.arithmetic_on(v),
            _ if v.channels().is_none() => Ok(v.clone()),
            _ => self.ordered(v),
        }
    }

    /// An operator of two inputs, at least one of which is row-wise.
    fn binary(&mut self, op: &'static str, node: &Node, i: usize, j: usize) -> Result<View, String> {
        match (self.value(node, i).cloned(), self.value(node, j).cloned()) {
            (Some(Value::View(a)), Some(Value::View(b))) => self.both(op, &a, &b),
            (Some(Value::View(a)), Some(Value::Constant(t))) => self.with_constant_or_mask(op, &a, &t, false, node, j),
            (Some(Value::Constant(t)), Some(Value::View(b))) => self.with_constant_or_mask(op, &b, &t, true, node, i),
            (Some(Value::View(a)), Some(Value::Host(_))) if op == "Add" => {
                self.masked(&a, Mask::Added(node.proto.input[j].clone()))
            }
            (Some(Value::Host(_)), Some(Value::View(b))) if op == "Add" => {
                self.masked(&b, Mask::Added(node.proto.input[i].clone()))
            }
            _ => Err(CUT.into()),
        }
    }

    /// Two row-wise values.
    fn both(&mut self, op: &'static str, a: &View, b: &View) -> Result<View, String> {
        let (a, b) = (self.arithmetic_on(a)?, self.arithmetic_on(b)?);
        let rank = a.axes.len().max(b.axes.len());
        let (a, b) = (a.padded(rank), b.padded(rank));
        let (wa, wb) = (self.rows[a.row].width, self.rows[b.row].width);
        let wide = if wa >= wb { &a } else { &b };
        // One number of a token broadcasts over its channels.
        let of_channels = |axis: &super::layout::Axis| axis.iter().all(|f| f.of == Of::Channel);
        let fits = |(x, y): (&super::layout::Axis, &super::layout::Axis)| {
            x == y || (x.is_empty() && wa == 1 && of_channels(y)) || (y.is_empty() && wb == 1 && of_channels(x))
        };
        if !(wa == wb || wa == 1 || wb == 1) || !a.axes.iter().zip(&b.axes).all(fits) {
            return Err(format!("operands of shapes {:?} and {:?}, or of other orders", a.shape(), b.shape()));
        }
        let width = wa.max(wb);
        let row = self.push(Step::Binary(op, Arg::Row(a.row), Arg::Row(b.row)), width);
        Ok(View { row, base: 0, axes: wide.axes.clone() })
    }

    fn with_constant_or_mask(
        &mut self,
        op: &'static str,
        v: &View,
        t: &Tensor,
        first: bool,
        node: &Node,
        at: usize,
    ) -> Result<View, String> {
        if t.len() > 1 && op == "Add" && matches!(self.rows[v.row].step, Step::Scores(_)) {
            return self.masked(v, Mask::Added(node.proto.input[at].clone()));
        }
        self.with_constant(op, v, t, first)
    }

    /// A row-wise value and a constant.
    pub fn with_constant(&mut self, op: &'static str, v: &View, t: &Tensor, first: bool) -> Result<View, String> {
        if let Step::Scores(s) = &self.rows[v.row].step {
            let by = f64::from(t.to_floats().first().copied().unwrap_or(1.0));
            let scale = match op {
                "Mul" => s.scale * by,
                "Div" if !first => s.scale / by,
                "Add" if by == 0.0 => s.scale,
                _ => return Err("scores of attention with more than a factor and a mask".into()),
            };
            if t.len() != 1 || (!s.masks.is_empty() && scale != s.scale) {
                return Err("scores of attention that are scaled head by head, or behind their mask".into());
            }
            return Ok(self.scored(v, Scored { scale, ..(**s).clone() }));
        }
        let v = if t.len() == 1 { self.unordered(v)? } else { self.arithmetic_on(v)? };
        let mut v = v.padded(t.shape.len());
        let mut width = self.rows[v.row].width;
        let last = v.axes.len().saturating_sub(1);
        let vector = match self.by_channel(t, &v) {
            // One number of a token and one of each channel: a number of each channel.
            Err(_) if width == 1 && t.len() > 1 && t.shape.last() == Some(&t.len()) && v.axes[last].is_empty() => {
                width = t.len();
                v.axes[last] = vec![Factor { of: Of::Channel, size: width, step: 1 }];
                t.to_floats().iter().map(|&v| v.into()).collect()
            }
            vector => vector?,
        };
        let vector = Arg::Vector(Arc::new(vector));
        let (a, b) = if first { (vector, Arg::Row(v.row)) } else { (Arg::Row(v.row), vector) };
        Ok(View { row: self.push(Step::Binary(op, a, b), width), ..v })
    }

    fn scored(&mut self, v: &View, s: Scored) -> View {
        let width = s.heads;
        View { row: self.push(Step::Scores(Arc::new(s)), width), ..v.clone() }
    }

    /// Scores with a mask.
    ///
    /// # Errors
    /// They are no scores.
    pub fn masked(&mut self, v: &View, mask: Mask) -> Result<View, String> {
        let Step::Scores(s) = &self.rows[v.row].step else {
            return Err(CUT.into());
        };
        let last = v.axes.len().checked_sub(1).ok_or("a scalar")?;
        if !self.tokens_in(v, last, Of::Key) {
            return Err("a mask on scores whose last dimension is not that of keys".into());
        }
        let mut s = (**s).clone();
        s.masks.push(mask);
        Ok(self.scored(v, s))
    }

    fn softmax(&mut self, node: &Node, v: &View) -> Made {
        let last = v.axes.len().checked_sub(1).ok_or("a scalar")?;
        let axis = axis_of(node.int("axis", if self.net.opset < 13 { 1 } else { -1 }), v.axes.len())?;
        match &self.rows[v.row].step {
            Step::Scores(s) if axis == last && self.tokens_in(v, last, Of::Key) => {
                let (s, width) = (s.clone(), s.heads);
                Ok(vec![Value::View(View { row: self.push(Step::Weighted(s), width), ..v.clone() })])
            }
            _ => Err("Softmax of what are no scores of attention".into()),
        }
    }

    /// Where: a guard of weights that are no numbers, or a mask of scores.
    fn choice(&mut self, node: &Node) -> Made {
        let values = [0, 1, 2].map(|i| self.value(node, i).cloned());
        let low = |t: &Tensor| t.to_floats().iter().all(|&v| v <= -1e4);
        let condition = || Mask::Counts(node.proto.input[0].clone(), true);
        match values {
            [Some(Value::NaN(row)), Some(Value::Constant(zero)), Some(Value::View(v))]
                if v.row == row && zero.to_floats().iter().all(|&z| z == 0.0) =>
            {
                Ok(vec![Value::View(v)])
            }
            [Some(Value::Host(_) | Value::Constant(_)), Some(Value::View(v)), Some(Value::Constant(t))] if low(&t) => {
                Ok(vec![Value::View(self.masked(&v, condition())?)])
            }
            [Some(Value::Host(_) | Value::Constant(_)), Some(Value::Constant(t)), Some(Value::View(v))] if low(&t) => {
                Ok(vec![Value::View(self.masked(&v, Mask::Counts(node.proto.input[0].clone(), false))?)])
            }
            _ => Err("a choice that is no mask of attention".into()),
        }
    }

    /// All channels of each token, if that is what the dimensions from `axis` on are.
    fn whole_tokens(&self, v: &View, axes: &[usize]) -> bool {
        let channels: usize = axes.iter().map(|&d| size(&v.axes[d])).product();
        let of = |d: usize, of: Of| v.axes[d].iter().all(|f| f.of == of);
        channels == self.rows[v.row].width
            && (0..v.axes.len()).all(|d| if axes.contains(&d) { of(d, Of::Channel) } else { of(d, Of::Token) })
    }

    fn norm(&mut self, node: &Node, v: &View, gain: usize, bias: Option<usize>, mean: bool) -> Result<View, String> {
        let v = self.arithmetic_on(v)?;
        let axis = axis_of(node.int("axis", -1), v.axes.len())?;
        let over: Vec<usize> = (axis..v.axes.len()).collect();
        if !self.whole_tokens(&v, &over) {
            return Err("a normalisation over other than all channels of a token".into());
        }
        let width = self.rows[v.row].width;
        let vector = |i: usize| -> Result<Vec<f32>, String> {
            let t = self.constant(node, i).ok_or("a gain or bias that depends on the inputs")?;
            let values = self.by_channel(&t, &v)?;
            Ok((0..width).map(|c| values[if values.len() == 1 { 0 } else { c }] as f32).collect())
        };
        let bias = match bias.filter(|&i| node.proto.input.get(i).is_some_and(|n| !n.is_empty())) {
            Some(i) => vector(i)?,
            None => vec![0.0; width],
        };
        let normalised = Normalised { gain: vector(gain)?, bias, epsilon: node.float("epsilon", 1e-5), mean };
        Ok(View { row: self.push(Step::Norm(v.row, Arc::new(normalised)), width), ..v })
    }

    fn reduced(&mut self, node: &Node, v: &View) -> Made {
        let v = self.arithmetic_on(v)?;
        let (axes, keep) = sums::reduced_axes(node, &self.constants(node), v.axes.len())?;
        if axes.is_empty() || !self.whole_tokens(&v, &axes) {
            return Err("a reduction over other than all channels of a token".into());
        }
        let op = ["ReduceMean", "ReduceSum", "ReduceSumSquare"].into_iter().find(|o| *o == node.op()).unwrap_or("ReduceL2");
        let row: Id = self.push(Step::Reduce(op, v.row), 1);
        let dims = (0..v.axes.len()).filter(|d| keep || !axes.contains(d));
        let axes = dims.map(|d| if axes.contains(&d) { vec![] } else { v.axes[d].clone() }).collect();
        Ok(vec![Value::View(View { row, base: 0, axes })])
    }
}
