// SPDX-License-Identifier: Apache-2.0
//! The RTL behind a host transport.

use crate::Part;
use crate::device::{Device, Pulse};
use crate::watch::Watch;
use crate::wave::Wave;
use crate::writes::Writes;
use harness::axi::{LiteError, LiteMaster, Response, StreamSink, StreamSource};
use harness::verilated::{self, Spec, Variable};
use harness::{Clock, Origin, Pause, Signal, Sim, SimError, TraceWindow};
use std::cell::RefCell;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use systole_files::{FileError, LockError};
use systole_host::{HostError, Port, Transport, boxed};
use systole_isa::Config;
use thiserror::Error;

/// What can go wrong around a chip in simulation.
#[derive(Error)]
pub enum ChipError {
    /// The model cannot be built.
    #[error(transparent)]
    Model(#[from] verilated::Error),
    /// The simulation ended badly.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// The RRAM part's file.
    #[error("{0}")]
    Part(String),
    /// The RRAM part's file is in use.
    #[error(transparent)]
    Busy(LockError),
    /// The file of a wave.
    #[error(transparent)]
    Wave(#[from] FileError),
    /// The driver's error.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// As it is displayed: `unwrap` shows it as it is meant to be read.
impl std::fmt::Debug for ChipError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// How a chip is simulated.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Seed of random streams; 0 is taken as 1.
    pub seed: u64,
    /// Window of an FST trace; the model is then built with tracing.
    pub trace: Option<TraceWindow>,
    /// Probability of a pause in a cycle on each stream.
    pub pause: f64,
    /// Registers and memories of the RRAM's controller can be read and written (`sim/chip/device/upsets.vlt`), and the design's checks do not
    /// stop it: for upsets. Slow.
    pub upsets: bool,
    /// Takes what the core writes in each run, for lockstep with the instruction-level model.
    pub writes: Option<Writes>,
    /// The RRAM part behind the device model; without one, block RAM that always takes its words.
    pub part: Option<Part>,
    /// Where a board is, for what runs on one instead.
    pub port: Option<Port>,
    /// Folder of a netlist (`scripts/netlist.sh`) that is simulated in the RTL's place.
    pub netlist: Option<PathBuf>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap_or_else(|_| PathBuf::from("."))
}

/// The environment variable with a folder that takes the place of `rtl/`: a copy with mutants (docs/mutation.md).
pub const RTL_FOLDER: &str = "SYSTOLE_RTL";

/// A path from the root of the project, in the copy of `rtl/` where one takes its place.
fn rtl(path: &str) -> PathBuf {
    match (path.strip_prefix("rtl/"), std::env::var_os(RTL_FOLDER)) {
        (Some(inside), Some(folder)) => PathBuf::from(folder).join(inside),
        _ => root().join(path),
    }
}

/// The Verilog files of the chip, and their include folders, from `rtl/systole.f`.
///
/// # Errors
/// The I/O error, where the list cannot be read.
pub fn source_list() -> std::io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    read_list(&rtl("rtl/systole.f"))
}

/// The same with what stands around the chip on a board, from `rtl/systole_board.f`.
///
/// # Errors
/// As [`source_list`].
pub fn board_source_list() -> std::io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    read_list(&rtl("rtl/systole_board.f"))
}

/// The files and include folders of a list: a path a line from the list's folder, `+incdir+DIR`, `-F LIST`, `//`. What lies beside
/// `rtl/` is the project's, also where a copy takes the place of `rtl/`.
fn read_list(list: &Path) -> std::io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let text = std::fs::read_to_string(list)?;
    let place = |path: &str| match path.strip_prefix("../") {
        Some(beside) => root().join(beside),
        None => list.with_file_name(path),
    };
    let (mut sources, mut includes) = (vec![], vec![]);
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//")) {
        if let Some(dir) = line.strip_prefix("+incdir+") {
            includes.push(place(dir));
        } else if let Some(list) = line.strip_prefix("-F ") {
            let (more, dirs) = read_list(&place(list))?;
            sources.extend(more);
            includes.extend(dirs);
        } else {
            sources.push(place(line));
        }
    }
    Ok((sources, includes))
}

