// SPDX-License-Identifier: Apache-2.0
//! Convolutions: which k tiles, which words, which weights.

use super::{ONE, PLAIN, Stager, param};
use crate::stage::{NWalk, Over, PostSpec, Stage, Tap, TensorId, Walk, Weights};
use crate::tile;
use systole_isa::PostDest;
use systole_isa::requant::Param;
use systole_model::graph::{Finish, MapId, Op, Window, layer_macs};

/// Largest index that padding can bound.
pub(super) const BOUND: usize = (1 << systole_isa::format::INDEX_BITS) - 1;

/// How a convolution reads its input.
pub(super) struct Geometry {
    pub out: [usize; 2],
    pub over: Over,
    pub pad: bool,
    /// Taps without words and parts: kernel row and column, and what they add.
    pub taps: Vec<Tap>,
    /// The loops over them, innermost first, for one X word a pixel.
    pub loops: Vec<Walk>,
}

impl Geometry {
    /// A window over a map.
    pub(super) fn of(window: &Window, [h, w, _]: [usize; 3], out: [usize; 2]) -> Result<Geometry, String> {
        if *window == Window::POINT {
            let pixels = h * w;
            return Ok(Geometry {
                out: [1, pixels],
                over: Over { size: [1, pixels], stride: [1, 1], origin: [0, 0] },
                pad: false,
                taps: vec![Tap { row: 0, col: 0, word: 0 }],
                loops: vec![],
            });
        }
        let pad = window.pads.iter().any(|&p| p > 0);
        let reach = |d: usize| (out[d] - 1) * window.stride[d] + (window.kernel[d] - 1) * window.dilation[d];
        if pad && (h > BOUND || w > BOUND || reach(0) > BOUND || reach(1) > BOUND) {
            return Err(format!("padding of a map of {h} x {w}; indices go to {BOUND}"));
        }
        let [dy, dx] = window.dilation;
        let [kh, kw] = window.kernel;
        let taps = (0..kh * kw).map(|t| Tap { row: (t / kw * dy) as i32, col: (t % kw * dx) as i32, word: 0 }).collect();
        Ok(Geometry {
            out,
            over: Over { size: [h, w], stride: window.stride, origin: [-(window.pads[0] as i32), -(window.pads[1] as i32)] },
            pad,
            taps,
            loops: vec![
                Walk { count: kw, x: dx as i64, row: 0, col: dx as i32 },
                Walk { count: kh, x: (dy * w) as i64, row: dy as i32, col: 0 },
            ],
        })
    }
}

/// Loops without those of one iteration, neighbours joined where one counter serves both.
pub(super) fn joined(loops: impl IntoIterator<Item = Walk>, pad: bool) -> Vec<Walk> {
    let mut all: Vec<Walk> = Vec::new();
    for l in loops.into_iter().filter(|l| l.count > 1) {
        match all.last_mut() {
            Some(b)
                if l.x == b.x * b.count as i64
                    && (!pad || l.row == b.row * b.count as i32 && l.col == b.col * b.count as i32) =>
            {
                b.count *= l.count;
            }
            _ => all.push(l),
        }
    }
    all
}

/// How weights from `least` to `most` (0 among them) become bytes: in how many parts, and with which zero point, that stands in
/// every byte. Where bytes have one (`zero`) a range of 255 needs one part.
fn split(least: i16, most: i16, zero: bool) -> (usize, i8) {
    let (least, most) = (i32::from(least), i32::from(most));
    let fit = |parts: i32| {
        // Between these every part fits int8.
        let (lo, hi) = (-128 - least.div_euclid(parts), 127 + (-most).div_euclid(parts));
        let nearest = if lo > 0 { lo } else { hi.min(0) };
        (lo <= hi && (zero || nearest == 0)).then_some((parts as usize, nearest as i8))
    };
    // Of 259 parts each is -127 to 127.
    (1..=259).find_map(fit).expect("a weight has 16 bits")
}

/// Part `p` of `parts` of a weight: values whose sum it is.
fn part(v: i16, p: usize, parts: usize) -> i16 {
    let taken = |p: usize| (i32::from(v) * p as i32).div_euclid(parts as i32);
    (taken(p + 1) - taken(p)) as i16
}

/// What a stage multiplies: an input's bytes by tap, and the weight of each byte.
pub(super) struct Operands<'a> {
    pub tensor: TensorId,
    pub geometry: Geometry,
    /// The weight of byte `channel` of a pixel under tap `tap`, for output `out`.
    pub weight: &'a dyn Fn(usize, usize, usize) -> i16,
    pub walk: NWalk,
    /// X words of a pixel that an n tile reads.
    pub words: usize,
}

