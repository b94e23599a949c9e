// SPDX-License-Identifier: Apache-2.0
//! What a name in the graph stands for while it is read: codes in a map, or a float32 expression of them that waits for what quantises
//! it. What ONNX Runtime fuses is known only there, so nothing is computed before.

use crate::graph::{Codes, MapId, Operand, UnderRoot, Window};
use crate::host::HostOp;
use crate::onnx::array::Array;
use crate::onnx::error::Fail;
use crate::onnx::fold::known::{Dequantised, Given, Known, computed};
use crate::onnx::fuse::clip::Clip;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::layout::Layout;
use crate::onnx::fuse::scalar::Scalar;
use std::rc::Rc;

/// Inputs of a node; `None`: not given.
pub type Inputs<'a> = &'a [Option<Value>];

/// A tensor that lies in a map.
#[derive(Clone)]
pub struct Eight {
    pub map: MapId,
    /// Shape in the model.
    pub shape: Vec<usize>,
    /// Of each element of the tensor: its place in the tensor that the map was made as.
    pub place: Rc<Vec<u32>>,
    /// uint8 in the model: codes are 128 less.
    pub unsigned: bool,
    /// The graph's float32 input: what the host has computed of it.
    pub steps: usize,
}

/// What the host computes of the machine's last codes.
#[derive(Clone)]
pub struct Outside {
    pub eight: Eight,
    /// What the codes stand for.
    pub codes: Codes,
    pub ops: Rc<Vec<HostOp>>,
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// The operator that only the host has.
    pub by: String,
}

/// A named value.
#[derive(Clone)]
pub enum Value {
    Const(Rc<Array>),
    /// A constant of an element type that is not read: its name.
    Foreign(String),
    /// int8 or uint8.
    Eight(Eight),
    /// int32 sums that nothing has requantised: the map holds them.
    Sums(Eight),
    Real(Real),
    /// What the host computes behind the machine.
    Outside(Outside),
    /// The output of a node that is not supported.
    Unknown,
}

impl Value {
    /// The same where several operators read it: QuantizeLinear is not fused with what makes it.
    pub fn read_often(self) -> Value {
        match self {
            Value::Real(Real::Pending(p)) => {
                Value::Real(Real::Pending(Rc::new(Pending { fuse: Fuse::Never, ..Pending::clone(&p) })))
            }
            Value::Real(Real::Table(t)) => Value::Real(Real::Table(Table { scalar: None, ..t })),
            other => other,
        }
    }
}

/// A float32 tensor.
#[derive(Clone)]
pub enum Real {
    /// The graph's input, not quantised yet.
    Input(Eight),
    /// A constant made by DequantizeLinear.
    Const(Dequantised),
    /// A value for each code.
    Table(Table),
    /// The result of a machine operation, not quantised yet.
    Pending(Rc<Pending>),
    /// Values by channel and code.
    Channels(Rc<Channels>),
    /// Tensors side by side, each with its own scale.
    Joined(Rc<Joined>),
}

/// float32 values that depend on one code each.
#[derive(Clone)]
pub struct Table {
    pub eight: Eight,
    pub kind: TableKind,
    /// The operator with a constant that made them, where QuantizeLinear may be fused with it.
    pub scalar: Option<Scalar>,
    /// How far ONNX Runtime's float32 value of each code may lie from this one; `None`: it is this one.
    pub error: Option<Rc<[f32; 256]>>,
    /// Its scale or zero point has a dimension.
    pub vector: bool,
    /// Scale and zero point of the codes that its values are a function of.
    pub grid: Option<(f32, i8)>,
    /// An operator stands between it and DequantizeLinear that ONNX Runtime does not move DequantizeLinear through: what reads it
    /// stays in float32.
    pub apart: bool,
}

/// How values follow from codes.
#[derive(Clone)]
pub enum TableKind {
    /// `(code - zero point) * scale`, perhaps with several along a dimension.
    Linear { scales: Rc<Vec<f32>>, zero_points: Rc<Vec<i8>>, axis: usize },
    /// By `code as u8`.
    Values(Rc<[f32; 256]>),
}

