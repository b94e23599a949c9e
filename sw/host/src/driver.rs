// SPDX-License-Identifier: Apache-2.0
//! Identify, load, run.

use crate::{HostError, Transport};
use systole_isa::config::{CONFIGS, OWN};
use systole_isa::ecc::Ecc;
use systole_isa::regs::{EVENTS, ID_VALUE, IRQ_BITS, STATUS_BITS, TOKENS, offset};
use systole_isa::rram::Layout;
use systole_isa::{Config, Image, fingerprint};

/// What a run is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The input frame.
    pub frame: Vec<u8>,
    /// Rows of tables that it takes, by register TOK, TOK1 and on: eight at most, each below 65,536. Without any the registers stay as they
    /// are.
    pub rows: Vec<u32>,
}

impl From<Vec<u8>> for Run {
    fn from(frame: Vec<u8>) -> Run {
        Run { frame, rows: vec![] }
    }
}

impl From<&Vec<u8>> for Run {
    fn from(frame: &Vec<u8>) -> Run {
        frame.clone().into()
    }
}

impl From<&[u8]> for Run {
    fn from(frame: &[u8]) -> Run {
        frame.to_vec().into()
    }
}

impl From<&Run> for Run {
    fn from(run: &Run) -> Run {
        run.clone()
    }
}

/// One finished run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOutput {
    /// The output frame.
    pub frame: Vec<u8>,
    /// Cycles from launch to DONE, as the machine counted them.
    pub cycles: u64,
}

/// A machine behind a transport.
pub struct Driver<T> {
    pub(crate) transport: T,
    pub(crate) config: Config,
    pub(crate) loaded: Option<(usize, usize)>, // bytes of an input and an output frame
    pub(crate) run_limit: u64,
}

pub(crate) const DONE: u32 = 1;
pub(crate) const ERROR: u32 = 2;

impl<T: Transport> Driver<T> {
    /// Identifies the machine: ID, fingerprint, configuration and every size.
    ///
    /// # Errors
    /// [`HostError::NotSystole`], [`HostError::Isa`] for another fingerprint,
    /// [`HostError::UnknownMachine`].
    pub async fn connect(mut transport: T) -> Result<Driver<T>, HostError> {
        let id = transport.read(offset("ID")).await?;
        if id != ID_VALUE {
            return Err(HostError::NotSystole { found: id, expected: ID_VALUE });
        }
        let theirs = transport.read(offset("FINGERPRINT")).await?;
        if theirs != fingerprint() {
            return Err(HostError::Isa(systole_isa::IsaError::WrongMachine {
                image: format!("software with fingerprint {:08x}", fingerprint()),
                machine: format!("fingerprint {theirs:08x}"),
            }));
        }
        let machine = transport.read(offset("CONFIG")).await?;
        let (id, beats) = (machine & 0xff, machine >> 8 & 0xff);
        let unknown = |parameter, found, expected| HostError::UnknownMachine { id, beats, parameter, found, expected };
        let code = machine >> 16 & 0xf;
        let ecc = *Ecc::ALL.get(code as usize).ok_or(unknown("ECC", code, Ecc::ALL.len() as u32 - 1))?;
        let named = CONFIGS.get(id as usize).cloned();
        let own = id == OWN;
        let config = named.or(own.then(Config::own)).ok_or(unknown("CONFIG", id, CONFIGS.len() as u32 - 1))?;
        let geometry = transport.read(offset("GEOMETRY")).await?;
        let lane = transport.read(offset("LANE")).await?;
        // What the machine says of itself; a named configuration has to say what its table says.
        let mut said = vec![
            ("ROWS", geometry & 0xff),
            ("COLS", geometry >> 8 & 0xff),
            ("X_BANKS", geometry >> 16 & 0xff),
            ("RRAM_WAYS", geometry >> 24),
            ("TAP_DEPTH", lane & 0xfff),
            ("LINE_DEPTH", lane >> 12 & 0xfff),
            ("LANE_TAPS", lane >> 24),
            ("WEIGHT_BEATS", beats),
            ("ECC", code),
            ("RRAM_CTRL", machine >> 20 & 1),
            ("RESIDUAL", machine >> 21 & 1),
            ("EVENTS", machine >> 22 & 1),
            ("PRODUCT", machine >> 23 & 1),
            ("POST_LANES", machine >> 24 & 0x7f),
            ("WEIGHT_ZERO", machine >> 31),
        ];
        for (name, ..) in config.parameters() {
            if !said.iter().any(|s| s.0 == name) {
                said.push((name, transport.read(offset(name)).await?));
            }
        }
        let expected = config.with_weight_beats(beats)?.with_ecc(ecc);
        let mut config = expected.clone();
        for (name, value) in said {
            config.set(name, value)?;
        }
        config.check()?;
        if !own && let Some((found, known)) = config.parameters().iter().zip(expected.parameters()).find(|(a, b)| a.1 != b.1) {
            return Err(unknown(found.0, found.1, known.1));
        }
        Ok(Driver { transport, config, loaded: None, run_limit: 0 })
    }

