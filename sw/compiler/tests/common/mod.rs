// SPDX-License-Identifier: Apache-2.0
//! Random networks for the tests.
#![allow(dead_code, reason = "each test file uses a part")]

use proptest::prelude::*;
use systole_isa::{Config, config::CONFIGS};
use systole_model::graph::{Border, Finish, Graph, Layer, Map, Op, Window};
use systole_model::onnx::ElementType;
use systole_model::{Add, Dense, Network, Output, Quantised};

/// A small generator, so that data need not be shrunk.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = self.0 ^ self.0 >> 33;
        x.wrapping_mul(0xff51_afd7_ed55_8ccd) >> 32
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub fn code(&mut self) -> i8 {
        self.next() as i8
    }

    pub fn codes(&mut self, n: usize) -> Vec<i8> {
        (0..n).map(|_| self.code()).collect()
    }

    pub fn unit(&mut self) -> f32 {
        self.next() as f32 / 4_294_967_296.0
    }
}

/// What a random layer has.
#[derive(Debug, Clone, Copy)]
pub struct LayerKind {
    pub n: usize,
    pub lut: bool,
    /// Residual operand, where its shape allows: counts back from the layer's own input.
    pub residual: Option<usize>,
}

/// A network of these layers with random data.
pub fn network(seed: u64, m: usize, k: usize, layers: &[LayerKind], raw: bool) -> Network {
    let mut r = Random(seed);
    let mut widths = vec![k];
    let mut out = Vec::new();
    for (i, kind) in layers.iter().enumerate() {
        let (k, n) = (widths[i], kind.n);
        let fan = 74.0 * 74.0 * (k as f32).sqrt();
        let scales = (0..n).map(|_| 60.0 / fan * (0.5 + 1.5 * r.unit())).collect();
        let mut q = Quantised::plain(scales, r.below(41) as i8 - 20);
        if kind.lut {
            q.lut = Some(Box::new(std::array::from_fn(|_| r.code())));
        }
        if r.below(3) == 0 {
            (q.lo, q.hi) = (r.below(100) as i8 - 110, r.below(100) as i8 + 20);
        }
        if let Some(from) = kind.residual.and_then(|back| i.checked_sub(back)).filter(|&f| widths[f] == n) {
            q.residual = Some(Add {
                from,
                a_scale: 0.01 + 0.05 * r.unit(),
                a_zero_point: q.zero_point,
                b_scale: 0.01 + 0.05 * r.unit(),
                b_zero_point: r.below(41) as i8 - 20,
                y_scale: 0.02 + 0.08 * r.unit(),
                y_zero_point: r.below(41) as i8 - 20,
                rounding: systole_model::graph::SumRounding::Fused { unsigned: r.below(2) == 1 },
            });
        }
        let last = i + 1 == layers.len();
        out.push(Dense {
            k,
            n,
            weights: r.codes(k * n),
            bias: (0..n).map(|_| r.below(20_000) as i32 - 10_000).collect(),
            output: if last && raw { Output::Raw32 } else { Output::Int8(q) },
        });
        widths.push(n);
    }
    Network { name: "random".into(), m, k, zero_point: r.below(21) as i8 - 10, layers: out }
}

/// Every configuration with every WEIGHT_BEATS, and sometimes other RRAM ways and fewer lanes of POST.
pub fn configs() -> impl Strategy<Value = Config> {
    (0..CONFIGS.len(), 0u32..3, 0u32..3, 0u32..6).prop_map(|(c, d, ways, lanes)| {
        let mut config = CONFIGS[c].clone();
        if (1..4).contains(&lanes) {
            config.lane_taps = 0;
            config.post_lanes = (config.cols >> lanes).max(1);
        }
        config.weight_beats = 1 << d;
        config.rram_ways = (1 << ways).min(2 * config.weight_beats);
        config.check().unwrap();
        config
    })
}

