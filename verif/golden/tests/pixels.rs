// SPDX-License-Identifier: Apache-2.0
//! Products of two maps, softmax and normalisation: the machine's arithmetic against ONNX Runtime's.

use systole_golden::graph::{run_graph, run_graph_as};
use systole_model::approximation::{Approximation, Form};
use systole_model::graph::{Border, Finish, Graph, Layer, Map, MeanRounding, Op, Operand, UnderRoot, Window};
use systole_model::onnx::ElementType;

/// Numbers without structure, the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, lo: f64, hi: f64) -> f64 {
        lo + (hi - lo) * self.part()
    }

    /// Even in the logarithm.
    fn scale(&mut self, lo: f64, hi: f64) -> f32 {
        self.between(lo.ln(), hi.ln()).exp() as f32
    }

    fn size(&mut self, lo: usize, hi: usize) -> usize {
        lo + self.next() as usize % (hi - lo + 1)
    }

    fn code(&mut self) -> i8 {
        self.next() as i8
    }

    fn codes(&mut self, n: usize) -> Vec<i8> {
        (0..n).map(|_| self.code()).collect()
    }

    /// About normal.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.part()).sum::<f64>() - 6.0
    }
}

/// A graph of these layers, the shape of each one's result beside it.
fn graph(input: [usize; 3], layers: Vec<(Op, Finish, [usize; 3])>) -> Graph {
    let map = |shape| Map { name: String::new(), shape };
    let maps: Vec<Map> = std::iter::once(map(input)).chain(layers.iter().map(|(.., shape)| map(*shape))).collect();
    let border = |map: &Map| Border {
        name: String::new(),
        shape: map.shape.to_vec(),
        element: ElementType::Int8,
        order: (0..map.len() as u32).collect(),
        float: None,
        host: None,
        at: vec![],
        beside: vec![],
        index: vec![],
    };
    Graph {
        name: String::new(),
        input: border(&maps[0]),
        output: (layers.len(), border(&maps[layers.len()])),
        layers: layers.into_iter().map(|(op, finish, _)| Layer { name: String::new(), op, finish }).collect(),
        maps,
        batch: 1,
        tables: vec![],
    }
}

const ALL: Finish = Finish::Codes { lo: -128, hi: 127 };

#[test]
fn products_of_maps_are_sums_over_rows_and_columns() {
    let mut random = Random(1);
    for round in 0..200 {
        let [g, m, n] = [(); 3].map(|()| random.size(1, 4));
        let (k, transposed) = (random.size(1, 40), round % 2 == 1);
        let (za, zb) = (random.code(), random.code());
        let of_b = if transposed { [g, n, k] } else { [g, k, n] };
        let (x, y) = (random.codes(g * m * k), random.codes(g * k * n));
        let scale = random.scale(1e-4, 1e-2);
        let zero_point = random.code();
        let finish = match round % 4 {
            0 | 1 => Finish::Raw32,
            _ => Finish::Int8 { scales: vec![scale; n], zero_point, lo: -100, hi: 90, float32: false, rest: vec![] },
        };
        let codes = matches!(finish, Finish::Int8 { .. });
        let op = Op::MatMul { a: 0, a_zero: za, b: 1, b_zero: zb, k, transposed };
        let graph = graph([g, m, k], vec![(Op::Constant { codes: y.clone() }, ALL, of_b), (op, finish, [g, m, n])]);
        let got = run_graph(&graph, &x);
        assert_eq!((got.near, got.open.len()), (0, 0));
        let mut expected = vec![];
        for group in 0..g {
            for i in 0..m {
                for j in 0..n {
                    let mut sum = 0i64;
                    for l in 0..k {
                        let b = if transposed { y[group * n * k + j * k + l] } else { y[group * k * n + l * n + j] };
                        sum += (i64::from(x[group * m * k + i * k + l]) - i64::from(za)) * (i64::from(b) - i64::from(zb));
                    }
                    let code = f64::from(sum as f32 * scale).round_ties_even() + f64::from(zero_point);
                    expected.push(if codes { code.clamp(-100.0, 90.0) as i32 } else { sum as i32 });
                }
            }
        }
        assert_eq!(got.values, expected, "[{g}, {m}, {k}] by {of_b:?}, {za}, {zb}");
    }
}

