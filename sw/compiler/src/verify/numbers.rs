// SPDX-License-Identifier: Apache-2.0
//! V and S: their ports, and what every read of a word or a register finds.

use super::events::{Accesses, Touch, UnderWay};
use super::{Checker, Rule};
use std::collections::BTreeMap;

/// What is said of a memory.
struct Memory {
    name: &'static str,
    port: Rule,
    unwritten: Rule,
    order: Rule,
    /// What a write breaks that falls into the cycles of a read.
    meets: Rule,
    meet: fn(&Touch, &Touch) -> bool,
}

const V: Memory = Memory {
    name: "V word",
    port: Rule::VPort,
    unwritten: Rule::VUnwritten,
    order: Rule::VOrder,
    meets: Rule::VReadWrite,
    meet: |read, write| read.cycle == write.cycle && read.beside & write.lanes != 0,
};

const S: Memory = Memory {
    name: "S register",
    port: Rule::SPort,
    unwritten: Rule::SUnwritten,
    order: Rule::SOrder,
    meets: Rule::SHeld,
    // A read sees what was written in cycles before: all of its cycles all of a write, or none of them any.
    meet: |read, write| {
        let first = write.cycle + 1 - u64::from(write.beats);
        write.cycle >= read.cycle && first + 1 < read.cycle + u64::from(read.beats)
    },
};

