// SPDX-License-Identifier: Apache-2.0
//! X: ports of its sub-banks, and what every read finds.

use super::events::{Accesses, FlatRead, OutWrite, Units, Vector, XWrite};
use super::{Checker, Rule};

impl Checker<'_> {
    /// Writes of LOAD, reads and writes of STORE.
    pub(super) fn load_and_store(&mut self, units: &Units) -> Accesses {
        let mut a = Accesses::default();
        let words = i64::from(self.config.x_depth * self.config.groups());
        let in_bytes = i64::from(self.config.in_depth * self.config.cols);
        for l in &units.loads {
            for s in l.what.nest.iter() {
                let step = l.first + s.time;
                let dst = i64::from(l.what.dst_base) + i64::from(s.offset[0]);
                let src = i64::from(l.what.src_base) + i64::from(s.offset[1]);
                self.range(step, l.row, "LOAD", [("X word", dst, words), ("IN byte", src, in_bytes)]);
                let cycle = step + u64::from(self.lat.load_write);
                let mask = l.what.mask & (u32::MAX >> (32 - self.config.cols));
                a.x_writes.push(XWrite { cycle, addr: dst.max(0) as u32, mask, origin: None, row: l.row, unit: "LOAD" });
                a.last_step = a.last_step.max(step);
            }
        }
        for s in &units.stores {
            for step in s.what.nest.iter() {
                let at = s.first + step.time;
                let dst = i64::from(s.what.dst_base) + i64::from(step.offset[0]);
                let src = i64::from(s.what.src_base) + i64::from(step.offset[1]);
                self.range(at, s.row, "STORE", [("OUT word", dst, i64::from(self.config.out_depth)), ("X word", src, words)]);
                let read = at + u64::from(self.lat.store_read);
                a.flats.push(FlatRead { cycle: read, addr: src.max(0) as u32, origin: None, row: s.row, unit: "STORE" });
                let cycle = at + u64::from(self.lat.store_write);
                a.outs.push(OutWrite { cycle, word: dst.max(0) as u32, row: s.row, unit: "STORE" });
                a.last_step = a.last_step.max(at);
            }
        }
        a
    }

    fn range(&mut self, cycle: u64, row: usize, unit: &'static str, values: [(&str, i64, i64); 2]) {
        for (what, value, limit) in values {
            if !(0..limit).contains(&value) {
                self.report.add(Rule::AddressRange, cycle, row, unit, || format!("{what} {value} of {limit}"));
            }
        }
    }

    fn bank(&self, word: u32) -> u32 {
        word / self.config.x_bank_depth()
    }

    /// One read and one write in a sub-bank in a cycle.
    pub(super) fn x_ports(&mut self, vectors: &[Vector], accesses: &mut Accesses) {
        let groups = self.config.groups();
        accesses.flats.sort_by_key(|f| f.cycle);
        let mut before: Option<u64> = None;
        let rows = u64::from(self.config.rows);
        for f in &accesses.flats {
            let unit = f.unit;
            if before == Some(f.cycle) {
                self.report.add(Rule::XReadPort, f.cycle, f.row, unit, || "two flat reads".into());
            }
            before = Some(f.cycle);
            let bank = self.bank(f.addr / groups);
            // Vectors that read in some row in this cycle: X time from cycle - R + 1 to cycle.
            let from = vectors.partition_point(|v| v.t + rows <= f.cycle);
            let hit = vectors[from..].iter().take_while(|v| v.t <= f.cycle).find(|v| v.x.is_some_and(|x| self.bank(x) == bank));
            if let Some(v) = hit {
                self.report.add(Rule::XReadPort, f.cycle, f.row, unit, || {
                    format!("sub-bank {bank} is read by the vector of X time {} (row {})", v.t, v.row)
                });
            }
        }
        accesses.x_writes.sort_by_key(|w| w.cycle);
        for (i, w) in accesses.x_writes.iter().enumerate() {
            let bank = self.bank(w.addr / groups);
            let same =
                accesses.x_writes[i + 1..].iter().take_while(|o| o.cycle == w.cycle).find(|o| self.bank(o.addr / groups) == bank);
            if let Some(o) = same {
                self.report.add(Rule::XWritePort, o.cycle, o.row, o.unit, || {
                    format!("sub-bank {bank} is written by row {} as well", w.row)
                });
            }
        }
    }

    /// What every read of X finds.
    pub(super) fn x_words(&mut self, vectors: &[Vector], accesses: &mut Accesses) {
        let index = Index::new(&mut accesses.x_writes, (self.config.x_depth * self.config.groups()) as usize);
        let (groups, cols) = (self.config.groups(), self.config.cols);
        for v in vectors {
            let Some(x) = v.x else { continue };
            for g in 0..groups {
                let fault = index.read(x * groups + g, v.t, Some(g * cols), cols, Some(v.t));
                if let Some((rule, detail)) = fault {
                    self.report.add(rule, v.t, v.row, "MATMUL", || format!("X word {x} group {g}: {detail}"));
                }
            }
        }
        for f in &accesses.flats {
            if let Some((rule, detail)) = index.read(f.addr, f.cycle, None, cols, f.origin) {
                let unit = f.unit;
                self.report.add(rule, f.cycle, f.row, unit, || {
                    format!("X word {} group {}: {detail}", f.addr / groups, f.addr % groups)
                });
            }
        }
    }
}

