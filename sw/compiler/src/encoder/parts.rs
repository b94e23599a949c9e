// SPDX-License-Identifier: Apache-2.0
//! An encoder whose weights a machine cannot hold, as several that follow each other: each part's result is the next one's input.

use super::{EncoderProgram, compile_encoder};
use crate::CompileError;
use systole_isa::Config;
use systole_model::encoder::{Encoder, Map, Op, Then};

/// Maps at which an encoder can be cut: nothing behind reads anything before them.
fn cuts(model: &Encoder) -> Vec<Map> {
    let cut = |m: &Map| {
        let behind = &model.ops[*m..];
        let relu = matches!(&model.ops[m - 1], Op::Linear(l) if l.then == Then::Relu);
        !relu && behind.iter().all(|op| Encoder::reads(op).into_iter().all(|r| r >= *m))
    };
    (1..model.output).filter(cut).collect()
}

/// The operators that make the maps behind `from` up to `to`, as an encoder of its own.
fn part(model: &Encoder, from: Map, to: Map) -> Encoder {
    let ops = model.ops[from..to].iter().cloned().map(|mut op| {
        match &mut op {
            Op::Linear(l) => {
                l.from -= from;
                match &mut l.then {
                    Then::Times(m) | Then::Plus(m) => *m -= from,
                    _ => {}
                }
            }
            Op::Norm(n) => n.from -= from,
            Op::Attention(a) => [&mut a.q, &mut a.k, &mut a.v].into_iter().for_each(|m| *m -= from),
            Op::Add(a, b) => [a, b].into_iter().for_each(|m| *m -= from),
        }
        op
    });
    Encoder { name: model.name.clone(), tokens: model.tokens, width: model.width_of(from), ops: ops.collect(), output: to - from }
}

/// `model` in as few parts as the machine takes, one alone where it has room for all.
///
/// # Errors
/// What [`compile_encoder`] says of the first part that has no room by itself.
pub fn compile_parts(model: &Encoder, config: &Config) -> Result<Vec<(Encoder, EncoderProgram)>, CompileError> {
    model.check().map_err(CompileError::Encoder)?;
    let mut ends = cuts(model);
    ends.push(model.output);
    let mut parts = vec![];
    let mut from = 0;
    while from < model.output {
        let behind: Vec<Map> = ends.iter().copied().filter(|&e| e > from).collect();
        // The longest that has room; whether one has is nearly always a matter of length.
        let (mut least, mut most) = (0, behind.len());
        let mut best = None;
        let mut refused = None;
        // All at once where that does, else by halves.
        let mut at = behind.len() - 1;
        while least < most {
            let of = part(model, from, behind[at]);
            match compile_encoder(&of, config) {
                Ok(p) => {
                    best = Some((of, p, behind[at]));
                    least = at + 1;
                }
                Err(e @ (CompileError::DoesNotFit { .. } | CompileError::Isa(_))) => {
                    refused = Some(e);
                    most = at;
                }
                Err(e) => return Err(e),
            }
            at = (least + most) / 2;
        }
        match (best, refused) {
            (Some((of, program, end)), _) => {
                parts.push((of, program));
                from = end;
            }
            (None, Some(e)) => return Err(e),
            (None, None) => return Err(CompileError::Encoder("no operators".into())),
        }
    }
    Ok(parts)
}
