// SPDX-License-Identifier: Apache-2.0
//! The vector unit by itself (docs/vector.md): random instructions, with fewer lanes than columns; every result in its cycle, then all of V and S,
//! against the rules in F24. With it `vec_lane` and `scalar`, which are chosen and fed by it alone. What overlaps from one instruction to the next is
//! the chip's (`verif/tests/random_vectors.rs`).

use super::shared::unit::start_as;
use super::shared::vector_unit::{COLS, GROUPS, LANES, LG, PARAM_DEPTH, Unit, V_DEPTH, Write, number, one};
use crate::common::{bench, block};
use harness::{Clock, Sim, Stream};
use std::collections::BTreeMap;
use systole_golden::f24::F24;
use systole_isa::f24::{encode_param, encode_segment, functions};
use systole_isa::nest::{Nest, Stride};
use systole_isa::program::{Add, MaxOf, Mul1, Scalar, ScalarOp, Source, Vector, VectorDest};
use systole_isa::{Config, Instruction, Latency};

/// The bench: the unit beside the model.
struct Bench {
    sim: Sim,
    clk: Clock,
    random: Stream,
    unit: Unit,
}

impl Bench {
    fn set(&self, name: &str, value: u64) {
        self.sim.signal(name).set(value);
    }

    fn get(&self, name: &str) -> u64 {
        self.sim.signal(name).get()
    }

    /// New tables and parameters; the first word has no scales, the last one the smallest numbers.
    async fn upload(&mut self, any: bool) {
        self.unit.functions = functions();
        if any {
            for s in self.unit.functions.as_flattened_mut() {
                *s = (self.random.below(1 << 20) as u32, self.random.below(1 << 16) as i32 - (1 << 15));
            }
        }
        for (n, lane) in self.unit.params.as_flattened_mut().iter_mut().enumerate() {
            let scale = if n < COLS || self.random.chance(0.2) { F24::ZERO } else { number(&mut self.random) };
            *lane = (scale, number(&mut self.random));
        }
        for lane in &mut self.unit.params[PARAM_DEPTH - 1] {
            lane.0 = F24::from_bits((1 << 15 | self.random.below(1 << 15) | 1 | self.random.below(2) << 23) as u32);
        }
        let segments = self.unit.functions.as_flattened().iter().map(|s| encode_segment(*s));
        let of = |f: F24| systole_isa::F24::from(f);
        let params = self.unit.params.as_flattened().iter().map(|&(scale, bias)| encode_param(of(scale), of(bias)));
        for (n, word) in segments.chain(params).collect::<Vec<_>>().into_iter().enumerate() {
            self.set("we_i", 1);
            self.set("waddr_i", n as u64);
            self.set("wdata_i", word);
            self.clk.rising_edge().await;
        }
        self.set("we_i", 0);
        self.clk.cycles(2).await;
    }

