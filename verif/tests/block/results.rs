// SPDX-License-Identifier: Apache-2.0
//! The result side of the core around units that the bench plays: whose totals, who takes them, whose result.

use super::shared::stub::{Unit, play};
use super::shared::wires::Wires;
use crate::common::{bench, block, side_by_side};
use harness::Stream;
use harness::verilated::Spec;
use std::collections::VecDeque;
use systole_isa::program::Unit as Of;

const COLS: usize = 4;

fn bytes<const N: usize>(random: &mut Stream) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

/// With a lane engine, with a vector unit; all units are played.
fn spec(engine: bool, vectors: bool) -> Spec {
    let spec = block("systole_results")
        .parameter("COLS", COLS)
        .parameter("LANE_TAPS", if engine { 9 } else { 0 })
        .parameter("VEC_LANES", if vectors { 2 } else { 0 });
    let units = [("systole_lane", engine), ("systole_vector", vectors), ("systole_acc", true), ("systole_post", true)];
    let played: Vec<&str> = units.into_iter().filter(|u| u.1).map(|u| u.0).collect();
    play(spec, &played)
}

#[test]
fn each_hand_over_has_one_taker_and_the_totals_of_who_handed_over() {
    // With a lane engine, with a vector unit.
    side_by_side([(true, true), (true, false), (false, true), (false, false)], |(engine, vectors)| {
        bench(&spec(engine, vectors), 1, move |sim, clk| async move {
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

/// Wires of accumulators and POST that have other names at their ends.
const ALWAYS: [(&str, &str); 11] = [
    ("u_acc.valid_i", "acc_valid_i"),
    ("u_acc.addr_i", "acc_addr_i"),
    ("u_acc.first_i", "acc_first_i"),
    ("u_acc.last_i", "acc_last_i"),
    ("u_post.param_waddr_i", "param_addr_i"),
    ("u_post.param_wdata_i", "upload_data_i"),
    ("u_post.lut_waddr_i", "lut_addr_i"),
    ("u_post.lut_wdata_i", "lut_data_i"),
    ("u_post.res_word_i", "flat_word_i"),
    ("res_read_o", "u_post.res_valid_o"),
    ("res_addr_o", "u_post.res_addr_o"),
];

/// Those of the lane engine.
const OF_LANE: [(&str, &str); 6] = [
    ("u_lane.tap_waddr_i", "tap_addr_i"),
    ("u_lane.tap_wdata_i", "upload_data_i"),
    ("u_lane.word_i", "flat_word_i"),
    ("lane_read_o", "u_lane.read_o"),
    ("lane_addr_o", "u_lane.read_addr_o"),
    ("lane_active_o", "u_lane.active_o"),
];

/// Those of the vector unit.
const OF_VECTOR: [(&str, &str); 5] = [
    ("u_vector.we_i", "vec_we_i"),
    ("u_vector.waddr_i", "vec_addr_i"),
    ("u_vector.wdata_i", "upload_data_i"),
    ("vec_active_o", "u_vector.active_o"),
    ("vec_events_o", "u_vector.events_o"),
];

#[test]
fn every_wire_of_the_result_side_is_what_it_should_be_in_every_cycle() {
    side_by_side([(true, true), (true, false), (false, true), (false, false)], |(engine, vectors)| {
        bench(&spec(engine, vectors), 2, move |sim, clk| async move {
            let units: Vec<_> = [("u_acc", true), ("u_post", true), ("u_lane", engine), ("u_vector", vectors)]
                .into_iter()
                .filter_map(|(unit, there)| there.then_some(unit))
                .collect();
            let mut pairs = ALWAYS.to_vec();
            pairs.extend(OF_LANE.iter().filter(|_| engine));
            pairs.extend(OF_VECTOR.iter().filter(|_| vectors));
            let mut wires = Wires::of(&sim, "systole_results", &units, &pairs);
            let mut random = sim.random("cycles");
            let mut takes = VecDeque::new(); // of the lane engine, this cycle's first
            for _ in 0..600 {
                wires.any(&mut random);
                wires.says("desc_unit_i", random.below(10));
                clk.rising_edge().await;
                let w = &mut wires;
                let high = |w: &Wires, name: &str, there: bool| there && w.is_high(name);
                let of_lane = high(w, "u_lane.take_o", engine);
                let take = w.is_high("u_acc.last_o") || of_lane;
                let waits = high(w, "u_vector.take_ready_o", vectors);
                w.is("post_take_o", u64::from(take && !waits));
                w.is("u_post.take_i", u64::from(take && !waits));
                takes.push_front(of_lane);
                takes.truncate(3);
                let totals = takes.get(2).map(|lane| w.bits(if *lane { "u_lane.total_o" } else { "u_acc.total_o" }).clone());
                for port in ["u_post.total_i", "u_vector.total_i"].into_iter().take(1 + usize::from(vectors)) {
                    match &totals {
                        Some(totals) => w.is_bits(port, totals.clone()),
                        None => w.open(port),
                    }
                }
                // A result is that of the vector unit while it has one.
                let own = high(w, "u_vector.out_valid_o", vectors);
                w.is("out_valid_o", u64::from(own || w.is_high("u_post.out_valid_o")));
                for port in ["out_dest_o", "out_addr_o", "out_data_o"] {
                    let bits = w.bits(&format!("{}.{port}", if own { "u_vector" } else { "u_post" })).clone();
                    w.is_bits(port, bits);
                }
                let (comes, of, begins) = (w.is_high("desc_valid_i"), w.at("desc_unit_i"), w.at("start_i"));
                for (unit, prefix, which) in [
                    ("u_post", "", Of::Post),
                    ("u_lane", "", Of::Lane),
                    ("u_vector", "", Of::Vector),
                    ("u_vector", "scalar_", Of::Scalar),
                ] {
                    if units.contains(&unit) {
                        w.is(&format!("{unit}.{prefix}desc_valid_i"), u64::from(comes && of == which as u64));
                        w.is(&format!("{unit}.{prefix}start_i"), begins >> (which as u64) & 1);
                    }
                }
                if vectors {
                    w.is("u_vector.take_i", take.into());
                }
                // What a unit that is not there would say is 0.
                for (port, there) in [
                    ("lane_read_o", engine),
                    ("lane_addr_o", engine),
                    ("lane_active_o", engine),
                    ("vec_active_o", vectors),
                    ("argmax_o", vectors),
                    ("vec_events_o", vectors),
                ] {
                    if !there {
                        w.is(port, 0);
                    }
                }
                w.rest();
            }
            wires.done(590);
        });
    });
}
