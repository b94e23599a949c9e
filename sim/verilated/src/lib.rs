// SPDX-License-Identifier: Apache-2.0
//! Verilator 5 models as Rust values.
//!
//! A [`Spec`] names a top module and its sources. [`Spec::build`] runs Verilator and the C++
//! compiler (or finds the result in the cache) and gives a [`Library`]; [`Model::new`] makes a
//! model of it in a context of its own. Ports of any width are read and written in place.
//!
//! ```no_run
//! # fn main() -> Result<(), verilated::Error> {
//! let library = verilated::Spec::new("counter").source("counter.v").build()?;
//! let mut model = verilated::Model::new(&library)?;
//! let (clk, count) = (model.port("clk")?, model.port("count")?);
//! model.run_cycles(clk, 10);
//! assert_eq!(model.get(count), 10);
//! # Ok(())
//! # }
//! ```

mod build;
mod error;
#[allow(unsafe_code)]
mod model;
mod port;
mod shim;

pub use build::{Library, Spec, cache_dir};
pub use error::Error;
pub use model::{DpiValue, Model, Stop};
pub use port::{Direction, Port, PortInfo};
