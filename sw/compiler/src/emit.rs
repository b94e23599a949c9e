// SPDX-License-Identifier: Apache-2.0
//! Instructions, weights in their order of use, and the image.

mod summary;

use crate::error::CompileError;
use crate::loops::{self, LaneAxis, LaneSteps};
use crate::place::Placement;
use crate::report::Compiled;
use crate::schedule::Schedule;
use crate::stage::{LoadJob, Meeting, RowTable, Stage, Staged, Weights};
use crate::tile::{Axis, Segment, segments};
use systole_isa::image::{Dtype, Tensor};
use systole_isa::nest::Stride;
use systole_isa::program::{OneHot, Pad, Register};
use systole_isa::{
    Config, Image, Instruction, IsaError, Join, Lane, Load, Matmul, Nest, Post, Program, Residual, Row, Table, f24,
};
use systole_model::graph::Graph;

struct Emitter<'a> {
    staged: &'a Staged,
    placement: &'a Placement,
    schedule: &'a Schedule,
    config: &'a Config,
}

/// Builds program, image and report.
///
/// # Errors
/// [`CompileError::DoesNotFit`] where timetable, descriptors or another section exceed their memories.
pub fn emit(
    graph: &Graph,
    staged: &Staged,
    placement: &Placement,
    schedule: &Schedule,
    config: &Config,
    scrub_lines: u32,
) -> Result<Compiled, CompileError> {
    let e = Emitter { staged, placement, schedule, config };
    let (weights, bases, tables) = e.weights();
    let mut rows: Vec<Row> = Vec::new();
    let mut used = vec![0; staged.stages.len()];
    let mut block = (usize::MAX, 0);
    for p in &schedule.matmuls {
        if (p.stage, p.block) != block {
            (block, used[p.stage]) = ((p.stage, p.block), 0);
        }
        let stage = &staged.stages[p.stage];
        let w_base = match &stage.weights {
            Weights::Rows(picks) => tables[picks[p.block].0],
            _ => bases[p.stage] + used[p.stage],
        };
        used[p.stage] += p.segment.weights;
        rows.push(Row { cycle: p.row, instruction: Instruction::Matmul(e.matmul(stage, p.block, &p.segment, w_base)) });
    }
    let tap_words = e.tap_words();
    for p in &schedule.lanes {
        let stage = &staged.stages[p.stage];
        rows.push(Row { cycle: p.row, instruction: Instruction::Lane(e.lane(stage, tap_words[p.stage])) });
    }
    for p in &schedule.numbers {
        rows.extend(p.rows.iter().cloned().map(|mut row| {
            if let Instruction::Matmul(m) = &mut row.instruction {
                m.w_base = bases[p.stage] as u32;
            }
            row
        }));
    }
    for &(stage, block, cycle) in &schedule.posts {
        rows.push(Row { cycle, instruction: Instruction::Post(e.post(&staged.stages[stage], block)) });
    }
    for (job, &cycle) in staged.loads.iter().zip(&schedule.loads) {
        rows.push(Row { cycle, instruction: Instruction::Load(e.load(job)) });
    }
    rows.sort_by_key(|r| r.cycle);
    rows.push(Row { cycle: schedule.end, instruction: Instruction::End });
    let scrub_lines = if scrub_lines > 0 { crate::scrub::place(&mut rows, scrub_lines, config) } else { 0 };
    let program = Program { rows };
    let (timetable, descriptors) = program.encode()?;
    let (output, out_bytes) = e.output();
    let [pixels, channels] = staged.input;
    let image = Image {
        fingerprint: systole_isa::fingerprint(),
        config_id: config.image_id(),
        weight_beats: config.weight_beats,
        in_bytes: (pixels * channels) as u32,
        out_bytes,
        timetable,
        descriptors,
        params: staged.params.clone(),
        luts: e.luts(),
        weights,
        taps: staged.lane_taps(),
        vector: e.vector(),
        input: Tensor::dense(pixels as u32, channels as u32, Dtype::Int8),
        output,
        macs: graph.macs(),
        name: graph.name.clone(),
        tables: e.tables(&tables),
        before: None,
    };
    image.check_machine(config).map_err(beyond)?;
    let cycles = program.cycles();
    let (layers, of_stage) = e.layers(graph);
    let origins = e.origins(&program, &layers, &of_stage);
    let array = f64::from(config.rows * config.cols);
    Ok(Compiled {
        cycles,
        law: layers.iter().map(|l| l.law).sum(),
        utilisation: graph.macs() as f64 / (array * cycles as f64),
        memory: e.memory(&image),
        origins,
        scrub_lines,
        warnings: staged.warnings.clone(),
        layers,
        image,
        program,
    })
}

