// SPDX-License-Identifier: Apache-2.0
//! The instruction-level model behind a host transport: registers and streams, no cycles between
//! runs.

mod auto;

use crate::rram_model::{Refusal, RramModel};
use std::collections::{BTreeMap, VecDeque};
use systole_chip::device::Device;
use systole_golden::Machine;
use systole_host::{HostError, Transport};
use systole_isa::image::{Dtype, Tensor, decode_tap};
use systole_isa::program::CHUNK;
use systole_isa::regs::{Access, ERRORS, EVENTS, ID_VALUE, REGS, RRAM_STATUS_BITS, TOKENS, offset};
use systole_isa::requant::Param;
use systole_isa::rram::{COMMANDS, KEYS, RECORD_WORDS, Record};
use systole_isa::{Config, Image, Latency, fingerprint};

/// A machine model with the chip's registers and streams.
pub struct ModelTransport {
    machine: Machine,
    registers: BTreeMap<u32, u32>,
    sections: [Vec<u8>; 7],
    stale: bool,
    input: VecDeque<Vec<u8>>,
    output: VecDeque<Vec<u8>>,
    rram: Option<RramModel>,
    keys: u32,
    events: [u64; EVENTS.len()],
    /// Starts whose runs are not over.
    waiting: u32,
    /// The one that waits first follows its run by itself.
    series: bool,
}

impl ModelTransport {
    /// A machine with nothing loaded.
    pub fn new(config: &Config) -> ModelTransport {
        let mut registers: BTreeMap<u32, u32> = REGS.iter().map(|r| (r.offset, 0)).collect();
        let mut set = |name: &str, value: u32| registers.insert(offset(name), value);
        set("ID", ID_VALUE);
        set("FINGERPRINT", fingerprint());
        set("CONFIG", config.machine());
        set("GEOMETRY", config.rows | config.cols << 8 | config.x_banks << 16 | config.rram_ways << 24);
        set("LANE", config.tap_depth | config.line_depth << 12 | config.lane_taps << 24);
        set("LATENCY", Latency::of(config).l);
        for (name, value, _) in config.parameters() {
            if REGS.iter().any(|r| r.name == name) {
                set(name, value);
            }
        }
        if config.vec_lanes == 0 {
            for name in ["POS", "ARGMAX", "ENTRY", "AUTO", "STOP", "AUTO_CYCLES"].iter().chain(&TOKENS) {
                registers.remove(&offset(name));
            }
        }
        ModelTransport {
            machine: Machine::new(config.clone()),
            registers,
            sections: Default::default(),
            stale: true,
            input: VecDeque::new(),
            output: VecDeque::new(),
            rram: None,
            keys: 0,
            events: [0; EVENTS.len()],
            waiting: 0,
            series: false,
        }
    }

    /// A machine with an RRAM part, as after reset.
    pub fn with_part(config: &Config, device: Device) -> ModelTransport {
        let mut transport = ModelTransport::new(config);
        transport.rram = Some(RramModel::new(config, device));
        let _ = transport.wake(false); // an empty part is no error at reset
        transport
    }

    /// Power goes and comes back: the cells stay.
    pub fn power_cycle(&mut self) {
        let config = self.machine.config().clone();
        *self = match self.rram.take() {
            Some(rram) => ModelTransport::with_part(&config, rram.device),
            None => ModelTransport::new(&config),
        };
    }

    /// The RRAM controller's model, where there is a part.
    pub fn rram(&mut self) -> Option<&mut RramModel> {
        self.rram.as_mut()
    }

    fn wake(&mut self, warm: bool) -> Result<(), Refusal> {
        let Some(rram) = &mut self.rram else { return Err("RRAM_NO_IMAGE") };
        let woken = rram.wake(warm);
        let line = rram.layout().line_bytes as usize;
        self.show_rram();
        let bytes = woken?;
        let record = self.rram.as_ref().and_then(|r| r.awake).unwrap_or_default();
        let (weights, mut rest) = bytes.split_at(record.weight_lines as usize * line);
        self.sections[4] = weights.to_vec();
        for (section, units) in [0, 1, 2, 3, 5].into_iter().zip(record.units) {
            let size = units as usize * 8;
            self.sections[section] = rest[..size].to_vec();
            rest = &rest[size.next_multiple_of(line)..];
        }
        self.set("IN_BYTES", record.in_bytes);
        self.set("OUT_BYTES", record.out_bytes);
        self.set("RRAM_IMAGE_CRC", record.image_crc);
        self.set("RRAM_SLOT", 1 - record.slot);
        self.stale = true;
        Ok(())
    }

