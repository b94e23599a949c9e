// SPDX-License-Identifier: Apache-2.0
//! Resize, mode linear, by whole factors: each channel by itself is a transposed convolution whose kernel is a tent, over an image
//! that goes on beyond its edges as it ends there. ONNX Runtime computes it in float32.

use crate::graph::Window;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::constant;
use crate::onnx::fold::windows::{bounded, image};
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::layout::image_order;
use crate::onnx::fuse::operands::table;
use crate::onnx::fuse::value::{Conv, Inputs, PendingKind, Real, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::slid;
use crate::onnx::lower::products::pending;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// The tent along one dimension: what an input pixel adds to output pixels `-pad ..`, in `1 / unit`.
struct Tent {
    weights: Vec<i16>,
    unit: usize,
    pad: usize,
}

impl Tent {
    /// For a whole factor; `centres`: pixels are squares whose centres are compared (half_pixel), else their corners (asymmetric).
    fn new(factor: usize, centres: bool) -> Tent {
        let f = factor as i64;
        // Output o lies at (2 o + 1 - f) / 2 f pixels of the input, or at o / f.
        let value = |o: i64| if centres { 2 * f - (2 * o + 1 - f).abs() } else { f - o.abs() };
        let reached: Vec<i64> = (-f..=2 * f).filter(|&o| value(o) > 0).collect();
        let halve = centres && f % 2 == 1;
        Tent {
            weights: reached.iter().map(|&o| (value(o) / if halve { 2 } else { 1 }) as i16).collect(),
            unit: factor * if centres && !halve { 2 } else { 1 },
            pad: reached.first().map_or(0, |o| -o) as usize,
        }
    }
}

/// How many times as large each dimension becomes.
fn factors(node: &Node, inputs: Inputs, shape: &[usize]) -> Result<Vec<usize>, Fail> {
    let beyond = |what: String| unsupported(what, "resize by whole factors, larger");
    if let Some(sizes) = constant(inputs, 3)?.filter(|a| !a.is_empty()) {
        let Some(sizes) = sizes.integers().filter(|s| s.len() == shape.len()) else { return wrong("sizes of another rank") };
        let whole =
            |(&to, &from): (&i64, &usize)| usize::try_from(to).ok().filter(|to| to % from == 0 && *to > 0).map(|to| to / from);
        return match sizes.iter().zip(shape).map(whole).collect() {
            Some(all) => Ok(all),
            None => beyond(format!("a resize of {shape:?} to {sizes:?}")),
        };
    }
    let Some(scales) = constant(inputs, if node.op() == "Upsample" { 1 } else { 2 })?.and_then(|a| a.floats()) else {
        return wrong("neither scales nor sizes");
    };
    if scales.len() != shape.len() {
        return wrong("scales of another rank");
    }
    if scales.iter().any(|&s| s.fract() != 0.0 || !(1.0..=64.0).contains(&s)) {
        return beyond(format!("a resize by {scales:?}"));
    }
    Ok(scales.iter().map(|&s| s as usize).collect())
}

/// A linear Resize, not quantised yet.
pub fn apply(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let x = table(inputs, 0, "X")?;
    let Some((x_scale, zero_point)) = x.linear() else {
        return unsupported(
            "its input is not the plain dequantisation of a tensor with one scale",
            "put QuantizeLinear and DequantizeLinear before it",
        );
    };
    let [c, h, w] = image(&x.eight.shape)?;
    let rank = x.eight.shape.len();
    let mode = node.text("coordinate_transformation_mode");
    let centres = match mode.as_str() {
        "" | "half_pixel" => true,
        // The same where no result is one pixel.
        "pytorch_half_pixel" => true,
        "asymmetric" => false,
        other => {
            return unsupported(format!("coordinate_transformation_mode '{other}'"), "half_pixel and asymmetric are compiled");
        }
    };
    if node.int("antialias", 0) != 0 || node.ints("axes").is_some() {
        return unsupported("antialias or axes", "resize all dimensions, larger");
    }
    let factors = factors(node, inputs, &x.eight.shape)?;
    let (f, rest) = if rank == 4 { ([factors[2], factors[3]], &factors[..2]) } else { ([1, factors[2]], &factors[..2]) };
    if rest.iter().any(|&f| f != 1) {
        return unsupported(format!("a resize by {factors:?}"), "resize rows and columns alone");
    }
    if f.iter().any(|&f| f > 8) {
        return unsupported(format!("a linear resize by {f:?}"), "factors up to 8 are compiled; resize in two steps");
    }
    bounded(&[h * f[0], w * f[1], c])?;
    let [rows, cols] = f.map(|f| Tent::new(f, centres));
    let slid = slid(g, node, &x.eight, [h, w, c]);
    let tent = rows.weights.iter().flat_map(|r| cols.weights.iter().map(move |c| r * c));
    let window = Window {
        kernel: [rows.weights.len(), cols.weights.len()],
        stride: f,
        dilation: [1, 1],
        pads: [rows.pad, cols.pad, rows.pad, cols.pad],
    };
    let kind = PendingKind::Conv(Conv {
        input: slid.map,
        zero_point,
        window: slid.window(window),
        groups: c,
        weights: Rc::new(tent.flat_map(|w| std::iter::repeat_n(w, c)).collect()),
        bias: Rc::new(vec![0; c]),
        scales: Rc::new(vec![x_scale / (rows.unit * cols.unit) as f32; c]),
        float: None,
        bare_matmul: false,
        transposed: true,
        edge: true,
    });
    let (oh, ow) = (h * f[0], w * f[1]);
    let shape = if rank == 4 { vec![1, c, oh, ow] } else { vec![1, c, ow] };
    let sums = pending(kind, shape, slid.shape([oh, ow, c]), image_order(c, oh, ow), Fuse::Never);
    Ok(Value::Real(Real::Pending(Rc::new(sums))))
}
