// SPDX-License-Identifier: Apache-2.0
//! Events and queues between tasks. They wake in the same cycle.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Something that happens; waiting tasks go on in the same cycle.
#[derive(Clone, Default)]
pub struct Event(Rc<RefCell<(bool, Vec<Waker>)>>);

impl Event {
    /// An event that has not happened.
    pub fn new() -> Event {
        Event::default()
    }

    /// It happens: all waiters go on, and later ones do not wait until it is cleared.
    pub fn set(&self) {
        let mut state = self.0.borrow_mut();
        state.0 = true;
        state.1.drain(..).for_each(Waker::wake);
    }

    /// It has not happened.
    pub fn clear(&self) {
        self.0.borrow_mut().0 = false;
    }

    /// Has it happened?
    pub fn is_set(&self) -> bool {
        self.0.borrow().0
    }

    /// Waits for it.
    pub async fn wait(&self) {
        poll_fn(|cx| {
            let mut state = self.0.borrow_mut();
            if state.0 {
                return Poll::Ready(());
            }
            state.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

struct QueueState<T> {
    items: VecDeque<T>,
    waiters: Vec<Waker>,
}

/// A queue between tasks, without a limit.
pub struct Queue<T>(Rc<RefCell<QueueState<T>>>);

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Queue(self.0.clone())
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue(Rc::new(RefCell::new(QueueState { items: VecDeque::new(), waiters: vec![] })))
    }
}

impl<T> Queue<T> {
    /// An empty queue.
    pub fn new() -> Queue<T> {
        Queue::default()
    }

    /// Adds an item; one waiting task goes on in the same cycle.
    pub fn push(&self, item: T) {
        let mut state = self.0.borrow_mut();
        state.items.push_back(item);
        state.waiters.drain(..).for_each(Waker::wake);
    }

    /// The oldest item, if there is one.
    pub fn try_pop(&self) -> Option<T> {
        self.0.borrow_mut().items.pop_front()
    }

    /// The oldest item; waits for one.
    pub async fn pop(&self) -> T {
        poll_fn(|cx| {
            let mut state = self.0.borrow_mut();
            match state.items.pop_front() {
                Some(item) => Poll::Ready(item),
                None => {
                    state.waiters.push(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Items in it.
    pub fn len(&self) -> usize {
        self.0.borrow().items.len()
    }

    /// Is it empty?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
