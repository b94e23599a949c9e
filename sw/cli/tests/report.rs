// SPDX-License-Identifier: Apache-2.0
//! The page of `systole report`, and the trace of `systole timeline`, without a browser (`look` has one).

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn systole(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_systole")).args(args).output().expect("the program starts")
}

fn json(args: &[&str]) -> Value {
    let out = systole(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON and nothing else")
}

/// The page that the arguments make.
fn page(args: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.html");
    let out = systole(&[args, &[file.to_str().unwrap()]].concat());
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    std::fs::read_to_string(&file).unwrap()
}

/// Reads a page as XML, to its end, and looks at what every page must have. All its text.
fn sound(html: &str, most: usize) -> String {
    assert!(html.len() < most, "{} bytes", html.len());
    for word in ["http:", "https:", "//fonts", "@import", "url(//", "src="] {
        assert!(!html.contains(word), "{word} in the page");
    }
    let mut reader = Reader::from_str(html);
    let (mut open, mut text, mut pictures): (Vec<String>, String, usize) = (vec![], String::new(), 0);
    // Of a picture the first element must be its title.
    let mut untitled = false;
    loop {
        match reader.read_event().unwrap_or_else(|e| panic!("not well-formed at {}: {e}", reader.buffer_position())) {
            Event::Start(tag) => {
                let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
                assert!(!untitled || name == "title", "a picture whose first element is {name}");
                untitled = name == "svg" && !open.contains(&name);
                pictures += usize::from(untitled);
                tag.attributes().for_each(|a| assert!(a.is_ok(), "{name}: {a:?}"));
                open.push(name);
            }
            Event::Empty(tag) => tag.attributes().for_each(|a| assert!(a.is_ok(), "{a:?}")),
            Event::End(_) => _ = open.pop(),
            Event::Text(t) => {
                text += &t.decode().unwrap();
                text.push(' ');
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty() && pictures >= 4, "{pictures} pictures, {open:?} open");
    text
}

fn grouped(n: &Value) -> String {
    systole_report::numbers::grouped(n.as_u64().unwrap())
}

/// The page says what the report by layer says.
fn agrees(text: &str, layers: &[Value], cycles: &Value) {
    assert!(text.contains(&grouped(cycles)), "no {cycles} in {text}");
    for layer in layers {
        let name = layer["name"].as_str().unwrap();
        assert!(text.contains(name), "no layer {name}");
        assert!(text.contains(&grouped(&layer["cycles"])), "no cycles of {name}");
        assert!(text.contains(layer["why"].as_str().unwrap()), "no reason of {name}");
    }
}

#[test]
fn pages_are_well_formed_small_and_agree_with_the_compiler() {
    for network in ["digits", "digits-cnn"] {
        let html = page(&["report", network, "-o"]);
        let text = sound(&html, 300_000);
        let run = json(&["run", network, "--images", "1", "--backend", "model", "--json"]);
        agrees(&text, run["layers"].as_array().unwrap(), &run["cycles_predicted"]);
        for config in systole_isa::config::CONFIGS {
            assert!(text.contains(config.name), "{}", config.name);
        }
    }
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../verif/data/ort/activations_int8_1/model.onnx");
    let model = model.to_str().unwrap();
    let text = sound(&page(&["report", model, "--alone", "--config", "large", "--mhz", "50", "-o"]), 300_000);
    let compiled = json(&["compile", model, "--config", "large", "--json"]);
    agrees(&text, compiled["layers"].as_array().unwrap(), &compiled["cycles"]);
    for memory in compiled["memory"].as_array().unwrap().iter().filter(|m| m["used"] != 0) {
        assert!(text.contains(memory["memory"].as_str().unwrap()) && text.contains(&grouped(&memory["used"])), "{memory}");
    }
    assert!(text.contains("50 MHz"), "{text}");
}

#[test]
fn a_language_model_s_page_has_its_law_and_its_cache() {
    let text = sound(&page(&["report", "tales", "--alone", "--context", "32", "--calibrate", "1", "-o"]), 300_000);
    let compiled = json(&["compile", "tales", "--context", "32", "--calibrate", "1", "--json"]);
    let law = &compiled["law"];
    assert!(
        text.contains(&format!("{} + {} ⌊position / {}⌋ cycles", grouped(&law["cycles"]), law["each"], law["positions"])),
        "{text}"
    );
    for part in [
        "embedding",
        "layer 1, attention",
        "layer 2, feed-forward",
        "logits",
        "keys and values of 32 positions",
        "token at position 31",
    ] {
        assert!(text.contains(part), "no {part}");
    }
}

#[test]
fn a_run_s_page_has_what_was_measured() {
    let html = page(&["run", "digits", "--images", "3", "--backend", "model", "--report"]);
    let text = sound(&html, 300_000);
    for words in ["cycles measured", "as predicted; instruction-level model", "of 30 outputs of 3 inputs", "mismatches"] {
        assert!(text.contains(words), "no '{words}' in {text}");
    }
    assert!(!text.contains("NOT as predicted"));
}

#[test]
fn what_cannot_be_reported_is_said_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (page, inside) = (at("r.html"), at("no/such/r.html"));
    for (args, words) in [
        (&["report", "digits", "-o", &inside][..], "No such file"),
        (&["report", "digits", "-o", &page, "--config", "huge"], "huge"),
        (&["report", "nothing", "-o", &page], "there is no network or file 'nothing'"),
        (&["report", "digits", "-o", &page, "--config", "tiny,X_DEPTH=4"], "X"),
        (&["run", "digits", "--images", "1", "--report", &inside], "No such file"),
    ] {
        let out = systole(args);
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(2) && text.starts_with("systole: error: ") && text.contains(words), "{args:?}: {text}");
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}

#[test]
fn a_timeline_of_a_network_has_its_layers_and_no_slices_that_overlap() {
    let folder = tempfile::tempdir().unwrap();
    for (network, program, parts) in [("digits-cnn", "0", ["conv1", "conv3"]), ("tales", "0", ["layer 1, attention", "logits"])] {
        let file = folder.path().join("t.json");
        let out = systole(&["timeline", network, "--calibrate", "1", "--program", program, "-o", file.to_str().unwrap()]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let trace: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let slices: Vec<&Value> = events.iter().filter(|e| e["ph"] == "X").collect();
        for part in parts {
            assert!(slices.iter().any(|s| s["name"] == part && s["cat"] == "MATMUL"), "no {part}");
        }
        let end = trace["otherData"]["cycles"].as_u64().unwrap();
        let mut threads: std::collections::BTreeMap<u64, Vec<(u64, u64)>> = Default::default();
        for s in slices {
            let (from, length) = (s["ts"].as_u64().unwrap(), s["dur"].as_u64().unwrap());
            assert!(from + length <= end + 1, "{s}");
            threads.entry(s["tid"].as_u64().unwrap()).or_default().push((from, from + length));
        }
        for spans in threads.values_mut() {
            spans.sort_unstable();
            assert!(spans.windows(2).all(|w| w[0].1 <= w[1].0), "{spans:?}");
        }
    }
}

/// A run that is not what the user expected has a page that says so; labels and digits have their share.
#[test]
fn a_page_of_a_run_says_what_the_user_s_own_comparison_gave() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../workloads/data/digits/cnn.onnx");
    let on = ["run", model, "--backend", "model", "--config", "base"];
    let out = systole(&[&on[..], &["--output", &at("y.npy")]].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let right = systole_workloads::npy::read_i8(Path::new(&at("y.npy"))).unwrap();
    let other: Vec<i8> = right.data.iter().map(|c| c ^ 1).collect();
    let shape: Vec<u64> = right.shape.iter().map(|&n| n as u64).collect();
    systole_workloads::npy::write(Path::new(&at("z.npy")), &shape, &other).unwrap();
    std::fs::write(at("labels.txt"), "99\n").unwrap();
    for (expected, good) in [("y.npy", true), ("z.npy", false)] {
        let args = ["--expect", &at(expected), "--labels", &at("labels.txt"), "--report", &at("p.html")];
        assert_eq!(systole(&[&on[..], &args].concat()).status.success(), good, "{expected}");
        let text = sound(&std::fs::read_to_string(at("p.html")).unwrap(), 100_000);
        let said = if good { "of 10 differ from the tensor given" } else { "of 10 differ from the tensor given, by up to 1" };
        assert!(text.contains(said) && text.contains("0 of 1 labels"), "{expected}: {text}");
    }
    let text = sound(&page(&["run", "digits", "--backend", "model", "--images", "4", "--report"]), 100_000);
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains("accuracy 75.00 % 3 of 4 labels"), "{text}");
}

/// Names of files are bytes, not always text; what a position of the cache takes does not depend on how long it is.
#[test]
fn a_page_goes_into_a_file_of_any_name_and_a_position_takes_what_it_takes() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join(std::ffi::OsStr::from_bytes(b"\xfe.html"));
    let run = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_systole")).args(args).arg(&name).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        sound(&std::fs::read_to_string(&name).unwrap(), 400_000)
    };
    run(&["report", "digits", "-o"]);
    for context in ["7", "100", "128"] {
        let text = run(&["report", "tales", "--context", context, "-o"]);
        assert!(text.contains("of these for one position 128 bytes"), "{context}: {text}");
    }
}

#[test]
fn explore_knows_a_machine_however_its_sizes_are_written() {
    let one = |config: &str| systole(&["explore", "digits", "--config", config]);
    let [a, b] = ["small,RRAM_CTRL=0,POST_LANES=2", "small,POST_LANES=2,RRAM_CTRL=0"].map(|c| one(c).stdout);
    assert!(!a.is_empty() && a == b, "{}", String::from_utf8_lossy(&b));
    let error = String::from_utf8_lossy(&one("nosuch").stderr).into_owned();
    assert!(error.contains("nosuch") && !error.contains("--fit"), "{error}");
}
