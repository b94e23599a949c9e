// SPDX-License-Identifier: Apache-2.0
//! Programs written by hand: what the compiler does not emit yet (run-time weights in W SRAM by column and by row,
//! STORE), and padding and LOAD with rotation, mask and constant without its help. The RTL against the
//! instruction-level model, and the first cases against sums made here.

use crate::common::side_by_side;
use rand::RngExt;
use systole_backends::{Backend, run_frames};
use systole_golden::Machine;
use systole_isa::image::{Dtype, Tensor};
use systole_isa::nest::{Nest, Stride};
use systole_isa::program::{Pad, Post, PostDest, Program, Row};
use systole_isa::requant::Param;
use systole_isa::{Config, Image, Instruction, Latency, Load, Matmul, Store, fingerprint};
use systole_verif::{MIXED, TALL, long};
use systole_workloads::random;

fn nest(loops: &[(u32, u8, [i32; 3])]) -> Nest {
    let strides: Vec<Stride> =
        loops.iter().map(|&(count, gap, d)| Stride { count, gap, stride: [d[0], d[1], d[2], 0, 0] }).collect();
    Nest::from_strides(&strides)
}

fn image(
    config: &Config,
    rows: Vec<(u64, Instruction)>,
    weights: Vec<i8>,
    params: Vec<Param>,
    in_bytes: u32,
    out_words: u32,
) -> Image {
    let program = Program { rows: rows.into_iter().map(|(cycle, instruction)| Row { cycle, instruction }).collect() };
    let (timetable, descriptors) = program.encode().unwrap();
    Image {
        fingerprint: fingerprint(),
        config_id: config.image_id(),
        weight_beats: config.weight_beats,
        in_bytes,
        out_bytes: out_words * config.cols,
        timetable,
        descriptors,
        params,
        luts: vec![],
        weights,
        taps: vec![],
        vector: vec![],
        input: Tensor::dense(1, in_bytes, Dtype::Int8),
        output: Tensor::dense(1, out_words * config.cols, Dtype::Int8),
        macs: 1,
        name: "by hand".into(),
        tables: vec![],
        before: None,
    }
}

/// Runs two frames on both; they agree in every byte and cycle. Returns the frames.
fn agree(config: &Config, image: &Image, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let options = systole_chip::Options::default();
    let rtl = run_frames(Backend::Rtl, config, image, frames.to_vec(), &options, |_| {}).unwrap();
    let mut machine = Machine::new(config.clone());
    machine.load_image(image).unwrap();
    let cycles = image.program().unwrap().cycles();
    for (frame, got) in frames.iter().zip(&rtl.outputs) {
        let model = machine.run(frame).unwrap();
        assert_eq!((got.cycles, model.cycles), (cycles, cycles));
        assert_eq!(got.frame[..model.frame.len()], model.frame[..], "{}", config.label());
    }
    rtl.outputs.into_iter().map(|o| o.frame).collect()
}

fn identity(channels: usize, bias: i32) -> Vec<Param> {
    // Scale 2^-6: sums of a few products of small codes stay inside int8.
    vec![Param { bias, q: 1 << 23, shift: 29 }; channels]
}

fn small_codes(rng: &mut impl rand::Rng, n: usize) -> Vec<i8> {
    (0..n).map(|_| rng.random_range(-12..=12)).collect()
}

