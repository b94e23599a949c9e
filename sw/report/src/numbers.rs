// SPDX-License-Identifier: Apache-2.0
//! Numbers as people write them, on axes and in text.

/// A number with thousands apart: `50,566`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

/// A number at an axis: six digits at most, without zeros at its end and without the error of binary fractions (`0.6`, not
/// `0.6000000000000001`); a thousand and more in groups, very large and very small ones with an exponent (`1e-9`).
pub fn label(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..9).contains(&magnitude) {
        let text = format!("{value:.5e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(digits));
    }
    let text = format!("{:.*}", (5 - magnitude).max(0) as usize, value.abs());
    let text = trimmed(&text);
    let (whole, rest) = text.split_once('.').map_or((text, None), |(w, r)| (w, Some(r)));
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = whole.parse().map_or_else(|_| whole.to_string(), grouped);
    rest.map_or(format!("{sign}{whole}"), |r| format!("{sign}{whole}.{r}"))
}

/// Without zeros at the end of a fraction.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Where an axis from 0 to `end` has its marks: about `about` of them, at 1, 2 or 5 times a power of ten.
pub fn ticks(end: f64, about: usize) -> Vec<f64> {
    if end <= 0.0 || !end.is_finite() {
        return vec![0.0];
    }
    let rough = end / about.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough).unwrap_or(10.0 * power);
    (0..=(end / step + 1e-9) as u64).map(|n| n as f64 * step).collect()
}

/// A number with `digits` behind the point, its thousands apart.
pub fn fixed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), String::new()), |(w, r)| (w, format!(".{r}")));
    whole.parse().map_or(text.clone(), |w| grouped(w) + &rest)
}

/// Three digits that say something: `0.84`, `50.6`, `1,515`.
pub fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.1 || v == 0.0 => 2,
        _ => return label(value),
    };
    fixed(value, digits)
}

/// A text of `width` characters at most: of a longer one its beginning and its end.
pub fn clip(text: &str, width: usize) -> String {
    let all: Vec<char> = text.chars().collect();
    if all.len() <= width {
        return text.to_string();
    }
    let head = (width * 3 / 5).min(width.saturating_sub(1));
    let tail = all.len() - width.saturating_sub(head + 1);
    all[..head].iter().chain(&['…']).chain(&all[tail..]).collect()
}

/// What stands on a bar of a numbered part that has room for `room` characters: number and name, or the number alone; nothing where
/// not even that has room.
pub fn on_bar(number: Option<usize>, name: &str, room: usize) -> String {
    let number = number.map_or(String::new(), |n| n.to_string());
    let all = if number.is_empty() { name.to_string() } else { format!("{number} {name}") };
    let count = all.chars().count();
    if count <= room {
        all
    } else if room >= number.len() + 6 {
        all.chars().take(room - 1).chain(['…']).collect()
    } else if number.len() <= room {
        number
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_as_people_write_numbers() {
        let sum = 0.1 + 0.2;
        for (value, text) in [
            (0.0, "0"),
            (3.0 * 0.2, "0.6"),
            (sum, "0.3"),
            (-sum, "-0.3"),
            (1.0, "1"),
            (20.0, "20"),
            (0.001, "0.001"),
            (12_345.0, "12,345"),
            (-1_000_000.0, "-1,000,000"),
            (0.123_456_789, "0.123457"),
            (1e-9, "1e-9"),
            (2.5e-6, "2.5e-6"),
            (3e12, "3e12"),
        ] {
            assert_eq!(label(value), text, "{value}");
        }
        // Whatever marks an axis has.
        for n in 1..200 {
            for step in [0.1, 0.2, 0.5, 0.03, 7e-4] {
                assert!(label(f64::from(n) * step).len() <= 8, "{}", label(f64::from(n) * step));
            }
        }
    }

    #[test]
    fn marks_of_an_axis_are_round_and_within_it() {
        assert_eq!(ticks(84.0, 5), [0.0, 20.0, 40.0, 60.0, 80.0]);
        assert_eq!(ticks(50_566.0, 6), [0.0, 10_000.0, 20_000.0, 30_000.0, 40_000.0, 50_000.0]);
        assert_eq!(ticks(1.0, 5).len(), 6);
        assert_eq!(ticks(0.0, 5), [0.0]);
    }

    #[test]
    fn numbers_in_text() {
        assert_eq!((short(0.84), short(50.566), short(1_515_444.2)), ("0.84".into(), "50.6".into(), "1,515,444".into()));
        assert_eq!(clip("resnet/conv1/quant", 8), "resn…ant");
        assert_eq!(clip("conv1", 8), "conv1");
        let bar = |room| on_bar(Some(12), "conv1/quant", room);
        assert_eq!((bar(14), bar(9), bar(7), bar(1)), ("12 conv1/quant".into(), "12 conv1…".into(), "12".into(), String::new()));
        assert_eq!(fixed(12_345.678, 1), "12,345.7");
    }
}
