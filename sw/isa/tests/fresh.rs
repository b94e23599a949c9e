// SPDX-License-Identifier: Apache-2.0
//! Generated files say what the tables say.

use std::path::{Path, PathBuf};
use systole_isa::generate::{documents, files, port_tables, refresh};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn assert_fresh(path: &Path, expected: &str) {
    let found = std::fs::read_to_string(path).unwrap();
    if found == expected {
        return;
    }
    let diff: Vec<String> =
        found.lines().zip(expected.lines()).filter(|(a, b)| a != b).take(20).map(|(a, b)| format!("- {a}\n+ {b}")).collect();
    panic!("{} is stale; run `make gen`\n{}", path.display(), diff.join("\n"));
}

#[test]
fn the_files_that_are_written_are_fresh() {
    for (path, text) in files(&root()).unwrap() {
        assert_fresh(&root().join(path), &text);
    }
}

#[test]
fn the_tables_in_docs_are_fresh() {
    let ports = port_tables(&root().join("rtl")).unwrap();
    let mut tables = 0;
    for path in documents(&root().join("docs")).unwrap() {
        let text = std::fs::read_to_string(&path).unwrap();
        tables += text.matches("<!-- gen:").count();
        assert_fresh(&path, &refresh(&text, &ports).unwrap());
    }
    assert!(tables > 80, "only {tables} generated tables found in docs/");
}
