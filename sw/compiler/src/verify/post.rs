// SPDX-License-Identifier: Apache-2.0
//! POST: which instruction takes which vector, and when its result is written.

use super::events::{Accesses, FlatRead, OutWrite, Output, Started, Take, Units, WWrite, Written, XWrite};
use super::rule::Report;
use super::{Checker, Rule};
use std::iter::Peekable;
use systole_isa::nest::{Step, Steps};
use systole_isa::program::Source;
use systole_isa::{Nest, Post, PostDest};

const UNIT: &str = "POST";

/// A step of a VECTOR that sums of the array or the lane engine make: its number among the VECTORs.
pub(super) struct Taken {
    pub index: usize,
    pub step: Step,
    pub take: Take,
}

/// An instruction that is stepped by sums; one without a nest ends the one before.
struct Stepped<'a> {
    first: u64,
    row: usize,
    index: usize,
    nest: Option<&'a Nest>,
}

/// The instructions of POST or VECTOR, one active at a time.
struct Queue<'a> {
    unit: &'static str,
    waiting: Peekable<std::vec::IntoIter<Stepped<'a>>>,
    active: Option<(Stepped<'a>, Peekable<Steps<'a>>)>,
}

impl<'a> Queue<'a> {
    fn new(unit: &'static str, mut list: Vec<Stepped<'a>>) -> Queue<'a> {
        list.sort_by_key(|s| s.first);
        Queue { unit, waiting: list.into_iter().peekable(), active: None }
    }

    /// Goes on to the instruction that is active in `cycle`; whether it has a step to come.
    fn armed(&mut self, cycle: u64, report: &mut Report) -> bool {
        while let Some(next) = self.waiting.next_if(|s| s.first <= cycle) {
            self.over(Some(next.first), report);
            self.active = next.nest.map(|n| (next, n.iter().peekable()));
        }
        self.active.as_mut().is_some_and(|(_, steps)| steps.peek().is_some())
    }

    /// The active instruction must have had all its vectors.
    fn over(&mut self, next: Option<u64>, report: &mut Report) {
        let Some((s, mut steps)) = self.active.take() else { return };
        if steps.peek().is_none() {
            return;
        }
        match next {
            None => report.add(Rule::PostWindow, s.first, s.row, self.unit, || "fewer vectors come than it has steps".into()),
            Some(cycle) => report.add(Rule::PostWindow, cycle, s.row, self.unit, || {
                format!("the next {} starts in {cycle}, before its last vector", self.unit)
            }),
        }
    }

    fn step(&mut self) -> Option<(&Stepped<'a>, Step)> {
        let (s, steps) = self.active.as_mut()?;
        Some((s, steps.next()?))
    }

    fn finish(mut self, report: &mut Report) {
        self.over(None, report);
        for s in self.waiting.filter(|s| s.nest.is_some()) {
            report.add(Rule::PostWindow, s.first, s.row, self.unit, || "no vector comes for it".into());
        }
    }
}

