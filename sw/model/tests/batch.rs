// SPDX-License-Identifier: Apache-2.0
//! A static batch becomes runs in a row where no node mixes its elements, and is refused by name where one does.

use prost::Message;
use systole_model::onnx::proto::{
    AttributeProto, Dimension, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use systole_model::onnx::{Array, Constants, Data, import, import_from};

const INT8: i32 = 3;
const INT64: i32 = 7;

fn info(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = |&d: &i64| Dimension { value: Some(DimensionValue::Value(d)) };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { tensor_type: Some(TensorTypeProto { elem_type: INT8, shape: Some(shape) }) }),
    }
}

fn node(op: &str, inputs: &[&str], output: &str, ints: &[(&str, &[i64])]) -> NodeProto {
    let attribute =
        |(name, values): &(&str, &[i64])| AttributeProto { name: (*name).into(), ints: values.to_vec(), ..Default::default() };
    NodeProto {
        name: format!("the {op}"),
        op_type: op.into(),
        input: inputs.iter().map(|s| s.to_string()).collect(),
        output: vec![output.into()],
        attribute: ints.iter().map(attribute).collect(),
        ..Default::default()
    }
}

/// A maximum pool over a batch of three images `[3, 2, 4, 4]` named `p`, and what follows it.
fn model(behind: Vec<NodeProto>, shapes: &[(&str, &[i64])]) -> Vec<u8> {
    let constant = |(name, values): &(&str, &[i64])| TensorProto {
        name: (*name).into(),
        dims: vec![values.len() as i64],
        data_type: INT64,
        raw_data: Some(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        ..Default::default()
    };
    let pool = node("MaxPool", &["x"], "p", &[("kernel_shape", &[2, 2]), ("strides", &[2, 2])]);
    let graph = GraphProto {
        node: std::iter::once(pool).chain(behind).collect(),
        initializer: shapes.iter().map(constant).collect(),
        input: vec![info("x", &[3, 2, 4, 4])],
        output: vec![info("y", &[])],
        ..Default::default()
    };
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
    ModelProto { ir_version: 8, graph: Some(graph), opset_import, functions: vec![] }.encode_to_vec()
}

#[test]
fn a_reshape_that_counts_the_batch_counts_one_element() {
    for shape in [[3i64, -1], [3, 8], [0, 8], [-1, 8]] {
        let bytes = model(vec![node("Reshape", &["p", "shape"], "y", &[])], &[("shape", &shape)]);
        let imported = import_from(&bytes, None, &Constants::new()).unwrap_or_else(|e| panic!("{shape:?}: {e}"));
        let graph = imported.graph;
        assert_eq!(
            (graph.batch, graph.input.shape.as_slice(), graph.output.1.shape.as_slice()),
            (3, &[1usize, 2, 4, 4][..], &[1, 8][..])
        );
        assert!(imported.notes.iter().any(|n| n.contains("a batch of 3")), "{:?}", imported.notes);
    }
}

#[test]
fn what_mixes_the_elements_is_refused_by_name() {
    let cases: [(&str, Vec<NodeProto>, &[(&str, &[i64])]); 4] = [
        ("the Transpose", vec![node("Transpose", &["p"], "y", &[("perm", &[1, 0, 2, 3])])], &[]),
        ("the Reshape", vec![node("Reshape", &["p", "shape"], "y", &[])], &[("shape", &[6, 4])]),
        ("the ReduceMax", vec![node("ReduceMax", &["p"], "y", &[("axes", &[0])])], &[]),
        ("the Concat", vec![node("Concat", &["p", "p"], "y", &[])], &[]),
    ];
    for (name, behind, shapes) in cases {
        let text = import(&model(behind, shapes), &Constants::new()).expect_err(name).to_string();
        assert!(text.contains(name) && text.contains("a batch of 3"), "{name}: {text}");
        assert!(text.starts_with("1 node ") && !text.contains("the MaxPool"), "the pool keeps elements apart: {text}");
    }
}

#[test]
fn elements_of_a_batch_are_taken_apart_and_joined() {
    let graph = import(&model(vec![node("Identity", &["p"], "y", &[])], &[]), &Constants::new()).expect("a batch");
    let x = Array { shape: vec![3, 2, 4, 4], data: Data::I8((0..96).collect()) };
    let parts = graph.elements(std::slice::from_ref(&x)).expect("three elements");
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[1][0], Array { shape: vec![1, 2, 4, 4], data: Data::I8((32..64).collect()) });
    assert_eq!(Array::joined(&parts.concat()), Some(x.clone()));
    let other = Array { shape: vec![2, 2, 4, 4], data: Data::I8((0..64).collect()) };
    assert!(graph.elements(&[other]).expect_err("two elements").to_string().contains("[3, 2, 4, 4]"));
}
