// SPDX-License-Identifier: Apache-2.0
//! Networks of real shapes with random weights: bit-exact on model and RTL, in the promised cycles.

use systole_backends::Backend;
use systole_compiler::band::lay;
use systole_compiler::emit::emit;
use systole_compiler::legalise::legalise;
use systole_compiler::schedule::schedule;
use systole_compiler::{Options, compile};
use systole_isa::Config;
use systole_model::graph::{Graph, Op};
use systole_workloads::check_graph;
use systole_workloads::networks::{Builder, ds_cnn, encoder, mobilenet, mobilenet_on, mobilenet_v2, resnet8};

fn run(network: (Graph, Vec<i8>), config: &str, promise: u64) {
    run_on(network, config, promise, &[Backend::Model, Backend::Rtl]);
}

fn run_on(network: (Graph, Vec<i8>), config: &str, promise: u64, backends: &[Backend]) {
    run_with(network, config, promise, backends, true);
}

/// `exact`: no layer is declared.
fn run_with((graph, input): (Graph, Vec<i8>), config: &str, promise: u64, backends: &[Backend], exact: bool) {
    let config = Config::named(config).unwrap();
    let compiled = compile(&graph, &config, &Options { require_exact: exact, ..Options::default() }).unwrap();
    assert!(compiled.cycles <= promise, "{}: {} cycles, promised {promise}", graph.name, compiled.cycles);
    let options = systole_chip::Options::default();
    for &backend in backends {
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

/// Attention and normalisation, of which the vector unit has a part.
#[test]
fn blocks_of_an_encoder_run_in_their_cycles() {
    let both = [Backend::Model, Backend::Rtl];
    run_with(encoder(32, 128, 4), "base", 33_000, &both, false);
    run_with(encoder(32, 384, 6), "base", 245_000, &both[..1], false);
    // Heads narrower than a word of X, and tokens that fill none.
    run_with(encoder(11, 48, 6), "base", 4_100, &both, false);
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

/// Maps that have no room in X run in bands of rows. On the RTL only with SYSTOLE_LONG: a small one is below.
#[test]
fn larger_images_run_in_bands() {
    let long = systole_verif::long();
    let backends = if long { &[Backend::Model, Backend::Rtl][..] } else { &[Backend::Model] };
    run_on(mobilenet_on(128), "base", 71_200, backends);
    run_on(mobilenet_v2(96), "base", 68_300, backends);
    if long {
        run_on(mobilenet_on(160), "base,IN_DEPTH=8192", 120_500, backends);
        run_on(mobilenet_on(160), "large", 54_500, backends);
    }
}

/// Maps of 1,152 words in 1,024 words of X: convolution, depthwise layer and sum.
fn small_in_bands() -> (Graph, Vec<i8>) {
    let mut b = Builder::new(7, [24, 24, 4]);
    let first = b.conv(0, [3, 3], 1, 1, 8);
    let second = b.conv(first, [3, 3], 1, 8, 8);
    let sum = b.add(first, second);
    b.conv(sum, [3, 3], 2, 1, 4);
    b.finish("in bands")
}

#[test]
fn a_small_network_runs_in_bands_on_the_chip() {
    let (graph, input) = small_in_bands();
    let compiled = compile(&graph, &Config::named("tiny").unwrap(), &Options::default()).unwrap();
    let bands: Vec<usize> = compiled.layers.iter().map(|l| l.bands).collect();
    assert!(bands[0] > 1, "{bands:?}");
    let tiles = compiled.memory.iter().find(|m| m.memory == "RRAM").unwrap().used;
    let roomy = compile(&graph, &Config::named("tiny,X_DEPTH=8192").unwrap(), &Options::default()).unwrap();
    assert!(roomy.layers.iter().all(|l| l.bands == 1));
    // What the bands share is stored once.
    for (a, b) in compiled.memory.iter().zip(&roomy.memory) {
        assert!(!["RRAM", "PARAM", "TAP", "LUT"].contains(&a.memory) || a.used <= b.used, "{a:?} {b:?}");
    }
    assert!(tiles > 0 && compiled.cycles > roomy.cycles);
    assert_eq!(compiled.layers.iter().map(|l| l.macs).sum::<u64>(), graph.macs());
    run((graph, input), "tiny", compiled.cycles);
}

/// Each part of a band, moved by a row over its input, gives other codes: nothing of a halo is spare.
#[test]
fn a_halo_that_is_one_row_off_gives_other_codes() {
    let (graph, input) = small_in_bands();
    let config = Config::named("tiny").unwrap();
    let whole = legalise(&graph, &config).unwrap();
    let (good, placement) = lay(&graph, whole, &config).unwrap();
    let wrong = |s: usize| {
        let mut bad = good.clone();
        bad.stages[s].over.origin[0] += 1;
        let schedule = schedule(&bad, &placement, &config);
        let compiled = emit(&graph, &bad, &placement, &schedule, &config, 0).unwrap();
        let options = systole_chip::Options::default();
        check_graph(&graph, &compiled, &config, Backend::Model, std::slice::from_ref(&input), &options, |_| {})
            .map_or(true, |report| !report.is_good())
    };
    let parts: Vec<usize> = (0..good.stages.len()).filter(|&s| good.stages[s].band.is_some()).collect();
    assert!(parts.len() > 4 && parts.into_iter().all(wrong));
}

/// What a frame needs that exceeds IN, and who has room, by the numbers.
#[test]
fn a_frame_that_exceeds_its_buffer_is_refused_with_the_numbers() {
    let text = |pixels: usize| {
        compile(&mobilenet_on(pixels).0, &Config::named("base").unwrap(), &Options::default()).unwrap_err().to_string()
    };
    let large = text(160);
    assert!(large.contains("needs 76800, configuration base has 65536") && large.contains("is large"), "{large}");
    assert!(large.contains("with IN_DEPTH = 8192 base has it too"), "{large}");
    let none = text(224);
    assert!(none.contains("needs 150528") && none.contains("no configuration can have more than 131072"), "{none}");
}
