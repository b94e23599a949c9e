// SPDX-License-Identifier: Apache-2.0
//! Runs that follow by themselves (docs/registers.md): the chip writes what the host would have, in as many cycles and one for each
//! launch; what ends it, and what the host may write meanwhile. On RTL and on the instruction-level model.

use systole_backends::{AnyTransport, Backend, on_machine};
use systole_compiler::{Decoder, compile_decoder};
use systole_host::{Driver, HostError, RunOutput, Series, Transport};
use systole_isa::Config;
use systole_isa::regs::offset;
use systole_llm::{Options, Sizes, quantise, samples};

const BOTH: [Backend; 2] = [Backend::Rtl, Backend::Model];
/// Tokens of the random model, and its context.
const VOCAB: u32 = 9;
const CONTEXT: u32 = 16;
/// Of a model that behind this token writes 1, 5 from position 4 on, 7 from 12 on.
const SEED: u64 = 2726;
const FIRST: u32 = 5;

fn config() -> Config {
    Config::named("tiny,VEC_LANES=4").unwrap()
}

fn decoder() -> Decoder {
    let sizes = Sizes::new([16, 12, 1, 4, 2, VOCAB.into(), CONTEXT.into()]).unwrap();
    let q = quantise(&samples::model(sizes, false, SEED), &Options { calibration: 16, seed: SEED, ..Options::default() });
    compile_decoder(&q, &config(), "random").unwrap_or_else(|e| panic!("{e}"))
}

/// A job on a machine with the model loaded.
fn loaded<T: 'static>(
    backend: Backend,
    options: &systole_chip::Options,
    job: impl AsyncFnOnce(&mut Driver<AnyTransport>, &Decoder) -> T + 'static,
) -> T {
    on_machine(backend, &config(), options, async move |driver| {
        let d = decoder();
        driver.load(&d.image).await?;
        Ok(job(driver, &d).await)
    })
    .unwrap_or_else(|e| panic!("{e:#}"))
}

async fn read(driver: &mut Driver<AnyTransport>, name: &str) -> u32 {
    driver.transport().read(offset(name)).await.unwrap()
}

async fn write(driver: &mut Driver<AnyTransport>, name: &str, value: u32) -> Result<(), HostError> {
    driver.transport().write(offset(name), value).await
}

/// Until no run is on and none waits.
async fn wait_idle(driver: &mut Driver<AnyTransport>) {
    for _ in 0..10_000 {
        if read(driver, "AUTO").await == 0 && read(driver, "STATUS").await & 0b11 == 0 {
            return;
        }
        driver.transport().pause(20).await.unwrap();
    }
    panic!("the machine does not come to rest");
}

/// By the host: each run, and the token that it chose, which is the next one's.
async fn by_host(driver: &mut Driver<AnyTransport>, pos: u32, tok: u32, runs: u32) -> Vec<(RunOutput, u32)> {
    let (mut all, mut tok) = (vec![], tok);
    for pos in pos..pos + runs {
        let run = driver.run_token(pos, tok).await.unwrap();
        tok = read(driver, "ARGMAX").await;
        all.push((run, tok));
    }
    all
}

/// By the chip: the same, with the runs that ended and the cycles of all.
async fn by_chip(driver: &mut Driver<AnyTransport>, series: Series) -> (Vec<(RunOutput, u32)>, u64, u64) {
    let mut all = vec![];
    let end = driver.run_tokens(series, |run| {
        let seen = run.seen.expect("a host that is fast enough");
        all.push((RunOutput { frame: run.frame, cycles: seen.cycles }, seen.chosen));
        true
    });
    let end = end.await.unwrap();
    (all, end.runs, end.cycles)
}

fn cycles(runs: &[(RunOutput, u32)]) -> u64 {
    runs.iter().map(|r| r.0.cycles).sum()
}

#[test]
fn the_chip_writes_what_the_host_would_a_cycle_from_end_to_launch() {
    for backend in BOTH {
        loaded(backend, &Default::default(), async move |driver, d| {
            let runs = CONTEXT - 1;
            let host = by_host(driver, 0, FIRST, runs).await;
            assert!(host.windows(2).any(|w| w[0].1 != w[1].1), "a text of more than one token: {host:?}");
            let before = read(driver, "RUNS").await;
            let (chip, ended, span) = by_chip(driver, Series { pos: 0, tok: FIRST, runs, stop: None }).await;
            assert_eq!(chip, host, "every logit, cycle and choice on {backend:?}");
            assert!(chip.iter().enumerate().all(|(pos, r)| r.0.cycles == d.cycles_at(pos)));
            assert_eq!((ended, span), (runs.into(), cycles(&host) + u64::from(runs) - 1), "launches on {backend:?}");
            let after = [read(driver, "RUNS").await - before, read(driver, "AUTO").await, read(driver, "POS").await];
            assert_eq!(after, [runs, 0, runs - 1]);
            // One alone, and some from the middle: the cache is that of the same text.
            assert_eq!(
                by_chip(driver, Series { pos: 0, tok: FIRST, runs: 1, stop: None }).await,
                (host[..1].to_vec(), 1, host[0].0.cycles)
            );
            let middle = Series { pos: 7, tok: host[6].1, runs: 5, stop: None };
            assert_eq!(by_chip(driver, middle).await, (host[7..12].to_vec(), 5, cycles(&host[7..12]) + 4));
        });
    }
}

