// SPDX-License-Identifier: Apache-2.0
//! The sequencer, MATMUL control, POST, and small parts.

use crate::common::{bench, block, side_by_side};
use harness::Stream;
use rand::RngExt;
use std::collections::VecDeque;
use systole_golden::operator::requant_integer;
use systole_isa::nest::{Loop, Nest, Stride};
use systole_isa::program::{Join, Post, PostDest, Residual};
use systole_isa::regs::REGS;
use systole_isa::requant::Param;
use systole_isa::{Config, Instruction, Latency, Matmul, Program, Row, Store};

/// A program of rows at random legal distances, END last.
fn random_program(random: &mut Stream, begin: u64) -> Program {
    let mut cycle = begin;
    let mut rows = Vec::new();
    for _ in 0..random.random_range(1..12usize) {
        let loops = random.random_range(1..=4usize);
        let nest =
            Nest { loops: vec![Loop { count: 2, gap: 0, d: [random.random_range(-9..9), 1, 0, 0, 0], len: false }; loops] };
        let instruction = if random.chance(0.5) {
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

#[test]
fn sequencer_fetches_and_starts_in_the_cycles_of_the_rows_and_relaunches_behind_end() {
    let spec = block("systole_sequencer").parameter("TIMETABLE_DEPTH", 64).parameter("DESC_DEPTH", 128).parameter("LENGTHS", 1);
    bench(&spec, 5, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let names = [
            "row_we_i",
            "desc_we_i",
            "waddr_i",
            "wdata_i",
            "arm_i",
            "next_i",
            "entry_i",
            "done_o",
            "cycle_o",
            "desc_valid_o",
            "desc_unit_o",
            "desc_index_o",
            "desc_word_o",
            "start_o",
        ];
        let [rwe, dwe, wa, wd, arm, next, entry, done, cycle, dv, du, di, dw, start] = names.map(s);
        let behind = u64::from(Latency::of(&Config::named("tiny").unwrap()).issue) - 1;
        let mut random = sim.random("programs");
        for n in 0..60 {
            let programs = [(); 2].map(|()| random_program(&mut random, n % 3));
            let (rows, descs) = Program::encode_all(&programs).unwrap();
            let entries = [0, programs[0].rows.len() as u64];
            for (a, row) in rows.iter().enumerate() {
                rwe.set(1);
                wa.set(a as u64);
                wd.set(*row);
                clk.rising_edge().await;
            }
            rwe.set(0);
            for (a, d) in descs.iter().enumerate() {
                for half in 0..2 {
                    dwe.set(1);
                    wa.set(2 * a as u64 + half);
                    wd.set((d >> (64 * half)) as u64);
                    clk.rising_edge().await;
                }
            }
            dwe.set(0);
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
                let mut words = VecDeque::new();
                let mut starts = VecDeque::new();
                for row in &program.rows {
                    let encoded = row.instruction.encode().unwrap();
                    let unit = row.instruction.unit() as u64;
                    for (i, w) in encoded.iter().enumerate() {
                        words.push_back((row.cycle + i as u64 + behind, unit, i as u64, *w));
                    }
                    if !encoded.is_empty() {
                        // The first step is one cycle behind the start pulse.
                        starts.push_back((row.cycle + encoded.len() as u64 + behind, 1 << unit));
                    }
                }
                for t in 0..=program.cycles() {
                    clk.rising_edge().await;
                    assert_eq!(cycle.get(), t);
                    assert_eq!(done.is_high(), t == program.cycles(), "END in cycle {t}");
                    let word = words.front().filter(|w| w.0 == t).copied();
                    assert_eq!(dv.is_high(), word.is_some(), "descriptor word in cycle {t}");
                    if let Some((_, unit, index, expected)) = word {
                        let mut bytes = [0u8; 16];
                        dw.get_bytes(&mut bytes);
                        assert_eq!((du.get(), di.get(), u128::from_le_bytes(bytes)), (unit, index, expected));
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
    });
}

#[test]
fn matmul_control_sends_each_step_to_ripples_and_accumulators_in_its_cycle() {
    let (rows, cols, ways) = (4u64, 4, 2);
    side_by_side([(1u64, 1u64), (2, 1), (1, 0)], |(beats, weight_zero)| {
        let spec = block("systole_matmul_ctrl")
            .parameter("WEIGHT_ZERO", weight_zero)
            .parameter("ROWS", rows)
            .parameter("COLS", cols)
            .parameter("RRAM_WAYS", ways)
            .parameter("WEIGHT_BEATS", beats);
        bench(&spec, 5, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let (dv, di, dw, start) = (s("desc_valid_i"), s("desc_index_i"), s("desc_word_i"), s("start_i"));
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
            ];
            let [ren, ra, rb, xv, xa, pad, load, av, aa, af, al, xs, xsa, wz] = names.map(s);
            let lead = ways + beats + 2;
            let mut random = sim.random("instructions");
            for n in 0..60 {
                let m = random.random_range(1..4u32);
                let gap = (beats.saturating_sub(u64::from(m))) as u8;
                let stride = |count, gap, stride| Stride { count, gap, stride };
                let i = Matmul {
                    x_base: random.random_range(0..50),
                    w_base: random.random_range(0..50),
                    acc_base: random.random_range(0..50),
                    w_sram: n % 4 == 3,
                    w_zero: if n % 4 == 3 || weight_zero == 0 { 0 } else { [-128, 127, random.random()][n % 3] },
                    hold: 1,
                    reduce: 0b010,
                    first: random.chance(0.7),
                    last: random.chance(0.7),
                    pad: (n % 2 == 0).then_some(systole_isa::program::Pad {
                        value: -3,
                        y_base: -1,
                        x_base: 0,
                        y_size: 2,
                        x_size: 2,
                    }),
                    one_hot: None,
                    nest: Nest::from_strides(&[
                        stride(m, 0, [3, 0, 1, 1, 0]),
                        stride(random.random_range(1..4), gap, [1, 1, 0, 0, 1]),
                        stride(random.random_range(1..4), gap, [5, 7, 0, 0, 0]),
                    ]),
                };
                for (k, w) in Instruction::Matmul(i.clone()).encode().unwrap().into_iter().enumerate() {
                    dv.set(1);
                    di.set(k as u64);
                    dw.set_bytes(&w.to_le_bytes());
                    clk.rising_edge().await;
                }
                dv.set(0);
                start.set(1);
                clk.rising_edge().await;
                start.set(0);
                let steps: std::collections::HashMap<u64, _> = i.nest.iter().map(|s| (s.time, s)).collect();
                let loads = |t: u64| steps.get(&t).filter(|s| s.stepped.is_none_or(|l| l >= 1));
                for t in 0..i.nest.span() + lead + rows + 6 {
                    clk.rising_edge().await;
                    // The RRAM ripple: D sub-words from a loading step on.
                    let asked = (0..beats).find_map(|b| t.checked_sub(b).and_then(loads).map(|s| (b, s))).filter(|_| !i.w_sram);
                    assert_eq!(ren.is_high(), asked.is_some(), "cycle {t}");
                    if let Some((beat, step)) = asked {
                        assert_eq!((ra.get(), rb.get()), (u64::from(i.w_base) + step.offset[1] as u64, beat));
                    }
                    let x = t.checked_sub(lead).and_then(|t| steps.get(&t));
                    assert_eq!(xv.is_high(), x.is_some());
                    if let Some(step) = x {
                        let loading = step.stepped.is_none_or(|l| l >= 1);
                        let out = i.pad.is_some_and(|p| {
                            !(0..2).contains(&(p.y_base + step.offset[3])) || !(0..2).contains(&(p.x_base + step.offset[4]))
                        });
                        assert_eq!(
                            (xa.get(), load.is_high(), pad.is_high()),
                            (u64::from(i.x_base) + step.offset[0] as u64, loading, out)
                        );
                        assert_eq!(xs.is_high(), loading && i.w_sram);
                        if loading && i.w_sram {
                            assert_eq!(xsa.get(), u64::from(i.w_base) + step.offset[1] as u64);
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

#[test]
fn post_requantises_looks_up_adds_clamps_and_writes_in_its_cycle() {
    post_with_lanes(4);
}

#[test]
fn post_of_fewer_lanes_takes_a_vector_in_groups() {
    post_with_lanes(2);
    post_with_lanes(1);
}

fn post_with_lanes(lanes: u64) {
    const COLS: usize = 4;
    let groups = COLS as u64 / lanes;
    bench(
        &block("systole_post")
            .parameter("COLS", COLS)
            .parameter("LANES", lanes)
            .parameter("PARAM_DEPTH", 16)
            .parameter("LUT_COUNT", 2),
        7,
        move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let names = [
                "desc_valid_i",
                "desc_index_i",
                "desc_word_i",
                "start_i",
                "param_we_i",
                "param_waddr_i",
                "param_wdata_i",
                "lut_we_i",
                "lut_waddr_i",
                "lut_wdata_i",
                "take_i",
                "total_i",
            ];
            let [dv, di, dw, start, pwe, pwa, pwd, lwe, lwa, lwd, take, total] = names.map(s);
            let names = ["res_valid_o", "res_addr_o", "res_word_i", "out_valid_o", "out_dest_o", "out_addr_o", "out_data_o"];
            let [rv, ra, rw, ov, od, oa, odata] = names.map(s);
            let mut random = sim.random("data");
            let params: Vec<Param> = (0..16 * COLS)
                .map(|_| Param {
                    bias: random.random_range(-5000..5000),
                    q: random.random_range(1 << 23..1 << 24),
                    shift: random.random_range(30..34),
                })
                .collect();
            let luts: Vec<[i8; 256]> = (0..2).map(|_| std::array::from_fn(|_| random.random())).collect();
            for (n, p) in params.iter().enumerate() {
                pwe.set(1);
                pwa.set(n as u64);
                pwd.set(p.encode());
                clk.rising_edge().await;
            }
            pwe.set(0);
            for (n, v) in luts.iter().flatten().enumerate() {
                lwe.set(1);
                lwa.set(n as u64);
                lwd.set((*v as u8).into());
                clk.rising_edge().await;
            }
            lwe.set(0);
            let mut writes = 0;
            for n in 0..120u32 {
                let join = match n % 9 {
                    1 => Join::Larger,
                    4 => Join::Product { zeros: random.random() },
                    _ => Join::Sum,
                };
                let product = matches!(join, Join::Product { .. });
                let m = if product { 1 << 14 } else { 1 << 20 };
                let residual = (n % 3 == 1).then(|| Residual {
                    base: 100,
                    join,
                    ma: random.random_range(-m..m),
                    mb: if product { 0 } else { random.random_range(-m..m) },
                    offset: random.random_range(-1 << 25..1 << 25),
                    shift: random.random_range(18..22),
                    zero_point: random.random_range(-128..=127),
                });
                let raw = n % 5 == 4;
                let post = Post {
                    dst_base: random.random_range(0..1000),
                    param_base: random.random_range(0..8),
                    dest: if raw { PostDest::OutRaw32 } else { PostDest::X },
                    zero_point: random.random_range(-30..30),
                    lo: random.random_range(-128..0),
                    hi: random.random_range(0..127),
                    lut: (n % 2 == 1).then(|| random.random_range(0..2)),
                    residual: if raw { None } else { residual },
                    nest: Nest::from_strides(&[
                        Stride { count: random.random_range(1..5), gap: 0, stride: [3, 1, 2, 0, 0] },
                        Stride { count: random.random_range(1..4), gap: 0, stride: [40, 0, 50, 0, 0] },
                    ]),
                };
                for (k, w) in Instruction::Post(post.clone()).encode().unwrap().into_iter().enumerate() {
                    dv.set(1);
                    di.set(k as u64);
                    dw.set_bytes(&w.to_le_bytes());
                    clk.rising_edge().await;
                }
                dv.set(0);
                start.set(1);
                clk.rising_edge().await;
                start.set(0);
                let late = if post.lut.is_some() { 2 } else { 0 };
                let delay = 10 + groups + late + if post.residual.is_some() { 6 } else { 0 };
                // Takes at random distances; RAW32 at least four apart, and no vector before the last has passed.
                let mut due = VecDeque::new(); // (cycle, dest address, bytes)
                let mut totals = VecDeque::new();
                let mut operands = VecDeque::new();
                let mut reads = VecDeque::new();
                let mut t = 0u64;
                let mut takes = VecDeque::new();
                for step in post.nest.iter() {
                    t += groups.max(if raw { 4 } else { 1 }) + random.below(3);
                    let sums: [i32; COLS] = std::array::from_fn(|_| random.random_range(-90_000..90_000));
                    let operand: [i8; COLS] = std::array::from_fn(|_| random.random());
                    let at = |base: u32, a: usize| (i64::from(base) + i64::from(step.offset[a])) as usize;
                    let p = &params[at(post.param_base, 1) * COLS..][..COLS];
                    takes.push_back(t);
                    totals.push_back((t + 2, sums));
                    let dst = at(post.dst_base, 0) as u64;
                    if raw {
                        for (q, (a, p)) in sums.iter().zip(p).enumerate() {
                            due.push_back((t + 10 + groups + q as u64, dst + q as u64, (a + p.bias).to_le_bytes().to_vec()));
                        }
                        continue;
                    }
                    if post.residual.is_some() {
                        reads.push_back((t + 5 + late, at(100, 2) as u64));
                        operands.push_back((t + 10 + late, operand));
                    }
                    let bytes = (0..COLS)
                        .map(|c| {
                            let mut v = requant_integer(sums[c] + p[c].bias, p[c].q, p[c].shift, post.zero_point);
                            if let Some(table) = post.lut {
                                v = luts[table as usize][v as u8 as usize];
                            }
                            if let Some(r) = post.residual {
                                let (va, vb) = (i64::from(v), i64::from(operand[c]));
                                let terms = match r.join {
                                    Join::Product { zeros } => {
                                        (va - i64::from(zeros[0])) * (vb - i64::from(zeros[1])) * i64::from(r.ma)
                                    }
                                    _ => va * i64::from(r.ma) + vb * i64::from(r.mb),
                                };
                                let sum = terms + r.offset;
                                let floor = sum >> r.shift;
                                let (rest, half) = (sum - (floor << r.shift), 1i64 << (r.shift - 1));
                                let rounded = floor + i64::from(rest > half || (rest == half && floor & 1 == 1));
                                let added = (rounded + i64::from(r.zero_point)).clamp(-128, 127) as i8;
                                v = if r.join == Join::Larger { v.max(operand[c]) } else { added };
                            }
                            v.clamp(post.lo, post.hi) as u8
                        })
                        .collect();
                    due.push_back((t + delay, dst, bytes));
                }
                for now in 0..t + 24 {
                    let taken = takes.front() == Some(&now);
                    take.set(taken.into());
                    if taken {
                        takes.pop_front();
                    }
                    // Sums and operands stand for one cycle.
                    total.set_bytes(&std::array::from_fn::<u8, { 4 * COLS }, _>(|_| random.random()));
                    rw.set_bytes(&std::array::from_fn::<u8, COLS, _>(|_| random.random()));
                    if let Some((_, sums)) = totals.front().filter(|x| x.0 == now) {
                        total.set_bytes(&sums.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>());
                        totals.pop_front();
                    }
                    if let Some((_, operand)) = operands.front().filter(|x| x.0 == now) {
                        rw.set_bytes(&operand.map(|v| v as u8));
                        operands.pop_front();
                    }
                    clk.rising_edge().await;
                    let read = reads.front().filter(|r| r.0 == now).copied();
                    assert_eq!(rv.is_high(), read.is_some(), "operand read in cycle {now}");
                    if let Some((_, address)) = read {
                        assert_eq!(ra.get(), address);
                        reads.pop_front();
                    }
                    let write = due.front().filter(|d| d.0 == now).cloned();
                    assert_eq!(ov.is_high(), write.is_some(), "write in cycle {now} of instruction {n}");
                    if let Some((_, address, bytes)) = write {
                        let mut got = [0u8; COLS];
                        odata.get_bytes(&mut got);
                        assert_eq!(
                            (od.get(), oa.get(), got.to_vec()),
                            (post.dest as u64, address, bytes),
                            "instruction {n}: {post:?}"
                        );
                        due.pop_front();
                        writes += 1;
                    }
                }
                assert!(due.is_empty());
            }
            assert!(writes > 500);
        },
    );
}

#[test]
fn skid_passes_every_word_in_order_at_full_rate() {
    bench(&block("systole_skid").parameter("WIDTH", 16), 5, |sim, clk| async move {
        let [sv, sr, sd, mv, mr, md] =
            ["s_valid_i", "s_ready_o", "s_data_i", "m_valid_o", "m_ready_i", "m_data_o"].map(|n| sim.signal(n));
        let mut random = sim.random("stalls");
        for (give, take) in [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.5, 0.5)] {
            let (mut sent, mut got, mut offered) = (0u64, 0u64, false);
            let start = clk.cycle();
            while got < 500 {
                if !offered && random.chance(give) {
                    offered = true;
                }
                sv.set(offered.into());
                sd.set(sent & 0xffff);
                let ready = random.chance(take);
                mr.set(ready.into());
                clk.rising_edge().await;
                if offered && sr.is_high() {
                    sent += 1;
                    offered = false;
                }
                if mv.is_high() && ready {
                    assert_eq!(md.get(), got & 0xffff);
                    got += 1;
                }
            }
            if give == 1.0 && take == 1.0 {
                assert!(clk.cycle() - start < 510, "full throughput");
            }
            // Drain.
            sv.set(0);
            mr.set(1);
            while got < sent {
                clk.rising_edge().await;
                if mv.is_high() {
                    got += 1;
                }
            }
            clk.cycles(2).await;
        }
    });
}

/// Runs two starts, and a third in a cycle relative to the first DONE; gives the error and how many runs follow.
fn third_start(at: i64) -> (u64, u64) {
    bench(&block("systole_control"), 1, move |sim, clk| async move {
        for name in ["in_none_i", "out_room_i", "out_next_room_i"] {
            sim.signal(name).set(1);
        }
        let [start, done, arm, next, error] = ["start_i", "done_i", "arm_o", "next_o", "error_o"].map(|s| sim.signal(s));
        let pulse = start.clone();
        pulse.set(1);
        clk.rising_edge().await;
        pulse.set(0);
        while arm.get() == 0 {
            clk.rising_edge().await;
        }
        // The first run goes on; the second start waits behind it.
        pulse.set(1);
        clk.rising_edge().await;
        pulse.set(0);
        clk.cycles(5).await;
        let mut runs = 0;
        for cycle in -3i64..60 {
            // DONE of the first run in cycle 0, of those that follow every ten cycles.
            let end = cycle >= 0 && cycle % 10 == 0 && (cycle == 0 || runs * 10 >= cycle as u64);
            done.set(end.into());
            start.set((cycle == at).into());
            clk.rising_edge().await;
            runs += u64::from(end && next.get() == 1);
        }
        (error.get() & 0xff, runs)
    })
}

/// What run control has to do, cycle by cycle: starts in a queue, a run or none, and the series that AUTO keeps up.
#[derive(Default)]
struct Starts {
    waiting: u64,
    running: bool,
    /// Cycle 0 of the run, and of the first of its series.
    launched: u64,
    series: Option<u64>,
    error: u64,
    /// A start in the last cycle was one too many: ERROR says so a cycle later.
    refused: bool,
    own: u64,
    runs: u64,
}

#[test]
fn runs_follow_by_themselves_until_none_is_left_or_something_ends_them() {
    const NAMES: [&str; 9] =
        ["start_i", "abandon_i", "auto_i", "stop_i", "poison_i", "bad_frame_i", "error_clear_i", "out_next_room_i", "entry_we_i"];
    let seen = bench(&block("systole_control").parameter("AUTO", 1), 11, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        s("in_none_i").set(1);
        let inputs = NAMES.map(s);
        let [room, done, arm, next, step, clear, status, error, cycles] =
            ["out_room_i", "done_i", "arm_o", "next_o", "step_o", "auto_clear_o", "status_o", "error_o", "auto_cycles_o"].map(s);
        let mut random = sim.random("stimuli");
        let mut m = Starts::default();
        let (mut length, mut behind, mut seen) = (5, [true; 2], [0u64; 8]);
        for t in 0..60_000u64 {
            // Long calm stretches between hard ones.
            let calm = t / 500 % 2 == 0;
            let [rare, often] = if calm { [0.0, 0.02] } else { [0.02, 0.3] };
            let chances = [often, rare, if calm { 0.95 } else { 0.6 }, rare, rare / 4.0, rare / 4.0, 0.1, 0.8, 0.1];
            let given: [bool; 9] = std::array::from_fn(|i| random.chance(chances[i]));
            let [start, abandon, auto, stop, poison, bad, error_clear, next_room, entry] = given;
            inputs.iter().zip(given).for_each(|(signal, value)| signal.set(value.into()));
            let this_room = random.chance(0.8);
            room.set(this_room.into());
            let end = m.running && t == m.launched + length;
            done.set(end.into());
            clk.rising_edge().await;

            assert_eq!(
                status.get() & 0b111,
                u64::from(m.running)
                    | u64::from(!m.running && m.waiting > 0) << 1
                    | u64::from(m.waiting + u64::from(m.running) == 2) << 2,
                "STATUS in cycle {t}"
            );
            assert_eq!(error.get() & 0xff, m.error, "ERROR in cycle {t}");
            // At END: another run of the chip's own, or none.
            let halt = abandon || poison || m.error != 0;
            let own = end && auto && !stop && !halt;
            assert_eq!(step.is_high(), own, "an own start in cycle {t}");
            assert_eq!(clear.is_high(), halt || end && stop, "AUTO is cleared in cycle {t}");
            let full = m.waiting + u64::from(m.running) == 2;
            let queued = m.waiting;
            m.waiting += u64::from(own);
            let goes_on = end && m.waiting > 0 && next_room;
            assert!(!end || next.is_high() == goes_on, "launch behind END in cycle {t}");
            if end {
                assert_eq!(Some(cycles.get()), m.series.map(|first| t - first), "AUTO_CYCLES at END in cycle {t}");
                seen[0] += u64::from(own && goes_on);
                seen[1] += u64::from(own && !goes_on);
                seen[2] += u64::from(auto && halt);
                seen[3] += u64::from(auto && stop);
                seen[4] += u64::from(own && queued > 0);
                m.series = m.series.filter(|_| own).or(goes_on.then_some(t + 1));
                m.runs += 1;
                m.own += u64::from(own);
            }
            let idle = behind == [false; 2]; // in the two cycles before, and the first row was not another
            let arms = !m.running && queued > 0 && this_room && idle;
            assert_eq!(arm.is_high(), arms, "arming in cycle {t}");
            let refused = start && full && (own || !goes_on);
            seen[5] += u64::from(own && start);
            m.waiting = if abandon { 0 } else { m.waiting + u64::from(start && !refused) - u64::from(arms || goes_on) };
            if !m.running && !arms && abandon {
                m.series = None;
            }
            if goes_on || arms {
                m.launched = if arms { t + 2 } else { t + 1 };
                m.series = m.series.or(Some(m.launched));
                length = random.below(9);
            }
            behind = [m.running || entry, behind[0]];
            m.running = arms || m.running && (!end || goes_on);
            if m.error == 0 || error_clear {
                m.error = if bad {
                    2
                } else if m.refused {
                    3
                } else {
                    0
                };
            }
            m.refused = refused;
        }
        seen[6] = m.runs;
        seen[7] = m.own;
        seen
    });
    assert!(seen.iter().all(|&n| n > 20), "every case came up: {seen:?}");
}

#[test]
fn a_place_in_the_queue_is_free_in_the_cycle_in_which_its_start_launches() {
    // Before DONE both places are taken; in its cycle the queued start launches and leaves one.
    for (at, expected) in [(-2, (3, 1)), (-1, (3, 1)), (0, (0, 2)), (1, (0, 2)), (9, (0, 2))] {
        assert_eq!(third_start(at), expected, "third start in cycle {at} after DONE");
    }
}

/// Reads and writes of the registers, each in its cycle, whatever the chip shows beside them.
#[test]
fn registers_answer_a_write_after_two_cycles_and_a_read_after_three() {
    bench(
        &block("systole_regs").parameter("MACHINE", 7).parameter("X_DEPTH", 640).parameter("VEC_LANES", 2),
        8,
        |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let [arvalid, arready, araddr] = ["s_arvalid_i", "s_arready_o", "s_araddr_i"].map(s);
            let [rvalid, rready, rdata, rresp] = ["s_rvalid_o", "s_rready_i", "s_rdata_o", "s_rresp_o"].map(s);
            let [awvalid, awready, awaddr] = ["s_awvalid_i", "s_awready_o", "s_awaddr_i"].map(s);
            let [wvalid, wready, wdata, wstrb] = ["s_wvalid_i", "s_wready_o", "s_wdata_i", "s_wstrb_i"].map(s);
            let [bvalid, bready, bresp] = ["s_bvalid_o", "s_bready_i", "s_bresp_o"].map(s);
            let [vectors, rram, rram_address] = ["vectors_i", "rram_rdata_i", "rram_raddr_o"].map(s);
            // What the chip shows, by register.
            let shown = [
                ("STATUS", "status_i"),
                ("ERROR", "error_i"),
                ("CYCLES_LO", "cycles_i"),
                ("RUNS", "runs_i"),
                ("IRQ_STATUS", "irq_status_i"),
                ("EVENT_FRAMES_IN", "frames_in_i"),
                ("EVENT_FRAMES_OUT", "frames_out_i"),
                ("EVENT_FRAMES_DROPPED", "frames_dropped_i"),
                ("UPLOAD_TARGET", "target_i"),
                ("UPLOAD_ADDRESS", "address_i"),
                ("UPLOAD_COUNT", "count_i"),
                ("SEQ_ROW", "seq_row_i"),
                ("SEQ_CYCLE", "seq_cycle_i"),
                ("EVENT_VALUE", "event_value_i"),
                ("ARGMAX", "argmax_i"),
            ]
            .map(|(register, port)| (register, s(port)));
            let fixed = [("CONFIG", 7), ("X_DEPTH", 640), ("VEC_LANES", 2), ("CYCLES_HI", 0), ("START", 0)];
            let held = ["IN_BYTES", "OUT_BYTES", "START_LIMIT", "SCRATCH"];
            let mut random = sim.random("registers");
            let mut kept = [0u64; 4];
            let mut high = 0;
            for n in 0..2000u32 {
                // Any address, one that has no register among them, with a random hold of READY.
                let address = random.below(0x200) as u32;
                let place = address & !3;
                let register = REGS.iter().find(|r| r.offset == place);
                let (hold, now) = (random.below(4), random.below(u64::MAX));
                // A write of one of those that only hold, and its response.
                let which = n as usize % held.len();
                let value = random.below(1 << 32);
                awaddr.set(REGS.iter().find(|r| r.name == held[which]).unwrap().offset.into());
                wdata.set(value);
                wstrb.set(15);
                for line in [&awvalid, &wvalid] {
                    line.set(1);
                }
                clk.until(5, "AWREADY", || awready.is_high() && wready.is_high()).await.unwrap();
                for line in [&awvalid, &wvalid] {
                    line.set(0);
                }
                for after in 1..=2 {
                    clk.rising_edge().await;
                    assert_eq!(bvalid.is_high(), after == 2, "BVALID {after} cycles behind the write");
                }
                assert_eq!(bresp.get(), 0);
                bready.set(1);
                clk.rising_edge().await;
                bready.set(0);
                kept[which] = value;
                // What the chip shows stands in the cycle behind the address alone.
                arvalid.set(1);
                araddr.set(address.into());
                clk.until(5, "ARREADY", || arready.is_high()).await.unwrap();
                arvalid.set(0);
                let there = register.is_some_and(|r| r.name.starts_with("RRAM_") && r.name != "RRAM_DEPTH");
                let numbers = shown.each_ref().map(|(_, port)| now.rotate_left(port.width()) & ((1 << port.width()) - 1));
                for ((_, port), number) in shown.iter().zip(numbers) {
                    port.set(number);
                }
                vectors.set(now);
                rram.set(if there { now >> 32 } else { 0 });
                clk.rising_edge().await;
                assert_eq!(rram_address.get(), u64::from(place));
                for (_, port) in &shown {
                    port.set(0);
                }
                vectors.set(0);
                rram.set(0);
                for after in 2..=3 {
                    assert!(!rvalid.is_high(), "RVALID before {after} cycles");
                    clk.rising_edge().await;
                }
                let name = register.map_or("", |r| r.name);
                let expected = if there {
                    now >> 32
                } else if name == "EVENT_MACS_LO" {
                    high = now >> 32;
                    now & 0xffff_ffff
                } else if let Some(at) = held.iter().position(|h| *h == name) {
                    kept[at]
                } else if let Some(at) = shown.iter().position(|(r, _)| *r == name) {
                    numbers[at]
                } else if let Some((_, number)) = fixed.iter().find(|(r, _)| *r == name) {
                    *number
                } else if name == "EVENT_MACS_HI" {
                    high
                } else {
                    rdata.get()
                };
                for _ in 0..=hold {
                    assert!(rvalid.is_high());
                    assert_eq!(rresp.get(), if register.is_some() { 0 } else { 2 }, "response at {address:#x}");
                    assert_eq!(rdata.get(), expected, "{name} at {address:#x}");
                    clk.rising_edge().await;
                }
                rready.set(1);
                clk.rising_edge().await;
                rready.set(0);
            }
        },
    );
}
