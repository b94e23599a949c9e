// SPDX-License-Identifier: Apache-2.0
//! Memories and what moves data: banks, row slice, nest, LOAD, STORE.

use crate::common::{bench, block, side_by_side};
use harness::Stream;
use rand::RngExt;
use std::collections::VecDeque;
use systole_isa::Config;
use systole_isa::ecc::{Ecc, WordCode};
use systole_isa::nest::{Loop, Nest};
use systole_isa::{Instruction, Load, Store};

fn word_bytes(word: u128) -> [u8; 16] {
    word.to_le_bytes()
}

fn random_nest(random: &mut Stream, loops: usize, counts: u32, gaps: u8) -> Nest {
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

#[test]
fn nest_visits_every_step_of_random_loops_in_its_cycle() {
    let steps = bench(&block("systole_nest").parameter("LOOPS", 4), 9, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let (clear, we, index, word, start) = (s("clear_i"), s("loop_we_i"), s("loop_index_i"), s("loop_word_i"), s("start_i"));
        let (valid, active, first, last, reached) =
            (s("valid_o"), s("active_o"), s("at_first_o"), s("at_last_o"), s("reached_o"));
        let outputs: Vec<_> = (0..5).map(|a| s(&format!("a{a}_o"))).collect();
        let bounded = (2u64 << systole_isa::format::INDEX_BITS) - 1;
        let masks = [0xffffu64, 0xffff, 0xffff, bounded, bounded];
        s("step_i").set(1);
        let mut random = sim.random("nests");
        let mut steps = 0;
        for _ in 0..200 {
            let nest = random_nest(&mut random, 4, 5, 3);
            let program = Instruction::Store(Store { nest: nest.clone(), ..Default::default() });
            clear.set(1);
            clk.rising_edge().await;
            clear.set(0);
            for (l, w) in program.encode().unwrap()[1..].iter().enumerate() {
                we.set(1);
                index.set(l as u64);
                word.set_bytes(&word_bytes(*w));
                clk.rising_edge().await;
            }
            we.set(0);
            let bases: Vec<u64> = masks.iter().map(|m| random.random::<u64>() & m).collect();
            for (a, b) in bases.iter().enumerate() {
                s(&format!("base{a}_i")).set(*b);
            }
            start.set(1);
            clk.rising_edge().await;
            start.set(0);
            let mut expected = nest.iter().peekable();
            for t in 0.. {
                clk.rising_edge().await;
                let Some(step) = expected.peek().copied() else {
                    assert!(!active.is_high(), "still active behind the last step");
                    break;
                };
                assert_eq!(valid.is_high(), step.time == t, "cycle {t}");
                if step.time != t {
                    continue;
                }
                for a in 0..5 {
                    assert_eq!(
                        outputs[a].get(),
                        (bases[a] as i64 + i64::from(step.offset[a])) as u64 & masks[a],
                        "address {a}, cycle {t}"
                    );
                }
                let n = nest.loops.len();
                let unused = 0xfu8 << n & 0xf;
                assert_eq!(first.get() as u8, step.at_first | unused);
                assert_eq!(last.get() as u8, step.at_last | unused);
                let reach = step.stepped.map_or(0xf, |l| (2u64 << l) - 1);
                assert_eq!(reached.get(), reach);
                expected.next();
                steps += 1;
            }
        }
        steps
    });
    assert!(steps > 2000);
}

