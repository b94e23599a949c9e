// SPDX-License-Identifier: Apache-2.0
//! Quantised graphs by loops over elements: the reference that everything else is compared with.

use crate::operator::requant_float;
use crate::pixel::{Codes, Norm, Softmax, Target};
use crate::transposed;
use std::num::Wrapping;
use std::ops::AddAssign;
use systole_isa::f24::functions;
use systole_model::approximation::{Approximation, Form};
use systole_model::graph::{Finish, Graph, Layer, Map, MeanRounding, Op, Operand, SumRounding, UnderRoot, Window};
use systole_model::tables::{Given, Pick};

/// What a graph gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphOutputs {
    /// The map that leaves, row-major: int8 codes or int32 sums.
    pub values: Vec<i32>,
    /// Every map as int8 codes; empty for one of int32 sums.
    pub maps: Vec<Vec<i8>>,
    /// Elements of all layers of which float32 decides ([`Layer::order_decides`]) that lie so near to halfway between two codes
    /// that ONNX Runtime may give the other one.
    pub near: usize,
    /// Elements of the map that leaves, row-major, which depend on one of them; empty where there is none.
    pub open: Vec<bool>,
}

/// Runs a graph on the codes of its input map, row-major, and the rows that its indices pick, by ONNX Runtime's arithmetic.
///
/// # Panics
/// When the codes do not have the length of map 0, or a table has no such row.
pub fn run_graph(graph: &Graph, given: impl Into<Given>) -> GraphOutputs {
    run_graph_as(graph, given, &[])
}

/// The same with some layers computed as the machine does.
///
/// # Panics
/// As [`run_graph`].
pub fn run_graph_as(graph: &Graph, given: impl Into<Given>, approximations: &[Approximation]) -> GraphOutputs {
    let Given { codes: input, rows } = given.into();
    assert_eq!(input.len(), graph.maps[0].len(), "input is not of the shape of map 0");
    assert_eq!(rows.len(), graph.indices().count(), "not as many rows as the graph has indices");
    let mut maps = vec![input.clone()];
    let mut near = 0;
    let mut open: Vec<Vec<bool>> = vec![vec![]];
    let mut values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    for (i, (layer, map)) in graph.layers.iter().zip(&graph.maps[1..]).enumerate() {
        let form = approximations.iter().find(|a| a.layer == i).map(|a| &a.form);
        let (results, undecided) = run_layer(graph, layer, map, (&maps, &rows), form);
        near += undecided.iter().filter(|&&v| v).count();
        let mut reached = spread(graph, layer, map, &open);
        if reached.is_empty() {
            reached = undecided;
        } else {
            reached.iter_mut().zip(undecided).for_each(|(r, u)| *r |= u);
        }
        open.push(reached);
        let raw = layer.finish == Finish::Raw32;
        maps.push(if raw { vec![] } else { results.iter().map(|&v| v as i8).collect() });
        values = results;
    }
    if graph.output.0 != graph.layers.len() {
        values = maps[graph.output.0].iter().map(|&v| v.into()).collect();
    }
    GraphOutputs { values, maps, near, open: open.swap_remove(graph.output.0) }
}

