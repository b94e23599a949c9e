// SPDX-License-Identifier: Apache-2.0
//! One driver, two machines: RTL in Verilator, or the instruction-level model.

use crate::model_transport::ModelTransport;
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;
use systole_chip::RtlTransport;
use systole_chip::device::Device;
use systole_host::{BoardTransport, Driver, HostError, Run, RunOutput, SerialLine, Transport, Wake, boxed};
use systole_isa::{Config, Image};

/// What an image runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The Verilog, compiled by Verilator.
    Rtl,
    /// The instruction-level model: same results, same cycles.
    Model,
    /// A board behind a serial line.
    Board,
}

impl Backend {
    /// What it is called in reports.
    pub fn label(self) -> &'static str {
        match self {
            Backend::Rtl => "RTL in Verilator",
            Backend::Model => "instruction-level model",
            Backend::Board => "board",
        }
    }
}

/// The results of a series of runs.
#[derive(Debug, Clone)]
pub struct RunSet {
    /// Every run, in order.
    pub outputs: Vec<RunOutput>,
    /// Machine cycles that passed while running, host I/O included where it is simulated.
    pub cycles: u64,
    /// How often each event happened in them, by number.
    pub events: Vec<u64>,
    /// Wall time of the runs in seconds, without building and loading.
    pub seconds: f64,
}

/// The one machine or the other behind a driver.
pub enum AnyTransport {
    /// The Verilog.
    Rtl(Box<RtlTransport>),
    /// The instruction-level model.
    Model(Box<ModelTransport>),
    /// A board.
    Board(Box<BoardTransport<SerialLine>>),
}

macro_rules! either {
    ($self:ident, $t:ident => $call:expr) => {
        match $self {
            AnyTransport::Rtl($t) => $call,
            AnyTransport::Model($t) => $call,
            AnyTransport::Board($t) => $call,
        }
    };
}

impl Transport for AnyTransport {
    fn read(&mut self, offset: u32) -> impl Future<Output = Result<u32, HostError>> {
        boxed(async move { either!(self, t => t.read(offset).await) })
    }

    fn write(&mut self, offset: u32, value: u32) -> impl Future<Output = Result<(), HostError>> {
        boxed(async move { either!(self, t => t.write(offset, value).await) })
    }

    fn send_image(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), HostError>> {
        let bytes = bytes.to_vec();
        boxed(async move { either!(self, t => t.send_image(&bytes).await) })
    }

    fn queue_frame(&mut self, frame: Vec<u8>) -> impl Future<Output = Result<(), HostError>> {
        boxed(async move { either!(self, t => t.queue_frame(frame).await) })
    }

    fn receive_frame(&mut self, limit: u64) -> impl Future<Output = Result<Vec<u8>, HostError>> {
        boxed(async move { either!(self, t => t.receive_frame(limit).await) })
    }

    fn pause(&mut self, cycles: u64) -> impl Future<Output = Result<u64, HostError>> {
        boxed(async move { either!(self, t => t.pause(cycles).await) })
    }

    fn wait_irq(&mut self, limit: u64) -> impl Future<Output = Result<bool, HostError>> {
        boxed(async move { either!(self, t => t.wait_irq(limit).await) })
    }
}

impl AnyTransport {
    /// Cycles since the simulation began; model and board have none.
    pub fn cycle(&self) -> u64 {
        match self {
            AnyTransport::Rtl(t) => t.sim().cycle(),
            AnyTransport::Model(_) | AnyTransport::Board(_) => 0,
        }
    }

    /// Power goes and comes back, or reset does: the cells stay.
    ///
    /// # Errors
    /// [`HostError::Line`] of a board.
    pub async fn power_cycle(&mut self) -> Result<(), HostError> {
        match self {
            AnyTransport::Rtl(t) => t.power_cycle().await,
            AnyTransport::Model(t) => t.power_cycle(),
            AnyTransport::Board(t) => t.reset()?,
        }
        Ok(())
    }

    /// Does something to the RRAM cells, where there is a part.
    pub fn with_cells<T>(&mut self, job: impl FnOnce(&mut Device) -> T) -> Option<T> {
        match self {
            AnyTransport::Rtl(t) => t.with_cells(job),
            AnyTransport::Model(t) => t.rram().map(|r| job(&mut r.device)),
            AnyTransport::Board(_) => None,
        }
    }
}

/// Runs a job with a driver on a machine that was just switched on; the RRAM part's file is written when it ends.
///
/// # Errors
/// Building the model, the part's file, connecting.
pub fn on_machine<T: 'static>(
    backend: Backend,
    config: &Config,
    options: &systole_chip::Options,
    job: impl AsyncFnOnce(&mut Driver<AnyTransport>) -> Result<T> + 'static,
) -> Result<T> {
    let slot = Rc::new(RefCell::new(None));
    let done = slot.clone();
    on_any(backend, config, options, Box::new(move |driver| boxed(async move { *done.borrow_mut() = Some(job(driver).await) })))?;
    let value = slot.borrow_mut().take();
    value.context("the job did not end")?
}

