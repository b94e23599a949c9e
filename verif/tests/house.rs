// SPDX-License-Identifier: Apache-2.0
//! The house in order: what no compiler looks at.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Modules that a file declares, `mod name;`.
fn modules(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let name = |line: &str| Some(line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')?.to_string());
    text.lines().filter_map(name).collect()
}

/// Files of tests that belong to no program: with `autotests = false` cargo says nothing of them, and they never run.
fn orphans(package: &Path) -> Vec<String> {
    let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap();
    let tests = package.join("tests");
    if !manifest.contains("autotests = false") || !tests.is_dir() {
        return vec![];
    }
    let programs: Vec<&str> = manifest.split("[[test]]").skip(1).filter_map(|s| s.split('"').nth(1)).collect();
    let roots: Vec<PathBuf> = programs
        .iter()
        .map(|p| if tests.join(p).is_dir() { tests.join(p).join("main.rs") } else { tests.join(p).with_extension("rs") })
        .collect();
    let mut found = vec![];
    for (folder, root) in std::iter::once((tests.clone(), None))
        .chain(programs.iter().zip(&roots).filter(|(p, _)| tests.join(p).is_dir()).map(|(p, r)| (tests.join(p), Some(r))))
    {
        let declared: Vec<String> = match root {
            Some(root) => modules(root),
            None => roots.iter().filter(|r| r.parent() == Some(&tests)).flat_map(|r| modules(r)).collect(),
        };
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let rust = path.extension().is_some_and(|e| e == "rs");
            if rust && !roots.contains(&path) && !declared.contains(&stem) {
                found.push(path.strip_prefix(self::root()).unwrap_or(&path).display().to_string());
            }
        }
    }
    found
}

#[test]
fn every_file_of_tests_is_in_a_program() {
    let root = root();
    let folders = |at: &str| std::fs::read_dir(root.join(at)).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    let mut packages: Vec<PathBuf> = ["sw", "sim"].iter().flat_map(|at| folders(at)).collect();
    packages.extend([root.join("verif"), root.join("verif/golden")]);
    packages.retain(|p| p.join("Cargo.toml").is_file());
    assert!(packages.len() > 10, "{packages:?}");
    let lost: Vec<String> = packages.iter().flat_map(|p| orphans(p)).collect();
    assert!(lost.is_empty(), "files of tests that no program has, so that they never run: {lost:?}");
}

#[test]
fn a_file_that_no_program_has_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("tests")).unwrap();
    std::fs::write(at("Cargo.toml"), "autotests = false\n[[test]]\nname = \"all\"\n").unwrap();
    std::fs::write(at("tests/all.rs"), "mod one;\n").unwrap();
    std::fs::write(at("tests/one.rs"), "").unwrap();
    assert!(orphans(folder.path()).is_empty());
    std::fs::write(at("tests/two.rs"), "").unwrap();
    assert_eq!(orphans(folder.path()).len(), 1);
}
