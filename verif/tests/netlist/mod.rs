// SPDX-License-Identifier: Apache-2.0
//! The chip as Yosys makes it for an ECP5, in the RTL's place: digits and random graphs. The distribution's Yosys, so that it
//! needs no further set-up; `make netlist` does it with the Yosys that makes bitstreams, for both families and at length.

use proptest::prelude::*;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use systole_compiler::{CompileError, compile};
use systole_isa::Config;
use systole_verif::random::runner;
use systole_verif::random_graph::cases;
use systole_verif::{Backend, check_graph, digits};

/// What a netlist is made of: when none of it changed, the one that is there stands.
fn stamp(root: &Path) -> String {
    let mut files = vec![root.join("scripts/netlist.py"), root.join("scripts/synth.py")];
    let mut folders = vec![root.join("rtl")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    files.iter().for_each(|f| (f, std::fs::read(f).unwrap()).hash(&mut hasher));
    Command::new("yosys").arg("-V").output().unwrap().stdout.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The folder of nano's netlist.
fn netlist() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("netlist-{}", stamp(root)));
    if !folder.is_dir() {
        let making = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut script = Command::new(root.join("scripts/netlist.sh"));
        let made = script.args(["nano", "--native", "--out"]).arg(making.path()).output().unwrap();
        assert!(made.status.success(), "{}{}", String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
        // Its list names the folder that it was made in.
        let list = making.path().join("files.f");
        let text = std::fs::read_to_string(&list).unwrap();
        std::fs::write(list, text.replace(making.path().to_str().unwrap(), folder.to_str().unwrap())).unwrap();
        // Those of other sources stand for nothing any more.
        for old in std::fs::read_dir(env!("CARGO_TARGET_TMPDIR")).unwrap().flatten() {
            if old.file_name().to_string_lossy().starts_with("netlist-") {
                let _ = std::fs::remove_dir_all(old.path());
            }
        }
        std::fs::rename(making.keep(), &folder).unwrap();
    }
    folder
}

#[test]
fn the_netlist_computes_what_the_rtl_does_in_the_same_cycles() {
    let config = Config::named("nano").unwrap();
    let options = |seed| systole_chip::Options { seed, netlist: Some(netlist()), ..Default::default() };
    let set = digits::load().unwrap();
    let graph = set.network.graph().unwrap();
    let compiled = compile(&graph, &config, &Default::default()).unwrap();
    let report = check_graph(&graph, &compiled, &config, Backend::Rtl, &set.images[..20], &options(1), |_| {}).unwrap();
    assert!(report.is_good() && report.compared == 200, "{report}");
    let ran = std::cell::Cell::new(0);
    runner(24)
        .run(&cases("nano", 1), |case| {
            let (graph, inputs) = case.graph();
            let compiled = match compile(&graph, &config, &Default::default()) {
                Err(CompileError::DoesNotFit { .. } | CompileError::TooManyRows { .. }) => return Ok(()),
                other => other.unwrap(),
            };
            let report = check_graph(&graph, &compiled, &config, Backend::Rtl, &inputs, &options(case.seed), |_| {}).unwrap();
            prop_assert!(report.is_good(), "{report}");
            ran.set(ran.get() + 1);
            Ok(())
        })
        .unwrap();
    assert!(ran.get() >= 14, "{} graphs ran", ran.get());
}
