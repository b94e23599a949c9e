// SPDX-License-Identifier: Apache-2.0
//! Words that were read already: a campaign that cuts power thousands of times reads and decodes each once.

use super::Word;
use std::cell::RefCell;
use std::rc::Rc;
use systole_isa::Config;

/// What a word read as: its bytes, and what the decoder said.
type Read = (Vec<u8>, Word);

/// Words by row and physical line, as they were read for a logical line at a reference. Copies share what they know; who changes
/// a cell says so by [`Reads::forget`].
#[derive(Clone)]
pub struct Reads {
    /// By row and physical line: (logical line, reference), and what was read.
    words: Rc<RefCell<Vec<Vec<((u32, usize), Read)>>>>,
    depth: u32,
    beats: u32,
}

impl Reads {
    /// Nothing was read yet of a machine's RRAM.
    pub fn new(config: &Config) -> Reads {
        let words = vec![vec![]; (config.rows * config.rram_depth) as usize];
        Reads { words: Rc::new(RefCell::new(words)), depth: config.rram_depth, beats: config.weight_beats }
    }

    /// The word of a sub-word's address changes.
    pub fn forget(&self, row: u32, address: u32) {
        self.words.borrow_mut()[(row * self.depth + address / self.beats) as usize].clear();
    }

    /// All words may have changed.
    pub fn forget_all(&self) {
        self.words.borrow_mut().iter_mut().for_each(Vec::clear);
    }

    /// What a word of a logical line reads as at a reference; `read` where that is not known.
    pub(super) fn word(&self, row: u32, physical: u32, reference: usize, line: u32, read: impl FnOnce() -> Read) -> Read {
        let here = &mut self.words.borrow_mut()[(row * self.depth + physical) as usize];
        if let Some((_, word)) = here.iter().find(|s| s.0 == (line, reference)) {
            return word.clone();
        }
        let word = read();
        here.push(((line, reference), word.clone()));
        word
    }
}
