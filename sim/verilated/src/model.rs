// SPDX-License-Identifier: Apache-2.0
//! A running model. All unsafe code of the crate is here: calls into the shim, and the memory of
//! ports, which lives as long as the model does.

use crate::{Direction, Error, Library, Port, coverage};
use bitvec::order::Lsb0;
use bitvec::slice::BitSlice;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::sync::Arc;

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// `$finish` (true), or `$stop`, a failed check or a fatal error (false).
    pub finished: bool,
    /// File, line and what was said.
    pub text: String,
}

/// Arguments of a DPI call, in order, as 64-bit words; output arguments are written back.
pub type DpiValue = u64;

/// What registers and memories without an initial value hold when a model begins, and what an X in the Verilog becomes.
/// Inputs begin at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Initial {
    /// All bits 0: what hides a missing reset.
    Zeros,
    /// All bits 1.
    Ones,
    /// Random bits, the same for the same seed.
    #[default]
    Random,
}

/// `VERILATED_X`: how models begin, and a number that makes other runs of the same seeds.
fn setting() -> Result<(Initial, u32), Error> {
    let Ok(value) = std::env::var("VERILATED_X") else { return Ok((Initial::default(), 0)) };
    parse_setting(&value).ok_or(Error::Setting {
        variable: "VERILATED_X",
        value,
        allowed: "zeros, ones, random, or random:N with a number N for other random values",
    })
}

fn parse_setting(value: &str) -> Option<(Initial, u32)> {
    match value.split_once(':') {
        None => match value {
            "" | "random" => Some((Initial::Random, 0)),
            "zeros" => Some((Initial::Zeros, 0)),
            "ones" => Some((Initial::Ones, 0)),
            _ => None,
        },
        Some(("random", n)) => Some((Initial::Random, n.parse().ok()?)),
        Some(_) => None,
    }
}

type DpiHandler = Box<dyn FnMut(&mut [DpiValue]) -> DpiValue>;

#[derive(Clone, Copy)]
struct Slot {
    at: *mut c_void,
    width: u32,
}

struct Calls {
    free: unsafe extern "C" fn(*mut c_void),
    eval: unsafe extern "C" fn(*mut c_void),
    advance: unsafe extern "C" fn(*mut c_void),
    cycles: unsafe extern "C" fn(*mut c_void, *mut u8, u64) -> u64,
    time: unsafe extern "C" fn(*mut c_void) -> u64,
    stopped: unsafe extern "C" fn(*mut c_void) -> c_int,
    place: unsafe extern "C" fn(*mut c_void) -> *const c_char,
    text: unsafe extern "C" fn(*mut c_void, *mut u64) -> *const u8,
    clear_text: unsafe extern "C" fn(*mut c_void),
    trace_open: unsafe extern "C" fn(*mut c_void, *const c_char, c_int) -> c_int,
    trace_pause: unsafe extern "C" fn(*mut c_void),
    coverage: unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int,
    variables: unsafe extern "C" fn(*mut c_void) -> c_int,
    variable: unsafe extern "C" fn(*mut c_void, u32, *mut *mut c_void, *mut u32, *mut u32) -> *const c_char,
}

/// A signal or memory inside the design that is public to Verilator (`public_flat_rw`, or the argument `--public-flat-rw`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its path from the top, parts joined by dots.
    pub name: String,
    /// Bits of a word.
    pub width: u32,
    /// Words; 1 for a signal.
    pub depth: u32,
    at: *mut c_void,
}

impl Variable {
    fn bytes(&self) -> usize {
        match self.width {
            0..=8 => 1,
            9..=16 => 2,
            17..=32 => 4,
            33..=64 => 8,
            w => w.div_ceil(32) as usize * 4,
        }
    }
}

/// An instance of a design, in a Verilator context of its own. It stays on its thread.
pub struct Model {
    library: Arc<Library>,
    raw: *mut c_void,
    calls: Calls,
    slots: Vec<Slot>,
    #[allow(clippy::box_collection)] // the shim holds its address
    dpi: Box<HashMap<String, DpiHandler>>,
}

pub(crate) fn open(path: &Path) -> Result<libloading::Library, Error> {
    // SAFETY: the object was built by this crate; its initialisers are Verilator's own.
    unsafe { libloading::Library::new(path) }.map_err(|e| Error::Load { path: path.to_path_buf(), text: e.to_string() })
}

