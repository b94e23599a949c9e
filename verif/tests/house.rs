// SPDX-License-Identifier: Apache-2.0
//! The house in order: what no compiler looks at.

use pulldown_cmark::{Event, Options as MarkdownOptions, Parser, Tag, TagEnd};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use systole_isa::ports;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Modules that a file declares, `mod name;`.
fn modules(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let name = |line: &str| Some(line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')?.to_string());
    text.lines().filter_map(name).collect()
}

/// A file and those of its modules, at any depth: of `a.rs` and of `a/mod.rs` they lie in `a/`, of the root of a program beside it.
fn with_modules(file: &Path, folder: &Path, found: &mut BTreeSet<PathBuf>) {
    found.insert(file.to_path_buf());
    for name in modules(file) {
        let (alone, inside) = (folder.join(&name).with_extension("rs"), folder.join(&name).join("mod.rs"));
        for module in [alone, inside].into_iter().filter(|m| m.is_file()) {
            with_modules(&module, &folder.join(&name), found);
        }
    }
}

/// Rust files of a folder and those in it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => path.extension().is_some_and(|e| e == "rs").then_some(path).into_iter().collect(),
        })
        .collect()
}

/// Files of tests that belong to no program: with `autotests = false` cargo says nothing of them, and they never run.
fn orphans(package: &Path) -> Vec<String> {
    let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap();
    let tests = package.join("tests");
    if !manifest.contains("autotests = false") || !tests.is_dir() {
        return vec![];
    }
    let mut declared = BTreeSet::new();
    for program in manifest.split("[[test]]").skip(1).filter_map(|s| s.split('"').nth(1)) {
        let folder = tests.join(program);
        match folder.join("main.rs") {
            root if root.is_file() => with_modules(&root, &folder, &mut declared),
            _ => with_modules(&folder.with_extension("rs"), &tests, &mut declared),
        }
    }
    let lost = sources(&tests).into_iter().filter(|path| !declared.contains(path));
    lost.map(|path| path.strip_prefix(root()).unwrap_or(&path).display().to_string()).collect()
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
    // Rooms of a module.
    std::fs::create_dir_all(at("tests/one")).unwrap();
    std::fs::write(at("tests/one/room.rs"), "").unwrap();
    std::fs::write(at("tests/one/closed.rs"), "").unwrap();
    assert_eq!(orphans(folder.path()).len(), 3);
    std::fs::write(at("tests/one.rs"), "mod room;\n").unwrap();
    assert_eq!(orphans(folder.path()).len(), 2);
}

