// SPDX-License-Identifier: Apache-2.0
//! What a run writes to X, W SRAM and OUT: results of POST and of the vector unit, LOAD and STORE; and the record of it.

use super::run::{OUT_WRITE, Run, W_WRITE, X_FLAT, X_WRITE};
use super::walk::Walk;
use super::{Machine, rule};
use crate::MachineError;
use systole_isa::program::PostDest;
use systole_isa::writes::{Place, Write};

/// A word that a run wrote, and the row of the timetable whose instruction wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The row.
    pub row: usize,
    /// The unit.
    pub unit: &'static str,
    /// The word.
    pub write: Write,
}

impl Machine {
    /// Records every word that runs write.
    pub fn record_writes(&mut self) {
        self.written = Some(vec![]);
    }

    /// The words that the runs since then wrote to X, W SRAM and OUT, in the order of cycles; forgets them.
    pub fn take_writes(&mut self) -> Vec<Written> {
        let mut all = self.written.replace(vec![]).unwrap_or_default();
        all.sort_by_key(|w| (w.write.cycle, w.write.place, w.write.address));
        all
    }

    /// Notes a word, where words are recorded.
    pub(super) fn note(
        &mut self,
        (row, unit): (usize, &'static str),
        cycle: u64,
        place: Place,
        address: u32,
        lanes: u32,
        data: &[u8],
    ) {
        if let Some(all) = &mut self.written {
            all.push(Written { row, unit, write: Write { cycle, place, address, lanes, data: data.to_vec() } });
        }
    }

    /// Index of lane 0 of the C-byte word `address` of X.
    #[inline]
    pub(super) fn x_at(&self, address: u32) -> usize {
        let groups = self.config.groups();
        let word = (address / groups) as usize % self.config.x_depth as usize;
        word * self.config.rows as usize + (address % groups * self.config.cols) as usize
    }

    /// Writes a word of codes where `dest` says.
    pub(super) fn result_write(
        &mut self,
        run: &mut Run,
        by: (usize, &'static str),
        dest: PostDest,
        dst: u32,
        codes: &[i8],
        cycle: u64,
    ) -> Result<(), MachineError> {
        let (r, c) = (self.config.rows as usize, self.config.cols as usize);
        match dest {
            PostDest::X => run.events[X_WRITE] += 1,
            PostDest::WColumn | PostDest::WRow => run.events[W_WRITE] += 1,
            PostDest::Out | PostDest::OutRaw32 => {}
        }
        let place = match dest {
            PostDest::X => Some(Place::X),
            PostDest::WColumn => Some(Place::WColumn),
            PostDest::WRow => Some(Place::WRow),
            PostDest::Out | PostDest::OutRaw32 => None, // noted where it is written
        };
        if let Some(place) = place.filter(|_| self.written.is_some()) {
            self.note(by, cycle, place, dst, u32::MAX, &codes.iter().map(|&v| v as u8).collect::<Vec<u8>>());
        }
        match dest {
            PostDest::X => {
                let at = self.x_at(dst);
                self.x[at..at + c].copy_from_slice(codes);
            }
            PostDest::WColumn => {
                let groups = self.config.groups() as usize;
                let (group, lane) = (dst as usize % groups, dst as usize / groups % c);
                let word = dst as usize / groups / c % self.config.w_sram_depth as usize;
                for (i, &v) in codes.iter().enumerate() {
                    self.w_sram[(word * r + group * c + i) * c + lane] = v;
                }
            }
            PostDest::WRow => {
                let (row, word) = (dst as usize % r, dst as usize / r % self.config.w_sram_depth as usize);
                self.w_sram[(word * r + row) * c..][..c].copy_from_slice(codes);
            }
            PostDest::Out | PostDest::OutRaw32 => {
                let bytes: Vec<u8> = codes.iter().map(|&v| v as u8).collect();
                self.out_write(run, by, dst, &bytes, cycle)?;
            }
        }
        Ok(())
    }

    /// Writes a word of OUT, for a row and its unit.
    pub(super) fn out_write(
        &mut self,
        run: &mut Run,
        (row, unit): (usize, &'static str),
        word: u32,
        bytes: &[u8],
        cycle: u64,
    ) -> Result<(), MachineError> {
        if cycle >= run.l.end {
            return rule(cycle, run.l.end_row, "END", "an OUT write comes later");
        }
        let stays = run.out_port.as_mut().map_or(Ok(true), |o| o.write(cycle, word, row, unit))?;
        run.events[OUT_WRITE] += 1;
        self.note((row, unit), cycle, Place::Out, word, u32::MAX, bytes);
        let at = word as usize * bytes.len();
        let Some(place) = run.out.get_mut(at..at + bytes.len()) else {
            return rule(cycle, row, unit, format!("OUT word {word} is beyond the buffer"));
        };
        if stays {
            place.copy_from_slice(bytes);
        }
        Ok(())
    }

    pub(super) fn load_step(&mut self, run: &mut Run, index: usize, walk: &mut Walk) -> Result<(), MachineError> {
        let s = &run.l.loads[index];
        run.events[X_WRITE] += 1;
        let (i, c) = (&s.what, self.config.cols as usize);
        let (dst, src) = (walk.at[0] as u32 & 0xffff, walk.at[1] as u32 as usize);
        if i.fill.is_none() && src >= (self.config.in_depth * self.config.cols) as usize {
            return rule(walk.time, s.row, "LOAD", format!("IN byte {src} is beyond the buffer"));
        }
        let at = self.x_at(dst);
        for lane in (0..c).filter(|lane| i.mask >> lane & 1 == 1) {
            let from = src + (lane + c - i.rotate as usize % c) % c;
            self.x[at + lane] = i.fill.unwrap_or_else(|| run.input.get(from).map_or(0, |&b| b as i8));
        }
        if self.written.is_some() {
            let data: Vec<u8> = self.x[at..at + c].iter().map(|&v| v as u8).collect();
            self.note((s.row, "LOAD"), walk.time + u64::from(self.latency.load_write), Place::X, dst, i.mask, &data);
        }
        walk.step();
        Ok(())
    }

    pub(super) fn store_step(&mut self, run: &mut Run, index: usize, walk: &mut Walk) -> Result<(), MachineError> {
        let (dst, src) = (walk.at[0] as u32 & 0xffff, walk.at[1] as u32 & 0xffff);
        run.events[X_FLAT] += 1;
        let at = self.x_at(src);
        let bytes: Vec<u8> = self.x[at..at + self.config.cols as usize].iter().map(|&v| v as u8).collect();
        let cycle = walk.time + u64::from(self.latency.store_write);
        walk.step();
        self.out_write(run, (run.l.stores[index].row, "STORE"), dst, &bytes, cycle)
    }
}
