// SPDX-License-Identifier: Apache-2.0
//! The rows of an encoder's program: level by level, chunk by chunk, operator by operator, in the order of docs/encoders.md.
//!
//! All tokens of a chunk share an instruction, with a loop over them; chunks that go side by side take turns operator by operator.

use super::attention::Cache;
use super::lay::Lay;
use super::maps::{At, Chunk, Readers, readers};
use super::plan::{Plan, Work};
use super::pools::Pool;
use super::track::Track;
use crate::timeline::{Second, drain, lp, nest, walk};
use std::collections::BTreeMap;
use systole_isa::program::{Add, Function, Mul1, ScalarOp, VectorDest};
use systole_isa::{Config, Load, Matmul, Vector};
use systole_model::encoder::{Encoder, Map, Op};

/// The memory that has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Short {
    V,
    X,
    S,
    WSram,
    Acc,
}

pub(super) struct Emitter<'a> {
    pub model: &'a Encoder,
    pub lay: &'a Lay,
    pub k: Track<'a>,
    pub config: &'a Config,
    pub c: usize,
    /// Tokens of a chunk.
    pub rows: usize,
    /// Words of a number for each token: T' / C.
    pub tiles: usize,
    pub v: Pool,
    pub x: Pool,
    pub s: Pool,
    pub w: Pool,
    /// Where maps lie that are kept for all tokens.
    kept: BTreeMap<Map, usize>,
    pub readers: BTreeMap<Map, Readers>,
    pub caches: BTreeMap<Map, Cache>,
    /// V: 2^e of each token, and what is added to the scores of each.
    pub exponents: usize,
    pub far: usize,
}

