// SPDX-License-Identifier: Apache-2.0
//! What people found of mutants that no test finds: why one is the original in another form. A verdict is about one text: where the file has
//! changed since, all its verdicts are looked at again.

use crate::campaign::{Campaign, Fate, Found};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// `verif/mutate/verdicts.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdicts {
    /// By file, which text the verdicts are about.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
    /// The verdicts.
    #[serde(default)]
    pub verdict: Vec<Verdict>,
}

/// One.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The file.
    pub file: String,
    /// Its mutants: `line:column before => after`.
    pub mutants: Vec<String>,
    /// Why they are the original in another form.
    pub equivalent: Option<String>,
    /// The test that was added and finds them.
    pub test: Option<String>,
}

/// A campaign as it is judged.
#[derive(Debug, Default)]
pub struct Judged {
    /// Found by a block's test.
    pub block: usize,
    /// Found by a test of the chip.
    pub chip: usize,
    /// Equivalent.
    pub equivalent: usize,
    /// Nobody knows.
    pub survived: usize,
}

impl Judged {
    /// Found, of those that can be.
    pub fn score(&self) -> f64 {
        let found = self.block + self.chip;
        found as f64 / (found + self.survived).max(1) as f64
    }

    /// All.
    pub fn all(&self) -> usize {
        self.block + self.chip + self.equivalent + self.survived
    }

    /// Adds one.
    pub fn add(&mut self, found: &Found, verdicts: &Verdicts) {
        match found.fate {
            Fate::Block => self.block += 1,
            Fate::Chip => self.chip += 1,
            Fate::Lives if verdicts.equivalent(found).is_some() => self.equivalent += 1,
            Fate::Lives => self.survived += 1,
        }
    }
}

impl Verdicts {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(root: &Path) -> Result<Verdicts> {
        let path = root.join("verif/mutate/verdicts.toml");
        toml::from_str(&std::fs::read_to_string(&path)?).with_context(|| path.display().to_string())
    }

    fn of(&self, found: &Found) -> impl Iterator<Item = &Verdict> {
        let (file, name) = (&found.mutant.file, found.mutant.place());
        self.verdict.iter().filter(move |v| v.file == *file && v.mutants.contains(&name))
    }

    /// Why a mutant is the original in another form.
    pub fn equivalent(&self, found: &Found) -> Option<&str> {
        self.of(found).find_map(|v| v.equivalent.as_deref())
    }

    /// The test that was added for a mutant.
    pub fn test(&self, found: &Found) -> Option<&str> {
        self.of(found).find_map(|v| v.test.as_deref())
    }

    /// What is wrong with the verdicts about a campaign's files: they are about another text, about no mutant, or untrue.
    pub fn complaints(&self, campaign: &Campaign) -> Vec<String> {
        let mut out = vec![];
        let mine = |file: &str| campaign.hashes.contains_key(file);
        for file in self.verdict.iter().map(|v| v.file.as_str()).filter(|f| mine(f)).collect::<std::collections::BTreeSet<_>>() {
            let now = &campaign.hashes[file];
            if self.texts.get(file) != Some(now) {
                out.push(format!(
                    "{file} has changed (its text is {now}): look at its verdicts again, then write this under [texts]"
                ));
            }
        }
        for found in &campaign.results {
            let name = found.mutant.name();
            if found.fate != Fate::Lives && self.equivalent(found).is_some() {
                out.push(format!("{name} is said to be equivalent, and {} finds it", found.test));
            }
            if found.fate == Fate::Lives && self.test(found).is_some() {
                out.push(format!("{name} is said to be found by a test, and lives"));
            }
        }
        for verdict in self.verdict.iter().filter(|v| mine(&v.file)) {
            for name in &verdict.mutants {
                let known = campaign.results.iter().any(|r| r.mutant.file == verdict.file && r.mutant.place() == *name);
                if !known {
                    out.push(format!("{} {name}: no such mutant was drawn with seed {}", verdict.file, campaign.seed));
                }
            }
            if verdict.equivalent.is_some() == verdict.test.is_some() {
                out.push(format!("{} {:?}: a verdict says why, or names a test", verdict.file, verdict.mutants));
            }
        }
        out
    }
}
