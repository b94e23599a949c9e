// SPDX-License-Identifier: Apache-2.0
//! Shapes of results, ONNX 1.17. Of operators that cannot run too, so that what stands behind them can be judged.

use crate::graph::Window;
use crate::onnx::array::{LARGEST_MAP, broadcast, elements};
use crate::onnx::error::Fail;
use crate::onnx::fold::known::{Given, constant};
use crate::onnx::fold::plan::plan;
use crate::onnx::fold::resized::sizes;
use crate::onnx::fold::scales::{axis_of, list};
use crate::onnx::fold::windows::{image, pool, window_of};
use crate::onnx::fold::{transposed, windows};
use crate::onnx::parse::node::Node;

type Shape = Vec<usize>;

/// Operators, by a space apart, whose result has the shape of their first input.
pub const SAME: &str = "\
    Abs Acos Acosh Asin Asinh Atan Atanh BatchNormalization BiasGelu Cast CastLike Ceil Celu Clip Cos Cosh CumSum \
    DequantizeLinear Dropout DynamicQuantizeLinear Elu Erf Exp FastGelu Floor Gelu GroupNormalization HardSigmoid \
    HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Log LogSoftmax \
    LpNormalization MeanVarianceNormalization Mish Neg Not QLinearLeakyRelu QLinearSigmoid QLinearSoftmax \
    QuantizeLinear QuickGelu RMSNormalization Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Softmax Softplus \
    Softsign Sqrt Tan Tanh ThresholdedRelu";

/// Likewise, whose operands broadcast to the result.
pub const BROADCAST: &str = "\
    Add And BitShift Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or PRelu Pow Sub Sum \
    Where Xor";

fn size(v: i64) -> Option<usize> {
    usize::try_from(v).ok().filter(|&v| v <= LARGEST_MAP)
}

/// Shapes of a node's outputs, from those of its inputs and from constants. `None`: they do not follow, or contradict each other.
pub fn infer(node: &Node, given: &impl Given, shapes: &[Option<&[usize]>], opset: i64) -> Option<Vec<Shape>> {
    if shapes.iter().flatten().any(|shape| shape.contains(&0)) {
        return None;
    }
    let made = of(node, given, shapes, opset).ok().flatten()?;
    made.iter().all(|shape| elements(shape).is_some_and(|n| n > 0 && n <= LARGEST_MAP)).then_some(made)
}

