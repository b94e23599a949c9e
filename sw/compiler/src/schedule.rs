// SPDX-License-Identifier: Apache-2.0
//! The cycle of everything.
//!
//! Stages are placed one after the other, each instruction at the earliest X time at which all
//! that it reads is there, every port is free and the sequencer has room for its row. The
//! search tries the loop orders of every stage on top of the best timetable for each order
//! of the stage before; its cost is the timetable itself.
//!
//! Times of a visit are those of its first pixel; the others follow one a cycle, in the
//! producer as in the consumer, so that one number per X word of a pixel and line of pixels says
//! when it is ready (`ready`: X time from which pixel 0 of the line may be read if pixel i is read i later). Where POST
//! has fewer lanes than the array columns, results and most readers come at its pace: a second number says the same for
//! pixel i read i paces later.

mod lane;
mod numbers;
pub mod rows;
mod stage;

use crate::loops;
use crate::place::Placement;
use crate::stage::{Block, Stage, Staged, TensorId};
use crate::tile::{self, Plan, Segment};
use rows::Rows;
use std::rc::Rc;
use systole_isa::{Config, Latency, Row};

/// A MATMUL instruction with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedSegment {
    /// Stage it belongs to.
    pub stage: usize,
    /// Block of output pixels.
    pub block: usize,
    /// What it does.
    pub segment: Segment,
    /// X time of its first step.
    pub start: u64,
    /// Cycle of its row.
    pub row: u64,
}

/// A LANE instruction with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedLane {
    /// Stage it belongs to.
    pub stage: usize,
    /// Cycle of its first step.
    pub start: u64,
    /// Steps.
    pub busy: u64,
    /// Cycle of its row.
    pub row: u64,
}

/// What a stage of the vector unit does.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedNumbers {
    /// Stage it belongs to.
    pub stage: usize,
    /// X time of its first read.
    pub start: u64,
    /// Cycles up to its last result.
    pub busy: u64,
    /// Its instructions, with the cycles of their rows.
    pub rows: Vec<Row>,
}

/// The timetable before it is encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Order of each stage.
    pub plans: Vec<Plan>,
    /// MATMUL instructions, in order.
    pub matmuls: Vec<PlacedSegment>,
    /// LANE instructions, in order.
    pub lanes: Vec<PlacedLane>,
    /// Stages of the vector unit, in order.
    pub numbers: Vec<PlacedNumbers>,
    /// POST instructions `(stage, block, row)`, in order.
    pub posts: Vec<(usize, usize, u64)>,
    /// Rows of LOAD instructions, in the order of the jobs.
    pub loads: Vec<u64>,
    /// Cycle of END.
    pub end: u64,
    /// Whether timetable and descriptors have room for all rows.
    pub fits: bool,
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
    /// Cycle from which the lane engine is free.
    lane_free: u64,
    /// X time from which vectors may end sums: the lane engine's are read before, and POST has a pace.
    next_end: u64,
    /// X time from which every RRAM way is rested.
    rested: u64,
    /// First cycle in which POST has no result of what is placed.
    next_write: u64,
    /// First cycle in which the next result may be written.
    next_result: u64,
    /// First cycle without an operand's flat read of what is placed.
    next_flat: u64,
    /// First cycle in which the next POST instruction may step.
    next_post: u64,
    /// By tensor, line and X word of a pixel; for each of [`Scheduler::slopes`].
    ready: Vec<Rc<Vec<[u64; 2]>>>,
    /// X time from which weights that were written to W SRAM may be multiplied with.
    weights_ready: u64,
    flats: Vec<Span>,
    /// LOAD's X writes.
    loads: Rc<Vec<Span>>,
    /// First cycle in which LOAD may step.
    load_free: u64,
    rows: Rows,
    tags: u32,
}

impl State {
    /// Smaller is better.
    fn key(&self, output: Option<TensorId>) -> (u64, u64, u64) {
        match output {
            Some(t) => (self.free.max(self.lane_free), self.ready[t].iter().map(|r| r[1]).sum(), self.next_write),
            None => (self.next_write, self.free, 0),
        }
    }
}

