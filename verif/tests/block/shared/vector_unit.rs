// SPDX-License-Identifier: Apache-2.0
//! The vector unit's rules (docs/vector.md) in F24: random instructions that keep them, and what each step writes in which cycle.

use harness::Stream;
use std::collections::BTreeMap;
use systole_golden::f24::F24;
use systole_isa::Latency;
use systole_isa::f24::{SEGMENTS, Segment};
use systole_isa::nest::{Nest, Step, Stride};
use systole_isa::program::{Add, Function, MaxOf, Mul1, Mul2, Mul3, Source, SumOf, Vector, VectorDest};

/// Columns.
pub const COLS: usize = 4;
/// Lanes.
pub const LANES: usize = 2;
/// Groups of lanes that a word passes in.
pub const GROUPS: u64 = (COLS / LANES) as u64;
/// Words of V.
pub const V_DEPTH: usize = 16;
/// Words of parameters.
pub const PARAM_DEPTH: usize = 8;
/// log2 of R / C.
pub const LG: u32 = 1;

/// A word of V.
type Word = [F24; COLS];

/// What a step writes, in which cycle behind P.
#[derive(Clone)]
pub enum Write {
    /// Lanes of a word of V.
    V(usize, Vec<(usize, F24)>),
    /// A number of S.
    S(usize, F24),
    /// A result: POST's number of the destination, the address, the bytes.
    Result(u64, u64, Vec<u8>),
}

/// Memories of the unit, and the run's registers.
pub struct Unit {
    /// V, by word and lane.
    pub v: [Word; V_DEPTH],
    /// S.
    pub s: [F24; 64],
    /// Scale and bias, by word and lane.
    pub params: [[(F24, F24); COLS]; PARAM_DEPTH],
    /// Segments of the four functions.
    pub functions: [[Segment; SEGMENTS]; 4],
    /// ARGMAX.
    pub argmax: u64,
    /// POS of the run.
    pub pos: u32,
    /// LENC of the run.
    pub lenc: u32,
    /// The machine's latencies.
    pub latency: Latency,
    /// Sums under way by red mod 16.
    pub sums: [i64; 16],
    /// Steps since a reduction started.
    pub since: u64,
}

/// A number that sums, codes and functions tell apart; rarely any, or one of the smallest.
pub fn number(random: &mut Stream) -> F24 {
    match random.below(13) {
        0 => F24::ZERO,
        12 => F24::from_bits(((1 + random.below(3)) << 15 | random.below(1 << 15) | random.below(2) << 23) as u32),
        1 => F24::from_bits(random.below(1 << 24) as u32),
        2 => F24::from_int(random.below(300) as i64 - 150),
        _ => F24::from_bits(((118 + random.below(16)) << 15 | random.below(1 << 15) | random.below(2) << 23) as u32),
    }
}

/// One of several.
pub fn one<T: Copy>(random: &mut Stream, all: &[T]) -> T {
    all[random.below(all.len() as u64) as usize]
}

/// Lanes from `lane_lo` on that count.
fn counts(v: &Vector, lane: usize) -> bool {
    lane >= v.lane_lo as usize && lane < (v.lane_lo + v.lane_n) as usize
}

impl Unit {
    /// Nothing is known of its memories; V and S are written before they are read.
    pub fn new(latency: Latency, functions: [[Segment; SEGMENTS]; 4]) -> Unit {
        Unit {
            v: [[F24::ZERO; COLS]; V_DEPTH],
            s: [F24::ZERO; 64],
            params: [[(F24::ZERO, F24::ZERO); COLS]; PARAM_DEPTH],
            functions,
            argmax: 0,
            pos: 0,
            lenc: 0,
            latency,
            sums: [0; 16],
            since: 0,
        }
    }

    /// Any instruction that keeps the rules: what it reads of V and S it does not write, its reductions do not meet.
    pub fn instruction(&self, random: &mut Stream) -> Vector {
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

    /// Steps of a nest at the run's length.
    pub fn steps(&self, nest: &Nest) -> Vec<Step> {
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
    pub fn step(&mut self, v: &Vector, step: &Step, sums: &[i32; COLS]) -> Vec<(u64, Write)> {
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

    /// A write happens.
    pub fn write(&mut self, write: &Write) {
        match write {
            Write::V(word, lanes) => lanes.iter().for_each(|(lane, f)| self.v[*word][*lane] = *f),
            Write::S(at, value) => self.s[*at] = *value,
            Write::Result(..) => {}
        }
    }
}
