// SPDX-License-Identifier: Apache-2.0
//! The assembler: a line has a label, a directive or an instruction, and a comment behind `;`.

use super::{CONDITIONS, CONSTANTS_AT, INPUTS, OUTPUTS, Op, ROM_WORDS, SINKS, VERBS, Word};
use std::collections::HashMap;
use std::fmt::Write;
use thiserror::Error;

/// A line that is no instruction, or one too many.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: '{text}': {expected}")]
pub struct AsmError {
    /// Number of the line, from 1 on.
    pub line: usize,
    /// The line, without its comment.
    pub text: String,
    /// What is wrong, and what would be right.
    pub expected: String,
}

/// An instruction and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Number of its line in the text, from 1 on.
    pub number: usize,
    /// Labels in front of it.
    pub labels: Vec<String>,
    /// The instruction as it is written.
    pub text: String,
    /// Its bits.
    pub word: Word,
}

#[derive(Default)]
struct Names {
    labels: HashMap<String, u32>,
    registers: HashMap<String, u32>,
    constants: HashMap<String, u32>,
}

impl Names {
    fn register(&self, text: &str) -> Result<u32, String> {
        let number = text.strip_prefix('r').and_then(|n| n.parse().ok()).filter(|&n: &u32| n < 16);
        number.or(self.registers.get(text).copied()).ok_or(format!("'{text}' is no register: r0 to r15, or a name given by .reg"))
    }

    fn number(&self, text: &str, limit: u32) -> Result<u32, String> {
        let parse = |t: &str| t.strip_prefix("0x").map_or(t.parse(), |h| u32::from_str_radix(h, 16)).ok();
        let mut sum = 0;
        for part in text.split('+') {
            let value = parse(part).or(self.constants.get(part).copied());
            sum += value.ok_or(format!("'{part}' is neither a number nor a name given by .const"))?;
        }
        if sum < limit { Ok(sum) } else { Err(format!("{sum} is too large: this field takes 0 to {}", limit - 1)) }
    }

    /// A number behind '#', or a register.
    fn second(&self, text: &str, limit: u32) -> Result<(bool, u32), String> {
        match text.strip_prefix('#') {
            Some(number) => Ok((true, self.number(number, limit)?)),
            None => Ok((false, self.register(text)?)),
        }
    }

    fn label(&self, text: &str) -> Result<u32, String> {
        self.labels.get(text).copied().ok_or(format!("no label '{text}:' in this program"))
    }

    fn instruction(&self, text: &str) -> Result<Word, String> {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        let args: Vec<&str> = rest.split(',').map(str::trim).filter(|a| !a.is_empty()).collect();
        let word = |op| Word { op, mark: false, constant: false, d: 0, a: 0, condition: 0, k: 0 };
        let among = |what: &str, table: &[&str], name: &str| {
            let at = table.iter().position(|n| *n == name);
            at.map(|n| n as u32).ok_or(format!("'{name}' is no {what}; there are {}", table.join(", ")))
        };
        let arithmetic = ["add", "sub", "and", "or", "xor", "ror"];
        if let (Some(n), [d, a, b]) = (arithmetic.iter().position(|n| *n == name), &args[..]) {
            let (constant, k) = self.second(b, 1 << 16)?;
            return Ok(Word { constant, d: self.register(d)?, a: self.register(a)?, k, ..word(Op::ALL[n]) });
        }
        if let (Some(n), [d, a, to]) = (CONDITIONS.iter().position(|n| *n == name), &args[..]) {
            let (constant, a) = self.second(a, 16)?;
            return Ok(Word { constant, d: self.register(d)?, a, condition: n as u32, k: self.label(to)?, ..word(Op::Branch) });
        }
        match (name, &args[..]) {
            ("mov", [d, b]) => {
                let (constant, k) = self.second(b, 1 << 16)?;
                Ok(Word { constant, d: self.register(d)?, k, ..word(Op::Add) })
            }
            ("ld" | "st", [d, a, k]) => {
                let op = if name == "ld" { Op::Load } else { Op::Store };
                Ok(Word { constant: true, d: self.register(d)?, a: self.register(a)?, k: self.number(k, 64)?, ..word(op) })
            }
            ("get", [d, n]) => Ok(Word { constant: true, d: self.register(d)?, k: among("input", &INPUTS, n)?, ..word(Op::Get) }),
            ("put", [d, n]) => {
                Ok(Word { constant: true, d: self.register(d)?, k: among("output", &OUTPUTS, n)?, ..word(Op::Put) })
            }
            ("jmp", [to]) => Ok(Word { k: self.label(to)?, ..word(Op::Branch) }),
            ("call", [to]) => Ok(Word { k: self.label(to)?, ..word(Op::Call) }),
            ("ret", []) => Ok(Word { constant: true, ..word(Op::Call) }),
            ("do", [verb, bound]) => {
                Ok(Word { constant: true, k: among("verb", &VERBS, verb)? | self.number(bound, 27)? << 8, ..word(Op::Do) })
            }
            _ => Err("expected add, sub, and, or, xor, ror d, a, b or #k; mov d, b or #k; ld, st d, a, k; get, put d, \
                      NAME; beq, bne, blt, bge d, a or #n, label; jmp, call label; ret; do VERB, bound"
                .into()),
        }
    }
}

