// SPDX-License-Identifier: Apache-2.0
//! DequantizeLinear, Softmax, QuantizeLinear of one type are QLinearSoftmax to ONNX Runtime, with a kernel of its own
//! (qlinear_softmax; observed). The host computes it.

use crate::host::HostOp;
use crate::onnx::fuse::value::Outside;

/// The fused operator of a Softmax that QuantizeLinear follows, in codes of `scale` and `zero_point` as they are in the model; `None`:
/// something else.
pub fn fused(x: &Outside, scale: f32, zero_point: i32, unsigned: bool) -> Option<HostOp> {
    match (&x.ops[..], &x.codes.scales[..]) {
        ([HostOp::Softmax { axis, log: false }], [x_scale]) if x.eight.unsigned == unsigned => {
            Some(HostOp::QLinearSoftmax { axis: *axis, x_scale: *x_scale, scale, zero_point, unsigned })
        }
        _ => None,
    }
}
