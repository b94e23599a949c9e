// SPDX-License-Identifier: Apache-2.0
//! Two tensors of one shape as operands of one layer: sums, differences, products of maps.

use crate::graph::{Finish, Op, Operand, Window};
use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::Dequantised;
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::same_code::Chain;
use crate::onnx::fuse::value::{Eight, Pending, PendingKind, Table, TableKind};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::requantise::lookup;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// A table as an operand: its map in its natural layout, one scale.
pub fn operand(g: &mut Building, t: &Table) -> Result<Operand, Fail> {
    let Some((scale, zero_point)) = t.linear() else { return wrong("values of no scale") };
    g.settle(&t.eight);
    Ok(Operand { map: t.eight.map, scale, zero_point })
}

/// A sum with a constant that is wider than 8 bits in the model is never fused.
pub fn narrow(c: &Dequantised, fuse: Fuse) -> Fuse {
    if matches!(c.element, ElementType::Int8 | ElementType::Uint8) { fuse } else { Fuse::Never }
}

/// A constant tensor as a map of the layout of `like`. It is made by biases, of which each channel has one: so
/// an input that has no layout yet becomes one pixel.
pub fn constant_map(g: &mut Building, node: &Node, like: &Table, c: &Dequantised) -> Result<Table, Fail> {
    let [scale] = c.scales[..] else {
        return unsupported("a constant with a scale for each channel", "quantise it per tensor");
    };
    let ints = &c.ints;
    let flat: Vec<u32> = (0..ints.len() as u32).collect();
    let order = if g.view(&like.eight, [1, 1, ints.len()], &flat).is_some() { flat } else { g.places(&like.eight) };
    let (least, most) = (ints.iter().min().copied().unwrap_or(0), ints.iter().max().copied().unwrap_or(0));
    let unsigned = c.element == ElementType::Uint8;
    // 8-bit codes as they are, wider ones by any zero point with which they have 8 bits.
    let zero_point = match (c.element, c.zero) {
        (ElementType::Int8, Some(z)) => z,
        (ElementType::Uint8, Some(z)) => z - 128,
        _ if least < -128 => -128 - least,
        _ => (127 - most).min(0),
    };
    let codes: Option<Vec<i8>> = order.iter().map(|&place| i8::try_from(ints[place as usize] + zero_point).ok()).collect();
    let (Some(codes), Ok(zero_point)) = (codes, i8::try_from(zero_point)) else {
        return unsupported("the constant is wider than 8 bits", "quantise it to int8 or uint8");
    };
    let map = g.maps[like.eight.map].shape;
    let finish = Finish::Codes { lo: -128, hi: 127 };
    let shape = like.eight.shape.clone();
    let eight = g.push(&format!("{} (constant)", node.name), Op::Constant { codes }, finish, shape, map, order, unsigned);
    let kind = TableKind::Linear { scales: Rc::new(vec![scale]), zero_points: Rc::new(vec![zero_point]), axis: 0 };
    Ok(Table { eight, kind, scalar: None, error: None, vector: c.vector, grid: None, apart: false })
}

/// Codes with one scale that stand for the same numbers on the other side of zero: each code and the zero point turned around. A sum
/// with them is a difference, the same in float32, which ONNX Runtime never fuses.
pub fn negated(g: &mut Building, node: &Node, t: &Table) -> Table {
    let Some((scale, zero)) = t.linear() else { return t.clone() };
    let turned = Box::new(std::array::from_fn(|i| !(i as u8 as i8)));
    let eight = lookup(g, node, &t.eight, turned, vec![], t.eight.unsigned);
    let kind = TableKind::Linear { scales: Rc::new(vec![scale]), zero_points: Rc::new(vec![!zero]), axis: 0 };
    Table { eight, kind, scalar: None, ..t.clone() }
}

/// The sum of two dequantised tensors of one shape.
pub fn add(g: &mut Building, name: &str, t: &Table, u: &Table) -> Result<Pending, Fail> {
    if t.eight.shape != u.eight.shape {
        return unsupported(format!("shapes {:?} and {:?} are added", t.eight.shape, u.eight.shape), "add tensors of one shape");
    }
    // The one with a layout decides it for an input that has none yet.
    let open = g.is_open(&t.eight);
    let (first, second) = if open { (u, t) } else { (t, u) };
    g.settle(&first.eight);
    let order = g.places(&first.eight);
    let map = g.maps[first.eight.map].shape;
    let moved = Table { eight: g.arranged(name, &second.eight, map, &order), ..second.clone() };
    let (a, b) = if open { (&moved, u) } else { (t, &moved) };
    let (a, b) = (operand(g, a)?, operand(g, b)?);
    Ok(Pending {
        kind: PendingKind::Add { a, b },
        shape: t.eight.shape.clone(),
        map,
        order: Rc::new(order),
        clip: Clip::NONE,
        fuse: if t.vector || u.vector || t.apart || u.apart {
            Fuse::Never
        } else {
            Fuse::pair(t.eight.unsigned, u.eight.unsigned)
        },
        moved: false,
    })
}

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

