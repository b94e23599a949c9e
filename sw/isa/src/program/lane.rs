// SPDX-License-Identifier: Apache-2.0
//! The instruction of the lane engine, LANE, and its header.

use super::encoding::header;
use crate::format::LANE;
use crate::{IsaError, Nest};

/// LANE: one channel a lane, sums over windows that slide along lines.
///
/// Addresses of the nest: 0 X (C-byte words), 1 tap word, 3 index y, 4 index x.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Lane {
    /// X address of the first step, in C-byte words.
    pub x_base: u32,
    /// Tap word of the first step.
    pub tap_base: u32,
    /// Bit `l`: loop `l` runs over the columns between results.
    pub column: u32,
    /// Bit `l`: loop `l` runs over the lines between results.
    pub line: u32,
    /// Bit `l`: loop `l` runs along a line.
    pub row: u32,
    /// Bit `l`: loop `l` runs within a C-byte word.
    pub tile: u32,
    /// Results of each line that are left out, 0 to 3.
    pub skip: u32,
    /// Lines of results of each C-byte word that are left out, 0 to 3.
    pub skip_lines: u32,
    /// Subtracted from each byte.
    pub zero_point: i8,
    /// Index y of the first step.
    pub y_base: i32,
    /// Index x of the first step.
    pub x_index_base: i32,
    /// Rows of the image.
    pub y_size: u32,
    /// Columns of the image.
    pub x_size: u32,
    /// The loops.
    pub nest: Nest,
}

impl Lane {
    /// Its header.
    pub(super) fn encode(&self) -> Result<u128, IsaError> {
        header(
            &LANE,
            &[
                ("x_base", self.x_base.into()),
                ("tap_base", self.tap_base.into()),
                ("column", self.column.into()),
                ("line", self.line.into()),
                ("row", self.row.into()),
                ("tile", self.tile.into()),
                ("skip", self.skip.into()),
                ("skip_lines", self.skip_lines.into()),
                ("zero_point", self.zero_point.into()),
                ("y_base", self.y_base.into()),
                ("x_index_base", self.x_index_base.into()),
                ("y_size", self.y_size.into()),
                ("x_size", self.x_size.into()),
                ("loops", self.nest.loops.len() as i64),
            ],
        )
    }

    /// The instruction that a header and loops say.
    pub(super) fn decode(header: u128, nest: Nest) -> Lane {
        let get = |name| LANE.get(header, name);
        Lane {
            x_base: get("x_base") as u32,
            tap_base: get("tap_base") as u32,
            column: get("column") as u32,
            line: get("line") as u32,
            row: get("row") as u32,
            tile: get("tile") as u32,
            skip: get("skip") as u32,
            skip_lines: get("skip_lines") as u32,
            zero_point: get("zero_point") as i8,
            y_base: get("y_base") as i32,
            x_index_base: get("x_index_base") as i32,
            y_size: get("y_size") as u32,
            x_size: get("x_size") as u32,
            nest,
        }
    }
}
