// SPDX-License-Identifier: Apache-2.0
//! Operators that add up along dimensions: reductions, products, normalisations, Softmax. Sums by float64, results rounded to float32.

use super::elementwise::arithmetic;
use super::tensor::{Kind, Tensor, broadcast, pairs, steps};
use super::{Inputs, axis_of, input, list, optional};
use crate::onnx::parse::node::Node;

/// The outputs of an operator of these; `None`: another operator.
///
/// # Errors
/// Inputs that contradict ONNX.
pub fn run(node: &Node, x: Inputs, opset: i64) -> Result<Option<Vec<Tensor>>, String> {
    let op = node.op();
    let one = |t: Tensor| Ok(Some(vec![t]));
    match op {
        _ if op.starts_with("Reduce") => one(reduced(node, x)?),
        "ArgMax" | "ArgMin" => one(extreme(node, x)?),
        "MatMul" => one(product(input(x, 0)?, input(x, 1)?)?),
        "FusedMatMul" => {
            let turned = |i: usize, name: &str| -> Result<Tensor, String> {
                let t = input(x, i)?;
                if node.int(name, 0) == 0 { Ok(t.clone()) } else { exchanged(t) }
            };
            let y = product(&turned(0, "transA")?, &turned(1, "transB")?)?;
            one(arithmetic("Mul", &y, &Tensor::floats(vec![], vec![node.float("alpha", 1.0)]))?)
        }
        "DynamicQuantizeMatMul" => {
            let codes = dynamic(input(x, 0)?)?;
            let a = less_zero(&codes[0], Some(&codes[2]), None)?;
            let y = product(&a, &less_zero(input(x, 1)?, optional(x, 3), None)?)?;
            let y = arithmetic("Mul", &y, &arithmetic("Mul", &codes[1], input(x, 2)?)?)?;
            one(match optional(x, 4) {
                Some(bias) => arithmetic("Add", &y, bias)?,
                None => y,
            })
        }
        "Gemm" | "FusedGemm" => {
            let turned = |t: &Tensor, turn: bool| if turn { transposed(t) } else { Ok(t.clone()) };
            let a = turned(input(x, 0)?, node.int("transA", 0) != 0)?;
            let b = turned(input(x, 1)?, node.int("transB", 0) != 0)?;
            let scaled = |t: &Tensor, by: f32| arithmetic("Mul", t, &Tensor::floats(vec![], vec![by]));
            let y = scaled(&product(&a, &b)?, node.float("alpha", 1.0))?;
            let y = match optional(x, 2) {
                Some(c) => arithmetic("Add", &y, &scaled(c, node.float("beta", 1.0))?)?,
                None => y,
            };
            let f = |f: fn(f32) -> f32| Tensor::floats(y.shape.clone(), y.to_floats().into_iter().map(f).collect());
            one(match node.text("activation").as_str() {
                "" => y,
                "Relu" => f(|v| v.max(0.0)),
                "Tanh" => f(f32::tanh),
                "Sigmoid" => f(|v| 1.0 / (1.0 + (-v).exp())),
                other => return Err(format!("the activation {other}")),
            })
        }
        "MatMulInteger" => {
            let a = less_zero(input(x, 0)?, optional(x, 2), None)?;
            let y = product(&a, &less_zero(input(x, 1)?, optional(x, 3), None)?)?;
            let values = y.to_floats().iter().map(|&v| v as i64).collect();
            one(Tensor::ints(y.shape, Kind::I32, values))
        }
        "DequantizeLinear" => {
            let (t, scale) = (input(x, 0)?, input(x, 1)?);
            if node.int("block_size", 0) != 0 || scale.shape.len() > 1 {
                return Err("scales by blocks".into());
            }
            let axis = axis_of(node.int("axis", 1), t.shape.len()).unwrap_or(0);
            let codes = less_zero(t, optional(x, 2), Some(axis))?;
            let scale = scale.clone().reshaped(along_axis(scale, &t.shape, axis));
            one(arithmetic("Mul", &Tensor::floats(codes.shape.clone(), codes.to_floats()), &scale)?)
        }
        "DynamicQuantizeLinear" => dynamic(input(x, 0)?).map(Some),
        "Softmax" | "LogSoftmax" => one(softmax(node, input(x, 0)?, opset)?),
        "LayerNormalization" | "SimplifiedLayerNormalization" | "RMSNormalization" => {
            one(normalised(node, input(x, 0)?, optional(x, 1), optional(x, 2), op == "LayerNormalization")?)
        }
        "SkipLayerNormalization" | "SkipSimplifiedLayerNormalization" => {
            let simplified = op.contains("Simplified");
            let (beta, bias) = if simplified { (None, optional(x, 3)) } else { (optional(x, 3), optional(x, 4)) };
            let mut sum = arithmetic("Add", input(x, 0)?, input(x, 1)?)?;
            if let Some(bias) = bias {
                sum = arithmetic("Add", &sum, bias)?;
            }
            let y = normalised(node, &sum, optional(x, 2), beta, !simplified)?;
            Ok(Some(vec![y, Tensor::floats(vec![0], vec![]), Tensor::floats(vec![0], vec![]), sum]))
        }
        "EmbedLayerNormalization" => {
            let rows = |table: &Tensor, indices: &Tensor| -> Result<Tensor, String> {
                let &[count, width] = table.shape.as_slice() else { return Err("a table that is no matrix".into()) };
                let mut from = vec![];
                for i in indices.as_ints().ok_or("indices are not integers")? {
                    let at = super::moves::index(i, count)? * width;
                    from.extend(at..at + width);
                }
                Ok(table.picked([indices.shape.as_slice(), &[width]].concat(), &from))
            };
            let ids = input(x, 0)?;
            let tokens = ids.shape.last().copied().unwrap_or(1);
            let counted = Tensor::ints(vec![1, tokens], Kind::I64, (0..tokens as i64).collect());
            let mut sum = arithmetic("Add", &rows(input(x, 2)?, ids)?, &rows(input(x, 3)?, optional(x, 8).unwrap_or(&counted))?)?;
            if let (Some(segments), Some(table)) = (optional(x, 1), optional(x, 4)) {
                sum = arithmetic("Add", &sum, &rows(table, segments)?)?;
            }
            let made = by_line(&sum, sum.shape.len() - 1, |line| normal(line, f64::from(node.float("epsilon", 1e-12)), true));
            let y = arithmetic("Add", &arithmetic("Mul", &made, input(x, 5)?)?, input(x, 6)?)?;
            // How many tokens of each row count.
            let count: i64 = optional(x, 7).and_then(Tensor::as_ints).map_or(0, |m| m.iter().sum());
            Ok(Some(vec![y, Tensor::ints(vec![1], Kind::I32, vec![count]), sum]))
        }
        "LpNormalization" => {
            let t = input(x, 0)?;
            let axis = axis_of(node.int("axis", -1), t.shape.len())?;
            let l1 = node.int("p", 2) == 1;
            one(by_line(t, axis, |line| {
                let sum: f64 = line.iter().map(|v| if l1 { v.abs() } else { v * v }).sum();
                let by = if l1 { sum } else { sum.sqrt() };
                line.iter_mut().for_each(|v| *v = if by == 0.0 { 0.0 } else { *v / by });
            }))
        }
        _ => Ok(None),
    }
}

