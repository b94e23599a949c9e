// SPDX-License-Identifier: Apache-2.0
//! The walk over a model's nodes: every name gets a value, every machine operation a layer.

use super::node::{Fail, Node};
use super::proto::{DimensionValue, GraphProto, ModelProto, ValueInfoProto};
use super::tensor::{LARGEST_MAP, elements};
use super::value::{Eight, Real, Value};
use super::{Array, Data, ElementType, ImportError, Unsupported, moves, ops, outputs, pairs};
use crate::graph::{Codes, Finish, Graph, Layer, Map, MapId, Op};
use crate::host::HostOp;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Values for graph inputs that are constants in truth (scales, zero points, weights), by name.
pub type Constants = BTreeMap<String, Array>;

/// Opsets of the standard domain whose operators mean what is read here.
const OPSETS: std::ops::RangeInclusive<i64> = 10..=28;

/// A graph has no more inputs, nor outputs.
const MOST_TENSORS: usize = 64;
/// All maps of a graph have no more elements.
const LARGEST_GRAPH: usize = 1 << 25;

/// Reads a model. Graph inputs named in `constants` become constants; one input must remain.
///
/// # Errors
/// What is wrong with the model, or all its nodes that cannot run: see [`ImportError`].
pub fn import(bytes: &[u8], constants: &Constants) -> Result<Graph, ImportError> {
    let model: ModelProto = prost::Message::decode(bytes).map_err(|e| ImportError::Protobuf(e.to_string()))?;
    let wrong = |what: String| Err(ImportError::Graph(what));
    let beyond = |what: String| Err(ImportError::Beyond(what));
    let Some(mut graph) = model.graph else { return wrong("the model has no graph".into()) };
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
        None => return wrong("the model names no opset of the standard operators".into()),
    };
    super::functions::inline(&mut graph, &model.functions)?;
    if !graph.sparse_initializer.is_empty() {
        return beyond("the model has sparse initialisers; save it with dense ones".into());
    }
    // (Pairs whose scales a run may replace are left as they are.)
    if !graph.input.iter().any(|i| graph.initializer.iter().any(|t| t.name == i.name)) {
        pairs::merge(&mut graph);
    }
    let mut walk = Walk {
        values: HashMap::new(),
        readers: readers(&graph),
        graph: Building { opset, convolves: convolves(&graph), ..Building::default() },
        unsupported: vec![],
    };
    for t in &graph.initializer {
        let value = match Array::from_proto(t) {
            Ok(array) => Value::Const(Rc::new(array)),
            Err(ImportError::Element { element, .. }) => Value::Foreign(element),
            Err(e) => return Err(e),
        };
        walk.values.insert(t.name.clone(), value);
    }
    let mut inputs = vec![];
    for input in &graph.input {
        if walk.values.contains_key(&input.name) {
            walk.graph.overridable = true;
            continue;
        }
        match constants.get(&input.name) {
            Some(array) => {
                walk.values.insert(input.name.clone(), Value::Const(Rc::new(array.clone())));
            }
            None => inputs.push(input),
        }
    }
    if inputs.is_empty() {
        return beyond("the graph has no input that is no constant".into());
    }
    if inputs.len() > MOST_TENSORS || graph.output.len() > MOST_TENSORS {
        return beyond(format!("the graph has more than {MOST_TENSORS} inputs or outputs"));
    }
    if inputs.len() > 1 {
        walk.graph.maps.push(Map { name: "frame".into(), shape: [0; 3] });
        walk.graph.order.push(Rc::default());
    }
    for input in &inputs {
        walk.begin(input, inputs.len() > 1)?;
    }
    let quantised = !inputs.iter().all(|input| is_float32(input)) || graph.node.iter().any(|n| quantises(&n.op_type));
    walk.run(graph.node.into_iter().map(Node::new).collect())?;
    if !walk.unsupported.is_empty() && !quantised {
        return Err(ImportError::NotQuantised(walk.unsupported));
    }
    if !walk.unsupported.is_empty() {
        return Err(ImportError::Unsupported(walk.unsupported));
    }
    if graph.output.is_empty() {
        return wrong("the graph has no output".into());
    }
    let mut outputs = vec![];
    for output in &graph.output {
        let Some(value) = walk.values.get(&output.name) else {
            return wrong(format!("no node makes the output '{}'", output.name));
        };
        outputs.push((output.name.clone(), value.clone()));
    }
    walk.end(outputs, if graph.name.is_empty() { "network" } else { &graph.name })
}

fn is_float32(input: &ValueInfoProto) -> bool {
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    tensor.is_some_and(|t| t.elem_type == 1)
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
    ];
    let others =
        ["MatMul", "Gemm", "QLinearMatMul", "MatMulInteger", "QGemm", "Reshape", "Transpose", "Flatten", "Unsqueeze", "Squeeze"];
    let first = graph.node.iter().find(|n| windows.contains(&n.op_type.as_str()) || others.contains(&n.op_type.as_str()));
    first.is_some_and(|n| windows.contains(&n.op_type.as_str()))
}

