// SPDX-License-Identifier: Apache-2.0
//! What a run writes, cycle by cycle: the words that instructions leave in X, W SRAM and OUT.

/// A memory that instructions write, by how its addresses count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// X, by words of C bytes.
    X,
    /// W SRAM by column: `(word C + lane) groups + group`.
    WColumn,
    /// W SRAM by row: `word R + row`.
    WRow,
    /// OUT, by words of C bytes.
    Out,
}

impl Place {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Place::X => "X",
            Place::WColumn => "W SRAM (by column)",
            Place::WRow => "W SRAM (by row)",
            Place::Out => "OUT",
        }
    }
}

/// A word that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Cycle of the run, 0 at its launch.
    pub cycle: u64,
    /// Which memory.
    pub place: Place,
    /// Where.
    pub address: u32,
    /// Bit i: byte i is written.
    pub lanes: u32,
    /// C bytes.
    pub data: Vec<u8>,
}

impl Write {
    /// The byte of a lane, where it is written.
    pub fn lane(&self, lane: usize) -> Option<u8> {
        self.data.get(lane).copied().filter(|_| self.lanes >> lane & 1 == 1)
    }
}
