// SPDX-License-Identifier: Apache-2.0
//! The machine's thread: it switches the machine on, runs what the desk gives, and begins again where the machine fails.

use crate::desk::{Desk, Job, Parts, Ticket};
use crate::generate::Teller;
use crate::model::{Kind, Language, Served};
use crate::plan::{Encode, Plan, Text};
use crate::reply::Part;
use crate::timeline::LAUNCH;
use anyhow::{Result, anyhow, bail, ensure};
use axum::body::Bytes;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use systole_backends::{AnyTransport, Backend, on_machine};
use systole_host::{Driver, HostError, RunOutput};
use systole_llm::tokenizer::Stream;
use tokio::sync::Mutex;

type Machine = Driver<AnyTransport>;

/// What goes wrong with a run on purpose, in tests.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    /// The connection breaks in the middle.
    Broken,
    /// The machine counts another number of cycles.
    Cycles,
    /// It takes so long on the host.
    Slow(Duration),
    /// The simulation panics.
    Panic,
}

/// Says for each run, by its number from 0, what goes wrong with it.
pub type Troubles = Arc<dyn Fn(u64) -> Option<Trouble> + Send + Sync>;

/// How the machine is run.
#[derive(Clone)]
pub struct Setup {
    /// What runs it.
    pub backend: Backend,
    /// Its options.
    pub options: systole_chip::Options,
    /// The pace; none: one that the machine keeps up with.
    pub pace: Option<f64>,
    /// What goes wrong.
    pub troubles: Option<Troubles>,
    /// Told what an operator wants to know.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Runs of one request that may fail before it is given up.
const TRIES: u32 = 4;
/// Pauses before the machine is switched on again, while it does not come up.
const PAUSES: [u64; 5] = [0, 100, 500, 2000, 5000];

/// A request on the machine, and how often it was begun.
struct Hand {
    job: Job,
    tries: u32,
}

/// What is kept while the machine is switched off and on.
struct Bench {
    served: Arc<Served>,
    desk: Arc<Desk>,
    setup: Setup,
    hand: Mutex<Option<Hand>>,
    runs: std::cell::Cell<u64>,
    /// It was on since it was last switched on.
    was_on: std::cell::Cell<bool>,
    ever_on: std::cell::Cell<bool>,
    paced: std::cell::Cell<bool>,
}

/// Runs until the desk is drained.
pub fn run(served: Arc<Served>, desk: Arc<Desk>, setup: Setup) {
    let paced = setup.pace.is_some();
    let bench = Rc::new(Bench {
        served,
        desk,
        setup,
        hand: Mutex::new(None),
        runs: 0.into(),
        was_on: false.into(),
        ever_on: false.into(),
        paced: paced.into(),
    });
    let mut failures = 0;
    loop {
        bench.was_on.set(false);
        let b = bench.clone();
        let (backend, config, options) = (b.setup.backend, b.served.config.clone(), b.setup.options.clone());
        let result =
            catch_unwind(AssertUnwindSafe(|| on_machine(backend, &config, &options, async move |driver| b.work(driver).await)));
        let error = match result {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => anyhow!("the simulation panicked"),
        };
        if !bench.ever_on.get() {
            return bench.desk.never(format!("{error:#}"));
        }
        failures = if bench.was_on.get() { 0 } else { failures + 1 };
        bench.look_at_failure(&error, failures);
        if failures >= PAUSES.len() {
            (bench.setup.log)(&format!("the machine does not come up: {error:#}"));
            *bench.hand_now() = None;
            if bench.desk.down() {
                return;
            }
        }
        std::thread::sleep(Duration::from_millis(PAUSES[failures.min(PAUSES.len() - 1)]));
    }
}

impl Bench {
    fn hand_now(&self) -> tokio::sync::MutexGuard<'_, Option<Hand>> {
        self.hand.blocking_lock()
    }

    /// The request that ran is begun again, or given up.
    fn look_at_failure(&self, error: &anyhow::Error, failures: usize) {
        let mut hand = self.hand_now();
        let Some(h) = hand.as_mut() else {
            if failures < PAUSES.len() {
                (self.setup.log)(&format!("{error:#}; the machine is switched on again"));
            }
            return;
        };
        if failures > 0 {
            (self.setup.log)(&format!("{error:#}; the machine is switched on again"));
            return;
        }
        h.tries += 1;
        if h.tries >= TRIES {
            (self.setup.log)(&format!("{error:#}; request {} failed {TRIES} times and is given up", h.job.ticket.id));
            self.desk.fail(h.job.ticket.id);
            *hand = None; // its answer ends without a last part
        } else {
            (self.setup.log)(&format!("{error:#}; request {} is begun again", h.job.ticket.id));
            self.desk.count(|c| c.repeated += 1);
        }
    }

