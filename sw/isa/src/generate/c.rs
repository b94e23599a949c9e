// SPDX-License-Identifier: Apache-2.0
//! `sw/c/include/systole_regs.h`: registers and images for a driver in C.

use crate::config::{CONFIGS, OWN};
use crate::fields::{Reset, fields, says};
use crate::image::{HEADER, MAGIC, SECTION_BYTES, VERSION};
use crate::regs::{ERRORS, EVENTS, REGS, Reg, SPACE, UPLOAD_TARGETS};
use crate::rram::{COMMANDS, KEYS, RECORD_MAGIC, RECORD_WORDS, RECORDS};

/// What all machines hold after reset.
fn reset(reg: &Reg) -> Option<u32> {
    fields(reg).iter().try_fold(0, |all, f| match f.reset {
        Reset::Value(value) => Some(all | value << f.lsb),
        Reset::Fingerprint => Some(crate::fingerprint()),
        _ => None,
    })
}

struct Header(String);

impl Header {
    /// A comment on a line of its own, behind an empty one.
    fn title(&mut self, text: &str) {
        self.0 += &format!("\n/* {text} */\n");
    }

    fn define(&mut self, name: &str, value: &str, doc: &str) {
        let about = if doc.is_empty() { String::new() } else { format!(" /* {doc} */") };
        self.0 += &format!("#define SYSTOLE_{name} {value}{about}\n");
    }

    fn number(&mut self, name: &str, value: u32, doc: &str) {
        self.define(name, &format!("{value}U"), doc);
    }

    fn word(&mut self, name: &str, value: u32, doc: &str) {
        self.define(name, &format!("0x{value:08x}U"), doc);
    }

    /// Names by number, from `first` on.
    fn names(&mut self, title: &str, kind: &str, first: u32, names: &[&str]) {
        self.title(title);
        for (name, n) in names.iter().zip(first..) {
            self.number(&format!("{kind}_{name}"), n, "");
        }
    }

    fn register(&mut self, reg: &Reg) {
        self.title(&format!("{}: {}", format!("{:?}", reg.access).to_uppercase(), reg.doc));
        self.define(&format!("REG_{}", reg.name), &format!("0x{:03x}U", reg.offset), "");
        for field in fields(reg) {
            let name = format!("{}_{}", reg.name, field.name);
            self.number(&format!("{name}_LSB"), field.lsb, field.doc);
            self.word(&format!("{name}_MASK"), field.mask(), "");
        }
        if let Some(value) = reset(reg) {
            self.word(&format!("{}_RESET", reg.name), value, "");
        }
    }
}

/// The header.
pub fn c_header() -> String {
    let mut t = Header(String::from(
        "/* SPDX-License-Identifier: Apache-2.0 */\n\
         /* Written by `make gen` from sw/isa; do not edit. Registers, their fields, images. C99 or newer, C++. */\n\
         #ifndef SYSTOLE_REGS_H\n#define SYSTOLE_REGS_H\n",
    ));
    t.title("Fingerprint of the tables that this header was made from: the machine's is the same, or software and machine do not fit.");
    t.word("FINGERPRINT", crate::fingerprint(), "");
    t.number("SPACE", SPACE, "bytes of the register space");
    t.title(
        "Registers by byte offset (REG_..); of each field the lowest bit and the mask in place; what every machine holds after reset.",
    );
    REGS.iter().for_each(|reg| t.register(reg));
    for (title, kind, bits) in [("Codes of ERROR.", "ERROR", &ERRORS[..]), ("Numbers for EVENT_SELECT.", "EVENT", &EVENTS)] {
        t.title(title);
        bits.iter().for_each(|b| t.number(&format!("{kind}_{}", b.name), b.bit, b.doc));
    }
    t.names("Codes of UPLOAD_TARGET.", "UPLOAD", 0, &UPLOAD_TARGETS);
    t.names("Codes of RRAM_COMMAND.", "COMMAND", 1, &COMMANDS);
    let sizes = CONFIGS[0].parameters();
    t.names("Sizes of a machine, by number.", "SIZE", 0, &sizes.map(|p| p.0));
    t.number("SIZES", sizes.len() as u32, "");
    t.title("Where a machine says each of them, in their order: X(name, offset of the register, lowest bit, bits).");
    let rows: Vec<String> = sizes
        .iter()
        .filter_map(|p| says(p.0).map(|(reg, f)| format!("  X({}, SYSTOLE_REG_{}, {}U, {}U)", p.0, reg.name, f.lsb, f.width)))
        .collect();
    t.0 += &format!("#define SYSTOLE_SIZE_LIST(X) \\\n{}\n", rows.join(" \\\n"));
    t.title("Numbers of the named configurations, and of all others.");
    CONFIGS.iter().for_each(|c| t.number(&format!("CONFIG_{}", c.name.to_uppercase()), c.id, ""));
    t.number("CONFIG_OWN", OWN, "");
    t.title(
        "Images (docs/isa.md): little endian. Words of the header; sections behind it, in order, and bytes of a unit of each.",
    );
    HEADER.iter().zip(0..).for_each(|(name, n)| t.number(&format!("IMAGE_{name}"), n, ""));
    t.number("IMAGE_HEADER_WORDS", HEADER.len() as u32, "");
    for (name, bytes) in HEADER[HEADER.len() - SECTION_BYTES.len()..].iter().zip(SECTION_BYTES) {
        t.number(&format!("IMAGE_{name}_BYTES"), bytes as u32, "");
    }
    t.word("IMAGE_MAGIC_VALUE", MAGIC, "SYSI");
    t.number("IMAGE_VERSION_VALUE", VERSION, "");
    t.title("RRAM (docs/rram.md).");
    t.word("RRAM_KEY_1", KEYS[0], "the two keys of RRAM_UNLOCK");
    t.word("RRAM_KEY_2", KEYS[1], "");
    t.word("RRAM_RECORD_MAGIC", RECORD_MAGIC, "");
    t.number("RRAM_RECORDS", RECORDS, "places for records");
    t.number("RRAM_RECORD_WORDS", RECORD_WORDS as u32, "words of a record");
    t.0 += "\n#endif\n";
    t.0
}