impl Checker<'_> {
    /// Every result of POST, in the order of the vectors; and what VECTOR takes.
    pub(super) fn results(&mut self, units: &Units, takes: &[Take]) -> (Vec<Written>, Vec<Taken>) {
        for p in &units.posts {
            let limit = self.sizes.luts.min(self.config.lut_count);
            if let Some(lut) = p.what.lut.filter(|&l| l >= limit) {
                self.report.add(Rule::AddressRange, p.first, p.row, UNIT, || format!("lookup table {lut} of {limit}"));
            }
        }
        let posts = units.posts.iter().enumerate();
        let posts = posts.map(|(index, p)| Stepped { first: p.first, row: p.row, index, nest: Some(&p.what.nest) });
        let mut posts_queue = Queue::new(UNIT, posts.collect());
        let vectors = units.vectors.iter().enumerate().map(|(index, v)| {
            let nest = (v.what.src == Source::Array).then_some(&v.what.nest);
            Stepped { first: v.first, row: v.row, index, nest }
        });
        let mut vectors_queue = Queue::new("VECTOR", vectors.collect());
        let (mut results, mut taken) = (Vec::new(), Vec::new());
        // The take before, and whether it was VECTOR's.
        let mut before: Option<(&Take, bool)> = None;
        for v in takes {
            let (post, vector) = (posts_queue.armed(v.cycle, &mut self.report), vectors_queue.armed(v.cycle, &mut self.report));
            if let Some((b, by_vector)) = before {
                let apart = if by_vector || vector { 1 } else { u64::from(self.lat.post_distance) };
                if v.cycle < b.cycle + apart || b.origin >= v.origin {
                    self.report.add(Rule::TakeOrder, v.cycle, v.row, v.unit, || {
                        format!("it is read in {}; taken before it, in {}, is one read in {}", v.origin, b.cycle, b.origin)
                    });
                }
            }
            before = Some((v, vector));
            if post && vector {
                self.report.add(Rule::BothArmed, v.cycle, v.row, v.unit, || format!("its sum is there in {}", v.cycle));
            }
            if vector {
                if let Some((s, step)) = vectors_queue.step() {
                    taken.push(Taken { index: s.index, step, take: *v });
                }
            } else if let Some((s, step)) = posts_queue.step() {
                let p = &units.posts[s.index];
                let [dst, param, res, ..] = step.offset.map(i64::from);
                results.push(self.result(p, v, dst, param, res));
            } else {
                self.report.add(Rule::PostNotArmed, v.cycle, v.row, v.unit, || {
                    format!("a sum is there in {}, and no instruction has one to come", v.cycle)
                });
            }
        }
        posts_queue.finish(&mut self.report);
        vectors_queue.finish(&mut self.report);
        results.sort_by_key(|r| r.cycle);
        (results, taken)
    }

    fn result(&mut self, p: &Started<Post>, take: &Take, dst: i64, param: i64, res: i64) -> Written {
        let i = p.what;
        let raw = i.dest == PostDest::OutRaw32;
        let write = take.cycle + u64::from(self.lat.take_to_write(!raw && i.lut.is_some(), !raw && i.residual.is_some()));
        let (dst, param) = (i64::from(i.dst_base) + dst, i64::from(i.param_base) + param);
        let (groups, rows, cols) = (self.config.groups(), self.config.rows, self.config.cols);
        let dst_limit = match i.dest {
            PostDest::X => self.config.x_depth * groups,
            PostDest::WColumn => self.config.w_sram_depth * cols * groups,
            PostDest::WRow => self.config.w_sram_depth * rows,
            PostDest::Out => self.config.out_depth,
            PostDest::OutRaw32 => self.config.out_depth.saturating_sub(3),
        };
        let res = i64::from(i.residual.map_or(0, |r| r.base)) + res;
        let has_res = !raw && i.residual.is_some();
        for (what, value, limit, used) in [
            ("destination", dst, dst_limit, true),
            ("parameter word", param, self.sizes.param_words.min(self.config.param_depth), true),
            ("residual operand", res, self.config.x_depth * groups, has_res),
        ] {
            if used && !(0..i64::from(limit)).contains(&value) {
                self.report.add(Rule::AddressRange, write, p.row, UNIT, || format!("{what} {value} of {limit}"));
            }
        }
        let lut = if i.lut.is_some() { self.lat.lut } else { 0 };
        let flat = take.cycle + u64::from(self.lat.residual_read + lut);
        Written {
            take: take.cycle,
            cycle: write,
            origin: take.origin,
            dest: i.dest,
            addr: dst.max(0) as u32,
            flat: has_res.then_some((flat, res.max(0) as u32)),
            row: p.row,
        }
    }

    /// One result a cycle, and where each goes.
    pub(super) fn add_results(&mut self, results: &[Written], accesses: &mut Accesses) {
        // First cycle after the results so far.
        let mut free = 0;
        for r in results {
            if r.cycle < free {
                self.report.add(Rule::ResultCollision, r.cycle, r.row, UNIT, || {
                    format!("results take POST's output until {}", free - 1)
                });
            }
            let beats = if r.dest == PostDest::OutRaw32 { 4 } else { 1 };
            free = free.max(r.cycle + beats.max(u64::from(self.lat.post_distance)));
            accesses.outputs.push(Output { cycle: r.cycle, beats, row: r.row, unit: UNIT });
            if let Some((cycle, addr)) = r.flat {
                accesses.flats.push(FlatRead { cycle, addr, origin: Some(r.origin), row: r.row, unit: UNIT });
            }
            let (groups, cols) = (self.config.groups(), self.config.cols);
            let w = |word, rows| WWrite { cycle: r.cycle, word, rows, origin: r.origin, row: r.row };
            match r.dest {
                PostDest::X => accesses.x_writes.push(XWrite {
                    cycle: r.cycle,
                    addr: r.addr,
                    mask: u32::MAX >> (32 - cols),
                    origin: Some(r.origin),
                    row: r.row,
                    unit: UNIT,
                }),
                PostDest::WColumn => {
                    let rows = (r.addr % groups * cols, cols);
                    accesses.w_writes.push(w(r.addr / groups / cols, rows));
                }
                PostDest::WRow => {
                    let rows = self.config.rows;
                    accesses.w_writes.push(w(r.addr / rows, (r.addr % rows, 1)));
                }
                PostDest::Out | PostDest::OutRaw32 => {
                    accesses.outs.extend((0..beats).map(|b| OutWrite {
                        cycle: r.cycle + b,
                        word: r.addr + b as u32,
                        row: r.row,
                        unit: UNIT,
                    }));
                }
            }
        }
    }
}
