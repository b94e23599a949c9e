// SPDX-License-Identifier: Apache-2.0
//! From a design and an async function to a finished run.

use crate::{Sim, SimError, TraceWindow};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use verilated::{Initial, Library, Spec};

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

/// How a bench is run.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Seed of random streams, `$random` and random initial values.
    pub seed: u64,
    /// What to dump; the design must be built with tracing.
    pub trace: Option<TraceWindow>,
    /// How registers and memories without an initial value begin, whatever the environment variable `VERILATED_X` says.
    pub initial: Option<Initial>,
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
    run_with(library, Setup { seed, trace, initial: None }, main)
}

/// The same with every setting.
///
/// # Errors
/// As [`run`].
///
/// # Panics
/// As [`run`].
pub fn run_with<T, F>(library: &Arc<Library>, setup: Setup, main: impl FnOnce(Sim) -> F) -> Result<Run<T>, SimError>
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    let sim = Sim::new(library, setup.seed, setup.initial)?;
    if let Some(window) = setup.trace {
        sim.trace(window);
    }
    let job = main(sim.clone());
    let value = sim.drive(job)?;
    Ok(Run { value, cycles: sim.cycle(), event_hash: sim.event_hash() })
}

/// What `#[harness::test]` expands to: builds the design, runs the bench, and on failure runs it
/// once more with a trace where `HARNESS_TRACE` names a folder.
///
/// # Panics
/// With the error and one line to repeat the run.
pub fn run_test<F>(name: &str, spec: Spec, setup: Setup, main: impl Fn(Sim) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let seed = match std::env::var("HARNESS_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("HARNESS_SEED={text}: not a number from 0 to {}", u64::MAX)),
        Err(_) => setup.seed,
    };
    let initial = setup.initial;
    let folder = std::env::var_os("HARNESS_TRACE").map(PathBuf::from);
    let attempt = |spec: &Spec, trace: Option<TraceWindow>| -> Result<(), String> {
        let library = spec.build().map_err(|e| e.to_string())?;
        let outcome =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run_with(&library, Setup { seed, trace, initial }, &main)));
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
    let x = std::env::var("VERILATED_X").map_or_else(|_| String::new(), |x| format!(" VERILATED_X={x}"));
    panic!("{error}\nrepeat: HARNESS_SEED={seed}{x} cargo test {name} (wave: {wave})");
}
