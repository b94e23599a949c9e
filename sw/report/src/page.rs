// SPDX-License-Identifier: Apache-2.0
//! The page.

use crate::layers::{self, Row};
use crate::machines::Machine;
use crate::memory::{group, maps};
use crate::network::{Column, columns, columns_of_tokens};
use crate::numbers::{clip, fixed, grouped, label, short};
use crate::pane::{self, Pane};
use crate::positions::{Positions, positions};
use crate::roofline::{Roofline, roofline};
use crate::timetable::Timetable;
use askama::Template;
use std::borrow::Borrow;
use systole_compiler::legalise::legalise;
use systole_compiler::verify::{Sizes, VerifyError, effects};
use systole_compiler::{Compiled, Decoder, EncoderProgram, MemoryUse, Origins};
use systole_isa::{Config, Image, Program};
use systole_model::encoder::Encoder;
use systole_model::graph::Graph;

/// What was measured on a machine, simulated or real.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What ran it.
    pub by: String,
    /// Cycles of a run, where they are all the same; of several runs one behind the other those of all.
    pub cycles: u64,
    /// Whether every run took what was predicted.
    pub as_predicted: bool,
    /// Inputs.
    pub inputs: usize,
    /// Outputs that were compared.
    pub compared: usize,
    /// How many of them differ.
    pub mismatches: usize,
    /// What they were compared with.
    pub with: &'static str,
    /// What they were compared with besides: a tensor that was given, labels.
    pub judged: Vec<Judged>,
}

/// What came of a comparison that the user asked for.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What is counted.
    pub label: &'static str,
    /// How many, or what share.
    pub value: String,
    /// Its unit.
    pub unit: &'static str,
    /// Of how many, and what else there is to say.
    pub note: String,
    /// Whether that is as it should be; none: no matter of right or wrong.
    pub good: Option<bool>,
}

impl Judged {
    /// Inputs whose class is their label's.
    pub fn accuracy(right: usize, of: usize) -> Judged {
        let value = format!("{:.2}", 100.0 * right as f64 / of.max(1) as f64);
        Judged {
            label: "accuracy",
            value,
            unit: "%",
            note: format!("{} of {} labels", grouped(right as u64), grouped(of as u64)),
            good: None,
        }
    }
}

/// What holds whatever the page is about.
pub struct Run {
    /// The machine.
    pub config: Config,
    /// Its clock.
    pub mhz: f64,
    /// Energy of a run in nJ: low, typical, high.
    pub energy: Option<[f64; 3]>,
    /// What was measured.
    pub measured: Option<Measured>,
    /// The network on other machines.
    pub machines: Vec<Machine>,
    /// The command that makes the page.
    pub command: String,
    /// What is to be said besides.
    pub notes: Vec<String>,
}

/// What the page is about.
pub enum Subject<'a> {
    /// A network with static scales.
    Graph(&'a Graph, &'a Compiled),
    /// A language model.
    Decoder(&'a Decoder),
    /// A network of tokens, in parts that follow each other.
    Encoder(&'a Encoder, Vec<&'a EncoderProgram>),
}

/// A number at the head of the page.
pub struct Stat {
    /// What it is.
    pub label: String,
    /// The number.
    pub value: String,
    /// What it is in.
    pub unit: String,
    /// A line below.
    pub note: String,
    /// Good, bad, or neither.
    pub class: &'static str,
}

/// A memory's use, as a bar.
pub struct Use {
    /// The memory.
    pub name: String,
    /// Words used.
    pub used: String,
    /// Words there are.
    pub size: String,
    /// In per cent.
    pub share: f64,
}

/// Pictures of one program.
pub struct Views {
    /// What it is, where a page has several.
    pub title: String,
    /// The timetable.
    pub timetable: Pane,
    /// Memories, and a line about each.
    pub memories: Vec<(String, Pane)>,
}

/// The whole page.
#[derive(Template)]
#[template(path = "page.html")]
pub struct Page {
    title: String,
    machine: String,
    stats: Vec<Stat>,
    uses: Vec<Use>,
    unused: String,
    /// What a language model's memories hold, and how much of it.
    kept: Vec<(String, String)>,
    columns: Vec<Column>,
    units: Vec<(&'static str, &'static str)>,
    rows: Vec<Row>,
    whys: bool,
    /// Parts take turns: rows are steps of the array, not stretches of time.
    turns: bool,
    total: u64,
    roofline: Option<Roofline>,
    positions: Option<Positions>,
    views: Vec<Views>,
    machines: Vec<Machine>,
    slowest: u64,
    mhz: f64,
    notes: Vec<String>,
    command: String,
    version: &'static str,
}

fn stat(label: &str, value: String, unit: &str, note: String) -> Stat {
    Stat { label: label.into(), value, unit: unit.into(), note, class: "" }
}

