// SPDX-License-Identifier: Apache-2.0
//! The independent checker: a timetable against docs/timing.md.
//!
//! It expands every instruction to its steps, derives each access to each port from the latency
//! table, and reports every rule that is broken. It shares no code with the passes that make
//! timetables and knows nothing of networks. Beyond the machine's own rules it takes the
//! order of MATMUL vectors as the meaning of a program: a word that an earlier vector
//! produces must be there before a later vector reads it ([`Rule::ReadStale`]).

mod array;
mod events;
mod issue;
mod lane;
mod memory;
mod outputs;
mod post;
mod rule;

pub use rule::{Rule, VerifyError, Violation};

use rule::Report;
use systole_isa::{Config, Image, Latency, Program};

/// Sizes of the image that a program runs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

impl Sizes {
    /// Those of `image`.
    pub fn of(image: &Image, config: &Config) -> Sizes {
        let (rows, cols) = (config.rows as usize, config.cols as usize);
        Sizes {
            out_bytes: image.out_bytes,
            rram_words: image.weights.len().div_ceil(rows * cols) as u32,
            param_words: image.params.len().div_ceil(cols) as u32,
            luts: image.luts.len() as u32,
            tap_words: image.taps.len().div_ceil(4 * cols) as u32,
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
}

/// Checks every port use and every distance between producer and consumer in `program`.
///
/// # Errors
/// [`VerifyError`], with every violation found.
pub fn verify(program: &Program, config: &Config, sizes: &Sizes) -> Result<(), VerifyError> {
    let mut c = Checker { config, lat: Latency::of(config), sizes, report: Report::default() };
    let Some(units) = c.issue(program) else {
        return c.report.finish();
    };
    let vectors = c.vectors(&units.matmuls);
    c.weights(&vectors);
    c.scrubs(&units.scrubs, &vectors);
    c.accumulators(&vectors);
    let mut accesses = c.load_and_store(&units);
    let lanes = c.lanes(&units.lanes, &mut accesses);
    let takes = c.takes(&vectors, lanes);
    let results = c.results(&units.posts, &takes);
    c.add_results(&results, &mut accesses);
    c.x_ports(&vectors, &mut accesses);
    c.x_words(&vectors, &mut accesses);
    c.w_sram(&vectors, &accesses);
    c.out(&mut accesses);
    c.end(&units, &vectors, &accesses);
    c.report.finish()
}
