// SPDX-License-Identifier: Apache-2.0
//! The tool that makes mutants: it understands the RTL, its text with mutant 0 is the original, and a mutant is what it says.

use std::path::{Path, PathBuf};
use std::process::Command;
use systole_mutate::draw::{File, Groups, draw};
use systole_mutate::parse::parse;
use systole_mutate::planted::Planted;
use systole_mutate::schema::{MUTANT, alone, schemata};
use systole_mutate::site::{Mutant, Rule};
use systole_mutate::verdict::Verdicts;
use verilated::{Model, Spec};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

#[test]
fn every_file_of_the_rtl_is_understood() {
    let mut known = 0;
    for list in ["rtl/systole.f", "rtl/systole_board.f"] {
        let text = std::fs::read_to_string(root().join(list)).unwrap();
        for path in text.lines().filter(|l| l.ends_with(".v") && !l.starts_with("../")) {
            let path = &format!("rtl/{path}");
            let file = File::read(&root(), path).unwrap_or_else(|e| panic!("{e:#}"));
            assert!(!file.heads.is_empty(), "{path}");
            known += file.all.len();
        }
    }
    assert!(known > 10_000, "{known} mutants");
}

const SMALL: &str = "
module small #(parameter W = 8 + 1) (input wire clk_i, input wire rst_i, input wire [W-1:0] a_i, output wire [W-1:0] b_o);
  localparam ZERO = 3 - 3;
  function [7:0] constant(input integer n); constant = n + 1; endfunction
  localparam [7:0] LIMIT = constant(4);
  reg [W-1:0] q;
  wire both = a_i[0] && a_i[1] == 1'b1 || !rst_i;  // == binds stronger than &&
  always @(posedge clk_i)
    if (rst_i) q <= {W{1'b0}};
    else q <= both ? q + a_i * q : q;
  generate
    for (genvar i = 0; i < W - 1; i = i + 1) begin : g_bit
      assign b_o[i] = q[i + 1];
    end
  endgenerate
`ifdef NEVER
  assign b_o = q ++ q;
`endif
endmodule
";

/// The mutants of a text: rule, before, after.
fn mutants(text: &str) -> Vec<(Rule, String, String)> {
    let all = parse(text).unwrap().sites.iter().flat_map(|s| s.mutants(text)).collect::<Vec<Mutant>>();
    all.iter().map(|m| (m.rule, text[m.start..m.end].to_string(), m.after(text))).collect()
}

#[test]
fn operators_have_their_operands_and_constants_are_left_alone() {
    let found = mutants(&SMALL.replace("for (genvar i", "for (i"));
    let has = |rule: Rule, before: &str, after: &str| {
        assert!(found.contains(&(rule, before.into(), after.into())), "{rule} {before} => {after} in {found:#?}");
    };
    has(Rule::Operator, "a_i[1] == 1'b1", "a_i[1] != 1'b1");
    has(Rule::Operator, "a_i[0] && a_i[1] == 1'b1", "a_i[0] || a_i[1] == 1'b1");
    has(Rule::Operator, "a_i[0] && a_i[1] == 1'b1 || !rst_i", "a_i[0] && a_i[1] == 1'b1 && !rst_i");
    has(Rule::Operator, "q + a_i * q", "q - a_i * q");
    has(Rule::Condition, "both", "!(both)");
    has(Rule::Reset, "rst_i", "1'b0");
    has(Rule::Else, "q <= both ? q + a_i * q : q;", "nothing");
    has(Rule::Removed, "q <= {W{1'b0}};", "nothing");
    has(Rule::Constant, "1'b0", "1'b1");
    has(Rule::Stuck, "q[i + 1]", "(q[i + 1]) ^ 1'sb1");
    for (rule, before, _) in &found {
        let constant = ["8 + 1", "3 - 3", "n + 1", "W - 1", "i + 1", "q ++ q", "4"];
        assert!(!constant.contains(&before.as_str()), "{rule} of {before}");
    }
}

#[test]
fn what_the_parser_does_not_know_is_an_error_with_its_line() {
    for (wrong, says) in [
        ("module a;\n  always begin end\nendmodule", "line 2: '@' expected"),
        ("module a;\n  assign a = ;\nendmodule", "line 2: an operand expected"),
        ("module a;\n  always @* while (a) b = c;\nendmodule", "line 2"),
    ] {
        let error = parse(wrong).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

/// Runs Yosys on two texts of a combinational module with a parameter; are they equal?
fn equal(original: &str, changed: &str, number: u32, top: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("gold.v"), original).unwrap();
    std::fs::write(path("gate.v"), changed).unwrap();
    let include = root().join("rtl/include").display().to_string();
    let read = |name: &str| {
        format!(
            "read_verilog -DSYSTOLE_MUTANT={number} -I{include} {}; hierarchy -top {top}; proc; flatten; opt_clean; rename {top} {name}",
            path(&format!("{name}.v"))
        )
    };
    let script = format!(
        "{}; design -stash gold; {}; design -stash gate; design -copy-from gold gold; design -copy-from gate gate; \
         miter -equiv -flatten -make_outputs gold gate both; hierarchy -top both; opt; sat -verify -prove trigger 0 both",
        read("gold"),
        read("gate")
    );
    let output = Command::new("yosys").args(["-q", "-p", &script]).output().expect("yosys");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || text.contains("proof did fail"), "{text}");
    output.status.success()
}

/// All mutants of a file in one text.
fn all(file: &File) -> String {
    let numbered: Vec<_> = file.all.iter().enumerate().map(|(n, m)| (n as u32 + 1, m)).collect();
    schemata(&file.text, &file.heads, &numbered)
}

#[test]
fn with_number_0_the_text_is_the_original_and_with_another_one_that_mutant() {
    for path in ["rtl/rram/systole_ecc_correct.v", "rtl/vector/systole_f24_round.v"] {
        let file = File::read(&root(), path).unwrap();
        let (text, top) = (all(&file), &file.heads[0].0);
        assert!(file.all.len() > 25);
        assert_ne!(text, file.text);
        assert!(equal(&file.text, &text, 0, top), "{path}");
        // A number of each rule: the text with all, and the one that a person would write.
        let mut rules = std::collections::BTreeMap::new();
        file.all.iter().enumerate().for_each(|(n, m)| {
            rules.entry(m.rule).or_insert(n);
        });
        for (rule, n) in rules {
            let person = alone(&file.text, &file.all[n]);
            assert!(equal(&person, &text, n as u32 + 1, top), "{path}: {rule} {}", n + 1);
        }
        let wrong = file.all.iter().position(|m| m.rule == Rule::Operator).unwrap();
        assert!(!equal(&file.text, &text, wrong as u32 + 1, top), "{path}: mutant {wrong} is no other circuit");
    }
}

/// Set for the process that simulates a mutant.
const CHILD: &str = "SYSTOLE_MUTATE_TEST_SOURCE";

/// Every syndrome against the document; nothing where no mutant is asked for.
#[test]
fn simulates_what_its_environment_says() {
    let Ok(source) = std::env::var(CHILD) else { return };
    let spec = Spec::new("systole_ecc_correct").source(source).include_dir(root().join("rtl/include"));
    let mut model = Model::new(&spec.build().unwrap()).unwrap();
    let [syndrome, corrected, bad] = ["syndrome_i", "corrected_o", "uncorrectable_o"].map(|p| model.port(p).unwrap());
    for s in 0..256 {
        model.set(syndrome, s);
        model.eval();
        let (corrected, bad) = (model.get(corrected), model.get(bad));
        // docs/rram.md: no error, one that is corrected, or one that is not.
        assert_eq!(corrected + bad, u64::from(s != 0), "syndrome {s:#x}");
    }
}

#[test]
fn one_build_serves_all_mutants_and_a_bench_finds_one() {
    let file = File::read(&root(), "rtl/rram/systole_ecc_correct.v").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("systole_ecc_correct.v");
    std::fs::write(&source, all(&file)).unwrap();
    let run = |number: usize| {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "simulates_what_its_environment_says"])
            .envs([(CHILD, source.as_os_str()), (MUTANT, number.to_string().as_ref())])
            .output()
            .unwrap();
        (child.status.success(), String::from_utf8_lossy(&child.stdout).into_owned())
    };
    let (passed, text) = run(0);
    assert!(passed, "{text}");
    // The last one: that of uncorrectable_o.
    let number = file.all.iter().rposition(|m| m.after(&file.text) == "syndrome_i == 8'd0").expect("a mutant") + 1;
    let (passed, text) = run(number);
    assert!(!passed && text.contains("syndrome 0x0"), "mutant {number}: {text}");
}

