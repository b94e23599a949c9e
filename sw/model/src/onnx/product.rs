// SPDX-License-Identifier: Apache-2.0
//! Convolutions and matrix products.

use super::broadcast::Bias;
use super::fuse::{Clip, Fuse};
use super::import::{Building, image_order};
use super::node::{Fail, Node, unsupported, wrong};
use super::ops::Weights;
use super::tensor::LARGEST_MAP;
use super::value::{Conv, Eight, Pending, PendingKind};
use crate::graph::Window;
use std::rc::Rc;

/// Sizes of an image: channels, rows, columns. Sequences are images of one row.
pub(super) fn image(shape: &[usize]) -> Result<[usize; 3], Fail> {
    match *shape {
        [1, c, h, w] => Ok([c, h, w]),
        [1, c, w] => Ok([c, 1, w]),
        [n, ..] if n != 1 && matches!(shape.len(), 3 | 4) => unsupported(
            format!("a batch of {n} in shape {shape:?}"),
            "give the model batch 1 and run its inputs one after another",
        ),
        _ => unsupported(format!("windows over shape {shape:?}"), "one and two dimensions of images are compiled"),
    }
}

/// Kernel, stride, dilation and pads of a node over an image.
pub(super) fn window_of(node: &Node, kernel: [usize; 2], rank: usize, h: usize, w: usize) -> Result<Window, Fail> {
    let two = |name: &str, first: usize| -> Result<[usize; 2], Fail> {
        if rank == 3 { Ok([first, node.sizes::<1>(name, first)?[0]]) } else { node.sizes::<2>(name, first) }
    };
    let (stride, dilation) = (two("strides", 1)?, two("dilations", 1)?);
    if stride.contains(&0) || dilation.contains(&0) || kernel.contains(&0) {
        return wrong("a stride, dilation or kernel size is 0");
    }
    let explicit = if rank == 3 {
        let [left, right] = node.sizes::<2>("pads", 0)?;
        [0, left, 0, right]
    } else {
        node.sizes::<4>("pads", 0)?
    };
    let same = |upper: bool| -> Result<[usize; 4], Fail> {
        let mut pads = [0; 4];
        for (d, size) in [h, w].into_iter().enumerate() {
            let reach = (kernel[d] - 1) * dilation[d] + 1;
            let total = (size.div_ceil(stride[d]) - 1) * stride[d] + reach;
            if total + 1 < size {
                // ONNX Runtime's padding is negative then: it leaves out pixels at the beginning.
                return unsupported(
                    format!("auto_pad SAME with a stride of {} beyond the kernel", stride[d]),
                    "give it explicit pads",
                );
            }
            let total = total.saturating_sub(size);
            let small = total / 2;
            (pads[d], pads[d + 2]) = if upper { (small, total - small) } else { (total - small, small) };
        }
        Ok(pads)
    };
    let pads = match node.text("auto_pad").as_str() {
        "" | "NOTSET" => explicit,
        "VALID" => [0; 4],
        "SAME_UPPER" => same(true)?,
        "SAME_LOWER" => same(false)?,
        other => return wrong(format!("auto_pad '{other}'")),
    };
    Ok(Window { kernel, stride, dilation, pads })
}

/// Scales of every output channel: `f32(x_scale * w_scale)`.
pub(super) fn combined(x_scale: f32, scales: &[f32], outputs: usize) -> Result<Vec<f32>, Fail> {
    match scales.len() {
        1 => Ok(vec![x_scale * scales[0]; outputs]),
        n if n == outputs => Ok(scales.iter().map(|s| x_scale * s).collect()),
        n => wrong(format!("{n} weight scales, {outputs} output channels")),
    }
}

/// Weights as they are in a graph.
pub(super) fn narrow(ints: impl Iterator<Item = i32>) -> Result<Vec<i16>, Fail> {
    ints.map(|v| i16::try_from(v).ok().filter(|v| (-255..=255).contains(v)))
        .collect::<Option<Vec<i16>>>()
        .ok_or_else(|| Fail::Wrong("weights less their zero point are beyond -255 to 255".into()))
}