    /// The registers as the controller stands.
    fn show_rram(&mut self) {
        let Some(rram) = &self.rram else { return };
        let flag = |name: &str, on: bool| RRAM_STATUS_BITS.iter().find(|b| b.name == name && on).map_or(0, |b| 1 << b.bit);
        let newest = rram.newest();
        let status = flag("READY", rram.awake.is_some())
            | flag("SLOT", rram.awake.is_some_and(|a| a.slot == 1))
            | flag("UNLOCKED", self.keys == 2)
            | flag("LOCKED", self.get("RRAM_LOCK") & 1 == 1)
            | flag("INJECT_LOCKED", self.get("RRAM_LOCK") & 2 == 2)
            | flag("COMMITTED", newest.is_some())
            | flag("NEWEST", newest == Some(1))
            | flag("FOREIGN", rram.foreign())
            | flag("WEAK", rram.weak())
            | flag("BOOTED", true);
        let (counts, spares) = (rram.counts.clone(), rram.spares());
        for (name, value) in [
            ("STATUS", status),
            ("EPOCH", rram.epoch()),
            ("CORRECTED", counts.corrected),
            ("UNCORRECTABLE", counts.uncorrectable),
            ("PULSES", counts.pulses),
            ("RETRIES", counts.retries),
            ("REMAPS", counts.remaps),
            ("SPARES", spares[0] | spares[1] << 16),
            ("WEAR", rram.wear().into()),
            ("SWAPS", counts.swaps),
            ("REFRESHED", counts.refreshed),
            ("SCRUB_LINE", rram.scrub_line()),
            ("TILE", counts.tiles.0 << 16 | counts.tiles.1),
        ] {
            self.set(&format!("RRAM_{name}"), value);
        }
    }

    fn fail_with(&mut self, refusal: Refusal) {
        if self.get("ERROR") == 0 {
            self.set("ERROR", ERRORS.iter().find(|e| e.name == refusal).map_or(0, |e| e.bit));
            self.set("IRQ_STATUS", self.get("IRQ_STATUS") | 2);
            if self.machine.config().vec_lanes != 0 {
                self.set("AUTO", 0);
            }
        }
    }

    fn command(&mut self, command: u32) {
        let slot = self.get("RRAM_SLOT") & 1;
        let done = match COMMANDS.get((command as usize).wrapping_sub(1)).copied() {
            Some("WAKE") => self.wake(false),
            Some("WARM_WAKE") => self.wake(true),
            Some("COMMIT") if self.keys != 2 => Err("RRAM_LOCKED"),
            Some("COMMIT") => {
                let words: Vec<u32> =
                    self.sections[6].chunks_exact(4).map(|b| u32::from_le_bytes(std::array::from_fn(|i| b[i]))).collect();
                let record = <[u32; RECORD_WORDS]>::try_from(words).ok().and_then(|w| Record::decode(&w));
                match (&mut self.rram, record) {
                    (Some(rram), Some(record)) => rram.commit(slot, &record),
                    _ => Err("RRAM_CRC"),
                }
            }
            Some("SCRUB") => match &mut self.rram {
                Some(rram) if rram.newest().is_some() => {
                    let before = rram.counts.tiles.0;
                    rram.scrub();
                    if rram.counts.tiles.0 == before { Ok(()) } else { Err("RRAM_TILE") }
                }
                _ => Err("RRAM_NO_IMAGE"),
            },
            _ => Ok(()),
        };
        match done {
            Ok(()) if command == 3 => self.keys = 0,
            Ok(()) => {}
            Err(refusal) => self.fail_with(refusal),
        }
        self.show_rram();
    }

    /// RRAM words that came on the image stream: whole lines are programmed. What runs read are the weights that came, unless an
    /// image is awake: then it is its lines.
    fn program(&mut self, bytes: &[u8]) {
        let at = self.get("UPLOAD_ADDRESS") * self.machine.config().cols;
        self.set("UPLOAD_ADDRESS", at / self.machine.config().cols + bytes.len() as u32 / self.machine.config().cols);
        self.program_lines(at as usize, bytes);
        if self.rram.as_ref().is_none_or(|rram| rram.awake.is_none()) {
            let (weights, end) = (&mut self.sections[4], at as usize + bytes.len());
            weights.resize(weights.len().max(end), 0);
            weights[at as usize..end].copy_from_slice(bytes);
        }
    }

    /// The lines of a part from byte `at` of a slot on.
    fn program_lines(&mut self, at: usize, bytes: &[u8]) {
        let slot = self.get("RRAM_SLOT") & 1;
        let unlocked = self.keys == 2 && self.get("RRAM_LOCK") & 1 == 0;
        let Some(rram) = &mut self.rram else { return };
        let line = rram.layout().line_bytes as usize;
        let first = at / line;
        let mut refusal = if unlocked { None } else { Some("RRAM_LOCKED") };
        if unlocked {
            for (n, bytes) in bytes.chunks_exact(line).enumerate() {
                refusal = refusal.or(rram.write_line(slot, (first + n) as u32, bytes).err());
            }
        }
        if let Some(refusal) = refusal {
            self.fail_with(refusal);
        }
        self.show_rram();
    }

