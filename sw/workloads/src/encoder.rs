// SPDX-License-Identifier: Apache-2.0
//! Encoders with scales by token (docs/encoders.md): run on a machine, compared with the golden model in every number and with the
//! float network by cosine.

use crate::conformance::{Status, Verdict};
use crate::onnx_case::Case;
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use systole_backends::{Backend, run_frames};
use systole_compiler::{CompileError, EncoderProgram, compile_parts};
use systole_golden::encoder::run as golden;
use systole_isa::Config;
use systole_model::encoder::float::{cosine, float};
use systole_model::encoder::import::{Options, import_from, input_names};
use systole_model::encoder::{Encoder, frame};
use systole_model::onnx::{Array, Data};

/// Least cosine between an output and the float network's, below which a case fails: what MiniLM is asked for.
pub const LEAST_COSINE: f64 = 0.99;

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The result, `[tokens][width]`.
    #[serde(skip)]
    pub result: Vec<f32>,
    /// The float network's, of the same input.
    #[serde(skip)]
    pub float: Vec<f64>,
    /// Cycles of each part, as the compiler said.
    pub cycles_predicted: Vec<u64>,
    /// Cycles of each part.
    pub cycles_measured: Vec<u64>,
    /// Numbers compared with the golden model.
    pub compared: usize,
    /// Numbers that differ.
    pub mismatches: usize,
    /// The first of them: part, token, channel, found, expected.
    pub first_mismatch: Option<(usize, usize, usize, f32, f32)>,
}

impl Outcome {
    /// Whether every number and every cycle is as it should be.
    pub fn is_good(&self) -> bool {
        self.mismatches == 0 && self.cycles_measured == self.cycles_predicted
    }

    /// Cosine of each token that counts to the float network's: mean and least; none where no token counts.
    pub fn cosines(&self, mask: &[bool]) -> Option<(f64, f64)> {
        let width = self.result.len() / mask.len();
        let rows = self.result.chunks_exact(width).zip(self.float.chunks_exact(width)).zip(mask);
        let each: Vec<f64> = rows
            .filter(|(_, counts)| **counts)
            .map(|((a, b), _)| cosine(&a.iter().map(|&a| f64::from(a)).collect::<Vec<_>>(), b))
            .collect();
        let mean = each.iter().sum::<f64>() / each.len() as f64;
        (!each.is_empty()).then(|| (mean, each.into_iter().fold(1.0, f64::min)))
    }
}

/// How long one output may be in parts of the other, above 1 and below: as far as [`LEAST_COSINE`] lets directions differ.
pub const MOST_LENGTH: f64 = 1.15;

/// How far two tensors lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Apart {
    /// Cosine of the angle between them.
    pub cosine: f64,
    /// Length of the first in parts of the second's.
    pub length: f64,
    /// Largest difference of two elements.
    pub largest_difference: f64,
}

impl Apart {
    /// Whether they are as near as is asked: false where anything is no number.
    pub fn is_near(&self) -> bool {
        self.cosine >= LEAST_COSINE
            && self.length <= MOST_LENGTH
            && self.length >= 1.0 / MOST_LENGTH
            && self.largest_difference.is_finite()
    }
}

impl std::fmt::Display for Apart {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "cosine {:.5}, {:.4} off at most", self.cosine, self.largest_difference)?;
        if !(1.0 / MOST_LENGTH..=MOST_LENGTH).contains(&self.length) {
            write!(f, ", {:.3} times as long", self.length)?;
        }
        Ok(())
    }
}

