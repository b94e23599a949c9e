// SPDX-License-Identifier: Apache-2.0
//! What the host computes at a graph's edges, in float32: in front of the first QuantizeLinear, behind the last
//! DequantizeLinear. Nothing of it counts among the machine's cycles. In the middle of a graph nothing runs here.

use crate::graph::Window;
use crate::onnx::{Array, Data, ElementType};
use crate::tables::row_number;
use std::fmt;

mod norm;
pub use norm::{HostNorm, HostSquares};

/// An operator on a tensor at the edge. Each is ONNX's of that name; the arithmetic is float32 in the order that ONNX's
/// reference has it, functions by float64 and rounded.
#[derive(Debug, Clone, PartialEq)]
pub enum HostOp {
    /// A value for each code of the machine, by `code as u8`: functions of the graph's last codes.
    Values(Box<[f32; 256]>),
    /// Clip: NaN becomes the lower limit.
    Clip {
        /// Lower limit.
        lo: f32,
        /// Upper limit, which wins where they cross.
        hi: f32,
    },
    /// LeakyRelu, and Relu, which let NaN through.
    Leaky {
        /// Slope below zero; 0: Relu.
        alpha: f32,
    },
    /// Add, Sub, Mul or Div with a constant that broadcasts to the tensor.
    Arithmetic {
        /// Which.
        op: Arithmetic,
        /// Shape of the constant.
        shape: Vec<usize>,
        /// The constant.
        values: Vec<f32>,
        /// The constant is the first operand.
        first: bool,
    },
    /// MaxPool or AveragePool over `[1, c, h, w]` or `[1, c, w]`.
    Pool {
        /// The window.
        window: Window,
        /// The largest value, not the mean.
        max: bool,
        /// Padding counts as elements of value zero.
        count_padding: bool,
    },
    /// Gather along dimension 0: the rows of a constant table by index, counted from its end where that is negative.
    Rows {
        /// The table's name in the model.
        name: String,
        /// Elements of a row.
        shape: Vec<usize>,
        /// The table, row by row.
        values: Vec<f32>,
    },
    /// Rows of several constant tables, each by an index of its own, counted from the table's end where that is negative.
    Columns {
        /// Of each row of the result: which of the indices it takes, and the number of its table.
        rows: Vec<[usize; 2]>,
        /// Elements of a row.
        width: usize,
        /// Tables: the name in the model, and the values row by row.
        tables: Vec<(String, Vec<f32>)>,
    },
    /// LayerNormalization or RMSNormalization.
    Norm(HostNorm),
    /// The tensor itself, where that is wanted, and normalisations of it, along a new first dimension.
    Norms {
        /// The tensor comes first.
        plain: bool,
        /// The normalisations.
        norms: Vec<HostNorm>,
    },
    /// Softmax along a dimension.
    Softmax {
        /// The dimension.
        axis: usize,
        /// Its logarithm.
        log: bool,
    },
    /// Softmax from codes to codes, as ONNX Runtime's QLinearSoftmax computes it: exp by a table of float32, their sum in
    /// float32 in order, and the result in units of `1 / floor(1 / scale)`.
    QLinearSoftmax {
        /// The dimension.
        axis: usize,
        /// Scale of the operand's codes.
        x_scale: f32,
        /// Scale of the result.
        scale: f32,
        /// Zero point as in the model.
        zero_point: i32,
        /// To uint8.
        unsigned: bool,
    },
    /// Index of the largest value along a dimension, the first of equal ones.
    ArgMax {
        /// The dimension.
        axis: usize,
        /// It stays, with size 1.
        keep: bool,
    },
    /// QuantizeLinear with one scale.
    Quantize {
        /// Scale.
        scale: f32,
        /// Zero point as in the model.
        zero_point: i32,
        /// To uint8.
        unsigned: bool,
    },
    /// DequantizeLinear with one scale.
    Dequantize {
        /// Scale.
        scale: f32,
        /// Zero point as in the model.
        zero_point: i32,
    },
    /// The same elements, counted otherwise.
    Reshape(Vec<usize>),
}

