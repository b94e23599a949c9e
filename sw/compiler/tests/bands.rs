// SPDX-License-Identifier: Apache-2.0
//! Bands of rows: what each band computes and reads, against brute force over rows.

use proptest::prelude::*;
use systole_compiler::band::{Run, cut, window_rows};
use systole_compiler::legalise::legalise_for_bands;
use systole_compiler::stage::{Source, Stage, Staged, TensorId};
use systole_isa::Config;
use systole_model::graph::{Border, Finish, Graph, Layer, Map, MapId, MeanRounding, Op, Operand, SumRounding, Window};
use systole_model::onnx::ElementType;

/// A layer of a test graph.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Conv {
        kernel: usize,
        stride: usize,
        dilation: usize,
        pads: [usize; 2],
        outputs: usize,
    },
    Depthwise {
        kernel: usize,
        stride: usize,
        pads: [usize; 2],
    },
    Transposed {
        kernel: usize,
        stride: usize,
        pad: usize,
        outputs: usize,
    },
    Max {
        kernel: usize,
        stride: usize,
        pads: [usize; 2],
    },
    Average {
        kernel: usize,
        stride: usize,
        pads: [usize; 2],
    },
    /// With the last map before of the same shape, if there is one.
    Add,
    /// Every pixel twice down and across.
    Nearest,
}

fn kind() -> impl Strategy<Value = Kind> {
    let pads = || [0usize..=2, 0..=2];
    prop_oneof![
        (1usize..=5, 1usize..=3, 1usize..=2, pads(), 1usize..=9)
            .prop_map(|(kernel, stride, dilation, pads, outputs)| Kind::Conv { kernel, stride, dilation, pads, outputs }),
        (2usize..=3, 1usize..=2, pads()).prop_map(|(kernel, stride, pads)| Kind::Depthwise { kernel, stride, pads }),
        (1usize..=4, 1usize..=3, 0usize..=1, 1usize..=5).prop_map(|(kernel, stride, pad, outputs)| Kind::Transposed {
            kernel,
            stride,
            pad,
            outputs
        }),
        (1usize..=3, 1usize..=2, pads()).prop_map(|(kernel, stride, pads)| Kind::Max { kernel, stride, pads }),
        (1usize..=3, 1usize..=2, pads()).prop_map(|(kernel, stride, pads)| Kind::Average { kernel, stride, pads }),
        Just(Kind::Add),
        Just(Kind::Nearest),
    ]
}