    async fn work(&self, driver: &mut Machine) -> Result<()> {
        let image = self.served.image();
        let on_board = matches!(driver.transport(), AnyTransport::Board(_));
        if !(on_board && driver.adopt(image).await.is_ok()) {
            driver.load(image).await?;
        }
        if let AnyTransport::Model(model) = driver.transport() {
            model.prepare()?;
        }
        let pace = if self.paced.get() { None } else { Some(self.pace(driver).await?) };
        self.paced.set(true);
        self.was_on.set(true);
        self.ever_on.set(true);
        self.desk.on(pace);
        let mut hand = self.hand.lock().await;
        loop {
            if hand.is_none() {
                let Some(job) = self.desk.begin() else { return Ok(()) };
                *hand = Some(Hand { job, tries: 0 });
            }
            if let Some(h) = hand.as_mut() {
                self.serve(driver, &mut h.job).await?;
            }
            *hand = None;
        }
    }

    /// Twice what the simulation takes, as a round number: the clock does not have to wait for it then.
    async fn pace(&self, driver: &mut Machine) -> Result<f64> {
        let mut took = vec![];
        let begin = Instant::now();
        let mut cycles = 1;
        while took.len() < 3 || (took.len() < 20 && begin.elapsed() < Duration::from_millis(300)) {
            let at = Instant::now();
            cycles = match &self.served.kind {
                Kind::Network(n) => driver.run(&n.some_frame()).await?.cycles,
                Kind::Language(l) => driver.run_chunk(0, 0, &[l.start as u32]).await?.cycles,
            };
            took.push(at.elapsed().as_secs_f64() * 1e6);
            if begin.elapsed() > Duration::from_secs(2) {
                break;
            }
        }
        took.sort_by(f64::total_cmp);
        // Less than 200 us for a run is less than its connection takes.
        let host = (2.0 * took[took.len() / 2]).max(200.0);
        Ok(round(host / self.desk.rate().micros(cycles)))
    }

    async fn serve(&self, driver: &mut Machine, job: &mut Job) -> Result<()> {
        let Job { ticket, plan, parts } = job;
        match (&self.served.kind, plan) {
            (Kind::Network(n), Plan::Network { frames, done, encode }) => {
                let mut host = Duration::ZERO;
                while done.len() < frames.len() {
                    let at = done.len() as u64;
                    let begin = Instant::now();
                    let run = self.tried(driver.run(&frames[done.len()])).await?;
                    ensure!(run.cycles == n.cycles, "{} cycles measured, {} predicted", run.cycles, n.cycles);
                    host += begin.elapsed();
                    done.push(run.frame);
                    if done.len() < frames.len() {
                        let end = ticket.start + at * (n.cycles + LAUNCH) + n.cycles;
                        self.desk.step(ticket.id, end, end + LAUNCH + n.cycles);
                    }
                }
                let answer = written(encode, done)?;
                self.desk.step(ticket.id, ticket.finish, u64::MAX);
                // First its place, then the answer: who reads it and asks again finds the machine free.
                self.desk.over(ticket, ticket.finish, Some((ticket.finish - ticket.start, host)));
                let _ = parts.send(Part::Last(answer));
                Ok(())
            }
            (Kind::Language(l), Plan::Text(text)) => self.write(driver, l, ticket, text, parts).await,
            _ => bail!("a request of another model"),
        }
    }

    /// A run, with what goes wrong on purpose.
    async fn tried(&self, run: impl Future<Output = Result<RunOutput, HostError>>) -> Result<RunOutput> {
        let number = self.runs.get();
        self.runs.set(number + 1);
        let trouble = self.setup.troubles.as_ref().and_then(|t| t(number));
        match trouble {
            Some(Trouble::Broken) => bail!("the connection broke (on purpose)"),
            Some(Trouble::Panic) => panic!("on purpose"),
            Some(Trouble::Slow(time)) => std::thread::sleep(time),
            Some(Trouble::Cycles) | None => {}
        }
        let mut run = run.await?;
        run.cycles += u64::from(matches!(trouble, Some(Trouble::Cycles)));
        Ok(run)
    }

