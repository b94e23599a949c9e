// SPDX-License-Identifier: Apache-2.0
//! Tensors of constants, inputs and outputs.

use super::proto::TensorProto;
use super::{ElementType, ImportError};

/// Elements, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// int8
    I8(Vec<i8>),
    /// uint8
    U8(Vec<u8>),
    /// int32
    I32(Vec<i32>),
    /// int64
    I64(Vec<i64>),
    /// float32
    F32(Vec<f32>),
}

/// A tensor of known values.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Dimensions, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: Data,
}

/// No model that fits the machine has a tensor of more elements.
const LARGEST: usize = 1 << 28;
/// Nor a feature map: eight times the X memory of the largest configuration.
pub(crate) const LARGEST_MAP: usize = 1 << 22;

/// The product of dimensions, if it is one that fits.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |a, &d| a.checked_mul(d)).filter(|&n| n <= LARGEST)
}

impl Array {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.data {
            Data::I8(v) => v.len(),
            Data::U8(v) => v.len(),
            Data::I32(v) => v.len(),
            Data::I64(v) => v.len(),
            Data::F32(v) => v.len(),
        }
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its element type.
    pub fn element(&self) -> ElementType {
        match &self.data {
            Data::I8(_) => ElementType::Int8,
            Data::U8(_) => ElementType::Uint8,
            Data::I32(_) => ElementType::Int32,
            Data::I64(_) => ElementType::Int64,
            Data::F32(_) => ElementType::Float32,
        }
    }

    /// Elements as integers, where they are integers.
    pub fn integers(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::I8(v) => Some(v.iter().map(|&x| x.into()).collect()),
            Data::U8(v) => Some(v.iter().map(|&x| x.into()).collect()),
            Data::I32(v) => Some(v.iter().map(|&x| x.into()).collect()),
            Data::I64(v) => Some(v.clone()),
            Data::F32(_) => None,
        }
    }

    /// Elements as float32, where they are.
    pub fn floats(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(v) => Some(v),
            _ => None,
        }
    }

    /// Reads a `TensorProto`.
    ///
    /// # Errors
    /// [`ImportError::Tensor`] with the tensor's name and what is wrong.
    pub(crate) fn from_proto(p: &TensorProto) -> Result<Array, ImportError> {
        let bad = |what: String| ImportError::Tensor { name: p.name.clone(), what };
        if p.data_location != 0 || !p.external_data.is_empty() {
            return Err(bad("its data lies in another file; save the model with the data inside".into()));
        }
        let kind =
            ElementType::from_code(p.data_type).map_err(|element| ImportError::Element { name: p.name.clone(), element })?;
        let shape: Vec<usize> =
            p.dims.iter().map(|&d| usize::try_from(d).map_err(|_| bad(format!("dimension {d}")))).collect::<Result<_, _>>()?;
        let count = elements(&shape).ok_or_else(|| bad(format!("shape {shape:?} is beyond {LARGEST} elements")))?;
        let data = match &p.raw_data {
            Some(raw) => {
                if raw.len() != count * kind.bytes() {
                    return Err(bad(format!(
                        "{} bytes of data, shape {shape:?} of {kind} needs {}",
                        raw.len(),
                        count * kind.bytes()
                    )));
                }
                raw_elements(kind, raw)
            }
            None => {
                let (has, data) = match kind {
                    ElementType::Float32 => (p.float_data.len(), Data::F32(p.float_data.clone())),
                    ElementType::Int64 => (p.int64_data.len(), Data::I64(p.int64_data.clone())),
                    ElementType::Int32 => (p.int32_data.len(), Data::I32(p.int32_data.clone())),
                    ElementType::Int8 => {
                        (p.int32_data.len(), Data::I8(narrow(&p.int32_data).ok_or_else(|| bad("a value is beyond int8".into()))?))
                    }
                    ElementType::Uint8 => (
                        p.int32_data.len(),
                        Data::U8(narrow(&p.int32_data).ok_or_else(|| bad("a value is beyond uint8".into()))?),
                    ),
                };
                if has != count {
                    return Err(bad(format!("{has} elements, shape {shape:?} needs {count}")));
                }
                data
            }
        };
        Ok(Array { shape, data })
    }
}

fn narrow<T: TryFrom<i32>>(values: &[i32]) -> Option<Vec<T>> {
    values.iter().map(|&v| T::try_from(v).ok()).collect()
}

fn raw_elements(kind: ElementType, raw: &[u8]) -> Data {
    fn words<const N: usize, T>(raw: &[u8], f: fn([u8; N]) -> T) -> Vec<T> {
        raw.chunks_exact(N).map(|c| f(std::array::from_fn(|i| c[i]))).collect()
    }
    match kind {
        ElementType::Int8 => Data::I8(raw.iter().map(|&b| b as i8).collect()),
        ElementType::Uint8 => Data::U8(raw.to_vec()),
        ElementType::Int32 => Data::I32(words(raw, i32::from_le_bytes)),
        ElementType::Int64 => Data::I64(words(raw, i64::from_le_bytes)),
        ElementType::Float32 => Data::F32(words(raw, f32::from_le_bytes)),
    }
}
