// SPDX-License-Identifier: Apache-2.0
//! Shapes that exporters compute in the graph: Shape and Size of what has a known shape, and arithmetic on small integer constants.

use crate::onnx::array::{Array, Data};
use crate::onnx::error::{Fail, wrong};
use crate::onnx::fold::known::{Known, constant};
use crate::onnx::fold::scales::{axis_of, list};
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// Shapes have few elements; more are no shape.
const MOST: usize = 1 << 12;

/// Shape, between `start` and `end`, or Size of a tensor of this shape; `None`: another operator.
pub fn of_shape(node: &Node, shape: &[usize]) -> Option<Known> {
    let rank = shape.len() as i64;
    let at = |v: i64| (if v < 0 { v.saturating_add(rank) } else { v }).clamp(0, rank) as usize;
    match node.op() {
        "Shape" => {
            let (start, end) = (at(node.int("start", 0)), at(node.int("end", rank)));
            Some(integers(shape.get(start..end).unwrap_or(&[]).iter().map(|&d| d as i64).collect()))
        }
        "Size" => Some(made(vec![], vec![shape.iter().product::<usize>() as i64])),
        _ => None,
    }
}

fn integers(values: Vec<i64>) -> Known {
    made(vec![values.len()], values)
}

fn made(shape: Vec<usize>, values: Vec<i64>) -> Known {
    Known::Array(Rc::new(Array { shape, data: Data::I64(values) }))
}

/// Slice, Gather, Concat, Cast to int64, Add, Sub, Mul, Div of int64 constants of one dimension at most; `None`: something else.
///
/// # Errors
/// Indices outside the tensor.
pub fn computed(node: &Node, inputs: &[Option<Known>]) -> Result<Option<Known>, Fail> {
    let of = |i: usize| -> Option<(&[usize], Vec<i64>)> {
        let Some(Some(Known::Array(array))) = inputs.get(i) else { return None };
        let whole = matches!(array.data, Data::I64(_)) || node.op() == "Cast" && matches!(array.data, Data::I32(_));
        let small = array.shape.len() <= 1 && array.len() <= MOST;
        array.integers().filter(|_| whole && small).map(|values| (array.shape.as_slice(), values))
    };
    let Some((shape, x)) = of(0) else { return Ok(None) };
    match node.op() {
        "Cast" if node.int("to", 0) == 7 => Ok(Some(made(shape.to_vec(), x))),
        "Concat" if shape.len() == 1 => {
            axis_of(node.int("axis", 0), 1)?;
            let parts: Option<Vec<Vec<i64>>> =
                (0..inputs.len()).map(|i| of(i).filter(|(s, _)| s.len() == 1).map(|(_, v)| v)).collect();
            Ok(parts.map(|parts| parts.concat()).filter(|all| all.len() <= MOST).map(integers))
        }
        "Gather" if shape.len() == 1 => {
            axis_of(node.int("axis", 0), 1)?;
            let Some(indices) = constant(inputs, 1)? else { return wrong("input 1 is missing") };
            let Some(list) = indices.integers().filter(|list| list.len() <= MOST) else { return Ok(None) };
            let size = x.len() as i64;
            let pick = |&i: &i64| {
                let at = if i < 0 { i.saturating_add(size) } else { i };
                usize::try_from(at).ok().and_then(|at| x.get(at).copied())
            };
            match list.iter().map(pick).collect::<Option<Vec<i64>>>() {
                Some(values) => Ok(Some(made(indices.shape.clone(), values))),
                None => wrong(format!("indices {list:?} of {size} elements")),
            }
        }
        "Slice" if shape.len() == 1 => slice(node, inputs, &x),
        "Add" | "Sub" | "Mul" | "Div" => {
            let Some((other, y)) = of(1) else { return Ok(None) };
            let count = if x.len() == 1 { y.len() } else { x.len() };
            if [x.len(), y.len()].iter().any(|&n| n != 1 && n != count) {
                return wrong(format!("shapes {shape:?} and {other:?}"));
            }
            let one = |n: usize| {
                let (a, b) = (x[if x.len() == 1 { 0 } else { n }], y[if y.len() == 1 { 0 } else { n }]);
                match node.op() {
                    "Add" => a.checked_add(b),
                    "Sub" => a.checked_sub(b),
                    "Mul" => a.checked_mul(b),
                    _ => a.checked_div(b),
                }
            };
            let values = (0..count).map(one).collect::<Option<Vec<i64>>>();
            let rank = shape.len().max(other.len());
            Ok(values.map(|values| made(if rank == 0 { vec![] } else { vec![count] }, values)))
        }
        _ => Ok(None),
    }
}

/// Slice of one dimension.
fn slice(node: &Node, inputs: &[Option<Known>], x: &[i64]) -> Result<Option<Known>, Fail> {
    let (starts, ends) = (list(node, inputs, 1, "starts")?, list(node, inputs, 2, "ends")?);
    let (Some([start]), Some([end])) = (starts.as_deref(), ends.as_deref()) else { return Ok(None) };
    if let Some(axes) = list(node, inputs, 3, "axes")? {
        axes.iter().try_for_each(|&a| axis_of(a, 1).map(|_| ()))?;
    }
    let step = list(node, inputs, 4, "steps")?.and_then(|s| s.first().copied()).unwrap_or(1);
    let size = x.len() as i64;
    let from_end = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
    let (lo, hi) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let (start, end) = (from_end(*start).clamp(lo, hi), from_end(*end).clamp(lo, hi));
    let (mut at, mut values) = (start, vec![]);
    while step != 0 && if step > 0 { at < end } else { at > end } {
        values.extend(usize::try_from(at).ok().and_then(|at| x.get(at).copied()));
        at = at.saturating_add(step);
    }
    Ok((step != 0).then(|| integers(values)))
}
