// SPDX-License-Identifier: Apache-2.0
//! ONNX files to encoders: what `quantize_dynamic` writes, int8 weights behind Cast and Mul or DequantizeLinear, and float32.
//!
//! The graph is cut in three: a front that the host computes (embeddings, masks), the machine's part, and what is behind it (pooling,
//! classifiers). `trace` follows the graph from a cut on and finds what is row-wise, `recognise` says which functions and
//! normalisations it is, `emit` makes operators of it. Cuts are tried from the first product backwards, results from the outputs
//! backwards.

mod emit;
mod joined;
mod layout;
mod net;
mod operators;
mod products;
mod recognise;
mod rows;
mod run;
mod trace;
mod weights;

pub use crate::encoder::host::tensor::Kind;
pub use net::{Input, dimension_names, input_names, looks_dynamic, open as open_dimensions};
pub use run::{Imported, Prepared, RunError};

use crate::onnx::{ImportError, Unsupported};
use emit::{Emitted, emit};
use layout::{Of, View};
use net::Net;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use trace::{Front, Trace, Value, dominators, front};

/// Cuts and results that are tried, at most.
const MOST: usize = 24;

/// A refusal: the host computes what is behind the machine, a pooled vector's products, but not those of all tokens; of a single token
/// not more than a quarter of what the machine does.
const HEAVY: &str = "a product of tokens behind what the machine does not have";

/// Refusals that another cut may not have.
const CUT_AGAIN: [&str; 4] = [operators::CUT, trace::BY_TOKEN, emit::ALONE_CONSTANT, emit::ALONE_FACTOR];

/// How a file is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Sizes of dimensions that the file leaves open, by their names, or by the input's name and the dimension's number, as
    /// `input_ids:1`. An open first dimension is 1 where it has none.
    pub sizes: BTreeMap<String, usize>,
}

/// Reads a model in one file.
///
/// # Errors
/// What is wrong with the file, or all nodes that cannot run: see [`ImportError`].
pub fn import(bytes: &[u8], options: &Options) -> Result<Imported, ImportError> {
    import_from(bytes, None, options)
}

/// The same of a file whose tensors may lie in others, in `folder`.
///
/// # Errors
/// As [`import`].
pub fn import_from(bytes: &[u8], folder: Option<&Path>, options: &Options) -> Result<Imported, ImportError> {
    let net = net::read(bytes, folder, &options.sizes)?;
    let mut least: Option<Vec<(usize, String)>> = None;
    // What only another cut would mend says less than the rest.
    let rank = |list: &[(usize, String)]| {
        list.iter().map(|(_, why)| if CUT_AGAIN.contains(&why.as_str()) { 1000 } else { 1 }).sum::<usize>()
    };
    for norms in [true, false] {
        let front = front(&net, norms);
        for cut in cuts(&net, &front) {
            let Some(trace) = Trace::run(&net, &front, &cut) else { continue };
            match results(&net, &trace, &cut) {
                Ok(found) => return Ok(found),
                Err(list) => {
                    if least.as_ref().is_none_or(|l| rank(&list) < rank(l)) {
                        least = Some(list);
                    }
                }
            }
        }
    }
    let list = least.unwrap_or_else(|| vec![(0, "nothing of the graph is a product of tokens with weights".into())]);
    Err(ImportError::Unsupported(list.into_iter().map(|(at, why)| refusal(&net, at, why)).collect()))
}

fn refusal(net: &Net, at: usize, reason: String) -> Unsupported {
    let node = net.nodes.get(at);
    Unsupported {
        node: node.map_or(String::new(), |n| n.name.clone()),
        op: node.map_or(String::new(), |n| n.op().to_string()),
        reason,
        help: String::new(),
    }
}

/// Which node makes a name, by number.
fn makers(net: &Net) -> HashMap<&str, usize> {
    net.nodes.iter().enumerate().flat_map(|(i, n)| n.proto.output.iter().map(move |o| (o.as_str(), i))).collect()
}

/// Values of the host that may be the machine's input, the nearest to its products first.
fn cuts(net: &Net, front: &Front) -> Vec<String> {
    let makers = makers(net);
    let varies = |n: &String| matches!(front.values.get(n), Some(Value::Host(_)));
    let expand = |name: &str| {
        let node = &net.nodes[*makers.get(name)?];
        Some(node.inputs().map(str::to_string).filter(varies).collect())
    };
    if front.starts.is_empty() {
        return vec![];
    }
    let mut made = dominators(&front.starts, |n| makers.get(n).map_or(0, |i| i + 1), expand);
    made.truncate(MOST);
    made
}

