// SPDX-License-Identifier: Apache-2.0
//! Between the connections and the machine: what is admitted, when it runs, when its answer goes out.

use crate::clock::{Clock, Rate};
use crate::metrics::{Counts, Now, Reason};
use crate::plan::Plan;
use crate::reply::Part;
use crate::timeline::{Slot, Timeline};
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Where the parts of an answer go.
pub type Parts = UnboundedSender<Part>;

/// An admitted request.
pub struct Job {
    /// What it was promised.
    pub ticket: Ticket,
    /// What the machine runs.
    pub plan: Plan,
    /// Where its answer goes.
    pub parts: Parts,
}

/// What an admitted request is promised; cycles of the machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Its number.
    pub id: u64,
    /// When it was there.
    pub arrival: u64,
    /// Its launch.
    pub start: u64,
    /// Its end.
    pub finish: u64,
    /// When it has to be answered.
    pub deadline: u64,
    /// How many requests are before it.
    pub queue: usize,
}

/// A request that is not admitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// From its arrival to the end that it would have, where there is a machine; cycles.
    pub possible: Option<u64>,
    /// Cycles that it runs.
    pub cycles: u64,
    /// Cycles that it has.
    pub allowed: u64,
}

/// How far the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The machine is switched on for the first time.
    Starting,
    /// Requests are taken.
    Serving,
    /// The machine failed and does not come back.
    Down,
    /// What is admitted is answered, nothing else is.
    Draining,
}

struct State {
    clock: Clock,
    line: Timeline,
    jobs: HashMap<u64, Job>,
    next: u64,
    phase: Phase,
    counts: Counts,
    /// Why the machine never came up.
    stillborn: Option<String>,
    /// Admitted requests in the host's time: what the pace promised.
    promised: HashMap<u64, Instant>,
}

impl State {
    fn now(&self) -> u64 {
        self.clock.now(Instant::now(), self.line.cap())
    }
}

/// The desk.
pub struct Desk {
    state: Mutex<State>,
    /// The machine's thread waits for a time or a change.
    machine: Condvar,
    /// Wakes who waits for the end of draining, and for the machine to be ready.
    pub changed: tokio::sync::Notify,
    most: usize,
    early: bool,
}

impl Desk {
    /// A desk for `most` requests at a time. With `early`, those behind one that ends before its time come earlier.
    pub fn new(rate: Rate, most: usize, early: bool) -> Arc<Desk> {
        let state = State {
            clock: Clock::new(rate, Instant::now()),
            line: Timeline::default(),
            jobs: HashMap::new(),
            next: 0,
            phase: Phase::Starting,
            counts: Counts::default(),
            promised: HashMap::new(),
            stillborn: None,
        };
        Arc::new(Desk { state: Mutex::new(state), machine: Condvar::new(), changed: tokio::sync::Notify::new(), most, early })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.machine.notify_all();
        self.changed.notify_waiters();
    }

    /// Where a request of so many cycles would stand, or why it would not be admitted.
    fn judge(&self, state: &State, cycles: u64, allowed: u64) -> Result<Ticket, Refusal> {
        let arrival = state.clock.next(Instant::now(), state.line.cap());
        let (queue, start) = state.line.place(arrival, cycles);
        let finish = start + cycles;
        let refuse = |reason, possible| Err(Refusal { reason, possible, cycles, allowed });
        match state.phase {
            Phase::Starting | Phase::Down => return refuse(Reason::Down, None),
            Phase::Draining => return refuse(Reason::Draining, None),
            Phase::Serving => {}
        }
        let deadline = arrival.saturating_add(allowed);
        if finish > deadline {
            return refuse(Reason::Late, Some(finish - arrival));
        }
        if state.line.len() >= self.most {
            return refuse(Reason::Full, Some(finish - arrival));
        }
        Ok(Ticket { id: state.next, arrival, start, finish, deadline, queue })
    }

    /// What [`Desk::admit`] would say now.
    ///
    /// # Errors
    /// The refusal.
    pub fn estimate(&self, cycles: u64, allowed: u64) -> Result<Ticket, Refusal> {
        self.judge(&self.lock(), cycles, allowed)
    }