/// How often codes differ.
#[derive(Default)]
struct Count {
    all: usize,
    open: usize,
    differ: usize,
    /// By how much at most.
    most: i32,
}

impl Count {
    /// Both forms of a graph of one layer on `x`: the machine's differs by a code, and where the reference says so.
    fn add(&mut self, graph: &Graph, form: Form, x: &[i8]) {
        let own = run_graph_as(graph, x, &[Approximation { layer: graph.layers.len() - 1, form }]);
        let theirs = run_graph(graph, x);
        assert_eq!((&own.open, own.near), (&theirs.open, theirs.near));
        self.all += x.len();
        self.open += own.near;
        for (i, (code, other)) in own.values.iter().zip(&theirs.values).enumerate() {
            if code != other {
                assert!(own.open[i], "element {i}: {code}, not {other}: {:?}", graph.layers.last());
                self.differ += 1;
                self.most = self.most.max((code - other).abs());
            }
        }
    }

    fn say(&self, what: &str) -> f64 {
        let share = |n: usize| 100.0 * n as f64 / self.all as f64;
        println!(
            "{what}: {} codes, {:.4} % differ by at most {}, {:.3} % are open",
            self.all,
            share(self.differ),
            self.most,
            share(self.open)
        );
        share(self.differ)
    }
}

#[test]
fn softmax_differs_by_a_code_near_halfway() {
    let mut random = Random(2);
    let mut count = Count::default();
    while count.all < 1_200_000 {
        let [pixels, c] = [random.size(1, 40), random.size(2, 300)];
        let scale = random.scale(0.005, 0.5);
        // Scores of about normal distribution, and codes of any.
        let (wide, middle) = (random.between(0.5, 6.0) / f64::from(scale), random.between(-60.0, 60.0));
        let any = random.next().is_multiple_of(4);
        let x: Vec<i8> =
            (0..pixels * c).map(|_| if any { random.code() } else { (middle + wide * random.normal()) as i8 }).collect();
        let (levels, zero_point) = match random.next() % 3 {
            0 => (256.0, -128),
            1 => (255.0, -128),
            _ => ((1.0 / random.scale(0.002, 0.01)).floor(), random.code()),
        };
        let op = Op::Softmax { input: 0, scale, levels, zero_point };
        count.add(&graph([pixels, 1, c], vec![(op, ALL, [pixels, 1, c])]), Form::Softmax, &x);
    }
    let share = count.say("softmax");
    assert!(count.most == 1 && share < 0.3, "{share} %");
}

/// A normalisation of codes that are about normal, and its codes' scale so that the result is.
fn norm(random: &mut Random, codes: bool) -> (Graph, Vec<i8>) {
    let [pixels, c] = [random.size(1, 20), random.size(8, 400)];
    let (x_scale, x_zero) = (random.scale(0.001, 0.2), (random.normal() * 20.0) as i8);
    let wide = random.scale(4.0, 60.0);
    let middles: Vec<f64> = (0..pixels).map(|_| f64::from(x_zero) + random.normal() * f64::from(wide) / 3.0).collect();
    let x = (0..pixels * c).map(|i| (middles[i / c] + random.normal() * f64::from(wide)) as i8).collect();
    let under = if codes {
        let largest = f64::from(wide * x_scale).powi(2) * random.between(1.0, 4.0);
        let zero_point = if random.next().is_multiple_of(2) { -128 } else { (random.normal() * 20.0) as i8 };
        let scale = (largest / f64::from(127 - i32::from(zero_point))) as f32;
        let values = std::array::from_fn(|c| (i32::from(c as u8 as i8) - i32::from(zero_point)) as f32 * scale);
        UnderRoot::Codes { scale, zero_point, values: Box::new(values) }
    } else {
        UnderRoot::Epsilon([1e-5, 1e-6, 1e-12][random.size(0, 2)])
    };
    let op = Op::Norm {
        input: Operand { map: 0, scale: x_scale, zero_point: x_zero },
        centered: !random.next().is_multiple_of(4),
        under,
        gain: (0..c).map(|_| (1.0 + 0.3 * random.normal()) as f32).collect(),
        bias: (0..c).map(|_| (0.3 * random.normal()) as f32).collect(),
        scale: random.scale(0.02, 0.06),
        zero_point: (random.normal() * 20.0) as i8,
    };
    (graph([pixels, 1, c], vec![(op, ALL, [pixels, 1, c])]), x)
}

