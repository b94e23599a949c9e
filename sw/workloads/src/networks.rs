// SPDX-License-Identifier: Apache-2.0
//! Networks of the MLPerf Tiny benchmark by their shapes, with random weights: what counts cycles needs no training.
//!
//! Shapes: Banbury et al., MLPerf Tiny Benchmark (2021), and the reference models at github.com/mlcommons/tiny.

use crate::random::{codes, generator, scale};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use systole_model::graph::{Border, Finish, Graph, Layer, Map, MapId, MeanRounding, Op, Operand, SumRounding, UnderRoot, Window};
use systole_model::onnx::ElementType;

/// A network made layer by layer, each on the map before it where it does not say otherwise.
pub struct Builder {
    rng: ChaCha8Rng,
    maps: Vec<Map>,
    layers: Vec<Layer>,
}

impl Builder {
    /// A network on an input of this shape.
    pub fn new(seed: u64, input: [usize; 3]) -> Builder {
        Builder { rng: generator(seed), maps: vec![Map { name: "input".into(), shape: input }], layers: vec![] }
    }

    /// The last map.
    pub fn last(&self) -> MapId {
        self.maps.len() - 1
    }

    fn push(&mut self, name: &str, op: Op, finish: Finish, shape: [usize; 3]) -> MapId {
        let name = format!("{name}{}", self.layers.len());
        self.layers.push(Layer { name: name.clone(), op, finish });
        self.maps.push(Map { name, shape });
        self.last()
    }

    /// A convolution with ReLU over `input`, padded so that `ceil(size / stride)` results come out (TensorFlow's SAME).
    pub fn conv(&mut self, input: MapId, kernel: [usize; 2], stride: usize, groups: usize, outputs: usize) -> MapId {
        let [h, w, c] = self.maps[input].shape;
        let pad = |size: usize, kernel: usize| {
            let total = ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
            [total / 2, total - total / 2]
        };
        let ([top, bottom], [left, right]) = (pad(h, kernel[0]), pad(w, kernel[1]));
        let window = Window { kernel, stride: [stride; 2], pads: [top, left, bottom, right], ..Window::POINT };
        let taps = kernel[0] * kernel[1] * (c / groups);
        let weights = codes(&mut self.rng, taps * outputs).into_iter().map(i16::from).collect();
        let bias = (0..outputs).map(|_| self.rng.random_range(-2000..=2000)).collect();
        let scales = (0..outputs).map(|_| scale(&mut self.rng, taps)).collect();
        let op = Op::Conv { input, zero_point: -128, window, groups, weights, bias };
        let finish = Finish::Int8 { scales, zero_point: -128, lo: -128, hi: 127, float32: false, rest: vec![] };
        self.push("conv", op, finish, [h.div_ceil(stride), w.div_ceil(stride), outputs])
    }

    /// The sum of two maps.
    pub fn add(&mut self, a: MapId, b: MapId) -> MapId {
        let operand = |map| Operand { map, scale: 0.5, zero_point: -128 };
        let rounding = SumRounding::Fused { unsigned: false };
        let op = Op::Add { a: operand(a), b: operand(b), scale: 0.75, zero_point: -128, rounding };
        self.push("add", op, Finish::Codes { lo: -128, hi: 127 }, self.maps[a].shape)
    }

    /// The mean of a map's pixels.
    pub fn mean(&mut self) -> MapId {
        let [h, w, c] = self.maps[self.last()].shape;
        let input = Operand { map: self.last(), scale: 0.02, zero_point: -128 };
        let window = Window { kernel: [h, w], ..Window::POINT };
        let rounding = MeanRounding::Global;
        let op = Op::AveragePool { input, window, count_padding: false, scale: 0.015, zero_point: -128, rounding };
        self.push("mean", op, Finish::Codes { lo: -128, hi: 127 }, [1, 1, c])
    }

    /// A map whose element at a place is that of another one at the place that `from` says.
    pub fn turned(
        &mut self,
        input: MapId,
        [h, w, c]: [usize; 3],
        from: impl Fn(usize, usize, usize) -> (usize, usize, usize),
    ) -> MapId {
        let [_, width, channels] = self.maps[input].shape;
        let of = |at: usize| {
            let (y, x, ch) = from(at / c / w, at / c % w, at % c);
            ((y * width + x) * channels + ch) as u32
        };
        let from = (0..h * w * c).map(of).collect();
        self.push("turned", Op::Arrange { input, from }, Finish::Codes { lo: -128, hi: 127 }, [h, w, c])
    }

