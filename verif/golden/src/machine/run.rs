// SPDX-License-Identifier: Apache-2.0
//! A run: the unit whose effect comes first makes it, until END.

use super::array::Held;
use super::lane::Windows;
use super::load::{Loaded, Started};
use super::post::Flying;
use super::walk::Walk;
use super::{Machine, RunResult, rule, vector};
use crate::MachineError;
use std::collections::VecDeque;
use systole_isa::nest::Nest;
use systole_isa::program::{Lane, Load, Matmul, Store};
use systole_isa::regs::EVENTS;
use systole_isa::{Config, Latency};

// Events by number.
pub(super) const VECTORS: usize = 0;
pub(super) const W_RRAM: usize = 1;
pub(super) const W_SRAM: usize = 2;
pub(super) const X_FLAT: usize = 3;
pub(super) const X_WRITE: usize = 4;
pub(super) const W_WRITE: usize = 5;
pub(super) const POST: usize = 6;
pub(super) const OUT_WRITE: usize = 7;
pub(super) const LANE: usize = 8;
pub(super) const VECTOR: usize = 9;
pub(super) const VEC_FN: usize = 10;
pub(super) const V_WRITE: usize = 11;
pub(super) const SCALAR: usize = 12;

/// What a run has, beside the machine's memories.
pub(super) struct Run<'a> {
    pub(super) l: &'a Loaded,
    /// The POST that is armed, by number, and the next one.
    pub(super) post: Option<(usize, Walk<'a>)>,
    pub(super) next_post: usize,
    /// Vectors on their way through POST.
    pub(super) flying: VecDeque<Flying>,
    pub(super) vector: Option<Box<vector::Unit<'a>>>,
    pub(super) out_port: Option<vector::OutPort>,
    /// Cycle of the last take of POST or VECTOR.
    pub(super) taken: u64,
    pub(super) windows: Windows,
    pub(super) input: &'a [u8],
    pub(super) out: Vec<u8>,
    pub(super) events: [u64; EVENTS.len()],
}

impl<'a> Run<'a> {
    fn new(l: &'a Loaded, input: &'a [u8], config: &Config) -> Run<'a> {
        Run {
            l,
            post: None,
            next_post: 0,
            flying: VecDeque::new(),
            vector: vector::Unit::new(l),
            out_port: vector::OutPort::new(l, config.out_depth),
            taken: 0,
            windows: Windows::new(config.line_depth),
            input,
            out: vec![0; (config.out_depth * config.cols) as usize],
            events: [0; EVENTS.len()],
        }
    }

    /// What the run leaves; every POST and VECTOR must have had its vectors.
    fn finish(mut self) -> Result<RunResult, MachineError> {
        let l = self.l;
        if let Some((i, _)) = self.post.as_ref().filter(|(_, w)| !w.done) {
            return rule(l.end, l.posts[*i].row, "POST", "the run ends before all its vectors have come");
        }
        if let Some(post) = l.posts.get(self.next_post) {
            return rule(l.end, post.row, "POST", "no vector ever came");
        }
        if let Some(v) = &self.vector {
            v.finish(l)?;
        }
        self.out.truncate(l.out_bytes);
        let (vectors, scrub_lines) = (self.events[VECTORS], l.scrub_lines);
        Ok(RunResult { frame: self.out, cycles: l.end, vectors, events: self.events, scrub_lines })
    }
}

/// Instructions of a unit that steps by itself, one after the other.
struct Stepping<'a, T> {
    list: &'a [Started<T>],
    next: usize,
    /// The one under way, by number; or the last one, done.
    now: Option<(usize, Walk<'a>)>,
}

impl<'a, T> Stepping<'a, T> {
    fn new(list: &'a [Started<T>]) -> Stepping<'a, T> {
        Stepping { list, next: 0, now: None }
    }

    /// Begins the next instruction where none is under way, with its nest and first addresses. Whether one begins.
    fn arm(&mut self, begin: impl Fn(&'a T) -> (&'a Nest, [i32; 5])) -> bool {
        if self.now.as_ref().is_some_and(|(_, walk)| !walk.done) {
            return false;
        }
        self.now = self.list.get(self.next).map(|i| {
            let (nest, base) = begin(&i.what);
            (self.next, Walk::new(nest, i.first, base))
        });
        self.next += 1;
        self.now.is_some()
    }

    /// Cycle of its next effect, `late` cycles behind the step.
    fn effect(&self, late: u32) -> u64 {
        self.now.as_ref().map_or(u64::MAX, |(_, walk)| walk.time + u64::from(late))
    }
}

/// The units that step by themselves.
struct Units<'a> {
    matmul: Stepping<'a, Matmul>,
    /// The weight word of the MATMUL.
    held: Held,
    load: Stepping<'a, Load>,
    store: Stepping<'a, Store>,
    lane: Stepping<'a, Lane>,
}

