// SPDX-License-Identifier: Apache-2.0
//! Texts: token by token, each when it was said, the same as a direct run writes.

use crate::common::{Client, Start, ask, cycles, get};
use serde_json::{Value, json};
use std::sync::Arc;
use systole_llm::tokenizer::Stream;
use systole_llm::{Float, Sampler};
use systole_serve::{Server, Trouble};

const TEXT: &str = "/v2/models/tales/generate";
const STREAM: &str = "/v2/models/tales/generate_stream";

fn events(body: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(body.to_vec()).expect("text");
    let event = |e: &str| serde_json::from_str(e.strip_prefix("data: ").expect("an event")).expect("JSON");
    text.split_terminator("\n\n").map(event).collect()
}

fn text_of(events: &[Value]) -> String {
    events.iter().map(|e| e["text_output"].as_str().expect("text")).collect()
}

async fn whole(server: &Server, body: &Value) -> Value {
    let answer = ask(server, TEXT, "", body.to_string().as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

#[tokio::test]
async fn a_stream_says_what_the_whole_says_and_each_token_is_in_time() {
    let server = Start { pace: 2.0, ..Start::default() }.tales().await;
    for (seed, temperature) in [(1, 0.0), (1, 1.0), (7, 1.0)] {
        let body = json!({"text_input": "Once there was", "id": "t", "parameters": {"max_tokens": 20, "temperature": temperature, "seed": seed}});
        let all = whole(&server, &body).await;
        let answer = ask(&server, STREAM, "", body.to_string().as_bytes()).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
        let events = events(&answer.body);
        assert_eq!(json!(text_of(&events)), all["text_output"]);
        assert_eq!((&events[0]["id"], &all["id"]), (&json!("t"), &json!("t")));
        let said = &all["parameters"];
        let (last, before) = events.split_last().expect("an event");
        assert!(before.iter().all(|e| e["parameters"]["finish_reason"].is_null()));
        assert_eq!(last["parameters"]["finish_reason"], said["finish_reason"]);
        // Token by token: the cycles of each follow from its position, a launch between two.
        let mut at = cycles(&json!(answer.number("systole-start-us")));
        for event in &events {
            at += event["parameters"]["cycles"].as_u64().expect("cycles");
            assert_eq!(cycles(&event["parameters"]["finish_us"]), at);
        }
        if said["finish_reason"] == "length" {
            assert_eq!((events.len(), at), (20, cycles(&json!(answer.number("systole-finish-us")))));
        }
    }
    let (counts, _) = server.stop().await.expect("it ends");
    assert_eq!((counts.answered, counts.late), (6, 0));
}

/// The likeliest tokens are those that the float model finds likeliest, but for rare ties: here for all.
#[tokio::test]
async fn the_text_is_the_models() {
    let server = Start { pace: 1.0, ..Start::default() }.tales().await;
    let all = whole(&server, &json!({"text_input": "Once there was", "max_tokens": 12})).await;
    let (model, tokenizer) = systole_llm::open(&systole_workloads::tales::file(), None).expect("the model");
    let mut tokens = vec![model.start];
    tokens.extend(tokenizer.encode("Once there was").expect("tokens"));
    let (mut float, mut sampler, mut stream) =
        (Float::new(&model), Sampler::new(0.0, 1.0, 1), Stream::new(&tokenizer, model.start));
    let prompt = tokens.len();
    let mut text = String::new();
    for pos in 0..prompt + 11 {
        let next = sampler.sample(&float.step(tokens[pos], pos));
        stream.push(tokens[pos]);
        if pos + 1 >= prompt {
            tokens.push(next);
            text += &Stream::new(&tokenizer, model.start).push(next);
        }
    }
    let strip = |text: &str| text.replace(' ', "");
    assert_eq!(strip(all["text_output"].as_str().expect("text")), strip(&text));
    server.stop().await.expect("it ends");
}

/// A machine that fails in the middle of a text: what was written runs again, and nobody sees a difference.
#[tokio::test]
async fn a_text_goes_on_where_the_machine_failed() {
    let body = json!({"text_input": "Once there was a", "max_tokens": 16, "temperature": 1.0, "seed": 3});
    let server = Start { pace: 1.0, ..Start::default() }.tales().await;
    let good = events(&ask(&server, STREAM, "", body.to_string().as_bytes()).await.body);
    server.stop().await.expect("it ends");
    let server = Start {
        pace: 1.0,
        troubles: Some(Arc::new(|run| [0, 5, 30].contains(&run).then_some(Trouble::Broken))),
        ..Start::default()
    };
    let server = server.tales().await;
    let again = events(&ask(&server, STREAM, "", body.to_string().as_bytes()).await.body);
    assert_eq!(text_of(&again), text_of(&good));
    let of = |events: &[Value]| events.iter().map(|e| e["parameters"]["cycles"].clone()).collect::<Vec<_>>();
    assert_eq!(of(&again), of(&good));
    let (counts, _) = server.stop().await.expect("it ends");
    assert!(counts.repeated >= 2 && counts.answered == 1 && counts.failed == 0);
}

#[tokio::test]
async fn a_reader_who_leaves_frees_the_machine_and_those_behind_come_earlier() {
    let server = Start { pace: 1000.0, ..Start::default() }.tales().await;
    let body = json!({"text_input": "", "temperature": 1.0, "seed": 2});
    let mut first = Client::new(server.address).await;
    first.post(STREAM, "", body.to_string().as_bytes()).await.expect("sent");
    let head = first.head().await.expect("headers");
    first.chunk().await.expect("a token");
    let mut second = Client::new(server.address).await;
    let asked = json!({"text_input": "Once", "max_tokens": 2}).to_string();
    second.post(TEXT, "", asked.as_bytes()).await.expect("sent");
    let mut behind = second.head().await.expect("headers");
    assert!(behind.number("systole-start-us") >= head.number("systole-finish-us"));
    drop(first);
    second.body(&mut behind).await.expect("a body");
    let said = behind.json()["parameters"].clone();
    assert!(cycles(&said["finish_us"]) < cycles(&json!(head.number("systole-finish-us"))), "{said}");
    let (counts, _) = server.stop().await.expect("it ends");
    assert_eq!((counts.admitted, counts.answered, counts.abandoned), (2, 1, 1));
}

#[tokio::test]
async fn texts_that_are_none_and_deadlines() {
    let server = Start { pace: 1.0, ..Start::default() }.tales().await;
    for (body, word) in [
        (json!({}), "text_input"),
        (json!({"text_input": 1}), "string"),
        (json!({"text_input": "a", "max_tokens": 0}), "max_tokens"),
        (json!({"text_input": "a", "max_tokens": 1.5}), "max_tokens"),
        (json!({"text_input": "a", "temperature": -1}), "temperature"),
        (json!({"text_input": "a", "parameters": {"top_p": 2}}), "top_p"),
        (json!({"text_input": "a", "seed": "x"}), "seed"),
        (json!({"text_input": "a", "parameters": 1}), "parameters"),
        (json!({"text_input": "Once there was a cat. ".repeat(100)}), "context"),
        (json!({"text_input": "\u{4e16}\u{754c}"}), "text_input"),
    ] {
        let answer = ask(&server, STREAM, "", body.to_string().as_bytes()).await;
        let error = answer.json()["error"].as_str().unwrap_or_default().to_string();
        assert!(answer.status == 400 && error.contains(word), "{body}: {} {error}", answer.status);
    }
    let estimate =
        ask(&server, "/v2/models/tales/estimate", "", json!({"text_input": "Once", "max_tokens": 5}).to_string().as_bytes())
            .await;
    let needed = estimate.json()["cycles"].as_u64().expect("cycles");
    for (deadline, status) in [(needed - 1, 504), (needed, 200)] {
        let body = json!({"text_input": "Once", "max_tokens": 5, "parameters": {"deadline_us": deadline as f64 / 100.0}});
        assert_eq!(ask(&server, TEXT, "", body.to_string().as_bytes()).await.status, status);
    }
    assert_eq!(ask(&server, "/v2/models/tales/infer", "", b"{}").await.status, 400);
    assert_eq!(get(&server, "/v2/models/tales").await.json()["inputs"][0]["datatype"], "BYTES");
    server.stop().await.expect("it ends");
}
