// SPDX-License-Identifier: Apache-2.0
//! Products of two activations, Softmax in the middle of a graph, normalisations: which layers they become, and what is refused.

use prost::Message as _;
use systole_model::border::BorderError;
use systole_model::graph::{Border, Graph, Op, UnderRoot};
use systole_model::host::HostOp;
use systole_model::onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto};
use systole_model::onnx::{Array, Constants, Data, ElementType, import};

/// A stored case, changed.
fn case(name: &str, change: impl Fn(&mut GraphProto)) -> Result<Graph, String> {
    let path = format!("{}/../../verif/data/ort/{name}/model.onnx", env!("CARGO_MANIFEST_DIR"));
    let mut m = ModelProto::decode(std::fs::read(path).expect("the case").as_slice()).expect("a model");
    change(m.graph.as_mut().expect("a graph"));
    import(&m.encode_to_vec(), &Constants::new()).map_err(|e| e.to_string())
}

fn sound(name: &str) -> Graph {
    case(name, |_| {}).expect("a sound model")
}

fn refused(name: &str, words: &[&str], change: impl Fn(&mut GraphProto)) {
    let text = case(name, change).expect_err("refused");
    for word in words {
        assert!(text.contains(word), "no '{word}' in: {text}");
    }
}

fn node<'a>(g: &'a mut GraphProto, op: &str) -> &'a mut NodeProto {
    g.node.iter_mut().find(|n| n.op_type == op).expect("a node")
}

/// What reads the result of the first QuantizeLinear and DequantizeLinear behind an operator reads the operator's.
fn without_quantiser(g: &mut GraphProto, op: &str) {
    let name = node(g, op).output[0].clone();
    let reader = |g: &GraphProto, name: &str| g.node.iter().find(|n| n.input[0] == *name).expect("a reader").output[0].clone();
    let codes = reader(g, &name);
    let back = reader(g, &codes);
    g.node.iter_mut().flat_map(|n| &mut n.input).filter(|i| **i == back).for_each(|i| *i = name.clone());
}

fn count(graph: &Graph, of: impl Fn(&Op) -> bool) -> usize {
    graph.layers.iter().filter(|l| of(&l.op)).count()
}

#[test]
fn attention_becomes_products_of_maps_by_heads_with_softmax_between() {
    let graph = sound("attention_int8_1");
    let products: Vec<usize> = (0..graph.layers.len()).filter(|&i| matches!(graph.layers[i].op, Op::MatMul { .. })).collect();
    let [scores, mixed] = products[..] else { panic!("two products") };
    assert_eq!((graph.maps[scores + 1].shape, graph.maps[mixed + 1].shape), ([2, 10, 10], [2, 10, 8]));
    let Op::MatMul { b, k, transposed, .. } = graph.layers[scores].op else { panic!("a product") };
    // Keys lie token by token, so nothing is transposed.
    assert_eq!((graph.maps[b].shape, k, transposed), ([2, 10, 8], 8, true));
    let Op::MatMul { b, k, transposed, .. } = graph.layers[mixed].op else { panic!("a product") };
    assert_eq!((graph.maps[b].shape, k, transposed), ([2, 10, 8], 10, false));
    assert_eq!(count(&graph, |op| matches!(op, Op::Softmax { .. })), 1);
    assert_eq!(graph.macs(), 4 * 10 * 16 * 16 + 2 * (2 * 10 * 10 * 8));
}

#[test]
fn positions_and_a_mask_are_constant_maps() {
    let graph = sound("attention_masked_uint8_1");
    assert_eq!(count(&graph, |op| matches!(op, Op::Constant { .. })), 2);
    assert!(graph.maps.iter().any(|m| m.shape == [2, 8, 8]));
}

#[test]
fn the_same_tensor_as_both_operands_is_copied_once() {
    let graph = case("activations_int8_1", |g| {
        let last = g.node.iter().rev().find(|n| n.op_type == "MatMul").expect("it").input[0].clone();
        node(g, "Transpose").input[0] = last;
    });
    assert_eq!(graph.expect("a sound model").layers.len(), 3, "a product by a constant, one copy, the product");
    let graph = sound("activations_broadcast_int8_1");
    let Op::MatMul { a, b, .. } = graph.layers.last().expect("a layer").op else { panic!("a product") };
    assert_eq!((graph.maps[a].shape, graph.maps[b].shape), ([3, 5, 8], [3, 8, 5]), "one matrix for each of three");
}

