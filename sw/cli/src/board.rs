// SPDX-License-Identifier: Apache-2.0
//! `systole board`: from the line to a network, step by step; what a board does by itself when power comes; and a simulated
//! board behind a pseudo-terminal.

use crate::{output, sizes};
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use systole_backends::board::{Noise, Pty, build, record_boot, simulate};
use systole_compiler::compile;
use systole_host::{BoardTransport, Driver, Line, Port, SerialLine, Transport};
use systole_isa::Image;
use systole_isa::board::{BAUD, BOOT_MAGIC, BOOT_NUMBER, Deframer, RESULTS};
use systole_isa::regs::offset;
use systole_workloads::{digits, random};

/// `systole board`.
#[derive(Args)]
pub struct BoardArgs {
    #[command(subcommand)]
    verb: BoardVerb,
}

#[derive(Subcommand)]
enum BoardVerb {
    /// Walk from the line to a network, and say what is wrong and what to try
    Check(CheckArgs),
    /// Write what a board does when power comes, for its flash: load a network, and run it (make fpga-image)
    Boot(BootArgs),
    /// Print what a board says while it boots from its flash: start this, then give the board power
    Listen(ListenArgs),
    /// Run rtl/board in Verilator behind a pseudo-terminal, whose name is printed; ends with Ctrl-C
    Simulate(SimulateArgs),
}

#[derive(Args)]
struct CheckArgs {
    /// Serial port of the board
    #[arg(long, value_name = "PORT", default_value = "/dev/ttyUSB0")]
    port: String,
    /// Bits a second, as the bitstream was made
    #[arg(long, value_name = "BITS", default_value_t = BAUD)]
    baud: u32,
}

#[derive(Args)]
struct BootArgs {
    /// digits, digits-cnn, an image (systole compile MODEL.onnx -o M.img) or a model in ONNX
    network: String,
    #[arg(long, default_value = "nano", help = sizes::help())]
    config: String,
    /// Run so many of the digits' images behind the load
    #[arg(long, value_name = "N", default_value_t = 0)]
    images: usize,
    /// The file for the flash
    #[arg(long, short, value_name = "F.bin")]
    output: PathBuf,
}

#[derive(Args)]
struct ListenArgs {
    #[command(flatten)]
    port: CheckArgs,
    /// The first N bytes of an output are classes: print the most likely one
    #[arg(long, value_name = "N")]
    classes: Option<usize>,
    /// End when nothing was said for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    seconds: f64,
}

