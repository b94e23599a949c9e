// SPDX-License-Identifier: Apache-2.0
//! Quantised networks: shapes, scales, zero points. All floating point ends here.
//!
//! A [`Network`] is a chain of [`Dense`] layers on an `[m, k]` int8 matrix. A GEMM is a chain of one
//! layer. The arithmetic of every part is in docs/arithmetic.md.

pub mod approximation;
pub mod border;
pub mod encoder;
pub mod graph;
pub mod host;
pub mod onnx;
pub mod tables;

use thiserror::Error;

/// Sums and products beyond it become the lowest code in ONNX Runtime on x86: its conversion to int32 overflows.
pub const OVERFLOW: f32 = 2_147_483_648.0;

/// The code of a real value: what QuantizeLinear makes of it. NaN becomes the lowest code, as in ONNX Runtime on x86.
pub fn quantise(v: f32, scale: f32, zero_point: i8) -> i8 {
    let code = (v / scale).round_ties_even() + f32::from(zero_point);
    if code.is_nan() { -128 } else { code.clamp(-128.0, 127.0) as i8 }
}

/// What is wrong with a network; each names the layer.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ModelError {
    /// A dimension is zero.
    #[error("{what} is 0; every dimension is at least 1")]
    Zero {
        /// The dimension.
        what: String,
    },
    /// A vector has the wrong length.
    #[error("layer {layer}: {what} has {actual} elements, its shape says {expected}")]
    Length {
        /// Layer number, from 0.
        layer: usize,
        /// What is too long or short.
        what: &'static str,
        /// Elements by the shape.
        expected: usize,
        /// Elements given.
        actual: usize,
    },
    /// A layer does not take what the one before gives.
    #[error("layer {layer}: takes {takes} columns, the layer before gives {gives}")]
    Chain {
        /// Layer number.
        layer: usize,
        /// Its k.
        takes: usize,
        /// Columns there are.
        gives: usize,
    },
    /// A scale that is zero, negative, subnormal, infinite, NaN or 2^24 and more.
    #[error("layer {layer}: scale of {what} is {value:e}; it must be a normal float32 above 0 and below 2^24")]
    Scale {
        /// Layer number.
        layer: usize,
        /// Which scale.
        what: String,
        /// Its value.
        value: f32,
    },
    /// A residual add that has no operand.
    #[error(
        "layer {layer}: the residual operand {from} has no {rows} x {cols} int8 values (operand 0 is the input, i the output of layer i-1)"
    )]
    Residual {
        /// Layer number.
        layer: usize,
        /// The operand.
        from: usize,
        /// Rows needed.
        rows: usize,
        /// Columns needed.
        cols: usize,
    },
    /// int32 output before the last layer.
    #[error("layer {layer}: int32 output is for the last layer only")]
    RawInside {
        /// Layer number.
        layer: usize,
    },
    /// A clamp whose limits are swapped.
    #[error("layer {layer}: clamp from {lo} to {hi} is empty")]
    Clamp {
        /// Layer number.
        layer: usize,
        /// Lower limit.
        lo: i8,
        /// Upper limit.
        hi: i8,
    },
}

/// A chain of dense layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Name, for reports.
    pub name: String,
    /// Rows of the input and of every activation.
    pub m: usize,
    /// Columns of the input.
    pub k: usize,
    /// Zero point of the input.
    pub zero_point: i8,
    /// The layers, in order.
    pub layers: Vec<Dense>,
}

/// `y = output(x * w + bias)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Rows of the weights: columns of the input.
    pub k: usize,
    /// Columns of the weights: columns of the output.
    pub n: usize,
    /// int8 weights `[k, n]`, row-major, zero point 0.
    pub weights: Vec<i8>,
    /// int32 bias `[n]`, the input's zero point not folded in.
    pub bias: Vec<i32>,
    /// What happens to the sums.
    pub output: Output,
}

/// What happens to int32 sums.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// They leave as they are (bias added, zero point of the input subtracted).
    Raw32,
    /// They are requantised.
    Int8(Quantised),
}

