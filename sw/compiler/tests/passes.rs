// SPDX-License-Identifier: Apache-2.0
//! Each pass by itself.

use crate::common::{LayerKind, cases, network};
use proptest::prelude::*;
use systole_compiler::legalise::legalise;
use systole_compiler::place::place;
use systole_compiler::schedule::schedule;
use systole_compiler::stage::Source;
use systole_compiler::tile::Plan;
use systole_compiler::{CompileError, Options, compile, max_rows_per_run};
use systole_isa::image::Dtype;
use systole_isa::{Config, Latency};
use systole_model::{Dense, Network, Output, Quantised};

fn named(name: &str) -> Config {
    Config::named(name).unwrap()
}

fn chain(m: usize, widths: &[usize]) -> Network {
    let kinds: Vec<LayerKind> = widths[1..].iter().map(|&n| LayerKind { n, lut: false, residual: None }).collect();
    network(1, m, widths[0], &kinds, false)
}

#[test]
fn legalise_folds_the_zero_point_of_the_input_into_the_bias() {
    let layer = Dense {
        k: 2,
        n: 3,
        weights: vec![1, 2, 3, -4, 5, 127],
        bias: vec![10, -10, i32::MIN],
        output: Output::Int8(Quantised::plain(vec![0.5, 0.25, 1.0], 0)),
    };
    let net = Network { name: "t".into(), m: 1, k: 2, zero_point: 7, layers: vec![layer] };
    let graph = legalise(&net.graph().unwrap(), &named("tiny")).unwrap();
    let bias: Vec<i32> = graph.params.iter().map(|p| p.bias).collect();
    assert_eq!(bias, [10 + 21, -10 - 49, i32::MIN.wrapping_sub(7 * 130), 0]);
    assert_eq!(graph.params[1].shift, 25);
}

#[test]
fn legalise_gives_a_residual_of_the_layers_own_input_a_tensor_of_its_own() {
    let kinds = [LayerKind { n: 24, lut: false, residual: Some(0) }; 2];
    let graph = legalise(&network(1, 1, 24, &kinds, false).graph().unwrap(), &named("small")).unwrap();
    let kinds: Vec<&str> = graph.stages.iter().map(|s| s.kind).collect();
    assert_eq!(kinds, ["product", "product", "add"]);
    assert_eq!(graph.tensors.iter().filter(|t| t.source == Source::Input).count(), 2);
    assert!(graph.stages.iter().all(|s| s.operand.is_none() || s.operand != s.input));
}

#[test]
fn legalise_stores_equal_tables_once_and_refuses_too_many() {
    let mut net = chain(1, &[8, 8, 8, 8, 8]);
    let mut set = |count: i8| {
        for (i, l) in net.layers.iter_mut().enumerate() {
            let Output::Int8(q) = &mut l.output else { unreachable!() };
            q.lut = Some(Box::new([i as i8 % count; 256]));
        }
        legalise(&net.graph().unwrap(), &named("small"))
    };
    assert_eq!(set(2).unwrap().luts.len(), 2);
    let text = set(3).unwrap_err().to_string();
    assert!(text.contains("lookup tables") && text.contains("needs 3") && text.contains("has 2"), "{text}");
}

#[test]
fn what_can_never_fit_says_what_it_needs_and_what_to_do() {
    for (widths, what) in [(&[600, 600][..], "RRAM"), (&[4, 600], "parameter"), (&[5000, 4], "IN buffer")] {
        for e in [
            compile(&chain(1, widths).graph().unwrap(), &named("tiny"), &Options::default()).unwrap_err(),
            max_rows_per_run(&chain(1, widths).graph().unwrap(), &named("tiny")).unwrap_err(),
        ] {
            let CompileError::DoesNotFit { needed, limit, ref help, .. } = e else { panic!("{e}") };
            assert!(needed > limit && !help.is_empty() && e.to_string().contains(what), "{e}");
        }
    }
    let text = compile(&chain(1, &[600, 600]).graph().unwrap(), &named("tiny"), &Options::default()).unwrap_err().to_string();
    assert!(text.contains("the smallest configuration that has room for all of it is base"), "{text}");
    let text = compile(&chain(1, &[5000, 5000]).graph().unwrap(), &named("tiny"), &Options::default()).unwrap_err().to_string();
    assert!(text.contains("no named configuration has room"), "{text}");
    let mut broken = chain(1, &[4, 4]);
    broken.layers[0].weights.pop();
    assert!(broken.graph().unwrap_err().to_string().contains("layer 0"));
    let config = Config { rows: 5, ..named("tiny") };
    assert!(compile(&chain(1, &[4, 4]).graph().unwrap(), &config, &Options::default()).unwrap_err().to_string().contains("ROWS"));
}

proptest! {
    #[test]
    fn living_tensors_do_not_overlap_and_operands_keep_their_sub_banks(case in cases()) {
        let config = case.config();
        let Ok(graph) = legalise(&case.network().graph().unwrap(), &config) else { return Ok(()) };
        let Ok(p) = place(&graph, &config) else { return Ok(()) };
        let depth = config.x_bank_depth() as usize;
        for (i, s) in graph.stages.iter().enumerate() {
            let alive: Vec<usize> = (0..graph.tensors.len())
                .filter(|&t| {
                    let born = match graph.tensors[t].source {
                        Source::Input => 0,
                        Source::Stage(s) => s,
                    };
                    born <= i && i <= graph.tensors[t].last_use
                })
                .collect();
            for (n, &a) in alive.iter().enumerate() {
                let ra = p.regions[a];
                prop_assert!(ra.base + ra.words <= config.x_depth as usize);
                for &b in &alive[n + 1..] {
                    let rb = p.regions[b];
                    // The sum may lie where the operand lay that its stage reads last.
                    let replaces = |sum: usize, operand: usize| {
                        graph.stages[i].output == Some(sum) && graph.stages[i].operand == Some(operand)
                            && graph.tensors[operand].last_use == i
                    };
                    let same = ra == rb && (replaces(a, b) || replaces(b, a));
                    prop_assert!(same || ra.base + ra.words <= rb.base || rb.base + rb.words <= ra.base);
                }
            }
            if let Some(o) = s.operand {
                let bank = |w: usize| w / depth;
                let (a, b) = (p.regions[o], p.regions[s.input.unwrap()]);
                prop_assert!(bank(a.base + a.words - 1) < bank(b.base) || bank(b.base + b.words - 1) < bank(a.base));
            }
        }
    }
}