/// A K matrix is made at run time, stored in W SRAM (by column or by row) and multiplied with.
fn run_time_weights(name: &str, beats: u32, by_column: bool) {
    let config = Config::named(name).unwrap().with_weight_beats(beats).unwrap();
    let (r, c, g) = (config.rows as usize, config.cols as usize, config.groups());
    let mut rng = random::generator(42 + u64::from(beats));
    let weights = small_codes(&mut rng, r * c);
    let count = c as u32; // vectors that the matrix is made of, and as many that it is multiplied with
    let words = 2 * count * g;
    let gap = config.post_beats() as u8 - 1; // POST takes a vector in groups of lanes
    let load = Load { mask: ((1u64 << c) - 1) as u32, nest: nest(&[(words, 0, [1, c as i32, 0])]), ..Default::default() };
    let make = Matmul { hold: 1, first: true, last: true, nest: nest(&[(count, gap, [1, 0, 1])]), ..Default::default() };
    let (word, step) = (3u32, if by_column { g } else { 1 });
    let dst_base = if by_column { word * c as u32 * g } else { word * r as u32 };
    let keep = Post {
        dst_base,
        dest: if by_column { PostDest::WColumn } else { PostDest::WRow },
        lo: -128,
        hi: 127,
        nest: nest(&[(count, gap, [step as i32, 0, 0])]),
        ..Default::default()
    };
    let multiply = Matmul {
        x_base: count,
        w_base: word,
        w_sram: true,
        hold: 1,
        first: true,
        last: true,
        nest: nest(&[(count, 3, [1, 0, 0])]),
        ..Default::default()
    };
    let out = Post { dest: PostDest::OutRaw32, nest: nest(&[(count, 0, [4, 0, 0])]), ..Default::default() };
    let rows = vec![
        (0, Instruction::Load(load)),
        (u64::from(words) + 20, Instruction::Matmul(make)),
        (u64::from(words) + 23, Instruction::Post(keep)),
        (u64::from(words) + 200, Instruction::Matmul(multiply)),
        (u64::from(words) + 203, Instruction::Post(out)),
        (u64::from(words) + 600, Instruction::End),
    ];
    let bytes = 2 * c * r;
    let image = image(&config, rows, weights.clone(), identity(c, 0), bytes as u32, 4 * count);
    let frames: Vec<Vec<u8>> = (0..2)
        .map(|_| {
            let mut frame: Vec<u8> = small_codes(&mut rng, bytes).iter().map(|&v| v as u8).collect();
            // The matrix has C rows. What W SRAM holds in others nobody wrote, so nothing is multiplied with it.
            frame[c * r..].chunks_exact_mut(r).for_each(|vector| vector[c..].fill(0));
            frame
        })
        .collect();
    let outputs = agree(&config, &image, &frames);
    for (frame, got) in frames.iter().zip(outputs) {
        let x = |v: usize, i: usize| i32::from(frame[v * r + i] as i8);
        // made[v][j] = requantised x[v] . W[.][j]; it becomes column v, or row v, of the new weights.
        let made: Vec<Vec<i32>> = (0..c)
            .map(|v| {
                (0..c)
                    .map(|j| {
                        let sum: i32 = (0..r).map(|i| x(v, i) * i32::from(weights[i * c + j])).sum();
                        (sum as f32 / 64.0).round_ties_even().clamp(-128.0, 127.0) as i32
                    })
                    .collect()
            })
            .collect();
        for v in 0..c {
            for col in 0..c {
                let expected: i32 = (0..c).map(|i| x(c + v, i) * if by_column { made[col][i] } else { made[i][col] }).sum();
                let at = (v * c + col) * 4;
                assert_eq!(i32::from_le_bytes(got[at..at + 4].try_into().unwrap()), expected, "{name}, vector {v}, column {col}");
            }
        }
    }
}

/// The first of them; in the long suite also those whose models no other test of the quick one has.
fn quick<'a>(all: &[(&'a str, u32)], count: usize) -> Vec<(&'a str, u32)> {
    all[..if long() { all.len() } else { count }].to_vec()
}

#[test]
fn weights_made_at_run_time_are_stored_by_column_and_by_row() {
    let all = [("tiny", 1), (TALL, 4), (MIXED, 2), ("nano", 1), ("tiny", 4), ("wide", 1), ("small", 2)];
    side_by_side(quick(&all, 4), |(name, beats)| {
        [true, false].into_iter().for_each(|by_column| run_time_weights(name, beats, by_column));
    });
}

