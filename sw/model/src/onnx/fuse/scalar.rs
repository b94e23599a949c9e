// SPDX-License-Identifier: Apache-2.0
//! Sums and products whose operands depend on one code: QLinearAdd and QLinearMul to ONNX Runtime, with the arithmetic of their kernels
//! (element_wise_ops, MlasQLinearAdd, MlasQLinearMul).

use crate::onnx::fuse::clip::Clip;
use std::rc::Rc;

/// Sum or product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarOp {
    Add,
    Mul,
}

/// A quantised operand as it is in the model.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    pub scale: f32,
    pub zero: i32,
}

/// Two operands that depend on one code: codes with one quantised constant of their type, with themselves, or with a function
/// of themselves that is quantised too. With nothing behind but clips QuantizeLinear makes QLinearAdd or QLinearMul of it.
#[derive(Debug, Clone)]
pub struct Scalar {
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
