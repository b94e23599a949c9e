// SPDX-License-Identifier: Apache-2.0
//! The instructions of each operator on a chunk but attention, in the order of docs/encoders.md.

use super::emit::{Emitter, Short};
use super::lay::Laid;
use super::maps::{Chunk, no_reduction, reduce_words};
use crate::timeline::{Second, drain, lp, nest_of, pass, walk};
use systole_isa::program::{Add, Function, MaxOf, Mul1, Mul2, Mul3, ScalarOp, SumOf, VectorDest};
use systole_isa::{Matmul, Vector};
use systole_model::encoder::{Linear, Map, Norm, Then};

impl Emitter<'_> {
    pub fn input(&mut self, chunk: &mut Chunk) -> Result<(), Short> {
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
                nest: nest_of(
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

    pub fn linear(&mut self, chunk: &mut Chunk, map: Map, l: &Linear, laid: Laid) -> Result<(), Short> {
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

    pub fn norm(&mut self, chunk: &mut Chunk, map: Map, n: &Norm, laid: Laid) -> Result<(), Short> {
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

    pub fn add(&mut self, chunk: &mut Chunk, map: Map, a: Map, b: Map) -> Result<(), Short> {
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
    pub fn result(&mut self, chunk: &mut Chunk, map: Map) {
        let (at, words, gap) = (self.at(chunk, map), self.words(map), self.k.gap().max(3));
        let w = words as i64;
        let v = Vector { a_base: at as u32, dst_base: (4 * chunk.first * words) as u32, dest: VectorDest::OutFloat, ..pass() };
        let loops = [(lp(words, gap, [4, 0, 1, 0, 0]), false), (lp(self.rows, gap, [4 * w, 0, w, 0, 0]), false)];
        self.k.stream(walk(v, &loops));
        self.had_numbers(chunk, map);
    }
}