/// A size around the array's: 1, R-1, R, R+1, 2R+1, or any up to `most`.
pub fn size(array: usize, most: usize) -> impl Strategy<Value = usize> + Clone {
    prop_oneof![
        Just(1),
        Just((array - 1).max(1)),
        Just(array),
        Just(array + 1),
        Just(2 * array),
        Just(2 * array + 1),
        Just(4 * array),
        1..=most,
    ]
}

/// A chain with its configuration: shapes and a seed, so that a failure prints short.
#[derive(Debug, Clone)]
pub struct Case {
    pub config: &'static str,
    pub beats: u32,
    pub ways: u32,
    pub lanes: u32,
    pub m: usize,
    pub k: usize,
    pub layers: Vec<LayerKind>,
    pub raw: bool,
    pub seed: u64,
}

impl Case {
    pub fn config(&self) -> Config {
        let mut config = Config::named(self.config).unwrap();
        (config.weight_beats, config.rram_ways, config.post_lanes) = (self.beats, self.ways, self.lanes);
        if config.post_lanes != config.cols {
            config.lane_taps = 0;
        }
        config
    }

    pub fn network(&self) -> Network {
        network(self.seed, self.m, self.k, &self.layers, self.raw)
    }
}

/// Random chains on random machines.
pub fn cases() -> impl Strategy<Value = Case> {
    configs().prop_flat_map(|config| {
        let (r, c) = (config.rows as usize, config.cols as usize);
        let m = prop_oneof![3 => Just(1usize), 4 => 1usize..8, 3 => size(r, 300), 1 => 100usize..700];
        let layer = (size(c, 6 * c), any::<bool>(), proptest::option::weighted(0.4, 0usize..3), any::<u8>());
        // Layers of one width make residual adds possible.
        let chain = prop_oneof![
            2 => proptest::collection::vec(layer.clone(), 1),
            5 => proptest::collection::vec(layer, 1..6),
        ];
        (Just(config), m, size(r, 8 * r), chain, any::<u64>(), proptest::bool::weighted(0.3), any::<bool>()).prop_map(
            |(config, m, k, chain, seed, raw, same)| {
                let kinds: Vec<LayerKind> = chain
                    .iter()
                    .map(|&(n, lut, residual, luck)| LayerKind { n: if same { k } else { n }, lut: lut && luck < 100, residual })
                    .collect();
                let (beats, ways, lanes) = (config.weight_beats, config.rram_ways, config.post_lanes);
                Case { config: config.name, beats, ways, lanes, m, k, layers: kinds, raw, seed }
            },
        )
    })
}

/// A depthwise convolution 3 x 3 over `h` by `w` pixels and a pointwise one behind it.
pub fn separable(h: usize, w: usize, channels: usize, outputs: usize) -> Graph {
    let mut r = Random(5);
    let mut conv = |input, window: Window, groups: usize, n: usize| {
        let taps = window.kernel[0] * window.kernel[1] * (channels / groups);
        let op = Op::Conv {
            input,
            zero_point: 3,
            window,
            groups,
            weights: r.codes(taps * n).into_iter().map(i16::from).collect(),
            bias: (0..n).map(|_| r.below(2000) as i32 - 1000).collect(),
        };
        let finish = Finish::Int8 { scales: vec![0.002; n], zero_point: 3, lo: -128, hi: 127, float32: false, rest: vec![] };
        Layer { name: format!("conv{input}"), op, finish }
    };
    let three = Window { kernel: [3, 3], pads: [1; 4], ..Window::POINT };
    let layers = vec![conv(0, three, channels, channels), conv(1, Window::POINT, 1, outputs)];
    let map = |name: &str, c: usize| Map { name: name.into(), shape: [h, w, c] };
    let border = |c: usize| Border {
        name: "border".into(),
        shape: vec![h, w, c],
        element: ElementType::Int8,
        order: (0..(h * w * c) as u32).collect(),
        float: None,
        host: None,
        at: vec![],
        beside: vec![],
        index: vec![],
    };
    let maps = vec![map("input", channels), map("depthwise", channels), map("pointwise", outputs)];
    Graph {
        name: "separable".into(),
        input: border(channels),
        maps,
        layers,
        output: (2, border(outputs)),
        batch: 1,
        tables: vec![],
    }
}
