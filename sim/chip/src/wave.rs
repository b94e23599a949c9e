// SPDX-License-Identifier: Apache-2.0
//! Where a wave goes. The tracer deletes what is at its path and makes a new file: it must not be given a link or a device.

use crate::layout;
use harness::TraceWindow;
use std::fs::Permissions;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use systole_files::{FileError, Place};
use tempfile::TempDir;

/// The file of a wave, from before the tracer opens it.
pub(crate) struct Wave {
    asked: PathBuf,
    to: PathBuf,
    then: Then,
    /// What is at `to` before the run.
    before: Option<State>,
}

/// By which a file that was made anew is told from the one before.
type State = (u64, Option<SystemTime>, u64);

fn state(path: &Path) -> Option<State> {
    let m = std::fs::metadata(path).ok()?;
    Some((m.ino(), m.modified().ok(), m.len()))
}

/// What is done with the tracer's file when it is closed.
enum Then {
    /// It is what was asked for; it had this mode before.
    Stays(Option<Permissions>),
    /// Its bytes go where they were asked for: into a device, a FIFO, an open descriptor.
    Goes(TempDir),
}

impl Wave {
    /// The same window with a path that the tracer may have.
    ///
    /// # Errors
    /// A path that cannot be written.
    pub fn of(window: TraceWindow) -> Result<(TraceWindow, Wave), FileError> {
        let asked = window.path.clone();
        systole_files::check(&asked)?;
        let (to, then) = match Place::of(&asked).map_err(FileError::at(&asked))? {
            Place::File { path, now } => (path, Then::Stays(now.map(|m| m.permissions()))),
            Place::Open(_) | Place::Special => {
                let folder = tempfile::tempdir().map_err(FileError::at(&asked))?;
                (folder.path().join("wave.fst"), Then::Goes(folder))
            }
        };
        Ok((TraceWindow { path: to.clone(), ..window }, Wave { asked, before: state(&to), to, then }))
    }

    /// Called when the simulation is gone and the tracer has closed its file, if it opened one: whether it did. A wave that is a file
    /// gets its layouts.
    ///
    /// # Errors
    /// What was asked for cannot be written.
    pub fn finish(self) -> Result<bool, FileError> {
        let now = state(&self.to);
        if now.is_none() || now == self.before {
            return Ok(false);
        }
        if let Then::Goes(_folder) = &self.then {
            let bytes = std::fs::read(&self.to).map_err(FileError::at(&self.asked))?;
            systole_files::write(&self.asked, &bytes)?;
            return Ok(true);
        }
        if let Then::Stays(Some(mode)) = self.then {
            std::fs::set_permissions(&self.to, mode).map_err(FileError::at(&self.asked))?;
        }
        layout::write(&self.to)?;
        Ok(true)
    }
}
