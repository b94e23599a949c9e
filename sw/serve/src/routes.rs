// SPDX-License-Identifier: Apache-2.0
//! What is answered where.

use crate::desk::Desk;
use crate::infer::Answer;
use crate::metrics::prometheus;
use crate::model::{Kind, Language, Network, Served};
use crate::plan::{Plan, cycles, of_network};
use crate::reply::{Fault, Part, json_response, later, promise};
use crate::{generate, infer, tensor};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;

/// Behind every route.
pub struct Host {
    /// The model.
    pub served: Arc<Served>,
    /// The desk.
    pub desk: Arc<Desk>,
    /// The deadline of requests that have none, microseconds of the machine's clock.
    pub deadline_us: f64,
}

type Shared = State<Arc<Host>>;
type Answered = Result<Response, Fault>;

/// A client has so long for a request's body.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where the JSON ends and tensors begin.
const HEADER_LENGTH: &str = "inference-header-content-length";

/// All routes.
pub fn router(host: Arc<Host>) -> Router {
    let mut router = Router::new()
        .route("/v2", get(server))
        .route("/v2/health/live", get(|| async { json_response(StatusCode::OK, &json!({"live": true})) }))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/stats", get(statistics))
        .route("/v2/repository/index", post(index))
        .route("/metrics", get(metrics));
    for path in ["/v2/models/{model}", "/v2/models/{model}/versions/{version}"] {
        router = router
            .route(path, get(model))
            .route(&format!("{path}/ready"), get(model_ready))
            .route(&format!("{path}/config"), get(config))
            .route(&format!("{path}/stats"), get(model_statistics))
            .route(&format!("{path}/estimate"), get(estimate).post(estimate_text))
            .route(&format!("{path}/infer"), post(infer_tensors))
            .route(&format!("{path}/generate"), post(generate_text))
            .route(&format!("{path}/generate_stream"), post(generate_stream));
    }
    router
        .fallback(|| async { Fault::new(StatusCode::NOT_FOUND, "there is nothing here; docs/serving.md has what there is") })
        .method_not_allowed_fallback(|| async {
            Fault::new(StatusCode::METHOD_NOT_ALLOWED, "another method than this path takes")
        })
        .with_state(host)
}

type Names = Path<Vec<(String, String)>>;

impl Host {
    /// The model that a path names.
    fn known(&self, names: &[(String, String)]) -> Result<(), Fault> {
        let not = |message: String| Err(Fault::new(StatusCode::NOT_FOUND, message));
        for (key, value) in names {
            match key.as_str() {
                "model" if *value != self.served.name => {
                    return not(format!("there is no model '{value}', but {}", self.served.name));
                }
                "version" if value != "1" => return not(format!("there is no version '{value}' of {}, but 1", self.served.name)),
                _ => {}
            }
        }
        Ok(())
    }

    fn network(&self) -> Result<&Network, Fault> {
        match &self.served.kind {
            Kind::Network(network) => Ok(network),
            Kind::Language(_) => Err(Fault::bad("a language model: ask it by generate or generate_stream")),
        }
    }

    fn language(&self) -> Result<&Language, Fault> {
        match &self.served.kind {
            Kind::Language(language) => Ok(language),
            Kind::Network(_) => Err(Fault::bad("no language model: ask it by infer")),
        }
    }

    /// Cycles until a request's deadline.
    fn allowed(&self, deadline_us: Option<f64>) -> u64 {
        self.desk.rate().cycles(deadline_us.unwrap_or(self.deadline_us))
    }

    /// The request's body, as far as it may go.
    async fn body(&self, request: Request) -> Result<Bytes, Fault> {
        if request.headers().get(CONTENT_ENCODING).is_some_and(|e| e != "identity") {
            return Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "bodies are taken as they are, without compression"));
        }
        let most = self.served.largest();
        let large = || Fault::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {most} bytes here"));
        let length = request.headers().get(CONTENT_LENGTH).and_then(|l| l.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|l| l > most) {
            return Err(large());
        }
        match tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), most)).await {
            Ok(Ok(bytes)) => Ok(bytes),
            // axum has no type for it.
            Ok(Err(error)) if error.to_string().contains("length limit") => Err(large()),
            Ok(Err(error)) => Err(Fault::bad(format!("the request's body broke off: {error}"))),
            Err(_) => Err(Fault::new(StatusCode::REQUEST_TIMEOUT, "the request's body did not come")),
        }
    }

    /// Counts requests that are none.
    fn counted(&self, answer: Answered) -> Answered {
        answer.inspect_err(|fault| {
            if fault.is_clients() {
                self.desk.count(|c| c.malformed += 1);
            }
        })
    }
}

