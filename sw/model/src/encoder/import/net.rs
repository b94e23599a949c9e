// SPDX-License-Identifier: Apache-2.0
//! The graph of a file with all its sizes fixed.

use crate::encoder::host::tensor::{Kind, Tensor};
use crate::onnx::ImportError;
use crate::onnx::parse::functions::inline;
use crate::onnx::parse::live::{keep_live, sorted};
use crate::onnx::parse::node::Node;
use crate::onnx::parse::tensors::fetch;
use crate::onnx::proto::{DimensionValue, ModelProto, ValueInfoProto};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Opsets of the standard domain whose operators mean what is read here.
const OPSETS: std::ops::RangeInclusive<i64> = 10..=28;

/// A tensor that a run is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its dimensions, open ones as they were set.
    pub shape: Vec<usize>,
    /// What its elements are.
    pub kind: Kind,
}

/// A graph.
pub struct Net {
    /// Its name.
    pub name: String,
    /// Opset of the standard operators.
    pub opset: i64,
    /// Nodes, each behind what makes its inputs.
    pub nodes: Vec<Node>,
    /// Constants.
    pub constants: HashMap<String, Arc<Tensor>>,
    /// What a run is given.
    pub inputs: Vec<Input>,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// For the user.
    pub notes: Vec<String>,
}

/// Reads a file; `sizes` are those of open dimensions, by name, or by the input's name and the dimension's number, as `ids:1`.
///
/// # Errors
/// What is wrong with the file, and an open dimension without a size.
pub fn read(bytes: &[u8], folder: Option<&Path>, sizes: &BTreeMap<String, usize>) -> Result<Net, ImportError> {
    let model: ModelProto = prost::Message::decode(bytes).map_err(|e| ImportError::Protobuf(e.to_string()))?;
    let Some(mut graph) = model.graph else { return Err(ImportError::Graph("the model has no graph".into())) };
    let opset = model.opset_import.iter().find(|o| o.domain.is_empty() || o.domain == "ai.onnx").map(|o| o.version);
    let opset = opset.ok_or_else(|| ImportError::Graph("the model names no opset of the standard operators".into()))?;
    if !OPSETS.contains(&opset) {
        return Err(ImportError::Beyond(format!("opset {opset} is not known; {} to {} are", OPSETS.start(), OPSETS.end())));
    }
    inline(&mut graph, &model.functions)?;
    let (mut constants, mut notes) = (HashMap::new(), vec![]);
    for t in &mut graph.initializer {
        fetch(t, folder)?;
        constants.insert(t.name.clone(), Arc::new(Tensor::read(t)?));
        t.raw_data = None;
    }
    let half = |v: &ValueInfoProto| {
        v.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).is_some_and(|t| [10, 11, 16].contains(&t.elem_type))
    };
    if graph.initializer.iter().any(|t| [10, 16].contains(&t.data_type)) || graph.input.iter().any(half) {
        notes.push("numbers of 16 or 64 bits are computed as float32".into());
    }
    let free: Vec<&ValueInfoProto> = graph.input.iter().filter(|i| !constants.contains_key(&i.name)).collect();
    let inputs = free.iter().map(|i| input(i, sizes, &mut notes)).collect::<Result<Vec<Input>, ImportError>>()?;
    for (v, i) in free.iter().zip(&inputs) {
        agree(v, i, &free, &inputs)?;
    }
    if inputs.is_empty() || graph.output.is_empty() {
        return Err(ImportError::Beyond("the graph has no input that is no constant, or no output".into()));
    }
    let outputs: Vec<String> = graph.output.iter().map(|o| o.name.clone()).collect();
    let known = constants.keys().chain(inputs.iter().map(|i| &i.name)).cloned().collect();
    let mut nodes: Vec<Node> = graph.node.into_iter().map(Node::new).collect();
    for t in nodes.iter_mut().flat_map(|n| &mut n.proto.attribute).filter_map(|a| a.t.as_mut()) {
        fetch(t, folder)?;
    }
    let nodes = sorted(keep_live(nodes, &outputs), known)?;
    let name = if graph.name.is_empty() { "network".to_string() } else { graph.name };
    Ok(Net { name, opset, nodes, constants, inputs, outputs, notes })
}

/// Names of a tensor's open dimensions.
fn params(v: &ValueInfoProto) -> Vec<Option<&str>> {
    let shape = v.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).and_then(|t| t.shape.as_ref());
    shape
        .iter()
        .flat_map(|s| &s.dim)
        .map(|d| match &d.value {
            Some(DimensionValue::Param(p)) if !p.is_empty() => Some(p.as_str()),
            _ => None,
        })
        .collect()
}

/// Names of the open dimensions of what a run is given, each once.
pub fn dimension_names(bytes: &[u8]) -> Vec<String> {
    let Ok(model) = <ModelProto as prost::Message>::decode(bytes) else { return vec![] };
    let graph = model.graph.unwrap_or_default();
    let mut names: Vec<String> = graph.input.iter().flat_map(params).flatten().map(str::to_string).collect();
    names.sort();
    names.dedup();
    names
}

