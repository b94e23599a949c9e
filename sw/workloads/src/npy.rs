// SPDX-License-Identifier: Apache-2.0
//! Matrices in .npy files.

use anyhow::{Context, Result, bail};
use npyz::{DType, NpyFile, Order, TypeChar, WriterBuilder};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// An array: its shape and its elements, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<T> {
    /// Shape, outermost first.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: Vec<T>,
}

fn read<T: npyz::Deserialize>(path: &Path, wanted: &str, kind: TypeChar, size: u64) -> Result<Array<T>> {
    let at = || path.display().to_string();
    let file =
        NpyFile::new(BufReader::new(File::open(path).with_context(at)?)).with_context(|| format!("{}: not a .npy file", at()))?;
    match file.dtype() {
        DType::Plain(t) if t.type_char() == kind && t.size_field() == size => {}
        other => bail!("{}: elements are {}, this takes {wanted}; convert with numpy's astype", at(), other.descr()),
    }
    if file.order() == Order::Fortran && file.shape().len() > 1 {
        bail!("{}: Fortran order; save numpy.ascontiguousarray(x) instead", at());
    }
    let shape: Vec<usize> = file.shape().iter().map(|&d| d as usize).collect();
    // A damaged header must not ask for more memory than the file can fill.
    let bytes = file.shape().iter().try_fold(size, |a, &d| a.checked_mul(d)).unwrap_or(u64::MAX);
    let length = std::fs::metadata(path).with_context(at)?.len();
    if bytes > length {
        bail!("{}: shape {shape:?} needs {bytes} bytes, the file has {length}: truncated or damaged", at());
    }
    let data = file.into_vec::<T>().with_context(|| format!("{}: truncated", at()))?;
    Ok(Array { shape, data })
}

/// Reads an int8 array.
///
/// # Errors
/// The file and what is wrong with it.
pub fn read_i8(path: &Path) -> Result<Array<i8>> {
    read(path, "int8", TypeChar::Int, 1)
}

/// Reads a uint8 array.
///
/// # Errors
/// As [`read_i8`].
pub fn read_u8(path: &Path) -> Result<Array<u8>> {
    read(path, "uint8", TypeChar::Uint, 1)
}

/// Reads an int32 array.
///
/// # Errors
/// As [`read_i8`].
pub fn read_i32(path: &Path) -> Result<Array<i32>> {
    read(path, "int32", TypeChar::Int, 4)
}

/// Reads an int64 array.
///
/// # Errors
/// As [`read_i8`].
pub fn read_i64(path: &Path) -> Result<Array<i64>> {
    read(path, "int64", TypeChar::Int, 8)
}

/// Reads a float32 array.
///
/// # Errors
/// As [`read_i8`].
pub fn read_f32(path: &Path) -> Result<Array<f32>> {
    read(path, "float32", TypeChar::Float, 4)
}

/// Writes an array; a file appears whole or not at all ([`systole_files::write`]).
///
/// # Errors
/// The file and why.
pub fn write<T: npyz::Serialize + npyz::AutoSerialize + Copy>(path: &Path, shape: &[u64], data: &[T]) -> Result<()> {
    let at = || path.display().to_string();
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes).begin_nd().with_context(at)?;
    writer.extend(data.iter().copied()).with_context(at)?;
    writer.finish().with_context(at)?;
    Ok(systole_files::write(path, &bytes)?)
}
