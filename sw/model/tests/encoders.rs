// SPDX-License-Identifier: Apache-2.0
//! Encoders that scripts/ort_encoders.py drew, read and computed in float64, against ONNX Runtime's float32.
//!
//! Cases are folders with model.onnx and test_data_set_0 (input_N.pb, output_N.pb), in verif/data/encoders and in the folders that the environment
//! variable `SYSTOLE_ENCODERS` names, by colons.

use std::path::{Path, PathBuf};
use systole_model::encoder::float::{cosine, float};
use systole_model::encoder::import::{Imported, Options, RunError, import, looks_dynamic};
use systole_model::onnx::proto::{ModelProto, NodeProto, TensorProto};
use systole_model::onnx::{Array, ImportError, read_tensor};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verif/data/encoders");

fn tensors(folder: &Path, kind: &str) -> Vec<(String, Array)> {
    (0..)
        .map_while(|i| std::fs::read(folder.join(format!("test_data_set_0/{kind}_{i}.pb"))).ok())
        .map(|b| read_tensor(&b).unwrap())
        .collect()
}

/// Sizes of all dimensions, by input and number.
fn options(inputs: &[(String, Array)]) -> Options {
    let sizes = inputs.iter().flat_map(|(n, a)| a.shape.iter().enumerate().map(move |(d, &s)| (format!("{n}:{d}"), s)));
    Options { sizes: sizes.collect() }
}

/// The largest difference of an output from ONNX Runtime's, in parts of its largest number, and the least cosine.
fn compare(imported: &Imported, inputs: &[(String, Array)], outputs: &[(String, Array)]) -> Result<(f64, f64), String> {
    let named: Vec<(&str, Array)> = inputs.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
    let prepared = imported.prepare(&named).map_err(|e| e.to_string())?;
    let result: Vec<f32> = float(&imported.encoder, &prepared.x, &prepared.mask).iter().map(|&v| v as f32).collect();
    let made = imported.finish(&prepared, &result).map_err(|e| e.to_string())?;
    let (mut far, mut least) = (0f64, 1f64);
    for ((name, array), (_, wanted)) in made.iter().zip(outputs) {
        if array.shape != wanted.shape {
            return Err(format!("{name} has shape {:?}, not {:?}", array.shape, wanted.shape));
        }
        let wide = |a: &Array| a.floats().unwrap().iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let (a, b) = (wide(array), wide(wanted));
        let size = b.iter().fold(0f64, |m, v| m.max(v.abs()));
        let off = a.iter().zip(&b).map(|(a, b)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() / size });
        far = far.max(off.fold(0.0, f64::max));
        least = least.min(cosine(&a, &b));
    }
    if made.len() == outputs.len() { Ok((far, least)) } else { Err("outputs are missing".into()) }
}

fn folders() -> Vec<PathBuf> {
    let mut roots = vec![PathBuf::from(DATA)];
    match std::env::var("SYSTOLE_ENCODERS") {
        Ok(more) => roots.extend(more.split(':').map(PathBuf::from)),
        Err(_) => println!("skipped: SYSTOLE_ENCODERS names no folder with more cases"),
    }
    let mut made: Vec<PathBuf> = vec![];
    for root in roots {
        let list = std::fs::read_dir(&root).unwrap_or_else(|e| panic!("{}: {e}", root.display()));
        made.extend(list.map(|e| e.unwrap().path()).filter(|p| p.join("model.onnx").exists()));
    }
    made.sort();
    made
}

