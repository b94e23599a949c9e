// SPDX-License-Identifier: Apache-2.0
//! The verbs that take ONNX models, on a case made here: inspect, compile, run, conformance.

use prost::Message;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use systole_model::onnx::proto::{
    Dimension, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};
use systole_workloads::npy;

fn systole(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_systole")).args(args).output().expect("the program starts")
}

fn json(args: &[&str]) -> Value {
    let out = systole(args);
    assert!(out.status.success(), "{args:?}: {}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON and nothing else")
}

const M: usize = 3;
const K: usize = 5;
const N: usize = 4;

fn x(i: usize) -> i8 {
    (i as i8).wrapping_mul(37)
}

fn w(i: usize) -> i8 {
    (i as i8).wrapping_mul(23).wrapping_sub(50)
}

/// `MatMulInteger` with a zero point of 3: int32 sums.
fn expected() -> Vec<i32> {
    (0..M * N).map(|e| (0..K).map(|k| (i32::from(x(e / N * K + k)) - 3) * i32::from(w(k * N + e % N))).sum()).collect()
}

fn tensor(name: &str, dims: &[i64], kind: i32, raw: Vec<u8>) -> TensorProto {
    TensorProto { name: name.into(), dims: dims.to_vec(), data_type: kind, raw_data: Some(raw), ..Default::default() }
}

/// The case in `folder/product`.
fn write_case(folder: &Path, outputs: &[i32]) {
    let info = |name: &str, kind, dims: &[usize]| {
        let dim = dims.iter().map(|&d| Dimension { value: Some(DimensionValue::Value(d as i64)) }).collect();
        let tensor_type = Some(TensorTypeProto { elem_type: kind, shape: Some(TensorShapeProto { dim }) });
        ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
    };
    let node = NodeProto {
        name: "product".into(),
        op_type: "MatMulInteger".into(),
        input: ["x", "w", "xz"].map(String::from).to_vec(),
        output: vec!["y".into()],
        ..Default::default()
    };
    let graph = GraphProto {
        name: "three by five by four".into(),
        node: vec![node],
        initializer: vec![
            tensor("w", &[K as i64, N as i64], 3, (0..K * N).map(|i| w(i) as u8).collect()),
            tensor("xz", &[], 3, vec![3]),
        ],
        input: vec![info("x", 3, &[M, K])],
        output: vec![info("y", 6, &[M, N])],
        ..Default::default()
    };
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 13 }];
    let model = ModelProto { ir_version: 8, graph: Some(graph), opset_import, functions: vec![] };
    let data = folder.join("product/test_data_set_0");
    std::fs::create_dir_all(&data).expect("a folder");
    std::fs::write(folder.join("product/model.onnx"), model.encode_to_vec()).expect("written");
    let input = tensor("x", &[M as i64, K as i64], 3, (0..M * K).map(|i| x(i) as u8).collect());
    let output = tensor("y", &[M as i64, N as i64], 6, outputs.iter().flat_map(|v| v.to_le_bytes()).collect());
    std::fs::write(data.join("input_0.pb"), input.encode_to_vec()).expect("written");
    std::fs::write(data.join("output_0.pb"), output.encode_to_vec()).expect("written");
}

