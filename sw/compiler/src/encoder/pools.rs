// SPDX-License-Identifier: Apache-2.0
//! Room in V, X and S, given and taken back in the order of instructions.

/// Places of a memory from `from` to `to`.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    /// What is free: first place and number of places, ascending, never adjacent.
    free: Vec<(usize, usize)>,
    /// One behind the highest place ever taken.
    pub most: usize,
}

impl Pool {
    pub fn new(from: usize, to: usize) -> Pool {
        Pool { free: if from < to { vec![(from, to - from)] } else { vec![] }, most: from }
    }

    /// `n` places behind each other, the lowest; none where there are none.
    pub fn take(&mut self, n: usize) -> Option<usize> {
        let at = self.free.iter().position(|f| f.1 >= n)?;
        let (first, there) = self.free[at];
        if there == n {
            self.free.remove(at);
        } else {
            self.free[at] = (first + n, there - n);
        }
        self.most = self.most.max(first + n);
        Some(first)
    }

    /// Gives back `n` places from `first` on.
    pub fn give(&mut self, first: usize, n: usize) {
        let at = self.free.partition_point(|f| f.0 < first);
        debug_assert!(self.free.get(at).is_none_or(|f| first + n <= f.0), "given back twice");
        self.free.insert(at, (first, n));
        if at + 1 < self.free.len() && first + n == self.free[at + 1].0 {
            self.free[at].1 += self.free.remove(at + 1).1;
        }
        if at > 0 && self.free[at - 1].0 + self.free[at - 1].1 == first {
            self.free[at - 1].1 += self.free.remove(at).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;

    #[test]
    fn places_come_back_and_join() {
        let mut p = Pool::new(10, 20);
        let (a, b, c) = (p.take(4), p.take(3), p.take(3));
        assert_eq!((a, b, c, p.take(1)), (Some(10), Some(14), Some(17), None));
        p.give(14, 3);
        p.give(10, 4);
        assert_eq!(p.take(7), Some(10));
        p.give(17, 3);
        p.give(10, 7);
        assert_eq!((p.take(10), p.most), (Some(10), 20));
    }
}
