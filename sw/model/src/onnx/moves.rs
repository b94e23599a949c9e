// SPDX-License-Identifier: Apache-2.0
//! Operators that take parts of tensors and put them together: Slice, Split, Gather by constants, Pad, Concat. The array does
//! it: a product with ones and zeros copies codes, whatever they stand for, and a sum puts copies side by side.

use super::fuse::{Clip, Fuse};
use super::import::{Building, image_order};
use super::node::{Fail, Node, unsupported, wrong};
use super::ops::{Inputs, any, constant, scale, table_of_codes, zero_point};
use super::product::bounded;
use super::quantize::{linearised, lookup, quantize_table, result_zero};
use super::value::{Eight, Pending, PendingKind, Real, Table, Value};
use crate::graph::{Finish, Op, Operand, SumRounding, Window};
use crate::quantise;
use std::rc::Rc;

/// What a dimension of a tensor is in its map: rows, columns, channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Along {
    Rows = 0,
    Columns = 1,
    Channels = 2,
}

/// How a tensor lies in its map.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `[1, c, h, w]` or `[1, c, w]`
    Image,
    /// The last dimension is the channels', all others are rows.
    Matrix,
}

impl Layout {
    /// That of a tensor, which is copied into the natural one where it lies in none; an input that has none yet takes that too.
    pub fn of(g: &mut Building, node: &Node, e: &mut Eight) -> Result<Layout, Fail> {
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
        for layout in [natural, Layout::Matrix] {
            if let Some((map, order)) = layout.map(&e.shape) {
                let from: Vec<u32> = order.clone();
                *e = g.gathered(&node.name, e, &from, e.shape.clone(), map, order);
                return Ok(layout);
            }
        }
        wrong(format!("a tensor of shape {:?}", e.shape))
    }

    /// Map and order of a tensor of this shape.
    pub fn map(self, shape: &[usize]) -> Option<([usize; 3], Vec<u32>)> {
        match (self, shape) {
            (Layout::Image, &[1, c, h, w]) => Some(([h, w, c], image_order(c, h, w))),
            (Layout::Image, &[1, c, w]) => Some(([1, w, c], image_order(c, 1, w))),
            (Layout::Image, _) => None,
            (Layout::Matrix, _) => {
                let count: usize = shape.iter().product();
                let cols = shape.last().copied().unwrap_or(1);
                Some(([count / cols.max(1), 1, cols], (0..count as u32).collect()))
            }
        }
    }

    /// Whether a dimension is the channels'.
    pub fn is_channel(self, shape: &[usize], axis: usize) -> bool {
        self.along(shape, axis) == Some(Along::Channels)
    }

    /// What a dimension is, where it is one of the map's by itself.
    fn along(self, shape: &[usize], axis: usize) -> Option<Along> {
        match (self, shape.len(), axis) {
            (Layout::Image, _, 1) => Some(Along::Channels),
            (Layout::Image, 4, 2) => Some(Along::Rows),
            (Layout::Image, 4, 3) | (Layout::Image, 3, 2) => Some(Along::Columns),
            (Layout::Matrix, n, a) if a + 1 == n => Some(Along::Channels),
            (Layout::Matrix, n, a) if (0..n - 1).all(|d| d == a || shape[d] == 1) => Some(Along::Rows),
            _ => None,
        }
    }
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
        return unsupported(
            format!("a part that begins {:?} rows and columns inside a map", part.from),
            "take parts nearer to the edge, or of channels",
        );
    }
    let [kh, kw] = window.kernel;
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

