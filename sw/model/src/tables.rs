// SPDX-License-Identifier: Apache-2.0
//! Tables of which a run takes rows by index: in the graph they are rows that the host takes of a constant, at the input that has the
//! indices. [`Graph::with_tables`] makes layers of them, for a machine that holds them beside its weights and has a register for each
//! index (docs/recommenders.md, "Tables in RRAM").

use crate::border::BorderError;
use crate::graph::{Border, Finish, Graph, Layer, Map, MapId, Op};
use crate::host::HostOp;
use crate::onnx::Array;
use std::collections::HashSet;

/// A table of rows of `width` codes.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name in the model.
    pub name: String,
    /// Codes of a row.
    pub width: usize,
    /// Row by row.
    pub codes: Vec<i8>,
    /// Scale and zero point that made codes of its numbers, where it is one for all and they were numbers.
    pub quantiser: Option<(f32, i8)>,
}

/// A table's name without what ONNX Runtime's quantiser put behind it.
pub(crate) fn plain_name(name: &str) -> &str {
    ["_DequantizeLinear_Output", "_DequantizeLinear", "_quantized"]
        .into_iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name)
}

impl Table {
    /// Rows.
    pub fn rows(&self) -> usize {
        self.codes.len() / self.width.max(1)
    }

    /// A row's codes.
    pub fn row(&self, row: usize) -> &[i8] {
        &self.codes[row * self.width..][..self.width]
    }
}

/// A row of a map: which table it is taken of, and which of the run's indices says which row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// Number among the graph's tables.
    pub table: usize,
    /// Number among the run's indices.
    pub index: usize,
}

/// An element of an input tensor that is an index of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Its place in the tensor, row-major.
    pub place: usize,
    /// Rows of the smallest table that it picks of.
    pub rows: usize,
}

/// What one run is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Codes of map 0, row-major.
    pub codes: Vec<i8>,
    /// The rows that it takes of tables, by number of the index.
    pub rows: Vec<u32>,
}

impl From<Vec<i8>> for Given {
    fn from(codes: Vec<i8>) -> Given {
        Given { codes, rows: vec![] }
    }
}

impl From<&[i8]> for Given {
    fn from(codes: &[i8]) -> Given {
        codes.to_vec().into()
    }
}

impl From<&Vec<i8>> for Given {
    fn from(codes: &Vec<i8>) -> Given {
        codes.clone().into()
    }
}

impl From<&Given> for Given {
    fn from(given: &Given) -> Given {
        given.clone()
    }
}

/// An index counted from the end of a table of `rows` rows where it is negative; `None` where there is no such row.
pub fn row_number(index: i64, rows: usize) -> Option<usize> {
    let at = if index < 0 { index.checked_add(rows as i64)? } else { index };
    usize::try_from(at).ok().filter(|&at| at < rows)
}

impl Border {
    /// The rows that a tensor's indices pick, in the order of [`Border::index`].
    ///
    /// # Errors
    /// [`BorderError`]: another shape or element type; an index that its table does not have.
    pub fn rows(&self, tensor: &Array) -> Result<Vec<u32>, BorderError> {
        self.is(tensor)?;
        let all = tensor.integers().unwrap_or_default();
        let row = |i: &Index| {
            let index = all.get(i.place).copied().unwrap_or(0);
            let missing = BorderError::Index { name: self.name.clone(), index, rows: i.rows };
            row_number(index, i.rows).map(|row| row as u32).ok_or(missing)
        };
        self.index.iter().map(row).collect()
    }
}

/// What the host takes of tables for an input: the tables, and for each row of the result the element of the input that picks it, and
/// its table.
struct Taken {
    tables: Vec<Table>,
    picks: Vec<[usize; 2]>,
    width: usize,
}

/// Indices of a run that layers have already, as they are counted from now on; and for each input those of the rows taken for it.
struct Numbers {
    before: Vec<usize>,
    taken: Vec<Vec<usize>>,
}

impl Taken {
    /// `None`: the host does something else too, or its result is no code.
    fn of(border: &Border) -> Option<Taken> {
        let host = border.host.as_ref()?;
        let [op] = host.ops.as_slice() else { return None };
        let codes = border.float.as_ref()?;
        // The rows that it takes, one behind the other: the element that picks, and the number of the table; its name and values.
        let (width, rows, tables): (usize, Vec<[usize; 2]>, Vec<(&str, &[f32])>) = match op {
            HostOp::Rows { name, shape, values } => {
                let count = border.shape.iter().product();
                (shape.iter().product(), (0..count).map(|place| [place, 0]).collect(), vec![(name, values)])
            }
            HostOp::Columns { rows, width, tables } => {
                (*width, rows.clone(), tables.iter().map(|(name, values)| (name.as_str(), values.as_slice())).collect())
            }
            _ => return None,
        };
        let mut taken = Taken { tables: vec![], picks: vec![], width };
        // By table and quantiser of each element of a row.
        let mut known: Vec<(usize, Vec<(f32, i8)>)> = vec![];
        for (n, [place, of]) in rows.into_iter().enumerate() {
            // Scales may differ from row to row of the result, and along it.
            let quantiser = |i: usize| {
                let channel = codes.channel(&host.inner, n * width + i);
                (codes.scales[channel], codes.zero_points[channel])
            };
            let all = (of, (0..width).map(quantiser).collect::<Vec<_>>());
            let table = known.iter().position(|k| *k == all).unwrap_or_else(|| {
                let (name, values) = tables[of];
                let code = |(i, &v): (usize, &f32)| crate::quantise(v, all.1[i % width].0, all.1[i % width].1);
                let one = all.1.iter().all(|q| *q == all.1[0]);
                let quantiser = all.1.first().copied().filter(|q| one && *q != (1.0, 0));
                let codes = values.iter().enumerate().map(code).collect();
                taken.tables.push(Table { name: name.to_string(), width, codes, quantiser });
                known.push(all);
                known.len() - 1
            });
            taken.picks.push([place, table]);
        }
        Some(taken)
    }
}

