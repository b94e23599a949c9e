// SPDX-License-Identifier: Apache-2.0
//! The verbs on networks whose activations have no scales (docs/encoders.md), on a stored one that quantize_dynamic wrote.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn systole(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_systole")).args(args).output().expect("the program starts")
}

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../verif/data/encoders").join(name)
}

/// `systole run` of a stored case on the instruction-level model.
fn run(name: &str, more: &[&str]) -> Output {
    let folder = case(name);
    let data = folder.join("test_data_set_0");
    let files = |kind: &str| (0..).map(|n| data.join(format!("{kind}_{n}.pb"))).take_while(|p| p.is_file()).collect::<Vec<_>>();
    let mut args = vec!["run".to_string(), folder.join("model.onnx").display().to_string()];
    args.extend(["--backend", "model", "--config", "base,TIMETABLE_DEPTH=4096,DESC_DEPTH=8192"].map(String::from));
    for (flag, kind) in [("--input", "input"), ("--expect", "output")] {
        args.extend(files(kind).iter().flat_map(|f| [flag.to_string(), f.display().to_string()]));
    }
    args.extend(more.iter().map(ToString::to_string));
    systole(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn error(out: &Output) -> String {
    assert_eq!(out.status.code(), Some(2), "{}", String::from_utf8_lossy(&out.stdout));
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn a_run_is_compared_with_the_golden_model_and_with_the_tensor_given() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("y.npy");
    let out = run("0160_encoder_dynamic_channel", &["--json", "--output", &to.display().to_string()]);
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&json["mismatches"], &json["class"]), (&0.into(), &"model-level".into()));
    assert_eq!(json["cycles_predicted"], json["cycles_measured"]);
    assert!(json["outputs"][0]["expected"]["cosine"].as_f64().unwrap() > 0.999, "{json}");
    assert!(to.is_file());
    let text = run("0160_encoder_dynamic_channel", &[]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("as predicted") && text.contains("0 differ from the golden model"), "{text}");
}

#[test]
fn another_output_than_the_one_given_fails() {
    let folder = case("0160_encoder_dynamic_channel");
    let wrong = case("0221_encoder_dynamic_channel").join("test_data_set_0/output_0.pb");
    let out = run("0160_encoder_dynamic_channel", &["--json"]);
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    let data = folder.join("test_data_set_0");
    let mut args = vec!["run".to_string(), folder.join("model.onnx").display().to_string(), "--backend".into(), "model".into()];
    args.extend(["--config".to_string(), "base,TIMETABLE_DEPTH=4096,DESC_DEPTH=8192".into()]);
    for n in (0..).take_while(|n| data.join(format!("input_{n}.pb")).is_file()) {
        args.extend(["--input".into(), data.join(format!("input_{n}.pb")).display().to_string()]);
    }
    args.extend(["--expect".into(), wrong.display().to_string()]);
    let out = systole(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(out.status.code(), Some(1), "{json}: {}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn what_does_not_go_says_what_does() {
    let model = case("0160_encoder_dynamic_channel").join("model.onnx").display().to_string();
    let tensor = error(&run("0160_encoder_dynamic_channel", &["--dynamic", "tensor"]));
    assert!(tensor.contains("--dynamic token"), "{tensor}");
    let board = error(&systole(&["explore", &model]));
    assert!(board.contains("docs/encoders.md"), "{board}");
    let scales = error(&run("0160_encoder_dynamic_channel", &["--layers"]));
    assert!(scales.contains("static scales"), "{scales}");
    let size = error(&systole(&["compile", &model, "--size", "sequence"]));
    assert!(size.contains("NAME=N"), "{size}");
}
