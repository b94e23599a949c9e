// SPDX-License-Identifier: Apache-2.0
//! ConvTranspose between DequantizeLinear and QuantizeLinear. ONNX Runtime has no such operator on integers: it computes it in
//! float32, whatever stands around it.

use super::broadcast::Bias;
use super::fuse::Fuse;
use super::import::{Building, image_order};
use super::node::{Fail, Node, unsupported, wrong};
use super::ops::{Inputs, any, table};
use super::product::{bounded, combined, image, narrow, pending};
use super::value::{Conv, PendingKind, Real, Value};
use crate::graph::Window;
use std::rc::Rc;

/// Along one dimension.
struct Along {
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    /// Elements of the full result that are cut off in front and behind.
    pads: [usize; 2],
    /// Elements behind the full result.
    more: usize,
}

impl Along {
    /// Elements of the result before anything is cut off; `None` where they are too many to count.
    fn full(&self) -> Option<usize> {
        let taps = (self.kernel - 1).checked_mul(self.dilation)?.checked_add(1)?;
        (self.size - 1).checked_mul(self.stride)?.checked_add(taps)?.checked_add(self.more)
    }
}

/// Kernel, strides and the like of a node over an image of `sizes`, one for rows and one for columns, and the rows and columns
/// of the result.
fn window(node: &Node, kernel: [usize; 2], rank: usize, sizes: [usize; 2]) -> Result<(Window, [usize; 2]), Fail> {
    let two = |name: &str, first: usize| -> Result<[usize; 2], Fail> {
        if rank == 3 { Ok([first, node.sizes::<1>(name, first)?[0]]) } else { node.sizes::<2>(name, first) }
    };
    let (strides, dilations, more) = (two("strides", 1)?, two("dilations", 1)?, two("output_padding", 0)?);
    if strides.contains(&0) || dilations.contains(&0) || kernel.contains(&0) {
        return wrong("a stride, dilation or kernel size is 0");
    }
    let explicit = if rank == 3 {
        let [left, right] = node.sizes::<2>("pads", 0)?;
        [0, left, 0, right]
    } else {
        node.sizes::<4>("pads", 0)?
    };
    let given = node.ints("output_shape").is_some_and(|s| !s.is_empty());
    // Perhaps with batch and channels in front.
    let asked = match node.ints("output_shape") {
        Some(s) if s.len() == rank && given => Some(s[2..].to_vec()),
        Some(s) if s.len() + 2 == rank && given => Some(s.to_vec()),
        Some(s) if given => return wrong(format!("output_shape {s:?} of a tensor of rank {rank}")),
        _ => None,
    };
    let auto = node.text("auto_pad");
    if !matches!(auto.as_str(), "" | "NOTSET" | "VALID" | "SAME_UPPER" | "SAME_LOWER") {
        return wrong(format!("auto_pad '{auto}'"));
    }
    let (mut pads, mut out) = ([0; 4], [0; 2]);
    for d in 0..2 {
        let (size, stride, dilation) = (sizes[d], strides[d], dilations[d]);
        let along = Along { size, kernel: kernel[d], stride, dilation, pads: [explicit[d], explicit[d + 2]], more: more[d] };
        let Some(full) = along.full() else { return unsupported("a result beyond all sizes", "") };
        let asked = match (&asked, d) {
            (Some(_), 0) if rank == 3 => Some(1),
            (Some(s), _) => match usize::try_from(s[if rank == 3 { 0 } else { d }]) {
                Ok(n) if n > 0 => Some(n),
                _ => return wrong(format!("output_shape {s:?}")),
            },
            (None, _) if auto.starts_with("SAME") => Some(size.saturating_mul(stride)),
            (None, _) => None,
        };
        let cut = match (asked, auto.as_str()) {
            (None, "VALID") => [0; 2],
            (None, _) => along.pads,
            (Some(n), _) => {
                let Some(total) = full.checked_sub(n) else {
                    return wrong(format!("a result of {n}, where all of it is {full}"));
                };
                let small = total / 2;
                if auto == "SAME_UPPER" { [small, total - small] } else { [total - small, small] }
            }
        };
        let Some(n) = asked.or_else(|| full.checked_sub(cut[0] + cut[1])).filter(|&n| n > 0) else {
            return wrong(format!("pads {cut:?} of a result of {full}"));
        };
        (pads[d], pads[d + 2], out[d]) = (cut[0], cut[1], n);
    }
    Ok((Window { kernel, stride: strides, dilation: dilations, pads }, out))
}

/// A transposed convolution, not quantised yet.
pub(super) fn apply(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
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
    let slid = super::moves::slid(g, node, &x.eight, [h, w, c]);
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
