// SPDX-License-Identifier: Apache-2.0
//! The counters of what costs energy (docs/energy.md): each event once, a second write to X too, and none that is not there.

use crate::common::{bench, block};
use rand::RngExt;
use systole_isa::regs::EVENTS;

#[test]
fn every_event_counts_once_and_reads_two_cycles_later() {
    const COUNTERS: usize = 9;
    let x_write = EVENTS.iter().find(|e| e.name == "X_WRITE").unwrap().bit as usize;
    bench(&block("systole_events").parameter("COUNTERS", COUNTERS), 2, move |sim, clk| async move {
        let [events, second, select, value] = ["events_i", "x_write_i", "select_i", "value_o"].map(|n| sim.signal(n));
        let mut random = sim.random("events");
        let mut counts = [0u64; 16];
        // Counts as they stood in the cycles before, newest last: an event of cycle t counts from t + 2 on, a value is a cycle old.
        let (mut before, mut chosen) = (vec![], vec![]);
        for t in 0..4000usize {
            let now: u64 = random.random_range(0..1 << COUNTERS);
            let (more, which) = (random.chance(0.3), random.random_range(0..16usize));
            events.set(now);
            second.set(more.into());
            select.set(which as u64);
            clk.rising_edge().await;
            before.push(counts);
            chosen.push(which);
            if let Some(t) = t.checked_sub(2) {
                assert_eq!(value.get(), before[t][chosen[t + 1]], "counter {} in cycle {}", chosen[t + 1], t + 2);
            }
            (0..COUNTERS).for_each(|e| counts[e] += now >> e & 1);
            counts[x_write] += u64::from(more);
        }
        assert!(counts[..COUNTERS].iter().all(|&n| n > 1000) && counts[COUNTERS..] == [0; 16 - COUNTERS]);
    });
}
