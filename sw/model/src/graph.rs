// SPDX-License-Identifier: Apache-2.0
//! Quantised graphs: feature maps, and the layers that make one from another.
//!
//! A feature map is `[h, w, c]` of int8 codes (unsigned models are shifted by 128 when they are
//! imported); a matrix `[m, k]` is `[m, 1, k]`. The arithmetic of every part is in docs/arithmetic.md.

use crate::border::BorderError;
use crate::host::Host;
use crate::onnx::{Array, ElementType};
use crate::tables::{Given, Index, Pick, Table};

/// Number of a feature map: 0 is the input, i the output of layer i - 1.
pub type MapId = usize;

/// A feature map.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Name in the model it came from.
    pub name: String,
    /// Rows, columns, channels.
    pub shape: [usize; 3],
}

impl Map {
    /// Elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements; no map of a graph is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A window that slides over rows and columns of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Steps.
    pub stride: [usize; 2],
    /// Distance of taps.
    pub dilation: [usize; 2],
    /// Padding above, left, below, right.
    pub pads: [usize; 4],
}

impl Window {
    /// One tap, no padding: what a matrix product uses.
    pub const POINT: Window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pads: [0; 4] };

    /// Rows and columns of the output over a map of `h` by `w`; `None` where not one window fits.
    pub fn output(&self, h: usize, w: usize) -> Option<[usize; 2]> {
        let along = |d: usize, size: usize| {
            let reach = (self.kernel[d] - 1) * self.dilation[d] + 1;
            (size + self.pads[d] + self.pads[d + 2]).checked_sub(reach).map(|room| room / self.stride[d] + 1)
        };
        Some([along(0, h)?, along(1, w)?])
    }

    /// Taps of the output at `(y, x)` that lie inside a map of `h` by `w`: kernel row and column, then the
    /// map's row and column.
    pub fn taps(&self, y: usize, x: usize, h: usize, w: usize) -> impl Iterator<Item = [usize; 4]> + use<> {
        let this = *self;
        (0..this.kernel[0] * this.kernel[1]).filter_map(move |tap| {
            let (ky, kx) = (tap / this.kernel[1], tap % this.kernel[1]);
            let row = (y * this.stride[0] + ky * this.dilation[0]).checked_sub(this.pads[0])?;
            let col = (x * this.stride[1] + kx * this.dilation[1]).checked_sub(this.pads[1])?;
            (row < h && col < w).then_some([ky, kx, row, col])
        })
    }
}

/// A map as an operand whose codes stand for real values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operand {
    /// The map.
    pub map: MapId,
    /// A code above the zero point in real units.
    pub scale: f32,
    /// The code of zero.
    pub zero_point: i8,
}