/// How often each name is read by what leads to an output, the outputs included.
fn readers(graph: &GraphProto) -> HashMap<String, usize> {
    let makers: HashMap<&str, usize> =
        graph.node.iter().enumerate().flat_map(|(i, n)| n.output.iter().map(move |o| (o.as_str(), i))).collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut seen = vec![false; graph.node.len()];
    let mut waiting: Vec<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
    while let Some(name) = waiting.pop() {
        *counts.entry(name.to_string()).or_default() += 1;
        if let Some(&maker) = makers.get(name).filter(|&&m| !seen[m]) {
            seen[maker] = true;
            waiting.extend(graph.node[maker].input.iter().map(String::as_str).filter(|n| !n.is_empty()));
        }
    }
    counts
}

/// An input of the graph.
pub(super) struct Source {
    pub name: String,
    pub shape: Vec<usize>,
    pub element: ElementType,
    pub codes: Option<Codes>,
    /// What the host computes of it before it is quantised, and the shape of that.
    pub host: Vec<HostOp>,
    pub inner: Vec<usize>,
}

/// The graph as it grows.
#[derive(Default)]
pub(super) struct Building {
    pub maps: Vec<Map>,
    /// Of each map: the place of each element in the tensor it was made as. Empty for an input whose layout
    /// nothing has asked for yet.
    pub order: Vec<Rc<Vec<u32>>>,
    pub layers: Vec<Layer>,
    /// The graph's inputs, in its order. One alone is map 0; of several map 0 is the frame, and each the map of a layer that takes
    /// it out.
    pub inputs: Vec<Source>,
    pub opset: i64,
    /// The first of the operators behind the input that ask for a layout slides a window over it as it is.
    pub convolves: bool,
    /// Initialisers are listed as inputs too: no constants to ONNX Runtime, for a run may give others.
    pub overridable: bool,
}

impl Building {
    /// Adds a layer; gives the tensor of its output, whose elements lie by `order` in the map.
    #[allow(clippy::too_many_arguments)]
    pub fn push(
        &mut self,
        name: &str,
        op: Op,
        finish: Finish,
        shape: Vec<usize>,
        map: [usize; 3],
        order: Vec<u32>,
        unsigned: bool,
    ) -> Eight {
        self.layers.push(Layer { name: name.to_string(), op, finish });
        self.maps.push(Map { name: name.to_string(), shape: map });
        self.order.push(Rc::new(order));
        let place = Rc::new((0..map.iter().product::<usize>() as u32).collect());
        Eight { map: self.maps.len() - 1, shape, place, unsigned, steps: 0 }
    }

    /// The map of `tensor` seen as `want`: `order[e]` is the place in the tensor of element e of a map of
    /// that shape. The input takes the first layout it is asked for.
    pub fn view(&mut self, tensor: &Eight, want: [usize; 3], order: &[u32]) -> Option<MapId> {
        let fits = order.len() == tensor.place.len();
        if !fits {
            return None;
        }
        if self.is_open(tensor) {
            self.order[tensor.map] = Rc::new(order.iter().map(|&t| tensor.place[t as usize]).collect());
            self.maps[tensor.map].shape = want;
            return Some(tensor.map);
        }
        let have = &self.order[tensor.map];
        let same =
            self.maps[tensor.map].shape == want && order.iter().zip(have.iter()).all(|(&t, &b)| tensor.place[t as usize] == b);
        same.then_some(tensor.map)
    }

    /// The tensor in a map as `want`: where its elements lie in another order, copied into this one.
    pub fn arranged(&mut self, name: &str, tensor: &Eight, want: [usize; 3], order: &[u32]) -> Eight {
        match self.view(tensor, want, order) {
            Some(_) => tensor.clone(),
            None => self.gathered(name, tensor, order, tensor.shape.clone(), want, order.to_vec()),
        }
    }

    /// A tensor of `shape`, lying in a map by `order`, each of whose map's elements is an element of another tensor: `from`.
    pub fn gathered(
        &mut self,
        name: &str,
        tensor: &Eight,
        from: &[u32],
        shape: Vec<usize>,
        map: [usize; 3],
        order: Vec<u32>,
    ) -> Eight {
        self.settle(tensor);
        // Of each element of the tensor that the map was made as: where it is in the map.
        let mut at = vec![0u32; tensor.place.len()];
        self.order[tensor.map].iter().enumerate().for_each(|(element, &base)| at[base as usize] = element as u32);
        let from = from.iter().map(|&t| at[tensor.place[t as usize] as usize]).collect();
        let op = Op::Arrange { input: tensor.map, from };
        let finish = Finish::Codes { lo: -128, hi: 127 };
        self.push(&format!("{name} (order of elements)"), op, finish, shape, map, order, tensor.unsigned)
    }