/// Instructions one behind the other, each with another zero point, that load a word in every cycle.
fn zero_points(name: &str, beats: u32) {
    let config = Config::named(name).unwrap().with_weight_beats(beats).unwrap();
    let (r, c, g) = (config.rows as usize, config.cols as usize, config.groups());
    let mut rng = random::generator(u64::from(beats) + c as u64);
    let zeros = [0i8, 127, -128, -1, 1, rng.random(), 0];
    let (terms, sums) = (4, 3);
    let steps = terms * sums; // of each instruction
    let mut weights = random::codes(&mut rng, zeros.len() * steps * r * c);
    // The largest products there are: 255 times 128, both ways.
    for (instruction, extreme) in [(1, -128), (2, 127)] {
        weights[instruction * steps * r * c..][..terms * r * c].fill(extreme);
    }
    let words = steps as u32 * g;
    let load = Load { mask: ((1u64 << c) - 1) as u32, nest: nest(&[(words, 0, [1, c as i32, 0])]), ..Default::default() };
    let mut rows = vec![(0, Instruction::Load(load))];
    let issue = u64::from(Latency::of(&config).issue);
    let gap = beats as u8 - 1;
    let mut first = u64::from(words) + 30;
    for (n, &w_zero) in zeros.iter().enumerate() {
        let step = |count: usize| Stride { count: count as u32, gap, stride: [1, 1, 0, 0, 0] };
        let nest = Nest::from_strides(&[step(terms), Stride { stride: [4, 4, 0, 0, 0], ..step(sums) }]);
        let (w_base, span) = ((n * steps) as u32, nest.span());
        let matmul = Matmul { w_base, w_zero, reduce: 1, first: true, last: true, nest, ..Default::default() };
        let matmul = Instruction::Matmul(matmul);
        rows.push((first - u64::from(matmul.words()) - issue, matmul));
        if n == 0 {
            let all = (zeros.len() * sums) as u32;
            let post = Post { dest: PostDest::OutRaw32, nest: nest_of(all), ..Default::default() };
            rows.push((first, Instruction::Post(post)));
        }
        first += span + u64::from(beats);
    }
    rows.push((first + 200, Instruction::End));
    let out_words = 4 * (zeros.len() * sums) as u32;
    let image = image(&config, rows, weights.clone(), identity(c, 0), words * config.cols, out_words);
    let frames: Vec<Vec<u8>> = (0..2)
        .map(|_| {
            let mut frame: Vec<u8> = random::codes(&mut rng, steps * r).iter().map(|&v| v as u8).collect();
            frame[..terms * r].fill(0x80);
            frame
        })
        .collect();
    for (frame, got) in frames.iter().zip(agree(&config, &image, &frames)) {
        for (n, &zero) in zeros.iter().enumerate() {
            for (s, col) in (0..sums).flat_map(|s| (0..c).map(move |col| (s, col))) {
                let expected: i32 = (0..terms * r)
                    .map(|at| {
                        let x = i32::from(frame[s * terms * r + at] as i8);
                        x * (i32::from(weights[((n * steps + s * terms) * r + at) * c + col]) - i32::from(zero))
                    })
                    .sum();
                let at = ((n * sums + s) * c + col) * 4;
                let got = i32::from_le_bytes(got[at..at + 4].try_into().unwrap());
                assert_eq!(got, expected, "{name}/D{beats}, zero point {zero}, sum {s}, column {col}");
            }
        }
    }
}

fn nest_of(vectors: u32) -> Nest {
    nest(&[(vectors, 0, [4, 0, 0])])
}

#[test]
fn zero_points_of_weights_count_for_their_own_words_alone() {
    let all = [("base", 1), (MIXED, 2), ("wide", 1), ("base", 2), ("tiny,WEIGHT_ZERO=1", 1), ("large", 1)];
    // The far columns of large are in the row slice's bench, too.
    side_by_side(quick(&all, 2), |(name, beats)| zero_points(name, beats));
}

#[test]
fn a_machine_that_subtracts_no_zero_point_refuses_the_program() {
    let config = Config::named("small").unwrap();
    let matmul = Matmul { w_zero: 1, first: true, last: true, nest: nest(&[(1, 0, [0; 3])]), ..Default::default() };
    let rows = vec![(0, Instruction::Matmul(matmul)), (90, Instruction::End)];
    let image = image(&config, rows, vec![0; 64], identity(8, 0), 8, 1);
    let error = Machine::new(config).load_image(&image).unwrap_err().to_string();
    assert!(error.contains("subtracts no zero point"), "{error}");
}