/// A time in the unit that people would take.
fn time(cycles: u64, mhz: f64) -> (String, &'static str) {
    match cycles as f64 / mhz {
        us if us >= 1e6 => (short(us / 1e6), "s"),
        us if us >= 1e3 => (short(us / 1e3), "ms"),
        us => (short(us), "µs"),
    }
}

fn energy(nj: [f64; 3], of: &str) -> Stat {
    let (scale, unit) = match nj[1] {
        typ if typ >= 1e6 => (1e-6, "mJ"),
        typ if typ >= 1e3 => (1e-3, "µJ"),
        _ => (1.0, "nJ"),
    };
    let [low, typ, high] = nj.map(|e| short(e * scale));
    stat(of, typ, unit, format!("low {low}, high {high}"))
}

fn measured(m: &Measured) -> Vec<Stat> {
    let cycles = Stat {
        class: if m.as_predicted { "good" } else { "bad" },
        ..stat(
            "cycles measured",
            grouped(m.cycles),
            "",
            format!("{}; {}", if m.as_predicted { "as predicted" } else { "NOT as predicted" }, m.by),
        )
    };
    let inputs = if m.inputs == 1 { "one input".into() } else { format!("{} inputs", grouped(m.inputs as u64)) };
    let mismatches = Stat {
        class: if m.mismatches == 0 { "good" } else { "bad" },
        ..stat(
            "mismatches",
            grouped(m.mismatches as u64),
            "",
            format!("of {} outputs of {inputs}, against {}", grouped(m.compared as u64), m.with),
        )
    };
    let judged = m.judged.iter().map(|j| Stat {
        class: j.good.map_or("", |good| if good { "good" } else { "bad" }),
        ..stat(j.label, j.value.clone(), j.unit, j.note.clone())
    });
    [cycles, mismatches].into_iter().chain(judged).collect()
}

fn use_of(memory: &str, used: usize, size: usize) -> Use {
    Use {
        name: memory.into(),
        used: grouped(used as u64),
        size: grouped(size as u64),
        share: 100.0 * used as f64 / size.max(1) as f64,
    }
}

/// Timetable and memories of a program.
fn views(
    (program, image, config): (&Program, &Image, &Config),
    origins: &Origins,
    title: &str,
    number: usize,
    (positions, pos): (usize, usize),
    used: &dyn Fn(&str) -> Option<usize>,
) -> Result<(Views, systole_compiler::verify::Effects), VerifyError> {
    let sizes = Sizes { positions: positions as u32, ..Sizes::of(image, config) };
    let effects = effects(program, config, &sizes, pos as u32, &|row| group(origins, row))?;
    let whole = Timetable::new(&effects, origins);
    let what = if title.is_empty() { image.name.clone() } else { title.to_string() };
    let memories = maps(&effects, origins, config, used);
    let pane = |m: &crate::memory::Map| {
        let kind = match m.name {
            "X" => "activations, words of R bytes",
            "RRAM" if image.tables.is_empty() => "weights that stay; coloured while they are read",
            "RRAM" => "weights that stay; coloured while they are read, of tables the rows that are picked",
            _ => "weights made at run time",
        };
        let share = 100.0 * m.used as f64 / m.size.max(1) as f64;
        let text = format!(
            "{}: {kind}. {} of {} words are used, {}\u{a0}%",
            m.name,
            grouped(m.used as u64),
            grouped(m.size as u64),
            fixed(share, 1)
        );
        (text, pane::memory(m, effects.end, &format!("m{number}{}", m.name.replace(' ', "")), &what))
    };
    let memories = memories.iter().map(pane).collect();
    let timetable = pane::timetable(&whole, &format!("t{number}"), &what);
    Ok((Views { title: title.into(), timetable, memories }, effects))
}

