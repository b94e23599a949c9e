// SPDX-License-Identifier: Apache-2.0
//! From Verilog to a shared object, once for each content of sources, flags and tools.

use crate::inputs::{Inputs, Places, clean};
use crate::runtime::library_files;
use crate::tools::{Tools, run};
use crate::{Error, Library, Spec, cache, coverage, parameter, port, shim};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::SystemTime;

/// Bits of the widest signal whose toggles are counted, an array's as one: memories are wider.
const WIDEST: &str = "1024";
/// What is sealed beside a model.
const SEALED: [&str; 3] = ["model.so", "Vmodel.h", "inputs"];
/// How hard the C++ compiler works on what runs once: initial values, names.
const SLOW: &str = "-O0";
/// States of the files of one design that are kept, so that going back and forth between them builds nothing.
const KEPT: usize = 16;

/// How hard the C++ compiler works on models: `VERILATED_OPT`, or `-O3`. `-O1` builds in half the time what then runs a
/// little slower.
fn level() -> String {
    std::env::var("VERILATED_OPT").unwrap_or_else(|_| "-O3".into())
}

impl Spec {
    /// Builds the model, or takes it from the cache. It is built once for each content of all files that Verilator read,
    /// flags and tools, also where the project has been copied elsewhere; other processes that want the same wait. Where
    /// `HARNESS_TRACE` is set every model has tracing, where `HARNESS_COVERAGE` is set every one has coverage.
    ///
    /// # Errors
    /// [`Error::ToolMissing`], [`Error::Source`], [`Error::Parameter`], [`Error::Verilog`], [`Error::Unsupported`],
    /// [`Error::Compile`], [`Error::NoCache`], [`Error::SharedCache`], [`Error::Cache`], [`Error::Load`]. A build that
    /// fails leaves nothing in the cache.
    pub fn build(&self) -> Result<Arc<Library>, Error> {
        if !self.trace && std::env::var_os("HARNESS_TRACE").is_some() {
            return self.clone().trace(true).build();
        }
        if !self.coverage && coverage::folder().is_some() {
            return self.clone().coverage(true).build();
        }
        // One load of a shared object per process: a second one would be the same anyway.
        static LOADED: Mutex<Vec<(PathBuf, PathBuf, Arc<Library>)>> = Mutex::new(Vec::new());
        let tools = Tools::get()?;
        let cache = cache::open()?;
        let places = Places::new(self)?;
        let design = cache.join(format!("{}-{}", self.top.replace(['/', '\0'], "_"), self.key(tools, &places)?));
        fs::create_dir_all(&design).map_err(|source| Error::Cache { path: design.clone(), source })?;
        // Threads wait for each other here as processes do, and only those that want the same design.
        let _lock = cache::lock(&design.join("lock"))?;
        let home = match find(&design, &places) {
            Some(home) => home,
            None => self.make(tools, &cache, &design, &places)?,
        };
        let mut loaded = LOADED.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((.., library)) = loaded.iter().find(|(h, root, _)| *h == home && *root == places.root) {
            return Ok(library.clone());
        }
        let library = Arc::new(Library::load(self, &home, &places.root)?);
        loaded.push((home, places.root, library.clone()));
        Ok(library)
    }

    /// Names everything but the content of the files.
    fn key(&self, tools: &Tools, places: &Places) -> Result<String, Error> {
        let name = |path: &PathBuf| places.name(&clean(&places.work.join(path)));
        for path in &self.sources {
            fs::File::open(path).map_err(|source| Error::Source { path: path.clone(), source })?;
        }
        for path in &self.include_dirs {
            fs::read_dir(path).map_err(|source| Error::Source { path: path.clone(), source })?;
        }
        let root = places.root.to_string_lossy();
        let arguments: Vec<String> = match &*root {
            "/" => self.arguments.clone(),
            root => self.arguments.iter().map(|a| a.replace(&format!("{root}/"), "{root}/")).collect(),
        };
        let text = format!(
            "{:?}",
            (
                (shim::VERSION, &tools.fingerprint, level()),
                (&self.top, &self.parameters, &self.defines, arguments, self.trace, self.coverage),
                self.sources.iter().map(name).collect::<Vec<_>>(),
                self.include_dirs.iter().map(name).collect::<Vec<_>>(),
            )
        );
        Ok(blake3::hash(text.as_bytes()).to_hex()[..24].to_string())
    }

