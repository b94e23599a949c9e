// SPDX-License-Identifier: Apache-2.0
//! `systole disasm`, `systole config`, `systole timeline`.

use crate::{output, sizes};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use systole_isa::config::CONFIGS;
use systole_isa::ecc::Ecc;
use systole_isa::{Config, Image, Instruction, Latency, Program, Unit, disasm as listing};

/// Print the program in an image.
#[derive(Args)]
pub struct DisasmArgs {
    /// The image
    image: PathBuf,
    #[arg(long, help = "Of an image for sizes of one's own: its configuration")]
    config: Option<String>,
    /// Which of the image's programs: of a language model 0 takes a token, 1 several tokens of a prompt
    #[arg(long, value_name = "N", default_value_t = 0)]
    program: usize,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Print a configuration.
#[derive(Args)]
pub struct ConfigArgs {
    /// Its name; all of them without one
    name: Option<String>,
    /// Cycles that a weight bank needs for one word: 1, 2 or 4 [default: 1]
    #[arg(long, value_name = "D")]
    weight_beats: Option<u32>,
    /// Code of RRAM words: secded or dected [default: secded]
    #[arg(long, value_name = "CODE")]
    ecc: Option<Ecc>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Write the timetable of an image as a trace.
#[derive(Args)]
pub struct TimelineArgs {
    /// The image
    image: PathBuf,
    #[arg(long, help = "Of an image for sizes of one's own: its configuration")]
    config: Option<String>,
    /// Which of the image's programs: of a language model 0 takes a token, 1 several tokens of a prompt
    #[arg(long, value_name = "N", default_value_t = 0)]
    program: usize,
    /// The trace file, for Perfetto or chrome://tracing
    #[arg(short, long, value_name = "T.json")]
    output: PathBuf,
}

fn read_image(path: &Path) -> Result<Image> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Image::from_bytes(&bytes).with_context(|| path.display().to_string())
}

/// A program of an image, and what it is among them.
fn program_of(image: &Image, which: usize) -> Result<(Program, String)> {
    let mut programs = image.programs()?;
    let count = programs.len();
    ensure!(
        which < count,
        "the image has {count} program{}: --program 0{}",
        if count == 1 { "" } else { "s" },
        if count == 1 { String::new() } else { format!(" to {}", count - 1) }
    );
    let (entry, program) = programs.swap_remove(which);
    let among = if count == 1 { String::new() } else { format!(", program {which} of {count}, ENTRY {entry}") };
    Ok((program, among))
}

/// The configuration of an image: it names it, or `--config` does.
fn config_of(image: &Image, given: Option<&str>) -> Result<Config> {
    let named = CONFIGS.iter().find(|c| c.id == image.config_id).map(|c| c.name);
    let text =
        given.or(named).context("the image is for a machine of its own sizes: give them with --config, as when it was made")?;
    let config = sizes::configuration(text, Some(image.weight_beats), None)?;
    image.check_machine(&config)?;
    Ok(config)
}

/// Prints the listing.
pub fn disasm(args: &DisasmArgs) -> Result<bool> {
    let image = read_image(&args.image)?;
    let (program, among) = program_of(&image, args.program)?;
    let config = config_of(&image, args.config.as_deref())?;
    let text = listing::disassemble(&program)?;
    if args.json {
        let rows: Vec<Value> = program
            .rows
            .iter()
            .zip(text.lines())
            .map(|(r, line)| json!({"cycle": r.cycle, "unit": r.instruction.unit().name(), "words": r.instruction.words(), "text": line.trim()}))
            .collect();
        let json = json!({"name": image.name, "config": config.name, "weight_beats": config.weight_beats,
            "fingerprint": format!("{:08x}", image.fingerprint), "cycles": program.cycles(), "rows": rows});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    output::print(&format!(
        "; {}{among} for {}, fingerprint {:08x}: {} rows, {} descriptor words, {} cycles\n; input {} bytes, output {} bytes, {} weight bytes, {} channels, {} lookup tables",
        image.name,
        config.label(),
        image.fingerprint,
        program.rows.len(),
        image.descriptors.len(),
        program.cycles(),
        image.in_bytes,
        image.out_bytes,
        image.weights.len(),
        image.params.len(),
        image.luts.len()
    ));
    output::print(text.trim_end());
    Ok(true)
}

/// Prints sizes and latencies.
pub fn config(args: &ConfigArgs) -> Result<bool> {
    let names: Vec<&str> = args.name.as_deref().map_or(CONFIGS.map(|c| c.name).to_vec(), |name| vec![name]);
    let configs: Vec<Config> = names
        .into_iter()
        .map(|name| {
            let config = sizes::configuration(name, args.weight_beats, None)?;
            // Of all of them, those without RRAM have no code.
            let ecc = args.ecc.filter(|_| config.rram_ctrl || args.name.is_some());
            sizes::configuration(name, args.weight_beats, ecc)
        })
        .collect::<Result<_>>()?;
    if args.json {
        let all: Vec<Value> = configs.iter().map(|c| json!({"config": c, "latency": Latency::of(c), "L": Latency::of(c).l, "fingerprint": format!("{:08x}", systole_isa::fingerprint())})).collect();
        let json = if args.name.is_some() { all[0].clone() } else { Value::Array(all) };
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    if args.name.is_none() {
        output::print("name     array   D   multipliers   RRAM      code     X        L   support");
        for c in &configs {
            let kib = |bytes: u32| format!("{} KiB", bytes / 1024);
            output::print(&format!(
                "{:<8} {:>2}x{:<3} {:>3} {:>12}   {:<9} {:<8} {:<8} {:<3} {}",
                c.name,
                c.rows,
                c.cols,
                c.weight_beats,
                c.rows * c.cols,
                kib(c.rram_depth * c.rows * c.cols),
                c.ecc.name(),
                kib(c.x_depth * c.rows),
                Latency::of(c).l,
                format!("{:?}", c.support).to_lowercase()
            ));
        }
        output::print(&format!("ISA fingerprint {:08x}", systole_isa::fingerprint()));
        return Ok(true);
    }
    for c in &configs {
        output::print(&format!("{} (configuration {}, ISA fingerprint {:08x})", c.label(), c.id, systole_isa::fingerprint()));
        for (name, value, meaning) in c.parameters() {
            output::print(&format!("  {name:<16} {value:>7}   {meaning}"));
        }
        output::print("latencies in cycles");
        for (name, value, meaning) in Latency::table(c) {
            output::print(&format!("  {name:<16} {value:>7}   {meaning}"));
        }
    }
    Ok(true)
}

/// Writes the trace: one track a unit, one slice an instruction, a microsecond a cycle.
pub fn timeline(args: &TimelineArgs) -> Result<bool> {
    let image = read_image(&args.image)?;
    let (program, among) = program_of(&image, args.program)?;
    let config = config_of(&image, args.config.as_deref())?;
    let latency = Latency::of(&config);
    let text = listing::disassemble(&program)?;
    let mut events: Vec<Value> = Unit::ALL
        .iter()
        .map(|u| json!({"ph": "M", "pid": 1, "tid": *u as u8, "name": "thread_name", "args": {"name": u.name()}}))
        .collect();
    events.push(
        json!({"ph": "M", "pid": 1, "name": "process_name", "args": {"name": format!("{}{among} on {}", image.name, config.label())}}),
    );
    let posts: Vec<u64> = program
        .rows
        .iter()
        .filter(|r| r.instruction.unit() == Unit::Post)
        .map(|r| latency.first_step(r.cycle, r.instruction.words()))
        .collect();
    for (n, (row, line)) in program.rows.iter().zip(text.lines()).enumerate() {
        let unit = row.instruction.unit();
        let first = latency.first_step(row.cycle, row.instruction.words());
        let (start, length) = match &row.instruction {
            Instruction::End => (row.cycle, 1),
            // POST is armed until the next one is.
            Instruction::Post(_) => {
                (first, posts.iter().find(|&&p| p > first).copied().unwrap_or(program.cycles()).saturating_sub(first).max(1))
            }
            Instruction::Scrub(s) => (first, 2 * u64::from(s.lines * config.rows)),
            other => (first, other.nest().map_or(1, |nest| nest.span() + 1)),
        };
        events.push(json!({"ph": "X", "pid": 1, "tid": unit as u8, "name": unit.name(), "ts": start, "dur": length,
            "args": {"row": n, "row_cycle": row.cycle, "instruction": line.trim()}}));
    }
    let trace = json!({"traceEvents": events, "displayTimeUnit": "ns", "otherData": {"unit": "1 us is 1 cycle", "cycles": program.cycles()}});
    output::write_file(&args.output, serde_json::to_string(&trace)?.as_bytes())?;
    output::print(&format!(
        "{}: {} instructions over {} cycles; open it in https://ui.perfetto.dev (1 us is 1 cycle)",
        args.output.display(),
        program.rows.len(),
        program.cycles()
    ));
    Ok(true)
}
