// SPDX-License-Identifier: Apache-2.0
//! Blocks, weight tiles and loop orders.
//!
//! A *visit* is one weight tile (k, n) meeting one block of output pixels: `v = max(pixels, D)` cycles. A layer
//! is a k tiles x n tiles rectangle of visits, and its order is one number p: the first p
//! visits go k by k over all n (k outermost, partial sums stay in ACC), the rest finish n by
//! n. p = 0 is the plain n-outermost order, the largest p is k-outermost. Between the two lie
//! the orders in which consecutive layers overlap without a bubble (docs/compiler.md). Where k tiles need
//! more than one counter (windows) there are only the two.

use crate::stage::{Block, Stage};
use systole_isa::Config;

/// What a loop runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Pixels of the block.
    M,
    /// k tiles.
    K,
    /// n tiles.
    N,
    /// n tiles that differ only in their group of an X word (shared weights; 1 tile a step).
    G,
}

/// A loop with its time stride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AxisLoop {
    /// What it runs over.
    pub axis: Axis,
    /// Iterations.
    pub count: usize,
    /// Cycles from one iteration to the next.
    pub period: u64,
    /// Weight words from one iteration to the next.
    pub weights: usize,
}

/// One MATMUL instruction before it has a place and a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Loops, innermost first; those of one iteration are left out.
    pub loops: Vec<AxisLoop>,
    /// First k tile.
    pub k0: usize,
    /// First n tile.
    pub n0: usize,
    /// Sums start here.
    pub first: bool,
    /// Sums end here.
    pub last: bool,
    /// Innermost loops that share a weight word.
    pub hold: usize,
    /// Accumulator of the first pixel of n tile `n0`.
    pub acc_base: usize,
    /// Accumulators from an n tile to the next.
    pub acc_step: usize,
    /// One weight word a group for everything.
    pub shared: bool,
    /// Cycles from its first step until the next instruction may step.
    pub busy: u64,
    /// Weight words it reads.
    pub weights: usize,
}

impl Segment {
    fn of(&self, axis: Axis) -> (u64, usize) {
        self.loops.iter().find(|l| l.axis == axis).map_or((0, 1), |l| (l.period, l.count))
    }

    /// k tiles it reads.
    pub fn k_count(&self) -> usize {
        self.of(Axis::K).1
    }

    /// n tiles it adds to or makes. Of shared weights: X words of a pixel.
    pub fn n_count(&self) -> usize {
        self.of(Axis::N).1
    }

    /// Time of the first read of the first pixel of k tile `k0 + i`.
    pub fn read_time(&self, i: usize) -> u64 {
        self.of(Axis::K).0 * i as u64
    }

    /// Time of the first read of n tile `n0 + i`, from that of the first.
    pub fn tile_time(&self, i: usize) -> u64 {
        self.of(Axis::N).0 * i as u64
    }

    /// Time of the last step.
    pub fn last_step(&self) -> u64 {
        self.loops.iter().map(|l| l.period * (l.count as u64 - 1)).sum()
    }

    /// Time of the last step that loads a weight word.
    pub fn last_load(&self) -> u64 {
        self.loops[self.hold..].iter().map(|l| l.period * (l.count as u64 - 1)).sum()
    }

    /// Cycles from a pixel of a visit to the next.
    pub fn row_period(&self) -> u64 {
        self.of(Axis::M).0.max(1)
    }

    /// Time from the first to the last pixel of a visit.
    pub fn row_span(&self) -> u64 {
        let (period, count) = self.of(Axis::M);
        period * (count as u64 - 1)
    }

    /// Time of the vector that ends the first pixel's sum, as (n tile, time), in order.
    pub fn ends(&self, groups: usize) -> Vec<(usize, u64)> {
        let ((pk, k), (pn, n), (pg, g)) = (self.of(Axis::K), self.of(Axis::N), self.of(Axis::G));
        if !self.last {
            return Vec::new();
        }
        if self.shared {
            let end = pk * (k as u64 - 1);
            return (0..g).flat_map(|g| (0..n).map(move |i| (i * groups + g, end + pn * i as u64 + pg * g as u64))).collect();
        }
        (0..n).map(|i| (self.n0 + i, pk * (k as u64 - 1) + pn * i as u64)).collect()
    }
}

/// The order of a stage's visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The first visits k by k over the first n tiles that fit the accumulators.
    Prefix(usize),
    /// All k by k over all n.
    KOuter,
    /// Sums that may not end in consecutive cycles ([`pace`]): k tiles before this one as ever, the rest vector by
    /// vector, k innermost, so that they end far enough apart.
    Paced(usize),
    /// One weight word for all; or not on the array.
    Shared,
}