    /// Builds the model for the files as they are; gives its folder.
    fn make(&self, tools: &Tools, cache: &Path, design: &Path, places: &Places) -> Result<PathBuf, Error> {
        for attempt in 1..=3 {
            let workshop = cache::Workshop::open(cache)?;
            let work = workshop.path();
            let since = SystemTime::now();
            self.verilate(tools, work, places)?;
            let list = fs::read_to_string(work.join("Vmodel__verFiles.dat"))
                .map_err(|source| Error::Cache { path: work.into(), source })?;
            // A file from the future of this machine's clock changes no more in the third attempt.
            let since = if attempt < 3 { since } else { SystemTime::now() + std::time::Duration::from_secs(1 << 32) };
            let Some(inputs) = Inputs::after(self, places, &list, &tools.include, since)? else { continue };
            fs::write(work.join("inputs"), inputs.to_text()).map_err(|source| Error::Cache { path: work.into(), source })?;
            let home = design.join(inputs.key());
            self.compile(tools, work, cache)?;
            cache::seal(work, "sum", &SEALED)?;
            workshop.finish(&home)?;
            prune(design);
            return Ok(home);
        }
        Err(Error::Cache { path: design.into(), source: std::io::Error::other("the sources change all the time") })
    }

    fn verilate(&self, tools: &Tools, work: &Path, places: &Places) -> Result<(), Error> {
        if self.arguments.iter().any(|a| a.trim_start_matches('-') == "sc") {
            return Err(self.unsupported("its arguments ask for SystemC".into(), "leave out --sc"));
        }
        let mut verilator = tools.verilator();
        verilator.args(["--cc", "-O3", "--x-assign", "unique", "--x-initial", "unique"]);
        verilator.args(["--prefix", "Vmodel", "--top-module", &self.top]);
        verilator.args(["-Wno-fatal", "-Wno-WIDTH", "-Wno-DECLFILENAME", "--assert", "--Mdir"]).arg(work);
        if self.trace {
            verilator.args(["--trace-fst", "--trace-structs"]);
        }
        if self.coverage {
            verilator.args(["--coverage", "--coverage-max-width", WIDEST, "-DVERILATED_COVERAGE"]);
        }
        // Absolute, so that what the design says of its sources does not depend on where the program stands.
        let absolute = |path: &PathBuf| clean(&places.work.join(path));
        verilator.args(self.include_dirs.iter().map(|d| format!("-I{}", absolute(d).display())));
        verilator.args(self.defines.iter().map(|(n, v)| if v.is_empty() { format!("-D{n}") } else { format!("-D{n}={v}") }));
        for (name, value) in &self.parameters {
            let literal = parameter::literal(value).ok_or_else(|| Error::Parameter {
                top: self.top.clone(),
                name: name.clone(),
                value: value.clone(),
            })?;
            verilator.arg(format!("-G{name}={literal}"));
        }
        verilator.args(&self.arguments).args(self.sources.iter().map(absolute));
        let output = run(verilator.current_dir(&places.work), "verilator")?;
        let text = String::from_utf8_lossy(&output.stderr);
        if text.contains("NEEDTIMINGOPT") {
            return Err(self.unsupported(format!("it has delays or waits for time:\n{}", text.trim()), DELAYS));
        }
        if !output.status.success() {
            return Err(Error::Verilog { top: self.top.clone(), text: text.into_owned() });
        }
        let settings = fs::read_to_string(work.join("Vmodel_classes.mk")).unwrap_or_default();
        let on = |name: &str| settings.lines().any(|l| l.trim() == format!("{name} = 1"));
        if !work.join("Vmodel.h").is_file() {
            return Err(self.unsupported(
                "its arguments keep Verilator from writing a C++ model where the binding looks".into(),
                "leave out --prefix, --Mdir, --lint-only and the like",
            ));
        }
        if on("VM_TIMING") {
            return Err(self.unsupported("it has delays or waits for time (--timing)".into(), DELAYS));
        }
        if on("VM_TRACE") && !self.trace || on("VM_TRACE_VCD") || on("VM_TRACE_SAIF") {
            return Err(self.unsupported(
                "its arguments ask for a trace that the binding does not open".into(),
                "leave out --trace and the like and use Spec::trace, which gives FST",
            ));
        }
        if on("VM_COVERAGE") && !self.coverage {
            return Err(self.unsupported("its arguments ask for coverage".into(), "use Spec::coverage"));
        }
        Ok(())
    }

