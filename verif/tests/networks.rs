// SPDX-License-Identifier: Apache-2.0
//! Networks of real shapes with random weights: bit-exact on model and RTL, in the promised cycles.

use systole_compiler::{Options, compile};
use systole_isa::Config;
use systole_model::graph::{Graph, Op};
use systole_verif::workloads::{ds_cnn, mobilenet, resnet8};
use systole_verif::{Backend, check_graph};

fn run((graph, input): (Graph, Vec<i8>), config: &str, promise: u64) {
    let config = Config::named(config).unwrap();
    let compiled = compile(&graph, &config, &Options { require_exact: true, ..Options::default() }).unwrap();
    assert!(compiled.cycles <= promise, "{}: {} cycles, promised {promise}", graph.name, compiled.cycles);
    let options = systole_chip::Options::default();
    for backend in [Backend::Model, Backend::Rtl] {
        let report = check_graph(&graph, &compiled, &config, backend, std::slice::from_ref(&input), &options, |_| {}).unwrap();
        assert!(report.is_good(), "{} on {backend:?}: {:?}", graph.name, report.first_mismatch);
    }
    println!("{} on {}: {} cycles", graph.name, config.label(), compiled.cycles);
}

#[test]
fn keyword_spotting_runs_in_its_cycles() {
    run(ds_cnn(), "base", 11_000);
}

#[test]
fn keyword_spotting_runs_on_other_arrays() {
    run(ds_cnn(), "small", 75_000);
    run(ds_cnn(), "wide", 25_000);
}

#[test]
fn visual_wake_words_run_in_their_cycles() {
    run(mobilenet(), "base", 43_000);
}

#[test]
fn image_classification_runs_in_its_cycles() {
    run(resnet8(), "base", 50_800);
}

/// uint8 weights less their zero point have nine bits: the lane engine's taps have them too.
#[test]
fn depthwise_layers_with_weights_of_nine_bits_take_as_long_as_with_eight() {
    let (mut graph, input) = ds_cnn();
    let cycles = compile(&graph, &Config::named("base").unwrap(), &Options::default()).unwrap().cycles;
    let mut beyond = 0;
    for layer in &mut graph.layers {
        if let Op::Conv { weights, groups, .. } = &mut layer.op
            && *groups > 1
        {
            weights.iter_mut().for_each(|w| *w = (2 * *w + 1).clamp(-255, 255));
            beyond += weights.iter().filter(|w| i8::try_from(**w).is_err()).count();
        }
    }
    assert!(beyond > 500, "{beyond} weights have nine bits");
    run((graph, input), "base", cycles);
}
