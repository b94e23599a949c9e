// SPDX-License-Identifier: Apache-2.0
//! Where a scrub is, and the SCRUB rows of runs: the place, its line, and each walk in its cycle.

use crate::common::{bench, block};
use harness::verilated::Spec;
use harness::{Clock, Sim, Stream};
use rand::RngExt;
use systole_isa::Config;
use systole_isa::rram::{Layout, RECORDS};

/// A small memory, so that scrubs come around its end.
fn machine(name: &str, depth: u32) -> (Spec, Layout, u64) {
    let mut config = Config::named(name).unwrap();
    config.rram_depth = depth;
    let spec = block("systole_rram_pass").parameter("ROWS", config.rows).parameter("COLS", config.cols);
    (spec.parameter("RRAM_DEPTH", depth), Layout::of(&config), config.rows.into())
}

/// The image that is scrubbed.
#[derive(Clone, Copy, Debug)]
struct Image {
    slot: u32,
    lines: u32,
    record: u32,
}

impl Image {
    fn random(layout: &Layout, random: &mut Stream) -> Image {
        let lines = random.random_range(1..=layout.usable());
        Image { slot: random.random_range(0..2), lines, record: layout.record(random.random_range(0..RECORDS)) }
    }

    fn places(&self, layout: &Layout) -> u32 {
        self.lines + layout.table_lines + layout.record_lines
    }

    /// Image, copy of the table, record: the line of a place, and whether it is physical.
    fn line(&self, layout: &Layout, place: u32) -> (u32, bool) {
        let behind = place.checked_sub(self.lines);
        match behind.map(|b| (b, b.checked_sub(layout.table_lines))) {
            None => (self.slot * layout.half + place, false),
            Some((in_table, None)) => (layout.table(self.slot) + in_table, true),
            Some((_, Some(in_record))) => (self.record + in_record, true),
        }
    }

    fn show(&self, sim: &Sim) {
        sim.signal("newest_i").set((2 | self.slot).into());
        sim.signal("live_i").set(self.lines.into());
        sim.signal("record_i").set(self.record.into());
    }
}

/// Sets the place; 4 cycles later everything about it stands.
async fn set_place(sim: &Sim, clk: &Clock, place: u32) {
    sim.signal("set_i").set(1);
    sim.signal("place_i").set(place.into());
    clk.rising_edge().await;
    sim.signal("set_i").set(0);
    clk.cycles(4).await;
}

#[test]
fn every_place_is_the_line_of_the_division_within_three_cycles() {
    for (name, depth) in [("tiny", 128), ("small", 512)] {
        let (spec, layout, _) = machine(name, depth);
        bench(&spec, 3, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let (set, place_i, found) = (s("set_i"), s("place_i"), s("found_o"));
            let (place, line, raw, last) = (s("place_o"), s("line_o"), s("raw_o"), s("last_o"));
            let mut random = sim.random("places");
            assert_eq!((place.get(), found.get()), (0, 0), "after reset");
            for n in 0..6 {
                let mut image = Image::random(&layout, &mut random);
                image.lines = [1, layout.usable()].get(n).copied().unwrap_or(image.lines);
                image.show(&sim);
                let count = image.places(&layout);
                for at in 0..count {
                    // In order, and any other one between them.
                    for at in [at, random.random_range(0..count)] {
                        set.set(1);
                        place_i.set(at.into());
                        clk.rising_edge().await;
                        set.set(0);
                        place_i.set(random.random_range(0..count).into());
                        clk.rising_edge().await;
                        assert_eq!(place.get(), u64::from(at));
                        clk.cycles(2).await;
                        assert_eq!(last.is_high(), at + 1 == count, "{image:?}, place {at}");
                        clk.rising_edge().await;
                        let got = (line.get() as u32, raw.is_high());
                        assert_eq!(got, image.line(&layout, at), "{image:?}, place {at}");
                    }
                }
            }
        });
    }
}

/// What a row met.
#[derive(Default)]
struct Met {
    wraps: u32,
    weak: u32,
    behind: u32, // weak lines behind the first
}

