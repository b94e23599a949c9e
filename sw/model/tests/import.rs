// SPDX-License-Identifier: Apache-2.0
//! What the importer makes of models, sound and unsound.

use proptest::prelude::*;
use prost::Message;
use systole_model::graph::{Finish, MeanRounding, Op};
use systole_model::onnx::proto::{
    AttributeProto, Dimension, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use systole_model::onnx::{Constants, ImportError, Imported, import, import_from, survey};

const INT8: i32 = 3;
const FLOAT: i32 = 1;

fn tensor(name: &str, dims: &[i64], kind: i32, raw: Vec<u8>) -> TensorProto {
    TensorProto { name: name.into(), dims: dims.to_vec(), data_type: kind, raw_data: Some(raw), ..Default::default() }
}

fn scale(name: &str, value: f32) -> TensorProto {
    tensor(name, &[], FLOAT, value.to_le_bytes().to_vec())
}

fn zero(name: &str, value: i8) -> TensorProto {
    tensor(name, &[], INT8, vec![value as u8])
}

fn info(name: &str, kind: i32, dims: &[Option<i64>]) -> ValueInfoProto {
    let dim = |d: &Option<i64>| Dimension { value: Some(d.map_or(DimensionValue::Param("batch".into()), DimensionValue::Value)) };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor_type = Some(TensorTypeProto { elem_type: kind, shape: Some(shape) });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
}

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: format!("{op} of {output}"),
        op_type: op.into(),
        input: inputs.iter().map(|s| s.to_string()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

fn model(nodes: Vec<NodeProto>, initializer: Vec<TensorProto>, input: ValueInfoProto) -> ModelProto {
    let graph =
        GraphProto { node: nodes, initializer, input: vec![input], output: vec![info("y", INT8, &[])], ..Default::default() };
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
    ModelProto { ir_version: 8, graph: Some(graph), opset_import, functions: vec![] }
}

/// A 2 x 3 by 3 x 2 QLinearMatMul.
fn product() -> ModelProto {
    let node = node("QLinearMatMul", &["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], "y");
    let weights = tensor("w", &[3, 2], INT8, vec![1, 2, 3, 4, 5, 6]);
    let rest = [scale("xs", 0.5), zero("xz", 1), scale("ws", 0.25), zero("wz", 0), scale("ys", 2.0), zero("yz", -3)];
    model(vec![node], std::iter::once(weights).chain(rest).collect(), info("x", INT8, &[Some(2), Some(3)]))
}

fn refused(model: &ModelProto, words: &[&str]) {
    let text = import(&model.encode_to_vec(), &Constants::new()).expect_err("a broken model").to_string();
    for word in words {
        assert!(text.contains(word), "no '{word}' in: {text}");
    }
}

#[test]
fn a_product_becomes_one_layer_with_combined_scale() {
    let graph = import(&product().encode_to_vec(), &Constants::new()).expect("a sound model");
    assert_eq!(graph.layers.len(), 1);
    assert_eq!((graph.maps[0].shape, graph.maps[1].shape), ([2, 1, 3], [2, 1, 2]));
    let Op::Conv { zero_point, weights, groups, .. } = &graph.layers[0].op else { panic!("a product") };
    assert_eq!((*zero_point, weights.as_slice(), *groups), (1, &[1i16, 2, 3, 4, 5, 6][..], 1));
    assert_eq!(
        graph.layers[0].finish,
        Finish::Int8 { scales: vec![0.0625; 2], zero_point: -3, lo: -128, hi: 127, float32: false, rest: vec![] }
    );
    assert_eq!(graph.macs(), 12);
}

#[test]
fn broken_models_are_refused_with_the_place_and_the_reason() {
    let change = |f: &dyn Fn(&mut GraphProto)| {
        let mut m = product();
        f(m.graph.as_mut().expect("a graph"));
        m
    };
    refused(&change(&|g| g.input[0] = info("x", INT8, &[Some(2), None])), &["'x'", "'batch'", "dynamic"]);
    refused(&change(&|g| g.input[0] = info("x", INT8, &[Some(0), Some(3)])), &["'x'", "0"]);
    refused(&change(&|g| g.input[0] = info("x", 10, &[Some(2), Some(3)])), &["'x'", "float16"]);
    refused(&change(&|g| g.input[0] = info("x", INT8, &[Some(2), Some(4)])), &["QLinearMatMul of y", "4 columns", "3 rows"]);
    for bad in [f32::NAN, 0.0, -1.0, f32::INFINITY, 1e-40] {
        refused(&change(&|g| g.initializer[1] = scale("xs", bad)), &["QLinearMatMul of y", "scale"]);
    }
    refused(&change(&|g| g.initializer[0].raw_data = Some(vec![0; 5])), &["'w'", "5 bytes", "needs 6"]);
    refused(&change(&|g| g.initializer[0].data_location = 1), &["'w'", "another file"]);
    refused(&change(&|g| g.initializer[0].dims = vec![1 << 40, 1 << 40]), &["'w'", "beyond"]);
    refused(&change(&|g| g.initializer[0].dims = vec![-3, 2]), &["'w'", "-3"]);
    refused(&change(&|g| g.node[0].input[0] = "nothing".into()), &["QLinearMatMul of y", "'nothing'", "cycle"]);
    refused(&change(&|g| g.node[0].input[0] = "y".into()), &["'y'", "cycle"]);
    refused(&change(&|g| g.output[0].name = "z".into()), &["'z'"]);
    refused(
        &change(&|g| g.node[0].op_type = "GroupNormalization".into()),
        &["1 node", "QLinearMatMul of y (GroupNormalization)", "host"],
    );
    refused(&change(&|g| g.node[0].domain = "acme".into()), &["acme"]);
    let mut m = product();
    m.opset_import[0].version = 99;
    refused(&m, &["opset 99", "10 to 28"]);
    m.graph = None;
    refused(&m, &["no graph"]);
    assert!(matches!(import(b"not a model", &Constants::new()), Err(ImportError::Protobuf(_))));
    assert!(import(&[], &Constants::new()).is_err());
}

#[test]
fn everything_unsupported_is_named_at_once() {
    let mut m = product();
    let g = m.graph.as_mut().expect("a graph");
    g.node[0].output[0] = "a".into();
    g.node.push(node("GroupNormalization", &["a"], "b"));
    g.node.push(node("Einsum", &["a"], "c"));
    g.node.push(node("Mul", &["b", "c"], "y"));
    let Err(ImportError::Unsupported(list)) = import(&m.encode_to_vec(), &Constants::new()) else { panic!("unsupported nodes") };
    assert_eq!(list.iter().map(|u| u.op.as_str()).collect::<Vec<_>>(), ["GroupNormalization", "Einsum"]);
    assert!(list.iter().all(|u| !u.reason.is_empty()));
}

/// A convolution in float32 in the middle: what stands behind it is quantised, and judged by itself.
#[test]
fn what_stands_behind_an_unsupported_node_is_judged_by_itself() {
    let mut m = product();
    let g = m.graph.as_mut().expect("a graph");
    g.node[0].output[0] = "a".into();
    g.node.push(node("DequantizeLinear", &["a", "ys", "yz"], "ar"));
    g.node.push(node("MatMul", &["ar", "f"], "b")); // float32 weights: 2 x 2 by 2 x 5
    g.node.push(node("Relu", &["b"], "br"));
    g.node.push(node("QuantizeLinear", &["br", "ys", "yz"], "c"));
    g.node.push(node("QLinearMatMul", &["c", "ys", "yz", "v", "ws", "wz", "ys", "yz"], "d")); // runs: 2 x 5 by 5 x 7
    g.node.push(node("NonMaxSuppression", &["d"], "e")); // of unknown shape
    g.node.push(node("Relu", &["e"], "h"));
    g.node.push(node("Einsum", &["h"], "y"));
    let floats = [0.5f32; 10].iter().flat_map(|v| v.to_le_bytes()).collect();
    g.initializer.extend([tensor("f", &[2, 5], FLOAT, floats), tensor("v", &[5, 7], INT8, vec![1; 35])]);
    let bytes = m.encode_to_vec();
    let Err(ImportError::Unsupported(list)) = import(&bytes, &Constants::new()) else { panic!("unsupported nodes") };
    assert_eq!(list.iter().map(|u| u.op.as_str()).collect::<Vec<_>>(), ["MatMul", "NonMaxSuppression", "Einsum"]);
    let survey = survey(&bytes, None, &Constants::new()).expect("a sound model");
    assert_eq!((survey.nodes, survey.unsupported.len(), survey.unknown), (9, 3, 0));
    assert_eq!((survey.macs, survey.running), (2 * 3 * 2 + 2 * 2 * 5 + 2 * 5 * 7, 2 * 3 * 2 + 2 * 5 * 7));
}

/// Paddle writes -1, torch a name.
#[test]
fn an_open_batch_is_one_and_said() {
    let mut m = product();
    m.graph.as_mut().expect("a graph").input[0] = info("x", INT8, &[None, Some(3)]);
    let read = |m: &ModelProto| import_from(&m.encode_to_vec(), None, &Constants::new()).expect("a sound model");
    let imported = read(&m);
    assert_eq!(imported.graph.maps[0].shape, [1, 1, 3]);
    assert!(imported.notes.len() == 1 && imported.notes[0].contains("'batch'") && imported.notes[0].contains("[1, 3]"));
    m.graph.as_mut().expect("a graph").input[0] = info("x", INT8, &[Some(-1), Some(3)]);
    assert_eq!(read(&m).graph.maps[0].shape, [1, 1, 3]);
    assert!(read(&product()).notes.is_empty());
}

#[test]
fn data_beside_the_model_is_read_and_stays_in_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("w.bin"), [9, 9, 1, 2, 3, 4, 5, 6, 9]).expect("written");
    let outside = |location: &str, offset: &str, length: &str| {
        let mut m = product();
        let t = &mut m.graph.as_mut().expect("a graph").initializer[0];
        (t.raw_data, t.data_location) = (None, 1);
        let entry = |(key, value): (&str, &str)| StringStringEntryProto { key: key.into(), value: value.into() };
        t.external_data = [("location", location), ("offset", offset), ("length", length)].map(entry).to_vec();
        m.encode_to_vec()
    };
    let read = |bytes: &[u8]| import_from(bytes, Some(folder.path()), &Constants::new());
    let inside = import(&product().encode_to_vec(), &Constants::new()).expect("a sound model");
    assert_eq!(read(&outside("w.bin", "2", "6")).expect("a sound model").graph, inside);
    let said = |result: Result<Imported, ImportError>| result.expect_err("refused").to_string();
    assert!(said(read(&outside("v.bin", "2", "6"))).contains("'v.bin'"));
    assert!(said(read(&outside("w.bin", "2", "5"))).contains("5 bytes of data"));
    assert!(said(read(&outside("w.bin", "-2", "6"))).contains("offset '-2'"));
    for path in ["../w.bin", "/etc/passwd", "a/../../w.bin"] {
        assert!(said(read(&outside(path, "0", "6"))).contains("not beside the model"), "{path}");
    }
    let text = import(&outside("w.bin", "2", "6"), &Constants::new()).expect_err("no folder is given").to_string();
    assert!(text.contains("'w'") && text.contains("'w.bin'"), "{text}");
}

#[test]
fn what_leads_to_no_output_is_left_out() {
    let mut m = product();
    m.graph.as_mut().expect("a graph").node.push(node("Einsum", &["y"], "unused"));
    assert_eq!(import(&m.encode_to_vec(), &Constants::new()).expect("a sound model").layers.len(), 1);
}

/// What is not quantised, or only while it runs, is sent to the page that says what to do.
#[test]
fn models_that_are_not_quantised_statically_are_sent_to_the_page_about_it() {
    let weights = || tensor("w", &[3, 2], FLOAT, [0.5f32; 6].iter().flat_map(|v| v.to_le_bytes()).collect());
    let float = model(vec![node("MatMul", &["x", "w"], "y")], vec![weights()], info("x", FLOAT, &[Some(2), Some(3)]));
    refused(&float, &["1 node", "MatMul of y", "weights are float32", "not quantised", "docs/quantising.md"]);
    let error = import(&float.encode_to_vec(), &Constants::new()).expect_err("a float model");
    assert!(error.is_unsupported(), "a sound model: {error}");
    let dynamic = vec![node("DynamicQuantizeLinear", &["x"], "c"), node("MatMul", &["c", "w"], "y")];
    let dynamic = model(dynamic, vec![weights()], info("x", FLOAT, &[Some(2), Some(3)]));
    refused(&dynamic, &["2 nodes", "depends on the data", "weights are float32", "statically", "docs/quantising.md"]);
    // A part of a quantised model that is float32 is another matter.
    let mut mixed = product();
    let g = mixed.graph.as_mut().expect("a graph");
    g.node[0].output[0] = "a".into();
    g.node.push(node("GroupNormalization", &["a"], "y"));
    let text = import(&mixed.encode_to_vec(), &Constants::new()).expect_err("a part that is not there").to_string();
    assert!(!text.contains("quantising.md"), "{text}");
}

/// A bias that is no number would become 0 on the way to a step of the sums.
#[test]
fn a_float_bias_that_is_no_number_is_refused() {
    let case = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verif/data/ort/float_bias_conv_int8_1/model.onnx");
    let sound = ModelProto::decode(std::fs::read(case).expect("the case").as_slice()).expect("a model");
    import(&sound.encode_to_vec(), &Constants::new()).expect("a sound model");
    for value in [f32::NAN, f32::INFINITY] {
        let mut m = sound.clone();
        let g = m.graph.as_mut().expect("a graph");
        let bias = g.initializer.iter_mut().find(|t| t.dims == [4] && t.data_type == 1).expect("its bias");
        bias.raw_data.as_mut().expect("raw data")[4..8].copy_from_slice(&value.to_le_bytes());
        refused(&m, &["(Conv)", "a bias that is no number"]);
    }
}

#[test]
fn a_flattened_image_is_multiplied_in_its_own_order() {
    let mut m = product();
    let g = m.graph.as_mut().expect("a graph");
    // [1, 2, 2, 3] through a pool (which fixes the order of an image), then as a row of 12.
    g.input[0] = info("x", INT8, &[Some(1), Some(2), Some(2), Some(3)]);
    let mut pool = node("MaxPool", &["x"], "p");
    pool.attribute = vec![AttributeProto { name: "kernel_shape".into(), ints: vec![1, 1], ..Default::default() }];
    g.node.insert(0, pool);
    g.node.insert(1, node("Flatten", &["p"], "f"));
    g.node[2].input[0] = "f".into();
    g.initializer[0] = tensor("w", &[12, 1], INT8, (0..12).collect());
    let graph = import(&m.encode_to_vec(), &Constants::new()).expect("a sound model");
    let Op::Conv { window, weights, .. } = &graph.layers[1].op else { panic!("a product") };
    assert_eq!(window.kernel, [2, 3]);
    // Row (y, x, c) of the map is element c 6 + y 3 + x of the tensor.
    assert_eq!(weights.as_slice(), [0i16, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
}

/// `make test-long` runs a thousand times as many.
const UINT8: i32 = 2;
const INT32: i32 = 6;

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), ints: values.to_vec(), ..Default::default() }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: value, ..Default::default() }
}

