// SPDX-License-Identifier: Apache-2.0
//! The vector unit: VECTOR and SCALAR, their numbers V and S (docs/vector.md).
//!
//! What a step reads and writes are events in a queue, each in its cycle; in one cycle reads come before writes.

use super::{Loaded, Machine, Run, SCALAR, Started, V_WRITE, VEC_FN, VECTOR, Walk, rule};
use crate::MachineError;
use crate::f24::F24;
use std::collections::{BTreeMap, VecDeque};
use systole_isa::Latency;
use systole_isa::f24::SEGMENTS;
use systole_isa::program::{Add, CHUNK, MaxOf, Mul1, Mul2, Mul3, PostDest, Scalar, ScalarOp, Source, SumOf, Vector, VectorDest};

/// A word of V, or of numbers on their way.
type Word = [F24; 32];

/// What the unit keeps from run to run, and the registers that the host writes.
pub(super) struct Numbers {
    pub(super) v: Vec<F24>, // [word][lane]
    pub(super) s: [F24; 64],
    pub(super) argmax: u32,
    pub(super) pos: u32,
    /// Tokens by row of a chunk.
    pub(super) tokens: [u32; CHUNK],
    /// Row in which a run begins.
    pub(super) entry: u32,
}

impl Numbers {
    pub(super) fn new(words: usize, cols: usize) -> Numbers {
        Numbers { v: vec![F24::ZERO; words * cols], s: [F24::ZERO; 64], argmax: 0, pos: 0, tokens: [0; CHUNK], entry: 0 }
    }
}

/// A port that takes one access in a cycle: who had it lately, by cycle mod 256. Accesses are planned less than 256 cycles ahead.
struct Port {
    taken: Box<[(u64, usize); 256]>,
}

impl Port {
    fn new() -> Port {
        Port { taken: Box::new([(u64::MAX, 0); 256]) }
    }

    /// Takes the port in `cycle` for `row`; the row that has it already otherwise.
    fn take(&mut self, cycle: u64, row: usize) -> Result<(), usize> {
        let place = &mut self.taken[cycle as usize % 256];
        if place.0 == cycle {
            return Err(place.1);
        }
        *place = (cycle, row);
        Ok(())
    }
}

/// The write port of OUT, in programs of the vector unit: POST and STORE say what they will write before others have written.
pub(super) struct OutPort {
    port: Port,
    /// Cycle of the newest write, by word.
    newest: Vec<u64>,
}

impl OutPort {
    /// The port of a buffer of `words`; `None` where the program has no use of the vector unit.
    pub(super) fn new(l: &Loaded, words: u32) -> Option<OutPort> {
        let used = !l.vectors.is_empty() || !l.scalars.is_empty();
        used.then(|| OutPort { port: Port::new(), newest: vec![0; words as usize] })
    }

    /// Whether a write of `word` in `cycle` stays: none that is known comes later.
    pub(super) fn write(&mut self, cycle: u64, word: u32, row: usize, unit: &'static str) -> Result<bool, MachineError> {
        if let Err(other) = self.port.take(cycle, row) {
            return rule(cycle, row, unit, format!("two writes of OUT in a cycle, the other by row {other}"));
        }
        let Some(newest) = self.newest.get_mut(word as usize) else { return Ok(true) };
        let stays = *newest < cycle;
        *newest = cycle.max(*newest);
        Ok(stays)
    }
}

/// A VECTOR being stepped.
struct Stepper<'a> {
    index: usize,
    walk: Walk<'a>,
    /// Steps since a reduction started.
    since: u32,
}

/// A step on its way.
struct Step {
    index: usize,
    /// P: the step, or the take of the array's sums.
    cycle: u64,
    dst: u32,
    param: u32,
    /// Words of V: a, b, c.
    words: [u32; 3],
    s: usize,
    red: usize,
    starts: bool,
    ends: bool,
    /// The outermost loop is at its last iteration.
    tail: bool,
    since: u32,
    a: Word,
    b: Word,
    c: Word,
}

