// SPDX-License-Identifier: Apache-2.0
//! What units of the core are given: loops, the words of an instruction, a start.

use harness::{Clock, Sim, Stream};
use rand::RngExt;
use systole_isa::Instruction;
use systole_isa::nest::{Loop, Nest};

/// Random loops: at most `loops` of them, each of at most `counts` steps with gaps of at most `gaps` cycles.
pub fn nest(random: &mut Stream, loops: usize, counts: u32, gaps: u8) -> Nest {
    let n = random.random_range(1..=loops);
    Nest {
        loops: (0..n)
            .map(|_| Loop {
                count: random.random_range(1..=counts),
                gap: random.random_range(0..=gaps),
                d: std::array::from_fn(|_| random.random_range(-2000..2000)),
                len: false,
            })
            .collect(),
    }
}

/// Gives a unit the words of an instruction, one a cycle, and starts it in the cycle behind them. The unit's first step is in the cycle that
/// follows. While it runs the header of another instruction stands already, every bit of it the other way round.
pub async fn start(sim: &Sim, clk: &Clock, instruction: &Instruction) {
    let [valid, index, word, start] = ["desc_valid_i", "desc_index_i", "desc_word_i", "start_i"].map(|n| sim.signal(n));
    let words = instruction.encode().unwrap();
    let other = !words[0];
    valid.set(1);
    for (n, w) in words.into_iter().enumerate() {
        index.set(n as u64);
        word.set_bytes(&w.to_le_bytes());
        clk.rising_edge().await;
    }
    valid.set(0);
    start.set(1);
    clk.rising_edge().await;
    start.set(0);
    valid.set(1);
    index.set(0);
    word.set_bytes(&other.to_le_bytes());
}
