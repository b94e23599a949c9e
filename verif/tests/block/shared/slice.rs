// SPDX-License-Identifier: Apache-2.0
//! The register slice of a stream as docs/blocks/skid.md has it: a queue of two words.

use std::collections::VecDeque;

/// A queue of two words between a sender and a receiver that see registers alone.
pub struct Slice<T> {
    words: VecDeque<T>,
    awake: bool,
}

impl<T> Slice<T> {
    /// Empty, some cycles behind its reset.
    pub fn new() -> Slice<T> {
        Slice { words: VecDeque::new(), awake: true }
    }

    /// It takes what is offered: there is room, and the cycle is not the one behind a reset.
    pub fn ready(&self) -> bool {
        self.awake && self.words.len() < 2
    }

    /// The word it offers.
    pub fn front(&self) -> Option<&T> {
        self.words.front()
    }

    /// The end of a cycle in which this word was offered to it, and what it offers was taken or not.
    pub fn edge(&mut self, offered: Option<T>, taken: bool) {
        let takes = self.ready();
        if taken {
            self.words.pop_front();
        }
        self.words.extend(offered.filter(|_| takes));
        self.awake = true;
    }

    /// The end of a cycle of reset.
    pub fn reset(&mut self) {
        self.words.clear();
        self.awake = false;
    }
}