    /// The model itself.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    fn get(&self, name: &str) -> u32 {
        self.registers.get(&offset(name)).copied().unwrap_or(0)
    }

    /// Nothing where there is a hole.
    fn set(&mut self, name: &str, value: u32) {
        if let Some(register) = self.registers.get_mut(&offset(name)) {
            *register = value;
        }
    }

    /// The image that was uploaded, section by section.
    fn image(&self) -> Image {
        let c = self.machine.config();
        let [timetable, descriptors, params, luts, weights, taps, _] = &self.sections;
        let mut timetable: Vec<u64> =
            timetable.chunks_exact(8).map(|b| u64::from_le_bytes(std::array::from_fn(|i| b[i]))).collect();
        // Padding behind END is no row.
        let is_end = |w: &u64| w >> 52 & 0xf == 0;
        let first = timetable.iter().position(is_end).map_or(0, |at| at + 1);
        let end = timetable.iter().rposition(|w| is_end(w) && *w != 0).map_or(first, |at| first.max(at + 1));
        timetable.truncate(end);
        Image {
            fingerprint: fingerprint(),
            config_id: c.image_id(),
            weight_beats: c.weight_beats,
            in_bytes: self.get("IN_BYTES"),
            out_bytes: self.get("OUT_BYTES"),
            timetable,
            descriptors: descriptors.chunks_exact(16).map(|b| u128::from_le_bytes(std::array::from_fn(|i| b[i]))).collect(),
            params: params.chunks_exact(8).map(|b| Param::decode(u64::from_le_bytes(std::array::from_fn(|i| b[i])))).collect(),
            luts: luts.chunks_exact(256).take(c.lut_count as usize).map(|b| std::array::from_fn(|i| b[i] as i8)).collect(),
            weights: weights.iter().map(|&b| b as i8).collect(),
            taps: taps.chunks_exact(8).map(|b| decode_tap(u64::from_le_bytes(std::array::from_fn(|i| b[i])))).collect(),
            vector: luts[luts.len().min(256 * c.lut_count as usize)..]
                .chunks_exact(8)
                .take(c.vector_words() as usize)
                .map(|b| u64::from_le_bytes(std::array::from_fn(|i| b[i])))
                .collect(),
            input: Tensor::dense(1, self.get("IN_BYTES"), Dtype::Int8),
            output: Tensor::dense(1, self.get("OUT_BYTES"), Dtype::Int8),
            macs: 0,
            name: String::new(),
            tables: vec![],
            before: None,
        }
    }

    /// Decodes what was uploaded, if that was not done yet; the next START would.
    ///
    /// # Errors
    /// [`HostError::Transport`]: the image breaks a rule of the machine.
    pub fn prepare(&mut self) -> Result<(), HostError> {
        if self.stale {
            let image = self.image();
            self.machine.load_image(&image).map_err(fail)?;
            self.stale = false;
        }
        Ok(())
    }

    /// Runs the first of the starts that wait.
    fn run(&mut self) -> Result<(), HostError> {
        self.waiting -= 1;
        self.prepare()?;
        let frame = if self.get("IN_BYTES") == 0 { Vec::new() } else { self.input.pop_front().unwrap_or_default() };
        let tokens: [u32; CHUNK] = std::array::from_fn(|row| self.get(TOKENS[row]));
        self.machine.set_chunk(self.get("POS"), &tokens, self.get("ENTRY"));
        let run = self.machine.run(&frame).map_err(fail)?;
        self.set("ARGMAX", self.machine.argmax());
        self.set("CYCLES_LO", run.cycles as u32);
        self.set("CYCLES_HI", (run.cycles >> 32) as u32);
        self.set("RUNS", self.get("RUNS") + 1);
        let vectors = u64::from(self.get("EVENT_MACS_LO")) + (u64::from(self.get("EVENT_MACS_HI")) << 32) + run.vectors;
        self.set("EVENT_MACS_LO", vectors as u32);
        self.set("EVENT_MACS_HI", (vectors >> 32) as u32);
        let budget = self.get("RRAM_SCRUB_BUDGET");
        if let Some(rram) = &mut self.rram {
            let before = rram.counts.tiles.0;
            rram.scrub_in_run(run.scrub_lines);
            rram.after_run(budget);
            if rram.counts.tiles.0 != before {
                self.fail_with("RRAM_TILE");
            }
            self.show_rram();
        }
        self.events.iter_mut().zip(run.events).for_each(|(a, b)| *a += b);
        self.set("IRQ_STATUS", self.get("IRQ_STATUS") | 1);
        if self.get("OUT_BYTES") != 0 {
            self.output.push_back(run.frame);
        }
        self.end_of_run(run.cycles);
        Ok(())
    }
}

