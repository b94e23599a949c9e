// SPDX-License-Identifier: Apache-2.0
//! A static batch as runs in a row: the model of one element, where no node mixes elements. The batch is the first dimension of every
//! input; it goes through a node where that reads and writes it as its first dimension and does to each element what it does to one.

use crate::onnx::array::{Array, Data};
use crate::onnx::error::Unsupported;
use crate::onnx::fold::facts::Constants;
use crate::onnx::fold::known::{Given, Known};
use crate::onnx::fold::scales::{axis_of, list};
use crate::onnx::fold::shapes::{BROADCAST, SAME, infer};
use crate::onnx::parse::model::Model;
use crate::onnx::parse::node::Node;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Elements of the batch: the first dimension of every input, where it is more than 1 and not the only one.
pub fn size(model: &Model) -> Option<usize> {
    let first = *model.inputs.first()?.shape.first()?;
    (first > 1 && model.inputs.iter().all(|i| i.shape.len() > 1 && i.shape[0] == first)).then_some(first)
}

/// The model and the constants of one element of a batch of `n`.
///
/// # Errors
/// The nodes that mix elements, each with its number, and outputs that have no batch.
pub fn single(
    model: &Model,
    known: &HashMap<String, Known>,
    n: usize,
) -> Result<(Model, HashMap<String, Known>), Vec<(Option<usize>, Unsupported)>> {
    let (mut model, mut known, mut mixed) = (model.clone(), known.clone(), vec![]);
    model.stated.clear();
    let mut shapes: HashMap<String, Vec<usize>> = HashMap::new();
    for (name, value) in &known {
        match value {
            Known::Array(array) => shapes.insert(name.clone(), array.shape.clone()),
            Known::Dequantised(c) => shapes.insert(name.clone(), c.shape.clone()),
            Known::Foreign(_) => None,
        };
    }
    let mut batched: HashSet<String> = HashSet::new();
    for input in &mut model.inputs {
        input.shape[0] = 1;
        batched.insert(input.name.clone());
        shapes.insert(input.name.clone(), input.shape.clone());
    }
    for (at, node) in model.nodes.iter_mut().enumerate() {
        let carries: Vec<bool> = node.proto.input.iter().map(|name| batched.contains(name)).collect();
        if !carries.contains(&true) {
            continue;
        }
        for i in [1, 3] {
            counted(node, i, n, &mut known, &mut shapes);
        }
        let of: Vec<Option<&[usize]>> = node.proto.input.iter().map(|name| shapes.get(name).map(Vec::as_slice)).collect();
        let given = Constants { node, known: &known };
        let made = infer(node, &given, &of, model.opset).unwrap_or_default();
        let first = made.first().and_then(|s| s.first());
        let reason = match mixes(node, &given, &of, &carries, model.opset) {
            Some(reason) => Some(reason),
            None if first.is_some_and(|&d| d != 1) => {
                Some(format!("its result of shape {:?} for one element of the batch", made[0]))
            }
            None if made.is_empty() => Some("the shape of its result is not known".into()),
            None => None,
        };
        if let Some(reason) = reason {
            let reason = format!("a batch of {n}: {reason}");
            let help = "export it with batch 1, and run inputs one behind the other (--batch-dir)".into();
            mixed.push((Some(at), Unsupported { node: node.name.clone(), op: node.op().to_string(), reason, help }));
            continue;
        }
        for (i, name) in node.proto.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            batched.insert(name.clone());
            if let Some(shape) = made.get(i).filter(|s| !s.is_empty()) {
                shapes.insert(name.clone(), shape.clone());
            }
        }
    }
    if mixed.is_empty() {
        for name in model.outputs.iter().filter(|name| !batched.contains(*name)) {
            let reason = format!("a batch of {n}: it is the same for every element");
            mixed.push((None, Unsupported { node: name.clone(), op: "output".into(), reason, help: String::new() }));
        }
    }
    if mixed.is_empty() { Ok((model, known)) } else { Err(mixed) }
}

/// Shapes that a node is given count the batch as `n`: of one element they count it as 1.
fn counted(node: &mut Node, i: usize, n: usize, known: &mut HashMap<String, Known>, shapes: &mut HashMap<String, Vec<usize>>) {
    let is_shape = matches!((node.op(), i), ("Reshape", 1) | ("Resize", 3));
    let Some(name) = node.proto.input.get(i).filter(|_| is_shape) else { return };
    let Some(Known::Array(array)) = known.get(name) else { return };
    let Data::I64(values) = &array.data else { return };
    if values.first() != Some(&(n as i64)) {
        return;
    }
    let mut values = values.clone();
    values[0] = 1;
    let one = format!("{name} (one element)");
    shapes.insert(one.clone(), array.shape.clone());
    let array = Array { shape: array.shape.clone(), data: Data::I64(values) };
    known.insert(one.clone(), Known::Array(Rc::new(array)));
    node.proto.input[i] = one;
}

