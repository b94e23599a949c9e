// SPDX-License-Identifier: Apache-2.0
//! Maps of a chunk: where they lie, their largest magnitudes and codes, and who is still to read them.

use super::emit::{Emitter, Short};
use super::plan::Work;
use crate::timeline::{Second, lp, pass, walk};
use std::collections::BTreeMap;
use systole_isa::Vector;
use systole_isa::program::{MaxOf, Mul2, ScalarOp, SumOf, VectorDest};
use systole_model::encoder::{Encoder, Map, Op, Then};

/// A map of a chunk.
#[derive(Debug, Clone)]
pub(super) struct At {
    /// First word in V; those of a token follow those of the one before.
    pub v: usize,
    pub words: usize,
    /// Whether it stays behind its last reader, for other levels.
    pub kept: bool,
    /// Registers of the largest magnitudes, one a token.
    pub largest: Option<u32>,
    pub codes: Option<Codes>,
    pub left: Readers,
}

/// Codes of a map in X, and registers of what one stands for, one a token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codes {
    pub x: usize,
    pub back: u32,
}

/// Readers that are still to come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Readers {
    pub numbers: usize,
    pub largest: usize,
    pub codes: usize,
}

/// Tokens that go together.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunk {
    /// The first of them.
    pub first: usize,
    pub maps: BTreeMap<Map, At>,
}

impl Emitter<'_> {
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

    pub fn is_relu(&self, map: Map) -> bool {
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

    pub fn drop_if_done(&mut self, chunk: &mut Chunk, map: Map) {
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

    pub fn had_codes(&mut self, chunk: &mut Chunk, map: Map) {
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
    pub fn walk_rows(&self, v: Vector, at: usize, words: usize) -> Vector {
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
    pub fn codes(&mut self, chunk: &mut Chunk, map: Map) -> Result<Codes, Short> {
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
}

/// The bit of the loop over words in [`Emitter::walk_rows`]; without it where there is one word.
pub(super) fn reduce_words(words: usize) -> u32 {
    u32::from(words > 1)
}

/// Without the bits of a reduction that is none.
pub(super) fn no_reduction(v: Vector) -> Vector {
    let reduce = if v.max == MaxOf::Off && v.sum == SumOf::Off { 0 } else { v.reduce };
    Vector { reduce, ..v }
}

/// Who reads which maps in a level, and how.
pub(super) fn readers(model: &Encoder, work: &[Work]) -> BTreeMap<Map, Readers> {
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
