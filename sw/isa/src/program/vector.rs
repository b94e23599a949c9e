// SPDX-License-Identifier: Apache-2.0
//! The instruction of the vector unit, VECTOR: what a step of it computes, and its header.

use super::encoding::{bad, choices, header, pick};
use crate::format::{VECTOR, VECTOR_OPS};
use crate::{IsaError, Nest, Unit};

choices! {
    /// Operand a of a VECTOR step.
    Source {
        /// The sums that the array hands over, as numbers.
        Array,
        /// A word of V.
        V,
    }
}
choices! {
    /// What a VECTOR step multiplies its operand a with: m1.
    Mul1 {
        /// Nothing.
        One,
        /// The parameter's scale.
        Scale,
        /// b.
        B,
        /// a.
        A,
    }
}
choices! {
    /// The second product, m2.
    Mul2 {
        /// m1.
        One,
        /// m1 times the scalar.
        Scalar,
        /// m1 times c.
        C,
        /// a of the neighbour (lanes 2 k and 2 k + 1 change places) times c.
        Partner,
    }
}
choices! {
    /// What is added to m2: s.
    Add {
        /// Nothing.
        Zero,
        /// The scalar, negated.
        MinusScalar,
        /// The parameter's bias.
        Bias,
        /// c.
        C,
        /// m1.
        M1,
    }
}
choices! {
    /// A function of s.
    Function {
        /// 2 to the power of s.
        Exp2,
        /// 1 / (1 + exp(-s)).
        Sigmoid,
        /// The normal distribution's cumulative function.
        Phi,
        /// 127 times 2 to the power of s.
        Exp2Code,
    }
}
choices! {
    /// What fn(s) is multiplied with: f.
    Mul3 {
        /// Nothing.
        One,
        /// s.
        S,
        /// b.
        B,
        /// The scalar.
        Scalar,
    }
}
choices! {
    /// Where a VECTOR step writes.
    VectorDest {
        /// Nowhere.
        None,
        /// f to V.
        V,
        /// The code to X; the address counts C-byte words.
        X,
        /// The code to W SRAM, lane i to row (group * C + i), one byte lane; address {word, byte lane, group}.
        WColumn,
        /// The code to W SRAM, one row; address {word, row}.
        WRow,
        /// The code to OUT.
        Out,
        /// f to OUT as float32, in 4 words; one step per 4 cycles.
        OutFloat,
    }
}
choices! {
    /// The largest s of a reduction.
    MaxOf {
        /// None.
        Off,
        /// The largest.
        Max,
        /// The largest magnitude.
        MaxAbs,
        /// The largest, and where it is.
        ArgMax,
    }
}
choices! {
    /// The exact sum of a reduction.
    SumOf {
        /// None.
        Off,
        /// Codes.
        Code,
        /// t, f in sixteenths.
        T,
        /// t squared.
        TSquared,
    }
}
/// VECTOR: C numbers a step, from the array's sums or from V (docs/vector.md).
///
/// Addresses of the nest: 0 destination, 1 parameter word, 2 a, 3 b and c, 4 scalar.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Vector {
    /// V word of the first a.
    pub a_base: u32,
    /// V word of the first b.
    pub b_base: u32,
    /// V word of the first c.
    pub c_base: u32,
    /// Destination of the first result.
    pub dst_base: u32,
    /// Parameter word of the first step.
    pub param_base: u32,
    /// S register that the first step reads.
    pub s_base: u32,
    /// S register of the first reduction.
    pub red_base: u32,
    /// Zero point of codes.
    pub zero_point: i8,
    /// Lower clamp of codes.
    pub lo: i8,
    /// Upper clamp of codes.
    pub hi: i8,
    /// POS is added to the destination.
    pub append: bool,
    /// At the last iteration of the outermost loop, lanes beyond POS mod C + `tail_row` are the lowest number.
    pub tail: bool,
    /// Row of the chunk, 0 to 7, that `tail` is for.
    pub tail_row: u8,
    /// Every step reads `s_base`.
    pub s_fixed: bool,
    /// Every reduction goes to `red_base`.
    pub red_fixed: bool,
    /// Bit `l`: a reduction runs over loop `l`.
    pub reduce: u32,
    /// First lane that counts.
    pub lane_lo: u32,
    /// Lanes that count, 1 to 32; others keep what V holds, write code 0, and are in no reduction.
    pub lane_n: u32,
    /// Operand a.
    pub src: Source,
    /// m1.
    pub mul1: Mul1,
    /// m2.
    pub mul2: Mul2,
    /// s.
    pub add: Add,
    /// Function of s, where on.
    pub function: Option<Function>,
    /// f.
    pub mul3: Mul3,
    /// Where the result goes.
    pub dest: VectorDest,
    /// Largest s.
    pub max: MaxOf,
    /// Exact sum.
    pub sum: SumOf,
    /// The loops.
    pub nest: Nest,
}

