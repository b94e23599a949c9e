// SPDX-License-Identifier: Apache-2.0
//! `systole program --rows` and `systole lifetime --trace`: tables in RRAM whose rows change.

use serde_json::Value;
use std::process::{Command, Output};
use systole_isa::{Config, Image};
use systole_workloads::npy;

fn systole(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_systole")).args(args).output().expect("the program starts")
}

fn json(args: &[&str]) -> Value {
    let out = systole(&[args, &["--json"]].concat());
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn refused(args: &[&str], words: &[&str]) {
    let out = systole(args);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
    assert!(words.iter().all(|w| text.contains(w)) && !text.contains("panicked"), "{args:?}: {text}");
}

#[test]
fn rows_of_the_embedding_of_a_model_change_in_its_part_by_their_lines_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (m0, m1, m2, part, trace) = (at("m0.img"), at("m1.img"), at("m2.img"), at("chip.rram"), at("trace.txt"));
    json(&["compile", "tales", "-o", &m0]);
    let image = |path: &str| Image::from_bytes(&std::fs::read(path).unwrap()).unwrap();
    let table = image(&m0).tables[0].clone();
    let width = table.width as usize;
    let rows = |name: &str, n: usize, code: i8| {
        let path = folder.path().join(name);
        npy::write(&path, &[n as u64, width as u64], &vec![code; n * width]).unwrap();
        path.display().to_string()
    };
    let (one, two) = (rows("one.npy", 1, 3), rows("two.npy", 2, -5));
    npy::write(&folder.path().join("which.npy"), &[2], &[7i64, 40]).unwrap();
    let which = at("which.npy");
    let on = ["--rram", &part, "--backend", "model"];
    let program = |from: &str, rows: &str, to: &str| {
        json(&[&["program", from, "--rows", rows, "-o", to][..], &on].concat())["result"].clone()
    };
    let spec = |file: &str, rows: &str| format!("embedding={file}:{rows}");

    // What is no row, no table, no file name, or not awake, is said before anything is written.
    refused(&[&["program", &m0, "--rows", &spec(&one, "0"), "-o", &m1][..], &on].concat(), &["no such RRAM file"]);
    json(&[&["program", &m0][..], &on].concat());
    for (what, words) in [
        (spec(&one, &table.rows.to_string()), vec!["embedding: row", "it has rows 0 to"]),
        (format!("embeddings={one}"), vec!["embeddings: no such table; there are embedding"]),
        (spec(&one, "last"), vec!["TABLE=FILE.npy:FIRST_ROW"]),
        (spec(&one, &which), vec!["2 numbers", "has 1 rows"]),
        (format!("embedding={which}"), vec!["which.npy"]),
    ] {
        refused(&[&["program", &m0, "--rows", &what, "-o", &m1][..], &on].concat(), &words);
    }
    refused(&[&["program", &m0, "--rows", &spec(&one, "0")][..], &on].concat(), &["--output"]);
    refused(&[&["program", &m0, "--rows", &spec(&one, "0"), "-o", &m0][..], &on].concat(), &["another name"]);

    // The first update fills the other slot, the second one writes rows.
    let first = program(&m0, &spec(&one, "5"), &m1);
    assert_eq!((first["rows"].as_u64(), first["update"]["whole"].as_bool()), (Some(1), Some(true)), "{first}");
    let second = program(&m1, &spec(&two, &which), &m2);
    assert_eq!((second["rows"].as_u64(), second["update"]["whole"].as_bool()), (Some(2), Some(false)), "{second}");
    let lines = |r: &Value| r["update"]["lines"].as_u64().unwrap();
    assert!(lines(&second) * 4 < lines(&first), "{second} {first}");
    assert_eq!(second["update"]["words"].as_u64(), Some(lines(&second) * 16));
    assert!(second["bit_pulses"].as_u64() > Some(0) && second["bit_pulses"].as_u64() < first["bit_pulses"].as_u64());
    let base = Config::named("base").unwrap();
    for (row, code) in [(5, 3), (7, -5), (40, -5)] {
        assert_eq!(image(&m2).row("embedding", row, &base).unwrap(), vec![code; width]);
    }
    assert_eq!(image(&m2).row("embedding", 6, &base).unwrap(), image(&m0).row("embedding", 6, &base).unwrap());

    // Power again: the rows are there; the image before is awake no more.
    let crc = systole_isa::rram::slot_bytes(&image(&m2), &base).1.image_crc;
    let status = json(&["rram", "status", "--rram", &part, "--backend", "model"]);
    assert_eq!((status["rram"]["awake"].as_u64(), status["rram"]["epoch"].as_u64()), (Some(crc.into()), Some(3)));
    refused(
        &[&["program", &m0, "--rows", &spec(&one, "0"), "-o", &at("m3.img")][..], &on].concat(),
        &["rows are changed in the image that is awake"],
    );

    // A trace of updates: the copy of the line table is the first to have its writes, each second update one.
    std::fs::write(&trace, "0 embedding 1,5-6\n60 embedding 9\n").unwrap();
    let life = json(&["lifetime", "--image", &m2, "--trace", &trace, "--endurance", "1000"]);
    let years = |of: &str, n: usize| life[of]["years_by_kind"][n][1].as_f64().unwrap();
    let days = 2.0 * 1000.0 * 60.0 / 86_400.0;
    assert!((years("levelled", 1) * 365.25 / days - 1.0).abs() < 0.1, "{life}");
    assert_eq!(life["levelled"]["worst"]["kind"].as_str(), Some("table-copy"));
    assert!(years("levelled", 0) > 50.0 * years("without", 0), "{life}");
    refused(&["lifetime", "--image", &m2], &["--trace FILE, or --share PERCENT"]);
    refused(&["lifetime", "--trace", &trace], &["--image"]);
    refused(&["lifetime", "--image", &m2, "--trace", &which], &["which.npy"]);
    let text = systole(&["lifetime", "--image", &m2, "--share", "1", "--every", "60", "--endurance", "100"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("an update every 60.000 s") && text.contains("copy of the line table"), "{text}");
}

#[test]
fn rows_of_an_onnx_networks_table_change_in_rram_and_the_network_with_those_rows_wakes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (m0, m1, part, new) = (at("m0.img"), at("m1.img"), at("chip.rram"), at("new.onnx"));
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verif/data/ort/");
    let case = |name: &str| format!("{cases}{name}/model.onnx");
    let old = case("embedding_in_codes_int8_1");
    let said = json(&["compile", &old, "-o", &m0]);
    assert_eq!((said["tables"][0]["name"].as_str(), said["tables"][0]["rows"].as_u64()), (Some("c0"), Some(20)), "{said}");
    let text = systole(&["inspect", &old]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("table in RRAM: c0, 20 rows of 8 codes, by x"), "{text}");

    // The same network with another row 5.
    let (base, image) = (Config::named("base").unwrap(), Image::from_bytes(&std::fs::read(&m0).unwrap()).unwrap());
    let codes: Vec<u8> = (0..20).flat_map(|row| image.row("c0", row, &base).unwrap()).map(|c| c as u8).collect();
    let mut bytes = std::fs::read(&old).unwrap();
    let start = bytes.windows(codes.len()).position(|w| w == codes).expect("the table in the file");
    let row: Vec<i8> = (0..8).map(|i| i * 9 - 30).collect();
    bytes[start + 40..start + 48].iter_mut().zip(&row).for_each(|(b, &c)| *b = c as u8);
    std::fs::write(&new, bytes).unwrap();
    npy::write(&folder.path().join("row.npy"), &[1, 8], &row).unwrap();
    npy::write(&folder.path().join("x.npy"), &[1, 7], &[5i64, 0, -15, 5, 19, -1, 5]).unwrap();
    npy::write(&folder.path().join("beyond.npy"), &[1, 7], &[5i64, 0, 20, 5, 19, -1, 5]).unwrap();

    let on = ["--rram", &part, "--backend", "model"];
    let run = |model: &str| {
        [&["run", model, "--input", &at("x.npy"), "--output", &at("y.npy")][..], &on]
            .concat()
            .into_iter()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let args = |all: &[String]| json(&all.iter().map(String::as_str).collect::<Vec<_>>());
    json(&[&["program", &m0][..], &on].concat());
    let first = args(&run(&old));
    assert_eq!(first["mismatches"].as_u64(), Some(0), "{first}");
    let before = std::fs::read(at("y.npy")).unwrap();
    json(&[&["program", &m0, "--rows", &format!("c0={}:5", at("row.npy")), "-o", &m1][..], &on].concat());
    let second = args(&run(&new));
    assert_eq!((second["mismatches"].as_u64(), &second["cycles_measured"]), (Some(0), &first["cycles_measured"]), "{second}");
    assert_ne!(std::fs::read(at("y.npy")).unwrap(), before);
    refused(&run(&old).iter().map(String::as_str).collect::<Vec<_>>(), &["the image that woke has CRC"]);

    // A row has one value, whoever names it.
    let twice = ["program", &m0, "--rows", &format!("c0={}:5", at("row.npy")), "--rows", &format!("c0={}:5", at("row.npy"))];
    refused(&[&twice[..], &["-o", &at("twice.img")], &on].concat(), &["c0: row 5 is named twice"]);
    assert!(!folder.path().join("twice.img").exists());

    // An update of an image that is not awake is refused before it writes over the file of the one that is.
    let kept = std::fs::read(&m1).unwrap();
    let again = format!("c0={}:6", at("row.npy"));
    refused(
        &[&["program", &m0, "--rows", &again, "-o", &m1][..], &on].concat(),
        &["rows are changed in the image that is awake"],
    );
    assert!(std::fs::read(&m1).unwrap() == kept, "the file of the image that is awake stays");
    npy::write(&folder.path().join("uint8.npy"), &[1, 8], &[200u8; 8]).unwrap();
    let unsigned = format!("c0={}:6", at("uint8.npy"));
    refused(
        &[&["program", &m1, "--rows", &unsigned, "-o", &at("m2.img")][..], &on].concat(),
        &["of a uint8 table its codes less 128"],
    );

    // Tables where they are asked for, and indices that they have.
    let host = json(&["run", &old, "--input", &at("x.npy"), "--tables", "host", "--backend", "model"]);
    assert_eq!((host["tables"].as_array().map(Vec::len), host["on_host"][0][0].as_str()), (Some(0), Some("Gather")), "{host}");
    refused(
        &["run", &old, "--input", &at("beyond.npy"), "--backend", "model"],
        &["'x' has the index 20; its table has 20 rows: -20 to 19"],
    );
    refused(
        &["run", &case("embedding_int8_1"), "--tables", "rram", "--backend", "model"],
        &["12 indices in a run, registers for 8", "--tables auto"],
    );
    refused(&["compile", &old, "--tables", "rram", "--config", "small"], &["small has no vector unit"]);
}
