// SPDX-License-Identifier: Apache-2.0
//! MATMUL: its vectors, weights and accumulators.

use super::events::{Accesses, Started, Vector};
use super::{Checker, Rule};
use std::collections::VecDeque;
use systole_isa::program::Register;
use systole_isa::{Matmul, Scrub};

const UNIT: &str = "MATMUL";

impl Checker<'_> {
    /// Every vector, by step.
    pub(super) fn array(&mut self, matmuls: &[Started<Matmul>]) -> Vec<Vector> {
        let mut vectors = Vec::new();
        for m in matmuls {
            let i = m.what;
            let inside = i.hold.min(i.nest.loops.len() as u32) as usize;
            if let Some(l) = i.nest.loops[..inside].iter().position(|l| l.count > 1 && l.d[1] != 0) {
                self.report.add(Rule::HoldJump, m.first, m.row, UNIT, || format!("loop {l}, d1 = {}", i.nest.loops[l].d[1]));
            }
            if inside < i.hold as usize && i.hold > 7 {
                self.report.add(Rule::Encoding, m.first, m.row, UNIT, || format!("hold = {}", i.hold));
            }
            if i.w_zero != 0 && !self.config.weight_zero {
                self.report.add(Rule::WeightZero, m.first, m.row, UNIT, || format!("w_zero = {}", i.w_zero));
            }
            let w_words = if i.w_sram { self.config.w_sram_depth } else { self.sizes.rram_words.min(self.config.rram_depth) };
            let reduce = i.reduce as u8;
            let further = i.one_hot.map(|h| (h.register, h.row));
            // Of a table by TOK only the first entry is known to be there.
            let entries = match further {
                Some((Register::Pos, row)) => i64::from((self.pos.1 + u32::from(row)) / self.config.rows),
                _ => 0,
            };
            for s in i.nest.iter() {
                let step = m.first + s.time;
                let loads = s.stepped.is_none_or(|l| l >= i.hold as usize);
                let padded = i.pad.is_some_and(|p| {
                    let (y, x) = (p.y_base + s.offset[3], p.x_base + s.offset[4]);
                    y < 0 || x < 0 || y >= p.y_size as i32 || x >= p.x_size as i32
                });
                let x = (i64::from(i.x_base) + i64::from(s.offset[0])).rem_euclid(1 << 16); // the nest's width
                let w = i64::from(i.w_base) + i64::from(s.offset[1]);
                let acc = i64::from(i.acc_base) + i64::from(s.offset[2]);
                for (what, value, limit, used) in [
                    ("X word", x, self.config.x_depth, !padded && further.is_none()),
                    ("weight word", w, w_words, loads),
                    ("weight word", w + entries, w_words, loads && entries > 0),
                    ("accumulator", acc, self.config.acc_depth, true),
                ] {
                    if used && !(0..i64::from(limit)).contains(&value) {
                        self.report.add(Rule::AddressRange, step, m.row, UNIT, || format!("{what} {value} of {limit}"));
                    }
                }
                vectors.push(Vector {
                    step,
                    t: step + u64::from(self.lat.w_lead),
                    x: (!padded && further.is_none()).then_some(x as u32),
                    w: w.max(0) as u32,
                    acc: acc.max(0) as u32,
                    loads,
                    sram: i.w_sram,
                    further,
                    starts: i.first && reduce & !s.at_first & mask(i.nest.loops.len()) == 0,
                    ends: i.last && reduce & !s.at_last & mask(i.nest.loops.len()) == 0,
                    row: m.row,
                });
            }
        }
        vectors.sort_by_key(|v| v.step);
        vectors
    }

    /// Reads of SCRUB against weight loads: where a line lies is not known here, so that it takes every way.
    pub(super) fn scrubs(&mut self, scrubs: &[Started<Scrub>], vectors: &[Vector]) {
        let (beats, ways) = (u64::from(self.config.weight_beats), u64::from(self.config.rram_ways));
        let apart = beats - 1 + ways;
        let loads: Vec<&Vector> = vectors.iter().filter(|v| v.loads).collect();
        for s in scrubs {
            for n in 0..2 * u64::from(s.what.lines) {
                let read = s.first + u64::from(self.lat.scrub_read) + n * u64::from(self.config.rows);
                let near = loads.partition_point(|v| v.step + apart <= read);
                if let Some(v) = loads.get(near).filter(|v| v.step < read + apart) {
                    self.report.add(Rule::ScrubRead, read, s.row, "SCRUB", || format!("a weight load is in {}", v.step));
                }
            }
        }
    }

    /// Distance of weight loads, and RRAM ways.
    pub(super) fn weights(&mut self, vectors: &[Vector]) {
        let (beats, ways) = (u64::from(self.config.weight_beats), u64::from(self.config.rram_ways));
        let mut before: Option<u64> = None;
        // Sub-words asked for, not longer ago than ways rest: when, in which way, and how far on if not known.
        let mut asked: VecDeque<(u64, u64, Option<(Register, u8)>)> = VecDeque::new();
        for v in vectors.iter().filter(|v| v.loads) {
            if let Some(b) = before.filter(|b| v.step < b + beats) {
                self.report.add(Rule::WeightDistance, v.step, v.row, UNIT, || format!("the load before is in {b}, D = {beats}"));
            }
            before = Some(v.step);
            if v.sram {
                continue;
            }
            for beat in 0..beats {
                let (cycle, sub) = (v.step + beat, u64::from(v.w) * beats + beat);
                let way = sub % ways;
                while asked.front().is_some_and(|a| a.0 + ways <= cycle) {
                    asked.pop_front();
                }
                // Words that lie as far on as each other keep their distance; otherwise any way may be meant.
                if let Some((b, ..)) = asked.iter().find(|a| a.2 != v.further || a.1 == way) {
                    let which = if v.further.is_some() { "a way by a register," } else { "way" };
                    self.report
                        .add(Rule::RramWay, cycle, v.row, UNIT, || format!("{which} {way} for sub-word {sub} was asked in {b}"));
                }
                asked.push_back((cycle, way, v.further));
            }
        }
    }

    /// Sums in order, by accumulator.
    pub(super) fn accumulators(&mut self, vectors: &[Vector]) {
        // Row and step of the vector that added last to a sum that has not ended.
        let mut open: Vec<Option<(usize, u64)>> = vec![None; self.config.acc_depth as usize];
        for v in vectors {
            let Some(slot) = open.get_mut(v.acc as usize) else {
                continue;
            };
            if v.starts && slot.is_some() {
                self.report.add(Rule::Accumulator, v.step, v.row, UNIT, || {
                    format!("a sum starts in accumulator {} where another has not ended", v.acc)
                });
            }
            if !v.starts && slot.is_none() {
                self.report.add(Rule::Accumulator, v.step, v.row, UNIT, || {
                    format!("a sum goes on in accumulator {} where none has started", v.acc)
                });
            }
            *slot = (!v.ends).then_some((v.row, v.step));
        }
        for (acc, slot) in open.into_iter().enumerate() {
            if let Some((row, step)) = slot {
                self.report.add(Rule::Accumulator, step, row, UNIT, || format!("the sum in accumulator {acc} never ends"));
            }
        }
    }

    /// Reads of run-time weights against the writes of results: those of earlier vectors and steps come before, those of
    /// later ones behind, and something was written.
    pub(super) fn w_sram(&mut self, vectors: &[Vector], accesses: &Accesses) {
        let mut writes = accesses.w_writes.clone();
        writes.sort_by_key(|w| (w.word, w.cycle));
        let lead = u64::from(self.lat.w_sram_read);
        let words = self.config.w_sram_depth as usize;
        // Where regions that are appended to begin and end, summed up.
        let mut cached = vec![0i32; words + 1];
        for &(from, behind) in &accesses.appended {
            cached[(from as usize).min(words)] += 1;
            cached[(behind as usize).min(words)] -= 1;
        }
        for i in 0..words {
            cached[i + 1] += cached[i];
        }
        for v in vectors.iter().filter(|v| v.loads && v.sram) {
            let from = writes.partition_point(|w| w.word < v.w);
            let mut written = cached.get(v.w as usize).is_none_or(|&c| c > 0) || v.further.is_some();
            for w in writes[from..].iter().take_while(|w| w.word == v.w) {
                let (first, count) = w.rows;
                let (earlier, read) = (w.origin < v.t, v.step + lead);
                written |= earlier;
                // Row i reads in step + lead + i and sees writes of cycles before.
                let bad = if earlier {
                    (first..first + count).find(|&i| w.cycle >= read + u64::from(i))
                } else {
                    (first..first + count).rfind(|&i| w.cycle < read + u64::from(i))
                };
                if let Some(i) = bad {
                    self.report.add(Rule::WSram, read + u64::from(i), v.row, UNIT, || {
                        format!("word {} in row {i} is written in {} by row {}", v.w, w.cycle, w.row)
                    });
                }
            }
            if !written {
                self.report.add(Rule::WUnwritten, v.step + lead, v.row, UNIT, || format!("word {}", v.w));
            }
        }
    }
}

fn mask(loops: usize) -> u8 {
    (0..loops).fold(0, |m, l| m | 1 << l)
}
