// SPDX-License-Identifier: Apache-2.0
//! What is computed when. Attention sees keys and values of all tokens, so it parts an encoder into *levels*: within a level every
//! chunk of tokens goes by itself, from one end to the other.
//!
//! What a level needs of the one before is kept for all tokens, or, where that is cheaper, made again: the input is taken from
//! the frame, a norm of something that is there anyway is a walk over V.

use std::collections::{BTreeMap, BTreeSet};
use systole_model::encoder::{Encoder, Map, Op, Then};

/// What a chunk does in a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// The input, from the frame.
    Input,
    /// Map `.0`, by the operator before it. An attention's is what follows its keys and values.
    Make(Map),
    /// Keys and values of the attention that makes map `.0`.
    Cache(Map),
}

/// Levels, and what each does.
#[derive(Debug)]
pub(super) struct Plan {
    pub levels: Vec<Vec<Work>>,
    /// Maps that are kept for all tokens: by map the first and the last level that they live in.
    pub kept: BTreeMap<Map, (usize, usize)>,
}

struct Planner<'a> {
    model: &'a Encoder,
    /// Of each map the number of attentions before it.
    level: Vec<usize>,
}

impl Planner<'_> {
    fn op(&self, map: Map) -> Option<&Op> {
        map.checked_sub(1).map(|n| &self.model.ops[n])
    }

    /// Maps that must be there in the level in which `map` is made: an attention's keys and values lie in their caches then.
    fn reads(&self, map: Map) -> Vec<Map> {
        match self.op(map) {
            None => vec![],
            Some(Op::Attention(a)) => vec![a.q],
            Some(op) => Encoder::reads(op),
        }
    }

    /// Whether `map`, of an earlier level, is made in this one, where `there` are what is there anyway; and what that needs.
    fn again(&self, map: Map, level: usize, there: &BTreeSet<Map>) -> Option<Map> {
        let at_hand = |m: Map| m == 0 || there.contains(&m);
        match self.op(map)? {
            Op::Norm(n) if at_hand(n.from) => Some(n.from),
            // Read in this level only: not made before.
            Op::Linear(l) if l.then == Then::Nothing && self.only_in(map, level) => match self.op(l.from) {
                _ if at_hand(l.from) => Some(l.from),
                Some(Op::Norm(n)) if at_hand(n.from) => Some(l.from),
                _ => None,
            },
            _ => None,
        }
    }

    fn only_in(&self, map: Map, level: usize) -> bool {
        let ops = self.model.ops.iter().enumerate();
        let mut readers = ops.filter(|(_, op)| Encoder::reads(op).contains(&map)).map(|(n, op)| match op {
            Op::Attention(a) if a.k == map || a.v == map => self.level[n + 1] - 1,
            _ => self.level[n + 1],
        });
        readers.all(|l| l == level)
    }
}