fn with(mut node: NodeProto, attributes: Vec<AttributeProto>) -> NodeProto {
    node.attribute = attributes;
    node
}

/// `x` (4 x 3) by a 3 x 4 matrix between DequantizeLinear and QuantizeLinear, with an int32 constant of a shape added by Gemm, or
/// by Add behind MatMul.
fn biased(shape: &[i64], operator: &str, values: impl Fn(i32) -> i32) -> ModelProto {
    let count: i64 = shape.iter().product();
    let raw = (0..count as i32).flat_map(|i| values(i).to_le_bytes()).collect();
    let mut nodes = vec![
        node("DequantizeLinear", &["x", "xs", "xz"], "xr"),
        node("DequantizeLinear", &["w", "ws", "wz"], "wr"),
        node("DequantizeLinear", &["b", "bs"], "br"),
    ];
    if operator == "Gemm" {
        nodes.push(node("Gemm", &["xr", "wr", "br"], "s"));
    } else {
        nodes.extend([node("MatMul", &["xr", "wr"], "m"), node("Add", &["br", "m"], "s")]);
    }
    nodes.push(node("QuantizeLinear", &["s", "ys", "yz"], "y"));
    let constants = vec![
        tensor("w", &[3, 4], INT8, vec![1; 12]),
        tensor("b", shape, INT32, raw),
        scale("xs", 0.5),
        zero("xz", 1),
        scale("ws", 0.25),
        zero("wz", 0),
        scale("bs", 0.125),
        scale("ys", 2.0),
        zero("yz", -3),
    ];
    model(nodes, constants, info("x", INT8, &[Some(4), Some(3)]))
}