    /// Admits a request if it will be answered within `allowed` cycles. Then it has its place in time, and nobody moves it back.
    ///
    /// # Errors
    /// The refusal.
    pub fn admit(
        &self,
        plan: impl FnOnce(&Ticket) -> Plan,
        cycles: [u64; 2],
        allowed: u64,
        parts: Parts,
    ) -> Result<Ticket, Refusal> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let [first, cycles] = cycles;
        let judged = self.judge(state, cycles, allowed);
        let ticket = judged.inspect_err(|refusal| state.counts.refuse(refusal.reason))?;
        state.next += 1;
        state.counts.admitted += 1;
        state.counts.wait.add(ticket.start - ticket.arrival);
        state.promised.insert(ticket.id, Instant::now() + state.clock.rate().host(ticket.finish - ticket.arrival));
        state.line.insert(ticket.queue, Slot { id: ticket.id, start: ticket.start, finish: ticket.finish, first, until: None });
        let plan = plan(&ticket);
        state.jobs.insert(ticket.id, Job { ticket, plan, parts });
        drop(guard);
        self.machine.notify_all();
        Ok(ticket)
    }

    /// The client of a request went away. If it has not begun it never does; nobody else notices.
    pub fn vanish(&self, id: u64) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let waits = state.line.of(id).map(|slot| slot.until.is_none());
        match waits {
            Some(true) => {
                let now = state.now();
                // Its slot was what the clock waited for, perhaps.
                if let Some(cap) = state.line.cap() {
                    state.clock.release(Instant::now(), cap);
                }
                state.line.remove(id, now, self.early);
                state.jobs.remove(&id);
                state.promised.remove(&id);
                state.counts.vanished += 1;
            }
            Some(false) => state.counts.abandoned += 1,
            None => return,
        }
        drop(guard);
        self.tell();
    }

    /// For the machine: waits for the next request's launch. None where the host has gone down and nothing is left.
    pub fn begin(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            let now = state.now();
            let wait = match state.line.first() {
                Some(slot) if slot.start <= now => {
                    let (id, start, finish) = (slot.id, slot.start, slot.finish);
                    let until = start + slot.first;
                    if let Some(slot) = state.line.of(id) {
                        slot.until = Some(until);
                    }
                    let mut job = state.jobs.remove(&id)?;
                    // It may have come earlier than promised.
                    (job.ticket.start, job.ticket.finish) = (start, finish);
                    return Some(job);
                }
                Some(slot) => state.clock.until(Instant::now(), slot.start),
                None if state.phase == Phase::Draining => return None,
                None => Duration::from_secs(3600),
            };
            state = self.sleep(state, wait);
        }
    }

    fn sleep<'a>(&self, state: MutexGuard<'a, State>, wait: Duration) -> MutexGuard<'a, State> {
        self.machine.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
    }

    /// For the machine: the result is there that the clock waits for, and the next will be at `until`; `u64::MAX` behind the last.
    /// Waits until the clock has come to the end of the step.
    pub fn step(&self, id: u64, end: u64, until: u64) {
        let mut state = self.lock();
        if let Some(slot) = state.line.of(id) {
            slot.until = Some(until);
        }
        state.clock.release(Instant::now(), end);
        loop {
            let wait = state.clock.until(Instant::now(), end);
            if wait.is_zero() {
                return;
            }
            state = self.sleep(state, wait);
        }
    }

    /// For the machine: a request is over in cycle `end`. Where it was answered: the cycles that it took, and the host's time.
    pub fn over(&self, ticket: &Ticket, end: u64, answered: Option<(u64, Duration)>) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let promised = state.promised.remove(&ticket.id);
        if let Some((cycles, host)) = answered {
            let c = &mut state.counts;
            c.answered += 1;
            c.late += u64::from(end > ticket.deadline);
            c.service.add(cycles);
            c.service_host.add(host.as_nanos() as u64);
            let behind = promised.map(|p| Instant::now().saturating_duration_since(p));
            c.behind.add(behind.unwrap_or_default().as_nanos() as u64);
        }
        state.line.remove(ticket.id, end, self.early);
        drop(guard);
        self.tell();
    }

    /// For the machine: a request that it cannot run.
    pub fn fail(&self, id: u64) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let now = state.now();
        if let Some(cap) = state.line.cap() {
            state.clock.release(Instant::now(), cap);
        }
        state.line.remove(id, now, self.early);
        state.promised.remove(&id);
        state.counts.failed += 1;
        drop(guard);
        self.tell();
    }

    /// For the machine: counts.
    pub fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.lock().counts);
    }

    /// The machine is on, and takes requests; the first time its clock begins, with the pace that it can keep.
    pub fn on(&self, pace: Option<f64>) {
        let mut state = self.lock();
        if state.counts.power_ups == 0 {
            let rate = state.clock.rate();
            state.clock = Clock::new(Rate { pace: pace.unwrap_or(rate.pace), ..rate }, Instant::now());
        }
        if matches!(state.phase, Phase::Starting | Phase::Down) {
            state.phase = Phase::Serving;
        }
        state.counts.power_ups += 1;
        drop(state);
        self.tell();
    }

    /// The machine does not come back: what waits is given up.
    pub fn down(&self) -> bool {
        let mut guard = self.lock();
        let state = &mut *guard;
        let gone = state.line.clear();
        state.counts.failed += gone.len() as u64;
        state.promised.clear();
        state.jobs.clear(); // their answers end without a last part
        let draining = state.phase == Phase::Draining;
        if !draining {
            state.phase = Phase::Down;
        }
        drop(guard);
        self.tell();
        draining
    }

    /// The machine never came up: whoever waits for it is told why.
    pub fn never(&self, why: String) {
        let mut state = self.lock();
        state.stillborn = Some(why);
        state.phase = Phase::Down;
        drop(state);
        self.tell();
    }

    /// Why the machine never came up, if it did not.
    pub fn stillborn(&self) -> Option<String> {
        self.lock().stillborn.clone()
    }

    /// From now on nothing is admitted.
    pub fn drain(&self) {
        self.lock().phase = Phase::Draining;
        self.tell();
    }

    /// Whether the host goes down.
    pub fn is_draining(&self) -> bool {
        self.lock().phase == Phase::Draining
    }

    /// Whether nothing waits or runs.
    pub fn is_empty(&self) -> bool {
        self.lock().line.is_empty()
    }

    /// Whether requests are taken.
    pub fn is_ready(&self) -> bool {
        self.lock().phase == Phase::Serving
    }

    /// How cycles become time.
    pub fn rate(&self) -> Rate {
        self.lock().clock.rate()
    }

    /// What was counted, and how things stand.
    pub fn look(&self) -> (Counts, Now) {
        let state = self.lock();
        let now = Now {
            queue: state.line.len(),
            rate: state.clock.rate(),
            cycle: state.now(),
            held: state.clock.held(),
            ready: state.phase == Phase::Serving,
        };
        (state.counts.clone(), now)
    }
}
