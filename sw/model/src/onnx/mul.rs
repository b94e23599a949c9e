// SPDX-License-Identifier: Apache-2.0
//! Products of two tensors that the graph computes: of one shape, or one of them a factor for each channel, as
//! squeeze-and-excitation has it.

use super::fuse::{Clip, Fuse};
use super::import::Building;
use super::node::{Fail, unsupported};
use super::value::{Eight, Pending, PendingKind, Table};
use std::rc::Rc;

/// Place in a tensor of shape `small` of each element of one of shape `large`, by ONNX's rules of broadcasting; `None` where it
/// does not broadcast to that shape.
fn broadcast(small: &[usize], large: &[usize]) -> Option<Vec<u32>> {
    let first = large.len().checked_sub(small.len())?;
    let mut strides = vec![0; large.len()];
    let mut step = 1;
    for (d, &size) in small.iter().enumerate().rev() {
        if size != 1 && size != large[first + d] {
            return None;
        }
        strides[first + d] = if size == 1 { 0 } else { step };
        step *= size;
    }
    let at = |mut place: usize| {
        let mut index = 0;
        for (&size, &stride) in large.iter().zip(&strides).rev() {
            index += place % size * stride;
            place /= size;
        }
        index as u32
    };
    Some((0..large.iter().product()).map(at).collect())
}

/// Whether `factors` is one pixel whose channels are those of `x`, so that each factor meets its channel in every pixel.
fn by_channel(g: &mut Building, x: &Eight, factors: &Eight) -> bool {
    let Some(of) = broadcast(&factors.shape, &x.shape) else { return false };
    let places = g.places(x);
    let [.., c] = g.maps[x.map].shape;
    if factors.place.len() != c {
        return false;
    }
    // An input without a layout becomes one pixel.
    let flat: Vec<u32> = places[..c].iter().map(|&place| of[place as usize]).collect();
    if g.view(factors, [1, 1, c], &flat).is_none() {
        return false;
    }
    places.iter().enumerate().all(|(element, &place)| of[place as usize] == flat[element % c])
}

/// The product of two dequantised tensors.
pub(super) fn mul(g: &mut Building, t: &Table, u: &Table) -> Result<Pending, Fail> {
    let (a, b) = if t.eight.shape == u.eight.shape {
        // The one with a layout decides it for an input that has none yet.
        let (first, second) = if t.eight.map == 0 { (u, t) } else { (t, u) };
        g.settle(&first.eight);
        let order = g.places(&first.eight);
        let map = g.maps[first.eight.map].shape;
        if g.view(&second.eight, map, &order).is_none() {
            return unsupported(
                "its operands lie in memory in different orders",
                "remove the Reshape or Transpose before one of them",
            );
        }
        (first, second)
    } else {
        let (x, factors) = if t.eight.place.len() >= u.eight.place.len() { (t, u) } else { (u, t) };
        if !by_channel(g, &x.eight, &factors.eight) {
            return unsupported(
                format!("shapes {:?} and {:?} are multiplied", t.eight.shape, u.eight.shape),
                "multiply tensors of one shape, or one with a factor for each channel",
            );
        }
        (x, factors)
    };
    let order = g.places(&a.eight);
    let kind = PendingKind::Mul { a: super::ops::operand(g, a)?, b: super::ops::operand(g, b)? };
    Ok(Pending {
        kind,
        shape: a.eight.shape.clone(),
        map: g.maps[a.eight.map].shape,
        order: Rc::new(order),
        clip: Clip::NONE,
        fuse: if t.vector || u.vector { Fuse::Never } else { Fuse::pair(t.eight.unsigned, u.eight.unsigned) },
        moved: false,
    })
}
