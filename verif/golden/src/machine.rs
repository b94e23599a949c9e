// SPDX-License-Identifier: Apache-2.0
//! The instruction-level model: an image runs bit-exact, in exact cycles, without Verilog.
//!
//! Units step in the order of their effects on memory (docs/timing.md): of two effects in one
//! cycle, reads come first. Costs are by step, not by cycle.

mod post;
mod vector;
mod writes;

use post::Flying;
pub use writes::Written;

use crate::f24::F24;
use crate::{MachineError, kernel};
use std::collections::VecDeque;
use systole_isa::f24::{SEGMENTS, Segment, decode_param, decode_segment};
use systole_isa::nest::{Loop, Nest};
use systole_isa::program::{Lane, Load, Matmul, OneHot, Post, Program, Register, Scalar, Store, Vector};
use systole_isa::regs::EVENTS;
use systole_isa::requant::Param;
use systole_isa::{Config, Image, Instruction, Latency};
use wide::i16x8;

/// What a run leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunResult {
    /// The output frame.
    pub frame: Vec<u8>,
    /// Cycles from launch to DONE.
    pub cycles: u64,
    /// Vectors that entered the array; times R C: multiplications.
    pub vectors: u64,
    /// How often each event happened, by number (`systole_isa::regs::EVENTS`).
    pub events: [u64; EVENTS.len()],
    /// Lines of RRAM that its SCRUBs look at.
    pub scrub_lines: u64,
}

/// A machine of one configuration. W SRAM, X, V and S keep their content from run to run.
pub struct Machine {
    config: Config,
    latency: Latency,
    kernel: fn(&mut [i32], &[i8], &[i16x8]),
    image: Option<Loaded>,
    x: Vec<i8>,      // [word][row]
    w_sram: Vec<i8>, // [word][row][col]
    acc: Vec<i32>,   // [address][col]
    numbers: vector::Numbers,
    written: Option<Vec<Written>>,
}

struct Loaded {
    /// Each program, the row in which it begins, whether it depends on LENC.
    programs: Vec<(u32, Program, bool)>,
    /// Which program's rows are with their units, and at which LENC.
    arranged: Option<(usize, u32)>,
    matmuls: Vec<Started<Matmul>>,
    posts: Vec<Started<Post>>,
    loads: Vec<Started<Load>>,
    stores: Vec<Started<Store>>,
    lanes: Vec<Started<Lane>>,
    vectors: Vec<Started<Vector>>,
    scalars: Vec<Started<Scalar>>,
    scrub_lines: u64,
    end: u64,
    end_row: usize,
    weights: Vec<i16x8>, // by tile, as the kernel takes them
    params: Vec<Param>,
    luts: Vec<[i8; 256]>,
    taps: Vec<[i16; 3]>,
    functions: Vec<Segment>, // [function][segment]
    numbers: Vec<[F24; 2]>,  // scale and bias, [word][lane]
    in_bytes: usize,
    out_bytes: usize,
}

struct Started<T> {
    row: usize,
    first: u64, // cycle of the first step
    what: T,
}

/// A nest being stepped: like `Nest::iter`, without allocation for each step.
struct Walk<'a> {
    loops: &'a [Loop],
    index: [u32; 8],
    time: u64,
    at: [i32; 5],
    stepped: usize, // loop that stepped to get here; 99 for the first step
    done: bool,
}