#[test]
fn the_run_that_chooses_the_stop_token_is_the_last() {
    for backend in BOTH {
        loaded(backend, &Default::default(), async move |driver, _| {
            let host = by_host(driver, 0, FIRST, CONTEXT - 1).await;
            // The choice that comes latest for the first time: a stop token in the middle of the text.
            let first = |token| host.iter().position(|r| r.1 == token).unwrap();
            let stop = host.iter().map(|r| r.1).max_by_key(|&token| first(token)).unwrap();
            let until = first(stop) + 1;
            assert!(until > 1 && until < host.len(), "{until}");
            let series = Series { pos: 0, tok: FIRST, runs: CONTEXT - 1, stop: Some(stop) };
            let (chip, ended, span) = by_chip(driver, series).await;
            assert_eq!((chip.as_slice(), ended), (&host[..until], until as u64));
            assert_eq!(span, cycles(&host[..until]) + until as u64 - 1);
            // POS and TOK stay those of the last run.
            let now = [read(driver, "AUTO").await, read(driver, "POS").await, read(driver, "TOK").await];
            assert_eq!(now, [0, until as u32 - 1, host[until - 2].1]);
            // A token that is not enabled stops nothing.
            write(driver, "STOP", stop).await.unwrap();
            write(driver, "POS", 0).await.unwrap();
            write(driver, "TOK", FIRST).await.unwrap();
            write(driver, "AUTO", CONTEXT - 2).await.unwrap();
            write(driver, "OUT_BYTES", 0).await.unwrap();
            write(driver, "START", 1).await.unwrap();
            wait_idle(driver).await;
            assert_eq!(read(driver, "POS").await, CONTEXT - 2);
        });
    }
}

#[test]
fn without_output_it_needs_no_host() {
    for backend in BOTH {
        loaded(backend, &Default::default(), async move |driver, _| {
            let runs = CONTEXT - 1;
            let host = by_host(driver, 0, FIRST, runs).await;
            let frames = read(driver, "EVENT_FRAMES_OUT").await;
            let before = read(driver, "RUNS").await;
            for (name, value) in
                [("OUT_BYTES", 0), ("IRQ_ENABLE", 0), ("POS", 0), ("TOK", FIRST), ("STOP", 0), ("AUTO", runs - 1), ("START", 1)]
            {
                write(driver, name, value).await.unwrap();
            }
            driver.transport().pause(2 * cycles(&host)).await.unwrap();
            assert_eq!([read(driver, "AUTO").await, read(driver, "STATUS").await & 0b11], [0, 0], "it is over");
            let now = [read(driver, "RUNS").await - before, read(driver, "POS").await, read(driver, "ARGMAX").await];
            assert_eq!(now, [runs, runs - 1, host.last().unwrap().1]);
            assert_eq!(u64::from(read(driver, "AUTO_CYCLES").await), cycles(&host) + u64::from(runs) - 1);
            assert_eq!(read(driver, "EVENT_FRAMES_OUT").await, frames, "nothing was sent");
        });
    }
}

#[test]
fn a_host_that_does_not_take_its_frames_holds_launches_up_and_nothing_else() {
    let options = systole_chip::Options { pause: 0.99, seed: 5, ..Default::default() };
    loaded(Backend::Rtl, &options, async |driver, _| {
        let host = by_host(driver, 0, FIRST, 8).await;
        let mut frames = vec![];
        let end = driver.run_tokens(Series { pos: 0, tok: FIRST, runs: 8, stop: None }, |run| {
            assert!(run.seen.is_none_or(
                    |s| s == systole_host::Seen { cycles: host[frames.len()].0.cycles, chosen: host[frames.len()].1 }
                ));
            frames.push(run.frame);
            true
        });
        let end = end.await.unwrap();
        assert!(frames.iter().eq(host.iter().map(|h| &h.0.frame)), "every logit");
        assert!(end.cycles > cycles(&host) + 7, "{} cycles, {} of runs: launches waited for room", end.cycles, cycles(&host));
    });
}

#[test]
fn an_abandoned_series_ends_with_the_run_that_is_on() {
    for backend in BOTH {
        loaded(backend, &Default::default(), async move |driver, _| {
            let host = by_host(driver, 0, FIRST, 8).await;
            let mut told = 0;
            let end = driver.run_tokens(Series { pos: 0, tok: FIRST, runs: 8, stop: None }, |_| {
                told += 1;
                told < 2
            });
            let end = end.await.unwrap();
            assert!(told == 2 && (2..5).contains(&end.runs), "{end:?}");
            assert_eq!([read(driver, "AUTO").await, read(driver, "STATUS").await & 0b111], [0, 0]);
            assert_eq!(read(driver, "POS").await, end.runs as u32 - 1, "POS stays with the last run");
            assert_eq!(by_host(driver, 0, FIRST, 8).await, host, "the machine is as ever");
        });
    }
}

