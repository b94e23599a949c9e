// SPDX-License-Identifier: Apache-2.0
//! The model gives the figures that it was fitted to.

use super::cell::verified;
use super::*;
use rand_distr::Normal;

fn part() -> Device {
    Device::new(&Config::named("small").unwrap(), Corner { stuck: 0.0, ..Corner::typ22() }, 7)
}

/// Programs random words by a ladder as the controller does; (mean pulses, share above 4, above 6, above 8).
fn ladder(reset: bool, words: u32, bits: u32) -> [f64; 4] {
    let mut d = part();
    let mut counts = [0f64; 4];
    for n in 0..words {
        let (row, address, mask) = (n % 8, n / 8, (1u64 << bits) - 1);
        if reset {
            (0..bits).for_each(|b| d.set_cell(row * d.depth + address, b as usize, true));
        }
        let mut level = 0;
        loop {
            let planes = d.planes(row, address);
            let left = if reset { planes[4][0] & mask } else { !planes[3][0] & mask };
            if left == 0 {
                break;
            }
            d.pulse(row, address, Pulse { part: 0, reset, level, mask: left, cut: false });
            level += 1;
        }
        counts[0] += f64::from(level) / f64::from(words);
        for (c, limit) in counts[1..].iter_mut().zip([4, 6, 8]) {
            *c += f64::from(u8::from(level > limit)) / f64::from(words);
        }
    }
    counts
}

#[test]
fn p11_pulses_a_word_are_those_it_was_fitted_to() {
    // 34 of 72 bits flip: 17 each way in the published fit; the slowest bit of 34 decides.
    let (r, s) = (ladder(true, 12_000, 34), ladder(false, 12_000, 34));
    println!("RESET {r:?} SET {s:?}");
    assert!((2.1..2.5).contains(&r[0]) && (1.4..1.8).contains(&s[0]), "mean pulses: RESET {r:?}, SET {s:?}");
    assert!((1e-3..2e-2).contains(&r[1]) && r[2] < 1e-3 && r[3] == 0.0, "{r:?}");
    // sky130's yields of a single pulse: 90.83 % RESET, 97.45 % SET (one bit at a time).
    let (r, s) = (ladder(true, 12_000, 1), ladder(false, 12_000, 1));
    let single = |c: &[f64; 4]| 2.0 - c[0]; // close to the share that needs one pulse
    assert!((single(&r) - 0.9083).abs() < 0.02 && (single(&s) - 0.9745).abs() < 0.01, "RESET {r:?}, SET {s:?}");
}

#[test]
fn p11_drift_is_what_it_was_fitted_to() {
    // The high state decides. Its error rate by importance sampling over the cell's own drift: exact in ln R.
    let mut d = part();
    let mut rng = d.rng(9);
    let rate = |d: &mut Device, seconds: f64, rng: &mut ChaCha8Rng| {
        d.now = seconds;
        let n = 400_000;
        let mut sum = 0.0;
        for _ in 0..n {
            let ln_r = verified(rng, d.corner.hrs, false) as f32;
            // The drift at which it crosses the reference, from the model itself.
            let at = |z: f32| d.ln_r(&Cell { ln_r, drift: z, since: 0.0, pulses: 0, stuck: None }) - REFERENCES[0].ln();
            let (a, b) = (at(0.0), at(1.0));
            let z = a / (a - b);
            sum += 0.5 * erfc(z / std::f64::consts::SQRT_2);
        }
        sum / f64::from(n)
    };
    for (seconds, published) in [(86_400.0, 5e-10), (3.156e7, 1e-6), (3.156e8, 6.6e-6)] {
        let found = rate(&mut d, seconds, &mut rng);
        assert!((found / published).ln().abs() < 0.25f64, "{seconds} s: {found:e}, published {published:e}");
    }
}

/// Complementary error function (Numerical Recipes' fit has 1e-7; a continued fraction is exact where it matters).
fn erfc(x: f64) -> f64 {
    if x < 2.0 {
        let n = 4000;
        let h = x / f64::from(n);
        let area: f64 = (0..n).map(|i| (-((f64::from(i) + 0.5) * h).powi(2)).exp() * h).sum();
        return 1.0 - 2.0 / std::f64::consts::PI.sqrt() * area;
    }
    let mut f = x;
    for k in (1..80).rev() {
        f = x + f64::from(k) / 2.0 / f;
    }
    (-x * x).exp() / (f * std::f64::consts::PI.sqrt())
}

#[test]
fn p11_endurance_has_its_median_and_its_weakest_percent() {
    let d = part();
    let normal = Normal::new(0.0, 1.0).unwrap();
    let mut rng = d.rng(4);
    let mut lives: Vec<f64> =
        (0..100_000).map(|_| (d.corner.endurance.0.ln() + d.corner.endurance.1 * normal.sample(&mut rng)).exp()).collect();
    lives.sort_by(f64::total_cmp);
    assert!((lives[50_000] / 1e6).ln().abs() < 0.03);
    // Guaranteed 1e4: one cell in 100,000 fails before.
    assert!(lives[0] > 3e3 && lives.iter().filter(|&&l| l < 1e4).count() < 10);
    // And a cell that is pulsed beyond its life sticks.
    let mut d =
        Device::new(&Config::named("tiny").unwrap(), Corner { endurance: (100.0, 0.1), stuck: 0.0, ..Corner::typ22() }, 1);
    (0..400).for_each(|n| d.pulse(0, 0, Pulse { part: 0, reset: n % 2 == 1, level: 3, mask: 1, cut: false }));
    assert_eq!(d.stuck(), 1);
}

#[test]
fn stuck_cells_are_as_many_as_the_corner_says() {
    let config = Config::named("base").unwrap();
    let cells = 16.0 * 8192.0 * 144.0;
    let found = Device::new(&config, Corner::typ22(), 5).stuck() as f64;
    assert!((found / (cells * 1e-5) - 1.0).abs() < 0.3, "{found}");
}