#[test]
fn a_model_is_inspected_compiled_and_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_string();
    write_case(folder.path(), &expected());
    let model = at("product/model.onnx");

    let v = json(&["inspect", &model, "--json"]);
    assert_eq!((v["macs"].as_u64(), v["weights"].as_u64()), (Some((M * K * N) as u64), Some((K * N) as u64)));
    assert_eq!(v["layers"][0]["kind"], "matrix product");
    assert_eq!(v["unsupported"], Value::Null);
    let text = String::from_utf8_lossy(&systole(&["inspect", &model]).stdout).into_owned();
    assert!(text.contains("matrix product") && text.contains("every layer runs on the machine"), "{text}");

    let image = at("m.img");
    let v = json(&["compile", &model, "-o", &image, "--config", "tiny", "--json"]);
    let listing = json(&["disasm", &image, "--json"]);
    assert_eq!(v["cycles"], listing["cycles"]);

    npy::write(&folder.path().join("x.npy"), &[M as u64, K as u64], &(0..M * K).map(x).collect::<Vec<_>>()).expect("written");
    for (backend, input) in [("rtl", at("x.npy")), ("model", at("product/test_data_set_0/input_0.pb"))] {
        let y = at("y.npy");
        let r = json(&["run", &model, "--input", &input, "--output", &y, "--config", "tiny", "--backend", backend, "--json"]);
        assert_eq!((r["mismatches"].as_u64(), r["outputs"].as_u64()), (Some(0), Some((M * N) as u64)));
        assert_eq!(r["cycles_predicted"], r["cycles_measured"]);
        assert_eq!(r["cycles_predicted"], v["cycles"]);
        let got = npy::read_i32(Path::new(&y)).expect("int32");
        assert_eq!((got.shape, got.data), (vec![M, N], expected()));
    }
}

