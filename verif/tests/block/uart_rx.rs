// SPDX-License-Identifier: Apache-2.0
//! The receiver of the serial line: senders that are off, spikes, lost stop bits (docs/board.md).

use super::shared::board::board_block;
use crate::common::bench;
use harness::{Clock, Signal, Stream};
use rand::RngExt;

/// A serial line that sends, with an own idea of a bit's time.
struct Line {
    clk: Clock,
    rx: Signal,
    out: [Signal; 3],
    bit: f64,
    late: f64, // of a cycle, what the line is behind the clock
    got: Vec<Option<u8>>,
}

impl Line {
    async fn cycle(&mut self, level: bool) {
        self.rx.set(level.into());
        self.clk.rising_edge().await;
        let [valid, bad, data] = &self.out;
        assert!(!(valid.is_high() && bad.is_high()));
        valid.is_high().then(|| self.got.push(Some(data.get() as u8)));
        bad.is_high().then(|| self.got.push(None));
    }

    /// A level for some bits' time; with a glitch of one cycle.
    async fn level(&mut self, level: bool, bits: f64, glitch: Option<u64>) {
        let time = self.late + self.bit * bits;
        self.late = time.fract();
        for n in 0..time as u64 {
            self.cycle(level ^ (glitch == Some(n))).await;
        }
    }

    async fn byte(&mut self, byte: u8, stop: bool, random: &mut Stream) {
        self.level(false, 1.0, None).await;
        for n in 0..8 {
            let glitch = random.chance(0.3).then(|| random.below(self.bit as u64));
            self.level(byte >> n & 1 == 1, 1.0, glitch).await;
        }
        self.level(stop, 1.0, None).await;
    }
}

#[test]
fn uart_rx_takes_bytes_of_senders_that_are_off_and_no_spikes() {
    for divisor in [8, 13, 100] {
        bench(&board_block("systole_uart_rx").parameter("DIVISOR", divisor), 1, move |sim, clk| async move {
            let mut random = sim.random("line");
            let out = ["valid_o", "bad_o", "data_o"].map(|n| sim.signal(n));
            let mut line = Line { clk, rx: sim.signal("rx_i"), out, bit: divisor.into(), late: 0.0, got: vec![] };
            // Low since reset: nothing begins.
            line.level(false, 25.0, None).await;
            for _ in 0..24 {
                line.level(true, 2.0, None).await;
                assert_eq!(line.got, [], "an idle line");
                line.bit = f64::from(divisor) * [0.98, 0.99, 1.0, 1.01, 1.02][random.random_range(0..5)];
                line.late = random.random();
                let mut expected = vec![];
                for _ in 0..2000 / divisor {
                    match random.random_range(0..12) {
                        0 => {
                            let spike = random.random_range(1..=(divisor - 1) / 3);
                            line.level(true, 1.0 + random.random::<f64>(), None).await;
                            for _ in 0..spike {
                                line.cycle(false).await;
                            }
                            line.level(true, 1.0 + random.random::<f64>(), None).await;
                        }
                        1 => {
                            line.byte(random.random(), false, &mut random).await;
                            expected.push(None);
                            let stays = f64::from(random.random_range(0..2)) * 30.0; // a break, and one bad byte
                            line.level(false, stays, None).await;
                            line.level(true, 0.6 + random.random::<f64>(), None).await;
                        }
                        _ => {
                            let byte = random.random();
                            line.byte(byte, true, &mut random).await;
                            expected.push(Some(byte));
                            let idle = random.random::<f64>() * f64::from(random.random_range(0..4) / 2);
                            line.level(true, idle, None).await;
                        }
                    }
                }
                line.level(true, 2.0, None).await;
                assert_eq!(std::mem::take(&mut line.got), expected, "{divisor} cycles a bit, sent with {}", line.bit);
            }
        });
    }
}

#[test]
fn a_reset_in_a_byte_forgets_it_and_waits_for_an_idle_line() {
    bench(&board_block("systole_uart_rx").parameter("DIVISOR", 8), 2, |sim, clk| async move {
        let mut random = sim.random("resets");
        let (rst, out) = (sim.signal("rst_i"), ["valid_o", "bad_o", "data_o"].map(|n| sim.signal(n)));
        let mut line = Line { clk, rx: sim.signal("rx_i"), out, bit: 8.0, late: 0.0, got: vec![] };
        for round in 0..60 {
            line.level(true, 2.0, None).await;
            line.level(false, 1.0, None).await;
            for _ in 0..random.below(9) {
                line.level(random.random(), 1.0, None).await;
            }
            // The line is low since some cycles.
            line.level(false, 0.5, None).await;
            rst.set(1);
            line.cycle(false).await;
            rst.set(0);
            line.level(false, 30.0, None).await;
            assert_eq!(line.got, [], "round {round}");
            line.level(true, 2.0, None).await;
            let byte = random.random();
            line.byte(byte, true, &mut random).await;
            line.level(true, 2.0, None).await;
            assert_eq!(std::mem::take(&mut line.got), [Some(byte)], "round {round}: behind an idle line");
        }
    });
}
