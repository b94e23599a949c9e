// SPDX-License-Identifier: Apache-2.0
//! `systole board`: from the line to a network, step by step; and a simulated board behind a pseudo-terminal.

use crate::{output, sizes};
use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use std::io::Write;
use systole_host::{BoardTransport, Driver, Port, SerialLine, Transport};
use systole_isa::board::BAUD;
use systole_isa::regs::offset;
use systole_verif::board::{Noise, Pty, build, simulate};
use systole_verif::random;

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
struct SimulateArgs {
    #[arg(long, default_value = "tiny", help = sizes::HELP)]
    config: String,
    /// Probability that a byte on the line is damaged, lost or doubled, in either direction
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    noise: f64,
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
        BoardVerb::Simulate(a) => {
            ensure!((0.0..1.0).contains(&a.noise), "--noise {}: a probability from 0 to below 1", a.noise);
            let library = build(&sizes::configuration(&a.config, None, None)?)?;
            let pty = Pty::new()?;
            output::print(&format!("a board with {} at {}", a.config, pty.name));
            std::io::stdout().flush()?;
            let names = ["awake", "running", "poison", "error"];
            simulate(&library, a.seed, Noise { bytes: a.noise, restart: None }, pty, move |lights| {
                let on: Vec<&str> = (0..4).filter(|i| lights >> i & 1 == 1).map(|i| names[i]).collect();
                output::print(&format!("lights: {}", if on.is_empty() { "none".into() } else { on.join(", ") }));
            })?;
            Ok(true)
        }
    }
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
