// SPDX-License-Identifier: Apache-2.0
//! The engine of the RRAM controller without Verilog, written from docs/rram-engine.md.

use systole_isa::rram_engine::{CALL_LEVELS, Fault, Line, MEMORY_WORDS, Op, ROM_WORDS, Word, parity};

/// What the engine reaches: inputs, outputs and verbs, by their numbers.
pub trait Hands {
    /// What an input says.
    fn get(&mut self, input: u32) -> u32;
    /// Writes an output.
    fn put(&mut self, output: u32, value: u32);
    /// Does a verb; `None` where it has not ended within 2^`bound` cycles (0: it may take any time). Words that it leaves
    /// in the engine's memory go to `memory`.
    fn verb(&mut self, verb: u32, bound: u32, memory: &mut [u32; MEMORY_WORDS]) -> Option<()>;
}

/// What an instruction left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retired {
    /// Its address.
    pub pc: u32,
    /// Register written, and the value.
    pub register: Option<(u32, u32)>,
    /// Output written, and the value.
    pub output: Option<(u32, u32)>,
}

/// The engine's state.
pub struct Engine {
    rom: Vec<(u32, u32)>,
    /// Address of the next instruction.
    pub pc: u32,
    /// Registers; the first is 0.
    pub registers: [u32; 16],
    /// The memory.
    pub memory: [u32; MEMORY_WORDS],
    stack: Vec<u32>,
    jumped: bool,
    watch: u32,
    done: u64, // instructions since the last verb that may take any time
}

/// The ROM of a program: words and their parity bits, zero behind it.
pub fn rom(lines: &[Line]) -> Vec<(u32, u32)> {
    (0..ROM_WORDS as u32)
        .map(|at| {
            let word = lines.get(at as usize).map_or(0, |l| l.word.encode());
            (word, parity(at, word))
        })
        .collect()
}

impl Engine {
    /// As after reset; more than 2^`watch` instructions without a verb that may take any time are a fault.
    pub fn new(rom: Vec<(u32, u32)>, watch: u32) -> Engine {
        let (registers, memory) = ([0; 16], [0; MEMORY_WORDS]);
        Engine { rom, pc: 0, registers, memory, stack: vec![], jumped: false, watch, done: 0 }
    }

    /// The next instruction is a verb that waits for a request.
    pub fn takes(&self) -> bool {
        Word::decode(self.rom[self.pc as usize].0).is_some_and(|w| w.op == Op::Do && w.k == 0)
    }

    /// The last instruction jumped.
    pub fn jumped(&self) -> bool {
        self.jumped
    }

    /// One instruction.
    ///
    /// # Errors
    /// Why the engine stops, before the instruction has done anything but its verb.
    pub fn step(&mut self, hands: &mut impl Hands) -> Result<Retired, Fault> {
        let pc = self.pc;
        let (bits, parity_bit) = self.rom[pc as usize];
        if parity(pc, bits) != parity_bit {
            return Err(Fault::Parity);
        }
        let w = Word::decode(bits).ok_or(Fault::Illegal)?;
        if std::mem::take(&mut self.jumped) && !w.mark {
            return Err(Fault::Flow);
        }
        let endless = self.done >> self.watch != 0;
        let (d, a) = (self.registers[w.d as usize], self.registers[w.a as usize]);
        let b = if w.constant { w.k } else { self.registers[(w.k & 15) as usize] };
        let address = (a.wrapping_add(w.k) as usize) % MEMORY_WORDS;
        let mut retired = Retired { pc, ..Retired::default() };
        let mut next = (pc + 1) % ROM_WORDS as u32;
        match w.op {
            Op::Call if w.constant && self.stack.is_empty() => return Err(Fault::Stack),
            Op::Call if !w.constant && self.stack.len() == CALL_LEVELS => return Err(Fault::Stack),
            _ if endless => return Err(Fault::Endless),
            _ => self.done += 1,
        }
        let result = match w.op {
            Op::Add => Some(a.wrapping_add(b)),
            Op::Sub => Some(a.wrapping_sub(b)),
            Op::And => Some(a & b),
            Op::Or => Some(a | b),
            Op::Xor => Some(a ^ b),
            Op::Ror => Some(a.rotate_right(b & 31)),
            Op::Load => Some(self.memory[address]),
            Op::Store => {
                self.memory[address] = d;
                None
            }
            Op::Get => Some(hands.get(w.k & 31)),
            Op::Put => {
                hands.put(w.k & 31, d);
                retired.output = Some((w.k & 31, d));
                None
            }
            Op::Branch => {
                let other = if w.constant { w.a } else { a };
                if [d == other, d != other, d < other, d >= other][w.condition as usize] {
                    (next, self.jumped) = (w.k % ROM_WORDS as u32, true);
                }
                None
            }
            Op::Call if w.constant => {
                (next, self.jumped) = (self.stack.pop().ok_or(Fault::Stack)?, true);
                None
            }
            Op::Call => {
                self.stack.push(next);
                (next, self.jumped) = (w.k % ROM_WORDS as u32, true);
                None
            }
            Op::Do => {
                if w.k >> 8 & 31 == 0 {
                    (self.done, self.stack) = (0, vec![]);
                }
                hands.verb(w.k & 15, w.k >> 8 & 31, &mut self.memory).ok_or(Fault::Bound)?;
                None
            }
        };
        if let Some(value) = result.filter(|_| w.d != 0) {
            self.registers[w.d as usize] = value;
            retired.register = Some((w.d, value));
        }
        self.pc = next;
        Ok(retired)
    }
}
