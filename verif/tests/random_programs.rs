// SPDX-License-Identifier: Apache-2.0
//! Random GEMMs and MLPs on machines of every size with WEIGHT_BEATS 1, 2 and 4: operator reference =
//! instruction-level model = RTL in every element, predicted = measured in every run.
//!
//! `make test` runs a sample; `make test-long` (SYSTOLE_LONG=1) runs 3,000, on more machines of RTL.

use proptest::prelude::*;
use rand::RngExt;
use systole_backends::Backend;
use systole_compiler::{CompileError, Options, compile};
use systole_isa::Config;
use systole_model::graph::{Graph, Op, SumRounding};
use systole_model::{Add, Network, Output};
use systole_verif::{MIXED, TALL, long, runner};
use systole_workloads::{check_graph, random};

#[derive(Debug, Clone)]
struct Case {
    config: &'static str,
    beats: u32,
    m: usize,
    dims: Vec<usize>,
    raw: bool,
    extras: u8, // bit 0: lookup, 1: clamp, 2: residual
    pause: bool,
    zeros: bool, // weights have zero points
    seed: u64,
}

/// Sizes around multiples of the array's, and anything between.
fn size(config: &'static str) -> impl Strategy<Value = usize> {
    let r = Config::named(config).unwrap().rows as usize;
    prop_oneof![
        3 => (1usize..=3, -1i64..=1).prop_map(move |(t, d)| ((t * r) as i64 + d) as usize),
        2 => 1..=3 * r,
        1 => Just(1usize),
    ]
}

fn case(config: &'static str, beats: u32) -> impl Strategy<Value = Case> {
    let m = prop_oneof![3 => Just(1usize), 2 => 2usize..=5, 1 => 6usize..=40];
    let pause = proptest::bool::weighted(0.3);
    (m, proptest::collection::vec(size(config), 2..=5), any::<bool>(), 0u8..8, pause, any::<bool>(), any::<u64>()).prop_map(
        move |(m, dims, raw, extras, pause, zeros, seed)| Case { config, beats, m, dims, raw, extras, pause, zeros, seed },
    )
}

fn network(case: &Case) -> (Network, Vec<i8>) {
    let mut rng = random::generator(case.seed);
    let mut layers: Vec<_> = case.dims.windows(2).map(|d| random::dense(&mut rng, d[0], d[1])).collect();
    let last = layers.len() - 1;
    let table: Box<[i8; 256]> = Box::new(std::array::from_fn(|_| rng.random()));
    for l in 0..=last {
        let from = (0..=l).find(|&f| case.dims[f] == case.dims[l + 1]);
        let Output::Int8(q) = &mut layers[l].output else { continue };
        if case.extras & 1 == 1 && l == 0 {
            q.lut = Some(table.clone());
        }
        if case.extras & 2 == 2 {
            q.lo = q.zero_point; // ReLU
        }
        if let (true, Some(from)) = (case.extras & 4 == 4, from) {
            // Dyadic scales: exact in integers.
            q.residual = Some(Add {
                from,
                a_scale: 0.5,
                a_zero_point: q.zero_point,
                b_scale: 0.25,
                b_zero_point: 3,
                y_scale: 0.5,
                y_zero_point: -4,
                rounding: SumRounding::Fused { unsigned: rng.random() },
            });
            q.lo = -128;
        }
    }
    if case.raw {
        layers[last].output = Output::Raw32;
    }
    let network = Network { name: "random".into(), m: case.m, k: case.dims[0], zero_point: rng.random_range(-20i8..20), layers };
    let input = random::codes(&mut rng, case.m * case.dims[0]);
    (network, input)
}

/// The graph with a zero point for the weights of each layer, at the edges as often as between.
fn with_zero_points(mut graph: Graph, seed: u64) -> Graph {
    let mut rng = random::generator(seed ^ 2);
    for layer in &mut graph.layers {
        if let Op::Conv { weights, .. } = &mut layer.op {
            let zero: i8 = [-128, 127, rng.random(), rng.random()][rng.random_range(0..4)];
            weights.iter_mut().for_each(|w| *w -= i16::from(zero));
        }
    }
    graph
}

