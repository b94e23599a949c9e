// SPDX-License-Identifier: Apache-2.0
//! The RRAM verbs: a chip whose RRAM is a file, and the campaigns.

use prost::Message;
use std::process::{Command, Output};
use systole_model::onnx::proto::{
    Dimension, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};
use systole_workloads::npy;

fn systole(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_systole")).args(args).output().expect("the program starts")
}

#[test]
fn an_image_is_programmed_wakes_ages_and_runs_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (img, part) = (at("d.img"), at("chip.rram"));
    let run = |args: &[&str]| systole(args);
    let good = |args: &[&str]| {
        let out = run(args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let model = ["--config", "small", "--backend", "model"];
    let with = |args: &[&str]| good(&[args, &model].concat());
    with(&["run", "digits", "--images", "1", "--image", &img]);
    // No file yet: said before anything runs.
    let out = run(&["run", "digits", "--rram", &part, "--config", "small"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("systole program"), "{out:?}");
    let text = with(&["program", &img, "--rram", &part]);
    assert!(text.contains("written to slot 0") && text.contains("epoch 1"), "{text}");
    with(&["rram", "age", "--years", "10", "--rram", &part]);
    let json: serde_json::Value = serde_json::from_str(&with(&["rram", "status", "--rram", &part, "--json"])).unwrap();
    // Ten years made its record weak: it was written anew, two epochs on.
    assert_eq!((json["rram"]["newest"].as_u64(), json["rram"]["epoch"].as_u64()), (Some(0), Some(3)));
    let text = with(&["run", "digits", "--rram", &part, "--images", "20", "--energy"]);
    assert!(text.contains("mismatches                0") && text.contains("TOPS/W"), "{text}");
    with(&["rram", "scrub", "--rram", &part]);
    assert!(with(&["rram", "wear", "--rram", &part]).contains("10.00 years"));
    with(&["wake", "--warm", "--rram", &part]);
    // Another network than the one that is in it.
    let out = run(&[&["run", "digits-cnn", "--rram", &part][..], &model].concat());
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("the image that woke has CRC"), "{out:?}");
    // Two bits of one word: refused at wake, and nothing older is there.
    with(&["rram", "inject", "--row", "1", "--line", "2", "--bits", "4,5", "--rram", &part]);
    let out = run(&[&["wake", "--rram", &part][..], &model].concat());
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("RRAM_NO_IMAGE"), "{out:?}");
    // The same image under the other code: two wrong bits of a word are corrected, three are not.
    let part = at("dected.rram");
    let strong = |args: &[&str]| with(&[args, &["--ecc", "dected", "--rram", &part]].concat());
    strong(&["program", &img]);
    strong(&["rram", "inject", "--row", "1", "--line", "2", "--bits", "4,77"]);
    let json: serde_json::Value = serde_json::from_str(&strong(&["rram", "status", "--json"])).unwrap();
    assert_eq!((json["ecc"].as_str(), json["rram"]["newest"].as_u64()), (Some("dected"), Some(0)));
    assert_eq!((json["rram"]["corrected"].as_u64(), json["rram"]["uncorrectable"].as_u64()), (Some(1), Some(0)));
    assert!(strong(&["run", "digits", "--images", "5"]).contains("mismatches                0"));
    let out = run(&[&["rram", "status", "--rram", &part][..], &model].concat());
    let error = String::from_utf8_lossy(&out.stderr);
    assert!(error.contains("and dected, this machine is") && error.contains("and secded"), "{out:?}");
    strong(&["rram", "inject", "--row", "1", "--line", "2", "--bits", "50"]);
    let out = run(&[&["wake", "--ecc", "dected", "--rram", &part][..], &model].concat());
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("RRAM_NO_IMAGE"), "{out:?}");
    // The part of another machine.
    let part = at("chip.rram");
    let out = run(&["rram", "status", "--rram", &part, "--config", "tiny", "--backend", "model"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("configuration 1"), "{out:?}");
}

