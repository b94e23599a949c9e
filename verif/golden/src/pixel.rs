// SPDX-License-Identifier: Apache-2.0
//! Softmax and normalisation over the channels of a pixel (docs/arithmetic.md): by ONNX Runtime's arithmetic, by the machine's,
//! and which codes lie so near to halfway that the error of either could decide.

use crate::f24::{F24, RECIP_ULP, RSQRT_ULP};
use systole_isa::f24::{SEGMENTS, Segment};
use systole_isa::program::Function;
use systole_model::graph::UnderRoot;

/// How far a result of F24 is from the exact one at most, relative to it; a unit in its last place is twice that at most.
const UNIT: f64 = 1.0 / 65_536.0;
/// How far function 0 is from 2^x before it is rounded, relative to it: the chord of a segment, and its constants.
const EXP2: f64 = 1.25 * UNIT;
/// Products of errors, which the bounds below leave out.
const SECOND_ORDER: f64 = 1.01;

/// Codes of a pixel's channels, and which of them are undecided.
pub type Codes = (Vec<i32>, Vec<bool>);

/// F24(x).
fn constant(x: f64) -> F24 {
    systole_isa::F24::from_f64(x).into()
}

/// Of ONNX Runtime's float32, relative: additions of so many terms as in a layer that it computes in float32, and a few other
/// operations.
fn float32(terms: usize) -> f64 {
    (8.0 + (terms as f64).sqrt()) / f64::from(1 << 24)
}

/// What a result becomes: its zero point and the clamps of the layer.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The code of zero.
    pub zero_point: i8,
    /// Lower clamp.
    pub lo: i8,
    /// Upper clamp.
    pub hi: i8,
}

impl Target {
    /// A NaN is the lowest code.
    fn code(self, value: f64) -> i32 {
        let code = (value.round_ties_even() + f64::from(self.zero_point)).clamp(-128.0, 127.0);
        let code = if code.is_nan() { -128 } else { code as i8 };
        code.clamp(self.lo, self.hi).into()
    }

    fn of(self, value: F24) -> i32 {
        value.code(self.zero_point, self.lo, self.hi).into()
    }

    /// Whether values this far from it have another code.
    fn undecided(self, value: f64, error: f64) -> bool {
        let [low, high] = [value - error, value + error];
        low.is_nan() || high.is_nan() || self.code(low) != self.code(high)
    }
}

/// Softmax of a pixel.
#[derive(Debug, Clone, Copy)]
pub struct Softmax {
    /// Of the operand's codes.
    pub scale: f32,
    /// Codes from 0 to 1.
    pub levels: f32,
    /// Of the result.
    pub target: Target,
    /// Function 0 of the vector unit.
    pub exp2: [Segment; SEGMENTS],
}

impl Softmax {
    /// Its codes; `machine`: the machine's.
    pub fn codes(&self, x: &[i8], machine: bool) -> Codes {
        let k = constant(f64::from(self.scale) * std::f64::consts::LOG2_E);
        let s: Vec<F24> = x.iter().map(|&x| F24::from_int(x).mul(k)).collect();
        let most = s.iter().copied().max().unwrap_or(F24::ZERO);
        let m = most.add(constant(-7.98));
        let e: Vec<F24> = s.iter().map(|s| s.add(m.neg()).function(Function::Exp2, &self.exp2)).collect();
        let t = F24::from_int(e.iter().map(|e| i64::from(e.t())).sum::<i64>());
        let q = t.recip().mul(constant(16.0 * f64::from(self.levels)));

        let largest = i32::from(x.iter().copied().max().unwrap_or(0));
        let below: Vec<f64> = x.iter().map(|&x| f64::from(i32::from(x) - largest) * f64::from(self.scale)).collect();
        let near = self.undecided(x, &below, most.to_f64() - m.to_f64(), t.to_f64());
        if machine {
            return (e.iter().map(|e| self.target.of(e.mul(q))).collect(), near);
        }
        let e: Vec<f32> = below.iter().map(|below| below.exp() as f32).collect();
        let sum = e.iter().fold(0f32, |sum, e| sum + e);
        (e.iter().map(|e| self.target.code((e * self.levels / sum).into())).collect(), near)
    }

