// SPDX-License-Identifier: Apache-2.0
//! What an instruction reads and writes in which cycle, and whether it fits behind those before.

use super::Builder;
use std::collections::BTreeMap;
use systole_isa::Matmul;
use systole_isa::program::{
    Add, CHUNK, MaxOf, Mul1, Mul2, Mul3, OneHot, Post, PostDest, Register, Scalar, ScalarOp, Source, SumOf, Vector, VectorDest,
};

/// Accesses by cycle.
pub(super) type Times = BTreeMap<u64, Vec<u32>>;

/// What an instruction does to the ports and memories, in cycles after launch.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// VECTOR steps at the last multiplier.
    pub(super) multiplier: Times,
    pub(super) v_reads: Times,
    pub(super) v_writes: Times,
    pub(super) s_reads: Times,
    pub(super) s_writes: Times,
    /// S registers (or sums, by number) that belong to a reduction between two cycles.
    pub(super) maxima: Vec<(u32, u64, u64)>,
    pub(super) sums: Vec<(u32, u64, u64)>,
    /// Results of POST and VECTOR, and of POST alone: its groups are as far apart as its takes.
    pub(super) results: Times,
    pub(super) posts: Times,
    pub(super) x_reads: Times,
    pub(super) x_writes: Times,
    pub(super) w_reads: Times,
    pub(super) w_writes: Times,
    pub(super) last: u64,
}

impl Effects {
    pub(super) fn access(times: &mut Times, last: &mut u64, cycle: u64, place: u32) {
        times.entry(cycle).or_default().push(place);
        *last = (*last).max(cycle);
    }
}

/// One of the runs, as far as the program goes.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) pos: u32,
    pub(super) tokens: [u32; CHUNK],
    /// Cycles by which the timetable's clock is late.
    pub(super) shift: u64,
    /// Last steps of the units, the array's last take, its last weight load.
    pub(super) vector: u64,
    pub(super) scalar: u64,
    pub(super) matmul: u64,
    pub(super) take: u64,
    pub(super) load: u64,
    pub(super) done: Effects,
}

/// Whether an access of `reads` is in the `span` cycles that end with one of `writes` to the same place.
pub(super) fn meets(reads: &Times, writes: &Times, span: u64) -> bool {
    let common = |a: &[u32], b: &[u32]| a.iter().any(|p| b.contains(p));
    if span == 0 {
        false
    } else if reads.len() < writes.len() {
        reads.iter().any(|(&r, places)| writes.range(r..r + span).any(|(_, w)| common(places, w)))
    } else {
        writes.iter().any(|(&w, places)| reads.range((w + 1).saturating_sub(span)..=w).any(|(_, r)| common(places, r)))
    }
}

impl Plan {
    /// Whether effects meet neither each other nor those before.
    pub(super) fn fits(&self, e: &Effects, rows: u64, apart: u64, groups: u64) -> bool {
        let done = &self.done;
        let spaced = |own: &Times, before: &Times, apart: u64| {
            own.iter().all(|(&c, places)| {
                places.len() == 1
                    && own.range(c + 1..c + apart).next().is_none()
                    && before.range((c + 1).saturating_sub(apart)..c + apart).next().is_none()
            })
        };
        let owned = |list: &[(u32, u64, u64)], before: &[(u32, u64, u64)]| {
            let apart = |a: &(u32, u64, u64), b: &(u32, u64, u64)| a.0 != b.0 || a.2 < b.1 || b.2 < a.1;
            list.iter().all(|a| before.iter().all(|b| apart(a, b)))
        };
        let untouched = |maxima: &[(u32, u64, u64)], writes: &Times| {
            maxima.iter().all(|&(reg, from, to)| writes.range(from..=to).all(|(_, regs)| !regs.contains(&reg)))
        };
        let pairs = |reads: fn(&Effects) -> &Times, writes: fn(&Effects) -> &Times, span: u64| {
            meets(reads(e), writes(e), span) || meets(reads(e), writes(done), span) || meets(reads(done), writes(e), span)
        };
        spaced(&e.multiplier, &done.multiplier, apart)
            && spaced(&e.results, &done.results, 1)
            && spaced(&e.posts, &done.posts, groups)
            && spaced(&e.v_writes, &done.v_writes, 1)
            && spaced(&e.s_writes, &done.s_writes, 1)
            && owned(&e.maxima, &done.maxima)
            && owned(&e.sums, &done.sums)
            && untouched(&e.maxima, &done.s_writes)
            && untouched(&done.maxima, &e.s_writes)
            && !pairs(|e| &e.v_reads, |e| &e.v_writes, 1)
            && !pairs(|e| &e.s_reads, |e| &e.s_writes, apart - 1)
            && !pairs(|e| &e.x_reads, |e| &e.x_writes, rows)
            && !pairs(|e| &e.w_reads, |e| &e.w_writes, rows)
    }