/// What a layer computes, before [`Finish`].
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// `sum (x - zero point) * w + bias` over a window; a matrix product is one with a single tap.
    Conv {
        /// The map it reads.
        input: MapId,
        /// Its zero point: also what padding multiplies.
        zero_point: i8,
        /// The window.
        window: Window,
        /// Channels are split into so many groups, each with its own outputs.
        groups: usize,
        /// `[kernel row][kernel column][channel of the group][output channel]`, zero points subtracted: -255 to 255.
        weights: Vec<i16>,
        /// int32, by output channel.
        bias: Vec<i32>,
    },
    /// A transposed convolution: input pixel `(iy, ix)` adds `(x - zero point) * w` of each tap `(ky, kx)` to the output pixel
    /// `(iy * stride + ky * dilation - pads)`, where there is one. `bias` is added to every pixel.
    ConvTranspose {
        /// The map it reads.
        input: MapId,
        /// Its zero point.
        zero_point: i8,
        /// Kernel, stride, dilation; `pads` above and left are the rows and columns of the full result that are cut off. What is
        /// cut off or added below and right the shape of the output map says.
        window: Window,
        /// Channels are split into so many groups, each with its own outputs.
        groups: usize,
        /// `[kernel row][kernel column][channel of the group][output channel]`, zero points subtracted: -255 to 255.
        weights: Vec<i16>,
        /// int32, by output channel.
        bias: Vec<i32>,
        /// Beyond its edges the input goes on as it ends there, each pixel with its taps; else there is nothing.
        edge: bool,
    },
    /// Sum of two maps of one shape, each with its own scale.
    Add {
        /// First operand.
        a: Operand,
        /// Second operand.
        b: Operand,
        /// Scale of the sum.
        scale: f32,
        /// Zero point of the sum.
        zero_point: i8,
        /// How the sum becomes a code.
        rounding: SumRounding,
    },
    /// Product of two maps, each with its own scale. The second may be one pixel: a factor for each channel.
    Mul {
        /// First operand, of the shape of the product.
        a: Operand,
        /// Second operand: of the same shape, or `[1, 1, c]`.
        b: Operand,
        /// Scale of the product.
        scale: f32,
        /// Zero point of the product.
        zero_point: i8,
        /// How the product becomes a code.
        rounding: SumRounding,
    },
    /// The larger code of two maps of one shape.
    Larger {
        /// First operand.
        a: MapId,
        /// Second operand.
        b: MapId,
    },
    /// Product of two maps, row of maps by row: `y[g, i, j] = sum over l of (a[g, i, l] - za) * (b[g, l, j] - zb)`, of shapes
    /// `[g, m, k]`, `[g, k, n]` and `[g, m, n]`.
    MatMul {
        /// First operand, `[g, m, k]`.
        a: MapId,
        /// Its zero point.
        a_zero: i8,
        /// Second operand: `[g, k, n]`, or `[g, n, k]` where it is transposed.
        b: MapId,
        /// Its zero point.
        b_zero: i8,
        /// Length k of the sums.
        k: usize,
        /// The second operand has a pixel for each column of the result.
        transposed: bool,
    },
    /// Softmax over the channels of each pixel, from codes to codes: `rne(e * levels / sum of e) + zero_point` with
    /// `e = exp((x - largest x) * scale)`, as QLinearSoftmax (docs/arithmetic.md, "Softmax and normalisation").
    Softmax {
        /// The map it reads.
        input: MapId,
        /// Scale of its codes.
        scale: f32,
        /// Codes from 0 to 1: `floor(1 / y_scale)`.
        levels: f32,
        /// The code of zero.
        zero_point: i8,
    },
    /// Normalisation over the channels of each pixel: `(x - mean) / sqrt(v) * gain + bias`, quantised, where v is
    /// `variance + epsilon` or what a code of the variance stands for (docs/arithmetic.md, "Softmax and normalisation").
    Norm {
        /// The map it reads.
        input: Operand,
        /// The mean is subtracted; without it v is that of the squares (RMS).
        centered: bool,
        /// What stands under the root.
        under: UnderRoot,
        /// By channel.
        gain: Vec<f32>,
        /// By channel.
        bias: Vec<f32>,
        /// Scale of the result.
        scale: f32,
        /// Zero point of the result.
        zero_point: i8,
    },
    /// A map whose elements are those of another one in another order, each as often as it is named.
    Arrange {
        /// The map it reads.
        input: MapId,
        /// By element of the result, row-major: the element of the input, row-major.
        from: Vec<u32>,
    },
    /// Codes that are always the same.
    Constant {
        /// The map, row-major.
        codes: Vec<i8>,
    },
    /// Rows of the graph's tables, by the run's indices: pixel p, in raster order, is what pick p takes.
    Rows {
        /// By pixel.
        picks: Vec<Pick>,
    },
    /// A function of each code.
    Lookup {
        /// The map it reads.
        input: MapId,
        /// Result by `code as u8`.
        table: Box<[i8; 256]>,
        /// Codes, as u8, whose value lies so near to halfway between two results that ONNX Runtime's float32 function may
        /// give the other one.
        doubtful: Vec<u8>,
    },
    /// Largest code in the window; padding never wins.
    MaxPool {
        /// The map it reads.
        input: MapId,
        /// The window.
        window: Window,
    },
    /// Mean over the window.
    AveragePool {
        /// What it reads.
        input: Operand,
        /// The window.
        window: Window,
        /// Padding counts as elements (of value zero).
        count_padding: bool,
        /// Scale of the mean.
        scale: f32,
        /// Zero point of the mean.
        zero_point: i8,
        /// How the mean becomes a code.
        rounding: MeanRounding,
    },
}

