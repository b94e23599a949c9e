// SPDX-License-Identifier: Apache-2.0
//! Lifetime of a memory whose lines wear (P6): demand writes until the first line that cannot be replaced, over lines times
//! endurance. The scheme is the controller's: a counter for each line; a line that is written while it is THRESHOLD writes
//! ahead of the least worn one of its class changes places with it, which writes both once more. Classes (lines that lie in
//! one way of the RRAM) change places when one is TURN ahead of the other, which writes every line once more.

use harness::Stream;
use rand::RngExt;
use rand_distr::{Distribution, LogNormal};
use serde::Serialize;
use systole_isa::rram::{TURN_THRESHOLD, WEAR_THRESHOLD};

/// Patterns of demand writes.
pub const PATTERNS: [&str; 4] = ["uniform", "90/10", "zipf", "hammer"];

/// What a run needs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Setting {
    /// Lines, spares not counted.
    pub lines: usize,
    /// Writes that a line survives.
    pub endurance: u32,
    /// Spread of ln(endurance) from line to line; 0: all the same.
    pub spread: f64,
    /// Spare lines, of all classes together.
    pub spares: usize,
    /// Classes of lines: 2 where a word has one beat and the RRAM two ways, 1 where its beats use all ways.
    pub classes: usize,
    /// Wear levelling on.
    pub level: bool,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Lifetime {
    /// Pattern.
    pub pattern: String,
    /// The setting.
    pub setting: Setting,
    /// Demand writes over lines x endurance.
    pub normalised: f64,
    /// Writes that swaps added, as a share of all.
    pub overhead: f64,
    /// Writes of every physical line at the end.
    #[serde(skip)]
    pub wear: Vec<u32>,
}

/// Writes until a line fails and no spare is left.
pub fn lifetime(pattern: &str, setting: Setting, seed: u64) -> Lifetime {
    let Setting { endurance, spread, classes, level, .. } = setting;
    let (lines, spares) = (setting.lines / classes * classes, setting.spares / classes * classes);
    let mut random = Stream::new(seed, pattern);
    let all = lines + spares;
    let life: Vec<u32> = match LogNormal::new(0.0, spread) {
        Ok(d) if spread > 0.0 => (0..all).map(|_| (f64::from(endurance) * d.sample(&mut random)) as u32).collect(),
        _ => vec![endurance; all],
    };
    let mut place: Vec<usize> = (0..all).collect(); // physical line of each logical one; spares are the last ones
    let mut wear = vec![0u32; all];
    let (mut floor, mut used, mut demand, mut extra) = (vec![0; classes], vec![0; classes], 0u64, 0u64);
    // Zipf: the chance of line k is 1 / (k + 1).
    let harmonic: Vec<f64> = (0..lines)
        .scan(0.0, |sum, k| {
            *sum += 1.0 / (k + 1) as f64;
            Some(*sum)
        })
        .collect();
    let total = harmonic[lines - 1];
    let wear_of = |place: &[usize], wear: &[u32], l: usize| wear[place[l]];
    let (mut turn, mut hot) = (false, None);
    'life: loop {
        let line = match pattern {
            "uniform" => random.random_range(0..lines),
            "90/10" if random.chance(0.9) => random.random_range(0..lines / 10),
            "90/10" => random.random_range(lines / 10..lines),
            "zipf" => {
                let x = random.random_range(0.0..total);
                harmonic.partition_point(|&h| h <= x)
            }
            _ => 0,
        };
        let class = line % classes;
        let mut writes = vec![];
        if turn {
            place.chunks_mut(2).for_each(|pair| pair.swap(0, 1));
            used.swap(0, 1);
            (floor, turn) = (vec![0; classes], false);
            writes.extend((0..lines).filter(|&l| l != line));
            extra += lines as u64 - 1;
        }
        writes.push(line);
        if level && wear_of(&place, &wear, line) >= floor[class] + WEAR_THRESHOLD {
            let of = |l: &usize| wear_of(&place, &wear, *l);
            let least = (class..all - classes * used[class]).step_by(classes).min_by_key(of).unwrap_or(line);
            floor[class] = of(&least);
            let cold = (0..lines).filter(|l| l % classes != class).map(|l| of(&l)).min();
            let ahead = TURN_THRESHOLD * if hot.is_some_and(|h| h != class) { 3 } else { 1 };
            if cold.is_some_and(|cold| floor[class] >= cold + ahead) {
                (turn, hot) = (true, Some(class));
            }
            if of(&line) >= floor[class] + WEAR_THRESHOLD {
                place.swap(line, least);
                writes.push(least);
                extra += 1;
            }
        }
        demand += 1;
        for line in writes {
            loop {
                let p = place[line];
                wear[p] += 1;
                if wear[p] <= life[p] {
                    break;
                }
                // It did not take its word: retired to a spare of its class, as long as there is one.
                let class = line % classes;
                if used[class] * classes == spares {
                    break 'life;
                }
                used[class] += 1;
                place.swap(line, all - classes * used[class] + class);
            }
        }
    }
    let normalised = demand as f64 / (lines as f64 * f64::from(endurance));
    Lifetime { pattern: pattern.into(), setting, normalised, overhead: extra as f64 / (demand + extra) as f64, wear }
}
