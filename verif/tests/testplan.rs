// SPDX-License-Identifier: Apache-2.0
//! The test plan, `verif/testplan.toml`, beside documents and sources: each promise of the documents has tests, each test that it
//! names exists, and no entry is of a promise that is gone.
//!
//! Promises are found mechanically: the rows of the table "What proves what" of verification.md by their first eight words, P1 to P12 of
//! rram.md, the headings of timing.md, registers.md, isa.md and arithmetic.md and the names in the tables of the first two, and the
//! checker's rules.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use systole_verif::coverage::waivers::matches;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    promise: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Promises, `*` for any characters.
    of: Vec<String>,
    /// `package folder::program::module::test`, `*` for all of a module; unit tests have the program `lib`.
    #[serde(default)]
    tests: Vec<String>,
    /// Targets of the Makefile.
    #[serde(default)]
    make: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The cells of a row of a table; none of other lines and of rules below heads.
fn cells(line: &str) -> Vec<String> {
    let Some(inside) = line.strip_prefix('|').and_then(|l| l.trim_end().strip_suffix('|')) else { return vec![] };
    let cells: Vec<String> = inside.replace("\\|", "¦").split('|').map(|c| c.trim().replace('¦', "|")).collect();
    if cells.iter().all(|c| c.chars().all(|x| "-:".contains(x))) { vec![] } else { cells }
}

/// Promises of verification.md: rows of one table.
fn claims(document: &str) -> Vec<String> {
    let table = document.split("\n## What proves what").nth(1).unwrap_or("").split("\n## ").next().unwrap_or("");
    let rows = table.lines().map(cells).filter(|row| row.len() == 2).skip(1);
    rows.map(|row| {
        let plain = row[0].replace("**", "").replace('`', "");
        format!("verification: {}", plain.split_whitespace().take(8).collect::<Vec<_>>().join(" "))
    })
    .collect()
}

/// Headings of a document, and where asked for the names in its tables: a first or second cell that is one word of code.
fn headings(name: &str, document: &str, tables: bool) -> Vec<String> {
    let (mut found, mut at) = (vec![], String::new());
    for line in document.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            at = format!("{heading}: ");
            found.push(format!("{name}: {heading}"));
        } else if tables {
            let row = cells(line);
            let code = |cell: &&String| cell.len() > 2 && cell.starts_with('`') && cell.ends_with('`') && !cell.contains(' ');
            found.extend(row.iter().take(2).find(code).map(|cell| format!("{name}: {at}{}", cell.trim_matches('`'))));
        }
    }
    found
}

/// Everything that is promised.
fn promises() -> BTreeSet<String> {
    let mut all = claims(&text("docs/verification.md"));
    assert_eq!(
        all.iter().collect::<BTreeSet<_>>().len(),
        all.len(),
        "two claims of verification.md begin with the same eight words"
    );
    let rram = text("docs/rram.md");
    let numbered = rram.lines().map(cells).filter_map(|row| row.first().cloned());
    all.extend(numbered.filter(|p| p.strip_prefix('P').is_some_and(|n| n.parse::<u32>().is_ok())).map(|p| format!("rram: {p}")));
    for (name, tables) in [("timing", true), ("registers", true), ("isa", false), ("arithmetic", false)] {
        all.extend(headings(name, &text(&format!("docs/{name}.md")), tables));
    }
    let rules = syn::parse_file(&text("sw/compiler/src/verify/rule.rs")).unwrap();
    for item in rules.items {
        if let syn::Item::Enum(rule) = item
            && rule.ident == "Rule"
        {
            all.extend(rule.variants.iter().map(|v| format!("checker: {}", v.ident)));
        }
    }
    all.into_iter().collect()
}

