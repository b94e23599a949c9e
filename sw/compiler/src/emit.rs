// SPDX-License-Identifier: Apache-2.0
//! Instructions, weights in their order of use, and the image.

mod summary;

use crate::error::CompileError;
use crate::legalise::{Graph, Kind, Stage};
use crate::place::Placement;
use crate::report::Compiled;
use crate::schedule::{LoadJob, Schedule, load_loops, post_loops};
use crate::tile::{Axis, Segment, segments};
use systole_isa::image::{Dtype, Tensor};
use systole_isa::nest::Stride;
use systole_isa::{Config, Image, Instruction, Load, Matmul, Nest, Post, PostDest, Program, Residual, Row};
use systole_model::Network;

struct Emitter<'a> {
    graph: &'a Graph,
    placement: &'a Placement,
    schedule: &'a Schedule,
    config: &'a Config,
}

/// Builds program, image and report.
///
/// # Errors
/// [`CompileError::Isa`] where timetable or descriptors exceed their memories.
pub fn emit(
    network: &Network,
    graph: &Graph,
    placement: &Placement,
    schedule: &Schedule,
    config: &Config,
) -> Result<Compiled, CompileError> {
    let e = Emitter { graph, placement, schedule, config };
    let (weights, bases) = e.weights(network);
    let mut rows: Vec<Row> = Vec::new();
    let mut used = vec![0; graph.stages.len()];
    let mut block = 0;
    for p in &schedule.matmuls {
        if p.block != block {
            (block, used[p.stage]) = (p.block, 0);
        }
        let w_base = bases[p.stage] + used[p.stage];
        used[p.stage] += p.segment.weights;
        let stage = &graph.stages[p.stage];
        rows.push(Row { cycle: p.row, instruction: Instruction::Matmul(e.matmul(stage, p.block, &p.segment, w_base)) });
    }
    for &(stage, block, cycle) in &schedule.posts {
        rows.push(Row { cycle, instruction: Instruction::Post(e.post(&graph.stages[stage], block)) });
    }
    for &(job, cycle) in &schedule.loads {
        rows.push(Row { cycle, instruction: Instruction::Load(e.load(job)) });
    }
    rows.sort_by_key(|r| r.cycle);
    rows.push(Row { cycle: schedule.end, instruction: Instruction::End });
    let program = Program { rows };
    let (timetable, descriptors) = program.encode()?;
    let (output, out_bytes) = e.output(network);
    let image = Image {
        fingerprint: systole_isa::fingerprint(),
        config_id: config.id,
        weight_beats: config.weight_beats,
        in_bytes: (network.m * network.k) as u32,
        out_bytes,
        timetable,
        descriptors,
        params: graph.params.clone(),
        luts: graph.luts.clone(),
        weights,
        input: Tensor::dense(network.m as u32, network.k as u32, Dtype::Int8),
        output,
        macs: network.macs(),
        name: network.name.clone(),
    };
    image.check_machine(config)?;
    let cycles = program.cycles();
    let layers = e.layers(network, &bases);
    let array = f64::from(config.rows * config.cols);
    Ok(Compiled {
        cycles,
        law: layers.iter().map(|l| l.law).sum(),
        utilisation: network.macs() as f64 / (array * cycles as f64),
        memory: e.memory(&image),
        warnings: graph.warnings.clone(),
        layers,
        image,
        program,
    })
}

fn nest(loops: impl Iterator<Item = (usize, u8, [usize; 3])>) -> Nest {
    let strides: Vec<Stride> = loops
        .map(|(count, gap, s)| Stride { count: count as u32, gap, stride: [s[0] as i32, s[1] as i32, s[2] as i32, 0, 0] })
        .collect();
    Nest::from_strides(&strides)
}