#[test]
fn normalisation_differs_by_a_code_near_halfway() {
    let mut random = Random(3);
    let mut count = Count::default();
    while count.all < 1_200_000 {
        let (graph, x) = norm(&mut random, false);
        count.add(&graph, Form::Norm, &x);
    }
    let share = count.say("normalisation with epsilon");
    assert!(count.most == 1 && share < 0.1, "{share} %");
}

#[test]
fn normalisation_by_codes_of_the_variance_differs_by_a_code_near_halfway() {
    let mut random = Random(4);
    let mut count = Count::default();
    while count.all < 1_200_000 {
        let (graph, x) = norm(&mut random, true);
        count.add(&graph, Form::Norm, &x);
    }
    let share = count.say("normalisation by codes of the variance");
    // A code of the variance more or less is more than one of the result.
    assert!(count.most <= 2 && share < 0.1, "{share} %");
}

/// The same by the codes of another map, of any scale and on both sides of their zero point.
#[test]
fn normalisation_by_roots_of_another_map_differs_by_a_code_near_halfway() {
    let mut random = Random(7);
    let (mut count, mut below) = (Count::default(), Count::default());
    while count.all < 600_000 || below.all < 50_000 {
        let (of_variance, x) = norm(&mut random, true);
        let Op::Norm {
            input,
            centered,
            under: UnderRoot::Codes { scale, zero_point, .. },
            gain,
            bias,
            scale: sy,
            zero_point: zy,
        } = of_variance.layers[0].op.clone()
        else {
            panic!("a normalisation by codes")
        };
        let [pixels, one, c] = of_variance.maps[0].shape;
        let epsilon = if random.next().is_multiple_of(2) { 0.0 } else { scale * random.scale(1e-3, 10.0) };
        // Below its zero point a code has no root: all of a pixel is undecided, and nothing else is said of it. The root of 0 is none to
        // divide by either: the sign of each distance decides.
        let negative = zero_point > -128 && random.next().is_multiple_of(4);
        let least = zero_point + i8::from(epsilon == 0.0);
        let codes =
            random.codes(pixels).into_iter().map(|code| if negative { code.min(zero_point - 1) } else { code.max(least) });
        let codes = codes.collect();
        let under = UnderRoot::Map { of: Operand { map: 1, scale, zero_point }, epsilon };
        let op = Op::Norm { input, centered, under, gain, bias, scale: sy, zero_point: zy };
        let layers = vec![(Op::Constant { codes }, ALL, [pixels, one, 1]), (op, ALL, [pixels, one, c])];
        (if negative { &mut below } else { &mut count }).add(&graph([pixels, one, c], layers), Form::Norm, &x);
    }
    let share = count.say("normalisation by roots of another map");
    assert!(count.most == 1 && share < 0.1, "{share} %");
    assert_eq!(below.open, below.all);
}

