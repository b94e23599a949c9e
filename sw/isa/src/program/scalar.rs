// SPDX-License-Identifier: Apache-2.0
//! The instruction for numbers of S, SCALAR, and its header.

use super::encoding::{choices, header, pick};
use crate::f24::F24;
use crate::format::SCALAR;
use crate::{IsaError, Nest, Unit};

choices! {
    /// What SCALAR computes.
    ScalarOp {
        /// a * b.
        Mul,
        /// a + b.
        Add,
        /// The larger of a and b.
        Max,
        /// 1 / a.
        Recip,
        /// 1 / sqrt(a).
        Rsqrt,
    }
}

/// SCALAR: one operation on numbers of S a step.
///
/// Addresses of the nest: 0 destination, 1 a, 2 b.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Scalar {
    /// What it computes.
    pub op: ScalarOp,
    /// S register of the first a.
    pub a_base: u32,
    /// S register of the first b.
    pub b_base: u32,
    /// S register of the first result.
    pub dst_base: u32,
    /// A constant in place of b.
    pub imm: Option<F24>,
    /// The loops.
    pub nest: Nest,
}

impl Scalar {
    /// Its header.
    pub(super) fn encode(&self) -> Result<u128, IsaError> {
        header(
            &SCALAR,
            &[
                ("op", self.op as i64),
                ("a_base", self.a_base.into()),
                ("b_base", self.b_base.into()),
                ("dst_base", self.dst_base.into()),
                ("imm_en", self.imm.is_some().into()),
                ("imm", self.imm.map_or(0, |v| v.bits().into())),
                ("loops", self.nest.loops.len() as i64),
            ],
        )
    }

    /// The instruction that a header and loops say.
    pub(super) fn decode(header: u128, nest: Nest) -> Result<Scalar, IsaError> {
        let get = |name| SCALAR.get(header, name);
        Ok(Scalar {
            op: pick(ScalarOp::ALL, Unit::Scalar, "op", get("op"))?,
            a_base: get("a_base") as u32,
            b_base: get("b_base") as u32,
            dst_base: get("dst_base") as u32,
            imm: (get("imm_en") == 1).then(|| F24::from_bits(get("imm") as u32)),
            nest,
        })
    }
}