    fn unsupported(&self, what: String, advice: &'static str) -> Error {
        Error::Unsupported { top: self.top.clone(), what, advice }
    }

    fn compile(&self, tools: &Tools, work: &Path, cache: &Path) -> Result<(), Error> {
        let cache_error = |source| Error::Cache { path: work.to_path_buf(), source };
        let header = fs::read_to_string(work.join("Vmodel.h")).map_err(cache_error)?;
        let ports = port::parse_header(&header);
        if let Some((port, _)) = ports.usable.iter().find(|(_, cpp)| port::is_member(&header, cpp)) {
            return Err(self.unsupported(
                format!("its port '{}' has the name of a part of Verilator's C++ class", port.name),
                "rename it, or wrap the module in one whose port has another name",
            ));
        }
        let dpi = fs::read_to_string(work.join("Vmodel__Dpi.h")).unwrap_or_default();
        let imports = shim::parse_dpi(&dpi);
        if let Some((import, kind)) = imports.iter().find_map(|i| Some((i, i.unsupported()?))) {
            return Err(self.unsupported(
                format!("its DPI import '{}' has a value of the C type '{kind}'", import.name),
                "use int, longint, shortint, byte, bit or logic (one bit), or their outputs",
            ));
        }
        let shim = shim::generate(&ports.usable, &imports, self.trace, self.coverage);
        fs::write(work.join("vrs_shim.cpp"), shim).map_err(cache_error)?;
        fs::write(work.join("vrs_print.h"), shim::PRINT_HEADER).map_err(cache_error)?;

        let mut files: Vec<PathBuf> = fs::read_dir(work)
            .map_err(cache_error)?
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.extension().is_some_and(|e| e == "cpp"))
            .collect();
        files.sort();
        let settings = fs::read_to_string(work.join("Vmodel_classes.mk")).map_err(cache_error)?;
        let level = level();
        let runtime = self.runtime(tools, cache, &library_files(&settings), &[&level, SLOW])?;
        let (slow, fast): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.contains("__Slow") || name.contains("__Syms") || name.contains("__Trace")
        });
        let (mut objects, mut commands) = (Vec::new(), Vec::new());
        for (group, files, level) in [("vrs_fast", fast, level.as_str()), ("vrs_slow", slow, SLOW)] {
            for file in together(work, group, files).map_err(cache_error)? {
                let object = file.with_extension("o");
                let mut command = self.compiler(&runtime.first(work, level), tools, level);
                command.arg("-I").arg(work).arg(&file).arg("-o").arg(&object);
                commands.push(command);
                objects.push(object);
            }
        }
        self.run_all(commands)?;
        let mut link = Command::new("g++");
        link.args(["-shared", "-fPIC", "-o"]).arg(work.join("model.so")).args(&objects).args(&runtime.objects);
        link.args(["-lpthread", "-latomic"]);
        if self.trace {
            link.arg("-lz");
        }
        if self.trace && tools.lz4 {
            link.arg("-llz4");
        }
        self.run_all(vec![link])?;
        for object in objects {
            let _ = fs::remove_file(object);
        }
        Ok(())
    }

    /// A command that compiles a file, still to be named, behind a header that redirects what is printed.
    pub(crate) fn compiler(&self, first: &Path, tools: &Tools, level: &str) -> Command {
        let mut cc = Command::new("g++");
        cc.args(["-std=c++17", "-c", "-fPIC", "-fvisibility=hidden", level, "-w"]);
        if level == "-O1" {
            // Of the large functions that Verilator writes, joining three and four instructions takes half the time.
            cc.arg("--param=max-combine-insns=2");
        }
        cc.args(["-DVL_USER_STOP", "-DVL_USER_FINISH", "-DVL_USER_FATAL", "-DVL_TIME_CONTEXT"]);
        // (The objects of Verilator's library are the same under all of these.)
        cc.args([
            format!("-DVM_TRACE={}", u8::from(self.trace)),
            format!("-DVM_TRACE_FST={}", u8::from(self.trace)),
            format!("-DVM_COVERAGE={}", u8::from(self.coverage)),
        ]);
        cc.arg("-include").arg(first).arg("-I").arg(&tools.include).arg("-I").arg(tools.include.join("vltstd"));
        cc
    }

    pub(crate) fn run_all(&self, commands: Vec<Command>) -> Result<(), Error> {
        let queue = Mutex::new(commands);
        let workers = std::thread::available_parallelism().map_or(1, |n| n.get().min(4));
        let outcome = Mutex::new(Ok(()));
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let Some(mut command) = queue.lock().unwrap_or_else(|e| e.into_inner()).pop() else { return };
                        let turn = Turn::take();
                        let result = run(&mut command, "g++").and_then(|out| {
                            if out.status.success() {
                                return Ok(());
                            }
                            Err(self.refused(String::from_utf8_lossy(&out.stderr).into_owned()))
                        });
                        drop(turn);
                        if result.is_err() {
                            *outcome.lock().unwrap_or_else(|e| e.into_inner()) = result;
                            queue.lock().unwrap_or_else(|e| e.into_inner()).clear();
                        }
                    }
                });
            }
        });
        outcome.into_inner().unwrap_or_else(|e| e.into_inner())
    }

    fn refused(&self, text: String) -> Error {
        for (header, library, package) in [("zlib.h", "-lz", "zlib1g-dev"), ("lz4.h", "-llz4", "liblz4-dev")] {
            if text.contains(&format!("{header}: No such file")) || text.contains(&format!("cannot find {library}:")) {
                return Error::ToolMissing { tool: header.into(), package };
            }
        }
        Error::Compile { top: self.top.clone(), text }
    }
}

