// SPDX-License-Identifier: Apache-2.0
//! An imported encoder with what the host computes around it.

use super::net::Input;
use super::rows::Mask;
use crate::encoder::Encoder;
use crate::encoder::host;
use crate::encoder::host::tensor::{Kind, Tensor};
use crate::onnx::Array;
use crate::onnx::parse::node::Node;
use std::collections::HashMap;
use std::sync::Arc;
use thiserror::Error;

/// What is wrong with a run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RunError {
    /// An input that is missing, or has another shape or type.
    #[error("input '{name}': {what}")]
    Input {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A node that the host cannot compute of these inputs.
    #[error("node {node} ({op}): {what}")]
    Node {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// What is wrong.
        what: String,
    },
    /// A mask that the machine does not have.
    #[error("mask '{name}': {what}")]
    Mask {
        /// Its name in the file.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A result of another size.
    #[error("a result of {0} numbers, not {1}")]
    Result(usize, usize),
}

/// An encoder with all that is around it.
#[derive(Debug, Clone)]
pub struct Imported {
    /// What the machine computes.
    pub encoder: Encoder,
    /// What a run is given.
    pub inputs: Vec<Input>,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// What was taken for granted, for the user to read.
    pub notes: Vec<String>,
    pub(super) opset: i64,
    pub(super) cut: String,
    pub(super) target: String,
    pub(super) shape: Vec<usize>,
    pub(super) factor: f32,
    pub(super) masks: Vec<Vec<Mask>>,
    pub(super) before: Vec<Node>,
    pub(super) behind: Vec<Node>,
    pub(super) constants: HashMap<String, Arc<Tensor>>,
}

/// What the machine is given for a run, and what its result needs behind it.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The input, `[tokens][width]`.
    pub x: Vec<f32>,
    /// Whether each token counts.
    pub mask: Vec<bool>,
    values: HashMap<String, Arc<Tensor>>,
}

impl Imported {
    /// Computes what is in front of the machine. `inputs`: each of [`Imported::inputs`] by name, in any order; integers may be of any
    /// width, truth values are integers.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn prepare(&self, inputs: &[(&str, Array)]) -> Result<Prepared, RunError> {
        let mut values = self.constants.clone();
        for input in &self.inputs {
            let bad = |what: String| RunError::Input { name: input.name.clone(), what };
            let (_, array) = inputs.iter().find(|(n, _)| *n == input.name).ok_or_else(|| bad("is missing".into()))?;
            if array.shape != input.shape {
                return Err(bad(format!("has shape {:?}, not {:?}", array.shape, input.shape)));
            }
            let t = Tensor::of(array);
            let t = match (t.as_ints(), input.kind) {
                (None, Kind::F32) => t,
                (Some(v), kind) if kind != Kind::F32 => Tensor::ints(t.shape, kind, v),
                _ => return Err(bad(format!("has elements of {}, and not of {:?}", array.element(), input.kind))),
            };
            values.insert(input.name.clone(), Arc::new(t));
        }
        self.compute(&self.before, &mut values)?;
        let x = values.get(&self.cut).map(|t| t.to_floats()).unwrap_or_default();
        let mask = self.mask(&values)?;
        Ok(Prepared { x, mask, values })
    }

    /// Computes what is behind the machine, of its result `[tokens][width of the result]`: the outputs by name, in the order of the
    /// file; truth values are uint8.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn finish(&self, prepared: &Prepared, result: &[f32]) -> Result<Vec<(String, Array)>, RunError> {
        let count: usize = self.shape.iter().product();
        if result.len() != count {
            return Err(RunError::Result(result.len(), count));
        }
        let mut values = prepared.values.clone();
        let result = result.iter().map(|v| v * self.factor).collect();
        values.insert(self.target.clone(), Arc::new(Tensor::floats(self.shape.clone(), result)));
        self.compute(&self.behind, &mut values)?;
        let made = self.outputs.iter().filter_map(|n| values.get(n).map(|t| (n.clone(), t.array())));
        Ok(made.collect())
    }

    fn compute(&self, nodes: &[Node], values: &mut HashMap<String, Arc<Tensor>>) -> Result<(), RunError> {
        for node in nodes {
            let x: Vec<Option<Arc<Tensor>>> = node.proto.input.iter().map(|n| values.get(n).cloned()).collect();
            let made = host::run(node, &x, self.opset);
            let made = made.map_err(|what| RunError::Node { node: node.name.clone(), op: node.op().to_string(), what })?;
            for (name, t) in node.proto.output.iter().zip(made).filter(|(n, _)| !n.is_empty() && **n != self.target) {
                values.insert(name.clone(), Arc::new(t));
            }
        }
        Ok(())
    }

    /// Which tokens count, by all masks.
    fn mask(&self, values: &HashMap<String, Arc<Tensor>>) -> Result<Vec<bool>, RunError> {
        let mut all: Option<Vec<bool>> = None;
        for masks in &self.masks {
            let mut counts = vec![true; self.encoder.tokens];
            for mask in masks {
                counts.iter_mut().zip(self.tokens_of(mask, values)?).for_each(|(c, m)| *c &= m);
            }
            if all.as_ref().is_some_and(|first| *first != counts) {
                let name = masks.first().or(self.masks[0].first()).map_or("", Mask::name);
                return Err(RunError::Mask { name: name.into(), what: "is not the same for all attentions".into() });
            }
            all = Some(counts);
        }
        Ok(all.unwrap_or_else(|| vec![true; self.encoder.tokens]))
    }

    /// Which tokens count by one mask; an error where it says other things for different queries or heads.
    pub(super) fn tokens_of(&self, mask: &Mask, values: &HashMap<String, Arc<Tensor>>) -> Result<Vec<bool>, RunError> {
        let tokens = self.encoder.tokens;
        let bad = |what: &str| RunError::Mask { name: mask.name().into(), what: what.into() };
        let t = values.get(mask.name()).ok_or_else(|| bad("is not computed"))?;
        let counts: Vec<bool> = match mask {
            Mask::Added(_) => {
                let numbers = t.to_floats();
                // A number that is none compares with nothing.
                if !numbers.iter().all(|&v| v == 0.0 || v <= -1e4) {
                    return Err(bad("has numbers that are neither 0 nor -10000 or less: a bias of attention, not a mask"));
                }
                numbers.iter().map(|&v| v == 0.0).collect()
            }
            Mask::Counts(_, truth) => {
                t.as_ints().ok_or_else(|| bad("is no tensor of truth values"))?.iter().map(|&v| (v != 0) == *truth).collect()
            }
        };
        let last = t.shape.last().copied().unwrap_or(1).max(1);
        let row = counts.get(..last).unwrap_or(&[]);
        if counts.chunks(last).any(|r| r != row) {
            return Err(bad("is not the same for all queries and heads: the machine masks whole tokens"));
        }
        Ok(if row.len() == tokens { row.to_vec() } else { vec![row.first().copied().unwrap_or(true); tokens] })
    }
}
