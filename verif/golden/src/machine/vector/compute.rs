// SPDX-License-Identifier: Apache-2.0
//! What steps of VECTOR and SCALAR read and compute, each in its cycle, and when it is written.

use super::step::{Step, counting, uses_b, uses_c, uses_scalar};
use super::{Event, Unit, Word};
use crate::MachineError;
use crate::f24::F24;
use crate::machine::load::{Loaded, Started};
use crate::machine::run::{Run, V_WRITE, VEC_FN, VECTOR};
use crate::machine::{Machine, rule};
use systole_isa::f24::SEGMENTS;
use systole_isa::program::{Add, MaxOf, Mul1, Mul2, Mul3, PostDest, Scalar, ScalarOp, Source, SumOf, Vector, VectorDest};

/// What a step has computed.
struct Outcome {
    s: Word,
    f: Word,
    codes: [i8; 32],
    /// Lanes that count, one bit each.
    lanes: u32,
}

impl Outcome {
    fn counts(&self, lane: usize) -> bool {
        self.lanes >> lane & 1 == 1
    }
}

impl Machine {
    /// A step reads V, in cycle P + VEC_READ.
    pub(super) fn vector_read(&mut self, run: &mut Run, unit: &mut Unit, mut step: Box<Step>) -> Result<(), MachineError> {
        let l = run.l;
        let Started { what: v, row, .. } = &l.vectors[step.index];
        for (event, happens) in [(VECTOR, true), (VEC_FN, v.function.is_some()), (V_WRITE, v.dest == VectorDest::V)] {
            run.events[event] += u64::from(happens);
        }
        unit.space(l, &step, &self.latency)?;
        let (c, depth) = (self.config.cols as usize, self.config.v_depth);
        let cycle = step.cycle + u64::from(self.latency.vec_read);
        let mut lanes = if v.dest == VectorDest::OutFloat { u32::MAX } else { counting(v, self.config.cols) };
        if v.mul2 == Mul2::Partner {
            lanes |= (lanes & 0x5555_5555) << 1 | (lanes & 0xaaaa_aaaa) >> 1;
        }
        for (operand, used) in [v.src == Source::V, uses_b(v), uses_c(v)].into_iter().enumerate() {
            if !used {
                continue;
            }
            let word = step.words[operand] % depth;
            let (other, written) = unit.v_written[cycle as usize % 256];
            if unit.v_port.taken[cycle as usize % 256].0 == cycle && other == word && written & lanes != 0 {
                return rule(cycle, *row, "VECTOR", format!("reads V word {word} in the cycle in which it is written"));
            }
            let place = match operand {
                0 => &mut step.a,
                1 => &mut step.b,
                _ => &mut step.c,
            };
            place[..c].copy_from_slice(&self.numbers.v[word as usize * c..][..c]);
        }
        unit.plan(step.cycle + u64::from(self.latency.vec_scalar), false, Event::Scalar(step));
        Ok(())
    }

    /// A step reads S, in cycle P + VEC_SCALAR, and all that it writes is known.
    pub(super) fn vector_compute(&mut self, l: &Loaded, unit: &mut Unit, step: &Step) -> Result<(), MachineError> {
        let started = &l.vectors[step.index];
        let groups = u64::from(self.latency.vec_distance);
        if groups > 1 && uses_scalar(&started.what) {
            let read = step.cycle + u64::from(self.latency.vec_scalar);
            unit.read_s((read, groups), step.s, started.row, "VECTOR")?;
            unit.s_reads.push_back((read, step.s));
            if unit.s_reads.len() > 8 {
                unit.s_reads.pop_front();
            }
        }
        let outcome = self.outcome(l, started, step)?;
        self.plan_maximum(unit, started, step, &outcome)?;
        self.plan_sum(unit, started, step, &outcome)?;
        self.plan_result(unit, started, step, &outcome)
    }