/// Changes each line along a dimension.
fn by_line(t: &Tensor, axis: usize, mut f: impl FnMut(&mut [f64])) -> Tensor {
    let mut v = t.to_floats();
    let (step, size) = (steps(&t.shape).get(axis).copied().unwrap_or(1), t.shape.get(axis).copied().unwrap_or(1));
    let mut line = vec![0f64; size];
    for at in (0..v.len()).filter(|i| i / step % size == 0) {
        (0..size).for_each(|i| line[i] = f64::from(v[at + i * step]));
        f(&mut line);
        (0..size).for_each(|i| v[at + i * step] = line[i] as f32);
    }
    Tensor::floats(t.shape.clone(), v)
}

/// The dimensions that a reduction goes over, and whether they stay as 1.
///
/// # Errors
/// Inputs that contradict ONNX.
pub fn reduced_axes(node: &Node, x: Inputs, rank: usize) -> Result<(Vec<usize>, bool), String> {
    let axes = match list(node, x, 1, "axes")? {
        Some(axes) if !axes.is_empty() => axes.iter().map(|&a| axis_of(a, rank)).collect::<Result<Vec<usize>, _>>()?,
        _ if node.int("noop_with_empty_axes", 0) != 0 => vec![],
        _ => (0..rank).collect(),
    };
    Ok((axes, node.int("keepdims", 1) != 0))
}

