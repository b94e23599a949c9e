// SPDX-License-Identifier: Apache-2.0
//! DequantizeLinear, AveragePool or GlobalAveragePool, QuantizeLinear: QLinearAveragePool or QLinearGlobalAveragePool to ONNX Runtime,
//! whose kernels round in ways of their own (qlinear_pool, qlinear_global_average_pool; observed).

use crate::graph::{MeanRounding, Window};

/// Whether ONNX Runtime takes a window over an image of `h` x `w` for a global pool: one over all of it, without padding. A sequence
/// may lie as a column.
pub fn is_global(window: &Window, [h, w]: [usize; 2]) -> bool {
    (window.kernel == [h, w] || window.kernel == [w, h] && h == 1) && window.pads == [0; 4]
}

/// How a mean becomes a code; `unsigned`: of uint8 codes.
pub fn rounding_of(fused: bool, global: bool, unsigned: bool) -> MeanRounding {
    match (fused, global) {
        (false, _) => MeanRounding::Float32,
        (true, true) => MeanRounding::Global,
        (true, false) => MeanRounding::Window { unsigned },
    }
}
