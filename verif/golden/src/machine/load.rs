// SPDX-License-Identifier: Apache-2.0
//! An image taken apart: its programs, checked; the rows of one of them, each with its unit; its tables, as units take them.

use super::{Machine, rule};
use crate::f24::F24;
use crate::{MachineError, kernel};
use systole_isa::f24::{SEGMENTS, Segment, decode_param, decode_segment};
use systole_isa::nest::Nest;
use systole_isa::program::{Lane, Load, Matmul, Post, Program, Row, Scalar, Store, Vector};
use systole_isa::requant::Param;
use systole_isa::{Image, Instruction};
use wide::i16x8;

/// An image in the machine.
pub(super) struct Loaded {
    pub(super) programs: Vec<Entry>,
    /// Which program's rows are with their units, and at which LENC.
    pub(super) arranged: Option<(usize, u32)>,
    pub(super) matmuls: Vec<Started<Matmul>>,
    pub(super) posts: Vec<Started<Post>>,
    pub(super) loads: Vec<Started<Load>>,
    pub(super) stores: Vec<Started<Store>>,
    pub(super) lanes: Vec<Started<Lane>>,
    pub(super) vectors: Vec<Started<Vector>>,
    pub(super) scalars: Vec<Started<Scalar>>,
    /// Lines of RRAM that its SCRUBs look at.
    pub(super) scrub_lines: u64,
    /// Cycle of END, and its row.
    pub(super) end: u64,
    pub(super) end_row: usize,
    /// By tile, as the kernel takes them.
    pub(super) weights: Vec<i16x8>,
    /// `[word][lane]`
    pub(super) params: Vec<Param>,
    pub(super) luts: Vec<[i8; 256]>,
    pub(super) taps: Vec<[i16; 3]>,
    /// `[function][segment]`
    pub(super) functions: Vec<Segment>,
    /// Scale and bias, `[word][lane]`.
    pub(super) numbers: Vec<[F24; 2]>,
    pub(super) in_bytes: usize,
    pub(super) out_bytes: usize,
}

/// A program of an image.
pub(super) struct Entry {
    /// The row in which it begins.
    pub(super) row: u32,
    pub(super) program: Program,
    /// It depends on LENC.
    pub(super) varies: bool,
}

/// An instruction with its row in the timetable.
pub(super) struct Started<T> {
    pub(super) row: usize,
    /// Cycle of the first step.
    pub(super) first: u64,
    pub(super) what: T,
}

impl Machine {
    /// Loads an image.
    ///
    /// # Errors
    /// [`MachineError::Isa`]; [`MachineError::Rule`] for rows that break the rules of issue.
    pub fn load_image(&mut self, image: &Image) -> Result<(), MachineError> {
        image.check_machine(&self.config)?;
        let mut programs = Vec::new();
        for (row, program) in image.programs()? {
            let varies = self.check_rows(&program)?;
            programs.push(Entry { row, program, varies });
        }
        let mut l = self.take_apart(image, programs);
        // Faults that do not wait for a run.
        for which in (0..l.programs.len()).rev() {
            self.arrange(&mut l, which, 0)?;
        }
        self.image = Some(l);
        Ok(())
    }