    pub(super) fn add(&mut self, e: Effects) {
        let done = &mut self.done;
        done.maxima.extend(e.maxima);
        done.sums.extend(e.sums);
        for (all, new) in [
            (&mut done.multiplier, e.multiplier),
            (&mut done.results, e.results),
            (&mut done.posts, e.posts),
            (&mut done.v_reads, e.v_reads),
            (&mut done.v_writes, e.v_writes),
            (&mut done.s_reads, e.s_reads),
            (&mut done.s_writes, e.s_writes),
            (&mut done.x_reads, e.x_reads),
            (&mut done.x_writes, e.x_writes),
            (&mut done.w_reads, e.w_reads),
            (&mut done.w_writes, e.w_writes),
        ] {
            new.into_iter().for_each(|(cycle, places)| all.entry(cycle).or_default().extend(places));
        }
        done.last = done.last.max(e.last);
    }
}

impl Builder {
    /// What a VECTOR does whose steps are in these cycles.
    pub(super) fn vector_effects(&self, plan: &Plan, v: &Vector, cycles: &[u64], e: &mut Effects) {
        let l = &self.latency;
        let late = if v.function.is_some() { u64::from(l.vec_fn) } else { 0 };
        let further = if v.append { plan.pos } else { 0 };
        let mut maxima = BTreeMap::new();
        let mut sums = BTreeMap::new();
        let nest = v.nest.at(plan.pos / self.config.cols);
        for (step, &p) in nest.iter().zip(cycles) {
            let at = |base: u32, a: usize| base.wrapping_add_signed(step.offset[a]);
            Effects::access(&mut e.multiplier, &mut e.last, p + late, 0);
            let read = p + u64::from(l.vec_read);
            let operands = [
                (v.src == Source::V, at(v.a_base, 2)),
                (v.mul1 == Mul1::B || v.mul3 == Mul3::B, at(v.b_base, 3)),
                (matches!(v.mul2, Mul2::C | Mul2::Partner) || v.add == Add::C, at(v.c_base, 3)),
            ];
            for (_, word) in operands.into_iter().filter(|o| o.0) {
                Effects::access(&mut e.v_reads, &mut e.last, read, word);
            }
            if v.mul2 == Mul2::Scalar || v.add == Add::MinusScalar || v.mul3 == Mul3::Scalar {
                let s = if v.s_fixed { v.s_base } else { at(v.s_base, 4) % 64 };
                Effects::access(&mut e.s_reads, &mut e.last, p + u64::from(l.vec_scalar), s);
            }
            let red = reduction(v, step.offset[4]);
            let (starts, ends) =
                (u32::from(step.at_first) & v.reduce == v.reduce, u32::from(step.at_last) & v.reduce == v.reduce);
            if v.max != MaxOf::Off {
                let write = p + u64::from(l.vec_max);
                let first = write + 1 - u64::from(l.vec_distance);
                (first..=write).for_each(|c| Effects::access(&mut e.s_writes, &mut e.last, c, red));
                let from = if starts { first } else { maxima.get(&red).copied().unwrap_or(first) };
                maxima.insert(red, from);
                if ends {
                    e.maxima.push((red, from, write));
                }
            }
            if v.sum != SumOf::Off {
                let write = p + late + u64::from(l.vec_sum);
                let from = if starts { write } else { sums.get(&red).copied().unwrap_or(write) };
                sums.insert(red, from);
                if ends {
                    Effects::access(&mut e.s_writes, &mut e.last, write, red);
                    e.sums.push((red % 16, from, write));
                }
            }
            let dst = at(v.dst_base, 0) + further;
            let code = p + late + u64::from(l.vec_code);
            match v.dest {
                VectorDest::None => {}
                VectorDest::V => Effects::access(&mut e.v_writes, &mut e.last, p + late + u64::from(l.vec_write), dst),
                VectorDest::OutFloat => (code..code + 4).for_each(|c| Effects::access(&mut e.results, &mut e.last, c, 0)),
                VectorDest::X => Effects::access(&mut e.x_writes, &mut e.last, code, dst),
                VectorDest::WColumn | VectorDest::WRow => {
                    Effects::access(&mut e.w_writes, &mut e.last, code, dst / self.config.cols);
                }
                VectorDest::Out => {}
            }
            if !matches!(v.dest, VectorDest::None | VectorDest::V | VectorDest::OutFloat) {
                Effects::access(&mut e.results, &mut e.last, code, 0);
            }
            e.last = e.last.max(code + 4);
        }
    }