/// A job of one type, so that simulation and runtime are compiled here and not again for each job.
type Job = Box<dyn for<'a> FnOnce(&'a mut Driver<AnyTransport>) -> Pin<Box<dyn Future<Output = ()> + 'a>>>;

fn on_any(backend: Backend, config: &Config, options: &systole_chip::Options, job: Job) -> Result<()> {
    match backend {
        Backend::Rtl => {
            let result: Result<Result<()>, _> = systole_chip::run_chip(config, options, move |transport| async move {
                let mut driver = Driver::connect(AnyTransport::Rtl(Box::new(transport))).await?;
                driver.wait_rram().await?;
                job(&mut driver).await;
                Ok(())
            });
            result.context("RTL simulation")?
        }
        Backend::Board => {
            let port = options.port.clone().unwrap_or_default();
            let transport = BoardTransport::connect(SerialLine::open(&port.path, port.baud)?)?;
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            runtime.block_on(async {
                let mut driver = Driver::connect(AnyTransport::Board(Box::new(transport))).await?;
                // By sizes: those of one's own have no name on the board.
                let there = driver.config();
                let differ: Vec<String> = there
                    .parameters()
                    .iter()
                    .zip(config.parameters())
                    .filter(|(a, b)| a.1 != b.1)
                    .map(|(a, b)| format!("{} {} where {} was asked", a.0, a.1, b.1))
                    .collect();
                let flags = match there.name {
                    _ if there.id == systole_isa::config::OWN => "the sizes it was made with".to_string(),
                    name => format!("--config {name} --weight-beats {} --ecc {}", there.weight_beats, there.ecc.name()),
                };
                ensure!(
                    differ.is_empty(),
                    "the board at {} is {}, not {} ({}): choose it with {flags}",
                    port.path,
                    there.label(),
                    config.label(),
                    differ.join(", ")
                );
                driver.wait_rram().await?;
                job(&mut driver).await;
                Ok(())
            })
        }
        Backend::Model => {
            let (transport, file) = match &options.part {
                None => (ModelTransport::new(config), None),
                Some(part) => {
                    let (device, file) = part.open(config)?;
                    (ModelTransport::with_part(config, device), Some(file))
                }
            };
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            runtime.block_on(async {
                let mut driver = Driver::connect(AnyTransport::Model(Box::new(transport))).await?;
                job(&mut driver).await;
                if let Some(file) = file {
                    driver.transport().with_cells(|d| file.save(d)).transpose()?;
                }
                Ok(())
            })
        }
    }
}

/// Loads an image (or wakes it, where there is an RRAM part) and runs frames back to back. `progress` is told each finished
/// run.
///
/// # Errors
/// Building the model, loading, running: each says what to do.
pub fn run_frames<R: Into<Run>>(
    backend: Backend,
    config: &Config,
    image: &Image,
    frames: Vec<R>,
    options: &systole_chip::Options,
    progress: impl FnMut(usize) + 'static,
) -> Result<RunSet> {
    run_all(backend, config, image, frames.into_iter().map(Into::into).collect(), options, Box::new(progress))
}

/// Of one type, so that driver and transports are compiled here and not again for each caller.
fn run_all(
    backend: Backend,
    config: &Config,
    image: &Image,
    frames: Vec<Run>,
    options: &systole_chip::Options,
    mut progress: Box<dyn FnMut(usize)>,
) -> Result<RunSet> {
    let (image, wake) = (image.clone(), options.part.is_some());
    on_machine(backend, config, options, async move |driver| {
        let on_board = matches!(driver.transport(), AnyTransport::Board(_));
        if wake {
            driver.wake(Wake::Checked, &image).await?;
        } else if !(on_board && driver.adopt(&image).await.is_ok()) {
            // A board may be awake with this very image.
            driver.load(&image).await?;
        }
        if let AnyTransport::Model(t) = driver.transport() {
            t.prepare()?;
        }
        let (begin, first) = (Instant::now(), driver.transport().cycle());
        let before = driver.events().await?;
        let outputs = driver.run_many(frames, |n, _| progress(n)).await?;
        let events = driver.events().await?.iter().zip(before).map(|(&a, b)| u64::from(a.wrapping_sub(b))).collect();
        let cycles = match driver.transport() {
            AnyTransport::Rtl(t) => t.sim().cycle() - first,
            AnyTransport::Model(_) | AnyTransport::Board(_) => outputs.iter().map(|o| o.cycles).sum(),
        };
        Ok(RunSet { outputs, cycles, events, seconds: begin.elapsed().as_secs_f64() })
    })
}
