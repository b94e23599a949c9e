// SPDX-License-Identifier: Apache-2.0
//! Clients that vanish, machines that fail, hosts that go down: nothing that was admitted is lost, nothing is wrong.

use crate::common::{CYCLES, Client, Start, ask, cycles, get, images, infer_body};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use systole_serve::{Server, Trouble, Troubles};

const INFER: &str = "/v2/models/digits/infer";

/// Sends images, each on a connection of its own, and waits for the headers of each.
async fn admitted(server: &Server, images: &[Vec<i8>]) -> Vec<(Client, crate::common::Answer)> {
    let mut clients = vec![];
    for image in images {
        let mut client = Client::new(server.address).await;
        client.post(INFER, "", infer_body(image, json!({})).as_bytes()).await.expect("sent");
        let head = client.head().await.expect("headers");
        assert_eq!(head.status, 200);
        clients.push((client, head));
    }
    clients
}

#[tokio::test]
async fn headers_come_before_and_the_body_when_they_say() {
    let server = Start { pace: 300_000.0, ..Start::default() }.digits().await; // 252 ms a run
    let set = images(3);
    let begin = Instant::now();
    let clients = admitted(&server, &set.images).await;
    assert!(begin.elapsed() < Duration::from_millis(200), "headers took {:?}", begin.elapsed());
    for (n, ((mut client, mut head), output)) in clients.into_iter().zip(&set.outputs).enumerate() {
        let host = Duration::from_micros(head.number("systole-host-us") as u64);
        client.body(&mut head).await.expect("a body");
        let took = begin.elapsed();
        assert!(took >= host && took < host + Duration::from_millis(400), "{n}: {took:?}, said {host:?}");
        assert_eq!(&head.data(), output);
    }
    server.stop().await.expect("it ends");
}

#[tokio::test]
async fn clients_that_vanish_disturb_nobody_and_their_time_is_given_to_others() {
    let server = Start { pace: 300_000.0, ..Start::default() }.digits().await;
    let set = images(6);
    let mut clients = admitted(&server, &set.images[..5]).await;
    let promised: Vec<f64> = clients.iter().map(|c| c.1.number("systole-start-us")).collect();
    tokio::time::sleep(Duration::from_millis(80)).await;
    drop(clients.remove(3)); // waits
    drop(clients.remove(0)); // runs
    // The one that comes now gets the place of the one that waited.
    let mut late = Client::new(server.address).await;
    tokio::time::sleep(Duration::from_millis(80)).await;
    late.post(INFER, "", infer_body(&set.images[5], json!({})).as_bytes()).await.expect("sent");
    let head = late.head().await.expect("headers");
    assert_eq!(head.number("systole-start-us"), promised[3]);
    clients.push((late, head));
    for ((mut client, mut head), n) in clients.into_iter().zip([1, 2, 4, 5]) {
        client.body(&mut head).await.expect("a body");
        assert_eq!(head.data(), set.outputs[n]);
        assert_eq!(head.json()["parameters"]["start_us"], head.number("systole-start-us"));
    }
    let (counts, _) = server.stop().await.expect("it ends");
    assert_eq!((counts.admitted, counts.vanished, counts.abandoned, counts.late), (6, 1, 1, 0));
    assert_eq!(counts.answered, 5); // the one that ran was answered to nobody
}

#[tokio::test]
async fn going_down_answers_what_is_admitted_and_refuses_the_rest() {
    let server = Start { pace: 50_000.0, ..Start::default() }.digits().await;
    let set = images(5);
    let clients = admitted(&server, &set.images).await;
    // Connections that are open are told; the listener goes last.
    server.drain();
    assert_eq!(get(&server, "/v2/health/ready").await.status, 503);
    assert_eq!(get(&server, "/v2/health/live").await.status, 200);
    let answer = ask(&server, INFER, "", infer_body(&set.images[0], json!({})).as_bytes()).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    let stop = tokio::spawn(server.stop());
    for ((mut client, mut head), output) in clients.into_iter().zip(&set.outputs) {
        client.body(&mut head).await.expect("a body");
        assert_eq!(&head.data(), output);
    }
    let (counts, _) = stop.await.expect("no panic").expect("it ends");
    assert_eq!((counts.admitted, counts.answered, counts.late, counts.refused), (5, 5, 0, [0, 0, 1, 0]));
}

