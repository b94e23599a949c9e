// SPDX-License-Identifier: Apache-2.0
//! The image upload: every target in order, and what is beyond a memory.

use crate::common::{bench, block, side_by_side};
use harness::axi::StreamSource;
use harness::verilated::Spec;
use harness::{Pause, Stream};
use systole_isa::regs::UPLOAD_TARGETS;

const RRAM_DEPTH: usize = 64;
const PARAM_DEPTH: usize = 8;
const LUT_COUNT: usize = 2;
const TAP_DEPTH: usize = 4;
const VEC_PARAM_DEPTH: usize = 4;
const TIMETABLE_DEPTH: usize = 32;
const DESC_DEPTH: usize = 16;

/// An upload with memories of these sizes.
fn spec(cols: usize) -> Spec {
    block("systole_upload")
        .parameter("ROWS", cols)
        .parameter("COLS", cols)
        .parameter("RRAM_DEPTH", RRAM_DEPTH)
        .parameter("PARAM_DEPTH", PARAM_DEPTH)
        .parameter("LUT_COUNT", LUT_COUNT)
        .parameter("LANE_TAPS", 9)
        .parameter("TAP_DEPTH", TAP_DEPTH)
        .parameter("VEC_LANES", 2)
        .parameter("VEC_PARAM_DEPTH", VEC_PARAM_DEPTH)
        .parameter("TIMETABLE_DEPTH", TIMETABLE_DEPTH)
        .parameter("DESC_DEPTH", DESC_DEPTH)
}

/// Uploads to one target and returns its writes as (address, data), in order.
fn upload(cols: usize, target: u64, bytes: Vec<u8>) -> (Vec<(u64, u64)>, bool) {
    bench(&spec(cols), 3, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let source = StreamSource::new(&clk, "s_", Pause::random(0.2, sim.random("source")));
        s("set_target_i").set(1);
        s("set_data_i").set(target);
        clk.rising_edge().await;
        s("set_target_i").set(0);
        let names = ["row_we_o", "desc_we_o", "param_we_o", "lut_we_o", "rram_valid_o"];
        let we = s(names[target as usize]);
        let (program, param, data) = (s("program_addr_o"), s("param_addr_o"), s("data_o"));
        let (lut_addr, lut_data) = (s("lut_addr_o"), s("lut_data_o"));
        let (ready, index, word) = (s("rram_ready_i"), s("rram_index_o"), s("rram_data_o"));
        let mut pauses = sim.random("ready");
        let refused = s("refused_range_o");
        source.send(bytes);
        let (mut writes, mut range) = (Vec::new(), false);
        for _ in 0..6000 {
            let takes = pauses.chance(0.5);
            ready.set(takes.into());
            clk.rising_edge().await;
            range |= refused.is_high();
            if we.is_high() && (target < 4 || takes) {
                writes.push(match target {
                    0 | 1 => (program.get(), data.get()),
                    2 => (param.get(), data.get()),
                    3 => (lut_addr.get(), lut_data.get()),
                    _ => (index.get(), word.get()),
                });
            }
        }
        (writes, range)
    })
}

#[test]
fn upload_writes_every_target_in_order_for_every_width() {
    let mut random = Stream::new(1, "upload");
    let mut bytes = vec![0u8; 256];
    random.fill(&mut bytes);
    side_by_side([4usize, 8, 16, 32], |cols| {
        for target in 0..3 {
            let (writes, range) = upload(cols, target, bytes.clone());
            let expected: Vec<(u64, u64)> =
                bytes.chunks(8).enumerate().map(|(n, b)| (n as u64, u64::from_le_bytes(b.try_into().unwrap()))).collect();
            assert_eq!(writes, expected, "{cols} columns, target {target}");
            assert!(!range);
        }
        let (writes, _) = upload(cols, 3, bytes.clone());
        let expected: Vec<(u64, u64)> = bytes.iter().enumerate().map(|(n, &b)| (n as u64, b.into())).collect();
        assert_eq!(writes, expected, "{cols} columns, lookup tables");
        let (writes, _) = upload(cols, 4, bytes.clone());
        let expected: Vec<(u64, u64)> = bytes
            .chunks(cols)
            .enumerate()
            .map(|(n, b)| {
                let mut low = [0u8; 8];
                low[..cols.min(8)].copy_from_slice(&b[..cols.min(8)]);
                (n as u64, u64::from_le_bytes(low))
            })
            .collect();
        assert_eq!(writes, expected, "{cols} columns, RRAM, at the pace of its controller");
    });
}

