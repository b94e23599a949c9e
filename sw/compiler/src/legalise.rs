// SPDX-License-Identifier: Apache-2.0
//! From layers to stages: what the array runs, with every constant in its machine form.
//!
//! A dense layer is one stage. A layer whose residual operand is its own input needs that
//! tensor in a second sub-bank (a flat read and the rippled reads would meet): the network's
//! input is loaded twice, any other tensor is copied by a stage with identity weights.

use crate::add::{AddConstants, choose_add_within};
use crate::error::CompileError;
use crate::report::Warning;
use systole_isa::requant::{Param, split_scale};
use systole_isa::{Config, PostDest};
use systole_model::{Dense, Network, Output, Quantised};

/// Number of a tensor in X.
pub type TensorId = usize;

/// Where a tensor in X comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// LOAD, from the input frame.
    Input,
    /// POST, in this stage.
    Stage(usize),
}

/// An activation tensor in X.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Who writes it.
    pub source: Source,
    /// Columns.
    pub cols: usize,
    /// X words in a row of it: ceil(cols / R).
    pub words: usize,
    /// Its last word has a group that POST does not write: LOAD fills it.
    pub fill: bool,
    /// Last stage that reads it.
    pub last_use: usize,
}

/// What a stage does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A dense layer.
    Dense,
    /// Its input, unchanged.
    Copy,
}

/// What POST does with a stage's sums.
#[derive(Debug, Clone, PartialEq)]
pub struct PostSpec {
    /// X, OUT int8 or OUT RAW32.
    pub dest: PostDest,
    /// Zero point of the requantised value.
    pub zero_point: i8,
    /// Lower clamp.
    pub lo: i8,
    /// Upper clamp.
    pub hi: i8,
    /// Lookup table.
    pub lut: Option<u32>,
    /// Constants of the residual add.
    pub residual: Option<AddConstants>,
    /// First parameter word.
    pub param_base: usize,
    /// Parameter words from an n tile to the next: 1, or 0 where all share one.
    pub param_step: usize,
}

/// One pass of the array over a tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// The layer it belongs to.
    pub layer: usize,
    /// Dense or copy.
    pub kind: Kind,
    /// Tensor it reads.
    pub input: TensorId,
    /// Tensor it writes; `None` for OUT.
    pub output: Option<TensorId>,
    /// Tensor of the residual operand.
    pub operand: Option<TensorId>,
    /// ceil(K/R).
    pub k_tiles: usize,
    /// ceil(N/C).
    pub n_tiles: usize,
    /// What follows the sums.
    pub post: PostSpec,
}

/// The network as stages on tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// Columns of the network's input.
    pub in_cols: usize,
    /// C-byte OUT words of one row of the output.
    pub out_words: usize,
    /// Tensors in X.
    pub tensors: Vec<Tensor>,
    /// Stages, in order.
    pub stages: Vec<Stage>,
    /// Parameters, C a word.
    pub params: Vec<Param>,
    /// Lookup tables.
    pub luts: Vec<[i8; 256]>,
    /// Weight words in RRAM.
    pub weight_words: usize,
    /// Adds that are not exact.
    pub warnings: Vec<Warning>,
}

const UNUSED: Param = Param { bias: 0, q: 1 << 23, shift: 63 };
const ONE: Param = Param { bias: 0, q: 1 << 23, shift: 23 };

/// Checks the network and turns it into stages.
///
/// # Errors
/// What [`Network::check`] says; [`CompileError::DoesNotFit`] for weights, parameters and
/// tables that exceed their memories.
pub fn legalise(network: &Network, config: &Config) -> Result<Graph, CompileError> {
    network.check()?;
    let (rows, cols) = (config.rows as usize, config.cols as usize);
    let groups = rows / cols;
    let tensor = |source, columns: usize| Tensor {
        source,
        cols: columns,
        words: columns.div_ceil(rows),
        fill: source != Source::Input && columns.div_ceil(cols) % groups != 0,
        last_use: 0,
    };
    let mut graph = Graph {
        in_cols: network.k,
        out_words: 0,
        tensors: vec![tensor(Source::Input, network.k)],
        stages: Vec::new(),
        params: Vec::new(),
        luts: Vec::new(),
        weight_words: 0,
        warnings: Vec::new(),
    };
    // The tensor that is operand i of the model: 0 the input, i the output of layer i - 1.
    let mut operands = vec![0];
    let count = network.layers.len();
    for (layer, dense) in network.layers.iter().enumerate() {
        let input = operands[layer];
        let mut operand = None;
        if let Output::Int8(Quantised { residual: Some(add), .. }) = &dense.output {
            operand = Some(if add.from < layer {
                operands[add.from]
            } else if layer == 0 {
                graph.tensors.push(tensor(Source::Input, network.k));
                graph.tensors.len() - 1
            } else {
                copy_stage(&mut graph, layer, input, config)
            });
        }
        let stage = graph.stages.len();
        let (k_tiles, n_tiles) = (dense.k.div_ceil(rows), dense.n.div_ceil(cols));
        let output = (layer + 1 < count).then(|| {
            graph.tensors.push(tensor(Source::Stage(stage), dense.n));
            graph.tensors.len() - 1
        });
        operands.extend(output);
        for t in std::iter::once(input).chain(operand) {
            graph.tensors[t].last_use = stage;
        }
        let param_base = graph.params.len() / cols;
        push_params(&mut graph.params, dense, network.operand_zero_point(layer), cols);
        let post = post_spec(&mut graph, layer, dense, output.is_some(), param_base);
        if output.is_none() {
            graph.out_words = n_tiles * if post.dest == PostDest::OutRaw32 { 4 } else { 1 };
        }
        graph.weight_words += k_tiles * n_tiles;
        graph.stages.push(Stage { layer, kind: Kind::Dense, input, output, operand, k_tiles, n_tiles, post });
    }
    fits(&graph, config)?;
    Ok(graph)
}

