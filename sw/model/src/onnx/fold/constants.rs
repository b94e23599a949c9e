// SPDX-License-Identifier: Apache-2.0
//! Nodes whose inputs are all constants become constants: Constant, Identity, Dropout, QuantizeLinear, DequantizeLinear, and operators
//! that only say in which order elements are counted.

use crate::onnx::array::{Array, Data};
use crate::onnx::error::{Fail, ImportError, unsupported, wrong};
use crate::onnx::fold::facts::Constants;
use crate::onnx::fold::integers::{computed, of_shape};
use crate::onnx::fold::known::{Dequantised, Known, constant as given};
use crate::onnx::fold::places::Places;
use crate::onnx::fold::plan::plan;
use crate::onnx::fold::quantized::{dequantize, quantize};
use crate::onnx::fold::shapes::infer;
use crate::onnx::parse::live::keep_live;
use crate::onnx::parse::model::{Initialiser, Model};
use crate::onnx::parse::node::Node;
use std::collections::HashMap;
use std::rc::Rc;

/// Elements of a constant that is made larger.
const LARGEST: usize = 1 << 22;

type Fold = fn(&Node, &[Option<Known>]) -> Result<Known, Fail>;

/// Operators that are computed here where their inputs are constants: domain, name, function.
const FOLDS: [(&str, &str, Fold); 17] = [
    ("", "Constant", constant),
    ("", "Identity", same),
    ("", "Dropout", same),
    ("", "QuantizeLinear", quantize),
    ("", "DequantizeLinear", dequantize),
    ("com.microsoft", "QuantizeLinear", quantize),
    ("com.microsoft", "DequantizeLinear", dequantize),
    ("", "Reshape", moved),
    ("", "Flatten", moved),
    ("", "Squeeze", moved),
    ("", "Unsqueeze", moved),
    ("", "Transpose", moved),
    ("", "DepthToSpace", moved),
    ("", "SpaceToDepth", moved),
    ("", "Expand", expand),
    ("", "Gather", part),
    ("", "Slice", part),
];

/// All constants of a model by name; nodes that were computed are no more among its nodes. A node of constants that cannot be computed
/// stays, with the reason in it.
///
/// # Errors
/// [`ImportError::Node`] of a node that contradicts ONNX.
pub fn fold(model: &mut Model) -> Result<HashMap<String, Known>, ImportError> {
    let of = |value: &Initialiser| match value {
        Initialiser::Array(array) => Known::Array(array.clone()),
        Initialiser::Foreign(element) => Known::Foreign(element.clone()),
    };
    let mut known: HashMap<String, Known> = model.initialisers.iter().map(|(name, v)| (name.clone(), of(v))).collect();
    known.extend(model.given.iter().map(|(name, array)| (name.clone(), Known::Array(array.clone()))));
    let mut rest = vec![];
    // Shapes are only followed where the graph asks for one.
    let asked = model.nodes.iter().any(|node| node.is_standard() && matches!(node.op(), "Shape" | "Size"));
    let mut shapes: HashMap<String, Vec<usize>> = model.inputs.iter().map(|i| (i.name.clone(), i.shape.clone())).collect();
    for mut node in std::mem::take(&mut model.nodes) {
        let domain = if node.is_standard() { "" } else { node.proto.domain.as_str() };
        let fold = FOLDS.iter().find(|(d, op, _)| *d == domain && *op == node.op()).map(|f| f.2);
        let inputs: Option<Vec<Option<Known>>> = (node.proto.input.iter())
            .map(|name| match known.get(name) {
                _ if name.is_empty() => Some(None),
                Some(Known::Foreign(_)) | None => None,
                Some(value) => Some(Some(value.clone())),
            })
            .collect();
        if asked {
            follow(&node, &known, &mut shapes, model.opset);
        }
        if let (true, [output]) = (node.is_standard(), node.proto.output.as_slice()) {
            let shape = node.proto.input.first().and_then(|name| shapes.get(name));
            let mut made = shape.and_then(|shape| of_shape(&node, shape));
            // Small integers, of which shapes are made, also in ways that others have not.
            let small = fold.is_none() || matches!(node.op(), "Gather" | "Slice");
            if let (None, true, Some(inputs)) = (&made, small, &inputs) {
                made = match computed(&node, inputs) {
                    Ok(value) => value,
                    Err(Fail::Wrong(what)) => return Err(node.wrong(what)),
                    Err(Fail::Unsupported(..)) => None,
                };
            }
            if let Some(value) = made {
                known.insert(output.clone(), value);
                continue;
            }
        }
        let (Some(fold), Some(inputs), [output]) = (fold, inputs, node.proto.output.as_slice()) else {
            rest.push(node);
            continue;
        };
        match fold(&node, &inputs) {
            Ok(value) => {
                known.insert(output.clone(), value);
            }
            Err(Fail::Wrong(what)) => return Err(node.wrong(what)),
            Err(Fail::Unsupported(reason, help)) => {
                node.refused = Some((reason, help));
                rest.push(node);
            }
        }
    }
    // What only led to a shape counts no more.
    model.nodes = if asked { keep_live(rest, &model.outputs) } else { rest };
    Ok(known)
}

