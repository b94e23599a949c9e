// SPDX-License-Identifier: Apache-2.0
//! A matrix product, or a convolution with one tap, of the mean over a whole map that nothing has quantised. ONNX Runtime computes both in
//! float32; a mean is a sum too, so one convolution whose window is the map is left.

use crate::graph::Window;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fuse::bias::Bias;
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::value::{Conv, Pending, PendingKind, Real, Value};
use crate::onnx::fuse::weights::Weights;
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// A matrix product, or a convolution with one tap, of the mean over a whole map: one convolution whose window is the map, for
/// a mean is a sum too. `None`: something else.
pub fn product_of_mean(
    node: &Node,
    op: &str,
    x: &Value,
    weights: &Weights,
    bias: Option<&Bias>,
) -> Result<Option<Pending>, Fail> {
    let Value::Real(Real::Pending(p)) = x else { return Ok(None) };
    let PendingKind::Average { input, window, global: true, .. } = &p.kind else { return Ok(None) };
    let point = || weights.shape[2..].iter().all(|&k| k == 1) && node.int("group", 1) == 1;
    let plain = || {
        ["pads", "strides"]
            .iter()
            .all(|name| node.ints(name).is_none_or(|v| v.iter().all(|&v| v == i64::from(*name == "strides"))))
    };
    // `[n, c]` instead of `[c, n]`.
    let (turned, fits) = match op {
        "Conv" => {
            (true, weights.shape.len() == p.shape.len() && point() && plain() && !node.text("auto_pad").starts_with("SAME_"))
        }
        "Gemm" => (
            node.int("transB", 0) != 0,
            node.float("alpha", 1.0) == 1.0 && node.float("beta", 1.0) == 1.0 && node.int("transA", 0) == 0,
        ),
        _ => (false, true),
    };
    let &[first, second, ..] = weights.shape.as_slice() else { return wrong("its weights are no matrix") };
    let (channels, outputs) = if turned { (second, first) } else { (first, second) };
    if !fits
        || p.clip != Clip::NONE
        || window.pads != [0; 4]
        || p.map != [1, 1, channels]
        || weights.ints.len() != channels * outputs
    {
        return unsupported("a product of a mean that is not quantised", "put QuantizeLinear and DequantizeLinear between them");
    }
    let at = |ch: usize, n: usize| weights.ints[if turned { n * channels + ch } else { ch * outputs + n }];
    // A channel of the map is an element of the tensor.
    let row = |ch: usize| (0..outputs).map(move |n| at(p.order[ch] as usize, n));
    let one: Vec<i16> = (0..channels).flat_map(row).map(|v| v as i16).collect();
    if weights.ints.iter().any(|v| !(-255..=255).contains(v)) {
        return wrong("weights less their zero point are beyond -255 to 255");
    }
    let taps = window.kernel[0] * window.kernel[1];
    let x_scale = input.scale / taps as f32;
    let scale = |n: usize| x_scale * weights.scales[if weights.scales.len() > 1 { n } else { 0 }];
    let kind = PendingKind::Conv(Conv {
        input: input.map,
        zero_point: input.zero_point,
        window: Window { kernel: window.kernel, ..Window::POINT },
        groups: 1,
        weights: Rc::new(one.repeat(taps)),
        bias: Rc::new(vec![0; outputs]),
        scales: Rc::new((0..outputs).map(scale).collect()),
        float: None,
        bare_matmul: false,
        transposed: false,
        edge: false,
    });
    let mut shape = p.shape.clone();
    let at = if op == "Conv" { 1 } else { shape.len() - 1 };
    shape[at] = outputs;
    let order = Rc::new((0..outputs as u32).collect());
    let product = Pending { kind, shape, map: [1, 1, outputs], order, clip: Clip::NONE, fuse: Fuse::Never, moved: false };
    match (bias, op) {
        (None, _) => Ok(Some(product)),
        (Some(bias), "Conv") => {
            let shape = [&[outputs], &vec![1; p.shape.len() - 2][..]].concat();
            product.plus(&bias.reshaped(shape)).map(Some)
        }
        (Some(bias), _) => product.plus(bias).map(Some),
    }
}