/// The same for a technology: a file in `rtl/TECHNOLOGY` takes the place of the one of its name.
///
/// # Errors
/// As [`source_list`].
pub fn source_list_for(technology: &str) -> std::io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let folder = rtl(&format!("rtl/{technology}"));
    let (mut sources, includes) = source_list()?;
    for path in &mut sources {
        let special = path.file_name().map(|name| folder.join(name)).filter(|special| special.is_file());
        *path = special.unwrap_or(std::mem::take(path));
    }
    Ok((sources, includes))
}

/// Where coverage is measured, cells and lanes that there are many of and that have benches of their own are not counted inside of
/// a chip: that would be most of its points, and take most of its time.
fn counted(spec: Spec) -> Spec {
    // (An argument: it must be read before the files that it is about.)
    if std::env::var_os("HARNESS_COVERAGE").is_some() {
        spec.argument(root().join("verif/coverage.vlt").display().to_string())
    } else {
        spec
    }
}

/// What to build for a configuration.
///
/// # Errors
/// [`verilated::Error::Source`] where the RTL is not there.
pub fn spec(config: &Config) -> Result<Spec, verilated::Error> {
    let (sources, includes) = source_list().map_err(|source| verilated::Error::Source { path: rtl("rtl/systole.f"), source })?;
    let mut spec =
        Spec::new("systole_top").sources(sources).parameter("CONFIG", config.id).parameter("WEIGHT_BEATS", config.weight_beats);
    for dir in includes {
        spec = spec.include_dir(dir);
    }
    Ok(counted(sizes(spec, config)))
}

/// What to build for a netlist of the chip, in the folder that `scripts/netlist.sh` made of it: `files.f` names the netlist and
/// what its cells do.
///
/// # Errors
/// [`verilated::Error::Source`] where a file is not there.
pub fn netlist_spec(folder: &Path) -> Result<Spec, verilated::Error> {
    netlist_spec_of("systole_top", folder)
}

/// The same for the netlist of a module of the chip.
///
/// # Errors
/// [`verilated::Error::Source`] where a file is not there.
pub fn netlist_spec_of(top: &str, folder: &Path) -> Result<Spec, verilated::Error> {
    let list = folder.join("files.f");
    let (sources, includes) = read_list(&list).map_err(|source| verilated::Error::Source { path: list, source })?;
    for path in &sources {
        std::fs::metadata(path).map_err(|source| verilated::Error::Source { path: path.clone(), source })?;
    }
    // A netlist is not written for readers: nobody mends its widths.
    let spec = Spec::new(top).sources(sources).argument("-Wno-lint").argument("-Wno-fatal");
    Ok(includes.into_iter().fold(spec, Spec::include_dir))
}

/// Byte of the simulated board's flash from which on it boots.
pub const BOOT_AT: u64 = 0x20_0000;

/// What to build for the chip behind a serial line of so many cycles a bit (docs/board.md). A board's tops know a
/// configuration by its number alone; sizes of one's own go into the header.
///
/// # Errors
/// As [`spec`].
pub fn board_spec(config: &Config, divisor: u64) -> Result<Spec, verilated::Error> {
    let list = rtl("rtl/systole_board.f");
    let (sources, includes) = board_source_list().map_err(|source| verilated::Error::Source { path: list, source })?;
    let spec = Spec::new("systole_board").sources(sources).parameter("DIVISOR", divisor).parameter("LIMIT", 14);
    let spec = spec.parameter("BOOT", 1).parameter("BOOT_AT", BOOT_AT);
    let named = systole_isa::config::CONFIGS.iter().any(|c| c == config);
    let sizes = config.parameters().into_iter().filter(|_| !named);
    let id = if named { config.id } else { systole_isa::config::OWN };
    let spec =
        sizes.fold(spec.parameter("CONFIG", id), |spec, (name, value, _)| spec.define(format!("SYSTOLE_OWN_{name}"), value));
    Ok(counted(includes.into_iter().fold(spec, Spec::include_dir)))
}

/// The same with the device model behind the RRAM macros.
///
/// # Errors
/// As [`spec`].
pub fn spec_with_device(config: &Config) -> Result<Spec, verilated::Error> {
    let (mut sources, includes) =
        source_list().map_err(|source| verilated::Error::Source { path: rtl("rtl/systole.f"), source })?;
    let special = root().join("sim/chip/device/systole_rram_macro.v");
    sources.iter_mut().filter(|s| s.file_name() == special.file_name()).for_each(|s| *s = special.clone());
    let mut spec =
        Spec::new("systole_top").sources(sources).parameter("CONFIG", config.id).parameter("WEIGHT_BEATS", config.weight_beats);
    for dir in includes {
        spec = spec.include_dir(dir);
    }
    Ok(counted(sizes(spec, config)))
}

