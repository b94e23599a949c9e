// SPDX-License-Identifier: Apache-2.0
//! Programs of a token (docs/vector.md): one at a time, or runs that follow by themselves (docs/registers.md).

use crate::driver::DONE;
use crate::{Driver, HostError, Run, RunOutput, Transport};
use std::collections::BTreeMap;
use systole_isa::regs::{STATUS_BITS, TOKENS, offset};

/// What is started: a token at its position, and how many runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// Position of the first token, below 65,536.
    pub pos: u32,
    /// The first token, below 65,536.
    pub tok: u32,
    /// Runs at most, 1 to 65,536.
    pub runs: u32,
    /// A run that chooses this token is the last.
    pub stop: Option<u32>,
}

/// A run of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRun {
    /// The output frame; empty where the program has none.
    pub frame: Vec<u8>,
    /// What the host saw of it, where the next run was not over already.
    pub seen: Option<Seen>,
}

/// What registers say of a run between its END and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Cycles from launch to END.
    pub cycles: u64,
    /// The token that it chose, which is the next run's.
    pub chosen: u32,
}

/// A series that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesEnd {
    /// Runs that ended, those that were not told among them.
    pub runs: u64,
    /// Cycles from the first launch to the last END, launches and waits between runs among them.
    pub cycles: u64,
}

impl<T: Transport> Driver<T> {
    /// Runs a program of a token: `tok` at position `pos`, by the registers TOK and POS. Both below 65,536.
    ///
    /// # Errors
    /// As [`Driver::run`].
    pub async fn run_token(&mut self, pos: u32, tok: u32) -> Result<RunOutput, HostError> {
        self.run_chunk(0, pos, &[tok]).await
    }

    /// Runs the program that begins in row `entry` of the timetable on up to 8 tokens, the first at position `pos`. All below
    /// 65,536.
    ///
    /// # Errors
    /// As [`Driver::run`].
    pub async fn run_chunk(&mut self, entry: u32, pos: u32, tokens: &[u32]) -> Result<RunOutput, HostError> {
        self.transport.write(offset("ENTRY"), entry).await?;
        self.transport.write(offset("POS"), pos).await?;
        for (name, &tok) in TOKENS.iter().zip(tokens) {
            self.transport.write(offset(name), tok).await?;
        }
        self.run(Run::default()).await
    }

    /// Runs a program of a token, and lets the chip go on with the token it chooses (AUTO, STOP). `progress` is told each run, in
    /// order; where it says false no more are started, and those that were are not told.
    ///
    /// # Errors
    /// As [`Driver::run`]; [`HostError::Refused`] where there is no vector unit.
    pub async fn run_tokens(
        &mut self,
        series: Series,
        mut progress: impl FnMut(TokenRun) -> bool,
    ) -> Result<SeriesEnd, HostError> {
        let (in_bytes, out_bytes) = self.loaded.ok_or(HostError::NoImage)?;
        if in_bytes != 0 {
            return Err(HostError::FrameLength { expected: in_bytes, actual: 0 });
        }
        let before = self.transport.read(offset("RUNS")).await?;
        for (name, value) in [
            ("AUTO", 0), // what was left of another series holds POS and TOK
            ("ENTRY", 0),
            ("POS", series.pos),
            ("TOK", series.tok),
            ("STOP", series.stop.map_or(0, |token| 1 << 16 | token)),
            ("AUTO", series.runs.saturating_sub(1)),
            ("START", 1),
        ] {
            self.transport.write(offset(name), value).await?;
        }
        let (mut told, mut listens) = (0u64, true);
        let mut seen = BTreeMap::new();
        loop {
            let runs = self.transport.read(offset("RUNS")).await?.wrapping_sub(before);
            if u64::from(runs) > told {
                if let Some(now) = self.look(before, runs, series.pos).await? {
                    seen.insert(u64::from(runs) - 1, now);
                }
                let run = TokenRun { frame: self.output(out_bytes).await?, seen: seen.remove(&told) };
                told += 1;
                if listens && !progress(run) {
                    listens = false;
                    if told < u64::from(series.runs) {
                        self.transport.write(offset("START"), 2).await?;
                    }
                }
            } else if !self.is_over().await? {
                self.wait_cause().await?;
            } else if self.transport.read(offset("RUNS")).await?.wrapping_sub(before) == runs {
                break;
            }
        }
        self.transport.write(offset("IRQ_STATUS"), DONE).await?;
        self.check_error().await?;
        let cycles = self.transport.read(offset("AUTO_CYCLES")).await?;
        Ok(SeriesEnd { runs: told, cycles: cycles.into() })
    }

    /// Registers of the last of `runs` runs since `before`, the first at position `pos`; none where another ended meanwhile.
    async fn look(&mut self, before: u32, runs: u32, pos: u32) -> Result<Option<Seen>, HostError> {
        let mut all = [0; 6];
        for (value, name) in all.iter_mut().zip(["CYCLES_LO", "CYCLES_HI", "POS", "TOK", "ARGMAX", "RUNS"]) {
            *value = self.transport.read(offset(name)).await?;
        }
        let [low, high, at, tok, argmax, after] = all;
        // Where the chip went on, ARGMAX is the next run's before that one is over.
        let chosen = if at == pos.wrapping_add(runs) & 0xffff { tok } else { argmax };
        let seen = Seen { cycles: u64::from(high) << 32 | u64::from(low), chosen };
        Ok((after.wrapping_sub(before) == runs).then_some(seen))
    }

    /// No run is on and none will follow.
    async fn is_over(&mut self) -> Result<bool, HostError> {
        let auto = self.transport.read(offset("AUTO")).await?;
        let status = self.transport.read(offset("STATUS")).await?;
        let busy = STATUS_BITS.iter().any(|b| ["RUNNING", "PENDING"].contains(&b.name) && status >> b.bit & 1 == 1);
        Ok(auto == 0 && !busy)
    }
}