/// An operator with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`
    Div,
}

/// What the host computes at an edge, on a tensor of this shape (in front: after it).
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// Shape of the tensor on the machine's side.
    pub inner: Vec<usize>,
    /// The operators, in the order in which they run.
    pub ops: Vec<HostOp>,
}

impl Host {
    /// Whether some result depends on several elements.
    pub fn mixes(&self) -> bool {
        let mixing = |op: &HostOp| {
            matches!(
                op,
                HostOp::Softmax { .. }
                    | HostOp::QLinearSoftmax { .. }
                    | HostOp::ArgMax { .. }
                    | HostOp::Pool { .. }
                    | HostOp::Norm(_)
            )
        };
        self.ops.iter().any(mixing)
    }

    /// Whether some result may differ from ONNX Runtime's by rounding: functions, and sums of more than two values.
    pub fn rounds(&self) -> bool {
        self.ops.iter().any(HostOp::rounds)
    }
}

impl fmt::Display for HostOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HostOp::Values(_) => "function of the last codes",
            HostOp::Clip { .. } => "Clip",
            HostOp::Leaky { alpha: 0.0 } => "Relu",
            HostOp::Leaky { .. } => "LeakyRelu",
            HostOp::Arithmetic { op: Arithmetic::Add, .. } => "Add",
            HostOp::Arithmetic { op: Arithmetic::Sub, .. } => "Sub",
            HostOp::Arithmetic { op: Arithmetic::Mul, .. } => "Mul",
            HostOp::Arithmetic { op: Arithmetic::Div, .. } => "Div",
            HostOp::Pool { max: true, .. } => "MaxPool",
            HostOp::Pool { .. } => "AveragePool",
            HostOp::Norm(_) | HostOp::Norms { .. } => "normalisation",
            HostOp::Softmax { log: false, .. } => "Softmax",
            HostOp::Softmax { .. } => "LogSoftmax",
            HostOp::QLinearSoftmax { .. } => "QLinearSoftmax",
            HostOp::ArgMax { .. } => "ArgMax",
            HostOp::Quantize { .. } => "QuantizeLinear",
            HostOp::Dequantize { .. } => "DequantizeLinear",
            HostOp::Reshape(_) => "Reshape",
            HostOp::Rows { .. } | HostOp::Columns { .. } => "Gather",
        })
    }
}

/// Elements along a dimension, before it and behind it.
fn around(shape: &[usize], axis: usize) -> [usize; 3] {
    [shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product()]
}

/// Each line along a dimension: the places of its elements.
fn lines(shape: &[usize], axis: usize) -> impl Iterator<Item = Vec<usize>> {
    let [before, size, behind] = around(shape, axis);
    (0..before).flat_map(move |b| (0..behind).map(move |i| (0..size).map(|n| (b * size + n) * behind + i).collect()))
}

/// A row of a table, counted from its end where the index is negative.
fn row_of(table: &[f32], width: usize, index: i64) -> &[f32] {
    // One that the table does not have was refused before.
    let row = row_number(index, table.len() / width.max(1)).unwrap_or(0);
    &table[row * width..][..width]
}

/// A sum in the order of ONNX Runtime's pool of a whole image: every fourth element by itself, the four in two pairs, then what is left.
fn sum_of_all(values: &[f32]) -> f32 {
    let (fours, rest) = values.as_chunks::<4>();
    let [a, b, c, d] = fours.iter().fold([0f32; 4], |sum, four| std::array::from_fn(|i| sum[i] + four[i]));
    rest.iter().fold((a + c) + (b + d), |sum, v| sum + v)
}

impl HostOp {
    fn rounds(&self) -> bool {
        matches!(self, HostOp::Values(_) | HostOp::Softmax { .. } | HostOp::Pool { max: false, .. } | HostOp::Norm(_))
    }