/// Where a block without a bench of its name is tested.
enum Bench {
    /// In the bench of the block around it.
    In(&'static str),
    /// In no bench of blocks, for this reason.
    Whole(&'static str),
}

/// Blocks without a bench of their own; all others have one.
const OTHERWISE: [(&str, Bench); 25] = [
    ("acc_lane", Bench::In("acc")),
    ("lane_cell", Bench::In("lane")),
    ("post_lane", Bench::In("post")),
    ("f24_round", Bench::In("f24_mul")),
    ("vec_max4", Bench::In("vec_max")),
    ("vec_add4", Bench::In("vec_sum")),
    ("ram_be", Bench::In("ram")),
    ("regfile", Bench::In("ram")),
    ("delay", Bench::In("ram")),
    ("delay_ctl", Bench::In("ram")),
    ("parity", Bench::In("ecc_correct")),
    ("ecc_check", Bench::In("ecc_correct")),
    ("ecc_encode", Bench::In("ecc_decode")),
    ("bch_check", Bench::In("ecc_decode")),
    ("bch_syndrome", Bench::In("ecc_decode")),
    ("bch_correct", Bench::In("ecc_decode")),
    ("rram_macro", Bench::In("w_bank")),
    ("top", Bench::Whole("it is the chip, which all of `verif/tests/machine.rs` is about")),
    ("core", Bench::Whole("it is the chip without its host side, wired: `verif/tests/machine.rs`")),
    (
        "rram",
        Bench::Whole(
            "the controller, wired: `verif/tests/rram.rs` and `rram_alike.rs`, the chip beside a model of it, cell by cell",
        ),
    ),
    ("rram_rom", Bench::Whole("a table that `make gen` writes: `sw/isa/tests/fresh.rs`, and every wake of the chip")),
    ("vec_lane", Bench::In("vector")),
    ("scalar", Bench::In("vector")),
    ("ecp5", Bench::Whole("a PLL and pins; `make lint` and `make fpga`")),
    ("gowin", Bench::Whole("a PLL and pins; `make lint` and `make fpga`")),
];

/// Benches of what several blocks have in common.
const SEVERAL: [&str; 1] = ["reset"];

/// Names of the files of a folder with this ending, without it.
fn stems(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    entries.filter_map(|name| Some(name.strip_suffix(ending)?.to_string())).collect()
}

#[test]
fn modules_pages_and_benches_mirror_each_other() {
    let modules: BTreeSet<String> = ports::modules(&root().join("rtl")).unwrap().into_iter().map(|m| m.name).collect();
    let mut pages = stems("docs/blocks", ".md");
    assert!(pages.remove("README"));
    assert_eq!(pages, modules, "pages of docs/blocks and modules of rtl/");
    let mut benches = stems("verif/tests/block", ".rs");
    assert!(benches.remove("main") && SEVERAL.iter().all(|name| benches.remove(*name)));
    let without: BTreeSet<String> = OTHERWISE.iter().map(|o| o.0.to_string()).collect();
    assert_eq!(without.len(), OTHERWISE.len());
    let expected: BTreeSet<String> = modules.difference(&without).cloned().collect();
    assert_eq!(benches, expected, "benches of verif/tests/block, and modules that have no other place");
    assert!(without.is_subset(&modules), "{without:?}");

    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let index = read("docs/blocks/README.md");
    let squash = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for name in &modules {
        let page = read(&format!("docs/blocks/{name}.md"));
        let bench = match OTHERWISE.iter().find(|o| o.0 == name) {
            None => format!("`verif/tests/block/{name}.rs`"),
            Some((_, Bench::In(other))) => {
                assert!(benches.contains(*other), "{name} is tested with {other}, which has no bench");
                format!("`verif/tests/block/{other}.rs`")
            }
            Some((_, Bench::Whole(reason))) => reason.to_string(),
        };
        let ports = format!("<!-- gen:ports-{name} -->");
        for part in [&format!("# {name}\n"), "\n```\n", "\n## Latency and promise\n", &ports] {
            assert!(page.contains(part), "docs/blocks/{name}.md has no {part:?}");
        }
        assert!(squash(&page).contains(&bench), "docs/blocks/{name}.md does not say where it is tested: {bench:?}");
        assert_eq!(index.matches(&format!("]({name}.md)")).count(), 1, "{name} stands in docs/blocks/README.md once");
    }
}

/// The anchor that GitHub and mdBook give a heading: its words in small letters, `-` between them.
fn anchor(heading: &str) -> String {
    let small = heading.trim().to_lowercase().replace(' ', "-");
    small.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}

/// A page as CommonMark with tables, which is what GitHub and mdBook read.
fn parsed(text: &str) -> Parser<'_> {
    Parser::new_ext(text, MarkdownOptions::ENABLE_TABLES | MarkdownOptions::ENABLE_STRIKETHROUGH)
}

/// The anchors of a page's headings; of equal ones the second has `-1`.
fn anchors(text: &str) -> BTreeSet<String> {
    let (mut found, mut heading) = (BTreeSet::new(), None::<String>);
    for event in parsed(text) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::Text(part) | Event::Code(part), Some(words)) => words.push_str(&part),
            (Event::End(TagEnd::Heading(_)), Some(words)) => {
                let plain = anchor(words);
                let name = (0..).map(|n| if n == 0 { plain.clone() } else { format!("{plain}-{n}") });
                found.insert(name.into_iter().find(|n| !found.contains(n)).unwrap());
                heading = None;
            }
            _ => {}
        }
    }
    found
}

