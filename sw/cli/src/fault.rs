// SPDX-License-Identifier: Apache-2.0
//! `systole fault`, `systole lifetime`, `systole retention`: the campaigns of the RRAM (docs/rram.md).

use crate::{output, sizes};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use systole_campaigns::chart::{Series, lines};
use systole_campaigns::power::Updates;
use systole_campaigns::{Tally, bound, control, cuts, power, wear, words, years};
use systole_chip::device::CORNERS;
use systole_compiler::compile;
use systole_isa::ecc::Ecc;
use systole_isa::rram::Layout;
use systole_isa::{Config, Image};
use systole_workloads::digits;

/// Break the RRAM on purpose and count what comes of it.
#[derive(Args)]
pub struct FaultArgs {
    /// Kinds: single, double, triple (3 to 6 bits of a code), burst (2 to 8 neighbours), stuck (cell, column, line), decoder,
    /// mixed (the last four); control (flip-flops of the controller, RTL), power-cut (RTL, or the model), row-cut (likewise, in
    /// updates of rows of a table)
    #[arg(long, value_delimiter = ',', default_value = "single,double,triple,burst,stuck,decoder")]
    faults: Vec<String>,
    /// Faults of each kind
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value = "base", help = sizes::help())]
    config: String,
    /// Code of its words, and of the chip whose controller is upset or whose power is cut: secded or dected
    #[arg(long, value_name = "CODE", default_value = "secded")]
    ecc: Ecc,
    /// Where power is cut: rtl, or model (the controller's program on the model of its engine, many times as fast)
    #[arg(long, default_value = "rtl", value_parser = ["rtl", "model"])]
    backend: String,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// How many writes a memory survives, with and without wear levelling.
#[derive(Args)]
pub struct LifetimeArgs {
    /// Lines, 10 to 65536
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(10..=65_536))]
    lines: u32,
    /// Writes that a line survives
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    endurance: u32,
    /// Spread of ln(endurance) from line to line, 0 to 5
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true, value_parser = |s: &str| output::within(s, 0.0, 5.0))]
    spread: f64,
    /// Spare lines
    #[arg(long, default_value_t = 0)]
    spares: usize,
    /// Classes of lines: 2 where a word has one beat (WEIGHT_BEATS 1), 1 where its beats use both ways
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=2))]
    classes: u32,
    /// Seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw the writes of the lines, most worn first, as SVG
    #[arg(long, value_name = "F.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    updates: crate::rows::UpdateArgs,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Many parts, many years: error rates with and without scrubbing, pulses a line.
