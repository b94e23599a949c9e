// SPDX-License-Identifier: Apache-2.0
//! A test program that is built, asked for one test at a time, with a limit of processor time: other work on the machine kills no mutant.

use anyhow::{Context, Result, bail, ensure};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Seconds of processor time that a test may take in any case.
const LEAST: f64 = 6.0;
/// Times the time it takes on the original.
const TIMES: f64 = 6.0;
/// A test that waits and does not work: seconds of the clock for each second of processor time.
const WAITS: f64 = 40.0;

/// A test program.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name, `block` or `machine`.
    pub name: String,
    file: PathBuf,
    root: PathBuf,
}

/// How a test ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// It passed.
    pub passed: bool,
    /// It took too long.
    pub timeout: bool,
    /// The place of the check that failed, and the first line of what it says.
    pub message: String,
    /// Processor time, in seconds.
    pub seconds: f64,
}

/// What a test is run with.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// Environment variables.
    pub variables: Vec<(String, String)>,
    /// Its time on the original, in seconds of the processor; none: it may take what it likes.
    pub usual: Option<f64>,
}

/// Builds the test programs of `systole-verif`.
///
/// # Errors
/// Where cargo fails.
pub fn build(root: &Path, names: &[&str]) -> Result<Vec<Program>> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(root).args(["test", "-p", "systole-verif", "--no-run", "--message-format", "json-render-diagnostics"]);
    for name in names {
        cargo.args(["--test", name]);
    }
    let output = cargo.stderr(Stdio::inherit()).output().context("cargo")?;
    ensure!(output.status.success(), "the test programs do not build");
    let text = String::from_utf8_lossy(&output.stdout);
    let find = |name: &str| {
        let messages = text.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
        let mut files =
            messages.filter(|m| m["target"]["name"] == name && m["executable"].is_string() && m["profile"]["test"] == true);
        let file = files.next_back().and_then(|m| Some(PathBuf::from(m["executable"].as_str()?)));
        let file = file.with_context(|| format!("cargo names no test program {name}"))?;
        // A copy: a campaign goes on while tests are written.
        let folder = root.join("target/mutate/programs");
        std::fs::create_dir_all(&folder)?;
        let copy = folder.join(format!("{name}-{}", &blake3::hash(&std::fs::read(&file)?).to_hex()[..16]));
        if !copy.exists() {
            let half = copy.with_extension(std::process::id().to_string());
            std::fs::copy(&file, &half)?;
            std::fs::rename(half, &copy)?;
        }
        Ok(Program { name: name.into(), file: copy, root: root.into() })
    };
    names.iter().map(|name| find(name)).collect()
}

impl Program {
    /// Its tests.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub fn tests(&self) -> Result<Vec<String>> {
        let output =
            Command::new(&self.file).args(["--list", "--format", "terse"]).current_dir(self.root.join("verif")).output()?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.lines().filter_map(|l| Some(l.strip_suffix(": test")?.to_string())).collect())
    }

    /// Runs one test.
    ///
    /// # Errors
    /// Where the program cannot be run, or does not know the test.
    pub fn run(&self, test: &str, setting: &Setting) -> Result<Outcome> {
        let mut command = Command::new(&self.file);
        command.args(["--exact", test, "--test-threads", "1"]).current_dir(self.root.join("verif"));
        command.envs(setting.variables.iter().map(|(k, v)| (k, v))).env("PROPTEST_MAX_SHRINK_ITERS", "0");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let read = |pipe: Option<Box<dyn Read + Send>>| {
            std::thread::spawn(move || {
                let mut bytes = vec![];
                if let Some(mut pipe) = pipe {
                    let _ = pipe.read_to_end(&mut bytes);
                }
                String::from_utf8_lossy(&bytes).into_owned()
            })
        };
        let out = read(out.map(|p| Box::new(p) as Box<dyn Read + Send>));
        let err = read(err.map(|p| Box::new(p) as Box<dyn Read + Send>));
        let (status, seconds) = wait(&mut child, setting.usual.map(|s| LEAST.max(TIMES * s)))?;
        let text = out.join().unwrap_or_default() + &err.join().unwrap_or_default();
        let Some(status) = status else {
            return Ok(Outcome { passed: false, timeout: true, message: "no end".into(), seconds });
        };
        if status.success() {
            ensure!(text.contains("1 passed"), "{} has no test {test}", self.name);
            return Ok(Outcome { passed: true, timeout: false, message: String::new(), seconds });
        }
        let message = message(&text).unwrap_or_else(|| format!("the program died: {status}"));
        if message.contains("refuses") && message.contains("Verilator") {
            bail!("{test}: {text}");
        }
        Ok(Outcome { passed: false, timeout: false, message, seconds })
    }
}

/// Place and first line of the first panic.
fn message(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|l| l.contains("panicked at "))?;
    let place = lines[at].split("panicked at ").nth(1)?.trim_end_matches(':');
    // Of an assertion what it says, and both values.
    let said: Vec<&str> = lines[at + 1..]
        .iter()
        .take_while(|l| !l.starts_with("note: ") && !l.starts_with("stack backtrace"))
        .take(3)
        .map(|l| l.trim())
        .collect();
    Some(format!("{place}: {}", said.join(" ")).chars().take(300).collect())
}

/// Waits for an end or the limit, in seconds of processor time; gives none where it had to be ended.
fn wait(child: &mut Child, limit: Option<f64>) -> Result<(Option<std::process::ExitStatus>, f64)> {
    let begin = Instant::now();
    let mut used = 0.0;
    loop {
        if let Some(status) = child.try_wait()? {
            // Short tests are over before they were looked at.
            return Ok((Some(status), if used > 0.0 { used } else { begin.elapsed().as_secs_f64() }));
        }
        used = processor_time(child.id()).unwrap_or(used);
        if limit.is_some_and(|limit| used > limit || begin.elapsed().as_secs_f64() > WAITS * limit) {
            child.kill()?;
            child.wait()?;
            return Ok((None, used));
        }
        std::thread::sleep(Duration::from_millis(4));
    }
}

/// Seconds that a process has worked (Linux: `utime` and `stime` in hundredths).
fn processor_time(process: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / 100.0)
}
