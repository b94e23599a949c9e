// SPDX-License-Identifier: Apache-2.0
//! The instruction-level model: an image runs bit-exact, in exact cycles, without Verilog.
//!
//! [`Machine::load_image`] takes an image apart and checks what does not depend on a run (`load.rs`). [`Machine::run`] hands the
//! rows of a program to their units and lets these step (`run.rs`), each in a file of its own. Units step in the order of their
//! effects on memory (docs/timing.md): of two effects in one cycle, reads come first. Costs are by step, not by cycle.

mod array;
mod lane;
mod load;
mod post;
mod run;
mod vector;
mod walk;
mod writes;

pub use writes::Written;

use crate::f24::F24;
use crate::{MachineError, kernel};
use load::Loaded;
use systole_isa::regs::EVENTS;
use systole_isa::{Config, Latency};
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

/// A run breaks a rule in `cycle`, by the instruction of `row`.
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

    /// Runs one frame, with the registers as they are.
    ///
    /// # Errors
    /// [`MachineError::NoImage`], [`MachineError::FrameLength`], [`MachineError::Rule`].
    pub fn run(&mut self, input: &[u8]) -> Result<RunResult, MachineError> {
        let mut image = self.image.take().ok_or(MachineError::NoImage)?;
        let (entry, lenc) = (self.numbers.entry, self.numbers.pos / self.config.cols);
        let ready = match image.programs.iter().position(|p| p.row == entry) {
            None => rule(0, entry as usize, "END", "no program begins in this row"),
            Some(which) => {
                let lenc = if image.programs[which].varies { lenc } else { 0 };
                if image.arranged == Some((which, lenc)) { Ok(()) } else { self.arrange(&mut image, which, lenc) }
            }
        };
        let result = ready.and_then(|()| self.run_loaded(&image, input));
        self.image = Some(image);
        result
    }
}
