// SPDX-License-Identifier: Apache-2.0
//! A server on the model, and a client that sees every byte.
#![allow(dead_code)] // each suite uses a part of it

use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use systole_backends::Backend;
use systole_isa::Config;
use systole_serve::{Served, Server, Setup, Terms, Troubles};
use systole_workloads::{check_graph, digits};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Cycles of a digit on `base`.
pub const CYCLES: u64 = 84;

/// How a server is started.
pub struct Start {
    pub pace: f64,
    pub queue: usize,
    pub deadline_us: Option<f64>,
    pub troubles: Option<Troubles>,
}

impl Default for Start {
    fn default() -> Start {
        Start { pace: 100.0, queue: 1024, deadline_us: None, troubles: None }
    }
}

impl Start {
    async fn serve(self, served: Served) -> Server {
        let setup = Setup {
            backend: Backend::Model,
            options: systole_chip::Options::default(),
            pace: Some(self.pace),
            troubles: self.troubles,
            log: Arc::new(|line| println!("{line}")),
        };
        let terms = Terms { address: "127.0.0.1:0".into(), mhz: 100.0, queue: self.queue, deadline_us: self.deadline_us };
        let server = Server::start(served, setup, &terms).await.expect("it starts");
        server.ready().await.expect("it comes up");
        server
    }

    /// The digits network.
    pub async fn digits(self) -> Server {
        let graph = digits::load().and_then(|set| Ok(set.network.graph()?)).expect("the digits");
        self.serve(Served::network("digits", graph, &base()).expect("it compiles")).await
    }

    /// The same images as float32 or int8 through convolutions: an ONNX model.
    pub async fn cnn(self) -> Server {
        let set = digits::load().expect("the digits");
        let graph = digits::load_cnn(&set).expect("the network").0;
        self.serve(Served::network("cnn", graph, &base()).expect("it compiles")).await
    }

    /// A network.
    pub async fn network(self, graph: systole_model::graph::Graph) -> Server {
        self.serve(Served::network("network", graph, &base()).expect("it compiles")).await
    }

    /// The language model.
    pub async fn tales(self) -> Server {
        let (model, tokenizer) = systole_llm::open(&systole_workloads::tales::file(), None).expect("the model");
        let options = systole_llm::Options { calibration: 128, ..Default::default() };
        let quantised = systole_llm::quantise(&model, &options);
        let decoder = systole_compiler::compile_decoder(&quantised, &base(), "tales").expect("it compiles");
        self.serve(Served::language("tales", quantised, decoder, tokenizer, &base())).await
    }
}

pub fn base() -> Config {
    Config::named("base").expect("there is one")
}

/// On a thread of its own: a direct run has its own runtime.
pub fn apart<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|s| s.spawn(job).join()).expect("it ends")
}

/// Images, and what a direct run gives for each.
pub struct Images {
    pub images: Vec<Vec<i8>>,
    pub outputs: Vec<Vec<i32>>,
}

pub fn images(count: usize) -> Images {
    let set = digits::load().expect("the digits");
    let graph = set.network.graph().expect("a graph");
    let config = base();
    let compiled = systole_compiler::compile(&graph, &config, &systole_compiler::Options::default()).expect("it compiles");
    assert_eq!(compiled.cycles, CYCLES);
    let images: Vec<_> = set.images.into_iter().take(count).collect();
    let run = || check_graph(&graph, &compiled, &config, Backend::Model, &images, &Default::default(), |_| {});
    let report = apart(run).expect("it runs");
    assert!(report.is_good());
    Images { images, outputs: report.outputs }
}

/// A request for an image.
pub fn infer_body(image: &[i8], parameters: Value) -> String {
    json!({"id": "x", "parameters": parameters, "inputs": [{"name": "input", "shape": [1, 64], "datatype": "INT8", "data": image}]})
        .to_string()
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|h| h.0 == name).map(|h| h.1.as_str())
    }

    pub fn number(&self, name: &str) -> f64 {
        self.header(name).and_then(|v| v.parse().ok()).unwrap_or_else(|| panic!("no number {name} in {self:?}"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Elements of the first output.
    pub fn data(&self) -> Vec<i32> {
        let json = self.json();
        let data = json["outputs"][0]["data"].as_array().unwrap_or_else(|| panic!("no data in {json}"));
        data.iter().map(|v| v.as_i64().expect("a whole number") as i32).collect()
    }
}

/// A connection.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub async fn new(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Client { stream: BufReader::new(stream) }
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes).await
    }

    pub async fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        self.send(&[head.as_bytes(), body].concat()).await
    }

    /// Status and headers, which may be there long before the body.
    pub async fn head(&mut self) -> io::Result<Answer> {
        let mut lines = vec![];
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.trim_end().is_empty() {
                break;
            }
            lines.push(line.trim_end().to_string());
        }
        let status = lines.first().and_then(|l| l.split(' ').nth(1)?.parse().ok()).expect("a status");
        let header = |l: &String| l.split_once(": ").map(|(n, v)| (n.to_lowercase(), v.to_string()));
        Ok(Answer { status, headers: lines.iter().skip(1).filter_map(header).collect(), body: vec![] })
    }

    /// A chunk of a body in chunks; none behind the last.
    pub async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).await?;
        bytes.truncate(length);
        Ok((length > 0).then_some(bytes))
    }

    /// The body behind a head.
    pub async fn body(&mut self, answer: &mut Answer) -> io::Result<()> {
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await? {
                answer.body.extend(chunk);
            }
            return Ok(());
        }
        answer.body = vec![0; answer.number("content-length") as usize];
        self.stream.read_exact(&mut answer.body).await.map(drop)
    }

    pub async fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.head().await?;
        self.body(&mut answer).await?;
        Ok(answer)
    }
}

/// One request on a connection of its own.
pub async fn ask(server: &Server, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut client = Client::new(server.address).await;
    client.post(path, headers, body).await.expect("sent");
    tokio::time::timeout(Duration::from_secs(20), client.answer()).await.expect("in time").expect("an answer")
}

pub async fn get(server: &Server, path: &str) -> Answer {
    let mut client = Client::new(server.address).await;
    client.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await.expect("sent");
    client.answer().await.expect("an answer")
}

/// Microseconds to cycles of 100 MHz.
pub fn cycles(value: &Value) -> u64 {
    (value.as_f64().expect("microseconds") * 100.0).round() as u64
}
