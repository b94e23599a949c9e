// SPDX-License-Identifier: Apache-2.0
//! Expected against got, in order.

use std::collections::VecDeque;
use std::fmt::Debug;

/// The first item that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch<T> {
    /// Its number, from 0.
    pub index: u64,
    /// What was expected; `None`: nothing more.
    pub expected: Option<T>,
    /// What came; `None`: nothing more.
    pub got: Option<T>,
}

/// Compares two streams of items in order; both may run ahead.
pub struct Scoreboard<T> {
    name: String,
    expected: VecDeque<T>,
    got: VecDeque<T>,
    compared: u64,
    mismatches: u64,
    first: Option<Mismatch<T>>,
}

impl<T: PartialEq + Clone + Debug> Scoreboard<T> {
    /// A scoreboard with a name for messages.
    pub fn new(name: impl Into<String>) -> Scoreboard<T> {
        Scoreboard { name: name.into(), expected: VecDeque::new(), got: VecDeque::new(), compared: 0, mismatches: 0, first: None }
    }

    /// Adds an item that must come.
    pub fn expect(&mut self, item: T) {
        self.expected.push_back(item);
        self.compare();
    }

    /// Adds an item that came.
    pub fn got(&mut self, item: T) {
        self.got.push_back(item);
        self.compare();
    }

    fn compare(&mut self) {
        while let (Some(e), Some(g)) = (self.expected.front(), self.got.front()) {
            if e != g {
                self.mismatches += 1;
                if self.first.is_none() {
                    self.first = Some(Mismatch { index: self.compared, expected: Some(e.clone()), got: Some(g.clone()) });
                }
            }
            self.compared += 1;
            self.expected.pop_front();
            self.got.pop_front();
        }
    }

    /// Items compared so far.
    pub fn compared(&self) -> u64 {
        self.compared
    }

    /// Items that differed so far.
    pub fn mismatches(&self) -> u64 {
        self.mismatches
    }

    /// Ends the comparison: everything expected has come, nothing else, nothing differed, and at
    /// least one item was compared.
    ///
    /// # Errors
    /// A sentence with the first mismatch.
    pub fn finish(self) -> Result<u64, String> {
        let first = self.first.or_else(|| {
            (!self.expected.is_empty() || !self.got.is_empty()).then(|| Mismatch {
                index: self.compared,
                expected: self.expected.front().cloned(),
                got: self.got.front().cloned(),
            })
        });
        let name = &self.name;
        match first {
            Some(m) => Err(format!(
                "{name}: item {} differs: expected {:?}, got {:?} ({} of {} compared differ, {} never came, {} came unasked)",
                m.index,
                m.expected,
                m.got,
                self.mismatches,
                self.compared,
                self.expected.len(),
                self.got.len()
            )),
            None if self.compared == 0 => Err(format!("{name}: nothing was compared")),
            None => Ok(self.compared),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mismatch_is_named_and_missing_items_count() {
        let mut s = Scoreboard::new("bytes");
        s.expect(1);
        s.got(1);
        s.expect(2);
        s.got(3);
        let text = s.finish().unwrap_err();
        assert!(text.contains("item 1 differs: expected Some(2), got Some(3)"), "{text}");
        let mut s = Scoreboard::new("bytes");
        s.expect(1);
        assert!(s.finish().unwrap_err().contains("1 never came"));
        assert!(Scoreboard::<u8>::new("none").finish().is_err());
    }
}