/// Puts the shapes of a node's results among those that are known.
fn follow(node: &Node, known: &HashMap<String, Known>, shapes: &mut HashMap<String, Vec<usize>>, opset: i64) {
    for name in node.inputs() {
        match known.get(name) {
            Some(Known::Array(array)) => shapes.insert(name.to_string(), array.shape.clone()),
            Some(Known::Dequantised(c)) => shapes.insert(name.to_string(), c.shape.clone()),
            Some(Known::Foreign(_)) | None => continue,
        };
    }
    let mut of: Vec<Option<&[usize]>> = node.proto.input.iter().map(|name| shapes.get(name).map(Vec::as_slice)).collect();
    // Windows slide over each image of a batch alike.
    let windows = ["Conv", "QLinearConv", "ConvInteger", "ConvTranspose", "MaxPool", "AveragePool", "QLinearAveragePool"];
    let batch = match of.first() {
        Some(Some([n, image @ ..])) if *n > 1 && windows.contains(&node.op()) => Some((*n, [&[1], image].concat())),
        _ => None,
    };
    if let Some((_, one)) = &batch {
        of[0] = Some(one);
    }
    let mut made = infer(node, &Constants { node, known }, &of, opset).unwrap_or_default();
    if let Some((n, _)) = batch {
        made.iter_mut().filter_map(|shape| shape.first_mut()).for_each(|first| *first = n);
    }
    for (name, shape) in node.proto.output.iter().zip(made).filter(|(name, _)| !name.is_empty()) {
        shapes.insert(name.clone(), shape);
    }
}

fn constant(node: &Node, _: &[Option<Known>]) -> Result<Known, Fail> {
    if let Some(array) = node.tensor("value")? {
        return Ok(Known::Array(Rc::new(array)));
    }
    let (shape, data) = match () {
        () if node.has("value_float") => (vec![], Data::F32(vec![node.float("value_float", 0.0)])),
        () if node.has("value_int") => (vec![], Data::I64(vec![node.int("value_int", 0)])),
        () => match (node.floats("value_floats"), node.ints("value_ints")) {
            (Some(v), _) => (vec![v.len()], Data::F32(v.to_vec())),
            (None, Some(v)) => (vec![v.len()], Data::I64(v.to_vec())),
            _ => return unsupported("a constant that is no tensor of numbers", "write it as an initialiser"),
        },
    };
    Ok(Known::Array(Rc::new(Array { shape, data })))
}

/// Expand of a constant with one scale at most.
fn expand(_: &Node, inputs: &[Option<Known>]) -> Result<Known, Fail> {
    let Some(to) = given(inputs, 1)?.and_then(|a| a.integers()) else { return wrong("input 1 is no shape") };
    let (from, one) = match inputs.first() {
        Some(Some(Known::Array(a))) => (a.shape.clone(), true),
        Some(Some(Known::Dequantised(c))) => (c.shape.clone(), c.scales.len() == 1),
        _ => return wrong("input 0 is missing"),
    };
    let rank = from.len().max(to.len());
    let at = |d: usize, len: usize| (d + len).checked_sub(rank);
    let mut shape = vec![];
    for d in 0..rank {
        let own = at(d, from.len()).map_or(1, |d| from[d]);
        let wanted = at(d, to.len()).map_or(Ok(1), |d| usize::try_from(to[d]));
        match wanted {
            Ok(wanted) if own == wanted || wanted == 1 => shape.push(own),
            Ok(wanted) if own == 1 => shape.push(wanted),
            _ => return wrong(format!("shape {from:?} does not broadcast to {to:?}")),
        }
    }
    let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|&n| n <= LARGEST);
    let (Some(count), true) = (count, one) else {
        return unsupported(format!("a constant of shape {shape:?}, or with several scales"), "store it as it is used");
    };
    let from_of = |mut place: usize| {
        let (mut index, mut step) = (0, 1);
        for (d, &size) in shape.iter().enumerate().rev() {
            let own = at(d, from.len()).map_or(1, |d| from[d]);
            index += if own == 1 { 0 } else { place % size * step };
            step *= own;
            place /= size;
        }
        index as u32
    };
    let moves: Vec<u32> = (0..count).map(from_of).collect();
    Ok(match inputs.first() {
        Some(Some(Known::Dequantised(c))) => {
            let ints = moves.iter().map(|&from| c.ints[from as usize]).collect();
            Known::Dequantised(Dequantised { shape, ints: Rc::new(ints), ..c.clone() })
        }
        Some(Some(Known::Array(a))) => Known::Array(Rc::new(picked(a, shape, &moves))),
        _ => return wrong("input 0 is missing"),
    })
}

