// SPDX-License-Identifier: Apache-2.0
//! Files that the program changes and writes: parts that several commands use at once, parts that must not be written, outputs into
//! what is no plain file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const SYSTOLE: &str = env!("CARGO_BIN_EXE_systole");
const TINY: [&str; 4] = ["--config", "tiny", "--backend", "model"];

fn start(args: &[&str]) -> Child {
    Command::new(SYSTOLE).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn good(out: Output) -> String {
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn systole(args: &[&str]) -> String {
    good(Command::new(SYSTOLE).args(args).output().unwrap())
}

fn json(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&systole(&[args, &["--json"]].concat())).unwrap()
}

/// A folder with an image and a part that it was programmed into.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let bench = Bench { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(bench.folder.path().join("parts")).unwrap();
        systole(&["run", "digits", "--images", "1", "--image", &bench.at("d.img"), "--config", "small", "--backend", "model"]);
        bench.small(&["program", &bench.at("d.img")]);
        bench
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn part(&self) -> String {
        self.at("parts/chip.rram")
    }

    fn small(&self, args: &[&str]) -> String {
        systole(&[args, &["--rram", &self.part(), "--config", "small", "--backend", "model"]].concat())
    }
}

#[test]
fn commands_that_change_one_part_at_once_lose_no_change() {
    let bench = Bench::new();
    let (part, link) = (bench.part(), bench.at("link.rram"));
    symlink("parts/chip.rram", &link).unwrap();
    let on = |verb: &[&str], file: &str| start(&[verb, &["--rram", file, "--config", "small", "--backend", "model"]].concat());
    let many = (0..8).map(|n| on(&["rram", "age", "--years", "1"], if n % 2 == 0 { &link } else { &part }));
    // Among them others that change it, and readers, each of which finds a whole part.
    let others = (0..8).map(|n| match n % 4 {
        0 => on(&["rram", "inject", "--row", "7", "--line", "900", "--bits", &n.to_string(), "--stuck", "1"], &link),
        1 => on(&["wake"], &part),
        _ => on(&["rram", "status"], &part),
    });
    let before = json(&["rram", "wear", "--rram", &link, "--config", "small"]);
    let all: Vec<Child> = many.zip(others).flat_map(|(a, b)| [a, b]).collect();
    for child in all {
        good(child.wait_with_output().unwrap());
    }
    let after = json(&["rram", "wear", "--rram", &link, "--config", "small"]);
    assert!((after["years"].as_f64().unwrap() - 8.0).abs() < 1e-6, "{after}");
    assert_eq!(after["stuck_cells"].as_u64().unwrap(), before["stuck_cells"].as_u64().unwrap() + 2);
    assert!(Path::new(&link).is_symlink());
}

#[test]
fn a_part_in_use_is_waited_for_and_then_named() {
    let bench = Bench::new();
    let lock = bench.at("parts/.chip.rram.lock");
    let mut owner = Command::new("flock").args(["--no-fork", &lock, "sleep", "120"]).spawn().unwrap();
    let age = |wait: &str| {
        let args = ["rram", "age", "--years", "1", "--rram", &bench.part(), "--config", "small", "--wait", wait];
        Command::new(SYSTOLE).args(args).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let busy = loop {
        let out = age("0").wait_with_output().unwrap();
        if !out.status.success() {
            break out; // flock has it now
        }
    };
    let text = String::from_utf8_lossy(&busy.stderr).into_owned();
    assert!(busy.status.code() == Some(2) && text.contains("chip.rram is in use by"), "{text}");
    let years = || json(&["rram", "wear", "--rram", &bench.part(), "--config", "small"])["years"].as_f64().unwrap();
    let before = years(); // who reads does not wait
    let waits = age("60");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(years(), before);
    owner.kill().unwrap();
    owner.wait().unwrap();
    let out = waits.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.contains("waiting for") && said.contains("chip.rram"), "{said}");
    assert!((years() - before - 1.0).abs() < 1e-6);
}

/// Runs the program so that modes bind, for root too.
fn bound(args: &[&str]) -> Output {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = Command::new(if root { "setpriv" } else { SYSTOLE });
    if root {
        command.args(["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search", SYSTOLE]);
    }
    command.args(args).output().unwrap()
}

#[test]
fn verbs_that_only_read_a_part_write_nothing_and_work_where_nothing_can_be_written() {
    let bench = Bench::new();
    let (parts, part) = (PathBuf::from(bench.at("parts")), PathBuf::from(bench.part()));
    let state = |path: &Path| {
        let m = fs::metadata(path).unwrap();
        (m.ino(), m.mtime(), m.mtime_nsec(), m.ctime_nsec())
    };
    let (folder_before, part_before) = (state(&parts), state(&part));
    for verb in ["status", "wear"] {
        bench.small(&["rram", verb]);
        assert_eq!((state(&parts), state(&part)), (folder_before, part_before), "rram {verb}");
    }
    // These would keep what the chip writes again by itself; here that is nothing.
    for verb in [&["wake"][..], &["run", "digits", "--images", "2"]] {
        bench.small(verb);
        assert_eq!(state(&part), part_before, "{verb:?}");
    }
    let locked = |file: u32, folder: u32| {
        fs::set_permissions(&part, Permissions::from_mode(file)).unwrap();
        fs::set_permissions(&parts, Permissions::from_mode(folder)).unwrap();
    };
    let with = |args: &[&str]| bound(&[args, &["--rram", &bench.part(), "--config", "small", "--backend", "model"]].concat());
    for (file, folder, lock) in [(0o644, 0o555, true), (0o444, 0o755, true), (0o444, 0o555, false)] {
        if !lock {
            fs::remove_file(bench.at("parts/.chip.rram.lock")).unwrap();
        }
        locked(file, folder);
        let before = (state(&parts), state(&part));
        for verb in [&["rram", "status"][..], &["rram", "wear"], &["wake"], &["run", "digits", "--images", "2"]] {
            good(with(verb));
        }
        for verb in [&["rram", "age", "--years", "1"][..], &["rram", "scrub"], &["program", &bench.at("d.img")]] {
            let out = with(verb);
            let text = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(out.status.code() == Some(2) && text.contains("chip.rram"), "{verb:?} {text}");
        }
        assert_eq!((state(&parts), state(&part)), before, "file {file:o}, folder {folder:o}");
        locked(0o644, 0o755);
    }
}