#[test]
fn x_bank_reads_rippled_flat_and_padded_three_cycles_later() {
    bench(&block("systole_x_bank").parameter("DEPTH", 64).parameter("BANKS", 4), 4, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let names = [
            "r_valid_i",
            "r_addr_i",
            "r_pad_i",
            "r_pad_value_i",
            "flat_valid_i",
            "flat_addr_i",
            "post_we_i",
            "post_addr_i",
            "post_data_i",
            "load_we_i",
            "load_addr_i",
            "load_data_i",
        ];
        let [rv, ra, pad, pv, fv, fa, pw, pa, pd, lw, la, ld] = names.map(s);
        let (x, flat) = (s("x_o"), s("flat_o"));
        let mut random = sim.random("accesses");
        let mut memory = [None::<u8>; 64];
        let (mut due_x, mut due_flat) = (VecDeque::from([None; 3]), VecDeque::from([None; 3]));
        let mut checked = 0;
        for _ in 0..20_000 {
            // At most one reader and one writer a sub-bank, and no read of a word being written.
            let write = random.random_range(0..64usize);
            let other = (write + 16 * random.random_range(1..4usize)) % 64;
            let (do_post, do_load) = (random.chance(0.5), random.chance(0.5));
            let (read, second) = (random.random_range(0..64usize), random.random_range(0..64usize));
            let clash = |a: usize| (do_post && a == write) || (do_load && a == other);
            let do_read = random.chance(0.7) && !clash(read);
            let padded = random.chance(0.2);
            let do_flat = random.chance(0.5) && !clash(second) && !(do_read && !padded && second / 16 == read / 16);
            let (post, load): (u8, u8) = (random.random(), random.random());
            let value: u8 = random.random();
            rv.set(do_read.into());
            ra.set(read as u64);
            pad.set(padded.into());
            pv.set(value.into());
            fv.set(do_flat.into());
            fa.set(second as u64);
            pw.set(do_post.into());
            pa.set(write as u64);
            pd.set(post.into());
            lw.set(do_load.into());
            la.set(other as u64);
            ld.set(load.into());
            due_x.push_back(if do_read && padded {
                Some(value)
            } else if do_read {
                memory[read]
            } else {
                None
            });
            due_flat.push_back(if do_flat { memory[second] } else { None });
            if do_post {
                memory[write] = Some(post);
            }
            if do_load {
                memory[other] = Some(load);
            }
            clk.rising_edge().await;
            if let Some(Some(e)) = due_x.pop_front() {
                assert_eq!(x.get() as u8, e);
                checked += 1;
            }
            if let Some(Some(e)) = due_flat.pop_front() {
                assert_eq!(flat.get() as u8, e);
                checked += 1;
            }
        }
        assert!(checked > 10_000);
    });
}

