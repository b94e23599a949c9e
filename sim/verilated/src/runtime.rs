// SPDX-License-Identifier: Apache-2.0
//! What the models of a cache share: objects of Verilator's library, and its headers as the compiler has read them.

use crate::tools::Tools;
use crate::{Error, Spec, cache, shim};
use std::fs;
use std::path::{Path, PathBuf};

/// What stands in front of every file of a model: what the shim includes, and so what the model does.
const HEADERS: &str = "#include \"vrs_print.h\"\n#include \"verilated.h\"\n#include \"verilated_syms.h\"\n#include <cstdarg>\n#include <cstdint>\n#include <cstdio>\n#include <cstring>\n#include <string>\n#include <vector>\n";

/// The shared part of a model.
pub(crate) struct Runtime {
    /// Objects of Verilator's library.
    pub objects: Vec<PathBuf>,
    /// By level, the header that was prepared for it.
    headers: Vec<(String, PathBuf)>,
}

impl Runtime {
    /// The header that a file of the model in `work` is compiled behind, at a level.
    pub fn first(&self, work: &Path, level: &str) -> PathBuf {
        let prepared = self.headers.iter().find(|(l, _)| l == level);
        prepared.map_or_else(|| work.join("vrs_print.h"), |(_, header)| header.clone())
    }
}

impl Spec {
    /// Objects of Verilator's own library: the same for every model, so compiled once; and its headers for these levels.
    ///
    /// Reading the headers takes most of the time of a small file, but preparing them takes three times as long as reading:
    /// so that is left to the second model of a cache. The compiler takes what it prepared under the same definitions
    /// only: models with coverage have prepared headers of their own, those with a trace read the headers as they are.
    pub(crate) fn runtime(&self, tools: &Tools, cache: &Path, names: &[String], levels: &[&str]) -> Result<Runtime, Error> {
        let text = format!("{} {}", shim::VERSION, tools.fingerprint);
        let home = cache.join(format!("runtime-{}", &blake3::hash(text.as_bytes()).to_hex()[..24]));
        let error = |source| Error::Cache { path: home.clone(), source };
        fs::create_dir_all(&home).map_err(error)?;
        let _lock = cache::lock(&home.join("lock"))?;
        let print = home.join("vrs_print.h");
        fs::write(&print, shim::PRINT_HEADER).map_err(error)?;
        let object = |name: &str| format!("{name}.o");
        let missing: Vec<&String> =
            names.iter().filter(|n| !cache::is_whole(&home, &format!("{n}.sum"), &[&object(n)])).collect();
        let first = missing.iter().any(|n| *n == "verilated");
        if first {
            let path = tools.include.join("verilated.cpp");
            let text = fs::read_to_string(&path).map_err(|source| Error::Source { path, source })?;
            let text = shim::own_random(&text).ok_or_else(|| Error::Unknown { version: tools.version.clone() })?;
            fs::write(home.join("verilated.cpp"), text).map_err(error)?;
        }
        let source = |n: &str| if n == "verilated" { &home } else { &tools.include }.join(n).with_extension("cpp");
        let compile = |n: &&String| {
            let mut command = self.compiler(&print, tools, "-O2");
            command.arg(source(n)).arg("-o").arg(home.join(object(n)));
            command
        };
        self.run_all(missing.iter().map(compile).collect())?;
        for name in missing {
            cache::seal(&home, &format!("{name}.sum"), &[&object(name)])?;
        }
        let headers = if first || self.trace { vec![] } else { self.headers(tools, &home, levels)? };
        Ok(Runtime { objects: names.iter().map(|n| home.join(object(n))).collect(), headers })
    }

    /// Prepares the headers, where they are not; whoever calls this has the lock of `home`.
    fn headers(&self, tools: &Tools, home: &Path, levels: &[&str]) -> Result<Vec<(String, PathBuf)>, Error> {
        let (mut headers, mut commands, mut made) = (vec![], vec![], vec![]);
        for &level in levels {
            let kind = if self.coverage { "_coverage" } else { "" };
            let name = format!("headers{}{kind}.h", level.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
            let (header, prepared, sum) = (home.join(&name), format!("{name}.gch"), format!("{name}.sum"));
            headers.push((level.to_string(), header.clone()));
            if cache::is_whole(home, &sum, &[&prepared]) || made.contains(&(sum.clone(), prepared.clone())) {
                continue;
            }
            fs::write(&header, HEADERS).map_err(|source| Error::Cache { path: header.clone(), source })?;
            let mut command = self.compiler(&home.join("vrs_print.h"), tools, level);
            command.args(["-x", "c++-header"]).arg(&header).arg("-o").arg(home.join(&prepared));
            commands.push(command);
            made.push((sum, prepared));
        }
        self.run_all(commands)?;
        for (sum, prepared) in made {
            cache::seal(home, &sum, &[&prepared])?;
        }
        Ok(headers)
    }
}

/// The files of Verilator's library that a model needs, as the makefile that it wrote lists them.
pub(crate) fn library_files(settings: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in settings.lines().map(str::trim) {
        if line.starts_with("VM_GLOBAL_") {
            inside = true;
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            names.push(line.trim_end_matches('\\').trim().to_string());
        } else if line.is_empty() {
            inside = false;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_library_are_those_of_the_makefile() {
        let text = "VM_CLASSES_FAST += \\\n\tVmodel \\\n\nVM_GLOBAL_FAST += \\\n\tverilated \\\n\tverilated_dpi \\\n\n# Gen\nVM_GLOBAL_SLOW += \\\n\n";
        assert_eq!(library_files(text), ["verilated", "verilated_dpi"]);
    }
    #[test]
    fn the_compiler_takes_the_headers_that_were_prepared_for_its_level() {
        let (spec, tools, cache) = (Spec::new("any"), Tools::get().expect("tools"), cache::open().expect("a cache"));
        let names = ["verilated".to_string()];
        let runtime = || spec.runtime(tools, &cache, &names, &["-O1", "-O0"]).expect("compiles");
        let (_, runtime) = (runtime(), runtime());
        let work = tempfile::tempdir().expect("a folder");
        fs::write(work.path().join("vrs_print.h"), shim::PRINT_HEADER).expect("written");
        fs::write(work.path().join("a.cpp"), "#include \"verilated.h\"\n").expect("written");
        for (level, prepared) in [("-O1", true), ("-O0", true), ("-O3", false)] {
            let mut command = spec.compiler(&runtime.first(work.path(), level), tools, level);
            command.arg("-H").arg(work.path().join("a.cpp")).arg("-o").arg(work.path().join("a.o"));
            let output = command.output().expect("g++ runs");
            let read = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{read}");
            assert_eq!(read.lines().any(|l| l.starts_with("! ") && l.ends_with(".gch")), prepared, "{level}: {read}");
        }
    }
}
