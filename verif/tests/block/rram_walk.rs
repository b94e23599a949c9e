// SPDX-License-Identifier: Apache-2.0
//! Walks over lines: what is asked, and each word in its cycle, for every pace (docs/blocks/rram_walk.md).

use crate::common::{bench, block};
use std::collections::BTreeMap;
use systole_isa::{Config, Latency};

const ROWS: u64 = 4;
const COLS: u64 = 4;
const BEATS: u64 = 4;
const LINES: u64 = 64;

/// A word that a walk asks for.
#[derive(Clone, Copy)]
struct Word {
    row: u64,
    last: bool,
}

#[test]
fn a_walk_asks_for_its_lines_in_order_and_each_word_leaves_in_its_cycle() {
    let config = Config::named("tiny").unwrap().with_weight_beats(BEATS as u32).unwrap();
    let lead = u64::from(Latency::of(&config).w_lead);
    let spec = block("systole_rram_walk")
        .parameter("ROWS", ROWS as usize)
        .parameter("COLS", COLS as usize)
        .parameter("WEIGHT_BEATS", BEATS as usize)
        .parameter("RRAM_WAYS", config.rram_ways as usize)
        .parameter("RW", 6)
        .parameter("BW", 2);
    bench(&spec, 3, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let [rst, start, line, lines, pace, last_row, reference, raw] =
            ["rst_i", "start_i", "line_i", "lines_i", "pace_i", "last_row_i", "ref_i", "raw_i"].map(s);
        let [words, corrected, bad] = ["words_i", "corrected_i", "uncorrectable_i"].map(s);
        let [c_en, c_line, c_beat, c_ref, c_raw, busy] =
            ["c_en_o", "c_line_o", "c_beat_o", "c_ref_o", "c_raw_o", "busy_o"].map(s);
        let [valid, word, row, was_corrected, was_bad, done] =
            ["valid_o", "word_o", "row_o", "corrected_o", "uncorrectable_o", "done_o"].map(s);
        let mut random = sim.random("walks");
        // By cycle: sub-words that are asked for, words that the banks show; what they showed in the cycle before.
        let (mut asks, mut due) = (BTreeMap::<u64, [u64; 4]>::new(), BTreeMap::<u64, Word>::new());
        let mut shown: Option<(u64, Word, u64, u64)> = None;
        let (mut until, mut free, mut seen) = (0, 0, [0u32; 3]);
        for t in 0..60_000u64 {
            // A walk begins when the one before has asked for everything.
            let starts = t >= free && random.chance(0.2);
            let n = 1 + random.below(ROWS);
            let (first, count) =
                (random.below(LINES), 1 + if random.chance(0.1) { random.below(LINES) } else { random.below(4) });
            let pace_now = (if random.chance(0.5) { 1 } else { 1 + random.below(63) }).max(BEATS.div_ceil(n));
            let (kind, physical) = (random.below(8), random.below(2));
            start.set(starts.into());
            line.set(first);
            lines.set(count);
            pace.set(pace_now);
            last_row.set(n - 1);
            reference.set(kind);
            raw.set(physical);
            let reset = random.chance(0.002);
            rst.set(reset.into());
            let (mut bytes, flags) = ([0; (ROWS * COLS) as usize], [random.below(1 << ROWS), random.below(1 << ROWS)]);
            random.fill(&mut bytes);
            words.set_bytes(&bytes);
            corrected.set(flags[0]);
            bad.set(flags[1]);
            clk.rising_edge().await;

            let ask = asks.remove(&t);
            assert_eq!(c_en.is_high(), ask.is_some(), "a sub-word is asked for in cycle {t}");
            assert_eq!(busy.is_high(), t < until, "work in cycle {t}");
            if let Some(ask) = ask {
                assert_eq!([&c_line, &c_beat, &c_ref, &c_raw].map(|p| p.get()), ask, "what is asked for in cycle {t}");
            } else {
                assert!(!c_raw.is_high(), "a look between walks sees the entry");
            }
            assert_eq!(valid.is_high(), shown.is_some(), "a word in cycle {t}");
            assert_eq!(done.is_high(), shown.is_some_and(|w| w.1.last), "the last word in cycle {t}");
            if let Some((data, of, is_corrected, is_bad)) = shown {
                let leaves = [&word, &row, &was_corrected, &was_bad].map(|p| p.get());
                assert_eq!(leaves, [data, of.row, is_corrected, is_bad], "the word in cycle {t}");
                seen[0] += 1;
            }
            shown = due.remove(&t).map(|of| {
                let data = bytes[(of.row * COLS) as usize..][..COLS as usize].iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
                (data, of, flags[0] >> of.row & 1, flags[1] >> of.row & 1)
            });
            if starts {
                seen[1] += u32::from(t == free);
                for k in 0..count * n {
                    let at = t + 1 + k * pace_now;
                    for beat in (0..BEATS).filter(|_| k % n == 0) {
                        asks.insert(at + beat, [(first + k / n) % LINES, beat, kind, physical]);
                    }
                    due.insert(at + lead + 3, Word { row: k % n, last: k + 1 == count * n });
                }
                let asked = t + 1 + (count - 1) * n * pace_now + BEATS;
                until = asked.max(t + 1 + count * n * pace_now);
                free = until;
            }
            if reset {
                seen[2] += u32::from(t < until || !due.is_empty());
                asks.clear();
                due.clear();
                (shown, until, free) = (None, 0, t + 1);
            }
        }
        assert!(seen[0] > 3000 && seen[1] > 50 && seen[2] > 30, "{seen:?}");
    });
}