impl Checker<'_> {
    /// V: a word passes its port in VEC_DISTANCE groups; reads and writes of a word follow each other group by group.
    pub(super) fn v_words(&mut self, accesses: &mut Accesses) {
        let beats = u64::from(self.lat.vec_distance);
        self.port(&V, &accesses.v, |w| (w.cycle, w.cycle + beats - 1));
        self.in_order(&V, &mut accesses.v);
    }

    /// S: one number a cycle. What a VECTOR reads stays for the groups of its lanes, a maximum that grows by them is not read,
    /// and nobody meddles with reductions.
    pub(super) fn s_registers(&mut self, accesses: &mut Accesses) {
        self.port(&S, &accesses.s, |w| (w.cycle + 1 - u64::from(w.beats), w.cycle));
        self.in_order(&S, &mut accesses.s);
        self.one_number(&accesses.s);
        accesses.under_way.sort_by_key(|u| (u.register, u.from));
        for t in &accesses.s {
            let at = accesses.under_way.partition_point(|u| (u.register, u.from) < (t.place, t.order));
            let inside = |u: &&UnderWay| u.register == t.place && t.order < u.to && t.order.1 != u.from.1;
            if let Some(u) = at.checked_sub(1).map(|u| &accesses.under_way[u]).filter(inside) {
                let what = if t.write { "written" } else { "read" };
                self.report.add(Rule::SOrder, t.cycle, t.order.1, t.unit, || {
                    format!("S register {} is {what} while a reduction of row {} goes on", t.place, u.from.1)
                });
            }
        }
    }

    /// A number in S is read, and by all steps of an instruction the same: who reads too early what it was to become, or
    /// what it was of old, is found by this where both are numbers.
    fn one_number(&mut self, touches: &[Touch]) {
        for place in touches.chunk_by(|a, b| a.place == b.place) {
            // Rows that have written so far; of rows that read how many had then.
            let mut writers: Vec<usize> = Vec::new();
            let mut readers: BTreeMap<usize, usize> = BTreeMap::new();
            let mut unread: Option<&Touch> = None;
            for t in place {
                let (row, register) = (t.order.1, t.place);
                if t.write {
                    if let Some(u) = unread.filter(|u| u.order.1 != row) {
                        self.unread(u);
                    }
                    unread = (!t.shown).then_some(t);
                    writers.push(row);
                    continue;
                }
                unread = None;
                let before = readers.insert(row, writers.len()).unwrap_or(writers.len());
                if let Some(other) = writers[before..].iter().find(|&&w| w != row) {
                    self.report.add(Rule::SOrder, t.cycle, row, t.unit, || {
                        format!("S register {register} is written by row {other} between steps that read it")
                    });
                }
            }
            if let Some(u) = unread {
                self.unread(u);
            }
        }
    }

    fn unread(&mut self, t: &Touch) {
        self.report.add(Rule::SUnread, t.cycle, t.order.1, t.unit, || format!("S register {}", t.place));
    }

    /// One write in a cycle; `taken`: the first and last that a write has.
    fn port(&mut self, memory: &Memory, touches: &[Touch], taken: impl Fn(&Touch) -> (u64, u64)) {
        let mut writes: Vec<&Touch> = touches.iter().filter(|t| t.write).collect();
        writes.sort_by_key(|t| taken(t));
        for pair in writes.windows(2) {
            let (then, now) = (pair[0], pair[1]);
            if taken(now).0 <= taken(then).1 {
                self.report.add(memory.port, now.cycle, now.order.1, now.unit, || {
                    format!("{} of row {} writes in {} as well", then.unit, then.order.1, then.cycle)
                });
            }
        }
    }

    /// Reads come behind the writes of earlier steps and before those of later ones, of lanes that both have; writes follow
    /// each other as their steps do.
    fn in_order(&mut self, memory: &Memory, touches: &mut [Touch]) {
        touches.sort_by_key(|t| (t.place, t.order, t.write, t.cycle));
        // Steps that are further apart than anything takes need no look.
        let horizon = u64::from(self.lat.vec_sum.max(self.lat.vec_code) + self.lat.vec_fn + self.lat.scalar_recip + 16);
        for place in touches.chunk_by(|a, b| a.place == b.place) {
            let mut written = 0u32;
            let mut near = 0;
            for (n, now) in place.iter().enumerate() {
                let (row, unit, at) = (now.order.1, now.unit, now.place);
                while place[near].order.0 + horizon < now.order.0 {
                    near += 1;
                }
                if !now.write && now.lanes & !written != 0 {
                    self.report.add(memory.unwritten, now.cycle, row, unit, || match memory.name {
                        "V word" => format!("V word {at}, lanes {:#x}", now.lanes & !written),
                        name => format!("{name} {at}"),
                    });
                }
                written |= if now.write { now.lanes } else { 0 };
                for then in &place[near..n] {
                    self.pair(memory, then, now);
                }
            }
        }
    }

    /// An access and one of a later step.
    fn pair(&mut self, memory: &Memory, then: &Touch, now: &Touch) {
        let (read, write) = match (then.write, now.write) {
            (true, false) => (now, then),
            (false, true) => (then, now),
            (false, false) => return,
            (true, true) => {
                if then.lanes & now.lanes != 0 && then.cycle >= now.cycle && then.order != now.order {
                    self.report.add(memory.order, now.cycle, now.order.1, now.unit, || {
                        let (name, place) = (memory.name, now.place);
                        format!(
                            "{name} {place} is written, and only in {} for an earlier step of row {}",
                            then.cycle, then.order.1
                        )
                    });
                }
                return;
            }
        };
        let (name, place, cycle) = (memory.name, read.place, read.cycle);
        if (memory.meet)(read, write) {
            self.report.add(memory.meets, cycle, read.order.1, read.unit, || {
                format!("{name} {place} is written in {} by row {}", write.cycle, write.order.1)
            });
        }
        if read.lanes & write.lanes == 0 {
            return;
        }
        if then.write && write.cycle >= cycle {
            self.report.add(memory.order, cycle, read.order.1, read.unit, || {
                format!("{name} {place} is read, and written only in {} by an earlier step of row {}", write.cycle, write.order.1)
            });
        }
        if now.write && write.cycle < cycle {
            self.report.add(memory.order, cycle, read.order.1, read.unit, || {
                format!(
                    "{name} {place} is read, and written before, in {}, by a later step of row {}",
                    write.cycle, write.order.1
                )
            });
        }
    }
}
