// SPDX-License-Identifier: Apache-2.0
//! `systole program`, `systole wake`, `systole rram`: a chip whose RRAM is a file, so that power can go and come back.

use crate::{Machine, output};
use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use systole_backends::{AnyTransport, Backend, on_machine};
use systole_chip::device::{CORNERS, Corner, Device};
use systole_chip::{Access, Part, PartFile};
use systole_host::{Driver, HostError, RramStatus, Wake};
use systole_isa::image::Image;
use systole_isa::rram::{Layout, slot_bytes};

/// The RRAM part.
#[derive(Args, Clone)]
pub struct PartArgs {
    /// The chip's RRAM: a file that keeps every cell; `program` and `inject` make a new one where there is none. A board
    /// has its own
    #[arg(long, value_name = "FILE")]
    pub rram: Option<PathBuf>,
    /// Device parameters of a new part
    #[arg(long, default_value = "typ22", value_parser = CORNERS)]
    corner: String,
    /// Cycles of a pulse (RTL): 100 are 1 us at 100 MHz
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pulse_cycles: u32,
    /// Wait at most so long for another process that changes the same part
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    wait: u64,
}

impl PartArgs {
    pub(crate) fn part(&self, seed: u64, access: Access) -> Result<Part> {
        let corner = Corner::named(&self.corner).with_context(|| format!("--corner {}: it has no parameters", self.corner))?;
        let wait = Duration::from_secs(self.wait);
        Ok(Part { file: Some(self.file()?.to_path_buf()), access, wait, corner, seed, pulse_cycles: self.pulse_cycles })
    }

    fn file(&self) -> Result<&Path> {
        self.rram.as_deref().context("which RRAM? --rram FILE keeps that of a simulated chip; --backend board has its own")
    }

    /// The file must be there, unless a board has the RRAM; what it is called in reports.
    pub(crate) fn existing(&self, machine: &Machine) -> Result<String> {
        machine.with_rram()?;
        if machine.backend() == Backend::Board {
            ensure!(self.rram.is_none(), "--rram is the RRAM of a simulated chip; a board has its own: leave it out");
            return Ok(machine.port().path);
        }
        let file = self.file()?;
        must_exist(file)?;
        Ok(file.display().to_string())
    }

    /// The machine's options with this part.
    pub fn options(&self, machine: &Machine, access: Access) -> Result<systole_chip::Options> {
        if machine.backend() == Backend::Board {
            self.existing(machine)?;
            return machine.options();
        }
        let mut options = machine.options()?;
        if let (Some(window), None) = (&mut options.trace, &machine.trace_window) {
            window.origin = harness::Origin::Start; // there may be no run
        }
        Ok(systole_chip::Options { part: Some(self.part(machine.seed, access)?), ..options })
    }
}

/// `run --rram`: the network is the one whose image is to wake from this file.
pub struct Woken<'a> {
    /// The part.
    pub file: &'a Path,
    /// The network as it was asked for.
    pub network: &'a str,
    /// The machine.
    pub machine: &'a Machine,
}

