// SPDX-License-Identifier: Apache-2.0
//! What [`effects`] says of a timetable, against the words that the golden machine writes.

use crate::common::{cases, separable};
use proptest::prelude::*;
use std::collections::BTreeMap;
use systole_compiler::verify::{Sizes, Store, effects};
use systole_compiler::{Options, compile};
use systole_golden::Machine;
use systole_isa::writes::Place;
use systole_isa::{Config, Unit};
use systole_model::graph::Graph;

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn effects_of_random_networks_end_with_the_last_word_that_a_row_writes(case in cases()) {
        agree(&case.network().graph().unwrap(), &case.config());
    }
}

#[test]
fn effects_of_the_lane_engine_end_with_the_last_word_that_a_row_writes() {
    for config in ["tiny", "base", "large"] {
        let compiled = agree(&separable(9, 11, 24, 20), &Config::named(config).unwrap());
        assert!(compiled, "{config}");
    }
}

/// Compares; false where the network does not fit.
fn agree(graph: &Graph, config: &Config) -> bool {
    let Ok(compiled) = compile(graph, config, &Options::default()) else { return false };
    let origins = &compiled.origins;
    assert_eq!(origins.parts.len(), compiled.program.rows.len());
    let group = |row: usize| origins.writes[row].unwrap_or(1000 + origins.parts[row].unwrap_or(0));
    let all = effects(&compiled.program, config, &Sizes::of(&compiled.image, config), 0, &group).unwrap();
    assert_eq!(all.end, compiled.cycles);
    let mut machine = Machine::new(config.clone());
    machine.load_image(&compiled.image).unwrap();
    machine.record_writes();
    machine.run(&vec![0; compiled.image.in_bytes as usize]).unwrap();
    let written = machine.take_writes();
    let mut last: BTreeMap<usize, u64> = BTreeMap::new();
    let mut x: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for w in &written {
        let at = last.entry(w.row).or_default();
        *at = w.write.cycle.max(*at);
        if w.write.place == Place::X {
            x.entry(w.write.address / config.groups()).or_default().push(w.write.cycle);
        }
    }
    for e in &all.rows {
        assert!(e.first <= e.last && e.last <= all.end, "{e:?}");
        match (e.unit, last.get(&e.row)) {
            (Unit::Post | Unit::Load | Unit::Store, at) => assert_eq!(at, Some(&e.last), "{e:?}"),
            (Unit::Vector, Some(&at)) => assert!(e.last >= at, "{e:?}"),
            _ => {}
        }
    }
    // Every word of X that is written belongs to lives that begin with a write of it or of a neighbour.
    let lives: Vec<_> = all.lives.iter().filter(|l| l.store == Store::X).collect();
    for (&word, cycles) in &x {
        for &cycle in cycles {
            let inside = |l: &&&systole_compiler::verify::Life| {
                (l.base..l.base + l.words).contains(&word) && (l.from..=l.to).contains(&cycle)
            };
            assert!(lives.iter().any(|l| inside(&l)), "word {word} in {cycle}");
        }
    }
    for l in lives {
        assert!((l.base..l.base + l.words).any(|w| x.get(&w).is_some_and(|c| c.contains(&l.from))), "{l:?}");
    }
    // Layers and weights have their names: each layer that multiplies has a MATMUL or LANE of its own.
    for (n, layer) in compiled.layers.iter().enumerate().filter(|(_, l)| l.macs > 0) {
        let own = all.rows.iter().any(|e| origins.parts[e.row] == Some(n) && matches!(e.unit, Unit::Matmul | Unit::Lane));
        assert!(own && origins.names[n] == layer.name, "{}", layer.name);
    }
    true
}
