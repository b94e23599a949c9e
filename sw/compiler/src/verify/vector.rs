// SPDX-License-Identifier: Apache-2.0
//! VECTOR and SCALAR: their steps, and what each of them reads and writes in which cycle (docs/vector.md).

use super::events::{Accesses, Order, OutWrite, Output, Started, Touch, UnderWay, WWrite, XWrite};
use super::post::Taken;
use super::{Checker, Rule};
use systole_isa::nest::Step;
use systole_isa::program::{Add, MaxOf, Mul1, Mul2, Mul3, Scalar, ScalarOp, Source, SumOf, Vector, VectorDest};

const UNIT: &str = "VECTOR";

/// The width of addresses in the nest.
const ADDRESS: i64 = 1 << 16;

/// A step at P.
struct Timed {
    index: usize,
    p: u64,
    /// What it is older or younger than, for words of X and W SRAM.
    origin: u64,
    step: Step,
}

/// A step that joins a sum.
struct Addend {
    /// When it does.
    cycle: u64,
    register: u32,
    starts: bool,
    ends: bool,
    row: usize,
}

/// A reduction that has started.
#[derive(Clone, Copy)]
struct Open {
    from: Order,
    steps: u64,
}

fn uses_scalar(v: &Vector) -> bool {
    v.mul2 == Mul2::Scalar || v.add == Add::MinusScalar || v.mul3 == Mul3::Scalar
}

fn uses_b(v: &Vector) -> bool {
    v.mul1 == Mul1::B || v.mul3 == Mul3::B
}

fn uses_c(v: &Vector) -> bool {
    matches!(v.mul2, Mul2::C | Mul2::Partner) || v.add == Add::C
}

fn partners(lanes: u32) -> u32 {
    (lanes & 0x5555_5555) << 1 | lanes >> 1 & 0x5555_5555
}

