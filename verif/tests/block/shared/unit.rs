// SPDX-License-Identifier: Apache-2.0
//! What units of the core are given: loops, the words of an instruction, a start.

use harness::{Clock, Sim, Stream};
use rand::RngExt;
use systole_chip::watch::HEADERS;
use systole_isa::Instruction;
use systole_isa::field::Format;
use systole_isa::format::LOOP;
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

/// Bits of each word of an instruction that no field has.
fn unused(instruction: &Instruction) -> Vec<u128> {
    let header = HEADERS.iter().find(|h| h.0 == instruction.unit() as u32);
    let second =
        matches!(instruction, Instruction::Post(p) if p.residual.is_some()) || matches!(instruction, Instruction::Vector(_));
    let formats = header.into_iter().flat_map(|(_, first, then)| std::iter::once(*first).chain(then.filter(|_| second)));
    let mask = |format: &Format| !format.fields.iter().fold(0, |bits, f| bits | ((1u128 << f.width) - 1) << f.lsb);
    formats.chain(std::iter::repeat(&LOOP)).map(mask).take(instruction.words() as usize).collect()
}

/// Gives a unit the words of an instruction, one a cycle, and starts it in the cycle behind them. The unit's first step is in the cycle that
/// follows. Bits that no field has hold anything (docs/isa.md). While it runs the header of another instruction stands already, every bit of it
/// the other way round.
pub async fn start(sim: &Sim, clk: &Clock, instruction: &Instruction) {
    start_as(sim, clk, instruction, ["desc_valid_i", "start_i"]).await;
}

/// [`start`] of a unit that has these names of its own for the valid bit of its words and for its start.
pub async fn start_as(sim: &Sim, clk: &Clock, instruction: &Instruction, [valid, start]: [&str; 2]) {
    let [valid, index, word, start] = [valid, "desc_index_i", "desc_word_i", start].map(|n| sim.signal(n));
    let mut random = sim.random(&format!("bits that no field has, cycle {}", sim.cycle()));
    systole_chip::watch::descriptor(instruction.unit() as u32, &instruction.encode().unwrap(), None);
    let words = instruction.encode().unwrap();
    let other = !words[0];
    valid.set(1);
    for (n, (w, unused)) in words.into_iter().zip(unused(instruction)).enumerate() {
        index.set(n as u64);
        word.set_bytes(&(w | random.random::<u128>() & unused).to_le_bytes());
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
