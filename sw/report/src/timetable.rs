// SPDX-License-Identifier: Apache-2.0
//! A timetable as bars: for each unit what it does when, from the first to the last effect of each row.

use systole_compiler::Origins;
use systole_compiler::verify::Effects;
use systole_isa::Unit;

/// A row of the timetable, or several of one part that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Number of the (first) row.
    pub row: usize,
    /// Rows in it.
    pub rows: usize,
    /// Cycle of the first effect.
    pub first: u64,
    /// Cycle of the last effect.
    pub last: u64,
    /// The part of the network that it works for.
    pub part: Option<usize>,
    /// The number by which people know it.
    pub number: Option<usize>,
    /// That part's name, or the tensor's that is loaded.
    pub name: Option<String>,
    /// Effects of one row may go on while those of the next begin: on which line beneath each other it stands.
    pub lane: usize,
}

/// What a unit does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// The unit.
    pub unit: Unit,
    /// Its bars, by first cycle.
    pub bars: Vec<Bar>,
}

impl Track {
    /// Lines that its bars take.
    pub fn lanes(&self) -> usize {
        self.bars.iter().map(|b| b.lane + 1).max().unwrap_or(1)
    }

    /// Gives each bar the first line that is free.
    fn pack(&mut self) {
        let mut free: Vec<u64> = vec![];
        for bar in &mut self.bars {
            let lane = free.iter().position(|&f| f <= bar.first).unwrap_or(free.len());
            if lane == free.len() {
                free.push(0);
            }
            free[lane] = bar.last + 1;
            bar.lane = lane;
        }
    }

    /// Bars of one part that follow each other with less than `gap` cycles between become one.
    fn joined(&self, gap: u64) -> Track {
        let mut bars: Vec<Bar> = vec![];
        for bar in &self.bars {
            match bars.last_mut() {
                Some(b) if b.part == bar.part && b.name == bar.name && bar.first <= b.last + gap => {
                    b.rows += bar.rows;
                    b.last = b.last.max(bar.last);
                }
                _ => bars.push(bar.clone()),
            }
        }
        let mut track = Track { unit: self.unit, bars };
        track.pack();
        track
    }
}

/// The order in which a word meets the units.
const ORDER: [Unit; 9] =
    [Unit::Load, Unit::Matmul, Unit::Lane, Unit::Post, Unit::Vector, Unit::Scalar, Unit::Store, Unit::Scrub, Unit::End];

/// A whole timetable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    /// Cycles from launch to END.
    pub cycles: u64,
    /// Units that do something, in the order in which a word meets them.
    pub tracks: Vec<Track>,
}

impl Timetable {
    /// The bars of a program's effects, with the names of what they are for.
    pub fn new(effects: &Effects, origins: &Origins) -> Timetable {
        let track = |unit: Unit| {
            let mut bars: Vec<Bar> = effects
                .rows
                .iter()
                .filter(|e| e.unit == unit)
                .map(|e| Bar {
                    number: origins.parts.get(e.row).copied().flatten().and_then(|p| origins.numbers.get(p).copied()),
                    row: e.row,
                    rows: 1,
                    first: e.first,
                    last: e.last,
                    part: origins.parts.get(e.row).copied().flatten(),
                    name: origins.name(e.row).or_else(|| origins.tensor(e.row)).map(String::from),
                    lane: 0,
                })
                .collect();
            bars.sort_by_key(|b| (b.first, b.row));
            let mut track = Track { unit, bars };
            track.pack();
            track
        };
        let tracks = ORDER.into_iter().map(track).filter(|t| !t.bars.is_empty()).collect();
        Timetable { cycles: effects.end, tracks }
    }

    /// The same with `most` bars or fewer: those that lie close to each other and are for one part become one.
    pub fn condensed(&self, most: usize) -> Timetable {
        let count = |tracks: &[Track]| tracks.iter().map(|t| t.bars.len()).sum::<usize>();
        let mut tracks = self.tracks.clone();
        let mut gap = (self.cycles / 2000).max(1);
        while count(&tracks) > most && gap <= 2 * self.cycles {
            tracks = self.tracks.iter().map(|t| t.joined(gap)).collect();
            gap *= 2;
        }
        Timetable { cycles: self.cycles, tracks }
    }

    /// Rows that are drawn.
    pub fn rows(&self) -> usize {
        self.tracks.iter().flat_map(|t| &t.bars).map(|b| b.rows).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(first: u64, last: u64, part: usize) -> Bar {
        Bar { row: 0, rows: 1, first, last, part: Some(part), number: None, name: None, lane: 0 }
    }

    #[test]
    fn bars_that_overlap_stand_beneath_each_other() {
        let mut track = Track { unit: Unit::Matmul, bars: vec![bar(0, 9, 0), bar(5, 12, 1), bar(10, 20, 2), bar(13, 14, 3)] };
        track.pack();
        assert_eq!(track.bars.iter().map(|b| b.lane).collect::<Vec<_>>(), [0, 1, 0, 1]);
        assert_eq!(track.lanes(), 2);
    }

    #[test]
    fn a_condensed_timetable_keeps_rows_and_ends() {
        let mut track = Track { unit: Unit::Post, bars: (0..100).map(|n| bar(10 * n, 10 * n + 8, n as usize / 50)).collect() };
        track.pack();
        let whole = Timetable { cycles: 1000, tracks: vec![track] };
        let few = whole.condensed(5);
        assert_eq!(few.tracks[0].bars.len(), 2);
        assert_eq!(few.rows(), 100);
        assert_eq!((few.tracks[0].bars[0].first, few.tracks[0].bars[1].last), (0, 998));
    }
}
