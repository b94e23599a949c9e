// SPDX-License-Identifier: Apache-2.0
//! Attention over all tokens: keys and values into W SRAM chunk by chunk, then token by token over them.

use super::emit::{Emitter, Short};
use super::lay::Heads;
use super::maps::Chunk;
use crate::timeline::{Second, drain, lp, nest_of, pass, walk};
use std::collections::VecDeque;
use systole_isa::program::{Add, Function, MaxOf, Mul1, Mul2, Mul3, ScalarOp, SumOf, VectorDest};
use systole_isa::{Matmul, Nest, Vector};
use systole_model::encoder::{Attention, Map, Op};

/// Keys and values of all tokens.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    pub heads: Heads,
    /// First words in W SRAM: of each word of a token a tile for each C tokens.
    keys: usize,
    values: usize,
    /// V: what a code of each token's keys stands for; of its values; and the latter as shares of 127.
    key_scales: usize,
    value_scales: usize,
    shares: usize,
    /// The register of what sums are times.
    sums: u32,
}

/// Queries of a chunk, and what its tokens take turns with.
struct Queries {
    /// X: codes, each head by itself.
    codes: usize,
    /// Registers of what scores are times.
    scale: u32,
    /// V and X: scores and probabilities; S: a register a head. As many of each as may be under way.
    sets: Vec<(usize, usize, u32)>,
}

fn nest_all(loops: &[crate::timeline::Loops]) -> Nest {
    nest_of(loops, true)
}