    /// Tables of whole words; no row is with its unit yet.
    fn take_apart(&self, image: &Image, programs: Vec<Entry>) -> Loaded {
        let (r, c) = (self.config.rows as usize, self.config.cols as usize);
        let mut weights = image.weights.clone();
        weights.resize(weights.len().next_multiple_of(r * c), 0);
        let mut params = image.params.clone();
        params.resize(params.len().next_multiple_of(c), Param { bias: 0, q: 1 << 23, shift: 63 });
        let (functions, numbers) = image.vector.split_at(image.vector.len().min(4 * SEGMENTS));
        Loaded {
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
            weights: kernel::pack(&weights, r, c),
            params,
            luts: image.luts.clone(),
            taps: image.taps.clone(),
            functions: functions.iter().map(|&w| decode_segment(w)).collect(),
            numbers: numbers.iter().map(|&w| decode_param(w)).map(|(scale, bias)| [scale.into(), bias.into()]).collect(),
            in_bytes: image.in_bytes as usize,
            out_bytes: image.out_bytes as usize,
        }
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
            let len = r.instruction.nest().is_some_and(has_len);
            self.check_row(row, r, len)?;
            varies |= len || matches!(r.instruction, Instruction::Wait(_));
            ended = r.instruction == Instruction::End;
        }
        if !ended {
            return rule(program.cycles(), program.rows.len(), "END", "the timetable has no END");
        }
        Ok(varies)
    }

    /// What a row asks for that this machine does not have, or that its unit does not do; `len`: a loop has run-time length.
    fn check_row(&self, row: usize, r: &Row, len: bool) -> Result<(), MachineError> {
        let refuse = |text: &str| rule(r.cycle, row, r.instruction.unit().name(), text);
        let vector = match &r.instruction {
            Instruction::Lane(_) if self.config.lane_taps == 0 => return refuse("this machine has no lane engine"),
            Instruction::Vector(_) | Instruction::Scalar(_) | Instruction::Wait(_) => true,
            Instruction::Matmul(m) if m.w_zero != 0 && !self.config.weight_zero => {
                return refuse("this machine subtracts no zero point from weights");
            }
            Instruction::Matmul(m) => len || m.one_hot.is_some(),
            _ => len,
        };
        if vector && self.config.vec_lanes == 0 {
            return refuse("this machine has no vector unit");
        }
        if len && !matches!(r.instruction, Instruction::Matmul(_) | Instruction::Vector(_) | Instruction::Scalar(_)) {
            return refuse("only loops of MATMUL, VECTOR and SCALAR have run-time length");
        }
        match &r.instruction {
            Instruction::Matmul(m) if m.one_hot.is_some() && m.nest.loops.iter().any(|l| l.d[0] != 0) => {
                refuse("with one_hot the jumps d0 are 0")
            }
            _ => Ok(()),
        }
    }

    /// Hands the rows of program `which` to their units, as they run where LENC is `lenc`.
    pub(super) fn arrange(&self, l: &mut Loaded, which: usize, lenc: u32) -> Result<(), MachineError> {
        l.clear_rows();
        // A row keeps its number in the timetable, where WAIT has one too.
        let Entry { row, program, .. } = &l.programs[which];
        let timed = program.rows.iter().enumerate().filter(|(_, r)| !matches!(r.instruction, Instruction::Wait(_)));
        let rows: Vec<usize> = timed.map(|(n, _)| *row as usize + n).collect();
        for (row, r) in rows.into_iter().zip(program.at(lenc).rows) {
            let first = self.latency.first_step(r.cycle, r.instruction.words());
            l.hand(row, first, r);
        }
        busy(&l.matmuls, "MATMUL", |i| &i.nest)?;
        busy(&l.loads, "LOAD", |i| &i.nest)?;
        busy(&l.stores, "STORE", |i| &i.nest)?;
        busy(&l.lanes, "LANE", |i| &i.nest)?;
        busy(&l.scalars, "SCALAR", |i| &i.nest)?;
        self.check_vectors(l)?;
        l.arranged = Some((which, lenc));
        Ok(())
    }
}

impl Loaded {
    /// No row is with its unit.
    fn clear_rows(&mut self) {
        self.arranged = None;
        self.matmuls.clear();
        self.posts.clear();
        self.loads.clear();
        self.stores.clear();
        self.lanes.clear();
        self.vectors.clear();
        self.scalars.clear();
        self.scrub_lines = 0;
    }

    /// Hands a row to its unit, whose first step is in cycle `first`.
    fn hand(&mut self, row: usize, first: u64, r: Row) {
        match r.instruction {
            Instruction::Matmul(what) => self.matmuls.push(Started { row, first, what }),
            Instruction::Post(what) => self.posts.push(Started { row, first, what }),
            Instruction::Load(what) => self.loads.push(Started { row, first, what }),
            Instruction::Store(what) => self.stores.push(Started { row, first, what }),
            Instruction::Lane(what) => self.lanes.push(Started { row, first, what }),
            Instruction::Vector(what) => self.vectors.push(Started { row, first, what }),
            Instruction::Scalar(what) => self.scalars.push(Started { row, first, what }),
            Instruction::Scrub(what) => self.scrub_lines += u64::from(what.lines),
            Instruction::Wait(_) => {}
            Instruction::End => (self.end, self.end_row) = (r.cycle, row),
        }
    }
}

/// Whether the nest has a loop of run-time length.
fn has_len(nest: &Nest) -> bool {
    nest.loops.iter().any(|l| l.len)
}

/// A unit has its next first step behind the last one of the instruction before.
fn busy<T>(list: &[Started<T>], unit: &'static str, nest: impl Fn(&T) -> &Nest) -> Result<(), MachineError> {
    for pair in list.windows(2) {
        let end = pair[0].first + nest(&pair[0].what).span();
        if pair[1].first <= end {
            return rule(pair[1].first, pair[1].row, unit, format!("the unit is busy until cycle {end}"));
        }
    }
    Ok(())
}