impl<'a> Units<'a> {
    fn new(l: &'a Loaded) -> Units<'a> {
        Units {
            matmul: Stepping::new(&l.matmuls),
            held: Held::None,
            load: Stepping::new(&l.loads),
            store: Stepping::new(&l.stores),
            lane: Stepping::new(&l.lanes),
        }
    }

    /// Every unit has an instruction under way, while it has any.
    fn arm(&mut self) {
        let begins = self.matmul.arm(|i| {
            let (y, x) = i.pad.map_or((0, 0), |p| (p.y_base, p.x_base));
            (&i.nest, [i.x_base as i32, i.w_base as i32, i.acc_base as i32, y, x])
        });
        if begins {
            self.held = Held::None;
        }
        self.load.arm(|i| (&i.nest, [i.dst_base as i32, i.src_base as i32, 0, 0, 0]));
        self.store.arm(|i| (&i.nest, [i.dst_base as i32, i.src_base as i32, 0, 0, 0]));
        self.lane.arm(|i| (&i.nest, [i.x_base as i32, i.tap_base as i32, 0, i.y_base, i.x_index_base]));
    }
}

/// The cycle of each unit's next effect, `u64::MAX` where there is none.
struct Effects {
    matmul: u64,
    load: u64,
    store: u64,
    lane: u64,
    /// Whether POST reads its operand then; else it writes.
    post: (u64, bool),
    /// Whether the vector unit writes then.
    vector: (u64, bool),
}

/// Whose effect is the next.
enum Turn {
    Matmul,
    Load,
    Store,
    Lane,
    PostRead,
    PostWrite,
    Vector,
}

impl Effects {
    fn of(units: &Units, run: &Run, latency: &Latency) -> Effects {
        Effects {
            matmul: units.matmul.effect(latency.w_lead),
            load: units.load.effect(latency.load_write),
            store: units.store.effect(latency.store_read),
            lane: units.lane.effect(latency.lane_read),
            post: run.flying.front().map_or((u64::MAX, false), |f| (f.at, !f.read_done)),
            vector: run.vector.as_ref().map_or((u64::MAX, false), |v| v.next(latency)),
        }
    }

    /// The first effect of all units but MATMUL.
    fn others(&self) -> u64 {
        self.load.min(self.store).min(self.lane).min(self.post.0).min(self.vector.0)
    }

    /// The unit whose effect in cycle `next`, the first of all, comes before those of others: reads before writes.
    fn turn(&self, next: u64) -> Turn {
        if self.vector == (next, false) {
            Turn::Vector
        } else if self.post == (next, true) {
            Turn::PostRead
        } else if self.store == next {
            Turn::Store
        } else if self.lane == next {
            Turn::Lane
        } else if self.matmul == next {
            Turn::Matmul
        } else if self.post.0 == next {
            Turn::PostWrite
        } else if self.vector.0 == next {
            Turn::Vector
        } else {
            Turn::Load
        }
    }
}

impl Machine {
    /// A run of the program whose rows are with their units.
    pub(super) fn run_loaded(&mut self, l: &Loaded, input: &[u8]) -> Result<RunResult, MachineError> {
        if input.len() != l.in_bytes {
            return Err(MachineError::FrameLength { expected: l.in_bytes, actual: input.len() });
        }
        let (mut run, mut units) = (Run::new(l, input, &self.config), Units::new(l));
        loop {
            units.arm();
            let effects = Effects::of(&units, &run, &self.latency);
            let next = effects.others().min(effects.matmul);
            if next == u64::MAX {
                return run.finish();
            }
            if next >= l.end {
                return rule(next, l.end_row, "END", format!("work remains in cycle {next}"));
            }
            self.effect(&mut run, &mut units, effects.turn(next), effects.others())?;
        }
    }

    /// The next effect; MATMUL goes on until `others`, the next one of another unit.
    fn effect<'a>(&mut self, run: &mut Run<'a>, units: &mut Units<'a>, turn: Turn, others: u64) -> Result<(), MachineError> {
        match turn {
            Turn::Matmul => match &mut units.matmul.now {
                Some((i, walk)) => self.matmul_steps(run, *i, walk, &mut units.held, others),
                None => Ok(()),
            },
            Turn::Load => match &mut units.load.now {
                Some((i, walk)) => self.load_step(run, *i, walk),
                None => Ok(()),
            },
            Turn::Store => match &mut units.store.now {
                Some((i, walk)) => self.store_step(run, *i, walk),
                None => Ok(()),
            },
            Turn::Lane => match &mut units.lane.now {
                Some((i, walk)) => self.lane_step(run, *i, walk),
                None => Ok(()),
            },
            Turn::PostRead => {
                self.residual_read(run);
                Ok(())
            }
            Turn::PostWrite => self.post_write(run),
            Turn::Vector => self.vector_step(run),
        }
    }
}