fn words(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

/// Everything that writes a file, with its option last: the file's path is to follow.
fn writers<'a>(image: &'a str, x: &'a str) -> Vec<Vec<&'a str>> {
    vec![
        [&["gemm", "--x", x, "--w", x][..], &TINY, &["--output"]].concat(),
        [&["gemm", "--m", "2", "--k", "5", "--n", "3"][..], &TINY, &["--image"]].concat(),
        [&["run", "digits", "--images", "1"][..], &TINY, &["--image"]].concat(),
        vec!["timeline", image, "--output"],
        vec!["report", "digits", "--alone", "--output"],
        vec!["lifetime", "--lines", "16", "--endurance", "100", "--plot"],
        vec!["energy", "--size", "16x16", "--plot"],
        vec!["gemm", "--m", "2", "--k", "5", "--n", "3", "--config", "nano", "--trace-window", "0:20", "--trace"],
    ]
}

#[test]
fn outputs_go_into_devices_fifos_and_links_as_they_stand_and_new_files_follow_the_umask() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let image = at("d.img");
    systole(&[&["run", "digits", "--images", "1", "--image", &image][..], &TINY].concat());
    systole_workloads::npy::write(Path::new(&at("x.npy")), &[4, 4], &[3i8; 16]).unwrap();
    let device = Command::new("mknod").args([&at("null"), "c", "1", "3"]).output().is_ok_and(|o| o.status.success());
    let x = at("x.npy");
    for (n, args) in writers(&image, &x).into_iter().enumerate() {
        let to = |file: &str| -> Vec<String> { args.iter().copied().chain([file]).map(String::from).collect() };
        // A new file, then the same with a mode of its own, through a link from another folder.
        let home = at(&n.to_string());
        fs::create_dir(&home).unwrap();
        let (new, link) = (format!("{home}/new"), at(&format!("link{n}")));
        let shell = Command::new("sh").args(["-c", "umask 027; exec \"$@\"", "sh", SYSTOLE]).args(to(&new)).output().unwrap();
        good(shell);
        let bytes = fs::read(&new).unwrap();
        assert!(!bytes.is_empty());
        assert_eq!(fs::metadata(&new).unwrap().mode() & 0o777, 0o640, "{args:?}");
        fs::set_permissions(&new, Permissions::from_mode(0o604)).unwrap();
        fs::write(&new, "old").unwrap();
        symlink(format!("{n}/new"), &link).unwrap();
        systole(&words(&to(&link)));
        assert!(Path::new(&link).is_symlink(), "{args:?}");
        assert_eq!(fs::read(&new).unwrap().len(), bytes.len(), "{args:?}");
        assert_eq!(fs::metadata(&new).unwrap().mode() & 0o777, 0o604, "{args:?}");
        // A FIFO gives its reader every byte.
        let fifo = at(&format!("fifo{n}"));
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let (child, reader) = (start(&words(&to(&fifo))), fifo.clone());
        let reader = std::thread::spawn(move || fs::read(reader).unwrap());
        good(child.wait_with_output().unwrap());
        assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo(), "{args:?}");
        assert_eq!(reader.join().unwrap().len(), bytes.len(), "{args:?}");
        if device {
            systole(&words(&to(&at("null"))));
            assert!(fs::symlink_metadata(at("null")).unwrap().file_type().is_char_device(), "{args:?}");
        }
        // A wave has its layouts beside it.
        let files = if args.last() == Some(&"--trace") { 3 } else { 1 };
        assert_eq!(fs::read_dir(&home).unwrap().count(), files, "{args:?}: a temporary name stayed behind");
    }
}

#[test]
fn an_image_on_standard_output_is_in_the_file_that_it_was_sent_to_with_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let file = fs::File::create(at("log")).unwrap();
    let inode = file.metadata().unwrap().ino();
    let args = [&["run", "digits", "--images", "1"][..], &TINY, &["--image"]].concat();
    systole(&[&args[..], &[at("d.img").to_str().unwrap()]].concat());
    symlink("/proc/self/fd/1", at("stdout")).unwrap(); // as /dev/stdout is, which is not put at risk
    assert!(Command::new(SYSTOLE).args(&args).arg(at("stdout")).stdout(file).status().unwrap().success());
    let (log, image) = (fs::read(at("log")).unwrap(), fs::read(at("d.img")).unwrap());
    assert!(log.starts_with(&image) && log.len() > image.len());
    assert!(String::from_utf8_lossy(&log[image.len()..]).contains("mismatches"));
    assert_eq!(fs::metadata(at("log")).unwrap().ino(), inode);
}
