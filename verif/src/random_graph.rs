// SPDX-License-Identifier: Apache-2.0
//! Random graphs: a proptest strategy of layers, shapes, strides, pads, groups, pools and branches.

use proptest::prelude::*;
use rand::{Rng, RngExt};
use systole_isa::Config;
use systole_isa::regs::TOKENS;
use systole_model::graph::{Border, Finish, Graph, Layer, Map, MapId, MeanRounding, Op, Operand, SumRounding, UnderRoot, Window};
use systole_model::onnx::ElementType;
use systole_model::tables::{Given, Index, Pick, Table};
use systole_workloads::random::{codes, generator, scale};

/// A layer before it has an input.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A convolution.
    Conv {
        /// Its window.
        window: Shape,
        /// Output channels, about.
        outputs: usize,
        /// 0 one group, 1 depthwise, 2 halves.
        groups: u8,
        /// Weights leave int8, as those with a zero point do.
        wide: bool,
    },
    /// A transposed convolution.
    Transposed {
        /// Its window; pads are cut off the result.
        window: Shape,
        /// Rows and columns behind the full result.
        more: [usize; 2],
        /// The input goes on beyond its edges.
        edge: bool,
        /// Output channels, about.
        outputs: usize,
        /// 0 one group, 1 depthwise, 2 halves.
        groups: u8,
        /// Weights leave int8, as those with a zero point do.
        wide: bool,
    },
    /// A matrix product over the whole map.
    Dense {
        /// Output channels.
        outputs: usize,
    },
    /// A function of codes.
    Lookup,
    /// The sum with an earlier map of the same shape, or with a constant.
    Add {
        /// Which of those that fit.
        back: usize,
    },
    /// The product with an earlier map of the same shape, or with the mean of the map itself; a sum where POST has no multiplier.
    Mul {
        /// Which of those that fit; 0: by channel.
        back: usize,
    },
    /// The larger of the codes of an earlier map of the same shape.
    Larger {
        /// Which of those that fit.
        back: usize,
    },
    /// The product with another map, or with the map itself: rows of both are maps of a batch.
    MatMul {
        /// Which of those that fit.
        back: usize,
    },
    /// Softmax over channels; a lookup where there is no vector unit.
    Softmax,
    /// Normalisation over channels, with or without a mean; a lookup where there is no vector unit.
    Norm {
        /// The mean is subtracted.
        centered: bool,
        /// The variance becomes a code.
        coded: bool,
        /// What stands under the root is another map's, whatever the variance.
        mapped: bool,
    },
    /// Elements in another order.
    Arrange(Order),
    /// Rows of tables, by indices of the run: of the shape of the map before where that has few pixels.
    Rows {
        /// Pixels otherwise.
        pixels: usize,
        /// Channels otherwise.
        outputs: usize,
        /// Rows of a table at most.
        most: usize,
    },
    /// Maximum over a window.
    Max {
        /// The window.
        window: Shape,
    },
    /// Mean over a window.
    Average {
        /// The window.
        window: Shape,
        /// Padding counts.
        count_padding: bool,
    },
}

/// A way to lay the elements of a map otherwise.
#[derive(Debug, Clone, Copy)]
pub enum Order {
    /// Channels to blocks of 2 x 2 pixels, or of 1 x 2 or 1 x 1 where they do not come out even.
    Space,
    /// Blocks of 2 x 2 pixels to channels, likewise.
    Depth,
    /// Every pixel so often down and across.
    Nearest([usize; 2]),
    /// Channels backwards.
    Channels,
    /// Rows are columns.
    Turned,
    /// Pixels are channels, of a small map.
    Pixels,
}

