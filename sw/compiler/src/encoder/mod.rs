// SPDX-License-Identifier: Apache-2.0
//! From an encoder with scales by token to a program (docs/encoders.md), for one length.
//!
//! `plan` says what is computed in which order, `lay` lays out tiles and parameters, `emit`, `operators` and `attention` are the rows of each chunk's `maps`,
//! which `track` places on a `crate::timeline` as early as what they touch allows.

mod attention;
mod emit;
mod lay;
mod maps;
mod operators;
mod parts;
mod plan;
mod pools;
mod repeat;
mod track;

use crate::{CompileError, Origins, verify};
pub use parts::compile_parts;

use emit::{Emitter, Short, frame_words};
use lay::Lay;
use plan::Plan;
use systole_isa::image::{Dtype, Tensor};
use systole_isa::{Config, Image, Program, f24};
use systole_model::encoder::{Encoder, Op};

/// An encoder as a program.
#[derive(Debug, Clone)]
pub struct EncoderProgram {
    /// What the machine loads. A frame is [`systole_model::encoder::frame`]'s, the result float32, see [`EncoderProgram::numbers`].
    pub image: Image,
    /// The program, to look at.
    pub program: Program,
    /// What its rows are for: the frame, and each operator.
    pub origins: Origins,
    /// Cycles of a run, exactly.
    pub cycles: u64,
    /// Steps of the array.
    pub array: u64,
    /// Tokens that were asked for.
    pub tokens: usize,
    /// Width of the result.
    pub width: usize,
    /// Tokens that go together, and how many such chunks take turns.
    pub chunk: (usize, usize),
    /// Multiplications and additions of the tokens that were asked for.
    pub macs: u64,
    /// What a machine's memories are used for, in words: `(memory, needed, there is)`.
    pub memory: Vec<(&'static str, usize, usize)>,
    cols: usize,
}

impl EncoderProgram {
    /// The numbers of an OUT frame, `[tokens][width]`.
    pub fn numbers(&self, frame: &[u8]) -> Vec<f32> {
        let lanes = self.width.next_multiple_of(self.cols);
        let number = |i: usize| f32::from_le_bytes([frame[4 * i], frame[4 * i + 1], frame[4 * i + 2], frame[4 * i + 3]]);
        (0..self.tokens).flat_map(|t| (0..self.width).map(move |i| t * lanes + i)).map(number).collect()
    }

