// SPDX-License-Identifier: Apache-2.0
//! What a path leads to.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// What a path leads to, through every symbolic link at its end.
#[derive(Debug)]
pub enum Place {
    /// A regular file, or a name that is still free: here a file is replaced as a whole.
    File {
        /// Its path, no link itself.
        path: PathBuf,
        /// What is there now.
        now: Option<Metadata>,
    },
    /// A file descriptor of this process that is open already (`/dev/stdout`, `/dev/fd/3`).
    Open(u32),
    /// A device, a FIFO, a socket: written as it stands.
    Special,
}

/// Links that follow each other, as many as Linux takes.
const LINKS: usize = 40;

impl Place {
    /// Follows the links of a path.
    ///
    /// # Errors
    /// The system's; a folder; links in a circle.
    pub fn of(path: &Path) -> io::Result<Place> {
        let mut at = path.to_path_buf();
        for _ in 0..LINKS {
            if let Some(number) = descriptor(&at) {
                return Ok(Place::Open(number));
            }
            match fs::symlink_metadata(&at) {
                Ok(m) if m.is_symlink() => at = folder(&at).join(fs::read_link(&at)?),
                Ok(m) if m.is_file() => return Ok(Place::File { path: at, now: Some(m) }),
                Ok(m) if m.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
                Ok(_) => return Ok(Place::Special),
                Err(e) if e.kind() == io::ErrorKind::NotFound && at.file_name().is_some() => {
                    return Ok(Place::File { path: at, now: None });
                }
                Err(e) => return Err(e),
            }
        }
        Err(io::Error::other(format!("more than {LINKS} symbolic links one behind the other")))
    }
}

/// The folder that a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The number of an own descriptor: such a path looks like a link to the file that is open, but it stands for the open file, with
/// its position.
fn descriptor(path: &Path) -> Option<u32> {
    let number = path.file_name().and_then(OsStr::to_str)?.parse().ok()?;
    let home = fs::canonicalize(folder(path)).ok()?;
    let mine = fs::canonicalize("/proc/self/fd").ok()?;
    (home == mine).then_some(number)
}