#[test]
fn a_constant_is_a_bias_by_channel_only_where_onnx_broadcasts_it_so() {
    for operator in ["Gemm", "Add"] {
        let bias = |shape: &[i64], values: fn(i32) -> i32| {
            let graph = import(&biased(shape, operator, values).encode_to_vec(), &Constants::new()).expect("a sound model");
            let Op::Conv { bias, .. } = &graph.layers[0].op else { panic!("a product") };
            bias.clone()
        };
        assert_eq!(bias(&[4], |i| i * 10), [0, 10, 20, 30]);
        assert_eq!(bias(&[1, 4], |i| i * 10), [0, 10, 20, 30]);
        assert_eq!(bias(&[1], |_| 7), [7; 4]);
        assert_eq!(bias(&[1, 1], |_| 7), [7; 4]);
        // The count fits a bias by channel, the shape does not: right only where rows are alike.
        assert_eq!(bias(&[4, 1], |_| 7), [7; 4]);
        assert_eq!(bias(&[4, 4], |i| i % 4), [0, 1, 2, 3]);
        refused(&biased(&[4, 1], operator, |i| i), &["shape [4, 1]", "[4, 4]", "differs inside a channel"]);
        refused(&biased(&[4, 4], operator, |i| i), &["shape [4, 4]", "differs inside a channel"]);
        refused(&biased(&[3], operator, |i| i), &["shape [3]", "broadcasts"]);
        refused(&biased(&[1, 1, 4], operator, |i| i), &["shape [1, 1, 4]", "broadcasts"]);
    }
}