    /// Share of the array's multiplications that are the network's own, 0 to 1.
    pub fn utilisation(&self) -> f64 {
        self.macs as f64 / (self.cycles as f64 * (self.cols * self.cols) as f64)
    }
}

/// Chunks that are tried: tokens, and how many chunks take turns.
const CHUNKS: [(usize, usize); 8] = [(8, 2), (16, 1), (8, 1), (4, 2), (4, 1), (2, 2), (2, 1), (1, 1)];

/// Compiles `model` for the machine `config`.
///
/// # Errors
/// [`CompileError::Encoder`] for shapes that the machine does not take, [`CompileError::DoesNotFit`] naming the memory,
/// [`CompileError::Verify`] for a fault of the compiler.
pub fn compile_encoder(model: &Encoder, config: &Config) -> Result<EncoderProgram, CompileError> {
    config.check()?;
    model.check().map_err(CompileError::Encoder)?;
    takes(model, config)?;
    let macs = model.macs();
    let model = &repeat::repeated(model, config.cols as usize);
    let plan = Plan::new(model);
    let lay = Lay::new(model, config).map_err(CompileError::Encoder)?;
    fits(model, &lay, config)?;
    let mut best: Option<EncoderProgram> = None;
    let mut short: Option<CompileError> = None;
    for (rows, side) in CHUNKS {
        if rows > config.cols as usize {
            continue;
        }
        match compile_chunks(model, config, &plan, &lay, (rows, side)) {
            Ok(p) if best.as_ref().is_none_or(|b| p.cycles < b.cycles) => best = Some(p),
            Ok(_) => {}
            Err(e @ (CompileError::DoesNotFit { .. } | CompileError::Isa(_))) => short = Some(e),
            Err(e) => return Err(e),
        }
    }
    match (best, short) {
        (Some(best), _) => Ok(EncoderProgram { macs, ..best }),
        (None, Some(e)) => Err(e),
        (None, None) => Err(CompileError::Encoder(format!("{} has too few columns", config.label()))),
    }
}

fn takes(model: &Encoder, config: &Config) -> Result<(), CompileError> {
    let label = config.label();
    let refuse = |text: String| Err(CompileError::Encoder(text));
    if config.rows != config.cols {
        return refuse(format!("{label} has {} rows and {} columns; encoders take as many of both", config.rows, config.cols));
    }
    if config.vec_lanes == 0 {
        let c = config.cols;
        return refuse(format!(
            "{label} has no vector unit (VEC_LANES = 0); take one that has, as base, or {},VEC_LANES={c}",
            config.name
        ));
    }
    let heads = |op: &Op| if let Op::Attention(a) = op { a.heads } else { 0 };
    if let Some(n) = model.ops.iter().map(heads).find(|&h| h > 32) {
        return refuse(format!("{n} heads; at most 32 have room among the single numbers"));
    }
    Ok(())
}

fn needs(what: &str, needed: usize, limit: u32, config: &Config, help: String) -> Result<(), CompileError> {
    if needed <= limit as usize {
        return Ok(());
    }
    let (what, config) = (what.to_string(), config.label());
    Err(CompileError::DoesNotFit { what, needed, limit: limit as usize, config, help })
}

/// What every way of computing needs.
fn fits(model: &Encoder, lay: &Lay, config: &Config) -> Result<(), CompileError> {
    let c = config.cols as usize;
    let tokens = model.tokens.next_multiple_of(c);
    let out = 4 * tokens * model.width_of(model.output).div_ceil(c);
    let frame = frame_words(model, c);
    let part = || "fewer layers, block by block".to_string();
    let fewer = || "fewer tokens".to_string();
    needs("weights, words of RRAM", lay.weights.words(), config.rram_depth, config, part())?;
    let params = lay.weights.params.len() / c;
    needs("parameter words of the vector unit", params, config.vec_param_depth, config, part())?;
    needs("the frame, words of IN", frame, config.in_depth, config, fewer())?;
    needs("the frame, words of X", frame, config.x_depth, config, fewer())?;
    needs("the result, words of OUT", out, config.out_depth, config, fewer())
}

fn compile_chunks(
    model: &Encoder,
    config: &Config,
    plan: &Plan,
    lay: &Lay,
    (rows, side): (usize, usize),
) -> Result<EncoderProgram, CompileError> {
    let c = config.cols as usize;
    let no_room = |short: Short| {
        let (what, limit) = match short {
            Short::V => ("words of V", config.v_depth as usize),
            Short::X => ("words of X", config.x_depth as usize),
            Short::S => ("single numbers", 64),
            Short::WSram => ("keys and values, words of W SRAM", config.w_sram_depth as usize),
            Short::Acc => ("accumulators", config.acc_depth as usize),
        };
        let help = format!("fewer tokens than {}, or a machine with more", model.tokens);
        let what = format!("{what} for chunks of {rows} tokens");
        CompileError::DoesNotFit { what, needed: limit + 1, limit, config: config.label(), help }
    };
    let mut e = Emitter::new(model, lay, config, rows).map_err(no_room)?;
    e.all(plan, side).map_err(no_room)?;
    let array = e.k.t.array;
    let (v, x, w) = (e.v.most, e.x.most, e.w.most);
    let (timed, parts) = e.k.t.finish();
    let names = std::iter::once("input".to_string()).chain(model.ops.iter().map(Op::name));
    let origins = Origins::of_parts(names.collect(), &timed, &parts);
    let program = Program { rows: timed };
    let (timetable, descriptors) = Program::encode_all(std::slice::from_ref(&program))?;
    let more = || format!("fewer tokens than {}, or {},TIMETABLE_DEPTH=..,DESC_DEPTH=..", model.tokens, config.name);
    needs("rows of the timetable", timetable.len(), config.timetable_depth, config, more())?;
    needs("words of descriptors", descriptors.len(), config.desc_depth, config, more())?;
    let mut vector: Vec<u64> = f24::functions().iter().flatten().map(|&f| f24::encode_segment(f)).collect();
    vector.extend(&lay.weights.params);
    let tokens = model.tokens.next_multiple_of(c);
    let width = model.width_of(model.output);
    let lanes = width.next_multiple_of(c);
    let mut output = Tensor::dense(tokens as u32, lanes as u32, Dtype::Int32);
    output.tile = c as u32;
    output.tile_pitch = 4 * c as u32;
    let bytes = frame_words(model, c) * c;
    let image = Image {
        fingerprint: systole_isa::fingerprint(),
        config_id: config.image_id(),
        weight_beats: config.weight_beats,
        in_bytes: bytes as u32,
        out_bytes: (tokens * lanes * 4) as u32,
        timetable,
        descriptors,
        params: vec![],
        luts: vec![[0; 256]; config.lut_count as usize],
        weights: lay.weights.tiles.clone(),
        taps: vec![],
        vector,
        input: Tensor::dense(1, bytes as u32, Dtype::Int8),
        output,
        macs: model.macs(),
        name: model.name.clone(),
        tables: vec![],
        before: None,
    };
    let memory = vec![
        ("RRAM", lay.weights.words(), config.rram_depth as usize),
        ("W SRAM", w, config.w_sram_depth as usize),
        ("V", v, config.v_depth as usize),
        ("X", x, config.x_depth as usize),
        ("vector parameters", lay.weights.params.len() / c, config.vec_param_depth as usize),
        ("timetable", image.timetable.len(), config.timetable_depth as usize),
        ("descriptors", image.descriptors.len(), config.desc_depth as usize),
    ];
    image.check_machine(config)?;
    verify::verify(&program, config, &verify::Sizes::of(&image, config))?;
    Ok(EncoderProgram {
        cycles: program.cycles(),
        array,
        tokens: model.tokens,
        width,
        chunk: (rows, side),
        macs: model.macs(),
        memory,
        cols: c,
        image,
        program,
        origins,
    })
}