/// Which elements of a layer depend on marked ones of the maps it reads; a map without marks is empty.
fn spread(graph: &Graph, layer: &Layer, map: &Map, open: &[Vec<bool>]) -> Vec<bool> {
    let marked = |m: usize, at: usize| open[m].get(at).copied().unwrap_or(false);
    if layer.inputs().iter().all(|&m| !open[m].contains(&true)) {
        return vec![];
    }
    let [oh, ow, c] = map.shape;
    let each = |f: &dyn Fn(usize) -> bool| (0..map.len()).map(f).collect();
    let windowed = |input: usize, window: &Window, groups: usize| -> Vec<bool> {
        let [h, w, channels] = graph.maps[input].shape;
        let (per, out) = (channels / groups, c / groups);
        let mut reached = Vec::with_capacity(map.len());
        for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
            let pixels: Vec<usize> = window.taps(y, x, h, w).map(|[_, _, row, col]| (row * w + col) * channels).collect();
            for group in 0..groups {
                let any = pixels.iter().any(|p| (0..per).any(|ch| marked(input, p + group * per + ch)));
                reached.extend(std::iter::repeat_n(any, out));
            }
        }
        reached
    };
    match &layer.op {
        Op::Conv { input, window, groups, .. } => windowed(*input, window, *groups),
        Op::ConvTranspose { input, window, groups, edge, .. } => {
            transposed::reached(|at| marked(*input, at), graph.maps[*input].shape, map.shape, window, *groups, *edge)
        }
        Op::AveragePool { input, window, .. } => windowed(input.map, window, c),
        Op::MaxPool { input, window } => windowed(*input, window, c),
        Op::Add { a, b, .. } => each(&|i| marked(a.map, i) || marked(b.map, i)),
        Op::Mul { a, b, .. } => {
            let of_b = graph.maps[b.map].len();
            each(&|i| marked(a.map, i) || marked(b.map, i % of_b))
        }
        Op::Larger { a, b } => each(&|i| marked(*a, i) || marked(*b, i)),
        Op::Lookup { input, .. } => each(&|i| marked(*input, i)),
        Op::Arrange { input, from } => each(&|i| marked(*input, from[i] as usize)),
        Op::Constant { .. } | Op::Rows { .. } => vec![],
        Op::MatMul { a, b, k, transposed, .. } => {
            let term = |[at, with]: [usize; 2]| marked(*a, at) || marked(*b, with);
            each(&|i| factors(i, map.shape, *k, *transposed).any(term))
        }
        Op::Softmax { input, .. } => each(&|i| (i / c * c..i / c * c + c).any(|i| marked(*input, i))),
        Op::Norm { input, under, .. } => each(&|i| {
            let root = matches!(under, UnderRoot::Map { of, .. } if marked(of.map, i / c));
            root || (i / c * c..i / c * c + c).any(|i| marked(input.map, i))
        }),
    }
}

