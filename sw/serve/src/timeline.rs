// SPDX-License-Identifier: Apache-2.0
//! What the machine will run and when: slots in cycles of its clock, none over another.

use std::collections::VecDeque;

/// Cycles from the end of a run to the launch of the next.
pub const LAUNCH: u64 = 1;

/// A request's place in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The request.
    pub id: u64,
    /// Cycle of its launch.
    pub start: u64,
    /// Cycle of its end.
    pub finish: u64,
    /// Cycles from its start to the end of its first step: a run, of a text the first of them.
    pub first: u64,
    /// The end of the step that is on, where it began; `u64::MAX` once the last result is there.
    pub until: Option<u64>,
}

impl Slot {
    /// What the clock may not pass for its sake.
    fn cap(&self) -> u64 {
        self.until.unwrap_or(self.start + self.first)
    }
}

/// Slots in the order of time.
#[derive(Debug, Default)]
pub struct Timeline {
    slots: VecDeque<Slot>,
    /// The cycle from which on the machine is free of what is over.
    free: u64,
}

impl Timeline {
    /// The first place that is free from `now` on for `cycles`: how many slots are before it, and its start.
    pub fn place(&self, now: u64, cycles: u64) -> (usize, u64) {
        let mut from = now.max(self.free);
        for (n, slot) in self.slots.iter().enumerate() {
            if slot.until.is_none() && from + cycles + LAUNCH <= slot.start {
                return (n, from);
            }
            from = from.max(slot.finish + LAUNCH);
        }
        (self.slots.len(), from)
    }

    /// Takes a place that [`Timeline::place`] gave.
    pub fn insert(&mut self, place: usize, slot: Slot) {
        self.slots.insert(place, slot);
    }

    /// The cycle that the clock may not pass: the end of the first step whose result is not there.
    pub fn cap(&self) -> Option<u64> {
        self.slots.iter().map(Slot::cap).find(|&cap| cap != u64::MAX)
    }

    /// The first slot.
    pub fn first(&self) -> Option<&Slot> {
        self.slots.front()
    }

    /// The slot of a request.
    pub fn of(&mut self, id: u64) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|s| s.id == id)
    }

    /// A slot goes. With `early` those behind come earlier, as far as there is room from `now` on; else it stays free for who comes.
    pub fn remove(&mut self, id: u64, now: u64, early: bool) -> Option<Slot> {
        let at = self.slots.iter().position(|s| s.id == id)?;
        let gone = self.slots.remove(at)?;
        if gone.until.is_some() {
            self.free = gone.finish.min(now) + LAUNCH;
        }
        if early {
            let mut from = now.max(self.free);
            for slot in &mut self.slots {
                if slot.until.is_none() && slot.start > from {
                    slot.finish -= slot.start - from;
                    slot.start = from;
                }
                from = from.max(slot.finish + LAUNCH);
            }
        }
        Some(gone)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing waits or runs.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Everything goes: the requests, in order.
    pub fn clear(&mut self) -> Vec<u64> {
        self.slots.drain(..).map(|s| s.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Timeline {
        let mut line = Timeline::default();
        for id in 0..4 {
            let (place, start) = line.place(10, 84);
            line.insert(place, Slot { id, start, finish: start + 84, first: 84, until: None });
        }
        line
    }

    fn starts(line: &Timeline) -> Vec<(u64, u64)> {
        line.slots.iter().map(|s| (s.id, s.start)).collect()
    }

    #[test]
    fn slots_follow_each_other_and_a_hole_is_given_to_who_fits() {
        let mut line = filled();
        assert_eq!(starts(&line), [(0, 10), (1, 95), (2, 180), (3, 265)]);
        line.remove(1, 20, false);
        assert_eq!(line.place(20, 85), (3, 350)); // too long for the hole
        assert_eq!(line.place(20, 84), (1, 95));
        assert_eq!(line.place(100, 84), (3, 350)); // part of it is over
    }

    #[test]
    fn those_behind_come_earlier_where_they_may() {
        let mut line = filled();
        line.of(0).unwrap().until = Some(94);
        line.remove(1, 20, true);
        assert_eq!(starts(&line), [(0, 10), (2, 95), (3, 180)]);
        line.remove(0, 50, true);
        assert_eq!(starts(&line), [(2, 51), (3, 136)]);
        assert_eq!(line.first().unwrap().finish, 135);
    }

    #[test]
    fn the_clock_waits_for_the_first_result_that_is_not_there() {
        let mut line = filled();
        assert_eq!(line.cap(), Some(94));
        line.of(0).unwrap().until = Some(u64::MAX);
        assert_eq!(line.cap(), Some(179));
        assert_eq!(line.clear(), [0, 1, 2, 3]);
        assert_eq!(line.cap(), None);
    }
}
