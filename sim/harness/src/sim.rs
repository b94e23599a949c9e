// SPDX-License-Identifier: Apache-2.0
//! A design under test with its clocks, tasks and time.

use crate::clock::ClockState;
use crate::exec::{TaskId, Tasks, Waits};
use crate::{Clock, Signal, SimError, Stream};
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::future::Future;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use verilated::{Initial, Library, Model, Port};

/// What to dump, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceWindow {
    /// The FST file.
    pub path: PathBuf,
    /// First cycle, of the first clock.
    pub from: u64,
    /// First cycle that is not dumped any more.
    pub to: u64,
    /// Where cycles are counted from.
    pub origin: Origin,
    /// Levels of hierarchy; 0: all.
    pub depth: u32,
}

/// Where the cycles of a [`TraceWindow`] are counted from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// The first edge of the first clock.
    #[default]
    Start,
    /// The first cycle in which this bit of this port is set. Until then every cycle is looked at.
    Bit(String, u32),
}

struct Write {
    port: Port,
    value: u64,
    wide: Option<Box<[u32]>>,
}

pub(crate) struct Inner {
    pub(crate) model: RefCell<Model>,
    pub(crate) tasks: Tasks,
    pub(crate) clocks: RefCell<Vec<ClockState>>,
    pub(crate) now: Cell<u64>,
    writes: RefCell<Vec<Write>>,
    writers: RefCell<Vec<(u64, TaskId)>>, // by port: step and task of the last write
    step: Cell<u64>,
    hash: Cell<u64>,
    failure: RefCell<Option<SimError>>,
    log: RefCell<VecDeque<String>>,
    seed: u64,
    trace: RefCell<Option<TraceWindow>>,
    /// The cycle that the window counts from, when it has come.
    origin: Cell<Option<u64>>,
}

/// A running simulation; a cheap handle.
#[derive(Clone)]
pub struct Sim {
    pub(crate) inner: Rc<Inner>,
}

/// The result of a spawned task.
pub struct JoinHandle<T> {
    sim: Sim,
    slot: Rc<Slot<T>>,
    name: String,
}

struct Slot<T> {
    value: RefCell<Option<T>>,
    waiters: RefCell<Vec<TaskId>>,
}

const LOG: usize = 32;