/// A map's marks reach the pixels whose roots it has, and no others.
#[test]
fn marks_of_what_stands_under_a_root_reach_its_pixel() {
    let mut random = Random(8);
    let (pixels, c, mut seen) = (6, 5, [0; 2]);
    for _ in 0..300 {
        let x = random.codes(pixels * c);
        let mean = Op::AveragePool {
            input: Operand { map: 1, scale: 1.0, zero_point: 0 },
            window: Window { kernel: [1, 2], pads: [0, 0, 0, 1], ..Window::POINT },
            count_padding: true,
            scale: 1.0,
            zero_point: 0,
            rounding: MeanRounding::Float32,
        };
        let first =
            Op::Conv { input: 0, zero_point: 0, window: Window::POINT, groups: 1, weights: vec![1, 0, 0, 0, 0], bias: vec![0] };
        let finish = Finish::Int8 { scales: vec![1.0], zero_point: 0, lo: -128, hi: 127, float32: false, rest: vec![] };
        let under = UnderRoot::Map { of: Operand { map: 2, scale: 1.0, zero_point: -128 }, epsilon: 1.0 };
        let op = Op::Norm {
            input: Operand { map: 0, scale: 1e-3, zero_point: 0 },
            centered: false,
            under,
            gain: vec![1e-3; c],
            bias: vec![0.0; c],
            scale: 1.0,
            zero_point: 0,
        };
        let layers = vec![(first, finish, [1, pixels, 1]), (mean, ALL, [1, pixels, 1]), (op, ALL, [1, pixels, c])];
        let got = run_graph(&graph([1, pixels, c], layers), &x);
        for pixel in 0..pixels {
            // Half of a sum of two codes lies halfway where that is odd.
            let code = |p: usize| if p < pixels { i32::from(x[p * c]) } else { 0 };
            let odd = (code(pixel) + code(pixel + 1)) % 2 != 0;
            seen[usize::from(odd)] += 1;
            assert!((0..c).all(|channel| got.open[pixel * c + channel] == odd), "pixel {pixel}: {odd}");
        }
    }
    assert!(seen.iter().all(|&s| s > 100), "{seen:?}");
}

/// Scales of any size, pixels of one value, gains and constants of 0: where codes differ the reference says so.
#[test]
fn all_that_differs_is_undecided() {
    let mut random = Random(5);
    let mut counts = [(); 2].map(|()| Count::default());
    for round in 0..4000 {
        let [pixels, c] = [random.size(1, 4), random.size(1, 80)];
        let spread = random.scale(0.1, 200.0);
        let middle = f64::from(random.code());
        let x: Vec<i8> = (0..pixels * c).map(|_| (middle + random.normal() * f64::from(spread)) as i8).collect();
        let finish = || Finish::Codes { lo: [-128, -100, 0][round % 3], hi: [127, 90][round % 2] };
        let shape = [1, pixels, c];
        let (scale, levels) = (random.scale(1e-4, 100.0), random.between(1.0, 1000.0).floor() as f32);
        let op = Op::Softmax { input: 0, scale, levels, zero_point: random.code() };
        counts[0].add(&graph(shape, vec![(op, finish(), shape)]), Form::Softmax, &x);

        let x_scale = random.scale(1e-5, 100.0);
        let zero_point = (random.code()).min(100);
        let step = random.scale(1e-3, 10.0) * (x_scale * spread).powi(2);
        let least = if round % 8 < 4 { 0.0 } else { step * 1e-6 };
        let value = |code: usize| (i32::from(code as u8 as i8) - i32::from(zero_point)) as f32 * step + least;
        let under = match round % 4 {
            0 => UnderRoot::Epsilon(random.scale(1e-13, 1e-2)),
            1 => UnderRoot::Epsilon(0.0),
            _ => UnderRoot::Codes { scale: step, zero_point, values: Box::new(std::array::from_fn(value)) },
        };
        let some = |random: &mut Random| if random.next().is_multiple_of(8) { 0.0 } else { random.normal() as f32 };
        let op = Op::Norm {
            input: Operand { map: 0, scale: x_scale, zero_point: random.code() },
            centered: round % 5 != 0,
            under,
            gain: (0..c).map(|_| some(&mut random)).collect(),
            bias: (0..c).map(|_| some(&mut random)).collect(),
            scale: random.scale(1e-3, 1.0),
            zero_point: random.code(),
        };
        counts[1].add(&graph(shape, vec![(op, finish(), shape)]), Form::Norm, &x);
    }
    counts[0].say("softmax, anything");
    counts[1].say("normalisation, anything");
}

