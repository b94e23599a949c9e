// SPDX-License-Identifier: Apache-2.0
//! Attention as one node, as ONNX Runtime's tools write it (com.microsoft, onnxruntime/docs/ContribOperators.md): Attention,
//! MultiHeadAttention, and QAttention, which quantize_dynamic makes of Attention.

use super::layout::View;
use super::operators::Made;
use super::rows::{Mask, Step};
use super::trace::{Trace, Value};
use super::weights::coded;
use crate::onnx::parse::node::Node;

impl Trace<'_> {
    /// A node that is all of an attention; `None`: another.
    pub fn joined(&mut self, node: &Node) -> Option<Made> {
        let made = match node.op() {
            "Attention" if !node.is_standard() => self.attention_node(node),
            "QAttention" => self.integer_attention(node),
            "MultiHeadAttention" => self.three_maps(node),
            _ => return None,
        };
        Some(made.map(|v| vec![Value::View(v)]))
    }

    fn absent(&self, node: &Node, inputs: std::ops::Range<usize>) -> Result<(), String> {
        let given = |i: usize| node.proto.input.get(i).is_some_and(|n| !n.is_empty());
        if inputs.clone().any(given) { Err("attention with a past, or with a bias of its scores".into()) } else { Ok(()) }
    }

    fn attention_node(&mut self, node: &Node) -> Result<View, String> {
        self.absent(node, 4..6)?;
        let (Some(Value::View(x)), Some(w)) = (self.value(node, 0).cloned(), self.constant(node, 1)) else {
            return Err("attention of what is no map, or with weights that are no constant".into());
        };
        let name = node.proto.input[1].clone();
        let coded = self.coded.get(&name).cloned();
        let all = self.weighted(&x, &name, &w, coded.as_ref(), false)?;
        self.of_joined(node, all, 3)
    }

    fn integer_attention(&mut self, node: &Node) -> Result<View, String> {
        self.absent(node, 8..9)?;
        let (Some(Value::Codes(x)), Some(w), Some(scale)) =
            (self.value(node, 0).cloned(), self.constant(node, 1), self.constant(node, 4))
        else {
            return Err("attention of other codes than DynamicQuantizeLinear makes".into());
        };
        match self.value(node, 3) {
            Some(Value::Scale(row)) if *row == x.row => {}
            _ => return Err("the scale of other codes".into()),
        }
        let codes = coded(w.clone(), self.constant(node, 7), scale);
        let all = self.weighted(&x, &node.proto.input[1].clone(), &w, Some(&codes), false)?;
        self.of_joined(node, all, 5)
    }

    /// Of a product that makes queries, keys and values, `[.., tokens, 3 d]`.
    fn of_joined(&mut self, node: &Node, all: View, mask: usize) -> Result<View, String> {
        if node.int("unidirectional", 0) != 0 || node.int("do_rotary", 0) != 0 || node.has("qkv_hidden_sizes") {
            return Err("attention to tokens before alone, with rotated heads, or of three widths".into());
        }
        let bias = self.constant(node, 2);
        let all = match bias {
            Some(bias) => self.with_constant("Add", &all, &bias, false)?,
            None => all,
        };
        let last = all.axes.len().checked_sub(1).ok_or("a scalar")?;
        let width = all.shape()[last] / 3;
        let part = |i: usize| all.part(last, i * width, width).ok_or("queries, keys and values of three widths");
        self.of_three(node, [part(0)?, part(1)?, part(2)?], mask)
    }

    fn three_maps(&mut self, node: &Node) -> Result<View, String> {
        self.absent(node, 5..8)?;
        let mut maps = vec![];
        let mut at = 0;
        for i in 0..3 {
            let Some(Value::View(v)) = self.value(node, i).cloned() else { return Err("attention of what are no maps".into()) };
            let width = v.shape().last().copied().unwrap_or(0);
            maps.push(match self.constant(node, 3) {
                Some(bias) if at + width <= bias.len() => {
                    let part = bias.picked(vec![width], &(at..at + width).collect::<Vec<_>>());
                    self.with_constant("Add", &v, &part, false)?
                }
                Some(_) => return Err("a bias of another size".into()),
                None => v,
            });
            at += width;
        }
        let [q, k, v] = <[View; 3]>::try_from(maps).map_err(|_| "no three maps")?;
        self.of_three(node, [q, k, v], 4)
    }

    /// Of queries, keys and values `[1, tokens, d]`.
    fn of_three(&mut self, node: &Node, maps: [View; 3], mask: usize) -> Result<View, String> {
        if node.int("unidirectional", 0) != 0 {
            return Err("attention to tokens before alone".into());
        }
        let out = node.float("mask_filter_value", -10_000.0);
        if out > -10_000.0 {
            return Err(format!("a mask that adds {out}: only -10,000 and less leave a token out"));
        }
        let heads = usize::try_from(node.int("num_heads", 0)).unwrap_or(0);
        let mut split = vec![];
        for v in &maps {
            let shape = v.shape();
            let &[1, tokens, d] = shape.as_slice() else { return Err(format!("attention of shape {shape:?}")) };
            if heads == 0 || d % heads != 0 {
                return Err(format!("{heads} heads of {d} channels"));
            }
            split.push(v.reshaped(&[1, tokens, heads, d / heads]).ok_or("heads that are no parts of channels")?);
        }
        let d = split[0].shape()[3];
        let scale = f64::from(node.float("scale", 0.0));
        let scale = if scale == 0.0 { 1.0 / (d as f64).sqrt() } else { scale };
        let mut s = self.scores(&split[0].permuted(&[0, 2, 1, 3]), &split[1].permuted(&[0, 2, 3, 1]), scale)?;
        let name = node.proto.input.get(mask).cloned().unwrap_or_default();
        match self.values.get(&name) {
            None => {}
            Some(Value::Host(t) | Value::Constant(t)) if t.shape.len() > 1 && t.shape.last() == Some(&self.tokens) => {
                s = self.masked(&s, Mask::Counts(name, true))?;
            }
            Some(_) => return Err("a mask that is not one of tokens".into()),
        }
        let Step::Scores(scored) = self.rows[s.row].step.clone() else { return Err("no scores".into()) };
        let weights = View { row: self.push(Step::Weighted(scored), heads), ..s };
        let y = self.attention(&weights, &split[2].permuted(&[0, 2, 1, 3]))?.permuted(&[0, 2, 1, 3]);
        let width = heads * y.shape()[3];
        y.reshaped(&[1, self.tokens, width]).ok_or_else(|| "heads that are no parts of channels".into())
    }
}
