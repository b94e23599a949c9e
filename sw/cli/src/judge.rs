// SPDX-License-Identifier: Apache-2.0
//! What a run's outputs are compared with: tensors of another program, and labels.

use crate::output;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use systole_model::graph::{Border, Graph};
use systole_model::host::Host;
use systole_model::onnx::{Array, Data, ElementType, read_tensor};
use systole_report::Judged;
use systole_workloads::npy;
use systole_workloads::onnx_case::{difference, differing};

/// What outputs are compared with.
#[derive(Args)]
pub struct JudgeArgs {
    /// Compare the output with this tensor (ONNX Runtime's, say); of several outputs one for each, in their order; with --batch-dir a
    /// folder, with a tensor of each input's name
    #[arg(long, value_name = "Y.npy|Y.pb")]
    expect: Vec<PathBuf>,
    /// Compare the largest element of the output with the class of each input, in the order of their names: whole numbers, .npy or text
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

/// What was read before anything ran.
pub struct Judge {
    /// Of each input the outputs, the first ones.
    expected: Option<Vec<Vec<Array>>>,
    labels: Option<Vec<i64>>,
    /// Whether float32 that functions of the host have rounded may be off by units in the last place.
    rounds: bool,
    /// Whether the compiler declared a layer whose codes may differ.
    declared: bool,
}

/// What came of it.
pub struct Verdict {
    /// Elements that differ, of how many, and by how much at most.
    expected: Option<(usize, usize, f64)>,
    /// Outputs whose largest element is that of the label, of how many.
    right: Option<(usize, usize)>,
    declared: bool,
}

/// A tensor from .npy, of type `element`, or .pb.
///
/// # Errors
/// The file and what is wrong with it.
pub fn tensor(path: &Path, element: ElementType) -> Result<Array> {
    if path.extension().is_some_and(|e| e == "pb") {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        return Ok(read_tensor(&bytes).with_context(|| path.display().to_string())?.1);
    }
    fn array<T>(a: npy::Array<T>, wrap: fn(Vec<T>) -> Data) -> Array {
        Array { shape: a.shape, data: wrap(a.data) }
    }
    Ok(match element {
        ElementType::Uint8 => array(npy::read_u8(path)?, Data::U8),
        ElementType::Float32 => array(npy::read_f32(path)?, Data::F32),
        ElementType::Int32 => array(npy::read_i32(path)?, Data::I32),
        ElementType::Int64 => array(npy::read_i64(path)?, Data::I64),
        _ => array(npy::read_i8(path)?, Data::I8),
    })
}

/// Whole numbers: .npy of int64, int32 or uint8, or text with white space or commas between them.
fn numbers(path: &Path) -> Result<Vec<i64>> {
    if path.extension().is_some_and(|e| e == "npy") {
        return npy::read_i64(path)
            .map(|a| a.data)
            .or_else(|_| npy::read_i32(path).map(|a| a.data.into_iter().map(i64::from).collect()))
            .or_else(|_| npy::read_u8(path).map(|a| a.data.into_iter().map(i64::from).collect()))
            .with_context(|| format!("{}: labels are int64, int32 or uint8", path.display()));
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.split(|c: char| c.is_whitespace() || c == ',')
        .filter(|w| !w.is_empty())
        .map(|w| w.parse().with_context(|| format!("{}: '{w}' is no whole number", path.display())))
        .collect()
}

impl JudgeArgs {
    /// Whether there is something to compare with.
    pub fn is_given(&self) -> bool {
        !self.expect.is_empty() || self.labels.is_some()
    }

    /// Reads what the outputs of a network without static scales are compared with, `.npy` of float32 or `.pb`, the first ones.
    ///
    /// # Errors
    /// A file that is not there or of another kind, more of them than `outputs`; labels.
    pub fn read_plain(&self, outputs: usize) -> Result<Vec<Array>> {
        ensure!(self.labels.is_none(), "--labels are for networks with static scales");
        ensure!(self.expect.len() <= outputs, "--expect: {} tensors for {outputs} outputs", self.expect.len());
        self.expect.iter().map(|file| tensor(file, ElementType::Float32)).collect()
    }

    /// Reads what the outputs of `inputs` are compared with; none: one run, whose inputs' names do not matter.
    ///
    /// # Errors
    /// A file that is not there or of another kind; as many labels as inputs are needed.
    pub fn read(&self, graph: &Graph, inputs: &[PathBuf], declared: bool) -> Result<Judge> {
        let borders: Vec<&Border> = graph.output.1.all().collect();
        let of = |input: &PathBuf, folder: &Path| {
            let name = input.file_stem().unwrap_or_default();
            let names = ["npy", "pb"].map(|e| folder.join(name).with_extension(e));
            let found = names.iter().find(|p| p.is_file());
            let path = found.with_context(|| format!("--expect: there is no {} and no .pb of its name", names[0].display()))?;
            Ok(vec![tensor(path, borders[0].element)?])
        };
        let expected = match self.expect.as_slice() {
            [] => None,
            [folder] if folder.is_dir() => {
                ensure!(!inputs.is_empty(), "--expect {}: a folder is for --batch-dir", folder.display());
                Some(inputs.iter().map(|i| of(i, folder)).collect::<Result<_>>()?)
            }
            files => {
                ensure!(inputs.is_empty(), "--expect {}: give a folder, with a tensor of each input's name", files[0].display());
                ensure!(files.len() <= borders.len(), "--expect: {} tensors for {} outputs", files.len(), borders.len());
                Some(vec![files.iter().zip(&borders).map(|(f, b)| tensor(f, b.element)).collect::<Result<_>>()?])
            }
        };
        let labels = self.labels.as_deref().map(numbers).transpose()?;
        if let Some(labels) = &labels {
            let count = inputs.len().max(1);
            ensure!(labels.len() == count, "--labels: {} labels for {count} inputs", labels.len());
        }
        let rounds = borders.iter().any(|b| b.host.as_ref().is_some_and(Host::rounds));
        Ok(Judge { expected, labels, rounds, declared })
    }
}

/// The place of the largest element, the first of equals; of a single whole number itself: a class that the model chose.
fn class(output: &Array) -> i64 {
    if let (1, Some(chosen)) = (output.len(), output.integers()) {
        return chosen[0];
    }
    let values: Vec<f64> = match &output.data {
        Data::F32(v) => v.iter().map(|&x| x.into()).collect(),
        _ => output.integers().unwrap_or_default().into_iter().map(|x| x as f64).collect(),
    };
    let first = |best: usize, i: usize| if values[i] > values[best] { i } else { best };
    (0..values.len()).fold(0, first) as i64
}

impl Judge {
    /// Compares the outputs of each run, in the order of the inputs.
    pub fn of(&self, outputs: &[Vec<Array>]) -> Verdict {
        let expected = self.expected.as_ref().map(|expected| {
            let pairs = || outputs.iter().zip(expected).flat_map(|(o, e)| o.iter().zip(e));
            let wrong = pairs().map(|(o, e)| differing(o, e, self.rounds)).sum();
            let largest = pairs().map(|(o, e)| difference(o, e).unwrap_or(f64::INFINITY)).fold(0.0, f64::max);
            (wrong, expected.iter().flatten().map(Array::len).sum(), largest)
        });
        let right = self.labels.as_ref().map(|labels| {
            let right = outputs.iter().zip(labels).filter(|(o, l)| o.first().is_some_and(|o| class(o) == **l)).count();
            (right, labels.len())
        });
        Verdict { expected, right, declared: self.declared }
    }
}

impl Verdict {
    /// Nothing differs from what was expected, or a layer was declared whose codes may. Labels are no matter of right or wrong.
    pub fn is_good(&self) -> bool {
        self.expected.is_none_or(|(wrong, _, largest)| wrong == 0 || (self.declared && largest.is_finite()))
    }

    /// For the report's JSON: null where nothing was asked for.
    pub fn json(&self) -> [Value; 2] {
        let expected = self.expected.map(|(wrong, of, largest)| json!({"differing": wrong, "elements": of, "max_abs_diff": largest.is_finite().then_some(largest), "same_shape": largest.is_finite()}));
        let labels =
            self.right.map(|(right, of)| json!({"right": right, "labels": of, "accuracy": right as f64 / of.max(1) as f64}));
        [json!(expected), json!(labels)]
    }

    /// For the page.
    pub fn judged(&self) -> Vec<Judged> {
        let expected = self.expected.map(|(wrong, of, largest)| {
            let by = match (wrong, largest.is_finite()) {
                (0, _) => String::new(),
                (_, true) => format!(", by up to {largest}"),
                (_, false) => ", which has another shape or type".into(),
            };
            let note = format!("of {} differ from the tensor given{by}", output::grouped(of as u64));
            Judged { label: "expected", value: output::grouped(wrong as u64), unit: "", note, good: Some(self.is_good()) }
        });
        expected.into_iter().chain(self.right.map(|(right, of)| Judged::accuracy(right, of))).collect()
    }

    /// Lines of the report.
    pub fn print(&self) {
        if let Some((wrong, of, largest)) = self.expected {
            let text = wrong.to_string();
            let (text, why) = match (wrong, largest.is_finite()) {
                (0, _) => (output::good(&text), String::new()),
                (_, false) => (output::bad(&text), ", which has another shape or type".into()),
                _ if self.declared => {
                    let what =
                        "see the notes on declared layers, which count codes of the machine, in front of what the host computes";
                    (text, format!(", by up to {largest}: {what}"))
                }
                _ => (output::bad(&text), format!(", by up to {largest}")),
            };
            output::print(&format!(
                "  expected          {:>12}   {text} differ from the tensor given{why}",
                output::grouped(of as u64)
            ));
        }
        if let Some((right, of)) = self.right {
            output::print(&format!("  labels            {:>11.2} %   {right} of {of}", 100.0 * right as f64 / of.max(1) as f64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_places_of_the_first_largest_or_what_the_model_chose() {
        let array = |data: Data| Array { shape: vec![1, 3], data };
        assert_eq!(class(&array(Data::I8(vec![3, 7, 7]))), 1);
        assert_eq!(class(&array(Data::F32(vec![-3.0, -7.0, -2.5]))), 2);
        assert_eq!(class(&Array { shape: vec![1], data: Data::I64(vec![5]) }), 5);
    }
}