/// Names of tests in items: functions with an attribute `test`, also in modules and in the tokens of macros.
fn tests_of(items: &[syn::Item], found: &mut Vec<String>) {
    for item in items {
        match item {
            syn::Item::Fn(f) if f.attrs.iter().any(|a| a.path().segments.last().is_some_and(|s| s.ident == "test")) => {
                found.push(f.sig.ident.to_string());
            }
            syn::Item::Mod(m) => tests_of(m.content.as_ref().map_or(&[], |c| &c.1), found),
            // `proptest! { #[test] fn name(..) .. }`, `campaigns! { name: .. }`: an identifier behind `fn` or before a colon.
            syn::Item::Macro(m) if m.ident.is_none() => {
                let words: Vec<String> = m.mac.tokens.clone().into_iter().map(|t| t.to_string()).collect();
                for (n, word) in words.iter().enumerate() {
                    let named = n > 0 && words[n - 1] == "fn" || words.get(n + 1).is_some_and(|next| next == ":");
                    if named && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                        found.push(word.clone());
                    }
                }
            }
            _ => {}
        }
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|e| e.unwrap().path()) {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The programs that the manifest of a package names for its files of tests, by module: `rram`, with all modules in it, is in
/// `machine`.
fn programs(package: &Path) -> BTreeMap<String, String> {
    let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap();
    let mut of = BTreeMap::new();
    for program in manifest.split("[[test]]").skip(1).filter_map(|s| s.split('"').nth(1)) {
        let root = std::fs::read_to_string(package.join("tests").join(program).with_extension("rs")).unwrap_or_default();
        let modules = root.lines().filter_map(|l| l.strip_prefix("mod ")?.strip_suffix(';'));
        of.extend(modules.map(|m| (m.to_string(), program.to_string())));
    }
    of
}

/// Every test of the workspace, by package folder, program, module and name.
fn tests() -> BTreeSet<String> {
    let root = root();
    let mut packages: Vec<PathBuf> =
        ["sw", "sim"].iter().flat_map(|at| std::fs::read_dir(root.join(at)).unwrap().map(|e| e.unwrap().path())).collect();
    packages.extend(["verif", "verif/golden", "verif/mutate"].map(|p| root.join(p)));
    packages.retain(|p| p.join("Cargo.toml").is_file());
    let mut all = BTreeSet::new();
    for package in &packages {
        let (name, programs) = (package.strip_prefix(&root).unwrap().display().to_string(), programs(package));
        for (folder, unit) in [("src", true), ("tests", false)] {
            let mut files = vec![];
            rust_files(&package.join(folder), &mut files);
            for file in files {
                let path = file.strip_prefix(package.join(folder)).unwrap().with_extension("");
                let parts: Vec<String> =
                    path.iter().map(|p| p.to_string_lossy().into_owned()).filter(|p| p != "mod" && p != "lib").collect();
                let module = parts.join("::");
                let program = if unit { "lib" } else { parts.first().and_then(|m| programs.get(m)).map_or("", |p| p) };
                let mut names = vec![];
                let source = std::fs::read_to_string(&file).unwrap();
                tests_of(&syn::parse_file(&source).unwrap_or_else(|e| panic!("{}: {e}", file.display())).items, &mut names);
                let place =
                    [name.as_str(), program, &module].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("::");
                all.extend(names.into_iter().map(|test| format!("{place}::{test}")));
            }
        }
    }
    all
}

/// What is wrong with a plan.
fn faults(plan: &Plan, promises: &BTreeSet<String>, tests: &BTreeSet<String>, targets: &BTreeSet<String>) -> Vec<String> {
    let mut faults = vec![];
    let mut kept: BTreeSet<&String> = BTreeSet::new();
    for entry in &plan.promise {
        for of in &entry.of {
            let found: Vec<&String> = promises.iter().filter(|p| matches(of, p)).collect();
            if found.is_empty() {
                faults.push(format!("'{of}': no document promises that any more"));
            }
            kept.extend(found);
        }
        if entry.tests.is_empty() && entry.make.is_empty() {
            faults.push(format!("{:?}: no test", entry.of));
        }
        faults.extend(
            entry
                .tests
                .iter()
                .filter(|t| !tests.iter().any(|test| matches(t, test)))
                .map(|t| format!("test '{t}' does not exist")),
        );
        faults.extend(entry.make.iter().filter(|m| !targets.contains(*m)).map(|m| format!("the Makefile has no target '{m}'")));
    }
    faults.extend(
        promises.iter().filter(|p| !kept.contains(p)).map(|p| format!("'{p}' is promised, and the plan has no entry for it")),
    );
    faults
}

fn targets() -> BTreeSet<String> {
    text("Makefile")
        .lines()
        .filter_map(|l| l.split_once(':').filter(|(_, r)| r.contains("## ")))
        .map(|(t, _)| t.to_string())
        .collect()
}

#[test]
fn every_promise_has_tests_that_exist() {
    let plan: Plan = toml::from_str(&text("verif/testplan.toml")).unwrap();
    let (promises, tests) = (promises(), tests());
    assert!(promises.len() > 200 && tests.len() > 500, "{} promises, {} tests", promises.len(), tests.len());
    let faults = faults(&plan, &promises, &tests, &targets());
    assert!(faults.is_empty(), "verif/testplan.toml: {} faults:\n  {}", faults.len(), faults.join("\n  "));
}

#[test]
fn a_promise_without_tests_a_test_that_is_gone_and_a_promise_that_is_gone_are_found() {
    let set = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<BTreeSet<_>>();
    let (promises, tests, targets) = (set(&["a: one", "a: two"]), set(&["p::m::t"]), set(&["formal"]));
    let found = |plan: &str| faults(&toml::from_str(plan).unwrap(), &promises, &tests, &targets);
    assert!(found("[[promise]]\nof = ['a: *']\ntests = ['p::m::t']").is_empty());
    assert!(found("[[promise]]\nof = ['a: *']\ntests = ['p::m::*']\nmake = ['formal']").is_empty());
    assert!(found("[[promise]]\nof = ['a: one']\ntests = ['p::m::t']")[0].contains("'a: two' is promised"));
    assert!(found("[[promise]]\nof = ['a: *', 'b']\ntests = ['p::m::t']")[0].contains("no document promises"));
    assert!(found("[[promise]]\nof = ['a: *']\ntests = ['p::m::u']")[0].contains("does not exist"));
    assert!(found("[[promise]]\nof = ['a: *']\nmake = ['fromal']")[0].contains("no target"));
    assert!(found("[[promise]]\nof = ['a: *']")[0].contains("no test"));
}

#[test]
fn promises_are_found_in_documents() {
    let table = "# V\n\n## What proves what\n\n| claim | proven by |\n|---|---|\n| **One.** two `three` four five six seven eight nine | x |\n\n## Next\n| a | b |\n";
    assert_eq!(claims(table), ["verification: One. two three four five six seven eight"]);
    let page = "# T\n| `L` | 3 |\n## Ports\n| 0 | `DONE` | x |\n| `a b` | c |\n";
    assert_eq!(headings("t", page, true), ["t: L", "t: Ports", "t: Ports: DONE"]);
    let mut names = vec![];
    let source = "#[test] fn a() {} fn b() {} mod m { #[harness::test(top = \"x\")] async fn c() {} } proptest! { #[test] fn d(x in 0..1) {} } runs! { e_1: \"tiny\", 1; }";
    tests_of(&syn::parse_file(source).unwrap().items, &mut names);
    assert_eq!(names, ["a", "c", "d", "e_1"]);
}
