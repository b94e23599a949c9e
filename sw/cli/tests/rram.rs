// SPDX-License-Identifier: Apache-2.0
//! The RRAM verbs: a chip whose RRAM is a file, and the campaigns.

use std::process::{Command, Output};

fn systole(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_systole")).args(args).output().expect("the program starts")
}

#[test]
fn an_image_is_programmed_wakes_ages_and_runs_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (img, part) = (at("d.img"), at("chip.rram"));
    let run = |args: &[&str]| systole(args);
    let good = |args: &[&str]| {
        let out = run(args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let model = ["--config", "small", "--backend", "model"];
    let with = |args: &[&str]| good(&[args, &model].concat());
    with(&["run", "digits", "--images", "1", "--image", &img]);
    // No file yet: said before anything runs.
    let out = run(&["run", "digits", "--rram", &part, "--config", "small"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("systole program"), "{out:?}");
    let text = with(&["program", &img, "--rram", &part]);
    assert!(text.contains("written to slot 0") && text.contains("epoch 1"), "{text}");
    with(&["rram", "age", "--years", "10", "--rram", &part]);
    let json: serde_json::Value = serde_json::from_str(&with(&["rram", "status", "--rram", &part, "--json"])).unwrap();
    assert_eq!((json["rram"]["newest"].as_u64(), json["rram"]["epoch"].as_u64()), (Some(0), Some(1)));
    let text = with(&["run", "digits", "--rram", &part, "--images", "20", "--energy"]);
    assert!(text.contains("mismatches                0") && text.contains("TOPS/W"), "{text}");
    with(&["rram", "scrub", "--rram", &part]);
    assert!(with(&["rram", "wear", "--rram", &part]).contains("10.00 years"));
    with(&["wake", "--warm", "--rram", &part]);
    // Another network than the one that is in it.
    let out = run(&[&["run", "digits-cnn", "--rram", &part][..], &model].concat());
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("program it first"), "{out:?}");
    // Two bits of one word: refused at wake, and nothing older is there.
    with(&["rram", "inject", "--row", "1", "--line", "2", "--bits", "4,5", "--rram", &part]);
    let out = run(&[&["wake", "--rram", &part][..], &model].concat());
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("RRAM_NO_IMAGE"), "{out:?}");
    // The same image under the other code: two wrong bits of a word are corrected, three are not.
    let part = at("dected.rram");
    let strong = |args: &[&str]| with(&[args, &["--ecc", "dected", "--rram", &part]].concat());
    strong(&["program", &img]);
    strong(&["rram", "inject", "--row", "1", "--line", "2", "--bits", "4,77"]);
    let json: serde_json::Value = serde_json::from_str(&strong(&["rram", "status", "--json"])).unwrap();
    assert_eq!((json["ecc"].as_str(), json["rram"]["newest"].as_u64()), (Some("dected"), Some(0)));
    assert_eq!((json["rram"]["corrected"].as_u64(), json["rram"]["uncorrectable"].as_u64()), (Some(1), Some(0)));
    assert!(strong(&["run", "digits", "--images", "5"]).contains("mismatches                0"));
    let out = run(&[&["rram", "status", "--rram", &part][..], &model].concat());
    let error = String::from_utf8_lossy(&out.stderr);
    assert!(error.contains("and dected, this machine is") && error.contains("and secded"), "{out:?}");
    strong(&["rram", "inject", "--row", "1", "--line", "2", "--bits", "50"]);
    let out = run(&[&["wake", "--ecc", "dected", "--rram", &part][..], &model].concat());
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("RRAM_NO_IMAGE"), "{out:?}");
    // The part of another machine.
    let part = at("chip.rram");
    let out = run(&["rram", "status", "--rram", &part, "--config", "tiny", "--backend", "model"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("configuration 1"), "{out:?}");
}

#[test]
fn campaigns_report_bounds_plots_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("w.svg").display().to_string();
    let out = systole(&["fault", "--faults", "double,triple", "--count", "500", "--json"]);
    assert!(out.status.success());
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["triple"]["with_crc"]["silent"], 0);
    assert!(json["triple"]["code_alone"]["silent"].as_u64().unwrap() > 0);
    let out = systole(&["lifetime", "--lines", "64", "--endurance", "1000", "--plot", &svg]);
    assert!(out.status.success() && std::fs::read_to_string(&svg).unwrap().contains("<svg"));
    let out = systole(&["fault", "--faults", "gremlins"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("power-cut"), "{out:?}");
    let out = systole(&["energy", "--size", "64x64", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(json["curve"][0]["energy"]["total"]["typ"].as_f64().unwrap() > 0.0);
}