/// A product that runs (3 x 5 by 5 x 4), and two of four float32 weights that do not; the batch is open.
#[test]
fn a_model_that_does_not_run_says_how_much_of_it_would() {
    let folder = tempfile::tempdir().expect("a folder");
    write_case(folder.path(), &expected());
    let path = folder.path().join("product/model.onnx");
    let mut model = ModelProto::decode(std::fs::read(&path).expect("it is there").as_slice()).expect("a model");
    let graph = model.graph.as_mut().expect("a graph");
    let shape = graph.input[0].r#type.as_mut().and_then(|t| t.tensor_type.as_mut()).and_then(|t| t.shape.as_mut());
    shape.expect("a shape").dim[0].value = Some(DimensionValue::Param("N".into()));
    let node = |op: &str, inputs: &[&str], output: &str| NodeProto {
        name: output.into(),
        op_type: op.into(),
        input: inputs.iter().map(|s| s.to_string()).collect(),
        output: vec![output.into()],
        ..Default::default()
    };
    graph.initializer.push(tensor("f", &[N as i64, N as i64], 1, [0.5f32; N * N].iter().flat_map(|v| v.to_le_bytes()).collect()));
    graph.node[0].output[0] = "sums".into();
    graph.node.push(node("Det", &["sums"], "det"));
    graph.node.push(node("QuantizeLinear", &["f0", "s"], "codes"));
    graph.node.push(node("DequantizeLinear", &["codes", "s"], "real"));
    graph.node.push(node("MatMul", &["real", "f"], "y"));
    graph.node.push(node("GroupNormalization", &["sums"], "f0"));
    graph.initializer.push(tensor("s", &[], 1, 0.5f32.to_le_bytes().to_vec()));
    graph.output.push(ValueInfoProto { name: "det".into(), r#type: None });
    std::fs::write(&path, model.encode_to_vec()).expect("written");
    let out = systole(&["inspect", path.to_str().expect("UTF-8")]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(2), "{text}");
    for words in [
        "3 nodes of the graph cannot run",
        "det (Det): Det is not compiled",
        "f0 (GroupNormalization)",
        "y (MatMul): its weights are float32",
        "3 of 6 nodes would run, with 20 of 36 multiplications (55.6 %)",
        "note: input 'x': its first dimension, 'N', is taken as a batch of 1",
    ] {
        assert!(text.contains(words), "no '{words}' in: {text}");
    }
}

#[test]
fn conformance_tells_passed_from_failed_and_unsupported() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    write_case(folder.path(), &expected());
    let v = json(&["conformance", path, "--config", "tiny", "--backend", "model", "--json"]);
    assert_eq!((v["passed"].as_u64(), v["failed"].as_u64(), v["unsupported"].as_u64()), (Some(1), Some(0), Some(0)));
    assert_eq!(v["cases"][0]["name"], "product");
    assert_eq!(v["cases"][0]["max_abs_diff"], 0.0);

    let mut other = expected();
    other[7] += 2;
    write_case(folder.path(), &other);
    let out = systole(&["conformance", path, "--config", "tiny", "--backend", "model", "--json"]);
    assert_eq!(out.status.code(), Some(1));
    let v: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!((v["failed"].as_u64(), v["cases"][0]["max_abs_diff"].as_f64()), (Some(1), Some(2.0)));

    let out = systole(&["conformance", &format!("{path}/product/test_data_set_0"), "--config", "tiny", "--backend", "model"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("model.onnx"));
}

#[test]
fn a_model_runs_on_random_input_by_a_seed_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    write_case(folder.path(), &expected());
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_string();
    let run = |seed: &str, to: &str| {
        let out = systole(&["run", &at("product/model.onnx"), "--config", "tiny", "--seed", seed, "--output", to]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(text.contains(&format!("on random input (seed {seed})")) && text.contains("as predicted"), "{text}");
        npy::read_i32(Path::new(to)).expect("int32").data
    };
    let one = run("1", &at("a.npy"));
    assert_eq!(one, run("1", &at("b.npy")));
    assert_ne!(one, run("2", &at("c.npy")));
}

#[test]
fn what_the_host_computes_is_said_and_in_no_cycle() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../verif/data/ort");
    let model = |name: &str| rules.join(name).join("model.onnx").to_str().expect("UTF-8").to_string();
    let before = json(&["inspect", &model("host_before_int8_1"), "--json"]);
    assert_eq!(before["on_host"], serde_json::json!([["Sub", "Div", "MaxPool"], []]));
    let behind = json(&["run", &model("host_behind_softmax_uint8_1"), "--config", "tiny", "--backend", "model", "--json"]);
    assert_eq!(behind["on_host"], serde_json::json!([[], ["QLinearSoftmax"]]));
    // Copies are no multiplications: 5 x 4 pixels of 6 channels, 1 x 1 and 3 x 3.
    let copies = json(&["inspect", &model("concat_rows_int8_1"), "--json"]);
    assert_eq!(copies["macs"].as_u64(), Some(20 * 6 * 6 * 10));
    assert!(copies["layers"].as_array().expect("layers").iter().any(|l| l["kind"] == "copy"));
}

#[test]
fn wrong_models_and_inputs_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_string();
    write_case(folder.path(), &expected());
    let model = at("product/model.onnx");
    npy::write(&folder.path().join("wide.npy"), &[3, 6], &[0i8; 18]).expect("written");
    npy::write(&folder.path().join("float.npy"), &[3, 5], &[0f32; 15]).expect("written");
    std::fs::write(folder.path().join("cut.onnx"), &std::fs::read(&model).expect("it is there")[..60]).expect("written");
    for (args, words) in [
        (vec!["run", &model, "--input", &at("wide.npy"), "--config", "tiny"], vec!["'x'", "[3, 5]", "[3, 6]"]),
        (vec!["run", &model, "--input", &at("float.npy"), "--config", "tiny"], vec!["float.npy", "int8"]),
        (vec!["run", &model, "--input", &at("none.npy"), "--config", "tiny"], vec!["none.npy"]),
        (vec!["inspect", &at("cut.onnx")], vec!["cut.onnx", "not an ONNX model"]),
        (vec!["compile", &at("none.onnx"), "-o", &at("m.img")], vec!["none.onnx"]),
        (vec!["compile", &model, "-o", &at("none/m.img")], vec!["cannot write"]),
        (vec!["run", "digits", "--input", &at("wide.npy")], vec!["--input"]),
    ] {
        let out = systole(&args);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
        assert!(words.iter().all(|w| text.contains(w)) && !text.contains("panicked"), "{args:?}: {text}");
    }
    assert!(!folder.path().join("m.img").exists());
}

/// The committed network of convolutions.
fn cnn() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sw/workloads/data/digits/cnn.onnx").to_str().expect("UTF-8").to_string()
}

