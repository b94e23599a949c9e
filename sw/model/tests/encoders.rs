// SPDX-License-Identifier: Apache-2.0
//! Encoders that scripts/ort_encoders.py drew, read and computed in float64, against ONNX Runtime's float32.
//!
//! Cases are folders with model.onnx, input_N.pb and output_N.pb, in verif/data/encoders and in the folders that the environment
//! variable `SYSTOLE_ENCODERS` names, by colons.

use std::path::{Path, PathBuf};
use systole_model::encoder::float::{cosine, float};
use systole_model::encoder::import::{Imported, Options, import, looks_dynamic};
use systole_model::onnx::{Array, read_tensor};

fn tensors(folder: &Path, kind: &str) -> Vec<(String, Array)> {
    (0..).map_while(|i| std::fs::read(folder.join(format!("{kind}_{i}.pb"))).ok()).map(|b| read_tensor(&b).unwrap()).collect()
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
    let mut roots = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../verif/data/encoders"))];
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
