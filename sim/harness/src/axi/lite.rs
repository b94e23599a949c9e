// SPDX-License-Identifier: Apache-2.0
//! AXI4-Lite master.

use super::need;
use crate::{Clock, Signal, Sim, SimError};
use std::cell::Cell;
use std::fmt;
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

/// Errors of an access. `Debug` is `Display`, as with [`SimError`].
#[derive(Clone, PartialEq, Eq, Error)]
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
    /// An access before this one was given up when the slave had taken its address or data: it may answer at any time, and would be
    /// taken to answer this one.
    #[error(
        "{name}: the {access} at {address:#x} was given up after the slave had taken part of it; reset the design and call abort() first"
    )]
    Unfinished {
        /// The bus, by its prefix.
        name: String,
        /// `read` or `write`.
        access: &'static str,
        /// Its address.
        address: u64,
    },
    /// The slave did not answer. The lines are down again.
    #[error(transparent)]
    Sim(#[from] SimError),
}

impl fmt::Debug for LiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An AXI4-Lite master; one access at a time. An access that is given up, by its limit or because its future is dropped, leaves no
/// line up.
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
    /// An access that was given up when the slave had taken part of it.
    unfinished: Cell<Option<(&'static str, u64)>>,
    /// Whoever looks on.
    watch: Option<Watch>,
}

/// Is told of an access that was answered: read or write, address, data, response.
type Watch = Box<dyn Fn(&'static str, u64, u64, Response)>;

/// An access under way. Dropped before its answer came (its limit passed, or the future was dropped) it lets the lines fall.
struct Access<'a> {
    master: &'a LiteMaster,
    access: &'static str,
    address: u64,
    taken: Cell<bool>,
    done: bool,
}

impl Drop for Access<'_> {
    fn drop(&mut self) {
        if !self.done && !std::thread::panicking() {
            // What stands with its READY is taken by the edge of this moment.
            let m = self.master;
            let now = [&m.aw, &m.ar].iter().any(|a| a[0].is_high() && a[1].is_high()) || m.w[0].is_high() && m.w[1].is_high();
            m.lower();
            if now || self.taken.get() {
                m.unfinished.set(Some((self.access, self.address)));
            }
        }
    }
}

impl LiteMaster {
    /// A master on the ports with this prefix. Answers are waited for `limit` cycles.
    ///
    /// # Errors
    /// [`SimError::Model`]: a port is missing. [`SimError::Bus`]: widths that the standard does not have.
    pub fn try_new(clock: &Clock, prefix: &str, limit: u64) -> Result<LiteMaster, SimError> {
        let sim = clock.sim().clone();
        let p = |name: &str| need(&sim, prefix, name);
        let master = LiteMaster {
            clock: clock.clone(),
            name: prefix.trim_end_matches('_').to_string(),
            limit,
            unfinished: Cell::new(None),
            watch: None,
            aw: [p("awvalid")?, p("awready")?, p("awaddr")?],
            w: [p("wvalid")?, p("wready")?, p("wdata")?, p("wstrb")?],
            b: [p("bvalid")?, p("bready")?, p("bresp")?],
            ar: [p("arvalid")?, p("arready")?, p("araddr")?],
            r: [p("rvalid")?, p("rready")?, p("rdata")?, p("rresp")?],
            sim: sim.clone(),
        };
        let fail = |why: String| Err(SimError::Bus { name: master.name.clone(), why });
        let (write, read, strobe) = (master.w[2].width(), master.r[2].width(), master.w[3].width());
        if write != read || ![32, 64].contains(&write) {
            return fail(format!("WDATA has {write} bits and RDATA {read}; in AXI4-Lite both have 32 or both 64"));
        }
        if strobe != write / 8 {
            return fail(format!("WSTRB has {strobe} bits for {write} of data; in AXI4-Lite it has one for each byte"));
        }
        if let Some(port) = [&master.aw[2], &master.ar[2]].into_iter().find(|a| a.width() > 64) {
            return fail(format!("an address of {} bits; this master has at most 64", port.width()));
        }
        Ok(master)
    }