/// The weight bank for one (D, ways, code): words programmed by pulses, some with wrong bits, then read in every legal
/// distance.
fn w_bank(beats: usize, ways: usize, ecc: Ecc) {
    const COLS: usize = 8;
    let bits = if beats == 4 { 2 } else { 1 };
    let config = Config::named("small").unwrap().with_weight_beats(beats as u32).unwrap().with_ecc(ecc);
    let spec = block("systole_w_bank")
        .parameter("COLS", COLS)
        .parameter("WEIGHT_BEATS", beats)
        .parameter("ECC", ecc as u32)
        .parameter("RRAM_DEPTH", 32)
        .parameter("RRAM_WAYS", ways)
        .parameter("SRAM_DEPTH", 16)
        .parameter("BW", bits);
    bench(&spec, 6, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let names = [
            "r_en_i",
            "r_addr_i",
            "r_beat_i",
            "s_en_i",
            "s_addr_i",
            "r_line_i",
            "prog_load_i",
            "prog_data_i",
            "pulse_i",
            "pulse_reset_i",
            "pulse_addr_i",
            "pulse_beat_i",
            "pulsing_o",
            "sram_we_i",
            "sram_addr_i",
            "sram_data_i",
            "word_o",
        ];
        let [re, ra, rb, se, sa, rl, pl, pd, pulse, kind, pa, pb, pulsing, sw, swa, sd, word] = names.map(s);
        let (fresh, corrected, bad) = (s("fresh_o"), s("corrected_o"), s("uncorrectable_o"));
        let (need_set, need_reset) = (s("need_set_o"), s("need_reset_o"));
        for enable in ["enable_a_i", "enable_b_i"] {
            s(enable).set(1);
        }
        let mut random = sim.random("words");
        let rram: Vec<u64> = (0..32).map(|_| random.random()).collect();
        // Of each word none to one too many bits are wrong, check bits too; three times, the last two from cells that are known,
        // so that pulses go both ways.
        let code = WordCode::of(&config);
        let corrects = code.code().corrects as usize;
        let mut wrong = [0usize; 32];
        let mut before: [Option<u128>; 32] = [None; 32]; // what the cells hold at first nobody knows
        for _ in 0..3 {
            for (a, w) in rram.iter().enumerate() {
                wrong[a] = random.random_range(0..2 + corrects);
                let mut flips = 0u128;
                while (flips.count_ones() as usize) < wrong[a] {
                    flips |= 1 << random.random_range(0..code.bits());
                }
                let word = code.encode(&w.to_le_bytes(), a as u32);
                let stored = word.iter().rev().fold(0, |n, &b| n << 8 | u128::from(b)) ^ flips;
                // Bits that only fill up the word are not looked at: whatever they should be, they are not pulsed.
                let filled = stored | ((1 << config.word_bits()) - (1 << code.bits()));
                pd.set_bytes(&filled.to_le_bytes()[..config.word_bits().div_ceil(8) as usize]);
                pl.set(1);
                clk.rising_edge().await;
                pl.set(0);
                for reset in [0, 1] {
                    for beat in 0..beats {
                        re.set(1);
                        ra.set(a as u64);
                        rl.set(a as u64);
                        rb.set(beat as u64);
                        clk.rising_edge().await;
                    }
                    re.set(0);
                    clk.cycles(10).await;
                    let need = if reset == 0 { &need_set } else { &need_reset };
                    if let Some(before) = before[a] {
                        let differs: u128 = if reset == 0 { stored & !before } else { before & !stored };
                        assert_eq!(need.is_high(), differs != 0);
                    }
                    for beat in 0..beats {
                        pulse.set(1);
                        kind.set(reset);
                        pa.set(a as u64);
                        pb.set(beat as u64);
                        clk.rising_edge().await;
                        pulse.set(0);
                        clk.rising_edge().await;
                        assert!(pulsing.is_high());
                        clk.cycles(4).await;
                        assert!(!pulsing.is_high());
                    }
                }
                before[a] = Some(stored);
            }
        }
        // SRAM by byte lanes.
        let mut sram = [0u64; 16];
        for (a, w) in sram.iter_mut().enumerate() {
            sw.set(0xff);
            swa.set(a as u64);
            sd.set(0);
            clk.rising_edge().await;
            for _ in 0..3 {
                let (lanes, data): (u8, u64) = (random.random(), random.random());
                sw.set(lanes.into());
                sd.set(data);
                for lane in (0..8).filter(|l| lanes >> l & 1 == 1) {
                    *w = *w & !(0xff << (8 * lane)) | data & 0xff << (8 * lane);
                }
                clk.rising_edge().await;
            }
        }
        sw.set(0);
        // Loads: RRAM in S .. S + D - 1, SRAM in S + WAYS + D - 1; the word stands in S + WAYS + D + 2.
        let lead = ways + beats - 1;
        let mut ask = std::collections::HashMap::new();
        let mut ask_sram = std::collections::HashMap::new();
        let mut expected = std::collections::HashMap::new();
        let mut verdict = std::collections::HashMap::new();
        let (mut t, mut a) = (0usize, 0usize);
        for _ in 0..2000 {
            let from_sram = random.chance(0.3);
            if from_sram {
                let at = random.random_range(0..16usize);
                ask_sram.insert(t + lead, at);
                expected.insert(t + lead + 3, sram[at]);
                t += beats;
                continue;
            }
            // The next word in order, or any other one where the ways have had time.
            if random.chance(0.3) {
                t += ways;
                a = random.random_range(0..32);
            } else {
                a = (a + 1) % 32;
                t += if a == 0 { ways } else { 0 };
            }
            for beat in 0..beats {
                ask.insert(t + beat, (a, beat));
            }
            expected.insert(t + lead + 3, rram[a]);
            verdict.insert(t + lead + 3, wrong[a]);
            t += beats + random.random_range(0..3usize);
        }
        let mut checked = 0;
        for now in 0..t + lead + 4 {
            let r = ask.get(&now);
            re.set(r.is_some().into());
            if let Some(&(a, beat)) = r {
                ra.set(a as u64);
                rl.set(a as u64);
                rb.set(beat as u64);
            }
            let m = ask_sram.get(&now);
            se.set(m.is_some().into());
            sa.set(m.map_or(0, |&a| a as u64));
            clk.rising_edge().await;
            let v = verdict.get(&now);
            assert_eq!(fresh.is_high(), v.is_some(), "cycle {now}");
            if let Some(&wrong) = v {
                assert_eq!(
                    (corrected.is_high(), bad.is_high()),
                    (wrong > 0 && wrong <= corrects, wrong > corrects),
                    "cycle {now}"
                );
            }
            if let Some(&e) = expected.get(&now).filter(|_| v.is_none_or(|&wrong| wrong <= corrects)) {
                assert_eq!(word.get(), e, "cycle {now}");
                checked += 1;
            }
        }
        assert!(checked >= 1000);
    });
}

