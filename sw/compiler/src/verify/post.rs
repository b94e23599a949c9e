// SPDX-License-Identifier: Apache-2.0
//! POST: which instruction takes which vector, and when its result is written.

use super::events::{Accesses, FlatRead, OutWrite, Started, Take, WWrite, Written, XWrite};
use super::{Checker, Rule};
use systole_isa::nest::Steps;
use systole_isa::{Post, PostDest};

const UNIT: &str = "POST";

impl Checker<'_> {
    /// Every result, in the order of the vectors.
    pub(super) fn results(&mut self, posts: &[Started<Post>], takes: &[Take]) -> Vec<Written> {
        let mut order: Vec<&Started<Post>> = posts.iter().collect();
        order.sort_by_key(|p| p.first);
        for p in &order {
            let range = |what, value: u32, limit: u32, on: bool| (on && value >= limit).then_some((what, value, limit));
            let lut =
                range("lookup table", p.what.lut.unwrap_or(0), self.sizes.luts.min(self.config.lut_count), p.what.lut.is_some());
            if let Some((what, value, limit)) = lut {
                self.report.add(Rule::AddressRange, p.first, p.row, UNIT, || format!("{what} {value} of {limit}"));
            }
        }
        let mut results = Vec::new();
        let mut active: Option<(&Started<Post>, std::iter::Peekable<Steps>)> = None;
        let mut waiting = order.into_iter().peekable();
        for pair in takes.windows(2) {
            if pair[1].cycle < pair[0].cycle + u64::from(self.lat.post_distance) || pair[0].origin >= pair[1].origin {
                self.report.add(Rule::TakeOrder, pair[1].cycle, pair[1].row, pair[1].unit, || {
                    let (now, then) = (&pair[1], &pair[0]);
                    format!("it is read in {}; taken before it, in {}, is one read in {}", now.origin, then.cycle, then.origin)
                });
            }
        }
        for v in takes {
            let cycle = v.cycle;
            while let Some(next) = waiting.next_if(|p| p.first <= cycle) {
                self.post_over(&mut active, next.first);
                active = Some((next, next.what.nest.iter().peekable()));
            }
            let step = active.as_mut().and_then(|(p, steps)| Some((*p, steps.next()?)));
            let Some((p, step)) = step else {
                self.report.add(Rule::PostNotArmed, cycle, v.row, v.unit, || {
                    format!("POST takes a vector in {cycle}, and no instruction has one to come")
                });
                continue;
            };
            let [dst, param, res, ..] = step.offset.map(i64::from);
            results.push(self.result(p, v, dst, param, res));
        }
        self.post_over(&mut active, u64::MAX);
        for p in waiting {
            self.report.add(Rule::PostWindow, p.first, p.row, UNIT, || "no vector comes for it".into());
        }
        results.sort_by_key(|r| r.cycle);
        results
    }

    /// The active instruction must have had all its vectors.
    fn post_over(&mut self, active: &mut Option<(&Started<Post>, std::iter::Peekable<Steps>)>, cycle: u64) {
        let Some((p, mut steps)) = active.take() else {
            return;
        };
        if steps.peek().is_none() {
            return;
        }
        if cycle == u64::MAX {
            self.report.add(Rule::PostWindow, p.first, p.row, UNIT, || "fewer vectors come than it has steps".into());
        } else {
            self.report
                .add(Rule::PostWindow, cycle, p.row, UNIT, || format!("the next POST starts in {cycle}, before its last vector"));
        }
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
