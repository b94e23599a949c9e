// SPDX-License-Identifier: Apache-2.0
//! A host that serves a model: the inference protocol v2 over HTTP, in front of a machine whose durations are known (docs/serving.md).
//!
//! A request that is there gets a place on the machine's clock, or is refused at once: whatever is admitted is answered by its
//! deadline, and the headers of its answer say when before it runs.
//!
//! ```text
//! connections -> routes -> infer | generate -> desk [timeline, clock] -> machine's thread -> driver -> chip
//!                  ^          refused at once <-'          parts of the answer, when the clock is there
//!                  '-----------------------------------------'
//! ```

mod clock;
mod desk;
mod generate;
mod infer;
mod machine;
mod metrics;
mod model;
mod plan;
mod reply;
mod routes;
mod tensor;
mod timeline;

pub use clock::Rate;
pub use machine::{Setup, Trouble, Troubles};
pub use metrics::{Counts, Now};
pub use model::{Kind, Language, Network, Port, Served};

use anyhow::{Context, Result, bail};
use axum::serve::ListenerExt;
use desk::Desk;
use routes::{Host, router};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How requests are taken.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Where: `HOST:PORT`.
    pub address: String,
    /// The machine's clock, MHz.
    pub mhz: f64,
    /// Requests that may wait and run at a time.
    pub queue: usize,
    /// The deadline of requests that have none, microseconds of the machine's clock; none: a hundred times the longest request.
    pub deadline_us: Option<f64>,
}

/// A server that runs.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    desk: Arc<Desk>,
    stop: tokio::sync::watch::Sender<bool>,
    http: tokio::task::JoinHandle<std::io::Result<()>>,
    machine: std::thread::JoinHandle<()>,
    deadline_us: f64,
}

/// How long connections have to take their answers once all of them are given.
const FAREWELL: Duration = Duration::from_secs(5);

impl Server {
    /// Listens, and switches the machine on.
    ///
    /// # Errors
    /// An address that cannot be had.
    pub async fn start(served: Served, setup: Setup, terms: &Terms) -> Result<Server> {
        let listener = TcpListener::bind(&terms.address).await.with_context(|| format!("cannot listen at {}", terms.address))?;
        let address = listener.local_addr()?;
        // A body leaves when its time has come, and does not wait for what acknowledges its headers.
        let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
        let rate = Rate { mhz: terms.mhz, pace: setup.pace.unwrap_or(1.0) };
        let early = matches!(served.kind, Kind::Language(_));
        let desk = Desk::new(rate, terms.queue, early);
        let deadline_us = terms.deadline_us.unwrap_or(100.0 * rate.micros(served.longest()));
        let served = Arc::new(served);
        let host = Host { served: served.clone(), desk: desk.clone(), deadline_us };
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let told = async move {
            let _ = stopped.wait_for(|&on| on).await;
        };
        let http = tokio::spawn(axum::serve(listener, router(Arc::new(host))).with_graceful_shutdown(told).into_future());
        let thread = std::thread::Builder::new().name("machine".into());
        let (its_desk, its_setup) = (desk.clone(), setup);
        let machine = thread.spawn(move || machine::run(served, its_desk, its_setup))?;
        Ok(Server { address, desk, stop, http, machine, deadline_us })
    }

    /// Waits until requests are taken, or the host goes down.
    ///
    /// # Errors
    /// Why the machine does not come up.
    pub async fn ready(&self) -> Result<()> {
        loop {
            let changed = self.desk.changed.notified();
            if let Some(why) = self.desk.stillborn() {
                bail!(why);
            }
            if self.desk.is_ready() || self.desk.is_draining() {
                return Ok(());
            }
            // What changed between the lines above wakes nobody.
            let _ = tokio::time::timeout(Duration::from_millis(100), changed).await;
        }
    }

    /// What was counted, and how things stand.
    pub fn look(&self) -> (Counts, Now) {
        self.desk.look()
    }

    /// The deadline of requests that have none, microseconds of the machine's clock.
    pub fn deadline_us(&self) -> f64 {
        self.deadline_us
    }

    /// Nothing more is admitted; health says so.
    pub fn drain(&self) {
        self.desk.drain();
    }

    /// Answers what is admitted, refuses what comes, and ends.
    ///
    /// # Errors
    /// What the listener says.
    pub async fn stop(self) -> Result<(Counts, Now)> {
        self.desk.drain();
        loop {
            let changed = self.desk.changed.notified();
            if self.desk.is_empty() {
                break;
            }
            let _ = tokio::time::timeout(Duration::from_millis(100), changed).await;
        }
        let _ = self.stop.send(true);
        let mut http = self.http;
        match tokio::time::timeout(FAREWELL, &mut http).await {
            Ok(ended) => ended??,
            Err(_) => http.abort(),
        }
        let machine = self.machine;
        let _ = tokio::task::spawn_blocking(move || machine.join()).await?;
        Ok(self.desk.look())
    }
}
