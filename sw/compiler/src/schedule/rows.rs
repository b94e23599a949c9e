// SPDX-License-Identifier: Apache-2.0
//! The rows of the timetable: one sequencer for all units.

/// A row that has its cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    cycle: u64,
    words: u64,
    /// First and last cycle that would do; equal where nothing else would.
    window: (u64, u64),
    tag: u32,
}

/// Rows by cycle, each at least its spacing before the next.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    slots: Vec<Slot>,
    spacing: u64,
}

impl Rows {
    /// No rows yet; any two are at least `spacing` cycles apart.
    pub fn new(spacing: u64) -> Rows {
        Rows { slots: Vec::new(), spacing }
    }

    fn reach(&self, words: u64) -> u64 {
        words.max(self.spacing)
    }

    /// Where a row at `cycle` would go in the list, if its neighbours leave it the room.
    fn gap_at(&self, cycle: u64, words: u64) -> Option<usize> {
        let at = self.slots.partition_point(|s| s.cycle <= cycle);
        let before = at == 0 || self.slots[at - 1].cycle + self.reach(self.slots[at - 1].words) <= cycle;
        let behind = self.slots.get(at).is_none_or(|s| cycle + self.reach(words) <= s.cycle);
        (before && behind).then_some(at)
    }

    /// Places a row in the earliest free cycle of `window`; where none is free, gives `false`.
    /// It may move within the window later, when another needs its cycle.
    pub fn place(&mut self, window: (u64, u64), words: u64, tag: u32) -> bool {
        let mut cycle = window.0;
        while cycle <= window.1 {
            if let Some(at) = self.gap_at(cycle, words) {
                self.slots.insert(at, Slot { cycle, words, window, tag });
                return true;
            }
            // Behind the first row that is in the way.
            let blocker = self.slots.iter().find(|s| s.cycle + self.reach(s.words) > cycle);
            cycle = blocker.map_or(cycle + 1, |s| (s.cycle + self.reach(s.words)).max(cycle + 1));
        }
        false
    }

    /// Places a row in exactly `cycle`, moving others within their windows where that helps.
    pub fn place_at(&mut self, cycle: u64, words: u64, tag: u32) -> bool {
        if self.place((cycle, cycle), words, tag) {
            return true;
        }
        let end = cycle + self.reach(words);
        let clashes = |s: &Slot, spacing: u64| s.cycle < end && cycle < s.cycle + s.words.max(spacing);
        let moved: Vec<Slot> = self.slots.iter().copied().filter(|s| clashes(s, self.spacing)).collect();
        if moved.iter().any(|s| s.window.0 == s.window.1) {
            return false;
        }
        let before = self.slots.clone();
        self.slots.retain(|s| !moved.contains(s));
        let fits = self.place((cycle, cycle), words, tag) && moved.iter().all(|s| self.place(s.window, s.words, s.tag));
        if !fits {
            self.slots = before;
        }
        fits
    }

    /// Takes the row `tag` away.
    pub fn remove(&mut self, tag: u32) {
        self.slots.retain(|s| s.tag != tag);
    }

    /// First cycle behind all rows.
    pub fn end(&self) -> u64 {
        self.slots.last().map_or(0, |s| s.cycle + self.reach(s.words))
    }

    /// Cycle of every row, by tag.
    pub fn cycles(&self) -> std::collections::HashMap<u32, u64> {
        self.slots.iter().map(|s| (s.tag, s.cycle)).collect()
    }

    /// Rows and their descriptor words.
    pub fn totals(&self) -> (usize, u64) {
        (self.slots.len(), self.slots.iter().map(|s| s.words).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_moves_in_its_window_for_one_that_cannot() {
        let mut rows = Rows::new(2);
        assert!(rows.place_at(0, 3, 0));
        assert!(rows.place((1, 20), 3, 1)); // at 3
        assert_eq!(rows.cycles()[&1], 3);
        assert!(!rows.place_at(2, 3, 2)); // row 0 cannot move
        assert!(rows.place_at(4, 3, 2)); // row 1 can
        assert_eq!(rows.cycles()[&1], 7);
        assert!(!rows.place_at(5, 1, 3));
        assert_eq!(rows.end(), 10);
        rows.remove(2);
        assert!(rows.place_at(3, 4, 4));
    }

    #[test]
    fn a_full_window_refuses_and_leaves_everything_as_it_was() {
        let mut rows = Rows::new(2);
        assert!(rows.place_at(10, 4, 0));
        assert!(rows.place((14, 16), 4, 1));
        assert!(rows.place_at(20, 4, 2));
        let before = rows.cycles();
        assert!(!rows.place_at(15, 4, 3));
        assert!(!rows.place((10, 16), 4, 3));
        assert_eq!(rows.cycles(), before);
    }
}