/// Every kind of trouble, in runs that others wait behind.
#[tokio::test]
async fn a_machine_that_fails_in_the_middle_is_switched_on_again() {
    let troubles: Troubles = Arc::new(|run| match run {
        2 => Some(Trouble::Broken),
        5 | 6 => Some(Trouble::Cycles),
        9 => Some(Trouble::Panic),
        11 => Some(Trouble::Slow(Duration::from_millis(80))),
        _ => None,
    });
    let server = Start { pace: 1000.0, troubles: Some(troubles), ..Start::default() }.digits().await;
    let set = images(12);
    let clients = admitted(&server, &set.images).await;
    let mut last = 0;
    for ((mut client, mut head), output) in clients.into_iter().zip(&set.outputs) {
        client.body(&mut head).await.expect("a body");
        assert_eq!(&head.data(), output);
        let said = &head.json()["parameters"];
        assert_eq!(cycles(&said["finish_us"]) - cycles(&said["start_us"]), CYCLES);
        assert!(cycles(&said["start_us"]) > last);
        last = cycles(&said["finish_us"]);
    }
    let (counts, now) = server.stop().await.expect("it ends");
    assert_eq!((counts.admitted, counts.answered, counts.late, counts.failed), (12, 12, 0, 0));
    assert_eq!((counts.repeated, counts.power_ups), (4, 5));
    assert!(now.held > Duration::from_millis(50), "the clock waits for a late result: {:?}", now.held);
}

/// One request that no machine can run: its answer breaks off, so that nobody takes it for whole, and others are answered.
#[tokio::test]
async fn a_request_that_always_fails_is_given_up() {
    let troubles: Troubles = Arc::new(|run| (1..5).contains(&run).then_some(Trouble::Broken));
    let server = Start { pace: 1000.0, troubles: Some(troubles), ..Start::default() }.digits().await;
    let set = images(3);
    let clients = admitted(&server, &set.images).await;
    for (n, (mut client, mut head)) in clients.into_iter().enumerate() {
        let body = client.body(&mut head).await;
        assert_eq!(body.is_ok(), n != 1, "{n}");
        if n != 1 {
            assert_eq!(head.data(), set.outputs[n]);
        }
    }
    let (counts, _) = server.stop().await.expect("it ends");
    assert_eq!((counts.answered, counts.failed, counts.power_ups), (2, 1, 5));
}

/// All of it at once: more than fits, clients that go away whenever they like, a machine that fails now and then. Whoever stays is
/// answered as promised, and every request that was admitted is accounted for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm() {
    let troubles: Troubles = Arc::new(|run| match run % 61 {
        17 => Some(Trouble::Broken),
        33 => Some(Trouble::Cycles),
        50 => Some(Trouble::Panic),
        _ => None,
    });
    let server = Start { pace: 1500.0, deadline_us: Some(40.0), troubles: Some(troubles), ..Start::default() }.digits().await;
    let (address, set) = (server.address, Arc::new(images(64)));
    let end = Instant::now() + Duration::from_secs(if std::env::var_os("SYSTOLE_LONG").is_some() { 60 } else { 2 });
    let clients: Vec<_> = (0..80u64)
        .map(|seed| {
            let set = set.clone();
            tokio::spawn(async move {
                // Numbers that are as good as random here.
                let mut state = seed * 2 + 1;
                let mut draw = move |most: u64| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) % most
                };
                let (mut client, mut slots) = (Client::new(address).await, vec![]);
                while Instant::now() < end {
                    let image = draw(64) as usize;
                    client.post(INFER, "", infer_body(&set.images[image], json!({})).as_bytes()).await.expect("sent");
                    match draw(4) {
                        0 => {
                            // Gone, before or behind the headers, or in the middle.
                            tokio::time::sleep(Duration::from_millis(draw(60))).await;
                            client = Client::new(address).await;
                            continue;
                        }
                        1 => tokio::time::sleep(Duration::from_millis(draw(30))).await,
                        _ => {}
                    }
                    let answer = client.answer().await.expect("an answer");
                    assert!(answer.status == 200 || answer.status == 503, "{}", answer.status);
                    if answer.status == 200 {
                        assert_eq!(answer.data(), set.outputs[image]);
                        let said = &answer.json()["parameters"];
                        assert!(cycles(&said["finish_us"]) <= cycles(&said["deadline_us"]));
                        slots.push((cycles(&said["start_us"]), cycles(&said["finish_us"])));
                    }
                    tokio::time::sleep(Duration::from_millis(draw(40))).await;
                }
                slots
            })
        })
        .collect();
    let mut slots = vec![];
    for client in clients {
        slots.extend(client.await.expect("no client sees anything wrong"));
    }
    slots.sort_unstable();
    assert!(slots.iter().all(|(start, finish)| finish - start == CYCLES));
    assert!(slots.windows(2).all(|w| w[0].1 < w[1].0), "two on the machine at a time");
    let (counts, now) = server.stop().await.expect("it ends");
    assert_eq!(counts.admitted, counts.answered + counts.vanished);
    assert_eq!((counts.failed, counts.late, now.queue), (0, 0, 0));
    assert!(counts.answered >= slots.len() as u64 && slots.len() > 100, "{}", slots.len());
    assert!(counts.vanished > 5 && counts.repeated > 3 && counts.refused[0] > 0, "{counts:?}");
}
