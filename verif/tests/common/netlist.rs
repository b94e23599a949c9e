// SPDX-License-Identifier: Apache-2.0
//! Netlists for an ECP5 by the distribution's Yosys, so that they need no further set-up.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// The folder of a netlist: of a configuration, or what else `scripts/netlist.sh` is told.
pub fn netlist(name: &str, arguments: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("netlist-{name}-{}", stamp(root)));
    if !folder.is_dir() {
        let making = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut script = Command::new(root.join("scripts/netlist.sh"));
        let made = script.args(arguments).args(["--native", "--out"]).arg(making.path()).output().unwrap();
        assert!(made.status.success(), "{}{}", String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
        // Its list names the folder that it was made in.
        let list = making.path().join("files.f");
        let text = std::fs::read_to_string(&list).unwrap();
        std::fs::write(list, text.replace(making.path().to_str().unwrap(), folder.to_str().unwrap())).unwrap();
        // Those of other sources stand for nothing any more.
        for old in std::fs::read_dir(env!("CARGO_TARGET_TMPDIR")).unwrap().flatten() {
            if old.file_name().to_string_lossy().starts_with(&format!("netlist-{name}-")) {
                let _ = std::fs::remove_dir_all(old.path());
            }
        }
        std::fs::rename(making.keep(), &folder).unwrap();
    }
    folder
}