impl Table {
    /// What the codes stand for, where a scale says it.
    pub fn codes(&self) -> Option<Codes> {
        match &self.kind {
            TableKind::Linear { scales, zero_points, axis } => {
                Some(Codes { scales: scales.to_vec(), zero_points: zero_points.to_vec(), axis: *axis })
            }
            TableKind::Values(_) => None,
        }
    }

    /// One scale and zero point.
    pub fn linear(&self) -> Option<(f32, i8)> {
        match &self.kind {
            TableKind::Linear { scales, zero_points, .. } if scales.len() == 1 => Some((scales[0], zero_points[0])),
            _ => None,
        }
    }

    /// How far ONNX Runtime's value of each code may lie from this one.
    pub fn errors(&self) -> [f32; 256] {
        self.error.as_deref().copied().unwrap_or([0.0; 256])
    }

    /// The same with these errors.
    pub fn with_error(self, errors: [f32; 256]) -> Table {
        let error = errors.iter().any(|&e| e > 0.0).then(|| Rc::new(errors));
        Table { error, ..self }
    }

    /// The value of each code, by `code as u8`.
    pub fn values(&self) -> Option<[f32; 256]> {
        match &self.kind {
            TableKind::Values(v) => Some(**v),
            TableKind::Linear { .. } => {
                let (scale, zero_point) = self.linear()?;
                Some(std::array::from_fn(|i| (f32::from(i as u8 as i8) - f32::from(zero_point)) * scale))
            }
        }
    }
}

/// An operation whose result will be quantised.
#[derive(Clone)]
pub struct Pending {
    pub kind: PendingKind,
    /// Shape of the result in the model.
    pub shape: Vec<usize>,
    /// Shape of its map, and the place in the tensor of each element of it.
    pub map: [usize; 3],
    pub order: Rc<Vec<u32>>,
    /// What Relu and Clip afterwards let through.
    pub clip: Clip,
    /// Whether QuantizeLinear is fused with it.
    pub fuse: Fuse,
    /// A layout operator follows it.
    pub moved: bool,
}

/// The operation; maps and windows as in [`crate::graph::Op`].
#[derive(Clone)]
pub enum PendingKind {
    Conv(Conv),
    Add {
        a: Operand,
        b: Operand,
    },
    Mul {
        a: Operand,
        b: Operand,
    },
    Average {
        input: Operand,
        window: Window,
        count_padding: bool,
        global: bool,
    },
    /// `scale`: of a step of the sums.
    MatMul {
        a: MapId,
        a_zero: i8,
        b: MapId,
        b_zero: i8,
        k: usize,
        transposed: bool,
        scale: f32,
    },
    Softmax {
        input: MapId,
        scale: f32,
    },
    Norm(Rc<Norm>),
}

/// A normalisation of the channels of each pixel.
pub struct Norm {
    pub input: Operand,
    pub centered: bool,
    pub under: UnderRoot,
    pub gain: Vec<f32>,
    pub bias: Vec<f32>,
}

/// The bias of a layer in float32: whole steps of the sums, and real numbers.
#[derive(Clone)]
pub struct FloatBias {
    /// In steps of the sums, by output channel.
    pub ints: Rc<Vec<i32>>,
    /// In real units, by output channel.
    pub add: Rc<Vec<f64>>,
    /// Magnitudes of all that was added up to it.
    pub size: Rc<Vec<f64>>,
    /// How far the sums may be from those of ONNX Runtime beside, in steps of the sums, by output channel.
    pub off: Rc<Vec<f64>>,
}

impl Conv {
    /// The bias in float32.
    pub fn float_bias(&self) -> FloatBias {
        let none = || Rc::new(vec![0.0; self.bias.len()]);
        self.float.clone().unwrap_or_else(|| FloatBias { ints: self.bias.clone(), add: none(), size: none(), off: none() })
    }

