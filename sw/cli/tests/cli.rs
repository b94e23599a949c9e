// SPDX-License-Identifier: Apache-2.0
//! The program as its users call it: exit status, JSON, files, and what it says to bad input.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use systole_workloads::npy;

fn systole(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_systole")).args(args).output().expect("the program starts")
}

fn json(args: &[&str]) -> Value {
    let out = systole(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON and nothing else")
}

/// Status 2, one line on stderr that has all the words, nothing on stdout, no panic.
fn refused(args: &[&str], words: &[&str]) {
    let out = systole(args);
    let text = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
    assert!(out.stdout.is_empty(), "{args:?}: printed {}", String::from_utf8_lossy(&out.stdout));
    assert!(text.starts_with("systole: error: ") && !text.contains("panicked"), "{args:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{args:?}: no '{word}' in: {text}");
    }
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("a path in UTF-8").to_string()
}

fn write_i8(folder: &Path, name: &str, shape: &[u64], value: impl Fn(usize) -> i8) -> String {
    let data: Vec<i8> = (0..shape.iter().product::<u64>() as usize).map(value).collect();
    npy::write(&folder.join(name), shape, &data).expect("written");
    path(folder, name)
}

#[test]
fn gemm_on_rtl_and_model_reports_the_same_cycles() {
    let mut cycles = vec![];
    for backend in ["rtl", "model"] {
        let v = json(&[
            "gemm",
            "--m",
            "3",
            "--k",
            "21",
            "--n",
            "10",
            "--config",
            "tiny",
            "--backend",
            backend,
            "--seed",
            "9",
            "--json",
        ]);
        for (key, value) in
            [("m", 3), ("k", 21), ("n", 10), ("seed", 9), ("macs", 630), ("outputs", 30), ("mismatches", 0), ("runs", 1)]
        {
            assert_eq!(v[key], value, "{key}");
        }
        assert_eq!(v["config"], "tiny");
        assert_eq!(v["backend"], backend);
        assert_eq!(v["cycles_predicted"], v["cycles_measured"]);
        let utilisation = v["utilisation"].as_f64().expect("a number");
        assert!((utilisation - 630.0 / (16.0 * v["cycles_measured"].as_f64().expect("a number"))).abs() < 1e-9);
        assert!(v["sim_cycles_per_second"].as_f64().expect("a number") > 0.0);
        cycles.push(v["cycles_measured"].clone());
    }
    assert_eq!(cycles[0], cycles[1]);
}

#[test]
fn gemm_of_given_matrices_writes_their_product() {
    let folder = tempfile::tempdir().expect("a folder");
    let f = folder.path();
    let x = write_i8(f, "x.npy", &[2, 5], |i| i as i8 - 4);
    let w = write_i8(f, "w.npy", &[5, 3], |i| 7 - 2 * i as i8);
    npy::write(&f.join("b.npy"), &[3], &[100i32, -7, 70_000]).expect("written");
    let (b, y) = (path(f, "b.npy"), path(f, "y.npy"));
    for backend in ["rtl", "model"] {
        json(&["gemm", "--x", &x, "--w", &w, "--bias", &b, "--config", "tiny", "--backend", backend, "--output", &y, "--json"]);
        let got = npy::read_i32(Path::new(&y)).expect("int32 without --scale");
        assert_eq!(got.shape, [2, 3]);
        let mut wanted = vec![];
        for row in 0..2 {
            for col in 0..3 {
                let sum: i32 = (0..5).map(|k| (row * 5 + k - 4) * (7 - 2 * (k * 3 + col))).sum();
                wanted.push(sum + [100, -7, 70_000][col as usize]);
            }
        }
        assert_eq!(got.data, wanted);
        std::fs::remove_file(&y).expect("it is there");
    }
    // With a scale: int8, halves to even, saturated.
    npy::write(&f.join("s.npy"), &[1], &[0.25f32]).expect("written");
    json(&[
        "gemm",
        "--x",
        &x,
        "--w",
        &w,
        "--scale",
        &path(f, "s.npy"),
        "--y-zero-point",
        "-3",
        "--config",
        "tiny",
        "--backend",
        "model",
        "--output",
        &y,
        "--json",
    ]);
    let got = npy::read_i8(Path::new(&y)).expect("int8 with --scale");
    for (i, v) in got.data.iter().enumerate() {
        let sum: i32 = (0..5).map(|k| ((i / 3) as i32 * 5 + k - 4) * (7 - 2 * (k * 3 + (i % 3) as i32))).sum();
        assert_eq!(i32::from(*v), ((f64::from(sum) * 0.25).round_ties_even() as i32 - 3).clamp(-128, 127));
    }
}

