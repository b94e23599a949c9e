// SPDX-License-Identifier: Apache-2.0
//! Groups of the RTL, and which of all mutants of a group are run: drawn by a seed, evenly over files and rules. What is drawn of a file
//! depends on the seed and on that file alone.

use crate::parse::parse;
use crate::schema::flat;
use crate::site::{Mutant, Rule};
use anyhow::{Context, Result, ensure};
use rand::{SeedableRng, seq::SliceRandom};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A part of the RTL with the tests that know it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What it is, for the report.
    pub what: String,
    /// Its files, from the root of the project.
    pub files: Vec<String>,
    /// Tests of the program `block`: the beginnings of their names.
    pub block: Vec<String>,
    /// Tests of the program `machine` that are asked of what those let live.
    pub chip: Vec<String>,
}

/// `verif/mutate/groups.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// Mutants of each group, at least.
    pub mutants: usize,
    /// The share of mutants that tests must find.
    pub score: f64,
    /// Tests that are not asked: their models are made of other sources.
    pub not: Vec<String>,
    /// The groups.
    pub group: Vec<Group>,
}

impl Groups {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(root: &Path) -> Result<Groups> {
        let path = root.join("verif/mutate/groups.toml");
        toml::from_str(&std::fs::read_to_string(&path)?).with_context(|| path.display().to_string())
    }

    /// The one of that name, or all.
    ///
    /// # Errors
    /// There is none.
    pub fn chosen(&self, name: Option<&str>) -> Result<Vec<&Group>> {
        let chosen: Vec<_> = self.group.iter().filter(|g| name.is_none_or(|n| g.name == n)).collect();
        let names: Vec<_> = self.group.iter().map(|g| g.name.as_str()).collect();
        ensure!(!chosen.is_empty(), "no group {}; there are {}", name.unwrap_or(""), names.join(", "));
        Ok(chosen)
    }
}

/// A file of a group.
pub struct File {
    /// Its path from the root of the project.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Where declarations go.
    pub heads: Vec<(String, usize)>,
    /// All its mutants.
    pub all: Vec<Mutant>,
}

impl File {
    /// Reads and parses one.
    ///
    /// # Errors
    /// Where it cannot be read or is not understood.
    pub fn read(root: &Path, path: &str) -> Result<File> {
        let text = std::fs::read_to_string(root.join(path)).with_context(|| path.to_string())?;
        let parsed = parse(&text).with_context(|| path.to_string())?;
        let all = parsed.sites.iter().flat_map(|site| site.mutants(&text)).collect();
        Ok(File { path: path.into(), heads: parsed.heads, all, text })
    }

    /// Says which text it is.
    pub fn hash(&self) -> String {
        blake3::hash(self.text.as_bytes()).to_hex()[..16].to_string()
    }
}

/// A mutant that was drawn.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Drawn {
    /// Its number in its group, from 1 on.
    pub number: u32,
    /// Path of the file.
    pub file: String,
    /// Line, from 1 on.
    pub line: usize,
    /// Column, from 1 on.
    pub column: usize,
    /// What is done.
    pub rule: String,
    /// What stands in the file.
    pub before: String,
    /// What stands there instead.
    pub after: String,
}

impl Drawn {
    fn of(file: &File, number: u32, mutant: &Mutant) -> Drawn {
        let before = &file.text[..mutant.start];
        let line = before.matches('\n').count() + 1;
        let column = mutant.start - before.rfind('\n').map_or(0, |n| n + 1) + 1;
        Drawn {
            number,
            file: file.path.clone(),
            line,
            column,
            rule: mutant.rule.to_string(),
            before: flat(&file.text[mutant.start..mutant.end]),
            after: flat(&mutant.after(&file.text)),
        }
    }

    /// Names it in its file, whatever its number.
    pub fn place(&self) -> String {
        format!("{}:{} {} => {}", self.line, self.column, self.before, self.after)
    }

    /// Names it.
    pub fn name(&self) -> String {
        format!("{}:{}", self.file.rsplit('/').next().unwrap_or(""), self.place())
    }
}

/// The order in which a file's mutants are drawn: a rule after the other, each in random order.
fn order(file: &File, seed: u64) -> Vec<usize> {
    let key = blake3::hash(format!("{seed} {}", file.path).as_bytes());
    let mut rng = rand_chacha::ChaCha8Rng::from_seed(*key.as_bytes());
    let mut rules: BTreeMap<Rule, Vec<usize>> = BTreeMap::new();
    for (n, mutant) in file.all.iter().enumerate() {
        rules.entry(mutant.rule).or_default().push(n);
    }
    for indices in rules.values_mut() {
        indices.shuffle(&mut rng);
    }
    let mut out = vec![];
    while rules.values().any(|v| !v.is_empty()) {
        out.extend(rules.values_mut().filter_map(Vec::pop));
    }
    out
}

/// What is run of a group: for each mutant its number, file and index in the file.
pub struct Draw {
    /// The group's files.
    pub files: Vec<File>,
    /// Each mutant with its file's index and its index there.
    pub mutants: Vec<(Drawn, usize, usize)>,
}

/// Draws so many mutants of a group, or all where there are fewer: every file has its share, and what it cannot give is shared by the others.
///
/// # Errors
/// As [`File::read`]; files that do not exist.
pub fn draw(root: &Path, group: &Group, count: usize, seed: u64) -> Result<Draw> {
    let files = group.files.iter().map(|path| File::read(root, path)).collect::<Result<Vec<_>>>()?;
    ensure!(!files.is_empty(), "group {} has no files", group.name);
    let mut left: Vec<_> = files.iter().map(|f| order(f, seed).into_iter()).collect();
    let mut taken: Vec<(usize, usize)> = vec![];
    while taken.len() < count {
        let before = taken.len();
        for (file, order) in left.iter_mut().enumerate() {
            taken.extend(order.next().map(|index| (file, index)));
        }
        if taken.len() == before {
            break;
        }
    }
    taken.sort_unstable();
    let drawn = |(n, (file, index)): (usize, &(usize, usize))| {
        (Drawn::of(&files[*file], n as u32 + 1, &files[*file].all[*index]), *file, *index)
    };
    let mutants = taken.iter().enumerate().map(drawn).collect();
    Ok(Draw { files, mutants })
}
