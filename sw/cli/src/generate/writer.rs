// SPDX-License-Identifier: Apache-2.0
//! A sequence that the machine writes: run by the host token by token, or by the chip itself, and checked as it comes.

use anyhow::Result;
use std::io::Write;
use systole_compiler::Decoder;
use systole_golden::token;
use systole_host::{Seen, Series};
use systole_llm::tokenizer::Stream;
use systole_llm::{Quantised, Sampler, Tokenizer, argmax};
use systole_verif::AnyTransport;

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
}

/// What a sequence gave.
pub struct Written {
    pub text: String,
    pub tokens: Vec<usize>,
    /// Tokens of the prompt, the start symbol among them.
    pub prompt: usize,
    /// Cycles of each token that ran, prompt included.
    pub predicted: Vec<u64>,
    /// The same; none where the next run was over before the host looked.
    pub measured: Vec<Option<u64>>,
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
        let each = self.measured.len() == self.predicted.len()
            && self.measured.iter().zip(&self.predicted).all(|(m, p)| m.is_none_or(|m| m == *p));
        each && self.own.as_ref().is_none_or(|own| own.cycles == own.predicted || slow && own.cycles > own.predicted)
    }

    /// Runs that ended, those behind the text's end among them.
    pub fn runs(&self) -> usize {
        self.own.as_ref().map_or(self.measured.len(), |own| self.prompt - 1 + own.runs as usize)
    }
}

/// The text so far.
struct Writer<'a> {
    job: &'a Job,
    golden: token::Decoder<'a>,
    stream: Stream<'a>,
    sampler: Sampler,
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
            let pos = writer.w.measured.len();
            let tok = writer.w.tokens[pos] as u32;
            if self.on_chip && pos + 1 == prompt {
                let series = Series { pos: pos as u32, tok, runs: (self.most - prompt) as u32, stop: Some(stop) };
                let end = driver.run_tokens(series, |run| writer.take(&run.frame, run.seen)).await?;
                let predicted = (pos..pos + end.runs as usize).map(|p| self.decoder.cycles_at(p) + 1).sum::<u64>() - 1;
                writer.w.own = Some(Own { runs: end.runs, cycles: end.cycles, predicted });
                break;
            }
            let run = driver.run_token(pos as u32, tok).await?;
            more = writer.take(&run.frame, Some(Seen { cycles: run.cycles, chosen: u32::MAX }));
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
            predicted: vec![],
            measured: vec![],
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
            w,
        }
    }

    /// Shows the token that runs next; false where there is no room behind it, and nothing is asked of it.
    fn show(&mut self) -> bool {
        let pos = self.w.measured.len();
        // The start symbol is no text.
        if pos > 0 {
            let piece = self.stream.push(self.w.tokens[pos]);
            self.say(&piece);
        }
        if pos + 1 < self.job.most {
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
    fn take(&mut self, frame: &[u8], seen: Option<Seen>) -> bool {
        let (w, q) = (&mut self.w, &self.job.quantised);
        let pos = w.measured.len();
        w.predicted.push(self.job.decoder.cycles_at(pos));
        w.measured.push(seen.map(|s| s.cycles));
        let logits: Vec<u32> =
            frame.chunks_exact(4).take(q.sizes.vocab).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let want = self.golden.step(w.tokens[pos], pos);
        w.mismatches += logits.iter().zip(&want).filter(|(a, b)| **a != b.word()).count() + want.len().abs_diff(logits.len());
        w.compared += want.len();
        if pos + 1 >= w.tokens.len() {
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
