// SPDX-License-Identifier: Apache-2.0
//! The cycle of everything.
//!
//! Stages are placed one after the other, each instruction at the earliest X time at which all
//! that it reads is there, every port is free and the sequencer has room for its row. The
//! search tries the loop orders of every stage on top of the best timetable for each order
//! of the stage before; its cost is the timetable itself.
//!
//! Times of a visit are those of its first row; the other rows follow one a cycle, in the
//! producer as in the consumer, so that one number per X word column and row block says
//! when it is ready (`ready`: X time from which row 0 may be read if row i is read i later).

pub mod rows;
mod stage;

use crate::legalise::{Graph, Source, Stage, TensorId};
use crate::place::Placement;
use crate::tile::{self, Plan, Segment};
use rows::Rows;
use std::rc::Rc;
use systole_isa::{Config, Latency};

/// A MATMUL instruction with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedSegment {
    /// Stage it belongs to.
    pub stage: usize,
    /// Row block.
    pub block: usize,
    /// What it does.
    pub segment: Segment,
    /// X time of its first step.
    pub start: u64,
    /// Cycle of its row.
    pub row: u64,
}

/// What a LOAD instruction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadJob {
    /// A row block of the input, into a tensor.
    Block(TensorId, usize),
    /// Zeros into the groups of a tensor that POST does not write.
    Fill(TensorId),
}

/// The timetable before it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Row blocks `(first row, rows)`.
    pub blocks: Vec<(usize, usize)>,
    /// Order of each stage.
    pub plans: Vec<Plan>,
    /// MATMUL instructions, in order.
    pub matmuls: Vec<PlacedSegment>,
    /// POST instructions `(stage, block, row)`, in order.
    pub posts: Vec<(usize, usize, u64)>,
    /// LOAD instructions and their rows, in order.
    pub loads: Vec<(LoadJob, u64)>,
    /// Cycle of END.
    pub end: u64,
}

/// Flat reads of sub-banks in a span of cycles.
#[derive(Debug, Clone, Copy)]
struct Span {
    banks: u32,
    from: u64,
    to: u64,
}

#[derive(Debug, Clone)]
struct State {
    /// X time from which MATMUL is free.
    free: u64,
    /// X time from which every RRAM way is rested.
    rested: u64,
    /// First cycle in which POST has no result of what is placed.
    next_write: u64,
    /// First cycle without an operand's flat read of what is placed.
    next_flat: u64,
    /// First cycle in which the next POST instruction may step.
    next_post: u64,
    /// By tensor, row block and X word column.
    ready: Vec<Rc<Vec<u64>>>,
    flats: Vec<Span>,
    rows: Rows,
    tags: u32,
}

impl State {
    /// Smaller is better.
    fn key(&self, output: Option<TensorId>) -> (u64, u64, u64) {
        match output {
            Some(t) => (self.free, self.ready[t].iter().sum(), self.next_write),
            None => (self.next_write, self.free, 0),
        }
    }
}

#[derive(Default)]
struct Log {
    matmuls: Vec<(PlacedSegment, u32)>,
    posts: Vec<(usize, usize, u32)>,
}

struct Scheduler<'a> {
    graph: &'a Graph,
    placement: &'a Placement,
    config: &'a Config,
    lat: Latency,
    blocks: Vec<(usize, usize)>,
    /// LOAD's X writes.
    loads: Vec<Span>,
    jobs: Vec<(LoadJob, u32)>,
}

/// Schedules every stage; in the plainest orders where the best ones need more rows or
/// descriptors than there are. That even these fit is for [`crate::emit`] to check.
pub fn schedule(graph: &Graph, placement: &Placement, config: &Config) -> Schedule {
    let mut s = Scheduler {
        graph,
        placement,
        config,
        lat: Latency::of(config),
        blocks: tile::blocks(placement.rows, config),
        loads: Vec::new(),
        jobs: Vec::new(),
    };
    let start = s.load();
    let most = match graph.stages.len() {
        0..=16 => 33,
        17..=48 => 17,
        _ => 9,
    };
    let mut result = s.finish(&start, s.search(&start, most));
    if !s.fits(&result.1) {
        result = s.finish(&start, s.search(&start, 1));
    }
    result.0
}

