// SPDX-License-Identifier: Apache-2.0
//! Tensors whose pixels an operator goes over one by one: the channels of a map are then the elements along some dimensions, each pixel
//! an element of what is left.

use crate::onnx::error::{Fail, wrong};
use crate::onnx::fold::windows::bounded;
use crate::onnx::fuse::layout::natural;
use crate::onnx::fuse::value::Eight;
use crate::onnx::lower::building::Building;

/// A tensor in such a map.
pub struct Pixels {
    pub eight: Eight,
    /// Shape of the map.
    pub map: [usize; 3],
    /// Place in the tensor of each element of the map.
    pub order: Vec<u32>,
    /// Of each channel: which element along the dimensions it is, row-major.
    pub along: Vec<usize>,
}

/// Of each element of a tensor: which it is along some dimensions and along all others, row-major.
fn split(shape: &[usize], axes: &[usize]) -> Vec<[usize; 2]> {
    let one = |mut place: usize| {
        let (mut made, mut step) = ([0, 0], [1, 1]);
        for (d, &size) in shape.iter().enumerate().rev() {
            let side = usize::from(!axes.contains(&d));
            made[side] += place % size * step[side];
            step[side] *= size;
            place /= size;
        }
        made
    };
    (0..shape.iter().product()).map(one).collect()
}

/// The channels' elements, where a map has one pixel for each element of what is left and the same channels in each.
fn fits(split: &[[usize; 2]], map: [usize; 3], order: &[u32], count: usize) -> Option<Vec<usize>> {
    if map[2] != count {
        return None;
    }
    let at = |place: &u32| split[*place as usize];
    let along: Vec<usize> = order.get(..count)?.iter().map(|p| at(p)[0]).collect();
    let same = |pixel: &[u32]| {
        let rest = at(&pixel[0])[1];
        pixel.iter().zip(&along).all(|(p, &a)| at(p) == [a, rest])
    };
    order.chunks(count).all(same).then_some(along)
}

/// A tensor in a map whose channels are the elements along `axes`: as it lies where it does so, else copied.
///
/// # Errors
/// More elements than any configuration holds.
pub fn pixels(g: &mut Building, name: &str, e: &Eight, axes: &[usize]) -> Result<Pixels, Fail> {
    let split = split(&e.shape, axes);
    let count: usize = axes.iter().map(|&a| e.shape[a]).product();
    if count == 0 || split.is_empty() {
        return wrong(format!("a tensor of shape {:?}", e.shape));
    }
    let lies = if g.is_open(e) { natural(&e.shape, g.convolves) } else { (g.maps[e.map].shape, g.places(e)) };
    if let Some(along) = fits(&split, lies.0, &lies.1, count) {
        g.settle(e);
        return Ok(Pixels { eight: e.clone(), map: lies.0, order: lies.1, along });
    }
    let map = [split.len() / count, 1, count];
    bounded(&map)?;
    let mut order = vec![0u32; split.len()];
    split.iter().enumerate().for_each(|(place, [a, rest])| order[rest * count + a] = place as u32);
    let eight = g.arranged(name, e, map, &order);
    Ok(Pixels { eight, map, order, along: (0..count).collect() })
}
