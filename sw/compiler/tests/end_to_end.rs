// SPDX-License-Identifier: Apache-2.0
//! Random networks compiled, checked, and run on the instruction-level model.

use crate::common::{LayerKind, Random, cases, network};
use proptest::prelude::*;
use systole_compiler::{CompileError, Compiled, Options, compile, max_rows_per_run};
use systole_golden::{Machine, graph::run_graph_as};
use systole_isa::Config;
use systole_model::graph::SumRounding;
use systole_model::{Network, Output};

/// Compiles (with the checker), runs, compares every element and the cycles. Returns the
/// program, or `None` where the network does not fit.
fn run(network: &Network, config: &Config) -> Option<Compiled> {
    let graph = network.graph().unwrap();
    let compiled = match compile(&graph, config, &Options::default()) {
        Ok(c) => c,
        Err(CompileError::TooManyRows { limit, .. }) => {
            assert!(limit < network.m);
            let fewer = Network { m: limit, ..network.clone() };
            compile(&fewer.graph().unwrap(), config, &Options::default()).expect("so many rows fit");
            return None;
        }
        Err(CompileError::DoesNotFit { needed, limit, .. }) => {
            assert!(
                needed > limit || network.layers.iter().any(|l| matches!(&l.output, Output::Int8(q) if q.residual.is_some()))
            );
            return None;
        }
        Err(e) => panic!("{e}"),
    };
    let input = Random(7).codes(network.m * network.k);
    let mut machine = Machine::new(config.clone());
    machine.load_image(&compiled.image).unwrap();
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = compiled.image.input.pack(&values, compiled.image.in_bytes as usize);
    let got = machine.run(&frame).unwrap();
    assert_eq!(got.cycles, compiled.cycles);
    let declared: Vec<_> = compiled.warnings.iter().filter_map(|w| w.approximation()).collect();
    let want = run_graph_as(&graph, &input, &declared);
    let values = compiled.image.output.unpack(&got.frame).unwrap();
    let wrong = (0..values.len()).find(|&i| values[i] != want.values[i]);
    if let Some(i) = wrong {
        panic!("element {i} is {}, expected {}", values[i], want.values[i]);
    }
    Some(compiled)
}

fn chain(m: usize, widths: &[usize], raw: bool) -> Network {
    let kinds: Vec<LayerKind> = widths[1..].iter().map(|&n| LayerKind { n, lut: false, residual: None }).collect();
    network(3, m, widths[0], &kinds, raw)
}

fn long() -> u32 {
    std::env::var("SYSTOLE_LONG").map_or(1, |_| 20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300 * long(), max_shrink_iters: 2000, ..ProptestConfig::default() })]
    #[test]
    fn random_networks_run_bit_exact_in_the_predicted_cycles(case in cases()) {
        run(&case.network(), &case.config());
    }
}

#[test]
fn shapes_around_the_array_run_on_every_configuration() {
    for name in ["tiny", "small", "wide", "base"] {
        let config = Config::named(name).unwrap();
        let (r, c) = (config.rows as usize, config.cols as usize);
        for m in [1, r - 1, r + 1, 2 * r + 1] {
            for k in [1, r - 1, r, r + 1, 2 * r + 1] {
                for n in [1, c - 1, c, c + 1, 2 * c + 1] {
                    for raw in [false, true] {
                        assert!(run(&chain(m, &[k, n], raw), &config).is_some());
                    }
                }
            }
        }
    }
}

#[test]
fn the_largest_run_compiles_and_one_row_more_says_what_to_do() {
    for name in ["tiny", "wide", "base"] {
        let config = Config::named(name).unwrap();
        for widths in [&[5, 3][..], &[64, 64], &[33, 17, 9]] {
            let limit = max_rows_per_run(&chain(1, widths, false).graph().unwrap(), &config).unwrap();
            run(&chain(limit, widths, false), &config).unwrap();
            let e = compile(&chain(limit + 1, widths, false).graph().unwrap(), &config, &Options::default()).unwrap_err();
            let text = e.to_string();
            assert!(text.contains(&format!("{} rows", limit + 1)) && text.contains("split"), "{text}");
        }
    }
}

const AUTOENCODER: [usize; 11] = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640];

#[test]
fn the_cycle_promises_hold() {
    let base = Config::named("base").unwrap();
    for (beats, widths, m, most) in [
        (1, &[1024, 1024][..], 1, 4139),
        (2, &[1024, 1024], 1, 8235),
        (4, &[1024, 1024], 1, 16384 + 43),
        (1, &[256, 256], 256, 65_582),
        (2, &[256, 256], 256, 65_650),
        (4, &[256, 256], 256, 65_650),
        (1, &AUTOENCODER, 1, 1040 + 4 * 32),
        (2, &AUTOENCODER, 1, 2080 + 4 * 32),
        (4, &AUTOENCODER, 1, 4160 + 4 * 32),
    ] {
        let config = base.clone().with_weight_beats(beats).unwrap();
        let c = run(&chain(m, widths, false), &config).unwrap();
        assert!(c.cycles <= most, "{widths:?} at D = {beats}: {} cycles, promised {most}", c.cycles);
    }
}

#[test]
fn residual_operands_of_every_kind_are_added_exactly() {
    for name in ["tiny", "wide", "base"] {
        let config = Config::named(name).unwrap();
        for (m, k) in [(1, 3), (2, 33), (20, 16), (9, 24)] {
            for back in 0..3 {
                let mut kinds = [LayerKind { n: k, lut: false, residual: Some(back) }; 4];
                kinds[2].lut = back == 1;
                for seed in 0..4 {
                    assert!(run(&network(seed, m, k, &kinds, false), &config).is_some());
                }
            }
        }
    }
}

#[test]
fn an_inexact_add_warns_or_is_refused() {
    let mut network = chain(1, &[8, 8], false);
    let Output::Int8(q) = &mut network.layers[0].output else { panic!("int8") };
    q.residual = Some(systole_model::Add {
        from: 0,
        a_scale: 0.010_009_999,
        a_zero_point: 3,
        b_scale: 0.02,
        b_zero_point: 5,
        y_scale: 0.023,
        y_zero_point: 0,
        rounding: SumRounding::Float32,
    });
    let config = Config::named("small").unwrap();
    let compiled = compile(&network.graph().unwrap(), &config, &Options::default()).unwrap();
    assert!(compiled.warnings[0].to_string().contains("layer 0"));
    let strict = Options { require_exact: true, ..Options::default() };
    let text = compile(&network.graph().unwrap(), &config, &strict).unwrap_err().to_string();
    assert!(text.contains("layer 0") && text.contains("of 65536"), "{text}");
}
