// SPDX-License-Identifier: Apache-2.0
//! First pass: the bytes of a file to a [`model::Model`]: typed constants, inputs with their shapes, nodes in an order in which each
//! finds its inputs. Functions are inlined; what leads to no output is left out; a batch that is open becomes 1. Nothing is computed.
//!
//! It imports the files beside the passes (`array`, `element`, `error`, `proto`) and no other pass.

pub mod functions;
pub mod inputs;
pub mod live;
pub mod model;
pub mod node;
pub mod tensors;
