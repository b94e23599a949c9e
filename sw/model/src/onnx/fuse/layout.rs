// SPDX-License-Identifier: Apache-2.0
//! How the elements of a tensor lie in a map: by rows, columns and channels, or as a matrix.

/// What a dimension of a tensor is in its map: rows, columns, channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Along {
    Rows = 0,
    Columns = 1,
    Channels = 2,
}

/// How a tensor lies in its map.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[1, c, h, w]` or `[1, c, w]`
    Image,
    /// The last dimension is the channels', all others are rows.
    Matrix,
}

impl Layout {
    /// Map and order of a tensor of this shape.
    pub fn map(self, shape: &[usize]) -> Option<([usize; 3], Vec<u32>)> {
        match (self, shape) {
            (Layout::Image, &[1, c, h, w]) => Some(([h, w, c], image_order(c, h, w))),
            (Layout::Image, &[1, c, w]) => Some(([1, w, c], image_order(c, 1, w))),
            (Layout::Image, _) => None,
            (Layout::Matrix, _) => {
                let count: usize = shape.iter().product();
                let cols = shape.last().copied().unwrap_or(1);
                Some(([count / cols.max(1), 1, cols], (0..count as u32).collect()))
            }
        }
    }

    /// Whether a dimension is the channels'.
    pub fn is_channel(self, shape: &[usize], axis: usize) -> bool {
        self.along(shape, axis) == Some(Along::Channels)
    }

    /// What a dimension is, where it is one of the map's by itself.
    pub fn along(self, shape: &[usize], axis: usize) -> Option<Along> {
        match (self, shape.len(), axis) {
            (Layout::Image, _, 1) => Some(Along::Channels),
            (Layout::Image, 4, 2) => Some(Along::Rows),
            (Layout::Image, 4, 3) | (Layout::Image, 3, 2) => Some(Along::Columns),
            (Layout::Matrix, n, a) if a + 1 == n => Some(Along::Channels),
            (Layout::Matrix, n, a) if (0..n - 1).all(|d| d == a || shape[d] == 1) => Some(Along::Rows),
            _ => None,
        }
    }
}

/// The map of a tensor that no operator has asked a layout for. `convolves`: sequences are what windows slide over.
pub fn natural(shape: &[usize], convolves: bool) -> ([usize; 3], Vec<u32>) {
    match *shape {
        [1, c, h, w] => ([h, w, c], image_order(c, h, w)),
        [1, c, w] if convolves => ([1, w, c], image_order(c, 1, w)),
        _ => {
            let cols = shape.last().copied().unwrap_or(1);
            let count = shape.iter().product::<usize>();
            ([count / cols.max(1), 1, cols], (0..count as u32).collect())
        }
    }
}

/// Place in a `[1, c, h, w]` tensor of each element of an `[h, w, c]` map.
pub fn image_order(c: usize, h: usize, w: usize) -> Vec<u32> {
    let mut order = Vec::with_capacity(c * h * w);
    for y in 0..h {
        for x in 0..w {
            order.extend((0..c).map(|ch| ((ch * h + y) * w + x) as u32));
        }
    }
    order
}