#[test]
fn marks_spread_over_pixels_rows_and_columns() {
    let mut random = Random(6);
    let (m, k, n) = (5, 12, 7);
    let point = |rows, c| [1, rows, c];
    let softmax = |input| Op::Softmax { input, scale: 0.05, levels: 250.0, zero_point: -128 };
    let norm = |input| Op::Norm {
        input: Operand { map: input, scale: 0.02, zero_point: 0 },
        centered: true,
        under: UnderRoot::Epsilon(1e-5),
        gain: vec![1.0; k],
        bias: vec![0.0; k],
        scale: 0.03,
        zero_point: 0,
    };
    let mut seen = [0; 2];
    for round in 0..400 {
        let transposed = round % 2 == 0;
        let product = |a, b, transposed| Op::MatMul { a, a_zero: -128, b, b_zero: 3, k, transposed };
        let constant = |c| Op::Constant { codes: vec![1; c] };
        let x = random.codes(m * k);
        let first = run_graph(&graph(point(m, k), vec![(softmax(0), ALL, point(m, k))]), &x);
        let row = |i: usize| (0..k).any(|l| first.open[i * k + l]);
        let rows: Vec<bool> = (0..m).map(row).collect();
        seen.iter_mut().zip([true, false]).for_each(|(seen, what)| *seen += rows.iter().filter(|&&r| r == what).count());
        let raw = Finish::Raw32;
        // As a, by rows; as b, by the pixels of a transposed one; as b, by columns.
        let of_b = if transposed { point(n, k) } else { point(k, n) };
        let layers = vec![
            (softmax(0), ALL, point(m, k)),
            (constant(k * n), ALL, of_b),
            (product(1, 2, transposed), raw.clone(), point(m, n)),
        ];
        let got = run_graph(&graph(point(m, k), layers), &x);
        assert!((0..m * n).all(|i| got.open.get(i).copied().unwrap_or(false) == rows[i / n]));
        let layers = vec![
            (softmax(0), ALL, point(m, k)),
            (constant(n * k), ALL, point(n, k)),
            (product(2, 1, true), raw.clone(), point(n, m)),
        ];
        let got = run_graph(&graph(point(m, k), layers), &x);
        assert!((0..n * m).all(|i| got.open.get(i).copied().unwrap_or(false) == rows[i % m]));
        let times = Op::MatMul { a: 2, a_zero: 0, b: 1, b_zero: 0, k: m, transposed: false };
        let layers = vec![(softmax(0), ALL, point(m, k)), (constant(n * m), ALL, point(n, m)), (times, raw, point(n, k))];
        let got = run_graph(&graph(point(m, k), layers), &x);
        let column = |j: usize| (0..m).any(|i| first.open[i * k + j]);
        assert!((0..n * k).all(|i| got.open.get(i).copied().unwrap_or(false) == column(i % k)));
        for second in [softmax(1), norm(1)] {
            let layers = vec![(softmax(0), ALL, point(m, k)), (second.clone(), ALL, point(m, k))];
            let got = run_graph(&graph(point(m, k), layers), &x);
            let alone = run_graph(&graph(point(m, k), vec![(of_input(second), ALL, point(m, k))]), &got.maps[1]);
            assert!((0..m * k).all(|i| got.open[i] == (rows[i / k] || alone.open[i])));
        }
    }
    assert!(seen.iter().all(|&s| s > 100), "{seen:?}");
}

/// The same on map 0.
fn of_input(op: Op) -> Op {
    match op {
        Op::Softmax { scale, levels, zero_point, .. } => Op::Softmax { input: 0, scale, levels, zero_point },
        Op::Norm { input, centered, under, gain, bias, scale, zero_point } => {
            Op::Norm { input: Operand { map: 0, ..input }, centered, under, gain, bias, scale, zero_point }
        }
        op => op,
    }
}