impl Sim {
    /// A simulation of a built design. `seed` is for random streams and the design's own randomness; the same seed gives the same
    /// run. Registers and memories without an initial value begin as `initial` says; without it as the environment variable
    /// `VERILATED_X` says, or at random by the seed.
    ///
    /// # Errors
    /// [`SimError::Model`].
    pub fn new(library: &Arc<Library>, seed: u64, initial: Option<Initial>) -> Result<Sim, SimError> {
        let short = ((seed ^ seed >> 32) as u32).max(1);
        let model = match initial {
            None => Model::with_seed(library, short),
            Some(initial) => Model::with_initial(library, short, initial),
        };
        let mut model = model.map_err(|e| SimError::Model(e.to_string()))?;
        model.eval(); // settles with all clocks low: an edge at time 0 is an edge
        let ports = library.ports().len();
        Ok(Sim {
            inner: Rc::new(Inner {
                model: RefCell::new(model),
                tasks: Tasks::default(),
                clocks: RefCell::default(),
                now: Cell::new(0),
                writes: RefCell::default(),
                writers: RefCell::new(vec![(u64::MAX, 0); ports]),
                step: Cell::new(0),
                hash: Cell::new(0x9e37_79b9_7f4a_7c15),
                failure: RefCell::default(),
                log: RefCell::default(),
                seed,
                trace: RefCell::default(),
                origin: Cell::default(),
            }),
        })
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// A random stream by name: the same seed and name give the same numbers, whatever else runs.
    pub fn random(&self, name: &str) -> Stream {
        Stream::new(self.inner.seed, name)
    }

    /// The port of that name.
    ///
    /// # Errors
    /// [`SimError::Model`], with the names there are.
    pub fn try_signal(&self, name: &str) -> Result<Signal, SimError> {
        let model = self.inner.model.borrow();
        let port = model.port(name).map_err(|e| SimError::Model(e.to_string()))?;
        Ok(Signal::new(self, port, model.width(port)))
    }

    /// The port of that name.
    ///
    /// # Panics
    /// When there is none; the message lists those there are.
    pub fn signal(&self, name: &str) -> Signal {
        self.try_signal(name).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Does the design have such a port?
    pub fn has(&self, name: &str) -> bool {
        self.inner.model.borrow().port(name).is_ok()
    }

    /// Starts a task.
    pub fn spawn<T: 'static>(&self, name: impl Into<String>, job: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        let name = name.into();
        let slot = Rc::new(Slot { value: RefCell::new(None), waiters: RefCell::default() });
        let (sim, done) = (Rc::downgrade(&self.inner), slot.clone());
        self.inner.tasks.spawn(
            name.clone(),
            Box::pin(async move {
                let value = job.await;
                *done.value.borrow_mut() = Some(value);
                if let Some(inner) = sim.upgrade() {
                    for id in done.waiters.borrow_mut().drain(..) {
                        inner.tasks.wake(id);
                    }
                }
            }),
        );
        JoinHandle { sim: self.clone(), slot, name }
    }

    /// Adds a line to the log of bus transactions that a timeout shows (the last 32).
    pub fn log(&self, line: impl Into<String>) {
        let mut log = self.inner.log.borrow_mut();
        if log.len() == LOG {
            log.pop_front();
        }
        log.push_back(format!("  cycle {:>8}  {}", self.cycle(), line.into()));
    }

    /// Cycle of the first clock: rising edges so far.
    pub fn cycle(&self) -> u64 {
        self.inner.clocks.borrow().first().map_or(0, |c| c.cycle)
    }

    /// A hash over every wake and every write so far: equal runs have equal hashes.
    pub fn event_hash(&self) -> u64 {
        self.inner.hash.get()
    }

    /// Dumps an FST in a window of cycles. The model must be built with tracing.
    pub fn trace(&self, window: TraceWindow) {
        self.inner.origin.set(Some(0).filter(|_| window.origin == Origin::Start));
        *self.inner.trace.borrow_mut() = Some(window);
    }

    /// Uses the model itself, between awaits.
    pub fn with_model<T>(&self, f: impl FnOnce(&mut Model) -> T) -> T {
        f(&mut self.inner.model.borrow_mut())
    }

    /// Every task with what it waits for, and the last bus transactions.
    pub fn report(&self) -> String {
        let log = self.inner.log.borrow();
        let clocks = self.inner.clocks.borrow();
        let mut text = self.inner.tasks.report(&|index| clocks[index].name.clone());
        if !log.is_empty() {
            text.push_str("\nlast bus transactions:\n");
            text.push_str(&log.iter().cloned().collect::<Vec<_>>().join("\n"));
        }
        text
    }

    /// Ends the simulation with this error.
    pub fn fail(&self, error: SimError) {
        self.inner.failure.borrow_mut().get_or_insert(error);
    }

    /// Waits for `job`, at most `limit` cycles of `clock`.
    ///
    /// # Errors
    /// [`SimError::Timeout`] with the report of all tasks. The simulation goes on if the caller
    /// does.
    pub async fn timeout<T>(&self, clock: &Clock, limit: u64, what: &str, job: impl Future<Output = T>) -> Result<T, SimError> {
        let mut job = std::pin::pin!(job);
        let mut wait = std::pin::pin!(clock.cycles(limit));
        let outcome = std::future::poll_fn(|cx| {
            if let Poll::Ready(value) = job.as_mut().poll(cx) {
                return Poll::Ready(Some(value));
            }
            match wait.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        outcome.ok_or_else(|| SimError::Timeout { what: what.into(), limit, cycle: self.cycle(), report: self.report() })
    }

    fn mix(&self, value: u64) {
        let h = (self.inner.hash.get() ^ value).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.inner.hash.set(h ^ h >> 32);
    }

    pub(crate) fn write(&self, port: Port, value: u64, wide: Option<Box<[u32]>>) {
        let inner = &self.inner;
        let (step, task) = (inner.step.get(), inner.tasks.current());
        let last = std::mem::replace(&mut inner.writers.borrow_mut()[port.index()], (step, task));
        if last.0 == step && last.1 != task {
            let name = inner.model.borrow().library().ports()[port.index()].name.clone();
            self.fail(SimError::TwoWriters {
                port: name,
                first: inner.tasks.name(last.1),
                second: inner.tasks.name(task),
                cycle: self.cycle(),
            });
        }
        self.mix(value ^ (port.index() as u64) << 48);
        if let Some(words) = &wide {
            words.iter().for_each(|&w| self.mix(w.into()));
        }
        inner.writes.borrow_mut().push(Write { port, value, wide });
    }

    fn apply_writes(&self, model: &mut Model) {
        for w in self.inner.writes.borrow_mut().drain(..) {
            match w.wide {
                None => model.set(w.port, w.value),
                Some(words) => model.set_words(w.port, &words),
            }
        }
        self.inner.step.set(self.inner.step.get() + 1);
    }

    /// Runs until the main task ends. Called once, by [`crate::run`].
    pub(crate) fn drive<T: 'static>(&self, main: impl Future<Output = T> + 'static) -> Result<T, SimError> {
        /// A panic of a task ends the run too.
        struct End<'a>(&'a Sim);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.finish();
            }
        }
        let _end = End(self);
        let main = self.spawn("main", main);
        self.drive_until(&|| main.slot.value.borrow().is_some())?;
        let value = main.slot.value.borrow_mut().take();
        Ok(value.unwrap_or_else(|| unreachable!("the main task has ended")))
    }

    /// Its part that is the same for every bench, so compiled once.
    fn drive_until(&self, ended: &dyn Fn() -> bool) -> Result<(), SimError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|e| SimError::Model(e.to_string()))?;
        // Without `unconstrained`, tokio's budget would defer wakes while the clock runs on.
        runtime.block_on(tokio::task::unconstrained(async {
            loop {
                self.inner.tasks.run(|id| {
                    self.mix(id as u64 ^ self.inner.now.get() << 16);
                    !ended() && self.inner.failure.borrow().is_none()
                });
                if let Some(error) = self.inner.failure.borrow_mut().take() {
                    break Err(error);
                }
                if ended() {
                    break Ok(());
                }
                self.advance()?;
            }
        }))
    }

    /// Ends the run, however it came to its end: what was dumped is on disk, and no task holds the simulation any more.
    fn finish(&self) {
        if let Ok(mut model) = self.inner.model.try_borrow_mut() {
            model.trace_pause();
        }
        self.inner.tasks.clear();
        if let Ok(mut clocks) = self.inner.clocks.try_borrow_mut() {
            for clock in clocks.iter_mut() {
                clock.soon.clear();
                clock.later.clear();
            }
        }
    }

    /// Applies what the tasks wrote, runs to the next edge that a task waits for, and wakes those
    /// tasks before the edge.
    fn advance(&self) -> Result<(), SimError> {
        let inner = &self.inner;
        let mut model = inner.model.borrow_mut();
        let mut clocks = inner.clocks.borrow_mut();
        // Edges of this very time, which the tasks have just looked at.
        let now = inner.now.get();
        let mut edge = false;
        for c in clocks.iter_mut().filter(|c| c.next_edge == now) {
            model.set(c.port, 1);
            c.next_edge += c.period;
            c.cycle += 1;
            edge = true;
        }
        if edge {
            model.eval();
            model.advance();
        }
        self.apply_writes(&mut model);
        for c in clocks.iter() {
            model.set(c.port, 0);
        }
        model.eval();
        if edge {
            model.advance();
        }
        // Where a single clock runs alone, cycles in which nobody wakes pass inside the model.
        if let [clock] = &mut clocks[..] {
            let wake = if clock.soon.is_empty() { clock.later.peek().map(|Reverse((at, _))| *at) } else { Some(clock.cycle) };
            let idle = wake.map_or(0, |at| at.saturating_sub(clock.cycle));
            let idle = trace_step(inner, clock.cycle, idle, &mut model)?;
            if idle > 0 && !model.has_stopped() {
                let ran = model.run_cycles(clock.port, idle);
                clock.cycle += ran;
                clock.next_edge += ran * clock.period;
            }
        } else if let Some(clock) = clocks.first() {
            trace_step(inner, clock.cycle, 0, &mut model)?;
        }
        if model.has_stopped() {
            let stop = model.stop().map_or_else(String::new, |s| s.text);
            let cycle = clocks.first().map_or(0, |c| c.cycle);
            return Err(SimError::Stopped { cycle, text: stop, output: model.take_output() });
        }
        if clocks.iter().all(|c| c.soon.is_empty() && c.later.is_empty()) {
            let cycle = clocks.first().map_or(0, |c| c.cycle);
            drop((clocks, model));
            return Err(SimError::Deadlock { cycle, report: self.report() });
        }
        let Some(time) = clocks.iter().map(|c| c.next_edge).min() else { return Ok(()) };
        inner.now.set(time);
        for c in clocks.iter_mut().filter(|c| c.next_edge == time) {
            for id in c.soon.drain(..) {
                inner.tasks.wake(id);
            }
            while c.later.peek().is_some_and(|Reverse((at, _))| *at <= c.cycle) {
                if let Some(Reverse((_, id))) = c.later.pop() {
                    inner.tasks.wake(id);
                }
            }
        }
        Ok(())
    }
}