#[derive(Args)]
pub struct RetentionArgs {
    /// Parts
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    parts: u32,
    /// Years
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    years: u32,
    /// Scrubs a year
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    scrubs: u32,
    /// Temperature in degrees Celsius, -55 to 300
    #[arg(long, default_value_t = 85.0, allow_negative_numbers = true, value_parser = |s: &str| output::within(s, -55.0, 300.0))]
    celsius: f64,
    /// Device parameters
    #[arg(long, default_value = "typ22", value_parser = CORNERS)]
    corner: String,
    /// Configuration; its slot is filled with an image
    #[arg(long, default_value = "small")]
    config: String,
    /// Code of RRAM words: secded or dected
    #[arg(long, value_name = "CODE", default_value = "secded")]
    ecc: Ecc,
    /// Seed of the first part
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw the bit error rate over the years as SVG
    #[arg(long, value_name = "F.svg")]
    plot: Option<PathBuf>,
    /// Draw the pulses that lines took as SVG
    #[arg(long, value_name = "F.svg")]
    plot_pulses: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

fn digits_image(config: &Config) -> Result<Image> {
    Ok(compile(&digits::load()?.network.graph()?, config, &systole_compiler::Options::default())?.image)
}

fn row(name: &str, t: &Tally) {
    let silent = if t.silent == 0 { output::good("0") } else { output::bad(&t.silent.to_string()) };
    output::print(&format!(
        "  {name:<22} {:>9} {:>9} {:>9} {:>5} {:>9}   {silent}, below {:.1e} at 95 %",
        t.total(),
        t.masked,
        t.corrected,
        t.hang,
        t.detected,
        bound(t.silent, t.total())
    ));
}

/// The configuration, which has to have RRAM.
fn with_rram(text: &str, ecc: Ecc) -> Result<Config> {
    let config = sizes::configuration(text, None, None)?;
    ensure!(config.rram_ctrl, "{} has no RRAM (RRAM_CTRL = 0): there is nothing to break or to age", config.label());
    sizes::configuration(text, None, Some(ecc))
}

/// Runs the kinds one behind the other; true when nothing was silent where the CRC is checked, nothing got through a lock
/// and no cut left anything but the old image or the new one.
pub fn fault(args: &FaultArgs) -> Result<bool> {
    let config = with_rram(&args.config, args.ecc)?;
    let known: Vec<&str> = words::KINDS.into_iter().chain(["control", "power-cut", "row-cut"]).collect();
    if let Some(kind) = args.faults.iter().find(|k| !known.contains(&k.as_str())) {
        bail!("--faults {kind}: there are {}", known.join(", "));
    }
    let image = digits_image(&config)?;
    let stored: Vec<String> = args.faults.iter().filter(|k| words::KINDS.contains(&k.as_str())).cloned().collect();
    let results = words::run(&image, &config, &stored, args.count, args.seed);
    let mut good = results.iter().all(|r| r.checked.silent == 0);
    let mut report = serde_json::Map::new();
    if !args.json && !results.is_empty() {
        output::print(&format!("faults in the stored image of digits on {}, {}", config.name, config.ecc.name()));
        output::print("  kind                      faults    masked corrected  hang  detected   silent");
    }
    for r in &results {
        let accuracy = accuracy_change(&image, &config, &r.silent)?;
        report.insert(
            r.kind.clone(),
            json!({"with_crc": r.checked, "code_alone": r.unchecked, "bound_with_crc": bound(r.checked.silent, args.count),
                "accuracy_of_silent": accuracy.map(|(n, mean, worst)| json!({"evaluated": n, "mean_change": mean, "worst_change": worst}))}),
        );
        if !args.json {
            row(&r.kind, &r.checked);
            row("  without the CRC", &r.unchecked);
            if let Some((n, mean, worst)) = accuracy {
                output::print(&format!(
                    "    digits with {n} of these silent faults: accuracy {:+.2} points on average, {:+.2} at worst",
                    100.0 * mean,
                    100.0 * worst
                ));
            }
        }
    }
    if args.faults.iter().any(|k| k == "control") {
        let bar = bar(args.json, args.count, "upsets");
        let upsets = halves(
            args.count,
            |first, count| control::run(args.ecc, first, count, args.seed + first),
            |a: &mut control::Upsets, b| a.merge(b),
        )?;
        bar.finish_and_clear();
        good &= upsets.pulses == 0;
        if !args.json {
            output::print(&format!("upsets of {} flip-flops of the RRAM controller, RTL of tiny", upsets.flip_flops));
            output::print(&format!(
                "  locked: {} upsets, {} let a pulse through, below {:.1e} at 95 %",
                upsets.locked,
                upsets.pulses,
                bound(upsets.pulses, upsets.locked)
            ));
            row("in a wake and a run", &upsets.wake);
            row("in an update", &upsets.update);
            upsets.hung.iter().take(20).for_each(|s| output::print(&format!("    hung: {s}")));
            upsets.silent.iter().take(20).for_each(|s| output::print(&format!("    silent: {s}")));
        }
        report.insert("control".into(), serde_json::to_value(&upsets)?);
    }
    for (kind, updates) in [("power-cut", Updates::Images), ("row-cut", Updates::Rows)] {
        if !args.faults.iter().any(|k| k == kind) {
            continue;
        }
        if args.backend == "model" {
            let cuts = model_cuts(args, updates)?;
            good &= cuts.violations.is_empty();
            report.insert(kind.into(), serde_json::to_value(&cuts)?);
        } else {
            let cuts = rtl_cuts(args, updates)?;
            good &= cuts.violations.is_empty();
            report.insert(kind.into(), serde_json::to_value(&cuts)?);
        }
    }
    if args.json {
        output::print(&serde_json::to_string_pretty(&report)?);
    }
    Ok(good)
}

/// What is updated when power goes.
fn updated(updates: Updates) -> &'static str {
    match updates {
        Updates::Images => "image",
        Updates::Rows => "row",
    }
}

