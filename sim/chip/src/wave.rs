// SPDX-License-Identifier: Apache-2.0
//! Where a wave goes. The tracer deletes what is at its path and makes a new file: it must not be given a link or a device.

use harness::TraceWindow;
use std::fs::Permissions;
use std::path::PathBuf;
use systole_files::{FileError, Place};
use tempfile::TempDir;

/// The file of a wave, from before the tracer opens it.
pub(crate) struct Wave {
    asked: PathBuf,
    to: PathBuf,
    then: Then,
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
        Ok((TraceWindow { path: to.clone(), ..window }, Wave { asked, to, then }))
    }

    /// Called when the simulation is gone and the tracer has closed its file, if it opened one.
    ///
    /// # Errors
    /// What was asked for cannot be written.
    pub fn finish(self) -> Result<(), FileError> {
        if !self.to.exists() {
            return Ok(());
        }
        match self.then {
            Then::Stays(None) => Ok(()),
            Then::Stays(Some(mode)) => std::fs::set_permissions(&self.to, mode).map_err(FileError::at(&self.asked)),
            Then::Goes(_folder) => {
                let bytes = std::fs::read(&self.to).map_err(FileError::at(&self.asked))?;
                systole_files::write(&self.asked, &bytes)
            }
        }
    }
}