/// One of as many compilers as run at a time, one a core, however many threads build models.
struct Turn;

static COMPILERS: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

impl Turn {
    fn take() -> Turn {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (count, one_ended) = &COMPILERS;
        let count = count.lock().unwrap_or_else(|e| e.into_inner());
        *one_ended.wait_while(count, |count| *count >= cores).unwrap_or_else(|e| e.into_inner()) += 1;
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (count, one_ended) = &COMPILERS;
        *count.lock().unwrap_or_else(|e| e.into_inner()) -= 1;
        one_ended.notify_one();
    }
}

const DELAYS: &str = "the bench drives time: take them out, or pass the argument --no-timing to ignore delays";

/// Small files as one: in each of them the compiler would read Verilator's headers again, which takes most of its time.
fn together(work: &Path, group: &str, files: Vec<PathBuf>) -> std::io::Result<Vec<PathBuf>> {
    const SMALL: u64 = 256 << 10;
    let mut size = 0;
    for file in &files {
        size += fs::metadata(file)?.len();
    }
    if files.len() < 2 || size > SMALL {
        return Ok(files);
    }
    let path = work.join(group).with_extension("cpp");
    let names = files.iter().filter_map(|f| f.file_name()).map(|n| format!("#include \"{}\"\n", n.to_string_lossy()));
    fs::write(&path, names.collect::<String>())?;
    Ok(vec![path])
}

/// A model in the cache for the files as they are. One that was damaged is taken away.
fn find(design: &Path, places: &Places) -> Option<PathBuf> {
    let mut hashes = BTreeMap::new();
    for home in fs::read_dir(design).ok()?.flatten().map(|e| e.path()).filter(|p| p.is_dir()) {
        let inputs = fs::read_to_string(home.join("inputs")).ok().and_then(|text| Inputs::from_text(&text));
        if !inputs.is_some_and(|inputs| inputs.stand(places, &mut hashes)) {
            continue;
        }
        if cache::is_whole(&home, "sum", &SEALED) {
            return Some(home);
        }
        let _ = fs::remove_dir_all(&home);
    }
    None
}

