// SPDX-License-Identifier: Apache-2.0
//! Writes the picture of docs/integrating.md: `cargo run -p systole-verif --example run_wave -- docs/img/run.svg`.

use anyhow::{Context, Result};
use std::path::Path;

fn main() -> Result<()> {
    let to = std::env::args().nth(1).context("where to? run_wave FILE.svg")?;
    let folder = tempfile::tempdir()?;
    let text = systole_verif::run_wave::picture(folder.path())?;
    systole_files::write(Path::new(&to), text.as_bytes())?;
    println!("wrote {to}");
    Ok(())
}
