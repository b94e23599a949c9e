// SPDX-License-Identifier: Apache-2.0
//! A group's campaign: the text with all its mutants, its tests on the original, then each mutant against the tests that simulate its
//! module, the one first that found most in this file. What lives is asked of the chip.

use crate::draw::{Draw, Drawn, Group, Groups, draw};
use crate::program::{Program, Setting};
use crate::schema::{MUTANT, SEEN, schemata};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

/// What became of a mutant.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// A test of the blocks failed.
    Block,
    /// A test of the chip failed.
    Chip,
    /// All passed.
    Lives,
}

/// A mutant with its fate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// The mutant.
    pub mutant: Drawn,
    /// What became of it.
    pub fate: Fate,
    /// The test that found it.
    pub test: String,
    /// What it said, or that it did not end.
    pub message: String,
    /// It was found by its time.
    pub timeout: bool,
}

/// A group's results.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Campaign {
    /// The group.
    pub group: String,
    /// What it is.
    pub what: String,
    /// The seed of the draw.
    pub seed: u64,
    /// Says which texts the mutants are of, by file.
    pub hashes: BTreeMap<String, String>,
    /// All mutants.
    pub results: Vec<Found>,
    /// Seconds of the clock, models and all.
    pub seconds: f64,
}

/// How it is run.
pub struct Run<'a> {
    /// The root of the project.
    pub root: &'a Path,
    /// Groups and their rules.
    pub groups: &'a Groups,
    /// Seed of the draw.
    pub seed: u64,
    /// Processes at a time.
    pub jobs: usize,
    /// Do not run again what the last campaign of the same texts found.
    pub keep: bool,
}

/// A test with what the original says.
#[derive(Debug, Clone)]
struct Test {
    program: Program,
    name: String,
    seconds: f64,
    modules: BTreeSet<String>,
}

