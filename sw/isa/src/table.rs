// SPDX-License-Identifier: Apache-2.0
//! Tables in RRAM: where the rows of a table lie among an image's weights, so that rows can be changed in an image that is
//! compiled already (docs/recommenders.md).

use crate::image::Image;
use crate::rram::{Layout, slot_bytes};
use crate::{Config, IsaError};
use serde::Serialize;
use std::collections::BTreeSet;

/// A table of int8 codes whose rows a run picks by a one-hot product. Code `c` of row `r` lies in line
/// `base + (c / C) * stride + r / R`, in the word of array row `r mod R`, byte `c mod C`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its name in the model.
    pub name: String,
    /// Rows.
    pub rows: u32,
    /// Codes of a row.
    pub width: u32,
    /// Line of row 0, code 0.
    pub base: u32,
    /// Lines from C codes of a row to the next C.
    pub stride: u32,
}

/// What an image was made of by changing rows: with it a slot that still holds the image before needs only these lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Before {
    /// CRC-32 of the lines of the image before.
    pub crc: u32,
    /// Lines in which the two differ, rising.
    pub lines: Vec<u32>,
}

impl Table {
    /// The lines that row `row` lies in.
    pub fn lines_of(&self, row: u32, config: &Config) -> impl Iterator<Item = u32> + use<> {
        let (first, stride) = (self.base + row / config.rows, self.stride);
        (0..self.width.div_ceil(config.cols)).map(move |n| first + n * stride)
    }

    /// Places of a row's codes among an image's weights, in order.
    fn places(&self, row: u32, config: &Config) -> impl Iterator<Item = usize> + use<> {
        let (r, c) = (config.rows, config.cols);
        let (base, stride, width) = (self.base, self.stride, self.width);
        (0..width).map(move |i| {
            let line = base + i / c * stride + row / r;
            (line * r * c + row % r * c + i % c) as usize
        })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for v in [self.rows, self.width, self.base, self.stride, self.name.len() as u32] {
            out.extend(v.to_le_bytes());
        }
        out.extend(self.name.as_bytes());
    }

    /// Back from [`Table::encode`], and how many bytes it has; `None` where they end too early.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Table, usize)> {
        let word = |i: usize| Some(u32::from_le_bytes(bytes.get(4 * i..4 * i + 4)?.try_into().ok()?));
        let end = 20 + word(4)? as usize;
        let name = String::from_utf8_lossy(bytes.get(20..end)?).into_owned();
        Some((Table { name, rows: word(0)?, width: word(1)?, base: word(2)?, stride: word(3)? }, end))
    }
}

impl Image {
    /// The table of this name.
    ///
    /// # Errors
    /// [`IsaError::Rows`]: there is none; the names that there are.
    pub fn table(&self, name: &str) -> Result<&Table, IsaError> {
        let names: Vec<&str> = self.tables.iter().map(|t| t.name.as_str()).collect();
        let there = if names.is_empty() { "it has no tables in RRAM".into() } else { format!("there are {}", names.join(", ")) };
        self.tables.iter().find(|t| t.name == name).ok_or_else(|| IsaError::Rows(format!("{name}: no such table; {there}")))
    }

    /// The codes of a row, as they lie in the image.
    ///
    /// # Errors
    /// As [`Image::set_rows`].
    pub fn row(&self, name: &str, row: u32, config: &Config) -> Result<Vec<i8>, IsaError> {
        let table = self.table(name)?;
        in_range(table, row)?;
        table.places(row, config).map(|at| self.weights.get(at).copied().ok_or_else(|| short(table))).collect()
    }

    /// Changes rows of a table: each row's number and its codes.
    ///
    /// # Errors
    /// [`IsaError::Rows`]: no such table or row, or another number of codes. Nothing is changed then.
    pub fn set_rows(&mut self, name: &str, rows: &[(u32, &[i8])], config: &Config) -> Result<(), IsaError> {
        let table = self.table(name)?.clone();
        for &(row, codes) in rows {
            in_range(&table, row)?;
            if codes.len() != table.width as usize {
                let text = format!("{name}: a row has {} codes, not {}", table.width, codes.len());
                return Err(IsaError::Rows(text));
            }
            if table.places(row, config).any(|at| at >= self.weights.len()) {
                return Err(short(&table));
            }
        }
        for &(row, codes) in rows {
            table.places(row, config).zip(codes).for_each(|(at, &code)| self.weights[at] = code);
        }
        Ok(())
    }

    /// Says in [`Image::before`] what this image was made of: `old`, of the same program and frames.
    ///
    /// # Errors
    /// [`IsaError::Rows`]: the two differ in more than their weights.
    pub fn follows(&mut self, old: &Image, config: &Config) -> Result<(), IsaError> {
        self.before = None;
        let plain = |image: &Image| Image { weights: vec![], before: None, ..image.clone() };
        if plain(self) != plain(old) || self.weights.len() != old.weights.len() {
            return Err(IsaError::Rows("the images differ in more than rows of tables".into()));
        }
        let (before, after) = (slot_bytes(old, config), slot_bytes(self, config));
        let line = Layout::of(config).line_bytes as usize;
        let differ = before.0.chunks(line).zip(after.0.chunks(line)).enumerate().filter(|(_, (a, b))| a != b);
        self.before = Some(Before { crc: before.1.image_crc, lines: differ.map(|(n, _)| n as u32).collect() });
        Ok(())
    }