/// What happens in a cycle.
enum Event {
    /// A step of the array's sums reads V.
    Read(Box<Step>),
    /// A step reads S; what it computes is known then.
    Scalar(Box<Step>),
    /// The running maximum is written.
    Maximum {
        index: usize,
        red: usize,
        own: F24,
        place: u32,
        starts: bool,
        kind: MaxOf,
    },
    /// A step joins its sum, and the sum is written where it ends.
    Sum {
        index: usize,
        red: usize,
        value: i64,
        starts: bool,
        ends: bool,
    },
    /// Lanes of a word of V are written.
    V {
        word: u32,
        lanes: u32,
        f: Box<Word>,
    },
    /// Codes are written to X, W SRAM or OUT, or numbers to four words of OUT.
    Result {
        index: usize,
        dst: u32,
        codes: [i8; 32],
    },
    Floats {
        index: usize,
        dst: u32,
        f: Box<Word>,
    },
    /// SCALAR writes its result.
    Register {
        row: usize,
        at: usize,
        value: F24,
    },
}

/// Where the vector unit stands in a run.
pub(super) struct Unit<'a> {
    /// VECTOR of the array's sums that is armed, and the next VECTOR that no take has reached yet.
    array: Option<Stepper<'a>>,
    next_array: usize,
    /// VECTOR that steps by itself, and where to look for the next.
    own: Option<Stepper<'a>>,
    next_own: usize,
    scalar: Option<(usize, Walk<'a>)>,
    next_scalar: usize,
    /// By cycle, reads first, then in the order in which they were planned.
    queue: BTreeMap<(u64, bool, u64), Event>,
    planned: u64,
    sums: [Option<i64>; 16],
    last_step: Option<u64>,
    /// The last multiplier of each lane; writes of V, with the word and its lanes; of S; results of POST and VECTOR.
    multiplier: Port,
    v_port: Port,
    v_written: Box<[(u32, u32); 256]>,
    s_port: Port,
    /// Registers of S that VECTOR has read lately, with fewer lanes than columns: they stay until the last group has read.
    s_reads: VecDeque<(u64, usize)>,
    /// Registers of S whose maximum grows from group to group in these cycles, likewise: they are not read.
    s_grows: VecDeque<(u64, u64, usize)>,
    results: Port,
}