/// What stands under the root of a normalisation.
#[derive(Debug, Clone, PartialEq)]
pub enum UnderRoot {
    /// The variance and a constant.
    Epsilon(f32),
    /// The variance as a code, `c = clamp(rne(variance / scale) + zero_point)` to int8, and by `c as u8` the value under the
    /// root: a quantiser between the variance and the root.
    Codes {
        /// Of the variance's codes.
        scale: f32,
        /// Of the variance's codes.
        zero_point: i8,
        /// What stands under the root.
        values: Box<[f32; 256]>,
    },
    /// What the codes of a map with one channel for each pixel stand for, and a constant: the variance is made by other layers, or
    /// any other number is.
    Map {
        /// The map, of as many pixels.
        of: Operand,
        /// The constant.
        epsilon: f32,
    },
}

/// How a sum or product becomes a code, by what ONNX Runtime runs for it (docs/arithmetic.md, "Residual add", "Products of maps").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumRounding {
    /// QLinearAdd or QLinearMul, to which DequantizeLinear, Add or Mul, QuantizeLinear of one type are fused: the zero point of the
    /// result is added before rounding.
    Fused {
        /// The tensors are uint8: codes and zero points are 128 greater there.
        unsigned: bool,
    },
    /// Dequantised, added or multiplied, and quantised, each in float32, where types differ or a clip stays in between.
    Float32,
}

/// How a mean becomes a code, by what ONNX Runtime runs for it (docs/arithmetic.md, "Means").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeanRounding {
    /// QLinearGlobalAveragePool: the integer sum times `x_scale / (y_scale * count)` in float32.
    Global,
    /// QLinearAveragePool: float32 values added one by one, row by row, and the zero point added before rounding.
    Window {
        /// The tensor is uint8: its zero point is 128 greater.
        unsigned: bool,
    },
    /// A float32 pool between DequantizeLinear and QuantizeLinear: the order of its additions depends on layout and
    /// processor.
    Float32,
}

/// What happens to a layer's results.
#[derive(Debug, Clone, PartialEq)]
pub enum Finish {
    /// Sums leave as int32: the last layer only.
    Raw32,
    /// Sums of a convolution are requantised, then clamped.
    Int8 {
        /// Combined scale of each output channel, `f32(f32(x_scale * w_scale) / y_scale)`.
        scales: Vec<f32>,
        /// Zero point of the result.
        zero_point: i8,
        /// Lower clamp.
        lo: i8,
        /// Upper clamp.
        hi: i8,
        /// ONNX Runtime computes the layer in float32: between two types, or where a clip stays before the quantisation.
        float32: bool,
        /// Of a float32 layer: what its constants have beyond the bias, by output channel; empty where that is nothing.
        rest: Vec<Rest>,
    },
    /// The op makes codes itself; they are clamped.
    Codes {
        /// Lower clamp.
        lo: i8,
        /// Upper clamp.
        hi: i8,
    },
}

/// Constants of a float32 layer that are no whole number of steps of its sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rest {
    /// What is added to the sum behind its bias, in steps of the sum: at most a half either way.
    pub step: f32,
    /// The magnitudes of all float32 constants that were added up, in steps of the sum.
    pub size: f32,
    /// How far what is summed may be from ONNX Runtime's values beside, in steps of the sum: digits of a function.
    pub off: f32,
}

/// A layer: its output is the next map.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Name of the node that ends it.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// What follows.
    pub finish: Finish,
}

