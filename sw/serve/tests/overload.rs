// SPDX-License-Identifier: Apache-2.0
//! Ten times the load that fits: what is admitted is answered in time and right, the rest is refused at once.
//!
//! Two seconds of it; with SYSTOLE_LONG=1 ten minutes, and figures (--nocapture).

mod common;

use common::{CYCLES, Client, Start, cycles, images, infer_body};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const INFER: &str = "/v2/models/digits/infer";
/// Microseconds of the machine's clock: some fifty runs.
const DEADLINE: f64 = 42.0;
/// 2.1 ms of the host a run.
const PACE: f64 = 2500.0;
const CLIENTS: usize = 160;

/// What clients saw.
#[derive(Default)]
struct Seen {
    /// Start and end on the machine's clock.
    slots: Vec<(u64, u64)>,
    /// From the request to the end of the answer on the host, and what its headers said of it; microseconds.
    admitted: Vec<(u64, u64)>,
    /// From the request to the refusal.
    refused: Vec<u64>,
    wrong: usize,
}

fn quantile(values: &mut [u64], share: f64) -> u64 {
    values.sort_unstable();
    values.get(((values.len() as f64 * share).ceil() as usize).saturating_sub(1)).copied().unwrap_or(0)
}

#[test]
fn ten_times_the_load_that_fits() {
    let long = std::env::var_os("SYSTOLE_LONG").is_some();
    let time = Duration::from_secs(if long { 600 } else { 2 });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let set = Arc::new(images(450));
    let (mut seen, server_saw, elapsed, requests) = runtime.block_on(async {
        let server = Start { pace: PACE, deadline_us: Some(DEADLINE), ..Start::default() }.digits().await;
        let address = server.address;
        // Requests begin at their own times, however long the answers to others take.
        let between = Duration::from_secs_f64(CYCLES as f64 / 100.0 * PACE / 1e6 / 11.0);
        let (next, begin) = (Arc::new(AtomicU64::new(0)), Instant::now());
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (set, next) = (set.clone(), next.clone());
                tokio::spawn(async move {
                    let (mut client, mut seen) = (Client::new(address).await, Seen::default());
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        let at = begin + between * u32::try_from(n).expect("not so many");
                        if at > begin + time {
                            return seen;
                        }
                        tokio::time::sleep_until(at.into()).await;
                        let image = n as usize % set.images.len();
                        let asked = Instant::now();
                        client.post(INFER, "", infer_body(&set.images[image], json!({})).as_bytes()).await.expect("sent");
                        let answer = client.answer().await.expect("an answer");
                        let took = asked.elapsed().as_micros() as u64;
                        if answer.status == 503 {
                            seen.refused.push(took);
                            continue;
                        }
                        assert_eq!(answer.status, 200, "{}", answer.json());
                        let said = &answer.json()["parameters"];
                        assert!(cycles(&said["finish_us"]) <= cycles(&said["arrival_us"]) + (DEADLINE * 100.0) as u64);
                        seen.slots.push((cycles(&said["start_us"]), cycles(&said["finish_us"])));
                        seen.admitted.push((took, answer.number("systole-host-us") as u64));
                        seen.wrong += usize::from(answer.data() != set.outputs[image]);
                    }
                })
            })
            .collect();
        let mut all = Seen::default();
        for client in clients {
            let seen = client.await.expect("it ends");
            all.slots.extend(seen.slots);
            all.admitted.extend(seen.admitted);
            all.refused.extend(seen.refused);
            all.wrong += seen.wrong;
        }
        let elapsed = begin.elapsed();
        (all, server.stop().await.expect("it ends"), elapsed, next.load(Ordering::Relaxed))
    });
    let (counts, now) = server_saw;
    // Nothing lost, nothing late, nothing wrong.
    assert_eq!((seen.wrong, counts.late, counts.failed, counts.vanished), (0, 0, 0, 0));
    assert_eq!((counts.admitted, counts.answered), (seen.slots.len() as u64, seen.slots.len() as u64));
    assert_eq!(counts.refused.iter().sum::<u64>(), seen.refused.len() as u64);
    // One machine, every run as long as every other.
    seen.slots.sort_unstable();
    assert!(seen.slots.iter().all(|(start, finish)| finish - start == CYCLES));
    assert!(seen.slots.windows(2).all(|w| w[0].1 < w[1].0));
    assert_eq!(
        (counts.service.quantile(0.5), counts.service.quantile(0.99), counts.service.quantile(1.0)),
        (CYCLES, CYCLES, CYCLES)
    );
    // The machine was never idle for long, and there was ten times as much as it can do.
    let most = now.cycle as f64 / (CYCLES + 1) as f64;
    let offered = (seen.slots.len() + seen.refused.len()) as f64 / most;
    let busy = seen.slots.len() as f64 / most;
    // Beside other tests clients may not come to more.
    assert!(offered > if long { 10.0 } else { 4.0 }, "{offered} times the load that fits");
    assert!(busy > 0.9, "{busy} of the machine's time");
    let mut machine: Vec<u64> = seen.slots.iter().map(|s| s.1 - s.0).collect();
    let (mut took, mut behind): (Vec<u64>, Vec<u64>) =
        seen.admitted.iter().map(|&(took, said)| (took, took.saturating_sub(said))).unzip();
    let us = |cycles: u64| cycles as f64 / 100.0;
    let ms = |us: u64| us as f64 / 1e3;
    println!("{requests} requests in {:.1} s, {offered:.2} times what fits", elapsed.as_secs_f64());
    println!(
        "admitted {}, answered {}, late {}, wrong {}; refused {}",
        counts.admitted,
        counts.answered,
        counts.late,
        seen.wrong,
        seen.refused.len()
    );
    println!(
        "the machine was busy for {:.1} % of {:.6} s of its clock, which waited {:.3} s of the host's",
        100.0 * busy,
        now.cycle as f64 / 1e8,
        now.held.as_secs_f64()
    );
    let (p50, p99) = (us(quantile(&mut machine, 0.5)), us(quantile(&mut machine, 0.99)));
    println!("service time, machine's clock: p50 {p50} us, p99 {p99} us, p99 / p50 = {:.2}", p99 / p50);
    let h = |share| counts.service_host.quantile(share) as f64 / 1e3;
    println!("service time, host (simulation): p50 {:.1} us, p99 {:.1} us, p99 / p50 = {:.2}", h(0.5), h(0.99), h(0.99) / h(0.5));
    println!("answers, host: p50 {:.1} ms, p99 {:.1} ms", ms(quantile(&mut took, 0.5)), ms(quantile(&mut took, 0.99)));
    println!(
        "answers behind what their headers said, host: p50 {:.2} ms, p99 {:.2} ms",
        ms(quantile(&mut behind, 0.5)),
        ms(quantile(&mut behind, 0.99))
    );
    println!(
        "refusals, host: p50 {:.2} ms, p99 {:.2} ms",
        ms(quantile(&mut seen.refused, 0.5)),
        ms(quantile(&mut seen.refused, 0.99))
    );
}
