// SPDX-License-Identifier: Apache-2.0
//! What a board does by itself when power comes: requests in its flash (docs/board.md), recorded from a driver at work.

use crate::{HostError, Transport};
use systole_isa::board::{BOOT_MAGIC, BOOT_NUMBER, OPERATIONS, PAYLOAD, code, frame};

/// Passes everything on to a machine, and keeps it as requests for a flash. Reads are left out, for nobody looks at them
/// there; where the driver paused, the requests wait as long and a quarter more, so that a machine that is not ready
/// sooner than the recorded one is ready too.
pub struct Recorder<T> {
    machine: T,
    frames: Vec<u8>,
    requests: usize,
    pause: u64, // cycles that passed since the last request
}

/// Cycles that the wait in front of an output frame lasts, beside those that the driver waited.
const OUTPUT_PAUSE: u64 = 256;

impl<T: Transport> Recorder<T> {
    /// Records what passes to this machine from now on.
    pub fn new(machine: T) -> Recorder<T> {
        Recorder { machine, frames: vec![], requests: 0, pause: 0 }
    }

    /// The file for the flash: magic, length, requests. And how many requests they are.
    pub fn file(&self) -> (Vec<u8>, usize) {
        let length = (self.frames.len() as u32).to_le_bytes();
        ([&BOOT_MAGIC.to_le_bytes()[..], &length, &self.frames].concat(), self.requests)
    }

    fn put(&mut self, operation: &str, operands: &[u8]) {
        self.frames.extend(frame(&[&[BOOT_NUMBER, code(&OPERATIONS, operation)], operands].concat()));
        self.requests += 1;
    }

    fn wait(&mut self, cycles: u64, for_irq: bool) {
        let cycles = u32::try_from(cycles).unwrap_or(u32::MAX).to_le_bytes();
        self.put("WAIT", &[&[u8::from(for_irq)][..], &cycles].concat());
    }

    /// A request, behind the wait that the driver made in front of it.
    fn request(&mut self, operation: &str, operands: &[u8]) {
        let pause = std::mem::take(&mut self.pause);
        if pause > 0 {
            self.wait(pause + pause / 4, false);
        }
        self.put(operation, operands);
    }
}

impl<T: Transport> Transport for Recorder<T> {
    async fn read(&mut self, offset: u32) -> Result<u32, HostError> {
        self.machine.read(offset).await
    }

    async fn write(&mut self, offset: u32, value: u32) -> Result<(), HostError> {
        self.machine.write(offset, value).await?;
        self.request("WRITE", &[&[(offset / 4) as u8][..], &value.to_le_bytes()].concat());
        Ok(())
    }

    async fn send_image(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        self.machine.send_image(bytes).await?;
        bytes.chunks(PAYLOAD).for_each(|part| self.request("IMAGE", part));
        Ok(())
    }

    async fn queue_frame(&mut self, frame: Vec<u8>) -> Result<(), HostError> {
        let parts = frame.len().div_ceil(PAYLOAD);
        for (n, part) in frame.chunks(PAYLOAD).enumerate() {
            self.request("INPUT", &[&[u8::from(n + 1 == parts)][..], part].concat());
        }
        self.machine.queue_frame(frame).await
    }

    async fn receive_frame(&mut self, limit: u64) -> Result<Vec<u8>, HostError> {
        let frame = self.machine.receive_frame(limit).await?;
        self.pause += OUTPUT_PAUSE;
        (0..frame.len().div_ceil(PAYLOAD)).for_each(|_| self.request("OUTPUT", &[]));
        Ok(frame)
    }

    async fn pause(&mut self, cycles: u64) -> Result<u64, HostError> {
        let passed = self.machine.pause(cycles).await?;
        self.pause += passed;
        Ok(passed)
    }

    async fn wait_irq(&mut self, limit: u64) -> Result<bool, HostError> {
        self.pause = 0;
        self.wait(limit, true);
        self.machine.wait_irq(limit).await
    }
}
