// SPDX-License-Identifier: Apache-2.0
//! Fields of the registers: bits, reset values, and which of them the machine changes by itself. The C header, the SystemRDL
//! description and the table in docs/registers.md are written from here.

use crate::regs::{Access, Bit, ID_VALUE, IRQ_BITS, REGS, RRAM_STATUS_BITS, Reg, STATUS_BITS};
use crate::{Config, Latency};

/// What a field holds after reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// This number.
    Value(u32),
    /// The fingerprint of the ISA tables.
    Fingerprint,
    /// The number of the configuration.
    Id,
    /// A size of the configuration, by the name of the Verilog parameter.
    Size(&'static str),
    /// L of the configuration ([`Latency`]).
    Latency,
    /// It changes by itself from reset on: a counter that goes on, or what the search for an image in RRAM finds.
    Live,
}

/// A field of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegField {
    /// Name in upper snake case; `VALUE` where it is all of the register that there is.
    pub name: &'static str,
    /// Lowest bit.
    pub lsb: u32,
    /// Bits.
    pub width: u32,
    /// What it holds after reset.
    pub reset: Reset,
    /// Whether the machine changes it.
    pub changes: bool,
    /// Meaning; empty where the register's says it.
    pub doc: &'static str,
}

impl RegField {
    /// Its bits in the register.
    pub fn mask(&self) -> u32 {
        (u32::MAX >> (32 - self.width)) << self.lsb
    }

    /// What it holds after reset on a machine, in place; `None` where it changes by itself.
    pub fn reset_of(&self, config: &Config) -> Option<u32> {
        let value = match self.reset {
            Reset::Value(value) => value,
            Reset::Fingerprint => crate::fingerprint(),
            Reset::Id => config.id,
            Reset::Size(name) => config.parameters().iter().find(|p| p.0 == name)?.1,
            Reset::Latency => Latency::of(config).l,
            Reset::Live => return None,
        };
        Some(value << self.lsb & self.mask())
    }
}

use Reset::{Id, Live, Size, Value};

const fn f(name: &'static str, lsb: u32, width: u32, reset: Reset, doc: &'static str) -> RegField {
    RegField { name, lsb, width, reset, changes: false, doc }
}