#[test]
fn a_convolutional_network_shows_its_layers_and_every_pass() {
    let v = json(&["compile", &cnn(), "--json"]);
    let layers = v["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 6);
    let cycles: u64 = layers.iter().map(|l| l["cycles"].as_u64().expect("cycles")).sum();
    assert!(cycles < v["cycles"].as_u64().expect("cycles"), "the array's time is inside the run's");
    let text = String::from_utf8_lossy(&systole(&["compile", &cnn()]).stdout).into_owned();
    assert!(text.contains("conv1") && text.contains("ragged tiles") && text.contains("RRAM"), "{text}");
    for (pass, word) in
        [("legalise", "stage 0"), ("tile", "k tiles"), ("place", "sub-banks"), ("schedule", "MATMUL"), ("emit", "END")]
    {
        let text = String::from_utf8_lossy(&systole(&["compile", &cnn(), "--dump", pass]).stdout).into_owned();
        assert!(text.starts_with(&format!("== {pass}")) && text.contains(word), "{text}");
    }
    let text = String::from_utf8_lossy(&systole(&["inspect", &cnn()]).stdout).into_owned();
    assert!(text.contains("convolution 3x3") && text.contains("array, 9 x 1 tiles"), "{text}");
    let v = json(&["run", "digits-cnn", "--images", "40", "--backend", "model", "--json"]);
    assert_eq!((v["mismatches"].as_u64(), v["script_mismatches"].as_u64()), (Some(0), Some(0)));
    assert!(v["accuracy"].as_f64() > Some(0.9));
}

#[test]
fn a_folder_of_inputs_runs_back_to_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_string();
    write_case(folder.path(), &expected());
    let model = at("product/model.onnx");
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    for n in 0..4 {
        let values: Vec<i8> = (0..M * K).map(|i| x(i + n)).collect();
        npy::write(&folder.path().join(format!("in/{n}.npy")), &[M as u64, K as u64], &values).expect("written");
    }
    for backend in ["rtl", "model"] {
        let (list, to) = (at("in"), at(backend));
        let args = ["run", &model, "--batch-dir", &list, "--output", &to, "--config", "tiny", "--backend", backend, "--json"];
        let v = json(&args);
        assert_eq!((v["inputs"].as_u64(), v["mismatches"].as_u64()), (Some(4), Some(0)));
        assert_eq!(v["cycles_as_predicted"], true);
        let (each, run) = (v["cycles_per_input"].as_f64().expect("a number"), v["cycles_measured"].as_f64().expect("a number"));
        // Input and output of a run pass while another computes; of the first and last they do not.
        assert!(each >= run && each < 3.0 * run + 40.0, "{each} cycles an input, {run} a run");
        let got = npy::read_i32(&folder.path().join(backend).join("0.npy")).expect("int32");
        assert_eq!(got.data, expected());
    }
    let wrong = folder.path().join("in/wrong.npy");
    npy::write(&wrong, &[2, 2], &[0i8; 4]).expect("written");
    let out = systole(&["run", &model, "--batch-dir", &at("in"), "--config", "tiny", "--backend", "model"]);
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("wrong.npy"));
}

