// SPDX-License-Identifier: Apache-2.0
//! Constants that are added to the sums of a convolution or product, by ONNX's rules of broadcasting. Where ONNX Runtime fuses the layer
//! a float32 bias is rounded to a step of the sums, and an int32 one counts by its integers whatever its scale is
//! (quantize the bias: QDQ's MatMul and Gemm selectors; observed).

use crate::onnx::element::ElementType;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::known::Dequantised;
use crate::onnx::fuse::value::{Conv, FloatBias, Pending, PendingKind, Real, Value};
use std::rc::Rc;

/// A constant in units of the sums it is added to.
#[derive(Clone)]
pub struct Bias {
    pub shape: Vec<usize>,
    pub ints: Rc<Vec<i32>>,
    /// What a unit stands for, and the dimension that several scales go along; `None`: the same as the sums'.
    scales: Option<(Rc<Vec<f32>>, usize)>,
    /// float32 in the model: ONNX Runtime quantises it to a step of the sums where it fuses what it is added to.
    floats: Option<Rc<Vec<f32>>>,
    pub element: ElementType,
}

impl Bias {
    /// int32 units of the sums themselves.
    pub fn plain(shape: Vec<usize>, ints: Vec<i32>) -> Bias {
        Bias { shape, ints: Rc::new(ints), scales: None, floats: None, element: ElementType::Int32 }
    }

    /// The same numbers in another shape.
    pub fn reshaped(&self, shape: Vec<usize>) -> Bias {
        Bias { shape, ..self.clone() }
    }

    /// A constant operand.
    pub fn of(value: &Value) -> Result<Bias, Fail> {
        match value {
            Value::Real(Real::Const(Dequantised { shape, ints, scales, axis, element, .. })) => Ok(Bias {
                shape: shape.clone(),
                ints: ints.clone(),
                scales: Some((scales.clone(), *axis)),
                floats: None,
                element: *element,
            }),
            Value::Const(a) if a.floats().is_some_and(|f| f.iter().all(|&v| v == 0.0)) => {
                Ok(Bias { element: ElementType::Float32, ..Bias::plain(a.shape.clone(), vec![0; a.len()]) })
            }
            Value::Const(a) => match a.floats() {
                Some(floats) if floats.iter().any(|f| !f.is_finite()) => {
                    unsupported("a bias that is no number", "look where it comes from")
                }
                Some(floats) => Ok(Bias {
                    element: ElementType::Float32,
                    floats: Some(Rc::new(floats.to_vec())),
                    ..Bias::plain(a.shape.clone(), vec![0; a.len()])
                }),
                None => wrong(format!("a bias of {}", a.element())),
            },
            _ => unsupported("a bias that is computed by the graph", "make it an initialiser"),
        }
    }
}

impl Pending {
    /// A constant of this shape by output channel: `value` of the constant's element and the channel, which may differ from
    /// channel to channel of the map but not inside one.
    ///
    /// # Errors
    /// A shape that does not broadcast to the result's; values that differ inside a channel.
    pub fn by_channel<T: Copy + PartialEq>(&self, shape: &[usize], value: impl Fn(usize, usize) -> T) -> Result<Vec<T>, Fail> {
        let extra = shape.len().saturating_sub(self.shape.len());
        let (front, dims) = shape.split_at(extra);
        let first = self.shape.len() - dims.len();
        let fits = front.iter().all(|&d| d == 1) && dims.iter().zip(&self.shape[first..]).all(|(&b, &x)| b == 1 || b == x);
        if !fits || !front.is_empty() {
            return unsupported(
                format!("a constant of shape {shape:?} and a result of {:?}", self.shape),
                "give it a shape that broadcasts to that of the sums",
            );
        }
        // Of each element of the constant: what it is a step of in the tensor, by dimension.
        let mut strides = vec![0; self.shape.len()];
        let mut step = 1;
        for (d, &size) in dims.iter().enumerate().rev() {
            strides[first + d] = if size == 1 { 0 } else { step };
            step *= size;
        }
        let at = |mut place: usize| {
            let mut index = 0;
            for (&size, &stride) in self.shape.iter().zip(&strides).rev() {
                index += place % size * stride;
                place /= size;
            }
            index
        };
        let outputs = self.map[2];
        let mut by_channel: Vec<Option<T>> = vec![None; outputs];
        for (element, &place) in self.order.iter().enumerate() {
            let channel = element % outputs;
            let value = value(at(place as usize), channel);
            match by_channel[channel] {
                None => by_channel[channel] = Some(value),
                Some(before) if before != value => {
                    return unsupported(
                        format!("a constant of shape {shape:?} differs inside a channel of a result of {:?}", self.shape),
                        "the machine has one number for each channel; quantise the sums first",
                    );
                }
                Some(_) => {}
            }
        }
        by_channel.into_iter().collect::<Option<Vec<T>>>().ok_or_else(|| Fail::Wrong("a result without elements".into()))
    }

