// SPDX-License-Identifier: Apache-2.0
//! Encoders whose activations have scales by token (docs/encoders.md): what the machine computes, as a list of operators.

pub mod float;
mod frame;
mod host;
pub mod import;

pub use frame::{frame, pad};

/// A map: a vector of numbers for each token. Map 0 is the input, map i + 1 what operator i makes.
pub type Map = usize;

/// A network on a fixed number of tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoder {
    /// Name, for messages.
    pub name: String,
    /// Tokens T of a run.
    pub tokens: usize,
    /// Width of the input.
    pub width: usize,
    /// Operators in order; each reads maps before its own.
    pub ops: Vec<Op>,
    /// The map that is the result.
    pub output: Map,
}

/// What makes a map.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// A product with constant weights.
    Linear(Linear),
    /// A normalisation over the width.
    Norm(Norm),
    /// Attention over all tokens.
    Attention(Attention),
    /// The sum of two maps of one width.
    Add(Map, Map),
}

impl Op {
    /// Its name in the file; of a sum, which has none, what it adds.
    pub fn name(&self) -> String {
        match self {
            Op::Linear(l) => l.name.clone(),
            Op::Norm(n) => n.name.clone(),
            Op::Attention(a) => a.name.clone(),
            Op::Add(a, b) => format!("sum of maps {a} and {b}"),
        }
    }
}

/// `act(W x + b)`, or `(W x + b) * times`, or `(W x + b) + plus`: one of them at most.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Name in the file.
    pub name: String,
    /// What it reads, of width `inputs`.
    pub from: Map,
    /// Codes, `[outputs][inputs]`, -127 to 127.
    pub codes: Vec<i8>,
    /// Value of a code, of each output.
    pub scales: Vec<f32>,
    /// Width of what it reads.
    pub inputs: usize,
    /// Width of what it makes.
    pub outputs: usize,
    /// Of each output.
    pub bias: Option<Vec<f32>>,
    /// What follows.
    pub then: Then,
}

/// What follows a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Then {
    /// Nothing.
    #[default]
    Nothing,
    /// max(y, 0); only Linear may read the result.
    Relu,
    /// y Phi(y), Phi the normal distribution's cumulative function.
    Gelu,
    /// y sigmoid(y).
    Silu,
    /// Times a map of the same width.
    Times(Map),
    /// Plus a map of the same width.
    Plus(Map),
}

/// LayerNormalization, or without a mean RMSNormalization, over the width.
#[derive(Debug, Clone, PartialEq)]
pub struct Norm {
    /// Name in the file.
    pub name: String,
    /// What it reads.
    pub from: Map,
    /// Of each channel.
    pub gain: Vec<f32>,
    /// Of each channel.
    pub bias: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether the mean is subtracted.
    pub mean: bool,
}

/// Softmax of `q k^T * scale` over the tokens that the mask leaves, times v, for each head.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Name in the file, of the softmax.
    pub name: String,
    /// Queries, `[heads][head width]`.
    pub q: Map,
    /// Keys, `[kv_heads][head width]`.
    pub k: Map,
    /// Values, as keys.
    pub v: Map,
    /// Query heads.
    pub heads: usize,
    /// KV heads, of which `heads` is a multiple: query head h reads KV head `h * kv_heads / heads`.
    pub kv_heads: usize,
    /// What scores are times.
    pub scale: f32,
}

impl Encoder {
    /// Width of a map.
    ///
    /// # Panics
    /// Where there is no such map.
    pub fn width_of(&self, map: Map) -> usize {
        if map == 0 {
            return self.width;
        }
        match &self.ops[map - 1] {
            Op::Linear(l) => l.outputs,
            Op::Norm(n) => self.width_of(n.from),
            Op::Attention(a) => self.width_of(a.q),
            Op::Add(a, _) => self.width_of(*a),
        }
    }

