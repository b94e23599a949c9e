// SPDX-License-Identifier: Apache-2.0
//! The lane engine in a run: one channel a lane, sums over windows that slide along lines.

use super::run::{LANE, Run, X_FLAT};
use super::walk::Walk;
use super::{Machine, rule};
use crate::MachineError;
use systole_isa::Lane;

/// Where the windows stand.
pub(super) struct Windows {
    /// Running sums of the three windows that the column is in, `[sum][lane]`.
    sums: [[i32; 32]; 3],
    /// The two lines above, `[column][line][lane]`, and how many of them count.
    lines: Vec<[[i32; 32]; 2]>,
    above: usize,
    column: usize,
    /// Results of the line, and lines of results, that are still left out.
    skip: u32,
    skip_lines: u32,
}

impl Windows {
    pub(super) fn new(columns: u32) -> Windows {
        let lines = vec![[[0; 32]; 2]; columns as usize];
        Windows { sums: [[0; 32]; 3], lines, above: 0, column: 0, skip: 0, skip_lines: 0 }
    }

    /// At the first step of a line sums start, at that of a C-byte word lines do.
    fn start(&mut self, i: &Lane, walk: &Walk) {
        if walk.all(i.row, false) {
            self.sums = [[0; 32]; 3];
            (self.skip, self.column) = (i.skip, 0);
        }
        if walk.all(i.tile, false) {
            (self.skip_lines, self.above) = (i.skip_lines, 0);
        }
    }

    /// Three products a lane and line join the sums; the sums of the window that is complete then. `taps` is `[line][lane]`.
    fn add(&mut self, newest: [i32; 32], taps: &[[i16; 3]], c: usize) -> [i32; 32] {
        let lines = &mut self.lines[self.column];
        let above = [if self.above >= 1 { lines[0] } else { [0; 32] }, if self.above >= 2 { lines[1] } else { [0; 32] }];
        for (line, values) in [newest, above[0], above[1]].iter().enumerate() {
            for (lane, &v) in values[..c].iter().enumerate() {
                for (sum, &w) in self.sums.iter_mut().zip(&taps[line * c + lane]) {
                    sum[lane] += v * i32::from(w);
                }
            }
        }
        *lines = [newest, above[0]];
        let complete = self.sums[0];
        self.sums = [self.sums[1], self.sums[2], [0; 32]];
        complete
    }

    /// Goes on to the next column, perhaps of the next line. Whether the window that is complete is a result.
    fn go_on(&mut self, i: &Lane, walk: &Walk) -> bool {
        let (column_last, line_last) = (walk.all(i.column, true), walk.all(i.line, true));
        let result = column_last && line_last && self.skip == 0 && self.skip_lines == 0;
        self.skip -= u32::from(column_last && self.skip > 0);
        self.column += 1;
        if walk.all(i.row, true) {
            self.skip_lines -= u32::from(line_last && self.skip_lines > 0);
            self.above = (self.above + 1).min(2);
        }
        result
    }
}

impl Machine {
    /// A step of the lane engine: three products a lane, and perhaps a result.
    pub(super) fn lane_step(&mut self, run: &mut Run, index: usize, walk: &mut Walk) -> Result<(), MachineError> {
        let s = &run.l.lanes[index];
        let (i, cycle, c) = (&s.what, walk.time, self.config.cols as usize);
        let [x, tap, _, row, col] = walk.at;
        run.windows.start(i, walk);
        let at = (tap as u32 & 0xffff) as usize * 4 * c;
        let Some(taps) = run.l.taps.get(at..at + 4 * c) else {
            return rule(cycle, s.row, "LANE", format!("tap word {tap} is beyond the image's {}", run.l.taps.len() / 4 / c));
        };
        if run.windows.column >= run.windows.lines.len() {
            return rule(cycle, s.row, "LANE", format!("a line of more than {} columns", run.windows.column));
        }
        let mut newest = [0; 32];
        if (0..i.y_size as i32).contains(&row) && (0..i.x_size as i32).contains(&col) {
            run.events[LANE] += 1;
            run.events[X_FLAT] += 1;
            let at = self.x_at(x as u32 & 0xffff);
            for (v, &byte) in newest.iter_mut().zip(&self.x[at..at + c]) {
                *v = i32::from(byte) - i32::from(i.zero_point);
            }
        }
        let complete = run.windows.add(newest, taps, c);
        let result = run.windows.go_on(i, walk);
        walk.step();
        if result { self.take(run, s.row, &complete, cycle + u64::from(self.latency.lane_take)) } else { Ok(()) }
    }
}
