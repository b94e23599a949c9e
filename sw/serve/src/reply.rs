// SPDX-License-Identifier: Apache-2.0
//! Answers: errors as the protocol has them, and bodies that come later than their headers.

use crate::clock::Rate;
use crate::desk::{Desk, Refusal, Ticket};
use crate::metrics::Reason;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde_json::{Value, json};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc::UnboundedReceiver;

/// A part of an answer.
#[derive(Debug)]
pub enum Part {
    /// More follows.
    More(Bytes),
    /// The last.
    Last(Bytes),
}

/// An error, as it is answered.
#[derive(Debug)]
pub struct Fault {
    status: StatusCode,
    body: Value,
    retry: Option<u64>,
}

impl Fault {
    /// With a status and a sentence.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Fault {
        Fault { status, body: json!({"error": message.into()}), retry: None }
    }

    /// The request is none.
    pub fn bad(message: impl Into<String>) -> Fault {
        Fault::new(StatusCode::BAD_REQUEST, message)
    }

    /// A request that is not admitted, with what would be possible.
    pub fn refused(refusal: &Refusal, rate: Rate) -> Fault {
        let us = |cycles: u64| rate.micros(cycles);
        let Refusal { reason, possible, cycles, allowed } = *refusal;
        let never = cycles > allowed;
        let message = match reason {
            Reason::Late if never => format!(
                "the machine takes {} us ({cycles} cycles), the deadline is {} us: it can never be met; allow at least as much",
                us(cycles),
                us(allowed)
            ),
            Reason::Late => format!(
                "the answer would come in {} us, the deadline is {} us: allow as much, or ask again later",
                us(possible.unwrap_or(0)),
                us(allowed)
            ),
            Reason::Full => "the queue is full (--queue): ask again later".to_string(),
            Reason::Draining => "the host goes down: ask another".to_string(),
            Reason::Down => "the machine is not ready: ask again later".to_string(),
        };
        let status = if reason == Reason::Late && never { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::SERVICE_UNAVAILABLE };
        let mut fault = Fault::new(status, message);
        fault.body["reason"] = json!(reason.name());
        fault.body["cycles"] = json!(cycles);
        fault.body["deadline_us"] = json!(us(allowed));
        if let Some(possible) = possible {
            fault.body["possible_us"] = json!(us(possible));
            let wait = rate.host(possible.saturating_sub(allowed).max(1));
            fault.retry = (!never).then(|| wait.as_secs_f64().ceil().max(1.0) as u64);
        } else {
            fault.retry = Some(1);
        }
        fault
    }

    /// Whether the client is to blame.
    pub fn is_clients(&self) -> bool {
        self.status.is_client_error()
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = json_response(self.status, &self.body);
        if let Some(seconds) = self.retry {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// JSON with a status.
pub fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// An answer whose headers go out now and say when its body will.
pub fn later(desk: &Arc<Desk>, ticket: &Ticket, cycles: u64, parts: UnboundedReceiver<Part>, kind: &'static str) -> Response {
    let rate = desk.rate();
    let wait = ticket.finish - ticket.arrival;
    let body = Later { parts, over: false, id: ticket.id, desk: desk.clone() };
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in [
        ("systole-cycles", cycles.to_string()),
        ("systole-queue", ticket.queue.to_string()),
        ("systole-start-us", rate.micros(ticket.start).to_string()),
        ("systole-finish-us", rate.micros(ticket.finish).to_string()),
        ("systole-wait-us", rate.micros(wait).to_string()),
        ("systole-host-us", rate.host(wait).as_micros().to_string()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// What a request was promised, for the parameters of its answer.
pub fn promise(ticket: &Ticket, rate: Rate) -> Value {
    json!({
        "arrival_us": rate.micros(ticket.arrival), "start_us": rate.micros(ticket.start), "finish_us": rate.micros(ticket.finish),
        "deadline_us": rate.micros(ticket.deadline), "cycles": ticket.finish - ticket.start, "queue": ticket.queue,
    })
}

/// The body. Dropped before its last part: the client went away.
struct Later {
    parts: UnboundedReceiver<Part>,
    over: bool,
    id: u64,
    desk: Arc<Desk>,
}

impl Stream for Later {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match ready!(self.parts.poll_recv(cx)) {
            Some(Part::More(bytes)) => Ok(bytes),
            Some(Part::Last(bytes)) => {
                self.over = true;
                Ok(bytes)
            }
            // The connection ends in the middle of the body: nobody takes it for whole.
            None => {
                self.over = true;
                Err(io::Error::other("the machine failed"))
            }
        }))
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        if !self.over {
            self.desk.vanish(self.id);
        }
    }
}
