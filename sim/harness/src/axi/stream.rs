// SPDX-License-Identifier: Apache-2.0
//! AXI4-Stream source, sink and monitor. A frame is a vector of bytes.

use super::bus::Bus;
use crate::{Clock, Event, Pause, Queue, SimError, cover};
use std::cell::{Cell, RefCell};
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
    /// # Errors
    /// [`SimError::Model`]: a port is missing. [`SimError::Bus`]: widths that the standard does not have.
    pub fn try_new(clock: &Clock, prefix: &str, pause: Pause) -> Result<StreamSource, SimError> {
        let bus = Bus::of(clock.sim(), prefix)?;
        let source = StreamSource { frames: Queue::new(), pending: Rc::default(), aborts: Rc::default(), idle: Event::new() };
        source.idle.set();
        let (me, clock) = (source.clone(), clock.clone());
        clock.sim().clone().spawn(format!("{} source", bus.name), async move { me.serve(clock, bus, pause).await });
        Ok(source)
    }

    /// The same.
    ///
    /// # Panics
    /// With the error of [`StreamSource::try_new`].
    pub fn new(clock: &Clock, prefix: &str, pause: Pause) -> StreamSource {
        StreamSource::try_new(clock, prefix, pause).unwrap_or_else(|e| panic!("{e}"))
    }

    async fn serve(self, clock: Clock, bus: Bus, mut pause: Pause) {
        loop {
            let frame = self.frames.pop().await;
            let words = frame.len().div_ceil(bus.width);
            let aborts = self.aborts.get();
            'frame: for (n, word) in frame.chunks(bus.width).enumerate() {
                while pause.stalls() {
                    cover::hit(|| format!("stream {} waits for its source", bus.name));
                    bus.valid.set(0);
                    clock.rising_edge().await;
                }
                if self.aborts.get() != aborts {
                    break;
                }
                bus.valid.set(1);
                bus.put(word, n + 1 == words);
                clock.rising_edge().await;
                while !bus.ready.is_high() {
                    cover::hit(|| format!("stream {} waits for its sink", bus.name));
                    if self.aborts.get() != aborts {
                        break 'frame;
                    }
                    clock.rising_edge().await;
                }
            }
            if self.aborts.get() != aborts {
                // The queue was emptied and counted. TVALID is low for a cycle, also where a new frame waits already.
                bus.valid.set(0);
                clock.rising_edge().await;
                continue;
            }
            clock.sim().log(format!("{} sent {} bytes", bus.name, frame.len()));
            self.pending.set(self.pending.get() - 1);
            if self.pending.get() == 0 {
                bus.valid.set(0);
                self.idle.set();
            }
        }
    }

    /// Queues a frame; the source's task sends it, whoever waits for that. An empty frame is nothing.
    pub fn send(&self, frame: impl Into<Vec<u8>>) {
        let frame = frame.into();
        if frame.is_empty() {
            return;
        }
        self.pending.set(self.pending.get() + 1);
        self.idle.clear();
        self.frames.push(frame);
    }

    /// Forgets every frame, the one on its way too, as if power had gone; TVALID falls at the next edge. What the design took of a
    /// frame, it has: it must be reset, or drop what has no TLAST.
    pub fn abort(&self) {
        self.aborts.set(self.aborts.get() + 1);
        while self.frames.try_pop().is_some() {}
        self.pending.set(0);
        self.idle.set();
    }

    /// Waits until every queued frame was taken. To give up waiting takes nothing back: TVALID may not fall before TREADY, so the
    /// word stands until it is taken or [`StreamSource::abort`] is called.
    pub async fn drained(&self) {
        self.idle.wait().await;
    }
}

/// Receives frames into a queue, in a task of its own.
#[derive(Clone)]
pub struct StreamSink {
    frames: Queue<Vec<u8>>,
    part: Rc<RefCell<Vec<u8>>>,
    clock: Clock,
    name: String,
}