/// Blocks of output pixels of at most `most`, as few and as equal as possible: whole rows where one fits.
pub fn blocks([rows, cols]: [usize; 2], most: usize) -> Vec<Block> {
    let most = most.min(1 << 14);
    let split = |size: usize, most: usize| -> Vec<(usize, usize)> {
        let count = size.div_ceil(most);
        (0..count).map(|b| (b * size / count, (b + 1) * size / count - b * size / count)).collect()
    };
    let across = split(cols, most);
    let down = split(rows, if across.len() == 1 { (most / cols).max(1) } else { 1 });
    let block =
        |r: &(usize, usize), c: &(usize, usize)| Block { row: r.0, rows: r.1, col: c.0, cols: c.1, params: 0, gather: None };
    down.iter().flat_map(|r| across.iter().map(move |c| block(r, c))).collect()
}

/// Cycles from the end of a sum to the next that POST asks for: a result of RAW32 is four words, and a POST of fewer
/// lanes than columns takes a vector in several cycles.
pub fn pace(stage: &Stage, config: &Config) -> u64 {
    u64::from(config.post_beats()).max(if stage.is_raw() { 4 } else { 1 })
}

/// n tiles whose partial sums fit the accumulators together: by the longest block, so that all
/// blocks read the weights in one order.
fn group(stage: &Stage, config: &Config) -> usize {
    (config.acc_depth as usize / stage.longest_of_all()).clamp(1, stage.n_tiles)
}

/// Orders worth trying, at most `most` of them.
pub fn plans(stage: &Stage, config: &Config, most: usize) -> Vec<Plan> {
    if stage.is_shared() || stage.is_lane() {
        return vec![Plan::Shared];
    }
    let pace = pace(stage, config) as usize;
    let paced = pace > 1;
    if stage.is_in_run() || stage.is_rows() {
        return vec![if paced { Plan::Paced(0) } else { Plan::Prefix(0) }];
    }
    if !stage.is_divisible() {
        let whole = group(stage, config) == stage.n_tiles && stage.n_tiles > 1 && stage.n_walk == crate::stage::NWalk::SAME;
        return match (paced, whole && most > 1) {
            (true, _) => vec![Plan::Paced(0)],
            (false, true) => vec![Plan::Prefix(0), Plan::KOuter],
            (false, false) => vec![Plan::Prefix(0)],
        };
    }
    let k_tiles = stage.k_tiles();
    let (max, make): (usize, fn(usize) -> Plan) =
        if paced { (k_tiles - 1, Plan::Paced) } else { ((k_tiles - 1) * group(stage, config), Plan::Prefix) };
    if most == 1 {
        return vec![make(0)];
    }
    let most = most - 1;
    let mut values: Vec<usize> = if max <= most { (0..=max).collect() } else { (0..=most).map(|i| i * max / most).collect() };
    if paced {
        // So many k tiles at the end make the cycles between sums, or one less with the ways' rest.
        values.extend((0..=pace).filter_map(|i| k_tiles.checked_sub(i + 1)));
        values.sort_unstable();
        values.dedup();
    }
    values.into_iter().map(make).collect()
}

/// The instructions of one block of `stage`, in order.
pub fn segments(stage: &Stage, plan: Plan, block: &Block, config: &Config) -> Vec<Segment> {
    let rows = block.pixels();
    let (beats, ways) = (u64::from(config.weight_beats), u64::from(config.rram_ways));
    let tiler = Tiler { rows, beats, ways, pace: pace(stage, config) };
    let (kt, nt) = (stage.k_tiles(), stage.n_tiles);
    let mut out = Vec::new();
    match plan {
        Plan::Shared => {
            let groups = config.groups() as usize;
            out.push(tiler.shared(kt, nt / groups, groups));
        }
        Plan::KOuter => out.push(tiler.visits(0..kt, 0..nt, kt, true, rows)),
        Plan::Prefix(p) => {
            let ng = group(stage, config);
            let (ka, n0) = (p / ng, p % ng);
            let mut add = |k: std::ops::Range<usize>, n: std::ops::Range<usize>, k_outer, step| {
                if !k.is_empty() && !n.is_empty() {
                    out.push(tiler.visits(k, n, kt, k_outer, step));
                }
            };
            add(0..ka, 0..ng, true, rows);
            add(ka..ka + 1, 0..n0, true, rows);
            add(ka + 1..kt, 0..n0, false, rows);
            if ka == 0 {
                add(0..kt, n0..nt, false, 0);
            } else {
                add(ka..kt, n0..ng, false, rows);
                add(0..kt, ng..nt, false, 0);
            }
        }
        Plan::Paced(ka) => {
            let ng = if ka == 0 { nt } else { group(stage, config) };
            for n0 in (0..nt).step_by(ng) {
                let n = n0..(n0 + ng).min(nt);
                if ka > 0 {
                    out.push(Segment { acc_base: 0, ..tiler.visits(0..ka, n.clone(), kt, true, rows) });
                }
                out.push(tiler.vectors(ka..kt, n, ka == 0));
            }
        }
    }
    out
}

