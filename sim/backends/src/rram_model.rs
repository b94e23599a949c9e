// SPDX-License-Identifier: Apache-2.0
//! The RRAM controller without Verilog and without cycles, written from docs/rram.md: the same cells, the same layout, so
//! that a part programmed by the one is woken by the other. Campaigns over many parts and years run on it.

mod cells;
mod images;
mod program;
mod reads;
mod scrub;
mod table;

pub use reads::Reads;

use std::collections::VecDeque;
use systole_chip::device::{Device, Pulse};
use systole_isa::Config;
use systole_isa::ecc::WordCode;
use systole_isa::rram::{Layout, RETRIES, Record};

/// What a decoder said of a word, all its codes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// One of its codes corrected a bit.
    pub corrected: bool,
    /// One of them could not.
    pub uncorrectable: bool,
}

/// Counters of the controller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Words corrected and beyond correction, read at the normal reference.
    pub corrected: u32,
    /// Words beyond correction.
    pub uncorrectable: u32,
    /// Pulses, by row.
    pub pulses: u32,
    /// Rounds of pulses behind the first.
    pub retries: u32,
    /// Lines retired.
    pub remaps: u32,
    /// Lines that changed places.
    pub swaps: u32,
    /// Slots whose classes changed places.
    pub turns: u32,
    /// Lines that a scrub wrote again.
    pub refreshed: u32,
    /// Lines whose CRC a scrub found wrong, and the last of them.
    pub tiles: (u32, u32),
    /// Lines that no spare was left for.
    pub failed: u32,
}

/// Lines that a scrub remembers because they did not take their bits.
const GIVEN: usize = 5;

/// Why the controller refuses or gives up: a code of `ERROR`.
pub type Refusal = &'static str;

const NORMAL: usize = 0;
const STRONG_1: usize = 1;
const STRONG_0: usize = 2;
const VERIFY_1: usize = 3;
const VERIFY_0: usize = 4;

/// Sees a pulse before the cells of (row, address) do, and may change it; false: they do not get it.
pub type BeforePulse = Box<dyn FnMut(&mut Device, u32, u32, &mut Pulse) -> bool>;

/// The controller of one part.
pub struct RramModel {
    pub(crate) config: Config,
    pub(crate) layout: Layout,
    code: WordCode,
    /// The cells.
    pub device: Device,
    pub(crate) table: Vec<(u16, u16)>, // (physical line, wear) by logical line
    best: [Option<(Record, u32)>; 2],
    pub(crate) used: [[u32; 2]; 2],  // by slot and class
    pub(crate) floor: [[u16; 2]; 2], // least wear known, likewise
    scrub_at: u32,
    scrub_found: bool, // a run found the line there weak
    pub(crate) want_turn: [bool; 2],
    pub(crate) hot: [Option<u32>; 2], // the class for whose sake a slot turned last
    turn: [bool; 2],                  // before the next line is written to a slot
    made: [bool; 2],                  // the halves of the line table
    given: VecDeque<u32>,             // lines that did not take their bits in a scrub, the last five
    foreign: bool,
    weak: bool,
    worn: u16,
    /// Rounds of pulses that each programmed line needed, counted by their number.
    pub rounds: [u64; RETRIES as usize + 2],
    /// What happened since power came.
    pub counts: Counts,
    /// The image that is awake.
    pub awake: Option<Record>,
    /// Called before each pulse, where there is one.
    pub before_pulse: Option<BeforePulse>,
    /// Words that were read already, where somebody keeps them.
    pub reads: Option<Reads>,
}

impl RramModel {
    /// The controller behind a part, as after reset before it looked for an image.
    pub fn new(config: &Config, device: Device) -> RramModel {
        RramModel {
            config: config.clone(),
            layout: Layout::of(config),
            code: WordCode::of(config),
            device,
            table: (0..config.rram_depth).map(|l| (l as u16, 0)).collect(),
            best: [None; 2],
            used: [[0; 2]; 2],
            floor: [[0; 2]; 2],
            scrub_at: 0,
            scrub_found: false,
            want_turn: [false; 2],
            hot: [None; 2],
            turn: [false; 2],
            made: [false; 2],
            given: VecDeque::new(),
            foreign: false,
            weak: false,
            worn: 0,
            rounds: Default::default(),
            counts: Counts::default(),
            awake: None,
            before_pulse: None,
            reads: None,
        }
    }

    /// The division of the memory.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The slot of the newest committed image.
    pub fn newest(&self) -> Option<u32> {
        (0..2).filter(|&s| self.best[s as usize].is_some()).max_by_key(|&s| self.best[s as usize].map(|b| b.0.epoch))
    }

    /// Epoch of the newest committed image; 0: there is none.
    pub fn epoch(&self) -> u32 {
        self.newest().and_then(|s| self.best[s as usize]).map_or(0, |b| b.0.epoch)
    }

    /// Spares left in each slot.
    pub fn spares(&self) -> [u32; 2] {
        self.used.map(|u| self.layout.spares - u[0] - u[1])
    }

    /// Writes of the most worn line among those programmed since power came.
    pub fn wear(&self) -> u16 {
        self.worn
    }

    /// Whether there is a record for another machine or of other software.
    pub fn foreign(&self) -> bool {
        self.foreign
    }

    /// Whether the record that was chosen read weakly and was written again.
    pub fn weak(&self) -> bool {
        self.weak
    }

    /// Sets the wear counters of a slot's lines, as if so much had been written (tests, campaigns).
    pub fn wear_out(&mut self, slot: u32, wear: impl Fn(u32) -> u16) {
        for n in 0..self.layout.slot_lines {
            self.table[(slot * self.layout.half + n) as usize].1 = wear(n);
        }
    }

    /// Physical line and writes of every logical line.
    pub fn wear_of_lines(&self) -> Vec<(u16, u16)> {
        self.table.clone()
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b))
}
