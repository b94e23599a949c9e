// SPDX-License-Identifier: Apache-2.0
//! One cell: the parameters it is drawn from, its resistance over time, and what a pulse does to it.
//!
//! Every chance comes from the part's seed and the cell's place, so what a pulse does depends on how many the cell had before, not
//! on the pulses of other cells.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

/// Read references in ohms, by code (`systole_isa::rram::REFERENCES`).
pub const REFERENCES: [f64; 5] = [20e3, 14e3, 28e3, 11e3, 36e3];

/// A set of device parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Corner {
    /// Its name.
    pub name: String,
    /// Low-resistance state: median in ohms and sigma of ln R.
    pub lrs: (f64, f64),
    /// High-resistance state.
    pub hrs: (f64, f64),
    /// Mean of the logit of a SET pulse's success, sigma 1 from cell to cell.
    pub set: f64,
    /// The same for RESET.
    pub reset: f64,
    /// What each further pulse of a ladder adds to the logit.
    pub step: f64,
    /// Drift of ln R towards the reference: mean per decade of seconds, sigma at once, sigma per decade.
    pub drift: (f64, f64, f64),
    /// Activation energy of drift in eV; times are at 85 C.
    pub activation: f64,
    /// Cycles that half the cells survive, and sigma of its logarithm.
    pub endurance: (f64, f64),
    /// Probability that a read moves a bit to its wrong state.
    pub disturb: f64,
    /// Probability that a cell is stuck from birth; five of six at 1, one of ten in clusters of four.
    pub stuck: f64,
    /// Energy of a pulse on a bit in pJ.
    pub pulse_pj: f64,
    /// Seconds of a pulse.
    pub pulse_s: f64,
}

/// The names of [`Corner::named`].
pub const CORNERS: [&str; 5] = ["typ22", "min22", "max22", "healthy22", "disturb22"];

impl Corner {
    /// The default: a fit to published 22 nm parts.
    pub fn typ22() -> Corner {
        Corner {
            name: "typ22".into(),
            lrs: (8e3, 0.12),
            hrs: (60e3, 0.45),
            set: 4.2,
            reset: 2.75,
            step: 0.5,
            drift: (0.012, 0.04, 0.012),
            activation: 1.35,
            endurance: (1e6, 1.03),
            disturb: 1e-12,
            stuck: 1e-5,
            pulse_pj: 100.0,
            pulse_s: 1e-6,
        }
    }

    /// The corners by name: `typ22`, `min22` (the kindest), `max22` (the worst), `disturb22` (fails after 8,000 reads), `healthy22`
    /// (typ22 without stuck cells).
    pub fn named(name: &str) -> Option<Corner> {
        let typ = Corner::typ22();
        Some(match name {
            "typ22" => typ,
            "min22" => Corner { name: name.into(), stuck: 1e-6, activation: 1.5, pulse_pj: 20.0, pulse_s: 1e-7, ..typ },
            "max22" => Corner { name: name.into(), stuck: 1e-3, activation: 1.2, pulse_pj: 680.0, pulse_s: 1e-5, ..typ },
            "healthy22" => Corner { name: name.into(), stuck: 0.0, ..typ },
            "disturb22" => Corner { name: name.into(), disturb: 1.0 / 8e3, ..typ },
            _ => return None,
        })
    }

    /// How much faster time passes at `celsius` than at 85 C.
    pub fn acceleration(&self, celsius: f64) -> f64 {
        const BOLTZMANN: f64 = 8.617e-5;
        (self.activation / BOLTZMANN * (1.0 / 358.15 - 1.0 / (celsius + 273.15))).exp()
    }
}

/// A cell that was touched.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Cell {
    /// ln R when it was programmed.
    pub(super) ln_r: f32,
    /// Its own part of drift: a standard normal.
    pub(super) drift: f32,
    /// Seconds (at 85 C) of the device's life when it was programmed.
    pub(super) since: f64,
    /// SET and RESET pulses it took.
    pub(super) pulses: u32,
    /// Stuck at 0 or 1.
    pub(super) stuck: Option<bool>,
}

/// What a pulse leaves in which the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Torn {
    /// Each cell is as before, as asked, or somewhere between: all by chance.
    #[default]
    Random,
    /// As before.
    Old,
    /// As asked.
    New,
    /// Close to the read reference, on the one side or the other.
    Marginal,
}

/// A pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// 64 cells of the sub-word from bit `64 * part` on.
    pub part: u32,
    /// RESET to 0; else SET to 1.
    pub reset: bool,
    /// Its number in the ladder, from 0 on.
    pub level: u32,
    /// Cells that get it.
    pub mask: u64,
    /// The power fails in it.
    pub cut: bool,
}