    /// The element type of its result, where it is another than float32.
    pub fn result(&self) -> ElementType {
        match self {
            HostOp::ArgMax { .. } => ElementType::Int64,
            HostOp::Quantize { unsigned: true, .. } | HostOp::QLinearSoftmax { unsigned: true, .. } => ElementType::Uint8,
            HostOp::Quantize { .. } | HostOp::QLinearSoftmax { .. } => ElementType::Int8,
            _ => ElementType::Float32,
        }
    }

    /// The shape of its result.
    pub fn shape(&self, shape: &[usize]) -> Vec<usize> {
        match self {
            HostOp::Pool { window, .. } => {
                let [h, w] = image(shape);
                let [oh, ow] = window.output(h, w).unwrap_or([0, 0]);
                if shape.len() == 4 { vec![1, shape[1], oh, ow] } else { vec![1, shape[1], ow] }
            }
            HostOp::ArgMax { axis, keep } => {
                let mut shape = shape.to_vec();
                if *keep {
                    shape[*axis] = 1;
                } else {
                    shape.remove(*axis);
                }
                shape
            }
            HostOp::Reshape(new) => new.clone(),
            HostOp::Rows { shape: row, .. } => [shape, row].concat(),
            HostOp::Columns { rows, width, .. } => vec![rows.len(), *width],
            HostOp::Norms { plain, norms } => [&[usize::from(*plain) + norms.len()], shape].concat(),
            _ => shape.to_vec(),
        }
    }

    /// Rows of the smallest of its tables, where it takes rows by index.
    pub fn rows(&self) -> Option<usize> {
        match self {
            HostOp::Rows { shape, values, .. } => Some(values.len() / shape.iter().product::<usize>().max(1)),
            HostOp::Columns { width, tables, .. } => tables.iter().map(|t| t.1.len() / (*width).max(1)).min(),
            _ => None,
        }
    }

    /// An index that its table does not have, and the rows of that table. Indices are from `-rows` to `rows - 1`, as ONNX has
    /// them; a tensor with another one is not to be run.
    pub fn beyond(&self, x: &Array) -> Option<(i64, usize)> {
        let all = x.integers().unwrap_or_default();
        let beyond = |index: i64, table: &[f32], width: usize| {
            let rows = table.len() / width.max(1);
            row_number(index, rows).is_none().then_some((index, rows))
        };
        match self {
            HostOp::Rows { shape, values, .. } => all.iter().find_map(|&i| beyond(i, values, shape.iter().product())),
            HostOp::Columns { rows, width, tables } => {
                rows.iter().find_map(|&[place, table]| beyond(*all.get(place)?, &tables[table].1, *width))
            }
            _ => None,
        }
    }

