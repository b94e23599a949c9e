// SPDX-License-Identifier: Apache-2.0
//! Ports.

use crate::Sim;
use verilated::{Direction, Port};

/// A port of the design: a handle, resolved once by name.
#[derive(Clone)]
pub struct Signal {
    sim: Sim,
    port: Port,
    width: u32,
}

impl Signal {
    pub(crate) fn new(sim: &Sim, port: Port, width: u32) -> Signal {
        Signal { sim: sim.clone(), port, width }
    }

    pub(crate) fn port(&self) -> Port {
        self.port
    }

    pub(crate) fn direction(&self) -> Direction {
        self.sim.inner.model.borrow().library().ports()[self.port.index()].direction
    }

    /// Bits.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The value that stands before the edge; the low 64 bits of a wider port.
    #[inline]
    pub fn get(&self) -> u64 {
        self.sim.inner.model.borrow().get(self.port)
    }

    /// The value is not zero.
    #[inline]
    pub fn is_high(&self) -> bool {
        self.get() != 0
    }

    /// The value as bytes, lowest first; bytes beyond the width are 0.
    pub fn get_bytes(&self, bytes: &mut [u8]) {
        self.sim.inner.model.borrow().get_bytes(self.port, bytes);
    }

    /// Writes the port just after this edge (bits beyond the width are dropped).
    #[inline]
    pub fn set(&self, value: u64) {
        self.sim.write(self.port, value, None);
    }

    /// Writes the port from bytes, lowest first; missing bytes are 0, bits beyond the width are dropped.
    pub fn set_bytes(&self, bytes: &[u8]) {
        if self.width <= 64 {
            let value = bytes.iter().take(8).rev().fold(0, |v, &b| v << 8 | u64::from(b));
            return self.set(value);
        }
        let mut words = vec![0u32; (self.width as usize).div_ceil(32)].into_boxed_slice();
        for (i, &b) in bytes.iter().enumerate().take(words.len() * 4) {
            words[i / 4] |= u32::from(b) << (8 * (i % 4));
        }
        self.sim.write(self.port, 0, Some(words));
    }
}
