// SPDX-License-Identifier: Apache-2.0
//! From layers to stages: what the array runs, with every constant in its machine form.
//!
//! A convolution is a stage; a lookup or a sum joins the stage that makes its operand, where nothing else reads
//! that, or rides on identity weights. An average pool is a stage of identity weights over the window, a maximum
//! pool a series of stages, each of which compares one more tap with the largest so far.

mod arrange;
mod conv;
mod depthwise;
mod input;
mod line;
mod matmul;
mod mul;
mod numbers;
mod pool;
mod rows;
mod transposed;

pub use input::Packed;
pub(crate) use input::row_loads;

use crate::add::{AddConstants, choose_add_within};
use crate::error::CompileError;
use crate::report::{OF_FUNCTION, TRANSPOSED, Warning};
use crate::stage::{LoadJob, Meeting, NWalk, OutShape, Over, PostSpec, Source, Stage, Staged, Tap, Tensor, TensorId, Weights};
use crate::tile;
use line::Line;
use systole_isa::requant::{Param, split_scale};
use systole_isa::{Config, PostDest};
use systole_model::approximation::Form;
use systole_model::graph::{Finish, Graph, MapId, Op, Operand};
use systole_model::{Add, Product};

const UNUSED: Param = Param { bias: 0, q: 1 << 23, shift: 63 };
/// What does not fit where there are too many tables.
const TABLES: &str = "lookup tables";
const ONE: Param = Param { bias: 0, q: 1 << 23, shift: 23 };

/// POST that only requantises to X.
const PLAIN: PostSpec = PostSpec {
    dest: PostDest::X,
    zero_point: 0,
    lo: -128,
    hi: 127,
    lut: None,
    meeting: None,
    param_base: 0,
    param_step: 0,
    param_pixel: 0,
};

/// Where a map comes from.
#[derive(Clone)]
enum Made<'a> {
    /// The frame.
    Input,
    /// The last stage that has a part in it.
    Stage(usize),
    /// Codes that are always the same.
    Constant(&'a [i8]),
    /// Refused; the reason is noted.
    Not,
}

struct Stager<'a> {
    graph: &'a Graph,
    config: &'a Config,
    /// Readers of each map, the output among them.
    uses: Vec<usize>,
    made: Vec<Made<'a>>,
    /// The frame as it is, once something reads it so; and a second time, for an operand beside it.
    plain: [Option<TensorId>; 2],
    /// Maps need not lie in X as a whole.
    bands: bool,
    /// Lookups that are straight lines take no table.
    lines: bool,
    staged: Staged,
}

/// Checks the graph and turns it into stages.
///
/// # Errors
/// [`CompileError::Unsupported`] with all layers that cannot be carried out; [`CompileError::DoesNotFit`] for
/// weights, parameters and tables that exceed their memories.
pub fn legalise(graph: &Graph, config: &Config) -> Result<Staged, CompileError> {
    either(graph, config, false)
}

/// The same for a network of which some layers will run in bands of rows ([`crate::band`]): that a packed frame and what is made from
/// it exceed X is no reason against it.
///
/// # Errors
/// As [`legalise`].
pub fn legalise_for_bands(graph: &Graph, config: &Config) -> Result<Staged, CompileError> {
    either(graph, config, true)
}

fn either(graph: &Graph, config: &Config, bands: bool) -> Result<Staged, CompileError> {
    match stages(graph, config, bands, false) {
        // Tables that are lines make room for the others.
        Err(CompileError::DoesNotFit { what, .. }) if what == TABLES => stages(graph, config, bands, true),
        result => result,
    }
}

