// SPDX-License-Identifier: Apache-2.0
//! CRC-32 of a word a cycle, against the crate that computes the image's: a byte, as the board's line has it, and words of 4 to 32.

use crate::common::{bench, block, side_by_side};
use crc32fast::Hasher;
use rand::RngExt;

fn crc_of_words(bytes: usize) {
    bench(&block("systole_crc32").parameter("BYTES", bytes), 2, async move |sim, clk| {
        let [clear, valid, data, crc] = ["clear_i", "valid_i", "data_i", "crc_o"].map(|n| sim.signal(n));
        let mut random = sim.random("words");
        let mut expected = Hasher::new();
        for t in 0..4000 {
            let word: [u8; 32] = random.random();
            let takes = random.chance(0.8);
            // A word of the cycle in which it begins anew is nobody's.
            let anew = random.chance(0.02);
            clear.set(anew.into());
            valid.set((takes && !anew).into());
            data.set_bytes(&word[..bytes]);
            clk.rising_edge().await;
            assert_eq!(crc.get(), u64::from(expected.clone().finalize()), "{bytes} bytes, cycle {t}");
            if anew {
                expected = Hasher::new();
            } else if takes {
                expected.update(&word[..bytes]);
            }
        }
    });
}

#[test]
fn the_crc_of_words_is_that_of_their_bytes() {
    side_by_side([1, 4, 8, 32], crc_of_words);
}