fn reduced(node: &Node, x: Inputs) -> Result<Tensor, String> {
    let t = input(x, 0)?;
    let (axes, keep) = reduced_axes(node, x, t.shape.len())?;
    let kept: Vec<usize> = (0..t.shape.len()).map(|d| if axes.contains(&d) { 1 } else { t.shape[d] }).collect();
    let shape: Vec<usize> = (0..kept.len()).filter(|d| keep || !axes.contains(d)).map(|d| kept[d]).collect();
    let count = t.len() as f64 / kept.iter().product::<usize>().max(1) as f64;
    let op = node.op();
    let (start, add): (f64, fn(f64, f64) -> f64) = match op {
        "ReduceSum" | "ReduceMean" => (0.0, |a, v| a + v),
        "ReduceSumSquare" | "ReduceL2" => (0.0, |a, v| a + v * v),
        "ReduceL1" => (0.0, |a, v| a + v.abs()),
        "ReduceProd" => (1.0, |a, v| a * v),
        "ReduceMax" => (f64::NEG_INFINITY, f64::max),
        "ReduceMin" => (f64::INFINITY, f64::min),
        _ => return Err("a reduction that the host does not have".into()),
    };
    let mut sums = vec![start; kept.iter().product()];
    let wide: Vec<f64> = match t.as_ints() {
        Some(v) => v.iter().map(|&v| v as f64).collect(),
        None => t.to_floats().iter().map(|&v| f64::from(v)).collect(),
    };
    pairs(&t.shape, &kept, &t.shape, |i, j| sums[j] = add(sums[j], wide[i]));
    match op {
        "ReduceMean" => sums.iter_mut().for_each(|v| *v /= count),
        "ReduceL2" => sums.iter_mut().for_each(|v| *v = v.sqrt()),
        _ => {}
    }
    Ok(match t.kind {
        Kind::F32 => Tensor::floats(shape, sums.iter().map(|&v| v as f32).collect()),
        kind => Tensor::ints(shape, kind, sums.iter().map(|&v| v as i64).collect()),
    })
}

fn extreme(node: &Node, x: Inputs) -> Result<Tensor, String> {
    let t = input(x, 0)?;
    let axis = axis_of(node.int("axis", 0), t.shape.len())?;
    let sign = if node.op() == "ArgMax" { 1.0 } else { -1.0 };
    if node.int("select_last_index", 0) != 0 || t.shape.is_empty() {
        return Err("the last of equal values, or of a scalar".into());
    }
    let v = t.to_floats();
    let (step, size) = (steps(&t.shape)[axis], t.shape[axis]);
    let better = |at: usize, b: usize, i: usize| if sign * v[at + i * step] > sign * v[at + b * step] { i } else { b };
    let best = |at: usize| (0..size).fold(0, |b, i| better(at, b, i)) as i64;
    let values = (0..v.len()).filter(|i| i / step % size == 0).map(best).collect();
    let mut shape = t.shape.clone();
    if node.int("keepdims", 1) != 0 {
        shape[axis] = 1;
    } else {
        shape.remove(axis);
    }
    Ok(Tensor::ints(shape, Kind::I64, values))
}

/// A tensor with its last two dimensions exchanged.
fn exchanged(t: &Tensor) -> Result<Tensor, String> {
    let &[.., r, c] = t.shape.as_slice() else { return Err(format!("a matrix of shape {:?}", t.shape)) };
    let mut shape = t.shape.clone();
    let last = shape.len() - 1;
    shape.swap(last, last - 1);
    let from: Vec<usize> = (0..t.len()).map(|n| n / (r * c) * r * c + n % r * c + n / r % c).collect();
    Ok(t.picked(shape, &from))
}

/// A matrix with its dimensions exchanged.
///
/// # Errors
/// Not a matrix.
pub fn transposed(t: &Tensor) -> Result<Tensor, String> {
    let &[r, c] = t.shape.as_slice() else { return Err(format!("a matrix of shape {:?}", t.shape)) };
    let from: Vec<usize> = (0..r * c).map(|n| n % r * c + n / r).collect();
    Ok(t.picked(vec![c, r], &from))
}

/// A matrix product as numpy.matmul has it.
fn product(a: &Tensor, b: &Tensor) -> Result<Tensor, String> {
    let wrong = || format!("a product of shapes {:?} and {:?}", a.shape, b.shape);
    let (row, column) = (a.shape.len() == 1, b.shape.len() == 1);
    let sa = if row { [&[1], a.shape.as_slice()].concat() } else { a.shape.clone() };
    let sb = if column { [b.shape.as_slice(), &[1]].concat() } else { b.shape.clone() };
    let ([fa @ .., m, k], [fb @ .., l, n]) = (sa.as_slice(), sb.as_slice()) else { return Err(wrong()) };
    if k != l {
        return Err(wrong());
    }
    let front = broadcast(&[fa, fb])?;
    let (x, y) = (a.to_floats(), b.to_floats());
    let mut made = Vec::with_capacity(front.iter().product::<usize>() * m * n);
    pairs(fa, fb, &front, |i, j| {
        let (x, y) = (&x[i * m * k..], &y[j * k * n..]);
        let mut line = vec![0f64; *n];
        for r in 0..*m {
            line.fill(0.0);
            for c in 0..*k {
                let by = f64::from(x[r * k + c]);
                line.iter_mut().zip(&y[c * n..(c + 1) * n]).for_each(|(s, &v)| *s += by * f64::from(v));
            }
            made.extend(line.iter().map(|&v| v as f32));
        }
    });
    let mut shape = front;
    if !row {
        shape.push(*m);
    }
    if !column {
        shape.push(*n);
    }
    Ok(Tensor::floats(shape, made))
}

