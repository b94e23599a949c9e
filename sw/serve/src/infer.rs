// SPDX-License-Identifier: Apache-2.0
//! Requests of tensors: the protocol's `infer`, with its extension for binary tensors.

use crate::clock::Rate;
use crate::desk::Ticket;
use crate::model::{Network, Port};
use crate::reply::{Fault, promise};
use crate::tensor;
use axum::body::Bytes;
use serde_json::{Map, Value, json};
use systole_model::onnx::Array;

/// A request that is one.
#[derive(Debug)]
pub struct Request {
    /// Its own name.
    pub id: Option<String>,
    /// Inputs in the model's order.
    pub tensors: Vec<Array>,
    /// Outputs that it wants, and whether as bytes.
    pub wanted: Vec<(usize, bool)>,
    /// Its deadline, microseconds of the machine's clock.
    pub deadline_us: Option<f64>,
}

/// JSON's object, or what else is there.
pub fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, Fault> {
    value.as_object().ok_or_else(|| Fault::bad(format!("{what} is no object")))
}

/// Parameters, which may be left out.
pub fn parameters<'a>(of: &'a Map<String, Value>, what: &str) -> Result<Option<&'a Map<String, Value>>, Fault> {
    match of.get("parameters") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => object(value, &format!("{what}parameters")).map(Some),
    }
}

/// The request's own name.
pub fn id(of: &Map<String, Value>) -> Result<Option<String>, Fault> {
    match of.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(id.clone())),
        Some(_) => Err(Fault::bad("id is no string")),
    }
}

fn flag(of: Option<&Map<String, Value>>, name: &str) -> Result<Option<bool>, Fault> {
    match of.and_then(|of| of.get(name)) {
        None => Ok(None),
        Some(Value::Bool(on)) => Ok(Some(*on)),
        Some(_) => Err(Fault::bad(format!("parameter {name} is neither true nor false"))),
    }
}

/// The deadline of parameters: `deadline_us`, or Triton's `timeout`, whose 0 is none.
pub fn deadline(of: Option<&Map<String, Value>>) -> Result<Option<f64>, Fault> {
    let Some(of) = of else { return Ok(None) };
    let number = |name: &str| match of.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|&us| (0.0..=1e15).contains(&us)) {
            Some(us) => Ok(Some(us)),
            None => Err(Fault::bad(format!("parameter {name} is no number of microseconds"))),
        },
    };
    Ok(number("deadline_us")?.or(number("timeout")?.filter(|&us| us > 0.0)))
}

fn name<'a>(of: &'a Map<String, Value>, what: &str) -> Result<&'a str, Fault> {
    of.get("name").and_then(Value::as_str).ok_or_else(|| Fault::bad(format!("{what} has no name")))
}

fn shape(of: &Map<String, Value>) -> Option<Vec<usize>> {
    of.get("shape")?.as_array()?.iter().map(|d| d.as_u64()?.try_into().ok()).collect()
}

/// JSON and the bytes behind it; `header`: its length, where bytes follow.
pub fn split(body: &[u8], header: Option<&str>) -> Result<(Value, usize), Fault> {
    let length = match header {
        None => body.len(),
        Some(text) => text.trim().parse().ok().filter(|&n: &usize| n <= body.len()).ok_or_else(|| {
            Fault::bad(format!("Inference-Header-Content-Length: '{text}' is no length within {} bytes", body.len()))
        })?,
    };
    let json = serde_json::from_slice(&body[..length]).map_err(|e| Fault::bad(format!("the request is no JSON: {e}")))?;
    Ok((json, length))
}