impl Woken<'_> {
    /// The machine's options with this part.
    ///
    /// # Errors
    /// No such file.
    pub fn options(&self) -> Result<systole_chip::Options> {
        ensure!(
            self.machine.backend() != Backend::Board,
            "--rram is the RRAM of a simulated chip; a board has its own: leave it out"
        );
        self.machine.with_rram()?;
        must_exist(self.file)?;
        let part = Part { file: Some(self.file.to_path_buf()), access: Access::Use, ..Part::default() };
        Ok(systole_chip::Options { part: Some(part), ..self.machine.options()? })
    }

    /// CRC of the image that must wake.
    ///
    /// # Errors
    /// An image that no slot can hold.
    pub fn crc(&self, image: &Image) -> Result<u32> {
        let config = self.machine.config()?;
        let (layout, record) = (Layout::of(&config), slot_bytes(image, &config).1);
        if record.lines > layout.usable() {
            let error = HostError::TooLarge { lines: record.lines, limit: layout.usable(), line_bytes: layout.line_bytes };
            return Err(Error::new(error).context(format!("{} on {}", self.network, config.label())));
        }
        Ok(record.image_crc)
    }

    /// How this network gets into this part.
    fn remedy(&self) -> String {
        let Machine { config, weight_beats, ecc, .. } = self.machine;
        let mut flags = if config == "base" { String::new() } else { format!(" --config {config}") };
        if let Some(weight_beats) = weight_beats {
            flags.push_str(&format!(" --weight-beats {weight_beats}"));
        }
        if let Some(ecc) = ecc {
            flags.push_str(&format!(" --ecc {}", ecc.name()));
        }
        let (network, file) = (self.network, self.file.display());
        let make = if ["digits", "digits-cnn"].contains(&network) {
            format!("systole run {network} --image M.img{flags}")
        } else {
            format!("systole compile {network} -o M.img{flags}")
        };
        format!("put it there with: {make}; systole program M.img --rram {file}{flags}")
    }

    /// What a run says; where another image woke, or none, with what to do.
    ///
    /// # Errors
    /// That of the run.
    pub fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|e| self.explained(e))
    }

    fn explained(&self, error: Error) -> Error {
        let (network, file, remedy) = (self.network, self.file.display(), self.remedy());
        match error.downcast_ref::<HostError>() {
            Some(HostError::OtherImage { found, expected, .. }) => {
                anyhow!("{file}: the image that woke has CRC {found:08x}, {network} has {expected:08x}; {remedy}")
            }
            Some(HostError::Machine { name: name @ ("RRAM_NO_IMAGE" | "RRAM_FOREIGN"), meaning, .. }) => {
                anyhow!("{file}: nothing woke, so {network} cannot run: {meaning} ({name}); {remedy}")
            }
            _ => error,
        }
    }

    /// The line of the report, its value `width` wide.
    pub fn print(&self, crc: u32, width: usize) {
        let crc = format!("{crc:08x}");
        output::print(&format!("  woke              {crc:>width$}   the image in {}, nothing was loaded", self.file.display()));
    }
}

fn must_exist(file: &Path) -> Result<()> {
    ensure!(file.is_file(), "{}: no such RRAM file; make one with systole program IMAGE --rram FILE", file.display());
    Ok(())
}

/// Write an image into RRAM and make it the one that wakes.
#[derive(Args)]
pub struct ProgramArgs {
    /// The image, as `systole compile -o` and `systole run --image` write it
    image: PathBuf,
    /// Slot 0 or 1; without it, the one that does not hold the newest image
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..2))]
    slot: Option<u32>,
    /// Change only these rows of a table (int8) in IMAGE, which is awake: from row 0 on, from FIRST on, or those whose numbers a
    /// file has
    #[arg(long, value_name = "TABLE=FILE.npy[:FIRST|:ROWS.npy]", requires = "output", conflicts_with = "slot")]
    rows: Vec<crate::rows::Rows>,
    /// The image with the rows, with which the next update begins
    #[arg(long, short, value_name = "NEW.img", requires = "rows")]
    output: Option<PathBuf>,
    #[command(flatten)]
    part: PartArgs,
    #[command(flatten)]
    machine: Machine,
}

/// Switch the chip on and wake the newest image.
#[derive(Args)]
pub struct WakeArgs {
    /// Load the program without checking the weights
    #[arg(long)]
    warm: bool,
    #[command(flatten)]
    part: PartArgs,
    #[command(flatten)]
    machine: Machine,
}

/// Look at the RRAM, or do something to it.
#[derive(Args)]
pub struct RramArgs {
    #[command(subcommand)]
    verb: RramVerb,
}

#[derive(Subcommand)]
enum RramVerb {
    /// What the controller's registers say after power came
    Status(StatusArgs),
    /// Read every line of the newest image at both margins and write the weak ones again
    Scrub(StatusArgs),
    /// Pulses and energy that the cells took, stuck cells, age
    Wear(StatusArgs),
    /// Turn bits over, or make them stuck, where the chip cannot see it happen
    Inject(InjectArgs),
    /// Let time pass without power
    Age(AgeArgs),
}

/// Which part, on which machine.
#[derive(Args)]
struct StatusArgs {
    #[command(flatten)]
    part: PartArgs,
    #[command(flatten)]
    machine: Machine,
}

#[derive(Args)]
struct InjectArgs {
    /// Row of the array
    #[arg(long)]
    row: u32,
    /// Physical line
    #[arg(long)]
    line: u32,
    /// Bits of the stored word, check bits behind the data; turned over
    #[arg(long, value_delimiter = ',', required = true)]
    bits: Vec<u32>,
    /// Stuck at this value instead
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..2))]
    stuck: Option<u8>,
    #[command(flatten)]
    part: PartArgs,
    #[command(flatten)]
    machine: Machine,
}

