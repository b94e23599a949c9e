// SPDX-License-Identifier: Apache-2.0
//! Pools of maps.

use crate::graph::{Finish, Op, Window};
use crate::onnx::error::{Fail, unsupported};
use crate::onnx::fold::windows::{image, pool};
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::layout::{Layout, image_order};
use crate::onnx::fuse::mean::is_global;
use crate::onnx::fuse::operands::table;
use crate::onnx::fuse::value::{Channels, Eight, Pending, PendingKind, Real, Table, TableKind, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::slid;
use crate::onnx::lower::mean_of::{self, Pooled};
use crate::onnx::lower::requantise::{linearised, lookup};
use crate::onnx::lower::two::operand;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// A window over a map, shape of its result in the model, shape and order of the result's map.
/// The window of a pool: with the shape of its result, its map and order. `x` becomes the map that it slides over.
pub fn window(g: &mut Building, node: &Node, x: &mut Eight, global: bool) -> Result<Pooled, Fail> {
    let [c, h, w] = image(&x.shape)?;
    let (window, shape, [oh, ow]) = pool(node, &x.shape, global)?;
    let slid = slid(g, node, x, [h, w, c]);
    x.map = slid.map;
    Ok((slid.window(window), shape, slid.shape([oh, ow, c]), image_order(c, oh, ow)))
}

/// A table whose values never fall from a code to the next: its own, or one of the values' ranks, behind a lookup.
pub fn ranked(g: &mut Building, node: &Node, t: &Table) -> Result<Table, Fail> {
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
pub fn largest(
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

/// The mean over windows of what is a function of codes: their dequantisation, or any other.
pub fn mean(g: &mut Building, node: &Node, x: &Value, global: bool) -> Result<Value, Fail> {
    let count_padding = !global && node.int("count_include_pad", 0) != 0;
    match x {
        Value::Real(Real::Channels(c)) if c.layout == Layout::Image => {
            let mut c = Channels::clone(c);
            let pooled = window(g, node, &mut c.table.eight, global)?;
            mean_of::of_channels(g, node, &c, pooled)
        }
        Value::Real(Real::Table(t)) if t.values().is_some() => match linearised(g, node, t) {
            Ok(x) => average(g, node, &x, global),
            Err(_) => {
                let mut t = t.clone();
                let pooled = window(g, node, &mut t.eight, global)?;
                mean_of::of_table(g, node, &t, pooled, count_padding)
            }
        },
        _ => {
            let x = linearised(g, node, &table(&[Some(x.clone())], 0, "X")?)?;
            average(g, node, &x, global)
        }
    }
}

/// The mean over windows of dequantised codes.
pub fn average(g: &mut Building, node: &Node, x: &Table, global: bool) -> Result<Value, Fail> {
    let mut x = x.clone();
    let (window, shape, map, order) = window(g, node, &mut x.eight, global)?;
    let input = operand(g, &x)?;
    let count_padding = !global && node.int("count_include_pad", 0) != 0;
    // ONNX Runtime takes a window over the whole map for a global pool.
    let [_, h, w] = image(&x.eight.shape)?;
    let global = global || is_global(&window, [h, w]);
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
