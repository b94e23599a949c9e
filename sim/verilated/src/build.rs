// SPDX-License-Identifier: Apache-2.0
//! From Verilog to a shared object, once for each set of sources, flags and tools.

use crate::port::{PortInfo, parse_header};
use crate::{Error, shim};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, OnceLock};

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spec {
    top: String,
    sources: Vec<PathBuf>,
    include_dirs: Vec<PathBuf>,
    parameters: Vec<(String, String)>,
    defines: Vec<(String, String)>,
    arguments: Vec<String>,
    trace: bool,
    coverage: bool,
}

/// A compiled model: its ports, and the shared object that makes instances.
pub struct Library {
    pub(crate) library: libloading::Library,
    pub(crate) trace: bool,
    pub(crate) coverage: bool,
    top: String,
    ports: Vec<PortInfo>,
}

/// Where compiled models are kept: `VERILATED_CACHE`, or `verilated/` in cargo's target folder.
pub fn cache_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("VERILATED_CACHE") {
        return dir.into();
    }
    // The test or program runs from target/<profile>/[deps/]; its folder's CACHEDIR.TAG marks target.
    let marked = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.ancestors().find(|a| a.join("CACHEDIR.TAG").exists()).map(Path::to_path_buf));
    marked.unwrap_or_else(std::env::temp_dir).join("verilated")
}