/// One convolution over a 1-channel image, its attributes as given.
fn convolution(image: [i64; 2], kernel: [i64; 2], attributes: Vec<AttributeProto>) -> ModelProto {
    let conv = with(node("QLinearConv", &["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], "y"), attributes);
    let weights = tensor("w", &[1, 1, kernel[0], kernel[1]], INT8, vec![1; (kernel[0] * kernel[1]) as usize]);
    let rest = [scale("xs", 0.5), zero("xz", 1), scale("ws", 0.25), zero("wz", 0), scale("ys", 2.0), zero("yz", -3)];
    let input = info("x", INT8, &[Some(1), Some(1), Some(image[0]), Some(image[1])]);
    model(vec![conv], std::iter::once(weights).chain(rest).collect(), input)
}

fn pool(kind: &str, image: [i64; 2], attributes: Vec<AttributeProto>) -> ModelProto {
    let input = info("x", INT8, &[Some(1), Some(1), Some(image[0]), Some(image[1])]);
    model(vec![with(node(kind, &["x"], "y"), attributes)], vec![], input)
}

#[test]
fn sizes_are_bounded_before_memory_is_asked_for() {
    let far = 1_000_000;
    refused(&convolution([8, 8], [3, 3], vec![ints("pads", &[far; 4])]), &["more than 4194304 elements"]);
    refused(&convolution([8, 8], [3, 3], vec![ints("pads", &[i64::MAX; 4])]), &["pads"]);
    refused(&pool("MaxPool", [8, 8], vec![ints("kernel_shape", &[far; 2]), ints("pads", &[far - 1; 4])]), &["4194304 elements"]);
    refused(&pool("MaxPool", [8, 8], vec![ints("kernel_shape", &[2; 2]), ints("pads", &[far; 4])]), &["4194304 elements"]);
    refused(&convolution([1 << 20, 1 << 20], [1, 1], vec![]), &["input 'x'", "4194304 elements"]);
    let mut wide = product();
    let graph = wide.graph.as_mut().expect("a graph");
    graph.input = vec![info("x", INT8, &[Some(1 << 20), Some(3)])];
    graph.initializer[0] = tensor("w", &[3, 8], INT8, vec![1; 24]);
    refused(&wide, &["[1, 1048576, 8]", "4194304 elements"]);
    // A copy is a product of all channels with all: 2^32 ones and zeros for this slice, and for these outputs side by side.
    let many = info("x", INT8, &[Some(1), Some(1 << 16), Some(7), Some(6)]);
    let at = |name: &str, value: i64| tensor(name, &[1], 7, value.to_le_bytes().to_vec());
    let slice = node("Slice", &["x", "from", "to", "axis"], "y");
    let constants = vec![at("from", 2), at("to", 6), at("axis", 2)];
    refused(&model(vec![slice.clone()], constants.clone(), many.clone()), &["65536 channels into 65536", "16777216 weights"]);
    let mut two = model(vec![slice], constants, info("x", INT8, &[Some(1), Some(8), Some(7), Some(6)]));
    let graph = two.graph.as_mut().expect("a graph");
    graph.input.push(ValueInfoProto { name: "z".into(), ..many });
    graph.node.push(node("Identity", &["z"], "z2"));
    graph.output.push(info("z2", INT8, &[]));
    let error = import(&two.encode_to_vec(), &Constants::new()).expect_err("too wide").to_string();
    assert!(error.contains("65536 channels among 65536 of all outputs"), "{error}");
}

/// Pairs are merged only where nothing else names what goes: found by damaged networks, a reader that had the codes as a fourth input too.
#[test]
fn a_pair_that_is_read_elsewhere_too_stays() {
    let mut nodes = vec![
        node("QuantizeLinear", &["x", "s", "z"], "a"),
        node("DequantizeLinear", &["a", "s", "z"], "b"),
        node("QuantizeLinear", &["b", "t", "z"], "c"),
        node("DequantizeLinear", &["c", "t", "z"], "d"),
        node("Relu", &["d"], "e"),
        node("QuantizeLinear", &["e", "t", "z"], "y"),
    ];
    let constants = || vec![scale("s", 0.5), scale("t", 0.25), zero("z", 0)];
    let input = || info("x", FLOAT, &[Some(1), Some(4)]);
    let whole = import(&model(nodes.clone(), constants(), input()).encode_to_vec(), &Constants::new()).expect("a sound model");
    nodes[3].input.push("c".into());
    let other =
        import(&model(nodes, constants(), input()).encode_to_vec(), &Constants::new()).expect("an input too many is not read");
    assert!(other.layers.len() > whole.layers.len(), "{} layers, {} merged", other.layers.len(), whole.layers.len());
}

#[test]
fn a_pool_with_ceil_mode_has_the_windows_that_onnx_says() {
    let attributes = |stride: i64| vec![ints("kernel_shape", &[3, 1]), ints("strides", &[stride, 1]), int("ceil_mode", 1)];
    // A kernel larger than the image: one window that begins inside at stride 2, none at stride 1.
    let graph = import(&pool("MaxPool", [2, 1], attributes(2)).encode_to_vec(), &Constants::new()).expect("a sound model");
    assert_eq!(graph.maps[1].shape, [1, 1, 1]);
    refused(&pool("MaxPool", [2, 1], attributes(1)), &["larger than the padded image"]);
    refused(&pool("MaxPool", [1, 1], attributes(1)), &["larger than the padded image"]);
}

#[test]
fn padding_that_onnx_runtime_counts_otherwise_is_unsupported() {
    let same = |more: Vec<AttributeProto>| {
        let auto = AttributeProto { name: "auto_pad".into(), s: b"SAME_UPPER".to_vec(), ..Default::default() };
        std::iter::once(auto).chain(more).collect::<Vec<_>>()
    };
    refused(
        &convolution([8, 8], [1, 1], same(vec![ints("strides", &[4, 4])])),
        &["cannot run", "auto_pad SAME with a stride of 4"],
    );
    import(&convolution([8, 8], [1, 1], same(vec![ints("strides", &[2, 2])])).encode_to_vec(), &Constants::new())
        .expect("no pads");
    let dilated = same(vec![ints("kernel_shape", &[3, 3]), ints("dilations", &[2, 2])]);
    refused(&pool("MaxPool", [8, 8], dilated), &["cannot run", "dilated pool"]);
    let outside = vec![ints("kernel_shape", &[1, 1]), ints("pads", &[1, 1, 1, 1])];
    refused(&pool("MaxPool", [8, 8], outside), &["cannot run", "in the padding altogether"]);
}

#[test]
fn scales_for_blocks_are_unsupported_whatever_their_shape() {
    let raw = |count: usize| (0..count).flat_map(|_| 0.5f32.to_le_bytes()).collect::<Vec<u8>>();
    for (shape, block) in [(vec![2, 2], 2), (vec![1, 2], 3), (vec![3], 1)] {
        let count: i64 = shape.iter().product();
        let mut broken = biased(&[4], "Gemm", |i| i);
        let graph = broken.graph.as_mut().expect("a graph");
        graph.node[1].attribute = vec![int("block_size", block)];
        *graph.initializer.iter_mut().find(|t| t.name == "ws").expect("a scale") =
            tensor("ws", &shape, FLOAT, raw(count as usize));
        refused(&broken, &["cannot run on the machine", &format!("block_size {block}")]);
    }
}

#[test]
fn a_constant_of_an_element_type_that_is_not_read_matters_where_it_is_used() {
    let mut model = product();
    let graph = model.graph.as_mut().expect("a graph");
    graph.initializer.push(tensor("unused", &[2], 10, vec![0; 4]));
    import(&model.encode_to_vec(), &Constants::new()).expect("nothing reads it");
    let graph = model.graph.as_mut().expect("a graph");
    graph.initializer[0].data_type = 22;
    refused(&model, &["cannot run on the machine", "input 3, 'w', is int4"]);
}

/// The second-last node is an operator on `r`, the dequantised input.
fn group(element: i32, ops: Vec<NodeProto>, result: &str, y_zero: TensorProto) -> ModelProto {
    let mut nodes = vec![node("DequantizeLinear", &["x", "xs", "xz"], "r")];
    nodes.extend(ops);
    nodes.push(node("QuantizeLinear", &[result, "ys", "yz"], "y"));
    let x_zero = if element == UINT8 { tensor("xz", &[], UINT8, vec![3]) } else { zero("xz", 3) };
    let constants = vec![scale("xs", 0.1), x_zero, scale("ys", 0.1), y_zero];
    model(nodes, constants, info("x", element, &[Some(1), Some(4), Some(6), Some(6)]))
}

#[test]
fn a_group_is_float32_where_onnx_runtime_does_not_fuse_it() {
    let rounding = |m: ModelProto| {
        let graph = import(&m.encode_to_vec(), &Constants::new()).expect("a sound model");
        let Op::AveragePool { rounding, .. } = graph.layers[0].op else { panic!("a pool") };
        rounding
    };
    let windowed = |output: &str| with(node("AveragePool", &["r"], output), vec![ints("kernel_shape", &[2, 2])]);
    let int8 = |v: i8| zero("yz", v);
    let uint8 = |v: u8| tensor("yz", &[], UINT8, vec![v]);
    assert_eq!(rounding(group(INT8, vec![windowed("p")], "p", int8(5))), MeanRounding::Window { unsigned: false });
    assert_eq!(rounding(group(UINT8, vec![windowed("p")], "p", uint8(5))), MeanRounding::Window { unsigned: true });
    assert_eq!(rounding(group(INT8, vec![windowed("p")], "p", uint8(5))), MeanRounding::Float32);
    assert_eq!(rounding(group(UINT8, vec![windowed("p")], "p", int8(5))), MeanRounding::Float32);
    let relu = || vec![windowed("p"), node("Relu", &["p"], "q")];
    assert_eq!(rounding(group(INT8, relu(), "q", int8(5))), MeanRounding::Float32);
    assert_eq!(rounding(group(INT8, relu(), "q", int8(-128))), MeanRounding::Window { unsigned: false });
    assert_eq!(rounding(group(UINT8, relu(), "q", uint8(0))), MeanRounding::Window { unsigned: true });
    let flat = vec![windowed("p"), node("Flatten", &["p"], "q")];
    assert_eq!(rounding(group(INT8, flat, "q", int8(5))), MeanRounding::Float32);
    let dead = vec![windowed("p"), node("Relu", &["p"], "unused")];
    assert_eq!(rounding(group(INT8, dead, "p", int8(5))), MeanRounding::Window { unsigned: false });
    let both = node("Add", &["ar", "br"], "s");
    let again = [node("QuantizeLinear", &["p", "xs", "xz"], "b"), node("DequantizeLinear", &["b", "xs", "xz"], "br")];
    let once = [node("QuantizeLinear", &["p", "ys", "yz"], "a"), node("DequantizeLinear", &["a", "ys", "yz"], "ar")];
    let twice = [vec![windowed("p")], once.into(), again.into(), vec![both]].concat();
    assert_eq!(rounding(group(INT8, twice, "s", int8(5))), MeanRounding::Float32);
    let whole = with(node("AveragePool", &["r"], "p"), vec![ints("kernel_shape", &[6, 6])]);
    assert_eq!(rounding(group(INT8, vec![whole], "p", int8(5))), MeanRounding::Global);
    let global = vec![node("GlobalAveragePool", &["r"], "p"), node("Relu", &["p"], "q")];
    assert_eq!(rounding(group(INT8, global, "q", int8(5))), MeanRounding::Float32);
}

#[test]
fn a_global_maximum_is_a_pool_of_the_whole_map() {
    let pooled = |m: ModelProto| {
        let graph = import(&m.encode_to_vec(), &Constants::new()).expect("a sound model");
        let Op::MaxPool { window, .. } = &graph.layers[0].op else { panic!("a pool") };
        (window.kernel, graph.output.1.shape.clone())
    };
    assert_eq!(pooled(pool("GlobalMaxPool", [5, 3], vec![])), ([5, 3], vec![1, 1, 1, 1]));
    let between = vec![node("GlobalMaxPool", &["r"], "p")];
    assert_eq!(pooled(group(INT8, between, "p", zero("yz", 5))), ([6, 6], vec![1, 4, 1, 1]));
}

#[test]
fn a_shape_that_the_graph_computes_is_a_constant() {
    let at = |name: &str, values: &[i64]| {
        tensor(name, &[values.len() as i64], 7, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    };
    let reshaped = |batch: Option<i64>, nodes: Vec<NodeProto>| {
        let constants =
            vec![at("one", &[1]), at("three", &[3]), at("rest", &[-1]), at("first", &[0]), scale("s", 0.5), zero("z", 1)];
        let pool = with(node("MaxPool", &["x"], "p"), vec![ints("kernel_shape", &[2, 2])]);
        let nodes = [vec![pool], nodes, vec![node("Reshape", &["p", "shape"], "y")]].concat();
        let input = info("x", INT8, &[batch, Some(2), Some(4), Some(5)]);
        import(&model(nodes, constants, input).encode_to_vec(), &Constants::new()).map(|g| (g.batch, g.output.1.shape.clone()))
    };
    let flat = |op: NodeProto| vec![op, with(node("Concat", &["n", "rest"], "shape"), vec![int("axis", 0)])];
    let between = |more: Vec<AttributeProto>| with(node("Shape", &["p"], "n"), more);
    let one = || flat(between(vec![int("start", 0), int("end", 1)]));
    assert_eq!(reshaped(Some(1), one()), Ok((1, vec![1, 24])));
    assert_eq!(reshaped(None, one()), Ok((1, vec![1, 24])));
    assert_eq!(reshaped(Some(3), one()), Ok((3, vec![1, 24])));
    let gathered = [vec![between(vec![]), node("Gather", &["n", "first"], "g")], vec![node("Identity", &["g"], "i")]].concat();
    let concat = |parts: &[&str]| with(node("Concat", parts, "shape"), vec![int("axis", 0)]);
    assert_eq!(reshaped(None, [gathered, vec![concat(&["i", "rest"])]].concat()), Ok((1, vec![1, 24])));
    // Channels by rows times columns.
    let sliced = vec![
        between(vec![int("start", -3)]),
        node("Slice", &["n", "one", "three", "first"], "hw"),
        node("Gather", &["hw", "first"], "h"),
        node("Gather", &["hw", "one"], "w"),
        node("Mul", &["h", "w"], "m"),
        concat(&["one", "rest", "m"]),
    ];
    assert_eq!(reshaped(None, sliced), Ok((1, vec![1, 2, 12])));
    let outside = vec![between(vec![]), node("Gather", &["n", "far"], "g"), concat(&["g", "rest"])];
    let outside = [vec![with(node("Constant", &[], "far"), vec![ints("value_ints", &[9])])], outside].concat();
    assert!(reshaped(None, outside).expect_err("an index outside").to_string().contains("indices [9] of 4 elements"));
}

#[test]
fn a_linear_softmax_is_the_hosts_at_the_end() {
    let softmax = |axis: i64, batch: i64| {
        let mut made =
            with(node("QLinearSoftmax", &["p", "xs", "xz", "ys", "yz"], "y"), vec![int("axis", axis), int("opset", 17)]);
        made.domain = "com.microsoft".into();
        let pool = with(node("MaxPool", &["x"], "p"), vec![ints("kernel_shape", &[2, 2])]);
        let constants = vec![scale("xs", 0.5), zero("xz", 1), scale("ys", 1.0 / 256.0), zero("yz", -128)];
        let input = info("x", INT8, &[Some(batch), Some(2), Some(4), Some(5)]);
        import(&model(vec![pool, made], constants, input).encode_to_vec(), &Constants::new())
    };
    for axis in [1, -1] {
        let graph = softmax(axis, 3).expect("it keeps elements apart");
        let host = graph.output.1.host.expect("an operator of the host");
        assert_eq!((graph.batch, host.ops.len(), host.inner), (3, 1, vec![1, 2, 3, 4]));
    }
    assert!(softmax(0, 3).expect_err("across the batch").to_string().contains("across the elements"));
}

#[test]
fn a_constant_by_channel_at_the_end_is_refused_at_its_node() {
    let nodes = vec![node("DequantizeLinear", &["x", "xs", "xz"], "r"), node("Mul", &["r", "c"], "y")];
    let by_channel = |shape: &[i64]| {
        let raw = (0..shape.iter().product::<i64>()).flat_map(|i| (0.3 + i as f32).to_le_bytes()).collect();
        let constants = vec![scale("xs", 0.5), zero("xz", 1), tensor("c", shape, FLOAT, raw)];
        model(nodes.clone(), constants, info("x", INT8, &[Some(1), Some(4), Some(2), Some(2)]))
    };
    refused(&by_channel(&[1, 4, 1, 1]), &["Mul of y (Mul): a constant for each channel", "scalars alone"]);
    import(&by_channel(&[]).encode_to_vec(), &Constants::new()).expect("a scalar");
}

fn cases() -> u32 {
    if std::env::var_os("SYSTOLE_LONG").is_some() { 3_000_000 } else { 3000 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_importer_panic(at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(), truncate in any::<bool>()) {
        let mut bytes = product().encode_to_vec();
        for (index, value) in at {
            let i = index.index(bytes.len());
            bytes[i] = value;
        }
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = import(&bytes, &Constants::new());
    }

    #[test]
    fn random_bytes_neither(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = import(&bytes, &Constants::new());
    }
}