/// Why a node does not do to each element what it does to one; `carries`: which inputs have the batch first.
fn mixes(node: &Node, given: &impl Given, shapes: &[Option<&[usize]>], carries: &[bool], opset: i64) -> Option<String> {
    let op = node.op();
    let rank = |i: usize| shapes.get(i).copied().flatten().map(<[usize]>::len);
    let alone = |i: usize| {
        (carries.iter().enumerate().any(|(j, &c)| c != (i == j))).then(|| "another operand than its first".to_string())
    };
    let across = || Some("it goes across the elements".to_string());
    let axis = |default: i64, of: usize| match rank(of).map(|r| axis_of(node.int("axis", default), r)) {
        Some(Ok(0)) => across(),
        Some(Ok(_)) => None,
        _ => Some("its shape is not known".into()),
    };
    let axes = |i: usize| match (list(node, given, i, "axes"), rank(0)) {
        // Those of Unsqueeze count in the result, where the batch stays first.
        (Ok(Some(axes)), Some(rank)) => {
            let rank = rank + if op == "Unsqueeze" { axes.len() } else { 0 };
            if axes.iter().any(|&a| axis_of(a, rank).map_or(true, |a| a == 0)) { across() } else { None }
        }
        _ => across(),
    };
    let listed = |list: &str| list.split(' ').any(|name| name == op);
    if listed(BROADCAST) || matches!(op, "QLinearAdd" | "QLinearMul") {
        let places: &[usize] = if op.starts_with("QLinear") { &[0, 3] } else { &[0, 1, 2, 3, 4, 5, 6, 7] };
        let most = places.iter().filter_map(|&i| rank(i)).max();
        let odd = |i: usize| match (shapes.get(i).copied().flatten(), carries.get(i)) {
            (Some(shape), Some(true)) => Some(shape.len()) != most,
            (Some(shape), Some(false)) => Some(shape.len()) == most && shape.first().is_some_and(|&d| d != 1),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let wrong = places.iter().any(|&i| odd(i));
        return wrong.then(|| "a constant that differs from element to element, or shapes of other ranks".into());
    }
    match op {
        "Softmax" | "LogSoftmax" => axis(if opset < 13 { 1 } else { -1 }, 0),
        "QLinearSoftmax" => axis(-1, 0).or(alone(0)),
        "ArgMax" | "ArgMin" => axis(0, 0).or(alone(0)),
        "QuantizeLinear" | "DequantizeLinear" => {
            let one = shapes.get(1).copied().flatten().is_some_and(|s| s.iter().product::<usize>() == 1);
            if one { None } else { axis(1, 0) }
        }
        "Concat" if carries.contains(&false) => Some("a constant that is joined to each".into()),
        "Concat" | "Split" => axis(0, 0),
        "QLinearConcat" => axis(0, 2),
        // A constant table: elements of the indices are those of the result.
        "Gather" if carries == [false, true] => None,
        "Gather" => axis(0, 0).or(alone(0)),
        "Slice" | "Pad" if op == "Slice" && rank(3).is_some() => axes(3).or(alone(0)),
        "Slice" => match list(node, given, 1, "starts") {
            Ok(Some(_)) if node.has("axes") => axes(3),
            _ => across(),
        },
        "Pad" => match (list(node, given, 1, "pads"), list(node, given, 3, "axes"), rank(0)) {
            (Ok(Some(pads)), Ok(None), Some(rank)) if pads.len() == 2 * rank && pads[0] == 0 && pads[rank] == 0 => None,
            (Ok(Some(_)), Ok(Some(_)), _) => axes(3),
            _ => across(),
        },
        "Flatten" => match rank(0).map(|r| node.int("axis", 1).rem_euclid(r.max(1) as i64)) {
            Some(1) => None,
            _ => across(),
        },
        "Squeeze" | "Unsqueeze" => axes(1),
        "Transpose" => {
            if node.ints("perm").is_some_and(|p| p.first() == Some(&0)) {
                None
            } else {
                across()
            }
        }
        // Two activations, matrix by matrix.
        "MatMul" if carries == [true, true] => {
            let apart = rank(0) == rank(1) && rank(0) > Some(2);
            (!apart).then(|| "a product of its elements with each other".into())
        }
        "LayerNormalization" | "RMSNormalization" | "SimplifiedLayerNormalization" => match node.ints("axes") {
            Some(axes) if axes.contains(&0) => across(),
            Some(_) => alone(0),
            None => axis(-1, 0).or(alone(0)),
        },
        "MatMul" | "MatMulInteger" | "QLinearMatMul" => {
            let weights = if op == "QLinearMatMul" { 3 } else { 1 };
            let flat = shapes.get(weights).copied().flatten().is_some_and(|w| w.len() <= 2 || w[0] == 1);
            alone(0).or((!flat || rank(0) < Some(2)).then(|| "a matrix for each element".into()))
        }
        "Gemm" | "QGemm" => {
            let bias = if op == "Gemm" { 2 } else { 6 };
            let each = shapes.get(bias).copied().flatten().is_some_and(|c| c.len() > 1 && c[0] != 1);
            alone(0).or((node.int("transA", 0) != 0 || each).then(|| "it goes across the elements".into()))
        }
        "Resize" | "Upsample" | "Reshape" => alone(0),
        "Conv"
        | "ConvInteger"
        | "ConvTranspose"
        | "QLinearConv"
        | "BatchNormalization"
        | "MaxPool"
        | "AveragePool"
        | "GlobalAveragePool"
        | "QLinearAveragePool"
        | "QLinearGlobalAveragePool"
        | "GlobalMaxPool"
        | "DepthToSpace"
        | "SpaceToDepth"
        | "Identity"
        | "Dropout"
        | "Clip"
        | "QLinearSigmoid"
        | "QLinearLeakyRelu" => alone(0),
        _ if op.starts_with("Reduce") => axes(1).or(alone(0)),
        _ if carries == [true] => {
            if listed(SAME) {
                None
            } else {
                across()
            }
        }
        _ => Some("it is not known to keep elements apart".into()),
    }
}