#[test]
fn equal_layers_follow_each_other_without_a_bubble() {
    for beats in [1, 2, 4] {
        let config = named("base").with_weight_beats(beats).unwrap();
        let c = compile(&chain(1, &[640, 128, 128, 128, 128]).graph().unwrap(), &config, &Options::default()).unwrap();
        for l in &c.layers[1..] {
            assert!(l.bubble <= 3, "D = {beats}: {l:?}");
        }
    }
    // Where a layer has one tile the latency cannot be hidden: it is L, no more.
    let config = named("base");
    let c = compile(&chain(1, &[16, 16, 16, 16]).graph().unwrap(), &config, &Options::default()).unwrap();
    let Latency { l, issue, .. } = Latency::of(&config);
    let l = u64::from(l);
    assert!(c.layers[1..].iter().all(|r| r.cycles == l), "{:?}", c.layers);
    assert_eq!(c.cycles, 9 + u64::from(issue) + 3 * l);
}

#[test]
fn long_visits_need_one_nest_a_layer() {
    let config = named("base");
    let graph = legalise(&chain(200, &[64, 64, 64]).graph().unwrap(), &config).unwrap();
    let p = place(&graph, &config).unwrap();
    let s = schedule(&graph, &p, &config);
    assert_eq!(s.matmuls.len(), 2);
    assert!(s.plans.iter().all(|p| *p == Plan::Prefix(0)));
}

#[test]
fn rows_beyond_the_accumulators_run_in_blocks_that_read_the_weights_again() {
    let config = named("tiny");
    let c = compile(&chain(300, &[9, 9]).graph().unwrap(), &config, &Options::default()).unwrap();
    assert_eq!(c.layers[0].blocks, 3);
    assert_eq!(c.layers[0].w_words, 9);
    assert_eq!(c.law, 300 * 9);
    assert!(c.cycles <= c.law + 40, "{}", c.cycles);
}

#[test]
fn weights_lie_in_their_order_of_use_and_ragged_rows_are_zero() {
    let config = named("tiny"); // 4 x 4
    let net = chain(1, &[5, 5]);
    let c = compile(&net.graph().unwrap(), &config, &Options::default()).unwrap();
    assert_eq!(c.image.weights.len(), 4 * 16);
    let sum = |v: &[i8]| v.iter().map(|&w| i32::from(w)).sum::<i32>();
    assert_eq!(sum(&c.image.weights), sum(&net.layers[0].weights));
    // The first visit is tile (0, 0), in any order.
    for i in 0..4 {
        assert_eq!(c.image.weights[4 * i..4 * i + 4], net.layers[0].weights[5 * i..5 * i + 4]);
    }
}

#[test]
fn output_rows_are_padded_to_whole_words() {
    let config = named("small");
    let c = compile(&chain(3, &[20, 20]).graph().unwrap(), &config, &Options::default()).unwrap();
    let t = &c.image.output;
    assert_eq!((t.rows, t.cols, t.dtype, t.row_pitch), (3, 20, Dtype::Int8, 24));
    assert_eq!((t.byte(2, 19), c.image.out_bytes), (2 * 24 + 19, 72));
    let mut net = chain(3, &[20, 20]);
    net.layers[0].output = Output::Raw32;
    let c = compile(&net.graph().unwrap(), &config, &Options::default()).unwrap();
    assert_eq!((c.image.output.dtype, c.image.out_bytes), (Dtype::Int32, 4 * 72));
    assert_eq!(c.image.output.byte(1, 9), 96 + 36);
}

#[test]
fn the_report_adds_up() {
    let c = compile(&chain(4, &[100, 40, 10]).graph().unwrap(), &named("base"), &Options::default()).unwrap();
    assert_eq!(c.layers.len(), 2);
    assert_eq!(c.law, 4 * (7 * 3 + 3));
    assert_eq!(c.cycles, c.program.cycles());
    assert!(c.memory.iter().all(|m| m.used <= m.size && m.used > 0 || ["LUT", "TAP", "W SRAM", "VECTOR"].contains(&m.memory)));
    assert_eq!(c.image.program().unwrap(), c.program);
    assert!(c.utilisation > 0.0 && c.utilisation < 1.0);
}

#[test]
fn a_graph_without_layers_is_copied() {
    let mut graph = chain(3, &[20, 20]).graph().unwrap();
    graph.layers.clear();
    graph.maps.truncate(1);
    graph.output.0 = 0;
    for name in ["tiny", "wide", "base"] {
        let config = named(name);
        let c = compile(&graph, &config, &Options::default()).unwrap();
        let values: Vec<i32> = (0..60).collect();
        let mut machine = systole_golden::Machine::new(config);
        machine.load_image(&c.image).unwrap();
        let got = machine.run(&c.image.input.pack(&values, c.image.in_bytes as usize)).unwrap();
        assert_eq!(c.image.output.unpack(&got.frame).unwrap(), values);
        assert_eq!(c.layers[0].name, "copy");
    }
}
