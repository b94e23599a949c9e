// SPDX-License-Identifier: Apache-2.0
//! Steps of VECTOR: what a program can do wrong before it runs, the addresses of a step, what it uses.

use super::Word;
use crate::MachineError;
use crate::f24::F24;
use crate::machine::load::{Loaded, Started};
use crate::machine::walk::Walk;
use crate::machine::{Machine, rule};
use systole_isa::f24::SEGMENTS;
use systole_isa::program::{Add, Mul1, Mul2, Mul3, Source, Vector};

impl Machine {
    /// What a program can do wrong before it runs: the image lacks what a VECTOR needs, or the unit is busy.
    pub(in crate::machine) fn check_vectors(&self, l: &Loaded) -> Result<(), MachineError> {
        for v in &l.vectors {
            if counting(&v.what, self.config.cols) == 0 {
                return rule(v.first, v.row, "VECTOR", format!("no lane counts from {} on", v.what.lane_lo));
            }
            if v.what.src == Source::Array && v.what.nest.loops.iter().any(|l| l.gap != 0) {
                return rule(v.first, v.row, "VECTOR", "loops of the array's sums have no gaps");
            }
            if v.what.function.is_some() && l.functions.len() < 4 * SEGMENTS {
                return rule(v.first, v.row, "VECTOR", "the image has no functions");
            }
        }
        for pair in l.vectors.windows(2) {
            let end = pair[0].first + if pair[0].what.src == Source::V { pair[0].what.nest.span() } else { 0 };
            if pair[1].first <= end {
                return rule(pair[1].first, pair[1].row, "VECTOR", format!("the unit is busy until cycle {end}"));
            }
        }
        Ok(())
    }
}

/// A VECTOR being stepped.
pub(super) struct Stepper<'a> {
    pub(super) index: usize,
    pub(super) walk: Walk<'a>,
    /// Steps since a reduction started.
    since: u32,
}

/// A step on its way.
pub(super) struct Step {
    pub(super) index: usize,
    /// P: the step, or the take of the array's sums.
    pub(super) cycle: u64,
    pub(super) dst: u32,
    pub(super) param: u32,
    /// Words of V: a, b, c.
    pub(super) words: [u32; 3],
    pub(super) s: usize,
    pub(super) red: usize,
    pub(super) starts: bool,
    pub(super) ends: bool,
    /// The outermost loop is at its last iteration.
    pub(super) tail: bool,
    pub(super) since: u32,
    pub(super) a: Word,
    pub(super) b: Word,
    pub(super) c: Word,
}

impl<'a> Stepper<'a> {
    pub(super) fn new(l: &'a Loaded, index: usize) -> Stepper<'a> {
        let Started { what: v, first, .. } = &l.vectors[index];
        let base = [v.dst_base as i32, v.param_base as i32, v.a_base as i32, 0, 0];
        Stepper { index, walk: Walk::new(&v.nest, *first, base), since: 0 }
    }

    /// The present step, at P = `cycle`; goes on to the next.
    pub(super) fn step(&mut self, l: &Loaded, cycle: u64) -> Box<Step> {
        let (v, walk) = (&l.vectors[self.index].what, &mut self.walk);
        let [dst, param, a, bc, scalar] = walk.at;
        let address = |at: i32| at as u32 & 0xffff;
        let register = |base: u32, gained: i32| (base as i32).wrapping_add(gained) as usize & 63;
        let starts = walk.all(v.reduce, false);
        self.since = if starts { 0 } else { self.since + 1 };
        let step = Step {
            index: self.index,
            cycle,
            dst: address(dst),
            param: address(param),
            words: [address(a), address((v.b_base as i32).wrapping_add(bc)), address((v.c_base as i32).wrapping_add(bc))],
            s: register(v.s_base, if v.s_fixed { 0 } else { scalar }),
            red: register(v.red_base, if v.red_fixed { 0 } else { scalar }),
            starts,
            ends: walk.all(v.reduce, true),
            tail: v.tail && walk.all(1 << (v.nest.loops.len() - 1), true),
            since: self.since,
            a: [F24::ZERO; 32],
            b: [F24::ZERO; 32],
            c: [F24::ZERO; 32],
        };
        walk.step();
        Box::new(step)
    }
}

/// Whether the step reads S, b, c.
pub(super) fn uses_scalar(v: &Vector) -> bool {
    v.mul2 == Mul2::Scalar || v.add == Add::MinusScalar || v.mul3 == Mul3::Scalar
}

pub(super) fn uses_b(v: &Vector) -> bool {
    v.mul1 == Mul1::B || v.mul3 == Mul3::B
}

pub(super) fn uses_c(v: &Vector) -> bool {
    matches!(v.mul2, Mul2::C | Mul2::Partner) || v.add == Add::C
}

/// Lanes that count, one bit each.
pub(super) fn counting(v: &Vector, cols: u32) -> u32 {
    let to = |n: u32| ((1u64 << n.min(cols)) - 1) as u32;
    to(v.lane_lo + v.lane_n) & !to(v.lane_lo)
}
