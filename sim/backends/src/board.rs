// SPDX-License-Identifier: Apache-2.0
//! A board without a board: `rtl/board/systole_board.v` in Verilator, with a serial line bit by bit, on which bits may be
//! lost; the other end is whatever speaks to a serial port. And a flash, from which it boots where there is something in it.

use anyhow::{Context, Result};
use harness::Stream;
use serialport::{SerialPort, TTYPort};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;
use systole_host::{Driver, HostError, Line, Recorder, RunOutput, Wake};
use systole_isa::{Config, Image};
use verilated::Library;

/// Cycles of a bit: as few as the receiver can have.
pub const DIVISOR: u64 = 8;
/// The simulation looks at the line so often in a bit.
const STEPS: u64 = 2;

/// What goes wrong on the line and on the board.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noise {
    /// Probability that something happens to a byte, in either direction: a bit turned, the byte lost or doubled.
    pub bytes: f64,
    /// The board's reset is pulled once after so many bytes from the host.
    pub restart: Option<u64>,
}

/// An SPI flash behind ports of these names (chip select, clock, data to and from it): mode 0, command 0x03 with an address
/// of 24 bits, as the data sheets of all makers have it. `data` stands from byte `at` on, 0xff elsewhere. Never ends.
pub async fn flash(sim: harness::Sim, ports: [&'static str; 4], at: u64, data: Vec<u8>) {
    let clk = sim.clock("clk_i");
    let [select, clock, to, from] = ports.map(|n| sim.signal(n));
    let byte = |address: u64| address.checked_sub(at).and_then(|n| data.get(n as usize)).copied().unwrap_or(0xff);
    let (mut before, mut bits, mut command) = (false, 0u64, 0u64);
    loop {
        clk.rising_edge().await;
        let now = clock.is_high();
        if select.is_high() {
            (bits, command) = (0, 0);
        } else if now && !before {
            command = if bits < 32 { command << 1 | u64::from(to.is_high()) } else { command };
            bits += 1;
        } else if before && !now && bits >= 32 && command >> 24 == 0x03 {
            let n = bits - 32;
            from.set(u64::from(byte((command & 0xff_ffff) + n / 8) >> (7 - n % 8) & 1));
        }
        before = now;
    }
}

/// The far end of the simulated line.
pub trait Wire {
    /// A byte for the board, where there is one.
    fn take(&mut self) -> Option<u8>;
    /// A byte of the board.
    fn give(&mut self, byte: u8);
    /// Nobody will speak again.
    fn is_closed(&self) -> bool;
    /// Somebody is there to hear what the board says.
    fn is_heard(&mut self) -> bool {
        true
    }
}

/// Both ends of a line inside the program.
pub fn wire() -> (ChannelLine, ChannelWire) {
    let ((to_board, from_host), (to_host, from_board)) = (channel(), channel());
    (ChannelLine { to_board, from_board }, ChannelWire { from_host, to_host, closed: false })
}

/// The host's end of [`wire`].
pub struct ChannelLine {
    to_board: Sender<u8>,
    from_board: Receiver<u8>,
}

impl Line for ChannelLine {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.iter().try_for_each(|&b| self.to_board.send(b).map_err(io::Error::other))
    }

    fn receive(&mut self, buffer: &mut [u8], time: Duration) -> io::Result<usize> {
        match self.from_board.recv_timeout(time) {
            Ok(byte) => {
                buffer[0] = byte;
                Ok(1)
            }
            Err(RecvTimeoutError::Timeout) => Ok(0),
            Err(e) => Err(io::Error::other(e)),
        }
    }

    fn name(&self) -> String {
        "the simulated line".into()
    }
}

/// The board's end of [`wire`].
pub struct ChannelWire {
    from_host: Receiver<u8>,
    to_host: Sender<u8>,
    closed: bool,
}

impl Wire for ChannelWire {
    fn take(&mut self) -> Option<u8> {
        match self.from_host.try_recv() {
            Ok(byte) => Some(byte),
            Err(e) => {
                self.closed = e == TryRecvError::Disconnected;
                None
            }
        }
    }

    fn give(&mut self, byte: u8) {
        self.closed |= self.to_host.send(byte).is_err();
    }

    fn is_closed(&self) -> bool {
        self.closed
    }
}

/// A pseudo-terminal: what opens its other end sees a serial port.
pub struct Pty {
    port: TTYPort,
    came: VecDeque<u8>,
    /// The other end's name, as `/dev/pts/3`.
    pub name: String,
}

impl Pty {
    /// A new one.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> Result<Pty> {
        let (mut port, other) = TTYPort::pair().context("a pseudo-terminal")?;
        let name = other.name().context("a pseudo-terminal without a name")?;
        port.set_timeout(Duration::ZERO)?;
        Ok(Pty { port, came: VecDeque::new(), name })
    }
}

impl Wire for Pty {
    fn take(&mut self) -> Option<u8> {
        if self.came.is_empty() {
            let mut buffer = [0; 512];
            // Nothing there, or nobody at the other end yet.
            let n = self.port.read(&mut buffer).unwrap_or(0);
            self.came.extend(&buffer[..n]);
        }
        self.came.pop_front()
    }

    fn give(&mut self, byte: u8) {
        let _ = self.port.write_all(&[byte]); // nobody at the other end: lost, as on a line
    }

    fn is_closed(&self) -> bool {
        false
    }

    fn is_heard(&mut self) -> bool {
        let mut buffer = [0; 512];
        match self.port.read(&mut buffer) {
            Ok(n) => {
                self.came.extend(&buffer[..n]);
                n > 0
            }
            // Nothing said yet; any other error is the system's word for nobody at the other end.
            Err(e) => e.kind() == io::ErrorKind::TimedOut,
        }
    }
}