/// An array of elements of another.
fn picked(a: &Array, shape: Vec<usize>, moves: &[u32]) -> Array {
    fn pick<T: Copy>(v: &mut Vec<T>, moves: &[u32]) {
        *v = moves.iter().map(|&from| v[from as usize]).collect();
    }
    let mut data = a.data.clone();
    match &mut data {
        Data::I8(v) => pick(v, moves),
        Data::U8(v) => pick(v, moves),
        Data::I32(v) => pick(v, moves),
        Data::I64(v) => pick(v, moves),
        Data::F32(v) => pick(v, moves),
    }
    Array { shape, data }
}

fn same(_: &Node, inputs: &[Option<Known>]) -> Result<Known, Fail> {
    match inputs.first() {
        Some(Some(value)) => Ok(value.clone()),
        _ => wrong("input 0 is missing"),
    }
}

/// An operator that only says in which order elements are counted.
/// Gather and Slice of a constant by constants.
fn part(node: &Node, inputs: &[Option<Known>]) -> Result<Known, Fail> {
    let shape = match inputs.first() {
        Some(Some(Known::Array(a))) => &a.shape,
        Some(Some(Known::Dequantised(c))) if c.scales.len() == 1 => &c.shape,
        Some(Some(Known::Dequantised(_))) => {
            return unsupported("parts of a constant with a scale for each channel", "store them by themselves");
        }
        _ => return wrong("input 0 is missing"),
    };
    let Some([places]) = Places::whole(shape).through(node, inputs).and_then(|all| <[Places; 1]>::try_from(all).ok()) else {
        return wrong(format!("no such part of a constant of shape {shape:?}"));
    };
    if places.of.len() > LARGEST {
        return unsupported(format!("a constant of shape {:?}", places.shape), "store it as it is used");
    }
    Ok(match inputs.first() {
        Some(Some(Known::Dequantised(c))) => {
            let ints = places.of.iter().map(|&from| c.ints[from]).collect();
            Known::Dequantised(Dequantised { shape: places.shape, ints: Rc::new(ints), axis: 0, ..c.clone() })
        }
        Some(Some(Known::Array(a))) => {
            let moves: Vec<u32> = places.of.iter().map(|&from| from as u32).collect();
            Known::Array(Rc::new(picked(a, places.shape, &moves)))
        }
        _ => return wrong("input 0 is missing"),
    })
}

fn moved(node: &Node, inputs: &[Option<Known>]) -> Result<Known, Fail> {
    fn pick<T: Copy>(v: &mut Vec<T>, moves: &[u32]) {
        *v = moves.iter().map(|&from| v[from as usize]).collect();
    }
    match inputs.first() {
        Some(Some(Known::Dequantised(c))) => {
            if c.scales.len() > 1 && node.op() != "Transpose" {
                return unsupported("a constant with a scale for each channel", "store it in the layout that is needed");
            }
            let (shape, moves) = plan(node, node.op(), inputs, &c.shape)?;
            let mut ints = c.ints.to_vec();
            moves.iter().for_each(|moves| pick(&mut ints, moves));
            let rank = c.shape.len();
            let perm: Vec<usize> = node.ints("perm").map_or((0..rank).rev().collect(), |p| {
                p.iter().map(|&a| if a < 0 { a + rank as i64 } else { a } as usize).collect()
            });
            let moved = c.scales.len() > 1;
            let axis = if moved { perm.iter().position(|&p| p == c.axis).unwrap_or(c.axis) } else { c.axis };
            Ok(Known::Dequantised(Dequantised { shape, ints: Rc::new(ints), axis, ..c.clone() }))
        }
        Some(Some(Known::Array(a))) => {
            let (shape, moves) = plan(node, node.op(), inputs, &a.shape)?;
            Ok(Known::Array(Rc::new(match moves {
                Some(moves) => picked(a, shape, &moves),
                None => Array { shape, ..(**a).clone() },
            })))
        }
        _ => wrong("input 0 is missing"),
    }
}