impl Order {
    /// Shape of the result, and by its element the element of the map.
    pub fn of(self, [h, w, c]: [usize; 3]) -> ([usize; 3], Vec<u32>) {
        let block =
            |fits: &dyn Fn(usize, usize) -> bool| [[2, 2], [1, 2]].into_iter().find(|&[a, b]| fits(a, b)).unwrap_or([1, 1]);
        let at = |y: usize, x: usize, ch: usize| ((y * w + x) * c + ch) as u32;
        let each = |[oh, ow, oc]: [usize; 3], f: &dyn Fn(usize, usize, usize) -> u32| {
            let of = |n: usize| f(n / oc / ow, n / oc % ow, n % oc);
            ([oh, ow, oc], (0..oh * ow * oc).map(of).collect())
        };
        match self {
            Order::Space => {
                let [a, b] = block(&|a, b| c % (a * b) == 0);
                let per = c / (a * b);
                each([h * a, w * b, per], &|y, x, ch| at(y / a, x / b, (y % a * b + x % b) * per + ch))
            }
            Order::Depth => {
                let [a, b] = block(&|a, b| h % a == 0 && w % b == 0);
                each([h / a, w / b, c * a * b], &|y, x, ch| at(y * a + ch / c / b, x * b + ch / c % b, ch % c))
            }
            Order::Nearest([a, b]) => each([h * a, w * b, c], &|y, x, ch| at(y / a, x / b, ch)),
            Order::Channels => each([h, w, c], &|y, x, ch| at(y, x, c - 1 - ch)),
            Order::Turned => each([w, h, c], &|y, x, ch| at(x, y, ch)),
            Order::Pixels if h * w * c <= 64 => each([c, 1, h * w], &|y, _, ch| at(ch / w, ch % w, y)),
            Order::Pixels => each([h * w, 1, c], &|y, _, ch| at(y / w, y % w, ch)),
        }
    }
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        Just(Order::Space),
        Just(Order::Depth),
        (1usize..=3, 1usize..=2).prop_map(|(a, b)| Order::Nearest([a, b])),
        Just(Order::Channels),
        Just(Order::Turned),
        Just(Order::Pixels),
    ]
}

/// A window that is cut to the map it meets.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: [usize; 4],
}

/// A random graph on a machine: shapes and a seed, so that a failure prints short.
#[derive(Debug, Clone)]
pub struct Case {
    /// Configuration.
    pub config: &'static str,
    /// WEIGHT_BEATS.
    pub beats: u32,
    /// Shape of the input.
    pub input: [usize; 3],
    /// Layers, and how many maps back each reads.
    pub layers: Vec<(Kind, usize)>,
    /// The last convolution leaves int32.
    pub raw: bool,
    /// Of weights, scales and inputs.
    pub seed: u64,
}

fn shape() -> impl Strategy<Value = Shape> {
    let two = |most: usize| [1..=most, 1..=most];
    let dilation = prop_oneof![4 => Just([1, 1]), 1 => two(2)];
    let stride = prop_oneof![2 => Just([1, 1]), 2 => two(3)];
    let pads = prop_oneof![1 => Just([0; 4]), 3 => [0usize..=2, 0..=2, 0..=2, 0..=2]];
    (two(4), stride, dilation, pads).prop_map(|(kernel, stride, dilation, pads)| Shape { kernel, stride, dilation, pads })
}

fn channels(config: &'static str) -> impl Strategy<Value = usize> {
    let r = Config::named(config).map_or(16, |c| c.rows as usize);
    prop_oneof![2 => 1usize..=4, 2 => 1usize..=2 * r + 1, 1 => Just(r), 1 => Just(2 * r)]
}

