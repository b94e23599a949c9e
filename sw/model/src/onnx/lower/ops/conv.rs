// SPDX-License-Identifier: Apache-2.0
//! Conv, QLinearConv, ConvInteger.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::{scale, zero_point};
use crate::onnx::fold::windows::{bounded, image, window_of};
use crate::onnx::fuse::bias::Bias;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::layout::image_order;
use crate::onnx::fuse::operands::eight;
use crate::onnx::fuse::value::{Conv, Eight, Inputs, Pending, PendingKind, Value};
use crate::onnx::fuse::weights::{Channels, Weights, bias, weights};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::slid;
use crate::onnx::lower::products::{combined, narrow, pending, product};
use crate::onnx::lower::requantise::{quantize_integers, sums};
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// Conv between DequantizeLinear and QuantizeLinear.
pub fn float(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    product(g, node, inputs, |_| 0, |g, x, zero_point, x_scale, w, bias| conv(g, node, x, zero_point, x_scale, w, bias))
}

/// QLinearConv.
pub fn qlinear(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let (x, zero) = (eight(inputs, 0, "X")?, zero_point(inputs, 2)?);
    let weights = weights(inputs, 3, Some(4), 5, Channels::First)?;
    let bias = bias(inputs, 8)?;
    let x_scale = scale(inputs, 1)?;
    let pending = conv(g, node, &x, zero.code_of(x.unsigned)?, x_scale, &weights, bias)?;
    quantize_integers(g, node, pending, scale(inputs, 6)?, &zero_point(inputs, 7)?)
}

/// ConvInteger.
pub fn integer(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let (x, zero) = (eight(inputs, 0, "X")?, zero_point(inputs, 2)?);
    let weights = weights(inputs, 1, None, 3, Channels::First)?;
    let pending = conv(g, node, &x, zero.code_of(x.unsigned)?, 1.0, &weights, None)?;
    sums(g, node, &pending)
}

/// A convolution.
fn conv(
    g: &mut Building,
    node: &Node,
    x: &Eight,
    zero_point: i8,
    x_scale: f32,
    weights: &Weights,
    bias: Option<Bias>,
) -> Result<Pending, Fail> {
    let [c, h, w] = image(&x.shape)?;
    let rank = x.shape.len();
    let (outputs, group_channels, kernel) = match *weights.shape.as_slice() {
        [m, cg, kh, kw] if rank == 4 => (m, cg, [kh, kw]),
        [m, cg, kw] if rank == 3 => (m, cg, [1, kw]),
        _ => return wrong(format!("weights of shape {:?} on an activation of shape {:?}", weights.shape, x.shape)),
    };
    let groups =
        usize::try_from(node.int("group", 1)).ok().filter(|&n| n > 0).ok_or_else(|| Fail::Wrong("group is below 1".into()))?;
    if group_channels * groups != c || outputs == 0 || outputs % groups != 0 || c == 0 {
        return wrong(format!("{c} channels and {outputs} outputs in {groups} groups of {group_channels} channels"));
    }
    if let Some(sizes) = node.ints("kernel_shape") {
        let expected: Vec<i64> = weights.shape[2..].iter().map(|&k| k as i64).collect();
        if sizes != expected {
            return wrong(format!("kernel_shape {sizes:?}, weights of shape {:?}", weights.shape));
        }
    }
    let window = window_of(node, kernel, rank, h, w)?;
    let Some([oh, ow]) = window.output(h, w) else {
        return unsupported(format!("a kernel of {kernel:?} is larger than the padded image of {h} x {w}"), "pad it");
    };
    bounded(&[oh, ow, outputs])?;
    let slid = slid(g, node, x, [h, w, c]);
    let (input, window) = (slid.map, slid.window(window));
    let taps = kernel[0] * kernel[1];
    let at = |tap: usize, ch: usize, out: usize| weights.ints[(out * group_channels + ch) * taps + tap];
    let relaid = (0..taps).flat_map(|tap| (0..group_channels).flat_map(move |ch| (0..outputs).map(move |out| (tap, ch, out))));
    let kind = PendingKind::Conv(Conv {
        input,
        zero_point,
        window,
        groups,
        weights: Rc::new(narrow(relaid.map(|(tap, ch, out)| at(tap, ch, out)))?),
        bias: Rc::new(vec![0; outputs]),
        scales: Rc::new(combined(x_scale, &weights.scales, outputs)?),
        float: None,
        bare_matmul: false,
        transposed: false,
        edge: false,
    });
    let shape = if rank == 4 { vec![1, outputs, oh, ow] } else { vec![1, outputs, ow] };
    let fuse = Fuse::product(x.unsigned, weights.element, bias.as_ref().map(|b| b.element));
    let sums = pending(kind, shape, slid.shape([oh, ow, outputs]), image_order(outputs, oh, ow), fuse);
    match bias {
        None => Ok(sums),
        Some(bias) if bias.shape == [outputs] => {
            let bias = bias.reshaped([&[outputs], &vec![1; rank - 2][..]].concat());
            // Of another scale: ONNX Runtime leaves the convolution in float32.
            let fuse = if sums.has_scale_of(&bias)? { sums.fuse } else { Fuse::Never };
            Ok(Pending { fuse, ..sums.plus(&bias)? })
        }
        Some(bias) => wrong(format!("a bias of shape {:?}, {outputs} output channels", bias.shape)),
    }
}
