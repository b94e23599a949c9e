// SPDX-License-Identifier: Apache-2.0
//! What each pass decided, as text.

use crate::error::CompileError;
use crate::place::Placement;
use crate::schedule::{Schedule, schedule};
use crate::stage::{Meeting, Source, Staged, Weights};
use crate::tile::{Axis, segments};
use crate::{band, emit, legalise, loops};
use std::fmt::Write;
use systole_isa::{Config, disasm};
use systole_model::graph::Graph;

/// A pass whose result can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// Stages, tensors, LOAD jobs, constants.
    Legalise,
    /// Weight tiles and loop orders.
    Tile,
    /// Addresses in X.
    Place,
    /// The cycle of every instruction.
    Schedule,
    /// The timetable, as `systole disasm` lists it.
    Emit,
}

impl Pass {
    /// Every pass, in order.
    pub const ALL: [Pass; 5] = [Pass::Legalise, Pass::Tile, Pass::Place, Pass::Schedule, Pass::Emit];

    /// Its name.
    pub fn name(self) -> &'static str {
        ["legalise", "tile", "place", "schedule", "emit"][self as usize]
    }
}

/// What a pass made of a graph.
///
/// # Errors
/// As [`crate::compile`], of this pass and those before it.
pub fn dump(graph: &Graph, config: &Config, pass: Pass) -> Result<String, CompileError> {
    config.check()?;
    let staged = legalise::legalise(graph, config)?;
    let mut text = String::new();
    let laid = band::lay(graph, staged.clone(), config);
    if pass == Pass::Legalise {
        stages(&mut text, graph, laid.as_ref().map_or(&staged, |l| &l.0));
        return Ok(text);
    }
    let (staged, placement) = laid?;
    if pass == Pass::Place {
        places(&mut text, &staged, &placement);
        return Ok(text);
    }
    let schedule = schedule(&staged, &placement, config);
    match pass {
        Pass::Tile => tiles(&mut text, &staged, &schedule, config),
        Pass::Schedule => times(&mut text, graph, &staged, &schedule),
        _ => text = disasm::disassemble(&emit::emit(graph, &staged, &placement, &schedule, config, 0)?.program)?,
    }
    Ok(text)
}

fn stages(text: &mut String, graph: &Graph, staged: &Staged) {
    for (t, tensor) in staged.tensors.iter().enumerate() {
        let from = match tensor.source {
            Source::Input => "the frame".to_string(),
            Source::Stage(s) => format!("stage {s}"),
        };
        let _ = writeln!(
            text,
            "tensor {t}: {} pixels in lines of {}, {} bytes in {} X words, from {from}, last read by stage {}{}",
            tensor.pixels,
            tensor.line,
            tensor.channels,
            tensor.words,
            tensor.last_use,
            if tensor.loaded > 0 { format!(", loaded before stage {}", tensor.loaded) } else { String::new() }
        );
    }
    for j in &staged.loads {
        let what = j.fill.map_or(format!("frame byte {}", j.src), |v| format!("the constant {v}"));
        let loops: Vec<String> = j.loops.iter().map(|(n, d, s)| format!("{n} (+{d}, +{s})")).collect();
        let _ =
            writeln!(text, "load tensor {} word {}: {what}, lanes {:#x}, loops {}", j.tensor, j.dst, j.mask, loops.join(", "));
    }
    for (i, s) in staged.stages.iter().enumerate() {
        let reads = s.input.map_or("nothing".into(), |t| format!("tensor {t}"));
        let writes = match (s.output, s.fill) {
            (Some(t), _) => format!("tensor {t}"),
            (None, Some(_)) => "W SRAM".into(),
            (None, None) => "OUT".into(),
        };
        let weights = match &s.weights {
            Weights::Tiles(_) if s.w_zero != 0 => {
                format!("{} x {} tiles, weights less {}", s.k_tiles(), s.n_tiles, s.w_zero)
            }
            Weights::Tiles(_) => format!("{} x {} tiles", s.k_tiles(), s.n_tiles),
            Weights::Shared(_) => format!("identity, {} taps, {} words", s.k_tiles(), s.n_tiles),
            Weights::InRun { base, .. } => format!("{} x {} tiles of W SRAM from {base} on", s.k_tiles(), s.n_tiles),
            Weights::Rows(picks) => {
                let pick = |(t, register): &(usize, u8)| format!("{} by register {register}", staged.tables[*t].name);
                format!("{} tiles of {}", s.n_tiles, picks.iter().map(pick).collect::<Vec<_>>().join(", "))
            }
            Weights::Taps(_) => format!("lane engine, kernel {:?}, {} words", s.kernel, s.n_tiles),
        };
        let _ = write!(
            text,
            "stage {i} {} ({}): reads {reads}, writes {writes}, {:?} pixels, {weights}",
            s.name(graph),
            s.kind,
            s.out
        );
        if let Some(b) = &s.band {
            let _ = write!(text, ", rows {}+{} of {}, band {} of {}", b.first, b.rows, b.whole, b.number + 1, b.bands);
        }
        if let Some(v) = s.pad {
            let _ = write!(text, ", padding {v}");
        }
        let p = &s.post;
        let _ = write!(text, "; POST: zero point {}, parameters from {}", p.zero_point, p.param_base);
        if let Some(lut) = p.lut {
            let _ = write!(text, ", table {lut}");
        }
        match p.meeting {
            Some(Meeting::Add(c)) => {
                let _ = write!(text, ", plus tensor {:?} by {} / {} / {} >> {}", s.operand, c.ma, c.mb, c.offset, c.shift);
            }
            Some(Meeting::Mul(c)) => {
                let _ = write!(text, ", times tensor {:?} by {} / {} >> {}", s.operand, c.m, c.offset, c.shift);
            }
            Some(Meeting::Max) => {
                let _ = write!(text, ", or tensor {:?} where that is larger", s.operand);
            }
            None => {}
        }
        let _ = writeln!(text, ", clamp {} to {}", p.lo, p.hi);
    }
}

