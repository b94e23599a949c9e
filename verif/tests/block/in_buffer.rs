// SPDX-License-Identifier: Apache-2.0
//! The IN buffer: right frames kept, wrong ones dropped.

use super::shared::slice::Slice;
use crate::common::{bench, block};
use harness::axi::StreamSource;
use harness::{Pause, Stream};
use std::collections::VecDeque;

#[test]
fn in_buffer_keeps_right_frames_and_drops_wrong_ones() {
    const COLS: usize = 4;
    for pause in [0.0, 0.4] {
        bench(&block("systole_in_buffer").parameter("COLS", COLS).parameter("DEPTH", 16), 3, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let pauses = if pause > 0.0 { Pause::random(pause, sim.random("source")) } else { Pause::Never };
            let source = StreamSource::new(&clk, "s_", pauses);
            let mut random = sim.random("frames");
            let (good, bad) = (s("good_frame_o"), s("bad_frame_o"));
            let (re, ea, oa, even, odd, release, full) =
                (s("re_i"), s("even_addr_i"), s("odd_addr_i"), s("even_o"), s("odd_o"), s("release_i"), s("full_o"));
            for round in 0..60usize {
                let bytes = 1 + random.below(60) as usize;
                s("bytes_i").set(bytes as u64);
                clk.cycles(3).await;
                // Too short, too long, then right.
                for wrong in [bytes.saturating_sub(1 + round % 5), bytes + 1 + round % 9] {
                    if wrong == 0 || round % 3 == 0 {
                        continue;
                    }
                    source.send(vec![0xee; wrong]);
                    clk.until(500, "the bad frame", || bad.is_high()).await.unwrap();
                    assert!(!good.is_high());
                }
                source.drained().await;
                let mut frame = vec![0u8; bytes];
                random.fill(&mut frame);
                source.send(frame.clone());
                clk.until(500, "the good frame", || good.is_high()).await.unwrap();
                clk.rising_edge().await;
                assert!(full.is_high());
                for word in 0..bytes.div_ceil(COLS) {
                    re.set(1);
                    ea.set((word as u64).div_ceil(2));
                    oa.set(word as u64 / 2);
                    clk.cycles(3).await;
                    let mut got = [0u8; COLS];
                    if word % 2 == 0 {
                        even.get_bytes(&mut got)
                    } else {
                        odd.get_bytes(&mut got)
                    }
                    let chunk = &frame[word * COLS..(word * COLS + COLS).min(bytes)];
                    assert_eq!(&got[..chunk.len()], chunk, "word {word}");
                }
                release.set(1);
                clk.rising_edge().await;
                release.set(0);
                clk.cycles(2).await;
                assert!(!full.is_high());
            }
        });
    }
}

/// A word of the stream.
#[derive(Clone, Copy)]
struct Word {
    data: u64,
    keep: u64,
    last: bool,
}

/// The words of a frame that is right, or not in one of these ways: its length, where it ends or not, the bytes of a word.
fn frame(random: &mut Stream, bytes: usize, cols: usize) -> Vec<Word> {
    let length = match random.below(6) {
        0 => 1 + random.below(2 * bytes as u64) as usize,
        1 => bytes.saturating_sub(1).max(1),
        _ => bytes,
    };
    let words = length.div_ceil(cols);
    let all = (1 << cols) - 1;
    let end = all >> (words * cols - length);
    let mut frame: Vec<Word> = (0..words)
        .map(|n| Word { data: random.below(1 << (8 * cols)), keep: if n + 1 == words { end } else { all }, last: n + 1 == words })
        .collect();
    if random.chance(0.1) {
        let word = random.below(words as u64) as usize;
        frame[word].keep = random.below(1 << cols);
    }
    frame
}