/// Factors of which each is that of all channels of a pixel of `x`, copied to these; `None`: others.
fn by_pixel(g: &mut Building, name: &str, x: &Eight, factors: &Eight) -> Option<Eight> {
    let of = broadcast(&factors.shape, &x.shape)?;
    let places = g.places(x);
    let map = g.maps[x.map].shape;
    let [h, w, c] = map;
    if c == 1 || factors.place.len() != h * w {
        return None;
    }
    let all: Vec<u32> = places.iter().map(|&place| of[place as usize]).collect();
    if all.chunks(c).any(|pixel| pixel.iter().any(|f| *f != pixel[0])) {
        return None;
    }
    let order: Vec<u32> = all.iter().step_by(c).copied().collect();
    let one = g.arranged(name, factors, [h, w, 1], &order);
    // A product with ones: a copy for each channel.
    let op = Op::Conv { input: one.map, zero_point: 0, window: Window::POINT, groups: 1, weights: vec![1; c], bias: vec![0; c] };
    let finish = Finish::Int8 { scales: vec![1.0; c], zero_point: 0, lo: -128, hi: 127, float32: false, rest: vec![] };
    Some(g.push(&format!("{name} (factors)"), op, finish, x.shape.clone(), map, places, factors.unsigned))
}

/// What a product of two tensors is fused to.
fn pair_of(t: &Table, u: &Table) -> Fuse {
    if t.vector || u.vector { Fuse::Never } else { Fuse::pair(t.eight.unsigned, u.eight.unsigned) }
}

/// The product of two dequantised tensors.
pub fn mul(g: &mut Building, name: &str, t: &Table, u: &Table) -> Result<Pending, Fail> {
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
        if let Some(eight) = by_pixel(g, name, &x.eight, &factors.eight) {
            let product = mul(g, name, x, &Table { eight, ..factors.clone() })?;
            return Ok(Pending { fuse: pair_of(t, u), ..product });
        }
        if !by_channel(g, &x.eight, &factors.eight) {
            return unsupported(
                format!("shapes {:?} and {:?} are multiplied", t.eight.shape, u.eight.shape),
                "multiply tensors of one shape, or one with a factor for each channel or each pixel",
            );
        }
        (x, factors)
    };
    let order = g.places(&a.eight);
    let kind = PendingKind::Mul { a: operand(g, a)?, b: operand(g, b)? };
    Ok(Pending {
        kind,
        shape: a.eight.shape.clone(),
        map: g.maps[a.eight.map].shape,
        order: Rc::new(order),
        clip: Clip::NONE,
        fuse: pair_of(t, u),
        moved: false,
    })
}

/// Maps that a map is a function of, code by code: itself, what it was looked up from, and so on.
fn origins(g: &Building, map: usize) -> Vec<(usize, Chain)> {
    let same = std::array::from_fn(|i| i as u8 as i8);
    let mut list = vec![(map, Chain { table: same, doubtful: vec![] })];
    while let Some((at, chain)) = list.last()
        && let Some(layer) = at.checked_sub(1).map(|i| &g.layers[i])
        && let (Op::Lookup { input, table, doubtful }, Finish::Codes { lo: -128, hi: 127 }) = (&layer.op, &layer.finish)
    {
        let through = std::array::from_fn(|i| chain.table[usize::from(table[i] as u8)]);
        let unsure = |i: &u8| doubtful.contains(i) || chain.doubtful.contains(&(table[usize::from(*i)] as u8));
        let next = (*input, Chain { table: through, doubtful: (0..=255).filter(unsure).collect() });
        list.push(next);
    }
    list
}

/// Two tensors whose codes depend on those of one tensor, element by element: that tensor, and how they do.
pub fn common(g: &mut Building, t: &Table, u: &Table) -> Option<(Eight, Chain, Chain)> {
    if t.eight.map == u.eight.map || t.eight.shape != u.eight.shape {
        return None;
    }
    let (of_t, of_u) = (origins(g, t.eight.map), origins(g, u.eight.map));
    let (map, x, y) = of_t.into_iter().find_map(|(map, x)| {
        of_u.iter().find(|o| o.0 == map).map(|(_, y)| (map, x, Chain { table: y.table, doubtful: y.doubtful.clone() }))
    })?;
    let places = g.places(&t.eight);
    if places != g.places(&u.eight) {
        return None;
    }
    // Element e of the map is element e of all that was looked up from it.
    let order = g.order[map].clone();
    let mut place = vec![0; places.len()];
    places.iter().zip(order.iter()).for_each(|(&tensor, &base)| place[tensor as usize] = base);
    Some((Eight { map, place: Rc::new(place), steps: 0, ..t.eight.clone() }, x, y))
}
