// SPDX-License-Identifier: Apache-2.0
//! Coverage of every model of a program, for `HARNESS_COVERAGE`: what the models of a design reached together, in a file
//! for each design and process.

use crate::{Error, Model};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The folder that `HARNESS_COVERAGE` names.
pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os("HARNESS_COVERAGE").filter(|f| !f.is_empty()).map(PathBuf::from)
}

/// Data in the format that Verilator writes: points in its order, and how often each was reached.
#[derive(Default)]
struct Data {
    points: Vec<String>,
    counts: Vec<u64>,
}

impl Data {
    fn parse(text: &str) -> Data {
        let lines = text.lines().filter_map(|line| line.strip_prefix("C ")?.rsplit_once(' '));
        let (points, counts) = lines.map(|(point, count)| (point.to_string(), count.parse::<u64>().unwrap_or(0))).unzip();
        Data { points, counts }
    }

    /// Takes in another model's data: of each point the larger count, so that a bit of an instance that has changed twice
    /// has done so in one run. Says whether a point was reached for the first or the second time.
    fn join(&mut self, other: Data) -> bool {
        if self.points != other.points {
            *self = other;
            return true;
        }
        let mut news = false;
        for (mine, &theirs) in self.counts.iter_mut().zip(&other.counts) {
            news |= *mine < 2 && theirs > *mine;
            *mine = theirs.max(*mine);
        }
        news
    }

    fn to_text(&self) -> String {
        let lines = self.points.iter().zip(&self.counts).map(|(point, count)| format!("C {point} {count}\n"));
        std::iter::once("# SystemC::Coverage-3\n".to_string()).chain(lines).collect()
    }
}

/// Adds what a model reached to the file of its design and of this process. The file is written anew only where something
/// was reached that was not before, so a test of a thousand models writes it a few times.
pub(crate) fn collect(model: &mut Model, folder: &Path) -> Result<(), Error> {
    static SEEN: Mutex<BTreeMap<PathBuf, Data>> = Mutex::new(BTreeMap::new());
    let write = |path: &Path, source| Error::Write { path: path.into(), source };
    std::fs::create_dir_all(folder).map_err(|e| write(folder, e))?;
    let object = model.library().file().to_path_buf();
    let name = blake3::hash(object.as_os_str().as_encoded_bytes()).to_hex();
    let name = format!("{}-{}-{}", model.library().top(), &name[..12], std::process::id());
    let own = tempfile::Builder::new().prefix(&name).suffix(".part").tempfile_in(folder).map_err(|e| write(folder, e))?;
    model.write_coverage(own.path())?;
    let text = std::fs::read_to_string(own.path()).map_err(|e| write(own.path(), e))?;
    let mut seen = SEEN.lock().unwrap_or_else(|e| e.into_inner());
    let data = seen.entry(object).or_default();
    if !data.join(Data::parse(&text)) {
        return Ok(());
    }
    std::fs::write(own.path(), data.to_text()).map_err(|e| write(own.path(), e))?;
    let path = folder.join(name).with_extension("dat");
    own.persist(&path).map_err(|e| write(&path, e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_one_design_are_joined_by_the_larger_and_news_are_told() {
        let data = |counts: [u64; 2]| Data::parse(&format!("# head\nC 'a b' {}\nC 'c' {}\n", counts[0], counts[1]));
        let mut all = Data::default();
        assert!(all.join(data([0, 1])));
        assert!(!all.join(data([0, 1])));
        assert!(all.join(data([0, 2])));
        assert!(!all.join(data([0, 9])));
        assert!(all.join(data([1, 0])));
        assert_eq!(all.to_text(), "# SystemC::Coverage-3\nC 'a b' 1\nC 'c' 9\n");
        assert_eq!(Data::parse(&all.to_text()).counts, [1, 9]);
    }
}
