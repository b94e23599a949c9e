// SPDX-License-Identifier: Apache-2.0
//! What the machine computes where no integer constants follow ONNX Runtime on every operand: said by the compiler,
//! carried out by the operator reference, so that a difference is either this one or a fault.

/// A layer that is computed otherwise than its [`crate::graph::Op`] says.
#[derive(Debug, Clone, PartialEq)]
pub struct Approximation {
    /// Number of the layer in its graph.
    pub layer: usize,
    /// What is computed.
    pub form: Form,
}

/// Integer arithmetic, or F24, in place of an op's own; clamps of the layer follow (docs/arithmetic.md).
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// `sat8(rne((a * ma + b * mb + offset) / 2^shift) + zero_point)` of the codes a and b of an add, in its order.
    Sum {
        /// Multiplier of a.
        ma: i64,
        /// Multiplier of b.
        mb: i64,
        /// Added to the products.
        offset: i64,
        /// Rounded away.
        shift: u32,
        /// Added after rounding.
        zero_point: i8,
    },
    /// `sat8(rne((p * m + offset) / 2^shift) + zero_point)` of the product p of the codes of a mul less their zero points.
    Product {
        /// Multiplier.
        m: i64,
        /// Added to the product.
        offset: i64,
        /// Rounded away.
        shift: u32,
        /// Added after rounding.
        zero_point: i8,
    },
    /// `sat8(rne(f32(f32(sum + extra) * scale)) + zero_point)` of the sum of a window, zero points subtracted.
    Mean {
        /// Constants of each number of elements that a window has.
        divisors: Vec<Divisor>,
        /// Added after rounding.
        zero_point: i8,
    },
    /// A product or convolution without its [`crate::graph::Rest`]: constants are rounded to a step of its sums.
    WholeSteps,
    /// A softmax in F24, on the vector unit.
    Softmax,
    /// A normalisation in F24, on the vector unit.
    Norm,
}

/// Constants of a mean over so many elements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Divisor {
    /// Elements.
    pub count: usize,
    /// Of the sum.
    pub scale: f32,
    /// Added to the sum.
    pub extra: i32,
}
