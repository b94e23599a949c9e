// SPDX-License-Identifier: Apache-2.0
//! POST in a run: it takes a vector of sums, reads the operand that meets it, and writes its codes, each in its cycle.

use super::run::{POST, Run, X_FLAT};
use super::walk::Walk;
use super::{Machine, rule};
use crate::{MachineError, post};
use std::collections::VecDeque;
use systole_isa::program::PostDest;

/// A vector between POST's take and its write.
pub(super) struct Flying {
    pub(super) at: u64,         // cycle of the next event
    pub(super) write: u64,      // cycle of the write
    pub(super) read_done: bool, // residual operand read (or none needed)
    pub(super) post: usize,
    pub(super) dst: u32,
    pub(super) res: u32,
    pub(super) codes: Vec<i8>,
}

impl Machine {
    /// POST or VECTOR takes final sums in cycle `take`.
    pub(super) fn take(&mut self, run: &mut Run, row: usize, sums: &[i32; 32], take: u64) -> Result<(), MachineError> {
        let l = run.l;
        if take <= run.taken {
            return rule(take, row, "POST", "array and lane engine hand it sums out of order");
        }
        run.taken = take;
        while l.posts.get(run.next_post).is_some_and(|p| p.first <= take) {
            if let Some((i, _)) = run.post.as_ref().filter(|(_, w)| !w.done) {
                return rule(take, l.posts[*i].row, "POST", "the next POST starts before all its vectors have come");
            }
            let p = &l.posts[run.next_post];
            let res = p.what.residual.map_or(0, |r| r.base);
            run.post = Some((
                run.next_post,
                Walk::new(&p.what.nest, p.first, [p.what.dst_base as i32, p.what.param_base as i32, res as i32, 0, 0]),
            ));
            run.next_post += 1;
        }
        if let Some(unit) = &mut run.vector
            && unit.armed(l, take)?
        {
            if let Some((i, _)) = run.post.as_ref().filter(|(_, w)| !w.done) {
                return rule(take, row, "VECTOR", format!("a final sum, and the POST of row {} is armed too", l.posts[*i].row));
            }
            return unit.take(l, sums, take, &self.latency);
        }
        let Some((i, walk)) = run.post.as_mut().filter(|(_, w)| !w.done) else {
            return rule(take, row, "POST", "a final sum, and no POST is armed");
        };
        run.events[POST] += 1;
        let (index, p) = (*i, &l.posts[*i].what);
        let c = self.config.cols as usize;
        let [dst, param, res, ..] = walk.at.map(|a| a as u32 & 0xffff);
        walk.step();
        let Some(params) = l.params.get(param as usize * c..(param as usize + 1) * c) else {
            return rule(
                take,
                l.posts[index].row,
                "POST",
                format!("parameter word {param} is beyond the image's {}", l.params.len() / c),
            );
        };
        let mut biased = [0i32; 32];
        for ((b, &a), q) in biased.iter_mut().zip(&sums[..c]).zip(params) {
            *b = a.wrapping_add(q.bias);
        }
        let write = take + u64::from(self.latency.take_to_write(p.lut.is_some(), p.residual.is_some()));
        if let Some(unit) = &mut run.vector {
            let first =
                if p.dest == PostDest::OutRaw32 { take + u64::from(self.latency.take_to_write(false, false)) } else { write };
            for n in 0..if p.dest == PostDest::OutRaw32 { 4 } else { 1 } {
                unit.result(first + n, l.posts[index].row, "POST")?;
            }
        }
        if p.dest == PostDest::OutRaw32 {
            for (n, quarter) in biased[..c].chunks(c / 4).enumerate() {
                let bytes: Vec<u8> = quarter.iter().flat_map(|v| v.to_le_bytes()).collect();
                self.out_write(
                    run,
                    (l.posts[index].row, "POST"),
                    dst + n as u32,
                    &bytes,
                    take + u64::from(self.latency.take_to_write(false, false)) + n as u64,
                )?;
            }
            return Ok(());
        }
        let mut codes = [0i8; 32];
        post::codes(p, params, &l.luts, &biased[..c], &mut codes[..c]);
        if p.residual.is_none() && p.dest == PostDest::Out {
            // Nothing reads OUT during the run: the write needs no place in time.
            let bytes: [u8; 32] = codes.map(|v| v.clamp(p.lo, p.hi) as u8);
            return self.out_write(run, (l.posts[index].row, "POST"), dst, &bytes[..c], write);
        }
        let read = take + u64::from(self.latency.residual_read + if p.lut.is_some() { self.latency.lut } else { 0 });
        let flying = Flying {
            at: if p.residual.is_some() { read } else { write },
            write,
            read_done: p.residual.is_none(),
            post: index,
            dst,
            res,
            codes: codes[..c].to_vec(),
        };
        insert(&mut run.flying, flying);
        Ok(())
    }

    pub(super) fn residual_read(&mut self, run: &mut Run) {
        let Some(mut f) = run.flying.pop_front() else { return };
        let p = &run.l.posts[f.post].what;
        if let Some(r) = &p.residual {
            run.events[X_FLAT] += 1;
            let at = self.x_at(f.res);
            for (a, &b) in f.codes.iter_mut().zip(&self.x[at..]) {
                *a = post::residual(r, *a, b);
            }
        }
        f.read_done = true;
        f.at = f.write;
        insert(&mut run.flying, f);
    }

    /// Writes the codes of the vector that is next.
    pub(super) fn post_write(&mut self, run: &mut Run) -> Result<(), MachineError> {
        let Some(f) = run.flying.pop_front() else { return Ok(()) };
        let post = &run.l.posts[f.post];
        let p = &post.what;
        let codes: Vec<i8> = f.codes.iter().map(|v| (*v).clamp(p.lo, p.hi)).collect();
        self.result_write(run, (post.row, "POST"), p.dest, f.dst, &codes, f.write)
    }
}

/// Keeps the queue in order of time; of one cycle, reads come before writes.
fn insert(queue: &mut VecDeque<Flying>, f: Flying) {
    let key = |f: &Flying| (f.at, f.read_done);
    let at = queue.iter().rposition(|other| key(other) <= key(&f)).map_or(0, |i| i + 1);
    queue.insert(at, f);
}
