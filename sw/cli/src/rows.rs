// SPDX-License-Identifier: Apache-2.0
//! `systole program --rows`: rows of tables of an image that is programmed and awake (docs/recommenders.md).

use crate::rram::{PartArgs, on_part, report};
use crate::{Machine, output};
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use systole_backends::Backend;
use systole_campaigns::trace::{self, Kind};
use systole_chip::Access;
use systole_chip::device::Totals;
use systole_host::{HostError, Wake};
use systole_isa::{Config, Image};
use systole_workloads::npy;

/// TABLE=FILE.npy, and which rows: from a first one on, or those of a file of numbers. Names of tables and files may have `=` in them:
/// which one stands between them is known when the image's tables are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows(Vec<Assignment>);

/// One way to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Assignment {
    table: String,
    file: PathBuf,
    at: At,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    From(u32),
    File(PathBuf),
}

impl FromStr for Rows {
    type Err = String;

    fn from_str(text: &str) -> Result<Rows, String> {
        let ways = text.match_indices('=').filter_map(|(n, _)| Assignment::of(&text[..n], &text[n + 1..]));
        let ways: Vec<Assignment> = ways.collect();
        let form = || format!("{text}: not TABLE=FILE.npy, TABLE=FILE.npy:FIRST_ROW or TABLE=FILE.npy:ROWS.npy");
        if ways.is_empty() { Err(form()) } else { Ok(Rows(ways)) }
    }
}

impl Assignment {
    fn of(table: &str, rest: &str) -> Option<Assignment> {
        let (file, at) = match rest.find(".npy:") {
            None => (rest, At::From(0)),
            Some(n) => match &rest[n + 5..] {
                "" => return None,
                at if at.ends_with(".npy") => (&rest[..n + 4], At::File(at.into())),
                at => (&rest[..n + 4], At::From(at.parse().ok()?)),
            },
        };
        (!table.is_empty() && !file.is_empty()).then(|| Assignment { table: table.into(), file: file.into(), at })
    }
}

fn numbers(path: &Path) -> Result<Vec<i64>> {
    let wide = npy::read_i64(path).map(|a| a.data);
    let narrow = |e: anyhow::Error| npy::read_i32(path).map(|a| a.data.into_iter().map(i64::from).collect()).map_err(|_| e);
    wide.or_else(narrow).with_context(|| format!("{}: numbers of rows are int64 or int32", path.display()))
}

impl Rows {
    /// Puts the rows into an image; how many. `done`: tables and rows that others have named.
    ///
    /// # Errors
    /// Files that cannot be read or have another type or shape; no such table or row, a row that is named twice.
    pub fn apply(&self, image: &mut Image, config: &Config, done: &mut BTreeSet<(String, u32)>) -> Result<usize> {
        let way = self.of(|table| image.table(table).is_ok()).context("no table is named")?;
        way.apply(image, config, done)
    }

    /// The reading with the longest name of a table that there is, or the first one.
    fn of(&self, has: impl Fn(&str) -> bool) -> Option<&Assignment> {
        self.0.iter().rev().find(|way| has(&way.table)).or(self.0.first())
    }
}

impl Assignment {
    fn apply(&self, image: &mut Image, config: &Config, done: &mut BTreeSet<(String, u32)>) -> Result<usize> {
        let width = image.table(&self.table)?.width as usize;
        let codes = npy::read_i8(&self.file).map_err(|e| {
            let text = format!("{e:#}");
            let codes = "rows are codes as they lie in RRAM, int8: of a uint8 table its codes less 128, of numbers rint(x / scale) + zero point \
                         as compile lists them";
            anyhow!("{}", text.replace("convert with numpy's astype", codes))
        })?;
        let (count, per_row) = match codes.shape[..] {
            [w] => (1, w),
            [n, w] => (n, w),
            _ => bail!("{}: shape {:?}, not rows of {width} codes", self.file.display(), codes.shape),
        };
        ensure!(per_row == width, "{}: rows of {per_row} codes, {} has {width}", self.file.display(), self.table);
        let rows: Vec<u32> = match &self.at {
            At::From(first) => (0..count as u32).map(|n| first.saturating_add(n)).collect(),
            At::File(path) => {
                let numbers = numbers(path)?;
                ensure!(
                    numbers.len() == count,
                    "{}: {} numbers, {} has {count} rows",
                    path.display(),
                    numbers.len(),
                    self.file.display()
                );
                let of = |&n: &i64| u32::try_from(n).map_err(|_| anyhow!("{}: {n} is no row", path.display()));
                numbers.iter().map(of).collect::<Result<_>>()?
            }
        };
        if let Some(twice) = rows.iter().find(|&&row| !done.insert((self.table.clone(), row))) {
            bail!("{}: row {twice} is named twice", self.table);
        }
        let all: Vec<(u32, &[i8])> = rows.iter().copied().zip(codes.data.chunks(width)).collect();
        image.set_rows(&self.table, &all, config)?;
        Ok(all.len())
    }
}