#[test]
fn a_padded_3x3_window_multiplies_the_zero_point_outside_the_image() {
    // A 4 x 5 image with R channels, 3 x 3 kernel, pad 1: seven loops would do; five are enough here.
    let config = Config::named("tiny").unwrap();
    let (r, c) = (config.rows as usize, config.cols as usize);
    let (h, w, zero) = (4i32, 5i32, -7i8);
    let mut rng = random::generator(7);
    let weights = random::codes(&mut rng, 9 * r * c);
    let s = |count: i32, gap, stride| Stride { count: count as u32, gap, stride };
    let window = Matmul {
        x_base: 64 - (w + 1) as u32,
        first: true,
        last: true,
        hold: 2,
        reduce: 0b1100,
        pad: Some(Pad { value: zero, y_base: -1, x_base: -1, y_size: h as u32, x_size: w as u32 }),
        nest: Nest::from_strides(&[
            s(w, 0, [1, 0, 1, 0, 1]), // x
            s(h, 0, [w, 0, w, 1, 0]), // y
            s(3, 0, [1, 1, 0, 0, 1]), // kw
            s(3, 0, [w, 3, 0, 1, 0]), // kh
        ]),
        ..Default::default()
    };
    let pixels = (h * w) as u32;
    let load = Load { dst_base: 64, mask: 0xf, nest: nest(&[(pixels, 0, [1, c as i32, 0])]), ..Default::default() };
    let post = Post {
        dest: PostDest::Out,
        zero_point: 5,
        lo: -128,
        hi: 127,
        nest: nest(&[(pixels, 0, [1, 0, 0])]),
        ..Default::default()
    };
    let rows = vec![
        (0, Instruction::Load(load)),
        (60, Instruction::Matmul(window)),
        (66, Instruction::Post(post)),
        (400, Instruction::End),
    ];
    let params = vec![Param { bias: 100, q: 12_345_678, shift: 33 }; c];
    let image = image(&config, rows, weights.clone(), params, pixels * r as u32, pixels);
    let frames: Vec<Vec<u8>> =
        (0..2).map(|_| random::codes(&mut rng, (pixels as usize) * r).iter().map(|&v| v as u8).collect()).collect();
    for (frame, got) in frames.iter().zip(agree(&config, &image, &frames)) {
        for y in 0..h {
            for x in 0..w {
                for j in 0..c {
                    let mut sum = 100i32;
                    for (kh, kw) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
                        let (iy, ix) = (y + kh - 1, x + kw - 1);
                        for i in 0..r {
                            let inside = (0..h).contains(&iy) && (0..w).contains(&ix);
                            let v = if inside { frame[(iy * w + ix) as usize * r + i] as i8 } else { zero };
                            sum += i32::from(v) * i32::from(weights[((kh * 3 + kw) as usize * r + i) * c + j]);
                        }
                    }
                    let expected = systole_golden::operator::requant_integer(sum, 12_345_678, 33, 5);
                    assert_eq!(got[(y * w + x) as usize * c + j] as i8, expected, "pixel ({y}, {x}), channel {j}");
                }
            }
        }
    }
}

#[test]
fn loads_of_every_kind_come_back_through_store() {
    let all = [("tiny", 1), ("small", 1), ("base", 1), ("wide", 1)];
    side_by_side(quick(&all, 3), |(name, _)| {
        let config = Config::named(name).unwrap();
        let (c, g) = (config.cols, config.groups());
        let mut rng = random::generator(99);
        let all = ((1u64 << c) - 1) as u32;
        let words = 24;
        let mut rows = vec![];
        let mut cycle = 0;
        // First everything, then pieces over it.
        let mut put = |load: Load, cycle: &mut u64| {
            let span = load.nest.span();
            rows.push((*cycle, Instruction::Load(load)));
            *cycle += span + 12;
        };
        put(Load { mask: all, nest: nest(&[(words, 0, [1, c as i32, 0])]), ..Default::default() }, &mut cycle);
        for _ in 0..12 {
            let load = Load {
                dst_base: rng.random_range(0..words / 2),
                src_base: rng.random_range(0..c * 8),
                rotate: rng.random_range(0..c),
                mask: rng.random::<u32>() & all,
                fill: rng.random_bool(0.3).then(|| rng.random()),
                nest: nest(&[
                    (rng.random_range(1..4), rng.random_range(0..3), [1, rng.random_range(-3..9), 0]),
                    (rng.random_range(1..3), 1, [3, 5, 0]),
                ]),
            };
            put(load, &mut cycle);
        }
        let store = Store { nest: nest(&[(words / 2, 1, [2, 2, 0]), (2, 0, [1, 1, 0])]), ..Default::default() };
        let span = store.nest.span();
        rows.push((cycle + 10, Instruction::Store(store)));
        rows.push((cycle + 40 + span, Instruction::End));
        let bytes = words * c;
        let image = image(&config, rows, vec![], identity(c as usize, 0), bytes, words);
        let frames: Vec<Vec<u8>> =
            (0..2).map(|_| random::codes(&mut rng, bytes as usize).iter().map(|&v| v as u8).collect()).collect();
        let outputs = agree(&config, &image, &frames);
        assert!(outputs.iter().zip(&frames).all(|(o, f)| o != f), "{name}, {g} groups: the pieces changed something");
    });
}