/// The shape that a scale or zero point along a dimension of a tensor broadcasts from.
pub fn along_axis(of: &Tensor, shape: &[usize], axis: usize) -> Vec<usize> {
    if of.len() == 1 {
        return vec![];
    }
    let mut made = vec![1; shape.len()];
    made[axis] = of.len();
    made
}

/// Codes less their zero point, as int32; along a dimension, or as it broadcasts.
///
/// # Errors
/// No codes, or a zero point that does not broadcast.
pub fn less_zero(t: &Tensor, zero: Option<&Tensor>, axis: Option<usize>) -> Result<Tensor, String> {
    let ints = |t: &Tensor| t.as_ints().map(|v| Tensor::ints(t.shape.clone(), Kind::I32, v)).ok_or("codes are not integers");
    let codes = ints(t)?;
    let Some(zero) = zero else { return Ok(codes) };
    let shape = match axis {
        Some(axis) => along_axis(zero, &t.shape, axis),
        None if zero.len() == 1 => vec![],
        None => zero.shape.clone(),
    };
    arithmetic("Sub", &codes, &ints(zero)?.reshaped(shape))
}

fn dynamic(t: &Tensor) -> Result<Vec<Tensor>, String> {
    let v = t.as_floats().ok_or("codes of integers")?;
    let (lo, hi) = v.iter().fold((0f32, 0f32), |(lo, hi), &v| (lo.min(v), hi.max(v)));
    let scale = if hi == lo { 1.0 } else { (hi - lo) / 255.0 };
    let zero = (-lo / scale).round_ties_even().clamp(0.0, 255.0);
    let codes = v.iter().map(|v| ((v / scale).round_ties_even() + zero).clamp(0.0, 255.0) as i64).collect();
    Ok(vec![
        Tensor::ints(t.shape.clone(), Kind::U8, codes),
        Tensor::floats(vec![], vec![scale]),
        Tensor::ints(vec![], Kind::U8, vec![zero as i64]),
    ])
}

fn softmax(node: &Node, t: &Tensor, opset: i64) -> Result<Tensor, String> {
    let rank = t.shape.len();
    let axis = axis_of(node.int("axis", if opset < 13 { 1 } else { -1 }), rank)?;
    let log = node.op() == "LogSoftmax";
    // Before opset 13 all dimensions from the axis on are one.
    let (flat, axis) = if opset < 13 {
        let outer: usize = t.shape[..axis].iter().product();
        (vec![outer, t.len() / outer.max(1)], 1)
    } else {
        (t.shape.clone(), axis)
    };
    let made = by_line(&t.clone().reshaped(flat), axis, |line| {
        let most = line.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = line.iter().map(|v| (v - most).exp()).sum();
        line.iter_mut().for_each(|v| *v = if log { *v - most - sum.ln() } else { (*v - most).exp() / sum });
    });
    Ok(made.reshaped(t.shape.clone()))
}

/// Less the mean, if it is subtracted, over the root of the mean square.
fn normal(line: &mut [f64], epsilon: f64, mean: bool) {
    let n = line.len() as f64;
    let mu = if mean { line.iter().sum::<f64>() / n } else { 0.0 };
    let by = 1.0 / (line.iter().map(|v| (v - mu) * (v - mu)).sum::<f64>() / n + epsilon).sqrt();
    line.iter_mut().for_each(|v| *v = (*v - mu) * by);
}

fn normalised(node: &Node, t: &Tensor, gain: Option<&Tensor>, bias: Option<&Tensor>, mean: bool) -> Result<Tensor, String> {
    let rank = t.shape.len();
    let axis = axis_of(node.int("axis", -1), rank)?;
    let (outer, inner): (usize, usize) = (t.shape[..axis].iter().product(), t.shape[axis..].iter().product());
    let epsilon = f64::from(node.float("epsilon", 1e-5));
    let flat = by_line(&t.clone().reshaped(vec![outer, inner]), 1, |line| normal(line, epsilon, mean));
    let mut y = flat.reshaped(t.shape.clone());
    for (op, by) in [("Mul", gain), ("Add", bias)] {
        if let Some(by) = by {
            y = arithmetic(op, &y, by)?;
        }
    }
    Ok(y)
}
