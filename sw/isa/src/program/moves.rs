// SPDX-License-Identifier: Apache-2.0
//! The instructions that move bytes between X and the buffers, LOAD and STORE, and their headers.

use super::encoding::header;
use crate::format::{LOAD, STORE};
use crate::{IsaError, Nest};

/// LOAD: IN bytes to X, unaligned, rotated, masked.
///
/// Addresses of the nest: 0 destination (C-byte words of X), 1 source (IN bytes).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Load {
    /// X address of the first step, in C-byte words.
    pub dst_base: u32,
    /// IN byte address of the first step.
    pub src_base: u32,
    /// Lane j takes source byte (j - rotate) mod C.
    pub rotate: u32,
    /// Lanes that are written.
    pub mask: u32,
    /// Write this constant instead of IN bytes.
    pub fill: Option<i8>,
    /// The loops.
    pub nest: Nest,
}

/// STORE: X to OUT, one C-byte word a step.
///
/// Addresses of the nest: 0 destination (OUT words), 1 source (C-byte words of X).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Store {
    /// OUT word of the first step.
    pub dst_base: u32,
    /// X address of the first step, in C-byte words.
    pub src_base: u32,
    /// The loops.
    pub nest: Nest,
}

impl Load {
    /// Its header.
    pub(super) fn encode(&self) -> Result<u128, IsaError> {
        header(
            &LOAD,
            &[
                ("dst_base", self.dst_base.into()),
                ("src_base", self.src_base.into()),
                ("rotate", self.rotate.into()),
                ("mask", self.mask.into()),
                ("fill_en", self.fill.is_some().into()),
                ("fill", self.fill.unwrap_or(0).into()),
                ("loops", self.nest.loops.len() as i64),
            ],
        )
    }

    /// The instruction that a header and loops say.
    pub(super) fn decode(header: u128, nest: Nest) -> Load {
        let get = |name| LOAD.get(header, name);
        Load {
            dst_base: get("dst_base") as u32,
            src_base: get("src_base") as u32,
            rotate: get("rotate") as u32,
            mask: get("mask") as u32,
            fill: (get("fill_en") == 1).then(|| get("fill") as i8),
            nest,
        }
    }
}

impl Store {
    /// Its header.
    pub(super) fn encode(&self) -> Result<u128, IsaError> {
        let loops = self.nest.loops.len() as i64;
        header(&STORE, &[("dst_base", self.dst_base.into()), ("src_base", self.src_base.into()), ("loops", loops)])
    }

    /// The instruction that a header and loops say.
    pub(super) fn decode(header: u128, nest: Nest) -> Store {
        let get = |name| STORE.get(header, name) as u32;
        Store { dst_base: get("dst_base"), src_base: get("src_base"), nest }
    }
}
