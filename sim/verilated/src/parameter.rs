// SPDX-License-Identifier: Apache-2.0
//! Values of parameters, as Verilator's `-G` understands them.

/// The literal for a value: Verilator takes unsized numbers for 32 bits and drops what is above. `None` where it is none.
pub(crate) fn literal(text: &str) -> Option<String> {
    match text {
        "true" => return Some("1'b1".into()),
        "false" => return Some("1'b0".into()),
        _ => {}
    }
    if let Some(inside) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        let plain = !inside.is_empty() && !inside.contains(['"', '\\', '\n', '\r', '\0']);
        return plain.then(|| text.into());
    }
    let (minus, number) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    if !number.starts_with(|c: char| c.is_ascii_digit() || c == '\'') {
        return None;
    }
    if let Some((size, digits)) = number.split_once('\'') {
        return sized(size, digits).then(|| text.into());
    }
    let digits: String = number.chars().filter(|&c| c != '_').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return digits.parse::<f64>().ok().filter(|v| v.is_finite()).map(|_| format!("{minus}{digits}"));
    }
    let value: u128 = digits.parse().ok()?;
    let bits = 128 - value.leading_zeros();
    Some(if minus.is_empty() {
        match bits {
            0..=31 => value.to_string(),
            32 => format!("32'd{value}"),
            33..=64 => format!("64'd{value}"),
            _ => format!("128'h{value:x}"),
        }
    } else {
        match value {
            0..=0x7fff_ffff => format!("-{value}"),
            // The two's complement: a signed literal of its own size, so that wider parameters get its sign.
            0x8000_0000 => "32'sh80000000".into(),
            0x8000_0001..=0x8000_0000_0000_0000 => format!("64'sh{:x}", (value as u64).wrapping_neg()),
            _ if value <= 1 << 127 => format!("128'sh{:x}", value.wrapping_neg()),
            _ => return None,
        }
    })
}

/// `8'hff`, `'d12`, `16'sb0000_1111`: its size and what follows the quote.
fn sized(size: &str, rest: &str) -> bool {
    let rest = rest.strip_prefix(['s', 'S']).unwrap_or(rest);
    let mut rest = rest.chars();
    let radix = match rest.next() {
        Some('b' | 'B') => 2,
        Some('o' | 'O') => 8,
        Some('d' | 'D') => 10,
        Some('h' | 'H') => 16,
        _ => return false,
    };
    let digits = rest.as_str();
    size.chars().all(|c| c.is_ascii_digit() || c == '_')
        && digits.contains(|c| c != '_')
        && digits.chars().all(|c| c == '_' || c.is_digit(radix) || (radix != 10 && "xXzZ?".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_literal_that_keeps_its_bits_or_none() {
        for (value, expected) in [
            ("5", "5"),
            ("2147483647", "2147483647"),
            ("2147483648", "32'd2147483648"),
            ("4_294_967_296", "64'd4294967296"),
            ("18446744073709551616", "128'h10000000000000000"),
            ("-1", "-1"),
            ("-2147483648", "32'sh80000000"),
            ("-2147483649", "64'shffffffff7fffffff"),
            ("-170141183460469231731687303715884105728", "128'sh80000000000000000000000000000000"),
            ("true", "1'b1"),
            ("false", "1'b0"),
            ("256'hff_00", "256'hff_00"),
            ("'b1", "'b1"),
            ("1.5", "1.5"),
            ("-2e3", "-2e3"),
            ("\"abc d\"", "\"abc d\""),
        ] {
            assert_eq!(literal(value).as_deref(), Some(expected), "{value}");
        }
        let big = "9".repeat(60);
        for wrong in
            ["", "abc", "\"a\"b\"", "\"", "\"\"", "8'q1", "8'h", "1 + 2", "W", "inf", "NaN", "--1", "8'd1x", &big, "0x10"]
        {
            assert_eq!(literal(wrong), None, "{wrong}");
        }
    }
}