impl StreamSink {
    /// A sink on the ports with this prefix. A frame ends with TLAST; where there is no tlast,
    /// every word is a frame.
    ///
    /// # Errors
    /// As [`StreamSource::try_new`].
    pub fn try_new(clock: &Clock, prefix: &str, mut pause: Pause) -> Result<StreamSink, SimError> {
        let bus = Bus::of(clock.sim(), prefix)?;
        let sink = StreamSink { frames: Queue::new(), part: Rc::default(), clock: clock.clone(), name: bus.name.clone() };
        let (frames, part, clock) = (sink.frames.clone(), sink.part.clone(), clock.clone());
        clock.sim().clone().spawn(format!("{} sink", bus.name), async move {
            let (mut word, mut kept) = (vec![0u8; bus.width], vec![0u8; bus.width.div_ceil(8)]);
            let mut open = !pause.stalls();
            bus.ready.set(u64::from(open));
            loop {
                clock.rising_edge().await;
                match (open, bus.valid.is_high()) {
                    (true, false) => cover::hit(|| format!("stream {} waits for its source", bus.name)),
                    (false, true) => cover::hit(|| format!("stream {} waits for its sink", bus.name)),
                    _ => {}
                }
                if open && bus.valid.is_high() {
                    bus.data.get_bytes(&mut word);
                    bus.kept(&mut kept);
                    let mut frame = part.borrow_mut();
                    frame.extend(word.iter().enumerate().filter(|(i, _)| kept[i / 8] >> (i % 8) & 1 == 1).map(|(_, b)| b));
                    if bus.ends() {
                        clock.sim().log(format!("{} received {} bytes", bus.name, frame.len()));
                        frames.push(std::mem::take(&mut frame));
                    }
                }
                let next = !pause.stalls();
                if next != open {
                    open = next;
                    bus.ready.set(u64::from(open));
                }
            }
        });
        Ok(sink)
    }

    /// The same.
    ///
    /// # Panics
    /// With the error of [`StreamSink::try_new`].
    pub fn new(clock: &Clock, prefix: &str, pause: Pause) -> StreamSink {
        StreamSink::try_new(clock, prefix, pause).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Forgets what came of a frame that has not ended, as when power goes; frames that came whole stay.
    pub fn abort(&self) {
        self.part.borrow_mut().clear();
    }

    /// The next frame.
    ///
    /// # Errors
    /// [`SimError::Timeout`] when none is complete within `limit` cycles. What came of it is kept, for the next call.
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
    /// # Errors
    /// As [`StreamSource::try_new`].
    pub fn try_new(clock: &Clock, prefix: &str) -> Result<Monitor, SimError> {
        let bus = Bus::of(clock.sim(), prefix)?;
        let monitor = Monitor::default();
        let (me, clock) = (monitor.clone(), clock.clone());
        clock.sim().clone().spawn(format!("{} monitor", bus.name), async move {
            let name = &bus.name;
            let mut all = vec![0; bus.width.div_ceil(8)];
            bus.all(&mut all);
            let mut held: Option<(Vec<u8>, Vec<u8>, bool)> = None;
            loop {
                clock.rising_edge().await;
                if !bus.valid.is_high() {
                    assert!(held.is_none(), "{name}: TVALID was taken back before TREADY, cycle {}", clock.cycle());
                    continue;
                }
                let (mut word, mut kept) = (vec![0; bus.width], vec![0; all.len()]);
                bus.data.get_bytes(&mut word);
                bus.kept(&mut kept);
                let now = (word, kept, bus.ends());
                if let Some(before) = &held {
                    assert_eq!(before, &now, "{name}: the word changed before TREADY, cycle {}", clock.cycle());
                }
                let (_, kept, ends) = &now;
                assert!(*ends || *kept == all, "{name}: TKEEP {kept:02x?} before the last word, cycle {}", clock.cycle());
                if bus.ready.is_high() {
                    me.words.set(me.words.get() + 1);
                    me.frames.set(me.frames.get() + u64::from(*ends));
                    held = None;
                } else {
                    me.stalls.set(me.stalls.get() + 1);
                    held = Some(now);
                }
            }
        });
        Ok(monitor)
    }

    /// The same.
    ///
    /// # Panics
    /// With the error of [`Monitor::try_new`].
    pub fn new(clock: &Clock, prefix: &str) -> Monitor {
        Monitor::try_new(clock, prefix).unwrap_or_else(|e| panic!("{e}"))
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