impl Graph {
    /// Indices of a run, in the order of its inputs.
    pub fn indices(&self) -> impl Iterator<Item = &Index> {
        self.input.all().flat_map(|border| &border.index)
    }

    /// The layer that copies each input's part out of the frame; `None` where it has none, since nothing reads it. A single input has
    /// none either: it is the frame.
    fn of_frame(&self) -> Vec<Option<usize>> {
        let copies = |border: &Border| {
            let same = |l: &Layer| matches!(&l.op, Op::Arrange { input: 0, from } if *from == border.at);
            self.layers.iter().position(same)
        };
        self.input.all().map(copies).collect()
    }

    /// What the host would take of tables, by input; nothing where an input is read by no layer.
    fn taken(&self) -> Vec<Option<Taken>> {
        let whole = self.input.beside.is_empty();
        let read = whole || self.input.all().zip(self.of_frame()).all(|(b, layer)| layer.is_some() || !b.index.is_empty());
        self.input.all().map(|border| read.then(|| Taken::of(border)).flatten()).collect()
    }

    /// Borders whose rows of tables the host would take: their numbers, and the tables. What the graph has as layers already is not among
    /// them.
    pub fn host_tables(&self) -> Vec<(usize, Vec<Table>)> {
        self.taken().into_iter().enumerate().filter_map(|(n, t)| t.map(|t| (n, t.tables))).collect()
    }

    /// Gives the indices of rows that are taken to borders, one for each element of a tensor that picks, and counts all.
    fn number(borders: &mut [Border], taken: &[Option<Taken>]) -> Numbers {
        // Of each index its border and its place there.
        let at = |borders: &[Border]| -> Vec<(usize, usize)> {
            borders.iter().enumerate().flat_map(|(b, border)| (0..border.index.len()).map(move |n| (b, n))).collect()
        };
        let before = at(borders);
        let mut homes: Vec<Vec<(usize, usize)>> = vec![vec![]; borders.len()];
        for (n, t) in taken.iter().enumerate() {
            let Some(t) = t else { continue };
            // A tensor that goes several ways has its indices with the first one of them.
            let home = (0..n).find(|&b| borders[b].name == borders[n].name && !borders[b].index.is_empty()).unwrap_or(n);
            for &[place, table] in &t.picks {
                let (rows, index) = (t.tables[table].rows(), &mut borders[home].index);
                let known = index.iter().position(|i| i.place == place);
                let of = known.unwrap_or_else(|| {
                    index.push(Index { place, rows });
                    index.len() - 1
                });
                index[of].rows = index[of].rows.min(rows);
                homes[n].push((home, of));
            }
        }
        let now = at(borders);
        let number = |of: &(usize, usize)| now.iter().position(|n| n == of).unwrap_or(0);
        Numbers {
            before: before.iter().map(number).collect(),
            taken: homes.iter().map(|picks| picks.iter().map(number).collect()).collect(),
        }
    }