    /// Runs it. Tensors have the shapes and types that the importer saw.
    pub fn run(&self, x: &Array) -> Array {
        let shape = self.shape(&x.shape);
        let floats = |values: Vec<f32>| Array { shape: shape.clone(), data: Data::F32(values) };
        let v = x.floats().unwrap_or(&[]);
        let each = |f: &dyn Fn(f32) -> f32| floats(v.iter().map(|&v| f(v)).collect());
        match self {
            HostOp::Values(table) => each(&|v| table[usize::from(v as i8 as u8)]),
            HostOp::Clip { lo, hi } => each(&|v| v.max(*lo).min(*hi)),
            HostOp::Leaky { alpha } if *alpha == 0.0 => each(&|v| if v < 0.0 { 0.0 } else { v }),
            HostOp::Leaky { alpha } => each(&|v| if v < 0.0 { v * alpha } else { v }),
            HostOp::Arithmetic { op, shape: of, values, first } => {
                let strides = strides(of, &x.shape);
                let at = |mut place: usize| {
                    let mut index = 0;
                    for (&size, &stride) in x.shape.iter().zip(&strides).rev() {
                        index += place % size * stride;
                        place /= size;
                    }
                    values[index]
                };
                let compute = |(place, &v): (usize, &f32)| {
                    let (a, b) = if *first { (at(place), v) } else { (v, at(place)) };
                    match op {
                        Arithmetic::Add => a + b,
                        Arithmetic::Sub => a - b,
                        Arithmetic::Mul => a * b,
                        Arithmetic::Div => a / b,
                    }
                };
                floats(v.iter().enumerate().map(compute).collect())
            }
            HostOp::Pool { window, max, count_padding } => {
                let [h, w] = image(&x.shape);
                let [oh, ow] = window.output(h, w).unwrap_or([0, 0]);
                let taps = window.kernel[0] * window.kernel[1];
                let whole = window.kernel == [h, w] && [oh, ow] == [1, 1] && window.pads == [0; 4];
                let mut out = Vec::with_capacity(x.shape[1] * oh * ow);
                for plane in v.chunks(h * w) {
                    if whole && !max {
                        out.push(sum_of_all(plane) / taps as f32);
                        continue;
                    }
                    for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                        let inside = window.taps(y, x, h, w).map(|[.., row, col]| plane[row * w + col]);
                        if *max {
                            out.push(inside.fold(f32::NEG_INFINITY, f32::max));
                        } else {
                            // ONNX Runtime's kernel adds each column of the window up by itself, then the columns.
                            let mut columns = vec![0f32; window.kernel[1]];
                            let mut n = 0;
                            for (tap, v) in window.taps(y, x, h, w).map(|[_, tap, row, col]| (tap, plane[row * w + col])) {
                                columns[tap] += v;
                                n += 1;
                            }
                            let sum: f32 = columns.into_iter().fold(0.0, |sum, column| sum + column);
                            out.push(sum / if *count_padding { taps as f32 } else { n as f32 });
                        }
                    }
                }
                floats(out)
            }
            HostOp::Rows { shape: row, values, .. } => {
                let all = x.integers().unwrap_or_default();
                floats(all.into_iter().flat_map(|i| row_of(values, row.iter().product(), i)).copied().collect())
            }
            HostOp::Columns { rows, width, tables } => {
                let all = x.integers().unwrap_or_default();
                floats(rows.iter().flat_map(|&[place, table]| row_of(&tables[table].1, *width, all[place])).copied().collect())
            }
            HostOp::Norm(norm) => floats(norm.run(v)),
            HostOp::Norms { plain, norms } => {
                let own = if *plain { v } else { &[] };
                floats(own.iter().copied().chain(norms.iter().flat_map(|norm| norm.run(v))).collect())
            }
            HostOp::Softmax { axis, log } => {
                let mut out = vec![0f32; v.len()];
                for line in lines(&x.shape, *axis) {
                    let most = line.iter().map(|&i| v[i]).fold(f32::NEG_INFINITY, f32::max);
                    let of = |i: usize| f64::from(v[i] - most);
                    let sum: f64 = line.iter().map(|&i| of(i).exp()).sum();
                    line.iter().for_each(|&i| out[i] = if *log { of(i) - sum.ln() } else { of(i).exp() / sum } as f32);
                }
                floats(out)
            }
            HostOp::QLinearSoftmax { axis, x_scale, scale, zero_point, unsigned } => {
                let mut out = vec![0i32; v.len()];
                // What a code stands for is a step of x_scale away from the next one; the largest has exp 1.
                let exp = |below: f32| (f64::from(below) * f64::from(*x_scale)).exp() as f32;
                for line in lines(&x.shape, *axis) {
                    let most = line.iter().map(|&i| v[i]).fold(f32::NEG_INFINITY, f32::max);
                    let of = |i: usize| exp(((v[i] - most) / x_scale).round());
                    let sum = line.iter().fold(0f32, |sum, &i| sum + of(i));
                    let whole = (1.0 / scale).floor();
                    line.iter().for_each(|&i| out[i] = (of(i) * whole / sum).round_ties_even() as i32 + zero_point);
                }
                let data = if *unsigned {
                    Data::U8(out.iter().map(|v| (*v).clamp(0, 255) as u8).collect())
                } else {
                    Data::I8(out.iter().map(|v| (*v).clamp(-128, 127) as i8).collect())
                };
                Array { shape: shape.clone(), data }
            }
            HostOp::ArgMax { axis, .. } => {
                let largest = |line: Vec<usize>| {
                    (0..line.len()).rev().max_by(|&a, &b| v[line[a]].total_cmp(&v[line[b]])).unwrap_or(0) as i64
                };
                Array { shape: shape.clone(), data: Data::I64(lines(&x.shape, *axis).map(largest).collect()) }
            }
            HostOp::Quantize { scale, zero_point, unsigned } => {
                let code = |v: &f32| (v / scale).round_ties_even() + *zero_point as f32;
                let data = if *unsigned {
                    Data::U8(v.iter().map(|v| code(v).clamp(0.0, 255.0) as u8).collect())
                } else {
                    Data::I8(v.iter().map(|v| code(v).clamp(-128.0, 127.0) as i8).collect())
                };
                Array { shape: shape.clone(), data }
            }
            HostOp::Dequantize { scale, zero_point } => {
                let codes = x.integers().unwrap_or_default();
                floats(codes.iter().map(|&c| (c as i32 - zero_point) as f32 * scale).collect())
            }
            HostOp::Reshape(_) => Array { shape: shape.clone(), data: x.data.clone() },
        }
    }
}

