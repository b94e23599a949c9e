// SPDX-License-Identifier: Apache-2.0
//! Blocks that only assert.

use harness::verilated::Library;
use std::sync::Arc;

/// Whether a block stays silent where its inputs have values in single cycles: `(cycle, input, value)`, 0 in all others.
pub fn no_assertion_fails(library: &Arc<Library>, events: Vec<(u64, &'static str, u64)>) -> bool {
    let run = harness::run(library, 1, None, move |sim| async move {
        let clk = sim.clock("clk_i");
        sim.signal("rst_i").set(1);
        clk.cycles(3).await;
        sim.signal("rst_i").set(0);
        for now in 0..160 {
            for (_, name, value) in events.iter().filter(|e| e.0 == now) {
                sim.signal(name).set(*value);
            }
            clk.rising_edge().await;
            for (_, name, _) in events.iter().filter(|e| e.0 == now) {
                sim.signal(name).set(0);
            }
        }
    });
    run.is_ok()
}
