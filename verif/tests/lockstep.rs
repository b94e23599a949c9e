// SPDX-License-Identifier: Apache-2.0
//! Lockstep: every word that the RTL writes, in its cycle, is the instruction-level model's; and what is not is named by row and lane.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use systole_backends::{Backend, run_frames};
use systole_chip::{Options, Writes};
use systole_compiler::{CompileError, compile};
use systole_golden::Machine;
use systole_isa::writes::Place;
use systole_isa::{Config, Instruction};
use systole_model::graph::{Graph, Op};
use systole_verif::random_graph::{Case, cases_with_tables};
use systole_verif::{MIXED, long, runner};
use systole_workloads::check_graph;
use systole_workloads::compare::{in_lockstep, run_of, run_on};
use systole_workloads::lockstep::{Fault, compare};

fn options(case: &Case) -> (Options, Writes) {
    let writes = Writes::default();
    (Options { seed: case.seed, pause: 0.2, writes: Some(writes.clone()), ..Options::default() }, writes)
}

fn machine(case: &Case) -> Config {
    Config::named(case.config).unwrap().with_weight_beats(case.beats).unwrap()
}

/// All units but SCRUB and STORE: products, weights made in the run, lookups and sums, softmax and norms, rows of tables, LOAD.
#[test]
fn the_rtl_writes_what_the_model_does_in_its_cycles() {
    let (mut words, mut graphs) = (0, 0);
    let (count, mut runner) = (if long() { 300 } else { 10 }, runner(1));
    for seed in 0..count {
        let case = cases_with_tables(MIXED, 2).new_tree(&mut runner).unwrap().current();
        let case = Case { seed, ..case };
        let (graph, inputs) = case.graph();
        let compiled = match compile(&graph, &machine(&case), &Default::default()) {
            Err(CompileError::DoesNotFit { .. } | CompileError::TooManyRows { .. }) => continue,
            other => other.unwrap(),
        };
        let (options, _) = options(&case);
        let report = check_graph(&graph, &compiled, &machine(&case), Backend::Rtl, &inputs, &options, |_| {}).unwrap();
        assert!(report.is_good(), "{case:?}: {report}");
        words += report.lockstep.unwrap().words;
        graphs += 1;
    }
    println!("{words} words of {graphs} graphs, two runs each, in lockstep");
    assert!(graphs * 3 > count as usize && words > 20 * graphs, "{words} words of {graphs} graphs");
}

/// A network of one product, so that it is known which lane a weight is for.
fn product(seed: u64) -> Case {
    let mut runner = runner(1);
    let case = cases_with_tables(MIXED, 2).new_tree(&mut runner).unwrap().current();
    use systole_verif::random_graph::Kind;
    Case {
        input: [1, 1, 8],
        layers: vec![(Kind::Dense { outputs: 8 }, 0), (Kind::Dense { outputs: 5 }, 0)],
        raw: false,
        seed,
        ..case
    }
}

#[test]
fn a_weight_that_differs_is_found_in_its_lane_and_row() {
    let case = product(5);
    let config = machine(&case);
    let (mut graph, inputs): (Graph, _) = case.graph();
    let (options, writes) = options(&case);
    let image = compile(&graph, &config, &Default::default()).unwrap().image;
    let frames: Vec<_> = inputs.iter().map(|given| run_of(&image, given)).collect();
    run_frames(Backend::Rtl, &config, &image, frames.clone(), &options, |_| {}).unwrap();
    let rtl = writes.take();
    assert_eq!(in_lockstep(&image, &config, &frames, &rtl).unwrap().first, None);
    // The model has another weight from channel 2 to output 6: lane 2 of the second word of four.
    let Op::Conv { weights, .. } = &mut graph.layers[0].op else { panic!("a product") };
    weights[2 * 8 + 6] = if weights[2 * 8 + 6] > 0 { -120 } else { 120 };
    let other = compile(&graph, &config, &Default::default()).unwrap();
    let first = in_lockstep(&other.image, &config, &frames, &rtl).unwrap().first.expect("a difference");
    let Fault::Lanes(lanes) = &first.fault else { panic!("{first}") };
    assert_eq!(lanes.iter().map(|l| l.0).collect::<Vec<_>>(), [2], "{first}");
    let row = &other.program.rows[first.row.unwrap()];
    assert!(matches!(row.instruction, Instruction::Post(_)) && (first.unit, first.place) == (Some("POST"), "X"), "{first}");
    let posts = other.program.rows.iter().position(|r| matches!(r.instruction, Instruction::Post(_)));
    assert_eq!(first.row, posts, "the first product's POST: {first}");
    let text = first.to_string();
    assert!(text.contains("(POST) writes other bytes, lane 2: model ") && text.contains("X word "), "{text}");
}

