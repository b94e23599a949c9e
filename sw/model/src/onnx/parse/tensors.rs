// SPDX-License-Identifier: Apache-2.0
//! Tensors as a file has them: typed elements, perhaps in another file beside it.

use crate::onnx::array::{Array, Data, LARGEST, elements};
use crate::onnx::element::ElementType;
use crate::onnx::error::ImportError;
use crate::onnx::proto::TensorProto;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

/// Reads a `TensorProto` whose data is inside.
///
/// # Errors
/// [`ImportError::Tensor`] with the tensor's name and what is wrong; [`ImportError::Element`].
pub fn array(p: &TensorProto) -> Result<Array, ImportError> {
    let bad = |what: String| ImportError::Tensor { name: p.name.clone(), what };
    if p.data_location != 0 || !p.external_data.is_empty() {
        let file = of(p, "location").unwrap_or("of no name");
        return Err(bad(format!(
            "its data lies in another file, '{file}', which is not beside the model: put it there, or save one file"
        )));
    }
    let kind = ElementType::from_code(p.data_type).map_err(|element| ImportError::Element { name: p.name.clone(), element })?;
    let shape: Vec<usize> =
        p.dims.iter().map(|&d| usize::try_from(d).map_err(|_| bad(format!("dimension {d}")))).collect::<Result<_, _>>()?;
    let count = elements(&shape).ok_or_else(|| bad(format!("shape {shape:?} is beyond {LARGEST} elements")))?;
    let data = match &p.raw_data {
        Some(raw) => {
            if raw.len() != count * kind.bytes() {
                return Err(bad(format!(
                    "{} bytes of data, shape {shape:?} of {kind} needs {}",
                    raw.len(),
                    count * kind.bytes()
                )));
            }
            raw_elements(kind, raw)
        }
        None => {
            let (has, data) = match kind {
                ElementType::Float32 => (p.float_data.len(), Data::F32(p.float_data.clone())),
                ElementType::Int64 => (p.int64_data.len(), Data::I64(p.int64_data.clone())),
                ElementType::Int32 => (p.int32_data.len(), Data::I32(p.int32_data.clone())),
                ElementType::Int8 => {
                    (p.int32_data.len(), Data::I8(narrow(&p.int32_data).ok_or_else(|| bad("a value is beyond int8".into()))?))
                }
                ElementType::Uint8 => {
                    (p.int32_data.len(), Data::U8(narrow(&p.int32_data).ok_or_else(|| bad("a value is beyond uint8".into()))?))
                }
            };
            if has != count {
                return Err(bad(format!("{has} elements, shape {shape:?} needs {count}")));
            }
            data
        }
    };
    Ok(Array { shape, data })
}

/// What `external_data` says of a key (onnx.proto, TensorProto).
fn of<'a>(p: &'a TensorProto, key: &str) -> Option<&'a str> {
    p.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str())
}

/// Reads the data of a tensor that lies in a file in `folder` into the tensor, `offset` and `length` in bytes. Without a folder, or
/// where there is no such file, it stays as it is, and is refused by name where it is needed.
///
/// # Errors
/// A path that leads out of the folder; a file that is too short, or cannot be read.
pub fn fetch(p: &mut TensorProto, folder: Option<&Path>) -> Result<(), ImportError> {
    let (Some(folder), true) = (folder, p.data_location == 1) else { return Ok(()) };
    let bad = |what: String| ImportError::Tensor { name: p.name.clone(), what };
    let Some(location) = of(p, "location") else { return Ok(()) };
    let inside = Path::new(location).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if !inside {
        return Err(bad(format!("its data lies in '{location}', which is not beside the model")));
    }
    let path = folder.join(location);
    if !path.is_file() {
        return Ok(());
    }
    let number = |key: &str| match of(p, key) {
        None => Ok(None),
        Some(v) => v.parse::<u64>().map(Some).map_err(|_| bad(format!("{key} '{v}' of its data in '{location}'"))),
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![];
        file.take(length.unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|e| bad(format!("its data in '{location}': {e}")))?;
    p.raw_data = Some(bytes);
    p.data_location = 0;
    p.external_data.clear();
    Ok(())
}

fn narrow<T: TryFrom<i32>>(values: &[i32]) -> Option<Vec<T>> {
    values.iter().map(|&v| T::try_from(v).ok()).collect()
}

fn raw_elements(kind: ElementType, raw: &[u8]) -> Data {
    fn words<const N: usize, T>(raw: &[u8], f: fn([u8; N]) -> T) -> Vec<T> {
        raw.chunks_exact(N).map(|c| f(std::array::from_fn(|i| c[i]))).collect()
    }
    match kind {
        ElementType::Int8 => Data::I8(raw.iter().map(|&b| b as i8).collect()),
        ElementType::Uint8 => Data::U8(raw.to_vec()),
        ElementType::Int32 => Data::I32(words(raw, i32::from_le_bytes)),
        ElementType::Int64 => Data::I64(words(raw, i64::from_le_bytes)),
        ElementType::Float32 => Data::F32(words(raw, f32::from_le_bytes)),
    }
}