#[derive(Args)]
struct SimulateArgs {
    #[arg(long, default_value = "tiny", help = sizes::help())]
    config: String,
    /// Probability that a byte on the line is damaged, lost or doubled, in either direction
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    noise: f64,
    /// What stands in the board's flash (systole board boot)
    #[arg(long, value_name = "F.bin")]
    flash: Option<PathBuf>,
    /// Seed of the noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// `systole board ..`.
pub fn board(args: &BoardArgs) -> Result<bool> {
    match &args.verb {
        BoardVerb::Check(a) => {
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            runtime.block_on(check(&Port { path: a.port.clone(), baud: a.baud }))
        }
        BoardVerb::Boot(a) => boot(a),
        BoardVerb::Listen(a) => listen(a),
        BoardVerb::Simulate(a) => {
            ensure!((0.0..1.0).contains(&a.noise), "--noise {}: a probability from 0 to below 1", a.noise);
            let flash = a.flash.as_deref().map(boot_file).transpose()?.unwrap_or_default();
            let library = build(&sizes::configuration(&a.config, None, None)?)?;
            let pty = Pty::new()?;
            output::print(&format!("a board with {} at {}", a.config, pty.name));
            std::io::stdout().flush()?;
            let names = ["awake", "running", "poison", "error"];
            simulate(&library, a.seed, Noise { bytes: a.noise, restart: None }, flash, pty, move |lights| {
                let on: Vec<&str> = (0..4).filter(|i| lights >> i & 1 == 1).map(|i| names[i]).collect();
                output::print(&format!("lights: {}", if on.is_empty() { "none".into() } else { on.join(", ") }));
            })?;
            Ok(true)
        }
    }
}

/// A file that [`boot`] wrote.
fn boot_file(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let length = bytes.get(4..8).map(|l| l.iter().rev().fold(0, |v, &b| v << 8 | usize::from(b)));
    ensure!(
        bytes.starts_with(&BOOT_MAGIC.to_le_bytes()) && length == Some(bytes.len() - 8),
        "{}: no file of systole board boot, or only a part of one",
        path.display()
    );
    Ok(bytes)
}

/// The network's image, and the frames that it runs.
fn work(args: &BootArgs) -> Result<(Image, Vec<Vec<u8>>)> {
    let config = sizes::configuration(&args.config, None, None)?;
    let cnn = args.network == "digits-cnn";
    if args.network == "digits" || cnn {
        let set = digits::load()?;
        ensure!(args.images <= set.images.len(), "--images {}: there are {}", args.images, set.images.len());
        let (graph, inputs) =
            if cnn { digits::load_cnn(&set).map(|n| (n.0, n.1))? } else { (set.network.graph()?, set.images.clone()) };
        let image = compile(&graph, &config, &Default::default())?.image;
        let frame = |input: &Vec<i8>| {
            let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
            image.input.pack(&values, image.in_bytes as usize)
        };
        let frames = inputs[..args.images].iter().map(frame).collect();
        return Ok((image, frames));
    }
    ensure!(args.images == 0, "--images runs digits; {} is loaded, and waits for its inputs", args.network);
    let path = Path::new(&args.network);
    ensure!(path.is_file(), "there is no network or file '{}'; give digits, digits-cnn, an image or an ONNX model", args.network);
    if path.extension().is_some_and(|e| e == "onnx") {
        let graph = systole_compiler::place_tables(&crate::onnx::load(path)?, &config, Default::default())?;
        return Ok((compile(&graph, &config, &Default::default()).with_context(|| path.display().to_string())?.image, vec![]));
    }
    let image = Image::from_bytes(&std::fs::read(path)?).with_context(|| path.display().to_string())?;
    image.check_machine(&config)?;
    Ok((image, vec![]))
}

fn boot(args: &BootArgs) -> Result<bool> {
    crate::output::check_writable(&Some(args.output.clone()))?;
    let config = sizes::configuration(&args.config, None, None)?;
    let (image, frames) = work(args)?;
    let place = if config.rram_ctrl { "written into RRAM and woken" } else { "loaded" };
    let (file, requests, runs) = record_boot(&config, image, frames)?;
    output::write_file(&args.output, &file)?;
    output::print(&format!(
        "{}: {} for {} is {place} by {requests} requests, {} bytes; then {} runs{}",
        args.output.display(),
        args.network,
        config.label(),
        output::grouped(file.len() as u64),
        runs.len(),
        runs.first().map_or(String::new(), |r| format!(" of {} cycles", r.cycles)),
    ));
    Ok(true)
}

/// An output frame as a person reads it: int8, and the class that it means.
fn values(bytes: &[u8], classes: Option<usize>) -> String {
    let values: Vec<i8> = bytes.iter().take(classes.unwrap_or(usize::MAX)).map(|&b| b as i8).collect();
    let largest = values.iter().enumerate().rev().max_by_key(|v| v.1).filter(|_| classes.is_some());
    format!("{values:?}{}", largest.map_or(String::new(), |v| format!(" says {}", v.0)))
}

fn listen(args: &ListenArgs) -> Result<bool> {
    let mut line = SerialLine::open(&args.port.port, args.port.baud)?;
    output::print(&format!("listening at {}; give the board power, or press its reset", line.name()));
    std::io::stdout().flush()?;
    let (mut deframer, mut buffer, mut heard) = (Deframer::default(), [0; 512], Instant::now());
    let (mut answers, mut others, mut bytes, mut frame) = (0, 0, 0, vec![]);
    while heard.elapsed().as_secs_f64() < args.seconds {
        let n = line.receive(&mut buffer, Duration::from_millis(100))?;
        bytes += n;
        for body in buffer[..n].iter().filter_map(|&b| deframer.push(b)).filter(|b| b.len() >= 2) {
            heard = Instant::now();
            if body[0] != BOOT_NUMBER {
                others += 1;
                continue;
            }
            answers += 1;
            let result = RESULTS.get(usize::from(body[1])).copied().unwrap_or("an unknown result");
            ensure!(
                result == "DONE",
                "request {answers} of the boot was answered {result}: the bitstream is of another configuration or version than the \
                 file in the flash (make fpga-image), or the flash is damaged"
            );
            // Only OUTPUT answers with flags and more.
            if body.len() > 3 {
                frame.extend(&body[3..]);
                if body[2] & 1 == 1 {
                    output::print(&format!("  output {}", values(&std::mem::take(&mut frame), args.classes)));
                }
            }
        }
    }
    output::print(&format!(
        "{answers} requests of the boot were heard; systole board boot says how many there are: fewer, with the error light on, is a damaged flash"
    ));
    if answers == 0 {
        bail!(
            "no boot was heard ({bytes} bytes, {others} answers to a host): is the file in the flash (make prog-flash), and did the \
             board begin anew while this listened?"
        );
    }
    Ok(true)
}

/// Link, identity, registers, memories, network: the first that fails ends it.
async fn check(port: &Port) -> Result<bool> {
    let step = |name: &str, found: String| output::print(&format!("  {name:<12} {} {found}", output::good("ok")));
    output::print(&format!("board at {}, {} bits a second", port.path, port.baud));
    let line = SerialLine::open(&port.path, port.baud)?;
    step("port", "opened".into());
    let board = BoardTransport::connect(line)?;
    step("link", "frames come and go; the chip was reset".into());
    let mut driver = Driver::connect(board).await.context("the chip behind the line is not the one of this software")?;
    let config = driver.config().clone();
    step("chip", format!("{}, fingerprint {:08x}", config.label(), systole_isa::fingerprint()));
    for value in [0, u32::MAX, 0x5555_aaaa, 0x1234_5678] {
        driver.transport().write(offset("SCRATCH"), value).await?;
        let found = driver.transport().read(offset("SCRATCH")).await?;
        ensure!(
            found == value,
            "register SCRATCH gives {found:#010x} where {value:#010x} was written: timing? make fpga with a lower MHZ"
        );
    }
    step("registers", "four patterns written and read".into());
    driver.wait_rram().await?;
    let rram = if config.rram_ctrl {
        let awake = driver.rram_status().await?.awake;
        awake.map_or("holds no image".into(), |crc| format!("image {crc:08x} is awake"))
    } else {
        "none (RRAM_CTRL = 0): images are loaded".into()
    };
    step("RRAM", rram);
    let (network, input) = random::gemm(7, 5, 40, 3 * config.cols as usize, false);
    let compiled = systole_compiler::compile(&network.graph()?, &config, &Default::default())?;
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = compiled.image.input.pack(&values, compiled.image.in_bytes as usize);
    let mut machine = systole_golden::Machine::new(config);
    machine.load_image(&compiled.image)?;
    let expected = machine.run(&frame)?;
    driver.load(&compiled.image).await.context("loading the self-test network")?;
    step("memories", "every section of the self-test network was taken".into());
    for _ in 0..4 {
        let run = driver.run(&frame).await.context("running the self-test network")?;
        ensure!(
            run.frame == expected.frame,
            "the self-test network gives other results than the model: a timing fault? Compare Fmax in the report of make fpga with the board's clock"
        );
        ensure!(run.cycles == compiled.cycles, "the self-test network takes {} cycles, not {}", run.cycles, compiled.cycles);
    }
    step("network", format!("4 runs equal the model, {} cycles each, as predicted", compiled.cycles));
    let counts = driver.transport().counts;
    step("line", format!("{} requests, {} sent again", counts.requests, counts.repeated));
    Ok(true)
}
