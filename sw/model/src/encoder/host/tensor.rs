// SPDX-License-Identifier: Apache-2.0
//! Tensors as the host computes them in front of and behind an encoder.

use crate::onnx::proto::TensorProto;
use crate::onnx::{self, Array, Data, ImportError};

/// What an element is. float16, bfloat16 and float64 are taken as float32, uint32 and uint64 as int64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// float32
    F32,
    /// int64
    I64,
    /// int32
    I32,
    /// int8
    I8,
    /// uint8
    U8,
    /// bool
    Bool,
}

impl Kind {
    /// By its number in onnx.proto.
    pub fn from_code(code: i64) -> Option<Kind> {
        Some(match code {
            1 | 10 | 11 | 16 => Kind::F32,
            2 => Kind::U8,
            3 => Kind::I8,
            6 => Kind::I32,
            7 | 12 | 13 => Kind::I64,
            9 => Kind::Bool,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Values {
    Float(Vec<f32>),
    Long(Vec<i64>),
    Short(Vec<i16>),
}

/// A tensor of known values, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// What its elements are.
    pub kind: Kind,
    values: Values,
}

impl Tensor {
    /// Of float32.
    pub fn floats(shape: Vec<usize>, values: Vec<f32>) -> Tensor {
        Tensor { shape, kind: Kind::F32, values: Values::Float(values) }
    }

    /// Of integers, each taken into the range of its kind as two's complement has it; of float32, converted.
    pub fn ints(shape: Vec<usize>, kind: Kind, values: Vec<i64>) -> Tensor {
        let short = |f: fn(i64) -> i16, v: Vec<i64>| Values::Short(v.into_iter().map(f).collect());
        let values = match kind {
            Kind::F32 => Values::Float(values.into_iter().map(|v| v as f32).collect()),
            Kind::I64 => Values::Long(values),
            Kind::I32 => Values::Long(values.into_iter().map(|v| i64::from(v as i32)).collect()),
            Kind::I8 => short(|v| i16::from(v as i8), values),
            Kind::U8 => short(|v| i16::from(v as u8), values),
            Kind::Bool => short(|v| i16::from(v != 0), values),
        };
        Tensor { shape, kind, values }
    }

    /// Of truth values.
    pub fn bools(shape: Vec<usize>, values: Vec<bool>) -> Tensor {
        Tensor { shape, kind: Kind::Bool, values: Values::Short(values.into_iter().map(i16::from).collect()) }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its values where they are float32.
    pub fn as_floats(&self) -> Option<&[f32]> {
        match &self.values {
            Values::Float(v) => Some(v),
            _ => None,
        }
    }

    /// Its values where they are integers or truth values.
    pub fn as_ints(&self) -> Option<Vec<i64>> {
        match &self.values {
            Values::Float(_) => None,
            Values::Long(v) => Some(v.clone()),
            Values::Short(v) => Some(v.iter().map(|&x| x.into()).collect()),
        }
    }

    /// Its values as float32, integers converted.
    pub fn to_floats(&self) -> Vec<f32> {
        match &self.values {
            Values::Float(v) => v.clone(),
            Values::Long(v) => v.iter().map(|&x| x as f32).collect(),
            Values::Short(v) => v.iter().map(|&x| f32::from(x)).collect(),
        }
    }

    /// Its elements in another shape.
    pub fn reshaped(mut self, shape: Vec<usize>) -> Tensor {
        self.shape = shape;
        self
    }

    /// Elements `from[0]`, `from[1]`, ... as a tensor of `shape`.
    pub fn picked(&self, shape: Vec<usize>, from: &[usize]) -> Tensor {
        let values = match &self.values {
            Values::Float(v) => Values::Float(from.iter().map(|&i| v[i]).collect()),
            Values::Long(v) => Values::Long(from.iter().map(|&i| v[i]).collect()),
            Values::Short(v) => Values::Short(from.iter().map(|&i| v[i]).collect()),
        };
        Tensor { shape, kind: self.kind, values }
    }

    /// Of a message of onnx.proto.
    ///
    /// # Errors
    /// [`ImportError::Tensor`], [`ImportError::Element`].
    pub fn read(p: &TensorProto) -> Result<Tensor, ImportError> {
        let bad = |what: &str| ImportError::Tensor { name: p.name.clone(), what: what.into() };
        let shape: Vec<usize> = p.dims.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
        let count: usize = shape.iter().product();
        let raw = p.raw_data.as_deref();
        let of = |bytes: usize| match raw {
            Some(raw) if raw.len() == count * bytes && p.data_location == 0 => Ok(raw.chunks_exact(bytes)),
            _ => Err(bad("its data does not fit its shape, or lies in another file")),
        };
        let listed = || (p.int32_data.len() == count).then(|| p.int32_data.clone());
        Ok(match p.data_type {
            9 => {
                let values = match (raw, listed()) {
                    (None, Some(list)) => list.iter().map(|&v| v != 0).collect(),
                    _ => of(1)?.map(|c| c[0] != 0).collect(),
                };
                Tensor::bools(shape, values)
            }
            10 | 16 => {
                let wide = if p.data_type == 10 { from_half } else { |b: u16| f32::from_bits(u32::from(b) << 16) };
                let values = match (raw, listed()) {
                    (None, Some(list)) => list.iter().map(|&v| wide(v as u16)).collect(),
                    _ => of(2)?.map(|c| wide(u16::from_le_bytes([c[0], c[1]]))).collect(),
                };
                Tensor::floats(shape, values)
            }
            11 => Tensor::floats(shape, of(8)?.map(|c| f64::from_le_bytes(c.try_into().unwrap_or_default()) as f32).collect()),
            _ => Tensor::of(&crate::onnx::parse::tensors::array(p)?),
        })
    }

    /// Of an array.
    pub fn of(a: &Array) -> Tensor {
        let (kind, values) = match &a.data {
            Data::F32(v) => (Kind::F32, Values::Float(v.clone())),
            Data::I64(v) => (Kind::I64, Values::Long(v.clone())),
            Data::I32(v) => (Kind::I32, Values::Long(v.iter().map(|&x| x.into()).collect())),
            Data::I8(v) => (Kind::I8, Values::Short(v.iter().map(|&x| x.into()).collect())),
            Data::U8(v) => (Kind::U8, Values::Short(v.iter().map(|&x| x.into()).collect())),
        };
        Tensor { shape: a.shape.clone(), kind, values }
    }

    /// As an array; truth values as uint8.
    pub fn array(&self) -> Array {
        let data = match (&self.values, self.kind) {
            (Values::Float(v), _) => Data::F32(v.clone()),
            (Values::Long(v), Kind::I32) => Data::I32(v.iter().map(|&x| x as i32).collect()),
            (Values::Long(v), _) => Data::I64(v.clone()),
            (Values::Short(v), Kind::I8) => Data::I8(v.iter().map(|&x| x as i8).collect()),
            (Values::Short(v), _) => Data::U8(v.iter().map(|&x| x as u8).collect()),
        };
        Array { shape: self.shape.clone(), data }
    }
}

/// IEEE 754 binary16.
fn from_half(bits: u16) -> f32 {
    let (sign, e, m) = (if bits >> 15 == 1 { -1.0 } else { 1.0 }, i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match e {
        0 => m * 2f32.powi(-24),
        31 if m == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + m) * 2f32.powi(e - 25),
    }
}

/// Steps of each dimension, row-major.
pub fn steps(shape: &[usize]) -> Vec<usize> {
    let mut steps = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        steps[i - 1] = steps[i] * shape[i];
    }
    steps
}

/// ONNX's rule of broadcasting.
///
/// # Errors
/// Shapes that do not broadcast.
pub fn broadcast(shapes: &[&[usize]]) -> Result<Vec<usize>, String> {
    if shapes.is_empty() {
        return Ok(vec![]);
    }
    onnx::broadcast(shapes).ok_or_else(|| format!("shapes {shapes:?} do not broadcast"))
}

/// Steps of a tensor of shape `of` that broadcasts to `to`.
fn broadcast_steps(of: &[usize], to: &[usize]) -> Vec<usize> {
    let own = steps(of);
    let front = to.len() - of.len();
    (0..to.len()).map(|d| if d < front || of[d - front] == 1 { 0 } else { own[d - front] }).collect()
}

/// Calls `f` with the places in two tensors of shapes `a` and `b` of each element of `to`, to which they broadcast, in order.
pub fn pairs(a: &[usize], b: &[usize], to: &[usize], mut f: impl FnMut(usize, usize)) {
    let (sa, sb) = (broadcast_steps(a, to), broadcast_steps(b, to));
    let Some((&last, outer)) = to.split_last() else { return f(0, 0) };
    let (la, lb) = (sa[outer.len()], sb[outer.len()]);
    let mut at = vec![0; outer.len()];
    let (mut ia, mut ib) = (0, 0);
    for _ in 0..outer.iter().product::<usize>() {
        for i in 0..last {
            f(ia + i * la, ib + i * lb);
        }
        for d in (0..outer.len()).rev() {
            at[d] += 1;
            ia += sa[d];
            ib += sb[d];
            if at[d] < outer[d] {
                break;
            }
            ia -= sa[d] * at[d];
            ib -= sb[d] * at[d];
            at[d] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_those_of_ieee_754() {
        let pairs =
            [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0001, 5.960_464_5e-8), (0x3555, 0.333_251_95), (0, 0.0)];
        for (bits, value) in pairs {
            assert_eq!(from_half(bits), value, "{bits:#x}");
        }
        assert!(from_half(0x7e00).is_nan() && from_half(0xfc00) == f32::NEG_INFINITY);
    }

    #[test]
    fn broadcasting_counts_like_numpy() {
        let to = broadcast(&[&[2, 1, 3], &[2, 1]]).unwrap();
        let mut seen = vec![];
        pairs(&[2, 1, 3], &[2, 1], &to, |a, b| seen.push((a, b)));
        assert_eq!(to, [2, 2, 3]);
        assert_eq!(seen[..6], [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]);
        assert_eq!(seen[9], (3, 1));
        assert!(broadcast(&[&[2], &[3]]).is_err());
    }
}
