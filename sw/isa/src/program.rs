// SPDX-License-Identifier: Apache-2.0
//! Typed instructions and programs, and their encoding.
//!
//! A program is a timetable: rows, each of which hands an instruction to a unit in its cycle. Each unit has a file with its
//! instruction: what it says, how its header is written and read (`matmul.rs`, `post.rs`, `moves.rs`, `lane.rs`, `vector.rs`,
//! `scalar.rs`). `encoding.rs` puts descriptors together of headers and loops, and programs of rows and descriptors.

mod encoding;
mod lane;
mod matmul;
mod moves;
mod post;
mod scalar;
mod vector;

pub use lane::Lane;
pub use matmul::{CHUNK, Matmul, OneHot, Pad, Register};
pub use moves::{Load, Store};
pub use post::{Join, Post, PostDest, Residual};
pub use scalar::{Scalar, ScalarOp};
pub use vector::{Add, Function, MaxOf, Mul1, Mul2, Mul3, Source, SumOf, Vector, VectorDest};

use crate::Nest;

/// The units a timetable row can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Unit {
    /// The run is over in this row's cycle.
    End = 0,
    /// The array.
    Matmul = 1,
    /// Requantisation and what follows it.
    Post = 2,
    /// IN buffer to X.
    Load = 3,
    /// X to OUT buffer.
    Store = 4,
    /// Looks at lines of RRAM at both margins.
    Scrub = 5,
    /// The lane engine: one channel a lane.
    Lane = 6,
    /// The vector unit: C numbers a step.
    Vector = 7,
    /// Numbers of S, one a step.
    Scalar = 8,
    /// Stops the timetable's clock for a multiple of LENC.
    Wait = 9,
}

impl Unit {
    /// Every unit, by code.
    pub const ALL: [Unit; 10] = [
        Unit::End,
        Unit::Matmul,
        Unit::Post,
        Unit::Load,
        Unit::Store,
        Unit::Scrub,
        Unit::Lane,
        Unit::Vector,
        Unit::Scalar,
        Unit::Wait,
    ];

    /// Its name in listings.
    pub fn name(self) -> &'static str {
        ["END", "MATMUL", "POST", "LOAD", "STORE", "SCRUB", "LANE", "VECTOR", "SCALAR", "WAIT"][self as usize]
    }
}

/// What a row hands to a unit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Instruction {
    /// See [`Matmul`].
    Matmul(Matmul),
    /// See [`Post`].
    Post(Post),
    /// See [`Load`].
    Load(Load),
    /// See [`Store`].
    Store(Store),
    /// See [`Lane`].
    Lane(Lane),
    /// See [`Scrub`].
    Scrub(Scrub),
    /// See [`Vector`].
    Vector(Vector),
    /// See [`Scalar`].
    Scalar(Scalar),
    /// See [`Wait`].
    Wait(Wait),
    /// The run is over.
    End,
}

/// WAIT: rows behind it come `each * LENC` cycles later; units go on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Wait {
    /// Cycles for each unit of LENC.
    pub each: u32,
}

/// SCRUB: looks at the next lines of the committed image at both margins; the first weak one is written again after the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Scrub {
    /// Lines, at least 1.
    pub lines: u32,
}

/// A row of the timetable with its instruction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    /// The cycle after launch in which the row acts.
    pub cycle: u64,
    /// What it starts.
    pub instruction: Instruction,
}

/// A program: rows sorted by cycle, END last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Program {
    /// The rows.
    pub rows: Vec<Row>,
}

impl Instruction {
    /// The unit that runs it.
    pub fn unit(&self) -> Unit {
        match self {
            Instruction::Matmul(_) => Unit::Matmul,
            Instruction::Post(_) => Unit::Post,
            Instruction::Load(_) => Unit::Load,
            Instruction::Store(_) => Unit::Store,
            Instruction::Lane(_) => Unit::Lane,
            Instruction::Scrub(_) => Unit::Scrub,
            Instruction::Vector(_) => Unit::Vector,
            Instruction::Scalar(_) => Unit::Scalar,
            Instruction::Wait(_) => Unit::Wait,
            Instruction::End => Unit::End,
        }
    }

    /// Its nest; `None` for END, SCRUB and WAIT.
    pub fn nest(&self) -> Option<&Nest> {
        match self {
            Instruction::Matmul(i) => Some(&i.nest),
            Instruction::Post(i) => Some(&i.nest),
            Instruction::Load(i) => Some(&i.nest),
            Instruction::Store(i) => Some(&i.nest),
            Instruction::Lane(i) => Some(&i.nest),
            Instruction::Vector(i) => Some(&i.nest),
            Instruction::Scalar(i) => Some(&i.nest),
            Instruction::Scrub(_) | Instruction::Wait(_) | Instruction::End => None,
        }
    }

    fn nest_mut(&mut self) -> Option<&mut Nest> {
        match self {
            Instruction::Matmul(i) => Some(&mut i.nest),
            Instruction::Post(i) => Some(&mut i.nest),
            Instruction::Load(i) => Some(&mut i.nest),
            Instruction::Store(i) => Some(&mut i.nest),
            Instruction::Lane(i) => Some(&mut i.nest),
            Instruction::Vector(i) => Some(&mut i.nest),
            Instruction::Scalar(i) => Some(&mut i.nest),
            Instruction::Scrub(_) | Instruction::Wait(_) | Instruction::End => None,
        }
    }

    /// Descriptor words: headers and loops.
    pub fn words(&self) -> u32 {
        let second = match self {
            Instruction::Post(p) => p.residual.is_some(),
            Instruction::Vector(_) => true,
            _ => false,
        };
        let header = u32::from(!matches!(self.unit(), Unit::End | Unit::Wait));
        header + self.nest().map_or(0, |n| u32::from(second) + n.loops.len() as u32)
    }
}

impl Program {
    /// The predicted cycle count where LENC is 0: the cycle of END. 0 for an empty program.
    pub fn cycles(&self) -> u64 {
        self.rows.last().map_or(0, |r| r.cycle)
    }

    /// The program as it runs where LENC is `lenc`: loops have their iterations, rows behind a WAIT come later, and there
    /// is no WAIT any more.
    pub fn at(&self, lenc: u32) -> Program {
        let mut late = 0;
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            if let Instruction::Wait(w) = &row.instruction {
                late += u64::from(w.each) * u64::from(lenc);
                continue;
            }
            let mut row = Row { cycle: row.cycle + late, instruction: row.instruction.clone() };
            if let Some(nest) = row.instruction.nest_mut() {
                *nest = nest.at(lenc);
            }
            rows.push(row);
        }
        Program { rows }
    }

    /// Cycles that each unit of LENC adds: the run takes `cycles() + lenc * each`.
    pub fn each(&self) -> u64 {
        self.rows.iter().map(|r| if let Instruction::Wait(w) = &r.instruction { u64::from(w.each) } else { 0 }).sum()
    }

    /// Its programs, each with the row in which it begins: behind each END another.
    pub fn split(self) -> Vec<(u32, Program)> {
        let mut programs = Vec::new();
        let mut rows = Vec::new();
        let count = self.rows.len();
        for (n, row) in self.rows.into_iter().enumerate() {
            let end = row.instruction == Instruction::End || n + 1 == count;
            rows.push(row);
            if end {
                programs.push(((n + 1 - rows.len()) as u32, Program { rows: std::mem::take(&mut rows) }));
            }
        }
        programs
    }
}
