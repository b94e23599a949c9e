// SPDX-License-Identifier: Apache-2.0
//! The single source of truth of Systole: configurations, latencies, instruction
//! formats, registers and the image format, as plain tables.
//!
//! `rtl/include/systole_isa.vh` and the tables between markers in `docs/` are written
//! from here by `make gen`; a test fails, with the difference, when they are stale.
//!
//! The rules behind the tables are in `docs/isa.md` and `docs/timing.md`.

pub mod board;
pub mod config;
pub mod disasm;
pub mod ecc;
pub mod error;
pub mod f24;
pub mod field;
pub mod fields;
pub mod format;
pub mod generate;
pub mod image;
pub mod latency;
pub mod nest;
pub mod ports;
pub mod program;
pub mod regs;
pub mod requant;
pub mod rram;
pub mod rram_engine;
pub mod table;
pub mod writes;

pub use config::Config;
pub use error::IsaError;
pub use f24::F24;
pub use image::Image;
pub use latency::Latency;
pub use nest::{Loop, Nest};
pub use program::{
    Instruction, Join, Lane, Load, Matmul, Post, PostDest, Program, Residual, Row, Scalar, Scrub, Store, Unit, Vector, Wait,
};
pub use table::Table;

/// The 32-bit fingerprint of every table in this crate.
///
/// It stands in the read-only register `FINGERPRINT`, in the generated Verilog header and
/// in every image; software and hardware made from different tables refuse each other.
pub fn fingerprint() -> u32 {
    let hash = blake3::hash(generate::canonical_tables().as_bytes());
    let bytes = hash.as_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
