// SPDX-License-Identifier: Apache-2.0
//! The latencies of a configuration: part of the instruction set.
//!
//! The scheduler schedules from these numbers and the RTL asserts them. Cycle `t` is the
//! period between two clock edges; "applied in t" means that an address or a write stands
//! at a memory's port during t; "visible in t" means that a register shows a value during t.
//! docs/timing.md derives each number.

use crate::{Config, Unit};
use serde::Serialize;

/// Latencies in cycles of one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// From a row's cycle, plus its descriptor words, to the unit's first step.
    pub issue: u32,
    /// Smallest distance of two timetable rows (or the words of the earlier, if more).
    pub row_spacing: u32,
    /// From a line of RRAM to its place; a machine without RRAM waits as long.
    pub line_table: u32,
    /// From a MATMUL step (W address of row 0 applied) to its X address applied at row 0.
    pub w_lead: u32,
    /// From a MATMUL step to the W SRAM address applied at row 0.
    pub w_sram_read: u32,
    /// From the X address at row 0 to the cycle in which POST takes the vector: the POST
    /// instruction that is active in this cycle applies to it.
    pub post_take: u32,
    /// From the X address at row 0 to the write of the result applied (X, W SRAM or OUT).
    pub post_write: u32,
    /// Smallest distance of two vectors that POST takes: C / P.
    pub post_distance: u32,
    /// From a vector's sums in POST to its requantised bytes; 8 at least, further ones are spare registers.
    pub requant: u32,
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
    /// From a VECTOR step (of the array's sums: the take) to its read of V and parameters.
    pub vec_read: u32,
    /// .. to its read of S.
    pub vec_scalar: u32,
    /// Smallest distance of two VECTOR steps: C / VEC_LANES.
    pub vec_distance: u32,
    /// .. to the write of V.
    pub vec_write: u32,
    /// .. to the write of codes, or of the first word of OUT.
    pub vec_code: u32,
    /// Added to the two writes and to `vec_sum` where a function is on.
    pub vec_fn: u32,
    /// .. to the write of a maximum.
    pub vec_max: u32,
    /// .. to the write of a sum.
    pub vec_sum: u32,
    /// From a SCALAR step to its read of S.
    pub scalar_read: u32,
    /// .. to the write of a product or a maximum.
    pub scalar_mul: u32,
    /// .. of a sum.
    pub scalar_add: u32,
    /// .. of a reciprocal or the reciprocal of a root.
    pub scalar_recip: u32,
}

/// A latency as a sum: a constant, and sizes of the machine that count once each.
#[derive(Debug, Clone, Copy)]
pub struct Formula {
    /// The constant part, in cycles.
    pub cycles: i32,
    /// The sizes, of [`SIZES`].
    pub sizes: &'static [&'static str],
}

/// What latencies depend on, with the Verilog expression of it: R, the second register of the broadcast, WAYS, D, and
/// the cycles that POST and the vector unit take for a vector.
pub const SIZES: [(&str, &str); 6] = [
    ("rows", "(rows)"),
    ("cols", "((cols) > 16 ? 1 : 0)"),
    ("ways", "(ways)"),
    ("beats", "(beats)"),
    ("groups", "(groups)"),
    ("lanes", "(lanes)"),
];

impl Formula {
    /// Its value for a machine.
    pub fn of(&self, config: &Config) -> u32 {
        let size = |name: &&str| match *name {
            "rows" => config.rows,
            "cols" => u32::from(config.cols > 16),
            "ways" => config.rram_ways,
            "beats" => config.weight_beats,
            "lanes" => config.vec_beats(),
            _ => config.post_beats(),
        };
        self.sizes.iter().map(size).sum::<u32>().saturating_add_signed(self.cycles)
    }

    /// The Verilog macro that says the same: `NAME` without sizes, `NAME(rows, cols)` with them.
    pub fn macro_of(&self, name: &str) -> String {
        let used: Vec<_> = SIZES.iter().filter(|s| self.sizes.contains(&s.0)).collect();
        let list = used.iter().map(|s| s.0).collect::<Vec<_>>().join(", ");
        let head = if used.is_empty() { name.to_string() } else { format!("{name}({list})") };
        let terms: Vec<String> = used.iter().map(|s| s.1.to_string()).chain([self.cycles.to_string()]).collect();
        format!("`define SYSTOLE_LATENCY_{head} ({})", terms.join(" + ").replace("+ -", "- "))
    }
}

const fn f(cycles: i32, sizes: &'static [&'static str]) -> Formula {
    Formula { cycles, sizes }
}

/// Cycles of the requantiser; with it POST's write, its read of an operand and L move.
const REQUANT: i32 = 8;
/// Constant parts of [`Latency::post_take`] and [`Latency::post_write`]: sums come two cycles behind the take.
const TAKE: i32 = 4;
const WRITE: i32 = TAKE + 2 + REQUANT;
/// The read of an operand, so that the word is there when the requantised byte is: five cycles behind `res_valid_o`.
const OPERAND: i32 = REQUANT - 2;

