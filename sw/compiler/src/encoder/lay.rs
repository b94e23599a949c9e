// SPDX-License-Identifier: Apache-2.0
//! Where an encoder's weights and parameters lie: tiles in order of use, parameter words behind each other.

use crate::laid::Weights;
use systole_isa::{Config, F24};
use systole_model::encoder::{Attention, Encoder, Linear, Norm, Op, Then};

/// A number above all others' reach: a mask's, and what makes a sigmoid 1.
const FAR: f64 = 1_048_576.0;

/// Where what an operator needs lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Laid {
    /// First word of its tiles.
    pub tiles: usize,
    /// Scales and biases of a product, gains and biases of a norm.
    pub params: u32,
    /// Of a product that is added to a map: 1 and the bias, which that map gains before.
    pub before: Option<u32>,
    /// Of heads side by side in a word: a parameter word for each that chooses its lanes.
    pub heads: u32,
    /// Words that choose the lanes of a width, where it fills no whole words.
    pub lanes: Option<u32>,
}

pub(super) struct Lay {
    /// Of each operator.
    pub ops: Vec<Laid>,
    /// The weights 1 of a word to the same word.
    pub identity: usize,
    /// The weights -128 and behind them 1: what puts an input together.
    pub halves: usize,
    /// C words: the scale 1 and the bias [`FAR`] in one lane each.
    pub one_lane: u32,
    /// The scale [`FAR`] and the bias -[`FAR`]: what makes numbers of masks.
    pub mask: u32,
    pub weights: Weights,
}

/// Heads of an attention in words of C.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    /// Words of a head, where it is wider than C; else 1.
    pub words: usize,
    /// Heads side by side in a word; 1 where they are wider.
    pub side: usize,
    /// Query heads that share a KV head.
    pub share: usize,
    /// Words, or KV heads of several words each, that each have `per()` heads of queries.
    pub groups: usize,
}

impl Heads {
    pub fn new(a: &Attention, width: usize, cols: usize) -> Result<Heads, String> {
        let e = width / a.heads;
        let share = a.heads / a.kv_heads;
        if !cols.is_multiple_of(e) && !e.is_multiple_of(cols) {
            return Err(format!("{}: heads of width {e} and {cols} columns: neither divides the other", a.name));
        }
        let side = (cols / e).max(1);
        if side > 1 && share > 1 {
            return Err(format!("{}: {share} query heads share a KV head of width {e}, below {cols} columns", a.name));
        }
        Ok(Heads { words: (e / cols).max(1), side, share, groups: a.kv_heads.div_ceil(side) })
    }

    /// Query heads of a group.
    pub fn per(&self) -> usize {
        self.side.max(self.share)
    }

    /// All places for heads: those behind the last head are empty.
    pub fn slots(&self) -> usize {
        self.per() * self.groups
    }

    /// Words of keys, and of values, of a token.
    pub fn kv(&self) -> usize {
        self.groups * self.words
    }

    /// Words of a token's queries.
    pub fn q(&self) -> usize {
        self.groups * self.share * self.words
    }
}

/// A scale as F24; one that would be 0, and whose lane would not be written then, is the smallest.
fn counting(scale: f32) -> F24 {
    match F24::from_f64(scale.into()) {
        F24::ZERO => F24::from_f64(f64::from(f32::MIN_POSITIVE)),
        scale => scale,
    }
}

impl Lay {
    pub fn new(model: &Encoder, config: &Config) -> Result<Lay, String> {
        let mut w = Weights::new(config);
        let c = config.cols as usize;
        let diagonal = |value: i8| move |input: usize, output: usize| if input % c == output % c { value } else { 0 };
        let identity = w.product(1, 1, diagonal(1));
        let halves = w.product(1, 1, diagonal(-128));
        w.product(1, 1, diagonal(1));
        let number = F24::from_f64;
        let lane = |i: usize| if i / c == i % c { (F24::ONE, number(FAR)) } else { (F24::ZERO, F24::ZERO) };
        let one_lane = w.lines((0..c * c).map(lane));
        let mask = w.lines(vec![(number(FAR), number(-FAR)); c].into_iter());
        let mut lay = Lay { ops: vec![], identity, halves, one_lane, mask, weights: w };
        for (n, op) in model.ops.iter().enumerate() {
            let laid = match op {
                Op::Linear(l) => lay.linear(l, c),
                Op::Norm(n) => lay.norm(n, c),
                Op::Attention(a) => {
                    let heads = Heads::new(a, model.width_of(n + 1), c)?;
                    let (heads, _) = lay.weights.masks(heads.side, 1, &|_| true);
                    Laid { heads, ..Laid::default() }
                }
                Op::Add(..) => Laid::default(),
            };
            lay.ops.push(laid);
        }
        Ok(lay)
    }

    fn linear(&mut self, l: &Linear, c: usize) -> Laid {
        let (k, n) = (l.inputs.div_ceil(c), l.outputs.div_ceil(c));
        let weight = |i: usize, o: usize| if i < l.inputs && o < l.outputs { l.codes[o * l.inputs + i] } else { 0 };
        let tiles = self.weights.product(k, n, weight);
        let scale = |o: usize| l.scales.get(o).map_or(F24::ONE, |&s| counting(s));
        let bias = |o: usize| match &l.bias {
            Some(b) if o < l.outputs => F24::from_f64(b[o].into()),
            _ => F24::ZERO,
        };
        let plus = matches!(l.then, Then::Plus(_)) && l.bias.is_some();
        let params = self.weights.lines((0..n * c).map(|o| (scale(o), if plus { F24::ZERO } else { bias(o) })));
        let before = plus.then(|| self.weights.lines((0..n * c).map(|o| (F24::ONE, bias(o)))));
        Laid { tiles, params, before, ..Laid::default() }
    }

    fn norm(&mut self, n: &Norm, c: usize) -> Laid {
        let (width, words) = (n.gain.len(), n.gain.len().div_ceil(c));
        let line = |i: usize| {
            let bias = n.bias.get(i).map_or(F24::ZERO, |&b| F24::from_f64(b.into()));
            (n.gain.get(i).map_or(F24::ONE, |&g| counting(g)), bias)
        };
        let params = self.weights.lines((0..words * c).map(line));
        let chosen = |i: usize| (if i < width { F24::ONE } else { F24::ZERO }, F24::ZERO);
        let lanes = (!width.is_multiple_of(c)).then(|| self.weights.lines((0..words * c).map(chosen)));
        Laid { params, lanes, ..Laid::default() }
    }
}