/// Requantisation to int8 and what follows it, in this order: requantise, lookup, residual
/// add, clamp.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantised {
    /// Combined scale of each channel, `f32(f32(x_scale * w_scale) / y_scale)`: `[n]`.
    pub scales: Vec<f32>,
    /// Zero point of the requantised value.
    pub zero_point: i8,
    /// Lookup, index `code as u8`.
    pub lut: Option<Box<[i8; 256]>>,
    /// Residual add.
    pub residual: Option<Add>,
    /// Lower clamp.
    pub lo: i8,
    /// Upper clamp.
    pub hi: i8,
}

impl Quantised {
    /// Requantisation with these scales and zero point, and nothing after it.
    pub fn plain(scales: Vec<f32>, zero_point: i8) -> Quantised {
        Quantised { scales, zero_point, lut: None, residual: None, lo: -128, hi: 127 }
    }

    /// Zero point of the result.
    pub fn result_zero_point(&self) -> i8 {
        self.residual.as_ref().map_or(self.zero_point, |r| r.y_zero_point)
    }
}

/// A residual add of int8 tensors with their own scales.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Add {
    /// The other operand b: 0 is the network's input, i the output of layer i-1.
    pub from: usize,
    /// Scale of a, the requantised (and looked up) value.
    pub a_scale: f32,
    /// Zero point of a.
    pub a_zero_point: i8,
    /// Scale of b.
    pub b_scale: f32,
    /// Zero point of b.
    pub b_zero_point: i8,
    /// Scale of the sum.
    pub y_scale: f32,
    /// Zero point of the sum.
    pub y_zero_point: i8,
    /// How the sum becomes a code.
    pub rounding: graph::SumRounding,
}

impl Add {
    /// The code of a pair, as ONNX Runtime computes it (docs/arithmetic.md, "Residual add").
    pub fn reference(&self, a: i8, b: i8) -> i8 {
        match self.rounding {
            graph::SumRounding::Fused { unsigned } => {
                let up = if unsigned { 128.0 } else { 0.0 };
                let of = |v: i8| f32::from(v) + up;
                let (ra, rb) = (self.a_scale / self.y_scale, self.b_scale / self.y_scale);
                let fixed = of(self.y_zero_point) - ra.mul_add(of(self.a_zero_point), rb * of(self.b_zero_point));
                let y = ra.mul_add(of(a), rb.mul_add(of(b), fixed)).round_ties_even();
                if y >= OVERFLOW { -128 } else { (y - up).clamp(-128.0, 127.0) as i8 }
            }
            graph::SumRounding::Float32 => {
                let fa = f32::from(i16::from(a) - i16::from(self.a_zero_point)) * self.a_scale;
                let fb = f32::from(i16::from(b) - i16::from(self.b_zero_point)) * self.b_scale;
                let y = ((fa + fb) / self.y_scale).round_ties_even() + f32::from(self.y_zero_point);
                y.clamp(-128.0, 127.0) as i8
            }
        }
    }
}

/// A product of int8 tensors with their own scales.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Product {
    /// Scale of a.
    pub a_scale: f32,
    /// Zero point of a.
    pub a_zero_point: i8,
    /// Scale of b.
    pub b_scale: f32,
    /// Zero point of b.
    pub b_zero_point: i8,
    /// Scale of the product.
    pub y_scale: f32,
    /// Zero point of the product.
    pub y_zero_point: i8,
    /// How the product becomes a code.
    pub rounding: graph::SumRounding,
}

impl Product {
    /// The code of a pair, as ONNX Runtime computes it (docs/arithmetic.md, "Products of maps").
    pub fn reference(&self, a: i8, b: i8) -> i8 {
        let (a, b) = (i32::from(a) - i32::from(self.a_zero_point), i32::from(b) - i32::from(self.b_zero_point));
        let zero = f32::from(self.y_zero_point);
        match self.rounding {
            graph::SumRounding::Fused { unsigned } => {
                let up = if unsigned { 128.0 } else { 0.0 };
                let y = ((a * b) as f32 * (self.a_scale * self.b_scale / self.y_scale) + (zero + up)).round_ties_even();
                if y >= OVERFLOW { -128 } else { (y - up).clamp(-128.0, 127.0) as i8 }
            }
            graph::SumRounding::Float32 => {
                let product = (a as f32 * self.a_scale) * (b as f32 * self.b_scale);
                ((product / self.y_scale).round_ties_even() + zero).clamp(-128.0, 127.0) as i8
            }
        }
    }
}

