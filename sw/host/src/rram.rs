// SPDX-License-Identifier: Apache-2.0
//! Images in RRAM: program, commit, wake, scrub; docs/rram.md says what the machine does.

use crate::{Driver, HostError, Transport};
use serde::Serialize;
use systole_isa::Image;
use systole_isa::regs::{RRAM_STATUS_BITS, offset};
use systole_isa::rram::{COMMANDS, KEYS, Layout, slot_bytes};

/// What the RRAM controller's registers say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RramStatus {
    /// Names of the bits of `RRAM_STATUS` that are one.
    pub flags: Vec<&'static str>,
    /// Epoch of the newest committed image; 0: there is none.
    pub epoch: u32,
    /// Slot of the newest committed image.
    pub newest: Option<u32>,
    /// CRC-32 of the image that is awake.
    pub awake: Option<u32>,
    /// Cycles of the last wake.
    pub wake_cycles: u32,
    /// Words corrected.
    pub corrected: u32,
    /// Words beyond correction.
    pub uncorrectable: u32,
    /// First and last wrong word.
    pub errors: [Option<WrongWord>; 2],
    /// Pulses, by row.
    pub pulses: u32,
    /// Rounds of pulses.
    pub retries: u32,
    /// Lines retired to a spare.
    pub remaps: u32,
    /// Spares left in slot 0 and 1.
    pub spares: [u32; 2],
    /// Writes of the most worn line programmed since reset.
    pub wear: u32,
    /// Lines that changed places with the least worn.
    pub swaps: u32,
    /// Lines that a scrub wrote again.
    pub refreshed: u32,
}

/// Where a word was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WrongWord {
    /// Row of the array.
    pub row: u32,
    /// Logical line.
    pub line: u32,
    /// Whether the code could correct it.
    pub corrected: bool,
}

impl WrongWord {
    fn decode(word: u32) -> Option<WrongWord> {
        (word != 0).then_some(WrongWord { row: word >> 16 & 0xff, line: word & 0xffff, corrected: word >> 31 == 0 })
    }
}

/// How an image is brought to life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The whole image is read and its CRC checked.
    Checked,
    /// Only the program is read, the weights are taken as they are.
    Warm,
}

/// `RRAM_ENGINE`.
const ENGINE_STOPPED: u32 = 16;
/// `RRAM_ABSENT`.
const RRAM_ABSENT: u32 = 17;

fn bit(name: &str) -> u32 {
    RRAM_STATUS_BITS.iter().find(|b| b.name == name).map_or(0, |b| 1 << b.bit)
}

fn command(name: &str) -> u32 {
    COMMANDS.iter().position(|c| *c == name).map_or(0, |i| i as u32 + 1)
}

impl<T: Transport> Driver<T> {
    /// Waits until the RRAM controller is idle: after reset it looks for an image.
    ///
    /// # Errors
    /// [`HostError::Timeout`].
    pub async fn wait_rram(&mut self) -> Result<(), HostError> {
        // A slot of `large` at the slowest pulses takes less.
        let (limit, mut waited) = (1_000_000_000u64, 0u64);
        loop {
            let status = self.transport.read(offset("RRAM_STATUS")).await?;
            if status & bit("BUSY") == 0 {
                return Ok(());
            }
            // Its program was stopped by a check: nothing but reset ends that.
            if status >> 16 & 7 != 0 {
                return Err(HostError::machine(ENGINE_STOPPED, format!("; check {}", status >> 16 & 7)));
            }
            if waited > limit {
                let state = format!("RRAM_STATUS is {status:#x}");
                return Err(HostError::Timeout { what: "the RRAM controller".into(), limit, state });
            }
            waited += self.transport.pause(64).await?;
        }
    }

    /// Slot of the newest committed image.
    pub(crate) async fn newest(&mut self) -> Result<Option<u32>, HostError> {
        let status = self.transport.read(offset("RRAM_STATUS")).await?;
        Ok((status & bit("COMMITTED") != 0).then_some(u32::from(status & bit("NEWEST") != 0)))
    }

    /// Gives the two keys that allow programming until a commit, a lock or a reset.
    ///
    /// # Errors
    /// What the transport says.
    pub async fn unlock(&mut self) -> Result<(), HostError> {
        for key in KEYS {
            self.transport.write(offset("RRAM_UNLOCK"), key).await?;
        }
        Ok(())
    }

    /// Forbids programming (and changes of the error injection) until reset.
    ///
    /// # Errors
    /// What the transport says.
    pub async fn lock(&mut self) -> Result<(), HostError> {
        self.transport.write(offset("RRAM_LOCK"), 3).await
    }

