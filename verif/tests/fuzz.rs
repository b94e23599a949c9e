// SPDX-License-Identifier: Apache-2.0
//! Models damaged at random, as a whole: nodes, attributes, constants, shapes and names of sound networks are dropped, exchanged, doubled
//! and set to extremes. Whatever comes of it, the importer and the compiler answer; they do not panic, and what compiles passes the checker.
//!
//! `make test` tries a sample. `SYSTOLE_FUZZ_MINUTES=60` goes on for an hour, each time with other models; `SYSTOLE_FUZZ_MODELS` names a
//! folder with more of them. A model that does it is left in `target/tmp/fuzz`.

use prost::Message;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use systole_compiler::{CompileError, Options, Tables, compile, place_tables};
use systole_isa::Config;
use systole_model::onnx::proto::{AttributeProto, DimensionValue, GraphProto, ModelProto, NodeProto, TensorProto};
use systole_model::onnx::{Constants, import};
use systole_workloads::random;

/// Numbers that programs trip over.
const INTS: [i64; 14] = [0, 1, -1, 2, 3, 4, 7, 8, 255, -128, 65_536, i32::MAX as i64, i64::MAX, i64::MIN];
const FLOATS: [f32; 10] = [0.0, 1.0, -1.0, 1e-38, 1e-45, 3.4e38, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.5];

fn models(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            models(&path, found);
        } else if path.extension().is_some_and(|e| e == "onnx") && path.metadata().is_ok_and(|m| m.len() < 400_000) {
            found.push(path);
        }
    }
}

fn any<'a, T>(rng: &mut impl Rng, of: &'a mut [T]) -> Option<&'a mut T> {
    if of.is_empty() {
        return None;
    }
    let at = rng.random_range(0..of.len());
    of.get_mut(at)
}

fn number(rng: &mut impl Rng, old: i64) -> i64 {
    match rng.random_range(0..4) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        _ => *INTS.choose(rng).unwrap(),
    }
}

fn tensor(rng: &mut impl Rng, t: &mut TensorProto) {
    match rng.random_range(0..6) {
        0 => t.dims.reverse(),
        1 => {
            t.dims.pop();
        }
        2 => t.dims.push(number(rng, 1)),
        3 => {
            if let Some(d) = any(rng, &mut t.dims) {
                *d = number(rng, *d);
            }
        }
        4 => t.data_type = rng.random_range(0..12),
        _ => match &mut t.raw_data {
            Some(raw) if rng.random_bool(0.3) => raw.truncate(raw.len() / 2),
            Some(raw) => {
                let value = FLOATS.choose(rng).unwrap().to_le_bytes();
                let at = if raw.len() < 4 { 0 } else { rng.random_range(0..raw.len() / 4) * 4 };
                raw.iter_mut().skip(at).zip(value).for_each(|(byte, new)| *byte = new);
            }
            None => t.float_data.push(*FLOATS.choose(rng).unwrap()),
        },
    }
}

fn attribute(rng: &mut impl Rng, a: &mut AttributeProto) {
    match rng.random_range(0..7) {
        0 => a.i = number(rng, a.i),
        1 => a.f = *FLOATS.choose(rng).unwrap(),
        2 => {
            if let Some(v) = any(rng, &mut a.ints) {
                *v = number(rng, *v);
            }
        }
        3 => {
            a.ints.pop();
        }
        4 => a.ints.push(number(rng, 1)),
        5 => a.s = ["SAME_UPPER", "VALID", "reflect", "linear", "tanh", ""].choose(rng).unwrap().as_bytes().to_vec(),
        _ => {
            if let Some(t) = &mut a.t {
                tensor(rng, t);
            }
        }
    }
}

const OPERATORS: [&str; 44] = [
    "Conv",
    "ConvTranspose",
    "MatMul",
    "Gemm",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Relu",
    "Clip",
    "Sigmoid",
    "Tanh",
    "Softmax",
    "Concat",
    "Slice",
    "Split",
    "Gather",
    "Reshape",
    "Transpose",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Pad",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "ReduceMean",
    "ReduceMax",
    "QuantizeLinear",
    "DequantizeLinear",
    "BatchNormalization",
    "Resize",
    "DepthToSpace",
    "SpaceToDepth",
    "PRelu",
    "LSTM",
    "GRU",
    "ArgMax",
    "Identity",
    "LayerNormalization",
    "QLinearConv",
    "QLinearMatMul",
    "QLinearAdd",
    "QLinearConcat",
];

fn node(rng: &mut impl Rng, nodes: &mut Vec<NodeProto>, names: &[String]) {
    if nodes.is_empty() {
        return;
    }
    let (a, b) = (rng.random_range(0..nodes.len()), rng.random_range(0..nodes.len()));
    let node = &mut nodes[a];
    match rng.random_range(0..10) {
        0 => {
            nodes.remove(a);
        }
        1 => nodes.swap(a, b),
        2 => node.op_type = (*OPERATORS.choose(rng).unwrap()).to_string(),
        3 => {
            if let (Some(input), Some(name)) = (any(rng, &mut node.input), names.choose(rng)) {
                *input = name.clone();
            }
        }
        4 => {
            node.input.pop();
        }
        5 => node.input.extend(names.choose(rng).cloned()),
        6 => {
            if let Some(input) = any(rng, &mut node.input) {
                input.clear();
            }
        }
        7 => {
            node.attribute.pop();
        }
        8 => {
            // Once more, under another name, in the place of one of its readers.
            let mut copy = node.clone();
            copy.output.iter_mut().for_each(|o| o.push('2'));
            nodes.insert(b, copy);
        }
        _ => {
            if let Some(a) = any(rng, &mut node.attribute) {
                attribute(rng, a);
            }
        }
    }
}