/// Power cuts on the RTL.
fn rtl_cuts(args: &FaultArgs, updates: Updates) -> Result<power::PowerCuts> {
    let bar = bar(args.json, args.count, "power cuts");
    let told = bar.clone();
    // A new part every thousand cuts: cells wear.
    let cuts = halves(
        args.count,
        move |first, count| {
            let mut all = power::PowerCuts::default();
            let mut at = first;
            while at < first + count {
                let n = (first + count - at).min(1000);
                all.merge(power::run(updates, args.ecc, at, n, args.seed + at / 1000)?);
                told.inc(n);
                at += n;
            }
            Ok(all)
        },
        |a: &mut power::PowerCuts, b| a.merge(b),
    )?;
    bar.finish_and_clear();
    if !args.json {
        let bad = cuts.violations.len() as u64;
        output::print(&format!(
            "power cuts in {} updates of {} cycles, RTL of tiny",
            updated(updates),
            output::grouped(cuts.update_cycles)
        ));
        output::print(&format!(
            "  {} cuts, {} of them in a pulse; {} second cuts in the recovery; old image {}, new image {}, update whole {}",
            output::grouped(cuts.cuts),
            cuts.in_pulse,
            output::grouped(cuts.second),
            output::grouped(cuts.old),
            output::grouped(cuts.new),
            cuts.whole
        ));
        let what = format!("{bad} other outcomes");
        output::print(&format!(
            "  {}, below {:.1e} at 95 %",
            if bad == 0 { output::good(&what) } else { output::bad(&what) },
            bound(bad, cuts.cuts)
        ));
        cuts.violations.iter().take(10).for_each(|v| output::print(&format!("    {v}")));
    }
    Ok(cuts)
}

/// Power cuts on the model.
fn model_cuts(args: &FaultArgs, updates: Updates) -> Result<cuts::ModelCuts> {
    let bar = bar(args.json, args.count, "power cuts");
    let told = bar.clone();
    let run = move |first: u64, count: u64| {
        let (mut all, mut at) = (cuts::ModelCuts::default(), first);
        while at < first + count {
            let n = (first + count - at).min(20_000);
            all.merge(cuts::run(updates, args.ecc, at, n, args.seed)?);
            told.inc(n);
            at += n;
        }
        Ok(all)
    };
    let cuts = halves(args.count, run, |a: &mut cuts::ModelCuts, b| a.merge(b))?;
    bar.finish_and_clear();
    if !args.json {
        let (bad, grouped) = (cuts.violations.len() as u64, output::grouped);
        output::print(&format!(
            "power cuts in {} {} updates ({} refused) of {} parts, the controller's program on the model of tiny",
            grouped(cuts.updates),
            updated(updates),
            cuts.refused,
            cuts.parts
        ));
        output::print(&format!(
            "  {} cuts, {} of them in a pulse; before {} instructions, at {} addresses; {} second cuts in the recovery; old image {}, new image {}",
            grouped(cuts.cuts),
            grouped(cuts.in_pulse),
            grouped(cuts.instructions),
            cuts.addresses.len(),
            grouped(cuts.second),
            grouped(cuts.old),
            grouped(cuts.new)
        ));
        let what = format!("{bad} other outcomes");
        output::print(&format!(
            "  {}, below {:.1e} at 95 %",
            if bad == 0 { output::good(&what) } else { output::bad(&what) },
            bound(bad, cuts.cuts)
        ));
        cuts.violations.iter().take(10).for_each(|v| output::print(&format!("    {v}")));
    }
    Ok(cuts)
}

fn bar(quiet: bool, count: u64, what: &str) -> indicatif::ProgressBar {
    if quiet { indicatif::ProgressBar::hidden() } else { output::bar(count, what) }
}

