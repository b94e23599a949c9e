// SPDX-License-Identifier: Apache-2.0
//! QuantizeLinear of values that become codes part by part.

use crate::graph::{Finish, Op};
use crate::onnx::error::{Fail, wrong};
use crate::onnx::fold::scales::{result_zero, scale, zero_point};
use crate::onnx::fuse::operands::codes_as_values;
use crate::onnx::fuse::value::{Eight, Inputs, Joined, Part, PendingKind, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::{Piece, join_pieces, padded};
use crate::onnx::lower::requantise::{lookup, quantize_table};
use crate::onnx::lower::two::add;
use crate::onnx::parse::node::Node;
use crate::quantise;

/// QuantizeLinear of what a Concat put together: each part by itself, as ONNX Runtime's QLinearConcat does.
pub fn quantise_joined(g: &mut Building, node: &Node, inputs: Inputs, joined: &Joined) -> Result<Value, Fail> {
    let scale = scale(inputs, 1)?;
    let codes = |g: &mut Building, t: &Table| match quantize_table(
        g,
        node,
        &Table { scalar: None, ..t.clone() },
        scale,
        &zero_point(inputs, 2)?,
    )? {
        Value::Eight(e) => Ok(e),
        _ => wrong("no codes"),
    };
    match joined {
        Joined::Side { parts, axis } => {
            let (zero, _) = result_zero(node, &zero_point(inputs, 2)?)?;
            let piece = |part: &Part| match part {
                Part::Table(t) => codes(g, t).map(Piece::Map),
                Part::Constant(shape, values) => {
                    Ok(Piece::Constant(shape.clone(), values.iter().map(|&v| quantise(v, scale, zero)).collect()))
                }
            };
            let parts = parts.iter().map(piece).collect::<Result<Vec<Piece>, Fail>>()?;
            Ok(Value::Eight(join_pieces(g, node, &parts, *axis)?))
        }
        Joined::Extreme { parts, least } => {
            // QuantizeLinear keeps order, so it may come first. The least are the greatest of codes turned around.
            let turned = |g: &mut Building, e: &Eight| {
                let table = Box::new(std::array::from_fn(|i| !(i as u8 as i8)));
                if *least { lookup(g, node, e, table, vec![], e.unsigned) } else { e.clone() }
            };
            let mut largest: Option<Eight> = None;
            for t in parts {
                let e = codes(g, t)?;
                let e = turned(g, &e);
                largest = Some(match largest {
                    None => e,
                    Some(before) => {
                        let side = |e: &Eight| Table { eight: e.clone(), ..codes_as_values(e) };
                        // As a sum has them, the two lie in one order.
                        let sum = add(g, &node.name, &side(&before), &side(&e))?;
                        let PendingKind::Add { a, b } = sum.kind else { return wrong("no pair") };
                        let (op, finish) = (Op::Larger { a: a.map, b: b.map }, Finish::Codes { lo: -128, hi: 127 });
                        g.push(&node.name, op, finish, sum.shape, sum.map, sum.order.to_vec(), e.unsigned)
                    }
                });
            }
            let Some(largest) = largest else { return wrong("nothing to compare") };
            Ok(Value::Eight(turned(g, &largest)))
        }
        Joined::Padded { table, pads, value } => {
            let (zero, _) = result_zero(node, &zero_point(inputs, 2)?)?;
            let e = codes(g, table)?;
            Ok(Value::Eight(padded(g, node, &e, pads, quantise(*value, scale, zero))?))
        }
    }
}
