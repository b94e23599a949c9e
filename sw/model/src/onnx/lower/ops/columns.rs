// SPDX-License-Identifier: Apache-2.0
//! Rows of tables by the elements of one input: the host takes them, and they lie pixel behind pixel in one map.

use crate::graph::Codes;
use crate::host::HostOp;
use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::{result_zero, scale, zero_point};
use crate::onnx::fold::windows::bounded;
use crate::onnx::fuse::operands::any;
use crate::onnx::fuse::value::{Eight, Inputs, Real, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::parse::node::Node;
use crate::tables::plain_name;
use std::rc::Rc;

/// The table of input `i`, a constant: elements of a row, its values, and of one of codes whether they are uint8.
fn table(inputs: Inputs, i: usize) -> Result<(usize, Vec<f32>, Option<bool>), Fail> {
    let (shape, values, codes) = match any(inputs, i)? {
        Value::Const(a) => match (a.floats(), a.element()) {
            (Some(v), _) => (a.shape.clone(), v.to_vec(), None),
            (_, element @ (ElementType::Int8 | ElementType::Uint8)) => {
                let unsigned = element == ElementType::Uint8;
                let off = if unsigned { 128 } else { 0 };
                let codes = a.integers().unwrap_or_default().iter().map(|v| (v - off) as f32).collect();
                (a.shape.clone(), codes, Some(unsigned))
            }
            _ => return unsupported(format!("a table of {}", a.element()), "dequantise it before Gather"),
        },
        Value::Real(Real::Const(c)) => (c.shape.clone(), c.floats(), None),
        _ => return unsupported("a table that is computed", "make the table an initialiser"),
    };
    match shape.as_slice() {
        &[rows, width] if rows > 0 && width > 0 => Ok((width, values, codes)),
        _ => unsupported(format!("a table of shape {shape:?}"), "give it rows of numbers"),
    }
}

/// The codes of each output's rows.
pub fn columns(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Vec<Value>, Fail> {
    let Value::Real(Real::Input(x)) = any(inputs, 0)? else { return wrong("its indices are no input") };
    let list = |name: &str| node.ints(name).unwrap_or_default().iter().map(|&n| n as usize).collect::<Vec<usize>>();
    let (counts, ranks, dims, places) = (list("counts"), list("ranks"), list("dims"), list("places"));
    let (mut tables, mut rows, mut types, mut width) = (vec![], vec![], vec![], 0);
    let (mut scales, mut zero_points) = (vec![], vec![]);
    let mut names: Vec<&String> = vec![];
    for (n, &count) in counts.iter().enumerate() {
        let i = 1 + 3 * n;
        let (columns, values, codes) = table(inputs, i)?;
        let (zero, unsigned, scale) = match codes {
            Some(unsigned) => (0, unsigned, 1.0),
            None => {
                let (zero, unsigned) = result_zero(node, &zero_point(inputs, i + 2)?)?;
                (zero, unsigned, scale(inputs, i + 1)?)
            }
        };
        let name = &node.proto.input[i];
        let known = names.iter().position(|other| *other == name);
        let of = known.unwrap_or_else(|| {
            names.push(name);
            tables.push((plain_name(name).to_string(), values));
            tables.len() - 1
        });
        rows.extend(places.iter().skip(rows.len()).take(count).map(|&place| [place, of]));
        scales.extend(std::iter::repeat_n(scale, count));
        zero_points.extend(std::iter::repeat_n(zero, count));
        types.push(unsigned);
        width = columns;
    }
    let inner = vec![rows.len(), width];
    bounded(&inner)?;
    let count = rows.len();
    let source = g.source(x);
    source.host.push(HostOp::Columns { rows, width, tables });
    source.inner = inner.clone();
    source.codes = Some(Codes { scales, zero_points, axis: 0 });
    let all: Vec<u32> = (0..(count * width) as u32).collect();
    let whole = Eight { shape: inner, place: Rc::new(all.clone()), unsigned: false, steps: 1, ..x.clone() };
    g.view(&whole, [count, 1, width], &all);
    let (mut from, mut dim) = (0, 0);
    let output = |(n, unsigned): (usize, bool)| {
        let (rows, rank) = (counts[n], ranks.get(n).copied().unwrap_or(0));
        let shape = [dims.get(dim..dim + rank).unwrap_or_default(), &[width]].concat();
        let part = &all[from * width..][..rows * width];
        (from, dim) = (from + rows, dim + rank);
        let own = (0..(rows * width) as u32).collect();
        let made = g.gathered(&node.name, &whole, part, shape, [rows, 1, width], own);
        Value::Eight(Eight { unsigned, ..made })
    };
    Ok(types.into_iter().enumerate().map(output).collect())
}
