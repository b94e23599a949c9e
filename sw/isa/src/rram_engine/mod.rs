// SPDX-License-Identifier: Apache-2.0
//! The small engine that runs the program of the RRAM controller (docs/rram-engine.md): its instructions, the names of
//! what they reach, and the program.

mod asm;

pub use asm::{AsmError, Line, assemble, listing};

/// Words of the ROM; an address has 10 bits.
pub const ROM_WORDS: usize = 1024;
/// Words of the engine's memory.
pub const MEMORY_WORDS: usize = 64;
/// Return addresses that are kept.
pub const CALL_LEVELS: usize = 4;

/// What an instruction does, by code; 0 and the codes behind these are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Op {
    /// d = a + B.
    Add = 1,
    /// d = a - B.
    Sub,
    /// d = a AND B.
    And,
    /// d = a OR B.
    Or,
    /// d = a XOR B.
    Xor,
    /// d = a rotated to the right by B modulo 32.
    Ror,
    /// d = memory[a + k].
    Load,
    /// memory[a + k] = d.
    Store,
    /// d = input k.
    Get,
    /// output k = d.
    Put,
    /// To k where d and a (or the number a) compare as asked.
    Branch,
    /// To k; the next address is kept. With i: back to the address kept last.
    Call,
    /// A verb, and wait for its end.
    Do,
}

impl Op {
    /// All, by code from 1 on.
    pub const ALL: [Op; 13] = [
        Op::Add,
        Op::Sub,
        Op::And,
        Op::Or,
        Op::Xor,
        Op::Ror,
        Op::Load,
        Op::Store,
        Op::Get,
        Op::Put,
        Op::Branch,
        Op::Call,
        Op::Do,
    ];
}

/// Comparisons of a branch, by code; of numbers without sign.
pub const CONDITIONS: [&str; 4] = ["beq", "bne", "blt", "bge"];

/// An instruction, in the order of its fields from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// What it does.
    pub op: Op,
    /// A branch, call or return may come here.
    pub mark: bool,
    /// B is the constant k, not a register.
    pub constant: bool,
    /// Register d.
    pub d: u32,
    /// Register a.
    pub a: u32,
    /// Comparison.
    pub condition: u32,
    /// Constant, address, input, output or verb.
    pub k: u32,
}

impl Word {
    /// The 32 bits.
    pub fn encode(&self) -> u32 {
        (self.op as u32) << 28
            | u32::from(self.mark) << 27
            | u32::from(self.constant) << 26
            | self.d << 22
            | self.a << 18
            | self.condition << 16
            | self.k
    }

    /// Back from [`Word::encode`]; `None` where the operation is none.
    pub fn decode(word: u32) -> Option<Word> {
        let op = *Op::ALL.get((word >> 28).checked_sub(1)? as usize)?;
        let bits = |lsb: u32, width: u32| word >> lsb & ((1 << width) - 1);
        Some(Word {
            op,
            mark: bits(27, 1) == 1,
            constant: bits(26, 1) == 1,
            d: bits(22, 4),
            a: bits(18, 4),
            condition: bits(16, 2),
            k: bits(0, 16),
        })
    }
}

/// Bit 32 of a ROM word: makes the ones of word and address together odd in number, so that a bit that turned in the ROM
/// and a word that comes from the neighbour are both seen.
pub fn parity(address: u32, word: u32) -> u32 {
    (word.count_ones() + address.count_ones() + 1) & 1
}

/// Why the engine stopped, by code from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Fault {
    /// A ROM word whose parity is wrong, at that address.
    Parity = 1,
    /// A word that is no instruction.
    Illegal,
    /// A jump to a word that is no label, or two copies of the address that differ.
    Flow,
    /// A call too deep, or a return without one.
    Stack,
    /// A verb that did not end within its bound.
    Bound,
    /// So many instructions without a verb that may take any time that the program goes round in a circle.
    Endless,
}