impl Page {
    /// The page about a subject.
    ///
    /// # Errors
    /// [`VerifyError`]: a timetable that cannot be expanded, which none of the compiler's is.
    pub fn new(subject: &Subject, run: Run) -> Result<Page, VerifyError> {
        let config = &run.config;
        let size = config.rows * config.cols;
        let mut page = Page {
            title: String::new(),
            machine: format!("{}: {} × {} multipliers, {} MHz", config.label(), config.rows, config.cols, label(run.mhz)),
            stats: vec![],
            uses: vec![],
            unused: String::new(),
            kept: vec![],
            columns: vec![],
            units: vec![],
            rows: vec![],
            whys: false,
            turns: false,
            total: 0,
            roofline: None,
            positions: None,
            views: vec![],
            slowest: run.machines.iter().filter_map(|m| m.outcome.as_ref().ok().map(|o| o.0)).max().unwrap_or(1),
            machines: run.machines,
            mhz: run.mhz,
            notes: run.notes,
            command: run.command,
            version: env!("CARGO_PKG_VERSION"),
        };
        let rate = |utilisation: f64, macs: u64| {
            let note = format!("{} multiplications on {size} multipliers", grouped(macs));
            stat("utilisation", fixed(100.0 * utilisation, 1), "%", note)
        };
        match subject {
            Subject::Graph(graph, c) => page.graph(graph, c, config, run.mhz, rate)?,
            Subject::Decoder(d) => page.decoder(d, config, run.mhz)?,
            Subject::Encoder(model, parts) => page.encoder(model, parts, config, run.mhz, rate)?,
        }
        let of = if matches!(subject, Subject::Decoder(_)) { "energy a token" } else { "energy" };
        page.stats.extend(run.energy.map(|e| energy(e, of)));
        page.stats.extend(run.measured.iter().flat_map(measured));
        let (used, unused): (Vec<Use>, Vec<Use>) = page.uses.into_iter().partition(|u| u.share > 0.0);
        page.unused = unused.into_iter().filter(|u| u.size != "0").map(|u| u.name).collect::<Vec<_>>().join(", ");
        page.uses = used;
        Ok(page)
    }

    fn predicted(&mut self, cycles: u64, mhz: f64) {
        let (value, unit) = time(cycles, mhz);
        self.total = cycles;
        self.stats.push(stat("cycles predicted", grouped(cycles), "", "exact, whatever the input".into()));
        self.stats.push(stat("time", value, unit, format!("at {} MHz", label(mhz))));
    }

    /// What colours of boxes mean, of those that are there.
    fn legend(&mut self) {
        let all = [
            ("array", "array"),
            ("post", "POST, in the pass of another layer"),
            ("lane", "lane engine"),
            ("vector", "vector unit"),
            ("host", "host, in none of the cycles"),
            ("free", "nothing to run"),
        ];
        let there = |class: &str| self.columns.iter().flat_map(|c| &c.nodes).any(|n| n.class == class);
        self.units = all.into_iter().filter(|u| there(u.0)).collect();
    }

    fn graph(
        &mut self,
        graph: &Graph,
        c: &Compiled,
        config: &Config,
        mhz: f64,
        rate: impl Fn(f64, u64) -> Stat,
    ) -> Result<(), VerifyError> {
        self.title = graph.name.clone();
        self.predicted(c.cycles, mhz);
        self.stats.push(rate(c.utilisation, graph.macs()));
        self.uses = c.memory.iter().map(|m: &MemoryUse| use_of(m.memory, m.used, m.size)).collect();
        let staged = legalise(graph, config).ok();
        let cycles = |layer: usize| c.layers.iter().find(|l| l.layer == layer).map(|l| l.cycles);
        self.columns = columns(graph, staged.as_ref(), &cycles);
        self.legend();
        self.rows = layers::rows(c);
        self.whys = true;
        let used = |name: &str| c.memory.iter().find(|m| m.memory == name).map(|m| m.used);
        let (views, effects) = views((&c.program, &c.image, config), &c.origins, "", 0, (1, 0), &used)?;
        self.roofline = Some(roofline(c, &effects, config));
        self.views = vec![views];
        self.notes.extend(c.warnings.iter().map(ToString::to_string));
        if graph.batch > 1 {
            self.notes.push(format!("A batch of {0}: {0} runs, one behind the other; the page is about one.", graph.batch));
        }
        Ok(())
    }