/// Opens and closes the window, when the values of a cycle stand; returns how many of `idle` cycles may pass before it changes. The edge
/// behind them is not among them.
fn trace_step(inner: &Inner, cycle: u64, idle: u64, model: &mut Model) -> Result<u64, SimError> {
    let mut window = inner.trace.borrow_mut();
    let Some(w) = window.as_ref() else { return Ok(idle) };
    let origin = match (inner.origin.get(), &w.origin) {
        (Some(cycle), _) => cycle,
        (None, Origin::Start) => 0,
        (None, Origin::Bit(name, bit)) => {
            let port = model.port(name).map_err(|e| SimError::Model(format!("the window of a trace: {e}")))?;
            if model.get(port) >> bit & 1 == 0 {
                return Ok(0);
            }
            cycle
        }
    };
    inner.origin.set(Some(origin));
    let (from, to) = (origin.saturating_add(w.from), origin.saturating_add(w.to));
    if cycle < from {
        return Ok(idle.min(from - cycle - 1));
    }
    if cycle < to {
        model.trace_open(&w.path, w.depth).map_err(|e| SimError::Model(e.to_string()))?;
    }
    if cycle + 1 < to {
        return Ok(idle.min(to - cycle - 2));
    }
    model.trace_pause();
    *window = None;
    Ok(idle)
}

impl<T: 'static> JoinHandle<T> {
    /// Is the task finished?
    pub fn is_finished(&self) -> bool {
        self.slot.value.borrow().is_some()
    }

    /// Waits for the task's result.
    pub async fn join(self) -> T {
        std::future::poll_fn(|_| {
            if let Some(value) = self.slot.value.borrow_mut().take() {
                return Poll::Ready(value);
            }
            let tasks = &self.sim.inner.tasks;
            self.slot.waiters.borrow_mut().push(tasks.current());
            tasks.note(Waits::Text(format!("task '{}'", self.name).into()));
            Poll::Pending
        })
        .await
    }
}
