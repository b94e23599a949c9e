// SPDX-License-Identifier: Apache-2.0
//! POST with all lanes, half of them and one: values and cycles.

use super::shared::unit;
use crate::common::{bench, block};
use rand::RngExt;
use std::collections::VecDeque;
use systole_golden::operator::requant_integer;
use systole_isa::nest::{Nest, Stride};
use systole_isa::program::{Join, Post, PostDest, Residual};
use systole_isa::requant::Param;
use systole_isa::{Config, Instruction, Latency};

#[test]
fn post_requantises_looks_up_adds_clamps_and_writes_in_its_cycle() {
    post_with_lanes(4, true);
}

#[test]
fn post_of_fewer_lanes_takes_a_vector_in_groups() {
    post_with_lanes(2, true);
    post_with_lanes(1, true);
}

#[test]
fn post_without_a_second_operand_takes_as_long() {
    post_with_lanes(2, false);
}

fn post_with_lanes(lanes: u64, second: bool) {
    const COLS: usize = 4;
    let groups = COLS as u64 / lanes;
    let latency = Latency::of(&Config::own()); // of a group
    bench(
        &block("systole_post")
            .parameter("COLS", COLS)
            .parameter("LANES", lanes)
            .parameter("PARAM_DEPTH", 16)
            .parameter("LUT_COUNT", 2)
            .parameter("RESIDUAL", u32::from(second)),
        7,
        move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let names =
                ["param_we_i", "param_waddr_i", "param_wdata_i", "lut_we_i", "lut_waddr_i", "lut_wdata_i", "take_i", "total_i"];
            let [pwe, pwa, pwd, lwe, lwa, lwd, take, total] = names.map(s);
            let names = ["res_valid_o", "res_addr_o", "res_word_i", "out_valid_o", "out_dest_o", "out_addr_o", "out_data_o"];
            let [rv, ra, rw, ov, od, oa, odata] = names.map(s);
            let rst = s("rst_i");
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
                let corner = n % 21; // constants that are 0
                let residual = (second && n % 3 == 1).then(|| Residual {
                    base: 100,
                    join,
                    ma: if corner == 7 { 0 } else { random.random_range(-m..m) },
                    mb: if product || corner == 10 { 0 } else { random.random_range(-m..m) },
                    offset: if corner == 13 { 0 } else { random.random_range(-1 << 25..1 << 25) },
                    shift: if corner == 16 { 0 } else { random.random_range(18..22) },
                    zero_point: random.random_range(-128..=127),
                });
                let raw = n % 5 == 4;
                let post = Post {
                    dst_base: random.random_range(0..1000),
                    param_base: random.random_range(0..8),
                    dest: if raw { PostDest::OutRaw32 } else { PostDest::X },
                    zero_point: random.random_range(-30..30),
                    lo: random.random_range(-128..-20),
                    hi: random.random_range(-20..127),
                    lut: (n % 2 == 1).then(|| random.random_range(0..2)),
                    residual: if raw { None } else { residual },
                    nest: Nest::from_strides(
                        &[
                            Stride { count: random.random_range(1..5), gap: 0, stride: [3, 1, 2, 0, 0] },
                            Stride { count: random.random_range(1..4), gap: 0, stride: [40, 0, 50, 0, 0] },
                            Stride { count: random.random_range(1..3), gap: 0, stride: [160, 0, 3, 0, 0] },
                            Stride { count: random.random_range(1..3), gap: 0, stride: [9, 1, 7, 0, 0] },
                        ][..1 + n as usize % 4],
                    ),
                };
                unit::start(&sim, &clk, &Instruction::Post(post.clone())).await;
                let late = if post.lut.is_some() { u64::from(latency.lut) } else { 0 };
                let plain = u64::from(latency.take_to_write(false, false)) - 1 + groups; // of RAW32 too
                let delay = plain + late + if post.residual.is_some() { latency.residual.into() } else { 0 };
                let read = u64::from(latency.residual_read) + late; // applied; it leaves in the cycle before
                // A reset between the groups of a vector leaves nothing of those to come.
                if n % 10 == 5 {
                    take.set(1);
                    clk.rising_edge().await;
                    take.set(0);
                    rst.set(1);
                    clk.rising_edge().await;
                    rst.set(0);
                    for now in 0..delay + 8 {
                        clk.rising_edge().await;
                        assert!(!ov.is_high() && !rv.is_high(), "{now} cycles behind a reset in the middle of a vector");
                    }
                    unit::start(&sim, &clk, &Instruction::Post(post.clone())).await;
                }
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
                            due.push_back((t + plain + q as u64, dst + q as u64, (a + p.bias).to_le_bytes().to_vec()));
                        }
                        continue;
                    }
                    if post.residual.is_some() {
                        reads.push_back((t + read - 1, at(100, 2) as u64));
                        operands.push_back((t + read + 4, operand));
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
                                // Without a fraction nothing is rounded.
                                let (rest, half) = (sum - (floor << r.shift), (1i64 << r.shift) / 2);
                                let rounded = floor + i64::from(r.shift > 0 && (rest > half || (rest == half && floor & 1 == 1)));
                                let added = (rounded + i64::from(r.zero_point)).clamp(-128, 127) as i8;
                                v = if r.join == Join::Larger { v.max(operand[c]) } else { added };
                            }
                            v.clamp(post.lo, post.hi) as u8
                        })
                        .collect();
                    due.push_back((t + delay, dst, bytes));
                }
                for now in 0..t + delay + 8 {
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
                            "destination, address and clamped codes of instruction {n}: {post:?}"
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