fn kind(config: &'static str) -> impl Strategy<Value = Kind> {
    let multiplies = Config::named(config).is_ok_and(|c| c.product);
    let numbers = Config::named(config).is_ok_and(|c| c.vec_lanes > 0 && c.rows == c.cols);
    let on_numbers = move |kind| if numbers { kind } else { Kind::Lookup };
    let (registers, r) = Config::named(config).map_or((false, 4), |c| (c.vec_lanes > 0, c.rows as usize));
    prop_oneof![
        6 => (shape(), channels(config), prop_oneof![3 => Just(0u8), 2 => Just(1), 1 => Just(2)], proptest::bool::weighted(0.2))
            .prop_map(|(window, outputs, groups, wide)| Kind::Conv { window, outputs, groups, wide }),
        2 => (
            shape(),
            ([0usize..=2, 0..=2], proptest::bool::weighted(0.3)),
            channels(config),
            prop_oneof![3 => Just(0u8), 1 => Just(1), 1 => Just(2)],
            proptest::bool::weighted(0.2)
        )
            .prop_map(|(window, (more, edge), outputs, groups, wide)| Kind::Transposed { window, more, edge, outputs, groups, wide }),
        1 => channels(config).prop_map(|outputs| Kind::Dense { outputs }),
        2 => Just(Kind::Lookup),
        3 => (0usize..4).prop_map(|back| Kind::Add { back }),
        3 => (0usize..4).prop_map(move |back| if multiplies { Kind::Mul { back } } else { Kind::Add { back } }),
        1 => (0usize..4).prop_map(|back| Kind::Larger { back }),
        2 => (0usize..4).prop_map(|back| Kind::MatMul { back }),
        1 => Just(on_numbers(Kind::Softmax)),
        2 => any::<[bool; 3]>().prop_map(move |[centered, coded, mapped]| on_numbers(Kind::Norm { centered, coded, mapped })),
        2 => order().prop_map(Kind::Arrange),
        2 => (1usize..=3, channels(config), 1..=3 * r + 1).prop_map(move |(pixels, outputs, most)| {
            if registers { Kind::Rows { pixels, outputs, most } } else { Kind::Lookup }
        }),
        2 => shape().prop_map(|window| Kind::Max { window }),
        2 => (shape(), any::<bool>()).prop_map(|(window, count_padding)| Kind::Average { window, count_padding }),
    ]
}

/// Random graphs on a machine.
pub fn cases(config: &'static str, beats: u32) -> impl Strategy<Value = Case> {
    let most = if config.starts_with("tiny") { 8 } else { 12 };
    let side = prop_oneof![4 => 1usize..=most, 1 => Just(1usize)];
    let layers = proptest::collection::vec((kind(config), prop_oneof![4 => Just(0usize), 1 => 0usize..3]), 1..=6);
    ((side.clone(), side, channels(config)), layers, proptest::bool::weighted(0.2), any::<u64>())
        .prop_map(move |((h, w, c), layers, raw, seed)| Case { config, beats, input: [h, w, c], layers, raw, seed })
}

/// Random graphs that begin with rows of tables, on a machine with registers for them.
pub fn cases_with_tables(config: &'static str, beats: u32) -> impl Strategy<Value = Case> {
    let r = Config::named(config).map_or(4, |c| c.rows as usize);
    let first = (1usize..=3, channels(config), 1..=3 * r + 1);
    (cases(config, beats), first).prop_map(|(mut case, (pixels, outputs, most))| {
        case.layers.insert(0, (Kind::Rows { pixels, outputs, most }, 0));
        case
    })
}

impl Shape {
    /// The window over a map of `h` by `w`: kernel, dilation and pads cut until one window fits, and none lies in the
    /// padding altogether.
    fn over(&self, h: usize, w: usize) -> (Window, [usize; 2]) {
        let mut window = Window { kernel: self.kernel, stride: self.stride, dilation: self.dilation, pads: self.pads };
        for (d, size) in [h, w].into_iter().enumerate() {
            if (window.kernel[d] - 1) * window.dilation[d] + 1 > size {
                window.dilation[d] = 1;
                window.kernel[d] = window.kernel[d].min(size);
            }
            let reach = (window.kernel[d] - 1) * window.dilation[d];
            for side in [d, d + 2] {
                window.pads[side] = window.pads[side].min(if window.dilation[d] == 1 { reach } else { 0 });
            }
        }
        let out = window.output(h, w).unwrap_or([1, 1]);
        (window, out)
    }
}

struct Builder<R: Rng> {
    rng: R,
    maps: Vec<Map>,
    layers: Vec<Layer>,
    /// Weights may have a zero point.
    zero: bool,
    tables: Vec<Table>,
    /// Rows of the smallest table that each index of the run picks of.
    indices: Vec<usize>,
}

