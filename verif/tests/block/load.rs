// SPDX-License-Identifier: Apache-2.0
//! LOAD: any offset, rotated, masked, filled, in its cycles.

use super::shared::unit;
use crate::common::{bench, block};
use rand::RngExt;
use std::collections::VecDeque;
use systole_isa::{Instruction, Load};

#[test]
fn load_takes_any_offset_rotates_masks_and_fills() {
    const COLS: usize = 8;
    const WORDS: usize = 32;
    bench(&block("systole_load").parameter("COLS", COLS).parameter("IN_DEPTH", WORDS), 2, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let mut random = sim.random("frame");
        let mut frame = vec![0u8; WORDS * COLS];
        random.fill(&mut frame);
        let (re, even_addr, odd_addr, even, odd) =
            (s("in_re_o"), s("in_even_addr_o"), s("in_odd_addr_o"), s("in_even_i"), s("in_odd_i"));
        let (we, addr, mask, data) = (s("we_o"), s("addr_o"), s("mask_o"), s("data_o"));
        let mut writes = 0;
        for _ in 0..150 {
            let mut nest = unit::nest(&mut random, 4, 3, 2);
            for l in &mut nest.loops {
                l.d = [random.random_range(-5..5), random.random_range(-20..20), 0, 0, 0];
            }
            let load = Load {
                dst_base: random.random_range(100..200),
                src_base: random.random_range(0..(WORDS * COLS) as u32),
                rotate: random.random_range(0..COLS as u32),
                mask: random.random_range(1..256),
                fill: random.chance(0.2).then(|| random.random()),
                nest: nest.clone(),
            };
            unit::start(&sim, &clk, &Instruction::Load(load.clone())).await;
            let mut expected: VecDeque<_> = nest.iter().collect();
            // The IN buffer answers two cycles later.
            let mut pipe = VecDeque::from([None, None]);
            for t in 0..nest.span() + 6 {
                if let Some(Some((e, o))) = pipe.pop_front() {
                    even.set_bytes(&frame[2 * e * COLS..][..COLS]);
                    odd.set_bytes(&frame[(2 * o + 1) * COLS..][..COLS]);
                }
                clk.rising_edge().await;
                pipe.push_back(re.is_high().then(|| (even_addr.get() as usize, odd_addr.get() as usize)));
                let due = expected.front().is_some_and(|step| step.time + 4 == t);
                assert_eq!(we.is_high(), due, "cycle {t}");
                if !due {
                    continue;
                }
                let step = expected.pop_front().unwrap();
                let src = (load.src_base as i64 + i64::from(step.offset[1])) as usize;
                assert_eq!(addr.get(), (i64::from(load.dst_base) + i64::from(step.offset[0])) as u64 & 0xffff);
                assert_eq!(mask.get(), u64::from(load.mask));
                let mut got = [0u8; COLS];
                data.get_bytes(&mut got);
                for (lane, byte) in got.into_iter().enumerate() {
                    let from = src.wrapping_add((lane + COLS - load.rotate as usize) % COLS) % (WORDS * COLS);
                    assert_eq!(
                        byte,
                        load.fill.map_or(frame[from], |f| f as u8),
                        "lane {lane}, source {src}, rotate {}",
                        load.rotate
                    );
                }
                writes += 1;
            }
        }
        assert!(writes > 1000);
    });
}
