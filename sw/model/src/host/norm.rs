// SPDX-License-Identifier: Apache-2.0
//! Normalisations that the host computes (docs/arithmetic.md, "Softmax and normalisation").

use crate::graph::UnderRoot;

/// A normalisation of groups of elements, in float32 in the order of ONNX Runtime's kernel: both sums element by element, the variance
/// the mean of squares less the square of the mean. Where the variance has codes, the parts of one by themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct HostNorm {
    /// Places of the elements, group behind group.
    pub groups: Vec<u32>,
    /// The mean is subtracted.
    pub centered: bool,
    /// What stands under the root: no map.
    pub under: UnderRoot,
    /// Squares by codes of the elements; `None`: of the elements.
    pub squares: Option<HostSquares>,
    /// Of each element of a group.
    pub gain: Vec<f32>,
    /// Of each element of a group.
    pub bias: Vec<f32>,
}

impl HostNorm {
    /// Runs it on a tensor's elements.
    pub(super) fn run(&self, v: &[f32]) -> Vec<f32> {
        let (n, mut out) = (self.gain.len().max(1), vec![0f32; v.len()]);
        for group in self.groups.chunks(n) {
            let x = || group.iter().map(|&at| v[at as usize]);
            let sum = x().fold(0f32, |sum, x| sum + x);
            let mean = if self.centered { sum / n as f32 } else { 0.0 };
            let root = match &self.under {
                UnderRoot::Codes { scale, zero_point, values } => {
                    let square = |x: f32| self.squares.as_ref().map_or((x - mean) * (x - mean), |squares| squares.of(x));
                    let variance = x().fold(0f32, |sum, x| sum + square(x)) / n as f32;
                    values[crate::quantise(variance, *scale, *zero_point) as u8 as usize].sqrt()
                }
                UnderRoot::Epsilon(epsilon) => {
                    let squares = x().fold(0f32, |sum, x| sum + x * x) / n as f32;
                    (if self.centered { squares - mean * mean + epsilon } else { squares + epsilon }).sqrt()
                }
                UnderRoot::Map { .. } => f32::NAN,
            };
            for ((&at, gain), bias) in group.iter().zip(&self.gain).zip(&self.bias) {
                out[at as usize] = (v[at as usize] - mean) / root * gain + bias;
            }
        }
        out
    }
}

/// Squares that are codes: of codes of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct HostSquares {
    /// Of the codes that are squared.
    pub scale: f32,
    /// Of the codes that are squared.
    pub zero_point: i8,
    /// What the square of each code stands for, by `code as u8`.
    pub values: Box<[f32; 256]>,
}

impl HostSquares {
    fn of(&self, x: f32) -> f32 {
        self.values[crate::quantise(x, self.scale, self.zero_point) as u8 as usize]
    }
}