/// Tries the graph's results, and those that lead to them.
fn results(net: &Net, trace: &Trace, cut: &str) -> Result<Imported, Vec<(usize, String)>> {
    let makers = makers(net);
    let ours = |n: &String| !matches!(trace.values.get(n), Some(Value::Constant(_) | Value::Host(_))) && n != cut;
    let roots: Vec<String> = net.outputs.iter().filter(|n| ours(n)).cloned().collect();
    let expand = |name: &str| {
        let node = &net.nodes[*makers.get(name)?];
        Some(node.inputs().map(str::to_string).filter(ours).collect::<Vec<String>>())
    };
    let mut refused = trace.refused.clone();
    let names = |at: usize| net.nodes[at].name.clone();
    let mut tried = false;
    for target in dominators(&roots, |n| makers.get(n).map_or(0, |i| i + 1), expand).into_iter().take(MOST) {
        let Some(Value::View(view)) = trace.values.get(&target) else { continue };
        let Some(row) = plain(trace, view) else { continue };
        if row == 0 {
            continue;
        }
        let emitted = emit(&trace.rows, row, trace.tokens, &net.name, &names);
        if !emitted.refused.is_empty() {
            if !tried {
                refused.extend(emitted.refused);
            }
            tried = true;
            continue;
        }
        match finished(net, trace, cut, &target, emitted) {
            Ok(found) => return Ok(found),
            Err(more) => {
                if refused.is_empty() {
                    refused = more;
                }
                break;
            }
        }
    }
    refused.sort();
    refused.dedup_by_key(|r| r.0);
    if refused.is_empty() {
        refused.push((0, "the outputs do not follow from one value of the machine".into()));
    }
    Err(refused)
}

/// The row that a view is all of, its elements in order.
fn plain(trace: &Trace, view: &View) -> Option<usize> {
    let (list, ordered) = view.channels()?;
    let width = trace.rows[view.row].width;
    let all = list.len() == width && list.iter().enumerate().all(|(i, &c)| i == c);
    let flat = ordered.reshaped(&[trace.tokens, width])?;
    (all && trace.tokens_in(&flat, 0, Of::Token) && flat.is(1, Of::Channel, width, 1)).then_some(view.row)
}