fn graph([h, w, c]: [usize; 3], kinds: &[Kind]) -> Graph {
    let mut maps = vec![Map { name: "in".into(), shape: [h, w, c] }];
    let mut layers: Vec<Layer> = vec![];
    for &kind in kinds {
        let input: MapId = maps.len() - 1;
        let [h, w, c] = maps[input].shape;
        let window = |kernel: usize, stride: usize, dilation: usize, pads: [usize; 2]| {
            let dilation = if (kernel - 1) * dilation < h.min(w) { dilation } else { 1 };
            let kernel = kernel.min(h).min(w);
            let most = (kernel - 1) * dilation;
            let [a, b] = pads.map(|p| p.min(most));
            Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [dilation; 2], pads: [a, a, b, b] }
        };
        let codes = Finish::Codes { lo: -128, hi: 127 };
        let int8 =
            |n: usize| Finish::Int8 { scales: vec![0.01; n], zero_point: 0, lo: -128, hi: 127, float32: false, rest: vec![] };
        let conv = |window: Window, groups: usize, n: usize| {
            let weights = vec![1; window.kernel[0] * window.kernel[1] * c / groups * n];
            Op::Conv { input, zero_point: 3, window, groups, weights, bias: vec![0; n] }
        };
        let operand = |map| Operand { map, scale: 0.5, zero_point: 1 };
        let (op, finish, [oh, ow], n) = match kind {
            Kind::Conv { kernel, stride, dilation, pads, outputs } => {
                let window = window(kernel, stride, dilation, pads);
                (conv(window, 1, outputs), int8(outputs), window.output(h, w).unwrap(), outputs)
            }
            Kind::Depthwise { kernel, stride, pads } => {
                let window = window(kernel, stride, 1, pads);
                (conv(window, c, c), int8(c), window.output(h, w).unwrap(), c)
            }
            Kind::Transposed { kernel, stride, pad, outputs } => {
                let pads = [pad.min(kernel - 1); 4];
                let window = Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [1; 2], pads };
                let size = |v: usize| ((v - 1) * stride + kernel).saturating_sub(2 * pads[0]).max(1);
                let weights = vec![1; kernel * kernel * c * outputs];
                let bias = vec![0; outputs];
                let op = Op::ConvTranspose { input, zero_point: 3, window, groups: 1, weights, bias, edge: false };
                (op, int8(outputs), [size(h), size(w)], outputs)
            }
            Kind::Max { kernel, stride, pads } => {
                let window = window(kernel, stride, 1, pads);
                (Op::MaxPool { input, window }, codes, window.output(h, w).unwrap(), c)
            }
            Kind::Average { kernel, stride, pads } => {
                let window = window(kernel, stride, 1, pads);
                let rounding = MeanRounding::Global;
                let op =
                    Op::AveragePool { input: operand(input), window, count_padding: false, scale: 0.5, zero_point: 0, rounding };
                (op, codes, window.output(h, w).unwrap(), c)
            }
            Kind::Add => {
                let other = (0..input).rev().find(|&m| maps[m].shape == [h, w, c]).unwrap_or(input);
                let rounding = SumRounding::Fused { unsigned: false };
                let op = Op::Add { a: operand(other), b: operand(input), scale: 1.0, zero_point: 0, rounding };
                (op, codes, [h, w], c)
            }
            Kind::Nearest => {
                let at = |n: usize| ((n / c / (2 * w) / 2 * w + n / c % (2 * w) / 2) * c + n % c) as u32;
                (Op::Arrange { input, from: (0..4 * h * w * c).map(at).collect() }, codes, [2 * h, 2 * w], c)
            }
        };
        layers.push(Layer { name: format!("layer {}", layers.len()), op, finish });
        maps.push(Map { name: "map".into(), shape: [oh, ow, n] });
    }
    let border = |map: &Map| Border {
        name: map.name.clone(),
        shape: map.shape.to_vec(),
        element: ElementType::Int8,
        order: (0..map.len() as u32).collect(),
        float: None,
        host: None,
        at: vec![],
        beside: vec![],
        index: vec![],
    };
    let out = maps.len() - 1;
    Graph {
        name: "bands".into(),
        input: border(&maps[0]),
        output: (out, border(&maps[out])),
        maps,
        layers,
        batch: 1,
        tables: vec![],
    }
}

/// Words of its input that a stage reads for each vector, a pixel's first for each tap; `None` in padding.
fn reads(staged: &Staged, s: &Stage) -> Vec<Option<usize>> {
    let Some(input) = s.input else { return vec![] };
    let words = staged.tensors[input].words;
    let mut all = vec![];
    let lane: Vec<[i64; 2]> = (0..s.kernel[0]).flat_map(|y| (0..s.kernel[1]).map(move |x| [y as i64, x as i64])).collect();
    let taps: Vec<[i64; 2]> =
        if s.is_lane() { lane } else { s.taps.iter().map(|t| [i64::from(t.row), i64::from(t.col)]).collect() };
    for (y, x) in (0..s.out[0]).flat_map(|y| (0..s.out[1]).map(move |x| (y, x))) {
        let gather = s
            .blocks
            .iter()
            .find(|b| b.gather.is_some() && (b.col..b.col + b.cols).contains(&x))
            .and_then(|b| Some((b, b.gather?)));
        if let Some((b, g)) = gather {
            all.push(Some((g.word as i64 + g.step * (x - b.col) as i64) as usize));
            continue;
        }
        for [row, col] in &taps {
            let at = [(y, row, 0), (x, col, 1)].map(|(o, t, d)| (o * s.over.stride[d]) as i64 + i64::from(s.over.origin[d]) + t);
            let inside = (0..2).all(|d| (0..s.over.size[d] as i64).contains(&at[d]));
            all.push(inside.then(|| (at[0] as usize * s.over.size[1] + at[1] as usize) * words));
        }
    }
    all
}