fn scale_is_legal(s: f32) -> bool {
    s.is_normal() && s > 0.0 && s < 16_777_216.0
}

impl Network {
    /// Multiply-accumulates of one run.
    pub fn macs(&self) -> u64 {
        self.layers.iter().map(|l| (self.m * l.k * l.n) as u64).sum()
    }

    /// Columns of the output.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(self.k, |l| l.n)
    }

    /// Zero point of operand `i`: 0 is the input, i the output of layer i-1.
    pub fn operand_zero_point(&self, i: usize) -> i8 {
        match i.checked_sub(1).map(|l| &self.layers[l].output) {
            None => self.zero_point,
            Some(Output::Raw32) => 0,
            Some(Output::Int8(q)) => q.result_zero_point(),
        }
    }

    /// The network as a graph of matrices: a convolution with one tap for each layer, with a lookup and a sum behind
    /// it where it has them.
    ///
    /// # Errors
    /// What [`Network::check`] says.
    pub fn graph(&self) -> Result<graph::Graph, ModelError> {
        use graph::{Border, Finish, Graph, Layer, Map, Op, Operand, Window};
        self.check()?;
        let map = |name: String, n: usize| Map { name, shape: [self.m, 1, n] };
        let mut maps = vec![map("input".into(), self.k)];
        let mut layers: Vec<Layer> = vec![];
        // Map of operand i.
        let mut operands = vec![0];
        for (i, l) in self.layers.iter().enumerate() {
            let mut push = |kind: &str, op: Op, finish: Finish| {
                let name = if kind.is_empty() { format!("layer {i}") } else { format!("layer {i} {kind}") };
                layers.push(Layer { name: name.clone(), op, finish });
                maps.push(map(name, l.n));
                maps.len() - 1
            };
            let conv = Op::Conv {
                input: operands[i],
                zero_point: self.operand_zero_point(i),
                window: Window::POINT,
                groups: 1,
                weights: l.weights.iter().map(|&w| w.into()).collect(),
                bias: l.bias.clone(),
            };
            let Output::Int8(q) = &l.output else {
                operands.push(push("", conv, Finish::Raw32));
                continue;
            };
            let (mut lo, mut hi) = (q.lo, q.hi);
            if q.lut.is_some() || q.residual.is_some() {
                (lo, hi) = (-128, 127);
            }
            let mut at = push(
                "",
                conv,
                Finish::Int8 { scales: q.scales.clone(), zero_point: q.zero_point, lo, hi, float32: false, rest: vec![] },
            );
            if let Some(table) = &q.lut {
                let (lo, hi) = if q.residual.is_some() { (-128, 127) } else { (q.lo, q.hi) };
                at = push("lookup", Op::Lookup { input: at, table: table.clone(), doubtful: vec![] }, Finish::Codes { lo, hi });
            }
            if let Some(add) = &q.residual {
                let a = Operand { map: at, scale: add.a_scale, zero_point: add.a_zero_point };
                let b = Operand { map: operands[add.from], scale: add.b_scale, zero_point: add.b_zero_point };
                let op = Op::Add { a, b, scale: add.y_scale, zero_point: add.y_zero_point, rounding: add.rounding };
                at = push("add", op, Finish::Codes { lo: q.lo, hi: q.hi });
            }
            operands.push(at);
        }
        let border = |name: &str, n: usize, element| Border {
            name: name.into(),
            shape: vec![self.m, n],
            element,
            order: (0..(self.m * n) as u32).collect(),
            float: None,
            host: None,
            at: vec![],
            beside: vec![],
            index: vec![],
        };
        let raw = self.layers.last().is_some_and(|l| l.output == Output::Raw32);
        let element = if raw { onnx::ElementType::Int32 } else { onnx::ElementType::Int8 };
        let output = (maps.len() - 1, border("output", self.outputs(), element));
        let input = border("input", self.k, onnx::ElementType::Int8);
        Ok(Graph { name: self.name.clone(), input, maps, layers, output, batch: 1, tables: vec![] })
    }

    /// Checks every shape, scale and reference.
    ///
    /// # Errors
    /// The first [`ModelError`] found.
    pub fn check(&self) -> Result<(), ModelError> {
        let zero = |what: &str| Err(ModelError::Zero { what: what.to_string() });
        if self.m == 0 {
            return zero("m");
        }
        if self.k == 0 {
            return zero("k");
        }
        if self.layers.is_empty() {
            return zero("the number of layers");
        }
        let mut columns = self.k;
        for (layer, l) in self.layers.iter().enumerate() {
            if l.k == 0 || l.n == 0 {
                return zero(&format!("layer {layer}: {}", if l.k == 0 { "k" } else { "n" }));
            }
            if l.k != columns {
                return Err(ModelError::Chain { layer, takes: l.k, gives: columns });
            }
            let length = |what, expected, actual| {
                if expected == actual { Ok(()) } else { Err(ModelError::Length { layer, what, expected, actual }) }
            };
            length("weights", l.k * l.n, l.weights.len())?;
            length("bias", l.n, l.bias.len())?;
            match &l.output {
                Output::Raw32 if layer + 1 < self.layers.len() => {
                    return Err(ModelError::RawInside { layer });
                }
                Output::Raw32 => {}
                Output::Int8(q) => self.check_quantised(layer, l, q)?,
            }
            columns = l.n;
        }
        Ok(())
    }

    fn check_quantised(&self, layer: usize, l: &Dense, q: &Quantised) -> Result<(), ModelError> {
        if q.scales.len() != l.n {
            return Err(ModelError::Length { layer, what: "scales", expected: l.n, actual: q.scales.len() });
        }
        if let Some((c, &value)) = q.scales.iter().enumerate().find(|&(_, &s)| !scale_is_legal(s)) {
            return Err(ModelError::Scale { layer, what: format!("channel {c}"), value });
        }
        if q.lo > q.hi {
            return Err(ModelError::Clamp { layer, lo: q.lo, hi: q.hi });
        }
        if let Some(add) = &q.residual {
            for (what, value) in [("operand a", add.a_scale), ("operand b", add.b_scale), ("the sum", add.y_scale)] {
                if !scale_is_legal(value) {
                    return Err(ModelError::Scale { layer, what: what.to_string(), value });
                }
            }
            let cols = if add.from == 0 { Some(self.k) } else { self.layers.get(add.from - 1).map(|f| f.n) };
            if add.from > layer || cols != Some(l.n) {
                return Err(ModelError::Residual { layer, from: add.from, rows: self.m, cols: l.n });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        let layer = |k: usize, n: usize| Dense {
            k,
            n,
            weights: vec![1; k * n],
            bias: vec![0; n],
            output: Output::Int8(Quantised::plain(vec![0.01; n], 0)),
        };
        Network { name: "t".into(), m: 2, k: 3, zero_point: 0, layers: vec![layer(3, 5), layer(5, 4)] }
    }

    #[test]
    fn a_sound_network_passes_and_each_fault_is_named() {
        network().check().unwrap();
        let faults: [(&str, fn(&mut Network)); 7] = [
            ("m is 0", |n| n.m = 0),
            ("layer 1: takes 9 columns, the layer before gives 5", |n| n.layers[1].k = 9),
            ("layer 0: weights has 14 elements, its shape says 15", |n| {
                n.layers[0].weights.pop();
            }),
            ("layer 1: n is 0", |n| n.layers[1].n = 0),
            ("layer 0: scale of channel 2 is NaN", |n| {
                let Output::Int8(q) = &mut n.layers[0].output else { unreachable!() };
                q.scales[2] = f32::NAN;
            }),
            ("layer 0: int32 output is for the last layer only", |n| n.layers[0].output = Output::Raw32),
            ("layer 1: the residual operand 2 has no 2 x 4", |n| {
                let Output::Int8(q) = &mut n.layers[1].output else { unreachable!() };
                q.residual = Some(Add {
                    from: 2,
                    a_scale: 1.0,
                    a_zero_point: 0,
                    b_scale: 1.0,
                    b_zero_point: 0,
                    y_scale: 1.0,
                    y_zero_point: 0,
                    rounding: graph::SumRounding::Float32,
                });
            }),
        ];
        for (text, fault) in faults {
            let mut n = network();
            fault(&mut n);
            let got = n.check().unwrap_err().to_string();
            assert!(got.contains(text), "{got}");
        }
    }

    fn add(a: (f32, i8), b: (f32, i8), y: (f32, i8), rounding: graph::SumRounding) -> Add {
        let ((a_scale, a_zero_point), (b_scale, b_zero_point), (y_scale, y_zero_point)) = (a, b, y);
        Add { from: 0, a_scale, a_zero_point, b_scale, b_zero_point, y_scale, y_zero_point, rounding }
    }

    #[test]
    fn a_float_sum_rounds_ties_to_even_before_its_zero_point() {
        let add = add((0.5, 1), (0.5, -1), (1.0, 3), graph::SumRounding::Float32);
        assert_eq!(add.reference(2, -1), 3); // 0.5 rounds to 0
        assert_eq!(add.reference(4, -1), 5); // 1.5 rounds to 2
        assert_eq!(add.reference(127, 127), 127);
    }

    #[test]
    fn a_fused_sum_rounds_ties_to_even_with_its_zero_point() {
        for unsigned in [false, true] {
            let add = add((0.5, 1), (0.5, -1), (1.0, 3), graph::SumRounding::Fused { unsigned });
            assert_eq!(add.reference(2, -1), 4); // 3.5 rounds to 4
            assert_eq!(add.reference(4, -1), 4); // 4.5 rounds to 4
            assert_eq!(add.reference(127, 127), 127);
        }
    }

    /// Pairs at which ONNX Runtime 1.32.0 gives another code than dequantising, adding and quantising does: scales that
    /// are equal, halves of each other, and random ones.
    #[test]
    fn a_fused_sum_gives_the_codes_of_onnx_runtime() {
        type Tensor = (f32, i8);
        let cases: [(bool, Tensor, Tensor, Tensor, &[(i8, i8, i8)]); 7] = [
            (false, (0.03125, 0), (0.03125, 0), (0.0625, 1), &[(-128, -127, -126), (-1, 126, 64), (127, 124, 126)]),
            (true, (0.03125, -28), (0.03125, -125), (0.0625, -121), &[(-128, -38, -128), (7, 105, 12), (127, 127, 82)]),
            (false, (0.0727625, -50), (0.040_538_86, -88), (0.022_194_04, -127), &[(-83, 81, 74)]),
            (false, (0.032_129_686, 110), (0.037_849_45, 48), (0.035_889_756, -59), &[(49, 50, -112)]),
            (true, (0.094_260_67, -39), (0.044_009_58, 67), (0.113_342_81, -118), &[(107, 26, -12)]),
            (true, (0.068_045_944, -50), (0.032_859_47, -87), (0.027_045_399, 2), &[(-58, -5, 82)]),
            (false, (0.050_496_988, -123), (0.026_271_78, -109), (0.071_094_37, 17), &[(-44, 3, 114)]),
        ];
        for (unsigned, a, b, y, pairs) in cases {
            for &(x, z, expected) in pairs {
                let case = add(a, b, y, graph::SumRounding::Fused { unsigned });
                assert_eq!(case.reference(x, z), expected, "{x} + {z}: {case:?}");
                assert_ne!(add(a, b, y, graph::SumRounding::Float32).reference(x, z), expected, "{x} + {z}: {case:?}");
            }
        }
    }
}
