// SPDX-License-Identifier: Apache-2.0
//! Relu and Clip behind a group. Before QuantizeLinear they vanish where the codes reach no further than they let through
//! (ONNX Runtime, ClipQuantFusion and ReluQuantFusion, observed in graphs saved after optimisation); then the group in front is fused
//! as if they were not there.

/// Limits of Relu and Clip operators that follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clip {
    pub lo: f32,
    pub hi: f32,
}

impl Clip {
    /// Everything passes.
    pub const NONE: Clip = Clip { lo: f32::NEG_INFINITY, hi: f32::INFINITY };

    /// With one more behind it. ONNX takes the maximum with the lower limit first: where limits cross, the upper wins.
    pub fn then(self, lo: f32, hi: f32) -> Clip {
        let through = |v: f32| v.max(lo).min(hi);
        Clip { lo: through(self.lo), hi: through(self.hi) }
    }

    /// Whether codes of this scale and zero point stand for values within the limits only.
    pub fn vanishes(&self, scale: f32, zero_point: i8) -> bool {
        let value = |code: f32| (code - f32::from(zero_point)) * scale;
        self.lo - value(-128.0) <= f32::EPSILON && value(127.0) - self.hi <= f32::EPSILON
    }
}
