// SPDX-License-Identifier: Apache-2.0
//! From a graph to a chain of dense layers.
//!
//! A matrix product is a dense layer; a function of codes joins the layer before it as its lookup, a sum as
//! its residual add; where there is no such layer, one with identity weights carries them. Weights that leave
//! int8 (a zero point was subtracted) are split into int8 parts, and the columns they multiply repeat.

use crate::error::CompileError;
use std::collections::BTreeMap;
use systole_model::graph::{Finish, Graph, MapId, Op, Operand, Window};
use systole_model::{Add, Dense, Network, Output, Quantised};

/// A graph as a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// The chain.
    pub network: Network,
    /// So many times each row of the input follows itself.
    pub repeat: usize,
}

impl Lowered {
    /// The chain's input from the codes of map 0, row-major.
    pub fn input(&self, codes: &[i8]) -> Vec<i8> {
        let columns = self.network.k / self.repeat;
        codes.chunks(columns).flat_map(|row| row.repeat(self.repeat)).collect()
    }
}

/// Lowers a graph.
///
/// # Errors
/// [`CompileError::Unsupported`]: all layers that no dense layer can carry.
pub fn lower(graph: &Graph) -> Result<Lowered, CompileError> {
    let [h, w, c] = graph.maps[0].shape;
    let mut chain = Chain {
        graph,
        network: Network { name: graph.name.clone(), m: h * w, k: c, zero_point: 0, layers: vec![] },
        repeat: 1,
        operands: BTreeMap::from([(0, 0)]),
        constants: BTreeMap::new(),
        end: 0,
    };
    let mut refused = vec![];
    for (i, layer) in graph.layers.iter().enumerate() {
        // Behind a layer that is refused there is no chain: only what no chain could carry is named.
        let reason = if refused.is_empty() { chain.layer(i).err() } else { chain.never(i).map(String::from) };
        refused.extend(reason.map(|reason| format!("{}: {reason}", layer.name)));
    }
    if refused.is_empty() && chain.end != graph.output.0 {
        refused.push(format!("{}: the output is not the last layer", graph.output.1.name));
    }
    if !refused.is_empty() {
        return Err(CompileError::Unsupported(refused));
    }
    Ok(Lowered { network: chain.network, repeat: chain.repeat })
}

struct Chain<'a> {
    graph: &'a Graph,
    network: Network,
    repeat: usize,
    /// Operand of the network by map: 0 is its input, i the output of layer i - 1.
    operands: BTreeMap<MapId, usize>,
    constants: BTreeMap<MapId, &'a [i8]>,
    /// The map that the last layer made.
    end: MapId,
}

const CONVOLUTION: &str = "convolutions are not compiled yet";
const BRANCH: &str = "it does not read the layer before it; branches other than residual adds are not compiled yet";

