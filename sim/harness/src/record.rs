// SPDX-License-Identifier: Apache-2.0
//! What was run, for whoever compares runs: a line for each simulation, where `HARNESS_HASHES` names a folder.

use crate::place::Place;
use crate::{Sim, SimError};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// The test that a run belongs to: what nextest says of its process, also in programs that the test starts; or as `cargo test` finds it.
fn test(place: Option<&Place>) -> String {
    match (std::env::var("NEXTEST_BINARY_ID"), std::env::var("NEXTEST_TEST_NAME")) {
        (Ok(binary), Ok(test)) => format!("{binary} {test}"),
        _ => place.map_or_else(|| "run".into(), Place::name),
    }
}

/// Appends the line of a run that has ended: test, seed, cycles of the first clock, event hash, verdict, with tabs between. Each
/// process has a file of its own.
///
/// # Errors
/// [`SimError::Model`]: a folder that cannot be written.
pub(crate) fn run(place: Option<&Place>, sim: &Sim, good: bool) -> Result<(), SimError> {
    let Some(folder) = std::env::var_os("HARNESS_HASHES").map(PathBuf::from) else { return Ok(()) };
    let verdict = if good { "passed" } else { "failed" };
    let line = format!("{}\t{}\t{}\t{:016x}\t{verdict}\n", test(place), sim.seed(), sim.cycle(), sim.event_hash());
    let path = folder.join(format!("{}.tsv", std::process::id()));
    let write = || {
        std::fs::create_dir_all(&folder)?;
        OpenOptions::new().create(true).append(true).open(&path)?.write_all(line.as_bytes())
    };
    write().map_err(|e: std::io::Error| SimError::Model(format!("HARNESS_HASHES: {}: {e}", path.display())))
}
