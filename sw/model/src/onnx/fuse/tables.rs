// SPDX-License-Identifier: Apache-2.0
//! Functions of one code as tables of 256 values, each with how far ONNX Runtime's float32 value may be from it.

use crate::onnx::error::{Fail, unsupported};
use crate::onnx::fuse::functions::{error_of, value};
use crate::onnx::fuse::value::{Inputs, Table, TableKind};
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// A table of the function of an element-wise operator, of every value.
pub fn table_of(node: &Node, op: &str, inputs: Inputs, t: &Table) -> Result<Table, Fail> {
    let made = map(t, |v| value(node, op, inputs, v))?;
    let (x, y) = (t.values().unwrap_or([0.0; 256]), made.values().unwrap_or([0.0; 256]));
    let before = t.errors();
    Ok(made.with_error(std::array::from_fn(|i| error_of(op, x[i], y[i], before[i]))))
}

/// A table of `f` of every value.
pub fn map(t: &Table, f: impl Fn(f32) -> Result<f32, Fail>) -> Result<Table, Fail> {
    let Some(values) = t.values() else {
        return unsupported("codes with a scale for each channel", "quantise activations per tensor");
    };
    let mut made = [0f32; 256];
    for (m, v) in made.iter_mut().zip(values) {
        *m = f(v)?;
    }
    of_values(t, made)
}

/// These values of a table's codes.
pub fn of_values(t: &Table, made: [f32; 256]) -> Result<Table, Fail> {
    if made.iter().any(|v| v.is_nan()) {
        return unsupported("it gives NaN for some codes", "quantise its input to a range where it is defined");
    }
    Ok(Table {
        eight: t.eight.clone(),
        kind: TableKind::Values(Rc::new(made)),
        scalar: None,
        error: None,
        vector: t.vector,
        grid: t.linear().or(t.grid),
        apart: true,
    })
}