async fn server() -> Response {
    let extensions = ["binary_tensor_data", "statistics", "model_configuration", "generate", "estimate"];
    json_response(StatusCode::OK, &json!({"name": "systole", "version": env!("CARGO_PKG_VERSION"), "extensions": extensions}))
}

async fn ready(State(host): Shared) -> Response {
    let ready = host.desk.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json_response(status, &json!({"ready": ready}))
}

async fn model_ready(State(host): Shared, Path(names): Names) -> Answered {
    host.known(&names)?;
    let ready = host.desk.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok(json_response(status, &json!({"name": host.served.name, "ready": ready})))
}

async fn index(State(host): Shared) -> Response {
    let state = if host.desk.is_ready() { "READY" } else { "UNAVAILABLE" };
    json_response(StatusCode::OK, &json!([{"name": host.served.name, "version": "1", "state": state, "reason": ""}]))
}

/// Inputs and outputs, each described by `of`.
fn ports(served: &Served, of: impl Fn(&str, &str, &[usize]) -> Value) -> (Vec<Value>, Vec<Value>) {
    match &served.kind {
        Kind::Network(n) => {
            let all =
                |ports: &[crate::model::Port]| ports.iter().map(|p| of(&p.name, tensor::datatype(p.element), &p.shape)).collect();
            (all(&n.inputs), all(&n.outputs))
        }
        Kind::Language(_) => (vec![of("text_input", "BYTES", &[1])], vec![of("text_output", "BYTES", &[1])]),
    }
}

async fn model(State(host): Shared, Path(names): Names) -> Answered {
    host.known(&names)?;
    let of = |name: &str, datatype: &str, shape: &[usize]| json!({"name": name, "datatype": datatype, "shape": shape});
    let (inputs, outputs) = ports(&host.served, of);
    let body = json!({"name": host.served.name, "versions": ["1"], "platform": "systole", "inputs": inputs, "outputs": outputs});
    Ok(json_response(StatusCode::OK, &body))
}

async fn config(State(host): Shared, Path(names): Names) -> Answered {
    host.known(&names)?;
    let of = |name: &str, datatype: &str, shape: &[usize]| {
        let datatype = if datatype == "BYTES" { "STRING" } else { datatype };
        json!({"name": name, "data_type": format!("TYPE_{datatype}"), "dims": shape})
    };
    let (inputs, outputs) = ports(&host.served, of);
    let stream = matches!(host.served.kind, Kind::Language(_));
    let body = json!({"name": host.served.name, "platform": "systole", "backend": "systole", "max_batch_size": 0,
        "input": inputs, "output": outputs, "model_transaction_policy": {"decoupled": stream}});
    Ok(json_response(StatusCode::OK, &body))
}

async fn metrics(State(host): Shared) -> Response {
    let (counts, now) = host.desk.look();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4");
    ([(axum::http::header::CONTENT_TYPE, kind)], prometheus(&counts, &now)).into_response()
}

async fn statistics(State(host): Shared) -> Response {
    let (c, now) = host.desk.look();
    let ns = |cycles: u64| (now.rate.micros(cycles) * 1e3) as u64;
    let none = json!({"count": 0, "ns": 0});
    let count = c.answered;
    let (wait, service) = (ns(c.wait.sum), ns(c.service.sum));
    let stats = json!({
        "success": {"count": count, "ns": wait + service}, "fail": {"count": c.failed, "ns": 0},
        "queue": {"count": c.admitted, "ns": wait}, "compute_infer": {"count": count, "ns": service},
        "compute_input": none, "compute_output": none, "cache_hit": none, "cache_miss": none,
    });
    let model = json!({"name": host.served.name, "version": "1", "last_inference": 0, "inference_count": count,
        "execution_count": count, "inference_stats": stats, "batch_stats": []});
    json_response(StatusCode::OK, &json!({"model_stats": [model]}))
}

async fn model_statistics(State(host): Shared, Path(names): Names) -> Answered {
    host.known(&names)?;
    Ok(statistics(State(host)).await)
}

/// When an answer would come.
fn estimated(host: &Host, cycles: u64, deadline_us: Option<f64>) -> Answered {
    let rate = host.desk.rate();
    let ticket = host.desk.estimate(cycles, host.allowed(deadline_us)).map_err(|r| Fault::refused(&r, rate))?;
    let mut body = promise(&ticket, rate);
    body["wait_us"] = json!(rate.micros(ticket.finish - ticket.arrival));
    body["host_us"] = json!(rate.host(ticket.finish - ticket.arrival).as_micros() as u64);
    Ok(json_response(StatusCode::OK, &body))
}