impl Emitter<'_> {
    /// RRAM content, and each stage's first word.
    fn weights(&self, network: &Network) -> (Vec<i8>, Vec<usize>) {
        let (rows, cols) = (self.config.rows as usize, self.config.cols as usize);
        let mut bytes = Vec::with_capacity(self.graph.weight_words * rows * cols);
        let mut bases = Vec::new();
        for (stage, &plan) in self.graph.stages.iter().zip(&self.schedule.plans) {
            bases.push(bytes.len() / (rows * cols));
            if stage.kind == Kind::Copy {
                for g in 0..rows / cols {
                    bytes.extend((0..rows * cols).map(|i| i8::from(i / cols == g * cols + i % cols)));
                }
                continue;
            }
            let dense = &network.layers[stage.layer];
            for segment in segments(stage, plan, &self.schedule.blocks, 0, self.config) {
                for (k, n) in tiles(&segment) {
                    for i in 0..rows {
                        let from = (k * rows + i) * dense.n + n * cols;
                        let real = if k * rows + i < dense.k { (dense.n - n * cols).min(cols) } else { 0 };
                        bytes.extend(dense.weights[..].get(from..from + real).unwrap_or(&[]));
                        bytes.resize(bytes.len() + cols - real, 0);
                    }
                }
            }
        }
        (bytes, bases)
    }

    fn matmul(&self, stage: &Stage, block: usize, segment: &Segment, w_base: usize) -> Matmul {
        let words = self.graph.tensors[stage.input].words;
        let mut within = 0;
        let mut reduce = 0;
        let loops: Vec<_> = segment
            .loops
            .iter()
            .enumerate()
            .map(|(i, l)| {
                let gap = l.period.saturating_sub(within + 1) as u8;
                within += l.period * (l.count as u64 - 1);
                let (x, acc) = match l.axis {
                    Axis::M => (words, usize::from(segment.acc_step > 0 || segment.k_count() > 1)),
                    Axis::K => (1, 0),
                    Axis::N => (0, segment.acc_step),
                    Axis::G => (0, 0),
                };
                if l.axis == Axis::K && !segment.copy {
                    reduce |= 1 << i;
                }
                (l.count, gap, [x, l.weights, acc])
            })
            .collect();
        Matmul {
            x_base: (self.placement.regions[stage.input].base + self.schedule.blocks[block].0 * words + segment.k0) as u32,
            w_base: w_base as u32,
            acc_base: segment.acc_base as u32,
            w_sram: false,
            hold: segment.hold as u32,
            reduce,
            first: segment.first,
            last: segment.last,
            pad: None,
            nest: nest(loops.into_iter()),
        }
    }

    fn post(&self, stage: &Stage, block: usize) -> Post {
        let (first, rows) = self.schedule.blocks[block];
        let groups = self.config.groups() as usize;
        let spec = &stage.post;
        // C-byte words of a row, and of a result, at the destination.
        let (base, pitch, each) = match stage.output {
            Some(t) => (self.placement.regions[t].base * groups, self.graph.tensors[t].words * groups, 1),
            None if spec.dest == PostDest::OutRaw32 => (0, stage.n_tiles * 4, 4),
            None => (0, stage.n_tiles, 1),
        };
        let (res_base, res_pitch) =
            stage.operand.map_or((0, 0), |t| (self.placement.regions[t].base * groups, self.graph.tensors[t].words * groups));
        let res = |stride: usize| if stage.operand.is_some() { stride } else { 0 };
        let loops = post_loops(stage, rows).into_iter().map(|(axis, count)| {
            let strides = match axis {
                Axis::M => [pitch, 0, res_pitch],
                Axis::N => [each, spec.param_step, res(1)],
                Axis::K => [groups, 0, 0],
                Axis::G => [1, 0, 0],
            };
            (count, 0, strides)
        });
        Post {
            dst_base: (base + first * pitch) as u32,
            param_base: spec.param_base as u32,
            dest: spec.dest,
            zero_point: spec.zero_point,
            lo: spec.lo,
            hi: spec.hi,
            lut: spec.lut,
            residual: spec.residual.map(|r| Residual {
                base: (res_base + first * res_pitch) as u32,
                ma: r.ma,
                mb: r.mb,
                offset: r.offset,
                shift: r.shift,
                zero_point: r.zero_point,
            }),
            nest: nest(loops),
        }
    }

    fn load(&self, job: LoadJob) -> Load {
        let groups = self.config.groups() as usize;
        let cols = self.config.cols as usize;
        let loops = load_loops(job, self.graph, &self.schedule.blocks, groups);
        let (LoadJob::Block(t, _) | LoadJob::Fill(t)) = job;
        let pitch = self.graph.tensors[t].words * groups;
        let base = self.placement.regions[t].base * groups;
        let (dst, src, fill) = match job {
            LoadJob::Block(_, b) => {
                let first = self.schedule.blocks[b].0;
                (base + first * pitch, first * self.graph.in_cols, None)
            }
            LoadJob::Fill(_) => (base + pitch - 1, 0, Some(0)),
        };
        let loops = loops.into_iter().map(|(axis, count)| {
            let (dst, src) = match axis {
                Axis::M => (pitch, self.graph.in_cols),
                Axis::K => (groups, groups * cols),
                _ => (1, cols),
            };
            (count, 0, [dst, if fill.is_some() { 0 } else { src }, 0])
        });
        Load { dst_base: dst as u32, src_base: src as u32, rotate: 0, mask: u32::MAX >> (32 - cols), fill, nest: nest(loops) }
    }

    fn output(&self, network: &Network) -> (Tensor, u32) {
        let cols = self.config.cols;
        let raw = self.graph.stages.last().is_some_and(|s| s.post.dest == PostDest::OutRaw32);
        let (dtype, bytes) = if raw { (Dtype::Int32, 4) } else { (Dtype::Int8, 1) };
        let row_pitch = self.graph.out_words as u32 * cols;
        let tensor = Tensor {
            rows: network.m as u32,
            cols: network.outputs() as u32,
            dtype,
            offset: 0,
            row_pitch,
            tile: cols,
            tile_pitch: cols * bytes,
        };
        (tensor, network.m as u32 * row_pitch)
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