    /// A driver for a machine whose sizes were checked elsewhere: one that no named configuration describes.
    pub fn assume(transport: T, config: Config) -> Driver<T> {
        Driver { transport, config, loaded: None, run_limit: 0 }
    }

    /// The machine's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The transport, for what the driver has no verb for.
    pub fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Loads an image: uploads its sections and sets the frame lengths.
    ///
    /// # Errors
    /// [`HostError::Isa`] when it is for another machine or too large; [`HostError::Upload`],
    /// [`HostError::Machine`] when the machine refuses it.
    pub async fn load(&mut self, image: &Image) -> Result<(), HostError> {
        image.check_machine(&self.config)?;
        self.loaded = None;
        self.clear_error().await?;
        self.wait_rram().await?;
        let line = Layout::of(&self.config).line_bytes as usize;
        let mut weights: Vec<u8> = image.weights.iter().map(|&b| b as u8).collect();
        weights.resize(weights.len().next_multiple_of(line), 0);
        let sections = image.sections();
        for (target, section, bytes) in [
            (0, "timetable", &sections[0]),
            (1, "descriptor", &sections[1]),
            (2, "parameter", &sections[2]),
            (3, "lookup table", &sections[3]),
            (5, "tap", &sections[4]),
        ] {
            self.upload(target, section, bytes).await?;
        }
        if self.config.rram_ctrl {
            self.unlock().await?;
            // Not over a committed image: it wakes again.
            let slot = self.newest().await?.map_or(0, |newest| 1 - newest);
            self.transport.write(offset("RRAM_SLOT"), slot).await?;
        }
        self.upload(4, "weight", &weights).await?;
        if self.config.rram_ctrl {
            self.wait_rram().await?;
            self.transport.write(offset("RRAM_UNLOCK"), 0).await?;
        }
        self.check_error().await?;
        self.transport.write(offset("IN_BYTES"), image.in_bytes).await?;
        self.transport.write(offset("OUT_BYTES"), image.out_bytes).await?;
        self.enable_interrupts().await?;
        self.loaded = Some((image.in_bytes as usize, image.out_bytes as usize));
        self.run_limit = self.limit_of(image)?;
        Ok(())
    }

    /// Cycles after which a run of `image` is given up, whatever its length.
    pub(crate) fn limit_of(&self, image: &Image) -> Result<u64, HostError> {
        // The longest length that the register POS can say.
        let lengths = u64::from(u16::MAX / self.config.cols as u16);
        let longest = image.programs()?.iter().map(|(_, p)| p.cycles() + p.each() * lengths).max();
        Ok(longest.unwrap_or(0) + 10_000)
    }

