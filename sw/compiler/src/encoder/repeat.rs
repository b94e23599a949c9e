// SPDX-License-Identifier: Apache-2.0
//! KV heads that several query heads share and that are narrower than a word: made once for each query head, by rows of weights that
//! stand there several times. Numbers and codes are the same, and so is their largest magnitude.

use systole_model::encoder::{Attention, Encoder, Map, Op, Then};

/// `model` with the keys and values of such attentions repeated, where a product that nobody else reads makes them.
pub(super) fn repeated(model: &Encoder, cols: usize) -> Encoder {
    let mut out = model.clone();
    for n in 0..model.ops.len() {
        let Op::Attention(a) = &model.ops[n] else { continue };
        let width = model.width_of(a.q) / a.heads;
        if a.heads == a.kv_heads || width >= cols || ![a.k, a.v].iter().all(|&m| only_shared(model, m, a)) {
            continue;
        }
        for map in if a.k == a.v { vec![a.k] } else { vec![a.k, a.v] } {
            repeat(&mut out, map, a, width);
        }
        if let Op::Attention(of) = &mut out.ops[n] {
            of.kv_heads = of.heads;
        }
    }
    out
}

/// Whether a product makes `map`, and only attentions with these heads read it.
fn only_shared(model: &Encoder, map: Map, a: &Attention) -> bool {
    let made =
        map > 0 && matches!(&model.ops[map - 1], Op::Linear(l) if matches!(l.then, Then::Nothing | Then::Gelu | Then::Silu));
    let alike = |op: &Op| match op {
        Op::Attention(o) => o.q != map && (o.heads, o.kv_heads) == (a.heads, a.kv_heads) && only_both(model, o),
        _ => false,
    };
    made && map != model.output && model.ops.iter().filter(|op| Encoder::reads(op).contains(&map)).all(alike)
}

/// Whether products make keys and values.
fn only_both(model: &Encoder, a: &Attention) -> bool {
    [a.k, a.v].iter().all(|&m| m > 0 && matches!(model.ops[m - 1], Op::Linear(_)))
}

fn repeat(model: &mut Encoder, map: Map, a: &Attention, width: usize) {
    let Op::Linear(l) = &mut model.ops[map - 1] else { return };
    if l.outputs == a.heads * width {
        return;
    }
    let from = |o: usize| (o / width * a.kv_heads / a.heads) * width + o % width;
    let outputs = a.heads * width;
    l.codes = (0..outputs).flat_map(|o| l.codes[from(o) * l.inputs..][..l.inputs].to_vec()).collect();
    l.scales = (0..outputs).map(|o| l.scales[from(o)]).collect();
    l.bias = l.bias.as_ref().map(|b| (0..outputs).map(|o| b[from(o)]).collect());
    l.outputs = outputs;
}
