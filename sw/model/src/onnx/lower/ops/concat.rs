// SPDX-License-Identifier: Apache-2.0
//! Concat, and com.microsoft's QLinearConcat.

use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::Dequantised;
use crate::onnx::fuse::dequantized::values;
use crate::onnx::fuse::operands::{any, table_of_codes};
use crate::onnx::fuse::value::{Inputs, Joined, Part, Real, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::{Piece, join_pieces};
use crate::onnx::lower::joined::quantise_joined;
use crate::onnx::parse::node::Node;
use crate::quantise;
use std::rc::Rc;

/// Concat of codes, or of dequantised tensors: those of one scale stay what they are, others wait for QuantizeLinear. Some of them may be
/// constants.
pub fn concat(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let axis = node.int("axis", 0);
    let (mut codes, mut parts) = (vec![], vec![]);
    // Scale and zero point of what is dequantised, and its type; `None`: it has none.
    let mut grids = vec![];
    for (i, input) in inputs.iter().enumerate() {
        match input {
            Some(Value::Eight(e)) => codes.push(Piece::Map(e.clone())),
            Some(Value::Real(Real::Table(t))) => {
                grids.push(t.linear().map(|of| (of, t.eight.unsigned)));
                parts.push(Part::Table(t.clone()));
            }
            Some(Value::Real(Real::Const(c))) => {
                grids.push(grid(c));
                parts.push(Part::Constant(c.shape.clone(), Rc::new(c.floats())));
            }
            Some(Value::Const(a)) => match (a.floats(), a.integers()) {
                (Some(values), _) => {
                    grids.push(None);
                    parts.push(Part::Constant(a.shape.clone(), Rc::new(values.to_vec())));
                }
                (None, Some(values)) if matches!(a.element(), ElementType::Int8 | ElementType::Uint8) => {
                    let off = if a.element() == ElementType::Uint8 { 128 } else { 0 };
                    codes.push(Piece::Constant(a.shape.clone(), values.iter().map(|v| (v - off) as i8).collect()));
                }
                _ => return wrong(format!("operand {i} is {}", a.element())),
            },
            _ => {
                return unsupported(
                    format!("operand {i} is neither quantised nor the dequantisation of codes"),
                    "put QuantizeLinear and DequantizeLinear before it",
                );
            }
        }
    }
    match (codes.is_empty(), parts.is_empty()) {
        (false, true) => Ok(Value::Eight(join_pieces(g, node, &codes, axis)?)),
        (true, false) => {
            let first = parts.iter().find_map(|part| if let Part::Table(t) = part { Some(t.clone()) } else { None });
            let Some(first) = first else { return unsupported("constants alone are joined", "fold it") };
            // Of one scale they stay what they are.
            if let Some(Some(((scale, zero), _))) = grids.first().filter(|one| grids.iter().all(|g| g == *one)) {
                let piece = |part: &Part| match part {
                    Part::Table(t) => Piece::Map(t.eight.clone()),
                    Part::Constant(shape, values) => {
                        Piece::Constant(shape.clone(), values.iter().map(|&v| quantise(v, *scale, *zero)).collect())
                    }
                };
                let pieces: Vec<Piece> = parts.iter().map(piece).collect();
                let eight = join_pieces(g, node, &pieces, axis)?;
                return Ok(Value::Real(Real::Table(Table { eight, scalar: None, apart: true, ..first })));
            }
            Ok(Value::Real(Real::Joined(Rc::new(Joined::Side { parts, axis }))))
        }
        _ => wrong("operands of different types"),
    }
}

/// Scale and zero point of a constant's codes, and whether they are uint8.
fn grid(c: &Dequantised) -> Option<((f32, i8), bool)> {
    let unsigned = c.element == ElementType::Uint8;
    let narrow = unsigned || c.element == ElementType::Int8;
    let zero = i8::try_from(c.zero? - if unsigned { 128 } else { 0 }).ok()?;
    (narrow && c.scales.len() == 1).then(|| ((c.scales[0], zero), unsigned))
}

/// com.microsoft.QLinearConcat: scale and zero point of the result, then each operand with its own.
pub fn qlinear_concat(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if inputs.len() < 5 || inputs.len() % 3 != 2 {
        return wrong(format!("{} inputs", inputs.len()));
    }
    let part = |i: usize| match any(inputs, i)? {
        Value::Const(_) => match values(node, &inputs[i..i + 3])? {
            Value::Real(Real::Const(c)) => Ok(Part::Constant(c.shape.clone(), Rc::new(c.floats()))),
            _ => wrong(format!("input {i} is no constant of codes")),
        },
        _ => table_of_codes(inputs, i).map(Part::Table),
    };
    let parts = (2..inputs.len()).step_by(3).map(part).collect::<Result<Vec<Part>, Fail>>()?;
    let joined = Joined::Side { parts, axis: node.int("axis", 0) };
    let result: Vec<Option<Value>> = vec![None, inputs[0].clone(), inputs[1].clone()];
    quantise_joined(g, node, &result, &joined)
}
