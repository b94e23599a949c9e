// SPDX-License-Identifier: Apache-2.0
//! POST's 32-bit sums as four words of OUT, each in its cycle, and none behind a reset.

use crate::common::{bench, block, side_by_side};
use rand::RngExt;
use std::collections::{BTreeMap, VecDeque};
use systole_isa::{Config, Latency};

#[test]
fn sums_leave_as_four_words_in_their_cycles() {
    let requant = u64::from(Latency::of(&Config::own()).requant);
    side_by_side([4usize, 8], |cols| {
        bench(&block("systole_post_raw32").parameter("COLS", cols), 1, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let [take, dst, sums, rst] = ["take_i", "dst_i", "sums_i", "rst_i"].map(s);
            let [valid, addr, data] = ["valid_o", "addr_o", "data_o"].map(s);
            let mut random = sim.random("vectors");
            let mut due = VecDeque::new();
            let mut standing = BTreeMap::new();
            let (mut next, mut words) = (0, 0);
            for t in 0..3000u64 {
                let taken = t >= next && random.chance(0.4);
                let address = random.below(1 << 16);
                take.set(taken.into());
                dst.set(address);
                if taken {
                    let mut vector = vec![0; 4 * cols];
                    random.fill(&mut vector);
                    for (q, quarter) in vector.chunks(cols).enumerate() {
                        due.push_back((t + 3 + requant + q as u64, (address + q as u64) & 0xffff, quarter.to_vec()));
                    }
                    standing.insert(t + 3, vector);
                    next = t + 4;
                }
                // Sums stand for one cycle.
                let other = (0..4 * cols).map(|_| random.random()).collect();
                sums.set_bytes(&standing.remove(&t).unwrap_or(other));
                let reset = random.chance(0.003);
                rst.set(reset.into());
                clk.rising_edge().await;
                let expected = due.front().filter(|d| d.0 == t).cloned();
                assert_eq!(valid.is_high(), expected.is_some(), "cycle {t} of {cols} columns");
                if let Some((_, address, quarter)) = expected {
                    let mut got = vec![0; cols];
                    data.get_bytes(&mut got);
                    assert_eq!((addr.get(), got), (address, quarter), "cycle {t}");
                    due.pop_front();
                    words += 1;
                }
                if reset {
                    due.clear();
                    standing.clear();
                }
            }
            assert!(words > 1000);
        });
    });
}