impl<R: Rng> Builder<R> {
    fn push(&mut self, op: Op, finish: Finish, shape: [usize; 3]) -> MapId {
        let name = format!("layer {}", self.layers.len());
        self.layers.push(Layer { name: name.clone(), op, finish });
        self.maps.push(Map { name, shape });
        self.maps.len() - 1
    }

    /// A row of a table, of a new one or of one that is there, by a new index or by one that is there.
    fn pick(&mut self, width: usize, most: usize) -> Pick {
        let known: Vec<usize> = (0..self.tables.len()).filter(|&t| self.tables[t].width == width).collect();
        let table = if known.is_empty() || self.rng.random_bool(0.4) {
            let rows = self.rng.random_range(1..=most);
            let codes = codes(&mut self.rng, rows * width);
            self.tables.push(Table { name: format!("table {}", self.tables.len()), width, codes, quantiser: None });
            self.tables.len() - 1
        } else {
            known[self.rng.random_range(0..known.len())]
        };
        let rows = self.tables[table].rows();
        let full = self.indices.len() == TOKENS.len();
        let index = if full || !self.indices.is_empty() && self.rng.random_bool(0.3) {
            self.rng.random_range(0..self.indices.len())
        } else {
            self.indices.push(rows);
            self.indices.len() - 1
        };
        self.indices[index] = self.indices[index].min(rows);
        Pick { table, index }
    }

    fn clamp(&mut self) -> Finish {
        if self.rng.random_bool(0.3) { Finish::Codes { lo: self.rng.random_range(-100..0), hi: 120 } } else { FREE }
    }

    fn operand(&mut self, map: MapId) -> Operand {
        let scale = [0.5, 0.25, 1.0, 0.37][self.rng.random_range(0..4)]; // sums of the first three are exact in float32
        Operand { map, scale, zero_point: self.rng.random_range(-30..30) }
    }

    #[allow(clippy::too_many_arguments)]
    fn conv(&mut self, input: MapId, window: Window, out: [usize; 2], outputs: usize, groups: usize, wide: bool, raw: bool) {
        let per = self.maps[input].shape[2] / groups;
        let (weights, bias, scales) = self.numbers(window.kernel[0] * window.kernel[1] * per, outputs, wide);
        let lo = if self.rng.random_bool(0.3) { 0 } else { -128 };
        let finish = if raw {
            Finish::Raw32
        } else {
            Finish::Int8 { scales, zero_point: self.rng.random_range(-20..20), lo, hi: 127, float32: false, rest: vec![] }
        };
        let zero_point = self.rng.random_range(-20..20);
        self.push(Op::Conv { input, zero_point, window, groups, weights, bias }, finish, [out[0], out[1], outputs]);
    }

    /// Random weights, biases and scales of a convolution of so many terms.
    fn numbers(&mut self, terms: usize, outputs: usize, wide: bool) -> (Vec<i16>, Vec<i32>, Vec<f32>) {
        // Of several zero points, or of one: the latter are bytes less it.
        let (least, most) = match self.rng.random_range(0..4) {
            _ if !wide => (-127, 127),
            0 | 1 => (-255, 255),
            2 => [(0, 255), (-255, 0)][self.rng.random_range(0..2)],
            _ => {
                let zero = self.rng.random_range(0..=255);
                (-zero, 255 - zero)
            }
        };
        let weights = (0..terms * outputs).map(|_| self.rng.random_range(least..=most)).collect();
        let reach = 5000 * (terms as f64).sqrt() as i32;
        let bias = (0..outputs).map(|_| self.rng.random_range(-reach..=reach)).collect();
        (weights, bias, (0..outputs).map(|_| scale(&mut self.rng, terms)).collect())
    }

