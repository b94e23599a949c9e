// SPDX-License-Identifier: Apache-2.0
//! Windows over images: kernels, strides, pads and the shapes of results, by ONNX's rules and, where they leave it open, as ONNX Runtime has them.

use crate::graph::Window;
use crate::onnx::array::{LARGEST_MAP, MOST_MADE};
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::parse::node::Node;

/// How the reason begins that several images are refused with.
pub const BATCH: &str = "a batch of";

/// Refuses a map that no configuration could hold, before memory is asked for.
pub fn bounded(shape: &[usize]) -> Result<(), Fail> {
    let count = shape.iter().try_fold(1usize, |a, &d| a.checked_mul(d)).unwrap_or(usize::MAX);
    if count > LARGEST_MAP {
        return unsupported(
            format!("a result of shape {shape:?}, which is more than {LARGEST_MAP} elements"),
            "no configuration holds so large a map: make the input, the padding or the number of outputs smaller",
        );
    }
    Ok(())
}

/// That the weights of a layer which moves channels, this many by so many for each tap, can be made.
pub fn bounded_product(taps: usize, from: usize, to: usize) -> Result<(), Fail> {
    match taps.checked_mul(from).and_then(|n| n.checked_mul(to)).filter(|&n| n <= MOST_MADE) {
        Some(_) => Ok(()),
        None => unsupported(
            format!("a copy of {from} channels into {to} that takes more than {MOST_MADE} weights"),
            "no configuration holds so many: make the map of fewer channels",
        ),
    }
}

/// Sizes of an image: channels, rows, columns. Sequences are images of one row.
pub fn image(shape: &[usize]) -> Result<[usize; 3], Fail> {
    match *shape {
        [1, c, h, w] => Ok([c, h, w]),
        [1, c, w] => Ok([c, 1, w]),
        [n, ..] if n != 1 && matches!(shape.len(), 3 | 4) => {
            unsupported(format!("{BATCH} {n} in shape {shape:?}"), "give the model batch 1 and run its inputs one after another")
        }
        _ => unsupported(format!("windows over shape {shape:?}"), "one and two dimensions of images are compiled"),
    }
}

/// Kernel, stride, dilation and pads of a node over an image.
pub fn window_of(node: &Node, kernel: [usize; 2], rank: usize, h: usize, w: usize) -> Result<Window, Fail> {
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

/// The window of a pool over a tensor of this shape: with the shape of its result, and its rows and columns.
pub fn pool(node: &Node, shape: &[usize], global: bool) -> Result<(Window, Vec<usize>, [usize; 2]), Fail> {
    let [c, h, w] = image(shape)?;
    let rank = shape.len();
    let mut window = if global {
        Window { kernel: [h, w], ..Window::POINT }
    } else {
        if !node.has("kernel_shape") {
            return wrong("kernel_shape is missing");
        }
        let kernel = if rank == 3 { [1, node.sizes::<1>("kernel_shape", 1)?[0]] } else { node.sizes::<2>("kernel_shape", 1)? };
        let window = window_of(node, kernel, rank, h, w)?;
        if window.dilation != [1, 1] && node.text("auto_pad").starts_with("SAME") {
            return unsupported(
                "auto_pad SAME of a dilated pool, which ONNX Runtime pads as if it were not",
                "give it explicit pads",
            );
        }
        window
    };
    if !global && node.int("ceil_mode", 0) != 0 {
        if node.int("count_include_pad", 0) != 0 {
            return unsupported("ceil_mode together with count_include_pad", "pad explicitly");
        }
        for (d, size) in [h, w].into_iter().enumerate() {
            let reach = (window.kernel[d] - 1) * window.dilation[d] + 1;
            // An image smaller than the kernel may have no window at all.
            let room = (size + window.pads[d] + window.pads[d + 2]) as i64 - reach as i64;
            let stride = window.stride[d] as i64;
            let mut count = usize::try_from((room + stride - 1).div_euclid(stride) + 1).unwrap_or(0);
            // No window begins behind the image.
            if count > 0 && (count - 1) * window.stride[d] >= size + window.pads[d] {
                count -= 1;
            }
            if count == 0 {
                return unsupported(
                    format!("a kernel of {:?} is larger than the padded image of {h} x {w}", window.kernel),
                    "pad it",
                );
            }
            window.pads[d + 2] = ((count - 1) * window.stride[d] + reach).saturating_sub(size + window.pads[d]);
        }
    }
    let Some([oh, ow]) = window.output(h, w) else {
        return unsupported(format!("a kernel of {:?} is larger than the padded image of {h} x {w}", window.kernel), "pad it");
    };
    bounded(&[oh, ow, c])?;
    bounded(&window.kernel)?;
    let empty = |d: usize, size: usize, count: usize| {
        (0..count).any(|i| {
            // The first tap that does not lie before the image.
            let before = window.pads[d].saturating_sub(i * window.stride[d]).div_ceil(window.dilation[d]);
            let at = i * window.stride[d] + before * window.dilation[d];
            before >= window.kernel[d] || at >= window.pads[d] + size
        })
    };
    if empty(0, h, oh) || empty(1, w, ow) {
        return unsupported("a window lies in the padding altogether", "pad less");
    }
    let shape = if rank == 4 { vec![1, c, oh, ow] } else { vec![1, c, ow] };
    Ok((window, shape, [oh, ow]))
}
