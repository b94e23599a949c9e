// SPDX-License-Identifier: Apache-2.0
//! What can go wrong between host and machine.

use systole_isa::IsaError;
use systole_isa::regs::ERRORS;
use thiserror::Error;

/// Errors of the driver and of transports.
#[derive(Clone, PartialEq, Eq, Error)]
pub enum HostError {
    /// The machine answered SLVERR.
    #[error(
        "register access at {offset:#04x} ({access}) was refused (SLVERR): there is no such register, or it cannot be written"
    )]
    Refused {
        /// Byte offset.
        offset: u32,
        /// `read` or `write`.
        access: &'static str,
    },
    /// The ID register holds something else.
    #[error(
        "the device identifies as {found:#010x}, not as Systole ({expected:#010x}); is the transport connected to the right thing?"
    )]
    NotSystole {
        /// What ID holds.
        found: u32,
        /// What it should hold.
        expected: u32,
    },
    /// The machine's parameters match no named configuration.
    #[error(
        "the machine says configuration {id}, WEIGHT_BEATS {beats}, {parameter} = {found}; this software knows {expected} for it: build both from the same sources"
    )]
    UnknownMachine {
        /// Number of the configuration.
        id: u32,
        /// WEIGHT_BEATS.
        beats: u32,
        /// The register that differs.
        parameter: &'static str,
        /// Its value.
        found: u32,
        /// What the table says.
        expected: u32,
    },
    /// Image or machine do not fit each other.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// Nothing is loaded.
    #[error("no image is loaded; load one before running")]
    NoImage,
    /// A frame of the wrong length.
    #[error("input frame of {actual} bytes, the program takes {expected}")]
    FrameLength {
        /// Bytes the program takes.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// Rows of tables that registers cannot name.
    #[error("rows {rows:?}; a run takes eight by register, each below 65536")]
    Rows {
        /// Rows given.
        rows: Vec<u32>,
    },
    /// The machine raised an error.
    #[error("the machine reports {name} (code {code}): {meaning}{detail}")]
    Machine {
        /// Code in ERROR.
        code: u32,
        /// Its name.
        name: &'static str,
        /// What it means.
        meaning: &'static str,
        /// What it waited for.
        detail: String,
    },
    /// An image that no slot can hold.
    #[error(
        "the image has {lines} lines of {line_bytes} bytes, a slot of this machine holds {limit}: run it with a load instead, or take a larger machine"
    )]
    TooLarge {
        /// Lines of the image.
        lines: u32,
        /// Lines of a slot.
        limit: u32,
        /// Bytes of a line.
        line_bytes: u32,
    },
    /// The image woke with frames of another size.
    #[error("{name} woke, but {register} says {found}, the image {expected}: wake it again, or program it again")]
    OtherFrames {
        /// Name of the image.
        name: String,
        /// The register that differs.
        register: &'static str,
        /// What it says.
        found: u32,
        /// What the image says.
        expected: u32,
    },
    /// The machine woke to another image than the host expected.
    #[error("the RRAM holds an image with CRC {found:08x}, {name} has {expected:08x}: program it first")]
    OtherImage {
        /// The image that was expected.
        name: String,
        /// CRC of the one that is there.
        found: u32,
        /// CRC of the one expected.
        expected: u32,
    },
    /// Something did not happen in time.
    #[error("{what} took more than {limit} cycles; {state}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// The limit, in cycles.
        limit: u64,
        /// What the machine's status says.
        state: String,
    },
    /// An image section that did not arrive whole.
    #[error("the machine took {taken} of {sent} words of the {section} section")]
    Upload {
        /// The section.
        section: &'static str,
        /// Words taken.
        taken: u32,
        /// Words sent.
        sent: u32,
    },
    /// The line to a board failed; the text says what to try.
    #[error("board: {0}")]
    Line(String),
    /// The transport itself failed.
    #[error("transport: {0}")]
    Transport(String),
}

/// As it is displayed: `unwrap` shows it as it is meant to be read.
impl std::fmt::Debug for HostError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl HostError {
    /// What a code of ERROR says.
    pub(crate) fn machine(code: u32, detail: String) -> HostError {
        let known = ERRORS.iter().find(|e| e.bit == code);
        HostError::Machine {
            code,
            name: known.map_or("UNKNOWN", |e| e.name),
            meaning: known.map_or("not in this software's tables", |e| e.doc),
            detail,
        }
    }
}