impl Stager<'_> {
    pub(super) fn conv(&mut self, i: usize) -> Result<usize, String> {
        let graph = self.graph;
        let (layer, map) = (&graph.layers[i], &graph.maps[i + 1]);
        let Op::Conv { input, zero_point, window, groups, weights, bias } = &layer.op else {
            return Err("it is no convolution".into());
        };
        let shape = graph.maps[*input].shape;
        let [oh, ow, n] = map.shape;
        if let Some(stage) = self.depthwise(i) {
            return Ok(stage);
        }
        let (per, out_per) = (shape[2] / groups, n / groups);
        let kw = window.kernel[1];
        // [kernel row][kernel column][channel of the group][output].
        let at = |ky: usize, kx: usize, channel: usize, out: usize| match channel.checked_sub(out / out_per * per) {
            Some(within) if within < per => weights[((ky * kw + kx) * per + within) * n + out],
            _ => 0,
        };
        let stage = if let Some(packed) = self.packed_input(*input, window, *zero_point, [oh, ow], n, *groups) {
            let weight = |tap: usize, byte: usize, out: usize| match packed.source(tap, byte) {
                Some([ky, kx, channel]) => at(ky, kx, channel, out),
                None => 0,
            };
            let (tensor, geometry) = self.load_packed(packed.clone());
            self.product(i, n, Operands { tensor, geometry, weight: &weight, walk: NWalk::SAME, words: 1 })?
        } else {
            let tensor = self.tensor(*input)?;
            let geometry = Geometry::of(window, shape, [oh, ow])?;
            let weight = |tap: usize, channel: usize, out: usize| {
                if channel < shape[2] { at(tap / kw, tap % kw, channel, out) } else { 0 }
            };
            let (walk, words) = self.walk(shape[2], n, *groups, geometry.loops.len());
            self.product(i, n, Operands { tensor, geometry, weight: &weight, walk, words })?
        };
        // 32 bits wrap, as the machine's sums do.
        let mut sums = vec![0i32; n];
        for row in weights.chunks_exact(n) {
            for (sum, &w) in sums.iter_mut().zip(row) {
                *sum = sum.wrapping_add(i32::from(*zero_point).wrapping_mul(w.into()));
            }
        }
        let biases: Vec<i32> = bias.iter().zip(&sums).map(|(b, s)| b.wrapping_sub(*s)).collect();
        let mut post = PostSpec { param_step: 1, ..PLAIN };
        match &layer.finish {
            Finish::Int8 { scales, zero_point, lo, hi, .. } => {
                (post.zero_point, post.lo, post.hi) = (*zero_point, *lo, *hi);
                post.param_base = self.params(|c| param(biases[c], scales[c]), n);
            }
            _ => {
                post.dest = PostDest::OutRaw32;
                post.param_base = self.params(|c| Param { bias: biases[c], ..ONE }, n);
            }
        }
        let pad = stage.pad.map(|_| *zero_point);
        let kind = if layer.copies() {
            "copy"
        } else if *window == Window::POINT {
            "product"
        } else if *groups > 1 {
            "grouped convolution"
        } else {
            "convolution"
        };
        let macs = layer_macs(layer, map);
        Ok(self.push(Stage { kind, pad, post, macs, ..stage }, map.shape))
    }

    /// Which words the n tiles of a grouped convolution read: each only those of its groups, where loops can say so.
    pub(super) fn walk(&self, channels: usize, outputs: usize, groups: usize, loops: usize) -> (NWalk, usize) {
        let (rows, cols) = (self.rows(), self.cols());
        let all = (NWalk::SAME, channels.div_ceil(rows));
        let (per, out_per) = (channels / groups, outputs / groups);
        let tiles = outputs.div_ceil(cols);
        let first = |n: usize| n * cols / out_per * per / rows;
        let last = |n: usize| (((((n + 1) * cols).min(outputs) - 1) / out_per + 1) * per - 1) / rows;
        let words = (0..tiles).map(|n| last(n) + 1 - first(n)).max().unwrap_or(1);
        if groups == 1 || (0..tiles).any(|n| first(n) + words > all.1) || words == all.1 {
            return all;
        }
        let walk = (1..=tiles).filter(|p| tiles % p == 0).find_map(|inner| {
            let step = if inner > 1 { first(1) } else { 0 };
            let outer = if inner < tiles { first(inner) } else { 0 };
            let walk = NWalk { inner, step, outer };
            (0..tiles).all(|n| walk.word(n) == first(n)).then_some(walk)
        });
        // A descriptor has seven loops: columns, rows, taps, words, parts, and these.
        walk.filter(|w| loops + 2 + usize::from(words > 1) + 1 + n_loops(w, tiles) <= 7).map_or(all, |w| (w, words))
    }

    /// The stage of a product of `n` channels; what follows its sums is the caller's.
    pub(super) fn product(&mut self, i: usize, n: usize, o: Operands) -> Result<Stage, String> {
        let (rows, cols) = (self.rows(), self.cols());
        let Geometry { out, over, pad, taps, loops } = o.geometry;
        let pitch = self.staged.tensors[o.tensor].words;
        let n_tiles = n.div_ceil(cols);
        let byte = |n_tile: usize, word: usize, row: usize| (o.walk.word(n_tile) + word) * rows + row;
        let (mut least, mut most) = (0, 0);
        for tap in 0..taps.len() {
            for out in 0..n {
                for b in byte(out / cols, 0, 0)..byte(out / cols, o.words, 0) {
                    let weight = (o.weight)(tap, b, out);
                    (least, most) = (weight.min(least), weight.max(most));
                }
            }
        }
        let (parts, w_zero) = split(least, most, self.config.weight_zero);
        let mut tiles = Vec::with_capacity(taps.len() * o.words * parts * n_tiles * rows * cols);
        let mut all = Vec::new();
        for (t, tap) in taps.iter().enumerate() {
            for word in 0..o.words {
                for p in 0..parts {
                    all.push(Tap { word, ..*tap });
                    for n_tile in 0..n_tiles {
                        for row in 0..rows {
                            let b = byte(n_tile, word, row);
                            tiles.extend((0..cols).map(|c| {
                                let out = n_tile * cols + c;
                                let weight = if out < n { part((o.weight)(t, b, out), p, parts) } else { 0 };
                                (weight + i16::from(w_zero)) as i8
                            }));
                        }
                    }
                }
            }
        }
        let inner = [Walk { count: parts, x: 0, row: 0, col: 0 }, Walk { count: o.words, x: 1, row: 0, col: 0 }];
        let outer = loops.into_iter().map(|l| Walk { x: l.x * pitch as i64, ..l });
        let k_loops = joined(inner.into_iter().chain(outer), pad);
        let acc = if all.len() == 1 { usize::MAX } else { self.config.acc_depth as usize };
        Ok(Stage {
            layers: vec![i],
            input: Some(o.tensor),
            out,
            over,
            k_loops,
            taps: all,
            n_walk: o.walk,
            n_tiles,
            pad: pad.then_some(0),
            blocks: tile::blocks(out, acc),
            weights: Weights::Tiles(tiles.into()),
            w_zero,
            parts,
            ..self.diagonal(1, PLAIN)
        })
    }

    /// The map that a convolution reads, if it is the frame.
    pub(super) fn is_frame(&self, map: MapId) -> bool {
        matches!(self.made[map], super::Made::Input)
    }
}

