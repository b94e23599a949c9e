// SPDX-License-Identifier: Apache-2.0
//! What the vector unit computes on the pixels of a tensor (docs/arithmetic.md, "Softmax and normalisation").

/// A stage of the vector unit. Parameter words are the first of as many as a pixel has X words; lanes that are no channels have
/// the scale 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numbers {
    /// Parameter words by which codes become numbers.
    pub first: u32,
    /// Parameter words whose scales are 1.
    pub mask: u32,
    /// Channels.
    pub channels: usize,
    /// What is computed.
    pub function: Function,
}

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// Softmax.
    Softmax {
        /// Codes from 0 to 1.
        levels: f64,
    },
    /// Normalisation.
    Norm {
        /// The mean is subtracted.
        centered: bool,
        /// Parameter words of gain and bias.
        gain: u32,
        /// Scale of the codes.
        scale: f64,
        /// What stands under the root.
        under: Under,
    },
}

/// What stands under the root of a normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Under {
    /// The variance and this.
    Epsilon(f64),
    /// So much for each code of the variance above its zero point.
    Codes {
        /// Scale of the codes.
        scale: f64,
        /// Codes above the zero point.
        most: f64,
        /// What a code stands for.
        each: f64,
    },
    /// What the codes of the stage's operand stand for, one for each pixel, and a constant.
    Operand {
        /// Parameter words by which its codes become numbers.
        first: u32,
        /// Scale of its codes.
        scale: f64,
        /// They may be below their zero point.
        signed: bool,
        /// The constant.
        epsilon: f64,
    },
}
