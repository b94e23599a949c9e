// SPDX-License-Identifier: Apache-2.0
//! `make mutate`: mutants of the RTL against its tests (docs/mutation.md).

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use std::path::Path;
use systole_mutate::campaign::Run;
use systole_mutate::draw::{Groups, draw};
use systole_mutate::verdict::Verdicts;
use systole_mutate::{planted, program, report};

/// Mutants of the RTL against its tests (docs/mutation.md).
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// One group, of verif/mutate/groups.toml.
    #[arg(long, global = true)]
    group: Option<String>,
    /// Seed of the draw.
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    /// Processes at a time.
    #[arg(long, global = true, default_value_t = 2)]
    jobs: usize,
    /// Do not run again what the last campaign of the same texts found: while tests are written.
    #[arg(long, global = true)]
    keep: bool,
    /// Ask the benches of the blocks alone, not the chip.
    #[arg(long, global = true)]
    blocks: bool,
}

#[derive(Subcommand, Clone, Copy, PartialEq)]
enum Verb {
    /// Run the mutants and judge the score (the default).
    Run,
    /// Print the mutants.
    List,
    /// Plant the bugs of verif/mutate/planted.toml, each by itself.
    Planted,
    /// Judge the last campaigns again, and write nothing but the report.
    Report,
    /// Write the last campaigns' tables into docs/mutation.md.
    Docs,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut groups = Groups::read(&root)?;
    if arguments.blocks {
        groups.group.iter_mut().for_each(|g| g.chip.clear());
    }
    let chosen = groups.chosen(arguments.group.as_deref())?;
    if arguments.verb == Some(Verb::List) {
        for group in chosen {
            let drawn = draw(&root, group, groups.mutants, arguments.seed)?;
            for file in &drawn.files {
                println!("{} \"{}\" = \"{}\"", group.name, file.path, file.hash()); // as under [texts] of verdicts.toml
            }
            for (mutant, ..) in drawn.mutants {
                println!("{} {} {} {}", group.name, mutant.number, mutant.rule, mutant.name());
            }
        }
        return Ok(());
    }
    let run = Run { root: &root, groups: &groups, seed: arguments.seed, jobs: arguments.jobs, keep: arguments.keep };
    std::fs::create_dir_all(run.folder())?;
    let verdicts = Verdicts::read(&root)?;
    let names: Vec<String> = chosen.iter().map(|g| g.name.clone()).collect();
    let wrong = match arguments.verb {
        Some(Verb::Planted) => planted::all(&run, &program::build(&root, &["block", "machine"])?)?,
        Some(Verb::Docs) => {
            report::docs(&run, &verdicts)?;
            vec![]
        }
        Some(Verb::Report) => report::write(&run, &verdicts, &names)?,
        _ => {
            // The machine's tests are many: they are built where they are asked.
            let asked: &[&str] = if arguments.blocks { &["block"] } else { &["block", "machine"] };
            let programs = program::build(&root, asked)?;
            let mut wrong = vec![];
            for (group, name) in chosen.into_iter().zip(&names) {
                run.group(group, &programs[0], &programs[programs.len() - 1])?;
                wrong.extend(report::write(&run, &verdicts, std::slice::from_ref(name))?);
            }
            wrong
        }
    };
    wrong.iter().for_each(|w| eprintln!("{w}"));
    ensure!(wrong.is_empty(), "{} things are wrong", wrong.len());
    Ok(())
}
