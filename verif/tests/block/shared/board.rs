// SPDX-License-Identifier: Apache-2.0
//! What benches of rtl/board share.

use crate::common::block_of;
use harness::Stream;
use harness::verilated::Spec;
use rand::RngExt;
use systole_isa::board::END;

/// A block of rtl/board, which is not in the chip's list.
pub fn board_block(top: &str) -> Spec {
    block_of(top, systole_chip::board_source_list().unwrap())
}

/// Random bytes, many of them END and ESC.
pub fn bytes(random: &mut Stream, count: usize) -> Vec<u8> {
    let mut any = |_| if random.chance(0.3) { END ^ [0, 0x1b, 0x1c, 0x1d][random.random_range(0..4)] } else { random.random() };
    (0..count).map(&mut any).collect()
}