/// The planes of a macro in the model: what its cells read as at each reference.
type MacroPlanes = [Variable; 5];

/// A device in a simulation.
#[derive(Clone)]
struct Cells {
    device: Rc<RefCell<Device>>,
    rows: Rc<Vec<MacroPlanes>>,
}

impl Cells {
    /// Puts the device behind the macros of a simulation, in which a pulse lasts so many cycles.
    fn attach(sim: &Sim, device: Rc<RefCell<Device>>, pulse_cycles: u32) -> Result<Cells, String> {
        let rows = sim.with_model(|model| {
            let all = model.variables();
            let find = |row: usize, plane: &str| {
                all.iter()
                    .find(|v| v.name.contains(&format!("g_row[{row}].")) && v.name.ends_with(&format!(".u_rram.{plane}")))
                    .cloned()
                    .ok_or_else(|| format!("row {row} has no '{plane}': the model was built without the device"))
            };
            let mut rows = vec![];
            while all.iter().any(|v| v.name.contains(&format!("g_row[{}].", rows.len()))) {
                let row = rows.len();
                model.poke(&find(row, "pulse_cycles")?, 0, &[pulse_cycles]);
                rows.push([
                    find(row, "normal")?,
                    find(row, "strong_1")?,
                    find(row, "strong_0")?,
                    find(row, "verify_1")?,
                    find(row, "verify_0")?,
                ]);
            }
            let pulsed = device.clone();
            model.on_dpi("systole_rram_pulse", move |a| {
                let (row, address, part) = (a[0] as u32, a[1] as u32, a[2] as u32);
                let mut device = pulsed.borrow_mut();
                let pulse = Pulse { part, reset: a[3] != 0, level: a[4] as u32, mask: a[6], cut: a[5] != 0 };
                device.pulse(row, address, pulse);
                for (out, plane) in a[7..12].iter_mut().zip(device.planes(row, address)) {
                    *out = plane[part as usize];
                }
                0
            });
            Ok::<_, String>(rows)
        })?;
        let cells = Cells { device, rows: Rc::new(rows) };
        cells.show_all(sim); // what was never pulsed reads 0, and the model's memories hold anything
        Ok(cells)
    }

    /// Writes how every sub-word reads into the macros.
    fn show_all(&self, sim: &Sim) {
        let rows = self.rows.iter().enumerate();
        let words: Vec<(u32, u32)> =
            rows.flat_map(|(row, planes)| (0..planes[0].depth).map(move |address| (row as u32, address))).collect();
        self.show(sim, &words);
    }

    /// Writes how these sub-words read into the macros.
    fn show(&self, sim: &Sim, words: &[(u32, u32)]) {
        let device = self.device.borrow();
        sim.with_model(|model| {
            for &(row, address) in words {
                for (variable, plane) in self.rows[row as usize].iter().zip(device.planes(row, address)) {
                    let halves: Vec<u32> = plane.iter().flat_map(|&w| [w as u32, (w >> 32) as u32]).collect();
                    model.poke(variable, address, &halves);
                }
            }
        });
    }
}

/// Parameters in which a configuration differs from the named one of its number.
fn sizes(spec: Spec, config: &Config) -> Spec {
    let named = systole_isa::config::CONFIGS.iter().find(|c| c.id == config.id);
    config.parameters().iter().filter(|p| p.0 != "WEIGHT_BEATS").fold(spec, |spec, &(name, value, _)| {
        let same = named.is_some_and(|n| n.parameters().iter().any(|p| p.0 == name && p.1 == value));
        if same { spec } else { spec.parameter(name, value) }
    })
}

/// Registers by AXI4-Lite, frames and image by AXI4-Stream, on the simulated chip.
pub struct RtlTransport {
    sim: Sim,
    clock: Clock,
    registers: LiteMaster,
    image: StreamSource,
    input: StreamSource,
    output: StreamSink,
    irq: Signal,
    cells: Option<Cells>,
    watch: Rc<RefCell<Watch>>,
}

