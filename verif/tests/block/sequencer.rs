// SPDX-License-Identifier: Apache-2.0
//! The sequencer: words and starts in the cycles of the rows, run behind run.

use crate::common::{bench, block};
use harness::{Clock, Sim, Stream};
use rand::RngExt;
use std::collections::VecDeque;
use systole_isa::nest::{Loop, Nest};
use systole_isa::program::Wait;
use systole_isa::{Config, Instruction, Latency, Matmul, Program, Row, Store};

/// A program of rows at random legal distances, END last; with rows of kind WAIT among them, or without.
fn random_program(random: &mut Stream, begin: u64, waits: bool) -> Program {
    let mut cycle = begin;
    let mut rows = Vec::new();
    for _ in 0..random.random_range(1..12usize) {
        let loops = random.random_range(1..=4usize);
        let nest =
            Nest { loops: vec![Loop { count: 2, gap: 0, d: [random.random_range(-9..9), 1, 0, 0, 0], len: false }; loops] };
        let instruction = if waits && random.chance(0.3) {
            Instruction::Wait(Wait { each: [0, 1, random.random_range(2..12)][random.random_range(0..3usize)] })
        } else if random.chance(0.5) {
            Instruction::Store(Store { nest, ..Default::default() })
        } else {
            Instruction::Matmul(Matmul { nest, ..Default::default() })
        };
        let words = u64::from(instruction.words());
        rows.push(Row { cycle, instruction });
        cycle += words.max(2) + random.below(5);
    }
    rows.push(Row { cycle: cycle + 2 + random.below(20), instruction: Instruction::End });
    Program { rows }
}

/// Writes the timetable, or the descriptors: low half first.
async fn upload(sim: &Sim, clk: &Clock, timetable: bool, rows: &[u64], descs: &[u128]) {
    let halves = descs.iter().flat_map(|d| [*d as u64, (d >> 64) as u64]);
    let words: Vec<u64> = if timetable { rows.to_vec() } else { halves.collect() };
    let we = sim.signal(if timetable { "row_we_i" } else { "desc_we_i" });
    for (a, word) in words.into_iter().enumerate() {
        we.set(1);
        sim.signal("waddr_i").set(a as u64);
        sim.signal("wdata_i").set(word);
        clk.rising_edge().await;
    }
    we.set(0);
}

/// A reset in any cycle of a run: nothing of it comes behind it, and the next run is whole. On a machine without vector unit.
#[test]
fn a_reset_in_any_cycle_of_a_run_stops_it_and_the_next_one_is_whole() {
    let spec = block("systole_sequencer").parameter("TIMETABLE_DEPTH", 64).parameter("DESC_DEPTH", 128).parameter("LENGTHS", 0);
    bench(&spec, 6, |sim, clk| async move {
        let [rst, arm, done, cycle, valid, start] =
            ["rst_i", "arm_i", "done_o", "cycle_o", "desc_valid_o", "start_o"].map(|n| sim.signal(n));
        let mut random = sim.random("programs");
        for n in 0..12 {
            let program = random_program(&mut random, n % 3, false);
            let (rows, descs) = Program::encode_all(std::slice::from_ref(&program)).unwrap();
            upload(&sim, &clk, false, &rows, &descs).await;
            upload(&sim, &clk, true, &rows, &descs).await;
            let words: u64 = program.rows.iter().map(|r| r.instruction.encode().unwrap().len() as u64).sum();
            for reset in (0..program.cycles()).chain([u64::MAX]) {
                clk.cycles(3).await;
                arm.set(1);
                clk.rising_edge().await;
                arm.set(0);
                clk.rising_edge().await;
                let (mut seen, mut ended) = (0, None);
                for t in 0..=program.cycles() + 20 {
                    rst.set(u64::from(t == reset));
                    clk.rising_edge().await;
                    assert!(ended.is_some() || t > reset || cycle.get() == t, "the run's cycle {t}");
                    if t > reset.saturating_add(1) || reset == u64::MAX && ended.is_some_and(|e| t > e + 20) {
                        assert!(!valid.is_high() && start.get() == 0 && !done.is_high(), "{t}, reset in cycle {reset}");
                    }
                    seen += u64::from(valid.is_high());
                    ended = ended.or(done.is_high().then_some(t));
                }
                if reset == u64::MAX {
                    assert_eq!((ended, seen), (Some(program.cycles()), words), "END and words of the run behind the resets");
                }
            }
        }
    });
}

