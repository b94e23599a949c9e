// SPDX-License-Identifier: Apache-2.0
//! From a quantised decoder to its programs (docs/language-models.md): one timetable for every position, and one that takes
//! several tokens of a prompt at once.
//!
//! `shape` says what lies where; `lay` and `crate::laid` lay out tiles and parameters; `emit` and `attention` are the
//! order of things, which `crate::timeline` places in time.

mod attention;
mod emit;
mod lay;
mod shape;

use crate::{CompileError, Origins, verify};
use emit::Emitter;
use lay::Lay;
use shape::{Shape, fits, places};
use systole_isa::image::{Dtype, Tensor};
use systole_isa::program::CHUNK;
use systole_isa::{Config, Image, Program, f24};
use systole_llm::Quantised;

/// A decoder as programs.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// What the machine loads.
    pub image: Image,
    /// The program of a token, to look at.
    pub program: Program,
    /// What its rows are for.
    pub origins: Origins,
    /// Its time.
    pub law: Law,
    /// The program of several tokens of a prompt at once, where the machine's memories have room for one.
    pub prefill: Option<Prefill>,
    /// Longest context, in tokens.
    pub context: usize,
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// Multiplications and additions of the model itself for a token at position 0, and for each further position.
    pub macs: (u64, u64),
    /// What a machine's memories are used for, in words: `(memory, needed, there is)`.
    pub memory: Vec<(&'static str, usize, usize)>,
}

/// Time of a program: `cycles + each * floor(POS / cols)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Law {
    /// Cycles at a position below C.
    pub cycles: u64,
    /// Cycles that C more positions add.
    pub each: u64,
    /// Columns C of the machine.
    pub cols: usize,
    /// Steps of the array at a position below C, and what C more positions add: the law of time.
    pub array: (u64, u64),
}

impl Law {
    /// Cycles at position `pos`, exactly.
    pub fn at(&self, pos: usize) -> u64 {
        self.cycles + self.each * (pos / self.cols) as u64
    }
}

/// A program for a chunk of tokens, whose first position is a multiple of `rows`. It gives the logits of the last one.
#[derive(Debug, Clone)]
pub struct Prefill {
    /// Tokens that it takes: 2, 4 or 8.
    pub rows: usize,
    /// Row of the timetable in which it begins: the register ENTRY.
    pub entry: u32,
    /// Its time, at the position of its first token.
    pub law: Law,
    /// The program, to look at.
    pub program: Program,
}

/// A run: tokens, and how long it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Position of its first token.
    pub pos: usize,
    /// Tokens that it takes.
    pub rows: usize,
    /// Register ENTRY.
    pub entry: u32,
    /// Cycles, exactly.
    pub cycles: u64,
}

impl Decoder {
    /// Cycles of the token at position `pos`, exactly.
    pub fn cycles_at(&self, pos: usize) -> u64 {
        self.law.at(pos)
    }

    /// The run at position `pos` where `known` tokens from there on are known: a chunk if there are enough and `pos` is a
    /// multiple of its rows, else a token.
    pub fn step(&self, pos: usize, known: usize) -> Step {
        match &self.prefill {
            Some(p) if known >= p.rows && pos.is_multiple_of(p.rows) => {
                Step { pos, rows: p.rows, entry: p.entry, cycles: p.law.at(pos) }
            }
            _ => Step { pos, rows: 1, entry: 0, cycles: self.cycles_at(pos) },
        }
    }

    /// The runs of a prompt of `tokens` tokens from position 0 on.
    pub fn prompt(&self, tokens: usize) -> Vec<Step> {
        let mut steps: Vec<Step> = vec![];
        let mut pos = 0;
        while pos < tokens {
            let step = self.step(pos, tokens - pos);
            pos += step.rows;
            steps.push(step);
        }
        steps
    }
}

/// Compiles `model` for the machine `config`.
///
/// # Errors
/// [`CompileError::Decoder`] for shapes that the machine does not take, [`CompileError::DoesNotFit`] naming the memory
/// and the longest context that fits, [`CompileError::Verify`] for a fault of the compiler.
pub fn compile_decoder(model: &Quantised, config: &Config, name: &str) -> Result<Decoder, CompileError> {
    config.check()?;
    let shape = Shape::new(model, config)?;
    fits(model, &shape, &places(&shape, 1), config)?;
    let lay = Lay::new(model, &shape, config);
    let (token, law, origins) = program(model, &shape, &lay, config, 1);
    let compiler = Compiler { model, shape: &shape, lay: &lay, config, name, origins };
    let alone = compiler.decoder(token.clone(), law, None)?;
    // As many rows as fit, where a chunk takes less time than its tokens.
    for rows in [CHUNK, CHUNK / 2, CHUNK / 4] {
        let p = places(&shape, rows);
        if rows > shape.c.min(model.sizes.context)
            || p.v_words > config.v_depth as usize
            || p.x_words > config.x_depth as usize
            || 4 * rows + shape.slots > 64
        {
            continue;
        }
        let (chunk, of_chunk, _) = program(model, &shape, &lay, config, rows);
        if of_chunk.cycles >= rows as u64 * law.cycles {
            continue;
        }
        match compiler.decoder(token.clone(), law, Some((rows, chunk, of_chunk))) {
            Err(CompileError::Isa(_)) => {}
            other => return other,
        }
    }
    Ok(alone)
}

