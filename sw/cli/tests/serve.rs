// SPDX-License-Identifier: Apache-2.0
//! `systole serve` as a process: it says where it listens, answers, goes down by a signal, and refuses what is no option.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    #[allow(clippy::zombie_processes)] // the test waits for it
    fn start(args: &[&str]) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_systole"))
            .args(["serve", "--port", "0"])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        loop {
            let mut line = String::new();
            if out.read_line(&mut line).expect("text") == 0 {
                panic!("it ended: {:?}", child.wait());
            }
            if let Some(at) = line.trim().strip_prefix("POST http://") {
                let address = at.split('/').next().expect("an address").to_string();
                return Server { child, out, address };
            }
        }
    }

    fn post(&self, path: &str, body: &Value) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        let body = body.to_string();
        let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).expect("sent");
        stream
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill starts").success());
    }
}

fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

#[test]
fn a_signal_in_the_middle_loses_nothing_that_was_admitted() {
    // 42 ms a run.
    let mut server = Server::start(&["digits", "--backend", "model", "--pace", "50000"]);
    let body = json!({"inputs": [{"name": "input", "shape": [1, 64], "datatype": "INT8", "data": vec![0; 64]}]});
    let mut waiting: Vec<TcpStream> = (0..5).map(|_| server.post("/v2/models/digits/infer", &body)).collect();
    for stream in &mut waiting {
        stream.read_exact(&mut [0; 15]).expect("a status: it is admitted");
    }
    server.signal("-TERM");
    for stream in waiting {
        let text = rest(stream);
        assert!(
            text.contains("\"model_name\":\"digits\"") && text.contains("\"data\":[") && text.ends_with("0\r\n\r\n"),
            "{text}"
        );
    }
    assert!(server.child.wait().expect("it ends").success());
    let mut said = String::new();
    server.out.read_to_string(&mut said).expect("text");
    assert!(said.contains("5 admitted, 5 answered, 0 late, 0 refused"), "{said}");
}

#[test]
fn what_is_no_model_or_no_option_is_refused() {
    for (args, word) in [
        (&["nothing.onnx"][..], "nothing.onnx"),
        (&["digits", "--name", "a/b"], "--name"),
        (&["digits", "--host", "no.such.host.invalid"], "cannot listen"),
        (&["digits", "--queue", "0"], "--queue"),
        (&["digits", "--pace", "0.5"], "--pace"),
        (&["digits", "--backend", "board", "--board-port", "/dev/no.such.port"], "/dev/no.such.port"),
        (&["tales", "--config", "tiny"], "VEC_LANES"),
    ] {
        let out =
            Command::new(env!("CARGO_BIN_EXE_systole")).args(["serve", "--port", "0"]).args(args).output().expect("it starts");
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(2) && text.contains(word), "{args:?}: {text}");
    }
}