    /// The same times a factor for each output channel, none of them 0, in float32.
    pub fn times(&self, factors: &[f64]) -> Conv {
        let outputs = self.bias.len();
        let float = self.float_bias();
        let flip = |c: usize| if factors[c] < 0.0 { -1 } else { 1 };
        let by = |v: &[f64]| Rc::new(v.iter().zip(factors).map(|(v, f)| v * f).collect::<Vec<f64>>());
        let ints = |v: &[i32]| Rc::new(v.iter().enumerate().map(|(c, v)| v.wrapping_mul(flip(c))).collect::<Vec<i32>>());
        Conv {
            weights: Rc::new(self.weights.iter().enumerate().map(|(n, w)| w * flip(n % outputs) as i16).collect()),
            bias: ints(&self.bias),
            scales: Rc::new(self.scales.iter().zip(factors).map(|(&s, f)| (f64::from(s) * f.abs()) as f32).collect()),
            float: Some(FloatBias {
                ints: ints(&float.ints),
                add: by(&float.add),
                size: Rc::new(by(&float.size).iter().map(|v| v.abs()).collect()),
                off: float.off,
            }),
            ..self.clone()
        }
    }

    /// The same with a number added to each output channel, in float32.
    pub fn shifted(&self, add: &[f64]) -> Conv {
        let float = self.float_bias();
        let sum = |v: &[f64], f: fn(f64) -> f64| Rc::new(v.iter().zip(add).map(|(v, a)| v + f(*a)).collect::<Vec<f64>>());
        let (to, size) = (sum(&float.add, |a| a), sum(&float.size, f64::abs));
        Conv { float: Some(FloatBias { add: to, size, ..float }), ..self.clone() }
    }
}

/// A convolution or matrix product.
#[derive(Clone)]
pub struct Conv {
    pub input: MapId,
    pub zero_point: i8,
    pub window: Window,
    pub groups: usize,
    pub weights: Rc<Vec<i16>>,
    pub bias: Rc<Vec<i32>>,
    /// `f32(x_scale * w_scale)` of each output channel.
    pub scales: Rc<Vec<f32>>,
    /// What stands in the place of the bias where ONNX Runtime computes the layer in float32; `None`: the same.
    pub float: Option<FloatBias>,
    /// A MatMul with nothing added yet.
    pub bare_matmul: bool,
    /// Its window goes over the result: a transposed convolution.
    pub transposed: bool,
    /// Of a transposed one: the image goes on beyond its edges as it ends there.
    pub edge: bool,
}

/// Values by channel and code.
#[derive(Clone)]
pub struct Channels {
    /// The codes, and how they lie.
    pub table: Table,
    pub layout: Layout,
    /// By channel, then by code as u8.
    pub values: Vec<[f32; 256]>,
    /// One operator with a quantised constant made them: by channel.
    pub fused: Option<Vec<Scalar>>,
    /// In that the constant is the first operand.
    pub swapped: bool,
    /// PRelu made them: two lines that meet at zero.
    pub bent: bool,
    pub clip: Clip,
}

/// Values that become codes when they are quantised: not before, for what they are made of has no one scale.
#[derive(Clone)]
pub enum Joined {
    /// What a Concat puts together.
    Side { parts: Vec<Table>, axis: i64 },
    /// The greatest, or least, of each element.
    Extreme { parts: Vec<Table>, least: bool },
    /// With padding of a value that is none of the codes'.
    Padded { table: Table, pads: Vec<(usize, i64, i64)>, value: f32 },
}

impl From<Known> for Value {
    fn from(known: Known) -> Value {
        match known {
            Known::Array(array) => Value::Const(array),
            Known::Dequantised(c) => Value::Real(Real::Const(c)),
            Known::Foreign(element) => Value::Foreign(element),
        }
    }
}

impl Given for [Option<Value>] {
    fn constant(&self, i: usize) -> Result<Option<&Array>, Fail> {
        match self.get(i).and_then(Option::as_ref) {
            None => Ok(None),
            Some(Value::Const(a)) => Ok(Some(a)),
            Some(_) => computed(i),
        }
    }
}