/// Cycles an AXI4-Lite access may take.
const ACCESS_LIMIT: u64 = 1000;

impl RtlTransport {
    /// Resets the chip in a simulation of `systole_top` and connects to it: before the reset its outputs may say anything.
    pub fn reset(sim: &Sim, pause: f64) -> impl Future<Output = RtlTransport> {
        boxed(async move {
            let clock = sim.clock("clk_i");
            reset_pulse(sim, &clock).await;
            let pauses = |name: &str| if pause > 0.0 { Pause::random(pause, sim.random(name)) } else { Pause::Never };
            let watch = Rc::new(RefCell::new(Watch::default()));
            let mut registers = LiteMaster::new(&clock, "s_axil_", ACCESS_LIMIT);
            if harness::cover::recording() {
                let watch = watch.clone();
                registers.watch(move |access, address, data, response| {
                    watch.borrow_mut().access(access, address as u32, data as u32, response == Response::Okay);
                });
            }
            RtlTransport {
                registers,
                watch,
                image: StreamSource::new(&clock, "s_axis_img_", pauses("img")),
                input: StreamSource::new(&clock, "s_axis_in_", pauses("in")),
                output: StreamSink::new(&clock, "m_axis_out_", pauses("out")),
                irq: sim.signal("irq_o"),
                cells: None,
                clock: clock.clone(),
                sim: sim.clone(),
            }
        })
    }

    /// Resets the chip, as if power had come back: what is not in RRAM counts as lost, and a frame that had come in part too.
    pub fn power_cycle(&self) -> impl Future<Output = ()> {
        boxed(async move {
            self.registers.abort();
            self.image.abort();
            self.input.abort();
            reset_pulse(&self.sim, &self.clock).await;
            self.output.abort();
        })
    }

    /// Does something to the RRAM cells (time, heat, faults); what changed is read by the chip from now on. `None` on block RAM.
    pub fn with_cells<T>(&self, job: impl FnOnce(&mut Device) -> T) -> Option<T> {
        let cells = self.cells.as_ref()?;
        let value = job(&mut cells.device.borrow_mut());
        let changed = cells.device.borrow_mut().take_changed();
        cells.show(&self.sim, &changed);
        Some(value)
    }

    /// Makes the macros read what the cells are now, all of them.
    pub fn show_all(&self) {
        if let Some(cells) = &self.cells {
            cells.show_all(&self.sim);
        }
    }

    /// The chip's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The simulation.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// The register bus, for accesses the driver has no verb for.
    pub fn registers(&mut self) -> &mut LiteMaster {
        &mut self.registers
    }

    /// The input stream.
    pub fn input(&self) -> &StreamSource {
        &self.input
    }
}

async fn reset_pulse(sim: &Sim, clock: &Clock) {
    let rst = sim.signal("rst_i");
    rst.set(1);
    clock.cycles(4).await;
    rst.set(0);
    clock.cycles(2).await;
}

fn host_error(e: LiteError) -> HostError {
    HostError::Transport(e.to_string())
}

impl Transport for RtlTransport {
    fn read(&mut self, offset: u32) -> impl Future<Output = Result<u32, HostError>> {
        boxed(async move {
            match self.registers.read_with(offset.into()).await.map_err(host_error)? {
                (data, Response::Okay) => Ok(data as u32),
                _ => Err(HostError::Refused { offset, access: "read" }),
            }
        })
    }

    fn write(&mut self, offset: u32, value: u32) -> impl Future<Output = Result<(), HostError>> {
        boxed(async move {
            match self.registers.write_with(offset.into(), value.into(), 0xf, 0).await.map_err(host_error)? {
                Response::Okay => Ok(()),
                _ => Err(HostError::Refused { offset, access: "write" }),
            }
        })
    }

    fn send_image(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), HostError>> {
        let bytes = bytes.to_vec();
        boxed(async move {
            let limit = 1_000_000 + 10_000 * bytes.len() as u64; // RRAM takes its time
            self.watch.borrow_mut().upload(&bytes);
            self.image.send(bytes);
            let sent = self.sim.timeout(&self.clock, limit, "the image stream", self.image.drained()).await;
            sent.map_err(|e| HostError::Transport(e.to_string()))?;
            // The last words are still on their way through the chip's register slice.
            self.clock.cycles(100).await;
            Ok(())
        })
    }

