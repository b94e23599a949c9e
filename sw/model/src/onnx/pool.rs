// SPDX-License-Identifier: Apache-2.0
//! Pools.

use super::fuse::{Clip, Fuse};
use super::import::{Building, image_order};
use super::node::{Fail, Node, unsupported, wrong};
use super::product::{bounded, image, window_of};
use super::quantize::lookup;
use super::value::{Eight, Pending, PendingKind, Real, Table, TableKind, Value};
use crate::graph::{Finish, Op, Operand, Window};
use std::rc::Rc;

type Pooled = (Window, Vec<usize>, [usize; 3], Vec<u32>);

/// The window of a pool: with the shape of its result, its map and order. `x` becomes the map that it slides over.
pub(super) fn window(g: &mut Building, node: &Node, x: &mut Eight, global: bool) -> Result<Pooled, Fail> {
    let [c, h, w] = image(&x.shape)?;
    let (window, shape, [oh, ow]) = geometry(node, &x.shape, global)?;
    let slid = super::moves::slid(g, node, x, [h, w, c]);
    x.map = slid.map;
    Ok((slid.window(window), shape, slid.shape([oh, ow, c]), image_order(c, oh, ow)))
}

/// The window of a pool over a tensor of this shape: with the shape of its result, and its rows and columns.
pub(super) fn geometry(node: &Node, shape: &[usize], global: bool) -> Result<(Window, Vec<usize>, [usize; 2]), Fail> {
    let [c, h, w] = image(shape)?;
    let rank = shape.len();
    let mut window = if global {
        Window { kernel: [h, w], ..Window::POINT }
    } else {
        if !node.has("kernel_shape") {
            return wrong("kernel_shape is missing");
        }
        let kernel = if rank == 3 { [1, node.sizes::<1>("kernel_shape", 1)?[0]] } else { node.sizes::<2>("kernel_shape", 1)? };
        let window = window_of(node, kernel, rank, h, w)?;
        if window.dilation != [1, 1] && node.text("auto_pad").starts_with("SAME") {
            return unsupported(
                "auto_pad SAME of a dilated pool, which ONNX Runtime pads as if it were not",
                "give it explicit pads",
            );
        }
        window
    };
    if !global && node.int("ceil_mode", 0) != 0 {
        if node.int("count_include_pad", 0) != 0 {
            return unsupported("ceil_mode together with count_include_pad", "pad explicitly");
        }
        for (d, size) in [h, w].into_iter().enumerate() {
            let reach = (window.kernel[d] - 1) * window.dilation[d] + 1;
            // An image smaller than the kernel may have no window at all.
            let room = (size + window.pads[d] + window.pads[d + 2]) as i64 - reach as i64;
            let stride = window.stride[d] as i64;
            let mut count = usize::try_from((room + stride - 1).div_euclid(stride) + 1).unwrap_or(0);
            // No window begins behind the image.
            if count > 0 && (count - 1) * window.stride[d] >= size + window.pads[d] {
                count -= 1;
            }
            if count == 0 {
                return unsupported(
                    format!("a kernel of {:?} is larger than the padded image of {h} x {w}", window.kernel),
                    "pad it",
                );
            }
            window.pads[d + 2] = ((count - 1) * window.stride[d] + reach).saturating_sub(size + window.pads[d]);
        }
    }
    let Some([oh, ow]) = window.output(h, w) else {
        return unsupported(format!("a kernel of {:?} is larger than the padded image of {h} x {w}", window.kernel), "pad it");
    };
    bounded(&[oh, ow, c])?;
    bounded(&window.kernel)?;
    let empty = |d: usize, size: usize, count: usize| {
        (0..count).any(|i| {
            // The first tap that does not lie before the image.
            let before = window.pads[d].saturating_sub(i * window.stride[d]).div_ceil(window.dilation[d]);
            let at = i * window.stride[d] + before * window.dilation[d];
            before >= window.kernel[d] || at >= window.pads[d] + size
        })
    };
    if empty(0, h, oh) || empty(1, w, ow) {
        return unsupported("a window lies in the padding altogether", "pad less");
    }
    let shape = if rank == 4 { vec![1, c, oh, ow] } else { vec![1, c, ow] };
    Ok((window, shape, [oh, ow]))
}

/// A table whose values never fall from a code to the next: its own, or one of the values' ranks, behind a lookup.
pub(super) fn ranked(g: &mut Building, node: &Node, t: &Table) -> Result<Table, Fail> {
    let Some(values) = t.values() else {
        return unsupported("codes with a scale for each channel", "quantise activations per tensor");
    };
    // Code -128 is the first of all.
    let code = |i: usize| (i as i32 - 128) as i8 as u8 as usize;
    if (1..256).all(|i| values[code(i - 1)] <= values[code(i)]) {
        return Ok(t.clone());
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.dedup();
    let rank = |v: f32| sorted.partition_point(|s| s.total_cmp(&v).is_lt());
    let table = Box::new(std::array::from_fn(|i| (rank(values[i]) as i32 - 128) as i8));
    let (mut of, errors) = ([0f32; 256], t.errors());
    let mut error = [0f32; 256];
    for i in 0..256 {
        let at = code(rank(values[i]));
        (of[at], error[at]) = (values[i], error[at].max(errors[i]));
    }
    // Codes that no rank has keep the order.
    let most = sorted.last().copied().unwrap_or(0.0);
    (sorted.len()..256).for_each(|i| of[code(i)] = most);
    let eight = lookup(g, node, &t.eight, table, vec![], t.eight.unsigned);
    let made = Table {
        eight,
        kind: TableKind::Values(Rc::new(of)),
        scalar: None,
        error: None,
        vector: t.vector,
        grid: t.linear().or(t.grid),
        apart: true,
    };
    Ok(made.with_error(error))
}

/// The largest values of windows over a table that never falls.
pub(super) fn largest(
    g: &mut Building,
    node: &Node,
    t: &Table,
    window: Window,
    shape: Vec<usize>,
    map: [usize; 3],
    order: Vec<u32>,
) -> Table {
    g.settle(&t.eight);
    let (op, finish) = (Op::MaxPool { input: t.eight.map, window }, Finish::Codes { lo: -128, hi: 127 });
    let eight = g.push(&node.name, op, finish, shape, map, order, t.eight.unsigned);
    Table { eight, scalar: None, ..t.clone() }
}

/// The mean over windows of dequantised codes.
pub(super) fn average(
    g: &mut Building,
    node: &Node,
    x: &Table,
    operand: fn(&mut Building, &Table) -> Result<Operand, Fail>,
    global: bool,
) -> Result<Value, Fail> {
    let mut x = x.clone();
    let (window, shape, map, order) = window(g, node, &mut x.eight, global)?;
    let input = operand(g, &x)?;
    let count_padding = !global && node.int("count_include_pad", 0) != 0;
    // ONNX Runtime takes a window over the whole map for a global pool.
    let [_, h, w] = image(&x.eight.shape)?;
    let global = global || (window.kernel == [h, w] || window.kernel == [w, h] && h == 1) && window.pads == [0; 4];
    let kind = PendingKind::Average { input, window, count_padding, global };
    let fuse = if x.apart { Fuse::Never } else { Fuse::If { unsigned: x.eight.unsigned } };
    Ok(Value::Real(Real::Pending(Rc::new(Pending {
        kind,
        shape,
        map,
        order: Rc::new(order),
        clip: Clip::NONE,
        fuse,
        moved: false,
    }))))
}
