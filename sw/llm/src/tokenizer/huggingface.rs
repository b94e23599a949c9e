// SPDX-License-Identifier: Apache-2.0
//! Hugging Face's `tokenizer.json`, by their crate.

use crate::LlmError;
use serde::de::IgnoredAny;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokenizers::{
    DecodeStream, DecoderWrapper, ModelWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, Tokenizer,
};

/// Tables are often filled up to a multiple of this ..
const FILL: usize = 64;
/// .. by fewer than so many tokens.
const MOST: usize = 512;

/// What the crate tokenizers gives. It panics over some files that are JSON and no tokenizer: here that is an error too. What it works
/// on is only read, so nothing half done stays behind.
fn calm<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, LlmError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|e| LlmError::Tokenizer(e.to_string())),
        Err(_) => Err(LlmError::Tokenizer("this file is no tokenizer".into())),
    }
}

/// A tokenizer with whatever normaliser, splitter, model and decoder its file names.
#[derive(Debug)]
pub struct HuggingFace {
    tokenizer: Tokenizer,
    vocab: usize,
}

impl HuggingFace {
    /// Reads a file for a model of `vocab` tokens.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`], in the words of the crate tokenizers; [`LlmError::Vocabulary`] where the model has fewer tokens, or
    /// more than filling up to a multiple of 64 explains.
    pub fn new(bytes: &[u8], vocab: usize) -> Result<HuggingFace, LlmError> {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|e| LlmError::Format(format!("no JSON: {e}")))?;
        let mut tokenizer = calm(|| Tokenizer::from_bytes(bytes))?;
        // What a file was trained with: a text is all of its tokens, and no more.
        tokenizer.with_padding(None);
        let _ = tokenizer.with_truncation(None);
        let own = tokenizer.get_vocab(true).values().map(|&t| t as usize + 1).max().unwrap_or(0);
        let filled = vocab.is_multiple_of(FILL) && vocab.checked_sub(own).is_some_and(|more| more < MOST);
        if own != vocab && !filled {
            return Err(LlmError::Vocabulary { tokenizer: own, model: vocab });
        }
        Ok(HuggingFace { tokenizer, vocab })
    }

    /// Number of tokens: the model's.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// The tokens of a text, without those that the file would add at its ends.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`], in the words of the crate tokenizers.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>, LlmError> {
        let encoding = calm(|| self.tokenizer.encode(text, false))?;
        Ok(encoding.get_ids().iter().map(|&t| t as usize).collect())
    }

    pub(super) fn stream(&self) -> Stream<'_> {
        Stream { stream: self.tokenizer.decode_stream(true), tokenizer: &self.tokenizer, since: vec![] }
    }
}

/// A text as its tokens come.
pub(super) struct Stream<'a> {
    stream: DecodeStream<'a, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>,
    tokenizer: &'a Tokenizer,
    /// Tokens since the last whole character.
    since: Vec<u32>,
}

impl Stream<'_> {
    pub(super) fn push(&mut self, token: usize) -> String {
        let token = token as u32;
        match self.stream.step(token) {
            Ok(Some(text)) => {
                self.since.clear();
                text
            }
            _ => {
                self.since.push(token);
                String::new()
            }
        }
    }

    pub(super) fn finish(self) -> String {
        self.tokenizer.decode(&self.since, true).unwrap_or_default()
    }
}
