// SPDX-License-Identifier: Apache-2.0
//! Verilator 5 models as Rust values: any port width, tracing, coverage, DPI.
