// SPDX-License-Identifier: Apache-2.0
//! Tables of ONNX networks in RRAM, their rows by registers in the run (docs/recommenders.md, "Tables in RRAM"): the same outputs as with
//! the host's rows and as ONNX Runtime's, who takes which table, and rows that change in the image.

use std::path::{Path, PathBuf};
use systole_backends::Backend;
use systole_compiler::{Compiled, Options, Tables, compile, place_tables};
use systole_golden::graph::run_graph;
use systole_isa::Config;
use systole_isa::rram::slot_bytes;
use systole_model::border::BorderError;
use systole_model::graph::{Border, Finish, Graph, Map, Op};
use systole_model::host::{Host, HostOp};
use systole_model::onnx::{Array, Data, ElementType};
use systole_workloads::onnx_case::{Case, cases};
use systole_workloads::{check_graph, random};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/ort")
}

/// Stored cases of ONNX Runtime that have tables, with their graphs.
fn with_tables() -> Vec<(Case, Graph)> {
    let all = cases(&folder()).unwrap().into_iter().map(|case| (case.graph().unwrap().unwrap(), case));
    all.filter(|(graph, _)| !graph.host_tables().is_empty()).map(|(graph, case)| (case, graph)).collect()
}

fn base() -> Config {
    Config::named("base").unwrap()
}

