// SPDX-License-Identifier: Apache-2.0
//! What a driver needs of a connection to a machine.

use crate::HostError;
use std::future::Future;
use std::pin::Pin;

/// A connection to a machine. Limits are in cycles of the machine's clock.
pub trait Transport {
    /// Reads the register at byte `offset`.
    ///
    /// Errors: [`HostError::Refused`] for a hole.
    fn read(&mut self, offset: u32) -> impl Future<Output = Result<u32, HostError>>;

    /// Writes the register at byte `offset`.
    ///
    /// Errors: [`HostError::Refused`] for a hole or a read-only register.
    fn write(&mut self, offset: u32, value: u32) -> impl Future<Output = Result<(), HostError>>;

    /// Sends bytes on the image stream and waits until all are taken. The length is a multiple
    /// of C.
    fn send_image(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), HostError>>;

    /// Queues an input frame; returns without waiting for the machine to take it.
    fn queue_frame(&mut self, frame: Vec<u8>) -> impl Future<Output = Result<(), HostError>>;

    /// The next output frame.
    fn receive_frame(&mut self, limit: u64) -> impl Future<Output = Result<Vec<u8>, HostError>>;

    /// Lets some cycles of the machine's clock pass; returns how many.
    fn pause(&mut self, cycles: u64) -> impl Future<Output = Result<u64, HostError>>;

    /// Waits for the interrupt line; `false` when `limit` cycles passed first.
    fn wait_irq(&mut self, limit: u64) -> impl Future<Output = Result<bool, HostError>>;
}

/// A future of one type, for transports: its code is compiled in the crate that calls this, and not in each that awaits it.
pub fn boxed<'a, T>(future: impl Future<Output = T> + 'a) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(future)
}
