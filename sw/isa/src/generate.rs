// SPDX-License-Identifier: Apache-2.0
//! What is written from the tables: the Verilog header and the tables in docs/.

use crate::Unit;
use crate::config::CONFIGS;
use crate::ecc::{ADDRESS_BITS, Code, Field};
use crate::format::FORMATS;
use crate::latency::{Latency, max_loops};
use crate::regs::{ERRORS, EVENTS, ID_VALUE, IRQ_BITS, REGS, RRAM_STATUS_BITS, STATUS_BITS, UPLOAD_TARGETS};
use crate::rram::{COMMANDS, KEYS, RECORD_MAGIC, RECORDS, REFERENCES, RETRIES, WEAR_THRESHOLD};
use std::fmt::Write;

/// All tables as one text: what the fingerprint is taken of. Meanings are left out, so that
/// a better sentence does not make old images useless.
pub fn canonical_tables() -> String {
    let mut t = String::new();
    for format in FORMATS {
        for f in format.fields {
            let _ = writeln!(t, "field {}.{} {} {} {}", format.name, f.name, f.lsb, f.width, f.signed);
        }
    }
    for unit in Unit::ALL {
        let _ = writeln!(t, "unit {} {} {}", unit.name(), unit as u8, max_loops(unit));
    }
    for r in REGS {
        let _ = writeln!(t, "reg {} {:#x} {:?}", r.name, r.offset, r.access);
    }
    for (kind, bits) in [
        ("status", &STATUS_BITS[..]),
        ("rram_status", &RRAM_STATUS_BITS),
        ("irq", &IRQ_BITS),
        ("error", &ERRORS),
        ("event", &EVENTS),
    ] {
        for b in bits {
            let _ = writeln!(t, "{kind} {} {}", b.name, b.bit);
        }
    }
    for (code, name) in UPLOAD_TARGETS.iter().enumerate() {
        let _ = writeln!(t, "upload {name} {code}");
    }
    for data in [32, 64] {
        let code = Code::new(data);
        let columns: Vec<u32> =
            (0..data).map(|i| code.data_column(i)).chain((0..ADDRESS_BITS).map(|i| code.address_column(i))).collect();
        let _ = writeln!(t, "code {data} {columns:02x?}");
    }
    for data in [32, 64, 128] {
        let _ = writeln!(t, "bch {data} {:x?}", Field::over(data));
    }
    let _ = writeln!(t, "rram {RECORDS} {RETRIES} {WEAR_THRESHOLD} {KEYS:08x?} {RECORD_MAGIC:08x} {REFERENCES:?} {COMMANDS:?}");
    for c in CONFIGS {
        for (name, value, _) in c.parameters() {
            let _ = writeln!(t, "config {} {name} {value}", c.name);
        }
        for beats in [1, 2, 4] {
            if let Ok(c) = c.clone().with_weight_beats(beats) {
                for (name, value, _) in Latency::of(&c).table() {
                    let _ = writeln!(t, "latency {} {name} {value}", c.label());
                }
            }
        }
    }
    t
}