/// `MatMulInteger` of x [m, k] and made-up weights [k, n] by `seed`: int32 sums.
fn product(m: usize, k: usize, n: usize, seed: usize) -> Vec<u8> {
    let info = |name: &str, elem_type, dims: [usize; 2]| {
        let dim = dims.iter().map(|&d| Dimension { value: Some(DimensionValue::Value(d as i64)) }).collect();
        let tensor_type = Some(TensorTypeProto { elem_type, shape: Some(TensorShapeProto { dim }) });
        ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
    };
    let node = NodeProto {
        name: "product".into(),
        op_type: "MatMulInteger".into(),
        input: ["x", "w"].map(String::from).to_vec(),
        output: vec!["y".into()],
        ..Default::default()
    };
    let raw_data = Some((0..k * n).map(|i| (i * 23 + seed) as u8).collect());
    let w = TensorProto { name: "w".into(), dims: vec![k as i64, n as i64], data_type: 3, raw_data, ..Default::default() };
    let graph = GraphProto {
        name: format!("product {seed}"),
        node: vec![node],
        initializer: vec![w],
        input: vec![info("x", 3, [m, k])],
        output: vec![info("y", 6, [m, n])],
        ..Default::default()
    };
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 13 }];
    ModelProto { ir_version: 8, graph: Some(graph), opset_import, functions: vec![] }.encode_to_vec()
}