/// A layer's results, and which of them float32 could change; empty where it could none.
fn run_layer(
    graph: &Graph,
    layer: &Layer,
    map: &Map,
    (maps, rows): (&[Vec<i8>], &[u32]),
    form: Option<&Form>,
) -> (Vec<i32>, Vec<bool>) {
    let clamp = |v: i8| match layer.finish {
        Finish::Codes { lo, hi } => i32::from(v.clamp(lo, hi)),
        _ => i32::from(v),
    };
    let [_, _, c] = map.shape;
    let mut near = vec![];
    let results = match &layer.op {
        Op::Conv { input, zero_point, window, groups, weights, bias } => {
            let (x, shape) = (&maps[*input], graph.maps[*input].shape);
            let sums = conv(x, shape, map.shape, *zero_point, window, *groups, weights, bias);
            let terms = window.kernel[0] * window.kernel[1] * shape[2] / groups + 1;
            let sizes = || magnitudes(x, shape, map.shape, *zero_point, window, *groups, weights, bias);
            let (results, open) = product_codes(layer, c, &sums, sizes, terms, form);
            near = open;
            results
        }
        Op::ConvTranspose { input, zero_point, window, groups, weights, bias, edge } => {
            let x = maps[*input].iter().map(|&v| i32::from(v) - i32::from(*zero_point)).collect();
            let conv = transposed::Convolution {
                x,
                from: graph.maps[*input].shape,
                to: map.shape,
                window,
                groups: *groups,
                edge: *edge,
                weights,
            };
            let sums = conv.sums(bias);
            let terms = window.kernel[0] * window.kernel[1] * graph.maps[*input].shape[2] / groups + 1;
            let (results, open) = product_codes(layer, c, &sums, || conv.magnitudes(bias), terms, form);
            near = open;
            results
        }
        Op::Add { a, b, scale, zero_point, rounding } => {
            let code = |(&x, &y): (&i8, &i8)| match form {
                Some(Form::Sum { ma, mb, offset, shift, zero_point }) => {
                    let sum = i64::from(x) * ma + i64::from(y) * mb + offset;
                    (half_to_even(sum, *shift) + i64::from(*zero_point)).clamp(-128, 127) as i8
                }
                _ => add(*a, *b, *scale, *zero_point, *rounding, x, y),
            };
            maps[a.map].iter().zip(&maps[b.map]).map(|pair| clamp(code(pair))).collect()
        }
        Op::Mul { a, b, scale, zero_point, rounding } => {
            let code = |x: i8, y: i8| match form {
                Some(Form::Product { m, offset, shift, zero_point }) => {
                    let p = (i64::from(x) - i64::from(a.zero_point)) * (i64::from(y) - i64::from(b.zero_point));
                    (half_to_even(p * m + offset, *shift) + i64::from(*zero_point)).clamp(-128, 127) as i8
                }
                _ => mul(*a, *b, *scale, *zero_point, *rounding, x, y),
            };
            // A map of one pixel is a factor for each channel.
            let factors = &maps[b.map];
            maps[a.map].iter().enumerate().map(|(i, &x)| clamp(code(x, factors[i % factors.len()]))).collect()
        }
        Op::Larger { a, b } => maps[*a].iter().zip(&maps[*b]).map(|(&x, &y)| clamp(x.max(y))).collect(),
        Op::Arrange { input, from } => from.iter().map(|&at| clamp(maps[*input][at as usize])).collect(),
        Op::MatMul { a, a_zero, b, b_zero, k, transposed } => {
            let term = |[at, with]: [usize; 2]| {
                (i32::from(maps[*a][at]) - i32::from(*a_zero)) * (i32::from(maps[*b][with]) - i32::from(*b_zero))
            };
            let terms = |i: usize| factors(i, map.shape, *k, *transposed).map(term);
            let sums: Vec<i32> = (0..map.len()).map(|i| terms(i).fold(0, i32::wrapping_add)).collect();
            let sizes = || (0..map.len()).map(|i| terms(i).map(|t| f64::from(t.abs())).sum()).collect();
            let (results, open) = product_codes(layer, c, &sums, sizes, *k, form);
            near = open;
            results
        }
        Op::Softmax { input, scale, levels, zero_point } => {
            let [exp2, ..] = functions();
            let softmax = Softmax { scale: *scale, levels: *levels, target: target(layer, *zero_point), exp2 };
            let (results, open) = by_pixel(&maps[*input], c, |x| softmax.codes(x, form.is_some()));
            near = open;
            results
        }
        Op::Norm { input, centered, under, gain, bias, scale, zero_point } => {
            let norm = Norm {
                x_scale: input.scale,
                x_zero: input.zero_point,
                centered: *centered,
                under,
                gain,
                bias,
                scale: *scale,
                target: target(layer, *zero_point),
            };
            let root = |pixel: usize| match under {
                UnderRoot::Map { of, .. } => maps[of.map][pixel],
                _ => 0,
            };
            let mut pixel = 0..;
            let (results, open) = by_pixel(&maps[input.map], c, |x| {
                let at = pixel.next().unwrap_or(0);
                norm.codes(x, root(at), form.is_some())
            });
            near = open;
            results
        }
        Op::Constant { codes } => codes.iter().map(|&v| v.into()).collect(),
        Op::Rows { picks } => {
            let row = |p: &Pick| graph.tables[p.table].row(rows[p.index] as usize);
            picks.iter().flat_map(row).map(|&v| v.into()).collect()
        }
        Op::Lookup { input, table, doubtful } => {
            if !doubtful.is_empty() {
                near = maps[*input].iter().map(|&v| doubtful.contains(&(v as u8))).collect();
            }
            maps[*input].iter().map(|&v| clamp(table[v as u8 as usize])).collect()
        }
        Op::MaxPool { input, window } => pool(graph.maps[*input].shape, map.shape, window, |taps, ch| {
            clamp(taps.map(|at| maps[*input][at + ch]).max().unwrap_or(-128))
        }),
        Op::AveragePool { input, window, count_padding, scale, zero_point, rounding } => {
            pool(graph.maps[input.map].shape, map.shape, window, |taps, ch| {
                let codes: Vec<i32> = taps.map(|at| i32::from(maps[input.map][at + ch]) - i32::from(input.zero_point)).collect();
                let count = if *count_padding { window.kernel[0] * window.kernel[1] } else { codes.len() };
                if *rounding == MeanRounding::Float32 {
                    let unit = f64::from(input.scale) / count as f64 / f64::from(*scale);
                    let sum: i32 = codes.iter().sum();
                    let size: i32 = codes.iter().map(|v| v.abs()).sum();
                    near.push(is_near(f64::from(sum) * unit, f64::from(size) * unit, codes.len(), 0.0));
                }
                clamp(match form {
                    Some(Form::Mean { divisors, zero_point }) => {
                        let d = divisors.iter().find(|d| d.count == count).expect("constants for every divisor");
                        requant_float(codes.iter().sum::<i32>().wrapping_add(d.extra), d.scale, *zero_point)
                    }
                    _ => mean(&codes, count, input.scale, *scale, *zero_point, *rounding),
                })
            })
        }
    };
    (results, near)
}

