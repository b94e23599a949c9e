// SPDX-License-Identifier: Apache-2.0
//! A sequence that the machine writes: run by the host token by token, or by the chip itself, and checked as it comes.

use anyhow::Result;
use std::io::Write;
use systole_backends::AnyTransport;
use systole_compiler::{Decoder, Step};
use systole_golden::token;
use systole_host::{Seen, Series};
use systole_llm::tokenizer::Stream;
use systole_llm::{Quantised, Sampler, Tokenizer, argmax};

/// What the machine is to run.
pub struct Job {
    pub quantised: Quantised,
    pub decoder: Decoder,
    pub tokenizer: Tokenizer,
    pub sampler: Sampler,
    /// The start symbol and the prompt.
    pub tokens: Vec<usize>,
    /// Tokens in all, at most.
    pub most: usize,
    pub quiet: bool,
    pub on_chip: bool,
    /// The prompt runs several tokens at once where it can.
    pub prefill: bool,
}

/// A run, and what the host saw of it.
pub struct Ran {
    pub step: Step,
    /// Cycles; none where the next run was over before the host looked.
    pub cycles: Option<u64>,
}

/// What a sequence gave.
pub struct Written {
    pub text: String,
    pub tokens: Vec<usize>,
    /// Tokens of the prompt, the start symbol among them.
    pub prompt: usize,
    /// Runs, in order.
    pub ran: Vec<Ran>,
    pub mismatches: usize,
    pub compared: usize,
    pub events: Vec<u64>,
    pub end: &'static str,
    /// Where the chip went on by itself.
    pub own: Option<Own>,
}

/// Runs that followed by themselves, the first of them among them.
pub struct Own {
    /// How many ended.
    pub runs: u64,
    /// Cycles from the first launch to the last END.
    pub cycles: u64,
    /// What the timetable says: those of the runs, and one from each END to the next launch.
    pub predicted: u64,
}

impl Written {
    /// Every cycle that was seen is the one that was predicted; where the host is slow the chip may have waited for it.
    pub fn as_predicted(&self, slow: bool) -> bool {
        let each = self.ran.iter().all(|r| r.cycles.is_none_or(|c| c == r.step.cycles));
        each && self.own.as_ref().is_none_or(|own| own.cycles == own.predicted || slow && own.cycles > own.predicted)
    }

    /// Tokens that ran.
    pub fn behind(&self) -> usize {
        self.ran.last().map_or(0, |r| r.step.pos + r.step.rows)
    }

    /// Tokens that ran, those behind the text's end among them.
    pub fn tokens_run(&self) -> usize {
        self.own.as_ref().map_or(self.behind(), |own| self.prompt - 1 + own.runs as usize)
    }

    /// Cycles of each token that ran, as predicted: those of a run of several are shared among them.
    pub fn predicted(&self) -> Vec<u64> {
        self.ran.iter().flat_map(|r| share(r.step.cycles, r.step.rows)).collect()
    }

    /// The same as measured, where the host saw it.
    pub fn measured(&self) -> Vec<Option<u64>> {
        let of = |r: &Ran| match r.cycles {
            Some(cycles) => share(cycles, r.step.rows).map(Some).collect(),
            None => vec![None; r.step.rows],
        };
        self.ran.iter().flat_map(of).collect()
    }
}

/// `cycles` in `rows` parts that differ by one at most.
fn share(cycles: u64, rows: usize) -> impl Iterator<Item = u64> {
    let rows = rows as u64;
    (0..rows).map(move |n| cycles * (n + 1) / rows - cycles * n / rows)
}

/// The text so far.
struct Writer<'a> {
    job: &'a Job,
    golden: token::Decoder<'a>,
    stream: Stream<'a>,
    sampler: Sampler,
    /// Tokens whose text was said; the start symbol has none.
    said: usize,
    w: Written,
}