impl Run<'_> {
    /// The folder of everything that is written.
    pub fn folder(&self) -> PathBuf {
        self.root.join("target/mutate")
    }

    /// What tests are run with: this RTL, models of their own, a mutant.
    pub fn setting(&self, rtl: &Path, mutant: u32) -> Setting {
        let path = |p: &Path| p.to_string_lossy().into_owned();
        let optimise = std::env::var("VERILATED_OPT").unwrap_or("-O1".into());
        let variables = [
            ("SYSTOLE_RTL", path(rtl)),
            ("VERILATED_CACHE", path(&self.folder().join("models"))),
            ("VERILATED_OPT", optimise),
            (MUTANT, mutant.to_string()),
        ];
        Setting { variables: variables.map(|(k, v)| (k.to_string(), v)).into(), usual: None }
    }

    /// Writes the group's text with all its mutants; gives its folder.
    fn write(&self, group: &Group, draw: &Draw) -> Result<PathBuf> {
        let rtl = self.folder().join(&group.name).join("rtl");
        let _ = std::fs::remove_dir_all(&rtl);
        copy(&self.root.join("rtl"), &rtl)?;
        for (n, file) in draw.files.iter().enumerate() {
            let own: Vec<_> =
                draw.mutants.iter().filter(|m| m.1 == n).map(|(d, _, index)| (d.number, &file.all[*index])).collect();
            let path = rtl.join(file.path.strip_prefix("rtl/").context("a file outside rtl/")?);
            std::fs::write(path, schemata(&file.text, &file.heads, &own))?;
        }
        Ok(rtl)
    }

    /// Tests whose names begin so, on the original: all pass. They say which modules they simulate.
    fn original(&self, group: &Group, program: &Program, begin: &[String], rtl: &Path) -> Result<Vec<Test>> {
        let mut names = program.tests()?;
        names.retain(|n| begin.iter().any(|b| n.starts_with(b)) && !self.groups.not.iter().any(|b| n.contains(b)));
        for b in begin {
            ensure!(names.iter().any(|n| n.starts_with(b)), "{}: {} has no test {b}", group.name, program.name);
        }
        let seen = self.folder().join(&group.name).join("seen");
        let queue = Mutex::new(names.into_iter().enumerate().rev().collect::<Vec<_>>());
        let out = Mutex::new(Ok(vec![]));
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| {
                    loop {
                        let Some((n, name)) = queue.lock().unwrap().pop() else { return };
                        let seen = seen.with_extension(n.to_string());
                        let test = self.on_original(program, &name, rtl, &seen);
                        let mut out = out.lock().unwrap();
                        match (&mut *out, test) {
                            (Ok(all), Ok(test)) => all.push(test),
                            (Err(_), _) => return,
                            (_, Err(e)) => *out = Err(e),
                        }
                    }
                });
            }
        });
        out.into_inner().unwrap()
    }

    fn on_original(&self, program: &Program, name: &str, rtl: &Path, seen: &Path) -> Result<Test> {
        // The first run builds the models.
        let built = program.run(name, &self.setting(rtl, 0))?;
        ensure!(built.passed, "{name} fails on the original: {}", built.message);
        let mut setting = self.setting(rtl, 0);
        setting.variables.push((SEEN.into(), seen.to_string_lossy().into_owned()));
        let _ = std::fs::remove_file(seen);
        let again = program.run(name, &setting)?;
        ensure!(again.passed, "{name} fails on the original: {}", again.message);
        let modules = std::fs::read_to_string(seen).unwrap_or_default().lines().map(String::from).collect();
        let _ = std::fs::remove_file(seen);
        Ok(Test { program: program.clone(), name: name.into(), seconds: again.seconds, modules })
    }

    /// Each mutant against these tests, if they simulate its module.
    fn against(
        &self,
        tests: &[Test],
        fate: &Fate,
        rtl: &Path,
        mutants: &[(&Drawn, Vec<String>)],
        tell: &(dyn Fn(&Found) + Sync),
    ) -> Result<Vec<Found>> {
        let queue = Mutex::new(mutants.iter().rev().collect::<Vec<_>>());
        let kills: Mutex<BTreeMap<(String, String), usize>> = Mutex::default();
        let out = Mutex::new(Ok(vec![]));
        let job = |mutant: &Drawn, modules: &[String]| -> Result<Found> {
            let mut mine: Vec<&Test> = tests.iter().filter(|t| modules.iter().any(|m| t.modules.contains(m))).collect();
            {
                let kills = kills.lock().unwrap();
                let of = |t: &Test| kills.get(&(mutant.file.clone(), t.name.clone())).copied().unwrap_or(0);
                mine.sort_by(|a, b| of(b).cmp(&of(a)).then(a.seconds.total_cmp(&b.seconds)));
            }
            for test in mine {
                let mut setting = self.setting(rtl, mutant.number);
                setting.usual = Some(test.seconds);
                let outcome = test.program.run(&test.name, &setting)?;
                if !outcome.passed {
                    *kills.lock().unwrap().entry((mutant.file.clone(), test.name.clone())).or_default() += 1;
                    return Ok(Found {
                        mutant: mutant.clone(),
                        fate: fate.clone(),
                        test: test.name.clone(),
                        message: outcome.message,
                        timeout: outcome.timeout,
                    });
                }
            }
            Ok(lives(mutant))
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| {
                    loop {
                        let Some((mutant, modules)) = queue.lock().unwrap().pop() else { return };
                        let result = job(mutant, modules);
                        let mut out = out.lock().unwrap();
                        match (&mut *out, result) {
                            (Ok(all), Ok(result)) => {
                                tell(&result);
                                all.push(result);
                            }
                            (Err(_), _) => return,
                            (_, Err(e)) => *out = Err(e),
                        }
                    }
                });
            }
        });
        out.into_inner().unwrap()
    }

    /// Where a group's results are kept.
    pub fn report(&self, group: &str) -> PathBuf {
        self.folder().join(format!("{group}.json"))
    }

    /// Runs a group.
    ///
    /// # Errors
    /// Where the text is not understood, a test fails on the original, or no test simulates a file.
    pub fn group(&self, group: &Group, block: &Program, machine: &Program) -> Result<Campaign> {
        let begin = Instant::now();
        let drawn = draw(self.root, group, self.groups.mutants, self.seed)?;
        let hashes: BTreeMap<String, String> = drawn.files.iter().map(|f| (f.path.clone(), f.hash())).collect();
        let mut results: Vec<Found> = vec![];
        // Seconds of the campaigns whose results are kept.
        let mut before = 0.0;
        if self.keep
            && let Ok(text) = std::fs::read_to_string(self.report(&group.name))
        {
            let last: Campaign = serde_json::from_str(&text)?;
            if last.seed == self.seed && last.hashes == hashes {
                before = last.seconds;
                results.extend(last.results.into_iter().filter(|r| r.fate != Fate::Lives));
            }
        }
        let done: Vec<u32> = results.iter().map(|r| r.mutant.number).collect();
        let rtl = self.write(group, &drawn)?;
        let modules = |file: usize| drawn.files[file].heads.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let mutants: Vec<(&Drawn, Vec<String>)> =
            drawn.mutants.iter().filter(|m| !done.contains(&m.0.number)).map(|(d, file, _)| (d, modules(*file))).collect();
        let tests = self.original(group, block, &group.block, &rtl)?;
        let slow: f64 = tests.iter().map(|t| t.seconds).sum();
        println!(
            "{}: {} mutants, {} tests of {slow:.1} s, {:.0} s",
            group.name,
            mutants.len(),
            tests.len(),
            begin.elapsed().as_secs_f64()
        );
        let tell = |r: &Found| {
            if r.fate == Fate::Lives {
                println!("  lives {:3} {:9} {}", r.mutant.number, r.mutant.rule, r.mutant.name());
            }
        };
        results.extend(self.against(&tests, &Fate::Block, &rtl, &mutants, &tell)?);
        let alive: BTreeSet<u32> = results.iter().filter(|r| r.fate == Fate::Lives).map(|r| r.mutant.number).collect();
        println!("{}: {} live, {:.0} s", group.name, alive.len(), begin.elapsed().as_secs_f64());
        self.save(group, &hashes, &results, before + begin.elapsed().as_secs_f64())?;
        if !alive.is_empty() && !group.chip.is_empty() {
            let tests = self.original(group, machine, &group.chip, &rtl)?;
            let alive: Vec<_> = mutants.into_iter().filter(|m| alive.contains(&m.0.number)).collect();
            results.retain(|r| r.fate != Fate::Lives);
            results.extend(self.against(&tests, &Fate::Chip, &rtl, &alive, &tell)?);
        }
        self.save(group, &hashes, &results, before + begin.elapsed().as_secs_f64())
    }

    /// Writes what is known of a group.
    fn save(&self, group: &Group, hashes: &BTreeMap<String, String>, results: &[Found], seconds: f64) -> Result<Campaign> {
        let mut results = results.to_vec();
        results.sort_by_key(|r| r.mutant.number);
        let campaign = Campaign {
            group: group.name.clone(),
            what: group.what.clone(),
            seed: self.seed,
            hashes: hashes.clone(),
            results,
            seconds,
        };
        std::fs::write(self.report(&group.name), serde_json::to_string_pretty(&campaign)?)?;
        Ok(campaign)
    }
}

fn lives(mutant: &Drawn) -> Found {
    Found { mutant: mutant.clone(), fate: Fate::Lives, test: String::new(), message: String::new(), timeout: false }
}

/// Copies a folder.
///
/// # Errors
/// The I/O error.
pub fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy(&entry.path(), &to)? } else { std::fs::copy(entry.path(), to).map(drop)? }
    }
    Ok(())
}
