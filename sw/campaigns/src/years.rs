// SPDX-License-Identifier: Apache-2.0
//! Many parts, ten years (P7), and how many pulses a line needs (P8): Monte Carlo on the device model behind the
//! controller's model.

use serde::Serialize;
use systole_backends::rram_model::{Counts, RramModel};
use systole_chip::device::{Corner, Device};
use systole_isa::rram::{Layout, RETRIES, slot_bytes};
use systole_isa::{Config, Image};

const YEAR: f64 = 365.25 * 86_400.0;

/// What a campaign needs.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    /// Parts.
    pub parts: u32,
    /// Years of each.
    pub years: u32,
    /// Scrubs a year; 0: none.
    pub scrubs: u32,
    /// Temperature in degrees Celsius.
    pub celsius: f64,
    /// Device parameters.
    pub corner: String,
    /// Seed of the first part.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Years {
    /// Parts that woke with their image after every year.
    pub good: u32,
    /// Parts that could not be programmed.
    pub unprogrammed: u32,
    /// Words beyond correction, all parts and wakes together.
    pub uncorrectable: u64,
    /// Words corrected.
    pub corrected: u64,
    /// Lines written again by scrubs.
    pub refreshed: u64,
    /// Lines retired at programming.
    pub retired: u64,
    /// Lines programmed, by the rounds of pulses they took (0 to 8; the last: given up).
    pub rounds: Vec<u64>,
    /// Wrong bits of the image's words by year, over all its bits: raw bit error rate.
    pub ber: Vec<f64>,
    /// Bits of an image, all parts together.
    pub bits: u64,
}

/// The image with as many weights (a fixed pattern) as fill its slot.
pub fn fill(mut image: Image, config: &Config) -> Image {
    let layout = Layout::of(config);
    let (_, record) = slot_bytes(&image, config);
    // Each line has four bytes of CRC in the lines behind them all.
    let others = record.lines - record.weight_lines - record.tile_lines;
    let lines = layout.usable() - (layout.usable() * 4).div_ceil(layout.line_bytes + 4) - others;
    let size = (lines * layout.line_bytes) as usize;
    let mut x = 1u64;
    while image.weights.len() < size {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        image.weights.push((x >> 56) as i8);
    }
    image
}

/// Programs `parts` parts and lets them age.
///
/// # Errors
/// An unknown corner.
pub fn run(image: &Image, config: &Config, setting: &Setting, mut progress: impl FnMut(u32)) -> anyhow::Result<Years> {
    let corner = Corner::named(&setting.corner).ok_or_else(|| anyhow::anyhow!("there is no corner '{}'", setting.corner))?;
    let (bytes, record) = slot_bytes(image, config);
    let mut out = Years { rounds: vec![0; RETRIES as usize + 2], ber: vec![0.0; setting.years as usize + 1], ..Years::default() };
    for part in 0..setting.parts {
        let mut rram = RramModel::new(config, Device::new(config, corner.clone(), setting.seed + u64::from(part)));
        let _ = rram.wake(false);
        let programmed = rram.write_slot(0, &bytes).and_then(|()| rram.commit(0, &record));
        out.rounds.iter_mut().zip(rram.rounds).for_each(|(a, b)| *a += b);
        out.retired += u64::from(rram.counts.remaps);
        if programmed.is_err() {
            out.unprogrammed += 1;
            progress(part);
            continue;
        }
        let truth: Vec<Vec<u64>> = rram.device.words().iter().map(|&(r, a)| rram.device.planes(r, a)[0].clone()).collect();
        let places = rram.device.words();
        let bits = (places.len() as u64) * u64::from(rram.device.width());
        out.bits += bits;
        let mut good = true;
        let before = Counts::default();
        rram.counts = before;
        for year in 0..=setting.years {
            if year > 0 {
                for _ in 0..setting.scrubs.max(1) {
                    rram.device.age(YEAR / f64::from(setting.scrubs.max(1)), setting.celsius);
                    if setting.scrubs > 0 {
                        rram.scrub();
                    }
                }
            }
            let wrong: u32 = places
                .iter()
                .zip(&truth)
                .map(|(&(r, a), t)| rram.device.planes(r, a)[0].iter().zip(t).map(|(x, y)| (x ^ y).count_ones()).sum::<u32>())
                .sum();
            out.ber[year as usize] += f64::from(wrong) / bits as f64 / f64::from(setting.parts);
            good &= rram.wake(false).is_ok_and(|found| found == bytes);
        }
        out.uncorrectable += u64::from(rram.counts.uncorrectable);
        out.corrected += u64::from(rram.counts.corrected);
        out.refreshed += u64::from(rram.counts.refreshed);
        out.good += u32::from(good);
        progress(part);
    }
    Ok(out)
}