impl Job {
    /// Runs the sequence on a machine that is loaded.
    pub async fn run(self, driver: &mut systole_host::Driver<AnyTransport>) -> Result<Written> {
        let before = driver.events().await?;
        let prompt = self.tokens.len();
        let mut writer = Writer::new(&self);
        // What of a text's ends the chip knows; at others the host ends it.
        let stop = self.quantised.ends.first().copied().unwrap_or(self.quantised.start) as u32;
        let mut more = writer.show();
        while more {
            let pos = writer.w.behind();
            if self.on_chip && pos + 1 == prompt {
                let tok = writer.w.tokens[pos] as u32;
                let series = Series { pos: pos as u32, tok, runs: (self.most - prompt) as u32, stop: Some(stop) };
                let end = driver.run_tokens(series, |run| {
                    let step = self.decoder.step(writer.w.behind(), 1);
                    writer.take(&run.frame, step, run.seen)
                });
                let end = end.await?;
                let predicted = (pos..pos + end.runs as usize).map(|p| self.decoder.cycles_at(p) + 1).sum::<u64>() - 1;
                writer.w.own = Some(Own { runs: end.runs, cycles: end.cycles, predicted });
                break;
            }
            // The chip begins to go on by itself with the prompt's last token.
            let known = writer.w.tokens.len().min(self.most - 1).min(if self.on_chip { prompt - 1 } else { usize::MAX }) - pos;
            let step = self.decoder.step(pos, if self.prefill { known } else { 1 });
            let chunk: Vec<u32> = writer.w.tokens[pos..pos + step.rows].iter().map(|&t| t as u32).collect();
            let run = driver.run_chunk(step.entry, pos as u32, &chunk).await?;
            more = writer.take(&run.frame, step, Some(Seen { cycles: run.cycles, chosen: u32::MAX }));
        }
        let mut w = writer.finish();
        w.events = driver.events().await?.iter().zip(before).map(|(&a, b)| u64::from(a.wrapping_sub(b))).collect();
        Ok(w)
    }
}

impl<'a> Writer<'a> {
    fn new(job: &'a Job) -> Writer<'a> {
        let w = Written {
            text: String::new(),
            tokens: job.tokens.clone(),
            prompt: job.tokens.len(),
            ran: vec![],
            mismatches: 0,
            compared: 0,
            events: vec![],
            end: "",
            own: None,
        };
        Writer {
            job,
            golden: token::Decoder::new(&job.quantised),
            stream: Stream::new(&job.tokenizer, job.quantised.start),
            sampler: job.sampler.clone(),
            said: 1,
            w,
        }
    }

    /// Shows the tokens that are known; false where there is no room behind what ran, and nothing is asked of the last one.
    fn show(&mut self) -> bool {
        for at in self.said..self.w.tokens.len() {
            let piece = self.stream.push(self.w.tokens[at]);
            self.say(&piece);
        }
        self.said = self.w.tokens.len();
        if self.w.behind() + 1 < self.job.most {
            return true;
        }
        let full = self.job.most == self.job.decoder.context;
        self.w.end = if full { "the context is full" } else { "as many tokens as were asked for" };
        false
    }

    fn say(&mut self, piece: &str) {
        self.w.text.push_str(piece);
        if !self.job.quiet {
            print!("{piece}");
            let _ = std::io::stdout().flush();
        }
    }

    /// Checks a run and chooses what follows; true where that is to run.
    fn take(&mut self, frame: &[u8], step: Step, seen: Option<Seen>) -> bool {
        let (w, q) = (&mut self.w, &self.job.quantised);
        w.ran.push(Ran { step, cycles: seen.map(|s| s.cycles) });
        let logits: Vec<u32> =
            frame.chunks_exact(4).take(q.sizes.vocab).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        // Of several tokens the machine gives the last one's logits.
        let mut want = vec![];
        for pos in step.pos..step.pos + step.rows {
            want = self.golden.step(w.tokens[pos], pos);
        }
        w.mismatches += logits.iter().zip(&want).filter(|(a, b)| **a != b.word()).count() + want.len().abs_diff(logits.len());
        w.compared += want.len();
        if w.behind() >= w.tokens.len() {
            let logits: Vec<f32> = logits.into_iter().map(f32::from_bits).collect();
            let next = if self.job.on_chip { argmax(&logits) } else { self.sampler.sample(&logits) };
            w.mismatches += usize::from(self.job.on_chip && seen.is_some_and(|s| s.chosen as usize != next));
            if q.ends.contains(&next) || next == q.start {
                w.end = "the model ended it";
                return false;
            }
            w.tokens.push(next);
        }
        self.show()
    }

    fn finish(mut self) -> Written {
        let rest = self.stream.finish();
        self.w.text.push_str(&rest);
        if !self.job.quiet {
            println!("{rest}");
        }
        self.w
    }
}
