// SPDX-License-Identifier: Apache-2.0
//! Products of two activations compile for every shape and machine, and the checker has nothing to say.

use systole_compiler::{CompileError, Options, compile};
use systole_isa::Config;
use systole_model::graph::{Border, Finish, Graph, Layer, Map, Op};
use systole_model::onnx::ElementType;

/// `(x x^T) x`, as attention without a softmax: a product with columns and one with rows.
fn twice(maps: usize, m: usize, k: usize, zeros: [i8; 2]) -> Graph {
    let border = |name: &str, shape: [usize; 3]| Border {
        name: name.into(),
        shape: shape.to_vec(),
        element: ElementType::Int8,
        order: (0..shape.iter().product::<usize>() as u32).collect(),
        float: None,
        host: None,
        at: vec![],
        beside: vec![],
        index: vec![],
    };
    let int8 = |n: usize, zero_point: i8| Finish::Int8 {
        scales: vec![0.01; n],
        zero_point,
        lo: -128,
        hi: 127,
        float32: false,
        rest: vec![],
    };
    let [x, scores] = zeros;
    let map = |name: &str, shape| Map { name: name.into(), shape };
    let layer = |name: &str, op, finish| Layer { name: name.into(), op, finish };
    Graph {
        name: "twice".into(),
        input: border("x", [maps, m, k]),
        maps: vec![map("x", [maps, m, k]), map("scores", [maps, m, m]), map("y", [maps, m, k])],
        layers: vec![
            layer("scores", Op::MatMul { a: 0, a_zero: x, b: 0, b_zero: x, k, transposed: true }, int8(m, scores)),
            layer("y", Op::MatMul { a: 1, a_zero: scores, b: 0, b_zero: x, k: m, transposed: false }, int8(k, 3)),
        ],
        output: (2, border("y", [maps, m, k])),
        batch: 1,
        tables: vec![],
    }
}

#[test]
fn products_of_activations_compile_for_every_shape() {
    let mut ran = 0;
    for name in ["base", "wide", "large", "small", "wide,LANE_TAPS=0,POST_LANES=2", "wide,WEIGHT_BEATS=2", "tiny,WEIGHT_ZERO=1"] {
        let config = match name {
            "wide,WEIGHT_BEATS=2" => Config { weight_beats: 2, ..Config::named("wide").unwrap() },
            other => Config::named(other).unwrap(),
        };
        for (maps, m, k) in [(1, 1, 1), (1, 16, 16), (2, 16, 16), (3, 5, 7), (2, 33, 8), (4, 17, 40), (1, 40, 19), (8, 9, 3)] {
            for zeros in [[0, 0], [5, -128], [-128, 127], [-9, 0]] {
                if !config.weight_zero && zeros[0] != 0 {
                    continue;
                }
                match compile(&twice(maps, m, k, zeros), &config, &Options::default()) {
                    Ok(_) => ran += 1,
                    Err(CompileError::DoesNotFit { .. }) => {}
                    Err(e) => panic!("{name} {maps} x {m} x {k}, {zeros:?}: {e}"),
                }
            }
        }
    }
    assert!(ran > 150, "{ran}");
}