#[test]
fn products_that_onnx_runtime_leaves_in_float32_are_refused() {
    refused("activations_int8_1", &["MatMul", "the first operand", "QuantizeLinear and DequantizeLinear between"], |g| {
        without_quantiser(g, "MatMul");
    });
    refused("softmax_codes_int8_1", &["(QuantizeLinear)", "ONNX Runtime computes in float32"], |g| {
        let relu =
            NodeProto { op_type: "Relu".into(), input: vec!["sum".into()], output: vec!["cut".into()], ..Default::default() };
        let at = g.node.len() - 1;
        g.node[at].input[0] = "cut".into();
        g.node[at - 1].output[0] = "sum".into();
        g.node.insert(at, relu);
    });
    refused("attention_int8_1", &["MatMul", "the first operand is the float32 result of another operator"], |g| {
        without_quantiser(g, "Softmax");
    });
}

#[test]
fn softmax_goes_over_channels_wherever_they_lie() {
    let of = |name: &str| {
        let graph = sound(name);
        let at = graph.layers.iter().position(|l| matches!(l.op, Op::Softmax { .. })).expect("a layer");
        (graph.maps[at + 1].shape, graph.layers.len())
    };
    assert_eq!(of("softmax_channels_int8_1"), ([5, 4, 6], 2), "an image as it lies");
    assert_eq!(of("softmax_rows_int8_1"), ([24, 1, 5], 3), "and back behind it");
    // At the end of a graph it is the host's.
    assert_eq!(count(&sound("host_behind_softmax_int8_1"), |op| matches!(op, Op::Softmax { .. })), 0);
}

#[test]
fn normalisations_by_their_parts_are_one_layer() {
    for (name, codes, centred) in [
        ("layer", false, true),
        ("image", false, true),
        ("channels", false, true),
        ("parts", false, true),
        ("quantised", true, true),
        ("transposed", true, true),
        ("rms", false, false),
        ("rms_inverse", false, false),
        ("simplified", false, false),
    ] {
        for kind in ["int8", "uint8"] {
            let graph = sound(&format!("normalization_{name}_{kind}_1"));
            let norms: Vec<&Op> = graph.layers.iter().map(|l| &l.op).filter(|op| matches!(op, Op::Norm { .. })).collect();
            let [Op::Norm { centered, under, gain, bias, .. }] = norms[..] else { panic!("{name}: one normalisation") };
            assert_eq!(*centered, centred, "{name}");
            assert_eq!(matches!(under, UnderRoot::Codes { .. }), codes, "{name}");
            if let UnderRoot::Codes { values, .. } = under {
                // A code of the variance stands for so many steps from its zero.
                let step = values[127] / 255.0;
                assert!((0..=255u8).all(|c| (values[usize::from(c)] - (f32::from(c as i8) + 128.0) * step).abs() < 1e-3 * step));
                assert!(gain.iter().all(|&g| g == 1.0) && bias.iter().all(|&b| b == 0.0));
            } else {
                assert!(gain.windows(2).any(|w| w[0] != w[1]), "{name}: its gain");
            }
        }
    }
}

#[test]
fn what_is_no_normalisation_is_refused_part_by_part() {
    // The mean of other elements than those that it is taken from.
    refused("normalization_parts_int8_1", &["(Div)", "normalisation"], |g| {
        node(g, "ReduceMean").attribute[0].ints = vec![1];
    });
    refused("normalization_layer_int8_1", &["(LayerNormalization)", "X is the float32 result"], |g| {
        let x = node(g, "LayerNormalization").input[0].clone();
        let made = |op: &str, input: [&str; 3], output: &str| NodeProto {
            op_type: op.into(),
            input: input.iter().filter(|i| !i.is_empty()).map(|i| i.to_string()).collect(),
            output: vec![output.into()],
            ..Default::default()
        };
        let [_, scale, zero] = &node(g, "DequantizeLinear").input[..] else { panic!("a scale") };
        let back = made("DequantizeLinear", ["cut", scale, zero], "other");
        let at = g.node.iter().position(|n| n.op_type == "LayerNormalization").expect("it");
        g.node[at].input[0] = "sum".into();
        let pool = NodeProto {
            attribute: vec![AttributeProto { name: "kernel_shape".into(), ints: vec![1], ..Default::default() }],
            ..made("MaxPool", ["x", "", ""], "cut")
        };
        g.node.splice(at..at, [pool, back, made("Add", [&x, "other", ""], "sum")]);
    });
    let skip = |g: &mut GraphProto| {
        let n = node(g, "SimplifiedLayerNormalization");
        n.op_type = "SkipSimplifiedLayerNormalization".into();
        n.domain = "com.microsoft".into();
    };
    refused("normalization_simplified_int8_1", &["adds two tensors in float32"], skip);
}