fn of(node: &Node, given: &impl Given, shapes: &[Option<&[usize]>], opset: i64) -> Result<Option<Vec<Shape>>, Fail> {
    let op = node.op();
    let is_in = |names: &str| names.split(' ').any(|name| name == op);
    let shape = |i: usize| shapes.get(i).copied().flatten();
    if is_in(BROADCAST) {
        let all: Option<Vec<&[usize]>> = shapes.iter().copied().collect();
        return Ok(all.and_then(|all| broadcast(&all)).map(|s| vec![s]));
    }
    let Some(x) = shape(if op == "QLinearConcat" { 2 } else { 0 }) else { return Ok(None) };
    if is_in(SAME) {
        // Scale and zero point, behind the codes.
        let scalars = if op == "DynamicQuantizeLinear" { 2 } else { 0 };
        return Ok(Some(std::iter::once(x.to_vec()).chain(vec![vec![]; scalars]).collect()));
    }
    let one = |shape: Option<Shape>| Ok(shape.map(|s| vec![s]));
    match op {
        "QLinearAdd" | "QLinearMul" => one(shape(3).and_then(|y| broadcast(&[x, y]))),
        "Conv" | "ConvInteger" | "QLinearConv" => {
            let Some(w) = shape(if op == "QLinearConv" { 3 } else { 1 }) else { return Ok(None) };
            let [_, h, wide] = image(x)?;
            let kernel = match *w {
                [_, _, kh, kw] if x.len() == 4 => [kh, kw],
                [_, _, kw] if x.len() == 3 => [1, kw],
                _ => return Ok(None),
            };
            let window = window_of(node, kernel, x.len(), h, wide)?;
            one(window.output(h, wide).map(|out| imaged(x.len(), w[0], out)))
        }
        "ConvTranspose" => {
            let Some(w) = shape(1) else { return Ok(None) };
            let [_, h, wide] = image(x)?;
            let kernel = match *w {
                [_, _, kh, kw] if x.len() == 4 => [kh, kw],
                [_, _, kw] if x.len() == 3 => [1, kw],
                _ => return Ok(None),
            };
            let (_, out) = transposed::window(node, kernel, x.len(), [h, wide])?;
            let channels = size(node.int("group", 1)).and_then(|g| g.checked_mul(w[1]));
            one(channels.map(|c| imaged(x.len(), c, out)))
        }
        "MaxPool" | "AveragePool" | "LpPool" | "QLinearAveragePool" => {
            let (Window { .. }, shape, _) = pool(node, x, false)?;
            Ok(Some(vec![shape.clone(), shape]))
        }
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" | "QLinearGlobalAveragePool" => {
            one((x.len() > 2).then(|| [&x[..2], &vec![1; x.len() - 2][..]].concat()))
        }
        "MatMul" | "MatMulInteger" | "QLinearMatMul" => {
            one(shape(if op == "QLinearMatMul" { 3 } else { 1 }).and_then(|y| product(x, y)))
        }
        "Gemm" | "QGemm" => {
            let Some(&[r, c]) = shape(if op == "QGemm" { 3 } else { 1 }) else { return Ok(None) };
            let n = if node.int("transB", 0) != 0 { r } else { c };
            one(x.get(usize::from(node.int("transA", 0) != 0)).map(|&m| vec![m, n]))
        }
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "DepthToSpace" | "SpaceToDepth" => {
            windows::bounded(x)?;
            one(Some(plan(node, op, given, x)?.0))
        }
        "Concat" | "QLinearConcat" => {
            let step = if op == "Concat" { 1 } else { 3 };
            let parts: Option<Vec<&[usize]>> = shapes.iter().skip(if step == 1 { 0 } else { 2 }).step_by(step).copied().collect();
            let axis = axis_of(node.int("axis", 0), x.len())?;
            let total = parts.and_then(|p| p.iter().try_fold(0usize, |a, s| a.checked_add(*s.get(axis)?)));
            one(total.map(|total| with(x, axis, total)))
        }
        "Slice" => one(sliced(node, given, x)?),
        "Split" => {
            let (axis, outputs) = (axis_of(node.int("axis", 0), x.len())?, node.proto.output.len().max(1));
            let each = x[axis].div_ceil(outputs);
            let sizes = match list(node, given, 1, "split")? {
                Some(sizes) => sizes.iter().map(|&s| size(s)).collect(),
                None => Some((0..outputs).map(|i| each.min(x[axis].saturating_sub(i * each))).collect::<Vec<_>>()),
            };
            Ok(sizes.map(|sizes: Vec<usize>| sizes.iter().map(|&s| with(x, axis, s)).collect()))
        }
        "Gather" => {
            let axis = axis_of(node.int("axis", 0), x.len())?;
            one(shape(1).map(|indices| [&x[..axis], indices, &x[axis + 1..]].concat()))
        }
        "Pad" => one(padded(node, given, x)?),
        "Resize" | "Upsample" => one(Some(sizes(node, op, given, x, opset)?.0)),
        "ArgMax" | "ArgMin" => {
            let axis = axis_of(node.int("axis", 0), x.len())?;
            let keep = node.int("keepdims", 1) != 0;
            one(Some(if keep { with(x, axis, 1) } else { [&x[..axis], &x[axis + 1..]].concat() }))
        }
        "Expand" => {
            let Some(wanted) = constant(given, 1)?.and_then(|a| a.integers()) else { return Ok(None) };
            let wanted: Option<Vec<usize>> = wanted.iter().map(|&d| size(d)).collect();
            one(wanted.and_then(|w| broadcast(&[x, &w])))
        }
        // What columns of indices become, before anything is lowered.
        "GatherColumns" => {
            let mut dims = node.ints("dims").unwrap_or_default().iter().map(|&d| size(d));
            let of = |(n, &rank): (usize, &i64)| {
                let front: Option<Shape> = dims.by_ref().take(size(rank)?).collect();
                Some([front?.as_slice(), &[*shape(1 + 3 * n)?.last()?]].concat())
            };
            Ok(node.ints("ranks").unwrap_or_default().iter().enumerate().map(of).collect())
        }
        "Shape" => one(Some(vec![x.len()])),
        _ if op.starts_with("Reduce") => one(Some(reduced(node, given, x)?)),
        _ => Ok(None),
    }
}