/// Takes away the oldest models of a design. (Programs that have loaded one keep it.)
fn prune(design: &Path) {
    let Ok(entries) = fs::read_dir(design) else { return };
    let mut homes: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|e| e.path().is_dir())
        .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
        .collect();
    homes.sort();
    for (_, home) in homes.iter().rev().skip(KEPT) {
        let _ = fs::remove_dir_all(home);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project in a folder: its spec and places. Each of its files is found in another way.
    fn project(dir: &Path) -> (Spec, Places) {
        for (path, text) in [
            (
                "rtl/top.v",
                "`include \"deep/a.vh\"\n`include \"near/b.vh\"\nmodule top(output [31:0] q);\n  wire [7:0] l;\n  leaf u(l);\n  assign q = {`A, `B, l, `C};\nendmodule\n",
            ),
            ("inc/deep/a.vh", "`include \"deeper.vh\"\n"),
            ("inc2/deeper.vh", "`define A 8'd1\n"),
            ("near/b.vh", "`define B 8'd2\n"),
            ("lib/leaf.v", "module leaf(output [7:0] l);\n  assign l = 8'd3;\nendmodule\n"),
            ("arguments.f", "-Iinc2 +define+C=8'd4\n"),
        ] {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().expect("inside")).expect("created");
            fs::write(path, text).expect("written");
        }
        let spec = Spec::new("top").source(dir.join("rtl/top.v")).include_dir(dir.join("inc"));
        let spec = ["-y", "lib", "-f", "arguments.f", "-Iinc3"].into_iter().fold(spec, Spec::argument);
        let root = Places::new(&spec).expect("places").root;
        assert_eq!(root, dir);
        (spec, Places { root, work: dir.into() })
    }

    fn inputs(spec: &Spec, places: &Places) -> Inputs {
        let (tools, work) = (Tools::get().expect("tools"), tempfile::tempdir().expect("a folder"));
        let since = SystemTime::now();
        spec.verilate(tools, work.path(), places).expect("Verilator takes it");
        let list = fs::read_to_string(work.path().join("Vmodel__verFiles.dat")).expect("a list");
        Inputs::after(spec, places, &list, &tools.include, since).expect("read").expect("nothing changed meanwhile")
    }

    #[test]
    fn a_model_is_good_for_the_files_that_verilator_read_and_no_others() {
        let dir = tempfile::tempdir().expect("a folder");
        let (spec, places) = project(dir.path());
        let made = inputs(&spec, &places);
        let stand = || made.stand(&places, &mut BTreeMap::new());
        assert!(stand());
        for file in ["rtl/top.v", "inc/deep/a.vh", "inc2/deeper.vh", "near/b.vh", "lib/leaf.v", "arguments.f"] {
            let path = dir.path().join(file);
            let text = fs::read_to_string(&path).expect("read");
            fs::write(&path, text.clone() + "// more\n").expect("written");
            assert!(!stand(), "{file} was changed");
            assert_ne!(inputs(&spec, &places).key(), made.key(), "{file} was changed");
            fs::remove_file(&path).expect("removed");
            assert!(!stand(), "{file} is gone");
            fs::write(&path, text).expect("written");
            assert!(stand(), "{file} is as it was");
        }
        fs::write(dir.path().join("inc/other.vh"), "not read").expect("written");
        assert!(stand());
        for file in ["inc/deeper.vh", "inc/near/b.vh", "inc3/deep/a.vh", "inc/leaf.sv", "lib/deeper.vh"] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("inside")).expect("created");
            fs::write(&path, "").expect("written");
            assert!(!stand(), "{file} may be read in place of another");
            fs::remove_file(&path).expect("removed");
        }
        assert!(stand());
    }

    #[test]
    fn a_file_that_changes_while_verilator_reads_leaves_no_doubtful_list() {
        let dir = tempfile::tempdir().expect("a folder");
        let (spec, places) = project(dir.path());
        let since = SystemTime::now() - std::time::Duration::from_secs(60);
        let list = format!("S 1 2 3 \"{}\"\n", dir.path().join("rtl/top.v").display());
        assert!(Inputs::after(&spec, &places, &list, Path::new("/none"), since).expect("read").is_none());
    }

    #[test]
    fn a_copy_of_a_project_is_the_same_unless_a_source_speaks_of_its_path() {
        let (here, there) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let projects = [project(here.path()), project(there.path())];
        let tools = Tools::get().expect("tools");
        let key = |i: usize| projects[i].0.key(tools, &projects[i].1).expect("a key");
        assert_eq!(key(0), key(1));
        let made = inputs(&projects[0].0, &projects[0].1);
        assert!(made.stand(&projects[1].1, &mut BTreeMap::new()));
        assert_eq!(made.key(), inputs(&projects[1].0, &projects[1].1).key());
        fs::write(there.path().join("lib/leaf.v"), "module leaf(output [7:0] l);\n  assign l = 8'd9;\nendmodule\n")
            .expect("written");
        assert!(!made.stand(&projects[1].1, &mut BTreeMap::new()), "same names, other content");

        for dir in [here.path(), there.path()] {
            fs::write(
                dir.join("lib/leaf.v"),
                "module leaf(output [7:0] l);\n  assign l = 3;\n  initial $display(`__FILE__);\nendmodule\n",
            )
            .expect("written");
        }
        let made = inputs(&projects[0].0, &projects[0].1);
        assert!(made.stand(&projects[0].1, &mut BTreeMap::new()));
        assert!(!made.stand(&projects[1].1, &mut BTreeMap::new()));
        assert_ne!(made.key(), inputs(&projects[1].0, &projects[1].1).key());
    }
}
