// SPDX-License-Identifier: Apache-2.0
//! A board that starts out of its flash: frames one by one, to the first that fails (docs/board.md).

use super::shared::board::board_block;
use crate::common::bench;
use rand::RngExt;
use std::collections::VecDeque;
use systole_isa::board::{Deframer, frame};

/// What a bench of systole_boot sees: bytes for the link, and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Boot {
    bytes: Vec<u8>,
    failed: bool,
}

/// Boots from a flash with these bytes at `at`; frame n is taken where `stands(n)`, and answered with `results[n]`.
fn boot(half: u64, at: u64, data: Vec<u8>, results: Vec<Option<u8>>) -> Boot {
    let spec = board_block("systole_boot").parameter("HALF", half).parameter("AT", at);
    bench(&spec, 9, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let [valid, byte, request, done, we, addr, answer, active, failed] =
            ["valid_o", "data_o", "request_i", "done_i", "answer_we_i", "answer_addr_i", "answer_data_i", "active_o", "failed_o"]
                .map(s);
        let mut random = sim.random("bridge");
        s("miso_i").set(1);
        sim.spawn("flash", systole_backends::board::flash(sim.clone(), ["cs_n_o", "sck_o", "mosi_o", "miso_i"], at, data));
        // A reset in the middle: it begins anew.
        clk.cycles(1 + random.below(300 * half)).await;
        s("rst_i").set(1);
        clk.rising_edge().await;
        s("rst_i").set(0);
        let (mut results, mut deframer, mut bytes) = (VecDeque::from(results), Deframer::default(), vec![]);
        // The flash is selected behind 16 clocks.
        let (mut clocks, mut before) = (0, false);
        for _ in 0..400_000 {
            clk.rising_edge().await;
            let clock = s("sck_o").is_high();
            clocks += u64::from(clock && !before && s("cs_n_o").is_high());
            before = clock;
            if !active.is_high() {
                break;
            }
            if valid.is_high() {
                bytes.push(byte.get() as u8);
                if deframer.push(byte.get() as u8).is_some_and(|b| b.len() >= 2) {
                    let Some(result) = results.pop_front().unwrap() else { continue };
                    // As link_rx and the bridge have it: it stands from the next cycle on, and the answer is written before done.
                    request.set(1);
                    for _ in 0..random.random_range(4..90) {
                        clk.rising_edge().await;
                        assert!(!s("cs_n_o").is_high() && !valid.is_high(), "a byte while a request stands");
                    }
                    for (at, value) in [(0, 0), (1, result), (2, 7), (3, 1)] {
                        we.set(1);
                        addr.set(at);
                        answer.set(value.into());
                        clk.rising_edge().await;
                    }
                    we.set(0);
                    clk.cycles(random.random_range(1..20)).await;
                    done.set(1);
                    request.set(1);
                    clk.rising_edge().await;
                    request.set(0);
                    done.set(0);
                }
            }
        }
        assert!(!active.is_high() && clocks == 16, "{clocks} clocks before the flash was selected");
        clk.cycles(100).await;
        assert!(!valid.is_high() && s("cs_n_o").is_high() && !s("sck_o").is_high(), "the flash is at rest");
        Boot { bytes, failed: failed.is_high() }
    })
}

#[test]
fn boot_gives_the_flashs_frames_one_by_one_and_ends_at_the_first_that_fails() {
    let frames: Vec<Vec<u8>> = vec![frame(&[0, 3, 1, 2]), frame(&[0, 0xc0, 0xdb]), frame(&[0; 200]), frame(&[0, 7])];
    let all = frames.concat();
    let file = |frames: &[u8], length: usize| [&b"SYF\x02"[..], &(length as u32).to_le_bytes(), frames].concat();
    let whole = file(&all, all.len());
    for (half, at) in [(2, 0x20_0000), (3, 0), (7, 0xff_f000)] {
        let good = boot(half, at, whole.clone(), vec![Some(0); 4]);
        assert_eq!(good, Boot { bytes: all.clone(), failed: false }, "half a bit of {half} cycles");
    }
    // Another result than DONE, and a frame that the link does not take: what follows is not looked at.
    let two = frames[..2].concat();
    assert_eq!(boot(2, 0, whole.clone(), vec![Some(0), Some(3), None]), Boot { bytes: two.clone(), failed: true });
    assert_eq!(boot(2, 0, whole.clone(), vec![Some(0), None]), Boot { bytes: two.clone(), failed: true });
    // The length ends between frames, and in one.
    assert_eq!(boot(2, 0, file(&all, two.len()), vec![Some(0); 2]), Boot { bytes: two.clone(), failed: false });
    assert_eq!(
        boot(2, 0, file(&all, two.len() + 5), vec![Some(0); 2]),
        Boot { bytes: all[..two.len() + 5].to_vec(), failed: true }
    );
    // Nothing to boot: no magic, another version, no frames.
    let nothing = Boot { bytes: vec![], failed: false };
    for data in [vec![], vec![0; 64], [&b"SYF\x01"[..], &whole[4..]].concat(), file(&all, 0), whole[1..].to_vec()] {
        assert_eq!(boot(2, 0, data, vec![]), nothing);
    }
}
