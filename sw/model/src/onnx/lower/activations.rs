// SPDX-License-Identifier: Apache-2.0
//! Products of two tensors that the graph computes both, matrix by matrix. The maps of the operands are `[g, m, k]` and `[g, k, n]`, or
//! `[g, n, k]` where the second lies so: keys of an attention do.

use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::windows::bounded;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::value::{Eight, Pending, PendingKind, Table};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::products::pending;
use crate::onnx::lower::requantise::linearised;
use crate::onnx::parse::node::Node;

/// The product of two dequantised tensors, not quantised yet.
///
/// # Errors
/// Operands without one scale; fewer than two dimensions, or dimensions in front of the matrices that do not broadcast.
pub fn product(g: &mut Building, node: &Node, a: &Table, b: &Table) -> Result<Pending, Fail> {
    let (a, b) = (linearised(g, node, a)?, linearised(g, node, b)?);
    let (Some((a_scale, a_zero)), Some((b_scale, b_zero))) = (a.linear(), b.linear()) else { return wrong("no codes") };
    let (x, y) = (&a.eight, &b.eight);
    let (&[ref a_lead @ .., m, k], &[ref b_lead @ .., bk, n]) = (x.shape.as_slice(), y.shape.as_slice()) else {
        return unsupported(
            format!("a product of activations of shapes {:?} and {:?}", x.shape, y.shape),
            "give both operands two dimensions or more",
        );
    };
    if k != bk || [m, k, n].contains(&0) {
        return wrong(format!("a product of shapes {:?} and {:?}: {k} columns, {bk} rows", x.shape, y.shape));
    }
    let Some(lead) = joined(a_lead, b_lead) else {
        return wrong(format!("a product of shapes {:?} and {:?}: they do not broadcast", x.shape, y.shape));
    };
    let count: usize = lead.iter().product();
    for map in [[count, m, k], [count, k, n], [count, m, n]] {
        bounded(&map)?;
    }
    let (of_a, of_b) = (matrices(a_lead, &lead), matrices(b_lead, &lead));
    let row = |of: &[usize], h: usize, w: usize| -> Vec<u32> {
        of.iter().flat_map(|&g| (0..h * w).map(move |e| (g * h * w + e) as u32)).collect()
    };
    let first = taken(g, &node.name, x, [count, m, k], &row(&of_a, m, k));
    let straight = row(&of_b, k, n);
    let turned: Vec<u32> = of_b.iter().flat_map(|&g| (0..n * k).map(move |e| (g * k * n + e % k * n + e / k) as u32)).collect();
    let transposed = runs(g, y, &turned, k) > runs(g, y, &straight, n);
    let second = if transposed {
        taken(g, &node.name, y, [count, n, k], &turned)
    } else {
        taken(g, &node.name, y, [count, k, n], &straight)
    };
    let kind = PendingKind::MatMul { a: first.map, a_zero, b: second.map, b_zero, k, transposed, scale: a_scale * b_scale };
    let right = if y.unsigned { ElementType::Uint8 } else { ElementType::Int8 };
    let fuse = if a.apart || b.apart { Fuse::Never } else { Fuse::product(x.unsigned, right, None) };
    let shape = [&lead[..], &[m, n]].concat();
    Ok(pending(kind, shape, [count, m, n], (0..(count * m * n) as u32).collect(), fuse))
}

/// The dimensions in front of both matrices, by ONNX's rule of broadcasting.
fn joined(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |of: &[usize], d: usize| (d + of.len()).checked_sub(rank).map_or(1, |d| of[d]);
    let one = |d: usize| match (at(a, d), at(b, d)) {
        (x, y) if x == y || y == 1 => Some(x),
        (1, y) => Some(y),
        _ => None,
    };
    (0..rank).map(one).collect()
}

/// Of each matrix of the result: which of an operand's it takes.
fn matrices(of: &[usize], lead: &[usize]) -> Vec<usize> {
    let one = |mut place: usize| {
        let (mut made, mut step) = (0, 1);
        for (d, &size) in lead.iter().enumerate().rev() {
            let own = (d + of.len()).checked_sub(lead.len()).map_or(1, |d| of[d]);
            made += if own == 1 { 0 } else { place % size * step };
            step *= own;
            place /= size;
        }
        made
    };
    (0..lead.iter().product()).map(one).collect()
}

/// A tensor in a map of this shape, whose elements are those at `from`; a copy where it does not lie so.
fn taken(g: &mut Building, name: &str, e: &Eight, map: [usize; 3], from: &[u32]) -> Eight {
    if g.view(e, map, from).is_some() {
        return e.clone();
    }
    let made = g.gathered(name, e, from, map.to_vec(), map, (0..from.len() as u32).collect());
    // The same copy for both operands is one.
    match g.layers.as_slice() {
        [.., a, b] if a.op == b.op && g.maps[made.map - 1].shape == map => {
            g.layers.pop();
            g.maps.pop();
            g.order.pop();
            Eight { map: made.map - 1, ..made }
        }
        _ => made,
    }
}

/// How many neighbours in pixels of `width` channels of a map made of the elements at `from` are neighbours in a pixel already: the
/// more, the less a copy moves. An input that has no layout yet takes the one that it is counted in.
fn runs(g: &mut Building, e: &Eight, from: &[u32], width: usize) -> usize {
    let mut at: Vec<u32> = (0..e.place.len() as u32).collect();
    let mut channels = e.shape.last().copied().unwrap_or(1);
    if !g.is_open(e) {
        channels = g.maps[e.map].shape[2];
        g.places(e).iter().enumerate().for_each(|(element, &place)| at[place as usize] = element as u32);
    }
    let next = |w: &[u32]| {
        let [a, b] = [at[w[0] as usize] as usize, at[w[1] as usize] as usize];
        b == a + 1 && b % channels != 0
    };
    from.chunks(width).map(|pixel| pixel.windows(2).filter(|w| next(w)).count()).sum()
}
