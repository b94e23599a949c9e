// SPDX-License-Identifier: Apache-2.0
//! What can be wrong with a language model.

use std::path::PathBuf;
use thiserror::Error;

/// A model, a tokenizer or a text that cannot be used.
#[derive(Debug, Error)]
pub enum LlmError {
    /// The system does not give the file.
    #[error("cannot read {}: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        why: std::io::Error,
    },
    /// A file with its name in front of what is wrong.
    #[error("{}: {why}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: Box<LlmError>,
    },
    /// A folder without a model, or without the file named.
    #[error("{}: no {what} there", path.display())]
    NotThere {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// A folder with several files of which one is meant.
    #[error("{}: several files may be the {what}: {}; name one", path.display(), names.join(", "))]
    Several {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// The files.
        names: Vec<String>,
    },
    /// A llama2.c file of another version than 0.
    #[error("a llama2.c file of version {0}; version 0 is read (export.py --version 0)")]
    Version(u32),
    /// A size that no model has.
    #[error("{what} is {value}: {why}")]
    Size {
        /// The size, as its file names it.
        what: &'static str,
        /// Its value there.
        value: i64,
        /// What it should be.
        why: String,
    },
    /// A file that ends early.
    #[error("truncated: {expected} bytes by its sizes, {found} found")]
    Truncated {
        /// Bytes that the sizes ask for.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// A file that goes on behind its last tensor.
    #[error("{found} bytes, and its sizes ask for {expected}: another kind of file, or sizes of another model")]
    Long {
        /// Bytes that the sizes ask for.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// Something in a JSON or safetensors file that is not as the format says.
    #[error("{0}")]
    Format(String),
    /// A key of config.json that is absent or of another type.
    #[error("{key} is missing or no {kind}")]
    Key {
        /// The key.
        key: &'static str,
        /// The type it should have.
        kind: &'static str,
    },
    /// Something in config.json whose arithmetic the machine has not.
    #[error("{what} = {found} is not supported: {why}")]
    Unsupported {
        /// The key.
        what: &'static str,
        /// What it is there.
        found: String,
        /// What is.
        why: &'static str,
    },
    /// A tensor that the sizes ask for is not in the files.
    #[error("tensor {tensor} is missing (shape {shape:?})")]
    Missing {
        /// Its name.
        tensor: String,
        /// The shape it should have.
        shape: Vec<usize>,
    },
    /// A tensor of another shape than the sizes say.
    #[error("tensor {tensor} has shape {found:?}, the sizes say {expected:?}")]
    Shape {
        /// Its name.
        tensor: String,
        /// The shape by the sizes.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// A tensor that no model of this kind has: left out, it would be another model.
    #[error("tensor {0} belongs to no Llama model")]
    Unexpected(String),
    /// A tensor of a type that is not read.
    #[error("tensor {tensor} is of type {found}; F32, F16 and BF16 are read")]
    Kind {
        /// Its name.
        tensor: String,
        /// Its type.
        found: String,
    },
    /// A weight that is infinite or no number.
    #[error("tensor {tensor}: element {index} is {value}")]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
        /// Which element.
        index: usize,
        /// Its value.
        value: f32,
    },
    /// A tokenizer of another model.
    #[error("the tokenizer has {tokenizer} tokens, the model {model}: they do not belong together")]
    Vocabulary {
        /// Tokens of the tokenizer.
        tokenizer: usize,
        /// Tokens of the model.
        model: usize,
    },
    /// A text that the tokenizer cannot express.
    #[error("the tokenizer has no token for {0:?}")]
    Character(char),
    /// What the tokenizer of a Hugging Face folder says.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
}

impl LlmError {
    /// The same with the name of the file in front.
    pub(crate) fn of(path: &std::path::Path) -> impl FnOnce(LlmError) -> LlmError + '_ {
        move |why| match why {
            LlmError::Read { .. } | LlmError::In { .. } => why,
            why => LlmError::In { path: path.into(), why: Box::new(why) },
        }
    }
}