    /// The same.
    ///
    /// # Panics
    /// With the error of [`LiteMaster::try_new`].
    pub fn new(clock: &Clock, prefix: &str, limit: u64) -> LiteMaster {
        LiteMaster::try_new(clock, prefix, limit).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Lets every line fall and forgets an access that was given up, as if power had gone: the design is to be reset.
    pub fn abort(&self) {
        self.unfinished.set(None);
        self.lower();
    }

    /// Calls `watch` at every access that is answered: `"read"` or `"write"`, address, data, response.
    pub fn watch(&mut self, watch: impl Fn(&'static str, u64, u64, Response) + 'static) {
        self.watch = Some(Box::new(watch));
    }

    fn answered(&self, access: &'static str, address: u64, data: u64, response: Response) {
        self.sim.log(format!("{} {access} {address:#x} = {data:#x} {response:?}", self.name));
        if let Some(watch) = &self.watch {
            watch(access, address, data, response);
        }
    }

    fn lower(&self) {
        for line in [&self.aw[0], &self.w[0], &self.b[1], &self.ar[0], &self.r[1]] {
            line.set(0);
        }
    }

    /// Begins an access: the lines that it raises fall if it is given up.
    fn begin(&self, access: &'static str, address: u64) -> Result<Access<'_>, LiteError> {
        match self.unfinished.get() {
            Some((access, address)) => Err(LiteError::Unfinished { name: self.name.clone(), access, address }),
            None => Ok(Access { master: self, access, address, taken: Cell::new(false), done: false }),
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
    /// [`LiteError::Sim`] when the slave does not answer, [`LiteError::Unfinished`] behind such an access. The response is returned,
    /// whatever it is.
    pub async fn write_with(&mut self, address: u64, data: u64, strobe: u64, skew: i64) -> Result<Response, LiteError> {
        let [awvalid, awready, awaddr] = &self.aw;
        let [wvalid, wready, wdata, wstrb] = &self.w;
        let [bvalid, bready, bresp] = &self.b;
        let (mut aw, mut w) = (0u8, 0u8); // 0: to come, 1: stands, 2: taken
        let mut access = self.begin("write", address)?;
        bready.set(1);
        for n in 0..self.limit as i64 {
            self.sim_progress(&mut aw, n >= skew.max(0), awvalid, awready, || awaddr.set(address));
            self.sim_progress(&mut w, n >= (-skew).max(0), wvalid, wready, || {
                wdata.set(data);
                wstrb.set(strobe);
            });
            access.taken.set(aw == 2 || w == 2);
            if aw == 2 && w == 2 && bvalid.is_high() {
                bready.set(0);
                access.done = true;
                let response = Self::response(bresp.get());
                self.answered("write", address, data, response);
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
    /// [`LiteError::Response`] unless OKAY; those of [`LiteMaster::write_with`].
    pub async fn write(&mut self, address: u64, data: u64) -> Result<(), LiteError> {
        match self.write_with(address, data, 0xff, 0).await? {
            Response::Okay => Ok(()),
            response => Err(LiteError::Response { access: "write", address, response }),
        }
    }

    /// Reads a word, whatever the response.
    ///
    /// # Errors
    /// As [`LiteMaster::write_with`].
    pub async fn read_with(&mut self, address: u64) -> Result<(u64, Response), LiteError> {
        let [arvalid, arready, araddr] = &self.ar;
        let [rvalid, rready, rdata, rresp] = &self.r;
        let mut ar = 0u8;
        let mut access = self.begin("read", address)?;
        rready.set(1);
        for _ in 0..self.limit {
            self.sim_progress(&mut ar, true, arvalid, arready, || araddr.set(address));
            access.taken.set(ar == 2);
            if ar == 2 && rvalid.is_high() {
                rready.set(0);
                access.done = true;
                let (data, response) = (rdata.get(), Self::response(rresp.get()));
                self.answered("read", address, data, response);
                return Ok((data, response));
            }
            self.clock.rising_edge().await;
        }
        Err(self.late(&format!("no answer to a read at {address:#x}")))
    }

    /// Reads a word.
    ///
    /// # Errors
    /// [`LiteError::Response`] unless OKAY; those of [`LiteMaster::write_with`].
    pub async fn read(&mut self, address: u64) -> Result<u64, LiteError> {
        match self.read_with(address).await? {
            (data, Response::Okay) => Ok(data),
            (_, response) => Err(LiteError::Response { access: "read", address, response }),
        }
    }
}
