// SPDX-License-Identifier: Apache-2.0
//! One lock for each file that processes change.

use crate::FileError;
use crate::place::{Place, folder};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thiserror::Error;

/// A file that cannot be locked.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process kept it for too long.
    #[error("{} is in use by {holder}, and was for {} s: try again when that is done", path.display(), waited.as_secs())]
    Busy {
        /// The file, as it was named.
        path: PathBuf,
        /// Who has it.
        holder: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The lock's own file.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The right to change a file, until it is dropped or the process ends, however it does.
///
/// A file that is replaced as a whole is a new one each time, so the lock is on a file of its own beside it, `.NAME.lock`, in the
/// folder of what a symbolic link leads to. It stays there: to delete it would take it from under those who wait. What counts is the
/// system's lock on it and not that it is there, so none is ever stale. Who only reads needs no lock: a name leads to the whole
/// old file or to the whole new one.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Before a waiting process says so.
const PATIENCE: Duration = Duration::from_secs(1);

impl Lock {
    /// Locks a file that need not be there yet. Waits at most so long, and says through `tell`, once, what it waits for.
    ///
    /// # Errors
    /// [`LockError::Busy`] after `wait`; [`LockError::File`]: a folder that cannot be written, a file system without locks.
    pub fn take(path: &Path, wait: Duration, tell: impl FnOnce(&str)) -> Result<Lock, LockError> {
        let fail =
            |e: io::Error| FileError { path: path.into(), why: format!("its lock file cannot be locked: {e}"), kind: e.kind() };
        let mut file = open(path).map_err(fail)?;
        let (begin, mut tell, mut pause) = (Instant::now(), Some(tell), Duration::from_millis(5));
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(e)) => return Err(fail(e).into()),
                Err(TryLockError::WouldBlock) => {}
            }
            let waited = begin.elapsed();
            if waited >= wait {
                return Err(LockError::Busy { path: path.into(), holder: holder(&mut file), waited });
            }
            if waited >= PATIENCE
                && let Some(tell) = tell.take()
            {
                let (holder, left) = (holder(&mut file), (wait - waited).as_secs());
                tell(&format!("waiting for {}, in use by {holder}; at most {left} s more", path.display()));
            }
            std::thread::sleep(pause.min(wait - waited));
            pause = (pause * 2).min(Duration::from_millis(100));
        }
        // Only for the words of those who wait; a lock of another user may not be written, and holds all the same.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Lock { _file: file })
    }
}

/// The lock file of what a path leads to.
fn open(path: &Path) -> io::Result<File> {
    let Place::File { path, .. } = Place::of(path)? else {
        return Err(io::Error::other("not a regular file"));
    };
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".lock");
    let lock = folder(&path).join(name);
    match OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied && lock.exists() => File::open(&lock), // another user's
        opened => opened,
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(32).read_to_string(&mut text));
    match text.trim().parse::<u32>() {
        Ok(id) if read.is_ok() => format!("process {id}"),
        _ => "another process".into(),
    }
}