/// Of each normalisation: whether the mean is subtracted, and what stands under its root.
fn norms(graph: &Graph) -> Vec<(bool, &UnderRoot)> {
    let mut all = vec![];
    for layer in &graph.layers {
        if let Op::Norm { centered, under, .. } = &layer.op {
            all.push((*centered, under));
        }
    }
    all
}

#[test]
fn squares_with_a_quantiser_of_their_own_are_layers_and_the_root_has_their_map() {
    for kind in ["int8", "uint8"] {
        for (name, centred, lookups) in [
            ("squares", false, 2),
            ("squares_image", false, 2),
            ("squares_few", false, 2),
            ("root", false, 1),
            ("root_centred", true, 1),
        ] {
            let graph = sound(&format!("normalization_{name}_{kind}_1"));
            let [(centered, UnderRoot::Map { of, epsilon })] = norms(&graph)[..] else { panic!("{name}: one, by a map") };
            assert_eq!((centered, *epsilon > 0.0), (centred, name.starts_with("root")), "{name}");
            // The square is a function of a code, the mean a product with ones, the sum with epsilon another function: nothing is moved.
            assert_eq!(graph.maps[of.map].shape[2], 1, "{name}");
            assert!(count(&graph, |op| matches!(op, Op::Lookup { .. })) <= lookups, "{name}");
            assert_eq!(count(&graph, |op| matches!(op, Op::Arrange { .. })), 0, "{name}");
            let ones = |op: &Op| matches!(op, Op::Conv { weights, .. } if weights.iter().all(|&w| w == 1));
            assert_eq!(count(&graph, ones), 1, "{name}");
        }
        // With QLinearAdd behind the variance it is the normalisation by codes of one layer.
        let graph = sound(&format!("normalization_in_codes_{kind}_1"));
        assert!(matches!(norms(&graph)[..], [(true, UnderRoot::Codes { .. })]) && graph.layers.len() == 1);
    }
}

#[test]
fn a_factor_for_each_pixel_is_copied_to_its_channels() {
    let graph = sound("normalization_factors_int8_1");
    let Op::Mul { a, b, .. } = &graph.layers.last().expect("a layer").op else { panic!("a product") };
    assert_eq!(graph.maps[a.map].shape, graph.maps[b.map].shape);
    assert_eq!(norms(&graph).len(), 0);
}

#[test]
fn normalisations_at_the_edges_are_the_hosts() {
    for kind in ["int8", "uint8"] {
        for (name, parts, first, machine) in [
            ("input", 2, Some(12), 0),
            ("input_alone", 1, Some(12), 0),
            ("input_squares", 2, Some(12), 0),
            ("input_moved", 1, Some(12), 0),
            ("behind", 1, None, 0),
            ("picked", 1, None, 1),
        ] {
            let graph = sound(&format!("normalization_{name}_{kind}_1"));
            assert_eq!(norms(&graph).len(), machine, "{name}");
            let host = graph.input.host.as_ref().map(|h| (h.inner.clone(), h.ops.len()));
            assert_eq!(host, first.map(|n| (vec![parts, 1, 6, n], 1)), "{name}");
            let behind = graph.output.1.host.as_ref().map_or(0, |h| h.ops.len());
            assert_eq!(behind, usize::from(name == "behind"), "{name}");
        }
    }
    // The input's codes by two scales: nothing says which of them goes with the rest.
    refused("normalization_input_int8_1", &["LayerNormalization", "float32 input"], |g| {
        let twice = NodeProto { output: vec!["again".into()], ..node(g, "QuantizeLinear").clone() };
        let other = NodeProto { input: vec!["x".into(), twice.input[1].clone(), twice.input[2].clone()], ..twice };
        g.node.insert(0, other);
        let last = g.node.iter().rposition(|n| n.op_type == "QuantizeLinear").expect("it");
        let sum = NodeProto {
            op_type: "QLinearConcat".into(),
            domain: "com.microsoft".into(),
            input: [
                &g.node[last].input[1],
                &g.node[last].input[2],
                "y0",
                &g.node[last].input[1],
                &g.node[last].input[2],
                "again",
            ]
            .into_iter()
            .map(|s: &str| s.to_string())
            .chain([g.node[0].input[1].clone(), g.node[0].input[2].clone()])
            .collect(),
            output: vec!["y".into()],
            attribute: vec![AttributeProto { name: "axis".into(), i: 1, ..Default::default() }],
            ..Default::default()
        };
        g.node[last].output[0] = "y0".into();
        g.node.push(sum);
    });
}

