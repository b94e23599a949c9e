// SPDX-License-Identifier: Apache-2.0
//! Cases in the layout of ONNX's backend tests: a folder with `model.onnx` and folders
//! `test_data_set_N` with `input_*.pb` and `output_*.pb`.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use systole_model::graph::Graph;
use systole_model::onnx::{Array, Constants, Data, ImportError, import, read_tensor};

/// A case: one model with its data.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name of its folder.
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// Inputs and expected output of each data set.
    pub sets: Vec<DataSet>,
    /// What is wrong with its data: then there are no sets.
    pub fault: Option<Fault>,
}

/// What is wrong with the data of a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// A tensor that is sound and not read, for its element type.
    Unsupported(String),
    /// A tensor that cannot be read.
    Broken(String),
}

/// Tensors of a data set.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// Inputs in order of the graph's, each with the name in its file.
    pub inputs: Vec<(String, Array)>,
    /// Outputs likewise.
    pub outputs: Vec<(String, Array)>,
}

/// The folders under `folder` (itself included) that are cases, by name.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn cases(folder: &Path) -> Result<Vec<Case>> {
    let mut found = vec![];
    let mut folders = vec![folder.to_path_buf()];
    while let Some(at) = folders.pop() {
        if at.join("model.onnx").is_file() {
            found.push(load(&at)?);
            continue;
        }
        for entry in std::fs::read_dir(&at).with_context(|| format!("cannot read {}", at.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn load(path: &Path) -> Result<Case> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let (sets, fault) = match data_sets(path) {
        Ok(sets) => (sets, None),
        Err(e) => {
            let sound = e.downcast_ref::<ImportError>().is_some_and(ImportError::is_unsupported);
            let text = format!("{e:#}");
            (vec![], Some(if sound { Fault::Unsupported(text) } else { Fault::Broken(text) }))
        }
    };
    Ok(Case { name, path: path.to_path_buf(), sets, fault })
}

fn data_sets(path: &Path) -> Result<Vec<DataSet>> {
    let mut sets = vec![];
    for n in 0.. {
        let folder = path.join(format!("test_data_set_{n}"));
        if !folder.is_dir() {
            break;
        }
        let tensors = |kind: &str| -> Result<Vec<(String, Array)>> {
            let mut list = vec![];
            for i in 0.. {
                let file = folder.join(format!("{kind}_{i}.pb"));
                if !file.is_file() {
                    break;
                }
                let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                list.push(read_tensor(&bytes).with_context(|| file.display().to_string())?);
            }
            Ok(list)
        };
        sets.push(DataSet { inputs: tensors("input")?, outputs: tensors("output")? });
    }
    Ok(sets)
}

impl Case {
    /// The graph. Inputs behind the first that a data set gives (scales, zero points, weights) are constants, where the graph needs
    /// them as such.
    ///
    /// # Errors
    /// A file that cannot be read; [`ImportError`] from the model.
    pub fn graph(&self) -> Result<Result<Graph, ImportError>> {
        let path = self.path.join("model.onnx");
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let inputs = self.sets.first().map_or(&[][..], |set| &set.inputs);
        // A graph of several inputs takes them all, where none has to be a constant.
        if inputs.len() > 1
            && let Ok(graph) = import(&bytes, &Constants::new())
            && graph.input.tensors().count() == inputs.len()
        {
            return Ok(Ok(graph));
        }
        let constants: Constants = inputs.iter().skip(1).filter(|(name, _)| !name.is_empty()).cloned().collect();
        Ok(import(&bytes, &constants))
    }
}

/// Largest difference of two tensors element by element; `None` where shapes or types differ.
pub fn difference(a: &Array, b: &Array) -> Option<f64> {
    if a.shape != b.shape || a.element() != b.element() {
        return None;
    }
    let largest = |d: &mut dyn Iterator<Item = f64>| d.fold(0.0, f64::max);
    Some(match (&a.data, &b.data) {
        (Data::F32(x), Data::F32(y)) => largest(&mut x.iter().zip(y).map(|(x, y)| f64::from((x - y).abs()))),
        _ => {
            let (x, y) = (a.integers()?, b.integers()?);
            largest(&mut x.iter().zip(&y).map(|(x, y)| (x - y).unsigned_abs() as f64))
        }
    })
}

/// How near float32 results of the host's functions come to ONNX Runtime's: both are off by units in the last place.
const NEAR: f32 = 1e-5;

/// Elements in which two tensors of one shape and type differ; all where they are not. `rounds`: float32 that functions of the
/// host have rounded may differ by some units in the last place.
pub fn differing(a: &Array, b: &Array, rounds: bool) -> usize {
    differing_where(a, b, rounds).map_or(a.len().max(b.len()), |places| places.len())
}

/// Their places, row-major; `None` where shapes or types differ.
pub fn differing_where(a: &Array, b: &Array, rounds: bool) -> Option<Vec<usize>> {
    if a.shape != b.shape || a.element() != b.element() {
        return None;
    }
    Some(match (&a.data, &b.data) {
        (Data::F32(x), Data::F32(y)) => {
            let near = |x: f32, y: f32| rounds && (x - y).abs() <= NEAR * (y.abs() + 0.1);
            (0..x.len()).filter(|&i| x[i] != y[i] && !near(x[i], y[i])).collect()
        }
        _ => {
            let (x, y) = (a.integers()?, b.integers()?);
            (0..x.len()).filter(|&i| x[i] != y[i]).collect()
        }
    })
}