/// Writes by address and cycle.
struct Index<'a> {
    writes: &'a [XWrite],
    /// Lanes written by a write and all before it to its word.
    covered: Vec<u32>,
    first: Vec<usize>,
}

impl Index<'_> {
    fn new(writes: &mut [XWrite], words: usize) -> Index<'_> {
        writes.sort_by_key(|w| (w.addr, w.cycle));
        let mut first = vec![0; words + 1];
        let mut covered = Vec::with_capacity(writes.len());
        let mut before: Option<(u32, u32)> = None;
        for w in writes.iter() {
            if let Some(count) = first.get_mut(w.addr as usize + 1) {
                *count += 1;
            }
            let lanes = before.filter(|b| b.0 == w.addr).map_or(0, |b| b.1) | w.mask;
            covered.push(lanes);
            before = Some((w.addr, lanes));
        }
        for i in 0..words {
            first[i + 1] += first[i];
        }
        Index { writes, covered, first }
    }

    /// What is wrong with a read of the word `addr` that is applied in `cycle` (row 0) and reaches
    /// lane i in cycle + `down` + i (rippled) or all lanes at once (flat, `None`), for the vector
    /// of X time `origin`.
    ///
    /// The rule is that of docs/timing.md: the whole word is there before row 0 reads, and stays
    /// until the lowest row has read. That rows below could do with less is not used.
    fn read(&self, addr: u32, cycle: u64, down: Option<u32>, cols: u32, origin: Option<u64>) -> Option<(Rule, String)> {
        let range = *self.first.get(addr as usize)?..*self.first.get(addr as usize + 1)?;
        let writes = &self.writes[range.clone()];
        let seen = writes.partition_point(|w| w.cycle < cycle);
        let lanes = seen.checked_sub(1).map_or(0, |s| self.covered[range.start + s]);
        let all = u32::MAX >> (32 - cols);
        let read_until = |w: &XWrite| cycle + down.map_or(0, |d| u64::from(d + (31 - (w.mask | 1).leading_zeros())));
        if lanes & all != all {
            return Some((Rule::ReadUnwritten, format!("lanes {:#x} are not written before {cycle}", all & !lanes)));
        }
        let later = &writes[seen..];
        if let Some(w) = later.iter().find(|w| w.mask != 0 && w.cycle <= read_until(w)) {
            return Some((Rule::ReadTorn, format!("row {} writes it in {}", w.row, w.cycle)));
        }
        // The result of an earlier vector that comes later than this read.
        let stale = later.iter().find(|w| w.origin.is_some() && w.origin < origin)?;
        Some((Rule::ReadStale, format!("row {} writes it only in {}", stale.row, stale.cycle)))
    }
}
