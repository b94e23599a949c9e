// SPDX-License-Identifier: Apache-2.0
//! "Reset clears valid bits", as the headers of the blocks say: a reset of one cycle in the middle of work leaves nothing of it. What was under way does
//! not come out behind it, in no cycle.

use crate::common::{block, side_by_side};
use harness::verilated::Spec;
use harness::{Clock, Sim, Stream};

/// What works until the reset.
#[derive(Clone, Copy)]
enum Work {
    /// Inputs that are any bits in every cycle.
    Any(&'static [&'static str]),
    /// A descriptor of this many words with any bits, and a start; then these inputs are any bits in every fourth cycle.
    Descriptor(usize, &'static [&'static str]),
    /// The same with a quarter of the bits: loops of a few iterations.
    Short(usize),
}

/// A block, what works in it, inputs with any bits that say nothing by themselves, and the outputs that are 0 behind a reset.
struct Case {
    spec: Spec,
    work: Work,
    beside: &'static [&'static str],
    silent: &'static [&'static str],
}

fn any(sim: &Sim, random: &mut Stream, name: &str) {
    let signal = sim.signal(name);
    let mut bytes = vec![0; signal.width().div_ceil(8) as usize];
    random.fill(&mut bytes);
    if let Some(last) = bytes.last_mut().filter(|_| !signal.width().is_multiple_of(8)) {
        *last &= (1 << (signal.width() % 8)) - 1;
    }
    signal.set_bytes(&bytes);
}

fn none(sim: &Sim, name: &str) {
    let signal = sim.signal(name);
    signal.set_bytes(&vec![0; signal.width().div_ceil(8) as usize]);
}

async fn give_descriptor(sim: &Sim, clk: &Clock, random: &mut Stream, words: usize, sparse: bool) {
    sim.signal("desc_valid_i").set(1);
    for word in 0..words {
        sim.signal("desc_index_i").set(word as u64);
        let mut bytes = [[0; 16]; 2];
        bytes.iter_mut().for_each(|b| random.fill(b));
        let of = |n: usize| bytes[0][n] & if sparse { bytes[1][n] } else { 0xff };
        sim.signal("desc_word_i").set_bytes(&std::array::from_fn::<u8, 16, _>(of));
        clk.rising_edge().await;
    }
    sim.signal("desc_valid_i").set(0);
    sim.signal("start_i").set(1);
    clk.rising_edge().await;
    sim.signal("start_i").set(0);
}

/// 60 resets, 400 of short nests: each behind 1 to 24 cycles of work, for a cycle, and 40 cycles in which nothing may come.
fn forgets(case: Case) {
    let top = case.spec.top().to_string();
    let library = case.spec.build().unwrap_or_else(|e| panic!("{e}"));
    let (work, beside, silent) = (case.work, case.beside, case.silent);
    let name = top.clone();
    let run = harness::run(&library, 5, None, move |sim| async move {
        let clk = sim.clock("clk_i");
        let rst = sim.signal("rst_i");
        let mut random = sim.random("work");
        let inputs = match work {
            Work::Any(inputs) | Work::Descriptor(_, inputs) => inputs,
            Work::Short(_) => &[],
        };
        rst.set(1);
        clk.rising_edge().await;
        rst.set(0);
        let mut seen = vec![0u32; silent.len()];
        let high = |name: &&str| {
            let signal = sim.signal(name);
            let mut bytes = vec![0; signal.width().div_ceil(8) as usize];
            signal.get_bytes(&mut bytes);
            bytes.iter().any(|&b| b != 0)
        };
        for round in 0..if matches!(work, Work::Short(_)) { 400 } else { 60 } {
            if let Work::Descriptor(words, _) | Work::Short(words) = work {
                give_descriptor(&sim, &clk, &mut random, words, matches!(work, Work::Short(_))).await;
            }
            for cycle in 0..1 + random.below(24) {
                beside.iter().for_each(|name| any(&sim, &mut random, name));
                let works = matches!(work, Work::Any(_)) || cycle % 4 == 0;
                inputs.iter().for_each(|name| if works { any(&sim, &mut random, name) } else { none(&sim, name) });
                clk.rising_edge().await;
                silent.iter().zip(&mut seen).for_each(|(name, seen)| *seen += u32::from(high(name)));
            }
            // What comes in the cycle of the reset is not heard either.
            inputs.iter().for_each(|name| any(&sim, &mut random, name));
            rst.set(1);
            clk.rising_edge().await;
            rst.set(0);
            inputs.iter().for_each(|name| none(&sim, name));
            for cycle in 1..40 {
                beside.iter().for_each(|name| any(&sim, &mut random, name));
                clk.rising_edge().await;
                if let Some(name) = silent.iter().find(|n| high(n)) {
                    panic!("{top}: {name} {cycle} cycles behind a reset of one cycle, round {round}");
                }
            }
        }
        seen
    });
    let seen = run.unwrap_or_else(|e| panic!("{e}")).value;
    for (output, seen) in silent.iter().zip(seen) {
        assert!(seen > 0, "{name}: {output} was never high: nothing was under way");
    }
}

#[test]
fn a_reset_of_one_cycle_in_the_middle_of_work_leaves_nothing_of_it() {
    let cases = [
        Case {
            spec: block("systole_w_load").parameter("ROWS", 8).parameter("COLS", 4).parameter("RRAM_DEPTH", 64),
            work: Work::Any(&["s_valid_i", "s_record_i", "we_i"]),
            beside: &["s_index_i", "s_data_i"],
            silent: &["we_o", "error_o"],
        },
        Case {
            spec: block("systole_acc").parameter("COLS", 4).parameter("DEPTH", 16),
            work: Work::Any(&["valid_i"]),
            beside: &["addr_i", "last_i", "sum_i"],
            silent: &["last_o"],
        },
        Case {
            spec: block("systole_load").parameter("COLS", 8).parameter("IN_DEPTH", 32),
            work: Work::Descriptor(4, &[]),
            beside: &["in_even_i", "in_odd_i"],
            silent: &["active_o", "in_re_o", "we_o"],
        },
        Case {
            spec: block("systole_store"),
            work: Work::Descriptor(4, &[]),
            beside: &[],
            silent: &["active_o", "read_o", "we_o"],
        },
        Case {
            spec: block("systole_lane").parameter("COLS", 4).parameter("TAP_DEPTH", 4).parameter("LINE_DEPTH", 32),
            work: Work::Short(6),
            beside: &["word_i"],
            silent: &["active_o", "read_o", "take_o"],
        },
        Case {
            spec: block("systole_matmul_ctrl").parameter("WEIGHT_BEATS", 4).parameter("WEIGHT_ZERO", 1),
            work: Work::Descriptor(2, &[]),
            beside: &["lenc_i", "pos_i", "tok_i"],
            silent: &["active_o", "r_en_o", "x_valid_o", "acc_valid_o"],
        },
        Case {
            spec: block("systole_post")
                .parameter("COLS", 4)
                .parameter("LANES", 4)
                .parameter("PARAM_DEPTH", 16)
                .parameter("LUT_COUNT", 2),
            work: Work::Descriptor(4, &["take_i"]),
            beside: &["total_i", "res_word_i"],
            silent: &["res_valid_o", "out_valid_o"],
        },
        Case {
            spec: block("systole_skid").parameter("WIDTH", 16),
            work: Work::Any(&["s_valid_i"]),
            beside: &["s_data_i", "m_ready_i"],
            silent: &["m_valid_o"],
        },
    ];
    side_by_side(cases, forgets);
}
