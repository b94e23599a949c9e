// SPDX-License-Identifier: Apache-2.0
//! The driver in C (`sw/c`) behind Rust, so that tests can run it: a [`Platform`] stands behind its four functions. Rust programs
//! have a driver of their own, `systole-host`.

#[allow(unsafe_code)]
mod ffi;

pub use ffi::{Device, Image, crc32};

/// How a function of the driver failed, as `systole_result` in C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A function of the platform failed.
    Bus,
    /// ID says something else.
    NotSystole,
    /// Hardware, driver and image are not made from the same tables.
    OtherIsa,
    /// The image is for another configuration.
    OtherMachine,
    /// No image, another format, cut short or damaged.
    BadImage,
    /// More than the machine holds.
    TooLarge,
    /// The machine has an error, with this in its register ERROR.
    Machine(u32),
    /// The patience ran out.
    Late,
    /// Nothing is loaded or awake.
    NoImage,
    /// Another image is awake.
    OtherImage,
}

/// The streams into the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Words of an image.
    Image,
    /// An input frame.
    Input,
}

/// What the driver waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// The end of a run.
    Run,
    /// The RRAM controller, or the last words of a section.
    Rram,
}

/// What the driver asks of its platform. A panic in one of these functions ends the process: C has no way for it.
pub trait Platform {
    /// Reads the register at a byte offset; `None` where that fails.
    fn read32(&mut self, offset: u32) -> Option<u32>;
    /// Writes a register; whether it worked.
    fn write32(&mut self, offset: u32, value: u32) -> bool;
    /// Sends bytes on a stream.
    fn send(&mut self, stream: Stream, bytes: &[u8]) -> bool;
    /// Receives an output frame.
    fn receive(&mut self, bytes: &mut [u8]) -> bool;
    /// The driver has nothing to do. `true`: the interrupt came, and its handler is to be called.
    fn idle(&mut self, waiting: Waiting) -> Option<bool>;
}