impl Chain<'_> {
    /// Why no place in a chain would help layer `i`.
    fn never(&self, i: usize) -> Option<&'static str> {
        match &self.graph.layers[i].op {
            Op::Conv { window, .. } if *window != Window::POINT => Some(CONVOLUTION),
            Op::MaxPool { .. } => Some("maximum pools are not compiled yet"),
            Op::AveragePool { .. } => Some("average pools are not compiled yet"),
            _ => None,
        }
    }

    fn uses(&self, map: MapId) -> usize {
        let readers = self.graph.layers.iter().flat_map(|l| l.inputs()).filter(|&m| m == map).count();
        readers + usize::from(self.graph.output.0 == map)
    }

    /// Columns of the chain's end.
    fn columns(&self) -> usize {
        self.network.layers.last().map_or(self.network.k, |l| l.n)
    }

    /// The last layer's requantisation, where `map` is its result and nothing else reads it.
    fn open_end(&mut self, map: MapId) -> Option<&mut Quantised> {
        if map != self.end || self.uses(map) != 1 {
            return None;
        }
        match &mut self.network.layers.last_mut()?.output {
            Output::Int8(q) if q.residual.is_none() => Some(q),
            _ => None,
        }
    }

    fn push(&mut self, layer: Dense) {
        self.network.layers.push(layer);
    }

    /// A layer that passes its input on.
    fn identity(&mut self) {
        let n = self.columns();
        let operand = self.network.layers.len();
        let zero_point = self.network.operand_zero_point(operand);
        let weights = (0..n * n).map(|i| i8::from(i / n == i % n)).collect();
        self.push(Dense { k: n, n, weights, bias: vec![0; n], output: Output::Int8(Quantised::plain(vec![1.0; n], zero_point)) });
    }

    fn made(&mut self, map: MapId) {
        self.end = map;
        self.operands.insert(map, self.network.layers.len());
    }

    fn layer(&mut self, i: usize) -> Result<(), String> {
        let map = i + 1;
        let layer = &self.graph.layers[i];
        match &layer.op {
            Op::Conv { input, zero_point, window, groups, weights, bias } => {
                let output = match &layer.finish {
                    Finish::Int8 { scales, zero_point, lo, hi } => {
                        Output::Int8(Quantised { lo: *lo, hi: *hi, ..Quantised::plain(scales.clone(), *zero_point) })
                    }
                    _ => Output::Raw32,
                };
                self.dense(map, *input, *zero_point, *window, *groups, weights, bias, output)?;
            }
            Op::Lookup { input, table } => {
                if *input != self.end {
                    return Err(BRANCH.into());
                }
                if self.open_end(*input).is_none() {
                    self.identity();
                }
                let Finish::Codes { lo, hi } = layer.finish else { return Err("its result is no code".into()) };
                let Some(Output::Int8(q)) = self.network.layers.last_mut().map(|l| &mut l.output) else {
                    return Err(BRANCH.into());
                };
                let before = q.lut.take();
                let (was_lo, was_hi) = (q.lo, q.hi);
                q.lut = Some(Box::new(std::array::from_fn(|code| {
                    let v = before.as_ref().map_or(code as u8 as i8, |t| t[code]);
                    table[v.clamp(was_lo, was_hi) as u8 as usize]
                })));
                (q.lo, q.hi) = (lo, hi);
            }
            Op::Add { a, b, scale, zero_point } => self.add(*a, *b, *scale, *zero_point, &layer.finish)?,
            Op::Constant { codes } => {
                self.constants.insert(map, codes);
                return Ok(());
            }
            Op::MaxPool { .. } | Op::AveragePool { .. } => return Err(self.never(i).unwrap_or(BRANCH).into()),
        }
        self.made(map);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn dense(
        &mut self,
        map: MapId,
        input: MapId,
        zero_point: i8,
        window: Window,
        groups: usize,
        weights: &[i16],
        bias: &[i32],
        output: Output,
    ) -> Result<(), String> {
        let [h, w, c] = self.graph.maps[input].shape;
        let n = self.graph.maps[map].shape[2];
        if input != self.end {
            return Err(BRANCH.into());
        }
        let whole = Window { kernel: [h, w], ..Window::POINT };
        let k = if window == Window::POINT {
            c
        } else if window == whole && input == 0 && self.network.layers.is_empty() && groups == 1 && self.uses(0) == 1 {
            // One window over the whole input: a row of all its elements.
            (self.network.m, self.network.k) = (1, h * w * c);
            h * w * c
        } else {
            return Err(CONVOLUTION.into());
        };
        // [k of the group][n] to [k][n], zero outside a group.
        let (per, out_per) = (k / groups, n / groups);
        let full: Vec<i32> = (0..k * n)
            .map(|e| {
                let (row, col) = (e / n, e % n);
                if row / per == col / out_per { weights[row % per * n + col].into() } else { 0 }
            })
            .collect();
        let parts = full
            .iter()
            .map(|&v| {
                if (-128..=127).contains(&v) {
                    1
                } else if (-256..=254).contains(&v) {
                    2
                } else {
                    3
                }
            })
            .max()
            .unwrap_or(1);
        if parts > 1 {
            self.repeat_columns(input, parts as usize)?;
        }
        let split: Vec<i8> = (0..parts).flat_map(|p| full.iter().map(move |&v| part(v, p, parts))).collect();
        // The network subtracts the zero point that it knows of its operand; this one subtracts its own.
        let known = i32::from(self.network.operand_zero_point(self.network.layers.len()));
        let bias = (0..n)
            .map(|col| {
                let sum = (0..k).fold(0i32, |s, row| s.wrapping_add(full[row * n + col]));
                bias[col].wrapping_add((known - i32::from(zero_point)).wrapping_mul(sum))
            })
            .collect();
        self.push(Dense { k: k * parts as usize, n, weights: split, bias, output });
        Ok(())
    }

    /// Repeats the columns of the chain's end.
    fn repeat_columns(&mut self, map: MapId, times: usize) -> Result<(), String> {
        let shared =
            "its weights less their zero point leave int8, and its input has other readers; quantise the weights symmetrically";
        if self.uses(map) != 1 {
            return Err(shared.into());
        }
        let Some(last) = self.network.layers.last_mut() else {
            self.repeat *= times;
            self.network.k *= times;
            return Ok(());
        };
        let Output::Int8(q) = &mut last.output else { return Err(shared.into()) };
        if q.residual.is_some() {
            return Err(shared.into());
        }
        last.weights = last.weights.chunks(last.n).flat_map(|row| row.repeat(times)).collect();
        last.bias = last.bias.repeat(times);
        q.scales = q.scales.repeat(times);
        last.n *= times;
        Ok(())
    }

    fn add(&mut self, a: Operand, b: Operand, scale: f32, zero_point: i8, finish: &Finish) -> Result<(), String> {
        let Finish::Codes { lo, hi } = *finish else { return Err("its result is no code".into()) };
        // The operand that POST requantises, and the one that it reads from X.
        let (made, read) = if let Some(codes) = self.constants.get(&a.map).or_else(|| self.constants.get(&b.map)) {
            let codes = codes.to_vec();
            let (constant, other) = if self.constants.contains_key(&a.map) { (a, b) } else { (b, a) };
            if other.map != self.end || self.network.m != 1 {
                return Err("a constant is added to what is no single row before it".into());
            }
            let (k, n) = (self.columns(), codes.len());
            let bias = codes.iter().map(|&v| v.into()).collect();
            self.push(Dense { k, n, weights: vec![0; k * n], bias, output: Output::Int8(Quantised::plain(vec![1.0; n], 0)) });
            (constant, other)
        } else {
            let (made, read) = if a.map == self.end && self.operands.contains_key(&b.map) {
                (a, b)
            } else if b.map == self.end && self.operands.contains_key(&a.map) {
                (b, a)
            } else {
                return Err(BRANCH.into());
            };
            if made.map == read.map || self.open_end(made.map).is_none() {
                self.identity();
            }
            (made, read)
        };
        let from = *self.operands.get(&read.map).ok_or(BRANCH)?;
        let Some(Output::Int8(q)) = self.network.layers.last_mut().map(|l| &mut l.output) else { return Err(BRANCH.into()) };
        if (q.lo, q.hi) != (-128, 127) {
            // The clamp comes before the sum: as a table.
            let (before, lo, hi) = (q.lut.take(), q.lo, q.hi);
            q.lut =
                Some(Box::new(std::array::from_fn(|code| before.as_ref().map_or(code as u8 as i8, |t| t[code]).clamp(lo, hi))));
        }
        q.residual = Some(Add {
            from,
            a_scale: made.scale,
            a_zero_point: made.zero_point,
            b_scale: read.scale,
            b_zero_point: read.zero_point,
            y_scale: scale,
            y_zero_point: zero_point,
        });
        (q.lo, q.hi) = (lo, hi);
        Ok(())
    }
}

/// Part `p` of `parts` of a weight: int8 values whose sum it is.
fn part(v: i32, p: i32, parts: i32) -> i8 {
    let taken = |p: i32| (v * p).div_euclid(parts);
    (taken(p + 1) - taken(p)) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_int8_and_sum_to_the_weight() {
        for v in -255..=255 {
            let parts = if (-128..=127).contains(&v) {
                1
            } else if (-256..=254).contains(&v) {
                2
            } else {
                3
            };
            let all: Vec<i32> = (0..parts).map(|p| part(v, p, parts).into()).collect();
            assert_eq!(all.iter().sum::<i32>(), v, "{all:?}");
        }
    }
}
