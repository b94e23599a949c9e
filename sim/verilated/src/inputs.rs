// SPDX-License-Identifier: Apache-2.0
//! What a model was made from: the files that Verilator read, by content, under names on which two copies of a project
//! agree; and the files that were not there but would have been read in their place.

use crate::{Error, Spec};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// The folders of one project on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// What all sources and include folders have in common.
    pub root: PathBuf,
    /// Where Verilator runs.
    pub work: PathBuf,
}

/// The list that lies beside a model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// Where the project lay.
    pub root: PathBuf,
    /// A source speaks of its own path: the model is good at that path alone.
    fixed: bool,
    read: BTreeMap<String, String>, // name, hash
    absent: BTreeSet<String>,
}

/// A path without `.` and `..`, which need not exist.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

impl Places {
    pub fn new(spec: &Spec) -> Result<Places, Error> {
        let work = std::env::current_dir().map_err(|source| Error::Source { path: ".".into(), source })?;
        let folders = spec.sources.iter().map(|p| clean(&work.join(p.parent().unwrap_or(Path::new("")))));
        let folders = folders.chain(spec.include_dirs.iter().map(|p| clean(&work.join(p))));
        let common =
            |a: PathBuf, b: PathBuf| a.components().zip(b.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
        let root = folders.reduce(common).unwrap_or_else(|| work.clone());
        Ok(Places { root, work })
    }

    /// The name of a file that Verilator opened under this path: seen from the root; or from the working folder, where it
    /// was found by a relative path.
    pub fn name(&self, path: &Path) -> String {
        if path.is_relative() {
            return format!("work/{}", path.display());
        }
        match clean(path).strip_prefix(&self.root) {
            Ok(inside) => format!("root/{}", inside.display()),
            Err(_) => path.display().to_string(),
        }
    }

    /// The file of that name in this copy of the project.
    pub fn path(&self, name: &str) -> PathBuf {
        match (name.strip_prefix("root/"), name.strip_prefix("work/")) {
            (Some(inside), _) => self.root.join(inside),
            (_, Some(inside)) => self.work.join(inside),
            _ => name.into(),
        }
    }
}

/// The folders in which arguments make Verilator look (`-I`, `-y`, `+incdir+`, and within `-f` files), and the endings of
/// `+libext+`.
fn searched(arguments: &[String], work: &Path, folders: &mut Vec<PathBuf>, endings: &mut Vec<String>, depth: u32) {
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if let Some(list) = word.strip_prefix("+incdir+") {
            folders.extend(list.split('+').map(PathBuf::from));
        } else if let Some(list) = word.strip_prefix("+libext+") {
            endings.extend(list.split('+').map(String::from));
        } else if let Some(dir) = word.strip_prefix("-I").filter(|d| !d.is_empty()) {
            folders.push(dir.into());
        } else if word == "-y" {
            folders.extend(words.next().map(PathBuf::from));
        } else if matches!(word.trim_start_matches('-'), "f" | "F") && depth < 16 {
            let Some(file) = words.next() else { return };
            let path = work.join(file);
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let inside: Vec<String> = text
                .lines()
                .filter(|l| !l.trim_start().starts_with('#'))
                .flat_map(|l| l.split("//").next().unwrap_or("").split_whitespace())
                .map(String::from)
                .collect();
            let own = path.parent().unwrap_or(work);
            let at = if word.ends_with('F') { own } else { work };
            let first = folders.len();
            searched(&inside, at, folders, endings, depth + 1);
            if word.ends_with('F') {
                folders[first..].iter_mut().for_each(|f| *f = own.join(&f));
            }
        }
    }
}