impl Layer {
    /// Whether ONNX Runtime computes the layer in float32 by additions whose order depends on layout and processor, or by an
    /// approximation of a function: where a value lies that near to halfway between two codes, either may come out.
    pub fn order_decides(&self) -> bool {
        matches!(&self.op, Op::Lookup { doubtful, .. } if !doubtful.is_empty())
            || matches!(self.finish, Finish::Int8 { float32: true, .. })
            || matches!(self.op, Op::AveragePool { rounding: MeanRounding::Float32, .. } | Op::Softmax { .. } | Op::Norm { .. })
    }

    /// Whether it adds up digits of a function, which are off by some of what they stand for.
    pub fn has_digits(&self) -> bool {
        matches!(&self.finish, Finish::Int8 { rest, .. } if rest.iter().any(|r| r.off > 0.0))
    }

    /// Whether it moves codes and computes nothing: a product with ones and zeros, in the same steps.
    pub fn copies(&self) -> bool {
        if matches!(self.op, Op::Arrange { .. }) {
            return true;
        }
        let (Op::Conv { weights, bias, .. }, Finish::Int8 { scales, .. }) = (&self.op, &self.finish) else { return false };
        scales.iter().all(|&s| s == 1.0) && bias.iter().all(|&b| b == 0) && weights.iter().all(|w| [0, 1].contains(w))
    }

    /// Maps it reads.
    pub fn inputs(&self) -> Vec<MapId> {
        match self.op {
            Op::Conv { input, .. }
            | Op::ConvTranspose { input, .. }
            | Op::Lookup { input, .. }
            | Op::MaxPool { input, .. }
            | Op::Softmax { input, .. }
            | Op::Arrange { input, .. } => vec![input],
            Op::Larger { a, b } | Op::MatMul { a, b, .. } => vec![a, b],
            Op::Norm { ref input, under: UnderRoot::Map { ref of, .. }, .. } => vec![input.map, of.map],
            Op::AveragePool { ref input, .. } | Op::Norm { ref input, .. } => vec![input.map],
            Op::Constant { .. } | Op::Rows { .. } => vec![],
            Op::Add { a, b, .. } | Op::Mul { a, b, .. } => vec![a.map, b.map],
        }
    }
}

impl Op {
    /// Gives the maps that it reads other numbers.
    pub(crate) fn renumber(&mut self, number: impl Fn(MapId) -> MapId) {
        match self {
            Op::Conv { input, .. }
            | Op::ConvTranspose { input, .. }
            | Op::Lookup { input, .. }
            | Op::MaxPool { input, .. }
            | Op::Softmax { input, .. }
            | Op::Arrange { input, .. } => *input = number(*input),
            Op::Larger { a, b } | Op::MatMul { a, b, .. } => (*a, *b) = (number(*a), number(*b)),
            Op::Norm { input, under: UnderRoot::Map { of, .. }, .. } => {
                input.map = number(input.map);
                of.map = number(of.map);
            }
            Op::AveragePool { input, .. } | Op::Norm { input, .. } => input.map = number(input.map),
            Op::Constant { .. } | Op::Rows { .. } => {}
            Op::Add { a, b, .. } | Op::Mul { a, b, .. } => {
                a.map = number(a.map);
                b.map = number(b.map);
            }
        }
    }
}

/// How a tensor outside the machine becomes a map, or a map a tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Border {
    /// Name of the graph's input or output.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<usize>,
    /// Its element type there.
    pub element: ElementType,
    /// Place in the tensor (behind what the host computes), row-major, of each element of the map, row-major.
    pub order: Vec<u32>,
    /// float32 tensors: what a code stands for.
    pub float: Option<Codes>,
    /// What the host computes between that tensor and the codes.
    pub host: Option<Host>,
    /// Place in the graph's first or last map of each element of this tensor's own; empty: that map is its own. So several tensors
    /// share a frame.
    pub at: Vec<u32>,
    /// The other tensors of the frame, in the model's order.
    pub beside: Vec<Border>,
    /// Its elements are indices of the run, and none goes into the frame.
    pub index: Vec<Index>,
}

