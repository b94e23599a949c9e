// SPDX-License-Identifier: Apache-2.0
//! The suite as an array of jobs of Slurm: a part each, parts that died run again, one report of all.

use super::nextest::Nextest;
use super::{Plan, junit, summary};
use crate::output;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often a part is sent that left no result.
const ATTEMPTS: u32 = 3;
/// Variables that name a folder of coverage (docs/coverage.md).
const COVERAGE: [&str; 2] = ["HARNESS_COVERAGE", "HARNESS_POINTS"];
/// Between two looks at the queue.
const LOOK: Duration = Duration::from_secs(2);

/// What is in the folder of a run: what should be run, and what came of each part.
fn list(folder: &Path) -> PathBuf {
    folder.join("tests.txt")
}

fn result(folder: &Path, part: u32) -> PathBuf {
    folder.join(format!("part-{part}.xml"))
}

/// Text as one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The script of a job; the array's index is its part. A job whose node dies is put into the queue again by Slurm (`--requeue`), and its
/// result is there whole or not at all.
fn script(plan: &Plan, program: &Path, folder: &Path, parts: u32) -> String {
    let args = plan.args;
    let mut words = vec![program.display().to_string(), "verify".into(), "--suite".into(), args.suite.name().into()];
    let mut option = |name: &str, value: Option<String>| words.extend(value.into_iter().flat_map(|v| [name.to_string(), v]));
    option("--jobs", args.jobs.map(|n| n.to_string()));
    option("--seed", plan.seeded.then(|| plan.seed.to_string()));
    option("--filter", args.filter.clone());
    let words = words.iter().chain(&args.words).map(|w| quoted(w)).collect::<Vec<_>>().join(" ");
    let folder = quoted(&folder.display().to_string());
    let cpus = args.jobs.map_or_else(String::new, |n| format!("#SBATCH --cpus-per-task={n}\n"));
    format!(
        "#!/bin/bash\n#SBATCH --job-name=systole-verify\n#SBATCH --requeue\n#SBATCH --open-mode=append\n{cpus}\
         cd {root} || exit 2\n\
         # Files of coverage have a process's number in their names, which two nodes may both give.\n\
         for name in {coverage}; do\n\
         \x20   [ -z \"${{!name:-}}\" ] || export \"$name=${{!name}}/part-$SLURM_ARRAY_TASK_ID\"\n\
         done\n\
         echo \"part $SLURM_ARRAY_TASK_ID on $SLURMD_NODENAME, start ${{SLURM_RESTART_COUNT:-0}}\"\n\
         exec {words} --partition \"$SLURM_ARRAY_TASK_ID/{parts}\" --junit {folder}/part-\"$SLURM_ARRAY_TASK_ID\".xml\n",
        root = quoted(&plan.root.display().to_string()),
        coverage = COVERAGE.join(" "),
    )
}

/// Puts the files of coverage that each part left in a folder of its own into the one that was named, where `make cov` reads them.
fn gather(folder: &Path, parts: u32) -> Result<()> {
    for part in 1..=parts {
        let own = folder.join(format!("part-{part}"));
        let Ok(entries) = std::fs::read_dir(&own) else { continue };
        for entry in entries {
            let name = entry?.file_name();
            let to = folder.join(format!("part-{part}-{}", name.to_string_lossy()));
            std::fs::rename(own.join(&name), &to).with_context(|| to.display().to_string())?;
        }
        std::fs::remove_dir(&own).with_context(|| own.display().to_string())?;
    }
    Ok(())
}

/// One of Slurm's commands; its output.
fn slurm(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.output().with_context(|| format!("{name} does not start: --slurm needs Slurm's commands on this host"))?;
    let text = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "{name}: {}", text.trim());
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_string())
}

/// States of the jobs of an array that are still in the queue; one that is over is not.
fn queue(job: &str) -> Result<BTreeMap<String, usize>> {
    let text = match slurm(Command::new("squeue").args(["--noheader", "--array", "--format=%T", "--jobs", job])) {
        // A while after its end the whole job is forgotten.
        Err(e) if e.to_string().contains("Invalid job id") => String::new(),
        text => text?,
    };
    let mut states = BTreeMap::new();
    for state in text.lines() {
        *states.entry(state.trim().to_lowercase()).or_insert(0) += 1;
    }
    Ok(states)
}

