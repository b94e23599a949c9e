// SPDX-License-Identifier: Apache-2.0
//! Second pass: what is known without any input. Nodes of constants become constants ([`constants`]); beside them stands what follows
//! from constants and shapes alone: scales and zero points, windows, orders of elements, and the shape and element type of each
//! value ([`facts`]).
//!
//! It imports `parse`, the files beside the passes, and [`crate::graph::Window`].

pub mod batch;
pub mod constants;
pub mod facts;
pub mod integers;
pub mod known;
pub mod parts;
pub mod places;
pub mod plan;
pub mod quantized;
pub mod resized;
pub mod scales;
pub mod shapes;
pub mod transposed;
pub mod windows;
