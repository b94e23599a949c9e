// SPDX-License-Identifier: Apache-2.0
//! Programs as text, and back: `systole disasm` prints it, a test reads it again.
//!
//! A line is `cycle UNIT name=value .. { count/gap d0 d1 d2 d3 d4 } ..`, one brace a loop,
//! innermost first; `count+` where LENC is added, `w_zero` before them. The values are those of the format tables.

use crate::field::Format;
use crate::format::{LANE, LOAD, LOOP, MATMUL, POST, RESIDUAL, SCALAR, SCRUB, STORE, VECTOR, VECTOR_OPS};
use crate::program::Wait;
use crate::{Instruction, IsaError, Program, Row, Unit};
use std::fmt::Write;

fn headers(unit: Unit, residual: bool) -> Vec<&'static Format> {
    match unit {
        Unit::Matmul => vec![&MATMUL],
        Unit::Post if residual => vec![&POST, &RESIDUAL],
        Unit::Post => vec![&POST],
        Unit::Load => vec![&LOAD],
        Unit::Store => vec![&STORE],
        Unit::Lane => vec![&LANE],
        Unit::Scrub => vec![&SCRUB],
        Unit::Vector => vec![&VECTOR, &VECTOR_OPS],
        Unit::Scalar => vec![&SCALAR],
        Unit::End | Unit::Wait => vec![],
    }
}

/// The listing of a program; fields that are zero are left out.
///
/// # Errors
/// What [`Instruction::encode`] says: an instruction that cannot be encoded cannot be listed.
pub fn disassemble(program: &Program) -> Result<String, IsaError> {
    let mut text = String::new();
    for row in &program.rows {
        let unit = row.instruction.unit();
        let words = row.instruction.encode()?;
        let residual = matches!(&row.instruction, Instruction::Post(p) if p.residual.is_some());
        let formats = headers(unit, residual);
        let _ = write!(text, "{:>8} {:<6}", row.cycle, unit.name());
        for (format, &word) in formats.iter().zip(&words) {
            for field in format.fields.iter().filter(|f| f.name != "loops") {
                let value = format.get(word, field.name);
                if value != 0 {
                    let _ = write!(text, " {}={value}", field.name);
                }
            }
        }
        if let Instruction::Matmul(m) = &row.instruction
            && m.w_zero != 0
        {
            let _ = write!(text, " w_zero={}", m.w_zero);
        }
        if let Instruction::Wait(w) = &row.instruction {
            let _ = write!(text, " each={}", w.each);
        }
        for l in row.instruction.nest().map_or(&[][..], |n| &n.loops) {
            let [d0, d1, d2, d3, d4] = l.d;
            let _ = write!(text, " {{ {}{}/{} {d0} {d1} {d2} {d3} {d4} }}", l.count, if l.len { "+" } else { "" }, l.gap);
        }
        text.push('\n');
    }
    Ok(text)
}

/// The program of a listing.
///
/// # Errors
/// [`IsaError::BadEncoding`] with the line, or what encoding and decoding say.
pub fn assemble(text: &str) -> Result<Program, IsaError> {
    let mut rows = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let bad = |what: &str| IsaError::BadEncoding {
            what: format!("line {}: {what}", n + 1),
            found: 0,
            legal: "see docs/isa.md".into(),
        };
        let mut parts = line.split(" {");
        let mut head = parts.next().unwrap_or("").split_whitespace();
        let cycle = head.next().and_then(|c| c.parse().ok()).ok_or_else(|| bad("cycle"))?;
        let name = head.next().ok_or_else(|| bad("unit"))?;
        let unit = Unit::ALL.into_iter().find(|u| u.name() == name).ok_or_else(|| bad("unit"))?;
        let pairs: Vec<(&str, i64)> = head
            .map(|p| p.split_once('=').and_then(|(k, v)| Some((k, v.parse().ok()?))).ok_or_else(|| bad(p)))
            .collect::<Result<_, _>>()?;
        if unit == Unit::Wait {
            let [("each", each)] = pairs.as_slice() else { return Err(bad("each")) };
            let instruction = Instruction::Wait(Wait { each: u32::try_from(*each).map_err(|_| bad("each"))? });
            rows.push(Row { cycle, instruction });
            continue;
        }
        let formats = headers(unit, pairs.contains(&("res_en", 1)));
        let mut words = vec![0u128; formats.len()];
        let mut w_zero = 0;
        for (key, value) in pairs {
            // It lies in the innermost loop's word.
            if unit == Unit::Matmul && key == "w_zero" {
                w_zero = value;
                continue;
            }
            let at = formats.iter().position(|f| f.fields.iter().any(|x| x.name == key)).ok_or_else(|| bad(key))?;
            formats[at].set(&mut words[at], key, value)?;
        }
        for l in parts {
            let len = l.split('/').next().is_some_and(|count| count.contains('+'));
            let v: Vec<i64> = l
                .trim_end_matches([' ', '}'])
                .split([' ', '/', '+'])
                .filter(|s| !s.is_empty())
                .map(|s| s.parse().map_err(|_| bad(l)))
                .collect::<Result<_, _>>()?;
            let [count, gap, d @ ..] = v.as_slice() else { return Err(bad(l)) };
            let mut word = 0;
            LOOP.set(&mut word, "last", count - 1)?;
            LOOP.set(&mut word, "gap", *gap)?;
            LOOP.set(&mut word, "len", len.into())?;
            for (name, &v) in ["d0", "d1", "d2", "d3", "d4"].iter().zip(d) {
                LOOP.set(&mut word, name, v)?;
            }
            words.push(word);
        }
        if let Some(innermost) = words.get_mut(formats.len()) {
            LOOP.set(innermost, "w_zero", w_zero)?;
        }
        if let (Some(format), Some(header)) = (formats.first(), words.first().copied()) {
            let loops = (words.len() - formats.len()) as i64;
            let mut header = header;
            format.set(&mut header, "loops", loops)?;
            words[0] = header;
        }
        rows.push(Row { cycle, instruction: Instruction::decode(unit, &words)? });
    }
    Ok(Program { rows })
}
