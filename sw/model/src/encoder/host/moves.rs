// SPDX-License-Identifier: Apache-2.0
//! Operators that move elements, or make them of sizes alone.

use super::tensor::{Kind, Tensor, broadcast, pairs, steps};
use super::{Inputs, axis_of, input, list, number, optional};
use crate::onnx::error::Fail;
use crate::onnx::fold::known::Known;
use crate::onnx::fold::plan::plan;
use crate::onnx::parse::node::Node;
use crate::onnx::{Array, Data};
use std::rc::Rc;

/// No tensor that the host makes has more elements.
const MOST: usize = 1 << 28;

/// The outputs of an operator of these; `None`: another operator.
///
/// # Errors
/// Inputs that contradict ONNX.
pub fn run(node: &Node, x: Inputs, opset: i64) -> Result<Option<Vec<Tensor>>, String> {
    let one = |t: Tensor| Ok(Some(vec![t]));
    match node.op() {
        "Constant" => one(constant(node)?),
        "Identity" | "Dropout" => one(input(x, 0)?.clone()),
        "Shape" => {
            let shape = &input(x, 0)?.shape;
            let rank = shape.len() as i64;
            let at = |v: i64| (if v < 0 { v.saturating_add(rank) } else { v }).clamp(0, rank) as usize;
            let part = shape.get(at(node.int("start", 0))..at(node.int("end", rank))).unwrap_or(&[]);
            one(Tensor::ints(vec![part.len()], Kind::I64, part.iter().map(|&d| d as i64).collect()))
        }
        "Size" => one(Tensor::ints(vec![], Kind::I64, vec![input(x, 0)?.len() as i64])),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" => one(moved(node, x)?),
        "Expand" => {
            let t = input(x, 0)?;
            let wanted = sizes(input(x, 1)?)?;
            one(expanded(t, &broadcast(&[&t.shape, &wanted])?))
        }
        "Tile" => one(tiled(input(x, 0)?, &sizes(input(x, 1)?)?)?),
        "Concat" => one(joined(node, x)?),
        "Slice" => one(sliced(node, x)?),
        "Split" => split(node, x).map(Some),
        "Gather" => one(gathered(node, x)?),
        "GatherND" => one(gathered_places(node, x)?),
        "GatherElements" => one(gathered_elements(node, x)?),
        "Range" => one(range(x)?),
        "ConstantOfShape" => {
            let shape = sizes(input(x, 0)?)?;
            let value = node.proto.attribute.iter().find_map(|a| a.t.as_ref()).map(Tensor::read).transpose();
            let value = value.map_err(|e| e.to_string())?.unwrap_or_else(|| Tensor::floats(vec![1], vec![0.0]));
            one(expanded(&value.reshaped(vec![]), &shape))
        }
        "Trilu" => {
            let t = input(x, 0)?;
            let &[.., h, w] = t.shape.as_slice() else { return Err("a tensor of rank 1".into()) };
            let (k, upper) = (number(node, x, 1, "k", 0.0) as i64, node.int("upper", 1) != 0);
            let keep = |i: usize| {
                let off = (i % w) as i64 - (i / w % h) as i64;
                if upper { off >= k } else { off <= k }
            };
            let zeros = Tensor::ints(vec![], t.kind, vec![0]);
            let when = Tensor::bools(t.shape.clone(), (0..t.len()).map(keep).collect());
            one(super::elementwise::choose(&when, t, &zeros)?)
        }
        "CumSum" if opset >= 11 => {
            let t = input(x, 0)?;
            let axis = axis_of(number(node, x, 1, "axis", 0.0) as i64, t.shape.len())?;
            if node.int("exclusive", 0) != 0 || node.int("reverse", 0) != 0 {
                return Err("a cumulative sum that is exclusive or in reverse".into());
            }
            let (step, size) = (steps(&t.shape)[axis], t.shape[axis]);
            let first = |i: usize| (i / step).is_multiple_of(size);
            let made = match t.as_ints() {
                Some(mut v) => {
                    (0..v.len()).filter(|&i| !first(i)).for_each(|i| v[i] += v[i - step]);
                    Tensor::ints(t.shape.clone(), t.kind, v)
                }
                None => {
                    let mut v = t.to_floats();
                    (0..v.len()).filter(|&i| !first(i)).for_each(|i| v[i] += v[i - step]);
                    Tensor::floats(t.shape.clone(), v)
                }
            };
            one(made)
        }
        _ => Ok(None),
    }
}