/// How hard the C++ compiler works on models: `VERILATED_OPT`, or `-O3`. `-O1` builds in half the time what then runs a
/// little slower.
fn level() -> String {
    std::env::var("VERILATED_OPT").unwrap_or_else(|_| "-O3".into())
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("top", &self.top).field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl Spec {
    /// A design with this top module.
    pub fn new(top: impl Into<String>) -> Spec {
        Spec {
            top: top.into(),
            sources: vec![],
            include_dirs: vec![],
            parameters: vec![],
            defines: vec![],
            arguments: vec![],
            trace: false,
            coverage: false,
        }
    }

    /// Adds a source file (or a `.vlt` file of accepted warnings).
    pub fn source(mut self, path: impl Into<PathBuf>) -> Spec {
        self.sources.push(path.into());
        self
    }

    /// Adds source files.
    pub fn sources<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Spec {
        self.sources.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Adds a folder for `include files.
    pub fn include_dir(mut self, path: impl Into<PathBuf>) -> Spec {
        self.include_dirs.push(path.into());
        self
    }

    /// Sets a parameter of the top module, as Verilog text.
    pub fn parameter(mut self, name: impl Into<String>, value: impl ToString) -> Spec {
        self.parameters.push((name.into(), value.to_string()));
        self
    }

    /// Defines a macro.
    pub fn define(mut self, name: impl Into<String>, value: impl ToString) -> Spec {
        self.defines.push((name.into(), value.to_string()));
        self
    }

    /// Adds an argument for Verilator.
    pub fn argument(mut self, argument: impl Into<String>) -> Spec {
        self.arguments.push(argument.into());
        self
    }

    /// With FST tracing. Costs nothing until a trace is opened, then about a factor of 100.
    pub fn trace(mut self, on: bool) -> Spec {
        self.trace = on;
        self
    }

    /// With line and toggle coverage.
    pub fn coverage(mut self, on: bool) -> Spec {
        self.coverage = on;
        self
    }

    /// The top module's name.
    pub fn top(&self) -> &str {
        &self.top
    }

    /// Builds the model, or takes it from the cache. Sources with the same content, flags and
    /// tools are built once; other processes that want the same wait.
    ///
    /// # Errors
    /// [`Error::ToolMissing`], [`Error::Source`], [`Error::Verilog`], [`Error::Compile`],
    /// [`Error::Cache`], [`Error::Load`]. A build that fails leaves nothing in the cache.
    pub fn build(&self) -> Result<Arc<Library>, Error> {
        // One load of a shared object per process: a second one would be the same anyway.
        static LOADED: Mutex<Vec<(String, Arc<Library>)>> = Mutex::new(Vec::new());
        let key = self.key()?;
        let mut loaded = LOADED.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((_, library)) = loaded.iter().find(|(k, _)| *k == key) {
            return Ok(library.clone());
        }
        let cache = cache_dir();
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::Cache { path, source }
        };
        fs::create_dir_all(&cache).map_err(at(&cache))?;
        let home = cache.join(format!("{}-{key}", self.top));
        let lock_path = cache.join(format!("{}-{key}.lock", self.top));
        let lock = fs::File::create(&lock_path).map_err(at(&lock_path))?;
        fs4::FileExt::lock(&lock).map_err(at(&lock_path))?;
        if !home.join("model.so").exists() {
            let work = tempfile::Builder::new().prefix("building-").tempdir_in(&cache).map_err(at(&cache))?;
            self.compile(work.path())?;
            let _ = fs::remove_dir_all(&home);
            fs::rename(work.path(), &home).map_err(at(&home))?;
            let _ = work.keep(); // renamed away
        }
        let library = Arc::new(self.load(&home)?);
        loaded.push((key, library.clone()));
        Ok(library)
    }

    fn key(&self) -> Result<String, Error> {
        let mut hash = blake3::Hasher::new();
        let mut add = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(&shim::VERSION.to_le_bytes());
        add(versions()?.as_bytes());
        add(level().as_bytes());
        add(format!("{:?}", (&self.top, &self.parameters, &self.defines, &self.arguments, self.trace, self.coverage)).as_bytes());
        let read = |path: &Path| fs::read(path).map_err(|source| Error::Source { path: path.to_path_buf(), source });
        for path in &self.sources {
            add(path.as_os_str().as_encoded_bytes());
            add(&read(path)?);
        }
        for dir in &self.include_dirs {
            let entries = fs::read_dir(dir).map_err(|source| Error::Source { path: dir.clone(), source })?;
            let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_file()).collect();
            files.sort();
            for path in files {
                add(path.as_os_str().as_encoded_bytes());
                add(&read(&path)?);
            }
        }
        Ok(hash.finalize().to_hex()[..24].to_string())
    }

    fn compile(&self, work: &Path) -> Result<(), Error> {
        let mut verilator = Command::new("verilator");
        verilator.args([
            "--cc",
            "-O3",
            "--x-assign",
            "unique",
            "--x-initial",
            "unique",
            "--prefix",
            "Vmodel",
            "--top-module",
            &self.top,
        ]);
        verilator.args(["-Wno-fatal", "-Wno-WIDTH", "-Wno-DECLFILENAME", "--assert", "--Mdir"]).arg(work);
        if self.trace {
            verilator.args(["--trace-fst", "--trace-structs"]);
        }
        if self.coverage {
            verilator.arg("--coverage");
        }
        verilator.args(self.include_dirs.iter().map(|d| format!("-I{}", d.display())));
        verilator.args(self.defines.iter().map(|(n, v)| if v.is_empty() { format!("-D{n}") } else { format!("-D{n}={v}") }));
        verilator.args(self.parameters.iter().map(|(n, v)| format!("-G{n}={v}")));
        verilator.args(&self.arguments).args(&self.sources);
        let output = run(&mut verilator, "verilator", "verilator")?;
        if !output.status.success() {
            return Err(Error::Verilog { top: self.top.clone(), text: String::from_utf8_lossy(&output.stderr).into_owned() });
        }
        let cache_error = |source| Error::Cache { path: work.to_path_buf(), source };
        let header = fs::read_to_string(work.join("Vmodel.h")).map_err(cache_error)?;
        let dpi = fs::read_to_string(work.join("Vmodel__Dpi.h")).unwrap_or_default();
        let shim = shim::generate(&parse_header(&header), &shim::parse_dpi(&dpi), self.trace, self.coverage);
        fs::write(work.join("vrs_shim.cpp"), shim).map_err(cache_error)?;
        fs::write(work.join("vrs_print.h"), shim::PRINT_HEADER).map_err(cache_error)?;

        let include = PathBuf::from(verilator_root()?).join("include");
        let mut files: Vec<PathBuf> = fs::read_dir(work)
            .map_err(cache_error)?
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.extension().is_some_and(|e| e == "cpp"))
            .collect();
        files.sort();
        let runtime = self.runtime(&include, !dpi.is_empty())?;
        let level = level();
        let (mut objects, mut commands) = (Vec::new(), Vec::new());
        for file in &files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let object = work.join(&name).with_extension("o");
            let slow = name.contains("__Slow") || name.contains("__Syms") || name.contains("__Trace");
            commands.push(self.compiler(file, &object, work, &include, if slow { "-O0" } else { &level }));
            objects.push(object);
        }
        self.run_all(commands)?;
        let mut link = Command::new("g++");
        link.args(["-shared", "-fPIC", "-o"]).arg(work.join("model.so")).args(&objects).args(&runtime);
        link.args(["-lpthread", "-latomic"]);
        if self.trace {
            link.arg("-lz");
        }
        self.run_all(vec![link])?;
        for object in objects {
            let _ = fs::remove_file(object);
        }
        Ok(())
    }

    /// A command that compiles one file; `work` holds the header that redirects what is printed.
    fn compiler(&self, file: &Path, object: &Path, work: &Path, include: &Path, level: &str) -> Command {
        let mut cc = Command::new("g++");
        cc.args(["-std=c++17", "-c", "-fPIC", "-fvisibility=hidden", level, "-w"]);
        cc.args(["-DVL_USER_STOP", "-DVL_USER_FINISH", "-DVL_USER_FATAL", "-DVL_TIME_CONTEXT"]);
        cc.args([
            format!("-DVM_TRACE={}", u8::from(self.trace)),
            format!("-DVM_TRACE_FST={}", u8::from(self.trace)),
            format!("-DVM_COVERAGE={}", u8::from(self.coverage)),
        ]);
        cc.arg("-include").arg(work.join("vrs_print.h"));
        cc.arg("-I").arg(work).arg("-I").arg(include).arg("-I").arg(include.join("vltstd"));
        cc.arg(file).arg("-o").arg(object);
        cc
    }

    /// Objects of Verilator's own library: the same for every model with these flags, so compiled once.
    fn runtime(&self, include: &Path, dpi: bool) -> Result<Vec<PathBuf>, Error> {
        let mut names = vec!["verilated", "verilated_threads"];
        names.extend(self.trace.then_some("verilated_fst_c"));
        names.extend(self.coverage.then_some("verilated_cov"));
        names.extend(dpi.then_some("verilated_dpi"));
        let text = format!("{} {} {} {}", shim::VERSION, versions()?, self.trace, self.coverage);
        let cache = cache_dir();
        let home = cache.join(format!("runtime-{}", &blake3::hash(text.as_bytes()).to_hex()[..24]));
        let error = |source| Error::Cache { path: home.clone(), source };
        fs::create_dir_all(&home).map_err(error)?;
        let lock = fs::File::create(home.join("lock")).map_err(error)?;
        fs4::FileExt::lock(&lock).map_err(error)?;
        fs::write(home.join("vrs_print.h"), shim::PRINT_HEADER).map_err(error)?;
        let object = |name: &str| home.join(name).with_extension("o");
        let missing: Vec<&str> = names.iter().copied().filter(|n| !object(n).exists()).collect();
        let half = |name: &str| home.join(name).with_extension("half");
        if missing.contains(&"verilated") {
            let path = include.join("verilated.cpp");
            let text = fs::read_to_string(&path).map_err(|source| Error::Source { path, source })?;
            let text =
                shim::own_random(&text).ok_or_else(|| Error::Unknown { version: versions().unwrap_or_default().into() })?;
            fs::write(home.join("verilated.cpp"), text).map_err(error)?;
        }
        let source = |n: &str| if n == "verilated" { home.join("verilated.cpp") } else { include.join(n).with_extension("cpp") };
        let compile = |n: &&str| self.compiler(&source(n), &half(n), &home, include, "-O2");
        self.run_all(missing.iter().map(compile).collect())?;
        for name in missing {
            fs::rename(half(name), object(name)).map_err(error)?;
        }
        Ok(names.into_iter().map(object).collect())
    }

    fn run_all(&self, commands: Vec<Command>) -> Result<(), Error> {
        let queue = Mutex::new(commands);
        let workers = std::thread::available_parallelism().map_or(1, |n| n.get().min(4));
        let outcome = Mutex::new(Ok(()));
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let Some(mut command) = queue.lock().unwrap_or_else(|e| e.into_inner()).pop() else { return };
                        let result = run(&mut command, "g++", "g++").and_then(|out| {
                            if out.status.success() {
                                return Ok(());
                            }
                            Err(Error::Compile { top: self.top.clone(), text: String::from_utf8_lossy(&out.stderr).into_owned() })
                        });
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

    fn load(&self, home: &Path) -> Result<Library, Error> {
        let path = home.join("model.so");
        let header =
            fs::read_to_string(home.join("Vmodel.h")).map_err(|source| Error::Cache { path: home.to_path_buf(), source })?;
        let library = crate::model::open(&path)?;
        Ok(Library { library, trace: self.trace, coverage: self.coverage, top: self.top.clone(), ports: parse_header(&header) })
    }
}

impl Library {
    /// The design's ports.
    pub fn ports(&self) -> &[PortInfo] {
        &self.ports
    }

    /// The top module's name.
    pub fn top(&self) -> &str {
        &self.top
    }
}

fn run(command: &mut Command, tool: &'static str, package: &'static str) -> Result<Output, Error> {
    command.output().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::ToolMissing { tool, package },
        _ => Error::Compile { top: String::new(), text: format!("{tool}: {e}") },
    })
}

fn ask(tool: &'static str, argument: &[&str]) -> Result<String, Error> {
    let output = run(Command::new(tool).args(argument), tool, tool)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

fn versions() -> Result<&'static str, Error> {
    static VERSIONS: OnceLock<String> = OnceLock::new();
    if let Some(v) = VERSIONS.get() {
        return Ok(v);
    }
    let v = format!("{}\n{}", ask("verilator", &["--version"])?, ask("g++", &["-dumpfullversion", "-dumpmachine"])?);
    Ok(VERSIONS.get_or_init(|| v))
}

fn verilator_root() -> Result<String, Error> {
    ask("verilator", &["--getenv", "VERILATOR_ROOT"])
}
