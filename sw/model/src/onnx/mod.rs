// SPDX-License-Identifier: Apache-2.0
//! ONNX models to quantised graphs.
//!
//! Read are quantised networks as ONNX Runtime's tools write them: QLinear operators, integer operators, and
//! groups of DequantizeLinear, float operators, QuantizeLinear. What the machine cannot run is collected and
//! reported at once.
//!
//! Four passes, each of which knows those before it and none behind it: `parse` reads the file, `fold` computes what is constant,
//! `fuse` says what ONNX Runtime makes one operator of, `lower` makes layers. `docs/adding-an-operator.md` goes through them.

mod array;
mod element;
pub(crate) mod error;
pub(crate) mod fold;
mod fuse;
mod import;
mod lower;
pub(crate) mod parse;
pub mod proto;

pub(crate) use array::broadcast;
pub use array::{Array, Data};
pub use element::ElementType;
pub use error::{ImportError, Unsupported};
pub use import::{Imported, Survey, import, import_from, survey};
pub use parse::model::Constants;

/// Reads a `TensorProto` file, as ONNX's test data has them.
///
/// # Errors
/// [`ImportError::Protobuf`], [`ImportError::Tensor`].
pub fn read_tensor(bytes: &[u8]) -> Result<(String, Array), ImportError> {
    let p: proto::TensorProto = prost::Message::decode(bytes).map_err(|e| ImportError::Protobuf(e.to_string()))?;
    Ok((p.name.clone(), parse::tensors::array(&p)?))
}