/// Parses a request.
///
/// # Errors
/// What is wrong with it: 400.
pub fn parse(network: &Network, body: &[u8], header: Option<&str>) -> Result<Request, Fault> {
    let (json, length) = split(body, header)?;
    let mut binary = &body[length..];
    let request = object(&json, "the request")?;
    let all = parameters(request, "")?;
    let (id, deadline_us) = (id(request)?, deadline(all)?);
    let inputs = request.get("inputs").and_then(Value::as_array).ok_or_else(|| Fault::bad("there is no array 'inputs'"))?;
    let mut tensors: Vec<Option<Array>> = vec![None; network.inputs.len()];
    for input in inputs {
        let input = object(input, "an input")?;
        let name = name(input, "an input")?;
        let at = network.inputs.iter().position(|p| p.name == name).ok_or_else(|| unknown("input", name, &network.inputs))?;
        if tensors[at].is_some() {
            return Err(Fault::bad(format!("input '{name}' is there twice")));
        }
        tensors[at] = Some(one(&network.inputs[at], input, &mut binary)?);
    }
    if !binary.is_empty() {
        return Err(Fault::bad(format!("{} bytes behind the tensors belong to no input", binary.len())));
    }
    let missing = |(at, tensor): (usize, Option<Array>)| {
        tensor.ok_or_else(|| Fault::bad(format!("input '{}' is missing", network.inputs[at].name)))
    };
    let tensors = tensors.into_iter().enumerate().map(missing).collect::<Result<Vec<_>, _>>()?;
    let as_bytes = flag(all, "binary_data_output")?.unwrap_or(false);
    Ok(Request { id, tensors, wanted: wanted(request, network, as_bytes)?, deadline_us })
}

fn unknown(what: &str, name: &str, ports: &[Port]) -> Fault {
    let names: Vec<&str> = ports.iter().map(|p| p.name.as_str()).collect();
    Fault::bad(format!("the model has no {what} '{name}', it has {}", names.join(", ")))
}

/// An input: its type, its shape, its elements from JSON or from the bytes behind it.
fn one(port: &Port, input: &Map<String, Value>, binary: &mut &[u8]) -> Result<Array, Fault> {
    let name = &port.name;
    let want = tensor::datatype(port.element);
    match input.get("datatype").and_then(Value::as_str) {
        Some(found) if found == want => {}
        Some(found) => return Err(Fault::bad(format!("input '{name}' is {want}, the request has {found}"))),
        None => return Err(Fault::bad(format!("input '{name}' has no datatype; it is {want}"))),
    }
    match shape(input) {
        Some(found) if found == port.shape => {}
        Some(found) => return Err(Fault::bad(format!("input '{name}' has shape {:?}, the request {found:?}", port.shape))),
        None => return Err(Fault::bad(format!("input '{name}' has no shape; it is {:?}", port.shape))),
    }
    let of = parameters(input, "an input's ")?;
    if of.is_some_and(|of| of.contains_key("shared_memory_region")) {
        return Err(Fault::bad("shared memory is not offered: send the tensor"));
    }
    match (of.and_then(|of| of.get("binary_data_size")), input.get("data")) {
        (Some(_), Some(_)) => Err(Fault::bad(format!("input '{name}' has both data and binary_data_size"))),
        (Some(size), None) => {
            let size = size.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|&n| n <= binary.len());
            let size = size.ok_or_else(|| {
                Fault::bad(format!(
                    "input '{name}': binary_data_size is no number within the {} bytes behind the JSON",
                    binary.len()
                ))
            })?;
            let (own, rest) = binary.split_at(size);
            *binary = rest;
            tensor::from_bytes(port, own).map_err(Fault::bad)
        }
        (None, Some(data)) => tensor::from_json(port, data).map_err(Fault::bad),
        (None, None) => Err(Fault::bad(format!("input '{name}' has no data"))),
    }
}

