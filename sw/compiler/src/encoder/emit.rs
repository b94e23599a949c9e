// SPDX-License-Identifier: Apache-2.0
//! The rows of an encoder's program: level by level, chunk by chunk, operator by operator, in the order of docs/encoders.md.
//!
//! All tokens of a chunk share an instruction, with a loop over them; chunks that go side by side take turns operator by operator.

use super::attention::Cache;
use super::lay::{Laid, Lay};
use super::plan::{Plan, Work};
use super::pools::Pool;
use super::track::Track;
use crate::timeline::{Second, drain, lp, nest, pass, walk};
use std::collections::BTreeMap;
use systole_isa::program::{Add, Function, MaxOf, Mul1, Mul2, Mul3, ScalarOp, SumOf, VectorDest};
use systole_isa::{Config, Load, Matmul, Vector};
use systole_model::encoder::{Encoder, Linear, Map, Norm, Op, Then};

/// The memory that has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Short {
    V,
    X,
    S,
    WSram,
    Acc,
}

/// A map of a chunk.
#[derive(Debug, Clone)]
struct At {
    /// First word in V; those of a token follow those of the one before.
    v: usize,
    words: usize,
    /// Whether it stays behind its last reader, for other levels.
    kept: bool,
    /// Registers of the largest magnitudes, one a token.
    largest: Option<u32>,
    codes: Option<Codes>,
    left: Readers,
}

/// Codes of a map in X, and registers of what one stands for, one a token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codes {
    pub x: usize,
    pub back: u32,
}

/// Readers that are still to come.
#[derive(Debug, Clone, Copy, Default)]
struct Readers {
    numbers: usize,
    largest: usize,
    codes: usize,
}

/// Tokens that go together.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunk {
    /// The first of them.
    pub first: usize,
    maps: BTreeMap<Map, At>,
}

pub(super) struct Emitter<'a> {
    pub model: &'a Encoder,
    pub lay: &'a Lay,
    pub k: Track<'a>,
    pub config: &'a Config,
    pub c: usize,
    /// Tokens of a chunk.
    pub rows: usize,
    /// Words of a number for each token: T' / C.
    pub tiles: usize,
    pub v: Pool,
    pub x: Pool,
    pub s: Pool,
    pub w: Pool,
    /// Where maps lie that are kept for all tokens.
    kept: BTreeMap<Map, usize>,
    readers: BTreeMap<Map, Readers>,
    pub caches: BTreeMap<Map, Cache>,
    /// V: 2^e of each token, and what is added to the scores of each.
    pub exponents: usize,
    pub far: usize,
}