#[test]
fn a_constant_that_is_joined_is_one_map_beside_the_copies() {
    for kind in ["int8", "uint8"] {
        for (name, shape) in [
            ("token", [8, 1, 8]),
            ("token_scaled", [6, 1, 8]),
            ("token_float", [6, 1, 8]),
            ("token_expanded", [7, 1, 8]),
            ("token_in_codes", [6, 1, 8]),
            ("channels", [5, 1, 11]),
        ] {
            let graph = sound(&format!("concat_constant_{name}_{kind}_1"));
            let at: Vec<usize> = (0..graph.layers.len()).filter(|&i| matches!(graph.layers[i].op, Op::Constant { .. })).collect();
            let [at] = at[..] else { panic!("{name}: one constant") };
            assert_eq!(graph.maps[at + 1].shape, shape, "{name}");
        }
    }
    refused("concat_constant_token_int8_1", &["(Concat)", "constants alone"], |g| {
        let concat = node(g, "Concat");
        let token = concat.input[0].clone();
        concat.input = vec![token.clone(), token];
    });
}

/// A bias in front of FastGelu is not left out.
#[test]
fn biases_of_functions_count() {
    refused("normalization_picked_int8_1", &["(Add)", "float32 result"], |g| {
        let n = node(g, "Gather");
        *n = NodeProto {
            op_type: "FastGelu".into(),
            domain: "com.microsoft".into(),
            input: vec![n.input[0].clone(), "c0".into()],
            ..n.clone()
        };
        n.attribute.clear();
    });
}

#[test]
fn columns_of_indices_take_rows_of_their_tables() {
    let graph = sound("embedding_of_columns_int8_1");
    assert_eq!((graph.input.all().count(), graph.input.beside[0].order.len()), (2, 18));
    let codes = graph.input.beside[0].float.as_ref().expect("scales");
    assert_eq!((codes.scales.len(), codes.axis), (3, 0));
    // A column that is not there.
    refused("embedding_of_columns_int8_1", &["(Gather)"], |g| {
        let all: Vec<usize> = (0..g.node.len()).filter(|&i| g.node[i].op_type == "Gather" && g.node[i].input[0] == "v").collect();
        g.node[all[1]].attribute[0].i = 0;
    });
}

