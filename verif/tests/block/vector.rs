// SPDX-License-Identifier: Apache-2.0
//! The vector unit by itself (docs/vector.md): random instructions, with fewer lanes than columns; every result in its cycle, then all of V and S,
//! against the rules in F24. With it `vec_lane` and `scalar`, which are chosen and fed by it alone. What overlaps from one instruction to the next is
//! the chip's (`verif/tests/random_vectors.rs`).

use super::shared::unit::start_as;
use crate::common::{bench, block};
use harness::{Clock, Sim, Stream};
use std::collections::BTreeMap;
use systole_golden::f24::F24;
use systole_isa::f24::{SEGMENTS, Segment, encode_param, encode_segment, functions};
use systole_isa::nest::{Nest, Step, Stride};
use systole_isa::program::{Add, Function, MaxOf, Mul1, Mul2, Mul3, Scalar, ScalarOp, Source, SumOf, Vector, VectorDest};
use systole_isa::{Config, Instruction, Latency};

const COLS: usize = 4;
const LANES: usize = 2;
const GROUPS: u64 = (COLS / LANES) as u64;
const V_DEPTH: usize = 16;
const PARAM_DEPTH: usize = 8;
/// log2 of R / C.
const LG: u32 = 1;

type Word = [F24; COLS];

/// What a step writes, in which cycle behind P.
#[derive(Clone)]
enum Write {
    /// Lanes of a word of V.
    V(usize, Vec<(usize, F24)>),
    /// A number of S.
    S(usize, F24),
    /// A result: POST's number of the destination, the address, the bytes.
    Result(u64, u64, Vec<u8>),
}

/// Memories of the unit, and the run's registers.
struct Unit {
    v: [Word; V_DEPTH],
    s: [F24; 64],
    params: [[(F24, F24); COLS]; PARAM_DEPTH],
    functions: [[Segment; SEGMENTS]; 4],
    argmax: u64,
    pos: u32,
    lenc: u32,
    latency: Latency,
    /// Sums under way by red mod 16, and steps since a reduction started.
    sums: [i64; 16],
    since: u64,
}

/// A number that sums, codes and functions tell apart; rarely any, or one of the smallest.
fn number(random: &mut Stream) -> F24 {
    match random.below(13) {
        0 => F24::ZERO,
        12 => F24::from_bits(((1 + random.below(3)) << 15 | random.below(1 << 15) | random.below(2) << 23) as u32),
        1 => F24::from_bits(random.below(1 << 24) as u32),
        2 => F24::from_int(random.below(300) as i64 - 150),
        _ => F24::from_bits(((118 + random.below(16)) << 15 | random.below(1 << 15) | random.below(2) << 23) as u32),
    }
}

fn one<T: Copy>(random: &mut Stream, all: &[T]) -> T {
    all[random.below(all.len() as u64) as usize]
}

/// Lanes from `lane_lo` on that count.
fn counts(v: &Vector, lane: usize) -> bool {
    lane >= v.lane_lo as usize && lane < (v.lane_lo + v.lane_n) as usize
}

impl Unit {
    /// Any instruction that keeps the rules: what it reads of V and S it does not write, its reductions do not meet.
    fn instruction(&self, random: &mut Stream) -> Vector {
        loop {
            let src = one(random, Source::ALL);
            let dest = one(random, VectorDest::ALL);
            let loops = 1 + random.below(4) as usize;
            let reduce = random.below(1 << loops) as u32;
            let least = if dest == VectorDest::OutFloat { 3 } else { GROUPS - 1 };
            let strides: Vec<Stride> = (0..loops)
                .map(|l| Stride {
                    count: 1 + random.below(3) as u32,
                    gap: if src == Source::Array { 0 } else { (least + random.below(3)) as u8 },
                    stride: [3, 3, 3, 3, if reduce >> l & 1 == 1 { 1 } else { 4 }].map(|n| random.below(n) as i32),
                })
                .collect();
            let mut nest = Nest::from_strides(&strides);
            nest.loops[loops - 1].len = random.chance(0.3);
            let max = if random.chance(0.4) { one(random, MaxOf::ALL) } else { MaxOf::Off };
            let lane_lo = if random.chance(0.6) { 0 } else { random.below(COLS as u64) as u32 };
            let v = Vector {
                a_base: random.below(V_DEPTH as u64) as u32,
                b_base: random.below(V_DEPTH as u64) as u32,
                c_base: random.below(V_DEPTH as u64) as u32,
                dst_base: random.below(0x1_0000) as u32,
                param_base: random.below(PARAM_DEPTH as u64) as u32,
                s_base: random.below(64) as u32,
                red_base: random.below(64) as u32,
                zero_point: random.below(256) as u8 as i8,
                lo: -(random.below(129) as i16) as i8,
                hi: random.below(128) as i8,
                append: random.chance(0.4),
                tail: random.chance(0.3),
                tail_row: random.below(3) as u8,
                s_fixed: random.chance(0.3),
                red_fixed: random.chance(0.3),
                reduce,
                lane_lo,
                lane_n: if random.chance(0.5) { 32 - lane_lo } else { 1 + random.below(COLS as u64) as u32 },
                src,
                mul1: one(random, Mul1::ALL),
                mul2: one(random, Mul2::ALL),
                add: one(random, Add::ALL),
                function: random.chance(0.4).then(|| one(random, Function::ALL)),
                mul3: one(random, Mul3::ALL),
                dest,
                max,
                sum: if max == MaxOf::Off { one(random, SumOf::ALL) } else { SumOf::Off },
                nest,
            };
            if self.keeps_the_rules(&v) {
                return v;
            }
        }
    }