#[test]
fn a_gemm_beyond_one_run_is_split_and_the_rest_has_its_own_program() {
    let v = json(&["gemm", "--m", "70", "--k", "9", "--n", "24", "--config", "tiny", "--raw", "--json"]);
    assert!(v["runs"].as_u64() > Some(1), "{v}");
    assert_eq!((v["outputs"].as_u64(), v["mismatches"].as_u64()), (Some(70 * 24), Some(0)));
    assert_eq!(v["cycles_predicted"], v["cycles_measured"]);
}

#[test]
fn impossible_shapes_are_refused_with_the_limit() {
    refused(&["gemm", "--m", "0", "--k", "3", "--n", "3"], &["--m 0", "at least 1"]);
    refused(&["gemm", "--k", "3", "--n", "3"], &["--m", "missing", "--x"]);
    refused(&["gemm", "--m", "1", "--k", "70000", "--n", "3"], &["needs 70000", "base has 65536"]);
    refused(&["gemm", "--m", "1", "--k", "2048", "--n", "2048"], &["needs", "base has"]);
    refused(&["gemm", "--m", "1", "--k", "64", "--n", "4096", "--config", "tiny"], &["needs", "tiny has"]);
    refused(&["gemm", "--m", "18446744073709551615", "--k", "3", "--n", "3"], &["2^30"]);
    refused(&["gemm", "--m", "1", "--k", "3", "--n", "3", "--config", "huge"], &["'huge'", "tiny, small, wide, base, large"]);
    refused(&["gemm", "--m", "1", "--k", "3", "--n", "3", "--weight-beats", "3"], &["WEIGHT_BEATS = 3", "1, 2 or 4"]);
    let out = systole(&["gemm", "--m", "1", "--k", "3", "--n", "3", "--ecc", "bch"]);
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(2) && text.contains("there are secded and dected, not bch"), "{text}");
    refused(&["run", "digits", "--images", "0"], &["--images 0", "450"]);
    refused(&["run", "letters"], &["'letters'", "digits"]);
    refused(&["config", "huge"], &["'huge'"]);
    refused(&["gemm", "--m", "1", "--k", "3", "--n", "3", "--trace", "t.fst", "--backend", "model"], &["--backend rtl"]);
    refused(
        &["gemm", "--m", "1", "--k", "3", "--n", "3", "--trace", "t.fst", "--trace-window", "9:3"],
        &["9:3", "FROM below TO"],
    );
}