/// Every latency as `(name, rule, meaning)`: their one definition. docs/timing.md derives each.
pub const LATENCIES: [(&str, Formula, &str); 34] = [
    ("ISSUE", f(3, &[]), "row cycle + descriptor words + ISSUE = first step"),
    ("ROW_SPACING", f(2, &[]), "smallest distance of two rows; at least the earlier row's words"),
    ("LINE_TABLE", f(3, &[]), "line of RRAM to its place"),
    ("W_LEAD", f(2, &["ways", "beats"]), "MATMUL step (W address at row 0) to its X address at row 0"),
    ("W_SRAM_READ", f(2, &["ways", "beats"]), "MATMUL step to its W SRAM address at row 0"),
    ("POST_TAKE", f(TAKE, &["rows", "cols"]), "X address at row 0 to POST taking the vector"),
    ("POST_WRITE", f(WRITE, &["rows", "cols", "groups"]), "X address at row 0 to the result's write"),
    ("POST_DISTANCE", f(0, &["groups"]), "smallest distance of two vectors into POST, and of their results"),
    ("REQUANT", f(REQUANT, &[]), "sums in POST to the requantised byte"),
    ("LUT", f(2, &[]), "added by the lookup"),
    ("RESIDUAL", f(6, &[]), "added by the residual add"),
    ("RESIDUAL_READ", f(OPERAND, &[]), "POST take to the flat read of the residual operand (+ LUT if on)"),
    ("LOAD_WRITE", f(4, &[]), "LOAD step to its X write"),
    ("STORE_READ", f(1, &[]), "STORE step to its flat X read"),
    ("STORE_WRITE", f(5, &[]), "STORE step to its OUT write"),
    ("LANE_READ", f(1, &[]), "LANE step to its flat X read"),
    ("LANE_TAKE", f(7, &[]), "LANE step that ends a result to POST taking it"),
    ("SCRUB_READ", f(1, &[]), "SCRUB step to its first read of RRAM; the next ones follow every R cycles"),
    ("SCRUB_REST", f(8, &["rows", "ways", "beats"]), "last read of a SCRUB to the cycle in which the next may step, or END act"),
    ("WRITE_TO_READ", f(1, &[]), "a write to the first read that sees it"),
    ("ACC_DISTANCE", f(1, &[]), "smallest distance of two vectors into one accumulator"),
    ("L", f(WRITE + 1, &["rows", "cols", "groups"]), "X read at row 0 to the dependent word readable in X"),
    ("VEC_READ", f(3, &[]), "VECTOR step (of the array's sums: the take) to its read of V and parameters"),
    ("VEC_SCALAR", f(6, &[]), "VECTOR step to its read of S"),
    ("VEC_DISTANCE", f(0, &["lanes"]), "smallest distance of two VECTOR steps, and of their results"),
    ("VEC_WRITE", f(16, &[]), "VECTOR step to the write of V"),
    ("VEC_CODE", f(17, &["lanes"]), "VECTOR step to the write of codes, or of the first word of OUT"),
    ("VEC_FN", f(8, &[]), "added by a function to VEC_WRITE, VEC_CODE and VEC_SUM"),
    ("VEC_MAX", f(16, &["lanes"]), "VECTOR step to the write of the running maximum in S"),
    ("VEC_SUM", f(25, &["lanes"]), "VECTOR step that ends a sum to its write in S"),
    ("SCALAR_READ", f(1, &[]), "SCALAR step to its read of S"),
    ("SCALAR_MUL", f(4, &[]), "SCALAR step to the write of a product or maximum"),
    ("SCALAR_ADD", f(7, &[]), "SCALAR step to the write of a sum"),
    ("SCALAR_RECIP", f(9, &[]), "SCALAR step to the write of 1 / a or 1 / sqrt(a)"),
];

impl Latency {
    /// The latencies of `config`.
    pub fn of(config: &Config) -> Latency {
        let [
            issue,
            row_spacing,
            line_table,
            w_lead,
            w_sram_read,
            post_take,
            post_write,
            post_distance,
            requant,
            lut,
            residual,
            residual_read,
            load_write,
            store_read,
            store_write,
            lane_read,
            lane_take,
            scrub_read,
            scrub_rest,
            write_to_read,
            acc_distance,
            l,
            vec_read,
            vec_scalar,
            vec_distance,
            vec_write,
            vec_code,
            vec_fn,
            vec_max,
            vec_sum,
            scalar_read,
            scalar_mul,
            scalar_add,
            scalar_recip,
        ] = LATENCIES.map(|(_, rule, _)| rule.of(config));
        Latency {
            issue,
            row_spacing,
            line_table,
            w_lead,
            w_sram_read,
            post_take,
            post_write,
            post_distance,
            requant,
            lut,
            residual,
            residual_read,
            load_write,
            store_read,
            store_write,
            lane_read,
            lane_take,
            scrub_read,
            scrub_rest,
            write_to_read,
            acc_distance,
            l,
            vec_read,
            vec_scalar,
            vec_distance,
            vec_write,
            vec_code,
            vec_fn,
            vec_max,
            vec_sum,
            scalar_read,
            scalar_mul,
            scalar_add,
            scalar_recip,
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

    /// Every latency of `config` as `(name, value, meaning)`, in a fixed order.
    pub fn table(config: &Config) -> [(&'static str, u32, &'static str); 34] {
        LATENCIES.map(|(name, rule, meaning)| (name, rule.of(config), meaning))
    }
}

/// Loops in one descriptor of `unit`.
pub fn max_loops(unit: Unit) -> usize {
    match unit {
        Unit::Matmul => 7,
        Unit::Post | Unit::Load | Unit::Store => 4,
        Unit::Lane => 5,
        Unit::Vector => 4,
        Unit::Scalar => 2,
        Unit::End | Unit::Scrub | Unit::Wait => 0,
    }
}