impl<'a> Emitter<'a> {
    pub fn new(model: &'a Encoder, lay: &'a Lay, config: &'a Config, rows: usize) -> Result<Emitter<'a>, Short> {
        let c = config.cols as usize;
        let tiles = model.tokens.div_ceil(c);
        let frame = frame_words(model, c);
        if frame > config.x_depth as usize {
            return Err(Short::X);
        }
        let mut e = Emitter {
            model,
            lay,
            k: Track::new(config),
            config,
            c,
            rows,
            tiles,
            v: Pool::new(0, config.v_depth as usize),
            x: Pool::new(frame, config.x_depth as usize),
            s: Pool::new(0, 64),
            w: Pool::new(0, config.w_sram_depth as usize),
            kept: BTreeMap::new(),
            readers: BTreeMap::new(),
            caches: BTreeMap::new(),
            exponents: 0,
            far: 0,
        };
        e.exponents = e.take_v(tiles)?;
        Ok(e)
    }

    pub fn take_v(&mut self, words: usize) -> Result<usize, Short> {
        self.v.take(words).ok_or(Short::V)
    }

    pub fn take_x(&mut self, words: usize) -> Result<usize, Short> {
        self.x.take(words).ok_or(Short::X)
    }

    /// A register for each token of a chunk.
    pub fn take_s(&mut self) -> Result<u32, Short> {
        self.s.take(self.rows).map(|s| s as u32).ok_or(Short::S)
    }

    pub fn give_s(&mut self, registers: u32) {
        self.s.give(registers as usize, self.rows);
    }

    /// Words of a map.
    pub fn words(&self, map: Map) -> usize {
        self.model.width_of(map).div_ceil(self.c)
    }

    /// A SCALAR for each token.
    pub fn scalar(&mut self, op: ScalarOp, a: u32, b: Second, dst: u32) {
        self.k.scalar(op, a, b, dst, self.rows);
    }

    /// The whole program: `side` chunks take turns.
    pub fn all(&mut self, plan: &Plan, side: usize) -> Result<(), Short> {
        self.frame()?;
        let tokens = self.tiles * self.c;
        for (now, work) in plan.levels.iter().enumerate() {
            self.readers = readers(self.model, work);
            for (&map, &(from, _)) in &plan.kept {
                if from == now {
                    let words = tokens * self.words(map);
                    let at = self.take_v(words)?;
                    self.kept.insert(map, at);
                }
            }
            let caches: Vec<Map> = work.iter().filter_map(|w| if let Work::Cache(m) = w { Some(*m) } else { None }).collect();
            for &map in &caches {
                self.open_cache(map)?;
            }
            let mut first = 0;
            while first < tokens {
                let mut chunks: Vec<Chunk> = (first..tokens).step_by(self.rows).take(side).map(|t| self.chunk(t)).collect();
                first += chunks.len() * self.rows;
                for &work in work {
                    for chunk in &mut chunks {
                        self.work(work, chunk)?;
                    }
                }
                for chunk in &mut chunks {
                    debug_assert!(chunk.maps.values().all(|at| at.kept && at.largest.is_none()), "{:?}", chunk.maps);
                }
            }
            for map in caches {
                self.fill_cache(map)?;
            }
            for &work in work {
                if let Work::Make(map) = work {
                    self.close_cache(map);
                }
            }
            for (&map, &(_, to)) in &plan.kept {
                if to == now
                    && let Some(at) = self.kept.remove(&map)
                {
                    self.v.give(at, tokens * self.words(map));
                }
            }
        }
        Ok(())
    }

    /// The frame into X, its exponents and masks into V.
    fn frame(&mut self) -> Result<(), Short> {
        let (c, tiles) = (self.c, self.tiles);
        let words = frame_words(self.model, c);
        let nest_of_load = nest(&[lp(words, 0, [1, c as i64, 0, 0, 0])]);
        self.k.load(Load { mask: u32::MAX >> (32 - c), nest: nest_of_load, ..Load::default() });
        let attends = self.model.ops.iter().any(|op| matches!(op, Op::Attention(_)));
        let exponents =
            Vector { function: Some(Function::Exp2), dst_base: self.exponents as u32, dest: VectorDest::V, ..drain() };
        let mut takers = vec![exponents];
        if attends {
            self.far = self.take_v(tiles)?;
            let mask = Vector {
                mul1: Mul1::Scale,
                add: Add::Bias,
                param_base: self.lay.mask,
                dst_base: self.far as u32,
                dest: VectorDest::V,
                ..drain()
            };
            takers.push(mask);
        }
        for (n, v) in takers.into_iter().enumerate() {
            let m = Matmul {
                x_base: (n * tiles) as u32,
                w_base: self.lay.identity as u32,
                first: true,
                last: true,
                hold: 1,
                nest: nest(&[lp(tiles, self.k.gap(), [1, 0, 0, 0, 0])]),
                ..Matmul::default()
            };
            self.k.product(m, walk(v, &[(lp(tiles, 0, [1, 0, 0, 0, 0]), false)]));
        }
        Ok(())
    }

    /// The chunk from token `first` on, with what is kept of earlier levels.
    fn chunk(&self, first: usize) -> Chunk {
        let kept = self.kept.iter().map(|(&map, &at)| {
            let left = self.readers.get(&map).copied().unwrap_or_default();
            let words = self.words(map);
            (map, At { v: at + first * words, words, kept: true, largest: None, codes: None, left })
        });
        Chunk { first, maps: kept.collect() }
    }

    fn work(&mut self, work: Work, chunk: &mut Chunk) -> Result<(), Short> {
        let (model, lay) = (self.model, self.lay);
        match work {
            Work::Input => self.input(chunk),
            Work::Cache(map) => self.cache(chunk, map),
            Work::Make(map) => {
                let laid = lay.ops[map - 1];
                match &model.ops[map - 1] {
                    Op::Linear(l) => self.linear(chunk, map, l, laid)?,
                    Op::Norm(n) => self.norm(chunk, map, n, laid)?,
                    Op::Attention(_) => self.attend(chunk, map)?,
                    Op::Add(a, b) => self.add(chunk, map, *a, *b)?,
                }
                if map == model.output {
                    self.result(chunk, map);
                }
                Ok(())
            }
        }
    }

    // Maps of a chunk.

    /// Room for a map that is about to be made, and registers for its largest magnitudes where somebody asks for them.
    pub fn make(&mut self, chunk: &mut Chunk, map: Map) -> Result<(usize, Option<u32>), Short> {
        let left = self.readers.get(&map).copied().unwrap_or_default();
        let largest = if left.largest > 0 { Some(self.take_s()?) } else { None };
        let words = self.words(map);
        let at = match chunk.maps.get_mut(&map) {
            Some(at) => {
                at.largest = largest;
                return Ok((at.v, largest));
            }
            None => At { v: self.take_v(self.rows * words)?, words, kept: false, largest, codes: None, left },
        };
        let v = at.v;
        chunk.maps.insert(map, at);
        Ok((v, largest))
    }

    fn is_relu(&self, map: Map) -> bool {
        map > 0 && matches!(&self.model.ops[map - 1], Op::Linear(l) if l.then == Then::Relu)
    }

    /// First word in V of a map.
    pub fn at(&self, chunk: &Chunk, map: Map) -> usize {
        chunk.maps[&map].v
    }

    /// The registers of a map's largest magnitudes; a walk over it where nobody has found them.
    pub fn largest(&mut self, chunk: &mut Chunk, map: Map) -> Result<u32, Short> {
        let at = &chunk.maps[&map];
        let (v, words) = (at.v, at.words);
        let registers = match at.largest {
            Some(registers) => return Ok(registers),
            None => self.take_s()?,
        };
        // As the product has it that makes it.
        let relu = self.is_relu(map);
        let max = if relu { MaxOf::Max } else { MaxOf::MaxAbs };
        let of = self.walk_rows(Vector { red_base: registers, ..pass() }, v, words);
        self.k.stream(Vector { max, reduce: reduce_words(words), ..of });
        if relu {
            self.scalar(ScalarOp::Max, registers, Second::Constant(0.0), registers);
        }
        if let Some(at) = chunk.maps.get_mut(&map) {
            at.largest = Some(registers);
        }
        Ok(registers)
    }

    /// A reader of the largest magnitudes has had them.
    pub fn had_largest(&mut self, chunk: &mut Chunk, map: Map) {
        let Some(at) = chunk.maps.get_mut(&map) else { return };
        at.left.largest -= 1;
        if at.left.largest == 0
            && let Some(registers) = at.largest.take()
        {
            self.give_s(registers);
        }
    }

    /// A reader of the numbers has had them.
    pub fn had_numbers(&mut self, chunk: &mut Chunk, map: Map) {
        let Some(at) = chunk.maps.get_mut(&map) else { return };
        at.left.numbers -= 1;
        self.drop_if_done(chunk, map);
    }

    fn drop_if_done(&mut self, chunk: &mut Chunk, map: Map) {
        let at = &chunk.maps[&map];
        if at.left.numbers == 0 && !at.kept {
            self.v.give(at.v, self.rows * at.words);
            if at.left.codes == 0 {
                chunk.maps.remove(&map);
            } else if let Some(at) = chunk.maps.get_mut(&map) {
                // Only its codes are left: its words are nobody's.
                at.kept = true;
            }
        }
    }

    fn had_codes(&mut self, chunk: &mut Chunk, map: Map) {
        let Some(at) = chunk.maps.get_mut(&map) else { return };
        at.left.codes -= 1;
        if at.left.codes == 0
            && let Some(codes) = at.codes.take()
        {
            let words = at.words;
            if at.left.numbers == 0 {
                chunk.maps.remove(&map);
            }
            self.x.give(codes.x, self.rows * words);
            self.give_s(codes.back);
        }
    }

    /// A walk over the words of each token of a map: strides of a and of the scalar address.
    fn walk_rows(&self, v: Vector, at: usize, words: usize) -> Vector {
        let gap = self.k.gap();
        let w = words as i64;
        let v = Vector { a_base: at as u32, ..v };
        walk(v, &[(lp(words, gap, [1, 1, 1, 1, 0]), true), (lp(self.rows, gap, [w, 0, w, w, 1]), false)])
    }

    /// What makes codes of numbers, in new registers: 127 / largest.
    pub fn code_scale(&mut self, largest: u32) -> Result<u32, Short> {
        let code = self.take_s()?;
        self.scalar(ScalarOp::Recip, largest, Second::None, code);
        self.scalar(ScalarOp::Mul, code, Second::Constant(127.0), code);
        Ok(code)
    }

    /// What makes numbers of codes, in new registers: largest / 127.
    pub fn back(&mut self, largest: u32) -> Result<u32, Short> {
        let back = self.take_s()?;
        self.scalar(ScalarOp::Mul, largest, Second::Constant(1.0 / 127.0), back);
        Ok(back)
    }

    /// Codes of a map, made for its first reader.
    fn codes(&mut self, chunk: &mut Chunk, map: Map) -> Result<Codes, Short> {
        if let Some(codes) = chunk.maps[&map].codes {
            return Ok(codes);
        }
        let relu = self.is_relu(map);
        let largest = self.largest(chunk, map)?;
        let code = self.code_scale(largest)?;
        let back = self.back(largest)?;
        self.had_largest(chunk, map);
        let at = &chunk.maps[&map];
        let (v, words) = (at.v, at.words);
        let x = self.take_x(self.rows * words)?;
        let lo = if relu { 0 } else { -127 };
        let codes = Vector { mul2: Mul2::Scalar, s_base: code, lo, dst_base: x as u32, dest: VectorDest::X, reduce: 0, ..pass() };
        let codes = self.walk_rows(codes, v, words);
        self.k.stream(Vector { reduce: 0, ..codes });
        self.give_s(code);
        let made = Codes { x, back };
        if let Some(at) = chunk.maps.get_mut(&map) {
            at.codes = Some(made);
        }
        self.had_numbers(chunk, map);
        Ok(made)
    }

    // Operators.

    fn input(&mut self, chunk: &mut Chunk) -> Result<(), Short> {
        let (c, d, rows) = (self.c, self.words(0), self.rows);
        let (at, largest) = self.make(chunk, 0)?;
        let e = self.take_s()?;
        let scale = Vector {
            a_base: (self.exponents + chunk.first / c) as u32,
            mul1: Mul1::Scale,
            param_base: self.lay.one_lane + (chunk.first % c) as u32,
            max: MaxOf::Max,
            red_base: e,
            ..pass()
        };
        self.k.stream(walk(scale, &[(lp(rows, self.k.gap(), [0, 1, 0, 0, 1]), false)]));
        // As many tokens at once as there are accumulators for.
        let together = rows.min(self.config.acc_depth as usize / d);
        if together == 0 {
            return Err(Short::Acc);
        }
        let gap = (self.k.gap() + 1).max(u64::from(self.config.weight_beats)) - 1;
        let mut row = 0;
        while row < rows {
            let n = together.min(rows - row);
            let x = 2 * self.tiles + 2 * d * (chunk.first + row);
            let m = Matmul {
                x_base: x as u32,
                w_base: self.lay.halves as u32,
                first: true,
                last: true,
                hold: 2,
                reduce: 0b100,
                nest: crate::timeline::nest_of(
                    &[
                        lp(d, gap, [1, 0, 1, 0, 0]),
                        lp(n, gap, [2 * d as i64, 0, d as i64, 0, 0]),
                        lp(2, gap, [d as i64, 1, 0, 0, 0]),
                    ],
                    true,
                ),
                ..Matmul::default()
            };
            let v = Vector {
                mul2: Mul2::Scalar,
                s_base: e + row as u32,
                dst_base: (at + row * d) as u32,
                dest: VectorDest::V,
                max: if largest.is_some() { MaxOf::MaxAbs } else { MaxOf::Off },
                red_base: largest.unwrap_or(0) + row as u32,
                ..drain()
            };
            let v = walk(v, &[(lp(d, 0, [1, 0, 0, 0, 0]), true), (lp(n, 0, [d as i64, 0, 0, 0, 1]), false)]);
            self.k.product(m, no_reduction(v));
            row += n;
        }
        self.give_s(e);
        Ok(())
    }

    fn linear(&mut self, chunk: &mut Chunk, map: Map, l: &Linear, laid: Laid) -> Result<(), Short> {
        let (k, n, rows) = (self.words(l.from), self.words(map), self.rows);
        let codes = self.codes(chunk, l.from)?;
        // A summand gains the bias first.
        let mut summand = None;
        if let Then::Plus(other) = l.then {
            let at = self.at(chunk, other);
            summand = Some(at);
            if let Some(before) = laid.before {
                let sum = self.take_v(rows * n)?;
                let v = Vector {
                    mul1: Mul1::Scale,
                    add: Add::Bias,
                    param_base: before,
                    dst_base: sum as u32,
                    dest: VectorDest::V,
                    ..pass()
                };
                let v = self.walk_rows(v, at, n);
                self.k.stream(Vector { reduce: 0, ..v });
                self.had_numbers(chunk, other);
                summand = Some(sum);
            }
        }
        let (at, largest) = self.make(chunk, map)?;
        let v = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            param_base: laid.params,
            s_base: codes.back,
            dst_base: at as u32,
            dest: VectorDest::V,
            ..drain()
        };
        let bias = if l.bias.is_some() { Add::Bias } else { Add::Zero };
        let v = match l.then {
            Then::Nothing | Then::Relu => Vector { add: bias, ..v },
            Then::Gelu => Vector { add: bias, function: Some(Function::Phi), mul3: Mul3::S, ..v },
            Then::Silu => Vector { add: bias, function: Some(Function::Sigmoid), mul3: Mul3::S, ..v },
            Then::Times(m) => Vector { add: bias, mul3: Mul3::B, b_base: self.at(chunk, m) as u32, ..v },
            Then::Plus(_) => Vector { add: Add::C, c_base: summand.unwrap_or(0) as u32, ..v },
        };
        // A maximum is of what comes before the function and the last factor.
        let max = match l.then {
            _ if largest.is_none() => MaxOf::Off,
            Then::Relu => MaxOf::Max,
            Then::Nothing | Then::Plus(_) => MaxOf::MaxAbs,
            _ => MaxOf::Off,
        };
        let v = Vector { max, red_base: largest.unwrap_or(0), ..v };
        let words = n as i64;
        let v = walk(v, &[(lp(rows, 0, [words, 0, 0, words, 1]), false), (lp(n, 0, [1, 1, 0, 1, 0]), true)]);
        let m = self.k.t.matmul(codes.x, rows, k, n, laid.tiles, self.k.gap() + 1);
        self.k.product(m, no_reduction(v));
        match l.then {
            Then::Relu => {
                if let Some(largest) = largest {
                    self.scalar(ScalarOp::Max, largest, Second::Constant(0.0), largest);
                }
            }
            Then::Times(other) => self.had_numbers(chunk, other),
            Then::Plus(other) => match (laid.before, summand) {
                (Some(_), Some(sum)) => self.v.give(sum, rows * n),
                _ => self.had_numbers(chunk, other),
            },
            _ => {}
        }
        if max == MaxOf::Off {
            self.forget_largest(chunk, map);
        }
        self.had_codes(chunk, l.from);
        Ok(())
    }

