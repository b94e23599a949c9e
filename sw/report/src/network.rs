// SPDX-License-Identifier: Apache-2.0
//! The layers of a graph: what each is, what runs it, and the picture of them.
//!
//! The picture is in columns that a page can put beside each other: a column is as many ranks of boxes as stand well beneath each
//! other, and says at its ends where the edges go that leave it.

use crate::numbers::{clip, grouped};
use askama::Template;
use std::collections::BTreeMap;
use systole_compiler::stage::Staged;
use systole_model::encoder::{Encoder, Op as EncoderOp};
use systole_model::graph::{Graph, Layer, Map, Op, layer_macs};

/// What a layer is called: its operator, window and stride.
pub fn kind(layer: &Layer, from: &[Map]) -> String {
    let size = |a: [usize; 2]| format!("{}x{}", a[0], a[1]);
    match &layer.op {
        Op::Conv { .. } if layer.copies() => "copy".into(),
        Op::Conv { window, groups, input, .. } => {
            let map = from[*input].shape;
            if window.kernel == [1, 1] && map[1] == 1 && *groups == 1 {
                "matrix product".into()
            } else if *groups > 1 && *groups == map[2] {
                format!("depthwise {}, stride {}", size(window.kernel), size(window.stride))
            } else {
                let grouped = if *groups > 1 { format!(", {groups} groups") } else { String::new() };
                format!("convolution {}, stride {}{grouped}", size(window.kernel), size(window.stride))
            }
        }
        Op::ConvTranspose { window, edge: true, .. } => format!("linear resize by {}", size(window.stride)),
        Op::ConvTranspose { window, groups, .. } => {
            let grouped = if *groups > 1 { format!(", {groups} groups") } else { String::new() };
            format!("transposed convolution {}, stride {}{grouped}", size(window.kernel), size(window.stride))
        }
        Op::Arrange { .. } => "copy".into(),
        Op::Add { .. } => "add".into(),
        Op::Mul { .. } => "product of maps".into(),
        Op::Larger { .. } => "maximum".into(),
        Op::MatMul { .. } => "product of activations".into(),
        Op::Softmax { .. } => "softmax".into(),
        Op::Norm { centered: true, .. } => "layer norm".into(),
        Op::Norm { .. } => "RMS norm".into(),
        Op::Constant { .. } => "constant".into(),
        Op::Rows { .. } => "rows of tables".into(),
        Op::Lookup { .. } => "lookup".into(),
        Op::MaxPool { window, .. } => format!("maximum pool {}", size(window.kernel)),
        Op::AveragePool { window, .. } => format!("average pool {}", size(window.kernel)),
    }
}

/// Weights that it has.
pub fn weights(layer: &Layer) -> usize {
    match &layer.op {
        Op::Conv { weights, .. } | Op::ConvTranspose { weights, .. } => weights.len(),
        _ => 0,
    }
}

/// What runs a layer: the array, the lane engine, POST with the pass of another layer; `-` where nothing is known.
pub fn runs_on(staged: Option<&Staged>, layer: usize) -> String {
    let stages: Vec<_> = staged.iter().flat_map(|s| &s.stages).filter(|s| s.layers.contains(&layer)).collect();
    match stages.as_slice() {
        [] => "-".into(),
        [s, ..] if s.layers[0] != layer => format!("POST, with {}", s.layers[0] + 1),
        [s] if s.is_lane() => "lane engine".into(),
        [s] => format!("array, {} x {} tiles", s.k_tiles(), s.n_tiles),
        many => format!("array, {} passes", many.len()),
    }
}

/// What the host computes at the edges: in front of the machine, behind it.
pub fn on_host(graph: &Graph) -> [Vec<String>; 2] {
    [&graph.input, &graph.output.1].map(|b| b.all().flat_map(|b| &b.host).flat_map(|h| &h.ops).map(ToString::to_string).collect())
}

/// What runs a box, as a colour class and a word.
fn unit(staged: Option<&Staged>, layer: usize) -> (&'static str, &'static str) {
    let stages = || staged.iter().flat_map(|s| &s.stages).filter(|s| s.layers.contains(&layer));
    match stages().next() {
        None => ("free", "nothing to run"),
        Some(s) if s.layers[0] != layer => ("post", "POST"),
        Some(s) if s.is_lane() => ("lane", "lane engine"),
        Some(_) if stages().any(|s| s.numbers.is_some()) => ("vector", "vector unit"),
        Some(_) => ("array", "array"),
    }
}

