// SPDX-License-Identifier: Apache-2.0
//! Where compiled models are kept: whose the folder is, folders of builds that died, files that were damaged.

use crate::Error;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The folder of compiled models: `VERILATED_CACHE`; or `verilated/` in cargo's target folder, where the program runs from
/// one; or `verilated/` in the user's cache folder.
///
/// # Errors
/// [`Error::NoCache`] where there is none of them.
pub fn cache_dir() -> Result<PathBuf, Error> {
    let exe = std::env::current_exe().ok();
    folder(|name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from), exe.as_deref()).map(|(path, _)| path)
}

/// The folder, and whether it lies beside the program itself.
fn folder(variable: impl Fn(&str) -> Option<PathBuf>, exe: Option<&Path>) -> Result<(PathBuf, bool), Error> {
    if let Some(dir) = variable("VERILATED_CACHE") {
        return Ok((dir, false));
    }
    // A test or program of cargo runs from target/<profile>/[deps/]; target holds a CACHEDIR.TAG where cargo made the folder,
    // and what cargo notes of the compiler where a part of the folder was there before, as a restored cache is.
    let is_target = |folder: &Path| ["CACHEDIR.TAG", ".rustc_info.json"].iter().any(|name| folder.join(name).exists());
    if let Some(target) = exe.and_then(|exe| exe.ancestors().find(|a| is_target(a))) {
        return Ok((target.join("verilated"), true));
    }
    let user = variable("XDG_CACHE_HOME").filter(|p| p.is_absolute()).or_else(|| Some(variable("HOME")?.join(".cache")));
    Ok((user.ok_or(Error::NoCache)?.join("verilated"), false))
}

/// Makes the folder of compiled models, and refuses one into which others could put code.
pub(crate) fn open() -> Result<PathBuf, Error> {
    let exe = std::env::current_exe().ok();
    let (dir, beside) = folder(|name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from), exe.as_deref())?;
    let dir = std::path::absolute(&dir).map_err(|source| Error::Cache { path: dir, source })?;
    create(&dir)?;
    // Whoever can write beside the program needs no model to run code.
    if !beside {
        private(&dir)?;
    }
    Ok(dir)
}

fn create(dir: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|source| Error::Cache { path: dir.into(), source })
}

/// Only this user can write here.
fn private(dir: &Path) -> Result<(), Error> {
    let error = |source| Error::Cache { path: dir.into(), source };
    let mine = tempfile::tempfile_in(dir).and_then(|f| f.metadata()).map_err(error)?.uid();
    let meta = fs::metadata(dir).map_err(error)?;
    if meta.uid() != mine || meta.mode() & 0o022 != 0 {
        return Err(Error::SharedCache { path: dir.into(), owner: meta.uid(), mode: meta.mode() & 0o777, user: mine });
    }
    Ok(())
}

/// A lock that other processes wait for; it ends with the value, or with the process.
pub(crate) fn lock(path: &Path) -> Result<File, Error> {
    let error = |source| Error::Cache { path: path.into(), source };
    let file = File::create(path).map_err(error)?;
    fs4::FileExt::lock(&file).map_err(error)?;
    Ok(file)
}

/// A folder to build in. A process that is killed leaves it, and the next build of any model takes it away.
pub(crate) struct Workshop {
    dir: tempfile::TempDir,
    _alive: File,
}

