// SPDX-License-Identifier: Apache-2.0
//! A buffer as a frame (docs/board.md).

use super::shared::board::{board_block, bytes};
use crate::common::bench;
use rand::RngExt;
use systole_isa::board::{Deframer, END, frame};

#[test]
fn link_tx_sends_a_buffer_as_a_frame() {
    bench(&board_block("systole_link_tx"), 4, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let mut random = sim.random("frames");
        let (ready, rdata, valid) = (s("ready_i"), s("rdata_i"), s("valid_o"));
        for n in 0..400 {
            let length = [2, 3, 259, 258, random.random_range(2..260)][n.min(4)];
            let (body, pace) = (bytes(&mut random, length), [1.0, 0.5, 0.1][n % 3]);
            let (mut got, mut held, mut last) = (vec![], None, false);
            for t in 0.. {
                s("send_i").set((t == 0).into());
                s("length_i").set(if t == 0 { length as u64 } else { random.random_range(0..512) });
                let take = random.chance(pace);
                ready.set(take.into());
                clk.rising_edge().await;
                rdata.set(body.get(s("raddr_o").get() as usize).copied().unwrap_or_else(|| random.random()).into());
                let offer = valid.is_high().then(|| s("data_o").get() as u8);
                assert_eq!(s("busy_o").is_high(), t > 0 && !last, "cycle {t}");
                assert!(held.is_none() || held == offer, "a byte stays until it is taken");
                assert!(t > 0 && !last || offer.is_none());
                held = offer.filter(|_| !take);
                got.extend(offer.filter(|_| take));
                if last {
                    break;
                }
                last = got.len() > 1 && offer == Some(END) && take;
                assert!(t < 60_000, "never ends");
            }
            assert_eq!(got, frame(&body));
            let mut deframer = Deframer::default();
            assert_eq!(got.iter().filter_map(|&b| deframer.push(b)).collect::<Vec<_>>(), [body]);
        }
    });
}

#[test]
fn a_reset_in_a_frame_ends_it_and_the_next_one_is_whole() {
    bench(&board_block("systole_link_tx"), 5, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let mut random = sim.random("frames");
        let (rst, send, ready, rdata, valid, busy) =
            (s("rst_i"), s("send_i"), s("ready_i"), s("rdata_i"), s("valid_o"), s("busy_o"));
        ready.set(1);
        for round in 0..60 {
            let body = bytes(&mut random, 8);
            s("length_i").set(8);
            // Some frames are ended by a reset, then comes a whole one.
            let ends = [1 + random.below(40), u64::MAX][round % 2];
            let mut got = vec![];
            for t in 0.. {
                send.set((t == 0).into());
                rst.set((t == ends).into());
                clk.rising_edge().await;
                rdata.set(body.get(s("raddr_o").get() as usize).copied().unwrap_or(0).into());
                valid.is_high().then(|| got.push(s("data_o").get() as u8));
                if t > 0 && (t == ends || !busy.is_high()) {
                    break;
                }
            }
            send.set(0);
            rst.set(0);
            for cycle in 0..random.below(30) {
                clk.rising_edge().await;
                assert!(!busy.is_high() && !valid.is_high(), "round {round}, {cycle} cycles behind the end");
            }
            assert!(ends != u64::MAX || got == frame(&body), "round {round}: {got:?}");
        }
    });
}
