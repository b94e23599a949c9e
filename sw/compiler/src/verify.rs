// SPDX-License-Identifier: Apache-2.0
//! The independent checker: a timetable against docs/timing.md.
//!
//! It expands every instruction to its steps, derives each access to each port from the latency
//! table, and reports every rule that is broken. It shares no code with the passes that make
//! timetables and knows nothing of networks. Beyond the machine's own rules it takes the
//! order of vectors and steps as the meaning of a program: a word that an earlier vector
//! produces must be there before a later vector reads it ([`Rule::ReadStale`]), and so with the words of the vector unit
//! ([`Rule::VOrder`], [`Rule::SOrder`]). A program that depends on the register POS is checked at every length.

mod array;
mod effects;
mod events;
mod issue;
mod lane;
mod memory;
mod numbers;
mod outputs;
mod post;
mod rule;
mod vector;

pub use effects::{Effect, Effects, Life, Store, effects};
pub use rule::{Rule, VerifyError, Violation};

use rule::Report;
use systole_isa::f24::{SEGMENTS, decode_param};
use systole_isa::program::{Register, VectorDest};
use systole_isa::{Config, F24, Image, Instruction, Latency, Program};

/// Sizes of the image that a program runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of an output frame.
    pub out_bytes: u32,
    /// Weight words in RRAM.
    pub rram_words: u32,
    /// Parameter words.
    pub param_words: u32,
    /// Lookup tables.
    pub luts: u32,
    /// Tap words of the lane engine.
    pub tap_words: u32,
    /// Of each parameter word of the vector unit the lanes whose scale is not 0.
    pub vector_params: Vec<u32>,
    /// Whether the vector unit's functions are there.
    pub functions: bool,
    /// Longest context: the register POS is below it. 1 where a program does not depend on it.
    pub positions: u32,
    /// Tokens that a run takes, from POS on, which is a multiple of it; all of them are at positions of the context.
    pub chunk: u32,
}

impl Sizes {
    /// Those of `image`; of positions there is one, the first.
    pub fn of(image: &Image, config: &Config) -> Sizes {
        let (rows, cols) = (config.rows as usize, config.cols as usize);
        let params = image.vector.get(4 * SEGMENTS..).unwrap_or(&[]);
        let lanes = |word: &[u64]| {
            let chosen = word.iter().enumerate().filter(|(_, p)| decode_param(**p).0 != F24::ZERO);
            chosen.fold(0, |lanes, (lane, _)| lanes | 1 << lane)
        };
        Sizes {
            out_bytes: image.out_bytes,
            rram_words: image.weights.len().div_ceil(rows * cols) as u32,
            param_words: image.params.len().div_ceil(cols) as u32,
            luts: image.luts.len() as u32,
            tap_words: image.taps.len().div_ceil(4 * cols) as u32,
            vector_params: params.chunks_exact(cols).map(lanes).collect(),
            functions: image.vector.len() >= 4 * SEGMENTS,
            positions: 1,
            chunk: 1,
        }
    }
}

/// More steps than any machine has memory for: not expanded.
const MOST_STEPS: u64 = 1 << 23;

struct Checker<'a> {
    config: &'a Config,
    lat: Latency,
    sizes: &'a Sizes,
    report: Report,
    /// What POS may be, first and last: one LENC, for all of which steps and accesses have the same cycles.
    pos: (u32, u32),
}

/// Checks every port use and every distance between producer and consumer in `program`, at every POS below
/// [`Sizes::positions`].
///
/// # Errors
/// [`VerifyError`], with every violation found.
pub fn verify(program: &Program, config: &Config, sizes: &Sizes) -> Result<(), VerifyError> {
    verify_from(program, config, sizes, 0)
}

/// The same, at the last POS below [`Sizes::positions`] alone.
///
/// # Errors
/// [`VerifyError`], with every violation found.
pub fn verify_last(program: &Program, config: &Config, sizes: &Sizes) -> Result<(), VerifyError> {
    verify_from(program, config, sizes, sizes.positions.saturating_sub(1))
}

/// At every POS from `from` on.
fn verify_from(program: &Program, config: &Config, sizes: &Sizes, from: u32) -> Result<(), VerifyError> {
    let mut c = Checker { config, lat: Latency::of(config), sizes, report: Report::default(), pos: (0, 0) };
    let positions = sizes.positions.max(1);
    let depends = program.rows.iter().any(|r| match &r.instruction {
        Instruction::Wait(_) => true,
        Instruction::Vector(v) if v.append => true,
        Instruction::Matmul(m) if m.one_hot.is_some_and(|h| h.register == Register::Pos) => true,
        i => i.nest().is_some_and(|n| n.loops.iter().any(|l| l.len)),
    });
    let (shortest, longest) = if depends { (from / config.cols, (positions - 1) / config.cols) } else { (0, 0) };
    if !c.rows(program, longest) {
        return c.report.finish();
    }
    // WAIT is gone where a program runs at some LENC; the other rows keep their numbers.
    let timed = program.rows.iter().enumerate().filter(|(_, r)| !matches!(r.instruction, Instruction::Wait(_)));
    let numbers: Vec<usize> = timed.map(|(row, _)| row).collect();
    // Results that are appended to W SRAM are there in rows and columns of one or two words, whatever POS is; addresses
    // of other memories are looked at one by one.
    let w_sram = |dest| matches!(dest, VectorDest::WColumn | VectorDest::WRow);
    let each = program.rows.iter().any(|r| matches!(&r.instruction, Instruction::Vector(v) if v.append && !w_sram(v.dest)));
    for lenc in shortest..=longest {
        c.report.at(depends.then_some(lenc));
        let at = program.at(lenc);
        let (first, behind) = (lenc * config.cols, (lenc * config.cols + config.cols).min(positions));
        // A chunk's first position, and where the last chunk begins.
        let chunk = sizes.chunk.max(1);
        let Some(last) = (behind / chunk * chunk).checked_sub(chunk).filter(|&last| last >= first) else { continue };
        let first = first.max(from.next_multiple_of(chunk)).min(last);
        if each {
            for pos in (first..=last).step_by(chunk as usize) {
                c.pos = (pos, pos);
                c.run(&at, &numbers);
            }
        } else {
            c.pos = (first, last);
            c.run(&at, &numbers);
        }
    }
    c.report.finish()
}

impl Checker<'_> {
    /// A program as it runs, without WAIT; `numbers` of its rows.
    fn run(&mut self, program: &Program, numbers: &[usize]) {
        let units = self.units(program, numbers);
        let vectors = self.array(&units.matmuls);
        self.weights(&vectors);
        self.scrubs(&units.scrubs, &vectors);
        self.accumulators(&vectors);
        let mut accesses = self.load_and_store(&units);
        let lanes = self.lanes(&units.lanes, &mut accesses);
        let takes = self.takes(&vectors, lanes);
        let (results, taken) = self.results(&units, &takes);
        self.add_results(&results, &mut accesses);
        self.vectors(&units.vectors, taken, &mut accesses);
        self.scalars(&units.scalars, &mut accesses);
        self.one_result(&mut accesses);
        self.v_words(&mut accesses);
        self.s_registers(&mut accesses);
        self.x_ports(&vectors, &mut accesses);
        self.x_words(&vectors, &mut accesses);
        self.w_sram(&vectors, &accesses);
        self.out(&mut accesses);
        self.end(&units, &vectors, &accesses);
    }
}