    /// The lines to write into a slot that holds the image before `old`, `self` being `old` with other rows
    /// ([`Image::follows`]): those that changed now and those that changed at the last time. None: what the slot holds is not
    /// known, all are to be written.
    pub fn lines_behind(&self, old: &Image) -> Option<Vec<u32>> {
        let (now, last) = (self.before.as_ref()?, old.before.as_ref()?);
        let all: BTreeSet<u32> = now.lines.iter().chain(&last.lines).copied().collect();
        Some(all.into_iter().collect())
    }
}

fn in_range(table: &Table, row: u32) -> Result<(), IsaError> {
    if row < table.rows {
        return Ok(());
    }
    Err(IsaError::Rows(format!("{}: row {row}, it has rows 0 to {}", table.name, i64::from(table.rows) - 1)))
}

fn short(table: &Table) -> IsaError {
    IsaError::Rows(format!("{}: the image's weights end before it does: damaged", table.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Dtype, Tensor};

    fn image(config: &Config) -> Image {
        let table = Table { name: "e".into(), rows: 3 * config.rows - 1, width: config.cols + 3, base: 2, stride: 4 };
        let lines = 2 + 4 + 3;
        Image {
            fingerprint: crate::fingerprint(),
            config_id: config.image_id(),
            weight_beats: config.weight_beats,
            in_bytes: 0,
            out_bytes: 0,
            timetable: vec![0],
            descriptors: vec![],
            params: vec![],
            luts: vec![],
            weights: vec![0; (lines * config.rows * config.cols) as usize],
            taps: vec![],
            vector: vec![],
            input: Tensor::dense(0, 0, Dtype::Int8),
            output: Tensor::dense(0, 0, Dtype::Int8),
            macs: 0,
            name: "a table".into(),
            tables: vec![table],
            before: None,
        }
    }

    #[test]
    fn rows_come_back_lie_in_their_lines_and_leave_all_others_alone() {
        for config in ["tiny", "small", "wide", "base", "large"].map(|n| Config::named(n).unwrap()) {
            let old = image(&config);
            let width = old.tables[0].width;
            let mut new = old.clone();
            let codes: Vec<i8> = (0..width).map(|i| i as i8 + 1).collect();
            for row in [0, config.rows, old.tables[0].rows - 1] {
                new.set_rows("e", &[(row, &codes)], &config).unwrap();
                assert_eq!(new.row("e", row, &config).unwrap(), codes);
            }
            assert_eq!(new.row("e", 1, &config).unwrap(), vec![0; width as usize]);
            assert_eq!(new.weights.iter().filter(|&&w| w != 0).count(), 3 * width as usize);
            new.follows(&old, &config).unwrap();
            let before = new.before.clone().unwrap();
            let rows: BTreeSet<u32> =
                [0, config.rows, old.tables[0].rows - 1].iter().flat_map(|&r| old.tables[0].lines_of(r, &config)).collect();
            let weight_lines = (old.weights.len() as u32) / (config.rows * config.cols);
            assert_eq!(before.lines.iter().copied().filter(|&l| l < weight_lines).collect::<BTreeSet<_>>(), rows);
            assert!(before.lines.len() > rows.len(), "their CRCs changed too");
            assert_eq!(Image::from_bytes(&new.to_bytes()).unwrap(), new);
        }
    }

    #[test]
    fn a_slot_two_updates_behind_needs_the_lines_of_both() {
        let config = Config::named("tiny").unwrap();
        let first = image(&config);
        let change = |from: &Image, row: u32| {
            let mut to = from.clone();
            let codes = vec![7; from.tables[0].width as usize];
            to.set_rows("e", &[(row, &codes)], &config).unwrap();
            to.follows(from, &config).unwrap();
            to
        };
        let second = change(&first, 0);
        assert_eq!(second.lines_behind(&first), None);
        let third = change(&second, config.rows);
        let lines = third.lines_behind(&second).unwrap();
        let bytes = |i: &Image| slot_bytes(i, &config).0;
        let size = Layout::of(&config).line_bytes as usize;
        let (a, c) = (bytes(&first), bytes(&third));
        for (n, (a, c)) in a.chunks(size).zip(c.chunks(size)).enumerate() {
            assert!(a == c || lines.contains(&(n as u32)), "line {n}");
        }
    }

    #[test]
    fn what_is_no_row_is_refused_by_name_and_changes_nothing() {
        let config = Config::named("tiny").unwrap();
        let mut new = image(&config);
        let width = new.tables[0].width as usize;
        let codes = vec![1; width + 1];
        let old = new.clone();
        let mut said = |name: &str, row: u32, n: usize| {
            new.set_rows(name, &[(0, &codes[..width]), (row, &codes[..n])], &config).unwrap_err().to_string()
        };
        assert!(said("f", 0, width).contains("no such table; there are e"));
        assert!(said("e", old.tables[0].rows, width).contains("rows 0 to"));
        assert!(said("e", 1, width + 1).contains("codes, not"));
        assert_eq!(new, old);
        let other = Image { macs: 1, ..old.clone() };
        assert!(new.follows(&other, &config).is_err());
    }
}