/// The path for C++, after a try that gives the system's reason if it cannot be written.
fn writable(path: &Path) -> Result<CString, Error> {
    let fail = |source| Error::Write { path: path.into(), source };
    std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(fail)?;
    CString::new(path.as_os_str().as_encoded_bytes()).map_err(|e| fail(e.into()))
}

unsafe extern "C" fn dpi_call(rust: *mut c_void, name: *const c_char, count: c_int, args: *mut u64) -> u64 {
    // SAFETY: `rust` is the boxed map of the model that evaluates, alive as long as it is, and
    // nothing else uses it during an eval; `args` has `count` words.
    let (handlers, name, args) = unsafe {
        (
            &mut *rust.cast::<HashMap<String, DpiHandler>>(),
            CStr::from_ptr(name),
            std::slice::from_raw_parts_mut(args, count as usize),
        )
    };
    match handlers.get_mut(name.to_string_lossy().as_ref()) {
        Some(handler) => handler(args),
        None => 0,
    }
}

impl Model {
    /// A new instance with Verilator seed 1.
    ///
    /// # Errors
    /// [`Error::Load`] when the shared object lacks a function of the shim.
    pub fn new(library: &Arc<Library>) -> Result<Model, Error> {
        Model::with_seed(library, 1)
    }

    /// A new instance with this seed for `$random` and for random initial values. They are random unless the environment
    /// variable `VERILATED_X` says `zeros` or `ones`; `random:7` gives other ones than `random` from the same seed, so that
    /// a suite whose seeds are fixed can be run with many.
    ///
    /// # Errors
    /// [`Error::SeedZero`], [`Error::Load`], [`Error::Setting`].
    pub fn with_seed(library: &Arc<Library>, seed: u32) -> Result<Model, Error> {
        let (initial, other) = setting()?;
        if seed == 0 {
            return Err(Error::SeedZero);
        }
        Model::begin(library, seed ^ other.wrapping_mul(0x9e37_79b9), initial)
    }

    /// A new instance that begins in this way, whatever `VERILATED_X` says.
    ///
    /// # Errors
    /// [`Error::SeedZero`], [`Error::Load`].
    pub fn with_initial(library: &Arc<Library>, seed: u32, initial: Initial) -> Result<Model, Error> {
        if seed == 0 {
            return Err(Error::SeedZero);
        }
        Model::begin(library, seed, initial)
    }

    fn begin(library: &Arc<Library>, seed: u32, initial: Initial) -> Result<Model, Error> {
        let l = &library.library;
        let missing = |e: libloading::Error| Error::Load { path: library.top().into(), text: e.to_string() };
        // SAFETY: the shim defines these functions with these types (shim.rs).
        unsafe {
            macro_rules! symbol {
                ($name:literal) => {
                    *l.get(concat!($name, "\0").as_bytes()).map_err(missing)?
                };
            }
            let new: unsafe extern "C" fn(u32, c_int) -> *mut c_void = symbol!("vrs_new");
            let port: unsafe extern "C" fn(*mut c_void, u32) -> *mut c_void = symbol!("vrs_port");
            let set_rust: unsafe extern "C" fn(*mut c_void, *mut c_void) = symbol!("vrs_set_rust");
            let set_dpi: unsafe extern "C" fn(unsafe extern "C" fn(*mut c_void, *const c_char, c_int, *mut u64) -> u64) =
                symbol!("vrs_set_dpi");
            let calls = Calls {
                free: symbol!("vrs_free"),
                eval: symbol!("vrs_eval"),
                advance: symbol!("vrs_advance"),
                cycles: symbol!("vrs_cycles"),
                time: symbol!("vrs_time"),
                stopped: symbol!("vrs_stopped"),
                place: symbol!("vrs_where"),
                text: symbol!("vrs_text"),
                clear_text: symbol!("vrs_clear_text"),
                trace_open: symbol!("vrs_trace_open"),
                trace_pause: symbol!("vrs_trace_pause"),
                coverage: symbol!("vrs_coverage"),
                variables: symbol!("vrs_variables"),
                variable: symbol!("vrs_variable"),
            };
            let raw = new(seed, initial as c_int);
            let mut dpi: Box<HashMap<String, DpiHandler>> = Box::default();
            set_rust(raw, std::ptr::from_mut(&mut *dpi).cast());
            set_dpi(dpi_call);
            let slots = (0..library.ports().len() as u32)
                .map(|i| Slot { at: port(raw, i), width: library.ports()[i as usize].width })
                .collect();
            let mut model = Model { library: library.clone(), raw, calls, slots, dpi };
            let ports = library.ports().iter().enumerate();
            for (i, _) in ports.filter(|(_, p)| p.direction == Direction::Input) {
                model.set(Port(i as u32), 0);
            }
            Ok(model)
        }
    }