fn damage(rng: &mut impl Rng, graph: &mut GraphProto) {
    let names: Vec<String> = graph
        .node
        .iter()
        .flat_map(|n| n.output.iter().chain(&n.input))
        .chain(graph.initializer.iter().map(|t| &t.name))
        .cloned()
        .collect();
    match rng.random_range(0..10) {
        0 | 1 => {
            if let Some(t) = any(rng, &mut graph.initializer) {
                tensor(rng, t);
            }
        }
        2 => {
            if graph.initializer.len() > 1 {
                let (a, b) = (rng.random_range(0..graph.initializer.len()), rng.random_range(0..graph.initializer.len()));
                let name = std::mem::take(&mut graph.initializer[a].name);
                graph.initializer[a].name = std::mem::replace(&mut graph.initializer[b].name, name);
            }
        }
        3 => {
            let ends = if rng.random() { &mut graph.input } else { &mut graph.output };
            let tensor = any(rng, ends).and_then(|v| v.r#type.as_mut()).and_then(|t| t.tensor_type.as_mut());
            let Some(tensor) = tensor else { return };
            match (&mut tensor.shape, rng.random_range(0..4)) {
                (_, 0) => tensor.elem_type = rng.random_range(0..12),
                (Some(shape), 1) => {
                    shape.dim.pop();
                }
                (Some(shape), _) => {
                    if let Some(d) = any(rng, &mut shape.dim) {
                        d.value = Some(match rng.random_range(0..4) {
                            0 => DimensionValue::Param("N".into()),
                            _ => DimensionValue::Value(number(rng, 1)),
                        });
                    }
                }
                _ => tensor.shape = None,
            }
        }
        4 => {
            if let (Some(output), Some(name)) = (any(rng, &mut graph.output), names.choose(rng)) {
                output.name = name.clone();
            }
        }
        _ => node(rng, &mut graph.node, &names),
    }
}

#[test]
fn damaged_networks_are_answered() {
    let mut found = vec![];
    models(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/ort"), &mut found);
    if let Some(folder) = std::env::var_os("SYSTOLE_FUZZ_MODELS") {
        models(Path::new(&folder), &mut found);
    }
    assert!(found.len() > 150, "{} models", found.len());
    let minutes = std::env::var("SYSTOLE_FUZZ_MINUTES").ok().map(|text| text.parse::<u64>().expect("minutes"));
    let seed = minutes.map_or(1, |_| rand::random::<u64>());
    let until = minutes.map(|m| Instant::now() + Duration::from_secs(60 * m));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    let configs = ["base", "small", "tiny"].map(|name| Config::named(name).unwrap());
    let mut rng = random::generator(seed);
    let (mut tried, mut read, mut compiled, mut slowest) = (0u64, 0u64, 0u64, Duration::ZERO);
    let mut bad: Vec<String> = vec![];
    // What ends the process leaves its model too.
    let last = folder.join("last.onnx");
    let sample = if systole_verif::long() { 500 } else { 250 };
    while until.map_or(tried < sample, |until| Instant::now() < until) && bad.len() < 20 {
        let path = found.choose(&mut rng).unwrap();
        let Ok(mut model) = ModelProto::decode(&std::fs::read(path).unwrap()[..]) else { continue };
        for _ in 0..rng.random_range(1..=4) {
            if let Some(graph) = &mut model.graph {
                damage(&mut rng, graph);
            }
        }
        let bytes = model.encode_to_vec();
        if minutes.is_some() {
            std::fs::write(&last, &bytes).unwrap();
        }
        tried += 1;
        let config = configs.choose(&mut rng).unwrap();
        let began = Instant::now();
        let answer = catch_unwind(AssertUnwindSafe(|| {
            let Ok(graph) = import(&bytes, &Constants::new()) else { return Ok((false, false)) };
            match place_tables(&graph, config, Tables::Auto).and_then(|graph| compile(&graph, config, &Options::default())) {
                Ok(_) => Ok((true, true)),
                Err(CompileError::Verify(violations)) => Err(format!("the checker refuses what was compiled: {violations:?}")),
                Err(_) => Ok((true, false)),
            }
        }));
        slowest = slowest.max(began.elapsed());
        let fault = match answer {
            Ok(Ok((was_read, was_compiled))) => {
                read += u64::from(was_read);
                compiled += u64::from(was_compiled);
                continue;
            }
            Ok(Err(text)) => text,
            Err(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into()),
        };
        let kept = folder.join(format!("{seed}-{tried}.onnx"));
        std::fs::write(&kept, &bytes).unwrap();
        bad.push(format!("{} from {}: {fault}", kept.display(), path.display()));
    }
    println!("{tried} models by seed {seed}: {read} were read, {compiled} compiled, slowest answer {slowest:?}");
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(read * 5 > tried && compiled * 10 > tried, "too few get far: {read} read, {compiled} compiled of {tried}");
}
