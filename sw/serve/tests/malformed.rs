// SPDX-License-Identifier: Apache-2.0
//! Requests that are none: 400 and a sentence, and the next one is answered.

use crate::common::{Client, Start, ask, images, infer_body};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::sync::Arc;
use systole_serve::Server;

const INFER: &str = "/v2/models/digits/infer";

async fn still_serves(server: &Server) {
    let set = images(1);
    let answer = ask(server, INFER, "", infer_body(&set.images[0], json!({})).as_bytes()).await;
    assert_eq!((answer.status, answer.data()), (200, set.outputs[0].clone()));
}

#[tokio::test]
async fn by_the_dozen() {
    let server = Start::default().digits().await;
    let good: Value = serde_json::from_str(&infer_body(&[1; 64], json!({}))).expect("JSON");
    let with = |path: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(path).expect("a place") = value;
        body.to_string()
    };
    let extra = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body.to_string()
    };
    let input = good["inputs"][0].clone();
    let cases: Vec<(String, &str)> = vec![
        (String::new(), "no JSON"),
        ("{".into(), "no JSON"),
        ("[]".into(), "no object"),
        ("null".into(), "no object"),
        ("{}".into(), "inputs"),
        ("[".repeat(10_000), "no JSON"),
        ("\u{0}".into(), "no JSON"),
        (good.to_string() + "x", "no JSON"),
        (with("/inputs", json!([])), "missing"),
        (with("/inputs", json!({})), "inputs"),
        (with("/inputs", json!([1])), "no object"),
        (with("/inputs", json!([input, input])), "twice"),
        (with("/inputs/0/name", json!("other")), "no input 'other'"),
        (with("/inputs/0/name", json!(7)), "no name"),
        (with("/inputs/0/datatype", json!("FP32")), "INT8"),
        (with("/inputs/0/datatype", json!(null)), "no datatype"),
        (with("/inputs/0/shape", json!([64])), "shape"),
        (with("/inputs/0/shape", json!([1, -64])), "shape"),
        (with("/inputs/0/shape", json!([1, 1e300])), "shape"),
        (with("/inputs/0/shape", json!("1,64")), "shape"),
        (with("/inputs/0/data", json!(null)), "no array"),
        (with("/inputs/0/data", json!(vec![1; 63])), "63"),
        (with("/inputs/0/data", json!(vec![1; 65])), "65"),
        (with("/inputs/0/data", json!(vec![128; 64])), "no INT8"),
        (with("/inputs/0/data", json!(vec![0.5; 64])), "no INT8"),
        (with("/inputs/0/data", json!(vec!["1"; 64])), "no INT8"),
        (with("/inputs/0/data", json!([vec![1; 63], vec![1]])), "2 elements"),
        (with("/inputs/0/data", json!([[vec![1; 64]]])), "element"),
        (with("/id", json!(1)), "id"),
        (with("/parameters", json!([])), "parameters"),
        (with("/parameters", json!({"timeout": "soon"})), "timeout"),
        (with("/parameters", json!({"timeout": -1})), "timeout"),
        (with("/parameters", json!({"deadline_us": [1]})), "deadline_us"),
        (with("/parameters", json!({"binary_data_output": 1})), "binary_data_output"),
        (extra("outputs", json!(1)), "outputs"),
        (extra("outputs", json!([{"name": "other"}])), "no output 'other'"),
        (extra("outputs", json!([{"name": "output"}, {"name": "output"}])), "twice"),
        (extra("outputs", json!([{"name": "output", "parameters": {"classification": 3}}])), "classification"),
        (with("/inputs/0", json!({"name": "input", "shape": [1, 64], "datatype": "INT8"})), "no data"),
        (
            with(
                "/inputs/0",
                json!({"name": "input", "shape": [1, 64], "datatype": "INT8", "parameters": {"binary_data_size": 64}}),
            ),
            "binary_data_size",
        ),
        (
            with(
                "/inputs/0",
                json!({"name": "input", "shape": [1, 64], "datatype": "INT8", "parameters": {"shared_memory_region": "r"}}),
            ),
            "shared memory",
        ),
    ];
    let mut client = Client::new(server.address).await;
    for (body, word) in &cases {
        client.post(INFER, "", body.as_bytes()).await.expect("sent");
        let answer = client.answer().await.expect("an answer");
        let error = answer.json()["error"].as_str().unwrap_or_default().to_string();
        assert!(answer.status == 400 && error.contains(word), "{body:.200}: {} {error}", answer.status);
    }
    let binary =
        json!({"inputs": [{"name": "input", "shape": [1, 64], "datatype": "INT8", "parameters": {"binary_data_size": 64}}]});
    let binary = binary.to_string();
    let length = binary.len();
    for (header, behind) in [
        (format!("{length}"), 63),
        (format!("{length}"), 65),
        (format!("{}", length - 1), 64),
        (format!("{}", length + 65), 64),
        ("0".into(), 64),
        ("-1".into(), 64),
        ("many".into(), 64),
        ("99999999999999999999999".into(), 64),
    ] {
        let body = [binary.as_bytes(), &vec![0; behind]].concat();
        let answer = ask(&server, INFER, &format!("Inference-Header-Content-Length: {header}\r\n"), &body).await;
        assert_eq!(answer.status, 400, "{header} {behind}: {}", answer.json());
    }
    let answer = ask(&server, INFER, "Content-Encoding: gzip\r\n", b"x").await;
    assert_eq!(answer.status, 415);
    let answer = ask(&server, INFER, "", &vec![b' '; 1 << 20]).await;
    assert_eq!(answer.status, 413);
    // Nothing says before how long it is.
    let mut client = Client::new(server.address).await;
    let head = format!("POST {INFER} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n");
    client.send(&[head.as_bytes(), &vec![b' '; 1 << 20], b"\r\n0\r\n\r\n"].concat()).await.ok();
    assert_eq!(client.head().await.expect("an answer").status, 413);
    assert_eq!(ask(&server, "/v2/models/digits/generate", "", b"{}").await.status, 400);
    assert_eq!(ask(&server, "/v2/models/other/infer", "", b"{}").await.status, 404);
    still_serves(&server).await;
    let (counts, _) = server.stop().await.expect("it ends");
    assert_eq!((counts.admitted, counts.answered), (1, 1));
    assert_eq!(counts.malformed, cases.len() as u64 + 8 + 5);
}

