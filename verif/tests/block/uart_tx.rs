// SPDX-License-Identifier: Apache-2.0
//! The sender of the serial line: each bit in its cycles.

use super::shared::board::board_block;
use crate::common::bench;
use rand::RngExt;
use std::collections::VecDeque;

#[test]
fn uart_tx_sends_each_bit_in_its_cycles() {
    for divisor in [8, 13, 100] {
        bench(&board_block("systole_uart_tx").parameter("DIVISOR", divisor), 2, move |sim, clk| async move {
            let [valid, ready, data, tx] = ["valid_i", "ready_o", "data_i", "tx_o"].map(|n| sim.signal(n));
            let mut random = sim.random("bytes");
            let (mut bits, mut sent) = (VecDeque::new(), 0);
            let (mut hold, mut pace) = (None, 1.0);
            while sent < 60 {
                let byte = *hold.get_or_insert_with(|| random.random::<u8>());
                let offered = random.chance(pace);
                valid.set(offered.into());
                data.set(if offered { byte.into() } else { random.random_range(0..256) });
                clk.rising_edge().await;
                assert_eq!(tx.is_high(), bits.front().copied().unwrap_or(true), "byte {sent}");
                assert_eq!(ready.is_high(), bits.is_empty(), "byte {sent}");
                if bits.pop_front().is_none() && offered {
                    let word = 1 << 9 | u32::from(byte) << 1;
                    bits.extend((0..10 * divisor).map(|n| word >> (n / divisor) & 1 == 1));
                    (hold, sent, pace) = (None, sent + 1, if sent < 30 { 1.0 } else { 0.1 });
                }
            }
        });
    }
}

#[test]
fn a_reset_in_a_byte_leaves_the_line_idle_and_takes_the_next_one() {
    bench(&board_block("systole_uart_tx").parameter("DIVISOR", 8), 3, |sim, clk| async move {
        let [rst, valid, ready, data, tx] = ["rst_i", "valid_i", "ready_o", "data_i", "tx_o"].map(|n| sim.signal(n));
        let mut random = sim.random("resets");
        for round in 0..60 {
            valid.set(1);
            data.set(random.below(256));
            clk.rising_edge().await;
            valid.set(0);
            clk.cycles(1 + random.below(78)).await;
            rst.set(1);
            clk.rising_edge().await;
            rst.set(0);
            for cycle in 0..random.below(30) {
                clk.rising_edge().await;
                assert!(tx.is_high() && ready.is_high(), "round {round}, {cycle} cycles behind the reset");
            }
        }
    });
}
