// SPDX-License-Identifier: Apache-2.0
//! Functional points: what a run did, by name, for a report over many runs and programs.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

struct Recorder {
    file: File,
    seen: Mutex<BTreeSet<String>>,
}

fn recorder() -> Option<&'static Recorder> {
    static RECORDER: OnceLock<Option<Recorder>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let named = |variable| std::env::var_os(variable).filter(|f| !f.is_empty());
            let folder = named("HARNESS_COVERAGE").or_else(|| named("HARNESS_POINTS"))?;
            let path = Path::new(&folder).join(format!("points-{}.txt", std::process::id()));
            let opened = std::fs::create_dir_all(&folder).and_then(|()| OpenOptions::new().create(true).append(true).open(&path));
            let file = opened.unwrap_or_else(|e| panic!("functional points: {}: {e}", path.display()));
            Some(Recorder { file, seen: Mutex::default() })
        })
        .as_ref()
}

/// Whether points are recorded: `HARNESS_COVERAGE` names a folder, or `HARNESS_POINTS`, which leaves the models as they are. What is
/// costly to find out is found out only then.
pub fn recording() -> bool {
    recorder().is_some()
}

/// Records that this point was reached: a line of `points-PROCESS.txt` in the folder that these variables name, once for each
/// process. Without them nothing is done, and the name is not made.
///
/// # Panics
/// When the file cannot be written.
pub fn hit<S: Into<String>>(point: impl FnOnce() -> S) {
    let Some(recorder) = recorder() else { return };
    let point = point().into();
    let mut seen = recorder.seen.lock().unwrap_or_else(|e| e.into_inner());
    if !seen.contains(&point) {
        (&recorder.file).write_all(format!("{point}\n").as_bytes()).unwrap_or_else(|e| panic!("functional points: {e}"));
        seen.insert(point);
    }
}