/// Loops that an n walk takes.
pub(crate) fn n_loops(walk: &NWalk, tiles: usize) -> usize {
    if tiles == 1 {
        0
    } else if walk.inner == 1 || walk.inner == tiles {
        1
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_bytes_less_a_zero_point_and_sum_to_the_weight() {
        let edges = [0, 1, 122, 127, 128, 129, 132, 254, 255, 256, 257, 381, 700, i16::MAX];
        for (low, high) in edges.into_iter().flat_map(|low| edges.map(|high| (low, high))) {
            for (least, most) in [(-low, high), (-high - 1, low)] {
                let (plain, none) = split(least, most, false);
                let (parts, zero) = split(least, most, true);
                assert!(none == 0 && parts <= plain, "{least} to {most}");
                assert!(zero == 0 || parts < plain, "{least} to {most}: a zero point for nothing");
                for (parts, zero) in [(plain, none), (parts, zero)] {
                    for v in [least, least + 1, least / 2, -1, 0, 1, most / 2, most - 1, most].map(|v| v.clamp(least, most)) {
                        let all: Vec<i16> = (0..parts).map(|p| part(v, p, parts)).collect();
                        assert_eq!(all.iter().map(|&p| i32::from(p)).sum::<i32>(), i32::from(v), "{all:?}");
                        assert!(all.iter().all(|p| (-128..128).contains(&(p + i16::from(zero)))), "{all:?}, {zero}");
                    }
                }
            }
        }
        // What uint8 weights with a zero point are: one part. Of several zero points two, where they reach too far.
        for zero in 0..=255i16 {
            assert_eq!(split(-zero, 255 - zero, true), (1, (zero - 128) as i8));
        }
        assert_eq!((split(-130, 126, true).0, split(-255, 255, true).0, split(-254, 255, true).0), (2, 3, 2));
        assert_eq!((split(-128, 127, false), split(-123, 132, false)), ((1, 0), (2, 0)));
    }

    #[test]
    fn loops_join_where_one_counter_serves_both() {
        let walk = |count, x, row, col| Walk { count, x, row, col };
        let window = [walk(4, 1, 0, 0), walk(3, 4, 0, 1), walk(3, 12, 1, 0)];
        assert_eq!(joined(window, false), [walk(36, 1, 0, 0)]);
        assert_eq!(joined(window, true), window);
        assert_eq!(joined([walk(1, 0, 0, 0), walk(2, 5, 0, 0)], false), [walk(2, 5, 0, 0)]);
    }
}