fn wanted(request: &Map<String, Value>, network: &Network, as_bytes: bool) -> Result<Vec<(usize, bool)>, Fault> {
    let outputs = match request.get("outputs") {
        None | Some(Value::Null) => &vec![],
        Some(Value::Array(outputs)) => outputs,
        Some(_) => return Err(Fault::bad("outputs is no array")),
    };
    if outputs.is_empty() {
        return Ok((0..network.outputs.len()).map(|at| (at, as_bytes)).collect());
    }
    let mut wanted: Vec<(usize, bool)> = vec![];
    for output in outputs {
        let output = object(output, "an output")?;
        let name = name(output, "an output")?;
        let at = network.outputs.iter().position(|p| p.name == name).ok_or_else(|| unknown("output", name, &network.outputs))?;
        if wanted.iter().any(|w| w.0 == at) {
            return Err(Fault::bad(format!("output '{name}' is there twice")));
        }
        let of = parameters(output, "an output's ")?;
        if of.is_some_and(|of| of.contains_key("classification") || of.contains_key("shared_memory_region")) {
            return Err(Fault::bad("classification and shared memory are not offered: take the tensor"));
        }
        wanted.push((at, flag(of, "binary_data")?.unwrap_or(as_bytes)));
    }
    Ok(wanted)
}

/// Characters of a number in JSON and its comma, at most.
const LONGEST: usize = 24;

/// How an answer is written.
pub struct Answer {
    /// The model's name.
    pub model: String,
    /// The request's.
    pub id: Option<String>,
    /// Outputs that it wants, and whether as bytes.
    pub wanted: Vec<(usize, bool)>,
    /// What it was promised.
    pub ticket: Ticket,
    /// How cycles become time.
    pub rate: Rate,
}

impl Answer {
    /// The JSON; `data` of outputs that are no bytes.
    fn json(&self, network: &Network, data: impl Fn(usize) -> String) -> String {
        let mut head = json!({"model_name": self.model, "model_version": "1", "parameters": promise(&self.ticket, self.rate)});
        if let Some(id) = &self.id {
            head["id"] = json!(id);
        }
        let mut text = head.to_string();
        text.pop(); // its brace
        let outputs: Vec<String> = self
            .wanted
            .iter()
            .map(|&(at, binary)| {
                let port = &network.outputs[at];
                let mut output = json!({"name": port.name, "datatype": tensor::datatype(port.element), "shape": port.shape});
                if binary {
                    output["parameters"] = json!({"binary_data_size": port.bytes()});
                    return output.to_string();
                }
                let mut output = output.to_string();
                output.pop();
                format!("{output},\"data\":{}}}", data(at))
            })
            .collect();
        text + &format!(",\"outputs\":[{}]}}", outputs.join(","))
    }

    /// Lengths of the JSON and of all, where an output is bytes: they go out before the outputs are there. Of outputs that are
    /// JSON beside them the longest text that can be; spaces fill it up.
    pub fn lengths(&self, network: &Network) -> Option<(usize, usize)> {
        if !self.wanted.iter().any(|w| w.1) {
            return None;
        }
        let (bytes, text): (Vec<(usize, bool)>, Vec<(usize, bool)>) = self.wanted.iter().copied().partition(|w| w.1);
        let text: usize = text.iter().map(|w| 2 + network.outputs[w.0].len() * LONGEST).sum();
        let head = self.json(network, |_| String::new()).len() + text;
        Some((head, head + bytes.iter().map(|w| network.outputs[w.0].bytes()).sum::<usize>()))
    }

    /// JSON, and behind it the outputs that are bytes.
    ///
    /// # Errors
    /// Outputs that are not the model's: a fault of the machine.
    pub fn write(&self, network: &Network, outputs: &[Array]) -> Result<Bytes, String> {
        for (port, output) in network.outputs.iter().zip(outputs) {
            if output.shape != port.shape || output.element() != port.element {
                return Err(format!("output '{}' came as {} {:?}", port.name, output.element(), output.shape));
            }
        }
        let mut bytes = self.json(network, |at| tensor::to_json(&outputs[at])).into_bytes();
        if let Some((head, _)) = self.lengths(network) {
            bytes.resize(head, b' ');
        }
        for &(at, _) in self.wanted.iter().filter(|w| w.1) {
            bytes.extend(tensor::to_bytes(&outputs[at]));
        }
        Ok(bytes.into())
    }
}