/// `rtl/include/systole_isa.vh`.
pub fn verilog_header() -> String {
    let mut t = String::from(
        "// SPDX-License-Identifier: Apache-2.0\n\
         // Written by `make gen` from sw/isa; do not edit.\n\
         // Bit ranges of instruction words, registers, sizes of the named configurations.\n\
         `ifndef SYSTOLE_ISA_VH\n`define SYSTOLE_ISA_VH\n\n",
    );
    let _ = writeln!(t, "`define SYSTOLE_FINGERPRINT 32'h{:08x}", crate::fingerprint());
    let _ = writeln!(t, "`define SYSTOLE_ID_VALUE 32'h{ID_VALUE:08x}\n");
    for unit in Unit::ALL {
        let _ = writeln!(t, "`define SYSTOLE_UNIT_{} 4'd{}", unit.name(), unit as u8);
        let _ = writeln!(t, "`define SYSTOLE_UNIT_{}_BIT {}", unit.name(), unit as u8);
    }
    for unit in [Unit::Matmul, Unit::Post, Unit::Load, Unit::Store, Unit::Lane] {
        let _ = writeln!(t, "`define SYSTOLE_LOOPS_{} {}", unit.name(), max_loops(unit));
    }
    for format in FORMATS {
        t.push('\n');
        for f in format.fields {
            let name = format!("{}_{}", format.name, f.name).to_uppercase();
            let _ = writeln!(t, "`define SYSTOLE_{name} {}:{}", f.lsb + f.width - 1, f.lsb);
            let _ = writeln!(t, "`define SYSTOLE_{name}_LSB {}", f.lsb);
        }
    }
    t.push('\n');
    for r in REGS {
        let _ = writeln!(t, "`define SYSTOLE_REG_{} 8'h{:02x}", r.name, r.offset);
    }
    t.push('\n');
    for (kind, bits) in [("STATUS", &STATUS_BITS[..]), ("RRAM_STATUS", &RRAM_STATUS_BITS), ("IRQ", &IRQ_BITS), ("ERROR", &ERRORS)]
    {
        for b in bits {
            let _ = writeln!(t, "`define SYSTOLE_{kind}_{} {}", b.name, b.bit);
        }
    }
    for e in EVENTS {
        let _ = writeln!(t, "`define SYSTOLE_EVENT_{} {}", e.name, e.bit);
    }
    for (code, name) in UPLOAD_TARGETS.iter().enumerate() {
        let _ = writeln!(t, "`define SYSTOLE_UPLOAD_{name} 3'd{code}");
    }
    t.push('\n');
    let n = CONFIGS[0].parameters().len();
    for p in 0..n {
        let name = CONFIGS[0].parameters()[p].0;
        let last = CONFIGS.len() - 1;
        let mut value = CONFIGS[last].parameters()[p].1.to_string();
        for c in CONFIGS[..last].iter().rev() {
            value = format!("(id) == {} ? {} : {value}", c.id, c.parameters()[p].1);
        }
        let _ = writeln!(t, "`define SYSTOLE_CFG_{name}(id) ({value})");
    }
    t.push_str("\n// The RRAM code (sw/isa, ecc.rs): column of each data bit and address bit, 8 bits each, bit 0 lowest.\n");
    for data in [32, 64] {
        let code = Code::new(data);
        let address = (0..ADDRESS_BITS).rev().map(|i| code.address_column(i));
        let columns = address.chain((0..data).rev().map(|i| code.data_column(i)));
        let digits: String = columns.map(|c| format!("{c:02x}")).collect();
        let _ = writeln!(t, "`define SYSTOLE_ECC{data}_COLUMNS {}'h{digits}", 8 * (data + ADDRESS_BITS));
    }
    t.push_str(
        "\n// DEC-TED: check bits of each data bit and address bit, 20 bits each, bit 0 lowest; the field's polynomial;\n\
         // {X^3, X} of data, address and check bits, 8 bits each.\n",
    );
    for data in [32, 64, 128] {
        let (code, field) = (Code::dec_ted(data), Field::over(data));
        let address = (0..ADDRESS_BITS).rev().map(|i| code.address_column(i));
        let columns = address.chain((0..data).rev().map(|i| code.data_column(i)));
        let digits: String = columns.map(|c| format!("{c:05x}")).collect();
        let _ = writeln!(t, "`define SYSTOLE_BCH{data}_COLUMNS {}'h{digits}", 20 * (data + ADDRESS_BITS));
        let _ = writeln!(t, "`define SYSTOLE_BCH{data}_FIELD 9'h{:03x}", field.polynomial);
        // Coefficient n of a word stands for x^n: check bits first, then data and address.
        let check = 2 * field.bits;
        let powers = (0..check).rev().chain((check..check + data + ADDRESS_BITS).rev());
        let digits: String = powers.map(|n| format!("{:02x}{:02x}", field.power(3 * n), field.power(n))).collect();
        let _ = writeln!(t, "`define SYSTOLE_BCH{data}_PLACES {}'h{digits}", 16 * (check + data + ADDRESS_BITS));
    }
    t.push_str(
        "// Check bits of a word of cols bytes, in use, and stored in beats equal parts.\n\
         `define SYSTOLE_ECC_BITS(ecc, cols) ((ecc) == 0 ? ((cols) < 8 ? 8 : (cols)) : \
         (cols) == 4 ? 13 : (cols) == 8 ? 15 : (cols) == 16 ? 17 : 34)\n\
         `define SYSTOLE_ECC_CHECK(ecc, cols, beats) \
         ((`SYSTOLE_ECC_BITS(ecc, cols) + (beats) - 1) / (beats) * (beats))\n",
    );
    t.push_str("\n// The RRAM (sw/isa, rram.rs).\n");
    for (name, value) in [("RECORDS", RECORDS), ("RETRIES", RETRIES), ("WEAR_THRESHOLD", WEAR_THRESHOLD)] {
        let _ = writeln!(t, "`define SYSTOLE_RRAM_{name} {value}");
    }
    for (name, value) in [("KEY_1", KEYS[0]), ("KEY_2", KEYS[1]), ("RECORD_MAGIC", RECORD_MAGIC)] {
        let _ = writeln!(t, "`define SYSTOLE_RRAM_{name} 32'h{value:08x}");
    }
    for (code, name) in REFERENCES.iter().enumerate() {
        let _ = writeln!(t, "`define SYSTOLE_REF_{name} 3'd{code}");
    }
    for (code, name) in COMMANDS.iter().enumerate() {
        let _ = writeln!(t, "`define SYSTOLE_RRAM_{name} 3'd{}", code + 1);
    }
    t.push_str(
        "`define SYSTOLE_RRAM_TABLE_LINES(depth, rows, cols) (2 * (depth) / ((rows) * (cols)))\n\
         `define SYSTOLE_RRAM_RECORD_LINES(rows, cols) ((rows) * (cols) < 64 ? 64 / ((rows) * (cols)) : 1)\n\
         `define SYSTOLE_RRAM_SLOT_LINES(depth, rows, cols) ((depth) / 2 - `SYSTOLE_RRAM_TABLE_LINES(depth, rows, cols) \
         - `SYSTOLE_RRAM_RECORDS / 2 * `SYSTOLE_RRAM_RECORD_LINES(rows, cols))\n\
         `define SYSTOLE_RRAM_SPARES(depth) ((depth) / 64)\n",
    );
    t.push_str(
        "\n// Latencies, as functions of the sizes (sw/isa, latency.rs).\n\
         `define SYSTOLE_X_STAGES(cols) ((cols) > 16 ? 1 : 0)\n\
         `define SYSTOLE_W_LEAD(ways, beats) ((ways) + (beats) + 2)\n\
         `define SYSTOLE_L(rows, cols) ((rows) + 16 + `SYSTOLE_X_STAGES(cols))\n\n`endif\n",
    );
    t
}

fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut t = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let _ = writeln!(t, "| {} |", row.join(" | "));
    }
    t
}

/// The generated tables by marker name; in a document they stand between
/// `<!-- gen:NAME -->` and `<!-- /gen -->`.
pub fn doc_tables() -> Vec<(String, String)> {
    let mut out = Vec::new();
    for format in FORMATS {
        let rows = format
            .fields
            .iter()
            .map(|f| {
                let bits = if f.width == 1 { f.lsb.to_string() } else { format!("{}:{}", f.lsb + f.width - 1, f.lsb) };
                vec![bits, format!("`{}`", f.name), if f.signed { "signed" } else { "" }.into(), f.doc.into()]
            })
            .collect();
        out.push((format!("format-{}", format.name), table(&["bits", "field", "", "meaning"], rows)));
    }
    let regs = REGS
        .iter()
        .map(|r| {
            let access = format!("{:?}", r.access).to_uppercase();
            vec![format!("0x{:02x}", r.offset), format!("`{}`", r.name), access, r.doc.into()]
        })
        .collect();
    out.push(("registers".into(), table(&["offset", "register", "access", "meaning"], regs)));
    for (name, bits) in [
        ("status", &STATUS_BITS[..]),
        ("rram-status", &RRAM_STATUS_BITS),
        ("irq", &IRQ_BITS),
        ("errors", &ERRORS),
        ("events", &EVENTS),
    ] {
        let rows = bits.iter().map(|b| vec![b.bit.to_string(), format!("`{}`", b.name), b.doc.into()]).collect();
        out.push((
            name.into(),
            table(
                &[
                    match name {
                        "errors" => "code",
                        "events" => "number",
                        _ => "bit",
                    },
                    "name",
                    "meaning",
                ],
                rows,
            ),
        ));
    }
    let mut head = vec!["parameter"];
    head.extend(CONFIGS.iter().map(|c| c.name));
    head.push("unit and meaning");
    let all: Vec<_> = CONFIGS.iter().map(|c| c.parameters()).collect();
    let rows = (0..all[0].len())
        .map(|p| {
            let mut row = vec![format!("`{}`", all[0][p].0)];
            row.extend(all.iter().map(|c| c[p].1.to_string()));
            row.push(all[0][p].2.into());
            row
        })
        .collect();
    out.push(("configurations".into(), table(&head, rows)));
    let mut head = vec!["latency".to_string()];
    let mut columns = Vec::new();
    for c in CONFIGS {
        for beats in if c.name == "base" { &[1, 2, 4][..] } else { &[1][..] } {
            let c = c.clone().with_weight_beats(*beats).expect("legal");
            head.push(c.label());
            columns.push(Latency::of(&c).table());
        }
    }
    head.push("meaning".into());
    let rows = (0..columns[0].len())
        .map(|i| {
            let mut row = vec![format!("`{}`", columns[0][i].0)];
            row.extend(columns.iter().map(|c| c[i].1.to_string()));
            row.push(columns[0][i].2.into());
            row
        })
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    out.push(("latencies".into(), table(&head, rows)));
    out
}

/// `document` with every generated table replaced by its present text.
///
/// # Errors
/// The name of a marker that no table has, or that is not closed.
pub fn refresh(document: &str) -> Result<String, String> {
    let tables = doc_tables();
    let mut out = String::new();
    let mut rest = document;
    while let Some(at) = rest.find("<!-- gen:") {
        let after = &rest[at + 9..];
        let close = after.find(" -->").ok_or("marker without an end")?;
        let name = &after[..close];
        let text = &tables.iter().find(|(n, _)| n == name).ok_or(format!("no table '{name}'"))?.1;
        let end = after.find("<!-- /gen -->").ok_or(format!("'{name}' has no <!-- /gen -->"))?;
        out.push_str(&rest[..at]);
        let _ = write!(out, "<!-- gen:{name} -->\n{text}<!-- /gen -->");
        rest = &after[end + 13..];
    }
    out.push_str(rest);
    Ok(out)
}
