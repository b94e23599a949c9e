// SPDX-License-Identifier: Apache-2.0
//! The result side of the core around units that the bench plays: whose totals, who takes them, whose result.

use super::shared::stub::{Unit, play};
use crate::common::{bench, block, side_by_side};
use harness::Stream;
use std::collections::VecDeque;
use systole_isa::program::Unit as Of;

const COLS: usize = 4;

fn bytes<const N: usize>(random: &mut Stream) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

#[test]
fn each_hand_over_has_one_taker_and_the_totals_of_who_handed_over() {
    // With a lane engine, with a vector unit.
    side_by_side([(true, true), (true, false), (false, true), (false, false)], |(engine, vectors)| {
        let spec = block("systole_results")
            .parameter("COLS", COLS)
            .parameter("LANE_TAPS", if engine { 9 } else { 0 })
            .parameter("VEC_LANES", if vectors { 2 } else { 0 });
        let units = [("systole_lane", engine), ("systole_vector", vectors), ("systole_acc", true), ("systole_post", true)];
        let played: Vec<&str> = units.into_iter().filter(|u| u.1).map(|u| u.0).collect();
        bench(&play(spec, &played), 1, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let (acc, post) = (Unit::of(&sim, "u_acc"), Unit::of(&sim, "u_post"));
            let lane = engine.then(|| Unit::of(&sim, "u_lane"));
            let vector = vectors.then(|| Unit::of(&sim, "u_vector"));
            let [valid, unit, start] = ["desc_valid_i", "desc_unit_i", "start_i"].map(s);
            let [out_valid, out_dest, out_addr, out_data] = ["out_valid_o", "out_dest_o", "out_addr_o", "out_data_o"].map(s);
            let [post_take, lane_read, lane_addr, res_read, res_addr] =
                ["post_take_o", "lane_read_o", "lane_addr_o", "res_read_o", "res_addr_o"].map(s);
            let [lane_active, vec_active, argmax, events] = ["lane_active_o", "vec_active_o", "argmax_o", "vec_events_o"].map(s);
            let word = s("flat_word_i");
            let mut random = sim.random("cycles");
            let mut takes = VecDeque::from([false; 2]); // of the lane engine, two cycles back
            let mut taken = [0; 4];
            for t in 0..3000 {
                // Who hands over, who waits, who writes.
                let from = random.below(3);
                let (from_acc, from_lane) = (from == 1, from == 2 && engine);
                let waits = vectors && random.chance(0.5);
                let writer = random.below(3);
                let (from_post, from_vector) = (writer == 1, writer == 2 && vectors);
                let sums: [[u8; 4 * COLS]; 2] = [bytes(&mut random), bytes(&mut random)];
                let results: [(u64, u64, [u8; COLS]); 2] =
                    std::array::from_fn(|_| (random.below(8), random.below(1 << 16), bytes(&mut random)));
                let (flags, address, number) = (random.below(4), random.below(1 << 16), random.below(1 << 16));
                acc.says("last_o", from_acc.into());
                acc.says_bytes("total_o", &sums[0]);
                post.says("out_valid_o", from_post.into());
                post.says("res_valid_o", flags & 1);
                post.says("res_addr_o", address);
                if let Some(lane) = &lane {
                    lane.says("take_o", from_lane.into());
                    lane.says_bytes("total_o", &sums[1]);
                    lane.says("read_o", flags >> 1);
                    lane.says("read_addr_o", number);
                    lane.says("active_o", flags & 1);
                }
                if let Some(vector) = &vector {
                    vector.says("take_ready_o", waits.into());
                    vector.says("out_valid_o", from_vector.into());
                    vector.says("active_o", flags & 1);
                    vector.says("argmax_o", number);
                    vector.says("events_o", address & 15);
                }
                for (unit, (dest, address, data)) in [Some(&post), vector.as_ref()].into_iter().zip(&results) {
                    if let Some(unit) = unit {
                        unit.says("out_dest_o", *dest);
                        unit.says("out_addr_o", *address);
                        unit.says_bytes("out_data_o", data);
                    }
                }
                let (comes, of, begins) = (random.below(2), random.below(10), random.below(1 << 9));
                let flat: [u8; COLS] = bytes(&mut random);
                valid.set(comes);
                unit.set(of);
                start.set(begins);
                word.set_bytes(&flat);
                clk.rising_edge().await;
                // Takers.
                let take = from_acc || from_lane;
                assert_eq!(post.given("take_i"), u64::from(take && !waits), "POST takes, cycle {t}");
                assert_eq!(post_take.is_high(), take && !waits);
                if let Some(vector) = &vector {
                    assert_eq!(vector.given("take_i"), u64::from(take), "cycle {t}");
                }
                // Totals two cycles behind the hand-over.
                takes.push_back(from_lane);
                let whose = usize::from(takes.pop_front().unwrap());
                assert_eq!(post.given_bytes("total_i"), sums[whose], "totals, cycle {t}");
                if let Some(vector) = &vector {
                    assert_eq!(vector.given_bytes("total_i"), sums[whose]);
                }
                // Results.
                assert_eq!(out_valid.is_high(), from_post || from_vector, "cycle {t}");
                if from_post || from_vector {
                    let mut got = [0; COLS];
                    out_data.get_bytes(&mut got);
                    assert_eq!((out_dest.get(), out_addr.get(), got), results[usize::from(from_vector)], "cycle {t}");
                }
                // Flat reads and state.
                assert_eq!((res_read.get(), res_addr.get()), (flags & 1, address));
                assert_eq!(post.given_bytes("res_word_i"), flat);
                let read = if engine { (flags >> 1, number, flags & 1) } else { (0, 0, 0) };
                assert_eq!((lane_read.get(), lane_addr.get(), lane_active.get()), read);
                let said = if vectors { (flags & 1, number, address & 15) } else { (0, 0, 0) };
                assert_eq!((vec_active.get(), argmax.get(), events.get()), said);
                // Instructions, each to its unit.
                let told = |unit: &Unit, word: &str, begin: &str, which: Of| {
                    assert_eq!(unit.given(word), u64::from(comes == 1 && of == which as u64), "{word} of {which:?}, cycle {t}");
                    assert_eq!(unit.given(begin), begins >> (which as u64) & 1, "{begin} of {which:?}, cycle {t}");
                };
                told(&post, "desc_valid_i", "start_i", Of::Post);
                if let Some(lane) = &lane {
                    told(lane, "desc_valid_i", "start_i", Of::Lane);
                    assert_eq!(lane.given_bytes("word_i"), flat);
                }
                if let Some(vector) = &vector {
                    told(vector, "desc_valid_i", "start_i", Of::Vector);
                    told(vector, "scalar_desc_valid_i", "scalar_start_i", Of::Scalar);
                }
                for (n, happened) in [take && waits, take && !waits, from_lane, from_vector].into_iter().enumerate() {
                    taken[n] += u32::from(happened);
                }
            }
            let there = [vectors, true, engine, vectors];
            assert!(taken.iter().zip(there).all(|(&n, there)| (n > 300) == there), "{taken:?}");
        });
    });
}
