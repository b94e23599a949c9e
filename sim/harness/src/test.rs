// SPDX-License-Identifier: Apache-2.0
//! From a design and an async function to a finished run.

use crate::{Sim, SimError, TraceWindow};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use verilated::{Library, Spec};

/// What a finished run leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run<T> {
    /// The main task's result.
    pub value: T,
    /// Cycles of the first clock.
    pub cycles: u64,
    /// Hash over all events.
    pub event_hash: u64,
}

/// Runs an async test bench on a design: `main` gets the simulation and is the main task; the run
/// ends with it.
///
/// # Errors
/// Every [`SimError`].
///
/// # Panics
/// A panic in any task ends the run at once and goes on from here.
pub fn run<T, F>(
    library: &Arc<Library>,
    seed: u64,
    trace: Option<TraceWindow>,
    main: impl FnOnce(Sim) -> F,
) -> Result<Run<T>, SimError>
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|e| SimError::Model(e.to_string()))?;
    let sim = Sim::new(library, seed)?;
    if let Some(window) = trace {
        sim.trace(window);
    }
    let job = main(sim.clone());
    // Without `unconstrained`, tokio's budget would defer wakes while the clock runs on.
    let value = runtime.block_on(tokio::task::unconstrained(async { sim.drive(job) }))?;
    Ok(Run { value, cycles: sim.cycle(), event_hash: sim.event_hash() })
}

/// What `#[harness::test]` expands to: builds the design, runs the bench, and on failure runs it
/// once more with a trace where `HARNESS_TRACE` names a folder.
///
/// # Panics
/// With the error and one line to repeat the run.
pub fn run_test<F>(name: &str, spec: Spec, seed: u64, main: impl Fn(Sim) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let seed = std::env::var("HARNESS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(seed);
    let folder = std::env::var_os("HARNESS_TRACE").map(PathBuf::from);
    let attempt = |spec: &Spec, trace: Option<TraceWindow>| -> Result<(), String> {
        let library = spec.build().map_err(|e| e.to_string())?;
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&library, seed, trace, &main)));
        match outcome {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(panic) => Err(panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_string()))
                .unwrap_or_else(|| "a task panicked".into())),
        }
    };
    let Err(error) = attempt(&spec, None) else { return };
    let mut wave = "HARNESS_TRACE=FOLDER records one".to_string();
    if let Some(folder) = folder {
        let path = folder.join(format!("{}.fst", name.replace("::", ".")));
        let _ = std::fs::create_dir_all(&folder);
        let window = TraceWindow { path: path.clone(), from: 0, to: u64::MAX, depth: 0 };
        let _ = attempt(&spec.clone().trace(true), Some(window));
        wave = path.display().to_string();
    }
    panic!("{error}\nrepeat: HARNESS_SEED={seed} cargo test {name} (wave: {wave})");
}
