// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

mod build;
mod error;
#[allow(unsafe_code)]
mod model;
mod port;
mod shim;

pub use build::{Library, Spec, cache_dir};
pub use error::Error;
pub use model::{DpiValue, Initial, Model, Stop, Variable};
pub use port::{Direction, Port, PortInfo};