/// Updates of the tables of an image, for `systole lifetime`.
#[derive(Args)]
pub struct UpdateArgs {
    /// The image whose tables are updated, as `systole compile -o` writes it
    #[arg(long, value_name = "M.img")]
    image: Option<PathBuf>,
    /// Updates: lines SECONDS TABLE ROWS, times rising, ROWS as 5,7-12; over and over
    #[arg(long, value_name = "FILE", requires = "image")]
    trace: Option<PathBuf>,
    /// Instead of a trace: this share of the rows of every table, in percent, chosen evenly
    #[arg(long, value_name = "PERCENT", requires = "image", conflicts_with = "trace", value_parser = |s: &str| output::within(s, 0.0, 100.0))]
    share: Option<f64>,
    /// Seconds between such updates
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, requires = "share", value_parser = |s: &str| output::within(s, 1e-3, 1e9))]
    every: f64,
    #[arg(long, default_value = "base", requires = "image", help = crate::sizes::help())]
    config: String,
}

impl UpdateArgs {
    /// Whether updates are asked about.
    pub fn asked(&self) -> bool {
        self.image.is_some() || self.trace.is_some() || self.share.is_some()
    }
}

/// Updates of a made trace before it repeats.
const MADE: usize = 1000;

fn years(years: f64) -> String {
    match years {
        y if y >= 100.0 => format!("{y:.0} years"),
        y if y >= 1.0 => format!("{y:.1} years"),
        y => format!("{:.1} days", y * 365.25),
    }
}

/// What a trace of updates does to a part, with and without wear levelling.
pub fn lifetime(args: &UpdateArgs, endurance: u64, seed: u64, as_json: bool) -> Result<bool> {
    let path = args.image.as_ref().context("--image M.img: whose tables are updated?")?;
    let config = crate::sizes::configuration(&args.config, None, None)?;
    ensure!(config.rram_ctrl, "{} has no RRAM (RRAM_CTRL = 0): nothing wears", config.label());
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let image = Image::from_bytes(&bytes).with_context(|| path.display().to_string())?;
    image.check_machine(&config)?;
    let trace = match (&args.trace, args.share) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            trace::read(&text, &image, &config).with_context(|| file.display().to_string())?
        }
        (None, Some(share)) => trace::even(&image, &config, share / 100.0, args.every, MADE, seed)?,
        (None, None) => bail!("--trace FILE, or --share PERCENT: which updates?"),
    };
    let [with, without] = [true, false].map(|level| trace::life(&trace, &image, &config, endurance, level));
    if as_json {
        let json = json!({"image": image.name, "config": config.name, "endurance": endurance, "period_s": trace.period,
            "updates_in_trace": trace.changes.len(), "levelled": with, "without": without});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    output::print(&format!(
        "{} on {}: an update every {:.3} s, {:.1} lines written in each, {} writes a line",
        image.name,
        config.label(),
        trace.period / trace.changes.len() as f64,
        with.lines_per_update,
        output::grouped(endurance)
    ));
    output::print("                            levelled      without");
    let names = ["lines of the image", "copy of the line table", "records"];
    for ((name, (_, l)), (_, n)) in names.into_iter().zip(with.years_by_kind).zip(without.years_by_kind) {
        output::print(&format!("  {name:<22} {:>12} {:>12}", years(l), years(n)));
    }
    for (name, life) in [("levelled", &with), ("without", &without)] {
        let what = match life.worst.kind {
            Kind::Image => "of the image",
            Kind::TableCopy => "of a copy of the line table",
            Kind::Record => "of a record",
        };
        output::print(&format!(
            "  worst, {name:<15} line {}, {what}: {}, {:.2} writes an update",
            life.worst.line,
            years(life.years),
            life.worst.writes as f64 / life.updates as f64
        ));
    }
    Ok(true)
}

/// The cells' totals, where a file keeps them.
fn totals(part: &PartArgs, machine: &Machine) -> Result<Option<Totals>> {
    if machine.backend() == Backend::Board {
        return Ok(None);
    }
    let (device, _) = part.part(machine.seed, Access::Read)?.open(&machine.config()?)?;
    Ok(Some(device.totals.clone()))
}

