// SPDX-License-Identifier: Apache-2.0
//! The model that is served: compiled, with what its requests are.

use anyhow::{Context, Result, bail};
use systole_compiler::{Decoder, Options};
use systole_host::Run;
use systole_isa::{Config, Image};
use systole_llm::{Quantised, Tokenizer};
use systole_model::graph::Graph;
use systole_model::onnx::{Array, ElementType};
use systole_model::tables::Given;
use systole_workloads::compare::run_of;
use systole_workloads::conformance::Program;

/// A model for its machine.
pub struct Served {
    /// Its name in requests.
    pub name: String,
    /// The machine.
    pub config: Config,
    /// What it is.
    pub kind: Kind,
}

/// Tensors in and out, or text.
pub enum Kind {
    /// A network.
    Network(Box<Network>),
    /// A language model.
    Language(Box<Language>),
}

/// A network: each request is as many runs of one program.
pub struct Network {
    /// The graph; shapes of its borders are those of a run.
    pub graph: Graph,
    program: Program,
    /// Cycles of a run.
    pub cycles: u64,
    /// Runs of a request.
    pub frames: usize,
    /// Inputs as requests have them.
    pub inputs: Vec<Port>,
    /// Outputs.
    pub outputs: Vec<Port>,
}

/// A tensor of requests or answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements.
    pub element: ElementType,
}

impl Port {
    /// Elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of its elements.
    pub fn bytes(&self) -> usize {
        self.len() * self.element.bytes()
    }
}

/// A language model.
pub struct Language {
    /// Its codes.
    pub quantised: Quantised,
    /// Compiled.
    pub decoder: Decoder,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// The symbol that a text begins with.
    pub start: usize,
}

impl Served {
    /// Compiles a network.
    ///
    /// # Errors
    /// What the compiler says; a network that needs two programs.
    pub fn network(name: &str, graph: Graph, config: &Config) -> Result<Served> {
        let program = Program::new(graph, config, &Options::default()).with_context(|| name.to_string())?;
        if program.split.rest.is_some() {
            let rows = program.split.body.0.maps[0].shape[0];
            bail!(
                "{name}: its rows take {} runs of two programs on {}, of {rows} rows and of fewer; serve it with a multiple of {rows} \
                 rows, or choose a larger configuration",
                program.runs(),
                config.label()
            );
        }
        let graph = program.graph.clone();
        let port = |border: &systole_model::graph::Border| {
            let mut shape = border.shape.clone();
            if graph.batch > 1 && !shape.is_empty() {
                shape[0] *= graph.batch;
            }
            Port { name: border.name.clone(), shape, element: border.element }
        };
        let (inputs, outputs) = (graph.input.tensors().map(port).collect(), graph.output.1.all().map(port).collect());
        let (cycles, frames) = (program.split.body.1.cycles, program.split.runs * graph.batch);
        let network = Network { graph, cycles, frames, inputs, outputs, program };
        Ok(Served { name: name.into(), config: config.clone(), kind: Kind::Network(Box::new(network)) })
    }

    /// A language model that is compiled.
    pub fn language(name: &str, quantised: Quantised, decoder: Decoder, tokenizer: Tokenizer, config: &Config) -> Served {
        let start = quantised.start;
        let language = Language { quantised, decoder, tokenizer, start };
        Served { name: name.into(), config: config.clone(), kind: Kind::Language(Box::new(language)) }
    }

    /// What the machine loads.
    pub fn image(&self) -> &Image {
        match &self.kind {
            Kind::Network(n) => &n.program.split.body.1.image,
            Kind::Language(l) => &l.decoder.image,
        }
    }

    /// Cycles of the longest request.
    pub fn longest(&self) -> u64 {
        match &self.kind {
            Kind::Network(n) => crate::plan::of_network(n)[1],
            Kind::Language(l) => {
                let steps = crate::plan::steps(&l.decoder, 1, l.decoder.context.saturating_sub(1));
                crate::plan::cycles(steps.iter().map(|s| s.cycles))[1]
            }
        }
    }

    /// Bytes of the largest request that is one.
    pub fn largest(&self) -> usize {
        const ROOM: usize = 1 << 16;
        match &self.kind {
            // A number of JSON and what stands around it.
            Kind::Network(n) => ROOM + n.inputs.iter().map(|p| 32 * p.len()).sum::<usize>(),
            Kind::Language(l) => ROOM + 64 * l.decoder.context,
        }
    }
}

impl Network {
    /// The frames of a request.
    ///
    /// # Errors
    /// Tensors that are not the network's inputs.
    pub fn frames(&self, tensors: &[Array]) -> Result<Vec<Run>, String> {
        let (body, compiled) = &self.program.split.body;
        let per_run = body.maps[0].len();
        let mut frames = vec![];
        for element in self.graph.elements(tensors).map_err(|e| e.to_string())? {
            let Given { codes, rows } = self.graph.pack(&element).map_err(|e| e.to_string())?;
            let given = |codes: &[i8]| Given { codes: codes.to_vec(), rows: rows.clone() };
            frames.extend(codes.chunks(per_run).map(|codes| run_of(&compiled.image, &given(codes))));
        }
        Ok(frames)
    }

    /// A frame to try the machine with.
    pub fn some_frame(&self) -> Run {
        Run { frame: vec![0; self.program.split.body.1.image.in_bytes as usize], rows: vec![0; self.graph.indices().count()] }
    }

    /// The output tensors of a request.
    ///
    /// # Errors
    /// Frames that are not the program's: a fault of the machine.
    pub fn tensors(&self, frames: &[Vec<u8>]) -> Result<Vec<Array>, String> {
        let image = &self.program.split.body.1.image;
        let runs = self.program.split.runs;
        let mut elements: Vec<Vec<Array>> = vec![];
        for frames in frames.chunks(runs) {
            let values = frames.iter().map(|f| image.output.unpack(f)).collect::<Option<Vec<_>>>();
            elements.push(self.graph.unpack(&values.ok_or("an output frame is too short")?.concat()));
        }
        let of = |n: usize| Array::joined(&elements.iter().map(|e| e[n].clone()).collect::<Vec<_>>());
        if elements.len() == 1 {
            return Ok(elements.remove(0));
        }
        (0..self.outputs.len()).map(of).collect::<Option<_>>().ok_or_else(|| "outputs differ in shape".to_string())
    }
}
