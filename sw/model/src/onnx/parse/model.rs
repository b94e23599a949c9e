// SPDX-License-Identifier: Apache-2.0
//! A model as the passes take it from each other, and how it is read.

use crate::onnx::array::Array;
use crate::onnx::element::ElementType;
use crate::onnx::error::ImportError;
use crate::onnx::parse::functions::inline;
use crate::onnx::parse::inputs::{Input, input, is_float32, stated};
use crate::onnx::parse::live::{keep_live, sorted};
use crate::onnx::parse::node::Node;
use crate::onnx::parse::tensors::{array, fetch};
use crate::onnx::proto::{GraphProto, ModelProto};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::rc::Rc;

/// Values for graph inputs that are constants in truth (scales, zero points, weights), by name.
pub type Constants = BTreeMap<String, Array>;

/// Opsets of the standard domain whose operators mean what is read here.
const OPSETS: std::ops::RangeInclusive<i64> = 10..=28;

/// A graph has no more inputs, nor outputs.
const MOST_TENSORS: usize = 64;

/// A constant of the file.
#[derive(Debug, Clone)]
pub enum Initialiser {
    /// Its elements.
    Array(Rc<Array>),
    /// Of an element type that is not read: its name.
    Foreign(String),
}

/// A graph of nodes with all that is known before anything is computed.
#[derive(Debug, Clone)]
pub struct Model {
    /// The graph's name.
    pub name: String,
    /// Opset of the standard operators.
    pub opset: i64,
    /// Inputs that are no constants, in the graph's order.
    pub inputs: Vec<Input>,
    /// Constants by name.
    pub initialisers: HashMap<String, Initialiser>,
    /// Graph inputs that the caller gives as constants.
    pub given: HashMap<String, Rc<Array>>,
    /// Nodes, each behind what makes its inputs.
    pub nodes: Vec<Node>,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// Shapes and element types that the file states for values between nodes.
    pub stated: HashMap<String, (Option<Vec<usize>>, Option<ElementType>)>,
    /// Initialisers are listed as inputs too: no constants to ONNX Runtime, for a run may give others.
    pub overridable: bool,
    /// Something in it is quantised.
    pub quantised: bool,
    /// The first of the operators behind the input that ask for a layout slides a window over it as it is.
    pub convolves: bool,
    /// What was taken for granted, for the user to read.
    pub notes: Vec<String>,
}

/// Reads a model. Graph inputs named in `constants` become constants. `folder`: where files with data of tensors lie.
///
/// # Errors
/// What is wrong with the file, and what of it is not read: see [`ImportError`].
pub fn parse(bytes: &[u8], folder: Option<&Path>, constants: &Constants) -> Result<Model, ImportError> {
    let model: ModelProto = prost::Message::decode(bytes).map_err(|e| ImportError::Protobuf(e.to_string()))?;
    let wrong = |what: &str| Err(ImportError::Graph(what.into()));
    let beyond = |what: String| Err(ImportError::Beyond(what));
    let Some(mut graph) = model.graph else { return wrong("the model has no graph") };
    let opset = match model.opset_import.iter().find(|o| o.domain.is_empty() || o.domain == "ai.onnx") {
        Some(o) if OPSETS.contains(&o.version) => o.version,
        Some(o) => {
            return beyond(format!(
                "opset {} is not known; {} to {} are (onnx.version_converter converts)",
                o.version,
                OPSETS.start(),
                OPSETS.end()
            ));
        }
        None => return wrong("the model names no opset of the standard operators"),
    };
    inline(&mut graph, &model.functions)?;
    if !graph.sparse_initializer.is_empty() {
        return beyond("the model has sparse initialisers; save it with dense ones".into());
    }
    let mut initialisers = HashMap::new();
    for t in &mut graph.initializer {
        fetch(t, folder)?;
        let value = match array(t) {
            Ok(array) => Initialiser::Array(Rc::new(array)),
            Err(ImportError::Element { element, .. }) => Initialiser::Foreign(element),
            Err(e) => return Err(e),
        };
        initialisers.insert(t.name.clone(), value);
    }
    for t in graph.node.iter_mut().flat_map(|n| &mut n.attribute).filter_map(|a| a.t.as_mut()) {
        fetch(t, folder)?;
    }
    let overridable = graph.input.iter().any(|i| initialisers.contains_key(&i.name));
    let mut given = HashMap::new();
    let mut free = vec![];
    for info in graph.input.iter().filter(|i| !initialisers.contains_key(&i.name)) {
        match constants.get(&info.name) {
            Some(array) => {
                given.insert(info.name.clone(), Rc::new(array.clone()));
            }
            None => free.push(info),
        }
    }
    if free.is_empty() {
        return beyond("the graph has no input that is no constant".into());
    }
    if free.len() > MOST_TENSORS || graph.output.len() > MOST_TENSORS {
        return beyond(format!("the graph has more than {MOST_TENSORS} inputs or outputs"));
    }
    let mut notes = vec![];
    let inputs = free.iter().map(|info| input(info, &mut notes)).collect::<Result<Vec<Input>, ImportError>>()?;
    let quantised = !free.iter().all(|i| is_float32(i)) || graph.node.iter().any(|n| quantises(&n.op_type));
    let convolves = convolves(&graph);
    let outputs: Vec<String> = graph.output.iter().map(|o| o.name.clone()).collect();
    let stated = graph.value_info.iter().chain(&graph.output).map(|info| (info.name.clone(), stated(info))).collect();
    let known = initialisers.keys().chain(given.keys()).chain(inputs.iter().map(|i| &i.name)).cloned().collect();
    let nodes = keep_live(graph.node.into_iter().map(Node::new).collect(), &outputs);
    let nodes = sorted(nodes, known)?;
    let name = if graph.name.is_empty() { "network".to_string() } else { graph.name };
    Ok(Model { name, opset, inputs, initialisers, given, nodes, outputs, stated, overridable, quantised, convolves, notes })
}

/// Whether an operator makes or takes codes: those of ONNX and com.microsoft say so in their names.
fn quantises(op: &str) -> bool {
    op.contains("Quantize") || op.contains("Dequantize") || op.starts_with('Q') || op.ends_with("Integer")
}

/// Whether the first operator on the way from the inputs that is particular about their order slides windows over them.
fn convolves(graph: &GraphProto) -> bool {
    let windows = [
        "BatchNormalization",
        "Conv",
        "ConvTranspose",
        "Resize",
        "QLinearConv",
        "ConvInteger",
        "MaxPool",
        "AveragePool",
        "GlobalAveragePool",
        "GlobalMaxPool",
    ];
    let others =
        ["MatMul", "Gemm", "QLinearMatMul", "MatMulInteger", "QGemm", "Reshape", "Transpose", "Flatten", "Unsqueeze", "Squeeze"];
    let first = graph.node.iter().find(|n| windows.contains(&n.op_type.as_str()) || others.contains(&n.op_type.as_str()));
    first.is_some_and(|n| windows.contains(&n.op_type.as_str()))
}
