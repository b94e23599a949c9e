// SPDX-License-Identifier: Apache-2.0
//! Lookups that are straight lines (a requantisation by another scale, as operands of a Concat have it): where a network has more tables
//! than the machine, POST's own scale computes them in a stage of identity weights.

use super::{PLAIN, Stager, param};
use crate::stage::PostSpec;
use systole_model::graph::MapId;

/// Constants with which `sat8(rne((x + bias) * scale) + zero_point)` is each code of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Added to the code: an input's zero point, negated.
    pub bias: i32,
    /// Of POST.
    pub scale: f32,
    /// Of the result.
    pub zero_point: i8,
}

impl Line {
    /// The code of `x`.
    fn code(&self, x: i8) -> i8 {
        let code = ((i32::from(x) + self.bias) as f32 * self.scale).round_ties_even() + f32::from(self.zero_point);
        code.clamp(-128.0, 127.0) as i8
    }

    /// The line that a table by `code as u8` is, where it is one that rises.
    pub fn of(table: &[i8; 256]) -> Option<Line> {
        let at = |x: i32| i32::from(table[usize::from(x as i8 as u8)]);
        if (-127..128).any(|x| at(x) < at(x - 1)) || at(-128) == at(127) {
            return None;
        }
        for bias in -127..=128 {
            // The code of the input's zero point is the result's.
            let known = (-128..128).contains(&-bias).then(|| at(-bias))?;
            let (mut least, mut most) = (0f64, f64::INFINITY);
            for x in (-128..128).filter(|x| x + bias != 0) {
                let (from, y) = (f64::from(x + bias), f64::from(at(x) - known));
                // Saturated codes bound one side alone.
                let below = if at(x) == -128 { f64::NEG_INFINITY } else { y - 0.5 };
                let above = if at(x) == 127 { f64::INFINITY } else { y + 0.5 };
                let (a, b) = if from > 0.0 { (below / from, above / from) } else { (above / from, below / from) };
                (least, most) = (least.max(a), most.min(b));
                if least > most {
                    break;
                }
            }
            if least > most || !most.is_finite() {
                continue;
            }
            let middle = ((least + most) / 2.0) as f32;
            let line = Line { bias, scale: middle, zero_point: known as i8 };
            if middle.is_normal() && (-128..128).all(|x| i32::from(line.code(x as i8)) == at(x)) {
                return Some(line);
            }
        }
        None
    }
}

impl Stager<'_> {
    /// A stage of identity weights whose scale computes a line.
    pub(super) fn on_line(&mut self, i: usize, input: MapId, line: Line, (lo, hi): (i8, i8)) -> Result<usize, String> {
        let stage = self.identity(i, input, "requantise")?;
        let cols = self.cols();
        let params = self.params(|_| param(line.bias, line.scale), cols);
        self.staged.stages[stage].post = PostSpec { param_base: params, zero_point: line.zero_point, lo, hi, ..PLAIN };
        Ok(stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requantisations_are_lines_in_every_code() {
        for (from, zero, to, other) in
            [(0.05f32, 3i8, 0.07f32, -5i8), (0.02, -128, 0.031, 17), (0.03, 0, 0.0104, 0), (0.04, 100, 0.09, -128)]
        {
            let table: [i8; 256] = std::array::from_fn(|i| {
                let v = (f32::from(i as u8 as i8) - f32::from(zero)) * from;
                ((v / to).round_ties_even() + f32::from(other)).clamp(-128.0, 127.0) as i8
            });
            let line = Line::of(&table).unwrap_or_else(|| panic!("{from} {zero} {to} {other}"));
            assert!((0..256).all(|i| line.code(i as u8 as i8) == table[i]));
        }
    }

    #[test]
    fn what_bends_is_no_line() {
        let tanh = std::array::from_fn(|i| (f32::from(i as u8 as i8) * 0.03).tanh().mul_add(100.0, 0.0).round() as i8);
        assert_eq!(Line::of(&tanh), None);
        assert_eq!(Line::of(&[5; 256]), None);
    }
}
