// SPDX-License-Identifier: Apache-2.0
//! The passes one after the other.

use crate::graph::Graph;
use crate::onnx::error::{ImportError, Unsupported};
use crate::onnx::fold::batch;
use crate::onnx::fold::constants::fold;
use crate::onnx::fold::facts::Facts;
use crate::onnx::fold::known::Known;
use crate::onnx::fold::windows::BATCH;
use crate::onnx::fuse::columns;
use crate::onnx::fuse::contrib;
use crate::onnx::fuse::input_norms;
use crate::onnx::fuse::norms;
use crate::onnx::fuse::pairs::merge;
use crate::onnx::fuse::picked;
use crate::onnx::lower::walk::{Lowered, lower};
use crate::onnx::parse::model::{Constants, Model, parse};
use crate::onnx::parse::node::Node;
use std::collections::HashMap;
use std::path::Path;

/// A model that was read.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its graph.
    pub graph: Graph,
    /// What was taken for granted, for the user to read.
    pub notes: Vec<String>,
}

/// How much of a model runs.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Nodes that lead to an output and are no constants.
    pub nodes: usize,
    /// What cannot run.
    pub unsupported: Vec<Unsupported>,
    /// Multiplications of all convolutions and matrix products whose shapes are known.
    pub macs: u64,
    /// Those of them in nodes that would run.
    pub running: u64,
    /// Convolutions and matrix products whose shapes are not known.
    pub unknown: usize,
    /// What was taken for granted, for the user to read.
    pub notes: Vec<String>,
}

/// All passes. Pairs are merged first of all, on the nodes as they are in the file, for ONNX Runtime does so too.
fn passes(
    bytes: &[u8],
    folder: Option<&Path>,
    constants: &Constants,
) -> Result<(Model, HashMap<String, Known>, Lowered), ImportError> {
    let mut model = parse(bytes, folder, constants)?;
    contrib::find(&mut model);
    merge(&mut model);
    let mut known = fold(&mut model)?;
    norms::find(&mut model, &mut known);
    picked::find(&mut model, &known);
    input_norms::find(&mut model, &known);
    let lowered = lowered(&mut model, &mut known)?;
    Ok((model, known, lowered))
}

/// Reads a model in one file. Graph inputs named in `constants` become constants; one input must remain.
///
/// # Errors
/// What is wrong with the model, or all its nodes that cannot run: see [`ImportError`].
pub fn import(bytes: &[u8], constants: &Constants) -> Result<Graph, ImportError> {
    import_from(bytes, None, constants).map(|imported| imported.graph)
}

/// The same of a model whose tensors may lie in other files in `folder`, with notes for the user.
///
/// # Errors
/// As [`import`].
pub fn import_from(bytes: &[u8], folder: Option<&Path>, constants: &Constants) -> Result<Imported, ImportError> {
    let (model, _, lowered) = passes(bytes, folder, constants)?;
    let list = match lowered {
        Lowered::Graph(graph) => return Ok(Imported { graph: *graph, notes: model.notes }),
        Lowered::Refused(list) => advised(&model, list.into_iter().map(|(_, u)| u).collect()),
    };
    Err(if model.quantised { ImportError::Unsupported(list) } else { ImportError::NotQuantised(list) })
}

/// What does not run, with what helps where a network has operators on codes (QuantFormat.QOperator) and something reads float32: that format
/// leaves what it has no such operator for between floats.
fn advised(model: &Model, mut list: Vec<Unsupported>) -> Vec<Unsupported> {
    let on_codes = |n: &Node| n.op().starts_with("QLinear") || n.op() == "QGemm";
    // Those that it does not quantise in that format either.
    let left = |n: &Node| matches!(n.op(), "ReduceSum" | "Sub");
    if model.nodes.iter().any(on_codes) && !model.nodes.iter().any(left) {
        for u in list.iter_mut().filter(|u| u.reason.contains("float32 input") || u.reason.contains("float32 result")) {
            let before = if u.help.is_empty() { String::new() } else { format!("{}; or ", u.help) };
            u.help = format!("{before}quantise with QuantFormat.QDQ, which does so around each operator");
        }
    }
    list
}

/// Lowers a model as it is: a matrix has as many rows as its batch. Where windows would slide over several images, and no node mixes them,
/// the graph of one element, which runs for one after the other.
fn lowered(model: &mut Model, known: &mut HashMap<String, Known>) -> Result<Lowered, ImportError> {
    // Which rows of tables belong together depends on the batch.
    let before = batch::size(model).map(|n| (model.clone(), known.clone(), n));
    columns::find(model, known);
    let (mut list, (whole, constants, n)) = match (lower(model, known)?, before) {
        (Lowered::Refused(list), Some(before)) if list.iter().any(|(_, u)| u.reason.starts_with(BATCH)) => (list, before),
        (whole, _) => return Ok(whole),
    };
    match batch::single(&whole, &constants, n) {
        Ok(one) => {
            (*model, *known) = one;
            columns::find(model, known);
            model.notes.push(format!("a batch of {n}: {n} runs, one behind the other"));
            Ok(match lower(model, known)? {
                Lowered::Graph(graph) => Lowered::Graph(Box::new(Graph { batch: n, ..*graph })),
                refused => refused,
            })
        }
        Err(mixed) => {
            (*model, *known) = (whole, constants);
            // Where nodes mix the elements the others would run, one element behind the other.
            list.retain(|(at, u)| !u.reason.starts_with(BATCH) && mixed.iter().all(|(m, _)| m != at));
            list.extend(mixed);
            Ok(Lowered::Refused(list))
        }
    }
}

/// How much of a model runs, whether all of it does or not.
///
/// # Errors
/// What is wrong with the model, and what of its file is not read.
pub fn survey(bytes: &[u8], folder: Option<&Path>, constants: &Constants) -> Result<Survey, ImportError> {
    let (model, known, lowered) = passes(bytes, folder, constants)?;
    let refused = match lowered {
        Lowered::Graph(_) => vec![],
        Lowered::Refused(list) => list,
    };
    let facts = Facts::of(&model, &known);
    let (mut macs, mut running, mut unknown) = (0, 0, 0);
    for (at, node) in model.nodes.iter().enumerate() {
        match facts.macs(node) {
            None => {}
            Some(None) => unknown += 1,
            Some(Some(count)) => {
                macs += count;
                running += if refused.iter().any(|(n, _)| *n == Some(at)) { 0 } else { count };
            }
        }
    }
    let unsupported = advised(&model, refused.into_iter().map(|(_, u)| u).collect());
    Ok(Survey { nodes: model.nodes.len(), unsupported, macs, running, unknown, notes: model.notes })
}
