// SPDX-License-Identifier: Apache-2.0
//! The independent checker.

use systole_isa::{Config, Image, Program};
use thiserror::Error;

/// What a program does wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("violations")]
pub struct VerifyError;

/// Sizes of the image that a program runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes;

impl Sizes {
    /// Of `image`.
    pub fn of(_image: &Image, _config: &Config) -> Sizes {
        Sizes
    }
}

/// Checks `program`.
///
/// # Errors
/// [`VerifyError`].
pub fn verify(_program: &Program, _config: &Config, _sizes: &Sizes) -> Result<(), VerifyError> {
    Ok(())
}