    /// Nobody has found the largest magnitudes of a map yet.
    fn forget_largest(&mut self, chunk: &mut Chunk, map: Map) {
        if let Some(registers) = chunk.maps.get_mut(&map).and_then(|at| at.largest.take()) {
            self.give_s(registers);
        }
    }

    fn norm(&mut self, chunk: &mut Chunk, map: Map, n: &Norm, laid: Laid) -> Result<(), Short> {
        let (words, rows, width) = (self.words(map), self.rows, n.gain.len() as f64);
        let from = self.at(chunk, n.from);
        let largest = self.largest(chunk, n.from)?;
        // sq; then the sum of squares, and a.
        let a = self.code_scale(largest)?;
        let inv = self.back(largest)?;
        self.had_largest(chunk, n.from);
        let tmp = self.take_v(rows * words)?;
        let reduce = reduce_words(words);
        let lanes = |v: Vector| match laid.lanes {
            Some(lanes) => Vector { mul1: Mul1::Scale, param_base: lanes, ..v },
            None => v,
        };
        let sum = if n.mean { SumOf::T } else { SumOf::TSquared };
        let total = self.take_s()?;
        let f =
            Vector { mul2: Mul2::Scalar, s_base: a, dst_base: tmp as u32, dest: VectorDest::V, sum, red_base: total, ..pass() };
        let f = self.walk_rows(f, from, words);
        self.k.stream(Vector { reduce, ..f });
        self.had_numbers(chunk, n.from);
        let k = self.take_s()?;
        self.scalar(ScalarOp::Mul, inv, Second::S(inv), k);
        self.scalar(ScalarOp::Mul, k, Second::Constant(1.0 / (256.0 * width)), k);
        let mut squares = total;
        if n.mean {
            self.scalar(ScalarOp::Mul, total, Second::Constant(1.0 / (16.0 * width)), total);
            let d = Vector {
                add: Add::MinusScalar,
                s_base: total,
                dst_base: tmp as u32,
                dest: VectorDest::V,
                sum: SumOf::TSquared,
                red_base: a,
                ..pass()
            };
            let d = lanes(self.walk_rows(d, tmp, words));
            self.k.stream(Vector { reduce, ..d });
            squares = a;
        }
        self.scalar(ScalarOp::Mul, squares, Second::S(k), squares);
        self.scalar(ScalarOp::Add, squares, Second::Constant(n.epsilon.into()), squares);
        self.scalar(ScalarOp::Rsqrt, squares, Second::None, squares);
        self.scalar(ScalarOp::Mul, inv, Second::S(squares), squares);
        self.give_s(k);
        self.give_s(inv);
        self.give_s(if n.mean { total } else { a });
        // In the place of what it is made of, where that is nobody's any more.
        self.v.give(tmp, rows * words);
        let (at, largest) = self.make(chunk, map)?;
        let y = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            add: Add::Bias,
            param_base: laid.params,
            s_base: squares,
            dst_base: at as u32,
            dest: VectorDest::V,
            max: if largest.is_some() { MaxOf::MaxAbs } else { MaxOf::Off },
            red_base: largest.unwrap_or(0),
            ..pass()
        };
        let y = self.walk_rows(y, tmp, words);
        self.k.stream(no_reduction(Vector { reduce, ..y }));
        self.give_s(squares);
        Ok(())
    }

    fn add(&mut self, chunk: &mut Chunk, map: Map, a: Map, b: Map) -> Result<(), Short> {
        let words = self.words(map);
        let (from, other) = (self.at(chunk, a), self.at(chunk, b));
        let (at, largest) = self.make(chunk, map)?;
        let v = Vector {
            add: Add::C,
            c_base: other as u32,
            dst_base: at as u32,
            dest: VectorDest::V,
            max: if largest.is_some() { MaxOf::MaxAbs } else { MaxOf::Off },
            red_base: largest.unwrap_or(0),
            ..pass()
        };
        let v = self.walk_rows(v, from, words);
        self.k.stream(no_reduction(Vector { reduce: reduce_words(words), ..v }));
        self.had_numbers(chunk, a);
        self.had_numbers(chunk, b);
        Ok(())
    }

    /// The result's numbers to OUT.
    fn result(&mut self, chunk: &mut Chunk, map: Map) {
        let (at, words, gap) = (self.at(chunk, map), self.words(map), self.k.gap().max(3));
        let w = words as i64;
        let v = Vector { a_base: at as u32, dst_base: (4 * chunk.first * words) as u32, dest: VectorDest::OutFloat, ..pass() };
        let loops = [(lp(words, gap, [4, 0, 1, 0, 0]), false), (lp(self.rows, gap, [4 * w, 0, w, 0, 0]), false)];
        self.k.stream(walk(v, &loops));
        self.had_numbers(chunk, map);
    }
}

