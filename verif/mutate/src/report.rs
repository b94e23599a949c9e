// SPDX-License-Identifier: Apache-2.0
//! What campaigns found, as tables.

use crate::campaign::{Campaign, Fate, Run};
use crate::draw::File;
use crate::verdict::{Judged, Verdicts};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Between these lines of docs/mutation.md stand the tables.
const MARKS: (&str, &str) = ("<!-- make mutate writes from here -->", "<!-- to here -->");

fn row(out: &mut String, name: &str, j: &Judged, last: &str) {
    let score = 100.0 * j.score();
    let _ = writeln!(
        out,
        "| {name} | {} | {} | {} | {} | {} | {score:.1} % |{last}",
        j.all(),
        j.block,
        j.chip,
        j.equivalent,
        j.survived
    );
}

fn judged<'a>(results: impl Iterator<Item = &'a crate::campaign::Found>, verdicts: &Verdicts) -> Judged {
    let mut judged = Judged::default();
    results.for_each(|r| judged.add(r, verdicts));
    judged
}

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The tables: groups, modules, what lives and what was added.
pub fn markdown(campaigns: &[Campaign], verdicts: &Verdicts) -> String {
    let mut out = String::new();
    let head = "mutants | found by a block's bench | by the chip | equivalent | survived | score |";
    let _ = writeln!(out, "| group | {head} time |\n|---|---:|---:|---:|---:|---:|---:|---:|");
    for c in campaigns {
        let name = format!("`{}`: {}", c.group, c.what);
        row(&mut out, &name, &judged(c.results.iter(), verdicts), &format!(" {:.0} s |", c.seconds));
    }
    row(&mut out, "all", &judged(campaigns.iter().flat_map(|c| &c.results), verdicts), &{
        format!(" {:.0} s |", campaigns.iter().map(|c| c.seconds).sum::<f64>())
    });
    let _ = writeln!(out, "\n| module | {head}\n|---|---:|---:|---:|---:|---:|---:|");
    for c in campaigns {
        let mut files: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        c.results.iter().for_each(|r| files.entry(&r.mutant.file).or_default().push(r));
        for (file, results) in files {
            let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".v");
            row(&mut out, &format!("`{name}`"), &judged(results.into_iter(), verdicts), "");
        }
    }
    let _ = writeln!(out, "\n| no test finds it | why |\n|---|---|");
    for r in campaigns.iter().flat_map(|c| &c.results).filter(|r| r.fate == Fate::Lives) {
        let why = verdicts.equivalent(r).unwrap_or("not known: a hole of the tests");
        let _ = writeln!(out, "| `{}` | {} |", cell(&r.mutant.name()), cell(why));
    }
    let _ = writeln!(out, "\n| a test was added | that finds it |\n|---|---|");
    for r in campaigns.iter().flat_map(|c| &c.results) {
        if let Some(test) = verdicts.test(r) {
            let _ = writeln!(out, "| `{}` | `{test}` |", cell(&r.mutant.name()));
        }
    }
    out
}

/// Reads the results of all groups that have some, of the texts as they are now.
///
/// # Errors
/// A file that cannot be read.
pub fn campaigns(run: &Run) -> Result<Vec<Campaign>> {
    let mut out = vec![];
    for group in &run.groups.group {
        let path = run.report(&group.name);
        if !path.exists() {
            continue;
        }
        let campaign: Campaign =
            serde_json::from_str(&std::fs::read_to_string(&path)?).with_context(|| path.display().to_string())?;
        let same = |file: &String| Ok::<_, anyhow::Error>(File::read(run.root, file)?.hash() == campaign.hashes[file]);
        if campaign.hashes.keys().map(same).collect::<Result<Vec<_>>>()?.contains(&false) {
            eprintln!("{}: the last campaign was about another text, and is left out", group.name);
        } else {
            out.push(campaign);
        }
    }
    Ok(out)
}

/// Writes `report.md` and `report.json`; gives what is wrong: a score too low, verdicts that do not hold.
///
/// # Errors
/// The I/O error.
pub fn write(run: &Run, verdicts: &Verdicts, of: &[String]) -> Result<Vec<String>> {
    let all = campaigns(run)?;
    std::fs::write(run.folder().join("report.md"), markdown(&all, verdicts))?;
    std::fs::write(run.folder().join("report.json"), serde_json::to_string_pretty(&all)?)?;
    let mut wrong = vec![];
    for c in all.iter().filter(|c| of.contains(&c.group)) {
        let j = judged(c.results.iter(), verdicts);
        let (found, score) = (j.block + j.chip, 100.0 * j.score());
        println!(
            "{}: {} mutants, {found} found ({} by the chip), {} equivalent, {} survived: {score:.1} %",
            c.group,
            j.all(),
            j.chip,
            j.equivalent,
            j.survived
        );
        for r in c.results.iter().filter(|r| r.fate == Fate::Lives && verdicts.equivalent(r).is_none()) {
            println!("  survived: {}", r.mutant.name());
        }
        if j.score() < run.groups.score {
            wrong.push(format!("{}: {score:.1} % are found, {} % are wanted", c.group, 100.0 * run.groups.score));
        }
        wrong.extend(verdicts.complaints(c));
    }
    Ok(wrong)
}

/// Writes the tables into docs/mutation.md.
///
/// # Errors
/// The page is not there, or has no place for them.
pub fn docs(run: &Run, verdicts: &Verdicts) -> Result<()> {
    let path = run.root.join("docs/mutation.md");
    let text = std::fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(MARKS.0).context("no place for the tables")?;
    let (_, after) = rest.split_once(MARKS.1).context("no end of the tables")?;
    let tables = markdown(&campaigns(run)?, verdicts);
    Ok(std::fs::write(path, format!("{before}{}\n\n{tables}\n{}{after}", MARKS.0, MARKS.1))?)
}
