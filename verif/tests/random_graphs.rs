// SPDX-License-Identifier: Apache-2.0
//! Random graphs of convolutions, pools, lookups and sums: operator reference = instruction-level model = RTL in
//! every element, predicted = measured in every run.
//!
//! `make test` runs a sample, the same on every machine; `make test-long` (SYSTOLE_LONG=1) runs more than 2,000, on
//! more machines.
//! SYSTOLE_SEED=N draws other graphs. SYSTOLE_NETLIST=DIR simulates that netlist in nano's place (`make netlist`).

use proptest::prelude::*;
use std::cell::Cell;
use systole_backends::Backend;
use systole_compiler::{CompileError, Compiled, Options, compile};
use systole_isa::Config;
use systole_isa::format::ROW;
use systole_isa::program::{Instruction, Unit};
use systole_model::graph::{Border, Finish, Graph, Layer, Map, Op, Window};
use systole_model::onnx::ElementType;
use systole_verif::random_graph::{Case, cases, cases_with_tables};
use systole_verif::{MIXED, long, runner};
use systole_workloads::check_graph;

/// How a case went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Went {
    Equal,
    /// A sum or mean has no exact constants: equal to the reference with what the compiler declared in their place.
    Declared,
    TooLarge,
    /// Equal or declared, with layers in bands of rows.
    InBands,
}

/// Cycles that END may come later with a zero point of weights.
const MOST_LATER: u64 = 16;

thread_local! {
    /// Graphs of this thread's test whose END came more than two loads later.
    static LATER: Cell<u32> = const { Cell::new(0) };
}

/// One graph in a thousand may.
fn few_are_later(count: u32) {
    let later = LATER.replace(0);
    assert!(later * 1000 <= count.max(1000), "{later} of {count} graphs take more than two loads longer with a zero point");
}

fn check(case: &Case, backends: &[Backend]) -> Result<Went, TestCaseError> {
    let config = Config::named(case.config).unwrap().with_weight_beats(case.beats).unwrap();
    let (graph, inputs) = case.graph();
    let compiled = match compile(&graph, &config, &Options::default()) {
        Ok(compiled) => compiled,
        Err(CompileError::DoesNotFit { .. } | CompileError::TooManyRows { .. }) => return Ok(Went::TooLarge),
        // A copy is a product with ones and zeros, of so many weights at most.
        Err(CompileError::Unsupported(all)) if all.iter().all(|e| e.contains("weight words; 8192 are the most")) => {
            return Ok(Went::TooLarge);
        }
        Err(e) => return Err(TestCaseError::fail(e.to_string())),
    };
    // A zero point of weights never costs the array a step. END may come a little later all the same, for stages are placed one by one
    // and one that begins earlier may meet a row of the timetable (three graphs of some 30,000: by one and two cycles on `base`, by one load of four beats on `wide,LANE_TAPS=0,POST_LANES=1`; one of 3,000 on `wide,VEC_LANES=8` by eight).
    // Of bands those are taken that end first.
    let whole = |c: &Compiled| c.layers.iter().all(|l| l.bands == 1);
    if config.weight_zero && backends == [Backend::Model] && whole(&compiled) {
        let without = compile(&graph, &Config { weight_zero: false, ..config.clone() }, &Options::default()).ok().filter(whole);
        let (law, end) = without.map_or((u64::MAX, u64::MAX / 2), |w| (w.law, w.cycles));
        prop_assert!(compiled.law <= law, "{} steps with a zero point, {law} without", compiled.law);
        prop_assert!(compiled.cycles <= end + MOST_LATER, "{} cycles with a zero point, {end} without", compiled.cycles);
        LATER.set(LATER.get() + u32::from(compiled.cycles > end + 2 * u64::from(config.weight_beats)));
    }
    let options = systole_chip::Options {
        seed: case.seed,
        pause: if case.seed.is_multiple_of(4) { 0.3 } else { 0.0 },
        netlist: std::env::var_os("SYSTOLE_NETLIST").filter(|_| case.config == "nano").map(Into::into),
        ..Default::default()
    };
    for &backend in backends {
        let report = check_graph(&graph, &compiled, &config, backend, &inputs, &options, |_| {})
            .map_err(|e| TestCaseError::fail(format!("{backend:?}: {e:#}")))?;
        prop_assert!(report.is_good(), "{backend:?}: {report}");
    }
    Ok(match (!whole(&compiled), compiled.warnings.is_empty()) {
        (true, _) => Went::InBands,
        (_, true) => Went::Equal,
        _ => Went::Declared,
    })
}