/// `bands`: maps need not lie in X as a whole; `lines`: lookups that are straight lines take no table.
fn stages(graph: &Graph, config: &Config, bands: bool, lines: bool) -> Result<Staged, CompileError> {
    // Readers that lead to the output: a layer that nothing uses is left out.
    let mut uses = vec![0; graph.maps.len()];
    uses[graph.output.0] += 1;
    for (i, layer) in graph.layers.iter().enumerate().rev().filter(|(i, _)| *i < graph.output.0) {
        if uses[i + 1] > 0 {
            layer.inputs().into_iter().for_each(|map| uses[map] += 1);
        }
    }
    let [h, w, c] = graph.maps[0].shape;
    let mut s = Stager {
        graph,
        config,
        uses,
        made: vec![Made::Input],
        plain: [None, None],
        bands,
        lines,
        staged: Staged {
            input: [h * w, c],
            output: OutShape { pixels: 0, width: 1, channels: 0, words: 0 },
            tensors: vec![],
            loads: vec![],
            stages: vec![],
            params: vec![],
            numbers: vec![],
            w_sram: 0,
            luts: vec![],
            tables: vec![],
            warnings: vec![],
        },
    };
    let mut refused = vec![];
    for (i, layer) in graph.layers.iter().enumerate() {
        let made = if s.uses[i + 1] == 0 || layer.inputs().iter().any(|&m| matches!(s.made[m], Made::Not)) {
            Made::Not // nothing reads it, or what it reads was refused
        } else {
            s.undecided(i);
            s.layer(i).unwrap_or_else(|reason| {
                refused.push(format!("{}: {reason}", layer.name));
                Made::Not
            })
        };
        s.made.push(made);
    }
    if !refused.is_empty() {
        return Err(CompileError::Unsupported(refused));
    }
    s.output().map_err(|reason| CompileError::Unsupported(vec![format!("{}: {reason}", graph.output.1.name)]))?;
    s.lifetimes();
    s.tables();
    s.fill();
    fits(&s.staged, config)?;
    Ok(s.staged)
}

impl<'a> Stager<'a> {
    fn rows(&self) -> usize {
        self.config.rows as usize
    }

    fn cols(&self) -> usize {
        self.config.cols as usize
    }

    fn groups(&self) -> usize {
        self.config.groups() as usize
    }

