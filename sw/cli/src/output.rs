// SPDX-License-Identifier: Apache-2.0
//! Progress, colours, files.

pub use systole_report::numbers::grouped;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::{OwoColorize, Stream};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A bar that shows itself on a terminal, for what takes more than a second.
pub fn bar(length: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:32}] {pos}/{len} {elapsed}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what.to_string());
    bar.enable_steady_tick(Duration::from_millis(200)); // moves while the model is built
    bar
}

/// Green on a terminal.
pub fn good(text: &str) -> String {
    text.if_supports_color(Stream::Stdout, |t| t.green()).to_string()
}

/// Whether the RTL wrote what the model says, where that was looked at.
pub fn in_step(report: &systole_workloads::Report) -> bool {
    report.lockstep.as_ref().is_none_or(|l| l.is_good())
}

/// Says so.
pub fn lockstep(report: &systole_workloads::Report) {
    if let Some(lockstep) = &report.lockstep {
        let text = lockstep.to_string();
        print(&format!("  lockstep          {}", if lockstep.is_good() { good(&text) } else { bad(&text) }));
    }
}

/// Red on a terminal.
pub fn bad(text: &str) -> String {
    text.if_supports_color(Stream::Stdout, |t| t.red()).to_string()
}

/// Prints; a reader that went away is no error.
pub fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Fails now if a file could not be written later: nobody wants to learn it after the run.
pub fn check_writable(path: &Option<PathBuf>) -> Result<()> {
    Ok(path.as_ref().map_or(Ok(()), |path| systole_files::check(path))?)
}

/// Writes a file whole or not at all; into a device, a FIFO or through a link as it stands ([`systole_files::write`]).
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(systole_files::write(path, bytes)?)
}

/// Parses a number from `low` to `high`, for options.
pub fn within(text: &str, low: f64, high: f64) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number.filter(|n| (low..=high).contains(n)).ok_or_else(|| format!("not a number from {low} to {high}"))
}