impl<'a> Unit<'a> {
    /// The unit at the start of a run; `None` where the program has no use of it.
    pub(super) fn new(l: &'a Loaded) -> Option<Box<Unit<'a>>> {
        if l.vectors.is_empty() && l.scalars.is_empty() {
            return None;
        }
        let mut unit = Unit {
            array: None,
            next_array: 0,
            own: None,
            next_own: 0,
            scalar: None,
            next_scalar: 0,
            queue: BTreeMap::new(),
            planned: 0,
            sums: [None; 16],
            last_step: None,
            multiplier: Port::new(),
            v_port: Port::new(),
            v_written: Box::new([(0, 0); 256]),
            s_port: Port::new(),
            s_reads: VecDeque::new(),
            s_grows: VecDeque::new(),
            results: Port::new(),
        };
        unit.arm(l);
        Some(Box::new(unit))
    }

    /// The next VECTOR that steps by itself, and the next SCALAR.
    fn arm(&mut self, l: &'a Loaded) {
        while self.own.is_none() && self.next_own < l.vectors.len() {
            if l.vectors[self.next_own].what.src == Source::V {
                self.own = Some(Stepper::new(l, self.next_own));
            }
            self.next_own += 1;
        }
        if self.scalar.is_none()
            && let Some(s) = l.scalars.get(self.next_scalar)
        {
            let base = [s.what.dst_base, s.what.a_base, s.what.b_base, 0, 0].map(|b| b as i32);
            self.scalar = Some((self.next_scalar, Walk::new(&s.what.nest, s.first, base)));
            self.next_scalar += 1;
        }
    }

    /// Cycle of the next event, and whether it writes.
    pub(super) fn next(&self, latency: &Latency) -> (u64, bool) {
        let own = self.own.as_ref().map_or(u64::MAX, |o| o.walk.time + u64::from(latency.vec_read));
        let scalar = self.scalar.as_ref().map_or(u64::MAX, |s| s.1.time + u64::from(latency.scalar_read));
        let queued = self.queue.first_key_value().map_or((u64::MAX, false), |(&(cycle, writes, _), _)| (cycle, writes));
        queued.min((own.min(scalar), false))
    }

    fn plan(&mut self, cycle: u64, writes: bool, event: Event) {
        self.queue.insert((cycle, writes, self.planned), event);
        self.planned += 1;
    }

    fn write_s(&mut self, cycle: u64, row: usize, unit: &'static str) -> Result<(), MachineError> {
        let other = self.s_port.take(cycle, row);
        other.or_else(|other| rule(cycle, row, unit, format!("two writes of S in a cycle, the other by row {other}")))
    }

    /// S[`at`] is read in `cycles` cycles from `cycle` on: no maximum grows there.
    fn read_s(&self, (cycle, cycles): (u64, u64), at: usize, row: usize, unit: &'static str) -> Result<(), MachineError> {
        match self.s_grows.iter().find(|&&(from, to, s)| s == at && cycle <= to && from < cycle + cycles) {
            Some((from, to, _)) => {
                rule(cycle, row, unit, format!("reads S[{at}] while a maximum grows there, in {from} to {to}"))
            }
            None => Ok(()),
        }
    }

    /// S changes in `cycle`: no group of a step has read it already while others have yet to.
    fn change_s(&self, cycle: u64, at: usize, row: usize, unit: &'static str, latency: &Latency) -> Result<(), MachineError> {
        let groups = u64::from(latency.vec_distance);
        match self.s_reads.iter().find(|&&(read, s)| s == at && cycle >= read && cycle + 1 < read + groups) {
            Some((read, _)) => rule(cycle, row, unit, format!("S[{at}] changes while a VECTOR reads it from cycle {read} on")),
            None => Ok(()),
        }
    }

    /// A result of POST or VECTOR is written in `cycle`.
    pub(super) fn result(&mut self, cycle: u64, row: usize, unit: &'static str) -> Result<(), MachineError> {
        let other = self.results.take(cycle, row);
        other.or_else(|other| rule(cycle, row, unit, format!("two results are written in a cycle, the other by row {other}")))
    }

    /// The end of a run: every VECTOR of the array's sums has had them all.
    pub(super) fn finish(&self, l: &Loaded) -> Result<(), MachineError> {
        if let Some(a) = self.array.as_ref().filter(|a| !a.walk.done) {
            return rule(l.end, l.vectors[a.index].row, "VECTOR", "the run ends before all its vectors have come");
        }
        match l.vectors[self.next_array.min(l.vectors.len())..].iter().find(|v| v.what.src == Source::Array) {
            Some(v) => rule(l.end, v.row, "VECTOR", "no vector ever came"),
            None => Ok(()),
        }
    }

    /// Whether sums that are taken in cycle `take` are VECTOR's: the instruction that is active then reads the array's sums.
    pub(super) fn armed(&mut self, l: &'a Loaded, take: u64) -> Result<bool, MachineError> {
        while let Some(v) = l.vectors.get(self.next_array).filter(|v| v.first <= take) {
            if let Some(a) = self.array.as_ref().filter(|a| !a.walk.done) {
                return rule(take, l.vectors[a.index].row, "VECTOR", "the next VECTOR starts before all its vectors have come");
            }
            self.array = (v.what.src == Source::Array).then(|| Stepper::new(l, self.next_array));
            self.next_array += 1;
        }
        Ok(self.array.as_ref().is_some_and(|a| !a.walk.done))
    }

    /// The array's sums step the VECTOR that is armed, in cycle `take`.
    pub(super) fn take(&mut self, l: &'a Loaded, sums: &[i32; 32], take: u64, latency: &Latency) -> Result<(), MachineError> {
        let Some(stepper) = self.array.as_mut() else { return Ok(()) };
        let mut step = stepper.step(l, take);
        step.a = sums.map(F24::from_int);
        self.plan(take + u64::from(latency.vec_read), false, Event::Read(step));
        Ok(())
    }

    /// Steps are as far apart as a word takes, where they begin and at the last multiplier.
    fn space(&mut self, l: &Loaded, step: &Step, latency: &Latency) -> Result<(), MachineError> {
        let v = &l.vectors[step.index];
        let apart = u64::from(latency.vec_distance);
        if self.last_step.is_some_and(|last| step.cycle < last + apart) {
            return rule(step.cycle, v.row, "VECTOR", format!("steps are at least {apart} cycles apart"));
        }
        self.last_step = Some(step.cycle);
        let late = if v.what.function.is_some() { u64::from(latency.vec_fn) } else { 0 };
        for cycle in (step.cycle + late..).take(apart as usize) {
            if let Err(other) = self.multiplier.take(cycle, v.row) {
                let text = format!("its step meets one of row {other} at the last multiplier, {} cycles earlier", latency.vec_fn);
                return rule(step.cycle, v.row, "VECTOR", text);
            }
        }
        Ok(())
    }
}

impl<'a> Stepper<'a> {
    fn new(l: &'a Loaded, index: usize) -> Stepper<'a> {
        let Started { what: v, first, .. } = &l.vectors[index];
        let base = [v.dst_base as i32, v.param_base as i32, v.a_base as i32, 0, 0];
        Stepper { index, walk: Walk::new(&v.nest, *first, base), since: 0 }
    }

    /// The present step, at P = `cycle`; goes on to the next.
    fn step(&mut self, l: &Loaded, cycle: u64) -> Box<Step> {
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
fn uses_scalar(v: &Vector) -> bool {
    v.mul2 == Mul2::Scalar || v.add == Add::MinusScalar || v.mul3 == Mul3::Scalar
}

fn uses_b(v: &Vector) -> bool {
    v.mul1 == Mul1::B || v.mul3 == Mul3::B
}

fn uses_c(v: &Vector) -> bool {
    matches!(v.mul2, Mul2::C | Mul2::Partner) || v.add == Add::C
}

/// Lanes that count, one bit each.
fn counting(v: &Vector, cols: u32) -> u32 {
    let to = |n: u32| ((1u64 << n.min(cols)) - 1) as u32;
    to(v.lane_lo + v.lane_n) & !to(v.lane_lo)
}

impl Machine {
    /// What a program can do wrong before it runs: the image lacks what a VECTOR needs, or the unit is busy.
    pub(super) fn check_vectors(&self, l: &Loaded) -> Result<(), MachineError> {
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

    /// The next event of the vector unit.
    pub(super) fn vector_event<'a>(&mut self, run: &mut Run<'a>, unit: &mut Unit<'a>) -> Result<(), MachineError> {
        let (l, latency) = (run.l, self.latency);
        let (cycle, _) = unit.next(&latency);
        if unit.own.as_ref().is_some_and(|o| o.walk.time + u64::from(latency.vec_read) == cycle) {
            let Some(stepper) = unit.own.as_mut() else { return Ok(()) };
            let time = stepper.walk.time;
            let step = stepper.step(l, time);
            if stepper.walk.done {
                unit.own = None;
                unit.arm(l);
            }
            return self.vector_read(run, unit, step);
        }
        if unit.scalar.as_ref().is_some_and(|s| s.1.time + u64::from(latency.scalar_read) == cycle) {
            let Some((index, walk)) = unit.scalar.as_mut() else { return Ok(()) };
            let (index, time, at) = (*index, walk.time, walk.at.map(|a| a as usize & 63));
            walk.step();
            if walk.done {
                unit.scalar = None;
                unit.arm(l);
            }
            run.events[SCALAR] += 1;
            return self.scalar_read(&l.scalars[index], unit, time, at);
        }
        let Some(((cycle, ..), event)) = unit.queue.pop_first() else { return Ok(()) };
        match event {
            Event::Read(step) => self.vector_read(run, unit, step),
            Event::Scalar(step) => self.vector_compute(l, unit, &step),
            Event::Maximum { index, red, own, place, starts, kind } => {
                unit.change_s(cycle, red, l.vectors[index].row, "VECTOR", &latency)?;
                let held = &mut self.numbers.s[red];
                if starts || own > *held {
                    *held = own;
                    if kind == MaxOf::ArgMax {
                        self.numbers.argmax = place & 0xffff;
                    }
                }
                Ok(())
            }
            Event::Sum { index, red, value, starts, ends } => {
                let row = l.vectors[index].row;
                let sum = &mut unit.sums[red % 16];
                let Some(total) = (if starts { Some(value) } else { sum.map(|s| s + value) }) else {
                    return rule(cycle, row, "VECTOR", format!("a sum of S register {red} goes on, and none is under way"));
                };
                *sum = (!ends).then_some(total);
                if total.unsigned_abs() >= 1 << 47 {
                    return rule(cycle, row, "VECTOR", format!("a sum of {total}, beyond 48 bits"));
                }
                if ends {
                    unit.change_s(cycle, red, row, "VECTOR", &latency)?;
                    self.numbers.s[red] = F24::from_int(total);
                }
                Ok(())
            }
            Event::V { word, lanes, f } => {
                let c = self.config.cols as usize;
                for (lane, number) in self.numbers.v[word as usize * c..][..c].iter_mut().enumerate() {
                    if lanes >> lane & 1 == 1 {
                        *number = f[lane];
                    }
                }
                Ok(())
            }
            Event::Result { index, dst, codes } => self.vector_result(run, index, dst, &codes, cycle),
            Event::Floats { index, dst, f } => {
                let (row, c) = (l.vectors[index].row, self.config.cols as usize);
                for (n, quarter) in f[..c].chunks(c / 4).enumerate() {
                    let bytes: Vec<u8> = quarter.iter().flat_map(|f| f.word().to_le_bytes()).collect();
                    self.out_write(run, (row, "VECTOR"), dst + n as u32, &bytes, cycle + n as u64)?;
                }
                Ok(())
            }
            Event::Register { row, at, value } => {
                unit.change_s(cycle, at, row, "SCALAR", &latency)?;
                self.numbers.s[at] = value;
                Ok(())
            }
        }
    }

    /// A step reads V, in cycle P + VEC_READ.
    fn vector_read(&mut self, run: &mut Run, unit: &mut Unit, mut step: Box<Step>) -> Result<(), MachineError> {
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
    fn vector_compute(&mut self, l: &Loaded, unit: &mut Unit, step: &Step) -> Result<(), MachineError> {
        let Started { what: v, row, .. } = &l.vectors[step.index];
        let (row, c, latency) = (*row, self.config.cols as usize, self.latency);
        let scalar = self.numbers.s[step.s];
        if latency.vec_distance > 1 && uses_scalar(v) {
            let read = step.cycle + u64::from(latency.vec_scalar);
            unit.read_s((read, latency.vec_distance.into()), step.s, row, "VECTOR")?;
            unit.s_reads.push_back((read, step.s));
            if unit.s_reads.len() > 8 {
                unit.s_reads.pop_front();
            }
        }
        let mut params: &[[F24; 2]] = &[[F24::ZERO; 2]; 32];
        if v.mul1 == Mul1::Scale || v.add == Add::Bias {
            let (at, known) = (step.param as usize % self.config.vec_param_depth as usize * c, l.numbers.len());
            let Some(found) = l.numbers.get(at..at + c) else {
                let text = format!("parameter word {} is beyond the image's {}", at / c, known / c);
                return rule(step.cycle, row, "VECTOR", text);
            };
            params = found;
        }
        let last = self.numbers.pos as usize % c + usize::from(v.tail_row);
        let (mut s, mut f) = ([F24::ZERO; 32], [F24::ZERO; 32]);
        for lane in 0..c {
            let (a, b, c) = (step.a[lane], step.b[lane], step.c[lane]);
            let [scale, bias] = params[lane];
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
            s[lane] = match v.add {
                Add::Zero => m2,
                Add::MinusScalar => m2.add(scalar.neg()),
                Add::Bias => m2.add(bias),
                Add::C => m2.add(c),
                Add::M1 => m2.add(m1),
            };
            if step.tail && lane > last {
                s[lane] = F24::LOWEST;
            }
            let y = match v.function {
                None => s[lane],
                Some(kind) => s[lane].function(kind, &l.functions[kind as usize * SEGMENTS..]),
            };
            f[lane] = match v.mul3 {
                Mul3::One => y,
                Mul3::S => y.mul(s[lane]),
                Mul3::B => y.mul(b),
                Mul3::Scalar => y.mul(scalar),
            };
        }
        // A scale of 0 leaves its lane out.
        let chosen = |lane: &usize| v.mul1 != Mul1::Scale || params[*lane][0] != F24::ZERO;
        let lanes = counting(v, self.config.cols) & (0..c).filter(chosen).fold(0, |lanes, lane| lanes | 1 << lane);
        let counts = |lane: &usize| lanes >> lane & 1 == 1;
        let codes: [i8; 32] = std::array::from_fn(|lane| if counts(&lane) { f[lane].code(v.zero_point, v.lo, v.hi) } else { 0 });
        if v.max != MaxOf::Off {
            let number = |lane: usize| if v.max == MaxOf::MaxAbs { s[lane].abs() } else { s[lane] };
            let mut best: Option<usize> = None;
            for lane in (0..c).filter(counts) {
                if best.is_none_or(|best| number(lane) > number(best)) {
                    best = Some(lane);
                }
            }
            let own = match best {
                Some(best) => number(best),
                None if v.max == MaxOf::MaxAbs => F24::ZERO,
                None => F24::LOWEST,
            };
            let best = best.unwrap_or(0);
            let place = (best as u32).wrapping_add(step.since.wrapping_mul(c as u32));
            let at = step.cycle + u64::from(latency.vec_max);
            // Each group writes what the largest is so far.
            let groups = u64::from(latency.vec_distance);
            for cycle in at + 1 - groups..=at {
                unit.write_s(cycle, row, "VECTOR")?;
            }
            if groups > 1 {
                unit.s_grows.push_back((at + 2 - groups, at, step.red));
                if unit.s_grows.len() > 16 {
                    unit.s_grows.pop_front();
                }
            }
            let (red, starts) = (step.red, step.starts);
            unit.plan(at, true, Event::Maximum { index: step.index, red, own, place, starts, kind: v.max });
        }
        let late = step.cycle + if v.function.is_some() { u64::from(latency.vec_fn) } else { 0 };
        if v.sum != SumOf::Off {
            let value = (0..c).filter(counts).map(|lane| match (v.sum, f[lane].t()) {
                (SumOf::Code, _) => i64::from(codes[lane]),
                (SumOf::T, t) => i64::from(t),
                (_, t) => i64::from(t) * i64::from(t),
            });
            let at = late + u64::from(latency.vec_sum);
            if step.ends {
                unit.write_s(at, row, "VECTOR")?;
            }
            let (starts, ends) = (step.starts, step.ends);
            unit.plan(at, true, Event::Sum { index: step.index, red: step.red, value: value.sum(), starts, ends });
        }
        let further = if v.append { self.numbers.pos } else { 0 };
        let dst = (step.dst + further) & 0xffff;
        let at = late + u64::from(latency.vec_code);
        match v.dest {
            VectorDest::None => {}
            VectorDest::V => {
                let (at, word) = (late + u64::from(latency.vec_write), dst % self.config.v_depth);
                if let Err(other) = unit.v_port.take(at, row) {
                    return rule(at, row, "VECTOR", format!("two writes of V in a cycle, the other by row {other}"));
                }
                unit.v_written[at as usize % 256] = (word, lanes);
                unit.plan(at, true, Event::V { word, lanes, f: Box::new(f) });
            }
            VectorDest::OutFloat => {
                for n in 0..4 {
                    unit.result(at + n, row, "VECTOR")?;
                }
                unit.plan(at, true, Event::Floats { index: step.index, dst, f: Box::new(f) });
            }
            _ => {
                unit.result(at, row, "VECTOR")?;
                let groups = if v.dest == VectorDest::WColumn { self.config.groups() } else { 1 };
                let dst = (step.dst + further * groups) & 0xffff;
                unit.plan(at, true, Event::Result { index: step.index, dst, codes });
            }
        }
        Ok(())
    }

    /// A word of codes is written.
    fn vector_result(&mut self, run: &mut Run, index: usize, dst: u32, codes: &[i8; 32], cycle: u64) -> Result<(), MachineError> {
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
    fn scalar_read(&mut self, started: &Started<Scalar>, unit: &mut Unit, time: u64, at: [usize; 5]) -> Result<(), MachineError> {
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
