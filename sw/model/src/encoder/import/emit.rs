// SPDX-License-Identifier: Apache-2.0
//! Operators of the machine from row-wise values: arithmetic joins the products, normalisations and attention it belongs to.

use super::recognise::{Act, Form, recognise};
use super::rows::{Arg, Id, Mask, Row, Step, Weights, reads};
use crate::encoder::{Attention, Encoder, Linear, Map, Norm, Op, Then};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A refusal that another cut may not have.
pub const ALONE_CONSTANT: &str = "a constant added to what is neither a product with weights nor a normalisation";

/// Likewise.
pub const ALONE_FACTOR: &str = "a factor for each channel on what is neither a product with weights nor a normalisation";

/// What was made of a value: an encoder, and what its result is times.
pub struct Emitted {
    /// The encoder.
    pub encoder: Encoder,
    /// What the result is times.
    pub factor: f64,
    /// Masks of each attention, where they differ.
    pub masks: Vec<Vec<Mask>>,
    /// Nodes whose Gelu by tanh became Gelu.
    pub tanh: usize,
    /// Nodes that could not be made, and why.
    pub refused: Vec<(usize, String)>,
}

/// A product with what follows it channel by channel.
struct Pending {
    from: Id,
    weights: Arc<Weights>,
    pick: Vec<usize>,
    factor: Vec<f64>,
    bias: Option<Vec<f64>>,
    node: usize,
}

struct Emitter<'a> {
    rows: Vec<Row>,
    names: &'a dyn Fn(usize) -> String,
    readers: HashMap<Id, usize>,
    ops: Vec<Op>,
    made: HashMap<Id, (Map, f64)>,
    forms: HashMap<Id, Option<Form>>,
    masks: Vec<Vec<Mask>>,
    tanh: BTreeSet<usize>,
    refused: Vec<(usize, String)>,
}

/// The encoder of a value; `names`: of nodes.
pub fn emit(rows: &[Row], target: Id, tokens: usize, name: &str, names: &dyn Fn(usize) -> String) -> Emitted {
    let mut readers: HashMap<Id, usize> = HashMap::from([(target, 1)]);
    let (mut waiting, mut seen) = (vec![target], BTreeSet::from([target]));
    while let Some(id) = waiting.pop() {
        for r in reads(&rows[id].step) {
            *readers.entry(r).or_default() += 1;
            if seen.insert(r) {
                waiting.push(r);
            }
        }
    }
    let mut e = Emitter {
        rows: rows.to_vec(),
        names,
        readers,
        ops: vec![],
        made: HashMap::new(),
        forms: HashMap::new(),
        masks: vec![],
        tanh: BTreeSet::new(),
        refused: vec![],
    };
    let (output, factor) = e.value(target);
    let encoder = Encoder { name: name.into(), tokens, width: rows[0].width, ops: e.ops, output };
    let mut refused = e.refused;
    if refused.is_empty()
        && let Err(why) = encoder.check()
    {
        refused.push((rows[target].node, why));
    }
    Emitted { encoder, factor, masks: e.masks, tanh: e.tanh.len(), refused }
}

