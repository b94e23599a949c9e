// SPDX-License-Identifier: Apache-2.0
//! Maps whose elements lie in another order, or several times. Words of X are copied as they are where whole words only change
//! their place; where channels move too, a product with ones and zeros makes words that can be copied; where pixels become
//! channels or channels pixels, it is a product over a window, in the end over the whole map.

use super::conv::{Geometry, Operands};
use super::{Made, Stager};
use crate::stage::{Block, Gather, NWalk, Over, Stage, Tap, TensorId, Walk};
use crate::tile;
use systole_model::graph::{MapId, Window};

/// Blocks of a copying stage, each an instruction of its own, are no more.
const MOST_BLOCKS: usize = 1024;
/// Nor are weight words of one copy (the smallest configuration has 2048).
const MOST_WEIGHTS: usize = 1 << 13;

/// A copy: shapes of both maps, and by element of the result the element of the source.
struct Copy<'a> {
    source: [usize; 3],
    result: [usize; 3],
    from: &'a [u32],
}

impl Copy<'_> {
    /// Pixels and channels of the result.
    fn pixels(&self) -> (usize, usize) {
        (self.result[0] * self.result[1], self.result[2])
    }

    /// Pixel and channel of the source of a result's element.
    fn of(&self, pixel: usize, channel: usize) -> (usize, usize) {
        let (at, c) = (self.from[pixel * self.result[2] + channel] as usize, self.source[2]);
        (at / c, at % c)
    }

    /// The first source word of each result pixel, where all its words are words of the source behind each other.
    fn words(&self, rows: usize) -> Option<Vec<usize>> {
        let (pixels, channels) = self.pixels();
        let words = self.source[2].div_ceil(rows);
        let word = |(pixel, channel): (usize, usize)| (pixel * words + channel / rows, channel % rows);
        (0..pixels)
            .map(|p| {
                let (first, lane) = word(self.of(p, 0));
                let all = (0..channels).all(|ch| word(self.of(p, ch)) == (first + ch / rows, ch % rows));
                (lane == 0 && all).then_some(first)
            })
            .collect()
    }

    /// Words of the source from which each piece of `piece` words of a result pixel comes, by piece and pixel, where words of a piece
    /// lie behind each other.
    fn pieces(&self, rows: usize, piece: usize) -> Option<Vec<Vec<usize>>> {
        let (pixels, channels) = self.pixels();
        let words = self.source[2].div_ceil(rows);
        let all = channels.div_ceil(rows);
        let word = |(pixel, channel): (usize, usize)| (pixel * words + channel / rows, channel % rows);
        let of = |n: usize, p: usize| {
            let begin = n * piece * rows;
            let (first, lane) = word(self.of(p, begin));
            let fits = |ch: usize| word(self.of(p, ch)) == (first + (ch - begin) / rows, (ch - begin) % rows);
            (lane == 0 && (begin..(begin + piece * rows).min(channels)).all(fits)).then_some(first)
        };
        (0..all.div_ceil(piece)).map(|n| (0..pixels).map(|p| of(n, p)).collect()).collect()
    }

    /// Strides of a window in which each channel of the result has one place and channel: those, by channel.
    fn window(&self) -> Option<([usize; 2], [usize; 2], Vec<([i64; 2], usize)>)> {
        // A matrix is a column; its pixels may go along a row as well.
        let [h, w] = match self.result {
            [h, 1, _] if self.source[1] > 1 => [1, h],
            [h, w, _] => [h, w],
        };
        let width = self.source[1];
        let place = |p: usize, ch: usize| {
            let (pixel, channel) = self.of(p, ch);
            ([(pixel / width) as i64, (pixel % width) as i64], channel)
        };
        let origin = place(0, 0).0;
        let down = if h > 1 { place(w, 0).0[0] - origin[0] } else { 1 };
        let right = if w > 1 { place(1, 0).0[1] - origin[1] } else { 1 };
        if down < 1 || right < 1 {
            return None;
        }
        let taps: Vec<([i64; 2], usize)> = (0..self.result[2]).map(|ch| place(0, ch)).collect();
        let fits = (0..h * w).all(|p| {
            let moved = [(p / w) as i64 * down, (p % w) as i64 * right];
            (0..taps.len()).all(|ch| place(p, ch) == ([taps[ch].0[0] + moved[0], taps[ch].0[1] + moved[1]], taps[ch].1))
        });
        fits.then_some(([h, w], [down as usize, right as usize], taps))
    }

    /// Where each `wide` pixels of the result come from one pixel of the source: which, and the number of their choice of
    /// channels among those that there are, which follow. Channels of a choice fill words of `rows`.
    fn choices(&self, wide: usize, rows: usize, most: usize) -> Option<Choices> {
        let (pixels, channels) = self.pixels();
        let width = channels.next_multiple_of(rows);
        let mut all = Choices { wide, each: vec![], channels: vec![] };
        for first in (0..pixels).step_by(wide) {
            let pixel = self.of(first, 0).0;
            let mut choice = vec![None; width * wide];
            for (p, ch) in (0..wide).flat_map(|p| (0..channels).map(move |ch| (p, ch))) {
                let (from, channel) = self.of(first + p, ch);
                if from != pixel {
                    return None;
                }
                choice[p * width + ch] = Some(channel);
            }
            let number = all.channels.iter().position(|c| *c == choice).unwrap_or(all.channels.len());
            if number == all.channels.len() {
                if number == most {
                    return None;
                }
                all.channels.push(choice);
            }
            all.each.push((pixel, number));
        }
        Some(all)
    }
}