#[derive(Default)]
struct Log {
    matmuls: Vec<(PlacedSegment, u32)>,
    lanes: Vec<(PlacedLane, u32)>,
    numbers: Vec<PlacedNumbers>,
    posts: Vec<(usize, usize, u32)>,
    /// Tags of LOAD's rows.
    loads: Vec<u32>,
}

struct Scheduler<'a> {
    staged: &'a Staged,
    placement: &'a Placement,
    config: &'a Config,
    lat: Latency,
    /// By stage the first that has its weights.
    firsts: Vec<usize>,
}

/// Schedules every stage; in the plainest orders where the best ones need more rows or
/// descriptors than there are. That even these fit is for [`crate::emit`] to check.
pub fn schedule(staged: &Staged, placement: &Placement, config: &Config) -> Schedule {
    let s = Scheduler::new(staged, placement, config);
    let most = match staged.stages.len() {
        0..=16 => 33,
        17..=48 => 17,
        _ => 9,
    };
    let result = s.finish(s.search(most));
    if result.fits { result } else { s.finish(s.search(1)) }
}

/// Schedules every stage in its plainest order.
pub fn plain(staged: &Staged, placement: &Placement, config: &Config) -> Schedule {
    let path = staged.stages.iter().map(|stage| tile::plans(stage, config, 1)[0]).collect();
    Scheduler::new(staged, placement, config).finish(path)
}

