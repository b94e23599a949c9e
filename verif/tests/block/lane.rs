// SPDX-License-Identifier: Apache-2.0
//! The lane engine against sums written down from the definition of a depthwise convolution.

use super::shared::unit;
use crate::common::{bench, block};
use harness::Stream;
use rand::RngExt;
use std::collections::VecDeque;
use systole_isa::image::encode_tap;
use systole_isa::nest::{Nest, Stride};
use systole_isa::{Instruction, Lane};

const COLS: usize = 4;

const TAPS: usize = 4;

const COLUMNS: usize = 32;

/// A window over an image of `h` by `w` pixels of one C-byte word.
#[derive(Debug)]
struct Case {
    size: [i64; 2],
    kernel: [i64; 2],
    stride: [i64; 2],
    pads: [i64; 2], // above and left
    out: [i64; 2],
    zero_point: i8,
    tap: i64,
    more: [i64; 2],   // results left out beyond those that must be
    inside: [i64; 2], // first line and column, where none is outside
    whole: bool,      // loops of one iteration are there too, and a fifth
    gap: i64,         // cycles between steps
}

fn case(random: &mut Stream) -> Case {
    let mut within = |low: i64, high: i64| random.random_range(low..=high);
    loop {
        let kernel = [within(1, 3), within(1, 3)];
        let stride = [within(1, 3), within(1, 3)];
        let size = [kernel[0] + within(0, 5), kernel[1] + within(0, 6)];
        let pads = [within(0, kernel[0] - 1), within(0, kernel[1] - 1)];
        let behind = [within(0, kernel[0] - 1), within(0, kernel[1] - 1)];
        let out = [0, 1].map(|d| (size[d] + pads[d] + behind[d] - kernel[d]) / stride[d] + 1);
        let (more, inside, whole) = ([within(0, 1), within(0, 1)], [within(0, 3), within(0, 3)], within(0, 1) == 1);
        let case = Case {
            size,
            kernel,
            stride,
            pads,
            out,
            zero_point: within(-128, 127) as i8,
            tap: within(0, 3),
            gap: within(0, 2),
            more,
            inside,
            whole,
        };
        // A line has three columns at least.
        let line = (out[1] + case.lead(1).1) * stride[1];
        if (3..=COLUMNS as i64).contains(&line) && (0..2).all(|d| case.lead(d).1 <= 3) {
            return case;
        }
    }
}

impl Case {
    /// First line or column, and results left out: enough that all of the first window inside the image goes by.
    fn lead(&self, d: usize) -> (i64, i64) {
        let last_of_first = self.kernel[d] - 1 - self.pads[d];
        let skip = (0..4).find(|s| last_of_first - (s + 1) * self.stride[d] < 0).unwrap() + self.more[d];
        (last_of_first - (skip + 1) * self.stride[d] + 1, skip)
    }

    fn instruction(&self, base: i64) -> Lane {
        let ((top, skip_lines), (left, skip)) = (self.lead(0), self.lead(1));
        let w = self.size[1];
        let [sy, sx] = self.stride;
        let stride = |count: i64, x: i64, row: i64, col: i64| Stride {
            count: count as u32,
            gap: self.gap as u8,
            stride: [x as i32, 0, 0, row as i32, col as i32],
        };
        // Loops of columns between results, along a line, of lines between results, of lines; and one around all.
        let all = [
            stride(sx, 1, 0, 1),
            stride(self.out[1] + skip, sx, 0, sx),
            stride(sy, w, 1, 0),
            stride(self.out[0] + skip_lines, sy * w, sy, 0),
            stride(1, 0, 0, 0),
        ];
        let kept: Vec<usize> = (0..5).filter(|&l| self.whole || all[l].count > 1).collect();
        let mask = |loops: &[usize]| kept.iter().enumerate().filter(|(_, l)| loops.contains(l)).map(|(n, _)| 1 << n).sum();
        // Where nothing lies outside in front, the map may begin further on.
        let from = [top, left].map(|first| first == 0);
        let shift = |d: usize| if from[d] { self.inside[d] } else { 0 };
        Lane {
            x_base: (base + top * w + left) as u32,
            tap_base: self.tap as u32,
            column: mask(&[0]),
            line: mask(&[2]),
            row: mask(&[0, 1]),
            tile: mask(&[0, 1, 2, 3]),
            skip: skip as u32,
            skip_lines: skip_lines as u32,
            zero_point: self.zero_point,
            y_base: (top + shift(0)) as i32,
            x_index_base: (left + shift(1)) as i32,
            y_size: (self.size[0] + shift(0)) as u32,
            x_size: (w + shift(1)) as u32,
            nest: Nest::from_strides(&kept.iter().map(|&l| all[l]).collect::<Vec<_>>()),
        }
    }