/// Which channels pixels of a result take from one pixel of the source each.
struct Choices {
    /// Pixels of the result that go together.
    wide: usize,
    /// Of each of these: pixel of the source, and number of the choice.
    each: Vec<(usize, usize)>,
    /// Each choice: the channel of every lane.
    channels: Vec<Vec<Option<usize>>>,
}

impl Choices {
    /// The first word of each, where the choices of a pixel lie behind each other in `words` words each.
    fn first(&self, words: usize) -> Vec<usize> {
        self.each.iter().map(|(pixel, number)| (pixel * self.channels.len() + number) * words).collect()
    }
}

/// Rows of words with one step, each an instruction: first pixel, pixels, first word, step.
fn runs(first: &[usize]) -> Vec<(usize, usize, Gather)> {
    let (mut all, mut at) = (vec![], 0);
    while at < first.len() {
        let step = first.get(at + 1).map_or(0, |&next| next as i64 - first[at] as i64);
        let steady = |n: &usize| first[*n] as i64 - first[n - 1] as i64 == step;
        let run = 1 + (at + 1..first.len()).take_while(steady).count();
        all.push((at, run, Gather { word: first[at], step }));
        at += run;
    }
    all
}

impl<'a> Stager<'a> {
    /// The map of layer `i` from the elements of another one.
    pub(super) fn arrange(&mut self, i: usize, input: MapId, from: &[u32]) -> Result<Made<'a>, String> {
        let (source, result) = (self.graph.maps[input].shape, self.graph.maps[i + 1].shape);
        let copy = Copy { source, result, from };
        let same = source[2] == result[2] && from.iter().enumerate().all(|(n, &at)| n == at as usize);
        if same && from.len() == source.iter().product::<usize>() {
            // The same words under other rows and columns.
            match &self.made[input] {
                Made::Input => return Ok(Made::Input),
                Made::Stage(s) if self.uses[input] == 1 => return Ok(Made::Stage(*s)),
                _ => {}
            }
        }
        let tensor = self.tensor(input)?;
        let (rows, groups) = (self.rows(), self.groups());
        let words = result[2].div_ceil(rows);
        let source_words = source[2].div_ceil(rows);
        // Pieces of a pixel from several pixels, as heads that are put together: a copy for each piece.
        let pieces = (1..words).rev().filter(|n| words.is_multiple_of(*n)).find_map(|n| copy.pieces(rows, n));
        if let Some(pieces) = pieces.filter(|p| copy.words(rows).is_none() && p.iter().all(|first| runs(first).len() <= 4)) {
            let each = words / pieces.len();
            let mut made = None;
            for (n, first) in pieces.iter().enumerate() {
                let stage = Stage { piece: Some(n * each), ..self.gathering(i, tensor, first, 1, each) };
                made = Some(self.push_part(stage, result, made));
            }
            return made.map(Made::Stage).ok_or_else(|| "its result is empty".into());
        }
        if let Some((out, stride, taps)) = copy.window() {
            let low = [0, 1].map(|d| taps.iter().map(|t| t.0[d]).min().unwrap_or(0));
            let high = [0, 1].map(|d| taps.iter().map(|t| t.0[d]).max().unwrap_or(0));
            let kernel = [0, 1].map(|d| (high[d] - low[d] + 1) as usize);
            if kernel[0] * kernel[1] * source_words * words * groups <= MOST_WEIGHTS {
                let [h, w, _] = source;
                let geometry = Geometry {
                    out,
                    over: Over { size: [h, w], stride, origin: low.map(|v| v as i32) },
                    pad: false,
                    taps: (0..kernel[0] * kernel[1])
                        .map(|t| Tap { row: (t / kernel[1]) as i32, col: (t % kernel[1]) as i32, word: 0 })
                        .collect(),
                    loops: vec![
                        Walk { count: kernel[1], x: 1, row: 0, col: 1 },
                        Walk { count: kernel[0], x: w as i64, row: 1, col: 0 },
                    ],
                };
                let weight = |tap: usize, channel: usize, out: usize| {
                    let (place, of) = taps[out];
                    let at = (place[0] - low[0]) as usize * kernel[1] + (place[1] - low[1]) as usize;
                    i16::from(at == tap && of == channel)
                };
                let stage = self.copied(i, tensor, geometry, result[2], &weight)?;
                return Ok(Made::Stage(self.push(stage, result)));
            }
        }
        // Words as they are, and words that a product makes: what takes the least cycles, an instruction counted as some.
        let mut plans: Vec<(usize, Option<Choices>, Vec<usize>)> = vec![];
        if let Some(first) = copy.words(rows) {
            plans.push((runs(&first).len() * 32, None, first));
        }
        let wide = |n: &usize| result[1].is_multiple_of(*n) && n * words <= 64;
        for n in (1..=result[1].min(16)).filter(wide) {
            let most = (MOST_WEIGHTS / (words * n * groups * source_words).max(1)).min(64);
            if let Some(choices) = copy.choices(n, rows, most) {
                let first = choices.first(words * n);
                let made = source[0] * source[1] * choices.channels.len() * words * n;
                plans.push((runs(&first).len() * 32 + made, Some(choices), first));
            }
        }
        plans.retain(|(_, _, first)| runs(first).len() <= MOST_BLOCKS);
        let Some((_, choices, first)) = plans.into_iter().min_by_key(|p| p.0) else {
            return self.flattened(i, tensor, &copy).map(Made::Stage);
        };
        let Some(choices) = choices else { return Ok(Made::Stage(self.gathered(i, tensor, &first, 1, result))) };
        // Every choice of channels is words of its own in a pixel, of which the result takes one.
        let width = words * rows * choices.wide;
        let weight =
            |_: usize, channel: usize, out: usize| i16::from(choices.channels[out / width][out % width] == Some(channel));
        let [h, w, _] = source;
        let geometry = Geometry::of(&Window::POINT, source, [h, w])?;
        let outputs = choices.channels.len() * width;
        let stage = self.copied(i, tensor, geometry, outputs, &weight)?;
        let made = self.push(stage, [h, w, outputs]);
        let middle = self.staged.stages[made].output.ok_or("its copy leaves")?;
        Ok(Made::Stage(self.gathered(i, middle, &first, choices.wide, result)))
    }

    /// Every word of the result is a sum over the whole source.
    fn flattened(&mut self, i: usize, tensor: TensorId, copy: &Copy) -> Result<usize, String> {
        let (rows, groups) = (self.rows(), self.groups());
        let (source, result) = (copy.source, copy.result);
        let (pixels, channels) = copy.pixels();
        let words = channels.div_ceil(rows);
        let [h, w, c] = source;
        let needed = h * w * c.div_ceil(rows) * pixels * words * groups;
        if needed > MOST_WEIGHTS {
            return Err(format!(
                "a copy of {source:?} to {result:?} that turns pixels into channels or channels into pixels takes {needed} weight words; \
                 {MOST_WEIGHTS} are the most"
            ));
        }
        let width = words * rows;
        let weight = |tap: usize, channel: usize, out: usize| {
            let (pixel, at) = (out / width, out % width);
            i16::from(at < channels && copy.of(pixel, at) == (tap, channel))
        };
        let whole = Window { kernel: [h, w], ..Window::POINT };
        let geometry = Geometry::of(&whole, source, [1, 1])?;
        let stage = self.copied(i, tensor, geometry, pixels * width, &weight)?;
        // One pixel of so many words is so many pixels.
        Ok(self.push(Stage { wide: pixels, ..stage }, result))
    }

    /// A product with ones and zeros that makes `outputs` channels.
    fn copied(
        &mut self,
        i: usize,
        tensor: TensorId,
        geometry: Geometry,
        outputs: usize,
        weight: &dyn Fn(usize, usize, usize) -> i16,
    ) -> Result<Stage, String> {
        let words = self.staged.tensors[tensor].words;
        let operands = Operands { tensor, geometry, weight, walk: NWalk::SAME, words };
        let stage = self.product(i, outputs, operands)?;
        let post = self.codes_post();
        Ok(Stage { kind: "copy", post, ..stage })
    }

    /// A stage of identity weights that copies words: of each `wide` pixels of the result the first word in the source.
    fn gathered(&mut self, i: usize, tensor: TensorId, first: &[usize], wide: usize, result: [usize; 3]) -> usize {
        let stage = self.gathering(i, tensor, first, wide, result[2].div_ceil(self.rows()) * wide);
        self.push(stage, result)
    }

    /// Such a stage, of `words` words of each.
    fn gathering(&mut self, i: usize, tensor: TensorId, first: &[usize], wide: usize, words: usize) -> Stage {
        let mut blocks: Vec<Block> = vec![];
        for (at, run, gather) in runs(first) {
            for piece in tile::blocks([1, run], usize::MAX) {
                let word = (gather.word as i64 + gather.step * piece.col as i64) as usize;
                blocks.push(Block { col: at + piece.col, gather: Some(Gather { word, ..gather }), ..piece });
            }
        }
        let post = self.codes_post();
        Stage {
            layers: vec![i],
            kind: "copy",
            input: Some(tensor),
            out: [1, first.len()],
            wide,
            over: Over { size: [1, self.staged.tensors[tensor].pixels], stride: [1, 1], origin: [0, 0] },
            blocks,
            ..self.diagonal(words, post)
        }
    }
}