/// Links and pictures of a page that lead nowhere: those with a scheme are not looked at.
fn broken(path: &Path, text: &str) -> Vec<String> {
    let mut wrong = vec![];
    let mut look = |link: &str| {
        let (file, part) = link.split_once('#').unwrap_or((link, ""));
        let target = if file.is_empty() { path.to_path_buf() } else { path.parent().unwrap().join(file) };
        if !target.exists() {
            wrong.push(format!("{link}: there is no such file"));
        } else if !part.is_empty() && !anchors(&std::fs::read_to_string(&target).unwrap_or_default()).contains(part) {
            wrong.push(format!("{link}: there is no such heading"));
        } else if path.starts_with(root().join("docs")) && !target.canonicalize().unwrap().starts_with(root().join("docs")) {
            wrong.push(format!("{link}: it leaves docs/, and would lead nowhere in the site; name the file as code"));
        }
    };
    for event in parsed(text) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) if !dest_url.contains(':') => look(&dest_url),
            // `[words][]` and `[words]` that were meant as links stay text, so nothing else is to be found.
            _ => {}
        }
    }
    wrong
}

#[test]
fn links_of_all_pages_lead_somewhere() {
    let mut wrong = vec![];
    for path in files(".md") {
        let page = path.strip_prefix(root()).unwrap().display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        wrong.extend(broken(&path, &text).into_iter().map(|what| format!("{page}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.md");
    let text = "# A `b` c, d\n## Two\n## Two\n[x](#a-b-c-d) [y](page.md#two-1) [z](https://nowhere.example)\n`[code](not.md)`\n";
    std::fs::write(&page, text).unwrap();
    assert_eq!(broken(&page, text), Vec::<String>::new());
    let found = broken(&page, "# A\n[x](#b) ![y](y.svg)\n\n| [in a table](page.md#three) |\n|---|\n");
    let ends = ["#b: there is no such heading", "y.svg: there is no such file", "page.md#three: there is no such heading"];
    assert_eq!(found, ends);
}

#[test]
fn code_of_the_page_about_tests_is_in_the_tree() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (page, bench, plan) = (read("docs/adding-a-test.md"), read("verif/tests/block/skid.rs"), read("verif/testplan.toml"));
    for (language, source) in [("rust", bench), ("toml", plan)] {
        let shown: Vec<&str> =
            page.split(&format!("```{language}\n")).skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(!shown.is_empty() && shown.iter().all(|part| source.contains(part)), "docs/adding-a-test.md, {language}");
    }
}

#[test]
fn every_page_stands_once_in_the_site() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let mut listed: Vec<String> = parsed(&summary)
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.to_string()),
            _ => None,
        })
        .collect();
    let pages = ["docs", "docs/blocks"].into_iter().flat_map(|folder| {
        stems(folder, ".md").into_iter().map(move |name| format!("{folder}/{name}.md").trim_start_matches("docs/").to_string())
    });
    let mut expected: Vec<String> = pages.filter(|page| page != "SUMMARY.md").collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected, "pages of docs/SUMMARY.md, and those of docs/");
}

/// Paths in code of a page, from the root of the tree, that are not there; a line behind it (`verif/tests/house.rs:1`) is no part of
/// the path. What has `*`, `<`, `{` or a space in it is a pattern or a command.
fn lost_paths(text: &str) -> Vec<String> {
    const FOLDERS: [&str; 6] = ["rtl/", "sw/", "sim/", "verif/", "scripts/", "constraints/"];
    let code = parsed(text).filter_map(|event| match event {
        Event::Code(code) => Some(code.to_string()),
        _ => None,
    });
    let paths = code.filter(|c| FOLDERS.iter().any(|f| c.starts_with(f)) && !c.contains(['*', '<', '{', ' ']));
    let there = |path: &String| root().join(path.split(':').next().unwrap().trim_end_matches('/')).exists();
    paths.filter(|path| !there(path)).collect()
}

