// SPDX-License-Identifier: Apache-2.0
//! Inputs of a node as what an operator takes.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::{ZeroPoints, scale, zero_point};
use crate::onnx::fuse::value::{Eight, Inputs, Real, Table, TableKind, Value};
use std::rc::Rc;

/// Input `i`, which must be given.
pub fn any<'a>(inputs: Inputs<'a>, i: usize) -> Result<&'a Value, Fail> {
    inputs.get(i).and_then(Option::as_ref).ok_or_else(|| Fail::Wrong(format!("input {i} is missing")))
}

/// Input `i` as an int8 or uint8 tensor.
pub fn eight(inputs: Inputs, i: usize, name: &str) -> Result<Eight, Fail> {
    match any(inputs, i)? {
        Value::Eight(e) => Ok(e.clone()),
        Value::Const(_) => unsupported(format!("{name} is a constant"), "fold it"),
        Value::Sums(_) => unsupported(format!("{name} is int32"), "requantise it with QuantizeLinear or a QLinear operator"),
        Value::Real(_) => wrong(format!("{name} is float32, it must be int8 or uint8")),
        Value::Unknown | Value::Foreign(_) | Value::Outside(_) => wrong(format!("{name} is unknown")),
    }
}

/// Input `i` as float32 values of codes.
pub fn table(inputs: Inputs, i: usize, name: &str) -> Result<Table, Fail> {
    match any(inputs, i)? {
        Value::Real(Real::Table(t)) => Ok(t.clone()),
        Value::Real(Real::Pending(_) | Real::Joined(_) | Real::Channels(_)) => unsupported(
            format!("{name} is the float32 result of another operator"),
            "put QuantizeLinear and DequantizeLinear between them",
        ),
        Value::Real(Real::Input(_)) => unsupported(
            format!("{name} is the graph's float32 input, or float32 rows of a table"),
            "begin with QuantizeLinear and DequantizeLinear",
        ),
        Value::Real(Real::Const(_)) | Value::Const(_) => unsupported(format!("{name} is a constant"), "fold it"),
        Value::Eight(_) | Value::Sums(_) => wrong(format!("{name} is an integer tensor, it must be float32")),
        Value::Unknown | Value::Foreign(_) | Value::Outside(_) => wrong(format!("{name} is unknown")),
    }
}

/// Codes with what they stand for.
pub fn linear(eight: Eight, scale: f32, zero: ZeroPoints) -> Result<Table, Fail> {
    let zero_point = zero.code_of(eight.unsigned)?;
    let kind = TableKind::Linear { scales: Rc::new(vec![scale]), zero_points: Rc::new(vec![zero_point]), axis: 0 };
    Ok(Table { eight, kind, scalar: None, error: None, vector: false, grid: None, apart: false })
}

/// Codes as the values that they are, for what depends on their order alone.
pub fn codes_as_values(e: &Eight) -> Table {
    let kind = TableKind::Linear { scales: Rc::new(vec![1.0]), zero_points: Rc::new(vec![0]), axis: 0 };
    Table { eight: e.clone(), kind, scalar: None, error: None, vector: false, grid: None, apart: false }
}

/// Codes in input `i` with scale and zero point in the two behind it.
pub fn table_of_codes(inputs: Inputs, i: usize) -> Result<Table, Fail> {
    linear(eight(inputs, i, "X")?, scale(inputs, i + 1)?, zero_point(inputs, i + 2)?)
}