/// What is no HTTP at all, and what breaks off in the middle.
#[tokio::test]
async fn bytes_that_are_no_http() {
    let server = Start::default().digits().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET\r\n\r\n",
        b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n",
        b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n{\"inputs\":",
        b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut client = Client::new(server.address).await;
        client.send(bytes).await.expect("sent");
        drop(client);
    }
    still_serves(&server).await;
    server.stop().await.expect("it ends");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z_\\PC]{0,8}".prop_map(Value::from),
        Just(json!(vec![1; 64])),
    ];
    let key = prop_oneof!["name|shape|datatype|data|parameters|binary_data_size|timeout|inputs|outputs|id", "\\PC{0,4}"];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.clone(), inner, 0..4).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// A good request in which something is another, or bytes are.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let places = [
        "",
        "/inputs",
        "/inputs/0",
        "/inputs/0/name",
        "/inputs/0/shape",
        "/inputs/0/datatype",
        "/inputs/0/data",
        "/parameters",
        "/id",
    ];
    let changed = (any_json(), prop::sample::select(places.to_vec())).prop_map(|(value, place)| {
        let mut body: Value = serde_json::from_str(&infer_body(&[1; 64], json!({}))).expect("JSON");
        *body.pointer_mut(place).expect("a place") = value;
        body.to_string().into_bytes()
    });
    let damaged = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4).prop_map(|changes| {
        let mut body = infer_body(&[1; 64], json!({})).into_bytes();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        body
    });
    prop_oneof![changed, damaged]
}

/// Whatever comes is answered: with 200, or with 400 and a sentence, or 5xx where its deadline is not to be met.
#[test]
fn any_body_is_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let server = Arc::new(runtime.block_on(Start { pace: 1.0, ..Start::default() }.digits()));
    let cases = if std::env::var_os("SYSTOLE_LONG").is_some() { 100_000 } else { 2_000 };
    let client = std::cell::RefCell::new(Some(runtime.block_on(Client::new(server.address))));
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
        .run(&body(), |body| {
            let mut connection = client.borrow_mut().take().unwrap_or_else(|| runtime.block_on(Client::new(server.address)));
            let answer = runtime.block_on(async {
                connection.post(INFER, "", &body).await?;
                connection.answer().await
            });
            let answer = answer.map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert!([200, 400, 503, 504].contains(&answer.status), "{}", answer.status);
            prop_assert!(answer.status == 200 || answer.json()["error"].as_str().is_some_and(|e| e.len() > 5));
            *client.borrow_mut() = Some(connection);
            Ok(())
        })
        .expect("every body is answered");
    runtime.block_on(still_serves(&server));
    drop(client);
    let server = Arc::into_inner(server).expect("nobody else has it");
    let (counts, _) = runtime.block_on(server.stop()).expect("it ends");
    assert_eq!(counts.admitted, counts.answered);
}
