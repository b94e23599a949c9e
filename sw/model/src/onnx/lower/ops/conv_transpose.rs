// SPDX-License-Identifier: Apache-2.0
//! ConvTranspose between DequantizeLinear and QuantizeLinear. ONNX Runtime has no such operator on integers: it computes it in float32,
//! whatever stands around it.

use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::transposed::window;
use crate::onnx::fold::windows::{bounded, image};
use crate::onnx::fuse::bias::Bias;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::layout::image_order;
use crate::onnx::fuse::operands::{any, table};
use crate::onnx::fuse::value::{Conv, Inputs, PendingKind, Real, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::copies::slid;
use crate::onnx::lower::products::{combined, narrow, pending};
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// A transposed convolution, not quantised yet.
pub fn apply(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let x = table(inputs, 0, "the activation")?;
    let Some((x_scale, zero_point)) = x.linear() else {
        return unsupported(
            "its input is not the plain dequantisation of a tensor with one scale",
            "put QuantizeLinear and DequantizeLinear before it",
        );
    };
    let weights = match any(inputs, 1)? {
        Value::Real(Real::Const(c)) => c.clone(),
        Value::Const(_) => return unsupported("its weights are float32", "quantise them (DequantizeLinear of an int8 constant)"),
        _ => return unsupported("its weights are computed by the graph", "make them an initialiser"),
    };
    let [c, h, w] = image(&x.eight.shape)?;
    let rank = x.eight.shape.len();
    let groups =
        usize::try_from(node.int("group", 1)).ok().filter(|&n| n > 0).ok_or_else(|| Fail::Wrong("group is below 1".into()))?;
    let (channels, per, kernel) = match *weights.shape.as_slice() {
        [c, m, kh, kw] if rank == 4 => (c, m, [kh, kw]),
        [c, m, kw] if rank == 3 => (c, m, [1, kw]),
        _ => return wrong(format!("weights of shape {:?} on an activation of shape {:?}", weights.shape, x.eight.shape)),
    };
    if channels != c || c % groups != 0 || per == 0 || c == 0 {
        return wrong(format!("{c} channels in {groups} groups, weights of shape {:?}", weights.shape));
    }
    if let Some(sizes) = node.ints("kernel_shape") {
        let expected: Vec<i64> = weights.shape[2..].iter().map(|&k| k as i64).collect();
        if sizes != expected {
            return wrong(format!("kernel_shape {sizes:?}, weights of shape {:?}", weights.shape));
        }
    }
    let (window, [oh, ow]) = window(node, kernel, rank, [h, w])?;
    let outputs = per.saturating_mul(groups);
    bounded(&[oh, ow, outputs])?;
    let scales = match weights.scales.len() {
        1 => weights.scales.to_vec(),
        // One for each output of a group.
        n if n == per && weights.axis == 1 => (0..outputs).map(|m| weights.scales[m % per]).collect(),
        n => {
            return unsupported(
                format!("{n} weight scales along axis {}, which is not the output channels'", weights.axis),
                "quantise weights per output channel (axis 1)",
            );
        }
    };
    let slid = slid(g, node, &x.eight, [h, w, c]);
    let (taps, in_group) = (kernel[0] * kernel[1], c / groups);
    let at = |tap: usize, ch: usize, out: usize| weights.ints[((out / per * in_group + ch) * per + out % per) * taps + tap];
    let relaid = (0..taps).flat_map(|tap| (0..in_group).flat_map(move |ch| (0..outputs).map(move |out| (tap, ch, out))));
    let kind = PendingKind::Conv(Conv {
        input: slid.map,
        zero_point,
        window: slid.window(window),
        groups,
        weights: Rc::new(narrow(relaid.map(|(tap, ch, out)| at(tap, ch, out)))?),
        bias: Rc::new(vec![0; outputs]),
        scales: Rc::new(combined(x_scale, &scales, outputs)?),
        float: None,
        bare_matmul: false,
        transposed: true,
        edge: false,
    });
    let shape = if rank == 4 { vec![1, outputs, oh, ow] } else { vec![1, outputs, ow] };
    let sums = pending(kind, shape, slid.shape([oh, ow, outputs]), image_order(outputs, oh, ow), Fuse::Never);
    let sums = match inputs.get(2).and_then(Option::as_ref).map(Bias::of).transpose()? {
        None => sums,
        Some(bias) if bias.shape == [outputs] => sums.plus(&bias.reshaped([&[outputs], &vec![1; rank - 2][..]].concat()))?,
        Some(bias) => return wrong(format!("a bias of shape {:?}, {outputs} output channels", bias.shape)),
    };
    Ok(Value::Real(Real::Pending(Rc::new(sums))))
}
