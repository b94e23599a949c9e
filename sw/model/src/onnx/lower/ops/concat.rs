// SPDX-License-Identifier: Apache-2.0
//! Concat, and com.microsoft's QLinearConcat.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fuse::operands::table_of_codes;
use crate::onnx::fuse::value::{Eight, Inputs, Joined, Real, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::join;
use crate::onnx::lower::joined::quantise_joined;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// Concat of codes, or of dequantised tensors: those of one scale stay what they are, others wait for QuantizeLinear.
pub fn concat(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let axis = node.int("axis", 0);
    let (mut codes, mut tables) = (vec![], vec![]);
    for (i, input) in inputs.iter().enumerate() {
        match input {
            Some(Value::Eight(e)) => codes.push(e.clone()),
            Some(Value::Real(Real::Table(t))) => tables.push(t.clone()),
            _ => {
                return unsupported(
                    format!("operand {i} is neither quantised nor the dequantisation of codes"),
                    "put QuantizeLinear and DequantizeLinear before it",
                );
            }
        }
    }
    match (codes.is_empty(), tables.is_empty()) {
        (false, true) => Ok(Value::Eight(join(g, node, &codes, axis)?)),
        (true, false) => {
            // Of one scale they stay what they are.
            let first = tables[0].linear();
            if first.is_some() && tables.iter().all(|t| t.linear() == first && t.eight.unsigned == tables[0].eight.unsigned) {
                let eights: Vec<Eight> = tables.iter().map(|t| t.eight.clone()).collect();
                return Ok(Value::Real(Real::Table(Table {
                    eight: join(g, node, &eights, axis)?,
                    scalar: None,
                    apart: true,
                    ..tables[0].clone()
                })));
            }
            Ok(Value::Real(Real::Joined(Rc::new(Joined::Side { parts: tables, axis }))))
        }
        _ => wrong("operands of different types"),
    }
}

/// com.microsoft.QLinearConcat: scale and zero point of the result, then each operand with its own.
pub fn qlinear_concat(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if inputs.len() < 5 || inputs.len() % 3 != 2 {
        return wrong(format!("{} inputs", inputs.len()));
    }
    let parts = (2..inputs.len()).step_by(3).map(|i| table_of_codes(inputs, i)).collect::<Result<Vec<Table>, Fail>>()?;
    let joined = Joined::Side { parts, axis: node.int("axis", 0) };
    let result: Vec<Option<Value>> = vec![None, inputs[0].clone(), inputs[1].clone()];
    quantise_joined(g, node, &result, &joined)
}
