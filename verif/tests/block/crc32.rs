// SPDX-License-Identifier: Apache-2.0
//! CRC-32 of a word a cycle, against the crate that computes the image's.

use crate::common::{bench, block};
use crc32fast::Hasher;
use rand::RngExt;

#[test]
fn the_crc_of_words_is_that_of_their_bytes() {
    const BYTES: usize = 8;
    bench(&block("systole_crc32").parameter("BYTES", BYTES), 2, |sim, clk| async move {
        let [clear, valid, data, crc] = ["clear_i", "valid_i", "data_i", "crc_o"].map(|n| sim.signal(n));
        let mut random = sim.random("words");
        let mut expected = Hasher::new();
        for t in 0..4000 {
            let (word, takes): (u64, bool) = (random.random(), random.chance(0.8));
            // A word of the cycle in which it begins anew is nobody's.
            let anew = random.chance(0.02);
            clear.set(anew.into());
            valid.set((takes && !anew).into());
            data.set(word);
            clk.rising_edge().await;
            assert_eq!(crc.get(), u64::from(expected.clone().finalize()), "cycle {t}");
            if anew {
                expected = Hasher::new();
            } else if takes {
                expected.update(&word.to_le_bytes());
            }
        }
    });
}