#[derive(Args)]
struct AgeArgs {
    /// Years, 0 to 1000
    #[arg(long, allow_negative_numbers = true, value_parser = |s: &str| output::within(s, 0.0, 1000.0))]
    years: f64,
    /// Temperature in degrees Celsius, -55 to 300
    #[arg(long, default_value_t = 85.0, allow_negative_numbers = true, value_parser = |s: &str| output::within(s, -55.0, 300.0))]
    celsius: f64,
    #[command(flatten)]
    part: PartArgs,
    #[command(flatten)]
    machine: Machine,
}

fn print_status(status: &RramStatus, layout: &Layout) {
    let line = |name: &str, value: String| output::print(&format!("  {name:<18} {value}"));
    line("state", status.flags.join(", "));
    line(
        "newest image",
        match status.newest {
            Some(slot) => format!("slot {slot}, epoch {}", status.epoch),
            None => "none".into(),
        },
    );
    if let Some(crc) = status.awake {
        let us = f64::from(status.wake_cycles) / 100.0;
        let time = if status.wake_cycles == 0 {
            String::new()
        } else {
            format!(", {} cycles to wake ({us:.1} us at 100 MHz)", status.wake_cycles)
        };
        line("awake", format!("image {crc:08x}{time}"));
    }
    line("wrong words", format!("{} corrected, {} beyond correction", status.corrected, status.uncorrectable));
    for (name, e) in ["first", "last"].iter().zip(status.errors) {
        if let Some(e) = e {
            let what = if e.corrected { "corrected" } else { "beyond correction" };
            line(&format!("  {name}"), format!("row {}, line {}: {what}", e.row, e.line));
        }
    }
    line("pulses", format!("{} on rows, {} rounds behind the first", status.pulses, status.retries));
    line(
        "lines",
        format!("{} retired, {} moved for wear, {} written again by scrubs", status.remaps, status.swaps, status.refreshed),
    );
    line("spares left", format!("{} and {} of {}", status.spares[0], status.spares[1], layout.spares));
    line("most worn", format!("written {} times, of the lines programmed since power came", status.wear));
}

pub(crate) fn report(machine: &Machine, what: Value, status: &RramStatus, text: &str) -> Result<()> {
    let config = machine.config()?;
    if machine.json {
        let json = json!({"config": config.name, "weight_beats": config.weight_beats, "ecc": config.ecc, "backend": machine.backend(), "result": what, "rram": status});
        output::print(&serde_json::to_string_pretty(&json)?);
    } else {
        output::print(text);
        print_status(status, &Layout::of(&config));
    }
    Ok(())
}

/// Runs a job on the part; its result, and the registers afterwards.
pub(crate) fn on_part<T: 'static>(
    part: &PartArgs,
    machine: &Machine,
    access: Access,
    job: impl AsyncFnOnce(&mut Driver<AnyTransport>) -> Result<T> + 'static,
) -> Result<(T, RramStatus)> {
    let options = part.options(machine, access)?;
    let bar = if machine.json { indicatif::ProgressBar::hidden() } else { output::bar(1, "building and running") };
    let result = on_machine(machine.backend(), &machine.config()?, &options, async move |driver| {
        let value = job(driver).await?;
        Ok((value, driver.rram_status().await?))
    });
    bar.finish_and_clear();
    result
}

/// Programs and commits.
pub fn program(args: &ProgramArgs) -> Result<bool> {
    let bytes = std::fs::read(&args.image).with_context(|| format!("cannot read {}", args.image.display()))?;
    let image = Image::from_bytes(&bytes).with_context(|| args.image.display().to_string())?;
    if !args.rows.is_empty() {
        return crate::rows::program(&image, &args.rows, args.output.as_deref(), &args.image, &args.part, &args.machine);
    }
    let (slot, name) = (args.slot, image.name.clone());
    let ((slot, cycles), status) = on_part(&args.part, &args.machine, Access::Change, async move |driver| {
        let first = driver.transport().cycle();
        let slot = match driver.program(&image, slot).await {
            Err(HostError::Machine { name: "RRAM_SLOT", .. }) if slot.is_some() => {
                let slot = slot.unwrap_or(0);
                bail!(
                    "slot {slot} holds the newest image and is not written (RRAM_SLOT): take --slot {}, or leave --slot out",
                    1 - slot
                )
            }
            done => done?,
        };
        Ok((slot, driver.transport().cycle() - first))
    })?;
    let took = if cycles == 0 { String::new() } else { format!(" in {} cycles", output::grouped(cycles)) };
    report(&args.machine, json!({"slot": slot, "cycles": cycles}), &status, &format!("{name}: written to slot {slot}{took}"))?;
    Ok(true)
}

