// SPDX-License-Identifier: Apache-2.0
//! Requests of text: Triton's `generate` and `generate_stream`.

use crate::clock::Rate;
use crate::desk::Ticket;
use crate::infer::{deadline, id, object, parameters};
use crate::model::Language;
use crate::plan::{Text, steps};
use crate::reply::{Fault, promise};
use axum::body::Bytes;
use serde_json::{Map, Value, json};
use systole_llm::Sampler;

/// A request that is one.
pub struct Request {
    /// What the machine is to write.
    pub text: Text,
    /// Its deadline, microseconds of the machine's clock.
    pub deadline_us: Option<f64>,
}

/// A number of the request: beside its text or among its parameters.
fn number(request: &Map<String, Value>, of: Option<&Map<String, Value>>, name: &str) -> Result<Option<Value>, Fault> {
    match request.get(name).or_else(|| of.and_then(|of| of.get(name))) {
        None | Some(Value::Null) => Ok(None),
        Some(value @ Value::Number(_)) => Ok(Some(value.clone())),
        Some(_) => Err(Fault::bad(format!("{name} is no number"))),
    }
}

fn whole(request: &Map<String, Value>, of: Option<&Map<String, Value>>, name: &str) -> Result<Option<u64>, Fault> {
    let Some(value) = number(request, of, name)? else { return Ok(None) };
    value.as_u64().map(Some).ok_or_else(|| Fault::bad(format!("{name} is no whole number from 0 on")))
}

fn real(request: &Map<String, Value>, of: Option<&Map<String, Value>>, name: &str, most: f64) -> Result<Option<f32>, Fault> {
    let Some(value) = number(request, of, name)? else { return Ok(None) };
    let value = value.as_f64().filter(|v| (0.0..=most).contains(v));
    value.map(|v| Some(v as f32)).ok_or_else(|| Fault::bad(format!("{name} is no number from 0 to {most}")))
}

/// Parses a request.
///
/// # Errors
/// What is wrong with it: 400.
pub fn parse(language: &Language, body: &[u8], stream: bool) -> Result<Request, Fault> {
    let json: Value = serde_json::from_slice(body).map_err(|e| Fault::bad(format!("the request is no JSON: {e}")))?;
    let request = object(&json, "the request")?;
    let of = parameters(request, "")?;
    let prompt = match request.get("text_input") {
        Some(Value::String(text)) => text,
        Some(_) => return Err(Fault::bad("text_input is no string")),
        None => return Err(Fault::bad("there is no text_input")),
    };
    // Of a text that is too long nothing is computed: no token is longer than this.
    let room = language.decoder.context;
    if prompt.len() > 64 * room {
        return Err(Fault::bad(format!("text_input has {} bytes, the context is {room} tokens", prompt.len())));
    }
    let mut tokens = vec![language.start];
    tokens.extend(language.tokenizer.encode(prompt).map_err(|e| Fault::bad(format!("text_input: {e}")))?);
    if tokens.len() >= room {
        return Err(Fault::bad(format!(
            "text_input is {} tokens, the context has room for {room} with what is written",
            tokens.len()
        )));
    }
    let left = room - tokens.len();
    let more = match whole(request, of, "max_tokens")? {
        None => left,
        Some(0) => return Err(Fault::bad("max_tokens is 0: ask for one at least")),
        Some(n) => left.min(usize::try_from(n).unwrap_or(left)),
    };
    let temperature = real(request, of, "temperature", 100.0)?.unwrap_or(0.0);
    let top_p = real(request, of, "top_p", 1.0)?.unwrap_or(1.0);
    let seed = whole(request, of, "seed")?.unwrap_or(1);
    let text = Text {
        prompt: tokens.len(),
        steps: steps(&language.decoder, tokens.len(), more),
        tokens,
        done: 0,
        sampler: Sampler::new(temperature, top_p, seed),
        stream,
        id: id(request)?,
        text: String::new(),
    };
    Ok(Request { text, deadline_us: deadline(of)? })
}

/// What is said of a text and its tokens.
pub struct Teller<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The request's.
    pub id: Option<String>,
    /// How cycles become time.
    pub rate: Rate,
}

impl Teller<'_> {
    fn head(&self, text: &str) -> Value {
        let mut head = json!({"model_name": self.model, "model_version": "1", "text_output": text});
        if let Some(id) = &self.id {
            head["id"] = json!(id);
        }
        head
    }

    /// A token, as a server-sent event; `end`: why it is the last.
    pub fn event(&self, piece: &str, token: Option<usize>, index: usize, cycles: u64, finish: u64, end: Option<&str>) -> Bytes {
        let mut event = self.head(piece);
        event["parameters"] = json!({"index": index, "token": token, "cycles": cycles, "finish_us": self.rate.micros(finish), "finish_reason": end});
        format!("data: {event}\n\n").into()
    }

    /// The whole text.
    pub fn whole(&self, text: &Text, ticket: &Ticket, finish: u64, end: &str) -> Bytes {
        let mut all = self.head(&text.text);
        let mut said = promise(&Ticket { finish, ..*ticket }, self.rate);
        said["prompt_tokens"] = json!(text.prompt);
        said["tokens"] = json!(text.tokens.len() - text.prompt);
        said["finish_reason"] = json!(end);
        all["parameters"] = said;
        all.to_string().into()
    }
}