    /// The product of two maps of several matrices each; of the second one pixels may be columns.
    pub fn matmul(&mut self, a: MapId, b: MapId, transposed: bool, scale: f32) -> MapId {
        let [maps, m, k] = self.maps[a].shape;
        let [_, pixels, channels] = self.maps[b].shape;
        let n = if transposed { pixels } else { channels };
        // A softmax has the lowest code for zero.
        let softmax = a > 0 && matches!(self.layers[a - 1].op, Op::Softmax { .. });
        let op = Op::MatMul { a, a_zero: if softmax { -128 } else { 3 }, b, b_zero: -5, k, transposed };
        let scales = vec![scale; n];
        let finish = Finish::Int8 { scales, zero_point: 2, lo: -128, hi: 127, float32: false, rest: vec![] };
        self.push("matmul", op, finish, [maps, m, n])
    }

    /// Softmax over channels.
    pub fn softmax(&mut self, input: MapId) -> MapId {
        let op = Op::Softmax { input, scale: 0.05, levels: 256.0, zero_point: -128 };
        self.push("softmax", op, Finish::Codes { lo: -128, hi: 127 }, self.maps[input].shape)
    }

    /// Normalisation over channels.
    pub fn norm(&mut self, map: MapId) -> MapId {
        let input = Operand { map, scale: 0.02, zero_point: -3 };
        let c = self.maps[map].shape[2];
        let (gain, bias) = (0..c).map(|_| (self.rng.random_range(0.5f32..1.5), self.rng.random_range(-0.2f32..0.2))).unzip();
        let under = UnderRoot::Epsilon(1e-5);
        let op = Op::Norm { input, centered: true, under, gain, bias, scale: 0.025, zero_point: 1 };
        self.push("norm", op, Finish::Codes { lo: -128, hi: 127 }, self.maps[map].shape)
    }

    /// A function of codes: GELU of codes of a step of 0.04, in codes of 0.025.
    pub fn function(&mut self, input: MapId) -> MapId {
        let gelu = |code: usize| {
            let x = f64::from(code as u8 as i8) * 0.04;
            let y = x / (1.0 + (-1.702 * x).exp()); // its usual approximation
            (y / 0.025).round_ties_even().clamp(-128.0, 127.0) as i8
        };
        let table = Box::new(std::array::from_fn(gelu));
        let op = Op::Lookup { input, table, doubtful: vec![] };
        self.push("function", op, Finish::Codes { lo: -128, hi: 127 }, self.maps[input].shape)
    }

    /// The network, and the codes of an input.
    pub fn finish(mut self, name: &str) -> (Graph, Vec<i8>) {
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
        let input = codes(&mut self.rng, self.maps[0].len());
        let last = self.last();
        let graph = Graph {
            name: name.into(),
            input: border(&self.maps[0]),
            output: (last, border(&self.maps[last])),
            maps: self.maps,
            layers: self.layers,
            batch: 1,
            tables: vec![],
        };
        (graph, input)
    }
}

/// Keyword spotting: DS-CNN on 49 x 10 features, 64 channels, 2.66 M multiplications.
pub fn ds_cnn() -> (Graph, Vec<i8>) {
    let mut b = Builder::new(1, [49, 10, 1]);
    let mut at = b.conv(0, [10, 4], 2, 1, 64);
    for _ in 0..4 {
        at = b.conv(at, [3, 3], 1, 64, 64);
        at = b.conv(at, [1, 1], 1, 1, 64);
    }
    at = b.mean();
    b.conv(at, [1, 1], 1, 1, 12);
    b.finish("DS-CNN")
}

/// Visual wake words: MobileNetV1 of width 0.25 on 96 x 96 pixels, 7.49 M multiplications, 208 KB of weights.
pub fn mobilenet() -> (Graph, Vec<i8>) {
    mobilenet_on(96)
}

