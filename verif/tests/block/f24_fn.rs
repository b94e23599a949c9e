// SPDX-License-Identifier: Apache-2.0
//! Functions of F24 by segments, against the golden model (docs/arithmetic.md).

use super::shared::stages::Stages;
use crate::common::{bench, block};
use systole_golden::f24::F24;
use systole_isa::f24::{SEGMENTS, encode_segment, functions};
use systole_isa::program::Function;

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
            let mut enables = Stages::new(8);
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
                let there = !random.chance(0.05);
                en.set(enables.cycle(there));
                due.push_back(there.then_some((kind, v)));
                clk.rising_edge().await;
                if due.len() > 8
                    && let Some((kind, v)) = due.pop_front().unwrap()
                {
                    let want = v.function(KINDS[kind], &segments[kind]);
                    assert_eq!(f.get() as u32, want.bits(), "function {kind} of {:06x}, {}", v.bits(), v.to_f64());
                }
            }
            assert_eq!(segments[0].len(), SEGMENTS);
        }
    });
}
