// SPDX-License-Identifier: Apache-2.0
//! Writing.

use crate::FileError;
use crate::place::{Place, folder};
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes a file.
///
/// A regular file, or a new one, appears whole or not at all: the bytes go to a temporary name in its folder, which then takes its
/// place. A new file has the mode that the umask leaves, one that is replaced keeps mode and, where the system allows it, owner. A
/// symbolic link stays, what it leads to is written, in the folder where that is. A device, a FIFO and an open descriptor
/// (`/dev/stdout`) are written as they stand.
///
/// # Errors
/// [`FileError`]: the system's reason; a file that is there and must not be written stays as it is, whatever its folder allows.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let put = || match Place::of(path)? {
        Place::Open(1) => {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            out.flush()
        }
        Place::Open(2) => io::stderr().lock().write_all(bytes),
        // What was written to it before stays.
        Place::Open(_) => OpenOptions::new().append(true).open(path)?.write_all(bytes),
        Place::Special => OpenOptions::new().write(true).open(path)?.write_all(bytes),
        Place::File { path, now } => {
            let mut new = beside(&path, now.as_ref())?;
            new.write_all(bytes)?;
            if let Some(now) = now {
                keep(new.as_file(), &now)?;
            }
            new.as_file().sync_data()?; // the name must not come before the bytes where power fails
            new.persist(&path).map(drop).map_err(|e| e.error)
        }
    };
    put().map_err(FileError::at(path))
}

/// Fails now if [`write()`] could not write a file later. What is no regular file is not opened: a FIFO would wait for its reader.
///
/// # Errors
/// As [`write()`].
pub fn check(path: &Path) -> Result<(), FileError> {
    let look = || match Place::of(path)? {
        Place::File { path, now } => beside(&path, now.as_ref()).map(drop),
        _ => Ok(()),
    };
    look().map_err(FileError::at(path))
}

/// A temporary file in the folder of a file that may be written.
fn beside(path: &Path, now: Option<&Metadata>) -> io::Result<NamedTempFile> {
    if now.is_some() {
        OpenOptions::new().write(true).open(path)?;
    }
    // The system takes the umask off this mode; without it the file would be its owner's alone.
    let mode = Permissions::from_mode(0o666);
    tempfile::Builder::new().prefix(".systole-").suffix(".part").permissions(mode).tempfile_in(folder(path))
}

/// Gives a new file the owner, where that is allowed, and the mode of the one whose place it takes.
fn keep(new: &File, old: &Metadata) -> io::Result<()> {
    let mine = new.metadata()?;
    if (mine.uid(), mine.gid()) != (old.uid(), old.gid()) {
        let _ = fchown(new, Some(old.uid()), Some(old.gid())).or_else(|_| fchown(new, None, Some(old.gid())));
    }
    new.set_permissions(old.permissions())
}