    /// A VECTOR from its start to its last write, or to a reset in that cycle.
    async fn vector(&mut self, v: &Vector, reset: Option<u64>) {
        for name in ["desc_valid_i", "scalar_desc_valid_i", "take_i"] {
            self.set(name, 0);
        }
        self.set("pos_i", self.unit.pos.into());
        self.set("lenc_i", self.unit.lenc.into());
        start_as(&self.sim, &self.clk, &Instruction::Vector(v.clone()), ["desc_valid_i", "start_i"]).await;
        let steps = self.unit.steps(&v.nest);
        let mut at = self.random.below(4);
        let takes: Vec<u64> = steps
            .iter()
            .map(|step| match v.src {
                Source::V => step.time,
                Source::Array => {
                    let now = at;
                    let apart = if v.dest == VectorDest::OutFloat { 4 } else { GROUPS };
                    at += apart + self.random.below(3);
                    now
                }
            })
            .collect();
        let last = takes[takes.len() - 1];
        let (mut due, mut next): (BTreeMap<u64, Vec<Write>>, usize) = (BTreeMap::new(), 0);
        let mut totals = [[0i32; COLS]; 3];
        for t in 0..last + 48 {
            totals.rotate_right(1);
            let ones = self.random.chance(0.2);
            totals[0] = std::array::from_fn(|_| {
                let wide = self.random.below(1 << 32) as u32 as i32;
                if ones { 1 } else { wide >> self.random.below(32) }
            });
            let steps_now = takes.get(next) == Some(&t);
            // What the array hands over belongs to POST where this unit does not ask for it.
            let asked = v.src == Source::Array && t <= last;
            let others = self.random.below(2);
            self.set("take_i", if asked { steps_now.into() } else { others });
            self.sim.signal("total_i").set_bytes(&totals[2].map(i32::to_le_bytes).concat());
            self.set("rst_i", (reset == Some(t)).into());
            self.clk.rising_edge().await;

            if steps_now {
                for (late, write) in self.unit.step(v, &steps[next], &totals[0]) {
                    due.entry(t + late).or_default().push(write);
                }
                next += 1;
            }
            let events =
                u64::from(steps_now) * (1 | u64::from(v.function.is_some()) << 1 | u64::from(v.dest == VectorDest::V) << 2);
            assert_eq!(self.get("events_o"), events, "events, {t} cycles behind the start of {v:?}");
            assert_eq!(self.get("active_o"), u64::from(t <= last), "activity, {t} cycles behind the start of {v:?}");
            assert_eq!(self.get("take_ready_o"), u64::from(asked), "sums for this unit, {t} cycles behind the start of {v:?}");
            let now = due.remove(&t).unwrap_or_default();
            let mut expected = None;
            for write in &now {
                self.unit.write(write);
                if let Write::Result(dest, addr, bytes) = write {
                    expected = Some((*dest, *addr, bytes.clone()));
                }
            }
            assert_eq!(self.result(), expected, "the result, {t} cycles behind the start of {v:?}");
            if reset == Some(t) {
                self.set("rst_i", 0);
                self.set("take_i", 0);
                for t in 0..60 {
                    self.clk.rising_edge().await;
                    let silent = ["active_o", "take_ready_o", "out_valid_o", "events_o", "argmax_o"].map(|n| self.get(n));
                    assert_eq!(silent, [0; 5], "{t} cycles behind a reset");
                }
                self.unit.argmax = 0;
                return;
            }
        }
        assert_eq!((next, due.len()), (steps.len(), 0));
        assert_eq!(self.get("argmax_o"), self.unit.argmax, "ARGMAX behind {v:?}");
    }

    fn result(&self) -> Option<(u64, u64, Vec<u8>)> {
        let mut bytes = vec![0; COLS];
        self.sim.signal("out_data_o").get_bytes(&mut bytes);
        (self.get("out_valid_o") == 1).then(|| (self.get("out_dest_o"), self.get("out_addr_o"), bytes))
    }

    /// A SCALAR to its last write, or to a reset in that cycle.
    async fn scalar(&mut self, i: &Scalar, reset: Option<u64>) {
        for name in ["desc_valid_i", "scalar_desc_valid_i"] {
            self.set(name, 0);
        }
        self.set("lenc_i", self.unit.lenc.into());
        start_as(&self.sim, &self.clk, &Instruction::Scalar(i.clone()), ["scalar_desc_valid_i", "scalar_start_i"]).await;
        let steps = self.unit.steps(&i.nest);
        let (last, l) = (steps[steps.len() - 1].time, self.unit.latency);
        let mut due: BTreeMap<u64, Write> = BTreeMap::new();
        for t in 0..last + 14 {
            self.set("rst_i", (reset == Some(t)).into());
            self.clk.rising_edge().await;
            if let Some(step) = steps.iter().find(|s| s.time + u64::from(l.scalar_read) == t) {
                let at = |base: u32, n: usize| (base as i32 + step.offset[n]) as usize % 64;
                let a = self.unit.s[at(i.a_base, 1)];
                let b = i.imm.map_or(self.unit.s[at(i.b_base, 2)], F24::from);
                let (value, late) = match i.op {
                    ScalarOp::Mul => (a.mul(b), l.scalar_mul),
                    ScalarOp::Max => (a.max(b), l.scalar_mul),
                    ScalarOp::Add => (a.add(b), l.scalar_add),
                    ScalarOp::Recip => (a.recip(), l.scalar_recip),
                    ScalarOp::Rsqrt => (a.rsqrt(), l.scalar_recip),
                };
                due.insert(step.time + u64::from(late), Write::S(at(i.dst_base, 0), value));
            }
            let now = due.remove(&t);
            assert_eq!(self.get("events_o"), u64::from(now.is_some()) << 3, "writes of S, {t} cycles behind the start of {i:?}");
            assert_eq!(self.get("active_o"), u64::from(t <= last), "activity, {t} cycles behind the start of {i:?}");
            assert_eq!(self.result(), None, "a result of SCALAR");
            if let Some(write) = now {
                self.unit.write(&write);
            }
            if reset == Some(t) {
                self.set("rst_i", 0);
                for t in 0..20 {
                    self.clk.rising_edge().await;
                    assert_eq!(["active_o", "events_o"].map(|n| self.get(n)), [0; 2], "{t} cycles behind a reset");
                }
                self.unit.argmax = 0;
                return;
            }
        }
        assert!(due.is_empty());
    }