#[test]
fn w_bank_gives_each_word_at_its_cycle_for_every_beats_and_ways() {
    side_by_side([1, 2, 4], |beats| {
        for ways in [1, 2, 4] {
            w_bank(beats, ways, Ecc::Secded);
        }
        w_bank(beats, 2, Ecc::DecTed);
    });
}

#[test]
fn row_slice_multiplies_its_byte_with_the_held_word() {
    side_by_side([0, 1], row_slice::<4>);
}

/// Columns from 16 on are a cycle later.
#[test]
fn row_slice_multiplies_with_its_far_columns_a_cycle_later() {
    side_by_side([0, 1], row_slice::<32>);
}

fn row_slice<const COLS: usize>(weight_zero: u64) {
    let spec = block("systole_row_slice")
        .parameter("COLS", COLS)
        .parameter("WEIGHT_ZERO", weight_zero)
        .parameter("CHECK", if COLS == 4 { 8 } else { 32 })
        .parameter("X_DEPTH", 16)
        .parameter("RRAM_DEPTH", 16)
        .parameter("W_SRAM_DEPTH", 4);
    bench(&spec, 8, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let mut random = sim.random("row");
        let edge = |v: i8| [v, v, v, -128, 127][v as u8 as usize % 5];
        let x: Vec<i8> = (0..16).map(|_| edge(random.random())).collect();
        let w: Vec<[i8; COLS]> = (0..16).map(|_| std::array::from_fn(|_| edge(random.random()))).collect();
        let code = WordCode::of(&Config::named(if COLS == 4 { "tiny" } else { "large" }).unwrap());
        s("enable_a_i").set(1);
        s("enable_b_i").set(1);
        for a in 0..16u64 {
            s("load_we_i").set(1);
            s("load_addr_i").set(a);
            s("load_data_i").set((x[a as usize] as u8).into());
            s("prog_data_i").set_bytes(&code.encode(&w[a as usize].map(|v| v as u8), a as u32));
            s("prog_load_i").set(1);
            // Whatever the cells hold, some are SET and some are RESET.
            for reset in [0, 1] {
                s("r_ripple_i").set(1 << 12 | a << 5 | a << 1);
                clk.rising_edge().await;
                s("prog_load_i").set(0);
                s("r_ripple_i").set(0);
                clk.cycles(8).await;
                s("pulse_addr_i").set(a);
                s("pulse_reset_i").set(reset);
                s("pulse_i").set(1);
                clk.rising_edge().await;
                s("pulse_i").set(0);
                clk.cycles(6).await;
            }
        }
        s("load_we_i").set(0);
        // Ripple words: {en, reference[3], line[4], physical line[4], beat}, and {valid, x[4], one-hot, pad, value[8], load, sram, sram addr[2]}.
        let (r, xr, sum_i, sum_o) = (s("r_ripple_i"), s("x_ripple_i"), s("sum_i"), s("sum_o"));
        let (ro, xo) = (s("r_ripple_o"), s("x_ripple_o"));
        let (zi, zo) = (s("w_zero_i"), s("w_zero_o"));
        let lead = 2; // ways 2, one beat
        let zeros: Vec<i8> = (0..3000).map(|_| edge(random.random())).collect();
        // Weight word, whether it is loaded here, x word, a value in its place, whether in one row alone; zero point of the word.
        let steps: Vec<(usize, bool, usize, Option<i8>, bool, i32)> = (0..3000)
            .scan((0, 0), |(w, zero), n| {
                let load = n == 0 || random.chance(0.4);
                if load {
                    *w = (*w + 1) % 16; // consecutive: ways never collide
                    *zero = if weight_zero == 1 { zeros[n].into() } else { 0 };
                }
                let value = random.chance(0.2).then(|| random.random());
                Some((*w, load, random.random_range(0..16), value, value.is_some() && random.chance(0.5), *zero))
            })
            .collect();
        let (mut before_r, mut before_x, mut before_zero) = (0, 0, 0);
        for t in 0..steps.len() + lead + 8 {
            let r_word = steps.get(t).filter(|s| s.1).map_or(0, |s| 1u64 << 12 | (s.0 as u64) << 5 | (s.0 as u64) << 1);
            r.set(r_word);
            let x_word = t.checked_sub(lead).and_then(|n| steps.get(n)).map_or(0, |s| {
                1u64 << 18
                    | (s.2 as u64) << 14
                    | u64::from(s.4) << 13
                    | u64::from(s.3.is_some() && !s.4) << 12
                    | u64::from(s.3.unwrap_or(0) as u8) << 4
                    | u64::from(s.1) << 3
            });
            xr.set(x_word);
            // A zero point stands beside its word. Where none is loaded another value must not count.
            let zero = t.checked_sub(lead + 3).and_then(|n| steps.get(n)).filter(|s| s.1);
            let zero = u64::from(zero.map_or_else(|| random.random(), |s| s.5 as u8));
            zi.set(zero);
            // The sums of the row above come one cycle before this row's own.
            let above: Vec<u8> = (0..COLS as i32).flat_map(|c| (t as i32 * 3 - c).to_le_bytes()).collect();
            sum_i.set_bytes(&above);
            clk.rising_edge().await;
            // One-hot vectors count their row down in the X address.
            let (valid, at, hot) = (before_x >> 18, before_x >> 14 & 15, before_x >> 13 & 1);
            assert_eq!((ro.get() >> 12, xo.get() >> 18), (before_r >> 12, valid), "the ripple leaves a cycle later");
            assert!(valid == 0 || xo.get() >> 14 & 15 == at.wrapping_sub(hot) & 15, "{at} of a vector, one-hot {hot}");
            assert_eq!(zo.get(), before_zero * weight_zero, "and so does the zero point");
            (before_r, before_x, before_zero) = (r_word, x_word, zero);
            for c in 0..COLS {
                if let Some(step) = t.checked_sub(lead + 6 + usize::from(c >= 16)).and_then(|n| steps.get(n)) {
                    let byte = match step {
                        (_, _, row, Some(_), true, _) if row % 8 != 0 => 0,
                        (_, _, row, value, ..) => i32::from(value.unwrap_or(x[*row])),
                    };
                    let mut bytes = vec![0u8; 4 * COLS];
                    sum_o.get_bytes(&mut bytes);
                    let got = i32::from_le_bytes(bytes[4 * c..4 * c + 4].try_into().unwrap());
                    let expected = (t as i32 - 1) * 3 - c as i32 + byte * (i32::from(w[step.0][c]) - step.5);
                    assert_eq!(got, expected, "cycle {t}, column {c}");
                }
            }
        }
    });
}

