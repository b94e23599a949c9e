// SPDX-License-Identifier: Apache-2.0
//! Ports: who has them in which cycle.

use crate::MachineError;
use crate::machine::load::Loaded;
use crate::machine::rule;

/// A port that takes one access in a cycle: who had it lately, by cycle mod 256. Accesses are planned less than 256 cycles ahead.
pub(super) struct Port {
    pub(super) taken: Box<[(u64, usize); 256]>,
}

impl Port {
    pub(super) fn new() -> Port {
        Port { taken: Box::new([(u64::MAX, 0); 256]) }
    }

    /// Takes the port in `cycle` for `row`; the row that has it already otherwise.
    pub(super) fn take(&mut self, cycle: u64, row: usize) -> Result<(), usize> {
        let place = &mut self.taken[cycle as usize % 256];
        if place.0 == cycle {
            return Err(place.1);
        }
        *place = (cycle, row);
        Ok(())
    }
}

/// The write port of OUT, in programs of the vector unit: POST and STORE say what they will write before others have written.
pub(in crate::machine) struct OutPort {
    port: Port,
    /// Cycle of the newest write, by word.
    newest: Vec<u64>,
}

impl OutPort {
    /// The port of a buffer of `words`; `None` where the program has no use of the vector unit.
    pub(in crate::machine) fn new(l: &Loaded, words: u32) -> Option<OutPort> {
        let used = !l.vectors.is_empty() || !l.scalars.is_empty();
        used.then(|| OutPort { port: Port::new(), newest: vec![0; words as usize] })
    }

    /// Whether a write of `word` in `cycle` stays: none that is known comes later.
    pub(in crate::machine) fn write(
        &mut self,
        cycle: u64,
        word: u32,
        row: usize,
        unit: &'static str,
    ) -> Result<bool, MachineError> {
        if let Err(other) = self.port.take(cycle, row) {
            return rule(cycle, row, unit, format!("two writes of OUT in a cycle, the other by row {other}"));
        }
        let Some(newest) = self.newest.get_mut(word as usize) else { return Ok(true) };
        let stays = *newest < cycle;
        *newest = cycle.max(*newest);
        Ok(stays)
    }
}