    /// Maps that operator `op` reads.
    pub fn reads(op: &Op) -> Vec<Map> {
        match op {
            Op::Linear(l) => match l.then {
                Then::Times(m) | Then::Plus(m) => vec![l.from, m],
                _ => vec![l.from],
            },
            Op::Norm(n) => vec![n.from],
            Op::Attention(a) => vec![a.q, a.k, a.v],
            Op::Add(a, b) => vec![*a, *b],
        }
    }

    /// Multiplications and additions of a run on the tokens that were asked for: products with weights, and both of each attention.
    pub fn macs(&self) -> u64 {
        let of = |op: &Op| match op {
            Op::Linear(l) => l.inputs * l.outputs,
            Op::Attention(a) => 2 * self.tokens * self.width_of(a.q),
            _ => 0,
        };
        self.ops.iter().map(|op| (self.tokens * of(op)) as u64).sum()
    }

    /// Whether widths, maps and rules of the graph agree.
    ///
    /// # Errors
    /// What does not, by the operator's number and name.
    pub fn check(&self) -> Result<(), String> {
        let no = |n: usize, why: String| Err(format!("operator {n}: {why}"));
        if self.tokens == 0 || self.width == 0 {
            return Err("no tokens, or no channels".into());
        }
        for (n, op) in self.ops.iter().enumerate() {
            for m in Self::reads(op) {
                if m > n {
                    return no(n, format!("reads map {m}, which comes later"));
                }
                let relu = m > 0 && matches!(&self.ops[m - 1], Op::Linear(l) if l.then == Then::Relu);
                if relu && !matches!(op, Op::Linear(l) if l.from == m) {
                    return no(n, format!("reads map {m}, a Relu's, which only a product may"));
                }
                if relu && matches!(op, Op::Linear(l) if matches!(l.then, Then::Times(x) | Then::Plus(x) if x == m)) {
                    return no(n, format!("takes map {m}, a Relu's, as a factor or a summand"));
                }
            }
            let same = |a: Map, b: usize| self.width_of(a) == b;
            let ok = match op {
                Op::Linear(l) => {
                    let other = match l.then {
                        Then::Times(m) | Then::Plus(m) => same(m, l.outputs),
                        _ => true,
                    };
                    other
                        && same(l.from, l.inputs)
                        && l.inputs * l.outputs > 0
                        && l.codes.len() == l.inputs * l.outputs
                        && !l.codes.contains(&-128)
                        && l.scales.len() == l.outputs
                        && l.bias.as_ref().is_none_or(|b| b.len() == l.outputs)
                }
                Op::Norm(x) => same(x.from, x.gain.len()) && x.gain.len() == x.bias.len(),
                Op::Attention(a) => {
                    let head = self.width_of(a.q) / a.heads.max(1);
                    a.kv_heads > 0
                        && a.heads.is_multiple_of(a.kv_heads)
                        && head * a.heads == self.width_of(a.q)
                        && same(a.k, head * a.kv_heads)
                        && same(a.v, head * a.kv_heads)
                }
                Op::Add(a, b) => same(*a, self.width_of(*b)),
            };
            if !ok {
                return no(n, "widths do not agree".into());
            }
            let finite = |v: &[f32]| v.iter().all(|v| v.is_finite());
            let finite = match op {
                Op::Linear(l) => finite(&l.scales) && l.bias.as_ref().is_none_or(|b| finite(b)),
                Op::Norm(x) => finite(&x.gain) && finite(&x.bias) && x.epsilon.is_finite(),
                Op::Attention(a) => a.scale.is_finite(),
                Op::Add(..) => true,
            };
            if !finite {
                return no(n, "scales, biases or gains that are no finite numbers".into());
            }
        }
        if self.output == 0 || self.output > self.ops.len() {
            return Err(format!("map {} is no result", self.output));
        }
        if matches!(&self.ops[self.output - 1], Op::Linear(l) if l.then == Then::Relu) {
            return Err("the result is a Relu's".into());
        }
        Ok(())
    }
}