impl<'a> Emitter<'a> {
    pub fn new(model: &'a Encoder, lay: &'a Lay, config: &'a Config, rows: usize) -> Result<Emitter<'a>, Short> {
        let c = config.cols as usize;
        let tiles = model.tokens.div_ceil(c);
        let frame = frame_words(model, c);
        if frame > config.x_depth as usize {
            return Err(Short::X);
        }
        let mut e = Emitter {
            model,
            lay,
            k: Track::new(config),
            config,
            c,
            rows,
            tiles,
            v: Pool::new(0, config.v_depth as usize),
            x: Pool::new(frame, config.x_depth as usize),
            s: Pool::new(0, 64),
            w: Pool::new(0, config.w_sram_depth as usize),
            kept: BTreeMap::new(),
            readers: BTreeMap::new(),
            caches: BTreeMap::new(),
            exponents: 0,
            far: 0,
        };
        e.exponents = e.take_v(tiles)?;
        Ok(e)
    }

    pub fn take_v(&mut self, words: usize) -> Result<usize, Short> {
        self.v.take(words).ok_or(Short::V)
    }

    pub fn take_x(&mut self, words: usize) -> Result<usize, Short> {
        self.x.take(words).ok_or(Short::X)
    }

    /// A register for each token of a chunk.
    pub fn take_s(&mut self) -> Result<u32, Short> {
        self.s.take(self.rows).map(|s| s as u32).ok_or(Short::S)
    }

    pub fn give_s(&mut self, registers: u32) {
        self.s.give(registers as usize, self.rows);
    }

    /// Words of a map.
    pub fn words(&self, map: Map) -> usize {
        self.model.width_of(map).div_ceil(self.c)
    }

    /// A SCALAR for each token.
    pub fn scalar(&mut self, op: ScalarOp, a: u32, b: Second, dst: u32) {
        self.k.scalar(op, a, b, dst, self.rows);
    }

    /// The whole program: `side` chunks take turns.
    pub fn all(&mut self, plan: &Plan, side: usize) -> Result<(), Short> {
        self.frame()?;
        let tokens = self.tiles * self.c;
        for (now, work) in plan.levels.iter().enumerate() {
            self.readers = readers(self.model, work);
            for (&map, &(from, _)) in &plan.kept {
                if from == now {
                    let words = tokens * self.words(map);
                    let at = self.take_v(words)?;
                    self.kept.insert(map, at);
                }
            }
            let caches: Vec<Map> = work.iter().filter_map(|w| if let Work::Cache(m) = w { Some(*m) } else { None }).collect();
            for &map in &caches {
                self.open_cache(map)?;
            }
            let mut first = 0;
            while first < tokens {
                let mut chunks: Vec<Chunk> = (first..tokens).step_by(self.rows).take(side).map(|t| self.chunk(t)).collect();
                first += chunks.len() * self.rows;
                for &work in work {
                    for chunk in &mut chunks {
                        self.work(work, chunk)?;
                    }
                }
                for chunk in &mut chunks {
                    debug_assert!(chunk.maps.values().all(|at| at.kept && at.largest.is_none()), "{:?}", chunk.maps);
                }
            }
            for map in caches {
                self.k.t.part = map;
                self.fill_cache(map)?;
            }
            for &work in work {
                if let Work::Make(map) = work {
                    self.close_cache(map);
                }
            }
            for (&map, &(_, to)) in &plan.kept {
                if to == now
                    && let Some(at) = self.kept.remove(&map)
                {
                    self.v.give(at, tokens * self.words(map));
                }
            }
        }
        Ok(())
    }

    /// The frame into X, its exponents and masks into V.
    fn frame(&mut self) -> Result<(), Short> {
        let (c, tiles) = (self.c, self.tiles);
        let words = frame_words(self.model, c);
        let nest_of_load = nest(&[lp(words, 0, [1, c as i64, 0, 0, 0])]);
        self.k.load(Load { mask: u32::MAX >> (32 - c), nest: nest_of_load, ..Load::default() });
        let attends = self.model.ops.iter().any(|op| matches!(op, Op::Attention(_)));
        let exponents =
            Vector { function: Some(Function::Exp2), dst_base: self.exponents as u32, dest: VectorDest::V, ..drain() };
        let mut takers = vec![exponents];
        if attends {
            self.far = self.take_v(tiles)?;
            let mask = Vector {
                mul1: Mul1::Scale,
                add: Add::Bias,
                param_base: self.lay.mask,
                dst_base: self.far as u32,
                dest: VectorDest::V,
                ..drain()
            };
            takers.push(mask);
        }
        for (n, v) in takers.into_iter().enumerate() {
            let m = Matmul {
                x_base: (n * tiles) as u32,
                w_base: self.lay.identity as u32,
                first: true,
                last: true,
                hold: 1,
                nest: nest(&[lp(tiles, self.k.gap(), [1, 0, 0, 0, 0])]),
                ..Matmul::default()
            };
            self.k.product(m, walk(v, &[(lp(tiles, 0, [1, 0, 0, 0, 0]), false)]));
        }
        Ok(())
    }

    /// The chunk from token `first` on, with what is kept of earlier levels.
    fn chunk(&self, first: usize) -> Chunk {
        let kept = self.kept.iter().map(|(&map, &at)| {
            let left = self.readers.get(&map).copied().unwrap_or_default();
            let words = self.words(map);
            (map, At { v: at + first * words, words, kept: true, largest: None, codes: None, left })
        });
        Chunk { first, maps: kept.collect() }
    }

    fn work(&mut self, work: Work, chunk: &mut Chunk) -> Result<(), Short> {
        let (model, lay) = (self.model, self.lay);
        self.k.t.part = match work {
            Work::Input => 0,
            Work::Cache(map) | Work::Make(map) => map,
        };
        match work {
            Work::Input => self.input(chunk),
            Work::Cache(map) => self.cache(chunk, map),
            Work::Make(map) => {
                let laid = lay.ops[map - 1];
                match &model.ops[map - 1] {
                    Op::Linear(l) => self.linear(chunk, map, l, laid)?,
                    Op::Norm(n) => self.norm(chunk, map, n, laid)?,
                    Op::Attention(_) => self.attend(chunk, map)?,
                    Op::Add(a, b) => self.add(chunk, map, *a, *b)?,
                }
                if map == model.output {
                    self.result(chunk, map);
                }
                Ok(())
            }
        }
    }
}

/// X words of a frame.
pub(super) fn frame_words(model: &Encoder, c: usize) -> usize {
    let tokens = model.tokens.next_multiple_of(c);
    2 * tokens / c + 2 * tokens * model.width.div_ceil(c)
}
