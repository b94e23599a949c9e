// SPDX-License-Identifier: Apache-2.0
//! The test bench in plain Verilog (docs/simulators.md), in Icarus: both networks of digits with no X behind reset, and what
//! it has to find.

use std::path::{Path, PathBuf};
use std::process::Command;
use systole_backends::script;
use systole_compiler::compile;
use systole_isa::Config;
use systole_model::graph::Graph;
use systole_model::tables::Given;
use systole_workloads::compare::run_of;
use systole_workloads::digits;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compiles the chip with the bench, a file of the RTL changed; gives the program.
fn program(folder: &Path, name: &str, change: Option<(&str, &str, &str)>) -> PathBuf {
    let (mut files, _) = systole_chip::source_list().unwrap();
    files.push(root().join("sim/plain/systole_replay.v"));
    if let Some((file, from, to)) = change {
        let at = files.iter_mut().find(|f| f.ends_with(file)).unwrap();
        let text = std::fs::read_to_string(&*at).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{file}: {from}");
        *at = folder.join(file);
        std::fs::write(&*at, text.replace(from, to)).unwrap();
    }
    let (to, id) = (folder.join(name), Config::named("nano").unwrap().id);
    let mut iverilog = Command::new("iverilog");
    // The longest run has 4,419 cycles, a read takes five: a register that never has its value is given up soon.
    iverilog.args(["-g2005", "-s", "systole_replay", &format!("-Psystole_replay.CONFIG={id}"), "-Psystole_replay.POLLS=2000"]);
    let out = iverilog.arg("-I").arg(root().join("rtl/include")).arg("-o").arg(&to).args(files).output().expect("Icarus Verilog");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    to
}

fn plays(program: &Path, script: &Path) -> String {
    let out = Command::new("vvp").arg("-n").arg(program).arg(format!("+script={}", script.display())).output().unwrap();
    String::from_utf8_lossy(&out.stdout).trim().to_string()
}

#[test]
fn digits_run_in_four_states_and_faults_show() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::named("nano").unwrap();
    let set = digits::load().unwrap();
    let recorded = |graph: &Graph, inputs: &[Vec<i8>]| {
        let image = compile(graph, &config, &Default::default()).unwrap().image;
        let runs = inputs.iter().map(|codes| run_of(&image, &Given::from(codes))).collect();
        script::record(&config, &image, runs).unwrap()
    };
    let graph = set.network.graph().unwrap();
    let text = recorded(&graph, &set.images[..2]).0;
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let right = file("right", &text);
    let chip = program(folder.path(), "chip", None);
    let said = plays(&chip, &right);
    assert!(said.starts_with("PASS: ") && said.contains(" 2 output frames, ") && said.ends_with("no X"), "{said}");

    // The convolutional one: rows of LOAD read bytes of IN behind the frame's end, against weights of zero.
    let (cnn, inputs, _) = digits::load_cnn(&set).unwrap();
    let said = plays(&chip, &file("cnn", &recorded(&cnn, &inputs[..1]).0));
    assert!(said.starts_with("PASS: ") && said.contains(" 1 output frames, ") && said.ends_with("no X"), "{said}");

    // A script that has nothing in it tests nothing.
    let said = plays(&chip, &file("empty", ""));
    assert!(said.starts_with("FAIL: the script has no steps"), "{said}");

    // Another byte of the output frame, another count of cycles.
    let (text, outputs) = recorded(&graph, &set.images[..1]);
    let last = text.rfind("\nd ").unwrap() + 3;
    let digit = if &text[last..=last] == "0" { "1" } else { "0" };
    let said = plays(&chip, &file("byte", &format!("{}{digit}{}", &text[..last], &text[last + 1..])));
    assert!(said.contains("FAIL: an output word") || said.starts_with("word "), "{said}");
    let cycles = format!(" {:x} ffffffff", outputs[0].cycles);
    let said = plays(&chip, &file("cycles", &text.replacen(&cycles, &format!(" {:x} ffffffff", outputs[0].cycles + 1), 1)));
    assert!(said.contains("FAIL: a register"), "{said}");

    // A state that no reset sets is X, and is seen at once.
    let faulty = program(folder.path(), "faulty", Some(("systole_sequencer.v", "state_q      <= ST_IDLE;\n", "\n")));
    let said = plays(&faulty, &right);
    assert!(said.contains("FAIL: X at "), "{said}");
}