#[test]
fn encoders_are_what_onnx_runtime_computes() {
    let mut wrong = vec![];
    let all = folders();
    assert!(!all.is_empty(), "no cases");
    for folder in &all {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(folder.join("model.onnx")).unwrap();
        let (inputs, outputs) = (tensors(folder, "input"), tensors(folder, "output"));
        let imported = match import(&bytes, &options(&inputs)) {
            Ok(i) => i,
            Err(e) => {
                wrong.push(format!("{name}: {e}"));
                continue;
            }
        };
        if !looks_dynamic(&bytes) {
            wrong.push(format!("{name}: does not look like an encoder"));
        }
        // Gelu instead of its approximation is 4.8e-4 off; weights that lie on no grid are rounded.
        let approximate = imported.notes.iter().any(|n| n.contains("by tanh"));
        match compare(&imported, &inputs, &outputs) {
            Ok((far, cosine)) => {
                println!("{name}: {far:.1e} off, cosine {cosine:.6}, {} operators", imported.encoder.ops.len());
                let good = if name.ends_with("_free") { cosine > 0.995 } else { far < if approximate { 5e-3 } else { 1e-4 } };
                if !good {
                    wrong.push(format!("{name}: {far:e} off, cosine {cosine}: {:?}", imported.notes));
                }
            }
            Err(e) => wrong.push(format!("{name}: {e}")),
        }
    }
    println!("{} of {} are equal", all.len() - wrong.len(), all.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

/// A stored case with a mask that is a product with a low number, and masks tokens, as a message.
fn with_mask() -> (ModelProto, Vec<(String, Array)>) {
    for folder in folders().into_iter().filter(|f| f.starts_with(DATA)) {
        let model: ModelProto = prost::Message::decode(std::fs::read(folder.join("model.onnx")).unwrap().as_slice()).unwrap();
        let graph = model.graph.as_ref().unwrap();
        let low: Vec<&str> = graph.initializer.iter().filter(|t| lowest(t).is_some()).map(|t| t.name.as_str()).collect();
        let times = |n: &NodeProto| n.op_type == "Mul" && low.contains(&n.input[1].as_str());
        let has = |op: &str| graph.node.iter().any(|n| n.op_type == op);
        let inputs = tensors(&folder, "input");
        let masks = inputs.iter().any(|(n, a)| n == "attention_mask" && a.integers().unwrap().contains(&0));
        if masks && graph.node.iter().any(times) && has("Softmax") && has("MatMul") && !has("DynamicQuantizeLinear") {
            return (model, inputs);
        }
    }
    panic!("no case has a mask that is added");
}

/// What a scalar holds that masks tokens.
fn lowest(t: &TensorProto) -> Option<f32> {
    let raw: [u8; 4] = t.raw_data.as_deref()?.try_into().ok()?;
    (t.data_type == 1).then(|| f32::from_le_bytes(raw)).filter(|v| *v <= -1e4)
}

fn read(model: &ModelProto, inputs: &[(String, Array)]) -> Result<Imported, ImportError> {
    import(&prost::Message::encode_to_vec(model), &options(inputs))
}

#[test]
fn a_bias_of_attention_is_no_mask() {
    let (mut model, inputs) = with_mask();
    let named: Vec<(&str, Array)> = inputs.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
    let sound = read(&model, &inputs).unwrap().prepare(&named).unwrap();
    assert!(sound.mask.contains(&false) && sound.mask.contains(&true), "{:?}", sound.mask);
    let low = model.graph.as_mut().unwrap().initializer.iter_mut().find(|t| lowest(t).is_some()).unwrap();
    low.raw_data = Some((-3f32).to_le_bytes().to_vec());
    // Without a masked token it would be one: only a run tells.
    let error = read(&model, &inputs).unwrap().prepare(&named).unwrap_err();
    assert!(matches!(&error, RunError::Mask { what, .. } if what.contains("a bias of attention")), "{error}");
}

#[test]
fn a_mask_of_later_tokens_is_refused_when_the_file_is_read() {
    let (mut model, inputs) = with_mask();
    let tokens = inputs.iter().find(|(n, _)| n == "attention_mask").unwrap().1.shape[1];
    let graph = model.graph.as_mut().unwrap();
    let low: Vec<String> = graph.initializer.iter().filter(|t| lowest(t).is_some()).map(|t| t.name.clone()).collect();
    let made = graph.node.iter().find(|n| n.op_type == "Mul" && low.contains(&n.input[1])).unwrap().output[0].clone();
    for input in graph.node.iter_mut().flat_map(|n| &mut n.input).filter(|i| **i == made) {
        "later".clone_into(input);
    }
    let numbers = (0..tokens * tokens).map(|i| if i % tokens > i / tokens { -1e9 } else { 0.0 }).collect();
    let dims = vec![1, 1, tokens as i64, tokens as i64];
    graph.initializer.push(TensorProto { name: "later".into(), dims, data_type: 1, float_data: numbers, ..Default::default() });
    let error = read(&model, &inputs).unwrap_err();
    assert!(matches!(error, ImportError::Unsupported(_)) && error.to_string().contains("the same for all queries"), "{error}");
}

#[test]
fn what_the_machine_does_not_have_is_refused_by_its_node() {
    let (model, inputs) = with_mask();
    for (op, other) in [("MatMul", "Einsum"), ("Softmax", "Hardmax"), ("Add", "BitShift")] {
        let mut model = model.clone();
        let node = model.graph.as_mut().unwrap().node.iter_mut().find(|n| n.op_type == op).unwrap();
        other.clone_into(&mut node.op_type);
        let error = read(&model, &inputs).unwrap_err();
        let ImportError::Unsupported(list) = &error else { panic!("{op} as {other}: {error}") };
        assert!(!list.is_empty() && list.iter().all(|u| !u.node.is_empty() && !u.reason.is_empty()), "{error}");
    }
    let error = import(&prost::Message::encode_to_vec(&model), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("'sequence' is open"), "{error}");
}

#[test]
fn broken_encoders_are_refused_and_nothing_else_happens() {
    let mut tried = 0;
    for folder in folders().into_iter().filter(|f| f.starts_with(DATA)) {
        let bytes = std::fs::read(folder.join("model.onnx")).unwrap();
        let model: ModelProto = prost::Message::decode(bytes.as_slice()).unwrap();
        let inputs = tensors(&folder, "input");
        let nodes = model.graph.as_ref().unwrap().node.len();
        for n in (tried % 3..nodes).step_by(3) {
            // An input of one node, then an operator, then the attributes are those of another.
            let other = (n * 7 + 3) % nodes;
            let mut broken = [model.clone(), model.clone(), model.clone()];
            let from = model.graph.as_ref().unwrap().node[other].clone();
            let of = |m: &mut ModelProto| m.graph.as_mut().unwrap().node[n].clone();
            for (kind, m) in broken.iter_mut().enumerate() {
                let mut node = of(m);
                match kind {
                    0 => node.input = from.input.iter().chain(&node.input).take(node.input.len()).cloned().collect(),
                    1 => node.op_type.clone_from(&from.op_type),
                    _ => node.attribute.clone_from(&from.attribute),
                }
                m.graph.as_mut().unwrap().node[n] = node;
                if let Ok(read) = read(m, &inputs) {
                    assert_eq!(read.encoder.check(), Ok(()));
                }
                tried += 1;
            }
        }
    }
    println!("{tried} broken models");
    assert!(tried > 500);
}