/// An encoder with what the host computes in front of it and behind it.
fn finished(net: &Net, trace: &Trace, cut: &str, target: &str, made: Emitted) -> Result<Imported, Vec<(usize, String)>> {
    let constant = |n: &str| match trace.values.get(n) {
        Some(Value::Constant(t)) => Some(t.clone()),
        _ => None,
    };
    let host = |n: &str| matches!(trace.values.get(n), Some(Value::Host(_)));
    let mut wanted: Vec<String> = vec![cut.to_string()];
    for mask in made.masks.iter().flatten() {
        wanted.push(mask.name().to_string());
    }
    // Behind the machine: backwards from the outputs.
    let mut needed: Vec<String> = net.outputs.clone();
    let (mut behind, mut heavy, mut products) = (vec![], vec![], 0);
    for (at, node) in net.nodes.iter().enumerate().rev() {
        let outputs = || node.proto.output.iter().filter(|o| !o.is_empty());
        let made_before = |o: &String| o == target || constant(o).is_some() || host(o);
        if !outputs().any(|o| needed.contains(o) && !made_before(o)) {
            continue;
        }
        match products_of(trace, at) {
            Some(count) => products += count,
            None => heavy.push((at, HEAVY.into())),
        }
        if trace.tokens == 1 && 4 * products > made.encoder.macs() && heavy.is_empty() {
            heavy.push((at, HEAVY.into()));
        }
        needed.extend(node.inputs().map(str::to_string));
        behind.push(at);
    }
    if !heavy.is_empty() {
        return Err(heavy);
    }
    behind.reverse();
    wanted.extend(needed.into_iter().filter(|n| host(n)));
    let mut before = vec![];
    for (at, node) in net.nodes.iter().enumerate().rev() {
        if node.proto.output.iter().any(|o| wanted.contains(o) && constant(o).is_none()) {
            wanted.extend(node.inputs().map(str::to_string));
            before.push(at);
        }
    }
    before.reverse();
    let mut constants = HashMap::new();
    let nodes = before.iter().chain(&behind).map(|&at| &net.nodes[at]);
    let outputs = net.outputs.iter().map(String::as_str);
    for name in nodes.flat_map(|n| n.inputs()).chain(wanted.iter().map(String::as_str)).chain(outputs) {
        if let Some(t) = constant(name) {
            constants.insert(name.to_string(), t);
        }
    }
    let shape = match trace.values.get(target) {
        Some(Value::View(v)) => v.shape(),
        _ => vec![],
    };
    let mut notes = net.notes.clone();
    notes.extend(said(trace, &made, behind.len(), before.len()));
    let pick = |list: &[usize]| list.iter().map(|&at| net.nodes[at].clone()).collect::<Vec<_>>();
    let imported = Imported {
        encoder: made.encoder,
        inputs: net.inputs.clone(),
        outputs: net.outputs.clone(),
        notes,
        opset: net.opset,
        cut: cut.to_string(),
        target: target.to_string(),
        shape,
        factor: made.factor as f32,
        masks: made.masks,
        before: pick(&before),
        behind: pick(&behind),
        constants: constants.into_iter().map(|(n, t)| (n, Arc::clone(&t))).collect(),
    };
    // On the made-up inputs nothing is masked: what is no mask for them is none.
    let known = |name: &str| match trace.values.get(name) {
        Some(Value::Constant(t) | Value::Host(t)) => Some((name.to_string(), t.clone())),
        _ => None,
    };
    let masks = || imported.masks.iter().flatten();
    let values = masks().filter_map(|m| known(m.name())).collect();
    for mask in masks() {
        if let Err(e) = imported.tokens_of(mask, &values) {
            let at = net.nodes.iter().position(|n| n.inputs().any(|i| i == mask.name()));
            return Err(vec![(at.unwrap_or(0), e.to_string())]);
        }
    }
    Ok(imported)
}

/// The multiplications of a product behind the machine; `None`: it is of several tokens, or of two activations. Other operators have
/// none.
fn products_of(trace: &Trace, at: usize) -> Option<u64> {
    let node = &trace.net.nodes[at];
    let op = node.op();
    if op.contains("Attention") || op.starts_with("Conv") || matches!(op, "Einsum" | "LSTM" | "GRU" | "RNN") {
        return None;
    }
    if !matches!(op, "MatMul" | "Gemm" | "FusedGemm" | "FusedMatMul" | "MatMulInteger" | "DynamicQuantizeMatMul") {
        return Some(0);
    }
    let rows = match trace.value(node, 0)? {
        Value::Behind(t) | Value::Host(t) | Value::Constant(t) => t.shape.clone(),
        Value::View(v) | Value::Codes(v) => v.shape(),
        _ => return None,
    };
    let rows: usize = rows.split_last().map_or(1, |(_, rest)| rest.iter().product());
    let weights = trace.constant(node, 1)?.len();
    (rows == 1).then_some(weights as u64)
}

/// What the user may want to know.
fn said(trace: &Trace, made: &Emitted, behind: usize, before: usize) -> Vec<String> {
    let mut notes = vec![];
    let c = &trace.changes;
    if c.floats > 0 {
        notes.push(format!("{} tensors of float32 weights are quantised here, symmetrically by output channel", c.floats));
    }
    if c.anew > 0 {
        notes.push(format!("{} tensors of weights with scales along the sum are quantised anew, by output channel", c.anew));
    }
    if c.beyond.0 > 0 {
        let (n, worst) = (c.beyond.0, 100.0 * c.beyond.1);
        notes.push(format!(
            "{n} output channels have codes beyond 127, which become -127 to 127: weights change by {worst:.2} % of the channel's largest at most"
        ));
    }
    if made.tanh > 0 {
        let n = made.tanh;
        notes.push(format!("{n} Gelu by tanh are computed as Gelu: 0.00048 apart at most"));
    }
    if trace.net.nodes.iter().any(|n| n.op().starts_with("DynamicQuantize")) {
        notes.push("activations have a scale for each token here, where the file has one for each tensor".into());
    }
    notes.push(format!("the host computes {before} nodes in front of the machine and {behind} behind it"));
    notes
}
