// SPDX-License-Identifier: Apache-2.0
//! What stands in front of a random program and behind it: memories get a content, and all of it is shown; the image with its data.

use super::{Builder, Taker};
use rand::RngExt;
use systole_isa::f24::{F24, encode_param, encode_segment, functions};
use systole_isa::image::{Dtype, Tensor};
use systole_isa::nest::{Nest, Stride};
use systole_isa::program::{Add, MaxOf, Mul1, Mul2, OneHot, Post, PostDest, Program, Register, Source, Vector, VectorDest};
use systole_isa::requant::Param;
use systole_isa::{Image, Instruction, Load, Matmul, Store, fingerprint};
use systole_workloads::random;

impl Builder {
    pub(super) fn prologue(&mut self) {
        let (sizes, c, tight) = (self.sizes, self.config.cols, self.tight);
        self.tight = false;
        let strides = |loops: &[(u32, u8, [i32; 5])]| {
            Nest::from_strides(&loops.iter().map(|&(count, gap, stride)| Stride { count, gap, stride }).collect::<Vec<_>>())
        };
        let load = Load { mask: u32::MAX, nest: strides(&[(sizes.x, 0, [1, c as i32, 0, 0, 0])]), ..Default::default() };
        self.alone(Instruction::Load(load));
        // OUT: words of X, as far as nothing else comes.
        for first in (0..sizes.out).step_by(sizes.x as usize) {
            let nest = strides(&[(sizes.x.min(sizes.out - first), 0, [1, 1, 0, 0, 0])]);
            self.alone(Instruction::Store(Store { dst_base: first, src_base: 0, nest }));
        }
        // V: sums of the array, scaled, with a bias.
        let gap = self.latency.vec_distance.max(self.latency.post_distance) as u8 - 1;
        let rest = sizes.x - c;
        let (rounds, each) = (sizes.v.div_ceil(rest), sizes.v.min(rest));
        let words: Vec<(u32, u32)> = (0..rounds).map(|n| (n * each, each.min(sizes.v - n * each))).collect();
        let plain = Vector { lo: -128, hi: 127, lane_n: 32, ..Default::default() };
        for (first, count) in words {
            let m = Matmul {
                x_base: c,
                w_base: self.rng.random_range(0..6),
                hold: 1,
                first: true,
                last: true,
                nest: strides(&[(count, gap, [1, 0, 0, 0, 0])]),
                ..Default::default()
            };
            let v = Vector {
                dst_base: first,
                param_base: first,
                mul1: Mul1::Scale,
                add: Add::Bias,
                dest: VectorDest::V,
                nest: strides(&[(count, 0, [1, 1, 0, 0, 0])]),
                ..plain.clone()
            };
            let placed = self.place_matmul(m, &Taker::Vector(v));
            self.must(placed);
        }
        // S: numbers of V, each the largest of one lane.
        let own = Vector { src: Source::V, ..plain };
        for half in 0..4 {
            let lane_lo = self.rng.random_range(0..c);
            let nest = strides(&[(16, gap, [0, 0, 1, 0, 1])]);
            let a_base = self.rng.random_range(0..=sizes.v - 16);
            let v = Vector { a_base, red_base: 16 * half, lane_lo, lane_n: 1, max: MaxOf::Max, nest, ..own.clone() };
            let placed = self.place_vector(v);
            self.must(placed);
        }
        // W SRAM: codes of V, row by row.
        let nest = strides(&[(c, gap, [1, 0, 1, 0, 0]), (sizes.w_sram, gap, [c as i32, 0, 1, 0, 0])]);
        let a_base = self.rng.random_range(0..sizes.v + 1 - c - sizes.w_sram);
        let placed = self.place_vector(Vector { a_base, dest: VectorDest::WRow, nest, ..own });
        self.must(placed);
        self.tight = tight;
        self.cursor = self.drained();
    }

