// SPDX-License-Identifier: Apache-2.0
//! The ends of a graph: how its tensors share the frame that goes in and the map that leaves.
//!
//! One input is the frame; one output is the map that leaves. Of several inputs the frame is a map of one column, pixel behind
//! pixel of all their maps, as wide as the widest of them; a copy takes each out. Several outputs lie side by side in one map: by
//! channels where they have as many pixels, else pixel behind pixel; copies put them there.

use crate::graph::{Border, Codes, Finish, MapId, Op, Operand, SumRounding, UnderRoot, Window};
use crate::host::{Host, HostNorm, HostOp};
use crate::onnx::element::ElementType;
use crate::onnx::error::{ImportError, Unsupported};
use crate::onnx::fold::windows::bounded_product;
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::value::{Eight, Outside, Pending, PendingKind, Real, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::edge::outside;
use std::rc::Rc;

/// A tensor that leaves, in its own map.
pub struct Leaving {
    eight: Eight,
    border: Border,
}

fn cannot<T>(name: &str, reason: &str, help: &str) -> Result<T, ImportError> {
    Err(ImportError::Unsupported(vec![Unsupported {
        node: name.to_string(),
        op: "output".into(),
        reason: reason.to_string(),
        help: help.to_string(),
    }]))
}

/// A float32 input that nothing quantises, behind what the host computes of it: bytes, four of each number.
fn bytes(g: &mut Building, name: &str, e: &Eight) -> Result<Leaving, ImportError> {
    let steps = g.source(e).host.len();
    let several = g.inputs.len() > 1;
    let source = g.source(e);
    if source.codes.is_some() || e.steps != steps || source.element != ElementType::Float32 || several {
        let (what, help) = match (source.element.is_index(), e.steps == 0) {
            (true, true) => ("indices of tables leave the graph", "take them out of its outputs"),
            (true, false) => ("float32 rows of a table leave the graph", "quantise them first"),
            _ => ("a float32 input leaves the graph beside what is computed of it", "quantise it first"),
        };
        return cannot(name, what, help);
    }
    let count = 4 * e.place.len();
    let width = (4..=64).rev().step_by(4).find(|&w| count.is_multiple_of(w)).unwrap_or(4);
    g.maps[e.map].shape = [count / width, 1, width];
    g.order[e.map] = (0..count as u32).collect::<Vec<u32>>().into();
    let mut to = vec![0; e.place.len()];
    e.place.iter().enumerate().for_each(|(after, &before)| to[before as usize] = after as u32);
    let order = (0..count as u32).map(|b| to[b as usize / 4] * 4 + b % 4).collect();
    let shape = e.shape.clone();
    let border = Border {
        name: name.into(),
        shape,
        element: ElementType::Float32,
        order,
        float: None,
        host: None,
        at: vec![],
        beside: vec![],
        index: vec![],
    };
    Ok(Leaving { eight: e.clone(), border })
}

/// A normalisation that nothing quantises, of codes of the machine: the host's. `None`: something else, or a map has what stands under
/// its root.
fn normalised(g: &Building, p: &Pending) -> Option<Outside> {
    let PendingKind::Norm(norm) = &p.kind else { return None };
    if matches!(norm.under, UnderRoot::Map { .. }) || p.clip != Clip::NONE {
        return None;
    }
    // Of each element of the tensor: its place in the tensor that the map was made as.
    let mut place = vec![0; p.order.len()];
    p.order.iter().zip(g.order[norm.input.map].iter()).for_each(|(&own, &base)| place[own as usize] = base);
    let c = norm.gain.len();
    let mut along: Vec<usize> = (0..c).collect();
    along.sort_by_key(|&channel| p.order[channel]);
    let by = |of: &[f32]| along.iter().map(|&channel| of[channel]).collect();
    let groups = p.order.chunks(c).flat_map(|pixel| along.iter().map(|&channel| pixel[channel])).collect();
    let under = norm.under.clone();
    let op = HostOp::Norm(HostNorm {
        groups,
        centered: norm.centered,
        under,
        squares: None,
        gain: by(&norm.gain),
        bias: by(&norm.bias),
    });
    let eight = Eight { map: norm.input.map, shape: p.shape.clone(), place: Rc::new(place), unsigned: false, steps: 0 };
    let codes = Codes { scales: vec![norm.input.scale], zero_points: vec![norm.input.zero_point], axis: 0 };
    Some(Outside { eight, codes, ops: Rc::new(vec![op]), shape: p.shape.clone(), by: "a normalisation".into() })
}

/// What a value is where it leaves the graph.
pub fn leaving(g: &mut Building, name: &str, value: Value) -> Result<Leaving, ImportError> {
    let mut host = None;
    let (eight, element, codes): (Eight, ElementType, Option<Codes>) = match value {
        Value::Eight(e) => {
            let element = if e.unsigned { ElementType::Uint8 } else { ElementType::Int8 };
            (e, element, None)
        }
        Value::Sums(e) => (e, ElementType::Int32, None),
        Value::Real(Real::Table(t)) if t.codes().is_some() => (t.eight.clone(), ElementType::Float32, t.codes()),
        Value::Real(Real::Table(_)) | Value::Outside(_) => {
            let o: Outside = match value {
                Value::Real(Real::Table(t)) => outside(&t),
                Value::Outside(o) => o,
                _ => return cannot(name, "the output is unknown", ""),
            };
            let element =
                o.ops.iter().rev().find(|op| !matches!(op, HostOp::Reshape(_))).map_or(ElementType::Float32, HostOp::result);
            host = Some((o.shape, o.ops.to_vec()));
            (o.eight, element, Some(o.codes))
        }
        Value::Real(Real::Input(e)) => return bytes(g, name, &e),
        Value::Real(Real::Channels(_)) => {
            return cannot(
                name,
                "a constant for each channel behind the last DequantizeLinear, where the host computes with scalars alone",
                "put QuantizeLinear and DequantizeLinear behind it, or end the graph before it",
            );
        }
        Value::Real(Real::Pending(p)) if normalised(g, &p).is_some() => {
            let Some(o) = normalised(g, &p) else { return cannot(name, "the output is unknown", "") };
            host = Some((o.shape, o.ops.to_vec()));
            (o.eight, ElementType::Float32, Some(o.codes))
        }
        Value::Real(_) => {
            return cannot(
                name,
                "float values leave the graph",
                "end it in QuantizeLinear, or QuantizeLinear and DequantizeLinear",
            );
        }
        Value::Const(_) | Value::Foreign(_) => return cannot(name, "the output does not depend on the input", ""),
        Value::Unknown => return cannot(name, "the output is not the first of its node", ""),
    };
    let order = g.places(&eight);
    let inner = eight.shape.clone();
    let (shape, host) = host.map_or((inner.clone(), None), |(shape, ops)| (shape, Some(Host { inner, ops })));
    let border =
        Border { name: name.to_string(), shape, element, order, float: codes, host, at: vec![], beside: vec![], index: vec![] };
    Ok(Leaving { eight, border })
}

/// The map that leaves, and all tensors in it.
pub fn output(g: &mut Building, mut all: Vec<Leaving>) -> Result<(MapId, Border), ImportError> {
    let raw = g.layers.iter().position(|l| matches!(l.finish, Finish::Raw32));
    if let Some(i) = raw.filter(|&i| all.len() > 1 || i + 1 != all[0].eight.map) {
        let name = g.layers[i].name.clone();
        return cannot(
            &all[0].border.name,
            &format!("the int32 result of {name} does not leave the graph by itself"),
            "requantise it",
        );
    }
    if all.len() == 1 {
        let Leaving { eight, border } = all.remove(0);
        if !g.layers.is_empty() {
            return Ok((eight.map, border));
        }
        // Nothing to compute: the machine still has to move the codes.
        let table = Box::new(std::array::from_fn(|i| i as u8 as i8));
        let op = Op::Lookup { input: eight.map, table, doubtful: vec![] };
        let (map, order) = (g.maps[eight.map].shape, g.order[eight.map].to_vec());
        let made = g.push(&border.name, op, Finish::Codes { lo: -128, hi: 127 }, eight.shape.clone(), map, order, eight.unsigned);
        return Ok((made.map, border));
    }
    let pixels: Vec<usize> = all.iter().map(|l| g.maps[l.eight.map].shape[..2].iter().product()).collect();
    let channels: Vec<usize> = all.iter().map(|l| g.maps[l.eight.map].shape[2]).collect();
    let side_by_side = pixels.iter().all(|&p| p == pixels[0]);
    let (rows, width) = if side_by_side {
        (pixels[0], channels.iter().sum::<usize>())
    } else {
        (pixels.iter().sum(), channels.iter().copied().max().unwrap_or(1))
    };
    let (mut pixel, mut channel) = (0, 0);
    let mut sum: Option<MapId> = None;
    let all_codes = Finish::Codes { lo: -128, hi: 127 };
    for (n, leaving) in all.iter_mut().enumerate() {
        let (c, count) = (channels[n], pixels[n]);
        let name = leaving.border.name.clone();
        leaving.border.at = (0..count * c).map(|e| ((pixel + e / c) * width + channel + e % c) as u32).collect();
        // In one column, then where it belongs; elsewhere are zeros.
        let mut push = |op: Op, finish: Finish, map: [usize; 3]| {
            let places: Vec<u32> = (0..map.iter().product::<usize>() as u32).collect();
            g.push(&format!("{name} (to its place)"), op, finish, map.to_vec(), map, places, false).map
        };
        let from = (0..(count * c) as u32).collect();
        let column = push(Op::Arrange { input: leaving.eight.map, from }, all_codes.clone(), [count, 1, c]);
        if bounded_product(1, c, width).is_err() {
            return cannot(
                &name,
                &format!("{c} channels among {width} of all outputs"),
                "give the graph one output, or narrower ones",
            );
        }
        let mut weights = vec![0i16; c * width];
        (0..c).for_each(|ch| weights[ch * width + channel + ch] = 1);
        let window = Window { pads: [pixel, 0, rows - pixel - count, 0], ..Window::POINT };
        let op = Op::Conv { input: column, zero_point: 0, window, groups: 1, weights, bias: vec![0; width] };
        let finish = Finish::Int8 { scales: vec![1.0; width], zero_point: 0, lo: -128, hi: 127, float32: false, rest: vec![] };
        let placed = push(op, finish, [rows, 1, width]);
        sum = Some(match sum {
            None => placed,
            Some(before) => {
                let side = |map: MapId| Operand { map, scale: 1.0, zero_point: 0 };
                let (a, b) = (side(before), side(placed));
                push(
                    Op::Add { a, b, scale: 1.0, zero_point: 0, rounding: SumRounding::Float32 },
                    all_codes.clone(),
                    [rows, 1, width],
                )
            }
        });
        if side_by_side {
            channel += c;
        } else {
            pixel += count;
        }
    }
    let mut borders = all.into_iter().map(|l| l.border);
    let Some(first) = borders.next() else { return cannot("", "nothing leaves the graph", "") };
    Ok((sum.unwrap_or(0), Border { beside: borders.collect(), ..first }))
}

/// The frame of several inputs, now that each has a layout.
pub fn frame(g: &mut Building) {
    for n in 0..g.inputs.len() {
        let shape = g.inputs[n].inner.clone();
        let count = shape.iter().product::<usize>() as u32;
        g.settle(&Eight { map: n + 1, shape, place: (0..count).collect::<Vec<u32>>().into(), unsigned: false, steps: 0 });
    }
    let shapes: Vec<[usize; 3]> = (1..=g.inputs.len()).map(|m| g.maps[m].shape).collect();
    let width = shapes.iter().map(|s| s[2]).max().unwrap_or(1);
    let mut pixel = 0;
    for (n, [h, w, c]) in shapes.into_iter().enumerate() {
        let places = (0..h * w * c).map(|e| ((pixel + e / c) * width + e % c) as u32).collect();
        if let Op::Arrange { from, .. } = &mut g.layers[n].op {
            *from = places;
        }
        pixel += h * w;
    }
    g.maps[0].shape = [pixel, 1, width];
    g.order[0] = (0..(pixel * width) as u32).collect::<Vec<u32>>().into();
}

/// The tensors that go into the frame.
pub fn input(g: &Building) -> Border {
    let several = g.inputs.len() > 1;
    let mut borders = g.inputs.iter().enumerate().map(|(n, source)| {
        let map = if several { n + 1 } else { 0 };
        let at = match g.layers.get(n).map(|l| &l.op) {
            Some(Op::Arrange { input: 0, from }) if several => from.clone(),
            _ => vec![],
        };
        Border {
            name: source.name.clone(),
            shape: source.shape.clone(),
            element: source.element,
            order: g.order[map].to_vec(),
            float: source.codes.clone(),
            host: (!source.host.is_empty()).then(|| Host { inner: source.inner.clone(), ops: source.host.clone() }),
            at,
            beside: vec![],
            index: vec![],
        }
    });
    let first = borders.next();
    let beside = borders.collect();
    first.map_or_else(
        || Border {
            name: String::new(),
            shape: vec![],
            element: ElementType::Int8,
            order: vec![],
            float: None,
            host: None,
            at: vec![],
            beside: vec![],
            index: vec![],
        },
        |first| Border { beside, ..first },
    )
}