/// A byte's bits as they are sent, and what noise makes of them.
fn bits(byte: u8, noise: f64, random: &mut Stream) -> Vec<bool> {
    let clean = |byte: u8| {
        let mut bits = vec![false];
        bits.extend((0..8).map(|i| byte >> i & 1 == 1));
        bits.push(true);
        bits
    };
    let mut all = clean(byte);
    if noise > 0.0 && random.chance(noise) {
        match random.below(3) {
            0 => all.clear(),
            1 => all.extend(clean(byte)),
            _ => {
                let at = random.below(10) as usize;
                all[at] = !all[at];
            }
        }
    }
    all
}

/// What a board's flash needs so that the board loads an image (into its RRAM, where it has some) and runs frames when power
/// comes: the driver's work on the simulated chip, recorded. Also how many requests it is, and what the frames gave.
///
/// # Errors
/// Those of the driver, and of building the chip.
pub fn record_boot(config: &Config, image: Image, frames: Vec<Vec<u8>>) -> Result<(Vec<u8>, usize, Vec<RunOutput>)> {
    let result: Result<_, HostError> = systole_chip::run_chip(config, &Default::default(), move |transport| async move {
        let mut driver = Driver::connect(Recorder::new(transport)).await?;
        if driver.config().rram_ctrl {
            driver.program(&image, None).await?;
            driver.wake(Wake::Checked, &image).await?;
        } else {
            driver.load(&image).await?;
        }
        let runs = driver.run_many(frames, |_, _| ()).await?;
        let (file, requests) = driver.transport().file();
        Ok((file, requests, runs))
    })?;
    Ok(result?)
}

/// Builds the board's model, or takes it from the cache.
///
/// # Errors
/// Those of the build.
pub fn build(config: &Config) -> Result<Arc<Library>> {
    Ok(systole_chip::board_spec(config, DIVISOR)?.build()?)
}

/// Runs a board until its wire is closed; cycles that passed. `boot` stands in its flash where it looks. `lights` is told {error, poison, a run, an image is awake} when
/// it changes.
///
/// # Errors
/// What stops a simulation.
pub fn simulate(
    library: &Arc<Library>,
    seed: u64,
    noise: Noise,
    boot: Vec<u8>,
    mut wire: impl Wire + 'static,
    mut lights: impl FnMut(u64) + 'static,
) -> Result<u64> {
    let run = harness::run(library, seed.max(1), None, move |sim| async move {
        let clk = sim.clock("clk_i");
        let (rst, rx, tx, state) = (sim.signal("rst_i"), sim.signal("rx_i"), sim.signal("tx_o"), sim.signal("state_o"));
        rst.set(0);
        rx.set(1);
        // A flash in which nothing stands says so by its bits at rest.
        sim.signal("flash_miso_i").set(1);
        if !boot.is_empty() {
            // Power comes when somebody listens to what the board says of its boot.
            rst.set(1);
            while !wire.is_heard() {
                clk.cycles(1).await;
                std::thread::sleep(Duration::from_millis(5));
            }
            rst.set(0);
            let ports = ["flash_cs_n_o", "flash_sck_o", "flash_mosi_o", "flash_miso_i"];
            sim.spawn("flash", flash(sim.clone(), ports, systole_chip::BOOT_AT, boot));
        }
        let mut random = sim.random("line");
        let (mut sending, mut heard, mut shown, mut idle, mut bytes) = (VecDeque::new(), None, 0, 0u64, 0u64);
        clk.cycles(64 * DIVISOR).await; // the board's own reset, and a look into its flash: who speaks before is not heard
        let mut step = 0u64;
        while !wire.is_closed() {
            // To the board: a bit lasts STEPS steps.
            if step.is_multiple_of(STEPS) {
                if sending.is_empty()
                    && let Some(byte) = wire.take()
                {
                    sending.extend(bits(byte, noise.bytes, &mut random));
                    bytes += 1;
                    idle = 0;
                }
                rx.set(sending.pop_front().unwrap_or(true).into());
                rst.set(u64::from(noise.restart == Some(bytes)) * u64::from(!sending.is_empty()));
            }
            // From the board: (steps since the start bit was seen, bits so far).
            heard = match heard {
                None if !tx.is_high() => Some((0, 0u64)),
                None => None,
                Some((n, byte)) => {
                    let (n, offset): (u64, u64) = (n + 1, STEPS + STEPS / 2);
                    let at = n.saturating_sub(offset) / STEPS;
                    if n < offset || !(n - offset).is_multiple_of(STEPS) {
                        Some((n, byte))
                    } else if at < 8 {
                        Some((n, byte | u64::from(tx.is_high()) << at))
                    } else {
                        let real = bits(byte as u8, noise.bytes, &mut random);
                        let good = |b: &[bool]| b.len() == 10 && !b[0] && b[9];
                        for b in real.chunks(10).filter(|b| good(b)) {
                            wire.give(b[1..9].iter().rev().fold(0, |v, &b| v << 1 | u8::from(b)));
                        }
                        idle = 0;
                        None
                    }
                }
            };
            if state.get() != shown {
                shown = state.get();
                lights(shown);
            }
            idle += 1;
            // A board at which nobody speaks costs no core.
            if idle > 1 << 20 && idle.is_multiple_of(1 << 10) {
                std::thread::sleep(Duration::from_millis(5));
            }
            clk.cycles(DIVISOR / STEPS).await;
            step += 1;
        }
        sim.cycle()
    })?;
    Ok(run.value)
}
