// SPDX-License-Identifier: Apache-2.0
//! Async test benches for Verilog in Rust: clocks, triggers, tasks, AXI drivers, scoreboards.
