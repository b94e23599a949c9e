// SPDX-License-Identifier: Apache-2.0
//! Constants that are added to the sums of a convolution or product, by ONNX's rules of broadcasting.

use super::ElementType;
use super::node::{Fail, unsupported, wrong};
use super::value::{Dequantised, Pending, PendingKind, Real, Value};
use std::rc::Rc;

/// A constant in units of the sums it is added to.
pub(super) struct Bias {
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
    pub fn reshaped(self, shape: Vec<usize>) -> Bias {
        Bias { shape, ..self }
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
    /// The same sums with a constant added, which may differ from channel to channel of the map but not inside one.
    pub fn plus(&self, bias: &Bias) -> Result<Pending, Fail> {
        let PendingKind::Conv(c) = &self.kind else { return wrong("its result is no sum") };
        let extra = bias.shape.len().saturating_sub(self.shape.len());
        let (front, dims) = bias.shape.split_at(extra);
        let first = self.shape.len() - dims.len();
        let fits = front.iter().all(|&d| d == 1) && dims.iter().zip(&self.shape[first..]).all(|(&b, &x)| b == 1 || b == x);
        if !fits || !front.is_empty() {
            return unsupported(
                format!("a constant of shape {:?} added to {:?}", bias.shape, self.shape),
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
        let outputs = c.bias.len();
        let mut by_channel: Vec<Option<i32>> = vec![None; outputs];
        for (element, &place) in self.order.iter().enumerate() {
            let (channel, index) = (element % outputs, at(place as usize));
            let expected = c.scales[channel];
            let value = match (&bias.floats, &bias.scales) {
                (Some(floats), _) => (floats[index] / expected).round_ties_even() as i32,
                (None, Some((scales, axis))) => {
                    let inner: usize = bias.shape.iter().skip(axis + 1).product();
                    let scale = scales[index / inner % scales.len()];
                    if (scale - expected).abs() > 1e-6 * expected {
                        return unsupported(
                            "the scale of the bias is not x_scale * w_scale: ONNX Runtime computes the layer in float32",
                            "quantise the bias with that scale",
                        );
                    }
                    bias.ints[index]
                }
                (None, None) => bias.ints[index],
            };
            match by_channel[channel] {
                None => by_channel[channel] = Some(value),
                Some(before) if before != value => {
                    return unsupported(
                        format!("a constant of shape {:?} added to {:?} differs inside a channel", bias.shape, self.shape),
                        "the machine adds one number to each channel; quantise the sums first, then add a quantised constant",
                    );
                }
                Some(_) => {}
            }
        }
        let sums = c.bias.iter().zip(&by_channel).map(|(b, more)| b.wrapping_add(more.unwrap_or(0))).collect();
        let mut c = c.clone();
        c.bias = Rc::new(sums);
        c.fused_bias |= bias.floats.is_some();
        Ok(Pending { kind: PendingKind::Conv(c), ..self.clone() })
    }
}