impl<'a> Scheduler<'a> {
    fn new(staged: &'a Staged, placement: &'a Placement, config: &'a Config) -> Scheduler<'a> {
        Scheduler { staged, placement, config, lat: Latency::of(config), firsts: staged.firsts() }
    }

    fn groups(&self) -> usize {
        self.config.groups() as usize
    }

    /// Cycles from a pixel to the next that `ready` counts with: one, and POST's pace.
    fn slopes(&self) -> [u64; 2] {
        [1, u64::from(self.lat.post_distance)]
    }

    fn banks(&self, t: TensorId) -> u32 {
        self.placement.regions[t].banks
    }

    /// Sub-banks of words `first` to `last` of a tensor.
    fn banks_of(&self, t: TensorId, first: usize, last: usize) -> u32 {
        let (base, depth) = (self.placement.regions[t].base, self.config.x_bank_depth() as usize);
        ((base + first) / depth..=(base + last) / depth).fold(0, |mask, b| mask | 1 << b)
    }

    /// Sub-banks that a block of a stage's results is written to.
    fn written(&self, t: TensorId, stage: &Stage, block: &Block) -> u32 {
        let words = self.staged.tensors[t].words;
        self.banks_of(t, stage.first_pixel(block) * words, stage.end_pixel(block) * words - 1)
    }

    /// Nothing is placed but what LOAD brings at once.
    fn start(&self, log: Option<&mut Log>) -> State {
        let tensors = &self.staged.tensors;
        let ready = tensors.iter().map(|t| Rc::new(vec![[0; 2]; t.words * t.lines()])).collect::<Vec<_>>();
        let mut state = State {
            free: 0,
            lane_free: 0,
            next_end: 0,
            rested: 0,
            next_write: 0,
            next_result: 0,
            next_flat: 0,
            next_post: 0,
            ready,
            weights_ready: 0,
            flats: Vec::new(),
            loads: Rc::default(),
            load_free: 0,
            rows: Rows::new(u64::from(self.lat.row_spacing)),
            tags: 0,
        };
        self.load(&mut state, 0, log);
        state
    }

    /// LOAD of what comes from outside before stage `index`, without a pause: at launch, or where the places were others' until
    /// then, behind all that is placed.
    fn load(&self, state: &mut State, index: usize, mut log: Option<&mut Log>) {
        let (tensors, groups) = (&self.staged.tensors, self.groups());
        for job in self.staged.loads.iter().filter(|j| tensors[j.tensor].loaded == index) {
            let words = 1 + job.loops.len() as u64;
            let lead = words + u64::from(self.lat.issue);
            // All reads of what is placed come before its last result is written.
            let clear = if index == 0 { 0 } else { state.next_write.max(state.next_flat) };
            let free = state.load_free.max(clear.saturating_sub(u64::from(self.lat.load_write)));
            let (tag, mut row) = (state.tags, u64::saturating_sub(free, lead));
            while !state.rows.place_at(row, words, tag) {
                row += 1;
            }
            state.tags += 1;
            let first_write = row + lead + u64::from(self.lat.load_write);
            let see = u64::from(self.lat.write_to_read);
            let tensor = &tensors[job.tensor];
            let ready = Rc::make_mut(&mut state.ready[job.tensor]);
            let steps = job.steps();
            let slopes = self.slopes();
            for (time, (dst, _)) in steps.iter().enumerate() {
                let (pixel, word) = (dst / groups / tensor.words, dst / groups % tensor.words);
                let (line, place) = (pixel / tensor.line, pixel % tensor.line);
                let at = &mut ready[line * tensor.words + word];
                for (at, slope) in at.iter_mut().zip(slopes) {
                    *at = (*at).max((first_write + time as u64 + see).saturating_sub(slope * place as u64));
                }
            }
            state.load_free = row + lead + steps.len() as u64;
            let to = first_write + steps.len() as u64 - 1;
            let words = steps.iter().map(|s| s.0 / groups);
            let banks = self.banks_of(job.tensor, words.clone().min().unwrap_or(0), words.max().unwrap_or(0));
            Rc::make_mut(&mut state.loads).push(Span { banks, from: first_write, to });
            if let Some(log) = log.as_deref_mut() {
                log.loads.push(tag);
            }
        }
    }

    /// The best orders found, and the timetable they give.
    fn search(&self, most: usize) -> Vec<Plan> {
        let mut front = vec![(self.start(None), Vec::new())];
        for (i, stage) in self.staged.stages.iter().enumerate() {
            if i > 0 {
                front.iter_mut().for_each(|(state, _)| self.load(state, i, None));
            }
            let first = self.firsts[i];
            if first < i {
                // Its weights lie in the order of the first that has them.
                for (state, path) in &mut front {
                    self.stage(state, i, path[first], None);
                    path.push(path[first]);
                }
                continue;
            }
            // Where a visit outlasts the latency no order makes a bubble: two will do.
            let long = stage.longest() as u64 >= 2 * u64::from(self.lat.l);
            let most = if long { most.min(2) } else { most };
            let mut next: Vec<(State, Vec<Plan>)> = Vec::new();
            for plan in tile::plans(stage, self.config, most) {
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

    fn finish(&self, plans: Vec<Plan>) -> Schedule {
        let mut log = Log::default();
        let mut state = self.start(Some(&mut log));
        for (i, &plan) in plans.iter().enumerate() {
            if i > 0 {
                self.load(&mut state, i, Some(&mut log));
            }
            self.stage(&mut state, i, plan, Some(&mut log));
        }
        let cycle = state.rows.cycles();
        let at = |tag: u32| cycle.get(&tag).copied().unwrap_or(0);
        Schedule {
            plans,
            matmuls: log.matmuls.into_iter().map(|(p, tag)| PlacedSegment { row: at(tag), ..p }).collect(),
            lanes: log.lanes.into_iter().map(|(p, tag)| PlacedLane { row: at(tag), ..p }).collect(),
            numbers: log.numbers,
            posts: log.posts.into_iter().map(|(s, b, tag)| (s, b, at(tag))).collect(),
            loads: log.loads.into_iter().map(at).collect(),
            end: state.next_write.max(state.rows.end()).max(state.loads.iter().map(|l| l.to + 1).max().unwrap_or(0)),
            fits: self.fits(&state.rows),
        }
    }

    /// Descriptor words of a stage's POST over a block.
    fn post_words(&self, stage: &Stage, block: &Block) -> u64 {
        loops::post_header(stage) + loops::post(self.staged, stage, block, self.groups()).len() as u64
    }

    fn fits(&self, rows: &Rows) -> bool {
        let (count, words) = rows.totals();
        count < self.config.timetable_depth as usize && words <= u64::from(self.config.desc_depth)
    }
}
