// SPDX-License-Identifier: Apache-2.0
//! Quantised graphs by loops over elements: the reference that everything else is compared with.

use crate::operator::requant_float;
use systole_model::graph::{Finish, Graph, Layer, Map, MeanRounding, Op, Operand, Window};

/// What a graph gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphOutputs {
    /// The map that leaves, row-major: int8 codes or int32 sums.
    pub values: Vec<i32>,
    /// Every map as int8 codes; empty for one of int32 sums.
    pub maps: Vec<Vec<i8>>,
}

/// Runs a graph on the codes of its input map, row-major.
///
/// # Panics
/// When `input` does not have the length of map 0.
pub fn run_graph(graph: &Graph, input: &[i8]) -> GraphOutputs {
    assert_eq!(input.len(), graph.maps[0].len(), "input is not of the shape of map 0");
    let mut maps = vec![input.to_vec()];
    let mut values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    for (layer, map) in graph.layers.iter().zip(&graph.maps[1..]) {
        let results = run_layer(graph, layer, map, &maps);
        let raw = layer.finish == Finish::Raw32;
        maps.push(if raw { vec![] } else { results.iter().map(|&v| v as i8).collect() });
        values = results;
    }
    if graph.output.0 != graph.layers.len() {
        values = maps[graph.output.0].iter().map(|&v| v.into()).collect();
    }
    GraphOutputs { values, maps }
}

fn run_layer(graph: &Graph, layer: &Layer, map: &Map, maps: &[Vec<i8>]) -> Vec<i32> {
    let clamp = |v: i8| match layer.finish {
        Finish::Codes { lo, hi } => i32::from(v.clamp(lo, hi)),
        _ => i32::from(v),
    };
    let [h, w, c] = map.shape;
    match &layer.op {
        Op::Conv { input, zero_point, window, groups, weights, bias } => {
            let sums = conv(&maps[*input], graph.maps[*input].shape, map.shape, *zero_point, window, *groups, weights, bias);
            match &layer.finish {
                Finish::Int8 { scales, zero_point, lo, hi } => sums
                    .iter()
                    .enumerate()
                    .map(|(i, &s)| requant_float(s, scales[i % c], *zero_point).clamp(*lo, *hi).into())
                    .collect(),
                _ => sums,
            }
        }
        Op::Add { a, b, scale, zero_point } => {
            maps[a.map].iter().zip(&maps[b.map]).map(|(&x, &y)| clamp(add(*a, *b, *scale, *zero_point, x, y))).collect()
        }
        Op::Constant { codes } => codes.iter().map(|&v| v.into()).collect(),
        Op::Lookup { input, table } => maps[*input].iter().map(|&v| clamp(table[v as u8 as usize])).collect(),
        Op::MaxPool { input, window } => pool(graph.maps[*input].shape, map.shape, window, |taps, ch| {
            clamp(taps.map(|at| maps[*input][at + ch]).max().unwrap_or(-128))
        }),
        Op::AveragePool { input, window, count_padding, scale, zero_point, rounding } => {
            debug_assert!(h * w * c == map.len());
            pool(graph.maps[input.map].shape, map.shape, window, |taps, ch| {
                let (mut sum, mut count) = (0i32, 0usize);
                for at in taps {
                    sum += i32::from(maps[input.map][at + ch]) - i32::from(input.zero_point);
                    count += 1;
                }
                let count = if *count_padding { window.kernel[0] * window.kernel[1] } else { count };
                clamp(mean(sum, count, input.scale, *scale, *zero_point, *rounding))
            })
        }
    }
}

/// The code of a mean.
pub fn mean(sum: i32, count: usize, x_scale: f32, y_scale: f32, zero_point: i8, rounding: MeanRounding) -> i8 {
    match rounding {
        MeanRounding::Exact => {
            let v = f64::from(sum) / count as f64 * f64::from(x_scale) / f64::from(y_scale);
            (v.round_ties_even() + f64::from(zero_point)).clamp(-128.0, 127.0) as i8
        }
        MeanRounding::Float32 { unsigned } => {
            let shift = if unsigned { 128.0 } else { 0.0 };
            let v = sum as f32 * x_scale / count as f32 / y_scale + (f32::from(zero_point) + shift);
            (v.round_ties_even() - shift).clamp(-128.0, 127.0) as i8
        }
    }
}

/// Dequantise, add, quantise, each step in float32.
pub fn add(a: Operand, b: Operand, scale: f32, zero_point: i8, x: i8, y: i8) -> i8 {
    let real = |o: Operand, v: i8| f32::from(i16::from(v) - i16::from(o.zero_point)) * o.scale;
    let sum = (real(a, x) + real(b, y)) / scale;
    (sum.round_ties_even() + f32::from(zero_point)).clamp(-128.0, 127.0) as i8
}

#[allow(clippy::too_many_arguments)]
fn conv(
    x: &[i8],
    [h, w, channels]: [usize; 3],
    [oh, ow, outputs]: [usize; 3],
    zero_point: i8,
    window: &Window,
    groups: usize,
    weights: &[i16],
    bias: &[i32],
) -> Vec<i32> {
    let (in_group, out_group) = (channels / groups, outputs / groups);
    let mut sums = Vec::with_capacity(oh * ow * outputs);
    for y in 0..oh {
        for xx in 0..ow {
            let first = sums.len();
            sums.extend_from_slice(bias);
            let row = &mut sums[first..];
            for [ky, kx, iy, ix] in window.taps(y, xx, h, w) {
                for (out, sum) in row.iter_mut().enumerate() {
                    for ch in 0..in_group {
                        let v = i32::from(x[(iy * w + ix) * channels + out / out_group * in_group + ch]) - i32::from(zero_point);
                        let at = ((ky * window.kernel[1] + kx) * in_group + ch) * outputs + out;
                        *sum = sum.wrapping_add(v * i32::from(weights[at]));
                    }
                }
            }
        }
    }
    sums
}

/// `f` of the places of each window's taps (of channel 0) and the channel.
fn pool(
    [h, w, c]: [usize; 3],
    [oh, ow, _]: [usize; 3],
    window: &Window,
    f: impl Fn(&mut dyn Iterator<Item = usize>, usize) -> i32,
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