    /// What a step computes in each lane.
    fn outcome(&self, l: &Loaded, started: &Started<Vector>, step: &Step) -> Result<Outcome, MachineError> {
        let (v, c) = (&started.what, self.config.cols as usize);
        let params = self.vector_params(l, started, step)?;
        let scalar = self.numbers.s[step.s];
        let last = self.numbers.pos as usize % c + usize::from(v.tail_row);
        let (mut s, mut f) = ([F24::ZERO; 32], [F24::ZERO; 32]);
        for lane in 0..c {
            s[lane] = if step.tail && lane > last { F24::LOWEST } else { sum(v, step, lane, params[lane], scalar) };
            let y = match v.function {
                None => s[lane],
                Some(kind) => s[lane].function(kind, &l.functions[kind as usize * SEGMENTS..]),
            };
            f[lane] = match v.mul3 {
                Mul3::One => y,
                Mul3::S => y.mul(s[lane]),
                Mul3::B => y.mul(step.b[lane]),
                Mul3::Scalar => y.mul(scalar),
            };
        }
        // A scale of 0 leaves its lane out.
        let chosen = |lane: &usize| v.mul1 != Mul1::Scale || params[*lane][0] != F24::ZERO;
        let lanes = counting(v, self.config.cols) & (0..c).filter(chosen).fold(0, |lanes, lane| lanes | 1 << lane);
        let code = |lane: usize| if lanes >> lane & 1 == 1 { f[lane].code(v.zero_point, v.lo, v.hi) } else { 0 };
        Ok(Outcome { codes: std::array::from_fn(code), s, f, lanes })
    }