/// Pixels that a stage writes, in order of its own.
fn writes(s: &Stage) -> Vec<usize> {
    let pixel = |(y, x): (usize, usize)| match &s.spread {
        Some(spread) => spread.pixel(y, x),
        None => (y * s.out[1] + x) * s.wide + s.output_at(),
    };
    (0..s.out[0])
        .flat_map(|y| (0..s.out[1]).map(move |x| (y, x)))
        .map(pixel)
        .flat_map(|p| (p..p + s.wide).collect::<Vec<_>>())
        .collect()
}

/// What LOAD writes to each pixel of a frame's tensor: by lane the byte of the frame, or the constant.
fn loaded(staged: &Staged, config: &Config, t: TensorId) -> Vec<Vec<Option<Result<usize, i8>>>> {
    let (cols, groups) = (config.cols as usize, config.groups() as usize);
    let tensor = &staged.tensors[t];
    let mut all = vec![vec![None; tensor.words * groups * cols]; tensor.pixels];
    for job in staged.loads.iter().filter(|j| j.tensor == t) {
        for (dst, src) in job.steps() {
            for lane in (0..cols).filter(|lane| job.mask >> lane & 1 == 1) {
                let byte = src + (lane + cols - job.rotate) % cols;
                let pitch = tensor.words * groups;
                all[dst / pitch][dst % pitch * cols + lane] = Some(job.fill.map_or(Ok(byte), Err));
            }
        }
    }
    all
}