/// Those of registers that are not one number of 32 bits which is 0 after reset.
const SPECIAL: [(&str, &[RegField]); 29] = [
    ("ID", &[f("VALUE", 0, 32, Value(ID_VALUE), "")]),
    ("FINGERPRINT", &[f("VALUE", 0, 32, Reset::Fingerprint, "")]),
    (
        "CONFIG",
        &[
            f("NUMBER", 0, 8, Id, "number of the named configuration, 255: of none"),
            f("WEIGHT_BEATS", 8, 8, Size("WEIGHT_BEATS"), "cycles of a weight word"),
            f("ECC", 16, 4, Size("ECC"), "code of RRAM words; 0: SECDED, 1: DEC-TED"),
            f("RRAM_CTRL", 20, 1, Size("RRAM_CTRL"), "there is an RRAM controller"),
            f("RESIDUAL", 21, 1, Size("RESIDUAL"), "POST takes a second operand"),
            f("EVENTS", 22, 1, Size("EVENTS"), "events are counted"),
            f("PRODUCT", 23, 1, Size("PRODUCT"), "POST multiplies with its second operand"),
            f("POST_LANES", 24, 7, Size("POST_LANES"), "results that POST works on in a cycle"),
            f("WEIGHT_ZERO", 31, 1, Size("WEIGHT_ZERO"), "weights have a zero point"),
        ],
    ),
    (
        "GEOMETRY",
        &[
            f("ROWS", 0, 8, Size("ROWS"), "rows R of the array"),
            f("COLS", 8, 8, Size("COLS"), "columns C; a word of a stream is C bytes"),
            f("X_BANKS", 16, 8, Size("X_BANKS"), "sub-banks of X"),
            f("RRAM_WAYS", 24, 8, Size("RRAM_WAYS"), "interleaved ways of a row's RRAM"),
        ],
    ),
    ("LATENCY", &[f("VALUE", 0, 32, Reset::Latency, "")]),
    (
        "LANE",
        &[
            f("TAP_DEPTH", 0, 12, Size("TAP_DEPTH"), "tap words"),
            f("LINE_DEPTH", 12, 12, Size("LINE_DEPTH"), "columns of a line"),
            f("LANE_TAPS", 24, 8, Size("LANE_TAPS"), "multipliers in a lane; 0: there is no lane engine"),
        ],
    ),
    (
        "START",
        &[
            f("RUN", 0, 1, Value(0), "start a run"),
            f("ABANDON", 1, 1, Value(0), "abandon a pending start, a queued start and received input"),
        ],
    ),
    (
        "ERROR",
        &[
            f("CODE", 0, 8, Live, "code of the error; 0: none"),
            f("WAITED_IN", 8, 1, Live, "of START_LIMIT: it waited for input"),
            f("WAITED_OUT", 9, 1, Live, "of START_LIMIT: it waited for OUT room"),
            f("WAITED_RRAM", 10, 1, Live, "of START_LIMIT: it waited for the RRAM controller"),
        ],
    ),
    ("UPLOAD_TARGET", &[f("TARGET", 0, 3, Value(0), "")]),
    ("SEQ_CYCLE", &[f("VALUE", 0, 32, Live, "")]),
    ("ERROR_CLEAR", &[f("CLEAR", 0, 1, Value(0), "clear ERROR and POISON")]),
    ("RRAM_COMMAND", &[f("COMMAND", 0, 3, Value(0), "")]),
    ("RRAM_UNLOCK", &[f("KEY", 0, 32, Value(0), "")]),
    (
        "RRAM_LOCK",
        &[
            f("PROGRAM", 0, 1, Value(0), "no programming until reset"),
            f("INJECT", 1, 1, Value(0), "RRAM_INJECT stays as it is until reset"),
        ],
    ),
    ("RRAM_SLOT", &[f("SLOT", 0, 1, Live, "")]),
    ("RRAM_CORRECTED", &[f("VALUE", 0, 32, Live, "")]),
    ("RRAM_UNCORRECTABLE", &[f("VALUE", 0, 32, Live, "")]),
    ("RRAM_ERROR_FIRST", &WRONG_WORD),
    ("RRAM_ERROR_LAST", &WRONG_WORD),
    ("RRAM_SPARES", &[f("SLOT0", 0, 16, Live, "left in slot 0"), f("SLOT1", 16, 16, Live, "left in slot 1")]),
    (
        "RRAM_INJECT",
        &[
            f("FIRST", 0, 8, Value(0), "number of the first data bit"),
            f("SECOND", 8, 8, Value(0), "number of the second one"),
            f("ENABLE_FIRST", 16, 1, Value(0), "the first one is stored wrong"),
            f("ENABLE_SECOND", 17, 1, Value(0), "the second one is stored wrong"),
        ],
    ),
    ("RRAM_WAKE_CYCLES", &[f("VALUE", 0, 32, Live, "")]),
    ("EVENT_SELECT", &[f("EVENT", 0, 4, Value(0), "")]),
    (
        "RRAM_TILE",
        &[
            f("LINE", 0, 16, Value(0), "the last line of the image whose CRC a scrub found wrong"),
            f("COUNT", 16, 16, Value(0), "how many it found"),
        ],
    ),
    ("POS", &[f("VALUE", 0, 16, Value(0), "")]),
    ("ARGMAX", &[f("VALUE", 0, 16, Value(0), "")]),
    ("AUTO", &[f("RUNS", 0, 16, Value(0), "")]),
    (
        "STOP",
        &[f("TOKEN", 0, 16, Value(0), "a token"), f("ENABLE", 16, 1, Value(0), "a run whose ARGMAX is that token is the last")],
    ),
    ("ENTRY", &[f("ROW", 0, 16, Value(0), "")]),
];

const WRONG_WORD: [RegField; 4] = [
    f("LINE", 0, 16, Live, "line"),
    f("ROW", 16, 8, Live, "row of the array"),
    f("CORRECTED", 30, 1, Live, "it was corrected"),
    f("UNCORRECTABLE", 31, 1, Live, "it was not"),
];

/// Registers that software writes and the machine changes too: by a wake, by a stream, by runs that follow by themselves.
const SHARED: [&str; 7] = ["IN_BYTES", "OUT_BYTES", "UPLOAD_ADDRESS", "POS", "TOK", "AUTO", "RRAM_SLOT"];

fn flags(bits: &[Bit], reset: Reset) -> Vec<RegField> {
    bits.iter().map(|b| f(b.name, b.bit, 1, reset, b.doc)).collect()
}

