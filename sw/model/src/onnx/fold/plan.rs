// SPDX-License-Identifier: Apache-2.0
//! Where elements are after an operator that only says in which order they are counted.

use crate::onnx::error::{Fail, wrong};
use crate::onnx::fold::known::{Given, constant};
use crate::onnx::parse::node::Node;

/// The shape after Reshape, Flatten, Squeeze, Unsqueeze, Transpose, DepthToSpace or SpaceToDepth of a tensor of `shape` (ONNX 1.17),
/// and where elements move the place before of each element after, row-major.
///
/// # Errors
/// Shapes that do not fit each other; a shape that the graph computes.
pub fn plan(
    node: &Node,
    op: &str,
    inputs: &(impl Given + ?Sized),
    shape: &[usize],
) -> Result<(Vec<usize>, Option<Vec<u32>>), Fail> {
    let rank = shape.len() as i64;
    let axis = |a: i64, rank: i64| -> Result<usize, Fail> {
        let at = if a < 0 { a + rank } else { a };
        usize::try_from(at)
            .ok()
            .filter(|&x| (x as i64) <= rank)
            .ok_or_else(|| Fail::Wrong(format!("axis {a} of a tensor of rank {rank}")))
    };
    let axes = || -> Result<Vec<i64>, Fail> {
        match constant(inputs, 1)? {
            Some(a) => a.integers().ok_or_else(|| Fail::Wrong("axes are not integers".into())),
            None => Ok(node.ints("axes").unwrap_or(&[]).to_vec()),
        }
    };
    let count: usize = shape.iter().product();
    let new: Vec<usize> = match op {
        "Flatten" => {
            let at = axis(node.int("axis", 1), rank)?;
            vec![shape[..at].iter().product(), shape[at..].iter().product()]
        }
        "Squeeze" => {
            let axes: Vec<usize> = axes()?.into_iter().map(|a| axis(a, rank)).collect::<Result<_, _>>()?;
            if let Some(&a) = axes.iter().find(|&&a| shape.get(a) != Some(&1)) {
                return wrong(format!("dimension {a} of {shape:?} is not 1"));
            }
            let drop = |i: usize| if axes.is_empty() { shape[i] == 1 } else { axes.contains(&i) };
            (0..shape.len()).filter(|&i| !drop(i)).map(|i| shape[i]).collect()
        }
        "Unsqueeze" => {
            let list = axes()?;
            let rank = rank + list.len() as i64;
            let axes: Vec<usize> = list.into_iter().map(|a| axis(a, rank)).collect::<Result<_, _>>()?;
            let mut rest = shape.iter();
            (0..rank as usize).map(|i| if axes.contains(&i) { 1 } else { rest.next().copied().unwrap_or(1) }).collect()
        }
        "Reshape" => {
            let Some(wanted) = constant(inputs, 1)?.and_then(|a| a.integers()) else { return wrong("its shape is missing") };
            let keep_zero = node.int("allowzero", 0) == 0;
            let mut new = Vec::with_capacity(wanted.len());
            for (i, &d) in wanted.iter().enumerate() {
                new.push(match d {
                    0 if keep_zero => {
                        shape.get(i).copied().ok_or_else(|| Fail::Wrong(format!("shape {wanted:?} of {shape:?}")))?
                    }
                    -1 => usize::MAX,
                    d => usize::try_from(d).map_err(|_| Fail::Wrong(format!("shape {wanted:?}")))?,
                });
            }
            let known = new.iter().filter(|&&d| d != usize::MAX).try_fold(1usize, |a, &d| a.checked_mul(d));
            let open = new.iter().filter(|&&d| d == usize::MAX).count();
            match known {
                Some(known) if open == 1 && known > 0 && count.is_multiple_of(known) => {
                    new.iter_mut().filter(|d| **d == usize::MAX).for_each(|d| *d = count / known);
                }
                Some(known) if open == 0 && known == count => {}
                _ => return wrong(format!("shape {wanted:?} for {count} elements of shape {shape:?}")),
            }
            new
        }
        "DepthToSpace" | "SpaceToDepth" => return blocks(node, op, shape).map(|(shape, moves)| (shape, Some(moves))),
        _ => {
            let perm: Vec<usize> = match node.ints("perm") {
                None => (0..shape.len()).rev().collect(),
                Some(p) => p.iter().map(|&a| axis(a, rank)).collect::<Result<_, _>>()?,
            };
            let mut sorted = perm.clone();
            sorted.sort_unstable();
            if sorted != (0..shape.len()).collect::<Vec<_>>() {
                return wrong(format!("perm {perm:?} of shape {shape:?}"));
            }
            let new: Vec<usize> = perm.iter().map(|&p| shape[p]).collect();
            let mut strides = vec![1usize; shape.len()];
            for i in (0..shape.len().saturating_sub(1)).rev() {
                strides[i] = strides[i + 1] * shape[i + 1];
            }
            let mut moves = Vec::with_capacity(count);
            for n in 0..count {
                let (mut rest, mut from) = (n, 0);
                for (i, &d) in new.iter().enumerate().rev() {
                    from += rest % d * strides[perm[i]];
                    rest /= d;
                }
                moves.push(from as u32);
            }
            return Ok((new, Some(moves)));
        }
    };
    if new.iter().product::<usize>() != count {
        return wrong(format!("shape {new:?} for {count} elements of shape {shape:?}"));
    }
    Ok((new, None))
}

/// DepthToSpace and SpaceToDepth: the shape after, and the place before of each element after.
fn blocks(node: &Node, op: &str, shape: &[usize]) -> Result<(Vec<usize>, Vec<u32>), Fail> {
    let size = usize::try_from(node.int("blocksize", 0)).ok().filter(|&b| b > 0 && b < 1 << 10);
    let (&[n, c, h, w], Some(b)) = (shape, size) else { return wrong(format!("blocks of shape {shape:?}")) };
    let columns_first = match (op, node.text("mode").as_str()) {
        ("SpaceToDepth", _) | (_, "" | "DCR") => true,
        (_, "CRD") => false,
        (_, mode) => return wrong(format!("mode '{mode}'")),
    };
    let to_space = op == "DepthToSpace";
    let fits = if to_space { c % (b * b) == 0 } else { h % b == 0 && w % b == 0 };
    if !fits {
        return wrong(format!("blocks of {b} by {b} of shape {shape:?}"));
    }
    let [c, h, w] = if to_space { [c / (b * b), h * b, w * b] } else { [c, h, w] };
    // A pixel of the image in space, and the place of the same element in depth.
    let depth = |[n, ch, y, x]: [usize; 4]| {
        let block = y % b * b + x % b;
        let channel = if columns_first { block * c + ch } else { ch * b * b + block };
        ((n * c * b * b + channel) * (h / b) + y / b) * (w / b) + x / b
    };
    let space = |i: usize| [i / (c * h * w), i / (h * w) % c, i / w % h, i % w];
    let count = n * c * h * w;
    if to_space {
        return Ok((vec![n, c, h, w], (0..count).map(|i| depth(space(i)) as u32).collect()));
    }
    let mut moves = vec![0; count];
    (0..count).for_each(|i| moves[depth(space(i))] = i as u32);
    Ok((vec![n, c * b * b, h / b, w / b], moves))
}