impl Emitter<'_> {
    fn attention(&self, map: Map) -> Option<&Attention> {
        match &self.model.ops[map - 1] {
            Op::Attention(a) => Some(a),
            _ => None,
        }
    }

    /// Room for keys and values.
    pub fn open_cache(&mut self, map: Map) -> Result<(), Short> {
        let Some(a) = self.attention(map) else { return Ok(()) };
        // Its shape was looked at when weights were laid out.
        let Ok(heads) = Heads::new(a, self.model.width_of(map), self.c) else { return Ok(()) };
        let tiles = self.tiles;
        let words = heads.kv() * tiles;
        let (keys, values) = match (self.w.take(words), self.w.take(words)) {
            (Some(k), Some(v)) => (k, v),
            _ => return Err(Short::WSram),
        };
        let key_scales = self.take_v(tiles)?;
        let value_scales = self.take_v(tiles)?;
        let shares = self.take_v(tiles)?;
        let sums = self.s.take(1).ok_or(Short::S)? as u32;
        self.caches.insert(map, Cache { heads, keys, values, key_scales, value_scales, shares, sums });
        Ok(())
    }

    /// Keys and values of a chunk.
    pub fn cache(&mut self, chunk: &mut Chunk, map: Map) -> Result<(), Short> {
        let (c, rows, gap, tiles) = (self.c, self.rows, self.k.gap(), self.tiles);
        let Some(a) = self.attention(map) else { return Ok(()) };
        let (k, v) = (a.k, a.v);
        let cache = self.caches[&map].clone();
        let (tile, lane) = (chunk.first / c, chunk.first % c);
        for (from, dest, at, scales) in
            [(k, VectorDest::WColumn, cache.keys, cache.key_scales), (v, VectorDest::WRow, cache.values, cache.value_scales)]
        {
            let largest = self.largest(chunk, from)?;
            let code = self.code_scale(largest)?;
            let back = self.back(largest)?;
            self.had_largest(chunk, from);
            let words = self.words(from);
            let w = words as i64;
            let codes = Vector {
                a_base: self.at(chunk, from) as u32,
                mul2: Mul2::Scalar,
                s_base: code,
                dst_base: ((at + tile) * c + lane) as u32,
                dest,
                ..pass()
            };
            let loops = [(lp(words, gap, [(tiles * c) as i64, 0, 1, 0, 0]), false), (lp(rows, gap, [1, 0, w, 0, 1]), false)];
            self.k.stream(walk(codes, &loops));
            self.had_numbers(chunk, from);
            self.give_s(code);
            // A register's number into a lane: a sigmoid that is 1, times it.
            let scale = Vector {
                a_base: self.exponents as u32,
                mul1: Mul1::Scale,
                add: Add::Bias,
                param_base: self.lay.one_lane + lane as u32,
                function: Some(Function::Sigmoid),
                mul3: Mul3::Scalar,
                s_base: back,
                dst_base: (scales + tile) as u32,
                dest: VectorDest::V,
                ..pass()
            };
            self.k.stream(walk(scale, &[(lp(rows, gap, [0, 1, 0, 0, 1]), false)]));
            self.give_s(back);
        }
        Ok(())
    }

    /// Behind the last chunk: the scales of the values, of which the largest becomes 127.
    pub fn fill_cache(&mut self, map: Map) -> Result<(), Short> {
        let Some(cache) = self.caches.get(&map).cloned() else { return Ok(()) };
        let (tiles, gap) = (self.tiles, self.k.gap());
        let largest = self.s.take(1).ok_or(Short::S)? as u32;
        let share = self.s.take(1).ok_or(Short::S)? as u32;
        let of = Vector { a_base: cache.value_scales as u32, max: MaxOf::Max, red_base: largest, ..pass() };
        self.k.stream(walk(of, &[(lp(tiles, gap, [0, 0, 1, 0, 0]), true)]));
        self.k.scalar(ScalarOp::Recip, largest, Second::None, share, 1);
        self.k.scalar(ScalarOp::Mul, share, Second::Constant(127.0), share, 1);
        self.k.scalar(ScalarOp::Mul, largest, Second::Constant(16.0), cache.sums, 1);
        let shares = Vector {
            a_base: cache.value_scales as u32,
            mul2: Mul2::Scalar,
            s_base: share,
            s_fixed: true,
            dst_base: cache.shares as u32,
            dest: VectorDest::V,
            ..pass()
        };
        self.k.stream(walk(shares, &[(lp(tiles, gap, [1, 0, 1, 0, 0]), false)]));
        self.s.give(largest as usize, 1);
        self.s.give(share as usize, 1);
        Ok(())
    }

    /// Keys and values are nobody's any more.
    pub fn close_cache(&mut self, map: Map) {
        let Some(cache) = self.caches.remove(&map) else { return };
        let words = cache.heads.kv() * self.tiles;
        self.w.give(cache.keys, words);
        self.w.give(cache.values, words);
        for at in [cache.key_scales, cache.value_scales, cache.shares] {
            self.v.give(at, self.tiles);
        }
        self.s.give(cache.sums as usize, 1);
    }

    /// The result of a chunk's queries.
    pub fn attend(&mut self, chunk: &mut Chunk, map: Map) -> Result<(), Short> {
        let Some(a) = self.attention(map).cloned() else { return Ok(()) };
        let cache = self.caches[&map].clone();
        let heads = cache.heads;
        let queries = self.queries(chunk, &a, heads, self.lay.ops[map - 1].heads)?;
        let (at, largest) = self.make(chunk, map)?;
        let mut under_way = VecDeque::new();
        for row in 0..self.rows {
            // Scores of the next token before the probabilities of this one: neither waits for the other.
            while under_way.len() < queries.sets.len() && row + under_way.len() < self.rows {
                let next = row + under_way.len();
                self.scores(&cache, &queries, next);
                under_way.push_back(next);
            }
            under_way.pop_front();
            let to = (at + row * heads.q(), largest.map(|l| l + row as u32));
            self.values(&cache, &queries, row, self.lay.ops[map - 1].heads, to);
        }
        let slots = heads.slots();
        for (v, x, s) in queries.sets {
            self.v.give(v, slots * self.tiles);
            self.x.give(x, slots * self.tiles);
            self.s.give(s as usize, slots);
        }
        self.x.give(queries.codes, self.rows * slots * heads.words);
        self.give_s(queries.scale);
        Ok(())
    }

    /// Codes of queries.
    fn queries(&mut self, chunk: &mut Chunk, a: &Attention, heads: Heads, lanes: u32) -> Result<Queries, Short> {
        let (rows, gap, slots, words) = (self.rows, self.k.gap(), heads.slots(), heads.q());
        let largest = self.largest(chunk, a.q)?;
        let code = self.code_scale(largest)?;
        let scale = self.back(largest)?;
        self.had_largest(chunk, a.q);
        let factor = Second::Constant(std::f64::consts::LOG2_E * f64::from(a.scale));
        self.scalar(ScalarOp::Mul, scale, factor, scale);
        let x = self.take_x(rows * slots * heads.words)?;
        let v = Vector {
            a_base: self.at(chunk, a.q) as u32,
            mul2: Mul2::Scalar,
            s_base: code,
            dst_base: x as u32,
            dest: VectorDest::X,
            ..pass()
        };
        let w = words as i64;
        let v = if heads.side > 1 {
            let side = heads.side as i64;
            let v = Vector { mul1: Mul1::Scale, param_base: lanes, ..v };
            let loops = [
                (lp(heads.side, gap, [1, 1, 0, 0, 0]), false),
                (lp(words, gap, [side, 0, 1, 0, 0]), false),
                (lp(rows, gap, [side * w, 0, w, 0, 1]), false),
            ];
            walk(v, &loops)
        } else {
            walk(v, &[(lp(words, gap, [1, 0, 1, 0, 0]), false), (lp(rows, gap, [w, 0, w, 0, 1]), false)])
        };
        self.k.stream(v);
        self.had_numbers(chunk, a.q);
        self.give_s(code);
        let mut sets = vec![];
        while sets.len() < rows.min(2) {
            let set = (self.v.take(slots * self.tiles), self.x.take(slots * self.tiles), self.s.take(slots));
            match set {
                (Some(v), Some(x), Some(s)) => sets.push((v, x, s as u32)),
                (v, x, s) => {
                    let short = [v.map_or(Some(Short::V), |_| None), x.map_or(Some(Short::X), |_| None)];
                    for (pool, at) in [(&mut self.v, v), (&mut self.x, x)] {
                        if let Some(at) = at {
                            pool.give(at, slots * self.tiles);
                        }
                    }
                    if let Some(at) = s {
                        self.s.give(at, slots);
                    }
                    if sets.is_empty() {
                        return Err(short.into_iter().flatten().next().unwrap_or(Short::S));
                    }
                    break;
                }
            }
        }
        Ok(Queries { codes: x, scale, sets })
    }

    /// Cycles from a step over tokens to the next: weight loads and words of the vector unit.
    fn beat(&self) -> u64 {
        u64::from(self.config.weight_beats).max(self.k.gap() + 1)
    }

    /// Scores of a token with all tokens, and the largest of each head.
    fn scores(&mut self, cache: &Cache, q: &Queries, row: usize) {
        let (heads, tiles, gap) = (cache.heads, self.tiles, self.beat() - 1);
        let (slots, ew, per) = (heads.slots(), heads.words, heads.per());
        let (v, _, s) = q.sets[row % q.sets.len()];
        let (t, e) = (tiles as i64, ew as i64);
        let m = Matmul {
            x_base: (q.codes + row * slots * ew) as u32,
            w_base: cache.keys as u32,
            w_sram: true,
            first: true,
            last: true,
            reduce: u32::from(ew > 1),
            nest: nest_all(&[
                lp(ew, gap, [1, t, 0, 0, 0]),
                lp(tiles, gap, [0, 1, 0, 0, 0]),
                lp(per, gap, [e, 0, 0, 0, 0]),
                lp(heads.groups, gap, [per as i64 * e, t * e, 0, 0, 0]),
            ]),
            ..Matmul::default()
        };
        let of = Vector {
            mul1: Mul1::B,
            b_base: cache.key_scales as u32,
            mul2: Mul2::Scalar,
            s_base: q.scale + row as u32,
            s_fixed: true,
            add: Add::C,
            c_base: self.far as u32,
            dst_base: v as u32,
            dest: VectorDest::V,
            max: MaxOf::Max,
            red_base: s,
            reduce: 0b1,
            nest: nest_all(&[lp(tiles, 0, [1, 0, 0, 1, 0]), lp(slots, 0, [t, 0, 0, 0, 1])]),
            ..drain()
        };
        self.k.product(m, of);
    }

    /// Probabilities as codes, their sums, and their product with the values: to V from `to.0` on, the largest magnitude to `to.1`.
    fn values(&mut self, cache: &Cache, q: &Queries, row: usize, lanes: u32, to: (usize, Option<u32>)) {
        let (heads, tiles, gap) = (cache.heads, self.tiles, self.beat() - 1);
        let (slots, ew, per) = (heads.slots(), heads.words, heads.per());
        let (v, x, s) = q.sets[row % q.sets.len()];
        let (t, e, least) = (tiles as i64, ew as i64, self.k.gap());
        let over = |v: Vector| Vector {
            add: Add::MinusScalar,
            s_base: s,
            nest: nest_all(&[lp(tiles, least, [1, 0, 1, 1, 0]), lp(slots, least, [t, 0, t, 0, 1])]),
            ..v
        };
        let codes = Vector {
            a_base: v as u32,
            function: Some(Function::Exp2),
            mul3: Mul3::B,
            b_base: cache.shares as u32,
            lo: 0,
            dst_base: x as u32,
            dest: VectorDest::X,
            ..pass()
        };
        self.k.stream(over(codes));
        let sums = Vector {
            a_base: v as u32,
            function: Some(Function::Exp2Code),
            sum: SumOf::T,
            // The sum takes the place of the maximum, which its last step has read.
            red_base: s,
            reduce: 0b1,
            ..pass()
        };
        self.k.stream(over(sums));
        self.k.scalar(ScalarOp::Recip, s, Second::None, s, slots);
        self.k.scalar(ScalarOp::Mul, s, Second::Fixed(cache.sums), s, slots);
        let m = Matmul {
            x_base: x as u32,
            w_base: cache.values as u32,
            w_sram: true,
            first: true,
            last: true,
            reduce: u32::from(tiles > 1),
            nest: nest_all(&[
                lp(tiles, gap, [1, 1, 0, 0, 0]),
                lp(ew, gap, [0, t, 0, 0, 0]),
                lp(per, gap, [t, 0, 0, 0, 0]),
                lp(heads.groups, gap, [per as i64 * t, t * e, 0, 0, 0]),
            ]),
            ..Matmul::default()
        };
        let of = Vector {
            mul2: Mul2::Scalar,
            s_base: s,
            dst_base: to.0 as u32,
            dest: VectorDest::V,
            max: if to.1.is_some() { MaxOf::MaxAbs } else { MaxOf::Off },
            red_base: to.1.unwrap_or(0),
            red_fixed: true,
            reduce: if to.1.is_some() { 0b11 } else { 0 },
            ..drain()
        };
        let of = if heads.side > 1 {
            let side = heads.side as i64;
            let nest = nest_all(&[lp(heads.side, 0, [0, 1, 0, 0, 1]), lp(heads.groups, 0, [1, 0, 0, 0, side])]);
            Vector { mul1: Mul1::Scale, param_base: lanes, nest, ..of }
        } else {
            Vector { nest: nest_all(&[lp(ew, 0, [1, 0, 0, 0, 0]), lp(slots, 0, [e, 0, 0, 0, 1])]), ..of }
        };
        self.k.product(m, of);
    }
}
