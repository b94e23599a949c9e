// SPDX-License-Identifier: Apache-2.0
//! What a host does with a chip, as functional points: registers, programs, errors. All of it is seen at the chip's ports and read by
//! the tables of `sw/isa`, so every test of the chip counts, whoever wrote its program.

use harness::cover;
use std::collections::BTreeMap;
use systole_isa::field::{Field, Format};
use systole_isa::format::{LANE, LOAD, LOOP, MATMUL, POST, RESIDUAL, ROW, SCALAR, SCRUB, STORE, VECTOR, VECTOR_OPS};
use systole_isa::regs::{ERRORS, IRQ_BITS, REGS, RRAM_STATUS_BITS, STATUS_BITS, UPLOAD_TARGETS};

/// Units with descriptors, by number: their headers. LOOP words follow.
pub const HEADERS: [(u32, &Format, Option<&Format>); 8] = [
    (1, &MATMUL, None),
    (2, &POST, Some(&RESIDUAL)),
    (3, &LOAD, None),
    (4, &STORE, None),
    (5, &SCRUB, None),
    (6, &LANE, None),
    (7, &VECTOR, Some(&VECTOR_OPS)),
    (8, &SCALAR, None),
];

/// Fields whose values are choices or flags: each value by itself is a point. (Those of two bits and less are, too.)
const CHOICES: [&str; 8] = ["dest", "loops", "unit", "add", "op", "hold", "tail_row", "lut"];

/// The point of a field's value: the value itself where it is a choice, else its sign.
pub fn class(format: &Format, field: &Field, value: i64) -> String {
    let name = format!("{}.{}", format.name, field.name);
    if field.width <= 2 || CHOICES.contains(&field.name) {
        return format!("field {name} = {value}");
    }
    let sign = if value < 0 {
        "negative"
    } else if value == 0 {
        "zero"
    } else {
        "positive"
    };
    format!("field {name} {sign}")
}

/// Sizes of an array of `rows` and `cols` that a count of iterations can be next to: its name and the count.
pub fn edges(rows: u32, cols: u32) -> [(&'static str, u32); 8] {
    [
        ("1", 1),
        ("R-1", rows - 1),
        ("R", rows),
        ("R+1", rows + 1),
        ("C-1", cols - 1),
        ("C", cols),
        ("C+1", cols + 1),
        ("2C+1", 2 * cols + 1),
    ]
}

/// What was seen at the ports of one chip.
#[derive(Default)]
pub(crate) struct Watch {
    /// Last value written to each register.
    written: BTreeMap<&'static str, u32>,
    /// Words of the timetable and of descriptors.
    timetable: Vec<u64>,
    descriptors: Vec<u128>,
    /// Rows and columns, from the register GEOMETRY.
    array: Option<(u32, u32)>,
    /// Corrected and uncorrectable words, as last read.
    wrong: [u32; 2],
    /// Next word of the upload.
    next: usize,
}

fn name(offset: u32) -> Option<&'static str> {
    REGS.iter().find(|r| r.offset == offset).map(|r| r.name)
}

impl Watch {
    /// An access was answered, well or not.
    pub fn access(&mut self, access: &str, offset: u32, value: u32, well: bool) {
        match (name(offset), access, well) {
            (Some(register), "read", true) => self.read(register, value),
            (Some(register), _, true) => self.write(register, value),
            (Some(register), _, false) => cover::hit(|| format!("register {register} refuses a {access}")),
            (None, _, well) => cover::hit(|| format!("hole {access} {}", if well { "answered" } else { "refused" })),
        }
    }