impl Scheduler<'_> {
    fn groups(&self) -> usize {
        self.config.groups() as usize
    }

    fn banks(&self, t: TensorId) -> u32 {
        self.placement.regions[t].banks
    }

    /// LOAD and fill: everything that comes from outside, at once and without a pause.
    fn load(&mut self) -> State {
        let tensors = &self.graph.tensors;
        let ready = tensors.iter().map(|t| vec![0; t.words * self.blocks.len()]).collect::<Vec<_>>();
        let mut state = State {
            free: 0,
            rested: 0,
            next_write: 0,
            next_flat: 0,
            next_post: 0,
            ready: ready.into_iter().map(Rc::new).collect(),
            flats: Vec::new(),
            rows: Rows::new(u64::from(self.lat.row_spacing)),
            tags: 0,
        };
        let mut jobs = Vec::new();
        for (t, tensor) in tensors.iter().enumerate() {
            if tensor.source == Source::Input {
                jobs.extend((0..self.blocks.len()).map(|b| LoadJob::Block(t, b)));
            }
        }
        jobs.extend((0..tensors.len()).filter(|&t| tensors[t].fill).map(LoadJob::Fill));
        let groups = self.groups();
        let mut free = 0; // first cycle in which LOAD may step
        for job in jobs {
            let words = 1 + load_loops(job, self.graph, &self.blocks, groups).len() as u64;
            let lead = words + u64::from(self.lat.issue);
            let from = u64::saturating_sub(free, lead);
            let (tag, mut row) = (state.tags, from);
            while !state.rows.place_at(row, words, tag) {
                row += 1;
            }
            state.tags += 1;
            let first_write = row + lead + u64::from(self.lat.load_write);
            let see = u64::from(self.lat.write_to_read);
            let (t, steps) = match job {
                LoadJob::Block(t, b) => {
                    let (rows, words) = (self.blocks[b].1, tensors[t].words);
                    let ready = Rc::make_mut(&mut state.ready[t]);
                    for k in 0..words {
                        // Of the last row, which LOAD brings groups - 1 cycles a row late.
                        let slip = (rows - 1) * (groups - 1) + groups - 1;
                        ready[b * words + k] = first_write + (k * rows * groups + slip) as u64 + see;
                    }
                    (t, rows * words * groups)
                }
                LoadJob::Fill(t) => {
                    let words = tensors[t].words;
                    let ready = Rc::make_mut(&mut state.ready[t]);
                    for (b, &(first, _)) in self.blocks.iter().enumerate() {
                        ready[b * words + words - 1] = first_write + first as u64 + see;
                    }
                    (t, self.placement.rows)
                }
            };
            free = row + lead + steps as u64;
            self.loads.push(Span { banks: self.banks(t), from: first_write, to: first_write + steps as u64 - 1 });
            self.jobs.push((job, tag));
        }
        state
    }

    /// The best orders found, and the timetable they give.
    fn search(&self, start: &State, most: usize) -> Vec<Plan> {
        let long = self.blocks.iter().any(|b| b.1 as u64 >= 2 * u64::from(self.lat.l));
        let mut front = vec![(start.clone(), Vec::new())];
        for (i, stage) in self.graph.stages.iter().enumerate() {
            // Where a visit outlasts the latency no order makes a bubble: two will do.
            let most = if long { most.min(2) } else { most };
            let mut next: Vec<(State, Vec<Plan>)> = Vec::new();
            for plan in tile::plans(stage, &self.blocks, self.config, most) {
                let best = front
                    .iter()
                    .map(|(state, path)| {
                        let mut state = state.clone();
                        self.stage(&mut state, i, plan, None);
                        (state, path)
                    })
                    .min_by_key(|(state, _)| state.key(stage.output));
                if let Some((state, path)) = best {
                    let mut path = path.clone();
                    path.push(plan);
                    next.push((state, path));
                }
            }
            front = next;
        }
        front.into_iter().min_by_key(|(s, _)| (s.next_write, s.rows.totals().0)).map_or(Vec::new(), |f| f.1)
    }

    fn finish(&self, start: &State, plans: Vec<Plan>) -> (Schedule, Rows) {
        let mut state = start.clone();
        let mut log = Log::default();
        for (i, &plan) in plans.iter().enumerate() {
            self.stage(&mut state, i, plan, Some(&mut log));
        }
        let cycle = state.rows.cycles();
        let at = |tag: u32| cycle.get(&tag).copied().unwrap_or(0);
        let schedule = Schedule {
            blocks: self.blocks.clone(),
            plans,
            matmuls: log.matmuls.into_iter().map(|(p, tag)| PlacedSegment { row: at(tag), ..p }).collect(),
            posts: log.posts.into_iter().map(|(s, b, tag)| (s, b, at(tag))).collect(),
            loads: self.jobs.iter().map(|&(job, tag)| (job, at(tag))).collect(),
            end: state.next_write.max(state.rows.end()),
        };
        (schedule, state.rows)
    }

    fn fits(&self, rows: &Rows) -> bool {
        let (count, words) = rows.totals();
        count < self.config.timetable_depth as usize && words <= u64::from(self.config.desc_depth)
    }
}

/// Descriptor words of a stage's POST.
fn post_words(stage: &Stage, rows: usize) -> u64 {
    let loops = post_loops(stage, rows).len() as u64;
    1 + u64::from(stage.post.residual.is_some()) + loops
}

/// Loops of a stage's POST, innermost first: rows, then n tiles (of a copy: words, groups).
pub(crate) fn post_loops(stage: &Stage, rows: usize) -> Vec<(tile::Axis, usize)> {
    use tile::Axis::{G, K, M, N};
    let all = match stage.kind {
        crate::legalise::Kind::Dense => vec![(M, rows), (N, stage.n_tiles)],
        crate::legalise::Kind::Copy => vec![(M, rows), (K, stage.k_tiles), (G, stage.n_tiles / stage.k_tiles)],
    };
    trimmed(all)
}

/// Loops of a LOAD, innermost first.
pub(crate) fn load_loops(job: LoadJob, graph: &Graph, blocks: &[(usize, usize)], groups: usize) -> Vec<(tile::Axis, usize)> {
    use tile::Axis::{G, K, M};
    trimmed(match job {
        // One row: the groups of its words lie side by side, in the frame as in X.
        LoadJob::Block(t, b) if blocks[b].1 == 1 => vec![(G, graph.tensors[t].words * groups)],
        LoadJob::Block(t, b) => vec![(G, groups), (M, blocks[b].1), (K, graph.tensors[t].words)],
        LoadJob::Fill(_) => vec![(M, blocks.iter().map(|b| b.1).sum())],
    })
}

fn trimmed(all: Vec<(tile::Axis, usize)>) -> Vec<(tile::Axis, usize)> {
    let some: Vec<_> = all.iter().copied().filter(|l| l.1 > 1).collect();
    if some.is_empty() { all[..1].to_vec() } else { some }
}
