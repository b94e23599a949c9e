// SPDX-License-Identifier: Apache-2.0
//! The properties of docs/property-tests.md, and that the page shows them as they are.

use harness::verilated::Spec;
use proptest::prelude::*;

/// What the module gives for each pair of operands.
fn sums(pairs: Vec<(u8, u8)>) -> Vec<u8> {
    let library = Spec::new("saturate").source("tests/saturate.v").build().unwrap();
    let run = harness::run(&library, 1, None, move |sim| async move {
        let clk = sim.clock("clk_i");
        let [en, a, b, sum] = ["en_i", "a_i", "b_i", "sum_o"].map(|name| sim.signal(name));
        let mut seen = vec![];
        en.set(1);
        for (x, y) in pairs {
            a.set(x.into());
            b.set(y.into());
            clk.cycles(3).await;
            seen.push(sum.get() as u8);
        }
        seen
    });
    run.unwrap().value
}

proptest! {
    #[test]
    fn a_sum_is_saturated_and_knows_nothing_of_the_ones_before(pairs in prop::collection::vec(any::<(u8, u8)>(), 1..20)) {
        let expected: Vec<u8> = pairs.iter().map(|(a, b)| a.saturating_add(*b)).collect();
        prop_assert_eq!(sums(pairs), expected);
    }
}

/// A property that is wrong shrinks to the smallest case in which it is: nothing of one case is left in the next.
#[test]
fn a_wrong_property_shrinks_to_its_edge() {
    let config = ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let wrong = runner.run(&prop::collection::vec(any::<(u8, u8)>(), 1..20), |pairs| {
        let expected: Vec<u8> = pairs.iter().map(|(a, b)| a.wrapping_add(*b)).collect();
        prop_assert_eq!(sums(pairs), expected);
        Ok(())
    });
    let proptest::test_runner::TestError::Fail(_, smallest) = wrong.unwrap_err() else { panic!("no case was found") };
    let [(a, b)] = smallest[..] else { panic!("{smallest:?} is more than one pair") };
    assert_eq!(u32::from(a) + u32::from(b), 256, "the first sum that saturates: {a} + {b}");
}

#[test]
fn the_page_shows_this_file() {
    let squash = |t: &str| t.split_whitespace().collect::<String>();
    let page = include_str!("../../../docs/property-tests.md");
    let code = squash(include_str!("properties.rs")) + &squash(include_str!("../../../verif/tests/properties.rs"));
    let shown: Vec<&str> = page.split("```rust").skip(1).filter_map(|p| p.split("```").next()).collect();
    assert_eq!(shown.len(), 2);
    for block in shown {
        assert!(code.contains(&squash(block)), "{block}");
    }
}
