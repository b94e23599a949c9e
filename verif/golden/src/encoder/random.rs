// SPDX-License-Identifier: Apache-2.0
//! Encoders that nobody chose, with inputs and masks (docs/encoders.md).

use systole_model::encoder::{Attention, Encoder, Linear, Map, Norm, Op, Then};

/// Numbers without structure, the same on every machine.
pub struct Random(pub u64);

impl Random {
    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// An integer below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// A number from -1 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 11) as f32 / (1u64 << 52) as f32 - 1.0
    }
}

/// What [`random`] may make.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Columns C of the machine: head widths divide it or are multiples of it.
    pub cols: usize,
    /// Most tokens.
    pub tokens: usize,
    /// Greatest width.
    pub width: usize,
    /// Most blocks (attentions, MLPs, gates, sums).
    pub blocks: usize,
    /// Whether magnitudes are extreme; else they are those of trained networks.
    pub wild: bool,
}

struct Maker<'a> {
    rng: &'a mut Random,
    limits: Limits,
    model: Encoder,
}

impl Maker<'_> {
    fn push(&mut self, op: Op) -> Map {
        self.model.ops.push(op);
        self.model.ops.len()
    }

    /// A magnitude: `usual`, or in wild networks now and then up to 2^60 times more or less.
    fn magnitude(&mut self, usual: f32) -> f32 {
        if self.limits.wild && self.rng.below(3) == 0 { usual * 2f32.powi(self.rng.below(121) as i32 - 60) } else { usual }
    }

    fn vector(&mut self, n: usize, usual: f32) -> Vec<f32> {
        let m = self.magnitude(usual);
        (0..n).map(|_| self.rng.unit() * m).collect()
    }

    fn linear(&mut self, from: Map, outputs: usize, then: Then) -> Map {
        let inputs = self.model.width_of(from);
        let ends = self.limits.wild && self.rng.below(4) == 0;
        let codes = (0..inputs * outputs).map(|_| {
            let c = self.rng.below(255) as i32 - 127;
            if ends { if c < 0 { -127 } else { 127 } } else { c as i8 }
        });
        let codes = codes.collect();
        let usual = 1.7 / (73.0 * (inputs as f32).sqrt());
        let m = self.magnitude(usual);
        let scales = (0..outputs).map(|_| m * (1.0 + 0.5 * self.rng.unit())).collect();
        let bias = (self.rng.below(2) == 0).then(|| self.vector(outputs, 0.3));
        let name = format!("linear {}", self.model.ops.len());
        self.push(Op::Linear(Linear { name, from, codes, scales, inputs, outputs, bias, then }))
    }

    fn norm(&mut self, from: Map) -> Map {
        let n = self.model.width_of(from);
        let m = self.magnitude(1.0);
        let mut gain: Vec<f32> = (0..n).map(|_| m * (1.0 + 0.5 * self.rng.unit())).collect();
        if self.limits.wild {
            let zero = self.rng.below(n);
            gain[zero] = 0.0;
        }
        let bias = self.vector(n, 0.2);
        let epsilon = [1e-12, 1e-6, 1e-5, 1e-3][self.rng.below(4)];
        let (name, mean) = (format!("norm {}", self.model.ops.len()), self.rng.below(2) == 0);
        self.push(Op::Norm(Norm { name, from, gain, bias, epsilon, mean }))
    }

    /// Attention on a map, one to three of them in a row.
    fn attention(&mut self, from: Map) -> Map {
        let (c, width) = (self.limits.cols, self.limits.width);
        let fits: Vec<usize> = (1..=width).filter(|&e| c.is_multiple_of(e) || e.is_multiple_of(c)).collect();
        let head = fits[self.rng.below(fits.len())];
        let heads = 1 + self.rng.below(8.min(width / head));
        let groups: Vec<usize> = (1..=heads).filter(|&g| heads.is_multiple_of(g)).collect();
        let kv_heads = groups[self.rng.below(groups.len())];
        let mut q = self.linear(from, heads * head, Then::Nothing);
        let k = self.linear(from, kv_heads * head, Then::Nothing);
        let v = if self.rng.below(4) == 0 { k } else { self.linear(from, kv_heads * head, Then::Nothing) };
        for _ in 0..[1, 1, 2, 3][self.rng.below(4)] {
            let scale = self.magnitude(1.0 / (head as f32).sqrt());
            let name = format!("attention {}", self.model.ops.len());
            q = self.push(Op::Attention(Attention { name, q, k, v, heads, kv_heads, scale }));
        }
        q
    }

    /// A residual block: its input is read twice.
    fn block(&mut self, x: Map) -> Map {
        let (width, pre) = (self.model.width_of(x), self.rng.below(2) == 0);
        let from = if pre { self.norm(x) } else { x };
        let hidden = 1 + self.rng.below(self.limits.width);
        if self.rng.below(5) == 0 {
            // Two side by side, as some decoders have them: the hidden layer waits for the attention.
            let act = [Then::Relu, Then::Gelu, Then::Silu][self.rng.below(3)];
            let (mut first, mut second) = (self.attention(from), self.linear(from, hidden, act));
            if self.rng.below(2) == 0 && act != Then::Relu {
                std::mem::swap(&mut first, &mut second);
            }
            let y = self.linear(first, width, Then::Plus(x));
            let y = self.linear(second, width, Then::Plus(y));
            return if pre { y } else { self.norm(y) };
        }
        let inner = match self.rng.below(4) {
            0 | 1 => self.attention(from),
            2 => {
                let act = [Then::Relu, Then::Gelu, Then::Silu, Then::Nothing][self.rng.below(4)];
                self.linear(from, hidden, act)
            }
            _ => {
                let act = [Then::Gelu, Then::Silu][self.rng.below(2)];
                let gate = self.linear(from, hidden, act);
                self.linear(from, hidden, Then::Times(gate))
            }
        };
        let y = if self.rng.below(3) == 0 {
            let y = self.linear(inner, width, Then::Nothing);
            self.push(Op::Add(y, x))
        } else {
            self.linear(inner, width, Then::Plus(x))
        };
        if pre { y } else { self.norm(y) }
    }
}

/// An encoder within the limits that [`Encoder::check`] takes, its input `[tokens][width]` and its mask (one token at least counts).
pub fn random(rng: &mut Random, limits: Limits) -> (Encoder, Vec<f32>, Vec<bool>) {
    let (tokens, width) = (1 + rng.below(limits.tokens), 1 + rng.below(limits.width));
    let name = format!("random {:x}", rng.0);
    let model = Encoder { name, tokens, width, ops: vec![], output: 0 };
    let mut maker = Maker { rng, limits, model };
    let mut x = 0;
    for _ in 0..1 + maker.rng.below(limits.blocks) {
        x = maker.block(x);
    }
    maker.model.output = x;
    let model = maker.model;
    let mut input = vec![];
    for _ in 0..tokens {
        let m = match rng.below(6) {
            0 if limits.wild => 0.0,
            1 if limits.wild => 2f32.powi(rng.below(181) as i32 - 90),
            _ => 1.0,
        };
        input.extend((0..width).map(|_| rng.unit() * m));
    }
    let holes = rng.below(2) == 0;
    let mut mask: Vec<bool> = (0..tokens).map(|_| !holes || rng.below(3) > 0).collect();
    mask[rng.below(tokens)] = true;
    (model, input, mask)
}