    /// Writes a text, or goes on with one whose machine failed: what was written runs again, unseen, for its keys and values.
    async fn write(&self, driver: &mut Machine, l: &Language, ticket: &Ticket, text: &mut Text, parts: &Parts) -> Result<()> {
        let mut stream = Stream::new(&l.tokenizer, l.start);
        let vocab = l.quantised.sizes.vocab;
        for &token in &text.tokens {
            stream.push(token);
        }
        let teller = Teller { model: &self.served.name, id: text.id.clone(), rate: self.desk.rate() };
        let (mut end, mut since, mut host) = (ticket.start, ticket.start, Duration::ZERO);
        for at in 0..text.steps.len() {
            let step = text.steps[at];
            let behind = step.pos + step.rows;
            end += step.cycles + if at > 0 { LAUNCH } else { 0 };
            let chunk: Vec<u32> = text.tokens[step.pos..behind].iter().map(|&t| t as u32).collect();
            let begin = Instant::now();
            let run = self.tried(driver.run_chunk(step.entry, step.pos as u32, &chunk)).await?;
            ensure!(run.cycles == step.cycles, "{} cycles measured, {} predicted", run.cycles, step.cycles);
            host += begin.elapsed();
            let again = at < text.done;
            if !again {
                text.done = at + 1;
            }
            if again || behind < text.prompt {
                if !again {
                    self.next(ticket, end, text.steps.get(at + 1).map(|s| s.cycles));
                } else if behind >= text.prompt {
                    since = end;
                }
                continue;
            }
            let logits: Vec<f32> =
                run.frame.chunks_exact(4).take(vocab).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            let token = text.sampler.sample(&logits);
            let ended = l.quantised.ends.contains(&token) || token == l.start;
            let mut piece = String::new();
            if !ended {
                text.tokens.push(token);
                piece = stream.push(token);
                self.desk.count(|c| c.tokens += 1);
            }
            let reason = if ended { Some("stop") } else { (at + 1 == text.steps.len()).then_some("length") };
            if reason.is_some() {
                piece += &std::mem::replace(&mut stream, Stream::new(&l.tokenizer, l.start)).finish();
            }
            text.text += &piece;
            let next = if reason.is_some() { None } else { text.steps.get(at + 1).map(|s| s.cycles) };
            self.next(ticket, end, next);
            let index = text.tokens.len() - text.prompt - usize::from(!ended);
            let part = match (text.stream, reason) {
                (true, _) => Some(teller.event(&piece, (!ended).then_some(token), index, end - since, end, reason)),
                (false, Some(reason)) => Some(teller.whole(text, ticket, end, reason)),
                (false, None) => None,
            };
            since = end;
            let left = parts.is_closed();
            if reason.is_some() || left {
                self.desk.over(ticket, end, reason.map(|_| (end - ticket.start, host)));
            }
            if let Some(part) = part {
                let _ = parts.send(if reason.is_some() { Part::Last(part) } else { Part::More(part) });
            }
            if reason.is_some() || left {
                return Ok(());
            }
        }
        bail!("a text without an end")
    }

    /// A step is over in cycle `end`; the next one takes so many.
    fn next(&self, ticket: &Ticket, end: u64, cycles: Option<u64>) {
        self.desk.step(ticket.id, end, cycles.map_or(u64::MAX, |cycles| end + LAUNCH + cycles));
    }
}

/// The answer; what it does not take is a fault of the machine.
fn written(encode: &Encode, done: &[Vec<u8>]) -> Result<Bytes> {
    encode(done).map_err(|e| anyhow!(e))
}

/// The next of 1, 2, 5, 10, ..
fn round(pace: f64) -> f64 {
    let ten = 10f64.powf(pace.max(1.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|n| n * ten).into_iter().find(|&n| n >= pace).unwrap_or(10.0 * ten)
}

#[cfg(test)]
mod tests {
    use super::round;

    #[test]
    fn paces_are_round() {
        for (pace, want) in [(0.1, 1.0), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (99.0, 100.0), (238.0, 500.0), (500.0, 500.0)] {
            assert!((round(pace) - want).abs() < 1e-6, "{pace}");
        }
    }
}
