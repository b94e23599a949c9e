// SPDX-License-Identifier: Apache-2.0
//! The mean of a function of codes that nothing quantises in between: `Q(mean(f(DQ(x))))`. The function goes through digits
//! ([`crate::onnx::fuse::digits`]), or where it is a line by channel, cut off, through two maxima ([`crate::onnx::fuse::hinges`]): two maps
//! side by side, channel by channel. One convolution weighs them, adds them up over the window and rounds once.

use crate::graph::{Finish, MapId, Op, Operand, SumRounding, Window};
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::digits::{WORTH, digits};
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::hinges::hinges;
use crate::onnx::fuse::value::{Channels, Conv, FloatBias, Pending, PendingKind, Real, Table, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// A window; shape, map and order of what it gives.
pub type Pooled = (Window, Vec<usize>, [usize; 3], Vec<u32>);

/// Adds a layer that only this mean reads: a map `[h, w, c]`.
fn layer(g: &mut Building, node: &Node, what: &str, op: Op, finish: Finish, map: [usize; 3]) -> MapId {
    let order = (0..map.iter().product::<usize>() as u32).collect();
    g.push(&format!("{} ({what})", node.name), op, finish, map.to_vec(), map, order, false).map
}

/// What a window adds up of each channel's two parts: by channel weights, step, whole steps and real numbers for each element, and how
/// far the value of an element may be off, in steps.
struct Weighed {
    weights: Vec<[i16; 2]>,
    units: Vec<f64>,
    bias: Vec<i32>,
    add: Vec<f64>,
    off: Vec<f64>,
}

/// The convolution over a map of both parts.
fn weighed(parts: MapId, w: Weighed, pooled: Pooled) -> Value {
    let (window, shape, map, order) = pooled;
    let taps = window.kernel[0] * window.kernel[1];
    let channels = w.weights.len();
    let one: Vec<i16> = (0..2).flat_map(|part| w.weights.iter().map(move |w| w[part])).collect();
    let bias: Vec<i32> = w.bias.iter().map(|b| b * taps as i32).collect();
    let scales: Vec<f32> = w.units.iter().map(|u| (u / taps as f64) as f32).collect();
    let off = w.off.iter().map(|off| off * taps as f64).collect();
    let float = FloatBias {
        ints: Rc::new(bias.clone()),
        size: Rc::new(w.add.iter().map(|v| v.abs()).collect()),
        add: Rc::new(w.add),
        off: Rc::new(off),
    };
    let kind = PendingKind::Conv(Conv {
        input: parts,
        zero_point: 0,
        window,
        groups: channels,
        weights: Rc::new(one.repeat(taps)),
        bias: Rc::new(bias),
        scales: Rc::new(scales),
        float: Some(float),
        bare_matmul: false,
        transposed: false,
        edge: false,
    });
    let order = Rc::new(order);
    Value::Real(Real::Pending(Rc::new(Pending { kind, shape, map, order, clip: Clip::NONE, fuse: Fuse::Never, moved: false })))
}

/// The mean of a table's values over a window of its map; `count_padding`: padding counts, as values of 0.
///
/// # Errors
/// Values that are infinite; padding that does not count, or counts where no code stands for 0.
pub fn of_table(g: &mut Building, node: &Node, t: &Table, pooled: Pooled, count_padding: bool) -> Result<Value, Fail> {
    let Some(values) = t.values() else {
        return unsupported("codes with a scale for each channel", "quantise activations per tensor");
    };
    if values.iter().any(|v| !v.is_finite()) {
        return unsupported("values of its input are infinite", "quantise to a range where the function is finite");
    }
    let padded = pooled.0.pads != [0; 4];
    let made = if padded && !count_padding { None } else { digits(&values, padded, t.grid.map(|(scale, _)| scale)) };
    let Some(d) = made else {
        return unsupported(
            "a mean of a function over windows with padding",
            "put QuantizeLinear and DequantizeLinear before it, or pool without padding",
        );
    };
    let [h, w, c] = g.maps[t.eight.map].shape;
    let (map, all) = ([h, w, 2 * c], Finish::Codes { lo: -128, hi: 127 });
    let mut digit = |part: usize, table: &[i8; 256], what: &str| {
        let weights = (0..2 * c).map(|i| i16::from(i % 2 == part)).collect();
        let (input, bias) = (t.eight.map, vec![0; 2 * c]);
        let op = Op::Conv { input, zero_point: d.blank, window: Window::POINT, groups: c, weights, bias };
        let scales = vec![1.0; 2 * c];
        let finish = Finish::Int8 { scales, zero_point: d.blank, lo: -128, hi: 127, float32: false, rest: vec![] };
        let input = layer(g, node, what, op, finish, map);
        let op = Op::Lookup { input, table: Box::new(*table), doubtful: vec![] };
        layer(g, node, what, op, all.clone(), map)
    };
    let (high, low) = (digit(0, &d.high, "upper digit"), digit(1, &d.low, "lower digit"));
    let side = |map: MapId| Operand { map, scale: 1.0, zero_point: 0 };
    let op = Op::Add { a: side(high), b: side(low), scale: 1.0, zero_point: 0, rounding: SumRounding::Float32 };
    let both = layer(g, node, "digits", op, all, map);
    let worst = t.errors().into_iter().fold(0f32, f32::max);
    let w = Weighed {
        weights: vec![[WORTH as i16, 1]; c],
        units: vec![d.step; c],
        bias: vec![0; c],
        add: vec![d.base; c],
        off: vec![d.off + f64::from(worst) / d.step; c],
    };
    Ok(weighed(both, w, pooled))
}

/// The mean of values by channel over a window of their map.
///
/// # Errors
/// Channels that are cut off on both sides; padding.
pub fn of_channels(g: &mut Building, node: &Node, c: &Channels, pooled: Pooled) -> Result<Value, Fail> {
    if c.table.linear().is_none() {
        return unsupported("a mean of a function of a function of codes, by channel", "quantise between them");
    }
    if pooled.0.pads != [0; 4] {
        return unsupported("a mean of a function over windows with padding", "pool without padding");
    }
    let lines = match hinges(c) {
        Ok(lines) => lines,
        Err(channel) => {
            let reason = format!("channel {channel}: a mean of values that are no line cut off on one side");
            return unsupported(reason, "put QuantizeLinear and DequantizeLinear before it");
        }
    };
    let [h, w, channels] = g.maps[c.table.eight.map].shape;
    if lines.len() != channels {
        return wrong("as many channels as its map has");
    }
    let weights = lines.iter().flat_map(|l| [l.sign; 2]).collect();
    let bias = lines.iter().flat_map(|l| l.shifts).collect();
    let op = Op::Conv { input: c.table.eight.map, zero_point: 0, window: Window::POINT, groups: channels, weights, bias };
    let scales = vec![1.0; 2 * channels];
    let finish = Finish::Int8 { scales, zero_point: 0, lo: -128, hi: 127, float32: false, rest: vec![] };
    let both = layer(g, node, "where it bends", op, finish, [h, w, 2 * channels]);
    let w = Weighed {
        weights: lines.iter().map(|l| l.weights).collect(),
        units: lines.iter().map(|l| l.unit).collect(),
        bias: lines.iter().map(|l| l.bias).collect(),
        add: lines.iter().map(|l| l.add).collect(),
        off: lines.iter().map(|l| l.off).collect(),
    };
    Ok(weighed(both, w, pooled))
}
