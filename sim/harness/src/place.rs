// SPDX-License-Identifier: Apache-2.0
//! Where a run is, in the words of `cargo test`: for the line that repeats it, and the trace of it when it fails.

use crate::{Origin, SimError, TraceWindow};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;

/// A test as `cargo test` finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// What cargo is told to run: the package, and the target of it.
    target: String,
    /// The test's path in its program; none on a thread of the test's own.
    path: Option<String>,
}

impl Place {
    /// The test that runs on this thread. None in a program that is no test of cargo's.
    pub fn here() -> Option<Place> {
        let program = std::env::current_exe().ok()?;
        if program.parent()?.file_name()? != "deps" {
            return None;
        }
        // NAME-HASH: a file of tests/, or the library with its own tests.
        let stem = program.file_stem()?.to_str()?;
        let name = stem.rsplit_once('-').map_or(stem, |(name, _)| name);
        let root = std::env::var("CARGO_MANIFEST_DIR").ok().map(PathBuf::from)?;
        let file = root.join("tests").join(name);
        let is_test = file.with_extension("rs").exists() || file.join("main.rs").exists();
        let package = std::env::var("CARGO_PKG_NAME").ok()?;
        let target = if is_test { format!("-p {package} --test {name}") } else { format!("-p {package}") };
        let thread = std::thread::current();
        let path = thread.name().filter(|name| *name != "main").map(str::to_string);
        Some(Place { target, path })
    }

    /// The command that runs this test again with `seed`.
    pub fn repeat(&self, seed: u64) -> String {
        let x = std::env::var("VERILATED_X").map_or_else(|_| String::new(), |x| format!(" VERILATED_X={x}"));
        let path = self.path.as_ref().map_or_else(String::new, |path| format!(" -- --exact {path}"));
        format!("HARNESS_SEED={seed}{x} cargo test {}{path}", self.target)
    }

    /// The test's name: package, program, path.
    pub fn name(&self) -> String {
        let path = self.path.as_ref().map_or_else(String::new, |path| format!(" {path}"));
        format!("{}{path}", self.target)
    }

    /// A name for files about this test, each call another.
    fn file_name(&self) -> String {
        static USED: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);
        let name = self.path.as_deref().unwrap_or("run").replace("::", ".");
        let mut used = USED.lock().unwrap_or_else(|e| e.into_inner());
        let times = used.get_or_insert_default().entry(name.clone()).or_insert(0);
        *times += 1;
        if *times == 1 { name } else { format!("{name}-{times}") }
    }
}

/// The seed of a run: in a test, that of `HARNESS_SEED` where it is set.
pub(crate) fn seed(place: Option<&Place>, own: u64) -> u64 {
    match std::env::var("HARNESS_SEED") {
        Ok(text) if place.is_some() => {
            text.parse().unwrap_or_else(|_| panic!("HARNESS_SEED={text}: not a number from 0 to {}", u64::MAX))
        }
        _ => own,
    }
}

/// What is said when a run in a test fails, and what becomes of its trace. Dropped by a panic it is a failure too.
pub(crate) struct Watch {
    place: Option<Place>,
    seed: u64,
    wave: Option<PathBuf>,
    good: bool,
}

impl Watch {
    /// Watches a run; with `HARNESS_TRACE=FOLDER` the window of a trace comes with it, unless the run has its own.
    ///
    /// # Errors
    /// [`SimError::Model`]: a folder that cannot be made, or `HARNESS_TRACE_WINDOW` that is no FROM..TO.
    pub fn new(place: Option<Place>, seed: u64, traced: bool) -> Result<(Watch, Option<TraceWindow>), SimError> {
        let folder = std::env::var_os("HARNESS_TRACE").map(PathBuf::from).filter(|_| !traced);
        let mut watch = Watch { place, seed, wave: None, good: false };
        let (Some(place), Some(folder)) = (&watch.place, folder) else { return Ok((watch, None)) };
        let (from, to) = match std::env::var("HARNESS_TRACE_WINDOW") {
            Err(_) => (0, u64::MAX),
            Ok(text) => window(&text)
                .ok_or_else(|| SimError::Model(format!("HARNESS_TRACE_WINDOW={text}: cycles are FROM..TO, as 480..560")))?,
        };
        std::fs::create_dir_all(&folder).map_err(|e| SimError::Model(format!("HARNESS_TRACE={}: {e}", folder.display())))?;
        let path = folder.join(place.file_name() + ".fst");
        watch.wave = Some(path.clone());
        Ok((watch, Some(TraceWindow { path, from, to, origin: Origin::Start, depth: 0 })))
    }

    /// The run is over.
    pub fn end(mut self, good: bool) {
        self.good = good;
    }
}

fn window(text: &str) -> Option<(u64, u64)> {
    let (from, to) = text.split_once("..")?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from < to).then_some((from, to))
}

impl Drop for Watch {
    fn drop(&mut self) {
        let wave = match &self.wave {
            Some(path) if self.good => {
                let _ = std::fs::remove_file(path);
                return;
            }
            Some(path) if path.exists() => path.display().to_string(),
            Some(_) => "none: the run ended before the window".to_string(),
            None => "HARNESS_TRACE=FOLDER records one".to_string(),
        };
        if let Some(place) = self.place.as_ref().filter(|_| !self.good) {
            eprintln!("repeat: {} (wave: {wave})", place.repeat(self.seed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_knows_the_command_that_runs_it() {
        let place = Place::here().expect("this is a test");
        let expected = "-p harness -- --exact place::tests::a_test_knows_the_command_that_runs_it";
        let repeat = place.repeat(5);
        assert!(repeat.starts_with("HARNESS_SEED=5 ") && repeat.ends_with(&format!("cargo test {expected}")), "{repeat}");
        assert_eq!((place.file_name() + "-2"), place.file_name());
    }

    #[test]
    fn a_window_is_two_numbers() {
        assert_eq!(window("480..560"), Some((480, 560)));
        for wrong in ["", "5", "..", "7..7", "9..2", "a..3", "1..-1"] {
            assert_eq!(window(wrong), None, "{wrong}");
        }
    }
}