fn imaged(rank: usize, channels: usize, [h, w]: [usize; 2]) -> Shape {
    if rank == 4 { vec![1, channels, h, w] } else { vec![1, channels, w] }
}

fn with(shape: &[usize], axis: usize, size: usize) -> Shape {
    let mut made = shape.to_vec();
    made[axis] = size;
    made
}

/// Of a matrix product: dimensions in front of the last two broadcast.
fn product(x: &[usize], y: &[usize]) -> Option<Shape> {
    match (x, y) {
        ([.., k], [l]) if k == l => Some(x[..x.len() - 1].to_vec()),
        ([k], [front @ .., l, n]) if k == l => Some([front, &[*n]].concat()),
        ([a @ .., m, k], [b @ .., l, n]) if k == l => Some([broadcast(&[a, b])?, vec![*m, *n]].concat()),
        _ => None,
    }
}

fn sliced(node: &Node, given: &impl Given, x: &[usize]) -> Result<Option<Shape>, Fail> {
    let (Some(starts), Some(ends)) = (list(node, given, 1, "starts")?, list(node, given, 2, "ends")?) else { return Ok(None) };
    let axes = list(node, given, 3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list(node, given, 4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Ok(None);
    }
    let mut made = x.to_vec();
    for i in 0..starts.len() {
        let axis = axis_of(axes[i], x.len())?;
        let size = x[axis] as i64;
        let from_end = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
        let (start, end, step) = (from_end(starts[i]), from_end(ends[i]), steps[i]);
        made[axis] = match step {
            1.. => (end.clamp(0, size) - start.clamp(0, size)).max(0).unsigned_abs().div_ceil(step.unsigned_abs()) as usize,
            0 => return Ok(None),
            _ => {
                let span = start.clamp(-1, size - 1) - end.clamp(-1, size - 1);
                span.max(0).unsigned_abs().div_ceil(step.unsigned_abs()) as usize
            }
        };
    }
    Ok(Some(made))
}

fn padded(node: &Node, given: &impl Given, x: &[usize]) -> Result<Option<Shape>, Fail> {
    let Some(pads) = list(node, given, 1, "pads")? else { return Ok(None) };
    let axes = list(node, given, 3, "axes")?.unwrap_or_else(|| (0..x.len() as i64).collect());
    if pads.len() != 2 * axes.len() {
        return Ok(None);
    }
    let mut made = x.to_vec();
    for (i, &axis) in axes.iter().enumerate() {
        let axis = axis_of(axis, x.len())?;
        let total = pads[i].checked_add(pads[i + axes.len()]).and_then(|p| p.checked_add(x[axis] as i64));
        match total.and_then(size) {
            Some(total) => made[axis] = total,
            None => return Ok(None),
        }
    }
    Ok(Some(made))
}

fn reduced(node: &Node, given: &impl Given, x: &[usize]) -> Result<Shape, Fail> {
    let axes = match list(node, given, 1, "axes")? {
        Some(axes) if !axes.is_empty() => axes.iter().map(|&a| axis_of(a, x.len())).collect::<Result<Vec<usize>, Fail>>()?,
        _ if node.int("noop_with_empty_axes", 0) != 0 => vec![],
        _ => (0..x.len()).collect(),
    };
    let keep = node.int("keepdims", 1) != 0;
    let all = (0..x.len()).filter(|d| keep || !axes.contains(d));
    Ok(all.map(|d| if axes.contains(&d) { 1 } else { x[d] }).collect())
}
