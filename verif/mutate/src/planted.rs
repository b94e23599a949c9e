// SPDX-License-Identifier: Apache-2.0
//! Bugs that are planted one at a time: each is found by a test of the quick suite, whose message points at the place.

use crate::campaign::{Run, copy};
use crate::program::{Program, Setting};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `verif/mutate/planted.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    /// The bugs.
    pub bug: Vec<Bug>,
}

/// One.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bug {
    /// What is wrong.
    pub what: String,
    /// The file.
    pub file: String,
    /// What stands in it, once.
    pub find: String,
    /// What stands there instead.
    pub by: String,
    /// `block` or `machine`.
    pub program: String,
    /// A test of it that finds the bug.
    pub test: String,
    /// What its message says.
    pub says: String,
}

impl Planted {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(root: &Path) -> Result<Planted> {
        let path = root.join("verif/mutate/planted.toml");
        toml::from_str(&std::fs::read_to_string(&path)?).with_context(|| path.display().to_string())
    }
}

impl Bug {
    /// The file's text with the bug.
    ///
    /// # Errors
    /// The text is not there, or not once.
    pub fn planted(&self, root: &Path) -> Result<String> {
        let text = std::fs::read_to_string(root.join(&self.file)).with_context(|| self.file.clone())?;
        let times = text.matches(&self.find).count();
        ensure!(times == 1, "{}: '{}' stands {times} times in {}", self.what, self.find, self.file);
        Ok(text.replace(&self.find, &self.by))
    }

    /// The RTL with the bug, in this folder.
    fn plant(&self, root: &Path, folder: &Path) -> Result<PathBuf> {
        let rtl = folder.join("rtl");
        let _ = std::fs::remove_dir_all(&rtl);
        copy(&root.join("rtl"), &rtl)?;
        std::fs::write(rtl.join(self.file.strip_prefix("rtl/").context("a file outside rtl/")?), self.planted(root)?)?;
        Ok(rtl)
    }
}

/// Plants each bug and runs its test; gives what is wrong.
///
/// # Errors
/// Where a test cannot be run.
pub fn all(run: &Run, programs: &[Program]) -> Result<Vec<String>> {
    let mut wrong = vec![];
    for (n, bug) in Planted::read(run.root)?.bug.iter().enumerate() {
        let folder = run.folder().join("planted").join(n.to_string());
        let rtl = bug.plant(run.root, &folder)?;
        let program = programs.iter().find(|p| p.name == bug.program).context("no such program")?;
        let setting: Setting = run.setting(&rtl, 0);
        let outcome = program.run(&bug.test, &setting)?;
        println!("{:2}. {} ({})\n    {} {}\n    {}", n + 1, bug.what, bug.file, bug.program, bug.test, outcome.message);
        if outcome.passed {
            wrong.push(format!("{}: {} passes", bug.what, bug.test));
        } else if !outcome.message.contains(&bug.says) {
            wrong.push(format!("{}: the message does not say '{}'", bug.what, bug.says));
        }
    }
    Ok(wrong)
}