    fn layer(&mut self, i: usize) -> Result<Made<'a>, String> {
        let graph = self.graph;
        let layer = &graph.layers[i];
        let codes = |finish: &Finish| match *finish {
            Finish::Codes { lo, hi } => Ok((lo, hi)),
            _ => Err("its result is no code".to_string()),
        };
        Ok(match &layer.op {
            Op::Conv { .. } | Op::ConvTranspose { .. } => {
                let transposed = matches!(layer.op, Op::ConvTranspose { .. });
                let made = Made::Stage(if transposed { self.conv_transpose(i)? } else { self.conv(i)? });
                if let Finish::Int8 { rest, .. } = &layer.finish {
                    let (more, of) = (rest.iter().filter(|r| r.step != 0.0).count(), rest.len());
                    self.inexact(i, "product", more as u32, of as u32, Form::WholeSteps);
                }
                made
            }
            Op::Constant { codes } => Made::Constant(codes),
            Op::Rows { picks } => Made::Stage(self.rows_of_tables(i, picks)?),
            Op::Lookup { input, table, .. } => Made::Stage(self.lookup(i, *input, table, codes(&layer.finish)?)?),
            Op::Add { a, b, scale, zero_point, rounding } => {
                let add = Add {
                    from: 0,
                    a_scale: a.scale,
                    a_zero_point: a.zero_point,
                    b_scale: b.scale,
                    b_zero_point: b.zero_point,
                    y_scale: *scale,
                    y_zero_point: *zero_point,
                    rounding: *rounding,
                };
                Made::Stage(self.add(i, *a, *b, &add, codes(&layer.finish)?)?)
            }
            Op::Mul { a, b, scale, zero_point, rounding } => {
                let product = Product {
                    a_scale: a.scale,
                    a_zero_point: a.zero_point,
                    b_scale: b.scale,
                    b_zero_point: b.zero_point,
                    y_scale: *scale,
                    y_zero_point: *zero_point,
                    rounding: *rounding,
                };
                Made::Stage(self.mul(i, *a, *b, &product, codes(&layer.finish)?)?)
            }
            Op::Larger { a, b } => Made::Stage(self.larger(i, *a, *b, codes(&layer.finish)?)?),
            Op::MatMul { .. } => Made::Stage(self.matmul(i)?),
            Op::Softmax { .. } => Made::Stage(self.softmax(i)?),
            Op::Norm { .. } => Made::Stage(self.norm(i)?),
            Op::Arrange { input, from } => self.arrange(i, *input, from)?,
            Op::AveragePool { .. } => Made::Stage(self.average_pool(i, codes(&layer.finish)?)?),
            Op::MaxPool { input, window } => Made::Stage(self.max_pool(i, *input, *window, codes(&layer.finish)?)?),
        })
    }

    /// The tensor of a map.
    fn tensor(&mut self, map: MapId) -> Result<TensorId, String> {
        match &self.made[map] {
            Made::Input => Ok(self.plain_input(0)),
            Made::Stage(s) => self.staged.stages[*s].output.ok_or_else(|| "it reads int32 sums".to_string()),
            Made::Constant(codes) => {
                let codes: &[i8] = codes;
                let stage = self.constant(map - 1, codes);
                self.made[map] = Made::Stage(stage);
                self.tensor(map)
            }
            Made::Not => Err("what it reads was refused".into()),
        }
    }

    /// Pixels of a line of a map: its width. The rows of a matrix are pixels of one long line, in pieces of a block.
    fn line(&self, h: usize, w: usize) -> usize {
        if w == 1 { h.div_ceil(h.div_ceil(self.config.acc_depth as usize)) } else { w }
    }

    /// A tensor for a map that a stage is about to make.
    fn new_tensor(&mut self, name: &str, [h, w, c]: [usize; 3]) -> TensorId {
        let groups = self.groups();
        self.staged.tensors.push(Tensor {
            name: name.into(),
            source: Source::Stage(self.staged.stages.len()),
            channels: c,
            words: c.div_ceil(self.rows()),
            pixels: h * w,
            line: self.line(h, w),
            width: w,
            frame: None,
            loaded: 0,
            fill: c.div_ceil(self.cols()) % groups != 0,
            last_use: 0,
        });
        self.staged.tensors.len() - 1
    }

    /// The stage that makes `map`, where nothing else reads it and no operand meets its values yet.
    fn open(&self, map: MapId) -> Option<usize> {
        match self.made[map] {
            Made::Stage(s) if self.uses[map] == 1 => {
                let (stage, [h, w, _]) = (&self.staged.stages[s], self.graph.maps[map].shape);
                let Stage { post, spread, numbers, .. } = stage;
                let all = spread.is_none() && stage.piece.is_none() && stage.pixels() == h * w;
                (post.meeting.is_none() && numbers.is_none() && post.dest == PostDest::X && all).then_some(s)
            }
            _ => None,
        }
    }

    /// A stage that passes a map on, pixel by pixel.
    fn identity(&mut self, i: usize, map: MapId, kind: &'static str) -> Result<usize, String> {
        let input = self.tensor(map)?;
        let [h, w, _] = self.graph.maps[map].shape;
        let post = self.codes_post();
        let output = self.graph.maps[map].shape;
        let stage = Stage {
            layers: vec![i],
            kind,
            input: Some(input),
            out: [1, h * w],
            over: Over { size: [1, h * w], stride: [1, 1], origin: [0, 0] },
            blocks: tile::blocks([1, h * w], usize::MAX),
            ..self.diagonal(self.staged.tensors[input].words, post)
        };
        Ok(self.push(stage, output))
    }

    /// What all stages of identity weights have in common, for `words` words of a pixel.
    fn diagonal(&self, words: usize, post: PostSpec) -> Stage {
        let (rows, cols, groups) = (self.rows(), self.cols(), self.groups());
        let tile = |g: usize| (0..rows * cols).map(move |i| i8::from(i / cols == g * cols + i % cols));
        Stage {
            layers: vec![],
            kind: "",
            input: None,
            output: None,
            operand: None,
            fill: None,
            out: [1, 1],
            spread: None,
            wide: 1,
            piece: None,
            over: Over { size: [0, 0], stride: [1, 1], origin: [0, 0] },
            kernel: [1, 1],
            k_loops: vec![],
            taps: vec![Tap { row: 0, col: 0, word: 0 }],
            n_walk: NWalk { inner: groups, step: 0, outer: 1 },
            n_tiles: words * groups,
            pad: None,
            blocks: vec![],
            weights: Weights::Shared((0..groups).flat_map(tile).collect()),
            w_zero: 0,
            parts: 1,
            post,
            numbers: None,
            macs: 0,
            band: None,
        }
    }

    /// POST of values that are codes already.
    fn codes_post(&mut self) -> PostSpec {
        PostSpec { param_base: self.params(|_| ONE, self.cols()), ..PLAIN }
    }

    /// Adds parameter words of `count` channels, or finds equal ones; gives the first.
    fn params(&mut self, of: impl Fn(usize) -> Param, count: usize) -> usize {
        let cols = self.cols();
        let mut new: Vec<Param> = (0..count).map(of).collect();
        new.resize(count.next_multiple_of(cols), UNUSED);
        let all = &mut self.staged.params;
        let known = (0..all.len() / cols).find(|at| all[at * cols..].starts_with(&new));
        known.unwrap_or_else(|| {
            all.extend(new);
            all.len() / cols - count.div_ceil(cols)
        })
    }

    fn lut(&mut self, table: [i8; 256]) -> u32 {
        let luts = &mut self.staged.luts;
        let at = luts.iter().position(|t| *t == table).unwrap_or(luts.len());
        if at == luts.len() {
            luts.push(table);
        }
        at as u32
    }

    /// Adds a stage that makes a map of this shape.
    fn push(&mut self, stage: Stage, shape: [usize; 3]) -> usize {
        let name = self.graph.layers.get(stage.layers[0]).map_or("output", |l| l.name.as_str()).to_string();
        let output = (stage.post.dest == PostDest::X).then(|| self.new_tensor(&name, shape));
        if let Some(t) = output.filter(|_| stage.is_shared() || stage.wide > 1) {
            self.staged.tensors[t].fill = false; // it writes every group
        }
        self.staged.stages.push(Stage { output, ..stage });
        self.staged.stages.len() - 1
    }

    /// The function of a code that a stage's lookup and clamp are, with another behind it.
    fn compose(&mut self, stage: usize, then: impl Fn(i8) -> i8) {
        let post = &self.staged.stages[stage].post;
        let (lo, hi) = (post.lo, post.hi);
        let before = post.lut.map(|t| self.staged.luts[t as usize]);
        let table = std::array::from_fn(|code| then(before.map_or(code as u8 as i8, |t| t[code]).clamp(lo, hi)));
        let lut = self.lut(table);
        let post = &mut self.staged.stages[stage].post;
        (post.lut, post.lo, post.hi) = (Some(lut), -128, 127);
    }

    fn lookup(&mut self, i: usize, input: MapId, table: &[i8; 256], (lo, hi): (i8, i8)) -> Result<usize, String> {
        if let Some(line) = Line::of(table).filter(|_| self.lines && !self.staged.luts.contains(table)) {
            return self.on_line(i, input, line, (lo, hi));
        }
        let stage = match self.open(input) {
            Some(stage) => {
                self.staged.stages[stage].layers.push(i);
                stage
            }
            None => self.identity(i, input, "lookup")?,
        };
        self.compose(stage, |code| table[code as u8 as usize]);
        let post = &mut self.staged.stages[stage].post;
        (post.lo, post.hi) = (lo, hi);
        Ok(stage)
    }

    fn add(&mut self, i: usize, a: Operand, b: Operand, add: &Add, (lo, hi): (i8, i8)) -> Result<usize, String> {
        if a.map == b.map {
            let table = std::array::from_fn(|code| add.reference(code as u8 as i8, code as u8 as i8));
            return self.lookup(i, a.map, &table, (lo, hi));
        }
        let mut constants = choose_add_within(add, lo, hi);
        let AddConstants { ma, mb, offset, shift, zero_point, differing_codes } = constants;
        let (stage, value) = self.meeting(i, a.map, b.map)?;
        let form = Form::Sum { ma: ma.into(), mb: mb.into(), offset, shift, zero_point };
        self.inexact(i, "residual add", differing_codes, 65536, form);
        if value != a.map {
            (constants.ma, constants.mb) = (mb, ma);
        }
        let post = &mut self.staged.stages[stage].post;
        post.meeting = Some(Meeting::Add(constants));
        (post.lo, post.hi) = (lo, hi);
        Ok(stage)
    }

    /// The larger code of two maps.
    fn larger(&mut self, i: usize, a: MapId, b: MapId, (lo, hi): (i8, i8)) -> Result<usize, String> {
        if a == b {
            return self.lookup(i, a, &std::array::from_fn(|code| code as u8 as i8), (lo, hi));
        }
        let (stage, _) = self.meeting(i, a, b)?;
        let post = &mut self.staged.stages[stage].post;
        post.meeting = Some(Meeting::Max);
        (post.lo, post.hi) = (lo, hi);
        Ok(stage)
    }

    /// A stage in which the codes of two maps meet: POST has those of one of them, which is given, and reads the other's.
    fn meeting(&mut self, i: usize, a: MapId, b: MapId) -> Result<(usize, MapId), String> {
        if matches!((&self.made[a], &self.made[b]), (Made::Constant(_), Made::Constant(_))) {
            self.tensor(b)?;
        }
        // The value that POST has and the one that it reads.
        let (stage, value, read) = if let Made::Constant(codes) = self.made[a] {
            (self.constant(i, codes), a, b)
        } else if let Made::Constant(codes) = self.made[b] {
            (self.constant(i, codes), b, a)
        } else {
            let (late, early) = if self.age(a) > self.age(b) { (a, b) } else { (b, a) };
            (self.meeting_stage(i, late, early, "add")?, late, early)
        };
        self.clamp_first(stage);
        let operand = if self.reads(stage, read) { self.plain_input(1) } else { self.tensor(read)? };
        self.staged.stages[stage].operand = Some(operand);
        Ok((stage, value))
    }

    /// How late a map is made.
    fn age(&self, map: MapId) -> usize {
        if let Made::Stage(s) = self.made[map] { s + 1 } else { 0 }
    }

    /// The stage in which the values of a map can meet an operand: that which makes them, or one of identity weights.
    fn meeting_stage(&mut self, i: usize, value: MapId, read: MapId, kind: &'static str) -> Result<usize, String> {
        match self.open(value) {
            // The lane engine has the flat read path to itself.
            Some(s) if self.staged.stages[s].is_lane() => self.identity(i, value, kind),
            // The operand must not lie where the stage reads, and must be there before.
            Some(s) if s >= self.age(read) && (!self.reads(s, read) || matches!(self.made[read], Made::Input)) => {
                self.staged.stages[s].layers.push(i);
                Ok(s)
            }
            _ => self.identity(i, value, kind),
        }
    }

    /// A clamp that comes before what meets the values becomes a table.
    fn clamp_first(&mut self, stage: usize) {
        let post = &self.staged.stages[stage].post;
        if (post.lo, post.hi) != (-128, 127) {
            self.compose(stage, |code| code);
        }
    }

    /// Gives a stage its operand.
    fn meet(&mut self, stage: usize, read: MapId, meeting: Meeting, (lo, hi): (i8, i8)) -> Result<(), String> {
        let operand = if self.reads(stage, read) { self.plain_input(1) } else { self.tensor(read)? };
        let s = &mut self.staged.stages[stage];
        s.operand = Some(operand);
        s.post.meeting = Some(meeting);
        (s.post.lo, s.post.hi) = (lo, hi);
        Ok(())
    }

    /// Whether a stage reads a map's own tensor, so that no operand can lie there. The frame can be loaded again.
    fn reads(&self, stage: usize, map: MapId) -> bool {
        match self.made[map] {
            Made::Stage(s) => self.staged.stages[stage].input == self.staged.stages[s].output,
            Made::Input => self.staged.stages[stage].input.is_some() && self.staged.stages[stage].input == self.plain[0],
            _ => false,
        }
    }

    /// A stage whose values are constants: zero weights on padding, and the codes as biases.
    fn constant(&mut self, i: usize, codes: &[i8]) -> usize {
        let [h, w, c] = self.graph.maps[i + 1].shape;
        let (words, cols, pixels) = (c.div_ceil(self.rows()), self.cols(), h * w);
        let tiles = words * self.groups();
        let code = |at: usize| {
            let (pixel, channel) = (at / (tiles * cols), at % (tiles * cols));
            if channel < c { codes[pixel * c + channel] } else { 0 }
        };
        let same = (1..pixels).all(|p| codes[p * c..][..c] == codes[..c]);
        let different = if same { 1 } else { pixels };
        let param_base = self.params(|at| Param { bias: code(at).into(), ..ONE }, different * tiles * cols);
        let post = PostSpec { param_base, param_step: 1, param_pixel: if same { 0 } else { tiles }, ..PLAIN };
        let zero = vec![0; self.rows() * cols * self.groups()];
        let stage = Stage {
            layers: vec![i],
            kind: "add constant",
            out: [1, pixels],
            over: Over { size: [0, 0], stride: [1, 1], origin: [0, 0] },
            pad: Some(0),
            blocks: tile::blocks([1, pixels], usize::MAX),
            weights: Weights::Shared(zero.into()),
            ..self.diagonal(words, post)
        };
        self.push(stage, [h, w, c])
    }

    /// Notes a layer that ONNX Runtime computes in float32.
    fn undecided(&mut self, layer: usize) {
        let of = &self.graph.layers[layer];
        if of.order_decides() {
            let (what, differing, of_all) = match &of.op {
                Op::Lookup { doubtful, .. } => ("function", doubtful.len() as u32, 256),
                Op::AveragePool { .. } => ("average pool", 0, 0),
                Op::ConvTranspose { .. } => (TRANSPOSED, 0, 0),
                Op::Softmax { .. } => ("softmax", 0, 0),
                Op::Norm { .. } => ("normalisation", 0, 0),
                _ if of.has_digits() => (OF_FUNCTION, 0, 0),
                _ => ("product", 0, 0),
            };
            self.staged.warnings.push(Warning { layer, name: of.name.clone(), what, differing, of: of_all, form: None });
        }
    }

    fn inexact(&mut self, layer: usize, what: &'static str, differing: u32, of: u32, form: Form) {
        if differing > 0 {
            let name = self.graph.layers[layer].name.clone();
            self.staged.warnings.push(Warning { layer, name, what, differing, of, form: Some(form) });
        }
    }

    /// The stage that makes the output writes OUT.
    fn output(&mut self) -> Result<(), String> {
        let map = self.graph.output.0;
        let stage = match self.made[map] {
            Made::Stage(s) if self.uses[map] == 1 => s,
            _ => self.identity(map.saturating_sub(1), map, "copy")?,
        };
        let [h, w, channels] = self.graph.maps[map].shape;
        let cols = self.cols();
        let s = &self.staged.stages[stage];
        let (to, each) = if s.post.dest == PostDest::X { (PostDest::Out, 1) } else { (s.post.dest, 4) };
        // Several stages may make it, each some pixels; or one stage several pixels as one.
        let words = match (&s.spread, s.piece) {
            (_, Some(_)) => channels.div_ceil(self.rows()) * self.groups(),
            (Some(_), None) => channels.div_ceil(cols),
            (None, None) => s.pixels() * s.n_tiles / (h * w),
        };
        let tensor = s.output;
        for s in self.staged.stages.iter_mut().filter(|s| tensor.is_some() && s.output == tensor) {
            (s.post.dest, s.output) = (to, None);
        }
        self.staged.output = OutShape { pixels: h * w, width: w, channels, words: words * each };
        Ok(())
    }

    /// Who reads what last; tensors that nobody reads go.
    fn lifetimes(&mut self) {
        let staged = &mut self.staged;
        let last = staged.last_uses();
        let mut number = vec![0; last.len()];
        let mut kept = 0;
        for (t, last) in last.iter().enumerate() {
            number[t] = kept;
            kept += usize::from(last.is_some());
        }
        for s in &mut staged.stages {
            for t in [&mut s.input, &mut s.output, &mut s.operand].into_iter().flatten() {
                *t = number[*t];
            }
        }
        staged.loads.retain(|j| last[j.tensor].is_some());
        staged.loads.iter_mut().for_each(|j| j.tensor = number[j.tensor]);
        let mut at = 0;
        staged.tensors.retain_mut(|t| {
            at += 1;
            t.last_use = last[at - 1].unwrap_or(0);
            last[at - 1].is_some()
        });
    }

    /// Tables that no stage has any more, since another was put behind them, go.
    fn tables(&mut self) {
        let staged = &mut self.staged;
        let used = |t: usize| staged.stages.iter().any(|s| s.post.lut == Some(t as u32));
        let kept: Vec<usize> = (0..staged.luts.len()).filter(|&t| used(t)).collect();
        for lut in staged.stages.iter_mut().filter_map(|s| s.post.lut.as_mut()) {
            *lut = kept.iter().position(|&t| t as u32 == *lut).unwrap_or(0) as u32;
        }
        staged.luts = kept.iter().map(|&t| staged.luts[t]).collect();
    }

    /// LOAD writes what POST leaves out of a word.
    fn fill(&mut self) {
        for (t, tensor) in self.staged.tensors.iter().enumerate().filter(|(_, t)| t.fill) {
            self.staged.loads.push(filling(t, tensor, self.config));
        }
    }
}

