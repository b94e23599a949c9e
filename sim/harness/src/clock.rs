// SPDX-License-Identifier: Apache-2.0
//! Clocks and their edges.

use crate::exec::{TaskId, Waits};
use crate::{Sim, SimError};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use verilated::{Direction, Port};

/// A clock of the design.
#[derive(Clone)]
pub struct Clock {
    sim: Sim,
    index: usize,
}

pub(crate) struct ClockState {
    pub port: Port,
    pub name: String,
    pub period: u64,
    phase: u64,
    made: &'static Location<'static>,
    pub next_edge: u64, // in time units
    pub cycle: u64,     // edges that have happened
    pub soon: Vec<TaskId>,
    pub later: BinaryHeap<Reverse<(u64, TaskId)>>, // wake before edge number .0 (counted from 0)
}

impl Sim {
    /// Makes the one-bit input `name` a clock with this period in time units. Its rising edges are at the times `phase`, `phase +
    /// period`, .. of the simulation, so that clocks keep their distance whenever they are made: one that is made at a later time
    /// begins with the first of these edges behind it, and counts its cycles from there.
    ///
    /// The same port with the same period and phase again is the same clock.
    ///
    /// # Errors
    /// [`SimError::Model`]: no such port. [`SimError::Clock`]: no input of one bit, a period below 2, or a clock already with
    /// another period or phase; the error names both places.
    #[track_caller]
    pub fn try_clock_with(&self, name: &str, period: u64, phase: u64) -> Result<Clock, SimError> {
        let made = Location::caller();
        let signal = self.try_signal(name)?;
        let fail = |why: String| Err(SimError::Clock { name: name.into(), why });
        if signal.width() != 1 {
            return fail(format!("the port has {} bits, a clock has one", signal.width()));
        }
        if signal.direction() != Direction::Input {
            return fail("the port is no input of the design".into());
        }
        if period < 2 {
            return fail(format!("a period of {period}; it is at least 2 time units, one high and one low"));
        }
        let mut clocks = self.inner.clocks.borrow_mut();
        if let Some(index) = clocks.iter().position(|c| c.port == signal.port()) {
            let old = &clocks[index];
            if (old.period, old.phase) != (period, phase) {
                return fail(format!(
                    "made at {} with period {} and phase {}, and again at {made} with period {period} and phase {phase}; a port has one \
                     clock: use the first one's handle, or the same period and phase",
                    old.made, old.period, old.phase
                ));
            }
            return Ok(Clock { sim: self.clone(), index });
        }
        let now = self.inner.now.get();
        // At time 0 nothing has happened: an edge at 0 is still to come.
        let next_edge = match now.checked_sub(phase) {
            Some(gone) if now > 0 => phase + (gone / period + 1) * period,
            _ => phase,
        };
        let name = name.into();
        let (soon, later) = (vec![], BinaryHeap::new());
        clocks.push(ClockState { port: signal.port(), name, period, phase, made, next_edge, cycle: 0, soon, later });
        Ok(Clock { sim: self.clone(), index: clocks.len() - 1 })
    }

    /// The same.
    ///
    /// # Panics
    /// With the error of [`Sim::try_clock_with`].
    #[track_caller]
    pub fn clock_with(&self, name: &str, period: u64, phase: u64) -> Clock {
        self.try_clock_with(name, period, phase).unwrap_or_else(|e| panic!("{e}"))
    }

    /// A clock of period 2 and phase 1: edges at the odd times.
    ///
    /// # Panics
    /// As [`Sim::clock_with`].
    #[track_caller]
    pub fn clock(&self, name: &str) -> Clock {
        self.clock_with(name, 2, 1)
    }
}

/// Waits for an edge of a clock.
pub(crate) struct EdgeWait<'a> {
    clock: &'a Clock,
    edges: u64,
    target: Option<u64>,
    /// What the edges are waited for, where it is more than they.
    what: Option<Rc<str>>,
}

impl Future for EdgeWait<'_> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let inner = &self.clock.sim.inner;
        let mut clocks = inner.clocks.borrow_mut();
        let state = &mut clocks[self.clock.index];
        let id = inner.tasks.current();
        match self.target {
            // Woken before edge number `target`: its values stand.
            Some(target) if state.cycle == target && state.next_edge == inner.now.get() => Poll::Ready(()),
            // Nobody polled it at its edge, which is gone.
            Some(target) if state.cycle > target => Poll::Ready(()),
            // Polled for another reason (part of a combination): still registered.
            Some(_) => Poll::Pending,
            None => {
                // The edge of this very moment is already being handled: the next one counts.
                let at_edge = u64::from(state.next_edge == inner.now.get());
                let target = state.cycle + at_edge + self.edges - 1;
                if self.edges == 1 {
                    state.soon.push(id);
                } else {
                    state.later.push(Reverse((target, id)));
                }
                inner.tasks.note(match &self.what {
                    Some(what) => Waits::Text(what.clone()),
                    None => Waits::Edge { clock: self.clock.index, edge: target },
                });
                self.target = Some(target);
                Poll::Pending
            }
        }
    }
}

impl Clock {
    /// Rising edges so far.
    pub fn cycle(&self) -> u64 {
        self.sim.inner.clocks.borrow()[self.index].cycle
    }

    /// The simulation it belongs to.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// Waits for the next rising edge; ports then read as the flip-flops sample them.
    pub fn rising_edge(&self) -> impl Future<Output = ()> + '_ {
        EdgeWait { clock: self, edges: 1, target: None, what: None }
    }

    /// Waits for the `n`-th rising edge from now; 0 does not wait. Cycles in which no task wakes
    /// pass inside the model and cost nothing here.
    pub async fn cycles(&self, n: u64) {
        if n > 0 {
            EdgeWait { clock: self, edges: n, target: None, what: None }.await;
        }
    }

    /// Waits, edge by edge, until `condition` holds at one.
    ///
    /// # Errors
    /// [`SimError::Timeout`] after `limit` cycles, with the report of all tasks.
    pub async fn until(&self, limit: u64, what: &str, mut condition: impl FnMut() -> bool) -> Result<u64, SimError> {
        let text: Rc<str> = what.into();
        for n in 0..limit {
            EdgeWait { clock: self, edges: 1, target: None, what: Some(text.clone()) }.await;
            if condition() {
                return Ok(n + 1);
            }
        }
        let sim = &self.sim;
        Err(SimError::Timeout { what: what.into(), limit, cycle: sim.cycle(), report: sim.report() })
    }
}