    fn transposed(
        &mut self,
        input: MapId,
        shape: &Shape,
        (more, edge): ([usize; 2], bool),
        outputs: usize,
        groups: usize,
        wide: bool,
    ) {
        let [h, w, c] = self.maps[input].shape;
        let mut window = Window { kernel: shape.kernel, stride: shape.stride, dilation: shape.dilation, pads: shape.pads };
        // A phase is a stage: not more of them than the smallest timetable has rows for.
        if edge {
            window.dilation = [1, 1];
            window.stride = window.stride.map(|s| s.min(2));
            window.kernel = window.kernel.map(|k| k.min(3));
        }
        let mut out = [0; 2];
        for (d, size) in [h, w].into_iter().enumerate() {
            let full = (size - 1) * window.stride[d] + (window.kernel[d] - 1) * window.dilation[d] + 1 + more[d];
            // One pixel stays.
            window.pads[d] = window.pads[d].min(full - 1);
            window.pads[d + 2] = window.pads[d + 2].min(full - 1 - window.pads[d]);
            out[d] = full - window.pads[d] - window.pads[d + 2];
        }
        let terms = window.kernel[0] * window.kernel[1] * (c / groups);
        let (weights, bias, scales) = self.numbers(terms, outputs, wide);
        let lo = if self.rng.random_bool(0.3) { 0 } else { -128 };
        let zero_point = self.rng.random_range(-20..20);
        let finish =
            Finish::Int8 { scales, zero_point: self.rng.random_range(-20..20), lo, hi: 127, float32: false, rest: vec![] };
        let op = Op::ConvTranspose { input, zero_point, window, groups, weights, bias, edge };
        self.push(op, finish, [out[0], out[1], outputs]);
    }

