// SPDX-License-Identifier: Apache-2.0
//! `coverage FOLDER`: figures of the data that a run with HARNESS_COVERAGE left there, as tables, `rtl.info` for lcov and the
//! generated part of docs/coverage.md. Ends in an error below the goals.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use systole_verif::coverage::report::{Report, lcov};
use systole_verif::coverage::{data, waivers::Waivers};

/// Lines of the generated part of a document.
const MARKS: [&str; 2] = ["<!-- make cov -->\n", "<!-- /make cov -->"];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, options @ ..] = &arguments[..] else { bail!("coverage FOLDER [--docs DATE] [--holes]") };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let (data, points) = data::read_folder(Path::new(folder))?;
    let path = root.join("verif/coverage-waivers.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let waivers: Waivers = toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
    let mut report = Report::new(&data, &points, &waivers, &root)?;
    for module in unmeasured(&root, &data)? {
        report.errors.push(format!("{module} was in no model"));
    }
    let info = PathBuf::from(folder).with_file_name("rtl.info");
    std::fs::write(&info, lcov(&data, &root)).with_context(|| format!("{}", info.display()))?;
    let tables = report.tables();
    println!("{tables}");
    for (what, holes) in ["lines", "bits", "points"].iter().zip(&report.holes) {
        let shown = if options.iter().any(|o| o == "--holes") { holes.len() } else { 20 };
        println!("{} {what} are not covered and not waived", holes.len());
        holes.iter().take(shown).for_each(|hole| println!("  {hole}"));
    }
    if let Some(date) = options.iter().position(|o| o == "--docs").and_then(|at| options.get(at + 1)) {
        let path = root.join("docs/coverage.md");
        let text = std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let parts = text.split_once(MARKS[0]).and_then(|(head, rest)| Some((head, rest.split_once(MARKS[1])?.1)));
        let (head, tail) = parts.with_context(|| format!("{}: no marks '{}'", path.display(), MARKS[0].trim()))?;
        let text = format!("{head}{}`make cov`, {date}:\n\n{tables}{}{tail}", MARKS[0], MARKS[1]);
        std::fs::write(&path, text).with_context(|| format!("{}", path.display()))?;
    }
    let failures = report.failures();
    failures.iter().for_each(|failure| eprintln!("coverage: {failure}"));
    if !failures.is_empty() {
        bail!("the goals of docs/coverage.md are not met");
    }
    Ok(())
}

/// Files of the RTL with procedural code or signals that no model had: those of FPGAs' own cells are no part of it.
fn unmeasured(root: &Path, data: &data::Data) -> Result<Vec<String>> {
    let mut missing = vec![];
    for folder in ["board", "core", "io", "lib", "rram", "vector", "."] {
        for entry in std::fs::read_dir(root.join("rtl").join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "v") {
                let file = path.strip_prefix(root)?.to_string_lossy().replace("/./", "/");
                missing.extend((!data.contains_key(&file)).then_some(file));
            }
        }
    }
    Ok(missing)
}