/// Runs the parts of an encoder one behind the other, each part's image loaded anew.
///
/// # Errors
/// Building the model, loading, running.
pub fn run(
    parts: &[(Encoder, EncoderProgram)],
    x: &[f32],
    mask: &[bool],
    config: &Config,
    backend: Backend,
    options: &systole_chip::Options,
) -> Result<Outcome> {
    let cols = config.cols as usize;
    if let Some(n) = x.iter().position(|x| !x.is_finite()) {
        anyhow::bail!("the input has {} in token {}: it must be finite numbers", x[n], n / (x.len() / mask.len()).max(1));
    }
    let mut out = Outcome {
        result: x.to_vec(),
        float: x.iter().map(|&x| x.into()).collect(),
        cycles_predicted: vec![],
        cycles_measured: vec![],
        compared: 0,
        mismatches: 0,
        first_mismatch: None,
    };
    for (n, (model, program)) in parts.iter().enumerate() {
        let bytes = frame(&out.result, model.width, mask, cols);
        let frames: Vec<Vec<u8>> = vec![bytes.iter().map(|&b| b as u8).collect()];
        let ran = run_frames(backend, config, &program.image, frames, options, |_| {})?;
        let run = ran.outputs.first().context("no run")?;
        let got = program.numbers(&run.frame);
        let lanes = program.width.next_multiple_of(cols);
        let want = golden(model, &bytes, cols);
        for (i, &found) in got.iter().enumerate() {
            let (token, channel) = (i / program.width, i % program.width);
            let want = f32::from_bits(want[token * lanes + channel].word());
            if found.to_bits() != want.to_bits() {
                out.mismatches += 1;
                out.first_mismatch.get_or_insert((n, token, channel, found, want));
            }
        }
        out.compared += got.len();
        out.cycles_predicted.push(program.cycles);
        out.cycles_measured.push(run.cycles);
        let input: Vec<f32> = out.float.iter().map(|&x| x as f32).collect();
        out.float = float(model, &input, mask);
        out.result = got;
    }
    Ok(out)
}

/// Sizes of dimensions that a file leaves open, from the tensors that a run is given.
pub fn sizes(bytes: &[u8], inputs: &[Array]) -> BTreeMap<String, usize> {
    let names = input_names(bytes);
    let of = names.iter().zip(inputs);
    of.flat_map(|(name, a)| a.shape.iter().enumerate().map(move |(d, &n)| (format!("{name}:{d}"), n))).collect()
}

/// How far two tensors of one shape lie apart, over the tokens that count where the first or second dimension is the
/// tokens'; none where they have different shapes.
pub fn apart(a: &Array, b: &Array, mask: &[bool]) -> Option<Apart> {
    let numbers = |a: &Array| -> Vec<f64> {
        match &a.data {
            Data::F32(v) => v.iter().map(|&v| v.into()).collect(),
            Data::I8(v) => v.iter().map(|&v| v.into()).collect(),
            Data::U8(v) => v.iter().map(|&v| v.into()).collect(),
            Data::I32(v) => v.iter().map(|&v| v.into()).collect(),
            Data::I64(v) => v.iter().map(|&v| v as f64).collect(),
        }
    };
    let (x, y) = (numbers(a), numbers(b));
    if a.shape != b.shape {
        return None;
    }
    let tokens = match a.shape.as_slice() {
        [1, t, ..] | [t, ..] if *t == mask.len() => *t,
        _ => 1,
    };
    let each = x.len() / tokens;
    let counts = |i: &usize| tokens == 1 || mask[i / each.max(1)];
    let kept: Vec<usize> = (0..x.len()).filter(counts).collect();
    // A difference that is no number stays one.
    let most = |m: f64, d: f64| if d.is_nan() || d > m { d } else { m };
    let largest_difference = kept.iter().map(|&i| if x[i] == y[i] { 0.0 } else { (x[i] - y[i]).abs() }).fold(0.0, most);
    let of = |v: &[f64]| kept.iter().map(|&i| v[i]).collect::<Vec<f64>>();
    let (x, y) = (of(&x), of(&y));
    let length = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let (lx, ly) = (length(&x), length(&y));
    Some(Apart { cosine: cosine(&x, &y), length: if lx == ly { 1.0 } else { lx / ly }, largest_difference })
}

