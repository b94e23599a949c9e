// SPDX-License-Identifier: Apache-2.0
//! Output tensors as files.

use anyhow::Result;
use std::path::Path;
use systole_model::graph::Graph;
use systole_model::onnx::{Array, Data};
use systole_workloads::npy;

fn write_tensor(path: &Path, array: &Array) -> Result<()> {
    let shape: Vec<u64> = array.shape.iter().map(|&d| d as u64).collect();
    match &array.data {
        Data::I8(v) => npy::write(path, &shape, v),
        Data::U8(v) => npy::write(path, &shape, v),
        Data::I32(v) => npy::write(path, &shape, v),
        Data::I64(v) => npy::write(path, &shape, v),
        Data::F32(v) => npy::write(path, &shape, v),
    }
}

/// The first output at `path`, others beside it with their names behind that of the file.
pub fn write_tensors(path: &Path, arrays: &[Array], graph: &Graph) -> Result<()> {
    let named = graph.output.1.all().map(|b| b.name.clone()).zip(arrays.iter().cloned());
    write_named(path, &named.collect::<Vec<_>>())
}

/// Tensors with their names: the first to `path`, others beside it with theirs.
///
/// # Errors
/// A file that cannot be written.
pub fn write_named(path: &Path, tensors: &[(String, Array)]) -> Result<()> {
    for (n, (output, array)) in tensors.iter().enumerate() {
        if n == 0 {
            write_tensor(path, array)?;
            continue;
        }
        let legal = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}.{}.npy", output.chars().map(legal).collect::<String>());
        write_tensor(&path.with_file_name(name), array)?;
    }
    Ok(())
}