#[test]
fn in_buffer_agrees_in_every_cycle_with_two_frames_one_filled_and_one_read() {
    const COLS: usize = 4;
    const WORDS: usize = 16;
    bench(&block("systole_in_buffer").parameter("COLS", COLS).parameter("DEPTH", WORDS), 4, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let [rst, flush, bytes, valid, ready, data, keep, last] =
            ["rst_i", "flush_i", "bytes_i", "s_tvalid_i", "s_tready_o", "s_tdata_i", "s_tkeep_i", "s_tlast_i"].map(s);
        let [none, full, next_full, release, good, bad] =
            ["none_o", "full_o", "next_full_o", "release_i", "good_frame_o", "bad_frame_o"].map(s);
        let [re, even_addr, odd_addr, even, odd] = ["re_i", "even_addr_i", "odd_addr_i", "even_o", "odd_o"].map(s);
        let mut random = sim.random("stimuli");
        let (mut frames, mut dropped, mut reads) = (0, 0, 0);
        for round in 0..60u64 {
            // The frame's length changes while nothing is under way. One that fills the buffer is among them, and none.
            let length =
                if round % 7 == 6 { 0 } else { [1 + random.below(63), 61 + random.below(4)][random.below(2) as usize] as usize };
            bytes.set(length as u64);
            for signal in [&valid, &re, &release, &flush] {
                signal.set(0);
            }
            rst.set(1);
            clk.rising_edge().await;
            rst.set(0);
            clk.cycles(3).await;
            let mut slice: Slice<Word> = Slice::new();
            let mut words: VecDeque<Word> = VecDeque::new();
            // Two frames with the cycle since which each is whole, which of them is filled and which is read.
            let (mut store, mut whole) = ([[0u64; WORDS]; 2], [None::<u64>; 2]);
            let (mut fill, mut read, mut at, mut drop, mut said) = (0, 0, 0, false, [false; 2]);
            let mut due: VecDeque<Option<[Option<u64>; 2]>> = [None, None].into();
            let rates = [[0.9, 0.9, 0.2], [0.5, 0.5, 0.1], [1.0, 0.3, 0.02]][round as usize % 3];
            let needed = length.div_ceil(COLS);
            for t in 0..500u64 {
                if words.is_empty() {
                    words.extend(frame(&mut random, length.max(1), COLS));
                }
                let offered = random.chance(rates[0]).then(|| words[0]);
                valid.set(offered.is_some().into());
                let shown =
                    offered.unwrap_or(Word { data: random.below(1 << 32), keep: random.below(16), last: random.chance(0.5) });
                data.set(shown.data);
                keep.set(shown.keep);
                last.set(shown.last.into());
                // A run reads from the cycle behind the next on, and gives the frame back. A flush comes where no run is on.
                let runs = whole[read].is_some_and(|since| t > since);
                let reads_now = runs && random.chance(rates[1]);
                let pair = [random.below(8) as usize, random.below(8) as usize];
                re.set(reads_now.into());
                even_addr.set(pair[0] as u64);
                odd_addr.set(pair[1] as u64);
                let gives_back = runs && random.chance(rates[2]);
                release.set(gives_back.into());
                let forgets = !runs && random.chance(0.01);
                flush.set(forgets.into());
                clk.rising_edge().await;

                assert_eq!(ready.is_high(), slice.ready(), "TREADY in cycle {t}");
                assert_eq!(none.is_high(), length == 0, "no input");
                let states = [whole[read].is_some(), whole[1 - read].is_some()];
                assert_eq!([full.is_high(), next_full.is_high()], states, "whole frames in cycle {t}");
                assert_eq!([good.is_high(), bad.is_high()], said, "a frame came, or was dropped, in cycle {t}");
                if let Some(words) = due.pop_front().unwrap() {
                    for (expected, port) in words.into_iter().zip([&even, &odd]) {
                        assert!(expected.is_none_or(|word| port.get() == word), "a word that was read, in cycle {t}");
                    }
                }
                let word = |n: usize| (n < needed).then(|| store[read][n]);
                due.push_back(reads_now.then(|| [word(2 * pair[0]), word(2 * pair[1] + 1)]));
                reads += u32::from(reads_now);

                said = [false; 2];
                let takes = drop || whole[fill].is_none() && length > 0;
                if let Some(&word) = slice.front().filter(|_| takes) {
                    if !drop {
                        let ends = at + 1 == needed;
                        let all = (1 << COLS) - 1;
                        let end = all >> (needed * COLS - length);
                        let right = word.last == ends && word.keep == if ends { end } else { all };
                        store[fill][at % WORDS] = word.data;
                        at += 1;
                        if !right {
                            said[1] = true;
                            dropped += 1;
                        } else if word.last {
                            said[0] = true;
                            frames += 1;
                            whole[fill] = Some(t + 1);
                            fill = 1 - fill;
                        }
                        drop = !right;
                    }
                    if word.last || drop {
                        at = 0;
                    }
                    drop &= !word.last;
                }
                let was_taken = slice.ready() && offered.is_some();
                slice.edge(offered, takes && slice.front().is_some());
                if was_taken {
                    words.pop_front();
                }
                if gives_back {
                    whole[read] = None;
                    read = 1 - read;
                }
                if forgets {
                    (fill, read, at, drop, whole, said) = (0, 0, 0, false, [None; 2], [false; 2]);
                }
            }
            assert!(length > 0 || slice.front().is_some(), "without an input nothing is taken");
        }
        assert!(frames > 500 && dropped > 300 && reads > 2000, "{frames} frames, {dropped} dropped, {reads} reads");
    });
}