/// The fields of a register, the lowest first.
pub fn fields(reg: &Reg) -> Vec<RegField> {
    let own_size = CONFIG_SIZES.iter().find(|size| **size == reg.name);
    let mut fields = match (reg.name, SPECIAL.iter().find(|s| s.0 == reg.name), own_size) {
        ("STATUS", ..) => flags(&STATUS_BITS, Live),
        ("RRAM_STATUS", ..) => {
            let mut all = flags(&RRAM_STATUS_BITS, Live);
            all.push(f("CHECK", 16, 3, Live, "why the controller's program was stopped, 0: it was not"));
            all
        }
        ("IRQ_STATUS", ..) => flags(&IRQ_BITS, Live),
        ("IRQ_ENABLE", ..) => flags(&IRQ_BITS, Value(0)),
        (name, ..) if name.starts_with("TOK") => vec![f("VALUE", 0, 16, Value(0), "")],
        (_, Some((_, special)), _) => special.to_vec(),
        (_, _, Some(size)) => vec![f("VALUE", 0, 32, Size(size), "")],
        _ => vec![f("VALUE", 0, 32, Value(0), "")],
    };
    for field in &mut fields {
        let fixed = !matches!(field.reset, Value(_) | Live) || reg.name == "ID";
        field.changes = match reg.access {
            Access::Ro => !fixed,
            Access::W1c => true,
            Access::Rw => SHARED.contains(&reg.name),
            Access::W1s => false,
        };
    }
    fields
}

/// Sizes that have a register of their own.
const CONFIG_SIZES: [&str; 13] = [
    "X_DEPTH",
    "W_SRAM_DEPTH",
    "RRAM_DEPTH",
    "ACC_DEPTH",
    "PARAM_DEPTH",
    "LUT_COUNT",
    "IN_DEPTH",
    "OUT_DEPTH",
    "TIMETABLE_DEPTH",
    "DESC_DEPTH",
    "VEC_LANES",
    "V_DEPTH",
    "VEC_PARAM_DEPTH",
];

/// Where a machine says a size: register and field, by the name of the Verilog parameter.
pub fn says(size: &str) -> Option<(&'static Reg, RegField)> {
    let found = |field: &RegField| matches!(field.reset, Size(name) if name == size);
    REGS.iter().find_map(|reg| Some((reg, fields(reg).into_iter().find(found)?)))
}

/// What software writes into a register and finds there again: its bits; 0 for one that acts or is only read.
pub fn holds(reg: &Reg) -> u32 {
    if reg.access == Access::Rw { fields(reg).iter().fold(0, |all, f| all | f.mask()) } else { 0 }
}

/// What a register reads after reset on a machine, where all of its fields have a value that is known.
pub fn reset_of(reg: &Reg, config: &Config) -> Option<u32> {
    fields(reg).iter().try_fold(0, |all, f| Some(all | f.reset_of(config)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CONFIGS;

    #[test]
    fn fields_rise_and_do_not_overlap_and_each_name_stands_once() {
        for reg in &REGS {
            let fields = fields(reg);
            assert!(!fields.is_empty(), "{}", reg.name);
            for (n, field) in fields.iter().enumerate() {
                assert!(field.width > 0 && field.lsb + field.width <= 32, "{}.{}", reg.name, field.name);
                assert!(fields[..n].iter().all(|f| f.name != field.name && f.lsb + f.width <= field.lsb), "{}", reg.name);
                assert!(fields.len() == 1 || !field.doc.is_empty(), "{}.{} has no meaning", reg.name, field.name);
            }
        }
        for (name, _) in SPECIAL {
            assert!(REGS.iter().any(|r| r.name == name), "{name}");
        }
        assert!(SHARED.iter().all(|name| REGS.iter().any(|r| r.name == *name && r.access == Access::Rw)));
    }

    #[test]
    fn a_machine_says_each_of_its_sizes_once() {
        for config in CONFIGS {
            for (name, value, _) in config.parameters() {
                let (reg, field) = says(name).unwrap_or_else(|| panic!("no register says {name}"));
                assert_eq!(reset_of(reg, &config).unwrap() >> field.lsb & field.mask() >> field.lsb, value, "{name}");
            }
            let reg = |name: &str| REGS.iter().find(|r| r.name == name).unwrap();
            assert_eq!(reset_of(reg("CONFIG"), &config), Some(config.machine()));
        }
    }
}
