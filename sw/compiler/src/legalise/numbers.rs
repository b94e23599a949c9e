// SPDX-License-Identifier: Apache-2.0
//! Softmax and normalisation: stages of the vector unit. A product with ones hands it the codes of a tensor, word by word.

use super::{PLAIN, Stager};
use crate::stage::{Function, Numbers, Over, PostSpec, Stage, Under};
use crate::tile;
use systole_isa::{F24, f24};
use systole_model::approximation::Form;
use systole_model::graph::{Finish, MapId, Op, Operand, UnderRoot};

/// A gain of zero is this: a lane whose scale is 0 does not count.
const LEAST: f64 = 1.0 / (1u128 << 126) as f64;

impl Stager<'_> {
    /// Softmax over the channels of each pixel.
    pub(super) fn softmax(&mut self, i: usize) -> Result<usize, String> {
        let Op::Softmax { input, scale, levels, zero_point } = self.graph.layers[i].op else {
            return Err("it is no softmax".into());
        };
        self.has_numbers()?;
        let channels = self.graph.maps[input].shape[2];
        let first = self.numbers(|_| (f64::from(scale) * std::f64::consts::LOG2_E, 0.0), channels);
        let function = Function::Softmax { levels: levels.into() };
        self.on_numbers(i, input, first, zero_point, function, Form::Softmax)
    }

    /// Normalisation over the channels of each pixel.
    pub(super) fn norm(&mut self, i: usize) -> Result<usize, String> {
        let Op::Norm { input, centered, under, gain, bias, scale, zero_point } = &self.graph.layers[i].op else {
            return Err("it is no normalisation".into());
        };
        self.has_numbers()?;
        let Operand { map, scale: x_scale, zero_point: x_zero } = *input;
        let (x_scale, scale) = (f64::from(x_scale), f64::from(*scale));
        let root = under;
        let under = match root {
            UnderRoot::Epsilon(epsilon) => Under::Epsilon((*epsilon).into()),
            UnderRoot::Codes { scale, zero_point, values } => {
                let most = f64::from(127 - i32::from(*zero_point));
                let each = f64::from(values[127]) / most;
                let largest = f64::from(values[127]).abs();
                let off =
                    |code: i32| (f64::from(values[code as u8 as usize]) - each * f64::from(code - i32::from(*zero_point))).abs();
                if most < 1.0 || each <= 0.0 || (i32::from(*zero_point)..128).any(|code| off(code) > largest / 65536.0) {
                    return Err(
                        "what stands under the root is no multiple of the variance's codes; quantise the variance and its sum \
                         with epsilon by the same scale, or leave LayerNormalization in float32"
                            .into(),
                    );
                }
                Under::Codes { scale: (*scale).into(), most, each }
            }
            UnderRoot::Map { of, epsilon } => Under::Operand {
                first: self.numbers(|_| (1.0, -f64::from(of.zero_point)), 1),
                scale: of.scale.into(),
                signed: of.zero_point != -128,
                epsilon: (*epsilon).into(),
            },
        };
        let channels = gain.len();
        let first = self.numbers(|_| (1.0, -f64::from(x_zero)), channels);
        let gains = self.numbers(
            |lane| {
                let gain = f64::from(gain[lane]) * x_scale / scale;
                (if F24::from_f64(gain) == F24::ZERO { LEAST } else { gain }, f64::from(bias[lane]) / scale)
            },
            channels,
        );
        let function = Function::Norm { centered: *centered, gain: gains, scale: x_scale, under };
        let stage = self.on_numbers(i, map, first, *zero_point, function, Form::Norm)?;
        if let UnderRoot::Map { of, .. } = root {
            let operand = self.tensor(of.map)?;
            self.staged.stages[stage].operand = Some(operand);
        }
        Ok(stage)
    }

    /// Whether there is a vector unit that a tensor's words fit.
    fn has_numbers(&self) -> Result<(), String> {
        let (config, label) = (self.config, self.config.label());
        if config.vec_lanes == 0 {
            return Err(format!("{label} has no vector unit (VEC_LANES = 0); take a configuration that has, as base, or set it"));
        }
        if config.rows != config.cols {
            return Err(format!(
                "{label} has {} rows and {} columns; the vector unit takes as many of both",
                config.rows, config.cols
            ));
        }
        Ok(())
    }

    fn on_numbers(
        &mut self,
        i: usize,
        input: MapId,
        first: u32,
        zero_point: i8,
        function: Function,
        form: Form,
    ) -> Result<usize, String> {
        let Finish::Codes { lo, hi } = self.graph.layers[i].finish else { return Err("its result is no code".into()) };
        let tensor = self.tensor(input)?;
        let shape = self.graph.maps[input].shape;
        let [h, w, channels] = shape;
        let words = self.staged.tensors[tensor].words;
        if 3 * words > self.config.v_depth as usize {
            return Err(format!(
                "{channels} channels are {words} words of V, three times; {} has {}",
                self.config.label(),
                self.config.v_depth
            ));
        }
        let mask = self.numbers(|_| (1.0, 0.0), channels);
        let kind = if matches!(function, Function::Softmax { .. }) { "softmax" } else { "norm" };
        let post = PostSpec { zero_point, lo, hi, ..PLAIN };
        let stage = Stage {
            layers: vec![i],
            kind,
            input: Some(tensor),
            out: [1, h * w],
            over: Over { size: [1, h * w], stride: [1, 1], origin: [0, 0] },
            blocks: tile::blocks([1, h * w], usize::MAX),
            numbers: Some(Numbers { first, mask, channels, function }),
            ..self.diagonal(words, post)
        };
        self.staged.warnings.iter_mut().filter(|w| w.layer == i).for_each(|w| w.form = Some(form.clone()));
        Ok(self.push(stage, shape))
    }

    /// Adds parameter words of the vector unit for `count` channels, scale and bias of each, or finds equal ones; gives the first.
    fn numbers(&mut self, of: impl Fn(usize) -> (f64, f64), count: usize) -> u32 {
        let cols = self.cols();
        let word = |(scale, bias)| f24::encode_param(F24::from_f64(scale), F24::from_f64(bias));
        let mut new: Vec<u64> = (0..count).map(|lane| word(of(lane))).collect();
        new.resize(count.next_multiple_of(cols), word((0.0, 0.0)));
        let all = &mut self.staged.numbers;
        let known = (0..all.len() / cols).find(|at| all[at * cols..].starts_with(&new));
        known.unwrap_or_else(|| {
            all.extend(new);
            all.len() / cols - count.div_ceil(cols)
        }) as u32
    }
}
