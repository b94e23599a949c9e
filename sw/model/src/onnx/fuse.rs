// SPDX-License-Identifier: Apache-2.0
//! What ONNX Runtime makes of DequantizeLinear, operator, QuantizeLinear: one operator on integers, or the float32
//! operator as it stands. Their codes differ, so the importer has to know which.
//!
//! Observed of its CPU kernels (graphs saved after optimisation, `session.qdqisint8allowed` = 1): a group is fused
//! where all its 8-bit tensors have one type, nothing else reads the values between, Flatten is not among them, and
//! every Relu or Clip before QuantizeLinear vanishes, because the codes reach no further than it lets through. Layout
//! operators but Transpose may follow the clips, not precede one: QuantizeLinear moves up through them before clips vanish. Sums
//! and products of two tensors want scales and zero points without dimensions, matrix products with Gemm those of weights.

use super::ElementType;
use std::rc::Rc;

/// Whether a group becomes one operator on integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fuse {
    /// It is one already: a QLinear operator.
    Always,
    /// Where the result is uint8 (`true`) or int8 as its operands are, and no clip remains.
    If {
        /// The operands are uint8.
        unsigned: bool,
    },
    /// It stays float32.
    Never,
}

impl Fuse {
    /// Of a convolution or product: weights of an int8 activation are int8, a bias is int32.
    pub fn product(unsigned: bool, weights: ElementType, bias: Option<ElementType>) -> Fuse {
        let weights = unsigned || weights == ElementType::Int8;
        let bias = bias.is_none_or(|b| matches!(b, ElementType::Int32 | ElementType::Float32));
        if weights && bias { Fuse::If { unsigned } } else { Fuse::Never }
    }

    /// Of an operator on two tensors.
    pub fn pair(a_unsigned: bool, b_unsigned: bool) -> Fuse {
        if a_unsigned == b_unsigned { Fuse::If { unsigned: a_unsigned } } else { Fuse::Never }
    }

    /// Whether it is fused with a result of this type, clipped to `clip` before it.
    pub fn fused(self, unsigned: bool, clip: &Clip, scale: f32, zero_point: i8) -> bool {
        match self {
            Fuse::Always => true,
            Fuse::If { unsigned: of } => of == unsigned && clip.vanishes(scale, zero_point),
            Fuse::Never => false,
        }
    }
}

/// Limits of Relu and Clip operators that follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Clip {
    pub lo: f32,
    pub hi: f32,
}

impl Clip {
    pub const NONE: Clip = Clip { lo: f32::NEG_INFINITY, hi: f32::INFINITY };

    /// With one more behind it. ONNX takes the maximum with the lower limit first: where limits cross, the upper wins.
    pub fn then(self, lo: f32, hi: f32) -> Clip {
        let through = |v: f32| v.max(lo).min(hi);
        Clip { lo: through(self.lo), hi: through(self.hi) }
    }

    /// Whether codes of this scale and zero point stand for values within the limits only.
    fn vanishes(&self, scale: f32, zero_point: i8) -> bool {
        let value = |code: f32| (code - f32::from(zero_point)) * scale;
        self.lo - value(-128.0) <= f32::EPSILON && value(127.0) - self.hi <= f32::EPSILON
    }
}

/// Sum or product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScalarOp {
    Add,
    Mul,
}

/// A quantised operand as it is in the model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    pub scale: f32,
    pub zero: i32,
}

/// Two operands that depend on one code: codes with one quantised constant of their type, with themselves, or with a function
/// of themselves that is quantised too. With nothing behind but clips QuantizeLinear makes QLinearAdd or QLinearMul of it.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub op: ScalarOp,
    pub unsigned: bool,
    pub a: Side,
    pub b: Side,
    /// Both operands' codes as they are in the model, by the machine's code as u8.
    pub codes: Rc<[[i32; 2]; 256]>,
    pub clip: Clip,
    /// A layout operator follows it.
    pub moved: bool,
}

impl Scalar {
    /// Its code for machine code `code`, by the fused operator's arithmetic; a tensor, not a constant, is its first operand.
    pub fn code(&self, code: i8, scale: f32, zero_point: i8) -> i8 {
        let up = if self.unsigned { 128 } else { 0 };
        let [x, c] = self.codes[usize::from(code as u8)];
        let y_zero = (i32::from(zero_point) + up) as f32;
        let y = match self.op {
            ScalarOp::Mul => {
                let s = self.a.scale * self.b.scale / scale;
                ((x - self.a.zero) * (c - self.b.zero)) as f32 * s + y_zero
            }
            ScalarOp::Add => {
                let (ra, rb) = (self.a.scale / scale, self.b.scale / scale);
                let fixed = y_zero - ra.mul_add(self.a.zero as f32, rb * self.b.zero as f32);
                ra.mul_add(x as f32, rb.mul_add(c as f32, fixed))
            }
        };
        if y >= crate::OVERFLOW {
            return -128;
        }
        (y.round_ties_even() - up as f32).clamp(-128.0, 127.0) as i8
    }
}