    fn queue_frame(&mut self, frame: Vec<u8>) -> impl Future<Output = Result<(), HostError>> {
        boxed(async move {
            self.input.send(frame);
            Ok(())
        })
    }

    fn receive_frame(&mut self, limit: u64) -> impl Future<Output = Result<Vec<u8>, HostError>> {
        boxed(async move { self.output.receive(limit + 1_000_000).await.map_err(|e| HostError::Transport(e.to_string())) })
    }

    fn pause(&mut self, cycles: u64) -> impl Future<Output = Result<u64, HostError>> {
        boxed(async move {
            self.clock.cycles(cycles).await;
            Ok(cycles)
        })
    }

    fn wait_irq(&mut self, limit: u64) -> impl Future<Output = Result<bool, HostError>> {
        boxed(async move {
            // Looking every 16 cycles costs the simulation less than a task on every edge.
            for _ in 0..=limit / 16 {
                if self.irq.is_high() {
                    return Ok(true);
                }
                self.clock.cycles(16).await;
            }
            Ok(self.irq.is_high())
        })
    }
}

/// Where a wave counts its cycles from the launch of the first run: cycle 0 of it is the first in which the chip's lights say that a run
/// is on.
pub fn from_launch() -> Origin {
    Origin::Bit("state_o".into(), 1)
}

/// A window in which nothing was: the file is not there, or is the one of a run before.
fn warn_of_nothing(window: &TraceWindow) {
    let (path, from) = (window.path.display(), window.from);
    let counted = if window.origin == Origin::Start { "reset" } else { "the launch of the first run" };
    eprintln!("warning: nothing was recorded in {path}: the simulation ended before cycle {from} from {counted}");
}

/// Builds the chip (or takes it from the cache), resets it and runs `job` with its transport.
///
/// # Errors
/// [`ChipError`]; the job's own result is inside.
pub fn run_chip<T, F>(config: &Config, options: &Options, job: impl FnOnce(RtlTransport) -> F + 'static) -> Result<T, ChipError>
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    let spec = match (&options.netlist, &options.part) {
        (Some(_), Some(_)) => return Err(ChipError::Part("a netlist has block RAM: run it without a part".into())),
        (Some(folder), None) => netlist_spec(folder)?,
        (None, None) => spec(config)?,
        (None, Some(_)) => spec_with_device(config)?,
    };
    // The part's lock is held from here to the end.
    let (device, file) = match &options.part {
        None => (None, None),
        Some(part) => {
            let (device, file) = part.open(config)?;
            (Some(Rc::new(RefCell::new(device))), Some(file))
        }
    };
    let spec = if options.upsets { spec.source(root().join("sim/chip/device/upsets.vlt")).define("SYNTHESIS", "") } else { spec };
    let spec = if options.writes.is_some() { spec.source(root().join("sim/chip/device/writes.vlt")) } else { spec };
    let (window, wave) = options.trace.clone().map(Wave::of).transpose()?.unzip();
    let spec = if options.trace.is_some() { spec.define("SYSTOLE_WAVES", "") } else { spec };
    let library = spec.trace(options.trace.is_some()).build()?;
    let pulse_cycles = options.part.as_ref().map_or(0, |part| part.pulse_cycles);
    let (pause, behind, writes) = (options.pause, device.clone(), options.writes.clone());
    let run = harness::run(&library, options.seed.max(1), window, move |sim| async move {
        let cells = behind.map(|device| Cells::attach(&sim, device, pulse_cycles).unwrap_or_else(|e| panic!("{e}")));
        let mut transport = RtlTransport::reset(&sim, pause).await;
        if let Some(writes) = writes {
            writes.watch(&sim, transport.clock.clone()).unwrap_or_else(|e| panic!("{e}"));
        }
        transport.cells = cells;
        job(transport).await
    });
    if let (Some(wave), Some(window)) = (wave, &options.trace)
        && !wave.finish()?
    {
        warn_of_nothing(window);
    }
    let run = run?;
    if let (Some(device), Some(file)) = (device, file) {
        file.save(&device.borrow())?;
    }
    Ok(run.value)
}