/// A reference that is not the program's: the mismatch is named by the row that wrote the element, and as the compiler's fault.
#[test]
fn a_mismatch_names_the_row_that_wrote_it() {
    let case = product(7);
    let config = machine(&case);
    let (mut graph, inputs) = case.graph();
    let compiled = compile(&graph, &config, &Default::default()).unwrap();
    let Op::Conv { bias, .. } = &mut graph.layers[1].op else { panic!("a product") };
    // Of the second word of four: channel 4 alone.
    bias[4] = if bias[4] > 0 { -1 << 24 } else { 1 << 24 };
    let report = check_graph(&graph, &compiled, &config, Backend::Model, &inputs[..1], &Options::default(), |_| {}).unwrap();
    let first = report.first_mismatch.expect("a mismatch");
    assert_eq!((report.mismatches, first.col, first.model), (1, 4, Some(first.got)), "{first}");
    let mut model = Machine::new(config.clone());
    model.load_image(&compiled.image).unwrap();
    model.record_writes();
    run_on(&mut model, &run_of(&compiled.image, &inputs[0])).unwrap();
    let writes = model.take_writes();
    let out = writes.iter().find(|w| (w.write.place, w.write.address) == (Place::Out, 1)).expect("the second word of OUT");
    assert_eq!((first.instruction, first.cycle), (Some(out.row), Some(out.write.cycle)), "{first}");
    assert!(first.to_string().contains("a compiler fault"), "{first}");
}

#[test]
fn words_that_come_late_early_twice_or_not_at_all_are_told_apart() {
    let case = product(9);
    let config = machine(&case);
    let (graph, inputs) = case.graph();
    let image = compile(&graph, &config, &Default::default()).unwrap().image;
    let mut model = Machine::new(config.clone());
    model.load_image(&image).unwrap();
    model.record_writes();
    run_on(&mut model, &run_of(&image, &inputs[0])).unwrap();
    let written = model.take_writes();
    let right: Vec<_> = written.iter().map(|w| w.write.clone()).collect();
    let found = |rtl: &[_]| compare(3, &written, rtl, config.cols as usize);
    assert_eq!((found(&right).words, found(&right).first), (right.len(), None));
    for at in 0..right.len() {
        let first = |rtl: &[_]| found(rtl).first.unwrap_or_else(|| panic!("word {at}"));
        let changed = |change: &dyn Fn(&mut systole_isa::writes::Write)| {
            let mut rtl = right.clone();
            change(&mut rtl[at]);
            first(&rtl)
        };
        let late = changed(&|w| w.cycle += 1000);
        assert_eq!((late.row, &late.fault), (Some(written[at].row), &Fault::Cycle(right[at].cycle + 1000)), "{late}");
        let early = changed(&|w| w.cycle = 0);
        assert_eq!((early.row, &early.fault), (Some(written[at].row), &Fault::Cycle(0)), "{early}");
        let other = changed(&|w| w.data[1] ^= 4);
        assert!(matches!(&other.fault, Fault::Lanes(lanes) if lanes.len() == 1 && lanes[0].0 == 1), "{other}");
        let mut rtl = right.clone();
        let extra = rtl[at].clone();
        rtl.remove(at);
        let missing = first(&rtl);
        assert_eq!((missing.row, missing.cycle), (Some(written[at].row), right[at].cycle), "{missing}");
        let mut rtl = right.clone();
        rtl.push(systole_isa::writes::Write { address: 60_000, ..extra });
        let more = first(&rtl);
        assert_eq!((more.row, more.fault, more.address), (None, Fault::Extra, 60_000));
    }
}
