// SPDX-License-Identifier: Apache-2.0
//! The vector unit: VECTOR and SCALAR, their numbers V and S (docs/vector.md).
//!
//! What a step reads and writes are events in a queue, each in its cycle; in one cycle reads come before writes. `step.rs` has the
//! steps, `compute.rs` what they read and compute, `port.rs` who has which port.

mod compute;
mod port;
mod step;

pub(super) use port::OutPort;

use super::load::Loaded;
use super::run::{Run, SCALAR};
use super::walk::Walk;
use super::{Machine, rule};
use crate::MachineError;
use crate::f24::F24;
use port::Port;
use std::collections::{BTreeMap, VecDeque};
use step::{Step, Stepper};
use systole_isa::Latency;
use systole_isa::program::{CHUNK, MaxOf, Source};

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

    /// A step joins the sum of S register `red`; the total where it ends.
    fn join_sum(
        &mut self,
        cycle: u64,
        row: usize,
        red: usize,
        value: i64,
        starts: bool,
        ends: bool,
    ) -> Result<Option<i64>, MachineError> {
        let sum = &mut self.sums[red % 16];
        let Some(total) = (if starts { Some(value) } else { sum.map(|s| s + value) }) else {
            return rule(cycle, row, "VECTOR", format!("a sum of S register {red} goes on, and none is under way"));
        };
        *sum = (!ends).then_some(total);
        if total.unsigned_abs() >= 1 << 47 {
            return rule(cycle, row, "VECTOR", format!("a sum of {total}, beyond 48 bits"));
        }
        Ok(ends.then_some(total))
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

impl Machine {
    /// The next event of the run's vector unit, where it has one.
    pub(super) fn vector_step(&mut self, run: &mut Run) -> Result<(), MachineError> {
        let Some(mut unit) = run.vector.take() else { return Ok(()) };
        let done = self.vector_event(run, &mut unit);
        run.vector = Some(unit);
        done
    }

    fn vector_event<'a>(&mut self, run: &mut Run<'a>, unit: &mut Unit<'a>) -> Result<(), MachineError> {
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
                if let Some(total) = unit.join_sum(cycle, row, red, value, starts, ends)? {
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
}