impl Border {
    /// All ways that tensors go into the frame, in the order of the tensors: a border for each, those of one tensor one behind the other,
    /// all of its name.
    pub fn all(&self) -> impl Iterator<Item = &Border> {
        std::iter::once(self).chain(&self.beside)
    }

    /// The tensors, in the model's order: of each its first border.
    pub fn tensors(&self) -> impl Iterator<Item = &Border> {
        let before = std::iter::once(None).chain(self.all().map(|b| Some(b.name.as_str())));
        self.all().zip(before).filter(|(b, before)| *before != Some(b.name.as_str())).map(|(b, _)| b)
    }

    /// Each border with its tensor, of those in the model's order.
    fn with<'a>(&'a self, tensors: &'a [Array]) -> impl Iterator<Item = (&'a Border, &'a Array)> {
        let names: Vec<&str> = self.tensors().map(|b| b.name.as_str()).collect();
        self.all().filter_map(move |b| Some((b, tensors.get(names.iter().position(|name| *name == b.name)?)?)))
    }

    /// This tensor's part of what the frame has.
    pub fn part<T: Copy>(&self, frame: &[T]) -> Vec<T> {
        if self.at.is_empty() { frame.to_vec() } else { self.at.iter().map(|&at| frame[at as usize]).collect() }
    }
}

/// What the codes of a float32 tensor stand for: `(code - zero point) * scale`.
#[derive(Debug, Clone, PartialEq)]
pub struct Codes {
    /// Scale; more than one: along `axis`.
    pub scales: Vec<f32>,
    /// Zero points, as int8 codes.
    pub zero_points: Vec<i8>,
    /// Dimension of the tensor that scales go along.
    pub axis: usize,
}

/// A quantised graph with one input and one output.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// Name.
    pub name: String,
    /// Map 0 from outside.
    pub input: Border,
    /// Maps: 0 is the input, i the output of layer i - 1.
    pub maps: Vec<Map>,
    /// Layers, each after those it reads.
    pub layers: Vec<Layer>,
    /// The map that leaves, and how. int32 where that layer ends in [`Finish::Raw32`].
    pub output: (MapId, Border),
    /// Elements of the model's batch: the graph is that of one, and runs for one after the other. Borders have it as 1.
    pub batch: usize,
    /// Tables that runs take rows of by index.
    pub tables: Vec<Table>,
}

impl Graph {
    /// What a run is given, from the input tensors in the model's order: the codes of the first map, row-major, and the rows that indices
    /// pick.
    ///
    /// # Errors
    /// [`BorderError`]: another number of tensors, a shape, an element type, or an index that a table does not have.
    pub fn pack(&self, tensors: &[Array]) -> Result<Given, BorderError> {
        let expected = self.input.tensors().count();
        if tensors.len() != expected {
            return Err(BorderError::Count { expected, actual: tensors.len() });
        }
        if self.input.at.is_empty() && self.input.beside.is_empty() && self.input.index.is_empty() {
            return Ok(self.input.pack(&tensors[0])?.into());
        }
        let mut given = Given { codes: vec![0; self.maps[0].len()], rows: vec![] };
        for (border, tensor) in self.input.with(tensors) {
            if border.index.is_empty() {
                border.at.iter().zip(border.pack(tensor)?).for_each(|(&at, code)| given.codes[at as usize] = code);
            } else {
                given.rows.extend(border.rows(tensor)?);
            }
        }
        Ok(given)
    }

    /// The input tensors of each element of the batch, from those of the model: parts along their first dimension.
    ///
    /// # Errors
    /// [`BorderError::Shape`]: another number of elements.
    pub fn elements(&self, tensors: &[Array]) -> Result<Vec<Vec<Array>>, BorderError> {
        if self.batch == 1 {
            return Ok(vec![tensors.to_vec()]);
        }
        for (border, tensor) in self.input.with(tensors) {
            let expected = [&[self.batch], &border.shape[1..]].concat();
            if tensor.shape != expected {
                return Err(BorderError::Shape { name: border.name.clone(), expected, actual: tensor.shape.clone() });
            }
        }
        Ok((0..self.batch).map(|n| tensors.iter().map(|t| t.part(n)).collect()).collect())
    }

