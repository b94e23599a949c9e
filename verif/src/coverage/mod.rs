// SPDX-License-Identifier: Apache-2.0
//! Coverage of the RTL (docs/coverage.md): what the models of many test programs reached, joined, less what is waived by name.
//!
//! Verilator's own `verilator_coverage` adds counts of instances up and keeps modules of other parameters apart; here a bit must
//! rise and fall in one instance, and a module is one, whatever its parameters.

pub mod data;
pub mod functional;
pub mod report;
pub mod states;
pub mod waivers;