/// Dimensions of one name have one size.
fn agree(v: &ValueInfoProto, of: &Input, all: &[&ValueInfoProto], inputs: &[Input]) -> Result<(), ImportError> {
    for (name, size) in params(v).into_iter().zip(&of.shape).filter_map(|(n, s)| n.map(|n| (n, s))) {
        for (other, theirs) in all.iter().zip(inputs) {
            let differs = |(n, s): (Option<&str>, &usize)| n == Some(name) && s != size;
            if let Some((_, s)) = params(other).into_iter().zip(&theirs.shape).find(|&(n, s)| differs((n, s))) {
                return Err(ImportError::Beyond(format!(
                    "dimension '{name}' is {size} of input '{}' and {s} of input '{}'",
                    of.name, theirs.name
                )));
            }
        }
    }
    Ok(())
}

fn input(v: &ValueInfoProto, sizes: &BTreeMap<String, usize>, notes: &mut Vec<String>) -> Result<Input, ImportError> {
    let beyond = |what: String| Err(ImportError::Beyond(format!("input '{}': {what}", v.name)));
    let tensor = v.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let Some((tensor, dims)) = tensor.and_then(|t| t.shape.as_ref().map(|s| (t, s))) else {
        return beyond("has no shape".into());
    };
    let Some(kind) = Kind::from_code(tensor.elem_type.into()) else {
        return beyond(format!("element type {} of onnx.proto", tensor.elem_type));
    };
    let mut shape = vec![];
    for (at, d) in dims.dim.iter().enumerate() {
        let name = match &d.value {
            Some(DimensionValue::Value(v)) if *v > 0 => {
                shape.push(*v as usize);
                continue;
            }
            Some(DimensionValue::Param(p)) if !p.is_empty() => p.clone(),
            _ => format!("{}:{at}", v.name),
        };
        match sizes.get(&format!("{}:{at}", v.name)).or_else(|| sizes.get(&name)) {
            Some(0) => return beyond(format!("dimension '{name}' is set to 0")),
            Some(&size) => shape.push(size),
            None if at == 0 && dims.dim.len() > 1 => {
                notes.push(format!("input '{}': its first dimension, '{name}', is taken as 1", v.name));
                shape.push(1);
            }
            None => return beyond(format!("dimension '{name}' is open: give it a size")),
        }
    }
    Ok(Input { name: v.name.clone(), shape, kind })
}

/// Dimensions that a file leaves open and that `read` needs a size for, each once.
///
/// # Errors
/// [`ImportError::Protobuf`], no graph.
pub fn open(bytes: &[u8]) -> Result<Vec<String>, ImportError> {
    let model: ModelProto = prost::Message::decode(bytes).map_err(|e| ImportError::Protobuf(e.to_string()))?;
    let graph = model.graph.ok_or_else(|| ImportError::Graph("the model has no graph".into()))?;
    let constants: Vec<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let mut made: Vec<String> = vec![];
    for v in graph.input.iter().filter(|i| !constants.contains(&i.name.as_str())) {
        let shape = v.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).and_then(|t| t.shape.as_ref());
        for (at, d) in shape.iter().flat_map(|s| s.dim.iter().enumerate()) {
            let name = match &d.value {
                Some(DimensionValue::Value(v)) if *v > 0 => continue,
                Some(DimensionValue::Param(p)) if !p.is_empty() => p.clone(),
                _ => format!("{}:{at}", v.name),
            };
            let first = at == 0 && shape.is_some_and(|s| s.dim.len() > 1);
            if !first && !made.contains(&name) {
                made.push(name);
            }
        }
    }
    Ok(made)
}

/// Names of what a run is given, in the order of the file; none where it cannot be read.
pub fn input_names(bytes: &[u8]) -> Vec<String> {
    let Ok(model) = <ModelProto as prost::Message>::decode(bytes) else { return vec![] };
    let Some(graph) = model.graph else { return vec![] };
    let constant = |name: &String| graph.initializer.iter().any(|t| t.name == *name);
    graph.input.iter().map(|i| i.name.clone()).filter(|n| !constant(n)).collect()
}

/// Whether a file is of the kinds that are read here rather than a statically quantised one: its activations have no scales, and it
/// multiplies by matrices without sliding windows.
pub fn looks_dynamic(bytes: &[u8]) -> bool {
    let Ok(model) = <ModelProto as prost::Message>::decode(bytes) else { return false };
    let Some(mut graph) = model.graph else { return false };
    if inline(&mut graph, &model.functions).is_err() {
        return false;
    }
    let is = |names: &[&str]| graph.node.iter().any(|n| names.contains(&n.op_type.as_str()));
    if is(&["DynamicQuantizeLinear", "DynamicQuantizeMatMul"]) {
        return !is(&["ConvInteger"]);
    }
    let fixed =
        graph.node.iter().any(|n| n.op_type == "QuantizeLinear" || n.op_type.starts_with('Q') && n.op_type != "QuickGelu");
    !fixed && is(&["MatMul", "Gemm", "FusedMatMul"]) && !is(&["Conv", "ConvTranspose", "ConvInteger", "MaxPool", "LSTM", "GRU"])
}