    /// Shows V, S, X and W SRAM on OUT.
    pub(super) fn epilogue(&mut self) {
        let (sizes, c) = (self.sizes, self.config.cols);
        let gap = self.latency.vec_distance.max(self.latency.post_distance) as u8 - 1;
        self.tight = false;
        let nest = |count: u32, gap: u8, stride: [i32; 5]| Nest::from_strides(&[Stride { count, gap, stride }]);
        let plain = Vector { src: Source::V, lo: -128, hi: 127, lane_n: 32, ..Default::default() };
        let show = |a_base, count, dst_base| Vector {
            a_base,
            dst_base,
            dest: VectorDest::OutFloat,
            nest: nest(count, gap.max(3), [4, 0, 1, 0, 0]),
            ..plain.clone()
        };
        let mut out = sizes.out;
        let mut all = vec![show(0, sizes.v, out)];
        out += 4 * sizes.v;
        // Ones: sums that are 0, with a bias. Then S times them: register i + C j in lane i of the j-th word behind them.
        let nothing = Matmul {
            one_hot: Some(OneHot { register: Register::Pos, row: 0, value: 0 }),
            hold: 1,
            first: true,
            last: true,
            nest: nest(1, 0, [0; 5]),
            ..Default::default()
        };
        let ones = Vector {
            dst_base: sizes.v,
            param_base: sizes.params,
            src: Source::Array,
            add: Add::Bias,
            dest: VectorDest::V,
            nest: nest(1, 0, [0; 5]),
            ..plain.clone()
        };
        let placed = self.place_matmul(nothing, &Taker::Vector(ones));
        self.must(placed);
        for lane in 0..c {
            all.push(Vector {
                a_base: sizes.v,
                dst_base: sizes.v + 1,
                s_base: lane,
                mul2: Mul2::Scalar,
                lane_lo: lane,
                lane_n: 1,
                dest: VectorDest::V,
                nest: nest(64 / c, gap, [1, 0, 0, 0, c as i32]),
                ..plain.clone()
            });
        }
        all.push(show(sizes.v + 1, 64 / c, out));
        out += 4 * (64 / c);
        for v in all {
            let placed = self.place_vector(v);
            self.must(placed);
        }
        self.alone(Instruction::Store(Store { dst_base: out, src_base: 0, nest: nest(sizes.x, 0, [1, 1, 0, 0, 0]) }));
        out += sizes.x;
        // W SRAM times the identity.
        let stride = |count, gap, stride| Stride { count, gap, stride };
        let gap = gap.max(self.load_distance() as u8);
        let m = Matmul {
            w_sram: true,
            hold: 1,
            first: true,
            last: true,
            nest: Nest::from_strides(&[stride(c, gap, [1, 0, 0, 0, 0]), stride(sizes.w_sram, gap, [0, 1, 0, 0, 0])]),
            ..Default::default()
        };
        let nest = nest(sizes.w_sram * c, 0, [1, 0, 0, 0, 0]);
        let post = Post { dst_base: out, dest: PostDest::Out, lo: -128, hi: 127, nest, ..Default::default() };
        let placed = self.place_matmul(m, &Taker::Post(post));
        self.must(placed);
        let end = self.drained() + 10;
        self.add_row(end, Instruction::End);
    }

    pub(super) fn image(&mut self) -> Image {
        let (config, sizes, c) = (self.config.clone(), self.sizes, self.config.cols);
        self.rows.sort_by_key(|r| r.cycle);
        let program = Program { rows: std::mem::take(&mut self.rows) };
        let (timetable, descriptors) = program.encode().expect("every field is in its range");
        let mut vector: Vec<u64> = functions().iter().flatten().map(|&s| encode_segment(s)).collect();
        // The first ones load V from sums of products, which are large: small scales, and no lane is left out. Of the others some are.
        for lane in 0..sizes.params * c {
            let scale = match self.float() {
                _ if lane < sizes.v * c => F24::from_bits(self.rng.random_range(108u32 << 15..120 << 15)),
                _ if lane >= sizes.v * c && self.chance(0.4) => F24::ZERO,
                scale => scale,
            };
            vector.push(encode_param(scale, self.float()));
        }
        vector.extend((0..c).map(|_| encode_param(F24::ZERO, F24::ONE)));
        let mut params = vec![Param { bias: 0, q: 1 << 23, shift: 23 }; c as usize];
        for _ in c..sizes.post_params * c {
            let rng = &mut self.rng;
            params.push(Param {
                bias: rng.random_range(-9000..9000),
                q: rng.random_range(1 << 23..1 << 24),
                shift: rng.random_range(28..34),
            });
        }
        let luts = (0..config.lut_count).map(|_| std::array::from_fn(|_| self.rng.random())).collect();
        let weights = random::codes(&mut self.rng, (sizes.weights * c * c) as usize);
        let (in_bytes, out_bytes) = (sizes.x * c, sizes.shown(c) * c);
        Image {
            fingerprint: fingerprint(),
            config_id: config.image_id(),
            weight_beats: config.weight_beats,
            in_bytes,
            out_bytes,
            timetable,
            descriptors,
            params,
            luts,
            weights,
            taps: vec![],
            vector,
            input: Tensor::dense(1, in_bytes, Dtype::Int8),
            output: Tensor::dense(1, out_bytes, Dtype::Int8),
            macs: 0,
            name: "random vectors".into(),
            tables: vec![],
            before: None,
        }
    }
}