    /// The same graph, with layers for the rows that the host would take for the borders numbered so, one index of the run for each
    /// element of a tensor that picks. Where no input is left that has codes, map 0 is one code, which nothing reads.
    pub fn with_tables(&self, inputs: &[usize]) -> Graph {
        let mut taken = self.taken();
        taken.iter_mut().enumerate().filter(|(n, _)| !inputs.contains(n)).for_each(|(_, t)| *t = None);
        if taken.iter().all(Option::is_none) {
            return self.clone();
        }
        let whole = self.input.beside.is_empty();
        let of_frame = self.of_frame();
        let mut borders: Vec<Border> = self.input.all().cloned().collect();
        // The frame of the inputs that are left: pixel behind pixel of all their maps, as wide as the widest of them.
        let shape = |n: usize| of_frame[n].map_or([0, 0, 1], |layer| self.maps[layer + 1].shape);
        let left = |n: usize| !whole && taken[n].is_none();
        let width = (0..borders.len()).filter(|&n| left(n)).map(|n| shape(n)[2]).max().unwrap_or(1);
        let numbers = Graph::number(&mut borders, &taken);
        let mut pixel = 0;
        let mut orders = vec![];
        for (n, border) in borders.iter_mut().enumerate() {
            orders.push(border.order.clone());
            if taken[n].is_some() {
                *border = Border { order: vec![], at: vec![], host: None, float: None, ..border.clone() };
            } else if left(n) {
                let [h, w, c] = shape(n);
                border.at = (0..h * w * c).map(|e| ((pixel + e / c) * width + e % c) as u32).collect();
                pixel += h * w;
            }
        }
        let frame = Map { shape: [pixel.max(1), 1, width], ..self.maps[0].clone() };
        let names = taken.iter().flatten().flat_map(|t| &t.tables).chain(&self.tables).map(|t| t.name.clone()).collect();
        let number = vec![0; self.maps.len()];
        let mut made = Making { names, tables: self.tables.clone(), maps: vec![frame], layers: vec![], number };
        if let (true, Some(t)) = (whole, &taken[0]) {
            made.number[0] = made.rows(t, &numbers.taken[0], &orders[0], &self.maps[0]);
        }
        for (at, (layer, map)) in self.layers.iter().zip(&self.maps[1..]).enumerate() {
            let input = of_frame.iter().position(|l| *l == Some(at)).filter(|_| !whole);
            made.number[at + 1] = match input.map(|n| (n, &taken[n])) {
                Some((n, Some(t))) => made.rows(t, &numbers.taken[n], &orders[n], map),
                Some((n, None)) => {
                    let op = Op::Arrange { input: 0, from: borders[n].at.clone() };
                    made.push(map.clone(), &layer.name, op, layer.finish.clone())
                }
                None => {
                    let mut op = layer.op.clone();
                    op.renumber(|m| made.number[m]);
                    if let Op::Rows { picks } = &mut op {
                        picks.iter_mut().for_each(|pick| pick.index = numbers.before[pick.index]);
                    }
                    made.push(map.clone(), &layer.name, op, layer.finish.clone())
                }
            };
        }
        // What has neither codes nor indices is read with another border of its tensor.
        let taken = |n: usize| taken[n].is_some();
        let mut all = borders.into_iter().enumerate().filter(|(n, b)| !(taken(*n) && b.index.is_empty())).map(|(_, b)| b);
        let first = all.next().unwrap_or_else(|| self.input.clone());
        Graph {
            name: self.name.clone(),
            input: Border { beside: all.collect(), ..first },
            output: (made.number[self.output.0], self.output.1.clone()),
            maps: made.maps,
            layers: made.layers,
            batch: self.batch,
            tables: made.tables,
        }
    }
}

/// A graph that is being made.
struct Making {
    /// Of tables, as the model has them.
    names: HashSet<String>,
    tables: Vec<Table>,
    maps: Vec<Map>,
    layers: Vec<Layer>,
    /// By map of the graph before: the map that it is now.
    number: Vec<MapId>,
}

impl Making {
    fn push(&mut self, map: Map, name: &str, op: Op, finish: Finish) -> MapId {
        self.maps.push(map);
        self.layers.push(Layer { name: name.into(), op, finish });
        self.maps.len() - 1
    }

    /// The number of a table; one of the same name with other codes, as another scale makes them, gets a number behind its name: one
    /// that makes the name of no other table of the model.
    fn table(&mut self, table: &Table) -> usize {
        let named = |n: usize| if n == 0 { table.name.clone() } else { format!("{}#{n}", table.name) };
        let mut n = 0;
        while let Some(at) = self.tables.iter().position(|t| t.name == named(n)) {
            if self.tables[at].codes == table.codes && self.tables[at].width == table.width {
                return at;
            }
            n += 1;
            while self.names.contains(&named(n)) {
                n += 1;
            }
        }
        self.tables.push(Table { name: named(n), ..table.clone() });
        self.tables.len() - 1
    }

    /// The layer that makes an input's rows by those of the run's indices, and where `map` has them in another order, one that
    /// puts them so. `order`: by element of the map, its place behind all rows one after the other.
    fn rows(&mut self, taken: &Taken, indices: &[usize], order: &[u32], map: &Map) -> MapId {
        let picks = taken.picks.iter().zip(indices);
        let picks: Vec<Pick> =
            picks.map(|(&[_, table], &index)| Pick { table: self.table(&taken.tables[table]), index }).collect();
        let finish = Finish::Codes { lo: -128, hi: 127 };
        let name = format!("{} (rows)", map.name);
        let all = picks.len() * taken.width;
        let same = order.len() == all && order.iter().enumerate().all(|(n, &at)| n == at as usize);
        if same && map.shape[2] == taken.width {
            return self.push(map.clone(), &name, Op::Rows { picks }, finish);
        }
        let shape = [picks.len(), 1, taken.width];
        let made = self.push(Map { name: name.clone(), shape }, &name, Op::Rows { picks }, finish.clone());
        self.push(map.clone(), &map.name, Op::Arrange { input: made, from: order.to_vec() }, finish)
    }
}