    fn decoder(&mut self, d: &Decoder, config: &Config, mhz: f64) -> Result<(), VerifyError> {
        self.title = d.image.name.clone();
        let array = f64::from(config.rows * config.cols);
        let last = d.context - 1;
        let tokens = |cycles: u64| short(1e6 * mhz / cycles as f64);
        self.predicted(d.law.cycles, mhz);
        self.stats[0].label = "cycles of a token".into();
        self.stats[0].note = format!("+ {} for each {} positions", grouped(d.law.each), d.law.cols);
        self.stats[1].label = "time of a token".into();
        self.stats.push(stat(
            "tokens a second",
            tokens(d.law.cycles),
            "",
            format!("{} at the end of the context of {}", tokens(d.cycles_at(last)), grouped(d.context as u64)),
        ));
        if let Some(p) = &d.prefill {
            let each = p.law.cycles as f64 / p.rows as f64;
            let note = format!("{} tokens at once, {} cycles each", p.rows, short(each));
            self.stats.push(stat("tokens of a prompt a second", short(1e6 * mhz / each), "", note));
        }
        let used = |cycles: u64, macs: u64| 100.0 * macs as f64 / (cycles as f64 * array);
        self.stats.push(stat(
            "utilisation",
            fixed(used(d.law.cycles, d.macs.0), 1),
            "%",
            format!("{} multiplications on {array} multipliers", grouped(d.macs.0)),
        ));
        self.uses = d.memory.iter().map(|m| use_of(m.0, m.1, m.2)).collect();
        self.positions = Some(positions(d));
        let of = |name: &str| d.memory.iter().find(|m| m.0 == name).map(|m| m.1);
        let at = |n: usize, title: &str, pos: usize| {
            views((&d.program, &d.image, config), &d.origins, title, n, (d.context, pos), &of)
        };
        let (mut first, effects) = at(0, "first token", 0)?;
        self.rows = layers::of_parts(&effects, &d.origins);
        if d.law.each > 0 {
            // Memories are fullest at the end.
            first.memories.clear();
            let (behind, _) = at(1, &format!("token at position {}", grouped(last as u64)), last)?;
            self.views = vec![first, behind];
        } else {
            self.views = vec![first];
        }
        let tile = u64::from(config.rows * config.cols);
        let words = |name: &str| d.memory.iter().find(|m| m.0 == name).map_or(0, |m| m.1 as u64);
        let bytes = |words: u64| format!("{} words, {} bytes", grouped(words), grouped(words * tile));
        let embedding = d.origins.parts.iter().position(|p| *p == Some(0)).map(|row| group(&d.origins, row));
        let products = effects.lives.iter().filter(|l| l.store == systole_compiler::verify::Store::Rram);
        let products =
            products.filter(|l| l.row.map(|r| group(&d.origins, r)) != embedding).map(|l| u64::from(l.words)).sum::<u64>();
        self.kept = vec![
            ("weights of layers and logits, in RRAM".into(), bytes(products)),
            ("tables of embeddings and rotations, in RRAM".into(), bytes(words("RRAM").saturating_sub(products))),
            (format!("keys and values of {} positions, in W SRAM", grouped(d.context as u64)), bytes(words("W SRAM"))),
            (
                "of these for one position".into(),
                // W SRAM is given out by C positions.
                format!(
                    "{} bytes",
                    short((words("W SRAM") * tile) as f64 / d.context.next_multiple_of(config.cols as usize) as f64)
                ),
            ),
        ];
        Ok(())
    }

    fn encoder(
        &mut self,
        model: &Encoder,
        parts: &[&EncoderProgram],
        config: &Config,
        mhz: f64,
        rate: impl Fn(f64, u64) -> Stat,
    ) -> Result<(), VerifyError> {
        self.title = model.name.clone();
        self.columns = columns_of_tokens(model);
        self.legend();
        let (cycles, macs) = (parts.iter().map(|p| p.cycles).sum::<u64>(), parts.iter().map(|p| p.macs).sum::<u64>());
        self.predicted(cycles, mhz);
        self.stats.push(rate(macs as f64 / (cycles as f64 * f64::from(config.rows * config.cols)), macs));
        // A part's maps are numbered on from those before.
        let mut before = 0;
        for (n, p) in parts.iter().enumerate() {
            let mut origins = p.origins.clone();
            origins.numbers.iter_mut().for_each(|number| *number += before);
            before += origins.names.len() - 1;
            let title = if parts.len() > 1 { format!("part {} of {}", n + 1, parts.len()) } else { String::new() };
            for m in &p.memory {
                // The fullest of all parts.
                let new = use_of(m.0, m.1, m.2);
                match self.uses.iter_mut().find(|u| u.name == m.0) {
                    Some(u) if u.share >= new.share => {}
                    Some(u) => *u = new,
                    None => self.uses.push(new),
                }
            }
            let of = |name: &str| p.memory.iter().find(|m| m.0 == name).map(|m| m.1);
            let (views, effects) = views((&p.program, &p.image, config), &origins, &title, n, (1, 0), &of)?;
            let mut rows = layers::steps_of_parts(&effects, &origins);
            if !title.is_empty() {
                rows.iter_mut().for_each(|r| r.kind = title.clone());
            }
            self.rows.extend(rows);
            self.views.push(views);
        }
        self.turns = true;
        let longest = self.rows.iter().map(|r| r.cycles).max().unwrap_or(1).max(1) as f64;
        self.rows.iter_mut().for_each(|r| r.length = 100.0 * r.cycles as f64 / longest);
        if parts.len() > 1 {
            self.notes.push(format!(
                "It has no room at once and runs in {} parts; each is loaded before it runs, which is in none of the cycles. Memories: the fullest part.",
                parts.len()
            ));
        }
        Ok(())
    }

    /// The page as HTML, which is XML as well.
    ///
    /// # Errors
    /// None but that of a formatter.
    pub fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }

    fn grouped(&self, n: impl Borrow<u64>) -> String {
        grouped(*n.borrow())
    }

    fn us(&self, cycles: impl Borrow<u64>) -> String {
        short(*cycles.borrow() as f64 / self.mhz)
    }

    fn head(&self) -> String {
        clip(&self.title, 60)
    }
}
