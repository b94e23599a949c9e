// SPDX-License-Identifier: Apache-2.0
//! Rows of several tables, each by an index of its own: the host takes them, and they lie pixel behind pixel in one map.

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

/// The codes of each row.
pub fn columns(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Vec<Value>, Fail> {
    let Value::Real(Real::Input(x)) = any(inputs, 0)? else { return wrong("its indices are no input") };
    let places: Vec<usize> = node.ints("places").unwrap_or_default().iter().map(|&p| p as usize).collect();
    let (mut tables, mut width) = (vec![], None);
    let (mut scales, mut zero_points, mut types) = (vec![], vec![], vec![]);
    for i in (1..inputs.len()).step_by(3) {
        let (shape, values) = match any(inputs, i)? {
            Value::Const(a) => match (a.floats(), a.element()) {
                (Some(v), _) => (a.shape.clone(), v.to_vec()),
                (_, element @ (ElementType::Int8 | ElementType::Uint8)) => {
                    let off = if element == ElementType::Uint8 { 128 } else { 0 };
                    (a.shape.clone(), a.integers().unwrap_or_default().iter().map(|v| (v - off) as f32).collect())
                }
                _ => return unsupported(format!("a table of {}", a.element()), "dequantise it before Gather"),
            },
            Value::Real(Real::Const(c)) => (c.shape.clone(), c.floats()),
            _ => return unsupported("a table that is computed", "make the table an initialiser"),
        };
        let &[rows, columns] = shape.as_slice() else {
            return unsupported(format!("a table of shape {shape:?}"), "give it rows of numbers");
        };
        if rows == 0 || columns == 0 || width.is_some_and(|w| w != columns) {
            return unsupported("tables of rows of several lengths by one input", "give each table an input of its own");
        }
        width = Some(columns);
        tables.push((plain_name(&node.proto.input[i]).to_string(), values));
        let (zero, unsigned, scale) = match any(inputs, i)? {
            Value::Const(a) if a.floats().is_none() => (0, a.element() == ElementType::Uint8, 1.0),
            _ => {
                let (zero, unsigned) = result_zero(node, &zero_point(inputs, i + 2)?)?;
                (zero, unsigned, scale(inputs, i + 1)?)
            }
        };
        scales.push(scale);
        zero_points.push(zero);
        types.push(unsigned);
    }
    let (Some(width), true) = (width, places.len() == tables.len()) else { return wrong("no tables") };
    let (count, inner) = (tables.len(), vec![tables.len(), width]);
    bounded(&inner)?;
    if x.steps != 0 || !g.source(x).host.is_empty() || g.source(x).codes.is_some() {
        return unsupported("indices that go two ways", "give the graph an input for each");
    }
    let source = g.source(x);
    source.host.push(HostOp::Columns { places, width, tables });
    source.inner = inner.clone();
    source.codes = Some(Codes { scales, zero_points, axis: 0 });
    let all: Vec<u32> = (0..(count * width) as u32).collect();
    let whole = Eight { shape: inner, place: Rc::new(all.clone()), unsigned: false, steps: 1, ..x.clone() };
    g.view(&whole, [count, 1, width], &all);
    let ranks = node.ints("ranks").unwrap_or_default();
    let row = |(n, unsigned): (usize, bool)| {
        let from = &all[n * width..][..width];
        let own = (0..width as u32).collect();
        let ones = ranks.get(n).map_or(1, |&r| r as usize);
        let shape = std::iter::repeat_n(1, ones).chain([width]).collect();
        let made = g.gathered(&node.name, &whole, from, shape, [1, 1, width], own);
        Value::Eight(Eight { unsigned, ..made })
    };
    Ok(types.into_iter().enumerate().map(row).collect())
}
