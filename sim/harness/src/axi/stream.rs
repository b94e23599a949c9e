// SPDX-License-Identifier: Apache-2.0
//! AXI4-Stream source, sink and monitor. A frame is a vector of bytes.

use super::{find, need};
use crate::{Clock, Event, Pause, Queue, Signal, SimError};
use std::cell::Cell;
use std::rc::Rc;

/// Sends frames from a queue, in a task of its own.
#[derive(Clone)]
pub struct StreamSource {
    frames: Queue<Vec<u8>>,
    pending: Rc<Cell<usize>>,
    aborts: Rc<Cell<u64>>,
    idle: Event,
}

impl StreamSource {
    /// A source on the ports with this prefix (tvalid, tready, tdata; tkeep and tlast if there are).
    ///
    /// # Panics
    /// When a port is missing.
    pub fn new(clock: &Clock, prefix: &str, pause: Pause) -> StreamSource {
        let source = StreamSource { frames: Queue::new(), pending: Rc::default(), aborts: Rc::default(), idle: Event::new() };
        source.idle.set();
        let sim = clock.sim().clone();
        let (valid, ready, data) = (need(&sim, prefix, "tvalid"), need(&sim, prefix, "tready"), need(&sim, prefix, "tdata"));
        let (keep, last) = (find(&sim, prefix, "tkeep"), find(&sim, prefix, "tlast"));
        let (me, clock, name) = (source.clone(), clock.clone(), prefix.trim_end_matches('_').to_string());
        sim.spawn(format!("{name} source"), async move { me.serve(clock, name, [valid, ready, data], keep, last, pause).await });
        source
    }

    async fn serve(
        self,
        clock: Clock,
        name: String,
        bus: [Signal; 3],
        keep: Option<Signal>,
        last: Option<Signal>,
        mut pause: Pause,
    ) {
        let [valid, ready, data] = bus;
        let width = (data.width() / 8) as usize;
        loop {
            let frame = self.frames.pop().await;
            let words = frame.len().div_ceil(width);
            let aborts = self.aborts.get();
            'frame: for (n, word) in frame.chunks(width).enumerate() {
                while pause.stalls() {
                    valid.set(0);
                    clock.rising_edge().await;
                }
                if self.aborts.get() != aborts {
                    break;
                }
                valid.set(1);
                data.set_bytes(word);
                if let Some(keep) = &keep {
                    keep.set(if word.len() >= 64 { u64::MAX } else { (1 << word.len()) - 1 });
                }
                if let Some(last) = &last {
                    last.set(u64::from(n + 1 == words));
                }
                clock.rising_edge().await;
                while !ready.is_high() {
                    if self.aborts.get() != aborts {
                        break 'frame;
                    }
                    clock.rising_edge().await;
                }
            }
            if self.aborts.get() != aborts {
                valid.set(0);
                continue; // the queue was emptied and counted
            }
            clock.sim().log(format!("{name} sent {} bytes", frame.len()));
            self.pending.set(self.pending.get() - 1);
            if self.pending.get() == 0 {
                valid.set(0);
                self.idle.set();
            }
        }
    }

    /// Queues a frame. An empty frame is nothing.
    pub fn send(&self, frame: impl Into<Vec<u8>>) {
        let frame = frame.into();
        if frame.is_empty() {
            return;
        }
        self.pending.set(self.pending.get() + 1);
        self.idle.clear();
        self.frames.push(frame);
    }

    /// Forgets every frame, the one on its way too, as if power had gone; TVALID falls at the next edge.
    pub fn abort(&self) {
        self.aborts.set(self.aborts.get() + 1);
        while self.frames.try_pop().is_some() {}
        self.pending.set(0);
        self.idle.set();
    }

    /// Waits until every queued frame was taken.
    pub async fn drained(&self) {
        self.idle.wait().await;
    }
}

/// Receives frames into a queue, in a task of its own.
#[derive(Clone)]
pub struct StreamSink {
    frames: Queue<Vec<u8>>,
    clock: Clock,
    name: String,
}

