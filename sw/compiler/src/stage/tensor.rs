// SPDX-License-Identifier: Apache-2.0
//! Tensors in X, and how LOAD fills them.

use crate::legalise::Packed;

/// Number of a tensor in X.
pub type TensorId = usize;

/// Where a tensor in X comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// LOAD, from the input frame.
    Input,
    /// POST, in this stage.
    Stage(usize),
}

/// An activation tensor in X: pixel after pixel in raster order, `words` X words each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its map, for messages.
    pub name: String,
    /// Who writes it.
    pub source: Source,
    /// Bytes of a pixel that mean something.
    pub channels: usize,
    /// X words of a pixel.
    pub words: usize,
    /// Pixels.
    pub pixels: usize,
    /// Pixels of a line: readiness is known by line.
    pub line: usize,
    /// Columns of its map: a row is so many pixels.
    pub width: usize,
    /// How LOAD brings it, where it comes from the frame.
    pub frame: Option<Frame>,
    /// Stage before which LOAD may not write it, where its place is another's until then; 0: from launch on.
    pub loaded: usize,
    /// A pixel's last word has a group that POST does not write: LOAD fills it.
    pub fill: bool,
    /// Last stage that reads it.
    pub last_use: usize,
}

impl Tensor {
    /// Lines.
    pub fn lines(&self) -> usize {
        self.pixels.div_ceil(self.line)
    }

    /// Rows of its map.
    pub fn rows(&self) -> usize {
        self.pixels / self.width
    }
}

/// How a frame lies in a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Pixel by pixel.
    Plain,
    /// Windows of a first layer.
    Packed(Packed),
}

/// One LOAD instruction before its tensor has a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadJob {
    /// The tensor it writes.
    pub tensor: TensorId,
    /// First C-byte word, from the tensor's first.
    pub dst: usize,
    /// First byte of the frame.
    pub src: usize,
    /// Lane j takes source byte (j - rotate) mod C.
    pub rotate: usize,
    /// Lanes it writes.
    pub mask: u32,
    /// A constant in place of the frame's bytes.
    pub fill: Option<i8>,
    /// Loops `(count, destination stride, source stride)`, innermost first, none of one iteration but perhaps the only one.
    pub loops: Vec<(usize, usize, usize)>,
}

impl LoadJob {
    /// Destination word and source byte of every step, in order.
    pub fn steps(&self) -> Vec<(usize, usize)> {
        let mut steps = vec![(self.dst, self.src)];
        for &(count, dst, src) in &self.loops {
            let inner = steps.clone();
            for i in 1..count {
                steps.extend(inner.iter().map(|s| (s.0 + i * dst, s.1 + i * src)));
            }
        }
        steps
    }
}