impl<'a> Walk<'a> {
    fn new(nest: &'a Nest, first: u64, base: [i32; 5]) -> Walk<'a> {
        Walk { loops: &nest.loops, index: [0; 8], time: first, at: base, stepped: 99, done: false }
    }

    #[inline]
    fn step(&mut self) {
        for (l, lp) in self.loops.iter().enumerate() {
            if self.index[l] + 1 < lp.count {
                self.index[l] += 1;
                for (a, d) in self.at.iter_mut().zip(lp.d) {
                    *a = a.wrapping_add(d);
                }
                self.time += 1 + u64::from(lp.gap);
                self.stepped = l;
                return;
            }
            self.index[l] = 0;
        }
        self.done = true;
    }

    fn all(&self, mask: u32, last: bool) -> bool {
        self.loops.iter().enumerate().all(|(l, lp)| mask >> l & 1 == 0 || self.index[l] == if last { lp.count - 1 } else { 0 })
    }
}

/// Where the units of a run stand.
struct Run<'a> {
    l: &'a Loaded,
    post: Option<(usize, Walk<'a>)>,
    next_post: usize,
    flying: VecDeque<Flying>,
    vector: Option<Box<vector::Unit<'a>>>,
    out_port: Option<vector::OutPort>,
    input: &'a [u8],
    out: Vec<u8>,
    events: [u64; EVENTS.len()],
    /// Cycle of the last take of POST or VECTOR.
    taken: u64,
    /// The lane engine: running sums `[sum][lane]`, the two lines above `[column][line][lane]`, how many of them count,
    /// the column, and results and lines of results still to be left out.
    sums: [[i32; 32]; 3],
    lines: Vec<[[i32; 32]; 2]>,
    above: usize,
    column: usize,
    skip: u32,
    skip_lines: u32,
}

// Events by number.
const VECTORS: usize = 0;
const W_RRAM: usize = 1;
const W_SRAM: usize = 2;
const X_FLAT: usize = 3;
const X_WRITE: usize = 4;
const W_WRITE: usize = 5;
const POST: usize = 6;
const OUT_WRITE: usize = 7;
const LANE: usize = 8;
const VECTOR: usize = 9;
const VEC_FN: usize = 10;
const V_WRITE: usize = 11;
const SCALAR: usize = 12;

fn rule<T>(cycle: u64, row: usize, unit: &'static str, rule: impl Into<String>) -> Result<T, MachineError> {
    Err(MachineError::Rule { cycle, row, unit, rule: rule.into() })
}

impl Machine {
    /// A machine with nothing loaded; X, W SRAM, accumulators, V, S and registers are zero.
    pub fn new(config: Config) -> Machine {
        let (r, c) = (config.rows as usize, config.cols as usize);
        Machine {
            latency: Latency::of(&config),
            kernel: kernel::for_cols(c),
            x: vec![0; config.x_depth as usize * r],
            w_sram: vec![0; config.w_sram_depth as usize * r * c],
            acc: vec![0; config.acc_depth as usize * c],
            numbers: vector::Numbers::new(if config.vec_lanes == 0 { 0 } else { config.v_depth as usize }, c),
            image: None,
            written: None,
            config,
        }
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Sets the registers POS and TOK, 16 bits each, for the runs to come; they begin in the first row.
    pub fn set_registers(&mut self, pos: u32, tok: u32) {
        self.set_chunk(pos, &[tok], 0);
    }

    /// Sets the registers POS, TOK, TOK1 .. (those that are not given to 0) and ENTRY, 16 bits each, for the runs to come.
    pub fn set_chunk(&mut self, pos: u32, tokens: &[u32], entry: u32) {
        self.numbers.pos = pos & 0xffff;
        self.numbers.tokens = std::array::from_fn(|row| tokens.get(row).map_or(0, |t| t & 0xffff));
        self.numbers.entry = entry & 0xffff;
    }

    /// The register ARGMAX: where the last reduction of that kind found its largest number.
    pub fn argmax(&self) -> u32 {
        self.numbers.argmax
    }

    /// The numbers of V, C a word.
    pub fn v(&self) -> &[F24] {
        &self.numbers.v
    }

    /// The numbers of S.
    pub fn s(&self) -> &[F24; 64] {
        &self.numbers.s
    }

    /// Loads an image.
    ///
    /// # Errors
    /// [`MachineError::Isa`]; [`MachineError::Rule`] for rows that break the rules of issue.
    pub fn load_image(&mut self, image: &Image) -> Result<(), MachineError> {
        image.check_machine(&self.config)?;
        let mut programs = Vec::new();
        for (entry, program) in image.programs()? {
            let varies = self.check_rows(&program)?;
            programs.push((entry, program, varies));
        }
        let mut weights = image.weights.clone();
        let tile = (self.config.rows * self.config.cols) as usize;
        weights.resize(weights.len().next_multiple_of(tile), 0);
        let c = self.config.cols as usize;
        let mut params = image.params.clone();
        params.resize(params.len().next_multiple_of(c), Param { bias: 0, q: 1 << 23, shift: 63 });
        let (functions, numbers) = image.vector.split_at(image.vector.len().min(4 * SEGMENTS));
        let mut l = Loaded {
            programs,
            arranged: None,
            matmuls: vec![],
            posts: vec![],
            loads: vec![],
            stores: vec![],
            lanes: vec![],
            vectors: vec![],
            scalars: vec![],
            scrub_lines: 0,
            end: 0,
            end_row: 0,
            weights: kernel::pack(&weights, self.config.rows as usize, c),
            params,
            luts: image.luts.clone(),
            taps: image.taps.clone(),
            functions: functions.iter().map(|&w| decode_segment(w)).collect(),
            numbers: numbers.iter().map(|&w| decode_param(w)).map(|(scale, bias)| [scale.into(), bias.into()]).collect(),
            in_bytes: image.in_bytes as usize,
            out_bytes: image.out_bytes as usize,
        };
        // Faults that do not wait for a run.
        for which in (0..l.programs.len()).rev() {
            self.arrange(&mut l, which, 0)?;
        }
        self.image = Some(l);
        Ok(())
    }

    /// Checks the rules of issue, which hold for every LENC or for none. Whether the program depends on LENC.
    fn check_rows(&self, program: &Program) -> Result<bool, MachineError> {
        let mut free = 0u64; // first cycle in which the next row may act
        let (mut ended, mut varies) = (false, false);
        for (row, r) in program.rows.iter().enumerate() {
            let unit = r.instruction.unit().name();
            if ended {
                return rule(r.cycle, row, unit, "a row behind END");
            }
            if r.cycle < free {
                return rule(r.cycle, row, unit, format!("the sequencer is free from cycle {free} on"));
            }
            free = r.cycle + u64::from(r.instruction.words().max(self.latency.row_spacing));
            let len = r.instruction.nest().is_some_and(|n| n.loops.iter().any(|l| l.len));
            let vector = match &r.instruction {
                Instruction::Lane(_) if self.config.lane_taps == 0 => {
                    return rule(r.cycle, row, unit, "this machine has no lane engine");
                }
                Instruction::Vector(_) | Instruction::Scalar(_) | Instruction::Wait(_) => true,
                Instruction::Matmul(m) if m.w_zero != 0 && !self.config.weight_zero => {
                    return rule(r.cycle, row, unit, "this machine subtracts no zero point from weights");
                }
                Instruction::Matmul(m) => len || m.one_hot.is_some(),
                _ => len,
            };
            if vector && self.config.vec_lanes == 0 {
                return rule(r.cycle, row, unit, "this machine has no vector unit");
            }
            if len && !matches!(r.instruction, Instruction::Matmul(_) | Instruction::Vector(_) | Instruction::Scalar(_)) {
                return rule(r.cycle, row, unit, "only loops of MATMUL, VECTOR and SCALAR have run-time length");
            }
            if let Instruction::Matmul(m) = &r.instruction
                && m.one_hot.is_some()
                && m.nest.loops.iter().any(|l| l.d[0] != 0)
            {
                return rule(r.cycle, row, unit, "with one_hot the jumps d0 are 0");
            }
            varies |= len || matches!(r.instruction, Instruction::Wait(_));
            ended = r.instruction == Instruction::End;
        }
        if !ended {
            return rule(program.cycles(), program.rows.len(), "END", "the timetable has no END");
        }
        Ok(varies)
    }

    /// Hands the rows of program `which` to their units, as they run where LENC is `lenc`.
    fn arrange(&self, l: &mut Loaded, which: usize, lenc: u32) -> Result<(), MachineError> {
        l.arranged = None;
        l.matmuls.clear();
        l.posts.clear();
        l.loads.clear();
        l.stores.clear();
        l.lanes.clear();
        l.vectors.clear();
        l.scalars.clear();
        l.scrub_lines = 0;
        // A row keeps its number in the timetable, where WAIT has one too.
        let (entry, program, _) = &l.programs[which];
        let timed = program.rows.iter().enumerate().filter(|(_, r)| !matches!(r.instruction, Instruction::Wait(_)));
        let rows: Vec<usize> = timed.map(|(row, _)| *entry as usize + row).collect();
        for (row, r) in rows.into_iter().zip(program.at(lenc).rows) {
            let first = self.latency.first_step(r.cycle, r.instruction.words());
            match r.instruction {
                Instruction::Matmul(what) => l.matmuls.push(Started { row, first, what }),
                Instruction::Post(what) => l.posts.push(Started { row, first, what }),
                Instruction::Load(what) => l.loads.push(Started { row, first, what }),
                Instruction::Store(what) => l.stores.push(Started { row, first, what }),
                Instruction::Lane(what) => l.lanes.push(Started { row, first, what }),
                Instruction::Vector(what) => l.vectors.push(Started { row, first, what }),
                Instruction::Scalar(what) => l.scalars.push(Started { row, first, what }),
                Instruction::Scrub(what) => l.scrub_lines += u64::from(what.lines),
                Instruction::Wait(_) => {}
                Instruction::End => (l.end, l.end_row) = (r.cycle, row),
            }
        }
        fn busy<T>(list: &[Started<T>], unit: &'static str, span: impl Fn(&T) -> u64) -> Result<(), MachineError> {
            for pair in list.windows(2) {
                let end = pair[0].first + span(&pair[0].what);
                if pair[1].first <= end {
                    return rule(pair[1].first, pair[1].row, unit, format!("the unit is busy until cycle {end}"));
                }
            }
            Ok(())
        }
        busy(&l.matmuls, "MATMUL", |i| i.nest.span())?;
        busy(&l.loads, "LOAD", |i| i.nest.span())?;
        busy(&l.stores, "STORE", |i| i.nest.span())?;
        busy(&l.lanes, "LANE", |i| i.nest.span())?;
        busy(&l.scalars, "SCALAR", |i| i.nest.span())?;
        self.check_vectors(l)?;
        l.arranged = Some((which, lenc));
        Ok(())
    }

    /// Runs one frame, with the registers as they are.
    ///
    /// # Errors
    /// [`MachineError::NoImage`], [`MachineError::FrameLength`], [`MachineError::Rule`].
    pub fn run(&mut self, input: &[u8]) -> Result<RunResult, MachineError> {
        let mut image = self.image.take().ok_or(MachineError::NoImage)?;
        let (entry, lenc) = (self.numbers.entry, self.numbers.pos / self.config.cols);
        let ready = match image.programs.iter().position(|p| p.0 == entry) {
            None => rule(0, entry as usize, "END", "no program begins in this row"),
            Some(which) => {
                let lenc = if image.programs[which].2 { lenc } else { 0 };
                if image.arranged == Some((which, lenc)) { Ok(()) } else { self.arrange(&mut image, which, lenc) }
            }
        };
        let result = ready.and_then(|()| self.run_loaded(&image, input));
        self.image = Some(image);
        result
    }

    fn run_loaded(&mut self, l: &Loaded, input: &[u8]) -> Result<RunResult, MachineError> {
        if input.len() != l.in_bytes {
            return Err(MachineError::FrameLength { expected: l.in_bytes, actual: input.len() });
        }
        let c = self.config.cols as usize;
        let mut run = Run {
            l,
            post: None,
            next_post: 0,
            flying: VecDeque::new(),
            vector: vector::Unit::new(l),
            out_port: vector::OutPort::new(l, self.config.out_depth),
            input,
            out: vec![0; self.config.out_depth as usize * c],
            events: [0; EVENTS.len()],
            taken: 0,
            sums: [[0; 32]; 3],
            lines: vec![[[0; 32]; 2]; self.config.line_depth as usize],
            above: 0,
            column: 0,
            skip: 0,
            skip_lines: 0,
        };
        let lead = u64::from(self.latency.w_lead);
        let (mut nm, mut nl, mut ns, mut ne) = (0, 0, 0, 0);
        let mut matmul: Option<(usize, Walk, Held)> = None;
        let mut load: Option<(usize, Walk)> = None;
        let mut store: Option<(usize, Walk)> = None;
        let mut lane: Option<(usize, Walk)> = None;
        loop {
            if matmul.is_none() && nm < l.matmuls.len() {
                let m = &l.matmuls[nm];
                let pad = m.what.pad.map_or((0, 0), |p| (p.y_base, p.x_base));
                let base = [m.what.x_base as i32, m.what.w_base as i32, m.what.acc_base as i32, pad.0, pad.1];
                matmul = Some((nm, Walk::new(&m.what.nest, m.first, base), Held::None));
                nm += 1;
            }
            if load.is_none() && nl < l.loads.len() {
                let i = &l.loads[nl];
                load = Some((nl, Walk::new(&i.what.nest, i.first, [i.what.dst_base as i32, i.what.src_base as i32, 0, 0, 0])));
                nl += 1;
            }
            if store.is_none() && ns < l.stores.len() {
                let i = &l.stores[ns];
                store = Some((ns, Walk::new(&i.what.nest, i.first, [i.what.dst_base as i32, i.what.src_base as i32, 0, 0, 0])));
                ns += 1;
            }
            if lane.is_none() && ne < l.lanes.len() {
                let i = &l.lanes[ne];
                let base = [i.what.x_base as i32, i.what.tap_base as i32, 0, i.what.y_base, i.what.x_index_base];
                lane = Some((ne, Walk::new(&i.what.nest, i.first, base)));
                ne += 1;
            }
            // The next effect of each unit; reads of a cycle come before its writes.
            let tm = matmul.as_ref().map_or(u64::MAX, |(_, w, _)| w.time + lead);
            let ts = store.as_ref().map_or(u64::MAX, |(_, w)| w.time + u64::from(self.latency.store_read));
            let tl = load.as_ref().map_or(u64::MAX, |(_, w)| w.time + u64::from(self.latency.load_write));
            let te = lane.as_ref().map_or(u64::MAX, |(_, w)| w.time + u64::from(self.latency.lane_read));
            let (tv, vector_writes) = run.vector.as_ref().map_or((u64::MAX, false), |v| v.next(&self.latency));
            let (tq, reads) = run.flying.front().map_or((u64::MAX, false), |f| (f.at, !f.read_done));
            let next = tm.min(ts).min(tl).min(tq).min(te).min(tv);
            if next == u64::MAX {
                break;
            }
            if next >= l.end {
                return rule(next, l.end_row, "END", format!("work remains in cycle {next}"));
            }
            if tv == next && !vector_writes {
                self.vector_step(&mut run)?;
            } else if tq == next && reads {
                self.residual_read(&mut run);
            } else if ts == next {
                let Some((i, walk)) = &mut store else { continue };
                self.store_step(&mut run, *i, walk)?;
                if walk.done {
                    store = None;
                }
            } else if te == next {
                let Some((i, walk)) = &mut lane else { continue };
                self.lane_step(&mut run, *i, walk)?;
                if walk.done {
                    lane = None;
                }
            } else if tm == next {
                let Some((i, walk, held)) = &mut matmul else { continue };
                let others = ts.min(tl).min(tq).min(te).min(tv);
                // Until another unit has an effect, MATMUL runs alone.
                loop {
                    self.matmul_step(&mut run, *i, walk, held)?;
                    walk.step();
                    let mut flying = run.flying.front().map_or(u64::MAX, |f| f.at);
                    if let Some(v) = &run.vector {
                        flying = flying.min(v.next(&self.latency).0);
                    }
                    if walk.done || walk.time + lead > others.min(flying) || walk.time + lead >= l.end {
                        break;
                    }
                }
                if walk.done {
                    matmul = None;
                }
            } else if tq == next {
                self.post_write(&mut run)?;
            } else if tv == next {
                self.vector_step(&mut run)?;
            } else {
                let Some((i, walk)) = &mut load else { continue };
                self.load_step(&mut run, *i, walk)?;
                if walk.done {
                    load = None;
                }
            }
        }
        if let Some((i, _)) = run.post.filter(|(_, w)| !w.done) {
            return rule(l.end, l.posts[i].row, "POST", "the run ends before all its vectors have come");
        }
        if run.next_post < l.posts.len() {
            return rule(l.end, l.posts[run.next_post].row, "POST", "no vector ever came");
        }
        if let Some(v) = &run.vector {
            v.finish(l)?;
        }
        run.out.truncate(l.out_bytes);
        let scrub_lines = l.scrub_lines;
        Ok(RunResult { frame: run.out, cycles: l.end, vectors: run.events[VECTORS], events: run.events, scrub_lines })
    }

    fn vector_step(&mut self, run: &mut Run) -> Result<(), MachineError> {
        let Some(mut unit) = run.vector.take() else { return Ok(()) };
        let done = self.vector_event(run, &mut unit);
        run.vector = Some(unit);
        done
    }

    #[inline]
    fn matmul_step(&mut self, run: &mut Run, index: usize, walk: &Walk, held: &mut Held) -> Result<(), MachineError> {
        let s = &run.l.matmuls[index];
        let (i, cycle) = (&s.what, walk.time);
        let (r, c) = (self.config.rows as usize, self.config.cols as usize);
        let (tile, vectors) = (r * c, kernel::tile_vectors(r, c));
        if walk.stepped as u32 >= i.hold {
            run.events[if i.w_sram { W_SRAM } else { W_RRAM }] += 1;
            let further = i.one_hot.map_or(0, |hot| self.entry(hot) / self.config.rows);
            let at = ((walk.at[1] as u32).wrapping_add(further) & 0xffff) as usize;
            if i.w_sram {
                let at = at % self.config.w_sram_depth as usize;
                let word = kernel::pack(&self.w_sram[at * tile..][..tile], r, c);
                *held = Held::Own(if i.w_zero == 0 { word } else { kernel::less(&word, i.w_zero) });
            } else if (at + 1) * vectors <= run.l.weights.len() {
                *held = match i.w_zero {
                    0 => Held::Rram(at * vectors),
                    zero => Held::Own(kernel::less(&run.l.weights[at * vectors..][..vectors], zero)),
                };
            } else {
                return rule(
                    cycle,
                    s.row,
                    "MATMUL",
                    format!("weight word {at} is beyond the image's {}", run.l.weights.len() / vectors),
                );
            }
        }
        let weights: &[i16x8] = match held {
            Held::Rram(at) => &run.l.weights[*at..*at + vectors],
            Held::Own(words) => words,
            Held::None => return rule(cycle, s.row, "MATMUL", "no weight word was loaded"),
        };
        let padded =
            i.pad.is_some_and(|p| !(0..p.y_size as i32).contains(&walk.at[3]) || !(0..p.x_size as i32).contains(&walk.at[4]));
        let mut pad_row;
        let x: &[i8] = if padded {
            pad_row = [i.pad.map_or(0, |p| p.value); 64];
            &pad_row[..r]
        } else if let Some(hot) = i.one_hot {
            pad_row = [0; 64];
            pad_row[self.entry(hot) as usize % r] = hot.value;
            &pad_row[..r]
        } else {
            let at = walk.at[0] as u32 as usize % self.config.x_depth as usize;
            &self.x[at * r..][..r]
        };
        let at = walk.at[2] as u32 as usize % self.config.acc_depth as usize;
        let acc = &mut self.acc[at * c..][..c];
        if i.first && walk.all(i.reduce, false) {
            acc.fill(0);
        }
        (self.kernel)(acc, x, weights);
        run.events[VECTORS] += 1;
        if i.last && walk.all(i.reduce, true) {
            let sums: [i32; 32] = std::array::from_fn(|i| self.acc.get(at * c + i).copied().unwrap_or(0));
            let take = cycle + u64::from(self.latency.w_lead + self.latency.post_take);
            self.take(run, s.row, &sums, take)?;
        }
        Ok(())
    }

    /// The entry of a table that a one-hot vector picks.
    fn entry(&self, hot: OneHot) -> u32 {
        match hot.register {
            Register::Pos => (self.numbers.pos + u32::from(hot.row)) & 0xffff,
            Register::Tok => self.numbers.tokens[usize::from(hot.row)],
        }
    }

    /// A step of the lane engine: three products a lane, and perhaps a result.
    fn lane_step(&mut self, run: &mut Run, index: usize, walk: &mut Walk) -> Result<(), MachineError> {
        let s = &run.l.lanes[index];
        let (i, cycle, c) = (&s.what, walk.time, self.config.cols as usize);
        let [x, tap, _, row, col] = walk.at;
        let inside = (0..i.y_size as i32).contains(&row) && (0..i.x_size as i32).contains(&col);
        if walk.all(i.row, false) {
            run.sums = [[0; 32]; 3];
            (run.skip, run.column) = (i.skip, 0);
        }
        if walk.all(i.tile, false) {
            (run.skip_lines, run.above) = (i.skip_lines, 0);
        }
        let at = (tap as u32 & 0xffff) as usize * 4 * c;
        let Some(taps) = run.l.taps.get(at..at + 4 * c) else {
            return rule(cycle, s.row, "LANE", format!("tap word {tap} is beyond the image's {}", run.l.taps.len() / 4 / c));
        };
        let Some(lines) = run.lines.get_mut(run.column) else {
            return rule(cycle, s.row, "LANE", format!("a line of more than {} columns", run.column));
        };
        let mut newest = [0; 32];
        if inside {
            run.events[LANE] += 1;
            run.events[X_FLAT] += 1;
            let groups = self.config.groups();
            let address = x as u32 & 0xffff;
            let word = (address / groups) as usize % self.config.x_depth as usize;
            let at = word * self.config.rows as usize + (address % groups * self.config.cols) as usize;
            for (v, &byte) in newest.iter_mut().zip(&self.x[at..at + c]) {
                *v = i32::from(byte) - i32::from(i.zero_point);
            }
        }
        let above = [if run.above >= 1 { lines[0] } else { [0; 32] }, if run.above >= 2 { lines[1] } else { [0; 32] }];
        for (line, values) in [newest, above[0], above[1]].iter().enumerate() {
            for (lane, &v) in values[..c].iter().enumerate() {
                for (sum, &w) in run.sums.iter_mut().zip(&taps[line * c + lane]) {
                    sum[lane] += v * i32::from(w);
                }
            }
        }
        *lines = [newest, above[0]];
        // The column is complete.
        let complete = run.sums[0];
        run.sums = [run.sums[1], run.sums[2], [0; 32]];
        let (column_last, line_last) = (walk.all(i.column, true), walk.all(i.line, true));
        let ends = column_last && line_last && run.skip == 0 && run.skip_lines == 0;
        run.skip -= u32::from(column_last && run.skip > 0);
        run.column += 1;
        if walk.all(i.row, true) {
            run.skip_lines -= u32::from(line_last && run.skip_lines > 0);
            run.above = (run.above + 1).min(2);
        }
        walk.step();
        if ends { self.take(run, s.row, &complete, cycle + u64::from(self.latency.lane_take)) } else { Ok(()) }
    }
}

enum Held {
    None,
    Rram(usize),
    /// From W SRAM, or less a zero point.
    Own(Vec<i16x8>),
}