#[test]
fn sequencer_fetches_and_starts_in_the_cycles_of_the_rows_and_relaunches_behind_end() {
    let spec = block("systole_sequencer").parameter("TIMETABLE_DEPTH", 64).parameter("DESC_DEPTH", 128).parameter("LENGTHS", 1);
    bench(&spec, 5, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let names = [
            "arm_i",
            "next_i",
            "entry_i",
            "lenc_i",
            "done_o",
            "cycle_o",
            "desc_valid_o",
            "desc_unit_o",
            "desc_index_o",
            "desc_word_o",
            "start_o",
        ];
        let [arm, next, entry, lenc, done, cycle, dv, du, di, dw, start] = names.map(s);
        let behind = u64::from(Latency::of(&Config::named("tiny").unwrap()).issue) - 1;
        let mut random = sim.random("programs");
        let mut waited = 0;
        for n in 0..60 {
            let programs = [(); 2].map(|()| random_program(&mut random, n % 3, n % 4 != 0));
            let (rows, descs) = Program::encode_all(&programs).unwrap();
            let entries = [0, programs[0].rows.len() as u64];
            // Timetable or descriptors first: one leaves the other alone.
            for memory in [n % 2, 1 - n % 2] {
                upload(&sim, &clk, memory == 0, &rows, &descs).await;
            }
            // Which program each run is of. The first row stands three cycles before a run is armed.
            let order = [0, 1, 1, 0].map(|p| if n % 2 == 0 { p } else { 1 - p });
            entry.set(entries[order[0]]);
            clk.cycles(3).await;
            arm.set(1);
            clk.rising_edge().await;
            arm.set(0);
            clk.rising_edge().await; // the armed cycle, in front of cycle 0
            // The second run and those behind it are launched in the cycle behind END.
            for run in 0..order.len() {
                let program = &programs[order[run]];
                next.set(u64::from(run + 1 < order.len()));
                if let Some(&following) = order.get(run + 1) {
                    entry.set(entries[following]);
                }
                // Behind a WAIT of u rows come u times LENC cycles later than they say; the run's cycles count on.
                let length = [0, 1, random.below(6)][random.below(3) as usize];
                lenc.set(length);
                let mut later = 0;
                let mut words = VecDeque::new();
                let mut starts = VecDeque::new();
                for row in &program.rows {
                    if let Instruction::Wait(wait) = &row.instruction {
                        later += u64::from(wait.each) * length;
                    }
                    let encoded = row.instruction.encode().unwrap();
                    let unit = row.instruction.unit() as u64;
                    for (i, w) in encoded.iter().enumerate() {
                        words.push_back((row.cycle + later + i as u64 + behind, unit, i as u64, *w));
                    }
                    if !encoded.is_empty() {
                        // The first step is one cycle behind the start pulse.
                        starts.push_back((row.cycle + later + encoded.len() as u64 + behind, 1 << unit));
                    }
                }
                waited += later;
                let end = program.cycles() + later;
                for t in 0..=end {
                    clk.rising_edge().await;
                    assert_eq!(cycle.get(), t, "the run's cycle");
                    assert_eq!(done.is_high(), t == end, "END in cycle {t}");
                    let word = words.front().filter(|w| w.0 == t).copied();
                    assert_eq!(dv.is_high(), word.is_some(), "descriptor word in cycle {t}");
                    if let Some((_, unit, index, expected)) = word {
                        let mut bytes = [0u8; 16];
                        dw.get_bytes(&mut bytes);
                        assert_eq!(
                            (du.get(), di.get(), u128::from_le_bytes(bytes)),
                            (unit, index, expected),
                            "word in cycle {t}"
                        );
                        words.pop_front();
                    }
                    let due = starts.front().filter(|s| s.0 == t).map_or(0, |s| s.1);
                    assert_eq!(start.get(), due, "start in cycle {t}");
                    if due != 0 {
                        starts.pop_front();
                    }
                }
            }
        }
        assert!(waited > 500, "{waited} cycles of WAIT");
    });
}
