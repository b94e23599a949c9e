// SPDX-License-Identifier: Apache-2.0
//! The frame in X: as it is, or packed for a first layer of few channels.
//!
//! Packed, a word holds the bytes of one window's row (kernel columns x channels, contiguous in the frame), and of
//! several kernel rows where they fit: a k tile then multiplies many taps at once. What lies outside the image
//! is written as the zero point.

use super::Stager;
use super::conv::Geometry;
use crate::stage::{Frame, LoadJob, Over, Source, Tap, Tensor, TensorId, Walk};
use std::ops::Range;
use systole_isa::Config;
use systole_model::graph::{MapId, Window};

/// How a frame is packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    map: [usize; 3],
    window: Window,
    zero_point: i8,
    out: [usize; 2],
    /// Kernel rows in a word.
    together: usize,
    /// Frame rows from a line of words to the next.
    step: usize,
    /// Lines of words.
    lines: usize,
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Packed {
    fn new(map: [usize; 3], window: &Window, zero_point: i8, out: [usize; 2], together: usize) -> Packed {
        let tiles = window.kernel[0].div_ceil(together);
        let between = together * window.dilation[0];
        let step = if tiles == 1 { window.stride[0] } else { gcd(window.stride[0], between) };
        let lines = ((out[0] - 1) * window.stride[0] + (tiles - 1) * between) / step + 1;
        Packed { map, window: *window, zero_point, out, together, step, lines }
    }

    fn tiles(&self) -> usize {
        self.window.kernel[0].div_ceil(self.together)
    }

    /// Bytes of a window's row.
    fn bytes(&self) -> usize {
        self.window.kernel[1] * self.map[2]
    }

    /// LOAD steps, about.
    fn steps(&self) -> usize {
        self.lines * self.out[1] * self.together
    }

    /// Kernel row, kernel column and channel of a byte under a tap (a tile of kernel rows).
    pub(super) fn source(&self, tap: usize, byte: usize) -> Option<[usize; 3]> {
        let (row, rest) = (tap * self.together + byte / self.bytes(), byte % self.bytes());
        let inside = byte < self.together * self.bytes() && row < self.window.kernel[0];
        inside.then(|| [row, rest / self.map[2], rest % self.map[2]])
    }

    /// The frame's row in place `j` of line `line`.
    fn row(&self, line: usize, j: usize) -> Option<usize> {
        (line * self.step + j * self.window.dilation[0]).checked_sub(self.window.pads[0]).filter(|&r| r < self.map[0])
    }
}

