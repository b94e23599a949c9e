// SPDX-License-Identifier: Apache-2.0
//! A network on the machine as one page of HTML: what it takes, where its cycles go, what lies where.
//!
//! Numbers are the compiler's own: its report by layer, and the accesses that its checker derives from a timetable
//! ([`systole_compiler::verify::effects`]). The page asks nothing of a network: style, script and pictures are in it. docs/report.md
//! shows one.

#![forbid(unsafe_code)]

pub mod layers;
pub mod machines;
pub mod memory;
pub mod network;
pub mod numbers;
pub mod page;
mod pane;
pub mod positions;
pub mod roofline;
pub mod timetable;
pub mod trace;

pub use page::{Judged, Measured, Page, Run, Subject};
