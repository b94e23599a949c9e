// SPDX-License-Identifier: Apache-2.0
//! AXI4-Lite master.

use super::need;
use crate::{Clock, Signal, Sim, SimError};
use thiserror::Error;

/// The answer to an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// OKAY.
    Okay,
    /// SLVERR.
    SlvErr,
    /// DECERR, or the reserved EXOKAY.
    Other(u8),
}

/// Errors of an access.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LiteError {
    /// The slave answered something other than OKAY.
    #[error("{access} at {address:#x} answered {response:?}")]
    Response {
        /// `read` or `write`.
        access: &'static str,
        /// The address.
        address: u64,
        /// The answer.
        response: Response,
    },
    /// The slave did not answer.
    #[error(transparent)]
    Sim(#[from] SimError),
}

/// An AXI4-Lite master; one access at a time.
pub struct LiteMaster {
    sim: Sim,
    clock: Clock,
    name: String,
    limit: u64,
    aw: [Signal; 3], // valid, ready, address
    w: [Signal; 4],  // valid, ready, data, strobe
    b: [Signal; 3],  // valid, ready, response
    ar: [Signal; 3],
    r: [Signal; 4], // valid, ready, data, response
}

impl LiteMaster {
    /// A master on the ports with this prefix. Answers are waited for `limit` cycles.
    ///
    /// # Panics
    /// When a port is missing.
    pub fn new(clock: &Clock, prefix: &str, limit: u64) -> LiteMaster {
        let sim = clock.sim().clone();
        let p = |name: &str| need(&sim, prefix, name);
        LiteMaster {
            clock: clock.clone(),
            name: prefix.trim_end_matches('_').to_string(),
            limit,
            aw: [p("awvalid"), p("awready"), p("awaddr")],
            w: [p("wvalid"), p("wready"), p("wdata"), p("wstrb")],
            b: [p("bvalid"), p("bready"), p("bresp")],
            ar: [p("arvalid"), p("arready"), p("araddr")],
            r: [p("rvalid"), p("rready"), p("rdata"), p("rresp")],
            sim: sim.clone(),
        }
    }

    /// Lets every line fall, as if power had gone in an access.
    pub fn abort(&self) {
        for line in [&self.aw[0], &self.w[0], &self.b[1], &self.ar[0], &self.r[1]] {
            line.set(0);
        }
    }

    fn response(code: u64) -> Response {
        match code {
            0 => Response::Okay,
            2 => Response::SlvErr,
            other => Response::Other(other as u8),
        }
    }

    fn late(&self, what: &str) -> LiteError {
        let what = format!("{}: {what}", self.name);
        LiteError::Sim(SimError::Timeout { what, limit: self.limit, cycle: self.sim.cycle(), report: self.sim.report() })
    }

    /// Writes `data` where `strobe` has ones; AW is raised `skew` cycles after W (before, where
    /// negative).
    ///
    /// # Errors
    /// [`LiteError::Sim`] when the slave does not answer. The response is returned, whatever it is.
    pub async fn write_with(&mut self, address: u64, data: u64, strobe: u64, skew: i64) -> Result<Response, LiteError> {
        let [awvalid, awready, awaddr] = &self.aw;
        let [wvalid, wready, wdata, wstrb] = &self.w;
        let [bvalid, bready, bresp] = &self.b;
        let (mut aw, mut w) = (0u8, 0u8); // 0: to come, 1: stands, 2: taken
        bready.set(1);
        for n in 0..self.limit as i64 {
            self.sim_progress(&mut aw, n >= skew.max(0), awvalid, awready, || awaddr.set(address));
            self.sim_progress(&mut w, n >= (-skew).max(0), wvalid, wready, || {
                wdata.set(data);
                wstrb.set(strobe);
            });
            if aw == 2 && w == 2 && bvalid.is_high() {
                bready.set(0);
                let response = Self::response(bresp.get());
                self.sim.log(format!("{} write {address:#x} = {data:#x} {response:?}", self.name));
                return Ok(response);
            }
            self.clock.rising_edge().await;
        }
        Err(self.late(&format!("no answer to a write at {address:#x}")))
    }

    fn sim_progress(&self, state: &mut u8, may: bool, valid: &Signal, ready: &Signal, put: impl FnOnce()) {
        if *state == 0 && may {
            valid.set(1);
            put();
            *state = 1;
        } else if *state == 1 && valid.is_high() && ready.is_high() {
            valid.set(0);
            *state = 2;
        }
    }

    /// Writes a whole word.
    ///
    /// # Errors
    /// [`LiteError::Response`] unless OKAY; [`LiteError::Sim`].
    pub async fn write(&mut self, address: u64, data: u64) -> Result<(), LiteError> {
        match self.write_with(address, data, 0xff, 0).await? {
            Response::Okay => Ok(()),
            response => Err(LiteError::Response { access: "write", address, response }),
        }
    }

    /// Reads a word, whatever the response.
    ///
    /// # Errors
    /// [`LiteError::Sim`] when the slave does not answer.
    pub async fn read_with(&mut self, address: u64) -> Result<(u64, Response), LiteError> {
        let [arvalid, arready, araddr] = &self.ar;
        let [rvalid, rready, rdata, rresp] = &self.r;
        let mut ar = 0u8;
        rready.set(1);
        for _ in 0..self.limit {
            self.sim_progress(&mut ar, true, arvalid, arready, || araddr.set(address));
            if ar == 2 && rvalid.is_high() {
                rready.set(0);
                let (data, response) = (rdata.get(), Self::response(rresp.get()));
                self.sim.log(format!("{} read {address:#x} = {data:#x} {response:?}", self.name));
                return Ok((data, response));
            }
            self.clock.rising_edge().await;
        }
        Err(self.late(&format!("no answer to a read at {address:#x}")))
    }

    /// Reads a word.
    ///
    /// # Errors
    /// [`LiteError::Response`] unless OKAY; [`LiteError::Sim`].
    pub async fn read(&mut self, address: u64) -> Result<u64, LiteError> {
        match self.read_with(address).await? {
            (data, Response::Okay) => Ok(data),
            (_, response) => Err(LiteError::Response { access: "read", address, response }),
        }
    }
}
