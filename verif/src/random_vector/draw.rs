// SPDX-License-Identifier: Apache-2.0
//! Instructions at random.

use super::effects::reduction;
use super::{Builder, Taker};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use systole_isa::Matmul;
use systole_isa::f24::F24;
use systole_isa::nest::{Nest, Stride};
use systole_isa::program::{
    Add, CHUNK, Function, MaxOf, Mul1, Mul2, Mul3, OneHot, Post, PostDest, Register, Scalar, ScalarOp, Source, SumOf, Vector,
    VectorDest,
};

impl Builder {
    /// Loops `(count, gap)` with gaps of at least `gap`.
    pub(super) fn loops(&mut self, most: usize, steps: u32, gap: u8) -> Vec<(u32, u8)> {
        let mut left = steps;
        (0..self.rng.random_range(1..=most))
            .map(|_| {
                let count = self.rng.random_range(1..=left.clamp(1, 6));
                left /= count;
                (count, gap + self.pick(&[0, 0, 0, 1, 2, 7]))
            })
            .collect()
    }

    pub(super) fn float(&mut self) -> F24 {
        let exponent = match self.rng.random_range(0..20) {
            0 => return F24::ZERO,
            1 => self.rng.random_range(1..255),
            2..5 => self.rng.random_range(110..140),
            _ => self.rng.random_range(123..129),
        };
        let fraction = self.rng.random::<u32>() & if self.chance(0.3) { 0x6000 } else { 0x7fff };
        F24::from_bits((self.rng.random::<u32>() & 1) << 23 | exponent << 15 | fraction)
    }

    /// A VECTOR with these loops, legal but for its place in time.
    pub(super) fn vector(&mut self, src: Source, loops: &[(u32, u8)], len: bool, dest: VectorDest) -> Vector {
        let (c, sizes) = (self.config.cols, self.sizes);
        loop {
            let nest = self.nest(loops, len);
            let append = self.chance(0.25);
            let further = if append { sizes.lengths * c } else { 0 };
            let (first, room) = match dest {
                VectorDest::None => (0, 1 << 15),
                VectorDest::V => (0, sizes.v),
                VectorDest::X => (c, sizes.x - c), // not the identity
                VectorDest::WColumn | VectorDest::WRow => (0, sizes.w_sram * c),
                VectorDest::Out => (0, sizes.out),
                VectorDest::OutFloat => (0, sizes.out - 3),
            };
            let bases =
                [(0, room - further), (1, sizes.params), (2, sizes.v), (3, sizes.v)].map(|(a, size)| self.base(&nest, a, size));
            let [Some(dst), Some(param_base), Some(a_base), Some(b_base)] = bases else { continue };
            let Some(c_base) = self.base(&nest, 3, sizes.v) else { continue };
            let (lane_lo, lane_n) = if self.chance(0.75) {
                (0, self.pick(&[c, 32]))
            } else {
                let lo = self.rng.random_range(0..c);
                (lo, self.rng.random_range(1..=c - lo))
            };
            let (lo, hi) = match self.rng.random_range(0..4) {
                0 => (-127, 127),
                1 => {
                    let (a, b) = (self.rng.random::<i8>(), self.rng.random::<i8>());
                    (a.min(b), a.max(b))
                }
                _ => (-128, 127),
            };
            let reductions = self.pick(&[(0, 0), (0, 0), (1, 0), (1, 0), (0, 1), (0, 1), (1, 1)]);
            let all = (1 << loops.len()) - 1;
            let v = Vector {
                a_base,
                b_base,
                c_base,
                dst_base: first + dst,
                param_base,
                s_base: self.operand(),
                red_base: self.register(),
                zero_point: self.pick(&[0, 0, 3, -20]),
                lo,
                hi,
                append,
                tail: self.chance(0.25),
                tail_row: self.pick(&[0, 0, 0, 1, 3, 4, 5, 6, 7]),
                red_fixed: self.chance(0.3),
                s_fixed: self.chance(0.3),
                reduce: if self.chance(0.5) { all } else { self.rng.random_range(0..=all) },
                lane_lo,
                lane_n,
                src,
                // Mostly sums: of many products little is left but the largest number and 0.
                mul1: self.pick(&[Mul1::One, Mul1::One, Mul1::One, Mul1::Scale, Mul1::Scale, Mul1::B, Mul1::A]),
                mul2: self.pick(&[Mul2::One, Mul2::One, Mul2::Scalar, Mul2::C, Mul2::Partner]),
                add: self.pick(Add::ALL),
                function: if self.chance(0.3) { Some(self.pick(Function::ALL)) } else { None },
                mul3: self.pick(&[Mul3::One, Mul3::One, Mul3::One, Mul3::One, Mul3::S, Mul3::B, Mul3::Scalar]),
                dest,
                max: if reductions.0 == 1 { self.pick(&MaxOf::ALL[1..]) } else { MaxOf::Off },
                sum: if reductions.1 == 1 { self.pick(&SumOf::ALL[1..]) } else { SumOf::Off },
                nest,
            };
            if self.reductions_are_whole(&v) {
                return v;
            }
        }
    }