    fn steps(&self, nest: &Nest) -> Vec<Step> {
        nest.at(self.lenc).iter().collect()
    }

    fn register(base: u32, fixed: bool, step: &Step) -> usize {
        (base as i32 + if fixed { 0 } else { step.offset[4] }) as usize % 64
    }

    /// Words of V that are a, b, c, and the destination.
    fn words(&self, v: &Vector, step: &Step) -> ([usize; 3], u32) {
        let word = |base: u32, offset: i32| (base as i32 + offset) as usize % V_DEPTH;
        let [dst, _, a, bc, _] = step.offset;
        let groups = if v.dest == VectorDest::WColumn { 1 << LG } else { 1 };
        let further = if v.append { self.pos * groups } else { 0 };
        let words = [word(v.a_base, a), word(v.b_base, bc), word(v.c_base, bc)];
        (words, ((v.dst_base as i32 + dst) as u32 + further) & 0xffff)
    }

    fn keeps_the_rules(&self, v: &Vector) -> bool {
        let steps = self.steps(&v.nest);
        let reads: Vec<usize> = steps.iter().flat_map(|s| self.words(v, s).0).collect();
        let clash = |s: &Step| v.dest == VectorDest::V && reads.contains(&(self.words(v, s).1 as usize % V_DEPTH));
        let scalars: Vec<usize> = steps.iter().map(|s| Unit::register(v.s_base, v.s_fixed, s)).collect();
        let reduces = v.max != MaxOf::Off || v.sum != SumOf::Off;
        let mut under_way: BTreeMap<usize, usize> = BTreeMap::new();
        let orderly = !reduces
            || steps.iter().all(|s| {
                let red = Unit::register(v.red_base, v.red_fixed, s);
                let (starts, ends) = self.edges(v, s);
                let fits = if starts { !under_way.contains_key(&(red % 16)) } else { under_way.get(&(red % 16)) == Some(&red) };
                under_way.insert(red % 16, red);
                if ends {
                    under_way.remove(&(red % 16));
                }
                fits && !scalars.contains(&red)
            });
        let inner = v.max != MaxOf::ArgMax || v.reduce & (v.reduce + 1) == 0;
        steps.len() <= 60 && orderly && inner && !steps.iter().any(clash)
    }

    /// Whether a reduction starts at a step, and whether it ends.
    fn edges(&self, v: &Vector, step: &Step) -> (bool, bool) {
        let all = |at: u8| u32::from(at) & v.reduce == v.reduce;
        (all(step.at_first), all(step.at_last))
    }