/// A long series without output, under way.
async fn begin(driver: &mut Driver<AnyTransport>, auto: u32) {
    for (name, value) in
        [("OUT_BYTES", 0), ("IRQ_ENABLE", 0), ("POS", 0), ("TOK", FIRST), ("STOP", 0), ("AUTO", auto), ("START", 1)]
    {
        write(driver, name, value).await.unwrap();
    }
}

#[test]
fn what_the_host_writes_meanwhile() {
    for backend in BOTH {
        loaded(backend, &Default::default(), async move |driver, _| {
            let before = read(driver, "RUNS").await;
            begin(driver, 9).await;
            // The token is the machine's.
            for name in ["POS", "TOK"] {
                assert!(matches!(write(driver, name, 1).await, Err(HostError::Refused { access: "write", .. })), "{name}");
            }
            // One more run, queued: in all as many as starts and AUTO together.
            write(driver, "START", 1).await.unwrap();
            assert_eq!(read(driver, "STATUS").await >> 2 & 1, 1, "QUEUED");
            wait_idle(driver).await;
            assert_eq!([read(driver, "RUNS").await - before, read(driver, "POS").await], [11, 9]);
            assert_eq!(read(driver, "ERROR").await, 0);
            // AUTO counts from what is written; 0 is the end.
            begin(driver, 9).await;
            let at = read(driver, "POS").await;
            write(driver, "AUTO", 2).await.unwrap();
            wait_idle(driver).await;
            assert_eq!(read(driver, "POS").await, at + 2);
            begin(driver, 9).await;
            let at = read(driver, "POS").await;
            write(driver, "AUTO", 0).await.unwrap();
            wait_idle(driver).await;
            assert_eq!(read(driver, "POS").await, at);
            write(driver, "POS", 0xabcd).await.unwrap();
            assert_eq!(read(driver, "POS").await, 0xabcd, "POS is the host's again");
            // START bit 1.
            begin(driver, 9).await;
            let at = read(driver, "POS").await;
            write(driver, "START", 2).await.unwrap();
            assert_eq!(read(driver, "AUTO").await, 0);
            wait_idle(driver).await;
            assert_eq!(read(driver, "POS").await, at);
            // Registers keep their own bits.
            write(driver, "STOP", 0xffff_1234).await.unwrap();
            write(driver, "AUTO", 0xffff_0000).await.unwrap();
            assert_eq!([read(driver, "STOP").await, read(driver, "AUTO").await], [0x1_1234, 0]);
            // Reset ends it.
            begin(driver, 9).await;
            driver.transport().power_cycle().await.unwrap();
            driver.wait_rram().await.unwrap();
            assert_eq!([read(driver, "AUTO").await, read(driver, "STOP").await, read(driver, "RUNS").await], [0, 0, 0]);
        });
    }
}

#[test]
fn an_error_ends_it() {
    loaded(Backend::Rtl, &Default::default(), async |driver, _| {
        begin(driver, 9).await;
        driver.transport().send_image(&[0; 16]).await.unwrap();
        assert_eq!(read(driver, "ERROR").await, 4, "UPLOAD_RUNNING");
        assert_eq!(read(driver, "AUTO").await, 0);
        write(driver, "AUTO", 5).await.unwrap();
        assert_eq!(read(driver, "AUTO").await, 0, "it stays 0");
        wait_idle(driver).await;
        assert!(read(driver, "POS").await < 2);
        driver.clear_error().await.unwrap();
        write(driver, "AUTO", 5).await.unwrap();
        assert_eq!(read(driver, "AUTO").await, 5);
    });
}

#[test]
fn a_run_that_reads_poison_is_the_last() {
    loaded(Backend::Rtl, &Default::default(), async |driver, d| {
        // Two wrong bits in every word of weights.
        write(driver, "RRAM_INJECT", 3 | 9 << 8 | 3 << 16).await.unwrap();
        driver.load(&d.image).await.unwrap();
        let before = read(driver, "RUNS").await;
        let poisoned = driver.run_tokens(Series { pos: 0, tok: FIRST, runs: 8, stop: None }, |_| true).await;
        assert!(matches!(poisoned, Err(HostError::Machine { name: "RRAM_POISON", .. })), "{poisoned:?}");
        wait_idle(driver).await;
        assert_eq!([read(driver, "RUNS").await - before, read(driver, "POS").await, read(driver, "TOK").await], [1, 0, FIRST]);
    });
}

#[test]
fn a_machine_without_vector_unit_has_none_of_it() {
    for backend in BOTH {
        on_machine(backend, &Config::named("tiny").unwrap(), &Default::default(), async |driver| {
            for name in ["POS", "TOK", "TOK1", "TOK7", "ENTRY", "AUTO", "STOP", "AUTO_CYCLES"] {
                assert!(matches!(driver.transport().read(offset(name)).await, Err(HostError::Refused { .. })), "{name}");
                assert!(matches!(driver.transport().write(offset(name), 1).await, Err(HostError::Refused { .. })), "{name}");
            }
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e:#}"));
    }
}