#[test]
fn load_takes_any_offset_rotates_masks_and_fills() {
    const COLS: usize = 8;
    const WORDS: usize = 32;
    bench(&block("systole_load").parameter("COLS", COLS).parameter("IN_DEPTH", WORDS), 2, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let mut random = sim.random("frame");
        let mut frame = vec![0u8; WORDS * COLS];
        random.fill(&mut frame);
        let (dv, di, dw, start) = (s("desc_valid_i"), s("desc_index_i"), s("desc_word_i"), s("start_i"));
        let (re, even_addr, odd_addr, even, odd) =
            (s("in_re_o"), s("in_even_addr_o"), s("in_odd_addr_o"), s("in_even_i"), s("in_odd_i"));
        let (we, addr, mask, data) = (s("we_o"), s("addr_o"), s("mask_o"), s("data_o"));
        let mut writes = 0;
        for _ in 0..150 {
            let mut nest = random_nest(&mut random, 3, 4, 2);
            for l in &mut nest.loops {
                l.d = [random.random_range(-5..5), random.random_range(-20..20), 0, 0, 0];
            }
            let load = Load {
                dst_base: random.random_range(100..200),
                src_base: random.random_range(0..(WORDS * COLS) as u32),
                rotate: random.random_range(0..COLS as u32),
                mask: random.random_range(1..256),
                fill: random.chance(0.2).then(|| random.random()),
                nest: nest.clone(),
            };
            for (n, w) in Instruction::Load(load.clone()).encode().unwrap().into_iter().enumerate() {
                dv.set(1);
                di.set(n as u64);
                dw.set_bytes(&word_bytes(w));
                clk.rising_edge().await;
            }
            dv.set(0);
            start.set(1);
            clk.rising_edge().await;
            start.set(0);
            let mut expected: VecDeque<_> = nest.iter().collect();
            // The IN buffer answers two cycles later.
            let mut pipe = VecDeque::from([None, None]);
            for t in 0..nest.span() + 6 {
                if let Some(Some((e, o))) = pipe.pop_front() {
                    even.set_bytes(&frame[2 * e * COLS..][..COLS]);
                    odd.set_bytes(&frame[(2 * o + 1) * COLS..][..COLS]);
                }
                clk.rising_edge().await;
                pipe.push_back(re.is_high().then(|| (even_addr.get() as usize, odd_addr.get() as usize)));
                let due = expected.front().is_some_and(|step| step.time + 4 == t);
                assert_eq!(we.is_high(), due, "cycle {t}");
                if !due {
                    continue;
                }
                let step = expected.pop_front().unwrap();
                let src = (load.src_base as i64 + i64::from(step.offset[1])) as usize;
                assert_eq!(addr.get(), (i64::from(load.dst_base) + i64::from(step.offset[0])) as u64 & 0xffff);
                assert_eq!(mask.get(), u64::from(load.mask));
                let mut got = [0u8; COLS];
                data.get_bytes(&mut got);
                for (lane, byte) in got.into_iter().enumerate() {
                    let from = src.wrapping_add((lane + COLS - load.rotate as usize) % COLS) % (WORDS * COLS);
                    assert_eq!(
                        byte,
                        load.fill.map_or(frame[from], |f| f as u8),
                        "lane {lane}, source {src}, rotate {}",
                        load.rotate
                    );
                }
                writes += 1;
            }
        }
        assert!(writes > 1000);
    });
}

