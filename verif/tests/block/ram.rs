// SPDX-License-Identifier: Apache-2.0
//! Memories and delays of rtl/lib, side by side in one model (verif/cells/systole_lib_bench.v): systole_ram, systole_ram_be,
//! systole_regfile, systole_delay, systole_delay_ctl.

use crate::common::{bench, block};
use rand::RngExt;

/// Of `history`, newest last, what was there `cycles` before the newest.
fn ago<T: Copy>(history: &[T], cycles: usize) -> Option<T> {
    history.len().checked_sub(1 + cycles).map(|n| history[n])
}

#[test]
fn memories_answer_and_delays_give_back_in_their_cycles() {
    let spec = block("systole_lib_bench").source(concat!(env!("CARGO_MANIFEST_DIR"), "/cells/systole_lib_bench.v"));
    bench(&spec, 3, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let [rst, we, waddr, wdata, re, raddr] = ["rst_i", "we_i", "waddr_i", "wdata_i", "re_i", "raddr_i"].map(s);
        let mut random = sim.random("accesses");
        // Whole words, which all memories take, and words by bytes, which one of them takes.
        let (mut whole, mut bytes) = ([None::<u32>; 16], [[None::<u8>; 4]; 16]);
        // By cycle: {word of whole, of bytes} that a read asked for; what is kept where none does; data; enables, 0 from a reset on.
        let (mut asked, mut data, mut enables) = (vec![], Vec::<u32>::new(), Vec::<u8>::new());
        let mut checked = [0; 4];
        for t in 0..6000 {
            // Reset is about control alone.
            let reset = t % 700 == 699;
            let lanes: u8 = if random.chance(0.5) { 15 } else { random.random_range(0..16) };
            let at = random.random_range(0..16usize);
            let value: u32 = random.random();
            let (reads, from) = (random.chance(0.7), random.random_range(0..16usize));
            // What is written in the cycle of a read is nobody's promise.
            let lanes = if reads && from == at { 0 } else { lanes };
            rst.set(reset.into());
            we.set(lanes.into());
            waddr.set(at as u64);
            wdata.set(value.into());
            re.set(reads.into());
            raddr.set(from as u64);
            let stands = asked.last().copied().unwrap_or((None::<u32>, [None::<u8>; 4]));
            asked.push(if reads { (whole[from], bytes[from]) } else { stands });
            data.push(value);
            enables.push(lanes);
            clk.rising_edge().await;
            // Read at once, before the write of this cycle.
            if let Some(word) = whole[from] {
                assert_eq!(s("regfile_o").get(), u64::from(word), "cycle {t}");
                checked[0] += 1;
            }
            for (port, cycles) in [("ram_o", 1), ("ram_reg_o", 2)] {
                if let Some((Some(word), _)) = ago(&asked, cycles) {
                    assert_eq!(s(port).get(), u64::from(word), "{port} in cycle {t}");
                    checked[cycles] += 1;
                }
            }
            if let Some((_, word)) = ago(&asked, 2) {
                let got = (s("ram_be_o").get() as u32).to_le_bytes();
                let known = word.iter().zip(got).filter_map(|(w, g)| Some((*w)? == g));
                checked[3] += known.inspect(|&same| assert!(same, "{word:?} for {got:?} in cycle {t}")).count();
            }
            for (port, cycles) in [("delay_0_o", 0), ("delay_1_o", 1), ("delay_5_o", 5)] {
                assert!(ago(&data, cycles).is_none_or(|d| s(port).get() == u64::from(d)), "{port} in cycle {t}");
            }
            for (port, cycles) in [("delay_ctl_1_o", 1), ("delay_ctl_4_o", 4)] {
                assert!(ago(&enables, cycles).is_none_or(|e| s(port).get() == u64::from(e)), "{port} in cycle {t}");
            }
            if lanes == 15 {
                whole[at] = Some(value);
            }
            for lane in (0..4).filter(|l| lanes >> l & 1 == 1) {
                bytes[at][lane] = Some(value.to_le_bytes()[lane]);
            }
            if reset {
                enables.fill(0);
            }
        }
        assert!(checked.iter().all(|&n| n > 3000), "{checked:?}");
    });
}
