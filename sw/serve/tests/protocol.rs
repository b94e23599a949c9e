// SPDX-License-Identifier: Apache-2.0
//! The protocol by raw bytes: what clients of Triton and KServe send and read.

use crate::common::{Client, Start, apart, ask, base, cycles, get, images, infer_body};
use serde_json::{Value, json};
use systole_backends::Backend;
use systole_model::onnx::{Array, Data};
use systole_workloads::conformance::Program;
use systole_workloads::digits;

const INFER: &str = "/v2/models/digits/infer";

#[tokio::test]
async fn health_metadata_and_statistics() {
    let server = Start::default().digits().await;
    for (path, key, value) in [
        ("/v2", "name", json!("systole")),
        ("/v2/health/live", "live", json!(true)),
        ("/v2/health/ready", "ready", json!(true)),
        ("/v2/models/digits", "versions", json!(["1"])),
        ("/v2/models/digits", "inputs", json!([{"name": "input", "datatype": "INT8", "shape": [1, 64]}])),
        ("/v2/models/digits/versions/1", "outputs", json!([{"name": "output", "datatype": "INT8", "shape": [1, 10]}])),
        ("/v2/models/digits/ready", "ready", json!(true)),
        ("/v2/models/digits/versions/1/ready", "name", json!("digits")),
        ("/v2/models/digits/config", "max_batch_size", json!(0)),
        ("/v2/models/digits/estimate", "cycles", json!(84)),
    ] {
        let answer = get(&server, path).await;
        assert_eq!((answer.status, &answer.json()[key]), (200, &value), "{path}");
    }
    for path in ["/v2/models/other", "/v2/models/digits/versions/2", "/v2/models/other/ready", "/v1", "/"] {
        let answer = get(&server, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.json()["error"].is_string(), "{path}");
    }
    assert_eq!(get(&server, INFER).await.status, 405);
    ask(&server, INFER, "", infer_body(&[0; 64], json!({})).as_bytes()).await;
    let stats = get(&server, "/v2/models/digits/stats").await.json();
    assert_eq!(stats["model_stats"][0]["inference_stats"]["compute_infer"], json!({"count": 1, "ns": 840}));
    let metrics = String::from_utf8(get(&server, "/metrics").await.body).expect("text");
    assert!(metrics.contains("systole_answered_total 1\n") && metrics.contains("systole_service_machine_seconds_count 1\n"));
    server.stop().await.expect("it ends");
}

#[tokio::test]
async fn json_tensors_flat_and_nested_come_back_right_and_when_promised() {
    let server = Start::default().digits().await;
    let set = images(20);
    let mut client = Client::new(server.address).await;
    for (n, (image, output)) in set.images.iter().zip(&set.outputs).enumerate() {
        let mut body: Value = serde_json::from_str(&infer_body(image, json!({}))).expect("JSON");
        if n % 2 == 1 {
            body["inputs"][0]["data"] = json!([image]);
        }
        client.post(INFER, "", body.to_string().as_bytes()).await.expect("sent");
        let answer = client.answer().await.expect("an answer");
        assert_eq!((answer.status, answer.data()), (200, output.clone()));
        let json = answer.json();
        assert_eq!((&json["model_name"], &json["model_version"], &json["id"]), (&json!("digits"), &json!("1"), &json!("x")));
        let said = &json["parameters"];
        assert_eq!(cycles(&said["finish_us"]) - cycles(&said["start_us"]), crate::common::CYCLES);
        assert_eq!(answer.number("systole-finish-us"), said["finish_us"].as_f64().expect("a number"));
        assert_eq!(answer.number("systole-cycles"), 84.0);
    }
    server.stop().await.expect("it ends");
}

/// The request that tritonclient makes: JSON, its length in a header, tensors behind it.
#[tokio::test]
async fn binary_tensors_both_ways() {
    let server = Start::default().digits().await;
    let set = images(3);
    for (image, output) in set.images.iter().zip(&set.outputs) {
        let head = json!({"parameters": {"binary_data_output": true},
            "inputs": [{"name": "input", "shape": [1, 64], "datatype": "INT8", "parameters": {"binary_data_size": 64}}]})
        .to_string();
        let bytes: Vec<u8> = image.iter().map(|&v| v as u8).collect();
        let length = format!("Inference-Header-Content-Length: {}\r\n", head.len());
        let answer = ask(&server, INFER, &length, &[head.as_bytes(), &bytes].concat()).await;
        assert_eq!(answer.status, 200);
        let split = answer.number("inference-header-content-length") as usize;
        let json: Value = serde_json::from_slice(&answer.body[..split]).expect("JSON");
        assert_eq!(json["outputs"][0]["parameters"]["binary_data_size"], 10);
        let codes: Vec<i32> = answer.body[split..].iter().map(|&b| i32::from(b as i8)).collect();
        assert_eq!(&codes, output);
    }
    server.stop().await.expect("it ends");
}