    pub(crate) async fn upload(&mut self, target: u32, section: &'static str, bytes: &[u8]) -> Result<(), HostError> {
        let word = self.config.cols as usize;
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(word.max(8)), 0);
        self.transport.write(offset("UPLOAD_TARGET"), target).await?;
        self.transport.send_image(&bytes).await?;
        let sent = (bytes.len() / word) as u32;
        let taken = self.transport.read(offset("UPLOAD_COUNT")).await?;
        if taken != sent {
            return Err(HostError::Upload { section, taken, sent });
        }
        self.check_error().await
    }

    pub(crate) async fn enable_interrupts(&mut self) -> Result<(), HostError> {
        if self.config.vec_lanes != 0 {
            self.transport.write(offset("AUTO"), 0).await?;
            self.transport.write(offset("ENTRY"), 0).await?;
        }
        self.transport.write(offset("IRQ_STATUS"), (1 << IRQ_BITS.len()) - 1).await?;
        self.transport.write(offset("IRQ_ENABLE"), DONE | ERROR).await
    }

    /// Runs one frame.
    ///
    /// # Errors
    /// [`HostError::NoImage`], [`HostError::FrameLength`], [`HostError::Machine`],
    /// [`HostError::Timeout`].
    pub async fn run(&mut self, run: impl Into<Run>) -> Result<RunOutput, HostError> {
        let mut out = self.run_many(std::iter::once(run.into()), |_, _| {}).await?;
        out.pop().ok_or(HostError::NoImage)
    }

    /// Runs frames back to back, the next frame on its way while one computes. `progress` is
    /// told the number of each finished run and its output.
    ///
    /// # Errors
    /// As [`Driver::run`].
    pub async fn run_many<R: Into<Run>>(
        &mut self,
        runs: impl IntoIterator<Item = R>,
        mut progress: impl FnMut(usize, &RunOutput),
    ) -> Result<Vec<RunOutput>, HostError> {
        let (in_bytes, out_bytes) = self.loaded.ok_or(HostError::NoImage)?;
        let mut runs = runs.into_iter().map(Into::<Run>::into);
        let mut results = Vec::new();
        let mut ahead = match runs.next() {
            Some(run) => Some(self.queue(run, in_bytes).await?),
            None => return Ok(results),
        };
        while let Some(rows) = ahead {
            // A run that is on reads them: they are written between runs.
            for (name, &row) in TOKENS.iter().zip(&rows) {
                self.transport.write(offset(name), row).await?;
            }
            self.transport.write(offset("START"), 1).await?;
            ahead = match runs.next() {
                Some(run) => Some(self.queue(run, in_bytes).await?),
                None => None,
            };
            let cycles = self.wait_done().await?;
            let frame = self.output(out_bytes).await?;
            let result = RunOutput { frame, cycles };
            progress(results.len(), &result);
            results.push(result);
        }
        Ok(results)
    }

    /// Sends a run's frame on its way; its rows are for when the run before is over.
    async fn queue(&mut self, Run { frame, rows }: Run, expected: usize) -> Result<Vec<u32>, HostError> {
        if rows.len() > TOKENS.len() || rows.iter().any(|&row| row > 0xffff) {
            return Err(HostError::Rows { rows });
        }
        if frame.len() != expected {
            return Err(HostError::FrameLength { expected, actual: frame.len() });
        }
        if expected != 0 {
            self.transport.queue_frame(frame).await?;
        }
        Ok(rows)
    }

    async fn wait_done(&mut self) -> Result<u64, HostError> {
        while self.wait_cause().await? & DONE == 0 {}
        let low = self.transport.read(offset("CYCLES_LO")).await?;
        let high = self.transport.read(offset("CYCLES_HI")).await?;
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    /// Waits for the interrupt and clears its causes: their bits of `IRQ_STATUS`.
    pub(crate) async fn wait_cause(&mut self) -> Result<u32, HostError> {
        if !self.transport.wait_irq(self.run_limit).await? {
            let status = self.transport.read(offset("STATUS")).await?;
            let bits: Vec<&str> = STATUS_BITS.iter().filter(|b| status >> b.bit & 1 == 1).map(|b| b.name).collect();
            let state = format!("STATUS is {status:#x}: {}", if bits.is_empty() { "idle".into() } else { bits.join(", ") });
            return Err(HostError::Timeout { what: "the run".into(), limit: self.run_limit, state });
        }
        let cause = self.transport.read(offset("IRQ_STATUS")).await?;
        self.transport.write(offset("IRQ_STATUS"), cause).await?;
        if cause & ERROR != 0 {
            self.check_error().await?;
        }
        Ok(cause)
    }

    /// The output frame of a run that is over, in full; empty where the program has none.
    pub(crate) async fn output(&mut self, bytes: usize) -> Result<Vec<u8>, HostError> {
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let frame = self.transport.receive_frame(self.run_limit).await?;
        if frame.len() < bytes {
            return Err(HostError::Transport(format!("output frame of {} bytes, the program writes {bytes}", frame.len())));
        }
        Ok(frame)
    }

    /// How often each event happened since reset, by number (`systole_isa::regs::EVENTS`), modulo 2^32.
    ///
    /// # Errors
    /// What the transport says.
    pub async fn events(&mut self) -> Result<[u32; EVENTS.len()], HostError> {
        let mut all = [0; EVENTS.len()];
        for (number, count) in all.iter_mut().enumerate() {
            self.transport.write(offset("EVENT_SELECT"), number as u32).await?;
            *count = self.transport.read(offset("EVENT_VALUE")).await?;
        }
        Ok(all)
    }

    /// Reads ERROR; an error becomes a sentence.
    ///
    /// # Errors
    /// [`HostError::Machine`] when the machine has one.
    pub async fn check_error(&mut self) -> Result<(), HostError> {
        let error = self.transport.read(offset("ERROR")).await?;
        let code = error & 0xff;
        if code == 0 {
            return Ok(());
        }
        let mut detail = String::new();
        for (bit, what) in [
            (8, "; it waited for an input frame"),
            (9, "; it waited for a free OUT buffer"),
            (10, "; it waited for the RRAM controller"),
        ] {
            if error >> bit & 1 == 1 {
                detail.push_str(what);
            }
        }
        Err(HostError::machine(code, detail))
    }

    /// Clears ERROR.
    ///
    /// # Errors
    /// What the transport says.
    pub async fn clear_error(&mut self) -> Result<(), HostError> {
        self.transport.write(offset("ERROR_CLEAR"), 1).await
    }
}
