// SPDX-License-Identifier: Apache-2.0
//! Parts of tensors, and tensors put together. The array does it: a product with ones and zeros copies codes, whatever they stand for,
//! and a sum puts copies side by side.

use crate::graph::{Finish, Op, Operand, SumRounding, Window};
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::axis_of;
use crate::onnx::fold::windows::{bounded, bounded_product};
use crate::onnx::fuse::layout::{Along, Layout, image_order};
use crate::onnx::fuse::value::{Eight, Real, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::parse::node::Node;
use crate::quantise;

/// That of a tensor, which is copied into the natural one where it lies in none; an input that has none yet takes that too.
pub fn layout_of(g: &mut Building, node: &Node, e: &mut Eight) -> Result<Layout, Fail> {
    let unsettled = g.is_open(e);
    let natural = if e.shape.len() == 4 || g.convolves && e.shape.len() == 3 { Layout::Image } else { Layout::Matrix };
    let all = if unsettled { [natural, Layout::Matrix] } else { [Layout::Image, Layout::Matrix] };
    for layout in all {
        if let Some((map, order)) = layout.map(&e.shape)
            && g.view(e, map, &order).is_some()
        {
            return Ok(layout);
        }
    }
    // The same words under other rows and columns cost nothing.
    let lies = g.places(e);
    let channels = g.maps[e.map].shape[2];
    let free = |l: Layout| l.map(&e.shape).is_some_and(|(map, order)| map[2] == channels && order == lies);
    let first = [natural, Layout::Matrix].into_iter().find(|&l| free(l)).unwrap_or(natural);
    for layout in [first, Layout::Matrix] {
        if let Some((map, order)) = layout.map(&e.shape) {
            let from: Vec<u32> = order.clone();
            *e = g.gathered(&node.name, e, &from, e.shape.clone(), map, order);
            return Ok(layout);
        }
    }
    wrong(format!("a tensor of shape {:?}", e.shape))
}

/// The source of a part along each dimension of the map.
struct Part {
    /// Row and column of the source that row and column 0 of the result come from; before the source: padding.
    from: [i64; 2],
    /// Channel of the source that each channel of the result comes from.
    channels: Vec<Option<usize>>,
}

/// The code that stands where there is no source.
type Blank = i8;

/// Copies a part of a map into a map of this shape; elsewhere it is blank.
fn copy(g: &mut Building, node: &Node, e: &Eight, part: &Part, to: (Layout, Vec<usize>), blank: Blank) -> Result<Eight, Fail> {
    let (layout, shape) = to;
    let Some((map, order)) = layout.map(&shape) else { return wrong(format!("a part of shape {shape:?}")) };
    bounded(&map)?;
    let [h, w, c] = g.maps[e.map].shape;
    let same = map == [h, w, c] && part.from == [0, 0] && part.channels.iter().enumerate().all(|(i, &ch)| ch == Some(i));
    if same {
        return Ok(Eight { shape, ..e.clone() });
    }
    // One tap of the window is 1: so much padding before it, and a kernel that ends the result where it has to.
    let mut window = Window::POINT;
    let mut tap = [0; 2];
    for (d, size) in [h, w].into_iter().enumerate() {
        let before = part.from[d].min(0).unsigned_abs() as usize;
        tap[d] = (part.from[d] + before as i64) as usize;
        window.kernel[d] = (tap[d] + 1).max((size + before + 1).saturating_sub(map[d]));
        window.pads[d] = before;
        window.pads[d + 2] = (map[d] + window.kernel[d]).saturating_sub(size + before + 1);
    }
    if window.kernel.iter().product::<usize>() > 64 {
        // A pixel far from the edge: an order of elements, where nothing is blank.
        if let Some(made) = reordered(g, node, e, part, &shape, map, &order) {
            return Ok(made);
        }
        return unsupported(
            format!("a part that begins {:?} rows and columns inside a map", part.from),
            "take parts nearer to the edge, or of channels",
        );
    }
    let [kh, kw] = window.kernel;
    bounded_product(kh * kw, c, map[2])?;
    let mut weights = vec![0i16; kh * kw * c * map[2]];
    let at = (tap[0] * kw + tap[1]) * c;
    for (out, from) in part.channels.iter().enumerate() {
        if let Some(from) = from {
            weights[(at + from) * map[2] + out] = 1;
        }
    }
    let op = Op::Conv { input: e.map, zero_point: blank, window, groups: 1, weights, bias: vec![0; map[2]] };
    let finish = Finish::Int8 { scales: vec![1.0; map[2]], zero_point: blank, lo: -128, hi: 127, float32: false, rest: vec![] };
    Ok(g.push(&node.name, op, finish, shape, map, order, e.unsigned))
}

/// A part without blanks as another order of the map's elements.
fn reordered(
    g: &mut Building,
    node: &Node,
    e: &Eight,
    part: &Part,
    shape: &[usize],
    map: [usize; 3],
    order: &[u32],
) -> Option<Eight> {
    let [h, w, c] = g.maps[e.map].shape;
    // Of each element of the source's map: its place in the tensor.
    let places = g.places(e);
    let from = |element: usize| -> Option<u32> {
        let (pixel, channel) = (element / map[2], element % map[2]);
        let row = usize::try_from(part.from[0] + (pixel / map[1]) as i64).ok().filter(|&r| r < h)?;
        let col = usize::try_from(part.from[1] + (pixel % map[1]) as i64).ok().filter(|&x| x < w)?;
        let channel = part.channels.get(channel).copied().flatten()?;
        places.get((row * w + col) * c + channel).copied()
    };
    let from = (0..map.iter().product()).map(from).collect::<Option<Vec<u32>>>()?;
    Some(g.gathered(&node.name, e, &from, shape.to_vec(), map, order.to_vec()))
}

/// Indices along a dimension as a part; runs of rows and columns must be without gaps.
pub fn pick(g: &mut Building, node: &Node, e: &Eight, axis: usize, indices: &[usize]) -> Result<Eight, Fail> {
    let e = &mut e.clone();
    let layout = layout_of(g, node, e)?;
    let Some(along) = layout.along(&e.shape, axis) else {
        return unsupported(
            format!("parts of dimension {axis} of shape {:?}", e.shape),
            "take parts of channels, rows or columns",
        );
    };
    let [.., c] = g.maps[e.map].shape;
    let mut shape = e.shape.clone();
    shape[axis] = indices.len();
    let mut part = Part { from: [0, 0], channels: (0..c).map(Some).collect() };
    match along {
        Along::Channels => part.channels = indices.iter().map(|&i| Some(i)).collect(),
        _ if indices.windows(2).all(|w| w[1] == w[0] + 1) => part.from[along as usize] = indices[0] as i64,
        _ => return unsupported("rows or columns that do not follow each other", "take every one"),
    }
    copy(g, node, e, &part, (layout, shape), 0)
}

/// The operator on codes, or on the codes behind dequantised values.
pub fn on_codes(
    g: &mut Building,
    op: &str,
    value: &Value,
    f: impl FnOnce(&mut Building, &Eight, &dyn Fn(f32) -> Result<i8, Fail>) -> Result<Eight, Fail>,
) -> Result<Value, Fail> {
    match value {
        Value::Eight(e) => {
            let off = if e.unsigned { 128.0 } else { 0.0 };
            Ok(Value::Eight(f(g, e, &|v| Ok((v - off) as i8))?))
        }
        Value::Real(Real::Table(t)) if t.codes().is_none_or(|c| c.scales.len() == 1) => {
            let code = |v: f32| match t.linear() {
                Some((scale, zero_point)) => Ok(quantise(v, scale, zero_point)),
                None => unsupported("padding of a function's values", "quantise them first"),
            };
            // DequantizeLinear moves through a Slice, and a Pad goes into the convolution behind it.
            let apart = t.apart || !matches!(op, "Slice" | "Pad");
            Ok(Value::Real(Real::Table(Table { eight: f(g, &t.eight, &code)?, scalar: None, apart, ..t.clone() })))
        }
        Value::Real(Real::Table(_)) => unsupported("a tensor with a scale for each channel", "quantise activations per tensor"),
        Value::Const(_) | Value::Real(Real::Const(_)) => unsupported("parts of a constant", "fold it"),
        _ => unsupported("parts of values that are not quantised", "put QuantizeLinear and DequantizeLinear before it"),
    }
}

/// A tensor with so many blank elements before and behind in some dimensions.
pub fn padded(g: &mut Building, node: &Node, e: &Eight, pads: &[(usize, i64, i64)], blank: Blank) -> Result<Eight, Fail> {
    let e = &mut e.clone();
    let layout = layout_of(g, node, e)?;
    let [.., c] = g.maps[e.map].shape;
    let mut part = Part { from: [0, 0], channels: (0..c).map(Some).collect() };
    let mut shape = e.shape.clone();
    for &(axis, before, behind) in pads {
        if before == 0 && behind == 0 {
            continue;
        }
        let Some(size) = usize::try_from(shape[axis] as i64 + before + behind).ok().filter(|&s| s > 0 && s < 1 << 20) else {
            return wrong(format!("pads {before} and {behind} of dimension {axis} of shape {:?}", e.shape));
        };
        let Some(along) = layout.along(&e.shape, axis) else {
            return unsupported(format!("padding of dimension {axis} of shape {:?}", e.shape), "pad channels, rows or columns");
        };
        if along == Along::Channels {
            part.channels = (0..size as i64).map(|i| usize::try_from(i - before).ok().filter(|&i| i < c)).collect();
        } else {
            part.from[along as usize] = -before;
        }
        shape[axis] = size;
    }
    copy(g, node, e, &part, (layout, shape), blank)
}

/// Tensors side by side along a dimension: each copied to its place, and the copies added up. Their codes are left as they are.
pub fn join(g: &mut Building, node: &Node, parts: &[Eight], axis: i64) -> Result<Eight, Fail> {
    let Some(first) = parts.first() else { return wrong("nothing to join") };
    let axis = axis_of(axis, first.shape.len())?;
    let mut shape = first.shape.clone();
    shape[axis] = parts.iter().map(|p| p.shape.get(axis).copied().unwrap_or(0)).sum();
    for p in parts {
        let fits = p.shape.len() == shape.len() && (0..shape.len()).all(|d| d == axis || p.shape[d] == shape[d]);
        if !fits || p.unsigned != first.unsigned {
            return wrong(format!("shapes {:?} and {:?} along dimension {axis}, or their types, differ", first.shape, p.shape));
        }
    }
    // Of an input without a layout the others decide.
    let decides = parts.iter().find(|p| !g.is_open(p)).unwrap_or(first);
    let layout = layout_of(g, node, &mut decides.clone())?;
    let Some(along) = layout.along(&shape, axis) else {
        return unsupported(
            format!("tensors joined along dimension {axis} of shape {shape:?}"),
            "join channels, rows or columns",
        );
    };
    let (mut at, mut sum): (usize, Option<Eight>) = (0, None);
    for p in parts {
        let Some((map, order)) = layout.map(&p.shape) else { return wrong("a shape without a map") };
        let p = &g.arranged(&node.name, p, map, &order);
        let [.., c] = g.maps[p.map].shape;
        let mut part = Part { from: [0, 0], channels: (0..c).map(Some).collect() };
        if along == Along::Channels {
            part.channels = (0..shape[axis]).map(|i| i.checked_sub(at).filter(|&i| i < c)).collect();
        } else {
            part.from[along as usize] = -(at as i64);
        }
        at += p.shape[axis];
        let placed = copy(g, node, p, &part, (layout, shape.clone()), 0)?;
        sum = Some(match sum {
            None => placed,
            Some(before) => {
                let side = |e: &Eight| Operand { map: e.map, scale: 1.0, zero_point: 0 };
                let (a, b) = (side(&before), side(&placed));
                let op = Op::Add { a, b, scale: 1.0, zero_point: 0, rounding: SumRounding::Float32 };
                let Some((map, order)) = layout.map(&shape) else { return wrong("a shape without a map") };
                g.push(&node.name, op, Finish::Codes { lo: -128, hi: 127 }, shape.clone(), map, order, first.unsigned)
            }
        });
    }
    sum.ok_or_else(|| Fail::Wrong("nothing to join".into()))
}

/// A map that windows slide over.
pub struct Slid {
    pub map: usize,
    /// Rows are columns there: a sequence that lies as a column.
    pub turned: bool,
}

impl Slid {
    /// The window as it slides over the map.
    pub fn window(&self, window: Window) -> Window {
        let Window { kernel: [a, b], stride: [c, d], dilation: [e, f], pads: [top, left, bottom, right] } = window;
        if !self.turned {
            return window;
        }
        Window { kernel: [b, a], stride: [d, c], dilation: [f, e], pads: [left, top, right, bottom] }
    }

    /// The shape of the result's map.
    pub fn shape(&self, [h, w, c]: [usize; 3]) -> [usize; 3] {
        if self.turned { [w, h, c] } else { [h, w, c] }
    }
}

/// The map of an image or sequence `[h, w, c]` for a window to slide over.
pub fn slid(g: &mut Building, node: &Node, e: &Eight, [h, w, c]: [usize; 3]) -> Slid {
    let order = image_order(c, h, w);
    // The elements of one row are those of one column, in the same order.
    let column = h == 1 && !g.is_open(e);
    if let Some(map) = g.view(e, [h, w, c], &order) {
        return Slid { map, turned: false };
    }
    if column && let Some(map) = g.view(e, [w, 1, c], &order) {
        return Slid { map, turned: true };
    }
    Slid { map: g.arranged(&node.name, e, [h, w, c], &order).map, turned: false }
}