/// A campaign in two halves, one a core.
fn halves<T: Default + Send>(count: u64, run: impl Fn(u64, u64) -> Result<T> + Sync, merge: impl Fn(&mut T, T)) -> Result<T> {
    let first = count / 2;
    let parts = std::thread::scope(|scope| {
        let a = scope.spawn(|| if first > 0 { run(0, first) } else { Ok(T::default()) });
        let b = scope.spawn(|| run(first, count - first));
        [a, b].map(|h| h.join().unwrap_or_else(|e| std::panic::resume_unwind(e)))
    });
    let mut all = T::default();
    for part in parts {
        merge(&mut all, part?);
    }
    Ok(all)
}

/// Accuracy of the digits network with silent faults in its weights: how many were looked at, mean and worst change.
fn accuracy_change(image: &Image, config: &Config, silent: &[Vec<(usize, u8)>]) -> Result<Option<(usize, f64, f64)>> {
    let in_weights: Vec<_> = silent.iter().filter(|f| f.iter().all(|&(i, _)| i < image.weights.len())).take(100).collect();
    if in_weights.is_empty() {
        return Ok(None);
    }
    let set = digits::load()?;
    let accuracy = |image: &Image| -> Result<f64> {
        let mut machine = systole_golden::Machine::new(config.clone());
        machine.load_image(image)?;
        let mut right = 0;
        for (input, &label) in set.images.iter().zip(&set.labels) {
            let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
            let run = machine.run(&image.input.pack(&values, image.in_bytes as usize))?;
            let out = image.output.unpack(&run.frame).context("the output frame is too short")?;
            right += u32::from(digits::answer(&out) == label);
        }
        Ok(f64::from(right) / set.images.len() as f64)
    };
    let before = accuracy(image)?;
    let (mut sum, mut worst) = (0.0, 0.0f64);
    for fault in &in_weights {
        let mut broken = image.clone();
        fault.iter().for_each(|&(i, b)| broken.weights[i] = b as i8);
        let change = accuracy(&broken)? - before;
        sum += change;
        worst = worst.min(change);
    }
    Ok(Some((in_weights.len(), sum / in_weights.len() as f64, worst)))
}