#[test]
fn store_asks_and_writes_in_its_cycles() {
    bench(&block("systole_store"), 2, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let (dv, di, dw, start) = (s("desc_valid_i"), s("desc_index_i"), s("desc_word_i"), s("start_i"));
        let (read, read_addr, we, waddr) = (s("read_o"), s("read_addr_o"), s("we_o"), s("waddr_o"));
        let mut random = sim.random("nests");
        for _ in 0..100 {
            let nest = random_nest(&mut random, 4, 3, 2);
            let store =
                Store { dst_base: random.random_range(0..1000), src_base: random.random_range(0..1000), nest: nest.clone() };
            for (n, w) in Instruction::Store(store.clone()).encode().unwrap().into_iter().enumerate() {
                dv.set(1);
                di.set(n as u64);
                dw.set_bytes(&word_bytes(w));
                clk.rising_edge().await;
            }
            dv.set(0);
            start.set(1);
            clk.rising_edge().await;
            start.set(0);
            let steps: std::collections::HashMap<u64, _> = nest.iter().map(|s| (s.time, s)).collect();
            let at = |base: u32, offset: i32| (i64::from(base) + i64::from(offset)) as u64 & 0xffff;
            for t in 0..nest.span() + 7 {
                clk.rising_edge().await;
                assert_eq!(read.is_high(), steps.contains_key(&t));
                if let Some(step) = steps.get(&t) {
                    assert_eq!(read_addr.get(), at(store.src_base, step.offset[1]));
                }
                let written = t.checked_sub(5).and_then(|t| steps.get(&t));
                assert_eq!(we.is_high(), written.is_some());
                if let Some(step) = written {
                    assert_eq!(waddr.get(), at(store.dst_base, step.offset[0]));
                }
            }
        }
    });
}
