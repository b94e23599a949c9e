// SPDX-License-Identifier: Apache-2.0
//! What the importer makes of models, sound and unsound.

use proptest::prelude::*;
use prost::Message;
use systole_model::graph::{Finish, Op};
use systole_model::onnx::proto::{
    AttributeProto, Dimension, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use systole_model::onnx::{Constants, ImportError, import};

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
    ModelProto { ir_version: 8, graph: Some(graph), opset_import }
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
    assert_eq!(graph.layers[0].finish, Finish::Int8 { scales: vec![0.0625; 2], zero_point: -3, lo: -128, hi: 127, float32: false });
    assert_eq!(graph.macs(), 12);
}

#[test]
fn broken_models_are_refused_with_the_place_and_the_reason() {
    let change = |f: &dyn Fn(&mut GraphProto)| {
        let mut m = product();
        f(m.graph.as_mut().expect("a graph"));
        m
    };
    refused(&change(&|g| g.input[0] = info("x", INT8, &[None, Some(3)])), &["'x'", "'batch'", "dynamic"]);
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
    refused(&change(&|g| g.node[0].op_type = "Softmax".into()), &["1 node", "QLinearMatMul of y (Softmax)", "host"]);
    refused(&change(&|g| g.node[0].domain = "acme".into()), &["acme"]);
    let mut m = product();
    m.opset_import[0].version = 99;
    refused(&m, &["opset 99", "10 to 23"]);
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
    g.node.push(node("Softmax", &["a"], "b"));
    g.node.push(node("Gather", &["a"], "c"));
    g.node.push(node("Relu", &["b"], "y"));
    let Err(ImportError::Unsupported(list)) = import(&m.encode_to_vec(), &Constants::new()) else { panic!("unsupported nodes") };
    assert_eq!(list.iter().map(|u| u.op.as_str()).collect::<Vec<_>>(), ["Softmax", "Gather"]);
    assert!(list.iter().all(|u| !u.reason.is_empty()));
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