/// Rows and columns of a tensor that a pool slides over.
fn image(shape: &[usize]) -> [usize; 2] {
    if shape.len() == 4 { [shape[2], shape[3]] } else { [1, shape[2]] }
}

/// Steps of a constant along each dimension of a tensor that it broadcasts to; the constant has no more dimensions.
fn strides(of: &[usize], to: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; to.len()];
    let mut step = 1;
    for (d, &size) in of.iter().enumerate().rev() {
        strides[to.len() - of.len() + d] = if size == 1 { 0 } else { step };
        step *= size;
    }
    strides
}

/// Whether a constant broadcasts to a tensor without making it larger.
pub fn broadcasts(of: &[usize], to: &[usize]) -> bool {
    of.len() <= to.len() && of.iter().rev().zip(to.iter().rev()).all(|(&c, &x)| c == 1 || c == x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], values: &[f32]) -> Array {
        Array { shape: shape.to_vec(), data: Data::F32(values.to_vec()) }
    }

    #[test]
    fn constants_broadcast_along_channels_and_come_first_or_second() {
        let x = tensor(&[1, 2, 1, 2], &[1.0, 2.0, 3.0, 4.0]);
        let op = |op, first| HostOp::Arithmetic { op, shape: vec![2, 1, 1], values: vec![10.0, 2.0], first };
        assert_eq!(op(Arithmetic::Sub, false).run(&x).floats().unwrap(), [-9.0, -8.0, 1.0, 2.0]);
        assert_eq!(op(Arithmetic::Div, true).run(&x).floats().unwrap(), [10.0, 5.0, 2.0 / 3.0, 0.5]);
        assert!(broadcasts(&[2, 1, 1], &x.shape) && !broadcasts(&[3, 1, 1], &x.shape) && !broadcasts(&[1, 1, 2, 1, 1], &x.shape));
    }

    #[test]
    fn pools_see_no_padding_but_where_they_count_it() {
        let x = tensor(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, -4.0]);
        let window = Window { kernel: [2, 2], stride: [1, 1], dilation: [1, 1], pads: [1, 0, 0, 0] };
        let pool = |max, count_padding| HostOp::Pool { window, max, count_padding }.run(&x);
        assert_eq!(pool(true, false), tensor(&[1, 1, 2, 1], &[2.0, 3.0]));
        assert_eq!(pool(false, false), tensor(&[1, 1, 2, 1], &[1.5, 0.5]));
        assert_eq!(pool(false, true), tensor(&[1, 1, 2, 1], &[0.75, 0.5]));
    }

    /// Results of ONNX Runtime 1.32.0 itself: element by element the sums would be others, -0.4888889 and 0.46666664.
    #[test]
    fn an_average_adds_up_in_onnx_runtimes_order() {
        let mean = |size: usize, numbers: &[i32]| {
            let tenths: Vec<f32> = numbers.iter().map(|&n| n as f32 * 0.1).collect();
            let window = Window { kernel: [3, 3], ..Window::POINT };
            let pooled = HostOp::Pool { window, max: false, count_padding: false }.run(&tensor(&[1, 1, size, size], &tenths));
            pooled.floats().unwrap()[0].to_bits()
        };
        assert_eq!(mean(4, &[-4, 1, 30, 54, -56, -43, 38, 53, -31, -23, 44, -10, -28, 39, -30, -11]), 0xbefa_4fa4);
        assert_eq!(mean(3, &[-4, 1, 30, 54, -56, -43, 38, 53, -31]), 0x3eee_eef2);
    }

    /// ONNX: indices are from -rows to rows - 1.
    #[test]
    fn an_index_that_a_table_does_not_have_is_named_with_the_tables_rows() {
        let indices = |all: &[i64]| Array { shape: vec![1, all.len()], data: Data::I64(all.to_vec()) };
        let table = |rows: usize| vec![0.0; rows * 2];
        let rows = HostOp::Rows { name: "t".into(), shape: vec![2], values: table(5) };
        assert_eq!(rows.beyond(&indices(&[-5, 0, 4])), None);
        assert_eq!(rows.beyond(&indices(&[0, 5])), Some((5, 5)));
        assert_eq!(rows.beyond(&indices(&[-6])), Some((-6, 5)));
        // Each column has its own table; one that no table takes may be any number.
        let columns = HostOp::Columns {
            rows: vec![[2, 0], [0, 1]],
            width: 2,
            tables: vec![("a".into(), table(3)), ("b".into(), table(7))],
        };
        assert_eq!(columns.beyond(&indices(&[6, 99, -3])), None);
        assert_eq!(columns.beyond(&indices(&[6, 0, 3])), Some((3, 3)));
        assert_eq!(columns.beyond(&indices(&[i64::MIN, 0, 0])), Some((i64::MIN, 7)));
    }

    #[test]
    fn softmax_sums_to_one_along_its_dimension_and_the_first_of_equal_values_is_the_largest() {
        let x = tensor(&[2, 3, 1], &[0.0, 0.0, 0.0, 5.0, 1.0, 5.0]);
        let p = HostOp::Softmax { axis: 1, log: false }.run(&x);
        assert!((p.floats().unwrap()[3..].iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(p.floats().unwrap()[0], 1.0 / 3.0);
        let logs = HostOp::Softmax { axis: 1, log: true }.run(&x);
        assert!((logs.floats().unwrap()[4] - p.floats().unwrap()[4].ln()).abs() < 1e-6);
        let best = HostOp::ArgMax { axis: 1, keep: false }.run(&x);
        assert_eq!(best, Array { shape: vec![2, 1], data: Data::I64(vec![0, 0]) });
    }

    #[test]
    fn codes_round_ties_to_even_and_saturate() {
        let x = tensor(&[4], &[0.25, 0.75, 1e9, -1e9]);
        let codes = HostOp::Quantize { scale: 0.5, zero_point: 3, unsigned: true }.run(&x);
        assert_eq!(codes.data, Data::U8(vec![3, 5, 255, 0]));
        let back = HostOp::Dequantize { scale: 0.5, zero_point: 3 }.run(&codes);
        assert_eq!(back.floats().unwrap(), [0.0, 1.0, 126.0, -1.5]);
    }
}