/// A block of an encoder, normalised behind its sums: attention of `heads` heads over `tokens` tokens of `width` channels, and a
/// hidden layer of four times as many behind a function of codes.
///
/// Vaswani et al., Attention Is All You Need (2017), section 3.
pub fn encoder(tokens: usize, width: usize, heads: usize) -> (Graph, Vec<i8>) {
    let mut b = Builder::new(7, [tokens, 1, width]);
    let each = width / heads;
    let [q, k, v] = [(); 3].map(|()| {
        let at = b.conv(0, [1, 1], 1, 1, width);
        b.turned(at, [heads, tokens, each], |h, t, c| (t, 0, h * each + c))
    });
    let scores = b.matmul(q, k, true, 0.004);
    let p = b.softmax(scores);
    let mixed = b.matmul(p, v, false, 0.008);
    let mixed = b.turned(mixed, [tokens, 1, width], |t, _, c| (c / each, t, c % each));
    let mixed = b.conv(mixed, [1, 1], 1, 1, width);
    let sum = b.add(0, mixed);
    let normed = b.norm(sum);
    let hidden = b.conv(normed, [1, 1], 1, 1, 4 * width);
    let hidden = b.function(hidden);
    let back = b.conv(hidden, [1, 1], 1, 1, width);
    let sum = b.add(normed, back);
    b.norm(sum);
    b.finish(&format!("encoder block, {tokens} x {width}"))
}

/// The same on so many pixels each way.
pub fn mobilenet_on(pixels: usize) -> (Graph, Vec<i8>) {
    let mut b = Builder::new(2, [pixels, pixels, 3]);
    let mut at = b.conv(0, [3, 3], 2, 1, 8);
    let mut channels = 8;
    let layers = [(1, 16), (2, 32), (1, 32), (2, 64), (1, 64), (2, 128)];
    for (stride, outputs) in layers.into_iter().chain([(1, 128); 5]).chain([(2, 256), (1, 256)]) {
        at = b.conv(at, [3, 3], stride, channels, channels);
        at = b.conv(at, [1, 1], 1, 1, outputs);
        channels = outputs;
    }
    at = b.mean();
    b.conv(at, [1, 1], 1, 1, 2);
    b.finish("MobileNetV1-0.25")
}

/// MobileNetV2 of width 0.35 on so many pixels each way: inverted residuals, whose expanded maps are the largest.
///
/// Sandler et al., MobileNetV2 (2018), table 2; channels in multiples of eight.
pub fn mobilenet_v2(pixels: usize) -> (Graph, Vec<i8>) {
    let mut b = Builder::new(4, [pixels, pixels, 3]);
    let mut at = b.conv(0, [3, 3], 2, 1, 16);
    let mut channels = 16;
    let blocks = [(1, 8, 1, 1), (6, 8, 2, 2), (6, 16, 3, 2), (6, 24, 4, 2), (6, 32, 3, 1), (6, 56, 3, 2), (6, 112, 1, 1)];
    for (expansion, outputs, count, stride) in blocks {
        for n in 0..count {
            let (first, stride, wide) = (at, if n == 0 { stride } else { 1 }, channels * expansion);
            if expansion > 1 {
                at = b.conv(at, [1, 1], 1, 1, wide);
            }
            at = b.conv(at, [3, 3], stride, wide, wide);
            at = b.conv(at, [1, 1], 1, 1, outputs);
            if n > 0 {
                at = b.add(first, at);
            }
            channels = outputs;
        }
    }
    b.conv(at, [1, 1], 1, 1, 1280);
    at = b.mean();
    b.conv(at, [1, 1], 1, 1, 2);
    b.finish("MobileNetV2-0.35")
}

/// Image classification: ResNet-8 on 32 x 32 pixels, 12.5 M multiplications.
pub fn resnet8() -> (Graph, Vec<i8>) {
    let mut b = Builder::new(3, [32, 32, 3]);
    let mut at = b.conv(0, [3, 3], 1, 1, 16);
    for (stride, channels) in [(1, 16), (2, 32), (2, 64)] {
        let first = b.conv(at, [3, 3], stride, 1, channels);
        let second = b.conv(first, [3, 3], 1, 1, channels);
        let beside = if stride == 1 { at } else { b.conv(at, [1, 1], stride, 1, channels) };
        at = b.add(beside, second);
    }
    at = b.mean();
    b.conv(at, [1, 1], 1, 1, 10);
    b.finish("ResNet-8")
}