/// Places of the factors of each term of element `i` of a product of two maps, in the one and in the other.
fn factors(i: usize, [_, m, n]: [usize; 3], k: usize, transposed: bool) -> impl Iterator<Item = [usize; 2]> {
    let (group, row, column) = (i / (m * n), i / n, i % n);
    (0..k).map(move |l| {
        let of_b = if transposed { (group * n + column) * k + l } else { (group * k + l) * n + column };
        [row * k + l, of_b]
    })
}

/// What a layer that makes codes itself makes of values.
fn target(layer: &Layer, zero_point: i8) -> Target {
    let (lo, hi) = match layer.finish {
        Finish::Codes { lo, hi } => (lo, hi),
        _ => (-128, 127),
    };
    Target { zero_point, lo, hi }
}

/// `f` of the channels of each pixel.
fn by_pixel(x: &[i8], c: usize, f: impl FnMut(&[i8]) -> Codes) -> Codes {
    let (codes, near): (Vec<_>, Vec<_>) = x.chunks(c).map(f).unzip();
    (codes.concat(), near.concat())
}

/// The codes of a product's sums, of `c` channels, or the sums; and which of the codes float32 could change. `sizes`: of each sum
/// that of the magnitudes of its terms, of which there are `terms`.
fn product_codes(
    layer: &Layer,
    c: usize,
    sums: &[i32],
    sizes: impl FnOnce() -> Vec<f64>,
    terms: usize,
    form: Option<&Form>,
) -> (Vec<i32>, Vec<bool>) {
    let Finish::Int8 { scales, zero_point: y_zero, lo, hi, float32, rest } = &layer.finish else {
        return (sums.to_vec(), vec![]);
    };
    let off = |i: usize| rest.get(i % c).map_or(0.0, |r| f64::from(r.off));
    let rest = |i: usize| rest.get(i % c).map_or((0.0, 0.0), |r| (f64::from(r.step), f64::from(r.size)));
    let mut near = vec![];
    if *float32 {
        let halfway = |(i, (&sum, &size)): (usize, (&i32, &f64))| {
            let (scale, (step, more)) = (f64::from(scales[i % c]), rest(i));
            is_near((f64::from(sum) + step) * scale, (size + more) * scale, terms, off(i) * scale)
        };
        near = sums.iter().zip(&sizes()).enumerate().map(halfway).collect();
    }
    let code = |(i, &s): (usize, &i32)| {
        let code = match rest(i) {
            (step, _) if step != 0.0 && form.is_none() => {
                let value = ((f64::from(s) + step) * f64::from(scales[i % c])).round_ties_even();
                (value + f64::from(*y_zero)).clamp(-128.0, 127.0) as i8
            }
            _ => requant_float(s, scales[i % c], *y_zero),
        };
        code.clamp(*lo, *hi).into()
    };
    (sums.iter().enumerate().map(code).collect(), near)
}

