// SPDX-License-Identifier: Apache-2.0
//! What happens in which cycle.

use systole_isa::program::{self, Register};
use systole_isa::{Lane, Load, Matmul, Post, PostDest, Scalar, Scrub, Store};

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
    pub vectors: Vec<Started<'a, program::Vector>>,
    pub scalars: Vec<Started<'a, Scalar>>,
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
    /// X word; `None` where padded, or where a one stands in its place.
    pub x: Option<u32>,
    /// Weight word.
    pub w: u32,
    pub acc: u32,
    pub loads: bool,
    pub sram: bool,
    /// The register by which its weight word lies further on, and the row of the chunk.
    pub further: Option<(Register, u8)>,
    pub starts: bool,
    pub ends: bool,
    pub row: usize,
}

/// Sums that POST or VECTOR takes.
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
    /// Cycle in which POST takes the sums.
    pub take: u64,
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
    /// X time of the vector whose result it is, or the step of a VECTOR that reads V; `None` for LOAD.
    pub origin: Option<u64>,
    pub row: usize,
    pub unit: &'static str,
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

/// When the output of POST or VECTOR is taken: one result a cycle, four cycles for 32-bit words.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub cycle: u64,
    pub beats: u64,
    pub row: usize,
    pub unit: &'static str,
}

/// A step in the order that programs mean: of V the cycle of VECTOR's step, of S the one in which a step reads it; and its row.
pub(super) type Order = (u64, usize);

/// An access to a word of V or a register of S.
#[derive(Clone, Copy)]
pub(super) struct Touch {
    pub place: u32,
    pub order: Order,
    pub write: bool,
    pub cycle: u64,
    /// Cycles that it takes: of S those of a read from `cycle` on, and those of a write up to it.
    pub beats: u32,
    /// Lanes that it needs or changes, and, of a read, those that only must not change meanwhile.
    pub lanes: u32,
    pub beside: u32,
    /// A write that is seen from outside.
    pub shown: bool,
    pub unit: &'static str,
}

/// From the first to the last step of a reduction into a register of S.
#[derive(Clone, Copy)]
pub(super) struct UnderWay {
    pub register: u32,
    pub from: Order,
    pub to: Order,
}

#[derive(Default)]
pub(super) struct Accesses {
    pub x_writes: Vec<XWrite>,
    pub flats: Vec<FlatRead>,
    pub outs: Vec<OutWrite>,
    pub w_writes: Vec<WWrite>,
    /// Words of W SRAM, first and behind the last, that earlier runs and this one append to, up to POS.
    pub appended: Vec<(u32, u32)>,
    pub outputs: Vec<Output>,
    pub v: Vec<Touch>,
    pub s: Vec<Touch>,
    pub under_way: Vec<UnderWay>,
    /// Last step of LOAD and STORE, of VECTOR and SCALAR.
    pub last_step: u64,
}
