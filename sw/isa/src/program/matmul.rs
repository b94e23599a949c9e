// SPDX-License-Identifier: Apache-2.0
//! The instruction of the array, MATMUL, and its header.

use super::encoding::{bad, header};
use crate::format::MATMUL;
use crate::{IsaError, Nest, Unit};

/// MATMUL: multiplies X vectors with weight words into accumulators.
///
/// Addresses of the nest: 0 X word, 1 W word, 2 accumulator, 3 index y, 4 index x.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Matmul {
    /// X word (R bytes) of the first step.
    pub x_base: u32,
    /// W word (C bytes in each row) of the first step.
    pub w_base: u32,
    /// Accumulator of the first step.
    pub acc_base: u32,
    /// Weights from W SRAM instead of RRAM.
    pub w_sram: bool,
    /// Zero point of the weights: subtracted from each byte of a word when it is loaded. 0 with `w_sram`, and where WEIGHT_ZERO is 0.
    pub w_zero: i8,
    /// Loops below this one share a weight word; 0: every step loads.
    pub hold: u32,
    /// Bit `l`: loop `l` runs over K.
    pub reduce: u32,
    /// Sums start here (else they continue what the accumulators hold).
    pub first: bool,
    /// Sums end here and go to POST.
    pub last: bool,
    /// Padding, where on.
    pub pad: Option<Pad>,
    /// In place of X: a value in one row, chosen by a register. Not with padding; `x_base` is 0.
    pub one_hot: Option<OneHot>,
    /// The loops.
    pub nest: Nest,
}

/// Padding of a MATMUL by two bounded indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pad {
    /// The byte that stands for a padded element.
    pub value: i8,
    /// Index y of the first step.
    pub y_base: i32,
    /// Index x of the first step.
    pub x_base: i32,
    /// Rows of the image.
    pub y_size: u32,
    /// Columns of the image.
    pub x_size: u32,
}

/// A one in one row: the vector that picks a row of a table that lies in the weights.
///
/// Row `entry mod R` multiplies `value`, all others 0; every weight word lies `entry / R` further on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OneHot {
    /// What the entry is.
    pub register: Register,
    /// Row of the chunk, 0 to 7.
    pub row: u8,
    /// What its row multiplies.
    pub value: i8,
}

/// Rows of a chunk: tokens that one run can take.
pub const CHUNK: usize = 8;

/// What the host writes before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Register {
    /// Position of the row's token: POS + row.
    #[default]
    Pos = 0,
    /// Number of the row's token: TOK, TOK1 ..
    Tok = 1,
}

impl OneHot {
    /// What stands in place of the address of X.
    fn encode(&self) -> Result<u32, IsaError> {
        if usize::from(self.row) >= CHUNK {
            return Err(IsaError::FieldRange {
                what: "MATMUL one_hot row".into(),
                value: self.row.into(),
                min: 0,
                max: CHUNK as i64 - 1,
            });
        }
        Ok(self.register as u32 | u32::from(self.row) << 1)
    }
}

impl Matmul {
    /// Its header; the zero point of the weights lies in the innermost loop.
    pub(super) fn encode(&self) -> Result<u128, IsaError> {
        let mut pad = self.pad.unwrap_or(Pad { value: 0, y_base: 0, x_base: 0, y_size: 0, x_size: 0 });
        let mut x_base = self.x_base;
        if let Some(hot) = self.one_hot {
            let place = hot.encode()?;
            if self.pad.is_some() || self.x_base != 0 {
                return Err(bad(Unit::Matmul, "one_hot", self.x_base.into(), "no padding, x_base 0"));
            }
            (pad.value, x_base) = (hot.value, place);
        }
        header(
            &MATMUL,
            &[
                ("x_base", x_base.into()),
                ("one_hot", self.one_hot.is_some().into()),
                ("w_base", self.w_base.into()),
                ("acc_base", self.acc_base.into()),
                ("w_sram", self.w_sram.into()),
                ("hold", self.hold.into()),
                ("reduce", self.reduce.into()),
                ("first", self.first.into()),
                ("last_en", self.last.into()),
                ("pad_en", self.pad.is_some().into()),
                ("pad_value", pad.value.into()),
                ("y_base", pad.y_base.into()),
                ("x_index_base", pad.x_base.into()),
                ("y_size", pad.y_size.into()),
                ("x_size", pad.x_size.into()),
                ("loops", self.nest.loops.len() as i64),
            ],
        )
    }

    /// The instruction that a header, the zero point of the innermost loop and loops say.
    pub(super) fn decode(header: u128, w_zero: i8, nest: Nest) -> Result<Matmul, IsaError> {
        let get = |name| MATMUL.get(header, name);
        let hot = get("one_hot") == 1;
        if hot && (get("pad_en") == 1 || get("x_base") as usize >= 2 * CHUNK) {
            return Err(bad(Unit::Matmul, "one_hot", get("x_base") as u64, "no padding, x_base 0 to 15"));
        }
        Ok(Matmul {
            one_hot: hot.then(|| OneHot {
                register: if get("x_base") & 1 == 0 { Register::Pos } else { Register::Tok },
                row: (get("x_base") >> 1) as u8,
                value: get("pad_value") as i8,
            }),
            x_base: if hot { 0 } else { get("x_base") as u32 },
            w_base: get("w_base") as u32,
            acc_base: get("acc_base") as u32,
            w_sram: get("w_sram") == 1,
            w_zero,
            hold: get("hold") as u32,
            reduce: get("reduce") as u32,
            first: get("first") == 1,
            last: get("last_en") == 1,
            pad: (get("pad_en") == 1).then(|| Pad {
                value: get("pad_value") as i8,
                y_base: get("y_base") as i32,
                x_base: get("x_index_base") as i32,
                y_size: get("y_size") as u32,
                x_size: get("x_size") as u32,
            }),
            nest,
        })
    }
}
