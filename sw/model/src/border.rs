// SPDX-License-Identifier: Apache-2.0
//! Tensors outside the machine to codes inside, and back.

use crate::graph::{Border, Codes};
use crate::onnx::{Array, Data, ElementType};
use thiserror::Error;

/// A tensor that is not what the graph takes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BorderError {
    /// Another shape.
    #[error("'{name}' has shape {expected:?}, the tensor {actual:?}")]
    Shape {
        /// Input or output of the graph.
        name: String,
        /// Its shape.
        expected: Vec<usize>,
        /// The tensor's.
        actual: Vec<usize>,
    },
    /// Another number of tensors.
    #[error("the graph has {expected} inputs; {actual} are given")]
    Count {
        /// Its inputs.
        expected: usize,
        /// Tensors.
        actual: usize,
    },
    /// An index of a row that its table does not have.
    #[error("'{name}' has the index {index}; its table has {rows} rows: -{rows} to {}", *rows as i64 - 1)]
    Index {
        /// Input of the graph.
        name: String,
        /// The index.
        index: i64,
        /// Rows of the table.
        rows: usize,
    },
    /// Another element type.
    #[error("'{name}' is {expected}, the tensor {actual}")]
    Element {
        /// Input or output of the graph.
        name: String,
        /// Its element type.
        expected: ElementType,
        /// The tensor's.
        actual: ElementType,
    },
}

impl Codes {
    /// What codes of a tensor of this shape stand for, row-major.
    pub fn values(&self, shape: &[usize], codes: &[i8]) -> Vec<f32> {
        let value = |(place, &code): (usize, &i8)| {
            let n = self.channel(shape, place);
            f32::from(i16::from(code) - i16::from(self.zero_points[n])) * self.scales[n]
        };
        codes.iter().enumerate().map(value).collect()
    }

    /// Which scale belongs to element `place` of a tensor of this shape.
    pub(crate) fn channel(&self, shape: &[usize], place: usize) -> usize {
        if self.scales.len() == 1 {
            return 0;
        }
        let inner: usize = shape.iter().skip(self.axis + 1).product();
        place / inner.max(1) % self.scales.len()
    }
}

impl Border {
    /// Whether a tensor is one of these.
    ///
    /// # Errors
    /// [`BorderError`]: another element type or shape.
    pub fn is(&self, array: &Array) -> Result<(), BorderError> {
        if array.element() != self.element {
            return Err(BorderError::Element { name: self.name.clone(), expected: self.element, actual: array.element() });
        }
        if array.shape != self.shape {
            return Err(BorderError::Shape {
                name: self.name.clone(),
                expected: self.shape.clone(),
                actual: array.shape.clone(),
            });
        }
        Ok(())
    }

    /// Codes of the map, row-major, from a tensor outside. float32 is quantised as QuantizeLinear does, or where nothing says
    /// what codes stand for it goes byte by byte, in which `order` counts then; bit 7 of uint8 is flipped.
    ///
    /// # Errors
    /// [`BorderError`].
    pub fn pack(&self, array: &Array) -> Result<Vec<i8>, BorderError> {
        self.is(array)?;
        let mut made = None;
        for op in self.host.iter().flat_map(|host| &host.ops) {
            let x = made.as_ref().unwrap_or(array);
            if let Some((index, rows)) = op.beyond(x) {
                return Err(BorderError::Index { name: self.name.clone(), index, rows });
            }
            made = Some(op.run(x));
        }
        let array = made.as_ref().unwrap_or(array);
        if let (Data::F32(v), None) = (&array.data, &self.float) {
            // Nothing quantises it: the bytes of each number go through as they are.
            let bytes: Vec<u8> = v.iter().flat_map(|v| v.to_le_bytes()).collect();
            return Ok(self.order.iter().map(|&at| bytes[at as usize] as i8).collect());
        }
        let code = |place: usize| match (&array.data, &self.float) {
            (Data::I8(v), _) => v[place],
            (Data::U8(v), _) => (v[place] ^ 0x80) as i8,
            (Data::F32(v), Some(c)) => {
                let n = c.channel(&array.shape, place);
                crate::quantise(v[place], c.scales[n], c.zero_points[n])
            }
            _ => 0, // int32 and int64 are no border of a graph
        };
        Ok(self.order.iter().map(|&place| code(place as usize)).collect())
    }

    /// The tensor outside from the values of the map, row-major: codes, or sums of int32.
    pub fn unpack(&self, values: &[i32]) -> Array {
        let mut by_place = vec![0i32; values.len()];
        for (&place, &v) in self.order.iter().zip(values) {
            by_place[place as usize] = v;
        }
        let shape = self.host.as_ref().map_or(&self.shape, |host| &host.inner);
        // The host begins with float32.
        let element = if self.host.is_some() { ElementType::Float32 } else { self.element };
        let data = match (element, &self.float) {
            (ElementType::Int8, _) => Data::I8(by_place.iter().map(|&v| v as i8).collect()),
            (ElementType::Uint8, _) => Data::U8(by_place.iter().map(|&v| v as u8 ^ 0x80).collect()),
            (ElementType::Float32, Some(c)) => {
                let value = |(place, &v): (usize, &i32)| {
                    let n = c.channel(shape, place);
                    (v - i32::from(c.zero_points[n])) as f32 * c.scales[n]
                };
                Data::F32(by_place.iter().enumerate().map(value).collect())
            }
            (ElementType::Float32, None) => {
                let number = |b: &[i32]| f32::from_le_bytes(std::array::from_fn(|i| b[i] as u8));
                Data::F32(by_place.chunks_exact(4).map(number).collect())
            }
            _ => Data::I32(by_place),
        };
        let array = Array { shape: shape.clone(), data };
        self.host.iter().flat_map(|host| &host.ops).fold(array, |x, op| op.run(&x))
    }
}