/// The words of a text; the instruction behind a label and the one behind a call are marked.
///
/// # Errors
/// The first line that is wrong.
pub fn assemble(source: &str) -> Result<Vec<Line>, AsmError> {
    let mut names = Names::default();
    for (n, sink) in SINKS.iter().enumerate() {
        names.constants.insert(format!("TO_{sink}"), (n as u32) << 4);
    }
    let (mut waiting, mut found): (Vec<String>, Vec<(usize, Vec<String>, &str)>) = (vec![], vec![]);
    for (number, text) in source.lines().enumerate().map(|(n, t)| (n + 1, t.split(';').next().unwrap_or("").trim())) {
        let error = |expected: String| AsmError { line: number, text: text.into(), expected };
        if let Some(label) = text.strip_suffix(':') {
            if names.labels.insert(label.into(), found.len() as u32).is_some() {
                return Err(error(format!("the label '{label}' is there already; choose another name")));
            }
            waiting.push(label.into());
        } else if text.starts_with('.') {
            let parts: Vec<&str> = text.split_whitespace().collect();
            match parts[..] {
                [".reg", name, register] => {
                    let register = names.register(register).map_err(error)?;
                    names.registers.insert(name.into(), register);
                }
                [".const", name, value] => {
                    let value = names.number(value, 1 << 16).map_err(error)?;
                    names.constants.insert(name.into(), value);
                }
                _ => return Err(error("expected .reg NAME rN or .const NAME number".into())),
            }
        } else if !text.is_empty() {
            if found.len() == ROM_WORDS {
                return Err(error(format!("the ROM has {ROM_WORDS} words; this is one more")));
            }
            found.push((number, std::mem::take(&mut waiting), text));
        }
    }
    let end = || AsmError {
        line: source.lines().count(),
        text: waiting.join(", "),
        expected: "a label needs an instruction behind it".into(),
    };
    if !waiting.is_empty() {
        return Err(end());
    }
    let mut lines: Vec<Line> = vec![];
    for (line, labels, text) in found {
        let error = |expected| AsmError { line, text: text.into(), expected };
        let mut word = names.instruction(text).map_err(error)?;
        let changes = word.op == Op::Get && word.k < CONSTANTS_AT;
        if changes && lines.last().is_some_and(|l| l.word.op == Op::Put) {
            return Err(error("an input does not see yet what the instruction before has put; move another one between".into()));
        }
        word.mark = !labels.is_empty() || lines.last().is_some_and(|l| l.word.op == Op::Call && !l.word.constant);
        lines.push(Line { number: line, labels, text: text.into(), word });
    }
    Ok(lines)
}

/// The program with addresses and words.
pub fn listing(lines: &[Line]) -> String {
    let mut t = String::new();
    for (at, line) in lines.iter().enumerate() {
        line.labels.iter().for_each(|label| _ = writeln!(t, "{label}:"));
        let _ = writeln!(t, "  {at:03x}  {:08x}  {}", line.word.encode(), line.text);
    }
    t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_line_and_says_what_is_expected() {
        for (text, line, part) in [
            ("a:\n ret\nb:\n frob r1", 4, "expected add"),
            ("a:\n\n add r1, r16, #2", 3, "r0 to r15"),
            ("jmp nowhere", 1, "no label 'nowhere:'"),
            ("mov r1, #70000", 1, "0 to 65535"),
            ("x:\nret\nx:\nret", 3, "there already"),
            ("do DANCE, 3", 1, "TAKE, WALK"),
            ("ld r1, r0, 64", 1, "0 to 63"),
            ("beq r1, #16, x\nx:\nret", 1, "0 to 15"),
            ("ret\nx:", 2, "needs an instruction"),
            (".reg", 1, "expected .reg NAME"),
            ("put r1, AT\nget r1, WORD", 2, "does not see yet"),
        ] {
            let e = assemble(text).unwrap_err();
            assert!(e.line == line && e.expected.contains(part), "{e}");
        }
    }

    #[test]
    fn labels_and_what_follows_a_call_are_marked_and_nothing_else() {
        let lines = assemble("call f\n mov r1, #1\n jmp f\nf:\n ret").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(lines.iter().map(|l| l.word.mark).collect::<Vec<_>>(), [false, true, false, true]);
        assert_eq!(lines[0].word.k, 3);
        assert!(lines.iter().all(|l| Word::decode(l.word.encode()) == Some(l.word)));
    }
}