/// A SCRUB row of `lines` lines from `from` on; the first word of a walk comes `latency` cycles after it
/// begins. Returns the place where it ends, and whether it found a weak line.
async fn row(clk: &Clock, layout: &Layout, rows: u64, image: &Image, from: u32, lines: u64, met: &mut Met) -> (u32, bool) {
    let sim = clk.sim();
    let s = |n: &str| sim.signal(n);
    let (scrub, idle, busy, walk, margin) = (s("scrub_i"), s("idle_i"), s("busy_o"), s("walk_o"), s("strong_0_o"));
    let (valid, bad, done) = (s("walk_valid_i"), s("walk_bad_i"), s("walk_done_i"));
    let (place, line, raw, last, found) = (s("place_o"), s("line_o"), s("raw_o"), s("last_o"), s("found_o"));
    let mut random = sim.random(&format!("row {}", clk.cycle()));
    let latency = random.random_range(4..14u64);
    let count = image.places(layout);
    let odds = if lines > 100 { 0.0 } else { random.random_range(0..3) as f64 * 0.2 };
    // Of each walk: the words that are wrong.
    let wrong = |random: &mut Stream, weak: bool| {
        let mask = random.random_range(1..1 << rows);
        if !weak { (0, 0) } else { [(mask, 0), (0, mask), (mask, mask)][random.random_range(0..3)] }
    };
    let words: Vec<(u64, u64)> =
        (0..lines).map(|_| random.chance(odds)).collect::<Vec<_>>().iter().map(|&w| wrong(&mut random, w)).collect();
    let first_weak = words.iter().position(|&w| w != (0, 0)).map(|n| n as u64);
    met.weak += u32::from(first_weak.is_some());
    met.behind += first_weak.map_or(0, |f| words[f as usize + 1..].iter().filter(|&&w| w != (0, 0)).count() as u32);
    let step = |n: u64| ((u64::from(from) + n) % u64::from(count)) as u32;
    let ended = |n: u64| 1 + (2 * n + 1) * rows + latency + rows - 1; // cycle of a line's last word
    let end = if lines == 0 { 1 } else { ended(lines - 1) };
    met.wraps += u32::from(u64::from(from) + first_weak.unwrap_or(lines) >= count.into());
    for t in 0..=end + 4 {
        idle.set(1);
        scrub.set((t == 0).into());
        s("lines_i").set(if t == 0 { lines } else { random.random_range(0..4096) });
        let word = t.checked_sub(1 + latency).filter(|&w| w < 2 * lines * rows);
        valid.set(word.is_some().into());
        done.set(word.is_some_and(|w| w % rows == rows - 1).into());
        bad.set(word.map_or(random.random_range(0..2), |w| {
            let (one, zero) = words[(w / rows / 2) as usize];
            (if (w / rows).is_multiple_of(2) { one } else { zero }) >> (w % rows) & 1
        }));
        clk.rising_edge().await;
        let walks = t >= 1 && (t - 1) % rows == 0 && (t - 1) / rows < 2 * lines;
        assert_eq!(walk.is_high(), walks, "{lines} lines, cycle {t}");
        if walks {
            let n = (t - 1) / rows;
            assert_eq!(margin.get(), n % 2, "margin of walk {n}");
            let got = (line.get() as u32, raw.is_high());
            assert_eq!(got, image.line(layout, step(n / 2)), "{image:?}, from place {from}, walk {n}");
        }
        let behind = (0..lines).take_while(|&n| ended(n) < t).count() as u64;
        let good = behind.min(first_weak.unwrap_or(lines));
        assert_eq!(place.get(), u64::from(step(good)), "{image:?}, from place {from}, {lines} lines, cycle {t}");
        assert_eq!(found.is_high(), first_weak.is_some_and(|f| f < behind), "weak line {first_weak:?}, cycle {t}");
        if lines != 0 {
            assert_eq!(busy.is_high(), t >= 1 && t <= end + 1, "cycle {t} of a row that ends in {end}");
        }
    }
    assert!(!busy.is_high());
    let at = step(first_weak.unwrap_or(lines));
    assert_eq!(last.is_high(), at + 1 == count);
    (at, first_weak.is_some())
}