fn campaign(config: &'static str, beats: u32, count: u32, backends: &[Backend]) {
    let mut runner = runner(count);
    let went = Cell::new([0u32; 4]);
    runner
        .run(&cases(config, beats), |case| {
            let how = check(&case, backends)?;
            let mut counts = went.get();
            counts[how as usize] += 1;
            went.set(counts);
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{config}/D{beats}: {e}"));
    few_are_later(count);
    let [equal, declared, large, bands] = went.get();
    println!(
        "{config}/D{beats}: {equal} of {count} graphs equal in all, in the predicted cycles; {declared} with declared layers, {bands} in bands \
         of rows, {large} too large"
    );
    assert!(
        (equal + declared + bands) * 10 >= count * 6 && (equal + bands) * 10 >= count * 3,
        "{equal}, {declared} and {bands} of {count} graphs ran, {large} too large"
    );
}

/// So small an X that many graphs run in bands of rows: how many do.
fn in_bands(config: &'static str, count: u32, backends: &[Backend]) {
    let mut runner = runner(count);
    let bands = Cell::new(0u32);
    runner
        .run(&cases(config, 1), |case| {
            bands.set(bands.get() + u32::from(check(&case, backends)? == Went::InBands));
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{config}: {e}"));
    println!("{config}: {} of {count} graphs equal in bands of rows", bands.get());
    assert!(bands.get() * 20 >= count, "{} of {count} graphs ran in bands", bands.get());
}

const BOTH: [Backend; 2] = [Backend::Model, Backend::Rtl];

/// On model and RTL: 6 graphs, 250 in the long suite. `long`: on the RTL only there, for its model takes long to build; 30 on the
/// instruction-level model in the quick one.
macro_rules! campaigns {
    ($($name:ident: $config:expr, $beats:literal $(, $long:ident)?;)*) => {$(
        #[test]
        fn $name() {
            const RARE: &[&str] = &[$(stringify!($long))?];
            match (long(), !RARE.is_empty()) {
                (true, _) => campaign($config, $beats, 250, &BOTH),
                (false, true) => campaign($config, $beats, 30, &[Backend::Model]),
                (false, false) => campaign($config, $beats, 6, &BOTH),
            }
        }
    )*};
}

campaigns! {
    random_graphs_on_tiny: "tiny", 1;
    random_graphs_on_mixed_with_two_beats: MIXED, 2;
    random_graphs_on_small: "small", 1;
    random_graphs_on_small_with_two_beats: "small", 2, long;
    random_graphs_on_wide: "wide", 1, long;
    random_graphs_on_base: "base", 1;
    random_graphs_on_base_with_four_beats: "base", 4, long;
    random_graphs_on_slim: "slim", 1, long;
    random_graphs_on_small_with_one_lane_and_two_beats: "small,POST_LANES=1", 2, long;
    random_graphs_on_small_with_products_and_two_lanes: "small,PRODUCT=1,POST_LANES=2", 1, long;
    random_graphs_on_tiny_with_products: "tiny,PRODUCT=1,X_DEPTH=4096,OUT_DEPTH=2048,IN_DEPTH=2048,PARAM_DEPTH=256", 1, long;
    random_graphs_on_small_with_a_vector_unit_of_half_its_lanes: "small,VEC_LANES=4", 1, long;
}

/// Rows of tables by indices: how many graphs had tables in their images.
fn with_tables(config: &'static str, beats: u32, count: u32, backends: &[Backend]) {
    let in_rram = Cell::new(0u32);
    runner(count)
        .run(&cases_with_tables(config, beats), |case| {
            let how = check(&case, backends)?;
            let machine = Config::named(case.config).unwrap().with_weight_beats(case.beats).unwrap();
            let tables = how != Went::TooLarge
                && !compile(&case.graph().0, &machine, &Options::default()).unwrap().image.tables.is_empty();
            in_rram.set(in_rram.get() + u32::from(tables));
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{config}/D{beats}: {e}"));
    few_are_later(count);
    println!("{config}/D{beats}: {} of {count} graphs equal with tables in RRAM", in_rram.get());
    assert!(in_rram.get() * 2 >= count, "{} of {count} graphs had tables in RRAM", in_rram.get());
}

#[test]
fn random_graphs_take_rows_of_tables_by_index() {
    let all =
        [("base", 1), ("base", 4), ("large,VEC_LANES=32", 1), ("small,VEC_LANES=4", 2), ("wide,VEC_LANES=8", 1), (MIXED, 2)];
    for (config, beats) in all {
        with_tables(config, beats, if long() { 3000 } else { 20 }, &[Backend::Model]);
    }
    for (config, beats) in [("base", 1), (MIXED, 2)] {
        with_tables(config, beats, if long() { 250 } else { 4 }, &BOTH);
    }
}

/// More of them, for many do not fit.
/// Of random graphs the first that uses the lane engine, on RTL too: the campaigns above seldom meet one.
#[test]
fn depthwise_graphs_run_on_the_lane_engine_of_tiny() {
    let found = Cell::new(0);
    let lane = |image: &systole_isa::Image| image.timetable.iter().any(|&row| ROW.get(row.into(), "unit") == Unit::Lane as i64);
    runner(400)
        .run(&cases("tiny", 1), |case| {
            let config = Config::named(case.config).unwrap();
            if found.get() < 1 && compile(&case.graph().0, &config, &Options::default()).is_ok_and(|c| lane(&c.image)) {
                check(&case, &BOTH)?;
                found.set(found.get() + 1);
            }
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(found.get(), 1, "graphs with a row for the lane engine");
}

/// Four channels of one row, three taps each: the shortest nest that the lane engine has.
#[test]
fn depthwise_of_one_row_is_one_loop_of_the_lane_engine() {
    let mut rng = systole_workloads::random::generator(1);
    let border = |name: &str, width: usize| Border {
        name: name.into(),
        shape: vec![1, width, 4],
        element: ElementType::Int8,
        order: (0..4 * width as u32).collect(),
        float: None,
        host: None,
        at: vec![],
        beside: vec![],
        index: vec![],
    };
    let map = |name: &str, width| Map { name: name.into(), shape: [1, width, 4] };
    let window = Window { kernel: [1, 3], ..Window::POINT };
    let weights = systole_workloads::random::codes(&mut rng, 12).into_iter().map(i16::from).collect();
    let op = Op::Conv { input: 0, zero_point: 3, window, groups: 4, weights, bias: vec![5, -700, 0, 100] };
    let finish = Finish::Int8 { scales: vec![0.01; 4], zero_point: 1, lo: -128, hi: 127, float32: false, rest: vec![] };
    let graph = Graph {
        name: "line".into(),
        input: border("x", 9),
        output: (1, border("y", 7)),
        maps: vec![map("x", 9), map("y", 7)],
        layers: vec![Layer { name: "line".into(), op, finish }],
        batch: 1,
        tables: vec![],
    };
    let config = Config::named("tiny").unwrap();
    let compiled = compile(&graph, &config, &Options::default()).unwrap();
    let rows = compiled.image.program().unwrap().rows;
    let loops = rows.iter().find_map(|r| if let Instruction::Lane(l) = &r.instruction { Some(l.nest.loops.len()) } else { None });
    assert_eq!(loops, Some(1));
    let inputs = [systole_workloads::random::codes(&mut rng, 36), systole_workloads::random::codes(&mut rng, 36)];
    for backend in BOTH {
        let report = check_graph(&graph, &compiled, &config, backend, &inputs, &Default::default(), |_| {}).unwrap();
        assert!(report.is_good(), "{backend:?}: {report}");
    }
}

#[test]
fn random_graphs_on_nano() {
    campaign("nano", 1, if long() { 250 } else { 8 }, &BOTH);
}

#[test]
fn many_random_graphs_on_the_model() {
    let narrow =
        [("nano", 1), ("slim", 1), ("small,POST_LANES=4", 1), ("wide,LANE_TAPS=0,POST_LANES=1", 4), ("tiny,PRODUCT=1", 1)];
    for (config, beats) in
        [("tiny", 1), ("tiny", 4), ("small", 1), ("wide", 2), ("base", 1), ("base", 2), ("large", 1)].into_iter().chain(narrow)
    {
        campaign(config, beats, if long() { 3000 } else { 24 }, &[Backend::Model]);
    }
}

#[test]
fn random_graphs_in_bands_of_rows() {
    for config in ["small,X_DEPTH=128", "wide,X_DEPTH=64", "base,X_DEPTH=128", "small,X_DEPTH=128,LANE_TAPS=9,PRODUCT=1"] {
        in_bands(config, if long() { 3000 } else { 30 }, &[Backend::Model]);
    }
}

#[test]
fn random_graphs_in_bands_of_rows_on_the_chip() {
    if long() {
        for config in ["small,X_DEPTH=128", "base,X_DEPTH=128"] {
            in_bands(config, 250, &BOTH);
        }
    }
}