impl Plan {
    pub fn new(model: &Encoder) -> Plan {
        let mut level = vec![0];
        for op in &model.ops {
            let before = Encoder::reads(op).into_iter().map(|m| level[m]).max().unwrap_or(0);
            level.push(before + usize::from(matches!(op, Op::Attention(_))));
        }
        let last = level[model.output];
        let p = Planner { model, level };
        let mut wanted: Vec<BTreeSet<Map>> = vec![BTreeSet::new(); last + 1];
        let mut caches: Vec<Vec<Map>> = vec![vec![]; last + 1];
        let mut kept = BTreeMap::new();
        let mut levels = vec![];
        wanted[last].insert(model.output);
        for now in (0..=last).rev() {
            // What this level makes by itself, and what that reads.
            let mut there = wanted[now].clone();
            let mut open: Vec<Map> = there.iter().copied().collect();
            while let Some(map) = open.pop() {
                if p.level[map] < now {
                    continue;
                }
                if let Some(Op::Attention(a)) = p.op(map) {
                    caches[now - 1].push(map);
                    wanted[now - 1].extend([a.k, a.v]);
                }
                open.extend(p.reads(map).into_iter().filter(|&m| there.insert(m)));
            }
            // What it has from earlier ones.
            let mut made: BTreeSet<Map> = there.iter().copied().filter(|&m| p.level[m] == now && m > 0).collect();
            let mut input = there.contains(&0);
            let mut earlier: Vec<Map> = there.iter().copied().filter(|&m| p.level[m] < now && m > 0).collect();
            while let Some(map) = earlier.pop() {
                match p.again(map, now, &there) {
                    Some(from) => {
                        made.insert(map);
                        input |= from == 0;
                        if from > 0 && there.insert(from) {
                            earlier.push(from);
                            earlier.sort_unstable();
                        }
                    }
                    None => {
                        kept.entry(map).or_insert((p.level[map], now));
                        wanted[p.level[map]].insert(map);
                    }
                }
            }
            let mut work: Vec<(Map, u8, Work)> = made.into_iter().map(|m| (m, 0, Work::Make(m))).collect();
            caches[now].sort_unstable();
            caches[now].dedup();
            for &map in &caches[now] {
                if let Some(Op::Attention(a)) = p.op(map) {
                    work.push((a.k.max(a.v), 1, Work::Cache(map)));
                }
            }
            if input {
                work.push((0, 0, Work::Input));
            }
            work.sort_by_key(|w| (w.0, w.1));
            levels.push(work.into_iter().map(|w| w.2).collect());
        }
        levels.reverse();
        Plan { levels, kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_model::encoder::{Attention, Linear, Norm};

    fn linear(from: Map, then: Then) -> Op {
        let name = String::new();
        Op::Linear(Linear { name, from, codes: vec![1; 4], scales: vec![1.0; 2], inputs: 2, outputs: 2, bias: None, then })
    }

    fn norm(from: Map) -> Op {
        let name = String::new();
        Op::Norm(Norm { name, from, gain: vec![1.0; 2], bias: vec![0.0; 2], epsilon: 1e-5, mean: true })
    }

    fn attention(q: Map, k: Map, v: Map) -> Op {
        Op::Attention(Attention { name: String::new(), q, k, v, heads: 1, kv_heads: 1, scale: 1.0 })
    }

    fn encoder(ops: Vec<Op>) -> Encoder {
        Encoder { name: String::new(), tokens: 4, width: 2, output: ops.len(), ops }
    }

    #[test]
    fn queries_wait_for_the_level_that_reads_them() {
        // q, k, v, attention, back onto the input, norm: the input is taken from the frame again, nothing is kept.
        let ops = vec![
            linear(0, Then::Nothing),
            linear(0, Then::Nothing),
            linear(0, Then::Nothing),
            attention(1, 2, 3),
            linear(4, Then::Plus(0)),
            norm(5),
        ];
        let p = Plan::new(&encoder(ops));
        use Work::{Cache, Input, Make};
        assert_eq!(p.levels, [vec![Input, Make(2), Make(3), Cache(4)], vec![Input, Make(1), Make(4), Make(5), Make(6)]]);
        assert!(p.kept.is_empty());
    }

    #[test]
    fn the_residual_stream_between_two_attentions_is_kept_and_its_norm_made_again() {
        let mut ops = vec![];
        let mut x = 0;
        for _ in 0..2 {
            ops.push(norm(x));
            let n = ops.len();
            ops.extend([linear(n, Then::Nothing), linear(n, Then::Nothing), linear(n, Then::Nothing)]);
            ops.push(attention(n + 1, n + 2, n + 3));
            ops.push(linear(n + 4, Then::Plus(x)));
            x = ops.len();
        }
        let p = Plan::new(&encoder(ops));
        use Work::{Cache, Input, Make};
        assert_eq!(p.levels[0], [Input, Make(1), Make(3), Make(4), Cache(5)]);
        assert_eq!(p.levels[1], [Input, Make(1), Make(2), Make(5), Make(6), Make(7), Make(9), Make(10), Cache(11)]);
        assert_eq!(p.levels[2], [Make(7), Make(8), Make(11), Make(12)]);
        assert_eq!(p.kept, BTreeMap::from([(6, (1, 2))]));
    }
}