/// True where the case was run; false where it does not fit the machine.
fn check(case: &Case, backends: &[Backend]) -> Result<bool, TestCaseError> {
    let config = Config::named(case.config).unwrap().with_weight_beats(case.beats).unwrap();
    let (network, input) = network(case);
    let plain = network.graph().unwrap();
    let graph = if case.zeros { with_zero_points(plain.clone(), case.seed) } else { plain.clone() };
    let compiled = match compile(&graph, &config, &Options::default()) {
        Ok(compiled) => compiled,
        Err(e @ (CompileError::DoesNotFit { .. } | CompileError::TooManyRows { .. })) => {
            prop_assert!(config.cols == 4, "{e}");
            return Ok(false);
        }
        Err(e) => return Err(TestCaseError::fail(e.to_string())),
    };
    prop_assert!(compiled.warnings.is_empty());
    if config.weight_zero && case.zeros {
        // Every weight is a byte less a zero point: the same tiles, the same times.
        let without = compile(&plain, &config, &Options::default()).unwrap();
        prop_assert_eq!(compiled.cycles, without.cycles);
        prop_assert_eq!(&compiled.layers, &without.layers);
    }
    let options = systole_chip::Options { seed: case.seed, pause: if case.pause { 0.3 } else { 0.0 }, ..Default::default() };
    for &backend in backends {
        let inputs = [input.clone(), random::codes(&mut random::generator(case.seed ^ 1), input.len())];
        let report = check_graph(&graph, &compiled, &config, backend, &inputs, &options, |_| {})
            .map_err(|e| TestCaseError::fail(format!("{backend:?}: {e:#}")))?;
        prop_assert!(report.is_good(), "{backend:?}: {report}");
    }
    Ok(true)
}

/// 5 programs, 240 in the long suite. `rare`: on the RTL only there, for its model takes long to build; 40 on the instruction-level model in the
/// quick one.
fn campaign(config: &'static str, beats: u32, rare: bool) {
    let (cases, backends) = match (long(), rare) {
        (true, _) => (240, &[Backend::Model, Backend::Rtl][..]),
        (false, true) => (40, &[Backend::Model][..]),
        (false, false) => (5, &[Backend::Model, Backend::Rtl][..]),
    };
    let mut runner = runner(cases);
    let ran = std::cell::Cell::new(0);
    runner
        .run(&case(config, beats), |case| {
            ran.set(ran.get() + u32::from(check(&case, backends)?));
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{config}/D{beats}: {e}"));
    println!("{config}/D{beats}: {} of {cases} programs ran, all equal, all in the predicted cycles", ran.get());
    assert!(ran.get() * 10 >= cases * 8, "only {} of {cases} programs fitted the machine", ran.get());
}

macro_rules! campaigns {
    ($($name:ident: $config:expr, $beats:literal $(, $long:ident)?;)*) => {$(
        #[test]
        fn $name() {
            const RARE: &[&str] = &[$(stringify!($long))?];
            campaign($config, $beats, !RARE.is_empty());
        }
    )*};
}

campaigns! {
    random_programs_on_tiny: "tiny", 1;
    random_programs_on_tiny_with_two_beats: "tiny", 2, long;
    random_programs_on_tiny_with_four_beats: "tiny", 4, long;
    random_programs_on_tall_with_four_beats: TALL, 4;
    random_programs_on_mixed_with_two_beats: MIXED, 2;
    random_programs_on_small: "small", 1;
    random_programs_on_small_with_two_beats: "small", 2, long;
    random_programs_on_small_with_four_beats: "small", 4, long;
    random_programs_on_base: "base", 1;
    random_programs_on_base_with_two_beats: "base", 2, long;
    random_programs_on_base_with_four_beats: "base", 4, long;
    random_programs_on_wide: "wide", 1, long;
    random_programs_on_wide_with_two_beats: "wide", 2, long;
    random_programs_on_large: "large", 1, long;
}