/// Indices along a dimension as a part; runs of rows and columns must be without gaps.
fn pick(g: &mut Building, node: &Node, e: &Eight, axis: usize, indices: &[usize]) -> Result<Eight, Fail> {
    let e = &mut e.clone();
    let layout = Layout::of(g, node, e)?;
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
pub(super) fn on_codes(
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

/// A dimension by its number, counted from the end where that is negative.
pub(super) fn axis_of(axis: i64, rank: usize) -> Result<usize, Fail> {
    usize::try_from(if axis < 0 { axis + rank as i64 } else { axis })
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| Fail::Wrong(format!("axis {axis} of a tensor of rank {rank}")))
}

/// The constant integers of an input, or of an attribute in old opsets.
fn list(node: &Node, inputs: Inputs, i: usize, name: &str) -> Result<Option<Vec<i64>>, Fail> {
    match constant(inputs, i)? {
        Some(a) => a.integers().map(Some).ok_or_else(|| Fail::Wrong(format!("{name} are not integers"))),
        None => Ok(node.ints(name).map(<[i64]>::to_vec)),
    }
}

pub(super) fn slice(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let get = |i, name| list(node, inputs, i, name);
    let (Some(starts), Some(ends)) = (get(1, "starts")?, get(2, "ends")?) else { return wrong("starts or ends are missing") };
    let axes = get(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = get(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return wrong("starts, ends, axes and steps are not as many");
    }
    on_codes(g, node.op(), any(inputs, 0)?, |g, e, _| {
        let mut e = e.clone();
        for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let axis = axis_of(axis, e.shape.len())?;
            let size = e.shape[axis] as i64;
            if step < 1 {
                return unsupported(format!("a step of {step}"), "take parts forwards");
            }
            let within = |v: i64| (if v < 0 { v + size } else { v }).clamp(0, size);
            let indices: Vec<usize> = (within(start)..within(end)).step_by(step as usize).map(|i| i as usize).collect();
            if indices.is_empty() {
                return unsupported(format!("an empty part {start}..{end} of {size}"), "leave it out");
            }
            if indices.len() < e.shape[axis] {
                e = pick(g, node, &e, axis, &indices)?;
            }
        }
        Ok(e)
    })
}

pub(super) fn gather(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let Some(indices) = constant(inputs, 1)? else { return wrong("its indices are missing") };
    let Some(values) = indices.integers() else { return wrong("its indices are not integers") };
    if indices.shape.len() > 1 {
        return unsupported(format!("indices of shape {:?}", indices.shape), "give it one dimension of indices");
    }
    let scalar = indices.shape.is_empty();
    on_codes(g, node.op(), any(inputs, 0)?, |g, e, _| {
        let axis = axis_of(node.int("axis", 0), e.shape.len())?;
        let size = e.shape[axis] as i64;
        let at = |&v: &i64| usize::try_from(if v < 0 { v + size } else { v }).ok().filter(|&i| (i as i64) < size);
        let Some(picked) = values.iter().map(at).collect::<Option<Vec<usize>>>().filter(|p| !p.is_empty()) else {
            return wrong(format!("indices {values:?} of {size}"));
        };
        let mut made = pick(g, node, e, axis, &picked)?;
        if scalar {
            made.shape.remove(axis);
        }
        Ok(made)
    })
}

/// Every output of a Split.
pub(super) fn split(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Vec<Value>, Fail> {
    let value = any(inputs, 0)?;
    let shape = match value {
        Value::Eight(e) | Value::Real(Real::Table(Table { eight: e, .. })) => e.shape.clone(),
        _ => return on_codes(g, node.op(), value, |_, e, _| Ok(e.clone())).map(|v| vec![v]),
    };
    let axis = axis_of(node.int("axis", 0), shape.len())?;
    let outputs = node.proto.output.len();
    let sizes: Vec<usize> = match list(node, inputs, 1, "split")? {
        Some(sizes) => sizes.iter().map(|&s| usize::try_from(s).unwrap_or(usize::MAX)).collect(),
        None => {
            // The last one is smaller where they do not come out even.
            let each = shape[axis].div_ceil(outputs);
            (0..outputs).map(|i| each.min(shape[axis].saturating_sub(i * each))).collect()
        }
    };
    if sizes.len() != outputs
        || sizes.contains(&0)
        || sizes.iter().try_fold(0usize, |a, &s| a.checked_add(s)) != Some(shape[axis])
    {
        return wrong(format!("parts of {sizes:?} of dimension {axis} of shape {shape:?} for {outputs} outputs"));
    }
    let mut first = 0;
    sizes
        .iter()
        .map(|&size| {
            let indices: Vec<usize> = (first..first + size).collect();
            first += size;
            on_codes(g, node.op(), value, |g, e, _| pick(g, node, e, axis, &indices))
        })
        .collect()
}

pub(super) fn pad(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if !matches!(node.text("mode").as_str(), "" | "constant") {
        return unsupported(format!("mode '{}'", node.text("mode")), "pad with a constant");
    }
    let Some(pads) = list(node, inputs, 1, "pads")? else { return wrong("its pads are missing") };
    let value = match constant(inputs, 2)? {
        None => node.float("value", 0.0),
        Some(a) => match (a.floats(), a.integers()) {
            (Some(f), _) if f.len() == 1 => f[0],
            (_, Some(v)) if v.len() == 1 => v[0] as f32,
            _ => return wrong("its value is no scalar"),
        },
    };
    let of = any(inputs, 0)?;
    let rank = match of {
        Value::Eight(e) | Value::Real(Real::Table(Table { eight: e, .. })) => e.shape.len(),
        _ => 0,
    };
    let axes = list(node, inputs, 3, "axes")?.unwrap_or_else(|| (0..rank as i64).collect());
    if rank > 0 && pads.len() != 2 * axes.len() {
        return wrong(format!("pads {pads:?} of {} dimensions", axes.len()));
    }
    let by_axis = |(n, &axis): (usize, &i64)| Ok((axis_of(axis, rank)?, pads[n], pads[n + axes.len()]));
    let pads = if rank > 0 { axes.iter().enumerate().map(by_axis).collect::<Result<Vec<_>, Fail>>()? } else { vec![] };
    if let Value::Real(Real::Table(t)) = of
        && t.linear().is_none_or(|(scale, zero)| {
            let code = quantise(value, scale, zero);
            (f32::from(code) - f32::from(zero)) * scale != value
        })
    {
        return Ok(Value::Real(Real::Joined(Rc::new(Joined::Padded { table: t.clone(), pads, value }))));
    }
    on_codes(g, node.op(), of, |g, e, code| padded(g, node, e, &pads, code(value)?))
}

/// A tensor with so many blank elements before and behind in some dimensions.
fn padded(g: &mut Building, node: &Node, e: &Eight, pads: &[(usize, i64, i64)], blank: Blank) -> Result<Eight, Fail> {
    let e = &mut e.clone();
    let layout = Layout::of(g, node, e)?;
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
fn join(g: &mut Building, node: &Node, parts: &[Eight], axis: i64) -> Result<Eight, Fail> {
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
    let layout = Layout::of(g, node, &mut decides.clone())?;
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

/// Values that become codes when they are quantised: not before, for what they are made of has no one scale.
#[derive(Clone)]
pub(super) enum Joined {
    /// What a Concat puts together.
    Side { parts: Vec<Table>, axis: i64 },
    /// The greatest, or least, of each element.
    Extreme { parts: Vec<Table>, least: bool },
    /// With padding of a value that is none of the codes'.
    Padded { table: Table, pads: Vec<(usize, i64, i64)>, value: f32 },
}

pub(super) fn concat(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let axis = node.int("axis", 0);
    let (mut codes, mut tables) = (vec![], vec![]);
    for (i, input) in inputs.iter().enumerate() {
        match input {
            Some(Value::Eight(e)) => codes.push(e.clone()),
            Some(Value::Real(Real::Table(t))) => tables.push(t.clone()),
            _ => {
                return unsupported(
                    format!("operand {i} is neither quantised nor the dequantisation of codes"),
                    "put QuantizeLinear and DequantizeLinear before it",
                );
            }
        }
    }
    match (codes.is_empty(), tables.is_empty()) {
        (false, true) => Ok(Value::Eight(join(g, node, &codes, axis)?)),
        (true, false) => {
            // Of one scale they stay what they are.
            let first = tables[0].linear();
            if first.is_some() && tables.iter().all(|t| t.linear() == first && t.eight.unsigned == tables[0].eight.unsigned) {
                let eights: Vec<Eight> = tables.iter().map(|t| t.eight.clone()).collect();
                return Ok(Value::Real(Real::Table(Table {
                    eight: join(g, node, &eights, axis)?,
                    scalar: None,
                    apart: true,
                    ..tables[0].clone()
                })));
            }
            Ok(Value::Real(Real::Joined(Rc::new(Joined::Side { parts: tables, axis }))))
        }
        _ => wrong("operands of different types"),
    }
}

/// QuantizeLinear of what a Concat put together: each part by itself, as ONNX Runtime's QLinearConcat does.
pub(super) fn quantise_joined(g: &mut Building, node: &Node, inputs: Inputs, joined: &Joined) -> Result<Value, Fail> {
    let scale = scale(inputs, 1)?;
    let codes = |g: &mut Building, t: &Table| match quantize_table(
        g,
        node,
        &Table { scalar: None, ..t.clone() },
        scale,
        &zero_point(inputs, 2)?,
    )? {
        Value::Eight(e) => Ok(e),
        _ => wrong("no codes"),
    };
    match joined {
        Joined::Side { parts, axis } => {
            let parts = parts.iter().map(|t| codes(g, t)).collect::<Result<Vec<Eight>, Fail>>()?;
            Ok(Value::Eight(join(g, node, &parts, *axis)?))
        }
        Joined::Extreme { parts, least } => {
            // QuantizeLinear keeps order, so it may come first. The least are the greatest of codes turned around.
            let turned = |g: &mut Building, e: &Eight| {
                let table = Box::new(std::array::from_fn(|i| !(i as u8 as i8)));
                if *least { lookup(g, node, e, table, vec![], e.unsigned) } else { e.clone() }
            };
            let mut largest: Option<Eight> = None;
            for t in parts {
                let e = codes(g, t)?;
                let e = turned(g, &e);
                largest = Some(match largest {
                    None => e,
                    Some(before) => {
                        let side = |e: &Eight| Table { eight: e.clone(), ..super::ops::codes_as_values(e) };
                        // As a sum has them, the two lie in one order.
                        let sum = super::float::add(g, &node.name, &side(&before), &side(&e))?;
                        let PendingKind::Add { a, b } = sum.kind else { return wrong("no pair") };
                        let (op, finish) = (Op::Larger { a: a.map, b: b.map }, Finish::Codes { lo: -128, hi: 127 });
                        g.push(&node.name, op, finish, sum.shape, sum.map, sum.order.to_vec(), e.unsigned)
                    }
                });
            }
            let Some(largest) = largest else { return wrong("nothing to compare") };
            Ok(Value::Eight(turned(g, &largest)))
        }
        Joined::Padded { table, pads, value } => {
            let (zero, _) = result_zero(node, &zero_point(inputs, 2)?)?;
            let e = codes(g, table)?;
            Ok(Value::Eight(padded(g, node, &e, pads, quantise(*value, scale, zero))?))
        }
    }
}

impl Joined {
    /// The same behind a function of each value.
    pub fn through(&self, f: impl Fn(&Table) -> Result<Table, Fail>) -> Result<Value, Fail> {
        match self {
            Joined::Side { parts, axis } => {
                let parts = parts.iter().map(f).collect::<Result<Vec<Table>, Fail>>()?;
                Ok(Value::Real(Real::Joined(Rc::new(Joined::Side { parts, axis: *axis }))))
            }
            Joined::Extreme { .. } => unsupported("a function of a maximum or minimum", "quantise it first"),
            Joined::Padded { .. } => unsupported("a function of padded values", "quantise them first"),
        }
    }
}

/// com.microsoft.QLinearConcat: scale and zero point of the result, then each operand with its own.
pub(super) fn qlinear_concat(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if inputs.len() < 5 || inputs.len() % 3 != 2 {
        return wrong(format!("{} inputs", inputs.len()));
    }
    let parts = (2..inputs.len()).step_by(3).map(|i| table_of_codes(inputs, i)).collect::<Result<Vec<Table>, Fail>>()?;
    let joined = Joined::Side { parts, axis: node.int("axis", 0) };
    let result: Vec<Option<Value>> = vec![None, inputs[0].clone(), inputs[1].clone()];
    quantise_joined(g, node, &result, &joined)
}

/// ReduceMax and ReduceMean over all rows and columns of a map: a pool whose window is the whole map.
pub(super) fn reduce(g: &mut Building, node: &Node, op: &str, inputs: Inputs) -> Result<Value, Fail> {
    let codes = match any(inputs, 0)? {
        Value::Eight(e) if op == "ReduceMax" => Some(super::ops::codes_as_values(e)),
        _ => None,
    };
    let t = match (&codes, op) {
        (Some(t), _) => t.clone(),
        (None, "ReduceMax") => super::pool::ranked(g, node, &super::ops::table(inputs, 0, "X")?)?,
        _ => linearised(g, node, &super::ops::table(inputs, 0, "X")?)?,
    };
    let rank = t.eight.shape.len();
    let axes = match list(node, inputs, 1, "axes")? {
        Some(axes) => axes.iter().map(|&a| axis_of(a, rank)).collect::<Result<Vec<usize>, Fail>>()?,
        None => (0..rank).collect(),
    };
    let mut t = t;
    let layout = Layout::of(g, node, &mut t.eight)?;
    let [h, w, c] = g.maps[t.eight.map].shape;
    let channels = if layout == Layout::Image { 1 } else { rank - 1 };
    let whole = (0..rank).all(|d| t.eight.shape[d] == 1 || axes.contains(&d) == (d != channels));
    if !whole || axes.contains(&channels) {
        return unsupported(
            format!("dimensions {axes:?} of shape {:?}", t.eight.shape),
            "reduce all rows and columns, and no channels",
        );
    }
    let keep = node.int("keepdims", 1) != 0;
    let shape =
        (0..rank).filter(|d| keep || !axes.contains(d)).map(|d| if axes.contains(&d) { 1 } else { t.eight.shape[d] }).collect();
    let window = Window { kernel: [h, w], ..Window::POINT };
    let order: Vec<u32> = (0..c as u32).collect();
    if op == "ReduceMax" {
        let made = super::pool::largest(g, node, &t, window, shape, [1, 1, c], order);
        let made = Table { apart: true, ..made };
        return Ok(if codes.is_some() { Value::Eight(made.eight) } else { Value::Real(Real::Table(made)) });
    }
    let input = super::ops::operand(g, &t)?;
    let kind = PendingKind::Average { input, window, count_padding: false, global: true };
    let order = Rc::new(order);
    let (clip, fuse) = (Clip::NONE, Fuse::Never);
    Ok(Value::Real(Real::Pending(Rc::new(Pending { kind, shape, map: [1, 1, c], order, clip, fuse, moved: false }))))
}

/// A map that windows slide over.
pub(super) struct Slid {
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
pub(super) fn slid(g: &mut Building, node: &Node, e: &Eight, [h, w, c]: [usize; 3]) -> Slid {
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
