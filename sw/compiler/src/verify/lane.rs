// SPDX-License-Identifier: Apache-2.0
//! LANE: its flat reads, its taps, and the sums that POST and VECTOR take from it and from the array.

use super::events::{Accesses, FlatRead, Started, Take, Vector};
use super::{Checker, Rule};
use systole_isa::Lane;

const UNIT: &str = "LANE";

impl Checker<'_> {
    /// Flat reads of the lane engine, and the results that it hands over.
    pub(super) fn lanes(&mut self, lanes: &[Started<Lane>], accesses: &mut Accesses) -> Vec<Take> {
        let words = i64::from(self.config.x_depth * self.config.groups());
        let taps = i64::from(self.sizes.tap_words.min(self.config.tap_depth));
        let mut takes = Vec::new();
        for l in lanes {
            let i = l.what;
            let all = |flags: u8, mask: u32| u32::from(!flags) & mask & ((1 << i.nest.loops.len()) - 1) == 0;
            let (mut skip, mut skip_lines) = (0, 0);
            let mut line = 0u64; // steps of this line
            for s in i.nest.iter() {
                let step = l.first + s.time;
                accesses.last_step = accesses.last_step.max(step);
                let x = (i64::from(i.x_base) + i64::from(s.offset[0])).rem_euclid(1 << 16); // the nest's width
                let tap = i64::from(i.tap_base) + i64::from(s.offset[1]);
                let (row, col) = (i.y_base + s.offset[3], i.x_index_base + s.offset[4]);
                let inside = (0..i.y_size as i32).contains(&row) && (0..i.x_size as i32).contains(&col);
                for (what, value, limit, used) in [("X word", x, words, inside), ("tap word", tap, taps, true)] {
                    if used && !(0..limit).contains(&value) {
                        self.report.add(Rule::AddressRange, step, l.row, UNIT, || format!("{what} {value} of {limit}"));
                    }
                }
                let read = step + u64::from(self.lat.lane_read);
                if inside {
                    accesses.flats.push(FlatRead { cycle: read, addr: x as u32, origin: Some(read), row: l.row, unit: UNIT });
                }
                if all(s.at_first, i.row) {
                    (skip, line) = (i.skip, 0);
                }
                if all(s.at_first, i.tile) {
                    skip_lines = i.skip_lines;
                }
                line += 1;
                let (column_last, line_last) = (all(s.at_last, i.column), all(s.at_last, i.line));
                if column_last && line_last && skip == 0 && skip_lines == 0 {
                    let cycle = step + u64::from(self.lat.lane_take);
                    takes.push(Take { cycle, origin: read, row: l.row, unit: UNIT });
                }
                skip -= u32::from(column_last && skip > 0);
                if all(s.at_last, i.row) {
                    skip_lines -= u32::from(line_last && skip_lines > 0);
                    if !(3..=u64::from(self.config.line_depth)).contains(&line) {
                        self.report.add(Rule::LaneLine, step, l.row, UNIT, || format!("{line} columns"));
                    }
                }
            }
        }
        takes
    }

    /// All that POST and VECTOR take, in order.
    pub(super) fn takes(&self, vectors: &[Vector], mut lanes: Vec<Take>) -> Vec<Take> {
        let take = u64::from(self.lat.post_take);
        let ends = vectors.iter().filter(|v| v.ends);
        lanes.extend(ends.map(|v| Take { cycle: v.t + take, origin: v.t, row: v.row, unit: "MATMUL" }));
        lanes.sort_by_key(|t| t.cycle);
        lanes
    }
}
