// SPDX-License-Identifier: Apache-2.0
//! The functional points: what a chip's host must have done and seen, made of the tables of `sw/isa`. They are recorded by
//! `systole_chip::watch` and by the bus models of the harness, in whatever test runs.

use std::collections::BTreeSet;
use systole_chip::watch::{HEADERS, class, edges};
use systole_isa::field::{Field, Format};
use systole_isa::format::{LOOP, ROW};
use systole_isa::regs::{Access, ERRORS, IRQ_BITS, REGS, RRAM_STATUS_BITS, STATUS_BITS, UPLOAD_TARGETS};

/// Legal values of a field that is a choice (docs/isa.md).
fn choices(format: &Format, field: &Field) -> std::ops::RangeInclusive<i64> {
    match (format.name, field.name) {
        ("row", "unit") => 0..=9,
        ("matmul", "loops") => 1..=7,
        ("lane", "loops") => 1..=5,
        ("scalar", "loops") => 1..=2,
        ("scrub", "loops") => 0..=0,
        (_, "loops") => 1..=4,
        ("post", "dest") | (_, "op") | (_, "add") => 0..=4,
        ("post", "mode") => 0..=0,
        ("vector_ops", "dest") => 0..=6,
        ("vector_ops", "src") => 0..=1,
        _ => 0..=(1 << field.width) - 1,
    }
}

/// A value of each class of a field.
fn samples(format: &Format, field: &Field) -> Vec<i64> {
    let zero = class(format, field, 0);
    if zero.ends_with("= 0") {
        return choices(format, field).collect();
    }
    if field.signed { vec![-1, 0, 1] } else { vec![0, 1] }
}

/// Every point, by name.
pub fn declared() -> BTreeSet<String> {
    let mut points = BTreeSet::new();
    let formats = HEADERS.iter().flat_map(|(_, first, second)| std::iter::once(*first).chain(*second));
    for format in [&ROW, &LOOP].into_iter().chain(formats) {
        for field in format.fields {
            points.extend(samples(format, field).into_iter().map(|value| class(format, field, value)));
        }
    }
    for (_, format, _) in HEADERS.iter().filter(|h| !["scrub", "scalar"].contains(&h.1.name)) {
        points.extend(edges(4, 4).iter().map(|(edge, _)| format!("steps of {} {edge}", format.name)));
    }
    for reg in &REGS {
        points.insert(format!("register {} read", reg.name));
        let refuses = reg.access == Access::Ro;
        points.insert(if refuses {
            format!("register {} refuses a write", reg.name)
        } else {
            format!("register {} written", reg.name)
        });
    }
    for access in ["read", "write"] {
        points.insert(format!("hole {access} refused"));
    }
    let bits =
        [("STATUS", &STATUS_BITS[..]), ("RRAM_STATUS", &RRAM_STATUS_BITS), ("IRQ_STATUS", &IRQ_BITS), ("IRQ_ENABLE", &IRQ_BITS)];
    for (register, table) in bits {
        points.extend(table.iter().flat_map(|bit| [0, 1].map(|v| format!("bit {register}.{} = {v}", bit.name))));
    }
    points.extend(ERRORS.iter().map(|e| format!("error {}", e.name)));
    points.extend(UPLOAD_TARGETS.iter().map(|target| format!("upload {target}")));
    points.extend((1..=4).map(|n| format!("command {n}")));
    points.extend([1, 2, 4].map(|beats| format!("machine WEIGHT_BEATS {beats}")));
    for name in ["ECC", "RRAM_CTRL", "RESIDUAL", "EVENTS", "PRODUCT", "WEIGHT_ZERO"] {
        points.extend([0, 1].map(|v| format!("machine {name} {v}")));
    }
    points.extend(["right", "corrected", "uncorrectable"].map(|outcome| format!("words {outcome}")));
    for stream in ["s_axis_img", "s_axis_in", "m_axis_out"] {
        points.extend(["source", "sink"].map(|side| format!("stream {stream} waits for its {side}")));
    }
    points
}

/// The group of a point, its first word; of a field, the format too.
pub fn group(point: &str) -> String {
    let mut words = point.split(' ');
    match (words.next(), words.next()) {
        (Some("field"), Some(field)) => format!("fields of {}", field.split('.').next().unwrap_or(field)),
        (Some("steps"), _) => "steps of the innermost loop".into(),
        (Some(kind @ ("state" | "arc")), Some(module)) => format!("{kind}s of {module}"),
        (Some(kind), _) => match kind {
            "bit" => "bits of registers".into(),
            "words" => "words of RRAM".into(),
            "machine" => "machines".into(),
            _ => format!("{kind}s"),
        },
        _ => point.into(),
    }
}
