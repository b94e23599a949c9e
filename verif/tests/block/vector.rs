// SPDX-License-Identifier: Apache-2.0
//! The vector unit's arithmetic, block by block, against the golden model's F24 (docs/arithmetic.md).

use crate::common::{bench, block};
use harness::Stream;
use rand::RngExt;
use systole_golden::f24::F24;
use systole_isa::f24::{SEGMENTS, encode_segment, functions};
use systole_isa::program::Function;

/// A number for which something happens: any bits, near the other operand, near one, or at an edge.
fn number(random: &mut Stream, near: F24) -> F24 {
    let bits = match random.below(8) {
        0..=2 => random.below(1 << 24) as u32,
        3 => near.bits() ^ (1 << 23),
        4 => (near.bits() ^ (random.below(2) as u32) << 23).wrapping_add(random.below(9) as u32).wrapping_sub(4) & 0xff_ffff,
        5 => ((111 + random.below(32)) << 15 | random.below(1 << 15) | random.below(2) << 23) as u32,
        6 => [0, 1 << 15, 254 << 15 | 0x7fff, 1 << 23 | 254 << 15, 127 << 15, 1 << 23 | 127 << 15][random.below(6) as usize],
        // Exponents whose sum or difference is an edge of the range.
        _ => {
            let e = u64::from(near.bits() >> 15 & 0xff);
            let edge = [127u64, 128, 381, 380][random.below(4) as usize].saturating_sub(e).clamp(1, 254);
            (edge << 15 | random.below(1 << 15)) as u32
        }
    };
    F24::from_bits(bits)
}

/// Feeds pairs, one a cycle, and compares what comes `latency` cycles later.
fn pairs(top: &str, stages: u32, output: &'static str, count: usize, want: fn(F24, F24) -> F24) {
    bench(&block(top), 1, move |sim, clk| async move {
        let [en, a, b, out] = ["en_i", "a_i", "b_i", output].map(|s| sim.signal(s));
        en.set((1 << stages) - 1);
        let mut random = sim.random("operands");
        let mut due = std::collections::VecDeque::new();
        for _ in 0..count {
            let x = F24::from_bits(random.below(1 << 24) as u32);
            let x = number(&mut random, x);
            let y = number(&mut random, x);
            a.set(x.bits().into());
            b.set(y.bits().into());
            due.push_back((x, y));
            clk.rising_edge().await;
            if due.len() > stages as usize {
                let (x, y) = due.pop_front().unwrap();
                assert_eq!(out.get() as u32, want(x, y).bits(), "of {:06x} and {:06x}", x.bits(), y.bits());
            }
        }
    });
}

#[test]
fn products_are_exact_and_rounded_once() {
    pairs("systole_f24_mul", 2, "p_o", 300_000, F24::mul);
}

#[test]
fn sums_are_exact_and_rounded_once() {
    pairs("systole_f24_add", 5, "s_o", 400_000, F24::add);
}

#[test]
fn integers_become_numbers() {
    for width in [32u32, 48] {
        bench(&block("systole_f24_int").parameter("WIDTH", i64::from(width)), 1, move |sim, clk| async move {
            let [en, x, f] = ["en_i", "x_i", "f_o"].map(|s| sim.signal(s));
            en.set(7);
            let mut random = sim.random("operands");
            let mut due = std::collections::VecDeque::new();
            for n in 0..100_000i64 {
                let bits = random.below(u64::from(width)) as u32;
                let magnitude = if n < 70_000 { n } else { (random.random::<u64>() >> (63 - bits)) as i64 };
                // Ties, and values beside them.
                let tie = (1i64 << bits | 1 << (bits.max(17) - 17)) + random.below(3) as i64 - 1;
                let v = if n % 7 == 0 { tie } else { magnitude };
                let v = if n % 2 == 0 { v } else { -v } << (64 - width) >> (64 - width);
                x.set(v as u64 & ((1 << width) - 1));
                due.push_back(v);
                clk.rising_edge().await;
                if due.len() > 3 {
                    let v = due.pop_front().unwrap();
                    assert_eq!(f.get() as u32, F24::from_int(v).bits(), "of {v}");
                }
            }
        });
    }
}