impl Vector {
    /// Both words of its header.
    pub(super) fn encode(&self) -> Result<[u128; 2], IsaError> {
        if !(1..=32).contains(&self.lane_n) || self.lane_lo + self.lane_n > 32 {
            return Err(IsaError::FieldRange {
                what: "vector_ops.lane_n".into(),
                value: self.lane_n.into(),
                min: 1,
                max: 32 - i64::from(self.lane_lo.min(31)),
            });
        }
        let first = header(
            &VECTOR,
            &[
                ("a_base", self.a_base.into()),
                ("b_base", self.b_base.into()),
                ("c_base", self.c_base.into()),
                ("dst_base", self.dst_base.into()),
                ("param_base", self.param_base.into()),
                ("s_base", self.s_base.into()),
                ("red_base", self.red_base.into()),
                ("zero_point", self.zero_point.into()),
                ("lo", self.lo.into()),
                ("hi", self.hi.into()),
                ("append", self.append.into()),
                ("tail", self.tail.into()),
                ("red_fixed", self.red_fixed.into()),
                ("s_fixed", self.s_fixed.into()),
                ("reduce", self.reduce.into()),
                ("lane_lo", self.lane_lo.into()),
                ("loops", self.nest.loops.len() as i64),
            ],
        )?;
        let ops = header(
            &VECTOR_OPS,
            &[
                ("src", self.src as i64),
                ("mul1", self.mul1 as i64),
                ("mul2", self.mul2 as i64),
                ("add", self.add as i64),
                ("fn_en", self.function.is_some().into()),
                ("fn", self.function.map_or(0, |f| f as i64)),
                ("mul3", self.mul3 as i64),
                ("dest", self.dest as i64),
                ("max", self.max as i64),
                ("sum", self.sum as i64),
                ("lane_n", self.lane_n.into()),
                ("tail_row", self.tail_row.into()),
            ],
        )?;
        Ok([first, ops])
    }

    /// The instruction that both words of a header and loops say.
    pub(super) fn decode(first: u128, ops: u128, nest: Nest) -> Result<Vector, IsaError> {
        let get = |name| VECTOR.get(first, name);
        let op = |name| VECTOR_OPS.get(ops, name);
        let (lane_lo, lane_n) = (get("lane_lo") as u32, op("lane_n") as u32);
        if lane_n == 0 || lane_lo + lane_n > 32 {
            return Err(bad(Unit::Vector, "lane_n", lane_n.into(), "1 to 32 - lane_lo"));
        }
        Ok(Vector {
            a_base: get("a_base") as u32,
            b_base: get("b_base") as u32,
            c_base: get("c_base") as u32,
            dst_base: get("dst_base") as u32,
            param_base: get("param_base") as u32,
            s_base: get("s_base") as u32,
            red_base: get("red_base") as u32,
            zero_point: get("zero_point") as i8,
            lo: get("lo") as i8,
            hi: get("hi") as i8,
            append: get("append") == 1,
            tail: get("tail") == 1,
            tail_row: op("tail_row") as u8,
            red_fixed: get("red_fixed") == 1,
            s_fixed: get("s_fixed") == 1,
            reduce: get("reduce") as u32,
            lane_lo,
            lane_n,
            src: pick(Source::ALL, Unit::Vector, "src", op("src"))?,
            mul1: pick(Mul1::ALL, Unit::Vector, "mul1", op("mul1"))?,
            mul2: pick(Mul2::ALL, Unit::Vector, "mul2", op("mul2"))?,
            add: pick(Add::ALL, Unit::Vector, "add", op("add"))?,
            function: match op("fn_en") {
                0 => None,
                _ => Some(pick(Function::ALL, Unit::Vector, "fn", op("fn"))?),
            },
            mul3: pick(Mul3::ALL, Unit::Vector, "mul3", op("mul3"))?,
            dest: pick(VectorDest::ALL, Unit::Vector, "dest", op("dest"))?,
            max: pick(MaxOf::ALL, Unit::Vector, "max", op("max"))?,
            sum: pick(SumOf::ALL, Unit::Vector, "sum", op("sum"))?,
            nest,
        })
    }
}
