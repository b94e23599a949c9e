// SPDX-License-Identifier: Apache-2.0
//! Tensors of constants, inputs and outputs.

use crate::onnx::element::ElementType;

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
pub const LARGEST: usize = 1 << 28;

/// Nor a feature map: eight times the X memory of the largest configuration.
pub const LARGEST_MAP: usize = 1 << 22;
/// Weights that the importer makes up for one layer, at most: ones and zeros that move channels. As many as 16,384 tiles of 32 x 32.
pub const MOST_MADE: usize = 1 << 24;

/// The product of dimensions, if it is one that fits.
pub fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |a, &d| a.checked_mul(d)).filter(|&n| n <= LARGEST)
}

/// ONNX's rule of broadcasting; `None` where shapes do not, or there are none.
pub fn broadcast(shapes: &[&[usize]]) -> Option<Vec<usize>> {
    let rank = shapes.iter().map(|s| s.len()).max()?;
    let mut made = vec![1; rank];
    for shape in shapes {
        for (m, &d) in made[rank - shape.len()..].iter_mut().zip(*shape) {
            match (*m, d) {
                (a, b) if a == b => {}
                (1, b) => *m = b,
                (_, 1) => {}
                _ => return None,
            }
        }
    }
    Some(made)
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

    /// Element `n` along the first dimension, which it keeps as 1.
    ///
    /// # Panics
    /// When there is none.
    pub fn part(&self, n: usize) -> Array {
        let size = self.len() / self.shape[0];
        let at = n * size..(n + 1) * size;
        let data = match &self.data {
            Data::I8(v) => Data::I8(v[at].to_vec()),
            Data::U8(v) => Data::U8(v[at].to_vec()),
            Data::I32(v) => Data::I32(v[at].to_vec()),
            Data::I64(v) => Data::I64(v[at].to_vec()),
            Data::F32(v) => Data::F32(v[at].to_vec()),
        };
        Array { shape: [&[1], &self.shape[1..]].concat(), data }
    }

    /// Tensors of one shape and type behind each other, along their first dimension; `None` where they differ, or there is none.
    pub fn joined(parts: &[Array]) -> Option<Array> {
        fn of<T: Copy>(parts: &[Array], get: impl Fn(&Data) -> Option<&[T]>) -> Option<Vec<T>> {
            Some(parts.iter().map(|p| get(&p.data)).collect::<Option<Vec<&[T]>>>()?.concat())
        }
        let first = parts.first()?;
        let mut shape = first.shape.clone();
        *shape.first_mut()? *= parts.len();
        if parts.iter().any(|p| p.shape != first.shape) {
            return None;
        }
        let data = match &first.data {
            Data::I8(_) => Data::I8(of(parts, |d| if let Data::I8(v) = d { Some(v) } else { None })?),
            Data::U8(_) => Data::U8(of(parts, |d| if let Data::U8(v) = d { Some(v) } else { None })?),
            Data::I32(_) => Data::I32(of(parts, |d| if let Data::I32(v) = d { Some(v) } else { None })?),
            Data::I64(_) => Data::I64(of(parts, |d| if let Data::I64(v) = d { Some(v) } else { None })?),
            Data::F32(_) => Data::F32(of(parts, |d| if let Data::F32(v) = d { Some(v) } else { None })?),
        };
        Some(Array { shape, data })
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
}