/// Runs every data set of a case whose activations have no scales. Where every number is the golden model's and every output is
/// within [`LEAST_COSINE`] of the stored one it is *declared*.
///
/// # Errors
/// A model that cannot be read, a simulation that cannot be built.
pub fn run_case(
    case: &Case,
    bytes: &[u8],
    config: &Config,
    backend: Backend,
    machine: &systole_chip::Options,
) -> Result<Verdict> {
    let mut verdict = Verdict::new(case, Status::Declared, String::new());
    let end = |status, reason: String, v: Verdict| Ok(Verdict { status, reason, ..v });
    let mut least = 1f64;
    for (n, set) in case.sets.iter().enumerate() {
        let inputs: Vec<Array> = set.inputs.iter().map(|(_, a)| a.clone()).collect();
        let options = Options { sizes: sizes(bytes, &inputs) };
        let imported = match import_from(bytes, Some(&case.path), &options) {
            Ok(i) => i,
            Err(e) if e.is_unsupported() => return end(Status::Unsupported, e.to_string(), verdict),
            Err(e) => return end(Status::Failed, e.to_string(), verdict),
        };
        let parts = match compile_parts(&imported.encoder, config) {
            Ok(p) => p,
            Err(e @ (CompileError::DoesNotFit { .. } | CompileError::Encoder(_))) => {
                return end(Status::Unsupported, e.to_string(), verdict);
            }
            Err(e) => return end(Status::Failed, e.to_string(), verdict),
        };
        let named: Vec<(&str, Array)> = imported.inputs.iter().map(|i| i.name.as_str()).zip(inputs).collect();
        let prepared = match imported.prepare(&named) {
            Ok(p) => p,
            Err(e) => return end(Status::Failed, format!("data set {n}: {e}"), verdict),
        };
        let ran = run(&parts, &prepared.x, &prepared.mask, config, backend, machine)
            .with_context(|| format!("{}, data set {n}", case.name))?;
        verdict.cycles_predicted = Some(ran.cycles_predicted.iter().sum());
        verdict.cycles_measured = Some(ran.cycles_measured.iter().sum());
        if !ran.is_good() {
            let reason = format!(
                "data set {n}: {} of {} numbers are not the golden model's, {:?} cycles predicted, {:?} measured",
                ran.mismatches, ran.compared, ran.cycles_predicted, ran.cycles_measured
            );
            return end(Status::Failed, reason, verdict);
        }
        let outputs = imported.finish(&prepared, &ran.result)?;
        if !set.outputs.is_empty() && set.outputs.len() != outputs.len() {
            let reason = format!("data set {n}: {} outputs are stored, the model has {}", set.outputs.len(), outputs.len());
            return end(Status::Failed, reason, verdict);
        }
        for ((name, got), (_, want)) in outputs.iter().zip(&set.outputs) {
            let Some(of) = apart(got, want, &prepared.mask) else {
                let reason = format!("data set {n}: {name} has shape {:?}, not {:?}", got.shape, want.shape);
                return end(Status::Failed, reason, verdict);
            };
            verdict.compared += got.len();
            verdict.differing += crate::onnx_case::differing(got, want, false);
            let off = verdict.max_abs_diff.unwrap_or(0.0);
            verdict.max_abs_diff = Some(off.max(of.largest_difference));
            if !of.is_near() {
                let reason =
                    format!("data set {n}: {name}: {of}; cosine {LEAST_COSINE} and length within {MOST_LENGTH} are asked");
                return end(Status::Failed, reason, verdict);
            }
            least = least.min(of.cosine);
        }
    }
    if case.sets.is_empty() {
        return end(Status::Unsupported, "no data set says how long its sequences are".into(), verdict);
    }
    if verdict.compared == 0 {
        return end(Status::Unstored, "runs as the golden model says; no output is stored".into(), verdict);
    }
    let off = verdict.max_abs_diff.unwrap_or(0.0);
    let text = format!("scales by token: cosine {least:.5} to the stored output, {off:.4} off at most");
    end(Status::Declared, text, verdict)
}