impl Checker<'_> {
    /// VECTOR, step by step; `taken`: those of sums.
    pub(super) fn vectors(&mut self, list: &[Started<Vector>], taken: Vec<Taken>, accesses: &mut Accesses) {
        let mut steps = Vec::new();
        for (index, v) in list.iter().enumerate() {
            let gaps = v.what.nest.loops.iter().any(|l| l.gap != 0);
            if v.what.src == Source::Array && gaps {
                self.report.add(Rule::ArrayGap, v.first, v.row, UNIT, || "vectors of the array step it".into());
            }
            if v.what.function.is_some() && !self.sizes.functions {
                self.report.add(Rule::AddressRange, v.first, v.row, UNIT, || "the image has no functions".into());
            }
            if self.lanes_of(v.what) == 0 {
                self.report.add(Rule::Encoding, v.first, v.row, UNIT, || format!("no lane counts from {} on", v.what.lane_lo));
            }
            if v.what.src == Source::V {
                let own =
                    v.what.nest.iter().map(|step| Timed { index, p: v.first + step.time, origin: v.first + step.time, step });
                steps.extend(own);
            }
        }
        steps.extend(taken.into_iter().map(|t| Timed { index: t.index, p: t.take.cycle, origin: t.take.origin, step: t.step }));
        self.distances(list, &mut steps);
        steps.sort_by_key(|s| (s.index, s.p));
        let mut sums = Vec::new();
        for own in steps.chunk_by(|a, b| a.index == b.index) {
            let v = &list[own[0].index];
            self.reductions(v, own, accesses, &mut sums);
            for s in own {
                accesses.last_step = accesses.last_step.max(s.p);
                self.operands(v, s, accesses);
                self.writes(v, s, accesses);
            }
        }
        self.sums(sums);
    }

    /// How far steps are apart, where they begin and at the last multiplier.
    fn distances(&mut self, list: &[Started<Vector>], steps: &mut [Timed]) {
        let apart = u64::from(self.lat.vec_distance);
        steps.sort_by_key(|s| s.p);
        for pair in steps.windows(2) {
            let (then, now) = (pair[0].p, &pair[1]);
            if now.p < then + apart {
                let row = list[now.index].row;
                self.report
                    .add(Rule::VectorDistance, now.p, row, UNIT, || format!("the step before is in {then}, not {apart} cycles"));
            }
        }
        let mut multiplier: Vec<(u64, usize, u64)> =
            steps.iter().map(|s| (s.p + self.late(list[s.index].what), s.index, s.p)).collect();
        multiplier.sort_unstable();
        for pair in multiplier.windows(2) {
            let ((then, other, _), (now, index, p)) = (pair[0], pair[1]);
            let differ = list[other].what.function.is_some() != list[index].what.function.is_some();
            if now < then + apart && differ {
                let other = list[other].row;
                self.report.add(Rule::Multiplier, p, list[index].row, UNIT, || {
                    format!("it comes there in {now}, a step of row {other} in {then}")
                });
            }
        }
    }

    /// What a function adds to the way of a step.
    fn late(&self, v: &Vector) -> u64 {
        if v.function.is_some() { self.lat.vec_fn.into() } else { 0 }
    }

    /// Lanes `lane_lo .. lane_lo + lane_n - 1` of the machine.
    fn lanes_of(&self, v: &Vector) -> u32 {
        let below = |n: u32| ((1u64 << n.min(self.config.cols)) - 1) as u32;
        below(v.lane_lo.saturating_add(v.lane_n)) & !below(v.lane_lo)
    }

    /// Reductions start, go on and end.
    fn reductions(&mut self, v: &Started<Vector>, steps: &[Timed], accesses: &mut Accesses, sums: &mut Vec<Addend>) {
        let i = v.what;
        if i.max == MaxOf::Off && i.sum == SumOf::Off {
            return;
        }
        let loops = i.reduce & ((1 << i.nest.loops.len()) - 1);
        let largest = match i.sum {
            SumOf::Off => 0,
            SumOf::Code => 128,
            SumOf::T => 4095,
            SumOf::TSquared => 4095 * 4095,
        };
        let mut open: [Option<Open>; 64] = [None; 64];
        for s in steps {
            let register = self.reduced(i, &s.step);
            let (starts, ends) = (u32::from(!s.step.at_first) & loops == 0, u32::from(!s.step.at_last) & loops == 0);
            let order = self.order_at_s(s, v);
            let mut refuse = |text: &str| {
                self.report.add(Rule::Reduction, s.p, v.row, UNIT, || format!("one into S[{register}] {text}"));
            };
            let slot = &mut open[register as usize];
            match slot {
                Some(_) if starts => refuse("starts where another has not ended"),
                None if !starts => refuse("goes on where none has started"),
                _ => {}
            }
            let mut now = slot.filter(|_| !starts).unwrap_or(Open { from: order, steps: 0 });
            now.steps += 1;
            if ends && now.steps.saturating_mul(largest * u64::from(self.config.cols)) >= 1 << 47 {
                refuse("may leave 48 bits");
            }
            if ends {
                accesses.under_way.push(UnderWay { register, from: now.from, to: order });
            }
            *slot = (!ends).then_some(now);
            if i.max != MaxOf::Off {
                let write = self.touch_s(register, order, true, s.p + u64::from(self.lat.vec_max), UNIT);
                // Each group of lanes writes the largest so far.
                accesses.s.push(Touch { shown: i.max == MaxOf::ArgMax, beats: self.lat.vec_distance, ..write });
            }
            if i.sum != SumOf::Off {
                let cycle = s.p + self.late(i) + u64::from(self.lat.vec_sum);
                sums.push(Addend { cycle, register, starts, ends, row: v.row });
                if ends {
                    accesses.s.push(self.touch_s(register, order, true, cycle, UNIT));
                }
            }
        }
        for (register, open) in open.iter().enumerate().filter_map(|(r, o)| Some((r, (*o)?))) {
            self.report.add(Rule::Reduction, open.from.0, v.row, UNIT, || format!("one into S[{register}] never ends"));
        }
    }

    /// Up to 16 sums may be under way, told apart by their registers mod 16; steps join them a while after P.
    fn sums(&mut self, mut sums: Vec<Addend>) {
        sums.sort_by_key(|s| s.cycle);
        let mut open: [Option<(u32, usize)>; 16] = [None; 16];
        for s in &sums {
            let slot = &mut open[s.register as usize % 16];
            let own = Some((s.register, s.row));
            if slot.is_some() && (s.starts || *slot != own) {
                let (other, row) = slot.unwrap_or_default();
                self.report.add(Rule::Reduction, s.cycle, s.row, UNIT, || {
                    format!("a sum into S[{}] while that of row {row} into S[{other}] has not ended", s.register)
                });
            }
            *slot = own.filter(|_| !s.ends);
        }
    }

    /// S register that the reduction of a step goes to.
    fn reduced(&self, v: &Vector, step: &Step) -> u32 {
        v.red_base.wrapping_add_signed(if v.red_fixed { 0 } else { step.offset[4] }) % 64
    }

    /// At S steps of VECTOR and SCALAR are in the order in which they read it.
    fn order_at_s(&self, s: &Timed, v: &Started<Vector>) -> Order {
        (s.p + u64::from(self.lat.vec_scalar), v.row)
    }

    fn touch_s(&self, place: u32, order: Order, write: bool, cycle: u64, unit: &'static str) -> Touch {
        Touch { place, order, write, cycle, beats: 1, lanes: u32::MAX, beside: u32::MAX, shown: false, unit }
    }

    /// Lanes of a step that count, where its parameter chooses them too.
    fn counting(&self, v: &Vector, param: u32) -> u32 {
        let chosen = if v.mul1 == Mul1::Scale { self.sizes.vector_params.get(param as usize) } else { None };
        self.lanes_of(v) & chosen.copied().unwrap_or(u32::MAX)
    }

    fn param(&self, v: &Vector, step: &Step) -> u32 {
        (i64::from(v.param_base) + i64::from(step.offset[1])).rem_euclid(ADDRESS) as u32
    }

    /// What a step reads: parameters, V and S.
    fn operands(&mut self, v: &Started<Vector>, s: &Timed, accesses: &mut Accesses) {
        let (i, [_, _, a, bc, scalar]) = (v.what, s.step.offset);
        let at = s.p + u64::from(self.lat.vec_read);
        let order = (s.p, v.row);
        let param = self.param(i, &s.step);
        let params = (self.sizes.vector_params.len() as u32).min(self.config.vec_param_depth);
        if (i.mul1 == Mul1::Scale || i.add == Add::Bias) && param >= params {
            self.report.add(Rule::AddressRange, at, v.row, UNIT, || format!("parameter word {param} of {params}"));
        }
        let all = u32::MAX >> (32 - self.config.cols);
        // Numbers go to OUT from all lanes.
        let (counting, range) = match i.dest {
            VectorDest::OutFloat => (all, all),
            _ => (self.counting(i, param), self.lanes_of(i)),
        };
        // A neighbour's a: m1, of the own one, may count for nothing.
        let (partner, own) = (i.mul2 == Mul2::Partner, i.mul2 != Mul2::Partner || i.add == Add::M1);
        let of_a = |lanes: u32| (if partner { partners(lanes) & all } else { 0 }) | if own { lanes } else { 0 };
        for (name, used, base, gained, lanes) in [
            ("a", i.src == Source::V, i.a_base, a, of_a(counting)),
            ("b", uses_b(i), i.b_base, bc, counting),
            ("c", uses_c(i), i.c_base, bc, counting),
        ] {
            if !used {
                continue;
            }
            let word = (i64::from(base) + i64::from(gained)).rem_euclid(ADDRESS) as u32;
            if word >= self.config.v_depth {
                let limit = self.config.v_depth;
                self.report.add(Rule::AddressRange, at, v.row, UNIT, || format!("V word {word} of {limit} for {name}"));
            }
            let beside = range | if partner { partners(range) } else { 0 };
            accesses.v.push(Touch {
                place: word,
                order,
                write: false,
                cycle: at,
                beats: 1,
                lanes,
                beside,
                shown: false,
                unit: UNIT,
            });
        }
        if uses_scalar(i) {
            let register = i.s_base.wrapping_add_signed(if i.s_fixed { 0 } else { scalar }) % 64;
            let order = self.order_at_s(s, v);
            accesses.s.push(Touch { beats: self.lat.vec_distance, ..self.touch_s(register, order, false, order.0, UNIT) });
        }
    }

    /// Where the result of a step goes.
    fn writes(&mut self, v: &Started<Vector>, s: &Timed, accesses: &mut Accesses) {
        let i = v.what;
        let late = s.p + self.late(i);
        let cycle = late + u64::from(self.lat.vec_code);
        let (groups, rows, cols) = (self.config.groups(), self.config.rows, self.config.cols);
        let limit = match i.dest {
            VectorDest::None => return,
            VectorDest::V => self.config.v_depth,
            VectorDest::X => self.config.x_depth * groups,
            VectorDest::WColumn => self.config.w_sram_depth * cols * groups,
            VectorDest::WRow => self.config.w_sram_depth * rows,
            VectorDest::Out => self.config.out_depth,
            VectorDest::OutFloat => self.config.out_depth.saturating_sub(3),
        };
        let base = (i64::from(i.dst_base) + i64::from(s.step.offset[0])).rem_euclid(ADDRESS) as u32;
        let further = if i.dest == VectorDest::WColumn { groups } else { 1 };
        let [first, last] = [self.pos.0, self.pos.1].map(|pos| base + if i.append { pos * further } else { 0 });
        if last >= limit {
            self.report.add(Rule::AddressRange, cycle, v.row, UNIT, || format!("destination {last} of {limit}"));
        }
        let (row, unit) = (v.row, UNIT);
        let beats = if i.dest == VectorDest::OutFloat { 4 } else { 1 };
        if i.dest != VectorDest::V {
            accesses.outputs.push(Output { cycle, beats, row, unit });
        }
        let w = |word, rows| WWrite { cycle, word, rows, origin: s.origin, row };
        match i.dest {
            VectorDest::None => {}
            VectorDest::V => {
                let (cycle, order) = (late + u64::from(self.lat.vec_write), (s.p, row));
                let lanes = self.counting(i, self.param(i, &s.step));
                accesses.v.push(Touch {
                    place: last,
                    order,
                    write: true,
                    cycle,
                    beats: 1,
                    lanes,
                    beside: lanes,
                    shown: false,
                    unit,
                });
            }
            VectorDest::X => {
                let mask = u32::MAX >> (32 - cols);
                accesses.x_writes.push(XWrite { cycle, addr: last, mask, origin: Some(s.origin), row, unit });
            }
            VectorDest::WColumn => {
                let (word, rows) = (|at| at / groups / cols, (first % groups * cols, cols));
                accesses.w_writes.extend((word(first)..=word(last)).map(|word| w(word, rows)));
                if i.append {
                    accesses.appended.push((word(base), word(last) + 1));
                }
            }
            VectorDest::WRow => {
                // One of the rows from `first` to `last`, some of them perhaps in the next word.
                for word in first / rows..=last / rows {
                    let (from, to) = (first.max(word * rows), last.min(word * rows + rows - 1));
                    accesses.w_writes.push(w(word, (from % rows, to - from + 1)));
                }
                if i.append {
                    accesses.appended.push((base / rows, last / rows + 1));
                }
            }
            VectorDest::Out | VectorDest::OutFloat => {
                let write = |b| OutWrite { cycle: cycle + b, word: last + b as u32, row, unit };
                accesses.outs.extend((0..beats).map(write));
            }
        }
    }

    /// SCALAR, step by step.
    pub(super) fn scalars(&mut self, list: &[Started<Scalar>], accesses: &mut Accesses) {
        for started in list {
            let i = started.what;
            let latency = match i.op {
                ScalarOp::Mul | ScalarOp::Max => self.lat.scalar_mul,
                ScalarOp::Add => self.lat.scalar_add,
                ScalarOp::Recip | ScalarOp::Rsqrt => self.lat.scalar_recip,
            };
            let second = i.imm.is_none() && !matches!(i.op, ScalarOp::Recip | ScalarOp::Rsqrt);
            for s in i.nest.iter() {
                let at = started.first + s.time;
                let read = at + u64::from(self.lat.scalar_read);
                let order = (read, started.row);
                accesses.last_step = accesses.last_step.max(at);
                let register = |base: u32, gained: i32| base.wrapping_add_signed(gained) % 64;
                accesses.s.push(self.touch_s(register(i.a_base, s.offset[1]), order, false, read, "SCALAR"));
                if second {
                    accesses.s.push(self.touch_s(register(i.b_base, s.offset[2]), order, false, read, "SCALAR"));
                }
                accesses.s.push(self.touch_s(register(i.dst_base, s.offset[0]), order, true, at + u64::from(latency), "SCALAR"));
            }
        }
    }
}
