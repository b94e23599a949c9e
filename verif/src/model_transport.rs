// SPDX-License-Identifier: Apache-2.0
//! The instruction-level model behind a host transport: registers and streams, no cycles between
//! runs.

use std::collections::{BTreeMap, VecDeque};
use systole_golden::Machine;
use systole_host::{HostError, Transport};
use systole_isa::image::{Dtype, Tensor, decode_tap};
use systole_isa::regs::{Access, ID_VALUE, REGS, offset};
use systole_isa::requant::Param;
use systole_isa::{Config, Image, Latency, fingerprint};

/// A machine model with the chip's registers and streams.
pub struct ModelTransport {
    machine: Machine,
    registers: BTreeMap<u32, u32>,
    sections: [Vec<u8>; 7],
    stale: bool,
    input: VecDeque<Vec<u8>>,
    output: VecDeque<Vec<u8>>,
}

impl ModelTransport {
    /// A machine with nothing loaded.
    pub fn new(config: &Config) -> ModelTransport {
        let mut registers: BTreeMap<u32, u32> = REGS.iter().map(|r| (r.offset, 0)).collect();
        let mut set = |name: &str, value: u32| registers.insert(offset(name), value);
        set("ID", ID_VALUE);
        set("FINGERPRINT", fingerprint());
        set("CONFIG", config.id | config.weight_beats << 8);
        set("GEOMETRY", config.rows | config.cols << 8 | config.x_banks << 16 | config.rram_ways << 24);
        set("LANE", config.tap_depth | config.line_depth << 12 | config.lane_taps << 24);
        set("LATENCY", Latency::of(config).l);
        for (name, value, _) in config.parameters() {
            if REGS.iter().any(|r| r.name == name) {
                set(name, value);
            }
        }
        ModelTransport {
            machine: Machine::new(config.clone()),
            registers,
            sections: Default::default(),
            stale: true,
            input: VecDeque::new(),
            output: VecDeque::new(),
        }
    }

    /// The model itself.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    fn get(&self, name: &str) -> u32 {
        self.registers.get(&offset(name)).copied().unwrap_or(0)
    }

    fn set(&mut self, name: &str, value: u32) {
        self.registers.insert(offset(name), value);
    }

    /// The image that was uploaded, section by section.
    fn image(&self) -> Image {
        let c = self.machine.config();
        let [timetable, descriptors, params, luts, weights, taps, _] = &self.sections;
        let mut timetable: Vec<u64> =
            timetable.chunks_exact(8).map(|b| u64::from_le_bytes(std::array::from_fn(|i| b[i]))).collect();
        // Padding behind END is no row.
        let end = timetable.iter().position(|w| w >> 52 & 0xf == 0).map_or(0, |at| at + 1);
        timetable.truncate(end);
        Image {
            fingerprint: fingerprint(),
            config_id: c.id,
            weight_beats: c.weight_beats,
            in_bytes: self.get("IN_BYTES"),
            out_bytes: self.get("OUT_BYTES"),
            timetable,
            descriptors: descriptors.chunks_exact(16).map(|b| u128::from_le_bytes(std::array::from_fn(|i| b[i]))).collect(),
            params: params.chunks_exact(8).map(|b| Param::decode(u64::from_le_bytes(std::array::from_fn(|i| b[i])))).collect(),
            luts: luts.chunks_exact(256).map(|b| std::array::from_fn(|i| b[i] as i8)).collect(),
            weights: weights.iter().map(|&b| b as i8).collect(),
            taps: taps.chunks_exact(8).map(|b| decode_tap(u64::from_le_bytes(std::array::from_fn(|i| b[i])))).collect(),
            input: Tensor::dense(1, self.get("IN_BYTES"), Dtype::Int8),
            output: Tensor::dense(1, self.get("OUT_BYTES"), Dtype::Int8),
            macs: 0,
            name: String::new(),
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

    fn start(&mut self) -> Result<(), HostError> {
        self.prepare()?;
        let frame = if self.get("IN_BYTES") == 0 { Vec::new() } else { self.input.pop_front().unwrap_or_default() };
        let run = self.machine.run(&frame).map_err(fail)?;
        self.set("CYCLES_LO", run.cycles as u32);
        self.set("CYCLES_HI", (run.cycles >> 32) as u32);
        self.set("RUNS", self.get("RUNS") + 1);
        let vectors = u64::from(self.get("EVENT_MACS_LO")) + (u64::from(self.get("EVENT_MACS_HI")) << 32) + run.vectors;
        self.set("EVENT_MACS_LO", vectors as u32);
        self.set("EVENT_MACS_HI", (vectors >> 32) as u32);
        self.set("IRQ_STATUS", self.get("IRQ_STATUS") | 1);
        if self.get("OUT_BYTES") != 0 {
            self.output.push_back(run.frame);
        }
        Ok(())
    }
}

fn fail(e: systole_golden::MachineError) -> HostError {
    HostError::Transport(format!("instruction-level model: {e}"))
}

impl Transport for ModelTransport {
    async fn read(&mut self, offset: u32) -> Result<u32, HostError> {
        self.registers.get(&offset).copied().ok_or(HostError::Refused { offset, access: "read" })
    }

    async fn write(&mut self, at: u32, value: u32) -> Result<(), HostError> {
        let reg = REGS
            .iter()
            .find(|r| r.offset == at && r.access != Access::Ro)
            .ok_or(HostError::Refused { offset: at, access: "write" })?;
        match reg.name {
            "START" if value & 1 == 1 => self.start()?,
            "START" => {}
            "IRQ_STATUS" => self.set("IRQ_STATUS", self.get("IRQ_STATUS") & !value),
            "ERROR_CLEAR" => self.set("ERROR", 0),
            "UPLOAD_TARGET" => {
                self.registers.insert(at, value);
                self.set("UPLOAD_COUNT", 0);
                if let Some(section) = self.sections.get_mut(value as usize) {
                    section.clear();
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
        if let Some(section) = self.sections.get_mut(target) {
            section.extend(bytes);
        }
        let words = bytes.len() as u32 / self.machine.config().cols;
        self.set("UPLOAD_COUNT", self.get("UPLOAD_COUNT") + words);
        self.stale = true;
        Ok(())
    }

    async fn queue_frame(&mut self, frame: Vec<u8>) -> Result<(), HostError> {
        self.input.push_back(frame);
        Ok(())
    }

    async fn receive_frame(&mut self, limit: u64) -> Result<Vec<u8>, HostError> {
        self.output.pop_front().ok_or_else(|| HostError::Timeout {
            what: "an output frame".into(),
            limit,
            state: "no run has written one".into(),
        })
    }

    async fn pause(&mut self, cycles: u64) -> Result<u64, HostError> {
        Ok(cycles)
    }

    async fn wait_irq(&mut self, _: u64) -> Result<bool, HostError> {
        Ok(self.get("IRQ_STATUS") & self.get("IRQ_ENABLE") != 0)
    }
}
