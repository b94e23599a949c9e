// SPDX-License-Identifier: Apache-2.0
//! Descriptors, put together of headers and loops and taken apart again; programs, of rows and descriptors.

use super::{Instruction, Lane, Load, Matmul, Post, Program, Row, Scalar, Scrub, Store, Unit, Vector, Wait};
use crate::field::Format;
use crate::format::{LOOP, MATMUL, ROW, SCRUB};
use crate::latency::max_loops;
use crate::{IsaError, Loop, Nest};

/// An enumeration whose choices have the codes 0, 1 ..
macro_rules! choices {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[repr(u8)]
        pub enum $name { #[default] $($(#[$doc])* $variant),+ }
        impl $name {
            /// Every choice, by code.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
        }
    };
}
pub(super) use choices;

/// The choice with this code.
pub(super) fn pick<T: Copy>(all: &[T], unit: Unit, name: &str, code: i64) -> Result<T, IsaError> {
    let choice = all.get(code as usize).copied();
    choice.ok_or_else(|| bad(unit, name, code as u64, &format!("0 to {}", all.len() - 1)))
}

/// A part of a unit's descriptor that says nothing.
pub(super) fn bad(unit: Unit, what: &str, found: u64, legal: &str) -> IsaError {
    IsaError::BadEncoding { what: format!("{} {what}", unit.name()), found, legal: legal.into() }
}

/// A word with these fields, all others 0.
pub(super) fn header(format: &Format, values: &[(&str, i64)]) -> Result<u128, IsaError> {
    let mut word = 0;
    for (name, value) in values {
        format.set(&mut word, name, *value)?;
    }
    Ok(word)
}

/// The words of loops, innermost first; `w_zero` lies in the first.
fn encode_loops(unit: Unit, loops: &[Loop], w_zero: i8) -> Result<Vec<u128>, IsaError> {
    let max = max_loops(unit);
    if loops.is_empty() || loops.len() > max {
        return Err(IsaError::LoopCount { unit: unit.name(), loops: loops.len(), max });
    }
    if let Some(at) = loops.iter().position(|l| l.len).filter(|&l| l + 1 != loops.len()) {
        return Err(bad(unit, "loop with len", at as u64, "the outermost loop"));
    }
    let word = |(at, l): (usize, &Loop)| {
        let zero = if at == 0 { w_zero } else { 0 };
        let [d0, d1, d2, d3, d4] = l.d.map(i64::from);
        header(
            &LOOP,
            &[
                ("w_zero", zero.into()),
                ("last", i64::from(l.count) - 1),
                ("gap", l.gap.into()),
                ("len", l.len.into()),
                ("d0", d0),
                ("d1", d1),
                ("d2", d2),
                ("d3", d3),
                ("d4", d4),
            ],
        )
    };
    loops.iter().enumerate().map(word).collect()
}

/// The loops that these words say, and the zero point of weights in the first.
fn decode_loops(unit: Unit, words: &[u128]) -> Result<(Nest, i8), IsaError> {
    let zero = |&word: &u128| LOOP.get(word, "w_zero");
    let others = words.iter().skip(usize::from(unit == Unit::Matmul));
    if let Some(other) = others.map(zero).find(|&z| z != 0) {
        return Err(bad(unit, "w_zero", other as u64 & 0xff, "0, but in the innermost loop of MATMUL"));
    }
    let one = |&word: &u128| Loop {
        count: LOOP.get(word, "last") as u32 + 1,
        gap: LOOP.get(word, "gap") as u8,
        len: LOOP.get(word, "len") == 1,
        d: ["d0", "d1", "d2", "d3", "d4"].map(|d| LOOP.get(word, d) as i32),
    };
    let w_zero = words.first().map_or(0, zero) as i8;
    Ok((Nest { loops: words.iter().map(one).collect() }, w_zero))
}

impl Instruction {
    /// Its descriptor.
    ///
    /// # Errors
    /// [`IsaError::FieldRange`], [`IsaError::LoopCount`].
    pub fn encode(&self) -> Result<Vec<u128>, IsaError> {
        let (mut words, w_zero) = (vec![], if let Instruction::Matmul(i) = self { i.w_zero } else { 0 });
        match self {
            Instruction::End | Instruction::Wait(_) => return Ok(vec![]),
            Instruction::Scrub(i) => return Ok(vec![i.encode()?]),
            Instruction::Matmul(i) => words.push(i.encode()?),
            Instruction::Post(i) => {
                let (first, second) = i.encode()?;
                words.push(first);
                words.extend(second);
            }
            Instruction::Load(i) => words.push(i.encode()?),
            Instruction::Store(i) => words.push(i.encode()?),
            Instruction::Lane(i) => words.push(i.encode()?),
            Instruction::Vector(i) => words.extend(i.encode()?),
            Instruction::Scalar(i) => words.push(i.encode()?),
        }
        let loops = self.nest().map_or(&[][..], |n| &n.loops);
        words.extend(encode_loops(self.unit(), loops, w_zero)?);
        Ok(words)
    }

