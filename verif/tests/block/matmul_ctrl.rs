// SPDX-License-Identifier: Apache-2.0
//! MATMUL control: each step in ripples and accumulators, in its cycle.

use super::shared::unit;
use crate::common::{bench, block, side_by_side};
use rand::RngExt;
use systole_isa::nest::{Nest, Stride};
use systole_isa::program::{OneHot, Register};
use systole_isa::{Instruction, Matmul};

#[test]
fn matmul_control_sends_each_step_to_ripples_and_accumulators_in_its_cycle() {
    let (rows, cols, ways) = (4u64, 4, 2);
    side_by_side([(1u64, 1u64), (2, 1), (1, 0)], |(beats, weight_zero)| {
        let spec = block("systole_matmul_ctrl")
            .parameter("WEIGHT_ZERO", weight_zero)
            .parameter("ROWS", rows)
            .parameter("COLS", cols)
            .parameter("RRAM_WAYS", ways)
            .parameter("RW", 15) // an entry of 16 bits, its row away, has 14
            .parameter("WEIGHT_BEATS", beats);
        bench(&spec, 5, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let names = [
                "r_en_o",
                "r_addr_o",
                "r_beat_o",
                "x_valid_o",
                "x_addr_o",
                "x_pad_o",
                "x_load_o",
                "acc_valid_o",
                "acc_addr_o",
                "acc_first_o",
                "acc_last_o",
                "x_sram_o",
                "x_sram_addr_o",
                "w_zero_o",
                "x_hot_o",
                "x_pad_value_o",
            ];
            let [ren, ra, rb, xv, xa, pad, load, av, aa, af, al, xs, xsa, wz, hot, value] = names.map(s);
            let lead = ways + beats + 2;
            let mut random = sim.random("instructions");
            for n in 0..60 {
                let m = random.random_range(1..4u32);
                // Loops 0 to hold - 1 share a word: none of them moves its address.
                let (loops, hold) = (random.random_range(3..=7usize), random.random_range(1..=7usize));
                let hold = match n % 6 {
                    0 => loops,
                    3 => hold.min(loops),
                    1 if beats == 1 => 0, // each step loads a word
                    _ => 1,
                };
                let w = |l: usize, stride| if l < hold { 0 } else { stride };
                let gap = (beats.saturating_sub(u64::from(m))) as u8;
                let stride = |count, gap, stride| Stride { count, gap, stride };
                // Entries of a table, by the registers of position and tokens.
                let (pos, tokens): (u16, [u16; 8]) = (random.random_range(0..0xfff0), std::array::from_fn(|_| random.random()));
                s("pos_i").set(pos.into());
                s("tok_i").set_bytes(&tokens.map(u16::to_le_bytes).concat());
                let row = random.random_range(0..8u8);
                let register = if random.chance(0.5) { Register::Tok } else { Register::Pos };
                let one_hot = (n % 6 == 5).then_some(OneHot { register, row, value: random.random() });
                let entry = match register {
                    Register::Tok => tokens[row as usize],
                    Register::Pos => pos + u16::from(row),
                };
                let entry = u64::from(entry);
                let x = |stride: i32| if one_hot.is_some() { 0 } else { stride };
                let i = Matmul {
                    x_base: if one_hot.is_some() { 0 } else { random.random_range(0..50) },
                    w_base: random.random_range(0..50),
                    acc_base: random.random_range(0..50),
                    w_sram: n % 4 == 3,
                    w_zero: if n % 4 == 3 || weight_zero == 0 { 0 } else { [-128, 127, random.random()][n % 3] },
                    hold: hold as u32,
                    reduce: 0b010,
                    first: random.chance(0.7),
                    last: random.chance(0.7),
                    pad: (n % 2 == 0 && one_hot.is_none()).then_some(systole_isa::program::Pad {
                        value: -3,
                        y_base: -1,
                        x_base: 0,
                        y_size: random.random_range(1..3),
                        x_size: 2,
                    }),
                    one_hot,
                    nest: Nest::from_strides(
                        &[
                            stride(m, 0, [x(3), 0, 1, 1, 0]),
                            stride(random.random_range(1..4), gap, [x(1), w(1, 1), 0, 0, 1]),
                            stride(random.random_range(1..4), gap, [x(5), w(2, 7), 0, 0, 0]),
                            stride(random.random_range(1..3), gap, [x(9), w(3, 11), 4, 0, 0]),
                            stride(random.random_range(1..3), gap, [x(2), w(4, 3), 8, 0, 0]),
                            stride(random.random_range(1..3), gap, [x(4), w(5, 2), 1, 0, 0]),
                            stride(random.random_range(1..3), gap, [x(7), w(6, 5), 2, 0, 0]),
                        ][..loops],
                    ),
                };
                unit::start(&sim, &clk, &Instruction::Matmul(i.clone())).await;
                let steps: std::collections::HashMap<u64, _> = i.nest.iter().map(|s| (s.time, s)).collect();
                let loads = |t: u64| steps.get(&t).filter(|s| s.stepped.is_none_or(|l| l >= hold));
                // An entry lies in row (entry mod R) of words entry / R further on.
                let (x_base, w_base) = match one_hot {
                    Some(_) => (entry % rows, u64::from(i.w_base) + entry / rows),
                    None => (i.x_base.into(), i.w_base.into()),
                };
                for t in 0..i.nest.span() + lead + rows + 6 {
                    clk.rising_edge().await;
                    // The RRAM ripple: D sub-words from a loading step on.
                    let asked = (0..beats).find_map(|b| t.checked_sub(b).and_then(loads).map(|s| (b, s))).filter(|_| !i.w_sram);
                    assert_eq!(ren.is_high(), asked.is_some(), "cycle {t}");
                    if let Some((beat, step)) = asked {
                        assert_eq!((ra.get(), rb.get()), (w_base + step.offset[1] as u64, beat));
                    }
                    let x = t.checked_sub(lead).and_then(|t| steps.get(&t));
                    assert_eq!(xv.is_high(), x.is_some());
                    if let Some(step) = x {
                        let loading = step.stepped.is_none_or(|l| l >= hold);
                        let out = i.pad.is_some_and(|p| {
                            !(0..p.y_size as i32).contains(&(p.y_base + step.offset[3]))
                                || !(0..2).contains(&(p.x_base + step.offset[4]))
                        });
                        assert_eq!(
                            (xa.get(), load.is_high(), pad.is_high()),
                            (x_base + step.offset[0] as u64, loading, out),
                            "X in cycle {t} of {i:?}"
                        );
                        assert_eq!(hot.is_high(), one_hot.is_some(), "one-hot in cycle {t}");
                        if let Some(byte) = one_hot.map(|h| h.value).or(i.pad.map(|p| p.value)) {
                            assert_eq!(value.get(), u64::from(byte as u8), "the byte in X's place in cycle {t}");
                        }
                        assert_eq!(xs.is_high(), loading && i.w_sram);
                        if loading && i.w_sram {
                            assert_eq!(xsa.get(), (w_base + step.offset[1] as u64) & 0xff, "W SRAM address in cycle {t}");
                        }
                    }
                    // It stands where the word that the step loads does.
                    if t.checked_sub(lead + 3).is_some_and(|t| steps.contains_key(&t)) {
                        assert_eq!(wz.get(), u64::from(i.w_zero as u8), "cycle {t}");
                    }
                    let acc = t.checked_sub(lead + rows + 3).and_then(|t| steps.get(&t));
                    assert_eq!(av.is_high(), acc.is_some());
                    if let Some(step) = acc {
                        let first = i.first && step.at_first >> 1 & 1 == 1;
                        let last = i.last && step.at_last >> 1 & 1 == 1;
                        assert_eq!(
                            (aa.get(), af.is_high(), al.is_high()),
                            (u64::from(i.acc_base) + step.offset[2] as u64, first, last)
                        );
                    }
                }
            }
        });
    });
}