#[test]
fn functions_follow_their_segments() {
    const KINDS: [Function; 4] = [Function::Exp2, Function::Sigmoid, Function::Phi, Function::Exp2Code];
    bench(&block("systole_f24_fn"), 1, move |sim, clk| async move {
        let [we, waddr, wdata, en, x, select, f] =
            ["we_i", "waddr_i", "wdata_i", "en_i", "x_i", "fn_i", "f_o"].map(|s| sim.signal(s));
        let mut random = sim.random("operands");
        for table in 0..3 {
            // The compiler's functions, then any segments: falling, negative, beyond one.
            let mut segments = functions();
            if table > 0 {
                for s in segments.as_flattened_mut() {
                    *s = (random.below(1 << 20) as u32, random.below(1 << 16) as i32 - (1 << 15));
                }
            }
            we.set(1);
            for (n, &s) in segments.as_flattened().iter().enumerate() {
                waddr.set(n as u64);
                wdata.set(encode_segment(s));
                clk.rising_edge().await;
            }
            we.set(0);
            en.set(0xff);
            let mut due = std::collections::VecDeque::new();
            for n in 0..150_000u64 {
                let kind = random.below(4) as usize;
                let v = match n % 4 {
                    0 => F24::from_bits(random.below(1 << 24) as u32),
                    // Whole numbers and quarters, and what lies beside them: ends of segments, ends of the range.
                    1 => {
                        let quarter = F24::from_int(random.below(1040) as i64 - 520).mul(F24::from_bits(125 << 15));
                        F24::from_bits(quarter.bits().wrapping_add(random.below(3) as u32).wrapping_sub(1) & 0xff_ffff)
                    }
                    _ => F24::from_bits(((105 + random.below(30)) << 15 | random.below(1 << 15) | random.below(2) << 23) as u32),
                };
                x.set(v.bits().into());
                select.set(kind as u64);
                due.push_back((kind, v));
                clk.rising_edge().await;
                if due.len() > 8 {
                    let (kind, v) = due.pop_front().unwrap();
                    let want = v.function(KINDS[kind], &segments[kind]);
                    assert_eq!(f.get() as u32, want.bits(), "function {kind} of {:06x}, {}", v.bits(), v.to_f64());
                }
            }
            assert_eq!(segments[0].len(), SEGMENTS);
        }
    });
}

#[test]
fn codes_and_sixteenths_of_every_number_that_matters() {
    bench(&block("systole_f24_code"), 1, |sim, clk| async move {
        let [en, f, zp, lo, hi, code, t] =
            ["en_i", "f_i", "zero_point_i", "lo_i", "hi_i", "code_o", "t_o"].map(|s| sim.signal(s));
        en.set(3);
        let mut random = sim.random("operands");
        let mut due = std::collections::VecDeque::new();
        // Every number from 2^-9 to 512, both signs; then any.
        let all = (118u32 << 15..136 << 15).flat_map(|b| [b, b | 1 << 23]);
        let any: Vec<u32> = (0..20_000).map(|_| random.below(1 << 24) as u32).collect();
        for bits in all.step_by(3).chain(any) {
            let v = F24::from_bits(bits);
            let z = if random.chance(0.5) { 0 } else { random.below(256) as u8 as i8 };
            let (a, b) = (random.below(256) as u8 as i8, random.below(256) as u8 as i8);
            let (low, high) = if random.chance(0.5) { (-127, 127) } else { (a.min(b), a.max(b)) };
            f.set(v.bits().into());
            due.push_back((v, z, low, high));
            if let Some(&(_, z, low, high)) = due.len().checked_sub(2).and_then(|n| due.get(n)) {
                zp.set((z as u8).into());
                lo.set((low as u8).into());
                hi.set((high as u8).into());
            }
            clk.rising_edge().await;
            if due.len() > 2 {
                let (v, z, low, high) = due.pop_front().unwrap();
                assert_eq!(code.get() as u8 as i8, v.code(z, low, high), "code of {:06x}, {z} {low} {high}", v.bits());
                assert_eq!(((t.get() as i32) << 19) >> 19, v.t(), "sixteenths of {:06x}", v.bits());
            }
        }
    });
}