    /// `below`: (x - largest x) * scale; `top`: of the machine, the power of two of the largest e; `t`: its T.
    fn undecided(&self, x: &[i8], below: &[f64], top: f64, t: f64) -> Vec<bool> {
        let sum: f64 = below.iter().map(|below| below.exp()).sum();
        let off = (t / (16.0 * top.exp2() * sum) - 1.0).abs();
        let k = f64::from(self.scale) * std::f64::consts::LOG2_E;
        let largest = x.iter().map(|&x| i32::from(x)).max().map_or(0.0, |x| f64::from(x.abs()));
        let single = float32(x.len());
        let one = |(&x, &below): (&i8, &f64)| {
            let value = below.exp() * f64::from(self.levels) / sum;
            // Of the power of two: of k, of both s, of s - M, and of the place in the table.
            let a = below.abs() * std::f64::consts::LOG2_E;
            let power = UNIT * (a + (f64::from(x).abs() + largest) * k + (a + top) + 1.0);
            let e = power * std::f64::consts::LN_2 + EXP2 + UNIT;
            // T's rounding is in `off`; 1 / T, 16 levels, their product, that with e.
            let q = (2.0 * RECIP_ULP + 3.0) * UNIT;
            self.target.undecided(value, value * ((off + e + q) * SECOND_ORDER + single))
        };
        x.iter().zip(below).map(one).collect()
    }
}

/// Normalisation of a pixel.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// Of the operand's codes.
    pub x_scale: f32,
    /// Of the operand's codes.
    pub x_zero: i8,
    /// The mean is subtracted.
    pub centered: bool,
    /// What stands under the root.
    pub under: &'a UnderRoot,
    /// By channel.
    pub gain: &'a [f32],
    /// By channel.
    pub bias: &'a [f32],
    /// Of the result.
    pub scale: f32,
    /// Of the result.
    pub target: Target,
}

/// What the machine has of a pixel.
struct Machine {
    mu: F24,
    d: Vec<F24>,
    q: F24,
}