/// X words of a frame.
pub(super) fn frame_words(model: &Encoder, c: usize) -> usize {
    let tokens = model.tokens.next_multiple_of(c);
    2 * tokens / c + 2 * tokens * model.width.div_ceil(c)
}

/// The bit of the loop over words in [`Emitter::walk_rows`]; without it where there is one word.
fn reduce_words(words: usize) -> u32 {
    u32::from(words > 1)
}

/// Without the bits of a reduction that is none.
fn no_reduction(v: Vector) -> Vector {
    let reduce = if v.max == MaxOf::Off && v.sum == SumOf::Off { 0 } else { v.reduce };
    Vector { reduce, ..v }
}

/// Who reads which maps in a level, and how.
fn readers(model: &Encoder, work: &[Work]) -> BTreeMap<Map, Readers> {
    let mut all: BTreeMap<Map, Readers> = BTreeMap::new();
    for &work in work {
        let (map, cache) = match work {
            Work::Input => continue,
            Work::Make(map) => (map, false),
            Work::Cache(map) => (map, true),
        };
        match &model.ops[map - 1] {
            Op::Attention(a) => {
                let these = if cache { vec![a.k, a.v] } else { vec![a.q] };
                for m in these {
                    all.entry(m).or_default().numbers += 1;
                    all.entry(m).or_default().largest += 1;
                }
            }
            Op::Linear(l) => {
                if let Then::Times(m) | Then::Plus(m) = l.then {
                    all.entry(m).or_default().numbers += 1;
                }
                let from = all.entry(l.from).or_default();
                // Codes are made once.
                if from.codes == 0 {
                    from.numbers += 1;
                    from.largest += 1;
                }
                from.codes += 1;
            }
            Op::Norm(n) => {
                all.entry(n.from).or_default().numbers += 1;
                all.entry(n.from).or_default().largest += 1;
            }
            Op::Add(a, b) => {
                all.entry(*a).or_default().numbers += 1;
                all.entry(*b).or_default().numbers += 1;
            }
        }
        if map == model.output && !cache {
            all.entry(map).or_default().numbers += 1;
        }
    }
    all
}