struct Tiler {
    rows: usize,
    beats: u64,
    ways: u64,
    pace: u64,
}

impl Tiler {
    /// Visits of a rectangle, rows innermost.
    fn visits(&self, k: std::ops::Range<usize>, n: std::ops::Range<usize>, kt: usize, k_outer: bool, acc_step: usize) -> Segment {
        let v = (self.rows as u64).max(self.beats);
        let (kc, nc) = (k.len(), n.len());
        let m = AxisLoop { axis: Axis::M, count: self.rows, period: 1, weights: 0 };
        let inner = |axis, count| AxisLoop { axis, count, period: v, weights: 1 };
        let outer = |axis, count, within: usize| AxisLoop { axis, count, period: v * within as u64, weights: within };
        let loops = if k_outer {
            vec![m, inner(Axis::N, nc), outer(Axis::K, kc, nc)]
        } else {
            vec![m, inner(Axis::K, kc), outer(Axis::N, nc, kc)]
        };
        Segment {
            hold: usize::from(self.rows > 1),
            loops: trimmed(loops),
            k0: k.start,
            n0: n.start,
            first: k.start == 0,
            last: k.end == kt,
            acc_base: n.start * acc_step,
            acc_step,
            shared: false,
            busy: v * (kc * nc) as u64,
            weights: kc * nc,
        }
    }

    /// A rectangle that ends its sums at their pace, k innermost.
    fn vectors(&self, k: std::ops::Range<usize>, n: std::ops::Range<usize>, first: bool) -> Segment {
        let (kc, nc, d) = (k.len(), n.len(), self.beats);
        // One k tile is held; more are read again for every row, and the jump back from the last
        // to the first must leave the ways their time.
        let again = match (kc, self.rows) {
            (1, 1) => d,
            (1, _) => d.div_ceil(self.rows as u64),
            _ => kc as u64 * d + self.wrap(kc as u64 * d),
        };
        let period = again.max(self.pace);
        let loops = vec![
            AxisLoop { axis: Axis::K, count: kc, period: d, weights: 1 },
            AxisLoop { axis: Axis::M, count: self.rows, period, weights: 0 },
            AxisLoop { axis: Axis::N, count: nc, period: period * self.rows as u64, weights: kc },
        ];
        Segment {
            hold: if kc == 1 { usize::from(self.rows > 1) } else { 0 },
            loops: trimmed(loops),
            k0: k.start,
            n0: n.start,
            first,
            last: true,
            acc_base: 0,
            acc_step: if first { 0 } else { self.rows },
            shared: false,
            busy: period * (self.rows * nc) as u64,
            weights: kc * nc,
        }
    }

    /// Idle cycles needed after `sub` sub-words in a row before the first of them is read again.
    fn wrap(&self, sub: u64) -> u64 {
        let clash = |idle: u64| {
            (0..self.ways).any(|back| {
                (0..self.ways).any(|ahead| {
                    let distance = back + idle + ahead + 1;
                    back < sub && ahead < sub && distance < self.ways && (sub - 1 - back) % self.ways == ahead % self.ways
                })
            })
        };
        (0..self.ways).find(|&idle| !clash(idle)).unwrap_or(self.ways - 1)
    }

    /// Every word of a pixel, and every k tile of it, through one weight word; one group of columns after the other.
    fn shared(&self, kc: usize, words: usize, groups: usize) -> Segment {
        let free = |axis, count, period| AxisLoop { axis, count, period, weights: 0 };
        // Where sums have a pace, those of a pixel follow each other.
        let (visit, inner) = if self.pace > 1 {
            let period = (kc as u64).max(self.pace);
            (period * self.rows as u64, [free(Axis::K, kc, 1), free(Axis::M, self.rows, period)])
        } else {
            let rows = self.rows as u64;
            (rows * kc as u64, [free(Axis::M, self.rows, 1), free(Axis::K, kc, rows)])
        };
        let pass = (visit * words as u64).max(self.beats);
        let outer = [free(Axis::N, words, visit), AxisLoop { axis: Axis::G, count: groups, period: pass, weights: 1 }];
        let loops = [inner, outer].concat();
        let inside = loops[..3].iter().filter(|l| l.count > 1).count();
        Segment {
            hold: inside,
            loops: trimmed(loops),
            k0: 0,
            n0: 0,
            first: true,
            last: true,
            acc_base: 0,
            acc_step: 0,
            shared: true,
            busy: pass * groups as u64,
            weights: groups,
        }
    }
}

/// Without the loops that do not loop, but never empty.
fn trimmed(loops: Vec<AxisLoop>) -> Vec<AxisLoop> {
    let some: Vec<AxisLoop> = loops.iter().copied().filter(|l| l.count > 1).collect();
    if some.is_empty() { loops[..1].to_vec() } else { some }
}

#[cfg(test)]
mod tests;
