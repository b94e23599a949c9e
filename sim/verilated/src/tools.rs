// SPDX-License-Identifier: Apache-2.0
//! The Verilator and the C++ compiler that build models, and what tells one from another.

use crate::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The tools of this process.
pub(crate) struct Tools {
    verilator: PathBuf,
    /// Headers and sources of Verilator's own library.
    pub include: PathBuf,
    /// What `verilator --version` says.
    pub version: String,
    /// By content: unreleased builds of different ages call themselves alike.
    pub fingerprint: String,
    /// The FST writer of newer versions packs with LZ4.
    pub lz4: bool,
}

/// Which Verilator is used: the executable that `VERILATED_VERILATOR` names, or `verilator` in the search path.
pub fn verilator() -> PathBuf {
    std::env::var_os("VERILATED_VERILATOR").filter(|v| !v.is_empty()).map_or_else(|| "verilator".into(), PathBuf::from)
}

impl Tools {
    pub fn get() -> Result<&'static Tools, Error> {
        static TOOLS: OnceLock<Tools> = OnceLock::new();
        if let Some(tools) = TOOLS.get() {
            return Ok(tools);
        }
        let tools = Tools::find(verilator())?;
        Ok(TOOLS.get_or_init(|| tools))
    }

    fn find(verilator: PathBuf) -> Result<Tools, Error> {
        let ask = |argument: &[&str]| -> Result<String, Error> {
            let output = run(command(&verilator).args(argument), "verilator")?;
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
        };
        let version = ask(&["--version"])?;
        let root = PathBuf::from(ask(&["--getenv", "VERILATOR_ROOT"])?);
        let include = root.join("include");
        let gxx = run(Command::new("g++").args(["-dumpfullversion", "-dumpmachine"]), "g++")?;
        let mut hash = blake3::Hasher::new();
        hash.update(version.as_bytes()).update(&gxx.stdout);
        let error = |source| Error::Source { path: include.clone(), source };
        let mut files: Vec<PathBuf> =
            fs::read_dir(&include).map_err(error)?.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_file()).collect();
        files.sort();
        files.extend([
            root.join("bin/verilator_bin"),
            verilator.with_file_name("verilator_bin"),
            "/usr/bin/verilator_bin".into(),
        ]);
        for file in files {
            if let Ok(bytes) = fs::read(&file) {
                hash.update(&(bytes.len() as u64).to_le_bytes()).update(&bytes);
                if file.ends_with("verilator_bin") {
                    break;
                }
            }
        }
        let lz4 = include.join("fstcpp").is_dir();
        let fingerprint = hash.finalize().to_hex()[..24].to_string();
        Ok(Tools { verilator, include, version, fingerprint, lz4 })
    }

    pub fn verilator(&self) -> Command {
        command(&self.verilator)
    }
}

fn command(verilator: &Path) -> Command {
    let mut command = Command::new(verilator);
    if verilator.components().count() > 1 {
        // They speak of the Verilator in the search path.
        command.env_remove("VERILATOR_ROOT").env_remove("VERILATOR_BIN");
    }
    command
}

/// Runs a tool to its end.
pub(crate) fn run(command: &mut Command, package: &'static str) -> Result<Output, Error> {
    command.output().map_err(|e| {
        let tool = command.get_program().to_string_lossy().into_owned();
        match e.kind() {
            std::io::ErrorKind::NotFound => Error::ToolMissing { tool, package },
            _ => Error::Compile { top: String::new(), text: format!("{tool}: {e}") },
        }
    })
}
