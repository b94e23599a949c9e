// SPDX-License-Identifier: Apache-2.0
//! Starts, and runs that follow by themselves (docs/registers.md). Time passes where the host waits: a run that the host starts is over
//! at once, one that the chip starts when the host waits for something.

use super::ModelTransport;
use systole_host::HostError;
use systole_isa::regs::STATUS_BITS;

impl ModelTransport {
    /// A write to START: bit 0 a start, bit 1 abandons what waits.
    pub(super) fn write_start(&mut self, value: u32) -> Result<(), HostError> {
        if value & 2 != 0 {
            self.set("AUTO", 0);
            // What has room is on, and goes on to its end.
            self.waiting = self.waiting.min(u32::from(self.room()));
        } else if value & 1 != 0 {
            if self.waiting == 2 {
                self.fail_with("START_OVERRUN");
                return Ok(());
            }
            self.waiting += 1;
            if self.waiting == 1 {
                self.run()?;
            }
        }
        Ok(())
    }

    /// Lets the next run that waits come to its end; false where none can.
    pub(super) fn go_on(&mut self) -> Result<bool, HostError> {
        let goes = self.waiting > 0 && self.room();
        if goes {
            self.run()?;
        }
        Ok(goes)
    }

    /// STATUS: what waits for room is pending, else it is on.
    pub(super) fn status(&self) -> u32 {
        let on = self.waiting > 0 && self.room();
        let pending = self.waiting > 0 && !on;
        let bits = [("RUNNING", on), ("PENDING", pending), ("WAIT_OUT", pending), ("QUEUED", self.waiting == 2)];
        STATUS_BITS.iter().filter(|b| bits.iter().any(|s| s.0 == b.name && s.1)).map(|b| 1 << b.bit).sum()
    }

    /// One of two OUT buffers is free.
    fn room(&self) -> bool {
        self.get("OUT_BYTES") == 0 || self.output.len() < 2
    }

    /// END: POS, TOK and AUTO go on, or AUTO ends.
    pub(super) fn end_of_run(&mut self, cycles: u64) {
        if self.machine.config().vec_lanes == 0 {
            return;
        }
        // A cycle lies between two runs.
        let before = if self.series { self.get("AUTO_CYCLES").wrapping_add(1) } else { 0 };
        self.set("AUTO_CYCLES", before.wrapping_add(cycles as u32));
        let (auto, stop, argmax) = (self.get("AUTO"), self.get("STOP"), self.get("ARGMAX"));
        self.series = auto != 0 && self.get("ERROR") == 0 && stop != 1 << 16 | argmax;
        if self.series {
            self.set("AUTO", auto - 1);
            self.set("POS", self.get("POS").wrapping_add(1) & 0xffff);
            self.set("TOK", argmax);
            self.waiting += 1;
        } else {
            self.set("AUTO", 0);
        }
    }

    /// A write to POS, the tokens, ENTRY, AUTO or STOP.
    pub(super) fn write_token(&mut self, name: &'static str, offset: u32, value: u32) -> Result<(), HostError> {
        let (vector, series) = (self.machine.config().vec_lanes != 0, ["AUTO", "STOP"].contains(&name));
        let settled = self.get("AUTO") != 0 || (name == "ENTRY" && self.waiting > 0);
        if !vector || (settled && !series) {
            return Err(HostError::Refused { offset, access: "write" });
        }
        let mask = if name == "STOP" { 0x1_ffff } else { 0xffff };
        let stays = name == "AUTO" && self.get("ERROR") != 0;
        self.set(name, if stays { 0 } else { value & mask });
        Ok(())
    }
}