#[test]
fn upload_beyond_a_memory_is_refused_and_reported() {
    // 64 words x 8 rows x 8 bytes of RRAM, and one word more.
    let (writes, range) = upload(8, 4, vec![1; 64 * 8 * 8 + 8]);
    assert_eq!(writes.len(), 64 * 8);
    assert!(range);
}

/// A write: the memory, the address, the bytes.
type Write = (&'static str, u64, Vec<u8>);

/// What these bytes, sent to a target from an address on, write where (docs/registers.md), and how many of the units or words are beyond the memory.
fn writes(target: &str, address: u64, cols: usize, bytes: &[u8]) -> (Vec<Write>, u64) {
    let tables = LUT_COUNT * 32;
    // The memory, its units, bytes of one.
    let (memory, units, size) = match target {
        "TIMETABLE" => ("row", TIMETABLE_DEPTH, 8),
        "DESC" => ("desc", 2 * DESC_DEPTH, 8),
        "PARAM" => ("param", PARAM_DEPTH * cols, 8),
        "LUT" => ("lut", tables + 256 + VEC_PARAM_DEPTH * cols, 8),
        "RRAM" => ("rram", RRAM_DEPTH * cols, cols),
        "TAP" => ("tap", 4 * TAP_DEPTH * cols, 8),
        "RECORD" => ("record", 64 / cols, cols),
        _ => ("", 0, 8),
    };
    let (mut all, mut beyond) = (vec![], 0);
    for (n, unit) in bytes.chunks_exact(size).enumerate() {
        let at = address + n as u64;
        if at >= units as u64 {
            beyond += 1;
        } else if memory == "lut" && at < tables as u64 {
            all.extend(unit.iter().enumerate().map(|(k, byte)| ("lut", 8 * at + k as u64, vec![*byte])));
        } else if memory == "lut" {
            all.push(("vec", at - tables as u64, unit.to_vec()));
        } else {
            all.push((memory, at, unit.to_vec()));
        }
    }
    (all, beyond)
}

#[test]
fn upload_writes_each_target_from_any_address_refuses_what_is_not_to_be_and_forgets_at_reset() {
    side_by_side([4usize, 8, 16, 32], |cols| {
        bench(&spec(cols), 5, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let [rst, busy, set_target, set_address, set_data] =
                ["rst_i", "busy_i", "set_target_i", "set_address_i", "set_data_i"].map(s);
            let [valid, ready, stream] = ["s_tvalid_i", "s_tready_o", "s_tdata_i"].map(s);
            let [target, address, count, partial] = ["target_o", "address_o", "count_o", "partial_o"].map(s);
            let [refused_busy, refused_range, lut_data, data] =
                ["refused_busy_o", "refused_range_o", "lut_data_o", "data_o"].map(s);
            let [rram_valid, rram_ready, rram_record, rram_index, rram_data] =
                ["rram_valid_o", "rram_ready_i", "rram_record_o", "rram_index_o", "rram_data_o"].map(s);
            let strobes = [
                ("row", "row_we_o", "program_addr_o"),
                ("desc", "desc_we_o", "program_addr_o"),
                ("param", "param_we_o", "param_addr_o"),
                ("tap", "tap_we_o", "tap_addr_o"),
                ("lut", "lut_we_o", "lut_addr_o"),
                ("vec", "vec_we_o", "vec_addr_o"),
            ]
            .map(|(memory, we, address)| (memory, s(we), s(address)));
            let mut random = sim.random("uploads");
            let mut seen = [0usize; 8];
            for job in 0..160usize {
                let name = UPLOAD_TARGETS.get(job % 8).copied().unwrap_or("none");
                let number = job as u64 % 8;
                set_target.set(1);
                set_data.set(number | random.below(1 << 29) << 3);
                clk.rising_edge().await;
                set_target.set(0);
                // From the first word on, around an edge of a memory, or beyond all.
                let units = [
                    TIMETABLE_DEPTH,
                    2 * DESC_DEPTH,
                    PARAM_DEPTH * cols,
                    64 + 256 + 4 * cols,
                    RRAM_DEPTH * cols,
                    16 * cols,
                    64 / cols,
                ];
                let mut edges = units.to_vec();
                edges.extend([64, 64 + 256, 1 << 20]);
                let from = match random.below(4) {
                    0 => 0,
                    1 => (*units.get(job % 8).unwrap_or(&9)).saturating_sub(random.below(9) as usize) as u64,
                    2 => edges[random.below(edges.len() as u64) as usize].saturating_sub(random.below(9) as usize) as u64,
                    _ => random.below(units[job % 7] as u64),
                };
                if from != 0 {
                    set_address.set(1);
                    set_data.set(from);
                    clk.rising_edge().await;
                    set_address.set(0);
                }
                clk.rising_edge().await;
                let given = address.get();
                assert_eq!((target.get(), given, count.get()), (number, from, 0), "behind a new target");
                let refuses = random.chance(0.15);
                busy.set(refuses.into());
                let words = 1 + random.below(24) as usize;
                let mut bytes = vec![0u8; words * cols];
                random.fill(&mut bytes);
                let reset_at = random.chance(0.2).then(|| 1 + random.below(40));
                let (mut sent, mut quiet, mut got, mut refused, mut range, mut went) = (0, 0, Vec::<Write>::new(), 0, 0, false);
                let mut t = 0;
                while quiet < 100 {
                    // A word of tables is 32 writes at most, and three are under way.
                    let offers = sent < words && random.chance(0.7) && !went;
                    valid.set(offers.into());
                    if offers {
                        stream.set_bytes(&bytes[sent * cols..(sent + 1) * cols]);
                    }
                    let takes = random.chance(0.4);
                    rram_ready.set(takes.into());
                    let resets = reset_at == Some(t);
                    rst.set(resets.into());
                    clk.rising_edge().await;
                    t += 1;
                    sent += usize::from(offers && ready.is_high());
                    refused += u64::from(refused_busy.is_high());
                    range += u64::from(refused_range.is_high());
                    let before = got.len();
                    for (memory, _, at) in strobes.iter().filter(|(_, we, _)| we.is_high()) {
                        let mut word = vec![0; 8];
                        data.get_bytes(&mut word);
                        got.push((memory, at.get(), if *memory == "lut" { vec![lut_data.get() as u8] } else { word }));
                    }
                    if rram_valid.is_high() && takes {
                        let mut word = vec![0; cols];
                        rram_data.get_bytes(&mut word);
                        got.push((if rram_record.is_high() { "record" } else { "rram" }, rram_index.get(), word));
                    }
                    assert!(!went || got.len() == before, "{name}: nothing is written behind a reset");
                    went |= resets;
                    quiet = if (sent < words && !went) || got.len() > before || rram_valid.is_high() { 0 } else { quiet + 1 };
                    assert!(t < 3000, "{name}: an upload that ends");
                }
                busy.set(0);
                clk.rising_edge().await;
                let (expected, beyond) = if refuses { (vec![], 0) } else { writes(name, from, cols, &bytes[..sent * cols]) };
                if went {
                    assert_eq!((target.get(), address.get(), count.get(), partial.get()), (0, 0, 0, 0), "behind a reset");
                    assert_eq!(got[..], expected[..got.len()], "{name}: what was written before a reset");
                    continue;
                }
                assert_eq!(got, expected, "{cols} columns: {name} from {from} on");
                assert_eq!(refused, if refuses { words as u64 } else { 0 }, "{name}: words that came in a run");
                // Of a table each byte says so.
                let times = if name == "LUT" { 8 } else { 1 };
                assert_eq!(range, times * beyond, "{name} from {from} on: units beyond the memory");
                assert_eq!(count.get(), words as u64, "{name}: words that came");
                let size = if ["RRAM", "RECORD"].contains(&name) { cols } else { 8 };
                let units = if refuses { 0 } else { words * cols / size };
                assert_eq!(address.get(), from + units as u64, "{name}: where the next unit goes");
                assert_eq!(partial.is_high(), !refuses && !(words * cols).is_multiple_of(size), "{name}: part of a unit");
                seen[job % 8] += got.len();
            }
            assert!(seen[..7].iter().all(|&n| n > 3) && seen[7] == 0, "{seen:?} writes");
        });
    });
}

#[test]
fn words_that_a_run_refuses_are_no_part_of_a_unit() {
    bench(&spec(4), 7, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let [busy, valid, stream, we, data] = ["busy_i", "s_tvalid_i", "s_tdata_i", "row_we_o", "data_o"].map(s);
        let mut random = sim.random("words");
        s("set_target_i").set(1);
        s("set_data_i").set(0);
        clk.rising_edge().await;
        s("set_target_i").set(0);
        let (mut expected, mut got) = (vec![], vec![]);
        for _ in 0..TIMETABLE_DEPTH {
            let halves = [random.below(1 << 32), random.below(1 << 32)];
            expected.push(halves[0] | halves[1] << 32);
            for half in halves {
                // Words of a run come before, between and behind the halves of a unit.
                for refused in (0..random.below(3)).map(|_| true).chain([false]) {
                    busy.set(refused.into());
                    valid.set(1);
                    stream.set(if refused { random.below(1 << 32) } else { half });
                    for _ in 0..6 {
                        clk.rising_edge().await;
                        valid.set(0);
                        we.is_high().then(|| got.push(data.get()));
                    }
                }
            }
        }
        assert_eq!(got, expected);
    });
}