    /// Whether a tensor is an input that nothing has asked for a layout.
    pub fn is_open(&self, tensor: &Eight) -> bool {
        self.order[tensor.map].is_empty()
    }

    /// The input that a tensor is.
    pub fn source(&mut self, tensor: &Eight) -> &mut Source {
        let at = if self.inputs.len() == 1 { 0 } else { tensor.map - 1 };
        &mut self.inputs[at]
    }

    /// Gives the input a layout if nothing has yet: images by rows and columns, the rest as a matrix.
    pub fn settle(&mut self, tensor: &Eight) {
        if self.is_open(tensor) {
            let (map, order) = natural(&tensor.shape, self.convolves);
            self.view(tensor, map, &order);
        }
    }

    /// Place in the tensor of each element of its map.
    pub fn places(&mut self, tensor: &Eight) -> Vec<u32> {
        self.settle(tensor);
        let mut inverse = vec![0u32; tensor.place.len()];
        for (t, &base) in tensor.place.iter().enumerate() {
            inverse[base as usize] = t as u32;
        }
        self.order[tensor.map].iter().map(|&base| inverse[base as usize]).collect()
    }
}

/// The map of a tensor that no operator has asked a layout for. `convolves`: sequences are what windows slide over.
pub(super) fn natural(shape: &[usize], convolves: bool) -> ([usize; 3], Vec<u32>) {
    match *shape {
        [1, c, h, w] => ([h, w, c], image_order(c, h, w)),
        [1, c, w] if convolves => ([1, w, c], image_order(c, 1, w)),
        _ => {
            let cols = shape.last().copied().unwrap_or(1);
            let count = shape.iter().product::<usize>();
            ([count / cols.max(1), 1, cols], (0..count as u32).collect())
        }
    }
}

/// Place in a `[1, c, h, w]` tensor of each element of an `[h, w, c]` map.
pub(super) fn image_order(c: usize, h: usize, w: usize) -> Vec<u32> {
    let mut order = Vec::with_capacity(c * h * w);
    for y in 0..h {
        for x in 0..w {
            order.extend((0..c).map(|ch| ((ch * h + y) * w + x) as u32));
        }
    }
    order
}

struct Walk {
    values: HashMap<String, Value>,
    /// How often each name is read by what leads to an output, the outputs included.
    readers: HashMap<String, usize>,
    graph: Building,
    unsupported: Vec<Unsupported>,
}

impl Walk {
    /// An input that is no constant; `beside`: with others.
    fn begin(&mut self, input: &ValueInfoProto, beside: bool) -> Result<(), ImportError> {
        let wrong = |what: String| Err(ImportError::Graph(format!("input '{}': {what}", input.name)));
        let beyond = |what: String| Err(ImportError::Beyond(format!("input '{}': {what}", input.name)));
        let Some(tensor) = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else {
            return wrong("is no tensor".into());
        };
        let Some(shape) = &tensor.shape else { return beyond("has no shape; give the model static shapes".into()) };
        let mut dims = vec![];
        for d in &shape.dim {
            match &d.value {
                Some(DimensionValue::Value(v)) if *v > 0 => dims.push(*v as usize),
                Some(DimensionValue::Value(v)) => return wrong(format!("has a dimension of {v}; every dimension is at least 1")),
                Some(DimensionValue::Param(p)) => {
                    return beyond(format!("dimension '{p}' is dynamic; fix it (onnxruntime.tools.make_dynamic_shape_fixed)"));
                }
                None => return beyond("has an unknown dimension; give the model static shapes".into()),
            }
        }
        let Some(count) = elements(&dims).filter(|&n| n <= LARGEST_MAP) else {
            return beyond(format!("shape {dims:?} is more than {LARGEST_MAP} elements; no configuration holds so large a map"));
        };
        let element = match ElementType::from_code(tensor.elem_type) {
            Ok(element) => element,
            Err(name) => return beyond(format!("element type {name}; the machine takes int8, uint8 or float32")),
        };
        if beside {
            // What it takes of the frame is known when all inputs have layouts.
            let op = Op::Arrange { input: 0, from: vec![] };
            let finish = Finish::Codes { lo: -128, hi: 127 };
            self.graph.layers.push(Layer { name: format!("{} (of the frame)", input.name), op, finish });
        }
        self.graph.maps.push(Map { name: input.name.clone(), shape: [0; 3] });
        self.graph.order.push(Rc::default());
        self.graph.inputs.push(Source {
            name: input.name.clone(),
            shape: dims.clone(),
            element,
            codes: None,
            host: vec![],
            inner: dims.clone(),
        });
        let eight = Eight {
            map: self.graph.maps.len() - 1,
            shape: dims,
            place: Rc::new((0..count as u32).collect()),
            unsigned: element == ElementType::Uint8,
            steps: 0,
        };
        let value = match element {
            ElementType::Int8 | ElementType::Uint8 => Value::Eight(eight),
            ElementType::Float32 | ElementType::Int64 => Value::Real(Real::Input(eight)),
            other => return beyond(format!("element type {other}; the machine takes int8, uint8 or float32")),
        };
        self.values.insert(input.name.clone(), value);
        Ok(())
    }

