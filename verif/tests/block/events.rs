// SPDX-License-Identifier: Apache-2.0
//! The counters of what costs energy (docs/energy.md): each event once, a second write to X too, and none that is not there.

use crate::common::{bench, block};
use rand::RngExt;
use systole_isa::regs::EVENTS;

/// What is counted: an event stands in a register for a cycle, and a value in another.
#[derive(Default)]
struct Counters {
    held: (u64, bool),
    counts: [u64; 16],
    value: Option<u64>,
}

#[test]
fn every_event_counts_once_and_reads_two_cycles_later_and_reset_forgets_it() {
    const COUNTERS: usize = 9;
    let x_write = EVENTS.iter().find(|e| e.name == "X_WRITE").unwrap().bit as usize;
    bench(&block("systole_events").parameter("COUNTERS", COUNTERS), 2, move |sim, clk| async move {
        let [events, second, select, value, rst] =
            ["events_i", "x_write_i", "select_i", "value_o", "rst_i"].map(|n| sim.signal(n));
        let mut random = sim.random("events");
        let mut model = Counters::default();
        let mut all = [0u64; 16];
        for t in 0..4000usize {
            let now: u64 = random.random_range(0..1 << COUNTERS);
            let (more, which) = (random.chance(0.3), random.random_range(0..16usize));
            let reset = random.chance(0.005);
            events.set(now);
            second.set(more.into());
            select.set(which as u64);
            rst.set(reset.into());
            clk.rising_edge().await;
            if let Some(expected) = model.value {
                assert_eq!(value.get(), expected, "the counter of the cycle before, in cycle {t}");
            }
            let Counters { held, counts, .. } = model;
            let counts_now = std::array::from_fn(|e| counts[e] + (held.0 >> e & 1) + u64::from(e == x_write && held.1));
            let value = Some(counts[which]);
            model = Counters { held: (now, more), counts: counts_now, value };
            if reset {
                model = Counters { value, ..Counters::default() };
            }
            (0..COUNTERS).for_each(|e| all[e] += now >> e & 1);
            all[x_write] += u64::from(more);
        }
        assert!(all[..COUNTERS].iter().all(|&n| n > 1000) && model.counts[COUNTERS..] == [0; 16 - COUNTERS]);
    });
}