/// Mixes a place into a seed.
pub(super) fn mix(mut x: u64) -> u64 {
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Chances of the part `seed`, the same for the same `what`.
pub(super) fn chances(seed: u64, what: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(mix(seed ^ mix(what)))
}

fn standard() -> Normal<f64> {
    Normal::new(0.0, 1.0).expect("one is positive")
}

/// Decades of seconds of an age; none at no age.
#[inline]
pub(super) fn decades(age: f64) -> f64 {
    if age <= 0.0 { 0.0 } else { (1.0 + age).log10() }
}

/// Whether a resistance reads 1 at the plain reference.
#[inline]
pub(super) fn reads_one(ln_r: f64) -> bool {
    ln_r < REFERENCES[0].ln()
}

/// A lognormal's ln R that passes verify: at most `limit` (LRS) or at least (HRS).
pub(super) fn verified(rng: &mut impl Rng, (median, sigma): (f64, f64), low: bool) -> f64 {
    let normal = Normal::new(median.ln(), sigma).expect("sigma is positive");
    let limit = if low { REFERENCES[3] } else { REFERENCES[4] }.ln();
    loop {
        let x = normal.sample(rng);
        if (x < limit) == low {
            return x;
        }
    }
}

/// A cell's own character, for life, in sigmas: how easily SET and RESET switch it, how long it lives.
struct Character {
    set: f64,
    reset: f64,
    life: f64,
}

impl Cell {
    /// The `width` cells of a sub-word that was never touched: in the high-resistance state.
    pub(super) fn untouched(corner: &Corner, seed: u64, key: u32, width: u32) -> Vec<Cell> {
        let (mut rng, standard) = (chances(seed, key.into()), standard());
        let cell = |_| Cell {
            ln_r: verified(&mut rng, corner.hrs, false) as f32,
            drift: standard.sample(&mut rng) as f32,
            since: 0.0,
            pulses: 0,
            stuck: None,
        };
        (0..width).map(cell).collect()
    }

    /// ln R so many decades of seconds after it was programmed.
    #[inline]
    pub(super) fn ln_r_after(&self, corner: &Corner, decades: f64) -> f64 {
        if let Some(one) = self.stuck {
            return if one { 3e3f64 } else { 1e6 }.ln();
        }
        let base = f64::from(self.ln_r);
        if decades <= 0.0 {
            return base;
        }
        let (mean, at_once, each) = corner.drift;
        let drift = mean * decades + (at_once + each * decades) * f64::from(self.drift);
        // Low drifts up, high drifts down.
        base + if reads_one(base) { drift } else { -drift }
    }

    /// Takes a pulse in the second `now` of the life of the part `seed`; `place` is the cell's own. Whether it changed its state.
    pub(super) fn take(&mut self, corner: &Corner, pulse: Pulse, torn: Torn, (seed, place): (u64, u64), now: f64) -> bool {
        let own = Character::of(seed, place);
        let mut rng = ChaCha8Rng::seed_from_u64(mix(seed ^ mix(place ^ 2) ^ mix(self.pulses.into())));
        self.wear(corner, own.life, &mut rng);
        let easy = if pulse.reset { corner.reset + own.reset } else { corner.set + own.set };
        let success = 1.0 / (1.0 + (-(easy + corner.step * f64::from(pulse.level))).exp());
        let target = verified(&mut rng, if pulse.reset { corner.hrs } else { corner.lrs }, !pulse.reset);
        let new =
            if pulse.cut { self.torn(torn, target, &mut rng) } else { (rng.random_range(0.0..1.0) < success).then_some(target) };
        let Some(new) = new else { return false };
        let flips = reads_one(self.ln_r.into()) != reads_one(new);
        (self.ln_r, self.drift, self.since) = (new as f32, standard().sample(&mut rng) as f32, now);
        flips
    }

    /// A pulse more: beyond its life the cell sticks, of six five times at 1.
    fn wear(&mut self, corner: &Corner, life: f64, rng: &mut ChaCha8Rng) {
        self.pulses += 1;
        let (median, sigma) = corner.endurance;
        if f64::from(self.pulses) > (median.ln() + sigma * life).exp() && self.stuck.is_none() {
            self.stuck = Some(rng.random_range(0..6) != 0);
        }
    }

    /// ln R behind a pulse in which the power fails; `None` where it stays as it was.
    fn torn(&self, torn: Torn, target: f64, rng: &mut ChaCha8Rng) -> Option<f64> {
        let old = f64::from(self.ln_r);
        match (torn, rng.random_range(0..3)) {
            (Torn::Old, _) | (Torn::Random, 0) => None,
            (Torn::New, _) | (Torn::Random, 1) => Some(target),
            (Torn::Marginal, _) => Some(REFERENCES[0].ln() + rng.random_range(-0.05..0.05)),
            (Torn::Random, _) => Some(old + (target - old) * rng.random_range(0.0..1.0)),
        }
    }
}

impl Character {
    fn of(seed: u64, place: u64) -> Character {
        let (mut rng, standard) = (chances(seed, place ^ 1), standard());
        let mut draw = || standard.sample(&mut rng);
        Character { set: draw(), reset: draw(), life: draw() }
    }
}