fn compiled(graph: &Graph) -> Compiled {
    compile(graph, &base(), &Options::default()).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn rows_by_register_are_onnx_runtimes_and_the_hosts() {
    let mut in_rram = 0;
    for (case, graph) in with_tables() {
        let placed = place_tables(&graph, &base(), Tables::Auto).unwrap();
        let inputs: Vec<usize> = graph.host_tables().iter().map(|t| t.0).collect();
        let indices = graph.with_tables(&inputs).indices().count();
        assert_eq!(placed.tables.is_empty(), indices > 8, "{}: {indices} indices, eight registers", case.name);
        if placed.tables.is_empty() {
            continue;
        }
        in_rram += 1;
        assert!(placed.host_tables().is_empty() && placed.input.all().all(|b| b.host.is_none()), "{}", case.name);
        let program = compiled(&placed);
        assert_eq!(program.image.tables.len(), placed.tables.len());
        for seed in 0..6 {
            let tensors = random::tensors(&graph, seed);
            let given = placed.pack(&tensors).unwrap();
            let [by_host, by_register] =
                [run_graph(&graph, graph.pack(&tensors).unwrap()), run_graph(&placed, &given)].map(|r| r.values);
            assert_eq!(by_host, by_register, "{}", case.name);
            let report = check_graph(&placed, &program, &base(), Backend::Model, [&given], &Default::default(), |_| {}).unwrap();
            assert!(report.is_good() && report.outputs[0].len() == by_host.len(), "{}: {report}", case.name);
        }
        // One border of a tensor by register, the others by the host.
        for (border, _) in graph.host_tables() {
            let mixed = graph.with_tables(&[border]);
            let tensors = random::tensors(&graph, 9);
            let [whole, parts] = [&placed, &mixed].map(|g| run_graph(g, g.pack(&tensors).unwrap()).values);
            assert_eq!(whole, parts, "{}: border {border}", case.name);
        }
        // An index is from -rows to rows - 1.
        let (number, border) = placed.input.tensors().enumerate().find(|(_, b)| !b.index.is_empty()).unwrap();
        let rows = border.index[0].rows as i64;
        let mut tensors = random::tensors(&graph, 1);
        for (index, legal) in [(-rows, true), (rows - 1, true), (rows, false), (-rows - 1, false), (i64::MIN, false)] {
            let Data::I64(all) = &mut tensors[number].data else { panic!("indices are int64") };
            all[border.index[0].place] = index;
            match placed.pack(&tensors) {
                Ok(given) => assert!(legal && i64::from(given.rows[0]) == index.rem_euclid(rows), "{}: {index}", case.name),
                Err(e) => assert!(!legal && matches!(e, BorderError::Index { .. }), "{}: {index}: {e}", case.name),
            }
        }
    }
    assert!(in_rram >= 8, "{in_rram} stored cases have tables in RRAM");
}

/// A network of one input of indices, a table of `rows` rows of `width` numbers with these codes, whose rows leave.
fn lookup(indices: usize, rows: usize, width: usize) -> Graph {
    let codes = random::codes(&mut random::generator(rows as u64), rows * width);
    let values = codes.iter().map(|&c| f32::from(c) * 0.5).collect();
    let map = |name: &str| Map { name: name.into(), shape: [indices, 1, width] };
    let border = |element, host| Border {
        name: "ids".into(),
        shape: if element == ElementType::Int64 { vec![indices] } else { vec![indices, width] },
        element,
        order: (0..(indices * width) as u32).collect(),
        float: Some(systole_model::graph::Codes { scales: vec![0.5], zero_points: vec![0], axis: 0 }),
        host,
        at: vec![],
        beside: vec![],
        index: vec![],
    };
    let host = Host { inner: vec![indices, width], ops: vec![HostOp::Rows { name: "users".into(), shape: vec![width], values }] };
    Graph {
        name: "lookup".into(),
        input: border(ElementType::Int64, Some(host)),
        maps: vec![map("ids"), map("out")],
        layers: vec![systole_model::graph::Layer {
            name: "shift".into(),
            op: Op::Lookup {
                input: 0,
                table: Box::new(std::array::from_fn(|i| (i as u8 as i8).saturating_add(1))),
                doubtful: vec![],
            },
            finish: Finish::Codes { lo: -128, hi: 127 },
        }],
        output: (1, border(ElementType::Float32, None)),
        batch: 1,
        tables: vec![],
    }
}

#[test]
fn who_takes_a_table_is_asked_for_or_what_has_room() {
    let place = |graph: &Graph, config: &str, tables| place_tables(graph, &Config::named(config).unwrap(), tables);
    let in_rram = |graph: &Graph, config: &str| !place(graph, config, Tables::Auto).unwrap().tables.is_empty();
    let refused = |graph: &Graph, config: &str, words: &str| {
        assert!(!in_rram(graph, config), "{words}");
        let said = place(graph, config, Tables::Rram).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    };
    let eight = lookup(8, 50, 40);
    assert!(in_rram(&eight, "base") && place(&eight, "base", Tables::Rram).unwrap().tables.len() == 1);
    assert_eq!(place(&eight, "base", Tables::Host).unwrap(), eight);
    refused(&eight, "small", "no vector unit");
    refused(&lookup(9, 50, 40), "base", "9 indices in a run, registers for 8");
    refused(&lookup(1, 65_537, 1), "large,VEC_LANES=32", "65537 rows; a register names 65536");
    refused(&lookup(1, 9_000, 500), "base", "RRAM");
}

#[test]
fn the_last_row_of_the_largest_table_comes_by_its_number() {
    let graph = lookup(1, 65_536, 3);
    let placed = place_tables(&graph, &base(), Tables::Rram).unwrap();
    let program = compiled(&placed);
    let given = [-1i64, 0, 32_768, 65_535].map(|index| {
        let tensor = Array { shape: vec![1], data: Data::I64(vec![index]) };
        let given = placed.pack(std::slice::from_ref(&tensor)).unwrap();
        assert_eq!(run_graph(&placed, &given).values, run_graph(&graph, graph.pack(&[tensor]).unwrap()).values);
        given
    });
    let report = check_graph(&placed, &program, &base(), Backend::Model, &given, &Default::default(), |_| {}).unwrap();
    assert!(report.is_good() && report.compared == 12, "{report}");
}

#[test]
fn a_model_with_other_rows_is_the_image_with_other_rows() {
    let graph = place_tables(&lookup(2, 70, 40), &base(), Tables::Rram).unwrap();
    let mut image = compiled(&graph).image;
    let rows: Vec<(u32, Vec<i8>)> = [0u32, 31, 32, 69].map(|row| (row, vec![row as i8 - 100; 40])).to_vec();
    let changes: Vec<(u32, &[i8])> = rows.iter().map(|(row, codes)| (*row, codes.as_slice())).collect();
    image.set_rows("users", &changes, &base()).unwrap();
    let mut other = graph.clone();
    for (row, codes) in &rows {
        other.tables[0].codes[*row as usize * 40..][..40].copy_from_slice(codes);
    }
    let again = compiled(&other);
    assert_eq!(again.image, image);
    assert_eq!(slot_bytes(&again.image, &base()).1.image_crc, slot_bytes(&image, &base()).1.image_crc);
    assert_ne!(image, compiled(&graph).image);
}
