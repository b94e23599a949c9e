// SPDX-License-Identifier: Apache-2.0
//! Language models: files and tokenizers, the float reference, quantisation (docs/language-models.md).
//!
//! [`open`] reads llama2.c's `.bin` files and Hugging Face's folders. [`Float`] computes a token in float32 as llama2.c's `run.c`
//! does; [`quantise`] turns a [`Model`] into the codes and scales that the compiler and the golden model take. The machine's
//! arithmetic on them is in the crate systole-golden.
//!
//! Exponentials, sines and powers are libm's, so that a seed gives the same text, and so the same codes, on every machine.

mod error;
mod float;
mod folder;
mod huggingface;
mod llama2c;
mod model;
mod quantise;
mod sample;
pub mod samples;
mod score;
mod sizes;
pub mod tokenizer;

pub use error::LlmError;
pub use float::Float;
pub use folder::{open, open_model};
pub use llama2c::{read_llama2c, write_llama2c};
pub use model::{Layer, Model, Rotary};
pub use quantise::{Matrix, Options, Quantised, QuantisedLayer, Rotation, quantise};
pub use sample::{Sampler, argmax, write};
pub use score::{Score, Window, windows};
pub use sizes::Sizes;
pub use tokenizer::Tokenizer;