#[test]
fn a_draw_is_the_same_every_time_has_every_file_and_changes_with_its_seed() {
    let groups = Groups::read(&root()).unwrap();
    for group in &groups.group {
        let names = |seed| {
            let drawn = draw(&root(), group, groups.mutants, seed).unwrap();
            drawn.mutants.iter().map(|(d, ..)| d.name()).collect::<Vec<_>>()
        };
        let first = names(1);
        assert!(first.len() >= 100, "{}: {}", group.name, first.len());
        assert_eq!(first, names(1));
        assert_ne!(first, names(2));
        for file in &group.files {
            let name = file.rsplit('/').next().unwrap();
            assert!(first.iter().any(|n| n.starts_with(name)), "{}: nothing of {file}", group.name);
        }
    }
}

#[test]
fn planted_bugs_still_find_their_place() {
    let planted = Planted::read(&root()).unwrap();
    assert!(planted.bug.len() >= 13);
    for bug in &planted.bug {
        let text = bug.planted(&root()).unwrap_or_else(|e| panic!("{e:#}"));
        parse(&text).unwrap_or_else(|e| panic!("{}: {e:#}", bug.what));
    }
}

#[test]
fn verdicts_are_of_files_that_groups_have() {
    let (groups, verdicts) = (Groups::read(&root()).unwrap(), Verdicts::read(&root()).unwrap());
    for verdict in &verdicts.verdict {
        assert!(groups.group.iter().any(|g| g.files.contains(&verdict.file)), "{}", verdict.file);
        assert!(verdicts.texts.contains_key(&verdict.file), "{} has no text", verdict.file);
        assert!(verdict.equivalent.is_some() != verdict.test.is_some(), "{:?}", verdict.mutants);
    }
}