    /// What a POST does that takes vectors in these cycles.
    pub(super) fn post_effects(&self, plan: &Plan, post: &Post, takes: &[u64], e: &mut Effects) {
        let nest = post.nest.at(plan.pos / self.config.cols);
        for (step, take) in nest.iter().zip(takes) {
            let write = take + u64::from(self.latency.take_to_write(post.lut.is_some(), false));
            let dst = post.dst_base.wrapping_add_signed(step.offset[0]);
            match post.dest {
                PostDest::X => Effects::access(&mut e.x_writes, &mut e.last, write, dst),
                PostDest::WColumn | PostDest::WRow => {
                    Effects::access(&mut e.w_writes, &mut e.last, write, dst / self.config.cols);
                }
                PostDest::Out | PostDest::OutRaw32 => {}
            }
            let words = if post.dest == PostDest::OutRaw32 { 4 } else { 1 };
            (write..write + words).for_each(|c| Effects::access(&mut e.results, &mut e.last, c, 0));
            Effects::access(&mut e.posts, &mut e.last, write, 0);
        }
    }

    /// What a SCALAR does from its first step on.
    pub(super) fn scalar_effects(&self, plan: &Plan, i: &Scalar, first: u64, e: &mut Effects) {
        let l = &self.latency;
        let cycles = match i.op {
            ScalarOp::Mul | ScalarOp::Max => l.scalar_mul,
            ScalarOp::Add => l.scalar_add,
            ScalarOp::Recip | ScalarOp::Rsqrt => l.scalar_recip,
        };
        for step in i.nest.at(plan.pos / self.config.cols).iter() {
            let at = |base: u32, a: usize| base.wrapping_add_signed(step.offset[a]) % 64;
            Effects::access(&mut e.s_writes, &mut e.last, first + step.time + u64::from(cycles), at(i.dst_base, 0));
            for operand in [at(i.a_base, 1), at(i.b_base, 2)] {
                Effects::access(&mut e.s_reads, &mut e.last, first + step.time + u64::from(l.scalar_read), operand);
            }
        }
    }

    /// What a MATMUL does from its first step on, but for its sums; their takes.
    pub(super) fn matmul_effects(&self, plan: &Plan, m: &Matmul, first: u64, e: &mut Effects) -> Vec<u64> {
        let l = &self.latency;
        let mut takes = vec![];
        let entry = |hot: OneHot| match hot.register {
            Register::Pos => plan.pos + u32::from(hot.row),
            Register::Tok => plan.tokens[usize::from(hot.row)],
        };
        let further = m.one_hot.map_or(0, |hot| entry(hot) / self.config.rows);
        for step in m.nest.at(plan.pos / self.config.cols).iter() {
            let t = first + step.time + u64::from(l.w_lead);
            if m.one_hot.is_none() {
                Effects::access(&mut e.x_reads, &mut e.last, t, m.x_base.wrapping_add_signed(step.offset[0]));
            }
            if m.w_sram && step.stepped.unwrap_or(99) as u32 >= m.hold {
                let word = m.w_base.wrapping_add_signed(step.offset[1]) + further;
                Effects::access(&mut e.w_reads, &mut e.last, t, word);
            }
            if u32::from(step.at_last) & m.reduce == m.reduce {
                takes.push(t + u64::from(l.post_take));
            }
        }
        e.last = e.last.max(takes.last().copied().unwrap_or(0));
        takes
    }
}

/// S register that a step's reduction goes to, by what the scalar address has gained.
pub(super) fn reduction(v: &Vector, gained: i32) -> u32 {
    v.red_base.wrapping_add_signed(if v.red_fixed { 0 } else { gained }) % 64
}
