// SPDX-License-Identifier: Apache-2.0
//! The registers of a machine as JSON: `cargo run -p systole-isa --example registers -- nano`. `scripts/registers.py` holds it
//! against what a reader of SystemRDL makes of `rtl/systole.rdl`.

use serde_json::{Value, json};
use std::process::ExitCode;
use systole_isa::fields::{RegField, fields};
use systole_isa::regs::{Access, REGS, Reg};
use systole_isa::{Config, generate};

fn field(reg: &Reg, field: &RegField, config: &Config) -> Value {
    json!({
        "name": field.name,
        "lsb": field.lsb,
        "width": field.width,
        "read": reg.access != Access::W1s,
        "write": reg.access != Access::Ro,
        "one_clears": reg.access == Access::W1c,
        "changes": field.changes,
        "reset": field.reset_of(config).map(|value| value >> field.lsb),
    })
}

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_else(|| "base".into());
    let config = match Config::named(&name) {
        Ok(config) => config,
        Err(e) => {
            eprintln!("registers: {e}");
            return ExitCode::FAILURE;
        }
    };
    let parameters: serde_json::Map<String, Value> =
        generate::rdl_parameters(&config).into_iter().map(|(name, value)| (name, value.into())).collect();
    let registers: Vec<Value> = REGS
        .iter()
        .map(|reg| {
            let fields: Vec<Value> = fields(reg).iter().map(|f| field(reg, f, &config)).collect();
            json!({ "name": reg.name, "offset": reg.offset, "fields": fields })
        })
        .collect();
    println!("{:#}", json!({ "parameters": parameters, "registers": registers }));
    ExitCode::SUCCESS
}