#[test]
fn paths_that_pages_name_are_in_the_tree() {
    let root = root();
    let mut wrong = vec![];
    let mut pages = 0;
    for path in files(".md") {
        let page = path.strip_prefix(&root).unwrap().display().to_string();
        if page == "README.md" || page == "CONTRIBUTING.md" || page.starts_with("docs/") {
            pages += 1;
            let lost = lost_paths(&std::fs::read_to_string(&path).unwrap());
            wrong.extend(lost.into_iter().map(|lost| format!("{page}: there is no {lost}")));
        }
    }
    assert!(pages > 100, "{pages} pages");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let right =
        "`rtl/lib/` `verif/tests/house.rs:1` `rtl/*.x` `sw/<CRATE>/x` `sw/{a,b}` `scripts/none.sh all` `none.rs` sw/none\n";
    assert_eq!(lost_paths(&format!("{right}\n```\nsw/none `sw/none`\n```\n")), [""; 0]);
    let found = lost_paths("`rtl/none.v` and `verif/none.rs:61`\n\n| `sw/none/` |\n|---|\n| `scripts/none.sh` |\n");
    assert_eq!(found, ["rtl/none.v", "verif/none.rs:61", "sw/none/", "scripts/none.sh"]);
}

/// States of a state machine that waves do not name: `ST_X` of a source whose enumeration for waves (docs/waves.md) has no `= ST_X`.
fn nameless(source: &str) -> Vec<String> {
    let (code, waves) = source.split_once("`ifdef SYSTOLE_WAVES").unwrap_or((source, ""));
    let word = |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_string();
    let states: BTreeSet<String> =
        code.split("ST_").skip(1).map(word).filter(|s| code.contains(&format!(" ST_{s} = "))).collect();
    let named: BTreeSet<String> = waves.split("= ST_").skip(1).map(word).collect();
    states.difference(&named).cloned().collect()
}

#[test]
fn every_state_of_the_rtl_has_its_name_in_waves() {
    let mut machines = 0;
    for module in ports::modules(&root().join("rtl")).unwrap() {
        let source = std::fs::read_to_string(&module.path).unwrap();
        machines += usize::from(source.contains("SYSTOLE_WAVES"));
        assert_eq!(nameless(&source), Vec::<String>::new(), "{}", module.path.display());
    }
    assert!(machines >= 6, "{machines} state machines with names");
    assert_eq!(nameless("  localparam ST_A = 1'd0, ST_B = 1'd1;\n`ifdef SYSTOLE_WAVES\n{ A = ST_A }"), ["B"]);
}

/// Lines of prose in Markdown that are longer than this number of characters, as `line: its beginning`; tables, blocks of code and
/// words that have no space in them stay as they are.
fn long_lines(text: &str, limit: usize) -> Vec<String> {
    let mut fence: Option<&str> = None;
    let mut found = vec![];
    for (n, line) in text.lines().enumerate() {
        let inside = line.trim_start_matches([' ', '>']);
        let mark = if inside.starts_with("```") { Some("```") } else { None }.or(inside.starts_with("~~~").then_some("~~~"));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) if !inside.starts_with('|') && inside.contains(' ') && line.chars().count() > limit => {
                found.push(format!("{}: {}", n + 1, line.chars().take(60).collect::<String>()));
            }
            _ => {}
        }
    }
    found
}

/// Files of the tree with this ending, without what was built or installed.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut folders = vec![root()];
    let mut found = vec![];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                let other = ["target", "build", "node_modules"].contains(&name.as_str())
                    || name.starts_with(".git")
                    || name.starts_with(".venv");
                folders.extend((!other || name == ".github").then_some(path));
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn prose_is_wrapped_so_that_a_change_can_be_read() {
    let pages = files(".md");
    assert!(pages.len() > 100, "{} pages", pages.len());
    let mut wrong = vec![];
    for path in pages {
        let page = path.strip_prefix(root()).unwrap().display().to_string();
        wrong.extend(long_lines(&std::fs::read_to_string(&path).unwrap(), 110).into_iter().map(|line| format!("{page}:{line}")));
    }
    assert!(wrong.is_empty(), "prose is wrapped near 100 columns, these lines have more than 110:\n{}", wrong.join("\n"));

    let long = "a b ".repeat(30);
    assert_eq!(long_lines(&format!("short\n{long}\n```\n{long}\n```\n| {long}|\n- {long}"), 110).len(), 2);
    assert_eq!(long_lines(&format!("{}\n> {long}", "x".repeat(200)), 110).len(), 1);
}