/// Waits until nothing of the array is in the queue, and says what changes.
fn wait(job: &str) -> Result<()> {
    let (mut told, mut silent) = (BTreeMap::new(), 0);
    loop {
        // A controller that is started again does not answer for a while.
        match queue(job) {
            Err(e) if silent >= 30 => return Err(e),
            Err(_) => silent += 1,
            Ok(states) => {
                silent = 0;
                if states.is_empty() {
                    return Ok(());
                }
                if states != told {
                    let all: Vec<_> = states.iter().map(|(state, n)| format!("{n} {state}")).collect();
                    output::print(&format!("verify: job {job}: {}", all.join(", ")));
                    told = states;
                }
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// Sends the suite, waits for it and puts its reports together; true where every test passed.
pub fn run(plan: &Plan, nextest: &Nextest, partition: &str, parts: u32) -> Result<bool> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let folder = plan.root.join(&plan.args.folder).join(format!("{now}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    slurm(Command::new("sbatch").arg("--version"))?;
    nextest.build()?;
    let names = nextest.names()?;
    ensure!(!names.is_empty(), "no test fits");
    output::write_file(&list(&folder), (names.join("\n") + "\n").as_bytes())?;
    let program = std::env::current_exe().context("this program's path")?;
    let file = folder.join("part.sh");
    output::write_file(&file, script(plan, &program, &folder, parts).as_bytes())?;
    output::print(&format!("verify: {} tests in {parts} parts, logs and results in {}", names.len(), folder.display()));
    for attempt in 1..=ATTEMPTS {
        let missing: Vec<_> = (1..=parts).filter(|&i| !result(&folder, i).is_file()).map(|i| i.to_string()).collect();
        if missing.is_empty() {
            break;
        }
        if attempt > 1 {
            output::print(&format!("verify: no result of part {}: sent again", missing.join(", ")));
        }
        let mut sbatch = Command::new("sbatch");
        sbatch.args(["--parsable", "--partition", partition]).arg(format!("--array={}", missing.join(",")));
        sbatch.arg(format!("--output={}/part-%a.log", folder.display())).arg(&file);
        let job = slurm(&mut sbatch)?;
        let job = job.split(';').next().unwrap_or_default(); // JOB;CLUSTER
        output::print(&format!("verify: job {job}, parts {}", missing.join(",")));
        wait(job)?;
    }
    for coverage in COVERAGE.iter().filter_map(std::env::var_os).filter(|f| !f.is_empty()) {
        gather(&plan.root.join(coverage), parts)?;
    }
    collect(&folder, parts, plan.args.junit.as_deref())
}

/// Puts the reports of all parts together and looks for every test of the list in it, once.
fn collect(folder: &Path, parts: u32, junit: Option<&Path>) -> Result<bool> {
    let mut reports = vec![];
    for part in 1..=parts {
        let path = result(folder, part);
        if !path.is_file() {
            bail!("part {part} left no result in {ATTEMPTS} attempts: {}", folder.join(format!("part-{part}.log")).display());
        }
        reports.push(junit::read(&path)?);
    }
    let name = reports[0].name.as_ref().map_or("systole verify", |name| name.as_str()).to_string();
    let merged = junit::merge(&name, reports);
    let listed = std::fs::read_to_string(list(folder)).context("the list of tests")?;
    let wrong = junit::complaints(&merged, &listed.lines().map(str::to_string).collect::<Vec<_>>());
    let own = folder.join("junit.xml");
    output::write_file(junit.unwrap_or(&own), merged.to_string()?.as_bytes())?;
    summary(&merged);
    for line in &wrong {
        output::print(&format!("verify: {}", output::bad(line)));
    }
    let good = wrong.is_empty() && junit::cases(&merged).iter().all(|c| c.passed);
    output::print(&format!("verify: {parts} parts together in {}", junit.unwrap_or(&own).display()));
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_the_shell_is_what_it_was() {
        for text in ["plain", "two words", "it's", "package(a) and test(/b$/)", "`x` $y \\ \"z\" *"] {
            let out = Command::new("sh").args(["-c", &format!("printf %s {}", quoted(text))]).output().expect("a shell");
            assert_eq!(String::from_utf8_lossy(&out.stdout), text);
        }
    }

    #[test]
    fn coverage_of_two_nodes_with_one_process_number_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, text) in [("part-1/points-7.txt", "a"), ("part-3/points-7.txt", "b"), ("points-7.txt", "c")] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        gather(folder.path(), 3).expect("moved");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
        assert_eq!([read("part-1-points-7.txt"), read("part-3-points-7.txt"), read("points-7.txt")], ["a", "b", "c"]);
        assert_eq!(folder.path().read_dir().expect("read").count(), 3);
    }

    #[test]
    fn a_part_without_a_result_is_no_whole_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let report = |test: &str| {
            let mut suite = quick_junit::TestSuite::new("a");
            suite.add_test_case(quick_junit::TestCase::new(test, quick_junit::TestCaseStatus::success()));
            let mut report = quick_junit::Report::new("part");
            report.add_test_suite(suite);
            report.to_string().expect("XML")
        };
        std::fs::write(list(folder.path()), "a x\na y\n").expect("written");
        std::fs::write(result(folder.path(), 1), report("x")).expect("written");
        assert!(collect(folder.path(), 2, None).expect_err("part 2").to_string().contains("part 2 left no result"));
        std::fs::write(result(folder.path(), 2), report("y")).expect("written");
        assert!(collect(folder.path(), 2, None).expect("whole"));
        std::fs::write(result(folder.path(), 2), report("x")).expect("written");
        assert!(!collect(folder.path(), 2, None).expect("read"), "x twice, y not at all");
    }
}