impl Workshop {
    pub fn open(cache: &Path) -> Result<Workshop, Error> {
        let error = |source| Error::Cache { path: cache.into(), source };
        // Nobody sweeps between the making of a folder and its lock.
        let _sweeping = lock(&cache.join("sweep.lock"))?;
        for entry in fs::read_dir(cache).map_err(error)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with("building-") && is_dead(&entry.path()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let dir = tempfile::Builder::new().prefix("building-").tempdir_in(cache).map_err(error)?;
        let alive = lock(&dir.path().join("alive"))?;
        Ok(Workshop { dir, _alive: alive })
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Gives what was built its place.
    pub fn finish(self, home: &Path) -> Result<(), Error> {
        let error = |source| Error::Cache { path: home.into(), source };
        let _ = fs::remove_dir_all(home);
        fs::remove_file(self.dir.path().join("alive")).map_err(error)?;
        fs::rename(self.dir.path(), home).map_err(error)?;
        let _ = self.dir.keep(); // renamed away
        Ok(())
    }
}

fn is_dead(building: &Path) -> bool {
    match File::open(building.join("alive")) {
        Ok(file) => fs4::FileExt::try_lock(&file).is_ok(),
        Err(e) => e.kind() == io::ErrorKind::NotFound,
    }
}

/// A sum of files beside them, so that damage is found before the loader or linker falls over it.
pub(crate) fn seal(dir: &Path, name: &str, files: &[&str]) -> Result<(), Error> {
    let path = dir.join(name);
    let error = |source| Error::Cache { path: path.clone(), source };
    let sum = sum(dir, files).map_err(error)?;
    fs::write(&path, sum).map_err(error)
}

/// Are these files as they were when they were sealed?
pub(crate) fn is_whole(dir: &Path, name: &str, files: &[&str]) -> bool {
    matches!((fs::read_to_string(dir.join(name)), sum(dir, files)), (Ok(sealed), Ok(sum)) if sealed == sum)
}

fn sum(dir: &Path, files: &[&str]) -> io::Result<String> {
    let mut hash = blake3::Hasher::new();
    for file in files {
        let bytes = fs::read(dir.join(file))?;
        hash.update(&(bytes.len() as u64).to_le_bytes()).update(&bytes);
    }
    Ok(hash.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn outside_cargo_the_cache_is_the_users_and_never_a_shared_folder() {
        let find = |set: &[(&str, &str)], exe: Option<&Path>| {
            folder(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| PathBuf::from(v)), exe)
        };
        let exe = Path::new("/usr/local/bin/program");
        assert_eq!(find(&[("HOME", "/home/a")], Some(exe)).expect("a folder").0, Path::new("/home/a/.cache/verilated"));
        let set = [("HOME", "/home/a"), ("XDG_CACHE_HOME", "/caches/a")];
        assert_eq!(find(&set, Some(exe)).expect("a folder").0, Path::new("/caches/a/verilated"));
        assert_eq!(find(&[("VERILATED_CACHE", "x"), ("HOME", "/h")], Some(exe)).expect("a folder").0, Path::new("x"));
        assert!(matches!(find(&[], Some(exe)), Err(Error::NoCache)));
        for mark in ["CACHEDIR.TAG", ".rustc_info.json"] {
            let target = tempfile::tempdir().expect("a folder");
            std::fs::write(target.path().join(mark), "").expect("written");
            let found = find(&[("HOME", "/home/a")], Some(&target.path().join("debug/deps/x"))).expect("a folder");
            assert_eq!(found, (target.path().join("verilated"), true), "{mark}");
        }
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = dir.path().join("a/b");
        create(&cache).expect("created");
        assert_eq!(fs::metadata(&cache).expect("there").mode() & 0o777, 0o700);
        private(&cache).expect("ours alone");
        for mode in [0o770, 0o702] {
            fs::set_permissions(&cache, Permissions::from_mode(mode)).expect("set");
            let text = private(&cache).expect_err("others can write").to_string();
            assert!(text.contains("chmod 700"), "{text}");
        }
    }

    #[test]
    fn folders_of_dead_builds_go_and_those_of_living_ones_stay() {
        let cache = tempfile::tempdir().expect("a folder");
        let living = Workshop::open(cache.path()).expect("opens");
        for (dead, file) in [("building-1", "alive"), ("building-2", "half.cpp")] {
            fs::create_dir(cache.path().join(dead)).expect("created");
            fs::write(cache.path().join(dead).join(file), "").expect("written");
        }
        let next = Workshop::open(cache.path()).expect("opens");
        let mut names: Vec<_> = fs::read_dir(cache.path()).expect("read").flatten().map(|e| e.path()).collect();
        names.retain(|p| p.is_dir());
        names.sort();
        let mut expected = vec![living.path().to_path_buf(), next.path().to_path_buf()];
        expected.sort();
        assert_eq!(names, expected);
    }

    #[test]
    fn a_sealed_file_that_changes_or_shrinks_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("a"), "abcd").expect("written");
        seal(dir.path(), "sum", &["a"]).expect("sealed");
        assert!(is_whole(dir.path(), "sum", &["a"]));
        fs::write(dir.path().join("a"), "abc").expect("written");
        assert!(!is_whole(dir.path(), "sum", &["a"]));
        fs::remove_file(dir.path().join("a")).expect("removed");
        assert!(!is_whole(dir.path(), "sum", &["a"]));
    }
}