    /// Scale and bias of each lane, where the step uses them.
    fn vector_params<'a>(&self, l: &'a Loaded, started: &Started<Vector>, step: &Step) -> Result<&'a [[F24; 2]], MachineError> {
        if started.what.mul1 != Mul1::Scale && started.what.add != Add::Bias {
            return Ok(&[[F24::ZERO; 2]; 32]);
        }
        let c = self.config.cols as usize;
        let at = step.param as usize % self.config.vec_param_depth as usize * c;
        let Some(params) = l.numbers.get(at..at + c) else {
            let text = format!("parameter word {} is beyond the image's {}", at / c, l.numbers.len() / c);
            return rule(step.cycle, started.row, "VECTOR", text);
        };
        Ok(params)
    }

    /// Plans the write of the largest s, where one is asked for.
    fn plan_maximum(&self, unit: &mut Unit, started: &Started<Vector>, step: &Step, o: &Outcome) -> Result<(), MachineError> {
        let (kind, c) = (started.what.max, self.config.cols as usize);
        if kind == MaxOf::Off {
            return Ok(());
        }
        let number = |lane: usize| if kind == MaxOf::MaxAbs { o.s[lane].abs() } else { o.s[lane] };
        let mut best: Option<usize> = None;
        for lane in (0..c).filter(|&lane| o.counts(lane)) {
            if best.is_none_or(|best| number(lane) > number(best)) {
                best = Some(lane);
            }
        }
        let own = match best {
            Some(best) => number(best),
            None if kind == MaxOf::MaxAbs => F24::ZERO,
            None => F24::LOWEST,
        };
        let place = (best.unwrap_or(0) as u32).wrapping_add(step.since.wrapping_mul(c as u32));
        let at = step.cycle + u64::from(self.latency.vec_max);
        // Each group writes what the largest is so far.
        let groups = u64::from(self.latency.vec_distance);
        for cycle in at + 1 - groups..=at {
            unit.write_s(cycle, started.row, "VECTOR")?;
        }
        if groups > 1 {
            unit.s_grows.push_back((at + 2 - groups, at, step.red));
            if unit.s_grows.len() > 16 {
                unit.s_grows.pop_front();
            }
        }
        let (red, starts) = (step.red, step.starts);
        unit.plan(at, true, Event::Maximum { index: step.index, red, own, place, starts, kind });
        Ok(())
    }

    /// Plans when the step joins its sum, where one is asked for.
    fn plan_sum(&self, unit: &mut Unit, started: &Started<Vector>, step: &Step, o: &Outcome) -> Result<(), MachineError> {
        let kind = started.what.sum;
        if kind == SumOf::Off {
            return Ok(());
        }
        let number = |lane: usize| match (kind, o.f[lane].t()) {
            (SumOf::Code, _) => i64::from(o.codes[lane]),
            (SumOf::T, t) => i64::from(t),
            (_, t) => i64::from(t) * i64::from(t),
        };
        let value = (0..self.config.cols as usize).filter(|&lane| o.counts(lane)).map(number).sum();
        let at = self.behind_function(started, step) + u64::from(self.latency.vec_sum);
        if step.ends {
            unit.write_s(at, started.row, "VECTOR")?;
        }
        let (red, starts, ends) = (step.red, step.starts, step.ends);
        unit.plan(at, true, Event::Sum { index: step.index, red, value, starts, ends });
        Ok(())
    }

    /// Plans the write of the numbers, or of their codes.
    fn plan_result(&self, unit: &mut Unit, started: &Started<Vector>, step: &Step, o: &Outcome) -> Result<(), MachineError> {
        let Started { what: v, row, .. } = started;
        let late = self.behind_function(started, step);
        let further = if v.append { self.numbers.pos } else { 0 };
        let dst = (step.dst + further) & 0xffff;
        let at = late + u64::from(self.latency.vec_code);
        match v.dest {
            VectorDest::None => {}
            VectorDest::V => {
                let (at, word) = (late + u64::from(self.latency.vec_write), dst % self.config.v_depth);
                if let Err(other) = unit.v_port.take(at, *row) {
                    return rule(at, *row, "VECTOR", format!("two writes of V in a cycle, the other by row {other}"));
                }
                unit.v_written[at as usize % 256] = (word, o.lanes);
                unit.plan(at, true, Event::V { word, lanes: o.lanes, f: Box::new(o.f) });
            }
            VectorDest::OutFloat => {
                for n in 0..4 {
                    unit.result(at + n, *row, "VECTOR")?;
                }
                unit.plan(at, true, Event::Floats { index: step.index, dst, f: Box::new(o.f) });
            }
            _ => {
                unit.result(at, *row, "VECTOR")?;
                let groups = if v.dest == VectorDest::WColumn { self.config.groups() } else { 1 };
                let dst = (step.dst + further * groups) & 0xffff;
                unit.plan(at, true, Event::Result { index: step.index, dst, codes: o.codes });
            }
        }
        Ok(())
    }

    /// P, or as much later as a function takes.
    fn behind_function(&self, started: &Started<Vector>, step: &Step) -> u64 {
        step.cycle + if started.what.function.is_some() { u64::from(self.latency.vec_fn) } else { 0 }
    }

    /// A word of codes is written.
    pub(super) fn vector_result(
        &mut self,
        run: &mut Run,
        index: usize,
        dst: u32,
        codes: &[i8; 32],
        cycle: u64,
    ) -> Result<(), MachineError> {
        let Started { what: v, row, .. } = &run.l.vectors[index];
        let (row, codes) = (*row, &codes[..self.config.cols as usize]);
        let dest = match v.dest {
            VectorDest::X => PostDest::X,
            VectorDest::WColumn => PostDest::WColumn,
            VectorDest::WRow => PostDest::WRow,
            _ => PostDest::Out,
        };
        self.result_write(run, (row, "VECTOR"), dest, dst, codes, cycle)
    }

    /// A SCALAR step reads its operands, in cycle S + SCALAR_READ.
    pub(super) fn scalar_read(
        &mut self,
        started: &Started<Scalar>,
        unit: &mut Unit,
        time: u64,
        at: [usize; 5],
    ) -> Result<(), MachineError> {
        let i = &started.what;
        let read = (time + u64::from(self.latency.scalar_read), 1);
        unit.read_s(read, at[1], started.row, "SCALAR")?;
        if i.imm.is_none() && !matches!(i.op, ScalarOp::Recip | ScalarOp::Rsqrt) {
            unit.read_s(read, at[2], started.row, "SCALAR")?;
        }
        let a = self.numbers.s[at[1]];
        let b = i.imm.map_or(self.numbers.s[at[2]], F24::from);
        let latency = &self.latency;
        let (value, cycles) = match i.op {
            ScalarOp::Mul => (a.mul(b), latency.scalar_mul),
            ScalarOp::Max => (a.max(b), latency.scalar_mul),
            ScalarOp::Add => (a.add(b), latency.scalar_add),
            ScalarOp::Recip => (a.recip(), latency.scalar_recip),
            ScalarOp::Rsqrt => (a.rsqrt(), latency.scalar_recip),
        };
        let cycle = time + u64::from(cycles);
        unit.write_s(cycle, started.row, "SCALAR")?;
        unit.plan(cycle, true, Event::Register { row: started.row, at: at[0], value });
        Ok(())
    }
}

/// s of a lane: the sum behind both products.
fn sum(v: &Vector, step: &Step, lane: usize, [scale, bias]: [F24; 2], scalar: F24) -> F24 {
    let (a, b, c) = (step.a[lane], step.b[lane], step.c[lane]);
    let m1 = match v.mul1 {
        Mul1::One => a,
        Mul1::Scale => a.mul(scale),
        Mul1::B => a.mul(b),
        Mul1::A => a.mul(a),
    };
    let m2 = match v.mul2 {
        Mul2::One => m1,
        Mul2::Scalar => m1.mul(scalar),
        Mul2::C => m1.mul(c),
        Mul2::Partner => step.a[lane ^ 1].mul(c),
    };
    match v.add {
        Add::Zero => m2,
        Add::MinusScalar => m2.add(scalar.neg()),
        Add::Bias => m2.add(bias),
        Add::C => m2.add(c),
        Add::M1 => m2.add(m1),
    }
}
