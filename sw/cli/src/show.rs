// SPDX-License-Identifier: Apache-2.0
//! `systole disasm`, `systole config`, `systole timeline`.

use crate::network::{Network, NetworkArgs};
use crate::{output, sizes};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use systole_compiler::Origins;
use systole_compiler::verify::{Sizes, effects};
use systole_isa::config::CONFIGS;
use systole_isa::ecc::Ecc;
use systole_isa::{Config, Image, Latency, Program, disasm as listing};
use systole_report::memory::group;
use systole_report::timetable::Timetable;
use systole_report::trace::trace;

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
    /// The image; or a network, whose layers then have their names: digits, digits-cnn, tales, a model in ONNX
    image: PathBuf,
    #[command(flatten)]
    with: NetworkArgs,
    #[arg(long, help = "Of a network its configuration [default: base]; of an image for sizes of one's own")]
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

/// A program to draw, with what it needs to be expanded.
struct Drawn {
    program: Program,
    image: Image,
    config: Config,
    origins: Origins,
    positions: usize,
    what: String,
}

/// An image, whose rows have no names, or a network, whose have.
fn drawn(args: &TimelineArgs) -> Result<Drawn> {
    let name = args.image.to_string_lossy();
    let known = ["digits", "digits-cnn", "tales"].contains(&&*name) || args.image.is_dir();
    let model = args.image.extension().is_some_and(|e| e == "onnx" || e == "bin");
    let is_image = || std::fs::read(&args.image).is_ok_and(|b| b.starts_with(&systole_isa::image::MAGIC.to_le_bytes()));
    if !known && (!model || is_image()) {
        let image = read_image(&args.image)?;
        let (program, among) = program_of(&image, args.program)?;
        let config = config_of(&image, args.config.as_deref())?;
        let what = format!("{}{among} on {}", image.name, config.label());
        return Ok(Drawn { program, image, config, origins: Origins::default(), positions: 1, what });
    }
    let config = sizes::configuration(args.config.as_deref().unwrap_or("base"), None, None)?;
    let (image, origins, positions) = match args.with.open(&name, &config)? {
        Network::Graph(_, c) => (c.1.image, c.1.origins, 1),
        Network::Decoder(d) => (d.1.image, d.1.origins, d.1.context),
        Network::Encoder(_, parts) => {
            let count = parts.len();
            let part = parts.into_iter().nth(args.program);
            let (_, p) = part.with_context(|| format!("the network runs in {count} parts: --program 0 to {}", count - 1))?;
            let what = format!("{} on {}, part {} of {count}", p.image.name, config.label(), args.program + 1);
            return Ok(Drawn { program: p.program, image: p.image, config, origins: p.origins, positions: 1, what });
        }
    };
    let (program, among) = program_of(&image, args.program)?;
    // Names are those of the first program.
    let origins = if args.program == 0 { origins } else { Origins::default() };
    let what = format!("{}{among} on {}", image.name, config.label());
    Ok(Drawn { program, image, config, origins, positions, what })
}

/// Writes the trace: a track for each unit, a slice for each row from its first to its last effect, a microsecond a cycle.
pub fn timeline(args: &TimelineArgs) -> Result<bool> {
    let d = drawn(args)?;
    let text = listing::disassemble(&d.program)?;
    let sizes = Sizes { positions: d.positions as u32, ..Sizes::of(&d.image, &d.config) };
    let effects = effects(&d.program, &d.config, &sizes, 0, &|row| group(&d.origins, row))?;
    let timetable = Timetable::new(&effects, &d.origins);
    let trace = trace(&timetable, &d.what, &text.lines().collect::<Vec<_>>());
    output::write_file(&args.output, serde_json::to_string(&trace)?.as_bytes())?;
    output::print(&format!(
        "{}: {} instructions over {} cycles; open it in https://ui.perfetto.dev (1 us is 1 cycle)",
        args.output.display(),
        d.program.rows.len(),
        timetable.cycles
    ));
    Ok(true)
}