fn constant(node: &Node) -> Result<Tensor, String> {
    if let Some(t) = node.proto.attribute.iter().find_map(|a| a.t.as_ref()) {
        return Tensor::read(t).map_err(|e| e.to_string());
    }
    if node.has("value_float") {
        return Ok(Tensor::floats(vec![], vec![node.float("value_float", 0.0)]));
    }
    if node.has("value_int") {
        return Ok(Tensor::ints(vec![], Kind::I64, vec![node.int("value_int", 0)]));
    }
    match (node.floats("value_floats"), node.ints("value_ints")) {
        (Some(v), _) => Ok(Tensor::floats(vec![v.len()], v.to_vec())),
        (None, Some(v)) => Ok(Tensor::ints(vec![v.len()], Kind::I64, v.to_vec())),
        _ => Err("a constant that is no tensor of numbers".into()),
    }
}

/// Sizes of a tensor of integers.
fn sizes(t: &Tensor) -> Result<Vec<usize>, String> {
    let list = t.as_ints().ok_or("sizes are not integers")?;
    let made: Option<Vec<usize>> = list.iter().map(|&d| usize::try_from(d).ok()).collect();
    let made = made.ok_or_else(|| format!("sizes {list:?}"))?;
    let fits = made.iter().try_fold(1usize, |a, &d| a.checked_mul(d)).is_some_and(|n| n <= MOST);
    if fits { Ok(made) } else { Err(format!("sizes {made:?} are beyond {MOST} elements")) }
}

fn expanded(t: &Tensor, to: &[usize]) -> Tensor {
    let mut from = Vec::with_capacity(to.iter().product());
    pairs(&t.shape, &[], to, |i, _| from.push(i));
    t.picked(to.to_vec(), &from)
}

fn tiled(t: &Tensor, repeats: &[usize]) -> Result<Tensor, String> {
    if repeats.len() != t.shape.len() {
        return Err(format!("repeats {repeats:?} of shape {:?}", t.shape));
    }
    let to: Vec<usize> = t.shape.iter().zip(repeats).map(|(d, r)| d * r).collect();
    let (own, made) = (steps(&t.shape), steps(&to));
    let place = |n: usize| (0..to.len()).map(|d| n / made[d] % to[d] % t.shape[d] * own[d]).sum();
    let from: Vec<usize> = (0..to.iter().product()).map(place).collect();
    Ok(t.picked(to, &from))
}

/// An operator that only says in which order elements are counted.
fn moved(node: &Node, x: Inputs) -> Result<Tensor, String> {
    let t = input(x, 0)?;
    let (shape, moves) = order(node, optional(x, 1), &t.shape)?;
    Ok(match moves {
        None => t.clone().reshaped(shape),
        Some(moves) => t.picked(shape, &moves.iter().map(|&i| i as usize).collect::<Vec<_>>()),
    })
}

/// The shape that Reshape, Flatten, Squeeze, Unsqueeze or Transpose makes, and where elements come from where they move.
///
/// # Errors
/// Inputs that contradict ONNX.
pub fn order(node: &Node, second: Option<&Tensor>, shape: &[usize]) -> Result<(Vec<usize>, Option<Vec<u32>>), String> {
    let array = |v: Vec<i64>| Known::Array(Rc::new(Array { shape: vec![v.len()], data: Data::I64(v) }));
    let given = [None, second.and_then(Tensor::as_ints).map(array)];
    let said = |f: Fail| match f {
        Fail::Wrong(what) | Fail::Unsupported(what, _) => what,
    };
    plan(node, node.op(), given.as_slice(), shape).map_err(said)
}