    /// The compiled design.
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// The port of that name.
    ///
    /// # Errors
    /// [`Error::UnknownPort`], with the names there are; [`Error::UnsupportedPort`], with what to do.
    pub fn port(&self, name: &str) -> Result<Port, Error> {
        self.library.find(name).map(|i| Port(i as u32))
    }

    /// Bits of a port.
    pub fn width(&self, port: Port) -> u32 {
        self.slots[port.index()].width
    }

    /// The value of a port; the low 64 bits of a wider one.
    #[inline]
    pub fn get(&self, port: Port) -> u64 {
        let s = self.slots[port.index()];
        // SAFETY: the slot is the port's memory in the live model; Verilator stores 1-8, 9-16,
        // 17-32, 33-64 bits in the next larger word and more in 32-bit words, lowest first.
        unsafe {
            match s.width {
                1..=8 => u64::from(*s.at.cast::<u8>()),
                9..=16 => u64::from(*s.at.cast::<u16>()),
                17..=32 => u64::from(*s.at.cast::<u32>()),
                33..=64 => *s.at.cast::<u64>(),
                _ => u64::from(*s.at.cast::<u32>()) | u64::from(*s.at.cast::<u32>().add(1)) << 32,
            }
        }
    }

    /// Writes a port of up to 64 bits; bits beyond its width are dropped. The upper words of a
    /// wider port become zero.
    #[inline]
    pub fn set(&mut self, port: Port, value: u64) {
        let s = self.slots[port.index()];
        let value = if s.width < 64 { value & ((1 << s.width) - 1) } else { value };
        // SAFETY: as in `get`; `&mut self` excludes other uses.
        unsafe {
            match s.width {
                1..=8 => *s.at.cast::<u8>() = value as u8,
                9..=16 => *s.at.cast::<u16>() = value as u16,
                17..=32 => *s.at.cast::<u32>() = value as u32,
                33..=64 => *s.at.cast::<u64>() = value,
                _ => {
                    let words = std::slice::from_raw_parts_mut(s.at.cast::<u32>(), s.width.div_ceil(32) as usize);
                    words.fill(0);
                    words[0] = value as u32;
                    words[1] = (value >> 32) as u32;
                    if !s.width.is_multiple_of(32) && words.len() == 2 {
                        words[1] &= (1 << (s.width % 32)) - 1;
                    }
                }
            }
        }
    }

    /// A port's value as 32-bit words, lowest first, into `words`; missing words are zero.
    pub fn get_words(&self, port: Port, words: &mut [u32]) {
        let s = self.slots[port.index()];
        words.fill(0);
        if s.width <= 64 {
            let value = self.get(port);
            for (i, w) in words.iter_mut().take(2).enumerate() {
                *w = (value >> (32 * i)) as u32;
            }
        } else {
            let n = words.len().min(s.width.div_ceil(32) as usize);
            // SAFETY: as in `get`.
            words[..n].copy_from_slice(unsafe { std::slice::from_raw_parts(s.at.cast::<u32>(), n) });
        }
    }

    /// Writes a port from 32-bit words, lowest first; missing words are zero, bits beyond the
    /// width are dropped.
    pub fn set_words(&mut self, port: Port, words: &[u32]) {
        let s = self.slots[port.index()];
        if s.width <= 64 {
            let at = |i: usize| u64::from(words.get(i).copied().unwrap_or(0));
            self.set(port, at(0) | at(1) << 32);
        } else {
            let n = s.width.div_ceil(32) as usize;
            // SAFETY: as in `set`.
            let memory = unsafe { std::slice::from_raw_parts_mut(s.at.cast::<u32>(), n) };
            for (i, w) in memory.iter_mut().enumerate() {
                *w = words.get(i).copied().unwrap_or(0);
            }
            if !s.width.is_multiple_of(32) {
                memory[n - 1] &= (1 << (s.width % 32)) - 1;
            }
        }
    }

    /// A port's value as bytes, lowest first, into `bytes`; missing bytes are zero.
    pub fn get_bytes(&self, port: Port, bytes: &mut [u8]) {
        let mut words = vec![0; bytes.len().div_ceil(4)];
        self.get_words(port, &mut words);
        for (chunk, word) in bytes.chunks_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }

    /// Writes a port from bytes, lowest first; missing bytes are zero, bits beyond the width are dropped.
    pub fn set_bytes(&mut self, port: Port, bytes: &[u8]) {
        let word = |chunk: &[u8]| chunk.iter().rev().fold(0, |w, &b| w << 8 | u32::from(b));
        let words: Vec<u32> = bytes.chunks(4).map(word).collect();
        self.set_words(port, &words);
    }

    /// A port of more than 64 bits as a bit slice; `None` for a narrower one (use [`Model::get`]).
    pub fn bits(&self, port: Port) -> Option<&BitSlice<u32, Lsb0>> {
        let s = self.slots[port.index()];
        // SAFETY: as in `get`; the borrow of `self` keeps the model from running.
        (s.width > 64).then(|| {
            let words = unsafe { std::slice::from_raw_parts(s.at.cast::<u32>(), s.width.div_ceil(32) as usize) };
            &BitSlice::from_slice(words)[..s.width as usize]
        })
    }

    /// The same, to write.
    pub fn bits_mut(&mut self, port: Port) -> Option<&mut BitSlice<u32, Lsb0>> {
        let s = self.slots[port.index()];
        // SAFETY: as in `set`.
        (s.width > 64).then(|| {
            let words = unsafe { std::slice::from_raw_parts_mut(s.at.cast::<u32>(), s.width.div_ceil(32) as usize) };
            &mut BitSlice::from_slice_mut(words)[..s.width as usize]
        })
    }

    /// The signals and memories inside the design that can be read and written.
    pub fn variables(&mut self) -> Vec<Variable> {
        // SAFETY: `raw` is a live instance; the name lives as long as it does and is copied.
        unsafe {
            let count = (self.calls.variables)(self.raw).max(0) as u32;
            (0..count)
                .map(|i| {
                    let (mut at, mut width, mut depth) = (std::ptr::null_mut(), 0, 0);
                    let name = CStr::from_ptr((self.calls.variable)(self.raw, i, &mut at, &mut width, &mut depth));
                    Variable { name: name.to_string_lossy().into_owned(), width, depth, at }
                })
                .collect()
        }
    }

