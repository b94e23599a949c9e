// SPDX-License-Identifier: Apache-2.0
//! The real program at one end of a serial line, the simulated board at the other.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

fn systole(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_systole")).args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A simulated board, which ends with this.
struct Board {
    child: Child,
    port: String,
    config: &'static str,
}

impl Board {
    fn new(config: &'static str, noise: &str) -> Board {
        Board::with(config, &["--noise", noise])
    }

    fn with(config: &'static str, args: &[&str]) -> Board {
        let mut child = Command::new(env!("CARGO_BIN_EXE_systole"))
            .args(["board", "simulate", "--config", config])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(port.starts_with("/dev/"), "{line}");
        Board { child, port, config }
    }

    fn run(&self, args: &[&str]) -> String {
        let output = systole(&[args, &["--config", self.config, "--backend", "board", "--port", &self.port]].concat());
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        text(&output)
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_same_commands_run_on_a_board_behind_a_noisy_line() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("d.img");
    let image = image.to_str().unwrap();
    assert!(
        systole(&["run", "digits", "--config", "tiny", "--backend", "model", "--images", "1", "--image", image]).status.success()
    );
    let board = Board::new("tiny", "0.0002");
    let check = text(&systole(&["board", "check", "--port", &board.port]));
    assert!(check.contains("4 runs equal the model"), "{check}");
    let run = board.run(&["run", "digits", "--images", "2"]);
    assert!(run.contains("2 held-out images, tiny, board") && run.contains("the same for every image"), "{run}");
    assert!(board.run(&["program", image]).contains("written to slot 0"));
    assert!(board.run(&["rram", "status"]).contains("READY"));
    // The image that is awake runs without a load, another one beside it with one.
    assert!(board.run(&["run", "digits", "--images", "1"]).contains("the same for every image"));
    assert!(board.run(&["gemm", "--m", "2", "--k", "9", "--n", "4"]).contains("as predicted"));
    assert!(board.run(&["wake", "--warm"]).contains("cycles to wake"));
    assert!(board.run(&["rram", "scrub"]).contains("scrubbed"));
    let other = systole(&["run", "digits", "--images", "1", "--backend", "board", "--port", &board.port]);
    assert!(!other.status.success() && text(&other).contains("is tiny, not base"), "{}", text(&other));
    // A model whose outputs ONNX Runtime computed.
    let cases = folder.path().join("cases");
    std::fs::create_dir(&cases).unwrap();
    let case = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verif/data/ort/gemm_row_bias");
    std::os::unix::fs::symlink(case, cases.join("gemm")).unwrap();
    let conformance = board.run(&["conformance", cases.to_str().unwrap()]);
    assert!(conformance.contains("1 passed"), "{conformance}");
    let none = systole(&["run", "digits", "--rram", "x", "--config", "tiny", "--backend", "board", "--port", &board.port]);
    assert!(!none.status.success() && text(&none).contains("leave it out"), "{}", text(&none));
    let file = systole(&["rram", "status", "--rram", "x", "--config", "tiny", "--backend", "board", "--port", &board.port]);
    assert!(!file.status.success() && text(&file).contains("leave it out"), "{}", text(&file));
}

#[test]
fn a_board_of_ones_own_sizes_says_them_and_runs() {
    let board = Board::new("nano,POST_LANES=2,ACC_DEPTH=64", "0");
    let check = text(&systole(&["board", "check", "--port", &board.port]));
    assert!(check.contains("none (RRAM_CTRL = 0)") && check.contains("4 runs equal the model"), "{check}");
    assert!(board.run(&["run", "digits", "--images", "1"]).contains("the same for every image"));
    assert!(board.run(&["gemm", "--m", "3", "--k", "9", "--n", "7"]).contains("as predicted"));
    let on_board = ["--backend", "board", "--port", &board.port];
    let other = systole(&[&["run", "digits", "--images", "1", "--config", "nano"], &on_board[..]].concat());
    assert!(!other.status.success() && text(&other).contains("POST_LANES 2 where 1 was asked"), "{}", text(&other));
    let status = systole(&[&["rram", "status", "--config", board.config], &on_board[..]].concat());
    assert!(!status.status.success() && text(&status).contains("has no RRAM"), "{}", text(&status));
}

#[test]
fn a_port_that_is_missing_or_silent_says_what_to_try() {
    let missing = systole(&["board", "check", "--port", "/dev/ttySystole"]);
    assert!(!missing.status.success());
    let said = text(&missing);
    assert!(said.contains("cannot open /dev/ttySystole") && said.contains("port"), "{said}");
    let none = text(&systole(&["rram", "status"]));
    assert!(none.contains("--rram FILE"), "{none}");
}

#[test]
fn a_board_with_a_flash_recognises_digits_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boot.bin");
    let path = file.to_str().unwrap();
    let made = systole(&["board", "boot", "digits", "--config", "nano", "--images", "60", "-o", path]);
    assert!(made.status.success() && text(&made).contains("60 runs of 192 cycles"), "{}", text(&made));
    let board = Board::with("nano", &["--flash", path]);
    let heard = systole(&["board", "listen", "--port", &board.port, "--classes", "10", "--seconds", "2"]);
    assert!(heard.status.success(), "{}", text(&heard));
    // What was said before this listened is lost; the last is the sixtieth image's.
    let heard = text(&heard);
    let said: Vec<u8> = heard.lines().filter_map(|l| l.split(" says ").nth(1)?.parse().ok()).collect();
    let set = systole_workloads::digits::load().unwrap();
    let classes = |logits: &Vec<i8>| systole_workloads::digits::answer(&logits.iter().map(|&l| l.into()).collect::<Vec<i32>>());
    let all: Vec<u8> = set.logits[..60].iter().map(classes).collect();
    assert!(said.len() > 5 && all.ends_with(&said), "{heard}");
    // The line is a host's now.
    assert!(board.run(&["run", "digits", "--images", "1"]).contains("the same for every image"));
    let none = text(&systole(&["board", "listen", "--port", &board.port, "--seconds", "0.3"]));
    assert!(none.contains("no boot was heard"), "{none}");
    // What is no boot file, or a part of one.
    let part = folder.path().join("part.bin");
    std::fs::write(&part, &std::fs::read(&file).unwrap()[..1000]).unwrap();
    let refused = text(&systole(&["board", "simulate", "--config", "nano", "--flash", part.to_str().unwrap()]));
    assert!(refused.contains("only a part of one"), "{refused}");
    let more = text(&systole(&["board", "boot", "digits", "--images", "999", "-o", path]));
    assert!(more.contains("--images 999: there are"), "{more}");
    let unknown = text(&systole(&["board", "boot", "digitz", "-o", path]));
    assert!(unknown.contains("there is no network or file 'digitz'"), "{unknown}");
}
