// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

mod build;
mod cache;
mod coverage;
mod error;
mod inputs;
mod library;
#[allow(unsafe_code)]
mod model;
mod parameter;
mod port;
mod runtime;
mod shim;
mod spec;
mod tools;

pub use cache::cache_dir;
pub use error::Error;
pub use library::Library;
pub use model::{DpiValue, Initial, Model, Stop, Variable};
pub use port::{Direction, Port, PortInfo};
pub use spec::Spec;
pub use tools::verilator;
