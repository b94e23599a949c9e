// SPDX-License-Identifier: Apache-2.0
//! The loops that all units step through: every step in its cycle.

use super::shared::unit;
use crate::common::{bench, block};
use rand::RngExt;
use systole_isa::{Instruction, Store};

#[test]
fn nest_visits_every_step_of_random_loops_in_its_cycle() {
    let steps = bench(&block("systole_nest").parameter("LOOPS", 4), 9, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let (clear, we, index, word, start) = (s("clear_i"), s("loop_we_i"), s("loop_index_i"), s("loop_word_i"), s("start_i"));
        let (valid, active, first, last, reached) =
            (s("valid_o"), s("active_o"), s("at_first_o"), s("at_last_o"), s("reached_o"));
        let outputs: Vec<_> = (0..5).map(|a| s(&format!("a{a}_o"))).collect();
        let bounded = (2u64 << systole_isa::format::INDEX_BITS) - 1;
        let masks = [0xffffu64, 0xffff, 0xffff, bounded, bounded];
        s("step_i").set(1);
        let mut random = sim.random("nests");
        let mut steps = 0;
        for _ in 0..200 {
            let nest = unit::nest(&mut random, 4, 5, 3);
            let program = Instruction::Store(Store { nest: nest.clone(), ..Default::default() });
            clear.set(1);
            clk.rising_edge().await;
            clear.set(0);
            for (l, w) in program.encode().unwrap()[1..].iter().enumerate() {
                we.set(1);
                index.set(l as u64);
                word.set_bytes(&w.to_le_bytes());
                clk.rising_edge().await;
            }
            we.set(0);
            let bases: Vec<u64> = masks.iter().map(|m| random.random::<u64>() & m).collect();
            for (a, b) in bases.iter().enumerate() {
                s(&format!("base{a}_i")).set(*b);
            }
            start.set(1);
            clk.rising_edge().await;
            start.set(0);
            let mut expected = nest.iter().peekable();
            for t in 0.. {
                clk.rising_edge().await;
                let Some(step) = expected.peek().copied() else {
                    assert!(!active.is_high(), "still active behind the last step");
                    break;
                };
                assert_eq!(valid.is_high(), step.time == t, "a step in cycle {t} of the nest");
                if step.time != t {
                    continue;
                }
                for a in 0..5 {
                    assert_eq!(
                        outputs[a].get(),
                        (bases[a] as i64 + i64::from(step.offset[a])) as u64 & masks[a],
                        "address {a}, cycle {t}"
                    );
                }
                let n = nest.loops.len();
                let unused = 0xfu8 << n & 0xf;
                assert_eq!(first.get() as u8, step.at_first | unused, "loops at their first step in cycle {t}");
                assert_eq!(last.get() as u8, step.at_last | unused, "loops at their last step in cycle {t}");
                let reach = step.stepped.map_or(0xf, |l| (2u64 << l) - 1);
                assert_eq!(reached.get(), reach, "loops that stepped in cycle {t}");
                expected.next();
                steps += 1;
            }
        }
        steps
    });
    assert!(steps > 2000);
}
