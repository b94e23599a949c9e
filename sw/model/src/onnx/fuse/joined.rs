// SPDX-License-Identifier: Apache-2.0
//! Concat of tensors with scales of their own, Max and Min of tensors, Pad by a value that is no code. QuantizeLinear behind them goes to
//! each part: ONNX Runtime makes QLinearConcat of DequantizeLinear, Concat, QuantizeLinear, which requantises part by part, and
//! QuantizeLinear keeps order, so it may come before a comparison.

use crate::onnx::error::{Fail, unsupported};
use crate::onnx::fuse::value::{Joined, Part, Real, Table, Value};
use std::rc::Rc;

impl Joined {
    /// The same behind a function of each value.
    pub fn through(&self, f: impl Fn(&Table) -> Result<Table, Fail>) -> Result<Value, Fail> {
        match self {
            Joined::Side { parts, axis } => {
                let through = |part: &Part| match part {
                    Part::Table(t) => f(t).map(Part::Table),
                    Part::Constant(..) => unsupported("a function of tensors joined to a constant", "quantise them first"),
                };
                let parts = parts.iter().map(through).collect::<Result<Vec<Part>, Fail>>()?;
                Ok(Value::Real(Real::Joined(Rc::new(Joined::Side { parts, axis: *axis }))))
            }
            Joined::Extreme { .. } => unsupported("a function of a maximum or minimum", "quantise it first"),
            Joined::Padded { .. } => unsupported("a function of padded values", "quantise them first"),
        }
    }
}
