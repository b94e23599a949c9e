// SPDX-License-Identifier: Apache-2.0
//! `rtl/systole.rdl`: the registers in SystemRDL 2.0, with the sizes of a machine as parameters.

use crate::fields::{RegField, Reset, fields};
use crate::regs::{Access, REGS, Reg};
use crate::{Config, Latency};

/// Text as a string of SystemRDL.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What software may do and what the machine does.
fn access(reg: &Reg, field: &RegField) -> &'static str {
    match (reg.access, field.changes) {
        (Access::Ro, false) => "sw = r; hw = na;",
        (Access::Ro, true) => "sw = r; hw = w;",
        (Access::Rw, false) => "sw = rw; hw = r;",
        (Access::Rw, true) => "sw = rw; hw = rw;",
        (Access::W1c, _) => "sw = rw; onwrite = woclr; hw = rw;",
        (Access::W1s, _) => "sw = w; hw = r;",
    }
}

fn reset(field: &RegField) -> Option<String> {
    match field.reset {
        Reset::Value(value) => Some(format!("{}'h{value:x}", field.width)),
        Reset::Fingerprint => Some(format!("32'h{:08x}", crate::fingerprint())),
        Reset::Id => Some("P_CONFIG".into()),
        Reset::Size(name) => Some(format!("P_{name}")),
        Reset::Latency => Some("P_LATENCY".into()),
        Reset::Live => None,
    }
}

/// The parameters, with the values of a machine: what the description says by default. Their names are apart from those of
/// registers, which share a name space with them.
pub fn rdl_parameters(config: &Config) -> Vec<(String, u32)> {
    let sizes = config.parameters().into_iter().map(|p| (p.0, p.1));
    let all = [("CONFIG", config.id), ("LATENCY", Latency::of(config).l)].into_iter().chain(sizes);
    all.map(|(name, value)| (format!("P_{name}"), value)).collect()
}

fn register(reg: &Reg) -> String {
    let mut t = format!("  reg {{\n    desc = {};\n", quoted(reg.doc));
    for field in fields(reg) {
        let bits = format!("[{}:{}]", field.lsb + field.width - 1, field.lsb);
        let value = reset(&field).map_or(String::new(), |value| format!(" = {value}"));
        let doc = if field.doc.is_empty() { String::new() } else { format!(" desc = {};", quoted(field.doc)) };
        t += &format!("    field {{ {}{doc} }} {}{bits}{value};\n", access(reg, &field), field.name);
    }
    t + &format!("  }} {} @ 0x{:03x};\n", reg.name, reg.offset)
}

/// The description; `config` gives the defaults of its parameters.
pub fn rdl(config: &Config) -> String {
    let parameters: Vec<String> =
        rdl_parameters(config).iter().map(|(name, value)| format!("  longint unsigned {name} = {value}")).collect();
    let mut t = format!(
        "// SPDX-License-Identifier: Apache-2.0\n\
         // Written by `make gen` from sw/isa; do not edit. The registers in SystemRDL 2.0 (docs/registers.md). Sizes are those of the\n\
         // configuration {}; another machine's are given as parameters. A field without a reset value changes by itself from reset on.\n\n\
         addrmap systole #(\n{}\n) {{\n  name = \"Systole\";\n  desc = \"Registers of an INT8 inference chip, behind AXI4-Lite\";\n\
         \x20 default regwidth = 32;\n  littleendian;\n\n",
        config.name,
        parameters.join(",\n")
    );
    for reg in &REGS {
        t += &register(reg);
        t += "\n";
    }
    t.pop();
    t + "};\n"
}
