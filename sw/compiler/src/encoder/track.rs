// SPDX-License-Identifier: Apache-2.0
//! Instructions on a timeline, each as early as what it reads is there and what it overwrites has been read.
//!
//! Every step's addresses are looked at, so an instruction follows another word by word.

use crate::timeline::{Second, Steps, Timeline};
use std::collections::HashMap;
use systole_isa::program::{Add, MaxOf, Mul1, Mul2, Mul3, ScalarOp, Source, SumOf, VectorDest};
use systole_isa::{Config, Load, Matmul, Vector};

/// When words of a memory were last written, and may be written again.
#[derive(Debug, Clone, Default)]
struct Words {
    written: HashMap<u32, u64>,
    /// Cycle of the last read, all rows of it.
    read: HashMap<u32, u64>,
}

impl Words {
    fn written(&self, word: u32) -> Option<u64> {
        self.written.get(&word).copied()
    }

    /// First cycle in which the word may be overwritten.
    fn free(&self, word: u32) -> u64 {
        self.read.get(&word).map_or(0, |r| r + 1)
    }

    fn write(&mut self, word: u32, cycle: u64) {
        let at = self.written.entry(word).or_default();
        *at = cycle.max(*at);
    }

    fn read(&mut self, word: u32, cycle: u64) {
        let at = self.read.entry(word).or_default();
        *at = cycle.max(*at);
    }
}

/// What a step of a VECTOR reads and writes: addresses of its first step plus what its nest has gained.
struct Touches {
    a: Option<u32>,
    b: Option<u32>,
    c: Option<u32>,
    s: Option<u32>,
    red: Option<u32>,
    dst: u32,
}

fn touches(v: &Vector, offset: [i32; 5]) -> Touches {
    let at = |base: u32, n: usize| (base as i32 + offset[n]) as u32;
    let scalar = v.mul2 == Mul2::Scalar || v.add == Add::MinusScalar || v.mul3 == Mul3::Scalar;
    let reduces = v.max != MaxOf::Off || v.sum != SumOf::Off;
    Touches {
        a: (v.src == Source::V).then(|| at(v.a_base, 2)),
        b: (v.mul1 == Mul1::B || v.mul3 == Mul3::B).then(|| at(v.b_base, 3)),
        c: (matches!(v.mul2, Mul2::C | Mul2::Partner) || v.add == Add::C).then(|| at(v.c_base, 3)),
        s: scalar.then(|| if v.s_fixed { v.s_base } else { at(v.s_base, 4) % 64 }),
        red: reduces.then(|| if v.red_fixed { v.red_base } else { at(v.red_base, 4) % 64 }),
        dst: at(v.dst_base, 0),
    }
}

/// A timeline that knows what lies in V, S, X and W SRAM.
pub(super) struct Track<'a> {
    pub t: Timeline<'a>,
    cols: u32,
    rows: u64,
    beats: u64,
    weight_beats: u64,
    v: HashMap<u32, u64>,
    s: Words,
    x: Words,
    w: Words,
    /// First cycle in which VECTOR may write X: LOAD has no part of the port any more.
    loaded: u64,
}