impl StreamSink {
    /// A sink on the ports with this prefix. A frame ends with TLAST; where there is no tlast,
    /// every word is a frame.
    ///
    /// # Panics
    /// When a port is missing.
    pub fn new(clock: &Clock, prefix: &str, mut pause: Pause) -> StreamSink {
        let sim = clock.sim().clone();
        let (valid, ready, data) = (need(&sim, prefix, "tvalid"), need(&sim, prefix, "tready"), need(&sim, prefix, "tdata"));
        let (keep, last) = (find(&sim, prefix, "tkeep"), find(&sim, prefix, "tlast"));
        let name = prefix.trim_end_matches('_').to_string();
        let sink = StreamSink { frames: Queue::new(), clock: clock.clone(), name: name.clone() };
        let (frames, clock) = (sink.frames.clone(), clock.clone());
        sim.spawn(format!("{name} sink"), async move {
            let mut frame = Vec::new();
            let mut word = vec![0u8; (data.width() / 8) as usize];
            let mut open = !pause.stalls();
            ready.set(u64::from(open));
            loop {
                clock.rising_edge().await;
                if open && valid.is_high() {
                    data.get_bytes(&mut word);
                    let kept = keep.as_ref().map_or(u64::MAX, Signal::get);
                    frame.extend(word.iter().enumerate().filter(|(i, _)| *i >= 64 || kept >> i & 1 == 1).map(|(_, b)| b));
                    if last.as_ref().is_none_or(Signal::is_high) {
                        clock.sim().log(format!("{name} received {} bytes", frame.len()));
                        frames.push(std::mem::take(&mut frame));
                    }
                }
                let next = !pause.stalls();
                if next != open {
                    open = next;
                    ready.set(u64::from(open));
                }
            }
        });
        sink
    }

    /// The next frame.
    ///
    /// # Errors
    /// [`SimError::Timeout`] when none is complete within `limit` cycles.
    pub async fn receive(&self, limit: u64) -> Result<Vec<u8>, SimError> {
        if let Some(frame) = self.frames.try_pop() {
            return Ok(frame);
        }
        let what = format!("a frame on {}", self.name);
        self.clock.sim().timeout(&self.clock, limit, &what, self.frames.pop()).await
    }

    /// Frames received and not yet taken.
    pub fn waiting(&self) -> usize {
        self.frames.len()
    }
}

/// Watches a stream: counts, and ends the test where the protocol is broken (TVALID taken back,
/// or data changed, before TREADY; holes in TKEEP before the last word).
#[derive(Clone, Default)]
pub struct Monitor {
    words: Rc<Cell<u64>>,
    frames: Rc<Cell<u64>>,
    stalls: Rc<Cell<u64>>,
}

impl Monitor {
    /// A monitor on the ports with this prefix.
    ///
    /// # Panics
    /// When a port is missing, and in its task where the protocol is broken.
    pub fn new(clock: &Clock, prefix: &str) -> Monitor {
        let monitor = Monitor::default();
        let sim = clock.sim().clone();
        let (valid, ready, data) = (need(&sim, prefix, "tvalid"), need(&sim, prefix, "tready"), need(&sim, prefix, "tdata"));
        let (keep, last) = (find(&sim, prefix, "tkeep"), find(&sim, prefix, "tlast"));
        let (me, clock, name) = (monitor.clone(), clock.clone(), prefix.trim_end_matches('_').to_string());
        sim.spawn(format!("{name} monitor"), async move {
            let width = (data.width() / 8) as usize;
            let all = if width >= 64 { u64::MAX } else { (1 << width) - 1 };
            let mut held: Option<(Vec<u8>, u64, bool)> = None;
            loop {
                clock.rising_edge().await;
                if !valid.is_high() {
                    assert!(held.is_none(), "{name}: TVALID was taken back before TREADY, cycle {}", clock.cycle());
                    continue;
                }
                let mut word = vec![0; width];
                data.get_bytes(&mut word);
                let now = (word, keep.as_ref().map_or(all, Signal::get), last.as_ref().is_none_or(Signal::is_high));
                if let Some(before) = &held {
                    assert_eq!(before, &now, "{name}: the word changed before TREADY, cycle {}", clock.cycle());
                }
                let (_, kept, ends) = &now;
                assert!(*ends || *kept == all, "{name}: TKEEP {kept:#x} before the last word, cycle {}", clock.cycle());
                if ready.is_high() {
                    me.words.set(me.words.get() + 1);
                    me.frames.set(me.frames.get() + u64::from(*ends));
                    held = None;
                } else {
                    me.stalls.set(me.stalls.get() + 1);
                    held = Some(now);
                }
            }
        });
        monitor
    }

    /// Words transferred.
    pub fn words(&self) -> u64 {
        self.words.get()
    }

    /// Frames transferred.
    pub fn frames(&self) -> u64 {
        self.frames.get()
    }

    /// Cycles in which a word waited.
    pub fn stalls(&self) -> u64 {
        self.stalls.get()
    }
}
