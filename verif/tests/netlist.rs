// SPDX-License-Identifier: Apache-2.0
//! The chip as Yosys makes it for an ECP5, in the RTL's place: digits and random graphs. In the long suite, for it takes two minutes of
//! Yosys and compilers; in the quick one there are netlists of blocks (`block/acc.rs`, `block/out_buffer.rs`). `make netlist` does it with the Yosys that
//! makes bitstreams, for both families and at length.

use crate::common::netlist::netlist;
use proptest::prelude::*;
use systole_backends::Backend;
use systole_compiler::{CompileError, compile};
use systole_isa::Config;
use systole_verif::random_graph::cases;
use systole_verif::runner;
use systole_workloads::{check_graph, digits};

#[test]
fn the_netlist_computes_what_the_rtl_does_in_the_same_cycles() {
    if !systole_verif::long() {
        return;
    }
    let config = Config::named("nano").unwrap();
    let folder = netlist("nano", &["nano"]);
    let options = |seed| systole_chip::Options { seed, netlist: Some(folder.clone()), ..Default::default() };
    let set = digits::load().unwrap();
    let graph = set.network.graph().unwrap();
    let compiled = compile(&graph, &config, &Default::default()).unwrap();
    let report = check_graph(&graph, &compiled, &config, Backend::Rtl, &set.images[..20], &options(1), |_| {}).unwrap();
    assert!(report.is_good() && report.compared == 200, "{report}");
    let ran = std::cell::Cell::new(0);
    runner(24)
        .run(&cases("nano", 1), |case| {
            let (graph, inputs) = case.graph();
            let compiled = match compile(&graph, &config, &Default::default()) {
                Err(CompileError::DoesNotFit { .. } | CompileError::TooManyRows { .. }) => return Ok(()),
                other => other.unwrap(),
            };
            let report = check_graph(&graph, &compiled, &config, Backend::Rtl, &inputs, &options(case.seed), |_| {}).unwrap();
            prop_assert!(report.is_good(), "{report}");
            ran.set(ran.get() + 1);
            Ok(())
        })
        .unwrap();
    assert!(ran.get() >= 14, "{} graphs ran", ran.get());
}