impl Norm<'_> {
    /// Its codes; `machine`: the machine's.
    pub fn codes(&self, x: &[i8], machine: bool) -> Codes {
        let x: Vec<i32> = x.iter().map(|&x| i32::from(x) - i32::from(self.x_zero)).collect();
        let n = x.len() as f64;
        let t = F24::from_int(x.iter().map(|&x| i64::from(F24::from_int(x).t())).sum::<i64>());
        let mu = if self.centered { t.mul(constant(1.0 / (16.0 * n))) } else { F24::ZERO };
        let d: Vec<F24> = x.iter().map(|&x| F24::from_int(x).add(mu.neg())).collect();
        let q = F24::from_int(d.iter().map(|d| i64::from(d.t()).pow(2)).sum::<i64>());
        let of = Machine { mu, d, q };
        let near = self.undecided(&x, &of);
        (if machine { self.machine(&of) } else { self.float32(&x) }, near)
    }

    /// `h`: what a code of the variance stands for under the root.
    fn step(&self) -> f64 {
        match self.under {
            UnderRoot::Epsilon(_) => 0.0,
            UnderRoot::Codes { zero_point, values, .. } => f64::from(values[127]) / f64::from(127 - i32::from(*zero_point)),
        }
    }

    fn machine(&self, of: &Machine) -> Vec<i32> {
        let (n, sx, sy) = (of.d.len() as f64, f64::from(self.x_scale), f64::from(self.scale));
        let v = match self.under {
            UnderRoot::Epsilon(epsilon) => of.q.mul(constant(sx * sx / (256.0 * n))).add(constant(f64::from(*epsilon))),
            UnderRoot::Codes { scale, zero_point, .. } => {
                let w = of.q.mul(constant(sx * sx / (256.0 * n * f64::from(*scale))));
                let w = w.add(constant(49_152.0)).add(constant(-49_152.0));
                let u = w.mul(constant(-1.0)).max(constant(-f64::from(127 - i32::from(*zero_point))));
                u.mul(constant(-self.step()))
            }
        };
        let r = v.rsqrt();
        let smallest = F24::from_bits(1 << 15);
        let code = |((d, &gain), &bias): ((&F24, &f32), &f32)| {
            let gain = if gain == 0.0 { smallest } else { constant(f64::from(gain) * sx / sy) };
            self.target.of(d.mul(gain).mul(r).add(constant(f64::from(bias) / sy)))
        };
        of.d.iter().zip(self.gain).zip(self.bias).map(code).collect()
    }

    /// Sums are exact: in float32 their order is ONNX Runtime's own affair. All else is float32.
    fn float32(&self, x: &[i32]) -> Vec<i32> {
        let (mean, variance) = self.moments(x);
        let mean = (mean * f64::from(self.x_scale)) as f32;
        let variance = (variance * f64::from(self.x_scale).powi(2)) as f32;
        let root = match self.under {
            UnderRoot::Epsilon(epsilon) => variance + epsilon,
            UnderRoot::Codes { scale, zero_point, values } => {
                values[variance_code((variance / scale).into(), *zero_point) as u8 as usize]
            }
        }
        .sqrt();
        let code = |((&x, &gain), &bias): ((&i32, &f32), &f32)| {
            let value = (x as f32 * self.x_scale - mean) / root * gain + bias;
            self.target.code((value / self.scale).into())
        };
        x.iter().zip(self.gain).zip(self.bias).map(code).collect()
    }

    /// Mean (0 without one) and variance, in steps of x.
    fn moments(&self, x: &[i32]) -> (f64, f64) {
        let n = x.len() as i64;
        let sum: i64 = if self.centered { x.iter().map(|&x| i64::from(x)).sum() } else { 0 };
        let squares: i64 = x.iter().map(|&x| i64::from(x).pow(2)).sum();
        (sum as f64 / n as f64, (squares * n - sum * sum) as f64 / (n * n) as f64)
    }

    fn undecided(&self, x: &[i32], of: &Machine) -> Vec<bool> {
        let (n, sx, sy) = (x.len() as f64, f64::from(self.x_scale), f64::from(self.scale));
        let (mean, variance) = self.moments(x);
        let single = float32(x.len());
        // ONNX Runtime may have the variance as the mean of squares less the square of the mean.
        let off = single * (variance + 2.0 * mean * mean) * sx * sx;
        let (exact, own) = (variance * sx * sx, of.q.to_f64() / (256.0 * n) * sx * sx);
        // Under the root: the exact value, the machine's but for rounding behind Q; and how far r may be from it, relative.
        let (v, own, more) = match self.under {
            UnderRoot::Epsilon(epsilon) => {
                let v = exact + f64::from(*epsilon);
                // The constant and the product, epsilon and the sum: of v at most three.
                (v, own + f64::from(*epsilon), 1.5 * UNIT + off / v)
            }
            UnderRoot::Codes { scale, zero_point, values } => {
                let code = |v: f64| variance_code(v / f64::from(*scale), *zero_point);
                // The constant and the product.
                let error = (2.0 * UNIT * SECOND_ORDER * own).max(off);
                let codes = [exact - off, exact + off, own - error, own + error].map(code);
                if codes.iter().any(|&c| c != codes[0]) {
                    return vec![true; x.len()];
                }
                let steps = f64::from(i32::from(codes[0]) - i32::from(*zero_point));
                (f64::from(values[codes[0] as u8 as usize]), self.step() * steps, UNIT)
            }
        };
        let r = 1.0 / v.sqrt();
        let relative = (v.sqrt() / own.sqrt() - 1.0).abs() + 2.0 * RSQRT_ULP * UNIT + more;
        let largest = x.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
        let one = |((&x, &gain), &bias): ((&i32, &f32), &f32)| {
            let (gain, bias) = (f64::from(gain) * sx / sy, f64::from(bias) / sy);
            let d = f64::from(x) - mean;
            let distance = (of.mu.to_f64() - mean).abs() + UNIT * d.abs() + single * largest;
            if own == 0.0 {
                // 1 / sqrt(0): the largest number of the machine, infinity or nearly so of ONNX Runtime. The sign decides.
                let end = (d * gain).signum() * f64::INFINITY;
                return d.abs() <= distance || gain == 0.0 || self.target.code(d * gain * r + bias) != self.target.code(end);
            }
            let (product, value) = (d * gain * r, d * gain * r + bias);
            // The gain and two products; the bias and the sum.
            let product = product.abs() * (relative + 3.0 * UNIT) + (gain * r).abs() * distance * (1.0 + relative);
            let error = product + UNIT * (bias.abs() + value.abs());
            self.target.undecided(value, error * SECOND_ORDER + single * (value.abs() + bias.abs()))
        };
        x.iter().zip(self.gain).zip(self.bias).map(one).collect()
    }
}

/// The code of a variance in steps of its scale. A NaN is the lowest.
fn variance_code(steps: f64, zero_point: i8) -> i8 {
    let code = (steps.round_ties_even() + f64::from(zero_point)).clamp(-128.0, 127.0);
    if code.is_nan() { -128 } else { code as i8 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_isa::f24::functions;

    #[test]
    fn function_0_is_as_near_to_the_power_of_two_as_the_bound_says() {
        let [table, ..] = functions();
        let off = |place: u32| {
            let (base, slope) = table[(place / 1024) as usize];
            let line = f64::from(base) + ((f64::from(slope) * f64::from(place % 1024) + 512.0) / 1024.0).floor();
            (line / f64::from(1 << 19) / (f64::from(place) / 65_536.0).exp2() - 1.0).abs()
        };
        let most = (0..65_536).map(off).fold(0.0, f64::max);
        println!("2^x: off by {:.3} units", most / UNIT);
        assert!(most <= EXP2);
    }
}