    /// Whether each reduction stays with its register, where it is for itself; and both kinds meet only where no step goes on.
    pub(super) fn reductions_are_whole(&self, v: &Vector) -> bool {
        let all = (1 << v.nest.loops.len()) - 1;
        if v.max != MaxOf::Off && v.sum != SumOf::Off && v.reduce != 0 && v.reduce != all {
            return false;
        }
        if v.max == MaxOf::ArgMax && (v.reduce + 1) & v.reduce != 0 {
            return false; // not of the inner loops: several are under way
        }
        [0, 1, self.sizes.lengths - 1].iter().all(|&lenc| {
            let mut open = BTreeMap::new();
            v.nest.at(lenc).iter().all(|step| {
                let red = reduction(v, step.offset[4]);
                let starts = u32::from(step.at_first) & v.reduce == v.reduce;
                let legal = if starts { !open.contains_key(&(red % 16)) } else { open.get(&(red % 16)) == Some(&red) };
                if u32::from(step.at_last) & v.reduce == v.reduce {
                    open.remove(&(red % 16));
                } else {
                    open.insert(red % 16, red);
                }
                legal
            })
        })
    }

    pub(super) fn dest(&mut self) -> VectorDest {
        use VectorDest::{None, Out, OutFloat, V, WColumn, WRow, X};
        self.pick(&[V, V, V, V, V, V, X, X, WColumn, WColumn, WRow, Out, OutFloat, None])
    }

