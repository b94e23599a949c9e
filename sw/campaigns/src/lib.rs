// SPDX-License-Identifier: Apache-2.0
//! Campaigns: what the RRAM controller promises, shown by figures. Each says how many it tried and what that bounds.

pub mod chart;
pub mod control;
pub mod cuts;
pub mod power;
pub mod trace;
pub mod wear;
pub mod words;
pub mod years;

use serde::Serialize;

/// What came of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing: the words read as they should, without help.
    Masked,
    /// The code corrected it.
    Corrected,
    /// Flagged by the code, or the image refused for its CRC.
    Detected,
    /// Wrong, and nobody said so.
    Silent,
    /// The machine did not come back.
    Hang,
}

/// Counts of outcomes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Nothing came of it.
    pub masked: u64,
    /// Corrected.
    pub corrected: u64,
    /// Detected.
    pub detected: u64,
    /// Silent.
    pub silent: u64,
    /// Hang.
    pub hang: u64,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Masked => &mut self.masked,
            Outcome::Corrected => &mut self.corrected,
            Outcome::Detected => &mut self.detected,
            Outcome::Silent => &mut self.silent,
            Outcome::Hang => &mut self.hang,
        } += 1;
    }

    /// Counts another tally.
    pub fn merge(&mut self, other: &Tally) {
        self.masked += other.masked;
        self.corrected += other.corrected;
        self.detected += other.detected;
        self.silent += other.silent;
        self.hang += other.hang;
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.masked + self.corrected + self.detected + self.silent + self.hang
    }
}

/// The rate that `found` of `tried` leaves possible, at 95 %: upper Clopper-Pearson bound (3 / n where nothing was found).
pub fn bound(found: u64, tried: u64) -> f64 {
    if tried == 0 || found >= tried {
        return 1.0;
    }
    // The rate at which `found` or fewer have a chance of 5 %, by bisection on the Poisson tail (exact enough for rare ones).
    let tail = |rate: f64| {
        let mean = rate * tried as f64;
        let (mut term, mut sum) = ((-mean).exp(), 0.0);
        for k in 0..=found {
            sum += term;
            term *= mean / (k + 1) as f64;
        }
        sum
    };
    let (mut low, mut high) = (0.0, 1.0f64.min((found as f64 + 10.0) * 3.0 / tried as f64));
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if tail(middle) > 0.05 { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_million_is_less_than_three_in_a_million() {
        assert!((bound(0, 1_000_000) - 2.996e-6).abs() < 1e-8, "{:e}", bound(0, 1_000_000));
        assert!((bound(5, 1000) - 0.01051).abs() < 1e-4, "{}", bound(5, 1000));
        assert!(bound(3, 3) == 1.0);
    }
}
