// SPDX-License-Identifier: Apache-2.0
//! The IN buffer: right frames kept, wrong ones dropped.

use crate::common::{bench, block};
use harness::Pause;
use harness::axi::StreamSource;

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
