// SPDX-License-Identifier: Apache-2.0
//! Products with weights, in float32 and in the integers of dynamic quantisation, and the two products of attention.

use super::layout::{Factor, Of, View};
use super::operators::Made;
use super::rows::{Scored, Step, Weights};
use super::trace::{Trace, Value};
use super::weights::{Coded, coded, weights};
use crate::encoder::host::tensor::Tensor;
use crate::onnx::parse::node::Node;
use std::sync::Arc;

impl Trace<'_> {
    /// A node that multiplies, or that belongs to the integers of a product; `None`: another.
    pub fn product(&mut self, node: &Node) -> Option<Made> {
        let values: Vec<Option<Value>> = (0..node.proto.input.len().max(2)).map(|i| self.value(node, i).cloned()).collect();
        let op = node.op();
        let one = |v: Result<View, String>| v.map(|v| vec![Value::View(v)]);
        Some(match (op, values.as_slice()) {
            ("MatMul" | "FusedMatMul", [Some(Value::View(a)), Some(Value::Constant(t)), ..]) => {
                let turn = node.int("transB", 0) != 0;
                let scale = node.float("alpha", 1.0);
                let made = self.float_product(node, a, t, 1, turn, node.int("transA", 0) != 0);
                one(made.and_then(|v| self.times(v, scale)))
            }
            ("Gemm" | "FusedGemm", [Some(Value::View(a)), Some(Value::Constant(t)), ..]) => {
                let made = self.float_product(node, a, t, 1, node.int("transB", 0) != 0, node.int("transA", 0) != 0);
                let made = made.and_then(|v| self.times(v, node.float("alpha", 1.0)));
                let beta = node.float("beta", 1.0);
                let made = made.and_then(|v| match values.get(2).cloned().flatten() {
                    None => Ok(v),
                    Some(Value::Constant(c)) => {
                        let c = Tensor::floats(c.shape.clone(), c.to_floats().iter().map(|v| v * beta).collect());
                        self.with_constant("Add", &v, &c, false)
                    }
                    Some(_) => Err("a summand that is no constant".into()),
                });
                one(made.and_then(|v| self.activated(node, v)))
            }
            ("MatMul" | "FusedMatMul", [Some(Value::View(a)), Some(Value::View(b)), ..]) => {
                let (mut a, mut b) = (a.clone(), b.clone());
                for (v, name) in [(&mut a, "transA"), (&mut b, "transB")] {
                    let rank = v.axes.len();
                    if node.int(name, 0) != 0 && rank > 1 {
                        v.axes.swap(rank - 1, rank - 2);
                    }
                }
                let by = f64::from(node.float("alpha", 1.0));
                one(match self.rows[a.row].step {
                    Step::Weighted(_) if by == 1.0 => self.attention(&a, &b),
                    _ => self.scores(&a, &b, by),
                })
            }
            ("MatMul", [_, Some(Value::View(_)), ..]) => Err("a product of a constant, or of the host, with tokens".into()),
            ("DynamicQuantizeLinear", [Some(Value::View(v)), ..]) => {
                Ok(vec![Value::Codes(v.clone()), Value::Scale(v.row), Value::Zero])
            }
            ("MatMulInteger", [Some(Value::Codes(v)), Some(Value::Constant(t)), ..]) => {
                let zero = match values.get(3).cloned().flatten() {
                    Some(Value::Constant(z)) => Some(z),
                    _ => None,
                };
                Ok(vec![Value::Whole(v.clone(), node.proto.input[1].clone(), t.clone(), zero)])
            }
            ("Cast", [Some(w @ Value::Whole(..)), ..]) if node.int("to", 0) == 1 => Ok(vec![w.clone()]),
            (
                "Mul",
                [Some(Value::Scale(row)), Some(Value::Constant(t)), ..] | [Some(Value::Constant(t)), Some(Value::Scale(row)), ..],
            ) => Ok(vec![Value::Scales(*row, t.clone())]),
            (
                "Mul",
                [Some(Value::Whole(v, name, t, zero)), Some(Value::Scales(row, scale)), ..]
                | [Some(Value::Scales(row, scale)), Some(Value::Whole(v, name, t, zero)), ..],
            ) if v.row == *row => one(self.integer_product(v, name, t, zero.clone(), scale.clone())),
            ("DynamicQuantizeMatMul", [Some(Value::View(v)), Some(Value::Constant(t)), ..]) => {
                let made = self.fused_integers(node, v, t, 2, 3);
                one(made.and_then(|y| self.plus_constant(node, y, 4)))
            }
            ("MatMulIntegerToFloat", [Some(Value::Codes(v)), Some(Value::Constant(t)), ..]) => {
                let made = self.fused_integers(node, v, t, 3, 5);
                one(made.and_then(|y| self.plus_constant(node, y, 6)))
            }
            _ => return None,
        })
    }

    /// The activation that ONNX Runtime joined to a product.
    fn activated(&mut self, node: &Node, v: View) -> Result<View, String> {
        let f: super::rows::Function = match node.text("activation").as_str() {
            "" => return Ok(v),
            "Relu" => Arc::new(|v: f64| v.max(0.0)),
            "Tanh" => Arc::new(f64::tanh),
            "Sigmoid" => Arc::new(crate::encoder::host::elementwise::sigmoid),
            other => return Err(format!("the activation {other}")),
        };
        let width = self.rows[v.row].width;
        Ok(View { row: self.push(Step::Unary(f, v.row), width), ..v })
    }

    fn plus_constant(&mut self, node: &Node, y: View, i: usize) -> Result<View, String> {
        match self.value(node, i).cloned() {
            None => Ok(y),
            Some(Value::Constant(t)) => self.with_constant("Add", &y, &t, false),
            Some(_) => Err("a bias that is no constant".into()),
        }
    }

    fn fused_integers(&mut self, node: &Node, v: &View, t: &Arc<Tensor>, scale: usize, zero: usize) -> Result<View, String> {
        let scale = self.constant(node, scale).ok_or("scales of weights that are no constant")?;
        let zero = self.constant(node, zero);
        self.integer_product(v, &node.proto.input[1].clone(), t, zero, scale)
    }

    fn times(&mut self, v: View, by: f32) -> Result<View, String> {
        if by == 1.0 { Ok(v) } else { self.with_constant("Mul", &v, &Tensor::floats(vec![], vec![by]), false) }
    }

    fn float_product(&mut self, node: &Node, a: &View, t: &Tensor, i: usize, turn: bool, turn_a: bool) -> Result<View, String> {
        if turn_a {
            return Err("a product of channels by tokens".into());
        }
        let name = node.proto.input[i].clone();
        let coded = self.coded.get(&name).cloned();
        self.weighted(a, &name, t, coded.as_ref(), turn)
    }

    /// The numbers of an integer product: scales and zero points have no dimension, or that of outputs.
    fn integer_product(
        &mut self,
        v: &View,
        name: &str,
        t: &Arc<Tensor>,
        zero: Option<Arc<Tensor>>,
        scale: Arc<Tensor>,
    ) -> Result<View, String> {
        self.weighted(v, name, t, Some(&coded(t.clone(), zero, scale)), false)
    }

    /// A product of all channels of a token with the weights `t`; `turn`: they are stored `[outputs, inputs]`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn weighted(&mut self, a: &View, name: &str, t: &Tensor, coded: Option<&Coded>, turn: bool) -> Result<View, String> {
        let a = self.ordered(a)?;
        let last = a.axes.len().checked_sub(1).ok_or("a product of a scalar")?;
        let width = self.rows[a.row].width;
        if !a.is(last, Of::Channel, width, 1) || matches!(self.rows[a.row].step, Step::Scores(_) | Step::Weighted(_)) {
            return Err("a product over other than all channels of a token".into());
        }
        let w: Weights = weights(name, t, coded, turn, &mut self.changes)?;
        let outputs = w.scales.len();
        if w.inputs != width {
            return Err(format!("weights of {} inputs on {width} channels", w.inputs));
        }
        let row = self.push(Step::Product(a.row, Arc::new(w)), outputs);
        let mut made = View { row, ..a };
        let rank = t.shape.len().max(made.axes.len());
        made = made.padded(rank);
        let last = made.axes.len() - 1;
        made.axes[last] = if outputs > 1 { vec![Factor { of: Of::Channel, size: outputs, step: 1 }] } else { vec![] };
        Ok(made)
    }

    /// Channels of each head, `[heads][width]`, of a tensor `[.., rows, width]` with heads in its outer dimensions, `wide` of them.
    fn heads(&self, v: &View, channels: usize, wide: &[usize]) -> Option<Vec<Vec<usize>>> {
        let v = v.copied(&[wide, &v.shape()[v.axes.len() - 2..]].concat())?;
        let mut outer = vec![v.base];
        for d in 0..wide.len() {
            let o = v.offsets(d)?;
            outer = outer.iter().flat_map(|at| o.iter().map(move |o| at + o)).collect();
        }
        let inner = v.offsets(channels)?;
        Some(outer.iter().map(|at| inner.iter().map(|o| at + o).collect()).collect())
    }

    /// Products of queries `[.., tokens, d]` and keys `[.., d, tokens]`.
    ///
    /// # Errors
    /// They are none of attention.
    pub fn scores(&mut self, a: &View, b: &View, scale: f64) -> Result<View, String> {
        let rank = a.axes.len().max(b.axes.len()).max(2);
        let (a, b) = (a.padded(rank), b.padded(rank));
        let no =
            || format!("a product of two activations of shapes {:?} and {:?} that is none of attention", a.shape(), b.shape());
        if !self.tokens_in(&a, rank - 2, Of::Token) || !self.tokens_in(&b, rank - 1, Of::Token) {
            return Err(no());
        }
        let wide = a.shape()[..rank - 2].to_vec();
        let (Some(q), Some(k)) = (self.heads(&a, rank - 1, &wide), self.heads(&b, rank - 2, &wide)) else { return Err(no()) };
        if q[0].len() != k[0].len() {
            return Err(no());
        }
        let (heads, groups) = (q.len(), distinct(&k));
        let Some(groups) = groups else { return Err("heads of keys in another order than those of queries".into()) };
        let (kv_heads, q, k) = (groups.len(), q.concat(), groups.concat());
        let (q, k) = (self.select(a.row, q), self.select(b.row, k));
        let row = self.push(Step::Scores(Arc::new(Scored { q, k, heads, kv_heads, scale, masks: vec![] })), heads);
        let mut step = heads;
        let mut axes: Vec<Vec<Factor>> = wide
            .iter()
            .map(|&size| {
                step /= size;
                if size > 1 { vec![Factor { of: Of::Channel, size, step }] } else { vec![] }
            })
            .collect();
        axes.push(a.axes[rank - 2].clone());
        axes.push(if self.tokens > 1 { vec![Factor { of: Of::Key, size: self.tokens, step: 1 }] } else { vec![] });
        Ok(View { row, base: 0, axes })
    }

    /// Weights `[.., tokens, keys]` times values `[.., tokens, d]`.
    ///
    /// # Errors
    /// They are none of attention.
    pub fn attention(&mut self, a: &View, b: &View) -> Result<View, String> {
        let rank = a.axes.len().max(b.axes.len()).max(2);
        let (a, b) = (a.padded(rank), b.padded(rank));
        let no = |what: &str| Err(format!("a product of attention's weights with {what}"));
        let Step::Weighted(s) = self.rows[a.row].step.clone() else { return no("values") };
        if !self.tokens_in(&a, rank - 2, Of::Token)
            || !self.tokens_in(&a, rank - 1, Of::Key)
            || !self.tokens_in(&b, rank - 2, Of::Token)
        {
            return no("what are no values of all tokens");
        }
        let wide = a.shape()[..rank - 2].to_vec();
        let mut order = vec![0];
        for d in 0..wide.len() {
            let Some(o) = a.offsets(d) else { return no("heads that are no heads") };
            order = order.iter().flat_map(|at| o.iter().map(move |o| at + o)).collect();
        }
        if order.iter().enumerate().any(|(i, &h)| h != i) {
            return no("heads in another order");
        }
        let Some(v) = self.heads(&b, rank - 1, &wide) else { return no("what are no values") };
        let d = v[0].len();
        let Some(mut groups) = distinct(&v) else { return no("heads in another order") };
        if groups.len() != s.kv_heads {
            // As many as there are of keys.
            groups = v.iter().step_by(s.heads / s.kv_heads).cloned().collect();
            if v.iter().enumerate().any(|(h, list)| *list != groups[h * s.kv_heads / s.heads]) {
                return no("other heads than keys have");
            }
        }
        let v = self.select(b.row, groups.concat());
        let row = self.push(Step::Attention(s.clone(), v), s.heads * d);
        let mut axes = a.axes[..rank - 2].to_vec();
        axes.iter_mut().flatten().for_each(|f| f.step *= d);
        axes.push(a.axes[rank - 2].clone());
        axes.push(if d > 1 { vec![Factor { of: Of::Channel, size: d, step: 1 }] } else { vec![] });
        Ok(View { row, base: 0, axes })
    }
}

/// Heads without those that are the same as the one before, where each is read by as many others; `None` where not.
fn distinct(heads: &[Vec<usize>]) -> Option<Vec<Vec<usize>>> {
    let mut made: Vec<Vec<usize>> = heads.to_vec();
    made.dedup();
    let (n, all) = (made.len(), heads.len());
    let even = all % n == 0 && heads.iter().enumerate().all(|(h, list)| *list == made[h * n / all]);
    even.then_some(made)
}