/// A box.
pub struct Node {
    /// First line: number and name.
    pub name: String,
    /// Second line: operator.
    pub kind: String,
    /// Third line: shape.
    pub shape: String,
    /// Colour class.
    pub class: &'static str,
    /// Everything, for who points at it.
    pub tip: String,
    /// What edges that leave its column call it.
    pub short: String,
    /// What it reads.
    from: Vec<usize>,
    rank: usize,
    /// Upper left corner.
    pub x: f64,
    /// Upper left corner.
    pub y: f64,
}

impl Node {
    fn new(name: String, kind: String, shape: String, class: &'static str, short: String, from: Vec<usize>) -> Node {
        Node {
            tip: format!("{name}: {kind}, {shape}"),
            name: clip(&name, 22),
            kind: clip(&kind, 27),
            shape,
            class,
            short,
            from,
            rank: 0,
            x: 0.0,
            y: 0.0,
        }
    }
}

/// A text where an edge leaves its column.
pub struct Stub {
    /// Where.
    pub x: f64,
    /// Where.
    pub y: f64,
    /// From or to which box.
    pub text: String,
}

impl Stub {
    fn width(&self) -> f64 {
        6.4 * self.text.chars().count() as f64
    }
}

/// A column of boxes.
#[derive(Template)]
#[template(path = "network.svg")]
pub struct Column {
    /// Which of them, from 1 on.
    pub number: usize,
    /// Of how many.
    pub of: usize,
    /// Name of the network.
    pub network: String,
    /// Boxes.
    pub nodes: Vec<Node>,
    /// Paths of edges.
    pub edges: Vec<String>,
    /// Where edges come in.
    pub above: Vec<Stub>,
    /// Where they leave.
    pub below: Vec<Stub>,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Column {
    /// Size of a box.
    pub const BOX: [f64; 2] = [190.0, 56.0];
}

/// Distance of boxes beside and beneath each other, and of edges that pass by.
const GAP: [f64; 2] = [16.0, 26.0];
const PASS: f64 = 9.0;
/// Room for edges that come in and leave, and where none do.
const ENDS: f64 = 24.0;
const EDGE: f64 = 3.0;
/// Ranks of a column, and boxes of a rank.
const RANKS: usize = 6;
const BESIDE: usize = 4;

/// The picture of a graph: columns of boxes, in the order of ranks. `cycles` says by layer what it takes, where that is known.
pub fn columns(graph: &Graph, staged: Option<&Staged>, cycles: &dyn Fn(usize) -> Option<u64>) -> Vec<Column> {
    lay(boxes(graph, staged, cycles), &graph.name)
}

/// The picture of a network of tokens, numbered as its operators are.
pub fn columns_of_tokens(model: &Encoder) -> Vec<Column> {
    let mut nodes = vec![Node::new(
        "1 input".into(),
        "input".into(),
        format!("{} × {}", model.tokens, model.width),
        "edge",
        "1".into(),
        vec![],
    )];
    for (n, op) in model.ops.iter().enumerate() {
        let (kind, class) = match op {
            EncoderOp::Linear(l) => (format!("product {} × {}", l.inputs, l.outputs), "array"),
            EncoderOp::Norm(x) if x.mean => ("layer norm".into(), "vector"),
            EncoderOp::Norm(_) => ("RMS norm".into(), "vector"),
            EncoderOp::Attention(a) => (format!("attention, {} head{}", a.heads, if a.heads == 1 { "" } else { "s" }), "array"),
            EncoderOp::Add(..) => ("sum".into(), "vector"),
        };
        let shape = format!("{} × {}", model.tokens, model.width_of(n + 1));
        let mut from = Encoder::reads(op);
        from.dedup();
        nodes.push(Node::new(format!("{} {}", n + 2, op.name()), kind, shape, class, (n + 2).to_string(), from));
    }
    lay(nodes, &model.name)
}

/// Boxes in columns.
fn lay(mut nodes: Vec<Node>, network: &str) -> Vec<Column> {
    rank(&mut nodes);
    let ranks = nodes.iter().map(|n| n.rank + 1).max().unwrap_or(0);
    let cuts = cuts(&nodes, ranks);
    let of = cuts.len() - 1;
    let mut place: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    let mut columns: Vec<Column> = (0..of)
        .map(|n| Column {
            number: n + 1,
            of,
            network: network.into(),
            nodes: vec![],
            edges: vec![],
            above: vec![],
            below: vec![],
            width: 0.0,
            height: 0.0,
        })
        .collect();
    let names: Vec<String> = nodes.iter().map(|n| n.short.clone()).collect();
    let rank_of: Vec<usize> = nodes.iter().map(|n| n.rank).collect();
    let from: Vec<Vec<usize>> = nodes.iter().map(|n| n.from.clone()).collect();
    let mut of_rank: Vec<Vec<usize>> = vec![vec![]; ranks];
    rank_of.iter().enumerate().for_each(|(n, &r)| of_rank[r].push(n));
    let mut nodes: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    for (c, column) in columns.iter_mut().enumerate() {
        let inside = cuts[c]..cuts[c + 1];
        let (top, bottom) = (if c == 0 { EDGE } else { ENDS }, if c + 1 == of { EDGE } else { ENDS });
        let [w, h] = Column::BOX;
        let widest = of_rank[inside.clone()].iter().map(Vec::len).max().unwrap_or(1) as f64;
        let room = widest * (w + GAP[0]) - GAP[0];
        for (line, list) in of_rank[inside.clone()].iter().enumerate() {
            let taken = list.len() as f64 * (w + GAP[0]) - GAP[0];
            for (n, &id) in list.iter().enumerate() {
                if let Some(mut node) = nodes[id].take() {
                    node.x = (room - taken) / 2.0 + n as f64 * (w + GAP[0]) + 2.0;
                    node.y = top + line as f64 * (h + GAP[1]);
                    place.insert(id, (c, column.nodes.len()));
                    column.nodes.push(node);
                }
            }
        }
        column.height = top + bottom + inside.len() as f64 * (h + GAP[1]) - GAP[1];
        let passes = edges(column, c, &place, &from, &rank_of, &names, &inside);
        let texts = column.above.iter().chain(&column.below).map(|s| s.x + s.width() / 2.0 + 2.0);
        column.width = texts.fold(room + 4.0 + passes as f64 * PASS, f64::max);
    }
    columns
}

/// Edges of a column; how many lines beside the boxes they take.
fn edges(
    column: &mut Column,
    c: usize,
    place: &BTreeMap<usize, (usize, usize)>,
    from: &[Vec<usize>],
    rank: &[usize],
    names: &[String],
    inside: &std::ops::Range<usize>,
) -> usize {
    let [w, h] = Column::BOX;
    let right = column.nodes.iter().fold(0.0, |x: f64, n| x.max(n.x + w));
    let at = |id: usize| place.get(&id).filter(|p| p.0 == c).map(|p| [column.nodes[p.1].x + w / 2.0, column.nodes[p.1].y]);
    let mut paths = vec![];
    let (mut above, mut below): (Vec<Stub>, BTreeMap<usize, Stub>) = (vec![], BTreeMap::new());
    // Lines beside the boxes, by the ranks between which they are taken.
    let mut lines: Vec<Vec<(usize, usize)>> = vec![];
    let mut line = |a: usize, b: usize| {
        let free = lines.iter().position(|l| l.iter().all(|&(x, y)| b <= x || y <= a)).unwrap_or(lines.len());
        if free == lines.len() {
            lines.push(vec![]);
        }
        lines[free].push((a, b));
        right + 6.0 + PASS * free as f64
    };
    for (to, reads) in from.iter().enumerate() {
        for (n, &source) in reads.iter().enumerate() {
            // Several edges into one box stand side by side.
            let side = (n as f64 - (reads.len() as f64 - 1.0) / 2.0) * 22.0;
            match (at(source), at(to)) {
                (Some(a), Some(b)) if rank[to] == rank[source] + 1 => {
                    let (x0, y0, x1, y1) = (a[0], a[1] + h, b[0] + side, b[1] - 2.0);
                    let m = (y0 + y1) / 2.0;
                    paths.push(format!("M{x0:.1} {y0:.1}C{x0:.1} {m:.1} {x1:.1} {m:.1} {x1:.1} {y1:.1}"));
                }
                (Some(a), Some(b)) => {
                    let x = line(rank[source], rank[to]);
                    let (x0, y0, x1, y1) = (a[0] + 30.0, a[1] + h, b[0] + side.abs().max(30.0), b[1] - 2.0);
                    let (d, u) = (y0 + 7.0, y1 - 8.0);
                    let r = 5.0;
                    paths.push(format!(
                        "M{x0:.1} {y0:.1}Q{x0:.1} {d:.1} {:.1} {d:.1}H{:.1}Q{x:.1} {d:.1} {x:.1} {:.1}V{:.1}Q{x:.1} {u:.1} {:.1} {u:.1}H{:.1}Q{x1:.1} {u:.1} {x1:.1} {y1:.1}",
                        x0 + r,
                        x - r,
                        d + r,
                        u - r,
                        x - r,
                        x1 + r
                    ));
                }
                (Some(a), None) => {
                    let (x0, y0) = (a[0], a[1] + h);
                    let y1 = column.height - ENDS + 10.0;
                    if let Some(stub) = below.get_mut(&source) {
                        stub.text += &format!(", {}", names[to]);
                    } else if rank[source] + 1 == inside.end {
                        paths.push(format!("M{x0:.1} {y0:.1}V{y1:.1}"));
                        below.insert(source, Stub { x: x0, y: y1 + 11.0, text: format!("to {}", names[to]) });
                    } else {
                        let (x, d) = (line(rank[source], inside.end), y0 + 7.0);
                        paths.push(format!(
                            "M{:.1} {y0:.1}Q{:.1} {d:.1} {:.1} {d:.1}H{:.1}Q{x:.1} {d:.1} {x:.1} {:.1}V{y1:.1}",
                            x0 + 30.0,
                            x0 + 30.0,
                            x0 + 35.0,
                            x - 5.0,
                            d + 5.0
                        ));
                        below.insert(source, Stub { x: x - 26.0, y: y1 + 11.0, text: format!("to {}", names[to]) });
                    }
                }
                (None, Some(b)) => {
                    let (x1, y1) = (b[0] + side, b[1] - 2.0);
                    let text = format!("from {}", names[source]);
                    if rank[to] == inside.start {
                        paths.push(format!("M{x1:.1} {:.1}V{y1:.1}", ENDS - 11.0));
                        let beside = if reads.len() > 1 { side * 1.6 } else { 0.0 };
                        above.push(Stub { x: x1 + beside, y: ENDS - 14.0, text });
                    } else {
                        let (x, u) = (line(inside.start.saturating_sub(1), rank[to]), y1 - 8.0);
                        let x1 = b[0] + side.abs().max(30.0);
                        paths.push(format!(
                            "M{x:.1} {:.1}V{:.1}Q{x:.1} {u:.1} {:.1} {u:.1}H{:.1}Q{x1:.1} {u:.1} {x1:.1} {y1:.1}",
                            ENDS - 11.0,
                            u - 5.0,
                            x - 5.0,
                            x1 + 5.0
                        ));
                        above.push(Stub { x: x - 26.0, y: ENDS - 14.0, text });
                    }
                }
                (None, None) => {}
            }
        }
    }
    (column.edges, column.above, column.below) = (paths, apart(above), apart(below.into_values().collect()));
    let taken = lines.len();
    taken + usize::from(taken > 0)
}

/// Texts that would stand on each other become one: `to 24, 97`.
fn apart(mut stubs: Vec<Stub>) -> Vec<Stub> {
    stubs.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut all: Vec<Stub> = vec![];
    for stub in stubs {
        match all.last_mut() {
            Some(last) if stub.x - last.x < (last.width() + stub.width()) / 2.0 + 6.0 => {
                let number = stub.text.split_once(' ').map_or(stub.text.as_str(), |t| t.1);
                if !last.text.split(&[' ', ','][..]).any(|n| n == number) {
                    last.text += &format!(", {number}");
                }
                last.x = (last.x + stub.x) / 2.0;
            }
            _ => all.push(stub),
        }
    }
    all
}

/// Boxes: what the host does, inputs, layers, the end.
fn boxes(graph: &Graph, staged: Option<&Staged>, cycles: &dyn Fn(usize) -> Option<u64>) -> Vec<Node> {
    let [before, behind] = on_host(graph);
    let node = Node::new;
    let dims = |shape: &[usize]| shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ");
    let mut nodes = vec![];
    let inputs: Vec<String> = graph.input.tensors().map(|b| format!("{} {}", b.element, dims(&b.shape))).collect();
    let names: Vec<&str> = graph.input.tensors().map(|b| b.name.as_str()).collect();
    nodes.push(node(names.join(", "), "input".into(), inputs.join(", "), "edge", "input".into(), vec![]));
    if !before.is_empty() {
        nodes.push(node("before the machine".into(), before.join(", "), "on the host".into(), "host", "host".into(), vec![0]));
    }
    // Box of each map.
    let mut of_map = vec![nodes.len() - 1];
    for (n, (layer, map)) in graph.layers.iter().zip(&graph.maps[1..]).enumerate() {
        let (class, unit) = unit(staged, n);
        let mut reads = layer.inputs();
        reads.dedup();
        let from = reads.into_iter().map(|m| of_map[m]).collect();
        let mut this = node(
            format!("{} {}", n + 1, layer.name),
            kind(layer, &graph.maps),
            dims(&map.shape),
            class,
            (n + 1).to_string(),
            from,
        );
        let mut tip = format!("{}; runs on: {unit}", this.tip);
        let (macs, weights) = (layer_macs(layer, map), weights(layer));
        if macs > 0 {
            tip += &format!("; {} multiplications, {} weights", grouped(macs), grouped(weights as u64));
        }
        if let Some(cycles) = cycles(n) {
            tip += &format!("; {} cycles", grouped(cycles));
            this.shape += &format!("  ·  {} cycles", grouped(cycles));
        }
        this.tip = tip;
        of_map.push(nodes.len());
        nodes.push(this);
    }
    let mut last = of_map[graph.output.0];
    if !behind.is_empty() {
        nodes.push(node("behind the machine".into(), behind.join(", "), "on the host".into(), "host", "host".into(), vec![last]));
        last = nodes.len() - 1;
    }
    let outputs: Vec<String> = graph.output.1.all().map(|b| format!("{} {}", b.element, dims(&b.shape))).collect();
    let names: Vec<&str> = graph.output.1.all().map(|b| b.name.as_str()).collect();
    nodes.push(node(names.join(", "), "output".into(), outputs.join(", "), "edge", "output".into(), vec![last]));
    nodes
}

/// The rank of each box: behind all that it reads, where there is room; constants just before who reads them.
fn rank(nodes: &mut [Node]) {
    // Of each rank, how many boxes stand in it.
    let mut taken: Vec<usize> = vec![];
    for n in 0..nodes.len() {
        let mut rank = nodes[n].from.iter().map(|&f| nodes[f].rank + 1).max().unwrap_or(0);
        while taken.get(rank).is_some_and(|&t| t >= BESIDE) {
            rank += 1;
        }
        taken.resize(taken.len().max(rank + 1), 0);
        taken[rank] += usize::from(n == 0 || !nodes[n].from.is_empty());
        nodes[n].rank = rank;
    }
    for n in 1..nodes.len() {
        if nodes[n].from.is_empty() {
            let readers = nodes.iter().filter(|o| o.from.contains(&n)).map(|o| o.rank).min();
            let mut rank = readers.unwrap_or(1).saturating_sub(1);
            while rank > 0 && taken[rank] >= BESIDE {
                rank -= 1;
            }
            taken[rank] += 1;
            nodes[n].rank = rank;
        }
    }
}

/// Ranks at which columns begin, and the one behind the last: where the fewest edges pass, near a column's height.
fn cuts(nodes: &[Node], ranks: usize) -> Vec<usize> {
    let crossing = |at: usize| {
        nodes
            .iter()
            .flat_map(|n| n.from.iter().map(move |&f| (f, n.rank)))
            .filter(|&(f, to)| nodes[f].rank < at && at <= to)
            .count()
    };
    let mut cuts = vec![0];
    let mut from = 0;
    while ranks - from > RANKS + 1 {
        // As tall as the others will be.
        let left = (ranks - from).div_ceil(RANKS);
        let even = (ranks - from).div_ceil(left);
        let near = |at: &usize| (crossing(*at), at.abs_diff(from + even));
        let at = (from + even - 1..=from + RANKS).min_by_key(near).unwrap_or(from + even);
        cuts.push(at);
        from = at;
    }
    cuts.push(ranks);
    cuts
}