fn joined(node: &Node, x: Inputs) -> Result<Tensor, String> {
    let parts: Vec<&Tensor> = (0..x.len()).map(|i| input(x, i)).collect::<Result<_, _>>()?;
    let first = *parts.first().ok_or("nothing to join")?;
    let axis = axis_of(node.int("axis", 0), first.shape.len())?;
    let mut shape = first.shape.clone();
    *shape.get_mut(axis).ok_or("scalars have no dimension")? =
        parts.iter().map(|p| p.shape.get(axis).copied().unwrap_or(0)).sum();
    let same = |p: &&Tensor| {
        let dims = p.shape.len() == shape.len() && (0..shape.len()).all(|d| d == axis || p.shape[d] == shape[d]);
        p.kind == first.kind && dims
    };
    if !parts.iter().all(same) {
        return Err(format!("parts of shapes {:?}", parts.iter().map(|p| &p.shape).collect::<Vec<_>>()));
    }
    let outer: usize = shape[..axis].iter().product();
    fn rows<T: Copy>(outer: usize, parts: &[Vec<T>]) -> Vec<T> {
        let line = |o: usize, p: &Vec<T>| p[o * (p.len() / outer)..(o + 1) * (p.len() / outer)].to_vec();
        (0..outer).flat_map(|o| parts.iter().flat_map(|p| line(o, p)).collect::<Vec<T>>()).collect()
    }
    if first.as_floats().is_some() {
        let all: Vec<Vec<f32>> = parts.iter().map(|p| p.to_floats()).collect();
        return Ok(Tensor::floats(shape, rows(outer, &all)));
    }
    let all: Vec<Vec<i64>> = parts.iter().filter_map(|p| p.as_ints()).collect();
    Ok(Tensor::ints(shape, first.kind, rows(outer, &all)))
}

/// The elements of a tensor at some places of a dimension.
fn along(t: &Tensor, axis: usize, places: &[usize]) -> Tensor {
    let mut shape = t.shape.clone();
    shape[axis] = places.len();
    let inner: usize = t.shape[axis + 1..].iter().product();
    let outer: usize = t.shape[..axis].iter().product();
    let size = t.shape[axis];
    let mut from = Vec::with_capacity(outer * places.len() * inner);
    for o in 0..outer {
        for &p in places {
            let at = (o * size + p) * inner;
            from.extend(at..at + inner);
        }
    }
    t.picked(shape, &from)
}

/// Which places Slice takes along each dimension it names.
///
/// # Errors
/// Inputs that contradict ONNX.
pub fn slices(node: &Node, x: Inputs, shape: &[usize]) -> Result<Vec<(usize, Vec<usize>)>, String> {
    let starts = list(node, x, 1, "starts")?.ok_or("starts are missing")?;
    let ends = list(node, x, 2, "ends")?.ok_or("ends are missing")?;
    let axes = list(node, x, 3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let by = list(node, x, 4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), by.len()] != [starts.len(); 3] {
        return Err("starts, ends, axes and steps differ in number".into());
    }
    let mut made = vec![];
    for i in 0..starts.len() {
        let axis = axis_of(axes[i], shape.len())?;
        let size = *shape.get(axis).ok_or("a scalar has no dimensions")? as i64;
        let from_end = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
        let (start, end, step) = (from_end(starts[i]), from_end(ends[i]), by[i]);
        let every = step.unsigned_abs() as usize;
        let places: Vec<usize> = match step {
            0 => return Err("a step of 0".into()),
            1.. => (start.clamp(0, size)..end.clamp(0, size)).step_by(every).map(|v| v as usize).collect(),
            _ => {
                let (start, end) = (start.clamp(-1, size - 1), end.clamp(-1, size - 1));
                (end + 1..=start).rev().step_by(every).map(|v| v as usize).collect()
            }
        };
        made.push((axis, places));
    }
    Ok(made)
}

fn sliced(node: &Node, x: Inputs) -> Result<Tensor, String> {
    let mut t = input(x, 0)?.clone();
    for (axis, places) in slices(node, x, &t.shape)? {
        t = along(&t, axis, &places);
    }
    Ok(t)
}

/// Where the parts of Split lie along its dimension: the dimension, and each part's first place and size.
///
/// # Errors
/// Inputs that contradict ONNX.
pub fn parts(node: &Node, x: Inputs, shape: &[usize]) -> Result<(usize, Vec<(usize, usize)>), String> {
    let axis = axis_of(node.int("axis", 0), shape.len())?;
    let (size, count) = (*shape.get(axis).ok_or("a scalar has no dimensions")?, node.proto.output.len().max(1));
    let each = size.div_ceil(count);
    let list = match list(node, x, 1, "split")? {
        Some(list) => list.iter().map(|&s| usize::try_from(s).unwrap_or(usize::MAX)).collect(),
        None => (0..count).map(|i| each.min(size.saturating_sub(i * each))).collect::<Vec<usize>>(),
    };
    let mut at = 0usize;
    let mut made = vec![];
    for s in list {
        made.push((at, s));
        at = at.saturating_add(s);
    }
    if at == size { Ok((axis, made)) } else { Err(format!("parts of {at} in a dimension of {size}")) }
}

