// SPDX-License-Identifier: Apache-2.0
//! A function of codes whose mean is taken before anything quantises it: its values as two digits, that is two tables of codes, whose
//! weighted sum is the value. One table of 256 results would round each value, and the mean of rounded values is another mean; of
//! digits the sum is an integer with 16 bits for each value, which rounds once, behind the mean.

/// What the upper digit is worth: the most that two parts of int8 weights sum to.
pub const WORTH: i32 = 254;
/// The largest value in steps: the largest of both digits.
const MOST: i32 = WORTH * 127 + 127;

/// Values as `base + step * (WORTH * high + low)`.
pub struct Digits {
    /// A code both of whose digits are 0; its value is `base`.
    pub blank: i8,
    pub base: f64,
    pub step: f64,
    /// By `code as u8`.
    pub high: Box<[i8; 256]>,
    pub low: Box<[i8; 256]>,
    /// How far a value is from that of its digits at most, in steps.
    pub off: f64,
}

/// The digits of values by `code as u8`, all finite. `zero`: the base has to be 0, for padding counts; `None` where no code's value is.
/// `grid`: the scale of the codes, in parts of which values of piecewise linear functions are exact.
pub fn digits(values: &[f32; 256], zero: bool, grid: Option<f32>) -> Option<Digits> {
    let of = |i: usize| f64::from(values[i]);
    let (least, most) = (0..256).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), i| (l.min(of(i)), m.max(of(i))));
    // The value in the middle leaves the others the shortest way.
    let middle = if zero { 0.0 } else { (least + most) / 2.0 };
    let far = |i: &usize| (of(*i) - middle).abs();
    let blank = (0..256).min_by(|a, b| far(a).total_cmp(&far(b)))?;
    let base = of(blank);
    if zero && base != 0.0 {
        return None;
    }
    let reach = (most - base).max(base - least);
    if reach == 0.0 {
        let none = Box::new([0; 256]);
        // Fine enough that rounding the base to steps is no matter.
        let step = (base.abs() / 65_536.0).max(1e-9);
        return Some(Digits { blank: blank as u8 as i8, base, step, high: none.clone(), low: none, off: 0.0 });
    }
    let finest = reach / f64::from(MOST);
    let off = |step: f64| (0..256).map(|i| ((of(i) - base) / step - ((of(i) - base) / step).round()).abs()).fold(0.0, f64::max);
    let parts = |scale: f32| (1..=128).map(move |n| f64::from(scale) / f64::from(n)).filter(move |&s| s >= finest);
    let steps = std::iter::once(finest).chain(grid.into_iter().flat_map(parts));
    let step = steps.min_by(|&a, &b| (off(a) * a).total_cmp(&(off(b) * b)))?;
    let whole = |i: usize| (((of(i) - base) / step).round() as i32).clamp(-MOST, MOST);
    // What is left is 127 at most either way.
    let upper = |v: i32| v.signum() * ((v.abs() + WORTH / 2 - 1) / WORTH);
    Some(Digits {
        blank: blank as u8 as i8,
        base,
        step,
        high: Box::new(std::array::from_fn(|i| upper(whole(i)) as i8)),
        low: Box::new(std::array::from_fn(|i| (whole(i) - WORTH * upper(whole(i))) as i8)),
        off: off(step),
    })
}

#[cfg(test)]
mod tests {
    use crate::onnx::fuse::digits::{WORTH, digits};

    /// A function of codes by `code as u8`.
    fn table(f: impl Fn(f32) -> f32) -> [f32; 256] {
        std::array::from_fn(|i| f(f32::from(i as u8 as i8) * 0.03))
    }

    #[test]
    fn two_digits_are_the_value_within_half_a_step() {
        for values in [table(f32::tanh), table(|x| 1.0 / (1.0 + (-x).exp())), table(f32::exp), table(|_| 0.7)] {
            let d = digits(&values, false, None).unwrap();
            let reach = values.iter().fold(0f32, |m, v| m.max(v.abs()));
            assert!(d.step <= f64::from(reach) / 16_000.0 || d.off == 0.0, "step {}", d.step);
            for i in 0..256 {
                let v = d.base + d.step * f64::from(WORTH * i32::from(d.high[i]) + i32::from(d.low[i]));
                assert!((v - f64::from(values[i])).abs() <= d.step * (0.5 + 1e-6), "{i}: {v} for {}", values[i]);
                assert!(d.low[i] != -128 && d.high[i] != -128, "{i}: beyond a digit");
            }
            let blank = usize::from(d.blank as u8);
            assert_eq!((d.high[blank], d.low[blank]), (0, 0));
        }
    }

    #[test]
    fn a_piecewise_linear_function_loses_nothing() {
        let leaky = table(|x| if x < 0.0 { 0.125 * x } else { x });
        assert!(digits(&leaky, true, Some(0.03)).unwrap().off < 1e-2);
    }

    #[test]
    fn a_base_of_zero_wants_a_code_whose_value_is_zero() {
        assert!(digits(&table(f32::tanh), true, None).is_some_and(|d| d.base == 0.0));
        assert!(digits(&table(f32::exp), true, None).is_none());
    }
}