#[test]
fn outputs_are_compared_with_tensors_and_labels() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_string();
    let mut values = expected();
    write_case(folder.path(), &values);
    let (model, input) = (at("product/model.onnx"), at("product/test_data_set_0/input_0.pb"));
    let stored = at("product/test_data_set_0/output_0.pb");
    let run = ["run", &model, "--input", &input, "--config", "tiny", "--backend", "model"];
    let with = |more: &[&str]| systole(&[&run, more].concat());

    let v = json(&[&run[..], &["--expect", &stored, "--json"]].concat());
    assert_eq!((v["expected"]["differing"].as_u64(), v["expected"]["elements"].as_u64()), (Some(0), Some((M * N) as u64)));
    assert_eq!(v["labels"], Value::Null);
    // One element is another: it is said, and the program fails.
    values[5] += 3;
    npy::write(&folder.path().join("y.npy"), &[M as u64, N as u64], &values).expect("written");
    let out = with(&["--expect", &at("y.npy")]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.code() == Some(1) && text.contains("1 differ from the tensor given, by up to 3"), "{text}");
    npy::write(&folder.path().join("y.npy"), &[1, 2], &[1i32, 2]).expect("written");
    let out = with(&["--expect", &at("y.npy")]);
    assert!(out.status.code() == Some(1) && String::from_utf8_lossy(&out.stdout).contains("another shape or type"));

    let largest = (0..M * N).rev().max_by_key(|&i| expected()[i]).expect("elements");
    for (label, right) in [(largest, 1), ((largest + 1) % (M * N), 0)] {
        std::fs::write(folder.path().join("labels.txt"), format!("{label}\n")).expect("written");
        let v = json(&[&run[..], &["--labels", &at("labels.txt"), "--json"]].concat());
        assert_eq!((v["labels"]["right"].as_u64(), v["labels"]["labels"].as_u64()), (Some(right), Some(1)));
    }
    for (text, why) in [("1 2", "2 labels for 1 inputs"), ("cat", "'cat' is no whole number")] {
        std::fs::write(folder.path().join("labels.txt"), text).expect("written");
        let out = with(&["--labels", &at("labels.txt")]);
        assert!(out.status.code() == Some(2) && String::from_utf8_lossy(&out.stderr).contains(why), "{out:?}");
    }

    // A folder of inputs wants a folder, in which each has a tensor of its name.
    for name in ["in", "out"] {
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    let many = ["run", &model, "--batch-dir", &at("in"), "--config", "tiny", "--backend", "model", "--expect", &at("out")];
    let (mut labels, shape) = (vec![], [M as u64, K as u64]);
    for n in 0..3 {
        let codes: Vec<i8> = (0..M * K).map(|i| x(i + n)).collect();
        npy::write(&folder.path().join(format!("in/{n}.npy")), &shape, &codes).expect("written");
        let y = |e: usize| (0..K).map(|k| (i32::from(codes[e / N * K + k]) - 3) * i32::from(w(k * N + e % N))).sum::<i32>();
        let outputs: Vec<i32> = (0..M * N).map(y).collect();
        if n < 2 {
            npy::write(&folder.path().join(format!("out/{n}.npy")), &[M as u64, N as u64], &outputs).expect("written");
        }
        labels.push((0..M * N).rev().max_by_key(|&i| outputs[i]).expect("elements") as i64);
    }
    let out = systole(&many);
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("2.npy"), "{out:?}");
    std::fs::remove_file(folder.path().join("in/2.npy")).expect("removed");
    npy::write(&folder.path().join("labels.npy"), &[2], &labels[..2]).expect("written");
    let v = json(&[&many[..], &["--labels", &at("labels.npy"), "--json"]].concat());
    assert_eq!((v["expected"]["differing"].as_u64(), v["expected"]["elements"].as_u64()), (Some(0), Some(2 * (M * N) as u64)));
    assert_eq!(v["labels"]["right"], 2);
}

#[test]
fn rows_of_layers_add_up_to_the_run() {
    let number = |line: &str| -> u64 {
        // The column of cycles: behind that of tiles, which is empty in the last rows.
        let fields: Vec<&str> = line.split_whitespace().collect();
        let tiles = fields.iter().position(|f| *f == "x");
        let at = tiles.map_or(fields.len() - 1, |x| x + 2);
        fields[at].replace(',', "").parse().expect("cycles")
    };
    for args in [&["run", "digits-cnn", "--images", "2"][..], &["run", &cnn()], &["compile", &cnn()]] {
        let mut args = args.to_vec();
        args.extend(if args[0] == "run" { &["--layers", "--backend", "model"][..] } else { &[] });
        let text = String::from_utf8_lossy(&systole(&args).stdout).into_owned();
        let rows: Vec<&str> = text.lines().skip_while(|l| !l.contains("why not all of it")).skip(1).collect();
        let end = rows.iter().position(|l| l.trim_start().starts_with("all ")).expect("a last row");
        let (parts, all) = (rows[..end].iter().map(|l| number(l)).sum::<u64>(), number(rows[end]));
        assert_eq!((parts, end), (all, 7), "{text}");
        assert!(text.matches(rows[end].split_whitespace().last().expect("a number")).count() >= 2, "it is the run's: {text}");
    }
}
