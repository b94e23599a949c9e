// SPDX-License-Identifier: Apache-2.0
//! What happens in which cycle.

use systole_isa::{Lane, Load, Matmul, Post, PostDest, Scrub, Store};

/// An instruction with the cycle of its first step and its row.
pub(super) struct Started<'a, T> {
    pub first: u64,
    pub row: usize,
    pub what: &'a T,
}

/// Instructions by unit, in the order of their rows.
#[derive(Default)]
pub(super) struct Units<'a> {
    pub matmuls: Vec<Started<'a, Matmul>>,
    pub posts: Vec<Started<'a, Post>>,
    pub loads: Vec<Started<'a, Load>>,
    pub stores: Vec<Started<'a, Store>>,
    pub lanes: Vec<Started<'a, Lane>>,
    pub scrubs: Vec<Started<'a, Scrub>>,
    pub end: u64,
    pub end_row: usize,
}

/// A vector through the array.
#[derive(Clone, Copy)]
pub(super) struct Vector {
    /// Cycle of its step.
    pub step: u64,
    /// Its X time.
    pub t: u64,
    /// X word; `None` where padded.
    pub x: Option<u32>,
    /// Weight word.
    pub w: u32,
    pub acc: u32,
    pub loads: bool,
    pub sram: bool,
    pub starts: bool,
    pub ends: bool,
    pub row: usize,
}

/// Sums that POST takes.
#[derive(Clone, Copy)]
pub(super) struct Take {
    /// Cycle in which it does.
    pub cycle: u64,
    /// Cycle in which their (last) vector is read from X: what they are older or younger than.
    pub origin: u64,
    pub row: usize,
    pub unit: &'static str,
}

/// A result that POST writes.
#[derive(Clone, Copy)]
pub(super) struct Written {
    /// Cycle of the (first) write.
    pub cycle: u64,
    /// X time of its vector.
    pub origin: u64,
    pub dest: PostDest,
    pub addr: u32,
    /// Cycle and C-byte X address of the residual operand's read.
    pub flat: Option<(u64, u32)>,
    pub row: usize,
}

/// A write of lanes of a C-byte word of X.
#[derive(Clone, Copy)]
pub(super) struct XWrite {
    pub cycle: u64,
    pub addr: u32,
    pub mask: u32,
    /// X time of the vector whose result it is; `None` for LOAD.
    pub origin: Option<u64>,
    pub row: usize,
}

/// A flat read of a C-byte word of X.
#[derive(Clone, Copy)]
pub(super) struct FlatRead {
    pub cycle: u64,
    pub addr: u32,
    /// X time of the vector it is for; `None` for STORE.
    pub origin: Option<u64>,
    pub row: usize,
    pub unit: &'static str,
}

/// A write of one OUT word.
#[derive(Clone, Copy)]
pub(super) struct OutWrite {
    pub cycle: u64,
    pub word: u32,
    pub row: usize,
    pub unit: &'static str,
}

/// A write of part of a W SRAM word.
#[derive(Clone, Copy)]
pub(super) struct WWrite {
    pub cycle: u64,
    pub word: u32,
    /// First row and number of rows.
    pub rows: (u32, u32),
    pub origin: u64,
    pub row: usize,
}

#[derive(Default)]
pub(super) struct Accesses {
    pub x_writes: Vec<XWrite>,
    pub flats: Vec<FlatRead>,
    pub outs: Vec<OutWrite>,
    pub w_writes: Vec<WWrite>,
    /// Last step of LOAD and STORE.
    pub last_step: u64,
}