/// A section that is longer than its memory is a network that does not fit, like any other.
fn beyond(error: IsaError) -> CompileError {
    let IsaError::TooLong { what, needed, limit, config } = error else { return error.into() };
    let what = format!("{what} (words)");
    CompileError::DoesNotFit {
        what,
        needed,
        limit,
        config,
        help: "each layer takes some: take a larger memory, or split the network".into(),
    }
}

impl Emitter<'_> {
    fn groups(&self) -> usize {
        self.config.groups() as usize
    }

    /// RRAM content, each stage's first word, and each table's.
    fn weights(&self) -> (Vec<i8>, Vec<usize>, Vec<usize>) {
        let tile = (self.config.rows * self.config.cols) as usize;
        let mut bytes = Vec::new();
        let mut bases = Vec::new();
        let firsts = self.staged.firsts();
        for (i, (stage, &plan)) in self.staged.stages.iter().zip(&self.schedule.plans).enumerate() {
            if firsts[i] < i {
                bases.push(bases[firsts[i]]);
                continue;
            }
            bases.push(bytes.len() / tile);
            match &stage.weights {
                Weights::Shared(all) => bytes.extend(all.iter()),
                Weights::Taps(_) | Weights::InRun { .. } | Weights::Rows(_) => {}
                Weights::Tiles(all) => {
                    for segment in segments(stage, plan, &stage.blocks[0], self.config) {
                        for (k, n) in tiles(&segment) {
                            bytes.extend(&all[(k * stage.n_tiles + n) * tile..][..tile]);
                        }
                    }
                }
            }
        }
        let mut tables = vec![];
        for table in &self.staged.tables {
            tables.push(bytes.len() / tile);
            bytes.extend(table.bytes.iter());
        }
        (bytes, bases, tables)
    }

    /// Where the tables lie.
    fn tables(&self, bases: &[usize]) -> Vec<Table> {
        let table = |(t, &base): (&RowTable, &usize)| Table {
            name: t.name.clone(),
            rows: t.rows as u32,
            width: t.width as u32,
            base: base as u32,
            stride: t.stride as u32,
        };
        self.staged.tables.iter().zip(bases).map(table).collect()
    }

    /// Lookup tables; all that the machine has where words of the vector unit lie behind them.
    fn luts(&self) -> Vec<[i8; 256]> {
        let mut luts = self.staged.luts.clone();
        if !self.staged.numbers.is_empty() {
            luts.resize(self.config.lut_count as usize, [0; 256]);
        }
        luts
    }

    /// Functions and parameters of the vector unit, where it has a part.
    fn vector(&self) -> Vec<u64> {
        if self.staged.numbers.is_empty() {
            return vec![];
        }
        let functions = f24::functions();
        functions.iter().flatten().map(|&f| f24::encode_segment(f)).chain(self.staged.numbers.iter().copied()).collect()
    }

    /// Each stage's first tap word.
    fn tap_words(&self) -> Vec<usize> {
        let (mut bases, mut next) = (vec![], 0);
        for (i, first) in self.staged.firsts().into_iter().enumerate() {
            bases.push(if first < i { bases[first] } else { next });
            let stage = &self.staged.stages[i];
            next += if first == i && stage.is_lane() { stage.n_tiles } else { 0 };
        }
        bases
    }

    fn matmul(&self, stage: &Stage, block: usize, segment: &Segment, w_base: usize) -> Matmul {
        let number = block;
        let block = &stage.blocks[block];
        let (counters, hold) = loops::matmul(self.staged, stage, block, segment);
        let mut within = 0;
        let mut reduce = 0;
        let bounded = i32::from(stage.pad.is_some());
        let strides: Vec<Stride> = counters
            .iter()
            .enumerate()
            .map(|(i, c)| {
                let gap = c.period.saturating_sub(within + 1);
                within += c.period * (c.count as u64 - 1);
                reduce |= u32::from(c.axis == Axis::K) << i;
                let weights = match stage.weights {
                    // Counted tile by tile, n outermost.
                    Weights::InRun { n_step, .. } if c.axis == Axis::N => c.weights / stage.k_tiles() * n_step,
                    Weights::InRun { k_step, .. } => c.weights * k_step,
                    Weights::Rows(ref picks) => c.weights * self.staged.tables[picks[number].0].stride,
                    _ => c.weights,
                };
                Stride {
                    count: c.count as u32,
                    gap: gap as u8,
                    // Nothing looks at the indices of a stage without padding.
                    stride: [c.x as i32, weights as i32, c.acc as i32, c.row * bounded, c.col * bounded],
                }
            })
            .collect();
        let tap = stage.taps[segment.k0];
        let row = (block.row * stage.over.stride[0]) as i32 + stage.over.origin[0] + tap.row;
        let col = (block.col * stage.over.stride[1]) as i32 + stage.over.origin[1] + tap.col;
        let x_base = stage.input.map_or(0, |t| {
            let words = self.staged.tensors[t].words as i64;
            let pixel = i64::from(row) * stage.over.size[1] as i64 + i64::from(col);
            let first = block.gather.map_or(pixel * words, |g| g.word as i64);
            let word = if segment.shared { 0 } else { stage.n_walk.word(segment.n0) } + tap.word;
            // Padding lies before the tensor; addresses wrap in 16 bits.
            (self.placement.regions[t].base as i64 + first + word as i64).rem_euclid(1 << 16)
        });
        Matmul {
            x_base: x_base as u32,
            w_base: if let Weights::InRun { base, .. } = stage.weights { base } else { w_base } as u32,
            acc_base: segment.acc_base as u32,
            w_sram: stage.is_in_run(),
            w_zero: stage.w_zero,
            hold: hold as u32,
            reduce,
            first: segment.first,
            last: segment.last,
            pad: stage.pad.map(|value| Pad {
                value,
                y_base: row,
                x_base: col,
                y_size: stage.over.size[0] as u32,
                x_size: stage.over.size[1] as u32,
            }),
            one_hot: match &stage.weights {
                Weights::Rows(picks) => Some(OneHot { register: Register::Tok, row: picks[number].1, value: 1 }),
                _ => None,
            },
            nest: Nest::from_strides(&strides),
        }
    }

    fn lane(&self, stage: &Stage, tap_word: usize) -> Lane {
        let groups = self.groups();
        let steps = LaneSteps::of(stage);
        let loops = steps.iter().flat_map(LaneSteps::loops);
        let (pitch, base) =
            stage.input.map_or((0, 0), |t| (self.staged.tensors[t].words * groups, self.placement.regions[t].base * groups));
        let width = stage.over.size[1];
        let [sy, sx] = stage.over.stride;
        let (mut column, mut line, mut row, mut tile) = (0, 0, 0, 0);
        let strides: Vec<Stride> = loops
            .enumerate()
            .map(|(i, l)| {
                column |= u32::from(l.over == LaneAxis::Column) << i;
                line |= u32::from(l.over == LaneAxis::Line) << i;
                row |= u32::from(l.over <= LaneAxis::Result) << i;
                tile |= u32::from(l.over <= LaneAxis::ResultLine) << i;
                let (x, tap, y, col) = match l.over {
                    LaneAxis::Column => (pitch, 0, 0, 1),
                    LaneAxis::Result => (sx * pitch, 0, 0, sx),
                    LaneAxis::Line => (width * pitch, 0, 1, 0),
                    LaneAxis::ResultLine => (sy * width * pitch, 0, sy, 0),
                    LaneAxis::Tile => (1, 1, 0, 0),
                };
                Stride { count: l.count as u32, gap: 0, stride: [x as i32, tap, 0, y as i32, col as i32] }
            })
            .collect();
        let [top, left] = steps.as_ref().map_or([0; 2], |s| s.first);
        let [skip_lines, skip] = steps.as_ref().map_or([0; 2], |s| s.skip);
        let x_base = (base as i64 + (top * width as i64 + left) * pitch as i64).rem_euclid(1 << 16);
        Lane {
            x_base: x_base as u32,
            tap_base: tap_word as u32,
            column,
            line,
            row,
            tile,
            skip: skip as u32,
            skip_lines: skip_lines as u32,
            zero_point: stage.pad.unwrap_or(0),
            y_base: top as i32,
            x_index_base: left as i32,
            y_size: stage.over.size[0] as u32,
            x_size: width as u32,
            nest: Nest::from_strides(&strides),
        }
    }

    fn post(&self, stage: &Stage, block: usize) -> Post {
        let block = &stage.blocks[block];
        let groups = self.groups();
        let spec = &stage.post;
        let (pitch, each) = loops::pitch(self.staged, stage, groups);
        let each = if stage.output.is_some() { groups } else { groups * each };
        let base = stage.output.map_or(0, |t| self.placement.regions[t].base * groups);
        let res_base = stage.operand.map_or(0, |t| self.placement.regions[t].base * groups);
        let res_pitch = loops::operand_pitch(self.staged, stage, groups);
        let first = block.row * stage.out[1] + block.col;
        let strides: Vec<Stride> = loops::post(self.staged, stage, block, groups)
            .into_iter()
            .map(|(count, s)| Stride { count: count as u32, gap: 0, stride: [s[0] as i32, s[1] as i32, s[2] as i32, 0, 0] })
            .collect();
        let residual_base = (res_base + (first + stage.operand_at()) * res_pitch) as u32;
        Post {
            dst_base: match &stage.fill {
                Some(f) => f.base + block.row * f.row + block.col * f.pixel,
                None => base + stage.first_pixel(block) * pitch / stage.wide + stage.word() * each,
            } as u32,
            param_base: (spec.param_base + block.params + first * spec.param_pixel) as u32,
            dest: spec.dest,
            zero_point: spec.zero_point,
            lo: spec.lo,
            hi: spec.hi,
            lut: spec.lut,
            residual: spec.meeting.map(|m| match m {
                Meeting::Add(r) => Residual {
                    base: residual_base,
                    join: Join::Sum,
                    ma: r.ma,
                    mb: r.mb,
                    offset: r.offset,
                    shift: r.shift,
                    zero_point: r.zero_point,
                },
                Meeting::Mul(r) => Residual {
                    base: residual_base,
                    join: Join::Product { zeros: r.zeros },
                    ma: r.m,
                    mb: 0,
                    offset: r.offset,
                    shift: r.shift,
                    zero_point: r.zero_point,
                },
                Meeting::Max => {
                    Residual { base: residual_base, join: Join::Larger, ma: 0, mb: 0, offset: 0, shift: 0, zero_point: 0 }
                }
            }),
            nest: Nest::from_strides(&strides),
        }
    }

    fn load(&self, job: &LoadJob) -> Load {
        let base = self.placement.regions[job.tensor].base * self.groups();
        let strides: Vec<Stride> = job
            .loops
            .iter()
            .map(|&(count, dst, src)| Stride { count: count as u32, gap: 0, stride: [dst as i32, src as i32, 0, 0, 0] })
            .collect();
        Load {
            dst_base: (base + job.dst) as u32,
            src_base: job.src as u32,
            rotate: job.rotate as u32,
            mask: job.mask,
            fill: job.fill,
            nest: Nest::from_strides(&strides),
        }
    }

    fn output(&self) -> (Tensor, u32) {
        let cols = self.config.cols;
        let raw = self.staged.stages.iter().any(|s| s.output.is_none() && s.is_raw());
        let (dtype, bytes) = if raw { (Dtype::Int32, 4) } else { (Dtype::Int8, 1) };
        let out = &self.staged.output;
        let row_pitch = out.words as u32 * cols;
        let tensor = Tensor {
            rows: out.pixels as u32,
            cols: out.channels as u32,
            dtype,
            offset: 0,
            row_pitch,
            tile: cols,
            tile_pitch: cols * bytes,
        };
        (tensor, out.pixels as u32 * row_pitch)
    }
}

/// The (k, n) tiles of a segment in the order of their weight words.
fn tiles(segment: &Segment) -> Vec<(usize, usize)> {
    let mut tiles = vec![(segment.k0, segment.n0)];
    for l in &segment.loops {
        let step = match l.axis {
            Axis::K => (1, 0),
            Axis::N => (0, 1),
            _ => continue,
        };
        let inner = tiles.clone();
        for i in 1..l.count {
            tiles.extend(inner.iter().map(|t| (t.0 + i * step.0, t.1 + i * step.1)));
        }
    }
    tiles
}