#[tokio::test]
async fn an_onnx_model_answers_as_a_direct_run_does() {
    let server = Start { pace: 10.0, ..Start::default() }.cnn().await;
    let set = digits::load().expect("the digits");
    let graph = digits::load_cnn(&set).expect("the network").0;
    let meta = get(&server, "/v2/models/cnn").await.json();
    let input = &meta["inputs"][0];
    let program = Program::new(graph, &base(), &systole_compiler::Options::default()).expect("it compiles");
    for image in &set.images[..3] {
        let body =
            json!({"inputs": [{"name": input["name"], "shape": input["shape"], "datatype": input["datatype"], "data": image}]});
        let answer = ask(&server, "/v2/models/cnn/versions/1/infer", "", body.to_string().as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let tensor = Array { shape: vec![1, 1, 8, 8], data: Data::I8(image.clone()) };
        let (outputs, report) = apart(|| program.run(&base(), Backend::Model, &[tensor], &Default::default())).expect("it runs");
        assert_eq!(answer.json()["parameters"]["cycles"], report.cycles_measured[0]);
        let want: Vec<i32> = outputs[0].integers().expect("codes").iter().map(|&v| v as i32).collect();
        assert_eq!(answer.data(), want);
    }
    server.stop().await.expect("it ends");
}

/// Indices pick rows of tables in RRAM by register: request after request with other ones, and one that no table has.
#[tokio::test]
async fn rows_of_tables_are_those_of_each_request() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verif/data/ort/embedding_columns_in_codes_int8_1/model.onnx");
    let bytes = std::fs::read(folder).expect("the stored network");
    let graph = systole_model::onnx::import(&bytes, &Default::default()).expect("a network");
    let graph = systole_compiler::place_tables(&graph, &base(), systole_compiler::Tables::Rram).expect("its tables fit");
    assert_eq!(graph.tables.len(), 4);
    let server = Start { pace: 10.0, ..Start::default() }.network(graph.clone()).await;
    let program = Program::new(graph, &base(), &systole_compiler::Options::default()).expect("it compiles");
    let codes: Vec<i8> = (0..20).map(|i| (i * 11 - 100) as i8).collect();
    let body = |rows: [i64; 4]| {
        json!({"inputs": [{"name": "x", "shape": [1, 20], "datatype": "INT8", "data": codes},
                          {"name": "v", "shape": [1, 4], "datatype": "INT64", "data": rows}]})
    };
    let mut seen = vec![];
    for rows in [[0, 0, 0, 0], [39, 6, -40, -7], [1, 2, 3, 4]] {
        let answer = ask(&server, "/v2/models/network/infer", "", body(rows).to_string().as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let tensors = [(vec![1, 20], Data::I8(codes.clone())), (vec![1, 4], Data::I64(rows.to_vec()))];
        let tensors = tensors.map(|(shape, data)| Array { shape, data });
        let (outputs, report) = apart(|| program.run(&base(), Backend::Model, &tensors, &Default::default())).expect("it runs");
        assert!(report.is_good(), "{report}");
        let want: Vec<i32> = outputs[0].integers().expect("codes").iter().map(|&v| v as i32).collect();
        assert_eq!((answer.data(), &answer.json()["parameters"]["cycles"]), (want.clone(), &json!(report.cycles_measured[0])));
        seen.push(want);
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2], "{seen:?}");
    let answer = ask(&server, "/v2/models/network/infer", "", body([0, 7, 0, 0]).to_string().as_bytes()).await;
    assert_eq!(answer.status, 400, "{}", answer.json());
    assert!(answer.json().to_string().contains("index 7; its table has 7 rows"), "{}", answer.json());
    server.stop().await.expect("it ends");
}

#[tokio::test]
async fn deadlines_decide_at_once() {
    let server = Start { pace: 400_000.0, ..Start::default() }.digits().await; // 336 ms a run
    let body = |parameters: Value| infer_body(&[0; 64], parameters);
    // The machine alone takes longer.
    for parameters in [json!({"deadline_us": 0.83}), json!({"deadline_us": 0})] {
        let answer = ask(&server, INFER, "", body(parameters).as_bytes()).await;
        assert_eq!((answer.status, answer.header("retry-after")), (504, None));
        assert_eq!(answer.json()["possible_us"], 0.84);
    }
    // One that just fits, and one behind it that does not.
    let mut first = Client::new(server.address).await;
    first.post(INFER, "", body(json!({"deadline_us": 0.84})).as_bytes()).await.expect("sent");
    let head = first.head().await.expect("headers before the body");
    assert_eq!((head.status, head.number("systole-wait-us"), head.number("systole-host-us")), (200, 0.84, 336_000.0));
    let answer = ask(&server, INFER, "", body(json!({"timeout": 1})).as_bytes()).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(answer.json()["possible_us"].as_f64().is_some_and(|us| us > 0.84 && us < 1.7), "{}", answer.json());
    let answer = get(&server, "/v2/models/digits/estimate?deadline_us=1").await;
    assert_eq!(answer.status, 503);
    // Where there is time it waits behind the first.
    let answer = ask(&server, INFER, "", body(json!({"timeout": 100})).as_bytes()).await;
    assert_eq!(answer.status, 200);
    let mut head = head;
    first.body(&mut head).await.expect("its body");
    let (a, b) = (&head.json()["parameters"], &answer.json()["parameters"]);
    assert_eq!((b["queue"].as_u64(), cycles(&b["start_us"])), (Some(1), cycles(&a["finish_us"]) + 1));
    server.stop().await.expect("it ends");
}

#[tokio::test]
async fn a_full_queue_says_so() {
    let server = Start { pace: 200_000.0, queue: 2, deadline_us: Some(1e6), ..Start::default() }.digits().await;
    let mut clients = vec![];
    for n in 0..3 {
        let mut client = Client::new(server.address).await;
        client.post(INFER, "", infer_body(&[n; 64], json!({})).as_bytes()).await.expect("sent");
        let head = client.head().await.expect("headers");
        clients.push((client, head));
    }
    let statuses: Vec<u16> = clients.iter().map(|c| c.1.status).collect();
    assert_eq!(statuses, [200, 200, 503]);
    let (counts, _) = server.stop().await.expect("it ends");
    assert_eq!((counts.admitted, counts.answered, counts.refused), (2, 2, [0, 1, 0, 0]));
}