    fn layer(&mut self, kind: &Kind, back: usize, raw: bool) {
        let input = self.maps.len() - 1 - back.min(self.maps.len() - 1);
        let [h, w, c] = self.maps[input].shape;
        match kind {
            Kind::Conv { window, outputs, groups, wide } => {
                let (window, out) = window.over(h, w);
                let (groups, outputs) = match groups {
                    1 => (c, c * (1 + usize::from(outputs % 4 == 3))),
                    2 if c % 2 == 0 => (2, 2 * outputs.div_ceil(2)),
                    _ => (1, *outputs),
                };
                self.conv(input, window, out, outputs, groups, *wide, raw);
            }
            Kind::Transposed { window, more, edge, outputs, groups, wide } => {
                let (groups, outputs) = match groups {
                    1 => (c, c),
                    2 if c % 2 == 0 => (2, 2 * outputs.div_ceil(2)),
                    _ => (1, *outputs),
                };
                self.transposed(input, window, (*more, *edge), outputs, groups, *wide);
            }
            Kind::Dense { outputs } => {
                let window = Window { kernel: [h, w], ..Window::POINT };
                self.conv(input, window, [1, 1], *outputs, 1, false, raw);
            }
            Kind::Rows { pixels, outputs, most } => {
                let shape = if h * w <= 4 { [h, w, c] } else { [*pixels, 1, *outputs] };
                let picks = (0..shape[0] * shape[1]).map(|_| self.pick(shape[2], *most)).collect();
                let finish = self.clamp();
                self.push(Op::Rows { picks }, finish, shape);
            }
            Kind::Lookup => {
                let table = Box::new(std::array::from_fn(|_| self.rng.random()));
                let finish = self.clamp();
                self.push(Op::Lookup { input, table, doubtful: vec![] }, finish, [h, w, c]);
            }
            Kind::Add { back } => {
                let fits: Vec<MapId> = (0..self.maps.len()).rev().filter(|&m| self.maps[m].shape == [h, w, c]).collect();
                let other = fits[back % fits.len()];
                let other = if other == input && *back > 1 {
                    let codes = codes(&mut self.rng, h * w * c);
                    self.push(Op::Constant { codes }, FREE, [h, w, c])
                } else {
                    other
                };
                let (a, b) = (self.operand(input), self.operand(other));
                let finish = self.clamp();
                let zero_point = self.rng_code();
                let rounding =
                    [SumRounding::Fused { unsigned: false }, SumRounding::Fused { unsigned: true }, SumRounding::Float32]
                        [self.rng.random_range(0..3)];
                let scale = if self.rng.random_bool(0.5) { 1.0 } else { self.rng.random_range(0.3f32..1.5) };
                self.push(Op::Add { a, b, scale, zero_point, rounding }, finish, [h, w, c]);
            }
            Kind::Mul { back } => {
                let fits: Vec<MapId> = (0..self.maps.len()).rev().filter(|&m| self.maps[m].shape == [h, w, c]).collect();
                let other = match back {
                    0 => {
                        let whole = Window { kernel: [h, w], ..Window::POINT };
                        let rounding = MeanRounding::Global;
                        let (input, zero_point) = (self.operand(input), self.rng_code());
                        let op = Op::AveragePool { input, window: whole, count_padding: false, scale: 0.2, zero_point, rounding };
                        self.push(op, FREE, [1, 1, c])
                    }
                    _ => fits[back % fits.len()],
                };
                let (a, b) = (self.operand(input), self.operand(other));
                let finish = self.clamp();
                let zero_point = self.rng_code();
                let rounding =
                    [SumRounding::Fused { unsigned: false }, SumRounding::Fused { unsigned: true }, SumRounding::Float32]
                        [self.rng.random_range(0..3)];
                let scale =
                    a.scale * b.scale * if self.rng.random_bool(0.5) { 64.0 } else { self.rng.random_range(20.0f32..150.0) };
                self.push(Op::Mul { a, b, scale, zero_point, rounding }, finish, [h, w, c]);
            }
            Kind::Larger { back } => {
                let fits: Vec<MapId> = (0..self.maps.len()).rev().filter(|&m| self.maps[m].shape == [h, w, c]).collect();
                let finish = self.clamp();
                self.push(Op::Larger { a: input, b: fits[back % fits.len()] }, finish, [h, w, c]);
            }
            Kind::MatMul { back } => {
                let fits = |m: &MapId| {
                    let [g, pixels, channels] = self.maps[*m].shape;
                    g == h && (channels == c || pixels == c)
                };
                let fits: Vec<MapId> = (0..self.maps.len()).rev().filter(fits).collect();
                let b = fits[back % fits.len()];
                let [_, pixels, channels] = self.maps[b].shape;
                let transposed = channels == c && (pixels != c || self.rng.random());
                let n = if transposed { pixels } else { channels };
                let zero = |rng: &mut R| [0, -128, 127, rng.random_range(-128..=127)][rng.random_range(0..4)];
                let (a_zero, b_zero) = (zero(&mut self.rng), if self.zero { zero(&mut self.rng) } else { 0 });
                let finish = Finish::Int8 {
                    scales: vec![scale(&mut self.rng, c); n],
                    zero_point: self.rng_code(),
                    lo: -128,
                    hi: 127,
                    float32: false,
                    rest: vec![],
                };
                self.push(Op::MatMul { a: input, a_zero, b, b_zero, k: c, transposed }, finish, [h, w, n]);
            }
            Kind::Softmax => {
                let scale = self.rng.random_range(0.005f32..0.2);
                let (levels, zero_point) = [(256.0, -128), (255.0, -128), (127.0, 0)][self.rng.random_range(0..3)];
                self.push(Op::Softmax { input, scale, levels, zero_point }, FREE, [h, w, c]);
            }
            Kind::Norm { centered, coded, mapped } => {
                let from = input;
                let input = Operand { scale: self.rng.random_range(0.01f32..0.2), ..self.operand(input) };
                let under = if *mapped {
                    // Codes of any sign: below the zero point the machine has 0.
                    self.conv(from, Window::POINT, [h, w], 1, 1, false, false);
                    let of = self.operand(self.maps.len() - 1);
                    let scale = 6000.0 * input.scale * input.scale / 255.0;
                    let of = Operand { scale, zero_point: if *coded { -128 } else { of.zero_point }, ..of };
                    UnderRoot::Map { of, epsilon: [0.0, 1e-5, 0.1][self.rng.random_range(0..3)] }
                } else if *coded {
                    // Codes of -128 to 127 for a variance of up to about a map's own.
                    let scale = 6000.0 * input.scale * input.scale / 255.0;
                    let value = |code: usize| (f32::from(code as u8 as i8) + 128.0) * scale;
                    UnderRoot::Codes { scale, zero_point: -128, values: Box::new(std::array::from_fn(value)) }
                } else {
                    UnderRoot::Epsilon([1e-5, 1e-12, 0.1][self.rng.random_range(0..3)])
                };
                let (gain, bias) = (0..c)
                    .map(|_| {
                        let gain = if self.rng.random_bool(0.1) { 0.0 } else { self.rng.random_range(-1.5f32..1.5) };
                        (gain, self.rng.random_range(-1.0f32..1.0))
                    })
                    .unzip();
                let (scale, zero_point) = (self.rng.random_range(0.01f32..0.04), self.rng_code());
                let op = Op::Norm { input, centered: *centered, under, gain, bias, scale, zero_point };
                let finish = self.clamp();
                self.push(op, finish, [h, w, c]);
            }
            Kind::Arrange(order) => {
                let (shape, from) = order.of([h, w, c]);
                self.push(Op::Arrange { input, from }, FREE, shape);
            }
            Kind::Max { window } => {
                let (window, out) = window.over(h, w);
                let finish = self.clamp();
                self.push(Op::MaxPool { input, window }, finish, [out[0], out[1], c]);
            }
            Kind::Average { window, count_padding } => {
                let (window, out) = window.over(h, w);
                let op = Op::AveragePool {
                    input: self.operand(input),
                    window,
                    count_padding: *count_padding,
                    scale: self.rng.random_range(0.2f32..0.6),
                    zero_point: self.rng_code(),
                    rounding: [
                        MeanRounding::Global,
                        MeanRounding::Window { unsigned: false },
                        MeanRounding::Window { unsigned: true },
                        MeanRounding::Float32,
                    ][self.rng.random_range(0..4)],
                };
                let finish = self.clamp();
                self.push(op, finish, [out[0], out[1], c]);
            }
        }
    }