/// What `get` reads, by number: what the outside says, then the machine's own constants.
pub const INPUTS: [&str; 29] = [
    "REQUEST",
    "SLOT",
    "UNLOCKED",
    "LOCKED",
    "VERDICT",
    "CRC",
    "WORD",
    "USED",
    "STOP",
    "BUDGET",
    "SCRUB_AT",
    "PLACE",
    "CYCLES",
    "MAGIC",
    "HALF",
    "SLOT_LINES",
    "TABLE_LINES",
    "RECORD_LINES",
    "RECORDS_AT",
    "LAST_RECORD",
    "LINE_WORDS_1",
    "LINE_LOG2",
    "LINE_UNITS_1",
    "UNITS_LOG2",
    "MAX_LINES",
    "MACHINE",
    "FINGERPRINT",
    "ROWS",
    "COL_WORDS",
];
/// Number of the first input that is a constant of the machine.
pub const CONSTANTS_AT: u32 = 13;
/// What `put` writes, by number; those from [`STATUS_AT`] on are registers that the host reads.
pub const OUTPUTS: [&str; 29] = [
    "CLEAR",
    "LINE",
    "COUNT",
    "WALK",
    "PICK",
    "AT",
    "ENTRY",
    "DATA",
    "ROW",
    "MOVE",
    "USED_SLOT",
    "USED",
    "TURNED",
    "ERROR",
    "READY",
    "RUN_SLOT",
    "SLOT",
    "NEWEST",
    "SEEN",
    "SCRUB_AT",
    "LIVE",
    "LIVE_RECORD",
    "IN_BYTES",
    "OUT_BYTES",
    "EPOCH",
    "IMAGE_CRC",
    "WAKE_CYCLES",
    "REFRESHED",
    "TILE",
];
/// Number of the first output that is a register of the host's.
pub const STATUS_AT: usize = 24;
/// What `do` can do, by number.
pub const VERBS: [&str; 12] =
    ["TAKE", "WALK", "BEGIN", "DONE", "LOAD", "DIGEST", "PROGRAM", "FORGET", "LOOK", "RELOCK", "IDENTITY", "COPY"];
/// Where the words of a walk go, by number.
pub const SINKS: [&str; 7] = ["CRC", "RECORD", "CHECK", "TABLE", "UPLOAD", "BANKS", "WORD"];
/// Instructions without a verb that may take any time, as a power of two, that are a fault; for a memory of so many lines.
pub fn watch(lines: u32) -> u32 {
    lines.ilog2() + 8
}

/// The program's text.
pub const SOURCE: &str = include_str!("program.s");

/// The program, assembled.
///
/// # Errors
/// As [`assemble`]; the tests of this crate show that there are none.
pub fn program() -> Result<Vec<Line>, AsmError> {
    assemble(SOURCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_word_that_decodes_encodes_to_itself(word: u32) {
            if let Some(w) = Word::decode(word) {
                prop_assert_eq!(w.encode(), word);
            } else {
                prop_assert!([0, 14, 15].contains(&(word >> 28)));
            }
        }
    }

    #[test]
    fn the_program_fits_its_rom_and_every_branch_meets_a_label() {
        let lines = program().unwrap_or_else(|e| panic!("{e}"));
        assert!(lines.len() <= ROM_WORDS && lines.len() > 100, "{}", lines.len());
        for line in &lines {
            if matches!(line.word.op, Op::Branch | Op::Call) && !(line.word.op == Op::Call && line.word.constant) {
                assert!(lines[line.word.k as usize].word.mark, "line {}: {}", line.number, line.text);
            }
        }
    }

    #[test]
    fn one_wrong_bit_of_a_word_or_of_its_address_changes_the_parity() {
        for (address, word) in [(0, 0), (5, 0xffff_ffff), (1023, 0x1234_5678)] {
            let good = parity(address, word);
            (0..32).for_each(|bit| assert_ne!(parity(address, word ^ 1 << bit), good));
            (0..10).for_each(|bit| assert_ne!(parity(address ^ 1 << bit, word), good));
        }
    }
}