/// The program of `rows` tokens at once, its time, and what its rows are for.
fn program(model: &Quantised, shape: &Shape, lay: &Lay, config: &Config, rows: usize) -> (Program, Law, Origins) {
    let mut e = Emitter::new(model, shape, places(shape, rows), lay, config, rows);
    e.all();
    let array = (e.t.array, e.attention);
    let names = e.parts();
    let (rows, parts) = e.t.finish();
    let origins = Origins::of_parts(names, &rows, &parts);
    let program = Program { rows };
    let law = Law { cycles: program.cycles(), each: program.each(), cols: shape.c, array };
    (program, law, origins)
}

struct Compiler<'a> {
    model: &'a Quantised,
    shape: &'a Shape,
    lay: &'a Lay,
    config: &'a Config,
    name: &'a str,
    /// What the rows of a token's program are for.
    origins: Origins,
}

impl Compiler<'_> {
    fn decoder(&self, token: Program, law: Law, chunk: Option<(usize, Program, Law)>) -> Result<Decoder, CompileError> {
        let (s, config, model) = (self.shape, self.config, self.model);
        let entry = token.rows.len() as u32;
        let rows = chunk.as_ref().map_or(1, |c| c.0);
        let mut programs = vec![token];
        programs.extend(chunk.as_ref().map(|c| c.1.clone()));
        let (timetable, descriptors) = Program::encode_all(&programs)?;
        let weights = &self.lay.weights;
        let mut vector: Vec<u64> = f24::functions().iter().flatten().map(|&f| f24::encode_segment(f)).collect();
        vector.extend(&weights.params);
        let z = &model.sizes;
        let e = z.head();
        let layer = 2 * z.dim * z.dim + 2 * z.dim * z.kv_heads * e + 3 * z.dim * z.hidden;
        let macs = ((z.layers * layer + z.vocab * z.dim) as u64, 2 * (z.layers * z.dim) as u64);
        let mut output = Tensor::dense(1, (s.vocab * s.c) as u32, Dtype::Int32);
        output.tile = s.c as u32;
        output.tile_pitch = 4 * s.c as u32;
        let image = Image {
            fingerprint: systole_isa::fingerprint(),
            config_id: config.image_id(),
            weight_beats: config.weight_beats,
            in_bytes: 0,
            out_bytes: (s.vocab * s.c * 4) as u32,
            timetable,
            descriptors,
            params: vec![],
            luts: vec![[0; 256]; config.lut_count as usize],
            weights: weights.tiles.clone(),
            taps: vec![],
            vector,
            input: Tensor::dense(0, 0, Dtype::Int8),
            output,
            macs: macs.0,
            name: self.name.to_string(),
            tables: vec![systole_isa::Table {
                name: "embedding".into(),
                rows: z.vocab as u32,
                width: z.dim as u32,
                base: self.lay.embedding.base as u32,
                stride: self.lay.embedding.stride as u32,
            }],
            before: None,
        };
        let tile = s.c * s.c;
        let p = places(s, rows);
        let memory = vec![
            ("RRAM", image.weights.len() / tile, config.rram_depth as usize),
            ("W SRAM", 2 * z.layers * s.kv * s.tiles, config.w_sram_depth as usize),
            ("V", p.v_words, config.v_depth as usize),
            ("X", p.x_words, config.x_depth as usize),
            ("vector parameters", weights.params.len() / s.c, config.vec_param_depth as usize),
            ("timetable", image.timetable.len(), config.timetable_depth as usize),
            ("descriptors", image.descriptors.len(), config.desc_depth as usize),
        ];
        image.check_machine(config)?;
        for (program, rows) in programs.iter().zip([1, rows]) {
            let sizes = verify::Sizes { positions: z.context as u32, chunk: rows as u32, ..verify::Sizes::of(&image, config) };
            verify::verify(program, config, &sizes)?;
        }
        let token = programs.swap_remove(0);
        Ok(Decoder {
            origins: self.origins.clone(),
            law,
            prefill: chunk.map(|(rows, program, law)| Prefill { rows, entry, law, program }),
            context: z.context,
            vocab: z.vocab,
            macs,
            memory,
            image,
            program: token,
        })
    }
}
