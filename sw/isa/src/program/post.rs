// SPDX-License-Identifier: Apache-2.0
//! The instruction of the way from sums to codes, POST, and its header of one word, or of two with a second operand.

use super::encoding::{bad, choices, header, pick};
use crate::format::{POST, RESIDUAL};
use crate::{IsaError, Nest, Unit};

choices! {
    /// Where POST writes.
    PostDest {
        /// Activation banks; the address counts C-byte words.
        X,
        /// W SRAM: lane i to row (group * C + i), one byte lane; address {word, byte lane, group}.
        WColumn,
        /// W SRAM: the whole word to one row; address {word, row}.
        WRow,
        /// OUT buffer, int8.
        Out,
        /// OUT buffer, int32 sums with bias, C x 4 bytes in 4 words; one vector per 4 cycles.
        OutRaw32,
    }
}

/// POST: requantises final sums and writes them. Advances one step per final vector.
///
/// Addresses of the nest: 0 destination, 1 parameter word, 2 residual operand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Post {
    /// Destination of the first vector.
    pub dst_base: u32,
    /// Parameter word of the first vector.
    pub param_base: u32,
    /// Where the result goes.
    pub dest: PostDest,
    /// Zero point of the requantised value.
    pub zero_point: i8,
    /// Lower clamp of the result.
    pub lo: i8,
    /// Upper clamp of the result.
    pub hi: i8,
    /// Lookup table, where on.
    pub lut: Option<u32>,
    /// Residual add, where on.
    pub residual: Option<Residual>,
    /// The loops.
    pub nest: Nest,
}

/// What POST makes of the requantised value a and the operand b.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Join {
    /// `a * ma + b * mb`
    #[default]
    Sum,
    /// The larger of the two, and none of the constants.
    Larger,
    /// `(a - zeros[0]) * (b - zeros[1]) * ma`; mb is 0.
    Product {
        /// Zero points of a and b.
        zeros: [i8; 2],
    },
}

/// `y = rne((a * ma + b * mb + offset) / 2^shift) + zero_point` saturated to int8, a product of a and b in place of the sum, or
/// `max(a, b)`; then clamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Residual {
    /// X address of the first operand b, in C-byte words.
    pub base: u32,
    /// How a and b meet.
    pub join: Join,
    /// Multiplier of the requantised value a.
    pub ma: i32,
    /// Multiplier of the operand b.
    pub mb: i32,
    /// Zero points of the operands and correction.
    pub offset: i64,
    /// Power of two to divide by, 0 to 40.
    pub shift: u32,
    /// Added after rounding.
    pub zero_point: i8,
}

impl Post {
    /// Its header, and the second word of it where there is a second operand.
    pub(super) fn encode(&self) -> Result<(u128, Option<u128>), IsaError> {
        let first = header(
            &POST,
            &[
                ("dst_base", self.dst_base.into()),
                ("param_base", self.param_base.into()),
                ("res_base", self.residual.map_or(0, |r| r.base).into()),
                ("dest", self.dest as i64),
                ("zero_point", self.zero_point.into()),
                ("lo", self.lo.into()),
                ("hi", self.hi.into()),
                ("lut_en", self.lut.is_some().into()),
                ("lut", self.lut.unwrap_or(0).into()),
                ("res_en", self.residual.is_some().into()),
                ("loops", self.nest.loops.len() as i64),
            ],
        )?;
        Ok((first, self.residual.map(|r| r.encode()).transpose()?))
    }

    /// Whether a header has a second word.
    pub(super) fn has_second(header: u128) -> bool {
        POST.get(header, "res_en") == 1
    }

    /// The instruction that a header, its second word where it has one, and loops say.
    pub(super) fn decode(header: u128, second: Option<u128>, nest: Nest) -> Result<Post, IsaError> {
        let get = |name| POST.get(header, name);
        if get("mode") != 0 {
            return Err(bad(Unit::Post, "mode", get("mode") as u64, "0"));
        }
        Ok(Post {
            dst_base: get("dst_base") as u32,
            param_base: get("param_base") as u32,
            dest: pick(PostDest::ALL, Unit::Post, "dest", get("dest"))?,
            zero_point: get("zero_point") as i8,
            lo: get("lo") as i8,
            hi: get("hi") as i8,
            lut: (get("lut_en") == 1).then(|| get("lut") as u32),
            residual: second.map(|word| Residual::decode(get("res_base") as u32, word)),
            nest,
        })
    }
}

impl Residual {
    /// The second word of a header.
    fn encode(&self) -> Result<u128, IsaError> {
        if self.shift > 40 {
            return Err(IsaError::FieldRange { what: "residual.shift".into(), value: self.shift.into(), min: 0, max: 40 });
        }
        let mb = match self.join {
            Join::Product { zeros: [a, b] } => i64::from(a as u8) | i64::from(b as u8) << 8,
            _ => self.mb.into(),
        };
        header(
            &RESIDUAL,
            &[
                ("ma", self.ma.into()),
                ("mb", mb),
                ("offset", self.offset),
                ("shift", self.shift.into()),
                ("sum_zero_point", self.zero_point.into()),
                ("max", (self.join == Join::Larger).into()),
                ("mul", matches!(self.join, Join::Product { .. }).into()),
            ],
        )
    }

    /// The second operand, from the address `base` on, that the second word of a header says.
    fn decode(base: u32, word: u128) -> Residual {
        let get = |name| RESIDUAL.get(word, name);
        let (max, mul, mb) = (get("max") == 1, get("mul") == 1, get("mb") as i32);
        let join = match (max, mul) {
            (true, _) => Join::Larger,
            (_, true) => Join::Product { zeros: [mb as i8, (mb >> 8) as i8] },
            _ => Join::Sum,
        };
        Residual {
            base,
            join,
            ma: get("ma") as i32,
            mb: if matches!(join, Join::Product { .. }) { 0 } else { mb },
            offset: get("offset"),
            shift: get("shift") as u32,
            zero_point: get("sum_zero_point") as i8,
        }
    }
}