/// One input of indices that picks of several tables goes to each for itself, as borders of one tensor; a register is for an index, not
/// for a table.
#[test]
fn one_input_of_indices_picks_of_several_tables() {
    let graph = sound("embedding_of_two_tables_int8_1");
    let names = |all: Vec<&Border>| all.iter().map(|b| b.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(graph.input.tensors().collect()), ["x", "v"]);
    assert_eq!(names(graph.input.all().collect()), ["x", "v", "v"]);
    let rows = graph.input.beside.iter().map(|b| match b.host.as_ref().map(|host| host.ops.as_slice()) {
        Some([HostOp::Columns { rows, width, tables }]) => (rows.clone(), *width, tables.len()),
        other => panic!("{other:?}"),
    });
    // Indices 0 and 1 pick of the first tables, 2 of the others; the rows of the first table of 6 are wanted by two scales.
    let expected = [(vec![[0, 0], [1, 0], [2, 1]], 1, 2), (vec![[0, 0], [1, 0], [0, 0], [1, 0], [2, 1]], 6, 2)];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    let inputs: Vec<usize> = graph.host_tables().iter().map(|t| t.0).collect();
    assert_eq!(inputs, [1, 2]);
    let placed = graph.with_tables(&inputs);
    assert_eq!(placed.indices().map(|i| (i.place, i.rows)).collect::<Vec<_>>(), [(0, 8), (1, 8), (2, 9)]);
    assert_eq!((names(placed.input.all().collect()), placed.tables.len()), (vec!["x".to_string(), "v".into()], 5));
    // One way by register, the other by the host.
    let mixed = graph.with_tables(&[2]);
    assert_eq!(names(mixed.input.all().collect()), ["x", "v", "v"]);
    let tensors = |v: Vec<i64>| {
        let x = Array { shape: vec![1, 9], data: Data::I8((0..9).map(|i| 7 * i - 30).collect()) };
        [x, Array { shape: vec![1, 3], data: Data::I64(v) }]
    };
    let rows = |graph: &Graph, v: Vec<i64>| graph.pack(&tensors(v)).map(|given| given.rows);
    assert_eq!(rows(&placed, vec![7, -8, -9]), Ok(vec![7, 0, 0]));
    assert_eq!(rows(&mixed, vec![7, -8, -9]), Ok(vec![7, 0, 0]));
    let beyond = |index, rows| Err(BorderError::Index { name: "v".into(), index, rows });
    for graph in [&graph, &placed, &mixed] {
        assert_eq!(rows(graph, vec![8, 0, 0]), beyond(8, 8));
        assert_eq!(rows(graph, vec![0, 0, -10]), beyond(-10, 9));
        let one = graph.pack(&tensors(vec![0; 3])[..1]);
        assert_eq!(one, Err(BorderError::Count { expected: 2, actual: 1 }));
    }
}

/// int32 is another element type of the same indices.
#[test]
fn indices_are_int64_or_int32() {
    let wide = sound("embedding_of_two_tables_int8_1");
    let narrow = case("embedding_of_two_tables_int8_1", |g| {
        let tensor = g.input[1].r#type.as_mut().and_then(|t| t.tensor_type.as_mut()).expect("a tensor");
        tensor.elem_type = 6;
    })
    .expect("a sound model");
    assert_eq!(narrow.input.beside[0].element, ElementType::Int32);
    let x = Array { shape: vec![1, 9], data: Data::I8(vec![1; 9]) };
    let v = |data| Array { shape: vec![1, 3], data };
    let given = [Data::I64(vec![1, -2, 3]), Data::I32(vec![1, -2, 3])].map(|data| [x.clone(), v(data)]);
    assert_eq!(wide.pack(&given[0]).expect("int64"), narrow.pack(&given[1]).expect("int32"));
    let other = narrow.pack(&given[0]);
    assert!(matches!(other, Err(BorderError::Element { .. })), "{other:?}");
}

#[test]
fn what_computes_with_indices_or_with_float32_rows_is_named_and_nothing_else() {
    let add = |g: &GraphProto, input: &str, output: &str| NodeProto {
        name: "offsets".into(),
        op_type: "Add".into(),
        input: vec![input.into(), input.into()],
        output: vec![output.into()],
        ..g.node[0].clone()
    };
    let text = case("embedding_of_two_tables_int8_1", |g| {
        let split = g.node.iter().position(|n| n.op_type == "Split").expect("a Split");
        let moved = add(g, "v", "moved");
        g.node[split].input[0] = "moved".into();
        g.node.insert(split, moved);
    })
    .expect_err("refused");
    assert!(
        text.contains("offsets (Add): it computes with the indices of 'v'") && text.contains("in front of the model"),
        "{text}"
    );
    // Rows of some indices that nothing quantises; the parts of the input are not to blame.
    let text = case("embedding_of_two_tables_int8_1", |g| {
        let at = g.node.iter().position(|n| n.op_type == "Gather").expect("a Gather");
        let (name, own) = (g.node[at].name.clone(), g.node[at].output[0].clone());
        let doubled = NodeProto { name: format!("{name} twice"), ..add(g, &own, "doubled") };
        g.node.iter_mut().flat_map(|n| &mut n.input).filter(|i| **i == own).for_each(|i| *i = "doubled".into());
        g.node.insert(at + 1, doubled);
    })
    .expect_err("refused");
    assert!(text.contains("float32 rows of a table, by some of an input's indices") && !text.contains("(Split)"), "{text}");
    let text = case("embedding_of_two_tables_int8_1", |g| g.output[0].name = "v".into()).expect_err("refused");
    assert!(text.contains("indices of tables leave the graph"), "{text}");
}