    /// The instruction of `unit` that `words` encode.
    ///
    /// # Errors
    /// [`IsaError::BadEncoding`], [`IsaError::LoopCount`].
    pub fn decode(unit: Unit, words: &[u128]) -> Result<Instruction, IsaError> {
        if unit == Unit::End {
            return Ok(Instruction::End);
        }
        if unit == Unit::Wait {
            return Err(bad(unit, "descriptor", 0, "none: its row says all"));
        }
        let length = |legal: &str| bad(unit, "descriptor length", words.len() as u64, legal);
        let header = *words.first().ok_or_else(|| length("1 or more words"))?;
        if unit == Unit::Scrub {
            return if words.len() == 1 { Ok(Instruction::Scrub(Scrub::decode(header)?)) } else { Err(length("1 word")) };
        }
        let residual = unit == Unit::Post && Post::has_second(header);
        let skip = 1 + usize::from(residual || unit == Unit::Vector);
        let count = MATMUL.get(header, "loops") as usize; // in all headers in the same place
        if count == 0 || count > max_loops(unit) {
            return Err(IsaError::LoopCount { unit: unit.name(), loops: count, max: max_loops(unit) });
        }
        if words.len() != skip + count {
            return Err(length(&format!("{} words", skip + count)));
        }
        let (nest, w_zero) = decode_loops(unit, &words[skip..])?;
        Ok(match unit {
            Unit::Matmul => Instruction::Matmul(Matmul::decode(header, w_zero, nest)?),
            Unit::Post => Instruction::Post(Post::decode(header, residual.then(|| words[1]), nest)?),
            Unit::Load => Instruction::Load(Load::decode(header, nest)),
            Unit::Lane => Instruction::Lane(Lane::decode(header, nest)),
            Unit::Vector => Instruction::Vector(Vector::decode(header, words[1], nest)?),
            Unit::Scalar => Instruction::Scalar(Scalar::decode(header, nest)?),
            _ => Instruction::Store(Store::decode(header, nest)),
        })
    }
}

impl Scrub {
    fn encode(&self) -> Result<u128, IsaError> {
        if self.lines == 0 {
            return Err(IsaError::FieldRange { what: "scrub.lines".into(), value: 0, min: 1, max: 4095 });
        }
        header(&SCRUB, &[("lines", self.lines.into())])
    }

    fn decode(header: u128) -> Result<Scrub, IsaError> {
        match SCRUB.get(header, "lines") {
            0 => Err(bad(Unit::Scrub, "lines", 0, "1 to 4095")),
            lines => Ok(Scrub { lines: lines as u32 }),
        }
    }
}

impl Program {
    /// The timetable words and the descriptor words. Equal descriptors are stored once.
    ///
    /// # Errors
    /// [`IsaError::FieldRange`], [`IsaError::LoopCount`].
    pub fn encode(&self) -> Result<(Vec<u64>, Vec<u128>), IsaError> {
        Program::encode_all(std::slice::from_ref(self))
    }

    /// The same of several programs, one behind the other. A run of one begins at its first row: the register ENTRY.
    ///
    /// # Errors
    /// [`IsaError::BadEncoding`] where one has a row in cycle 0 and another has none: a run that launches behind another takes
    /// the sequencer's word for it that the first row is as before. What [`Program::encode`] says.
    pub fn encode_all(programs: &[Program]) -> Result<(Vec<u64>, Vec<u128>), IsaError> {
        let mut rows = Vec::new();
        let mut descs: Vec<u128> = Vec::new();
        let mut known = std::collections::HashMap::<Vec<u128>, usize>::new();
        let at_once = |p: &Program| p.rows.first().is_some_and(|r| r.cycle == 0);
        if let Some(other) = programs.iter().position(|p| at_once(p) != at_once(&programs[0])) {
            return Err(IsaError::BadEncoding {
                what: format!("first row of program {other}: cycle"),
                found: programs[other].rows.first().map_or(0, |r| r.cycle),
                legal: "0 in all programs of an image, or in none".into(),
            });
        }
        for row in programs.iter().flat_map(|p| &p.rows) {
            let words = row.instruction.encode()?;
            let at = *known.entry(words.clone()).or_insert_with(|| {
                let at = descs.len();
                descs.extend(&words);
                at
            });
            let mut word = 0;
            ROW.set(&mut word, "cycle", row.cycle as i64)?;
            let desc = match &row.instruction {
                Instruction::Wait(w) => w.each.into(),
                _ if words.is_empty() => 0,
                _ => at as i64,
            };
            ROW.set(&mut word, "desc", desc)?;
            ROW.set(&mut word, "words", words.len() as i64)?;
            ROW.set(&mut word, "unit", row.instruction.unit() as i64)?;
            rows.push(word as u64);
        }
        Ok((rows, descs))
    }

    /// The program that timetable and descriptors encode.
    ///
    /// # Errors
    /// [`IsaError::BadEncoding`] with the row, or what [`Instruction::decode`] says.
    pub fn decode(timetable: &[u64], descs: &[u128]) -> Result<Program, IsaError> {
        let mut rows = Vec::with_capacity(timetable.len());
        for (n, &word) in timetable.iter().enumerate() {
            let get = |name| ROW.get(word.into(), name);
            let unit = *Unit::ALL.get(get("unit") as usize).ok_or_else(|| IsaError::BadEncoding {
                what: format!("row {n}: unit"),
                found: get("unit") as u64,
                legal: "0 to 9".into(),
            })?;
            let (at, len) = (get("desc") as usize, get("words") as usize);
            if unit == Unit::Wait {
                rows.push(Row { cycle: get("cycle") as u64, instruction: Instruction::Wait(Wait { each: at as u32 }) });
                continue;
            }
            let words = descs.get(at..at + len).ok_or_else(|| IsaError::BadEncoding {
                what: format!("row {n}: descriptor end"),
                found: (at + len) as u64,
                legal: format!("at most {}", descs.len()),
            })?;
            rows.push(Row { cycle: get("cycle") as u64, instruction: Instruction::decode(unit, words)? });
        }
        Ok(Program { rows })
    }
}
