// SPDX-License-Identifier: Apache-2.0
//! What a driver does with a machine as a script, a line a step, which a test bench in plain Verilog plays (docs/simulators.md).

use crate::{HostError, Transport};
use std::fmt::Write;
use systole_isa::regs;

/// Passes everything on to a machine, and keeps it as lines of a script, all numbers in hexadecimal:
///
/// | line | step |
/// |---|---|
/// | `w OFFSET VALUE` | write a register |
/// | `r OFFSET VALUE MASK` | read a register until the bits of the mask are those of the value: of IRQ_STATUS the enabled ones, of others all |
/// | `m WORDS`, `d WORD` .. | words of C bytes to the image stream |
/// | `i WORDS LAST`, `d WORD` .. | an input frame; its last word has LAST bytes |
/// | `o WORDS LAST`, `d WORD` .. | an output frame, which has to be this one |
/// | `p CYCLES` | let cycles pass |
/// | `q LIMIT` | wait for the interrupt, so many cycles at most |
pub struct Scribe<T> {
    machine: T,
    lines: String,
    lanes: usize,
    /// Causes of the interrupt that the driver wants to hear of.
    enabled: u32,
}

/// Cycles that a script waits for the interrupt, where the driver would wait without end.
const LIMIT: u64 = 0x7fff_ffff;

impl<T: Transport> Scribe<T> {
    /// Records what passes to this machine, of words of `lanes` bytes, from now on.
    pub fn new(machine: T, lanes: u32) -> Scribe<T> {
        Scribe { machine, lines: String::new(), lanes: lanes as usize, enabled: 0 }
    }

    /// The script so far.
    pub fn script(&self) -> &str {
        &self.lines
    }

    fn line(&mut self, line: std::fmt::Arguments) {
        // Writing to a string does not fail.
        let _ = writeln!(self.lines, "{line}");
    }

    /// A line with the number of words, and the words; `last`: with the bytes of the last one.
    fn words(&mut self, step: char, bytes: &[u8], last: bool) {
        let words: Vec<&[u8]> = bytes.chunks(self.lanes).collect();
        let of_last = words.last().map_or(0, |w| w.len());
        if last {
            self.line(format_args!("{step} {:x} {of_last:x}", words.len()));
        } else {
            self.line(format_args!("{step} {:x}", words.len()));
        }
        for word in words {
            // The first byte of a word is its lowest.
            let text: String = word.iter().rev().map(|b| format!("{b:02x}")).collect();
            self.line(format_args!("d {text}"));
        }
    }
}

impl<T: Transport> Transport for Scribe<T> {
    async fn read(&mut self, offset: u32) -> Result<u32, HostError> {
        let value = self.machine.read(offset).await?;
        let mask = if offset == regs::offset("IRQ_STATUS") { self.enabled } else { u32::MAX };
        self.line(format_args!("r {offset:x} {:x} {mask:x}", value & mask));
        Ok(value)
    }

    async fn write(&mut self, offset: u32, value: u32) -> Result<(), HostError> {
        self.machine.write(offset, value).await?;
        if offset == regs::offset("IRQ_ENABLE") {
            self.enabled = value;
        }
        self.line(format_args!("w {offset:x} {value:x}"));
        Ok(())
    }

    async fn send_image(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        self.machine.send_image(bytes).await?;
        self.words('m', bytes, false);
        Ok(())
    }

    async fn queue_frame(&mut self, frame: Vec<u8>) -> Result<(), HostError> {
        self.words('i', &frame, true);
        self.machine.queue_frame(frame).await
    }

    async fn receive_frame(&mut self, limit: u64) -> Result<Vec<u8>, HostError> {
        let frame = self.machine.receive_frame(limit).await?;
        self.words('o', &frame, true);
        Ok(frame)
    }

    async fn pause(&mut self, cycles: u64) -> Result<u64, HostError> {
        let passed = self.machine.pause(cycles).await?;
        self.line(format_args!("p {passed:x}"));
        Ok(passed)
    }

    async fn wait_irq(&mut self, limit: u64) -> Result<bool, HostError> {
        let came = self.machine.wait_irq(limit).await?;
        if came {
            self.line(format_args!("q {:x}", limit.min(LIMIT)));
        } else {
            self.line(format_args!("p {:x}", limit.min(LIMIT)));
        }
        Ok(came)
    }
}