/// `rne(x / 2^shift)`.
fn half_to_even(x: i64, shift: u32) -> i64 {
    let (floor, one) = (x >> shift, 1i64 << shift);
    let twice = 2 * (x - floor * one);
    floor + i64::from(twice > one || twice == one && floor % 2 != 0)
}

/// Whether a value, in codes, lies so near to halfway between two that float32 additions of terms whose magnitudes sum to
/// `size` could end on the other side. Each of the additions rounds a partial sum of at most `size` by 2^-24 of it at most, up
/// or down: the square root of their number of them, and a few for products and quantisation, is what they come to. `off`: how far
/// the terms themselves may be from those that are added.
fn is_near(value: f64, size: f64, terms: usize, off: f64) -> bool {
    let error = off + (size + value.abs()) * (4.0 + (terms as f64).sqrt()) / f64::from(1 << 24);
    let within = (value - value.floor() - 0.5).abs();
    within <= error && value.abs() < 256.0 + error
}

/// The code of a mean of codes less their zero point.
pub fn mean(codes: &[i32], count: usize, x_scale: f32, y_scale: f32, zero_point: i8, rounding: MeanRounding) -> i8 {
    let added = || {
        let sum = codes.iter().map(|&v| v as f32 * x_scale).fold(0.0f32, |sum, v| sum + v);
        sum / count as f32 / y_scale
    };
    let zero = f32::from(zero_point);
    let code = match rounding {
        MeanRounding::Global => {
            (codes.iter().sum::<i32>() as f32 * (x_scale / (y_scale * count as f32))).round_ties_even() + zero
        }
        MeanRounding::Window { unsigned: false } => (added() + zero).round_ties_even(),
        MeanRounding::Window { unsigned: true } => (added() + (zero + 128.0)).round_ties_even() - 128.0,
        MeanRounding::Float32 => added().round_ties_even() + zero,
    };
    code.clamp(-128.0, 127.0) as i8
}

/// The code of a sum of two codes.
pub fn add(a: Operand, b: Operand, scale: f32, zero_point: i8, rounding: SumRounding, x: i8, y: i8) -> i8 {
    let code = match rounding {
        SumRounding::Fused { unsigned } => {
            // Codes and zero points as the tensors have them.
            let tensor = |v: i8| if unsigned { f32::from(v as u8 ^ 0x80) } else { f32::from(v) };
            let (ra, rb) = (a.scale / scale, b.scale / scale);
            let zeros = ra.mul_add(tensor(a.zero_point), rb * tensor(b.zero_point));
            let sum = ra.mul_add(tensor(x), rb.mul_add(tensor(y), tensor(zero_point) - zeros));
            // Beyond int32 the conversion gives the lowest.
            if sum >= 2_147_483_648.0 { -128.0 } else { sum.round_ties_even() - if unsigned { 128.0 } else { 0.0 } }
        }
        SumRounding::Float32 => {
            let real = |o: Operand, v: i8| f32::from(i16::from(v) - i16::from(o.zero_point)) * o.scale;
            ((real(a, x) + real(b, y)) / scale).round_ties_even() + f32::from(zero_point)
        }
    };
    code.clamp(-128.0, 127.0) as i8
}