impl Stager<'_> {
    /// The frame's tensor as it is; `copy` 1 for a second one.
    pub(super) fn plain_input(&mut self, copy: usize) -> TensorId {
        if let Some(t) = self.plain[copy] {
            return t;
        }
        let [h, w, c] = self.graph.maps[0].shape;
        let words = c.div_ceil(self.rows());
        let tensor = self.staged.tensors.len();
        self.staged.tensors.push(Tensor {
            name: self.graph.input.name.clone(),
            source: Source::Input,
            channels: c,
            words,
            pixels: h * w,
            line: self.line(h, w),
            width: w,
            frame: Some(Frame::Plain),
            loaded: 0,
            fill: false,
            last_use: 0,
        });
        let line = self.line(h, w);
        self.staged.loads.extend(plain(tensor, [words, c], 0..h * w, line, self.config));
        self.plain[copy] = Some(tensor);
        tensor
    }

    /// The packing that makes a convolution of the frame cheapest, if one does.
    pub(super) fn packed_input(
        &self,
        map: MapId,
        window: &Window,
        zero_point: i8,
        out: [usize; 2],
        outputs: usize,
        groups: usize,
    ) -> Option<Packed> {
        let shape = self.graph.maps[map].shape;
        let bytes = window.kernel[1] * shape[2];
        let cols = self.cols();
        if !self.is_frame(map) || groups > 1 || window.kernel == [1, 1] || window.dilation[1] > 1 || bytes > cols {
            return None;
        }
        let vectors = out[0] * out[1] * outputs.div_ceil(cols);
        let plain_tiles = window.kernel[0] * window.kernel[1] * shape[2].div_ceil(self.rows());
        let plain = plain_tiles * vectors + shape[0] * shape[1] * shape[2].div_ceil(self.rows());
        // The output lies beside it.
        let room = (self.config.x_depth as usize).saturating_sub(out[0] * out[1] * outputs.div_ceil(self.rows()));
        (1..=(cols / bytes).min(window.kernel[0]))
            .map(|together| Packed::new(shape, window, zero_point, out, together))
            .filter(|p| self.bands || p.lines * out[1] <= room)
            .map(|p| (p.tiles() * vectors + p.steps(), p))
            .filter(|(cost, _)| *cost < plain)
            .min_by_key(|(cost, _)| *cost)
            .map(|(_, p)| p)
    }

    /// Loads the frame packed: its tensor, and how a convolution reads it.
    pub(super) fn load_packed(&mut self, p: Packed) -> (TensorId, Geometry) {
        let tensor = self.staged.tensors.len();
        let width = p.out[1];
        self.staged.tensors.push(Tensor {
            name: self.graph.input.name.clone(),
            source: Source::Input,
            channels: p.together * p.bytes(),
            words: 1,
            pixels: p.lines * width,
            line: width,
            width,
            frame: Some(Frame::Packed(p.clone())),
            loaded: 0,
            fill: self.groups() > 1,
            last_use: 0,
        });
        self.staged.loads.extend(p.loads(tensor, 0..p.lines, false, self.config));
        let between = (p.together * p.window.dilation[0] / p.step) as i32;
        let tiles = p.tiles();
        let geometry = Geometry {
            out: p.out,
            over: Over { size: [p.lines, width], stride: [p.window.stride[0] / p.step, 1], origin: [0, 0] },
            pad: false,
            taps: (0..tiles).map(|t| Tap { row: t as i32 * between, col: 0, word: 0 }).collect(),
            loops: vec![Walk { count: tiles, x: i64::from(between) * width as i64, row: between, col: 0 }],
        };
        (tensor, geometry)
    }
}

impl Packed {
    /// LOAD of a range of lines of words into a tensor that begins with them; all at once, or in pieces that grow from two to eight
    /// lines, so that the first layer can begin.
    fn loads(&self, tensor: TensorId, lines: Range<usize>, at_once: bool, config: &Config) -> Vec<LoadJob> {
        let (mut first, mut count, mut all) = (lines.start, if at_once { lines.len() } else { 2 }, vec![]);
        while first < lines.end {
            let last = (first + count).min(lines.end);
            all.extend(self.piece(tensor, first..last, lines.start, config));
            (first, count) = (last, (count * 2).min(8));
        }
        all
    }