/// Wakes.
pub fn wake(args: &WakeArgs) -> Result<bool> {
    args.part.existing(&args.machine)?;
    let how = if args.warm { Wake::Warm } else { Wake::Checked };
    let ((), status) = on_part(&args.part, &args.machine, Access::Use, async move |driver| Ok(driver.wake_any(how).await?))?;
    report(&args.machine, json!({"warm": args.warm}), &status, "awake")?;
    Ok(true)
}

/// `systole rram ..`.
pub fn rram(args: &RramArgs) -> Result<bool> {
    match &args.verb {
        RramVerb::Status(a) => {
            let name = a.part.existing(&a.machine)?;
            let ((), status) = on_part(&a.part, &a.machine, Access::Read, async |_| Ok(()))?;
            report(&a.machine, Value::Null, &status, &name)?;
        }
        RramVerb::Scrub(a) => {
            a.part.existing(&a.machine)?;
            let (cycles, status) = on_part(&a.part, &a.machine, Access::Change, async |driver| {
                let first = driver.transport().cycle();
                driver.scrub().await?;
                Ok(driver.transport().cycle() - first)
            })?;
            let took = if cycles == 0 { String::new() } else { format!(" in {} cycles", output::grouped(cycles)) };
            report(&a.machine, json!({"cycles": cycles}), &status, &format!("scrubbed{took}"))?;
        }
        RramVerb::Wear(a) => wear(a)?,
        RramVerb::Inject(a) => inject(a)?,
        RramVerb::Age(a) => {
            let config = a.machine.with_rram()?;
            must_exist(a.part.file()?)?;
            let (mut device, file) = a.part.part(a.machine.seed, Access::Change)?.open(&config)?;
            device.age(a.years * 365.25 * 86_400.0, a.celsius);
            file.save(&device)?;
            output::print(&format!("{}: {:.2} years old at 85 C", a.part.file()?.display(), device.now / 365.25 / 86_400.0));
        }
    }
    Ok(true)
}

fn wear(args: &StatusArgs) -> Result<()> {
    let config = args.machine.with_rram()?;
    must_exist(args.part.file()?)?;
    let (device, _) = args.part.part(args.machine.seed, Access::Read)?.open(&config)?;
    let (totals, most) = (device.totals.clone(), device.most_pulses());
    if args.machine.json {
        let json = json!({"totals": totals, "most_pulses_of_a_cell": most, "stuck_cells": device.stuck(), "years": device.now / 365.25 / 86_400.0});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(());
    }
    let line = |name: &str, value: String| output::print(&format!("  {name:<18} {value}"));
    output::print(&args.part.file()?.display().to_string());
    line("pulses on bits", format!("{}, {} changed", output::grouped(totals.bit_pulses), output::grouped(totals.flips)));
    line("energy", format!("{:.3} uJ", totals.energy_pj / 1e6));
    line("most worn cell", format!("{most} pulses"));
    line("stuck cells", device.stuck().to_string());
    line("power cuts", format!("{} in a pulse", totals.cuts));
    line("age", format!("{:.2} years at 85 C", device.now / 365.25 / 86_400.0));
    Ok(())
}

fn inject(args: &InjectArgs) -> Result<()> {
    let config = args.machine.config()?;
    let (mut device, file): (Device, PartFile) = args.part.part(args.machine.seed, Access::Change)?.open(&config)?;
    let width = device.width() * config.weight_beats;
    if args.row >= config.rows || args.line >= config.rram_depth || args.bits.iter().any(|&b| b >= width) {
        bail!(
            "{} has rows 0 to {}, lines 0 to {}, bits 0 to {}",
            config.label(),
            config.rows - 1,
            config.rram_depth - 1,
            width - 1
        );
    }
    if let Some(bit) = args.bits.iter().enumerate().find_map(|(i, b)| args.bits[..i].contains(b).then_some(b)) {
        bail!("--bits: {bit} is there twice");
    }
    for &bit in &args.bits {
        let (address, bit) = (args.line * config.weight_beats + bit / device.width(), bit % device.width());
        match args.stuck {
            Some(value) => device.stick(args.row, address, bit, value == 1),
            None => device.flip(args.row, address, bit),
        }
    }
    file.save(&device)?;
    let done = args.stuck.map_or("turned over".to_string(), |v| format!("stuck at {v}"));
    output::print(&format!(
        "{}: {} bits of row {}, line {} {done}",
        args.part.file()?.display(),
        args.bits.len(),
        args.row,
        args.line
    ));
    Ok(())
}
