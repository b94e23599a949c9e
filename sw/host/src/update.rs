// SPDX-License-Identifier: Apache-2.0
//! Rows of tables changed in an image that is programmed and awake (docs/recommenders.md): only lines that differ are written,
//! to the slot that does not hold it, and a commit makes them count all at once. Between any two lines the image that is awake
//! runs as before.

use crate::{Driver, HostError, Transport, Wake};
use serde::Serialize;
use std::collections::VecDeque;
use systole_isa::Image;
use systole_isa::regs::offset;
use systole_isa::rram::{Layout, Record, slot_bytes};

/// An update that is under way: [`Driver::begin_update`].
#[derive(Debug, Clone)]
pub struct Update {
    bytes: Vec<u8>,
    record: Record,
    slot: u32,
    left: VecDeque<u32>,
    done: Updated,
}

/// What an update wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Updated {
    /// The slot that holds the image now.
    pub slot: u32,
    /// Lines that were sent.
    pub lines: u32,
    /// Words of C bytes in them.
    pub words: u32,
    /// All lines of the image were sent: what the slot held was not known, or was something else.
    pub whole: bool,
}

impl Update {
    /// Lines that are still to be written.
    pub fn left(&self) -> usize {
        self.left.len()
    }

    fn all(&self) -> VecDeque<u32> {
        (0..self.record.lines).collect()
    }
}

impl<T: Transport> Driver<T> {
    /// Makes ready to write `new`, which is `old` with other rows ([`Image::follows`]), beside `old`, which is awake. Nothing is
    /// written yet.
    ///
    /// # Errors
    /// [`HostError::OtherImage`] where another image is awake than `old`, or none; [`HostError::Isa`], [`HostError::TooLarge`],
    /// [`HostError::Machine`] as for [`Driver::program`].
    pub async fn begin_update(&mut self, old: &Image, new: &Image) -> Result<Update, HostError> {
        new.check_machine(&self.config)?;
        self.clear_error().await?;
        self.wait_rram().await?;
        let expected = slot_bytes(old, &self.config).1.image_crc;
        let status = self.rram_status().await?;
        let (found, Some(newest)) = (status.awake.unwrap_or(0), status.newest) else {
            return Err(HostError::OtherImage { name: old.name.clone(), found: 0, expected });
        };
        if found != expected {
            return Err(HostError::OtherImage { name: old.name.clone(), found, expected });
        }
        let layout = Layout::of(&self.config);
        let (bytes, record) = slot_bytes(new, &self.config);
        if record.lines > layout.usable() {
            return Err(HostError::TooLarge { lines: record.lines, limit: layout.usable(), line_bytes: layout.line_bytes });
        }
        let lines = new.lines_behind(old);
        let done = Updated { slot: 1 - newest, lines: 0, words: 0, whole: lines.is_none() };
        let left = lines.map_or_else(|| (0..record.lines).collect(), VecDeque::from);
        Ok(Update { bytes, record, slot: 1 - newest, left, done })
    }

    /// Writes up to `most` lines of an update; whether some are left. Afterwards the controller rests and takes no more words
    /// until the next call, so that frames may run.
    ///
    /// # Errors
    /// [`HostError::Upload`]; [`HostError::Machine`] where a line cannot be programmed, and where a run was pending or on
    /// (`UPLOAD_RUNNING`): that run is not disturbed, and nothing was written.
    pub async fn write_update(&mut self, update: &mut Update, most: usize) -> Result<bool, HostError> {
        let line_bytes = Layout::of(&self.config).line_bytes as usize;
        let mut budget = most;
        self.unlock().await?;
        self.transport.write(offset("RRAM_SLOT"), update.slot).await?;
        while budget > 0
            && let Some(&first) = update.left.front()
        {
            // Neighbours go in one stream.
            let side_by_side = update.left.iter().zip(first..).take_while(|&(&line, n)| line == n).count().min(budget);
            let at = first as usize * line_bytes;
            let bytes = &update.bytes[at..at + side_by_side * line_bytes];
            self.transport.write(offset("UPLOAD_TARGET"), 4).await?;
            self.transport.write(offset("UPLOAD_ADDRESS"), first * self.config.rows).await?;
            self.transport.send_image(bytes).await?;
            let sent = side_by_side as u32 * self.config.rows;
            let taken = self.transport.read(offset("UPLOAD_COUNT")).await?;
            if taken != sent {
                return Err(HostError::Upload { section: "row", taken, sent });
            }
            self.wait_rram().await?;
            self.check_error().await?;
            update.left.drain(..side_by_side);
            update.done.lines += side_by_side as u32;
            update.done.words += sent;
            budget -= side_by_side;
        }
        self.transport.write(offset("RRAM_UNLOCK"), 0).await?;
        Ok(!update.left.is_empty())
    }

    /// Commits an update whose lines are written: from now on the new image wakes, and before the old one. The image that is awake
    /// stays so until [`Driver::wake`]. Where the slot held something else than was thought, the machine refuses the commit
    /// (`RRAM_CRC`), all lines are written, and it is tried once more.
    ///
    /// # Errors
    /// As [`Driver::program`].
    pub async fn commit_update(&mut self, mut update: Update) -> Result<Updated, HostError> {
        loop {
            while self.write_update(&mut update, usize::MAX).await? {}
            self.unlock().await?;
            self.transport.write(offset("RRAM_SLOT"), update.slot).await?;
            let words: Vec<u8> = update.record.encode().iter().flat_map(|w| w.to_le_bytes()).collect();
            self.upload(6, "record", &words).await?;
            match self.command("COMMIT").await {
                Err(HostError::Machine { name: "RRAM_CRC", .. }) if !update.done.whole => {
                    self.clear_error().await?;
                    (update.left, update.done.whole) = (update.all(), true);
                }
                committed => break committed.map(|()| update.done),
            }
        }
    }

    /// All of an update, and the new image awake: its lines were checked by the commit, so that it wakes warm.
    ///
    /// # Errors
    /// As [`Driver::begin_update`], [`Driver::write_update`], [`Driver::commit_update`], [`Driver::wake`].
    pub async fn update(&mut self, old: &Image, new: &Image) -> Result<Updated, HostError> {
        let update = self.begin_update(old, new).await?;
        let done = self.commit_update(update).await?;
        self.wake(Wake::Warm, new).await?;
        Ok(done)
    }
}
