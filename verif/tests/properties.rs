// SPDX-License-Identifier: Apache-2.0
//! The property of the chip in docs/property-tests.md, as it stands there.

use proptest::prelude::*;
use systole_backends::Backend;
use systole_compiler::{CompileError, Options, compile};
use systole_isa::Config;
use systole_verif::random_graph::{Case, cases};
use systole_workloads::check_graph;

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn pauses_of_the_host_change_no_cycle(case in cases("tiny", 1), pause in 0.1..0.9) {
        prop_assume!(runs(&case, 0.0)?.is_some());
        prop_assert_eq!(runs(&case, pause)?, runs(&case, 0.0)?);
    }
}

/// Cycles of two runs of a network on RTL, every element compared with the operator reference; none where it is too large for the machine.
fn runs(case: &Case, pause: f64) -> Result<Option<Vec<u64>>, TestCaseError> {
    let config = Config::named(case.config).unwrap();
    let (graph, inputs) = case.graph();
    let compiled = match compile(&graph, &config, &Options::default()) {
        Ok(compiled) => compiled,
        Err(CompileError::DoesNotFit { .. } | CompileError::TooManyRows { .. }) => return Ok(None),
        Err(e) => return Err(TestCaseError::fail(e.to_string())),
    };
    let options = systole_chip::Options { seed: case.seed, pause, ..Default::default() };
    let report = check_graph(&graph, &compiled, &config, Backend::Rtl, &inputs, &options, |_| {})
        .map_err(|e| TestCaseError::fail(format!("{e:#}")))?;
    prop_assert!(report.is_good(), "{report}");
    Ok(Some(report.cycles_measured))
}
