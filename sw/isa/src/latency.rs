// SPDX-License-Identifier: Apache-2.0
//! The latencies of a configuration: part of the instruction set.
//!
//! The scheduler schedules from these numbers and the RTL asserts them. Cycle `t` is the
//! period between two clock edges; "applied in t" means that an address or a write stands
//! at a memory's port during t; "visible in t" means that a register shows a value during t.
//! docs/timing.md derives each number.

use crate::{Config, Unit};
use serde::Serialize;

/// Cycles that the line table of the RRAM adds before row 0.
pub const LINE_TABLE: u32 = 3;

/// Latencies in cycles of one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// From a row's cycle, plus its descriptor words, to the unit's first step.
    pub issue: u32,
    /// Smallest distance of two timetable rows (or the words of the earlier, if more).
    pub row_spacing: u32,
    /// From a MATMUL step (W address of row 0 applied) to its X address applied at row 0.
    pub w_lead: u32,
    /// From a MATMUL step to the W SRAM address applied at row 0.
    pub w_sram_read: u32,
    /// From the X address at row 0 to the cycle in which POST takes the vector: the POST
    /// instruction that is active in this cycle applies to it.
    pub post_take: u32,
    /// From the X address at row 0 to the write of the result applied (X, W SRAM or OUT).
    pub post_write: u32,
    /// Added to `post_write` where the lookup is on.
    pub lut: u32,
    /// Added to `post_write` where the residual add is on.
    pub residual: u32,
    /// From POST's take of a vector to the flat X read of its residual operand (plus
    /// `lut` where the lookup is on).
    pub residual_read: u32,
    /// From a LOAD step to its X write applied.
    pub load_write: u32,
    /// From a STORE step to its flat X read applied.
    pub store_read: u32,
    /// From a STORE step to its OUT write applied.
    pub store_write: u32,
    /// From a LANE step to its flat X read applied.
    pub lane_read: u32,
    /// From a LANE step that ends a result to POST taking the sums.
    pub lane_take: u32,
    /// From a SCRUB's first step to the first line's address at the line table; the next ones follow every R cycles, each
    /// line twice.
    pub scrub_read: u32,
    /// From the last address of a SCRUB to the unit's rest.
    pub scrub_rest: u32,
    /// From a write applied to the first cycle in which a read of it may be applied.
    pub write_to_read: u32,
    /// Smallest distance of two MATMUL vectors that accumulate into different sums: 1,
    /// into one sum: 1 (forwarded).
    pub acc_distance: u32,
    /// L, the law of time's fixed latency: X read at row 0 to the dependent word readable
    /// in X.
    pub l: u32,
}

impl Latency {
    /// The latencies of `config`.
    pub fn of(config: &Config) -> Latency {
        let stages = u32::from(config.cols > 16);
        let post_write = config.rows + 15 + stages;
        Latency {
            issue: 2,
            row_spacing: 2,
            w_lead: config.rram_ways + config.weight_beats - 1 + LINE_TABLE,
            w_sram_read: config.rram_ways + config.weight_beats - 1 + LINE_TABLE,
            post_take: config.rows + 4 + stages,
            post_write,
            lut: 2,
            residual: 6,
            residual_read: 6,
            load_write: 4,
            store_read: 1,
            store_write: 5,
            lane_read: 1,
            lane_take: 7,
            scrub_read: 1,
            scrub_rest: config.rows + config.rram_ways + config.weight_beats + LINE_TABLE + 5,
            write_to_read: 1,
            acc_distance: 1,
            l: post_write + 1,
        }
    }

    /// The cycle of a unit's first step, for a row at `cycle` with `words` descriptor words.
    pub fn first_step(&self, cycle: u64, words: u32) -> u64 {
        cycle + u64::from(words + self.issue)
    }

    /// `post_write` with the extra stages that an instruction switches on.
    pub fn post_write_with(&self, lut: bool, residual: bool) -> u32 {
        self.post_write + if lut { self.lut } else { 0 } + if residual { self.residual } else { 0 }
    }

    /// From POST's take to the result's write, with the extra stages that an instruction switches on.
    pub fn take_to_write(&self, lut: bool, residual: bool) -> u32 {
        self.post_write_with(lut, residual) - self.post_take
    }

    /// Every latency as `(name, value, meaning)`, in a fixed order.
    pub fn table(&self) -> [(&'static str, u32, &'static str); 19] {
        [
            ("ISSUE", self.issue, "row cycle + descriptor words + ISSUE = first step"),
            ("ROW_SPACING", self.row_spacing, "smallest distance of two rows; at least the earlier row's words"),
            ("W_LEAD", self.w_lead, "MATMUL step (W address at row 0) to its X address at row 0"),
            ("W_SRAM_READ", self.w_sram_read, "MATMUL step to its W SRAM address at row 0"),
            ("POST_TAKE", self.post_take, "X address at row 0 to POST taking the vector"),
            ("POST_WRITE", self.post_write, "X address at row 0 to the result's write"),
            ("LUT", self.lut, "added by the lookup"),
            ("RESIDUAL", self.residual, "added by the residual add"),
            ("RESIDUAL_READ", self.residual_read, "POST take to the flat read of the residual operand (+ LUT if on)"),
            ("LOAD_WRITE", self.load_write, "LOAD step to its X write"),
            ("STORE_READ", self.store_read, "STORE step to its flat X read"),
            ("STORE_WRITE", self.store_write, "STORE step to its OUT write"),
            ("LANE_READ", self.lane_read, "LANE step to its flat X read"),
            ("LANE_TAKE", self.lane_take, "LANE step that ends a result to POST taking it"),
            ("SCRUB_READ", self.scrub_read, "SCRUB step to its first read of RRAM; the next ones follow every R cycles"),
            ("SCRUB_REST", self.scrub_rest, "last read of a SCRUB to the cycle in which the next may step, or END act"),
            ("WRITE_TO_READ", self.write_to_read, "a write to the first read that sees it"),
            ("ACC_DISTANCE", self.acc_distance, "smallest distance of two vectors into one accumulator"),
            ("L", self.l, "X read at row 0 to the dependent word readable in X"),
        ]
    }
}

/// Loops in one descriptor of `unit`.
pub fn max_loops(unit: Unit) -> usize {
    match unit {
        Unit::Matmul => 7,
        Unit::Post | Unit::Load | Unit::Store => 4,
        Unit::Lane => 5,
        Unit::End | Unit::Scrub => 0,
    }
}