    /// LOAD of some lines of words into a tensor whose first line is number `origin`.
    fn piece(&self, tensor: TensorId, lines: Range<usize>, origin: usize, config: &Config) -> Vec<LoadJob> {
        let p = self;
        let [_, w, c] = p.map;
        let (kw, sw, left) = (p.window.kernel[1], p.window.stride[1], p.window.pads[1]);
        let (width, groups, cols) = (p.out[1], config.groups() as usize, config.cols as usize);
        let all = u32::MAX >> (32 - config.cols);
        let place = |line: usize, x: usize| ((line - origin) * width + x) * groups;
        // Kernel columns of the window at x that lie in the image.
        let inside = |x: usize| left.saturating_sub(x * sw).min(kw)..kw.min((w + left).saturating_sub(x * sw));
        let whole = |x: &usize| inside(*x) == (0..kw);
        let middle = (0..width).find(whole).unwrap_or(width);
        let end = (middle..width).find(|x| !whole(x)).unwrap_or(width);
        let edges: Vec<usize> = (0..middle).chain(end..width).collect();
        let mut jobs = vec![];
        let mut job = |dst: usize, src: usize, rotate: usize, mask: u32, fill: Option<i8>, loops: Vec<(usize, usize, usize)>| {
            jobs.push(LoadJob { tensor, dst, src, rotate, mask, fill, loops: trimmed(loops) });
        };
        // Lines of which some row lies outside the image, then columns.
        let open = |line: &usize| (0..p.together).all(|j| p.row(*line, j).is_some());
        let (a, b) = (lines.start, lines.end);
        let (full, full_end) = {
            let first = (a..b).find(open).unwrap_or(b);
            (first, (first..b).find(|l| !open(l)).unwrap_or(b))
        };
        for (from, to) in [(a, full), (full_end, b)] {
            if from < to {
                job(place(from, 0), 0, 0, all, Some(p.zero_point), vec![((to - from) * width, groups, 0)]);
            }
        }
        for &x in edges.iter().filter(|_| full < full_end) {
            job(place(full, x), 0, 0, all, Some(p.zero_point), vec![(full_end - full, width * groups, 0)]);
        }
        for j in 0..p.together {
            let there = |l: &usize| p.row(*l, j).is_some();
            let Some(from) = (a..b).find(there) else { continue };
            let to = (from..b).find(|l| !there(l)).unwrap_or(b);
            let Some(row) = p.row(from, j) else { continue };
            let lanes = |from: usize, to: usize| (((1u64 << (to - from)) - 1) << from) as u32;
            let at = j * p.bytes();
            let over_lines = (to - from, width * groups, p.step * w * c);
            for &x in &edges {
                let cols_inside = inside(x);
                if cols_inside.is_empty() {
                    continue;
                }
                let first = at + cols_inside.start * c;
                let src = (row * w + x * sw + cols_inside.start - left) * c;
                let mask = lanes(first, at + cols_inside.end * c);
                job(place(from, x), src, first, mask, None, vec![over_lines]);
            }
            if middle < end {
                // The first place writes the lanes beyond the last as well: all of the word must be written.
                let used = p.together * p.bytes();
                let mask = lanes(at, at + p.bytes()) | if j == 0 && used < cols { lanes(used, cols) } else { 0 };
                let src = (row * w + middle * sw - left) * c;
                job(place(from, middle), src, at, mask, None, vec![(end - middle, groups, sw * c), over_lines]);
            }
        }
        jobs
    }
}

/// LOAD of pixels of the frame as they are, `[words, channels]` each, in pieces of whole lines: about as many pixels as a block of the
/// first layer has.
fn plain(tensor: TensorId, [words, c]: [usize; 2], pixels: Range<usize>, line: usize, config: &Config) -> Vec<LoadJob> {
    let (groups, cols) = (config.groups() as usize, config.cols as usize);
    let pitch = words * groups;
    let piece = (config.acc_depth as usize / line).max(1) * line;
    let job = |first: usize| {
        let count = piece.min(pixels.end - first);
        let loops = if count == 1 {
            vec![(pitch, 1, cols)]
        } else {
            vec![(groups, 1, cols), (count, pitch, c), (words, groups, groups * cols)]
        };
        let (dst, src, mask) = ((first - pixels.start) * pitch, first * c, u32::MAX >> (32 - config.cols));
        LoadJob { tensor, dst, src, rotate: 0, mask, fill: None, loops: trimmed(loops) }
    };
    pixels.clone().step_by(piece).map(job).collect()
}

/// LOAD of some rows of a frame's tensor into one of their own.
pub(crate) fn row_loads(frame: &Frame, id: TensorId, tensor: &Tensor, rows: Range<usize>, config: &Config) -> Vec<LoadJob> {
    match frame {
        Frame::Packed(p) => p.loads(id, rows, tensor.loaded > 0, config),
        Frame::Plain => {
            let pixels = rows.start * tensor.width..rows.end * tensor.width;
            plain(id, [tensor.words, tensor.channels], pixels, tensor.line, config)
        }
    }
}

fn trimmed(all: Vec<(usize, usize, usize)>) -> Vec<(usize, usize, usize)> {
    let some: Vec<_> = all.iter().copied().filter(|l| l.0 > 1).collect();
    if some.is_empty() { all[..1].to_vec() } else { some }
}