/// Writes the rows into the image that is awake, and says what that took.
pub fn program(old: &Image, rows: &[Rows], to: Option<&Path>, from: &Path, part: &PartArgs, machine: &Machine) -> Result<bool> {
    let to = to.context("--rows makes another image, which is what the next update begins with: -o NEW.img")?;
    let same = |a: &Path, b: &Path| a == b || a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    ensure!(!same(from, to), "-o {}: the image before stays until the new one is committed: another name", to.display());
    part.existing(machine)?;
    let config = machine.config()?;
    old.check_machine(&config)?;
    let mut new = old.clone();
    let mut done = BTreeSet::new();
    let count: usize = rows.iter().map(|r| r.apply(&mut new, &config, &mut done)).sum::<Result<_>>()?;
    new.follows(old, &config)?;
    let differ = new.before.as_ref().map_or(0, |b| b.lines.len());
    let before = totals(part, machine)?;
    let (old, image, file) = (old.clone(), new.clone(), to.to_path_buf());
    let ((done, cycles, pulses), status) = on_part(part, machine, Access::Change, async move |driver| {
        let pulses = driver.rram_status().await?.pulses;
        let first = driver.transport().cycle();
        let update = driver.begin_update(&old, &image).await.map_err(|e| match e {
            HostError::OtherImage { name, found, expected } => {
                anyhow!("the image that is awake has CRC {found:08x}, {name} has {expected:08x}: rows are changed in the image that is awake")
            }
            e => e.into(),
        })?;
        // Behind all that could refuse the update, and before anything is written to the part: whichever wakes later, its image is a file,
        // and a file of the image that is awake is not lost to an update that is none.
        systole_files::write(&file, &image.to_bytes())?;
        let done = driver.commit_update(update).await?;
        driver.wake(Wake::Warm, &image).await?;
        Ok((done, driver.transport().cycle() - first, pulses))
    })?;
    let pulses = status.pulses.saturating_sub(pulses);
    let cells = totals(part, machine)?.zip(before).map(|(after, before)| {
        let energy = (after.energy_pj - before.energy_pj) / 1e6;
        (after.bit_pulses - before.bit_pulses, energy)
    });
    let mut text = format!(
        "{}: {count} rows changed, in {differ} lines; {} lines sent, {} words of {} bytes, to slot {}",
        new.name,
        done.lines,
        output::grouped(done.words.into()),
        config.cols,
        done.slot
    );
    if done.whole {
        text.push_str("\n  all lines         what the slot held was not known: the next update writes rows only");
    }
    if let Some((bits, energy)) = cells {
        text.push_str(&format!("\n  cells             {} pulses on bits, {energy:.3} uJ", output::grouped(bits)));
    }
    if cycles != 0 {
        let ms = cycles as f64 / 1e5;
        text.push_str(&format!(
            "\n  time              {} cycles, {ms:.3} ms at 100 MHz, the wake among them",
            output::grouped(cycles)
        ));
    }
    let result = json!({"rows": count, "lines_changed": differ, "update": done, "row_pulses": pulses, "cycles": cycles,
        "bit_pulses": cells.map(|c| c.0), "energy_uj": cells.map(|c| c.1), "image": to});
    report(machine, result, &status, &text)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_named_by_file_and_first_row_or_by_a_file_of_numbers() {
        let of = |text: &str, table: &str| text.parse::<Rows>().map(|rows| rows.of(|name| name == table).cloned());
        let way = |table: &str, file: &str, at| Ok(Some(Assignment { table: table.into(), file: file.into(), at }));
        assert_eq!(of("e.0=a.npy", "e.0"), way("e.0", "a.npy", At::From(0)));
        assert_eq!(of("e.0=x=y/a.npy:7", "e.0"), way("e.0", "x=y/a.npy", At::From(7)));
        assert_eq!(of("e.0=a.npy:n.npy", "e.0"), way("e.0", "a.npy", At::File("n.npy".into())));
        assert_eq!(of("a=b=c.npy:7", "a=b"), way("a=b", "c.npy", At::From(7)));
        assert_eq!(of("a=b=c.npy", "none"), way("a", "b=c.npy", At::From(0)));
        for bad in ["e.0", "=a.npy", "e.0=", "e.0=a.npy:", "e.0=a.npy:x", "e.0=a.npy:-1"] {
            assert!(of(bad, "e.0").unwrap_err().contains("FIRST_ROW"), "{bad}");
        }
    }
}
