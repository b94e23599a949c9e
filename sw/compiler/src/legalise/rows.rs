// SPDX-License-Identifier: Apache-2.0
//! Rows of tables in RRAM: a one-hot product for each, whose register says which row (docs/recommenders.md, "Tables in RRAM").

use super::{PLAIN, Stager};
use crate::stage::{Block, NWalk, Over, PostSpec, RowTable, Stage, Weights};
use systole_isa::regs::TOKENS;
use systole_model::tables::{Pick, Table};

/// Entries that a register can name.
const MOST_ROWS: usize = 1 << 16;

impl Stager<'_> {
    /// A stage that takes one row for each pixel, a block by itself: every block has a register of its own.
    pub(super) fn rows_of_tables(&mut self, i: usize, picks: &[Pick]) -> Result<usize, String> {
        let label = self.config.label();
        if self.config.vec_lanes == 0 {
            return Err(format!(
                "rows by index: {label} has no vector unit, which has their registers, as base does; leave its tables with the host"
            ));
        }
        if let Some(most) = picks.iter().map(|p| p.index).max().filter(|&index| index >= TOKENS.len()) {
            return Err(format!(
                "{} indices in a run, registers for {}: leave some tables with the host",
                most + 1,
                TOKENS.len()
            ));
        }
        let graph = self.graph;
        let weights = picks.iter().map(|p| Ok((self.row_table(&graph.tables[p.table])?, p.index as u8)));
        let weights = weights.collect::<Result<Vec<(usize, u8)>, String>>()?;
        let [h, w, c] = graph.maps[i + 1].shape;
        let (cols, pixels) = (self.cols(), h * w);
        let post = PostSpec { param_base: self.codes_post().param_base, ..PLAIN };
        let block = |col: usize| Block { row: 0, rows: 1, col, cols: 1, params: 0, gather: None };
        let stage = Stage {
            layers: vec![i],
            kind: "rows by index",
            out: [1, pixels],
            over: Over { size: [0, 0], stride: [1, 1], origin: [0, 0] },
            n_walk: NWalk::SAME,
            n_tiles: c.div_ceil(cols),
            blocks: (0..pixels).map(block).collect(),
            weights: Weights::Rows(weights.into()),
            ..self.diagonal(c.div_ceil(self.rows()), post)
        };
        Ok(self.push(stage, [h, w, c]))
    }

    /// The number of a table as it lies in RRAM.
    fn row_table(&mut self, table: &Table) -> Result<usize, String> {
        if let Some(at) = self.staged.tables.iter().position(|t| t.name == table.name) {
            return Ok(at);
        }
        let rows = table.rows();
        if rows > MOST_ROWS {
            return Err(format!("table {} has {rows} rows; a register names {MOST_ROWS}: leave it with the host", table.name));
        }
        let (r, c) = (self.rows(), self.cols());
        let (lines, words) = (rows.div_ceil(r), table.width.div_ceil(c));
        // Words that are loaded one behind the other ask for the ways in their order, as the words of a tile after a tile do.
        let ways = self.config.rram_ways as usize;
        let stride = if words == 1 { lines } else { (lines..).find(|s| s % ways == 1 % ways).unwrap_or(lines) };
        let mut bytes = vec![0i8; ((words - 1) * stride + lines) * r * c];
        for row in 0..rows {
            for (i, &code) in table.row(row).iter().enumerate() {
                bytes[((i / c * stride + row / r) * r + row % r) * c + i % c] = code;
            }
        }
        self.staged.tables.push(RowTable { name: table.name.clone(), rows, width: table.width, stride, bytes: bytes.into() });
        Ok(self.staged.tables.len() - 1)
    }
}