impl Inputs {
    /// From the list that Verilator wrote. `None` where a file changed after `since`: nobody knows what was read.
    pub fn after(spec: &Spec, places: &Places, list: &str, tool: &Path, since: SystemTime) -> Result<Option<Inputs>, Error> {
        let mut folders = spec.include_dirs.clone();
        let mut endings = vec![String::new(), ".v".into(), ".sv".into()];
        searched(&spec.arguments, &places.work, &mut folders, &mut endings, 0);
        folders.push(places.work.clone());
        let folders: BTreeSet<PathBuf> = folders.iter().map(|f| clean(&places.work.join(f))).collect();
        let named: BTreeSet<PathBuf> = spec.sources.iter().map(|s| clean(&places.work.join(s))).collect();

        let mut inputs = Inputs { root: places.root.clone(), fixed: false, read: BTreeMap::new(), absent: BTreeSet::new() };
        for path in list.lines().filter(|l| l.starts_with('S')).filter_map(|l| l.strip_suffix('"')?.rsplit_once('"')).map(|p| p.1)
        {
            let path = Path::new(path);
            let full = clean(&places.work.join(path));
            if full.ends_with("verilator_bin") || full.starts_with(tool) {
                continue; // in the fingerprint of the tools
            }
            let error = |source| Error::Source { path: full.clone(), source };
            if fs::metadata(&full).and_then(|m| m.modified()).map_err(error)? >= since {
                return Ok(None);
            }
            let bytes = fs::read(&full).map_err(error)?;
            inputs.fixed |= bytes.windows(9).any(|w| w == b"`__FILE__");
            inputs.read.insert(places.name(path), blake3::hash(&bytes).to_hex().to_string());
            if named.contains(&full) {
                continue;
            }
            for inside in folders.iter().filter_map(|f| full.strip_prefix(f).ok()) {
                for other in &folders {
                    let candidate = other.join(inside);
                    let module =
                        endings.iter().map(|e| candidate.with_extension("").into_os_string().to_string_lossy().into_owned() + e);
                    for candidate in std::iter::once(candidate.clone()).chain(module.map(PathBuf::from)) {
                        if candidate != full && !candidate.is_file() {
                            inputs.absent.insert(match candidate.strip_prefix(&places.work) {
                                Ok(inside) if *other == places.work => places.name(inside),
                                _ => places.name(&candidate),
                            });
                        }
                    }
                }
            }
        }
        Ok(Some(inputs))
    }

    /// Do the files stand as they did?
    pub fn stand(&self, places: &Places, hashes: &mut BTreeMap<PathBuf, Option<String>>) -> bool {
        if self.fixed && self.root != places.root {
            return false;
        }
        let mut hash = |path: PathBuf| {
            let read = |path: &PathBuf| fs::read(path).ok().map(|bytes| blake3::hash(&bytes).to_hex().to_string());
            hashes.entry(path).or_insert_with_key(read).clone()
        };
        self.read.iter().all(|(name, sum)| hash(places.path(name)).as_ref() == Some(sum))
            && !self.absent.iter().any(|name| places.path(name).is_file())
    }

    /// A name for this state of the files.
    pub fn key(&self) -> String {
        let place = if self.fixed { self.root.as_path() } else { Path::new("") };
        blake3::hash(format!("{:?}", (place, &self.read)).as_bytes()).to_hex()[..24].to_string()
    }

    /// Lines `root`, `fixed`, `read HASH NAME`, `absent NAME`.
    pub fn to_text(&self) -> String {
        let mut text = format!("{} {}\n", if self.fixed { "fixed" } else { "root" }, self.root.display());
        self.read.iter().for_each(|(name, hash)| text += &format!("read {hash} {name}\n"));
        self.absent.iter().for_each(|name| text += &format!("absent {name}\n"));
        text
    }

    /// Back from the text; `None` where it is damaged.
    pub fn from_text(text: &str) -> Option<Inputs> {
        let mut lines = text.lines();
        let (kind, root) = lines.next()?.split_once(' ')?;
        let mut inputs = Inputs { root: root.into(), fixed: kind == "fixed", read: BTreeMap::new(), absent: BTreeSet::new() };
        for line in lines {
            match line.split_once(' ')? {
                ("read", rest) => {
                    let (hash, name) = rest.split_once(' ')?;
                    inputs.read.insert(name.into(), hash.into());
                }
                ("absent", name) => {
                    inputs.absent.insert(name.into());
                }
                _ => return None,
            }
        }
        Some(inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_beside_a_model_reads_back_and_damage_is_found() {
        let inputs = Inputs {
            root: "/a b/c".into(),
            fixed: true,
            read: [("root/x y.v".to_string(), "12".to_string())].into(),
            absent: ["work/z.v".to_string()].into(),
        };
        assert_eq!(Inputs::from_text(&inputs.to_text()).as_ref(), Some(&inputs));
        assert_eq!(Inputs::from_text(""), None);
        assert_eq!(Inputs::from_text("root /a\nread 12"), None);
    }

    #[test]
    fn searched_folders_are_found_in_arguments_and_in_their_files() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("sub")).expect("created");
        fs::write(dir.path().join("a.f"), "-y lib // -y not\n# -y neither\n-F sub/b.f +libext+.vh+.x").expect("written");
        fs::write(dir.path().join("sub/b.f"), "-Ihere").expect("written");
        let (mut folders, mut endings) = (vec![], vec![]);
        let arguments = ["+incdir+p+q", "-Iinc", "-f", "a.f"].map(String::from);
        searched(&arguments, dir.path(), &mut folders, &mut endings, 0);
        let expected = ["p", "q", "inc", "lib"].map(PathBuf::from).into_iter().chain([dir.path().join("sub/here")]);
        assert_eq!(folders, expected.collect::<Vec<_>>());
        assert_eq!(endings, [".vh", ".x"]);
    }
}