    fn rng_code(&mut self) -> i8 {
        self.rng.random_range(-30..30)
    }
}

const FREE: Finish = Finish::Codes { lo: -128, hi: 127 };

impl Case {
    /// The graph, and what two runs are given.
    pub fn graph(&self) -> (Graph, [Given; 2]) {
        let zero = Config::named(self.config).is_ok_and(|c| c.weight_zero);
        let mut b = Builder {
            rng: generator(self.seed),
            maps: vec![Map { name: "input".into(), shape: self.input }],
            layers: vec![],
            zero,
            tables: vec![],
            indices: vec![],
        };
        let last = self.layers.len() - 1;
        for (i, (kind, back)) in self.layers.iter().enumerate() {
            b.layer(kind, *back, self.raw && i == last);
        }
        let out = b.maps.len() - 1;
        let border = |map: &Map, element| Border {
            name: map.name.clone(),
            shape: map.shape.to_vec(),
            element,
            order: (0..map.len() as u32).collect(),
            float: None,
            host: None,
            at: vec![],
            beside: vec![],
            index: vec![],
        };
        let raw = b.layers[out - 1].finish == Finish::Raw32;
        let element = if raw { ElementType::Int32 } else { ElementType::Int8 };
        let inputs = [(); 2].map(|()| Given {
            codes: codes(&mut b.rng, b.maps[0].len()),
            rows: b.indices.iter().map(|&rows| b.rng.random_range(0..rows as u32)).collect(),
        });
        let mut input = border(&b.maps[0], ElementType::Int8);
        if !b.indices.is_empty() {
            let index = b.indices.iter().enumerate().map(|(place, &rows)| Index { place, rows }).collect();
            let shape = vec![b.indices.len()];
            let name = "indices".to_string();
            input.at = input.order.clone();
            input.beside = vec![Border { name, shape, element: ElementType::Int64, order: vec![], index, ..input.clone() }];
        }
        let graph = Graph {
            name: "random".into(),
            input,
            output: (out, border(&b.maps[out], element)),
            maps: b.maps,
            layers: b.layers,
            batch: 1,
            tables: b.tables,
        };
        (graph, inputs)
    }
}