    /// The output tensors in the model's order from the values of the last map, row-major.
    pub fn unpack(&self, values: &[i32]) -> Vec<Array> {
        self.output.1.all().map(|border| border.unpack(&border.part(values))).collect()
    }

    /// Multiply-accumulates of one run: those of convolutions and matrix products, padding included.
    pub fn macs(&self) -> u64 {
        self.layers.iter().zip(&self.maps[1..]).map(|(l, m)| layer_macs(l, m)).sum()
    }
}

impl Graph {
    /// Rows of a graph of matrices in which each row of the output depends on the same row of the input alone: it can
    /// run with any number of them.
    pub fn rows(&self) -> Option<usize> {
        let [m, one, _] = self.maps[0].shape;
        let matrices = self.maps.iter().all(|map| map.shape[0] == m && map.shape[1] == 1);
        let apart = self.layers.iter().all(|l| match &l.op {
            Op::Conv { window, .. } | Op::MaxPool { window, .. } | Op::AveragePool { window, .. } => *window == Window::POINT,
            Op::Add { .. } | Op::Mul { .. } | Op::Larger { .. } | Op::Lookup { .. } => true,
            Op::Softmax { .. } | Op::Norm { .. } => true,
            Op::MatMul { .. } => false,
            Op::Constant { .. } | Op::Rows { .. } | Op::ConvTranspose { .. } | Op::Arrange { .. } => false,
        });
        (one == 1 && matrices && apart).then_some(m)
    }

    /// The same with another number of rows; the borders keep their shapes.
    pub fn with_rows(&self, m: usize) -> Graph {
        let mut graph = self.clone();
        graph.maps.iter_mut().for_each(|map| map.shape[0] = m);
        graph
    }

    /// The same without layers whose result nothing reads.
    pub(crate) fn without_dead_layers(mut self) -> Graph {
        let mut alive = vec![false; self.maps.len()];
        alive[0] = true;
        alive[self.output.0] = true;
        for i in (0..self.layers.len()).rev() {
            if alive[i + 1] {
                self.layers[i].inputs().into_iter().for_each(|m| alive[m] = true);
            }
        }
        let mut number = vec![0; self.maps.len()];
        let mut next = 0;
        for (id, n) in number.iter_mut().enumerate() {
            *n = next;
            next += usize::from(alive[id]);
        }
        let mut keep = alive.iter();
        self.maps.retain(|_| *keep.next().unwrap_or(&true));
        let mut keep = alive[1..].iter();
        self.layers.retain(|_| *keep.next().unwrap_or(&true));
        self.layers.iter_mut().for_each(|layer| layer.op.renumber(|m| number[m]));
        self.output.0 = number[self.output.0];
        self
    }
}

/// Multiply-accumulates of a layer whose output is `map`; none where it only copies. Those of a transposed convolution are the
/// taps that meet an output pixel, with pixels outside the input and without the zeros between those inside.
pub fn layer_macs(layer: &Layer, map: &Map) -> u64 {
    match &layer.op {
        Op::MatMul { k, .. } => map.len() as u64 * *k as u64,
        Op::Conv { weights, .. } if !layer.copies() => (map.shape[0] * map.shape[1]) as u64 * weights.len() as u64,
        Op::ConvTranspose { window, weights, .. } => {
            let met = |d: usize| {
                let meets = |at: usize, tap: usize| {
                    let from = (at + window.pads[d]) as i64 - (tap * window.dilation[d]) as i64;
                    from.rem_euclid(window.stride[d] as i64) == 0
                };
                (0..map.shape[d]).map(|at| (0..window.kernel[d]).filter(|&tap| meets(at, tap)).count() as u64).sum::<u64>()
            };
            met(0) * met(1) * (weights.len() / (window.kernel[0] * window.kernel[1])) as u64
        }
        _ => 0,
    }
}
