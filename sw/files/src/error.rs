// SPDX-License-Identifier: Apache-2.0
//! What can go wrong with a file.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A file that cannot be written.
#[derive(Debug, Error)]
#[error("cannot write {}: {why}", path.display())]
pub struct FileError {
    /// The file, as it was named.
    pub path: PathBuf,
    /// What was tried, where it is not the file itself, and the system's reason.
    pub why: String,
    /// The kind of that reason.
    pub kind: io::ErrorKind,
}

impl FileError {
    /// The system's error as one of this file.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> FileError + '_ {
        move |e| FileError { path: path.into(), why: e.to_string(), kind: e.kind() }
    }

    /// Is it that the file or its folder must not be written, and not that something is wrong?
    pub fn is_read_only(&self) -> bool {
        matches!(self.kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
    }
}
