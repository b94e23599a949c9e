// SPDX-License-Identifier: Apache-2.0
//! Links, devices, FIFOs, modes and locks.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use systole_files::{Lock, LockError, Place, check, write};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_new_file_has_the_mode_of_the_umask_and_an_old_one_keeps_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("plain"), "made by the system").unwrap();
    write(&at("new"), b"one").unwrap();
    assert_eq!(mode(&at("new")), mode(&at("plain")));
    for m in [0o600, 0o640, 0o664, 0o755] {
        fs::set_permissions(at("new"), Permissions::from_mode(m)).unwrap();
        write(&at("new"), b"two").unwrap();
        assert_eq!(mode(&at("new")), m);
    }
    assert_eq!(fs::read(at("new")).unwrap(), b"two");
    assert_eq!(names(folder.path()), ["new", "plain"], "no temporary name stays behind");
}

#[test]
fn an_old_file_is_replaced_whole_and_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    write(&path, b"the old one").unwrap();
    let (before, mut open) = (fs::metadata(&path).unwrap().ino(), fs::File::open(&path).unwrap());
    write(&path, b"new").unwrap();
    let mut old = String::new();
    open.read_to_string(&mut old).unwrap();
    assert_eq!((old.as_str(), fs::read(&path).unwrap().as_slice()), ("the old one", b"new".as_slice()));
    assert_ne!(fs::metadata(&path).unwrap().ino(), before);
}

#[test]
fn links_stay_and_what_they_lead_to_is_written_in_its_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("far/deep")).unwrap();
    fs::write(at("far/target"), "old").unwrap();
    symlink("far/target", at("one")).unwrap();
    symlink(at("one"), at("two")).unwrap(); // a link to a link, by its whole path
    symlink("far/deep", at("into")).unwrap();
    symlink("../target", at("far/deep/up")).unwrap(); // a link that goes up, in a folder that is a link
    for (n, name) in ["one", "two", "into/up"].into_iter().enumerate() {
        write(&at(name), name.as_bytes()).unwrap();
        assert!(at(name).is_symlink(), "{name}");
        assert_eq!(fs::read_to_string(at("far/target")).unwrap(), name, "{n}");
    }
    // A link to nothing yet makes its target.
    symlink("far/new", at("free")).unwrap();
    check(&at("free")).unwrap();
    write(&at("free"), b"made").unwrap();
    assert!(at("free").is_symlink() && fs::read(at("far/new")).unwrap() == b"made");
    assert_eq!(names(&at("far")), ["deep", "new", "target"]);
    // Links in a circle, and one into a folder that is not there.
    symlink("left", at("right")).unwrap();
    symlink("right", at("left")).unwrap();
    symlink("nowhere/file", at("lost")).unwrap();
    for name in ["left", "lost", "far"] {
        let (now, later) = (check(&at(name)).unwrap_err(), write(&at(name), b"x").unwrap_err());
        for e in [now, later] {
            assert!(e.to_string().starts_with(&format!("cannot write {}: ", at(name).display())), "{e}");
        }
    }
}

#[test]
fn devices_and_fifos_are_written_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // The system's own is not put at risk.
    if Command::new("mknod").arg(at("device")).args(["c", "1", "3"]).output().is_ok_and(|o| o.status.success()) {
        symlink("device", at("null")).unwrap();
        for name in ["device", "null"] {
            check(&at(name)).unwrap();
            write(&at(name), b"gone").unwrap();
        }
        assert!(at("null").is_symlink());
        assert!(fs::symlink_metadata(at("device")).unwrap().file_type().is_char_device());
        assert!(Command::new("mknod").arg(at("full")).args(["c", "1", "7"]).status().unwrap().success());
        assert!(write(&at("full"), b"x").unwrap_err().to_string().contains("full: No space"));
    }
    let before = names(folder.path());
    assert!(Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    check(&at("fifo")).unwrap(); // does not wait for a reader
    let fifo = at("fifo");
    let reader = std::thread::spawn(move || fs::read(fifo).unwrap());
    write(&at("fifo"), &[7; 100_000]).unwrap();
    assert_eq!(reader.join().unwrap(), [7; 100_000]);
    assert!(fs::symlink_metadata(at("fifo")).unwrap().file_type().is_fifo());
    assert_eq!(names(folder.path()).len(), before.len() + 1, "no temporary name stays behind");
}

#[test]
fn an_own_descriptor_is_not_taken_for_the_file_that_is_open_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("stdout"); // as /dev/stdout is, which is not put at risk
    symlink("/proc/self/fd/1", &link).unwrap();
    for (path, number) in [(link.to_str().unwrap(), 1), ("/dev/fd/2", 2), ("/proc/self/fd/1", 1)] {
        let place = Place::of(Path::new(path)).unwrap();
        assert!(matches!(place, Place::Open(n) if n == number), "{path}: {place:?}");
    }
    let path = folder.path().join("log");
    let file = fs::File::create(&path).unwrap();
    fs::write(&path, "before ").unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    write(Path::new(&format!("/dev/fd/{number}")), b"behind").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "before behind");
    assert_eq!(fs::metadata(&path).unwrap().ino(), file.metadata().unwrap().ino());
}

#[test]
fn a_lock_is_one_for_all_names_of_a_file_and_outlives_its_replacement() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("file"), folder.path().join("link"));
    symlink("file", &link).unwrap();
    let now = Duration::ZERO;
    let lock = Lock::take(&path, now, |_| ()).unwrap(); // before the file is there
    for round in 0..3 {
        for name in [&path, &link] {
            let error = Lock::take(name, now, |_| ()).unwrap_err();
            assert!(matches!(error, LockError::Busy { .. }), "{round} {error}");
        }
        write(&path, b"another inode each time").unwrap();
    }
    drop(lock);
    Lock::take(&link, now, |_| ()).unwrap();
    // What is left behind, whatever is in it, keeps nobody out.
    fs::write(folder.path().join(".file.lock"), "999999999 not a process").unwrap();
    Lock::take(&path, now, |_| ()).unwrap();
    assert!(Lock::take(Path::new("/dev/null"), now, |_| ()).unwrap_err().to_string().contains("/dev/null"));
}

#[test]
fn who_waits_for_a_lock_says_so_once_and_gets_it_when_its_owner_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    drop(Lock::take(&path, Duration::ZERO, |_| ()).unwrap());
    let mut owner =
        Command::new("flock").arg("--no-fork").arg(folder.path().join(".file.lock")).args(["sleep", "120"]).spawn().unwrap();
    let begin = Instant::now();
    while Lock::take(&path, Duration::ZERO, |_| panic!("nothing to say yet")).is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(60), "the owner never came");
        std::thread::sleep(Duration::from_millis(5));
    }
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1300));
        owner.kill().unwrap();
        owner.wait().unwrap();
    });
    let mut said = vec![];
    Lock::take(&path, Duration::from_secs(60), |text| said.push(text.to_string())).unwrap();
    killer.join().unwrap();
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("file, in use by") && said[0].contains("at most 5"), "{said:?}");
}