/// LOAD of zeros into the group of each pixel that POST does not write.
pub(crate) fn filling(t: TensorId, tensor: &Tensor, config: &Config) -> LoadJob {
    let pitch = tensor.words * config.groups() as usize;
    let mask = u32::MAX >> (32 - config.cols);
    LoadJob { tensor: t, dst: pitch - 1, src: 0, rotate: 0, mask, fill: Some(0), loops: vec![(tensor.pixels, pitch, 0)] }
}

/// A parameter from a float32 scale; the importer refuses what has no such form.
fn param(bias: i32, scale: f32) -> Param {
    let (q, shift) = split_scale(scale).unwrap_or((UNUSED.q, UNUSED.shift));
    Param { bias, q, shift }
}

/// What does not depend on the places of tensors.
fn fits(staged: &Staged, config: &Config) -> Result<(), CompileError> {
    let split = "use a larger configuration or split the network over two images";
    let tile = (config.rows * config.cols) as usize;
    let weight_words = (0..staged.stages.len()).map(|s| staged.weight_words(s, tile)).sum::<usize>()
        + staged.tables.iter().map(|t| t.bytes.len() / tile).sum::<usize>();
    let in_bytes = staged.input[0] * staged.input[1];
    let last_source = staged.loads.iter().filter(|j| j.fill.is_none()).flat_map(|j| j.steps()).map(|s| s.1 + 1).max();
    let in_room = (config.in_depth * config.cols) as usize;
    for (what, needed, limit, help) in [
        ("RRAM words of R x C weights", weight_words, config.rram_depth as usize, split),
        (
            "words of W SRAM for weights made in the run",
            staged.w_sram,
            config.w_sram_depth as usize,
            "use fewer rows or a larger configuration",
        ),
        ("tap words of C lanes", staged.lane_taps().len() / (4 * config.cols as usize), config.tap_depth as usize, split),
        (
            "words of the vector unit's parameters",
            staged.numbers.len() / config.cols as usize,
            config.vec_param_depth as usize,
            split,
        ),
        ("parameter words of C channels", staged.params.len() / config.cols as usize, config.param_depth as usize, split),
        (TABLES, staged.luts.len(), config.lut_count as usize, "share tables between layers or use a larger configuration"),
        (
            "IN buffer bytes of the input",
            in_bytes.max(last_source.unwrap_or(0)),
            in_room,
            "use fewer rows or a larger configuration",
        ),
        (
            "OUT buffer words of the output",
            staged.output.pixels * staged.output.words,
            config.out_depth as usize,
            "use fewer rows or a larger configuration",
        ),
    ] {
        if needed > limit {
            return Err(CompileError::DoesNotFit { what: what.into(), needed, limit, config: config.label(), help: help.into() });
        }
    }
    Ok(())
}
