// SPDX-License-Identifier: Apache-2.0
//! Last pass: values to maps and layers of [`crate::graph`]. [`walk`] goes through the nodes, [`operators`] is the table of operators,
//! `ops` has a file for each family of them; what several of them need is in the files beside it.
//!
//! It imports every earlier pass. A file in `ops` imports no other of them, but for the two modes of Resize.

pub mod activations;
pub mod building;
pub mod channels;
pub mod copies;
pub mod edge;
pub mod joined;
pub mod mean_of;
pub mod operators;
pub mod ops;
pub mod outputs;
pub mod pixels;
pub mod pools;
pub mod products;
pub mod requantise;
pub mod standin;
pub mod two;
pub mod walk;