impl<'a> Track<'a> {
    pub fn new(config: &'a Config) -> Track<'a> {
        Track {
            t: Timeline::new(config),
            cols: config.cols,
            rows: u64::from(config.rows),
            beats: u64::from(config.vec_beats()),
            weight_beats: u64::from(config.weight_beats),
            v: HashMap::new(),
            s: Words::default(),
            x: Words::default(),
            w: Words::default(),
            loaded: 0,
        }
    }

    /// Least gap of a walk over V.
    pub fn gap(&self) -> u64 {
        self.beats - 1
    }

    /// Loads the frame.
    pub fn load(&mut self, load: Load) {
        let first = self.t.load(load.clone());
        let write = u64::from(self.t.lat.load_write);
        for step in load.nest.iter() {
            let cycle = first + step.time + write;
            self.x.write((load.dst_base as i32 + step.offset[0]) as u32, cycle);
            self.loaded = self.loaded.max(cycle + 1);
        }
    }

    fn code_time(&self, v: &Vector) -> u64 {
        self.t.code_written(v, 0)
    }

    /// The earliest step for what a step of `v` touches.
    fn earliest(&self, v: &Vector, touch: &Touches) -> u64 {
        let word = |w: Option<u32>| w.and_then(|w| self.v.get(&w)).map_or(0, |&at| self.t.after_v(at));
        let mut at = word(touch.a).max(word(touch.b)).max(word(touch.c));
        if let Some(s) = touch.s {
            at = at.max(self.t.after_s(self.s.written(s).unwrap_or(0)));
        }
        if let Some(red) = touch.red {
            // A maximum takes its register from the first group of the first step on, a sum when it ends.
            let lead = if v.max != MaxOf::Off { self.t.max_written(0) - (self.beats - 1) } else { self.t.sum_written(v, 0) };
            let written = self.s.written(red).map_or(0, |w| w + 1);
            at = at.max((written + self.beats).saturating_sub(lead));
            // Who reads it before has an earlier cycle of reading.
            at = at.max((self.s.free(red) + self.beats).saturating_sub(u64::from(self.t.lat.vec_scalar)));
        }
        let code = self.code_time(v);
        let free = match v.dest {
            VectorDest::X => self.x.free(touch.dst).max(self.loaded),
            VectorDest::WColumn | VectorDest::WRow => self.w.free(touch.dst / self.cols),
            _ => 0,
        };
        at.max(free.saturating_sub(code))
    }

    fn note(&mut self, v: &Vector, steps: &Steps) {
        let (code, scalar) = (self.code_time(v), u64::from(self.t.lat.vec_scalar) + self.beats - 1);
        for (step, &p) in v.nest.iter().zip(&steps.at) {
            let touch = touches(v, step.offset);
            match v.dest {
                VectorDest::V => _ = self.v.insert(touch.dst, self.t.v_written(v, p)),
                VectorDest::X => self.x.write(touch.dst, p + code),
                VectorDest::WColumn | VectorDest::WRow => self.w.write(touch.dst / self.cols, p + code),
                _ => {}
            }
            if let Some(s) = touch.s {
                self.s.read(s, p + scalar);
            }
            if let Some(red) = touch.red {
                let ends = u32::from(step.at_last) & v.reduce == v.reduce;
                if v.max != MaxOf::Off {
                    self.s.write(red, self.t.max_written(p));
                }
                if v.sum != SumOf::Off && ends {
                    self.s.write(red, self.t.sum_written(v, p));
                }
            }
        }
    }

    /// A VECTOR on words of V.
    pub fn stream(&mut self, v: Vector) {
        let earliest = v.nest.iter().map(|s| self.earliest(&v, &touches(&v, s.offset)).saturating_sub(s.time)).max().unwrap_or(0);
        let steps = self.t.stream(v.clone(), earliest);
        self.note(&v, &steps);
    }

    /// A product and the VECTOR that takes its sums.
    pub fn product(&mut self, m: Matmul, v: Vector) {
        let ends: Vec<u64> = m.nest.iter().filter(|s| u32::from(s.at_last) & m.reduce == m.reduce).map(|s| s.time).collect();
        assert_eq!(ends.len() as u64, v.nest.steps(), "sums and the steps that take them");
        let taken = v.nest.iter().zip(&ends);
        let earliest = taken.map(|(s, end)| self.earliest(&v, &touches(&v, s.offset)).saturating_sub(end - ends[0]));
        let earliest = earliest.max().unwrap_or(0);
        let (lead, sram) = (u64::from(self.t.lat.w_lead), u64::from(self.t.lat.w_sram_read));
        let at = |base: u32, offset: i32| (base as i32 + offset) as u32;
        let ready = |s: &systole_isa::nest::Step| {
            let x = self.x.written(at(m.x_base, s.offset[0])).map_or(0, |w| w + 1);
            let w = if m.w_sram { self.w.written(at(m.w_base, s.offset[1])).map_or(0, |w| w + 1 + lead - sram) } else { 0 };
            x.max(w).saturating_sub(s.time)
        };
        let x_ready = m.nest.iter().map(|s| ready(&s)).max().unwrap_or(0);
        let steps = self.t.product(m.clone(), v.clone(), x_ready, earliest);
        self.note(&v, &steps);
        // X time of the product's first step.
        let to_take = u64::from(self.t.lat.post_take);
        let first = steps.first() - to_take - ends[0];
        for s in m.nest.iter() {
            self.x.read(at(m.x_base, s.offset[0]), first + s.time + self.rows - 1);
            if m.w_sram {
                let word = at(m.w_base, s.offset[1]);
                self.w.read(word, (first + s.time + sram).saturating_sub(lead) + self.weight_beats + self.rows);
            }
        }
    }

    /// A SCALAR on `count` registers behind each other.
    pub fn scalar(&mut self, op: ScalarOp, a: u32, b: Second, dst: u32, count: usize) {
        let latency = u64::from(match op {
            ScalarOp::Mul | ScalarOp::Max => self.t.lat.scalar_mul,
            ScalarOp::Add => self.t.lat.scalar_add,
            ScalarOp::Recip | ScalarOp::Rsqrt => self.t.lat.scalar_recip,
        });
        let lat = &self.t.lat;
        // `ready` and the write of a step that begins as soon as it may.
        let to_write = u64::from(lat.write_to_read).saturating_sub(u64::from(lat.scalar_read)) + latency;
        let mut ready = 0;
        for n in 0..count as u32 {
            let second = match b {
                Second::S(r) => self.s.written(r + n).unwrap_or(0),
                Second::Fixed(r) => self.s.written(r).unwrap_or(0),
                _ => 0,
            };
            let read = self.s.written(a + n).unwrap_or(0).max(second);
            // Who reads it before has an earlier cycle of reading.
            let free = self.s.free(dst + n).saturating_sub(u64::from(self.t.lat.write_to_read));
            let written = self.s.written(dst + n).map_or(0, |w| w + 1).saturating_sub(to_write);
            ready = ready.max(read.max(free).max(written).saturating_sub(n.into()));
        }
        let last = self.t.scalar(op, a, b, dst, count, ready);
        let read = u64::from(self.t.lat.scalar_read);
        for n in 0..count as u32 {
            let written = last - (count as u64 - 1 - u64::from(n));
            let at = written - latency + read;
            self.s.read(a + n, at);
            match b {
                Second::S(r) => self.s.read(r + n, at),
                Second::Fixed(r) => self.s.read(r, at),
                _ => {}
            }
            self.s.write(dst + n, written);
        }
    }
}
