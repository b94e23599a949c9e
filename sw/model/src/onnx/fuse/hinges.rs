// SPDX-License-Identifier: Apache-2.0
//! A straight line by channel, cut off on one side (BatchNormalization and Relu), whose mean is taken before anything quantises it.
//! With p the code or its negative, `max(a p + b, l)` bends between two neighbouring p, T - 1 and T: it is `(a - d) max(p, T) +
//! d max(p, T - 1) + b` with `d = a T + b - l` for every whole p. Both maxima are codes whose shift saturates: exact; the shares of a
//! are weights.

use crate::onnx::fuse::value::Channels;

/// Weights of the two maxima sum to 64 to so many.
const SHARES: i32 = 127;

/// A channel as `unit * (weights[0] * u + weights[1] * v) + add`, with `u = sat8(sign * code + shifts[0])` and v likewise.
pub struct Hinge {
    /// 1, or -1: codes are turned around.
    pub sign: i16,
    pub shifts: [i32; 2],
    pub weights: [i16; 2],
    /// A step of the weighted sum, in real units.
    pub unit: f64,
    /// In steps of the sum, for each element.
    pub bias: i32,
    /// In real units.
    pub add: f64,
    /// How far a value is from the channel's at most, in steps of the sum.
    pub off: f64,
}

/// Every channel as a hinge; otherwise the channel that is none: cut off on both sides, or no line.
pub fn hinges(c: &Channels) -> Result<Vec<Hinge>, usize> {
    let limits = [f64::from(c.clip.lo), f64::from(c.clip.hi)];
    c.values.iter().enumerate().map(|(n, values)| hinge(values, limits).ok_or(n)).collect()
}

/// One channel: its values before the limits, by `code as u8`.
fn hinge(values: &[f32; 256], [lo, hi]: [f64; 2]) -> Option<Hinge> {
    let of = |code: i32| f64::from(values[usize::from(code as i8 as u8)]);
    let slope = (of(127) - of(-128)) / 255.0;
    let offset = of(-128) + 128.0 * slope;
    let (least, most) = (of(-128).min(of(127)), of(-128).max(of(127)));
    if least < lo && most > hi {
        return None;
    }
    // A line that is cut off above is the negative of one that is cut off below.
    let out = if most > hi { -1.0 } else { 1.0 };
    let limit = if most > hi { -hi } else { lo };
    let sign = if slope * out < 0.0 { -1 } else { 1 };
    let (a, b) = (slope.abs(), offset * out);
    let (lowest, highest) = if sign < 0 { (-127, 128) } else { (-128, 127) };
    let turn = (limit - b) / a;
    let made = if a == 0.0 || turn > f64::from(highest) {
        // One value, whatever the code is.
        let add = out * (a * f64::from(highest) + b).max(limit);
        // Fine enough that rounding `add` to steps is no matter.
        Hinge { sign, shifts: [0, 0], weights: [0, 0], unit: (add.abs() / 65_536.0).max(1e-9), bias: 0, add, off: 0.0 }
    } else if turn <= f64::from(lowest) {
        let shift = -128 - lowest;
        let (weight, unit) = (SHARES, a / f64::from(SHARES));
        Hinge {
            sign,
            shifts: [shift; 2],
            weights: [out as i16 * weight as i16, 0],
            unit,
            bias: -(out as i32) * weight * shift,
            add: out * b,
            off: 0.0,
        }
    } else {
        let t = turn.ceil();
        let d = (a * t + b - limit) / a;
        let away = |w: i32| (d - (d * f64::from(w)).round() / f64::from(w)).abs();
        let whole = (64..=SHARES).min_by(|&x, &y| away(x).total_cmp(&away(y)))?;
        let second = (d * f64::from(whole)).round() as i32;
        let shifts = [-128 - t as i32, -127 - t as i32];
        let bias = -(out as i32) * ((whole - second) * shifts[0] + second * shifts[1]);
        let weights = [out as i16 * (whole - second) as i16, out as i16 * second as i16];
        Hinge { sign, shifts, weights, unit: a / f64::from(whole), bias, add: out * b, off: 0.0 }
    };
    let off = (-128..128).map(|code| (made.value(code) - of(code).max(lo).min(hi)).abs() / made.unit).fold(0.0, f64::max);
    // Half an input code is no line.
    (off * made.unit <= a / 2.0 + 1e-6 * limit.abs().min(1.0)).then_some(Hinge { off, ..made })
}

impl Hinge {
    /// The value that a code gets.
    fn value(&self, code: i32) -> f64 {
        let at = |i: usize| (i32::from(self.sign) * code + self.shifts[i]).clamp(-128, 127) * i32::from(self.weights[i]);
        self.unit * f64::from(at(0) + at(1) + self.bias) + self.add
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::fuse::hinges::hinge;

    #[test]
    fn lines_that_are_cut_off_are_two_maxima_wherever_they_bend() {
        for slope in [0.02f32, -0.013, 0.0] {
            for offset in [0.0f32, 0.311, -0.73, 1.99, -2.5, 7.0, -7.0] {
                let values: [f32; 256] = std::array::from_fn(|i| f32::from(i as u8 as i8) * slope + offset);
                for limits in [[0.0, f64::INFINITY], [f64::NEG_INFINITY, 0.25], [f64::NEG_INFINITY, f64::INFINITY]] {
                    let h = hinge(&values, limits).unwrap();
                    for code in -128..128 {
                        let v = f64::from(values[usize::from(code as i8 as u8)]).max(limits[0]).min(limits[1]);
                        let error = (h.value(code) - v).abs();
                        assert!(error <= f64::from(slope.abs()) / 127.0 + 1e-6, "{slope} {offset} {limits:?} {code}: {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_cut_off_on_both_sides_is_none() {
        let values: [f32; 256] = std::array::from_fn(|i| f32::from(i as u8 as i8) * 0.1);
        assert!(hinge(&values, [0.0, 6.0]).is_none());
    }
}
