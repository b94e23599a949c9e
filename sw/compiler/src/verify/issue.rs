// SPDX-License-Identifier: Apache-2.0
//! Rows: order, spacing, encoding, and units that are still busy.

use super::events::{Started, Units};
use super::{Checker, MOST_STEPS, Rule};
use systole_isa::program::Source;
use systole_isa::{Instruction, Nest, Program};

/// Cycles from the first to the last step, without overflow.
fn span(nest: &Nest) -> u64 {
    let mut idle = 0u64;
    let mut steps = 1u64;
    for l in &nest.loops {
        let count = u64::from(l.count);
        idle = idle.saturating_mul(count).saturating_add((count - 1) * u64::from(l.gap));
        steps = steps.saturating_mul(count);
    }
    (steps - 1).saturating_add(idle)
}

fn steps(nest: &Nest) -> u64 {
    nest.loops.iter().fold(1u64, |s, l| s.saturating_mul(u64::from(l.count)))
}

impl Checker<'_> {
    /// Rows as they stand in the timetable, which LENC only moves apart; `false` where nothing more can be said.
    pub(super) fn rows(&mut self, program: &Program, longest: u32) -> bool {
        let mut total = 0u64;
        let mut sound = true;
        let rows = &program.rows;
        for (row, r) in rows.iter().enumerate() {
            let unit = r.instruction.unit().name();
            let mut refuse = |detail: String| {
                self.report.add(Rule::Encoding, r.cycle, row, unit, || detail);
                sound = false;
            };
            if let Err(e) = r.instruction.encode() {
                refuse(e.to_string());
            }
            if r.cycle > u64::from(u32::MAX) {
                refuse("a row's cycle has 32 bits".into());
            }
            let len = r.instruction.nest().and_then(|n| n.loops.iter().find(|l| l.len));
            if let Some(l) = len.filter(|l| l.count.saturating_add(longest) > 1 << 14) {
                refuse(format!("{} iterations and LENC = {longest} more, a loop counts to 16384", l.count));
            }
            let takes_len = matches!(r.instruction, Instruction::Matmul(_) | Instruction::Vector(_) | Instruction::Scalar(_));
            if len.is_some() && !takes_len {
                refuse("only loops of MATMUL, VECTOR and SCALAR have len".into());
            }
            if let Instruction::Matmul(m) = &r.instruction
                && m.one_hot.is_some()
                && m.nest.loops.iter().any(|l| l.d[0] != 0)
            {
                refuse("with one_hot all d0 are 0".into());
            }
            let missing = match &r.instruction {
                Instruction::Lane(_) if self.config.lane_taps == 0 => Some("this machine has no lane engine"),
                Instruction::Vector(_) | Instruction::Scalar(_) | Instruction::Wait(_) if self.config.vec_lanes == 0 => {
                    Some("this machine has no vector unit")
                }
                Instruction::Matmul(m) if m.one_hot.is_some() && self.config.vec_lanes == 0 => {
                    Some("this machine has no vector unit, and no one_hot")
                }
                _ if len.is_some() && self.config.vec_lanes == 0 => Some("this machine has no vector unit, and no len"),
                _ => None,
            };
            if let Some(missing) = missing {
                self.report.add(Rule::Encoding, r.cycle, row, unit, || missing.into());
            }
            if let Instruction::Wait(w) = &r.instruction
                && w.each > 0xffff
            {
                self.report.add(Rule::Encoding, r.cycle, row, unit, || format!("{} cycles, it has 16 bits", w.each));
            }
            let is_end = r.instruction == Instruction::End;
            if is_end != (row + 1 == rows.len()) {
                let detail = if is_end { "a row behind END" } else { "the last row is not END" };
                self.report.add(Rule::RowOrder, r.cycle, row, unit, || detail.into());
                sound = false;
            }
            if let Some(before) = row.checked_sub(1).map(|b| &rows[b]) {
                let least = before.instruction.words().max(self.lat.row_spacing);
                if r.cycle <= before.cycle {
                    self.report.add(Rule::RowOrder, r.cycle, row, unit, || format!("the row before is at {}", before.cycle));
                } else if r.cycle < before.cycle + u64::from(least) {
                    self.report.add(Rule::RowSpacing, r.cycle, row, unit, || {
                        format!("the row before is at {} with {} words", before.cycle, before.instruction.words())
                    });
                }
            }
            if let Instruction::Scrub(scrub) = &r.instruction {
                total = total.saturating_add(2 * u64::from(scrub.lines));
            }
            if let Some(nest) = r.instruction.nest() {
                if nest.loops.iter().all(|l| (1..=1 << 14).contains(&l.count)) {
                    total = total.saturating_add(steps(&nest.at(longest)));
                } else {
                    sound = false;
                }
            }
        }
        if rows.is_empty() {
            self.report.add(Rule::RowOrder, 0, 0, "END", || "the timetable is empty".into());
            return false;
        }
        if total > MOST_STEPS {
            self.report.add(Rule::Encoding, 0, 0, "END", || format!("{total} steps; at most {MOST_STEPS} are checked"));
            return false;
        }
        if sound {
            self.tables(program);
        }
        sound
    }

    /// Instructions by unit, and units that are still busy.
    pub(super) fn units<'p>(&mut self, program: &'p Program, numbers: &[usize]) -> Units<'p> {
        let mut units = Units::default();
        for (&row, r) in numbers.iter().zip(&program.rows) {
            let first = self.lat.first_step(r.cycle, r.instruction.words());
            match &r.instruction {
                Instruction::Matmul(what) => units.matmuls.push(Started { first, row, what }),
                Instruction::Post(what) => units.posts.push(Started { first, row, what }),
                Instruction::Load(what) => units.loads.push(Started { first, row, what }),
                Instruction::Store(what) => units.stores.push(Started { first, row, what }),
                Instruction::Lane(what) => units.lanes.push(Started { first, row, what }),
                Instruction::Scrub(what) => units.scrubs.push(Started { first, row, what }),
                Instruction::Vector(what) => units.vectors.push(Started { first, row, what }),
                Instruction::Scalar(what) => units.scalars.push(Started { first, row, what }),
                Instruction::Wait(_) => {}
                Instruction::End => (units.end, units.end_row) = (r.cycle, row),
            }
        }
        self.busy(&units.matmuls, "MATMUL", |i| Some(span(&i.nest)));
        self.busy(&units.loads, "LOAD", |i| Some(span(&i.nest)));
        self.busy(&units.stores, "STORE", |i| Some(span(&i.nest)));
        self.busy(&units.lanes, "LANE", |i| Some(span(&i.nest)));
        self.busy(&units.scalars, "SCALAR", |i| Some(span(&i.nest)));
        // One that waits for the array's sums has its last step with the last of them.
        self.busy(&units.vectors, "VECTOR", |i| (i.src == Source::V).then(|| span(&i.nest)));
        let (lat, rows) = (self.lat, u64::from(self.config.rows));
        let rest = |lines: u32| u64::from(lat.scrub_read) + (2 * u64::from(lines) - 1) * rows + u64::from(lat.scrub_rest);
        self.busy(&units.scrubs, "SCRUB", |i| Some(rest(i.lines) - 1));
        if let Some(last) = units.scrubs.last() {
            let free = last.first + rest(last.what.lines);
            if units.end < free {
                self.report.add(Rule::EndEarly, units.end, units.end_row, "END", || format!("SCRUB rests from {free} on"));
            }
        }
        units
    }

    fn tables(&mut self, program: &Program) {
        let descriptors = program.encode().map_or(0, |t| t.1.len());
        for (what, used, size) in [
            ("timetable rows", program.rows.len(), self.config.timetable_depth),
            ("descriptor words", descriptors, self.config.desc_depth),
        ] {
            if used > size as usize {
                self.report.add(Rule::Encoding, 0, 0, "END", || format!("{used} {what}, the memory has {size}"));
            }
        }
    }

    fn busy<T>(&mut self, list: &[Started<T>], unit: &'static str, span: impl Fn(&T) -> Option<u64>) {
        for pair in list.windows(2) {
            let last = pair[0].first.saturating_add(span(pair[0].what).unwrap_or(0));
            if pair[1].first <= last {
                self.report
                    .add(Rule::UnitBusy, pair[1].first, pair[1].row, unit, || format!("row {} steps until {last}", pair[0].row));
            }
        }
    }
}