fn split(node: &Node, x: Inputs) -> Result<Vec<Tensor>, String> {
    let t = input(x, 0)?;
    let (axis, parts) = parts(node, x, &t.shape)?;
    Ok(parts.iter().map(|&(at, size)| along(t, axis, &(at..at + size).collect::<Vec<_>>())).collect())
}

/// An index of a dimension, counted from its end where it is negative.
pub fn index(i: i64, size: usize) -> Result<usize, String> {
    let at = if i < 0 { i + size as i64 } else { i };
    usize::try_from(at).ok().filter(|&a| a < size).ok_or_else(|| format!("index {i} of a dimension of {size}"))
}

fn gathered(node: &Node, x: Inputs) -> Result<Tensor, String> {
    let (t, indices) = (input(x, 0)?, input(x, 1)?);
    let axis = axis_of(node.int("axis", 0), t.shape.len())?;
    let size = *t.shape.get(axis).ok_or("a scalar has no dimensions")?;
    let list = indices.as_ints().ok_or("indices are not integers")?;
    let places: Vec<usize> = list.iter().map(|&i| index(i, size)).collect::<Result<_, _>>()?;
    let shape = [&t.shape[..axis], &indices.shape, &t.shape[axis + 1..]].concat();
    Ok(along(t, axis, &places).reshaped(shape))
}

fn gathered_places(node: &Node, x: Inputs) -> Result<Tensor, String> {
    let (t, indices) = (input(x, 0)?, input(x, 1)?);
    let (Some(list), Some((&depth, outer))) = (indices.as_ints(), indices.shape.split_last()) else {
        return Err("indices are not integers of a dimension".into());
    };
    if node.int("batch_dims", 0) != 0 || depth > t.shape.len() || depth == 0 {
        return Err("indices with a batch of their own, or deeper than the tensor".into());
    }
    let (step, rest) = (steps(&t.shape), &t.shape[depth..]);
    let inner: usize = rest.iter().product();
    let mut from = vec![];
    for place in list.chunks(depth) {
        let mut at = 0;
        for (d, &i) in place.iter().enumerate() {
            at += index(i, t.shape[d])? * step[d];
        }
        from.extend(at..at + inner);
    }
    Ok(t.picked([outer, rest].concat(), &from))
}

fn gathered_elements(node: &Node, x: Inputs) -> Result<Tensor, String> {
    let (t, indices) = (input(x, 0)?, input(x, 1)?);
    let axis = axis_of(node.int("axis", 0), t.shape.len())?;
    let list = indices.as_ints().ok_or("indices are not integers")?;
    let larger = |(d, (i, t)): (usize, (&usize, &usize))| d != axis && i > t;
    if indices.shape.len() != t.shape.len() || indices.shape.iter().zip(&t.shape).enumerate().any(larger) {
        return Err(format!("indices of shape {:?} in a tensor of {:?}", indices.shape, t.shape));
    }
    let (own, made) = (steps(&t.shape), steps(&indices.shape));
    let mut from = Vec::with_capacity(list.len());
    for (n, &i) in list.iter().enumerate() {
        let mut at = 0;
        for d in 0..own.len() {
            at += own[d] * if d == axis { index(i, t.shape[d])? } else { n / made[d] % indices.shape[d] };
        }
        from.push(at);
    }
    Ok(t.picked(indices.shape.clone(), &from))
}

fn range(x: Inputs) -> Result<Tensor, String> {
    let all = [input(x, 0)?, input(x, 1)?, input(x, 2)?];
    let [a, b, c] = all.map(|t| f64::from(t.to_floats().first().copied().unwrap_or(0.0)));
    let count = ((b - a) / c).ceil().max(0.0);
    if c == 0.0 || count > MOST as f64 {
        return Err(format!("a range from {a} to {b} by {c}"));
    }
    let count = count as usize;
    if let [Some(a), Some(_), Some(c)] = all.map(|t| t.as_ints().and_then(|v| v.first().copied())) {
        return Ok(Tensor::ints(vec![count], all[0].kind, (0..count as i64).map(|i| a + i * c).collect()));
    }
    Ok(Tensor::floats(vec![count], (0..count).map(|i| (a + i as f64 * c) as f32).collect()))
}