/// A convolution.
pub(super) fn conv(
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
    let slid = super::moves::slid(g, node, x, [h, w, c]);
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

/// Refuses a map that no configuration could hold, before memory is asked for.
pub(super) fn bounded(shape: &[usize]) -> Result<(), Fail> {
    let count = shape.iter().try_fold(1usize, |a, &d| a.checked_mul(d)).unwrap_or(usize::MAX);
    if count > LARGEST_MAP {
        return unsupported(
            format!("a result of shape {shape:?}, which is more than {LARGEST_MAP} elements"),
            "no configuration holds so large a map: make the input, the padding or the number of outputs smaller",
        );
    }
    Ok(())
}

/// An operation with nothing behind it yet.
pub(super) fn pending(kind: PendingKind, shape: Vec<usize>, map: [usize; 3], order: Vec<u32>, fuse: Fuse) -> Pending {
    Pending { kind, shape, map, order: Rc::new(order), clip: Clip::NONE, fuse, moved: false }
}

/// A matrix product with constant right side, perhaps one for each batch.
pub(super) fn matmul(
    g: &mut Building,
    node: &Node,
    a: &Eight,
    zero_point: i8,
    x_scale: f32,
    b: &Weights,
) -> Result<Pending, Fail> {
    let (Some(&k), &[ref lead @ .., bk, n]) = (a.shape.last(), b.shape.as_slice()) else {
        return unsupported(
            format!("a product of shapes {:?} and {:?}", a.shape, b.shape),
            "give the right side two dimensions or more",
        );
    };
    if k != bk || k == 0 || n == 0 {
        return wrong(format!("a product of shapes {:?} and {:?}: {k} columns, {bk} rows", a.shape, b.shape));
    }
    let batches: usize = lead.iter().product();
    let rows_shape = &a.shape[..a.shape.len() - 1];
    let rows: usize = rows_shape.iter().product();
    bounded(&[batches, rows, n])?;
    let mut window = Window::POINT;
    let (input, groups, weights, outputs, shape, map, order);
    let a_lead = rows_shape.split_last().map_or(&[][..], |(_, lead)| lead);
    if batches == 1 {
        let ones = lead.len().saturating_sub(a_lead.len());
        shape = std::iter::repeat_n(1, ones).chain(rows_shape.iter().copied()).chain([n]).collect::<Vec<_>>();
        let flat: Vec<u32> = (0..(rows * k) as u32).collect();
        (groups, outputs, map, order) = (1, n, [rows, 1, n], (0..(rows * n) as u32).collect::<Vec<_>>());
        if let Some(id) = g.view(a, [rows, 1, k], &flat) {
            (input, weights) = (id, b.ints.clone());
        } else if rows == 1 {
            // One row of a map in another order: a window over the whole map, its weights in the map's order.
            let places = g.places(a);
            let [h, w, _] = g.maps[a.map].shape;
            window.kernel = [h, w];
            input = a.map;
            weights = places.iter().flat_map(|&place| &b.ints[place as usize * n..][..n]).copied().collect();
        } else {
            (input, weights) = (g.arranged(&node.name, a, [rows, 1, k], &flat).map, b.ints.clone());
        }
    } else {
        let m = a.shape.get(a.shape.len().wrapping_sub(2)).copied().unwrap_or(1);
        let shared = a_lead.iter().all(|&d| d == 1);
        if !shared && a_lead != lead || a_lead.len() > lead.len() {
            return unsupported(format!("batches of shapes {:?} and {:?}", a.shape, b.shape), "give both sides the same batches");
        }
        let one_row = (!rows_shape.is_empty()).then_some(m);
        shape = lead.iter().copied().chain(one_row).chain([n]).collect::<Vec<_>>();
        let place = |row: usize, column: usize, width: usize| (((column / width) * m + row) * width + column % width) as u32;
        outputs = batches * n;
        map = [m, 1, outputs];
        order = (0..m * outputs).map(|e| place(e / outputs, e % outputs, n)).collect::<Vec<_>>();
        // [batch][k][n] to [k][batch n].
        weights = (0..k * outputs).map(|e| b.ints[((e % outputs) / n * k + e / outputs) * n + e % n]).collect();
        let (width, layout): (usize, Vec<u32>) = if shared {
            (k, (0..(m * k) as u32).collect())
        } else {
            let width = batches * k;
            (width, (0..m * width).map(|e| place(e / width, e % width, k)).collect())
        };
        groups = if shared { 1 } else { batches };
        input = g.arranged(&node.name, a, [m, 1, width], &layout).map;
    }
    if b.scales.len() > 1 && batches > 1 {
        return unsupported("scales for each channel of batched weights", "quantise them per tensor");
    }
    let kind = PendingKind::Conv(Conv {
        input,
        zero_point,
        window,
        groups,
        weights: Rc::new(narrow(weights.into_iter())?),
        bias: Rc::new(vec![0; outputs]),
        scales: Rc::new(combined(x_scale, &b.scales, outputs)?),
        float: None,
        bare_matmul: true,
        transposed: false,
        edge: false,
    });
    Ok(pending(kind, shape, map, order, Fuse::product(a.unsigned, b.element, None)))
}

/// Gemm and QGemm: a matrix product with bias.
pub(super) fn gemm(
    g: &mut Building,
    node: &Node,
    a: &Eight,
    zero_point: i8,
    x_scale: f32,
    b: &mut Weights,
    bias: Option<Bias>,
) -> Result<Pending, Fail> {
    if node.int("transA", 0) != 0 {
        return unsupported("transA", "transpose the activation where it is made");
    }
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    if alpha == 0.0 || !alpha.is_finite() || !beta.is_finite() {
        return unsupported(format!("alpha {alpha} and beta {beta}"), "fold them into the weight scales and the bias");
    }
    if let ([n, k], true) = (b.shape.as_slice(), node.int("transB", 0) != 0) {
        let (n, k) = (*n, *k);
        b.ints = (0..k * n).map(|e| b.ints[e % n * k + e / n]).collect();
        b.shape = vec![k, n];
    }
    if b.shape.len() != 2 || a.shape.len() != 2 {
        return wrong(format!("shapes {:?} and {:?}: Gemm multiplies matrices", a.shape, b.shape));
    }
    let mut sums = matmul(g, node, a, zero_point, x_scale * alpha.abs(), b)?;
    if let PendingKind::Conv(c) = &mut sums.kind {
        c.bare_matmul = false;
        if alpha < 0.0 {
            *c = Conv { float: None, ..c.times(&vec![-1.0; c.bias.len()]) };
        }
    }
    if b.vector && b.scales.len() == 1 {
        sums.fuse = Fuse::Never;
    }
    let Some(bias) = bias else { return Ok(sums) };
    let bias = if beta == 1.0 { bias } else { bias.times(beta) };
    // With a bias ONNX Runtime fuses neither factor.
    if sums.fuse == Fuse::Never || alpha != 1.0 || beta != 1.0 {
        return Ok(Pending { fuse: Fuse::Never, ..sums.plus(&bias)? });
    }
    Ok(Pending { fuse: Fuse::product(a.unsigned, b.element, Some(bias.element)), ..sums.plus(&bias)? })
}
