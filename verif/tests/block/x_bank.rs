// SPDX-License-Identifier: Apache-2.0
//! A bank of activations: rippled, flat and padded reads, three cycles later.

use crate::common::{bench, block};
use rand::RngExt;
use std::collections::VecDeque;

#[test]
fn x_bank_reads_rippled_flat_and_padded_three_cycles_later() {
    bench(&block("systole_x_bank").parameter("DEPTH", 64).parameter("BANKS", 4), 4, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let names = [
            "r_valid_i",
            "r_addr_i",
            "r_pad_i",
            "r_pad_value_i",
            "flat_valid_i",
            "flat_addr_i",
            "post_we_i",
            "post_addr_i",
            "post_data_i",
            "load_we_i",
            "load_addr_i",
            "load_data_i",
        ];
        let [rv, ra, pad, pv, fv, fa, pw, pa, pd, lw, la, ld] = names.map(s);
        let (x, flat) = (s("x_o"), s("flat_o"));
        let mut random = sim.random("accesses");
        let mut memory = [None::<u8>; 64];
        let (mut due_x, mut due_flat) = (VecDeque::from([None; 3]), VecDeque::from([None; 3]));
        let mut checked = 0;
        for _ in 0..20_000 {
            // At most one reader and one writer a sub-bank, and no read of a word being written.
            let write = random.random_range(0..64usize);
            let other = (write + 16 * random.random_range(1..4usize)) % 64;
            let (do_post, do_load) = (random.chance(0.5), random.chance(0.5));
            let (read, second) = (random.random_range(0..64usize), random.random_range(0..64usize));
            let clash = |a: usize| (do_post && a == write) || (do_load && a == other);
            let do_read = random.chance(0.7) && !clash(read);
            let padded = random.chance(0.2);
            let do_flat = random.chance(0.5) && !clash(second) && !(do_read && !padded && second / 16 == read / 16);
            let (post, load): (u8, u8) = (random.random(), random.random());
            let value: u8 = random.random();
            rv.set(do_read.into());
            ra.set(read as u64);
            pad.set(padded.into());
            pv.set(value.into());
            fv.set(do_flat.into());
            fa.set(second as u64);
            pw.set(do_post.into());
            pa.set(write as u64);
            pd.set(post.into());
            lw.set(do_load.into());
            la.set(other as u64);
            ld.set(load.into());
            due_x.push_back(if do_read && padded {
                Some(value)
            } else if do_read {
                memory[read]
            } else {
                None
            });
            due_flat.push_back(if do_flat { memory[second] } else { None });
            if do_post {
                memory[write] = Some(post);
            }
            if do_load {
                memory[other] = Some(load);
            }
            clk.rising_edge().await;
            if let Some(Some(e)) = due_x.pop_front() {
                assert_eq!(x.get() as u8, e);
                checked += 1;
            }
            if let Some(Some(e)) = due_flat.pop_front() {
                assert_eq!(flat.get() as u8, e);
                checked += 1;
            }
        }
        assert!(checked > 10_000);
    });
}