fn places(text: &mut String, staged: &Staged, placement: &Placement) {
    for (t, (tensor, r)) in staged.tensors.iter().zip(&placement.regions).enumerate() {
        let banks: Vec<String> = (0..32).filter(|b| r.banks >> b & 1 == 1).map(|b| b.to_string()).collect();
        let _ = writeln!(
            text,
            "tensor {t} ({}): X words {} to {}, sub-banks {}",
            tensor.name,
            r.base,
            r.base + r.words - 1,
            banks.join(", ")
        );
    }
}

fn tiles(text: &mut String, staged: &Staged, schedule: &Schedule, config: &Config) {
    for (i, (s, &plan)) in staged.stages.iter().zip(&schedule.plans).enumerate() {
        if let Some(numbers) = &s.numbers {
            let _ = writeln!(
                text,
                "stage {i}: vector unit, {} pixels of {} channels: {:?}",
                s.pixels(),
                numbers.channels,
                numbers.function
            );
            continue;
        }
        if let Some(steps) = loops::LaneSteps::of(s) {
            let _ = writeln!(text, "stage {i}: lane engine, {} steps: {steps:?}", steps.all());
            continue;
        }
        let _ = writeln!(text, "stage {i}: {} k tiles x {} n tiles, order {plan:?}", s.k_tiles(), s.n_tiles);
        for b in &s.blocks {
            let _ = writeln!(text, "  block: rows {}+{}, columns {}+{}", b.row, b.rows, b.col, b.cols);
            for segment in segments(s, plan, b, config) {
                let (counters, hold) = loops::matmul(staged, s, b, &segment);
                let axis = |a: Axis| match a {
                    Axis::M => "pixels",
                    Axis::K => "k",
                    Axis::N => "n",
                    Axis::G => "group",
                };
                let list: Vec<String> = counters
                    .iter()
                    .map(|c| format!("{} {} every {} cycles (X {:+})", c.count, axis(c.axis), c.period, c.x))
                    .collect();
                let _ = writeln!(
                    text,
                    "    k {}+{}, n {}+{}, {} cycles, a weight held over {hold} loops: {}",
                    segment.k0,
                    segment.k_count(),
                    segment.n0,
                    segment.n_count(),
                    segment.busy,
                    list.join(", ")
                );
            }
        }
    }
}

fn times(text: &mut String, graph: &Graph, staged: &Staged, schedule: &Schedule) {
    let mut lines: Vec<(u64, String)> = vec![];
    for (job, &row) in staged.loads.iter().zip(&schedule.loads) {
        lines.push((row, format!("LOAD    tensor {}, {} steps", job.tensor, job.steps().len())));
    }
    for p in &schedule.matmuls {
        let what = staged.stages[p.stage].name(graph);
        lines
            .push((p.row, format!("MATMUL  {what}, block {}: X times {} to {}", p.block, p.start, p.start + p.segment.busy - 1)));
    }
    for p in &schedule.lanes {
        let what = staged.stages[p.stage].name(graph);
        lines.push((p.row, format!("LANE    {what}: steps {} to {}", p.start, p.start + p.busy - 1)));
    }
    for p in &schedule.numbers {
        let what = staged.stages[p.stage].name(graph);
        lines.extend(p.rows.iter().map(|r| (r.cycle, format!("{:<7} {what}", r.instruction.unit().name()))));
    }
    for &(stage, block, row) in &schedule.posts {
        lines.push((row, format!("POST    {}, block {block}", staged.stages[stage].name(graph))));
    }
    lines.sort();
    lines.push((schedule.end, "END".into()));
    for (row, line) in lines {
        let _ = writeln!(text, "{row:>8} {line}");
    }
}
