// SPDX-License-Identifier: Apache-2.0
//! The ready queue and the tasks. One thread; wakes from clock edges go straight into the queue.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

pub(crate) type TaskId = usize;
type Job = Pin<Box<dyn Future<Output = ()>>>;

/// Wakes that come through a `Waker` (tokio channels, queues, events).
#[derive(Default)]
pub(crate) struct Inbox(Mutex<Vec<TaskId>>);

struct TaskWaker {
    id: TaskId,
    inbox: Arc<Inbox>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.inbox.0.lock().unwrap_or_else(|e| e.into_inner()).push(self.id);
    }
}

/// What a task waits for.
#[derive(Clone, Default)]
pub(crate) enum Waits {
    /// It has not been polled yet, or waits for something of its own.
    #[default]
    Unknown,
    /// An edge of a clock, by its index and the edge's number.
    Edge { clock: usize, edge: u64 },
    /// As it was described.
    Text(Rc<str>),
}

struct Task {
    name: String,
    job: Option<Job>,
    waker: Waker,
    queued: bool,
    finished: bool,
    waits: Waits,
}

/// All tasks of one simulation.
#[derive(Default)]
pub(crate) struct Tasks {
    tasks: RefCell<Vec<Task>>,
    ready: RefCell<VecDeque<TaskId>>,
    inbox: Arc<Inbox>,
    current: Cell<TaskId>,
}

impl Tasks {
    pub fn spawn(&self, name: String, job: Job) -> TaskId {
        let mut tasks = self.tasks.borrow_mut();
        let id = tasks.len();
        let waker = Waker::from(Arc::new(TaskWaker { id, inbox: self.inbox.clone() }));
        tasks.push(Task { name, job: Some(job), waker, queued: true, finished: false, waits: Waits::Unknown });
        self.ready.borrow_mut().push_back(id);
        id
    }

    /// The task that is being polled.
    #[inline]
    pub fn current(&self) -> TaskId {
        self.current.get()
    }

    pub fn name(&self, id: TaskId) -> String {
        self.tasks.borrow().get(id).map_or_else(|| "?".into(), |t| t.name.clone())
    }

    /// Notes what the current task waits for, for reports.
    #[inline]
    pub fn note(&self, what: Waits) {
        if let Some(t) = self.tasks.borrow_mut().get_mut(self.current.get()) {
            t.waits = what;
        }
    }

    #[inline]
    pub fn wake(&self, id: TaskId) {
        let mut tasks = self.tasks.borrow_mut();
        let task = &mut tasks[id];
        if !task.queued {
            task.queued = true;
            self.ready.borrow_mut().push_back(id);
        }
    }

    /// Polls until no task is ready. `each` is told the id of every poll and says whether to go on.
    pub fn run(&self, mut each: impl FnMut(TaskId) -> bool) {
        loop {
            let next = self.ready.borrow_mut().pop_front();
            let Some(id) = next else {
                let woken = std::mem::take(&mut *self.inbox.0.lock().unwrap_or_else(|e| e.into_inner()));
                if woken.is_empty() {
                    return;
                }
                for id in woken {
                    self.wake(id);
                }
                continue;
            };
            let (job, waker) = {
                let mut tasks = self.tasks.borrow_mut();
                let task = &mut tasks[id];
                task.queued = false;
                (task.job.take(), task.waker.clone())
            };
            let Some(mut job) = job else { continue };
            self.current.set(id);
            let poll = job.as_mut().poll(&mut Context::from_waker(&waker));
            self.current.set(usize::MAX);
            match poll {
                Poll::Pending => self.tasks.borrow_mut()[id].job = Some(job),
                Poll::Ready(()) => self.tasks.borrow_mut()[id].finished = true,
            }
            if !each(id) {
                return;
            }
        }
    }

    /// A line for each task that is not finished; `clock` names a clock.
    pub fn report(&self, clock: &dyn Fn(usize) -> String) -> String {
        let tasks = self.tasks.borrow();
        let mut lines = vec!["tasks:".to_string()];
        for t in tasks.iter().filter(|t| !t.finished) {
            let waits = match &t.waits {
                Waits::Unknown if t.job.is_some() && t.queued => "its first turn".to_string(),
                Waits::Unknown => "something that does not say its name".to_string(),
                Waits::Edge { clock: index, edge } => format!("edge {edge} of {}", clock(*index)),
                Waits::Text(text) => text.to_string(),
            };
            lines.push(format!("  {:<20} waits for {waits}", t.name));
        }
        lines.join("\n")
    }

    /// Drops every task: they hold handles of the simulation, which would keep its model, and a trace of it open, for ever.
    pub fn clear(&self) {
        let jobs: Vec<Option<Job>> = self.tasks.borrow_mut().iter_mut().map(|t| t.job.take()).collect();
        drop(jobs);
        self.ready.borrow_mut().clear();
    }
}
