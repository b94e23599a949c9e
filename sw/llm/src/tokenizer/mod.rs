// SPDX-License-Identifier: Apache-2.0
//! Texts as tokens and back.

mod huggingface;
mod llama2c;

pub use huggingface::HuggingFace;
pub use llama2c::Llama2c;

use crate::LlmError;

/// A tokenizer of either kind.
#[derive(Debug)]
pub enum Tokenizer {
    /// llama2.c's `tokenizer.bin`.
    Llama2c(Box<Llama2c>),
    /// Hugging Face's `tokenizer.json`.
    HuggingFace(Box<HuggingFace>),
}

impl From<Llama2c> for Tokenizer {
    fn from(t: Llama2c) -> Tokenizer {
        Tokenizer::Llama2c(Box::new(t))
    }
}

impl From<HuggingFace> for Tokenizer {
    fn from(t: HuggingFace) -> Tokenizer {
        Tokenizer::HuggingFace(Box::new(t))
    }
}

impl Tokenizer {
    /// The tokens of a text, without a start symbol.
    ///
    /// # Errors
    /// [`LlmError::Character`]: a character for which there is no token, not even for its bytes; [`LlmError::Tokenizer`].
    pub fn encode(&self, text: &str) -> Result<Vec<usize>, LlmError> {
        match self {
            Tokenizer::Llama2c(t) => t.encode(text),
            Tokenizer::HuggingFace(t) => t.encode(text),
        }
    }

    /// The texts in a text, as tokens: the text itself; or where there is no token for the end of a line, as of a tokenizer for models
    /// of a text a line, its lines, with `end` behind each. Lines and texts without a token are left out.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn texts(&self, text: &str, end: Option<usize>) -> Result<Vec<Vec<usize>>, LlmError> {
        let lines = text.contains('\n') && self.encode("\n").is_err();
        let (texts, end) = if lines { (text.lines().collect(), end) } else { (vec![text], None) };
        let mut all = vec![];
        for text in texts {
            let mut tokens = self.encode(text)?;
            if !tokens.is_empty() {
                tokens.extend(end);
                all.push(tokens);
            }
        }
        Ok(all)
    }

    /// The text of tokens; bytes that are no UTF-8 become U+FFFD. `start` is the start symbol, which has no text.
    pub fn decode(&self, tokens: &[usize], start: usize) -> String {
        let mut stream = Stream::new(self, start);
        let mut text: String = tokens.iter().map(|&t| stream.push(t)).collect();
        text.push_str(&stream.finish());
        text
    }
}

/// A text as its tokens come.
pub struct Stream<'a> {
    kind: Kind<'a>,
}

enum Kind<'a> {
    Llama2c { tokenizer: &'a Llama2c, start: usize, last: usize, bytes: Vec<u8> },
    HuggingFace(huggingface::Stream<'a>),
}

impl<'a> Stream<'a> {
    /// A text that begins: `start` is the start symbol, behind which the prefixed space is left out.
    pub fn new(tokenizer: &'a Tokenizer, start: usize) -> Stream<'a> {
        let kind = match tokenizer {
            Tokenizer::Llama2c(t) => Kind::Llama2c { tokenizer: t, start, last: start, bytes: vec![] },
            Tokenizer::HuggingFace(t) => Kind::HuggingFace(t.stream()),
        };
        Stream { kind }
    }

    /// What the text gains by a token: whole characters.
    pub fn push(&mut self, token: usize) -> String {
        match &mut self.kind {
            Kind::HuggingFace(stream) => stream.push(token),
            Kind::Llama2c { tokenizer, start, last, bytes } => {
                if token != *start {
                    bytes.extend(tokenizer.piece(*last == *start, token));
                }
                *last = token;
                let mut text = String::new();
                loop {
                    match std::str::from_utf8(bytes) {
                        Ok(all) => {
                            text.push_str(all);
                            bytes.clear();
                            return text;
                        }
                        Err(e) => {
                            let whole = e.valid_up_to();
                            text.push_str(&String::from_utf8_lossy(&bytes[..whole]));
                            let Some(bad) = e.error_len() else {
                                bytes.drain(..whole);
                                return text;
                            };
                            text.push(char::REPLACEMENT_CHARACTER);
                            bytes.drain(..whole + bad);
                        }
                    }
                }
            }
        }
    }

    /// What is left where a character never became whole.
    pub fn finish(self) -> String {
        match self.kind {
            Kind::HuggingFace(stream) => stream.finish(),
            Kind::Llama2c { bytes, .. } => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}