    /// What a step does, as the page says; `sums` are the array's. Its writes with their cycles behind P.
    fn step(&mut self, v: &Vector, step: &Step, sums: &[i32; COLS]) -> Vec<(u64, Write)> {
        let ([a, b, c], dst) = self.words(v, step);
        let a = if v.src == Source::V { self.v[a] } else { sums.map(F24::from_int) };
        let (b, c) = (self.v[b], self.v[c]);
        let scalar = self.s[Unit::register(v.s_base, v.s_fixed, step)];
        let params = self.params[(v.param_base as i32 + step.offset[1]) as usize % PARAM_DEPTH];
        let tail = v.tail && step.at_last >> (v.nest.loops.len() - 1) & 1 == 1;
        let (mut s, mut f) = ([F24::ZERO; COLS], [F24::ZERO; COLS]);
        for lane in 0..COLS {
            let (scale, bias) = params[lane];
            let m1 = match v.mul1 {
                Mul1::One => a[lane],
                Mul1::Scale => a[lane].mul(scale),
                Mul1::B => a[lane].mul(b[lane]),
                Mul1::A => a[lane].mul(a[lane]),
            };
            let m2 = match v.mul2 {
                Mul2::One => m1,
                Mul2::Scalar => m1.mul(scalar),
                Mul2::C => m1.mul(c[lane]),
                Mul2::Partner => a[lane ^ 1].mul(c[lane]),
            };
            s[lane] = match v.add {
                Add::Zero => m2,
                Add::MinusScalar => m2.add(scalar.neg()),
                Add::Bias => m2.add(bias),
                Add::C => m2.add(c[lane]),
                Add::M1 => m2.add(m1),
            };
            if tail && lane > self.pos as usize % COLS + usize::from(v.tail_row) {
                s[lane] = F24::LOWEST;
            }
            let y = v.function.map_or(s[lane], |kind| s[lane].function(kind, &self.functions[kind as usize]));
            f[lane] = match v.mul3 {
                Mul3::One => y,
                Mul3::S => y.mul(s[lane]),
                Mul3::B => y.mul(b[lane]),
                Mul3::Scalar => y.mul(scalar),
            };
        }
        let lanes: Vec<usize> =
            (0..COLS).filter(|&l| counts(v, l) && (v.mul1 != Mul1::Scale || params[l].0 != F24::ZERO)).collect();
        let code = |lane: usize| if lanes.contains(&lane) { f[lane].code(v.zero_point, v.lo, v.hi) } else { 0 };
        let red = Unit::register(v.red_base, v.red_fixed, step);
        let (starts, ends) = self.edges(v, step);
        self.since = if starts { 0 } else { self.since + 1 };
        let l = self.latency;
        let late = if v.function.is_some() { u64::from(l.vec_fn) } else { 0 };
        let mut writes = vec![];
        if v.max != MaxOf::Off {
            let of = |lane: usize| if v.max == MaxOf::MaxAbs { s[lane].abs() } else { s[lane] };
            let first = lanes.iter().copied().reduce(|best, lane| if of(lane) > of(best) { lane } else { best });
            let none = if v.max == MaxOf::MaxAbs { F24::ZERO } else { F24::LOWEST };
            let own = first.map_or(none, of);
            if starts || own > self.s[red] {
                self.s[red] = own;
                if v.max == MaxOf::ArgMax {
                    self.argmax = (first.unwrap_or(0) as u64 + COLS as u64 * self.since) & 0xffff;
                }
            }
        }
        if v.sum != SumOf::Off {
            let value = |lane: &usize| match v.sum {
                SumOf::Code => i64::from(code(*lane)),
                SumOf::T => i64::from(f[*lane].t()),
                _ => i64::from(f[*lane].t()).pow(2),
            };
            let before = if starts { 0 } else { self.sums[red % 16] };
            self.sums[red % 16] = before + lanes.iter().map(value).sum::<i64>();
            if ends {
                writes.push((late + u64::from(l.vec_sum), Write::S(red, F24::from_int(self.sums[red % 16]))));
            }
        }
        let (at, dst) = (late + u64::from(l.vec_code), u64::from(dst));
        match v.dest {
            VectorDest::None => {}
            VectorDest::V => {
                for (group, lanes) in (0..COLS).collect::<Vec<_>>().chunks(LANES).enumerate() {
                    let lanes = lanes.iter().filter(|l| counts(v, **l) && (v.mul1 != Mul1::Scale || params[**l].0 != F24::ZERO));
                    let lanes = lanes.map(|&l| (l, f[l])).collect();
                    writes.push((late + u64::from(l.vec_write) + group as u64, Write::V(dst as usize % V_DEPTH, lanes)));
                }
            }
            VectorDest::OutFloat => {
                for (n, quarter) in f.chunks(COLS / 4).enumerate() {
                    let bytes = quarter.iter().flat_map(|f| f.word().to_le_bytes()).collect();
                    writes.push((at + n as u64, Write::Result(4, (dst + n as u64) & 0xffff, bytes)));
                }
            }
            _ => {
                let codes = (0..COLS).map(|lane| code(lane) as u8).collect();
                writes.push((at, Write::Result(v.dest as u64 - 2, dst, codes)));
            }
        }
        writes
    }

    fn write(&mut self, write: &Write) {
        match write {
            Write::V(word, lanes) => lanes.iter().for_each(|(lane, f)| self.v[*word][*lane] = *f),
            Write::S(at, value) => self.s[*at] = *value,
            Write::Result(..) => {}
        }
    }
}

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
        let unit = Unit {
            v: [[F24::ZERO; COLS]; V_DEPTH],
            s: [F24::ZERO; 64],
            params: [[(F24::ZERO, F24::ZERO); COLS]; PARAM_DEPTH],
            functions: functions(),
            argmax: 0,
            pos: 0,
            lenc: 0,
            latency: Latency::of(&Config::named("tiny,VEC_LANES=2").unwrap()),
            sums: [0; 16],
            since: 0,
        };
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
