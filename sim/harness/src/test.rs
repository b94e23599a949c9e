// SPDX-License-Identifier: Apache-2.0
//! From a design and an async function to a finished run.

use crate::place::{self, Place, Watch};
use crate::record;
use crate::{Sim, SimError, TraceWindow};
use std::future::Future;
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
/// In a test of cargo's, `HARNESS_SEED` takes the place of `seed`, and a run that fails prints the line that repeats it.
/// `HARNESS_TRACE=FOLDER` has models built with tracing and leaves an FST of each run that failed, `HARNESS_TRACE_WINDOW=480..560`
/// of these cycles only. `HARNESS_HASHES=FOLDER` leaves a line for each run there, with its event hash.
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
    let place = Place::here();
    let seed = place::seed(place.as_ref(), setup.seed);
    let (watch, window) = Watch::new(place.clone(), seed, setup.trace.is_some())?;
    let run = || {
        let sim = Sim::new(library, seed, setup.initial)?;
        if let Some(window) = setup.trace.or(window) {
            sim.trace(window);
        }
        let job = main(sim.clone());
        let outcome = sim.drive(job);
        record::run(place.as_ref(), &sim, outcome.is_ok())?;
        let value = outcome?;
        Ok(Run { value, cycles: sim.cycle(), event_hash: sim.event_hash() })
    };
    let run = run();
    watch.end(run.is_ok());
    run
}

/// What `#[harness::test]` expands to: builds the design and runs the bench.
///
/// # Panics
/// With the error.
pub fn run_test<F>(spec: &Spec, setup: Setup, main: impl FnOnce(Sim) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let library = spec.build().unwrap_or_else(|e| panic!("{e}"));
    run_with(&library, setup, main).unwrap_or_else(|e| panic!("{e}"));
}
