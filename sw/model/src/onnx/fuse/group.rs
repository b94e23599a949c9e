// SPDX-License-Identifier: Apache-2.0
//! What ONNX Runtime makes of DequantizeLinear, operator, QuantizeLinear: one operator on integers, or the float32
//! operator as it stands. Their codes differ, so the importer has to know which.
//!
//! Observed of its CPU kernels (graphs saved after optimisation, `session.qdqisint8allowed` = 1; QDQSelectorActionTransformer): a group is
//! fused where all its 8-bit tensors have one type, nothing else reads the values between, Flatten is not among them, and every Relu or
//! Clip before QuantizeLinear vanishes. Sums and products of two tensors want scales and zero points without dimensions, matrix products
//! with Gemm those of weights.

use crate::onnx::element::ElementType;
use crate::onnx::fuse::clip::Clip;

/// Whether a group becomes one operator on integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fuse {
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