#[test]
fn a_row_walks_each_line_twice_in_exact_cycles_and_its_place_stays_at_the_first_weak_line() {
    for (name, depth) in [("tiny", 128), ("small", 512)] {
        let (spec, layout, rows) = machine(name, depth);
        let met = bench(&spec, 4, move |sim, clk| async move {
            let mut random = sim.random("rows");
            let mut met = Met::default();
            for n in 0..120 {
                let image = Image::random(&layout, &mut random);
                image.show(&sim);
                let count = image.places(&layout);
                let mut at =
                    if random.chance(0.5) { random.random_range(0..count) } else { count - 1 - random.random_range(0..3) };
                set_place(&sim, &clk, at).await;
                assert!(!sim.signal("found_o").is_high(), "a place that was set is not weak");
                // One row behind the other, up to a weak line; once as many lines as a row can have.
                for _ in 0..4 {
                    let lines = if n == 0 { 4095 } else { random.random_range(0..9) };
                    let (next, weak) = row(&clk, &layout, rows, &image, at, lines, &mut met).await;
                    at = next;
                    if weak || n == 0 {
                        break;
                    }
                }
            }
            met
        });
        assert!(met.wraps > 20 && met.weak > 20 && met.behind > 10, "{} {} {}", met.wraps, met.weak, met.behind);
    }
}

#[test]
fn a_row_ends_at_once_where_the_engine_goes_to_work_and_asks_for_nothing_more() {
    let (spec, layout, rows) = machine("tiny", 128);
    bench(&spec, 6, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let mut random = sim.random("work");
        let image = Image::random(&layout, &mut random);
        image.show(&sim);
        for n in 0..60u64 {
            set_place(&sim, &clk, 0).await;
            // From one of the first cycles on, so that the first is one that would ask, or is none.
            for t in 0..4 * rows {
                s("idle_i").set((t <= n % (3 * rows)).into());
                s("scrub_i").set((t == 0).into());
                s("lines_i").set(3);
                clk.rising_edge().await;
                let at_work = t > n % (3 * rows);
                assert_eq!(s("walk_o").is_high(), !at_work && t >= 1 && (t - 1) % rows == 0, "cycle {t} of {n}");
                assert_eq!(s("busy_o").is_high(), t >= 1 && t <= n % (3 * rows) + 1, "cycle {t} of {n}");
            }
        }
    });
}

#[test]
fn no_row_looks_behind_a_weak_line_without_an_image_or_beside_another_walk() {
    let (spec, layout, rows) = machine("tiny", 128);
    bench(&spec, 5, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let (scrub, idle, newest, found) = (s("scrub_i"), s("idle_i"), s("newest_i"), s("found_o"));
        let mut random = sim.random("no rows");
        let mut met = Met::default();
        for _ in 0..60 {
            let image = Image::random(&layout, &mut random);
            image.show(&sim);
            let from = random.random_range(0..image.places(&layout));
            set_place(&sim, &clk, from).await;
            let (at, weak) = row(&clk, &layout, rows, &image, from, random.random_range(1..6), &mut met).await;
            // A weak line already, or one of the other reasons; other walks bring words of their own.
            for why in 0..3 {
                if why == 0 && !weak {
                    continue;
                }
                newest.set(if why == 1 { image.slot } else { 2 | image.slot }.into());
                for t in 0..3 * rows {
                    scrub.set((t == 1).into());
                    s("lines_i").set(3);
                    idle.set((why != 2 && t == 1).into());
                    let word = t != 1 && random.random();
                    s("walk_valid_i").set(word.into());
                    s("walk_bad_i").set(random.random_range(0..2));
                    s("walk_done_i").set((word && random.random()).into());
                    clk.rising_edge().await;
                    assert!(!s("walk_o").is_high() && !s("busy_o").is_high(), "reason {why}");
                    assert_eq!((s("place_o").get(), found.is_high()), (at.into(), weak));
                }
                s("walk_valid_i").set(0);
                s("walk_done_i").set(0);
            }
            scrub.set(0);
        }
        assert!(met.weak > 5, "{}", met.weak);
    });
}
