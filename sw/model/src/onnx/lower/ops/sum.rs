// SPDX-License-Identifier: Apache-2.0
//! Sum of one tensor or of two, as networks exported from Caffe2 add their branches. ONNX Runtime has no such operator on integers, and
//! computes it in float32 whatever stands around it.

use crate::onnx::error::{Fail, unsupported};
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::operands::{any, table};
use crate::onnx::fuse::value::{Inputs, Pending, Real, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::requantise::linearised;
use crate::onnx::lower::two::add;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// Sum of dequantised tensors of one shape, not quantised yet.
///
/// # Errors
/// More than two operands, one tensor twice, operands that are not quantised or of other shapes.
pub fn sum(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let (a, b) = match inputs {
        [_] => return any(inputs, 0).cloned(),
        [_, _] => (table(inputs, 0, "the first operand")?, table(inputs, 1, "the second operand")?),
        more => {
            return unsupported(
                format!("a sum of {} tensors, which float32 holds between", more.len()),
                "add two, quantise the result, and add the next",
            );
        }
    };
    if a.eight.map == b.eight.map {
        return unsupported("one tensor twice", "use Add, or Mul by 2");
    }
    let (a, b) = (linearised(g, node, &a)?, linearised(g, node, &b)?);
    let made = add(g, &node.name, &a, &b)?;
    Ok(Value::Real(Real::Pending(Rc::new(Pending { fuse: Fuse::Never, ..made }))))
}