/// Crates that a manifest depends on, by their names; those of its tests aside.
fn dependencies(manifest: &str) -> Vec<String> {
    let parsed: toml::Table = manifest.parse().unwrap();
    let all = parsed.get("dependencies").and_then(|d| d.as_table());
    all.into_iter().flatten().map(|d| d.0.clone()).collect()
}

/// What crates use against the order of a table, `| \`folder\`, \`folder\` | .. |`; names are of (folder, crate, dependencies).
fn against_the_order(table: &str, crates: &[(String, String, Vec<String>)]) -> Vec<String> {
    let rows = table.lines().filter_map(|l| l.strip_prefix("| `")?.split_once(" | ")).map(|l| l.0);
    let order: Vec<String> = rows.flat_map(|l| l.split(", ")).map(|f| f.trim_matches('`').to_string()).collect();
    let place = |folder: &str| order.iter().position(|o| o == folder);
    let mut wrong = vec![];
    for (folder, _, uses) in crates {
        let Some(own) = place(folder) else {
            wrong.push(format!("{folder} is not in the table"));
            continue;
        };
        for (other, _, _) in crates.iter().filter(|c| uses.contains(&c.1)) {
            if place(other).is_some_and(|p| p >= own) {
                wrong.push(format!("{folder} uses {other}, which stands above it"));
            }
        }
    }
    wrong.extend(order.iter().filter(|o| !crates.iter().any(|c| c.0 == **o)).map(|o| format!("{o} is no crate")));
    wrong
}

#[test]
fn crates_use_those_below_them() {
    let root = root();
    let mut crates = vec![];
    for path in files("Cargo.toml").into_iter().filter(|p| *p != root.join("Cargo.toml")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = text.lines().find_map(|l| l.strip_prefix("name = \"")?.strip_suffix('"')).unwrap().to_string();
        let folder = path.parent().unwrap().strip_prefix(&root).unwrap().display().to_string();
        crates.push((folder, name, dependencies(&text)));
    }
    let page = std::fs::read_to_string(root.join("docs/README.md")).unwrap();
    let table = page.split_once("### Crates, from the bottom up").unwrap().1;
    assert_eq!(against_the_order(table, &crates), [""; 0]);

    // A program that leans on the test suites is found, and so is a crate that nobody wrote down.
    let cli = crates.iter_mut().find(|c| c.0 == "sw/cli").unwrap();
    cli.2.push("systole-verif".into());
    crates.push(("sw/new".into(), "systole-new".into(), vec![]));
    assert_eq!(against_the_order(table, &crates), ["sw/cli uses verif, which stands above it", "sw/new is not in the table"]);
}

/// Variables that a Makefile reads and make itself gives a value: what looks optional never is empty. What make has of itself
/// to be read (MAKE, CURDIR) is no such one.
fn of_make_itself(makefile: &str) -> Vec<String> {
    // No other variables: they, and those of a make around this test, take the place of make's own.
    let path = std::env::var_os("PATH").map(|path| ("PATH", path));
    let out = Command::new("make").args(["-pn", "-f", "/dev/null"]).env_clear().envs(path).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let own = lines.windows(2).filter(|two| two[0] == "# default").filter_map(|two| two[1].split([' ', ':']).next());
    own.filter(|name| !name.starts_with("MAKE") && makefile.contains(&format!("$({name})"))).map(str::to_string).collect()
}

#[test]
fn the_makefile_has_no_name_for_a_variable_that_make_has_already() {
    assert_eq!(of_make_itself("lint:\n\tscripts/lint.sh $(LINT)\n"), ["LINT"], "make gives it the value `lint`");
    assert_eq!(of_make_itself(&std::fs::read_to_string(root().join("Makefile")).unwrap()), Vec::<String>::new());
}