fn fail(e: systole_golden::MachineError) -> HostError {
    HostError::Transport(format!("instruction-level model: {e}"))
}

impl Transport for ModelTransport {
    async fn read(&mut self, offset: u32) -> Result<u32, HostError> {
        if offset == systole_isa::regs::offset("EVENT_VALUE") {
            if !self.machine.config().events {
                return Ok(0);
            }
            return Ok(self.events.get(self.get("EVENT_SELECT") as usize).copied().unwrap_or(0) as u32);
        }
        if offset == systole_isa::regs::offset("STATUS") {
            return Ok(self.status());
        }
        self.registers.get(&offset).copied().ok_or(HostError::Refused { offset, access: "read" })
    }

    async fn write(&mut self, at: u32, value: u32) -> Result<(), HostError> {
        let reg = REGS
            .iter()
            .find(|r| r.offset == at && r.access != Access::Ro)
            .ok_or(HostError::Refused { offset: at, access: "write" })?;
        match reg.name {
            "START" => self.write_start(value)?,
            name if ["POS", "ENTRY", "AUTO", "STOP"].contains(&name) || TOKENS.contains(&name) => {
                self.write_token(name, at, value)?
            }
            "IRQ_STATUS" => self.set("IRQ_STATUS", self.get("IRQ_STATUS") & !value),
            "ERROR_CLEAR" => self.set("ERROR", 0),
            name if name.starts_with("RRAM_") && !self.machine.config().rram_ctrl => {
                if name == "RRAM_COMMAND" {
                    self.fail_with("RRAM_ABSENT");
                }
            }
            "RRAM_COMMAND" => self.command(value),
            "RRAM_LOCK" => {
                self.set("RRAM_LOCK", self.get("RRAM_LOCK") | value & 3);
                self.show_rram();
            }
            "RRAM_UNLOCK" => {
                self.keys = match (self.keys, value) {
                    (_, k) if k == KEYS[0] => 1,
                    (1, k) if k == KEYS[1] => 2,
                    _ => 0,
                };
                self.show_rram();
            }
            "UPLOAD_TARGET" => {
                self.registers.insert(at, value);
                self.set("UPLOAD_COUNT", 0);
                self.set("UPLOAD_ADDRESS", 0);
                let awake = value == 4 && self.rram.as_ref().is_some_and(|rram| rram.awake.is_some());
                if let Some(section) = self.sections.get_mut(value as usize).filter(|_| !awake) {
                    section.clear();
                }
                // A section of a program takes the place of what is awake; lines and records do not.
                if let Some(rram) = self.rram.as_mut().filter(|_| ![4, 6].contains(&value)) {
                    rram.awake = None;
                    self.show_rram();
                }
            }
            _ => {
                self.registers.insert(at, value);
            }
        }
        self.stale |= matches!(reg.name, "IN_BYTES" | "OUT_BYTES" | "UPLOAD_TARGET");
        Ok(())
    }

    async fn send_image(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        let target = self.get("UPLOAD_TARGET") as usize;
        if let Some(section) = self.sections.get_mut(target).filter(|_| target != 4) {
            section.extend(bytes);
        }
        let words = bytes.len() as u32 / self.machine.config().cols;
        self.set("UPLOAD_COUNT", self.get("UPLOAD_COUNT") + words);
        self.stale = true;
        if target == 4 {
            self.program(bytes);
        }
        if target == 6 && !self.machine.config().rram_ctrl {
            self.fail_with("RRAM_ABSENT");
        }
        Ok(())
    }

    async fn queue_frame(&mut self, frame: Vec<u8>) -> Result<(), HostError> {
        self.input.push_back(frame);
        Ok(())
    }

    async fn receive_frame(&mut self, limit: u64) -> Result<Vec<u8>, HostError> {
        while self.output.is_empty() && self.go_on()? {}
        self.output.pop_front().ok_or_else(|| HostError::Timeout {
            what: "an output frame".into(),
            limit,
            state: "no run has written one".into(),
        })
    }

    async fn pause(&mut self, cycles: u64) -> Result<u64, HostError> {
        let mut left = cycles;
        while left > 0 && self.go_on()? {
            left = left.saturating_sub(self.get("CYCLES_LO").into());
        }
        Ok(cycles)
    }

    async fn wait_irq(&mut self, _: u64) -> Result<bool, HostError> {
        while self.get("IRQ_STATUS") & self.get("IRQ_ENABLE") == 0 {
            if !self.go_on()? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