    /// The sums of one output pixel by definition; a tap word holds the last line of the kernel first, of each its last column
    /// first.
    fn sums(&self, image: &[[i8; COLS]], taps: &[[[i16; 3]; COLS]], y: i64, x: i64) -> [i32; COLS] {
        let mut sums = [0; COLS];
        for ky in 0..self.kernel[0] {
            for kx in 0..self.kernel[1] {
                let row = y * self.stride[0] + ky - self.pads[0];
                let col = x * self.stride[1] + kx - self.pads[1];
                if !(0..self.size[0]).contains(&row) || !(0..self.size[1]).contains(&col) {
                    continue;
                }
                let pixel = image[(row * self.size[1] + col) as usize];
                let weights = taps[(self.tap * 4 + self.kernel[0] - 1 - ky) as usize];
                for (lane, sum) in sums.iter_mut().enumerate() {
                    let weight = weights[lane][(self.kernel[1] - 1 - kx) as usize];
                    *sum += (i32::from(pixel[lane]) - i32::from(self.zero_point)) * i32::from(weight);
                }
            }
        }
        sums
    }
}

#[test]
fn sums_of_every_window_leave_in_their_cycle() {
    let spec = block("systole_lane").parameter("COLS", COLS).parameter("TAP_DEPTH", TAPS).parameter("LINE_DEPTH", COLUMNS);
    bench(&spec, 9, |sim, clk| async move {
        let names =
            ["active_o", "tap_we_i", "tap_waddr_i", "tap_wdata_i", "read_o", "read_addr_o", "word_i", "take_o", "total_o"];
        let [active, twe, twa, twd, read, addr, word, take, total] = names.map(|n| sim.signal(n));
        let mut random = sim.random("windows");
        // Weights beyond the kernel are zero, as a compiler has to make them; so they differ by case.
        for n in 0..600 {
            let case = case(&mut random);
            let taps: Vec<[[i16; 3]; COLS]> = (0..TAPS * 4)
                .map(|row| {
                    let inside = |i: usize| ((row % 4) as i64) < case.kernel[0] && (i as i64) < case.kernel[1];
                    std::array::from_fn(|_| std::array::from_fn(|i| if inside(i) { random.random_range(-256..256) } else { 0 }))
                })
                .collect();
            for (at, tap) in taps.iter().flatten().enumerate() {
                twe.set(1);
                twa.set(at as u64);
                twd.set(encode_tap(*tap));
                clk.rising_edge().await;
            }
            twe.set(0);
            // X from some word on, as often as not so that the first step reads word 0.
            let (top, left) = (case.lead(0).0, case.lead(1).0);
            let base = if n % 2 == 0 { 500 } else { -(top * case.size[1] + left) };
            let image: Vec<[i8; COLS]> = (0..case.size[0] * case.size[1]).map(|_| random.random()).collect();
            let lane = case.instruction(base);
            unit::start(&sim, &clk, &Instruction::Lane(lane.clone())).await;
            // Steps that end a result, from the meaning of the loops.
            let (skip_lines, skip) = (case.lead(0).1, case.lead(1).1);
            let line = case.stride[1] * (case.out[1] + skip);
            let mut due: VecDeque<(i64, [i32; COLS])> = VecDeque::new();
            for y in 0..case.out[0] {
                for x in 0..case.out[1] {
                    let lines = case.stride[0] * (y + skip_lines + 1) - 1;
                    let step = lines * line + case.stride[1] * (x + skip + 1) - 1;
                    due.push_back((step * (1 + case.gap), case.sums(&image, &taps, y, x)));
                }
            }
            let steps = (line * case.stride[0] * (case.out[0] + skip_lines) - 1) * (1 + case.gap) + 1;
            let mut taken = VecDeque::new();
            let mut words: VecDeque<Option<[i8; COLS]>> = [None; 4].into();
            for t in 0..steps + 10 {
                // Values of cycle t; what is set now stands in cycle t + 1.
                clk.rising_edge().await;
                assert_eq!(active.is_high(), t < steps, "case {n}, cycle {t}");
                let asked = read.is_high().then(|| image[(addr.get() as i64 - base) as usize]);
                words.push_back(asked);
                let garbage = random.random();
                let now = words.pop_front().flatten().unwrap_or(garbage);
                word.set_bytes(&now.map(|v| v as u8));
                let expected = due.front().is_some_and(|d| d.0 + 7 == t);
                assert_eq!(take.is_high(), expected, "a window ends in cycle {t}, case {n}: {case:?}");
                if expected {
                    let (_, sums) = due.pop_front().unwrap();
                    taken.push_back((t + 2, sums));
                }
                if let Some((_, sums)) = taken.pop_front_if(|s| s.0 == t) {
                    let mut bytes = [0; COLS * 4];
                    total.get_bytes(&mut bytes);
                    let got: Vec<i32> = bytes.chunks(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
                    assert_eq!(got, sums, "sums of a window in cycle {t}, case {n}: {case:?}");
                }
            }
            assert!(due.is_empty() && taken.is_empty());
        }
    });
}