    /// Writes an image into a slot (without one, the slot that does not hold the newest image) and commits it. Before the
    /// commit ends the machine keeps the image it had; a power cut leaves the one or the other. Returns the slot.
    ///
    /// # Errors
    /// [`HostError::Isa`] for another machine's image, [`HostError::TooLarge`], [`HostError::Machine`].
    pub async fn program(&mut self, image: &Image, slot: Option<u32>) -> Result<u32, HostError> {
        image.check_machine(&self.config)?;
        if !self.config.rram_ctrl {
            return Err(HostError::machine(RRAM_ABSENT, String::new()));
        }
        let layout = Layout::of(&self.config);
        let (bytes, record) = slot_bytes(image, &self.config);
        if record.lines > layout.usable() {
            return Err(HostError::TooLarge { lines: record.lines, limit: layout.usable(), line_bytes: layout.line_bytes });
        }
        self.clear_error().await?;
        self.wait_rram().await?;
        let newest = self.newest().await?;
        let slot = slot.unwrap_or(newest.map_or(0, |n| 1 - n));
        self.unlock().await?;
        self.transport.write(offset("RRAM_SLOT"), slot).await?;
        self.loaded = None;
        self.upload(4, "slot", &bytes).await?;
        self.wait_rram().await?;
        self.check_error().await?;
        let words: Vec<u8> = record.encode().iter().flat_map(|w| w.to_le_bytes()).collect();
        self.upload(6, "record", &words).await?;
        self.command("COMMIT").await?;
        Ok(slot)
    }

    /// Wakes the newest image in RRAM: its program is loaded, and it can run. `image` is what the host expects to find.
    ///
    /// # Errors
    /// [`HostError::Machine`] where there is none that is good, [`HostError::OtherImage`] where it is another.
    pub async fn wake(&mut self, how: Wake, image: &Image) -> Result<(), HostError> {
        self.wake_any(how).await?;
        self.adopt(image).await
    }

    /// Takes the image that the machine woke by itself after reset.
    ///
    /// # Errors
    /// [`HostError::OtherImage`], [`HostError::OtherFrames`].
    pub async fn adopt(&mut self, image: &Image) -> Result<(), HostError> {
        let (_, record) = slot_bytes(image, &self.config);
        // A CRC stands there too where the image behind it is awake no more.
        let ready = self.transport.read(offset("RRAM_STATUS")).await? & bit("READY") != 0;
        let found = if ready { self.transport.read(offset("RRAM_IMAGE_CRC")).await? } else { 0 };
        if found != record.image_crc {
            return Err(HostError::OtherImage { name: image.name.clone(), found, expected: record.image_crc });
        }
        for (register, expected) in [("IN_BYTES", image.in_bytes), ("OUT_BYTES", image.out_bytes)] {
            let found = self.transport.read(offset(register)).await?;
            if found != expected {
                return Err(HostError::OtherFrames { name: image.name.clone(), register, found, expected });
            }
        }
        self.loaded = Some((image.in_bytes as usize, image.out_bytes as usize));
        self.run_limit = self.limit_of(image)?;
        self.enable_interrupts().await
    }

    /// Wakes the newest image, whatever it is.
    ///
    /// # Errors
    /// [`HostError::Machine`].
    pub async fn wake_any(&mut self, how: Wake) -> Result<(), HostError> {
        self.clear_error().await?;
        self.command(if how == Wake::Warm { "WARM_WAKE" } else { "WAKE" }).await
    }

    /// Looks at every word of the committed image at both margins and writes weak lines again.
    ///
    /// # Errors
    /// [`HostError::Machine`].
    pub async fn scrub(&mut self) -> Result<(), HostError> {
        self.command("SCRUB").await
    }

    pub(crate) async fn command(&mut self, name: &str) -> Result<(), HostError> {
        self.wait_rram().await?;
        self.transport.write(offset("RRAM_COMMAND"), command(name)).await?;
        self.wait_rram().await?;
        self.check_error().await
    }

    /// Reads the controller's registers.
    ///
    /// # Errors
    /// What the transport says; RRAM_ABSENT where there is none.
    pub async fn rram_status(&mut self) -> Result<RramStatus, HostError> {
        if !self.config.rram_ctrl {
            return Err(HostError::machine(RRAM_ABSENT, String::new()));
        }
        let mut get = async |name: &str| self.transport.read(offset(name)).await;
        let status = get("RRAM_STATUS").await?;
        let has = |name: &str| status & bit(name) != 0;
        let spares = get("RRAM_SPARES").await?;
        Ok(RramStatus {
            flags: RRAM_STATUS_BITS.iter().filter(|b| status >> b.bit & 1 == 1).map(|b| b.name).collect(),
            epoch: get("RRAM_EPOCH").await?,
            newest: has("COMMITTED").then_some(u32::from(has("NEWEST"))),
            awake: if has("READY") { Some(get("RRAM_IMAGE_CRC").await?) } else { None },
            wake_cycles: get("RRAM_WAKE_CYCLES").await?,
            corrected: get("RRAM_CORRECTED").await?,
            uncorrectable: get("RRAM_UNCORRECTABLE").await?,
            errors: [WrongWord::decode(get("RRAM_ERROR_FIRST").await?), WrongWord::decode(get("RRAM_ERROR_LAST").await?)],
            pulses: get("RRAM_PULSES").await?,
            retries: get("RRAM_RETRIES").await?,
            remaps: get("RRAM_REMAPS").await?,
            spares: [spares & 0xffff, spares >> 16],
            wear: get("RRAM_WEAR").await?,
            swaps: get("RRAM_SWAPS").await?,
            refreshed: get("RRAM_REFRESHED").await?,
        })
    }
}