#[test]
fn matrices_that_do_not_fit_each_other_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let f = folder.path();
    let x = write_i8(f, "x.npy", &[2, 5], |_| 1);
    let w = write_i8(f, "w.npy", &[4, 3], |_| 1);
    let cube = write_i8(f, "cube.npy", &[2, 2, 2], |_| 1);
    let empty = write_i8(f, "empty.npy", &[0, 5], |_| 1);
    let good = write_i8(f, "good.npy", &[5, 3], |_| 1);
    refused(&["gemm", "--x", &x, "--w", &w], &["x.npy", "[2, 5]", "w.npy", "[4, 3]", "5 columns", "4 rows"]);
    refused(&["gemm", "--x", &cube, "--w", &good], &["cube.npy", "[2, 2, 2]", "two dimensions"]);
    refused(&["gemm", "--x", &empty, "--w", &good], &["empty.npy", "empty"]);
    refused(&["gemm", "--x", &x, "--w", &good, "--m", "3"], &["--m 3", "x.npy", "[2, 5]"]);
    refused(&["gemm", "--x", &path(f, "none.npy"), "--w", &good], &["none.npy", "No such file"]);

    npy::write(&f.join("i32.npy"), &[2, 5], &[1i32; 10]).expect("written");
    refused(&["gemm", "--x", &path(f, "i32.npy"), "--w", &good], &["i32.npy", "<i4", "int8"]);
    npy::write(&f.join("b.npy"), &[4], &[1i32; 4]).expect("written");
    refused(&["gemm", "--x", &x, "--w", &good, "--bias", &path(f, "b.npy")], &["b.npy", "4 elements", "N is 3"]);
    for (n, bad) in [f32::NAN, 0.0, -0.5, f32::INFINITY].into_iter().enumerate() {
        let name = format!("s{n}.npy");
        npy::write(&f.join(&name), &[3], &[0.25, bad, 0.25]).expect("written");
        refused(&["gemm", "--x", &x, "--w", &good, "--scale", &path(f, &name)], &["scale"]);
    }

    let bytes = std::fs::read(&x).expect("it is there");
    for length in [0, 3, 20, bytes.len() - 1] {
        std::fs::write(f.join("cut.npy"), &bytes[..length]).expect("written");
        refused(&["gemm", "--x", &path(f, "cut.npy"), "--w", &good], &["cut.npy"]);
    }
    let huge = String::from_utf8_lossy(&bytes).replace("(2, 5), }      ", "(2, 5000000000)");
    std::fs::write(f.join("huge.npy"), huge.as_bytes()).expect("written");
    refused(&["gemm", "--x", &path(f, "huge.npy"), "--w", &good], &["huge.npy"]);
    refused(&["gemm", "--x", &x, "--w", &good, "--output", &path(f, "none/y.npy")], &["cannot write", "none/y.npy"]);
    refused(&["gemm", "--x", &x, "--w", &good, "--trace", &path(f, "none/t.fst")], &["cannot write", "none/t.fst"]);
    // Nothing was left behind.
    let mut left: Vec<String> = std::fs::read_dir(f)
        .expect("the folder")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    left.retain(|n| !n.ends_with(".npy"));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn damaged_images_are_refused_and_whole_ones_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let f = folder.path();
    let image = path(f, "d.img");
    json(&["run", "digits", "--images", "2", "--config", "small", "--backend", "model", "--image", &image, "--json"]);
    let bytes = std::fs::read(&image).expect("it was written");

    let listing = systole(&["disasm", &image]);
    let text = String::from_utf8_lossy(&listing.stdout).into_owned();
    assert!(
        listing.status.success() && ["LOAD", "MATMUL", "POST", "END"].iter().all(|w| text.to_uppercase().contains(w)),
        "{text}"
    );
    let v = json(&["disasm", &image, "--json"]);
    assert_eq!(v["config"], "small");
    let listed = text.lines().filter(|l| !l.starts_with(';') && !l.trim().is_empty()).count();
    assert_eq!(v["rows"].as_array().map(Vec::len), Some(listed));

    let trace = path(f, "t.json");
    assert!(systole(&["timeline", &image, "-o", &trace]).status.success());
    let t: Value = serde_json::from_slice(&std::fs::read(&trace).expect("written")).expect("JSON");
    let events = t["traceEvents"].as_array().expect("a list");
    let end = v["cycles"].as_u64().expect("a number");
    let slices: Vec<&Value> = events.iter().filter(|e| e["ph"] == "X").collect();
    assert_eq!(slices.len(), v["rows"].as_array().expect("a list").len());
    assert!(slices.iter().all(|e| e["ts"].as_u64().expect("a number") + e["dur"].as_u64().expect("a number") <= end + 1));
    for unit in ["MATMUL", "POST", "LOAD"] {
        assert!(events.iter().any(|e| e["ph"] == "M" && e["args"]["name"] == unit), "no track for {unit}");
    }

    let bad = path(f, "bad.img");
    for length in [0, 4, 40, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&bad, &bytes[..length]).expect("written");
        refused(&["disasm", &bad], &["bad.img", "truncated"]);
    }
    for at in [0usize, 8, 12, 30, bytes.len() / 3, bytes.len() - 2] {
        let mut copy = bytes.clone();
        copy[at] ^= 0x20;
        std::fs::write(&bad, &copy).expect("written");
        refused(&["disasm", &bad], &["bad.img"]);
        refused(&["timeline", &bad, "-o", &path(f, "bad.json")], &["bad.img"]);
    }
    let mut other = bytes.clone();
    other[8] ^= 1;
    std::fs::write(&bad, &other).expect("written");
    refused(&["disasm", &bad], &["fingerprint"]);
    assert!(!f.join("bad.json").exists());
    refused(&["disasm", &path(f, "none.img")], &["none.img", "No such file"]);
}

#[test]
fn digits_reports_what_it_promises() {
    let v = json(&["run", "digits", "--backend", "model", "--json"]);
    assert_eq!(v["images"], 450);
    assert_eq!(v["mismatches"], 0);
    assert_eq!(v["cycles_predicted"], v["cycles_measured"]);
    assert!(v["accuracy"].as_f64() >= Some(0.97), "{v}");
}

