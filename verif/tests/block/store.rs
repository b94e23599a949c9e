// SPDX-License-Identifier: Apache-2.0
//! STORE: reads and writes in their cycles.

use super::shared::unit;
use crate::common::{bench, block};
use rand::RngExt;
use systole_isa::{Instruction, Store};

#[test]
fn store_asks_and_writes_in_its_cycles() {
    bench(&block("systole_store"), 2, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let (read, read_addr, we, waddr) = (s("read_o"), s("read_addr_o"), s("we_o"), s("waddr_o"));
        let mut random = sim.random("nests");
        for _ in 0..100 {
            let nest = unit::nest(&mut random, 4, 3, 2);
            let store =
                Store { dst_base: random.random_range(0..1000), src_base: random.random_range(0..1000), nest: nest.clone() };
            unit::start(&sim, &clk, &Instruction::Store(store.clone())).await;
            let steps: std::collections::HashMap<u64, _> = nest.iter().map(|s| (s.time, s)).collect();
            let at = |base: u32, offset: i32| (i64::from(base) + i64::from(offset)) as u64 & 0xffff;
            for t in 0..nest.span() + 7 {
                clk.rising_edge().await;
                assert_eq!(read.is_high(), steps.contains_key(&t));
                if let Some(step) = steps.get(&t) {
                    assert_eq!(read_addr.get(), at(store.src_base, step.offset[1]));
                }
                let written = t.checked_sub(5).and_then(|t| steps.get(&t));
                assert_eq!(we.is_high(), written.is_some());
                if let Some(step) = written {
                    assert_eq!(waddr.get(), at(store.dst_base, step.offset[0]));
                }
            }
        }
    });
}
