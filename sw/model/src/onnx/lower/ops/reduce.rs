// SPDX-License-Identifier: Apache-2.0
//! ReduceMax, ReduceMean and ReduceSum: a pool whose window is the whole map. A sum is a mean of values so many times as large.

use crate::graph::Window;
use crate::onnx::error::{Fail, unsupported};
use crate::onnx::fold::scales::{axis_of, list};
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::layout::{Layout, natural};
use crate::onnx::fuse::operands::{any, codes_as_values, table};
use crate::onnx::fuse::value::{Conv, Eight, Inputs, Pending, PendingKind, Real, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::layout_of;
use crate::onnx::lower::mean_of;
use crate::onnx::lower::pixels::pixels;
use crate::onnx::lower::pools::{largest, ranked};
use crate::onnx::lower::requantise::linearised;
use crate::onnx::lower::two::operand;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// Rows and columns of a map in its layout where they are what is reduced; `None`: other dimensions are.
fn by_layout(g: &mut Building, node: &Node, e: &mut Eight, axes: &[usize]) -> Result<Option<[usize; 2]>, Fail> {
    let rank = e.shape.len();
    let fits = |layout: Layout| {
        let channels = if layout == Layout::Image { 1 } else { rank - 1 };
        !axes.contains(&channels) && (0..rank).all(|d| e.shape[d] == 1 || axes.contains(&d) == (d != channels))
    };
    if rank == 0 || ![Layout::Image, Layout::Matrix].into_iter().any(fits) {
        return Ok(None);
    }
    let mut of = e.clone();
    let layout = layout_of(g, node, &mut of)?;
    if !fits(layout) {
        return Ok(None);
    }
    *e = of;
    let [h, w, _] = g.maps[e.map].shape;
    Ok(Some([h, w]))
}

/// Shape of the map and place of each element in the tensor, where what is reduced are the channels of each pixel as the tensor lies.
fn of_channels(g: &mut Building, e: &Eight, axes: &[usize]) -> Option<([usize; 3], Vec<u32>)> {
    let rank = e.shape.len();
    let count: usize = axes.iter().map(|&a| e.shape[a]).product();
    let (map, order) = if g.is_open(e) { natural(&e.shape, g.convolves) } else { (g.maps[e.map].shape, g.places(e)) };
    if count < 2 || map[2] != count || order.len() == count {
        return None;
    }
    let mut steps = vec![0; rank];
    let mut step = 1;
    for d in (0..rank).rev().filter(|d| !axes.contains(d)) {
        steps[d] = step;
        step *= e.shape[d];
    }
    let rest = |&place: &u32| {
        let (mut place, mut index) = (place as usize, 0);
        for d in (0..rank).rev() {
            index += place % e.shape[d] * steps[d];
            place /= e.shape[d];
        }
        index as u32
    };
    let all: Vec<u32> = order.iter().map(rest).collect();
    let one = |pixel: &[u32]| pixel.iter().all(|p| *p == pixel[0]);
    all.chunks(count).all(one).then(|| ([map[0], map[1], 1], all.into_iter().step_by(count).collect()))
}

/// The mean over each pixel's channels: a product with ones, in float32 as ONNX Runtime has it.
fn channel_mean(
    g: &mut Building,
    node: &Node,
    t: &Table,
    (scale, zero_point): (f32, i8),
    axes: &[usize],
    (map, order): ([usize; 3], Vec<u32>),
) -> Value {
    g.settle(&t.eight);
    let count = g.maps[t.eight.map].shape[2];
    let keep = node.int("keepdims", 1) != 0;
    let shape = &t.eight.shape;
    let left = (0..shape.len()).filter(|d| keep || !axes.contains(d)).map(|d| if axes.contains(&d) { 1 } else { shape[d] });
    let kind = PendingKind::Conv(Conv {
        input: t.eight.map,
        zero_point,
        window: Window::POINT,
        groups: 1,
        weights: Rc::new(vec![1; count]),
        bias: Rc::new(vec![0]),
        scales: Rc::new(vec![(f64::from(scale) / count as f64) as f32]),
        float: None,
        bare_matmul: false,
        transposed: false,
        edge: false,
    });
    let (shape, order) = (left.collect(), Rc::new(order));
    let pending = Pending { kind, shape, map, order, clip: Clip::NONE, fuse: Fuse::Never, moved: false };
    Value::Real(Real::Pending(Rc::new(pending)))
}

/// ReduceMax, ReduceMean and ReduceSum over some dimensions: a pool whose window is the whole map, whose channels are the others.
pub fn reduce(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let op = node.op();
    let codes = match any(inputs, 0)? {
        Value::Eight(e) if op == "ReduceMax" => Some(codes_as_values(e)),
        _ => None,
    };
    let (mut t, by_channel) = match (&codes, any(inputs, 0)?) {
        (Some(t), _) => (t.clone(), None),
        (None, Value::Real(Real::Channels(c))) if op == "ReduceMean" => (c.table.clone(), Some(c.clone())),
        (None, _) if op == "ReduceMax" => (ranked(g, node, &table(inputs, 0, "X")?)?, None),
        (None, _) => {
            let t = table(inputs, 0, "X")?;
            (linearised(g, node, &t).unwrap_or(t), None)
        }
    };
    let rank = t.eight.shape.len();
    let axes = match list(node, inputs, 1, "axes")? {
        Some(axes) if axes.is_empty() && node.int("noop_with_empty_axes", 0) != 0 => {
            return unsupported("no dimension is reduced", "leave it out");
        }
        Some(axes) => axes.iter().map(|&a| axis_of(a, rank)).collect::<Result<Vec<usize>, Fail>>()?,
        None => (0..rank).collect(),
    };
    if let (Some((scale, zero_point)), "ReduceMean", None) = (t.linear(), op, &by_channel)
        && let Some((map, order)) = of_channels(g, &t.eight, &axes)
    {
        return Ok(channel_mean(g, node, &t, (scale, zero_point), &axes, (map, order)));
    }
    // A dimension of 1 is reduced or not, as it fits.
    let kept: Vec<usize> = (0..rank).filter(|d| !axes.contains(d)).collect();
    let (window, order) = match by_layout(g, node, &mut t.eight, &axes)? {
        Some(h_w) => (h_w, (0..kept.iter().map(|&d| t.eight.shape[d]).product::<usize>() as u32).collect::<Vec<u32>>()),
        None if by_channel.is_some() || kept.is_empty() => {
            return unsupported(
                format!("dimensions {axes:?} of shape {:?}", t.eight.shape),
                "reduce all rows and columns, and no channels",
            );
        }
        None => {
            let lies = pixels(g, &node.name, &t.eight, &kept)?;
            t.eight = lies.eight;
            ([lies.map[0], lies.map[1]], lies.along.iter().map(|&a| a as u32).collect())
        }
    };
    let c = g.maps[t.eight.map].shape[2];
    let keep = node.int("keepdims", 1) != 0;
    let shape =
        (0..rank).filter(|d| keep || !axes.contains(d)).map(|d| if axes.contains(&d) { 1 } else { t.eight.shape[d] }).collect();
    let window = Window { kernel: window, ..Window::POINT };
    if op == "ReduceMax" {
        let made = largest(g, node, &t, window, shape, [1, 1, c], order);
        let made = Table { apart: true, ..made };
        return Ok(if codes.is_some() { Value::Eight(made.eight) } else { Value::Real(Real::Table(made)) });
    }
    match by_channel {
        None if op == "ReduceSum" && t.linear().is_none() => {
            return unsupported("a sum of a function of codes", "put QuantizeLinear and DequantizeLinear before it");
        }
        Some(c) => return mean_of::of_channels(g, node, &c, (window, shape, [1, 1, c.values.len()], order)),
        None if t.linear().is_none() => return mean_of::of_table(g, node, &t, (window, shape, [1, 1, c], order), false),
        None => {}
    }
    let mut input = operand(g, &t)?;
    if op == "ReduceSum" {
        input.scale *= (window.kernel[0] * window.kernel[1]) as f32;
    }
    let kind = PendingKind::Average { input, window, count_padding: false, global: true };
    let order = Rc::new(order);
    let (clip, fuse) = (Clip::NONE, Fuse::Never);
    Ok(Value::Real(Real::Pending(Rc::new(Pending { kind, shape, map: [1, 1, c], order, clip, fuse, moved: false }))))
}