#[test]
fn config_prints_l_of_every_configuration() {
    let all = json(&["config", "--json"]);
    let names: Vec<&str> =
        all.as_array().expect("a list").iter().map(|c| c["config"]["name"].as_str().expect("a name")).collect();
    assert_eq!(names, systole_isa::config::CONFIGS.map(|c| c.name));
    let text = String::from_utf8_lossy(&systole(&["config"]).stdout).into_owned();
    for c in all.as_array().expect("a list") {
        let (name, l) = (c["config"]["name"].as_str().expect("a name"), c["L"].as_u64().expect("a number"));
        let line = text.lines().find(|line| line.starts_with(name)).expect("a line for each");
        assert!(line.split_whitespace().any(|w| w == l.to_string()), "{line}: L = {l}");
    }
    let text = String::from_utf8_lossy(&systole(&["config", "tiny", "--ecc", "dected"]).stdout).into_owned();
    assert!(text.contains("tiny/dected") && text.lines().any(|l| l.starts_with("  ECC ") && l.contains(" 1 ")), "{text}");
}

#[test]
fn output_that_is_piped_has_no_colours() {
    let out = systole(&["gemm", "--m", "1", "--k", "4", "--n", "4", "--config", "tiny", "--backend", "model"]);
    assert!(out.status.success());
    assert!(!out.stdout.contains(&0x1b) && !out.stderr.contains(&0x1b));
}

#[test]
fn sizes_of_ones_own_come_from_text_or_file_and_each_fault_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let mine = path(folder.path(), "mine.toml");
    std::fs::write(&mine, "base = \"small\"\nPOST_LANES = 2\nRRAM_CTRL = 0\n").expect("written");
    let image = path(folder.path(), "d.img");
    let v = json(&["run", "digits", "--config", &mine, "--backend", "model", "--images", "20", "--image", &image, "--json"]);
    assert_eq!((v["mismatches"].as_u64(), v["cycles_measured"].as_u64()), (Some(0), Some(102)));
    assert!(systole(&["disasm", &image, "--config", "small,RRAM_CTRL=0,POST_LANES=2"]).status.success());
    refused(&["disasm", &image], &["--config"]);
    refused(&["disasm", &image, "--config", "small,RRAM_CTRL=0,POST_LANES=4"], &["hash"]);
    refused(&["config", "small,POST_LANES=3"], &["POST_LANES", "power of two"]);
    refused(&["config", "small,WEIGHT_BEATS=2", "--weight-beats", "4"], &["leave one of them out"]);
    std::fs::write(&mine, "base = \"small\"\nPOST_LANES = [2]\n").expect("written");
    refused(&["config", &mine], &["POST_LANES is of type array"]);
    refused(&["config", &path(folder.path(), "none.toml")], &["cannot read"]);
    let model = ["--backend", "model"];
    refused(&[&["run", "digits", "--config", "nano", "--energy"], &model[..]].concat(), &["EVENTS = 0"]);
    refused(&["fault", "--config", "nano", "--backend", "model"], &["RRAM_CTRL = 0"]);
    refused(&["retention", "--config", "nano"], &["RRAM_CTRL = 0"]);
    refused(&[&["wake", "--config", "nano", "--rram", "none.rram"], &model[..]].concat(), &["RRAM_CTRL = 0"]);
}

#[test]
fn explore_says_what_area_buys() {
    let folder = tempfile::tempdir().expect("a folder");
    let plot = path(folder.path(), "e.svg");
    let v = json(&["explore", "digits", "--config", "nano", "--config", "tiny", "--config", "small", "--plot", &plot, "--json"]);
    let machines = v["machines"].as_array().expect("a list");
    let of = |name: &str| machines.iter().find(|m| m["config"] == name).expect("each that was asked for");
    assert_eq!((of("nano")["cycles"].as_u64(), of("nano")["us"].as_f64()), (Some(192), Some(3.84)));
    // Nothing smaller is as fast as these; whatever was measured last, larger machines are larger.
    assert!(of("nano")["best"] == true && of("small")["best"] == true);
    assert!(
        of("nano")["comb"].as_u64() < of("tiny")["comb"].as_u64() && of("tiny")["comb"].as_u64() < of("small")["comb"].as_u64()
    );
    assert!(std::fs::read_to_string(&plot).expect("drawn").contains("nano"));
    refused(&["explore", "digits", "--config", "small,POST_LANES=1,ACC_DEPTH=64"], &["was not measured", "--fit"]);
    refused(&["explore", "none.onnx"], &["none.onnx"]);
}
