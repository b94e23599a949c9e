// SPDX-License-Identifier: Apache-2.0
//! A decoder's shapes in words of C, where things lie in V, X and W SRAM, and what does not fit.

use crate::CompileError;
use systole_isa::Config;
use systole_llm::Quantised;

/// Heads that a pass takes: sums that may be under way.
const HEADS: usize = 16;

/// Shapes of a model on a machine, in words of C.
pub(super) struct Shape {
    pub c: usize,
    /// Words of the residual stream.
    pub d: usize,
    /// Words of the hidden layer.
    pub h: usize,
    /// Words of a head, where a head is wider than C; else 1.
    pub ew: usize,
    /// Heads side by side in a word, where they are narrower; else 1.
    pub side: usize,
    /// Query heads that share a KV head.
    pub share: usize,
    /// KV words of a position, for K and for V each.
    pub kv: usize,
    /// Words of a position's queries.
    pub q: usize,
    /// Head slots: rows of scores. Some may be empty.
    pub slots: usize,
    /// Tiles of positions.
    pub tiles: usize,
    /// Words of the vocabulary.
    pub vocab: usize,
}

impl Shape {
    pub fn new(model: &Quantised, config: &Config) -> Result<Shape, CompileError> {
        let s = &model.sizes;
        let (c, e) = (config.cols as usize, s.head());
        let refuse = |text: String| Err(CompileError::Decoder(text));
        let label = config.label();
        if config.rows != config.cols {
            return refuse(format!("{label} has {} rows and {c} columns; language models take as many of both", config.rows));
        }
        if config.vec_lanes == 0 {
            return refuse(format!(
                "{label} has no vector unit (VEC_LANES = 0); take one that has, as base, or {},VEC_LANES={c}",
                config.name
            ));
        }
        if !s.dim.is_multiple_of(c) {
            return refuse(format!("width {} is no multiple of the {c} columns of {label}", s.dim));
        }
        if c % e != 0 && e % c != 0 {
            return refuse(format!("heads of width {e} and {c} columns of {label}: neither divides the other"));
        }
        let (ew, side) = ((e / c).max(1), (c / e).max(1));
        let share = s.heads / s.kv_heads;
        let groups = s.kv_heads.div_ceil(side);
        let slots = groups * side * share;
        if slots > HEADS {
            return refuse(format!("{} query heads ({slots} places for them); at most {HEADS} fit the sums of a pass", s.heads));
        }
        Ok(Shape {
            c,
            d: s.dim / c,
            h: s.hidden.div_ceil(c),
            ew,
            side,
            share,
            kv: groups * ew,
            q: groups * share * ew,
            slots,
            tiles: s.context.div_ceil(c),
            vocab: s.vocab.div_ceil(c),
        })
    }
}

/// Rows of scores and probabilities that live at a time: those of a row of the chunk, and of the next.
pub(super) fn buffers(rows: usize) -> usize {
    rows.min(2)
}

/// Where things lie in V and X: of each row of a chunk behind those of the row before, but for scores and probabilities,
/// which rows take turns with.
pub(super) struct Places {
    pub x: usize,
    pub q: usize,
    pub k: usize,
    /// Cosines and then sines of each row.
    pub rotations: usize,
    pub scores: usize,
    pub o: usize,
    pub g: usize,
    pub u: usize,
    pub v_words: usize,
    pub codes: usize,
    pub q_codes: usize,
    pub p_codes: usize,
    pub o_codes: usize,
    pub u_codes: usize,
    pub x_words: usize,
}

/// Those of `rows` tokens at once.
pub(super) fn places(s: &Shape, rows: usize) -> Places {
    let mut v = 0;
    let mut x = 0;
    fn next(at: &mut usize, words: usize) -> usize {
        *at += words;
        *at - words
    }
    let tiles = buffers(rows) * s.slots * s.tiles;
    Places {
        x: next(&mut v, rows * s.d),
        q: next(&mut v, rows * s.q),
        k: next(&mut v, rows * s.kv),
        rotations: next(&mut v, rows * 2 * s.ew),
        scores: next(&mut v, tiles),
        o: next(&mut v, rows * s.q),
        g: next(&mut v, rows * s.h),
        u: next(&mut v, rows * s.h),
        v_words: v,
        codes: next(&mut x, rows * s.d),
        q_codes: next(&mut x, rows * s.slots * s.ew),
        p_codes: next(&mut x, tiles),
        o_codes: next(&mut x, rows * s.q),
        u_codes: next(&mut x, rows * s.h),
        x_words: x,
    }
}

pub(super) fn fits(model: &Quantised, s: &Shape, p: &Places, config: &Config) -> Result<(), CompileError> {
    let kv = |tiles: usize| 2 * model.sizes.layers * s.kv * tiles;
    let context = |fits: &dyn Fn(usize) -> bool| match (1..=s.tiles).rev().find(|&t| fits(t)) {
        Some(tiles) => format!("the longest context that fits is {} tokens: --context {}", tiles * s.c, tiles * s.c),
        None => "no context fits".to_string(),
    };
    let fixed = p.v_words - s.slots * s.tiles;
    let fixed_x = p.x_words - s.slots * s.tiles;
    type Fits<'a> = Box<dyn Fn(usize) -> bool + 'a>;
    let checks: [(&str, usize, u32, Fits); 3] = [
        ("KV cache, words of W SRAM", kv(s.tiles), config.w_sram_depth, Box::new(|t| kv(t) <= config.w_sram_depth as usize)),
        ("words of V", p.v_words, config.v_depth, Box::new(|t| fixed + s.slots * t <= config.v_depth as usize)),
        ("words of X", p.x_words, config.x_depth, Box::new(|t| fixed_x + s.slots * t <= config.x_depth as usize)),
    ];
    for (what, needed, limit, fits) in checks {
        if needed > limit as usize {
            return Err(CompileError::DoesNotFit {
                what: format!("{what} for a context of {} tokens", model.sizes.context),
                needed,
                limit: limit as usize,
                config: config.label(),
                help: context(&*fits),
            });
        }
    }
    Ok(())
}

impl Shape {
    /// The row of wk and wv that makes channel `n` of the KV words; none where a place is empty.
    pub fn kv_row(&self, model: &Quantised, n: usize) -> Option<usize> {
        let z = &model.sizes;
        (n < z.kv_heads * z.head()).then_some(n)
    }

    /// The channel of a query that is channel `n` of the query words; none where a place is empty. Heads that read one KV
    /// word stand in the place of their KV head in it.
    pub fn q_row(&self, model: &Quantised, n: usize) -> Option<usize> {
        let z = &model.sizes;
        let e = z.head();
        let (word, lane) = (n / self.c, n % self.c);
        let (head, channel) = if self.ew == 1 {
            let (group, member, place) = (word / self.share, word % self.share, lane / e);
            let kv = group * self.side + place;
            if kv >= z.kv_heads {
                return None;
            }
            (kv * self.share + member, lane % e)
        } else {
            (word / self.ew, word % self.ew * self.c + lane)
        };
        Some(head * e + channel)
    }
}