    /// Nodes in an order in which each finds its inputs.
    fn run(&mut self, mut nodes: Vec<Node>) -> Result<(), ImportError> {
        while !nodes.is_empty() {
            let before = nodes.len();
            let mut waiting = vec![];
            for node in nodes {
                if node.inputs().all(|name| self.values.contains_key(name)) {
                    self.node(&node)?;
                } else {
                    waiting.push(node);
                }
            }
            if waiting.len() == before {
                let node = &waiting[0];
                let missing = node.inputs().find(|name| !self.values.contains_key(*name)).unwrap_or("?");
                return Err(
                    node.wrong(format!("input '{missing}' is made by no node before it: the graph is incomplete or has a cycle"))
                );
            }
            nodes = waiting;
        }
        Ok(())
    }

    fn node(&mut self, node: &Node) -> Result<(), ImportError> {
        if node.proto.output.iter().any(|o| self.values.contains_key(o)) {
            return Err(node.wrong("its output has the name of another value".into()));
        }
        let inputs: Vec<Option<Value>> =
            node.proto.input.iter().map(|name| (!name.is_empty()).then(|| self.values[name].clone())).collect();
        let foreign = inputs.iter().enumerate().find_map(|(i, v)| match v {
            Some(Value::Foreign(element)) => Some((i, element)),
            _ => None,
        });
        let mut others = vec![];
        let value = if inputs.iter().flatten().any(|v| matches!(v, Value::Unknown)) {
            Value::Unknown
        } else if let Some((i, element)) = foreign {
            self.unsupported.push(Unsupported {
                node: node.name.clone(),
                op: node.op().to_string(),
                reason: format!("input {i}, '{}', is {element}", node.proto.input[i]),
                help: "int8, uint8, int32, int64 and float32 are read".into(),
            });
            Value::Unknown
        } else {
            let split = node.op() == "Split" && matches!(node.proto.domain.as_str(), "" | "ai.onnx");
            let made = if split {
                moves::split(&mut self.graph, node, &inputs).map(|all| {
                    others = all[1..].to_vec();
                    all[0].clone()
                })
            } else {
                ops::apply(&mut self.graph, node, &inputs)
            };
            match made {
                Ok(value) => value,
                Err(Fail::Wrong(what)) => return Err(node.wrong(what)),
                Err(Fail::Unsupported(reason, help)) => {
                    self.unsupported.push(Unsupported { node: node.name.clone(), op: node.op().to_string(), reason, help });
                    Value::Unknown
                }
            }
        };
        let value = match node.proto.output.first().and_then(|name| self.readers.get(name)) {
            Some(&readers) if readers > 1 => value.read_often(),
            _ => value,
        };
        let elements: usize = self.graph.maps.iter().map(Map::len).sum();
        if elements > LARGEST_GRAPH {
            return Err(ImportError::Beyond(format!(
                "the feature maps up to {} are more than {LARGEST_GRAPH} elements; no configuration runs so large a network",
                node.name
            )));
        }
        for (i, name) in node.proto.output.iter().enumerate().filter(|(_, n)| !n.is_empty()) {
            let other = i.checked_sub(1).map(|i| others.get(i).cloned().unwrap_or(Value::Unknown));
            self.values.insert(name.clone(), other.unwrap_or_else(|| value.clone()));
        }
        Ok(())
    }

    fn end(mut self, outputs: Vec<(String, Value)>, graph_name: &str) -> Result<Graph, ImportError> {
        let mut leaving = vec![];
        for (name, value) in outputs {
            leaving.push(outputs::leaving(&mut self.graph, &name, value)?);
        }
        let output = outputs::output(&mut self.graph, leaving)?;
        let mut g = self.graph;
        if g.inputs.len() > 1 {
            outputs::frame(&mut g);
        }
        let input = outputs::input(&g);
        let graph = Graph { name: graph_name.to_string(), input, maps: g.maps, layers: g.layers, output };
        Ok(graph.without_dead_layers())
    }
}

/// Constants of one element type, as the importer's errors name them.
pub(super) fn describe(data: &Data) -> &'static str {
    match data {
        Data::I8(_) => "int8",
        Data::U8(_) => "uint8",
        Data::I32(_) => "int32",
        Data::I64(_) => "int64",
        Data::F32(_) => "float32",
    }
}