    /// Everything that V and S hold leaves as floats.
    async fn dump(&mut self) {
        let nest =
            |count: u32, word: i32, scalar: i32| Nest::from_strides(&[Stride { count, gap: 3, stride: [4, 0, word, 0, scalar] }]);
        // Of S: a word times a scale of 0, less the number.
        let all = Vector { src: Source::V, dest: VectorDest::OutFloat, lane_n: 32, ..Vector::default() };
        let of_s = Vector { mul1: Mul1::Scale, add: Add::MinusScalar, nest: nest(64, 0, 1), ..all.clone() };
        self.vector(&Vector { nest: nest(V_DEPTH as u32, 1, 0), ..all }, None).await;
        self.vector(&of_s, None).await;
    }
}

#[test]
fn instructions_of_the_vector_unit_write_the_numbers_of_the_rules_in_their_cycles() {
    let spec = block("systole_vector")
        .parameter("COLS", COLS)
        .parameter("LANES", LANES)
        .parameter("V_DEPTH", V_DEPTH)
        .parameter("PARAM_DEPTH", PARAM_DEPTH)
        .parameter("LG", LG);
    bench(&spec, 3, |sim, clk| async move {
        let random = sim.random("instructions");
        let unit = Unit::new(Latency::of(&Config::named("tiny,VEC_LANES=2").unwrap()), functions());
        let mut bench = Bench { sim, clk, random, unit };
        bench.upload(false).await;
        // V from the array's sums, S from constants: nothing is known of either.
        let count = |count: u32, stride: [i32; 5]| Nest::from_strides(&[Stride { count, gap: 1, stride }]);
        let fill = Vector { dest: VectorDest::V, lane_n: 32, nest: count(V_DEPTH as u32, [1, 0, 0, 0, 0]), ..Vector::default() };
        let fill =
            Vector { nest: Nest { loops: fill.nest.loops.iter().map(|l| systole_isa::Loop { gap: 0, ..*l }).collect() }, ..fill };
        bench.vector(&fill, None).await;
        for n in 0..64 {
            for (op, imm) in [(ScalarOp::Mul, F24::ZERO), (ScalarOp::Add, number(&mut bench.random))] {
                let (imm, nest) = (Some(imm.into()), count(1, [0; 5]));
                bench.scalar(&Scalar { op, a_base: n, dst_base: n, imm, nest, ..Scalar::default() }, None).await;
            }
        }
        bench.dump().await;
        for n in 0..400u32 {
            bench.unit.pos = bench.random.below(12) as u32;
            bench.unit.lenc = bench.unit.pos / COLS as u32;
            if n % 100 == 50 {
                bench.upload(true).await;
                // The smallest numbers, added to nothing.
                let smallest = Vector { mul1: Mul1::Scale, param_base: PARAM_DEPTH as u32 - 1, ..fill.clone() };
                bench.vector(&smallest, None).await;
                bench.dump().await;
            }
            if bench.random.chance(0.3) {
                let loops = 1 + bench.random.below(2) as usize;
                let strides: Vec<Stride> = (0..loops)
                    .map(|_| Stride {
                        count: 1 + bench.random.below(5) as u32,
                        gap: bench.random.below(3) as u8,
                        stride: std::array::from_fn(|_| bench.random.below(9) as i32 - 4),
                    })
                    .collect();
                let mut nest = Nest::from_strides(&strides);
                nest.loops[loops - 1].len = bench.random.chance(0.3);
                let random = &mut bench.random;
                let instruction = Scalar {
                    op: one(random, ScalarOp::ALL),
                    a_base: random.below(64) as u32,
                    b_base: random.below(64) as u32,
                    dst_base: random.below(64) as u32,
                    imm: random.chance(0.3).then(|| number(random).into()),
                    nest,
                };
                let reset = bench.random.chance(0.1).then(|| bench.random.below(20));
                bench.scalar(&instruction, reset).await;
            } else {
                let instruction = bench.unit.instruction(&mut bench.random);
                let reset = (bench.random.chance(0.1) && instruction.max == MaxOf::Off).then(|| bench.random.below(60));
                bench.vector(&instruction, reset).await;
            }
            if n % 2 == 1 {
                bench.dump().await;
            }
        }
    });
}
