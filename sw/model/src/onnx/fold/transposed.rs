// SPDX-License-Identifier: Apache-2.0
//! Windows of transposed convolutions.

use crate::graph::Window;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::parse::node::Node;

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
pub fn window(node: &Node, kernel: [usize; 2], rank: usize, sizes: [usize; 2]) -> Result<(Window, [usize; 2]), Fail> {
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