    /// A MATMUL and who takes its sums.
    pub(super) fn product(&mut self, len: bool) -> (Matmul, Taker) {
        let sizes = self.sizes;
        // Loops of POST have no run-time length.
        let post = self.chance(0.35) && !len;
        let dest = self.dest();
        let post_dest =
            self.pick(&[PostDest::X, PostDest::X, PostDest::WColumn, PostDest::WRow, PostDest::Out, PostDest::OutRaw32]);
        let wide = if post { post_dest == PostDest::OutRaw32 } else { dest == VectorDest::OutFloat };
        let distance = self.latency.vec_distance.max(self.latency.post_distance).max(if wide { 4 } else { 1 });
        let loads = self.load_distance() as u8;
        // Vectors in one or two loops; a sum over words in a loop inside them; each step loads, or those of outer loops.
        let vectors = self.loops(2, 16, distance as u8 - 1);
        let terms = self.pick(&[0, 0, 2, 3]);
        let mut loops = vectors.clone();
        if terms != 0 {
            loops.insert(0, (terms, self.pick(&[0, 0, 1])));
        }
        let hold = self.rng.random_range(0..=loops.len());
        for (n, l) in loops.iter_mut().enumerate() {
            l.1 = if n >= hold { l.1.max(loads - 1) } else { l.1 };
        }
        let one_hot = self.chance(0.35).then(|| OneHot {
            register: self.pick(&[Register::Pos, Register::Tok]),
            row: self.rng.random_range(0..8),
            value: self.rng.random(),
        });
        let w_sram = self.chance(0.35);
        let words = if w_sram { sizes.w_sram } else { sizes.weights };
        let m = loop {
            // Loops inside `hold` share a word; they are the sum's or the vectors', and the accumulator stays.
            let choice = |rng: &mut ChaCha8Rng| [0, 1, 1, 2, -1, 3][rng.random_range(0..6)];
            // With a one in place of X the X address stays.
            let stride = |rng: &mut ChaCha8Rng, held| {
                [if one_hot.is_some() { 0 } else { choice(rng) }, if held { 0 } else { choice(rng) }, 0, 0, 0]
            };
            let strides =
                loops.iter().enumerate().map(|(n, &(count, gap))| Stride { count, gap, stride: stride(&mut self.rng, n < hold) });
            let mut nest = Nest::from_strides(&strides.collect::<Vec<_>>());
            nest.loops.last_mut().expect("a loop").len = len;
            // The last entry is the position of the last row behind the last POS.
            let entries = (sizes.lengths * self.config.cols + CHUNK as u32 - 2) / self.config.rows;
            let room = words - if one_hot.is_some() { entries } else { 0 };
            let (Some(x_base), Some(w_base)) = (self.base(&nest, 0, sizes.x), self.base(&nest, 1, room)) else { continue };
            break Matmul {
                x_base: if one_hot.is_some() { 0 } else { x_base },
                w_base,
                acc_base: self.rng.random_range(0..4),
                w_sram,
                w_zero: if !self.config.weight_zero { 0 } else { self.pick(&[0, 0, -128, -1, 7, 127]) },
                hold: hold as u32,
                reduce: u32::from(terms != 0),
                first: true,
                last: true,
                pad: None,
                one_hot,
                nest,
            };
        };
        // As many steps in another form: where there are two loops they may become one.
        let shape: Vec<(u32, u8)> = if vectors.len() == 2 && !len && self.chance(0.3) {
            vec![(vectors[0].0 * vectors[1].0, 0)]
        } else {
            vectors.iter().map(|v| (v.0, 0)).collect()
        };
        if !post {
            return (m, Taker::Vector(self.vector(Source::Array, &shape, len, dest)));
        }
        let room = match post_dest {
            PostDest::X => sizes.x - self.config.cols,
            PostDest::WColumn | PostDest::WRow => sizes.w_sram * self.config.cols,
            PostDest::Out => sizes.out,
            PostDest::OutRaw32 => sizes.out - 3,
        };
        loop {
            let nest = self.nest(&shape, len);
            let (Some(dst), Some(param_base)) = (self.base(&nest, 0, room), self.base(&nest, 1, sizes.post_params)) else {
                continue;
            };
            let lut =
                (post_dest != PostDest::OutRaw32 && self.chance(0.3)).then(|| self.rng.random_range(0..self.config.lut_count));
            let dst_base = dst + if post_dest == PostDest::X { self.config.cols } else { 0 };
            let zero_point = self.rng.random_range(-9..9);
            return (
                m,
                Taker::Post(Post {
                    dst_base,
                    param_base,
                    dest: post_dest,
                    zero_point,
                    lo: -128,
                    hi: 127,
                    lut,
                    residual: None,
                    nest,
                }),
            );
        }
    }

    /// One more of the program's instructions; sometimes with run-time length, and a WAIT behind it.
    pub(super) fn instruction(&mut self) {
        let len = self.chance(0.2);
        let (placed, each) = match self.rng.random_range(0..10) {
            0..5 => {
                let dest = self.dest();
                let distance = self.latency.vec_distance.max(if dest == VectorDest::OutFloat { 4 } else { 1 });
                let loops = self.loops(4, 24, distance as u8 - 1);
                let v = self.vector(Source::V, &loops, len, dest);
                let each = v.nest.at(1).span() - v.nest.at(0).span();
                (self.place_vector(v), each)
            }
            5..7 => {
                let loops = self.loops(2, 6, 0);
                let i = Scalar {
                    op: self.pick(ScalarOp::ALL),
                    a_base: self.operand(),
                    b_base: self.operand(),
                    dst_base: self.register(),
                    imm: if self.chance(0.3) { Some(self.float()) } else { None },
                    nest: self.nest(&loops, len),
                };
                let each = i.nest.at(1).span() - i.nest.at(0).span();
                (self.place_scalar(i), each)
            }
            _ => {
                let (m, taker) = self.product(len);
                let each = m.nest.at(1).span() - m.nest.at(0).span();
                (self.place_matmul(m, &taker), each)
            }
        };
        if placed && (len && self.chance(0.85) || self.chance(0.05)) {
            let more = if self.chance(0.7) { 0 } else { self.rng.random_range(0..20) };
            self.wait((each as u32 + more).min(0xffff));
        }
    }
}
