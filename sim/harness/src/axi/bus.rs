// SPDX-License-Identifier: Apache-2.0
//! The ports of an AXI4-Stream.

use super::{find, need};
use crate::{Signal, Sim, SimError};

/// The ports of a stream, of widths that the standard allows: TDATA of whole bytes, a bit of TKEEP for each.
pub(super) struct Bus {
    pub name: String,
    pub valid: Signal,
    pub ready: Signal,
    pub data: Signal,
    keep: Option<Signal>,
    last: Option<Signal>,
    /// Bytes of a word.
    pub width: usize,
}

impl Bus {
    /// The ports with this prefix.
    ///
    /// # Errors
    /// [`SimError::Model`]: one is missing; [`SimError::Bus`]: one has a width that cannot be.
    pub fn of(sim: &Sim, prefix: &str) -> Result<Bus, SimError> {
        let name = prefix.trim_end_matches('_').to_string();
        let (valid, ready) = (need(sim, prefix, "tvalid")?, need(sim, prefix, "tready")?);
        let (data, keep, last) = (need(sim, prefix, "tdata")?, find(sim, prefix, "tkeep"), find(sim, prefix, "tlast"));
        let fail = |why: String| Err(SimError::Bus { name: name.clone(), why });
        if !data.width().is_multiple_of(8) {
            return fail(format!("TDATA has {} bits; in AXI4-Stream it is a whole number of bytes", data.width()));
        }
        let width = data.width() as usize / 8;
        if let Some(keep) = keep.as_ref().filter(|k| k.width() as usize != width) {
            let bits = keep.width();
            return fail(format!("TKEEP has {bits} bits and TDATA {width} bytes; in AXI4-Stream TKEEP has a bit for each byte"));
        }
        for (port, what) in [(Some(&valid), "TVALID"), (Some(&ready), "TREADY"), (last.as_ref(), "TLAST")] {
            if let Some(bits) = port.map(Signal::width).filter(|&bits| bits != 1) {
                return fail(format!("{what} has {bits} bits; in AXI4-Stream it has one"));
            }
        }
        Ok(Bus { name, valid, ready, data, keep, last, width })
    }

    /// Writes up to a word of bytes; TKEEP has ones for those there are.
    pub fn put(&self, word: &[u8], ends: bool) {
        self.data.set_bytes(word);
        if let Some(keep) = &self.keep {
            if self.width <= 64 {
                keep.set(ones(word.len()));
            } else {
                let bits: Vec<u8> =
                    (0..self.width.div_ceil(8)).map(|i| ones(word.len().saturating_sub(8 * i).min(8)) as u8).collect();
                keep.set_bytes(&bits);
            }
        }
        if let Some(last) = &self.last {
            last.set(u64::from(ends));
        }
    }

    /// Which bytes of the word that stands there are kept, eight in each; all of them where there is no TKEEP.
    pub fn kept(&self, bits: &mut [u8]) {
        match &self.keep {
            Some(keep) => keep.get_bytes(bits),
            None => self.all(bits),
        }
    }

    /// Every byte is kept.
    pub fn all(&self, bits: &mut [u8]) {
        bits.iter_mut().enumerate().for_each(|(i, b)| *b = ones((self.width - 8 * i).min(8)) as u8);
    }

    /// The word that stands there is the last of its frame.
    pub fn ends(&self) -> bool {
        self.last.as_ref().is_none_or(Signal::is_high)
    }
}

/// A number with so many ones, at most 64.
fn ones(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}