/// Carries out the stages of `parts`, those of `whole` with `run` in bands, on names of pixels: every vector must read what the whole
/// stage reads for its pixel, and what leaves must be all that leaves the whole network.
fn check(whole: &Staged, parts: &Staged, run: Run, config: &Config) -> Result<(), String> {
    // What each pixel is: a tensor of the whole network, and which of its pixels.
    let mut names: Vec<Vec<Option<(TensorId, usize)>>> = parts.tensors.iter().map(|t| vec![None; t.pixels]).collect();
    let of_frame = |staged: &Staged, t: TensorId| staged.tensors[t].frame.as_ref().map(|_| loaded(staged, config, t));
    let frames: Vec<_> = (0..parts.tensors.len()).map(|t| of_frame(parts, t)).collect();
    let whole_frames: Vec<_> = (0..whole.tensors.len()).map(|t| of_frame(whole, t)).collect();
    let behind = parts.stages.len() - (whole.stages.len() - run.end);
    let mut leaves: Vec<usize> = vec![];
    for (n, s) in parts.stages.iter().enumerate() {
        let of = s.band.map_or(if n < behind { n } else { n + whole.stages.len() - parts.stages.len() }, |b| b.of);
        let w = &whole.stages[of];
        // The whole stage's pixel that is the part's first.
        let first = s.band.map_or(0, |b| b.first * if w.out[0] == 1 && b.whole != 1 { w.out[1] / b.whole } else { w.out[1] });
        let same = |names: &[Vec<Option<(TensorId, usize)>>], t: TensorId, pixel: usize, wt: TensorId, of_whole: usize| match (
            &frames[t],
            &whole_frames[wt],
        ) {
            (Some(a), Some(b)) => a[pixel] == b[of_whole],
            _ => names[t][pixel] == Some((wt, of_whole)),
        };
        let (own_reads, all_reads) = (reads(parts, s), reads(whole, w));
        let each = own_reads.len() / (s.out[0] * s.out[1]);
        if let (Some(t), Some(wt)) = (s.input, w.input) {
            let pixel =
                |staged: &Staged, t: TensorId, word: usize| (word / staged.tensors[t].words, word % staged.tensors[t].words);
            for (i, at) in own_reads.iter().enumerate() {
                let good = match (at, all_reads[first * each + i]) {
                    (None, None) => true,
                    (Some(at), Some(of_whole)) => {
                        let (a, b) = (pixel(parts, t, *at), pixel(whole, wt, of_whole));
                        a.1 == b.1 && a.0 < parts.tensors[t].pixels && same(&names, t, a.0, wt, b.0)
                    }
                    _ => false,
                };
                if !good {
                    return Err(format!(
                        "stage {n}, read {i}: word {at:?} is not {:?} of the whole",
                        all_reads[first * each + i]
                    ));
                }
            }
        }
        if let (Some(t), Some(wt)) = (s.operand, w.operand) {
            for i in 0..s.out[0] * s.out[1] {
                let one = |staged: &Staged, t: TensorId| staged.tensors[t].pixels == 1;
                let a = if one(parts, t) { 0 } else { i + s.operand_at() };
                let b = if one(whole, wt) { 0 } else { first + i };
                if !same(&names, t, a, wt, b) {
                    return Err(format!("stage {n}, vector {i}: meets another operand"));
                }
            }
        }
        let all_writes = writes(w);
        for (i, pixel) in writes(s).into_iter().enumerate() {
            let of_whole = all_writes[first * w.wide + i];
            match (s.output, w.output) {
                (Some(t), Some(wt)) => names[t][pixel] = Some((wt, of_whole)),
                _ if pixel != of_whole => return Err(format!("stage {n}: pixel {of_whole} leaves as {pixel}")),
                _ => leaves.push(pixel),
            }
        }
    }
    leaves.sort_unstable();
    leaves.dedup();
    let all: Vec<usize> = (0..whole.output.pixels).collect();
    if leaves == all { Ok(()) } else { Err(format!("{} of {} pixels leave", leaves.len(), all.len())) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn window_rows_are_those_that_some_tap_reads(
        (first, count) in (0usize..20, 1usize..8), stride in 1usize..5, origin in -6i64..6, kernel in 1usize..5, dilation in 1usize..4, rows in 1usize..40,
    ) {
        let own = first..first + count;
        let found = window_rows(&own, stride, origin, (kernel - 1) * dilation, rows);
        let all: Vec<i64> = own.flat_map(|y| (0..kernel).map(move |k| (y * stride + k * dilation) as i64 + origin)).collect();
        prop_assert!(!found.is_empty() && found.end <= rows);
        let inside: Vec<usize> = all.iter().filter(|r| (0..rows as i64).contains(r)).map(|&r| r as usize).collect();
        prop_assert!(inside.iter().all(|r| found.contains(r)));
        // Where some tap lies inside, no row but those between the first and the last; where one lies outside, the map's edge is there,
        // so that it lies outside of the rows as well.
        if let (Some(first), Some(last)) = (inside.iter().min(), inside.iter().max()) {
            prop_assert!(all.iter().any(|&r| r < 0) || found.start == *first);
            prop_assert!(all.iter().any(|&r| r >= rows as i64) || found.end == last + 1);
        }
        prop_assert!(all.iter().all(|&r| r >= 0 || found.start == 0));
        prop_assert!(all.iter().all(|&r| r < rows as i64 || found.end == rows));
    }
}

/// Steps of two rows pass by a phase of the transposed convolution: no band makes any of it, and its multiplications count.
#[test]
fn a_stage_of_which_no_band_needs_a_row_counts_its_multiplications() {
    let config = Config::named("tiny,X_DEPTH=16384,IN_DEPTH=4096,OUT_DEPTH=65536,PARAM_DEPTH=1024,RRAM_DEPTH=32768").unwrap();
    let kinds = [
        Kind::Conv { kernel: 1, stride: 1, dilation: 1, pads: [0, 0], outputs: 1 },
        Kind::Average { kernel: 1, stride: 2, pads: [0, 0] },
        Kind::Transposed { kernel: 3, stride: 2, pad: 1, outputs: 1 },
        Kind::Depthwise { kernel: 2, stride: 2, pads: [0, 0] },
    ];
    let whole = legalise_for_bands(&graph([18, 1, 4], &kinds), &config).unwrap();
    let first = 6 % whole.stages.len();
    let run = Run { first, end: first + 1 + 3 % (whole.stages.len() - first), bands: 9 };
    let parts = cut(&whole, &[run], &config).unwrap();
    assert_eq!(check(&whole, &parts, run, &config), Ok(()));
    assert!(
        (run.first..run.end).any(|s| parts.stages.iter().all(|p| p.band.is_none_or(|b| b.of != s))),
        "every stage has a part"
    );
    let macs = |staged: &Staged| staged.stages.iter().map(|s| s.macs).sum::<u64>();
    assert_eq!(macs(&parts), macs(&whole));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_global_rejects: 4000, ..ProptestConfig::default() })]

    #[test]
    fn parts_read_what_the_whole_reads(
        shape in [3usize..=20, 1usize..=9, 1usize..=9],
        kinds in proptest::collection::vec(kind(), 1..=5),
        bands in 2usize..=9,
        (from, to) in (0usize..8, 0usize..12),
        config in prop_oneof![Just("tiny,X_DEPTH=16384,IN_DEPTH=4096,OUT_DEPTH=65536,PARAM_DEPTH=1024,RRAM_DEPTH=32768"), Just("base,OUT_DEPTH=65536"), Just("wide,OUT_DEPTH=65536,PARAM_DEPTH=1024,IN_DEPTH=4096")],
    ) {
        let config = Config::named(config).unwrap();
        let graph = graph(shape, &kinds);
        prop_assume!(graph.rows().is_none());
        let Ok(whole) = legalise_for_bands(&graph, &config) else { return Err(TestCaseError::reject("does not fit")) };
        let stages = whole.stages.len();
        let first = from % stages;
        let run = Run { first, end: first + 1 + to % (stages - first), bands };
        let Some(parts) = cut(&whole, &[run], &config) else { return Err(TestCaseError::reject("no bands")) };
        prop_assert_eq!(check(&whole, &parts, run, &config), Ok(()));
        prop_assert_eq!(parts.stages.iter().map(|s| s.macs).sum::<u64>(), whole.stages.iter().map(|s| s.macs).sum::<u64>());
        prop_assert_eq!(parts.lane_taps().len(), whole.lane_taps().len());
        prop_assert!(parts.tensors.iter().all(|t| t.source == Source::Input || t.last_use > 0 || stages == 1));
    }
}

#[test]
fn a_halo_that_is_one_row_off_is_found() {
    let config = Config::named("base").unwrap();
    let conv = Kind::Conv { kernel: 3, stride: 1, dilation: 1, pads: [1, 1], outputs: 8 };
    let whole = legalise_for_bands(&graph([24, 24, 8], &[conv, conv, conv]), &config).unwrap();
    let run = Run { first: 0, end: 3, bands: 4 };
    let good = cut(&whole, &[run], &config).unwrap();
    assert_eq!(check(&whole, &good, run, &config), Ok(()));
    let rows: Vec<usize> = good.stages.iter().filter_map(|s| s.band).map(|b| b.rows).collect();
    assert_eq!(rows, [8, 7, 6, 10, 8, 6, 10, 8, 6, 8, 7, 6]);
    let again: usize = good.stages.iter().filter_map(|s| s.band).map(|b| b.again).sum();
    assert_eq!(again, rows.iter().sum::<usize>() - 3 * 24);
    for s in 0..good.stages.len() {
        for by in [-1, 1] {
            let mut bad = good.clone();
            bad.stages[s].over.origin[0] += by;
            assert!(check(&whole, &bad, run, &config).is_err(), "{s} {by}");
        }
    }
}