/// Lifetimes of all patterns.
pub fn lifetime(args: &LifetimeArgs) -> Result<bool> {
    if args.updates.asked() {
        return crate::rows::lifetime(&args.updates, u64::from(args.endurance), args.seed, args.json);
    }
    output::check_writable(&args.plot)?;
    let setting = wear::Setting {
        lines: args.lines as usize,
        endurance: args.endurance,
        spread: args.spread,
        spares: args.spares,
        classes: args.classes as usize,
        level: true,
    };
    let mut all = vec![];
    for pattern in wear::PATTERNS {
        let none = wear::lifetime(pattern, wear::Setting { level: false, ..setting }, args.seed);
        all.push((none, wear::lifetime(pattern, setting, args.seed)));
    }
    if let Some(path) = &args.plot {
        let curve = |l: &wear::Lifetime, name: String| {
            let mut wear = l.wear.clone();
            wear.sort_unstable_by_key(|&w| std::cmp::Reverse(w));
            let step = (wear.len() / 64).max(1);
            Series { name, points: wear.iter().enumerate().step_by(step).map(|(i, &w)| (i as f64, f64::from(w))).collect() }
        };
        let series: Vec<Series> = all
            .iter()
            .filter(|(n, _)| n.pattern == "zipf" || n.pattern == "hammer")
            .flat_map(|(n, l)| [curve(n, format!("{} without", n.pattern)), curve(l, format!("{} levelled", l.pattern))])
            .collect();
        lines(
            path,
            "Writes of the lines when the first cannot be replaced",
            ("line, most worn first", "writes"),
            false,
            &series,
        )?;
    }
    if args.json {
        let json: Vec<_> = all.iter().map(|(n, l)| json!({"without": n, "levelled": l})).collect();
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    output::print(&format!(
        "demand writes until the first line that cannot be replaced, over {} lines x {} writes (spread {}, {} spares)",
        args.lines, args.endurance, args.spread, args.spares
    ));
    output::print("  pattern     without   levelled   more writes");
    for (none, l) in &all {
        output::print(&format!(
            "  {:<10} {:>8.3} {:>10.3} {:>11.2} %",
            l.pattern,
            none.normalised,
            l.normalised,
            100.0 * l.overhead
        ));
    }
    Ok(true)
}

/// The same parts with and without scrubbing.
pub fn retention(args: &RetentionArgs) -> Result<bool> {
    output::check_writable(&args.plot)?;
    output::check_writable(&args.plot_pulses)?;
    let config = with_rram(&args.config, args.ecc)?;
    let image = years::fill(digits_image(&config)?, &config);
    let setting = |scrubs| years::Setting {
        parts: args.parts,
        years: args.years,
        scrubs,
        celsius: args.celsius,
        corner: args.corner.clone(),
        seed: args.seed,
    };
    let bar = bar(args.json, u64::from(2 * args.parts), "parts");
    let both = std::thread::scope(|scope| {
        [0, args.scrubs]
            .map(|scrubs| {
                let (image, config, setting, bar) = (&image, &config, setting(scrubs), bar.clone());
                scope.spawn(move || years::run(image, config, &setting, |_| bar.inc(1)))
            })
            .map(|h| h.join().unwrap_or_else(|e| std::panic::resume_unwind(e)))
    });
    bar.finish_and_clear();
    let [without, with] = both;
    let (without, with) = (without?, with?);
    let points = |y: &years::Years| y.ber.iter().enumerate().map(|(n, &b)| (n as f64, b)).collect::<Vec<_>>();
    if let Some(path) = &args.plot {
        let series = [
            Series { name: "without scrubbing".into(), points: points(&without) },
            Series { name: format!("{} scrubs a year", args.scrubs), points: points(&with) },
        ];
        let title = format!("Raw bit error rate, {} parts, {}, {} C", args.parts, args.corner, args.celsius);
        lines(path, &title, ("years", "wrong bits / bits"), true, &series)?;
    }
    if let Some(path) = &args.plot_pulses {
        let total: u64 = without.rounds.iter().sum();
        let points = without.rounds.iter().enumerate().map(|(n, &c)| (n as f64, c as f64 / total as f64)).collect();
        let series = [Series { name: format!("{} lines", output::grouped(total)), points }];
        lines(path, "Rounds of pulses that a line took (9: given up and retired)", ("rounds", "share of lines"), true, &series)?;
    }
    let lines: u64 = with.rounds.iter().sum();
    let given_up = with.rounds.last().copied().unwrap_or(0);
    let good = with.good + with.unprogrammed == args.parts && with.uncorrectable == 0;
    if args.json {
        let json = json!({"config": config.name, "setting": setting(args.scrubs), "lines": Layout::of(&config).usable(), "with_scrub": with, "without_scrub": without});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(good);
    }
    output::print(&format!(
        "{} parts of {} with a full slot, {} years at {} C, {}",
        args.parts, config.name, args.years, args.celsius, args.corner
    ));
    output::print(&format!(
        "  lines programmed  {}; {given_up} given up after 8 rounds and retired ({} more than {} rounds)",
        output::grouped(lines),
        with.rounds[5..9].iter().sum::<u64>(),
        4
    ));
    for (name, y) in [("without scrubbing".to_string(), &without), (format!("{} scrubs a year", args.scrubs), &with)] {
        output::print(&format!(
            "  {name:<18} {} of {} parts woke every year; {} words corrected, {} beyond correction; {} lines written again; error rate at the end {:.1e}",
            y.good,
            args.parts,
            y.corrected,
            y.uncorrectable,
            y.refreshed,
            y.ber.last().copied().unwrap_or(0.0)
        ));
    }
    let bits = with.bits;
    output::print(&format!(
        "  {} bits watched; none wrong is an error rate below {:.1e} at 95 %",
        output::grouped(bits),
        bound(0, bits)
    ));
    Ok(good)
}