impl Emitter<'_> {
    fn form(&mut self, id: Id) -> Option<Form> {
        if !self.forms.contains_key(&id) {
            let form = recognise(&self.rows, id);
            self.forms.insert(id, form);
        }
        self.forms[&id].clone()
    }

    /// The map of a value and what it is times. What cannot be made is noted, and stands as a map that nothing is true of.
    fn value(&mut self, id: Id) -> (Map, f64) {
        if let Some(&made) = self.made.get(&id) {
            return made;
        }
        let made = self.attempt(id).unwrap_or_else(|why| {
            let node = self.rows[id].node;
            if !self.refused.iter().any(|(n, _)| *n == node) {
                self.refused.push((node, why));
            }
            (0, 1.0)
        });
        self.made.insert(id, made);
        made
    }

    fn attempt(&mut self, id: Id) -> Result<(Map, f64), String> {
        if let Some(p) = self.linear(id) {
            return Ok(self.push_linear(p, 1.0, Then::Nothing));
        }
        let name = (self.names)(self.rows[id].node);
        match self.rows[id].step.clone() {
            Step::Input => Ok((0, 1.0)),
            Step::Norm(x, n) => Ok(self.push_norm(name, x, &n)),
            Step::Attention(s, v) => {
                if !self.masks.contains(&s.masks) {
                    self.masks.push(s.masks.clone());
                }
                let ((q, fq), (k, fk), (v, fv)) = (self.value(s.q), self.value(s.k), self.value(v));
                let scale = (s.scale * fq * fk) as f32;
                Ok(self.push(Op::Attention(Attention { name, q, k, v, heads: s.heads, kv_heads: s.kv_heads, scale }), fv))
            }
            Step::Scores(_) | Step::Weighted(_) => Err("scores of attention that are read by something else".into()),
            Step::Select(x, list) => self.selected(id, x, &list),
            Step::Product(..) => Err("a product without weights".into()),
            Step::Unary(..) | Step::Binary(..) | Step::Reduce(..) => match self.form(id) {
                Some(Form::Norm(x, n)) => Ok(self.push_norm(name, x, &n)),
                Some(Form::Act { x, act: Act::Same, inner, factor }) => {
                    let (map, f) = self.value(x);
                    Ok((map, f * inner * factor))
                }
                Some(Form::Act { x, act, inner, factor }) => {
                    let p = self.linear(x).ok_or("a function of what is no product with weights")?;
                    if act == Act::GeluTanh {
                        self.tanh.insert(self.rows[id].node);
                    }
                    let then = match act {
                        Act::Relu => Then::Relu,
                        Act::Silu => Then::Silu,
                        _ => Then::Gelu,
                    };
                    let (map, _) = self.push_linear(p, inner, then);
                    Ok((map, factor))
                }
                None => self.arithmetic(id),
            },
        }
    }

    fn push(&mut self, op: Op, factor: f64) -> (Map, f64) {
        self.ops.push(op);
        (self.ops.len(), factor)
    }

    fn push_norm(&mut self, name: String, x: Id, n: &super::rows::Normalised) -> (Map, f64) {
        let (from, f) = self.value(x);
        let gain = if f < 0.0 { n.gain.iter().map(|g| -g).collect() } else { n.gain.clone() };
        let epsilon = (f64::from(n.epsilon) / (f * f)) as f32;
        self.push(Op::Norm(Norm { name, from, gain, bias: n.bias.clone(), epsilon, mean: n.mean }), 1.0)
    }

    /// A product with what follows it channel by channel, if that is what a value is.
    fn linear(&self, id: Id) -> Option<Pending> {
        match &self.rows[id].step {
            Step::Product(from, w) => Some(Pending {
                from: *from,
                weights: w.clone(),
                pick: (0..w.scales.len()).collect(),
                factor: vec![1.0; w.scales.len()],
                bias: None,
                node: self.rows[id].node,
            }),
            Step::Select(x, list) => {
                let p = self.linear(*x)?;
                let pick = |v: &[f64]| list.iter().map(|&c| v[c]).collect::<Vec<f64>>();
                let (factor, bias) = (pick(&p.factor), p.bias.as_deref().map(pick));
                Some(Pending { pick: list.iter().map(|&c| p.pick[c]).collect(), factor, bias, ..p })
            }
            Step::Binary(op, a, b) => {
                let (x, v, first) = match (a, b) {
                    (Arg::Row(x), Arg::Vector(v)) => (*x, v, false),
                    (Arg::Vector(v), Arg::Row(x)) => (*x, v, true),
                    _ => return None,
                };
                let mut p = self.linear(x)?;
                let n = p.factor.len();
                let at = |i: usize| v[if v.len() == 1 { 0 } else { i }];
                let (times, plus): (Box<dyn Fn(usize) -> f64>, Box<dyn Fn(usize) -> f64>) = match (*op, first) {
                    ("Add", _) => (Box::new(|_| 1.0), Box::new(at)),
                    ("Sub", false) => (Box::new(|_| 1.0), Box::new(move |i| -at(i))),
                    ("Sub", true) => (Box::new(|_| -1.0), Box::new(at)),
                    ("Mul", _) => (Box::new(at), Box::new(|_| 0.0)),
                    ("Div", false) => (Box::new(move |i| 1.0 / at(i)), Box::new(|_| 0.0)),
                    _ => return None,
                };
                let bias: Vec<f64> = (0..n).map(|i| p.bias.as_ref().map_or(0.0, |b| b[i]) * times(i) + plus(i)).collect();
                p.factor.iter_mut().enumerate().for_each(|(i, f)| *f *= times(i));
                p.bias = (p.bias.is_some() || bias.iter().any(|&b| b != 0.0)).then_some(bias);
                Some(p)
            }
            _ => None,
        }
    }

    /// A product, all of it times `by`, with what follows.
    fn push_linear(&mut self, p: Pending, by: f64, then: Then) -> (Map, f64) {
        let (from, f) = self.value(p.from);
        let (k, w) = (p.weights.inputs, &p.weights);
        let mut codes = Vec::with_capacity(k * p.pick.len());
        let mut scales = vec![];
        for (&n, factor) in p.pick.iter().zip(&p.factor) {
            let scale = f64::from(w.scales[n]) * factor * f * by;
            let sign = if scale < 0.0 { -1 } else { i8::from(scale != 0.0) };
            codes.extend(w.codes[n * k..(n + 1) * k].iter().map(|c| c * sign));
            scales.push(if sign == 0 { 1.0 } else { scale.abs() as f32 });
        }
        let bias = p.bias.map(|b| b.iter().map(|b| (b * by) as f32).collect());
        let name = (self.names)(p.node);
        let outputs = p.pick.len();
        self.push(Op::Linear(Linear { name, from, codes, scales, inputs: k, outputs, bias, then }), 1.0)
    }

    /// Channels of what is no product: arithmetic on all is arithmetic on some.
    fn selected(&mut self, id: Id, x: Id, list: &Arc<Vec<usize>>) -> Result<(Map, f64), String> {
        let Row { node, width, .. } = self.rows[id];
        let part = |rows: &mut Vec<Row>, x: Id| {
            if rows[x].width == 1 {
                return x;
            }
            rows.push(Row { step: Step::Select(x, list.clone()), width, node });
            rows.len() - 1
        };
        let step = match self.rows[x].step.clone() {
            Step::Unary(f, a) => Step::Unary(f, part(&mut self.rows, a)),
            Step::Binary(op, a, b) => {
                let mut arg = |a: Arg| match a {
                    Arg::Row(a) => Arg::Row(part(&mut self.rows, a)),
                    Arg::Vector(v) if v.len() == 1 => Arg::Vector(v),
                    Arg::Vector(v) => Arg::Vector(Arc::new(list.iter().map(|&c| v[c]).collect())),
                };
                Step::Binary(op, arg(a), arg(b))
            }
            Step::Select(a, first) => Step::Select(a, Arc::new(list.iter().map(|&c| first[c]).collect())),
            _ => return Err("some channels of what is no product with weights".into()),
        };
        self.rows.push(Row { step, width, node });
        let made = self.rows.len() - 1;
        let count = self.readers.get(&id).copied().unwrap_or(1);
        self.readers.insert(made, count);
        Ok(self.value(made))
    }

    fn alone(&self, id: Id) -> bool {
        self.readers.get(&id).copied().unwrap_or(1) == 1
    }

    fn arithmetic(&mut self, id: Id) -> Result<(Map, f64), String> {
        match self.rows[id].step.clone() {
            Step::Binary("Add" | "Sub", ..) => self.sum(id),
            Step::Binary("Mul", Arg::Row(a), Arg::Row(b)) if self.rows[a].width == self.rows[b].width => {
                let order = if a < b { [(b, a), (a, b)] } else { [(a, b), (b, a)] };
                for (x, other) in order {
                    if self.alone(x)
                        && x != other
                        && let Some(p) = self.linear(x)
                    {
                        let (map, f) = self.value(other);
                        return Ok(self.push_linear(p, f, Then::Times(map)));
                    }
                }
                Err("a product of two activations, neither of which is a product with weights that nothing else reads".into())
            }
            Step::Binary("Mul" | "Div", ..) => Err(ALONE_FACTOR.into()),
            _ => Err("arithmetic that is no function, normalisation, sum or gate of the machine".into()),
        }
    }

    /// The summands of a value, their signs, and constants among them.
    fn terms(&mut self, id: Id, sign: f64, top: bool, terms: &mut Vec<(Id, f64)>, constant: &mut Vec<f64>) {
        let inner = top || self.alone(id) && self.linear(id).is_none();
        match self.rows[id].step.clone() {
            Step::Binary(op @ ("Add" | "Sub"), a, b) if inner && (top || self.form(id).is_none()) => {
                for (arg, sign) in [(a, sign), (b, if op == "Sub" { -sign } else { sign })] {
                    match arg {
                        Arg::Row(x) if self.rows[x].width == self.rows[id].width => self.terms(x, sign, false, terms, constant),
                        Arg::Row(x) => terms.push((x, sign)),
                        Arg::Vector(v) => {
                            constant.iter_mut().enumerate().for_each(|(i, c)| *c += sign * v[if v.len() == 1 { 0 } else { i }]);
                        }
                    }
                }
            }
            _ => terms.push((id, sign)),
        }
    }

    fn sum(&mut self, id: Id) -> Result<(Map, f64), String> {
        let width = self.rows[id].width;
        let (mut terms, mut constant) = (vec![], vec![0.0; width]);
        self.terms(id, 1.0, true, &mut terms, &mut constant);
        if terms.iter().any(|&(x, _)| self.rows[x].width != width) {
            return Err("a number of each token added to all its channels".into());
        }
        let at = (0..terms.len()).rev().find(|&i| self.alone(terms[i].0) && self.linear(terms[i].0).is_some());
        let last = at.map(|i| terms.remove(i));
        if last.is_none() && constant.iter().any(|&c| c != 0.0) {
            return Err(ALONE_CONSTANT.into());
        }
        let mut sum: Option<(Map, f64)> = None;
        for (x, sign) in terms {
            let (map, f) = self.value(x);
            let f = f * sign;
            sum = Some(match sum {
                None => (map, f),
                Some((a, fa)) if fa == f => self.push(Op::Add(a, map), f),
                Some(_) => return Err("a sum of values of which one has a factor".into()),
            });
        }
        let Some((x, sign)) = last else { return sum.ok_or_else(|| "a sum of nothing".into()) };
        let mut p = self.linear(x).ok_or("a sum of nothing")?;
        p.factor.iter_mut().for_each(|f| *f *= sign);
        let bias: Vec<f64> = (0..width).map(|i| sign * p.bias.as_ref().map_or(0.0, |b| b[i]) + constant[i]).collect();
        p.bias = (p.bias.is_some() || bias.iter().any(|&b| b != 0.0)).then_some(bias);
        Ok(match sum {
            None => self.push_linear(p, 1.0, Then::Nothing),
            Some((map, f)) => {
                let (made, _) = self.push_linear(p, 1.0 / f, Then::Plus(map));
                (made, f)
            }
        })
    }
}
