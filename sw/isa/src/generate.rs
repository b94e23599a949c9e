// SPDX-License-Identifier: Apache-2.0
//! What is written from the tables: the Verilog and C headers, the registers in SystemRDL, and the tables in docs/.

mod c;
mod lists;
mod rdl;

pub use c::c_header;
pub use rdl::{rdl, rdl_parameters};

use crate::Unit;
use crate::config::{CONFIGS, OWN};
use crate::ecc::{ADDRESS_BITS, Code, Field};
use crate::fields::{RegField, Reset, fields};
use crate::format::FORMATS;
use crate::latency::{LATENCIES, Latency, max_loops};
use crate::regs::{ERRORS, EVENTS, ID_VALUE, IRQ_BITS, REGS, RRAM_STATUS_BITS, Reg, STATUS_BITS, UPLOAD_TARGETS};
use crate::rram::{COMMANDS, KEYS, RECORD_MAGIC, RECORDS, REFERENCES, RETRIES, TURN_THRESHOLD, WEAR_THRESHOLD};
use crate::{board, ports, rram_engine};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

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
    // The program of the RRAM controller: a chip with another policy is another machine.
    let program = rram_engine::program().unwrap_or_else(|e| panic!("{e}"));
    let words: Vec<u32> = program.iter().map(|line| line.word.encode()).collect();
    let _ = writeln!(t, "rram_program {} {words:08x?}", rram_engine::ROM_WORDS);
    for c in CONFIGS {
        for (name, value, _) in c.parameters() {
            let _ = writeln!(t, "config {} {name} {value}", c.name);
        }
        for beats in [1, 2, 4] {
            if let Ok(c) = c.clone().with_weight_beats(beats) {
                for (name, value, _) in Latency::table(&c) {
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
    for unit in [Unit::Matmul, Unit::Post, Unit::Load, Unit::Store, Unit::Lane, Unit::Vector, Unit::Scalar] {
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
        let _ = writeln!(t, "`define SYSTOLE_REG_{} 9'h{:03x}", r.name, r.offset);
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
        // Sizes of one's own: -DSYSTOLE_OWN_ROWS=8 and so on.
        let own = CONFIGS[0].parameters()[p].1;
        let _ = writeln!(t, "`ifndef SYSTOLE_OWN_{name}\n`define SYSTOLE_OWN_{name} {own}\n`endif");
        let _ = writeln!(t, "`define SYSTOLE_CFG_{name}(id) ((id) == {OWN} ? `SYSTOLE_OWN_{name} : {value})");
    }
    t.push_str(
        "\n// The codes of RRAM words (sw/isa, ecc.rs). SECDED. COLUMNS: of each data bit, 8 bits each, bit 0 lowest. CHECK: for\n\
         // each of 8 check bits a row of the {address, data} bits in it, row 0 lowest.\n",
    );
    let literal = |bits: Vec<bool>| {
        let digit = |d: &[bool]| d.iter().rev().fold(0, |n, &b| n << 1 | u32::from(b));
        let digits: String = bits.chunks(4).rev().map(|d| format!("{:x}", digit(d))).collect();
        format!("{}'h{digits}", bits.len())
    };
    for data in [32, 64] {
        let code = Code::new(data);
        let columns: Vec<u32> = (0..data).map(|i| code.data_column(i)).collect();
        let address = (0..ADDRESS_BITS).map(|i| code.address_column(i));
        let all: Vec<u32> = columns.iter().copied().chain(address).collect();
        let bits = columns.iter().flat_map(|c| (0..8).map(move |r| c >> r & 1 == 1)).collect();
        let _ = writeln!(t, "`define SYSTOLE_ECC{data}_COLUMNS {}", literal(bits));
        let rows = (0..8).flat_map(|r| all.iter().map(move |c| c >> r & 1 == 1)).collect();
        let _ = writeln!(t, "`define SYSTOLE_ECC{data}_CHECK {}", literal(rows));
    }
    t.push_str(
        "\n// DEC-TED. CHECK: for each check bit a row of the {address, data} bits in it. SUMS: for each bit of the sum of X, then\n\
         // of X^3, a row of {check, address, data}. LEFT: for each data bit and check bit a matrix, for each bit of\n\
         // S1 X^2 + S1^2 X a row of S1. Row 0 lowest. FIELD: the polynomial.\n",
    );
    for data in [32, 64, 128] {
        let (code, field) = (Code::dec_ted(data), Field::over(data));
        let (m, check) = (field.bits, 2 * field.bits);
        let mut define = |name: &str, bits: Vec<bool>| {
            let _ = writeln!(t, "`define SYSTOLE_BCH{data}_{name} {}", literal(bits));
        };
        let columns: Vec<u32> = (0..data).map(|i| code.data_column(i)).chain((0..16).map(|i| code.address_column(i))).collect();
        define("CHECK", (0..=check).flat_map(|r| columns.iter().map(move |c| c >> r & 1 == 1)).collect());
        // Coefficient n of a word stands at X = x^n: check bits first, then data and address.
        let places: Vec<u32> = (check..check + data + ADDRESS_BITS).chain(0..check).map(|n| field.power(n)).collect();
        let cube = |x: u32| field.times(x, field.times(x, x));
        let sums = |r: u32| places.iter().map(move |&x| if r < m { x >> r & 1 == 1 } else { cube(x) >> (r - m) & 1 == 1 });
        define("SUMS", (0..check).flat_map(sums).collect());
        let left = |x: u32, s: u32| field.times(s, field.times(x, x)) ^ field.times(field.times(s, s), x);
        let stored = places[..data as usize].iter().chain(&places[(data + ADDRESS_BITS) as usize..]);
        let rows = stored.flat_map(|&x| (0..m).flat_map(move |r| (0..m).map(move |j| left(x, 1 << j) >> r & 1 == 1)));
        define("LEFT", rows.collect());
        let _ = writeln!(t, "`define SYSTOLE_BCH{data}_FIELD 9'h{:03x}", field.polynomial);
    }
    t.push_str(
        "// Check bits of a word of cols bytes, in use, and stored in beats equal parts.\n\
         `define SYSTOLE_ECC_BITS(ecc, cols) ((ecc) == 0 ? ((cols) < 8 ? 8 : (cols)) : \
         (cols) == 4 ? 13 : (cols) == 8 ? 15 : (cols) == 16 ? 17 : 34)\n\
         `define SYSTOLE_ECC_CHECK(ecc, cols, beats) \
         ((`SYSTOLE_ECC_BITS(ecc, cols) + (beats) - 1) / (beats) * (beats))\n",
    );
    t.push_str("\n// The RRAM (sw/isa, rram.rs).\n");
    for (name, value) in
        [("RECORDS", RECORDS), ("RETRIES", RETRIES), ("WEAR_THRESHOLD", WEAR_THRESHOLD), ("TURN_THRESHOLD", TURN_THRESHOLD)]
    {
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
    let _ = writeln!(t, "\n// What the program of the RRAM controller reaches by number (sw/isa, rram_engine).");
    for (kind, width, names) in
        [("GET", 5, &rram_engine::INPUTS[..]), ("PUT", 5, &rram_engine::OUTPUTS[..]), ("DO", 4, &rram_engine::VERBS[..])]
    {
        for (n, name) in names.iter().enumerate() {
            let _ = writeln!(t, "`define SYSTOLE_{kind}_{name} {width}'d{n}");
        }
    }
    let _ = writeln!(t, "\n// Frames between a board and its host (sw/isa, board.rs).");
    for names in [&board::OPERATIONS[..], &board::RESULTS[..]] {
        for (n, name) in names.iter().enumerate() {
            let _ = writeln!(t, "`define SYSTOLE_BOARD_{name} 8'd{n}");
        }
    }
    let _ = writeln!(t, "`define SYSTOLE_BOARD_MAGIC 32'h{:08x}", board::MAGIC);
    let _ = writeln!(t, "`define SYSTOLE_BOARD_BOOT_MAGIC 32'h{:08x}", board::BOOT_MAGIC);
    let _ = writeln!(t, "`define SYSTOLE_BOARD_PAYLOAD {}", board::PAYLOAD);
    t.push_str("\n// First values of the reciprocals (docs/arithmetic.md, F24), 16 bits each, entry 0 lowest.\n");
    for (name, table) in [("RECIP", crate::f24::recip_table()), ("RSQRT", crate::f24::rsqrt_table())] {
        let digits: String = table.iter().rev().map(|v| format!("{v:04x}")).collect();
        let _ = writeln!(t, "`define SYSTOLE_{name}_TABLE 4096'h{digits}");
    }
    t.push_str("\n// Latencies, as functions of the sizes (sw/isa, latency.rs); groups: cycles that POST takes for a vector;\n// lanes: those of the vector unit.\n");
    for (name, rule, _) in LATENCIES {
        let _ = writeln!(t, "{}", rule.macro_of(name));
    }
    t.push_str("\n`endif\n");
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
    out.push(("fields".into(), table(&["register", "bits", "field", "after reset", "meaning"], field_rows())));
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
            columns.push(Latency::table(&c));
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
    out.extend(engine_tables());
    out
}

/// Fields of the registers that have more than one, or one that is not all of it, and that have no table of their own.
fn field_rows() -> Vec<Vec<String>> {
    let tables = ["STATUS", "RRAM_STATUS", "IRQ_STATUS", "IRQ_ENABLE"];
    let shown = |reg: &&Reg| !tables.contains(&reg.name) && fields(reg).iter().any(|f| f.width != 32);
    let row = |reg: &Reg, f: &RegField| {
        let bits = if f.width == 1 { f.lsb.to_string() } else { format!("{}:{}", f.lsb + f.width - 1, f.lsb) };
        let reset = match f.reset {
            Reset::Value(value) => value.to_string(),
            Reset::Size(name) => format!("`{name}`"),
            Reset::Id => "`CONFIG`".into(),
            Reset::Fingerprint | Reset::Latency | Reset::Live => "".into(),
        };
        let doc = if f.doc.is_empty() { "see above" } else { f.doc };
        vec![format!("`{}`", reg.name), bits, format!("`{}`", f.name), reset, doc.into()]
    };
    REGS.iter().filter(shown).flat_map(|reg| fields(reg).iter().map(|f| row(reg, f)).collect::<Vec<_>>()).collect()
}

/// The files that are written, by their paths from the root of the project: from the tables, and lists of files from `rtl/systole.f`.
///
/// # Errors
/// A list or folder that cannot be read.
pub fn files(root: &Path) -> io::Result<Vec<(&'static str, String)>> {
    let list = std::fs::read_to_string(root.join("rtl/systole.f"))?;
    let headers = std::fs::read_dir(root.join("rtl/include"))?.map(|e| Ok(e?.file_name().to_string_lossy().into_owned()));
    let mut headers = headers.collect::<io::Result<Vec<_>>>()?;
    headers.sort();
    let mut files = vec![
        ("rtl/include/systole_isa.vh", verilog_header()),
        ("rtl/include/systole_rram_rom.vh", rom_header()),
        ("rtl/systole.rdl", rdl(&CONFIGS[3])),
        ("sw/c/include/systole_regs.h", c_header()),
    ];
    files.extend(lists::lists(&list, &headers));
    Ok(files)
}

/// The ROM of the RRAM engine: words with their parity bits on top, as assignments to `rom`.
pub fn rom_header() -> String {
    let mut t = String::from(
        "// SPDX-License-Identifier: Apache-2.0\n\
         // The program of the RRAM controller, written by `make gen` from sw/isa/src/rram_engine/program.s.\n",
    );
    let lines = rram_engine::program().unwrap_or_else(|e| panic!("{e}"));
    for (at, line) in lines.iter().enumerate() {
        let word = line.word.encode();
        let bits = u64::from(rram_engine::parity(at as u32, word)) << 32 | u64::from(word);
        let labels: String = line.labels.iter().map(|l| format!("{l}: ")).collect();
        let _ = writeln!(t, "rom[{at}] = 33'h{bits:09x}; // {labels}{}", line.text);
    }
    for at in lines.len()..rram_engine::ROM_WORDS {
        let _ = writeln!(t, "rom[{at}] = 33'h{:09x};", u64::from(rram_engine::parity(at as u32, 0)) << 32);
    }
    t
}

/// The RRAM engine's names and its program.
fn engine_tables() -> Vec<(String, String)> {
    let names = |title: &str, names: &[&str]| {
        let list: Vec<String> = names.iter().enumerate().map(|(n, name)| format!("{n} `{name}`")).collect();
        vec![title.to_string(), list.join(", ")]
    };
    let rows = vec![
        names("`get`", &rram_engine::INPUTS),
        names("`put`", &rram_engine::OUTPUTS),
        names("`do`", &rram_engine::VERBS),
        names("where words of a walk go", &rram_engine::SINKS),
    ];
    let program = rram_engine::program().map_or_else(|e| e.to_string(), |lines| rram_engine::listing(&lines));
    vec![
        ("rram-engine-names".into(), table(&["", "number and name"], rows)),
        ("rram-program".into(), format!("```\n{program}```\n")),
    ]
}

/// The tables of all ports of `rtl`, `ports-NAME` each. A technology's variant of a module has its ports.
///
/// # Errors
/// As [`crate::ports::modules`], and a variant that has other ports.
pub fn port_tables(rtl: &Path) -> io::Result<Vec<(String, String)>> {
    let mut tables: Vec<(String, String, Vec<ports::Line>)> = vec![];
    for module in ports::modules(rtl)? {
        let name = format!("ports-{}", module.name);
        let text = ports::table(&module);
        match tables.iter_mut().find(|t| t.0 == name) {
            None => tables.push((name, text, module.lines)),
            Some(other) if other.2 != module.lines => {
                return Err(io::Error::other(format!(
                    "{}: its ports are not those of the module it stands for",
                    module.path.display()
                )));
            }
            Some(other) if !module.path.components().any(|c| c.as_os_str() == "ecp5") => other.1 = text,
            Some(_) => (),
        }
    }
    Ok(tables.into_iter().map(|t| (t.0, t.1)).collect())
}

/// Documents with generated tables, of `docs` and of its folders.
///
/// # Errors
/// A folder that cannot be read.
pub fn documents(docs: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![];
    for entry in std::fs::read_dir(docs)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(documents(&path)?);
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// `document` with every generated table replaced by its present text, those of `more` too.
///
/// # Errors
/// The name of a marker that no table has, or that is not closed.
pub fn refresh(document: &str, more: &[(String, String)]) -> Result<String, String> {
    let tables = doc_tables();
    let mut out = String::new();
    let mut rest = document;
    while let Some(at) = rest.find("<!-- gen:") {
        let after = &rest[at + 9..];
        let close = after.find(" -->").ok_or("marker without an end")?;
        let name = &after[..close];
        let text = &tables.iter().chain(more).find(|(n, _)| n == name).ok_or(format!("no table '{name}'"))?.1;
        let end = after.find("<!-- /gen -->").ok_or(format!("'{name}' has no <!-- /gen -->"))?;
        out.push_str(&rest[..at]);
        let _ = write!(out, "<!-- gen:{name} -->\n{text}<!-- /gen -->");
        rest = &after[end + 13..];
    }
    out.push_str(rest);
    Ok(out)
}
