// SPDX-License-Identifier: Apache-2.0
//! What a graph computes row by row: values of one vector for each token, in the small steps of the file.

use crate::encoder::host::elementwise::of_two;
use std::collections::HashMap;
use std::sync::Arc;

/// A row-wise value.
pub type Id = usize;

/// A function of one number.
pub type Function = Arc<dyn Fn(f64) -> f64>;

/// An operand.
#[derive(Clone)]
pub enum Arg {
    /// A value.
    Row(Id),
    /// A constant of each channel, or of all where it is one.
    Vector(Arc<Vec<f64>>),
}

/// int8 weights of a product.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Name of the tensor.
    pub name: String,
    /// Codes, `[outputs][inputs]`.
    pub codes: Vec<i8>,
    /// Of each output.
    pub scales: Vec<f32>,
    /// Width of what is read.
    pub inputs: usize,
}

/// How tokens are masked: by a tensor's name, and how it is read.
#[derive(Debug, Clone, PartialEq)]
pub enum Mask {
    /// Added to the scores: 0, or a number of -10,000 or less.
    Added(String),
    /// Truth values: a token counts where it is this.
    Counts(String, bool),
}

impl Mask {
    /// The tensor's name.
    pub fn name(&self) -> &str {
        let (Mask::Added(name) | Mask::Counts(name, _)) = self;
        name
    }
}

/// What makes a value.
#[derive(Clone)]
pub enum Step {
    /// The machine's input.
    Input,
    /// A product with weights.
    Product(Id, Arc<Weights>),
    /// A function of each number.
    Unary(Function, Id),
    /// Add, Sub, Mul, Div, Pow, Max or Min.
    Binary(&'static str, Arg, Arg),
    /// Over the width: ReduceMean, ReduceSum, ReduceSumSquare, ReduceL2.
    Reduce(&'static str, Id),
    /// Some channels in an order.
    Select(Id, Arc<Vec<usize>>),
    /// A normalisation.
    Norm(Id, Arc<Normalised>),
    /// Products of queries and keys, a channel for each head.
    Scores(Arc<Scored>),
    /// Their Softmax.
    Weighted(Arc<Scored>),
    /// The values' mean by these.
    Attention(Arc<Scored>, Id),
}

/// What a normalisation does.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalised {
    /// Of each channel.
    pub gain: Vec<f32>,
    /// Of each channel.
    pub bias: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether the mean is subtracted.
    pub mean: bool,
}

/// What scores are of.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Queries.
    pub q: Id,
    /// Keys.
    pub k: Id,
    /// Query heads.
    pub heads: usize,
    /// KV heads.
    pub kv_heads: usize,
    /// What products are times.
    pub scale: f64,
    /// Masks so far.
    pub masks: Vec<Mask>,
}

/// A value with its width, and the node of the file that makes it.
#[derive(Clone)]
pub struct Row {
    /// What makes it.
    pub step: Step,
    /// Numbers of a token.
    pub width: usize,
    /// Number of the node.
    pub node: usize,
}

/// The values that a step reads.
pub fn reads(step: &Step) -> Vec<Id> {
    let arg = |a: &Arg| match a {
        Arg::Row(id) => Some(*id),
        Arg::Vector(_) => None,
    };
    match step {
        Step::Input => vec![],
        Step::Product(a, _) | Step::Unary(_, a) | Step::Reduce(_, a) | Step::Select(a, _) | Step::Norm(a, _) => vec![*a],
        Step::Binary(_, a, b) => arg(a).into_iter().chain(arg(b)).collect(),
        Step::Scores(s) | Step::Weighted(s) => vec![s.q, s.k],
        Step::Attention(s, v) => vec![s.q, s.k, *v],
    }
}

/// Whether a step is arithmetic on the numbers of one token that can be tried out.
pub fn is_arithmetic(step: &Step) -> bool {
    matches!(step, Step::Unary(..) | Step::Binary(..) | Step::Reduce(..))
}

/// The numbers of `id` for a token of which `leaf` has these; `None` where it depends on something else, or on what is no arithmetic.
pub fn tried(rows: &[Row], id: Id, leaf: Id, numbers: &[f64]) -> Option<Vec<f64>> {
    let mut known: HashMap<Id, Arc<Vec<f64>>> = HashMap::from([(leaf, Arc::new(numbers.to_vec()))]);
    of(rows, id, &mut known).map(|v| v.to_vec())
}

fn of(rows: &[Row], id: Id, known: &mut HashMap<Id, Arc<Vec<f64>>>) -> Option<Arc<Vec<f64>>> {
    if let Some(v) = known.get(&id) {
        return Some(v.clone());
    }
    let made = match &rows[id].step {
        Step::Unary(f, a) => of(rows, *a, known)?.iter().map(|&v| f(v)).collect(),
        Step::Binary(op, a, b) => {
            let f = of_two(op)?;
            let mut arg = |a: &Arg| match a {
                Arg::Row(id) => of(rows, *id, known),
                Arg::Vector(v) => Some(v.clone()),
            };
            let (a, b) = (arg(a)?, arg(b)?);
            let at = |v: &[f64], i: usize| v[if v.len() == 1 { 0 } else { i }];
            (0..rows[id].width).map(|i| f(at(&a, i), at(&b, i))).collect()
        }
        Step::Reduce(op, a) => {
            let v = of(rows, *a, known)?;
            let squares = || v.iter().map(|v| v * v).sum::<f64>();
            vec![match *op {
                "ReduceMean" => v.iter().sum::<f64>() / v.len() as f64,
                "ReduceSum" => v.iter().sum(),
                "ReduceSumSquare" => squares(),
                _ => squares().sqrt(),
            }]
        }
        _ => return None,
    };
    let made = Arc::new(made);
    known.insert(id, made.clone());
    Some(made)
}

/// Values through which alone `id` depends on the machine's input, the nearest first, as far as there is only arithmetic behind them.
pub fn leaves(rows: &[Row], id: Id) -> Vec<Id> {
    let mut front = std::collections::BTreeSet::from([id]);
    let mut made = vec![];
    while let Some(last) = front.pop_last() {
        if !is_arithmetic(&rows[last].step) {
            // Beyond it nothing is tried; what is left of the front leads through it.
            if front.is_empty() && last != id {
                made.push(last);
            }
            break;
        }
        if front.is_empty() && last != id {
            made.push(last);
        }
        front.extend(reads(&rows[last].step));
    }
    made
}
