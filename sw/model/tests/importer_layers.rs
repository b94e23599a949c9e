// SPDX-License-Identifier: Apache-2.0
//! The importer grows in one direction: what its sources name is read from the sources themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The passes, each of which may name those before it.
const PASSES: [&str; 4] = ["parse", "fold", "fuse", "lower"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/onnx")
}

/// Every file of the importer by its module path (`parse::node`; a folder by its own), without comments.
fn files() -> BTreeMap<String, String> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![folder()]);
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(folder()).expect("inside").with_extension("");
            let mut parts: Vec<String> = inside.iter().map(|p| p.to_string_lossy().into_owned()).collect();
            if parts.last().is_some_and(|p| p == "mod") {
                parts.pop();
            }
            let text = std::fs::read_to_string(&path).expect("text");
            let code = text.lines().map(|l| l.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
            files.insert(parts.join("::"), code);
        }
    }
    files
}

/// Paths that begin at a place in the text, braces taken apart: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(text: &str, before: &str, found: &mut Vec<String>) -> usize {
    let mut path = before.to_string();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if !word.is_empty() {
            at += word.len();
            path = if path.is_empty() { word } else { format!("{path}::{word}") };
        } else if rest.starts_with("::") {
            at += 2;
        } else if rest.starts_with('{') && text[..at].ends_with("::") {
            at += 1;
            while !text[at..].starts_with('}') {
                at += paths(&text[at..], &path, found).max(1);
            }
            return at + 1;
        } else {
            if path != before {
                found.push(path);
            }
            return at;
        }
    }
}

/// The modules of the importer that each of them names; of a path the longest module it begins with.
fn named(files: &BTreeMap<String, String>) -> BTreeMap<&str, BTreeSet<String>> {
    let mut named = BTreeMap::new();
    for (module, code) in files.iter().filter(|(module, _)| !module.is_empty()) {
        assert!(!code.contains("super::"), "{module}: paths begin at crate::onnx, so that they can be followed");
        let mut of = BTreeSet::new();
        for (at, mark) in code.match_indices("crate::onnx::") {
            let mut found = vec![];
            paths(&code[at + mark.len()..], "", &mut found);
            assert!(!found.is_empty(), "{module}: a path of no names");
            for path in found {
                let parts: Vec<&str> = path.split("::").collect();
                let longest = (1..=parts.len()).rev().map(|n| parts[..n].join("::")).find(|m| files.contains_key(m));
                let to = longest.unwrap_or_else(|| panic!("{module}: '{path}' begins in no file of the importer"));
                if to != *module {
                    of.insert(to);
                }
            }
        }
        named.insert(module.as_str(), of);
    }
    named
}

fn pass(module: &str) -> Option<usize> {
    PASSES.iter().position(|p| Some(*p) == module.split("::").next())
}

/// Modules on the way from one that names itself in the end, if there is one.
fn cycle(named: &BTreeMap<&str, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit(at: &str, named: &BTreeMap<&str, BTreeSet<String>>, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        if let Some(first) = way.iter().position(|m| m == at) {
            way.drain(..first);
            return true;
        }
        if !done.insert(at.to_string()) {
            return false;
        }
        way.push(at.to_string());
        if named.get(at).is_some_and(|to| to.iter().any(|to| visit(to, named, way, done))) {
            return true;
        }
        way.pop();
        false
    }
    let mut done = BTreeSet::new();
    named.keys().find_map(|module| {
        let mut way = vec![];
        visit(module, named, &mut way, &mut done).then_some(way)
    })
}

#[test]
fn no_pass_names_a_later_one() {
    let files = files();
    for p in PASSES {
        assert!(files.keys().any(|m| m.starts_with(&format!("{p}::"))), "no files in {p}");
    }
    for (module, to) in named(&files) {
        let at = pass(module);
        for to in &to {
            match (at, pass(to)) {
                (Some(at), Some(later)) => assert!(later <= at, "{module} names {to}, of a later pass"),
                // What lies beside the passes knows none of them, but for what runs one after the other.
                (None, Some(_)) => assert_eq!(module, "import", "{module} lies beside the passes, and names {to}"),
                _ => {}
            }
        }
    }
}

#[test]
fn the_files_of_the_importer_form_no_cycle() {
    let files = files();
    let named = named(&files);
    assert!(named.values().map(BTreeSet::len).sum::<usize>() > files.len(), "paths are found: {named:?}");
    assert_eq!(cycle(&named), None);
}

#[test]
fn operators_do_not_name_each_other() {
    for (module, to) in named(&files()).iter().filter(|(module, _)| module.starts_with("lower::ops::")) {
        let others: Vec<&String> = to.iter().filter(|to| to.starts_with("lower::ops")).collect();
        // The modes of Resize are two files.
        let expected: &[&str] = if *module == "lower::ops::resize" { &["lower::ops::resize_linear"] } else { &[] };
        assert_eq!(others, expected, "{module}");
    }
}

/// The checks find what they look for.
#[test]
fn a_later_pass_a_cycle_and_a_path_in_braces_are_found() {
    let mut found = vec![];
    paths("a::{b::C, d::{e, F}}; g::h", "", &mut found);
    assert_eq!(found, ["a::b::C", "a::d::e", "a::d::F"]);
    let file = |name: &str, code: &str| (name.to_string(), code.to_string());
    let files = BTreeMap::from([
        file("parse::a", "use crate::onnx::lower::{b, c::Thing};"),
        file("lower::b", "fn f() { crate::onnx::lower::c::g() }"),
        file("lower::c", "use crate::onnx::lower::b::h;"),
    ]);
    let named = named(&files);
    assert_eq!(named["parse::a"], BTreeSet::from(["lower::b".to_string(), "lower::c".to_string()]));
    assert!(pass("parse::a") < pass("lower::b"));
    assert_eq!(cycle(&named), Some(vec!["lower::b".to_string(), "lower::c".to_string()]));
}