#[test]
fn a_model_in_onnx_runs_from_the_part_that_it_was_programmed_into() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let input = |name: &str, m: usize, k: usize, first: usize| {
        let values: Vec<i8> = (first..first + m * k).map(|i| (i * 37) as i8).collect();
        npy::write(&folder.path().join(name), &[m as u64, k as u64], &values).unwrap();
        at(name)
    };
    let (one, two, img, part) = (at("one.onnx"), at("two.onnx"), at("one.img"), at("chip.rram"));
    std::fs::write(&one, product(3, 5, 4, 1)).unwrap();
    std::fs::write(&two, product(3, 5, 4, 2)).unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    let x = input("x.npy", 3, 5, 0);
    (0..3).for_each(|n| drop(input(&format!("in/{n}.npy"), 3, 5, n)));
    let tiny = ["--config", "tiny"];
    let model = ["--config", "tiny", "--backend", "model"];
    let json = |args: &[&str]| -> serde_json::Value {
        let out = systole(&[args, &["--json"]].concat());
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let refused = |args: &[&str], words: &[&str]| {
        let out = systole(&[args, &model].concat());
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
        assert!(words.iter().all(|w| text.contains(w)) && !text.contains("panicked"), "{args:?}: {text}");
        text
    };
    let compiled = json(&[&["compile", &one, "-o", &img][..], &tiny].concat());
    refused(&["run", &one, "--input", &x, "--rram", &part], &["no such RRAM file", "systole program"]);
    refused(&["rram", "status", "--rram", &part], &["no such RRAM file"]);

    // A part that nothing was written into.
    systole(
        &[&["rram", "inject", "--row", "0", "--line", "700", "--bits", "0", "--stuck", "1", "--rram", &part][..], &tiny].concat(),
    );
    refused(
        &["run", &one, "--input", &x, "--rram", &part],
        &["nothing woke", "RRAM_NO_IMAGE", "systole compile", "systole program"],
    );

    json(&[&["program", &img, "--rram", &part][..], &model].concat());
    let status = json(&[&["rram", "status", "--rram", &part][..], &model].concat());
    let crc = status["rram"]["awake"].as_u64().unwrap();
    for backend in ["rtl", "model"] {
        let on = ["--rram", &part, "--config", "tiny", "--backend", backend];
        let y = at("y.npy");
        let r = json(&[&["run", &one, "--input", &x, "--output", &y][..], &on].concat());
        assert_eq!((r["mismatches"].as_u64(), r["outputs"].as_u64(), r["awake"].as_u64()), (Some(0), Some(12), Some(crc)));
        assert_eq!((&r["cycles_predicted"], &r["cycles_measured"]), (&compiled["cycles"], &compiled["cycles"]));
        let sum = |k: usize| i32::from((k * 37) as u8 as i8) * i32::from((k * 4 * 23 + 1) as u8 as i8);
        assert_eq!(npy::read_i32(std::path::Path::new(&y)).unwrap().data[0], (0..5).map(sum).sum::<i32>());
        let r = json(&[&["run", &one, "--batch-dir", &at("in"), "--energy"][..], &on].concat());
        assert_eq!((r["inputs"].as_u64(), r["mismatches"].as_u64(), r["awake"].as_u64()), (Some(3), Some(0), Some(crc)));
        assert!(r["cycles_as_predicted"] == true && r["energy_of_all"].is_object());
    }

    // Another model, with both CRCs; too many rows for a run; too many lines for a slot.
    let text = refused(&["run", &two, "--input", &x, "--rram", &part], &["two.onnx", "systole compile", "systole program"]);
    assert!(text.contains(&format!("woke has CRC {crc:08x}")) && text.matches(" has ").count() == 2, "{text}");
    let (rows, lines) = (at("rows.onnx"), at("lines.onnx"));
    std::fs::write(&rows, product(3000, 5, 4, 1)).unwrap();
    std::fs::write(&lines, product(1, 128, 128, 1)).unwrap();
    let many = input("many.npy", 3000, 5, 0);
    refused(&["run", &rows, "--input", &many, "--rram", &part], &["3000 rows", "runs on tiny", "without --rram"]);
    let wide = input("wide.npy", 1, 128, 0);
    refused(&["run", &lines, "--input", &wide, "--rram", &part], &["lines.onnx on tiny", "holds 720", "larger machine"]);

    // Two bits of one word, then a file that was cut.
    systole(&[&["rram", "inject", "--row", "1", "--line", "2", "--bits", "4,5", "--rram", &part][..], &tiny].concat());
    refused(&["run", &one, "--input", &x, "--rram", &part], &["nothing woke", "systole program"]);
    let bytes = std::fs::read(&part).unwrap();
    std::fs::write(&part, &bytes[..bytes.len() / 2]).unwrap();
    refused(&["run", &one, "--input", &x, "--rram", &part], &["chip.rram", "damaged"]);
    refused(&["run", &one, "--input", &x, "--image", &img], &["--image", "systole compile"]);
}

#[test]
fn campaigns_report_bounds_plots_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("w.svg").display().to_string();
    let out = systole(&["fault", "--faults", "double,triple", "--count", "500", "--json"]);
    assert!(out.status.success());
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["triple"]["with_crc"]["silent"], 0);
    assert!(json["triple"]["code_alone"]["silent"].as_u64().unwrap() > 0);
    let out = systole(&["lifetime", "--lines", "64", "--endurance", "1000", "--plot", &svg]);
    assert!(out.status.success() && std::fs::read_to_string(&svg).unwrap().contains("<svg"));
    let out = systole(&["fault", "--faults", "gremlins"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("power-cut"), "{out:?}");
    for (args, words) in [
        (&["lifetime", "--lines", "9"][..], "10..=65536"),
        (&["lifetime", "--spread", "nan"], "from 0 to 5"),
        (&["retention", "--celsius", "-300"], "from -55 to 300"),
        (&["energy", "--size", "100000x100000"], "holds 2,097,152 weights"),
        (&["energy", "--size", "64x64", "--rate", "1e8"], "at most"),
    ] {
        let out = systole(args);
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&out.stderr).contains(words), "{out:?}");
    }
    let out = systole(&["energy", "--size", "64x64", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(json["curve"][0]["energy"]["total"]["typ"].as_f64().unwrap() > 0.0);
}