/// The code of a product of two codes.
pub fn mul(a: Operand, b: Operand, scale: f32, zero_point: i8, rounding: SumRounding, x: i8, y: i8) -> i8 {
    let (x, y) = (i32::from(x) - i32::from(a.zero_point), i32::from(y) - i32::from(b.zero_point));
    let code = match rounding {
        SumRounding::Fused { unsigned } => {
            let up = if unsigned { 128.0 } else { 0.0 };
            let factor = (a.scale * b.scale) / scale;
            let product = (x * y) as f32 * factor;
            let result = product + (f32::from(zero_point) + up);
            // Beyond int32 the conversion gives the lowest.
            if result.round_ties_even() >= 2_147_483_648.0 { -128.0 } else { result.round_ties_even() - up }
        }
        SumRounding::Float32 => {
            let (x, y) = (x as f32 * a.scale, y as f32 * b.scale);
            (x * y / scale).round_ties_even() + f32::from(zero_point)
        }
    };
    code.clamp(-128.0, 127.0) as i8
}

/// The sums of the terms' magnitudes, of each output.
#[allow(clippy::too_many_arguments)]
fn magnitudes(
    x: &[i8],
    from: [usize; 3],
    to: [usize; 3],
    zero_point: i8,
    window: &Window,
    groups: usize,
    weights: &[i16],
    bias: &[i32],
) -> Vec<f64> {
    let sizes: Vec<f64> = bias.iter().map(|b| f64::from(b.unsigned_abs())).collect();
    let mut all = Vec::with_capacity(to.iter().product());
    visit(x, from, to, zero_point, window, groups, weights, |v, w| f64::from((v * w).abs()), &sizes, &mut all);
    all
}

#[allow(clippy::too_many_arguments)]
fn conv(
    x: &[i8],
    from: [usize; 3],
    to: [usize; 3],
    zero_point: i8,
    window: &Window,
    groups: usize,
    weights: &[i16],
    bias: &[i32],
) -> Vec<i32> {
    let mut sums: Vec<Wrapping<i32>> = Vec::with_capacity(to.iter().product());
    let bias: Vec<Wrapping<i32>> = bias.iter().map(|&b| Wrapping(b)).collect();
    visit(x, from, to, zero_point, window, groups, weights, |v, w| Wrapping(v * w), &bias, &mut sums);
    sums.into_iter().map(|s| s.0).collect()
}

/// Sums `f` of activation and weight over the terms of each output, from `begin` of its channel on.
#[allow(clippy::too_many_arguments)]
fn visit<T: Copy + AddAssign>(
    x: &[i8],
    [h, w, channels]: [usize; 3],
    [oh, ow, outputs]: [usize; 3],
    zero_point: i8,
    window: &Window,
    groups: usize,
    weights: &[i16],
    f: impl Fn(i32, i32) -> T,
    begin: &[T],
    sums: &mut Vec<T>,
) {
    let (in_group, out_group) = (channels / groups, outputs / groups);
    for y in 0..oh {
        for xx in 0..ow {
            let first = sums.len();
            sums.extend_from_slice(begin);
            let row = &mut sums[first..];
            for [ky, kx, iy, ix] in window.taps(y, xx, h, w) {
                for (out, sum) in row.iter_mut().enumerate() {
                    for ch in 0..in_group {
                        let v = i32::from(x[(iy * w + ix) * channels + out / out_group * in_group + ch]) - i32::from(zero_point);
                        let at = ((ky * window.kernel[1] + kx) * in_group + ch) * outputs + out;
                        *sum += f(v, weights[at].into());
                    }
                }
            }
        }
    }
}

/// `f` of the places of each window's taps (of channel 0) and the channel.
fn pool(
    [h, w, c]: [usize; 3],
    [oh, ow, _]: [usize; 3],
    window: &Window,
    mut f: impl FnMut(&mut dyn Iterator<Item = usize>, usize) -> i32,
) -> Vec<i32> {
    let mut out = Vec::with_capacity(oh * ow * c);
    for y in 0..oh {
        for x in 0..ow {
            for ch in 0..c {
                out.push(f(&mut window.taps(y, x, h, w).map(|[_, _, row, col]| (row * w + col) * c), ch));
            }
        }
    }
    out
}