    /// Reads word `index` of a variable of this model, lowest 32 bits first.
    ///
    /// # Panics
    /// When `index` is beyond its end.
    pub fn peek(&self, variable: &Variable, index: u32) -> Vec<u32> {
        assert!(index < variable.depth, "{}: word {index} of {}", variable.name, variable.depth);
        let n = variable.bytes();
        let mut bytes = vec![0u8; n.next_multiple_of(4)];
        // SAFETY: the variable lies in the live instance and has `depth` words of `n` bytes.
        unsafe {
            let at = variable.at.cast::<u8>().add(index as usize * n);
            std::ptr::copy_nonoverlapping(at, bytes.as_mut_ptr(), n);
        }
        bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    /// Writes word `index` of a variable of this model; bits beyond its width must be zero. What depends on it follows in
    /// the next evaluation.
    ///
    /// # Panics
    /// When `index` is beyond its end, or `words` too few.
    pub fn poke(&mut self, variable: &Variable, index: u32, words: &[u32]) {
        assert!(index < variable.depth, "{}: word {index} of {}", variable.name, variable.depth);
        let n = variable.bytes();
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        assert!(bytes.len() >= n, "{}: {} bits", variable.name, variable.width);
        // SAFETY: as in `peek`; the model is not running.
        unsafe {
            let at = variable.at.cast::<u8>().add(index as usize * n);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), at, n);
        }
    }

    /// Evaluates the design with the port values as they stand.
    #[inline]
    pub fn eval(&mut self) {
        // SAFETY: `raw` is a live instance of this library.
        unsafe { (self.calls.eval)(self.raw) }
    }

    /// Dumps the present values where a trace is open, and moves time on by one.
    #[inline]
    pub fn advance(&mut self) {
        // SAFETY: as in `eval`.
        unsafe { (self.calls.advance)(self.raw) }
    }

    /// Runs `n` clock cycles in one call: `clk` high, eval, low, eval. Returns the cycles run:
    /// fewer when the design stopped.
    ///
    /// # Panics
    /// When `clk` is not one bit wide.
    pub fn run_cycles(&mut self, clk: Port, n: u64) -> u64 {
        let slot = self.slots[clk.index()];
        assert_eq!(slot.width, 1, "a clock has one bit");
        // SAFETY: as in `eval`; a one-bit port is a byte.
        unsafe { (self.calls.cycles)(self.raw, slot.at.cast(), n) }
    }

    /// Steps of time since the start: two a cycle.
    pub fn time(&self) -> u64 {
        // SAFETY: as in `eval`.
        unsafe { (self.calls.time)(self.raw) }
    }

    /// Whether the design has ended itself. `$stop`, `$finish` and failed checks never end the
    /// process.
    #[inline]
    pub fn has_stopped(&self) -> bool {
        // SAFETY: as in `eval`.
        unsafe { (self.calls.stopped)(self.raw) != 0 }
    }

    /// Why the design has ended itself.
    pub fn stop(&self) -> Option<Stop> {
        // SAFETY: as in `eval`; the text lives until the next call that changes it.
        let (how, text) = unsafe { ((self.calls.stopped)(self.raw), CStr::from_ptr((self.calls.place)(self.raw))) };
        (how != 0).then(|| Stop { finished: how == 1, text: self.library.here(text.to_string_lossy().into_owned()) })
    }

    /// What the design printed since the last call, up to 16 MiB; where that is exceeded, the last line says so.
    pub fn take_output(&mut self) -> String {
        // SAFETY: as in `stop`.
        unsafe {
            let mut length = 0;
            let text = (self.calls.text)(self.raw, &mut length);
            let text = String::from_utf8_lossy(std::slice::from_raw_parts(text, length as usize)).into_owned();
            (self.calls.clear_text)(self.raw);
            self.library.here(text)
        }
    }

    /// Begins to dump to an FST file, `depth` levels deep (0: all), or goes on with the file where it is the one that is
    /// open. Another file ends that one.
    ///
    /// # Errors
    /// [`Error::NotBuiltWith`]; [`Error::Write`] when the file cannot be written.
    pub fn trace_open(&mut self, path: &Path, depth: u32) -> Result<(), Error> {
        if !self.library.trace {
            return Err(Error::NotBuiltWith { feature: "tracing", method: "trace(true)" });
        }
        let text = writable(path)?;
        let depth = if depth == 0 { 99 } else { depth as c_int };
        // SAFETY: as in `eval`; the path is copied by the callee.
        match unsafe { (self.calls.trace_open)(self.raw, text.as_ptr(), depth) } {
            1 => Ok(()),
            _ => Err(Error::Write { path: path.into(), source: std::io::Error::other("the FST writer refused it") }),
        }
    }

    /// Stops dumping until [`Model::trace_open`] is called again; what was dumped is on disk.
    pub fn trace_pause(&mut self) {
        // SAFETY: as in `eval`.
        unsafe { (self.calls.trace_pause)(self.raw) }
    }

    /// Writes coverage data, the counts of each instance of a module by themselves.
    ///
    /// # Errors
    /// [`Error::NotBuiltWith`]; [`Error::Write`] when the file cannot be written.
    pub fn write_coverage(&mut self, path: &Path) -> Result<(), Error> {
        if !self.library.coverage {
            return Err(Error::NotBuiltWith { feature: "coverage", method: "coverage(true)" });
        }
        let text = writable(path)?;
        // SAFETY: as in `eval`.
        unsafe { (self.calls.coverage)(self.raw, text.as_ptr()) };
        let fail = |source| Error::Write { path: path.into(), source };
        let data = std::fs::read_to_string(path).map_err(fail)?;
        std::fs::write(path, self.library.here(data)).map_err(fail)
    }

    /// Answers the DPI import `name`: arguments in order, outputs written back, result returned.
    /// An import without a handler returns 0.
    pub fn on_dpi(&mut self, name: &str, handler: impl FnMut(&mut [DpiValue]) -> DpiValue + 'static) {
        self.dpi.insert(name.into(), Box::new(handler));
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        if let Some(folder) = coverage::folder().filter(|_| self.library.coverage) {
            // A panic here would end the program: what cannot be written shows as a hole in the coverage.
            if let Err(e) = coverage::collect(self, &folder) {
                eprintln!("coverage of '{}' is lost: {e}", self.library.top());
            }
        }
        // SAFETY: the instance is freed once, with its own context current (the shim sees to it).
        unsafe { (self.calls.free)(self.raw) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_of_initial_values_is_understood_or_refused() {
        assert_eq!(parse_setting("zeros"), Some((Initial::Zeros, 0)));
        assert_eq!(parse_setting("ones"), Some((Initial::Ones, 0)));
        assert_eq!(parse_setting("random:7"), Some((Initial::Random, 7)));
        for wrong in ["zero", "zeros:1", "random:", "random:x", "7"] {
            assert_eq!(parse_setting(wrong), None, "{wrong}");
        }
    }
}
