// SPDX-License-Identifier: Apache-2.0
//! How the program writes files: whole or not at all ([`write()`]), into what is no regular file as it is, through symbolic links;
//! and how two processes that change one file take turns ([`Lock`]).

mod error;
mod lock;
mod place;
mod write;

pub use error::FileError;
pub use lock::{Lock, LockError};
pub use place::Place;
pub use write::{check, write};