async fn estimate(State(host): Shared, Path(names): Names, request: Request) -> Answered {
    host.known(&names)?;
    let query = request.uri().query().unwrap_or_default();
    let value = query.split('&').find_map(|pair| pair.strip_prefix("deadline_us="));
    let parsed = value.map(|text| text.parse().ok().filter(|us| (0.0..=1e15).contains(us)).ok_or(text)).transpose();
    let deadline = parsed.map_err(|text| Fault::bad(format!("deadline_us={text} is no number of microseconds")))?;
    estimated(&host, host.served.longest(), deadline)
}

async fn estimate_text(State(host): Shared, Path(names): Names, request: Request) -> Answered {
    host.known(&names)?;
    let language = host.language()?;
    let asked = generate::parse(language, &host.body(request).await?, true)?;
    estimated(&host, cycles(asked.text.steps.iter().map(|s| s.cycles))[1], asked.deadline_us)
}

async fn infer_tensors(State(host): Shared, Path(names): Names, request: Request) -> Answered {
    let answer = infer_one(&host, &names, request).await;
    host.counted(answer)
}

async fn infer_one(host: &Arc<Host>, names: &[(String, String)], request: Request) -> Answered {
    host.known(names)?;
    let network = host.network()?;
    let header = header(request.headers())?;
    let body = host.body(request).await?;
    let asked = infer::parse(network, &body, header.as_deref())?;
    let frames = network.frames(&asked.tensors).map_err(Fault::bad)?;
    let rate = host.desk.rate();
    let (served, model) = (host.served.clone(), host.served.name.clone());
    let (id, wanted) = (asked.id, asked.wanted);
    let answer = move |ticket| Answer { model: model.clone(), id: id.clone(), wanted: wanted.clone(), ticket, rate };
    let later_answer = answer.clone();
    let (parts, body) = unbounded_channel::<Part>();
    let plan = move |ticket: &crate::desk::Ticket| {
        let answer = later_answer(*ticket);
        let encode = move |outputs: &[Vec<u8>]| match &served.kind {
            Kind::Network(network) => answer.write(network, &network.tensors(outputs)?),
            Kind::Language(_) => Err("a request of another model".into()),
        };
        Plan::network(frames, Box::new(encode))
    };
    let cycles = of_network(network);
    let ticket = host.desk.admit(plan, cycles, host.allowed(asked.deadline_us), parts).map_err(|r| Fault::refused(&r, rate))?;
    let lengths = answer(ticket).lengths(network);
    let kind = if lengths.is_some() { "application/octet-stream" } else { "application/json" };
    let mut response = later(&host.desk, &ticket, cycles[1], body, kind);
    if let Some((head, all)) = lengths {
        response.headers_mut().insert(HEADER_LENGTH, head.into());
        response.headers_mut().insert(CONTENT_LENGTH, all.into());
    }
    Ok(response)
}

fn header(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let text = |value: &HeaderValue| value.to_str().map(str::to_string);
    headers.get(HEADER_LENGTH).map(text).transpose().map_err(|_| Fault::bad("Inference-Header-Content-Length is no number"))
}

async fn generate_text(State(host): Shared, Path(names): Names, request: Request) -> Answered {
    let answer = generate_one(&host, &names, request, false).await;
    host.counted(answer)
}

async fn generate_stream(State(host): Shared, Path(names): Names, request: Request) -> Answered {
    let answer = generate_one(&host, &names, request, true).await;
    host.counted(answer)
}

async fn generate_one(host: &Arc<Host>, names: &[(String, String)], request: Request<Body>, stream: bool) -> Answered {
    host.known(names)?;
    let language = host.language()?;
    let asked = generate::parse(language, &host.body(request).await?, stream)?;
    let cycles = cycles(asked.text.steps.iter().map(|s| s.cycles));
    let (parts, body) = unbounded_channel::<Part>();
    let (text, rate) = (asked.text, host.desk.rate());
    let plan = move |_: &crate::desk::Ticket| Plan::Text(Box::new(text));
    let ticket = host.desk.admit(plan, cycles, host.allowed(asked.deadline_us), parts).map_err(|r| Fault::refused(&r, rate))?;
    Ok(later(&host.desk, &ticket, cycles[1], body, if stream { "text/event-stream" } else { "application/json" }))
}