    fn read(&mut self, register: &'static str, value: u32) {
        cover::hit(|| format!("register {register} read"));
        let bits = |register: &str, table: &[systole_isa::regs::Bit]| {
            for bit in table {
                cover::hit(|| format!("bit {register}.{} = {}", bit.name, value >> bit.bit & 1));
            }
        };
        match register {
            "STATUS" => bits(register, &STATUS_BITS),
            "RRAM_STATUS" => bits(register, &RRAM_STATUS_BITS),
            "IRQ_STATUS" => bits(register, &IRQ_BITS),
            "ERROR" => {
                if let Some(error) = ERRORS.iter().find(|e| e.bit == value & 0xff) {
                    cover::hit(|| format!("error {}", error.name));
                }
            }
            "GEOMETRY" => self.array = Some((value & 0xff, value >> 8 & 0xff)),
            "CONFIG" => {
                cover::hit(|| format!("machine WEIGHT_BEATS {}", value >> 8 & 0xff));
                cover::hit(|| format!("machine ECC {}", value >> 16 & 15));
                for (bit, name) in [(20, "RRAM_CTRL"), (21, "RESIDUAL"), (22, "EVENTS"), (23, "PRODUCT"), (31, "WEIGHT_ZERO")] {
                    cover::hit(|| format!("machine {name} {}", value >> bit & 1));
                }
            }
            "RRAM_CORRECTED" => self.wrong[0] = value,
            "RRAM_UNCORRECTABLE" => self.wrong[1] = value,
            _ => {}
        }
        match (register, self.wrong) {
            ("RRAM_CORRECTED", [(1..), _]) => cover::hit(|| "words corrected"),
            ("RRAM_UNCORRECTABLE", [_, (1..)]) => cover::hit(|| "words uncorrectable"),
            ("RRAM_UNCORRECTABLE", [0, 0]) => cover::hit(|| "words right"),
            _ => {}
        }
    }

    fn write(&mut self, register: &'static str, value: u32) {
        cover::hit(|| format!("register {register} written"));
        self.written.insert(register, value);
        match register {
            "IRQ_ENABLE" => {
                for bit in &IRQ_BITS {
                    cover::hit(|| format!("bit IRQ_ENABLE.{} = {}", bit.name, value >> bit.bit & 1));
                }
            }
            "START" if value & 1 == 1 => self.program(),
            "UPLOAD_TARGET" => self.next = 0,
            "UPLOAD_ADDRESS" => self.next = value as usize,
            "RRAM_COMMAND" => cover::hit(|| format!("command {value}")),
            _ => {}
        }
    }

    /// Bytes went into the image stream.
    pub fn upload(&mut self, bytes: &[u8]) {
        if !cover::recording() {
            return;
        }
        let (target, at) = (self.written.get("UPLOAD_TARGET").copied().unwrap_or(0) as usize, self.next);
        if let Some(target) = UPLOAD_TARGETS.get(target) {
            cover::hit(|| format!("upload {target}"));
        }
        match target {
            0 => self.next = put(&mut self.timetable, at, bytes.chunks_exact(8).map(|c| number(c) as u64)),
            1 => self.next = put(&mut self.descriptors, at, bytes.chunks_exact(16).map(number)),
            _ => {}
        }
    }

    /// The program that lies in the chip is started: each row's kind, each field of its descriptor, the shape of its nest.
    fn program(&self) {
        for &row in &self.timetable {
            let row = u128::from(row);
            fields(&ROW, row);
            let unit = ROW.get(row, "unit") as u32;
            if unit == 0 {
                continue; // others may follow: programs with several entries
            }
            let Some((_, format, second)) = HEADERS.iter().find(|h| h.0 == unit) else { continue };
            let (at, count) = (ROW.get(row, "desc") as usize, ROW.get(row, "words") as usize);
            let Some(words) = self.descriptors.get(at..at + count) else { continue };
            let Some((&header, mut loops)) = words.split_first() else { continue };
            fields(format, header);
            let has_second = unit == 7 || (unit == 2 && POST.get(header, "res_en") == 1);
            if let (true, Some(second), Some((&word, rest))) = (has_second, second, loops.split_first()) {
                fields(second, word);
                loops = rest;
            }
            for (n, &word) in loops.iter().enumerate() {
                fields(&LOOP, word);
                let Some((rows, cols)) = self.array.filter(|_| n == 0) else { continue };
                let count = LOOP.get(word, "last") as u32 + 1;
                for (edge, _) in edges(rows, cols).into_iter().filter(|e| e.1 == count) {
                    cover::hit(|| format!("steps of {} {edge}", format.name));
                }
            }
        }
    }
}

fn fields(format: &Format, word: u128) {
    for field in format.fields {
        cover::hit(|| class(format, field, format.get(word, field.name)));
    }
}

/// Little-endian bytes.
fn number(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |n, &b| n << 8 | u128::from(b))
}

/// Writes words into a memory from an address on; it grows as it must. The address behind them.
fn put<T: Copy + Default>(memory: &mut Vec<T>, mut at: usize, words: impl Iterator<Item = T>) -> usize {
    for word in words {
        if memory.len() <= at {
            memory.resize(at + 1, T::default());
        }
        memory[at] = word;
        at += 1;
    }
    at
}