/// Adds the stage that copies `input`, and returns the copy.
fn copy_stage(graph: &mut Graph, layer: usize, input: TensorId, config: &Config) -> TensorId {
    let stage = graph.stages.len();
    let copy = Tensor { source: Source::Stage(stage), fill: false, last_use: stage + 1, ..graph.tensors[input].clone() };
    graph.tensors.push(copy);
    let words = graph.tensors[input].words;
    let (groups, cols) = (config.groups() as usize, config.cols as usize);
    let param_base = graph.params.len() / cols;
    graph.params.extend(std::iter::repeat_n(ONE, cols));
    graph.weight_words += groups;
    graph.stages.push(Stage {
        layer,
        kind: Kind::Copy,
        input,
        output: Some(graph.tensors.len() - 1),
        operand: None,
        k_tiles: words,
        n_tiles: words * groups,
        post: PostSpec {
            dest: PostDest::X,
            zero_point: 0,
            lo: -128,
            hi: 127,
            lut: None,
            residual: None,
            param_base,
            param_step: 0,
        },
    });
    graph.tensors.len() - 1
}

fn push_params(params: &mut Vec<Param>, dense: &Dense, zero_point: i8, cols: usize) {
    let mut sums = vec![0i64; dense.n];
    for row in dense.weights.chunks_exact(dense.n) {
        for (sum, &w) in sums.iter_mut().zip(row) {
            *sum += i64::from(w);
        }
    }
    for (n, sum) in sums.iter().enumerate() {
        // 32 bits wrap, as the machine's sums do.
        let bias = (i64::from(dense.bias[n]) - i64::from(zero_point) * sum) as i32;
        let (q, shift) = match &dense.output {
            Output::Raw32 => (ONE.q, ONE.shift),
            // Network::check has refused what split_scale refuses.
            Output::Int8(out) => split_scale(out.scales[n]).unwrap_or((UNUSED.q, UNUSED.shift)),
        };
        params.push(Param { bias, q, shift });
    }
    params.resize(params.len().next_multiple_of(cols), UNUSED);
}

fn post_spec(graph: &mut Graph, layer: usize, dense: &Dense, to_x: bool, param_base: usize) -> PostSpec {
    let mut post = PostSpec {
        dest: if to_x { PostDest::X } else { PostDest::Out },
        zero_point: 0,
        lo: -128,
        hi: 127,
        lut: None,
        residual: None,
        param_base,
        param_step: 1,
    };
    match &dense.output {
        Output::Raw32 => post.dest = PostDest::OutRaw32,
        Output::Int8(q) => {
            (post.zero_point, post.lo, post.hi) = (q.zero_point, q.lo, q.hi);
            post.lut = q.lut.as_ref().map(|table| {
                let at = graph.luts.iter().position(|t| t == &**table).unwrap_or(graph.luts.len());
                if at == graph.luts.len() {
                    graph.luts.push(**table);
                }
                at as u32
            });
            post.residual = q.residual.as_ref().map(|add| {
                let constants = choose_add_within(add, q.lo, q.hi);
                if constants.differing_codes > 0 {
                    graph.warnings.push(Warning { layer, differing_codes: constants.differing_codes });
                }
                constants
            });
        }
    }
    post
}

/// What does not depend on the number of rows.
fn fits(graph: &Graph, config: &Config) -> Result<(), CompileError> {
    let split = "use a larger configuration or split the network over two images";
    for (what, needed, limit, help) in [
        ("RRAM words of R x C weights", graph.weight_words, config.rram_depth, split),
        ("parameter words of C channels", graph.params.len() / config.cols as usize, config.param_depth, split),
        ("lookup tables", graph.luts.len(), config.lut_count, "share tables between layers or use a larger configuration"),
    ] {
        if needed > limit as usize {
            return Err(CompileError::DoesNotFit {
                what: what.into(),
                needed,
                limit: limit as usize,
                config: config.label(),
                help: help.into(),
            });
        }
    }
    Ok(())
}