/// A second quantiser of a table has a number behind its name, and never the name of another table.
#[test]
fn a_table_by_another_scale_takes_no_other_tables_name() {
    let named = |first: &str| {
        let graph = case("embedding_of_two_tables_int8_1", |g| {
            // The table of 6 that has two scales, and another one of the same length.
            let gathers: Vec<usize> = (0..g.node.len()).filter(|&i| g.node[i].op_type == "Gather").collect();
            let sources: Vec<String> = gathers.iter().map(|&i| g.node[i].input[0].clone()).collect();
            for (source, name) in sources.iter().zip(["t", "bias", first, "other"]) {
                for text in g.node.iter_mut().flat_map(|n| n.input.iter_mut().chain(&mut n.output)).filter(|t| *t == source) {
                    *text = name.to_string();
                }
            }
        })
        .expect("a sound model");
        let inputs: Vec<usize> = graph.host_tables().iter().map(|t| t.0).collect();
        let mut names: Vec<String> = graph.with_tables(&inputs).tables.into_iter().map(|t| t.name).collect();
        names.sort();
        names
    };
    assert_eq!(named("u"), ["bias", "other", "t", "t#1", "u"]);
    assert_eq!(named("t#1"), ["bias", "other", "t", "t#1", "t#2"]);
}

#[test]
fn parts_of_constants_are_constants_and_positions_are_added() {
    let graph = sound("embedding_and_positions_int8_1");
    assert_eq!(count(&graph, |op| matches!(op, Op::Constant { .. })), 1);
    assert_eq!(graph.input.tensors().count(), 1);
}

#[test]
fn a_mean_over_tokens_is_a_pool_of_the_whole_map() {
    let graph = sound("embedding_of_codes_int8_1");
    let Op::AveragePool { window, .. } = &graph.layers.last().expect("a layer").op else { panic!("a mean") };
    assert_eq!((window.kernel, graph.maps[graph.maps.len() - 1].shape), ([12, 1], [1, 1, 10]));
}

/// ONNX: an index is from -rows to rows - 1; ONNX Runtime refuses another one when it runs.
#[test]
fn an_index_beyond_its_table_is_refused_before_anything_runs() {
    for (name, input) in [("embedding_of_codes_int8_1", 0), ("embedding_of_columns_int8_1", 1), ("bag_of_many_int8_1", 0)] {
        let graph = sound(name);
        let border = graph.input.all().nth(input).expect("an input of indices");
        let rows = border.host.iter().flat_map(|host| &host.ops).find_map(HostOp::rows).expect("a table") as i64;
        let indices = |index: i64| {
            let data = Data::I64(vec![index; border.shape.iter().product()]);
            border.pack(&Array { shape: border.shape.clone(), data })
        };
        for index in [-rows, 0, rows - 1] {
            assert!(indices(index).is_ok(), "{name}: {index} of {rows}");
        }
        for index in [rows, -rows - 1, i64::MAX, i64::MIN] {
            let refused = BorderError::Index { name: border.name.clone(), index, rows: rows as usize };
            assert_eq!(indices(index), Err(refused), "{name}");
        }
    }
}

#[test]
fn a_sum_of_rows_is_a_mean_of_values_so_many_times_as_large() {
    let graph = sound("bag_of_many_int8_1");
    let pool = graph.layers.iter().find_map(|l| match &l.op {
        Op::AveragePool { window, .. } => Some(window.kernel),
        _ => None,
    });
    assert_eq!(pool.map(|k| k[0] * k[1]), Some(13));
    refused("bag_of_many_int8_1", &["ReduceSum", "no dimension is reduced"], |g| {
        let axes = node(g, "ReduceSum").input[1].clone();
        let made = g.initializer.iter_mut().find(|t| t.name == axes).expect("axes");
        (made.dims, made.raw_data) = (vec![0], Some(vec![]));
        let noop = AttributeProto { name: "noop_with_empty_axes".into(), i: 1, ..Default::default() };
        node(g, "ReduceSum").attribute.push(noop);
    });
}
