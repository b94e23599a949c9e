// SPDX-License-Identifier: Apache-2.0
//! The core's writes to X, W SRAM and OUT, cycle by cycle, for lockstep with the instruction-level model.

use harness::verilated::Variable;
use harness::{Clock, Sim};
use std::sync::{Arc, Mutex};
use systole_isa::writes::{Place, Write};

/// Collects writes while a chip runs; clones share the list.
#[derive(Debug, Clone, Default)]
pub struct Writes(Arc<Mutex<Vec<Vec<Write>>>>);

impl Writes {
    /// The writes of each run so far, in the order of cycles, and forgets them.
    pub fn take(&self) -> Vec<Vec<Write>> {
        let mut runs = std::mem::take(&mut *self.0.lock().unwrap_or_else(|e| e.into_inner()));
        // What follows the last run is none.
        if runs.last().is_some_and(Vec::is_empty) {
            runs.pop();
        }
        runs
    }

    fn push(&self, write: Write) {
        let mut runs = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if runs.is_empty() {
            runs.push(vec![]);
        }
        if let Some(run) = runs.last_mut() {
            run.push(write);
        }
    }

    fn end(&self) {
        let mut runs = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if runs.is_empty() {
            runs.push(vec![]);
        }
        runs.push(vec![]);
    }

    /// Looks at every cycle of a simulation from now on. The model must have been built with `device/writes.vlt`.
    ///
    /// # Errors
    /// The name of a signal that it does not show.
    pub(crate) fn watch(self, sim: &Sim, clock: Clock) -> Result<(), String> {
        let core = Core::of(sim)?;
        let inside = sim.clone();
        sim.spawn("writes of the core", async move {
            loop {
                clock.rising_edge().await;
                inside.with_model(|model| {
                    let word = |v: &Variable| model.peek(v, 0);
                    let bit = |v: &Variable| word(v)[0] & 1 == 1;
                    let bytes = |v: &Variable| -> Vec<u8> {
                        let words = word(v);
                        words.iter().flat_map(|w| w.to_le_bytes()).take(v.width as usize / 8).collect()
                    };
                    let cycle = u64::from(word(&core.cycle)[0]);
                    let whole = u32::MAX;
                    if bit(&core.post) {
                        let place = match word(&core.post_dest)[0] {
                            0 => Place::X,
                            1 => Place::WColumn,
                            2 => Place::WRow,
                            _ => Place::Out,
                        };
                        let (address, data) = (word(&core.post_addr)[0], bytes(&core.post_data));
                        self.push(Write { cycle, place, address, lanes: whole, data });
                    }
                    if bit(&core.load) {
                        let (address, lanes, data) = (word(&core.load_addr)[0], word(&core.load_mask)[0], bytes(&core.load_data));
                        self.push(Write { cycle, place: Place::X, address, lanes, data });
                    }
                    if bit(&core.store) {
                        let (address, data) = (word(&core.store_addr)[0], bytes(&core.flat));
                        self.push(Write { cycle, place: Place::Out, address, lanes: whole, data });
                    }
                    if bit(&core.done) {
                        self.end();
                    }
                });
            }
        });
        Ok(())
    }
}

/// Signals of the core.
struct Core {
    cycle: Variable,
    done: Variable,
    post: Variable,
    post_dest: Variable,
    post_addr: Variable,
    post_data: Variable,
    load: Variable,
    load_addr: Variable,
    load_mask: Variable,
    load_data: Variable,
    store: Variable,
    store_addr: Variable,
    flat: Variable,
}

impl Core {
    fn of(sim: &Sim) -> Result<Core, String> {
        let all = sim.with_model(|model| model.variables());
        let find = |name: &str| {
            let path = format!(".u_core.{name}");
            all.iter()
                .find(|v| v.name.ends_with(&path))
                .cloned()
                .ok_or_else(|| format!("the model does not show {name} of the core"))
        };
        Ok(Core {
            cycle: find("cycle_o")?,
            done: find("done_o")?,
            post: find("post_valid")?,
            post_dest: find("post_dest")?,
            post_addr: find("post_addr")?,
            post_data: find("post_data")?,
            load: find("load_valid")?,
            load_addr: find("load_addr")?,
            load_mask: find("load_mask")?,
            load_data: find("load_data")?,
            store: find("store_we")?,
            store_addr: find("store_waddr")?,
            flat: find("flat_word")?,
        })
    }
}
