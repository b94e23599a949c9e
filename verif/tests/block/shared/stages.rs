// SPDX-License-Identifier: Apache-2.0
//! Enables of a pipeline: operands come in most cycles, and what stands at its inputs in the others is nothing.

/// Bit k says that operands came k cycles ago.
pub struct Stages {
    came: u64,
    mask: u64,
}

impl Stages {
    /// A pipeline of so many stages, nothing in it.
    pub fn new(stages: u32) -> Stages {
        Stages { came: 0, mask: (1 << stages) - 1 }
    }

    /// The enables of a cycle that brings operands, or none.
    pub fn cycle(&mut self, operands: bool) -> u64 {
        self.came = (self.came << 1 | u64::from(operands)) & self.mask;
        self.came
    }
}
