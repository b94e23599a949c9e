// SPDX-License-Identifier: Apache-2.0
//! What benches of several blocks share.

pub mod assertions;
pub mod board;
pub mod f24;
pub mod slice;
pub mod stages;
pub mod stub;
pub mod unit;
pub mod vector_unit;
pub mod wires;