    /// The same sums with a constant added. An integer constant of another scale than the sums' counts by its integers where
    /// ONNX Runtime fuses the layer, as it does there, and by what it stands for where it does not.
    pub fn plus(&self, bias: &Bias) -> Result<Pending, Fail> {
        let PendingKind::Conv(c) = &self.kind else { return wrong("its result is no sum") };
        // In steps of the sums where the layer is fused, and in float32: whole steps, and a number.
        let parts = self.by_channel(&bias.shape, |index, channel| match &bias.floats {
            Some(floats) => {
                let steps = (floats[index] / c.scales[channel]).round_ties_even() as i32;
                (steps, 0, f64::from(floats[index]))
            }
            None => match bias.scale(index) {
                Some(scale) if !alike(scale, c.scales[channel]) => {
                    (bias.ints[index], 0, f64::from(bias.ints[index]) * f64::from(scale))
                }
                _ => (bias.ints[index], bias.ints[index], 0.0),
            },
        })?;
        let float = c.float_bias();
        let sum = |v: &[i32], more: fn(&(i32, i32, f64)) -> i32| -> Rc<Vec<i32>> {
            Rc::new(v.iter().zip(&parts).map(|(b, p)| b.wrapping_add(more(p))).collect())
        };
        let ints = sum(&float.ints, |p| p.1);
        let numbers: Vec<f64> = parts.iter().map(|p| p.2).collect();
        let with = Conv { bias: sum(&c.bias, |p| p.0), float: Some(FloatBias { ints, ..float }), ..c.clone() };
        Ok(Pending { kind: PendingKind::Conv(with.shifted(&numbers)), ..self.clone() })
    }

    /// Whether every scale of a constant is that of the sums it is added to.
    pub fn has_scale_of(&self, bias: &Bias) -> Result<bool, Fail> {
        let PendingKind::Conv(c) = &self.kind else { return wrong("its result is no sum") };
        let same =
            self.by_channel(&bias.shape, |index, channel| bias.scale(index).is_none_or(|scale| alike(scale, c.scales[channel])));
        // What differs inside a channel is said where it is added.
        Ok(same.unwrap_or_default().iter().all(|&s| s))
    }
}

/// Whether two scales are one but for rounding.
fn alike(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-6 * b
}

impl Bias {
    /// What a unit of an element stands for, where the model says it.
    fn scale(&self, index: usize) -> Option<f32> {
        let (scales, axis) = self.scales.as_ref()?;
        let inner: usize = self.shape.iter().skip(axis + 1).product();
        Some(scales[index / inner.max(1) % scales.len()])
    }

    /// Its shape, and what its elements stand for.
    pub fn numbers(&self) -> (Vec<usize>, Vec<f32>) {
        let of = |(index, &v): (usize, &i32)| v as f32 * self.scale(index).unwrap_or(1.0);
        let values = match &self.floats {
            Some(floats) => floats.to_vec(),
            None => self.ints.iter().enumerate().map(of).collect(),
        };
        (self.shape.clone(), values)
    }

    /// The same times a factor, as float32 numbers.
    pub fn times(&self, factor: f32) -> Bias {
        let floats = self.numbers().1.iter().map(|v| v * factor).collect();
        Bias {
            element: ElementType::Float32,
            floats: Some(Rc::new(floats)),
            ..Bias::plain(self.shape.clone(), vec![0; self.ints.len()])
        }
    }
}
